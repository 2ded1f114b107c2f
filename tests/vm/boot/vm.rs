//! One boot of a VM whose first process is aril: what is in it, how it is started, what can be done to it while it runs, and
//! how it ended. A test describes it, runs it and asks; a failure shows all that came out of it.
//!
//! ```ignore
//! Boot::of("aril.user=guest -- id -un").run().exited(0).says("guest");
//! let mut vm = Boot::script("trap 'exit 7' INT; echo ready; sleep 1000 & wait").start();
//! vm.saw("ready").types(b"\x03");
//! vm.end().exited(7);
//! ```

use super::archive::Archive;
use crate::architecture::Architecture;
use crate::machine::{Permit, ends_within, kernel, made};
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{env, thread};
use tempfile::TempDir;

/// What takes longer hangs: a boot takes two seconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where QEMU ends with the status `2n+1` if `n` is written there.
pub const EXIT_PORT: &str = "0xf4";

/// A VM that is not booted yet.
pub struct Boot {
    kernel: String,
    machine: &'static str,
    memory: &'static str,
    cores: &'static str,
    /// Unpacked one after the other.
    archives: Vec<Archive>,
    line: String,
    options: Vec<String>,
    patience: Duration,
    is_read: bool,
    folder: TempDir,
}

impl Boot {
    /// With these words on the kernel's command line, after those that every test has and the exit port: the small machine,
    /// Debian's stable kernel, and `/init` and busybox in its initramfs.
    pub fn of(words: &str) -> Self {
        Self::bare(&format!("aril.exitport={EXIT_PORT} {words}"))
    }

    /// The same without the exit port: an end is QEMU's own, with 0.
    pub fn bare(words: &str) -> Self {
        Self {
            kernel: env::var("ARIL_KERNEL").unwrap_or_else(|_| "bookworm".into()),
            machine: "microvm,x-option-roms=off",
            memory: "128",
            cores: "1",
            archives: vec![Archive::busybox().program("/init", env!("CARGO_BIN_EXE_aril"))],
            line: format!("{} {words}", Architecture::Amd64.words()),
            options: Vec::new(),
            patience: PATIENCE,
            is_read: true,
            folder: TempDir::with_prefix("aril-boot.").expect("a temporary folder"),
        }
    }

    /// A machine of arm64, with PCI and without an exit port; skips the test where there can be none.
    pub fn arm64(words: &str) -> Self {
        const KERNEL: &str = "bookworm-arm64";
        let architecture = Architecture::Arm64;
        let aril = crate::machine::is_ready(KERNEL).and_then(|()| architecture.aril());
        let aril = aril.unwrap_or_else(|reason| super::skip(&reason));
        Self {
            kernel: KERNEL.into(),
            machine: "virt",
            archives: vec![Archive::busybox_in(&architecture.rootfs()).program("/init", aril)],
            line: format!("{} {words}", architecture.words()),
            ..Self::bare("")
        }
    }

    /// Its command is this shell's script.
    pub fn script(script: &str) -> Self {
        Self::with_script("", script)
    }

    /// The same, with words in front of `--`.
    pub fn with_script(words: &str, script: &str) -> Self {
        Self::of(&format!("{words} -- /test")).with(|archive| archive.script("/test", script))
    }

    /// Another Debian suite's kernel, whatever the environment says.
    pub fn kernel(mut self, suite: &str) -> Self {
        self.kernel = suite.into();
        self
    }

    /// A machine with PCI, a keyboard and a power button.
    pub fn q35(mut self) -> Self {
        self.machine = "q35";
        self
    }

    /// In MiB.
    pub fn memory(mut self, mebibytes: &'static str) -> Self {
        self.memory = mebibytes;
        self
    }

    pub fn cores(mut self, cores: &'static str) -> Self {
        self.cores = cores;
        self
    }

    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Changes the initramfs.
    pub fn with(mut self, change: impl FnOnce(Archive) -> Archive) -> Self {
        let last = self.archives.pop().expect("there is one from the beginning");
        self.archives.push(change(last));
        self
    }

    /// Has another archive unpacked over those that are there.
    pub fn then(mut self, archive: Archive) -> Self {
        self.archives.push(archive);
        self
    }

    /// The kernel's modules as Debian ships them, at `/lib/modules`: those that `rootfs/kernel` keeps.
    pub fn modules(self) -> Self {
        let modules = kernel(&self.kernel).join("lib/modules");
        self.needs_kernel();
        self.with(|archive| archive.tree("/lib/modules", &modules))
    }

