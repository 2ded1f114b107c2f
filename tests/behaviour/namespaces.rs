//! Point 1: which namespaces are new, shared or joined, by their inode numbers.

use crate::support::{Outcome, Who, mark};
use std::fs;

crate::tests! {
    both: all_but_network_and_time_are_new, each_can_be_shared, network_and_time_are_new_on_request,
        a_network_of_its_own_has_only_loopback_and_it_is_up, each_can_be_made_alone, existing_ones_are_joined_by_path;
    as_root: the_user_namespace_can_be_shared, a_mount_namespace_is_entered_as_it_is, a_pid_namespace_is_joined;
}

const KINDS: [&str; 8] = ["user", "mnt", "pid", "uts", "ipc", "cgroup", "net", "time"];

/// `user:[4026531837]` and so on, as a process of the machine has them.
fn of(pid: &str) -> Vec<String> {
    let link = |kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).expect("we may look");
    KINDS.iter().map(|kind| link(kind).display().to_string()).collect()
}

/// Prints the same inside; the second is for a container that sees the machine's /proc.
const ASK: &str = "cd /proc/self/ns; for kind in user mnt pid uts ipc cgroup net time; do readlink $kind; done";

/// Exactly these kinds differ from the machine's.
#[track_caller]
fn only_new(outcome: &Outcome, kinds: &[&str]) {
    let (outside, inside) = (of("self"), outcome.ok().out());
    outcome.check(inside.lines().count() == KINDS.len(), "one line for each kind");
    for ((kind, outside), inside) in KINDS.iter().zip(&outside).zip(inside.lines()) {
        let wanted = if kinds.contains(kind) { "new" } else { "the machine's" };
        outcome.check((inside != outside) == kinds.contains(kind), format_args!("{kind} is {wanted}: {outside}"));
    }
}

fn all_but_network_and_time_are_new(who: &Who) {
    only_new(&who.sh(&[], ASK), &KINDS[..6]);
}

fn each_can_be_shared(who: &Who) {
    for (options, shared) in [
        (&["--uts", "host"][..], "uts"),
        (&["--ipc", "host"], "ipc"),
        (&["--cgroupns", "host"], "cgroup"),
        (&["--pid", "host", "-v", "/proc:/proc"], "pid"),
    ] {
        let new: Vec<&str> = KINDS[..6].iter().copied().filter(|kind| *kind != shared).collect();
        only_new(&who.sh(options, ASK), &new);
    }
}

fn the_user_namespace_can_be_shared(who: &Who) {
    only_new(&who.sh(&["--userns", "host"], ASK), &KINDS[1..6]);
}

fn network_and_time_are_new_on_request(who: &Who) {
    only_new(&who.sh(&["--network", "none", "--time", "private"], ASK), &KINDS);
    only_new(&who.sh(&["--namespaces", "all"], ASK), &KINDS);
}

fn a_network_of_its_own_has_only_loopback_and_it_is_up(who: &Who) {
    who.sh(&["--network", "none"], "ls /sys/class/net; ip link show lo | grep -c '[<,]UP[,>]'").prints("lo\n1");
    // The one that listens must not see the end of its own input: it would close, and whoever connects leave with his word
    // unsaid. How long it takes to listen is for the machine to say.
    let listens = "mkfifo /tmp/open; nc -l -p 7 <>/tmp/open >/tmp/heard & \
        until echo word | nc 127.0.0.1 7 2>/dev/null; do sleep 0.1; done; wait; cat /tmp/heard";
    who.sh(&["--network", "none", "--tmpfs", "/tmp"], listens).prints("word");
}

/// As a lesson shows them, on the machine's own root. An ordinary user needs the user namespace for each other one.
fn each_can_be_made_alone(who: &Who) {
    for (name, kind) in ["user", "mount", "pid", "uts", "ipc", "cgroup", "network", "time"].into_iter().zip(KINDS) {
        let with_user = !who.is_root() && name != "user";
        let list = if with_user { format!("user,{name}") } else { name.to_string() };
        let new = if with_user { vec!["user", kind] } else { vec![kind] };
        let options = ["--namespaces", &list, "--change-root", "none"];
        only_new(&who.run_in("/", &options, &["/bin/sh", "-c", ASK]).run(), &new);
    }
}

fn existing_ones_are_joined_by_path(who: &Who) {
    let mark = mark();
    let first = who.start(&["--network", "none", "--hostname", "first"], &["sleep", &mark]);
    let sleeper = first.sleeper(&mark).to_string();
    // An ordinary user has rights over them in their own user namespace alone.
    let user = format!("ns:/proc/{sleeper}/ns/user");
    let join: &[&str] = if who.is_root() { &[] } else { &["--userns", &user] };
    for (option, kind) in [("--uts", "uts"), ("--ipc", "ipc"), ("--cgroupns", "cgroup"), ("--network", "net")] {
        let path = format!("ns:/proc/{sleeper}/ns/{kind}");
        let options = [join, &["--fs", "proc", option, &path]].concat();
        let theirs = fs::read_link(&path[3..]).expect("we are root, or it is ours").display().to_string();
        who.run(&options, &["readlink", &format!("/proc/self/ns/{kind}")]).prints(theirs);
    }
    let path = format!("ns:/proc/{sleeper}/ns/uts");
    who.run(&[join, &["--uts", &path]].concat(), &["hostname"]).prints("first");
    drop(first);
}

fn a_pid_namespace_is_joined(who: &Who) {
    let mark = mark();
    let first = who.start(&[], &["sleep", &mark]);
    let path = format!("/proc/{}/ns/pid", first.sleeper(&mark));
    let theirs = fs::read_link(&path).expect("root may look").display().to_string();
    let options = ["--pid", &format!("ns:{path}"), "-v", "/proc:/proc"];
    who.run(&options, &["readlink", "/proc/self/ns/pid"]).prints(theirs);
}

fn a_mount_namespace_is_entered_as_it_is(who: &Who) {
    let mark = mark();
    let first = who.start(&["--tmpfs", "/mnt"], &["sh", "-c", &format!("echo there >/mnt/file; sleep {mark}; exit")]);
    let path = format!("ns:/proc/{}/ns/mnt", first.sleeper(&mark));
    let options = ["--namespaces", "none", "--mntns", &path, "--change-root", "none"];
    who.run_in("/", &options, &["cat", "/mnt/file"]).run().prints("there");
}
