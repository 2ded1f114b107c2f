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
const INT: u8 = k::SIGINT as u8;
const TERM: u8 = k::SIGTERM as u8;
const fn is_terminal_stop(signal: u8) -> bool {
    matches!(signal as u32, k::SIGTSTP | k::SIGTTIN | k::SIGTTOU)
}

/// What is left when the command has ended gets this long unless something else was said, in microseconds.
pub const GRACE: u64 = 1_000_000;

/// A deadline that has passed, and does not come again.
const OVER: Option<u64> = Some(u64::MAX);

/// How an init behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The command may be in the terminal's foreground; else it has a session of its own.
    pub foreground: bool,
    /// Signals are passed on to the command's whole process group.
    pub group: bool,
    /// Microseconds from a stop request to SIGKILL; `None`: SIGTERM is a signal like others.
    pub stop_timeout: Option<u64>,
    /// What is left when the command ends is asked to end too, and has these microseconds; `None`: the init does not wait.
    pub grace: Option<u64>,
    /// Without waiting for it, the command's group gets a last SIGTERM (dumb-init).
    pub farewell: bool,
    /// What happens to this process too when a stop signal is passed on.
    pub stop: Stop,
}

/// When an init stops with its command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Never; one with a launcher tells it, which does.
    Never,
    /// When the command has stopped, so that a shell sees its job stopped.
    WithCommand,
    /// After it has passed a stop signal of a terminal on (dumb-init).
    AfterSignal,
}

/// What an init knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Running {
        stopped: bool,
        /// Someone has asked it to end: SIGTERM or SIGINT.
        asked: bool,
        /// When everything is killed, on the monotonic clock.
        deadline: Option<u64>,
    },
    /// The command has ended with this status; others may be left until the deadline. After it they are being killed.
    Ended { status: u8, asked: bool, deadline: Option<u64> },
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Nothing,
    /// Pass the signal on to the command.
    Pass,
    /// Send a signal to the command's process group.
    ToGroup(u8),
    /// The same SIGTERM, and SIGCONT so that a stopped command sees it.
    PassAndContinue,
    /// Give the command's group the terminal and let it continue.
    Resume,
    /// Pass a stop signal on, and stop.
    PassAndStop,
    /// The command was stopped by this signal: tell the launcher.
    TellStopped(u8),
    /// The same: stop too.
    StopToo(u8),
    /// Ask whatever is left to end; exit if there is nothing.
    EndRest,
    /// The same, for what has come up since.
    EndMore,
    /// A last SIGTERM for the command's group, and exit.
    Farewell,
    /// SIGKILL for whatever is there; exit if the command has ended and there is nothing.
    KillAll,
    /// With the command's status.
    Exit,
}

impl State {
    /// A command that has just been started, and is killed at the deadline.
    pub const fn running(deadline: Option<u64>) -> Self {
        Self::Running { stopped: false, asked: false, deadline }
    }

    /// When `time_up` is due.
    pub const fn deadline(self) -> Option<u64> {
        match self {
            Self::Running { deadline, .. } | Self::Ended { deadline, .. } => deadline,
        }
    }

    /// Whether everything was killed that there is, and is waited for.
    pub const fn kills(self) -> bool {
        matches!(self, Self::Ended { deadline: None, .. } | Self::Running { deadline: OVER, .. })
    }

    /// The command's status, once it has ended.
    pub const fn status(self) -> Option<u8> {
        match self {
            Self::Running { .. } => None,
            Self::Ended { status, .. } => Some(status),
        }
    }

    /// Whether someone has asked it to end.
    pub const fn was_asked(self) -> bool {
        match self {
            Self::Running { asked, .. } | Self::Ended { asked, .. } => asked,
        }
    }

