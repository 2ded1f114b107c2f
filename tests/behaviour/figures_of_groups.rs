//! What containers use, told at the end and while they run; their pause; and limits that are changed meanwhile. Read back from
//! the kernel's own files, on whatever layout the machine has; what there is of version 1 is tried without version 2 too.

use crate::containers::{Place, name};
use crate::support::cgroups::{self, Hierarchy, below};
use crate::support::{Run, Running, Terminal, Who, eventually, mark, process};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

crate::tests! {
    as_root: what_needs_too_much_memory_is_told, a_whole_group_that_is_killed_is_told, a_start_without_memory_says_so,
        the_groups_tell_at_the_end, a_limit_that_was_hit_is_named, they_tell_while_it_runs,
        a_table_is_told_anew_until_the_end, a_paused_one_stands_still, a_paused_one_can_be_killed,
        a_paused_one_goes_with_its_launcher, other_limits_hold_at_once, of_groups_as_many_as_from_the_start, memory_goes_up_and_down,
        what_cannot_be_changed_changes_nothing, none_is_left;
    both: without_groups_the_kernel_tells_of_processes, a_file_for_the_figures_is_opened_first,
        what_has_no_group_is_not_paused, visits_say_what_they_take;
}

/// Grows until it is killed.
const HOG: &str = "x=x; while :; do x=$x$x; done";

/// What is told of a container that has ended, in this order.
const NAMES: [&str; 19] = [
    "name",
    "status",
    "signal",
    "wall_us",
    "user_us",
    "system_us",
    "memory_peak",
    "memory_limit",
    "memory_reached",
    "oom_kills",
    "throttled",
    "throttled_us",
    "pids_peak",
    "pids_limit",
    "pids_refused",
    "read_bytes",
    "written_bytes",
    "pressure",
    "limit_hit",
];

fn needs(who: &Who, controller: &str) -> Hierarchy {
    cgroups::of(controller).unwrap_or_else(|| who.skip(&format!("no controller {controller} on this machine")))
}

/// A line of figures with all its names in their order.
#[track_caller]
fn figures(line: &str) -> Value {
    let mut rest = line;
    for name in NAMES {
        let at = rest.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name} in its place: {line}"));
        rest = &rest[at..];
    }
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn what_needs_too_much_memory_is_told(who: &Who) {
    needs(who, "memory");
    let outcome = who.sh(&["-m", "8m"], HOG);
    outcome.exited(137);
    let err = outcome.err();
    let known =
        ["aril: killed: out of memory (limit 8 MiB, peak 8 MiB)\n", "aril: killed: out of memory (limit 8 MiB)\n"];
    let nearly = err.starts_with("aril: killed: out of memory (limit 8 MiB, peak 7.9 MiB)\n");
    outcome.check(known.contains(&err.as_str()) || nearly, "one line, and it says what was too little");
    // Also if a child of the command's was the victim, and the command says so.
    let outcome = who.sh(&["-m", "8m"], &format!("sh -c '{HOG}'; exit $?"));
    outcome.exited(137).check(outcome.err().contains("killed: out of memory"), "it is told");
    // But not of one that went on, nor of what has another end.
    let outcome = who.sh(&["-m", "8m"], &format!("sh -c '{HOG}' 2>/dev/null; exit 3"));
    outcome.exited(3).check(outcome.err().is_empty(), "the command knows better");
    let outcome = who.sh(&["-m", "8m"], "kill -KILL $$");
    outcome.exited(137).check(outcome.err().is_empty(), "someone has killed it");
}

fn a_whole_group_that_is_killed_is_told(who: &Who) {
    if !needs(who, "memory").is_unified() {
        who.skip("version 1 kills no whole groups");
    }
    let outcome = who.sh(&["-m", "8m", "--cgroup", "memory.oom.group=1"], HOG);
    outcome.exited(137).check(outcome.err().starts_with("aril: killed: out of memory (limit 8 MiB"), "the init too");
}

