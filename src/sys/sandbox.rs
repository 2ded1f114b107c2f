//! Seccomp filters (seccomp(2)).

use super::{Result, errno::done};
use linux_raw_sys::prctl as p;

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
