//! Whether the command may take the terminal.

use crate::sys::file::{self, Open};
use crate::sys::process::{Pid, getpgid, getpid};
use crate::sys::{At, terminal};
use crate::text::number;

/// Only if 0, 1 and 2 are the controlling terminal, this process's group is in its foreground, and nobody else is in that
/// group: a foreground group of the command's own would stop the other half of `aril run … | less`.
pub fn may_take_foreground() -> bool {
    let Ok(group) = getpgid(Pid(0)) else { return false };
    let is_ours = |fd| terminal::foreground(fd) == Ok(group);
    [At::STDIN, At::STDOUT, At::STDERR].into_iter().all(is_ours) && is_alone_in(group)
}

fn is_alone_in(group: Pid) -> bool {
    let Ok(proc) = file::openat(At::CWD, c"/proc", Open::DIRECTORY) else { return false };
    let mut buffer = [0; 4096];
    loop {
        match file::getdents(proc.at(), &mut buffer) {
            Ok(Some(entries)) => {
                for name in entries {
                    let Some(pid) = number::decimal(name.to_bytes()) else { continue };
                    let pid = Pid(pid as i32);
                    if pid != getpid() && getpgid(pid) == Ok(group) {
                        return false;
                    }
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
