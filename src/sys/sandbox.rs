//! Seccomp filters (seccomp(2)) and landlock's domains (landlock(7)).

use super::{
    At, Errno, Fd, Result,
    errno::{check, done},
    number,
};
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
}
