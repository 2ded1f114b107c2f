//! What a container is to be: plain data, no behaviour beyond its defaults.

#[cfg(feature = "boot")]
mod boot;

#[cfg(feature = "boot")]
pub use boot::{Address, Boot, Exit, Network};

#[cfg(feature = "full")]
use crate::sys::bpf::{Access, READ, WRITE};
use crate::sys::identity::CapabilitySet;
use crate::sys::mount::Attributes;
use crate::sys::process::{Limit, Processors};
use crate::sys::{Arena, List, Word, word};
#[cfg(feature = "full")]
use crate::text::{Text, split};
use crate::text::{cut, names, number};
use linux_raw_sys::general as k;

/// The container that a caller asked for. Words of the command line are borrowed from it.
#[derive(Debug)]
pub struct Spec<'a> {
    /// A directory, or `/` for a throw-away view of this machine.
    pub rootfs: Word<'a>,
    /// The command and its arguments; never empty.
    pub command: &'a [Word<'a>],
    pub change_root: ChangeRoot,
    /// The root file system cannot be written.
    pub read_only: bool,
    pub overlay: Overlay<'a>,
    /// `None`: as many as the namespaces allow.
    pub file_systems: Option<FileSystems>,
    /// One for each row of `Namespace::ALL`.
    pub namespaces: [Source<'a>; Namespace::ALL.len()],
    pub uids: IdMap<'a>,
    pub gids: IdMap<'a>,
    /// `USER[:GROUP]`, each a number or a name of the image.
    pub user: Option<Word<'a>>,
    /// Supplementary groups besides those of the user, each a number or a name of the image.
    #[cfg(feature = "full")]
    pub groups: List<'a, Word<'a>>,
    pub hostname: Option<Word<'a>>,
    /// `NAME:IP` each, for `/etc/hosts`.
    #[cfg(feature = "full")]
    pub hosts: List<'a, Word<'a>>,
    /// Addresses for `/etc/resolv.conf`, instead of the host's.
    #[cfg(feature = "full")]
    pub name_servers: List<'a, Word<'a>>,
    pub workdir: Option<Word<'a>>,
    /// `K=V`, or `K` to pass the caller's value on.
    pub environment: List<'a, Word<'a>>,
    /// Files with lines of the same kind, which count less.
    #[cfg(feature = "full")]
    pub environment_files: List<'a, Word<'a>>,
    #[cfg(feature = "full")]
    pub settings: List<'a, Setting<'a>>,
    pub volumes: List<'a, Volume<'a>>,
    #[cfg(feature = "full")]
    pub devices: List<'a, Device<'a>>,
    pub new_mounts: List<'a, NewMount<'a>>,
    /// What the command may have at most.
    pub capabilities: CapabilitySet,
    /// aril stays as PID 1 and the command is its child.
    pub init: bool,
    /// Microseconds between a stop request and SIGKILL.
    pub stop_timeout: u64,
    /// What a stop request is for the command.
    #[cfg(feature = "full")]
    pub stop_signal: u8,
    /// Microseconds after which everything is killed.
    #[cfg(feature = "full")]
    pub timeout: Option<u64>,
    /// Signals that the launcher gets are passed on.
    #[cfg(feature = "full")]
    pub passes_signals: bool,
    /// How many descriptors from 3 upwards the command inherits.
    pub preserve_fds: u32,
    /// Where JSON lines tell of the start and the end.
    #[cfg(feature = "full")]
    pub status_fd: Option<u32>,
    /// Where the figures of the whole run go at its end; empty: to standard error.
    #[cfg(feature = "full")]
    pub stats: Option<Word<'a>>,
    /// A file that has the process id of the container's first process while it runs.
    #[cfg(feature = "full")]
    pub pid_file: Option<Word<'a>>,
    /// A pseudo-terminal of its own for input and output; `None`: for each stream that is a terminal.
    #[cfg(feature = "full")]
    pub tty: Option<bool>,
    /// What it is called while it runs.
    #[cfg(feature = "full")]
    pub name: Option<Word<'a>>,
    /// In the background, with another name where it has none.
    #[cfg(feature = "full")]
    pub detach: bool,
    /// Where the output goes then.
    #[cfg(feature = "full")]
    pub log: Option<Word<'a>>,
    /// How it ended is not kept then.
    #[cfg(feature = "full")]
    pub forget: bool,
    /// Standard input was asked for.
    #[cfg(feature = "full")]
    pub interactive: bool,
    pub trace: bool,
    pub verbose: bool,
    /// Landlock keeps the command from the host's abstract sockets and processes where namespaces do not.
    #[cfg(feature = "full")]
    pub scopes: bool,
    /// Which system calls the command may make.
    #[cfg(feature = "full")]
    pub filter: Filter<'a>,
    /// What the filter refuses is counted, and told at the end.
    #[cfg(feature = "full")]
    pub denied: bool,
    #[cfg(feature = "full")]
    pub rehearsal: Rehearsal,
    /// Landlock and seccomp are all that confines the command; volumes are what it may write to.
    #[cfg(feature = "full")]
    pub landlock_alone: bool,
    /// What the container's control groups hold it to.
    #[cfg(feature = "full")]
    pub resources: List<'a, Resource<'a>>,
    /// Where they are made, from the root of each hierarchy.
    #[cfg(feature = "full")]
    pub cgroup_parent: Option<Word<'a>>,
    /// What a group that cannot be had means.
    #[cfg(feature = "full")]
    pub cgroups: Cgroups,
}

