//! Which block device, or which file system of the host's, a `root=` or an `aril.overlay=` means, and whether it is there.

use super::rootfs::{list, read_link, read_path};
use super::{partition, superblock};
use crate::sys::file::{self, Kind, Open};
use crate::sys::{Arena, At, List, Word, word};
use crate::text::{copy, cut, decimal, number, path};

/// Where a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'m> {
    /// A device's node.
    Path(Word<'m>),
    /// The device on which there is a file system with this UUID.
    Uuid(Word<'m>),
    /// Or with this label.
    Label(Word<'m>),
    /// The partition that its table calls so.
    Partition(Word<'m>),
    /// What the host shares under a tag, as a file system of this type.
    Shared { kind: Word<'static>, tag: Word<'m> },
    /// Nowhere but in memory.
    Memory,
}

pub const VIRTIOFS: Word = word(c"virtiofs");
pub const NINE_P: Word = word(c"9p");

impl<'m> Source<'m> {
    /// From how it is written, and of which types it is said to be; the kernel itself has a bare tag.
    pub fn read(text: Word<'m>, types: Word) -> Option<Self> {
        let shared = [VIRTIOFS, NINE_P].into_iter().find(|kind| *kind == types);
        if let Some(kind) = shared.filter(|_| !path::is_path(text.bytes()) && cut(text.bytes(), b':').1.is_none()) {
            return Some(Self::Shared { kind, tag: text });
        }
        let after = |beginning: &[u8]| text.strip(beginning).filter(|rest| !rest.is_empty());
        let shared = |beginning: &[u8], kind| after(beginning).map(|tag| Self::Shared { kind, tag });
        match text.bytes() {
            b"tmpfs" => Some(Self::Memory),
            [b'/', ..] => Some(Self::Path(text)),
            _ => (after(b"UUID=").map(Self::Uuid))
                .or_else(|| after(b"LABEL=").map(Self::Label))
                .or_else(|| after(b"PARTUUID=").map(Self::Partition))
                .or_else(|| shared(b"virtiofs:", VIRTIOFS))
                .or_else(|| shared(b"9p:", NINE_P)),
        }
    }

    /// The node of the device, if that is there.
    pub fn device<'a>(self, arena: &'a Arena) -> Option<Word<'a>>
    where
        'm: 'a,
    {
        if let Self::Path(path) = self {
            return file::fstatat(At::CWD, path).is_ok().then_some(path);
        }
        devices(arena).iter().copied().find(|device| self.is(arena, *device))
    }

    /// Whether it is this device.
    fn is(self, arena: &Arena, device: Word) -> bool {
        if let Self::Partition(name) = self {
            return is_partition(arena, device, name.bytes()) == Some(true);
        }
        // One that cannot be read, such as a drive without a disk, holds nothing.
        let Ok(open) = file::openat(At::CWD, device, Open::READ) else { return false };
        let is = |format: &superblock::Format| match self {
            Self::Uuid(uuid) => format.has_uuid(open.at(), uuid.bytes()),
            Self::Label(label) => format.has_label(open.at(), label.bytes()),
            _ => false,
        };
        superblock::formats(open.at()).any(is)
    }
}

/// The nodes of all block devices that devtmpfs has, but for those that do not bear a device's own name.
pub fn devices(arena: &Arena) -> &[Word<'_>] {
    let mut devices = List::new(arena);
    let listed = list(At::CWD, DEV, &mut |name| {
        let path = path::join(arena, DEV.bytes(), name.bytes());
        if file::lstatat(At::CWD, path).is_ok_and(|stat| stat.kind == Kind::Block) {
            devices.push(path);
        }
        true
    });
    // Without the directory there is none.
    crate::sys::tolerate(listed);
    devices.finish()
}

const DEV: Word = word(c"/dev");

/// Whether a device is the partition of this name. The kernel's link of it leads to `…/vda/vda1`, and it has a number.
fn is_partition(arena: &Arena, device: Word, name: &[u8]) -> Option<bool> {
    let [major, minor] = file::fstatat(At::CWD, device).ok()?.device_numbers().map(|half| decimal(arena, half.into()));
    let own = copy(arena, &[b"/sys/dev/block/", major.bytes(), b":", minor.bytes()]);
    let number = read_path(arena, path::join(arena, own.bytes(), b"partition"), Open::READ).ok()?;
    let link = read_link(arena, At::CWD, own).ok()?;
    let disk = path::split(arena, path::split(arena, link).0).1;
    let disk = file::openat(At::CWD, path::join(arena, DEV.bytes(), disk.bytes()), Open::READ).ok()?;
    Some(partition::has_name(disk.at(), number::decimal(cut(number, b'\n').0)?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_as_it_is_written() {
        let none = Word::default();
        for (text, types, source) in [
            (word(c"/dev/vda1"), none, Some(Source::Path(word(c"/dev/vda1")))),
            (word(c"/dev/vda1"), VIRTIOFS, Some(Source::Path(word(c"/dev/vda1")))),
            (word(c"UUID=ab-cd"), none, Some(Source::Uuid(word(c"ab-cd")))),
            (word(c"LABEL=a b"), none, Some(Source::Label(word(c"a b")))),
            (word(c"PARTUUID=12345678-01"), none, Some(Source::Partition(word(c"12345678-01")))),
            (word(c"virtiofs:root"), none, Some(Source::Shared { kind: VIRTIOFS, tag: word(c"root") })),
            (word(c"9p:root"), NINE_P, Some(Source::Shared { kind: NINE_P, tag: word(c"root") })),
            (word(c"root"), NINE_P, Some(Source::Shared { kind: NINE_P, tag: word(c"root") })),
            (word(c"root"), word(c"ext4"), None),
            (word(c"tmpfs"), none, Some(Source::Memory)),
            (word(c"UUID="), none, None),
            (word(c"virtiofs:"), none, None),
            (word(c"vda1"), none, None),
            (none, none, None),
        ] {
            assert_eq!(Source::read(text, types), source, "{text:?} {types:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let arena = Arena::new().unwrap();
        for source in [c"/dev/no such", c"UUID=00000000-0000-0000-0000-000000000000", c"LABEL=no such", c"PARTUUID=x"] {
            let source = Source::read(word(source), Word::default()).unwrap();
            assert_eq!(source.device(&arena), None, "{source:?}");
        }
    }
}
