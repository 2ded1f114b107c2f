//! How long a container takes, from the start of the launcher to the end of `/bin/true` in it: aril, the floor (`floor.rs`,
//! the same kernel calls from a bare program), aril with `--userns identity`, which is the floor's map, unshare(1) and bwrap(1),
//! and as root aril with limits beside a floor that makes the same groups and writes the same values; interleaved, as root and as an ordinary user.
//!
//! `cargo bench --bench run -- [--bare] [ROUNDS [ROOTFS]]`, 300 rounds in `target/rootfs/busybox` unless told otherwise. What
//! runs are copies in a temporary folder: the ordinary user reaches them, and ROOTFS is left alone. The time is that of
//! `posix_spawn` and `waitpid` around each program, by the monotonic clock.
//!
//! The copies have an empty `/etc/resolv.conf`. With `--bare` they lack it, and each run makes and removes that mount point:
//! on one ext4 the new file took 20 microseconds at one time and a millisecond at another, for the floor too, so that the
//! ratio says less.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 300;
/// Before anything counts: caches fill, the processor wakes up.
const WARM_UP: usize = 24;
/// An ordinary user's uid and gid: without an entry in any passwd file, and above what distributions give away.
const ORDINARY: u32 = 20001;
const COMMAND: &str = "/bin/true";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// This program calls itself as each caller, with this word, the folder and the rounds.
const MEASURE: &str = "--measure";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_bare = words.iter().any(|word| word == "--bare");
    // Cargo adds `--bench`.
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !["--bare", "--bench"].contains(word)).collect();
    let result = match words[..] {
        [MEASURE, folder, rounds] => number(rounds).and_then(|rounds| measure(folder, rounds)),
        [] => run(ROUNDS, None, is_bare),
        [rounds] => number(rounds).and_then(|rounds| run(rounds, None, is_bare)),
        [rounds, rootfs] => number(rounds).and_then(|rounds| run(rounds, Some(rootfs), is_bare)),
        _ => Err("usage: cargo bench --bench run -- [--bare] [ROUNDS [ROOTFS]]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(rounds: &str) -> Result<usize> {
    rounds.parse().map_err(|error| format!("{rounds} rounds: {error}").into())
}

// --- Whoever starts it: copies for each caller, then the measuring as that caller ---

fn run(rounds: usize, rootfs: Option<&str>, is_bare: bool) -> Result<()> {
    if !Path::new("/etc/resolv.conf").exists() {
        return Err("/etc/resolv.conf is not there: the floor binds it as aril does where it is".into());
    }
    let floor = build_floor()?;
    let rootfs = rootfs.map_or_else(busybox, |rootfs| Ok(rootfs.into()))?;
    let folder = tempfile::Builder::new().prefix("aril-bench.").tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;

    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let processors = std::thread::available_parallelism()?;
    println!("{} to {COMMAND} and back", rootfs.display());
    println!("Linux {}, {processors} processors", release.trim());
    let own = rustix::process::geteuid().as_raw();
    let callers = if own == 0 { vec![0, ORDINARY] } else { vec![own] };
    for uid in callers {
        let place = folder.path().join(uid.to_string());
        furnish(&place, &floor, &rootfs, is_bare)?;
        if uid != own {
            tool("chown".as_ref(), &["-hR".as_ref(), format!("{uid}:{uid}").as_ref(), place.as_os_str()])?;
        }
        let mut command = Command::new("/proc/self/exe");
        command.arg(MEASURE).arg(&place).arg(rounds.to_string());
        if uid != own {
            command.uid(uid).gid(uid);
        }
        let status = command.status()?;
        if !status.success() {
            return Err(format!("no figures for uid {uid}: {status}").into());
        }
    }
    if own != 0 {
        println!("\nroot: skipped, only root can measure as root");
    }
    Ok(())
}

/// An example has no `CARGO_BIN_EXE_…`, and a benchmark does not build it.
fn build_floor() -> Result<PathBuf> {
    let release = Path::new(env!("CARGO_BIN_EXE_aril")).parent().ok_or("aril lies nowhere")?;
    let target = release.parent().ok_or("aril lies in no target folder")?;
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "--features=floor", "--example=floor", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()?;
    if status.success() { Ok(release.join("examples/floor")) } else { Err("the floor cannot be built".into()) }
}

fn busybox() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rootfs = root.join("target/rootfs/busybox");
    fs::create_dir_all(root.join("target/rootfs"))?;
    tool(root.join("rootfs/busybox").as_os_str(), &[rootfs.as_os_str()])?;
    Ok(rootfs)
}