/// Which system calls a command may make (seccomp(2)).
#[cfg(feature = "full")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filter<'a> {
    /// What the policy allows.
    Policy,
    /// What the program in this file allows.
    File(Word<'a>),
    /// All of them.
    Unconfined,
}

/// Whether a container has control groups (cgroups(7)).
#[cfg(feature = "full")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cgroups {
    /// Where something is asked of them, and what cannot be had is an error.
    Required,
    /// The same, and what cannot be had is told.
    Best,
    /// None is made, and nothing is limited.
    Off,
}

/// What a control group is asked for. `None` is no limit.
#[cfg(feature = "full")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource<'a> {
    /// Bytes.
    Memory(Option<u64>),
    /// Bytes that are taken away last.
    MemoryReservation(Option<u64>),
    /// Bytes of memory and swap together.
    MemorySwap(Option<u64>),
    /// Processes and threads.
    Pids(Option<u64>),
    /// Microseconds of a processor in each `PERIOD` of them.
    Cpus(Option<u64>),
    /// From 2 to 262144; 1024 is what a group has that asks for nothing.
    CpuShares(u64),
    /// A list as in cpuset(7).
    CpusetCpus(Word<'a>),
    CpusetMems(Word<'a>),
    /// From 10 to 1000; 100 is what a group has that asks for nothing.
    BlkioWeight(u64),
    Rate {
        kind: RateKind,
        /// The path of a block device.
        device: Word<'a>,
        /// In a second.
        most: Option<u64>,
    },
    /// Any file of the group.
    File {
        name: Word<'a>,
        value: Word<'a>,
    },
}

/// What of a block device is limited.
#[cfg(feature = "full")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateKind {
    ReadBytes,
    WriteBytes,
    ReadOperations,
    WriteOperations,
}

#[cfg(feature = "full")]
impl<'a> Resource<'a> {
    /// Microseconds, as Docker has it.
    pub const PERIOD: u64 = 100_000;

    /// The controller, by its name in version 2; a file's is what stands before the dot, and `cgroup` is none.
    pub fn controller(&self) -> &'a [u8] {
        match self {
            Self::Memory(_) | Self::MemoryReservation(_) | Self::MemorySwap(_) => b"memory",
            Self::Pids(_) => b"pids",
            Self::Cpus(_) | Self::CpuShares(_) => b"cpu",
            Self::CpusetCpus(_) | Self::CpusetMems(_) => b"cpuset",
            Self::BlkioWeight(_) | Self::Rate { .. } => b"io",
            Self::File { name, .. } => cut(name.bytes(), b'.').0,
        }
    }

    /// What is asked of memory, and of memory and swap together.
    pub fn memory(all: &[Self]) -> [Option<Option<u64>>; 2] {
        let mut asked = [None; 2];
        for resource in all {
            match resource {
                Resource::Memory(most) => asked[0] = Some(*most),
                Resource::MemorySwap(most) => asked[1] = Some(*most),
                _ => {}
            }
        }
        asked
    }

    /// Whether the one is asked for instead of the other.
    pub fn replaces(&self, other: &Self) -> bool {
        use core::mem::discriminant;
        match (self, other) {
            (Self::Rate { kind, device, .. }, Self::Rate { kind: others, device: of, .. }) => {
                kind == others && device == of
            }
            (Self::File { name, .. }, Self::File { name: others, .. }) => name == others,
            _ => discriminant(self) == discriminant(other),
        }
    }
}

