//! Carries out the steps to a pseudo-terminal.

use super::{Carrier, handover};
use crate::host::rootfs::in_root;
use crate::plan::{TerminalStep, Tree};
use crate::sys::file::{self, Open};
use crate::sys::{At, Errno, Result, socket, terminal, tolerate, word};

impl Carrier<'_> {
    /// Does what a step says.
    #[inline(never)]
    pub(super) fn carry_terminal(&mut self, step: &TerminalStep) -> Result<()> {
        match (*step, self.terminal) {
            (TerminalStep::Open { own, modes }, _) => {
                let master = if own {
                    in_root(self.trees.get(Tree::Dev)?, word(c"pts/ptmx"), Open::READ_WRITE_NONBLOCK)?
                } else {
                    file::openat(At::CWD, word(c"/dev/ptmx"), Open::READ_WRITE_NONBLOCK)?
                };
                // A container that runs may have put anything there.
                if file::fstat(master.at())?.device_numbers() != MULTIPLEXER {
                    return Err(Errno::ENODEV);
                }
                terminal::unlock(master.at())?;
                let slave = terminal::peer(master.at())?.keep();
                if modes {
                    match &terminal::modes(At::STDIN) {
                        Ok(modes) => terminal::set_modes(slave, modes)?,
                        Err(errno) => return Err(*errno),
                    }
                }
                copy_size(master.at());
                self.terminal = Some(slave);
                socket::send_fd(self.socket()?, handover::MASTER, master.at())
            }
            (TerminalStep::Give { uid }, Some(slave)) => file::fchown(slave, uid),
            (TerminalStep::Take { errors }, Some(slave)) => {
                terminal::take(slave)?;
                if errors {
                    // What is still to be said is for the caller.
                    self.errors = Some(file::duplicate(At::STDERR)?);
                    file::become_stream(slave, 2)?;
                }
                file::become_stream(slave, 1)?;
                file::become_stream(slave, 0)
            }
            _ => Err(Errno::EBADF),
        }
    }
}

/// Of /dev/ptmx (ptmx(4)), wherever it lies.
const MULTIPLEXER: [u32; 2] = [5, 2];

/// The window of a pseudo-terminal is as large as the caller's, if he has one.
pub fn copy_size(master: At) {
    if let Ok(size) = terminal::size(At::STDIN).or_else(|_| terminal::size(At::STDOUT)) {
        // It takes any size as long as there is memory for its lock.
        tolerate(terminal::set_size(master, size));
    }
}
