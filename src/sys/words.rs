//! The words of a command line and of an environment: C strings behind pointers, as the kernel lays them out for a new
//! process and as execve(2) takes them.

use super::identity::permitted_capabilities;
use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// A borrowed C string, in the kernel's form: one pointer.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Word<'a>(NonNull<c_char>, PhantomData<&'a CStr>);

/// A literal as a `Word`: `word(c"/proc")`.
pub const fn word(literal: &'static CStr) -> Word<'static> {
    Word::new(literal)
}

impl<'a> Word<'a> {
    /// A C string without its length.
    pub const fn new(string: &'a CStr) -> Self {
        // SAFETY: a reference is never null.
        Self(unsafe { NonNull::new_unchecked(string.as_ptr().cast_mut()) }, PhantomData)
    }

    /// The C string at the start of `bytes`; `None` if no NUL ends it there.
    pub fn in_bytes(bytes: &'a [u8]) -> Option<Self> {
        bytes.iter().position(|byte| *byte == 0)?;
        // SAFETY: a reference is never null, and the NUL that was found ends the string inside the slice.
        Some(Self(unsafe { NonNull::new_unchecked(bytes.as_ptr().cast_mut().cast()) }, PhantomData))
    }

    /// Without the NUL.
    pub fn bytes(self) -> &'a [u8] {
        // SAFETY: a `Word` is made only from what is NUL-terminated and alive for 'a.
        unsafe { CStr::from_ptr(self.0.as_ptr()) }.to_bytes()
    }

    /// What follows the first `length` bytes; empty where there is nothing.
    pub fn after(self, length: usize) -> Self {
        let length = length.min(self.bytes().len());
        // SAFETY: the string is at least that long, so its NUL still ends it.
        Self(unsafe { self.0.add(length) }, PhantomData)
    }

    /// What follows this beginning, if it has it.
    #[inline(never)]
    pub fn strip(self, beginning: &[u8]) -> Option<Self> {
        self.bytes().starts_with(beginning).then(|| self.after(beginning.len()))
    }

    /// The same words as a part of what execve(2) takes.
    pub const fn some(words: &[Self]) -> &[Option<Self>] {
        // SAFETY: a `Word` is one pointer that is never null, of which an `Option` has the form.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    pub fn is_empty(self) -> bool {
        // SAFETY: there is at least the NUL.
        unsafe { *self.0.as_ptr() == 0 }
    }

    pub(super) const fn as_ptr(self) -> *const c_char {
        self.0.as_ptr()
    }
}

impl Default for Word<'_> {
    /// The empty one.
    fn default() -> Self {
        word(c"")
    }
}

impl PartialEq for Word<'_> {
    /// Byte by byte: most differ early, and no length is known.
    #[inline(never)]
    fn eq(&self, other: &Self) -> bool {
        let (mut one, mut other) = (self.as_ptr(), other.as_ptr());
        // SAFETY: both end with a NUL, and nothing is read behind the first one that is met: there they are equal and at
        // their end, or differ.
        unsafe {
            while *one == *other {
                if *one == 0 {
                    return true;
                }
                (one, other) = (one.add(1), other.add(1));
            }
        }
        false
    }
}

impl Eq for Word<'_> {}

impl core::fmt::Debug for Word<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

/// Words one after the other, a NUL behind each.
#[derive(Clone, Copy, Debug)]
pub struct Words(&'static [u8]);

impl Words {
    /// # Panics
    /// The last NUL is missing: a constant does not compile then.
    pub const fn new(words: &'static [u8]) -> Self {
        assert!(matches!(words, [.., 0]));
        Self(words)
    }
}

impl Iterator for Words {
    type Item = Word<'static>;

    #[inline(never)]
    fn next(&mut self) -> Option<Word<'static>> {
        if self.0.is_empty() {
            return None;
        }
        // SAFETY: a reference is never null, and there is a NUL in the slice: its last byte, as `new` has seen.
        let word = Word(unsafe { NonNull::new_unchecked(self.0.as_ptr().cast_mut().cast()) }, PhantomData);
        self.0 = self.0.get(word.bytes().len() + 1..)?;
        Some(word)
    }
}

/// What the kernel left on the stack of a new process.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    arguments: &'static [Word<'static>],
    environment: &'static [Word<'static>],
    anew: &'static [Option<Word<'static>>],
}