fn a_start_without_memory_says_so(who: &Who) {
    needs(who, "memory");
    who.run(&["-m", "8k"], &["true"]).refused(125, &["out of memory (limit 8 KiB", "(ENOMEM)"]);
}

fn the_groups_tell_at_the_end(who: &Who) {
    let (memory, folder) = (needs(who, "memory"), who.folder());
    needs(who, "pids");
    let file = folder.join("stats").display().to_string();
    let name = name();
    let options = [&format!("--stats={file}"), "--name", &name, "-m64m", "--pids-limit=20"];
    // Ten megabytes in the shell, and some time.
    let script =
        "x=0123456789; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do x=$x$x; done; sleep 0; exit 7";
    who.sh(&options, script).exited(7);
    let told = figures(&fs::read_to_string(&file).expect("it was made"));
    assert_eq!((&told["name"], &told["status"], &told["signal"]), (&name.into(), &7.into(), &Value::Null), "{told}");
    let number = |of: &str| told[of].as_u64().unwrap_or_else(|| panic!("{of}: {told}"));
    assert_eq!((number("memory_limit"), number("pids_limit"), number("oom_kills")), (64 << 20, 20, 0), "{told}");
    assert!(number("user_us") + number("system_us") > 0 && number("wall_us") > 0, "{told}");
    if !memory.is_unified() || told["memory_peak"].is_u64() {
        assert!((10 << 20..=64 << 20).contains(&number("memory_peak")), "{told}");
    }
    assert_eq!(told["limit_hit"], serde_json::json!([]), "{told}");
    // Another run adds a line.
    who.run(&[&format!("--stats={file}")], &["true"]).ok();
    let lines = fs::read_to_string(&file).expect("it is there");
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!((lines.len(), &figures(lines[1])["name"]), (2, &Value::Null));
    // The status line has the group's memory, not the largest process's.
    let outcome = who.sh(
        &["--status-fd=1", "-m64m"],
        "sh -c 'x=x; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do x=$x$x; done'",
    );
    let line = outcome.ok().out().lines().last().map(ToString::to_string).expect("it was told");
    let ended: Value = serde_json::from_str(&line).expect("JSON");
    assert!(ended["peak_memory"].as_u64().is_some_and(|peak| peak <= 64 << 20), "{line}");
}

fn a_limit_that_was_hit_is_named(who: &Who) {
    for (controller, options, script, of, hit) in [
        ("memory", &["-m8m"][..], HOG, "oom_kills", "memory"),
        ("pids", &["--pids-limit=4"], "for i in 1 2 3 4 5 6; do sleep 1 & done; :", "pids_refused", "pids"),
        ("cpu", &["--cpus=0.1"], "timeout 1 sh -c 'while :; do :; done'; :", "throttled", "cpu"),
    ] {
        if cgroups::of(controller).is_none() {
            continue;
        }
        let outcome = who.sh(&[&["--stats"], options].concat(), script);
        let told = figures(outcome.err().lines().last().expect("to standard error"));
        assert!(told[of].as_u64().is_some_and(|count| count > 0), "{outcome}");
        assert!(told["limit_hit"].as_array().expect("a list").contains(&hit.into()), "{outcome}");
    }
}

fn without_groups_the_kernel_tells_of_processes(who: &Who) {
    let outcome = who.sh(&["--stats", "--cgroups=off"], "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done");
    let told = figures(&outcome.exited(0).err());
    let number = |of: &str| told[of].as_u64().unwrap_or_else(|| panic!("{of}: {told}"));
    assert!(number("user_us") + number("system_us") > 0 && number("memory_peak") > 100_000, "{told}");
    for unknown in &NAMES[7..17] {
        assert!(told[unknown].is_null(), "{unknown}: {told}");
    }
    assert_eq!(told["pressure"], serde_json::json!({"cpu": null, "memory": null, "io": null}));
    // What can be had is, and nothing is said of the rest.
    let outcome = who.run(&["--stats"], &["true"]);
    outcome.exited(0).check(outcome.err().lines().count() == 1, "one line alone");
    figures(&outcome.err());
}

