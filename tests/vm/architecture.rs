//! What differs between VMs of this machine's architecture and those of arm64, whose binaries are built here and run there alone.

use crate::machine::{rootfs, source};
use crate::programs;
use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// A VM's processor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Architecture {
    Amd64,
    Arm64,
}

/// As Rust names arm64.
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Debian's linker and C compiler for it, which the tests and their probe need; aril itself does without.
const COMPILER: &str = "aarch64-linux-gnu-gcc";

impl Architecture {
    /// That of a kernel in target/vm: `bookworm-arm64` says it.
    pub fn of(kernel: &str) -> Self {
        if kernel.ends_with("-arm64") { Self::Arm64 } else { Self::Amd64 }
    }

    pub const fn qemu(self) -> &'static str {
        if matches!(self, Self::Arm64) { "qemu-system-aarch64" } else { "qemu-system-x86_64" }
    }

    /// Debian's package with it.
    pub const fn package(self) -> &'static str {
        if matches!(self, Self::Arm64) { "qemu-system-arm" } else { "qemu-system-x86" }
    }

    /// On every command line.
    pub const fn words(self) -> &'static str {
        match self {
            // Under emulation on a busy machine the kernel may fail to measure the clock, and then hangs.
            Self::Amd64 => "console=ttyS0 quiet panic=-1 tsc_early_khz=2596000",
            Self::Arm64 => "console=ttyAMA0 quiet panic=-1",
        }
    }

    /// A processor that QEMU emulates. `max` of arm64 would compute signatures of pointers, which are slow and prove nothing here.
    pub const fn processor(self) -> &'static str {
        if matches!(self, Self::Arm64) { "cortex-a72" } else { "max" }
    }

    /// A serial port besides the console: `/dev/ttyS1`, on arm64 `/dev/ttyS0`.
    pub const fn serial_port(self) -> &'static str {
        if matches!(self, Self::Arm64) { "pci-serial" } else { "isa-serial" }
    }

    /// The folder of its root file systems.
    pub fn rootfs(self) -> PathBuf {
        if self == Self::Arm64 { rootfs().join("arm64") } else { rootfs() }
    }

    /// aril for it, in the first program that asks; or why there is none.
    pub fn aril(self) -> Result<PathBuf, String> {
        static ARM64: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        match self {
            Self::Amd64 => Ok(env!("CARGO_BIN_EXE_aril").into()),
            Self::Arm64 => ARM64.get_or_init(|| self.built(&["build"], "aril")).clone(),
        }
    }

    /// A program of tests as it is now, by its name, or `aril`, that of the unit tests. Cargo names it to nobody but who builds it,
    /// and when only these tests are asked for it may be old.
    pub fn tests(self, name: &'static str) -> Result<PathBuf, String> {
        type Built = Result<PathBuf, String>;
        static BUILT: Mutex<BTreeMap<(Architecture, &str), Built>> = Mutex::new(BTreeMap::new());
        let what: &[&str] = if name == "aril" { &["--lib"] } else { &["--test", name] };
        let mut built = BUILT.lock().expect("everything can be built");
        let build = || self.built(&[&["test", "--no-run"], what].concat(), name);
        built.entry((self, name)).or_insert_with(build).clone()
    }

    /// Why the tests cannot be built for it.
    pub fn has_compiler(self) -> Result<(), String> {
        if self == Self::Arm64 && Command::new(COMPILER).arg("--version").output().is_err() {
            return Err(format!(
                "no {COMPILER} on this machine: install gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
            ));
        }
        Ok(())
    }

    /// Makes a program of C that tests run. Without a compiler they skip themselves.
    pub fn program(self, name: &str, out: &Path) -> bool {
        programs::compile(if self == Self::Arm64 { COMPILER } else { "gcc" }, name, out)
    }

    fn built(self, words: &[&str], name: &str) -> Result<PathBuf, String> {
        let ours = env::current_exe().expect("/proc is mounted");
        let target = ours.ancestors().nth(3).expect("we are TARGET/release/deps/vm-HASH");
        let mut build = Command::new(env!("CARGO"));
        build.args(words).args(["--locked", "--message-format=json", "--manifest-path"]);
        build.arg(source("Cargo.toml")).arg("--target-dir").arg(target);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        if self == Self::Arm64 {
            // One linker for both kinds of build, or each would undo the other's.
            let linker = if self.has_compiler().is_ok() { COMPILER } else { "rust-lld" };
            build.args(["--target", TARGET]).env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", linker);
        }
        let output = build.output().expect("cargo has started us");
        let error = String::from_utf8_lossy(&output.stderr);
        if self == Self::Arm64 && error.contains("can't find crate for `core`") {
            return Err(format!("no Rust for arm64: rustup target add {TARGET}"));
        }
        assert!(output.status.success(), "{error}");
        let said = String::from_utf8_lossy(&output.stdout);
        let messages = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let built = messages.filter(|message| message["target"]["name"] == name);
        let mut programs = built.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        Ok(programs.next().expect("it was built"))
    }
}
