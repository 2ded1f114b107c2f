//! Roots that are more than a directory: writes that a directory keeps, and file system images.

use crate::support::{Folder, Outcome, Who, eventually, mark, process, tool, traces::Traces};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

crate::tests! {
    both: a_directory_keeps_what_is_written, a_read_only_root_shows_what_was_kept, what_keeps_the_writes_is_its_owner_s_alone,
        two_containers_do_not_write_to_one_directory, the_root_and_its_writes_do_not_lie_in_each_other,
        a_link_does_not_lead_the_writes_elsewhere, a_colon_and_o_mean_an_overlay, a_file_that_is_no_image;
    as_root: a_squashfs_image_is_a_root, an_erofs_image_is_a_root, an_ext4_image_is_a_root, an_image_that_is_broken,
        an_image_is_opened_once, a_loop_device_is_gone_after_every_end, many_containers_of_one_image,
        a_journal_and_a_wish_for_a_panic_are_left_alone, an_image_is_only_explained, an_image_and_a_status_are_kept_together, someone_else_s_directory_keeps_nothing;
    as_user: an_image_is_to_be_unpacked;
}

// --- Writes that are kept ---

/// What a first container changes, and what a second one finds.
const CHANGES: &str =
    "echo new >/srv/file; echo more >>/etc/passwd; rm /etc/shells; rm -r /media; mkdir /media; chmod 711 /";
const FOUND: &str = "cat /srv/file; tail -n1 /etc/passwd; ls /etc/shells 2>/dev/null; ls -A /media; stat -c %a /";

/// A folder that is to keep writes, not made yet.
fn kept(folder: &Folder) -> String {
    format!("--overlay={}", folder.join("kept").display())
}

fn a_directory_keeps_what_is_written(who: &Who) {
    let (folder, rootfs) = (who.folder(), who.own_rootfs(&["proc", "sys"]));
    fs::write(rootfs.join("media/old"), "").expect("our own copy");
    let (kept, before) = (kept(&folder), Traces::of(rootfs.path()));
    who.run_in(rootfs.str(), &[&kept], &["sh", "-c", CHANGES]).run().ok();
    for _ in 0..3 {
        who.run_in(rootfs.str(), &[&kept], &["sh", "-c", FOUND]).run().prints("new\nmore\n711");
    }
    who.run_in(rootfs.str(), &["--overlay"], &["ls", "/srv", "/media"]).run().prints("/media:\nold\n\n/srv:");
    before.unchanged("writes that are kept");
    assert!(folder.join("kept/upper0/srv/file").exists(), "what is kept can be found");
}

fn a_read_only_root_shows_what_was_kept(who: &Who) {
    let folder = who.folder();
    let kept = kept(&folder);
    who.sh(&[&kept], "echo new >/srv/file").ok();
    let outcome = who.sh(&[&kept, "--read-only"], "cat /srv/file; echo more >/srv/file");
    outcome.exited(1).says("new").check(outcome.err().contains("Read-only"), "and it cannot be written");
}

fn what_keeps_the_writes_is_its_owner_s_alone(who: &Who) {
    let folder = who.folder();
    who.run(&[&kept(&folder)], &["true"]).ok();
    let made = folder.join("kept").metadata().expect("it is made");
    assert_eq!((made.mode() & 0o7777, made.uid()), (0o700, who.uid()));
    // One that was there is left as it is. Where others come in they would have what the container makes: a program of root's
    // with its owner's rights, for one.
    let own = who.program("mkdir", &["-m", "2700", "own"]).dir(folder.path()).run();
    own.ok();
    let run = || who.run_in(&who.rootfs(), &["--overlay=own/"], &["true"]).dir(folder.path()).run();
    run().ok();
    let mode = || folder.join("own").metadata().expect("it was made").mode() & 0o7777;
    assert_eq!(mode(), 0o2700);
    for open in ["710", "701", "1777"] {
        who.program("chmod", &[open, "own"]).dir(folder.path()).run().ok();
        run().refused(125, &["own", "(EPERM)", "chmod 700"]);
    }
    fs::write(folder.join("file"), "").expect("our own folder");
    let before = Traces::of(folder.path());
    for (path, errno) in [("no/such", "(ENOENT)"), ("file", "(ENOTDIR)"), ("file/below", "(ENOTDIR)")] {
        let overlay = format!("--overlay={path}");
        who.run_in(&who.rootfs(), &[&overlay], &["true"]).dir(folder.path()).run().refused(125, &[path, errno]);
        before.unchanged(path);
    }
}

