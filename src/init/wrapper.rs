//! `aril-init`, and `aril init`: an init around one command, as images have it for their entry point.

use super::log::{DEBUG, INFO, WARN, print};
use super::options::{HELP, LICENSE, Setup, Words, table};
use super::restart::{Restarts, idle};
use super::{GRACE, Init, Manner, Outcome, Persona, Stop, TIMED_OUT, Tally, is_in_foreground, take_terminal_from};
use crate::spec::Restart;
use crate::sys::file::{self, Open};
use crate::sys::process::{self, Change, Pid};
use crate::sys::signal::{self, SignalSet};
use crate::sys::{At, Errno, Result, Word, poll, terminal, tolerate, word};
use crate::text::number::Digits;
use crate::text::{names, path};
use core::cell::Cell;
use core::ffi::CStr;
use linux_raw_sys::general as k;

const CHLD: u8 = k::SIGCHLD as u8;
/// By which someone asks for the end where there is no command.
const ENDS: SignalSet = signal::set_of(k::SIGTERM as u8) | signal::set_of(k::SIGINT as u8);
/// Runs a command as one of the personas and supervises it. `name` is the program's own, `words` are those after it. `MORE`:
/// with `--restart`, `--report` and `--timeout`.
pub fn run<const MORE: bool>(persona: Persona, name: Word, words: Words, environment: Words) -> u8 {
    let mut setup = Setup::new(persona, words);
    // Before anything else, so that no signal is lost.
    setup.mask = signal::set_mask(setup.signals);
    setup.own = process::getpid();
    // As the first process of a pod's sandbox it has no arguments.
    setup.pause = names::position("pause", name.bytes()).is_some();
    let read = setup.read::<MORE>(environment);
    if let Some(what) = setup.print {
        tell::<MORE>(persona, name, what);
        return 0;
    }
    let has_command = matches!(setup.words, [Some(_), ..]);
    if read.is_none() || !(has_command || setup.pause) {
        let (why, refused) = setup.refused;
        print(At::STDERR, &[persona.prefix(), why, refused, word(c" (see -h)\n")]);
        return persona.failed();
    }
    if let (true, Some(path)) = (MORE, setup.report) {
        if let Err(errno) = make(path) {
            setup.log.fail(path, errno);
            return persona.failed();
        }
    }
    setup.prepare();
    if setup.pause {
        let_go();
        idle(ENDS, None);
        return 0;
    }
    setup.run::<MORE>(environment)
}

/// The end of every line that tells the version.
const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!("aril-init ", env!("CARGO_PKG_VERSION"), "\n\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("it ends in a NUL"),
    };

/// What is printed in place of running a command.
fn tell<const MORE: bool>(persona: Persona, name: Word, what: usize) {
    let is_stderr = match persona {
        Persona::DumbInit => what != LICENSE,
        Persona::Catatonit => what == HELP,
        _ => false,
    };
    let at = if is_stderr { At::STDERR } else { At::STDOUT };
    if what == HELP {
        print(at, &[word(c"usage: "), name, word(c" [OPTIONS] COMMAND [ARG...]\n"), const { table::<MORE>() }]);
    } else {
        let version = word(VERSION);
        print(at, &[if what == LICENSE { word(c"MIT OR Apache-2.0, ") } else { persona.version() }, version]);
    }
}

/// What the command's process needs, and what it leaves if it fails.
struct Start<'a> {
    setup: &'a Setup<'a>,
    environment: Words<'a>,
    failure: Cell<Option<Errno>>,
}

