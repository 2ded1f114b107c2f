//! Failures that change nothing or that are told as something else, each with its reason. A row that no case needs any more fails
//! the tests, when all cases are run.

use crate::calls::{self, INJECTED};
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

/// A call, the errors, what it is about, and why it is as it is. `*` stands for any text, once.
pub type Row = (&'static str, &'static [i32], &'static str, &'static str);

/// Whatever it fails with.
const ANY: &[i32] = &INJECTED;
const EPERM: &[i32] = &[libc::EPERM];
const EINTR: &[i32] = &[libc::EINTR];

/// Calls of which each is a wall around the command, or a part of one: nothing goes on without it but for what `UNWALLED` has, told or not.
const WALLS: &[(&str, &str)] = &[
    ("mount_setattr", "*"),
    ("move_mount", "*"),
    ("pivot_root", "*"),
    ("landlock_create_ruleset", ""),
    ("landlock_restrict_self", "*"),
    ("prctl", "22"), // PR_SET_SECCOMP
    ("prctl", "24"), // PR_CAPBSET_DROP
    ("prctl", "38"), // PR_SET_NO_NEW_PRIVS
    ("prctl", "47"), // PR_CAP_AMBIENT
    ("capset", "*"),
    ("personality", "*"),
    ("seccomp", "*"),
    ("setgroups", "*"),
    ("setresgid", "*"),
    ("setresuid", "*"),
    ("setsid", "*"),
    ("keyctl", "*"),
];

/// The run goes on without a wall, or with another: none of these is for any error.
pub const UNWALLED: &[Row] = &[
    ("keyctl", EPERM, "1", "the caller's filter refuses keyrings"),
    ("personality", EPERM, "", "likewise: there is the caller's, mostly the usual one"),
    ("landlock_create_ruleset", EPERM, "", "the caller's filter refuses landlock, which is a second wall"),
    ("landlock_restrict_self", EPERM, "", "likewise"),
    ("move_mount", EPERM, "/sys", "the host's sysfs is bound, read-only"),
    ("move_mount", EPERM, "/sys fs/cgroup", "no view of the control groups"),
    ("move_mount", EPERM, "/sys/fs/cgroup *", "likewise"),
    ("mount_setattr", EPERM, "/sys/fs/cgroup", "likewise"),
];

