//! PID 1: takes one signal after the other, reaps, passes on, stops, and ends with the command's status.
//!
//! Nothing here allocates, and nothing ends the loop but the end of the command.

mod decide;
pub mod wrapper;

pub use decide::{FOREGROUND, Manner, TO_GROUP, exit_status, is_queued, plain};

use crate::sys::process::{self, Pid};
use crate::sys::signal::{self, ALL, Info};
use crate::sys::{At, Errno, Fd, file, poll, socket, terminal, tolerate};
use crate::text::{number, split};
use decide::{Action, State};
use linux_raw_sys::general as k;

/// What PID 1 tells its launcher: the first byte of a message.
pub const STARTED: u8 = b'S';
pub const STOPPED: u8 = b'T';
pub const FAILED: u8 = b'F';

/// An init whose command runs.
#[derive(Debug)]
pub struct Init {
    /// The command's process, which leads a process group of its own.
    pub command: Pid,
    pub manner: Manner,
    /// The launcher, if there is one outside.
    pub launcher: Option<Fd>,
    /// `/proc/thread-self/children` (proc_tid_children(5)), for one that is not PID 1 and ends the rest.
    pub children: Option<Fd>,
}

impl Init {
    /// Runs until the command has ended, and gives its exit status.
    pub fn supervise(self) -> u8 {
        let mut state = State::NEW;
        // One who is alone in its pid namespace needs to know whether it may signal everyone.
        let is_pid_1 = process::getpid() == Pid(1);
        loop {
            let timeout = state.deadline().map(|due| due.saturating_sub(poll::now()));
            let ended = match signal::wait(ALL, timeout) {
                Ok(info) if info.signal == k::SIGCHLD as u8 => self.reap(&mut state, is_pid_1),
                Ok(info) => {
                    let action = state.signal(info, poll::now(), self.manner);
                    self.act(action, is_pid_1)
                }
                Err(Errno::EAGAIN) => {
                    let action = state.time_up(is_pid_1);
                    self.act(action, is_pid_1)
                }
                // EINTR; nothing else can be.
                Err(_) => None,
            };
            if let Some(status) = ended {
                return status;
            }
        }
    }

    /// One SIGCHLD may stand for many children.
    fn reap(&self, state: &mut State, is_pid_1: bool) -> Option<u8> {
        loop {
            let action = match process::wait_any() {
                Ok(Some((pid, change))) => state.child(pid == self.command, change, poll::now(), self.manner),
                Ok(None) => return None,
                // ECHILD.
                Err(_) => return self.act(state.alone(), is_pid_1),
            };
            if let Some(status) = self.act(action, is_pid_1) {
                return Some(status);
            }
        }
    }

    /// Carries an action out; gives the status with which to exit.
    ///
    /// The target may have ended a moment ago (ESRCH, EPIPE), the terminal may be gone (EIO): an init goes on.
    fn act(&self, action: Action, is_pid_1: bool) -> Option<u8> {
        match action {
            Action::Nothing => {}
            Action::Pass(info) => self.pass(info),
            Action::PassAndContinue(info) => {
                self.pass(info);
                self.to_group(k::SIGCONT as u8);
            }
            Action::ToGroup(signal) => self.to_group(signal),
            Action::Resume => {
                if self.manner.foreground {
                    tolerate(terminal::set_foreground(At::STDIN, self.command));
                }
                self.to_group(k::SIGCONT as u8);
            }
            Action::TellStopped(signal) => {
                if let Some(launcher) = &self.launcher {
                    tolerate(socket::send(launcher.at(), &[STOPPED, signal]));
                }
            }
            Action::EndRest(status) => {
                if !self.to_all(k::SIGHUP as u8, is_pid_1) {
                    return Some(status);
                }
                self.to_all(k::SIGTERM as u8, is_pid_1);
                self.to_all(k::SIGCONT as u8, is_pid_1);
            }
            Action::KillAll => {
                self.to_all(k::SIGKILL as u8, is_pid_1);
            }
            Action::Exit(status) => return Some(status),
        }
        None
    }

    /// To the command's process, as docker-init and tini do; a queued one with its value and sender.
    fn pass(&self, info: Info) {
        tolerate(if is_queued(info) {
            signal::queue(self.command, info)
        } else {
            process::kill(self.command.0, info.signal)
        });
    }

    fn to_group(&self, signal: u8) {
        tolerate(process::kill(-self.command.0, signal));
    }

    /// To everyone in the pid namespace; a subreaper, which has none of its own, signals its children alone, to which the
    /// orphans among its descendants belong. Whether there was anyone.
    fn to_all(&self, signal: u8, is_pid_1: bool) -> bool {
        if is_pid_1 {
            return process::kill_all_but_init(signal).is_ok();
        }
        // As many as fit: the next ones come up when these have ended. The kernel cuts the list anywhere, and writes a space
        // behind each number: what has none is not one.
        let mut buffer = [0; 1024];
        let listed = self.children.as_ref().map_or(Ok(0), |children| file::pread(children.at(), &mut buffer, 0));
        let length = listed.unwrap_or(0);
        let whole = buffer[..length].iter().rposition(|byte| *byte == b' ').unwrap_or(0);
        let mut anyone = false;
        for child in split(&buffer[..whole], b' ') {
            if let Some(pid) = number::decimal(child) {
                anyone |= process::kill(pid as i32, signal).is_ok();
            }
        }
        anyone
    }
}
