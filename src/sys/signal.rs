//! Signals: blocked, waited for, passed on (signal(7), rt_sigtimedwait(2), signalfd(2), pidfd_send_signal(2)).

use super::{
    At, Errno, Fd, Result,
    errno::{check, done, opened},
    number,
    process::Pid,
};
use core::mem::{MaybeUninit, size_of};
use core::ptr::{null, null_mut};
use linux_raw_sys::general as k;

/// Highest signal number of the kernel (`_NSIG`).
pub const LAST: u8 = 64;

/// A set of signals as the kernel takes it: bit n-1 is signal n.
pub type SignalSet = u64;

/// Every signal. The kernel leaves SIGKILL and SIGSTOP out by itself.
pub const ALL: SignalSet = SignalSet::MAX;

/// The set with this one signal.
pub const fn set_of(signal: u8) -> SignalSet {
    1 << (signal - 1)
}

const SET_SIZE: usize = size_of::<SignalSet>();

/// rt_sigprocmask(2) `SIG_SETMASK`: the mask before. With memory of ours it cannot fail.
pub fn set_mask(set: SignalSet) -> SignalSet {
    let mut old = 0;
    // SAFETY: the kernel reads one set and writes one.
    unsafe { sc::syscall!(RT_SIGPROCMASK, k::SIG_SETMASK, &raw const set, &raw mut old, SET_SIZE) };
    old
}

/// The kernel's `struct sigaction`, all zero: the default action.
#[repr(C)]
struct Action {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: SignalSet,
}

const SIG_IGN: usize = 1;

/// rt_sigaction(2): the default action for this signal.
pub fn set_default(signal: u8) -> Result<()> {
    set_handler(signal, 0)
}

/// rt_sigaction(2): this signal is ignored.
pub fn set_ignored(signal: u8) -> Result<()> {
    set_handler(signal, SIG_IGN)
}