fn two_containers_do_not_write_to_one_directory(who: &Who) {
    let folder = who.folder();
    let kept = kept(&folder);
    for (signal, options) in [(Signal::TERM, &[][..]), (Signal::KILL, &[]), (Signal::KILL, &["--no-init"])] {
        let mark = mark();
        let first = who.start(&[&[kept.as_str()], options].concat(), &["sleep", &mark]);
        first.sleeper(&mark);
        who.run(&[&kept], &["true"]).refused(125, &["kept", "(EBUSY)", "another container"]);
        first.signal(signal);
        drop(first);
        eventually("the end of the first one", || process::naming(&mark).is_empty());
        who.run(&[&kept], &["true"]).ok();
    }
}

fn the_root_and_its_writes_do_not_lie_in_each_other(who: &Who) {
    let (folder, rootfs) = (who.folder(), who.own_rootfs(&[]));
    let (name, before) = (rootfs.str(), Traces::of(rootfs.path()));
    let above = rootfs.path().parent().expect("it is in a folder").display().to_string();
    let own = rootfs.path().file_name().and_then(|name| name.to_str()).expect("the name is ours");
    for (overlay, root, dir) in [
        (format!("{name}/kept"), name, "/"),
        (format!("{name}/srv/"), name, "/"),
        (name.to_string(), name, "/"),
        (format!("{name}/srv/../../{own}/kept"), name, "/"),
        ("kept".to_string(), ".", name),
        (format!("{own}/kept"), own, &above),
        (above.clone(), name, "/"),
        ("/".to_string(), name, "/"),
        (folder.join("kept").display().to_string(), "/", "/"),
    ] {
        let overlay = format!("--overlay={overlay}");
        for verb in ["run", "explain"] {
            who.aril(&[verb, &overlay, root, "true"])
                .dir(dir)
                .run()
                .refused(125, &["keep the writes", "lies in the other"]);
        }
        before.unchanged(&overlay);
    }
}

/// Neither what another user could have put there, nor a link out of a directory that came from elsewhere.
fn a_link_does_not_lead_the_writes_elsewhere(who: &Who) {
    let folder = who.folder();
    let script = "mkdir -m 700 kept && mkdir target work && ln -s ../target kept/upper0 && ln -s ../work kept/work0";
    who.program("sh", &["-c", script]).dir(folder.path()).run().ok();
    who.run(&[&kept(&folder)], &["sh", "-c", ">/file"]).refused(125, &["(EEXIST)"]);
    assert_eq!(fs::read_dir(folder.join("target")).expect("it is there").count(), 0);
}

fn someone_else_s_directory_keeps_nothing(who: &Who) {
    let folder = who.folder();
    tool("install", &["-d", "-m", "700", "-o", "12345", &folder.join("kept").display().to_string()]);
    let before = Traces::of(folder.path());
    who.run(&[&kept(&folder)], &["true"]).refused(125, &["kept", "(EPERM)", "someone else"]);
    before.unchanged("a refusal");
}

fn a_colon_and_o_mean_an_overlay(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    let before = Traces::of(rootfs.path());
    let name = format!("{}:O", rootfs.str());
    who.run_in(&name, &[], &["sh", "-c", "echo new >/srv/file; cat /srv/file"]).run().prints("new");
    before.unchanged("an overlay");
    who.run_in("/:O", &[], &["true"]).run().ok();
    who.run_in(&format!("{name}/"), &[], &["true"]).run().refused(125, &["(ENOENT)"]);
    fs::rename(rootfs.path(), &name).expect("our own copy");
    who.run_in(&format!("{name}/"), &[], &["sh", "-c", ">/srv/file"]).run().ok();
    fs::rename(&name, rootfs.path()).expect("our own copy");
    assert!(rootfs.join("srv/file").exists(), "a directory of that name is its own, written so");
}

// --- Images ---

/// A file system image in a folder of its own.
struct Image {
    folder: Folder,
    path: String,
}

impl Image {
    /// Of busybox's root, without any mount point.
    fn new(who: &Who, kind: &str) -> Self {
        if kind == "squashfs" {
            who.needs_linux((6, 2), "before Linux 6.2 a squashfs cannot be idmapped");
        }
        let loads = who.program("modprobe", &["-aq", kind, "loop"]).command().output().is_ok();
        let known = fs::read_to_string("/proc/filesystems").expect("/proc is mounted");
        if !known.lines().any(|line| line.trim() == kind) || !Path::new("/dev/loop-control").exists() {
            who.skip(&format!("this kernel has no {kind} or no loop devices (modprobe: {loads})"));
        }
        let (folder, rootfs) = (who.folder(), who.own_rootfs(&["proc", "sys", "dev", "tmp", "run"]));
        let path = folder.join("image").display().to_string();
        let words: &[&str] = match kind {
            "squashfs" => &["mksquashfs", rootfs.str(), &path, "-quiet", "-no-progress"],
            "erofs" => &["mkfs.erofs", &path, rootfs.str()],
            _ => &["mkfs.ext4", "-q", "-d", rootfs.str(), &path, "16M"],
        };
        if tool("sh", &["-c", "command -v \"$1\" || :", "sh", words[0]]).is_empty() {
            who.skip(&format!("{} is not installed", words[0]));
        }
        tool(words[0], &words[1..]);
        Self { folder, path }
    }

