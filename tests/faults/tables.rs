//! Failures that change nothing or that are told as something else, each with its reason. A row that no case needs any more fails
//! the tests, when all cases are run.

use crate::calls;
use crate::tracer::Seen;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// What the kernel never refuses to a program whose arguments are sound, so that nothing is learned from it.
pub struct Never {
    pub calls: &'static str,
    /// Only in an init.
    pub init_alone: bool,
    #[allow(dead_code, reason = "for the reader")]
    pub why: &'static str,
}

const fn never(calls: &'static str, why: &'static str) -> Never {
    Never { calls, init_alone: false, why }
}

pub const NEVER: &[Never] = &[
    never("exit exit_group", "they do not come back"),
    never("close", "it closes, whatever it answers (close(2))"),
    never("getpid getppid geteuid getegid umask setfsuid setfsgid", "they have no errors"),
    never("rt_sigprocmask rt_sigaction clock_gettime uname", "their errors are all about arguments"),
    never("waitid", "ECHILD alone, with WNOHANG"),
    Never { calls: "wait4", init_alone: true, why: "likewise" },
];

/// A call, what its object has in it, and why it is as it is.
pub type Row = (&'static str, &'static str, &'static str);

/// The run goes on as if nothing had happened.
pub const SAME: &[Row] = &[
    ("fcntl", "", "a standard stream of which nothing is known is taken for closed, and is open all the same"),
    ("ioctl", "", "what does not answer is no terminal"),
    ("getpgid", "", "a process group matters at a terminal"),
    ("statfs", "/proc/self/exe", "a program that may be written to is executed anew"),
    ("open_tree", "/proc/self/exe", "a child that may copy it is asked"),
    ("mount_setattr", "/", "likewise"),
    ("newfstatat", "/proc/self/ns/user", "the maps tell it too"),
    ("newfstatat", "/etc/resolv.conf", "as where the host has none"),
    ("newfstatat", "idmap", "as where these programs are missing: the user has his own id"),
    ("statfs", "idmap", "likewise"),
    ("openat", "/etc/passwd", "a user who is not there has no ranges by name"),
    ("read", "/etc/passwd", "likewise"),
    ("openat", "/etc/sub", "no ranges: the user has his own id"),
    ("read", "/etc/sub", "likewise"),
    ("openat", "/etc/hosts", "as where the host has none"),
    ("read", "/etc/hosts", "likewise"),
    ("write", "/hosts", "likewise"),
    ("getrandom", "", "the search for a range begins with the first"),
    ("fstatfs", "", "what does not answer is no pipe"),
    ("fchmod", "pipe", "EPERM: another's pipe, which root inside cannot open anew"),
    ("fchmod", "/sys/fs/cgroup", "EPERM: a group that nothing asks for is not made"),
    ("write", "", "EINTR: once more"),
    ("munmap", "", "memory that is not given back"),
    ("madvise", "", "likewise"),
    ("clone3", "", "EPERM: the older call serves"),
    ("socketpair", "", "EPERM: likewise, with a pair of its own"),
    ("ppoll", "", "EINTR: once more; exec waits for the message itself"),
    ("signalfd4", "", "exec waits for the message itself"),
    ("recvfrom", "", "EINTR: once more"),
    ("recvmsg", "", "likewise"),
    ("utimensat", "", "EPERM: an image that cannot be written has no such mount point"),
    ("mknodat", "", "likewise"),
    ("openat", "ROOTFS", "likewise"),
    ("newfstatat", "ROOTFS", "likewise"),
    ("newfstatat", "/sys/fs/cgroup", "what is not seen is made, and is there"),
    ("statx", "/sys/fs/cgroup", "a hierarchy that is not seen is not used, if it is not needed"),
    ("openat", "/sys/fs/cgroup", "of dead ones the next run sweeps"),
    ("read", "/sys/fs/cgroup", "likewise"),
    ("flock", "/sys/fs/cgroup", "likewise"),
    ("mkdirat", "/sys/fs/cgroup", "EPERM: a group that nothing asks for is not made"),
    ("flock", "/aril", "a lock that is not given up goes with its descriptor"),
    ("fchownat", "", "EPERM: an owner who is not mapped; the caller's own will do"),
    ("read", "/stat", "a process of which nothing is known is recorded as gone"),
    ("getdents64", "/sys/fs/cgroup", "likewise"),
    ("fsopen", "", "EPERM: the host's is bound; or no view of the control groups"),
    ("fsconfig", "", "likewise"),
    ("fsmount", "", "likewise"),
    ("move_mount", "", "likewise"),
    ("keyctl", "", "EPERM: the caller's filter refuses keyrings"),
    ("landlock_create_ruleset", "", "EPERM: as without landlock"),
    ("landlock_restrict_self", "", "likewise"),
    ("openat2", "/", "EPERM: an image that has no place for it"),
    ("newfstatat", "echo", "not there, or not known: the next directory is searched"),
    ("newfstatat", "/", "a part of the machine that is not seen is not shown"),
    ("readlinkat", "/", "likewise"),
    ("openat", "/", "likewise"),
    ("getdents64", "/", "likewise"),
    ("statx", "/", "likewise"),
    ("newfstatat", "", "a secret that is not there is not hidden"),
    ("rt_sigtimedwait", "", "the time was up, or a signal came: once more"),
    ("kill", "", "nobody is left"),
    ("chdir", "/", "a directory that is held"),
    ("close_range", "", "descriptors that are held"),
    ("prctl", "36", "no subreaper: orphans go elsewhere"),
    ("pread64", "/children", "what is left lives on"),
    ("setpgid", "", "the command is in the caller's group"),
];

/// Another reason is told than the call's, or none of the usual statuses.
pub const OTHERWISE: &[Row] = &[
    ("mmap", "", "ENOMEM, whatever it is: without memory no text can be put together"),
    ("openat", "/proc/sys/kernel/cad_pid", "EPERM: root inside is root outside, as it says"),
    ("statx", "/sys/fs/cgroup", "a hierarchy that is not seen is none"),
    ("statfs", "/proc/self/exe", "a program that may be written to is executed anew, which fails where it need not be"),
    ("statx", "/", "a part of the machine that is not seen is not shown"),
    ("newfstatat", "/", "likewise"),
    ("getdents64", "/", "likewise"),
    ("readlinkat", "/", "likewise"),
    ("openat", "/", "likewise"),
    ("fchownat", "", "EPERM: the upper directory is the caller's, and what needs root's fails later"),
];

/// Something is left until the next run.
pub const LEAVES: &[Row] = &[
    ("utimensat", "", "the time of a directory is lost with whoever was to restore it"),
    ("openat", "ROOTFS/etc", "likewise"),
    ("mmap", "", "without memory nothing can be removed"),
];

static NEEDED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// The row that fits a call.
pub fn find(table: &'static [Row], seen: &Seen) -> Option<&'static Row> {
    let name = calls::name(seen.point.call);
    let row = table.iter().find(|(call, object, _)| *call == name && seen.object.contains(object))?;
    NEEDED.lock().expect("no holder panics").insert((&raw const *row).addr());
    Some(row)
}

/// The rows that nothing has needed.
pub fn idle() -> Vec<&'static Row> {
    let needed = NEEDED.lock().expect("no holder panics");
    let rows = [SAME, OTHERWISE, LEAVES].into_iter().flatten();
    rows.filter(|row| !needed.contains(&(&raw const **row).addr())).collect()
}
