//! The ids of the caller's own user namespace (user_namespaces(7)).

use super::rootfs::read_file;
use crate::spec::{IdRange, Namespace, Spec};
use crate::sys::{Arena, At, List, Word, file, word};
use crate::text::{Told, number, split};

/// The map of the machine's first user namespace.
pub const EVERY: &[IdRange] = &[IdRange { inside: 0, outside: 0, count: u32::MAX }];

/// Whether this is that namespace: its inode has a fixed number. One call tells it, where the maps would take eight.
pub fn is_first_namespace() -> bool {
    /// include/linux/proc_ns.h.
    const PROC_USER_INIT_INO: u64 = 0xEFFF_FFFD;
    file::fstatat(At::CWD, word(c"/proc/self/ns/user")).is_ok_and(|stat| stat.identity.1 == PROC_USER_INIT_INO)
}

/// The map of someone who has no id but his own.
pub fn own_as_root(arena: &Arena, own: u32) -> &[IdRange] {
    core::slice::from_ref(arena.hold(IdRange { inside: 0, outside: own, count: 1 }))
}

/// Whether someone inside, where these users are, is this user outside, or may be.
pub fn is_inside(spec: &Spec, uids: &[IdRange], outside: u32) -> bool {
    let has = |range: &IdRange| outside.wrapping_sub(range.outside) < range.count;
    !spec.is_private(Namespace::User) || uids.iter().any(has)
}

/// The map of someone who keeps his own id, and has no other.
#[cfg(feature = "full")]
pub fn own(arena: &Arena, own: u32) -> &[IdRange] {
    core::slice::from_ref(arena.hold(IdRange { inside: own, outside: own, count: 1 }))
}

/// The map of all ids that there are, from `uid_map` or `gid_map`; those of this process's own namespace each as it is.
pub fn all<'m>(arena: &'m Arena, path: Word, is_own: bool) -> Told<'m, &'m [IdRange]> {
    let mut ranges = List::new(arena);
    for line in split(read_file(arena, path)?, b'\n') {
        if let Some([inside, outside, count]) = parse(line) {
            ranges.push(IdRange { inside, outside: if is_own { inside } else { outside }, count });
        }
    }
    Ok(ranges.finish())
}

/// `INSIDE OUTSIDE COUNT`, padded with spaces.
pub fn parse(line: &[u8]) -> Option<[u32; 3]> {
    let mut numbers = [0; 3];
    let mut words = split(line, b' ').filter(|word| !word.is_empty());
    for number in &mut numbers {
        *number = number::decimal(words.next()?)?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_map_is_three_padded_numbers() {
        let line = b"         0       1000          1";
        assert_eq!(parse(line), Some([0, 1000, 1]));
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_has_ids() {
        let arena = Arena::new().unwrap();
        assert!(!all(&arena, crate::sys::word(c"/proc/self/uid_map"), true).unwrap().is_empty());
    }
}