impl Setup<'_> {
    /// What this process does for itself before it has a command. Nothing of that can fail with numbers that are right.
    #[inline(never)]
    fn prepare(&mut self) {
        if signal::is_ignored(CHLD) {
            self.ignores_children = true;
            tolerate(signal::set_default(CHLD));
        }
        if self.parent_death != 0 {
            tolerate(process::set_parent_death_signal(self.parent_death));
        }
        if self.own == Pid(1) {
            // All orphans are its own.
        } else if self.subreaper {
            tolerate(process::set_child_subreaper());
        } else if self.log.persona == Persona::Tini && process::is_child_subreaper() == Ok(false) {
            self.log.say(WARN, word(c"no subreaper, not PID "), 1);
        }
        if self.session {
            // There may be none.
            tolerate(terminal::detach(At::STDIN));
        }
    }

    /// Runs the command, again and again if that was asked for.
    #[inline(never)]
    fn run<const MORE: bool>(&self, environment: Words) -> u8 {
        let mut restarts = Restarts::new(self.restart);
        let mut last = None;
        loop {
            let is_timed = self.timeout.is_some() || self.report.is_some() || self.restart != Restart::No;
            let begun = if MORE && is_timed { poll::now() } else { 0 };
            let child = match self.start(environment) {
                Ok(child) => child,
                Err(errno) => {
                    let name = self.words.first().copied().flatten().unwrap_or_default();
                    self.log.fail(name, errno);
                    if let Some((outcome, ran)) = last {
                        self.report(outcome, ran);
                    }
                    return self.log.persona.not_executed(errno);
                }
            };
            self.log.say(INFO, word(c"started process "), child.0 as u32);
            if self.session {
                // Not by that process itself: if nobody read it, it would be the command that dies of SIGPIPE.
                self.log.say(DEBUG, word(c"setsid: "), child.0 as u32);
            }
            let deadline = if MORE { self.timeout.map(|timeout| begun + timeout) } else { None };
            let outcome = self.supervise::<MORE>(child, deadline);
            let Outcome { mut status, change, asked, stuck, .. } = outcome;
            if self.expected[usize::from(status / 32)] >> (status % 32) & 1 == 1 {
                status = 0;
            }
            if !MORE {
                return status;
            }
            let ran = outcome.ended - begun;
            let was_killed = matches!(change, Change::Killed { signal, .. } if signal == k::SIGKILL as u8);
            if was_killed && deadline.is_some_and(|deadline| outcome.ended >= deadline) {
                status = TIMED_OUT;
            }
            match restarts.due(status, ran) {
                Some(due) if !(asked || stuck) && idle(ENDS, Some(due)).is_none() => last = Some((outcome, ran)),
                _ => {
                    self.report(outcome, ran);
                    return status;
                }
            }
        }
    }

    /// The command's process, once it has executed.
    fn start(&self, environment: Words) -> Result<Pid> {
        let start = Start { setup: self, environment, failure: Cell::new(None) };
        let child = process::start(&start, begin)?;
        let Some(errno) = start.failure.get() else { return Ok(child) };
        tolerate(process::wait_for(child));
        take_terminal_from(child);
        Err(errno)
    }

    fn supervise<const MORE: bool>(&self, command: Pid, deadline: Option<u64>) -> Outcome {
        let persona = self.log.persona;
        let is_own = persona == Persona::Own;
        if self.restart == Restart::No {
            let_go();
        }
        let waits = is_own || self.stop_timeout.is_some() || deadline.is_some();
        let manner = Manner {
            foreground: is_own,
            group: self.group,
            stop_timeout: self.stop_timeout,
            grace: waits.then_some(GRACE),
            farewell: persona == Persona::DumbInit && self.group,
            stop: match persona {
                Persona::Own => Stop::WithCommand,
                Persona::DumbInit => Stop::AfterSignal,
                Persona::Tini | Persona::Catatonit => Stop::Never,
            },
        };
        // Without the list of children (a kernel setting) those that are left live on.
        let lists = waits && self.own != Pid(1);
        let children =
            if lists { file::openat(At::CWD, word(c"/proc/thread-self/children"), Open::READ).ok() } else { None };
        let init: Init<false, MORE> = Init {
            own: self.own,
            command,
            manner,
            deadline,
            signals: self.signals,
            #[cfg(feature = "boot")]
            requests: 0,
            rewrite: &self.rewrite,
            #[cfg(feature = "full")]
            stop_signal: 0,
            launcher: None,
            children,
            log: self.log,
        };
        let outcome = init.supervise(None);
        if is_own {
            take_terminal_from(command);
        }
        outcome
    }

    /// One line on how it ended.
    fn report(&self, outcome: Outcome, ran: u64) {
        let Some(path) = self.report else { return };
        let (how, number) = match outcome.change {
            Change::Killed { signal, .. } => (word(c"killed by signal "), signal),
            _ => (word(c"exited with status "), outcome.status),
        };
        let core = matches!(outcome.change, Change::Killed { core: true, .. });
        let core = word(if core { c" (core dumped)" } else { c"" });
        let Tally { reaped, terminated, killed } = outcome.tally;
        let numbers =
            [number.into(), u32::try_from(ran / 1000).unwrap_or(u32::MAX), reaped, terminated, killed].map(Digits::of);
        let [number, time, reaped, terminated, killed] = numbers.each_ref().map(Digits::word);
        match file::openat(At::CWD, path, Open::REPLACE) {
            Ok(file) => {
                print(file.at(), &[how, number, core, word(c" after "), time, word(c" ms; orphans reaped: "), reaped]);
                let left = [word(c"; left over, terminated: "), terminated, word(c", killed: "), killed, word(c"\n")];
                print(file.at(), &left);
            }
            Err(errno) => self.log.fail(path, errno),
        }
    }
}

