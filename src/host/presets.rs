//! Options that do not stand on the command line: `@FILE`, one a line, and `--args-fd N`, each with a NUL behind it. They come
//! first, right behind `run`, so that what follows on the line counts more.

use super::rootfs::{read_path, read_whole};
use crate::sys::file::{self, Open};
use crate::sys::{Arena, Errno, List, Result, Word, word};
use crate::text::{Problem, Told, copy, number, split, t};

/// Whether the words begin with some that stand for others.
pub fn are_in(words: &[Word]) -> bool {
    words.get(before(words)).is_some_and(|word| named(*word).is_some())
}

/// How many words come before them: the program's name and `run`, `explain` or `explain run`.
fn before(words: &[Word]) -> usize {
    if words.get(1..3) == Some(&[word(c"explain"), word(c"run")]) { 3 } else { 2 }
}

/// What is to be read, and whether it is a file.
fn named<'a>(word: Word<'a>) -> Option<(Word<'a>, bool)> {
    word.strip(b"@").map(|path| (path, true)).or_else(|| word.strip(b"--args-fd=").map(|fd| (fd, false)))
}

/// The command line with the words of files and descriptors in place.
///
/// # Errors
/// What cannot be read.
pub fn expand<'a>(arena: &'a Arena, words: &[Word<'a>]) -> Told<'a, &'a [Word<'a>]> {
    let mut all = List::new(arena);
    let (verb, mut rest) = words.split_at(before(words));
    all.extend(verb);
    while let [first, after @ ..] = rest {
        let Some((name, is_file)) = named(*first) else { break };
        rest = after;
        let added = if is_file { add_lines(&mut all, name) } else { add_words(&mut all, name) };
        added.map_err(|errno| Problem::failed(arena, t!("read options from %"), &[name], errno))?;
    }
    all.extend(rest);
    Ok(all.finish())
}

/// The words of each line: spaces divide them, quotes keep them together, and `#` begins a comment.
fn add_lines<'a>(words: &mut List<'a, Word<'a>>, path: Word) -> Result<()> {
    add_text(words, read_path(words.arena(), path, Open::READ_WAITING)?)
}

/// The same of a text.
///
/// # Errors
/// EINVAL: a quote without its end.
pub fn add_text<'a>(words: &mut List<'a, Word<'a>>, text: &[u8]) -> Result<()> {
    for line in split(text, b'\n') {
        let mut word: List<u8> = List::new(words.arena());
        let (mut quote, mut is_word) = (None, false);
        for byte in line.iter().chain(b" ") {
            match (*byte, quote) {
                (b' ' | b'\t' | b'\r', None) => {
                    if is_word {
                        words.push(copy(words.arena(), &[&word]));
                        while word.pop().is_some() {}
                    }
                    is_word = false;
                }
                (b'#', None) if !is_word => break,
                (b'"' | b'\'', None) => (quote, is_word) = (Some(*byte), true),
                (byte, Some(mark)) if byte == mark => quote = None,
                (byte, _) => {
                    word.push(byte);
                    is_word = true;
                }
            }
        }
        if quote.is_some() {
            return Err(Errno::EINVAL);
        }
    }
    Ok(())
}

/// The words that a descriptor has, none of them empty.
fn add_words<'a>(words: &mut List<'a, Word<'a>>, fd: Word) -> Result<()> {
    let fd = number::decimal(fd.bytes()).ok_or(Errno::EBADF)?;
    for word in split(read_whole(words.arena(), file::borrowed(fd))?, b'\0').filter(|word| !word.is_empty()) {
        words.push(copy(words.arena(), &[word]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::io::{Seek, Write};
    use std::os::fd::AsRawFd;

    fn expanded(words: &[&str]) -> Vec<String> {
        let owned: Vec<CString> = words.iter().map(|word| CString::new(*word).unwrap()).collect();
        let words: Vec<Word> = owned.iter().map(|word| Word::new(word)).collect();
        let arena = Arena::new().unwrap();
        let string = |word: &Word| String::from_utf8(word.bytes().to_vec()).unwrap();
        match expand(&arena, &words) {
            Ok(words) => words.iter().map(string).collect(),
            Err(problem) => vec![string(&problem.line)],
        }
    }

    fn written(text: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_file_has_an_option_a_line_with_comments_and_quotes() {
        let file = written(b"# preset\n--overlay   # comment\n\n-e \"A=b c\"\n  --env='#\"'\"x\"\n-v /a#b:/c\r\n-e ''");
        let at = format!("@{}", file.path().display());
        let expected = ["aril", "run", "--overlay", "-e", "A=b c", "--env=#\"x", "-v", "/a#b:/c", "-e", "", "r", "@x"];
        assert_eq!(expanded(&["aril", "run", &at, "r", "@x"]), expected);
        assert_eq!(expanded(&["aril", "run", &at, &at, "r"])[10], "--overlay");
        assert_eq!(expanded(&["aril", "explain", "run", &at, "r"])[3], "--overlay");
        // Elsewhere it may be a value, or a word of the command.
        assert_eq!(expanded(&["aril", "run", "-e", &at, "r"])[3], at);
        let open = written(b"--env \"A=b\n\"");
        let at = format!("@{}", open.path().display());
        assert!(expanded(&["aril", "run", &at])[0].ends_with("(EINVAL)"));
        assert!(expanded(&["aril", "run", "@/no/such"])[0].contains("/no/such"));
    }

    #[test]
    fn a_descriptor_has_words_with_nuls_behind_them() {
        for text in [&b"-e\0A=b c\nd\0--overlay\0"[..], b"-e\0A=b c\nd\0--overlay"] {
            let file = written(text);
            let option = format!("--args-fd={}", file.as_file().as_raw_fd());
            assert_eq!(expanded(&["aril", "run", &option, "r"]), ["aril", "run", "-e", "A=b c\nd", "--overlay", "r"]);
        }
        let empty = written(b"");
        let option = format!("--args-fd={}", empty.as_file().as_raw_fd());
        assert_eq!(expanded(&["aril", "run", &option, "r"]), ["aril", "run", "r"]);
        assert!(expanded(&["aril", "run", "--args-fd=x"])[0].contains("(EBADF)"));
    }
}
