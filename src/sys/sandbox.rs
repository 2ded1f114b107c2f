//! Seccomp filters (seccomp(2)) and landlock's domains (landlock(7)).

use super::{
    At, Fd, Result,
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
