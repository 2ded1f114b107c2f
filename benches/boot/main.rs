//! What the way costs from the kernel's hand-over to the command's first instruction, and from the command's exit until the
//! machine is off: aril as `/init`, the floor (`floor.rs`, the same kernel calls from a bare program), a script of busybox's
//! shell that does the same, and busybox's init that calls such a script. Instructions are counted, not time: each figure is
//! exact, and two boots give the same.
//!
//! `cargo bench --bench boot -- [--packed] [--trace FOLDER] [--init PROGRAM]`. With `--packed` also what unpacking the smallest
//! initramfs takes, as it is and compressed; with `--trace` FOLDER gets a file for each with all that entered the kernel
//! (`count.c`); with `--init` another program stands beside the floor in place of all these.

#[path = "../../tests/vm/boot/archive.rs"]
#[allow(dead_code, reason = "the tests put more into an archive")]
mod archive;
mod instrument;

use archive::Archive;
use instrument::{Cost, FOLDERS, Instrument, PROBE};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: cargo bench --bench boot -- [--packed] [--trace FOLDER] [--init PROGRAM]";

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    packed: bool,
    traces: Option<PathBuf>,
    init: Option<PathBuf>,
}

impl Options {
    fn read() -> Result<Self> {
        let mut options = Self::default();
        // Cargo adds `--bench`.
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            match word.as_str() {
                "--packed" => options.packed = true,
                "--trace" => options.traces = Some(words.next().ok_or(USAGE)?.into()),
                "--init" => options.init = Some(words.next().ok_or(USAGE)?.into()),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<()> {
    let instrument = Instrument::new()?;
    if let Some(folder) = &options.traces {
        fs::create_dir_all(folder)?;
    }
    let floor = instrument::build_floor()?;
    let busybox = busybox()?;
    let image = FOLDERS.iter().fold(Archive::new(), |image, path| image.folder(path, 0o755));
    let image = image.file(PROBE, 0o755, instrument.probe());
    let busybox = image.clone().program("/bin/busybox", &busybox);
    let busybox = APPLETS.iter().fold(busybox, |image, name| image.link(&format!("/bin/{name}"), "busybox"));
    let by_init = busybox.clone().link("/init", "bin/busybox").script("/etc/rc", SETUP);
    let with_init = |init: &Path| image.clone().program("/init", init);
    let mut programs = vec![("floor", with_init(&floor))];
    match &options.init {
        Some(init) => programs.push(("this one", with_init(init))),
        None => programs.extend([
            ("aril", with_init(env!("CARGO_BIN_EXE_aril").as_ref())),
            ("script", busybox.script("/init", &format!("{SETUP}{RUN_AND_OFF}"))),
            ("busybox init", by_init.file("/etc/inittab", 0o644, INITTAB)),
        ]),
    }

    println!("To the command's first instruction, and from its exit to the call of reboot(2): instructions.");
    println!("\n  {:12}  initramfs    user     kernel  of the floor    user     kernel  off after", "");
    let mut floor = None;
    for (name, archive) in programs {
        let bytes = archive.bytes();
        let trace = options.traces.as_ref().map(|folder| folder.join(name.replace(' ', "-")));
        match instrument.boot(&bytes, "aril.hostname=vm -- /probe", trace.as_deref()) {
            Ok(cost) => {
                let of = *floor.get_or_insert(cost.start.kernel);
                println!("  {name:12} {}", row(bytes.len(), &cost, of));
            }
            Err(error) => println!("  {name:12} failed: {error}"),
        }
    }
    if options.packed { packings(&instrument) } else { Ok(()) }
}

fn row(size: usize, cost: &Cost, floor: u64) -> String {
    let Cost { start, end, .. } = cost;
    let off = cost.off.map_or("never".into(), |off| format!("{:.2} ms", off as f64 / 1000.0));
    let ratio = start.kernel as f64 / floor as f64;
    format!("{size:10} {:7} {:10} {ratio:13.2} {:7} {:10} {off:>10}", start.user, start.kernel, end.user, end.kernel)
}

/// What an initramfs of aril and one program takes to unpack, beside one of nothing but the kernel's own.
fn packings(instrument: &Instrument) -> Result<()> {
    let image = Archive::new().file(PROBE, 0o755, instrument.probe());
    // One without aril is needed all the same: something must run.
    let least = instrument.boot(&image.clone().link("/init", PROBE).bytes(), "", None)?.kernel;
    let bytes = image.program("/init", env!("CARGO_BIN_EXE_aril")).bytes();
    println!("\nThe smallest initramfs: aril and a program of {} bytes.\n", instrument.probe().len());
    println!("  {:6} {:>8}  instructions to unpack", "", "bytes");
    for (name, words) in
        [("cpio", &["cat"][..]), ("lz4", &["lz4", "-l", "-9"]), ("gzip", &["gzip", "-9n"]), ("zstd", &["zstd", "-19"])]
    {
        let packed = filter(words, &bytes)?;
        let cost = instrument.boot(&packed, "aril.hostname=vm -- /probe", None)?;
        println!("  {name:6} {:8}  {:22}", packed.len(), cost.kernel.saturating_sub(least));
    }
    Ok(())
}

fn filter(words: &[&str], bytes: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new(words[0]);
    let mut child = command
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", words[0]))?;
    let mut to = child.stdin.take().ok_or("it has an input")?;
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || to.write_all(&bytes));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "the writer panicked")??;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("{words:?}: {}", output.status).into()) }
}

/// What `archive` takes from the tests.
mod machine {
    pub fn rootfs() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rootfs")
    }
}

fn busybox() -> Result<PathBuf> {
    let rootfs = machine::rootfs().join("busybox");
    fs::create_dir_all(machine::rootfs())?;
    let status = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rootfs/busybox")).arg(&rootfs).status()?;
    if status.success() { Ok(rootfs.join("bin/busybox")) } else { Err("no busybox".into()) }
}

const APPLETS: [&str; 9] = ["sh", "mount", "mkdir", "ln", "hostname", "ip", "setsid", "sync", "poweroff"];

/// What the floor does.
const SETUP: &str = "\
mount -t devtmpfs -o nosuid,strictatime,mode=0755,size=4m,nr_inodes=64k devtmpfs /dev
mkdir /dev/pts /dev/shm
mount -t devpts -o nosuid,noexec,mode=0620,gid=5 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev,strictatime,mode=1777,size=25% tmpfs /dev/shm
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
mount -t tmpfs -o nosuid,nodev,strictatime,mode=0755,size=10%,nr_inodes=800k tmpfs /run
mount -t tmpfs -o nosuid,nodev,strictatime,mode=1777,size=25%,nr_inodes=1m tmpfs /tmp
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
hostname vm
ip link set lo up
";
const RUN_AND_OFF: &str = "\
setsid -c /probe
echo script: exit status $?
sync
poweroff -f
";
/// The minus is for a controlling terminal.
const INITTAB: &str = "::sysinit:/etc/rc\n::wait:-/probe\n::wait:/bin/poweroff\n";
