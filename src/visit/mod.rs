//! What is done with running containers: listed, signalled, waited for.

mod list;

use crate::init::{STOP_REQUEST, plain};
use crate::state::{self, Found, Process, Running};
use crate::sys::poll::{self, Watched};
use crate::sys::signal::{self, Info};
use crate::sys::{Arena, Errno, Result, Word};
use crate::text::{Problem, Text, Told, t};
use linux_raw_sys::general as k;

/// What a caller wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Visit<'a> {
    List {
        /// For a program.
        json: bool,
    },
    Kill {
        name: Word<'a>,
        signal: u8,
    },
    Wait {
        name: Word<'a>,
    },
}

impl Visit<'_> {
    /// Does it, with the containers whose records are in this directory. Gives the exit status.
    ///
    /// # Errors
    /// There is no such container, or what was asked for cannot be.
    pub fn carry_out<'m>(&self, into: &mut Text<'m>, directory: Word) -> Told<'m, u8> {
        let arena = into.arena();
        match *self {
            Self::List { json } => list::write(into, directory, json).map(|()| 0),
            Self::Kill { name, signal } => kill(arena, directory, name, signal).map(|()| 0),
            Self::Wait { name } => wait(arena, directory, name),
        }
    }
}

const TERM: u8 = k::SIGTERM as u8;
const CONT: u8 = k::SIGCONT as u8;
const STOP: u8 = k::SIGSTOP as u8;

fn kill<'m>(arena: &'m Arena, directory: Word, name: Word, signal: u8) -> Told<'m, ()> {
    let (_, found) = state::find(arena, directory, name)?;
    let sent = match (found.record, found.running()) {
        (_, Some(running)) => send(arena, &found, &running, signal),
        // Its launcher is all that there is for certain, and nothing outlives that.
        (Some(record), None) => record.launcher.open(arena).and_then(|launcher| signal::send(launcher.at(), signal)),
        (None, None) => Err(Errno::EINVAL),
    };
    sent.map_err(|errno| Problem::failed(arena, t!("send a signal to %"), &[name], errno))
}

/// To whom it means what the caller means.
fn send(arena: &Arena, found: &Found, running: &Running, signal: u8) -> Result<()> {
    let to = |process: &Process, info: Info| {
        let pidfd = process.open(arena)?;
        if info.code == 0 { signal::send(pidfd.at(), info.signal) } else { signal::send_info(pidfd.at(), info) }
    };
    let Running { init, command, stop, .. } = running;
    match (signal, stop, found.record) {
        // What a stop request is the launcher knows, which may have a terminal in its hands; a stopped one takes it later.
        (TERM, 0, Some(record)) | (CONT, _, Some(record)) => to(&record.launcher, plain(signal)),
        // One that passes nothing on says so in its record.
        (TERM, 1.., _) if *stop != TERM && command != init => to(init, Info { code: STOP_REQUEST, ..plain(*stop) }),
        (TERM, 1.., _) => to(init, plain(*stop)),
        // It would stop the init itself, which then reaps nobody.
        (STOP, ..) => to(command, plain(signal)),
        // The launcher leaves alone what its caller ignores (nohup(1)), but here it is asked for.
        _ => to(init, plain(signal)),
    }
}

fn wait<'m>(arena: &'m Arena, directory: Word, name: Word) -> Told<'m, u8> {
    let failed = |errno| Problem::failed(arena, t!("wait for %"), &[name], errno);
    let (all, mut found) = state::find(arena, directory, name)?;
    if found.is_live {
        let launcher = found.record.map_or(Err(Errno::EINVAL), |record| record.launcher.open(arena));
        match launcher {
            Ok(pidfd) => {
                let mut watched = [Watched::READING];
                watched[0].on(pidfd.at());
                while poll::poll(&mut watched, true) == Err(Errno::EINTR) {}
            }
            // It has ended just now.
            Err(Errno::ESRCH) => {}
            Err(errno) => return Err(failed(errno)),
        }
        found.read(arena).map_err(failed)?;
    }
    let Some(status) = found.status() else {
        return Err(Problem::refused(arena, t!("wait for %: its launcher was killed, or it never started"), &[name]));
    };
    found.forget(arena, all.at(), name).map_err(failed)?;
    Ok(status)
}
