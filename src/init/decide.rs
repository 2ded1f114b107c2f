//! What an init does about an event: pure decisions, (state, event) -> action. `init` feeds it and carries the actions out.

use crate::sys::process::{Change, Pid};
use crate::sys::signal::Info;
use linux_raw_sys::general as k;

/// `si_code` of a signal that the launcher passes on for the whole process group, because its terminal sent it. Negative,
/// as a program's must be, and none of the kernel's own (asm-generic/siginfo.h).
pub const TO_GROUP: i32 = -70;
/// `si_code` of the launcher's SIGCONT when the terminal's foreground is the container's again.
pub const FOREGROUND: i32 = -71;
/// sigqueue(3), asm-generic/siginfo.h.
const SI_QUEUE: i32 = -1;

const CHLD: u8 = k::SIGCHLD as u8;
const CONT: u8 = k::SIGCONT as u8;
const STOP: u8 = k::SIGSTOP as u8;
const TERM: u8 = k::SIGTERM as u8;
const TERMINAL_STOPS: [u8; 3] = [k::SIGTSTP as u8, k::SIGTTIN as u8, k::SIGTTOU as u8];

/// What is left when the command has ended gets at most this long, in microseconds.
const GRACE: u64 = 1_000_000;

/// How an init behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The command may be in the terminal's foreground; else it has a session of its own.
    pub foreground: bool,
    /// Microseconds from a stop request to SIGKILL; `None`: SIGTERM is a signal like others.
    pub stop_timeout: Option<u64>,
    /// What is left when the command ends is asked to end too.
    pub ends_the_rest: bool,
}

/// What an init knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Running {
        stopped: bool,
        /// When everything is killed, on the monotonic clock.
        deadline: Option<u64>,
    },
    /// The command has ended with this status; others may be left until the deadline. After it they are being killed.
    Ended { status: u8, deadline: Option<u64> },
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Nothing,
    /// Pass a signal on to the command.
    Pass(Info),
    /// Send a signal to the command's process group.
    ToGroup(u8),
    /// The same SIGTERM, and SIGCONT so that a stopped command sees it.
    PassAndContinue(Info),
    /// Give the command's group the terminal and let it continue.
    Resume,
    /// Tell the launcher that the command was stopped by this signal.
    TellStopped(u8),
    /// Ask whatever is left to end; exit with the status if there is nothing.
    EndRest(u8),
    /// SIGKILL for whatever is there.
    KillAll,
    Exit(u8),
}

impl State {
    pub const NEW: Self = Self::Running { stopped: false, deadline: None };

    /// When `time_up` is due.
    pub const fn deadline(self) -> Option<u64> {
        match self {
            Self::Running { deadline, .. } => deadline,
            Self::Ended { deadline, .. } => deadline,
        }
    }

    /// A signal has arrived.
    pub fn signal(&mut self, info: Info, now: u64, manner: Manner) -> Action {
        let Self::Running { stopped, deadline } = self else { return Action::Nothing };
        match (info.signal, info.code) {
            (CHLD, _) => Action::Nothing,
            (TERM, _) if manner.stop_timeout.is_some() => {
                let due = now.saturating_add(manner.stop_timeout.unwrap_or_default());
                *deadline = Some(deadline.map_or(due, |earlier| earlier.min(due)));
                if *stopped { Action::PassAndContinue(info) } else { Action::Pass(info) }
            }
            (CONT, FOREGROUND) => Action::Resume,
            // What was stopped as a group goes on as one.
            (CONT, _) if *stopped => Action::ToGroup(CONT),
            // A process group without a parent in its session, which a session of its own is, never stops for a terminal.
            (signal, TO_GROUP) if !manner.foreground && TERMINAL_STOPS.contains(&signal) => Action::ToGroup(STOP),
            (signal, TO_GROUP) => Action::ToGroup(signal),
            _ => Action::Pass(info),
        }
    }

    /// A child has changed.
    pub fn child(&mut self, is_command: bool, change: Change, now: u64, manner: Manner) -> Action {
        let (status, left) = match (*self, change) {
            // The end of one that was killed may have brought up others: its children.
            (Self::Ended { deadline: None, .. }, _) => return Action::KillAll,
            _ if !is_command => return Action::Nothing,
            (Self::Running { deadline, .. }, Change::Exited(status)) => (status, deadline),
            (Self::Running { deadline, .. }, Change::Killed(signal)) => (exit_status(signal), deadline),
            (Self::Running { deadline, .. }, Change::Stopped(signal)) => {
                *self = Self::Running { stopped: true, deadline };
                return Action::TellStopped(signal);
            }
            (Self::Running { deadline, .. }, Change::Continued) => {
                *self = Self::Running { stopped: false, deadline };
                return Action::Nothing;
            }
            (Self::Ended { .. }, _) => return Action::Nothing,
        };
        *self = Self::Ended { status, deadline: Some(left.unwrap_or_else(|| now.saturating_add(GRACE))) };
        if manner.ends_the_rest { Action::EndRest(status) } else { Action::Exit(status) }
    }

    /// There is no child any more.
    pub fn alone(&self) -> Action {
        match self {
            Self::Running { .. } => Action::Nothing,
            Self::Ended { status, .. } => Action::Exit(*status),
        }
    }

