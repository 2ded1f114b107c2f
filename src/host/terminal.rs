//! Whether the command may take the terminal.

use super::rootfs::list;
use crate::sys::process::{Pid, getpgid, getpid};
use crate::sys::{At, terminal, word};
use crate::text::number;

/// Only if 0, 1 and 2 are the controlling terminal, this process's group is in its foreground, and nobody else is in that
/// group: a foreground group of the command's own would stop the other half of `aril run … | less`.
pub fn may_take_foreground() -> bool {
    let Ok(group) = getpgid(Pid(0)) else { return false };
    let is_ours = |fd| terminal::foreground(fd) == Ok(group);
    [At::STDIN, At::STDOUT, At::STDERR].into_iter().all(is_ours) && is_alone_in(group)
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
