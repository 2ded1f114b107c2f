//! What is mounted in the container, in which order, and where a mount point has to be made for it.

#[cfg(feature = "full")]
use super::devices;
use super::identity::{Maps, has_group};
#[cfg(feature = "full")]
use super::ids::{IdStep, is_handed};
#[cfg(feature = "full")]
use super::layers::Layer;
#[cfg(feature = "full")]
use super::own_files::own_files;
use super::root::Root;
use super::{Draft, Fate, Make, On, Phase, Place, Step, Tree};
use crate::host::{Host, Presence};
use crate::spec::{Mount, Namespace, NewKind, Overlay, RESOLVER, Spec, Volume, What};
use crate::sys::file::Kind;
use crate::sys::mount::Attributes;
use crate::sys::words::Words;
use crate::sys::{Arena, Errno, List, Word, word};
use crate::text::{Problem, Told, path, t};
use core::ffi::CStr;

const NO_SUID: Attributes = Attributes::NOSUID;
const NO_DEVICES: Attributes = NO_SUID.and(Attributes::NODEV);
const DATA_ONLY: Attributes = NO_DEVICES.and(Attributes::NOEXEC);
pub(super) const DEVICE: Attributes = NO_SUID.and(Attributes::NOEXEC).and(Attributes::RDONLY);
const TERMINALS: Attributes = NO_SUID.and(Attributes::NOEXEC);
const READ_ONLY: Attributes = DATA_ONLY.and(Attributes::RDONLY);

/// Nodes of the host that every program expects; mknod(2) is refused in a user namespace.
pub const DEVICES: Words = Words::new(b"/dev/null\0/dev/zero\0/dev/full\0/dev/random\0/dev/urandom\0/dev/tty\0");

/// How something of proc or sysfs that a container must not have is kept from it.
#[derive(Clone, Copy)]
enum Cover {
    ReadOnly,
    /// Something empty lies over it.
    HiddenFile,
    HiddenDirectory,
}

/// What container engines have agreed to hide or to make read-only (docker and podman, "default masked paths"), and the switches
/// of dynamic debugging, which they left open: its file asks for nothing but uid 0.
///
/// Always covered, whatever access(2) says: files below `/proc/sys` ask the outer user id, which a map of 0 to 0 keeps.
const SECRETS: [(Tree, Cover, Words); 4] = [
    (Tree::Proc, Cover::ReadOnly, Words::new(b"sys\0sysrq-trigger\0irq\0bus\0fs\0")),
    (
        Tree::Proc,
        Cover::HiddenFile,
        Words::new(b"kcore\0keys\0interrupts\0latency_stats\0timer_list\0timer_stats\0sched_debug\0"),
    ),
    (Tree::Proc, Cover::HiddenDirectory, Words::new(b"acpi\0asound\0dynamic_debug\0scsi\0")),
    (
        Tree::Sys,
        Cover::HiddenDirectory,
        Words::new(
            b"firmware\0kernel/debug\0kernel/tracing\0kernel/security\0fs/bpf\0fs/pstore\0devices/virtual/powercap\0",
        ),
    ),
];

/// The group of terminals on every distribution.
const TTY_GROUP: u32 = 5;

/// Where its mount point has to be made, if anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Need {
    Nothing,
    InImage,
    InRoot,
}

/// Something to be mounted.
#[derive(Clone, Copy, Debug)]
struct Mounting<'p> {
    what: What,
    target: Word<'p>,
    /// What the mount point is.
    make: Make,
    need: Need,
    /// What the image has there.
    presence: Presence,
    /// The innermost of the earlier ones that it lies in, or lies over.
    inside: Number,
}

/// All mounts of a container.
#[derive(Debug)]
pub struct Layout<'p> {
    spec: &'p Spec<'p>,
    host: &'p Host<'p>,
    maps: Maps<'p>,
    root: Root,
    mounts: &'p [Mounting<'p>],
    /// Whether the launcher opens what root inside perhaps may not.
    #[cfg(feature = "full")]
    is_handed: bool,
}