    /// A signal has arrived. `LAUNCHED`: from a launcher outside, which tells of its terminal.
    pub fn signal<const LAUNCHED: bool>(&mut self, info: &Info, now: u64, manner: &Manner) -> Action {
        let (Self::Running { asked, .. } | Self::Ended { asked, .. }) = self;
        let is_request = info.signal == TERM;
        *asked |= is_request || info.signal == INT;
        let Self::Running { stopped, deadline, .. } = self else { return Action::Nothing };
        match (info.signal, info.code) {
            (CHLD, _) => Action::Nothing,
            _ if is_request && manner.stop_timeout.is_some() => {
                let due = now.saturating_add(manner.stop_timeout.unwrap_or_default());
                *deadline = Some(deadline.map_or(due, |earlier| earlier.min(due)));
                if *stopped { Action::PassAndContinue } else { Action::Pass }
            }
            (CONT, FOREGROUND) if LAUNCHED => Action::Resume,
            (CONT, _) if *stopped && manner.stop == Stop::WithCommand => Action::Resume,
            // What was stopped as a group goes on as one.
            (CONT, _) if *stopped && LAUNCHED => Action::ToGroup(CONT),
            // A process group without a parent in its session, which a session of its own is, never stops for a terminal.
            (signal, TO_GROUP) if LAUNCHED && !manner.foreground && is_terminal_stop(signal) => Action::ToGroup(STOP),
            (signal, TO_GROUP) if LAUNCHED => Action::ToGroup(signal),
            (signal, _) if manner.stop == Stop::AfterSignal && is_terminal_stop(signal) => Action::PassAndStop,
            _ => Action::Pass,
        }
    }

    /// A child has changed.
    #[inline(never)]
    pub fn child<const LAUNCHED: bool>(
        &mut self,
        is_command: bool,
        change: Change,
        now: u64,
        manner: &Manner,
    ) -> Action {
        let (stopped, asked, deadline) = match self {
            // The end of one may have brought up others: its children.
            Self::Ended { deadline: None, .. } => return Action::KillAll,
            Self::Ended { .. } => return Action::EndMore,
            Self::Running { stopped, asked, deadline } if is_command => (stopped, *asked, *deadline),
            _ => return Action::Nothing,
        };
        let status = match change {
            Change::Exited(status) => status,
            Change::Killed { signal, .. } => exit_status(signal),
            Change::Stopped(signal) => {
                *stopped = true;
                return match manner.stop {
                    _ if LAUNCHED => Action::TellStopped(signal),
                    Stop::WithCommand => Action::StopToo(signal),
                    Stop::Never | Stop::AfterSignal => Action::Nothing,
                };
            }
            Change::Continued => {
                *stopped = false;
                return Action::Nothing;
            }
        };
        // After a stop request there is what is left of its time, and never more than of the whole.
        let time = if asked { manner.stop_timeout.or(manner.grace) } else { manner.grace };
        let due = now.saturating_add(time.unwrap_or_default());
        let deadline = if deadline == OVER { now } else { deadline.map_or(due, |whole| whole.min(due)) };
        *self = Self::Ended { status, asked, deadline: Some(deadline) };
        match manner.grace {
            Some(_) => Action::EndRest,
            None if manner.farewell => Action::Farewell,
            None => Action::Exit,
        }
    }

    /// There is no child any more.
    pub fn alone(&self) -> Action {
        match self {
            Self::Running { .. } => Action::Nothing,
            Self::Ended { .. } => Action::Exit,
        }
    }

