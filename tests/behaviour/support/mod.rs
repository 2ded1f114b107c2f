//! What every test shares: the callers (root, an ordinary user), the root file systems and how a program is run so that
//! nothing hangs and a failure prints everything. `process` looks into /proc, `traces` compares before with after, `inits`
//! runs an init without a container, `ranges` gives an ordinary user more ids, `page` runs what stands in the documentation.

pub mod cgroups;
pub mod inits;
#[path = "../../outcome.rs"]
pub mod outcome;
pub mod page;
pub mod process;
#[path = "../../programs.rs"]
mod programs;
mod ranges;
mod run;
mod terminal;
pub mod traces;

pub use outcome::remember_where_a_test_fails;
pub use ranges::{Etc, FIRST, RANGE};
pub use run::{Outcome, PATIENCE, Run, Running, Stream, When};
pub use terminal::{Terminal, pair};

use libtest_mimic::{Completion, Conclusion, Trial};
use outcome::outcome_of;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An ordinary user's uid and gid: without an entry in any passwd file, and above what distributions give away.
const ORDINARY: u32 = 20001;

/// Declares a module's tests by who calls aril: `both`, `as_root`, `as_user`, or `once` where it makes no difference.
#[macro_export]
macro_rules! tests {
    ($($group:ident: $($name:ident),* $(,)?;)*) => {
        pub fn tests() -> Vec<$crate::support::Test> {
            vec![$($($crate::support::Test {
                module: module_path!(),
                name: stringify!($name),
                callers: $crate::support::callers::$group,
                body: $name,
            },)*)*]
        }
    };
}

/// Who calls aril in a test, with what its name then ends in.
pub mod callers {
    /// Whether root calls; the end of the name.
    pub type Callers = &'static [(Option<bool>, &'static str)];
    #[allow(non_upper_case_globals, reason = "read as words in the table of a module's tests")]
    pub const both: Callers = &[(Some(true), "_as_root"), (Some(false), "_as_user")];
    #[allow(non_upper_case_globals, reason = "as above")]
    pub const as_root: Callers = &[(Some(true), "_as_root")];
    #[allow(non_upper_case_globals, reason = "as above")]
    pub const as_user: Callers = &[(Some(false), "_as_user")];
    /// Whoever runs the tests.
    #[allow(non_upper_case_globals, reason = "as above")]
    pub const once: Callers = &[(None, "")];
}

/// One test of a module.
pub struct Test {
    pub module: &'static str,
    pub name: &'static str,
    pub callers: callers::Callers,
    pub body: fn(&Who),
}

impl Test {
    /// The test once for each caller.
    pub fn trials(self, world: &'static World) -> impl Iterator<Item = Trial> {
        let module = self.module.rsplit("::").next().unwrap_or(self.module);
        self.callers
            .iter()
            .map(move |(root, end)| trial(world, format!("{module}::{}{end}", self.name), *root, self.body))
    }
}

/// What this caller does, or whoever runs the tests.
pub fn trial(
    world: &'static World,
    name: String,
    root: Option<bool>,
    body: impl FnOnce(&Who) + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || {
        if root == Some(true) && !world.root {
            return Ok(Completion::ignored_with("only root can run it"));
        }
        let who = Who { world, root: root.unwrap_or(world.root) };
        outcome_of(|| body(&who))
    })
}

/// The only tests to be run, if their names are in a file, one a line: more than a filter can name.
pub fn chosen(mut trials: Vec<Trial>) -> Vec<Trial> {
    if let Ok(path) = std::env::var("ARIL_TESTS") {
        let names = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let names: BTreeSet<&str> = names.lines().collect();
        trials.retain(|trial| names.contains(trial.name()));
    }
    trials
}

/// Where the tests run: a folder that everybody can reach, with the binaries and one root file system for each caller.
pub struct World {
    folder: PathBuf,
    root: bool,
    /// There is a C compiler, so there is a probe.
    probe: bool,
}

impl World {
    /// `whole`: with the files, not only to list the tests.
    pub fn make(whole: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("aril-tests.").tempdir().expect("a temporary folder").keep();
        let root = rustix::process::geteuid().is_root();
        let mut world = Self { folder, root, probe: false };
        if whole {
            world.furnish();
        }
        world
    }

