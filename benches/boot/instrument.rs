//! What a boot costs, in instructions: an exact count, the same each time. A machine under QEMU whose clock is the count of its
//! instructions starts an initramfs of ours with the probe as its command, and a plugin of QEMU's (`count.c`) counts.
//!
//! The benchmark and the tests in VMs share this file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub const QEMU: &str = "qemu-system-x86_64";
/// Where the probe lies in the initramfs.
pub const PROBE: &str = "/probe";
/// What any image has beside it.
pub const FOLDERS: [&str; 5] = ["/dev", "/proc", "/sys", "/run", "/tmp"];
/// A boot takes eight seconds where nobody else works.
const PATIENCE: &str = "300";

/// Instructions, of programs and of the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub user: u64,
    pub kernel: u64,
}

/// What a boot took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The kernel's instructions before its first process.
    pub kernel: u64,
    /// From the first process's first instruction to the command's.
    pub start: Count,
    /// From the command's exit to the call of reboot(2).
    pub end: Count,
    /// From the command's last words to the kernel's, "Power down", in microseconds of the guest's time; `None` if it never said so.
    pub off: Option<u64>,
    /// What came out of the console.
    pub console: String,
}

/// QEMU, its plugin, the probe and a kernel.
pub struct Instrument {
    folder: TempDir,
    kernel: PathBuf,
}

impl Instrument {
    /// Builds plugin and probe; the reason why there are none.
    pub fn new() -> Result<Self, String> {
        if Command::new(QEMU).arg("--version").output().is_err() {
            return Err(format!("no {QEMU} on this machine: install qemu-system-x86"));
        }
        let kernel = source("target/vm/bookworm/vmlinuz");
        if !kernel.exists() {
            return Err(
                "no target/vm/bookworm: rootfs/kernel target/vm/bookworm makes it, with a mirror in reach".into()
            );
        }
        let folder = TempDir::with_prefix("aril-cost.").map_err(|error| format!("no temporary folder: {error}"))?;
        let this = Self { folder, kernel };
        this.compile("count.c", &["-O2", "-shared", "-fPIC"])?;
        this.compile("probe.S", &["-nostdlib", "-static", "-no-pie", "-s", "-Wl,--build-id=none", "-Wl,-n"])?;
        Ok(this)
    }

    /// Compiles a source beside this file, and gives the path of what comes of it.
    pub fn compile(&self, name: &str, options: &[&str]) -> Result<PathBuf, String> {
        let mut gcc = Command::new("gcc");
        gcc.args(options).arg("-o").arg(self.path(name)).arg(source("benches/boot").join(name));
        let output = gcc.output().map_err(|error| format!("no gcc on this machine: {error}"))?;
        if output.status.success() {
            Ok(self.path(name))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name.rsplit('/').next().unwrap_or(name))
    }

    /// The program to run.
    pub fn probe(&self) -> Vec<u8> {
        fs::read(self.path("probe.S")).expect("it was compiled")
    }

    /// Boots an initramfs, with these words on the kernel's command line; each entry of the kernel goes to
    /// `trace`, and how often each address of a program was executed to the file beside it that ends in `.profile`.
    pub fn boot(&self, initramfs: &[u8], words: &str, trace: Option<&Path>) -> Result<Cost, String> {
        let trace = trace.map_or(String::new(), |trace| format!(",trace={0},profile={0}.profile", trace.display()));
        let [counts, console, said] = self.count(&self.kernel, "256", initramfs, words, &trace)?;
        cost(&counts, console.clone()).ok_or_else(|| format!("{said}\n{counts}\n{console}"))
    }

