//! The caller's terminal where other programs use it too, as in a pipeline: it does for the command's what a terminal does, edits what
//! is typed, shows it and makes signals of keys. What the command makes of its own is made of it, and undone in the end; what others
//! make of it is left to them, and nothing that is typed for them is read.

use crate::host::is_free;
use crate::sys::file::{self, Way};
use crate::sys::poll::{self, Watched};
use crate::sys::terminal::{self, Modes};
use crate::sys::{At, Errno, Fd, Result, tolerate};
use linux_raw_sys::general as k;

/// Microseconds after which is looked again whether what has gone in was read, at first and at last.
const SOON: u64 = 20_000;
const LATE: u64 = 1_000_000;
/// In which whoever else reads lines there has taken one.
const GRACE: u64 = 50_000;

pub struct Mirror<'l> {
    master: At<'l>,
    /// The caller's terminal, and the same for reading: what would have to wait there fails instead.
    caller: At<'static>,
    input: At<'static>,
    /// Can be read when something was typed, for whomever.
    pub typed: Fd,
    /// Lines are the command's, if nobody else takes them. Else what is typed is only once it has made something of its terminal, as
    /// those who ask for a password or read keys do.
    takes_lines: bool,
    /// The modes that the command's has, and those of which the caller's has what they are not as in the beginning.
    now: Modes,
    shown: Modes,
    /// What is to be undone there: bits, and all as it was made.
    bits: Modes,
    made: Modes,
    /// The command's has been given a line discipline that looks at what is typed.
    processes: bool,
    /// When what was typed may be read.
    due: Option<u64>,
    /// Something that went in as a line, or the end, has not been read yet, and in how many microseconds that is looked at.
    unread: Option<u64>,
    /// There can be more.
    is_open: bool,
}

impl<'l> Mirror<'l> {
    /// Of a command that may run already.
    ///
    /// # Errors
    /// There is no room to watch the terminal.
    pub fn of(master: At<'l>, caller: At<'static>, input: At<'static>, takes_lines: bool) -> Result<Self> {
        let mut mirror = Self {
            master,
            caller,
            input,
            typed: poll::epoll_of(input)?,
            takes_lines,
            now: Modes::SERVED,
            shown: Modes::SERVED,
            bits: Modes::NONE,
            made: Modes::NONE,
            processes: false,
            due: None,
            unread: None,
            is_open: true,
        };
        mirror.resume();
        Ok(mirror)
    }

    /// Something has become of the command's terminal (`TIOCPKT_*`).
    pub fn hear(&mut self, told: u8) {
        if self.processes && told & k::TIOCPKT_IOCTL as u8 == 0 {
            // What is written may ask for a password.
            self.look();
            self.serve();
        }
        if told & k::TIOCPKT_IOCTL as u8 != 0 {
            self.look();
        }
        if told & k::TIOCPKT_FLUSHREAD as u8 != 0 && is_free(self.caller) {
            self.unread = None;
            // It may be gone.
            tolerate(terminal::drop_input(self.input));
        }
    }

    /// Looks at the modes of the command's.
    fn look(&mut self) {
        if let Ok(modes) = terminal::modes(self.master) {
            self.now = modes;
            // `stty sane`, which then looks whether it has got what it wanted: not to be mended at once.
            self.processes = modes != modes.without_processing();
            self.show();
        }
    }

    fn serve(&mut self) {
        if self.processes {
            self.now = self.now.without_processing();
            self.processes = terminal::set_modes(self.master, &self.now).is_err();
        }
    }

    /// Makes the same of the caller's, if this process has that.
    fn show(&mut self) {
        if !is_free(self.caller) {
            // Whoever has it now has been given it by a shell, which knows the modes.
            return self.forget();
        }
        if self.now == self.shown {
            return;
        }
        // It may be gone, and then nobody needs it.
        if let Ok(seen) = &terminal::modes(self.caller) {
            let next = seen.follow(&self.shown, &self.now);
            if next != *seen {
                tolerate(terminal::set_modes(self.caller, &next));
            }
            self.bits = self.bits.undone(&self.made, seen, &next);
            (self.made, self.shown) = (next, self.now);
        }
    }

    const fn forget(&mut self) {
        (self.shown, self.bits) = (Modes::SERVED, Modes::NONE);
    }

    /// Leaves the caller's as it was.
    pub fn leave(&mut self) {
        if self.bits != Modes::NONE && is_free(self.caller) {
            if let Ok(modes) = terminal::modes(self.caller) {
                tolerate(terminal::set_modes(self.caller, &modes.undo(&self.bits, &self.made)));
            }
        }
        self.forget();
    }

    /// The foreground may be this process's again.
    pub fn resume(&mut self) {
        self.look();
        self.offer();
    }

    /// Something may have been typed.
    pub fn offer(&mut self) {
        tolerate(poll::epoll_clear(self.typed.at()));
        self.show();
        self.due = Some(poll::now() + if self.now.are_of_lines() { GRACE } else { 0 });
    }

    /// In how many microseconds there is something to do.
    pub fn patience(&self) -> Option<u64> {
        if self.processes {
            return Some(SOON);
        }
        self.unread.or_else(|| self.due.map(|due| due.saturating_sub(poll::now())))
    }

    /// What is due: reads what was typed for the command. `is_late`: nothing else has happened in that time.
    #[inline(never)]
    pub fn attend(&mut self, inward: &mut Way, is_late: bool) {
        if is_late && self.processes {
            self.look();
            self.serve();
        }
        if let Some(soon) = self.unread {
            if self.is_unread() {
                self.unread = Some(if is_late { LATE.min(2 * soon) } else { soon });
                return;
            }
            self.unread = None;
        }
        if self.is_open && inward.is_empty() && self.due.is_some_and(|due| due <= poll::now()) && !self.read(inward) {
            self.due = None;
        }
    }

    /// Whether there may be more.
    fn read(&mut self, inward: &mut Way) -> bool {
        self.look();
        let Ok(modes) = terminal::modes(self.caller) else {
            // It is gone.
            self.is_open = false;
            self.end();
            return false;
        };
        // Others who have changed them read too.
        let is_ours = is_free(self.caller) && !modes.differ(&self.now);
        if !is_ours || !self.takes_lines && !self.now.differ(&Modes::SERVED) {
            return false;
        }
        match inward.read(self.input) {
            Ok(0) if self.now.are_of_lines() => {
                self.end();
                true
            }
            Ok(1..) => {
                self.serve();
                if self.now.are_of_lines() {
                    // Of several lines one read would get all, and there is room for no more than 4095 bytes (n_tty).
                    self.unread = Some(SOON);
                }
                true
            }
            Err(Errno::EINTR) => true,
            // Nothing, any more: it was another's, or the foreground is.
            _ => false,
        }
    }

    /// Ends the input of whoever reads inside. The key is taken for that alone where nothing else is to be read.
    fn end(&mut self) {
        // Nothing else is there, and so there is room.
        tolerate(file::write(self.master, &[self.now.end()]));
        self.unread = Some(SOON);
    }

    fn is_unread(&self) -> bool {
        let Ok(peer) = terminal::peer(self.master) else { return false };
        let mut watched = [Watched::READING];
        watched[0].on(peer.at());
        // This brings what is on its way there too, unlike FIONREAD.
        poll::poll(&mut watched, false).is_ok() && watched[0].is_ready()
    }
}
