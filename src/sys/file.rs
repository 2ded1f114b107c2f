//! Files, directories and links: open(2), openat2(2), mkdirat(2), getdents64(2), …

use super::{
    At, Errno, Fd, Result, Word, descriptor,
    errno::{check, done, opened},
    nothing, number, plain, word,
};
use core::mem::{MaybeUninit, size_of};
use linux_raw_sys::general as k;

/// How openat(2) opens: the flags of the man page.
#[derive(Clone, Copy)]
pub struct Open(u32);

impl Open {
    /// Only a place in the tree, with no right to read (`O_PATH`).
    pub const PATH: Self = Self(k::O_PATH);
    /// `O_PATH`, and it must be a directory.
    pub const PATH_DIRECTORY: Self = Self(k::O_PATH | k::O_DIRECTORY);
    /// `O_PATH` of a symbolic link itself.
    pub const PATH_NOFOLLOW: Self = Self(k::O_PATH | k::O_NOFOLLOW);
    /// Reading, without blocking on a FIFO that an image has in place of a file.
    pub const READ: Self = Self(k::O_RDONLY | k::O_NONBLOCK | k::O_NOCTTY);
    /// Reading what the caller names himself, and waiting for it, as for a pipe.
    pub const READ_WAITING: Self = Self(k::O_RDONLY | k::O_NOCTTY);
    /// The same of what is no link.
    #[cfg(feature = "full")]
    pub const READ_NOFOLLOW: Self = Self(Self::READ.0 | k::O_NOFOLLOW);
    /// Reading the entries of a directory that is no link.
    #[cfg(feature = "full")]
    pub const DIRECTORY_NOFOLLOW: Self = Self(Self::DIRECTORY.0 | k::O_NOFOLLOW);
    /// Reading a directory's entries.
    pub const DIRECTORY: Self = Self(k::O_RDONLY | k::O_DIRECTORY);
    /// Both.
    pub const READ_WRITE: Self = Self(k::O_RDWR | k::O_NOCTTY);
    /// Both, without blocking.
    pub const READ_WRITE_NONBLOCK: Self = Self(k::O_RDWR | k::O_NONBLOCK | k::O_NOCTTY);
    /// Writing to what exists, likewise.
    pub const WRITE_NONBLOCK: Self = Self(k::O_WRONLY | k::O_NONBLOCK | k::O_NOCTTY);
    /// Writing anew to what exists, without blocking: ENXIO of a FIFO that nobody reads.
    pub const REPLACE: Self = Self(k::O_WRONLY | k::O_TRUNC | k::O_NONBLOCK | k::O_NOCTTY);
    /// Writing to what exists.
    pub const WRITE: Self = Self(k::O_WRONLY | k::O_NOCTTY);
}

/// openat(2) of something that exists.
pub fn openat(at: At, path: Word, how: Open) -> Result<Fd> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    check(unsafe { sc::syscall!(OPENAT, number(at.number()), path.as_ptr(), how.0 | k::O_CLOEXEC, 0) }).map(Fd::new)
}

/// openat(2) of a new file, for writing; EEXIST if there is anything, a link too.
pub fn create(at: At, path: Word, mode: u32) -> Result<Fd> {
    let flags = k::O_WRONLY | k::O_CREAT | k::O_EXCL | k::O_CLOEXEC;
    // SAFETY: `path` is NUL-terminated and outlives the call.
    check(unsafe { sc::syscall!(OPENAT, number(at.number()), path.as_ptr(), flags, mode) }).map(Fd::new)
}

/// openat(2) of a file at whose end is written, which is made if it is missing; ELOOP where its name is a link, ENXIO
/// where it is a FIFO that nobody reads. Writing does not wait.
#[cfg(feature = "full")]
pub fn append(at: At, path: Word, mode: u32) -> Result<Fd> {
    let flags = k::O_WRONLY | k::O_APPEND | k::O_CREAT | k::O_NOFOLLOW | k::O_NONBLOCK | k::O_NOCTTY | k::O_CLOEXEC;
    // SAFETY: `path` is NUL-terminated and outlives the call.
    check(unsafe { sc::syscall!(OPENAT, number(at.number()), path.as_ptr(), flags, mode) }).map(Fd::new)
}

