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
    /// A pseudo-terminal of its own in the place of each stream that is one.
    #[cfg(feature = "full")]
    Own {
        /// With the modes of the caller's, if that is the command's alone.
        modes: bool,
        streams: Streams,
    },
}

/// Standard streams, as bits of their numbers.
#[cfg(feature = "full")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams(pub u8);

#[cfg(feature = "full")]
impl Streams {
    pub const fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    /// Input and output: what lies between is a terminal's alone. Else the caller's is also that of the other programs to which
    /// the rest of the streams lead, as in a pipeline.
    pub const fn is_whole(self) -> bool {
        self.has(0) && self.has(1)
    }

    /// The number of the first of them.
    pub const fn first(self) -> usize {
        self.0.trailing_zeros() as usize
    }
}

impl Terminal {
    /// Whether the command has a terminal.
    pub fn is_there(&self) -> bool {
        *self != Self::Apart
    }

    /// Whether it is in the place of this stream of the caller's.
    pub fn replaces(&self, _number: usize) -> bool {
        match self {
            #[cfg(feature = "full")]
            Self::Own { streams, .. } => streams.has(_number),
            _ => false,
        }
    }

    /// Finds out.
    #[cfg(feature = "full")]
    pub fn read(spec: &Spec) -> Self {
        // Without a /dev of its own it takes the host's, where there need be none.
        let can_be = || spec.own_file_systems().dev || file::fstatat(At::CWD, word(c"/dev/ptmx")).is_ok();
        if spec.tty == Some(false) {
            return Self::of_caller();
        }
        let found = Streams((0..3).fold(0, |bits, at| bits | u8::from(terminal::size(At::STREAMS[at]).is_ok()) << at));
        let mut streams = found;
        if spec.tty == Some(true) {
            // Whichever terminal standard error is: none of the host's is to be inside.
            streams.0 |= if streams.has(1) { 3 } else { 7 };
        } else if found == Streams(0) {
            return Self::Apart;
        } else if !can_be() {
            return Self::of_caller();
        }
        Self::Own {
            // In the background they are those of whoever has the foreground.
            modes: found.has(0) && is_free(At::STDIN),
            streams,
        }
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

/// Whether this process may read from that stream's terminal now, and change it. One of another session has no foreground, and was
/// given for that as standard input alone.
#[cfg(feature = "full")]
#[inline(never)]
pub fn is_free(stream: At) -> bool {
    match terminal::foreground(stream) {
        Ok(group) => getpgid(Pid(0)) == Ok(group),
        Err(_) => stream.number() == At::STDIN.number(),
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
