//! Point 3: the directory becomes the root, and running it changes nothing in it.

use crate::support::{Who, eventually, mark, process, tool, traces::Traces};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

crate::tests! {
    both: the_root_is_the_directory, up_from_the_root_is_the_root, nothing_of_the_old_root_is_left, a_plain_root_keeps_what_the_command_writes,
        a_read_only_root_refuses_writes, an_overlay_s_writes_vanish, folders_are_replaced_in_an_overlay,
        nothing_is_changed_by_running, missing_mount_points_vanish_with_the_last_of_several,
        many_at_once_share_their_mount_points, a_mount_point_in_use_survives_another_container_s_end, a_killed_container_s_mount_points_are_still_removed_later,
        mount_points_are_removed_where_they_were_made, where_something_is_left_all_above_it_is_the_image_s, a_command_that_locks_its_root_keeps_nobody_waiting,
        the_root_may_be_named_in_any_way, chroot_does_it_too, where_pivot_root_is_refused_the_root_moves;
    as_user: who_may_not_make_a_mount_point_is_told_of_overlay, an_overlay_makes_what_a_foreign_root_lacks;
}

/// Every mount point that busybox's root could lack.
const MOUNT_POINTS: [&str; 3] = ["proc", "sys", "dev"];

fn the_root_is_the_directory(who: &Who) {
    who.run(&[], &["cat", "/etc/os-release"]).mentions("ID=aril-busybox");
}

/// Up from the root is the root, unless the old one is still mounted on top of it: `..` goes to the topmost.
fn up_from_the_root_is_the_root(who: &Who) {
    let script =
        "ls -di / /.. /../.. | awk '{print $1}' | uniq | wc -l; grep ^ID= /../etc/os-release /../../etc/os-release";
    let found = "1\n/../etc/os-release:ID=aril-busybox\n/../../etc/os-release:ID=aril-busybox";
    for options in
        [&[][..], &["--overlay"], &["--read-only"], &["--read-only", "--overlay"], &["--no-init"], &["--fs", "none"]]
    {
        who.sh(options, script).prints(found);
    }
}

fn nothing_of_the_old_root_is_left(who: &Who) {
    for options in [&[][..], &["--overlay"], &["--read-only"], &["--no-init"]] {
        let outcome = who.run(options, &["cat", "/proc/self/mountinfo"]);
        let out = outcome.ok().out();
        let points: Vec<&str> = out.lines().filter_map(|line| line.split(' ').nth(4)).collect();
        outcome.check(points.iter().filter(|point| **point == "/").count() == 1, "one mount is the root");
        let ours = |point: &&&str| {
            let tops = ["/proc", "/sys", "/dev"];
            tops.iter().any(|top| point.starts_with(top)) || ["/", "/etc/hosts", "/etc/resolv.conf"].contains(point)
        };
        let foreign: Vec<&&str> = points.iter().filter(|point| !ours(point)).collect();
        outcome.check(foreign.is_empty(), format_args!("none is the machine's: {foreign:?}"));
        // And no mount twice: a second /proc would be one more way to see the machine. Below /proc lies what hides secrets.
        for top in ["/proc", "/sys", "/dev"] {
            let is_there = |line: &&str| {
                line.split(' ').nth(4) == Some(top)
                    && !(top == "/proc" && line.contains(" ro,") && line.contains("- tmpfs "))
            };
            outcome.check(out.lines().filter(is_there).count() == 1, format_args!("one mount is {top}"));
        }
    }
}

fn a_plain_root_keeps_what_the_command_writes(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    who.run_in(rootfs.str(), &[], &["sh", "-c", "echo kept >/srv/file; mkdir -m 750 /srv/folder"]).run().ok();
    assert_eq!(rootfs.read("srv/file"), "kept");
    assert_eq!(rootfs.join("srv/folder").metadata().expect("it was made").permissions().mode() & 0o7777, 0o750);
}

