//! `aril-init`, and `aril init`: an init around one command, as images have it for their entry point.

use super::log::{INFO, Log, WARN};
use super::options::{self, Print, Restart, Setup};
use super::{GRACE, Init, Manner, Outcome, Persona, Stop, give_back_terminal, is_in_foreground, persona};
use crate::sys::file::{self, Open};
use crate::sys::process::{self, Change, Pid};
use crate::sys::signal::{self, SignalSet};
use crate::sys::{Arena, At, Errno, List, Result, Word, poll, terminal, tolerate, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, decimal, path, t};
use core::cell::Cell;
use linux_raw_sys::general as k;

/// Words and a NULL, as execve(2) takes them.
type Words<'a> = &'a [Option<Word<'a>>];

const CHLD: u8 = k::SIGCHLD as u8;
/// Exit status of a command whose time was up, as timeout(1) has it.
const TIMED_OUT: u8 = 124;
/// How long it takes until a command is started again: the first time, and at most, in microseconds.
const FIRST_DELAY: u64 = 100_000;
const LONGEST_DELAY: u64 = 10_000_000;
/// A command that ran so long begins anew with the first.
const WELL: u64 = 10_000_000;

/// Runs a command as one of the personas and supervises it. `name` is the program's own, `words` are those after it.
pub fn run(persona: Persona, name: Word, words: Words<'static>, environment: Words<'static>) -> u8 {
    // Before anything else, so that no signal is lost.
    let mask = signal::set_mask(persona.signals());
    let (setup, command) = match options::read(persona, words, environment) {
        Ok(read) => read,
        Err((sentence, word)) => return complain(persona, name, sentence, word),
    };
    if let Some(print) = setup.print {
        return tell(persona, name, print);
    }
    let log = Log { persona, level: setup.level, reaping: if setup.warn { WARN } else { super::log::DEBUG } };
    let supervisor = Supervisor { persona, setup: &setup, log };
    let prepared = mask.and_then(|mask| supervisor.prepare(mask));
    match (prepared, command) {
        (Err(errno), _) => supervisor.fail(persona.failed(), word(c"prepare"), errno),
        (Ok(_), _) if setup.pause => {
            idle(None);
            0
        }
        (Ok(_), [] | [None, ..]) => complain(persona, name, t!("no command given"), Word::default()),
        (Ok(inherited), _) => supervisor.run(inherited, command, environment),
    }
}

/// What is printed in place of running a command.
fn tell(persona: Persona, name: Word, print: Print) -> u8 {
    let Ok(arena) = Arena::new() else { return persona.failed() };
    let mut text = Text::new(&arena);
    let to_stderr = match print {
        Print::Help => {
            options::write_help(persona, name, &mut text);
            persona.helps_on_stderr()
        }
        Print::Version => {
            text.fill(persona.version(), &[]);
            persona.tells_version_on_stderr()
        }
        Print::License => {
            text.fill(t!("aril: MIT OR Apache-2.0\n"), &[]);
            false
        }
    };
    match file::write_all(if to_stderr { At::STDERR } else { At::STDOUT }, text.bytes()) {
        Ok(()) => 0,
        Err(_) => persona.failed(),
    }
}

/// A command line that is refused, in one line.
fn complain(persona: Persona, name: Word, sentence: Sentence, word: Word) -> u8 {
    if let Ok(arena) = Arena::new() {
        let mut text = Text::new(&arena);
        text.add(persona.prefix()).fill(sentence, &[word]).fill(t!(" (see % -h)\n"), &[name]);
        tolerate(file::write_all(At::STDERR, text.bytes()));
    }
    persona.failed()
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
    persona: Persona,
    setup: &'a Setup<'a>,
    log: Log,
}

/// What the command's process needs, and what it leaves if it fails.
struct Start<'a> {
    supervisor: &'a Supervisor<'a>,
    inherited: Inherited,
    arguments: Words<'a>,
    environment: Words<'a>,
    /// Memory for a `LISTEN_PID` that has to be another.
    listen: Option<&'a Arena>,
    failure: Cell<Option<Errno>>,
}

