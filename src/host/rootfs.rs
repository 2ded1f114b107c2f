//! What a root file system holds: whether there is something to mount on where something is to be mounted.
//!
//! The image may be hostile, and even change while it is looked at: every path in it is resolved by the kernel with the
//! image's directory for its root (`RESOLVE_IN_ROOT`), so that no link leads out.

use crate::problem;
use crate::spec::{ChangeRoot, Spec};
use crate::sys::file::{self, Kind, Open, Stat};
use crate::sys::{At, Errno, Fd, Result};
use crate::text::{Problem, path, shown};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// What there is at the place of a mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    There(Kind),
    Missing,
    /// A running aril has made it for the time of its run, or one that was killed has left it.
    Temporary,
}

/// How a mount point that was made for the time of a run is told from what belongs to the image, by whoever ends last: an
/// empty directory or file with a mode that nothing else has. It bears the times that its directory had before.
#[derive(Debug)]
pub struct Mark;

impl Mark {
    /// A directory that others may pass through, for the image's users who go below it.
    pub const DIRECTORY: u32 = 0o1511;
    pub const FILE: u32 = 0o1400;

    /// Whether this was made for the time of a run.
    pub fn is_on(stat: &Stat) -> bool {
        match stat.kind {
            Kind::Directory => stat.mode == Self::DIRECTORY,
            Kind::Regular => stat.mode == Self::FILE && stat.size == 0,
            _ => false,
        }
    }
}

/// Opens the directory of a Spec.
///
/// # Errors
/// It is missing, no directory, or this machine's own root without being called `/`.
pub fn open(spec: &Spec) -> core::result::Result<Fd, Problem> {
    let root = file::openat(At::CWD, spec.rootfs, Open::PATH_DIRECTORY)
        .map_err(|error| problem!("root file system {}: {error}", shown(spec.rootfs)))?;
    if spec.rootfs != c"/" && spec.change_root != ChangeRoot::None {
        let same = file::fstat(root.at()).and_then(|root| Ok(root.identity == file::fstatat(At::CWD, c"/")?.identity));
        if same == Ok(true) {
            return Err(problem!("root file system {}: it is this machine's own root", shown(spec.rootfs))
                .advise("say / for a throw-away view of this machine"));
        }
    }
    Ok(root)
}

/// What is at `target`.
pub fn presence(root: At, target: &CStr) -> core::result::Result<Presence, Problem> {
    let look = || -> Result<Presence> {
        match find(root, target)? {
            Found::Lacking { .. } => Ok(Presence::Missing),
            Found::There(fd) => {
                let stat = file::fstat(fd.at())?;
                Ok(if Mark::is_on(&stat) { Presence::Temporary } else { Presence::There(stat.kind) })
            }
        }
    };
    look().map_err(|error| problem!("look up mount point {} in the image: {error}", shown(target)))
}

/// What there is at the end of a path.
#[derive(Debug)]
pub enum Found {
    There(Fd),
    /// The last directory that there is, and the names that are missing below it.
    Lacking {
        parent: Fd,
        names: Vec<CString>,
    },
}

/// Follows `path` inside `root`, through links too, and where a link leads nowhere, to the place that it names.
pub fn find(root: At, path: &CStr) -> Result<Found> {
    match in_root(root, path, Open::PATH) {
        Err(Errno::ENOENT) => Ok(walk(root, path)?.end()),
        result => result.map(Found::There),
    }
}

/// The way that a path takes, name by name. No name is followed by the kernel, and `..` goes back on this way alone, so
/// that it cannot leave the root whatever is renamed meanwhile.
#[derive(Debug)]
pub struct Way {
    /// The root and each thing below it that leads on, with its name.
    pub passed: Vec<(CString, Fd)>,
    /// What is missing after that.
    pub missing: Vec<CString>,
}

impl Way {
    fn end(mut self) -> Found {
        match self.passed.pop() {
            Some((_, fd)) if self.missing.is_empty() => Found::There(fd),
            Some((_, parent)) => Found::Lacking { parent, names: self.missing },
            // The root is never popped.
            None => unreachable!(),
        }
    }
}

