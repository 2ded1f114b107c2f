//! The ground floor: one small typed function per system call, and the only `unsafe` of the project.
//!
//! A wrapper is a signature and a number. It makes one system call and has no loop, no fallback and no message:
//! choices are made above. Names are those of the man pages; every descriptor is close-on-exec from birth.

// Everything above this floor denies `unsafe`; here it is the trade, and every block says why it is sound.
#![allow(unsafe_code)]

pub mod arena;
pub mod entry;
pub mod errno;
pub mod fd;
pub mod file;
pub mod identity;
pub mod mount;
pub mod poll;
pub mod process;
pub mod sandbox;
pub mod signal;
pub mod socket;
pub mod terminal;
pub mod words;

pub use arena::{Arena, List};
pub use errno::{Errno, Result, tolerate};
pub use fd::{At, Fd};
pub use words::{Word, word};

/// A system call whose arguments are all plain numbers: the kernel reads and writes no memory of ours.
macro_rules! plain {
    ($name:ident $(, $argument:expr)* $(,)?) => {
        // SAFETY: every argument is a number (the type of `number` sees to it), so no memory is touched.
        $crate::sys::errno::check(unsafe { sc::syscall!($name $(, $crate::sys::number($argument))*) })
    };
}
pub(crate) use plain;

/// A numeric argument as the kernel's register holds it: sign-extended, never a pointer.
#[inline(always)]
pub(crate) fn number(value: impl Into<i64>) -> usize {
    value.into() as usize
}