fn a_read_only_root_refuses_writes(who: &Who) {
    let outcome =
        who.sh(&["--read-only"], "for f in /file /tmp/file /root/file /etc/passwd; do >>$f; done; >/dev/shm/file");
    outcome.exited(0).check(outcome.err().matches("Read-only file system").count() == 4, "four refusals");
}

fn an_overlay_s_writes_vanish(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    let before = Traces::of(rootfs.path());
    let script = "echo new >/srv/file; echo more >>/etc/passwd; rm /etc/shells; mv /etc/profile /etc/moved; chmod 700 /opt; \
        cat /srv/file; tail -n1 /etc/passwd; ls /etc/shells /etc/profile 2>/dev/null; ls /etc/moved";
    who.run_in(rootfs.str(), &["--overlay"], &["sh", "-c", script]).run().prints("new\nmore\n/etc/moved");
    before.unchanged("writes in an overlay");
}

/// tmpfs as an upper layer in a user namespace has no attributes for that before Linux 6.6.
fn folders_are_replaced_in_an_overlay(who: &Who) {
    who.needs_linux((6, 6), "before Linux 6.6 a replaced folder gives EIO");
    who.sh(
        &["--overlay"],
        "rmdir /media && mkdir /media && >/media/file && rm -r /home && mkdir /home && ls -A /media /home",
    )
    .prints("/home:\n\n/media:\nfile");
}

fn nothing_is_changed_by_running(who: &Who) {
    let (source, lacking) = (who.folder(), who.own_rootfs(&MOUNT_POINTS));
    let volume = format!("{}:/new/deep/folder", source.str());
    let file = "/etc/hostname:/new/file:ro";
    fs::remove_file(lacking.join("etc/hostname")).expect("our own copy");
    let before = Traces::of(lacking.path());
    for options in [
        &[][..],
        &["--read-only"],
        &["--overlay"],
        &["--read-only", "--overlay"],
        &["--network", "none"],
        &["-v", &volume, "-v", file, "--tmpfs", "/scratch/space"],
        &["-v", &volume, "-v", file, "--tmpfs", "/scratch/space", "--read-only"],
        &["-v", &volume, "-v", file, "--tmpfs", "/scratch/space", "--overlay"],
        &["--no-init"],
        &["--fs", "none"],
        &["--change-root", "chroot"],
    ] {
        who.run_in(lacking.str(), options, &["true"]).run().ok();
        before.unchanged(&format!("run {options:?}"));
        who.run_in(lacking.str(), options, &["sh", "-c", "exit 3"]).run().exited(3);
        before.unchanged(&format!("a command that failed, run {options:?}"));
        who.run_in(lacking.str(), options, &["/no/such/command"]).run().exited(127);
        before.unchanged(&format!("no such command, run {options:?}"));
    }
}

fn missing_mount_points_vanish_with_the_last_of_several(who: &Who) {
    let rootfs = who.own_rootfs(&MOUNT_POINTS);
    let before = Traces::of(rootfs.path());
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let mut all: Vec<_> = (0..3)
            .map(|_| {
                let one = who.run_in(rootfs.str(), &[], &["sh", "-c", "echo ready; cat"]).start();
                one.expect("ready");
                Some(one)
            })
            .collect();
        for at in order {
            all[at].take().expect("each ends once").finish().ok();
        }
        before.unchanged(&format!("three containers that ended in the order {order:?}"));
    }
}

/// Each may find a mount point that another one is about to make or to remove.
fn many_at_once_share_their_mount_points(who: &Who) {
    let (source, rootfs) = (who.folder(), who.own_rootfs(&MOUNT_POINTS));
    let volume = format!("{}:/new/deep/folder", source.str());
    let before = Traces::of(rootfs.path());
    let look = "ls -d /proc/self/. /dev/null /sys/class /new/deep/folder/. >/dev/null";
    let runs = || {
        for _ in 0..15 {
            who.run_in(rootfs.str(), &["-v", &volume, "-v", "/etc/hostname:/new/file:ro"], &["sh", "-c", look])
                .run()
                .ok();
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(runs)).collect();
        let failed = threads.into_iter().filter_map(|thread| thread.join().err()).next();
        if let Some(failure) = failed {
            std::panic::resume_unwind(failure);
        }
    });
    before.unchanged("many containers at once");
}

