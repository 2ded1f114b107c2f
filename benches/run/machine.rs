//! The machine that figures come from, as far as they depend on it, and what must be set right on it.

use crate::measure::Result;
use crate::peers::{INITS, PEERS};
use crate::place::Place;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

#[derive(Debug, Serialize, Deserialize)]
pub struct Machine {
    pub day: String,
    pub commit: String,
    pub kernel: String,
    pub processor: String,
    pub processors: usize,
    /// On a busy machine the ratios say little: whoever waits for a processor waits as long as everyone else.
    pub load: [String; 2],
    pub versions: BTreeMap<String, String>,
}

/// The tests' root file systems, for the archives of `machine`'s boots.
pub fn rootfs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rootfs")
}

impl Machine {
    pub fn look() -> Result<Self> {
        let text = fs::read_to_string("/proc/cpuinfo")?;
        let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Self {
            day: said("date", &["+%F"])?,
            commit: said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"])
                .unwrap_or_else(|_| "unknown".into()),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().into(),
            processor: model.map_or("unknown", |(_, model)| model.trim()).into(),
            processors: std::thread::available_parallelism()?.get(),
            load: [load()?, String::new()],
            versions: BTreeMap::new(),
        })
    }

    /// What is known at the end.
    pub fn done(mut self, place: &Place) -> Result<Self> {
        self.load[1] = load()?;
        let peers = PEERS.iter().map(|peer| (peer.name, peer.version(place), peer.package));
        let inits = INITS.iter().map(|init| (init.name, init.version(place), init.package));
        for (name, version, package) in peers.chain(inits) {
            let absent = package.map_or("not installed".into(), |package| format!("not installed: Debian's {package}"));
            // What has no words for it is one program with another.
            self.versions.extend(version.map(|version| (name.into(), version.unwrap_or(absent))));
        }
        Ok(self)
    }

    /// In one line.
    pub fn head(&self) -> String {
        let Self { day, commit, kernel, processor, processors, load, .. } = self;
        format!("{day}, commit {commit}, {processor} ({processors}), Linux {kernel}, load {}.", load[0])
    }

    /// Of the day and the machine, in a file's name.
    pub fn name(&self) -> String {
        let letters = self.processor.to_lowercase().replace("(r)", "").replace("(tm)", "");
        let words: Vec<&str> =
            letters.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        format!("{}-{}-x{}", self.day, words.join("-"), self.processors)
    }
}

fn load() -> Result<String> {
    Ok(fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().into())
}

fn said(program: &str, words: &[&str]) -> Result<String> {
    let output = Command::new(program).args(words).output()?;
    if output.status.success() { Ok(String::from_utf8(output.stdout)?.trim().into()) } else { Err(program.into()) }
}

/// crun refuses hybrid control groups; without the mount of version 2, in this mount namespace, they are those of version 1.
pub fn without_hybrid() -> Result<Option<String>> {
    let unified = Path::new("/sys/fs/cgroup/unified");
    if !unified.join("cgroup.controllers").exists() {
        return Ok(None);
    }
    rustix::mount::unmount(unified, rustix::mount::UnmountFlags::DETACH)?;
    Ok(Some(
        "control groups here are hybrid, which crun refuses: version 2 was unmounted for all that was measured".into(),
    ))
}

/// Removes the groups that nspawn, crun and runc leave behind, or a run that was ended early, as far as they are empty.
pub fn clear_up() {
    let root = Path::new("/sys/fs/cgroup");
    let folders = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in folders(root).chain([root.into()]) {
        for group in folders(&hierarchy).filter(|path| path.is_dir() && is_ours(path)) {
            // What is not empty is somebody else's, or still in use.
            folders(&group)
                .chain([group.clone()])
                .filter(|path| path.is_dir())
                .for_each(|path| drop(fs::remove_dir(path)));
        }
    }
    // None, where nspawn has not run.
    drop(fs::remove_dir("/run/systemd/nspawn/propagate/aril-bench"));
}

fn is_ours(group: &Path) -> bool {
    let name = group.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("aril-bench") || ["payload", "supervisor"].contains(&name)
}