impl<'p> Layout<'p> {
    /// Puts them in order: the container's own file systems first, then what was asked for, by depth.
    pub fn of(arena: &'p Arena, spec: &'p Spec<'p>, host: &'p Host<'p>, maps: Maps<'p>) -> Told<'p, Self> {
        let mounts = wanted(arena, spec, host);
        let mut targets = Targets::of(arena, mounts.len());
        for at in 0..mounts.len() {
            let target = mounts[at].target.bytes();
            let inside = targets.around(target, mounts);
            let need = need(arena, &mounts[at], numbered(inside, mounts))?;
            (mounts[at].inside, mounts[at].need) = (inside, need);
            *targets.slot(target, mounts) = at as Number + 1;
        }
        let lacking = mounts.iter().find(|mount| mount.need == Need::InImage);
        let root = Root::of(spec, host, lacking.is_some());
        if let (Some(mount), Root::Host) = (lacking, root) {
            return Err(Problem::failed(arena, t!("mount on %"), &[mount.target], Errno::ENOENT));
        }
        // What is written to an overlay never reaches the image, but to a volume in it the host. A link to nowhere is no place for
        // the resolver.
        if root.has_scratch() {
            for mount in mounts.iter_mut() {
                if mount.need == Need::InImage || mount.what.is_optional() && mount.inside == 0 {
                    mount.need = Need::InRoot;
                }
            }
        }
        Ok(Self {
            spec,
            host,
            maps,
            root,
            mounts,
            #[cfg(feature = "full")]
            is_handed: is_handed(spec, host, maps),
        })
    }

    /// While signals still get through, because whoever may read the directory can hold the lock.
    pub fn lock(&self, draft: &mut Draft<'p>) {
        let lacks = self.mounts.iter().any(|mount| mount.need == Need::InImage);
        #[cfg(feature = "full")]
        if let Some(directory) = self.spec.kept() {
            draft.must(Step::Layer(Layer::Lock { directory }));
        }
        draft.when(lacks, Step::LockRootfs { path: self.spec.rootfs, seen: self.host.root.as_ref() });
    }

    /// What the launcher does before the clone.
    pub fn prepare(&self, draft: &mut Draft<'p>) {
        let rootfs = self.spec.rootfs;
        for mount in self.mounts.iter().filter(|mount| mount.need == Need::InImage) {
            let step = Step::MakeInImage { rootfs, target: mount.target, make: mount.make };
            draft.add(mount.fate(), step);
        }
        self.root.prepare(draft, self.spec, self.host);
    }

    /// What the launcher does for the new process meanwhile.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub fn hand_over(&self, draft: &mut Draft<'p>) {
        if !self.is_handed {
            return;
        }
        if self.root.is_handed(self.host) {
            self.root.hand_over(draft, self.spec, self.host);
        }
        devices::hand_over(draft, self.host, self.maps);
        let has_overlays = self.spec.volumes.iter().any(|volume| volume.overlay);
        if has_overlays {
            draft.when(!draft.has(|step| matches!(step, Step::UnshareMounts)), Step::UnshareMounts);
            draft.must(Step::Scratch);
        }
        for mount in self.mounts {
            if let What::Volume(number) = mount.what {
                let volume = &self.spec.volumes[number];
                let (source, attributes) = (volume.source, attributes(volume));
                let overlay = volume.overlay.then_some(number as u16);
                draft.ids(IdStep::HandOver { source, seen: None, attributes, idmapped: volume.idmap, overlay });
            }
        }
        draft.when(has_overlays, Step::DetachScratch);
    }

    /// A volume whose writes go to memory, by the new process itself.
    #[cfg(feature = "full")]
    fn overlay(&self, draft: &mut Draft<'p>, volume: &Volume<'p>, path: Word<'p>) {
        let number = draft.lines.iter().filter(|line| matches!(line.step, Step::Overlay { .. })).count() as u16;
        let (user_attributes, attributes) = (self.spec.is_private(Namespace::User), attributes(volume));
        draft.must(Step::Scratch);
        draft.must(Step::Overlay { lower: volume.source, seen: None, number, user_attributes, attributes });
        draft.must(Step::DetachScratch);
        draft.must(Step::AttachOverlay { number, path });
    }

    /// What the new process does.
    #[inline(never)]
    pub fn mount(&self, draft: &mut Draft<'p>) {
        #[cfg(feature = "full")]
        let first = if self.spec.volumes.iter().any(|volume| volume.follows_host) {
            Step::MakeSlave
        } else {
            Step::MakePrivate
        };
        #[cfg(not(feature = "full"))]
        let first = Step::MakePrivate;
        #[cfg(feature = "full")]
        super::keep_null(draft, self.spec, self.host, self.maps.uids);
        draft.when(self.spec.is_private(Namespace::Mount), first);
        #[cfg(feature = "full")]
        if self.is_handed && self.root.is_handed(self.host) {
            self.root.take(draft, self.spec, self.host);
        } else {
            self.root.begin(draft, self.spec, self.host, !self.mounts.is_empty());
        }
        #[cfg(not(feature = "full"))]
        self.root.begin(draft, self.spec, self.host, !self.mounts.is_empty());
        // Into the root before it is sealed; into a tmpfs of the container once that is mounted.
        let made_first = |mount: &Mounting| mount.need == Need::InRoot && mount.inside == 0;
        for mount in self.mounts.iter().filter(|mount| made_first(mount)) {
            draft.add(mount.fate(), mount.make());
        }
        // An image is never written to, and is not shown as if it were.
        let sealed = self.spec.read_only || self.host.is_image() && matches!(self.spec.overlay, Overlay::None);
        draft.when(sealed && self.root.has_scratch(), Step::SealRoot);
        for mount in self.mounts {
            if mount.need == Need::InRoot && !made_first(mount) {
                draft.add(mount.fate(), mount.make());
            }
            self.add(draft, *mount);
        }
        #[cfg(feature = "full")]
        super::terminal::open(draft, self.spec, self.host);
        self.root.end(draft, self.spec);
        debug_assert!(draft.phase == Phase::Outside);
    }

    #[inline(never)]
    fn add(&self, draft: &mut Draft<'p>, mount: Mounting<'p>) {
        let path = mount.target;
        match mount.what {
            What::Proc => self.proc(draft, path, DATA_ONLY),
            What::Sys => {
                self.hiding(draft, path);
                self.sys(draft, path);
                cover(draft, Tree::Sys);
                #[cfg(feature = "full")]
                super::cgroups::show(draft, self.spec, self.host);
            }
            What::Dev => self.dev(draft, path),
            What::Fresh => {
                let mode = if path == word(c"/tmp") { c"mode=1777" } else { c"mode=0755" };
                draft.must(new(c"tmpfs", mode, NO_DEVICES, Place::in_root(path)));
            }
            #[cfg(feature = "full")]
            What::Hosts => {
                // A volume may lie over the image's.
                let fate = if self.spec.hosts.is_empty() { Fate::May(On::Missing) } else { Fate::Must };
                draft.add(fate, Step::OwnFile { path, attributes: DATA_ONLY });
            }
            #[cfg(feature = "full")]
            What::Resolver if !self.spec.name_servers.is_empty() => {
                draft.must(Step::OwnFile { path, attributes: DATA_ONLY })
            }
            What::Resolver => draft.add(Fate::May(On::Missing), bind(RESOLVER, READ_ONLY, Place::in_root(path))),
            What::Volume(number) => {
                let volume = &self.spec.volumes[number];
                let (source, place) = (volume.source, Place::in_root(path));
                #[cfg(feature = "full")]
                if self.is_handed {
                    return draft.ids(IdStep::Take { source, place: Some(place) });
                }
                #[cfg(feature = "full")]
                if volume.overlay {
                    return self.overlay(draft, volume, path);
                }
                draft.must(bind(source, attributes(volume), place));
            }
            What::New(number, NewKind::Tmpfs) => {
                let asked = self.spec.new_mounts[number].options;
                let (kind, options, place) = (word(c"tmpfs"), word(c"mode=1777"), Place::in_root(path));
                let attributes = self.asked(number, NO_DEVICES);
                draft.must(Step::Mount { kind, options, asked, attributes, place });
            }
            #[cfg(feature = "full")]
            What::New(number, NewKind::Proc) => self.proc(draft, path, self.asked(number, DATA_ONLY)),
            #[cfg(feature = "full")]
            What::New(_, NewKind::Sys) => self.add(draft, Mounting { what: What::Sys, ..mount }),
            #[cfg(feature = "full")]
            What::New(number, NewKind::Queues) => {
                draft.must(new(c"mqueue", c"", self.asked(number, DATA_ONLY), Place::in_root(path)));
            }
            #[cfg(feature = "full")]
            What::New(number, NewKind::Terminals) => {
                self.terminals(draft, Place::in_root(path), self.asked(number, TERMINALS));
            }
        }
    }

    /// What a new file system has, and what was asked for besides.
    fn asked(&self, number: usize, attributes: Attributes) -> Attributes {
        attributes.and(self.spec.new_mounts[number].attributes)
    }

    fn proc(&self, draft: &mut Draft<'p>, path: Word<'p>, attributes: Attributes) {
        self.hiding(draft, path);
        draft.must(new(c"proc", c"", attributes, Place::kept(path, Tree::Proc)));
        cover(draft, Tree::Proc);
    }

    /// Once, what is needed for covering anything.
    fn hiding(&self, draft: &mut Draft<'p>, path: Word<'p>) {
        if draft.has(|step| matches!(step, Step::EmptyTree { .. })) {
            return;
        }
        #[cfg(feature = "full")]
        let files = own_files(draft.lines.arena(), self.spec, self.host);
        draft.must(Step::EmptyTree {
            path,
            #[cfg(feature = "full")]
            files,
        });
    }

    /// With a network of its own the container's view of the devices is its own too; else the host's is shown. The kernel
    /// makes a new one only where the outer one can be seen whole.
    fn sys(&self, draft: &mut Draft<'p>, path: Word<'p>) {
        let shared = bind(word(c"/sys"), READ_ONLY, Place::kept(path, Tree::Sys));
        if !self.spec.is_hosts(Namespace::Network) {
            draft.add(Fate::Try(On::Refused), new(c"sysfs", c"", READ_ONLY, Place::kept(path, Tree::Sys)));
            draft.add(Fate::Instead, shared);
        } else {
            draft.must(shared);
        }
    }

    fn dev(&self, draft: &mut Draft<'p>, path: Word<'p>) {
        const PREFIX: usize = "/dev/".len();
        #[cfg(feature = "full")]
        if self.is_handed {
            devices::take(draft, self.host, path);
        }
        draft.must(new(c"tmpfs", c"mode=0755,size=64m", NO_DEVICES, Place::kept(path, Tree::Dev)));
        for source in DEVICES {
            // Read-only keeps root inside from changing the host's node; a device can be written all the same.
            let step = bind(source, DEVICE, Place::in_dev(source.after(PREFIX), Make::File));
            draft.add(Fate::May(On::Missing), step);
        }
        self.terminals(draft, Place::in_dev(word(c"pts"), Make::Directory), TERMINALS);
        draft.must(new(c"tmpfs", c"mode=1777,size=64m", DATA_ONLY, Place::in_dev(word(c"shm"), Make::Directory)));
        let queues = Place::in_dev(word(c"mqueue"), Make::Directory);
        if !self.spec.is_hosts(Namespace::Ipc) {
            draft.must(new(c"mqueue", c"", DATA_ONLY, queues));
        } else {
            let step = bind(word(c"/dev/mqueue"), DATA_ONLY, queues);
            draft.add(Fate::May(On::Missing), step);
        }
        draft.must(Step::DeviceLinks);
        #[cfg(feature = "full")]
        devices::add(draft, self.spec, self.is_handed);
    }

    fn terminals(&self, draft: &mut Draft<'p>, place: Place<'p>, attributes: Attributes) {
        let terminals = |options| new(c"devpts", options, attributes, place);
        let has_group = has_group(self.spec, self.maps, TTY_GROUP);
        if has_group != Some(false) {
            let fate = if has_group.is_none() { Fate::Try(On::Invalid) } else { Fate::Must };
            draft.add(fate, terminals(c"ptmxmode=0666,mode=0620,gid=5"));
        }
        if has_group != Some(true) {
            let fate = if has_group.is_none() { Fate::Instead } else { Fate::Must };
            draft.add(fate, terminals(c"ptmxmode=0666,mode=0620"));
        }
    }
}