/// The run goes on as if nothing had happened.
pub const SAME: &[Row] = &[
    (
        "fcntl",
        ANY,
        "/dev/null",
        "a standard stream of which nothing is known is taken for closed, and is open all the same",
    ),
    ("fcntl", ANY, "/null", "likewise: the same by a mount of its own"),
    ("fcntl", ANY, "pipe:[N]", "likewise"),
    ("fcntl", ANY, "FOLDER/log", "likewise"),
    ("newfstatat", ANY, "/dev/null", "a stream of which nothing is known cannot be opened anew below landlock"),
    ("newfstatat", ANY, "/null", "likewise"),
    ("newfstatat", ANY, "pipe:[N]", "likewise"),
    ("newfstatat", ANY, "FOLDER/log", "likewise"),
    ("landlock_add_rule", ANY, "/dev/null", "likewise"),
    ("landlock_add_rule", ANY, "/null", "likewise"),
    ("landlock_add_rule", ANY, "pipe:[N]", "likewise"),
    ("landlock_add_rule", ANY, "FOLDER/log", "likewise"),
    ("landlock_create_ruleset", EPERM, "version", "the caller's filter refuses landlock, which is a second wall"),
    ("ioctl", ANY, "/dev/null", "what does not answer is no terminal"),
    ("ioctl", ANY, "pipe:[N]", "likewise"),
    ("fstatfs", ANY, "/dev/null", "what does not answer is no pipe"),
    ("fstatfs", ANY, "pipe:[N]", "likewise"),
    ("fstatfs", ANY, "ROOTFS", "the table of mounts tells it too"),
    ("fchmod", EPERM, "pipe:[N]", "another's pipe, which root inside cannot open anew"),
    ("statfs", ANY, "/proc/self/exe", "a program that may be written to is executed anew"),
    ("newfstatat", ANY, "/proc/self/exe", "likewise"),
    ("open_tree", EPERM, "/proc/self/exe", "it is executed from a copy in memory"),
    ("mount_setattr", EPERM, "/proc/self/exe", "likewise"),
    ("execveat", EPERM, "", "likewise"),
    ("newfstatat", ANY, "/proc/self/ns/user", "the maps tell it too"),
    ("newfstatat", ANY, "ROOTFS/etc/resolv.conf", "a mount point of which nothing is known keeps its own times"),
    ("newfstatat", ANY, "/usr/bin/new*idmap", "as where these programs are missing: the user has his own id"),
    ("statfs", ANY, "/usr/bin/new*idmap", "likewise"),
    ("openat", ANY, "/etc/passwd", "a user who is not there has no ranges by name"),
    ("read", ANY, "/etc/passwd", "likewise"),
    ("openat", ANY, "/etc/sub*", "no ranges: the user has his own id"),
    ("read", ANY, "/etc/sub*", "likewise"),
    ("newfstatat", ANY, "/etc/resolv.conf", "as where the host has none"),
    ("openat", ANY, "/etc/hosts", "likewise"),
    ("read", ANY, "/etc/hosts", "likewise"),
    ("getrandom", ANY, "", "the search for a range begins with the first"),
    (
        "openat",
        EPERM,
        "/proc/sys/kernel/cad_pid",
        "nobody can lock a range: root inside is root outside, as on such a machine",
    ),
    ("munmap", ANY, "", "memory that is not given back"),
    ("madvise", ANY, "", "likewise"),
    ("clone3", EPERM, "", "the older call serves"),
    ("socketpair", EPERM, "", "likewise, with a pair of its own"),
    ("write", EINTR, "/hosts", "once more"),
    ("write", EINTR, "/run/aril/*/state", "likewise"),
    ("write", EINTR, "FOLDER/aril/*/state", "likewise"),
    ("write", EINTR, "FOLDER/pid", "likewise"),
    ("write", EINTR, "pipe:[N]", "likewise"),
    ("recvmsg", EINTR, "", "likewise"),
    ("recvfrom", ANY, "", "the other end is at its end: its process is waited for"),
    ("ppoll", ANY, "", "exec waits for the message itself"),
    ("signalfd4", ANY, "", "likewise"),
    ("rt_sigtimedwait", ANY, "", "the time was up, or a signal came: once more"),
    ("kill", ANY, "1", "nobody is left"),
    ("utimensat", EPERM, "ROOTFS/etc*", "an image that cannot be written has no such mount point"),
    ("mknodat", EPERM, "ROOTFS/etc resolv.conf", "likewise"),
    ("mknodat", EPERM, "/etc resolv.conf", "likewise"),
    ("openat", EPERM, "ROOTFS .", "likewise"),
    ("openat", EPERM, "ROOTFS etc", "likewise"),
    ("openat", EPERM, "ROOTFS/etc resolv.conf", "likewise"),
    ("openat", EPERM, "/ .", "likewise"),
    ("openat", EPERM, "/ etc", "likewise"),
    ("openat", EPERM, "/etc resolv.conf", "likewise"),
    ("newfstatat", EPERM, "ROOTFS/etc", "likewise"),
    ("newfstatat", EPERM, "/etc", "likewise"),
    ("openat2", EPERM, "ROOTFS /etc/resolv.conf", "likewise"),
    ("openat2", EPERM, "/ /etc/*", "likewise"),
    ("openat2", EPERM, "/ /sys", "the host's is bound"),
    ("fsopen", EPERM, "sysfs", "the host's is bound"),
    ("fsconfig", EPERM, "", "likewise"),
    ("fsmount", EPERM, "", "likewise"),
    ("fsopen", EPERM, "cgroup*", "no view of the control groups"),
    ("fsopen", EPERM, "tmpfs", "likewise"),
    ("fsconfig", EPERM, "m*", "likewise"),
    ("fsconfig", EPERM, "pids", "likewise"),
    ("mkdirat", EPERM, "/sys/fs/cgroup *", "likewise"),
    ("openat", ANY, "FOLDER/image .", "a file is no empty directory"),
    ("newfstatat", ANY, "/sys/fs/cgroup/*", "what is not seen is made, and is there"),
    ("statx", ANY, "/sys/fs/cgroup/*", "a hierarchy that is not seen is not used, if it is not needed"),
    ("mkdirat", EPERM, "/sys/fs/cgroup/*", "a group that nothing asks for is not made"),
    ("fchmod", EPERM, "/sys/fs/cgroup/*", "likewise"),
    ("getdents64", EPERM, "/sys/fs/cgroup/*", "of dead ones the next run sweeps"),
    ("flock", EPERM, "/sys/fs/cgroup/*/cgroup.kill", "likewise"),
    (
        "openat",
        ANY,
        "/sys/fs/cgroup/*/cgroup.subtree_control",
        "a controller that is not seen is not used, if it is not needed",
    ),
    ("read", ANY, "/sys/fs/cgroup/*/cgroup.subtree_control", "likewise"),
    ("openat", ANY, "/sys/fs/cgroup/*/cgroup.controllers", "likewise"),
    ("read", ANY, "/sys/fs/cgroup/*/cgroup.controllers", "likewise"),
    ("openat", ANY, "/sys/fs/cgroup/*/X", "exec only tells that a container is frozen"),
    ("openat", ANY, "/sys/fs/cgroup/*/X cgroup.freeze", "likewise"),
    ("read", ANY, "/sys/fs/cgroup/*/X/cgroup.freeze", "likewise"),
    ("openat", ANY, "/sys/fs/cgroup/*/X freezer.state", "likewise"),
    ("openat", EPERM, "/sys/fs/cgroup/*", "a group that nothing asks for is not made"),
    ("flock", ANY, "unlock /run/aril", "a lock that is not given up goes with its descriptor"),
    ("flock", ANY, "unlock FOLDER/aril", "likewise"),
    ("fchownat", EPERM, "/*", "an owner who is not mapped; the caller's own will do"),
    ("openat", ANY, "/proc N/stat", "a process of which nothing is known is recorded as gone"),
    ("read", ANY, "/proc/N/stat", "likewise"),
    ("newfstatat", ANY, "*/echo", "not there, or not known: the next directory is searched"),
    ("chdir", ANY, "/", "a directory that is held"),
    ("close_range", ANY, "", "descriptors that are held"),
    ("prctl", ANY, "36", "no subreaper: orphans go elsewhere"),
    ("prctl", ANY, "15", "what ps calls it, where it was executed by a descriptor"),
    ("openat", ANY, "/proc/thread-self/children", "what is left lives on"),
    ("pread64", ANY, "/proc/N/task/N/children", "likewise"),
    ("setpgid", ANY, "", "the command is in the caller's group"),
];

