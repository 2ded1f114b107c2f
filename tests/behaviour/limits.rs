//! Limits of a whole container: control groups of version 1, version 2 and both at once, as each machine has them. Seen from
//! inside, from outside, and by what they do; and that nothing of them is left.

use crate::support::cgroups::{self, Hierarchy, Place, below, hierarchies, sleeper};
use crate::support::{Outcome, Run, Running, Who, eventually, mark, process, tool};
use rustix::process::Signal;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

crate::tests! {
    as_root: each_limit_is_read_back_inside_and_outside, no_limit_can_be_said, a_file_can_be_named,
        the_last_word_counts, disks_are_limited, weights_are_written, groups_are_made_where_they_are_asked_for,
        forks_fail_at_the_limit, a_bomb_is_held, what_needs_too_much_memory_is_killed_in_its_group_alone,
        processor_time_is_taken_away, processors_are_chosen, root_inside_writes_no_limit,
        whoever_owns_the_groups_lifts_no_limit, nothing_is_left_of_a_start_that_fails,
        nothing_is_left_of_what_goes_on, nested_groups_go_too, however_deep_groups_are_they_go, what_is_frozen_ends, runs_leave_no_group,
        a_killed_launcher_leaves_groups_to_the_next, a_live_one_keeps_its_groups, others_cannot_hold_the_lock,
        what_is_asked_of_a_file_system_that_cannot_be_written, without_groups_there_are_no_limits,
        the_first_group_of_a_namespace_is_left, what_the_kernel_does_not_take_is_told_with_its_file;
    as_user: without_delegation_it_says_who_could_help, the_advice_helps, a_delegated_group_is_enough,
        whoever_has_delegated_groups_lifts_no_limit, nothing_is_left_of_an_ordinary_users_start_that_fails;
}

/// A limit: its option, the controller, and what a file of version 1 and one of version 2 say then.
struct Limit {
    option: &'static str,
    controller: &'static str,
    old: (&'static str, &'static str),
    new: (&'static str, &'static str),
}

const fn limit(
    option: &'static str,
    controller: &'static str,
    old: (&'static str, &'static str),
    new: (&'static str, &'static str),
) -> Limit {
    Limit { option, controller, old, new }
}

const PIDS: Limit = limit("--pids-limit=20", "pids", ("pids.max", "20"), ("pids.max", "20"));

const LIMITS: [Limit; 11] = [
    PIDS,
    limit("-m64m", "memory", ("memory.limit_in_bytes", "67108864"), ("memory.max", "67108864")),
    limit("--memory-reservation=32m", "memory", ("memory.soft_limit_in_bytes", "33554432"), ("memory.low", "33554432")),
    limit("--memory-swap=96m", "memory", ("memory.memsw.limit_in_bytes", "100663296"), ("memory.swap.max", "33554432")),
    limit("--cpus=0.5", "cpu", ("cpu.cfs_quota_us", "50000"), ("cpu.max", "50000 100000")),
    limit("--cpus=0.5", "cpu", ("cpu.cfs_period_us", "100000"), ("cpu.max", "50000 100000")),
    limit("--cpu-shares=512", "cpu", ("cpu.shares", "512"), ("cpu.weight", "20")),
    limit("--cpuset-cpus=0", "cpuset", ("cpuset.cpus", "0"), ("cpuset.cpus", "0")),
    limit("--cpuset-mems=0", "cpuset", ("cpuset.mems", "0"), ("cpuset.mems", "0")),
    limit("--cgroup=cgroup.max.depth=3", "cgroup", ("", ""), ("cgroup.max.depth", "3")),
    limit("--cgroup=pids.max=20", "pids", ("pids.max", "20"), ("pids.max", "20")),
];

impl Limit {
    /// Where it is on this machine: the hierarchy, the file and its value.
    fn here(&self) -> Option<(Hierarchy, &'static str, &'static str)> {
        let hierarchy = cgroups::of(self.controller)?;
        let (file, value) = if hierarchy.is_unified() { self.new } else { self.old };
        // The kernel may count no swap.
        let has_file = !file.contains("swap") && !file.contains("memsw") || has_swap(&hierarchy);
        has_file.then_some((hierarchy, file, value))
    }
}

fn has_swap(memory: &Hierarchy) -> bool {
    let file = if memory.is_unified() { "memory.swap.max" } else { "memory.memsw.limit_in_bytes" };
    let group = if memory.is_unified() { below(&memory.root).pop() } else { Some(memory.root.clone()) };
    group.is_some_and(|group| group.join(file).exists())
}

/// The hierarchy of a controller, without which there is no such limit here.
fn needs(who: &Who, controller: &str) -> Hierarchy {
    cgroups::of(controller).unwrap_or_else(|| who.skip(&format!("no controller {controller} on this machine")))
}

