//! A failure as a person is told: the step, the reason, and what to do where the cause is known.

#[cfg(feature = "full")]
use super::causes;
use super::handover::Failure;
use crate::host::Host;
use crate::host::rootfs::read_path;
#[cfg(feature = "full")]
use crate::plan::{CgroupStep, DeviceStep, EnterStep, IdStep};
use crate::plan::{Plan, Step, Tree};
#[cfg(feature = "full")]
use crate::spec::Set;
use crate::spec::{Namespace, Spec};
use crate::sys::file::Open;
use crate::sys::{Arena, Errno, Word, process, word};
use crate::text::problem::{FAILED, NOT_FOUND};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Text, copy, decimal, number, t, text};

/// The oldest kernel on which everything here exists: openat2, mount_setattr, close_range, clone3 and user namespaces'
/// overlays.
pub const OLDEST: (u16, u16) = (5, 14);

/// Makes the sentence. Only here, once, and only after a failure, are the causes looked for.
#[inline(never)]
pub fn explain<'m>(arena: &'m Arena, failure: &Failure, spec: &Spec, host: &Host, plan: &Plan) -> &'m Problem<'m> {
    let Failure { line, errno, status, detail } = *failure;
    let Some(line) = plan.lines.get(usize::from(line)) else {
        return Problem::failed(arena, t!("unknown step"), &[], errno);
    };
    let mut sentence = Text::new(arena);
    line.step.write(&mut sentence);
    if status == NOT_FOUND {
        sentence.fill(t!(": not found in the image %"), &[spec.rootfs]);
        if let Some(path) = plan.command.search_path {
            sentence.fill(t!(", searched %"), &[path]);
        }
        sentence.add(b" (ENOENT)");
    } else if detail.is_empty() {
        sentence.add(b": ").errno(errno);
    } else {
        sentence.fill(t!(": % ("), &[detail]).errno_name(errno).add(b")");
    }
    let problem = arena.hold(Problem { status, line: sentence.word(), advice: None });
    #[cfg(feature = "full")]
    if status == NOT_FOUND && plan.command.name.bytes().starts_with(b"-") {
        return problem.advise(arena, t!("options come before ROOTFS or NAME: what follows is the command"), &[]);
    }
    let release = process::kernel_release();
    if release < OLDEST && matches!(errno, Errno::ENOSYS | Errno::EINVAL) {
        let [major, minor] = [release.0, release.1].map(|part| decimal(arena, part.into()));
        return problem.advise(arena, t!("this kernel is %.%: aril needs 5.14"), &[major, minor]);
    }
    #[cfg(feature = "full")]
    if errno == Errno::EAGAIN && causes::is_container_full(arena, &line.step, plan) {
        let text = t!("the container has all the processes that its limit allows: aril update % --pids-limit N");
        return problem.advise(arena, text, &[spec.name.unwrap_or_default()]);
    }
    match advise(arena, &line.step, errno, spec, host) {
        Some((advice, words)) if status == FAILED => problem.advise(arena, advice, &words),
        _ => problem,
    }
}

