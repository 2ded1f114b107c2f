//! The launcher while the container runs: waits in one ppoll(2), passes its signals on, keeps the terminal in order, and
//! ends with the command's exit status.

#[cfg(feature = "full")]
use super::cgroups::Cgroups;
#[cfg(feature = "full")]
use super::denied::Denials;
#[cfg(feature = "full")]
use crate::host::Terminal;
#[cfg(feature = "full")]
use crate::init::KILLED;
use crate::init::{self, SETTLED, STOPPED, exit_status, is_in_foreground, is_job, stop_for_shell, take_terminal};
#[cfg(feature = "full")]
use crate::state::Claim;
use crate::sys::poll::{self, Watched};
use crate::sys::process::{self, Change, Pid};
#[cfg(feature = "full")]
use crate::sys::signal::SignalSet;
use crate::sys::signal::{self, ALL, Info};
use crate::sys::{Arena, At, Errno, Fd, Result, file, socket, terminal, tolerate};
#[cfg(feature = "full")]
use core::cell::Cell;
use core::mem::ManuallyDrop;
use linux_raw_sys::general as k;

/// A running container, seen from outside.
#[derive(Debug)]
pub struct Launcher {
    /// The init, or with `--no-init` the command.
    pub(super) child: Pid,
    pub(super) pidfd: Fd,
    pub(super) socket: Fd,
    /// Signals that are not passed on.
    #[cfg(feature = "full")]
    pub(super) deaf: SignalSet,
    /// What SIGTERM, the request to stop, is passed on as: an init knows itself what it is for the command.
    #[cfg(feature = "full")]
    pub(super) stop_signal: u8,
    /// From a stop request to SIGKILL, in microseconds, where there is no init that sees to it.
    #[cfg(feature = "full")]
    pub(super) stop_timeout: u64,
    /// That time runs.
    #[cfg(feature = "full")]
    pub(super) stops: Cell<bool>,
    /// The command's group has been given the terminal.
    pub(super) foreground: bool,
    /// The master of the container's own terminal, and what the command has of that.
    #[cfg(feature = "full")]
    pub(super) terminal: Option<(At<'static>, Terminal)>,
    pub(super) init: bool,
    /// Held while the container uses mount points that were made for it, or writes to a directory that keeps them.
    pub(super) lock: Option<Fd>,
    /// The lock on the container's range of ids.
    #[cfg(feature = "full")]
    pub(super) ids: Option<Fd>,
    #[cfg(feature = "full")]
    pub(super) cgroups: Cgroups,
    /// Where the figures go.
    #[cfg(feature = "full")]
    pub(super) figures: Option<Fd>,
    /// The container's name.
    #[cfg(feature = "full")]
    pub(super) claim: Option<Claim>,
    /// What the filter refuses, if that is to be told.
    #[cfg(feature = "full")]
    pub(super) denials: Option<Denials>,
    pub(super) made: bool,
    /// The init of the container that the command has come to later, where it does not end with that by itself.
    #[cfg(feature = "full")]
    pub(super) container: Option<Fd>,
    /// How many descriptors the command was given from 3 upwards.
    pub(super) preserved: u32,
    /// Someone is to be told of the end.
    #[cfg(feature = "full")]
    pub(super) reports: bool,
    /// When the command was started, on the monotonic clock.
    #[cfg(feature = "full")]
    pub(super) begun: u64,
    /// The signal that has ended the command.
    #[cfg(feature = "full")]
    pub(super) killed: Cell<u8>,
}

/// How a container ended.
#[derive(Debug)]
pub struct Ended {
    /// The command's, or why it is not known.
    pub status: Result<u8>,
    /// What the launcher's `child` was.
    #[cfg(feature = "full")]
    pub child: Pid,
    /// The name, which is to be given back.
    #[cfg(feature = "full")]
    pub claim: Option<Claim>,
    /// What the filter has refused, which is to be told.
    #[cfg(feature = "full")]
    pub denials: Option<Denials>,
    /// The image in which mount points were made: `clean_up` is due.
    pub made: Option<Fd>,
    /// They are still there.
    #[cfg(feature = "full")]
    pub cgroups: Cgroups,
    /// Where the figures go.
    #[cfg(feature = "full")]
    pub figures: Option<Fd>,
    /// `farewell` is due.
    #[cfg(feature = "full")]
    pub reports: bool,
    #[cfg(feature = "full")]
    pub begun: u64,
    /// The signal that has ended the command; 0: it has exited.
    #[cfg(feature = "full")]
    pub signal: u8,
}

/// What a message or a signal means.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "full"), expect(dead_code, reason = "what the whole build looks at"))]
pub enum Event {
    Nothing,
    /// There will be no more messages.
    Silence,
    /// The command was stopped by this signal.
    Stopped(u8),
    /// One that has been passed on.
    Signal(u8),
    /// The container has ended with this status.
    Ended(u8),
}

pub(super) const CHLD: u8 = k::SIGCHLD as u8;
pub(super) const CONT: u8 = k::SIGCONT as u8;
#[cfg(feature = "full")]
pub(super) const TERM: u8 = k::SIGTERM as u8;
pub(super) const KILL: u8 = k::SIGKILL as u8;
#[cfg(feature = "full")]
const ALRM: u8 = k::SIGALRM as u8;
/// As `si_code`: a process has sent it (asm-generic/siginfo.h).
const SI_USER: i32 = 0;
#[cfg(feature = "full")]
const INT: u8 = k::SIGINT as u8;
#[cfg(feature = "full")]
const QUIT: u8 = k::SIGQUIT as u8;
#[cfg(feature = "full")]
const STOP: u8 = k::SIGSTOP as u8;
#[cfg(feature = "full")]
pub(super) const TSTP: u8 = k::SIGTSTP as u8;
#[cfg(feature = "full")]
pub(super) const WINCH: u8 = k::SIGWINCH as u8;

impl Launcher {
    /// Waits for the end. `start`: the memory in which the start was planned, which is not given back before the end of a short
    /// command.
    pub fn supervise(mut self, start: Option<Arena>) -> Ended {
        let status = self.wait(ManuallyDrop::new(start));
        if status.is_err() {
            // Nobody would hear of it any more. It may have ended by itself.
            tolerate(signal::send(self.pidfd.at(), KILL));
            tolerate(process::wait_for(self.child));
        }
        if self.foreground {
            take_terminal();
        }
        let made = self.lock.take().filter(|_| self.made);
        #[cfg(feature = "full")]
        {
            self.ids = None;
        }
        #[cfg(feature = "full")]
        if self.reports {
            // What came last from inside; then the other end is gone.
            while matches!(self.hear(), Ok(Event::Nothing | Event::Stopped(_))) {}
        }
        Ended {
            status,
            #[cfg(feature = "full")]
            child: self.child,
            #[cfg(feature = "full")]
            claim: self.claim,
            #[cfg(feature = "full")]
            denials: self.denials,
            made,
            #[cfg(feature = "full")]
            reports: self.reports || self.cgroups.are_there(),
            #[cfg(feature = "full")]
            cgroups: self.cgroups,
            #[cfg(feature = "full")]
            figures: self.figures,
            #[cfg(feature = "full")]
            begun: self.begun,
            #[cfg(feature = "full")]
            signal: self.killed.get(),
        }
    }

