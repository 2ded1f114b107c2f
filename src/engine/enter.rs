//! Brings a later command into a container that runs.

use super::launcher::KILL;
use super::{Carrier, Side, cgroups};
use crate::host::Host;
use crate::host::cgroups::Hierarchy;
use crate::host::container::{Container, look_failed};
use crate::host::rootfs::in_root;
use crate::plan::enter::{Started, enter as plan};
use crate::plan::{EnterStep, Tree};
use crate::spec::{Namespace, Spec};
use crate::state::{Process, Running};
use crate::sys::file::{self, Open};
use crate::sys::process::{self, Pid};
use crate::sys::words::Start;
use crate::sys::{Arena, At, Errno, Fd, Result, socket, tolerate, word};
use crate::text::{Told, copy, decimal};

/// Starts a command in a container. The Spec is that of the container with the command of the one who asks.
///
/// # Errors
/// Any step that failed, on either side; nothing is left behind then.
pub fn enter<'m>(
    arena: &'m Arena,
    spec: &'m Spec<'m>,
    running: &Running<'m>,
    start: Start,
    new_user: bool,
) -> Told<'m, Side> {
    if let Err(errno) = running.command.open(arena) {
        return Err(look_failed(arena, spec, errno));
    }
    let pid = running.command.pid;
    let recorded = running.environment.all(arena);
    let container = Container::read(arena, spec, pid)?;
    let host = arena.hold(Host::of_container(arena, spec, start.environment(), pid, recorded, new_user)?);
    let started = |process: Process| Started { pid: process.pid, start: process.start };
    let plan =
        arena.hold(plan(arena, spec, host, &container, [running.init, running.command].map(started), running.users)?);
    let side = super::launch(arena, spec, host, plan, start, false)?;
    side.ok_or_else(|| super::no_process(arena))
}

impl Carrier<'_> {
    /// Does what such a step says.
    #[inline(never)]
    pub(super) fn carry_out_enter(&mut self, step: &EnterStep) -> Result<()> {
        let result = self.try_enter(step);
        if matches!(
            (step, result),
            (EnterStep::Open { .. } | EnterStep::Join { .. }, Err(Errno::ESRCH))
                | (EnterStep::Fork, Err(Errno::ENOMEM))
        ) {
            self.detail = word(c"the container has ended");
        }
        result
    }

    fn try_enter(&mut self, step: &EnterStep) -> Result<()> {
        match *step {
            EnterStep::Open { command, init, root, users } => {
                let open = |Started { pid, start }| Process { pid, start }.open(self.arena);
                self.container = Some((open(command)?, init.map(open).transpose()?));
                let pid = decimal(self.arena, command.pid.0 as u64);
                let of = |name: &[u8]| copy(self.arena, &[b"/proc/", pid.bytes(), name]);
                let namespace = file::openat(At::CWD, of(b"/ns/user"), Open::READ)?;
                if file::fstat(namespace.at())?.identity.1 != users {
                    self.detail = word(c"its command has made a user namespace of its own");
                    return Err(Errno::EPERM);
                }
                // By this descriptor, whatever the command does meanwhile.
                self.namespaces[Namespace::User as usize] = Some(namespace);
                if root {
                    let path = of(b"/root");
                    self.trees.keep(Tree::Root, file::openat(At::CWD, path, Open::PATH_DIRECTORY)?);
                }
            }
            EnterStep::Clone { groups } => {
                let group = groups.iter().find(|group| group.is_unified());
                let group = group.map(|group| file::openat(At::CWD, group.own, Open::DIRECTORY)).transpose()?;
                let [ours, theirs] = socket::pair()?;
                let side = process::clone3_into(0, group.as_ref().map(Fd::at))?;
                self.be_on(side, ours, theirs);
            }
            EnterStep::CloneByOldCall { groups } => {
                let [ours, theirs] = socket::pair()?;
                let side = process::clone(0)?;
                self.be_on(side, ours, theirs);
                if !self.inside {
                    self.move_child(groups, true)?;
                }
            }
            EnterStep::Move { groups } => self.move_child(groups, false)?,
            EnterStep::Join { namespaces } => {
                // No path inside can lead to what is closed.
                let (command, _) = self.container.take().ok_or(Errno::EBADF)?;
                let users = self.namespaces[Namespace::User as usize].take().ok_or(Errno::EBADF)?;
                let rest = namespaces & !Namespace::User.flag();
                if rest != namespaces {
                    process::setns(users.at(), Namespace::User.flag())?;
                }
                if rest != 0 {
                    process::setns(command.at(), rest)?;
                }
            }
            EnterStep::ChangeRoot => {
                file::fchdir(self.trees.get(Tree::Root)?)?;
                file::chroot(word(c"."))?;
                // Whatever a path inside leads to, it is not this.
                self.trees.close();
            }
            EnterStep::OpenDevices => {
                let root = file::openat(At::CWD, word(c"/"), Open::PATH_DIRECTORY)?;
                self.trees.keep(Tree::Dev, in_root(root.at(), word(c"dev"), Open::PATH_DIRECTORY)?);
            }
            EnterStep::Fork => {
                if process::clone_beside()?.is_some() {
                    process::exit(0);
                }
            }
        }
        Ok(())
    }

    fn move_child(&self, groups: &[Hierarchy], unified: bool) -> Result<()> {
        let Some((Pid(child), _)) = self.child else { return Err(Errno::ESRCH) };
        let child = decimal(self.arena, child as u64);
        for group in groups.iter().filter(|group| group.is_unified() == unified) {
            let directory = file::openat(At::CWD, group.own, Open::DIRECTORY)?;
            cgroups::write(directory.at(), cgroups::PROCESSES, child.bytes())?;
        }
        Ok(())
    }

    /// Whether the last process that came in has said who it is. However it has ended meanwhile, nobody has waited for it yet.
    pub(super) fn has_come_in(&mut self) -> Result<bool> {
        let (Some(_), Some(pid)) = (&self.container, self.command) else { return Ok(false) };
        if !process::is_child(pid.0) {
            return Ok(false);
        }
        let pidfd = process::pidfd_open(pid);
        if pidfd.is_err() {
            // It may run by now, and nothing would pass signals on to it. As a child it keeps its number until it is waited for.
            tolerate(process::kill(pid.0, KILL));
            tolerate(process::wait_for(pid));
        }
        self.child = Some((pid, pidfd?));
        Ok(true)
    }
}
