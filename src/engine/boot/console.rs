//! The machine's console, on which all is said, and the kernel's log, which has it too.

use super::Machine;
use crate::sys::file::{self, Open};
use crate::sys::poll;
use crate::sys::{At, Errno, Fd, Result, Word, terminal, tolerate, word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Text};

const CONSOLE: Word = word(c"/dev/console");
const LOG: Word = word(c"/dev/kmsg");
const NULL: Word = word(c"/dev/null");

/// Priorities of the kernel's log (syslog(2)): what the console has got is not for it once more.
const SEEN: &[u8] = b"<7>";
const UNSEEN: &[u8] = b"<3>";

impl Machine<'_> {
    /// A description of its own, which never blocks, and a terminal that this process does not control: Ctrl-C is not for it.
    pub(super) fn open_console(&mut self) -> Result<()> {
        let mut console = file::openat(At::CWD, CONSOLE, Open::WRITE_NONBLOCK)?;
        // Where the initramfs had none, the kernel has left the standard streams closed: no descriptor of ours may be one of them,
        // since the command's process makes them anew.
        if console.at().number() < 3 {
            console = file::duplicate(console.at())?;
            (0..3).try_for_each(|number| file::become_stream(console.at(), number))?;
        }
        self.is_virtual_console = terminal::is_virtual_console(console.at());
        self.console = Some(console);
        self.say();
        Ok(())
    }

    /// Tells of a failure.
    pub fn complain(&mut self, problem: &Problem) {
        let mut text = Text::new(self.arena);
        problem.write(&mut text);
        self.add(text.finish());
    }

    /// Tells a sentence.
    pub fn tell(&mut self, sentence: Sentence, what: Word) {
        self.add(crate::text::text(self.arena, sentence, &[what]).bytes());
    }

    /// A line behind its priority in the kernel's log, for which no memory is taken.
    pub(super) fn say_plainly(&mut self, line: Word) {
        self.say();
        if let Some(console) = &self.console {
            tolerate(file::write(console.at(), line.after(SEEN.len()).bytes()));
        }
        say_in_log(line.bytes());
    }

    /// Lines, on the console and in the kernel's log.
    fn add(&mut self, lines: &[u8]) {
        self.unsaid.add(lines);
        let priority = if self.say() { SEEN } else { UNSEEN };
        for line in crate::text::split(lines, b'\n').filter(|line| !line.is_empty()) {
            // A record without its end waits for the next one to end it.
            say_in_log(crate::text::copy(self.arena, &[priority, line, b"\n"]).bytes());
        }
    }

    /// Says what has been added, if there is a console yet. One that nobody reads must not keep this process waiting. Whether all
    /// was taken.
    pub(super) fn say(&mut self) -> bool {
        let Some(console) = &self.console else { return false };
        let unsaid = core::mem::replace(&mut self.unsaid, Text::new(self.arena));
        let until = if self.is_unread { Until::Tried } else { Until::Taken };
        self.is_unread = write_patiently(console.at(), unsaid.bytes(), until).is_err();
        !self.is_unread
    }

    /// Waits until all that was said has gone out: what comes next may end the machine.
    pub(super) fn drain(&self) {
        if let Some(console) = self.console.as_ref().filter(|_| !self.is_unread) {
            // There is nobody to tell.
            tolerate(write_patiently(console.at(), &[], Until::Sent));
        }
    }
}

/// A line for the kernel's log, behind its priority. Without a log there is nobody to tell.
pub(super) fn say_in_log(line: &[u8]) {
    if let Ok(log) = file::openat(At::CWD, LOG, Open::WRITE_NONBLOCK) {
        tolerate(file::write(log.at(), line));
    }
}

/// When what is written is done with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Until {
    /// It was offered: what the terminal does not take at once is lost.
    Tried,
    /// The terminal has it.
    Taken,
    /// It has gone out.
    Sent,
}

/// Microseconds, and their thousandth, in which something must go out: else nobody reads.
const PATIENCE: u64 = 200_000;
const WAIT: u8 = (PATIENCE / 1000) as u8;

/// Writes to a terminal that never blocks, as long as that sends anything. EAGAIN: nobody reads.
///
/// Each time that it has sent so much that few bytes are left (`WAKEUP_CHARS` of the kernel's tty layer) it wakes whoever
/// wants to write, down to the last byte; so that edges tell when all is gone.
pub(super) fn write_patiently(at: At, mut bytes: &[u8], until: Until) -> Result<()> {
    let (mut least, mut due, mut room) = (usize::MAX, 0, None);
    loop {
        if !bytes.is_empty() {
            match file::write(at, bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(Errno::EAGAIN) if until != Until::Tried => {}
                Err(errno) => return Err(errno),
            }
        }
        // What is no terminal keeps nothing back.
        let unsent = if bytes.is_empty() && until != Until::Sent { 0 } else { terminal::unsent(at).unwrap_or(0) };
        let left = bytes.len() + unsent as usize;
        if left == 0 {
            return Ok(());
        }
        if left < least {
            (least, due) = (left, poll::now() + PATIENCE);
        } else if poll::now() >= due {
            return Err(Errno::EAGAIN);
        }
        if room.is_none() {
            room = Some(poll::epoll_of_room(at)?);
        }
        if let Some(room) = &room {
            poll::epoll_wait(room.at(), WAIT)?;
        }
    }
}

/// In the command's process: the console becomes its standard streams and the terminal of its session. Where there is none
/// nothing is read, and what is written goes nowhere, as far as there is a /dev/null.
pub(super) fn take() -> Result<()> {
    let console = file::openat(At::CWD, CONSOLE, Open::READ_WRITE);
    let streams = |fd: &Fd| (0..3).try_for_each(|number| file::become_stream(fd.at(), number));
    match console {
        Ok(console) => {
            streams(&console)?;
            // It need not be a terminal.
            tolerate(terminal::take(At::STDIN));
            Ok(())
        }
        Err(errno) => {
            streams(&file::openat(At::CWD, NULL, Open::READ_WRITE)?)?;
            Err(errno)
        }
    }
}