/// What a file of the container's own group says, wherever it is shown inside.
fn cat(file: &str) -> String {
    format!("cat /sys/fs/cgroup/{file} /sys/fs/cgroup/*/{file} 2>/dev/null; true")
}

fn each_limit_is_read_back_inside_and_outside(who: &Who) {
    let (place, mark) = (Place::new(), mark());
    let here: Vec<_> = LIMITS.iter().filter_map(|limit| Some((limit, limit.here()?))).collect();
    let place_option = place.option();
    let mut options: Vec<&str> = here.iter().map(|(limit, _)| limit.option).collect();
    options.push(&place_option);
    let script = here.iter().map(|(_, (_, file, _))| format!("echo {file} $({})\n", cat(file))).collect::<String>();
    let running = who.start(&options, &["sh", "-c", &format!("{script} sleep {mark}")]);
    let command = sleeper(&mark);
    for (limit, (hierarchy, file, value)) in &here {
        let [own, _] = hierarchy.read(command, file);
        assert_eq!(own.as_deref(), Some(*value), "outside, {file} after {}", limit.option);
        let group = hierarchy.group(command).expect("it lives");
        assert!(group.starts_with(place.group(hierarchy)), "{} is in {}", group.display(), place.name);
        running.expect(&format!("{file} {value}\n"));
    }
    running.signal(Signal::TERM);
    running.finish().exited(143);
    place.is_empty("a normal end");
    let lacking = LIMITS.iter().filter(|limit| limit.here().is_none()).map(|limit| limit.option).collect::<Vec<_>>();
    assert!(here.len() >= 3, "there is something to limit: all but {lacking:?}");
}

fn no_limit_can_be_said(who: &Who) {
    for (option, controller, old, new) in [
        ("--pids-limit", "pids", ("pids.max", "max"), ("pids.max", "max")),
        ("--memory", "memory", ("memory.limit_in_bytes", "9223372036854771712"), ("memory.max", "max")),
        ("--memory-reservation", "memory", ("memory.soft_limit_in_bytes", "9223372036854771712"), ("memory.low", "0")),
        ("--cpus", "cpu", ("cpu.cfs_quota_us", "-1"), ("cpu.max", "max 100000")),
    ] {
        let Some(hierarchy) = cgroups::of(controller) else { continue };
        let (file, value) = if hierarchy.is_unified() { new } else { old };
        for none in ["-1", "0", "max"] {
            who.sh(&[&format!("{option}={none}")], &cat(file)).check(true, format_args!("{option} {none}")).says(value);
        }
    }
}

fn the_last_word_counts(who: &Who) {
    needs(who, "pids");
    who.sh(&["--pids-limit=9", "--pids-limit=10"], &cat("pids.max")).says("10");
    who.sh(&["--cgroup=pids.max=9", "--cgroup=pids.max=11"], &cat("pids.max")).says("11");
}

/// Any file, with the value as the kernel reads it.
fn a_file_can_be_named(who: &Who) {
    let memory = needs(who, "memory");
    let (file, said, read) = match memory.is_unified() {
        true => ("memory.high", "48m", "50331648"),
        false => ("memory.swappiness", "7", "7"),
    };
    who.sh(&[&format!("--cgroup={file}={said}")], &cat(file)).says(read);
    who.run(&["--cgroup=memory.nosuch=1"], &["true"]).refused(125, &["memory.nosuch", "(ENOENT)"]);
    who.run(&["--cgroup=nosuch.file=1"], &["true"]).refused(125, &["nosuch", "no such controller"]);
}

/// A disk that is a file of the test's own.
struct Disk(String, String);

impl Disk {
    fn new(who: &Who, folder: &Path) -> Self {
        let file = folder.join("disk");
        fs::File::create(&file).and_then(|file| file.set_len(1 << 20)).expect("our own folder");
        let name = file.to_str().expect("our name");
        if Run::new("losetup", &["-f", name], None).run().code() != Some(0) {
            who.skip("no loop devices on this machine");
        }
        let shown =
            |path: &Path| fs::read_to_string(path.join("loop/backing_file")).is_ok_and(|file| file.trim() == name);
        let devices = fs::read_dir("/sys/block").expect("/sys is mounted").flatten().map(|entry| entry.path());
        let device = devices.into_iter().find(|path| shown(path)).expect("it is there now");
        let number = fs::read_to_string(device.join("dev")).expect("each has a number").trim().to_string();
        Self(format!("/dev/{}", device.file_name().expect("it has a name").to_string_lossy()), number)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        tool("losetup", &["-d", &self.0]);
    }
}

