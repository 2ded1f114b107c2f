//! The caller's terminal, and what the command may have of it.

use super::rootfs::list;
#[cfg(feature = "full")]
use crate::spec::Spec;
#[cfg(feature = "full")]
use crate::sys::file;
use crate::sys::process::{Pid, getpgid, getpid};
use crate::sys::{At, terminal, word};
use crate::text::number;

/// What the command gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terminal {
    /// Its streams as they are, in a session without a terminal.
    Apart,
    /// The foreground of the caller's.
    Shared,
    /// A pseudo-terminal of its own, for each stream that is one.
    #[cfg(feature = "full")]
    Own {
        /// With the modes of the caller's, which is its input.
        modes: bool,
        streams: Streams,
        keys: Keys,
    },
}

/// Standard streams, as bits of their numbers.
#[cfg(feature = "full")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams(pub u8);

#[cfg(feature = "full")]
impl Streams {
    pub const fn has(self, number: u8) -> bool {
        self.0 >> number & 1 == 1
    }

    /// Input and output: what lies between is a terminal's alone. Else the caller's is also that of the other programs to which
    /// the rest of the streams lead, as in a pipeline.
    pub const fn is_whole(self) -> bool {
        self.has(0) && self.has(1)
    }
}

/// When what is typed goes in.
#[cfg(feature = "full")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    AtOnce,
    /// When the command asks for it, or nobody else takes it: in `aril run … | less` it is the pager's. Below an init the command
    /// begins in the background of its terminal, where whoever reads is stopped (SIGTTIN), which the init sees.
    OnDemand,
    /// Standard input is no terminal. What the command has of one is for output alone, and is not that of its session.
    Never,
}

impl Terminal {
    /// Whether the command has the foreground of a terminal.
    pub fn has_foreground(&self) -> bool {
        match self {
            Self::Apart => false,
            Self::Shared => true,
            #[cfg(feature = "full")]
            Self::Own { keys, .. } => *keys == Keys::AtOnce,
        }
    }

    /// Finds out.
    #[cfg(feature = "full")]
    pub fn read(spec: &Spec) -> Self {
        let is_terminal = |fd| terminal::size(fd).is_ok();
        // Without a /dev of its own it takes the host's, where there need be none.
        let can_be = || spec.own_file_systems().dev || file::fstatat(At::CWD, word(c"/dev/ptmx")).is_ok();
        if spec.tty == Some(false) {
            return Self::of_caller();
        }
        let streams = [At::STDIN, At::STDOUT, At::STDERR].map(is_terminal);
        let found = streams.iter().rev().fold(0, |bits, is_terminal| bits << 1 | u8::from(*is_terminal));
        let mut streams = Streams(found);
        if spec.tty == Some(true) {
            // Whichever terminal standard error is: none of the host's is to be inside.
            streams.0 |= if streams.has(1) { 3 } else { 7 };
        } else if found == 0 {
            return Self::Apart;
        } else if !can_be() {
            return Self::of_caller();
        }
        let keys = match streams {
            _ if streams.is_whole() || streams.has(0) && spec.interactive => Keys::AtOnce,
            _ if streams.has(0) => Keys::OnDemand,
            _ => Keys::Never,
        };
        // In the background they are those of whoever has the foreground. A terminal of another session is anybody's.
        let group = terminal::foreground(At::STDIN);
        let is_ours = group.is_err() || group == getpgid(Pid(0));
        Self::Own { modes: found & 1 == 1 && is_ours, streams, keys }
    }

    /// Only if 0, 1 and 2 are the controlling terminal, this process's group is in its foreground, and nobody else is in that
    /// group: a foreground group of the command's own would stop the other half of `aril run … | less`.
    pub fn of_caller() -> Self {
        let Ok(group) = getpgid(Pid(0)) else { return Self::Apart };
        let is_ours = |fd| terminal::foreground(fd) == Ok(group);
        let shared = [At::STDIN, At::STDOUT, At::STDERR].into_iter().all(is_ours) && is_alone_in(group);
        if shared { Self::Shared } else { Self::Apart }
    }
}

fn is_alone_in(group: Pid) -> bool {
    let mut alone = true;
    let listed = list(At::CWD, word(c"/proc"), &mut |name| {
        let pid = number::decimal(name.bytes()).map_or(Pid(0), |pid| Pid(pid as i32));
        alone = pid == Pid(0) || pid == getpid() || getpgid(pid) != Ok(group);
        alone
    });
    listed.is_ok() && alone
}
