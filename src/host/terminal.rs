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
    /// A pseudo-terminal of its own.
    #[cfg(feature = "full")]
    Own {
        /// With the modes of the caller's, which is its input.
        modes: bool,
        /// It is standard error too.
        errors: bool,
    },
}

impl Terminal {
    /// Whether the command has a terminal.
    pub fn is_there(&self) -> bool {
        *self != Self::Apart
    }

    /// Finds out.
    #[cfg(feature = "full")]
    pub fn read(spec: &Spec) -> Self {
        let is_terminal = |fd| terminal::size(fd).is_ok();
        // Without a /dev of its own it takes the host's, where there need be none.
        let can_be = || spec.own_file_systems().dev || file::fstatat(At::CWD, word(c"/dev/ptmx")).is_ok();
        let by_itself = || is_terminal(At::STDIN) && is_terminal(At::STDOUT) && can_be();
        if !spec.tty.unwrap_or_else(by_itself) {
            return Self::of_caller();
        }
        // In the background they are those of whoever has the foreground. A terminal of another session is anybody's.
        let group = terminal::foreground(At::STDIN);
        let is_ours = group.is_err() || group == getpgid(Pid(0));
        Self::Own {
            modes: is_terminal(At::STDIN) && is_ours,
            // Whichever terminal it is: none of the host's is to be inside.
            errors: is_terminal(At::STDERR) || !is_terminal(At::STDOUT),
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

fn is_alone_in(group: Pid) -> bool {
    let mut alone = true;
    let listed = list(At::CWD, word(c"/proc"), &mut |name| {
        let pid = number::decimal(name.bytes()).map_or(Pid(0), |pid| Pid(pid as i32));
        alone = pid == Pid(0) || pid == getpid() || getpgid(pid) != Ok(group);
        alone
    });
    listed.is_ok() && alone
}
