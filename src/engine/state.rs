//! Carries out the steps of a name and of the background.

use super::{Carrier, handover};
use crate::init::exit_status;
use crate::plan::StateStep;
use crate::spec::Namespace;
use crate::state::{self, Found, record};
use crate::sys::file::{self, Open};
use crate::sys::process::{self, Change, Pid, Side};
use crate::sys::{At, Errno, Fd, Result, Word, poll, signal, socket, tolerate, word};
use crate::text::{copy, text};
use linux_raw_sys::general as k;

impl Carrier<'_> {
    /// Does what such a step says.
    #[inline(never)]
    pub(super) fn carry_out_state(&mut self, step: &StateStep) -> Result<()> {
        match *step {
            StateStep::Detach { directory, name } => self.caller = Some(self.detach(directory, name)?),
            StateStep::Claim { directory, name } => {
                let claimed = match state::open(self.arena, directory, true) {
                    Ok(opened) => state::claim(self.arena, opened, name),
                    Err(errno) => {
                        if let Some(why) = state::why(errno) {
                            self.detail = text(self.arena, why, &[]);
                        }
                        Err(errno)
                    }
                };
                if claimed.as_ref().err() == Some(&Errno::EEXIST) {
                    self.detail = word(c"a container of this name runs already");
                }
                self.claim = Some(claimed?);
            }
            StateStep::OpenLog { path } => {
                let null = file::openat(At::CWD, word(c"/dev/null"), Open::READ_WRITE)?;
                let log = path.map(|path| super::report::open(path, 0o600));
                self.streams = Some((null, log.transpose()?));
            }
            StateStep::AskForSenders => socket::ask_for_senders(self.socket()?)?,
            StateStep::SaySender => socket::send(self.socket()?, handover::COMMAND)?,
            StateStep::TakeStreams => {
                let (null, log) = self.streams.take().ok_or(Errno::EBADF)?;
                // What is still to be said is for the caller.
                self.errors = Some(file::duplicate(At::STDERR)?);
                let log = log.as_ref().unwrap_or(&null).at();
                file::become_stream(null.at(), 0)?;
                file::become_stream(log, 1)?;
                file::become_stream(log, 2)?;
            }
            StateStep::Record { stop } => {
                let (Some(claim), Some((child, _))) = (&self.claim, &self.child) else { return Err(Errno::EBADF) };
                let [init, command] = claim.processes(self.arena, *child, self.command);
                let plan = &self.plan.command;
                let lists = [self.start.anew(), plan.arguments, plan.environment];
                let started = record::Started {
                    init,
                    command,
                    started: poll::date().max(1),
                    stop,
                    users: self.inodes[Namespace::User as usize],
                    lists,
                };
                claim.write(record::body(self.arena, &started))?;
            }
            StateStep::TellCaller => {
                let caller = self.caller.take().ok_or(Errno::EBADF)?;
                match socket::send(caller.at(), handover::GO) {
                    // Whoever does not wait any more has chosen so.
                    Err(Errno::EPIPE | Errno::ECONNRESET) => {}
                    // He would wait for the end, and never know the name.
                    result => result?,
                }
            }
        }
        Ok(())
    }

    /// Goes on in a new process. The first one ends here, with what becomes of that.
    #[inline(never)]
    fn detach(&mut self, directory: Word, name: Word) -> Result<Fd> {
        let [ours, theirs] = socket::pair()?;
        // The older call, which no filter refuses.
        match process::clone(0)? {
            Side::Child => {
                drop(ours);
                process::setsid()?;
                Ok(theirs)
            }
            Side::Parent { child, pidfd } => {
                drop(theirs);
                let heard = socket::receive(ours.at(), &mut [0]);
                if heard != Ok(0) {
                    let line = copy(self.arena, &[name.bytes(), b"\n"]);
                    let printed = heard.and_then(|_| file::write_all(At::STDOUT, line.bytes()));
                    if printed.is_err() {
                        // Nobody would know of it. The first failure is the one to tell.
                        tolerate(self.take_back(child, pidfd.at(), directory, name));
                        self.detail = word(c"the name cannot be printed");
                        printed?;
                    }
                    process::exit(0);
                }
                match process::wait_for(child)? {
                    Change::Exited(status) => process::exit(status),
                    Change::Killed { signal, .. } => process::exit(exit_status(signal)),
                    _ => Err(Errno::ECHILD),
                }
            }
        }
    }

    /// Ends a container that has just begun, and its name.
    #[inline(never)]
    fn take_back(&self, launcher: Pid, pidfd: At, directory: Word, name: Word) -> Result<()> {
        let all = state::open(self.arena, directory, false)?;
        let found = Found::look(self.arena, all.at(), name);
        // One that has ended already has perhaps another in its place.
        let found = found.ok().filter(|found| found.record.is_some_and(|record| record.launcher.pid == launcher));
        let init = found.as_ref().and_then(Found::running).map_or(Err(Errno::ESRCH), |running| {
            // Whatever its command or its launcher ignores. The launcher goes on, and cleans up.
            signal::send(running.init.open(self.arena)?.at(), k::SIGKILL as u8)
        });
        if init.is_err() {
            signal::send(pidfd, k::SIGTERM as u8)?;
        }
        process::wait_for(launcher)?;
        found.map_or(Ok(()), |found| found.forget(self.arena, all.at(), name))
    }
}
