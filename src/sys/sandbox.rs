//! Seccomp filters (seccomp(2)) and landlock's domains (landlock(7)).

#[cfg(feature = "full")]
use super::errno::opened;
use super::{
    At, Errno, Fd, Result,
    errno::{check, done},
    number,
};
#[cfg(feature = "full")]
use core::mem::size_of;
use core::mem::size_of_val;
use linux_raw_sys::{general as k, landlock as l, prctl as p};

/// One instruction of classic BPF (linux/filter.h `struct sock_filter`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Instruction {
    pub code: u16,
    /// How many instructions to skip if the comparison holds.
    pub then: u8,
    /// How many to skip if it does not.
    pub otherwise: u8,
    pub value: u32,
}

/// linux/filter.h `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    filter: *const Instruction,
}

/// prctl(2) `PR_SET_SECCOMP` with a filter; needs `no_new_privs` or CAP_SYS_ADMIN.
pub fn set_seccomp_filter(filter: &[Instruction]) -> Result<()> {
    let program = Program { length: filter.len() as u16, filter: filter.as_ptr() };
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the program names a live slice and its length, and the kernel copies it during the call.
    done(unsafe { sc::syscall!(PRCTL, p::PR_SET_SECCOMP, mode, &raw const program, 0, 0) })
}

/// seccomp(2) `SECCOMP_SET_MODE_FILTER` with `SECCOMP_FILTER_FLAG_NEW_LISTENER`: what the filter answers with
/// `SECCOMP_RET_USER_NOTIF` is told to the new descriptor, and waits for its answer. EBUSY: a filter that this process has already
/// has such a listener. `steadily`: once it was told only a signal that kills ends the wait (Linux 5.19); else any does, and the
/// call may begin, and be told, anew.
#[cfg(feature = "full")]
pub fn seccomp_listen(filter: &[Instruction], steadily: bool) -> Result<Fd> {
    let program = Program { length: filter.len() as u16, filter: filter.as_ptr() };
    let wait = if steadily { libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV } else { 0 };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | wait;
    // SAFETY: as above. The descriptor is close-on-exec.
    opened(unsafe { sc::syscall!(SECCOMP, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) })
}

/// `struct seccomp_data` as the 32-bit words that a filter loads: the number, the architecture, where the call was made, and its
/// arguments.
#[cfg(feature = "full")]
pub type Call = [u32; 16];

/// `struct seccomp_notif` (seccomp_unotify(2)).
#[cfg(feature = "full")]
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Notification {
    pub id: u64,
    pid: u32,
    flags: u32,
    pub call: Call,
}

/// `struct seccomp_notif_resp`.
#[cfg(feature = "full")]
#[repr(C)]
struct Response {
    id: u64,
    val: i64,
    error: i32,
    flags: u32,
}

/// ioctl(2) `SECCOMP_IOCTL_NOTIF_RECV` of a call that waits. ENOENT: its process has ended meanwhile.
#[cfg(feature = "full")]
pub fn receive_notification(listener: At) -> Result<Notification> {
    const { assert!(size_of::<Notification>() == size_of::<libc::seccomp_notif>()) };
    let (listener, request) = (number(listener.number()), libc::SECCOMP_IOCTL_NOTIF_RECV);
    let mut notification = Notification::default();
    // SAFETY: the kernel writes one such structure, whose size is part of the request, over zeros, as it wants it.
    done(unsafe { sc::syscall!(IOCTL, listener, request, &raw mut notification) })?;
    Ok(notification)
}

/// ioctl(2) `SECCOMP_IOCTL_NOTIF_SEND`: the call fails with this error; 0: it gives 0, and nothing was done. ENOENT: its process
/// has ended meanwhile.
#[cfg(feature = "full")]
pub fn answer_notification(listener: At, id: u64, errno: u16) -> Result<()> {
    const { assert!(size_of::<Response>() == size_of::<libc::seccomp_notif_resp>()) };
    let (listener, request) = (number(listener.number()), libc::SECCOMP_IOCTL_NOTIF_SEND);
    let response = Response { id, val: 0, error: -i32::from(errno), flags: 0 };
    // SAFETY: the kernel reads one such structure.
    done(unsafe { sc::syscall!(IOCTL, listener, request, &raw const response) })
}

