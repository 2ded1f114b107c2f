//! The machine's console, on which all is said, and the kernel's log, which has it too.

use super::Machine;
use crate::sys::file::{self, Open};
use crate::sys::poll::{self, Watched};
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
        let console = file::openat(At::CWD, CONSOLE, Open::WRITE_NONBLOCK)?;
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

    /// Lines, on the console and in the kernel's log.
    fn add(&mut self, lines: &[u8]) {
        self.unsaid.add(lines);
        let priority = if self.say() { SEEN } else { UNSEEN };
        for line in crate::text::split(lines, b'\n').filter(|line| !line.is_empty()) {
            say_in_log(crate::text::copy(self.arena, &[priority, line]).bytes());
        }
    }

    /// Says what has been added, if there is a console yet. One that nobody reads must not keep this process waiting. Whether all
    /// was taken.
    pub(super) fn say(&mut self) -> bool {
        let Some(console) = &self.console else { return false };
        let unsaid = core::mem::replace(&mut self.unsaid, Text::new(self.arena));
        write_patiently(console.at(), unsaid.bytes()).is_ok()
    }
}

/// A line for the kernel's log, behind its priority. Without a log there is nobody to tell.
pub(super) fn say_in_log(line: &[u8]) {
    if let Ok(log) = file::openat(At::CWD, LOG, Open::WRITE_NONBLOCK) {
        tolerate(file::write(log.at(), line));
    }
}

/// Writes what a terminal takes, as long as it takes anything within a second.
pub(super) fn write_patiently(at: At, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match file::write(at, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EAGAIN) => {
                let mut watched = [Watched::WRITING];
                watched[0].on(at);
                poll::poll_for(&mut watched, 1)?;
                if !watched[0].is_ready() {
                    return Err(Errno::EAGAIN);
                }
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// In the command's process: the console becomes its standard streams and the terminal of its session. Where there is none
/// nothing is read, and what is written goes nowhere.
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
