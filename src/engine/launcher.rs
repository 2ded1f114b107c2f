//! The launcher while the container runs: waits in one ppoll(2), passes its signals on, keeps the terminal in order, and
//! ends with the command's exit status.

use crate::init::{self, STOPPED, exit_status, is_in_foreground, is_job, stop_for_shell, take_terminal};
use crate::sys::process::{self, Change, Pid};
use crate::sys::signal::{self, ALL, Info, SignalSet};
use crate::sys::{At, Errno, Fd, Result, file, poll, socket, terminal};
use linux_raw_sys::general as k;

/// A running container, seen from outside.
#[derive(Debug)]
pub struct Launcher {
    /// The init, or with `--no-init` the command.
    pub(super) child: Pid,
    pub(super) pidfd: Fd,
    pub(super) socket: Fd,
    /// Signals that the caller has this process ignore: they are not passed on.
    pub(super) ignored: SignalSet,
    /// The command's group has been given the terminal.
    pub(super) foreground: bool,
    pub(super) init: bool,
    /// Held while the container uses mount points that were made for it.
    pub(super) lock: Option<Fd>,
    /// The lock on the container's range of ids.
    #[cfg(feature = "full")]
    pub(super) ids: Option<Fd>,
    pub(super) made: bool,
    /// How many descriptors the command was given from 3 upwards.
    pub(super) preserved: u32,
}

/// How a container ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The command's, or why it is not known.
    pub status: Result<u8>,
    /// Mount points were made in the image: `clean_up` is due.
    pub made: bool,
}

const CHLD: u8 = k::SIGCHLD as u8;
const CONT: u8 = k::SIGCONT as u8;

impl Launcher {
    /// Waits for the end.
    pub fn supervise(mut self) -> Ended {
        let status = self.watch();
        if self.foreground {
            take_terminal();
        }
        self.lock = None;
        #[cfg(feature = "full")]
        {
            self.ids = None;
        }
        Ended { status, made: self.made }
    }

    #[inline(never)]
    fn watch(&self) -> Result<u8> {
        if self.preserved > 0 {
            file::close_range(3, 2 + self.preserved)?;
        }
        let signals = signal::signalfd(ALL & !self.ignored)?;
        let mut inside_speaks = true;
        loop {
            let second = if inside_speaks { self.socket.at() } else { signals.at() };
            match poll::poll2([signals.at(), second], true) {
                Ok([signal, message]) => {
                    if inside_speaks && (message.readable || message.hung_up) {
                        inside_speaks = self.hear()?;
                    }
                    if signal.readable {
                        if let Some(status) = self.take(signals.at())? {
                            return Ok(status);
                        }
                    }
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A message from inside; false once there will be none.
    fn hear(&self) -> Result<bool> {
        let mut message = [0; 2];
        match socket::receive(self.socket.at(), &mut message) {
            Ok(0) | Err(Errno::ECONNRESET) => Ok(false),
            Ok(_) if message[0] == STOPPED => self.stop().map(|()| true),
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// One signal; the exit status once the container has ended.
    fn take(&self, signals: At) -> Result<Option<u8>> {
        let Some(info) = signal::read_signalfd(signals)? else { return Ok(None) };
        if info.signal == CHLD {
            return self.reap();
        }
        match self.pass(info) {
            // It has just ended; its SIGCHLD is on its way. Or the queue of signals is full (RLIMIT_SIGPENDING): the one that
            // does not fit is lost, as it would be for any receiver.
            Err(Errno::ESRCH | Errno::EAGAIN) => Ok(None),
            result => result.map(|()| None),
        }
    }

    fn reap(&self) -> Result<Option<u8>> {
        loop {
            match process::wait_any() {
                Ok(Some((pid, Change::Exited(status)))) if pid == self.child => return Ok(Some(status)),
                Ok(Some((pid, Change::Killed { signal, .. }))) if pid == self.child => {
                    return Ok(Some(exit_status(signal)));
                }
                Ok(Some((pid, Change::Stopped(_)))) if pid == self.child && !self.init => self.stop()?,
                Ok(Some(_)) => {}
                Ok(None) | Err(Errno::ECHILD) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Passes a signal on. What the terminal sent is meant for a whole process group.
    fn pass(&self, info: Info) -> Result<()> {
        const SI_USER: i32 = 0;
        if info.signal == CONT && self.foreground && is_in_foreground() {
            return self.resume();
        }
        if info.code > SI_USER && self.init {
            return signal::send_info(self.pidfd.at(), Info { code: init::TO_GROUP, ..info });
        }
        if init::is_queued(info) {
            return signal::send_info(self.pidfd.at(), info);
        }
        signal::send(self.pidfd.at(), info.signal)
    }

    /// The command was stopped: this process stops too, so that the shell sees its job stopped and has its terminal back.
    /// Without a terminal there is no such shell, and nobody would make this process go on.
    fn stop(&self) -> Result<()> {
        let at_terminal = [At::STDIN, At::STDOUT, At::STDERR].into_iter().any(|fd| terminal::foreground(fd).is_ok());
        if !at_terminal || !is_job() {
            return Ok(());
        }
        if self.foreground {
            take_terminal();
        }
        stop_for_shell();
        Ok(())
    }

    /// The shell's `fg`: the command gets the terminal back and goes on.
    fn resume(&self) -> Result<()> {
        if self.init {
            return signal::send_info(self.pidfd.at(), Info { code: init::FOREGROUND, ..init::plain(CONT) });
        }
        // The command leads its group, and is our child.
        terminal::set_foreground(At::STDIN, self.child)?;
        signal::send(self.pidfd.at(), CONT)
    }
}