    #[inline(never)]
    fn wait(&self, mut start: ManuallyDrop<Option<Arena>>) -> Result<u8> {
        if self.preserved > 0 {
            file::close_range(3, 2 + self.preserved)?;
        }
        #[cfg(feature = "full")]
        let signals = signal::signalfd(ALL & !self.deaf)?;
        #[cfg(not(feature = "full"))]
        let signals = signal::signalfd(ALL)?;
        #[cfg(feature = "full")]
        if let Some((master, Terminal::Own { streams, .. })) = self.terminal {
            give_back(&mut start);
            return super::relay::watch(self, master, streams, signals.at());
        }
        self.watch(signals.at(), &mut start)
    }

    fn watch(&self, signals: At, start: &mut Option<Arena>) -> Result<u8> {
        let mut inside_speaks = true;
        #[cfg(feature = "full")]
        let mut container = self.container.as_ref();
        loop {
            let mut watched = [Watched::READING; if cfg!(feature = "full") { 4 } else { 2 }];
            watched[0].on(signals);
            #[cfg(feature = "full")]
            if let Some(container) = container {
                watched[2].on(container.at());
            }
            #[cfg(feature = "full")]
            if let Some(denials) = &self.denials {
                denials.watch(&mut watched[3]);
            }
            if inside_speaks {
                watched[1].on(self.socket.at());
            }
            let polled =
                if start.is_none() { poll::poll(&mut watched, true) } else { poll::poll_within(&mut watched, SETTLED) };
            match polled {
                Err(Errno::EINTR) => continue,
                result => result?,
            }
            #[cfg(feature = "full")]
            if watched[2].is_ready() {
                container = None;
                self.to_group(KILL);
            }
            #[cfg(feature = "full")]
            if let Some(denials) = &self.denials {
                denials.answer(&watched[3]);
            }
            let mut event = Event::Nothing;
            if watched[1].is_ready() {
                event = self.hear()?;
            } else if watched[0].is_ready() {
                event = self.take(signals)?;
            }
            match event {
                // The end is near.
                Event::Silence => inside_speaks = false,
                Event::Ended(status) => return Ok(status),
                event => {
                    give_back(start);
                    if let Event::Stopped(_) = event {
                        self.stop();
                    }
                }
            }
        }
    }

