//! ROOTFS `/`: a throw-away view of this very machine.

use crate::support::{Outcome, Who, eventually, mark, process, tool, traces};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

crate::tests! {
    both: it_is_this_machine, what_is_written_vanishes, tmp_and_run_are_fresh, proc_sys_and_dev_are_the_container_s,
        it_can_be_read_only, names_are_resolved_as_outside, a_volume_is_the_way_to_keep_something,
        nothing_is_mounted_outside,
        nothing_lies_on_top_of_the_root, a_killed_one_leaves_nothing, a_mount_of_the_machine_is_seen, the_machine_s_programs_run;
    as_root: system_files_are_changed_and_unchanged_again, a_package_is_installed_and_gone, folders_are_replaced;
    as_user: home_is_the_caller_s, what_one_may_not_change_outside_one_may_not_inside, what_one_may_not_read_outside_one_may_not_inside;
}

/// `aril run OPTIONS / sh -c SCRIPT`.
#[track_caller]
fn sh(who: &Who, options: &[&str], script: &str) -> Outcome {
    who.run_in("/", options, &["/bin/sh", "-c", script]).run()
}

fn it_is_this_machine(who: &Who) {
    sh(who, &[], "cat /etc/os-release").prints(tool("cat", &["/etc/os-release"]));
    sh(who, &[], "hostname; id -u; pwd").prints("container\n0\n/");
    // Without what is mounted for a moment by others, and what the container has of its own anyway.
    sh(who, &[], "ls -A /").prints(tool("ls", &["-A", "/"]));
    sh(who, &[], "ls -A /usr/bin /usr/lib /var/lib").prints(tool("ls", &["-A", "/usr/bin", "/usr/lib", "/var/lib"]));
    if who.is_root() {
        let look = "stat -c '%n %u %g %a %s' /etc/shadow /etc/passwd /usr/bin/* /var/*";
        sh(who, &[], look).prints(tool("sh", &["-c", look]));
    }
}

/// Root's he could not even enter. Whoever asks for another gets that one.
fn home_is_the_caller_s(who: &Who) {
    let home = |options: &[&str], rootfs: &str| {
        who.run_in(rootfs, options, &["/bin/sh", "-c", "echo $HOME"]).env("HOME", "/usr").run().ok().out()
    };
    assert_eq!(home(&[], "/"), "/usr\n");
    for (options, rootfs) in [(&["-u", "0"][..], "/"), (&["-e", "HOME=/root"], "/"), (&[], &*who.rootfs())] {
        assert_eq!(home(options, rootfs), "/root\n", "{options:?} {rootfs}");
    }
}

/// In /srv, where the caller has a folder for this test: overlayfs cannot copy up a folder of an unmapped owner, such as
/// /var/tmp is to an ordinary user.
fn what_is_written_vanishes(who: &Who) {
    who.needs_root_behind();
    who.needs_idmapped_tmpfs();
    let script = "cd /srv/mine && echo new >file && mkdir folder && mv file folder && cat folder/file && \
        echo more >>old && cat old && rm old && mv other moved && ls";
    let outcome = with_srv(who, "cat old; ls -A; ls -A /srv", &["/bin/sh", "-c", script]);
    outcome.prints("new\nouter\nmore\nfolder\nmoved\nouter\nold\nother\ndeeper\nmine");
}

/// Runs a command in a view of this machine with a /srv of the test's own, where `mine` is the caller's and holds `old` and
/// `other`; afterwards a shell's script in it, outside.
#[track_caller]
fn with_srv(who: &Who, afterwards: &str, command: &[&str]) -> Outcome {
    let script = format!(
        "set -e; mount --make-rprivate /; mount -t tmpfs -o mode=755 none /srv; cd /srv; \
        mkdir mine deeper; echo outer >mine/old; echo other >mine/other; chown -R $1:$1 mine; \
        mount -t tmpfs -o mode=755 none deeper; echo deep >deeper/file; \
        uid=$1; shift; cd /; setpriv --reuid=$uid --regid=$uid --clear-groups \"$@\"; cd /srv/mine; {afterwards}"
    );
    let uid = who.uid().to_string();
    who.run_in("/", &[], command).under(&["unshare", "--mount", "sh", "-c", &script, "sh", &uid]).uid(0).run()
}

