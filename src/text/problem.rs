//! What went wrong, as a person is told: one line, and one of advice where the cause is known.

use super::{Text, sentence::Sentence};
use crate::sys::{Arena, Errno, Word};

/// Exit status when aril itself failed, as docker-run(1) has it.
pub const FAILED: u8 = 125;
/// Exit status when the command exists and cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// Exit status when the command was not found.
pub const NOT_FOUND: u8 = 127;

/// Without memory no text can be put together. It is the reason that mmap(2) has unless a filter forbids it.
pub const NO_MEMORY: &[u8] = b"aril: reserve memory: Cannot allocate memory (ENOMEM)\n";

/// An error on its way to `main`, which alone prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem<'m> {
    /// With what the program exits.
    pub status: u8,
    /// What was tried, on what, and the reason.
    pub line: Word<'m>,
    /// What to do about it.
    pub advice: Option<Word<'m>>,
}

/// A value, or what a person is told instead.
pub type Told<'m, T> = Result<T, &'m Problem<'m>>;

impl<'m> Problem<'m> {
    /// aril itself refuses something: a sentence with a word for each `%`.
    pub fn refused(arena: &'m Arena, sentence: Sentence, words: &[Word]) -> &'m Self {
        let line = super::text(arena, sentence, words);
        arena.hold(Problem { status: FAILED, line, advice: None })
    }

    /// The kernel refused something: what was tried, and the reason.
    pub fn failed(arena: &'m Arena, sentence: Sentence, words: &[Word], errno: Errno) -> &'m Self {
        let mut text = Text::new(arena);
        text.fill(sentence, words).add(b": ").errno(errno);
        arena.hold(Problem { status: FAILED, line: text.word(), advice: None })
    }

    /// The same, with what to do.
    pub fn advise(&self, arena: &'m Arena, sentence: Sentence, words: &[Word]) -> &'m Self
    where
        Self: 'm,
    {
        arena.hold(Problem { advice: Some(super::text(arena, sentence, words)), ..*self })
    }

    /// As it is printed. The words have been made harmless when they were filled in.
    pub fn write(&self, text: &mut Text) {
        text.add(b"aril: ").add(self.line.bytes()).add(b"\n");
        if let Some(advice) = self.advice {
            text.add(b"      ").add(advice.bytes()).add(b"\n");
        }
    }
}
