//! Of what a throw-away view of this machine is made: one overlay for each file system that can be a lower layer, a
//! read-only bind of what cannot. `/proc`, `/sys`, `/dev`, `/tmp` and `/run` are the container's own.

use super::mounts::{self, Mount};
use super::rootfs::{list, read_link};
use crate::sys::file::{self, Identity, Kind};
use crate::sys::words::Words;
use crate::sys::{Arena, At, List, Word, word};
use crate::text::{Problem, Told, names::words, path, t};

/// One part of the view; one that lies below another comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'m> {
    pub path: Word<'m>,
    pub how: How<'m>,
    /// What was found there, if that is to be shown.
    pub seen: Option<Identity>,
}

/// How a part of the machine is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How<'m> {
    /// As the lower layer of an overlay.
    Overlay,
    /// Bound read-only, with all that is mounted below.
    Bind(Kind),
    /// An empty directory in which further pieces lie.
    Directory,
    /// A symbolic link to this.
    Link(Word<'m>),
}

/// What the container has of its own.
pub const OWN: Words = Words::new(b"/proc\0/sys\0/dev\0/tmp\0/run\0");

/// File systems that overlayfs takes for a lower layer and whose permission checks work for its user.
const LOWER: &str =
    "ext2 ext3 ext4 xfs btrfs f2fs bcachefs zfs tmpfs ramfs rootfs squashfs erofs overlay iso9660 nfs nfs4";

/// File systems that show the kernel, not files: left out, wherever they are mounted.
const KERNEL: &str = "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs \
    mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs";

/// Whether a file system of this type shows the kernel, not files.
#[cfg(feature = "boot")]
pub fn shows_kernel(kind: &[u8]) -> bool {
    words(KERNEL).any(|name| name == kind)
}

/// What a mount table and the directories of this machine make of it. `whole`: the root itself can be a lower layer;
/// in a new user namespace it cannot, because mounts that are locked lie below it.
#[inline(never)]
pub fn read(arena: &Arena, whole: bool) -> Told<'_, &[Piece<'_>]> {
    let mounts = mounts::read(arena)?;
    let mut pieces = List::new(arena);
    if whole {
        for mount in mounts {
            if let Ok(stat) = file::lstatat(At::CWD, mount.point) {
                if let Some(how) = how(mount.kind, stat.kind).filter(|_| !is_own(mount.point)) {
                    pieces.push(Piece { path: mount.point, how, seen: Some(stat.identity) });
                }
            }
        }
        path::sort_by_depth(&mut pieces, |piece| piece.path);
        if !matches!(pieces.first(), Some(piece) if piece.how == How::Overlay) {
            let text = t!("view this machine: the file system of / is not one that overlayfs takes for a lower layer");
            return Err(Problem::refused(arena, text, &[]));
        }
    } else {
        descend(word(c"/"), mounts, &mut pieces);
    }
    Ok(pieces.finish())
}

fn is_own(point: Word) -> bool {
    let mut all = OWN;
    all.any(|own| path::is_within(point.bytes(), own.bytes()))
}

/// How a file or directory on a file system of this type can be shown; `None`: not at all.
fn how(file_system: &[u8], kind: Kind) -> Option<How<'static>> {
    let is_in = |list| words(list).any(|name| name == file_system);
    match kind {
        _ if is_in(KERNEL) => None,
        Kind::Directory if is_in(LOWER) => Some(How::Overlay),
        Kind::Directory | Kind::Regular => Some(How::Bind(kind)),
        _ => None,
    }
}

/// The pieces for the entries of a directory that cannot be a lower layer itself. False if it may not be read.
fn descend<'m>(directory: Word, mounts: &[Mount], pieces: &mut List<'m, Piece<'m>>) -> bool {
    let arena = pieces.arena();
    let listed = list(At::CWD, directory, &mut |name| {
        let at = path::join(arena, directory.bytes(), name.bytes());
        if !is_own(at) {
            piece(at, mounts, pieces);
        }
        true
    });
    listed.is_ok()
}

/// The piece for one entry, with those below it.
fn piece<'m>(at: Word<'m>, mounts: &[Mount], pieces: &mut List<'m, Piece<'m>>) {
    let Ok(stat) = file::lstatat(At::CWD, at) else { return };
    if stat.kind == Kind::Link {
        if let Ok(target) = read_link(pieces.arena(), At::CWD, at) {
            pieces.push(Piece { path: at, how: How::Link(target), seen: None });
        }
        return;
    }
    let is_below = |mount: &Mount| mount.point != at && path::is_within(mount.point.bytes(), at.bytes());
    if stat.kind == Kind::Directory && mounts.iter().any(is_below) {
        let number = pieces.len();
        pieces.push(Piece { path: at, how: How::Directory, seen: Some(stat.identity) });
        if !descend(at, mounts, pieces) {
            pieces[number].how = How::Bind(Kind::Directory);
        }
    } else if let Some(how) = how(file_system(at, mounts), stat.kind) {
        pieces.push(Piece { path: at, how, seen: Some(stat.identity) });
    }
}

/// The type of the file system that `at` lies on.
fn file_system<'m>(at: Word, mounts: &[Mount<'m>]) -> &'m [u8] {
    let mut deepest: (&[u8], usize) = (b"", 0);
    for mount in mounts {
        let point = mount.point.bytes();
        if path::is_within(at.bytes(), point) && point.len() >= deepest.1 {
            deepest = (mount.kind, point.len());
        }
    }
    deepest.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_the_kernel_is_left_out_and_what_is_no_layer_is_bound() {
        for (file_system, kind, expected) in [
            ("ext4", Kind::Directory, Some(How::Overlay)),
            ("tmpfs", Kind::Directory, Some(How::Overlay)),
            ("ext4", Kind::Regular, Some(How::Bind(Kind::Regular))),
            ("9p", Kind::Directory, Some(How::Bind(Kind::Directory))),
            ("cgroup", Kind::Directory, None),
            ("tracefs", Kind::Directory, None),
            ("ext4", Kind::Other, None),
        ] {
            assert_eq!(how(file_system.as_bytes(), kind), expected, "{file_system} {kind:?}");
        }
    }

    #[test]
    fn this_machine_can_be_viewed_whole_and_in_parts() {
        let arena = Arena::new().unwrap();
        let whole = read(&arena, true).unwrap();
        assert_eq!(whole[0].path, word(c"/"));
        let parts = read(&arena, false).unwrap();
        assert!(parts.iter().any(|piece| piece.path == word(c"/etc")));
        for piece in whole.iter().chain(parts) {
            assert!(!is_own(piece.path), "{piece:?}");
        }
    }
}