fn disks_are_limited(who: &Who) {
    let io = needs(who, "io");
    let folder = who.folder();
    let disk = Disk::new(who, folder.path());
    let number = &disk.1;
    let options = [
        format!("--device-read-bps={}:1m", disk.0),
        format!("--device-write-bps={}:2m", disk.0),
        format!("--device-read-iops={}:30", disk.0),
        format!("--device-write-iops={}:40", disk.0),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    if io.is_unified() {
        let value = format!("{number} rbps=1048576 wbps=2097152 riops=30 wiops=40");
        who.sh(&options, &cat("io.max")).says(value);
    } else {
        for (file, value) in [("read_bps", 1 << 20), ("write_bps", 2 << 20), ("read_iops", 30), ("write_iops", 40)] {
            who.sh(&options, &cat(&format!("blkio.throttle.{file}_device"))).says(format!("{number} {value}"));
        }
    }
    let bad = format!("--device-read-bps={}:1m", folder.path().join("disk").display());
    who.run(&[&bad], &["true"]).refused(125, &["limit the rate of", "not a block device"]);
    who.run(&["--device-read-bps=/dev/nosuch:1m"], &["true"]).refused(125, &["/dev/nosuch", "(ENOENT)"]);
}

/// Which file there is, tells the disks' scheduler.
fn weights_are_written(who: &Who) {
    let io = needs(who, "io");
    let weights: &[(&str, &str)] = match io.is_unified() {
        true => &[("io.bfq.weight", "default 500"), ("io.weight", "default 4950")],
        false => &[("blkio.bfq.weight", "500"), ("blkio.weight", "500")],
    };
    let outcome =
        who.sh(&["--blkio-weight=500"], "grep -h . /sys/fs/cgroup/*weight /sys/fs/cgroup/*/*weight 2>/dev/null");
    if outcome.code() == Some(125) {
        outcome.refused(125, &["weight", "(ENOENT)"]);
        who.skip("no disk scheduler with weights on this machine");
    }
    let has = weights.iter().any(|(_, value)| outcome.out().lines().any(|line| line == *value));
    outcome.check(has, "the weight is there");
}

fn groups_are_made_where_they_are_asked_for(who: &Who) {
    let (place, mark) = (Place::new(), mark());
    let pids = needs(who, "pids");
    // The path is one in each hierarchy, with or without the first slash.
    for parent in [format!("{}/a/b", place.name), format!("{}/c/", &place.name[1..])] {
        let running = who.start(&["--cgroup-parent", &parent, "--pids-limit=20"], &["sleep", &mark]);
        let group = pids.group(sleeper(&mark)).expect("it lives");
        assert!(group.starts_with(pids.root.join(parent.trim_matches('/'))), "{} in {parent}", group.display());
        running.signal(Signal::TERM);
        running.finish().exited(143);
        eventually("its end", || process::naming(&mark).is_empty());
    }
    who.run(&["--cgroup-parent=/a/../b", "--pids-limit=20"], &["true"]).refused(125, &["--cgroup-parent"]);
}

/// The init counts too.
fn forks_fail_at_the_limit(who: &Who) {
    needs(who, "pids");
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & echo $i; done";
    let outcome = who.sh(&["--pids-limit=6", "--stop-timeout=1s"], script);
    outcome.check(outcome.out().lines().count() == 4, "six processes: init, shell and four more");
    outcome.check(outcome.code() != Some(0) && outcome.err().contains("temporarily unavailable"), "EAGAIN");
    // Not one that is to begin with.
    who.run(&["--pids-limit=1"], &["true"]).refused(125, &["--pids-limit leaves no room"]);
}

/// The tutorial's: of a fork bomb the host feels nothing. Around it is a second limit, of the test's own.
fn a_bomb_is_held(who: &Who) {
    let (place, pids) = (Place::new(), needs(who, "pids"));
    if pids.is_unified() {
        fs::write(pids.root.join("cgroup.subtree_control"), "+pids").expect("root may");
    }
    fs::create_dir(place.group(&pids)).expect("root may");
    fs::write(place.group(&pids).join("pids.max"), "100").expect("root may");
    // A shell that cannot fork ends; the first one stays.
    let script = "b() { b | b & }; (while :; do b; done) 2>/dev/null & echo begun; read line";
    let running = who.start(&[&place.option(), "--pids-limit=12"], &["sh", "-c", script]);
    running.expect("begun");
    let current = || {
        let all = fs::read_to_string(place.group(&pids).join("pids.current")).expect("it is there");
        all.trim().parse::<u32>().expect("a number")
    };
    eventually("it hits the limit", || {
        below(&place.group(&pids)).iter().any(|group| {
            let events = fs::read_to_string(group.join("pids.events")).unwrap_or_default();
            events.lines().any(|line| line.starts_with("max ") && line != "max 0")
        })
    });
    for _ in 0..200 {
        let now = current();
        assert!(now <= 12, "{now} processes");
        thread::sleep(Duration::from_millis(1));
    }
    running.signal(Signal::TERM);
    let outcome = running.finish();
    outcome.check(outcome.code().is_some_and(|code| code != 125), "it ends when it is told to");
    place.is_empty("a bomb");
}

/// Takes so many MiB.
fn hog(megabytes: u32) -> String {
    format!("dd if=/dev/zero of=/dev/null bs={megabytes}M count=1 2>/dev/null")
}

fn what_needs_too_much_memory_is_killed_in_its_group_alone(who: &Who) {
    needs(who, "memory");
    let mark = mark();
    let beside = who.start(&["-m64m"], &["sleep", &mark]);
    sleeper(&mark);
    who.sh(&["-m64m", "--memory-swap=64m"], &format!("{}; echo $?", hog(200))).says("137");
    who.sh(&["-m64m", "--memory-swap=64m"], &format!("{}; echo $?", hog(20))).says("0");
    // What begins at once may have the init killed before that has said that it has begun.
    who.sh(&["-m2m", "--memory-swap=2m"], &format!("sleep 0.1; exec {}", hog(100))).exited(137);
    assert!(process::sleeper(&mark).is_some(), "one beside it lives");
    beside.signal(Signal::TERM);
    beside.finish().exited(143);
}

fn processor_time_is_taken_away(who: &Who) {
    let cpu = needs(who, "cpu");
    let (place, mark) = (Place::new(), mark());
    let running =
        who.start(&[&place.option(), "--cpus=0.05"], &["sh", "-c", &format!("sleep {mark} & while :; do :; done")]);
    let command = sleeper(&mark);
    eventually("it is throttled", || {
        cpu.read(command, "cpu.stat").into_iter().flatten().any(|text| {
            let counted = text.lines().find_map(|line| line.strip_prefix("nr_throttled "));
            counted.is_some_and(|count| count != "0")
        })
    });
    running.signal(Signal::TERM);
    running.finish();
    place.is_empty("throttling");
}

fn processors_are_chosen(who: &Who) {
    needs(who, "cpuset");
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let own =
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("the kernel says it").trim();
    let last = own.rsplit([',', '-']).next().expect("there is one");
    let script = "sed -n 's/^Cpus_allowed_list:\\t//p' /proc/self/status";
    who.sh(&["--cpuset-cpus", last], script).says(last);
    who.run(&["--cpuset-cpus=999"], &["true"]).exited(125).check(true, "no such processor");
}

fn root_inside_writes_no_limit(who: &Who) {
    needs(who, "pids");
    for userns in ["auto", "identity"] {
        let script = "for file in /sys/fs/cgroup/pids.max /sys/fs/cgroup/*/pids.max; do \
            [ ! -e $file ] || (echo max >$file); done; ";
        let outcome =
            who.sh(&[&format!("--userns={userns}"), "--pids-limit=20"], &format!("{script}{}", cat("pids.max")));
        outcome
            .check(outcome.out().trim_end() == "20", "it is as it was")
            .check(outcome.err().contains("Read-only"), "why");
    }
}

/// Mounts the hierarchy anew, in whatever namespaces it takes, writes that nothing is limited, and forks.
const LIFT: &str = "mkdir /tmp/m && mount -t cgroup -o pids none /tmp/m 2>/dev/null || mount -t cgroup2 none /tmp/m || exit 9; \
    mkdir /tmp/m/in; echo $$ >/tmp/m/in/cgroup.procs; \
    unshare -C sh -c 'echo max >/tmp/m/pids.max; echo max >/tmp/m/in/pids.max'; \
    [ \"$(cat /tmp/m/pids.max)\" = max ] && echo it says max; \
    i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; echo all forked";

#[track_caller]
fn is_not_lifted(outcome: &Outcome) {
    outcome.check(outcome.out().trim_end() == "it says max", "it writes to a group, and that does not help");
    outcome.check(outcome.err().contains("fork"), "no more processes than before");
}

/// Root inside is root outside: he owns the files. He can mount them, given the capability, or in a user namespace of his own.
fn whoever_owns_the_groups_lifts_no_limit(who: &Who) {
    needs(who, "pids");
    let nested = ["unshare", "-Ur", "-m", "-C", "sh", "-c", LIFT];
    for (options, command) in [
        (["--userns=identity", "--cap-add=sys_admin"], &["sh", "-c", LIFT][..]),
        (["--userns=identity", "--cap-add=chown"], &nested),
        (["--userns=host", "--cap-add=chown"], &nested),
    ] {
        let options =
            [&options[..], &["--pids-limit=20", "--stop-timeout=1s", "--security-opt=seccomp=unconfined"]].concat();
        is_not_lifted(&who.run_in("/", &options, command).run());
    }
}

/// What fails, at one step after the other.
const FAILURES: [(&[&str], &[&str]); 6] = [
    (&["--workdir=/nosuch"], &["true"]),
    (&[], &["/nosuch"]),
    (&["--user=nobody-such"], &["true"]),
    (&["--cgroup=pids.nosuch=1"], &["true"]),
    (&["--cgroup=pids.max=none"], &["true"]),
    (&["--network=ns:/nosuch"], &["true"]),
];

fn nothing_is_left_of_a_start_that_fails(who: &Who) {
    let place = Place::new();
    needs(who, "pids");
    let option = place.option();
    let limits = [&option, "--pids-limit=20", "-m64m", "--cgroups=required"];
    let limits = &limits[..if cgroups::of("memory").is_some() { 4 } else { 2 }];
    for (options, command) in FAILURES {
        let outcome = who.run(&[limits, options].concat(), command);
        outcome.check(matches!(outcome.code(), Some(125 | 127)), "it fails");
        place.is_empty(&format!("{options:?} {command:?}"));
    }
    if cgroups::of("cpuset").is_some() {
        who.run(&[limits, &["--cpuset-cpus=999"]].concat(), &["true"]).exited(125);
        place.is_empty("a processor that there is not");
    }
    for call in [libc::SYS_clone3, libc::SYS_pivot_root, libc::SYS_mkdirat] {
        let run = who.run_in(&who.rootfs(), limits, &["true"]).refuse(call, libc::EAGAIN);
        run.run().exited(125);
        place.is_empty(&format!("a refused call {call}"));
    }
}

/// With the machine's pids there is nobody who kills them all at the end, but their group does.
fn nothing_is_left_of_what_goes_on(who: &Who) {
    let (place, mark) = (Place::new(), mark());
    needs(who, "pids");
    let script = format!("for i in 1 2 3; do setsid sleep {mark} & done; read line");
    let option = place.option();
    for options in [&["--pid=host", "--fs=dev"][..], &["--pid=host", "--fs=dev", "--no-init"], &[]] {
        let options = [options, &[&option, "--pids-limit=20"]].concat();
        let mut running = who.start(&options, &["sh", "-c", &script]);
        eventually("they sleep", || process::sleepers(&mark) == 3);
        running.send("go");
        running.finish().exited(0);
        eventually("the end of all", || process::naming(&mark).is_empty());
        place.is_empty(&format!("{options:?}"));
    }
}

/// Starts `sleep MARK` with its groups in the place, in every hierarchy that limits processes or nothing at all.
fn start_in(who: &Who, place: &Place, mark: &str) -> (Running, u32) {
    let mut options = vec!["--pids-limit=20".to_string(), place.option()];
    if cgroups::of("cgroup").is_some() {
        options.push("--cgroup=cgroup.max.depth=5".to_string());
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let running = who.start(&options, &["sh", "-c", &format!("sleep {mark} & wait")]);
    (running, sleeper(mark))
}

/// Makes a group in a container's from outside, and takes a process there.
fn nest(hierarchy: &Hierarchy, pid: u32) -> PathBuf {
    let group = hierarchy.group(pid).expect("it lives").join("in/deep");
    fs::create_dir_all(&group).expect("root may");
    fs::write(group.join("cgroup.procs"), pid.to_string()).expect("root may");
    group
}

fn nested_groups_go_too(who: &Who) {
    needs(who, "pids");
    for signal in [Signal::TERM, Signal::KILL] {
        let (place, mark) = (Place::new(), mark());
        let (running, pid) = start_in(who, &place, &mark);
        for hierarchy in hierarchies().iter().filter(|one| !below(&place.group(one)).is_empty()) {
            nest(hierarchy, pid);
        }
        running.signal(signal);
        running.finish();
        if signal == Signal::KILL {
            who.run(&["--pids-limit=20", &place.option()], &["true"]).ok();
            if cgroups::of("cgroup").is_some() {
                who.run(&["--cgroup=cgroup.max.depth=5", &place.option()], &["true"]).ok();
            }
        }
        place.is_empty("nested groups");
    }
}

/// Deeper than descriptors reach.
fn however_deep_groups_are_they_go(who: &Who) {
    let pids = needs(who, "pids");
    let (place, mark) = (Place::new(), mark());
    let words = ["run", "--pids-limit=20", &place.option(), &who.rootfs(), "sleep", &mark];
    let running = who.program("prlimit", &[&["--nofile=48", &who.binary("aril")], &words[..]].concat()).start();
    running.sleeper(&mark);
    let group = below(&place.group(&pids)).into_iter().next().expect("it has one");
    let deep = "cd \"$1\" && for n in $(seq 90); do mkdir a b && cd b || exit; done";
    tool("sh", &["-c", deep, "sh", &group.display().to_string()]);
    running.signal(Signal::TERM);
    running.finish().exited(143);
    place.is_empty("a deep chain");
}

fn what_is_frozen_ends(who: &Who) {
    let unified = needs(who, "cgroup");
    needs(who, "pids");
    for signal in [Signal::TERM, Signal::KILL] {
        let (place, mark) = (Place::new(), mark());
        let (running, pid) = start_in(who, &place, &mark);
        let group = nest(&unified, pid);
        fs::write(group.join("cgroup.freeze"), "1").expect("root may");
        running.signal(signal);
        running.finish();
        eventually("its end", || process::naming(&mark).is_empty());
        if signal == Signal::KILL {
            who.run(&["--pids-limit=20", "--cgroup=cgroup.max.depth=5", &place.option()], &["true"]).ok();
        }
        place.is_empty("a frozen process");
    }
}

fn is_long() -> bool {
    std::env::var_os("ARIL_LONG").is_some()
}

fn runs_leave_no_group(who: &Who) {
    let place = Place::new();
    needs(who, "pids");
    let memory: &[&str] = if cgroups::of("memory").is_some() { &["-m64m"] } else { &[] };
    let option = place.option();
    let options = [&[&option, "--pids-limit=20"], memory].concat();
    for round in 0..if is_long() { 1000 } else { 200 } {
        who.run(&options, &["true"]).ok();
        place.is_empty(&format!("run {round}"));
    }
}

/// Some moment; std's hasher is seeded at random.
fn moment(window: Duration) -> Duration {
    window.mul_f64(f64::from(RandomState::new().hash_one(0) as u32) / f64::from(u32::MAX))
}

fn start_time(who: &Who, options: &[&str]) -> Duration {
    let begin = Instant::now();
    const STARTS: u32 = 10;
    for _ in 0..STARTS {
        who.run(options, &["true"]).ok();
    }
    begin.elapsed() / STARTS * 3 / 2
}

fn a_killed_launcher_leaves_groups_to_the_next(who: &Who) {
    let (place, mark) = (Place::new(), mark());
    needs(who, "pids");
    let memory: &[&str] = if cgroups::of("memory").is_some() { &["-m64m"] } else { &[] };
    let option = place.option();
    let options = [&[&option, "--pids-limit=20"], memory].concat();
    let window = start_time(who, &options);
    let mut left = 0;
    for round in 0..if is_long() { 200 } else { 50 } {
        let moment = moment(window);
        let running = who.start(&options, &["sleep", &mark]);
        thread::sleep(moment);
        running.signal(Signal::KILL);
        let outcome = running.finish();
        outcome.check(outcome.signal() == Some(9), format_args!("round {round}: killed after {moment:?}"));
        left += usize::from(!place.groups().is_empty());
    }
    eventually("the end of all", || process::naming(&mark).is_empty());
    who.run(&options, &["true"]).ok();
    place.is_empty("the run after the kills");
    assert!(left > 0, "some were killed while they had groups");
}

/// While others are killed, and swept away by whoever comes next.
fn a_live_one_keeps_its_groups(who: &Who) {
    const COUNT: usize = 50;
    let (place, mark) = (Place::new(), mark());
    let pids = needs(who, "pids");
    let option = place.option();
    let options = [option.as_str(), "--pids-limit=20"];
    let window = start_time(who, &options);
    let mut all = Vec::new();
    let kill_one = || {
        let running = who.start(&options, &["sleep", &mark]);
        thread::sleep(moment(window));
        running.signal(Signal::KILL);
        running.finish();
    };
    thread::scope(|scope| {
        // Starts race with starts, sweeps and ends.
        let killers = scope.spawn(|| (0..COUNT).for_each(|_| kill_one()));
        let batches: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let script = format!("echo here; read line; {}", cat("pids.max"));
                    (0..COUNT / 2).map(|_| who.start(&options, &["sh", "-c", &script])).collect::<Vec<_>>()
                })
            })
            .collect();
        all.extend(batches.into_iter().flat_map(|batch| batch.join().expect("it starts them")));
        killers.join().expect("it kills");
    });
    kill_one();
    for running in &all {
        running.expect("here");
        let init = running.init();
        assert_eq!(pids.read(init, "pids.max")[0].as_deref(), Some("20"), "its limit is in place");
    }
    for mut running in all {
        running.send("go");
        running.finish().ok().says("here\n20");
    }
    eventually("the end of all", || process::naming(&mark).is_empty());
    who.run(&options, &["true"]).ok();
    place.is_empty("everything");
}

