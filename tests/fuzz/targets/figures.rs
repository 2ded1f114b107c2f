//! Files of a control group, and which number in one is meant.

use super::files;
use aril::host::figures::find;
use std::str;

/// The word before the number, and the file.
pub fn check(bytes: &[u8]) {
    let [key, said] = files(bytes);
    let found = find(said, key);
    assert_eq!(find(said, key), found);
    // One that is no limit has no number, and each has at most nineteen digits.
    let digits = said.iter().filter(|byte| byte.is_ascii_digit()).count();
    assert!(found.is_none() || digits > 0);
    if let Some(number) = found.filter(|_| said.len() < 200) {
        let numbers = said.split(|byte| !byte.is_ascii_digit()).filter_map(number_of);
        let most = numbers.fold(0, u128::saturating_add);
        assert!(u128::from(number) <= most, "not more than all that is there: {number}");
    }
    // A line of our own before all others is found, and added.
    let is_plain = !key.is_empty() && key != b"-" && key != b"full" && key.iter().all(u8::is_ascii_lowercase);
    if is_plain {
        let more = [key, b" 1000\n", said].concat();
        assert_eq!(find(&more, key), Some(found.unwrap_or(0).saturating_add(1000)));
        let equals = [b"8:0 ", key, b"=1000\n", said].concat();
        assert_eq!(find(&equals, key), Some(found.unwrap_or(0).saturating_add(1000)));
    }
}

fn number_of(text: &[u8]) -> Option<u128> {
    str::from_utf8(text).ok()?.parse().ok()
}