/// fcntl(2) `F_SETFL`: writing to what `append` has opened waits from now on.
#[cfg(feature = "full")]
pub fn wait_to_append(fd: At) -> Result<()> {
    nothing!(FCNTL, fd.number(), k::F_SETFL, k::O_APPEND)
}

/// openat2(2) of a file that is to be written anew, which is made if it is missing; ENXIO where it is a FIFO that nobody reads.
/// Writing does not wait. ELOOP: there is a link on its path, and none is followed.
#[cfg(feature = "boot")]
pub fn open_or_make(at: At, path: Word, mode: u32, follows: bool) -> Result<Fd> {
    let how = k::open_how {
        flags: (k::O_WRONLY | k::O_CREAT | k::O_NONBLOCK | k::O_NOCTTY | k::O_CLOEXEC).into(),
        mode: mode.into(),
        resolve: if follows { 0 } else { k::RESOLVE_NO_SYMLINKS.into() },
    };
    // SAFETY: `path` is NUL-terminated, both outlive the call and the size is that of `how`.
    opened(unsafe {
        sc::syscall!(OPENAT2, number(at.number()), path.as_ptr(), &raw const how, size_of::<k::open_how>())
    })
}

/// ftruncate(2) to nothing.
#[cfg(feature = "boot")]
pub fn empty(fd: At) -> Result<()> {
    nothing!(FTRUNCATE, fd.number(), 0)
}

/// fsync(2).
#[cfg(feature = "boot")]
pub fn fsync(fd: At) -> Result<()> {
    nothing!(FSYNC, fd.number())
}

/// renameat2(2) within a directory.
#[cfg(feature = "full")]
pub fn rename(at: At, from: Word, to: Word) -> Result<()> {
    // SAFETY: both strings are NUL-terminated and outlive the call.
    done(unsafe { sc::syscall!(RENAMEAT2, number(at.number()), from.as_ptr(), number(at.number()), to.as_ptr(), 0) })
}

/// openat2(2) with `RESOLVE_IN_ROOT`: `at` is taken for the root directory, so neither `..` nor an absolute link leads
/// out of it; magic links of procfs are refused.
pub fn open_in_root(at: At, path: Word, how: Open) -> Result<Fd> {
    let how = k::open_how {
        flags: (how.0 | k::O_CLOEXEC).into(),
        mode: 0,
        resolve: (k::RESOLVE_IN_ROOT | k::RESOLVE_NO_MAGICLINKS).into(),
    };
    // SAFETY: `path` and `how` outlive the call, and the size given is that of `how`.
    opened(unsafe {
        sc::syscall!(OPENAT2, number(at.number()), path.as_ptr(), &raw const how, size_of::<k::open_how>())
    })
}

/// read(2): how many bytes came, 0 at the end.
pub fn read(fd: At, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into the buffer, which is ours alone.
    check(unsafe { sc::syscall!(READ, number(fd.number()), buffer.as_mut_ptr(), buffer.len()) })
}

/// What was read somewhere and is still to be written elsewhere.
pub struct Way<const ROOM: usize> {
    /// Of these the first `end` are there, and those from `start` have not been written yet.
    bytes: MaybeUninit<[u8; ROOM]>,
    start: u16,
    end: u16,
}

/// What is typed.
pub type Inward = Way<2048>;
/// As much as a pipe that is ready takes without waiting (`PIPE_BUF`, pipe(7)), and as a terminal keeps for a reader.
pub type Outward = Way<4096>;

impl<const ROOM: usize> Way<ROOM> {
    pub const EMPTY: Self = Self { bytes: MaybeUninit::uninit(), start: 0, end: 0 };

    pub const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Puts these in the place of what was there.
    pub const fn fill(&mut self, bytes: [u8; 2]) {
        // SAFETY: two bytes are written, and there is room for them.
        unsafe { self.bytes.as_mut_ptr().cast::<[u8; 2]>().write(bytes) };
        (self.start, self.end) = (0, 2);
    }

    /// read(2) in the place of what was there: how many bytes came, 0 at the end.
    #[inline(never)]
    pub fn read(&mut self, from: At) -> Result<u16> {
        (self.start, self.end) = (0, 0);
        // SAFETY: the kernel writes at most as many bytes as there is room for.
        let count = check(unsafe { sc::syscall!(READ, number(from.number()), self.bytes.as_mut_ptr(), ROOM) })?;
        self.end = count as u16;
        Ok(self.end)
    }