/// Both programs and a root file system of the caller's own.
fn furnish(place: &Path, floor: &Path, rootfs: &Path, is_bare: bool) -> Result<()> {
    fs::create_dir(place)?;
    fs::copy(env!("CARGO_BIN_EXE_aril"), place.join("aril"))?;
    fs::copy(floor, place.join("floor"))?;
    let copy = place.join("rootfs");
    tool("cp".as_ref(), &["-a".as_ref(), rootfs.as_os_str(), copy.as_os_str()])?;
    // It may be a link that leads out of the copy.
    let resolver = copy.join("etc/resolv.conf");
    match fs::remove_file(&resolver) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    if !is_bare {
        fs::write(resolver, "")?;
    }
    Ok(())
}

fn tool(program: &OsStr, words: &[&OsStr]) -> Result<()> {
    let status = Command::new(program).args(words).status().map_err(|error| format!("{program:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program:?} {words:?}: {status}").into()) }
}

// --- As a caller: rounds of all programs, then the table ---

/// A program that makes a container, with its command line.
struct Program {
    name: &'static str,
    words: Vec<String>,
    times: Vec<Duration>,
}

impl Program {
    fn new<'w>(name: &'static str, words: impl IntoIterator<Item = &'w str>) -> Self {
        Self { name, words: words.into_iter().map(String::from).collect(), times: Vec::new() }
    }

    fn command(&self, before: &[&str]) -> Command {
        let mut words = before.iter().copied().chain(self.words.iter().map(String::as_str));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().env("PATH", PATH).env("TERM", "xterm").stdin(Stdio::null());
        command
    }

    /// Whether it works here at all.
    fn is_usable(&self) -> std::result::Result<(), String> {
        match self.command(&[]).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => Err("it is not installed".into()),
            Err(error) => Err(error.to_string()),
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    fn time(&self) -> Result<Duration> {
        let mut command = self.command(&[]);
        command.stdout(Stdio::null());
        let begun = Instant::now();
        let status = command.status()?;
        let time = begun.elapsed();
        if status.success() { Ok(time) } else { Err(format!("{}: {status}", self.name).into()) }
    }

    /// The time below which this part of the runs lies, in milliseconds.
    fn quantile(&self, part: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = part * times.len().saturating_sub(1) as f64;
        times.get(at.round() as usize).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }
}

fn measure(folder: &str, rounds: usize) -> Result<()> {
    let uid = rustix::process::geteuid().as_raw();
    let who = if uid == 0 { "root".to_string() } else { format!("an ordinary user, uid {uid}") };
    // On a busy machine the ratios say nothing: whoever waits for a processor waits as long as everyone else.
    let load = fs::read_to_string("/proc/loadavg")?;
    println!("\n{who}; load {}", load.split(' ').next().unwrap_or_default());

    let [aril, floor, identity, unshare, bwrap] = programs(folder)?;
    let limited = limited(&aril, &floor)?;
    let mut programs = vec![aril, floor];
    for program in &programs {
        program.is_usable().map_err(|reason| format!("{}: {reason}", program.name))?;
    }
    for program in limited.into_iter().chain([identity, unshare, bwrap]) {
        match program.is_usable() {
            Ok(()) => programs.push(program),
            Err(reason) => println!("  {}: skipped, {reason}", program.name),
        }
    }

    for round in 0..WARM_UP + rounds {
        for at in order(round, programs.len()) {
            let time = programs[at].time()?;
            if round >= WARM_UP {
                programs[at].times.push(time);
            }
        }
    }

    println!("  milliseconds   runs      min      1/4   median      3/4   of the floor");
    let floor = programs[1].quantile(0.5);
    for program in &programs {
        let [min, first, median, third] = [0.0, 0.25, 0.5, 0.75].map(|part| program.quantile(part));
        let (name, runs, ratio) = (program.name, program.times.len(), median / floor);
        println!("  {name:12} {runs:6} {min:8.3} {first:8.3} {median:8.3} {third:8.3}   {ratio:12.3}");
    }
    println!();
    compare_calls(&programs[0], &programs[1])?;
    let named = |name: &str| programs.iter().find(|program| program.name == name);
    if let (Some(ours), Some(floors)) = (named(LIMITED[0]), named(LIMITED[1])) {
        let ratio = ours.quantile(0.5) / floors.quantile(0.5);
        let more = [(ours, &programs[0]), (floors, &programs[1])]
            .map(|(with, without)| (with.quantile(0.5) - without.quantile(0.5)) * 1000.0);
        println!("\n  {}: {ratio:.3} of the floor's; {:.0} us more, the floor {:.0}", ours.name, more[0], more[1]);
        compare_calls(ours, floors)?;
    }
    Ok(())
}

