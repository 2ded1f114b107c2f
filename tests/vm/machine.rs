//! One VM: what is in it, how it is booted, and that it ends.

use crate::architecture::Architecture;
use crate::transcript::{End, Transcript, has_ended};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What takes longer hangs: with the tests of the table it is half a minute, with every test a quarter of an hour.
pub fn patience() -> Duration {
    Duration::from_secs(if env::var_os("ARIL_LONG").is_some() { 5400 } else { 900 })
}

/// How long a machine may say nothing. It begins within twenty seconds, and each test ends with a line within a minute, or fails for
/// having waited in vain. One that says nothing has stopped as a whole: on a busy machine an emulated one loses its timers now and
/// then, and whoever sleeps in it sleeps for ever. It is booted anew, and says so.
pub fn silence() -> Duration {
    patience() / 6
}
const BOOTS: usize = 3;

/// What a machine is.
pub struct Machine {
    pub name: &'static str,
    /// What kernel it has, by its name in target/vm: a Debian suite, and `-arm64` if it is of that.
    pub kernel: &'static str,
    /// How control groups are mounted: `v1`, `v2` or `hybrid`.
    pub layout: &'static str,
}

impl Machine {
    /// The same with another kernel.
    pub fn with_kernel(self, kernel: Option<String>) -> Self {
        Self { kernel: kernel.map_or(self.kernel, |kernel| kernel.leak()), ..self }
    }

    pub fn architecture(&self) -> Architecture {
        Architecture::of(self.kernel)
    }

    /// Why it cannot be booted here.
    pub fn is_ready(&self) -> Result<(), String> {
        is_ready(self.kernel)?;
        if self.architecture() == Architecture::Amd64 {
            return Ok(());
        }
        self.architecture().has_compiler()?;
        if self.architecture().rootfs().join("programs").exists() {
            return Ok(());
        }
        Err("no target/rootfs/arm64/programs: rootfs/programs target/rootfs/arm64/programs arm64 makes it".into())
    }
}

/// Why no machine with this kernel can be booted here.
pub fn is_ready(name: &str) -> Result<(), String> {
    let architecture = Architecture::of(name);
    if architecture == Architecture::Amd64 && cfg!(not(target_arch = "x86_64")) {
        return Err("its tests are those of an x86_64 machine, and this one is not".into());
    }
    if Command::new(architecture.qemu()).arg("--version").output().is_err() {
        return Err(format!("no {} on this machine: install {}", architecture.qemu(), architecture.package()));
    }
    if !kernel(name).join("vmlinuz").exists() {
        let words = name.replace('-', " ");
        return Err(format!(
            "no target/vm/{name}: rootfs/kernel target/vm/{name} {words} makes it, with a mirror in reach"
        ));
    }
    if !architecture.rootfs().join("busybox").exists() {
        return Err("no target/rootfs/arm64/busybox: rootfs/busybox target/rootfs/arm64/busybox arm64 makes it".into());
    }
    Ok(())
}

/// Where a kernel is, once it has been made.
pub fn kernel(name: &str) -> PathBuf {
    source("target/vm").join(name)
}

/// A file of the sources.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The folder of the root file systems that recipes made, as the behaviour tests find it.
pub fn rootfs() -> PathBuf {
    env::var_os("ARIL_ROOTFS").map_or_else(|| source("target/rootfs"), PathBuf::from)
}

/// A program of tests that a machine runs.
pub struct Job {
    pub program: PathBuf,
    /// The programs of C that it would compile if it could.
    pub needs: &'static [&'static str],
    /// All that it is to run.
    pub tests: Vec<String>,
}

/// A machine with its files, not yet booted.
pub struct Vm<'a> {
    machine: &'a Machine,
    jobs: Vec<Job>,
    folder: TempDir,
    /// How long it may say nothing.
    pub silence: Duration,
}

