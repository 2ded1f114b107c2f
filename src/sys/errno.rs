//! Error numbers of the kernel, with their names and the usual sentence for each (errno(3)).

use super::Fd;
use linux_raw_sys::errno as e;

/// An error number as the kernel returned it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub u16);

/// What a system call gives: its value, or the kernel's reason.
pub type Result<T> = core::result::Result<T, Errno>;

/// Takes a failure that changes nothing for anyone. Each use says why.
pub fn tolerate<T>(_: Result<T>) {}

/// The kernel returns errors as -4095 to -1 (syscalls(2)).
const LARGEST_ERROR: usize = 4095;

/// A raw return value of a call that gives nothing.
#[inline(never)]
pub(crate) fn done(value: usize) -> Result<()> {
    check(value).map(drop)
}

/// A raw return value of a call that gives a descriptor.
#[inline(never)]
pub(crate) fn opened(value: usize) -> Result<Fd> {
    check(value).map(Fd::new)
}

/// A raw return value as a `Result`.
#[inline]
pub(crate) fn check(value: usize) -> Result<usize> {
    let error = value.wrapping_neg();
    if error.wrapping_sub(1) < LARGEST_ERROR { Err(Errno(error as u16)) } else { Ok(value) }
}

macro_rules! errnos {
    ($($name:ident $text:literal)*; $($more:ident $said:literal)*) => {
        impl Errno {
            $(#[doc = $text] pub const $name: Self = Self(e::$name as u16);)*
            $(#[cfg(feature = "boot")] #[doc = $said] pub const $more: Self = Self(e::$more as u16);)*

            /// The numbers of every error that one of our system calls can meet.
            #[cfg(feature = "boot")]
            pub const NUMBERS: &[u8] = &[$(e::$name as u8,)* $(e::$more as u8,)*];
            #[cfg(not(feature = "boot"))]
            pub const NUMBERS: &[u8] = &[$(e::$name as u8,)*];
            /// For each number its sentence and name, such as `No such file or directory (ENOENT)`, as a line of one text.
            #[cfg(feature = "boot")]
            pub const TEXTS: &str = concat!(
                $($text, " (", stringify!($name), ")\n",)* $($said, " (", stringify!($more), ")\n",)*
            );
            #[cfg(not(feature = "boot"))]
            pub const TEXTS: &str = concat!($($text, " (", stringify!($name), ")\n",)*);
        }
    };
}

errnos! {
    EPERM "Operation not permitted"
    ENOENT "No such file or directory"
    ESRCH "No such process"
    EINTR "Interrupted system call"
    EIO "Input/output error"
    ENXIO "No such device or address"
    E2BIG "Argument list too long"
    ENOEXEC "Exec format error"
    EBADF "Bad file descriptor"
    ECHILD "No child processes"
    EAGAIN "Resource temporarily unavailable"
    ENOMEM "Cannot allocate memory"
    EACCES "Permission denied"
    EFAULT "Bad address"
    EBUSY "Device or resource busy"
    EEXIST "File exists"
    EXDEV "Invalid cross-device link"
    ENODEV "No such device"
    ENOTDIR "Not a directory"
    EISDIR "Is a directory"
    EINVAL "Invalid argument"
    ENFILE "Too many open files in system"
    EMFILE "Too many open files"
    ENOTTY "Inappropriate ioctl for device"
    ETXTBSY "Text file busy"
    EFBIG "File too large"
    ENOSPC "No space left on device"
    EROFS "Read-only file system"
    EMLINK "Too many links"
    EPIPE "Broken pipe"
    ERANGE "Numerical result out of range"
    ENAMETOOLONG "File name too long"
    ENOSYS "Function not implemented"
    ENOTEMPTY "Directory not empty"
    ELOOP "Too many levels of symbolic links"
    ENODATA "No data available"
    EOVERFLOW "Value too large for defined data type"
    ELIBBAD "Accessing a corrupted shared library"
    EUSERS "Too many users"
    EOPNOTSUPP "Operation not supported"
    ETIMEDOUT "Connection timed out"
    ESTALE "Stale file handle"
    EDQUOT "Disk quota exceeded"
    ECONNRESET "Connection reset by peer"
    ; // of a machine that begins
    EAFNOSUPPORT "Address family not supported by protocol"
    EADDRNOTAVAIL "Cannot assign requested address"
    ENETDOWN "Network is down"
    ENETUNREACH "Network is unreachable"
    EUCLEAN "Structure needs cleaning"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_page_of_values_is_an_error() {
        assert_eq!(check(0), Ok(0));
        assert_eq!(check(-1isize as usize), Err(Errno::EPERM));
        assert_eq!(check(-4095isize as usize), Err(Errno(4095)));
        assert_eq!(check(-4096isize as usize), Ok(-4096isize as usize));
    }

    #[test]
    fn every_number_has_its_own_line() {
        for (at, number) in Errno::NUMBERS.iter().enumerate() {
            assert!(!Errno::NUMBERS[..at].contains(number));
        }
        assert_eq!(Errno::TEXTS.lines().count(), Errno::NUMBERS.len());
        assert_eq!(Errno::TEXTS.lines().nth(1), Some("No such file or directory (ENOENT)"));
    }
}