/// Whoever could open it might wait for the lock, and keep what is dead.
fn others_cannot_hold_the_lock(who: &Who) {
    let (place, mark) = (Place::new(), mark());
    let pids = needs(who, "pids");
    let running = who.start(&[&place.option(), "--pids-limit=20"], &["sleep", &mark]);
    let group = pids.group(sleeper(&mark)).expect("it lives");
    let locked = fs::read_to_string("/proc/locks").expect("/proc is mounted");
    let mut found = 0;
    for entry in fs::read_dir(&group).expect("root may").flatten() {
        let inode = rustix::fs::stat(entry.path()).expect("it is there").st_ino;
        if locked.lines().any(|line| line.contains("FLOCK") && line.contains(&format!(":{inode} "))) {
            found += 1;
            let path = entry.path().display().to_string();
            let script = "(: <\"$1\") 2>/dev/null || (: >>\"$1\") 2>/dev/null || echo closed";
            let open = Run::new("sh", &["-c", script, "sh", &path], Some(20002)).run();
            open.check(open.out().trim() == "closed", "nobody else opens what is locked");
        }
    }
    assert!(found > 0, "there is a lock in {}", group.display());
    running.signal(Signal::TERM);
    running.finish();
}

/// Makes every hierarchy read-only, in a mount namespace.
fn read_only() -> String {
    let each = hierarchies().into_iter().map(|one| format!("mount -o remount,bind,ro {}; ", one.root.display()));
    format!("mount --make-rprivate /; {}:", each.collect::<String>())
}