/// A different order in each round, until all orders have been, so that each program runs after each other one equally
/// often: the kernel is still clearing up after the one before.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut code = round;
    let mut left: Vec<usize> = (0..count).collect();
    let next = |size| {
        let at = code % size;
        code /= size;
        left.remove(at)
    };
    (1..=count).rev().map(next).collect()
}

// --- The programs ---

fn programs(folder: &str) -> Result<[Program; 5]> {
    let path = |name: &str| format!("{folder}/{name}");
    let (aril, floor, rootfs) = (path("aril"), path("floor"), path("rootfs"));
    let rootfs = rootfs.as_str();
    let is_root = rustix::process::geteuid().is_root();

    let groups = if is_root { "allow" } else { "deny" };
    let uids = map("/proc/self/uid_map", is_root, rustix::process::geteuid().as_raw())?;
    let gids = map("/proc/self/gid_map", is_root, rustix::process::getegid().as_raw())?;
    let has_resolver = Path::new(rootfs).join("etc/resolv.conf").exists();
    let resolver = if has_resolver { "there" } else { "make" };

    // The same namespaces and the same root; of the mounts only /proc, no pivot, no filter and no init.
    let unshare = "unshare --user --map-root-user --mount --pid --fork --kill-child --uts --ipc --cgroup --mount-proc";
    // The same namespaces, an init, /proc, /sys and /dev; no masks and no filter.
    let bwrap = "bwrap --unshare-user --unshare-pid --unshare-uts --unshare-ipc --unshare-cgroup --uid 0 --gid 0 \
        --hostname container --die-with-parent --new-session --clearenv --setenv HOME /root --setenv container bwrap";
    let mut mounts = "--proc /proc --dev /dev --mqueue /dev/mqueue --ro-bind /sys /sys".to_string();
    if has_resolver {
        mounts += " --ro-bind /etc/resolv.conf /etc/resolv.conf";
    }
    Ok([
        Program::new("aril", [&aril, "run", rootfs, COMMAND]),
        Program::new("floor", [&floor, rootfs, resolver, groups, &uids, &gids]),
        // With the floor's own map, where root has another one by default.
        Program::new("identity", [&aril, "run", "--userns", "identity", rootfs, COMMAND]),
        Program::new("unshare", unshare.split_whitespace().chain(["--root", rootfs, COMMAND])),
        Program::new(
            "bwrap",
            bwrap.split_whitespace().chain(["--bind", rootfs, "/"]).chain(mounts.split(' ')).chain([COMMAND]),
        ),
    ])
}

/// aril and the floor with limits.
const LIMITED: [&str; 2] = ["-m, --pids", "its floor"];