    /// A message from inside.
    pub(super) fn hear(&self) -> Result<Event> {
        let mut message = [0; 2];
        match socket::receive(self.socket.at(), &mut message) {
            Ok(0) => Ok(Event::Silence),
            #[cfg(feature = "full")]
            Ok(_) if message[0] == KILLED => {
                self.killed.set(message[1]);
                Ok(Event::Nothing)
            }
            Ok(_) if message[0] == STOPPED => Ok(Event::Stopped(message[1])),
            // ECONNRESET, once: the other end has died before it took what was sent to it. What it said is still here.
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN | Errno::ECONNRESET) => Ok(Event::Nothing),
            Err(error) => Err(error),
        }
    }

    /// One signal.
    pub(super) fn take(&self, signals: At) -> Result<Event> {
        let Some(info) = signal::read_signalfd(signals)? else { return Ok(Event::Nothing) };
        if info.signal == CHLD {
            return self.reap();
        }
        #[cfg(feature = "full")]
        if info.signal == CONT && info.sender == process::getpid() {
            return Ok(Event::Nothing);
        }
        #[cfg(feature = "full")]
        if info.signal == ALRM && info.code > SI_USER && self.stops.get() {
            tolerate(signal::send(self.pidfd.at(), KILL));
            return Ok(Event::Nothing);
        }
        // As it would be without a container; the kernel keeps what is blocked, ignored or not. SIGCONT is never without effect.
        if info.signal != CONT && signal::is_ignored(info.signal) {
            return Ok(Event::Nothing);
        }
        match self.pass(info) {
            // It has just ended; its SIGCHLD is on its way. Or the queue of signals is full (RLIMIT_SIGPENDING): the one that
            // does not fit is lost, as it would be for any receiver.
            Ok(()) | Err(Errno::ESRCH | Errno::EAGAIN) => Ok(Event::Signal(info.signal)),
            Err(errno) => Err(errno),
        }
    }

