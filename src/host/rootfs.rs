//! What a root file system holds: whether there is something to mount on where something is to be mounted.
//!
//! The image may be hostile, and even change while it is looked at: every path in it is resolved by the kernel with the
//! image's directory for its root (`RESOLVE_IN_ROOT`), so that no link leads out.

use super::image::Format;
use crate::spec::{ChangeRoot, Spec};
use crate::sys::file::{self, Identity, Kind, Open, Stat};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, word};
use crate::text::{Problem, Told, copy, path, t};

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
    /// A directory in which its maker may make others, and through which the image's users may pass.
    pub const DIRECTORY: u32 = 0o1311;
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

/// What a Spec has for its root.
#[derive(Clone, Copy, Debug)]
pub enum Root {
    /// This machine's own.
    Machine,
    Directory(Identity),
    Image(Format),
}

/// Opens the root of a Spec, and tells what it is.
///
/// # Errors
/// It is missing, neither a directory nor an image, or this machine's own root without being called `/`.
pub fn open<'m>(arena: &'m Arena, spec: &Spec) -> Told<'m, (At<'m>, Root)> {
    let unusable = |errno| Problem::failed(arena, t!("root file system %"), &[spec.rootfs], errno);
    let root = match file::openat(At::CWD, spec.rootfs, Open::PATH_DIRECTORY) {
        Err(Errno::ENOTDIR) if cfg!(feature = "full") && spec.change_root == ChangeRoot::Pivot => {
            return Format::open(arena, spec).map(|(image, format)| (image, Root::Image(format)));
        }
        result => result.map_err(unusable)?,
    };
    // It stays open until every descriptor is closed that nobody asked for.
    let root = arena.hold(root).at();
    if spec.rootfs == word(c"/") {
        return Ok((root, Root::Machine));
    }
    let identity = file::fstat(root).map_err(unusable)?.identity;
    if identity == file::fstatat(At::CWD, word(c"/")).map_err(unusable)?.identity {
        return Err(Problem::refused(arena, t!("root file system %: it is this machine's own root"), &[spec.rootfs])
            .advise(arena, t!("say / for a throw-away view of this machine"), &[]));
    }
    Ok((root, Root::Directory(identity)))
}

/// What is at `target`.
pub fn look(arena: &Arena, root: At, target: Word) -> Result<Presence> {
    let stat = match in_directory(root, target)? {
        Some(stat) => stat,
        None => {
            let way = find(arena, root, target)?;
            if !way.missing.is_empty() {
                return Ok(Presence::Missing);
            }
            file::fstat(way.end())?
        }
    };
    Ok(if Mark::is_on(&stat) { Presence::Temporary } else { Presence::There(stat.kind) })
}

/// The same, for a mount point that was asked for.
pub fn presence<'m>(arena: &'m Arena, root: At, target: Word<'m>) -> Told<'m, Presence> {
    look(arena, root, target).map_err(|errno| {
        let problem = Problem::failed(arena, t!("look up mount point % in the image"), &[target], errno);
        #[cfg(feature = "full")]
        if matches!(errno, Errno::ENOSYS | Errno::EPERM) {
            let text =
                t!("an outer container's filter refuses openat2, and nothing else keeps links of an image in it");
            return problem.advise(arena, text, &[]);
        }
        problem
    })
}

/// What a path is that is one name, where that is there and no link: then one call tells it, in place of three. The smallest runner has
/// no room for that.
fn in_directory(root: At, path: Word) -> Result<Option<Stat>> {
    let is_one = |name: &Word| !name.bytes().contains(&b'/') && !name.bytes().starts_with(b".");
    let Some(name) = path.strip(b"/").filter(is_one).filter(|_| cfg!(feature = "full")) else { return Ok(None) };
    match file::lstatat(root, name) {
        Err(Errno::ENOENT) => Ok(None),
        stat => stat.map(|stat| Some(stat).filter(|stat| stat.kind != Kind::Link)),
    }
}

