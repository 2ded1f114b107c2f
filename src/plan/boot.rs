//! The steps by which the first process of a machine makes it what a program expects, runs that, and switches the machine off.

use super::command::{self, Command};
use super::network::{self, NetworkStep};
use super::{Draft, Fate, Line, On, Phase, Plan, Step, step};
use crate::host::Account;
use crate::spec::{Boot, Exit, Spec};
use crate::sys::mount::Attributes;
use crate::sys::words::Words;
use crate::sys::{Arena, List, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{copy, cut, decimal, t};
use core::ffi::CStr;

/// One such step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BootStep<'p> {
    /// A file system of the kernel's, unless something is mounted there.
    Mount(FileSystem),
    /// The terminal on which all is said.
    OpenConsole,
    DeviceLinks,
    LoadModule {
        name: Word<'p>,
        /// Every module's.
        parameters: &'p [Word<'p>],
    },
    /// What a device or a host gives as root file system, once it is there.
    MountRoot {
        source: Word<'p>,
        types: Word<'p>,
        flags: Word<'p>,
        attributes: Attributes,
        patience: u64,
    },
    /// What takes the writes above it.
    Overlay {
        source: Word<'p>,
        patience: u64,
    },
    /// The root lies over the initramfs, to which `/` still leads.
    AttachRoot,
    /// What is mounted there comes along.
    MoveMount {
        path: Word<'p>,
    },
    /// The memory of the initramfs is free.
    EmptyInitramfs,
    /// Ctrl-Alt-Del is a signal.
    CatchCtrlAltDel,
    /// So is the power button.
    CatchPowerButton,
    Network(NetworkStep<'p>),

    /// Standard input, output and error, and the session's terminal.
    TakeConsole,
    BecomeUser {
        name: Word<'p>,
        account: Account<'p>,
    },

    /// The file gets the command's exit status.
    ExitFile {
        path: Word<'p>,
    },
    /// Nothing that was written is lost.
    Settle,
    TellStatus,
    ExitTty {
        path: Word<'p>,
    },
    ExitVsock {
        port: u32,
    },
    ExitPort {
        port: u16,
    },
    Reboot(Exit),
}

/// A file system of the kernel's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileSystem {
    pub path: Word<'static>,
    pub kind: Word<'static>,
    pub attributes: Attributes,
    pub options: Word<'static>,
    pub base: Base,
}

/// What is known of a mount point by what was mounted before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// These three are the bases of others.
    Dev,
    Proc,
    Sys,
    /// A directory in one of them: it is not there in `/dev`, and it is in `/sys`.
    InDev,
    InSys,
    Other,
}

/// Without these the machine is less, and runs.
const fn best(step: BootStep<'static>) -> Line<'static> {
    Line { phase: Phase::Machine, step: Step::Boot(step), fate: Fate::Best }
}

const fn mount(
    path: &'static CStr,
    kind: &'static CStr,
    attributes: Attributes,
    options: &'static CStr,
    base: Base,
) -> Line<'static> {
    best(BootStep::Mount(FileSystem { path: word(path), kind: word(kind), attributes, options: word(options), base }))
}

const SET_ID: Attributes = Attributes::NOSUID.and(Attributes::NODEV);
const DATA: Attributes = SET_ID.and(Attributes::NOEXEC);
const SHORT_LIVED: Attributes = SET_ID.and(Attributes::STRICTATIME);
const DEV: Attributes = Attributes::NOSUID.and(Attributes::STRICTATIME);
const PTS: Attributes = Attributes::NOSUID.and(Attributes::NOEXEC);