fn attributes(volume: &Volume) -> Attributes {
    let follows = cfg!(feature = "full") && volume.follows_host;
    NO_DEVICES.when(volume.read_only, Attributes::RDONLY).when(follows, Attributes::FOLLOWS)
}

/// Covers the kernel's secrets below this file system, as far as this kernel has them.
fn cover(draft: &mut Draft, at: Tree) {
    for (_, cover, names) in SECRETS.into_iter().filter(|(tree, ..)| *tree == at) {
        for name in names {
            let step = match cover {
                Cover::ReadOnly => Step::Protect { at, name },
                Cover::HiddenFile => Step::Mask { at, name, make: Make::File },
                Cover::HiddenDirectory => Step::Mask { at, name, make: Make::Directory },
            };
            draft.add(Fate::May(On::Missing), step);
        }
    }
}

/// What a Spec asks for, as far as the host has it, in order.
fn wanted<'p>(arena: &'p Arena, spec: &Spec<'p>, host: &Host) -> &'p mut [Mounting<'p>] {
    let mut all = List::new(arena);
    for (number, Mount { what, target }) in spec.mounts(arena).iter().enumerate() {
        let is_file = match what {
            #[cfg(feature = "full")]
            What::Resolver if !spec.name_servers.is_empty() => true,
            What::Resolver if !host.resolver => continue,
            _ if what.is_optional() => true,
            What::Volume(number) => host.volumes.get(*number) != Some(&Kind::Directory),
            _ => false,
        };
        let make = if is_file { Make::File } else { Make::Directory };
        let presence = host.presence(*target, number);
        all.push(Mounting { what: *what, target: *target, make, need: Need::Nothing, presence, inside: 0 });
    }
    let own = all.iter().take_while(|mount| !mount.what.is_asked()).count();
    path::sort_by_depth(all.get_mut(own..).unwrap_or_default(), |mount| mount.target);
    all.finish()
}