/// The way that a path takes, name by name. No name is followed by the kernel, and `..` goes back on this way alone, so
/// that it cannot leave the root whatever is renamed meanwhile.
#[derive(Debug)]
pub struct Way<'m> {
    /// The root, or what the kernel has found by itself.
    start: Fd,
    /// Each thing below the root that leads on, with its name.
    passed: List<'m, (Word<'m>, Fd)>,
    /// What is missing after that.
    pub missing: &'m [Word<'m>],
}

impl<'m> Way<'m> {
    /// The last thing that there is.
    pub fn end(&self) -> At<'_> {
        self.passed.last().map_or(self.start.at(), |(_, fd)| fd.at())
    }

    /// Goes back one name: it, and what it names.
    pub fn back(&mut self) -> Option<(Word<'m>, Fd)> {
        self.passed.pop()
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        // A list does not drop what is in it.
        while self.passed.pop().is_some() {}
    }
}

/// Follows `path` inside `root`, through links too, and where a link leads nowhere, to the place that it names.
pub fn find<'m>(arena: &'m Arena, root: At, path: Word) -> Result<Way<'m>> {
    match in_root(root, path, Open::PATH) {
        Err(Errno::ENOENT) => walk(arena, root, path),
        result => Ok(Way { start: result?, passed: List::new(arena), missing: &[] }),
    }
}

/// Walks a path inside `root`.
pub fn walk<'m>(arena: &'m Arena, root: At, path: Word) -> Result<Way<'m>> {
    /// As many links as the kernel follows (path_resolution(7)).
    const LINKS: usize = 40;
    let start = file::openat(root, word(c"."), Open::PATH_DIRECTORY)?;
    let mut way = Way { start, passed: List::new(arena), missing: &[] };
    let mut wanted = List::new(arena);
    push_reversed(&mut wanted, path.bytes());
    let mut links = 0;
    while let Some(name) = wanted.pop() {
        if name == word(c"..") {
            way.back();
            continue;
        }
        let fd = match file::openat(way.end(), name, Open::PATH_NOFOLLOW) {
            Err(Errno::ENOENT) => {
                wanted.push(name);
                wanted.reverse();
                way.missing = wanted.finish();
                break;
            }
            result => result?,
        };
        if file::fstat(fd.at())?.kind != Kind::Link {
            way.passed.push((name, fd));
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(Errno::ELOOP);
        }
        let target = read_link(arena, fd.at(), word(c""))?.bytes();
        if target.starts_with(b"/") {
            while way.back().is_some() {}
        }
        push_reversed(&mut wanted, target);
    }
    Ok(way)
}

/// The names of a path, the first one last.
fn push_reversed<'m>(wanted: &mut List<'m, Word<'m>>, path: &[u8]) {
    let before = wanted.len();
    for name in path::names(path) {
        wanted.push(copy(wanted.arena(), &[name]));
    }
    wanted[before..].reverse();
}

/// readlinkat(2).
pub fn read_link<'m>(arena: &'m Arena, at: At, path: Word) -> Result<Word<'m>> {
    let mut target = List::new(arena);
    target.fill(libc::PATH_MAX as usize, |room| file::readlinkat(at, path, room))?;
    target.push(0);
    Ok(Word::in_bytes(target.finish()).unwrap_or_default())
}

/// openat2(2) with `RESOLVE_IN_ROOT`, again where the kernel says EAGAIN: it could not rule out that a `..` raced with a
/// rename or a mount somewhere on the machine.
pub fn in_root(root: At, path: Word, how: Open) -> Result<Fd> {
    /// On a busy machine a second try is enough; someone who keeps renaming on purpose gets the error.
    const TRIES: usize = 128;
    let mut left = TRIES;
    loop {
        left -= 1;
        match file::open_in_root(root, path, how) {
            Err(Errno::EAGAIN) if left > 0 => {}
            result => return result,
        }
    }
}