/// Whether all is made but the command: `aril check`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg(feature = "full")]
pub enum Rehearsal {
    No,
    Whole,
    /// Only what is named, and on the inside nothing in place of something else.
    Part,
}

/// Whether the command is started again when it has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    No,
    Always,
    /// After a status other than 0, at most so often.
    OnFailure(u32),
}

impl Restart {
    /// `no`, `always`, `on-failure` or `on-failure:N`.
    pub fn read(value: &[u8]) -> Option<Self> {
        let (when, most) = cut(value, b':');
        match (names::position("no always on-failure", when)?, most) {
            (0, None) => Some(Self::No),
            (1, None) => Some(Self::Always),
            (2, None) => Some(Self::OnFailure(u32::MAX)),
            (2, Some(most)) => number::decimal(most).map(Self::OnFailure),
            _ => None,
        }
    }
}

/// Where writes to the root file system go, if not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overlay<'a> {
    None,
    /// To a tmpfs that vanishes at the end.
    Memory,
    /// To this directory.
    Kept(Word<'a>),
}

/// How the root file system becomes `/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeRoot {
    /// pivot_root(2), and the old root is gone.
    Pivot,
    /// chroot(2): the host's mounts stay reachable to who has CAP_SYS_CHROOT. For lessons.
    Chroot,
    /// The host's root as it is. For lessons.
    None,
}

/// Which file systems of its own the container gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileSystems {
    pub proc: bool,
    pub sys: bool,
    pub dev: bool,
}

impl FileSystems {
    pub const ALL: Self = Self { proc: true, sys: true, dev: true };
    pub const NONE: Self = Self { proc: false, sys: false, dev: false };
}

/// A kind of namespace (namespaces(7)), in the order in which existing ones are joined: the user namespace first, because
/// it gives the right to join the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Namespace {
    User,
    Mount,
    Pid,
    Uts,
    Ipc,
    Cgroup,
    Network,
    Time,
}

impl Namespace {
    /// Every kind with its name on the command line and its flag.
    pub const ALL: &'static [(Self, Word<'static>, u32)] = &[
        (Self::User, word(c"user"), k::CLONE_NEWUSER),
        (Self::Mount, word(c"mount"), k::CLONE_NEWNS),
        (Self::Pid, word(c"pid"), k::CLONE_NEWPID),
        (Self::Uts, word(c"uts"), k::CLONE_NEWUTS),
        (Self::Ipc, word(c"ipc"), k::CLONE_NEWIPC),
        (Self::Cgroup, word(c"cgroup"), k::CLONE_NEWCGROUP),
        (Self::Network, word(c"network"), k::CLONE_NEWNET),
        (Self::Time, word(c"time"), k::CLONE_NEWTIME),
    ];

    /// The files of `/proc/PID/ns`, in the order of `ALL`.
    #[cfg(feature = "full")]
    pub const FILES: &'static str = "user mnt pid uts ipc cgroup net time";

    /// The `CLONE_NEW*` flag.
    pub const fn flag(self) -> u32 {
        Self::ALL[self as usize].2
    }

    /// The name on the command line.
    pub const fn name(self) -> Word<'static> {
        Self::ALL[self as usize].1
    }
}

/// Where a namespace of the container comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source<'a> {
    /// A new one.
    Private,
    /// The caller's.
    Host,
    /// The one behind this path, such as `/proc/42/ns/net`.
    Join(Word<'a>),
}

/// How ids inside relate to ids outside (user_namespaces(7)).
#[derive(Debug)]
pub enum IdMap<'a> {
    /// As suits the caller (`host::Ids`): an ordinary one becomes 0, root has every id as it is or those of an unused range.
    Default,
    /// Each id that there is as itself.
    #[cfg(feature = "full")]
    Identity,
    /// Left unwritten: every id reads as 65534.
    None,
    Ranges(List<'a, IdRange>),
}

