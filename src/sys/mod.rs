//! The ground floor: one small typed function per system call, and the only `unsafe` of the project.
//!
//! A wrapper is a signature and a number. It makes one system call and has no loop, no fallback and no message:
//! choices are made above. Names are those of the man pages; every descriptor is close-on-exec from birth.

// Everything above this floor denies `unsafe`; here it is the trade, and every block says why it is sound.
#![allow(unsafe_code)]

pub mod arena;
#[cfg(feature = "full")]
pub mod bpf;
pub mod entry;
pub mod errno;
pub mod fd;
pub mod file;
pub mod identity;
pub mod loops;
pub mod mount;
pub mod poll;
pub mod process;
#[cfg(feature = "boot")]
pub mod reboot;
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

/// The same of one that gives nothing.
macro_rules! nothing {
    ($name:ident $(, $argument:expr)* $(,)?) => {
        // SAFETY: every argument is a number (the type of `number` sees to it), so no memory is touched.
        $crate::sys::errno::done(unsafe { sc::syscall!($name $(, $crate::sys::number($argument))*) })
    };
}
pub(crate) use nothing;

/// The same of one that gives a descriptor.
macro_rules! descriptor {
    ($name:ident $(, $argument:expr)* $(,)?) => {
        // SAFETY: every argument is a number (the type of `number` sees to it), so no memory is touched.
        $crate::sys::errno::opened(unsafe { sc::syscall!($name $(, $crate::sys::number($argument))*) })
    };
}
pub(crate) use descriptor;

/// A numeric argument, which is never a pointer. Where the kernel takes an `int` it looks at the lower half of a register
/// alone, so that a negative one needs no sign above.
#[inline(always)]
pub(crate) fn number(value: impl Number) -> usize {
    value.in_register()
}

pub(crate) trait Number {
    fn in_register(self) -> usize;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Number for $type {
            #[inline(always)]
            fn in_register(self) -> usize {
                self as u32 as usize
            }
        }
    )*};
}
numbers!(i32 u32 u8);