    fn run(&self, who: &Who, options: &[&str], script: &str) -> Outcome {
        who.run_in(&self.path, options, &["sh", "-c", script]).run()
    }

    /// Its bytes, time and rights.
    fn state(&self) -> String {
        let meta = fs::metadata(&self.path).expect("it is there");
        format!("{} {}.{:09} {:o}", tool("sha256sum", &[&self.path]), meta.mtime(), meta.mtime_nsec(), meta.mode())
    }

    /// How many loop devices show it.
    fn devices(&self) -> usize {
        let devices = fs::read_dir("/sys/block").expect("sysfs is mounted").flatten();
        let shown = |device: fs::DirEntry| fs::read_to_string(device.path().join("loop/backing_file"));
        devices.filter_map(|device| shown(device).ok()).filter(|file| file.trim_end() == self.path).count()
    }

    /// The kernel lets go of a mount a moment after its last user is gone.
    #[track_caller]
    fn is_let_go(&self, after: &str) {
        eventually(&format!("the end of the loop device, after {after}"), || self.devices() == 0);
    }
}

fn a_squashfs_image_is_a_root(who: &Who) {
    is_a_root(who, "squashfs");
}

fn an_erofs_image_is_a_root(who: &Who) {
    is_a_root(who, "erofs");
}

fn an_ext4_image_is_a_root(who: &Who) {
    is_a_root(who, "ext4");
}

fn is_a_root(who: &Who, kind: &str) {
    let image = Image::new(who, kind);
    let (state, before) = (image.state(), Traces::of(image.folder.path()));
    let look =
        "grep ^ID= /etc/os-release; ls -d /proc/self/. /sys/class /dev/null; grep -c ' / / ' /proc/self/mountinfo";
    let found = "ID=aril-busybox\n/dev/null\n/proc/self/.\n/sys/class\n1";
    for options in
        [&[][..], &["--overlay"], &["--read-only"], &["--network", "none", "--no-init"], &["--userns", "host"]]
    {
        image.run(who, options, look).prints(found);
    }
    for options in [&[][..], &["--read-only"], &["--read-only", "--overlay"]] {
        let outcome = image.run(who, options, ">/srv/file");
        outcome
            .exited(1)
            .check(outcome.err().contains("Read-only"), format_args!("nothing is written with {options:?}"));
    }
    image.run(who, &["--overlay"], "echo new >/srv/file; rm /etc/shells; cat /srv/file").prints("new");
    image.run(who, &["--tmpfs", "/tmp"], "echo new >/tmp/file; cat /tmp/file").prints("new");
    image.run(who, &["--user", "405:100"], "id -u; id -g").prints("405\n100");
    for user in ["guest", "405", "405:users"] {
        image.run(who, &["--user", user], "true").refused(125, &[user, "UID:GID"]);
    }
    image.run(who, &["--change-root", "chroot"], "true").refused(125, &["(ENOTDIR)"]);
    before.unchanged("containers of an image");

    let keeps = who.folder();
    image.run(who, &[&kept(&keeps)], CHANGES).ok();
    image.run(who, &[&kept(&keeps)], FOUND).prints("new\nmore\n711");
    image.is_let_go("all of them");
    assert_eq!(image.state(), state);
}

fn an_image_that_is_broken(who: &Who) {
    for (kind, size) in [("squashfs", 200), ("erofs", 2000), ("ext4", 3000)] {
        let image = Image::new(who, kind);
        tool("truncate", &["-s", &size.to_string(), &image.path]);
        let before = Traces::of(image.folder.path());
        image.run(who, &[], "true").refused(125, &["mount the image", &image.path, kind]);
        image.is_let_go("a failure");
        before.unchanged("a failure");
    }
}

fn a_file_that_is_no_image(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("text"), "hsq").expect("our own folder");
    tool("mkfifo", &[&folder.join("pipe").display().to_string()]);
    for path in [folder.join("text"), folder.join("pipe"), "/dev/null".into()] {
        let path = path.display().to_string();
        who.run_in(&path, &[], &["true"]).run().refused(125, &[&path, "(ENOTDIR)", "squashfs, erofs or ext4"]);
    }
}