    /// Leaves the first byte out of what was read: which it is.
    pub const fn take_first(&mut self) -> u8 {
        if self.is_empty() {
            return 0;
        }
        self.start += 1;
        // SAFETY: a read has written the bytes up to `end`, of which this one is.
        unsafe { self.bytes.as_ptr().cast::<u8>().add(self.start as usize - 1).read() }
    }

    /// write(2) of what is there: it is left out as far as it was taken.
    #[inline(never)]
    pub fn write(&mut self, to: At) -> Result<()> {
        let (start, length) = (usize::from(self.start), usize::from(self.end.saturating_sub(self.start)));
        // SAFETY: the kernel reads bytes that a read has written, which are those up to `end`.
        let count = check(unsafe {
            sc::syscall!(WRITE, number(to.number()), self.bytes.as_ptr().cast::<u8>().add(start), length)
        })?;
        self.start += count as u16;
        Ok(())
    }

    /// Nobody takes it.
    pub const fn drop(&mut self) {
        self.end = 0;
    }
}

/// writev(2) of at most eight words: how many bytes were taken.
pub fn writev(fd: At, words: &[Word]) -> Result<usize> {
    const MOST: usize = 8;
    let mut vectors = [const { k::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 } }; MOST];
    for (vector, word) in vectors.iter_mut().zip(words) {
        let bytes = word.bytes();
        *vector = k::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() as u64 };
    }
    // SAFETY: the kernel reads the vectors, and what they name, which outlives the call; it writes nothing.
    check(unsafe { sc::syscall!(WRITEV, number(fd.number()), vectors.as_ptr(), words.len().min(MOST)) })
}

/// pread64(2): how many bytes came from this offset.
pub fn pread(fd: At, buffer: &mut [u8], offset: u64) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into the buffer, which is ours alone.
    check(unsafe { sc::syscall!(PREAD64, number(fd.number()), buffer.as_mut_ptr(), buffer.len(), offset) })
}

/// statfs(2): the mount's flags (`ST_*`).
fn mount_flags(path: Word) -> Result<i64> {
    let mut s = MaybeUninit::<k::statfs64>::uninit();
    // SAFETY: `path` outlives the call; the kernel fills the whole structure when it succeeds.
    let s = unsafe {
        check(sc::syscall!(STATFS, path.as_ptr(), s.as_mut_ptr()))?;
        s.assume_init()
    };
    Ok(s.f_flags)
}

/// sync(2): returns when all that was written is on its disk.
#[cfg(feature = "boot")]
pub fn sync() {
    // SAFETY: no memory is touched; there is no error.
    unsafe { sc::syscall!(SYNC) };
}

/// fstatfs(2): of which kind the file system is, by its magic number.
pub fn kind_of_file_system(fd: At) -> Result<u32> {
    let mut s = MaybeUninit::<k::statfs64>::uninit();
    // SAFETY: the kernel fills the whole structure when it succeeds.
    let s = unsafe {
        check(sc::syscall!(FSTATFS, number(fd.number()), s.as_mut_ptr()))?;
        s.assume_init()
    };
    Ok(s.f_type as u32)
}

/// Whether this is a pipe without a name.
pub fn is_pipe(fd: At) -> Result<bool> {
    kind_of_file_system(fd).map(|kind| kind == k::PIPEFS_MAGIC)
}

/// Whether nothing on this mount gives a right to who executes it.
pub fn is_nosuid(path: Word) -> Result<bool> {
    mount_flags(path).map(|flags| flags & libc::ST_NOSUID as i64 != 0)
}

/// getxattr(2): whether a program has capabilities of its own (capabilities(7)).
pub fn has_capabilities(path: Word) -> bool {
    // SAFETY: both strings are NUL-terminated and outlive the call; nothing is written into no bytes.
    check(unsafe { sc::syscall!(GETXATTR, path.as_ptr(), c"security.capability".as_ptr(), 0, 0) }).is_ok()
}

/// Whether nothing on this mount can be executed.
pub fn is_noexec(path: Word) -> Result<bool> {
    mount_flags(path).map(|flags| flags & libc::ST_NOEXEC as i64 != 0)
}

/// Whether no device on this mount can be used.
#[cfg(feature = "full")]
pub fn is_nodev(path: Word) -> Result<bool> {
    mount_flags(path).map(|flags| flags & libc::ST_NODEV as i64 != 0)
}

