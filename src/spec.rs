//! What a container is to be: plain data, no behaviour beyond its defaults.

use crate::sys::identity::CapabilitySet;
use crate::text::{names, path::is_within};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;
use linux_raw_sys::general as k;

/// The container that a caller asked for. Text of the command line is borrowed from it.
#[derive(Debug)]
pub struct Spec<'a> {
    /// A directory, or `/` for a throw-away view of this machine.
    pub rootfs: &'a CStr,
    /// The command and its arguments; never empty.
    pub command: Vec<&'a CStr>,
    pub change_root: ChangeRoot,
    /// The root file system cannot be written.
    pub read_only: bool,
    /// Writes go to a tmpfs that vanishes at the end.
    pub overlay: bool,
    /// `None`: as many as the namespaces allow.
    pub file_systems: Option<FileSystems>,
    /// One for each row of `Namespace::ALL`.
    pub namespaces: [Source<'a>; Namespace::ALL.len()],
    pub uids: IdMap,
    pub gids: IdMap,
    /// `USER[:GROUP]`, each a number or a name of the image.
    pub user: Option<&'a CStr>,
    pub hostname: Option<&'a CStr>,
    pub workdir: Option<&'a CStr>,
    /// `K=V`, or `K` to pass the caller's value on.
    pub environment: Vec<&'a CStr>,
    pub volumes: Vec<Volume>,
    pub tmpfs: Vec<Tmpfs<'a>>,
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

    /// Whether a path below `/proc` or `/sys` lies in one of them.
    pub fn shows(self, path: &CStr) -> bool {
        self.proc && is_within(path.to_bytes(), b"/proc") || self.sys && is_within(path.to_bytes(), b"/sys")
    }

    /// Where they are mounted.
    pub fn mount_points<'s>(self) -> impl Iterator<Item = &'s CStr> {
        [(self.proc, c"/proc"), (self.sys, c"/sys"), (self.dev, c"/dev")]
            .into_iter()
            .filter_map(|(wanted, path)| wanted.then_some(path))
    }
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
    pub const ALL: [(Self, &'static str, u32); 8] = [
        (Self::User, "user", k::CLONE_NEWUSER),
        (Self::Mount, "mount", k::CLONE_NEWNS),
        (Self::Pid, "pid", k::CLONE_NEWPID),
        (Self::Uts, "uts", k::CLONE_NEWUTS),
        (Self::Ipc, "ipc", k::CLONE_NEWIPC),
        (Self::Cgroup, "cgroup", k::CLONE_NEWCGROUP),
        (Self::Network, "network", k::CLONE_NEWNET),
        (Self::Time, "time", k::CLONE_NEWTIME),
    ];

    /// The `CLONE_NEW*` flag.
    pub const fn flag(self) -> u32 {
        Self::ALL[self as usize].2
    }

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
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
    Join(&'a CStr),
}

/// How ids inside relate to ids outside (user_namespaces(7)).
#[derive(PartialEq, Eq, Debug)]
pub enum IdMap {
    /// As suits the caller: an ordinary one becomes 0, root has every id as it is.
    Default,
    /// Left unwritten: every id reads as 65534.
    None,
    Ranges(Vec<IdRange>),
}

/// One line of `/proc/PID/uid_map`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdRange {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// `-v SRC:DST[:ro]`.
#[derive(PartialEq, Eq, Debug)]
pub struct Volume {
    pub source: CString,
    /// Cleaned, absolute inside the container.
    pub target: CString,
    pub read_only: bool,
}

/// `--tmpfs DST[:size=…,mode=…]`.
#[derive(PartialEq, Eq, Debug)]
pub struct Tmpfs<'a> {
    /// Cleaned, absolute inside the container.
    pub target: CString,
    /// `NAME=VALUE,…` for the kernel (tmpfs(5)).
    pub options: &'a [u8],
}

/// What container engines leave to a command by default: enough for package managers and servers.
const USUAL_CAPABILITIES: [u32; 14] = [
    k::CAP_CHOWN,
    k::CAP_DAC_OVERRIDE,
    k::CAP_FOWNER,
    k::CAP_FSETID,
    k::CAP_KILL,
    k::CAP_SETGID,
    k::CAP_SETUID,
    k::CAP_SETPCAP,
    k::CAP_NET_BIND_SERVICE,
    k::CAP_NET_RAW,
    k::CAP_SYS_CHROOT,
    k::CAP_MKNOD,
    k::CAP_AUDIT_WRITE,
    k::CAP_SETFCAP,
];

/// `USUAL_CAPABILITIES` as a set.
pub fn usual_capabilities() -> CapabilitySet {
    USUAL_CAPABILITIES.iter().fold(0, |set, capability| set | 1 << capability) & names::ALL_CAPABILITIES
}

impl<'a> Spec<'a> {
    /// Ten seconds, as docker-stop(1).
    const STOP_TIMEOUT: u64 = 10_000_000;

    /// The defaults for this root file system and command.
    pub fn new(rootfs: &'a CStr) -> Self {
        let mut namespaces = [Source::Private; Namespace::ALL.len()];
        namespaces[Namespace::Network as usize] = Source::Host;
        namespaces[Namespace::Time as usize] = Source::Host;
        Self {
            rootfs,
            command: Vec::new(),
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
            environment: Vec::new(),
            volumes: Vec::new(),
            tmpfs: Vec::new(),
            capabilities: usual_capabilities(),
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
            && self.namespace(Namespace::Mount) != Source::Host
            && self.is_private(Namespace::Pid);
        self.file_systems.unwrap_or(if whole { FileSystems::ALL } else { FileSystems::NONE })
    }

    /// Whether the root file system is a throw-away view of this machine.
    pub fn is_view(&self) -> bool {
        self.rootfs == c"/" && self.change_root == ChangeRoot::Pivot
    }

    /// Whether the host's `/etc/resolv.conf` is bound, so that names resolve in a bare root: with the host's network, if
    /// there is a root of its own to bind it in.
    pub fn shares_resolver(&self) -> bool {
        self.change_root == ChangeRoot::Pivot && self.namespace(Namespace::Network) == Source::Host
    }

    /// Every path on which something is to be mounted, but for the resolver.
    pub fn mount_points<'s>(&'s self) -> impl Iterator<Item = &'s CStr> {
        let volumes = self.volumes.iter().map(|volume| volume.target.as_c_str());
        let tmpfs = self.tmpfs.iter().map(|tmpfs| tmpfs.target.as_c_str());
        let fresh: &'s [&'s CStr] = if self.is_view() { &Self::FRESH } else { &[] };
        self.own_file_systems().mount_points().chain(fresh.iter().copied()).chain(volumes).chain(tmpfs)
    }

    /// The directories of a view that begin empty.
    pub const FRESH: [&'static CStr; 2] = [c"/tmp", c"/run"];

    /// Whether the container gets a new namespace of this kind.
    pub fn is_private(&self, kind: Namespace) -> bool {
        self.namespace(kind) == Source::Private
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
