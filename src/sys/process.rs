//! Processes: clone3(2), a vfork-like start, execve(2), wait4(2), prctl(2), setns(2), kill(2).

#[cfg(feature = "full")]
use super::descriptor;
use super::{
    At, Errno, Fd, Result, Word,
    errno::{check, done},
    nothing, number, plain,
};
use core::mem::size_of;
use linux_raw_sys::{general as k, prctl as p};

/// A process id in this process's own pid namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pid(pub i32);

/// Which side of a clone this is.
#[derive(Debug)]
pub enum Side {
    Parent { child: Pid, pidfd: Fd },
    Child,
}

/// Every `CLONE_NEW*`.
const NEW_NAMESPACES: u64 = (k::CLONE_NEWUSER
    | k::CLONE_NEWNS
    | k::CLONE_NEWPID
    | k::CLONE_NEWUTS
    | k::CLONE_NEWIPC
    | k::CLONE_NEWCGROUP
    | k::CLONE_NEWNET
    | k::CLONE_NEWTIME) as u64;

/// clone3(2) without shared memory, as fork(2), with these `CLONE_NEW*` flags; the parent gets a pidfd.
pub fn clone3(flags: u64) -> Result<Side> {
    clone3_into(flags, None)
}

/// The same, and the child is born in the control group of version 2 that this directory is (`CLONE_INTO_CGROUP`).
#[inline]
pub fn clone3_into(flags: u64, group: Option<At>) -> Result<Side> {
    /// Not among the bindings, which have the flags of 32 bits (linux/sched.h).
    const CLONE_INTO_CGROUP: u64 = 1 << 33;
    let mut pidfd: i32 = -1;
    let arguments = k::clone_args {
        flags: flags & NEW_NAMESPACES | u64::from(k::CLONE_PIDFD) | if group.is_some() { CLONE_INTO_CGROUP } else { 0 },
        cgroup: group.map_or(0, |group| group.number() as u64),
        pidfd: &raw mut pidfd as u64,
        exit_signal: k::SIGCHLD.into(),
        // SAFETY: every field is a number, and 0 means "not used" in each.
        ..unsafe { core::mem::zeroed() }
    };
    // SAFETY: the child gets a copy of this address space and goes on here, as after fork(2), on the same stack
    // contents; `arguments` and `pidfd` outlive the call.
    let child = check(unsafe { sc::syscall!(CLONE3, &raw const arguments, size_of::<k::clone_args>()) })?;
    if child == 0 {
        return Ok(Side::Child);
    }
    Ok(Side::Parent { child: Pid(child as i32), pidfd: Fd::new(pidfd as usize) })
}

/// clone(2) without shared memory, likewise; for kernels and filters without clone3. It has no flag for a time namespace:
/// that bit is one of the exit signal's.
#[cfg(feature = "full")]
pub fn clone(flags: u64) -> Result<Side> {
    let mut pidfd: i32 = -1;
    let flags = (flags & NEW_NAMESPACES & !u64::from(k::CLONE_NEWTIME)) as u32 | k::CLONE_PIDFD | k::SIGCHLD;
    // SAFETY: as in `clone3`: no stack is given, so the child goes on on its copy of this one; the kernel writes the pidfd
    // where it would else write the parent's copy of the child's id.
    let child = check(unsafe { sc::syscall!(CLONE, flags, 0, &raw mut pidfd, 0, 0) })?;
    if child == 0 {
        return Ok(Side::Child);
    }
    Ok(Side::Parent { child: Pid(child as i32), pidfd: Fd::new(pidfd as usize) })
}

/// clone(2) of a child of this process's own parent (`CLONE_PARENT`), which hears of its end as of this one's. The number of the
/// child; `None` in it.
#[cfg(feature = "full")]
pub fn clone_beside() -> Result<Option<Pid>> {
    // SAFETY: as in `clone`.
    let child = check(unsafe { sc::syscall!(CLONE, k::CLONE_PARENT | k::SIGCHLD, 0, 0, 0, 0) })?;
    Ok((child != 0).then_some(Pid(child as i32)))
}

