//! The command's exit status, on its way to the host. Nothing here waits for long on a host that does not listen.

use super::Machine;
use super::console::{Until, write_patiently};
use super::rewrite;
use super::settle::aside;
use crate::sys::file::{self, Open};
use crate::sys::poll::{self, Watched};
use crate::sys::{At, Errno, Result, Word, port, socket};
use crate::text::{copy, decimal, t};

/// Seconds that a host may take to close its end.
const FAREWELL: u8 = 1;

impl<'m> Machine<'m> {
    pub(super) fn tell_status(&mut self) -> Result<()> {
        let status = decimal(self.arena, self.status.into());
        self.tell(t!("aril: exit status %\n"), status);
        Ok(())
    }

    /// `N`, as a line for a program.
    #[inline(never)]
    fn status_line(&self) -> Word<'m> {
        copy(self.arena, &[decimal(self.arena, self.status.into()).bytes(), b"\n"])
    }

    /// By a child, since its file system may be the host's, and not answer. The command could have put a link there.
    pub(super) fn write_exit_file(&self, path: Word) -> Result<()> {
        let line = self.status_line();
        aside(&mut || false, &mut || rewrite(path, false, line.bytes()))
    }

    pub(super) fn write_exit_tty(&self, path: Word) -> Result<()> {
        // It stays open: a serial port's last close would wait for whoever does not read it.
        let terminal = file::openat(At::CWD, path, Open::WRITE_NONBLOCK)?.keep();
        write_patiently(terminal, self.status_line().bytes(), Until::Sent)
    }

    pub(super) fn send_exit(&self, port: u32) -> Result<()> {
        let socket = socket::vsock()?;
        socket::connect_to_host(socket.at(), port)?;
        socket::send(socket.at(), self.status_line().bytes())?;
        socket::end_writing(socket.at())?;
        // What was sent is on its way; it has arrived when the host has closed its end too.
        let mut watched = [Watched::READING];
        watched[0].on(socket.at());
        poll::poll_for(&mut watched, FAREWELL)?;
        if watched[0].is_ready() { Ok(()) } else { Err(Errno::ETIMEDOUT) }
    }

    /// Last of all: where a device listens at this port the machine ends here.
    pub(super) fn write_exit_port(&self, port: u16) -> Result<()> {
        port::allow(port)?;
        self.drain();
        port::write(port, self.status);
        Ok(())
    }
}
