//! What this machine is, as plain data: read once, and only as far as a Spec asks. Nothing here changes anything.

pub mod accounts;
mod ids;
mod mounts;
#[cfg(feature = "full")]
pub mod ranges;
pub mod rootfs;
mod terminal;
pub mod view;

pub use accounts::Account;
#[cfg(feature = "full")]
pub use ranges::{Ids, Lack};
pub use rootfs::{Mark, Presence};
pub use view::Piece;

#[cfg(feature = "full")]
use crate::spec::{ChangeRoot, IdMap, Namespace};
use crate::spec::{IdRange, RESOLVER, Spec};
use crate::sys::file::{self, Kind};
use crate::sys::identity::{self, CapabilitySet};
use crate::sys::signal::{self, SignalSet};
use crate::sys::{Arena, At, List, Word, word};
use crate::text::{Problem, Told, decimal, t};
use linux_raw_sys::general as k;

/// The machine, and this process's place on it.
#[derive(Debug)]
pub struct Host<'m> {
    /// Effective ids of the caller.
    pub uid: u32,
    pub gid: u32,
    /// What the caller may do, in his own user namespace.
    pub capabilities: CapabilitySet,
    /// Whether setgroups(2) works in the caller's user namespace: where it was given up, it is for all below.
    pub has_setgroups: bool,
    /// How a new user namespace is mapped unless a Spec says otherwise: someone who may map any id keeps all that there are
    /// in his own namespace, and an ordinary user's own becomes 0.
    pub uids: &'m [IdRange],
    pub gids: &'m [IdRange],
    /// And how these ids are had.
    #[cfg(feature = "full")]
    pub ids: Ids<'m>,
    /// The environment of the caller.
    pub environment: &'m [Word<'m>],
    /// Signals that the caller has this process ignore (nohup(1)).
    pub ignored: SignalSet,
    /// Whether the command may take the terminal's foreground.
    pub foreground: bool,
    /// Whom the command runs as.
    pub user: Account<'m>,
    /// What the root file system has where something is to be mounted.
    pub mount_points: &'m [(Word<'m>, Presence)],
    /// What each volume's source is, in the order of the Spec.
    pub volumes: &'m [Kind],
    /// Whether there is an `/etc/resolv.conf` to share.
    pub resolver: bool,
    /// Of what a view of this machine is made; empty without one.
    pub view: &'m [Piece<'m>],
    /// Whether this very program was started from a mount on which it could be written.
    pub can_be_written: bool,
}

/// Capabilities of someone who may map any id (user_namespaces(7)).
const MAPS_IDS: CapabilitySet = 1 << k::CAP_SETUID | 1 << k::CAP_SETGID;

