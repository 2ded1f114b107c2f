//! Bytes and words: what a person writes and reads. No system call and nothing of containers.
//!
//! Messages are put together from templates rather than with `core::fmt`, which alone is a seventh of the size of all.

pub mod names;
pub mod number;
mod parts;
pub mod path;
pub mod problem;
pub mod sentence;
pub mod table;

pub use crate::t;
pub use parts::{cut, first_word, split};
pub use problem::{Problem, Told};

use crate::sys::{Arena, Errno, List, Word};
use sentence::{Sentence, fragment};

/// A text that is being written.
#[derive(Debug)]
pub struct Text<'m>(List<'m, u8>);

impl<'m> Text<'m> {
    pub const fn new(arena: &'m Arena) -> Self {
        Self(List::new(arena))
    }

    /// Where it grows.
    pub const fn arena(&self) -> &'m Arena {
        self.0.arena()
    }

    /// Bytes as they are.
    #[inline(never)]
    pub fn add(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    /// Bytes for a person's eyes: what would steer a terminal, or is not UTF-8, is shown as `\x1b`.
    pub fn show(&mut self, mut bytes: &[u8]) -> &mut Self {
        while let Some(first) = bytes.first() {
            let length = printable(bytes);
            if length == 0 {
                let [high, low] = hex(*first);
                self.add(&[b'\\', b'x', high, low]);
            }
            let (shown, rest) = bytes.split_at(length.max(1));
            if length > 0 {
                self.add(shown);
            }
            bytes = rest;
        }
        self
    }

    /// Bytes as a string of JSON (RFC 8259): what is not UTF-8 is U+FFFD.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub fn json(&mut self, mut bytes: &[u8]) -> &mut Self {
        self.add(b"\"");
        while let Some(first) = bytes.first() {
            let mut length = printable(bytes);
            match (*first, bytes.get(1)) {
                (b'"' | b'\\', _) => drop(self.add(&[b'\\', *first])),
                _ if length > 0 => drop(self.add(&bytes[..length])),
                (0xc2, Some(control @ 0x80..=0x9f)) => {
                    length = 2;
                    self.escape(*control);
                }
                (control @ (0..b' ' | 0x7f), _) => self.escape(control),
                _ => drop(self.add(b"\\ufffd")),
            }
            bytes = &bytes[length.max(1)..];
        }
        self.add(b"\"")
    }

    #[cfg(feature = "full")]
    fn escape(&mut self, control: u8) {
        self.add(b"\\u00").add(&hex(control));
    }

    /// A sentence with a word shown for each `%`.
    pub fn fill(&mut self, sentence: Sentence, words: &[Word]) -> &mut Self {
        self.unpack(sentence.packed(), words)
    }

    /// The same for a part of a packed sentence, such as one of its lines: no fragment has the end of one in it.
    fn unpack(&mut self, packed: &[u8], words: &[Word]) -> &mut Self {
        let mut words = words.iter();
        for byte in packed {
            match fragment(*byte) {
                Some(fragment) => self.add(fragment),
                None if *byte == b'%' => self.show(words.next().map_or(b"", |word| word.bytes())),
                None => self.add(&[*byte]),
            };
        }
        self
    }

    /// A number in decimal.
    pub fn number(&mut self, mut number: u64) -> &mut Self {
        const LONGEST: usize = 20;
        let mut digits = [0; LONGEST];
        let mut start = LONGEST;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            start -= 1;
            if number == 0 {
                break;
            }
        }
        self.add(digits.get(start..).unwrap_or_default())
    }

    /// The same for JSON.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub fn number_or_null(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.number(number),
            None => self.add(b"null"),
        }
    }

    /// `64 MiB`, `63.9 MiB`: the unit is the largest of which there is one, and what is less than a tenth of it is dropped.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub fn size(&mut self, bytes: u64) -> &mut Self {
        let unit = bytes.checked_ilog2().unwrap_or(0) / 10;
        let tenth = bytes.checked_shr((10 * unit).wrapping_sub(10)).map_or(0, |parts| ((parts & 1023) * 10) >> 10);
        self.number(bytes >> (10 * unit));
        if tenth > 0 {
            self.add(b".").number(tenth);
        }
        match b"KMGTPE".get((unit as usize).wrapping_sub(1)) {
            Some(letter) => self.add(&[b' ', *letter]).add(b"iB"),
            None => self.add(b" B"),
        }
    }

    /// `No such file or directory (ENOENT)`.
    pub fn errno(&mut self, errno: Errno) -> &mut Self {
        self.add(said(self.arena(), errno).bytes())
    }

    /// `ENOENT`.
    pub fn errno_name(&mut self, errno: Errno) -> &mut Self {
        let said = said(self.arena(), errno).bytes();
        self.add(cut(said, b'(').1.map_or(said, |name| cut(name, b')').0))
    }

    /// The eight hexadecimal digits of a number.
    #[cfg(feature = "full")]
    pub fn hex(&mut self, number: u32) -> &mut Self {
        for byte in number.to_be_bytes() {
            self.add(&hex(byte));
        }
        self
    }

    /// What has been written.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The whole text.
    pub fn finish(self) -> &'m [u8] {
        self.0.finish()
    }

    /// The text as a word, cut at a NUL that should not be there.
    pub fn word(mut self) -> Word<'m> {
        self.0.push(0);
        Word::in_bytes(self.0.finish()).unwrap_or_default()
    }
}