    fn furnish(&mut self) {
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o755)).expect("our own folder");
        let busybox = rootfs("busybox");
        assert!(busybox.is_dir(), "{0} is missing: rootfs/busybox {0}", busybox.display());
        for (name, binary) in [("aril", env!("CARGO_BIN_EXE_aril")), ("aril-init", env!("CARGO_BIN_EXE_aril-init"))] {
            tool("cp", &[binary, &self.path(name)]);
        }
        self.probe = self.compile("probe");
        for (caller, owner) in [("root", 0), ("user", ORDINARY)] {
            let copy = self.path(&format!("untouched-of-{caller}"));
            tool("cp", &["-a", &busybox.display().to_string(), &copy]);
            // What a container that was killed has left in the model, with the marks by which the next one would find it.
            tool(
                "find",
                &[&copy, "(", "-perm", "1400", "-o", "-perm", "1511", "-o", "-perm", "1711", ")", "-empty", "-delete"],
            );
            if self.probe {
                tool("cp", &[&self.path("probe"), &format!("{copy}/bin/probe")]);
            }
            if self.root && owner != 0 {
                tool("chown", &["-hR", &format!("{owner}:{owner}"), &copy]);
            }
            tool("cp", &["-a", &copy, &self.path(&format!("busybox-of-{caller}"))]);
        }
    }

    /// Puts a program of `programs` into our folder, if there is a compiler; in a VM, which has none, it may be ready.
    fn compile(&self, name: &str) -> bool {
        let Some(ready) = std::env::var_os("ARIL_PROGRAMS") else {
            return programs::compile("gcc", name, &self.folder.join(name));
        };
        let copied = Command::new("cp").arg(Path::new(&ready).join(name)).arg(&self.folder).output();
        copied.is_ok_and(|output| output.status.success())
    }

    /// Puts one more such program into every root file system, at each of these paths with its permissions. Without a compiler
    /// there is no probe either.
    #[allow(dead_code, reason = "the suite of escapes uses it")]
    pub fn add_program(&self, name: &str, places: &[(&str, &str)]) {
        if !self.probe {
            return;
        }
        assert!(self.compile(name), "{name}: it cannot be compiled");
        for (path, mode) in places {
            self.copy_to_images(path, mode, &self.path(name));
        }
    }

    /// Copies a file to this path in every root file system.
    fn copy_to_images(&self, path: &str, mode: &str, source: &str) {
        for (caller, owner) in [("root", 0), ("user", ORDINARY)] {
            let owner = if self.root { format!("-o{owner} -g{owner}") } else { String::new() };
            for kind in ["untouched", "busybox"] {
                let target = self.path(&format!("{kind}-of-{caller}/{path}"));
                let options = owner.split_whitespace().chain(["-D", "-m", mode, "--", source, &target]);
                tool("install", &options.collect::<Vec<&str>>());
            }
        }
    }

    /// Puts a script at this path into every root file system.
    #[allow(dead_code, reason = "as above")]
    pub fn add_script(&self, path: &str, text: &str) {
        executable(&self.folder.join("script"), text);
        self.copy_to_images(path, "755", &self.path("script"));
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// What no path but those of this run of the tests contains.
    pub fn name(&self) -> String {
        self.path("")
    }

    /// The processes of this run of the tests that are still there.
    pub fn left(&self) -> Vec<(u32, Vec<String>)> {
        [process::naming(&self.name()), process::naming(&marks())].concat()
    }

    /// The end of all tests: no process of theirs is left, or it is told and a failure.
    pub fn end(&self, conclusion: &Conclusion) -> ExitCode {
        let left = self.left();
        self.remove();
        if !left.is_empty() {
            println!("processes were left behind: {left:#?}");
            return ExitCode::FAILURE;
        }
        conclusion.exit_code()
    }

    pub fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            println!("{}: {error}", self.folder.display());
        }
    }
}

/// A root file system that a recipe made.
pub fn rootfs(name: &str) -> PathBuf {
    let folder = std::env::var_os("ARIL_ROOTFS").map(PathBuf::from);
    folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rootfs")).join(name)
}

/// Runs one of the machine's own programs, which must succeed, and returns what it printed. Files that are to be executed
/// are made this way too: were they open for writing here, a test that forks just then would make them "busy".
#[track_caller]
pub fn tool(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_string()
}

/// Writes an executable file.
#[track_caller]
pub fn executable(path: &Path, text: &str) {
    tool("sh", &["-c", "printf %s \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh", &path.display().to_string(), text]);
}

/// Waits until something is so, and fails if it does not come.
#[track_caller]
pub fn eventually(what: &str, so: impl FnMut() -> bool) {
    assert!(comes(so), "this never came: {what}");
}

/// Waits until something is so; false if it does not come.
pub fn comes(mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while !so() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// A number of seconds to sleep that occurs in no other command line of the machine.
pub fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}{:05}", marks(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// How each `mark` of this run of the tests begins.
pub fn marks() -> String {
    format!("31536.{}", std::process::id())
}

/// Who calls aril in this test.
pub struct Who {
    world: &'static World,
    root: bool,
}

impl Who {
    /// Gives the test up, for a reason that the totals show.
    pub fn skip(&self, reason: &str) -> ! {
        outcome::skip(reason)
    }

    pub fn is_root(&self) -> bool {
        self.root
    }

    /// The other caller, or this one, on the same machine.
    #[allow(dead_code, reason = "the suite of escapes uses it")]
    pub fn caller(&self, root: bool) -> Self {
        Self { world: self.world, root }
    }

    /// The uid outside; the gid is the same number.
    pub fn uid(&self) -> u32 {
        match (self.root, self.world.root) {
            (true, _) => 0,
            (false, true) => ORDINARY,
            (false, false) => rustix::process::geteuid().as_raw(),
        }
    }

