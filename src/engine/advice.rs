//! A failure as a person is told: the step, the reason, and what to do where the cause is known.

use super::handover::Failure;
use crate::host::Host;
use crate::host::rootfs::read_whole;
use crate::plan::{Plan, Step, Tree};
use crate::spec::{Namespace, Spec};
use crate::sys::file::{self, Open};
use crate::sys::{Arena, At, Errno, Word, process, word};
use crate::text::problem::{FAILED, NOT_FOUND};
use crate::text::{Problem, Text, decimal, number, text};

/// The oldest kernel on which everything here exists: openat2, mount_setattr, close_range, clone3 and user namespaces'
/// overlays.
const OLDEST: (u16, u16) = (5, 14);

/// Makes the sentence. Only here, once, and only after a failure, are the causes looked for.
pub fn explain<'m>(arena: &'m Arena, failure: &Failure, spec: &Spec, host: &Host, plan: &Plan) -> &'m Problem<'m> {
    let Failure { line, errno, status, detail } = *failure;
    let Some(line) = plan.lines.get(usize::from(line)) else {
        return Problem::failed(arena, "unknown step", &[], errno);
    };
    let mut sentence = Text::new(arena);
    line.step.write(&mut sentence);
    if status == NOT_FOUND {
        sentence.fill(": not found in the image %", &[spec.rootfs]);
        if let Some(path) = plan.command.search_path {
            sentence.fill(", searched %", &[path]);
        }
        sentence.add(b" (ENOENT)");
    } else if detail.is_empty() {
        sentence.add(b": ").errno(errno);
    } else {
        sentence.fill(": %", &[detail]).add(b" (").add(errno.name()).add(b")");
    }
    let problem = arena.hold(Problem { status, line: sentence.word(), advice: None });
    let release = process::kernel_release();
    if release < OLDEST && matches!(errno, Errno::ENOSYS | Errno::EINVAL) {
        let [major, minor] = [release.0, release.1].map(|part| decimal(arena, part.into()));
        return problem.advise(arena, "this kernel is %.%: aril needs 5.14", &[major, minor]);
    }
    let Some(advice) = advise(arena, &line.step, errno, spec, host) else { return problem };
    if status == FAILED { problem.advise(arena, "%", &[advice]) } else { problem }
}

/// What to do about it, if the cause is known.
fn advise<'m>(arena: &'m Arena, step: &Step, errno: Errno, spec: &Spec, host: &Host) -> Option<Word<'m>> {
    Some(match (step, errno) {
        (Step::Clone { .. }, Errno::ENOSPC | Errno::EUSERS) => exhausted(arena, spec),
        (Step::Clone { .. }, Errno::EPERM) => forbidden(arena, spec, host),
        (Step::Clone { .. } | Step::StartCommand, Errno::EAGAIN) => {
            word(c"the limit of processes is reached: see ulimit -u, and pids.max of the cgroup")
        }
        (Step::Clone { .. } | Step::StartCommand, Errno::ENOMEM) => {
            word(c"the machine, its cgroup or its pid namespace has no memory or no process ids left")
        }
        (Step::Clone { .. }, Errno::ENOSYS) => {
            word(c"an outer container's filter refuses clone3: start that one with --security-opt seccomp=unconfined")
        }
        (Step::Clone { .. }, Errno::EINVAL) => word(c"the kernel lacks one of these namespaces"),
        (Step::WriteMap { .. } | Step::DenySetgroups, Errno::EPERM | Errno::EACCES) => map_refused(arena, host),
        (Step::WriteMap { .. }, Errno::EINVAL) => {
            word(c"ranges must not overlap, and have at most 340 lines (user_namespaces(7))")
        }
        (Step::WriteMap { .. } | Step::DenySetgroups, Errno::ENOENT) => word(c"is /proc mounted?"),
        (Step::MakeInImage { rootfs, .. }, Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
            text(arena, "% cannot be written: with --overlay it need not be", &[*rootfs])
        }
        (Step::Mount { kind, .. }, Errno::EPERM) if *kind == word(c"proc") => {
            word(c"an outer container hides parts of its /proc: unmask them there, or leave it out with --fs sys,dev")
        }
        (Step::Mount { .. } | Step::Overlay { .. } | Step::Scratch, Errno::ENODEV) => {
            word(c"the kernel does not know this file system: is its module loaded?")
        }
        (Step::Overlay { lower, .. }, Errno::EINVAL) => {
            text(arena, "% may have mounts below it, or a file system that overlayfs does not take", &[*lower])
        }
        (
            Step::MakePrivate | Step::BindRoot { .. } | Step::Mount { .. } | Step::UnshareMounts | Step::Scratch,
            Errno::EPERM,
        ) => restricted(arena).unwrap_or(word(c"an outer container or a security module refuses mounts")),
        (Step::MakePrivate | Step::UnshareMounts, Errno::EINVAL) => word(c"/ is no mount point, as in a chroot"),
        (Step::BindRoot { .. } | Step::Bind { .. }, Errno::EACCES) => {
            word(c"root inside is another user outside, who may not go through every directory above it")
        }
        (Step::Bind { at: Tree::Root, .. }, Errno::ENOENT) => {
            word(c"nothing is created on the host: make the mount point, or mount elsewhere")
        }
        (Step::SetUser { .. }, Errno::EINVAL) => word(c"the ids must be mapped: see --uid-map and --gid-map"),
        (Step::OpenNamespace { .. } | Step::Join { .. }, Errno::EPERM | Errno::EACCES) => {
            word(c"joining a namespace needs privilege over it (setns(2))")
        }
        _ => return None,
    })
}