impl IdMap<'_> {
    /// The lines of it, where `default` are those that suit the caller.
    pub fn ranges<'r>(&'r self, default: &'r [IdRange]) -> &'r [IdRange] {
        match self {
            Self::None => &[],
            Self::Ranges(ranges) => ranges,
            Self::Default => default,
            #[cfg(feature = "full")]
            Self::Identity => default,
        }
    }
}

/// One line of `/proc/PID/uid_map`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdRange {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// A setting of the command's process, or of its names. The last of two for one thing counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting<'a> {
    pub what: Set<'a>,
    /// As it was written.
    pub asked: Word<'a>,
}

/// What is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set<'a> {
    /// The hard limit of a resource (`RLIMIT_*`) as high as this: what only someone privileged outside can do.
    HardLimit {
        resource: u32,
        hard: u64,
    },
    Limit {
        resource: u32,
        limit: Limit,
    },
    /// proc_pid_oom_score_adj(5).
    OomScore,
    /// From -20 to 19 (setpriority(2)).
    Nice(i32),
    /// sched_setaffinity(2).
    Affinity(&'a Processors),
    /// Of NIS, as uname(2) tells it.
    Domainname,
    Umask(u32),
}

impl Setting<'_> {
    /// The names of resources: those of getrlimit(2) without `RLIMIT_`, in the order of asm-generic/resource.h.
    pub const RESOURCES: &'static str = "cpu fsize data stack core rss nproc nofile memlock as locks sigpending \
        msgqueue nice rtprio rttime";
}

/// `-v SRC:DST[:ro]`, and `--mount type=bind,…`.
#[derive(Clone, Copy, Debug)]
pub struct Volume<'a> {
    pub source: Word<'a>,
    /// Cleaned, absolute inside the container.
    pub target: Word<'a>,
    pub read_only: bool,
    /// What the host mounts below later shows inside too (mount_namespaces(7), `rslave`).
    pub follows_host: bool,
    /// What is written inside goes to memory, and the source stays as it is.
    pub overlay: bool,
    /// Its files have inside the owners that they have outside, whatever the ids are mapped to.
    pub idmap: bool,
}

/// `--device PATH[:DST][:rwm]`.
#[derive(Clone, Copy, Debug)]
#[cfg(feature = "full")]
pub struct Device<'a> {
    /// A node of the host, or a link to one.
    pub source: Word<'a>,
    /// Cleaned, below `/dev` inside the container.
    pub target: Word<'a>,
    pub access: Access,
}

#[cfg(feature = "full")]
impl Device<'_> {
    /// Whether it may be read alone, or written.
    pub const fn is_half(&self) -> bool {
        self.access & (READ | WRITE) != READ | WRITE
    }
}

/// `--tmpfs DST[:size=…,mode=…]`, and `--mount type=…` of a file system that has no source.
#[derive(Clone, Copy, Debug)]
pub struct NewMount<'a> {
    pub kind: NewKind,
    /// Cleaned, absolute inside the container.
    pub target: Word<'a>,
    /// `NAME=VALUE,…` for the kernel (tmpfs(5)).
    pub options: Word<'a>,
    /// What it has besides those that each of its kind has.
    pub attributes: Attributes,
}

#[cfg(feature = "full")]
impl Attributes {
    /// Options of mount(8) which are the mount's own, and those that are the file system's.
    #[inline(never)]
    pub fn of<'m>(arena: &'m Arena, options: Word) -> (Self, Word<'m>) {
        const NAMES: &str = "nosuid nodev noexec noatime nodiratime strictatime relatime exec";
        const ATTRIBUTES: [Attributes; 8] = [
            Attributes::NOSUID,
            Attributes::NODEV,
            Attributes::NOEXEC,
            Attributes::NOATIME,
            Attributes::NODIRATIME,
            Attributes::STRICTATIME,
            Attributes::NONE,
            Attributes::NONE,
        ];
        let (mut attributes, mut rest) = (Self::NONE, Text::new(arena));
        for option in split(options.bytes(), b',') {
            match names::position(NAMES, option) {
                Some(place) => attributes = attributes.and(ATTRIBUTES[place]),
                None => drop(rest.add(b",").add(option)),
            }
        }
        (attributes, rest.word().strip(b",").unwrap_or_default())
    }
}

