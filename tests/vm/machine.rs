//! One VM: what is in it, how it is booted, and that it ends.

use crate::transcript::{End, Transcript};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// What takes longer hangs: with the tests of the table it is half a minute, with every test a quarter of an hour.
pub fn patience() -> Duration {
    Duration::from_secs(if env::var_os("ARIL_LONG").is_some() { 5400 } else { 900 })
}

/// What a machine is.
pub struct Machine {
    pub name: &'static str,
    /// A Debian suite whose kernel it has: `rootfs/kernel target/vm/SUITE SUITE` makes it.
    pub kernel: &'static str,
    /// How control groups are mounted: `v1`, `v2` or `hybrid`.
    pub layout: &'static str,
}

impl Machine {
    /// The same with another kernel.
    pub fn with_kernel(self, kernel: Option<String>) -> Self {
        Self { kernel: kernel.map_or(self.kernel, |kernel| kernel.leak()), ..self }
    }

    /// Why it cannot be booted here.
    pub fn is_ready(&self) -> Result<(), String> {
        is_ready(self.kernel)
    }
}

/// Why no machine with this kernel can be booted here.
pub fn is_ready(suite: &str) -> Result<(), String> {
    if Command::new(QEMU).arg("--version").output().is_err() {
        return Err(format!("no {QEMU} on this machine: install qemu-system-x86"));
    }
    if kernel(suite).join("vmlinuz").exists() {
        return Ok(());
    }
    Err(format!("no target/vm/{suite}: rootfs/kernel target/vm/{suite} {suite} makes it, with a mirror in reach"))
}

/// Where the kernel of a Debian suite is, once it has been made.
pub fn kernel(suite: &str) -> PathBuf {
    source("target/vm").join(suite)
}

pub const QEMU: &str = "qemu-system-x86_64";

/// A file of the sources.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The folder of the root file systems that recipes made, as the behaviour tests find it.
pub fn rootfs() -> PathBuf {
    env::var_os("ARIL_ROOTFS").map_or_else(|| source("target/rootfs"), PathBuf::from)
}

/// A machine with its files, not yet booted.
pub struct Vm<'a> {
    machine: &'a Machine,
    behaviour: &'a Path,
    folder: TempDir,
}