/// A number in a file below /proc/sys.
fn sysctl(arena: &Arena, name: Word) -> Option<u32> {
    let path = text(arena, "/proc/sys/%", &[name]);
    let text = file::openat(At::CWD, path, Open::READ).and_then(|fd| read_whole(arena, fd.at())).ok()?;
    number::decimal(text.strip_suffix(b"\n")?)
}

/// ENOSPC at a clone is never the disk: a count of namespaces is full, often because it is 0 (user_namespaces(7)).
fn exhausted<'m>(arena: &'m Arena, spec: &Spec) -> Word<'m> {
    for (kind, name, _) in Namespace::ALL {
        let name = match kind {
            Namespace::Mount => word(c"mnt"),
            Namespace::Network => word(c"net"),
            _ => *name,
        };
        let file = text(arena, "user/max_%_namespaces", &[name]);
        if spec.is_private(*kind) && sysctl(arena, file) == Some(0) {
            return text(arena, "the limit is 0: sysctl user.max_%_namespaces=10000 allows them", &[name]);
        }
    }
    word(c"too many namespaces, or nested too deep (32): see /proc/sys/user/max_*_namespaces")
}

/// Who forbids a clone.
fn forbidden<'m>(arena: &'m Arena, spec: &Spec, host: &Host) -> Word<'m> {
    if !spec.is_private(Namespace::User) && host.uid != 0 {
        return word(c"without a user namespace of its own (--userns private) this needs root");
    }
    if host.uid != 0 && sysctl(arena, word(c"kernel/unprivileged_userns_clone")) == Some(0) {
        return word(c"user namespaces are switched off: sysctl kernel.unprivileged_userns_clone=1 allows them");
    }
    word(c"user namespaces are forbidden here: by an outer container's filter, by a chroot, or by a security module")
}

/// Ubuntu's AppArmor lets the clone succeed and takes everything from the new namespace.
fn restricted(arena: &Arena) -> Option<Word<'static>> {
    let on = sysctl(arena, word(c"kernel/apparmor_restrict_unprivileged_userns")) == Some(1);
    on.then_some(word(
        c"AppArmor restricts user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows them",
    ))
}

fn map_refused<'m>(arena: &'m Arena, host: &Host) -> Word<'m> {
    if let Some(advice) = restricted(arena) {
        return advice;
    }
    if host.maps_any() {
        return word(c"the caller's own user namespace does not have all of these ids");
    }
    let [uid, gid] = [host.uid, host.gid].map(|id| decimal(arena, id.into()));
    text(arena, "an ordinary user can map one id, his own: % as user, % as group", &[uid, gid])
}
