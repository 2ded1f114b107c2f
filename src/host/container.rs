//! A container that runs, as far as someone needs to know it who comes to it later.

use super::cgroups::{Hierarchy, hierarchies, is_name};
use super::{Host, Look, figures, ids, look_at_streams, rootfs, variables};
use crate::spec::{Namespace, Spec};
use crate::sys::file::{self, Open};
use crate::sys::process::Pid;
use crate::sys::{Arena, At, Errno, List, Word};
use crate::text::{Problem, Told, copy, decimal, names, path, t};

/// What its command has that the caller has not.
#[derive(Clone, Copy, Debug)]
pub struct Container<'m> {
    /// `CLONE_NEW*`.
    pub namespaces: u32,
    /// Its control groups, if it has any of its own.
    pub groups: &'m [Hierarchy<'m>],
}

impl<'m> Container<'m> {
    /// Reads it of the one whose command has this process id.
    ///
    /// # Errors
    /// It has ended, or it is another user's.
    pub fn read(arena: &'m Arena, spec: &Spec, Pid(pid): Pid) -> Told<'m, Self> {
        let mut container = Self { namespaces: 0, groups: &[] };
        let pid = decimal(arena, pid as u64);
        for ((.., flag), name) in Namespace::ALL.iter().zip(names::words(Namespace::FILES)) {
            let of = |process: &[u8]| {
                let path = copy(arena, &[b"/proc/", process, b"/ns/", name]);
                let stat = file::fstatat(At::CWD, path);
                stat.map(|stat| stat.identity).map_err(|errno| look_failed(arena, spec, errno))
            };
            if of(b"self")? != of(pid.bytes())? {
                container.namespaces |= flag;
            }
        }
        // One that was not to have groups of its own is wherever its launcher was, which is no part of it.
        if spec.wants_cgroups() {
            let mut own = List::new(arena);
            for hierarchy in hierarchies(arena, pid)? {
                if path::names(hierarchy.own.bytes()).any(is_name) {
                    own.push(*hierarchy);
                }
            }
            let is_paused = |group: &Hierarchy| {
                let directory = file::openat(At::CWD, group.container(arena).unwrap_or(group.own), Open::DIRECTORY);
                directory.is_ok_and(|directory| figures::is_paused(arena, &[directory.at()]))
            };
            if own.iter().any(is_paused) {
                // Nothing would happen, and nobody could say why.
                let name = [spec.name.unwrap_or_default()];
                let problem = Problem::refused(arena, t!("exec in %: it is paused"), &name);
                return Err(problem.advise(arena, t!("first: aril resume %"), &name));
            }
            container.groups = own.finish();
        }
        Ok(container)
    }
}

impl<'m> Host<'m> {
    /// Reads what a later command takes. `recorded` are the variables of the first.
    ///
    /// # Errors
    /// Likewise; or there is no such user in it.
    pub fn of_container(
        arena: &'m Arena,
        spec: &Spec<'m>,
        environment: &'m [Word<'m>],
        Pid(pid): Pid,
        recorded: &[Word<'m>],
        new_user: bool,
    ) -> Told<'m, Self> {
        let pid = decimal(arena, pid as u64);
        let of = |name: &[u8]| copy(arena, &[b"/proc/", pid.bytes(), b"/", name]);
        let root = file::openat(At::CWD, of(b"root"), Open::PATH_DIRECTORY);
        let root = root.map_err(|errno| look_failed(arena, spec, errno))?;
        let mut host = Self::of_caller(arena, spec, environment, root.at())?;
        if spec.is_private(Namespace::User) {
            host.has_setgroups = rootfs::read_file(arena, of(b"setgroups"))?.starts_with(b"allow");
            host.uids = ids::all(arena, of(b"uid_map"), false)?;
            host.gids = ids::all(arena, of(b"gid_map"), false)?;
        }
        // Not as the Spec has it: these are the maps that were written.
        if host.ends_at_program(spec, host.uids, Look::Start) {
            return Ok(host);
        }
        look_at_streams(arena, &mut host)?;
        host.look_for_landlock(arena, spec)?;
        let mut all = List::new(arena);
        all.extend(recorded);
        if new_user {
            all.push(copy(arena, &[b"HOME=", host.user.home.bytes()]));
        }
        all.extend(variables::read(arena, spec)?);
        host.variables = all.finish();
        Ok(host)
    }
}

/// Why it cannot be looked at.
pub fn look_failed<'m>(arena: &'m Arena, spec: &Spec, errno: Errno) -> &'m Problem<'m> {
    let name = [spec.name.unwrap_or_default()];
    match errno {
        Errno::ENOENT | Errno::ESRCH => Problem::refused(arena, t!("% has ended"), &name),
        _ => Problem::failed(arena, t!("look into the container %"), &name, errno),
    }
}