    /// Boots another kernel with so many MiB, and more options for the plugin: what that wrote, what came out of the console, and what
    /// QEMU had to say.
    pub fn count(
        &self,
        kernel: &Path,
        memory: &str,
        initramfs: &[u8],
        words: &str,
        options: &str,
    ) -> Result<[String; 3], String> {
        let folder = TempDir::new_in(self.folder.path()).map_err(|error| error.to_string())?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("initramfs"), initramfs).map_err(|error| error.to_string())?;
        let mut qemu = Command::new("timeout");
        qemu.args(["--signal=KILL", PATIENCE, QEMU, "-machine", "microvm,x-option-roms=off", "-accel", "tcg"]);
        // An instruction is a nanosecond, and where all wait the clock jumps; nothing comes from chance or from outside.
        qemu.args(["-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm", "-seed", "1"]);
        qemu.args(["-cpu", "max,-rdrand,-rdseed", "-m", memory, "-no-reboot", "-nodefaults", "-no-user-config"]);
        qemu.args(["-display", "none", "-serial", &format!("file:{}", path("console"))]);
        let plugin = self.path("count.c").display().to_string();
        qemu.args(["-plugin", &format!("{plugin},out={}{options}", path("counts"))]);
        qemu.arg("-kernel").arg(kernel).args(["-initrd", &path("initramfs")]);
        qemu.args(["-append", &format!("console=ttyS0 quiet panic=-1 nokaslr norandmaps {words}")]);
        let output = qemu.stdin(Stdio::null()).output().map_err(|error| format!("timeout: {error}"))?;
        let read = |name| String::from_utf8_lossy(&fs::read(path(name)).unwrap_or_default()).into_owned();
        let (counts, console) = (read("counts"), read("console"));
        Ok([counts, console, format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))])
    }
}

/// The program to compare with. An example has no `CARGO_BIN_EXE_…`, and nobody else builds it.
pub fn build_floor() -> Result<PathBuf, String> {
    build("boot-floor")
}

/// An example of this name, likewise.
pub fn build(name: &str) -> Result<PathBuf, String> {
    let release = Path::new(env!("CARGO_BIN_EXE_aril")).parent().ok_or("aril lies nowhere")?;
    let target = release.parent().ok_or("aril lies in no target folder")?;
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "--features=floor", "--example", name, "--manifest-path"])
        .arg(source("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() {
        Ok(target.join("release/examples").join(name))
    } else {
        Err("the floor cannot be built".into())
    }
}

/// What the counts depend on beside the sources: the kernel that boots, QEMU, and the compiler.
pub fn kind() -> Result<String, String> {
    let path = source("target/vm/bookworm/release");
    let kernel = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let first_line = |program: &str| {
        let output = Command::new(program).arg("--version").output().map_err(|error| format!("{program}: {error}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_string())
    };
    let compiler = first_line(&std::env::var("RUSTC").unwrap_or("rustc".into()))?;
    Ok(format!("Linux {}, {}, {compiler}", kernel.trim(), first_line(QEMU)?))
}

/// What the plugin and the console say.
fn cost(counts: &str, console: String) -> Option<Cost> {
    let point = |name: &str| {
        let line = counts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        let (user, kernel) = line.split_once(' ')?;
        Some(Count { user: user.parse().ok()?, kernel: kernel.parse().ok()? })
    };
    let [exit, off] = [point("exit")?, point("off")?];
    let [last_words, power_down] = ["probe: exit", "reboot: Power down"].map(|text| stamp(&console, text));
    Some(Cost {
        kernel: point("boot")?.kernel,
        start: point("command")?,
        end: Count { user: off.user - exit.user, kernel: off.kernel - exit.kernel },
        off: last_words.zip(power_down).and_then(|(from, to)| to.checked_sub(from)),
        console,
    })
}

/// The microseconds at which the kernel said this.
fn stamp(console: &str, text: &str) -> Option<u64> {
    let line = console.lines().rfind(|line| line.trim_end().ends_with(text))?;
    let (_, after) = line.split_once('[')?;
    let (seconds, microseconds) = after.split_once(']')?.0.trim().split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + microseconds.parse::<u64>().ok()?)
}

/// A file of the sources.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