    /// More words for QEMU.
    pub fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(ToString::to_string));
        self
    }

    /// A file of the test's own on this machine, such as a disk; it goes with the VM.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A disk that no kernel needs a module for, `/dev/nvme0n1` if it is the first; asks for PCI.
    pub fn nvme(mut self, image: &Path) -> Self {
        if self.architecture() == Architecture::Amd64 {
            self = self.q35();
        }
        let number = self.options.iter().filter(|option| option.starts_with("nvme,")).count();
        let (drive, serial) = (format!("nvme{number}"), number + 1);
        let image = format!("file={},if=none,id={drive},format=raw,cache=unsafe", image.display());
        self.options(&["-drive", &image, "-device", &format!("nvme,drive={drive},serial={serial}")])
    }

    /// A disk as small machines have it, `/dev/vda` if it is the first; needs the module `virtio_blk`.
    pub fn virtio_disk(self, image: &Path) -> Self {
        let number = self.options.iter().filter(|option| option.starts_with("virtio-blk-")).count();
        let drive = format!("disk{number}");
        let image = format!("file={},if=none,id={drive},format=raw,cache=unsafe", image.display());
        let bus = if self.machine.starts_with("microvm") { "virtio-blk-device" } else { "virtio-blk-pci" };
        self.options(&["-drive", &image, "-device", &format!("{bus},drive={drive}")])
    }

    /// An image of this tree with this file system, which needs the program of the same package here; and its path.
    pub fn image(&self, name: &str, kind: Image, tree: &Archive) -> PathBuf {
        let (folder, image) = (self.path(&format!("{name}.tree")), self.path(name));
        tree.lay(&folder);
        let program = match kind {
            Image::Ext4(_) => "mke2fs",
            Image::Squashfs => "mksquashfs",
            Image::Erofs => "mkfs.erofs",
        };
        let mut make = Command::new(program);
        match kind {
            Image::Ext4(size) => {
                make.args(["-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", "-d"]).arg(&folder).arg(&image).arg(size)
            }
            Image::Squashfs => {
                make.arg(&folder).arg(&image).args(["-quiet", "-no-progress", "-no-xattrs", "-noappend"])
            }
            Image::Erofs => make.arg("-x-1").arg(&image).arg(&folder),
        };
        if make.get_program() != "mke2fs" && Command::new(program).arg("-version").output().is_err() {
            super::skip(&format!("no {program} on this machine"));
        }
        made(&mut make);
        fs::remove_dir_all(folder).expect("our own folder");
        image
    }

    /// A second serial port, `/dev/ttyS1` or on arm64 `/dev/ttyS0`: `Ended::second` has what was written to it.
    pub fn second_port(self) -> Self {
        let said = self.path("second").display().to_string();
        let chardev = format!("file,id=second,path={said}");
        let port = format!("{},chardev=second", self.architecture().serial_port());
        self.options(&["-chardev", &chardev, "-device", &port])
    }

    /// Nobody reads the console: not a single byte of it is ever taken.
    pub fn unread(mut self) -> Self {
        self.is_read = false;
        self
    }

    /// QEMU's own console, for `Running::monitor`.
    pub fn monitor(self) -> Self {
        let socket = format!("unix:{},server=on,wait=off", self.path("monitor").display());
        self.options(&["-monitor", &socket])
    }

    fn architecture(&self) -> Architecture {
        Architecture::of(&self.kernel)
    }

    fn needs_kernel(&self) {
        if let Err(reason) = crate::machine::is_ready(&self.kernel) {
            super::skip(&reason);
        }
    }

    /// From its start to its end.
    #[track_caller]
    pub fn run(self) -> Ended {
        self.start().end()
    }

    #[track_caller]
    pub fn start(self) -> Running {
        self.needs_kernel();
        let permit = Permit::wait();
        // The kernel takes archives one after the other; what one is longer than a multiple of four it would not skip.
        let initrd: Vec<u8> = self.archives.iter().flat_map(Archive::bytes).collect();
        fs::write(self.path("initramfs"), initrd).expect("our own folder");
        let architecture = self.architecture();
        let mut qemu = Command::new("setpriv");
        // So that it does not outlive us, whoever kills us.
        qemu.args(["--pdeathsig", "KILL", architecture.qemu(), "-machine", self.machine, "-accel", "tcg"]);
        qemu.args(["-cpu", architecture.processor()]);
        qemu.args(["-m", self.memory, "-smp", self.cores, "-no-reboot", "-nodefaults", "-no-user-config"]);
        qemu.args(["-display", "none", "-serial", "stdio"]);
        if architecture == Architecture::Amd64 {
            qemu.args(["-device", &format!("isa-debug-exit,iobase={EXIT_PORT},iosize=0x04")]);
        }
        qemu.arg("-kernel").arg(kernel(&self.kernel).join("vmlinuz")).arg("-initrd").arg(self.path("initramfs"));
        qemu.args(["-append", &self.line]).args(&self.options);
        let said = File::create(self.path("qemu")).expect("our own folder");
        qemu.stdin(Stdio::piped()).stderr(said);
        let (unread, stdout) = if self.is_read { (None, Stdio::piped()) } else { full_stream() };
        let mut child = qemu.stdout(stdout).spawn().expect("setpriv is part of util-linux");
        let console = Arc::new(Console::default());
        let reader = child.stdout.take().map(|stdout| {
            let console = console.clone();
            thread::spawn(move || console.follow(stdout))
        });
        Running { boot: self, child, console, reader, _unread: unread, _permit: permit }
    }
}

