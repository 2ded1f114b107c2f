//! Of what a throw-away view of this machine is made: one overlay for each file system that can be a lower layer, a
//! read-only bind of what cannot. `/proc`, `/sys`, `/dev`, `/tmp` and `/run` are the container's own.

use super::mounts::{self, Mount};
use crate::sys::At;
use crate::sys::file::{self, Kind, Open};
use crate::text::{Problem, path};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// One part of the view; one that lies below another comes after it.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub path: CString,
    pub how: How,
}

/// How a part of the machine is shown.
#[derive(Debug, PartialEq, Eq)]
pub enum How {
    /// As the lower layer of an overlay.
    Overlay,
    /// Bound read-only, with all that is mounted below.
    Bind(Kind),
    /// An empty directory in which further pieces lie.
    Directory,
    /// A symbolic link to this.
    Link(CString),
}

/// What the container has of its own.
const OWN: [&[u8]; 5] = [b"/proc", b"/sys", b"/dev", b"/tmp", b"/run"];

/// File systems that overlayfs takes for a lower layer and whose permission checks work for its user.
const LOWER: &[&[u8]] = &[
    b"ext2",
    b"ext3",
    b"ext4",
    b"xfs",
    b"btrfs",
    b"f2fs",
    b"bcachefs",
    b"zfs",
    b"tmpfs",
    b"ramfs",
    b"rootfs",
    b"squashfs",
    b"erofs",
    b"overlay",
    b"iso9660",
    b"nfs",
    b"nfs4",
];

/// File systems that show the kernel, not files: left out, wherever they are mounted.
const KERNEL: &[&[u8]] = &[
    b"autofs",
    b"binfmt_misc",
    b"bpf",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"debugfs",
    b"devpts",
    b"devtmpfs",
    b"efivarfs",
    b"fusectl",
    b"hugetlbfs",
    b"mqueue",
    b"nsfs",
    b"proc",
    b"pstore",
    b"rpc_pipefs",
    b"securityfs",
    b"selinuxfs",
    b"sysfs",
    b"tracefs",
];

/// What a mount table and the directories of this machine make of it. `whole`: the root itself can be a lower layer;
/// in a new user namespace it cannot, because mounts that are locked lie below it.
pub fn read(whole: bool) -> Result<Vec<Piece>, Problem> {
    let mounts = mounts::read()?;
    let mut pieces = Vec::new();
    if whole {
        for mount in &mounts {
            if let Some(kind) = kind_of(&mount.point) {
                pieces.extend(of_mount(mount, kind));
            }
        }
        path::sort_by_depth(&mut pieces, |piece| piece.path.as_c_str());
    } else {
        descend(b"/", &mounts, &mut pieces);
    }
    Ok(pieces)
}

/// The piece for a mounted file system.
fn of_mount(mount: &Mount, kind: Kind) -> Option<Piece> {
    if KERNEL.contains(&&mount.kind[..]) || is_own(&mount.point) {
        return None;
    }
    let how = if LOWER.contains(&&mount.kind[..]) && kind == Kind::Directory { How::Overlay } else { How::Bind(kind) };
    Some(Piece { path: path::c_string(mount.point.as_slice()), how })
}

fn is_own(point: &[u8]) -> bool {
    OWN.iter().any(|own| path::is_within(point, own))
}

fn kind_of(point: &[u8]) -> Option<Kind> {
    Some(file::lstatat(At::CWD, &path::c_string(point)).ok()?.kind)
}

/// The pieces for the entries of a directory that cannot be a lower layer itself.
fn descend(directory: &[u8], mounts: &[Mount], pieces: &mut Vec<Piece>) {
    for name in list(&path::c_string(directory)).unwrap_or_default() {
        let at = path::join(directory, name.to_bytes());
        if !is_own(at.to_bytes()) {
            piece(at, mounts, pieces);
        }
    }
}

/// The piece for one entry, with those below it.
fn piece(at: CString, mounts: &[Mount], pieces: &mut Vec<Piece>) {
    let mut buffer = [0; 4096];
    let Ok(stat) = file::lstatat(At::CWD, &at) else { return };
    let below = |mount: &&Mount| mount.point != at.to_bytes() && path::is_within(&mount.point, at.to_bytes());
    let is_split = mounts.iter().any(|mount| below(&mount));
    let how = match stat.kind {
        Kind::Link => match file::readlinkat(At::CWD, &at, &mut buffer) {
            Ok(target) => How::Link(path::c_string(target)),
            Err(_) => return,
        },
        Kind::Directory if is_split && list(&at).is_some() => How::Directory,
        Kind::Directory if is_split => How::Bind(Kind::Directory),
        Kind::Directory => match file_system(at.to_bytes(), mounts) {
            Some(kind) if KERNEL.contains(&kind) => return,
            Some(kind) if LOWER.contains(&kind) => How::Overlay,
            _ => How::Bind(Kind::Directory),
        },
        Kind::Regular => How::Bind(Kind::Regular),
        Kind::Other => return,
    };
    let split = how == How::Directory;
    let directory = at.clone();
    pieces.push(Piece { path: at, how });
    if split {
        descend(directory.to_bytes(), mounts, pieces);
    }
}

/// The type of the file system that `at` lies on.
fn file_system<'m>(at: &[u8], mounts: &'m [Mount]) -> Option<&'m [u8]> {
    let holding = mounts.iter().filter(|mount| path::is_within(at, &mount.point));
    holding.max_by_key(|mount| mount.point.len()).map(|mount| &mount.kind[..])
}

/// The names in a directory, if it may be read.
fn list(directory: &CStr) -> Option<Vec<CString>> {
    let fd = file::openat(At::CWD, directory, Open::DIRECTORY).ok()?;
    let mut buffer = [0; 4096];
    let mut names = Vec::new();
    while let Some(entries) = file::getdents(fd.at(), &mut buffer).ok()? {
        names.extend(entries.filter(|name| *name != c"." && *name != c"..").map(CString::from));
    }
    Some(names)
}