impl<'m> Host<'m> {
    /// Reads what this Spec asks for.
    ///
    /// # Errors
    /// What can be foreseen: no such root file system, volume, user or descriptor.
    pub fn read(arena: &'m Arena, spec: &Spec<'m>, environment: &'m [Word<'m>]) -> Told<'m, Self> {
        let capabilities = identity::effective_capabilities()
            .map_err(|errno| Problem::failed(arena, t!("read the capabilities"), &[], errno))?;
        let root = rootfs::open(arena, spec)?;
        let (uid, gid) = (identity::geteuid(), identity::getegid());
        let mut host = Self {
            uid,
            gid,
            capabilities,
            has_setgroups: true,
            uids: ids::own_as_root(arena, uid),
            gids: ids::own_as_root(arena, gid),
            #[cfg(feature = "full")]
            ids: Ids::Own(None),
            environment,
            ignored: ignored_signals(),
            foreground: terminal::may_take_foreground(),
            user: accounts::find(arena, root.at(), spec.user)?,
            mount_points: &[],
            volumes: &[],
            resolver: spec.shares_resolver() && file::fstatat(At::CWD, RESOLVER).is_ok(),
            view: &[],
            // Without /proc nothing is known, and nothing inside could find the program either.
            can_be_written: file::is_read_only(word(c"/proc/self/exe")) == Ok(false),
        };
        if host.maps_any() && ids::is_first_namespace() {
            (host.uids, host.gids) = (ids::EVERY, ids::EVERY);
        } else if host.maps_any() {
            host.has_setgroups = rootfs::read_file(arena, word(c"/proc/self/setgroups"))?.starts_with(b"allow");
            host.uids = ids::all(arena, word(c"/proc/self/uid_map"))?;
            host.gids = ids::all(arena, word(c"/proc/self/gid_map"))?;
        }
        host.volumes = volumes(arena, spec)?;
        host.mount_points = mount_points(arena, spec, root.at())?;
        if spec.is_view() {
            host.view = view::read(arena, host.overlays_outside())?;
        }
        #[cfg(feature = "full")]
        {
            host.choose_ids(arena, spec, root.at())?;
            if let Some(volume) = spec.volumes.iter().find(|volume| volume.idmap && !host.overlays_outside()) {
                return Err(Problem::refused(
                    arena,
                    t!("idmap %: only the machine's root can (EPERM)"),
                    &[volume.source],
                ));
            }
        }
        descriptors(arena, spec)?;
        // Where nothing at all is there to mount on, a directory may well be the wrong one.
        let lacks_all = host.mount_points.iter().all(|(_, presence)| *presence == Presence::Missing);
        if lacks_all && rootfs::is_empty(root.at()) {
            return Err(Problem::refused(arena, t!("root file system %: the directory is empty"), &[spec.rootfs]));
        }
        Ok(host)
    }

    /// Whether the caller has this capability.
    pub fn has(&self, capability: u32) -> bool {
        self.capabilities >> capability & 1 == 1
    }

    /// Whether the caller may make overlays outside of a user namespace of the container's own, with all that they can do:
    /// the kernel has `trusted` attributes only in the machine's first user namespace.
    pub fn overlays_outside(&self) -> bool {
        (self.uids == ids::EVERY || self.is_shifted()) && self.has(k::CAP_SYS_ADMIN)
    }

    /// Whether idmapped mounts show an unused range of ids as those of the image.
    pub const fn is_shifted(&self) -> bool {
        #[cfg(feature = "full")]
        return matches!(self.ids, Ids::Unused(_));
        #[cfg(not(feature = "full"))]
        false
    }

    /// Whether the caller may map ids other than his own.
    pub fn maps_any(&self) -> bool {
        self.capabilities & MAPS_IDS == MAPS_IDS
    }

    /// Whether a new user namespace may have groups, and a process in it any of them (setgroups(2)).
    pub fn maps_groups(&self) -> bool {
        #[cfg(feature = "full")]
        if matches!(self.ids, Ids::Granted(_)) {
            return true;
        }
        self.maps_any()
    }

    /// What the root file system has at a mount point of the Spec.
    pub fn presence(&self, target: Word) -> Presence {
        let found = self.mount_points.iter().find(|(path, _)| *path == target);
        found.map_or(Presence::Missing, |(_, presence)| *presence)
    }
}

#[cfg(feature = "full")]
impl<'m> Host<'m> {
    /// Which ids a new user namespace gets, and how.
    fn choose_ids(&mut self, arena: &'m Arena, spec: &Spec<'m>, root: At) -> Told<'m, ()> {
        match (&spec.uids, &spec.gids) {
            (IdMap::Identity, IdMap::Identity) if !self.maps_any() => {
                (self.uids, self.gids) = (ids::own(arena, self.uid), ids::own(arena, self.gid));
            }
            (IdMap::Default, IdMap::Default) if spec.is_private(Namespace::User) => {
                if !self.maps_any() {
                    ranges::granted(arena, self);
                } else if spec.change_root == ChangeRoot::Pivot {
                    ranges::unused(arena, spec, self, root)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn volumes<'m>(arena: &'m Arena, spec: &Spec<'m>) -> Told<'m, &'m [Kind]> {
    let mut kinds = List::new(arena);
    for volume in spec.volumes.iter() {
        let stat = file::fstatat(At::CWD, volume.source)
            .map_err(|errno| Problem::failed(arena, t!("bind volume %"), &[volume.source], errno))?;
        kinds.push(stat.kind);
    }
    Ok(kinds.finish())
}

fn mount_points<'m>(arena: &'m Arena, spec: &Spec<'m>, root: At) -> Told<'m, &'m [(Word<'m>, Presence)]> {
    let mut points = List::new(arena);
    for mount in spec.mounts(arena).iter() {
        points.push((mount.target, rootfs::presence(arena, root, mount.target)?));
    }
    Ok(points.finish())
}

/// What the command is to inherit must be there.
fn descriptors<'m>(arena: &'m Arena, spec: &Spec) -> Told<'m, ()> {
    for fd in 3..3 + spec.preserve_fds {
        if !file::is_open(fd) {
            let fd = decimal(arena, fd.into());
            return Err(Problem::refused(arena, t!("pass on descriptor %: it is not open (EBADF)"), &[fd]));
        }
    }
    Ok(())
}

/// Asks for each signal: there is no call that tells all at once, and the file that does is dearer to read.
fn ignored_signals() -> SignalSet {
    (1..=signal::LAST).filter(|number| signal::is_ignored(*number)).fold(0, |set, number| set | signal::set_of(number))
}
