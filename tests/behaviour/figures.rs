//! What the binaries weigh: bytes, what is in them, memory while a container runs, and system calls.

use crate::support::inits::namespace;
use crate::support::{Folder, Running, Who, eventually, mark, process, tool};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::Command;
use std::time::Duration;

crate::tests! {
    once: the_binaries_are_small, the_runner_alone_is_small, they_are_static_and_plain, nothing_of_a_c_library_is_in_them,
        no_symbol_of_a_c_library_is_linked, an_init_makes_the_calls_of_its_page, an_init_makes_fewer_calls_than_others,
        an_idle_init_never_wakes_up;
    both: a_copy_of_a_mount_is_made_for_what_is_there;
    as_root: a_running_container_needs_little_memory, a_running_init_needs_little_memory;
}

const KIB: u64 = 1024;

/// Name, path and budget in KiB. `aril` has everything in it: each part that a runner can do without costs what it costs, and
/// the smallest runner keeps its own budget below.
const BINARIES: [(&str, &str, u64); 2] =
    [("aril", env!("CARGO_BIN_EXE_aril"), 240), ("aril-init", env!("CARGO_BIN_EXE_aril-init"), 12)];

fn the_binaries_are_small(who: &Who) {
    if cfg!(debug_assertions) {
        who.skip("the budgets are for a release build");
    }
    for (name, path, budget) in BINARIES {
        let size = fs::metadata(path).expect("cargo built it").len();
        assert!(size <= budget * KIB, "{name} has {size} bytes, its budget is {budget} KiB");
    }
}

/// `aril` as a container runner alone, built once more without the rest.
fn the_runner_alone_is_small(who: &Who) {
    const BUDGET: u64 = 64;
    if cfg!(debug_assertions) {
        who.skip("the budget is for a release build");
    }
    let folder = built_anew(&["--no-default-features", "--bin", "aril"], &[]);
    let size = fs::metadata(folder.path().join("release/aril")).expect("it was built").len();
    assert!(size <= BUDGET * KIB, "the runner alone has {size} bytes, its budget is {BUDGET} KiB");
}

/// A release build of its own in this folder.
fn built_anew(options: &[&str], environment: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .arg("--target-dir")
        .arg(folder.path())
        .args(options)
        .envs(environment.iter().copied())
        .output()
        .expect("cargo runs this test");
    assert!(build.status.success(), "{build:?}");
    folder
}

fn they_are_static_and_plain(_: &Who) {
    for (name, path, _) in BINARIES {
        let header = tool("readelf", &["-hW", path]);
        assert!(header.contains("EXEC (Executable file)"), "{name}: {header}");
        let segments = tool("readelf", &["-lW", path]);
        assert!(!segments.contains("INTERP") && !segments.contains("DYNAMIC"), "{name}: {segments}");
        let rows: Vec<&str> = segments.lines().filter(|line| line.contains(" 0x")).collect();
        assert!(rows.iter().any(|row| row.contains("LOAD")), "{name}: {segments}");
        for row in rows {
            assert!(!row.contains("LOAD") || !row.contains(" RW"), "{name}: a segment is writable: {row}");
        }
        assert!(segments.lines().any(|row| row.contains("GNU_STACK") && row.contains(" RW ")), "{name}: {segments}");
        let relocations = tool("readelf", &["-rW", path]);
        assert!(relocations.contains("There are no relocations"), "{name}: {relocations}");
    }
}

/// What a C library or Rust's own would leave in a stripped file.
fn nothing_of_a_c_library_is_in_them(_: &Who) {
    for (name, path, _) in BINARIES {
        let bytes = fs::read(path).expect("cargo built it");
        for word in ["GLIBC_", "GNU C Library", "__libc_start_main", "LD_LIBRARY_PATH", "RUST_BACKTRACE", "musl"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{name} has {word:?} in it");
        }
    }
}

