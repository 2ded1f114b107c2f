//! This program once more, from where nobody can write to it.

use super::Carrier;
use super::carry::copied;
use crate::sys::file::{self, Open};
use crate::sys::mount::Attributes;
use crate::sys::{At, Errno, Fd, Result, Word, process, word};

const PROGRAM: Word = word(c"/proc/self/exe");

impl Carrier<'_> {
    /// execveat(2); comes back only if it failed.
    pub(super) fn execute_anew(&self) -> Errno {
        let start = self.start;
        match copied(PROGRAM, Attributes::RDONLY).or_else(|_| sealed()) {
            Ok(tree) => process::execveat(tree.at(), start.anew(), start.terminated_environment()),
            Err(errno) => errno,
        }
    }
}

/// A copy in memory that is never written to again, for someone who may not mount.
#[inline(never)]
fn sealed() -> Result<Fd> {
    let program = file::openat(At::CWD, PROGRAM, Open::READ)?;
    let copy = file::memfd(word(c"aril"))?;
    while file::sendfile(copy.at(), program.at())? > 0 {}
    file::seal(copy.at())?;
    Ok(copy)
}
