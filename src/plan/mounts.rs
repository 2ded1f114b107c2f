//! What is mounted in the container, in which order, and where a mount point has to be made for it.

use super::identity::Maps;
use super::root::Root;
use super::step::Options;
use super::{Draft, Fate, Make, Phase, Step, Tree, wrong_kind};
use crate::host::{Host, Presence};
use crate::problem;
use crate::spec::{Namespace, Spec, Tmpfs, Volume};
use crate::sys::Errno;
use crate::sys::file::Kind;
use crate::sys::mount::Attributes;
use crate::text::{Problem, path, shown};
use alloc::vec::Vec;
use core::ffi::CStr;

const NO_SUID: Attributes = Attributes::NOSUID;
const NO_DEVICES: Attributes = NO_SUID.and(Attributes::NODEV);
const DATA_ONLY: Attributes = NO_DEVICES.and(Attributes::NOEXEC);
const READ_ONLY: Attributes = DATA_ONLY.and(Attributes::RDONLY);

/// Nodes of the host that every program expects; mknod(2) is refused in a user namespace.
const DEVICES: [(&CStr, &CStr); 6] = [
    (c"/dev/null", c"null"),
    (c"/dev/zero", c"zero"),
    (c"/dev/full", c"full"),
    (c"/dev/random", c"random"),
    (c"/dev/urandom", c"urandom"),
    (c"/dev/tty", c"tty"),
];

/// The group of terminals on every distribution.
const TTY_GROUP: u32 = 5;

/// Something to be mounted.
#[derive(Clone, Copy, Debug)]
enum What<'p> {
    Proc,
    Sys,
    Dev,
    Fresh,
    Resolver,
    Volume(&'p Volume, Kind),
    Tmpfs(&'p Tmpfs<'p>),
}

/// Where its mount point has to be made, if anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Need {
    Nothing,
    InImage,
    InRoot,
}

#[derive(Debug)]
struct Mounting<'p> {
    what: What<'p>,
    target: &'p CStr,
    need: Need,
}

impl What<'_> {
    fn make(self) -> Make {
        match self {
            Self::Resolver => Make::File,
            Self::Volume(_, kind) if kind != Kind::Directory => Make::File,
            _ => Make::Directory,
        }
    }

    /// Whether what lies below is of the container's own making, so that directories can be made there.
    fn is_own_tmpfs(self) -> bool {
        matches!(self, Self::Dev | Self::Fresh | Self::Tmpfs(_))
    }
}

/// All mounts of a container.
#[derive(Debug)]
pub struct Layout<'p> {
    spec: &'p Spec<'p>,
    host: &'p Host<'p>,
    maps: Maps<'p>,
    root: Root,
    mounts: Vec<Mounting<'p>>,
}

impl<'p> Layout<'p> {
    /// Puts them in order: the container's own file systems first, then what was asked for, by depth.
    pub fn of(spec: &'p Spec, host: &'p Host, maps: Maps<'p>) -> Result<Self, Problem> {
        let own = spec.own_file_systems();
        let mut wanted: Vec<(What, &CStr)> = Vec::new();
        wanted.extend(own.proc.then_some((What::Proc, c"/proc")));
        wanted.extend(own.sys.then_some((What::Sys, c"/sys")));
        wanted.extend(own.dev.then_some((What::Dev, c"/dev")));
        if spec.is_view() {
            wanted.extend(Spec::FRESH.map(|path| (What::Fresh, path)));
        }
        let first = wanted.len();
        wanted.extend(host.resolver.then_some((What::Resolver, c"/etc/resolv.conf")));
        let volumes = spec.volumes.iter().zip(&host.volumes);
        wanted.extend(volumes.map(|(volume, kind)| (What::Volume(volume, *kind), volume.target.as_c_str())));
        wanted.extend(spec.tmpfs.iter().map(|tmpfs| (What::Tmpfs(tmpfs), tmpfs.target.as_c_str())));
        if let Some(asked) = wanted.get_mut(first..) {
            path::sort_by_depth(asked, |(_, target)| target);
        }

        let mut mounts: Vec<Mounting> = Vec::new();
        for (what, target) in wanted {
            let need = need(what, target, &mounts, host)?;
            mounts.push(Mounting { what, target, need });
        }
        let lacking = mounts.iter().find(|mount| mount.need == Need::InImage);
        let root = Root::of(spec, host, lacking.is_some());
        match lacking {
            Some(mount) if root == Root::Host => {
                return Err(problem!("mount on {}: it is not there (ENOENT)", shown(mount.target)));
            }
            _ => {}
        }
        // What is written to an overlay never reaches the image.
        if root.has_scratch() {
            for mount in &mut mounts {
                let resolver = matches!(mount.what, What::Resolver);
                if mount.need == Need::InImage || resolver {
                    mount.need = Need::InRoot;
                }
            }
        }
        Ok(Self { spec, host, maps, root, mounts })
    }