impl Supervisor<'_> {
    /// What this process does for itself before it has a command.
    fn prepare(&self, mask: SignalSet) -> Result<Inherited> {
        let Self { persona, setup, .. } = self;
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
        } else if !is_pid_1 && *persona == Persona::Tini && process::is_child_subreaper() == Ok(false) {
            self.log.say(WARN, t!("neither PID 1 nor a subreaper (-s): orphans will not be reaped"), &[]);
        }
        if let Some(path) = setup.report {
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
    fn run(&self, inherited: Inherited, arguments: Words, environment: Words) -> u8 {
        let (mut delay, mut starts) = (FIRST_DELAY, 0);
        loop {
            let begun = poll::now();
            let child = match self.start(inherited, arguments, environment) {
                Ok(child) => child,
                Err(errno) => {
                    let name = arguments.first().copied().flatten().unwrap_or_default();
                    return self.fail(self.persona.not_executed(errno), name, errno);
                }
            };
            let outcome = self.supervise(inherited, child, begun);
            let ran = poll::now() - begun;
            let status = self.status(outcome, ran);
            let again = match self.setup.restart {
                Restart::No => false,
                Restart::Always => true,
                Restart::OnFailure(most) => status != 0 && starts < most,
            };
            if ran >= WELL {
                delay = FIRST_DELAY;
            }
            if outcome.asked || !again || idle(Some(poll::now() + delay)) {
                self.report(outcome, ran);
                return status;
            }
            starts += 1;
            delay = LONGEST_DELAY.min(2 * delay);
        }
    }

    /// The command's process, once it has executed.
    fn start(&self, inherited: Inherited, arguments: Words, environment: Words) -> Result<Pid> {
        let shell;
        let arena = (self.passes_sockets() && listen_pid(environment).is_some()).then(Arena::new).transpose()?;
        let failure = Cell::new(None);
        let mut start = Start { supervisor: self, inherited, arguments, environment, listen: arena.as_ref(), failure };
        let mut child = process::start(&start, begin)?;
        if start.failure.get() == Some(Errno::ENOEXEC) && self.persona.knows_shell() {
            shell = Arena::new()?;
            start.arguments = with_shell(&shell, arguments, environment);
            start.failure.set(None);
            child = process::start(&start, begin)?;
        }
        match start.failure.get() {
            Some(errno) => Err(errno),
            None => {
                self.log.say(INFO, t!("started process %"), &[child.0 as u32]);
                Ok(child)
            }
        }
    }

    fn passes_sockets(&self) -> bool {
        matches!(self.persona, Persona::Own | Persona::Catatonit)
    }

    fn supervise(&self, inherited: Inherited, command: Pid, begun: u64) -> Outcome {
        let Self { persona, setup, log } = *self;
        let is_own = persona == Persona::Own;
        // What the command has inherited is no business of this process, unless the next one is to have it too. A directory
        // or descriptor that is held would keep a file system from being unmounted.
        if setup.restart == Restart::No {
            tolerate(file::chdir(word(c"/")));
            tolerate(file::close_range(3, u32::MAX));
        }
        let waits = is_own || setup.stop_timeout.is_some() || setup.timeout.is_some();
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
            deadline: setup.timeout.map(|timeout| begun + timeout),
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

    /// With what this process exits.
    fn status(&self, outcome: Outcome, ran: u64) -> u8 {
        let Outcome { status, change, .. } = outcome;
        let was_killed = matches!(change, Change::Killed { signal, .. } if signal == k::SIGKILL as u8);
        if was_killed && self.setup.timeout.is_some_and(|timeout| ran >= timeout) {
            return TIMED_OUT;
        }
        if self.setup.expected[usize::from(status / 64)] >> (status % 64) & 1 == 1 { 0 } else { status }
    }

    /// One line on how it ended.
    fn report(&self, outcome: Outcome, ran: u64) {
        let (Some(path), Ok(arena)) = (self.setup.report, Arena::new()) else { return };
        let (sentence, number) = match outcome.change {
            Change::Killed { signal, core: true } => (t!("killed by signal % (core dumped)"), signal),
            Change::Killed { signal, .. } => (t!("killed by signal %"), signal),
            _ => (t!("exited with status %"), outcome.status),
        };
        let super::Tally { reaped, terminated, killed } = outcome.tally;
        let decimal = |number: u64| decimal(&arena, number);
        let mut text = Text::new(&arena);
        text.fill(sentence, &[decimal(number.into())]).fill(
            t!(" after % ms; orphans reaped: %; left over, terminated: %, killed: %\n"),
            &[decimal(ran / 1000), decimal(reaped.into()), decimal(terminated.into()), decimal(killed.into())],
        );
        let written =
            file::openat(At::CWD, path, Open::REPLACE).and_then(|file| file::write_all(file.at(), text.bytes()));
        if let Err(errno) = written {
            self.fail(0, path, errno);
        }
    }

    /// What failed, and why; gives the status.
    fn fail(&self, status: u8, what: Word, errno: Errno) -> u8 {
        let Ok(arena) = Arena::new() else {
            // The reason cannot be put into words.
            for part in [self.persona.prefix(), what.bytes(), b"\n"] {
                tolerate(file::write_all(At::STDERR, part));
            }
            return status;
        };
        let mut text = Text::new(&arena);
        text.add(self.persona.prefix()).show(what.bytes()).add(b": ").errno(errno).add(b"\n");
        tolerate(file::write_all(At::STDERR, text.bytes()));
        status
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
    let Start { supervisor: Supervisor { persona, setup, .. }, inherited, .. } = *start;
    let persona = *persona;
    let prepared = isolate(persona, setup.session).and_then(|()| {
        if inherited.ignores_children {
            signal::set_ignored(CHLD)?;
        }
        if persona != Persona::DumbInit {
            return signal::set_mask(inherited.mask);
        }
        for number in 1..k::SIGSYS as u8 {
            // KILL and STOP cannot be set, and are what they always are.
            tolerate(signal::set_default(number));
        }
        signal::set_mask(0)
    });
    let error = match prepared {
        Ok(_) => execute(start),
        Err(error) => error,
    };
    start.failure.set(Some(error));
    process::exit(FAILED)
}

const FAILED: u8 = 125;

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
    let mut changed = None;
    if let (Some(arena), Some(at)) = (start.listen, listen_pid(start.environment)) {
        let mut environment = List::new(arena);
        environment.extend(start.environment);
        let own = decimal(arena, process::getpid().0 as u64);
        environment[at] = Some(crate::text::text(arena, t!("LISTEN_PID=%"), &[own]));
        changed = Some(environment);
    }
    let environment = changed.as_deref().unwrap_or(start.environment);
    let mut reason = Errno::ENOENT;
    path::search(*name, search_path(start.environment), &mut |path| {
        let errno = process::execve(path, start.arguments, environment);
        // Not found, or not this one: perhaps a later one will do (execvp(3)).
        let goes_on = matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES);
        if !goes_on || errno == Errno::EACCES || path::is_path(name.bytes()) {
            reason = errno;
        }
        !goes_on
    });
    reason
}

