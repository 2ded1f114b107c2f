//! Who forbids something: each cause is proved before it is told, by asking the kernel for what it would only answer so.

use super::advice::sysctl;
use crate::host::cgroups::{Hierarchy, Site, enable};
use crate::host::{Host, cgroups, mounts, rootfs};
use crate::plan::{CgroupStep, EnterStep, IdStep, Plan, Step};
use crate::spec::{Namespace, Resource, Spec};
use crate::sys::file::{self, Open};
use crate::sys::sandbox::{CALLS, COUNT, DECISIVE, answer_to_nonsense};
use crate::sys::{Arena, At, Errno, Word, identity, process, word};
use crate::text::sentence::Sentence;
use crate::text::{copy, cut, decimal, names, number, path, t, text};
use linux_raw_sys::general as k;

/// The cause of a step's failure, as advice with its word.
pub fn find<'a>(
    arena: &'a Arena,
    step: &Step<'a>,
    errno: Errno,
    spec: &Spec,
    host: &Host,
) -> Option<(Sentence, Word<'a>)> {
    if let Step::Cgroup(step) = step {
        if let Some(found) = of_cgroups(arena, step, errno, host) {
            return Some(found);
        }
    }
    let step = match step {
        Step::Cgroup(CgroupStep::Clone { flags }) => &Step::Clone { flags: *flags },
        step => step,
    };
    if let Some(call) = filtered(arena, calls(step), errno) {
        return Some((FILTERED, call));
    }
    if happens_inside(step) && is_restricted(arena, host, errno) {
        return Some((RESTRICTED, Word::default()));
    }
    match (step, errno) {
        (Step::StartCommand, Errno::ESRCH) if spec.memory()[0].flatten().is_some() => {
            Some((t!("the limit of memory may be too low for a container to begin with"), Word::default()))
        }
        (Step::RefuseChroot, Errno::EPERM) => Some((CHROOT, Word::default())),
        (Step::Clone { .. } | Step::CloneByOldCall { .. }, Errno::EPERM | Errno::EACCES)
            if spec.is_private(Namespace::User) =>
        {
            if is_switched_off(arena, host) {
                None
            } else if read(arena, word(c"/proc/self/uid_map")) == Some(b"") {
                Some((t!("the caller's own user namespace maps no ids: unshare -r maps one"), Word::default()))
            } else if file::is_mount_root(word(c"/")) == Ok(false) {
                Some((CHROOT, Word::default()))
            } else {
                Some((PROFILE, profile(arena)?))
            }
        }
        (Step::Clone { .. } | Step::CloneByOldCall { .. } | Step::StartCommand, Errno::EAGAIN) => {
            match full_group(arena, word(c"self"), 0) {
                Some(group) => Some((t!("its cgroup has all the processes that %/pids.max allows"), group)),
                None if spec.resources.iter().any(has_no_room) => {
                    let text = t!("--pids-limit leaves no room for the command: aril's own process counts too");
                    Some((text, Word::default()))
                }
                None => {
                    let limit = process::limit(k::RLIMIT_NPROC)
                        .ok()
                        .map(|limit| limit.soft)
                        .filter(|limit| *limit < u64::MAX)?;
                    let text =
                        t!("this user has all the processes that ulimit -u allows (%), or the machine has all it can");
                    Some((text, decimal(arena, limit)))
                }
            }
        }
        (Step::Mount { kind, .. }, Errno::EPERM) if *kind == word(c"proc") => Some((MASKED, mask(arena)?)),
        (_, Errno::EACCES) if calls(step).1 > 0 => Some((PROFILE, profile(arena)?)),
        _ => None,
    }
}

/// Whether it is a limit below the two processes that a container begins with.
fn has_no_room(resource: &Resource) -> bool {
    match *resource {
        Resource::Pids(Some(most)) => most < 2,
        Resource::File { name, value } => name == word(c"pids.max") && matches!(value.bytes(), b"0" | b"1"),
        _ => false,
    }
}

