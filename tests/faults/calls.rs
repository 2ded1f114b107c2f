//! The names of system calls, of those that aril makes.

macro_rules! names {
    ($($number:ident)*) => {
        const NAMES: &[(i64, &str)] = &[$((libc::$number, stringify!($number)),)*];
    };
}

names! {
    SYS_bpf SYS_brk SYS_capget SYS_capset SYS_chdir SYS_chroot SYS_clock_gettime SYS_clone SYS_clone3 SYS_close SYS_close_range
    SYS_dup SYS_dup3 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_fchdir
    SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_fcntl SYS_flock SYS_fsconfig SYS_fsmount SYS_fsopen SYS_fstat SYS_fstatfs
    SYS_getdents64 SYS_getegid SYS_geteuid SYS_getgid SYS_getpgid SYS_getpid SYS_getppid SYS_getrandom SYS_getrusage SYS_getuid
    SYS_ioctl SYS_ioperm SYS_keyctl SYS_kill SYS_landlock_add_rule SYS_landlock_create_ruleset SYS_landlock_restrict_self SYS_lseek
    SYS_madvise SYS_mkdirat SYS_mknodat SYS_mmap SYS_mount SYS_mount_setattr SYS_move_mount SYS_munmap SYS_newfstatat SYS_open_tree
    SYS_openat SYS_openat2 SYS_personality SYS_pidfd_open SYS_pidfd_send_signal SYS_pipe2 SYS_pivot_root SYS_ppoll SYS_prctl SYS_pread64
    SYS_prlimit64 SYS_read SYS_readlinkat SYS_reboot SYS_recvfrom SYS_recvmsg SYS_renameat2 SYS_renameat SYS_rt_sigaction SYS_rt_sigprocmask
    SYS_rt_sigqueueinfo SYS_rt_sigtimedwait SYS_seccomp SYS_sched_setaffinity SYS_sendmsg SYS_sendto SYS_setfsgid SYS_setfsuid
    SYS_setdomainname SYS_setgroups SYS_sethostname SYS_setns SYS_setpgid SYS_setpriority SYS_setresgid SYS_setresuid
    SYS_setsid SYS_setsockopt SYS_signalfd4 SYS_socket SYS_socketpair SYS_statfs SYS_statx SYS_symlinkat SYS_sync SYS_umask
    SYS_umount2 SYS_uname SYS_unlinkat SYS_unshare SYS_utimensat SYS_wait4 SYS_waitid SYS_write SYS_writev
}

/// `openat`, or the number of one that is not known.
pub fn name(call: i64) -> String {
    let found = NAMES.iter().find(|(number, _)| *number == call);
    found.map_or(call.to_string(), |(_, name)| name["SYS_".len()..].to_string())
}

macro_rules! errors {
    ($($number:ident)*) => {
        const ERRORS: &[(i32, &str)] = &[$((libc::$number, stringify!($number)),)*];
    };
}

errors! { EPERM ENOMEM EINTR ENOSPC EMFILE ENOSYS EINVAL }

/// What a call fails with.
pub const INJECTED: [i32; 5] = [libc::EPERM, libc::ENOMEM, libc::EINTR, libc::ENOSPC, libc::EMFILE];

/// `EPERM`.
pub fn error(errno: i32) -> &'static str {
    ERRORS.iter().find(|(number, _)| *number == errno).expect("one of those that are injected").1
}
