//! The root file system: found, mounted, and put in the place of the initramfs.

use crate::engine::Carrier;
use crate::host::block::{self, NINE_P, Source};
use crate::host::mounts;
use crate::host::rootfs::{list, read_path};
use crate::host::superblock;
use crate::plan::Tree;
use crate::sys::file::{self, Kind, Open};
use crate::sys::mount::{self, Attributes};
use crate::sys::poll::{self, Watched};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, socket, word};
use crate::text::{Text, copy, split, t, text};

impl<'p> Carrier<'p> {
    /// Mounts what is to be the root, where nobody sees it yet.
    pub(super) fn mount_root(
        &mut self,
        source: Word,
        types: Word,
        flags: Word,
        attributes: Attributes,
        patience: u64,
    ) -> Result<()> {
        let tree = self.mount_source(source, types, flags, attributes.has(Attributes::RDONLY), patience)?;
        self.trees.keep(Tree::Image, tree);
        Ok(())
    }

    /// Puts a layer over it that takes the writes. Both have to be attached before Linux 6.15: the new root will lie over them.
    pub(super) fn mount_overlay(&mut self, source: Word, patience: u64) -> Result<()> {
        let upper = self.mount_source(source, Word::default(), Word::default(), false, patience)?;
        let lower = self.lower(word(c"/"))?;
        self.machine.layers = [Some(file::duplicate(upper.at())?), Some(file::duplicate(lower.at())?)];
        self.attach_on_top(upper, Tree::Scratch)?;
        let tree = self.overlay(lower, None, 0, false, Attributes::NONE)?;
        self.trees.keep(Tree::Image, tree);
        Ok(())
    }

    /// Over `/`, which still leads to the initramfs.
    pub(super) fn attach_root(&mut self) -> Result<()> {
        let root = self.lower(word(c"/"))?;
        // Any other root is nobody's to empty.
        if mounts::is_initramfs(self.arena, self.proc()) {
            self.machine.initramfs = Some(file::openat(At::CWD, word(c"/"), Open::DIRECTORY)?);
        }
        self.attach_on_top(root, Tree::Root)
    }

    /// Moves what is mounted on a directory of the initramfs, with all that is mounted below it, to the one of the new root.
    pub(super) fn move_mount(&mut self, path: Word) -> Result<()> {
        if file::is_mount_root(path) != Ok(true) {
            return Ok(());
        }
        let (root, name) = (self.trees.get(Tree::Root)?, path.after(1));
        let moved = match file::mkdirat(root, name, 0o755) {
            Ok(()) | Err(Errno::EEXIST) => file::openat(At::CWD, path, Open::PATH_DIRECTORY)
                .and_then(|mount| mount::move_mount(mount.at(), root, name)),
            Err(errno) => Err(errno),
        };
        if moved.is_err() {
            // What is there now is the root's own.
            self.machine.look_anew();
        }
        moved
    }

    /// Gives the initramfs's memory back. Whether it was pivoted away or not: the first process's own program is in it, so that it
    /// stays as long as that runs.
    pub(super) fn empty_initramfs(&mut self) -> Result<()> {
        let Some(root) = self.machine.initramfs.take() else { return Ok(()) };
        empty(root.at(), file::mount_id(root.at(), word(c"."))?, DEEPEST)
    }

