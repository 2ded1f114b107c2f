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

/// tcgetpgrp(3): the foreground process group, if this is the controlling terminal of this process. ENOTTY otherwise. By a master
/// that of the other end, whoever asks; 0 where that is no session's.
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

/// `struct termios` of the kernel (asm-generic/termbits.h), as words: the flags of input, output, control and `local`, and then the
/// line discipline with the characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Modes([u32; 9]);

const INPUT: usize = 0;
const OUTPUT: usize = 1;
const LOCAL: usize = 3;
/// Where the first character is, in bytes.
const CHARACTERS: usize = 17;

impl Modes {
    /// The usual ones, of a pseudo-terminal whose other end is served by another terminal: what is typed has been edited, shown and
    /// looked through for signals there (`EXTPROC`, ioctl_tty(2) `TIOCPKT`), and lines of output end in what they need there.
    pub const SERVED: Self = {
        let mut modes = Self([k::ICRNL | k::IXON, k::OPOST, k::B38400 | k::CS8 | k::CREAD, 0, 0, 0, 0, 0, 0]);
        modes.0[LOCAL] = k::ISIG | k::ICANON | k::ECHO | k::ECHOE | k::ECHOK | k::ECHOCTL | k::ECHOKE | k::IEXTEN;
        let characters = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22];
        let mut at = 0;
        while at < characters.len() {
            modes = modes.with(CHARACTERS + at, characters[at]);
            at += 1;
        }
        modes.without_processing()
    };

    /// As cfmakeraw(3) has them, but for the character size, which belongs to the line: every byte passes as it is.
    pub const fn raw(mut self) -> Self {
        let of_lines = k::IGNBRK | k::BRKINT | k::PARMRK | k::ISTRIP | k::INLCR | k::IGNCR | k::ICRNL | k::IXON;
        self.0[INPUT] &= !of_lines;
        self.0[OUTPUT] &= !k::OPOST;
        self.0[LOCAL] &= !(k::ECHO | k::ECHONL | k::ICANON | k::ISIG | k::IEXTEN);
        self.by_byte()
    }

    /// What is typed is not to be looked at (`EXTPROC`).
    pub const fn without_processing(mut self) -> Self {
        self.0[LOCAL] |= k::EXTPROC;
        self
    }

    /// Input comes in lines.
    pub const fn are_of_lines(&self) -> bool {
        self.0[LOCAL] & k::ICANON != 0
    }

    /// The key that ends input.
    pub const fn end(&self) -> u8 {
        let at = CHARACTERS + k::VEOF as usize;
        self.0[at / 4].to_ne_bytes()[at % 4]
    }

    /// A read comes back with the first byte.
    const fn by_byte(self) -> Self {
        self.with(CHARACTERS + k::VMIN as usize, 1).with(CHARACTERS + k::VTIME as usize, 0)
    }

    const fn with(mut self, at: usize, value: u8) -> Self {
        let mut word = self.0[at / 4].to_ne_bytes();
        word[at % 4] = value;
        self.0[at / 4] = u32::from_ne_bytes(word);
        self
    }

    /// Whether input comes in lines in the one and not in the other.
    pub const fn differ_in_lines(&self, other: &Self) -> bool {
        (self.0[LOCAL] ^ other.0[LOCAL]) & k::ICANON != 0
    }

    /// Whether what is typed is shown in the one and not in the other.
    pub const fn differ_in_echo(&self, other: &Self) -> bool {
        (self.0[LOCAL] ^ other.0[LOCAL]) & k::ECHO != 0
    }
}

/// What one terminal has of another's modes: of those that are not `SERVED` there its flags, but for those that make signals of keys.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// The bits that were changed for that, of what they all were then.
    bits: Modes,
    made: Modes,
}

impl Taken {
    pub const NOTHING: Self = Self { bits: Modes([0; 9]), made: Modes([0; 9]) };

