//! A failure as a person is told: the step, the reason, and what to do where the cause is known.

use super::handover::Failure;
use crate::host::Host;
use crate::host::rootfs::read_whole;
use crate::plan::{Plan, Step, Tree};
use crate::problem;
use crate::spec::{Namespace, Spec};
use crate::sys::file::{self, Open};
use crate::sys::{At, Errno, process};
use crate::text::{Problem, Shown, number, path, problem::NOT_FOUND, shown};
use alloc::format;
use alloc::string::String;

/// The oldest kernel on which everything here exists: openat2, mount_setattr, close_range, clone3 and user namespaces'
/// overlays.
const OLDEST: (u16, u16) = (5, 14);

/// Makes the sentence. Only here, once, and only after a failure, are the causes looked for.
pub fn explain(failure: &Failure, spec: &Spec, host: &Host, plan: &Plan) -> Problem {
    let Failure { line, trouble } = failure;
    let Some(line) = plan.lines.get(usize::from(*line)) else { return problem!("unknown step: {}", trouble.errno) };
    let name = match trouble.errno.name() {
        Some(name) => name.into(),
        None => format!("error {}", trouble.errno.0),
    };
    let reason = if trouble.status == NOT_FOUND && plan.command.searched {
        let path = Shown(plan.command.search_path());
        format!("not found in the image {}, searched {path}", shown(spec.rootfs))
    } else if trouble.status == NOT_FOUND {
        format!("not found in the image {}", shown(spec.rootfs))
    } else if trouble.detail.is_empty() {
        trouble.errno.sentence().into()
    } else {
        format!("{}", Shown(trouble.detail.as_bytes()))
    };
    let problem = Problem { status: trouble.status, ..problem!("{}: {reason} ({name})", line.step) };
    match advise(&line.step, trouble.errno, spec, host) {
        Some(advice) => problem.advise(advice),
        None => problem,
    }
}

/// What to do about it, if the cause is known.
fn advise(step: &Step, errno: Errno, spec: &Spec, host: &Host) -> Option<String> {
    let release = process::kernel_release();
    if release < OLDEST && matches!(errno, Errno::ENOSYS | Errno::EINVAL) {
        return Some(format!("this kernel is {}.{}: aril needs {}.{}", release.0, release.1, OLDEST.0, OLDEST.1));
    }
    match (step, errno) {
        (Step::Clone { .. }, Errno::ENOSPC | Errno::EUSERS) => Some(exhausted(spec)),
        (Step::Clone { .. }, Errno::EPERM) => Some(forbidden(spec, host)),
        (Step::Clone { .. }, Errno::EAGAIN) => {
            Some("the limit of processes is reached: see ulimit -u, and pids.max of the cgroup".into())
        }
        (Step::Clone { .. }, Errno::ENOMEM) => {
            Some("the machine, its cgroup or its pid namespace has no memory or no process ids left".into())
        }
        (Step::Clone { .. }, Errno::ENOSYS) => Some(
            "an outer container's filter refuses clone3: start that one with --security-opt seccomp=unconfined".into(),
        ),
        (Step::Clone { .. }, Errno::EINVAL) => Some("the kernel lacks one of these namespaces".into()),
        (Step::WriteMap { .. } | Step::DenySetgroups, Errno::EPERM | Errno::EACCES) => Some(map_refused(host)),
        (Step::WriteMap { .. }, Errno::EINVAL) => {
            Some("ranges must not overlap, and have at most 340 lines (user_namespaces(7))".into())
        }
        (Step::WriteMap { .. } | Step::DenySetgroups, Errno::ENOENT) => Some("is /proc mounted?".into()),
        (Step::MakeInImage { rootfs, .. }, Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
            Some(format!("{} cannot be written: with --overlay it need not be", shown(rootfs)))
        }
        (Step::Mount { kind, .. }, Errno::EPERM) if *kind == c"proc" => Some(
            "an outer container hides parts of its /proc: unmask them there, or leave it out with --fs sys,dev".into(),
        ),
        (Step::Mount { .. } | Step::Overlay { .. } | Step::Scratch, Errno::ENODEV) => {
            Some("the kernel does not know this file system: is its module loaded?".into())
        }
        (Step::Overlay { lower, .. }, Errno::EINVAL) => Some(format!(
            "{} may have mounts below it, or be on a file system that overlayfs does not take",
            shown(lower)
        )),
        (Step::Overlay { .. }, Errno::EPERM) => Some("overlays in user namespaces need Linux 5.11".into()),
        (Step::MakePrivate | Step::BindRoot { .. } | Step::Mount { .. }, Errno::EACCES | Errno::EPERM) => {
            Some(restricted().unwrap_or_else(|| "an outer container or a security module refuses mounts".into()))
        }
        (Step::Bind { at: Tree::Root, .. }, Errno::ENOENT) => {
            Some("nothing is created on the host: make the mount point, or mount elsewhere".into())
        }
        (Step::SetUser { .. }, Errno::EINVAL) => Some("the ids must be mapped: see --uid-map and --gid-map".into()),
        (Step::Join { .. }, Errno::EPERM) => Some("joining a namespace needs privilege over it (setns(2))".into()),
        (Step::UnshareMounts, Errno::EPERM) => Some("an outer container refuses mounts".into()),
        _ => None,
    }
}

/// A number in a file below /proc/sys.
fn sysctl(name: &str) -> Option<u32> {
    let file = path::c_string(format!("/proc/sys/{name}"));
    let text = file::openat(At::CWD, &file, Open::READ).and_then(|fd| read_whole(fd.at())).ok()?;
    number::decimal(text.trim_ascii())
}

/// ENOSPC at a clone is never the disk: a count of namespaces is full, often because it is 0 (user_namespaces(7)).
fn exhausted(spec: &Spec) -> String {
    let private = Namespace::ALL.into_iter().filter(|(kind, ..)| spec.is_private(*kind));
    let mut files = private.map(|(kind, name, _)| match kind {
        Namespace::Mount => "user/max_mnt_namespaces".into(),
        Namespace::Network => "user/max_net_namespaces".into(),
        _ => format!("user/max_{name}_namespaces"),
    });
    match files.find(|file| sysctl(file) == Some(0)) {
        Some(file) => format!("the limit is 0: sysctl {}=10000 allows them", file.replace('/', ".")),
        None => "too many namespaces, or nested too deep (32): see /proc/sys/user/max_*_namespaces".into(),
    }
}

/// Who forbids a clone.
fn forbidden(spec: &Spec, host: &Host) -> String {
    if !spec.is_private(Namespace::User) && host.uid != 0 {
        return "without a user namespace of its own (--userns private) this needs root".into();
    }
    if sysctl("kernel/unprivileged_userns_clone") == Some(0) && host.uid != 0 {
        return "user namespaces are switched off: sysctl kernel.unprivileged_userns_clone=1 allows them".into();
    }
    "user namespaces are forbidden here: by an outer container's filter, by a chroot, or by a security module".into()
}

/// Ubuntu's AppArmor lets the clone succeed and takes everything from the new namespace.
fn restricted() -> Option<String> {
    let on = sysctl("kernel/apparmor_restrict_unprivileged_userns") == Some(1);
    on.then(|| {
        "AppArmor restricts user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows them".into()
    })
}

fn map_refused(host: &Host) -> String {
    if let Some(advice) = restricted() {
        return advice;
    }
    if host.maps_any() {
        "the caller's own user namespace does not have all of these ids".into()
    } else {
        format!("an ordinary user can map one id, his own: {} as user, {} as group", host.uid, host.gid)
    }
}