/// Starts `run(data)` in a child that shares this memory while this process waits, until the child execs or ends
/// (clone(2) with `CLONE_VM | CLONE_VFORK`). The child's stack is below this process's, so that no frame of it is touched, and
/// grows as that one does.
pub fn start<T>(data: &T, run: extern "C" fn(&T) -> !) -> Result<Pid> {
    start_with_signal(data, run, k::SIGCHLD)
}

/// The same, of a child that has another signal at its end than SIGCHLD, or none, until an exec makes it one like any other.
pub fn start_with_signal<T>(data: &T, run: extern "C" fn(&T) -> !, signal: u32) -> Result<Pid> {
    // SAFETY: a thin pointer to a `T` is what `run` takes, and `data` is alive until this returns.
    unsafe { start_with(&raw const *data as usize, run as usize, signal) }
}

/// The same, with addresses.
///
/// # Safety
/// `run` is the address of a function that takes what is at `data` and never returns.
#[inline(never)]
unsafe fn start_with(data: usize, run: usize, signal: u32) -> Result<Pid> {
    let flags = (k::CLONE_VM | k::CLONE_VFORK | signal) as usize;
    // SAFETY: CLONE_VFORK suspends this process until the child has execed or ended; `run` and `data` are right by the contract.
    check(unsafe { clone_below(flags, run, data) }).map(|child| Pid(child as i32))
}

/// clone(2) whose child calls `run(data)` on what of this stack is free. The block may use the stack, so nothing of the caller's is
/// below its pointer.
#[cfg(target_arch = "x86_64")]
unsafe fn clone_below(flags: usize, run: usize, data: usize) -> usize {
    let mut result: usize;
    // SAFETY: the parent's side changes only the registers named; the child's never comes out of the block.
    unsafe {
        core::arch::asm!(
            "mov rsi, rsp",
            "and rsi, -16", // as the ABI wants it at a call
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") sc::nr::CLONE => result,
            in("rdi") flags,
            out("rsi") _,
            in("rdx") 0usize,
            in("r10") 0usize,
            in("r8") 0usize,
            in("r12") run,
            in("r13") data,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// clone(2) whose child calls `run(data)` on what of this stack is free. The block may use the stack, so nothing of the caller's is
/// below its pointer.
#[cfg(target_arch = "aarch64")]
unsafe fn clone_below(flags: usize, run: usize, data: usize) -> usize {
    let mut result: usize;
    // SAFETY: the parent's side changes only x0; the child's never comes out of the block.
    unsafe {
        core::arch::asm!(
            "mov x1, sp",
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x10",
            "blr x9",
            "brk #1",
            "2:",
            inlateout("x0") flags => result,
            out("x1") _,
            in("x2") 0usize,
            in("x3") 0usize,
            in("x4") 0usize,
            in("x8") sc::nr::CLONE,
            in("x9") run,
            in("x10") data,
        );
    }
    result
}

/// pidfd_open(2).
#[cfg(feature = "full")]
pub fn pidfd_open(pid: Pid) -> Result<Fd> {
    descriptor!(PIDFD_OPEN, pid.0, 0)
}

/// execve(2): returns only the reason why it failed. Both lists end in `None`, which is the kernel's NULL.
pub fn execve(path: Word, arguments: &[Option<Word>], environment: &[Option<Word>]) -> Errno {
    if !is_terminated(arguments) || !is_terminated(environment) {
        return Errno::EFAULT;
    }
    // SAFETY: `Option<Word>` is a pointer or NULL; both lists are terminated, as just checked, and outlive the call.
    let result = check(unsafe { sc::syscall!(EXECVE, path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) });
    result.err().unwrap_or(Errno::EIO)
}

/// execveat(2) of what a descriptor is open on, likewise.
pub fn execveat(program: At, arguments: &[Option<Word>], environment: &[Option<Word>]) -> Errno {
    if !is_terminated(arguments) || !is_terminated(environment) {
        return Errno::EFAULT;
    }
    // SAFETY: as in `execve`; the empty path is NUL-terminated.
    let result = check(unsafe {
        let (program, path) = (number(program.number()), Word::default().as_ptr());
        sc::syscall!(EXECVEAT, program, path, arguments.as_ptr(), environment.as_ptr(), k::AT_EMPTY_PATH)
    });
    result.err().unwrap_or(Errno::EIO)
}

fn is_terminated(list: &[Option<Word>]) -> bool {
    matches!(list.last(), Some(None))
}

/// exit_group(2).
pub fn exit(status: u8) -> ! {
    // SAFETY: ends this process; nothing is read or written.
    unsafe { sc::syscall!(EXIT_GROUP, status) };
    abort()
}

/// An instruction that the processor refuses, for states that cannot be.
pub fn abort() -> ! {
    // SAFETY: raises SIGILL, which ends the process, or as PID 1 with everything blocked too, since the kernel forces it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("ud2", options(noreturn))
    }
    // SAFETY: as above, with SIGTRAP.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("brk #1", options(noreturn))
    }
}

/// How a child changed (wait4(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Ended by itself, with this status.
    Exited(u8),
    /// Ended by this signal, which left a core dump or not.
    Killed {
        signal: u8,
        core: bool,
    },
    /// Stopped by this signal.
    Stopped(u8),
    Continued,
}

