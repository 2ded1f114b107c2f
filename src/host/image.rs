//! A file system image in place of the root's directory: told by its magic number. No name in it is looked up, since that takes
//! mounting it.

use crate::spec::Spec;
use crate::sys::file::{self, Kind, Open};
use crate::sys::{Arena, At, Errno, Fd, Result, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Told, copy, number, t};

/// A file that holds a file system.
#[derive(Clone, Copy, Debug)]
pub struct Image<'m> {
    pub format: &'static Format,
    /// It is opened once: what was looked at is what is mounted.
    pub file: At<'m>,
}

/// A file system that an image may hold.
#[derive(Debug)]
pub struct Format {
    pub name: Word<'static>,
    /// Where its superblock has the magic number (linux/magic.h), and what that is.
    magic: (u64, &'static [u8]),
    /// How it is mounted. A journal stays as it is, since nothing can be written; and an image's own wish to panic at an error
    /// (tune2fs(8)) is none of the machine's.
    pub options: Word<'static>,
    /// How someone gets at the files who may not mount it.
    unpack: Sentence,
}

/// ext4's magic number is that of ext2 and ext3 too, whose images ext4 mounts.
pub const FORMATS: &[Format] = &[
    Format {
        name: word(c"squashfs"),
        options: word(c"ro"),
        magic: (0, b"hsqs"),
        unpack: t!("unpack it: unsquashfs -d DIR %"),
    },
    Format {
        name: word(c"erofs"),
        options: word(c"ro"),
        magic: (1024, b"\xe2\xe1\xf5\xe0"),
        unpack: t!("unpack it: fsck.erofs --extract=DIR %"),
    },
    Format {
        name: word(c"ext4"),
        options: word(c"ro,noload,errors=remount-ro"),
        magic: (1080, b"\x53\xef"),
        unpack: t!("unpack it: mkdir DIR; debugfs -R 'rdump / DIR' %"),
    },
];

impl Format {
    /// Opens the image of a Spec and tells its format.
    ///
    /// # Errors
    /// It is neither an image nor, as the caller has seen, a directory; or a user is to be looked up in it.
    pub fn open<'m>(arena: &'m Arena, spec: &Spec) -> Told<'m, (Fd, &'static Self)> {
        match Self::tell(spec.rootfs) {
            Err(errno) => {
                let problem = Problem::failed(arena, t!("root file system %"), &[spec.rootfs], errno);
                Err(problem.advise(arena, t!("nor is it an image that aril knows: squashfs, erofs or ext4"), &[]))
            }
            Ok(_) if spec.user.is_some_and(|user| !is_two_numbers(arena, user)) => {
                let text = t!("run as %: of an image's users only numbers are known, UID:GID");
                Err(Problem::refused(arena, text, &[spec.user.unwrap_or_default()]))
            }
            Ok(told) => Ok(told),
        }
    }

    fn tell(path: Word) -> Result<(Fd, &'static Self)> {
        // Opening a device or a pipe may already do something.
        if file::fstatat(At::CWD, path)?.kind != Kind::Regular {
            return Err(Errno::ENOTDIR);
        }
        let image = file::openat(At::CWD, path, Open::READ)?;
        for format in FORMATS {
            let (at, magic) = format.magic;
            let mut there = [0; 4];
            file::pread(image.at(), &mut there, at)?;
            if there.starts_with(magic) {
                return Ok((image, format));
            }
        }
        Err(Errno::ENOTDIR)
    }

    /// Why this caller cannot have it.
    pub fn refused<'m>(&self, arena: &'m Arena, path: Word) -> &'m Problem<'m> {
        Problem::failed(arena, t!("mount the % image %"), &[self.name, path], Errno::EPERM).advise(
            arena,
            self.unpack,
            &[path],
        )
    }
}

/// `UID:GID`.
fn is_two_numbers(arena: &Arena, user: Word) -> bool {
    number::three(copy(arena, &[user.bytes(), b":0"]).bytes(), b':').is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_by_its_magic_number_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |at: u64, magic: &[u8]| {
            let path = folder.path().join("image");
            std::fs::write(&path, [&vec![0; at as usize], magic].concat()).unwrap();
            let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
            Format::tell(Word::new(&path)).map(|(_, format)| format.name)
        };
        for Format { name, magic: (at, magic), .. } in FORMATS {
            let (at, name) = (*at, *name);
            assert_eq!(kind(at, magic), Ok(name));
            assert_eq!(kind(at + 1, magic), Err(Errno::ENOTDIR));
            assert_eq!(kind(at, &magic[1..]), Err(Errno::ENOTDIR));
        }
        assert_eq!(kind(0, b""), Err(Errno::ENOTDIR));
        for path in [c"/dev/null", c"/"] {
            assert_eq!(Format::tell(word(path)).unwrap_err(), Errno::ENOTDIR);
        }
        assert_eq!(Format::tell(word(c"/no/such/file")).unwrap_err(), Errno::ENOENT);
    }
}
