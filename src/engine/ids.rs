//! Carries out the steps that give a container ids which are not its caller's.

use super::Carrier;
use super::carry::open_tree;
use super::handover::{self, Failure};
use crate::host::ranges;
use crate::plan::{IdStep, Plan, Step, Tree};
use crate::spec::{IdRange, Namespace};
use crate::sys::file::{self, Open};
use crate::sys::mount;
use crate::sys::process::{self, Change, Pid};
use crate::sys::signal::{self, SignalSet};
use crate::sys::{At, Errno, List, Result, Word, socket, tolerate};
use crate::text::{copy, cut, decimal, problem::FAILED, t, text};

/// Whether another aril has locked the range first. Nothing has been made by then.
pub fn is_lost_race(plan: &Plan, failure: &Failure) -> bool {
    let line = plan.lines.get(usize::from(failure.line));
    failure.errno == Errno::EAGAIN && line.is_some_and(|line| matches!(line.step, Step::Ids(IdStep::Lock { .. })))
}

/// Whether the kernel refuses to idmap something, which has not been looked at as far as that could be foreseen.
pub fn cannot_be_idmapped(plan: &Plan, failure: &Failure) -> bool {
    let line = plan.lines.get(usize::from(failure.line));
    failure.errno == Errno::EINVAL
        && line.is_some_and(|line| matches!(line.step, Step::Ids(IdStep::HandOver { idmapped: true, .. })))
}

impl<'p> Carrier<'p> {
    /// Does what such a step says.
    pub(super) fn carry_out_ids(&mut self, step: IdStep) -> Result<()> {
        match step {
            IdStep::Tell { why } => {
                let line = t!("aril: root inside is root outside: % (--userns identity: without this line)\n");
                // Whoever does not hear it has chosen so.
                tolerate(file::write_all(At::STDERR, text(self.arena, line, &[why]).bytes()));
            }
            IdStep::Lock { first } => {
                let locks = file::openat(At::CWD, ranges::LOCKS, Open::READ_WRITE)?;
                file::lock_byte(locks.at(), ranges::slot(first))?;
                self.ids = Some(locks);
            }
            IdStep::ByPrograms { programs, uids, gids } => self.map_by_programs(programs, [uids, gids])?,
            IdStep::OpenMap => {
                let path = self.of_child(b"ns/user")?;
                self.namespaces[Namespace::User as usize] = Some(file::openat(At::CWD, path, Open::READ)?);
            }
            IdStep::OpenPipes => {
                let mut result = Ok(());
                for stream in [At::STDIN, At::STDOUT, At::STDERR] {
                    if file::is_pipe(stream) == Ok(true) {
                        result = result.and(file::fchmod(stream, 0o666));
                    }
                }
                return result;
            }
            IdStep::HandOver { source, seen, attributes, idmapped, overlay } => {
                let mut tree = match overlay {
                    Some(_) => self.lower(source)?,
                    None => open_tree(source, seen)?,
                };
                if idmapped {
                    let map = self.namespaces[Namespace::User as usize].as_ref().ok_or(Errno::EBADF)?;
                    mount::idmap(tree.at(), attributes, map.at(), overlay.is_none())?;
                } else {
                    mount::mount_setattr(tree.at(), attributes, true)?;
                }
                if let Some(number) = overlay {
                    tree = self.overlay(tree, seen, number, false, attributes)?;
                }
                self.send_tree(tree.at())?;
            }
            IdStep::Take { place, .. } => {
                let received = socket::receive_fd(self.socket()?, &mut [0])?;
                if received.length == 0 {
                    // The launcher is gone, and whom should one tell?
                    process::exit(FAILED);
                }
                let tree = received.fd.ok_or(Errno::EMFILE)?;
                match place {
                    Some(place) => self.attach(tree, place)?,
                    None => self.attach_on_top(tree, Tree::Root)?,
                }
            }
        }
        Ok(())
    }

    /// Hands a tree of mounts to the new process.
    pub(super) fn send_tree(&self, tree: At) -> Result<()> {
        match socket::send_fd(self.socket()?, handover::TREE, tree) {
            // The new process has failed, and what it said of it is heard next.
            Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
            result => result,
        }
    }

    /// Runs both at once; what they say of a failure is told.
    fn map_by_programs(&mut self, programs: [Word; 2], maps: [&[IdRange]; 2]) -> Result<()> {
        let [output, input] = file::pipe()?;
        let users = self.start_program(programs[0], maps[0], input.at());
        let groups = self.start_program(programs[1], maps[1], input.at());
        drop(input);
        let mut result = Ok(());
        for started in [users, groups] {
            // Each that has been started is waited for, whatever became of the other.
            result = result.and(match started.and_then(process::wait_for) {
                Ok(Change::Exited(0)) => Ok(()),
                Ok(_) => Err(Errno::EPERM),
                Err(errno) => Err(errno),
            });
        }
        // They say less than fits into a pipe; what is told is the first line.
        let mut said = [0; 256];
        let length = file::read(output.at(), &mut said)?;
        self.detail = copy(self.arena, &[cut(&said[..length], b'\n').0]);
        result
    }

    #[inline(never)]
    fn start_program(&self, program: Word, map: &[IdRange], errors: At) -> Result<Pid> {
        let Some((Pid(child), _)) = self.child else { return Err(Errno::ESRCH) };
        let mut arguments = List::new(self.arena);
        let mut argument = |word| arguments.push(Some(word));
        argument(program);
        argument(decimal(self.arena, child as u64));
        for range in map {
            for number in [range.inside, range.outside, range.count] {
                argument(decimal(self.arena, number.into()));
            }
        }
        arguments.push(None);
        process::start(&Program { arguments: &arguments, errors, mask: self.mask }, execute)
    }
}

/// What a started program needs.
struct Program<'a> {
    arguments: &'a [Option<Word<'a>>],
    errors: At<'a>,
    mask: SignalSet,
}

extern "C" fn execute(program: &Program) -> ! {
    if file::become_stream(program.errors, 2).is_ok() {
        signal::set_mask(program.mask);
        let path = program.arguments.first().copied().flatten().unwrap_or_default();
        // It was there a moment ago; that it is not now is told by the status.
        process::execve(path, program.arguments, &[None]);
    }
    process::exit(FAILED)
}
