//! What an init says: a line, made in memory that is given back at once.

use super::Persona;
use crate::sys::{Arena, At, Errno, Word, file, tolerate};
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

/// What stands for a `%` of a sentence.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Word(Word<'a>),
    Number(u64),
    Errno(Errno),
}

impl Log {
    pub const SILENT: Self = Self { persona: Persona::Own, level: 0, reaping: DEBUG };

    /// A sentence with a number, if it is of interest.
    #[inline(never)]
    pub fn say(&self, level: u8, sentence: Sentence, number: u32) {
        if level <= self.level {
            let at = if level > WARN && self.persona == Persona::Tini { At::STDOUT } else { At::STDERR };
            print(at, self.persona.prefix(), sentence, &[Value::Number(number.into())]);
        }
    }
}

/// Writes a sentence, after a prefix. Whoever reads it may be gone.
#[inline(never)]
pub fn print(at: At, prefix: &[u8], sentence: Sentence, values: &[Value]) {
    // Without memory nothing more can be said.
    let Ok(arena) = Arena::new() else { return tolerate(file::write_all(at, prefix)) };
    let mut words = [Word::default(); 4];
    for (word, value) in words.iter_mut().zip(values) {
        *word = match *value {
            Value::Word(given) => given,
            Value::Number(number) => decimal(&arena, number),
            Value::Errno(errno) => {
                let mut text = Text::new(&arena);
                text.errno(errno);
                text.word()
            }
        };
    }
    let mut text = Text::new(&arena);
    text.add(prefix).fill(sentence, &words);
    tolerate(file::write_all(at, text.bytes()));
}