/// Calls `each` for every name in a directory, until it says false. Compiled once, whatever is called.
pub fn list(at: At, path: Word, each: &mut dyn FnMut(Word) -> bool) -> Result<()> {
    let directory = file::openat(at, path, Open::DIRECTORY)?;
    let mut buffer = [0; 2048];
    while let Some(entries) = file::getdents(directory.at(), &mut buffer)? {
        for name in entries {
            if !matches!(name.bytes(), b"." | b"..") && !each(name) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether the directory has no entry.
pub fn is_empty(root: At) -> bool {
    let mut empty = true;
    let listed = list(root, word(c"."), &mut |_| {
        empty = false;
        false
    });
    listed.is_ok() && empty
}

/// Everything in a file of the host that a Spec needs.
pub fn read_file<'m>(arena: &'m Arena, path: Word) -> Told<'m, &'m [u8]> {
    read_path(arena, path, Open::READ).map_err(|errno| {
        let problem = Problem::failed(arena, t!("read %"), &[path], errno);
        if errno == Errno::ENOENT { problem.advise(arena, t!("is /proc mounted?"), &[]) } else { problem }
    })
}

/// Everything in a file of the host.
pub fn read_path<'m>(arena: &'m Arena, path: Word, how: Open) -> Result<&'m [u8]> {
    file::openat(At::CWD, path, how).and_then(|fd| read_whole(arena, fd.at()))
}

/// The same of a path below a directory.
#[cfg(feature = "boot")]
pub fn read_path_at<'m>(arena: &'m Arena, at: At, path: Word, how: Open) -> Result<&'m [u8]> {
    file::openat(at, path, how).and_then(|fd| read_whole(arena, fd.at()))
}

/// Everything in a file, up to a size that no configuration has.
pub fn read_whole<'m>(arena: &'m Arena, fd: At) -> Result<&'m [u8]> {
    const STEP: usize = 4096;
    const LARGEST: usize = 16 << 20;
    let mut text: List<u8> = List::new(arena);
    while text.fill(STEP, |room| file::read(fd, room))? > 0 {
        if text.len() > LARGEST {
            return Err(Errno::EFBIG);
        }
    }
    text.trim();
    Ok(text.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn open_test(directory: &std::path::Path) -> Fd {
        let path = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
        file::openat(At::CWD, Word::new(&path), Open::PATH_DIRECTORY).unwrap()
    }

    /// A directory with a few links.
    fn image() -> (tempfile::TempDir, Fd) {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("etc")).unwrap();
        symlink("/etc", at("absolute")).unwrap();
        symlink("../run/x/conf", at("etc/dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("../../../../../../etc", at("up")).unwrap();
        let fd = open_test(directory.path());
        (directory, fd)
    }

    /// What is missing on the way to a path.
    fn missing(root: At, path: &'static core::ffi::CStr) -> String {
        let arena = Arena::new().unwrap();
        let way = find(&arena, root, word(path)).unwrap();
        let names: Vec<&[u8]> = way.missing.iter().map(|name| name.bytes()).collect();
        String::from_utf8(names.join(&b'/')).unwrap()
    }

    #[test]
    fn links_stay_inside_and_dangling_ones_name_what_is_missing() {
        let (_directory, root) = image();
        for (path, names) in [
            (c"/etc", ""),
            (c"/absolute", ""),
            (c"/up", ""),
            (c"/a/b/c", "a/b/c"),
            (c"/up/passwd-of-the-test", "passwd-of-the-test"),
            (c"/etc/dangling", "run/x/conf"),
        ] {
            assert_eq!(missing(root.at(), path), names, "{path:?}");
        }
        let arena = Arena::new().unwrap();
        assert_eq!(find(&arena, root.at(), word(c"/loop")).unwrap_err(), Errno::ELOOP);
    }

    #[test]
    fn a_directory_without_entries_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let fd = open_test(directory.path());
        assert!(is_empty(fd.at()));
        std::fs::write(directory.path().join("x"), "").unwrap();
        assert!(!is_empty(fd.at()));
    }
}
