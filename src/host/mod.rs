//! What this machine is, as plain data: read once, and only as far as a Spec asks. Nothing here changes anything.

pub mod accounts;
mod ids;
mod mounts;
pub mod rootfs;
mod terminal;
pub mod view;

pub use accounts::Account;
pub use rootfs::{Mark, Presence};
pub use view::Piece;

use crate::problem;
use crate::spec::{IdRange, Namespace, Spec};
use crate::sys::file::{self, Kind, Open};
use crate::sys::identity::{self, CapabilitySet};
use crate::sys::signal::{self, SignalSet};
use crate::sys::{At, Word};
use crate::text::{Problem, shown};
use alloc::ffi::CString;
use alloc::vec::Vec;
use linux_raw_sys::general as k;

/// The machine, and this process's place on it.
#[derive(Debug)]
pub struct Host<'a> {
    /// Effective ids of the caller.
    pub uid: u32,
    pub gid: u32,
    /// What the caller may do, in his own user namespace.
    pub capabilities: CapabilitySet,
    /// How a new user namespace is mapped unless a Spec says otherwise: someone who may map any id keeps all that there are
    /// in his own namespace, and an ordinary user's own becomes 0.
    pub uids: Vec<IdRange>,
    pub gids: Vec<IdRange>,
    /// The environment of the caller.
    pub environment: &'a [Word<'a>],
    /// Signals that the caller has this process ignore (nohup(1)).
    pub ignored: SignalSet,
    /// Whether the command may take the terminal's foreground.
    pub foreground: bool,
    /// Whom the command runs as.
    pub user: Account,
    /// What the root file system has where something is to be mounted.
    pub mount_points: Vec<(CString, Presence)>,
    /// What each volume's source is, in the order of the Spec.
    pub volumes: Vec<Kind>,
    /// Whether there is an `/etc/resolv.conf` to share.
    pub resolver: bool,
    /// Which of the kernel's secrets exist here, by their number in `SECRETS`.
    pub secrets: Vec<&'static Secret>,
    /// Of what a view of this machine is made; empty without one.
    pub view: Vec<Piece>,
}

/// A file or directory of proc or sysfs that a container must not have.
#[derive(Debug, PartialEq, Eq)]
pub struct Secret {
    /// The whole path.
    pub path: &'static core::ffi::CStr,
    /// Shown, but not to be written; else it is hidden.
    pub read_only: bool,
    pub directory: bool,
}

const fn secret(path: &'static core::ffi::CStr, read_only: bool, directory: bool) -> Secret {
    Secret { path, read_only, directory }
}

/// What container engines have agreed to hide or to make read-only (docker and podman, "default masked paths").
///
/// Always covered, whatever access(2) says: files below `/proc/sys` ask the outer user id, which a map of 0 to 0 keeps.
const SECRETS: &[Secret] = &[
    secret(c"/proc/sys", true, true),
    secret(c"/proc/sysrq-trigger", true, false),
    secret(c"/proc/irq", true, true),
    secret(c"/proc/bus", true, true),
    secret(c"/proc/fs", true, true),
    secret(c"/proc/kcore", false, false),
    secret(c"/proc/keys", false, false),
    secret(c"/proc/interrupts", false, false),
    secret(c"/proc/latency_stats", false, false),
    secret(c"/proc/timer_list", false, false),
    secret(c"/proc/timer_stats", false, false),
    secret(c"/proc/sched_debug", false, false),
    secret(c"/proc/acpi", false, true),
    secret(c"/proc/asound", false, true),
    secret(c"/proc/scsi", false, true),
    secret(c"/sys/firmware", false, true),
    secret(c"/sys/devices/virtual/powercap", false, true),
];

/// Capabilities of someone who may map any id (user_namespaces(7)).
const MAPS_IDS: CapabilitySet = 1 << k::CAP_SETUID | 1 << k::CAP_SETGID;