/// The names are gone from what is shipped, so it is built once more with them.
fn no_symbol_of_a_c_library_is_linked(who: &Who) {
    if std::env::var_os("ARIL_LONG").is_none() {
        who.skip("it builds the binaries once more: tests/run --long");
    }
    let folder = built_anew(&["--bins"], &[("CARGO_PROFILE_RELEASE_STRIP", "false")]);
    // Routines that the compiler calls by these names are our own (`entry!`).
    let own = ["memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "_start", "rust_eh_personality"];
    let foreign =
        ["malloc", "free", "printf", "strlen", "write", "read", "exit", "abort", "open", "mount", "clone", "pthread"];
    for (name, ..) in BINARIES {
        let path = folder.path().join("release").join(name).display().to_string();
        let symbols = tool("nm", &[&path]);
        let names: Vec<&str> = symbols.lines().filter_map(|line| line.split(' ').next_back()).collect();
        assert!(names.contains(&"_start"), "{name} has its symbols: {symbols}");
        for symbol in &names {
            let libc = symbol.starts_with("__libc") || symbol.contains("glibc") || foreign.contains(symbol);
            assert!(!libc || own.contains(symbol), "{name} links {symbol}");
        }
        assert!(
            symbols.lines().all(|line| !line.trim_start().starts_with("U ")),
            "{name}: nothing is undefined: {symbols}"
        );
    }
}

/// The private dirty memory of a process in KiB (proc_pid_smaps_rollup(5)).
fn private_dirty(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("root may read it");
    let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("the kernel counts it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Private dirty memory once it is within the budget, or after two seconds: the command is there a moment before the
/// processes that started it have given back what that took.
fn settled(pid: u32, budget: u64) -> u64 {
    let mut dirty = private_dirty(pid);
    for _ in 0..200 {
        if dirty <= budget {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        dirty = private_dirty(pid);
    }
    dirty
}

/// A file that was just written is in memory alone, and what is mapped of it counts as dirty.
fn synced(path: String) -> String {
    fs::File::open(&path).and_then(|file| file.sync_all()).expect("cargo built it");
    path
}

/// Address randomisation and the environment would add pages at random.
const STEADY: [&str; 4] = ["setarch", "-R", "env", "-i"];

fn a_running_container_needs_little_memory(who: &Who) {
    synced(who.binary("aril"));
    for options in [&[][..], &["--overlay", "--network", "none"], &["-v", "/etc:/mnt:ro", "--user", "405:100"]] {
        let mark = mark();
        let running = who.run_in(&who.rootfs(), options, &["sleep", &mark]).under(&STEADY).start();
        running.sleeper(&mark);
        for (name, pid) in [("the launcher", running.pid()), ("PID 1", running.init())] {
            let dirty = settled(pid, 16);
            assert!(dirty <= 16, "{name} has {dirty} KiB private dirty, its budget is 16, with {options:?}");
        }
    }
}

/// The names that an init may have, as links in a folder.
fn links(who: &Who) -> (Folder, Vec<String>) {
    let folder = who.folder();
    let names = ["aril-init", "tini", "dumb-init", "catatonit"];
    let paths = names.map(|name| folder.join(name).display().to_string());
    let init = synced(who.binary("aril-init"));
    paths.iter().for_each(|path| drop(tool("ln", &["-s", &init, path])));
    (folder, paths.into())
}

/// An init whose command sleeps, and its pid.
fn supervised(who: &Who, starter: &[&str], init: &[&str]) -> (Running, u32) {
    let mark = mark();
    let words = [&init[1..], &["sleep", &mark]].concat();
    let running = who.program(init[0], &words).under(starter).start();
    let pid = process::stat(running.sleeper(&mark)).expect("it sleeps").parent;
    eventually("it waits", || process::state(pid) == 'S');
    (running, pid)
}

fn end((running, pid): (Running, u32)) {
    kill_process(Pid::from_raw(pid as i32).expect("no pid is 0"), Signal::TERM).expect("it runs");
    running.finish().exited(143);
}

fn a_running_init_needs_little_memory(who: &Who) {
    let (_folder, paths) = links(who);
    for path in &paths {
        for starter in [STEADY.to_vec(), [&namespace(who)[..], &STEADY].concat()] {
            let init = supervised(who, &starter, &[path]);
            let dirty = settled(init.1, 8);
            end(init);
            assert!(dirty <= 8, "{path} under {starter:?} has {dirty} KiB private dirty, its budget is 8");
        }
    }
}

/// Counts how often each is given a processor while nothing happens; all of them at once, as time is what it takes.
fn an_idle_init_never_wakes_up(who: &Who) {
    let (_folder, paths) = links(who);
    let whole = who.binary("aril");
    let programs: Vec<Vec<&str>> =
        paths.iter().map(|path| vec![path.as_str()]).chain([vec![whole.as_str(), "init"]]).collect();
    let starters = [vec!["env"], namespace(who)];
    let inits: Vec<_> =
        programs.iter().flat_map(|init| starters.iter().map(|starter| supervised(who, starter, init))).collect();
    let switches = || {
        let of = |pid| fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let lines = |text: String| text.lines().filter(|line| line.contains("ctxt_switches")).collect::<String>();
        inits.iter().map(|(_, pid)| (process::words(*pid), lines(of(*pid)))).collect::<Vec<_>>()
    };
    // Until each has come to rest.
    eventually("they are idle", || {
        let before = switches();
        std::thread::sleep(Duration::from_millis(100));
        before == switches()
    });
    let before = switches();
    std::thread::sleep(Duration::from_secs(3));
    let after = switches();
    inits.into_iter().for_each(end);
    assert_eq!(before, after);
}

/// One that is attached nowhere takes a grace period of RCU when it is closed, and no machine has all that is hidden.
fn a_copy_of_a_mount_is_made_for_what_is_there(who: &Who) {
    let folder = who.folder();
    let trace = folder.join("trace").display().to_string();
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    let words = ["-f", "-o", &trace, "-e", "trace=move_mount", &aril, "run", &rootfs, "true"];
    who.program("strace", &words).run().exited(0);
    let text = folder.read("trace");
    assert!(text.contains(" = 0\n"), "nothing is mounted: {text}");
    assert!(!text.contains(" = -1 "), "{text}");
}

/// The system calls of an init and of its child, up to the command's execution and with it. What the init does while the child
/// is on its way is not counted, for it differs from run to run.
fn calls(who: &Who, starter: &[&str], init: &[&str]) -> Vec<String> {
    let folder = who.folder();
    let trace = folder.join("trace").display().to_string();
    let words = [&["-f", "-o", &trace], starter, init, &["/bin/true"]].concat();
    who.program("strace", &words).run().exited(0);
    let text = folder.read("trace");
    let executed = format!("execve(\"{}\"", init[0]);
    let made = text.lines().skip_while(|line| !line.contains(&executed)).skip(1);
    // "PID name(...", but not what is about a signal, an end, or the second half of a call.
    let made: Vec<(&str, &str)> = made
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(pid, call)| Some((pid, call.trim_start().split_once('(')?.0)))
        .filter(|(_, name)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'))
        .collect();
    let init = made[0].0;
    let clone = made.iter().position(|(pid, name)| *pid == init && ["clone", "clone3", "fork", "vfork"].contains(name));
    let clone = clone.unwrap_or_else(|| panic!("no child is made: {text}"));
    let own = made[..=clone].iter().map(|(_, name)| *name);
    let childs = made.iter().filter(|(pid, _)| *pid != init).map(|(_, name)| *name);
    let exec =
        childs.clone().position(|name| name == "execve").unwrap_or_else(|| panic!("nothing is executed: {text}"));
    own.chain(childs.take(exec + 1)).map(ToString::to_string).collect()
}

/// The first words of the rows of the table in docs/init.md.
fn calls_of_the_page() -> Vec<(&'static str, &'static str)> {
    const PAGE: &str = include_str!("../../docs/init.md");
    let rows = PAGE.lines().skip_while(|line| !line.starts_with("| system call |")).skip(2);
    rows.map_while(|line| line.strip_prefix("| `")).filter_map(|line| line.split_once("` | ")).collect()
}

fn an_init_makes_the_calls_of_its_page(who: &Who) {
    let page = calls_of_the_page();
    let (path, whole) = (who.binary("aril-init"), who.binary("aril"));
    for init in [&[path.as_str()][..], &[&whole, "init"]] {
        for (starter, is_pid_1) in [(&[][..], false), (&namespace(who), true)] {
            let expected: Vec<&str> = page
                .iter()
                .filter(|(_, why)| !is_pid_1 || !why.starts_with("not as PID 1"))
                .map(|(name, _)| *name)
                .collect();
            assert_eq!(calls(who, starter, init), expected, "{init:?}, as PID 1: {is_pid_1}");
        }
    }
}

/// With the same job: tini has to be asked to be a subreaper.
fn an_init_makes_fewer_calls_than_others(who: &Who) {
    let path = who.binary("aril-init");
    let own = calls(who, &[], &[&path]).len();
    let mut missing = Vec::new();
    for other in [&["tini", "-s", "--"][..], &["dumb-init"], &["catatonit", "--"]] {
        let found = who.program("which", &[other[0]]).run();
        if found.code() != Some(0) {
            missing.push(other[0]);
            continue;
        }
        let theirs = calls(who, &[], &[&[found.out().trim_end()], &other[1..]].concat()).len();
        assert!(own < theirs, "{own} calls, {other:?} makes {theirs}");
    }
    if !missing.is_empty() {
        who.skip(&format!("not installed: {}", missing.join(", ")));
    }
}
