//! Control groups as a test sees them: which hierarchy has a controller, and where a process is in it. It asks the kernel, and
//! nothing of aril.

use std::fs;
use std::path::{Path, PathBuf};

/// One that is mounted here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hierarchy {
    pub root: PathBuf,
    /// Those of version 1, by its own names; none: it is version 2.
    controllers: Vec<String>,
}

/// All of them; one with a name and no controller is nobody's business here.
pub fn hierarchies() -> Vec<Hierarchy> {
    const KNOWN: [&str; 10] =
        ["cpu", "cpuacct", "cpuset", "memory", "blkio", "pids", "devices", "freezer", "hugetlb", "rdma"];
    let table = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    let parse = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let (mut place, kind) = (place.split(' ').skip(4), kind.split(' ').collect::<Vec<_>>());
        let options = kind.get(2)?.split(',').filter(|option| KNOWN.contains(option)).map(ToString::to_string);
        let controllers: Vec<String> = if kind[0] == "cgroup" { options.collect() } else { Vec::new() };
        let is_one = kind[0] == "cgroup2" || !controllers.is_empty();
        is_one.then_some(Hierarchy { root: place.next()?.into(), controllers })
    };
    table.lines().filter_map(parse).filter(|one| one.root.starts_with("/sys/fs/cgroup")).collect()
}

/// The one that has this controller, by its name in version 2. Of `cgroup` are the files that each group of version 2 has.
pub fn of(controller: &str) -> Option<Hierarchy> {
    let old = if controller == "io" { "blkio" } else { controller };
    let all = hierarchies();
    if let Some(found) = all.iter().find(|one| one.controllers.iter().any(|own| own == old)) {
        return Some(found.clone());
    }
    all.into_iter().find(|one| {
        let has = || words(&one.root.join("cgroup.controllers")).contains(&controller.to_string());
        one.is_unified() && (controller == "cgroup" || has())
    })
}

fn words(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().split_whitespace().map(ToString::to_string).collect()
}

impl Hierarchy {
    pub fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// The group of a process, if it lives.
    pub fn group(&self, pid: u32) -> Option<PathBuf> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let path = text.lines().find_map(|line| {
            let [_, controllers, path] = line.splitn(3, ':').collect::<Vec<_>>().try_into().ok()?;
            let is_here = controllers.split(',').eq(self.controllers.iter().map(String::as_str));
            (is_here || controllers.is_empty() && self.is_unified()).then_some(path)
        })?;
        Some(self.root.join(path.trim_start_matches('/')))
    }

    /// What a file of the group of a process says, and that of the one above it.
    pub fn read(&self, pid: u32, file: &str) -> [Option<String>; 2] {
        let group = self.group(pid);
        let read = |group: Option<&Path>| Some(fs::read_to_string(group?.join(file)).ok()?.trim_end().to_string());
        [read(group.as_deref()), read(group.as_deref().and_then(Path::parent))]
    }
}

/// Every group below one.
pub fn below(group: &Path) -> Vec<PathBuf> {
    // It may end while we look.
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.flat_map(|entry| [below(&entry.path()), vec![entry.path()]].concat()).collect()
}