/// Likewise, where one of the streams is a terminal.
pub const SAME_OF_TERMINAL: &[Row] = &[
    ("fcntl", ANY, "/dev/pts/*", "as of any standard stream"),
    ("fstatfs", ANY, "/dev/pts/*", "likewise"),
    ("newfstatat", ANY, "/dev/pts/*", "likewise"),
    ("landlock_add_rule", ANY, "/dev/pts/*", "likewise"),
    ("newfstatat", ANY, "*/sh", "not there, or not known: the next directory is searched"),
    ("ioctl", ANY, "/dev/pts/*", "what does not answer is no terminal, or is left as it is"),
    ("ioctl", ANY, "/ptmx", "likewise"),
    ("openat", ANY, "/proc/self/fd/0", "it is read as the caller has opened it"),
    ("epoll_pwait", ANY, "", "it is told once more"),
];

/// The same of the machine's own root: a part of it that is not seen is not shown.
pub const SAME_OF_VIEW: &[Row] = &[
    ("newfstatat", ANY, "/*", "it is not shown"),
    ("readlinkat", ANY, "/*", "likewise"),
    ("openat", ANY, "/mnt*", "likewise"),
    ("getdents64", ANY, "/*", "likewise"),
    ("statx", ANY, "/*", "likewise"),
];

