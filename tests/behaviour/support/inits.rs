//! An init without a container: `aril-init` and `aril init`, as PID 1 and as a subreaper. Each runs in a pid namespace of
//! its own, so that a stray signal can reach nothing but the test.

use super::{Folder, Run, Running, Who, eventually, mark, process, tool};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// Runs a command as its child and complains about whatever the command leaves behind.
const PARENT: &str = "\"$@\"; status=$?; for left in /proc/[0-9]*; do \
    [ $left = /proc/1 ] || { read name <$left/comm; echo \"left behind: $name\" >&2; }; done; exit $status";

/// A program that is an init, and where it is one.
#[derive(Clone)]
pub struct Init<'a> {
    who: &'a Who,
    /// The program and its first words.
    program: Vec<String>,
    pub is_pid_1: bool,
}

/// Both binaries, each as PID 1 and as a subreaper.
pub fn everywhere(who: &Who) -> impl Iterator<Item = Init<'_>> {
    let programs = [vec![who.binary("aril-init")], vec![who.binary("aril"), "init".to_string()]];
    programs
        .into_iter()
        .flat_map(move |program| [true, false].map(|is_pid_1| Init { who, program: program.clone(), is_pid_1 }))
}

/// The one that can do everything, as PID 1 and as a subreaper.
pub fn whole(who: &Who) -> impl Iterator<Item = Init<'_>> {
    everywhere(who).filter(Init::is_whole)
}

/// A new pid namespace for the words that follow: whoever is killed in it, the machine is not.
pub fn namespace(who: &Who) -> Vec<&'static str> {
    let user: &[&str] = if who.is_root() { &[] } else { &["--user", "--map-root-user"] };
    [&["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"], user].concat()
}

/// A shell's script in a pid namespace of its own; its words begin with `$1`.
pub fn script(who: &Who, script: &str, words: &[&str]) -> Run {
    who.program("sh", &[&["-c", script, "sh"], words].concat()).under(&namespace(who))
}

impl Init<'_> {
    /// Whether it has `--restart`, `--report` and `--timeout`.
    pub fn is_whole(&self) -> bool {
        self.program.len() > 1
    }

    /// The same place with another program.
    pub fn called(self, program: &str) -> Self {
        Self { program: vec![program.to_string()], ..self }
    }

    /// The program and its first words, in front of others.
    pub fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        self.program.iter().map(String::as_str).chain(words.iter().copied()).collect()
    }

    /// `INIT WORDS`.
    pub fn call(&self, words: &[&str]) -> Run {
        self.under(&[], words)
    }

    /// `STARTER INIT WORDS`: what starts it has to execute it, and not to stay.
    pub fn under(&self, starter: &[&str], words: &[&str]) -> Run {
        let words = [starter, &self.words(words)].concat();
        if self.is_pid_1 {
            self.who.program(words[0], &words[1..]).under(&namespace(self.who))
        } else {
            script(self.who, PARENT, &words)
        }
    }

    /// `INIT OPTIONS sh -c SCRIPT`.
    pub fn sh(&self, options: &[&str], script: &str) -> Run {
        self.call(&[options, &["sh", "-c", script]].concat())
    }

    /// The init's pid outside.
    #[track_caller]
    pub fn pid(&self, running: &Running) -> u32 {
        let first_child = |pid| {
            eventually(&format!("a child of {pid}"), || !process::children(pid).is_empty());
            process::children(pid)[0]
        };
        let first = first_child(running.pid());
        if self.is_pid_1 { first } else { first_child(first) }
    }

    #[track_caller]
    pub fn signal(&self, running: &Running, signal: Signal) {
        let pid = Pid::from_raw(self.pid(running) as i32).expect("no pid is 0");
        kill_process(pid, signal).expect("it runs");
    }
}

/// A file that was just written is in memory alone, and what is mapped of it counts as dirty.
pub fn synced(path: String) -> String {
    fs::File::open(&path).and_then(|file| file.sync_all()).expect("cargo built it");
    path
}

/// The names that an init may have, as links in a folder.
pub fn links(who: &Who) -> (Folder, Vec<String>) {
    let folder = who.folder();
    let names = ["aril-init", "tini", "dumb-init", "catatonit"];
    let paths = names.map(|name| folder.join(name).display().to_string());
    let init = synced(who.binary("aril-init"));
    paths.iter().for_each(|path| drop(tool("ln", &["-s", &init, path])));
    (folder, paths.into())
}

/// An init whose command sleeps, and its pid.
pub fn supervised(who: &Who, starter: &[&str], init: &[&str]) -> (Running, u32) {
    let mark = mark();
    let words = [&init[1..], &["sleep", &mark]].concat();
    let running = who.program(init[0], &words).under(starter).start();
    let pid = process::stat(running.sleeper(&mark)).expect("it sleeps").parent;
    eventually("it waits", || process::state(pid) == 'S');
    (running, pid)
}

pub fn end((running, pid): (Running, u32)) {
    kill_process(Pid::from_raw(pid as i32).expect("no pid is 0"), Signal::TERM).expect("it runs");
    running.finish().exited(143);
}
