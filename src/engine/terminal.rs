//! Carries out the steps to a pseudo-terminal.

use super::{Carrier, handover};
use crate::host::rootfs::in_root;
use crate::plan::{TerminalStep, Tree};
use crate::sys::file::{self, Open};
use crate::sys::terminal::Modes;
use crate::sys::{At, Errno, Result, socket, terminal, tolerate, word};

impl Carrier<'_> {
    /// Does what a step says.
    #[inline(never)]
    pub(super) fn carry_terminal(&mut self, step: &TerminalStep) -> Result<()> {
        match (*step, self.terminal) {
            (TerminalStep::Open { own, modes, streams }, _) => {
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
                if !streams.is_whole() {
                    terminal::set_modes(slave, &Modes::SERVED)?;
                    terminal::tell_changes(master.at())?;
                } else if modes {
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
            (TerminalStep::Take { streams }, Some(slave)) => {
                terminal::take(slave)?;
                if streams.has(2) {
                    // What is still to be said is for the caller.
                    self.errors = Some(file::duplicate(At::STDERR)?);
                }
                for number in 0..3 {
                    if streams.has(number) {
                        file::become_stream(slave, number as u32)?;
                    }
                }
                Ok(())
            }
            _ => Err(Errno::EBADF),
        }
    }
}

/// Of /dev/ptmx (ptmx(4)), wherever it lies.
const MULTIPLEXER: [u32; 2] = [5, 2];

/// The window of a pseudo-terminal is as large as the caller's, if he has one.
pub fn copy_size(master: At) {
    if let Some(Ok(size)) = At::STREAMS.map(terminal::size).into_iter().find(Result::is_ok) {
        // It takes any size as long as there is memory for its lock.
        tolerate(terminal::set_size(master, size));
    }
}