/// A set of landlock's scopes or of its rights to files: bits of linux/landlock.h.
pub type Landlocked = u32;

/// `LANDLOCK_SCOPE_*`: beyond the domain no abstract socket can be reached, and no process be sent a signal.
pub const SCOPE_SOCKETS: Landlocked = l::LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET;
pub const SCOPE_SIGNALS: Landlocked = l::LANDLOCK_SCOPE_SIGNAL;

/// landlock_create_ruleset(2): what a domain will forbid. E2BIG: the kernel is older than the scopes.
pub fn landlock_create_ruleset(files: Landlocked, scopes: Landlocked) -> Result<Fd> {
    let rules =
        l::landlock_ruleset_attr { handled_access_fs: files.into(), handled_access_net: 0, scoped: scopes.into() };
    // SAFETY: `rules` outlives the call, and the size given is its own.
    check(unsafe {
        sc::syscall3(k::__NR_landlock_create_ruleset as usize, &raw const rules as usize, size_of_val(&rules), 0)
    })
    .map(Fd::new)
}

/// What landlock may know of files and directories (`LANDLOCK_ACCESS_FS_*`), in its versions: creation and removal are
/// rights over the directory.
pub mod rights {
    use super::{Landlocked, l};

    /// To list a directory.
    pub const LIST: Landlocked = l::LANDLOCK_ACCESS_FS_READ_DIR;
    /// To read and to execute.
    pub const READ: Landlocked = l::LANDLOCK_ACCESS_FS_EXECUTE | l::LANDLOCK_ACCESS_FS_READ_FILE | LIST;
    /// What the contents of a file are written with.
    pub const WRITE: Landlocked = l::LANDLOCK_ACCESS_FS_WRITE_FILE | l::LANDLOCK_ACCESS_FS_TRUNCATE;
    /// To control a device, which is part of reading it and of writing it.
    pub const CONTROL: Landlocked = l::LANDLOCK_ACCESS_FS_IOCTL_DEV;
    /// Those that a file has which is no directory.
    pub const FILE: Landlocked = l::LANDLOCK_ACCESS_FS_EXECUTE
        | l::LANDLOCK_ACCESS_FS_READ_FILE
        | l::LANDLOCK_ACCESS_FS_WRITE_FILE
        | l::LANDLOCK_ACCESS_FS_TRUNCATE
        | l::LANDLOCK_ACCESS_FS_IOCTL_DEV;

    /// All that this version knows.
    pub const fn all(version: usize) -> Landlocked {
        // Each new one is the next bit.
        let first_unknown = match version {
            0 | 1 => l::LANDLOCK_ACCESS_FS_REFER,
            2 => l::LANDLOCK_ACCESS_FS_TRUNCATE,
            3 | 4 => l::LANDLOCK_ACCESS_FS_IOCTL_DEV,
            _ => l::LANDLOCK_ACCESS_FS_IOCTL_DEV << 1,
        };
        first_unknown - 1
    }
}

/// landlock_add_rule(2): allows these rights to what a descriptor is open on, and to all below it.
pub fn landlock_allow(ruleset: At, rights: Landlocked, file: At) -> Result<()> {
    let rule = l::landlock_path_beneath_attr { allowed_access: rights.into(), parent_fd: file.number() };
    let kind = l::landlock_rule_type::LANDLOCK_RULE_PATH_BENEATH as usize;
    // SAFETY: `rule` is what this kind of rule takes, and outlives the call.
    done(unsafe {
        let (number, ruleset) = (k::__NR_landlock_add_rule as usize, number(ruleset.number()));
        sc::syscall4(number, ruleset, kind, &raw const rule as usize, 0)
    })
}