/// A file system that is made anew; in the order of [`NewKind::NAMES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewKind {
    Tmpfs,
    #[cfg(feature = "full")]
    Proc,
    #[cfg(feature = "full")]
    Sys,
    #[cfg(feature = "full")]
    Queues,
    #[cfg(feature = "full")]
    Terminals,
}

#[cfg(feature = "full")]
impl NewKind {
    /// Their types, as in `/proc/filesystems`.
    pub const NAMES: &'static str = "tmpfs proc sysfs mqueue devpts";
    pub const ALL: [Self; 5] = [Self::Tmpfs, Self::Proc, Self::Sys, Self::Queues, Self::Terminals];
}

/// Something that is mounted in the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Proc,
    Sys,
    Dev,
    /// A directory of a view that begins empty.
    Fresh,
    /// `/etc/resolv.conf`: the host's, or one of the container's own.
    Resolver,
    /// `/etc/hosts` of the container's own.
    #[cfg(feature = "full")]
    Hosts,
    /// The volume of this number.
    Volume(usize),
    /// The new file system of this number.
    New(usize, NewKind),
}

/// What is mounted, and where.
#[derive(Clone, Copy, Debug)]
pub struct Mount<'a> {
    pub what: What,
    /// Cleaned, absolute inside the container.
    pub target: Word<'a>,
}

impl What {
    /// Whether it was asked for, or is of the container's own making.
    pub const fn is_asked(self) -> bool {
        self.is_optional() || matches!(self, Self::Volume(_) | Self::New(..))
    }

    /// Whether a container is as good without it.
    pub const fn is_optional(self) -> bool {
        match self {
            #[cfg(feature = "full")]
            Self::Hosts => true,
            _ => matches!(self, Self::Resolver),
        }
    }

    /// Whether what lies below is of the container's own making, so that directories can be made there.
    pub const fn is_own_tmpfs(self) -> bool {
        matches!(self, Self::Dev | Self::Fresh | Self::New(_, NewKind::Tmpfs))
    }
}

/// What container engines leave to a command by default: enough for package managers and servers.
pub const USUAL_CAPABILITIES: CapabilitySet = 1 << k::CAP_CHOWN
    | 1 << k::CAP_DAC_OVERRIDE
    | 1 << k::CAP_FOWNER
    | 1 << k::CAP_FSETID
    | 1 << k::CAP_KILL
    | 1 << k::CAP_SETGID
    | 1 << k::CAP_SETUID
    | 1 << k::CAP_SETPCAP
    | 1 << k::CAP_NET_BIND_SERVICE
    | 1 << k::CAP_NET_RAW
    | 1 << k::CAP_SYS_CHROOT
    | 1 << k::CAP_MKNOD
    | 1 << k::CAP_AUDIT_WRITE
    | 1 << k::CAP_SETFCAP;

/// Where names are resolved (resolv.conf(5)).
pub const RESOLVER: Word<'static> = word(c"/etc/resolv.conf");

/// Names of machines (hosts(5)).
pub const HOSTS: Word<'static> = word(c"/etc/hosts");

#[inline(never)]
fn add_mount<'a>(mounts: &mut List<'a, Mount<'a>>, wanted: bool, what: What, target: Word<'a>) {
    if wanted {
        mounts.push(Mount { what, target });
    }
}

impl<'a> Spec<'a> {
    /// Ten seconds, as docker-stop(1).
    const STOP_TIMEOUT: u64 = 10_000_000;

