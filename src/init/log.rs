//! What an init says: lines of a few parts, each one system call, with no memory taken.

use super::Persona;
use crate::sys::{At, Errno, file, tolerate};
use crate::text::number::Digits;
use crate::text::split;

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
    pub fn say(&self, level: u8, sentence: &str, number: u32) {
        if level <= self.level {
            let at = if level > WARN && self.persona == Persona::Tini { At::STDOUT } else { At::STDERR };
            print(at, &[self.persona.prefix(), sentence.as_bytes(), Digits::of(number).bytes(), b"\n"]);
        }
    }

    /// What failed, on what, and why.
    #[inline(never)]
    pub fn fail(&self, what: &[u8], errno: Errno) {
        let known = NUMBERS.iter().position(|number| u16::from(*number) == errno.0);
        let reason = known.and_then(|at| split(TEXTS.as_bytes(), b'\n').nth(at)).unwrap_or(b"error ");
        let digits = Digits::of(errno.0.into());
        let number = if known.is_none() { digits.bytes() } else { b"" };
        print(At::STDERR, &[self.persona.prefix(), what, b": ", reason, number, b"\n"]);
    }
}

/// Writes a line. Whoever reads it may be gone.
pub fn print(at: At, parts: &[&[u8]]) {
    tolerate(file::writev(at, parts));
}

/// What an init meets. The smallest build has no room for more.
const NUMBERS: [u8; 6] = [2, 13, 8, 20, 1, 12];
const TEXTS: &str = "No such file or directory (ENOENT)\nPermission denied (EACCES)\nExec format error (ENOEXEC)\n\
    Not a directory (ENOTDIR)\nOperation not permitted (EPERM)\nCannot allocate memory (ENOMEM)";
