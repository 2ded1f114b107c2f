//! A container that runs, as far as someone needs to know it who comes to it later.

use super::cgroups::{Hierarchy, hierarchies, is_name};
use super::{Host, ids, rootfs, variables};
use crate::spec::{Namespace, Spec};
use crate::sys::file::{self, Open};
use crate::sys::process::Pid;
use crate::sys::{Arena, At, Errno, List, Word, identity};
use crate::text::{Problem, Told, copy, decimal, names, path, t};

/// What its command has that the caller has not.
#[derive(Clone, Copy, Debug)]
pub struct Container<'m> {
    /// `CLONE_NEW*`.
    pub namespaces: u32,
    /// Its control groups, if it has any of its own.
    pub groups: &'m [Hierarchy<'m>],
}

impl<'m> Host<'m> {
    /// Reads what a command in a container takes whose own command has this process id. `recorded` are its variables.
    ///
    /// # Errors
    /// It has ended, it is another user's, or there is no such user in it.
    #[inline(never)]
    pub fn of_container(
        arena: &'m Arena,
        spec: &Spec<'m>,
        environment: &'m [Word<'m>],
        Pid(pid): Pid,
        recorded: &[Word<'m>],
        new_user: bool,
    ) -> Told<'m, (Self, Container<'m>)> {
        let capabilities = identity::effective_capabilities()
            .map_err(|errno| Problem::failed(arena, t!("read the capabilities"), &[], errno))?;
        let pid = decimal(arena, pid as u64);
        let of = |name: &[u8]| copy(arena, &[b"/proc/", pid.bytes(), b"/", name]);
        let failed = |errno| look_failed(arena, spec, errno);
        let root = file::openat(At::CWD, of(b"root"), Open::PATH_DIRECTORY).map_err(failed)?;
        let mut host = Self::of_caller(arena, spec, environment, capabilities, root.at())?;
        if spec.is_private(Namespace::User) {
            host.has_setgroups = rootfs::read_file(arena, of(b"setgroups"))?.starts_with(b"allow");
            host.uids = ids::of_other(arena, of(b"uid_map"))?;
            host.gids = ids::of_other(arena, of(b"gid_map"))?;
        }

        let mut all = List::new(arena);
        all.extend(recorded);
        if new_user {
            all.push(copy(arena, &[b"HOME=", host.user.home.bytes()]));
        }
        all.extend(variables::read(arena, spec)?);
        host.variables = all.finish();

        let mut namespaces = 0;
        for ((.., flag), name) in Namespace::ALL.iter().zip(names::words(Namespace::FILES)) {
            let of_process = |process: &[u8]| {
                let path = copy(arena, &[b"/proc/", process, b"/ns/", name]);
                file::fstatat(At::CWD, path).map(|stat| stat.identity).map_err(failed)
            };
            if of_process(b"self")? != of_process(pid.bytes())? {
                namespaces |= flag;
            }
        }
        Ok((host, Container { namespaces, groups: groups(arena, spec, pid)? }))
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

/// A container that was not to have groups of its own is wherever its launcher was, which is no part of it.
fn groups<'m>(arena: &'m Arena, spec: &Spec, pid: Word) -> Told<'m, &'m [Hierarchy<'m>]> {
    let mut own = List::new(arena);
    if spec.wants_cgroups() {
        for hierarchy in hierarchies(arena, pid)? {
            if path::names(hierarchy.own.bytes()).any(is_name) {
                own.push(*hierarchy);
            }
        }
    }
    Ok(own.finish())
}
