//! Point 1: which namespaces are new, shared or joined, by their inode numbers.

use crate::support::{Outcome, Who, mark};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

crate::tests! {
    both: all_but_network_and_time_are_new, each_can_be_shared, network_and_time_are_new_on_request,
        a_network_of_its_own_has_only_loopback_and_it_is_up, each_can_be_made_alone, existing_ones_are_joined_by_path,
        who_joins_a_user_namespace_is_its_root, a_user_namespace_without_root_is_not_joined;
    as_root: the_user_namespace_can_be_shared, a_mount_namespace_is_entered_as_it_is, a_pid_namespace_is_joined,
        a_joined_container_sees_nothing_of_the_machine;
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

/// And nobody else: the caller of old would be root of the machine, if he is.
fn who_joins_a_user_namespace_is_its_root(who: &Who) {
    let mark = mark();
    let first = who.start(&[], &["sleep", &mark]);
    let sleeper = first.sleeper(&mark);
    let [user, pid] = ["user", "pid"].map(|kind| format!("ns:/proc/{sleeper}/ns/{kind}"));
    let join = ["--userns", &user, "--pid", &pid];
    who.sh(&join, "id -u; id -g").prints("0\n0");
    if who.is_root() {
        let folder = who.folder();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("our own");
        let volume = format!("{}:/mnt", folder.str());
        let options = [&join[..], &["-v", &volume]].concat();
        let outcome = who.sh(&options, "cd /mnt && touch mine");
        outcome.check(outcome.err().contains("/mnt: Permission denied"), "it is another's");
    }
    let theirs = fs::metadata(&user[3..]).expect("root may look, or it is ours").ino();
    let options = [&join[..], &["--status-fd", "1"]].concat();
    who.run(&options, &["true"]).mentions(format!("\"userns\":{theirs},\"mntns\":0,"));
}

fn a_user_namespace_without_root_is_not_joined(who: &Who) {
    let mark = mark();
    let maps = [format!("5:{}:1", who.uid()), format!("7:{}:1", who.gid())];
    let first = who.start(&["--uid-map", &maps[0], "--gid-map", &maps[1], "--user", "5:7"], &["sleep", &mark]);
    let user = format!("ns:/proc/{}/ns/user", first.sleeper(&mark));
    who.run(&["--userns", &user], &["true"]).refused(125, &["become user 0", "(EINVAL)", "has no root"]);
}

/// While the new process waits for the launcher, which takes its time here, whoever is root of its user namespace sees it, and may
/// trace his own.
fn a_joined_container_sees_nothing_of_the_machine(who: &Who) {
    let (mark, folder) = (mark(), who.folder());
    fs::write(folder.join("secret"), "").expect("our own");
    let spy = format!(
        "echo ready; (while :; do for p in /proc/[0-9]*; do [ -e $p/root{}/secret ] && echo LEAKED; done; done) & exec sleep {mark}",
        folder.str()
    );
    let first = who.start(&["--network", "none", "--cap-add", "sys_ptrace"], &["sh", "-c", &spy]);
    first.expect("ready");
    let sleeper = first.sleeper(&mark);
    let [user, pid] = ["user", "pid"].map(|kind| format!("ns:/proc/{sleeper}/ns/{kind}"));
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    let slowly = ["-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:delay_enter=300000"];
    let joined = ["run", "--network", "none", "--userns", &user, "--pid", &pid, &rootfs, "true"];
    for _ in 0..3 {
        who.program("strace", &[&slowly[..], &[aril.as_str()], &joined].concat()).run().ok();
    }
    let said = first.said();
    assert!(!said.contains("LEAKED"), "{said}");
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
