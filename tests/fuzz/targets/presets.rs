//! A file of options, `@FILE`.

use super::arena;
use aril::host::presets::add_text;
use aril::sys::{Errno, List};

pub fn check(bytes: &[u8]) {
    let arena = arena();
    let mut words = List::new(&arena);
    let result = add_text(&mut words, bytes);
    assert!(matches!(result, Ok(()) | Err(Errno::EINVAL)));
    let read: Vec<&[u8]> = words.iter().map(|word| word.bytes()).collect();
    assert!(read.iter().map(|word| word.len()).sum::<usize>() <= bytes.len());
    assert!(read.iter().all(|word| !word.contains(&b'\n')));
    if !bytes.iter().any(|byte| b"\"'#\0".contains(byte)) {
        let plain = bytes.split(|byte| b" \t\r\n".contains(byte)).filter(|word| !word.is_empty());
        assert!(result.is_ok() && read.iter().copied().eq(plain));
    }
    // What was read is read again: each between such quotes as are not in it, or both kinds, one behind the other.
    let quoted: Vec<Vec<u8>> = read.iter().map(|word| quote(word)).collect();
    let mut again = List::new(&arena);
    assert_eq!(add_text(&mut again, &quoted.join(&b' ')), Ok(()));
    assert_eq!(*again, *words);
}

fn quote(word: &[u8]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = word.split(|byte| *byte == b'"').map(|part| [b"\"", part, b"\""].concat()).collect();
    parts.join(&b"'\"'"[..])
}
