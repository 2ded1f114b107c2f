//! Paths without looking at any: joining, cleaning, cutting.

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// `bytes` as a C string, cut at a NUL that should not be there.
pub fn c_string(bytes: impl Into<Vec<u8>>) -> CString {
    let mut bytes = bytes.into();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    CString::new(bytes).unwrap_or_default()
}

/// The names in a path: no empty one, no `.`.
pub fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

/// The path from the root, without `.`, `..` and doubled slashes, as if no link were in it: `/a/../b//c` is `/b/c`.
pub fn clean(path: &[u8]) -> CString {
    let mut kept: Vec<&[u8]> = Vec::new();
    for name in names(path) {
        match name {
            b".." => drop(kept.pop()),
            _ => kept.push(name),
        }
    }
    if kept.is_empty() {
        return c_string("/");
    }
    let mut all = Vec::new();
    for name in kept {
        all.push(b'/');
        all.extend_from_slice(name);
    }
    c_string(all)
}

/// `base/name`.
pub fn join(base: &[u8], name: &[u8]) -> CString {
    let slash: &[u8] = if base.ends_with(b"/") { b"" } else { b"/" };
    c_string([base, slash, name].concat())
}

/// The directory and the last name of a cleaned path: `/a/b` is `/a` and `b`.
pub fn split(path: &CStr) -> (CString, CString) {
    let bytes = path.to_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (directory, name) = bytes.split_at(at);
    (clean(directory), c_string(name.strip_prefix(b"/").unwrap_or(name)))
}

/// How many names a path has.
pub fn depth(path: &CStr) -> usize {
    names(path.to_bytes()).count()
}

/// Sorts by the depth of a path; those of one depth keep their order. By insertion: what a person writes is short and mostly
/// in order, and the library's sort is as large as a tenth of the whole program.
pub fn sort_by_depth<T>(items: &mut [T], path: impl Fn(&T) -> &CStr) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && depth(path(&items[at - 1])) > depth(path(&items[at])) {
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

    fn cleaned(path: &str) -> String {
        clean(path.as_bytes()).into_string().unwrap()
    }

    #[test]
    fn a_clean_path_starts_at_the_root_and_never_leaves_it() {
        assert_eq!(cleaned("/a/../b//c/"), "/b/c");
        assert_eq!(cleaned("a/./b"), "/a/b");
        assert_eq!(cleaned("../../etc"), "/etc");
        assert_eq!(cleaned("/"), "/");
        assert_eq!(cleaned(""), "/");
    }

    #[test]
    fn paths_are_joined_and_split() {
        assert_eq!(join(b"/a", b"b").as_c_str(), c"/a/b");
        assert_eq!(join(b"/", b"b").as_c_str(), c"/b");
        assert_eq!(split(c"/a/b"), (c"/a".into(), c"b".into()));
        assert_eq!(split(c"/b"), (c"/".into(), c"b".into()));
    }

    #[test]
    fn sorting_by_depth_is_stable() {
        let mut paths = [c"/a/b/c", c"/x", c"/a/b", c"/b", c"/"];
        sort_by_depth(&mut paths, |path| path);
        assert_eq!(paths, [c"/", c"/x", c"/b", c"/a/b", c"/a/b/c"]);
    }

    #[test]
    fn within_ends_at_a_slash() {
        assert!(is_within(b"/a/b", b"/a") && is_within(b"/a", b"/a") && is_within(b"/a", b"/"));
        assert!(!is_within(b"/ab", b"/a") && !is_within(b"/", b"/a"));
    }
}