impl<'p> Mounting<'p> {
    fn make(&self) -> Step<'p> {
        Step::MakeInRoot { target: self.target, make: self.make }
    }

    /// What it means that its mount point cannot be made: names can be resolved without; everything else was asked for.
    fn fate(&self) -> Fate {
        match self.what {
            _ if self.what.is_optional() => Fate::May(On::NoPlace),
            _ => Fate::Must,
        }
    }
}

/// Of a mount, from 1; 0 is none.
type Number = u32;

fn numbered<'m, 'p>(number: Number, mounts: &'m [Mounting<'p>]) -> Option<&'m Mounting<'p>> {
    mounts.get((number as usize).wrapping_sub(1))
}

/// Which mount lies on a path, the last one if there are several: a hash table, so that a thousand volumes take ten times as long
/// as a hundred.
struct Targets<'p>(List<'p, Number>);

impl<'p> Targets<'p> {
    fn of(arena: &'p Arena, mounts: usize) -> Self {
        let mut slots = List::new(arena);
        // Half of them stay empty.
        while slots.len() <= 2 * mounts {
            slots.push(0);
        }
        Self(slots)
    }

    /// The slot of this path: the last mount on it, if there is one.
    #[inline(never)]
    fn slot(&mut self, path: &[u8], mounts: &[Mounting]) -> &mut Number {
        let mut at = path.iter().fold(0, |hash: usize, byte| hash.wrapping_mul(31) + usize::from(*byte));
        loop {
            at %= self.0.len();
            match numbered(self.0[at], mounts) {
                Some(mount) if mount.target.bytes() != path => at += 1,
                _ => return &mut self.0[at],
            }
        }
    }