#[track_caller]
fn aril_there(who: &Who, script: &str, options: &[&str]) -> Outcome {
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    let words = [&[&aril, "run"], options, &[&rootfs, "echo", "ran"]].concat();
    who.prepared(script, &words).run()
}

fn what_is_asked_of_a_file_system_that_cannot_be_written(who: &Who) {
    needs(who, "pids");
    let script = read_only();
    aril_there(who, &script, &["--pids-limit=20"]).refused(125, &["(EROFS)", "read-only", "--cgroups off"]);
    aril_there(who, &script, &[]).prints("ran");
    aril_there(who, &script, &["--pids-limit=20", "--cgroups=off"]).prints("ran");
    let best = aril_there(who, &script, &["--pids-limit=20", "--cgroups=best"]);
    best.exited(0).says("ran").check(best.err().contains("going on without"), "it is told");
}

fn without_groups_there_are_no_limits(who: &Who) {
    let script = "mount --make-rprivate /; umount -R /sys/fs/cgroup";
    let none = "no control groups are mounted";
    aril_there(who, script, &["--pids-limit=20"]).refused(125, &["limit pids", none, "mount -t cgroup2"]);
    aril_there(who, script, &[]).prints("ran");
    aril_there(who, script, &["--pids-limit=20", "--cgroups=off"]).prints("ran");
    let best = aril_there(who, script, &["--pids-limit=20", "--cgroups=best"]);
    best.exited(0).says("ran").check(best.err().contains("no controller pids"), "it is told");
}

