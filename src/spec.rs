//! What a container is to be: plain data, no behaviour beyond its defaults.

use crate::sys::identity::CapabilitySet;
use crate::sys::{Arena, List, Word, word};
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
    /// Writes go to a tmpfs that vanishes at the end.
    pub overlay: bool,
    /// `None`: as many as the namespaces allow.
    pub file_systems: Option<FileSystems>,
    /// One for each row of `Namespace::ALL`.
    pub namespaces: [Source<'a>; Namespace::ALL.len()],
    pub uids: IdMap<'a>,
    pub gids: IdMap<'a>,
    /// `USER[:GROUP]`, each a number or a name of the image.
    pub user: Option<Word<'a>>,
    pub hostname: Option<Word<'a>>,
    pub workdir: Option<Word<'a>>,
    /// `K=V`, or `K` to pass the caller's value on.
    pub environment: List<'a, Word<'a>>,
    pub volumes: List<'a, Volume<'a>>,
    pub tmpfs: List<'a, Tmpfs<'a>>,
    /// What the command may have at most.
    pub capabilities: CapabilitySet,
    /// aril stays as PID 1 and the command is its child.
    pub init: bool,
    /// Microseconds between a stop request and SIGKILL.
    pub stop_timeout: u64,
    /// How many descriptors from 3 upwards the command inherits.
    pub preserve_fds: u32,
    pub trace: bool,
    pub verbose: bool,
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

/// One line of `/proc/PID/uid_map`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdRange {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// `-v SRC:DST[:ro][,idmap]`.
#[derive(Clone, Copy, Debug)]
pub struct Volume<'a> {
    pub source: Word<'a>,
    /// Cleaned, absolute inside the container.
    pub target: Word<'a>,
    pub read_only: bool,
    /// Its files have inside the owners that they have outside, whatever the ids are mapped to.
    pub idmap: bool,
}

/// `--tmpfs DST[:size=…,mode=…]`.
#[derive(Clone, Copy, Debug)]
pub struct Tmpfs<'a> {
    /// Cleaned, absolute inside the container.
    pub target: Word<'a>,
    /// `NAME=VALUE,…` for the kernel (tmpfs(5)).
    pub options: Word<'a>,
}

/// Something that is mounted in the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Proc,
    Sys,
    Dev,
    /// A directory of a view that begins empty.
    Fresh,
    /// The host's `/etc/resolv.conf`.
    Resolver,
    /// The volume of this number.
    Volume(usize),
    /// The tmpfs of this number.
    Tmpfs(usize),
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
        matches!(self, Self::Resolver | Self::Volume(_) | Self::Tmpfs(_))
    }

    /// Whether what lies below is of the container's own making, so that directories can be made there.
    pub const fn is_own_tmpfs(self) -> bool {
        matches!(self, Self::Dev | Self::Fresh | Self::Tmpfs(_))
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
            overlay: false,
            file_systems: None,
            namespaces,
            uids: IdMap::Default,
            gids: IdMap::Default,
            user: None,
            hostname: None,
            workdir: None,
            environment: List::new(arena),
            volumes: List::new(arena),
            tmpfs: List::new(arena),
            capabilities: USUAL_CAPABILITIES,
            init: true,
            stop_timeout: Self::STOP_TIMEOUT,
            preserve_fds: 0,
            trace: false,
            verbose: false,
        }
    }

    /// Where this kind of namespace comes from.
    pub fn namespace(&self, kind: Namespace) -> Source<'a> {
        self.namespaces[kind as usize]
    }

    /// The file systems of its own: all, unless the root, the mounts or the pids are the host's.
    pub fn own_file_systems(&self) -> FileSystems {
        let whole = self.change_root != ChangeRoot::None
            && self.is_private(Namespace::Mount)
            && self.is_private(Namespace::Pid);
        self.file_systems.unwrap_or(if whole { FileSystems::ALL } else { FileSystems::NONE })
    }

    /// Whether the root file system is a throw-away view of this machine.
    pub fn is_view(&self) -> bool {
        self.rootfs == word(c"/") && self.change_root == ChangeRoot::Pivot
    }

    /// Whether the host's `/etc/resolv.conf` is bound, so that names resolve in a bare root: with the host's network, if
    /// there is a root of its own to bind it in.
    pub fn shares_resolver(&self) -> bool {
        self.change_root == ChangeRoot::Pivot && self.is_hosts(Namespace::Network)
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
        add_mount(&mut mounts, self.shares_resolver(), What::Resolver, RESOLVER);
        for (number, volume) in self.volumes.iter().enumerate() {
            add_mount(&mut mounts, true, What::Volume(number), volume.target);
        }
        for (number, tmpfs) in self.tmpfs.iter().enumerate() {
            add_mount(&mut mounts, true, What::Tmpfs(number), tmpfs.target);
        }
        mounts
    }

    /// Whether the container shares the caller's namespace of this kind.
    pub fn is_hosts(&self, kind: Namespace) -> bool {
        matches!(self.namespace(kind), Source::Host)
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
}
