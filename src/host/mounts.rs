//! The mount table (proc_pid_mountinfo(5)).

use super::rootfs::read_file;
use crate::sys::{Arena, List, Word, word};
use crate::text::{Text, Told, number, path, split};

/// A mount that can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'m> {
    id: u32,
    parent: u32,
    pub point: Word<'m>,
    /// The file system's type.
    pub kind: &'m [u8],
}

/// Reads `/proc/self/mountinfo`.
pub fn read(arena: &Arena) -> Told<'_, &[Mount<'_>]> {
    Ok(visible(arena, read_file(arena, word(c"/proc/self/mountinfo"))?))
}

/// Those that no other mount covers. The order of the lines says nothing: a root that was moved there comes late.
fn visible<'m>(arena: &'m Arena, text: &'m [u8]) -> &'m [Mount<'m>] {
    let mut all = List::new(arena);
    for line in split(text, b'\n') {
        if let Some(mount) = parse(arena, line) {
            all.push(mount);
        }
    }
    let mut seen = List::new(arena);
    for mount in all.iter() {
        if !is_covered(mount, &all) {
            seen.push(*mount);
        }
    }
    seen.finish()
}

fn is_covered(mount: &Mount, all: &[Mount]) -> bool {
    let is_below = |upper: &Mount| path::is_within(mount.point.bytes(), upper.point.bytes());
    // On its very root, or, mounted on the same mount, on a directory above it.
    let covers = |other: &Mount| match () {
        () if other.id == mount.id => false,
        () if other.parent == mount.id => other.point == mount.point,
        () => other.parent == mount.parent && other.point != mount.point && is_below(other),
    };
    if all.iter().any(covers) {
        return true;
    }
    let parent_of = |mount: &Mount| all.iter().find(|other| other.id == mount.parent && other.id != mount.id);
    match parent_of(mount) {
        // Stacked on its parent's root it is what covers the parent.
        Some(parent) if parent.point == mount.point => parent_of(parent).is_some_and(|above| is_covered(above, all)),
        Some(parent) => is_covered(parent, all),
        None => false,
    }
}

/// `36 35 98:0 /root /point options optional… - type source options`.
fn parse<'m>(arena: &'m Arena, line: &'m [u8]) -> Option<Mount<'m>> {
    let mut words = split(line, b' ');
    let (id, parent) = (number::decimal(words.next()?)?, number::decimal(words.next()?)?);
    let point = unescape(arena, words.nth(2)?);
    while words.next()? != b"-" {}
    Some(Mount { id, parent, point, kind: words.next()? })
}

/// The kernel writes space, tab, newline and backslash as `\040`.
fn unescape<'m>(arena: &'m Arena, word: &[u8]) -> Word<'m> {
    let mut plain = Text::new(arena);
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.add(&[(a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')]);
                after
            }
            _ => {
                plain.add(&[*first]);
                after
            }
        };
    }
    plain.word()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"22 27 0:21 / /proc rw shared:5 master:1 - proc proc rw\n\
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
        40 27 0:40 / /a/b rw - xfs x rw\n\
        41 27 0:41 / /mnt/a\\040b rw - tmpfs t rw\n\
        42 27 0:42 / /a rw - tmpfs t rw\n\
        43 42 0:43 / /a/c rw - tmpfs t rw\n\
        44 43 0:44 / /a/c rw - ext4 t rw\n\
        45 40 0:45 / /a/b/d rw - ext4 t rw\n";

    #[test]
    fn points_and_types_are_read_and_covered_mounts_left_out() {
        let arena = Arena::new().unwrap();
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let seen: Vec<(String, String)> =
            visible(&arena, TABLE).iter().map(|mount| (string(mount.point.bytes()), string(mount.kind))).collect();
        let seen: Vec<(&str, &str)> = seen.iter().map(|(point, kind)| (point.as_str(), kind.as_str())).collect();
        let expected = [("/proc", "proc"), ("/", "ext4"), ("/mnt/a b", "tmpfs"), ("/a", "tmpfs"), ("/a/c", "ext4")];
        assert_eq!(seen, expected);
    }
}