    /// What the launcher does before the clone.
    pub fn prepare(&self, draft: &mut Draft<'p>) {
        let rootfs = self.spec.rootfs;
        let in_image = || self.mounts.iter().filter(|mount| mount.need == Need::InImage);
        draft.when(in_image().next().is_some(), Step::LockRootfs { path: rootfs });
        for mount in in_image() {
            let step = Step::MakeInImage { rootfs, target: mount.target, make: mount.what.make() };
            draft.add(fate_of_making(mount.what), step);
        }
        self.root.prepare(draft, self.spec, self.host);
    }

    /// What the new process does.
    pub fn mount(&self, draft: &mut Draft<'p>) {
        draft.when(self.spec.is_private(Namespace::Mount), Step::MakePrivate);
        self.root.begin(draft, self.spec, self.host, !self.mounts.is_empty());
        // In the image before it is sealed; in a tmpfs of the container once that is mounted.
        let is_in_image =
            |mount: &&Mounting| mount.need == Need::InRoot && enclosing(mount.target, &self.mounts).is_none();
        for mount in self.mounts.iter().filter(is_in_image) {
            draft.add(fate_of_making(mount.what), mount.make_in_root());
        }
        draft.when(self.spec.read_only && self.root.has_scratch(), Step::SealRoot);
        for mount in &self.mounts {
            let inside_another = enclosing(mount.target, &self.mounts).is_some();
            if mount.need == Need::InRoot && (inside_another || matches!(mount.what, What::Resolver)) {
                draft.add(fate_of_making(mount.what), mount.make_in_root());
            }
            self.add(draft, mount);
        }
        self.root.end(draft, self.spec);
        debug_assert!(draft.phase == Phase::Outside);
    }

    fn add(&self, draft: &mut Draft<'p>, mount: &Mounting<'p>) {
        let path = mount.target;
        match mount.what {
            What::Proc => {
                draft.must(new_at(c"proc", "", DATA_ONLY, Some(Tree::Proc), path));
                self.cover(draft, b"/proc", Tree::Proc);
            }
            What::Sys => {
                self.sys(draft, path);
                self.cover(draft, b"/sys", Tree::Sys);
            }
            What::Dev => self.dev(draft, path),
            What::Fresh => {
                let mode = if path == c"/tmp" { "mode=1777" } else { "mode=0755" };
                draft.must(new_at(c"tmpfs", mode, NO_DEVICES, None, path));
            }
            What::Resolver => {
                draft.may(&[Errno::ENOENT], bind(c"/etc/resolv.conf", READ_ONLY, path));
            }
            What::Volume(volume, _) => {
                let attributes = if volume.read_only { Attributes::RDONLY } else { Attributes::NONE };
                draft.must(bind(&volume.source, attributes.and(NO_DEVICES), path));
            }
            What::Tmpfs(tmpfs) => {
                let options = Options { ours: "mode=1777", asked: tmpfs.options };
                let at = Tree::Root;
                draft.must(Step::Mount { kind: c"tmpfs", options, attributes: NO_DEVICES, keep: None, at, path });
            }
        }
    }

    /// With a network of its own the container's view of the devices is its own too; else the host's is shown. The kernel
    /// makes a new one only where the outer one can be seen whole.
    fn sys(&self, draft: &mut Draft<'p>, path: &'p CStr) {
        let shared = Step::Bind {
            source: c"/sys",
            attributes: READ_ONLY,
            keep: Some(Tree::Sys),
            at: Tree::Root,
            path,
            make: None,
        };
        if self.spec.is_private(Namespace::Network) {
            draft.add(Fate::Try(&[Errno::EPERM]), new_at(c"sysfs", "", READ_ONLY, Some(Tree::Sys), path));
            draft.add(Fate::Instead, shared);
        } else {
            draft.must(shared);
        }
    }

