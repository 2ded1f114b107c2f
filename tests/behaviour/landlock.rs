//! What landlock keeps from a command where a namespace that would do so is shared.

use crate::support::{Folder, Outcome, Run, When, Who, mark, tool, traces::Traces};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

crate::tests! {
    both: abstract_sockets_of_the_host_are_out_of_reach, those_of_the_container_are_not,
        socket_files_in_volumes_are_in_reach, processes_of_the_host_are_out_of_reach_of_signals,
        the_init_still_passes_signals_on, it_can_be_switched_off, a_kernel_without_it_runs_the_command_all_the_same,
        alone_it_forbids_writing_outside_of_volumes, alone_it_forbids_what_it_can_elsewhere, alone_it_needs_no_namespaces,
        alone_it_says_what_it_does_not_give, alone_it_keeps_terminals_from_being_read, alone_it_takes_nothing_that_needs_namespaces, alone_it_needs_a_kernel_that_has_it;
    as_root: alone_it_does_not_hold_root, alone_it_warns_once;
}

/// The scopes came with the sixth version of landlock (Linux 6.12).
fn needs_scopes(who: &Who) {
    // SAFETY: with this flag the call takes no memory and only tells the version.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) };
    if version < 6 {
        who.skip("this kernel's landlock has no scopes");
    }
}

/// Two listening abstract sockets of the host, a stream's and a datagram's, and their names.
struct Listeners(#[expect(dead_code, reason = "they listen")] (UnixListener, UnixDatagram), [String; 2]);

impl Listeners {
    fn new() -> Self {
        let names = [mark(), mark()];
        let [stream, datagram] =
            names.each_ref().map(|name| SocketAddr::from_abstract_name(name).expect("a short name"));
        let stream = UnixListener::bind_addr(&stream).expect("nobody else has that name");
        let datagram = UnixDatagram::bind_addr(&datagram).expect("nobody else has that name");
        Self((stream, datagram), names.map(|name| format!("@{name}")))
    }

    fn reach<'a>(&'a self, question: &'a str) -> [&'a str; 4] {
        ["probe", question, &self.1[0], &self.1[1]]
    }
}

const REACHED: &str = "connect allowed\nsend allowed";

fn refused(errno: i32) -> String {
    format!("connect {errno}\nsend {errno}")
}

fn abstract_sockets_of_the_host_are_out_of_reach(who: &Who) {
    who.needs_probe();
    needs_scopes(who);
    let listeners = Listeners::new();
    let root: &[&[&str]] = &[&["--userns", "host", "--cap-add", "all"]];
    for options in [&[][..], &["--no-init"], &["--overlay"], &["--cap-add", "all"], &["--network", "host"]]
        .iter()
        .chain(root.iter().filter(|_| who.is_root()))
    {
        who.run(options, &listeners.reach("reach")).prints(refused(libc::EPERM));
    }
    who.run(&["--network", "none"], &listeners.reach("reach")).prints(refused(libc::ECONNREFUSED));
}

fn those_of_the_container_are_not(who: &Who) {
    who.needs_probe();
    let (stream, datagram) = (format!("@{}", mark()), format!("@{}", mark()));
    who.run(&[], &["probe", "reach-own", &stream, &datagram]).prints(REACHED);
}

fn socket_files_in_volumes_are_in_reach(who: &Who) {
    who.needs_probe();
    let folder = who.folder();
    let listeners = (UnixListener::bind(folder.join("stream")), UnixDatagram::bind(folder.join("datagram")));
    assert!(listeners.0.is_ok() && listeners.1.is_ok(), "{listeners:?}");
    let own = format!("{0}:{0}", who.uid());
    tool("chown", &["-R", &own, folder.str()]);
    let volume = who.volume(folder.str(), "/mnt");
    who.run(&["-v", &volume], &["probe", "reach", "/mnt/stream", "/mnt/datagram"]).prints(REACHED);
}

