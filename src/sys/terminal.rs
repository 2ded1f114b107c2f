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

/// TIOCNOTTY: this process's session loses its controlling terminal if it leads it, else this process alone. The kernel sends
/// the foreground group SIGHUP and SIGCONT in the first case.
pub fn detach(terminal: At) -> Result<()> {
    // SAFETY: no memory is touched.
    done(unsafe { sc::syscall!(IOCTL, number(terminal.number()), ioctl::TIOCNOTTY, 0) })
}

/// TIOCSCTTY: becomes the controlling terminal of this session, which has none and which this process leads.
pub fn take(terminal: At) -> Result<()> {
    // SAFETY: no memory is touched.
    done(unsafe { sc::syscall!(IOCTL, number(terminal.number()), ioctl::TIOCSCTTY, 0) })
}

/// tcsetpgrp(3). With SIGTTOU blocked it works from the background too.
#[inline(never)]
pub fn set_foreground(terminal: At, group: Pid) -> Result<()> {
    // SAFETY: the kernel reads one int.
    done(unsafe { sc::syscall!(IOCTL, number(terminal.number()), ioctl::TIOCSPGRP, &raw const group.0) })
}