/// A wait status as the kernel packs it (wait(2), "Wait status").
fn unpack(status: i32) -> Change {
    const CONTINUED: i32 = 0xffff;
    let (low, high) = ((status & 0x7f) as u8, (status >> 8) as u8);
    match low {
        _ if status == CONTINUED => Change::Continued,
        0 => Change::Exited(high),
        0x7f => Change::Stopped(high),
        signal => Change::Killed { signal, core: status & 0x80 != 0 },
    }
}

/// wait4(2) with `WNOHANG` for any child that ended, stopped or continued; `None` while none has. ECHILD: there is none.
pub fn wait_any() -> Result<Option<(Pid, Change)>> {
    let mut status = 0i32;
    // SAFETY: the kernel writes one int; no resource usage is asked for.
    let pid = check(unsafe {
        let options = k::WNOHANG | k::WUNTRACED | k::WCONTINUED;
        sc::syscall!(WAIT4, number(-1), &raw mut status, options, 0)
    })?;
    Ok((pid != 0).then(|| (Pid(pid as i32), unpack(status))))
}

/// waitid(2) with `WNOWAIT`: whether this is a child, which it stays; 0 is none.
pub fn is_child(pid: i32) -> bool {
    let options = k::WEXITED | k::WNOHANG | k::WNOWAIT;
    // SAFETY: no siginfo and no usage is asked for.
    check(unsafe { sc::syscall!(WAITID, k::P_PID, number(pid), 0, options, 0) }).is_ok()
}

/// wait4(2) until this child has ended.
pub fn wait_for(child: Pid) -> Result<Change> {
    let mut status = 0i32;
    // SAFETY: the kernel writes one int; no resource usage is asked for.
    check(unsafe { sc::syscall!(WAIT4, number(child.0), &raw mut status, 0, 0) })?;
    Ok(unpack(status))
}

/// wait4(2) with `__WCLONE`, until a child has ended whose signal is not SIGCHLD. ECHILD: it is none, as after an exec.
#[cfg(feature = "full")]
pub fn wait_unless_execed(child: Pid) -> Result<Change> {
    let mut status = 0i32;
    // SAFETY: as in `wait_for`.
    check(unsafe { sc::syscall!(WAIT4, number(child.0), &raw mut status, k::__WCLONE, 0) })?;
    Ok(unpack(status))
}

/// What children have used that have ended and were waited for, with theirs.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Microseconds of processor time, in user mode and in the kernel.
    pub user: u64,
    pub system: u64,
    /// Bytes of the largest of them in memory, at its largest.
    pub memory: u64,
}

