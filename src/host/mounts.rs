//! The mount table (proc_pid_mountinfo(5)).

use super::rootfs::read_file;
use crate::sys::{Arena, At, List, Word, file, word};
use crate::text::{Text, Told, number, split};

/// A mount that can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'m> {
    id: u32,
    pub point: Word<'m>,
    /// The file system's type.
    pub kind: &'m [u8],
}

/// Reads `/proc/self/mountinfo`. Left out is what another mount covers: the path of its mount point leads to that one. (The
/// table alone hardly tells: the order of its lines means nothing.)
pub fn read(arena: &Arena) -> Told<'_, &[Mount<'_>]> {
    let mut seen = List::new(arena);
    for line in split(read_file(arena, word(c"/proc/self/mountinfo"))?, b'\n') {
        match parse(arena, line) {
            Some(mount) if file::mount_id(At::CWD, mount.point) == Ok(mount.id.into()) => seen.push(mount),
            _ => {}
        }
    }
    Ok(seen.finish())
}

/// The whole table by this proc, with what is covered: what lies below another came later, unless it was moved.
#[cfg(feature = "boot")]
pub fn table<'m>(arena: &'m Arena, proc: At) -> crate::sys::Result<&'m [Mount<'m>]> {
    let mut mounts = List::new(arena);
    let text = super::rootfs::read_path_at(arena, proc, word(c"self/mountinfo"), file::Open::READ)?;
    for line in split(text, b'\n') {
        mounts.extend(parse(arena, line).as_slice());
    }
    Ok(mounts.finish())
}

/// Whether `/` is the file system that the kernel has unpacked an initramfs into.
#[cfg(feature = "boot")]
pub fn is_initramfs(arena: &Arena, proc: At) -> bool {
    let Ok(root) = file::mount_id(At::CWD, word(c"/")) else { return false };
    let is_it = |mount: &Mount| u64::from(mount.id) == root && mount.kind == b"rootfs";
    table(arena, proc).is_ok_and(|table| table.iter().any(is_it))
}

/// `36 35 98:0 /root /point options optional… - type source options`.
pub fn parse<'m>(arena: &'m Arena, line: &'m [u8]) -> Option<Mount<'m>> {
    let mut words = split(line, b' ');
    let id = number::decimal(words.next()?)?;
    let point = unescape(arena, words.nth(3)?);
    while words.next()? != b"-" {}
    Some(Mount { id, point, kind: words.next()? })
}

/// The kernel writes space, tab, newline and backslash as `\040`.
pub(super) fn unescape<'m>(arena: &'m Arena, word: &[u8]) -> Word<'m> {
    let mut plain = Text::new(arena);
    let mut rest = word.iter();
    while let Some(first) = rest.next() {
        let mut byte = *first;
        if byte == b'\\' {
            byte = rest.by_ref().take(3).fold(0, |number, digit| number << 3 | digit & 7);
        }
        plain.add(&[byte]);
    }
    plain.word()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_and_type_are_read_from_a_line() {
        let arena = Arena::new().unwrap();
        let line = b"41 27 0:41 / /mnt/a\\040b rw shared:5 master:1 - tmpfs t rw";
        assert_eq!(parse(&arena, line), Some(Mount { id: 41, point: word(c"/mnt/a b"), kind: b"tmpfs" }));
        assert_eq!(parse(&arena, b"41 27 0:41 / /mnt rw"), None);
        assert_eq!(parse(&arena, b""), None);
    }

    #[test]
    fn of_what_is_mounted_on_one_point_the_topmost_is_seen() {
        let arena = Arena::new().unwrap();
        let seen = read(&arena).unwrap();
        assert!(seen.iter().any(|mount| mount.point == word(c"/proc") && mount.kind == b"proc"));
        for (at, mount) in seen.iter().enumerate() {
            assert!(seen[..at].iter().all(|other| other.point != mount.point), "{mount:?}");
        }
    }
}