    /// The deadline has passed.
    pub fn time_up(&mut self, is_pid_1: bool) -> Action {
        match self {
            // The end of PID 1 kills the rest.
            Self::Ended { status, .. } if is_pid_1 => Action::Exit(*status),
            Self::Running { deadline, .. } | Self::Ended { deadline, .. } => {
                *deadline = None;
                Action::KillAll
            }
        }
    }
}

/// 128+n, as shells and docker-run(1) have it.
pub const fn exit_status(signal: u8) -> u8 {
    128 + (signal & 0x7f)
}

/// Whether the kernel lets this be sent on as it came: with code, value and sender. A plain kill arrives as the init's own.
pub const fn is_queued(info: Info) -> bool {
    info.code == SI_QUEUE
}

/// A signal without more.
pub const fn plain(signal: u8) -> Info {
    Info { signal, code: 0, sender: Pid(0), value: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Manner = Manner { foreground: true, stop_timeout: Some(10), ends_the_rest: true };
    const SESSION: Manner = Manner { foreground: false, ..SHELL };
    const TSTP: u8 = TERMINAL_STOPS[0];
    const KILL: u8 = k::SIGKILL as u8;

    fn from_terminal(signal: u8) -> Info {
        Info { code: TO_GROUP, ..plain(signal) }
    }

    #[test]
    fn every_signal_but_sigchld_reaches_the_command() {
        for signal in (1..=64).filter(|signal| !matches!(*signal, KILL | STOP)) {
            let action = State::NEW.clone().signal(plain(signal), 0, SHELL);
            let expected = if signal == CHLD { Action::Nothing } else { Action::Pass(plain(signal)) };
            assert_eq!(action, expected, "{signal}");
        }
    }

    #[test]
    fn a_terminal_s_signal_goes_to_the_group_and_stops_a_session_too() {
        let mut state = State::NEW;
        assert_eq!(state.signal(from_terminal(2), 0, SHELL), Action::ToGroup(2));
        assert_eq!(state.signal(from_terminal(TSTP), 0, SHELL), Action::ToGroup(TSTP));
        assert_eq!(state.signal(from_terminal(TSTP), 0, SESSION), Action::ToGroup(STOP));
        assert_eq!(state.signal(Info { code: FOREGROUND, ..plain(CONT) }, 0, SHELL), Action::Resume);
    }

    #[test]
    fn what_was_stopped_as_a_group_goes_on_as_one() {
        let mut state = State::NEW;
        state.child(true, Change::Stopped(STOP), 0, SESSION);
        assert_eq!(state.signal(plain(CONT), 0, SESSION), Action::ToGroup(CONT));
        state.child(true, Change::Continued, 0, SESSION);
        assert_eq!(state.signal(plain(CONT), 0, SESSION), Action::Pass(plain(CONT)));
    }

    #[test]
    fn a_stop_request_starts_the_clock_once_and_wakes_a_stopped_command() {
        let mut state = State::NEW;
        assert_eq!(state.signal(plain(TERM), 100, SHELL), Action::Pass(plain(TERM)));
        assert_eq!(state.deadline(), Some(110));
        state.signal(plain(TERM), 105, SHELL);
        assert_eq!(state.deadline(), Some(110), "a second request does not prolong it");
        assert_eq!(state.time_up(true), Action::KillAll);
        assert_eq!(state.deadline(), None);

        let mut state = State::NEW;
        assert_eq!(state.child(true, Change::Stopped(TSTP), 0, SHELL), Action::TellStopped(TSTP));
        assert_eq!(state.signal(plain(TERM), 0, SHELL), Action::PassAndContinue(plain(TERM)));
    }

    #[test]
    fn the_command_s_status_is_repeated_once_the_rest_has_ended() {
        for (change, status) in [(Change::Exited(3), 3), (Change::Killed(9), 137)] {
            let mut state = State::NEW;
            assert_eq!(state.child(false, change, 0, SHELL), Action::Nothing, "an orphan's end is nobody's status");
            assert_eq!(state.child(true, change, 5, SHELL), Action::EndRest(status));
            assert_eq!(state.deadline(), Some(5 + GRACE));
            assert_eq!(state.alone(), Action::Exit(status));
            assert_eq!(state.clone().time_up(true), Action::Exit(status));
            // One that is not PID 1 has to kill the rest, and what comes up then.
            assert_eq!(state.time_up(false), Action::KillAll);
            assert_eq!(state.deadline(), None);
            assert_eq!(state.child(false, Change::Killed(9), 7, SHELL), Action::KillAll);
            assert_eq!(state.alone(), Action::Exit(status));
        }
    }

    #[test]
    fn after_a_stop_request_the_rest_has_what_is_left_of_the_time() {
        let mut state = State::NEW;
        state.signal(plain(TERM), 100, SHELL);
        state.child(true, Change::Exited(0), 104, SHELL);
        assert_eq!(state.deadline(), Some(110));
    }

    #[test]
    fn without_children_but_with_a_command_nothing_ends() {
        assert_eq!(State::NEW.alone(), Action::Nothing);
    }
}