fn a_file_for_the_figures_is_opened_first(who: &Who) {
    let folder = who.folder();
    let ran = folder.join("ran").display().to_string();
    let volume = who.volume(folder.str(), "/mnt");
    let run = |file: &str| who.run(&["-v", &volume, &format!("--stats={file}")], &["touch", "/mnt/ran"]);
    symlink("elsewhere", folder.join("link")).expect("our own folder");
    run(&folder.join("link").display().to_string()).refused(125, &["for the figures", "(ELOOP)"]);
    run(&folder.join("no/such").display().to_string()).refused(125, &["for the figures", "(ENOENT)"]);
    assert!(fs::metadata(&ran).is_err(), "nothing has begun");
    run(&folder.join("new").display().to_string()).ok();
    let mode = fs::metadata(folder.join("new")).expect("it was made").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

/// A container's place in the groups of a machine as it is, or as if it had no version 2.
struct Layout<'w> {
    place: Place<'w>,
    who: &'w Who,
    is_old: bool,
}

impl<'w> Layout<'w> {
    fn all(who: &'w Who) -> Vec<Self> {
        let is_hybrid = cgroups::of("freezer").is_some() && cgroups::of("cgroup").is_some();
        let one = |is_old| Self { place: Place::of(who), who, is_old };
        [false, true].into_iter().filter(|is_old| !is_old || is_hybrid).map(one).collect()
    }

    fn aril(&self, words: &[&str]) -> Run {
        if !self.is_old {
            return self.place.aril(words);
        }
        let unified = cgroups::of("cgroup").expect("it is a hybrid one").root;
        let script = format!("umount {}", unified.display());
        self.who.prepared(&script, &[&[self.who.binary("aril").as_str()], words].concat())
    }

    #[track_caller]
    fn start(&self, name: &str, options: &[&str], command: &[&str]) -> Running {
        let rootfs = self.who.rootfs();
        let running = self.aril(&[&["run", "--name", name], options, &[&rootfs], command].concat()).start();
        eventually("it runs", || self.state(name) == "running");
        running
    }

    fn state(&self, name: &str) -> String {
        let out = self.aril(&["ps", "--json"]).run().ok().out();
        let all = out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        all.into_iter()
            .find(|one| one["name"] == name)
            .map_or("", |one| match one["state"].as_str() {
                Some("running") => "running",
                Some("paused") => "paused",
                _ => "other",
            })
            .to_string()
    }

    /// The container's own groups.
    fn groups(&self, name: &str) -> Vec<PathBuf> {
        let [own, above] = [self.place.pid(name, "pid"), self.place.pid(name, "launcher")];
        let all = cgroups::hierarchies().into_iter();
        all.filter_map(|one| one.group(own).filter(|group| one.group(above).as_ref() != Some(group))).collect()
    }

    /// Whether the kernel says that nothing in it goes on.
    fn is_frozen(&self, name: &str) -> bool {
        self.groups(name).iter().any(|group| {
            let says = |file: &str, line: &str| {
                fs::read_to_string(group.join(file)).is_ok_and(|said| said.lines().any(|said| said == line))
            };
            says("cgroup.events", "frozen 1") || says("freezer.state", "FROZEN")
        })
    }
}

fn they_tell_while_it_runs(who: &Who) {
    let (place, name) = (Place::of(who), name());
    needs(who, "memory");
    let running = place.start(&name, &["--stats", "-m64m"], &["sleep", &mark()]);
    let line = place.aril(&["stats", &name, "--json"]).run().ok().out();
    let told: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&told["name"], &told["state"]), (&name.as_str().into(), &"running".into()), "{told}");
    assert_eq!(told["memory_limit"], 64 << 20, "{told}");
    let [memory, pids] = ["memory", "pids"].map(|of| told[of].as_u64().expect("a number"));
    assert!((1..64 << 20).contains(&memory) && pids == 2, "{told}");
    // One of many, without a terminal and without being told so.
    let all = place.aril(&["stats"]).run().ok().out();
    assert!(all.lines().any(|line| line.starts_with(&format!("{{\"name\":\"{name}\""))), "{all}");
    running.signal(Signal::TERM);
    running.finish().exited(143);
    place.aril(&["stats", &name]).run().refused(125, &["no container", &name]);
}

