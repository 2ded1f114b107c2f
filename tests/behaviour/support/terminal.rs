//! A pseudo-terminal, by its keyboard and its screen.

use super::{PATIENCE, Run, Stream, Who, comes, process};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::fchown;
use std::process::{Child, Stdio};

/// A terminal with a program on it that leads its session.
pub struct Terminal {
    pub child: Child,
    pub keyboard: File,
    pub screen: Stream,
}

/// A pseudo-terminal of the caller's: the side of the keyboard, and the one for programs.
pub fn pair(who: &Who) -> (OwnedFd, File) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&keyboard).expect("ours");
    unlockpt(&keyboard).expect("ours");
    let name = ptsname(&keyboard, Vec::new()).expect("ours").into_string().expect("a plain path");
    // It must not become the tests' own, which would end with it.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = File::from(open(name, flags, Mode::empty()).expect("it is unlocked"));
    if who.uid() != rustix::process::geteuid().as_raw() {
        fchown(&terminal, Some(who.uid()), Some(who.gid())).expect("root may");
    }
    (keyboard, terminal)
}

impl Terminal {
    /// Runs a program with this terminal as its controlling one; in its environment, `$own` is `aril run`, `$run` the same
    /// without a terminal of the container's own, `$root` the root file system, `$init` is `aril-init` and `$whole` is
    /// `aril init`.
    pub fn open(who: &Who, words: &[&str]) -> Self {
        let run = who.program(words[0], &words[1..]).under(&["setsid", "--ctty"]);
        let aril = who.binary("aril");
        let run = run.env("own", &format!("{aril} run")).env("run", &format!("{aril} run --no-tty"));
        let run = run.env("root", &who.rootfs()).env("PS1", "out> ");
        Self::on(who, run.env("init", &who.binary("aril-init")).env("whole", &format!("{aril} init")))
    }

    /// A terminal with a program on it that has to make it its controlling one.
    pub fn on(who: &Who, run: Run) -> Self {
        let (keyboard, terminal) = pair(who);
        let stream = || Stdio::from(terminal.try_clone().expect("a descriptor is free"));
        let spawned = run.command().stdin(stream()).stdout(stream()).stderr(stream()).spawn();
        let keyboard = File::from(keyboard);
        let screen = Stream::follow(keyboard.try_clone().expect("a descriptor is free"));
        Self { child: spawned.expect("setsid is part of util-linux"), keyboard, screen }
    }

    /// An interactive shell, ready for its first command.
    pub fn shell(who: &Who) -> Self {
        Self::shell_in(who, &[])
    }

    /// The same, started by other words.
    pub fn shell_in(who: &Who, starter: &[&str]) -> Self {
        let terminal = Self::open(who, &[starter, &["bash", "--norc", "--noprofile", "--noediting", "-i"]].concat());
        terminal.enter("echo shell-$((40+2))", "shell-42");
        terminal
    }

    /// A sleeper that the shell inside runs is stopped by Ctrl-Z and listed as its job.
    #[track_caller]
    pub fn stops_a_job(&self, mark: &str) -> u32 {
        self.keys(&format!("sleep {mark}\n"));
        let sleeper = process::wait_for_sleeper(mark);
        self.keys("\x1a");
        self.expect("Stopped");
        self.eventually("sleep is stopped", || process::state(sleeper) == 'T');
        self.enter("jobs | sed s/sleep/job:/", &format!("job: {mark}"));
        sleeper
    }

    /// It comes back by `fg`, and Ctrl-C interrupts it.
    #[track_caller]
    pub fn interrupts_the_job(&self, sleeper: u32, mark: &str) {
        self.keys("fg\n");
        self.eventually("sleep is in the foreground again", || {
            process::stat(sleeper).is_some_and(|stat| stat.state == 'S' && stat.group == stat.foreground)
        });
        self.keys("\x03");
        self.eventually("sleep is interrupted", || process::sleeper(mark).is_none());
        self.enter("echo in-$((40+3))", "in-43");
    }

    #[track_caller]
    pub fn keys(&self, keys: &str) {
        (&self.keyboard).write_all(keys.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{}", self.screen.text()));
    }

    #[track_caller]
    pub fn expect(&self, text: &str) {
        assert!(
            self.screen.expect(text),
            "{text:?} did not come within {PATIENCE:?}; the screen:\n{}",
            self.screen.text()
        );
    }

    /// Types a line and waits for what it prints, which must not be in the line itself: that comes back as an echo.
    #[track_caller]
    pub fn enter(&self, line: &str, text: &str) {
        self.keys(&format!("{line}\n"));
        self.expect(text);
    }

    /// `eventually`, with the screen in the report.
    #[track_caller]
    pub fn eventually(&self, what: &str, so: impl FnMut() -> bool) {
        assert!(comes(so), "this never came: {what}; the screen:\n{}", self.screen.text());
    }

    /// Waits until its last user is gone.
    #[track_caller]
    pub fn ends(&self) {
        assert!(self.screen.finish(), "this hangs; the screen:\n{}", self.screen.text());
    }

    /// The shell outside reads from its terminal again, which only the foreground may.
    #[track_caller]
    pub fn is_back_outside(&self) {
        self.keys("read word; echo \"<$word>\"\n");
        self.enter("typed", "<typed>");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A launcher takes its container with it, whose init may lead a session of its own. Whoever has ended meanwhile cannot
        // be killed, which is as good.
        let session = process::of_session(self.child.id());
        let inits: Vec<u32> = session.iter().flat_map(|pid| process::children(*pid)).collect();
        for pid in session.into_iter().filter_map(|pid| Pid::from_raw(pid as i32)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        drop(self.child.wait());
        // One that is dead has seen all of its container die.
        comes(|| inits.iter().all(|pid| matches!(process::state(*pid), 'Z' | '-')));
    }
}
