//! Exact figures and the tables that hold them (`tests/budgets`): system calls, bytes and pages. What depends on the machine
//! is fixed or left out; where a figure is of one kernel or compiler, the table names it, and others only keep the upper bounds.

use crate::budget::{Differs, Row, Table};
use crate::secrets;
use crate::support::inits::{end, links, namespace, supervised, synced};
use crate::support::{Who, eventually, mark, tool};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

crate::tests! {
    once: bytes_of_each_module, no_binary_is_larger_than_it_may_be, system_calls_of_an_init, system_calls_of_explain;
    as_root: system_calls_of_a_run_with_ids_as_they_are, system_calls_of_a_run_in_a_range_of_ids, pages_of_a_container,
        pages_of_an_init;
    as_user: system_calls_of_an_ordinary_users_run;
}

impl Who {
    /// A section of a table is as it should be.
    #[track_caller]
    fn holds(&self, table: &Table, subject: &str, kind: Option<&str>, figures: &[Row]) {
        match table.holds(subject, kind, figures) {
            Ok(()) => {}
            Err(Differs::Kind(reason)) => self.skip(&reason),
            Err(Differs::Figures(text)) => panic!("{text}"),
        }
    }
}

// --- System calls ---

const CALLS: Table = Table::named("calls");
/// It ends when its input does, and that is when whoever started it waits for it: what they do when it has already ended is
/// something else.
const COMMAND: [&str; 1] = ["/bin/cat"];
/// Cargo may hand on the two signals that glibc keeps for itself ignored, and env(1), which has glibc, does not reset them.
const RESETS: [&str; 2] = ["rt_sigaction(SIGRTMIN, ", "rt_sigaction(SIGRT_1, "];
/// What they wait in, and in which of these calls for the end: both first wait for the command to settle.
const WAITS: [(&str, usize); 2] = [("ppoll(", 2), ("rt_sigtimedwait(", 2)];
/// What is said of the host in files is the same everywhere, and nobody has ids to give away.
const SAME_FILES: &str =
    "for name in hosts resolv.conf subuid subgid; do : >$0/$name; mount --bind $0/$name /etc/$name; done";
/// What exists on some machines alone (src/plan/mounts.rs), and the calls that are missing with it.
const SECRETS: [(&[&str], [&str; 3]); 2] = [
    (&secrets::READ_ONLY, ["mount_setattr", "move_mount", "close"]),
    (&secrets::MASKED, ["open_tree", "move_mount", "close"]),
];

fn system_calls_of_a_run_with_ids_as_they_are(who: &Who) {
    of_a_run(who, "aril run --userns identity, as root", &["--userns", "identity"]);
}

fn system_calls_of_a_run_in_a_range_of_ids(who: &Who) {
    who.needs_linux((6, 3), "before Linux 6.3 a tmpfs cannot be idmapped");
    of_a_run(who, "aril run, as root", &[]);
}

fn system_calls_of_an_ordinary_users_run(who: &Who) {
    of_a_run(who, "aril run, as an ordinary user", &[]);
}

/// Of the launcher until it has heard that the command runs, and after that; of PID 1 and the command's process until the
/// command runs, and of PID 1 after that.
fn of_a_run(who: &Who, subject: &str, options: &[&str]) {
    who.needs_linux((6, 12), "before Linux 6.12 there are fewer calls: no scopes of landlock");
    let rootfs = who.own_rootfs(&[]);
    fs::write(rootfs.join("etc/resolv.conf"), "").expect("our own folder");
    let aril = who.binary("aril");
    let words = [&[aril.as_str(), "run"], options, &[rootfs.str()], &COMMAND].concat();
    let [launcher, init, command] = traced(who, &words);
    let (launcher, after): (Vec<_>, Vec<_>) =
        parted(launcher, |call| call.starts_with("recvmsg(") && call.contains("\"S\""));
    let (init, init_after) = parted(init, |call| call.starts_with("clone("));
    if !command.iter().any(|call| call.starts_with("landlock_restrict_self(")) {
        who.skip("the kernel has no Landlock: there are fewer calls");
    }
    // The last one is what makes it the command.
    let (mut command, _) = parted(command, |call| call.starts_with("execve("));
    // With NULL it asks.
    let is_reset =
        |call: &str| RESETS.iter().any(|reset| call.strip_prefix(reset).is_some_and(|to| !to.starts_with("NULL")));
    command.retain(|call| !is_reset(call));
    let mut inside = [init, command].concat();
    for (paths, calls) in SECRETS {
        for path in paths.iter().filter(|path| !Path::new(path).exists()) {
            inside.extend(calls.map(|call| format!("{call}(of {path})")));
        }
    }
    who.holds(&CALLS, subject, None, &counted(&[launcher, after, inside, init_after]));
}

