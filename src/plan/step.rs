//! The steps of which a container is made, and how each is said.
//!
//! The sentence of a step is the same in `explain`, in `--trace` and in an error message.

#[cfg(feature = "boot")]
use super::BootStep;
#[cfg(feature = "full")]
use super::CgroupStep;
#[cfg(feature = "full")]
use super::Landlock;
#[cfg(feature = "full")]
use super::denied::DeniedStep;
#[cfg(feature = "full")]
use super::devices::DeviceStep;
#[cfg(feature = "full")]
use super::enter::EnterStep;
#[cfg(feature = "full")]
use super::ids::IdStep;
#[cfg(feature = "full")]
use super::layers::Layer;
#[cfg(feature = "full")]
use super::state::StateStep;
#[cfg(feature = "full")]
use super::terminal::TerminalStep;
#[cfg(feature = "full")]
use super::{OwnFile, Report};
#[cfg(feature = "full")]
use crate::spec::Setting;
use crate::spec::{IdRange, Namespace};
use crate::sys::file::Identity;
use crate::sys::identity::CapabilitySet;
use crate::sys::mount::Attributes;
use crate::sys::sandbox::Instruction;
use crate::sys::{Arena, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, copy, decimal, names, t};

/// Who carries a step out, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The launcher, up to the clone.
    Launcher,
    /// The launcher, after it.
    Parent,
    /// The new process, while the host is still in sight.
    Outside,
    /// The new process, once the container's root is `/`.
    Inside,
    /// The process that becomes the command.
    Command,
    /// The init, once the command runs.
    Init,
    /// The launcher, then.
    Started,
    /// The first process of a machine.
    #[cfg(feature = "boot")]
    Machine,
    /// The same, when the command has ended.
    #[cfg(feature = "boot")]
    Off,
}

impl Phase {
    /// All, in the order in which they begin, with the heading of each.
    pub const ALL: &'static [(Self, Sentence)] = &[
        #[cfg(feature = "boot")]
        (Self::Machine, t!("first process of the machine")),
        (Self::Launcher, t!("launcher, before the clone")),
        (Self::Parent, t!("launcher, after the clone")),
        (Self::Outside, t!("inside, before the root moves")),
        (Self::Inside, t!("inside, after it")),
        (Self::Command, t!("command, before it is executed")),
        (Self::Init, t!("init, once the command runs")),
        (Self::Started, t!("launcher, once the command runs")),
        #[cfg(feature = "boot")]
        (Self::Off, t!("first process of the machine, once the command has ended")),
    ];
}

/// A tree of mounts that one step opens and later ones use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tree {
    /// The container's root.
    Root,
    /// The tmpfs that takes an overlay's writes.
    Scratch,
    /// A file system image.
    #[cfg(feature = "full")]
    Image,
    Proc,
    Sys,
    Dev,
    /// Nodes of the container's own, below its `/dev`.
    #[cfg(feature = "full")]
    Devices,
    /// An empty, read-only directory that hides others.
    Empty,
}

/// What is made where something is to be mounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Make {
    Directory,
    File,
}

/// Where something is mounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'p> {
    /// Below this.
    pub at: Tree,
    pub path: Word<'p>,
    /// What is made there first.
    pub make: Option<Make>,
    /// As what later steps use it.
    pub keep: Option<Tree>,
}

impl<'p> Place<'p> {
    /// A path in the root that is there.
    pub const fn in_root(path: Word<'p>) -> Self {
        Self { at: Tree::Root, path, make: None, keep: None }
    }

    /// The same, for a tree that is used later.
    pub const fn kept(path: Word<'p>, keep: Tree) -> Self {
        Self { keep: Some(keep), ..Self::in_root(path) }
    }

    /// A name in the container's `/dev`, which is made.
    pub const fn in_dev(path: Word<'p>, make: Make) -> Self {
        Self { at: Tree::Dev, path, make: Some(make), keep: None }
    }
}