    /// The defaults; root file system and command are still empty.
    pub fn new(arena: &'a Arena) -> Self {
        let mut namespaces = [Source::Private; Namespace::ALL.len()];
        namespaces[Namespace::Network as usize] = Source::Host;
        namespaces[Namespace::Time as usize] = Source::Host;
        Self {
            rootfs: word(c""),
            command: &[],
            change_root: ChangeRoot::Pivot,
            read_only: false,
            overlay: Overlay::None,
            file_systems: None,
            namespaces,
            uids: IdMap::Default,
            gids: IdMap::Default,
            user: None,
            #[cfg(feature = "full")]
            groups: List::new(arena),
            hostname: None,
            #[cfg(feature = "full")]
            hosts: List::new(arena),
            #[cfg(feature = "full")]
            name_servers: List::new(arena),
            workdir: None,
            environment: List::new(arena),
            #[cfg(feature = "full")]
            environment_files: List::new(arena),
            #[cfg(feature = "full")]
            settings: List::new(arena),
            volumes: List::new(arena),
            #[cfg(feature = "full")]
            devices: List::new(arena),
            new_mounts: List::new(arena),
            capabilities: USUAL_CAPABILITIES,
            init: true,
            stop_timeout: Self::STOP_TIMEOUT,
            #[cfg(feature = "full")]
            stop_signal: k::SIGTERM as u8,
            #[cfg(feature = "full")]
            timeout: None,
            #[cfg(feature = "full")]
            passes_signals: true,
            preserve_fds: 0,
            #[cfg(feature = "full")]
            status_fd: None,
            #[cfg(feature = "full")]
            stats: None,
            #[cfg(feature = "full")]
            pid_file: None,
            #[cfg(feature = "full")]
            tty: None,
            #[cfg(feature = "full")]
            name: None,
            #[cfg(feature = "full")]
            detach: false,
            #[cfg(feature = "full")]
            log: None,
            #[cfg(feature = "full")]
            forget: false,
            #[cfg(feature = "full")]
            interactive: false,
            trace: false,
            verbose: false,
            #[cfg(feature = "full")]
            scopes: true,
            #[cfg(feature = "full")]
            filter: Filter::Policy,
            #[cfg(feature = "full")]
            denied: false,
            #[cfg(feature = "full")]
            rehearsal: Rehearsal::No,
            #[cfg(feature = "full")]
            landlock_alone: false,
            #[cfg(feature = "full")]
            resources: List::new(arena),
            #[cfg(feature = "full")]
            cgroup_parent: None,
            #[cfg(feature = "full")]
            cgroups: Cgroups::Required,
        }
    }

    /// Makes it that of a later command in this container. What confines the command stays; what is about its start, and who waits
    /// for it, is as in the other.
    #[cfg(feature = "full")]
    pub fn take_command_of(&mut self, asked: &mut Self) {
        self.init = false;
        // It ends as it likes, with the container at the latest.
        self.stop_timeout = u64::MAX;
        self.name = asked.name;
        self.command = asked.command;
        self.user = asked.user.or(self.user);
        self.workdir = asked.workdir.or(self.workdir);
        core::mem::swap(&mut self.environment, &mut asked.environment);
        core::mem::swap(&mut self.environment_files, &mut asked.environment_files);
        self.stop_signal = asked.stop_signal;
        self.passes_signals = asked.passes_signals;
        self.preserve_fds = asked.preserve_fds;
        (self.trace, self.verbose, self.denied) = (asked.trace, asked.verbose, asked.denied);
        (self.status_fd, self.pid_file) = (asked.status_fd, asked.pid_file);
        (self.timeout, self.tty, self.detach) = (asked.timeout, asked.tty, asked.detach);
    }

