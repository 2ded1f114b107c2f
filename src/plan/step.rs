//! The steps of which a container is made, and how each is said.
//!
//! The sentence of a step is the same in `explain`, in `--trace` and in an error message.

use crate::spec::{IdRange, Namespace};
use crate::sys::identity::CapabilitySet;
use crate::sys::mount::Attributes;
use crate::sys::signal::SignalSet;
use crate::text::{Shown, names, shown};
use core::ffi::CStr;
use core::fmt;

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
}

impl Phase {
    /// All, in the order in which they begin, with the heading of each.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Launcher, "launcher, before the clone"),
        (Self::Parent, "launcher, after the clone"),
        (Self::Outside, "inside, before the root moves"),
        (Self::Inside, "inside, after it"),
        (Self::Command, "command, before it is executed"),
        (Self::Init, "init, once the command runs"),
    ];
}

/// A tree of mounts that one step opens and later ones use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tree {
    /// The container's root.
    Root,
    /// The tmpfs that takes an overlay's writes.
    Scratch,
    Proc,
    Sys,
    Dev,
    /// An empty, read-only directory that hides others.
    Empty,
    /// The overlay of this number.
    Overlay(u16),
}

/// What is made where something is to be mounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Make {
    Directory,
    File,
}

/// The options of a new file system, each `NAME=VALUE,…`: ours, and those that a caller gave, which count where both say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options<'p> {
    pub ours: &'static str,
    pub asked: &'p [u8],
}

impl Options<'_> {
    /// Nothing but ours.
    pub const fn fixed(ours: &'static str) -> Self {
        Options { ours, asked: b"" }
    }
}

impl fmt::Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [self.ours.as_bytes(), self.asked].into_iter().filter(|part| !part.is_empty()) {
            write!(f, " {}", Shown(part))?;
        }
        Ok(())
    }
}