/// What every program expects, with the options that systemd has for each; but the sizes leave memory to the command, since a
/// machine without swap that has none left for its processes stands still. These are needed on the way to a new root, and move
/// to it.
const FIRST: [Line; 4] = [
    mount(c"/dev", c"devtmpfs", DEV, c"mode=0755,size=4m,nr_inodes=64k", Base::Dev),
    best(BootStep::OpenConsole),
    mount(c"/proc", c"proc", DATA, c"", Base::Proc),
    mount(c"/sys", c"sysfs", DATA, c"", Base::Sys),
];
const MOVED: Words = Words::new(b"/dev\0/proc\0/sys\0");

/// And the others.
const SECOND: [Line; 6] = [
    mount(c"/dev/pts", c"devpts", PTS, c"mode=0620,gid=5", Base::InDev),
    mount(c"/dev/shm", c"tmpfs", SHORT_LIVED, c"mode=1777,size=25%", Base::InDev),
    mount(c"/run", c"tmpfs", SHORT_LIVED, c"mode=0755,size=10%,nr_inodes=800k", Base::Other),
    mount(c"/tmp", c"tmpfs", SHORT_LIVED, c"mode=1777,size=25%,nr_inodes=1m", Base::Other),
    mount(c"/sys/fs/cgroup", c"cgroup2", DATA, c"nsdelegate,memory_recursiveprot", Base::InSys),
    best(BootStep::DeviceLinks),
];

/// How a command begins.
const START: [Line; 3] = [
    Line { phase: Phase::Machine, step: Step::StartCommand, fate: Fate::Must },
    Line { phase: Phase::Command, step: Step::NewSession, fate: Fate::Must },
    Line { phase: Phase::Command, ..best(BootStep::TakeConsole) },
];

impl BootStep<'_> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Mount(_) => t!("mount % on %%%"),
            Self::OpenConsole => t!("open the console"),
            Self::DeviceLinks => t!("make the links of /dev"),
            Self::LoadModule { .. } => t!("load module %"),
            Self::MountRoot { .. } => t!("mount root file system %%%%, waiting at most % s for it"),
            Self::Overlay { .. } => t!("mount an overlay over the root file system, with the writes on %"),
            Self::AttachRoot => t!("put it on top of /"),
            Self::MoveMount { .. } => t!("move % into it"),
            Self::EmptyInitramfs => t!("remove the files of the initramfs"),
            Self::CatchCtrlAltDel => t!("take Ctrl-Alt-Del as a signal"),
            Self::CatchPowerButton => t!("take the power button as a signal"),
            Self::Network(step) => step.sentence(),
            Self::TakeConsole => t!("take the console as standard input, output, error and terminal"),
            Self::BecomeUser { .. } => t!("give the console to user % and become it"),
            Self::ExitFile { .. } | Self::ExitTty { .. } => t!("write the exit status to %"),
            Self::Settle => t!("flush, make read-only and unmount what is mounted"),
            Self::TellStatus => t!("tell the exit status on the console"),
            Self::ExitVsock { .. } => t!("send the exit status to the host's vsock port %"),
            Self::ExitPort { .. } => t!("write the exit status to port %"),
            Self::Reboot(Exit::PowerOff) => t!("power off"),
            Self::Reboot(Exit::Shell) => t!("run /bin/sh on the console, and power off"),
            Self::Reboot(Exit::Reboot) => t!("reboot"),
            Self::Reboot(Exit::Halt) => t!("halt"),
            Self::Reboot(Exit::Panic) => t!("let the kernel panic"),
        }
    }

    /// What stands for each `%` of it.
    pub(super) fn words<'m>(&self, arena: &'m Arena, words: &mut [Word<'m>; 6])
    where
        Self: 'm,
    {
        let spaced = |word: Word| step::spaced(arena, word);
        let seconds = |microseconds: u64| decimal(arena, microseconds / 1_000_000);
        let [first, second, third, fourth, fifth, _] = words;
        match *self {
            Self::Mount(FileSystem { path, kind, attributes, options, .. }) => {
                (*first, *second, *third, *fourth) = (kind, path, step::flags(arena, attributes), spaced(options));
            }
            Self::LoadModule { name, .. } | Self::BecomeUser { name, .. } => *first = name,
            Self::MountRoot { source, types, flags, attributes, patience } => {
                (*first, *second, *third, *fourth) =
                    (source, spaced(types), step::flags(arena, attributes), spaced(flags));
                *fifth = seconds(patience);
            }
            Self::Overlay { source, .. } => *first = source,
            Self::Network(step) => step.words(arena, words),
            Self::ExitFile { path } | Self::ExitTty { path } | Self::MoveMount { path } => *first = path,
            Self::ExitVsock { port } => *first = decimal(arena, port.into()),
            Self::ExitPort { port } => {
                let [high, low] = port.to_be_bytes().map(crate::text::hex);
                *first = copy(arena, &[b"0x", &high, &low]);
            }
            _ => {}
        }
    }
}

