//! Compiled filters of system calls (seccomp(2)).

use super::arena;
use aril::host::filter::program;

/// A file's bytes.
pub fn check(bytes: &[u8]) {
    let arena = arena();
    // linux/filter.h: 8 bytes each, at most BPF_MAXINSNS, and BPF_RET is class 6.
    let returns = bytes.len().checked_sub(8).is_some_and(|last| bytes[last] & 7 == 6);
    let is_one = bytes.len() % 8 == 0 && bytes.len() <= 8 * 4096 && returns;
    let found = program(&arena, bytes);
    assert_eq!(found.is_some(), is_one);
    let written = found.unwrap_or_default().iter().flat_map(|instruction| {
        let (code, value) = (instruction.code.to_ne_bytes(), instruction.value.to_ne_bytes());
        [&code[..], &[instruction.then, instruction.otherwise], &value].concat()
    });
    assert!(!is_one || written.eq(bytes.iter().copied()), "each is what the file says");
}