/// A container's own: the first group that it sees is none that may have processes and limited parts.
fn the_first_group_of_a_namespace_is_left(who: &Who) {
    if !needs(who, "pids").is_unified() {
        who.skip("version 1 lets a group have both");
    }
    let place = Place::new();
    place.delegate(&["pids"], 0);
    let mount = "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup";
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    let call = |before: &str, after: &str| {
        let script =
            format!("{mount}; {before} {aril} run --pids-limit=20 {rootfs} sh -c '{}' {after}", cat("pids.max"));
        who.prepared(&place.enter(), &["unshare", "-C", "-m", "sh", "-c", &script]).run()
    };
    for round in 0..2 {
        call("exec", "").prints("20");
        place.is_empty(&format!("round {round}"));
        let group = place.group(&cgroups::of("pids").expect("it was there"));
        let limited = fs::read_to_string(group.join("cgroup.subtree_control")).expect("it is there");
        assert_eq!(limited.trim(), "", "nothing is limited below it any more");
    }
    call("", "; exit $?").refused(125, &["(EBUSY)", "other processes", "systemd-run --scope"]);
    place.is_empty("others");
}

fn what_the_kernel_does_not_take_is_told_with_its_file(who: &Who) {
    let (place, set) = (Place::new(), needs(who, "cpuset"));
    let group = place.group(&set).display().to_string();
    // There is none, but kernels know that number.
    let outcome = who.run(&[&place.option(), "--cpuset-cpus=1000"], &["true"]);
    outcome.refused(125, &["write 1000 to its cpuset.cpus", &format!("that file, or its .effective, in {group}\n")]);
}