impl<'a> Vm<'a> {
    pub fn of(machine: &'a Machine, jobs: Vec<Job>) -> Self {
        Self {
            machine,
            jobs,
            folder: TempDir::with_prefix("aril-vm.").expect("a temporary folder"),
            silence: silence(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The script of a machine that does its jobs and nothing else.
    pub fn jobs_alone(&self) -> String {
        let rootfs = self.machine.architecture().rootfs();
        let mut script = format!("export ARIL_PROGRAMS=/job ARIL_ROOTFS={}\nstatus=0\n", rootfs.display());
        for (number, Job { program, .. }) in self.jobs.iter().enumerate() {
            let run = format!("{} --test-threads={CORES} --color=never", program.display());
            script += &format!("ARIL_TESTS=/job/tests.{number} {run} || status=$?\n");
        }
        script + "exit $status\n"
    }

    /// Boots it with this script to run, and waits for its end.
    pub fn run(&self, script: &str, patience: Duration) -> Transcript {
        let _permit = Permit::wait();
        self.furnish(script);
        let mut boots = 1..=BOOTS;
        loop {
            let boot = boots.next();
            let mut qemu = self.boot();
            let (end, is_off) = self.wait(&qemu, patience);
            // How an emulated machine switches itself off is none of the tests' business.
            if !is_off && (end != End::Off || !ends_within(&qemu, OFF)) {
                qemu.kill().expect("it is our own");
            }
            let status = qemu.wait().expect("it is our own");
            let (said, mut console) = (self.read("said"), self.read("console"));
            if !status.success() {
                let qemu = self.machine.architecture().qemu();
                console += &format!("{qemu}: {status}\n{}", self.read("qemu"));
            }
            match boot.filter(|boot| end == End::Silent(self.silence) && *boot < BOOTS) {
                None => return Transcript::new(&said, console, end),
                Some(boot) => {
                    let last = said.lines().last().unwrap_or_default();
                    let (name, silence) = (self.machine.name, self.silence.as_secs());
                    eprintln!("boot {boot} of {name}: nothing more in {silence} s after {last:?}\n{console}");
                }
            }
        }
    }

    /// Waits for the end of the job or of the machine, and tells whether it is off.
    fn wait(&self, qemu: &Child, patience: Duration) -> (End, bool) {
        let begun = Instant::now();
        let (mut length, mut last) = (0, begun);
        while begun.elapsed() < patience {
            if ends_within(qemu, TICK) {
                return (End::Off, true);
            }
            let said = self.read("said");
            if has_ended(&said) {
                return (End::Off, false);
            }
            if said.len() > length {
                (length, last) = (said.len(), Instant::now());
            } else if last.elapsed() > self.silence {
                return (End::Silent(self.silence), false);
            }
        }
        (End::Hung(patience), false)
    }

    /// What is in one of its files by now.
    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// Makes its initramfs, of which the job is a second archive.
    fn furnish(&self, script: &str) {
        let job = self.path("job");
        fs::create_dir(&job).expect("our own folder");
        fs::write(self.path("job/run"), script).expect("our own folder");
        let architecture = self.machine.architecture();
        for (number, Job { tests, needs, .. }) in self.jobs.iter().enumerate() {
            fs::write(self.path(&format!("job/tests.{number}")), tests.join("\n")).expect("our own folder");
            for program in *needs {
                let out = self.folder.path().join("job").join(program);
                // Without a compiler the tests that want it skip themselves, there as here.
                if !out.exists() {
                    architecture.program(program, &out);
                }
            }
        }
        let archive = "cd \"$1\" && find job | busybox cpio -o -H newc >job.cpio 2>/dev/null";
        made(Command::new("sh").args(["-c", archive, "sh"]).arg(self.folder.path()));

        let mut recipe = Command::new(source("rootfs/machine"));
        recipe.arg(self.path("initramfs")).arg(kernel(self.machine.kernel));
        recipe.args(self.jobs.iter().map(|job| &job.program));
        let aril = architecture.aril().expect("the tests were built with it");
        recipe.arg(aril.with_file_name("aril-init")).arg(aril);
        recipe.arg(architecture.rootfs().join("busybox")).args(["rootfs", "src"].map(source));
        if architecture == Architecture::Arm64 {
            recipe.env("ARIL_FOREIGN", architecture.rootfs());
        } else {
            recipe.args(python());
        }
        made(&mut recipe);
        made(
            Command::new("sh")
                .args(["-c", "cat \"$2\" >>\"$1\"", "sh"])
                .args(["initramfs", "job.cpio"].map(|name| self.path(name))),
        );
    }

    /// Starts it with an empty disk.
    fn boot(&self) -> Child {
        let disk =
            "cd \"$1\" && rm -f disk said console && truncate -s 2G disk && mke2fs -q -F -t ext4 -O ^has_journal disk";
        made(Command::new("sh").args(["-c", disk, "sh"]).arg(self.folder.path()));
        let architecture = self.machine.architecture();
        let machine = if architecture == Architecture::Arm64 { "virt" } else { "q35" };
        let mut qemu = Command::new("setpriv");
        // So that it does not outlive us, whoever kills us.
        qemu.args(["--pdeathsig", "KILL", architecture.qemu(), "-machine", machine, "-accel", "tcg"]);
        qemu.args(["-cpu", architecture.processor(), "-m", MEMORY]);
        qemu.args(["-smp", CORES, "-no-reboot", "-nodefaults", "-no-user-config", "-display", "none"]);
        qemu.arg("-kernel").arg(kernel(self.machine.kernel).join("vmlinuz")).args(["-initrd", &self.path("initramfs")]);
        // The kernel has one port for itself, so that nothing that it says is in the middle of a line of the tests.
        qemu.args(["-serial", &format!("file:{}", self.path("console"))]);
        qemu.args(["-chardev", &format!("file,id=said,path={}", self.path("said"))]);
        qemu.args(["-device", &format!("{},chardev=said", architecture.serial_port())]);
        qemu.args(["-drive", &format!("file={},if=none,id=disk,format=raw,cache=unsafe", self.path("disk"))]);
        qemu.args(["-device", "nvme,drive=disk,serial=1"]);
        qemu.args(["-append", &format!("{} layout={}", architecture.words(), self.machine.layout)]);
        let said = File::create(self.path("qemu")).expect("our own folder");
        qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().expect("setpriv is part of util-linux")
    }
}

/// How often a machine is looked at, and how long it may take to switch itself off.
const TICK: Duration = Duration::from_millis(200);
const OFF: Duration = Duration::from_secs(20);

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
