//! What an init says: lines of a few parts, each one system call, with no memory taken.

use super::Persona;
use crate::sys::{At, Errno, file, tolerate};
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
    pub fn say(&self, level: u8, sentence: &str, number: u32) {
        if level <= self.level {
            let at = if level > WARN && self.persona == Persona::Tini { At::STDOUT } else { At::STDERR };
            print(at, &[self.persona.prefix(), sentence.as_bytes(), Digits::of(number).bytes(), b"\n"]);
        }
    }

    /// What failed, on what, and why.
    #[inline(never)]
    pub fn fail(&self, what: &[u8], errno: Errno) {
        let (mut reason, digits) = (said(errno), Digits::of(errno.0.into()));
        let mut number: &[u8] = b"";
        if reason.is_empty() {
            (reason, number) = ("error ", digits.bytes());
        }
        print(At::STDERR, &[self.persona.prefix(), what, b": ", reason.as_bytes(), number, b"\n"]);
    }
}

/// Writes a line. Whoever reads it may be gone.
pub fn print(at: At, parts: &[&[u8]]) {
    tolerate(file::writev(at, parts));
}

/// What an init meets; empty for anything else. The smallest build has no room for more.
fn said(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOENT => "No such file or directory (ENOENT)",
        Errno::EACCES => "Permission denied (EACCES)",
        Errno::ENOEXEC => "Exec format error (ENOEXEC)",
        Errno::ENOTDIR => "Not a directory (ENOTDIR)",
        Errno::EPERM => "Operation not permitted (EPERM)",
        Errno::EAGAIN => "Resource temporarily unavailable (EAGAIN)",
        Errno::ENOMEM => "Cannot allocate memory (ENOMEM)",
        _ => "",
    }
}
