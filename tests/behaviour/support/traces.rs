//! What a container could leave behind: files in its root file system, mounts, control groups, processes.

use super::{eventually, process};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The state of things before a container.
pub struct Traces {
    rootfs: PathBuf,
    files: BTreeSet<String>,
    mounts: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Traces {
    pub fn of(rootfs: &Path) -> Self {
        Self { rootfs: rootfs.to_path_buf(), files: tree(rootfs), mounts: mounts(), groups: groups() }
    }

    /// Nothing is left of the containers of this root file system.
    #[track_caller]
    pub fn unchanged(&self, after: &str) {
        let name = self.rootfs.display().to_string();
        eventually(&format!("the end of all processes, after {after}"), || process::of_folder(&name).is_empty());
        same("file", &self.files, &tree(&self.rootfs), after);
        // These are the whole machine's: what others have for a moment goes again.
        settle(|| self.mounts == mounts());
        same("mount", &self.mounts, &mounts(), after);
        // Other tests have groups for as long as they run; what is left stays.
        let new: Vec<String> = groups().difference(&self.groups).cloned().collect();
        let are_gone = || !new.iter().any(|group| Path::new(group).exists());
        eventually(&format!("the end of the control groups {new:#?}, after {after}"), are_gone);
    }
}

#[track_caller]
fn same(what: &str, before: &BTreeSet<String>, now: &BTreeSet<String>, after: &str) {
    let gone: Vec<&String> = before.difference(now).collect();
    let new: Vec<&String> = now.difference(before).collect();
    assert!(gone.is_empty() && new.is_empty(), "{after}: a {what} has changed: {gone:#?} -> {new:#?}");
}

/// Waits for something that is so soon, if ever.
fn settle(so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(5);
    while !so() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every file below with its mode, owner, size, time and a link's target; a folder's size is the file system's affair.
pub fn tree(folder: &Path) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        let file = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let size = if file.is_dir() { 0 } else { file.size() };
        let target = fs::read_link(&path).unwrap_or_default();
        lines.insert(format!(
            "{} mode {:o} owner {}:{} size {size} time {}.{:09} {}",
            path.display(),
            file.mode(),
            file.uid(),
            file.gid(),
            file.mtime(),
            file.mtime_nsec(),
            target.display()
        ));
        if file.is_dir() {
            let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            open.extend(entries.map(|entry| entry.expect("it can be listed").path()));
        }
    }
    lines
}

/// The machine's mount table.
pub fn mounts() -> BTreeSet<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    table.lines().map(ToString::to_string).collect()
}

/// The control groups below our own, in every hierarchy: elsewhere others come and go.
fn groups() -> BTreeSet<String> {
    let ours = fs::read_to_string("/proc/self/cgroup").expect("/proc is mounted");
    let mut found = BTreeSet::new();
    for line in ours.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        for mount in [controllers.trim_start_matches("name="), "unified", ""] {
            let own = Path::new("/sys/fs/cgroup").join(mount).join(path.trim_start_matches('/'));
            below(&own, &mut found);
            // At the root of a hierarchy, what root's groups are in stays.
            if path == "/" {
                found.remove(&own.join("aril").display().to_string());
            }
        }
    }
    found
}

fn below(group: &Path, found: &mut BTreeSet<String>) {
    // A hierarchy may not be mounted here, and a group may end while we look.
    let Ok(entries) = fs::read_dir(group) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if found.insert(entry.path().display().to_string()) {
            below(&entry.path(), found);
        }
    }
}