/// rmdir of a directory unmounts what is mounted there in every other namespace.
fn a_mount_point_in_use_survives_another_container_s_end(who: &Who) {
    let rootfs = who.own_rootfs(&MOUNT_POINTS);
    let before = Traces::of(rootfs.path());
    let look = "echo ready; read go; ls -d /proc/self /dev/null /sys/class";
    let first = who.run_in(rootfs.str(), &[], &["sh", "-c", "echo ready; cat"]).start();
    first.expect("ready");
    let mut second = who.run_in(rootfs.str(), &[], &["sh", "-c", look]).start();
    second.expect("ready");
    first.finish().ok();
    second.send("go");
    second.finish().mentions("/proc/self").mentions("/dev/null").mentions("/sys/class");
    before.unchanged("two containers");
}

fn a_killed_container_s_mount_points_are_still_removed_later(who: &Who) {
    let rootfs = who.own_rootfs(&MOUNT_POINTS);
    let before = Traces::of(rootfs.path());
    let (mark, last) = (mark(), who.run_in(rootfs.str(), &[], &["sh", "-c", "echo ready; cat"]).start());
    last.expect("ready");
    let killed = who.run_in(rootfs.str(), &[], &["sleep", &mark]).start();
    killed.sleeper(&mark);
    killed.signal(Signal::KILL);
    eventually("the end of the killed container", || process::naming(&mark).is_empty());
    last.finish().ok();
    before.unchanged("a killed container and one that went on");
    let killed = who.run_in(rootfs.str(), &[], &["sleep", &mark]).start();
    killed.sleeper(&mark);
    killed.signal(Signal::KILL);
    eventually("the end of the killed container", || process::naming(&mark).is_empty());
    who.run_in(rootfs.str(), &[], &["true"]).run().ok();
    before.unchanged("a killed container, and then another one");
}

/// Whatever has come to lie at its path: what looks like a mount point there is not this container's.
fn mount_points_are_removed_where_they_were_made(who: &Who) {
    let (place, rootfs, other) = (who.folder(), who.own_rootfs(&MOUNT_POINTS), who.own_rootfs(&MOUNT_POINTS));
    let [image, moved] = ["image", "moved"].map(|name| place.join(name));
    tool("cp", &["-aT", rootfs.str(), &image.display().to_string()]);
    fs::create_dir(other.join("proc")).expect("our own copy");
    fs::set_permissions(other.join("proc"), fs::Permissions::from_mode(0o1311)).expect("our own copy");
    let before = [Traces::of(other.path()), Traces::of(&image)];
    let running = who.run_in(&image.display().to_string(), &[], &["sh", "-c", "echo ready; cat"]).start();
    running.expect("ready");
    fs::rename(&image, &moved).expect("our own folder");
    symlink(other.path(), &image).expect("our own folder");
    running.finish().ok();
    before[0].unchanged("the end of a container elsewhere");
    fs::remove_file(&image).expect("our own folder");
    fs::rename(&moved, &image).expect("our own folder");
    before[1].unchanged("a container whose root was moved");
}

/// The next container would else take what is above it for something that was made for a run.
fn where_something_is_left_all_above_it_is_the_image_s(who: &Who) {
    let (source, rootfs) = (who.folder(), who.own_rootfs(&MOUNT_POINTS));
    let volume = format!("{}:/new/deep/er/folder", source.str());
    who.run_in(rootfs.str(), &["-v", &volume], &["sh", "-c", "echo mine >/new/deep/left"]).run().ok();
    let mode = |path: &str| rootfs.join(path).metadata().map(|data| data.mode() & 0o7777).ok();
    assert_eq!(["new", "new/deep", "new/deep/er", "proc"].map(mode), [Some(0o755), Some(0o755), None, None]);
    assert_eq!(fs::read_to_string(rootfs.join("new/deep/left")).expect("it stays"), "mine\n");
}

