//! Waiting for descriptors (ppoll(2), epoll(7)) and the clock (clock_gettime(2)).

use super::{At, Fd, Result, descriptor, errno::done, number};
use core::mem::MaybeUninit;
use core::ptr::null;
use linux_raw_sys::general as k;

/// What is waited for on a descriptor, and then what happened there.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Watched(k::pollfd);

impl Watched {
    /// Until something can be read, or the other end is gone; the kernel passes it over while it is on no descriptor.
    pub const READING: Self = Self(k::pollfd { fd: -1, events: k::POLLIN as i16, revents: 0 });
    /// Until a file of the kernel's says something else than when it was read (cgroups(7), `cgroup.events`).
    pub const CHANGED: Self = Self(k::pollfd { fd: -1, events: k::POLLPRI as i16, revents: 0 });
    /// Until something can be written, or nobody reads.
    pub const WRITING: Self = Self(k::pollfd { fd: -1, events: k::POLLOUT as i16, revents: 0 });

    /// On this one.
    pub const fn on(&mut self, fd: At) {
        self.0.fd = fd.number();
    }

    /// Whether that is so.
    pub const fn is_ready(&self) -> bool {
        self.0.revents != 0
    }

    /// Whether the other end is gone.
    pub const fn has_hung_up(&self) -> bool {
        self.0.revents & k::POLLHUP as i16 != 0
    }
}

/// ppoll(2): waits until one of these has something; at once if `wait` is false.
pub fn poll(watched: &mut [Watched], wait: bool) -> Result<()> {
    let now = k::__kernel_timespec { tv_sec: 0, tv_nsec: 0 };
    let timeout = if wait { null() } else { &raw const now };
    // SAFETY: the slice and the time outlive the call; a `Watched` is a pollfd, of which the kernel writes `revents` alone.
    done(unsafe { sc::syscall!(PPOLL, watched.as_mut_ptr(), watched.len(), timeout, 0, 0) })
}

/// The same, but not for longer than so many seconds.
#[cfg(feature = "full")]
pub fn poll_for(watched: &mut [Watched], seconds: u8) -> Result<()> {
    poll_within(watched, u64::from(seconds) * 1_000_000)
}

/// The same, but not for longer than so many microseconds.
pub fn poll_within(watched: &mut [Watched], microseconds: u64) -> Result<()> {
    let (tv_sec, tv_nsec) = ((microseconds / 1_000_000) as i64, (microseconds % 1_000_000 * 1000) as i64);
    let time = k::__kernel_timespec { tv_sec, tv_nsec };
    // SAFETY: as above.
    done(unsafe { sc::syscall!(PPOLL, watched.as_mut_ptr(), watched.len(), &raw const time, 0, 0) })
}

/// epoll_create1(2) and epoll_ctl(2) `EPOLL_CTL_ADD` with `EPOLLET`: what can be read once for each time that something comes.
pub fn epoll_of(fd: At) -> Result<Fd> {
    edges(fd, k::EPOLLIN)
}

/// The same each time that there is room to write.
#[cfg(feature = "boot")]
pub fn epoll_of_room(fd: At) -> Result<Fd> {
    edges(fd, k::EPOLLOUT)
}

fn edges(fd: At, events: u32) -> Result<Fd> {
    let epoll = descriptor!(EPOLL_CREATE1, k::EPOLL_CLOEXEC)?;
    let event = k::epoll_event { events: events | k::EPOLLET, data: 0 };
    let (number_of_epoll, fd) = (number(epoll.at().number()), number(fd.number()));
    // SAFETY: the kernel reads one event.
    done(unsafe { sc::syscall!(EPOLL_CTL, number_of_epoll, k::EPOLL_CTL_ADD, fd, &raw const event) })?;
    Ok(epoll)
}

/// epoll_pwait(2) of what has come, without waiting.
pub fn epoll_clear(epoll: At) -> Result<()> {
    let mut event = MaybeUninit::<k::epoll_event>::uninit();
    // SAFETY: the kernel writes at most one event.
    done(unsafe { sc::syscall!(EPOLL_PWAIT, number(epoll.number()), event.as_mut_ptr(), 1, 0, 0, 0) })
}

/// epoll_pwait(2) until something has come, or so many milliseconds have passed.
#[cfg(feature = "boot")]
pub fn epoll_wait(epoll: At, milliseconds: u8) -> Result<()> {
    let mut event = MaybeUninit::<k::epoll_event>::uninit();
    // SAFETY: the kernel writes at most one event.
    done(unsafe { sc::syscall!(EPOLL_PWAIT, number(epoll.number()), event.as_mut_ptr(), 1, milliseconds, 0, 0) })
}

/// clock_gettime(2) `CLOCK_MONOTONIC`, in microseconds.
pub fn now() -> u64 {
    let time = clock(k::CLOCK_MONOTONIC);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

/// clock_gettime(2) `CLOCK_REALTIME`, in seconds since 1970.
#[cfg(feature = "full")]
pub fn date() -> u64 {
    clock(k::CLOCK_REALTIME).tv_sec as u64
}

#[inline(always)]
fn clock(number: u32) -> k::__kernel_timespec {
    let mut time = MaybeUninit::<k::__kernel_timespec>::uninit();
    // SAFETY: the kernel fills the structure; these clocks always exist, so the call cannot fail.
    unsafe {
        sc::syscall!(CLOCK_GETTIME, number, time.as_mut_ptr());
        time.assume_init()
    }
}
