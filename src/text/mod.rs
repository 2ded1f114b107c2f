//! Bytes and words: what a person writes and reads. No system call and nothing of containers.

pub mod names;
pub mod number;
pub mod path;
pub mod problem;

pub use problem::Problem;

use core::ffi::CStr;
use core::fmt::{self, Write};

/// Bytes for a person's eyes: what would steer a terminal, or is not UTF-8, is shown as `\x1b`.
#[derive(Clone, Copy)]
pub struct Shown<'a>(pub &'a [u8]);

impl<'a> From<&'a CStr> for Shown<'a> {
    fn from(string: &'a CStr) -> Self {
        Self(string.to_bytes())
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                // C0, DEL and C1 controls.
                match u32::from(character) {
                    code @ (0..0x20 | 0x7f..0xa0) => write!(f, "\\x{code:02x}")?,
                    _ => f.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// `shown(path)` in a format string: the C string, made harmless.
pub fn shown(string: &CStr) -> Shown<'_> {
    Shown::from(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown_as_a_number() {
        assert_eq!(Shown("a\x1b[2Jü\n".as_bytes()).to_string(), "a\\x1b[2Jü\\x0a");
        assert_eq!(Shown(b"\xff/\xc2\x9b").to_string(), "\\xff/\\x9b");
    }
}