fn processes_of_the_host_are_out_of_reach_of_signals(who: &Who) {
    who.needs_probe();
    needs_scopes(who);
    let mark = mark();
    let victim = who.program("sleep", &[&mark]).start();
    let pid = victim.pid().to_string();
    // Ids of its own would do as well.
    let signal = |more: &[&str]| {
        let ids: &[&str] = if who.is_root() { &["--userns", "identity"] } else { &[] };
        who.run(&[&["--pid", "host"], ids, more].concat(), &["probe", "signal", &pid])
    };
    signal(&[]).prints(format!("signal {}", libc::EPERM));
    signal(&["--network", "none"]).prints(format!("signal {}", libc::EPERM));
    signal(&["--security-opt", "landlock=off"]).prints("signal allowed");
    // Among themselves the command's processes may.
    who.sh(&["--pid", "host"], "sleep 1000 & kill -HUP $!; wait $! 2>/dev/null; echo $?").prints("129");
}

/// It stands outside of the domain, in which the command is.
fn the_init_still_passes_signals_on(who: &Who) {
    for options in [&[][..], &["--pid", "host"], &["--no-init"]] {
        let script = "trap 'echo stops; exit 4' TERM; echo ready; while :; do sleep 0.1; done";
        let running = who.start(options, &["sh", "-c", script]);
        running.expect("ready");
        running.signal(Signal::TERM);
        running.finish().exited(4).says("ready\nstops");
    }
    who.sh(&[], "trap 'echo stops; exit 4' TERM; kill -TERM 1; while :; do sleep 0.1; done").exited(4).says("stops");
}

fn it_can_be_switched_off(who: &Who) {
    who.needs_probe();
    let listeners = Listeners::new();
    who.run(&["--security-opt", "landlock=off"], &listeners.reach("reach")).prints(REACHED);
    who.run(&["--security-opt", "apparmor=unconfined"], &["true"]).refused(125, &["--security-opt", "landlock=off"]);
}

fn a_kernel_without_it_runs_the_command_all_the_same(who: &Who) {
    let refused = |errno, when| {
        let run = who.run_in(&who.rootfs(), &[], &["echo", "runs"]);
        run.refuse_when(libc::SYS_landlock_create_ruleset, errno, when).run()
    };
    for errno in [libc::ENOSYS, libc::EOPNOTSUPP, libc::EPERM] {
        refused(errno, When::Always).prints("runs");
    }
    if who.is_root() {
        // An older one knows less of the structure.
        refused(libc::E2BIG, When::Argument(2, 0)).prints("runs");
    } else {
        // The wall around the files asks for the version first. What no kernel says is not taken for one without it.
        refused(libc::ENOMEM, When::Always).refused(125, &["ask for the version of landlock", "(ENOMEM)"]);
    }
    let explained = who.aril(&["explain", "--cap-add", "sys_admin", &who.rootfs(), "true"]).run();
    explained.mentions("abstract sockets of the host out of reach [may fail: ENOSYS, EOPNOTSUPP, E2BIG, EPERM]");
}

/// `aril run --sandbox landlock OPTIONS / COMMAND`, by an ordinary user in either case.
fn alone<'a>(who: &Who, options: &[&'a str], command: &[&'a str]) -> Run {
    let user: &[&str] = if who.is_root() { &["--user", "20001:20001"] } else { &[] };
    who.run_in("/", &[&["--sandbox", "landlock"], user, options].concat(), command)
}

/// Besides the warning nothing is on standard error.
#[track_caller]
fn prints(outcome: &Outcome, text: &str) {
    let err = outcome.exited(0).err();
    let warned = err.starts_with("aril: landlock alone is no container") && err.lines().count() <= 3;
    outcome.check(warned, "it warns, and that is all").says(text);
}

/// A folder of the command's user with a file in it, and one that is a volume.
fn two_folders(who: &Who) -> [Folder; 2] {
    [(); 2].map(|()| {
        let folder = who.folder();
        std::fs::write(folder.join("file"), "as it was").expect("our own folder");
        let owner = if who.is_root() { 20001 } else { who.uid() };
        tool("chown", &["-R", &format!("{owner}:{owner}"), folder.str()]);
        folder
    })
}

