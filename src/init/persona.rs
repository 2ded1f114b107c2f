//! As whom an init behaves. Called by the name of one of its predecessors it takes that one's command line, and ends, speaks
//! and signals as that one does.

use super::Rewrite;
use crate::sys::signal::{ALL, SignalSet, set_of};
use crate::sys::{Errno, Word};
use crate::text::names;
use crate::text::problem::{FAILED, NOT_EXECUTABLE, NOT_FOUND};
use crate::text::split;
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

const TERMINAL_STOPS: [u8; 3] = [k::SIGTSTP as u8, k::SIGTTIN as u8, k::SIGTTOU as u8];

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
    let length = split(program.bytes(), b'/').last().unwrap_or_default().len();
    program.after(program.bytes().len() - length)
}

impl Persona {
    /// By the name that a program was called.
    pub fn of(name: Word) -> Self {
        match names::position("tini tini-static docker-init dumb-init catatonit", name.bytes()) {
            Some(0..=2) => Self::Tini,
            Some(3) => Self::DumbInit,
            Some(_) => Self::Catatonit,
            None => Self::Own,
        }
    }

    /// What its lines begin with.
    pub const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Own => b"aril-init: ",
            Self::Tini => b"[tini] ",
            Self::DumbInit => b"[dumb-init] ",
            Self::Catatonit => b"[catatonit] ",
        }
    }

    /// Docker asks `docker-init --version` for the word and the number of tini, and so it does with podman's.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Own => "aril-init",
            Self::Tini => "tini version 0.19.0 - aril",
            Self::DumbInit => "dumb-init v1.2.5 - aril",
            Self::Catatonit => "tini version 0.2.1_catatonit - aril",
        }
    }

    /// With what it exits when it is called wrongly, or cannot do its own work.
    pub const fn failed(self) -> u8 {
        match self {
            Self::Own => FAILED,
            _ => 1,
        }
    }

    /// With what it exits when the command cannot be executed.
    #[inline(never)]
    pub fn not_executed(self, errno: Errno) -> u8 {
        match (self, errno) {
            (Self::DumbInit, _) => 2,
            (Self::Catatonit, _) => 1,
            (_, Errno::ENOENT) | (Self::Own, Errno::ENOTDIR) => NOT_FOUND,
            (_, Errno::EACCES) | (Self::Own, _) => NOT_EXECUTABLE,
            (Self::Tini, _) => 1,
        }
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
        for signal in TERMINAL_STOPS {
            let entry = &mut table[usize::from(signal)];
            if *entry == signal {
                *entry = match self {
                    Self::DumbInit if session => k::SIGSTOP as u8,
                    Self::Catatonit => 0,
                    Self::Tini if signal != TERMINAL_STOPS[0] => 0,
                    _ => signal,
                };
            }
        }
    }
}
