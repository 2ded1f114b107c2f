//! This program once more, from where nobody can write to it.

use super::Carrier;
use super::carry::copied;
use crate::sys::file::{self, Open};
use crate::sys::mount::Attributes;
use crate::sys::{At, Errno, Fd, Result, Word, process, word};

const PROGRAM: Word = word(c"/proc/self/exe");

impl Carrier<'_> {
    /// execveat(2); comes back only if it failed.
    pub(super) fn execute_anew(&self, sealed: bool) -> Errno {
        let start = self.start;
        match if sealed { sealed_copy() } else { copied(PROGRAM, None, Attributes::RDONLY) } {
            Ok(program) => process::execveat(program.at(), start.anew(), start.terminated_environment()),
            Err(errno) => errno,
        }
    }
}

/// A copy in memory that is never written to again.
#[inline(never)]
fn sealed_copy() -> Result<Fd> {
    let program = file::openat(At::CWD, PROGRAM, Open::READ)?;
    let name = word(c"aril");
    let copy = match file::memfd(name, true) {
        // Before Linux 6.3 there is no such flag, and each can be executed.
        Err(Errno::EINVAL) => file::memfd(name, false),
        copy => copy,
    }?;
    while file::sendfile(copy.at(), program.at())? > 0 {}
    file::seal(copy.at())?;
    Ok(copy)
}
