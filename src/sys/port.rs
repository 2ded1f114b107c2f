//! The ports of x86, with which a program speaks to a device that is in no memory (ioperm(2), outb(2)). Other machines have none.

use super::Result;
#[cfg(target_arch = "x86_64")]
use super::{errno::done, number};

/// ioperm(2): this process may write to a port. ENOSYS where there are none.
#[cfg(target_arch = "x86_64")]
pub fn allow(port: u16) -> Result<()> {
    // SAFETY: every argument is a number.
    done(unsafe { sc::syscall!(IOPERM, number(u32::from(port)), 1, 1) })
}

/// outb(2) to a port that this process has been allowed.
#[cfg(target_arch = "x86_64")]
pub fn write(port: u16, byte: u8) {
    // SAFETY: the instruction writes to a device, not to memory, and the kernel lets only who was allowed to do so.
    unsafe { core::arch::asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack, preserves_flags)) }
}

#[cfg(not(target_arch = "x86_64"))]
pub fn allow(_: u16) -> Result<()> {
    Err(super::Errno::ENOSYS)
}

#[cfg(not(target_arch = "x86_64"))]
pub fn write(_: u16, _: u8) {}
