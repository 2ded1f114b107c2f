//! The command's exit status, on its way to the host.

use super::Machine;
use crate::sys::{Errno, Result, Word};
use crate::text::{decimal, t};

impl Machine<'_> {
    pub(super) fn tell_status(&mut self) -> Result<()> {
        let status = decimal(self.arena, self.status.into());
        self.tell(t!("aril: exit status %\n"), status);
        Ok(())
    }

    pub(super) fn write_exit_file(&mut self, _path: Word) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn write_exit_tty(&mut self, _path: Word) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn send_exit(&mut self, _port: u32) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn write_exit_port(&mut self, _port: u16) -> Result<()> {
        Err(Errno::ENOSYS)
    }
}

pub(super) fn catch_power_button() -> Result<()> {
    Ok(())
}
