//! `aril-init`, and `aril init`: an init around one command, as images have it for their entry point.

use super::log::{DEBUG, INFO, Log, Value, WARN, print};
use super::options::{HELP, MORE_HELP, Print, Restart, Setup, Words};
use super::{GRACE, Init, Manner, Outcome, Persona, Stop, Tally, give_back_terminal, is_in_foreground};
use crate::sys::file::{self, Open};
use crate::sys::process::{self, Change, Pid};
use crate::sys::signal::{self, SignalSet};
use crate::sys::{Arena, At, Errno, List, Result, Word, poll, terminal, tolerate, word};
use crate::text::sentence::Sentence;
use crate::text::{decimal, number, path, t, text};
use core::cell::Cell;
use linux_raw_sys::general as k;

const CHLD: u8 = k::SIGCHLD as u8;
/// Exit status of a command whose time was up, as timeout(1) has it.
const TIMED_OUT: u8 = 124;
/// How long it takes until a command is started again: the first time, and at most, in microseconds.
const FIRST_DELAY: u64 = 100_000;
const LONGEST_DELAY: u64 = 10_000_000;
/// A command that ran so long begins anew with the first.
const WELL: u64 = 10_000_000;

/// Runs a command as one of the personas and supervises it. `name` is the program's own, `words` are those after it. `MORE`:
/// with `--restart`, `--report` and `--timeout`.
pub fn run<const MORE: bool>(persona: Persona, name: Word, words: Words, environment: Words) -> u8 {
    // Before anything else, so that no signal is lost.
    let mask = signal::set_mask(persona.signals());
    let mut setup = Setup::new(persona);
    let refused = |(sentence, word): (Sentence, Word)| {
        print(At::STDERR, persona.prefix(), sentence, &[Value::Word(word)]);
        print(At::STDERR, b"", t!(" (see % -h)\n"), &[Value::Word(name)]);
        persona.failed()
    };
    let command = match setup.read(words, environment, MORE) {
        Ok(command) => command,
        Err(refusal) => return refused(refusal),
    };
    if let Some(what) = setup.print {
        tell::<MORE>(persona, name, what);
        return 0;
    }
    let reaping = if setup.warn { WARN } else { DEBUG };
    let supervisor = Supervisor { setup: &setup, log: Log { persona, level: setup.level, reaping } };
    match (mask.and_then(|mask| supervisor.prepare::<MORE>(mask)), command) {
        (Err(errno), _) => fail(persona, persona.failed(), word(c"prepare"), errno),
        (Ok(_), _) if setup.pause => {
            idle(None);
            0
        }
        (Ok(_), [] | [None, ..]) => refused((t!("no command given"), name)),
        (Ok(inherited), _) => supervisor.run::<MORE>(inherited, command, environment),
    }
}

/// What is printed in place of running a command.
fn tell<const MORE: bool>(persona: Persona, name: Word, what: Print) {
    let helps_on_stderr = matches!(persona, Persona::DumbInit | Persona::Catatonit);
    let (sentence, is_stderr) = match what {
        Print::Help => (HELP, helps_on_stderr),
        Print::Version => (persona.version(), persona == Persona::DumbInit),
        Print::License => (t!("aril: MIT OR Apache-2.0\n"), false),
    };
    let at = if is_stderr { At::STDERR } else { At::STDOUT };
    print(at, b"", sentence, &[Value::Word(name)]);
    if MORE && what == Print::Help {
        print(at, b"", MORE_HELP, &[]);
    }
}

/// What failed, and why; gives the status.
#[inline(never)]
fn fail(persona: Persona, status: u8, what: Word, errno: Errno) -> u8 {
    print(At::STDERR, persona.prefix(), t!("%: %\n"), &[Value::Word(what), Value::Errno(errno)]);
    status
}

/// What the command gets back.
#[derive(Clone, Copy)]
struct Inherited {
    mask: SignalSet,
    /// Its children's ends were ignored: then the kernel reaps, and wait4(2) tells of none.
    ignores_children: bool,
    is_pid_1: bool,
    /// The terminal was its session's, and the first SIGHUP and SIGCONT come from its being given away.
    swallow: SignalSet,
}

struct Supervisor<'a> {
    setup: &'a Setup<'a>,
    log: Log,
}

/// What the command's process needs, and what it leaves if it fails.
struct Start<'a> {
    setup: &'a Setup<'a>,
    inherited: Inherited,
    arguments: Words<'a>,
    environment: Words<'a>,
    /// Which word of the environment is a `LISTEN_PID` that has to be another, and memory for it.
    listen: Option<(&'a Arena, usize)>,
    failure: Cell<Option<Errno>>,
}