/// An error's sentence and name.
pub fn said(arena: &Arena, errno: Errno) -> Word<'_> {
    match Errno::NUMBERS.iter().position(|number| u16::from(*number) == errno.0) {
        Some(line) => {
            let mut text = Text::new(arena);
            text.unpack(split(t!(Errno::TEXTS).packed(), b'\n').nth(line).unwrap_or_default(), &[]);
            text.word()
        }
        None => text(arena, t!("error %"), &[decimal(arena, errno.0.into())]),
    }
}

/// The two digits of a byte.
#[inline(always)]
pub fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// How many bytes the printable character at the start has; 0 if there is none.
fn printable(bytes: &[u8]) -> usize {
    const DELETE: u8 = 0x7f;
    // The bounds of the second byte leave out the C1 controls, overlong forms, surrogates and what lies above U+10FFFF.
    let (length, second) = match bytes[0] {
        b' '..DELETE => return 1,
        0xc2 => (2, 0xa0..=0xbf),
        0xc3..=0xdf => (2, 0x80..=0xbf),
        0xe0 => (3, 0xa0..=0xbf),
        0xed => (3, 0x80..=0x9f),
        0xe1..=0xef => (3, 0x80..=0xbf),
        0xf0 => (4, 0x90..=0xbf),
        0xf1..=0xf3 => (4, 0x80..=0xbf),
        0xf4 => (4, 0x80..=0x8f),
        _ => return 0,
    };
    match bytes.get(1..length) {
        Some([first, rest @ ..]) if second.contains(first) && rest.iter().all(|byte| byte >> 6 == 0b10) => length,
        _ => 0,
    }
}

/// The same, as a word.
pub fn text<'m>(arena: &'m Arena, sentence: Sentence, words: &[Word]) -> Word<'m> {
    let mut text = Text::new(arena);
    text.fill(sentence, words);
    text.word()
}

/// A number in decimal, as a word.
pub fn decimal(arena: &Arena, number: u64) -> Word<'_> {
    let mut text = Text::new(arena);
    text.number(number);
    text.word()
}

/// Bytes as a word, cut at a NUL that should not be there.
pub fn copy<'m>(arena: &'m Arena, parts: &[&[u8]]) -> Word<'m> {
    let mut text = Text::new(arena);
    for part in parts {
        text.add(part);
    }
    text.word()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::word;

    fn shown(bytes: &[u8]) -> String {
        let arena = Arena::new().unwrap();
        let mut text = Text::new(&arena);
        text.show(bytes);
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_would_steer_a_terminal_is_shown_as_a_number() {
        assert_eq!(shown("a\x1b[2Jü€𝄞\n\x7f".as_bytes()), "a\\x1b[2Jü€𝄞\\x0a\\x7f");
        assert_eq!(shown(b"\xff/\xc2\x9b\xe0\x80\x9b\xc3"), "\\xff/\\xc2\\x9b\\xe0\\x80\\x9b\\xc3");
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_size_is_told_in_its_largest_unit() {
        for (bytes, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1535, "1.4 KiB"),
            (64 << 20, "64 MiB"),
            ((64 << 20) - 1, "63.9 MiB"),
            (3 << 29, "1.5 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            let arena = Arena::new().unwrap();
            let mut text = Text::new(&arena);
            assert_eq!(text.size(bytes).bytes(), told.as_bytes());
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn any_bytes_are_a_string_of_json() {
        for (bytes, string) in [
            (&b"a b"[..], "\"a b\""),
            (b"a\"\\\n\0\x1f\x7f", "\"a\\\"\\\\\\u000a\\u0000\\u001f\\u007f\""),
            ("\u{9b}\u{fc}\u{20ac}\u{1d11e}".as_bytes(), "\"\\u009b\u{fc}\u{20ac}\u{1d11e}\""),
            (b"\xff\xc2z\xe2\x82", "\"\\ufffd\\ufffdz\\ufffd\\ufffd\""),
        ] {
            let arena = Arena::new().unwrap();
            let mut text = Text::new(&arena);
            assert_eq!(text.json(bytes).bytes(), string.as_bytes());
        }
    }

    #[test]
    fn every_character_but_the_controls_is_printable() {
        for character in (0..0x11_0000).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            let expected = if character.is_control() { 0 } else { bytes.len() };
            assert_eq!(printable(bytes), expected, "{character:?}");
        }
    }

    #[test]
    fn an_error_is_said_with_its_name() {
        let arena = Arena::new().unwrap();
        let known = Errno::NUMBERS.iter().map(|number| Errno((*number).into())).zip(Errno::TEXTS.lines());
        for (errno, said) in known.chain([(Errno(999), "error 999")]) {
            let (mut whole, mut part) = (Text::new(&arena), Text::new(&arena));
            assert_eq!(whole.errno(errno).bytes(), said.as_bytes());
            let name = String::from_utf8(part.errno_name(errno).bytes().to_vec()).unwrap();
            let is_name = name.starts_with('E')
                && name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit());
            assert!(is_name || name == "error 999", "{name}");
        }
    }

    #[test]
    fn a_template_takes_a_word_for_each_mark() {
        let arena = Arena::new().unwrap();
        let filled = text(&arena, t!("% on %: %"), &[word(c"a"), word(c"b\n")]);
        assert_eq!(filled.bytes(), b"a on b\\x0a: ");
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        let arena = Arena::new().unwrap();
        for number in [0, 7, 10, 4095, u64::MAX] {
            assert_eq!(decimal(&arena, number).bytes(), number.to_string().as_bytes());
        }
    }
}