impl<'a> Host<'a> {
    /// Reads what this Spec asks for.
    ///
    /// # Errors
    /// What can be foreseen: no such root file system, volume, user or descriptor.
    pub fn read(spec: &Spec, environment: &'a [Word<'a>]) -> Result<Self, Problem> {
        let capabilities =
            identity::effective_capabilities().map_err(|error| problem!("read the capabilities: {error}"))?;
        let root = rootfs::open(spec)?;
        let own = spec.own_file_systems();
        let mut host = Self {
            uid: identity::geteuid(),
            gid: identity::getegid(),
            capabilities,
            uids: ids::own_as_root(identity::geteuid()),
            gids: ids::own_as_root(identity::getegid()),
            environment,
            ignored: ignored_signals(),
            foreground: terminal::may_take_foreground(),
            user: accounts::find(root.at(), spec.user)?,
            mount_points: Vec::new(),
            volumes: Vec::new(),
            resolver: spec.shares_resolver() && file::fstatat(At::CWD, c"/etc/resolv.conf").is_ok(),
            secrets: SECRETS.iter().filter(|secret| own.shows(secret.path) && exists(secret.path)).collect(),
            view: Vec::new(),
        };
        for volume in &spec.volumes {
            let kind = file::fstatat(At::CWD, &volume.source)
                .map_err(|error| problem!("bind volume {}: {error}", shown(&volume.source)))?
                .kind;
            host.volumes.push(kind);
        }
        let writes = spec.is_view() || spec.overlay || spec.read_only;
        if host.maps_any() && (spec.is_private(Namespace::User) || writes) {
            host.uids = ids::all(c"/proc/self/uid_map")?;
            host.gids = ids::all(c"/proc/self/gid_map")?;
        }
        for target in spec.mount_points() {
            let presence = rootfs::presence(root.at(), target)?;
            host.mount_points.push((target.into(), presence));
        }
        if host.resolver {
            host.mount_points.push((c"/etc/resolv.conf".into(), rootfs::presence(root.at(), c"/etc/resolv.conf")?));
        }
        if spec.is_view() {
            host.view = view::read(host.overlays_outside())?;
        }
        for fd in 3..3 + spec.preserve_fds {
            if !file::is_open(fd) {
                return Err(problem!("pass on descriptor {fd}: it is not open (EBADF)"));
            }
        }
        if host.looks_empty() && rootfs::is_empty(root.at()) {
            return Err(problem!("root file system {}: the directory is empty", shown(spec.rootfs)));
        }
        Ok(host)
    }

    /// Whether the caller may make overlays outside of a user namespace of the container's own, with all that they can do:
    /// the kernel has `trusted` attributes only in the machine's first user namespace.
    pub fn overlays_outside(&self) -> bool {
        let is_first = matches!(self.uids[..], [IdRange { inside: 0, outside: 0, count: u32::MAX }]);
        is_first && self.capabilities >> k::CAP_SYS_ADMIN & 1 == 1
    }

    /// Whether the caller may map ids other than his own.
    pub fn maps_any(&self) -> bool {
        self.capabilities & MAPS_IDS == MAPS_IDS
    }

    /// What the root file system has at a mount point of the Spec.
    pub fn presence(&self, target: &core::ffi::CStr) -> Presence {
        let found = self.mount_points.iter().find(|(path, _)| path.as_c_str() == target);
        found.map_or(Presence::Missing, |(_, presence)| *presence)
    }

    /// Where nothing at all is there to mount on, a directory may well be the wrong one.
    fn looks_empty(&self) -> bool {
        self.mount_points.iter().all(|(_, presence)| *presence == Presence::Missing)
    }
}

fn exists(path: &core::ffi::CStr) -> bool {
    file::openat(At::CWD, path, Open::PATH).is_ok()
}

/// Asks for each signal: there is no call that tells all at once, and the file that does is dearer to read.
fn ignored_signals() -> SignalSet {
    (1..=signal::LAST)
        .filter(|number| signal::is_ignored(*number).unwrap_or(false))
        .fold(0, |set, number| set | signal::set_of(number))
}
