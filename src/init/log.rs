//! What an init says while it runs: a line on standard error, made in memory that is given back at once.

use super::Persona;
use crate::sys::{Arena, At, Word, file, tolerate};
use crate::text::sentence::Sentence;
use crate::text::{Text, decimal};

/// Something is wrong, or was asked for.
pub const WARN: u8 = 1;
/// The command's beginning and end.
pub const INFO: u8 = 2;
/// Every event.
pub const DEBUG: u8 = 3;

/// Who speaks, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    pub persona: Persona,
    /// The highest level that is said.
    pub level: u8,
    /// The level at which an orphan's end is told.
    pub reaping: u8,
}

impl Log {
    pub const SILENT: Self = Self { persona: Persona::Own, level: 0, reaping: DEBUG };

    /// A sentence with at most two numbers, if it is of interest.
    pub fn say(&self, level: u8, sentence: Sentence, numbers: &[u32]) {
        if level > self.level {
            return;
        }
        // Without memory nothing can be said.
        let Ok(arena) = Arena::new() else { return };
        let mut words = [Word::default(); 2];
        for (word, number) in words.iter_mut().zip(numbers) {
            *word = decimal(&arena, (*number).into());
        }
        let mut text = Text::new(&arena);
        text.add(self.persona.prefix()).fill(sentence, &words).add(b"\n");
        let at = if level > WARN && self.persona.informs_on_stdout() { At::STDOUT } else { At::STDERR };
        // Whoever read it may be gone.
        tolerate(file::write_all(at, text.bytes()));
    }
}
