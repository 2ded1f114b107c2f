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
}
