//! Descriptors: `Fd` owns one and closes it, `At` borrows one as the base of a path.

use super::plain;
use core::marker::PhantomData;
use linux_raw_sys::general::AT_FDCWD;

/// An open descriptor that is closed when dropped.
#[derive(Debug)]
pub struct Fd(i32);

/// A borrowed descriptor: where a path begins, or what a call works on.
#[derive(Clone, Copy, Debug)]
pub struct At<'fd>(i32, PhantomData<&'fd Fd>);

impl Fd {
    /// Takes over a descriptor that a system call has just returned.
    pub(super) const fn new(number: usize) -> Self {
        Self(number as i32)
    }

    /// This descriptor, borrowed.
    pub const fn at(&self) -> At<'_> {
        At(self.0, PhantomData)
    }

    /// Open as long as this process lives.
    pub const fn keep(self) -> At<'static> {
        let at = At(self.0, PhantomData);
        core::mem::forget(self);
        at
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // close(2) frees the number whatever it returns, so there is nothing to do about an error.
        plain!(CLOSE, self.0).ok();
    }
}

impl At<'static> {
    /// Standard input.
    pub const STDIN: Self = At(0, PhantomData);
    /// Standard output.
    pub const STDOUT: Self = At(1, PhantomData);
    /// Standard error.
    pub const STDERR: Self = At(2, PhantomData);
    /// All three, by their numbers.
    pub const STREAMS: [Self; 3] = [Self::STDIN, Self::STDOUT, Self::STDERR];
    /// The working directory, as openat(2) and its kin take it.
    pub const CWD: Self = At(AT_FDCWD, PhantomData);
}

impl At<'_> {
    pub(super) const fn of_number(number: i32) -> At<'static> {
        At(number, PhantomData)
    }

    /// The number, as it stands below `/proc/self/fd`.
    pub const fn number(self) -> i32 {
        self.0
    }
}
