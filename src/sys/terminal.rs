//! Terminals: who is in the foreground (ioctl_tty(2)).

use super::{
    At, Result,
    errno::{check, done},
    number,
    process::Pid,
};
use linux_raw_sys::ioctl;

/// tcgetpgrp(3): the foreground process group, if this is the controlling terminal of this process. ENOTTY otherwise.
pub fn foreground(terminal: At) -> Result<Pid> {
    let mut group = 0i32;
    // SAFETY: the kernel writes one int.
    check(unsafe { sc::syscall!(IOCTL, number(terminal.number()), ioctl::TIOCGPGRP, &raw mut group) })?;
    Ok(Pid(group))
}

/// tcsetpgrp(3). With SIGTTOU blocked it works from the background too.
pub fn set_foreground(terminal: At, group: Pid) -> Result<()> {
    // SAFETY: the kernel reads one int.
    done(unsafe { sc::syscall!(IOCTL, number(terminal.number()), ioctl::TIOCSPGRP, &raw const group.0) })
}