fn an_image_is_to_be_unpacked(who: &Who) {
    for (kind, program) in [("squashfs", "unsquashfs"), ("erofs", "fsck.erofs"), ("ext4", "debugfs")] {
        let image = Image::new(who, kind);
        image.run(who, &[], "true").refused(125, &[&image.path, "(EPERM)", program]);
        assert_eq!(image.devices(), 0);
    }
}

/// By any name it has, so that what was looked at is what is mounted.
fn an_image_is_opened_once(who: &Who) {
    let image = Image::new(who, "squashfs");
    let log = image.folder.join("log").display().to_string();
    // Three descriptors in front of it, which the command gets.
    let script = "exec 3</ 4</ 5</; exec \"$@\"";
    let under = ["bash", "-c", script, "bash", "strace", "-f", "-o", &log, "-e", "trace=file", "-P", &image.path];
    let look = ["sh", "-c", "ls -d /proc/self/fd/[0-9] | wc -l"];
    let outcome = who.run_in(&image.path, &["--preserve-fds", "3"], &look).under(&under).run();
    // The list's own is one more.
    outcome.exited(0).says("6");
    let log = fs::read_to_string(&log).expect("strace wrote it");
    let opened = log.lines().filter(|line| line.contains("open") && !line.contains("= -1")).count();
    outcome.check(opened == 1, format_args!("one of these opened it:\n{log}"));
}

fn a_loop_device_is_gone_after_every_end(who: &Who) {
    let image = Image::new(who, "squashfs");
    for options in [&[][..], &["--overlay"], &["--no-init"]] {
        image.run(who, options, "exit 3").exited(3);
        image.is_let_go("an exit");
        image.run(who, &[options, &["-w", "/no/such"]].concat(), "true").refused(125, &["(ENOENT)"]);
        image.is_let_go("a failure");
        for signal in [Signal::TERM, Signal::KILL] {
            let mark = mark();
            let running = who.run_in(&image.path, options, &["sleep", &mark]).start();
            running.sleeper(&mark);
            assert_eq!(image.devices(), 1);
            running.signal(signal);
            drop(running);
            image.is_let_go("a signal");
        }
    }
}

/// Each has a device of its own, whoever asks for a free one at the same time.
fn many_containers_of_one_image(who: &Who) {
    let image = Image::new(who, "squashfs");
    let runs = || {
        for _ in 0..6 {
            image.run(who, &[], "cat /etc/hostname").prints("busybox");
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(runs)).collect();
        if let Some(failure) = threads.into_iter().filter_map(|thread| thread.join().err()).next() {
            std::panic::resume_unwind(failure);
        }
    });
    image.is_let_go("many at once");
}

/// Of an image that was not unmounted, and of one that wants the machine to stop at the first error.
fn a_journal_and_a_wish_for_a_panic_are_left_alone(who: &Who) {
    let image = Image::new(who, "ext4");
    tool("debugfs", &["-w", "-R", "feature needs_recovery", &image.path]);
    tool("tune2fs", &["-e", "panic", "-f", &image.path]);
    let state = image.state();
    let explained = who.aril(&["explain", &image.path, "true"]).run();
    explained.mentions("noload").mentions("errors=remount-ro");
    image.run(who, &["--overlay"], "cat /etc/hostname").prints("busybox");
    image.is_let_go("a run");
    assert_eq!(image.state(), state);
}

/// Neither the image nor the status is closed with what the caller has left open, whichever number is the lower.
fn an_image_and_a_status_are_kept_together(who: &Who) {
    let image = Image::new(who, "squashfs");
    for fd in ["3", "9", "70"] {
        let words = ["run", "--status-fd", fd, &image.path, "sh", "-c", "ls /proc/self/fd | wc -l"];
        let redirect = format!("exec \"$@\" {fd}>{}/status 5</etc/passwd 44</etc/passwd", image.folder.str());
        who.aril(&words).under(&["bash", "-c", &redirect, "bash"]).run().prints("4");
        assert_eq!(image.folder.read("status").lines().count(), 2, "{fd}");
    }
}

fn an_image_is_only_explained(who: &Who) {
    let image = Image::new(who, "squashfs");
    // Else the range of ids would be another each time.
    let words = ["explain", "--userns", "identity", &image.path, "true"];
    let explained = who.aril(&words).run();
    explained
        .mentions(format!("mount the image {}: squashfs ro", image.path))
        .mentions("make the root file system read-only");
    let refused = who.aril(&words).refuse(libc::SYS_ioctl, libc::EPERM).run();
    refused.prints(explained.out());
    assert_eq!(image.devices(), 0);
}
