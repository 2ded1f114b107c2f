//! Zombies whose parent lives and does not reap them. An init can do nothing about these, but is often blamed for them: with
//! `--warn` it names the parent.

use super::log::{Log, WARN};
use crate::host::rootfs::{list, read_whole};
use crate::sys::file::{self, Open};
use crate::sys::process::{Pid, getpid};
use crate::sys::{Arena, At, tolerate, word};
use crate::text::{decimal, number, split, t, text};

/// Every process is a zombie for a moment: one that still is after this time, in microseconds, is left to be one.
const PATIENCE: u64 = 1_000_000;

const FIRST: Pid = Pid(1);

/// What was seen so far. Nobody is woken for it: it is looked at when something else has ended.
#[derive(Debug, Default)]
pub struct Unreaped {
    /// A zombie, known since then.
    suspect: Option<u32>,
    /// The parent that was named last.
    named: u32,
    /// When it was looked at last.
    looked: u64,
}

impl Unreaped {
    /// Looks at every process, at most once in that time. Only PID 1 is blamed for what it sees.
    pub fn look(&mut self, log: &Log, now: u64) {
        let due = now - self.looked >= PATIENCE;
        let (true, Ok(arena)) = (due && getpid() == FIRST, Arena::new()) else { return };
        let mut seen = None;
        // Without /proc nothing can be said.
        tolerate(list(At::CWD, word(c"/proc"), &mut |name| {
            let (Some(pid), Pid(own)) = (number::decimal(name.bytes()), getpid()) else { return true };
            let Some(parent) = parent_of_zombie(&arena, pid).filter(|parent| *parent != own as u32) else {
                return true;
            };
            let is_suspect = self.suspect == Some(pid);
            if is_suspect && self.named != parent {
                self.named = parent;
                log.say(WARN, word(c"zombies are not reaped by their parent, process "), parent);
            }
            if seen.is_none() || is_suspect {
                seen = Some(pid);
            }
            !is_suspect
        }));
        (self.suspect, self.looked) = (seen, now);
    }
}

/// The parent of a process that has ended, from proc_pid_stat(5): `PID (COMMAND) Z PARENT …`, where the command may have
/// anything in it.
fn parent_of_zombie(arena: &Arena, pid: u32) -> Option<u32> {
    let path = text(arena, t!("/proc/%/stat"), &[decimal(arena, pid.into())]);
    let stat = file::openat(At::CWD, path, Open::READ).and_then(|file| read_whole(arena, file.at())).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut words = split(stat.get(end + 2..)?, b' ');
    (words.next()? == b"Z").then(|| words.next().and_then(number::decimal))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_no_zombie() {
        let arena = Arena::new().unwrap();
        assert_eq!(parent_of_zombie(&arena, std::process::id()), None);
        assert_eq!(parent_of_zombie(&arena, u32::MAX), None);
    }

    #[test]
    fn a_child_that_nobody_waits_for_has_this_process_for_its_parent() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let arena = Arena::new().unwrap();
        while parent_of_zombie(&arena, child.id()).is_none() {
            std::thread::yield_now();
        }
        assert_eq!(parent_of_zombie(&arena, child.id()), Some(std::process::id()));
        child.wait().unwrap();
    }
}
