//! A table of options: what a command line's reader, its help and the tests walk. Each column is one text, which is a third
//! of what a table of addresses would take.

use super::Text;

/// Makes an `enum` of options from a table: for each its variant, its name after `--`, its letter and what its value is called
/// if it has these, its explanation, and what it does to the thing that is filled. `HELP` has the explanations, a line each,
/// those of a group after its heading, which `=` marks. Those after `full` are in the whole build alone, and so is a value that
/// stands after `full`, with what it adds to the explanation. A value in brackets may be left out, and comes after `=` alone.
#[macro_export]
macro_rules! option_table {
    ($(#[$doc:meta])* $option:ident, $into:ty, $value:ty, $refused:ty:
        $($heading:literal {
            $($name:ident $long:literal $($short:literal)? $(= $called:literal ($example:literal))?
                $(full $full_called:literal ($full_example:literal) $full_help:literal)?, $help:expr, $set:expr;)*
        })*
        full
        $($more_heading:literal {
            $($more:ident $more_long:literal $($more_short:literal)? $(= $more_called:literal ($more_example:literal))?,
                $more_help:expr, $more_set:expr;)*
        })*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $option {
            $($($name,)*)*
            $($(#[cfg(feature = "full")] $more,)*)*
        }

        impl $option {
            /// Every one, in the order of the table.
            pub const ALL: &[Self] = &[$($(Self::$name,)*)* $($(#[cfg(feature = "full")] Self::$more,)*)*];
            const LONG: &str = $crate::full!(
                concat!($($($long, " ",)*)*),
                concat!($($($long, " ",)*)* $($($more_long, " ",)*)*)
            );
            const SHORT: &[u8] = $crate::full!(
                &[$($(0 $(+ $short)?,)*)*],
                &[$($(0 $(+ $short)?,)*)* $($(0 $(+ $more_short)?,)*)*]
            );
            const VALUE: &str = $crate::full!(
                concat!($($($($called,)? " ",)*)*),
                concat!($($($($called,)? $($full_called,)? " ",)*)* $($($($more_called,)? " ",)*)*)
            );
            /// The explanations and headings.
            pub const HELP: $crate::text::sentence::Sentence = $crate::t!($crate::full!(
                concat!($("=", $heading, "\n", $($help, "\n",)*)*),
                concat!(
                    $("=", $heading, "\n", $($help, $($full_help,)? "\n",)*)*
                    $("=", $more_heading, "\n", $($more_help, "\n",)*)*
                )
            ));
            /// A value of each that is taken.
            pub const EXAMPLE: &[&str] = $crate::full!(
                &[$($(concat!($($example)?),)*)*],
                &[$($(concat!($($example)? $($full_example)?),)*)* $($(concat!($($more_example)?),)*)*]
            );

            /// The letter; 0 if there is none.
            pub fn short(self) -> u8 {
                Self::SHORT[self as usize]
            }

            /// The name after `--`.
            pub fn long(self) -> &'static [u8] {
                $crate::text::names::at(Self::LONG, self as usize)
            }

            /// What the value is called in the help; empty if there is none.
            pub fn value(self) -> &'static [u8] {
                $crate::text::names::at(Self::VALUE, self as usize)
            }

            /// The option of this name.
            pub fn named(name: &[u8]) -> Option<Self> {
                // The column ends in a separator.
                let name = Some(name).filter(|name| !name.is_empty())?;
                Self::ALL.get($crate::text::names::position(Self::LONG, name)?).copied()
            }

            /// The option of this letter.
            pub fn of_letter(letter: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|option| option.short() == letter)
            }

            /// Puts the value where it belongs.
            pub fn set<'a>(self, into: &mut $into, value: $value) -> Result<(), $refused> {
                match self {
                    $($(Self::$name => {
                        let set: fn(&mut $into, $value) -> Result<(), $refused> = $set;
                        set(into, value)
                    })*)*
                    $($(#[cfg(feature = "full")] Self::$more => {
                        let set: fn(&mut $into, $value) -> Result<(), $refused> = $more_set;
                        set(into, value)
                    })*)*
                }
            }

            /// A line of the help, up to where its explanation begins.
            pub fn write(self, text: &mut $crate::text::Text) {
                $crate::text::table::write(text, self.short(), self.long(), self.value());
            }
        }
    };
}

/// The same for what a text is made of.
#[cfg(feature = "full")]
#[macro_export]
macro_rules! full_text {
    ($small:literal, $full:literal) => {
        $full
    };
}

/// The same for what a text is made of.
#[cfg(not(feature = "full"))]
#[macro_export]
macro_rules! full_text {
    ($small:literal, $full:literal) => {
        $small
    };
}

/// The second in the whole build, the first in that of the smallest runner.
#[cfg(feature = "full")]
#[macro_export]
macro_rules! full {
    ($small:expr, $full:expr) => {
        $full
    };
}

/// The second in the whole build, the first in that of the smallest runner.
#[cfg(not(feature = "full"))]
#[macro_export]
macro_rules! full {
    ($small:expr, $full:expr) => {
        $small
    };
}

/// ` -v --volume SRC:DST `, or ` --overlay[=DIR]`, up to the explanations' column.
pub fn write(text: &mut Text, short: u8, long: &[u8], value: &[u8]) {
    const COLUMN: usize = 32;
    let start = text.bytes().len();
    match short {
        0 => text.add(b"    --"),
        letter => text.add(b" -").add(&[letter]).add(b" --"),
    };
    text.add(long).add(if is_optional(value) { b"" } else { b" " }).add(value);
    while text.bytes().len() < start + COLUMN {
        text.add(b" ");
    }
    text.add(b" ");
}

/// Whether a value that is called so may be left out.
pub fn is_optional(value: &[u8]) -> bool {
    cfg!(feature = "full") && value.starts_with(b"[")
}
