//! Numbers, sizes, durations, signals and capabilities as people write them.

use super::{arena, word};
use aril::text::number::{Digits, decimal, duration, fixed, hexadecimal, limit, size, three};
use aril::text::{Text, names};
use std::str;

/// A whole number of digits alone, however long.
fn whole(text: &[u8]) -> Option<u128> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        text.iter().fold(0, |number: u128, digit| number.saturating_mul(10).saturating_add((digit - b'0').into()))
    })
}

/// The number before a unit, and the unit.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len()))
}

pub fn check(text: &[u8]) {
    let exact = whole(text);
    assert_eq!(decimal(text).map(u128::from), exact.filter(|number| *number <= u32::MAX.into()));
    let read = str::from_utf8(text).ok().filter(|text| text.len() <= 8 && !text.starts_with('+'));
    assert_eq!(hexadecimal(text), read.and_then(|text| u32::from_str_radix(text, 16).ok()));

    let (digits, unit) = cut(text);
    let shift =
        |letter: u8| b"kmgtp".iter().position(|known| *known == letter.to_ascii_lowercase()).map(|at| 10 * (at + 1));
    let factor = match unit {
        [] => Some(0),
        [letter] => shift(*letter).filter(|shift| *shift <= 40),
        _ => None,
    };
    let expected = factor.and_then(|shift| whole(digits)?.checked_mul(1 << shift)?.try_into().ok());
    assert_eq!(size(text), expected);

    let factor = match unit {
        b"ms" => Some(1000),
        b"s" | b"" => Some(1_000_000),
        b"m" => Some(60_000_000),
        b"h" => Some(3_600_000_000),
        _ => None,
    };
    let seconds = whole(digits).filter(|number| *number <= u32::MAX.into());
    assert_eq!(duration(text).map(u128::from), factor.and_then(|factor| Some(seconds? * factor)));

    is_limit(text);
    let numbers = three(text, b':');
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b':').collect();
    let expected: Option<Vec<u32>> = parts.iter().map(|part| decimal(part)).collect();
    assert_eq!(numbers.map(Vec::from), expected.filter(|_| parts.len() == 3));

    if let Some(number) = decimal(text) {
        assert_eq!(decimal(Digits::of(number).word().bytes()), Some(number));
    }
    if let Some(number) = size(text) {
        let arena = arena();
        let mut written = Text::new(&arena);
        assert_eq!(size(written.number(number).bytes()), Some(number));
        // As a person is told it: not more, and hardly more than a tenth of the unit away.
        let mut told = Text::new(&arena);
        let told = str::from_utf8(told.size(number).bytes()).unwrap().replace([' ', 'B'], "");
        let (digits, unit) = cut(told.as_bytes());
        let unit =
            1u64 << unit.first().and_then(|letter| shift(*letter)).unwrap_or(if told.ends_with("Ei") { 60 } else { 0 });
        let least = fixed(digits, unit).expect("it is a number");
        assert!(least <= number && number - least <= unit / 10 + unit / 1024, "{number} is told as {told}");
    }
    if let Some(signal) = names::signal(text) {
        assert!((1..=64).contains(&signal));
        let prefixed = [b"SIG", text].concat();
        assert!(decimal(text).is_some() || names::signal(&prefixed) == Some(signal) || text.len() > 3);
    }
    if let Some(set) = names::capability(text) {
        let arena = arena();
        let mut written = Text::new(&arena);
        names::write_capabilities(&mut written, set);
        assert_eq!(
            written
                .bytes()
                .split(|byte| *byte == b' ')
                .skip(1)
                .try_fold(0, |all, name| Some(all | names::capability(name)?)),
            Some(set)
        );
    }
    assert!(!names::is_name(text) || word(&arena(), text).bytes() == text && !text.contains(&b'/') && text.len() <= 64);
}

/// Bytes as container engines have them, reckoned exactly.
fn is_limit(text: &[u8]) {
    let Some(most) = limit(text) else { return };
    let Some(most) = most else {
        let (digits, _) = cut(text);
        let is_zero = digits.iter().any(u8::is_ascii_digit) && digits.iter().all(|byte| b"0.".contains(byte));
        assert!(is_zero || matches!(text, b"-1" | b"max"), "no limit is asked for: {}", text.escape_ascii());
        return;
    };
    assert!(most > 0);
    let (digits, unit) = cut(text);
    let shift = unit.first().and_then(|letter| b"kmgtp".iter().position(|known| *known == letter.to_ascii_lowercase()));
    let unit = 1u128 << shift.map_or(0, |at| 10 * (at + 1));
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let (before, after) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let least = whole(before).unwrap_or(0) * unit;
    assert!(u128::from(most) >= least && u128::from(most) < least + unit, "{most} for {}", text.escape_ascii());
    // As many digits as are exact in a u128.
    if after.len() <= 18 {
        let part = whole(after).unwrap_or(0) * unit / 10u128.pow(after.len() as u32);
        assert_eq!(u128::from(most), least + part, "{}", text.escape_ascii());
    }
}
