//! The ids of the caller's own user namespace (user_namespaces(7)).

use super::rootfs::read_whole;
use crate::problem;
use crate::spec::IdRange;
use crate::sys::At;
use crate::sys::file::{self, Open};
use crate::text::{Problem, number, shown};
use alloc::vec::Vec;
use core::ffi::CStr;

/// The map of someone who has no id but his own.
pub fn own_as_root(own: u32) -> Vec<IdRange> {
    Vec::from([IdRange { inside: 0, outside: own, count: 1 }])
}

/// The map of all ids that there are, each as it is, from `/proc/self/uid_map` or `gid_map`.
pub fn all(path: &CStr) -> Result<Vec<IdRange>, Problem> {
    let text = file::openat(At::CWD, path, Open::READ)
        .and_then(|fd| read_whole(fd.at()))
        .map_err(|error| problem!("read {}: {error}", shown(path)).advise("is /proc mounted?"))?;
    Ok(text
        .split(|byte| *byte == b'\n')
        .filter_map(parse)
        .map(|range| IdRange { outside: range.inside, ..range })
        .collect())
}

/// `INSIDE OUTSIDE COUNT`, padded with spaces.
fn parse(line: &[u8]) -> Option<IdRange> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).map(number::decimal);
    Some(IdRange { inside: words.next()??, outside: words.next()??, count: words.next()?? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_map_is_three_padded_numbers() {
        let line = b"         0       1000          1";
        assert_eq!(parse(line), Some(IdRange { inside: 0, outside: 1000, count: 1 }));
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_has_ids() {
        assert!(!all(c"/proc/self/uid_map").unwrap().is_empty());
    }
}