/// What has the same limits: root's, where there are controllers for them.
fn limited(aril: &Program, floor: &Program) -> Result<Vec<Program>> {
    const MEMORY: &str = "67108864";
    if !rustix::process::geteuid().is_root() {
        return Ok(Vec::new());
    }
    // The first run makes the group in which all are.
    let mut ours = aril.words.clone();
    ours.splice(2..2, ["-m", "64m", "--pids-limit", "64"].map(String::from));
    let ours = Program { name: LIMITED[0], words: ours, times: Vec::new() };
    if let Err(reason) = ours.is_usable() {
        println!("  {}: skipped, {reason}", ours.name);
        return Ok(Vec::new());
    }
    let group = |hierarchy: &str| format!("/sys/fs/cgroup{hierarchy}/aril/floor-{}", std::process::id());
    let file = |name: &str, value: &str| [name.to_string(), value.to_string()];
    let mut words = floor.words.clone();
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        let swap = file("memory.swap.max", MEMORY);
        words.push(group(""));
        words.extend([file("memory.max", MEMORY), swap, file("pids.max", "64")].concat());
    } else {
        words.push(group("/memory"));
        words.extend(file("memory.limit_in_bytes", MEMORY));
        if Path::new("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists() {
            words.extend(file("memory.memsw.limit_in_bytes", "134217728"));
        }
        words.push(group("/pids"));
        words.extend(file("pids.max", "64"));
    }
    Ok(vec![ours, Program { name: LIMITED[1], words, times: Vec::new() }])
}

/// A map as aril writes it: every id that there is, each as it is, or the caller's own as 0.
fn map(path: &str, is_root: bool, own: u32) -> Result<String> {
    if !is_root {
        return Ok(format!("0 {own} 1\n"));
    }
    let text = fs::read_to_string(path)?;
    let line = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [inside, _, count] => format!("{inside} {inside} {count}\n"),
        _ => String::new(),
    };
    Ok(text.lines().map(line).collect())
}

// --- System calls ---

/// How often each call is made until the command executes, and after that by all but the command.
type Calls = BTreeMap<String, [usize; 2]>;

/// Names each call that one of them makes more often than the other.
fn compare_calls(aril: &Program, floor: &Program) -> Result<()> {
    let traced = [calls(aril), calls(floor)];
    let [Ok(ours), Ok(floors)] = &traced else {
        let reason = traced.into_iter().find_map(std::result::Result::err).unwrap_or_default();
        println!("  system calls: skipped, {reason}");
        return Ok(());
    };
    let total = |calls: &Calls, part: usize| calls.values().map(|counts| counts[part]).sum();
    let row = |name: &str, ours: [usize; 2], floors: [usize; 2]| {
        let more = |part: usize| ours[part] as isize - floors[part] as isize;
        let ([a, b], [c, d]) = (ours, floors);
        println!("  {name:18} {a:5} {c:6} {:+6}   {b:6} {d:6} {:+6}", more(0), more(1));
    };
    println!("  system calls             to the exec               after it");
    println!("                      aril  floor                aril  floor");
    row("all", [0, 1].map(|part| total(ours, part)), [0, 1].map(|part| total(floors, part)));
    let mut names: Vec<&String> = ours.keys().chain(floors.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let of = |calls: &Calls| calls.get(name).copied().unwrap_or_default();
        if of(ours) != of(floors) {
            row(name, of(ours), of(floors));
        }
    }
    Ok(())
}

/// Counts what strace(1) shows of one run.
fn calls(program: &Program) -> std::result::Result<Calls, String> {
    let output = program.command(&["strace", "-f", "-o", "/dev/stdout"]).output();
    let output = output.map_err(|error| format!("strace: {error}"))?;
    if !output.status.success() {
        return Err(format!("strace: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let mut calls = Calls::new();
    let mut executed: Vec<&str> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // `PID NAME(…`; a call that was interrupted by another line is continued as `PID <... NAME resumed>`.
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let Some((name, _)) = call.trim_start().split_once('(') else { continue };
        let is_command = executed.get(1) == Some(&pid);
        if is_command || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            continue;
        }
        if name == "execve" {
            executed.push(pid);
            continue;
        }
        calls.entry(name.into()).or_default()[usize::from(executed.len() > 1)] += 1;
    }
    Ok(calls)
}
