//! What this machine is, as plain data: read once, and only as far as a Spec asks. Nothing here changes anything.

pub mod accounts;
#[cfg(feature = "boot")]
pub mod block;
#[cfg(feature = "full")]
pub mod cgroups;
#[cfg(feature = "full")]
pub mod container;
#[cfg(feature = "full")]
pub mod devices;
#[cfg(feature = "full")]
pub mod figures;
#[cfg(feature = "full")]
pub mod filter;
pub mod ids;
pub mod image;
mod kept;
#[cfg(feature = "boot")]
pub mod machine;
#[cfg(feature = "boot")]
pub mod modules;
pub mod mounts;
#[cfg(feature = "boot")]
pub mod partition;
#[cfg(feature = "full")]
pub mod presets;
mod program;
#[cfg(feature = "full")]
pub mod ranges;
pub mod rootfs;
#[cfg(feature = "full")]
pub mod runtime;
#[cfg(feature = "boot")]
pub mod superblock;
mod terminal;
#[cfg(feature = "full")]
pub mod variables;
pub mod view;

pub use accounts::Account;
#[cfg(feature = "full")]
pub use devices::Node;
pub use image::Image;
pub use program::Writer;
#[cfg(feature = "full")]
pub use ranges::{Ids, Lack};
use rootfs::Root;
pub use rootfs::{Mark, Presence};
pub use terminal::Terminal;
#[cfg(feature = "full")]
pub use terminal::{Streams, is_free};
pub use view::Piece;

#[cfg(feature = "full")]
use crate::spec::{ChangeRoot, Filter, HOSTS, IdMap, Namespace};
use crate::spec::{IdRange, RESOLVER, Spec};
#[cfg(feature = "full")]
use crate::sys::Errno;
#[cfg(feature = "full")]
use crate::sys::file::Open;
use crate::sys::file::{self, Identity, Kind};
use crate::sys::identity::{self, CapabilitySet};
#[cfg(feature = "full")]
use crate::sys::sandbox::{self, Instruction};
#[cfg(feature = "full")]
use crate::sys::signal;
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
    /// Whether a request to stop, SIGTERM, means something to this process: its caller may have it ignored.
    #[cfg(feature = "full")]
    pub hears_requests: bool,
    /// What the files of a Spec set in the command's environment: `NAME=VALUE`, or `NAME` to pass the caller's value on.
    #[cfg(feature = "full")]
    pub variables: &'m [Word<'m>],
    /// The host's `/etc/hosts`, where its network is the container's too.
    #[cfg(feature = "full")]
    pub names: &'m [u8],
    /// The directory in which containers have their names, and this one's, if it has one.
    #[cfg(feature = "full")]
    pub place: Option<(Word<'m>, Word<'m>)>,
    /// What the command gets of a terminal.
    pub terminal: Terminal,
    /// Whether a standard stream of the command is /dev/null.
    #[cfg(feature = "full")]
    pub has_null: bool,
    /// Whom the command runs as.
    pub user: Account<'m>,
    /// The directory that is to be the root, where it is not this machine's own: its path may lead elsewhere later.
    pub root: Option<Identity>,
    /// The root file system, where it is no directory.
    pub image: Option<Image<'m>>,
    /// What the root file system has where something is to be mounted.
    pub mount_points: &'m [(Word<'m>, Presence)],
    /// What each volume's source is, in the order of the Spec.
    pub volumes: &'m [Kind],
    /// What each device's node is, in the order of the Spec.
    #[cfg(feature = "full")]
    pub devices: &'m [Node<'m>],
    /// Whether there is an `/etc/resolv.conf` to share.
    pub resolver: bool,
    /// Of what a view of this machine is made; empty without one.
    pub view: &'m [Piece<'m>],
    /// Who may write to this very program.
    pub program: Writer,
    /// Whether all is here. If not, this program is executed anew, and looks then at what is left.
    pub is_whole: bool,
    /// The program of a file that filters system calls.
    #[cfg(feature = "full")]
    pub filter: &'m [Instruction],
    /// The version of landlock, if it is all that is asked for, or a wall behind the others; else 0.
    #[cfg(feature = "full")]
    pub landlock: usize,
    /// Where the container's control groups are made.
    #[cfg(feature = "full")]
    pub cgroups: cgroups::Sites<'m>,
}