    /// A new mount of what a source means, once it is there.
    fn mount_source(&mut self, name: Word, types: Word, flags: Word, is_read_only: bool, patience: u64) -> Result<Fd> {
        let arena = self.arena;
        let Some(source) = Source::read(name, types) else {
            self.detail = word(c"it is no /dev/..., UUID=, LABEL=, PARTUUID=, virtiofs:TAG or 9p:TAG");
            return Err(Errno::EINVAL);
        };
        if name.bytes().contains(&b',') {
            self.detail = word(c"there is a comma in it");
            return Err(Errno::EINVAL);
        }
        let device = match source {
            Source::Memory => return self.mount_as(word(c"tmpfs"), word(c"mode=0755"), flags),
            Source::Shared { kind, tag } => {
                let transport = if kind == NINE_P { word(c"trans=virtio,version=9p2000.L,") } else { Word::default() };
                let options = text(arena, t!("source=%,%"), &[tag, transport]);
                return self.mount_as(kind, self.with_mode(options, is_read_only), flags);
            }
            _ => self.await_device(name, source, patience)?,
        };
        let mut kinds = List::new(arena);
        for kind in split(types.bytes(), b',').filter(|kind| !kind.is_empty()) {
            kinds.push(copy(arena, &[kind]));
        }
        if kinds.is_empty() {
            let open = file::openat(At::CWD, device, Open::READ)?;
            if file::fstat(open.at())?.kind != Kind::Block {
                self.detail = word(c"it is no block device");
                return Err(Errno::EINVAL);
            }
            superblock::formats(open.at()).for_each(|format| kinds.push(format.kind));
        }
        self.detail = text(arena, t!("no file system known here is on %: rootfstype= names another"), &[device]);
        let options = self.with_mode(copy(arena, &[b"source=", device.bytes()]), is_read_only);
        let mut mounted = Err(Errno::EINVAL);
        for kind in kinds.iter() {
            mounted = self.mount_as(*kind, options, flags);
            if mounted.is_ok() {
                break;
            }
        }
        if let (false, Err(Errno::EROFS | Errno::EACCES)) = (is_read_only, &mounted) {
            self.machine.tell(t!("aril: note: % cannot be written: it is mounted read-only\n"), device);
        }
        mounted
    }

    fn with_mode(&self, options: Word, is_read_only: bool) -> Word<'p> {
        copy(self.arena, &[options.bytes(), if is_read_only { b",ro" } else { b",rw" }])
    }

    /// A new mount of a file system of this type.
    fn mount_as(&mut self, kind: Word, options: Word, flags: Word) -> Result<Fd> {
        let arena = self.arena;
        self.detail = Word::default();
        let (attributes, flags) = Attributes::of(arena, flags);
        let mounted = self.new_tree(kind, [options, flags], attributes);
        self.detail = match &mounted {
            Ok(_) => Word::default(),
            Err(_) if !self.detail.is_empty() => self.detail,
            Err(Errno::ENODEV) => {
                text(arena, t!("the kernel has no %, but%; see aril.modules="), &[kind, self.known()])
            }
            Err(Errno::EUCLEAN) => text(arena, t!("its % is damaged: fsck it"), &[kind]),
            Err(_) => text(arena, t!("% refuses it; the kernel's log may say why"), &[kind]),
        };
        mounted
    }

    /// The types of file systems on devices that the kernel has, each after a space.
    fn known(&self) -> Word<'p> {
        let mut known = Text::new(self.arena);
        let table = read_path(self.arena, word(c"/proc/filesystems"), Open::READ).unwrap_or_default();
        for kind in split(table, b'\n').filter_map(|line| line.strip_prefix(b"\t")) {
            known.add(b" ").add(kind);
        }
        known.word()
    }

    /// The node of a device, which may come late. Between two looks the kernel tells of each that comes.
    fn await_device(&mut self, name: Word, source: Source, patience: u64) -> Result<Word<'p>> {
        /// After so long someone may well wonder.
        const SILENCE: u64 = 1_000_000;
        let begun = poll::now();
        let (mut until, mut events) = (SILENCE.min(patience), None);
        loop {
            // However often it looks, nothing stays of that.
            let scratch = Arena::new()?;
            if let Some(device) = source.device(&scratch) {
                return Ok(copy(self.arena, &[device.bytes()]));
            }
            let Some(events) = &events else {
                // What came before this was opened is seen by the second look.
                events = Some(socket::device_events()?);
                continue;
            };
            let passed = poll::now() - begun;
            if passed >= patience {
                break;
            }
            if passed >= until {
                self.machine.tell(t!("aril: waiting for %\n"), name);
                until = patience;
            }
            let mut watched = [Watched::READING];
            watched[0].on(events.at());
            poll::poll_within(&mut watched, until - passed)?;
            // What they say is not needed, and where there were too many the look finds what they said.
            while socket::receive(events.at(), &mut [0; 8]).is_ok() {}
        }
        let mut there = Text::new(self.arena);
        for device in block::devices(self.arena) {
            there.add(b" ").add(device.bytes());
        }
        let sentence = if there.bytes().is_empty() {
            t!("it has not come, nor has any other block device: see aril.modules=")
        } else {
            t!("it has not come; there are%")
        };
        self.detail = text(self.arena, sentence, &[there.word()]);
        Err(Errno::ENODEV)
    }
}

