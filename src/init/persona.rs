//! As whom an init behaves. Called by the name of one of its predecessors it takes that one's command line, and ends, speaks
//! and signals as that one does.

use super::{DROP, Rewrite};
use crate::sys::signal::{ALL, SignalSet, set_of};
use crate::sys::{Errno, Word, word};
use crate::text::names;
use crate::text::problem::{FAILED, NOT_EXECUTABLE, NOT_FOUND};
use linux_raw_sys::general as k;

/// Whose manners it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Persona {
    /// `aril-init`, or any other name.
    Own,
    /// `tini`, `tini-static` or `docker-init`.
    Tini,
    DumbInit,
    Catatonit,
}

/// What a fault of this very program raises: tini and catatonit leave these alone.
const SYNCHRONOUS: SignalSet = set_of(k::SIGILL as u8)
    | set_of(k::SIGTRAP as u8)
    | set_of(k::SIGABRT as u8)
    | set_of(k::SIGBUS as u8)
    | set_of(k::SIGFPE as u8)
    | set_of(k::SIGSEGV as u8)
    | set_of(k::SIGSYS as u8);

/// The last name of a path.
pub fn name_of(program: Word<'_>) -> Word<'_> {
    let mut start = 0;
    for (at, byte) in program.bytes().iter().enumerate() {
        if *byte == b'/' {
            start = at + 1;
        }
    }
    program.after(start)
}

impl Persona {
    /// By the name that a program was called.
    pub fn of(name: Word) -> Self {
        const NAMES: &str = "tini tini-static docker-init dumb-init catatonit";
        const THEIRS: [Persona; 5] =
            [Persona::Tini, Persona::Tini, Persona::Tini, Persona::DumbInit, Persona::Catatonit];
        let place = names::position(NAMES, name.bytes());
        place.and_then(|place| THEIRS.get(place)).copied().unwrap_or(Self::Own)
    }

    /// What its lines begin with.
    pub fn prefix(self) -> Word<'static> {
        word(match self {
            Self::Own => c"aril-init: ",
            Self::Tini => c"[tini] ",
            Self::DumbInit => c"[dumb-init] ",
            Self::Catatonit => c"[catatonit] ",
        })
    }

    /// Docker asks `docker-init --version` for the word and the number of tini, and so it does with podman's.
    pub fn version(self) -> Word<'static> {
        word(match self {
            Self::Own => c"",
            Self::Tini => c"tini version 0.19.0 - ",
            Self::DumbInit => c"dumb-init v1.2.5 - ",
            Self::Catatonit => c"tini version 0.2.1_catatonit - ",
        })
    }

    /// With what it exits when it is called wrongly, or cannot do its own work.
    pub const fn failed(self) -> u8 {
        match self {
            Self::Own => FAILED,
            _ => 1,
        }
    }

    /// With what it exits when the command cannot be executed: it is missing, may not be executed, is no program, or there is
    /// no room for another process.
    pub fn not_executed(self, errno: Errno) -> u8 {
        const STATUSES: [[u8; 4]; 4] =
            [[NOT_FOUND, NOT_EXECUTABLE, NOT_EXECUTABLE, FAILED], [NOT_FOUND, NOT_EXECUTABLE, 1, 1], [2; 4], [1; 4]];
        let column = match errno {
            Errno::ENOENT => 0,
            Errno::EACCES => 1,
            Errno::EAGAIN | Errno::ENOMEM => 3,
            _ => 2,
        };
        STATUSES[self as usize][column]
    }

    /// The signals that it takes.
    pub fn signals(self) -> SignalSet {
        match self {
            Self::Tini | Self::Catatonit => ALL & !SYNCHRONOUS,
            Self::Own | Self::DumbInit => ALL,
        }
    }

    /// What becomes of a terminal's stop signals that are passed on, where nothing else was asked for. `session`: the command
    /// has one of its own, in which they would do nothing.
    pub fn rewrite(self, table: &mut Rewrite, session: bool) {
        const STOP: u8 = k::SIGSTOP as u8;
        let (tstp, others) = match self {
            _ if session => (STOP, STOP),
            Self::Tini => (0, DROP),
            Self::Catatonit => (DROP, DROP),
            Self::Own | Self::DumbInit => return,
        };
        for (signal, other) in [(k::SIGTSTP, tstp), (k::SIGTTIN, others), (k::SIGTTOU, others)] {
            let entry = &mut table[signal as usize];
            if *entry == 0 {
                *entry = other;
            }
        }
    }
}