/// How a host is looked at.
#[derive(Clone, Copy, Debug)]
pub enum Look<'m> {
    /// As far as the Spec asks, for someone who wants to know what would be done.
    All,
    /// For a start. What the kernel itself will refuse need not be foreseen; and where this program is executed anew, all else is
    /// left to that one: what comes by a pipe, as variables may, can be read but once.
    Start,
    /// For a start that was refused and is tried again, with the variables that were read for the first.
    Again(&'m [Word<'m>]),
}

impl Look<'_> {
    /// Whether a start that the kernel refuses is taken back, and tried once more. Not with variables that are read: that one may have
    /// other ids, so that this program is executed anew. Nor with a filter of one's own: by then descriptors are closed.
    pub fn trusts_kernel(self, #[cfg_attr(not(feature = "full"), expect(unused_variables))] spec: &Spec) -> bool {
        #[cfg(feature = "full")]
        return matches!(self, Self::Start)
            && spec.can_be_taken_back()
            && spec.environment_files.is_empty()
            && !matches!(spec.filter, Filter::File(_));
        #[cfg(not(feature = "full"))]
        false
    }
}

/// Capabilities of someone who may map any id (user_namespaces(7)).
const MAPS_IDS: CapabilitySet = 1 << k::CAP_SETUID | 1 << k::CAP_SETGID;

