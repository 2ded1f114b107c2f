//! What an init says: lines of a few parts, each one system call, with no memory taken.

use super::Persona;
use crate::sys::{At, Errno, Word, file, tolerate, word};
use crate::text::number::Digits;

/// Something is wrong, or was asked for.
pub const WARN: u8 = 1;
/// The command's beginning and end.
pub const INFO: u8 = 2;
/// Every event.
pub const DEBUG: u8 = 3;

/// Who speaks, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    pub persona: Persona,
    /// The highest level that is said.
    pub level: u8,
    /// The level at which an orphan's end is told.
    pub reaping: u8,
}

impl Log {
    pub const SILENT: Self = Self { persona: Persona::Own, level: 0, reaping: DEBUG };

    /// A sentence that ends in a number, if it is of interest.
    #[inline(never)]
    pub fn say(&self, level: u8, sentence: Word, number: u32) {
        if level <= self.level {
            let at = if level > WARN && self.persona == Persona::Tini { At::STDOUT } else { At::STDERR };
            print(at, &[self.persona.prefix(), sentence, Digits::of(number).word(), word(c"\n")]);
        }
    }

    /// What failed, on what, and why.
    pub fn fail(&self, what: Word, errno: Errno) {
        let (mut reason, digits) = (said(errno), Digits::of(errno.0.into()));
        let mut number = word(c"");
        if reason.is_empty() {
            (reason, number) = (word(c"error "), digits.word());
        }
        print(At::STDERR, &[self.persona.prefix(), what, word(c": "), reason, number, word(c"\n")]);
    }
}

/// Writes a line. Whoever reads it may be gone.
pub fn print(at: At, words: &[Word]) {
    tolerate(file::writev(at, words));
}

/// What an init meets; empty for anything else. The smallest build has no room for more.
fn said(errno: Errno) -> Word<'static> {
    word(match errno {
        Errno::ENOENT => c"No such file or directory (ENOENT)",
        Errno::EACCES => c"Permission denied (EACCES)",
        Errno::ENOEXEC => c"Exec format error (ENOEXEC)",
        Errno::ENOTDIR => c"Not a directory (ENOTDIR)",
        Errno::EAGAIN => c"limit (EAGAIN)",
        _ => c"",
    })
}
