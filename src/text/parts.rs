//! Cutting bytes at a byte. One plain iterator for all: the library's takes a closure and is compiled anew for each use.

/// The parts between the bytes `at`; always one more than there are of these.
#[derive(Clone, Debug)]
pub struct Parts<'t> {
    rest: Option<&'t [u8]>,
    at: u8,
}

/// Cuts at every `at`.
pub const fn split(bytes: &[u8], at: u8) -> Parts<'_> {
    Parts { rest: Some(bytes), at }
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let (part, rest) = cut(self.rest?, self.at);
        self.rest = rest;
        Some(part)
    }
}

/// What comes before the first `at`, and what after it, if there is one.
#[inline(never)]
pub fn cut(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let length = bytes.iter().take_while(|byte| **byte != at).count();
    let (before, rest) = bytes.split_at(length);
    (before, rest.split_first().map(|(_, after)| after))
}

/// The first word of a line that spaces and tabs divide.
pub fn first_word(line: &[u8]) -> &[u8] {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let line = line.get(line.iter().take_while(blank).count()..).unwrap_or_default();
    let length = line.iter().take_while(|byte| !blank(byte) && **byte != b'\n').count();
    line.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_cut_at_each_separator() {
        for (text, parts) in [("a:b::c", &["a", "b", "", "c"][..]), ("", &[""]), (":", &["", ""])] {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            assert_eq!(split(text.as_bytes(), b':').collect::<Vec<_>>(), parts);
        }
        assert_eq!(cut(b"k=v=w", b'='), (&b"k"[..], Some(&b"v=w"[..])));
        assert_eq!(cut(b"k", b'='), (&b"k"[..], None));
    }
}