    /// What the one that has `seen` is to have. Bits that are as it was made, and are `SERVED` there again, become what they were. Those
    /// that others have changed meanwhile are theirs.
    pub fn of(&mut self, there: &Modes, seen: &Modes) -> Modes {
        const FLAGS: [u32; 9] = {
            let mut flags = [0; 9];
            (flags[INPUT], flags[OUTPUT]) = (u32::MAX, k::OPOST);
            flags[LOCAL] = !(k::ISIG | k::EXTPROC | k::TOSTOP | k::PENDIN | k::FLUSHO);
            flags
        };
        let mut next = *seen;
        for (at, flags) in FLAGS.into_iter().enumerate() {
            let ours = self.bits.0[at] & !(seen.0[at] ^ self.made.0[at]);
            let other = (there.0[at] ^ Modes::SERVED.0[at]) & flags;
            next.0[at] ^= ours & !other ^ (seen.0[at] ^ there.0[at]) & other;
            self.bits.0[at] = ours;
        }
        if !next.are_of_lines() {
            next = next.by_byte();
        }
        for (at, bits) in self.bits.0.iter_mut().enumerate() {
            *bits ^= seen.0[at] ^ next.0[at];
        }
        self.made = next;
        next
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

/// TIOCSIG: SIGINT, SIGQUIT or SIGTSTP for the foreground at the other end of this master. EINVAL: another signal.
pub fn signal(master: At, signal: u8) -> Result<()> {
    // SAFETY: no memory is touched.
    unsafe { ioctl(master, ioctl::TIOCSIG, signal.into()) }
}

/// TIOCPKT: what is read from this master begins with a byte that says what has become of the other end (`TIOCPKT_*`).
pub fn tell_changes(master: At) -> Result<()> {
    let on = 1i32;
    // SAFETY: the kernel reads one int.
    unsafe { ioctl(master, ioctl::TIOCPKT, &raw const on as usize) }
}

/// tcflush(3) `TCIFLUSH`: drops what was typed and not read.
pub fn drop_input(terminal: At) -> Result<()> {
    // SAFETY: no memory is touched.
    unsafe { ioctl(terminal, ioctl::TCFLSH, k::TCIFLUSH as usize) }
}

/// TIOCGPTPEER: opens the other end of this master, whatever its name leads to.
pub fn peer(master: At) -> Result<Fd> {
    descriptor!(IOCTL, master.number(), ioctl::TIOCGPTPEER, k::O_RDWR | k::O_NOCTTY | k::O_CLOEXEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a terminal with people before it.
    fn lines() -> Modes {
        let mut modes = Modes::SERVED;
        modes.0[OUTPUT] |= k::ONLCR;
        modes.0[LOCAL] = modes.0[LOCAL] & !k::EXTPROC | k::TOSTOP;
        modes
    }

    fn key(modes: Modes, key: u32, value: u8) -> Modes {
        modes.with(CHARACTERS + key as usize, value)
    }

    #[test]
    fn what_is_made_of_the_one_is_made_of_the_other_and_undone() {
        let mut taken = Taken::NOTHING;
        // It has its own ideas of keys and flow.
        let mut outside = key(key(lines(), k::VINTR, 7), k::VMIN, 0);
        outside.0[INPUT] &= !k::IXON;
        let raw = Modes::SERVED.raw();
        let next = taken.of(&raw, &outside);
        assert_eq!(next.0[..3], [0, k::ONLCR, outside.0[2]]);
        assert_eq!(next.0[LOCAL], outside.0[LOCAL] & (raw.0[LOCAL] | k::ISIG | k::TOSTOP));
        assert_eq!(next.0[4..], key(outside, k::VMIN, 1).0[4..]);
        assert_eq!(taken.of(&raw, &next), next);
        assert_eq!(taken.of(&Modes::SERVED, &next), outside);
        assert_eq!(taken.of(&Modes::SERVED, &outside), outside);
    }

    #[test]
    fn what_others_have_made_meanwhile_stays() {
        let (outside, raw) = (lines(), Modes::SERVED.raw());
        let mut silent = Modes::SERVED;
        silent.0[LOCAL] &= !k::ECHO;
        // Somebody asks for a password.
        let mut asked = outside;
        asked.0[LOCAL] &= !k::ECHO;
        let mut taken = Taken::NOTHING;
        assert_eq!(taken.of(&silent, &asked), asked);
        assert_eq!(taken.of(&Modes::SERVED, &asked), asked);
        // Somebody else shows what is typed, and then does not any more.
        let mut taken = Taken::NOTHING;
        let next = taken.of(&raw, &outside);
        let mut theirs = key(next, k::VINTR, 7);
        theirs.0[LOCAL] |= k::ECHO;
        assert_eq!(taken.of(&Modes::SERVED, &theirs), key(outside, k::VINTR, 7));
    }

    #[test]
    fn what_is_typed_has_a_form() {
        let raw = Modes::SERVED.raw();
        assert!(raw.differ_in_lines(&lines()) && raw.differ_in_echo(&lines()));
        assert!(!lines().differ_in_lines(&Modes::SERVED) && !lines().differ_in_echo(&Modes::SERVED));
        assert_eq!(key(raw, k::VEOF, 26).end(), 26);
    }
}
