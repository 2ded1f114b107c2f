//! Landlock as a second wall: what is not below the container's root cannot be opened, however a command has got hold of it.

use crate::exec::Place;
use crate::support::{Folder, Outcome, Who, comes, mark, process, tool};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::fs::{self, File};
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

crate::tests! {
    both: a_directory_that_leaks_in_is_shut, in_a_read_only_root_each_volume_is_a_place_of_its_own, what_is_handed_over_is_there,
        streams_can_be_opened_again_for_what_they_are, files_are_moved_and_made_as_ever, a_kernel_without_it_does_without,
        whoever_is_to_mount_can, a_later_command_is_beside_the_first;
    as_root: where_ids_are_nobodys_they_are_the_wall;
}

/// Without files: the second version came with Linux 5.19.
fn needs_it(who: &Who) {
    // SAFETY: with this flag the call takes no memory and only tells the version.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) };
    if version < 3 {
        who.skip("this kernel's landlock is too old, or off");
    }
}

/// Options of a container whose root inside is somebody outside.
fn as_somebody<'a>(who: &Who, more: &[&'a str]) -> Vec<&'a str> {
    let ids: &[&str] = if who.is_root() { &["--userns", "identity"] } else { &[] };
    [ids, more].concat()
}

/// A folder with a file, all of it the caller's.
fn folder(who: &Who) -> Folder {
    let folder = who.folder();
    fs::write(folder.join("kept"), "as it was").expect("our own folder");
    tool("chown", &["-R", &format!("{0}:{0}", who.uid()), folder.str()]);
    folder
}

/// What a command in this root file system can do with a directory when somebody sends it in by a socket.
fn try_leak_in(who: &Who, rootfs: &str, options: &[&str], directory: &str) -> Outcome {
    let door = who.folder();
    let listener = UnixListener::bind(door.join("door")).expect("our own folder");
    listener.set_nonblocking(true).expect("a socket");
    tool("chown", &["-R", &format!("{0}:{0}", who.uid()), door.str()]);
    tool("chmod", &["777", &door.join("door").display().to_string()]);
    let volume = format!("{}:/mnt", door.str());
    let words = ["probe", "take-directory", "/mnt/door"];
    let running = who.run_in(rootfs, &[options, &["-v", &volume]].concat(), &words).start();
    let mut socket = None;
    comes(|| {
        socket = socket.take().or(listener.accept().ok());
        socket.is_some() || process::state(running.pid()) == 'Z'
    });
    if let Some((socket, _)) = socket {
        let leak = File::open(directory).expect("it is there");
        let fds = [leak.as_raw_fd()];
        let message = ControlMessage::ScmRights(&fds);
        sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(b"x")], &[message], MsgFlags::empty(), None).expect("sent");
    }
    running.finish()
}

fn try_leak(who: &Who, options: &[&str], directory: &str) -> Outcome {
    try_leak_in(who, &who.rootfs(), options, directory)
}

const TRIED: [&str; 9] = ["read", "list", "write", "empty", "truncate", "create", "make", "rename", "remove"];

fn answers(answer: impl Fn(&str) -> String) -> String {
    TRIED.map(|tried| format!("{tried} {}", answer(tried))).join("\n")
}

fn a_directory_that_leaks_in_is_shut(who: &Who) {
    who.needs_probe();
    needs_it(who);
    // It is landlock that does it.
    let open = folder(who);
    let outcome = try_leak(who, &as_somebody(who, &["--security-opt", "landlock=off"]), open.str());
    outcome.prints(answers(|_| "allowed".into()));
    for more in [&[][..], &["--read-only"], &["--network", "none"], &["--no-init"], &["--overlay"], &["--denied"]] {
        let shut = folder(who);
        let outcome = try_leak(who, &as_somebody(who, more), shut.str());
        outcome.exited(0).check(!outcome.out().contains("allowed"), "nothing of it can be opened");
        outcome.check(outcome.out().matches(" 13\n").count() == 8, "for that reason");
        assert_eq!(shut.read("kept"), "as it was");
    }
}

/// Below it the writable volumes are what can be written, and each has its own rule.
fn in_a_read_only_root_each_volume_is_a_place_of_its_own(who: &Who) {
    who.needs_probe();
    needs_it(who);
    for (end, answer) in [("", "allowed"), (":ro", "13")] {
        let folder = folder(who);
        let volume = format!("{}:/srv{end}", folder.str());
        let outcome = try_leak(who, &as_somebody(who, &["--read-only", "-v", &volume]), folder.str());
        let first = answers(|_| answer.into());
        outcome.exited(0).check(outcome.out().starts_with(&first[..first.len() - answer.len()]), answer);
    }
}

fn what_is_handed_over_is_there(who: &Who) {
    needs_it(who);
    let folder = folder(who);
    let open = "exec 3<$0 4<>$0/kept; exec \"$@\"";
    let script =
        "cat /proc/self/fd/3/kept; echo new >/proc/self/fd/4; echo more >/proc/self/fd/3/more; ls /proc/self/fd/3/";
    let options = as_somebody(who, &["--preserve-fds", "2"]);
    let run = who.run_in(&who.rootfs(), &options, &["sh", "-c", script]);
    run.under(&["bash", "-c", open, folder.str()]).run().prints("as it waskept\nmore");
    assert_eq!((folder.read("kept"), folder.read("more")), ("new".into(), "more".into()));
}