/// What the command has inherited is no business of this process, unless the next one is to have it too. A directory or a
/// descriptor that is held would keep a file system from being unmounted.
fn let_go() {
    tolerate(file::chdir(word(c"/")));
    tolerate(file::close_range(3, u32::MAX));
}

/// Makes a file if it is missing, and sees whether it can be written.
fn make(path: Word) -> Result<()> {
    match file::make_file(At::CWD, path, 0o644) {
        Err(Errno::EEXIST) => {}
        result => result?,
    }
    file::openat(At::CWD, path, Open::REPLACE).map(drop)
}

/// In the child: its group or session, the terminal, the signals as they were, their mask last; then the command. Nothing but
/// the last can fail for a child that has just been made.
extern "C" fn begin(start: &Start) -> ! {
    let setup = start.setup;
    isolate(setup.log.persona, setup.session);
    let mut mask = setup.mask;
    if setup.log.persona == Persona::DumbInit {
        mask = 0;
        for number in 1..=k::SIGSYS as u8 {
            // KILL and STOP cannot be set, and are what they always are.
            tolerate(signal::set_default(number));
        }
    } else if setup.ignores_children {
        tolerate(signal::set_ignored(CHLD));
    }
    signal::set_mask(mask);
    start.failure.set(Some(execute(start)));
    process::exit(0)
}

/// The command's own session or process group, and the terminal as each persona hands it on. Without one, or where it is
/// another session's, nothing of that matters.
fn isolate(persona: Persona, session: bool) {
    if session {
        tolerate(process::setsid());
        return tolerate(terminal::take(At::STDIN));
    }
    if persona == Persona::DumbInit {
        return;
    }
    // In a pipeline the terminal is the rest's too. Without one the call itself fails.
    let takes = persona != Persona::Own || is_in_foreground() && terminal::foreground(At::STDOUT).is_ok();
    tolerate(process::new_process_group());
    if takes {
        tolerate(terminal::set_foreground(At::STDIN, process::getpid()));
    }
}

/// execve(2) along the search path.
fn execute(start: &Start) -> Errno {
    let Some(Some(name)) = start.setup.words.first() else { return Errno::ENOENT };
    if start.setup.listens && start.environment.len() < MOST_VARIABLES {
        execute_listening(start, *name)
    } else {
        execute_with(start, *name, start.environment)
    }
}

/// More variables than that nobody has ever had.
const MOST_VARIABLES: usize = 2048;

/// With a `LISTEN_PID` that is this very process, and without a `LISTEN_PIDFDID`, which would be the init's: no number need be given.
#[inline(never)]
fn execute_listening(start: &Start, name: Word) -> Errno {
    let mut own = Digits::of(process::getpid().0 as u32);
    let own = own.after(b"LISTEN_PID=");
    let mut changed = [None; MOST_VARIABLES];
    let entries = start.environment.iter().flatten().filter(|entry| entry.strip(b"LISTEN_PIDFDID=").is_none());
    for (slot, entry) in changed.iter_mut().zip(entries) {
        *slot = Some(if entry.strip(b"LISTEN_PID=").is_some() { own } else { *entry });
    }
    execute_with(start, name, &changed)
}

fn execute_with(start: &Start, name: Word, environment: Words) -> Errno {
    let mut reason = Errno::ENOENT;
    path::search(name, start.setup.path.bytes(), &mut |path| {
        let errno = process::execve(path, start.setup.words, environment);
        // Not found, or not this one: perhaps a later one will do (execvp(3)).
        let is_missing = matches!(errno, Errno::ENOENT | Errno::ENOTDIR);
        if !is_missing || path::is_path(name.bytes()) {
            reason = errno;
        }
        !is_missing && errno != Errno::EACCES
    });
    reason
}
