//! subuid(5), and the maps and mounts of `/proc` that say which ids there are.

use super::{arena, files, line, word};
use aril::host::{ids, ranges};
use std::str;

/// Two names of an owner, his own number, the file; and a table of mounts with a path.
pub fn check(bytes: &[u8]) {
    let [login, number, own, text, table, path] = files(bytes);
    let own = own.iter().fold(0u32, |id, byte| id << 8 | u32::from(*byte)).min(u32::MAX - 1);
    let arena = arena();
    let map = ranges::ranges(&arena, text, login, number, own);
    let is_own = |line: &[u8]| {
        let owner = line.split(|byte| *byte == b':').next().unwrap_or_default();
        login.is_empty() || owner == login || owner == number
    };
    let theirs: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| is_own(line)).collect();
    assert_eq!((map[0].inside, map[0].outside, map[0].count), (0, own, 1));
    assert!(map.len() <= 340, "the kernel takes no more");
    let mut inside = 1;
    for (at, range) in map.iter().enumerate().skip(1) {
        assert_eq!(range.inside, inside, "one follows the other");
        inside = inside.checked_add(range.count).expect("it ends before the last id");
        let end = range.outside.checked_add(range.count).expect("it ends before the last id");
        assert!(range.count > 0);
        for other in &map[..at] {
            assert!(end <= other.outside || other.outside + other.count <= range.outside, "no id is mapped twice");
        }
        let is_it = |line: &&[u8]| fields(line) == Some([range.outside, range.count]);
        assert!(theirs.iter().any(is_it), "nobody gets what no line gives him");
    }
    let end = ranges::end(&arena, text, 100_000);
    let last = text
        .split(|byte| *byte == b'\n')
        .filter_map(fields)
        .filter_map(|[first, count]| first.checked_add(count).filter(|_| count > 0));
    assert_eq!(end, last.fold(100_000, u32::max));

    for line in text.split(|byte| *byte == b'\n') {
        if let Some(numbers) = ids::parse(line) {
            let words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).take(3);
            assert!(words.zip(numbers).all(|(word, number)| word_of(word) == Some(number)));
        }
    }
    let path = word(&arena, line(path));
    let mount = ranges::sealed(&arena, table, 700, path, true);
    assert_eq!(ranges::sealed(&arena, table, 700, path, true), mount);
    if let Some([kind, point]) = mount {
        assert!(!["ext4", "xfs", "btrfs", "tmpfs"].iter().any(|good| good.as_bytes() == kind));
        let is_within = |one: &[u8], other: &[u8]| aril::text::path::is_within(one, other);
        assert!(is_within(path.bytes(), point) || is_within(point, path.bytes()), "it has to do with the path");
    }
}

fn word_of(text: &[u8]) -> Option<u32> {
    str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

/// The two numbers of a line of subuid(5).
fn fields(line: &[u8]) -> Option<[u32; 2]> {
    let mut fields = line.split(|byte| *byte == b':').skip(1);
    Some([word_of(fields.next()?)?, word_of(fields.next()?)?])
}
