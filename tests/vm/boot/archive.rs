//! A root file system as a test describes it, and as the kernel unpacks it: a cpio archive in the `newc` format. Written
//! here, so that an ordinary user can put device nodes and other users' files into it too.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Kinds of files, as `st_mode` has them.
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTERS: u32 = 0o020_000;

#[derive(Clone, Default, Debug)]
struct Entry {
    mode: u32,
    owner: (u32, u32),
    device: (u32, u32),
    body: Vec<u8>,
}

/// Files by their paths, which begin with `/`. The folders that lead to one come with it.
#[derive(Clone, Default, Debug)]
pub struct Archive(BTreeMap<String, Entry>);

impl Archive {
    pub fn new() -> Self {
        Self::default()
    }

    /// What a distribution's smallest image has: busybox with its links, and no `/dev`, `/proc`, `/sys`, `/run`, `/tmp`.
    pub fn busybox() -> Self {
        Self::busybox_in(&crate::machine::rootfs())
    }

    /// The same of a busybox in another folder of root file systems.
    pub fn busybox_in(rootfs: &Path) -> Self {
        let root = rootfs.join("busybox");
        let busybox = fs::read(root.join("bin/busybox")).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
        // That of this machine has the same programs.
        let ours = crate::machine::rootfs().join("busybox/bin/busybox");
        let names = Command::new(ours).arg("--list").output().expect("it is static");
        let archive = Self::new().file("/bin/busybox", 0o755, &busybox);
        let names = String::from_utf8(names.stdout).expect("names");
        let names = names.lines().filter(|name| !["busybox", "init", "linuxrc"].contains(name));
        let archive = names.fold(archive, |archive, name| archive.link(&format!("/bin/{name}"), "busybox"));
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nguest:x:405:100:guest:/home/guest:/bin/sh\n";
        let group = b"root:x:0:\ntty:x:5:\nusers:x:100:\nwheel:x:10:root,guest\n";
        let archive = archive.file("/etc/passwd", 0o644, passwd).file("/etc/group", 0o644, group);
        archive.folder("/root", 0o700).folder("/home/guest", 0o755).owner("/home/guest", 405, 100)
    }

    fn put(mut self, path: &str, entry: Entry) -> Self {
        assert!(path.starts_with('/'), "{path}");
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]).filter(|parent| !parent.is_empty());
        for parent in parents {
            let folder = || Entry { mode: FOLDER | 0o755, ..Entry::default() };
            self.0.entry(parent.to_string()).or_insert_with(folder);
        }
        self.0.insert(path.to_string(), entry);
        self
    }

    pub fn file(self, path: &str, mode: u32, body: impl AsRef<[u8]>) -> Self {
        self.put(path, Entry { mode: FILE | mode, body: body.as_ref().to_vec(), ..Entry::default() })
    }

    /// A shell's script.
    pub fn script(self, path: &str, script: &str) -> Self {
        self.file(path, 0o755, format!("#!/bin/sh\n{script}\n"))
    }

    /// A program of this machine, which has to be static.
    pub fn program(self, path: &str, ours: impl AsRef<Path>) -> Self {
        let ours = ours.as_ref();
        self.file(path, 0o755, fs::read(ours).unwrap_or_else(|error| panic!("{}: {error}", ours.display())))
    }

    /// The same file at another path too.
    pub fn copy(self, path: &str, other: &str) -> Self {
        let entry = self.0.get(path).unwrap_or_else(|| panic!("no {path}")).clone();
        self.put(other, entry)
    }

    pub fn folder(self, path: &str, mode: u32) -> Self {
        self.put(path, Entry { mode: FOLDER | mode, ..Entry::default() })
    }

    pub fn link(self, path: &str, target: &str) -> Self {
        self.put(path, Entry { mode: LINK | 0o777, body: target.into(), ..Entry::default() })
    }

    /// A character device.
    pub fn node(self, path: &str, mode: u32, device: (u32, u32)) -> Self {
        self.put(path, Entry { mode: CHARACTERS | mode, device, ..Entry::default() })
    }

    pub fn owner(mut self, path: &str, uid: u32, gid: u32) -> Self {
        self.0.get_mut(path).unwrap_or_else(|| panic!("no {path}")).owner = (uid, gid);
        self
    }

    /// Without this path and all that is below it.
    pub fn without(mut self, path: &str) -> Self {
        let below = format!("{path}/");
        self.0.retain(|name, _| name != path && !name.starts_with(&below));
        self
    }

    /// With what is in a folder of this machine, files, folders and links, at this path.
    pub fn tree(mut self, path: &str, ours: &Path) -> Self {
        let entries = fs::read_dir(ours).unwrap_or_else(|error| panic!("{}: {error}", ours.display()));
        for entry in entries.map(|entry| entry.expect("it can be read")) {
            let name = format!("{path}/{}", entry.file_name().to_str().expect("our own names"));
            let kind = entry.file_type().expect("it is there");
            self = if kind.is_dir() {
                self.folder(&name, 0o755).tree(&name, &entry.path())
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).expect("it is one");
                self.link(&name, target.to_str().expect("our own names"))
            } else {
                let mode = entry.metadata().expect("it is there").permissions().mode() & 0o7777;
                self.file(&name, mode, fs::read(entry.path()).expect("it can be read"))
            };
        }
        self
    }

    /// The archive's bytes, always the same.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, (path, entry)) in self.0.iter().enumerate() {
            append(&mut out, number + 1, &path[1..], entry);
        }
        append(&mut out, 0, "TRAILER!!!", &Entry::default());
        out
    }

    /// Lays it out in a folder of this machine, for who makes a disk of it. Only root can make devices and other owners.
    pub fn lay(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("our own folder");
        let root = rustix::process::geteuid().is_root();
        for (path, entry) in &self.0 {
            let here: PathBuf = folder.join(&path[1..]);
            let kind = entry.mode & 0o170_000;
            match kind {
                FOLDER => fs::create_dir(&here).expect("our own folder"),
                FILE => fs::write(&here, &entry.body).expect("our own folder"),
                LINK => symlink(String::from_utf8_lossy(&entry.body).as_ref(), &here).expect("our own folder"),
                _ => panic!("a disk needs no device, devtmpfs has them: {path}"),
            }
            if root {
                let (uid, gid) = entry.owner;
                std::os::unix::fs::lchown(&here, Some(uid), Some(gid)).expect("root may");
            }
            if kind != LINK {
                fs::set_permissions(&here, fs::Permissions::from_mode(entry.mode & 0o7777)).expect("our own");
            }
        }
    }
}

/// One entry: a header of hexadecimal numbers, the name and the body, each filled up to a multiple of four.
fn append(out: &mut Vec<u8>, inode: usize, name: &str, entry: &Entry) {
    const CHECKSUM: u32 = 0;
    let links = if entry.mode & FOLDER == FOLDER { 2 } else { 1 };
    let (number, length) = (|value: usize| u32::try_from(value).expect("4 GiB are enough"), name.len() + 1);
    let (uid, gid) = entry.owner;
    let fields = [number(inode), entry.mode, uid, gid, links, 0, number(entry.body.len()), 0, 0];
    let fields = fields.into_iter().chain([entry.device.0, entry.device.1, number(length), CHECKSUM]);
    out.extend(b"070701");
    for field in fields {
        out.extend(format!("{field:08x}").into_bytes());
    }
    let mut fill = |bytes: &[&[u8]]| {
        out.extend(bytes.concat());
        out.resize(out.len().next_multiple_of(4), 0);
    };
    fill(&[name.as_bytes(), b"\0"]);
    fill(&[&entry.body]);
}