/// getrusage(2) `RUSAGE_CHILDREN`.
pub fn usage_of_children() -> Usage {
    let mut usage = core::mem::MaybeUninit::<k::rusage>::uninit();
    // SAFETY: the kernel fills the structure, and with a valid pointer it cannot fail.
    let usage = unsafe {
        sc::syscall!(GETRUSAGE, k::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let microseconds = |time: k::__kernel_old_timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    Usage {
        user: microseconds(usage.ru_utime),
        system: microseconds(usage.ru_stime),
        memory: usage.ru_maxrss as u64 * 1024,
    }
}

/// getpid(2).
pub fn getpid() -> Pid {
    // SAFETY: no argument and no failure.
    Pid(unsafe { sc::syscall!(GETPID) } as i32)
}

/// getppid(2).
pub fn getppid() -> Pid {
    // SAFETY: no argument and no failure.
    Pid(unsafe { sc::syscall!(GETPPID) } as i32)
}

/// getpgid(2): the process group of a process; `Pid(0)` is this one.
pub fn getpgid(pid: Pid) -> Result<Pid> {
    plain!(GETPGID, pid.0).map(|group| Pid(group as i32))
}

/// setpgid(2): makes this process the leader of a new process group.
pub fn new_process_group() -> Result<()> {
    nothing!(SETPGID, 0, 0)
}

/// setsid(2).
pub fn setsid() -> Result<()> {
    nothing!(SETSID)
}

/// A namespace's kind: its `CLONE_NEW*` flag.
pub type NamespaceFlag = u32;

/// setns(2).
pub fn setns(namespace: At, kind: NamespaceFlag) -> Result<()> {
    nothing!(SETNS, namespace.number(), kind)
}

/// unshare(2).
pub fn unshare(kinds: NamespaceFlag) -> Result<()> {
    nothing!(UNSHARE, kinds)
}

/// kill(2).
pub fn kill(target: i32, signal: u8) -> Result<()> {
    nothing!(KILL, target, signal)
}

/// kill(2) with -1 as PID 1: every other process of the pid namespace. ESRCH: there is none.
///
/// Anywhere else it would signal the whole machine, hence the assertion.
pub fn kill_all_but_init(signal: u8) -> Result<()> {
    assert!(getpid() == Pid(1));
    kill(-1, signal)
}

/// personality(2). 0 is what every process begins with.
pub fn set_personality(personality: u32) -> Result<()> {
    nothing!(PERSONALITY, personality)
}

/// umask(2): the mask before.
pub fn umask(mask: u32) -> u32 {
    // SAFETY: a number, and no failure.
    (unsafe { sc::syscall!(UMASK, mask) }) as u32
}

/// prctl(2) `PR_SET_PDEATHSIG`: this signal when the parent ends. Cleared by a change of credentials.
pub fn set_parent_death_signal(signal: u8) -> Result<()> {
    nothing!(PRCTL, p::PR_SET_PDEATHSIG, signal, 0, 0, 0)
}

/// prctl(2) `PR_SET_DUMPABLE` 0: nobody without privilege in the *outer* user namespace can look into this process.
pub fn set_not_dumpable() -> Result<()> {
    nothing!(PRCTL, p::PR_SET_DUMPABLE, 0, 0, 0, 0)
}

/// prctl(2) `PR_SET_NAME`: what ps(1) calls this process.
pub fn set_name(name: Word) -> Result<()> {
    // SAFETY: the kernel reads a string with a NUL at its end, and no more than 16 bytes of it.
    done(unsafe { sc::syscall!(PRCTL, p::PR_SET_NAME, name.as_ptr(), 0, 0, 0) })
}

/// prctl(2) `PR_SET_CHILD_SUBREAPER`: orphans among the descendants become this process's children.
pub fn set_child_subreaper() -> Result<()> {
    nothing!(PRCTL, p::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

/// prctl(2) `PR_GET_CHILD_SUBREAPER`: whether they do, which an execve(2) leaves as it was.
pub fn is_child_subreaper() -> Result<bool> {
    let mut is = 0i32;
    // SAFETY: the kernel writes one int.
    check(unsafe { sc::syscall!(PRCTL, p::PR_GET_CHILD_SUBREAPER, &raw mut is, 0, 0, 0) })?;
    Ok(is != 0)
}

/// A limit of a process (getrlimit(2)): soft and hard, `RLIM_INFINITY` where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// No limit (getrlimit(2)).
pub const RLIM_INFINITY: u64 = u64::MAX;

/// prlimit64(2): this process's limit of a resource (`RLIMIT_*`).
pub fn limit(resource: u32) -> Result<Limit> {
    let mut limit = Limit { soft: 0, hard: 0 };
    // SAFETY: the kernel writes one limit.
    check(unsafe { sc::syscall!(PRLIMIT64, 0, resource, 0, &raw mut limit) })?;
    Ok(limit)
}

/// prlimit64(2) of a process; `Pid(0)` is this one.
pub fn set_limit(pid: Pid, resource: u32, limit: Limit) -> Result<()> {
    // SAFETY: the kernel reads one limit, and the old one is not asked for.
    done(unsafe { sc::syscall!(PRLIMIT64, number(pid.0), resource, &raw const limit, 0) })
}

/// setpriority(2): the nice value of a process, from -20 to 19.
pub fn set_nice(pid: Pid, nice: i32) -> Result<()> {
    nothing!(SETPRIORITY, k::PRIO_PROCESS, pid.0, nice)
}

/// A set of processors: bit n % 64 of word n / 64.
pub type Processors = [u64; 16];

/// sched_setaffinity(2). EINVAL: none of them is there, or the cpuset allows none.
pub fn set_affinity(pid: Pid, processors: &Processors) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as the set has.
    done(unsafe { sc::syscall!(SCHED_SETAFFINITY, number(pid.0), size_of::<Processors>(), processors.as_ptr()) })
}

/// setdomainname(2).
pub fn setdomainname(name: Word) -> Result<()> {
    // SAFETY: the length is that of the live string.
    done(unsafe { sc::syscall!(SETDOMAINNAME, name.as_ptr(), name.bytes().len()) })
}

/// sethostname(2).
pub fn sethostname(name: Word) -> Result<()> {
    // SAFETY: the length is that of the live string.
    done(unsafe { sc::syscall!(SETHOSTNAME, name.as_ptr(), name.bytes().len()) })
}

/// `release` of uname(2) as (major, minor).
pub fn kernel_release() -> (u16, u16) {
    let mut name = core::mem::MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the kernel fills the structure, which is all bytes, and cannot fail with a valid pointer.
    let name = unsafe {
        sc::syscall!(UNAME, name.as_mut_ptr());
        name.assume_init()
    };
    let mut numbers = name.release.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0);
    let mut next = || {
        let digits = numbers.by_ref().take_while(u8::is_ascii_digit);
        digits.fold(0u16, |number, digit| number.saturating_mul(10).saturating_add(u16::from(digit - b'0')))
    };
    (next(), next())
}

/// Where the stack ends at the moment.
#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: a register is read.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    // SAFETY: a register is read.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// Gives back the stack below the current frame, which deep calls have left dirty (madvise(2) `MADV_DONTNEED`).
///
/// Never inlined: what lies below its own small frame is nobody's.
#[inline(never)]
pub fn trim_stack() -> Result<()> {
    match trim_stack_of_pages(4096) {
        // Of the larger pages that a kernel for this architecture may have, these are the largest.
        Err(Errno::EINVAL) if cfg!(target_arch = "aarch64") => trim_stack_of_pages(65536),
        result => result,
    }
}

/// EINVAL: the kernel's pages are larger.
#[inline(always)]
fn trim_stack_of_pages(size: usize) -> Result<()> {
    /// Left alone below the stack pointer: the ABI's red zone is 128 bytes.
    const MARGIN: usize = 1024;
    /// As deep as this program's stack ever goes, and whole pages of every size: its start is at a page if its end is.
    const DEPTH: usize = 128 << 10;
    let end = (stack_pointer() - MARGIN) & !(size - 1);
    // SAFETY: this program has one thread, on the stack that the kernel gave it, below which nothing is mapped so near. What
    // lies more than MARGIN below the stack pointer is nobody's, and the stack grows anew.
    match check(unsafe { sc::syscall!(MADVISE, end - DEPTH, DEPTH, k::MADV_DONTNEED) }) {
        // The stack never grew that deep, so the lower part of the range is not mapped; the upper part is given back.
        Err(Errno::ENOMEM) => Ok(()),
        result => result.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_are_unpacked_as_wait_2_says() {
        assert_eq!(unpack(0), Change::Exited(0));
        assert_eq!(unpack(7 << 8), Change::Exited(7));
        assert_eq!(unpack(9), Change::Killed { signal: 9, core: false });
        assert_eq!(unpack(11 | 0x80), Change::Killed { signal: 11, core: true });
        assert_eq!(unpack(34), Change::Killed { signal: 34, core: false }, "a real-time signal");
        assert_eq!(unpack(0x7f | 20 << 8), Change::Stopped(20));
        assert_eq!(unpack(0xffff), Change::Continued);
    }

    #[test]
    fn the_kernel_has_a_release() {
        assert!(kernel_release() >= (5, 0));
    }
}