impl<'p> Draft<'p> {
    fn boot(&mut self, step: BootStep<'p>) {
        self.must(Step::Boot(step));
    }

    /// Without it the machine is less, and runs.
    fn boot_best(&mut self, step: BootStep<'p>) {
        self.add(Fate::Best, Step::Boot(step));
    }
}

/// All of it, for `explain`: in a new root nothing is known.
pub fn whole<'p>(arena: &'p Arena, boot: &'p Boot<'p>, spec: &'p Spec<'p>) -> Plan<'p> {
    let words: &[Word] = if spec.command.is_empty() {
        arena.hold([word(c"what the root file system names: /etc/aril/cmd, /sbin/init or /bin/sh")])
    } else {
        spec.command
    };
    let mut draft = Draft::new(arena, Phase::Machine);
    draft_machine(&mut draft, boot, spec);
    draft_command(&mut draft, spec, words, Account::ROOT);
    draft_off(&mut draft, boot, boot.exit);
    Plan { lines: draft.lines.finish(), command: Command::NONE }
}

/// Up to a machine that can run a command.
pub fn machine<'p>(arena: &'p Arena, boot: &'p Boot<'p>, spec: &Spec<'p>) -> Plan<'p> {
    let mut draft = Draft::new(arena, Phase::Machine);
    draft_machine(&mut draft, boot, spec);
    Plan { lines: draft.lines.finish(), command: Command::NONE }
}

/// A command, or a shell, whose environment is this.
pub fn command<'p>(
    arena: &'p Arena,
    spec: &Spec<'p>,
    words: &'p [Word<'p>],
    account: Account<'p>,
    environment: &'p [Word<'p>],
) -> Plan<'p> {
    let mut draft = Draft::new(arena, Phase::Machine);
    draft_command(&mut draft, spec, words, account);
    Plan { lines: draft.lines.finish(), command: Command::of(arena, words, environment) }
}

/// The init of a new root takes the place of this process, with the words that the kernel has left for one, such as `single`.
pub fn hand_over<'p>(
    arena: &'p Arena,
    init: Word<'p>,
    arguments: &[Word<'p>],
    environment: &'p [Word<'p>],
) -> Plan<'p> {
    let mut draft = Draft::new(arena, Phase::Machine);
    draft.boot_best(BootStep::TakeConsole);
    draft.must(Step::ResetSignals);
    draft.must(Step::Exec { command: init });
    let mut words = List::new(arena);
    words.push(init);
    words.extend(arguments);
    Plan { lines: draft.lines.finish(), command: Command::of(arena, words.finish(), environment) }
}

/// From the end of the command on.
pub fn off<'p>(arena: &'p Arena, boot: &Boot<'p>, exit: Exit) -> Plan<'p> {
    let mut draft = Draft::new(arena, Phase::Off);
    draft_off(&mut draft, boot, exit);
    Plan { lines: draft.lines.finish(), command: Command::NONE }
}

