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
    pub const NONE: Self = Self([0; 9]);
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

    /// Whether what is typed has another form, or is shown in the one and not in the other.
    pub const fn differ(&self, other: &Self) -> bool {
        (self.0[LOCAL] ^ other.0[LOCAL]) & (k::ICANON | k::ECHO) != 0
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

    /// With whatever another terminal's have become, and else as they are. Of output whether it is processed at all.
    pub fn follow(mut self, from: &Self, to: &Self) -> Self {
        const FOLLOWED: [u32; 9] = {
            let mut bits = [u32::MAX; 9];
            (bits[OUTPUT], bits[2]) = (k::OPOST, 0);
            bits[LOCAL] = !(k::EXTPROC | k::TOSTOP | k::PENDIN | k::FLUSHO);
            bits
        };
        for (((word, from), to), followed) in self.0.iter_mut().zip(from.0).zip(to.0).zip(FOLLOWED) {
            *word ^= (*word ^ to) & (from ^ to) & followed;
        }
        if self.are_of_lines() { self } else { self.by_byte() }
    }

    /// With each of these bits in which they are still as they were made then as it was before.
    pub fn undo(mut self, bits: &Self, made: &Self) -> Self {
        for ((word, bits), made) in self.0.iter_mut().zip(bits.0).zip(made.0) {
            *word ^= bits & !(*word ^ made);
        }
        self
    }

    /// The bits that are to be undone, after others were changed on the way from `seen` to `made`; what was `made` before and is
    /// another one now was changed by somebody else.
    pub fn undone(mut self, made: &Self, seen: &Self, next: &Self) -> Self {
        for (((bits, made), seen), next) in self.0.iter_mut().zip(made.0).zip(seen.0).zip(next.0) {
            *bits = *bits & !(made ^ seen) ^ (seen ^ next);
        }
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
    fn what_has_changed_is_changed_elsewhere_and_nothing_else() {
        let inside = Modes::SERVED;
        let mut raw = inside.raw();
        raw.0[2] = 0xd;
        // Others have changed a key meanwhile.
        let outside = key(lines(), k::VINTR, 7);
        let followed = outside.follow(&inside, &raw);
        let flags = [outside.0[INPUT] & raw.0[INPUT], k::ONLCR, 0xbf, outside.0[LOCAL] & (raw.0[LOCAL] | k::TOSTOP)];
        assert_eq!(followed.0[..4], flags);
        assert_eq!(followed.0[4..], outside.0[4..]);
        assert_eq!(followed.follow(&raw, &inside), outside);
        assert_eq!(outside.follow(&inside, &inside), outside);
        assert!(raw.differ(&inside) && !outside.differ(&inside));
        let other = key(raw, k::VEOF, 26);
        assert_eq!((other.end(), outside.follow(&inside, &other).end()), (26, 26));
    }

    #[test]
    fn what_others_have_made_meanwhile_is_not_undone() {
        let (inside, outside) = (Modes::SERVED, lines());
        let raw = inside.raw();
        let next = outside.follow(&inside, &raw);
        let bits = Modes::NONE.undone(&outside, &outside, &next);
        assert_eq!(next.undo(&bits, &next), outside);
        // Another program wants to see what is typed, and has another key.
        let mut theirs = key(next, k::VINTR, 7);
        theirs.0[LOCAL] |= k::ECHO;
        let outside = key(outside, k::VINTR, 7);
        assert_eq!(theirs.undo(&bits, &next), outside);
        // And it does not afterwards, by which nothing has been changed in the end.
        let back = theirs.follow(&raw, &inside);
        let bits = bits.undone(&next, &theirs, &back);
        assert_eq!((back, back.undo(&bits, &back)), (outside, outside));
        // What was there already is not taken back.
        let bits = Modes::NONE.undone(&raw, &raw, &raw.follow(&inside, &raw));
        assert_eq!(raw.undo(&bits, &raw), raw);
    }
}