impl<'m> Host<'m> {
    /// Reads what this Spec asks for.
    ///
    /// # Errors
    /// What can be foreseen: no such root file system, volume, user or descriptor.
    pub fn read(arena: &'m Arena, spec: &Spec<'m>, environment: &'m [Word<'m>]) -> Told<'m, Self> {
        Self::look(arena, spec, environment, Look::All)
    }

    /// The same, as far as whoever asks needs it.
    ///
    /// # Errors
    /// As for `read`.
    pub fn look(arena: &'m Arena, spec: &Spec<'m>, environment: &'m [Word<'m>], how: Look<'m>) -> Told<'m, Self> {
        // Before anything of ours takes the number of one that is missing.
        descriptors(arena, spec)?;
        let (root, kind) = rootfs::open(arena, spec)?;
        let mut host = Self::of_caller(arena, spec, environment, root)?;
        #[cfg(feature = "full")]
        let has_ids = !host.chooses_ids(spec);
        #[cfg(not(feature = "full"))]
        let has_ids = true;
        if has_ids && host.ends_at_program(spec, spec.uids.ranges(host.uids), how) {
            return Ok(host);
        }
        look_at_streams(arena, &mut host)?;
        #[cfg(feature = "full")]
        {
            host.has_null |= spec.detach;
            host.place = runtime::place(arena, spec, environment)?;
            host.cgroups = cgroups::Sites::read(arena, spec, host.uid)?;
            host.devices = devices::read(arena, spec)?;
        }
        host.volumes = volumes(arena, spec)?;
        if let Some(kept) = spec.kept() {
            kept::check(arena, kept, spec.rootfs)?;
        }
        match kind {
            Root::Image(format) if cfg!(feature = "full") => {
                if !host.overlays_outside() {
                    return Err(format.refused(arena, spec.rootfs));
                }
                host.image = Some(Image { format, file: root });
            }
            _ => host.mount_points = mount_points(arena, spec, root)?,
        }
        if let Root::Directory(identity) = kind {
            host.root = Some(identity);
        }
        #[cfg(feature = "full")]
        if spec.shares_resolver() && spec.has_own_hosts() {
            // A host without names has none to share.
            host.names = rootfs::read_path(arena, HOSTS, Open::READ).unwrap_or_default();
        }
        if spec.is_view() {
            host.view = view::read(arena, host.overlays_outside())?;
        }
        #[cfg(feature = "full")]
        {
            host.choose_ids(arena, spec, root, how)?;
            if let Some(volume) = spec.volumes.iter().find(|volume| volume.idmap && !host.overlays_outside()) {
                return Err(Problem::refused(
                    arena,
                    t!("idmap %: only the machine's root can (EPERM)"),
                    &[volume.source],
                ));
            }
            // One who has been granted ids may own it by one of them.
            if (!has_ids || matches!(host.ids, Ids::Granted(_)))
                && host.ends_at_program(spec, spec.uids.ranges(host.uids), how)
            {
                return match how {
                    // A range of ids was lost to another aril, and there is none any more.
                    Look::Again([_, ..]) => Err(Problem::refused(arena, ranges::NONE_UNUSED, &[])),
                    _ => Ok(host),
                };
            }
            host.variables = match how {
                Look::Again(variables) => variables,
                _ => variables::read(arena, spec)?,
            };
            host.look_for_landlock(arena, spec)?;
        }
        // Where nothing at all is there to mount on, a directory may well be the wrong one.
        let lacks_all = host.mount_points.iter().all(|(_, presence)| *presence == Presence::Missing);
        if lacks_all && rootfs::is_empty(root) {
            return Err(Problem::refused(arena, t!("root file system %: the directory is empty"), &[spec.rootfs]));
        }
        Ok(host)
    }

    /// What does not depend on where the container is: the caller, and whom the command runs as.
    fn of_caller(arena: &'m Arena, spec: &Spec<'m>, environment: &'m [Word<'m>], root: At) -> Told<'m, Self> {
        let capabilities = identity::effective_capabilities()
            .map_err(|errno| Problem::failed(arena, t!("read the capabilities"), &[], errno))?;
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
            #[cfg(feature = "full")]
            hears_requests: !signal::is_ignored(k::SIGTERM as u8),
            #[cfg(feature = "full")]
            variables: &[],
            #[cfg(feature = "full")]
            names: b"",
            #[cfg(feature = "full")]
            place: None,
            #[cfg(feature = "full")]
            terminal: if spec.is_rehearsal() || spec.detach { Terminal::Apart } else { Terminal::read(spec) },
            #[cfg(not(feature = "full"))]
            terminal: Terminal::of_caller(),
            #[cfg(feature = "full")]
            has_null: false,
            user: match spec.user {
                // Without an id map nobody becomes root.
                None if spec.is_landlock_alone() => Account { uid, gid, groups: &[], home: word(c"/") },
                user => accounts::find(arena, root, user)?,
            },
            root: None,
            image: None,
            mount_points: &[],
            volumes: &[],
            #[cfg(feature = "full")]
            devices: &[],
            resolver: spec.shares_resolver() && file::fstatat(At::CWD, RESOLVER).is_ok(),
            view: &[],
            program: Writer::Anyone,
            is_whole: true,
            #[cfg(feature = "full")]
            filter: filter::read(arena, spec)?,
            #[cfg(feature = "full")]
            landlock: 0,
            #[cfg(feature = "full")]
            cgroups: cgroups::Sites::default(),
        };
        if host.maps_any() && ids::is_first_namespace() {
            (host.uids, host.gids) = (ids::EVERY, ids::EVERY);
        } else if host.maps_any() {
            host.has_setgroups = rootfs::read_file(arena, word(c"/proc/self/setgroups"))?.starts_with(b"allow");
            host.uids = ids::all(arena, word(c"/proc/self/uid_map"), true)?;
            host.gids = ids::all(arena, word(c"/proc/self/gid_map"), true)?;
        }
        #[cfg(feature = "full")]
        {
            accounts::add_groups(arena, root, &mut host.user, &spec.groups)?;
            if spec.landlock_alone {
                host.landlock = landlock(arena, &host)?;
            }
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

    /// Whether the root file system is an image, of which nothing is known but its format.
    pub fn is_image(&self) -> bool {
        cfg!(feature = "full") && self.image.is_some()
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

    /// What the files of a Spec set.
    pub const fn variables(&self) -> &'m [Word<'m>] {
        #[cfg(feature = "full")]
        return self.variables;
        #[cfg(not(feature = "full"))]
        &[]
    }

    /// What the root file system has at a mount point of the Spec, probably the one of this number.
    #[inline(never)]
    pub fn presence(&self, target: Word, number: usize) -> Presence {
        let is_it = |point: &&(Word, Presence)| point.0 == target;
        let found = self.mount_points.get(number).filter(is_it).or_else(|| self.mount_points.iter().find(is_it));
        found.map_or(Presence::Missing, |(_, presence)| *presence)
    }
}

