//! What landlock keeps from a command where a namespace that would do so is shared.

use crate::support::{Who, mark, tool};
use rustix::process::Signal;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

crate::tests! {
    both: abstract_sockets_of_the_host_are_out_of_reach, those_of_the_container_are_not,
        socket_files_in_volumes_are_in_reach, processes_of_the_host_are_out_of_reach_of_signals,
        the_init_still_passes_signals_on, it_can_be_switched_off, a_kernel_without_it_runs_the_command_all_the_same;
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
    let volume = format!("{}:/mnt", folder.str());
    who.run(&["-v", &volume], &["probe", "reach", "/mnt/stream", "/mnt/datagram"]).prints(REACHED);
}

fn processes_of_the_host_are_out_of_reach_of_signals(who: &Who) {
    who.needs_probe();
    needs_scopes(who);
    let mark = mark();
    let victim = who.program("sleep", &[&mark]).start();
    let pid = victim.pid().to_string();
    who.run(&["--pid", "host"], &["probe", "signal", &pid]).prints(format!("signal {}", libc::EPERM));
    who.run(&["--pid", "host", "--network", "none"], &["probe", "signal", &pid])
        .prints(format!("signal {}", libc::EPERM));
    who.run(&["--pid", "host", "--security-opt", "landlock=off"], &["probe", "signal", &pid]).prints("signal allowed");
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
    who.run(&["--security-opt", "seccomp=unconfined"], &["true"]).refused(125, &["--security-opt", "landlock=off"]);
}

fn a_kernel_without_it_runs_the_command_all_the_same(who: &Who) {
    for errno in [libc::ENOSYS, libc::EOPNOTSUPP, libc::E2BIG, libc::EPERM] {
        let run = who.run_in(&who.rootfs(), &[], &["echo", "runs"]);
        run.refuse(libc::SYS_landlock_create_ruleset, errno).run().prints("runs");
    }
    let explained = who.aril(&["explain", &who.rootfs(), "true"]).run();
    explained.mentions("abstract sockets of the host out of reach [may fail: ENOSYS, EOPNOTSUPP, E2BIG, EPERM]");
}