impl Supervisor<'_> {
    /// What this process does for itself before it has a command.
    fn prepare<const MORE: bool>(&self, mask: SignalSet) -> Result<Inherited> {
        let setup = self.setup;
        let ignores_children = signal::is_ignored(CHLD)?;
        if ignores_children {
            signal::set_default(CHLD)?;
        }
        if setup.parent_death != 0 {
            process::set_parent_death_signal(setup.parent_death)?;
        }
        let is_pid_1 = process::getpid() == Pid(1);
        if !is_pid_1 && setup.subreaper {
            process::set_child_subreaper()?;
        } else if !is_pid_1 && setup.persona == Persona::Tini && process::is_child_subreaper() == Ok(false) {
            self.log.say(WARN, t!("neither PID 1 nor a subreaper (-s): orphans will not be reaped\n"), 0);
        }
        if let (true, Some(path)) = (MORE, setup.report) {
            match file::make_file(At::CWD, path, 0o644) {
                Err(Errno::EEXIST) => {}
                result => result?,
            }
            file::openat(At::CWD, path, Open::WRITE)?;
        }
        let mut swallow = 0;
        if setup.session && terminal::detach(At::STDIN).is_ok() && process::getsid() == Ok(process::getpid()) {
            swallow = signal::set_of(k::SIGHUP as u8) | signal::set_of(k::SIGCONT as u8);
        }
        Ok(Inherited { mask, ignores_children, is_pid_1, swallow })
    }

    /// Runs the command, again and again if that was asked for.
    fn run<const MORE: bool>(&self, inherited: Inherited, arguments: Words, environment: Words) -> u8 {
        let setup = self.setup;
        let (mut delay, mut starts) = (FIRST_DELAY, 0);
        loop {
            let begun = poll::now();
            let child = match self.start(inherited, arguments, environment) {
                Ok(child) => child,
                Err(errno) => {
                    let name = arguments.first().copied().flatten().unwrap_or_default();
                    return fail(setup.persona, setup.persona.not_executed(errno), name, errno);
                }
            };
            self.log.say(INFO, t!("started process %\n"), child.0 as u32);
            let deadline = if MORE { setup.timeout.map(|timeout| begun + timeout) } else { None };
            let outcome = self.supervise(inherited, child, deadline);
            let Outcome { mut status, change, asked, .. } = outcome;
            if setup.expected[usize::from(status)] {
                status = 0;
            }
            if !MORE {
                return status;
            }
            let now = poll::now();
            let was_killed = matches!(change, Change::Killed { signal, .. } if signal == k::SIGKILL as u8);
            if was_killed && deadline.is_some_and(|deadline| now >= deadline) {
                status = TIMED_OUT;
            }
            let again = match setup.restart {
                Restart::No => false,
                Restart::Always => true,
                Restart::OnFailure(most) => status != 0 && starts < most,
            };
            if now - begun >= WELL {
                delay = FIRST_DELAY;
            }
            if asked || !again || idle(Some(now + delay)) {
                self.report(outcome, now - begun);
                return status;
            }
            starts += 1;
            delay = LONGEST_DELAY.min(2 * delay);
        }
    }

    /// The command's process, once it has executed.
    fn start(&self, inherited: Inherited, arguments: Words, environment: Words) -> Result<Pid> {
        let passes_sockets = matches!(self.setup.persona, Persona::Own | Persona::Catatonit);
        let listen = if passes_sockets { listen_pid(environment) } else { None };
        let arena = listen.map(|_| Arena::new()).transpose()?;
        let listen = arena.as_ref().zip(listen);
        let start = Start { setup: self.setup, inherited, arguments, environment, listen, failure: Cell::new(None) };
        let child = process::start(&start, begin)?;
        start.failure.get().map_or(Ok(child), Err)
    }

    fn supervise(&self, inherited: Inherited, command: Pid, deadline: Option<u64>) -> Outcome {
        let Self { setup, log } = *self;
        let persona = setup.persona;
        let is_own = persona == Persona::Own;
        // What the command has inherited is no business of this process, unless the next one is to have it too. A directory
        // or descriptor that is held would keep a file system from being unmounted.
        if setup.restart == Restart::No {
            tolerate(file::chdir(word(c"/")));
            tolerate(file::close_range(3, u32::MAX));
        }
        let waits = is_own || setup.stop_timeout.is_some() || deadline.is_some();
        let manner = Manner {
            foreground: is_own,
            group: setup.group,
            stop_timeout: setup.stop_timeout,
            grace: waits.then_some(GRACE),
            farewell: persona == Persona::DumbInit && setup.group,
            stop: match persona {
                Persona::Own => Stop::WithCommand,
                Persona::DumbInit => Stop::AfterSignal,
                Persona::Tini | Persona::Catatonit => Stop::Never,
            },
        };
        // Without the list of children (a kernel setting) those that are left live on.
        let lists = waits && !inherited.is_pid_1;
        let children =
            if lists { file::openat(At::CWD, word(c"/proc/thread-self/children"), Open::READ).ok() } else { None };
        // The child's stack was part of this one's; that it is given back is no condition.
        tolerate(process::trim_stack());
        let init = Init {
            command,
            manner,
            deadline,
            signals: persona.signals(),
            swallow: inherited.swallow,
            rewrite: Some(&setup.rewrite),
            launcher: None,
            children,
            log,
        };
        let outcome = init.supervise();
        if is_own && !inherited.is_pid_1 && terminal::foreground(At::STDIN) == Ok(command) {
            give_back_terminal();
        }
        outcome
    }

    /// One line on how it ended.
    fn report(&self, outcome: Outcome, ran: u64) {
        let Some(path) = self.setup.report else { return };
        let (sentence, number) = match outcome.change {
            Change::Killed { signal, core: true } => (t!("killed by signal % (core dumped)"), signal),
            Change::Killed { signal, .. } => (t!("killed by signal %"), signal),
            _ => (t!("exited with status %"), outcome.status),
        };
        let Tally { reaped, terminated, killed } = outcome.tally;
        match file::openat(At::CWD, path, Open::REPLACE) {
            Ok(file) => {
                print(file.at(), b"", sentence, &[Value::Number(number.into())]);
                let numbers = [ran / 1000, reaped.into(), terminated.into(), killed.into()].map(Value::Number);
                let rest = t!(" after % ms; orphans reaped: %; left over, terminated: %, killed: %\n");
                print(file.at(), b"", rest, &numbers);
            }
            Err(errno) => drop(fail(self.setup.persona, 0, path, errno)),
        }
    }
}