/// One thing that is done. Paths within a tree are resolved with the tree for their root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'p> {
    BlockSignals,
    CloseDescriptors {
        from: u32,
    },
    Join {
        kind: Namespace,
        path: &'p CStr,
    },
    /// flock(2) on the root file system's directory, against another aril that removes mount points.
    LockRootfs {
        path: &'p CStr,
    },
    /// Makes a mount point in the image for the time of the run.
    MakeInImage {
        rootfs: &'p CStr,
        target: &'p CStr,
        make: Make,
    },
    UnshareMounts,
    /// A tmpfs for the writes, attached where nothing of it is seen later.
    Scratch,
    /// The host's directory as lower layer; what is written goes to the scratch.
    Overlay {
        lower: &'p CStr,
        number: u16,
        user_attributes: bool,
    },
    Clone {
        /// `CLONE_NEW*`.
        flags: u32,
    },

    DenySetgroups,
    WriteMap {
        file: &'static CStr,
        ranges: &'p [IdRange],
    },
    Go,

    AwaitGo,
    BecomeRoot,
    ClearGroups,
    SetUmask,
    DieWithLauncher,
    HideMemory,
    MakePrivate,
    /// The directory becomes a mount, on top of `/`.
    BindRoot {
        path: &'p CStr,
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
        path: &'p CStr,
    },
    /// Makes a directory or an empty file in the root, and those above it.
    MakeInRoot {
        target: &'p CStr,
        make: Make,
    },
    Link {
        target: &'p CStr,
        path: &'p CStr,
    },
    /// A new file system.
    Mount {
        kind: &'static CStr,
        options: Options<'p>,
        attributes: Attributes,
        keep: Option<Tree>,
        at: Tree,
        path: &'p CStr,
    },
    /// An overlay's tree at its place.
    AttachOverlay {
        number: u16,
        path: &'p CStr,
    },
    Bind {
        source: &'p CStr,
        attributes: Attributes,
        keep: Option<Tree>,
        at: Tree,
        path: &'p CStr,
        make: Option<Make>,
    },
    /// The links of `/dev`.
    DeviceLinks,
    /// A part of proc or sysfs onto itself, read-only.
    Protect {
        at: Tree,
        path: &'static CStr,
        name: &'static CStr,
    },
    EmptyTree,
    /// Something empty over a part of proc or sysfs.
    Mask {
        at: Tree,
        path: &'static CStr,
        name: &'static CStr,
        directory: bool,
    },
    SealRoot,
    PivotRoot,
    /// The container's root already lies on top of `/`.
    EnterRoot,
    ChrootTo {
        path: &'p CStr,
    },
    SetHostname {
        name: &'p CStr,
    },
    LoopbackUp,

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
        path: &'p CStr,
    },
    SetCapabilities {
        keep: CapabilitySet,
    },
    DieWithInit,
    NoNewPrivileges,
    Filter,
    ResetSignals {
        ignored: SignalSet,
    },
    Say {
        command: &'p CStr,
    },
    Exec {
        command: &'p CStr,
    },

    KeepOnlyKill,
    CloseLeftovers {
        count: u32,
    },
    HideArguments,
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockSignals => f.write_str("block every signal"),
            Self::CloseDescriptors { from } => write!(f, "close descriptors from {from} upwards"),
            Self::Join { kind, path } => write!(f, "join the {} namespace {}", kind.name(), shown(path)),
            Self::LockRootfs { path } => write!(f, "lock {} against the removal of mount points", shown(path)),
            Self::MakeInImage { rootfs, target, make } => {
                write!(f, "make mount point {} ({make}) in {}", shown(target), shown(rootfs))
            }
            Self::UnshareMounts => f.write_str("unshare the mount namespace and make it private"),
            Self::Scratch => f.write_str("mount a tmpfs that takes the writes"),
            Self::Overlay { lower, user_attributes, .. } => {
                let how = if *user_attributes { " (user attributes)" } else { "" };
                write!(f, "make an overlay of {}{how}", shown(lower))
            }
            Self::Clone { flags } => {
                f.write_str("clone into new namespaces:")?;
                if *flags == 0 {
                    f.write_str(" none")?;
                }
                let private = Namespace::ALL.iter().filter(|(.., flag)| flags & flag != 0);
                private.into_iter().try_for_each(|(_, name, _)| write!(f, " {name}"))
            }
            Self::DenySetgroups => f.write_str("deny setgroups"),
            Self::WriteMap { file, ranges } => {
                write!(f, "write {}:", shown(file))?;
                ranges.iter().try_for_each(|range| write!(f, " {range}"))
            }
            Self::Go => f.write_str("let the new process go on"),
            Self::AwaitGo => f.write_str("wait until the launcher says go"),
            Self::BecomeRoot => f.write_str("become user 0 and group 0"),
            Self::ClearGroups => f.write_str("leave the supplementary groups"),
            Self::SetUmask => f.write_str("set the umask to 022"),
            Self::DieWithLauncher => f.write_str("die when the launcher dies"),
            Self::HideMemory => f.write_str("hide this process's memory and executable"),
            Self::MakePrivate => f.write_str("make every mount private"),
            Self::BindRoot { path, attributes } => write!(f, "bind the root file system {}{attributes}", shown(path)),
            Self::AttachRoot { .. } => f.write_str("attach the overlay as root file system"),
            Self::EmptyRoot => f.write_str("mount a tmpfs as root file system"),
            Self::OpenRoot { path } => write!(f, "open the root file system {}", shown(path)),
            Self::MakeInRoot { target, make } => write!(f, "make {} ({make})", shown(target)),
            Self::Link { target, path } => write!(f, "make link {} -> {}", shown(path), shown(target)),
            Self::Mount { kind, options, attributes, path, at, .. } => {
                write!(f, "mount {} on {}{}{attributes}{options}", shown(kind), at.prefix(), shown(path))
            }
            Self::AttachOverlay { path, .. } => write!(f, "attach the overlay at {}", shown(path)),
            Self::Bind { source, attributes, path, at, .. } => {
                write!(f, "bind {} on {}{}{attributes}", shown(source), at.prefix(), shown(path))
            }
            Self::DeviceLinks => f.write_str("make the links of /dev"),
            Self::Protect { path, .. } => write!(f, "make {} read-only", shown(path)),
            Self::EmptyTree => f.write_str("make an empty directory that hides others"),
            Self::Mask { path, .. } => write!(f, "hide {}", shown(path)),
            Self::SealRoot => f.write_str("make the root file system read-only"),
            Self::PivotRoot => f.write_str("pivot_root into it and detach the old root"),
            Self::EnterRoot => f.write_str("chroot into it, where it lies on top of /"),
            Self::ChrootTo { path } => write!(f, "chroot to {}", shown(path)),
            Self::SetHostname { name } => write!(f, "set the host name {}", shown(name)),
            Self::LoopbackUp => f.write_str("bring the loopback interface up"),
            Self::NewSession => f.write_str("begin a session of its own"),
            Self::TakeForeground => f.write_str("begin a process group, in the terminal's foreground"),
            Self::LimitBounding { keep } => write!(f, "bound capabilities to{}", Names(*keep)),
            Self::SetUser { uid, gid, groups, .. } => {
                write!(f, "become user {uid} and group {gid}")?;
                groups.iter().try_for_each(|group| write!(f, " {group}"))
            }
            Self::ChangeDirectory { path } => write!(f, "change to directory {}", shown(path)),
            Self::SetCapabilities { keep } => write!(f, "set capabilities to{}", Names(*keep)),
            Self::DieWithInit => f.write_str("die when the init dies"),
            Self::NoNewPrivileges => f.write_str("set no_new_privs"),
            Self::Filter => f.write_str("filter TIOCSTI, TIOCLINUX and foreign system calls"),
            Self::ResetSignals { .. } => f.write_str("restore the signals"),
            Self::Say { command } => write!(f, "say the command {}, the user and the process", shown(command)),
            Self::Exec { command } => write!(f, "execute {}", shown(command)),
            Self::KeepOnlyKill => f.write_str("drop every capability but kill"),
            Self::CloseLeftovers { count } => write!(f, "close {count} descriptors that the command has"),
            Self::HideArguments => f.write_str("hide the command line"),
        }
    }
}

impl Tree {
    /// What its paths stand below, for a reader.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Dev => "/dev/",
            _ => "",
        }
    }
}

impl fmt::Display for Make {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::File => "file",
        })
    }
}

/// As a line of `/proc/PID/uid_map`: `INSIDE OUTSIDE COUNT`.
impl fmt::Display for IdRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.inside, self.outside, self.count)
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Attributes, &str); 4] = [
            (Attributes::RDONLY, "ro"),
            (Attributes::NOSUID, "nosuid"),
            (Attributes::NODEV, "nodev"),
            (Attributes::NOEXEC, "noexec"),
        ];
        let mut separator = " ";
        for (_, name) in NAMES.into_iter().filter(|(flag, _)| self.has(*flag)) {
            write!(f, "{separator}{name}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// The names of a set of capabilities.
struct Names(CapabilitySet);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str(" none"),
            names::ALL_CAPABILITIES => f.write_str(" all"),
            set => names::capabilities(set).try_for_each(|name| write!(f, " {name}")),
        }
    }
}