    fn around(&mut self, mut path: &[u8], mounts: &[Mounting]) -> Number {
        while !path.is_empty() {
            let found = *self.slot(path, mounts);
            if found != 0 {
                return found;
            }
            path = &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
        }
        *self.slot(b"/", mounts)
    }
}

/// What a mount needs that lies in another, or over it.
fn need<'p>(arena: &'p Arena, mount: &Mounting, inside: Option<&Mounting>) -> Told<'p, Need> {
    let (make, target) = (mount.make, mount.target);
    if let Some(other) = inside {
        if other.target != target {
            // Nothing is made on the host, hence not in a volume.
            return Ok(if other.what.is_own_tmpfs() { Need::InRoot } else { Need::Nothing });
        }
        // What was asked for may lie over what is the container's own, but not over something that was asked for too.
        let both_asked = cfg!(feature = "full") && other.what.is_asked() && !other.what.is_optional();
        return if both_asked { Err(twice(arena, target)) } else { Ok(Need::Nothing) };
    }
    match mount.presence {
        Presence::Missing | Presence::Temporary => Ok(Need::InImage),
        Presence::There(kind) if (kind == Kind::Directory) == (make == Make::Directory) => Ok(Need::Nothing),
        // The kernel would refuse it with ENOTDIR, when half is made.
        Presence::There(Kind::Directory) => {
            Err(Problem::refused(arena, t!("mount on %: it is a directory in the image (ENOTDIR)"), &[target]))
        }
        Presence::There(_) => {
            Err(Problem::refused(arena, t!("mount on %: it is not a directory in the image (ENOTDIR)"), &[target]))
        }
    }
}

fn twice<'p>(arena: &'p Arena, target: Word) -> &'p Problem<'p> {
    Problem::refused(arena, t!("mount on %: it is asked for twice"), &[target])
}

fn bind<'p>(source: Word<'p>, attributes: Attributes, place: Place<'p>) -> Step<'p> {
    Step::Bind { source, seen: None, attributes, place }
}

fn new<'p>(kind: &'static CStr, options: &'static CStr, attributes: Attributes, place: Place<'p>) -> Step<'p> {
    Step::Mount { kind: word(kind), options: word(options), asked: Word::default(), attributes, place }
}