/// Whether nothing on this mount can be written.
pub fn is_read_only(path: Word) -> Result<bool> {
    mount_flags(path).map(|flags| flags & libc::ST_RDONLY as i64 != 0)
}

/// write(2): how many bytes went.
pub fn write(fd: At, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads `len` bytes of a live slice.
    check(unsafe { sc::syscall!(WRITE, number(fd.number()), bytes.as_ptr(), bytes.len()) })
}

/// mkdirat(2).
pub fn mkdirat(at: At, path: Word, mode: u32) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(MKDIRAT, number(at.number()), path.as_ptr(), mode) })
}

/// mknodat(2) of an empty regular file.
pub fn make_file(at: At, path: Word, mode: u32) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(MKNODAT, number(at.number()), path.as_ptr(), k::S_IFREG | mode, 0) })
}

/// mknodat(2) of a device node that nobody may use yet.
#[cfg(feature = "full")]
pub fn make_device(at: At, path: Word, is_block: bool, device: u32) -> Result<()> {
    let kind = if is_block { k::S_IFBLK } else { k::S_IFCHR };
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(MKNODAT, number(at.number()), path.as_ptr(), kind, device) })
}

/// symlinkat(2).
pub fn symlinkat(target: Word, at: At, path: Word) -> Result<()> {
    // SAFETY: both strings are NUL-terminated and outlive the call.
    done(unsafe { sc::syscall!(SYMLINKAT, target.as_ptr(), number(at.number()), path.as_ptr()) })
}

/// unlinkat(2) of a file.
pub fn unlinkat(at: At, path: Word) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(UNLINKAT, number(at.number()), path.as_ptr(), 0) })
}

/// unlinkat(2) with `AT_REMOVEDIR`.
pub fn rmdirat(at: At, path: Word) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(UNLINKAT, number(at.number()), path.as_ptr(), k::AT_REMOVEDIR) })
}

/// readlinkat(2): how many bytes the target has, cut off where the buffer ends.
pub fn readlinkat(at: At, path: Word, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: `path` outlives the call and the kernel writes at most `len` bytes into the buffer.
    check(unsafe { sc::syscall!(READLINKAT, number(at.number()), path.as_ptr(), buffer.as_mut_ptr(), buffer.len()) })
}

/// What a file is (the type bits of `st_mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Directory,
    Link,
    Regular,
    #[cfg(feature = "full")]
    Character,
    #[cfg(feature = "full")]
    Block,
    Other,
}

/// Device and inode: which file it is, whatever its names are.
pub type Identity = (u64, u64);

/// The part of stat(2) that is used here.
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Hard links; of a control group's directory the groups in it, and two (`kernfs_refresh_inode`).
    pub links: u64,
    pub identity: Identity,
    /// Of a device node: which device.
    pub rdev: u64,
    times: [k::__kernel_timespec; 2],
}

/// Major and minor number of a device as mknod(2) takes it (linux/kdev_t.h, `new_decode_dev`).
#[cfg(feature = "full")]
pub const fn device_numbers(device: u32) -> [u32; 2] {
    [device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00]
}

impl Stat {
    /// Of a device node: major and minor number (makedev(3)).
    #[cfg(feature = "full")]
    pub const fn device_numbers(&self) -> [u32; 2] {
        device_numbers(self.rdev as u32)
    }

    /// Whether this is a node of /dev/null (null(4)).
    #[cfg(feature = "full")]
    pub fn is_null(&self) -> bool {
        const NULL: u64 = 1 << 8 | 3;
        self.kind == Kind::Character && self.rdev == NULL
    }

    /// Whether this was modified before the other.
    pub fn is_older(&self, other: &Self) -> bool {
        let modified = |stat: &Self| (stat.times[1].tv_sec, stat.times[1].tv_nsec);
        modified(self) < modified(other)
    }
}