/// One thing that is done. Paths within a tree are resolved with the tree for their root. What was `seen` at a path of the host is
/// what is used, or nothing: whoever may rename what is above it could lead elsewhere since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'p> {
    BlockSignals,
    CloseDescriptors {
        from: u32,
    },
    /// All are opened before one is joined, because paths mean something else afterwards.
    OpenNamespace {
        kind: Namespace,
        path: Word<'p>,
    },
    Join {
        kind: Namespace,
        path: Word<'p>,
    },
    /// flock(2) on the root file system's directory, against another aril that removes mount points.
    LockRootfs {
        path: Word<'p>,
        seen: Option<&'p Identity>,
    },
    /// Makes a mount point in the image, which is locked, for the time of the run.
    MakeInImage {
        rootfs: Word<'p>,
        target: Word<'p>,
        make: Make,
    },
    /// Goes on as the same program on a read-only mount, so that nobody inside can ever write to its file through
    /// `/proc/1/exe` (CVE-2019-5736). For someone who may not mount: a copy in memory that is never written to again.
    ExecuteAnew {
        sealed: bool,
    },
    UnshareMounts,
    /// A tmpfs for the writes, attached where nothing of it is seen later.
    Scratch,
    /// The host's directory as lower layer; what is written goes to the scratch.
    Overlay {
        lower: Word<'p>,
        seen: Option<&'p Identity>,
        number: u16,
        user_attributes: bool,
        attributes: Attributes,
    },
    /// The overlays hold the scratch from now on: attached on top of `/` it would hide the host, and keep a new user namespace
    /// from being made.
    DetachScratch,
    Clone {
        /// `CLONE_NEW*`.
        flags: u32,
    },
    /// clone(2) in place of clone3(2).
    #[cfg(feature = "full")]
    CloneByOldCall {
        flags: u32,
    },

    DenySetgroups,
    WriteMap {
        file: Word<'static>,
        ranges: &'p [IdRange],
    },
    Go,

    /// What may name secrets is hidden before anybody is inside who could look, or can see this process.
    AwaitGo,
    BecomeRoot,
    ClearGroups,
    SetUmask,
    /// The usual one: `setarch -R`, for one, would take chance out of the addresses of all that runs inside (personality(2)).
    SetPersonality,
    DieWithLauncher,
    /// The caller's keys stay outside.
    JoinKeyring,
    /// What is sent to the launcher's process group reaches the launcher alone, which passes it on once.
    LeaveGroup,
    HideMemory,
    /// Root inside who is root outside would else own the host's node, and get at it by the caller's mount, which is written to.
    #[cfg(feature = "full")]
    ReopenNull,
    MakePrivate,
    /// So that what the host mounts later can show in a volume; all other copies of the host's mounts become private.
    #[cfg(feature = "full")]
    MakeSlave,
    /// Out of a chroot whose directory is a mount point someone inside could find the way that pivot_root(2) has not closed.
    RefuseChroot,
    /// The directory becomes a mount, on top of `/`.
    BindRoot {
        path: Word<'p>,
        seen: Option<&'p Identity>,
        attributes: Attributes,
    },
    /// An overlay becomes that mount.
    AttachRoot {
        number: u16,
    },
    /// A tmpfs becomes that mount.
    EmptyRoot,
    /// The directory, or the host's own root, is where the rest is mounted.
    OpenRoot {
        path: Word<'p>,
        seen: Option<&'p Identity>,
    },
    /// Makes a directory or an empty file in the root, and those above it.
    MakeInRoot {
        target: Word<'p>,
        make: Make,
    },
    Link {
        target: Word<'p>,
        path: Word<'p>,
    },
    /// A new file system.
    Mount {
        kind: Word<'static>,
        /// Ours, each `NAME=VALUE`, and those that a caller gave, which count where both say.
        options: Word<'static>,
        asked: Word<'p>,
        attributes: Attributes,
        place: Place<'p>,
    },
    /// An overlay's tree at its place.
    AttachOverlay {
        number: u16,
        path: Word<'p>,
    },
    Bind {
        source: Word<'p>,
        seen: Option<&'p Identity>,
        attributes: Attributes,
        place: Place<'p>,
    },
    /// The links of `/dev`.
    DeviceLinks,
    /// A part of proc or sysfs onto itself, read-only.
    Protect {
        at: Tree,
        name: Word<'p>,
    },
    /// What is empty lies below a file system of the container's: before Linux 6.15 only what is attached can be copied.
    EmptyTree {
        path: Word<'p>,
        #[cfg(feature = "full")]
        files: &'p [OwnFile<'p>],
    },
    /// One of the files that were written there, at its place.
    #[cfg(feature = "full")]
    OwnFile {
        path: Word<'p>,
        attributes: Attributes,
    },
    /// Something empty over a part of proc or sysfs.
    Mask {
        at: Tree,
        name: Word<'p>,
        make: Make,
    },
    SealRoot,
    PivotRoot,
    /// The container's root already lies on top of `/`.
    EnterRoot,
    /// The root that was opened, by this path.
    ChrootTo {
        path: Word<'p>,
    },
    SetHostname {
        name: Word<'p>,
    },
    LoopbackUp,
    /// A process of its own for the command, which carries out the command's steps.
    StartCommand,
    #[cfg(feature = "full")]
    Set(Setting<'p>),
    #[cfg(feature = "full")]
    Report(Report<'p>),

    NewSession,
    TakeForeground,
    LimitBounding {
        keep: CapabilitySet,
    },
    SetUser {
        uid: u32,
        gid: u32,
        groups: &'p [u32],
        may_set_groups: bool,
    },
    ChangeDirectory {
        path: Word<'p>,
    },
    SetCapabilities {
        keep: CapabilitySet,
    },
    DieWithInit,
    NoNewPrivileges,
    Filter {
        program: &'p [Instruction],
        /// Where it is from, if not from the policy.
        #[cfg(feature = "full")]
        path: Word<'p>,
    },
    ResetSignals,
    Say {
        command: Word<'p>,
    },
    Exec {
        command: Word<'p>,
    },

    KeepOnlyKill,
    CloseLeftovers {
        count: u32,
    },

    #[cfg(feature = "full")]
    Terminal(TerminalStep),
    #[cfg(feature = "full")]
    Layer(Layer<'p>),
    #[cfg(feature = "full")]
    Landlock(Landlock<'p>),
    #[cfg(feature = "full")]
    Denied(DeniedStep<'p>),
    #[cfg(feature = "full")]
    Ids(IdStep<'p>),
    #[cfg(feature = "full")]
    Cgroup(CgroupStep<'p>),
    #[cfg(feature = "full")]
    State(StateStep<'p>),
    #[cfg(feature = "full")]
    Device(DeviceStep<'p>),
    #[cfg(feature = "full")]
    Enter(EnterStep<'p>),
    #[cfg(feature = "boot")]
    Boot(BootStep<'p>),
}

impl<'p> Step<'p> {
    /// Whether the process of the command comes of it.
    pub const fn starts_command(&self) -> bool {
        #[cfg(feature = "full")]
        if matches!(self, Self::Enter(EnterStep::Fork)) {
            return true;
        }
        matches!(self, Self::StartCommand)
    }

    /// Writes the step's sentence.
    pub fn write(&self, text: &mut Text) {
        let words = self.words(text.arena());
        text.fill(self.sentence(), &words);
    }

    /// With a `%` for each word.
    fn sentence(&self) -> Sentence {
        match self {
            #[cfg(feature = "full")]
            Self::Set(setting) => setting.sentence(),
            #[cfg(feature = "full")]
            Self::Report(report) => report.sentence(),
            #[cfg(feature = "full")]
            Self::Terminal(step) => step.sentence(),
            #[cfg(feature = "full")]
            Self::Layer(layer) => layer.sentence(),
            #[cfg(feature = "full")]
            Self::Ids(step) => step.sentence(),
            #[cfg(feature = "full")]
            Self::Device(step) => step.sentence(),
            #[cfg(feature = "full")]
            Self::Landlock(step) => step.sentence(),
            #[cfg(feature = "full")]
            Self::Denied(step) => step.sentence(),
            #[cfg(feature = "full")]
            Self::Cgroup(step) => step.sentence(),
            #[cfg(feature = "full")]
            Self::State(step) => step.sentence(),
            #[cfg(feature = "full")]
            Self::Enter(step) => step.sentence(),
            #[cfg(feature = "boot")]
            Self::Boot(step) => step.sentence(),
            _ => self.own_sentence(),
        }
    }

    /// One for each, so that they are a table of addresses; a group of steps has its own.
    #[inline(never)]
    const fn own_sentence(&self) -> Sentence {
        match self {
            Self::BlockSignals => t!("block every signal"),
            Self::CloseDescriptors { .. } => t!("close descriptors from % upwards"),
            Self::OpenNamespace { .. } => t!("open the % namespace %"),
            Self::Join { .. } => t!("join the % namespace %"),
            Self::LockRootfs { .. } => t!("lock % against the removal of mount points"),
            Self::MakeInImage { .. } => t!("make mount point % (%) in %"),
            Self::ExecuteAnew { sealed: false } => t!("execute this program anew, from a read-only mount"),
            Self::ExecuteAnew { sealed: true } => t!("execute this program anew, from a sealed copy in memory"),
            Self::UnshareMounts => t!("unshare the mount namespace, as a slave of the host's"),
            Self::Scratch => t!("mount a tmpfs that takes the writes"),
            Self::Overlay { .. } => t!("make an overlay of %%"),
            Self::DetachScratch => t!("detach what takes the writes: the overlays hold it"),
            Self::Clone { .. } => t!("clone into new namespaces:%"),
            #[cfg(feature = "full")]
            Self::CloneByOldCall { .. } => t!("clone, without clone3, into new namespaces:%"),
            Self::DenySetgroups => t!("deny setgroups"),
            Self::WriteMap { .. } => t!("write %:%"),
            Self::Go => t!("let the new process go on"),
            Self::AwaitGo => t!("hide the command line, and wait until the launcher says go"),
            Self::BecomeRoot => t!("become user 0 and group 0"),
            Self::ClearGroups => t!("leave the supplementary groups"),
            Self::SetUmask => t!("set the umask to 022"),
            Self::SetPersonality => t!("set the personality to 0"),
            Self::DieWithLauncher => t!("die when the launcher dies"),
            Self::JoinKeyring => t!("begin a session keyring of its own"),
            Self::LeaveGroup => t!("leave the launcher's process group"),
            Self::HideMemory => t!("hide this process's memory and executable"),
            #[cfg(feature = "full")]
            Self::ReopenNull => t!("open the streams' /dev/null anew, read-only"),
            Self::RefuseChroot => t!("refuse a chroot"),
            Self::MakePrivate => t!("make every mount private"),
            #[cfg(feature = "full")]
            Self::MakeSlave => t!("make every mount a slave of the host's"),
            Self::BindRoot { .. } => t!("bind the root file system %%"),
            Self::AttachRoot { .. } => t!("attach the overlay as root file system"),
            Self::EmptyRoot => t!("mount a tmpfs as root file system"),
            Self::OpenRoot { .. } => t!("open the root file system %"),
            Self::MakeInRoot { .. } => t!("make % (%)"),
            Self::Link { .. } => t!("make link % -> %"),
            Self::Mount { .. } => t!("mount % on %%%%%"),
            Self::AttachOverlay { .. } => t!("attach the overlay at %"),
            Self::Bind { .. } => t!("bind % on %%%"),
            Self::DeviceLinks => t!("make the links of /dev"),
            Self::Protect { .. } => t!("make %% read-only"),
            Self::EmptyTree { .. } => t!("put an empty directory and an empty file, which hide others, below %"),
            #[cfg(feature = "full")]
            Self::OwnFile { .. } => t!("mount a file of the container's own on %%"),
            Self::Mask { .. } => t!("hide %%"),
            Self::SealRoot => t!("make the root file system read-only"),
            Self::PivotRoot => t!("pivot_root into it and detach the old root"),
            Self::EnterRoot => t!("chroot into it, where it lies on top of /"),
            Self::ChrootTo { .. } => t!("chroot to %"),
            Self::SetHostname { .. } => t!("set the host name %"),
            Self::LoopbackUp => t!("bring the loopback interface up"),
            Self::StartCommand => t!("start a process for the command"),
            #[cfg(feature = "full")]
            Self::Set(_)
            | Self::Report(_)
            | Self::Terminal(_)
            | Self::Layer(_)
            | Self::Ids(_)
            | Self::Device(_)
            | Self::Landlock(_)
            | Self::Denied(_)
            | Self::Cgroup(_)
            | Self::State(_)
            | Self::Enter(_) => t!(""),
            #[cfg(feature = "boot")]
            Self::Boot(_) => t!(""),
            Self::NewSession => t!("begin a session of its own"),
            Self::TakeForeground => t!("begin a process group, in the terminal's foreground"),
            Self::LimitBounding { .. } => t!("bound capabilities to%"),
            Self::SetUser { .. } => t!("become user % and group %%"),
            Self::ChangeDirectory { .. } => t!("change to directory %"),
            Self::SetCapabilities { .. } => t!("set capabilities to%"),
            Self::DieWithInit => t!("die when the init dies"),
            Self::NoNewPrivileges => t!("set no_new_privs"),
            Self::Filter { .. } => t!("filter system calls, % instructions%"),
            Self::ResetSignals => t!("restore the signals"),
            Self::Say { .. } => t!("say the command %, the user and the process"),
            Self::Exec { .. } => t!("execute %"),
            Self::KeepOnlyKill => t!("drop every capability but kill"),
            Self::CloseLeftovers { .. } => t!("close % descriptors that the command has"),
        }
    }

    /// What stands in its sentence, from the left; the rest is empty.
    fn words<'m>(&self, arena: &'m Arena) -> [Word<'m>; 6]
    where
        'p: 'm,
    {
        let mut words = [Word::default(); 6];
        #[cfg(feature = "full")]
        if let Self::Ids(step) = self {
            step.words(arena, &mut words);
        }
        #[cfg(feature = "boot")]
        if let Self::Boot(step) = self {
            step.words(arena, &mut words);
        }
        let [first, second, third, fourth, ..] = &mut words;
        match *self {
            Self::CloseDescriptors { from: number } | Self::CloseLeftovers { count: number } => {
                *first = decimal(arena, number.into());
            }
            Self::OpenNamespace { kind, path } | Self::Join { kind, path } => (*first, *second) = (kind.name(), path),
            Self::LockRootfs { path, .. }
            | Self::OpenRoot { path, .. }
            | Self::AttachOverlay { path, .. }
            | Self::EmptyTree { path, .. }
            | Self::ChrootTo { path }
            | Self::SetHostname { name: path }
            | Self::ChangeDirectory { path }
            | Self::Say { command: path }
            | Self::Exec { command: path } => *first = path,
            Self::MakeInImage { rootfs, target, make } => (*first, *second, *third) = (target, make.name(), rootfs),
            #[cfg(feature = "full")]
            Self::OwnFile { path, attributes } => (*first, *second) = (path, flags(arena, attributes)),
            Self::Protect { at, name } | Self::Mask { at, name, .. } => (*first, *second) = (at.prefix(), name),
            #[cfg(not(feature = "full"))]
            Self::Filter { program } => *first = decimal(arena, program.len() as u64),
            #[cfg(feature = "full")]
            Self::Filter { program, path } => {
                *first = decimal(arena, program.len() as u64);
                if !path.is_empty() {
                    *second = copy(arena, &[b" of ", path.bytes()]);
                }
            }
            Self::MakeInRoot { target, make } => (*first, *second) = (target, make.name()),
            Self::Clone { flags } => *first = namespaces(arena, flags),
            #[cfg(feature = "full")]
            Self::CloneByOldCall { flags } => *first = namespaces(arena, flags),
            Self::WriteMap { file, ranges } => (*first, *second) = (file, map(arena, ranges)),
            Self::BindRoot { path, attributes, .. } => (*first, *second) = (path, flags(arena, attributes)),
            Self::Overlay { lower, user_attributes, .. } => {
                *first = lower;
                if user_attributes {
                    *second = word(c" (user attributes)");
                }
            }
            #[cfg(feature = "full")]
            Self::Set(ref setting) => *first = setting.asked,
            #[cfg(feature = "full")]
            Self::Report(ref report) => *first = report.word(arena),
            #[cfg(feature = "full")]
            Self::Terminal(ref step) => *first = step.word(arena),
            #[cfg(feature = "full")]
            Self::State(step) => [*first, *second] = step.words(),
            #[cfg(feature = "full")]
            Self::Device(step) => [*first, *second] = step.words(arena),
            #[cfg(feature = "full")]
            Self::Enter(step) => *first = step.word(arena),
            #[cfg(feature = "full")]
            Self::Layer(layer) => [*first, *second, *third] = layer.words(arena),
            #[cfg(feature = "full")]
            Self::Cgroup(step) => [*first, *second, *third] = step.words(arena),
            Self::Link { target, path } => (*first, *second) = (path, target),
            Self::Mount { kind, options, asked, attributes, place } => {
                let flags = flags(arena, attributes);
                words = [kind, place.at.prefix(), place.path, flags, spaced(arena, options), spaced(arena, asked)];
            }
            Self::Bind { source, attributes, place, .. } => {
                (*first, *second, *third, *fourth) = (source, place.at.prefix(), place.path, flags(arena, attributes));
            }
            Self::LimitBounding { keep } | Self::SetCapabilities { keep } => *first = capabilities(arena, keep),
            #[cfg(feature = "full")]
            Self::Landlock(step) => *first = step.paths(arena),
            Self::SetUser { uid, gid, groups, .. } => {
                let mut more = Text::new(arena);
                for group in groups {
                    more.add(b" ").number((*group).into());
                }
                let (uid, gid) = (decimal(arena, uid.into()), decimal(arena, gid.into()));
                (*first, *second, *third) = (uid, gid, more.word());
            }
            _ => {}
        }
        words
    }
}

/// The word after a space, if there is one.
pub(super) fn spaced<'m>(arena: &'m Arena, word: Word) -> Word<'m> {
    if word.is_empty() { Word::default() } else { copy(arena, &[b" ", word.bytes()]) }
}

impl Tree {
    /// How many there are.
    pub const COUNT: usize = Self::Empty as usize + 1;

    /// What its paths stand below, for a reader.
    const fn prefix(self) -> Word<'static> {
        match self {
            Self::Dev => word(c"/dev/"),
            Self::Proc => word(c"/proc/"),
            Self::Sys => word(c"/sys/"),
            _ => word(c""),
        }
    }
}

impl Make {
    const fn name(self) -> Word<'static> {
        match self {
            Self::Directory => word(c"directory"),
            Self::File => word(c"file"),
        }
    }
}

/// The kinds of namespaces in a set of `CLONE_NEW*`, each after a space.
pub(super) fn namespaces(arena: &Arena, flags: u32) -> Word<'_> {
    let mut text = Text::new(arena);
    for (_, name, flag) in Namespace::ALL {
        if flags & *flag != 0 {
            text.add(b" ").add(name.bytes());
        }
    }
    if flags == 0 {
        text.add(b" none");
    }
    text.word()
}

/// The ranges of a map, each after a space as a line of `/proc/PID/uid_map`: `INSIDE OUTSIDE COUNT`.
pub(super) fn map<'m>(arena: &'m Arena, ranges: &[IdRange]) -> Word<'m> {
    let mut text = Text::new(arena);
    for range in ranges {
        text.add(b" ");
        range.write(&mut text);
    }
    text.word()
}

impl IdRange {
    /// As a line of `/proc/PID/uid_map`.
    pub fn write(&self, text: &mut Text) {
        text.number(self.inside.into()).add(b" ").number(self.outside.into()).add(b" ").number(self.count.into());
    }
}

/// The options of a mount, as mount(8) has them, after a space.
pub(super) fn flags(arena: &Arena, attributes: Attributes) -> Word<'_> {
    const NAMES: &[(Attributes, &[u8])] = &[
        (Attributes::RDONLY, b"ro"),
        (Attributes::NOSUID, b"nosuid"),
        (Attributes::NODEV, b"nodev"),
        (Attributes::NOEXEC, b"noexec"),
        #[cfg(feature = "boot")]
        (Attributes::STRICTATIME, b"strictatime"),
        #[cfg(feature = "full")]
        (Attributes::FOLLOWS, b"rslave"),
    ];
    let mut text = Text::new(arena);
    for (flag, name) in NAMES {
        if attributes.has(*flag) {
            let separator: &[u8] = if text.bytes().is_empty() { b" " } else { b"," };
            text.add(separator).add(name);
        }
    }
    text.word()
}

/// The names of a set of capabilities, each after a space.
fn capabilities(arena: &Arena, set: CapabilitySet) -> Word<'_> {
    let mut text = Text::new(arena);
    names::write_capabilities(&mut text, set);
    text.word()
}