    fn reap(&self) -> Result<Event> {
        loop {
            match process::wait_any() {
                Ok(Some((pid, Change::Exited(status)))) if pid == self.child => return Ok(Event::Ended(status)),
                Ok(Some((pid, Change::Killed { signal, .. }))) if pid == self.child => {
                    #[cfg(feature = "full")]
                    self.killed.set(signal);
                    return Ok(Event::Ended(exit_status(signal)));
                }
                // There is no other child, and for what comes of this one later there will be another signal.
                Ok(Some((pid, Change::Stopped(signal)))) if pid == self.child && !self.init => {
                    return Ok(Event::Stopped(signal));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(Errno::ECHILD) => return Ok(Event::Nothing),
                Err(error) => return Err(error),
            }
        }
    }

    /// Passes a signal on. What the terminal sent is meant for a whole process group.
    fn pass(&self, info: Info) -> Result<()> {
        #[cfg(feature = "full")]
        if self.is_for_terminal(info) {
            return Ok(());
        }
        if info.signal == CONT && self.foreground && is_in_foreground() {
            return self.resume();
        }
        // Another request gives it no more time.
        #[cfg(feature = "full")]
        if info.signal == TERM && !self.init && !self.stops.replace(true) {
            signal::alarm(self.stop_timeout)?;
        }
        #[cfg(feature = "full")]
        if info.signal == TERM && self.stop_signal != TERM {
            return signal::send(self.pidfd.at(), self.stop_signal);
        }
        if info.code > SI_USER && self.init {
            return signal::send_info(self.pidfd.at(), Info { code: init::TO_GROUP, ..info });
        }
        #[cfg(feature = "full")]
        if info.code > SI_USER {
            self.to_group(info.signal);
            return Ok(());
        }
        if init::is_queued(info) {
            return signal::send_info(self.pidfd.at(), info);
        }
        signal::send(self.pidfd.at(), info.signal)
    }

    /// Whether the container's terminal has told its own foreground, as it does of a window's size.
    #[cfg(feature = "full")]
    #[inline(never)]
    fn is_for_terminal(&self, info: Info) -> bool {
        let Some((master, _)) = self.terminal else { return false };
        if info.signal == WINCH {
            return true;
        }
        // What the caller's terminal has made of a key.
        if info.code <= SI_USER || !matches!(info.signal, INT | QUIT | TSTP) {
            return false;
        }
        if info.signal == TSTP && !self.init && terminal::foreground(master) == Ok(self.child) {
            // Leading its session, it has no parent there and would not stop for a terminal.
            if Self::is_at_terminal() && is_job() {
                self.to_group(STOP);
            }
            return true;
        }
        let is_told = terminal::signal(master, info.signal).is_ok();
        if info.signal == TSTP && is_told {
            // It may be a job of a shell inside, which goes on, and then so do the others of the pipeline. If it is the command,
            // that is heard next, and they are stopped once more.
            tolerate(process::kill(0, CONT));
        }
        is_told
    }

    /// The command was stopped: this process stops too, so that the shell sees its job stopped and has its terminal back.
    /// Without a terminal there is no such shell, and nobody would make this process go on.
    fn stop(&self) {
        if !Self::is_at_terminal() || !is_job() {
            return;
        }
        if self.foreground {
            take_terminal();
        }
        stop_for_shell(process::getpid().0, k::SIGTSTP);
    }

    /// Whether one of the streams is the terminal of this process's session.
    pub(super) fn is_at_terminal() -> bool {
        [At::STDIN, At::STDOUT, At::STDERR].into_iter().any(|fd| terminal::foreground(fd).is_ok())
    }

    /// The shell's `fg`: the command gets the terminal back and goes on.
    fn resume(&self) -> Result<()> {
        if self.init {
            return signal::send_info(self.pidfd.at(), Info { code: init::FOREGROUND, ..init::plain(CONT) });
        }
        // The command leads its group, and is our child.
        terminal::set_foreground(At::STDIN, self.child)?;
        #[cfg(not(feature = "full"))]
        return signal::send(self.pidfd.at(), CONT);
        #[cfg(feature = "full")]
        {
            self.to_group(CONT);
            Ok(())
        }
    }

    /// To the group of a command that is our child, which has the number until it is waited for. It may have no process left that
    /// takes it.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub(super) fn to_group(&self, signal: u8) {
        tolerate(process::kill(-self.child.0, signal));
    }
}

/// From here on this process has no memory but its stack, and of that no more than it needs. If it cannot be given back it is as well
/// to go on.
fn give_back(start: &mut Option<Arena>) {
    if start.take().is_some() {
        tolerate(process::trim_stack());
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;

    #[test]
    fn the_last_messages_of_one_that_has_died_are_heard() {
        let [socket, theirs] = socket::pair().unwrap();
        let launcher = Launcher {
            child: Pid(1),
            pidfd: file::duplicate(socket.at()).unwrap(),
            socket,
            deaf: 0,
            stop_signal: TERM,
            stop_timeout: 0,
            stops: Cell::new(false),
            foreground: false,
            terminal: None,
            init: true,
            lock: None,
            ids: None,
            cgroups: Cgroups::NONE,
            figures: None,
            claim: None,
            denials: None,
            made: false,
            container: None,
            preserved: 0,
            reports: true,
            begun: 0,
            killed: Cell::new(0),
        };
        socket::send(theirs.at(), &[KILLED, 9]).unwrap();
        // What it has not taken makes its end a reset.
        socket::send(launcher.socket.at(), b"G").unwrap();
        drop(theirs);
        while matches!(launcher.hear(), Ok(Event::Nothing)) {}
        assert!(matches!(launcher.hear(), Ok(Event::Silence)));
        assert_eq!(launcher.killed.get(), 9);
    }
}