impl Start {
    /// The words of the command line, the program's own name first.
    pub const fn arguments(self) -> &'static [Word<'static>] {
        self.arguments
    }

    /// The environment: `NAME=VALUE`.
    pub const fn environment(self) -> &'static [Word<'static>] {
        self.environment
    }

    /// The words with which this program would be executed anew: those of the command line, unless others stand for them.
    pub const fn anew(self) -> &'static [Option<Word<'static>>] {
        self.anew
    }

    /// Others stand for those of the command line.
    pub const fn with(self, anew: &'static [Option<Word<'static>>]) -> Self {
        Self { anew, ..self }
    }

    /// The words and the NULL after them, as execve(2) takes them.
    pub const fn terminated_arguments(self) -> &'static [Option<Word<'static>>] {
        // SAFETY: a NULL follows them, as `from_stack` has found them.
        unsafe { with_null(self.arguments) }
    }

    /// The environment and the NULL after it.
    pub const fn terminated_environment(self) -> &'static [Option<Word<'static>>] {
        // SAFETY: likewise.
        unsafe { with_null(self.environment) }
    }

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
                anew: core::slice::from_raw_parts(arguments.cast(), argc + 1),
            }
        }
    }

    /// Whether executing this program gave it a right that its caller does not have: set-user-id, set-group-id or capabilities of
    /// the file. A security module may call an execution secure (`AT_SECURE`) that gives none.
    pub fn is_privileged_by_file(self) -> bool {
        let (mut is_secure, mut uid) = (false, 0);
        self.auxiliary(|kind, value| match kind.into() {
            libc::AT_SECURE => is_secure = value != 0,
            libc::AT_UID => uid = value,
            _ => {}
        });
        self.has_ids_of_file() || is_secure && uid != 0 && permitted_capabilities() != Ok(0)
    }

    /// The same of set-user-id and set-group-id alone: the ids of the caller and those in force differ.
    pub fn has_ids_of_file(self) -> bool {
        let mut differ = 0;
        self.auxiliary(|kind, value| {
            // Users are 11 and 12, groups 13 and 14; both have 32 bits.
            let place = kind.wrapping_sub(libc::AT_UID as u32);
            if place < 4 {
                differ ^= value << ((place & 2) * 16);
            }
        });
        differ != 0
    }

    /// Whether this program was executed by a descriptor (execveat(2) with an empty path): its process is then called after a number,
    /// or after a copy in memory.
    pub fn is_by_descriptor(self) -> bool {
        let mut path = word(c"");
        self.auxiliary(|kind, value| {
            if let Some(string) = NonNull::new(value as *mut _).filter(|_| kind == libc::AT_EXECFN as u32) {
                // SAFETY: the value of this kind is the address of the path that was executed, with a NUL at its end, on the stack.
                path = Word(string, PhantomData);
            }
        });
        path.bytes().starts_with(b"/dev/fd/")
    }

    /// The auxiliary vector (getauxval(3)): kinds, and their values.
    fn auxiliary(self, mut see: impl FnMut(u32, usize)) {
        // SAFETY: behind the environment's NULL are pairs of a kind and its value, of which the last has the kind 0 (System V ABI
        // "initial process stack"); `environment` is always that of the start block.
        unsafe {
            let mut pair = self.environment.as_ptr().add(self.environment.len() + 1).cast::<usize>();
            while *pair != 0 {
                see(*pair as u32, *pair.add(1));
                pair = pair.add(2);
            }
        }
    }

    /// Fills the strings of the environment with zeros, so that this process's `/proc/PID/environ` shows nothing that
    /// its caller had, and those of the command line after the program's name, which may name secrets and paths of the host and
    /// which anyone may read. The words remain valid: they are empty now.
    pub fn erase(self) {
        for words in [self.arguments.get(1..).unwrap_or_default(), self.environment] {
            for word in words {
                let length = word.bytes().len();
                // SAFETY: the kernel copied these strings onto this process's own writable stack; each still ends in its NUL
                // afterwards, so every `Word` that points at one remains a valid, empty, C string. Nobody holds a `&CStr` of
                // one across the call by the caller's order: they are erased when the last reader is done.
                unsafe { core::ptr::write_bytes(word.0.as_ptr(), 0, length) }
            }
        }
    }
}

/// Words and the NULL behind them.
///
/// # Safety
/// It is there.
const unsafe fn with_null(words: &'static [Word<'static>]) -> &'static [Option<Word<'static>>] {
    // SAFETY: by the contract; a `Word` is one pointer that is never null, of which an `Option` has the form.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len() + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_equal_if_all_their_bytes_are() {
        let all = [c"", c"a", c"ab", c"b", c"\xff"];
        for (at, one) in all.iter().enumerate() {
            for (number, other) in all.iter().enumerate() {
                let copied = std::ffi::CString::from(*other);
                assert_eq!(Word::new(one) == Word::new(&copied), at == number, "{one:?}, {other:?}");
            }
        }
    }

    #[test]
    fn words_are_told_from_each_other_by_their_end() {
        let all = |words: &'static [u8]| Words::new(words).map(|word| word.bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(all(b"a\0bc\0"), [&b"a"[..], b"bc"]);
        assert_eq!(all(b"\0\0a\0"), [&b""[..], b"", b"a"]);
    }

    #[test]
    #[should_panic(expected = "assertion failed")]
    fn no_word_is_without_its_end() {
        Words::new(b"a\0b");
    }
}
