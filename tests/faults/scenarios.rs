//! What is run, and what it could leave behind.

use crate::judge::{self, Kind};
use crate::support::cgroups::Place as Groups;
use crate::support::traces::{mounts, tree};
use crate::support::{Folder, Running, Who, comes, eventually, mark, pair, tool};
use crate::tracer::{self, Change, Traced, trace};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;

crate::tests! {
    both: run_fails, run_killed, limits_fails, limits_killed, exec_fails, exec_killed, init_fails, aril_init_fails,
        no_init_fails, no_init_killed, terminal_fails, terminal_killed, detach_fails, detach_killed, view_fails, view_killed;
    both: an_old_kernel;
    as_root: image_fails, image_killed, identity_fails, identity_killed;
}

macro_rules! scenario {
    ($($fails:ident $killed:ident $make:ident;)*) => {$(
        fn $fails(who: &Who) {
            judge::all(stringify!($make), Kind::Fails, &$make(who));
        }

        #[allow(dead_code, reason = "SIGKILL is the end of an init and of all")]
        fn $killed(who: &Who) {
            judge::all(stringify!($make), Kind::Killed, &$make(who));
        }
    )*};
}

scenario! {
    run_fails run_killed run;
    limits_fails limits_killed limits;
    exec_fails exec_killed exec;
    init_fails init_killed init;
    aril_init_fails aril_init_killed aril_init;
    no_init_fails no_init_killed no_init;
    terminal_fails terminal_killed terminal;
    detach_fails detach_killed detach;
    view_fails view_killed view;
    image_fails image_killed image;
    identity_fails identity_killed identity;
}

/// What is newer than Linux 5.14 is refused: the same is run with what that has.
fn an_old_kernel(who: &Who) {
    for make in [run, limits, exec, identity, view, detach] {
        let scenario = make(who);
        scenario.trace(None);
        let before = scenario.state();
        let traced = scenario.trace(Some(Change::Old));
        let is_told = traced.err.is_empty() || traced.err.contains("this kernel cannot idmap");
        assert!(traced.status == 0 && traced.out == scenario.says() && is_told, "{:?}: {}", scenario.words, traced.err);
        assert_eq!(scenario.is_as(&before), Ok(()));
    }
}

/// What every container says that runs.
const SAYS: &[&str] = &["echo", "it ran"];

fn run(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    scenario.run(&[]);
    scenario
}

fn no_init(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    scenario.run(&["--no-init"]);
    scenario
}

/// Standard input is a terminal, from which it reads.
fn terminal(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    let words = ["run", scenario.rootfs.str(), "sh", "-c", "read word; echo it $word"];
    scenario.words = words.iter().map(ToString::to_string).collect();
    scenario.typed = Some("ran\n");
    scenario
}

/// The caller's ids are the container's.
fn identity(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    scenario.run(&["--userns", "identity", "--network", "none"]);
    scenario
}

/// Most of what can be asked for.
fn limits(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    let source = scenario.folder.join("source");
    fs::create_dir(&source).expect("our own folder");
    let volume = who.volume(&source.display().to_string(), "/made/for/it");
    let (parent, pid_file) = (scenario.groups.option(), scenario.folder.join("pid").display().to_string());
    let mut options = vec![parent.as_str(), "--pidfile", &pid_file, "-v", &volume, "--tmpfs", "/var/tmp:size=1m"];
    options.extend(["--network", "none", "--read-only", "--hostname", "faulty", "--ulimit", "core=0"]);
    options.extend(["-w", "/tmp", "--nice", "1", "--add-host", "one:10.0.0.1"]);
    let name = scenario.name.clone();
    options.extend(["--name", &name]);
    if who.is_root() {
        options.extend(["-m", "64m", "--pids-limit", "20", "--user", "7:8"]);
    } else {
        options.extend(["--cgroups", "off"]);
    }
    scenario.run(&options);
    scenario
}

fn detach(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    let name = scenario.name.clone();
    let log = scenario.folder.join("log");
    fs::write(&log, "").expect("our own folder");
    chown(&log, Some(who.uid()), Some(who.gid())).expect("root may");
    scenario.run(&["--detach", "--rm", "--name", &name, "--log", &log.display().to_string()]);
    scenario.says = format!("{name}\nit ran\n");
    scenario.log = Some(log);
    scenario.launcher = 1;
    scenario
}

/// This very machine.
fn view(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    scenario.words = [&["run", "/"], SAYS].concat().iter().map(ToString::to_string).collect();
    scenario
}

/// A file with a file system.
fn image(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    let image = scenario.folder.join("image").display().to_string();
    tool("mksquashfs", &[scenario.rootfs.str(), &image, "-quiet", "-no-progress"]);
    scenario.words = [&["run", "--overlay", &image], SAYS].concat().iter().map(ToString::to_string).collect();
    scenario
}

/// Into a container that runs.
fn exec(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    let (name, mark) = (scenario.name.clone(), mark());
    let words = ["run", "--name", &name, scenario.rootfs.str(), "sleep", &mark];
    let running = who.aril(&words).env("XDG_RUNTIME_DIR", scenario.folder.str()).start();
    running.sleeper(&mark);
    eventually("it is recorded", || {
        let listed = who.aril(&["ps"]).env("XDG_RUNTIME_DIR", scenario.folder.str()).run().out();
        listed.lines().any(|line| line.starts_with(&format!("{name} ")) && line.contains(" up "))
    });
    scenario.running = Some(running);
    scenario.words = [&["exec", &name], SAYS].concat().iter().map(ToString::to_string).collect();
    scenario
}

fn init(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    scenario.words = [&["init", "--"], SAYS].concat().iter().map(ToString::to_string).collect();
    scenario
}