fn stat(at: At, path: Word, flags: u32) -> Result<Stat> {
    let mut s = MaybeUninit::<k::stat>::uninit();
    // SAFETY: `path` outlives the call; the kernel fills the whole structure when it succeeds.
    let s = unsafe {
        check(sc::syscall!(NEWFSTATAT, number(at.number()), path.as_ptr(), s.as_mut_ptr(), flags))?;
        s.assume_init()
    };
    let kind = match s.st_mode & k::S_IFMT {
        k::S_IFDIR => Kind::Directory,
        k::S_IFLNK => Kind::Link,
        k::S_IFREG => Kind::Regular,
        #[cfg(feature = "full")]
        k::S_IFCHR => Kind::Character,
        #[cfg(feature = "full")]
        k::S_IFBLK => Kind::Block,
        _ => Kind::Other,
    };
    let time = |seconds, nanoseconds| k::__kernel_timespec { tv_sec: seconds as i64, tv_nsec: nanoseconds as i64 };
    Ok(Stat {
        kind,
        mode: s.st_mode & 0o7777,
        uid: s.st_uid,
        gid: s.st_gid,
        size: s.st_size as u64,
        #[allow(clippy::unnecessary_cast, reason = "32 bits on aarch64")]
        links: s.st_nlink as u64,
        identity: (s.st_dev, s.st_ino),
        rdev: s.st_rdev,
        times: [time(s.st_atime, s.st_atime_nsec), time(s.st_mtime, s.st_mtime_nsec)],
    })
}

/// fstatat(2), following links.
pub fn fstatat(at: At, path: Word) -> Result<Stat> {
    stat(at, path, 0)
}

/// lstat(2).
pub fn lstatat(at: At, path: Word) -> Result<Stat> {
    stat(at, path, k::AT_SYMLINK_NOFOLLOW)
}

/// fstat(2), of an `O_PATH` descriptor too.
pub fn fstat(fd: At) -> Result<Stat> {
    stat(fd, word(c""), k::AT_EMPTY_PATH)
}

/// statx(2) `STATX_MNT_ID`: the number of the mount on which a path ends, without mounting anything by looking.
pub fn mount_id(at: At, path: Word) -> Result<u64> {
    let mut s = MaybeUninit::<k::statx>::uninit();
    let flags = k::AT_SYMLINK_NOFOLLOW | k::AT_NO_AUTOMOUNT | k::AT_STATX_DONT_SYNC;
    // SAFETY: `path` outlives the call; the kernel fills the whole structure when it succeeds.
    let s = unsafe {
        check(sc::syscall!(STATX, number(at.number()), path.as_ptr(), flags, k::STATX_MNT_ID, s.as_mut_ptr()))?;
        s.assume_init()
    };
    Ok(s.stx_mnt_id)
}

/// statx(2) `STATX_ATTR_MOUNT_ROOT`: whether a path is where something is mounted.
#[cfg(feature = "full")]
pub fn is_mount_root(path: Word) -> Result<bool> {
    let mut s = MaybeUninit::<k::statx>::uninit();
    // SAFETY: `path` outlives the call; the kernel fills the whole structure when it succeeds.
    let s = unsafe {
        let at = number(At::CWD.number());
        check(sc::syscall!(STATX, at, path.as_ptr(), k::AT_STATX_DONT_SYNC, 0, s.as_mut_ptr()))?;
        s.assume_init()
    };
    Ok(s.stx_attributes & u64::from(k::STATX_ATTR_MOUNT_ROOT) != 0)
}

/// utimensat(2) with `AT_EMPTY_PATH`: gives what `fd` is open on the access and modification times in `stat`.
pub fn restore_times(fd: At, stat: &Stat) -> Result<()> {
    let (empty, times) = (c"".as_ptr(), stat.times.as_ptr());
    // SAFETY: the empty path is NUL-terminated and the two times outlive the call.
    done(unsafe { sc::syscall!(UTIMENSAT, number(fd.number()), empty, times, k::AT_EMPTY_PATH) })
}

/// fchmodat(2).
pub fn fchmodat(at: At, path: Word, mode: u32) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(FCHMODAT, number(at.number()), path.as_ptr(), mode) })
}

/// fchownat(2).
pub fn fchownat(at: At, path: Word, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(FCHOWNAT, number(at.number()), path.as_ptr(), uid, gid, 0) })
}

/// fchmod(2).
pub fn fchmod(fd: At, mode: u32) -> Result<()> {
    nothing!(FCHMOD, fd.number(), mode)
}

/// fchown(2) of the owner alone.
pub fn fchown(fd: At, uid: u32) -> Result<()> {
    nothing!(FCHOWN, fd.number(), uid, u32::MAX)
}

