//! modules.dep(5).

use super::{arena, files};
use aril::host::modules::{add_files, is_built_in, is_compressed, is_of, is_same, name};
use aril::sys::List;

/// The name of a module, and the table.
pub fn check(bytes: &[u8]) {
    let [wanted, table] = files(bytes);
    let arena = arena();
    let mut found = List::new(&arena);
    found.push(&b"before"[..]);
    let is_listed = add_files(table, wanted, &mut found);
    assert_eq!(found[0], b"before");
    let found = &found[1..];
    assert_eq!(is_listed, !found.is_empty());
    let lines = || table.split(|byte| *byte == b'\n');
    if let Some(file) = found.last() {
        assert!(is_of(file, wanted) && is_same(name(file), wanted), "the module itself is the last");
        assert!(!wanted.is_empty() && !file.contains(&b'\n') && !file.contains(&b':'));
        assert_eq!(is_compressed(file), !file.ends_with(b".ko"));
        let line = lines().find(|line| line.split(|byte| *byte == b':').next() == Some(file)).expect("it has a line");
        let needed: Vec<&[u8]> =
            line.split(|byte| *byte == b' ' || *byte == b':').filter(|file| !file.is_empty()).collect();
        assert!(found.len() <= needed.len() && found.iter().all(|file| !file.is_empty()), "each is in the line");
    }
    assert_eq!(is_built_in(table, wanted), lines().any(|file| is_of(file, wanted)));
    // Names are the same either way round.
    let other = name(table);
    assert_eq!(is_same(wanted, other), is_same(other, wanted));
}