    pub fn gid(&self) -> u32 {
        if self.world.root { self.uid() } else { rustix::process::getegid().as_raw() }
    }

    /// Skips the test unless root runs the tests, for what only root can prepare.
    pub fn needs_root_behind(&self) {
        if !self.world.root {
            self.skip("only root can prepare it");
        }
    }

    /// Skips the test on an older kernel.
    pub fn needs_linux(&self, version: (u32, u32), reason: &str) {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
        let mut numbers = release.split('.').map(|part| part.parse().unwrap_or(0));
        if (numbers.next(), numbers.next()) < (Some(version.0), Some(version.1)) {
            self.skip(reason);
        }
    }

    /// Skips the test where root's ids inside cannot be root's on a tmpfs too, and aril says so.
    pub fn needs_idmapped_tmpfs(&self) {
        if self.is_root() {
            self.needs_linux((6, 3), "before Linux 6.3 a tmpfs cannot be idmapped");
        }
    }

    pub fn needs_probe(&self) {
        if !self.world.probe {
            self.skip("no static C program can be built: install gcc and libc6-dev");
        }
    }

    /// The binaries' copies.
    pub fn binary(&self, name: &str) -> String {
        self.world.path(name)
    }

    /// A copy of it in this folder that anyone may write to, so that it executes itself anew.
    pub fn writable(&self, folder: &Folder) -> String {
        let path = folder.join("writable");
        fs::copy(self.binary("aril"), &path).expect("our own folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("our own file");
        path.display().to_string()
    }

    /// The busybox root file system that this caller's tests share.
    pub fn rootfs(&self) -> String {
        self.world.path(&format!("busybox-of-{}", self.kind()))
    }

    fn kind(&self) -> &'static str {
        if self.root { "root" } else { "user" }
    }

    /// An empty folder of the caller's.
    pub fn folder(&self) -> Folder {
        let folder = TempDir::with_prefix_in("folder.", &self.world.folder).expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("our own folder");
        if self.world.root {
            chown(folder.path(), Some(self.uid()), Some(self.gid())).expect("root may");
        }
        Folder(folder)
    }

    /// The value of `-v` for a volume in which root inside is the caller.
    pub fn volume(&self, source: &str, target: &str) -> String {
        format!("{source}:{target}{}", if self.root { ":idmap" } else { "" })
    }

    /// A busybox root file system for this test alone, without any of `lacking`. Its model is one in which nothing runs, so
    /// that no mount points of a running container are copied.
    pub fn own_rootfs(&self, lacking: &[&str]) -> Folder {
        let folder = self.folder();
        let model = self.world.path(&format!("untouched-of-{}", self.kind()));
        tool("cp", &["-a", &format!("{model}/."), folder.str()]);
        for path in lacking {
            tool("rm", &["-r", &folder.join(path).display().to_string()]);
        }
        folder
    }

    /// Any program as this caller.
    pub fn program(&self, program: &str, words: &[&str]) -> Run {
        Run::new(program, words, (self.world.root && !self.root).then_some(ORDINARY))
    }

    /// Any program as this caller, after root has prepared a mount namespace for it with a script.
    pub fn prepared(&self, script: &str, words: &[&str]) -> Run {
        self.needs_root_behind();
        let script = format!(
            "set -e; {script}; exec setpriv --reuid={} --regid={} --clear-groups \"$@\"",
            self.uid(),
            self.gid()
        );
        Run::new("unshare", &[&["-m", "sh", "-c", &script, "sh"], words].concat(), None)
    }

    /// `aril WORDS`.
    pub fn aril(&self, words: &[&str]) -> Run {
        self.program(&self.binary("aril"), words)
    }

    /// `aril run OPTIONS ROOTFS COMMAND` in this root file system.
    pub fn run_in(&self, rootfs: &str, options: &[&str], command: &[&str]) -> Run {
        self.aril(&[&["run"], options, &[rootfs], command].concat())
    }

    /// `aril run OPTIONS ROOTFS COMMAND` in the shared root file system, to its end.
    #[track_caller]
    pub fn run(&self, options: &[&str], command: &[&str]) -> Outcome {
        self.run_in(&self.rootfs(), options, command).run()
    }

    /// The same with a shell's script.
    #[track_caller]
    pub fn sh(&self, options: &[&str], script: &str) -> Outcome {
        self.run(options, &["/bin/sh", "-c", script])
    }

    /// `run`, and it goes on while the test looks at it.
    #[track_caller]
    pub fn start(&self, options: &[&str], command: &[&str]) -> Running {
        self.run_in(&self.rootfs(), options, command).start()
    }
}

/// A temporary folder, by its name.
pub struct Folder(TempDir);

impl Folder {
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn str(&self) -> &str {
        self.path().to_str().expect("the name is ours")
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.path().join(path.trim_start_matches('/'))
    }

    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let path = self.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim_end().to_string()
    }
}
