//! PID 1: takes one signal after the other, reaps, passes on, stops, and ends with the command's status.
//!
//! Nothing here allocates, and nothing ends the loop but the end of the command.

mod decide;
mod log;
mod options;
mod persona;
mod restart;
mod unreaped;
pub mod wrapper;

pub use decide::{FOREGROUND, GRACE, Manner, Stop, TO_GROUP, exit_status, is_queued, plain};
pub use log::Log;
pub use options::{Setup, table};
pub use persona::{Persona, name_of};
#[cfg(feature = "boot")]
pub use restart::{Restarts, idle};

use crate::sys::process::{self, Change, Pid, getpgid};
#[cfg(feature = "boot")]
use crate::sys::signal::set_of;
use crate::sys::signal::{self, Info, SignalSet};
use crate::sys::{Arena, At, Errno, Fd, Word, file, poll, socket, terminal, tolerate, word};
use core::mem::ManuallyDrop;
use decide::{Action, State};
use linux_raw_sys::general as k;
use unreaped::Unreaped;

/// Exit status of a command whose time was up, as timeout(1) has it.
pub const TIMED_OUT: u8 = 124;

/// What PID 1 tells its launcher: the first byte of a message.
pub const STARTED: u8 = b'S';
pub const STOPPED: u8 = b'T';
pub const FAILED: u8 = b'F';
/// The command's, with the signal: not its status, which is the init's own.
pub const KILLED: u8 = b'K';

/// An init whose command runs. `LAUNCHED`: that of a container, which has a launcher outside; else it speaks, and passes
/// signals on as it was told. `MORE`: it counts. Each is compiled without what it does not do.
#[derive(Debug)]
pub struct Init<'a, const LAUNCHED: bool, const MORE: bool> {
    /// This process.
    pub own: Pid,
    /// The command's process, which leads a process group of its own.
    pub command: Pid,
    pub manner: Manner,
    /// When everything is killed whatever happens, on the monotonic clock in microseconds.
    pub deadline: Option<u64>,
    /// Signals that are taken; the others do here what they do in any process.
    pub signals: SignalSet,
    /// Of these, those that are a request to stop besides SIGTERM: those of a machine's init.
    #[cfg(feature = "boot")]
    pub requests: SignalSet,
    /// What a signal becomes that is passed on.
    pub rewrite: &'a Rewrite,
    /// With a launcher, SIGTERM alone: the request to stop. What it is for the command is known here, since another signal could be
    /// told to be one by a mark alone, and that is lost once no more signals may wait for this process (RLIMIT_SIGPENDING), to which
    /// a command can see.
    #[cfg(feature = "full")]
    pub stop_signal: u8,
    /// The launcher, if there is one outside.
    pub launcher: Option<Fd>,
    /// `/proc/thread-self/children` (proc_tid_children(5)), for one that is not PID 1 and ends the rest.
    pub children: Option<Fd>,
    pub log: Log,
}

/// For each signal the one that is passed on in its place; 0: itself.
pub type Rewrite = [u8; signal::LAST as usize + 1];
/// All of them themselves.
pub const AS_THEY_COME: &Rewrite = &[0; signal::LAST as usize + 1];
/// In its place: none.
pub const DROP: u8 = u8::MAX;

/// Microseconds that what was killed may take to end, where an init goes on after it.
const LAST: u64 = 5_000_000;

/// For how long a command has to run until the memory of its start is given back, here and in the launcher, in microseconds.
/// Where the command is being executed on another processor, which has seen that memory, the kernel interrupts it for that: 25 of
/// 800 microseconds of a short command.
pub const SETTLED: u64 = 10_000;

/// For an action that is not about a signal.
const NO_SIGNAL: Info = plain(0);

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The command's.
    pub status: u8,
    pub change: Change,
    /// When, on the monotonic clock; only if it counts.
    pub ended: u64,
    /// Someone asked for the end.
    pub asked: bool,
    /// By one of the `requests`; else 0.
    #[cfg(feature = "boot")]
    pub request: u8,
    /// Something does not end although it was killed; or may not be.
    pub stuck: bool,
    pub tally: Tally,
}

/// How many there were besides the command.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Orphans that ended while the command ran.
    pub reaped: u32,
    /// Of those that were left when it had ended: ended when they were asked to, and killed.
    pub terminated: u32,
    pub killed: u32,
}

/// What changes while an init runs.
struct Watch {
    state: State,
    /// How the command ended, once it has.
    change: Change,
    ended: u64,
    #[cfg(feature = "boot")]
    request: u8,
    /// What does not end is waited for until then.
    last: u64,
    stuck: bool,
    tally: Tally,
    unreaped: Unreaped,
}

