//! What aril says: sentences with a `%` for each word that is filled in, packed, because they would else be a sixth of the
//! file. `t!("mount on %")` packs one while it is compiled; [`Text::fill`](super::Text::fill) unpacks it.

use super::split;
use crate::sys::Word;
use core::ffi::CStr;

/// A sentence, in which each byte that is not of ASCII stands for a fragment, and each of its controls but the newline.
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

/// What is often said, each before a `|`, in the order of their letters. `tools/fragments` prints such a table of the sentences in
/// the source; this one is of those in both builds. It need not be the newest; sentences are only longer then.
const FRAGMENTS: &str = "  |              | (E| (ENO| a| as | b| c| f| is | run | s| the | to |'s |(default|, |, or |--|: |COMMAND [ARG...]|\
    [OPTIONS] ROOTF|a |ac|ad|al|all|an|an |and |ar|aril|at|at |ate|ave |be|capab|ch|com|comm|contain|ct|d |\
    de|director|e |ed|el|em|en|er|er |es|es |ess|ess |ex|exec|file system|fs |ge|get|group|ha|host|id|il|\
    ile|im|ima|in|in |ine|ing|int|is|it|it |its |k |ker|l |la|le|lo|lock|ma|mak|mo|moun|mount |nam|namespac|\
    namespaces|nd|ne|need|no |none|not |noth|ns|o |of |on|on |one |oo |op|or|or |out|over|own|p |pi|priv|\
    proc|pt|re|read|ri|ro|root|root |run|s |se|set|si|signal|st|sys|t |tak|th|the |this |tmpf|twor|ul|un|\
    ur|us|user|user |ut|vic|view |w |wa|wh|with |writ|y ";

/// How many bytes can stand for fragments: 0x80 to 0xff, then 1 to 9 and 11 to 31.
const MOST: usize = 158;

/// The byte that stands for a fragment; [`fragment`] has the way back.
const fn byte_of(number: usize) -> u8 {
    match number {
        0..=127 => number as u8 + 0x80,
        128..=136 => number as u8 - 127,
        _ => number as u8 - 126,
    }
}

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
    let number = match byte {
        0x80.. => byte - 0x80,
        1..=9 => byte + 127,
        11..=31 => byte + 126,
        _ => return None,
    };
    split(FRAGMENTS.as_bytes(), b'|').nth(number.into())
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
            assert!(matches!(text[at], b'\n' | b' '..=b'~'), "sentences are printable ASCII");
            rest[at] = (rest[at + 1].0 + 1, text[at], 1);
            let (mut number, end) = TABLE.beginning_with(text[at]);
            while number < end {
                let length = TABLE.matching(number, text, at);
                if length > 0 && rest[at + length].0 + 1 < rest[at].0 {
                    rest[at] = (rest[at + length].0 + 1, byte_of(number), length);
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
    starts: [usize; MOST + 1],
    count: usize,
}

const TABLE: Table = Table::new();

impl Table {
    const fn new() -> Self {
        let bytes = FRAGMENTS.as_bytes();
        let mut table = Self { starts: [0; MOST + 1], count: 1 };
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
        assert!(all.is_sorted() && all.len() <= MOST && all.iter().all(|fragment| fragment.len() > 1));
        for (number, expected) in all.iter().enumerate() {
            assert_eq!(fragment(byte_of(number)), Some(*expected));
        }
        assert_eq!([0, b'\n', b' ', 0x7f].map(fragment), [None; 4]);
    }
}
