//! Mounts: mount(2), pivot_root(2), and the descriptor-based calls open_tree(2), fsopen(2), fsmount(2), move_mount(2),
//! mount_setattr(2).

use super::{
    At, Fd, Result, Word, descriptor,
    errno::{done, opened},
    nothing, number,
};
use core::mem::size_of;
use core::ptr::null;
use linux_raw_sys::general as k;

/// Flags of a mount (mount_setattr(2), `MOUNT_ATTR_*`), and whether it keeps its propagation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes(u32);

impl Attributes {
    pub const NONE: Self = Self(0);
    pub const RDONLY: Self = Self(k::MOUNT_ATTR_RDONLY);
    pub const NOSUID: Self = Self(k::MOUNT_ATTR_NOSUID);
    pub const NODEV: Self = Self(k::MOUNT_ATTR_NODEV);
    pub const NOEXEC: Self = Self(k::MOUNT_ATTR_NOEXEC);
    #[cfg(feature = "full")]
    pub const NOATIME: Self = Self(k::MOUNT_ATTR_NOATIME);
    #[cfg(feature = "full")]
    pub const NODIRATIME: Self = Self(k::MOUNT_ATTR_NODIRATIME);
    #[cfg(feature = "full")]
    pub const STRICTATIME: Self = Self(k::MOUNT_ATTR_STRICTATIME);
    /// What is mounted below the original later shows too (`rslave`); else the mount becomes private. No flag of the kernel's.
    pub const FOLLOWS: Self = Self(1 << 31);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Both if `wanted`, else this alone.
    pub const fn when(self, wanted: bool, other: Self) -> Self {
        if wanted { self.and(other) } else { self }
    }

    /// What adds them to a mount. Of what is copied from the host nothing of the container's reaches it, even where the
    /// launcher makes the copy.
    const fn change(self) -> k::mount_attr {
        let propagation = if self.has(Self::FOLLOWS) { k::MS_SLAVE } else { k::MS_PRIVATE };
        let attr_set = (self.0 & !Self::FOLLOWS.0) as u64;
        k::mount_attr { attr_set, attr_clr: 0, propagation: propagation as u64, userns_fd: 0 }
    }

    /// Whether all of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What becomes of mounts in other namespaces (mount_namespaces(7)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Propagation {
    /// Nothing reaches another namespace, nor comes from one.
    Private = k::MS_PRIVATE,
    /// Nothing reaches another namespace; what is unmounted there goes here too.
    Slave = k::MS_SLAVE,
}

/// mount(2) of a new file system. The flags that it shares with fsmount(2) have the same values, but for one.
#[cfg(feature = "boot")]
pub fn mount(source: Word, target: Word, kind: Word, attributes: Attributes, options: Word) -> Result<()> {
    let strict = if attributes.has(Attributes::STRICTATIME) { k::MS_STRICTATIME } else { 0 };
    let flags = attributes.0 & !Attributes::STRICTATIME.0 | strict;
    // SAFETY: all four strings are NUL-terminated and outlive the call.
    done(unsafe { sc::syscall!(MOUNT, source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr()) })
}

/// mount(2) with `MS_REC` on `/`.
pub fn make_all(propagation: Propagation) -> Result<()> {
    // SAFETY: the path is NUL-terminated; the kernel ignores the other three pointers for a change of propagation.
    done(unsafe { sc::syscall!(MOUNT, 0, c"/".as_ptr(), 0, k::MS_REC | propagation as u32, 0) })
}

/// pivot_root(2) with `.` for both: the working directory's mount becomes the root, the old root lies on top of it.
pub fn pivot_root_here() -> Result<()> {
    // SAFETY: both paths are NUL-terminated.
    done(unsafe { sc::syscall!(PIVOT_ROOT, c".".as_ptr(), c".".as_ptr()) })
}

/// umount2(2) `MNT_DETACH`.
pub fn detach(path: Word) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(UMOUNT2, path.as_ptr(), k::MNT_DETACH) })
}

/// umount2(2) of what nobody uses, and of no link's target; EBUSY if somebody does.
#[cfg(feature = "boot")]
pub fn unmount(path: Word) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(UMOUNT2, path.as_ptr(), k::UMOUNT_NOFOLLOW) })
}

/// open_tree(2) with `OPEN_TREE_CLONE`: a detached copy of the mount at `path`, with those below it if `recursive`.
pub fn open_tree(at: At, path: Word, recursive: bool) -> Result<Fd> {
    let depth = if recursive { k::AT_RECURSIVE } else { 0 };
    // SAFETY: `path` is NUL-terminated and outlives the call.
    opened(unsafe {
        let flags = k::OPEN_TREE_CLONE | k::O_CLOEXEC | k::AT_EMPTY_PATH | depth;
        sc::syscall!(OPEN_TREE, number(at.number()), path.as_ptr(), flags)
    })
}

