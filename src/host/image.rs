//! A file system image in place of the root's directory: told by its magic number. No name in it is looked up, since that takes
//! mounting it.

use crate::spec::Spec;
use crate::sys::file::{self, Kind, Open};
use crate::sys::{Arena, At, Errno, Fd, Result, Word, word};
use crate::text::{Problem, Told, cut, t};

/// A file that holds a file system.
#[derive(Clone, Copy, Debug)]
pub struct Image<'m> {
    pub format: Format,
    /// It is opened once: what was looked at is what is mounted.
    pub file: At<'m>,
}

/// A file system that an image may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Squashfs,
    Erofs,
    /// Or one of its forebears, ext2 and ext3, which ext4 mounts too.
    Ext4,
}

impl Format {
    /// For each, where its superblock has the magic number, which bits are that, and what they are (linux/magic.h).
    const MAGIC: [(Self, u16, u32, u32); 3] = [
        (Self::Squashfs, 0, u32::MAX, u32::from_le_bytes(*b"hsqs")),
        (Self::Erofs, 1024, u32::MAX, 0xe0f5_e1e2),
        (Self::Ext4, 1080, 0xffff, 0xef53),
    ];

    /// Its name, how it is mounted, and what gets at the files for someone who may not mount it.
    ///
    /// A journal stays as it is, since nothing can be written; and an image's own wish for a panic at the first error
    /// (tune2fs(8)) is none of the machine's.
    pub const fn words(self) -> &'static [Word<'static>; 3] {
        const WORDS: [[Word; 3]; 3] = [
            [word(c"squashfs"), word(c"ro"), word(c"unsquashfs")],
            [word(c"erofs"), word(c"ro"), word(c"fsck.erofs --extract")],
            [word(c"ext4"), word(c"ro,noload,errors=remount-ro"), word(c"debugfs -R rdump")],
        ];
        &WORDS[self as usize]
    }

    /// Opens the image of a Spec and tells its format.
    ///
    /// # Errors
    /// It is neither an image nor, as the caller has seen, a directory; or a user is to be looked up in it.
    pub fn open<'m>(arena: &'m Arena, spec: &Spec) -> Told<'m, (At<'m>, Self)> {
        let told = Self::tell(spec.rootfs).map_err(|errno| {
            let problem = Problem::failed(arena, t!("root file system %"), &[spec.rootfs], errno);
            problem.advise(arena, t!("nor is it an image of squashfs, erofs or ext4"), &[])
        })?;
        let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
        match spec.user {
            Some(user) if !user.bytes().iter().all(is_number) || cut(user.bytes(), b':').1.is_none() => Err(
                Problem::refused(arena, t!("run as %: of an image's users only numbers are known: UID:GID"), &[user]),
            ),
            _ => Ok((arena.hold(told.0).at(), told.1)),
        }
    }

    fn tell(path: Word) -> Result<(Fd, Self)> {
        // Opening a device or a pipe may already do something.
        if file::fstatat(At::CWD, path)?.kind != Kind::Regular {
            return Err(Errno::ENOTDIR);
        }
        let image = file::openat(At::CWD, path, Open::READ)?;
        for (format, at, bits, magic) in &Self::MAGIC {
            let mut there = [0; 4];
            file::pread(image.at(), &mut there, (*at).into())?;
            if u32::from_le_bytes(there) & bits == *magic {
                return Ok((image, *format));
            }
        }
        Err(Errno::ENOTDIR)
    }

    /// Why this caller cannot have it.
    pub fn refused<'m>(self, arena: &'m Arena, path: Word) -> &'m Problem<'m> {
        let [name, _, program] = *self.words();
        Problem::failed(arena, t!("mount the % image %"), &[name, path], Errno::EPERM).advise(
            arena,
            t!("only root can: unpack it first, with %"),
            &[program],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_by_its_magic_number_alone() {
        let folder = tempfile::tempdir().unwrap();
        let format = |at: usize, magic: &[u8]| {
            let path = folder.path().join("image");
            std::fs::write(&path, [&vec![0; at], magic].concat()).unwrap();
            let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
            Format::tell(Word::new(&path)).map(|(_, format)| format)
        };
        for (told, at, bits, magic) in Format::MAGIC {
            let (at, magic) = (usize::from(at), (magic | 0x5a00_0000 & !bits).to_le_bytes());
            assert_eq!(format(at, &magic), Ok(told));
            assert_eq!(format(at + 1, &magic), Err(Errno::ENOTDIR));
            assert_eq!(format(at, &magic[1..]), Err(Errno::ENOTDIR));
        }
        assert_eq!(format(0, b""), Err(Errno::ENOTDIR));
        for path in [c"/dev/null", c"/"] {
            assert_eq!(Format::tell(word(path)).unwrap_err(), Errno::ENOTDIR);
        }
        assert_eq!(Format::tell(word(c"/no/such/file")).unwrap_err(), Errno::ENOENT);
    }
}
