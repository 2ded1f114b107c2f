//! Paths without looking at any: joining, cleaning, cutting.

use super::copy;
use crate::sys::{Arena, List, Word, word};

/// Whether a command is a path, not a name to be searched for (execvp(3)).
pub fn is_path(command: &[u8]) -> bool {
    super::cut(command, b'/').1.is_some()
}

/// Calls `each` with one path after the other that a command may stand for, until it says that no other need be tried. No
/// memory is taken but the stack's: it runs in a child that shares its parent's.
pub fn search(command: Word, directories: &[u8], each: &mut dyn FnMut(Word) -> bool) {
    if is_path(command.bytes()) {
        each(command);
        return;
    }
    if !command.is_empty() {
        search_in(command, directories, each);
    }
}

/// The same of a name. Whoever has a path does not pay for the room.
#[cfg_attr(feature = "boot", inline(never))]
fn search_in(command: Word, directories: &[u8], each: &mut dyn FnMut(Word) -> bool) {
    for directory in super::split(directories, b':') {
        // Longer than any path that the kernel takes: what does not fit has no NUL at its end.
        let mut path = [0; libc::PATH_MAX as usize];
        // An empty one is the working directory.
        let directory = if directory.is_empty() { b"." } else { directory };
        let length = append(&mut path, 0, directory);
        let length = append(&mut path, length, b"/");
        append(&mut path, length, command.bytes());
        if Word::in_bytes(&path).is_some_and(&mut *each) {
            break;
        }
    }
}

/// Puts bytes behind others, as far as they fit.
#[inline(never)]
fn append(path: &mut [u8], mut length: usize, bytes: &[u8]) -> usize {
    for byte in bytes {
        if let Some(slot) = path.get_mut(length) {
            *slot = *byte;
        }
        length += 1;
    }
    length
}

/// The names in a path: no empty one, no `.`.
pub fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    super::split(path, b'/').filter(|name| !name.is_empty() && *name != b".")
}

/// The path from the root, without `.`, `..` and doubled slashes, as if no link were in it: `/a/../b//c` is `/b/c`.
pub fn clean<'m>(arena: &'m Arena, path: &[u8]) -> Word<'m> {
    let mut kept: List<&[u8]> = List::new(arena);
    for name in names(path) {
        if name == b".." {
            kept.pop();
            // The slash before it.
            kept.pop();
        } else {
            kept.extend(&[b"/", name]);
        }
    }
    if kept.is_empty() { word(c"/") } else { copy(arena, &kept) }
}

/// `base/name`.
pub fn join<'m>(arena: &'m Arena, base: &[u8], name: &[u8]) -> Word<'m> {
    copy(arena, &[base, if base.ends_with(b"/") { b"" } else { b"/" }, name])
}

/// The directory and the last name of a cleaned path: `/a/b` is `/a` and `b`.
pub fn split<'m>(arena: &'m Arena, path: Word<'m>) -> (Word<'m>, Word<'m>) {
    let at = path.bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (directory, _) = path.bytes().split_at(at);
    (if directory.is_empty() { word(c"/") } else { copy(arena, &[directory]) }, path.after(at + 1))
}

/// Sorts by the depth of a cleaned path; those of one depth keep their order. By insertion: what a person writes is short and mostly
/// in order, and the library's sort is as large as a tenth of the whole program.
pub fn sort_by_depth<T>(items: &mut [T], path: impl Fn(&T) -> Word) {
    let depth = |item: &T| match path(item).bytes() {
        b"/" => 0,
        below => below.iter().filter(|byte| **byte == b'/').count(),
    };
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && depth(&items[at - 1]) > depth(&items[at]) {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Whether the cleaned `path` is `directory` or lies below it.
pub fn is_within(path: &[u8], directory: &[u8]) -> bool {
    match path.strip_prefix(directory) {
        Some(rest) => rest.is_empty() || rest.starts_with(b"/") || directory == b"/",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_searched_for_in_each_directory_until_one_will_do() {
        let tried = |command: &std::ffi::CStr, directories: &[u8], enough: usize| {
            let mut tried = Vec::new();
            search(Word::new(command), directories, &mut |path| {
                tried.push(String::from_utf8(path.bytes().to_vec()).unwrap());
                tried.len() == enough
            });
            tried
        };
        assert_eq!(tried(c"sh", b"/usr/bin:/bin::/x", 9), ["/usr/bin/sh", "/bin/sh", "./sh", "/x/sh"]);
        assert_eq!(tried(c"sh", b"/usr/bin:/bin", 1), ["/usr/bin/sh"]);
        assert_eq!(tried(c"a/b", b"/bin", 9), ["a/b"]);
        assert!(tried(c"", b"/bin", 9).is_empty());
        assert_eq!(tried(c"sh", &[&[b'x'; 5000][..], b":/bin"].concat(), 9), ["/bin/sh"]);
        let long = std::ffi::CString::new([b'x'; 5000]).unwrap();
        assert!(tried(&long, b"/bin", 9).is_empty());
    }

    #[test]
    fn a_clean_path_starts_at_the_root_and_never_leaves_it() {
        let arena = Arena::new().unwrap();
        for (path, cleaned) in
            [("/a/../b//c/", c"/b/c"), ("a/./b", c"/a/b"), ("../../etc", c"/etc"), ("/", c"/"), ("", c"/")]
        {
            assert_eq!(clean(&arena, path.as_bytes()), word(cleaned), "{path}");
        }
    }

    #[test]
    fn paths_are_joined_and_split() {
        let arena = Arena::new().unwrap();
        assert_eq!(join(&arena, b"/a", b"b"), word(c"/a/b"));
        assert_eq!(join(&arena, b"/", b"b"), word(c"/b"));
        assert_eq!(split(&arena, word(c"/a/b")), (word(c"/a"), word(c"b")));
        assert_eq!(split(&arena, word(c"/b")), (word(c"/"), word(c"b")));
    }

    #[test]
    fn sorting_by_depth_is_stable() {
        let mut paths = [c"/a/b/c", c"/x", c"/a/b", c"/b", c"/"].map(word);
        sort_by_depth(&mut paths, |path| *path);
        assert_eq!(paths, [c"/", c"/x", c"/b", c"/a/b", c"/a/b/c"].map(word));
    }

    #[test]
    fn within_ends_at_a_slash() {
        assert!(is_within(b"/a/b", b"/a") && is_within(b"/a", b"/a") && is_within(b"/a", b"/"));
        assert!(!is_within(b"/ab", b"/a") && !is_within(b"/", b"/a"));
    }
}