/// Whoever can read a directory can lock it, and wait for ever would be to wait for a command that may be hostile.
fn a_command_that_locks_its_root_keeps_nobody_waiting(who: &Who) {
    who.needs_probe();
    let rootfs = who.own_rootfs(&[]);
    let before = Traces::of(rootfs.path());
    // One that lacks nothing is not locked by aril itself.
    let locking = who.run_in(rootfs.str(), &["--network", "none"], &["probe", "lock", "/"]).start();
    locking.expect("flock allowed");
    let tmpfs = ["--tmpfs", "/new", "--network", "none"];
    let refused = who.run_in(rootfs.str(), &tmpfs, &["true"]).run();
    refused.refused(125, &[rootfs.str(), "(EAGAIN)", "--overlay"]);
    who.run_in(rootfs.str(), &[&tmpfs[..], &["--overlay"]].concat(), &["true"]).run().ok();
    who.run_in(rootfs.str(), &tmpfs[2..], &["true"]).run().ok();
    // Who only waits for a moment is not refused.
    let waiting = who.run_in(rootfs.str(), &tmpfs, &["true"]).start();
    eventually("a try", || process::state(waiting.pid()) == 'S');
    locking.finish().ok();
    waiting.finish().ok();
    before.unchanged("a locked root");
}

fn the_root_may_be_named_in_any_way(who: &Who) {
    let folder = who.folder();
    symlink(who.rootfs(), folder.join("link")).expect("our own folder");
    for name in ["link", "./link/", "link/etc/..", &format!("{}/", who.rootfs())] {
        who.run_in(name, &[], &["cat", "/etc/os-release"]).dir(folder.path()).run().mentions("ID=aril-busybox");
    }
    who.run_in(".", &[], &["cat", "/etc/os-release"]).dir(who.rootfs()).run().mentions("ID=aril-busybox");
}

fn chroot_does_it_too(who: &Who) {
    let user = if who.is_root() { "none" } else { "user" };
    for options in [&["--change-root", "chroot"][..], &["--change-root", "chroot", "--namespaces", user]] {
        who.run(options, &["sh", "-c", "grep ^ID= /etc/os-release; pwd"]).prints("ID=aril-busybox\n/");
    }
}

/// As the kernel refuses it on an initramfs. EINVAL from a filter is the same answer, though the old root is another.
fn where_pivot_root_is_refused_the_root_moves(who: &Who) {
    let script =
        "grep ^ID= /etc/os-release; ls -d /proc/self/.. /dev/null; ls -di / /.. | awk '{print $1}' | uniq | wc -l";
    who.run_in(&who.rootfs(), &[], &["sh", "-c", script])
        .refuse(libc::SYS_pivot_root, libc::EINVAL)
        .run()
        .prints("ID=aril-busybox\n/dev/null\n/proc/self/..\n1");
}

fn who_may_not_make_a_mount_point_is_told_of_overlay(who: &Who) {
    who.needs_root_behind();
    let rootfs = Foreign::lacking(who, &["proc"]);
    let before = Traces::of(rootfs.0.path());
    who.run_in(rootfs.0.str(), &[], &["true"]).run().refused(125, &["/proc", "--overlay", "(EACCES)"]);
    before.unchanged("a refusal");
}

fn an_overlay_makes_what_a_foreign_root_lacks(who: &Who) {
    who.needs_root_behind();
    let rootfs = Foreign::lacking(who, &MOUNT_POINTS);
    let before = Traces::of(rootfs.0.path());
    for options in [&["--overlay"][..], &["--read-only"]] {
        who.run_in(rootfs.0.str(), options, &["ls", "-d", "/proc/self/.", "/dev/null"]).run().ok();
        before.unchanged(&format!("{options:?}"));
    }
}

/// A root file system that belongs to root, for an ordinary user.
struct Foreign(crate::support::Folder);

impl Foreign {
    fn lacking(who: &Who, paths: &[&str]) -> Self {
        let rootfs = who.own_rootfs(paths);
        crate::support::tool("chown", &["-hR", "0:0", rootfs.str()]);
        Self(rootfs)
    }
}