/// landlock_restrict_self(2): this process enters a new domain, and so do its children; needs `no_new_privs` or
/// CAP_SYS_ADMIN.
pub fn landlock_restrict_self(ruleset: At) -> Result<()> {
    // SAFETY: the arguments are numbers.
    done(unsafe { sc::syscall2(k::__NR_landlock_restrict_self as usize, number(ruleset.number()), 0) })
}

/// landlock_create_ruleset(2): which version of landlock this kernel has.
pub fn landlock_version() -> Result<usize> {
    let flags = l::LANDLOCK_CREATE_RULESET_VERSION as usize;
    // SAFETY: with this flag the call takes no structure.
    check(unsafe { sc::syscall3(k::__NR_landlock_create_ruleset as usize, 0, 0, flags) })
}

/// System calls without which there is no container. Those after `close_range` the kernel itself may refuse with EPERM,
/// whatever their arguments are.
pub const CALLS: &str = "clone3 clone unshare setns mount open_tree mount_setattr openat2 close_range \
    fsopen fsmount move_mount pivot_root";
/// How many they are.
pub const COUNT: usize = 13;
const NUMBERS: [u32; COUNT] = [
    k::__NR_clone3,
    k::__NR_clone,
    k::__NR_unshare,
    k::__NR_setns,
    k::__NR_mount,
    k::__NR_open_tree,
    k::__NR_mount_setattr,
    k::__NR_openat2,
    k::__NR_close_range,
    k::__NR_fsopen,
    k::__NR_fsmount,
    k::__NR_move_mount,
    k::__NR_pivot_root,
];

/// How many of `CALLS` answer for themselves.
pub const DECISIVE: usize = 9;

/// Makes the one of `CALLS` at this place with nonsense for arguments. The kernel finds fault with these, so an answer that
/// it would not give itself is that of a filter.
pub fn answer_to_nonsense(place: usize) -> Option<Errno> {
    const NONE: usize = usize::MAX;
    let number = *NUMBERS.get(place)? as usize;
    // SAFETY: no address is one, no descriptor and no set of flags is valid for any of these calls, so that each ends at its
    // checks.
    check(unsafe { sc::syscall6(number, NONE, NONE, NONE, NONE, NONE, NONE) }).err()
}

/// getppid(2) with arguments, which it has none of: a call for a filter to look at.
#[cfg(test)]
pub(crate) fn getppid_with(arguments: [usize; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the kernel looks at none of them.
    check(unsafe { sc::syscall!(GETPPID, a, b, c, d, e, f) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_number_and_finds_fault_with_nonsense() {
        assert_eq!(CALLS.split(' ').count(), NUMBERS.len());
        for (place, name) in CALLS.split(' ').enumerate() {
            let answer = answer_to_nonsense(place).expect(name);
            let itself = [Errno::EINVAL, Errno::E2BIG, Errno::EFAULT, Errno::EBADF].contains(&answer);
            assert!(itself || place >= DECISIVE && answer == Errno::EPERM, "{name}: {answer:?}");
        }
        assert_eq!(answer_to_nonsense(NUMBERS.len()), None);
    }

    #[test]
    fn each_version_of_landlock_knows_the_rights_up_to_its_last() {
        let last = |version| 1 << (u32::BITS - 1 - rights::all(version).leading_zeros());
        for (version, right) in [
            (1, l::LANDLOCK_ACCESS_FS_MAKE_SYM),
            (2, l::LANDLOCK_ACCESS_FS_REFER),
            (3, l::LANDLOCK_ACCESS_FS_TRUNCATE),
            (4, l::LANDLOCK_ACCESS_FS_TRUNCATE),
            (5, l::LANDLOCK_ACCESS_FS_IOCTL_DEV),
            (7, l::LANDLOCK_ACCESS_FS_IOCTL_DEV),
        ] {
            assert_eq!((last(version), (rights::all(version) + 1).count_ones()), (right, 1), "{version}");
        }
    }
}
