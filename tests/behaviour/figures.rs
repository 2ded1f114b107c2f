//! What the binaries weigh: bytes, what is in them, and memory while a container runs.

use crate::support::{Who, mark, tool};
use rustix::process::Signal;
use std::fs;
use std::process::Command;

crate::tests! {
    once: the_binaries_are_small, the_runner_alone_is_small, they_are_static_and_plain, nothing_of_a_c_library_is_in_them,
        no_symbol_of_a_c_library_is_linked;
    as_root: a_running_container_needs_little_memory, a_running_init_needs_little_memory;
}

const KIB: u64 = 1024;

/// Name, path and budget in KiB. `aril` has everything in it.
const BINARIES: [(&str, &str, u64); 2] =
    [("aril", env!("CARGO_BIN_EXE_aril"), 96), ("aril-init", env!("CARGO_BIN_EXE_aril-init"), 12)];

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

fn a_running_init_needs_little_memory(who: &Who) {
    let mark = mark();
    let running = who.program(&synced(who.binary("aril-init")), &["sleep", &mark]).under(&STEADY).start();
    running.sleeper(&mark);
    let dirty = settled(running.pid(), 8);
    running.signal(Signal::TERM);
    running.finish();
    assert!(dirty <= 8, "aril-init has {dirty} KiB private dirty, its budget is 8");
}