impl<'a> Vm<'a> {
    pub fn of(machine: &'a Machine, behaviour: &'a Path) -> Self {
        Self { machine, behaviour, folder: TempDir::with_prefix("aril-vm.").expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The script of a machine that runs nothing but its tests.
    pub fn tests_alone(&self) -> String {
        format!(
            "export ARIL_TESTS=/job/tests ARIL_PROBE=/job/probe ARIL_ROOTFS={}\n\
            exec {} --test-threads={CORES} --color=never\n",
            rootfs().display(),
            self.behaviour.display()
        )
    }

    /// Boots it with this list of tests at hand and this script to run, and waits for its end.
    pub fn run(&self, tests: &[String], script: &str, patience: Duration) -> Transcript {
        let _permit = Permit::wait();
        self.furnish(tests, script);
        let mut qemu = self.boot();
        let end = if ends_within(&qemu, patience) {
            End::Off
        } else {
            qemu.kill().expect("it is our own");
            End::Hung(patience)
        };
        let status = qemu.wait().expect("it is our own");
        let read = |name| fs::read(self.path(name)).unwrap_or_default();
        let mut console = String::from_utf8_lossy(&read("console")).into_owned();
        if !status.success() {
            console += &format!("{QEMU}: {status}\n{}", String::from_utf8_lossy(&read("qemu")));
        }
        Transcript::new(&String::from_utf8_lossy(&read("said")), console, end)
    }

    /// Makes its disk and its initramfs, of which the job is a second archive.
    fn furnish(&self, tests: &[String], script: &str) {
        let job = self.path("job");
        fs::create_dir(&job).expect("our own folder");
        fs::write(self.path("job/run"), script).expect("our own folder");
        fs::write(self.path("job/tests"), tests.join("\n")).expect("our own folder");
        // Without a compiler the tests that want it skip themselves, there as here.
        let probe = source("tests/behaviour/probe.c");
        drop(Command::new("gcc").args(["-static", "-O1", "-o", &self.path("job/probe")]).arg(probe).output());
        let archive = "cd \"$1\" && find job | busybox cpio -o -H newc >job.cpio 2>/dev/null && truncate -s 2G disk && \
            mke2fs -q -F -t ext4 -O ^has_journal disk";
        made(Command::new("sh").args(["-c", archive, "sh"]).arg(self.folder.path()));

        let mut recipe = Command::new(source("rootfs/machine"));
        recipe.arg(self.path("initramfs")).arg(kernel(self.machine.kernel)).arg(self.behaviour);
        recipe.args([env!("CARGO_BIN_EXE_aril"), env!("CARGO_BIN_EXE_aril-init")]);
        made(recipe.arg(rootfs().join("busybox")).arg(source("rootfs")).args(python()));
        made(
            Command::new("sh")
                .args(["-c", "cat \"$2\" >>\"$1\"", "sh"])
                .args(["initramfs", "job.cpio"].map(|name| self.path(name))),
        );
    }

    fn boot(&self) -> Child {
        let mut qemu = Command::new("setpriv");
        // So that it does not outlive us, whoever kills us.
        qemu.args(["--pdeathsig", "KILL", QEMU, "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", MEMORY]);
        qemu.args(["-smp", CORES, "-no-reboot", "-nodefaults", "-no-user-config", "-display", "none"]);
        qemu.arg("-kernel").arg(kernel(self.machine.kernel).join("vmlinuz")).args(["-initrd", &self.path("initramfs")]);
        // The kernel has one port for itself, so that nothing that it says is in the middle of a line of the tests.
        qemu.args(["console", "said"].iter().flat_map(|name| ["-serial".into(), format!("file:{}", self.path(name))]));
        qemu.args(["-drive", &format!("file={},if=none,id=disk,format=raw,cache=unsafe", self.path("disk"))]);
        qemu.args(["-device", "nvme,drive=disk,serial=1"]);
        // Under emulation on a busy machine the kernel may fail to measure the clock, and then hangs.
        let words = "console=ttyS0 quiet panic=-1 tsc_early_khz=2596000 layout=";
        qemu.args(["-append", &format!("{words}{}", self.machine.layout)]);
        let said = File::create(self.path("qemu")).expect("our own folder");
        qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().expect("setpriv is part of util-linux")
    }
}

const CORES: &str = "2";
const MEMORY: &str = "1024";

/// For a long run the machine's python and its library, if there is one: it is as large as all the rest.
fn python() -> Vec<PathBuf> {
    let python = Path::new("/usr/bin/python3");
    let version = fs::canonicalize(python).ok().filter(|_| env::var_os("ARIL_LONG").is_some());
    let library = version.and_then(|version| Some(Path::new("/usr/lib").join(version.file_name()?)));
    library.map_or_else(Vec::new, |library| vec![python.to_path_buf(), library])
}

/// Runs what makes a file.
pub fn made(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}

pub fn ends_within(child: &Child, patience: Duration) -> bool {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("the child is not waited for yet");
    let patience = patience.try_into().expect("it is short");
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)).is_ok_and(|ready| ready == 1)
}

/// Held by a VM that runs: only so many at once.
pub struct Permit;

static FREE: (Mutex<usize>, Condvar) = (Mutex::new(2), Condvar::new());

impl Permit {
    pub fn wait() -> Self {
        let free = FREE.0.lock().expect("no holder panics");
        *FREE.1.wait_while(free, |free| *free == 0).expect("no holder panics") -= 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *FREE.0.lock().expect("no holder panics") += 1;
        FREE.1.notify_one();
    }
}