/// Reaps until someone asks for the end (true) or the time has come. Other signals wait for a command.
fn idle(deadline: Option<u64>) -> bool {
    let signals =
        [CHLD, k::SIGTERM as u8, k::SIGINT as u8].into_iter().fold(0, |set, signal| set | signal::set_of(signal));
    loop {
        while matches!(process::wait_any(), Ok(Some(_))) {}
        match signal::wait(signals, deadline.map(|due| due.saturating_sub(poll::now()))) {
            Ok(info) if info.signal != CHLD => return true,
            Err(Errno::EAGAIN) => return false,
            Ok(_) | Err(_) => {}
        }
    }
}

/// In the child: its group or session, the terminal, the signals as they were, their mask last; then the command.
extern "C" fn begin(start: &Start) -> ! {
    let Start { setup, inherited, .. } = *start;
    let prepared = isolate(setup.persona, setup.session).and_then(|()| {
        let mut mask = inherited.mask;
        if setup.persona == Persona::DumbInit {
            mask = 0;
            for number in 1..k::SIGSYS as u8 {
                // KILL and STOP cannot be set, and are what they always are.
                tolerate(signal::set_default(number));
            }
        } else if inherited.ignores_children {
            signal::set_ignored(CHLD)?;
        }
        signal::set_mask(mask)
    });
    start.failure.set(Some(match prepared {
        Ok(_) => execute(start),
        Err(errno) => errno,
    }));
    process::exit(0)
}

/// The command's own session or process group, and the terminal as each persona hands it on. Without one, or where it is
/// another session's, nothing of that matters.
fn isolate(persona: Persona, session: bool) -> Result<()> {
    if session {
        process::setsid()?;
        tolerate(terminal::take(At::STDIN));
        return Ok(());
    }
    if persona == Persona::DumbInit {
        return Ok(());
    }
    let takes = if persona == Persona::Own { is_in_foreground() } else { terminal::foreground(At::STDIN).is_ok() };
    process::new_process_group()?;
    if takes {
        tolerate(terminal::set_foreground(At::STDIN, process::getpid()));
    }
    Ok(())
}

/// execve(2) along the search path.
fn execute(start: &Start) -> Errno {
    let Some(Some(name)) = start.arguments.first() else { return Errno::ENOENT };
    let mut changed;
    let mut environment = start.environment;
    if let Some((arena, at)) = start.listen {
        changed = List::new(arena);
        changed.extend(environment);
        let own = decimal(arena, process::getpid().0 as u64);
        changed[at] = Some(text(arena, t!("LISTEN_PID=%"), &[own]));
        environment = &changed;
    }
    let mut reason = Errno::ENOENT;
    path::search(*name, search_path(start.environment), &mut |path| {
        let errno = process::execve(path, start.arguments, environment);
        // Not found, or not this one: perhaps a later one will do (execvp(3)).
        let is_missing = matches!(errno, Errno::ENOENT | Errno::ENOTDIR);
        if !is_missing || path::is_path(name.bytes()) {
            reason = errno;
        }
        !is_missing && errno != Errno::EACCES
    });
    reason
}

/// Where the environment tells this very process that sockets are for it (sd_listen_fds(3)), which its command is to take.
fn listen_pid(environment: Words) -> Option<usize> {
    let at = environment.iter().position(|entry| value(entry, b"LISTEN_PID=").is_some())?;
    let pid = value(environment.get(at)?, b"LISTEN_PID=").and_then(number::decimal)?;
    (process::getpid() == Pid(pid as i32)).then_some(at)
}

/// PATH, or what execvp(3) takes without it.
fn search_path<'a>(environment: Words<'a>) -> &'a [u8] {
    environment.iter().find_map(|entry| value(entry, b"PATH=")).unwrap_or(b"/bin:/usr/bin")
}

fn value<'a>(entry: &Option<Word<'a>>, name: &[u8]) -> Option<&'a [u8]> {
    entry.and_then(|entry| entry.bytes().strip_prefix(name))
}