/// What keeps a container from its control groups.
fn of_cgroups<'a>(arena: &'a Arena, step: &CgroupStep<'a>, errno: Errno, host: &Host) -> Option<(Sentence, Word<'a>)> {
    use CgroupStep::{Clone, Enter, Leave, Make, Parent, Prepare, Write};
    let none = Word::default();
    Some(match (*step, errno) {
        (Make { .. } | Parent { .. } | Leave { .. } | Prepare { .. } | Write { .. }, Errno::EROFS) => {
            (t!("the control groups are mounted read-only here; without limits: --cgroups off"), none)
        }
        (
            Make { parent: path, .. } | Parent { path } | Leave { path } | Prepare { directory: path, .. },
            Errno::EACCES,
        ) => (t!("%"), delegate_of(arena, path, host)?),
        (Clone { .. } | Enter, Errno::EACCES) => {
            // Whoever moves a process must own what is above both groups.
            (t!("%"), delegate_of(arena, host.cgroups.all.first()?.hierarchy.own, host)?)
        }
        (Prepare { directory, .. } | Leave { path: directory }, Errno::EBUSY) => {
            let text_of =
                t!("other processes are in %: start aril alone in a group, by systemd-run --scope -p Delegate=yes");
            return Some((t!("%"), text(arena, text_of, &[directory])));
        }
        (Write { .. }, Errno::ENOENT) => (
            t!(
                "the controller here has no such file: see the other version of control groups, or the kernel's options"
            ),
            none,
        ),
        (Write { .. }, Errno::ENODEV) => (t!("a rate is that of a whole disk, not of a part of it"), none),
        (Write { site, .. }, Errno::EINVAL | Errno::ERANGE | Errno::ENOSPC) => {
            let parent = host.cgroups.all.get(usize::from(site))?.parent;
            (
                t!("the kernel does not take this value: what there is says that file, or its .effective, in %"),
                copy(arena, &[parent.bytes()]),
            )
        }
        (Write { .. }, Errno::EBUSY) => (t!("the container needs more to begin with"), none),
        _ => return None,
    })
}

/// Who refuses a call.
pub const FILTERED: Sentence =
    t!("an outer container's filter refuses %: start that one with --security-opt seccomp=unconfined");
/// What `aril check` prints the remedy for.
pub const RESTRICTED: Sentence =
    t!("AppArmor restricts user namespaces: aril check prints a profile that allows them to this program");
const PROFILE: Sentence = t!("a security module confines this process as %: start the outer container with \
    --security-opt apparmor=unconfined, or label=disable for SELinux");

const CHROOT: Sentence =
    t!("/ is a chroot, in which no container is safe: enter it by pivot_root, or let aril run it from outside");
const MASKED: Sentence =
    t!("% hides a part of /proc: start the outer container with --security-opt unmask=ALL (podman) \
    or systempaths=unconfined (docker), or leave /proc out with --fs sys,dev");

/// Which of `CALLS` a step makes: the first, and the one after the last.
const fn calls(step: &Step) -> (usize, usize) {
    match step {
        Step::Clone { .. } => (0, 1),
        Step::CloneByOldCall { .. } => (1, 2),
        Step::UnshareMounts => (2, 5),
        Step::Join { .. } => (3, 4),
        Step::MakePrivate => (4, 5),
        Step::CloseDescriptors { .. } => (8, 9),
        Step::Scratch
        | Step::Overlay { .. }
        | Step::BindRoot { .. }
        | Step::AttachRoot { .. }
        | Step::EmptyRoot
        | Step::MakeInRoot { .. }
        | Step::Link { .. }
        | Step::Mount { .. }
        | Step::AttachOverlay { .. }
        | Step::Bind { .. }
        | Step::Protect { .. }
        | Step::EmptyTree { .. }
        | Step::Mask { .. }
        | Step::SealRoot
        | Step::Ids(IdStep::HandOver { .. } | IdStep::Take { .. })
        | Step::PivotRoot => (5, COUNT),
        _ => (0, 0),
    }
}

/// The first of these calls that a filter answers with this error.
fn filtered(arena: &Arena, (first, end): (usize, usize), errno: Errno) -> Option<Word<'_>> {
    let is_refused = |place: &usize| refusal(*place) == Some(errno);
    let place = (first..end).find(is_refused)?;
    Some(copy(arena, &[names::at(CALLS, place)]))
}

/// How something before the kernel answers the call at this place, or the kernel that does not have it.
pub fn refusal(place: usize) -> Option<Errno> {
    answer_to_nonsense(place).filter(|errno| match *errno {
        Errno::ENOSYS => true,
        Errno::EPERM | Errno::EACCES => place < DECISIVE,
        _ => false,
    })
}

/// Whether this may be the first step that needs what a new user namespace gives.
const fn happens_inside(step: &Step) -> bool {
    use Step::{BecomeRoot, DenySetgroups, LimitBounding, LoopbackUp, MakePrivate, SetHostname, WriteMap};
    matches!(
        step,
        BecomeRoot
            | DenySetgroups
            | LimitBounding { .. }
            | LoopbackUp
            | MakePrivate
            | SetHostname { .. }
            | WriteMap { .. }
    )
}