    fn dev(&self, draft: &mut Draft<'p>, path: &'p CStr) {
        draft.must(new_at(c"tmpfs", "mode=0755,size=64m", NO_SUID, Some(Tree::Dev), path));
        for (source, name) in DEVICES {
            let (at, make) = (Tree::Dev, Some(Make::File));
            let step = Step::Bind { source, attributes: Attributes::NONE, keep: None, at, path: name, make };
            draft.may(&[Errno::ENOENT], step);
        }
        let in_dev = |kind, options, attributes, path| {
            let options = Options::fixed(options);
            Step::Mount { kind, options, attributes, keep: None, at: Tree::Dev, path }
        };
        let options =
            if self.maps.has_group(TTY_GROUP) { "ptmxmode=0666,mode=0620,gid=5" } else { "ptmxmode=0666,mode=0620" };
        draft.must(in_dev(c"devpts", options, NO_SUID.and(Attributes::NOEXEC), c"pts"));
        draft.must(in_dev(c"tmpfs", "mode=1777,size=64m", DATA_ONLY, c"shm"));
        if self.spec.is_private(Namespace::Ipc) {
            draft.must(in_dev(c"mqueue", "", DATA_ONLY, c"mqueue"));
        } else {
            let (at, make) = (Tree::Dev, Some(Make::Directory));
            let step =
                Step::Bind { source: c"/dev/mqueue", attributes: DATA_ONLY, keep: None, at, path: c"mqueue", make };
            draft.may(&[Errno::ENOENT], step);
        }
        draft.must(Step::DeviceLinks);
    }

    /// Covers the kernel's secrets below this file system.
    fn cover(&self, draft: &mut Draft<'p>, base: &[u8], at: Tree) {
        let below = |path: &CStr| path::is_within(path.to_bytes(), base);
        for secret in self.host.secrets.iter().filter(|secret| below(secret.path)) {
            let (path, name) = (secret.path, &secret.path[base.len() + 1..]);
            let has_empty = draft.lines.iter().any(|line| line.step == Step::EmptyTree);
            draft.when(secret.directory && !secret.read_only && !has_empty, Step::EmptyTree);
            draft.must(if secret.read_only {
                Step::Protect { at, path, name }
            } else {
                Step::Mask { at, path, name, directory: secret.directory }
            });
        }
    }
}

impl<'p> Mounting<'p> {
    fn make_in_root(&self) -> Step<'p> {
        Step::MakeInRoot { target: self.target, make: self.what.make() }
    }
}

/// Names can be resolved without; everything else was asked for.
fn fate_of_making(what: What) -> Fate {
    const REFUSED: &[Errno] = &[Errno::EACCES, Errno::EPERM, Errno::EROFS, Errno::ENOTDIR];
    match what {
        What::Resolver => Fate::May(REFUSED),
        _ => Fate::Must,
    }
}

/// Which earlier mount a path lies in.
fn enclosing<'m, 'p>(target: &CStr, mounts: &'m [Mounting<'p>]) -> Option<&'m Mounting<'p>> {
    let holds =
        |mount: &&Mounting| mount.target != target && path::is_within(target.to_bytes(), mount.target.to_bytes());
    mounts.iter().filter(holds).max_by_key(|mount| mount.target.count_bytes())
}

fn need(what: What, target: &CStr, earlier: &[Mounting], host: &Host) -> Result<Need, Problem> {
    if earlier.iter().any(|mount| mount.target == target) {
        return Ok(Need::Nothing);
    }
    if let Some(mount) = enclosing(target, earlier) {
        // Nothing is made on the host, hence not in a volume.
        return Ok(if mount.what.is_own_tmpfs() { Need::InRoot } else { Need::Nothing });
    }
    let wanted = what.make();
    match host.presence(target) {
        Presence::There(kind) if (kind == Kind::Directory) != (wanted == Make::Directory) => {
            Err(wrong_kind(target, wanted))
        }
        Presence::There(_) => Ok(Need::Nothing),
        Presence::Missing | Presence::Temporary => Ok(Need::InImage),
    }
}

fn bind<'p>(source: &'p CStr, attributes: Attributes, path: &'p CStr) -> Step<'p> {
    Step::Bind { source, attributes, keep: None, at: Tree::Root, path, make: None }
}

fn new_at<'p>(
    kind: &'static CStr,
    options: &'static str,
    attributes: Attributes,
    keep: Option<Tree>,
    path: &'p CStr,
) -> Step<'p> {
    Step::Mount { kind, options: Options::fixed(options), attributes, keep, at: Tree::Root, path }
}