fn alone_it_forbids_writing_outside_of_volumes(who: &Who) {
    let [outside, inside] = two_folders(who);
    let tries = "cd $0 && for try in 'echo >file' 'echo >>file' 'echo >new' 'mkdir new' 'rm file' 'mv file new' 'ln file new' \
        'ln -s file new' 'mkfifo new' 'truncate -s 0 file'; do sh -c \"$try\" 2>/dev/null && echo \"$try\"; done; cat file";
    let before = Traces::of(outside.path());
    let volume = format!("{0}:{0}", inside.str());
    for options in [&[][..], &["-v", &volume]] {
        prints(&alone(who, options, &["sh", "-c", tries, outside.str()]).run(), "as it was");
        before.unchanged("tries to write");
    }
    let read_only = format!("{volume}:ro");
    prints(&alone(who, &["-v", &read_only], &["sh", "-c", tries, inside.str()]).run(), "as it was");

    let writes = "cd $0 && echo new >file && mkdir -p a/b && mv file a/b/moved && ln -s moved a/b/link && cat a/b/link && rm -r a";
    prints(&alone(who, &["-v", &volume], &["sh", "-c", writes, inside.str()]).run(), "new");
    // A single file too, and what everybody writes to.
    let file = format!("{0}/file:{0}/file", outside.str());
    let script = "echo more >>$0/file && cat $0/file && echo >/dev/null && head -c 3 /dev/zero | wc -c && ! echo 2>/dev/null >$0/other";
    prints(&alone(who, &["-v", &file], &["sh", "-c", script, outside.str()]).run(), "as it wasmore\n3");
    // Nor by way of another name, or of a process that does it later.
    let script = "exec 3<$0/file; echo >/proc/self/fd/3; (sleep 0.1; echo >$0/new) & wait; ls $0";
    let outcome = alone(who, &[], &["sh", "-c", script, outside.str()]).run();
    outcome.exited(0).says("file");
}

fn alone_it_forbids_what_it_can_elsewhere(who: &Who) {
    who.needs_probe();
    needs_scopes(who);
    let listeners = Listeners::new();
    let probe = who.binary("probe");
    let [stream, datagram] = listeners.1.each_ref().map(String::as_str);
    prints(&alone(who, &[], &[&probe, "reach", stream, datagram]).run(), &refused(libc::EPERM));
    let mark = mark();
    // Of the same user.
    let victim = who.program("sleep", &[&mark]).uid(if who.is_root() { 20001 } else { who.uid() }).start();
    let pid = victim.pid().to_string();
    prints(&alone(who, &[], &[&probe, "signal", &pid]).run(), &format!("signal {}", libc::EPERM));
    let look = "readlink /proc/$0/exe; cat /proc/$0/environ; echo >/proc/$0/mem; readlink /proc/$0/fd/0; :";
    let outcome = alone(who, &[], &["sh", "-c", look, &pid]).run();
    outcome.exited(0).says("");
    let script = "awk '/^NoNewPrivs|^Seccomp:|^CapEff/ {print $2}' /proc/self/status";
    prints(&alone(who, &[], &["sh", "-c", script]).run(), "0000000000000000\n1\n2");
}

/// With Docker's filter, whose clone has no flags for namespaces, and without any right to mount.
fn alone_it_needs_no_namespaces(who: &Who) {
    let [folder, _] = two_folders(who);
    let volume = format!("{0}:{0}", folder.str());
    let script = "echo written >$0/file; cat $0/file; trap 'exit 7' TERM; kill -TERM $$";
    let mut run = alone(who, &["-v", &volume], &["sh", "-c", script, folder.str()]);
    run = run.refuse(libc::SYS_clone3, libc::ENOSYS).refuse_when(
        libc::SYS_clone,
        libc::EPERM,
        When::AnyFlags(libc::CLONE_NEWUSER as u32 | libc::CLONE_NEWNS as u32),
    );
    for call in [libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_open_tree, libc::SYS_move_mount] {
        run = run.refuse(call, libc::EPERM);
    }
    run.run().exited(7).says("written");
    // Nor /proc.
    if who.is_root() {
        let aril = who.binary("aril");
        let words = [&aril, "run", "--sandbox", "landlock", "--user", "20001:20001", "/", "echo", "runs"];
        let outcome = who.prepared("umount -l /proc", &words).run();
        outcome.refused(125, &["is /proc mounted?"]);
    }
}