/// `handler` is the default or to ignore: no address.
fn set_handler(signal: u8, handler: usize) -> Result<()> {
    let action = Action { handler, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: the kernel reads one action; the old one is not asked for.
    done(unsafe { sc::syscall!(RT_SIGACTION, signal, &raw const action, null_mut::<u8>(), SET_SIZE) })
}

/// rt_sigaction(2): whether this signal is ignored, which can be asked of every one from 1 to `LAST`; no other is.
pub fn is_ignored(signal: u8) -> bool {
    let mut action = Action { handler: 0, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: the kernel writes one action.
    unsafe { sc::syscall!(RT_SIGACTION, signal, null::<u8>(), &raw mut action, SET_SIZE) };
    action.handler == SIG_IGN
}

/// A signal that was taken, with what the kernel tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    pub signal: u8,
    /// `si_code` (sigaction(2)): positive from the kernel, 0 from kill(2), negative from a program.
    pub code: i32,
    /// The sender's process id; 0 where it lies outside this pid namespace.
    pub sender: Pid,
    /// The sender's real user id.
    pub uid: u32,
    /// The value that a program sent along.
    pub value: u64,
}

/// rt_sigtimedwait(2): takes one signal of the set. EAGAIN after `microseconds`, if given; EINTR for others.
pub fn wait(set: SignalSet, microseconds: Option<u64>) -> Result<Info> {
    let timeout = microseconds.map(|time| k::__kernel_timespec {
        tv_sec: (time / 1_000_000) as i64,
        tv_nsec: (time % 1_000_000 * 1000) as i64,
    });
    let timeout = timeout.as_ref().map_or(null(), |time| &raw const *time);
    let mut raw = Raw::ZERO;
    // SAFETY: the kernel reads the set and the time, and writes one siginfo, which has the size of `Raw`.
    check(unsafe { sc::syscall!(RT_SIGTIMEDWAIT, &raw const set, &raw mut raw, timeout, SET_SIZE) })?;
    Ok(Info { signal: raw.signal as u8, code: raw.code, sender: Pid(raw.pid), uid: raw.uid, value: raw.value })
}

/// `siginfo_t` of a queued signal: 128 bytes (asm-generic/siginfo.h, `_rt`).
#[repr(C, align(8))]
struct Raw {
    signal: i32,
    errno: i32,
    code: i32,
    padding: i32,
    pid: i32,
    uid: u32,
    value: u64,
    rest: [u64; 12],
}

impl Raw {
    const ZERO: Self = Self { signal: 0, errno: 0, code: 0, padding: 0, pid: 0, uid: 0, value: 0, rest: [0; 12] };

    fn queued(info: Info) -> Self {
        Self {
            signal: info.signal.into(),
            code: info.code,
            pid: info.sender.0,
            uid: info.uid,
            value: info.value,
            ..Self::ZERO
        }
    }
}

/// setitimer(2) `ITIMER_REAL`: a SIGALRM of the kernel's for this process, once, after so many microseconds; 0 counts as one.
#[cfg(feature = "full")]
pub fn alarm(microseconds: u64) -> Result<()> {
    let microseconds = microseconds.max(1);
    let once = [0, 0, microseconds / 1_000_000, microseconds % 1_000_000];
    // SAFETY: the kernel reads a `struct itimerval`, four words: the interval, and the time until then. The old one is not asked for.
    done(unsafe { sc::syscall!(SETITIMER, k::ITIMER_REAL, once.as_ptr(), null_mut::<u8>()) })
}

/// signalfd4(2): a descriptor from which the signals of the set are read, without blocking.
pub fn signalfd(set: SignalSet) -> Result<Fd> {
    let flags = (libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) as usize;
    // SAFETY: the kernel reads one set.
    opened(unsafe { sc::syscall!(SIGNALFD4, number(-1), &raw const set, SET_SIZE, flags) })
}

/// One signal from a signalfd; `None` when there is none.
pub fn read_signalfd(fd: At) -> Result<Option<Info>> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
    let size = size_of::<libc::signalfd_siginfo>();
    // SAFETY: the kernel writes whole structures only, at most `size` bytes; it is read if one came.
    let info = unsafe {
        match check(sc::syscall!(READ, number(fd.number()), info.as_mut_ptr(), size)) {
            Ok(_) => info.assume_init(),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error),
        }
    };
    Ok(Some(Info {
        signal: info.ssi_signo as u8,
        code: info.ssi_code,
        sender: Pid(info.ssi_pid as i32),
        uid: info.ssi_uid,
        value: info.ssi_ptr,
    }))
}

/// tgkill(2): to the calling thread alone.
#[cfg(test)]
pub(crate) fn raise(signal: u8) -> Result<()> {
    // SAFETY: without arguments.
    let [group, thread] = unsafe { [sc::syscall!(GETPID), sc::syscall!(GETTID)] };
    // SAFETY: numbers alone.
    done(unsafe { sc::syscall!(TGKILL, group, thread, signal) })
}

/// pidfd_send_signal(2) as kill(2) would send it.
pub fn send(pidfd: At, signal: u8) -> Result<()> {
    // SAFETY: no siginfo is given.
    done(unsafe { sc::syscall!(PIDFD_SEND_SIGNAL, number(pidfd.number()), signal, null::<u8>(), 0) })
}

/// pidfd_send_signal(2) with code, value and sender. The code must be negative: others are the kernel's (EPERM).
pub fn send_info(pidfd: At, info: Info) -> Result<()> {
    let raw = Raw::queued(info);
    // SAFETY: `raw` has the size of a siginfo and outlives the call.
    done(unsafe { sc::syscall!(PIDFD_SEND_SIGNAL, number(pidfd.number()), info.signal, &raw const raw, 0) })
}

/// rt_sigqueueinfo(2): as `send_info`, to a child by number.
pub fn queue(target: Pid, info: Info) -> Result<()> {
    let raw = Raw::queued(info);
    // SAFETY: `raw` has the size of a siginfo and outlives the call.
    done(unsafe { sc::syscall!(RT_SIGQUEUEINFO, number(target.0), info.signal, &raw const raw) })
}
