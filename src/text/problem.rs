//! What went wrong, as a person is told: one line, and one of advice where the cause is known.

use alloc::string::String;
use core::fmt;

/// Exit status when aril itself failed, as docker-run(1) has it.
pub const FAILED: u8 = 125;
/// Exit status when the command exists and cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// Exit status when the command was not found.
pub const NOT_FOUND: u8 = 127;

/// An error on its way to `main`, which alone prints it.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// With what the program exits.
    pub status: u8,
    /// What was tried, on what, and the reason.
    pub line: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Problem {
    /// aril itself failed.
    pub fn new(line: String) -> Self {
        Self { status: FAILED, line, advice: None }
    }

    /// The same, with what to do.
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "aril: {}", self.line)?;
        match &self.advice {
            Some(advice) => writeln!(f, "      {advice}"),
            None => Ok(()),
        }
    }
}

/// `problem!("format", …)`: a `Problem` whose line is that text.
#[macro_export]
macro_rules! problem {
    ($($text:tt)*) => { $crate::text::Problem::new(alloc::format!($($text)*)) };
}