fn alone_it_says_what_it_does_not_give(who: &Who) {
    let outcome = alone(who, &[], &["true"]).run();
    for word in ["no container", "read", "devices", "modes", "network", "processes", "D-Bus", "Docker"] {
        outcome.check(outcome.err().contains(word), format_args!("{word:?} is among it"));
    }
    let explained =
        who.aril(&["explain", "--sandbox", "landlock", "--user", "20001:20001", "-v", "/tmp:/tmp", "/", "true"]);
    if who.is_root() {
        explained.run().mentions("forbid writing, and devices that are not everyone's, anywhere but below: /tmp\n");
    }
}

fn alone_it_takes_nothing_that_needs_namespaces(who: &Who) {
    for (options, root) in [
        (&["--network", "none"][..], "/"),
        (&["--time", "private"], "/"),
        (&["--uts", "ns:/proc/self/ns/uts"], "/"),
        (&["--change-root", "chroot"], "/"),
        (&[], &who.rootfs()),
        (&["-v", "/tmp:/mnt"], "/"),
        (&["--tmpfs", "/mnt"], "/"),
        (&["--overlay"], "/"),
        (&["--read-only"], "/"),
        (&["--fs", "proc"], "/"),
        (&["--hostname", "x"], "/"),
        (&["--uid-map", "0:0:1"], "/"),
        (&["--security-opt", "landlock=off"], "/"),
    ] {
        who.run_in(root, &[&["--sandbox", "landlock"], options].concat(), &["true"]).run().refused(125, &[]);
        who.run_in(root, &[options, &["--sandbox", "landlock"]].concat(), &["true"]).run().refused(125, &[]);
    }
    who.run_in("/", &["--sandbox", "bubblewrap"], &["true"]).run().refused(125, &["not landlock"]);
}

fn alone_it_needs_a_kernel_that_has_it(who: &Who) {
    for (errno, name) in [(libc::ENOSYS, "(ENOSYS)"), (libc::EOPNOTSUPP, "(EOPNOTSUPP)")] {
        let outcome = alone(who, &[], &["true"]).refuse(libc::SYS_landlock_create_ruleset, errno).run();
        outcome.refused(125, &[name, "landlock", "lsm="]);
    }
    for call in [libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self] {
        let outcome = alone(who, &[], &["touch", "/tmp/aril-was-here"]).refuse(call, libc::EPERM).run();
        outcome.exited(125).check(outcome.err().contains("forbid writing"), "there is no command without its walls");
    }
}

fn alone_it_does_not_hold_root(who: &Who) {
    for options in [
        &[][..],
        &["--user", "0"],
        &["--user", "root"],
        // Nor what is root's group's: a file of it that is set-group-ID is as good.
        &["--user", "20001"],
        &["--user", "20001:0"],
        &["--user", "20001:20001", "--group-add", "0"],
    ] {
        let outcome = who.run_in("/", &[&["--sandbox", "landlock"], options].concat(), &["true"]).run();
        outcome.refused(125, &["root", "--user 65534:65534"]);
    }
}

/// Though such a program is executed anew.
fn alone_it_warns_once(who: &Who) {
    prints(&alone(who, &["--cap-add", "sys_ptrace"], &["echo", "runs"]).run(), "runs");
}

/// What is typed there is the caller's: he owns it, and so does a command that runs as him.
fn alone_it_keeps_terminals_from_being_read(who: &Who) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("ours");
    let path = ptsname(&master, Vec::new()).expect("ours").into_string().expect("ASCII");
    let owner = if who.is_root() { 20001 } else { who.uid() };
    tool("chown", &[&owner.to_string(), &path]);
    let look = "(exec 3<$0) 2>/dev/null && echo read; (exec 3>$0) 2>/dev/null && echo written; \
        ls /dev | grep -x null; head -c 1 /dev/zero | wc -c; head -n 1 /etc/passwd | cut -d : -f 1";
    prints(&alone(who, &[], &["sh", "-c", look, &path]).run(), "null\n1\nroot");
    for (end, can) in [(":ro", "read\n"), ("", "read\nwritten\n")] {
        let volume = format!("{path}:{path}{end}");
        let outcome = alone(who, &["-v", &volume], &["sh", "-c", look, &path]).run();
        prints(&outcome, &format!("{can}null\n1\nroot"));
    }
}