/// Ubuntu's AppArmor lets a clone succeed and takes everything from the new namespace.
fn is_restricted(arena: &Arena, host: &Host, errno: Errno) -> bool {
    matches!(errno, Errno::EPERM | Errno::EACCES)
        && !host.has(k::CAP_SYS_ADMIN)
        && sysctl(arena, word(c"kernel/apparmor_restrict_unprivileged_userns")) == Some(1)
}

/// Debian's switch, which holds for whoever is not privileged.
fn is_switched_off(arena: &Arena, host: &Host) -> bool {
    !host.has(k::CAP_SYS_ADMIN) && sysctl(arena, word(c"kernel/unprivileged_userns_clone")) == Some(0)
}

/// What is mounted over a part of /proc.
fn mask(arena: &Arena) -> Option<Word<'_>> {
    let is_mask = |point: Word| point != word(c"/proc") && path::is_within(point.bytes(), b"/proc");
    let mounts = mounts::read(arena).ok()?;
    mounts.iter().map(|mount| mount.point).find(|point| is_mask(*point))
}

/// The profile or context of a security module that confines this process.
fn profile(arena: &Arena) -> Option<Word<'_>> {
    let (name, _) = cut(read(arena, word(c"/proc/self/attr/current"))?, b'\n');
    (!name.is_empty() && !name.starts_with(b"unconfined")).then(|| copy(arena, &[name]))
}

/// Whether the container that a later command comes into has all the processes that its limit allows.
pub fn is_container_full(arena: &Arena, step: &Step, plan: &Plan) -> bool {
    use EnterStep::{Clone, CloneByOldCall, Fork, Open};
    let command = plan.lines.iter().find_map(|line| match line.step {
        Step::Enter(Open { command, .. }) => Some(decimal(arena, command.pid.0 as u64)),
        _ => None,
    });
    // What could not fork has perhaps left a place free.
    matches!(step, Step::Enter(Clone { .. } | CloneByOldCall { .. } | Fork))
        && command.and_then(|command| full_group(arena, command, 1)).is_some()
}

/// A group of a process, or of its container, in which there may be no more processes than so many.
fn full_group<'m>(arena: &'m Arena, process: Word, more: u32) -> Option<Word<'m>> {
    let number = |path: Word, name: &[u8]| {
        let text = read(arena, copy(arena, &[path.bytes(), name]))?;
        number::decimal(cut(text, b'\n').0)
    };
    let mut full = None;
    for hierarchy in cgroups::hierarchies(arena, process).ok()? {
        let group = hierarchy.container(arena).unwrap_or(hierarchy.own);
        if let (Some(most), Some(current)) = (number(group, b"/pids.max"), number(group, b"/pids.current")) {
            if current.saturating_add(more) >= most {
                full = Some(group);
            }
        }
    }
    full
}

/// The same for whoever has no access to this group.
fn delegate_of<'m>(arena: &'m Arena, group: Word, host: &Host) -> Option<Word<'m>> {
    let is_there = |site: &&Site| path::is_within(group.bytes(), site.hierarchy.root.bytes());
    let site = host.cgroups.all.iter().find(is_there)?;
    Some(delegate(arena, group, &site.hierarchy, site.controllers))
}

/// How an ordinary user gets a group of his own.
pub fn delegate<'m>(arena: &'m Arena, parent: Word, hierarchy: &Hierarchy, controllers: &[&[u8]]) -> Word<'m> {
    if file::fstatat(At::CWD, word(c"/run/systemd/system")).is_ok() {
        return text(arena, t!("systemd-run --user --scope -p Delegate=yes COMMAND gives it one of its own"), &[]);
    }
    let [uid, shell] = [identity::geteuid(), process::getppid().0 as u32].map(|number| decimal(arena, number.into()));
    // Not root's own.
    let name = copy(arena, &[b"of-", uid.bytes()]);
    match enable(arena, controllers, &|_| hierarchy.is_unified()) {
        // The shell may not be in the group of which the parts are limited.
        Some(all) => {
            let sentence = t!("as root: cd % && echo % >cgroup.subtree_control && mkdir -p %/0 && \
                echo % >%/cgroup.subtree_control && chown -R % % && echo % >%/0/cgroup.procs; \
                then aril run --cgroup-parent %");
            text(arena, sentence, &[hierarchy.root, all, name, all, name, uid, name, shell, name, name])
        }
        None => {
            let own = path::join(arena, parent.bytes(), name.bytes());
            text(arena, t!("as root: mkdir % && chown -R % % && echo % >%/cgroup.procs"), &[own, uid, own, shell, own])
        }
    }
}

/// A small file's text, if it can be had.
pub fn read<'a>(arena: &'a Arena, path: Word) -> Option<&'a [u8]> {
    rootfs::read_path(arena, path, Open::READ).ok()
}