fn a_table_is_told_anew_until_the_end(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let running = place.start(&name, &[], &["sleep", &mark()]);
    let aril = who.binary("aril");
    let script = format!("{aril} stats {name}; echo ended with $?");
    let terminal = Terminal::open(who, &["sh", "-c", &script]);
    for _ in 0..3 {
        terminal.expect("NAME ");
        terminal.expect(&name);
    }
    running.signal(Signal::TERM);
    running.finish().exited(143);
    terminal.expect("ended with 0");
    // A small one has as much as fits: two lines, of each two columns.
    let running = place.start(&name, &[], &["sleep", &mark()]);
    let columns = name.len().max(12) + 2 + 10;
    let small = Terminal::open(who, &["sh", "-c", &format!("stty rows 3 cols {columns}; {script}")]);
    for _ in 0..2 {
        small.expect(" CPU\r\n");
        small.expect(&name);
        // The last column is a time, or where nobody knows it a dash.
        small.expect("\r\n\x1b[2A\x1b[J");
    }
    running.signal(Signal::TERM);
    running.finish().exited(143);
    small.expect("ended with 0");
    // Ctrl-C ends it at any time, and the cursor is below the table then.
    let running = place.start(&name, &[], &["sleep", &mark()]);
    let terminal = Terminal::open(who, &["bash", "-c", &format!("trap : INT; {script}")]);
    terminal.expect(&name);
    terminal.expect("\n");
    terminal.keys("\x03");
    terminal.expect("ended with 130");
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn a_paused_one_stands_still(who: &Who) {
    for layout in Layout::all(who) {
        let name = name();
        let running =
            layout.start(&name, &[], &["sh", "-c", "trap 'echo bye; exit 3' TERM; while :; do sleep 0.01; done"]);
        let groups = layout.groups(&name);
        assert!(!groups.is_empty(), "it has one to be paused");
        for _ in 0..2 {
            layout.aril(&["pause", &name]).run().ok();
            assert!(layout.is_frozen(&name));
            assert_eq!(layout.state(&name), "paused");
            let table = layout.aril(&["ps"]).run().ok().out();
            assert!(table.lines().any(|line| line.starts_with(&name) && line.contains(" paused ")), "{table}");
        }
        let line = layout.aril(&["stats", &name]).run().ok().out();
        assert!(line.contains("\"state\":\"paused\""), "{line}");
        // Nobody would hear of it.
        for signal in ["TERM", "USR1", "CONT"] {
            layout.aril(&["kill", &name, signal]).run().refused(125, &[&name, "paused", "aril resume"]);
        }
        layout.aril(&["exec", &name, "true"]).run().refused(125, &["exec", &name, "paused", "aril resume"]);
        for _ in 0..2 {
            layout.aril(&["resume", &name]).run().ok();
            assert!(!layout.is_frozen(&name));
            assert_eq!(layout.state(&name), "running");
            layout.aril(&["exec", &name, "true"]).run().ok();
        }
        layout.aril(&["kill", &name]).run().ok();
        running.finish().exited(3).says("bye");
        assert!(groups.iter().all(|group| !group.exists()), "{groups:?}");
    }
}

fn a_paused_one_can_be_killed(who: &Who) {
    for layout in Layout::all(who) {
        for options in [&[][..], &["--no-init"], &["--pid=host"], &["--stats"]] {
            let name = name();
            let running = layout.start(&name, options, &["sh", "-c", "while :; do sleep 0.01; done"]);
            let groups = layout.groups(&name);
            layout.aril(&["pause", &name]).run().ok();
            layout.aril(&["kill", &name, "KILL"]).run().ok();
            running.finish().exited(137);
            assert!(groups.iter().all(|group| !group.exists()), "{options:?}: {groups:?}");
        }
    }
}

fn a_paused_one_goes_with_its_launcher(who: &Who) {
    // A newer kernel has no controller for memory without version 2.
    let has_memory = |layout: &Layout| !(layout.is_old && cgroups::of("memory").is_none_or(|one| one.is_unified()));
    for layout in Layout::all(who).into_iter().filter(has_memory) {
        let (name, mark) = (name(), mark());
        let running = layout.start(&name, &["-m64m", "--stats"], &["sleep", &mark]);
        let groups = layout.groups(&name);
        let launcher = layout.place.pid(&name, "launcher");
        layout.aril(&["pause", &name]).run().ok();
        let sleeper = process::sleeper(&mark).expect("it sleeps for a year");
        rustix::process::kill_process(rustix::process::Pid::from_raw(launcher as i32).expect("no zero"), Signal::KILL)
            .expect("it lives");
        drop(running);
        // The next one that is limited in the same way finds what is left, even where what is paused cannot die by itself; only
        // then the other hierarchies.
        let rootfs = who.rootfs();
        for options in [&["-m64m"][..], &["-m64m", "--stats"]] {
            let outcome = layout.aril(&[&["run"], options, &[&rootfs, "true"]].concat()).run();
            outcome.exited(0);
            eventually("its end", || process::state(sleeper) == '-');
        }
        eventually("its groups go", || groups.iter().all(|group| !group.exists()));
        assert_eq!(layout.state(&name), "");
    }
}

fn what_has_no_group_is_not_paused(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let running = place.start(&name, &["--cgroups=off"], &["sleep", &mark()]);
    place.aril(&["pause", &name]).run().refused(125, &["pause", &name, "control group"]);
    place.aril(&["resume", &name]).run().refused(125, &[&name, "control group"]);
    place.aril(&["update", &name, "--pids-limit=9"]).run().refused(125, &["update", &name, "control group for pids"]);
    assert_eq!(place.state(&name), "running");
    let told: Value = serde_json::from_str(&place.aril(&["stats", &name]).run().ok().out()).expect("JSON");
    assert!(told["memory"].is_null() && told["user_us"].is_null(), "it is nobody else's: {told}");
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn other_limits_hold_at_once(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let all = [
        ("pids", "--pids-limit", "20", "30", ("pids.max", "30"), ("pids.max", "30")),
        ("pids", "--pids-limit", "20", "-1", ("pids.max", "max"), ("pids.max", "max")),
        ("cpu", "--cpus", "0.5", "1.5", ("cpu.cfs_quota_us", "150000"), ("cpu.max", "150000 100000")),
        ("cpu", "--cpus", "0.5", "0", ("cpu.cfs_quota_us", "-1"), ("cpu.max", "max 100000")),
        ("cpu", "--cpu-shares", "512", "2", ("cpu.shares", "2"), ("cpu.weight", "1")),
        ("cpuset", "--cpuset-mems", "0", "0", ("cpuset.mems", "0"), ("cpuset.mems", "0")),
        (
            "memory",
            "--memory-reservation",
            "8m",
            "4m",
            ("memory.soft_limit_in_bytes", "4194304"),
            ("memory.low", "4194304"),
        ),
    ];
    let here: Vec<_> = all.iter().filter(|row| cgroups::of(row.0).is_some()).collect();
    assert!(here.len() > 2, "there is something to change");
    let options: Vec<String> = here.iter().map(|row| format!("{}={}", row.1, row.2)).collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let running = place.start(&name, &options, &["sleep", &mark()]);
    let pid = place.pid(&name, "pid");
    for (controller, option, _, value, old, new) in here {
        place.aril(&["update", option, value, &name]).run().ok();
        let hierarchy = cgroups::of(controller).expect("it is here");
        let (file, expected) = if hierarchy.is_unified() { new } else { old };
        assert_eq!(hierarchy.read(pid, file)[0].as_deref(), Some(*expected), "{option} {value}: {file}");
    }
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn of_groups_as_many_as_from_the_start(who: &Who) {
    let (place, name, unified) = (Place::of(who), name(), needs(who, "cgroup"));
    let running = place.start(&name, &["--cgroup=cgroup.max.descendants=5", "--userns=identity"], &["sleep", &mark()]);
    let pid = place.pid(&name, "pid");
    let both = || unified.read(pid, "cgroup.max.descendants");
    let number = |text: Option<String>| text.and_then(|text| text.parse::<u32>().ok());
    let before = both().map(number);
    place.aril(&["update", &name, "--cgroup=cgroup.max.descendants=7"]).run().ok();
    let one_is_more = before[1] == Some(6);
    assert_eq!(both().map(number), [Some(7), if one_is_more { Some(8) } else { before[1] }]);
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn memory_goes_up_and_down(who: &Who) {
    let (place, name, hierarchy) = (Place::of(who), name(), needs(who, "memory"));
    let running = place.start(&name, &["-m32m"], &["sleep", &mark()]);
    let pid = place.pid(&name, "pid");
    let read = |old: &str, new: &str| hierarchy.read(pid, if hierarchy.is_unified() { new } else { old })[0].clone();
    let limit = || read("memory.limit_in_bytes", "memory.max");
    let swap = || read("memory.memsw.limit_in_bytes", "memory.swap.max");
    const M: u64 = 1 << 20;
    let none = if hierarchy.is_unified() { "max" } else { "9223372036854771712" };
    // Each with what there is of memory, and of swap in version 1 and version 2; up and down by less and by more than the swap.
    for (options, memory, both, beside) in [
        (&["-m128m"][..], Some(128 * M), Some(256 * M), Some(128 * M)),
        (&["-m16m"], Some(16 * M), Some(32 * M), Some(16 * M)),
        (&["-m24m"], Some(24 * M), Some(48 * M), Some(24 * M)),
        (&["-m16m", "--memory-swap=16m"], Some(16 * M), Some(16 * M), Some(0)),
        (&["--memory-swap=20m"], Some(16 * M), Some(20 * M), Some(4 * M)),
        (&["-m0"], None, None, None),
        (&["-m64m"], Some(64 * M), Some(128 * M), Some(64 * M)),
        (&["--memory-swap=-1"], Some(64 * M), None, None),
        (&["-m", "max"], None, None, None),
        (&["-m8m", "--memory-swap=9m"], Some(8 * M), Some(9 * M), Some(M)),
    ] {
        if options.concat().contains("swap") && swap().is_none() {
            continue;
        }
        place.aril(&[&["update", name.as_str()], options].concat()).run().ok();
        let said = |bytes: Option<u64>| Some(bytes.map_or(none.to_string(), |bytes| bytes.to_string()));
        assert_eq!(limit(), said(memory), "{options:?}");
        assert!(
            swap().is_none() || swap() == said(if hierarchy.is_unified() { beside } else { both }),
            "{options:?}: {:?}",
            swap()
        );
    }
    let told: Value = serde_json::from_str(&place.aril(&["stats", &name]).run().ok().out()).expect("JSON");
    assert_eq!(told["memory_limit"], 8 * M, "{told}");
    place.aril(&["update", &name, "--memory-swap=4m"]).run().refused(125, &["--memory-swap"]);
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn what_cannot_be_changed_changes_nothing(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let (pids, _) = (needs(who, "pids"), needs(who, "cpuset"));
    let running = place.start(&name, &["--pids-limit=20", "--cpuset-cpus=0", "--userns=identity"], &["sleep", &mark()]);
    let pid = place.pid(&name, "pid");
    let limit = || pids.read(pid, "pids.max")[0].clone();
    // No machine has that one; what came before it is put back.
    let outcome = place.aril(&["update", &name, "--pids-limit=30", "--cpuset-cpus=1000", "--cpus=1"]).run();
    outcome.exited(125);
    assert_eq!(limit().as_deref(), Some("20"), "{outcome}");
    for (options, words) in [
        (&["--pids-limit=30", "--cpuset-cpus=1000"][..], &["update", "cpuset.cpus", "1000", "("][..]),
        (&["--pids-limit=30", "--cgroup", "nosuch.max=0"], &["control group for nosuch"]),
        (&["--pids-limit=30", "--cgroup", "pids.nothing=1"], &["pids.nothing", "(ENOENT)"]),
        (&["--pids-limit=30", "--device-read-bps=/dev/null:1m"], &["/dev/null", "not a block device"]),
    ] {
        let outcome = place.aril(&[&["update", name.as_str()], options].concat()).run();
        outcome.refused(125, &words.iter().filter(|word| **word != "(").copied().collect::<Vec<_>>());
        assert_eq!(limit().as_deref(), Some("20"), "{outcome}");
    }
    // The group around it has taken it already when the one in it does not.
    let (before, file) = (pids.read(pid, "pids.max"), pids.group(pid).expect("it lives").join("pids.max"));
    let file = file.display();
    let script = format!("mount --bind {file} {file}; mount -o remount,bind,ro {file}");
    let outcome = who.prepared(&script, &[&who.binary("aril"), "update", &name, "--pids-limit=30"]).run();
    outcome.refused(125, &["pids.max", "(EROFS)"]);
    assert_eq!(pids.read(pid, "pids.max"), before);
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn visits_say_what_they_take(who: &Who) {
    let place = Place::of(who);
    for words in [
        &["pause"][..],
        &["pause", "a", "b"],
        &["resume"],
        &["resume", "--all"],
        &["stats", "a", "b"],
        &["stats", "--no-stream"],
        &["update"],
        &["update", "a"],
        &["update", "-m64m"],
        &["update", "a", "b", "-m64m"],
    ] {
        place.aril(words).run().refused(125, &[words[0], "takes"]);
    }
    for option in ["--name=x", "--read-only", "--cgroup-parent=/x", "--cgroups=best", "-d", "--stats", "--help"] {
        place.aril(&["update", "a", option]).run().refused(125, &["for the start"]);
    }
    for words in [&["pause", "nobody"][..], &["resume", "nobody"], &["stats", "nobody"], &["update", "nobody", "-m64m"]]
    {
        place.aril(words).run().refused(125, &["no container nobody"]);
    }
    place.aril(&["update", "a", "-m", "lots"]).run().refused(125, &["option --memory"]);
    let out = place.aril(&["stats"]).run().ok().out();
    assert!(who.is_root() || out.is_empty(), "{out}");
}

/// Whatever the end is: of a name alone, of figures alone, and of a start that fails.
fn none_is_left(who: &Who) {
    let place = who.folder();
    let parent = format!("/aril-figures-{}", place.path().file_name().and_then(|name| name.to_str()).expect("ours"));
    let option = format!("--cgroup-parent={parent}");
    let all = || cgroups::hierarchies().into_iter().map(|one| one.root.join(parent.trim_start_matches('/')));
    let name = name();
    for options in
        [&["--stats"][..], &["--name", &name], &["--stats", "--pid=host"], &["--stats", "--workdir=/no/such"]]
    {
        let outcome = who.run(&[options, &[&option]].concat(), &["sh", "-c", "sleep 9 & :"]);
        outcome.check(matches!(outcome.code(), Some(0 | 125)), "it ends");
        let left: Vec<PathBuf> = all().flat_map(|group| below(&group)).collect();
        assert!(left.is_empty(), "{options:?}: {left:?}");
    }
    for group in all().filter(|group| group.exists()) {
        fs::remove_dir(&group).expect("it is empty");
    }
}
