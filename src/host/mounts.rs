//! The mount table (proc_pid_mountinfo(5)).

use super::rootfs::read_whole;
use crate::problem;
use crate::sys::At;
use crate::sys::file::{self, Open};
use crate::text::{Problem, number, path};
use alloc::vec::Vec;

/// A mount that can be seen.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Mount {
    id: u32,
    parent: u32,
    pub point: Vec<u8>,
    /// The file system's type.
    pub kind: Vec<u8>,
}

/// Reads `/proc/self/mountinfo`.
pub fn read() -> Result<Vec<Mount>, Problem> {
    let text = file::openat(At::CWD, c"/proc/self/mountinfo", Open::READ)
        .and_then(|fd| read_whole(fd.at()))
        .map_err(|error| problem!("read /proc/self/mountinfo: {error}").advise("is /proc mounted?"))?;
    Ok(visible(&text))
}

/// Those that no other mount covers. The order of the lines says nothing: a root that was moved there comes late.
fn visible(text: &[u8]) -> Vec<Mount> {
    let all: Vec<Mount> = text.split(|byte| *byte == b'\n').filter_map(parse).collect();
    all.iter().filter(|mount| !is_covered(mount, &all)).cloned().collect()
}

fn is_covered(mount: &Mount, all: &[Mount]) -> bool {
    let covers = |other: &&Mount| match other {
        // On its very root, or, mounted on the same mount, on a directory above it.
        _ if other.id == mount.id => false,
        _ if other.parent == mount.id => other.point == mount.point,
        _ => other.parent == mount.parent && other.point != mount.point && path::is_within(&mount.point, &other.point),
    };
    if all.iter().any(|other| covers(&other)) {
        return true;
    }
    match all.iter().find(|other| other.id == mount.parent && other.id != mount.id) {
        // Stacked on its parent's root it is what covers the parent.
        Some(parent) if parent.point == mount.point => {
            let above = all.iter().find(|other| other.id == parent.parent && other.id != parent.id);
            above.is_some_and(|above| is_covered(above, all))
        }
        Some(parent) => is_covered(parent, all),
        None => false,
    }
}

/// `36 35 98:0 /root /point options optional… - type source options`.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let (id, parent) = (number::decimal(words.next()?)?, number::decimal(words.next()?)?);
    let point = unescape(words.nth(2)?);
    let kind = words.skip_while(|word| *word != b"-").nth(1)?.to_vec();
    Some(Mount { id, parent, point, kind })
}

/// The kernel writes space, tab, newline and backslash as `\040`.
fn unescape(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            _ => {
                plain.push(*first);
                after
            }
        };
    }
    plain
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
        let seen: Vec<(String, String)> = visible(TABLE)
            .into_iter()
            .map(|mount| (String::from_utf8(mount.point).unwrap(), String::from_utf8(mount.kind).unwrap()))
            .collect();
        let seen: Vec<(&str, &str)> = seen.iter().map(|(point, kind)| (point.as_str(), kind.as_str())).collect();
        let expected = [("/proc", "proc"), ("/", "ext4"), ("/mnt/a b", "tmpfs"), ("/a", "tmpfs"), ("/a/c", "ext4")];
        assert_eq!(seen, expected);
    }
}
