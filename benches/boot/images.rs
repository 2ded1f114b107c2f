//! The machines that are compared: aril as `/init`, the floor (`floor.rs`, the same kernel calls from a bare program), a script of
//! busybox's shell that does the same, and busybox's init that calls such a script. The benchmark of boots and the report of all
//! figures share this file.

use crate::archive::Archive;
use crate::instrument::{self, FOLDERS, Instrument, PROBE};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What all of them are told by the kernel's command line.
pub const WORDS: &str = "aril.hostname=vm -- /probe";

/// Names and initramfs: the floor and this program, or else the floor and all others.
pub fn all(instrument: &Instrument, init: Option<&Path>) -> Result<Vec<(&'static str, Archive)>> {
    let floor = instrument::build_floor()?;
    let busybox = crate::busybox::rootfs()?.join("bin/busybox");
    let image = FOLDERS.iter().fold(Archive::new(), |image, path| image.folder(path, 0o755));
    let image = image.file(PROBE, 0o755, instrument.probe());
    let busybox = image.clone().program("/bin/busybox", &busybox);
    let busybox = APPLETS.iter().fold(busybox, |image, name| image.link(&format!("/bin/{name}"), "busybox"));
    let by_init = busybox.clone().link("/init", "bin/busybox").script("/etc/rc", SETUP);
    let with_init = |init: &Path| image.clone().program("/init", init);
    let mut programs = vec![("floor", with_init(&floor))];
    match init {
        Some(init) => programs.push(("this one", with_init(init))),
        None => programs.extend([
            ("aril", with_init(env!("CARGO_BIN_EXE_aril").as_ref())),
            ("script", busybox.script("/init", &format!("{SETUP}{RUN_AND_OFF}"))),
            ("busybox init", by_init.file("/etc/inittab", 0o644, INITTAB)),
        ]),
    }
    Ok(programs)
}

/// What an initramfs of aril and one program takes to unpack, as it is and compressed, beside one of nothing but the kernel's own:
/// how it is packed, bytes, instructions.
pub fn packings(instrument: &Instrument) -> Result<Vec<(&'static str, usize, u64)>> {
    let image = Archive::new().file(PROBE, 0o755, instrument.probe());
    // One without aril is needed all the same: something must run.
    let least = instrument.boot(&image.clone().link("/init", PROBE).bytes(), "", None)?.kernel;
    let bytes = image.program("/init", env!("CARGO_BIN_EXE_aril")).bytes();
    let packed = |(name, words): (&'static str, &[&str])| {
        let packed = filter(words, &bytes)?;
        let cost = instrument.boot(&packed, WORDS, None)?;
        Ok((name, packed.len(), cost.kernel.saturating_sub(least)))
    };
    let ways: [(&str, &[&str]); 4] =
        [("cpio", &["cat"]), ("lz4", &["lz4", "-l", "-9"]), ("gzip", &["gzip", "-9n"]), ("zstd", &["zstd", "-19"])];
    ways.into_iter().map(packed).collect()
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