/// The words of a shell that runs the command, which is a script without a `#!` line.
fn with_shell<'a>(arena: &'a Arena, arguments: Words<'a>, environment: Words) -> Words<'a> {
    let Some((Some(name), rest)) = arguments.split_first() else { return arguments };
    let mut words = List::new(arena);
    words.push(Some(word(c"/bin/sh")));
    path::search(*name, search_path(environment), &mut |path| {
        let exists = file::fstatat(At::CWD, path).is_ok();
        if exists {
            words.push(Some(crate::text::copy(arena, &[path.bytes()])));
        }
        exists
    });
    words.extend(rest);
    words.finish()
}

/// Where the environment tells this very process that sockets are for it (sd_listen_fds(3)), which its command is to take.
fn listen_pid(environment: Words) -> Option<usize> {
    let at = environment.iter().position(|entry| value(entry, b"LISTEN_PID=").is_some())?;
    let pid = value(environment.get(at)?, b"LISTEN_PID=").and_then(crate::text::number::decimal)?;
    (process::getpid() == Pid(pid as i32)).then_some(at)
}

/// PATH, or what execvp(3) takes without it.
fn search_path<'a>(environment: Words<'a>) -> &'a [u8] {
    environment.iter().find_map(|entry| value(entry, b"PATH=")).unwrap_or(b"/bin:/usr/bin")
}

fn value<'a>(entry: &Option<Word<'a>>, name: &[u8]) -> Option<&'a [u8]> {
    entry.and_then(|entry| entry.bytes().strip_prefix(name))
}

/// The program's own name in its messages.
pub fn name_of(program: Word) -> Word {
    program.after(program.bytes().len() - persona::name_of(program).len())
}
