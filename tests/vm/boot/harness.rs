//! That these tests can fail: a VM that ends in any other way than the test says is never a pass.

use super::archive::Archive;
use super::outcome_of;
use super::vm::{Boot, Ended, Image};
use std::process::Command;
use std::time::Duration;

super::tests! {
    a_status_is_told_by_the_console_and_by_the_port,
    a_panic_is_no_end,
    a_vm_that_hangs_is_killed_and_is_no_pass,
    a_vm_has_what_it_is_given,
}

/// A machine without aril: its first process is this script.
fn without_aril(script: &str) -> Boot {
    let script = format!("mount -t devtmpfs dev /dev\nexec </dev/console >/dev/console 2>&1\n{script}");
    Boot::of("").with(|archive| archive.script("/init", &script))
}

/// The text with which this fails.
#[track_caller]
fn failure<T>(what: &str, question: impl FnOnce() -> T) -> String {
    match outcome_of(|| drop(question())) {
        Err(failed) => failed.message().unwrap_or_default().to_string(),
        Ok(_) => panic!("no failure: {what}"),
    }
}

fn a_status_is_told_by_the_console_and_by_the_port() {
    let said = "first\naril: exit status 42\n";
    let ended = Ended::with(85, said);
    ended.exited(42).says("status 42").says_line("aril: exit status 42").says_not("status 4\n");
    assert_eq!(ended.word("aril: exit "), "status 42");
    Ended::with(1, "aril: exit status 128\n").exited(128);
    Ended::with(0, said).went_off().told(42);
    type Question = fn(&Ended) -> &Ended;
    let questions: [(&str, i32, &str, Question); 9] = [
        ("another status", 85, said, |ended| ended.exited(41)),
        ("another status with the same end at the port", 85, said, |ended| ended.exited(42 + 128)),
        ("another at the port", 83, said, |ended| ended.exited(42)),
        ("only the console", 0, said, |ended| ended.exited(42)),
        ("only the port", 85, "first\n", |ended| ended.exited(42)),
        ("told twice", 85, "aril: exit status 42\naril: exit status 42\n", |ended| ended.exited(42)),
        ("what was not said", 85, said, |ended| ended.says("status 43")),
        ("half a line", 85, said, |ended| ended.says_line("aril: exit status")),
        ("what was said", 85, said, |ended| ended.says_not("status 42")),
    ];
    for (what, status, said, question) in questions {
        let ended = Ended::with(status, said);
        let text = failure(what, || question(&ended).status);
        assert!(text.contains(said), "{what}: it shows all: {text}");
    }
}

fn a_panic_is_no_end() {
    let ended = without_aril("echo aril: exit status 0\nexit 0").run();
    let text = failure("a panic", || ended.went_off().status);
    assert!(text.contains("Attempted to kill init"), "{text}");
}

fn a_vm_that_hangs_is_killed_and_is_no_pass() {
    let hangs = || without_aril("echo aril: exit status 0\nwhile :; do sleep 1000; done");
    let ended = hangs().patience(Duration::from_secs(5)).run();
    assert!(ended.killed, "{ended}");
    failure("a hang", || ended.went_off().status);
    let mut running = hangs().patience(Duration::from_secs(5)).start();
    failure("what never comes", || {
        running.saw("never");
    });
}

fn a_vm_has_what_it_is_given() {
    const SCRIPT: &str = "mkdir -p /proc /disk /packed
mount -t proc proc /proc && modprobe virtio_pci && modprobe virtio_blk && modprobe squashfs && modprobe erofs
mount -t ext4 /dev/nvme0n1 /disk && cat /disk/file && echo new >/disk/new && umount /disk
mount -t squashfs /dev/vda /packed && cat /packed/file && ls -ln /packed/file && umount /packed
mount -t erofs /dev/vdb /packed && cat /packed/file
cat /both; echo x >/full || echo it is full; echo on the second >/dev/ttyS1 && echo ready && read line && poweroff -f";
    let tree = |word: &str| Archive::new().file("/file", 0o640, format!("{word}\n")).owner("/file", 7, 8);
    let boot = without_aril(SCRIPT).cores("2").memory("256").second_port().monitor().modules();
    let more = Archive::new().file("/both", 0o644, "of the second archive\n").node("/full", 0o600, (1, 7));
    let boot = boot.then(more);
    let disk = boot.image("disk", Image::Ext4("8M"), &tree("ext4"));
    let packed = boot.image("packed", Image::Squashfs, &tree("squashfs"));
    let erofs = boot.image("erofs", Image::Erofs, &tree("erofs"));
    let mut vm = boot.nvme(&disk).virtio_disk(&packed).virtio_disk(&erofs).start();
    assert!(vm.saw("ready").monitor("info version").contains('.'));
    vm.types(b"\r");
    let ended = vm.end();
    ended.went_off().says_line("ext4").says_line("squashfs").says_line("erofs").says_line("of the second archive");
    ended.says_line("it is full");
    assert_eq!(ended.second, "on the second\n");
    let checked = Command::new("debugfs").args(["-R", "cat /new"]).arg(ended.path("disk")).output();
    assert_eq!(checked.expect("it is part of e2fsprogs").stdout, b"new\n", "{ended}");
    if rustix::process::geteuid().is_root() {
        assert!(ended.console.contains("7        8"), "{ended}");
    }
}