fn system_calls_of_an_init(who: &Who) {
    let init = who.binary("aril-init");
    let [init, child] = traced(who, &[&[init.as_str()], &COMMAND[..]].concat());
    let (init, after) = parted(init, |call| call.starts_with("clone("));
    let (child, _) = parted(child, |call| call.starts_with("execve("));
    who.holds(&CALLS, "aril-init, not as PID 1", None, &counted(&[init, after, child]));
}

fn system_calls_of_explain(who: &Who) {
    who.needs_root_behind();
    let rootfs = who.own_rootfs(&[]);
    fs::write(rootfs.join("etc/resolv.conf"), "").expect("our own folder");
    let [all] = traced(who, &[&[who.binary("aril").as_str(), "explain", rootfs.str()], &COMMAND[..]].concat());
    who.holds(&CALLS, "aril explain, as root", None, &counted(&[all]));
}

/// What each process calls after its start, as strace(1) writes it, in the order in which they come; the first one is the program
/// itself.
fn traced<const N: usize>(who: &Who, words: &[&str]) -> [Vec<String>; N] {
    let folder = who.folder();
    let (trace, etc) = (folder.join("trace").display().to_string(), folder.join("etc").display().to_string());
    fs::create_dir(&etc).expect("our own folder");
    // Each signal that whoever runs the tests ignores would be a call more (`RESETS`).
    let words = [&["env", "--default-signal", "strace", "-f", "-o", &trace], words].concat();
    let run = if rustix::process::geteuid().is_root() {
        who.prepared(&SAME_FILES.replace("$0", &etc), &words)
    } else {
        who.program(words[0], &words[1..])
    };
    let running = run.start();
    // All but the command, which is the last. Where there is none, nobody waits.
    if N > 1 {
        let is_waiting = |calls: &Vec<String>| {
            let is_last = |name: &str| calls.last().is_some_and(|last| !last.contains(" = ") && last.starts_with(name));
            let count = |name: &str| calls.iter().filter(|call| call.starts_with(name)).count();
            WAITS.iter().any(|(name, number)| is_last(name) && count(name) == *number)
        };
        eventually("all wait for the command", || {
            let text = fs::read_to_string(&trace).unwrap_or_default();
            let all = by_process(&text);
            all.len() == N && all[..N - 1].iter().all(is_waiting)
        });
    }
    running.finish().exited(0);
    let mut all = by_process(&folder.read("trace"));
    // That which strace makes.
    let first = all[0].remove(0);
    assert!(first.starts_with("execve("), "{first}");
    all.try_into().unwrap_or_else(|all| panic!("not {N} processes: {all:#?}"))
}

fn by_process(trace: &str) -> Vec<Vec<String>> {
    let mut processes: Vec<(&str, Vec<String>)> = Vec::new();
    for line in trace.lines() {
        // The last line may not be written yet.
        let Some((pid, call)) = line.split_once(' ') else { break };
        let call = call.trim_start();
        if !processes.iter().any(|(known, _)| *known == pid) {
            processes.push((pid, Vec::new()));
        }
        let (_, calls) = processes.iter_mut().find(|(known, _)| *known == pid).expect("it has been added");
        if let Some(rest) = call.strip_prefix("<... ") {
            // The second half of a call, with what came out of it.
            let (_, rest) = rest.split_once("resumed>").unwrap_or_default();
            calls.last_mut().expect("it has begun").push_str(rest);
        } else if call.contains('(') && !call.starts_with(['-', '+']) {
            calls.push(call.replace("<unfinished ...>", ""));
        }
    }
    processes.into_iter().map(|(_, calls)| calls).collect()
}

/// Up to the last one that is so and with it, and what comes then.
fn parted(calls: Vec<String>, so: impl Fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
    let at = calls.iter().rposition(|call| so(call)).unwrap_or_else(|| panic!("it is not among these: {calls:#?}"));
    let (before, after) = calls.split_at(at + 1);
    (before.to_vec(), after.to_vec())
}

/// How often each list has each call. A file is read in as many parts as it has, which is the file's affair: this counts as one.
fn counted(lists: &[Vec<String>]) -> Vec<Row> {
    let mut rows: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    rows.insert("all".into(), vec![0; lists.len()]);
    for (at, calls) in lists.iter().enumerate() {
        let mut last = "";
        for call in calls {
            let (name, arguments) = call.split_once('(').expect("it is a call");
            let start = &call[..call.len() - arguments.len() + arguments.find(',').unwrap_or_default()];
            if !(name == "read" && start == last) {
                rows.entry(name.into()).or_insert_with(|| vec![0; lists.len()])[at] += 1;
                rows.get_mut("all").expect("it was inserted")[at] += 1;
            }
            last = start;
        }
    }
    rows.into_iter().collect()
}

