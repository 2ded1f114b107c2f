//! The caller's terminal where other programs use it too, as in a pipeline: it does for the command's what a terminal does, edits what
//! is typed, shows it and makes signals of keys. What the command makes of its own is made of it, and undone in the end; what others
//! make of it is left to them, and nothing that is typed for them is read.

use crate::host::is_free;
use crate::sys::file::{self, Inward};
use crate::sys::poll::{self, Watched};
use crate::sys::terminal::{self, Modes, Taken};
use crate::sys::{At, Errno, Fd, Result, tolerate};
use linux_raw_sys::general as k;

/// Microseconds after which is looked again whether what has gone in was read, at first and at last.
const SOON: u64 = 1_000;
const LATE: u64 = 1_000_000;
/// In which whoever else reads lines there has taken one.
const GRACE: u64 = 50_000;
/// After which is looked whether the foreground is this process's: a shell's `fg` sends no signal to a job that runs already, and what is
/// typed then cannot be read before a line of it has ended.
pub const AGAIN: u64 = 200_000;

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
    /// The modes that the command's has, and what the caller's has of which.
    now: Modes,
    shown: Modes,
    taken: Taken,
    /// Those of the caller's when nothing was taken.
    usual: Modes,
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
            taken: Taken::NOTHING,
            usual: Modes::SERVED,
            processes: false,
            due: None,
            unread: None,
            is_open: true,
        };
        mirror.resume();
        Ok(mirror)
    }

    /// Something has come from the command's terminal, or has become of it (`TIOCPKT_*`).
    pub fn hear(&mut self, told: u8) {
        if told & k::TIOCPKT_IOCTL as u8 != 0 {
            self.look();
        } else {
            // What is written may ask for a password.
            self.catch_up();
        }
        if told & k::TIOCPKT_FLUSHREAD as u8 != 0 {
            self.unread = None;
            if self.is_for_command() == Ok(true) {
                // It may be gone.
                tolerate(terminal::drop_input(self.input));
            }
        }
    }

    /// Whether what is typed is for the command: others who read have changed the modes.
    ///
    /// # Errors
    /// The caller's terminal is gone (EIO).
    fn is_for_command(&self) -> Result<bool> {
        let modes = terminal::modes(self.caller)?;
        let (asks, reads_keys) = (self.now.differ_in_echo(&Modes::SERVED), self.now.differ_in_lines(&Modes::SERVED));
        let echo = if asks { &self.now } else { &self.usual };
        Ok((self.takes_lines || asks || reads_keys)
            && is_free(self.caller)
            && !modes.differ_in_lines(&self.now)
            && !modes.differ_in_echo(echo))
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

    /// Does what could not be done when the modes changed.
    fn catch_up(&mut self) {
        if self.processes {
            self.look();
            self.serve();
        } else if self.now != self.shown {
            self.show();
        }
    }

    /// Makes the same of the caller's, if this process has that.
    #[inline(never)]
    fn show(&mut self) {
        if !is_free(self.caller) {
            // Whoever has it now has been given it by a shell, which knows the modes.
            (self.shown, self.taken) = (Modes::SERVED, Taken::NOTHING);
            return;
        }
        if self.now != self.shown {
            self.set(self.now);
        }
    }

    fn set(&mut self, modes: Modes) {
        // It may be gone, and then nobody needs it.
        if let Ok(seen) = &terminal::modes(self.caller) {
            let next = self.taken.of(&modes, seen);
            if next != *seen {
                tolerate(terminal::set_modes(self.caller, &next));
            }
            self.shown = modes;
        }
    }

    /// Leaves the caller's as it was.
    pub fn leave(&mut self) {
        if self.shown != Modes::SERVED && is_free(self.caller) {
            self.set(Modes::SERVED);
        }
    }

    /// The foreground may be this process's again.
    pub fn resume(&mut self) {
        if self.shown == Modes::SERVED && is_free(self.caller) {
            self.usual = terminal::modes(self.caller).unwrap_or(self.usual);
        }
        self.look();
        self.offer();
    }

    /// Something may have been typed.
    pub fn offer(&mut self) {
        tolerate(poll::epoll_clear(self.typed.at()));
        self.show();
        self.due = self.is_open.then(|| poll::now() + if self.now.are_of_lines() { GRACE } else { 0 });
    }

    /// In how many microseconds there is something to do. `is_full`: nothing more can go in before.
    pub fn patience(&self, is_full: bool) -> Option<u64> {
        if self.processes {
            return Some(20 * SOON);
        }
        let due = || self.due.filter(|_| !is_full).map(|due| due.saturating_sub(poll::now()));
        self.unread.or_else(due).or((self.now != self.shown).then_some(AGAIN))
    }

    /// What is due: reads what was typed for the command. `is_late`: nothing else has happened in that time.
    #[inline(never)]
    pub fn attend(&mut self, inward: &mut Inward, is_late: bool) {
        if is_late {
            self.catch_up();
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
    fn read(&mut self, inward: &mut Inward) -> bool {
        self.look();
        let Ok(is_for_command) = self.is_for_command() else { return self.close() };
        // Where the terminal could not be opened once more a read would wait.
        if !is_for_command || !is_ready(self.input) {
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
            Ok(0) | Err(Errno::EAGAIN | Errno::EIO) => false,
            Err(_) => self.close(),
        }
    }

    /// It is gone: there is nothing more.
    fn close(&mut self) -> bool {
        self.is_open = false;
        self.end();
        false
    }

    /// Ends the input of whoever reads inside. The key is taken for that alone where nothing else is to be read.
    fn end(&mut self) {
        // Nothing else is there, and so there is room.
        tolerate(file::write(self.master, &[self.now.end()]));
        self.unread = Some(SOON);
    }

    fn is_unread(&self) -> bool {
        // Looking brings what is on its way there too, unlike FIONREAD.
        terminal::peer(self.master).is_ok_and(|peer| is_ready(peer.at()))
    }
}

/// Whether there is something to be read.
#[inline(never)]
fn is_ready(fd: At) -> bool {
    let mut watched = [Watched::READING];
    watched[0].on(fd);
    poll::poll(&mut watched, false).is_ok() && watched[0].is_ready()
}