const BUT_ENOMEM: &[i32] = &[libc::EPERM, libc::EINTR, libc::ENOSPC, libc::EMFILE];

/// Another reason is told than the call's, or none of the usual statuses.
pub const OTHERWISE: &[Row] = &[
    ("mmap", BUT_ENOMEM, "", "ENOMEM, whatever it is: without memory no text can be put together"),
    ("statx", ANY, "/sys/fs/cgroup/memory", "a hierarchy that is not seen is none"),
    ("statx", ANY, "/sys/fs/cgroup/pids", "likewise"),
    ("fchownat", EPERM, "/ upper0", "the upper directory is the caller's, and what needs root's fails later"),
];

/// Likewise, of the machine's own root.
pub const OTHERWISE_OF_VIEW: &[Row] = &[
    ("statx", ANY, "/*", "a part of the machine that is not seen is not shown"),
    ("newfstatat", ANY, "/*", "likewise"),
    ("getdents64", ANY, "/", "likewise"),
    ("readlinkat", ANY, "/lib*", "likewise"),
    ("openat", ANY, "/", "likewise"),
];

/// What comes out so only if one process is faster than another: no run needs it.
pub const RACES: &[Row] = &[(
    "recvfrom",
    ANY,
    "",
    "PID 1 has ended before it was told to go, and the launcher looked for its namespaces first",
)];

/// Something is left until the next run.
pub const LEAVES: &[Row] = &[
    ("utimensat", ANY, "ROOTFS/etc/resolv.conf", "the time of a directory is lost with whoever was to restore it"),
    ("openat", ANY, "ROOTFS/etc resolv.conf", "likewise"),
    ("mmap", ANY, "", "without memory nothing can be removed"),
];