// --- Bytes ---

pub const BYTES: Table = Table::named("bytes");
/// As the tables' bounds and columns have them.
pub const BINARIES: [&str; 3] = ["aril", "aril-init", "smallest runner"];
/// As the crate's `lib.rs` has them.
const FLOORS: [&str; 12] =
    ["sys", "text", "spec", "host", "plan", "init", "state", "engine", "check", "visit", "cli", "boot"];

/// The binaries with their names in them, built once: for the linker that is all the difference.
pub fn named() -> &'static [PathBuf; 3] {
    static BUILT: OnceLock<[PathBuf; 3]> = OnceLock::new();
    BUILT.get_or_init(|| {
        let build = |name: &str, options: &[&str]| {
            // It stays, so that what has not changed is not built anew.
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            let build = Command::new(env!("CARGO"))
                .args(["build", "--release", "--locked", "--manifest-path"])
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
                .arg("--target-dir")
                .arg(&folder)
                .args(options)
                .env("CARGO_PROFILE_RELEASE_STRIP", "false")
                .output()
                .expect("cargo runs this test");
            assert!(build.status.success(), "{build:?}");
            folder.join("release")
        };
        let whole = build("named", &["--bins"]);
        let smallest = build("named-smallest", &["--no-default-features", "--bin", "aril"]);
        [whole.join("aril"), whole.join("aril-init"), smallest.join("aril")]
    })
}

fn size(path: impl AsRef<Path>) -> u64 {
    fs::metadata(path).expect("cargo built it").len()
}

/// The size without the names.
fn stripped(path: &Path) -> u64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let to = folder.path().join("stripped");
    tool("strip", &["--strip-all", "-o", &to.display().to_string(), &path.display().to_string()]);
    size(to)
}

fn no_binary_is_larger_than_it_may_be(who: &Who) {
    if cfg!(debug_assertions) {
        who.skip("the budgets are for a release build");
    }
    let shipped = [size(env!("CARGO_BIN_EXE_aril")), size(env!("CARGO_BIN_EXE_aril-init")), stripped(&named()[2])];
    for (name, size) in BINARIES.iter().zip(shipped) {
        let most = BYTES.most(name);
        assert!(size <= most, "{name} has {size} bytes and may have {most}");
    }
}

fn bytes_of_each_module(who: &Who) {
    if cfg!(debug_assertions) {
        who.skip("the budgets are for a release build");
    }
    let version = tool(&std::env::var("RUSTC").unwrap_or("rustc".into()), &["--version"]);
    let kind = format!("{version}, {}, {}", linker(), std::env::consts::ARCH);
    let columns = named().each_ref().map(|path| of_modules(path));
    let names = columns[0].iter().map(|(name, _)| name.clone());
    let rows: Vec<Row> =
        names.enumerate().map(|(at, name)| (name, columns.iter().map(|column| column[at].1).collect())).collect();
    who.holds(&BYTES, "by module", Some(&kind), &rows);
}

/// What it calls itself. Only lld writes that into what it has linked, such as this test; in a binary there is no room for it.
fn linker() -> String {
    let test = std::env::current_exe().expect("/proc is mounted").display().to_string();
    let said = tool("readelf", &["--string-dump=.comment", &test]);
    match said.lines().find_map(|line| line.split_once("Linker: ")) {
        // Without the commit, in brackets: the compiler's version says as much.
        Some((_, linker)) => linker.split(" (").next().expect("there is a first part").trim().to_string(),
        None => tool("ld", &["--version"]).lines().next().expect("it has a name").to_string(),
    }
}

