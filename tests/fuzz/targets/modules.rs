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
        let needed = line.get(file.len() + 1..).unwrap_or_default().split(|byte| *byte == b' ');
        let needed: Vec<&[u8]> = needed.filter(|file| !file.is_empty()).collect();
        assert!(found[..found.len() - 1].iter().rev().eq(&needed), "what it needs comes before it, the last first");
    }
    assert_eq!(is_built_in(table, wanted), lines().any(|file| is_of(file, wanted)));
    // Names are the same either way round.
    let other = name(table);
    assert_eq!(is_same(wanted, other), is_same(other, wanted));
}