/// What a call is about, what the message says in its place, and why that tells more. `*` as in a row.
type Naming = (&'static str, &'static str, &'static str);

/// Else a message names what the call was about.
pub const NAMED: &[Naming] = &[
    ("/ lower*", "overlay of ", "the scratch's own names tell nothing; whose overlay it is does"),
    ("/ upper*", "overlay of ", "likewise"),
    ("/ work*", "overlay of ", "likewise"),
    ("*dir", "overlay of ", "likewise, options of it"),
    ("userxattr", "overlay of ", "likewise"),
    ("mode", "mount a tmpfs ", "an option of its own choice"),
    ("mode", "which hide others, below /proc", "likewise"),
    ("tmpfs", "which hide others, below /proc", "what it is for"),
    ("/ hosts", "which hide others, below /proc", "a file of the container's own lies there too"),
    ("/hosts", "which hide others, below /proc", "likewise"),
    ("/proc/self/exe", "execute this program anew", "it is this program"),
    ("/dev/null", "leave the caller's standard streams", "what takes their place"),
    ("/dev/pts/*", "make it the session's terminal", "the container's own"),
    ("/dev/pts/*", "in the terminal's foreground", "likewise"),
    ("FOLDER/log", "leave the caller's standard streams", "likewise, named before"),
    ("/dev/null", "open the log FOLDER/log", "opened with it"),
    ("/proc/*", "look into the container NAME", "files of proc that tell of it"),
    ("/proc/*", "look which namespaces these are", "likewise"),
    ("/proc/*", "open the container's process N", "likewise"),
    ("/proc*", "take the name NAME in ", "it has to be known who has it"),
    ("/dev/loop*", "mount the image FOLDER/image", "the device that is taken for it"),
    ("source", "mount the image FOLDER/image", "likewise"),
    ("ROOTFS .", "in the image", "there is one"),
    ("*/NAME/state", "record the processes, the command line and the environment", "there is one record of a run"),
    ("*", "show the container's control groups", "what it is made of"),
    ("/proc *", "hide /sys/", "what hides it lies below /proc"),
    ("/proc/sys/kernel/cad_pid", "lock the unused", "any file would do that every process can open"),
    ("/sys/fs/cgroup/*", "move the new process into its control groups", "there may be one in each hierarchy"),
    ("/sys/fs/cgroup/*", "remove the container's control groups", "likewise"),
    ("/sys/fs/cgroup/*", "clone into the container's control groups", "likewise"),
    ("FOLDER/pid", "tell of the end of NAME", "whom, the caller has said: --status-fd, --stats, --pidfile"),
    ("*/aril", "tell of the end of NAME", "the directory of all records"),
];

static NEEDED: Mutex<BTreeSet<(usize, i32)>> = Mutex::new(BTreeSet::new());

/// The row that fits a call and its error.
pub fn find(table: &'static [Row], seen: &Seen, errno: i32) -> Option<&'static Row> {
    let fits = |(call, errors, object, _): &&Row| errors.contains(&errno) && is_about(seen, call, object);
    let row = table.iter().find(fits)?;
    NEEDED.lock().expect("no holder panics").insert(((&raw const *row).addr(), errno));
    Some(row)
}

/// Whether nothing may go on without it.
pub fn is_wall(seen: &Seen) -> bool {
    // This program once more (`SAME`) is not what the command runs in.
    let is_program = seen.object == "/proc/self/exe";
    !is_program && WALLS.iter().any(|(call, object)| is_about(seen, call, object))
}

/// Whether a message names what a call was about, if a person could know it: a part of its path, or what it was given.
pub fn names(object: &str, message: &str) -> bool {
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|character: char| !character.is_alphanumeric() && !"._-+".contains(character));
        words
            .filter(|word| word.len() > 1 && !word.bytes().all(|byte| byte.is_ascii_digit()))
            .map(str::to_string)
            .collect()
    };
    let message = message.strip_prefix("aril: ").unwrap_or(message);
    // A pipe, a socket and their like have no name, nor has what is passed as a number.
    let parts = words(object);
    if object.contains(":[") || parts.is_empty() || !parts.is_disjoint(&words(message)) {
        return true;
    }
    let Some(row) = NAMED.iter().find(|(pattern, says, _)| fits(object, pattern) && message.contains(says)) else {
        return false;
    };
    NEEDED.lock().expect("no holder panics").insert(((&raw const *row).addr(), 0));
    true
}

fn fits(object: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => object == pattern,
        Some((start, end)) => object.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

fn is_about(seen: &Seen, call: &str, object: &str) -> bool {
    fits(&seen.object, object) && calls::name(seen.point.call) == call
}

/// What nothing has needed of `NAMED`.
pub fn idle_namings() -> Vec<&'static Naming> {
    let needed = NEEDED.lock().expect("no holder panics");
    NAMED.iter().filter(|row| !needed.contains(&((&raw const **row).addr(), 0))).collect()
}

/// The errors of rows that nothing has needed.
pub fn idle() -> Vec<(&'static Row, &'static str)> {
    let needed = NEEDED.lock().expect("no holder panics");
    let tables = [UNWALLED, SAME, SAME_OF_VIEW, OTHERWISE, OTHERWISE_OF_VIEW, LEAVES];
    let errors = tables.into_iter().flatten().flat_map(|row| row.1.iter().map(move |errno| (row, *errno)));
    let idle = errors.filter(|(row, errno)| !needed.contains(&((&raw const **row).addr(), *errno)));
    idle.map(|(row, errno)| (row, calls::error(errno))).collect()
}