/// move_mount(2): attaches a detached tree at `path` below `at`; an empty path is `at` itself.
pub fn move_mount(tree: At, at: At, path: Word) -> Result<()> {
    let flags = k::MOVE_MOUNT_F_EMPTY_PATH | k::MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: both paths are NUL-terminated and outlive the call.
    done(unsafe {
        let (tree, at) = (number(tree.number()), number(at.number()));
        sc::syscall!(MOVE_MOUNT, tree, c"".as_ptr(), at, path.as_ptr(), flags)
    })
}

/// mount_setattr(2): adds `attributes` to a tree's mount, and to those below it if `recursive`, and makes them private unless
/// they say otherwise.
pub fn mount_setattr(tree: At, attributes: Attributes, recursive: bool) -> Result<()> {
    set_attributes(tree, &attributes.change(), recursive)
}

fn set_attributes(tree: At, change: &k::mount_attr, recursive: bool) -> Result<()> {
    let flags = k::AT_EMPTY_PATH | if recursive { k::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is NUL-terminated, `change` outlives the call and the size is its own.
    done(unsafe {
        let (tree, change) = (number(tree.number()), core::ptr::from_ref(change));
        sc::syscall!(MOUNT_SETATTR, tree, c"".as_ptr(), flags, change, size_of::<k::mount_attr>())
    })
}

/// mount_setattr(2): takes `MOUNT_ATTR_RDONLY` from a tree's mount, and adds `attributes`.
pub fn make_writable(tree: At, attributes: Attributes) -> Result<()> {
    let change = k::mount_attr { attr_clr: k::MOUNT_ATTR_RDONLY.into(), ..attributes.change() };
    set_attributes(tree, &change, false)
}

/// mount_setattr(2) with `MOUNT_ATTR_IDMAP`: the same, and what lies on a tree's mounts is owned by the ids inside this user
/// namespace that it has outside.
pub fn idmap(tree: At, attributes: Attributes, namespace: At, recursive: bool) -> Result<()> {
    let mut change = attributes.change();
    change.attr_set |= u64::from(k::MOUNT_ATTR_IDMAP);
    change.userns_fd = number(namespace.number()) as u64;
    set_attributes(tree, &change, recursive)
}

/// fsopen(2): a context in which a new file system of this type is configured.
pub fn fsopen(kind: Word) -> Result<Fd> {
    // SAFETY: `kind` is NUL-terminated and outlives the call.
    opened(unsafe { sc::syscall!(FSOPEN, kind.as_ptr(), k::FSOPEN_CLOEXEC) })
}

/// fsconfig(2) `FSCONFIG_SET_STRING`.
pub fn fsconfig_string(context: At, key: Word, value: Word) -> Result<()> {
    let command = k::fsconfig_command::FSCONFIG_SET_STRING as u32;
    // SAFETY: both strings are NUL-terminated and outlive the call.
    done(unsafe { sc::syscall!(FSCONFIG, number(context.number()), command, key.as_ptr(), value.as_ptr(), 0) })
}

/// fsconfig(2) `FSCONFIG_SET_FLAG`.
pub fn fsconfig_flag(context: At, key: Word) -> Result<()> {
    let command = k::fsconfig_command::FSCONFIG_SET_FLAG as u32;
    // SAFETY: the key is NUL-terminated and outlives the call; a flag has no value.
    done(unsafe { sc::syscall!(FSCONFIG, number(context.number()), command, key.as_ptr(), null::<u8>(), 0) })
}

/// fsconfig(2) `FSCONFIG_CMD_CREATE`: makes the file system.
pub fn fsconfig_create(context: At) -> Result<()> {
    nothing!(FSCONFIG, context.number(), k::fsconfig_command::FSCONFIG_CMD_CREATE as u32, 0, 0, 0)
}

/// fsmount(2): the file system of a context as a detached mount.
pub fn fsmount(context: At, attributes: Attributes) -> Result<Fd> {
    descriptor!(FSMOUNT, context.number(), k::FSMOUNT_CLOEXEC, attributes.0)
}

/// fspick(2): a context in which the file system that is mounted at `path` is configured anew; an empty path is `at` itself,
/// attached or not.
#[cfg(feature = "boot")]
pub fn fspick(at: At, path: Word) -> Result<Fd> {
    let flags = k::FSPICK_CLOEXEC | k::FSPICK_SYMLINK_NOFOLLOW | k::FSPICK_NO_AUTOMOUNT | k::FSPICK_EMPTY_PATH;
    // SAFETY: `path` is NUL-terminated and outlives the call.
    opened(unsafe { sc::syscall!(FSPICK, number(at.number()), path.as_ptr(), flags) })
}

/// fsconfig(2) `FSCONFIG_CMD_RECONFIGURE`.
#[cfg(feature = "boot")]
pub fn fsconfig_reconfigure(context: At) -> Result<()> {
    nothing!(FSCONFIG, context.number(), k::fsconfig_command::FSCONFIG_CMD_RECONFIGURE as u32, 0, 0, 0)
}