/// fcntl(2) `F_DUPFD_CLOEXEC`: another number for the same, above those of the standard streams.
pub fn duplicate(fd: At) -> Result<Fd> {
    descriptor!(FCNTL, fd.number(), k::F_DUPFD_CLOEXEC, 3)
}

/// dup3(2): what this standard stream is from now on.
pub fn become_stream(fd: At, number: u32) -> Result<()> {
    debug_assert!(number < 3, "no `Fd` owns the number");
    nothing!(DUP3, fd.number(), number, 0)
}

/// memfd_create(2): a file in memory that can be sealed. `executable`: whatever `vm.memfd_noexec` makes of those that do not say
/// so, but for 2, with which there is none (EACCES).
pub fn memfd(name: Word, executable: bool) -> Result<Fd> {
    let flags = k::MFD_CLOEXEC | k::MFD_ALLOW_SEALING | if executable { k::MFD_EXEC } else { 0 };
    // SAFETY: `name` is NUL-terminated and outlives the call.
    opened(unsafe { sc::syscall!(MEMFD_CREATE, name.as_ptr(), flags) })
}

/// sendfile(2), as much as there is or goes at once: how many bytes went.
pub fn sendfile(to: At, from: At) -> Result<usize> {
    // SAFETY: without an offset nothing of this process is read or written.
    check(unsafe { sc::syscall!(SENDFILE, number(to.number()), number(from.number()), 0, i32::MAX) })
}

/// fcntl(2) `F_ADD_SEALS`: what is in it stays, and so do the seals.
pub fn seal(fd: At) -> Result<()> {
    let seals = k::F_SEAL_SEAL | k::F_SEAL_SHRINK | k::F_SEAL_GROW | k::F_SEAL_WRITE;
    nothing!(FCNTL, fd.number(), k::F_ADD_SEALS, seals)
}

/// flock(2) with `LOCK_SH | LOCK_NB`: `EAGAIN` when someone holds it exclusively.
pub fn try_lock_shared(fd: At) -> Result<()> {
    nothing!(FLOCK, fd.number(), k::LOCK_SH | k::LOCK_NB)
}

/// flock(2) with `LOCK_EX | LOCK_NB`: `EAGAIN` when anyone else holds it.
pub fn try_lock_exclusive(fd: At) -> Result<()> {
    nothing!(FLOCK, fd.number(), k::LOCK_EX | k::LOCK_NB)
}

/// flock(2) with `LOCK_EX`: waits for whoever holds it.
#[cfg(feature = "full")]
pub fn lock_exclusive(fd: At) -> Result<()> {
    nothing!(FLOCK, fd.number(), k::LOCK_EX)
}

/// flock(2) with `LOCK_UN`.
#[cfg(feature = "full")]
pub fn unlock(fd: At) -> Result<()> {
    nothing!(FLOCK, fd.number(), k::LOCK_UN)
}

/// A lock on one byte, whether or not the file has it.
const fn byte(kind: u32, number: u32) -> k::flock {
    k::flock { l_type: kind as i16, l_whence: k::SEEK_SET as i16, l_start: number as i64, l_len: 1, l_pid: 0 }
}

/// fcntl(2) `F_OFD_SETLK`: locks the byte of this number for everyone who has this open file description, and to the end of it;
/// `EAGAIN` when another has it.
pub fn lock_byte(fd: At, number: u32) -> Result<()> {
    let lock = byte(k::F_WRLCK, number);
    // SAFETY: the kernel reads one flock.
    done(unsafe { sc::syscall!(FCNTL, super::number(fd.number()), k::F_OFD_SETLK, &raw const lock) })
}

/// fcntl(2) `F_OFD_GETLK`: whether another has locked the byte.
pub fn is_byte_locked(fd: At, number: u32) -> Result<bool> {
    let mut lock = byte(k::F_WRLCK, number);
    // SAFETY: the kernel reads one flock and writes it.
    check(unsafe { sc::syscall!(FCNTL, super::number(fd.number()), k::F_OFD_GETLK, &raw mut lock) })?;
    Ok(lock.l_type != k::F_UNLCK as i16)
}

/// pipe2(2): the end that is read and the one that is written.
pub fn pipe() -> Result<[Fd; 2]> {
    let mut fds = [0i32; 2];
    // SAFETY: the kernel writes two descriptors.
    check(unsafe { sc::syscall!(PIPE2, fds.as_mut_ptr(), k::O_CLOEXEC) })?;
    Ok(fds.map(|fd| Fd::new(fd as usize)))
}