fn draft_machine<'p>(draft: &mut Draft<'p>, boot: &'p Boot<'p>, spec: &Spec<'p>) {
    draft.lines.extend(&FIRST);
    for name in boot.modules.iter() {
        draft.boot_best(BootStep::LoadModule { name: *name, parameters: &boot.module_parameters });
    }
    if let Some(source) = boot.root {
        let (types, flags, patience) = (boot.root_types, boot.root_flags, boot.patience);
        let mount = |attributes| BootStep::MountRoot { source, types, flags, attributes, patience };
        let mut fate = Fate::Must;
        if boot.writable && boot.overlay.is_none() {
            draft.add(Fate::Try(On::Unwritable), Step::Boot(mount(Attributes::NONE)));
            fate = Fate::Instead;
        }
        draft.add(fate, Step::Boot(mount(Attributes::RDONLY)));
    }
    if let Some(source) = boot.overlay {
        draft.boot(BootStep::Overlay { source, patience: boot.patience });
    }
    if boot.root.is_some() || boot.overlay.is_some() {
        draft.boot(BootStep::AttachRoot);
        for path in MOVED {
            draft.boot_best(BootStep::MoveMount { path });
        }
        // An initramfs is a root that can be pivoted away from Linux 7.0 on.
        draft.add(Fate::Try(On::Invalid), Step::PivotRoot);
        draft.add(Fate::Instead, Step::EnterRoot);
        // With no other root it lies below the overlay.
        if boot.root.is_some() {
            draft.boot_best(BootStep::EmptyInitramfs);
        }
    }
    draft.lines.extend(&SECOND);
    let of_network = || boot.networks.iter().rev().find_map(|network| network.hostname);
    if let Some(name) = spec.hostname.or_else(of_network) {
        draft.add(Fate::Best, Step::SetHostname { name });
    }
    draft.add(Fate::Best, Step::LoopbackUp);
    network::add(draft, boot);
    // Until now, as while a device is waited for, the kernel itself reboots at once.
    draft.boot_best(BootStep::CatchCtrlAltDel);
    draft.boot_best(BootStep::CatchPowerButton);
}

fn draft_command<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, words: &[Word<'p>], account: Account<'p>) {
    draft.lines.extend(&START);
    draft.phase = Phase::Command;
    super::setting::add(draft, spec);
    if let Some(name) = spec.user {
        draft.boot(BootStep::BecomeUser { name, account });
    }
    if let Some(path) = spec.workdir {
        draft.must(Step::ChangeDirectory { path });
    }
    draft.must(Step::ResetSignals);
    draft.must(Step::Exec { command: words.first().copied().unwrap_or_default() });
}

fn draft_off<'p>(draft: &mut Draft<'p>, boot: &Boot<'p>, exit: Exit) {
    draft.phase = Phase::Off;
    // First of all: nothing that fails later keeps it from being told.
    draft.boot_best(BootStep::TellStatus);
    if let Some(path) = boot.exit_file {
        draft.boot_best(BootStep::ExitFile { path });
    }
    draft.boot_best(BootStep::Settle);
    if let Some(path) = boot.exit_tty {
        draft.boot_best(BootStep::ExitTty { path });
    }
    if let Some(port) = boot.exit_vsock {
        draft.boot_best(BootStep::ExitVsock { port });
    }
    if let Some(port) = boot.exit_port {
        draft.boot_best(BootStep::ExitPort { port });
    }
    draft.boot(BootStep::Reboot(exit));
}