/// A file system that is made on this machine.
pub enum Image {
    /// Of this size, as mke2fs writes it: `16M`.
    Ext4(&'static str),
    Squashfs,
    Erofs,
}

/// A stream that takes no more, and its end that nobody reads.
fn full_stream() -> (Option<UnixStream>, Stdio) {
    let (unread, mut full) = UnixStream::pair().expect("two sockets");
    full.set_nonblocking(true).expect("it is open");
    // The last bytes fit in one by one only.
    while full.write(&[0; 4096]).is_ok() {}
    while full.write(&[0]).is_ok() {}
    (Some(unread), OwnedFd::from(full).into())
}

/// What was said so far.
#[derive(Default)]
struct Console(Mutex<(Vec<u8>, bool)>, Condvar);

impl Console {
    fn follow(&self, mut stream: impl Read) {
        let mut buffer = [0; 4096];
        loop {
            let length = stream.read(&mut buffer).unwrap_or(0);
            let mut said = self.0.lock().expect("nobody panics with it");
            said.0.extend(&buffer[..length]);
            said.1 = length == 0;
            self.1.notify_all();
            if length == 0 {
                return;
            }
        }
    }

    /// As a person would see it: a terminal's line ends are lines' ends.
    fn text(&self) -> String {
        let said = self.0.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&said.0).replace('\r', "")
    }

    /// Whether this comes before the time is over and before nothing more can come.
    fn comes(&self, text: &str, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut said = self.0.lock().expect("nobody panics with it");
        loop {
            if String::from_utf8_lossy(&said.0).replace('\r', "").contains(text) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if said.1 || left.is_zero() {
                return false;
            }
            said = self.1.wait_timeout(said, left).expect("nobody panics with it").0;
        }
    }
}

/// A VM that runs. It is killed if the test forgets it.
pub struct Running {
    boot: Boot,
    child: Child,
    console: Arc<Console>,
    reader: Option<thread::JoinHandle<()>>,
    _unread: Option<UnixStream>,
    _permit: Permit,
}

impl Running {
    /// Waits until this is on the console.
    #[track_caller]
    pub fn saw(&mut self, text: &str) -> &mut Self {
        if !self.console.comes(text, self.boot.patience) {
            panic!("{text:?} did not come:\n{}", self.story());
        }
        self
    }

    /// Types at the console.
    #[track_caller]
    pub fn types(&mut self, keys: &[u8]) -> &mut Self {
        self.child.stdin.as_mut().expect("piped").write_all(keys).expect("it runs");
        self
    }

    /// What QEMU answers to a command of its monitor: `sendkey ctrl-alt-delete`, `system_powerdown`, `device_add …`.
    #[track_caller]
    pub fn monitor(&mut self, command: &str) -> String {
        let mut socket = UnixStream::connect(self.boot.path("monitor")).expect("the test has asked for a monitor");
        socket.set_read_timeout(Some(self.boot.patience)).expect("it is open");
        until_the_prompt(&socket);
        socket.write_all(format!("{command}\n").as_bytes()).expect("it runs");
        let said = until_the_prompt(&socket);
        assert!(!said.contains("Error"), "{command}: {said}");
        said
    }