impl<const LAUNCHED: bool, const MORE: bool> Init<'_, LAUNCHED, MORE> {
    /// Runs until the command has ended, and whatever is left has had its time. `start`: the memory in which the start was planned,
    /// which is not given back before the end of a short command.
    pub fn supervise(&self, start: Option<Arena>) -> Outcome {
        let mut start = ManuallyDrop::new(start);
        let mut has_settled = false;
        let mut watch = Watch {
            state: State::running(self.deadline),
            change: Change::Continued,
            ended: 0,
            #[cfg(feature = "boot")]
            request: 0,
            last: 0,
            stuck: false,
            tally: Tally::default(),
            unreaped: Unreaped::default(),
        };
        // Those that ended before this program was executed send no signal any more.
        let mut ended = self.reap(&mut watch);
        loop {
            if let Some(status) = ended {
                let Watch { state, change, ended, tally, .. } = watch;
                return Outcome {
                    status,
                    change,
                    ended,
                    asked: state.was_asked(),
                    #[cfg(feature = "boot")]
                    request: watch.request,
                    stuck: watch.stuck,
                    tally,
                };
            }
            let due = if self.gives_up(&watch.state) { Some(watch.last) } else { watch.state.deadline() };
            let timeout = due.map(|due| due.saturating_sub(poll::now()));
            // However many signals keep coming.
            if timeout == Some(0) {
                ended = self.time_up(&mut watch);
                continue;
            }
            // A deadline before that is a little late.
            let timeout = if has_settled { timeout } else { Some(SETTLED) };
            ended = match signal::wait(self.signals, timeout) {
                Ok(info) if info.signal == k::SIGCHLD as u8 => self.reap(&mut watch),
                // Its own: SIGPIPE, when nobody reads its messages, and what it gets for giving the terminal away. The command
                // has no part in that.
                Ok(info) if !LAUNCHED && info.code == 0 && info.sender == self.own => None,
                Ok(info) => self.take(&mut watch, &info),
                Err(Errno::EAGAIN) if !has_settled => {
                    has_settled = true;
                    drop(start.take());
                    // What the start has left on the stack. If it cannot be given back it is as well to go on.
                    tolerate(process::trim_stack());
                    None
                }
                // A deadline, which is looked at first; or EINTR.
                Err(_) => None,
            };
        }
    }

    /// One who is alone in its pid namespace may signal everyone.
    fn is_pid_1(&self) -> bool {
        self.own == Pid(1)
    }

    /// Whether it does not wait for ever for what was killed: a machine goes off even with a process in it that waits for a device,
    /// and as PID 1 an init may be an ordinary user whom a process need not heed that is not.
    fn gives_up(&self, state: &State) -> bool {
        MORE && self.is_pid_1() && state.kills()
    }

    /// The deadline has passed.
    #[inline(never)]
    fn time_up(&self, watch: &mut Watch) -> Option<u8> {
        if self.gives_up(&watch.state) {
            watch.stuck = true;
            return watch.state.status().or_else(|| {
                // It is the command.
                let signal = k::SIGKILL as u8;
                (watch.change, watch.ended) = (Change::Killed { signal, core: false }, poll::now());
                Some(exit_status(signal))
            });
        }
        if MORE {
            watch.last = poll::now() + LAST;
        }
        let action = watch.state.time_up();
        self.act(action, &watch.state, &NO_SIGNAL)
    }

    /// A signal that is for the command.
    #[inline(never)]
    fn take(&self, watch: &mut Watch, info: &Info) -> Option<u8> {
        self.say(word(c"received signal "), info.signal);
        #[cfg(feature = "boot")]
        let info = if MORE && self.requests & set_of(info.signal) != 0 {
            // Once is enough: a button tells of its release too.
            if watch.request != 0 {
                return None;
            }
            watch.request = info.signal;
            const { &plain(k::SIGTERM as u8) }
        } else {
            info
        };
        let action = watch.state.signal::<LAUNCHED>(info, poll::now(), &self.manner);
        self.act(action, &watch.state, info)
    }

    /// One SIGCHLD may stand for many children.
    fn reap(&self, watch: &mut Watch) -> Option<u8> {
        loop {
            let action = match process::wait_any() {
                Ok(Some((pid, change))) => {
                    self.count(watch, pid, change);
                    watch.state.child::<LAUNCHED>(pid == self.command, change, poll::now(), &self.manner)
                }
                Ok(None) => return None,
                // ECHILD.
                Err(_) => return self.act(watch.state.alone(), &watch.state, &NO_SIGNAL),
            };
            if let Some(status) = self.act(action, &watch.state, &NO_SIGNAL) {
                return Some(status);
            }
        }
    }

    /// Carries an action out; gives the status with which to exit.
    ///
    /// The target may have ended a moment ago (ESRCH, EPIPE), the terminal may be gone (EIO): an init goes on.
    fn act(&self, action: Action, state: &State, info: &Info) -> Option<u8> {
        match action {
            Action::Nothing => {}
            Action::Pass => self.pass(info),
            Action::PassAndContinue => {
                self.pass(info);
                self.to_group(k::SIGCONT as u8);
            }
            Action::PassAndStop => {
                self.pass(info);
                // As PID 1 the kernel does not let it.
                tolerate(process::kill(self.own.0, k::SIGSTOP as u8));
            }
            Action::ToGroup(signal) => self.to_group(signal),
            Action::Resume => self.resume(),
            Action::TellStopped(signal) => {
                if let (true, Some(launcher)) = (LAUNCHED, &self.launcher) {
                    tolerate(socket::send(launcher.at(), &[STOPPED, signal]));
                }
            }
            Action::StopToo(_) if LAUNCHED => {}
            Action::StopToo(signal) => self.stop_too(signal.into()),
            // What a machine leaves are services, to whom SIGHUP may mean to go on.
            #[cfg(feature = "boot")]
            Action::EndRest if MORE && self.requests != 0 => {
                if !self.to_all(k::SIGTERM as u8) {
                    return state.status();
                }
                self.to_all(k::SIGCONT as u8);
            }
            Action::EndRest => {
                if !self.to_all(k::SIGHUP as u8) {
                    return state.status();
                }
                self.end_all();
            }
            // As PID 1 it has reached everyone already. To others it may come twice.
            Action::EndMore if self.is_pid_1() => {}
            Action::EndMore => self.end_all(),
            Action::Farewell => {
                let last = self.becomes(k::SIGTERM as u8);
                if last != DROP {
                    self.to_group(last);
                    self.say(word(c"forwarded signal "), last);
                }
                return state.status();
            }
            Action::KillAll => {
                if state.status().is_none() {
                    // It is a child that nobody has waited for yet, so the number is its own, with or without a list.
                    tolerate(process::kill(self.command.0, k::SIGKILL as u8));
                }
                // Whom PID 1 may not kill, as an ordinary user, the kernel does at its end.
                if !self.to_all(k::SIGKILL as u8) || !MORE && self.is_pid_1() {
                    return state.status();
                }
            }
            Action::Exit => return state.status(),
        }
        None
    }

    /// The command has stopped. At a terminal so does the job that this process is of, and its shell has the terminal back.
    fn stop_too(&self, signal: u32) {
        if terminal::foreground(At::STDIN).is_err() {
            return;
        }
        // It was not given the terminal of a pipeline, and needs it after all.
        let waits_for_terminal = matches!(signal, k::SIGTTIN | k::SIGTTOU)
            && is_in_foreground()
            && terminal::set_foreground(At::STDIN, self.command).is_ok();
        if !waits_for_terminal {
            take_terminal_from(self.command);
            // An init around this one sees why. SIGSTOP is the one before them.
            stop_for_shell(JOB, signal.max(k::SIGTSTP));
        }
        // The shell has made the job go on. Or there is none, the kernel has dropped the stop, and nobody would make it go on.
        if waits_for_terminal || signal == k::SIGTSTP {
            self.resume();
        }
    }

    /// Gives the command the terminal, if this process has it to give, and lets it go on.
    fn resume(&self) {
        if self.manner.foreground && (LAUNCHED || is_in_foreground()) {
            tolerate(terminal::set_foreground(At::STDIN, self.command));
        }
        self.to_group(k::SIGCONT as u8);
    }

    /// What a signal is passed on as.
    fn becomes(&self, signal: u8) -> u8 {
        #[cfg(feature = "full")]
        if LAUNCHED && signal == k::SIGTERM as u8 {
            return self.stop_signal;
        }
        match self.rewrite[usize::from(signal)] {
            other if !LAUNCHED && other != 0 => other,
            _ => signal,
        }
    }

    /// To the command's process, as docker-init and tini do, or to its group; a queued one with its value and sender.
    fn pass(&self, info: &Info) {
        let signal = self.becomes(info.signal);
        if signal == DROP {
            return self.say(word(c"dropped signal "), info.signal);
        }
        let Pid(command) = self.command;
        // Where there is no group yet, or no room for a queued one (RLIMIT_SIGPENDING), it goes to the process alone.
        let is_passed = !LAUNCHED && self.manner.group && process::kill(-command, signal).is_ok()
            || is_queued(*info) && signal::queue(self.command, Info { signal, ..*info }).is_ok();
        if !is_passed {
            tolerate(process::kill(command, signal));
        }
        self.say(word(c"forwarded signal "), signal);
    }

    fn say(&self, sentence: Word, number: u8) {
        if !LAUNCHED {
            self.log.say(log::DEBUG, sentence, number.into());
        }
    }

    /// Tells of the end of a process, and counts it.
    #[inline(never)]
    fn count(&self, watch: &mut Watch, pid: Pid, change: Change) {
        let (sentence, value) = match change {
            _ if LAUNCHED => {
                if cfg!(feature = "full") && pid == self.command {
                    watch.change = change;
                }
                return;
            }
            Change::Exited(status) => (word(c"exited with status "), status),
            Change::Killed { signal, .. } => (word(c"killed by signal "), signal),
            Change::Stopped(_) | Change::Continued => return,
        };
        if pid == self.command {
            watch.change = change;
            if MORE {
                watch.ended = poll::now();
            }
            return self.log.say(log::INFO, sentence, value.into());
        }
        self.log.say(self.log.reaping, word(c"reaped process "), pid.0 as u32);
        if MORE {
            if self.log.reaping == log::WARN {
                watch.unreaped.look(&self.log, poll::now());
            }
            let counted = match (watch.state, change) {
                (State::Running { .. }, _) => &mut watch.tally.reaped,
                (_, Change::Killed { signal, .. }) if signal == k::SIGKILL as u8 => &mut watch.tally.killed,
                _ => &mut watch.tally.terminated,
            };
            *counted += 1;
        }
    }

    fn end_all(&self) {
        self.to_all(k::SIGTERM as u8);
        self.to_all(k::SIGCONT as u8);
    }

    fn to_group(&self, signal: u8) {
        tolerate(process::kill(-self.command.0, signal));
    }

    /// To everyone in the pid namespace; a subreaper, which has none of its own, signals its children alone, to which the
    /// orphans among its descendants belong. Whether there was anyone.
    fn to_all(&self, signal: u8) -> bool {
        if self.is_pid_1() {
            return process::kill_all_but_init(signal).is_ok();
        }
        // As many as fit; the next ones are reached when one of these has ended. A number ends in a space: what has none is cut.
        let mut buffer = [0; 1024];
        let listed = self.children.as_ref().map_or(Ok(0), |list| file::pread(list.at(), &mut buffer, 0));
        let (mut anyone, mut pid) = (false, 0);
        for byte in &buffer[..listed.unwrap_or(0)] {
            if byte.is_ascii_digit() {
                pid = 10 * pid + i32::from(byte - b'0');
                continue;
            }
            // Where /proc is another pid namespace's its numbers may be those of others here. A child keeps its own until it is
            // waited for, which this thread alone does.
            anyone |= process::is_child(pid) && process::kill(pid, signal).is_ok();
            pid = 0;
        }
        anyone
    }
}