fn without_delegation_it_says_who_could_help(who: &Who) {
    let pids = needs(who, "pids");
    let outcome = who.run(&["--pids-limit=20"], &["true"]);
    let helper = if Path::new("/run/systemd/system").exists() { "systemd-run --user" } else { "as root: " };
    outcome.refused(125, &["control group", &pids.root.display().to_string(), "(EACCES)", helper]);
    who.run(&["--pids-limit=20", "--cgroups=off"], &["true"]).ok();
    let best = who.run(&["--pids-limit=20", "--cgroups=best"], &["echo", "ran"]);
    best.exited(0).says("ran").check(best.err().contains("going on without"), "it is told");
}

/// What the advice has root do, done by root, in a shell of the user's.
fn the_advice_helps(who: &Who) {
    who.needs_root_behind();
    needs(who, "pids");
    let given = cgroups::Given::to(who.uid());
    let shell = "while read line; do eval \"$line\" 2>&1; echo \"status $?\"; done";
    let mut running = who.program("sh", &["-c", shell]).start();
    let call = |options: &str| format!("{} run --pids-limit=20 {options} {} true", who.binary("aril"), who.rootfs());
    running.send(&call(""));
    running.expect("status 125");
    let said = running.said();
    let Some((_, advice)) = said.split_once("as root: ") else { who.skip("this machine's advice is another one") };
    let advice = advice.lines().next().unwrap_or_default();
    let (commands, more) = advice.split_once("; then aril run ").unwrap_or((advice, ""));
    tool("sh", &["-c", commands]);
    running.send(&call(more));
    running.expect("status 0");
    running.finish().exited(0);
    drop(given);
}