    /// The deadline has passed.
    pub fn time_up(&mut self) -> Action {
        match self {
            Self::Ended { deadline, .. } => *deadline = None,
            Self::Running { deadline, .. } => *deadline = OVER,
        }
        Action::KillAll
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
    Info { signal, code: 0, sender: Pid(0), uid: 0, value: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Manner = Manner {
        foreground: true,
        group: false,
        stop_timeout: Some(10),
        grace: Some(GRACE),
        farewell: false,
        stop: Stop::Never,
    };
    const SESSION: Manner = Manner { foreground: false, ..SHELL };
    const NEW: State = State::running(None);
    const TSTP: u8 = k::SIGTSTP as u8;
    const KILL: u8 = k::SIGKILL as u8;

    fn from_terminal(signal: u8) -> Info {
        Info { code: TO_GROUP, ..plain(signal) }
    }

    #[test]
    fn every_signal_but_sigchld_reaches_the_command() {
        for signal in (1..=64).filter(|signal| !matches!(*signal, KILL | STOP)) {
            let action = NEW.clone().signal::<true>(&plain(signal), 0, &SHELL);
            let expected = if signal == CHLD { Action::Nothing } else { Action::Pass };
            assert_eq!(action, expected, "{signal}");
        }
    }

    #[test]
    fn a_terminal_s_signal_goes_to_the_group_and_stops_a_session_too() {
        let mut state = NEW;
        assert_eq!(state.signal::<true>(&from_terminal(2), 0, &SHELL), Action::ToGroup(2));
        assert_eq!(state.signal::<true>(&from_terminal(TSTP), 0, &SHELL), Action::ToGroup(TSTP));
        assert_eq!(state.signal::<true>(&from_terminal(TSTP), 0, &SESSION), Action::ToGroup(STOP));
        assert_eq!(state.signal::<true>(&Info { code: FOREGROUND, ..plain(CONT) }, 0, &SHELL), Action::Resume);
    }

    #[test]
    fn what_was_stopped_as_a_group_goes_on_as_one() {
        let mut state = NEW;
        state.child::<true>(true, Change::Stopped(STOP), 0, &SESSION);
        assert_eq!(state.signal::<true>(&plain(CONT), 0, &SESSION), Action::ToGroup(CONT));
        state.child::<true>(true, Change::Continued, 0, &SESSION);
        assert_eq!(state.signal::<true>(&plain(CONT), 0, &SESSION), Action::Pass);
    }

    #[test]
    fn a_stop_request_starts_the_clock_once_and_wakes_a_stopped_command() {
        let mut state = NEW;
        assert_eq!(state.signal::<true>(&plain(TERM), 100, &SHELL), Action::Pass);
        assert_eq!(state.deadline(), Some(110));
        state.signal::<true>(&plain(TERM), 105, &SHELL);
        assert_eq!(state.deadline(), Some(110), "a second request does not prolong it");
        assert_eq!(state.time_up(), Action::KillAll);
        assert_eq!(state.deadline(), OVER);
        state.child::<true>(true, Change::Killed { signal: 9, core: false }, 111, &SHELL);
        assert_eq!(state.deadline(), Some(111), "what is left has no second time");

        let mut state = NEW;
        assert_eq!(state.child::<true>(true, Change::Stopped(TSTP), 0, &SHELL), Action::TellStopped(TSTP));
        assert_eq!(state.signal::<true>(&plain(TERM), 0, &SHELL), Action::PassAndContinue);
    }

    #[test]
    fn the_command_s_status_is_repeated_once_the_rest_has_ended() {
        for (change, status) in [(Change::Exited(3), 3), (Change::Killed { signal: 9, core: false }, 137)] {
            let mut state = NEW;
            assert_eq!(
                state.child::<true>(false, change, 0, &SHELL),
                Action::Nothing,
                "an orphan's end is nobody's status"
            );
            assert_eq!(state.child::<true>(true, change, 5, &SHELL), Action::EndRest);
            assert_eq!(state.deadline(), Some(5 + GRACE));
            assert_eq!((state.alone(), state.status()), (Action::Exit, Some(status)));
            // What comes up when another ends is asked too, and when the time is up, killed.
            assert_eq!(state.child::<true>(false, Change::Exited(0), 6, &SHELL), Action::EndMore);
            assert_eq!(state.time_up(), Action::KillAll);
            assert_eq!(state.deadline(), None);
            let killed = Change::Killed { signal: 9, core: false };
            assert_eq!(state.child::<true>(false, killed, 7, &SHELL), Action::KillAll);
            assert_eq!(state.alone(), Action::Exit);
        }
    }

    #[test]
    fn after_a_stop_request_the_rest_has_what_is_left_of_the_time() {
        let mut state = NEW;
        state.signal::<true>(&plain(TERM), 100, &SHELL);
        state.child::<true>(true, Change::Exited(0), 104, &SHELL);
        assert_eq!(state.deadline(), Some(110));
    }

    #[test]
    fn without_children_but_with_a_command_nothing_ends() {
        assert_eq!(NEW.alone(), Action::Nothing);
    }

    /// What can happen to an init, each at some time of a small clock.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Signal(Info),
        Child(bool, Change),
        Alone,
        TimeUp,
    }

    fn happens<const LAUNCHED: bool>(state: &mut State, event: Event, now: u64, manner: &Manner) -> Action {
        match event {
            Event::Signal(info) => state.signal::<LAUNCHED>(&info, now, manner),
            Event::Child(is_command, change) => state.child::<LAUNCHED>(is_command, change, now, manner),
            Event::Alone => state.alone(),
            Event::TimeUp => state.time_up(),
        }
    }

    /// Every state that can be reached in a small world, and from each every event.
    fn walk<const LAUNCHED: bool>(manner: &Manner) {
        const CHANGES: [Change; 4] =
            [Change::Exited(3), Change::Killed { signal: 9, core: false }, Change::Stopped(TSTP), Change::Continued];
        let signals = [plain(TERM), plain(INT), plain(CONT), plain(TSTP), plain(CHLD), plain(10), from_terminal(TSTP)];
        let mut events: Vec<Event> = signals.into_iter().map(Event::Signal).collect();
        events.push(Event::Signal(Info { code: FOREGROUND, ..plain(CONT) }));
        events.extend([Event::Alone, Event::TimeUp]);
        events
            .extend([true, false].into_iter().flat_map(|command| CHANGES.map(|change| Event::Child(command, change))));

        let (mut reached, mut next) = (vec![State::running(None), State::running(Some(7))], 0);
        while let Some(&before) = reached.get(next) {
            next += 1;
            for (event, now) in events.iter().flat_map(|event| [0, 5, 20].map(|now| (*event, now))) {
                let mut after = before;
                let action = happens::<LAUNCHED>(&mut after, event, now, manner);
                let context = format!("{before:?}, {event:?} at {now} -> {after:?}, {action:?} ({manner:?})");
                check(before, event, after, action, manner, &context);
                if !reached.contains(&after) {
                    reached.push(after);
                }
            }
        }
        assert!(reached.len() > 10, "{} states", reached.len());
    }

    /// What always holds.
    fn check(before: State, event: Event, after: State, action: Action, manner: &Manner, context: &str) {
        let passes = matches!(
            action,
            Action::Pass | Action::PassAndContinue | Action::PassAndStop | Action::ToGroup(_) | Action::Resume
        );
        match (before, after) {
            (State::Running { deadline: Some(earlier), .. }, State::Running { deadline: Some(later), .. }) => {
                assert!(later <= earlier || matches!(event, Event::TimeUp), "a deadline comes no later: {context}");
            }
            (State::Running { .. }, State::Running { .. }) => {}
            (State::Running { asked, .. }, State::Ended { status, asked: still, deadline }) => {
                assert!(matches!(event, Event::Child(true, Change::Exited(_) | Change::Killed { .. })), "{context}");
                let repeated = match event {
                    Event::Child(_, Change::Exited(status)) => status,
                    Event::Child(_, Change::Killed { signal, .. }) => exit_status(signal),
                    _ => unreachable!("{context}"),
                };
                assert_eq!(status, repeated, "{context}");
                let expected = match (manner.grace, manner.farewell) {
                    (Some(_), _) => Action::EndRest,
                    (None, true) => Action::Farewell,
                    (None, false) => Action::Exit,
                };
                assert_eq!((action, still, deadline.is_some()), (expected, asked, true), "{context}");
            }
            (State::Ended { status, asked, .. }, State::Ended { status: still, asked: as_well, .. }) => {
                assert!(status == still && asked <= as_well, "what ended stays as it ended: {context}");
                assert!(!passes, "nothing is passed on to nobody: {context}");
            }
            (State::Ended { .. }, State::Running { .. }) => panic!("nothing runs again: {context}"),
        }
        match event {
            Event::Alone => {
                assert_eq!(action == Action::Exit, matches!(before, State::Ended { .. }), "{context}")
            }
            Event::TimeUp => assert!(action == Action::KillAll, "{context}"),
            Event::Signal(info) => {
                assert!(!matches!(action, Action::KillAll | Action::Exit | Action::EndRest), "{context}");
                let is_for_the_command = matches!(before, State::Running { .. }) && info.signal != CHLD;
                assert_eq!(passes, is_for_the_command, "no signal is lost: {context}");
            }
            Event::Child(..) => assert!(!passes, "{context}"),
        }
    }

    #[test]
    fn whatever_happens_no_signal_is_lost_and_the_end_comes_once() {
        for base in [SHELL, SESSION] {
            walk::<true>(&base);
            for (stop_timeout, grace) in [(None, None), (Some(10), Some(4)), (None, Some(4))] {
                for (farewell, stop) in [(true, Stop::AfterSignal), (false, Stop::Never), (false, Stop::WithCommand)] {
                    walk::<false>(&Manner { stop_timeout, grace, farewell, stop, ..base });
                }
            }
        }
    }
}