fn tmp_and_run_are_fresh(who: &Who) {
    sh(who, &[], "ls -A /tmp /run; stat -c %a /tmp; echo x >/tmp/file && cat /tmp/file")
        .prints("/run:\n\n/tmp:\n1777\nx");
}

fn proc_sys_and_dev_are_the_container_s(who: &Who) {
    sh(who, &[], "cat /proc/1/comm; echo $$").prints("aril\n2");
    sh(who, &[], "echo $(ls /dev)")
        .prints("fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero");
    let outcome = sh(who, &[], "! touch /sys/x");
    outcome.exited(0).check(outcome.err().contains("Read-only"), "/sys is read-only");
}

fn it_can_be_read_only(who: &Who) {
    let outcome = sh(who, &["--read-only"], "! touch /var/tmp/x && ! touch /tmp/x || echo \"/tmp is writable\"");
    outcome.exited(0).check(outcome.err().contains("Read-only file system"), "/var/tmp is not writable");
}

fn names_are_resolved_as_outside(who: &Who) {
    let Ok(ours) = fs::read_to_string("/etc/resolv.conf") else { who.skip("this machine has no /etc/resolv.conf") };
    sh(who, &[], "cat /etc/resolv.conf").prints(ours.trim_end());
    sh(who, &[], "getent hosts localhost >/dev/null && cat /etc/nsswitch.conf")
        .prints(tool("cat", &["/etc/nsswitch.conf"]));
}

fn a_volume_is_the_way_to_keep_something(who: &Who) {
    let folder = who.folder();
    for target in ["/mnt", "/srv", "/opt/new/folder"] {
        let outcome = who
            .run_in(
                "/",
                &["-v", &who.volume(folder.str(), target), "-w", "/usr"],
                &["/bin/sh", "-c", &format!("pwd >{target}/kept")],
            )
            .run();
        if target == "/opt/new/folder" && !who.is_root() {
            // /opt is not the user's: either works, but nothing may be made outside.
            assert!(!Path::new("/opt/new").exists());
            continue;
        }
        outcome.ok();
        assert_eq!(folder.read("kept"), "/usr");
        fs::remove_file(folder.join("kept")).expect("our own folder");
    }
    // The folders of the tests are in /tmp, which is fresh inside: a volume there must still be found.
    let volume = who.volume(folder.str(), folder.str());
    who.run_in("/", &["-v", &volume, "-w", folder.str()], &["/bin/sh", "-c", "pwd >kept"]).run().ok();
    assert_eq!(folder.read("kept"), folder.str());
}

fn nothing_is_mounted_outside(who: &Who) {
    let before = traces::mounts();
    let entries = || fs::read_dir("/").expect("it can be listed").count();
    let count = entries();
    sh(who, &[], "mkdir /tmp/folder; mkdir /folder").ok();
    assert_eq!((traces::mounts(), entries()), (before, count));
}

fn a_killed_one_leaves_nothing(who: &Who) {
    let (before, mark) = (traces::mounts(), mark());
    let running = who.run_in("/", &[], &["sleep", &mark]).start();
    running.sleeper(&mark);
    running.signal(Signal::KILL);
    eventually("the end of all", || process::naming(&mark).is_empty());
    eventually("the mounts are as before", || traces::mounts() == before);
}

/// The root that was there before is gone, not only hidden: setns(2) to one's own mount namespace would lead back to it.
fn nothing_lies_on_top_of_the_root(who: &Who) {
    for options in [&[][..], &["--read-only"]] {
        let outcome = who.run_in("/", options, &["/bin/cat", "/proc/self/mountinfo"]).run();
        let out = outcome.ok().out();
        for point in ["/", "/proc", "/dev", "/sys", "/tmp", "/run"] {
            // Below /proc lies what hides secrets.
            let is_there = |line: &&str| {
                line.split(' ').nth(4) == Some(point)
                    && !(point == "/proc" && line.contains(" ro,") && line.contains("- tmpfs "))
            };
            let count = out.lines().filter(is_there).count();
            outcome.check(count == 1, format_args!("one mount is {point}: {count}"));
        }
        // Up from the root too: /tmp is fresh, and the machine's is not.
        sh(who, options, "echo $(ls -A /../tmp /../../tmp)").prints("/../../tmp: /../tmp:");
    }
}