/// Landlock knows nothing of modes and owners: whoever runs as root could make any file of root's set-user-id. An ordinary user
/// of root's group has it anyway (OpenShift's have).
#[cfg(feature = "full")]
fn landlock<'m>(arena: &'m Arena, host: &Host) -> Told<'m, usize> {
    let user = &host.user;
    if user.uid == 0 || host.uid == 0 && (user.gid == 0 || user.groups.contains(&0)) {
        let problem = Problem::refused(arena, t!("--sandbox landlock does not hold root, nor root's group"), &[]);
        return Err(problem.advise(arena, t!("run the command as someone else: --user 65534:65534"), &[]));
    }
    sandbox::landlock_version().map_err(|errno| {
        no_version(arena, errno).advise(
            arena,
            t!("it takes Linux 5.13, and landlock in lsm= on the kernel's command line"),
            &[],
        )
    })
}

#[cfg(feature = "full")]
fn no_version<'m>(arena: &'m Arena, errno: Errno) -> &'m Problem<'m> {
    Problem::failed(arena, t!("ask for the version of landlock"), &[], errno)
}

#[cfg(feature = "full")]
impl<'m> Host<'m> {
    /// Whether there is a second wall around the command's files, and whether it takes one: where its ids are nobody's outside they
    /// are that wall.
    ///
    /// # Errors
    /// It cannot be told.
    pub(super) fn look_for_landlock(&mut self, arena: &'m Arena, spec: &Spec) -> Told<'m, ()> {
        if spec.can_be_walled() && !ranges::has_nobodies(self.uids) {
            self.landlock = match sandbox::landlock_version() {
                // A kernel without it does without, and so does who is refused it by an outer container's filter.
                Err(Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM) => 0,
                version => version.map_err(|errno| no_version(arena, errno))?,
            };
        }
        Ok(())
    }

    /// Whether root's ids are still to be chosen, from those that nobody uses.
    fn chooses_ids(&self, spec: &Spec) -> bool {
        let is_default = matches!((&spec.uids, &spec.gids), (IdMap::Default, IdMap::Default));
        is_default && spec.is_private(Namespace::User) && self.maps_any()
    }

    /// Which ids a new user namespace gets, and how.
    fn choose_ids(&mut self, arena: &'m Arena, spec: &Spec<'m>, root: At, how: Look) -> Told<'m, ()> {
        if self.uids == ids::EVERY && (ranges::has_of_others(&spec.uids) || ranges::has_of_others(&spec.gids)) {
            let text = t!("map ids from 1879048192 to 2147483647: those are for --userns auto");
            return Err(Problem::refused(arena, text, &[]));
        }
        match (&spec.uids, &spec.gids) {
            (IdMap::Identity, IdMap::Identity) if !self.maps_any() => {
                (self.uids, self.gids) = (ids::own(arena, self.uid), ids::own(arena, self.gid));
            }
            (IdMap::Default, IdMap::Default) if spec.is_private(Namespace::User) => {
                if !self.maps_any() {
                    ranges::granted(arena, self);
                } else if spec.change_root == ChangeRoot::Pivot {
                    ranges::unused(arena, spec, self, root, how.trusts_kernel(spec))?;
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

/// The standard streams, by the names that stdio(3) gives them.
const STREAMS: [Word<'static>; 3] = [word(c"standard input"), word(c"standard output"), word(c"standard error")];

/// None of the streams may lead anywhere else, but for those in whose place the command has its own terminal.
fn look_at_streams<'m>(arena: &'m Arena, host: &mut Host) -> Told<'m, ()> {
    for (number, name) in STREAMS.iter().enumerate() {
        match file::fstat(At::STREAMS[number]) {
            Ok(stat) if stat.kind == Kind::Directory && !host.terminal.replaces(number) => {
                let sentence = t!("pass on %: from a directory all others of the host are in reach");
                return Err(Problem::refused(arena, sentence, &[*name]));
            }
            #[cfg(feature = "full")]
            Ok(stat) => host.has_null |= stat.is_null(),
            _ => {}
        }
    }
    Ok(())
}

/// What the command is to inherit must be there.
fn descriptors<'m>(arena: &'m Arena, spec: &Spec) -> Told<'m, ()> {
    let passed_on = 3..3 + spec.preserve_fds;
    #[cfg(feature = "full")]
    let passed_on = passed_on.chain(spec.status_fd);
    for fd in passed_on {
        if !file::is_open(fd) {
            let fd = decimal(arena, fd.into());
            return Err(Problem::refused(arena, t!("pass on descriptor %: it is not open (EBADF)"), &[fd]));
        }
    }
    Ok(())
}
