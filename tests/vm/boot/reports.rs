//! The command's exit status on its way to the host by each way that there is, a host that does not listen, and one that presses
//! the power button.

use super::archive::Archive;
use super::vm::{Boot, Image};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

super::tests! {
    a_file_and_a_serial_port_get_the_status,
    a_virtual_console_gets_the_status,
    what_cannot_be_told_is_noted,
    who_reads_nothing_delays_no_end,
    the_power_button_asks_for_the_end,
}

fn a_file_and_a_serial_port_get_the_status() {
    let folders = ["/dev", "/proc", "/sys", "/run", "/tmp"];
    let tree = folders.iter().fold(Archive::busybox(), |archive, folder| archive.folder(folder, 0o755));
    let tree = tree.script("/test", "exit 42").file("/status", 0o600, "the status of an earlier run\n");
    let boot = Boot::of("root=/dev/nvme0n1 rw aril.exitfile=/status aril.exittty=/dev/ttyS1 -- /test").second_port();
    let image = boot.image("root", Image::Ext4("16M"), &tree);
    let ended = boot.nvme(&image).run();
    ended.exited(42).says_not("aril: note");
    assert_eq!(ended.second, "42\n");
    let file =
        Command::new("debugfs").args(["-R", "cat /status"]).arg(ended.path("root")).output().expect("of e2fsprogs");
    assert_eq!(file.stdout, b"42\n", "{ended}");
}

fn a_virtual_console_gets_the_status() {
    let boot = Boot::bare("aril.exittty=/dev/hvc0 -- /bin/sh -c \"exit 3\"").kernel("trixie").q35();
    let said = boot.path("said").display().to_string();
    let chardev = format!("file,id=said,path={said}");
    let devices = ["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=said"];
    let ended = boot.options(&["-chardev", &chardev]).options(&devices).run();
    ended.went_off().told(3).says_not("aril: note");
    let said = fs::read_to_string(ended.path("said")).expect("QEMU has made it");
    assert_eq!(said.replace('\r', ""), "3\n", "{ended}");
}

/// Neither does it change the status.
fn what_cannot_be_told_is_noted() {
    let words = "aril.exittty=/dev/hvc7 aril.exitfile=/none/status aril.exitvsock=1024 -- /bin/sh -c \"exit 7\"";
    let ended = Boot::of(words).run();
    ended.exited(7);
    for note in [
        "write the exit status to /dev/hvc7: No such file or directory (ENOENT)",
        "write the exit status to /none/status: No such file or directory (ENOENT)",
        "send the exit status to the host's vsock port 1024: Address family not supported by protocol (EAFNOSUPPORT)",
    ] {
        ended.says_line(&format!("aril: note: {note}"));
    }
}

/// Neither the console nor a port of its own.
fn who_reads_nothing_delays_no_end() {
    let boot = Boot::of("aril.timing aril.exittty=/dev/ttyS1 -- /bin/sh -c \"exit 5\"");
    let port = boot.path("port").display().to_string();
    let ends = [format!("{port}.in"), format!("{port}.out")];
    make_fifos(&ends);
    // A pipe that both ends are open of takes what there is room for.
    let mut full = OpenOptions::new().read(true).write(true).custom_flags(NONBLOCK).open(&ends[1]).expect("a FIFO");
    while full.write(&[0; 4096]).is_ok() {}
    while full.write(&[0]).is_ok() {}
    let chardev = format!("pipe,id=port,path={port}");
    let ended = boot.options(&["-chardev", &chardev, "-device", "isa-serial,chardev=port"]).unread().run();
    assert_eq!((ended.killed, ended.status.code()), (false, Some(11)), "{ended}");
}

fn make_fifos(paths: &[String]) {
    assert!(Command::new("mkfifo").args(paths).status().expect("of coreutils").success());
}

/// `O_NONBLOCK` of x86.
const NONBLOCK: i32 = 0o4000;

fn the_power_button_asks_for_the_end() {
    const SCRIPT: &str = "trap 'echo asked; exit 9' TERM; echo ready
        read key; echo not by this one; while :; do sleep 0.1; done";
    let boot = Boot::with_script("aril.modules=button,evdev", SCRIPT).q35().modules().monitor();
    let mut vm = boot.start();
    // A keyboard has such a key too, among others, and is left to its reader.
    vm.saw("ready").monitor("sendkey a");
    vm.types(b"\r").saw("not by this one").monitor("system_powerdown");
    vm.end().exited(9).says_line("asked").says_not("aril: note");
}
