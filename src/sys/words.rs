//! The words of a command line and of an environment: C strings behind pointers, as the kernel lays them out for a new
//! process and as execve(2) takes them.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// A borrowed C string, in the kernel's form: one pointer.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Word<'a>(NonNull<c_char>, PhantomData<&'a CStr>);

impl<'a> Word<'a> {
    /// The string.
    pub fn as_cstr(self) -> &'a CStr {
        // SAFETY: a `Word` is made only from a `&'a CStr` or from the kernel's own start block, both NUL-terminated and
        // alive for 'a.
        unsafe { CStr::from_ptr(self.0.as_ptr()) }
    }
}

impl<'a> From<&'a CStr> for Word<'a> {
    fn from(string: &'a CStr) -> Self {
        Self(NonNull::from(string).cast(), PhantomData)
    }
}

/// What the kernel left on the stack of a new process.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The words of the command line, the program's own name first.
    pub arguments: &'static [Word<'static>],
    /// The environment: `NAME=VALUE`.
    pub environment: &'static [Word<'static>],
    /// The words and the NULL after them, as execve(2) takes them.
    pub terminated_arguments: &'static [Option<Word<'static>>],
    /// The environment and the NULL after it.
    pub terminated_environment: &'static [Option<Word<'static>>],
}

impl Start {
    /// Reads the block that the kernel puts above the initial stack pointer: argc, argv, NULL, envp, NULL.
    ///
    /// # Safety
    /// `stack` must be the stack pointer with which the kernel started this process.
    pub unsafe fn from_stack(stack: *const usize) -> Self {
        // SAFETY: by the contract the layout is the kernel's: argc non-null pointers to strings that live as long as the
        // process, a NULL, then the environment likewise (execve(2), System V ABI "initial process stack").
        unsafe {
            let argc = *stack;
            let arguments = stack.add(1).cast::<Word<'static>>();
            let environment = stack.add(1 + argc + 1);
            let mut count = 0;
            while *environment.add(count) != 0 {
                count += 1;
            }
            Self {
                arguments: core::slice::from_raw_parts(arguments, argc),
                environment: core::slice::from_raw_parts(environment.cast(), count),
                terminated_arguments: core::slice::from_raw_parts(arguments.cast(), argc + 1),
                terminated_environment: core::slice::from_raw_parts(environment.cast(), count + 1),
            }
        }
    }

    /// Fills the strings of the environment with zeros, so that this process's `/proc/PID/environ` shows nothing that
    /// its caller had. The words remain valid: they are empty now.
    pub fn erase_environment(self) {
        erase(self.environment);
    }

    /// The same for the command line after the program's name, which may name secrets and paths of the host.
    pub fn erase_arguments(self) {
        erase(self.arguments.get(1..).unwrap_or_default());
    }
}

fn erase(words: &[Word<'static>]) {
    for word in words {
        let length = word.as_cstr().to_bytes().len();
        // SAFETY: the kernel copied these strings onto this process's own writable stack; each still ends in its NUL
        // afterwards, so every `Word` that points at one remains a valid, empty, C string. Nobody holds a `&CStr` of one
        // across the call by the callers' order: they are erased when the last reader is done.
        unsafe { core::ptr::write_bytes(word.0.as_ptr(), 0, length) }
    }
}
