//! Many containers, one after another and at once: the machine is afterwards what it was. In a long run 100,000 and 1,000; it
//! prints what the machine had before and after.

use crate::support::{Who, cgroups::Place, comes, eventually, mark, process, traces};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::thread;

crate::tests! {
    both: one_after_another, all_at_once;
}

fn is_long() -> bool {
    std::env::var_os("ARIL_LONG").is_some()
}

/// Held by the one of these tests that runs: they measure the machine.
static MACHINE: Mutex<()> = Mutex::new(());

/// What the whole machine has of that which a container takes for a while.
struct Machine {
    /// The kernel's memory that it cannot reclaim, with that of each processor, of page tables and kernel stacks, in KiB.
    memory: u64,
    open_files: u64,
    groups: u64,
    zombies: usize,
}

impl Machine {
    fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).expect("/proc is mounted");
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok()).expect("a number");
        let table = read("/proc/meminfo");
        let lines = table.lines().filter_map(|line| line.split_once(':'));
        let kept = lines.filter(|(name, _)| ["SUnreclaim", "KernelStack", "PageTables", "Percpu"].contains(name));
        let memory = kept.map(|(_, size)| number(size.split_whitespace().next())).sum();
        let open_files = number(read("/proc/sys/fs/file-nr").split_whitespace().next());
        let table = read("/proc/cgroups");
        // Each hierarchy once, however many controllers it has.
        let lines = table.lines().filter(|line| !line.starts_with('#')).map(str::split_whitespace);
        let hierarchies: BTreeMap<_, _> = lines.map(|mut line| (line.nth(1), number(line.next()))).collect();
        let groups = hierarchies.values().sum();
        Self { memory, open_files, groups, zombies: process::zombies("aril") }
    }

    /// Waits until there is no more than before: what ends behind the caller's back, groups first of all, takes the kernel a
    /// moment, and other tests take more for a while. In a long run 24 MiB are 240 bytes of each container's: less than any object
    /// of the kernel's that one has. Of those that have groups there are more than the room for groups.
    #[track_caller]
    fn is_again(before: &Self) -> Self {
        let (room, groups) = if is_long() { (24 << 10, 50) } else { (64 << 10, 20) };
        let mut after = Self::now();
        let so = comes(|| {
            after = Self::now();
            after.zombies == 0
                && after.open_files < before.open_files + 1000
                && after.memory < before.memory + room
                && after.groups <= before.groups + groups
        });
        assert!(so, "the machine is not as it was: {} -> {}", before.told(), after.told());
        after
    }

    fn told(&self) -> String {
        let Self { memory, open_files, groups, zombies } = self;
        format!("{memory} KiB of the kernel's, {open_files} open files, {groups} groups, {zombies} zombies")
    }
}

/// Files and mounts; what else of the machine's changes is others'.
fn files_and_mounts(rootfs: &Path) -> [BTreeSet<String>; 2] {
    [traces::tree(rootfs), traces::mounts()]
}

/// Root's each tenth with a limit and a name of its own, so that groups and records come and go too.
fn run(who: &Who, rootfs: &str, place: Option<&Place>, rounds: usize) {
    for round in 0..rounds {
        let special = place.map(|place| [place.option(), "--pids-limit=20".into(), format!("--name={}", mark())]);
        let special = special.filter(|_| round % 10 == 0);
        let options: Vec<&str> = special.iter().flatten().map(String::as_str).collect();
        let mut command = who.run_in(rootfs, &options, &["/bin/true"]).command();
        let output = command.stdin(Stdio::null()).output().expect("it can be started");
        assert!(output.status.success() && output.stderr.is_empty(), "round {round}: {output:?}");
    }
}

fn one_after_another(who: &Who) {
    /// So many at once that both processors are busy.
    const THREADS: usize = 2;
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let rounds = if is_long() { 100_000 } else { 400 };
    let (rootfs, place) = (who.own_rootfs(&["proc"]), who.is_root().then(Place::new));
    run(who, rootfs.str(), place.as_ref(), 100); // what is kept for the next time is there
    let (things, before) = (files_and_mounts(rootfs.path()), Machine::now());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| run(who, rootfs.str(), place.as_ref(), rounds / THREADS));
        }
    });
    eventually("files and mounts as they were", || things == files_and_mounts(rootfs.path()));
    if let Some(place) = &place {
        place.is_empty("many containers");
    }
    let after = Machine::is_again(&before);
    println!("{rounds} containers one after another: {} -> {}", before.told(), after.told());
}

fn all_at_once(who: &Who) {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, mark, rootfs) = (if is_long() { 1000 } else { 50 }, mark(), who.own_rootfs(&["proc"]));
    let (things, before) = (files_and_mounts(rootfs.path()), Machine::now());
    let mut running = Vec::new();
    for _ in 0..count {
        let mut command = who.run_in(rootfs.str(), &[], &["sleep", &mark]).command();
        running.push(command.stdin(Stdio::null()).spawn().expect("it can be started"));
    }
    eventually("all of them", || process::sleepers(&mark) == count);
    let during = Machine::now();
    for child in &running {
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is not waited for yet");
    }
    for mut child in running {
        assert_eq!(child.wait().expect("our own child").code(), Some(143));
    }
    eventually("files and mounts as they were", || things == files_and_mounts(rootfs.path()));
    let after = Machine::is_again(&before);
    println!("{count} containers at once: {} -> {} -> {}", before.told(), during.told(), after.told());
    assert!(process::naming(&mark).is_empty());
}