    fn story(&self) -> String {
        let qemu = fs::read_to_string(self.boot.path("qemu")).unwrap_or_default();
        let line = &self.boot.line;
        format!("--- command line: {line}\n--- console:\n{}\n--- QEMU:\n{qemu}\n---", self.console.text())
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let killed = !ends_within(&self.child, self.boot.patience);
        if killed {
            self.child.kill().expect("it is our own");
        }
        let status = self.child.wait().expect("it is our own");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it does not panic");
        }
        let second = fs::read(self.boot.path("second")).unwrap_or_default();
        let second = String::from_utf8_lossy(&second).replace('\r', "");
        let folder = std::mem::replace(&mut self.boot.folder, TempDir::new().expect("a temporary folder"));
        Ended { status, killed, console: self.console.text(), second, story: self.story(), folder }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("it is our own");
            self.child.wait().expect("it is our own");
        }
    }
}

/// What QEMU's monitor says until it waits for a command.
fn until_the_prompt(mut socket: &UnixStream) -> String {
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"(qemu) ") && socket.read(&mut byte).is_ok_and(|length| length == 1) {
        said.extend(byte);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// A VM's whole life.
pub struct Ended {
    /// QEMU's.
    pub status: ExitStatus,
    /// It did not end in time, and was killed.
    pub killed: bool,
    /// All that was on the first serial port, with plain line ends.
    pub console: String,
    /// And on the second.
    pub second: String,
    story: String,
    folder: TempDir,
}

/// What stands in front of the command's exit status.
const LAST_WORDS: &str = "aril: exit status ";

impl Ended {
    /// As if QEMU had ended with this status and this had been on the console.
    pub fn with(status: i32, console: &str) -> Self {
        let (status, folder) = (ExitStatus::from_raw(status << 8), TempDir::new().expect("a temporary folder"));
        Self { status, killed: false, console: console.into(), second: String::new(), story: console.into(), folder }
    }

    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        panic!("{what}\n{self}")
    }

    /// The machine ended by itself, with this status of the command on the console, once, and at the port.
    #[track_caller]
    pub fn exited(&self, status: u8) -> &Self {
        self.exited_at_port(status).told(status)
    }

    /// The machine ended by itself, with this status at the port: for a kernel that logs so much that its lines stand in the midst of
    /// those of a program.
    #[track_caller]
    pub fn exited_at_port(&self, status: u8) -> &Self {
        self.ended((i32::from(status) * 2 + 1) & 0xff)
    }

    /// The machine ended by itself without the port: by power-off, or by the reboot that QEMU does not do.
    #[track_caller]
    pub fn went_off(&self) -> &Self {
        self.ended(0)
    }

    #[track_caller]
    fn ended(&self, status: i32) -> &Self {
        if self.killed {
            self.fail("the VM did not end");
        }
        if self.console.contains("Kernel panic") {
            self.fail("the kernel panicked");
        }
        if self.status.code() != Some(status) {
            self.fail(&format!("QEMU did not exit with {status}"));
        }
        self
    }

    /// The command's status is on the console, once. The command itself may have left half a line there.
    #[track_caller]
    pub fn told(&self, status: u8) -> &Self {
        let told = self.console.lines().filter_map(|line| line.rsplit_once(LAST_WORDS).map(|(_, status)| status));
        let told: Vec<&str> = told.collect();
        if told != [status.to_string()] {
            self.fail(&format!("the console does not tell of the exit status {status}, but of {told:?}"));
        }
        self
    }

    /// This is on the console.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        if !self.console.contains(text) {
            self.fail(&format!("no {text:?}"));
        }
        self
    }

    /// This is a whole line on the console.
    #[track_caller]
    pub fn says_line(&self, line: &str) -> &Self {
        if !self.console.lines().any(|said| said == line) {
            self.fail(&format!("no line {line:?}"));
        }
        self
    }

    #[track_caller]
    pub fn says_not(&self, text: &str) -> &Self {
        if self.console.contains(text) {
            self.fail(&format!("there is {text:?}"));
        }
        self
    }

    /// What follows this on the first line that begins with it.
    #[track_caller]
    pub fn word(&self, start: &str) -> &str {
        let found = self.console.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| self.fail(&format!("no line begins with {start:?}")))
    }

    /// A file of the test's own, as `Boot::path` named it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let signal = self.status.signal().map_or_else(String::new, |signal| format!(" (signal {signal})"));
        f.write_str(&self.story)?;
        f.write_char('\n')?;
        writeln!(f, "QEMU: {}{signal}", self.status)?;
        if self.second.is_empty() { Ok(()) } else { writeln!(f, "--- second port:\n{}\n---", self.second) }
    }
}
