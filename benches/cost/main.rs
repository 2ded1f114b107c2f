//! What a whole run costs, in instructions of programs and of the kernel and in voluntary switches, beside the floor (`../floor.rs`)
//! or beside other ways to run it: counted in a VM whose clock is the count of its instructions (`../boot/instrument.rs`), so that it
//! can be asked while others work. The VM has one processor: what it counts for a run is all that the machine did meanwhile.
//!
//! `cargo bench --bench cost -- [--kernel SUITE] [--mounts COUNT] [--functions FOLDER] [--with NAME=PROGRAM]... [COMMAND...]`: the kernel
//! is that of `target/vm/SUITE`, bookworm unless told otherwise; so many more mounts are made on the host before; FOLDER gets how
//! often each function of the kernel ran, a file for each command. A COMMAND is one word in the shell that asks; its words are
//! separated by spaces, and an underscore stands for a space in one of them. `/aril`, `/floor`, and each PROGRAM as `/NAME`, are on
//! the machine, `/image` has nothing but busybox as `/bin/true`.

#[path = "../../tests/vm/boot/archive.rs"]
#[allow(dead_code, reason = "the tests put more into an archive")]
mod archive;
#[path = "../busybox.rs"]
mod busybox;
#[path = "../boot/instrument.rs"]
#[allow(dead_code, reason = "the other benchmark counts boots")]
mod instrument;

use archive::Archive;
use instrument::{FOLDERS, Instrument};
use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: cargo bench --bench cost -- [--kernel SUITE] [--mounts COUNT] [--functions FOLDER] \
    [--with NAME=PROGRAM]... [COMMAND...]";

/// The floor's words are those of `../floor.rs`.
const COMMANDS: [&str; 5] = [
    "/floor /image there allow 0_0_65536 0_0_65536 host -- /bin/true",
    "/floor naive /image there allow 0_0_65536 0_0_65536 host -- /bin/true",
    "/aril run --userns identity /image /bin/true",
    "/aril run --userns identity --network none /image /bin/true",
    "/aril run --userns host /image /bin/true",
];

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    kernel: String,
    mounts: u32,
    functions: Option<PathBuf>,
    programs: Vec<(String, PathBuf)>,
    commands: Vec<String>,
}