/// What to do about it, if the cause is known.
fn advise<'a>(
    arena: &'a Arena,
    step: &'a Step,
    errno: Errno,
    spec: &Spec,
    host: &Host,
) -> Option<(Sentence, [Word<'a>; 2])> {
    #[cfg(feature = "full")]
    if let Some(found) = causes::find(arena, step, errno, spec, host) {
        return Some((found.0, [found.1, Word::default()]));
    }
    #[cfg(feature = "full")]
    let step = &match *step {
        Step::CloneByOldCall { flags } | Step::Cgroup(CgroupStep::Clone { flags }) => Step::Clone { flags },
        step => step,
    };
    let mut words = [Word::default(); 2];
    let sentence = match (step, errno) {
        (Step::Clone { .. }, Errno::ENOSPC | Errno::EUSERS) => match exhausted(arena, spec) {
            Some(name) => {
                words[0] = name;
                t!("the limit is 0: sysctl user.max_%_namespaces=10000 allows them")
            }
            None => t!("too many namespaces, or nested too deep (32): see /proc/sys/user/max_*_namespaces"),
        },
        (Step::Clone { .. }, Errno::EPERM) => forbidden(arena, spec, host),
        (Step::Clone { .. } | Step::StartCommand, Errno::EAGAIN) => {
            t!("the limit of processes is reached: see ulimit -u, and pids.max of the cgroup")
        }
        // Its own limit, of which is told what there was.
        #[cfg(feature = "full")]
        (Step::Clone { .. } | Step::StartCommand, Errno::ENOMEM) if spec.memory()[0].flatten().is_some() => {
            return None;
        }
        (Step::Clone { .. } | Step::StartCommand, Errno::ENOMEM) => {
            t!("the machine, its cgroup or its pid namespace has no memory or no process ids left")
        }
        #[cfg(not(feature = "full"))]
        (Step::Clone { .. }, Errno::ENOSYS) => {
            t!("an outer container's filter refuses clone3: start that one with --security-opt seccomp=unconfined")
        }
        (Step::Clone { .. }, Errno::EINVAL) => t!("the kernel lacks one of these namespaces"),
        (Step::WriteMap { .. } | Step::DenySetgroups, Errno::EPERM | Errno::EACCES) => {
            if is_restricted(arena) {
                RESTRICTED
            } else if host.maps_any() {
                t!("the caller's own user namespace does not have all of these ids")
            } else {
                words = [host.uid, host.gid].map(|id| decimal(arena, id.into()));
                t!("an ordinary user can map one id, his own: % as user, % as group")
            }
        }
        (Step::WriteMap { .. }, Errno::EINVAL) => {
            t!("ranges must not overlap, and have at most 340 lines (user_namespaces(7))")
        }
        (Step::WriteMap { .. } | Step::DenySetgroups, Errno::ENOENT) => t!("is /proc mounted?"),
        (Step::MakeInImage { rootfs, .. }, Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
            words[0] = *rootfs;
            t!("% cannot be written: with --overlay it need not be")
        }
        (Step::Mount { kind, .. }, Errno::EPERM) if *kind == word(c"proc") => {
            t!("an outer container hides parts of its /proc: unmask them there, or leave it out with --fs sys,dev")
        }
        #[cfg(feature = "full")]
        (Step::Layer(_), Errno::ENODEV) => NO_FILE_SYSTEM,
        (Step::Mount { .. } | Step::Overlay { .. } | Step::Scratch, Errno::ENODEV) => NO_FILE_SYSTEM,
        #[cfg(feature = "full")]
        (Step::Overlay { .. }, Errno::EINVAL) if spec.kept().is_some() => {
            t!("overlayfs writes to ext4, xfs, btrfs or tmpfs, but not to an overlay")
        }
        (Step::Overlay { lower, .. }, Errno::EINVAL) => {
            words[0] = *lower;
            t!("% may have mounts below it, or a file system that overlayfs does not take")
        }
        (
            Step::MakePrivate | Step::BindRoot { .. } | Step::Mount { .. } | Step::UnshareMounts | Step::Scratch,
            Errno::EPERM,
        ) => {
            if is_restricted(arena) {
                RESTRICTED
            } else {
                t!("an outer container or a security module refuses mounts")
            }
        }
        #[cfg(feature = "full")]
        (Step::Filter { path, .. }, Errno::EINVAL) if !path.is_empty() => {
            t!("the kernel does not take this program: it jumps beyond its end, or looks at what is no part of a call")
        }
        #[cfg(feature = "full")]
        (Step::ExecuteAnew { sealed: true }, Errno::EACCES) if sysctl(arena, word(c"vm/memfd_noexec")) == Some(2) => {
            t!("sysctl vm.memfd_noexec=1 allows it; it takes none where nobody inside may write to this program")
        }
        (Step::MakePrivate | Step::UnshareMounts, Errno::EINVAL) => t!("/ is no mount point, as in a chroot"),
        (_, Errno::ESTALE) => t!("it was replaced meanwhile: name a path that nobody else can change"),
        (Step::LockRootfs { .. }, Errno::EAGAIN) => {
            t!("a process keeps it locked, perhaps a command in it: end that, or use --overlay")
        }
        (Step::BindRoot { .. } | Step::Bind { .. }, Errno::EACCES) => {
            t!("root inside is another user outside, who may not go through every directory above it")
        }
        (Step::Bind { place, .. }, Errno::ENOENT) if place.at == Tree::Root => MISSING,
        #[cfg(feature = "full")]
        (Step::Ids(IdStep::Take { place: Some(_), .. }), Errno::ENOENT) => MISSING,
        #[cfg(feature = "full")]
        (Step::Ids(IdStep::HandOver { idmapped: true, .. }), Errno::EINVAL | Errno::EPERM) => {
            t!("say --userns identity, or leave out :idmap")
        }
        #[cfg(feature = "full")]
        (Step::Device(DeviceStep::HandOver { .. }), Errno::EPERM) => {
            t!("a node takes CAP_MKNOD, and an outer container that allows it: --userns identity does without")
        }
        #[cfg(feature = "full")]
        (Step::Ids(IdStep::ByPrograms { .. }), _) => {
            words = [host.uid, host.gid].map(|id| decimal(arena, id.into()));
            t!("--uid-map 0:%:1 --gid-map 0:%:1 does without")
        }
        #[cfg(feature = "full")]
        (Step::Terminal(_), Errno::ENOSPC) => t!("there are too many: see sysctl kernel.pty.max; --no-tty takes none"),
        (Step::BecomeRoot, Errno::EINVAL) => t!("the user namespace that is joined has no root"),
        #[cfg(feature = "full")]
        (Step::EmptyTree { .. }, Errno::EOVERFLOW) => {
            t!("without ids nobody owns what is made, and what is mounted needs that: say --fs none")
        }
        (Step::SetUser { .. }, Errno::EINVAL) => t!("the ids must be mapped: see --uid-map and --gid-map"),
        #[cfg(feature = "full")]
        (Step::Set(setting), Errno::EPERM | Errno::EACCES) => match setting.what {
            Set::HardLimit { .. } => {
                t!("it is above the caller's own (ulimit -H): ask for less; root may raise it, nofile up to fs.nr_open")
            }
            _ => t!("only root can go below what the caller has"),
        },
        #[cfg(feature = "full")]
        (Step::Denied(_), Errno::EBUSY) => {
            t!("something outside listens to its filter already, and there can be one: leave out --denied")
        }
        #[cfg(feature = "full")]
        (Step::Set(_), Errno::EINVAL) => t!("this process may run on none of these processors: see taskset -p 1"),
        #[cfg(feature = "full")]
        (
            Step::Enter(EnterStep::Clone { .. } | EnterStep::CloneByOldCall { .. } | EnterStep::Move { .. }),
            Errno::EACCES | Errno::EPERM,
        ) => {
            t!(
                "a user moves processes within what is delegated to him alone: begin there, with systemd-run --user --scope"
            )
        }
        #[cfg(feature = "full")]
        (Step::Enter(EnterStep::Join { .. }), Errno::EPERM) => {
            t!("joining a namespace needs privilege over it (setns(2))")
        }
        (Step::OpenNamespace { .. } | Step::Join { .. }, Errno::EPERM | Errno::EACCES) => {
            t!("joining a namespace needs privilege over it (setns(2))")
        }
        _ => return None,
    };
    Some((sentence, words))
}

const NO_FILE_SYSTEM: Sentence = t!("the kernel does not know this file system: is its module loaded?");

/// A number in a file below /proc/sys.
pub(super) fn sysctl(arena: &Arena, name: Word) -> Option<u32> {
    let path = copy(arena, &[b"/proc/sys/", name.bytes()]);
    let text = read_path(arena, path, Open::READ).ok()?;
    number::decimal(text.strip_suffix(b"\n")?)
}

/// ENOSPC at a clone is never the disk: a count of namespaces is full, often because it is 0 (user_namespaces(7)). Gives the
/// name of such a one.
fn exhausted(arena: &Arena, spec: &Spec) -> Option<Word<'static>> {
    for (kind, name, _) in Namespace::ALL {
        let name = match kind {
            Namespace::Mount => word(c"mnt"),
            Namespace::Network => word(c"net"),
            _ => *name,
        };
        let file = text(arena, t!("user/max_%_namespaces"), &[name]);
        if spec.is_private(*kind) && sysctl(arena, file) == Some(0) {
            return Some(name);
        }
    }
    None
}

/// Who forbids a clone.
fn forbidden(arena: &Arena, spec: &Spec, host: &Host) -> Sentence {
    if !spec.is_private(Namespace::User) && host.uid != 0 {
        t!("without a user namespace of its own (--userns private) this needs root")
    } else if host.uid != 0 && sysctl(arena, word(c"kernel/unprivileged_userns_clone")) == Some(0) {
        t!("user namespaces are switched off: sysctl kernel.unprivileged_userns_clone=1 allows them")
    } else {
        t!("user namespaces are forbidden here: by an outer container's filter, by a chroot, or by a security module")
    }
}

const MISSING: Sentence = t!("nothing is created on the host: make the mount point, or mount elsewhere");

const RESTRICTED: Sentence =
    t!("AppArmor restricts user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows them");

/// Ubuntu's AppArmor lets the clone succeed and takes everything from the new namespace.
fn is_restricted(arena: &Arena) -> bool {
    // Else it is one of the causes that are looked for first.
    cfg!(not(feature = "full")) && sysctl(arena, word(c"kernel/apparmor_restrict_unprivileged_userns")) == Some(1)
}