/// The bytes of each floor's functions, as far as they are functions still: what is called in one place alone is part of its caller.
fn of_modules(path: &Path) -> Vec<(String, u64)> {
    let text = tool("nm", &["--print-size", "--defined-only", &path.display().to_string()]);
    // The same code may have two names.
    let mut symbols: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for line in text.lines() {
        if let [address, size, "t" | "T", name] = line.split(' ').collect::<Vec<_>>()[..] {
            symbols.insert(address, (u64::from_str_radix(size, 16).expect("nm writes such numbers"), name));
        }
    }
    let names = FLOORS.iter().copied().chain(["src/bin", "core", "memory routines and start"]);
    let mut rows: Vec<(String, u64)> = names.map(|name| (name.to_string(), 0)).collect();
    for (size, symbol) in symbols.values() {
        rows[floor(symbol)].1 += size;
    }
    let [text, texts] = [".text", ".rodata"].map(|name| section(path, name));
    let own: u64 = rows.iter().map(|(_, size)| size).sum();
    let whole = stripped(path);
    rows.push(("between functions".into(), text - own));
    rows.push(("texts and tables (.rodata)".into(), texts));
    rows.push(("headers".into(), whole - text - texts));
    rows.push(("the file".into(), whole));
    rows
}

/// The number of the row of a symbol: what it is of, or of what type, comes first in it.
fn floor(symbol: &str) -> usize {
    let place = |(at, name): (usize, &&str)| {
        let written = [format!("4aril{}{name}", name.len()), format!("aril..{name}..")];
        written.iter().filter_map(|name| symbol.find(name)).min().map(|place| (place, at))
    };
    let found = FLOORS.iter().enumerate().filter_map(place).min();
    match found {
        Some((_, at)) => at,
        None if symbol.contains("aril") => FLOORS.len(),
        None if symbol.starts_with("_ZN") => FLOORS.len() + 1,
        None => FLOORS.len() + 2,
    }
}

fn section(path: &Path, name: &str) -> u64 {
    let text = tool("readelf", &["--section-headers", "--wide", &path.display().to_string()]);
    // "[ 1] .rodata PROGBITS ADDRESS OFFSET SIZE …"
    let size = text.lines().find_map(|line| line.split_once(&format!(" {name} "))?.1.split_whitespace().nth(3));
    u64::from_str_radix(size.unwrap_or_else(|| panic!("no {name}: {text}")), 16).expect("readelf writes such numbers")
}

// --- Pages ---

const PAGES: Table = Table::named("pages");
/// Address randomisation and the environment would add pages at random.
const STEADY: [&str; 4] = ["setarch", "-R", "env", "-i"];

/// The first two numbers of the kernel's release: others may count otherwise.
fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let numbers: Vec<&str> = release.trim().split('.').take(2).collect();
    format!("Linux {}, {}", numbers.join("."), std::env::consts::ARCH)
}

/// The private dirty memory of a process in KiB (proc_pid_smaps_rollup(5)).
fn private_dirty(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("root may read it");
    let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("the kernel counts it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Private dirty memory when it no longer shrinks: the command is there a moment before the processes that started it have given
/// back what that took.
fn settled(pid: u32, most: u64) -> u64 {
    let mut last = [u64::MAX; 3];
    for _ in 0..200 {
        last = [last[1], last[2], private_dirty(pid)];
        if last == [last[2]; 3] && last[2] <= most {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    last[2]
}

fn pages_of_a_container(who: &Who) {
    synced(who.binary("aril"));
    let mut rows = Vec::new();
    for (what, options) in [
        ("by itself", &[][..]),
        ("with --overlay --network none", &["--overlay", "--network", "none"]),
        ("with -v and --user", &["-v", "/etc:/mnt:ro", "--user", "405:100"]),
    ] {
        let mark = mark();
        let running = who.run_in(&who.rootfs(), options, &["sleep", &mark]).under(&STEADY).start();
        running.sleeper(&mark);
        let most = [PAGES.most("launcher"), PAGES.most("PID 1")];
        let dirty = [settled(running.pid(), most[0]), settled(running.init(), most[1])];
        assert!(dirty.iter().zip(most).all(|(dirty, most)| *dirty <= most), "{what}: {dirty:?} KiB, of {most:?}");
        rows.push((what.to_string(), dirty.into()));
    }
    who.holds(&PAGES, "KiB of launcher and PID 1", Some(&kernel()), &rows);
}

fn pages_of_an_init(who: &Who) {
    let (_folder, paths) = links(who);
    let mut rows = Vec::new();
    for path in &paths {
        let most = PAGES.most("init");
        let starters = [STEADY.to_vec(), [&namespace(who)[..], &STEADY].concat()];
        let dirty = starters.map(|starter| {
            let init = supervised(who, &starter, &[path]);
            let dirty = settled(init.1, most);
            end(init);
            assert!(dirty <= most, "{path} under {starter:?}: {dirty} KiB, of {most}");
            dirty
        });
        let name = path.rsplit('/').next().expect("it has a name");
        rows.push((name.to_string(), dirty.into()));
    }
    who.holds(&PAGES, "KiB of aril-init by name, and as PID 1", Some(&kernel()), &rows);
}
