//! A table of options: what a command line's reader, its help and the tests walk. Each column is one text, which is a third
//! of what a table of addresses would take.

use super::Text;

/// Makes an `enum` of options from a table: for each its variant, its name after `--`, its letter and what its value is called
/// if it has these, its explanation, and what it does to the thing that is filled. `HELP` has the explanations, a line each,
/// those of a group after its heading, which `=` marks.
#[macro_export]
macro_rules! option_table {
    ($(#[$doc:meta])* $option:ident, $into:ty, $value:ty, $refused:ty:
        $($heading:literal {
            $($name:ident $long:literal $($short:literal)? $(= $called:literal ($example:literal))?, $help:literal, $set:expr;)*
        })*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $option { $($($name,)*)* }

        impl $option {
            /// Every one, in the order of the table.
            pub const ALL: &[Self] = &[$($(Self::$name,)*)*];
            const LONG: &str = concat!($($($long, " ",)*)*);
            const SHORT: &[u8] = &[$($(0 $(+ $short)?,)*)*];
            const VALUE: &str = concat!($($($($called,)? " ",)*)*);
            /// The explanations and headings.
            pub const HELP: $crate::text::sentence::Sentence =
                $crate::t!(concat!($("=", $heading, "\n", $($help, "\n",)*)*));
            /// A value of each that is taken.
            #[cfg(test)]
            pub const EXAMPLE: &[&str] = &[$($(concat!($($example)?),)*)*];

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
                }
            }

            /// A line of the help, up to where its explanation begins.
            pub fn write(self, text: &mut $crate::text::Text) {
                $crate::text::table::write(text, self.short(), self.long(), self.value());
            }
        }
    };
}

/// ` -v --volume SRC:DST `, up to the explanations' column.
pub fn write(text: &mut Text, short: u8, long: &[u8], value: &[u8]) {
    const COLUMN: usize = 32;
    let start = text.bytes().len();
    match short {
        0 => text.add(b"    --"),
        letter => text.add(b" -").add(&[letter]).add(b" --"),
    };
    text.add(long).add(b" ").add(value);
    while text.bytes().len() < start + COLUMN {
        text.add(b" ");
    }
    text.add(b" ");
}