/// getrandom(2) `GRND_INSECURE`, which never waits: a number that others will hardly have.
pub fn random() -> Result<u32> {
    let mut number = 0u32;
    // SAFETY: the kernel writes at most four bytes.
    check(unsafe { sc::syscall!(GETRANDOM, &raw mut number, size_of::<u32>(), k::GRND_INSECURE) })?;
    Ok(number)
}

/// chdir(2).
pub fn chdir(path: Word) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(CHDIR, path.as_ptr()) })
}

/// fchdir(2).
pub fn fchdir(fd: At) -> Result<()> {
    nothing!(FCHDIR, fd.number())
}

/// chroot(2).
pub fn chroot(path: Word) -> Result<()> {
    // SAFETY: `path` is NUL-terminated and outlives the call.
    done(unsafe { sc::syscall!(CHROOT, path.as_ptr()) })
}

/// close_range(2): closes every descriptor from `first` to `last`.
///
/// Only for numbers that no `Fd` owns: those that the caller left open, before anything of ours is.
pub fn close_range(first: u32, last: u32) -> Result<()> {
    nothing!(CLOSE_RANGE, first, last, 0)
}

/// fcntl(2) `F_SETFD`: what is executed does not get this descriptor.
pub fn set_cloexec(fd: u32) -> Result<()> {
    nothing!(FCNTL, fd, k::F_SETFD, k::FD_CLOEXEC)
}

/// A descriptor by the number that the caller gave it. There may be none of this number: then calls say EBADF.
pub const fn borrowed(fd: u32) -> At<'static> {
    At::of_number(fd as i32)
}

/// fcntl(2) `F_GETFD`: whether there is such a descriptor at all.
pub fn is_open(fd: u32) -> bool {
    plain!(FCNTL, fd, k::F_GETFD).is_ok()
}

/// fcntl(2) `F_GETFD`: whether what is executed gets this descriptor.
#[cfg(feature = "full")]
pub fn is_inherited(fd: At) -> Result<bool> {
    plain!(FCNTL, fd.number(), k::F_GETFD).map(|flags| flags == 0)
}

/// fcntl(2) `F_GETFL`: how what a descriptor is open on was opened.
#[cfg(feature = "full")]
pub fn opened_how(fd: At) -> Result<Open> {
    plain!(FCNTL, fd.number(), k::F_GETFL).map(|flags| Open(flags as u32))
}

/// fcntl(2) `F_GETFL`: whether what a descriptor is open on can be read by it, and written.
#[cfg(feature = "full")]
pub fn access(fd: At) -> Result<[bool; 2]> {
    let mode = plain!(FCNTL, fd.number(), k::F_GETFL)? as u32 & k::O_ACCMODE;
    Ok([mode != k::O_WRONLY, mode != k::O_RDONLY])
}

/// The name of a directory's entry, as getdents64(2) lists them.
pub struct Entries<'b> {
    rest: &'b [u8],
}

/// getdents64(2): some entries of an open directory; `None` after the last.
pub fn getdents<'b>(fd: At, buffer: &'b mut [u8]) -> Result<Option<Entries<'b>>> {
    // SAFETY: the kernel writes at most `len` bytes.
    let length = check(unsafe { sc::syscall!(GETDENTS64, number(fd.number()), buffer.as_mut_ptr(), buffer.len()) })?;
    Ok(buffer.get(..length).filter(|rest| !rest.is_empty()).map(|rest| Entries { rest }))
}

impl<'b> Iterator for Entries<'b> {
    type Item = Word<'b>;

    fn next(&mut self) -> Option<Word<'b>> {
        // A record is inode (8), offset (8), length (2), type (1), then the name and its NUL.
        const LENGTH: usize = 16;
        const NAME: usize = 19;
        let length = u16::from_ne_bytes([*self.rest.get(LENGTH)?, *self.rest.get(LENGTH + 1)?]);
        let name = Word::in_bytes(self.rest.get(NAME..)?)?;
        self.rest = self.rest.get(usize::from(length)..).unwrap_or_default();
        Some(name)
    }
}

/// Writes all of `bytes`, going on after a signal or a short write.
///
/// # Errors
/// The first real error, with some of the bytes perhaps written.
pub fn write_all(fd: At, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
