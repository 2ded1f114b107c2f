//! Control groups as a test sees them: which hierarchy has a controller, where a process is in it, and groups of the test's
//! own. It asks the kernel, and nothing of aril.

use super::{eventually, mark, process};
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// A place for a test's groups at the root of each hierarchy; with it goes whatever is left there.
pub struct Place {
    pub name: String,
}

impl Place {
    pub fn new() -> Self {
        Self { name: format!("/aril-test-{}", mark()) }
    }

    pub fn option(&self) -> String {
        format!("--cgroup-parent={}", self.name)
    }

    pub fn group(&self, hierarchy: &Hierarchy) -> PathBuf {
        hierarchy.root.join(self.name.trim_start_matches('/'))
    }

    /// The groups in it, in all hierarchies.
    pub fn groups(&self) -> Vec<PathBuf> {
        hierarchies().iter().flat_map(|hierarchy| below(&self.group(hierarchy))).collect()
    }

    #[track_caller]
    pub fn is_empty(&self, after: &str) {
        let left = self.groups();
        assert!(left.is_empty(), "control groups are left after {after}: {left:#?}");
    }

    /// Makes it where these controllers are, and gives it to a user, as an administrator would.
    #[track_caller]
    pub fn delegate(&self, controllers: &[&str], uid: u32) {
        for hierarchy in controllers.iter().filter_map(|controller| of(controller)) {
            let group = self.group(&hierarchy);
            if hierarchy.is_unified() {
                let is_here = |name: &&&str| of(name).is_some_and(|other| other.is_unified());
                let all: Vec<String> = controllers.iter().filter(is_here).map(|name| format!("+{name}")).collect();
                fs::write(hierarchy.root.join("cgroup.subtree_control"), all.join(" ")).expect("root may");
            }
            fs::create_dir_all(&group).expect("root may");
            for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"].map(|name| group.join(name)) {
                if file.exists() {
                    chown(&file, Some(uid), Some(uid)).expect("root may");
                }
            }
        }
    }

    /// A shell's words that take the shell into it.
    pub fn enter(&self) -> String {
        let groups = hierarchies().into_iter().map(|hierarchy| self.group(&hierarchy));
        let each =
            groups.filter(|group| group.exists()).map(|group| format!("echo $$ >{}/cgroup.procs", group.display()));
        each.collect::<Vec<_>>().join("; ")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for hierarchy in hierarchies() {
            let group = self.group(&hierarchy);
            for path in [below(&group), vec![group]].concat().into_iter().filter(|path| path.exists()) {
                for pid in words(&path.join("cgroup.procs")).iter().filter_map(|pid| pid.parse().ok()) {
                    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                        let killed = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                        assert!(killed.is_ok() || !path.exists() || words(&path.join("cgroup.procs")).is_empty());
                    }
                }
                let removed = super::comes(|| fs::remove_dir(&path).is_ok());
                assert!(removed || std::thread::panicking(), "{} cannot be removed", path.display());
            }
        }
    }
}

/// The command's pid outside, once it is `sleep MARK`.
#[track_caller]
pub fn sleeper(mark: &str) -> u32 {
    let mut found = None;
    eventually(&format!("sleep {mark}"), || {
        found = process::sleeper(mark);
        found.is_some()
    });
    found.expect("it came")
}

/// The groups that an administrator gives to a user as aril advises; they are removed in the end. One test at a time has them.
pub struct Given {
    name: String,
    _one: MutexGuard<'static, ()>,
}

impl Given {
    pub fn to(uid: u32) -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        // A test that has failed with it leaves nothing.
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { name: format!("of-{uid}"), _one: one }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let own = |hierarchy: &Hierarchy| hierarchy.group(std::process::id()).unwrap_or_default();
        let parents = |hierarchy: Hierarchy| [own(&hierarchy), hierarchy.root];
        for group in hierarchies().into_iter().flat_map(parents).map(|parent| parent.join(&self.name)) {
            for path in [below(&group), vec![group]].concat().into_iter().filter(|path| path.exists()) {
                let removed = super::comes(|| fs::remove_dir(&path).is_ok());
                assert!(removed || std::thread::panicking(), "{} cannot be removed", path.display());
            }
        }
    }
}