/// Deeper than any initramfs.
const DEEPEST: u8 = 64;

/// Removes what is in a directory, but for what is mounted there.
fn empty(directory: At, mount: u64, deepest: u8) -> Result<()> {
    let mut result = Ok(());
    let listed = list(directory, word(c"."), &mut |name| {
        if file::mount_id(directory, name) == Ok(mount) {
            result = result.and(remove(directory, name, mount, deepest));
        }
        true
    });
    listed.and(result)
}

fn remove(directory: At, name: Word, mount: u64, deepest: u8) -> Result<()> {
    match file::unlinkat(directory, name) {
        Err(Errno::EISDIR) => {}
        result => return result,
    }
    let below = file::openat(directory, name, Open::DIRECTORY_NOFOLLOW)?;
    let emptied = empty(below.at(), mount, deepest.checked_sub(1).ok_or(Errno::ELOOP)?);
    match file::rmdirat(directory, name) {
        // Something is mounted on it, or below it.
        Err(Errno::EBUSY | Errno::ENOTEMPTY) => emptied,
        result => emptied.and(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Namespace;
    use crate::sys::mount::Propagation;
    use crate::sys::process;
    use std::fs;
    use std::process::Command;

    #[test]
    fn what_is_mounted_in_an_initramfs_is_not_emptied() {
        // A namespace is a thread's own.
        let run = || {
            if process::unshare(Namespace::Mount.flag()).is_err() {
                return eprintln!("skipped: it takes root");
            }
            mount::make_all(Propagation::Private).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            for name in ["tree", "canary", "canary/a/b"] {
                fs::create_dir_all(at(name)).unwrap();
            }
            fs::write(at("canary/a/b/file"), "x").unwrap();
            let mount = |words: &[&str]| {
                let mut mount = Command::new("mount");
                let output = mount.args(words).current_dir(folder.path()).output().unwrap();
                assert!(output.status.success(), "{output:?}");
            };
            mount(&["-t", "tmpfs", "tmpfs", "tree"]);
            fs::create_dir_all(at("tree/usr/lib/x/y")).unwrap();
            fs::create_dir_all(at("tree/mnt/bound")).unwrap();
            for number in 0..300 {
                fs::write(at(&format!("tree/usr/lib/x/{number}")), "x").unwrap();
            }
            std::os::unix::fs::symlink("../canary", at("tree/link")).unwrap();
            std::os::unix::fs::symlink("/", at("tree/usr/root")).unwrap();
            fs::write(at("tree/mnt/file"), "").unwrap();
            // A directory and a file of elsewhere, and one of the same file system: a mount is a mount.
            mount(&["--bind", "canary", "tree/mnt/bound"]);
            mount(&["--bind", "canary/a/b/file", "tree/mnt/file"]);
            let path = std::ffi::CString::new(at("tree").to_str().unwrap()).unwrap();
            let root = file::openat(At::CWD, Word::new(&path), Open::DIRECTORY).unwrap();
            empty(root.at(), file::mount_id(root.at(), word(c".")).unwrap(), DEEPEST).unwrap();
            assert_eq!(fs::read(at("canary/a/b/file")).unwrap(), b"x");
            let left = |name: &str| fs::read_dir(at(name)).unwrap().count();
            assert_eq!((left("tree"), left("tree/mnt"), left("tree/mnt/bound")), (1, 2, 1));
        };
        std::thread::spawn(run).join().unwrap();
    }
}
