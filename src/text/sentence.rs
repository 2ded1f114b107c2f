//! What aril says: sentences with a `%` for each word that is filled in, packed, because they would else be a sixth of the
//! file. `t!("mount on %")` packs one while it is compiled; [`Text::fill`](super::Text::fill) unpacks it.

use super::split;
use crate::sys::Word;
use core::ffi::CStr;

/// A sentence, in which each byte above 0x7f stands for a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence(Word<'static>);

/// A literal as a `Sentence`.
#[macro_export]
macro_rules! t {
    ($text:expr) => {
        const {
            use $crate::text::sentence::{Packed, Sentence};
            const PACKED: Packed<{ $text.len() + 1 }> = Packed::new($text);
            const BYTES: [u8; PACKED.length()] = PACKED.cut();
            Sentence::new(&BYTES)
        }
    };
}

/// What is often said, each before a `|`, in the order of their letters: as `tools/fragments` prints it. It need not be the
/// newest; sentences are only longer then.
const FRAGMENTS: &str = "   |              | (| --| a| and | as | c| is | of | or | out| p| s| the |'s |(default|, |, or |--|: |\
    : a|; 12|COMMAND [ARG...]|ROOTFS|[OPTIONS] ROOTFS|a |ac|an|an |ar|av|be|capabilit|ch|command|d |de|directory|\
    e |ed|em|en|er|es|es |ev|execut|fi|file system|ge|gro|ha|help|host|id|in|ine|ing|int|it|it |its |k |ke|\
    ker|l |la|le|ll|lo|ma|moun|mount |n |nam|namespace|nd |ne|no|no |none|not |o |on|on |onta|or|ou|ov|own|\
    p |pas|pivot_|proc|pt|r |re|rea|ri|ril run |rit|riv|ro|root|root |s |se|si|signal|st|sys|t |ta|te|th|\
    the |this |tmpf|un|up|user|user |view|w-awa|wh|wi|y ";

/// The first of the bytes that stand for fragments.
const FIRST: u8 = 0x80;

impl Sentence {
    /// Packed bytes and the NUL behind them: for `t!` alone.
    pub const fn new(packed: &'static [u8]) -> Self {
        match CStr::from_bytes_with_nul(packed) {
            Ok(packed) => Self(Word::new(packed)),
            Err(_) => panic!("a sentence has no NUL"),
        }
    }

    /// Its bytes, of which [`fragment`] says what they mean.
    pub(super) fn packed(self) -> &'static [u8] {
        self.0.bytes()
    }
}

/// What a byte of a sentence stands for, if not for itself.
pub(super) fn fragment(byte: u8) -> Option<&'static [u8]> {
    split(FRAGMENTS.as_bytes(), b'|').nth(usize::from(byte.checked_sub(FIRST)?))
}

/// A text that is packed while the program is compiled, as the fewest bytes.
#[derive(Debug)]
pub struct Packed<const N: usize> {
    /// For each place in the text: how many bytes the rest needs, which is the next, and how many letters it stands for.
    rest: [(usize, u8, usize); N],
}

impl<const N: usize> Packed<N> {
    /// `N` is the text's length and one more.
    pub const fn new(text: &str) -> Self {
        let text = text.as_bytes();
        let mut rest = [(0, 0, 0); N];
        let mut at = text.len();
        while at > 0 {
            at -= 1;
            assert!(text[at] < FIRST, "sentences are ASCII");
            rest[at] = (rest[at + 1].0 + 1, text[at], 1);
            let (mut number, end) = TABLE.beginning_with(text[at]);
            while number < end {
                let length = TABLE.matching(number, text, at);
                if length > 0 && rest[at + length].0 + 1 < rest[at].0 {
                    rest[at] = (rest[at + length].0 + 1, FIRST + number as u8, length);
                }
                number += 1;
            }
        }
        Self { rest }
    }

    /// With the NUL.
    pub const fn length(&self) -> usize {
        self.rest[0].0 + 1
    }

    /// The packed bytes and the NUL.
    pub const fn cut<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let (mut at, mut length) = (0, 0);
        while length + 1 < LENGTH {
            let (_, byte, taken) = self.rest[at];
            bytes[length] = byte;
            at += taken;
            length += 1;
        }
        bytes
    }
}

/// Where in [`FRAGMENTS`] each begins; only while the program is compiled.
struct Table {
    starts: [usize; 257 - FIRST as usize],
    count: usize,
}

const TABLE: Table = Table::new();

impl Table {
    const fn new() -> Self {
        let bytes = FRAGMENTS.as_bytes();
        let mut table = Self { starts: [0; 257 - FIRST as usize], count: 1 };
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == b'|' {
                table.starts[table.count] = at + 1;
                table.count += 1;
            }
            at += 1;
        }
        table.starts[table.count] = at + 1;
        table
    }

    const fn first_letter(&self, number: usize) -> u8 {
        FRAGMENTS.as_bytes()[self.starts[number]]
    }

    /// The fragments that begin with a letter, as the first and the one after the last.
    const fn beginning_with(&self, letter: u8) -> (usize, usize) {
        let mut first = 0;
        while first < self.count && self.first_letter(first) < letter {
            first += 1;
        }
        let mut end = first;
        while end < self.count && self.first_letter(end) == letter {
            end += 1;
        }
        (first, end)
    }

    /// How long a fragment is, if the text has it at this place; else 0.
    const fn matching(&self, number: usize, text: &[u8], at: usize) -> usize {
        let start = self.starts[number];
        let length = self.starts[number + 1] - 1 - start;
        if at + length > text.len() {
            return 0;
        }
        let mut same = 0;
        while same < length && text[at + same] == FRAGMENTS.as_bytes()[start + same] {
            same += 1;
        }
        if same == length { length } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Arena;
    use crate::text::Text;

    #[test]
    fn a_sentence_is_shorter_packed_and_the_same_unpacked() {
        const TEXT: &str = "mount the root file system, and\nleave the |namespace|\n";
        let sentence = t!(TEXT);
        assert!(sentence.packed().len() < TEXT.len() / 2, "{:?}", sentence.packed());
        let arena = Arena::new().unwrap();
        let mut text = Text::new(&arena);
        text.fill(sentence, &[]);
        assert_eq!(text.bytes(), TEXT.as_bytes());
        assert_eq!(t!("").packed(), b"");
    }

    #[test]
    fn fragments_are_sorted_and_have_a_byte_each() {
        assert!(!FRAGMENTS.contains(['\n', '%']), "lines and marks are found in what is packed");
        let all: Vec<&[u8]> = split(FRAGMENTS.as_bytes(), b'|').collect();
        assert!(all.is_sorted() && all.len() <= 128 && all.iter().all(|fragment| fragment.len() > 1));
        for (number, expected) in all.iter().enumerate() {
            assert_eq!(fragment(FIRST + number as u8), Some(*expected));
        }
        assert_eq!(fragment(FIRST - 1), None);
    }
}