    /// Where this kind of namespace comes from.
    pub fn namespace(&self, kind: Namespace) -> Source<'a> {
        self.namespaces[kind as usize]
    }

    /// The file systems of its own: all, unless the root, the mounts or the pids are the host's.
    #[inline(never)]
    pub fn own_file_systems(&self) -> FileSystems {
        let whole = self.change_root != ChangeRoot::None
            && self.is_private(Namespace::Mount)
            && self.is_private(Namespace::Pid);
        self.file_systems.unwrap_or(if whole { FileSystems::ALL } else { FileSystems::NONE })
    }

    /// The directory that keeps the writes.
    pub fn kept(&self) -> Option<Word<'a>> {
        match self.overlay {
            Overlay::Kept(directory) if cfg!(feature = "full") => Some(directory),
            _ => None,
        }
    }

    /// Whether the root file system is a throw-away view of this machine.
    pub fn is_view(&self) -> bool {
        self.rootfs == word(c"/") && self.change_root == ChangeRoot::Pivot
    }

    /// The host name inside; `None` where it is the host's.
    pub fn own_hostname(&self) -> Option<Word<'a>> {
        self.is_private(Namespace::Uts).then_some(self.hostname.unwrap_or(word(c"container")))
    }

    /// Whether the host's `/etc/resolv.conf` is bound, so that names resolve in a bare root: with the host's network, if
    /// there is a root of its own to bind it in.
    pub fn shares_resolver(&self) -> bool {
        #[cfg(feature = "full")]
        if self.rehearsal == Rehearsal::Part {
            return false;
        }
        self.change_root == ChangeRoot::Pivot && self.is_hosts(Namespace::Network)
    }

    /// Whether `/etc/hosts` is the container's own: it lies beside what hides others.
    #[cfg(feature = "full")]
    pub fn has_own_hosts(&self) -> bool {
        let own = self.own_file_systems();
        self.change_root == ChangeRoot::Pivot && (own.proc || own.sys)
    }

    /// Whether there are no namespaces.
    pub const fn is_landlock_alone(&self) -> bool {
        #[cfg(feature = "full")]
        return self.landlock_alone;
        #[cfg(not(feature = "full"))]
        false
    }

    /// Whether landlock may shut the command in below its root. It mounts nothing then, even in a user namespace of its own making:
    /// so not where it is to be able to.
    #[cfg(feature = "full")]
    pub fn can_be_walled(&self) -> bool {
        let may_mount = self.capabilities >> k::CAP_SYS_ADMIN & 1 == 1;
        let may_call = self.filter != Filter::Policy;
        self.scopes
            && !may_mount
            && !may_call
            && self.change_root == ChangeRoot::Pivot
            && self.is_private(Namespace::Mount)
    }

    /// Whether the container has control groups of its own, if they can be had.
    #[cfg(feature = "full")]
    pub fn wants_cgroups(&self) -> bool {
        self.cgroups != Cgroups::Off && (!self.resources.is_empty() || self.is_visited() || self.has_half_devices())
    }

    /// Whether a device may be read and not written, or the other way round: what a control group alone can see to.
    #[cfg(feature = "full")]
    pub fn has_half_devices(&self) -> bool {
        self.devices.iter().any(Device::is_half)
    }

    /// Whether root's groups say which devices may be used. In a user namespace of its own nobody can make a node of another.
    #[cfg(feature = "full")]
    pub fn confines_devices(&self) -> bool {
        self.wants_cgroups() && (!self.devices.is_empty() || !self.is_private(Namespace::User))
    }

    /// Whether somebody will look at it, or pause it.
    #[cfg(feature = "full")]
    const fn is_visited(&self) -> bool {
        self.name.is_some() || self.detach || self.stats.is_some()
    }

    /// Controllers of version 2 that are as well to have, for their figures.
    #[cfg(feature = "full")]
    pub const fn wished_controllers(&self) -> &'static [&'static [u8]] {
        if self.is_visited() { &[b"memory", b"pids", b"cpu", b"io"] } else { &[] }
    }

    /// Whether a group in this hierarchy is as well to have: one that freezes and ends all that is in it; and of version 1, where
    /// each costs a move, those with figures if they are asked for.
    #[cfg(feature = "full")]
    pub fn wishes_for(&self, controllers: &[u8], has_unified: bool) -> bool {
        let has = |names| split(controllers, b',').any(|own| names::position(names, own).is_some());
        let ends_all = self.is_visited() || !self.is_private(Namespace::Pid);
        let is_core = if has_unified { controllers.is_empty() } else { has("freezer") };
        is_core && ends_all || self.stats.is_some() && has("memory pids cpu cpuacct blkio")
    }

    /// The same, in every build.
    #[cfg(not(feature = "full"))]
    pub const fn wants_cgroups(&self) -> bool {
        false
    }

    /// What is asked of memory, and of memory and swap together.
    #[cfg(feature = "full")]
    pub fn memory(&self) -> [Option<Option<u64>>; 2] {
        Resource::memory(&self.resources)
    }

    /// Whether nothing is executed in the end.
    pub const fn is_rehearsal(&self) -> bool {
        #[cfg(feature = "full")]
        return !matches!(self.rehearsal, Rehearsal::No);
        #[cfg(not(feature = "full"))]
        false
    }

    /// Whether a start that the kernel refuses can be taken back as if it had never been: nobody waits for this very process, and it has
    /// not come into another's namespaces.
    #[cfg(feature = "full")]
    pub fn can_be_taken_back(&self) -> bool {
        !self.detach && !self.is_rehearsal() && !self.namespaces.iter().any(|source| matches!(source, Source::Join(_)))
    }

    /// All that is to be mounted in the root: the container's own file systems first, then what was asked for.
    pub fn mounts(&self, arena: &'a Arena) -> List<'a, Mount<'a>> {
        let own = self.own_file_systems();
        let mut mounts = List::new(arena);
        add_mount(&mut mounts, own.proc, What::Proc, word(c"/proc"));
        add_mount(&mut mounts, own.sys, What::Sys, word(c"/sys"));
        add_mount(&mut mounts, own.dev, What::Dev, word(c"/dev"));
        add_mount(&mut mounts, self.is_view(), What::Fresh, word(c"/tmp"));
        add_mount(&mut mounts, self.is_view(), What::Fresh, word(c"/run"));
        let has_resolver = self.shares_resolver();
        #[cfg(feature = "full")]
        let has_resolver = has_resolver || !self.name_servers.is_empty();
        add_mount(&mut mounts, has_resolver, What::Resolver, RESOLVER);
        #[cfg(feature = "full")]
        add_mount(&mut mounts, self.has_own_hosts(), What::Hosts, HOSTS);
        for (number, volume) in self.volumes.iter().enumerate() {
            add_mount(&mut mounts, !self.is_landlock_alone(), What::Volume(number), volume.target);
        }
        for (number, new) in self.new_mounts.iter().enumerate() {
            add_mount(&mut mounts, true, What::New(number, new.kind), new.target);
        }
        mounts
    }

    /// Whether the container shares the caller's namespace of this kind.
    pub fn is_hosts(&self, kind: Namespace) -> bool {
        matches!(self.namespace(kind), Source::Host)
    }

    /// Whether the container joins a namespace of this kind that was there before.
    pub fn is_joined(&self, kind: Namespace) -> bool {
        matches!(self.namespace(kind), Source::Join(_))
    }

    /// Whether the container gets a new namespace of this kind.
    pub fn is_private(&self, kind: Namespace) -> bool {
        matches!(self.namespace(kind), Source::Private)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_namespaces_is_in_the_order_of_the_enum() {
        for (at, (kind, name, flag)) in Namespace::ALL.iter().enumerate() {
            assert_eq!((*kind as usize, kind.name(), kind.flag()), (at, *name, *flag));
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_group_is_wished_for_where_somebody_looks_or_something_stays() {
        let wishes = |change: fn(&mut Spec), has_unified| {
            let arena = Arena::new().unwrap();
            let mut spec = Spec::new(&arena);
            change(&mut spec);
            let all = ["", "freezer", "memory", "cpu,cpuacct", "cpuset", "blkio", "devices"];
            all.into_iter().filter(|one| spec.wishes_for(one.as_bytes(), has_unified)).collect::<Vec<_>>().join("+")
        };
        let stats = |spec: &mut Spec| spec.stats = Some(word(c""));
        let named = |spec: &mut Spec| spec.name = Some(word(c"x"));
        assert_eq!(wishes(|_| {}, true), "");
        assert_eq!(wishes(|_| {}, false), "");
        assert_eq!((wishes(named, true).as_str(), wishes(named, false).as_str()), ("", "freezer"));
        assert_eq!(wishes(|spec| spec.namespaces[Namespace::Pid as usize] = Source::Host, false), "freezer");
        assert_eq!(wishes(stats, false), "freezer+memory+cpu,cpuacct+blkio");
        assert_eq!(wishes(stats, true), "+memory+cpu,cpuacct+blkio");
        // Without any of these a plain run asks for nothing.
        let arena = Arena::new().unwrap();
        let mut spec = Spec::new(&arena);
        spec.namespaces[Namespace::Pid as usize] = Source::Host;
        assert!(!spec.wants_cgroups());
        spec.name = Some(word(c"x"));
        assert!(spec.wants_cgroups());
        spec.cgroups = Cgroups::Off;
        assert!(!spec.wants_cgroups());
    }
}
