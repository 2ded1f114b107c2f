//! The help texts. Options come from the table.

use super::options::Opt;
use crate::full;
use crate::text::sentence::Sentence;
use crate::text::{Text, split, t};

macro_rules! overview {
    ($check:literal) => {
        concat!(
            "\
aril: a container runner, an init and a VM's first process in one tiny file

  aril run [OPTIONS] ROOTFS [COMMAND [ARG...]]      run a command in a container
  aril explain [OPTIONS] ROOTFS [COMMAND [ARG...]]  print what run would do here, and do nothing
",
            $check,
            "  aril init [--] COMMAND [ARG...]                   run a command, reap orphans, pass on signals
  aril --version

ROOTFS is a directory, an image of one (as root), or / for a throw-away view of this machine.
Options of run: aril run --help
"
        )
    };
}

/// `aril --help`.
pub const OVERVIEW: Sentence = t!(full!(
    overview!(""),
    overview!(
        "  aril check [--json] [ROOTFS]                      try what run needs here; say what helps where it fails
  aril ps [--json]                                  list the containers with a name
  aril kill NAME [SIGNAL]                           ask one to stop, or send another signal
  aril wait NAME                                    wait for its end, and exit with its status
  aril stats [NAME] [--json]                        what it uses, or all do
  aril pause NAME, aril resume NAME                 stop all in it where it is; go on
  aril update NAME LIMIT...                         other limits, as options of run
  aril exec [OPTIONS] NAME COMMAND [ARG...]         one more command in it: -t --no-tty -i -u -w -e --env-file --denied
  aril explain syscall [OPTIONS] NAME               print whether a command may make this system call
  aril explain boot 'KERNEL COMMAND LINE'           print what aril would do as /init of a machine
"
    )
));

const USAGE: Sentence = t!("\
aril run [OPTIONS] ROOTFS [COMMAND [ARG...]]

Runs COMMAND (default: /bin/sh) in a container whose root is the directory ROOTFS, or with / a throw-away view of this
machine. The host's network is SHARED unless --network none is given.
");

const EXAMPLES: Sentence = t!("\
Exit status: the command's; 128+n if signal n ended it; 125 aril failed; 126 cannot be executed; 127 not found.
Examples:
  aril run / sh                                   try things out on a view of this machine
  aril run --network none --read-only rootfs sh   no network, nothing written
  aril run -v \"$PWD\":/src -w /src rootfs make     build a project of the host
");

/// `aril run --help`: grouped, examples last.
pub fn write_run_help(text: &mut Text) {
    let mut explanations = Text::new(text.arena());
    explanations.fill(Opt::HELP, &[]);
    let mut options = Opt::ALL.iter();
    text.fill(USAGE, &[]);
    for line in split(explanations.bytes(), b'\n') {
        match line {
            [b'=', heading @ ..] => drop(text.add(b"\n").add(heading).add(b":\n")),
            explanation => {
                if let Some(option) = options.next() {
                    option.write(text);
                    text.add(explanation).add(b"\n");
                }
            }
        }
    }
    text.add(b"\n").fill(EXAMPLES, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Arena;

    #[test]
    fn the_help_names_every_option_on_a_line_of_its_own() {
        let arena = Arena::new().unwrap();
        let mut text = Text::new(&arena);
        write_run_help(&mut text);
        let help = String::from_utf8(text.bytes().to_vec()).unwrap();
        let mut explanations = Text::new(&arena);
        explanations.fill(Opt::HELP, &[]);
        let rows = str::from_utf8(explanations.bytes()).unwrap().lines().filter(|line| !line.starts_with('='));
        assert_eq!(rows.clone().count(), Opt::ALL.len());
        for (option, explanation) in Opt::ALL.iter().zip(rows) {
            let gap = if crate::text::table::is_optional(option.value()) { "" } else { " " };
            let long = format!("--{}{gap}", str::from_utf8(option.long()).unwrap());
            assert!(help.lines().any(|line| line.contains(&long) && line.ends_with(explanation)), "{option:?}");
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}
