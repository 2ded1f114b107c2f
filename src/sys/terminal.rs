//! Terminals: who is in the foreground, modes and size, and the two ends of a pseudo-terminal (ioctl_tty(2), termios(3)).

use super::{At, Fd, Result, descriptor, errno::done, number, process::Pid};
use core::mem::MaybeUninit;
use linux_raw_sys::{general as k, ioctl};

/// ioctl(2) of what gives nothing.
///
/// # Safety
/// `argument` is what the request takes: a number, or where a structure is that may be read or written.
#[inline(never)]
unsafe fn ioctl(terminal: At, request: u32, argument: usize) -> Result<()> {
    // SAFETY: by the contract.
    done(unsafe { sc::syscall!(IOCTL, number(terminal.number()), request, argument) })
}

/// tcgetpgrp(3): the foreground process group, if this is the controlling terminal of this process. ENOTTY otherwise.
pub fn foreground(terminal: At) -> Result<Pid> {
    let mut group = 0i32;
    // SAFETY: the kernel writes one int.
    unsafe { ioctl(terminal, ioctl::TIOCGPGRP, &raw mut group as usize)? };
    Ok(Pid(group))
}

/// TIOCNOTTY: this process's session loses its controlling terminal if it leads it, else this process alone. The kernel sends
/// the foreground group SIGHUP and SIGCONT in the first case.
pub fn detach(terminal: At) -> Result<()> {
    // SAFETY: no memory is touched.
    unsafe { ioctl(terminal, ioctl::TIOCNOTTY, 0) }
}

/// TIOCSCTTY: becomes the controlling terminal of this session, which has none and which this process leads.
pub fn take(terminal: At) -> Result<()> {
    // SAFETY: no memory is touched.
    unsafe { ioctl(terminal, ioctl::TIOCSCTTY, 0) }
}

/// KDGETMODE: whether this is a screen and a keyboard of the machine's own (ioctl_console(2)), of the type `linux`.
#[cfg(feature = "boot")]
pub fn is_virtual_console(terminal: At) -> bool {
    /// linux/kd.h.
    const KDGETMODE: u32 = 0x4B3B;
    let mut mode = 0i32;
    // SAFETY: the kernel writes one int.
    unsafe { ioctl(terminal, KDGETMODE, &raw mut mode as usize) }.is_ok()
}

/// tcsetpgrp(3). With SIGTTOU blocked it works from the background too.
#[inline(never)]
pub fn set_foreground(terminal: At, group: Pid) -> Result<()> {
    // SAFETY: the kernel reads one int.
    unsafe { ioctl(terminal, ioctl::TIOCSPGRP, &raw const group.0 as usize) }
}

/// TIOCOUTQ: how many bytes have been written and not gone out. ENOTTY: no terminal.
#[cfg(feature = "boot")]
pub fn unsent(terminal: At) -> Result<u32> {
    let mut count = 0;
    // SAFETY: the kernel writes one int.
    unsafe { ioctl(terminal, ioctl::TIOCOUTQ, &raw mut count as usize)? };
    Ok(count)
}

/// `struct termios` of the kernel (asm-generic/termbits.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Modes {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    line: u8,
    characters: [u8; 19],
}

impl Modes {
    /// As cfmakeraw(3) has them, but for the character size, which belongs to the line: every byte passes as it is.
    pub fn raw(mut self) -> Self {
        let of_lines = k::IGNBRK | k::BRKINT | k::PARMRK | k::ISTRIP | k::INLCR | k::IGNCR | k::ICRNL | k::IXON;
        self.input &= !of_lines;
        self.output &= !k::OPOST;
        self.local &= !(k::ECHO | k::ECHONL | k::ICANON | k::ISIG | k::IEXTEN);
        self.characters[k::VMIN as usize] = 1;
        self.characters[k::VTIME as usize] = 0;
        self
    }
}

/// tcgetattr(3); of a pseudo-terminal by either end. ENOTTY: no terminal.
pub fn modes(terminal: At) -> Result<Modes> {
    let mut modes = MaybeUninit::<Modes>::uninit();
    // SAFETY: `Modes` is laid out as the kernel's structure, which is filled when the call succeeds.
    unsafe {
        ioctl(terminal, ioctl::TCGETS, modes.as_mut_ptr() as usize)?;
        Ok(modes.assume_init())
    }
}

/// tcsetattr(3) `TCSANOW`.
pub fn set_modes(terminal: At, modes: &Modes) -> Result<()> {
    // SAFETY: the kernel reads one structure, as which `Modes` is laid out.
    unsafe { ioctl(terminal, ioctl::TCSETS, &raw const *modes as usize) }
}

/// Rows, columns, and both in pixels (`struct winsize`).
pub type Size = [u16; 4];

/// TIOCGWINSZ.
pub fn size(terminal: At) -> Result<Size> {
    let mut size = [0; 4];
    // SAFETY: the kernel writes one winsize, which is four numbers.
    unsafe { ioctl(terminal, ioctl::TIOCGWINSZ, &raw mut size as usize)? };
    Ok(size)
}

/// TIOCSWINSZ: where it is another one, the foreground gets SIGWINCH.
pub fn set_size(terminal: At, size: Size) -> Result<()> {
    // SAFETY: the kernel reads one winsize, which is four numbers.
    unsafe { ioctl(terminal, ioctl::TIOCSWINSZ, &raw const size as usize) }
}

/// TIOCSPTLCK, unlockpt(3): the other end of this master may be opened.
pub fn unlock(master: At) -> Result<()> {
    let locked = 0i32;
    // SAFETY: the kernel reads one int.
    unsafe { ioctl(master, ioctl::TIOCSPTLCK, &raw const locked as usize) }
}

/// TIOCGPTPEER: opens the other end of this master, whatever its name leads to.
pub fn peer(master: At) -> Result<Fd> {
    descriptor!(IOCTL, master.number(), ioctl::TIOCGPTPEER, k::O_RDWR | k::O_NOCTTY | k::O_CLOEXEC)
}