/// The command's environment: what the kernel passes on, a path and a home, and what was asked for. `linux` is the kernel's word for
/// a terminal that it has not looked at.
pub fn environment<'p>(
    arena: &'p Arena,
    spec: &Spec<'p>,
    kernel: &[Word<'p>],
    account: Account,
    is_virtual_console: bool,
) -> &'p [Word<'p>] {
    let mut entries = List::new(arena);
    entries.extend(kernel);
    command::put(&mut entries, b"HOME", copy(arena, &[b"HOME=", account.home.bytes()]));
    let is_unknown = |entry: &Word| matches!(entry.bytes(), b"TERM=linux");
    if let Some(at) = entries.iter().position(is_unknown).filter(|_| !is_virtual_console) {
        entries[at] = word(c"TERM=vt220");
    }
    if !entries.iter().any(|entry| entry.strip(b"PATH=").is_some()) {
        entries.push(command::PATH);
    }
    for entry in spec.environment.iter() {
        command::put(&mut entries, cut(entry.bytes(), b'=').0, *entry);
    }
    entries.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    /// The steps of the machine's root, in their order.
    fn steps(ask: impl FnOnce(&mut Boot<'static>)) -> Vec<String> {
        let arena = Arena::forever().unwrap();
        let mut boot = Boot::new(arena);
        ask(&mut boot);
        let mut text = Text::new(arena);
        machine(arena, arena.hold(boot), arena.hold(Spec::new(arena))).write(&mut text);
        let text = String::from_utf8(text.bytes().to_vec()).unwrap();
        let is_of_root =
            |line: &&str| ["root", " into it", "overlay", "initramfs"].iter().any(|word| line.contains(word));
        text.lines().filter(is_of_root).map(|line| line.trim().to_string()).collect()
    }

    #[test]
    fn a_root_is_read_only_unless_it_is_asked_for_and_can_be_written() {
        let disk = |boot: &mut Boot<'static>| boot.root = Some(word(c"/dev/vda"));
        let read_only = "mount root file system /dev/vda ro, waiting at most 10 s for it";
        assert_eq!(steps(disk)[0], read_only);
        let planned = steps(|boot| {
            disk(boot);
            boot.writable = true;
        });
        let writable = "mount root file system /dev/vda, waiting at most 10 s for it [on EROFS, EACCES instead:]";
        assert_eq!(planned[..2], [writable, read_only]);
        // What lies below an overlay is not written.
        let planned = steps(|boot| {
            disk(boot);
            (boot.writable, boot.overlay) = (true, Some(word(c"tmpfs")));
        });
        assert_eq!(planned[0], read_only);
        assert_eq!(planned[1], "mount an overlay over the root file system, with the writes on tmpfs");
        assert_eq!(planned.last().unwrap(), "remove the files of the initramfs [may fail: told]");
    }

    #[test]
    fn an_initramfs_that_stays_the_root_is_not_emptied() {
        assert!(steps(|_| {}).is_empty());
        let planned = steps(|boot| boot.overlay = Some(word(c"/dev/vdb")));
        assert!(planned[0].starts_with("mount an overlay over the root file system"), "{planned:?}");
        assert!(planned.iter().all(|line| !line.contains("initramfs")), "{planned:?}");
    }

    #[test]
    fn the_command_has_a_path_and_a_home_and_what_the_kernel_was_told() {
        let arena = Arena::forever().unwrap();
        let mut spec = Spec::new(arena);
        let of = |spec: &Spec<'static>, kernel: &[Word<'static>]| {
            let all = environment(arena, spec, kernel, Account::ROOT, false);
            all.iter().map(|entry| String::from_utf8_lossy(entry.bytes()).into_owned()).collect::<Vec<_>>()
        };
        let home = format!("HOME={}", String::from_utf8_lossy(Account::ROOT.home.bytes()));
        let path = String::from_utf8_lossy(command::PATH.bytes()).into_owned();
        let kernel = [word(c"HOME=/"), word(c"TERM=linux")];
        assert_eq!(of(&spec, &kernel), [home.as_str(), "TERM=vt220", &path]);
        let kernel = [word(c"PATH=/x"), word(c"HOME=/")];
        assert_eq!(of(&spec, &kernel), ["PATH=/x", &home]);
        spec.environment.push(word(c"PATH=/y"));
        assert_eq!(of(&spec, &kernel), ["PATH=/y", &home]);
    }
}