/// A lower layer does not include what is mounted below it: such places are taken one by one.
fn a_mount_of_the_machine_is_seen(who: &Who) {
    who.needs_root_behind();
    who.needs_idmapped_tmpfs();
    with_srv(who, ":", &["/bin/cat", "/srv/mine/old", "/srv/deeper/file"]).prints("outer\ndeep");
}

fn the_machine_s_programs_run(who: &Who) {
    sh(who, &[], "python3 -c 'import os, json; print(json.dumps(os.getpid() > 1))'").prints("true");
    sh(who, &["--network", "none"], "ls /sys/class/net").prints("lo");
}

fn system_files_are_changed_and_unchanged_again(who: &Who) {
    let before = ["/etc/passwd", "/etc/hostname", "/usr/bin/env"].map(|file| fs::read(file).ok());
    let script = "echo more >>/etc/passwd && tail -n1 /etc/passwd; echo new >/etc/hostname; cat /etc/hostname; \
        rm /usr/bin/env && ls /usr/bin/env 2>/dev/null; mkdir /new && >/new/file && ls /new";
    sh(who, &[], script).prints("more\nnew\nfile");
    assert!(!Path::new("/new").exists());
    assert!(before == ["/etc/passwd", "/etc/hostname", "/usr/bin/env"].map(|file| fs::read(file).ok()));
}

fn a_package_is_installed_and_gone(who: &Who) {
    if !Path::new("/usr/bin/dpkg-deb").exists() {
        who.skip("no dpkg on this machine");
    }
    let name = format!("aril-test-{}", std::process::id());
    let script = format!(
        "set -e; cd /tmp; mkdir -p p/DEBIAN p/usr/bin; printf '#!/bin/sh\\necho installed\\n' >p/usr/bin/{name}; \
        chmod 755 p/usr/bin/{name}; printf 'Package: {name}\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@x>\\nDescription: x\\n' \
        >p/DEBIAN/control; dpkg-deb -b p p.deb >/dev/null; dpkg -i p.deb >/dev/null 2>&1; {name}; dpkg -s {name} | grep ^Status"
    );
    sh(who, &[], &script).prints("installed\nStatus: install ok installed");
    assert!(!Path::new("/usr/bin").join(&name).exists());
    let status = fs::read_to_string("/var/lib/dpkg/status").expect("dpkg is here");
    assert!(!status.contains(&name), "the package is not in dpkg's list outside");
}

/// EIO before Linux 6.6 for an ordinary user; root's overlay is made outside of the user namespace.
fn folders_are_replaced(who: &Who) {
    sh(
        who,
        &[],
        "cd /var && mkdir d && rmdir d && mkdir d && rm -r cache && mkdir cache && >cache/file && ls -A cache",
    )
    .prints("file");
    assert!(!Path::new("/var/cache/file").exists());
}

/// Not even the copy: overlayfs copies only what its owner's map can name. What is new beside it vanishes like all else.
fn what_one_may_not_change_outside_one_may_not_inside(who: &Who) {
    who.needs_root_behind();
    let script = "for file in /etc/passwd /usr/bin/env /var/log/new /etc/default/new; do \
        (echo >>$file) && echo changed $file; done 2>/dev/null; chmod 777 /etc/passwd 2>/dev/null && echo changed mode; :";
    sh(who, &[], script).prints("");
}

fn what_one_may_not_read_outside_one_may_not_inside(who: &Who) {
    who.needs_root_behind();
    let secret = PathBuf::from(format!("/var/tmp/aril-test-{}", mark()));
    fs::write(&secret, "secret\n").expect("/var/tmp is everybody's");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("our own file");
    let outcome = sh(who, &[], &format!("cat {} /etc/shadow 2>/dev/null; :", secret.display()));
    fs::remove_file(&secret).expect("our own file");
    outcome.prints("");
}