/// Whether this process's group has the terminal.
pub fn is_in_foreground() -> bool {
    terminal::foreground(At::STDIN).is_ok_and(|group| getpgid(Pid(0)) == Ok(group))
}

/// The terminal's foreground is this process's group again, as it was for who started it.
pub fn take_terminal() {
    if let Ok(own) = getpgid(Pid(0)) {
        // The terminal may be gone (EIO), and then nobody needs it.
        tolerate(terminal::set_foreground(At::STDIN, own));
    }
}

/// The same, if the foreground is that group's now.
pub fn take_terminal_from(group: Pid) {
    if terminal::foreground(At::STDIN) == Ok(group) {
        take_terminal();
    }
}

/// Whether this process is in a group that is not its parent's too, as a job of a shell that sees it stop and makes it go on.
pub fn is_job() -> bool {
    getpgid(process::getppid()) != getpgid(Pid(0))
}

/// The process group of whoever calls: the rest of a pipeline, and the script that has started it.
const JOB: i32 = 0;

/// Stops this process, or its job, so that its shell sees the job stopped. The kernel drops a terminal's signal, unlike SIGSTOP, where no
/// shell in the session could continue the group.
pub fn stop_for_shell(target: i32, signal: u32) {
    let signal = signal as u8;
    tolerate(process::kill(target, signal));
    let mask = signal::set_mask(signal::ALL & !signal::set_of(signal));
    signal::set_mask(mask);
}
