//! What is in the binaries, and what an init does and does not call. Exact figures are in `budgets`.

use crate::budgets::named;
use crate::support::inits::{end, links, namespace, supervised};
use crate::support::{Who, eventually, process, tool};
use std::fs;
use std::time::Duration;

crate::tests! {
    once: they_are_static_and_plain, nothing_of_a_c_library_is_in_them, no_symbol_of_a_c_library_is_linked,
        an_init_makes_the_calls_of_its_page, an_init_makes_fewer_calls_than_others, an_idle_init_never_wakes_up;
    both: a_copy_of_a_mount_is_made_for_what_is_there;
}

/// Name and path.
const BINARIES: [(&str, &str); 2] =
    [("aril", env!("CARGO_BIN_EXE_aril")), ("aril-init", env!("CARGO_BIN_EXE_aril-init"))];

fn they_are_static_and_plain(_: &Who) {
    for (name, path) in BINARIES {
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
    for (name, path) in BINARIES {
        let bytes = fs::read(path).expect("cargo built it");
        for word in ["GLIBC_", "GNU C Library", "__libc_start_main", "LD_LIBRARY_PATH", "RUST_BACKTRACE", "musl"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{name} has {word:?} in it");
        }
    }
}

/// The names are gone from what is shipped, so it is built once more with them.
fn no_symbol_of_a_c_library_is_linked(_: &Who) {
    // Routines that the compiler calls by these names are our own (`entry!`).
    let own = ["memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "_start", "rust_eh_personality"];
    let foreign =
        ["malloc", "free", "printf", "strlen", "write", "read", "exit", "abort", "open", "mount", "clone", "pthread"];
    for path in named() {
        let name = path.display().to_string();
        let symbols = tool("nm", &[&name]);
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
