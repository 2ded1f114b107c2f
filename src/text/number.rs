//! Numbers, id ranges and durations as options have them.

use crate::sys::Word;

/// A decimal number, digits only.
pub fn decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

/// Up to eight hexadecimal digits, and nothing else.
#[cfg(feature = "boot")]
pub fn hexadecimal(text: &[u8]) -> Option<u32> {
    if !(1..=8).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

/// Bytes from `4096`, `512k`, `64m`, `2g`, `1t`: powers of 1,024. Any decimal number is one.
pub fn size(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text {
        [digits @ .., unit] if !unit.is_ascii_digit() => {
            (digits, 10 * (1 + b"kmgt".iter().position(|known| *known == unit.to_ascii_lowercase())?))
        }
        _ => (text, 0),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    number.checked_mul(1 << shift)
}

/// Bytes as container engines have them: `64m`, `64MB`, `64MiB`, `1.5g`; `None` for `0`, `-1` and `max`, which are no limit.
#[cfg(feature = "full")]
#[inline(never)]
pub fn limit(text: &[u8]) -> Option<Option<u64>> {
    if matches!(text, b"-1" | b"max") {
        return Some(None);
    }
    let is_unit = |byte: &u8| byte.is_ascii_alphabetic();
    let (number, unit) = text.split_at(text.iter().position(is_unit).unwrap_or(text.len()));
    let (prefix, rest) = unit.split_at(usize::from(!matches!(unit, [] | [b'b' | b'B'])));
    let shift = match prefix {
        [] => 0,
        [letter] => 10 * (1 + b"kmgtp".iter().position(|known| *known == letter.to_ascii_lowercase())?),
        _ => return None,
    };
    if !matches!(rest, [] | [b'b' | b'B'] | [b'i' | b'I', b'b' | b'B']) {
        return None;
    }
    let most = fixed(number, 1 << shift)?;
    // What is less than one byte is no way to say "no limit".
    let is_zero = !number.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    if most == 0 && !is_zero { None } else { Some(Some(most).filter(|_| !is_zero)) }
}

/// `1.5` and the like, times a unit; what is less than one of it is dropped.
#[cfg(feature = "full")]
#[inline(never)]
pub fn fixed(text: &[u8], unit: u64) -> Option<u64> {
    let (whole, part) = super::cut(text, b'.');
    let part = part.unwrap_or_default();
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    // From the last digit on, each is worth a tenth of what stands before it.
    let mut parts = 0;
    for byte in part.iter().rev() {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        parts = (parts + u64::from(digit) * unit) / 10;
    }
    let digits = whole.iter().all(u8::is_ascii_digit);
    let whole = if whole.is_empty() { 0 } else { size(whole).filter(|_| digits)? };
    whole.checked_mul(unit)?.checked_add(parts)
}

/// Three decimal numbers and nothing more, with this byte between them.
pub fn three(text: &[u8], separator: u8) -> Option<[u32; 3]> {
    let mut parts = super::split(text, separator).map(decimal);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Microseconds from `10` or `10s` (seconds), `500ms`, `2m` (minutes), `1h`.
#[inline(never)]
pub fn duration(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit {
        b"ms" => 1000,
        b"s" | b"" => 1_000_000,
        b"m" => 60_000_000,
        b"h" => 3_600_000_000,
        _ => return None,
    };
    u64::from(decimal(number)?).checked_mul(factor)
}

/// A number in decimal, without memory but its own.
#[derive(Debug)]
pub struct Digits {
    /// They end before a NUL; there is room for a word before them.
    line: [u8; Self::SIZE],
    start: usize,
}

impl Digits {
    const SIZE: usize = 24;

    #[inline(never)]
    pub fn of(mut number: u32) -> Self {
        let mut made = Self { line: [0; Self::SIZE], start: Self::SIZE - 1 };
        while number > 0 || made.start == Self::SIZE - 1 {
            made.start -= 1;
            made.line[made.start] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        made
    }

    pub fn word(&self) -> Word<'_> {
        Word::in_bytes(&self.line[self.start..]).unwrap_or_default()
    }

    /// The digits after this, as a word.
    pub fn after(&mut self, beginning: &[u8]) -> Word<'_> {
        for byte in beginning.iter().rev() {
            self.start -= 1;
            self.line[self.start] = *byte;
        }
        self.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_digits_alone_and_do_not_overflow() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"4294967295"), Some(u32::MAX));
        for wrong in [&b""[..], b"4294967296", b"-1", b"+1", b"1 ", b"0x1", b"1k"] {
            assert_eq!(decimal(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[cfg(feature = "boot")]
    #[test]
    fn hexadecimals_have_up_to_eight_digits() {
        for (text, number) in [("0", Some(0)), ("fF", Some(255)), ("ffffffff", Some(u32::MAX)), ("000000001", None)] {
            assert_eq!(hexadecimal(text.as_bytes()), number, "{text}");
        }
        for wrong in ["", "g", "0x1", "+1", " 1"] {
            assert_eq!(hexadecimal(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_are_bytes_unless_they_say_otherwise() {
        for (text, bytes) in [("0", 0), ("4096", 4096), ("512k", 512 << 10), ("64M", 64 << 20), ("2g", 2 << 30)] {
            assert_eq!(size(text.as_bytes()), Some(bytes), "{text}");
        }
        assert_eq!(size(b"18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "k", "1kb", "-1", "1.5g", "18446744073709551616", "16777216t", "0x1"] {
            assert_eq!(size(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 7, 10, 4095, u32::MAX] {
            assert_eq!(Digits::of(number).word().bytes(), number.to_string().as_bytes());
            assert_eq!(Digits::of(number).after(b"LISTEN_PID=").bytes(), format!("LISTEN_PID={number}").as_bytes());
        }
    }

    #[test]
    fn durations_are_seconds_unless_they_say_otherwise() {
        assert_eq!(duration(b"10"), Some(10_000_000));
        assert_eq!(duration(b"0s"), Some(0));
        assert_eq!(duration(b"250ms"), Some(250_000));
        assert_eq!(duration(b"2m"), Some(120_000_000));
        assert_eq!(duration(b"1h"), Some(3_600_000_000));
        for wrong in [&b""[..], b"s", b"1d", b"-1s", b"1.5s", b"4294967296"] {
            assert_eq!(duration(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_limit_is_written_as_container_engines_have_it() {
        for (text, bytes) in [
            ("64m", 64 << 20),
            ("64M", 64 << 20),
            ("64mb", 64 << 20),
            ("64MiB", 64 << 20),
            ("512", 512),
            ("512b", 512),
            ("1.5g", 3 << 29),
            (".5k", 512),
            ("1.k", 1024),
            ("0.0009765625m", 1024),
            ("4p", 4 << 50),
            ("16383p", 16383 << 50),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(limit(text.as_bytes()), Some(Some(bytes)), "{text}");
        }
        for none in ["0", "-1", "max", "0m", "0.0"] {
            assert_eq!(limit(none.as_bytes()), Some(None), "{none}");
        }
        for wrong in [
            "",
            "m",
            ".",
            ".m",
            "-2",
            "1x",
            "1mx",
            "1mbb",
            "1 m",
            "1m1",
            "16384p",
            "18446744073709551616",
            "1.2.3",
            "MAX",
            "1.x",
            "0.0001",
        ] {
            assert_eq!(limit(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(fixed(b"0.5", 100_000), Some(50_000));
        assert_eq!(fixed(b"2", 100_000), Some(200_000));
        assert_eq!(fixed(b"1.25", 100_000), Some(125_000));
        assert_eq!(fixed(b"0.000001", 100_000), Some(0));
    }
}