/// Walks a path inside `root`.
pub fn walk(root: At, path: &CStr) -> Result<Way> {
    /// As many links as the kernel follows (path_resolution(7)).
    const LINKS: usize = 40;
    let mut passed = Vec::from([(CString::default(), file::openat(root, c".", Open::PATH_DIRECTORY)?)]);
    let mut links = 0;
    let mut wanted: Vec<CString> = path::names(path.to_bytes()).rev().map(path::c_string).collect();
    while let Some(name) = wanted.pop() {
        if name.as_c_str() == c".." {
            if passed.len() > 1 {
                passed.pop();
            }
            continue;
        }
        let Some((_, directory)) = passed.last() else { break };
        let fd = match file::openat(directory.at(), &name, Open::PATH_NOFOLLOW) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => {
                wanted.push(name);
                wanted.reverse();
                return Ok(Way { passed, missing: wanted });
            }
            Err(error) => return Err(error),
        };
        if file::fstat(fd.at())?.kind != Kind::Link {
            passed.push((name, fd));
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(Errno::ELOOP);
        }
        let mut buffer = [0; 4096];
        let target = file::readlinkat(fd.at(), c"", &mut buffer)?;
        if target.starts_with(b"/") {
            passed.truncate(1);
        }
        wanted.extend(path::names(target).rev().map(path::c_string));
    }
    Ok(Way { passed, missing: wanted })
}

/// openat2(2) with `RESOLVE_IN_ROOT`, again where the kernel says EAGAIN: it could not rule out that a `..` raced with a
/// rename or a mount somewhere on the machine.
pub fn in_root(root: At, path: &CStr, how: Open) -> Result<Fd> {
    /// On a busy machine a second try is enough; someone who keeps renaming on purpose gets the error.
    const TRIES: usize = 128;
    for _ in 1..TRIES {
        match file::open_in_root(root, path, how) {
            Err(Errno::EAGAIN) => {}
            result => return result,
        }
    }
    file::open_in_root(root, path, how)
}

/// Whether the directory has no entry.
pub fn is_empty(root: At) -> bool {
    let Ok(directory) = file::openat(root, c".", Open::DIRECTORY) else { return false };
    let mut buffer = [0; 512];
    match file::getdents(directory.at(), &mut buffer) {
        Ok(Some(entries)) => entries.into_iter().all(|name| name == c"." || name == c".."),
        _ => false,
    }
}

/// Everything in a file, up to a size that no configuration has.
pub fn read_whole(fd: At) -> Result<Vec<u8>> {
    const STEP: usize = 4096;
    const LARGEST: usize = 16 << 20;
    let mut text = Vec::new();
    loop {
        let length = text.len();
        if length > LARGEST {
            return Err(Errno::EFBIG);
        }
        text.resize(length + STEP, 0);
        let count = file::read(fd, &mut text[length..])?;
        text.truncate(length + count);
        if count == 0 {
            return Ok(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A directory with a few links, and what `find` says to each path.
    fn image() -> (tempfile::TempDir, Fd) {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("etc")).unwrap();
        symlink("/etc", at("absolute")).unwrap();
        symlink("../run/x/conf", at("etc/dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("../../../../../../etc", at("up")).unwrap();
        let path = path::c_string(directory.path().to_str().unwrap());
        let fd = file::openat(At::CWD, &path, Open::PATH_DIRECTORY).unwrap();
        (directory, fd)
    }

    fn lacking(root: At, path: &CStr) -> Option<Vec<String>> {
        match find(root, path).unwrap() {
            Found::There(_) => None,
            Found::Lacking { names, .. } => Some(names.into_iter().map(|name| name.into_string().unwrap()).collect()),
        }
    }

    #[test]
    fn links_stay_inside_and_dangling_ones_name_what_is_missing() {
        let (_directory, root) = image();
        assert_eq!(lacking(root.at(), c"/etc"), None);
        assert_eq!(lacking(root.at(), c"/absolute"), None);
        assert_eq!(lacking(root.at(), c"/up"), None);
        assert_eq!(lacking(root.at(), c"/a/b/c"), Some(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(lacking(root.at(), c"/up/passwd-of-the-test"), Some(vec!["passwd-of-the-test".into()]));
        assert_eq!(lacking(root.at(), c"/etc/dangling"), Some(vec!["run".into(), "x".into(), "conf".into()]));
        assert_eq!(find(root.at(), c"/loop").unwrap_err(), Errno::ELOOP);
    }

    #[test]
    fn a_directory_without_entries_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let path = path::c_string(directory.path().to_str().unwrap());
        let fd = file::openat(At::CWD, &path, Open::PATH_DIRECTORY).unwrap();
        assert!(is_empty(fd.at()));
        std::fs::write(directory.path().join("x"), "").unwrap();
        assert!(!is_empty(fd.at()));
    }
}