fn streams_can_be_opened_again_for_what_they_are(who: &Who) {
    needs_it(who);
    let folder = folder(who);
    let options = as_somebody(who, &[]);
    // A log of a server's that is told to go to its standard output; and the input cannot be written.
    let script = "cat /dev/stdin; echo >/dev/stdin; echo logged >>/dev/stdout; cat /dev/stdout; echo told >&2";
    let run = who.run_in(&who.rootfs(), &options, &["sh", "-c", script]);
    let open = |name| fs::OpenOptions::new().read(true).open(folder.join(name)).expect("ours");
    let out = fs::OpenOptions::new().append(true).create(true).open(folder.join("out")).expect("ours");
    tool("chown", &["-R", &format!("{0}:{0}", who.uid()), folder.str()]);
    let outcome = run.command().stdin(Stdio::from(open("kept"))).stdout(Stdio::from(out)).output().expect("it runs");
    assert_eq!(folder.read("out"), "as it waslogged", "{outcome:?}");
    let err = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(err.matches("Permission denied").count(), 2, "{err}");
    assert_eq!(folder.read("kept"), "as it was");
    // What has no path needs no rule.
    let run = who.run_in(&who.rootfs(), &options, &["sh", "-c", "cat /dev/stdin; echo out >/dev/stdout"]);
    run.under(&["sh", "-c", "echo piped | \"$@\" | cat", "sh"]).run().prints("piped\nout");
}

fn files_are_moved_and_made_as_ever(who: &Who) {
    let folder = folder(who);
    let volume = format!("{}:/mnt", folder.str());
    let script = "cd /tmp && mkdir -p a/b c && echo x >a/b/f && mv a/b/f c/g && ln c/g a/h && cat a/h && rm -r a c && \
        mkdir /mnt/a && mv /mnt/kept /mnt/a/kept && cat /mnt/a/kept && echo >/dev/null && echo 5 >/proc/self/oom_score_adj && \
        echo x >/dev/shm/x && rm /dev/shm/x";
    for more in [&[][..], &["--read-only"]] {
        let options = as_somebody(who, &[more, &["-v", &volume, "--tmpfs", "/tmp"]].concat());
        who.sh(&options, script).prints("x\nas it was");
        fs::rename(folder.join("a/kept"), folder.join("kept"))
            .and_then(|()| fs::remove_dir(folder.join("a")))
            .expect("ours");
    }
}

fn a_kernel_without_it_does_without(who: &Who) {
    for errno in [libc::ENOSYS, libc::EOPNOTSUPP] {
        let run = who.run_in(&who.rootfs(), &as_somebody(who, &[]), &["echo", "runs"]);
        run.refuse(libc::SYS_landlock_create_ruleset, errno).run().prints("runs");
    }
    needs_it(who);
    // Where there is one it is no matter of luck.
    let run = who.run_in(&who.rootfs(), &as_somebody(who, &["--network", "none"]), &["echo", "runs"]);
    run.refuse(libc::SYS_landlock_restrict_self, libc::EPERM).run().refused(125, &["below the root", "(EPERM)"]);
}

/// In landlock's domain nobody mounts.
fn whoever_is_to_mount_can(who: &Who) {
    let options = as_somebody(who, &["--cap-add", "sys_admin"]);
    who.sh(&options, "mount -t tmpfs none /tmp && echo mounted").prints("mounted");
}

/// Each has a domain of its own, and neither is within the other's: it cannot be traced.
fn a_later_command_is_beside_the_first(who: &Who) {
    needs_it(who);
    let place = Place::of(who);
    let look = |more: &[&str]| {
        let (_running, name) = place.start_in(&who.rootfs(), &as_somebody(who, more), &["sleep", &mark()]);
        place.exec(&name, &["sh", "-c", "readlink /proc/2/exe; head -c 0 /proc/2/environ"]).run()
    };
    look(&["--security-opt", "landlock=off"]).prints("/bin/busybox");
    let outcome = look(&[]);
    outcome.exited(1).check(outcome.out().is_empty(), "nothing of it is told");
    outcome.check(outcome.err().contains("Permission denied"), "for that reason");
    if who.is_root() {
        // Its ids are its wall, and of the machine's sockets none is in reach.
        let options = ["--userns", "auto", "--network", "none"];
        let (_running, name) = place.start_in(&who.rootfs(), &options, &["sleep", &mark()]);
        place.exec(&name, &["readlink", "/proc/2/exe"]).run().prints("/bin/busybox");
    }
}

/// And nothing is paid for a second one.
fn where_ids_are_nobodys_they_are_the_wall(who: &Who) {
    who.needs_probe();
    let explained =
        |options: &[&str]| who.aril(&[&["explain"], options, &[&who.rootfs(), "true"]].concat()).run().out();
    let wall = "let nothing be opened that is not below the root";
    assert!(!explained(&[]).contains(wall));
    assert!(explained(&["--userns", "identity"]).contains(wall));
    assert!(explained(&["--userns", "host"]).contains(wall));
    assert!(!explained(&["--userns", "identity", "--security-opt", "landlock=off"]).contains(wall));
    let folder = folder(who);
    tool("chmod", &["-R", "go-rwx", folder.str()]);
    let outcome = try_leak(who, &["--userns", "auto"], folder.str());
    outcome.exited(0).check(!outcome.out().contains("allowed"), "modes alone keep it out");
}