impl Options {
    fn read() -> Result<Self> {
        let kernel = "bookworm".into();
        let mut options = Self { kernel, mounts: 0, functions: None, programs: Vec::new(), commands: Vec::new() };
        // Cargo adds `--bench`.
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(USAGE);
            match word.as_str() {
                "--kernel" => options.kernel = value()?,
                "--mounts" => options.mounts = value()?.parse()?,
                "--functions" => options.functions = Some(value()?.into()),
                "--with" => {
                    let value = value()?;
                    let (name, path) = value.split_once('=').ok_or(USAGE)?;
                    options.programs.push((name.into(), path.into()));
                }
                _ if word.starts_with("--") => return Err(USAGE.into()),
                _ => options.commands.push(word),
            }
        }
        if options.commands.is_empty() {
            options.commands = COMMANDS.map(String::from).into();
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<()> {
    let instrument = Instrument::new()?;
    let kernel = source("target/vm").join(&options.kernel).join("vmlinuz");
    if !kernel.exists() {
        let suite = &options.kernel;
        return Err(format!("no target/vm/{suite}: rootfs/kernel target/vm/{suite} {suite} makes it").into());
    }
    let initramfs = initramfs(options, &instrument)?.bytes();
    let folder = tempfile::tempdir()?;
    let functions = folder.path().join("functions");
    let asked = options.functions.as_ref().map_or(String::new(), |_| format!(",functions={}", functions.display()));
    let [counts, console, said] = instrument.count(&kernel, "512", &initramfs, "", &asked)?;

    let told: Vec<[&str; 4]> = console.lines().filter_map(|line| line.strip_prefix("cost ")).filter_map(told).collect();
    if told.len() != options.commands.len() {
        return Err(format!("{said}\n{counts}\n{console}").into());
    }
    println!("From the start to the end of each: instructions, and voluntary switches.");
    println!("\n      user     kernel  of the first  switches");
    let mut first = None;
    for (run, [_, switches, status, command]) in between(&counts).iter().zip(&told) {
        let of = *first.get_or_insert(run[1]);
        let note = if *status == "0" { String::new() } else { format!("  (failed: {status})") };
        println!("  {:8} {:10} {:13.2} {switches:>9}  {command}{note}", run[0], run[1], run[1] as f64 / of as f64);
    }
    let Some(folder) = &options.functions else { return Ok(()) };
    fs::create_dir_all(folder)?;
    let symbols = symbols(&console);
    let text = fs::read_to_string(functions)?;
    for (number, run) in text.split_terminator("exit\n").enumerate() {
        fs::write(folder.join(number.to_string()), by_function(run, &symbols))?;
    }
    Ok(())
}

/// Nanoseconds, switches, status, command.
fn told(line: &str) -> Option<[&str; 4]> {
    let mut words = line.trim_end().splitn(4, ' ');
    Some([words.next()?, words.next()?, words.next()?, words.next()?])
}

/// What ran from each `command` to its `exit`: of programs, of the kernel.
fn between(counts: &str) -> Vec<[u64; 2]> {
    let points = |name: &'static str| {
        counts.lines().filter_map(move |line| {
            let mut words = line.strip_prefix(name)?.split_whitespace().map(str::parse::<u64>);
            Some([words.next()?.ok()?, words.next()?.ok()?])
        })
    };
    points("command").zip(points("exit")).map(|(from, to)| [to[0] - from[0], to[1] - from[1]]).collect()
}

/// The kernel's functions, by address.
fn symbols(console: &str) -> Vec<(u64, &str)> {
    let read = |line: &'_ str| -> Option<u64> { u64::from_str_radix(line.split(' ').next()?, 16).ok() };
    let functions = console.lines().filter(|line| line.starts_with("ffffffff"));
    let mut all: Vec<_> = functions.filter_map(|line| Some((read(line)?, line.split_whitespace().nth(2)?))).collect();
    all.sort_unstable();
    all
}

/// Lines `COUNT FUNCTION`, the largest first.
fn by_function(run: &str, symbols: &[(u64, &str)]) -> String {
    /// The plugin counts by so many bytes, and functions are aligned to them.
    const BLOCK: u64 = 16;
    let mut counts = HashMap::new();
    for (address, count) in run.lines().filter_map(|line| line.split_once(' ')) {
        let (Ok(address), Ok(count)) = (u64::from_str_radix(address, 16), count.parse::<u64>()) else { continue };
        let after = symbols.partition_point(|(symbol, _)| *symbol < address + BLOCK);
        let name = after.checked_sub(1).map_or("?", |at| symbols[at].1);
        *counts.entry(name).or_insert(0) += count;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|(name, count)| (u64::MAX - count, *name));
    counts.iter().map(|(name, count)| format!("{count:10} {name}\n")).collect()
}

/// An initramfs that goes on in a tmpfs, for pivot_root(2) takes no initramfs, with the mounts of a usual host.
fn initramfs(options: &Options, instrument: &Instrument) -> Result<Archive> {
    let busybox = busybox::rootfs()?.join("bin/busybox");
    let folders = ["/bin", "/new", "/etc", "/image", "/image/etc", "/image/bin"];
    let image = FOLDERS.map(|path| format!("/image{path}"));
    let all = FOLDERS.iter().copied().chain(folders).chain(image.iter().map(String::as_str));
    let mut archive = all
        .fold(Archive::new(), |archive, path| archive.folder(path, 0o755))
        .program("/bin/busybox", &busybox)
        .program("/around", instrument.compile("../cost/around.c", &["-O2", "-static"])?)
        .program("/aril", env!("CARGO_BIN_EXE_aril"))
        .program("/floor", instrument::build("floor")?)
        .program("/image/bin/true", &busybox)
        .file("/etc/resolv.conf", 0o644, "nameserver 192.0.2.1\n")
        .file("/image/etc/resolv.conf", 0o644, "")
        .file("/image/etc/hosts", 0o644, "")
        .file("/commands", 0o644, options.commands.join("\n") + "\n");
    for (name, path) in &options.programs {
        archive = archive.program(&format!("/{name}"), path);
    }
    let symbols = if options.functions.is_some() { "grep -i ' t ' /new/proc/kallsyms" } else { "" };
    let script = format!("{SETUP}{symbols}\nn=0\nwhile [ $n -lt {} ]; do\n{MOUNT}done\n{GO}", options.mounts);
    Ok(archive.link("/bin/sh", "busybox").script("/init", &script))
}

const SETUP: &str = "\
/bin/busybox --install -s /bin
mount -t tmpfs tmpfs /new
cp -a /bin /etc /image /aril /floor /around /commands /new
for file in /*; do [ ! -f \"$file\" ] || cp -n \"$file\" /new; done
cd /new
mkdir proc sys dev run tmp
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t devtmpfs -o nosuid devtmpfs dev
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t mqueue mqueue dev/mqueue
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
for kind in securityfs:security debugfs:debug tracefs:tracing; do mount -t ${kind%:*} none sys/kernel/${kind#*:}; done
echo 0 > proc/sys/kernel/kptr_restrict
";
const MOUNT: &str = "\
mkdir -p run/$n
mount -t tmpfs tmpfs run/$n
n=$((n + 1))
";
const GO: &str = "exec switch_root /new /around";

/// What `archive` takes from the tests.
mod machine {
    pub fn rootfs() -> std::path::PathBuf {
        super::source("target/rootfs")
    }
}

/// A file of the sources.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
