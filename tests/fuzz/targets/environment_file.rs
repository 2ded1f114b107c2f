//! A file of `--env-file`.

use super::arena;
use aril::host::variables::add;
use aril::sys::List;

pub fn check(bytes: &[u8]) {
    let arena = arena();
    let mut variables = List::new(&arena);
    let result = add(&mut variables, bytes);
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<&[u8]> = lines.collect();
    let used = result.map_or_else(|number| number as usize - 1, |()| lines.len());
    // What stands before the line that is wrong has been read, and nothing else.
    let is_one = |line: &&[u8]| !matches!(line.trim_ascii_start(), [] | [b'#', ..]);
    let expected: Vec<&[u8]> = lines[..used].iter().copied().filter(is_one).map(<[u8]>::trim_ascii_start).collect();
    let read: Vec<&[u8]> = variables.iter().map(|word| word.bytes()).collect();
    assert_eq!(read, expected);
    for variable in read {
        let name = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
        assert!(!name.is_empty() && !name.iter().any(u8::is_ascii_whitespace) && !variable.contains(&0));
    }
    if result.is_err() {
        assert!(is_one(&lines[used]), "a line without a variable is never wrong");
    }
    // What was read is read again, unless it has a mark of another system's once more.
    if variables.iter().any(|word| word.bytes().ends_with(b"\r") || word.bytes().starts_with(b"\xef\xbb\xbf")) {
        return;
    }
    let mut again = List::new(&arena);
    let written = variables.iter().map(|word| word.bytes()).collect::<Vec<_>>().join(&b'\n');
    assert_eq!(add(&mut again, &written), Ok(()));
    assert_eq!(*again, *variables);
}
