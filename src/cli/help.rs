//! The help texts. Options come from the table.

use super::options::{Group, OPTIONS};
use core::fmt;

/// `aril --help`.
pub const OVERVIEW: &str = "\
aril: a container runner and an init in one tiny file

  aril run [OPTIONS] ROOTFS [COMMAND [ARG…]]      run a command in a container
  aril explain [OPTIONS] ROOTFS [COMMAND [ARG…]]  print what run would do here, and do nothing
  aril init [--] COMMAND [ARG…]                   run a command, reap orphans, pass on signals
  aril --version

ROOTFS is a directory, or / for a throw-away view of this machine.
Options of run: aril run --help
";

const USAGE: &str = "\
aril run [OPTIONS] ROOTFS [COMMAND [ARG…]]

Runs COMMAND (default: /bin/sh) in a container whose root is the directory ROOTFS, or with / a throw-away view of this
machine. The host's network is SHARED unless --network none is given.
";

const EXAMPLES: &str = "\
Exit status: the command's; 128+n if signal n ended it; 125 aril failed; 126 cannot be executed; 127 not found.
Examples:
  aril run / sh                                   try things out on a view of this machine
  aril run --network none --read-only rootfs sh   no network, nothing written
  aril run -v \"$PWD\":/src -w /src rootfs make     build a project of the host
";

/// `aril run --help`: grouped, one screen, examples last.
#[derive(Debug)]
pub struct RunHelp;

/// The text of `aril run --help`.
pub fn run_help() -> RunHelp {
    RunHelp
}

impl fmt::Display for RunHelp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(USAGE)?;
        for (group, heading) in Group::ALL {
            writeln!(f, "\n{heading}:")?;
            for option in OPTIONS.iter().filter(|option| option.group == group) {
                /// Where the explanations begin.
                const COLUMN: usize = 32;
                let width = 4 + option.long.chars().count() + option.value.map_or(0, |value| 1 + value.chars().count());
                match option.short {
                    Some(letter) => write!(f, " -{letter} --{}", option.long)?,
                    None => write!(f, "    --{}", option.long)?,
                }
                if let Some(value) = option.value {
                    write!(f, " {value}")?;
                }
                for _ in width + 2..COLUMN {
                    f.write_str(" ")?;
                }
                writeln!(f, " {}", option.help)?;
            }
        }
        write!(f, "\n{EXAMPLES}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_option_and_fits_a_screen() {
        let help = run_help().to_string();
        for option in OPTIONS {
            assert!(help.contains(&format!("--{}", option.long)), "{}", option.long);
            assert!(help.contains(option.help), "{}", option.long);
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
        assert!(help.lines().count() <= 62, "{} lines", help.lines().count());
    }
}
