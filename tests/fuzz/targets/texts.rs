//! What a person or a program is shown, and paths.

use super::{arena, files, is_clean, line, word};
use aril::text::{Text, path};
use std::str;

/// Two texts.
pub fn check(bytes: &[u8]) {
    let arena = arena();
    let mut shown = Text::new(&arena);
    let shown = str::from_utf8(shown.show(bytes).bytes()).expect("it is UTF-8").to_string();
    assert!(!shown.chars().any(char::is_control), "nothing steers a terminal");
    let mut json = Text::new(&arena);
    let json = str::from_utf8(json.json(bytes).bytes()).expect("it is UTF-8").to_string();
    assert!(!json.chars().any(char::is_control));
    let read: String = serde_json::from_str(&json).expect("it is a string of JSON");
    if let Ok(text) = str::from_utf8(bytes) {
        assert_eq!(read, text);
        let is_plain = !text.chars().any(char::is_control);
        assert!(!is_plain || shown == text);
    }
    let [one, two] = files(bytes);
    is_path(line(one), line(two));
}

fn is_path(one: &[u8], two: &[u8]) {
    let arena = arena();
    let clean = path::clean(&arena, one);
    is_clean(clean.bytes());
    assert_eq!(path::clean(&arena, clean.bytes()), clean, "to clean it again changes nothing");
    if clean.bytes() != b"/" {
        let (directory, name) = path::split(&arena, clean);
        assert!(!name.is_empty() && !path::is_path(name.bytes()));
        assert_eq!(path::join(&arena, directory.bytes(), name.bytes()), clean);
        assert!(path::is_within(clean.bytes(), directory.bytes()));
    }
    let below = path::clean(&arena, path::join(&arena, clean.bytes(), path::clean(&arena, two).bytes()).bytes());
    assert!(path::is_within(below.bytes(), clean.bytes()), "what is below stays below");
    assert!(path::is_within(clean.bytes(), b"/"));
    // A command is searched for in the directories alone.
    let command = word(&arena, two);
    path::search(command, one, &mut |path| {
        let path = path.bytes();
        assert!(path.len() < 4096 || path::is_path(command.bytes()));
        assert!(path.ends_with(command.bytes()) && !path.is_empty());
        let directory = path.strip_suffix(command.bytes()).expect("it ends so");
        let is_listed = |listed: &[u8]| {
            directory.strip_suffix(b"/").is_some_and(|own| own == listed || listed.is_empty() && own == b".")
        };
        assert!(directory.is_empty() || one.split(|byte| *byte == b':').any(is_listed));
        false
    });
}