fn aril_init(who: &Who) -> Scenario<'_> {
    let mut scenario = Scenario::new(who);
    scenario.binary = "aril-init";
    scenario.words = [&["--"], SAYS].concat().iter().map(ToString::to_string).collect();
    scenario
}

/// A command line, with a place of its own.
pub struct Scenario<'w> {
    pub who: &'w Who,
    folder: Folder,
    rootfs: Folder,
    name: String,
    groups: Groups,
    binary: &'static str,
    words: Vec<String>,
    /// What is on standard output in the end.
    says: String,
    /// At a terminal that is standard input.
    typed: Option<&'static str>,
    /// Where the output goes in the background.
    log: Option<PathBuf>,
    /// Which process is the launcher: those before it are its callers.
    pub launcher: usize,
    /// The container that is entered.
    running: Option<Running>,
}

/// What is there.
#[derive(PartialEq, Eq, Clone)]
pub struct State {
    files: BTreeSet<String>,
    mounts: BTreeSet<String>,
    groups: Vec<PathBuf>,
    loops: Vec<String>,
}

impl State {
    /// The same, without the times of directories (`tree`, inode(7)).
    pub fn without_times(&self) -> Self {
        let plain = |line: &String| match line.split_once(" time ") {
            Some((plain, _)) if plain.contains(" mode 4") => plain.to_string(),
            _ => line.clone(),
        };
        Self { files: self.files.iter().map(plain).collect(), ..self.clone() }
    }
}

impl<'w> Scenario<'w> {
    fn new(who: &'w Who) -> Self {
        who.needs_root_behind();
        let folder = who.folder();
        let name = format!("faults-{}", mark().replace("31536.", ""));
        let rootfs = who.own_rootfs(&[]);
        Self {
            who,
            folder,
            rootfs,
            name,
            groups: Groups::new(),
            binary: "aril",
            words: Vec::new(),
            says: "it ran\n".to_string(),
            typed: None,
            log: None,
            launcher: 0,
            running: None,
        }
    }

    fn run(&mut self, options: &[&str]) {
        let words = [&["run"], options, &[self.rootfs.str()], SAYS].concat();
        self.words = words.iter().map(ToString::to_string).collect();
    }

    pub fn says(&self) -> &str {
        &self.says
    }

    /// The name, of what runs in the background.
    pub fn first_line(&self) -> &str {
        self.says.split_inclusive('\n').next().unwrap_or_default()
    }

    /// Runs it, perhaps with a fault.
    pub fn trace(&self, change: Option<Change>) -> Traced {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let program = self.who.program(&self.who.binary(self.binary), &words).env("XDG_RUNTIME_DIR", self.folder.str());
        let mut command = program.command();
        command.stdin(Stdio::null());
        let keyboard = self.typed.map(|typed| {
            let (keyboard, terminal) = pair(self.who);
            rustix::io::write(&keyboard, typed.as_bytes()).expect("there is room");
            command.stdin(terminal);
            keyboard
        });
        let mut traced = trace(command, &self.names(), change);
        drop(keyboard);
        if let Some(log) = &self.log {
            let said = fs::read_to_string(log).expect("it was made before");
            fs::write(log, "").expect("our own folder");
            for line in said.lines() {
                let stream = if line.starts_with("aril") { &mut traced.err } else { &mut traced.out };
                *stream += &format!("{line}\n");
            }
        }
        traced
    }

    /// What stands for what differs from run to run.
    fn names(&self) -> [(&str, &str); 4] {
        [
            (self.rootfs.str(), "ROOTFS"),
            (self.folder.str(), "FOLDER"),
            (&self.name, "NAME"),
            (&self.groups.name, "/GROUPS"),
        ]
    }

    /// A text in which that stands.
    pub fn plain(&self, text: &str) -> String {
        tracer::plain(text, &self.names())
    }

    /// What there is now.
    pub fn state(&self) -> State {
        let mut files = tree(self.rootfs.path());
        // The directory of all records changes its time with each.
        let plain = |line: String| line.split(" time ").next().unwrap_or_default().to_string();
        files.extend(tree(self.folder.path()).into_iter().map(plain));
        if self.who.is_root() {
            let all = fs::read_dir("/run/aril").into_iter().flatten().flatten();
            let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
            files.extend(names.filter(|name| *name == self.name));
        }
        State { files, mounts: mounts(), groups: self.groups.groups(), loops: self.loops() }
    }

    /// The devices that have a file of this place.
    fn loops(&self) -> Vec<String> {
        let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
        let files = devices.filter_map(|device| fs::read_to_string(device.path().join("loop/backing_file")).ok());
        files.filter(|file| Path::new(file).starts_with(self.folder.path())).collect()
    }

    /// Whether it comes to be as it was; what is not so, if not.
    pub fn is_as(&self, before: &State) -> Result<(), String> {
        // All processes have ended. What the kernel ends in its own time is a loop device, with the last of its mounts.
        let mut now = self.state();
        if now.files == before.files && now.groups == before.groups && now != *before {
            comes(|| self.state() == *before);
            now = self.state();
        }
        if now == *before {
            return Ok(());
        }
        let mut left = String::new();
        for (before, now) in [(&before.files, &now.files), (&before.mounts, &now.mounts)] {
            left += &before.difference(now).map(|line| format!("\n    - {line}")).collect::<String>();
            left += &now.difference(before).map(|line| format!("\n    + {line}")).collect::<String>();
        }
        left += &now.groups.iter().map(|group| format!("\n    + {}", group.display())).collect::<String>();
        left += &now.loops.iter().map(|file| format!("\n    + loop device of {file}")).collect::<String>();
        Err(left)
    }
}
