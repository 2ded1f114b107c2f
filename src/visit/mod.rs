//! What is done with running containers: listed, signalled, waited for, looked at, paused, held to something else.

mod groups;
mod list;
mod stats;

use crate::spec::Resource;
use crate::state::{self, Found, Record, Running};
use crate::sys::poll::{self, Watched};
use crate::sys::{Arena, Errno, Result, Word, signal};
use crate::text::{Problem, Text, Told, t};
use groups::Groups;
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
    /// What they use: one of them, or all.
    Stats {
        name: Option<Word<'a>>,
        json: bool,
    },
    Pause {
        name: Word<'a>,
        /// Else it goes on.
        on: bool,
    },
    Update {
        name: Word<'a>,
        resources: &'a [Resource<'a>],
    },
}

impl<'a> Visit<'a> {
    /// Does it, with the containers whose records are in this directory. Gives the exit status.
    ///
    /// # Errors
    /// There is no such container, or what was asked for cannot be.
    pub fn carry_out<'m>(&self, into: &mut Text<'m>, directory: Word) -> Told<'m, u8>
    where
        'a: 'm,
    {
        let arena = into.arena();
        match *self {
            Self::List { json } => list::write(into, directory, json).map(|()| 0),
            Self::Kill { name, signal } => kill(arena, directory, name, signal).map(|()| 0),
            Self::Wait { name } => wait(arena, directory, name),
            Self::Stats { name, json } => stats::write(into, directory, name, json).map(|()| 0),
            Self::Pause { name, on } => groups::pause(arena, directory, name, on).map(|()| 0),
            Self::Update { name, resources } => groups::update(arena, directory, name, resources).map(|()| 0),
        }
    }
}

const KILL: u8 = k::SIGKILL as u8;
const TERM: u8 = k::SIGTERM as u8;
const CONT: u8 = k::SIGCONT as u8;
const STOP: u8 = k::SIGSTOP as u8;

#[inline(never)]
fn kill<'m>(arena: &'m Arena, directory: Word, name: Word, signal: u8) -> Told<'m, ()> {
    let (_, found) = state::find(arena, directory, name)?;
    if found.status().is_some() {
        return Err(state::ended(arena, name));
    }
    // What cannot be looked at is not paused.
    let groups = found.record.ok_or(Errno::EINVAL).and_then(|record| Groups::open(arena, record));
    let is_paused = groups.as_ref().is_ok_and(|groups| groups.are_paused(arena));
    if is_paused && signal != KILL {
        let problem = Problem::refused(arena, t!("send a signal to %: it is paused"), &[name]);
        return Err(problem.advise(arena, t!("first: aril resume %, or at once: aril kill % KILL"), &[name, name]));
    }
    let sent = found.record.ok_or(Errno::EINVAL).and_then(|record| send(arena, record, signal));
    let sent = match groups {
        Ok(groups) if is_paused => sent.and_then(|()| groups.let_die()),
        _ => sent,
    };
    sent.map_err(|errno| Problem::failed(arena, t!("send a signal to %"), &[name], errno))
}

#[inline(never)]
/// To whom it means what the caller means.
fn send(arena: &Arena, record: &Record, signal: u8) -> Result<()> {
    let launcher = (&record.launcher, signal);
    let (process, signal) = match (signal, &record.running) {
        // Its launcher is all that there is for certain, and nothing outlives that.
        (_, None) => launcher,
        // What a stop request is the launcher knows, which may have a terminal in its hands.
        (TERM, Some(Running { stop: 0, .. })) | (CONT, _) => launcher,
        // One that passes nothing on has said so.
        (TERM, Some(Running { init, command, stop, .. })) => (init, if init == command { *stop } else { TERM }),
        // It would stop the init itself, which then reaps nobody.
        (STOP, Some(running)) => (&running.command, signal),
        // The launcher leaves alone what its caller ignores (nohup(1)), but here it is asked for.
        (_, Some(running)) => (&running.init, signal),
    };
    signal::send(process.open(arena)?.at(), signal)
}

fn wait<'m>(arena: &'m Arena, directory: Word, name: Word) -> Told<'m, u8> {
    let (all, mut found) = state::find(arena, directory, name)?;
    let status = status(arena, &mut found).and_then(|status| {
        if status.is_some() {
            found.forget(arena, all.at(), name)?;
        }
        Ok(status)
    });
    match status {
        Ok(Some(status)) => Ok(status),
        Ok(None) => {
            let text = t!("wait for %: its launcher was killed, or it never started");
            Err(Problem::refused(arena, text, &[name]))
        }
        Err(errno) => Err(Problem::failed(arena, t!("wait for %"), &[name], errno)),
    }
}

/// With what a container has ended, once it has; `None`: nobody was there to say so.
fn status<'m>(arena: &'m Arena, found: &mut Found<'m>) -> Result<Option<u8>> {
    if found.is_live {
        match found.record.ok_or(Errno::EINVAL)?.launcher.open(arena) {
            Ok(pidfd) => {
                let mut watched = [Watched::READING];
                watched[0].on(pidfd.at());
                while poll::poll(&mut watched, true) == Err(Errno::EINTR) {}
            }
            // It has ended just now.
            Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
        found.read(arena)?;
    }
    Ok(found.status())
}
