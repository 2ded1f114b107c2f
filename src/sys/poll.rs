//! Waiting for descriptors (ppoll(2)) and the clock (clock_gettime(2)).

use super::{At, Result, errno::check};
use core::mem::MaybeUninit;
use core::ptr::null;
use linux_raw_sys::general as k;

/// What happened on a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// Something can be read.
    pub readable: bool,
    /// The other end is gone.
    pub hung_up: bool,
}

/// ppoll(2): waits until one of two descriptors has something; at once if `wait` is false.
pub fn poll2(fds: [At; 2], wait: bool) -> Result<[Ready; 2]> {
    let mut polled = fds.map(|fd| k::pollfd { fd: fd.number(), events: k::POLLIN as i16, revents: 0 });
    let now = k::__kernel_timespec { tv_sec: 0, tv_nsec: 0 };
    let timeout = if wait { null() } else { &raw const now };
    // SAFETY: the array and the time outlive the call; the kernel writes `revents` of the two elements alone.
    check(unsafe { sc::syscall!(PPOLL, polled.as_mut_ptr(), polled.len(), timeout, 0, 0) })?;
    Ok(polled
        .map(|fd| Ready { readable: fd.revents & k::POLLIN as i16 != 0, hung_up: fd.revents & k::POLLHUP as i16 != 0 }))
}

/// clock_gettime(2) `CLOCK_MONOTONIC`, in microseconds.
pub fn now() -> u64 {
    let mut time = MaybeUninit::<k::__kernel_timespec>::uninit();
    // SAFETY: the kernel fills the structure; this clock always exists, so the call cannot fail.
    let time = unsafe {
        sc::syscall!(CLOCK_GETTIME, k::CLOCK_MONOTONIC, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}
