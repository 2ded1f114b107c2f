//! Carries out the steps of a name and of the background.

use super::{Carrier, handover};
use crate::init::exit_status;
use crate::plan::StateStep;
use crate::spec::Namespace;
use crate::state::{self, record};
use crate::sys::file::{self, Open};
use crate::sys::process::{self, Change, Side};
use crate::sys::{At, Errno, Fd, Result, Word, poll, socket, tolerate, word};
use crate::text::{copy, text};

impl Carrier<'_> {
    /// Does what such a step says.
    #[inline(never)]
    pub(super) fn carry_out_state(&mut self, step: &StateStep) -> Result<()> {
        match *step {
            StateStep::Detach { name } => self.caller = Some(self.detach(name)?),
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
                let log = path.map(|path| file::append(At::CWD, path, 0o600));
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
                // Whoever does not wait any more has chosen so.
                tolerate(socket::send(caller.at(), handover::GO));
            }
        }
        Ok(())
    }

    /// Goes on in a new process. The first one ends here, with what becomes of that.
    #[inline(never)]
    fn detach(&mut self, name: Word) -> Result<Fd> {
        let [ours, theirs] = socket::pair()?;
        // The older call, which no filter refuses.
        match process::clone(0)? {
            Side::Child => {
                drop(ours);
                process::setsid()?;
                Ok(theirs)
            }
            Side::Parent { child, .. } => {
                drop(theirs);
                if socket::receive(ours.at(), &mut [0]) == Ok(1) {
                    file::write_all(At::STDOUT, copy(self.arena, &[name.bytes(), b"\n"]).bytes())?;
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
}