/// Root makes the group, gives it to the user and puts his shell there, which becomes aril.
fn a_delegated_group_is_enough(who: &Who) {
    who.needs_root_behind();
    let pids = needs(who, "pids");
    let controllers: Vec<&str> = ["pids", "memory"].into_iter().filter(|name| cgroups::of(name).is_some()).collect();
    let place = Place::new();
    place.delegate(&controllers, who.uid());
    let memory: &[&str] = if controllers.len() > 1 { &["-m64m"] } else { &[] };
    let options = [&["--pids-limit=20"], memory].concat();
    let rootfs = who.rootfs();
    let script = cat("pids.max");
    let aril = who.binary("aril");
    let words = [&[aril.as_str(), "run"], &options[..], &[&rootfs, "sh", "-c", &script]].concat();
    let enter = place.enter();
    for round in 0..3 {
        who.prepared(&enter, &words).run().prints("20");
        place.is_empty(&format!("round {round}"));
    }
    if pids.is_unified() {
        let limited = fs::read_to_string(place.group(&pids).join("cgroup.subtree_control")).expect("it is there");
        assert_eq!(limited.trim(), "", "nothing is limited below it any more");
        // Whoever starts aril stays in the group with it.
        let around = [&["sh", "-c", "\"$@\"; exit $?", "sh"], &words[..]].concat();
        who.prepared(&enter, &around).run().refused(125, &["(EBUSY)", "other processes", "systemd-run --scope"]);
        place.is_empty("a group with others");
    }
}

fn whoever_has_delegated_groups_lifts_no_limit(who: &Who) {
    who.needs_root_behind();
    needs(who, "pids");
    let place = Place::new();
    place.delegate(&["pids"], who.uid());
    let aril = who.binary("aril");
    for (option, command) in [
        ("--cap-add=sys_admin", &["sh", "-c", LIFT][..]),
        ("--cap-add=chown", &["unshare", "-Ur", "-m", "-C", "sh", "-c", LIFT]),
    ] {
        let unconfined = "--security-opt=seccomp=unconfined";
        let words =
            [&[&aril, "run", "--pids-limit=20", "--stop-timeout=1s", unconfined, option, "/"], command].concat();
        is_not_lifted(&who.prepared(&place.enter(), &words).run());
        place.is_empty("an attempt");
    }
}

fn nothing_is_left_of_an_ordinary_users_start_that_fails(who: &Who) {
    who.needs_root_behind();
    let pids = needs(who, "pids");
    let place = Place::new();
    place.delegate(&["pids"], who.uid());
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    for (options, command) in FAILURES {
        let words = [&[&aril, "run", "--pids-limit=20"], options, &[&rootfs], command].concat();
        let outcome = who.prepared(&place.enter(), &words).run();
        outcome.check(matches!(outcome.code(), Some(125 | 127)), "it fails");
        place.is_empty(&format!("{options:?} {command:?}"));
        if pids.is_unified() {
            let limited = fs::read_to_string(place.group(&pids).join("cgroup.subtree_control")).expect("it is there");
            assert_eq!(limited.trim(), "", "after {options:?}");
        }
    }
}
