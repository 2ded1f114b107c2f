//! The front door of the command line: argv -> Spec. Nothing but argv is looked at: no file, no environment, no uid.

mod help;
pub mod options;
mod values;

pub use help::{OVERVIEW, run_help};

use crate::problem;
use crate::spec::{ChangeRoot, FileSystems, IdMap, Namespace, Source, Spec};
use crate::sys::Word;
use crate::text::{Problem, shown};
use core::ffi::CStr;
use options::{OPTIONS, Opt};

/// What a command line asks for.
#[derive(Debug)]
pub enum Request<'a> {
    Run(Spec<'a>),
    /// Print what `run` would do.
    Explain(Spec<'a>),
    /// `init`: the words after it.
    Init(&'a [Word<'a>]),
    Overview,
    RunHelp,
    Version,
}

/// Reads a whole command line, the program's name first.
pub fn parse<'a>(words: &'a [Word<'a>]) -> Result<Request<'a>, Problem> {
    let Some((verb, rest)) = words.get(1..).and_then(<[_]>::split_first) else { return Ok(Request::Overview) };
    match verb.as_cstr().to_bytes() {
        b"run" => parse_run(rest, Request::Run),
        b"explain" => parse_run(rest.strip_prefix_word(c"run"), Request::Explain),
        b"init" => Ok(Request::Init(rest)),
        b"help" | b"--help" | b"-h" => Ok(Request::Overview),
        b"version" | b"--version" | b"-V" => Ok(Request::Version),
        _ => Err(problem!("unknown command {}", shown(verb.as_cstr())).advise("see: aril --help")),
    }
}

trait StripWord {
    fn strip_prefix_word(self, word: &CStr) -> Self;
}

impl StripWord for &[Word<'_>] {
    /// Without its first word, if that is `word`: `aril explain run …` is `aril explain …`.
    fn strip_prefix_word(self, word: &CStr) -> Self {
        match self.split_first() {
            Some((first, rest)) if first.as_cstr() == word => rest,
            _ => self,
        }
    }
}

fn parse_run<'a>(words: &'a [Word<'a>], request: fn(Spec<'a>) -> Request<'a>) -> Result<Request<'a>, Problem> {
    let mut spec = Spec::new(c"");
    let mut scan = Scan { words, help: false };
    scan.options(&mut spec)?;
    if scan.help {
        return Ok(Request::RunHelp);
    }
    let Some((rootfs, command)) = scan.words.split_first() else {
        return Err(problem!("no root file system given")
            .advise("aril run DIRECTORY COMMAND, or: aril run / sh (a throw-away view of this machine)"));
    };
    spec.rootfs = rootfs.as_cstr();
    spec.command = command.iter().map(|word| word.as_cstr()).collect();
    if spec.command.is_empty() {
        spec.command.push(c"/bin/sh");
    }
    check(&spec)?;
    Ok(request(spec))
}

/// The words that are still to be read.
struct Scan<'a> {
    words: &'a [Word<'a>],
    help: bool,
}

impl<'a> Scan<'a> {
    fn next(&mut self) -> Option<&'a CStr> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.as_cstr())
    }

    /// Reads options up to the first operand or past `--`.
    fn options(&mut self, spec: &mut Spec<'a>) -> Result<(), Problem> {
        while let Some(word) = self.words.first().map(|word| word.as_cstr()) {
            match word.to_bytes() {
                b"--" => {
                    self.next();
                    return Ok(());
                }
                [b'-', b'-', ..] => {
                    self.next();
                    self.long(spec, word)?;
                }
                [b'-', _, ..] => {
                    self.next();
                    self.cluster(spec, word)?;
                }
                _ => return Ok(()),
            }
            if self.help {
                return Ok(());
            }
        }
        Ok(())
    }

    /// `--name`, `--name=value` or `--name value`.
    fn long(&mut self, spec: &mut Spec<'a>, word: &'a CStr) -> Result<(), Problem> {
        let bytes = word.to_bytes();
        let equals = bytes.iter().position(|byte| *byte == b'=');
        let name = &bytes[2..equals.unwrap_or(bytes.len())];
        let Some(option) = OPTIONS.iter().find(|option| option.long.as_bytes() == name) else {
            return Err(unknown(name, bytes));
        };
        match (option.value, equals) {
            (Some(_), Some(at)) => apply(option, spec, &word[at + 1..]),
            (Some(_), None) => {
                let value = self.value(option)?;
                apply(option, spec, value)
            }
            (None, None) => self.switch(option, spec),
            (None, Some(_)) => Err(problem!("option --{} takes no value", option.long)),
        }
    }

    /// `-i`, `-it`, `-vSRC:DST` or `-v SRC:DST`.
    fn cluster(&mut self, spec: &mut Spec<'a>, word: &'a CStr) -> Result<(), Problem> {
        for (at, letter) in word.to_bytes().iter().enumerate().skip(1) {
            let Some(option) = OPTIONS.iter().find(|option| option.short == Some(*letter as char)) else {
                return Err(unknown(&[*letter], word.to_bytes()));
            };
            if option.value.is_none() {
                self.switch(option, spec)?;
                continue;
            }
            let rest = &word[at + 1..];
            let value = if rest.is_empty() { self.value(option)? } else { rest };
            return apply(option, spec, value);
        }
        Ok(())
    }

    fn switch(&mut self, option: &Opt, spec: &mut Spec<'a>) -> Result<(), Problem> {
        self.help |= option.long == "help";
        apply(option, spec, c"")
    }

    fn value(&mut self, option: &Opt) -> Result<&'a CStr, Problem> {
        let name = option.value.unwrap_or_default();
        self.next().ok_or_else(|| problem!("option --{} needs a value: {name}", option.long))
    }
}

fn apply<'a>(option: &Opt, spec: &mut Spec<'a>, value: &'a CStr) -> Result<(), Problem> {
    (option.set)(spec, value).map_err(|reason| problem!("option --{} {}: {reason}", option.long, shown(value)))
}

fn unknown(name: &[u8], word: &[u8]) -> Problem {
    let problem = problem!("unknown option {}", crate::text::Shown(word));
    match options::nearest(name) {
        Some(option) => problem.advise(alloc::format!("did you mean --{}?", option.long)),
        None => problem.advise("see: aril run --help"),
    }
}

/// Options that contradict each other.
fn check(spec: &Spec) -> Result<(), Problem> {
    let own_mounts = spec.namespace(Namespace::Mount) != Source::Host;
    let file_systems = spec.own_file_systems();
    let mounts_asked = file_systems != FileSystems::NONE || !spec.volumes.is_empty() || !spec.tmpfs.is_empty();
    let root_kept = spec.change_root == ChangeRoot::None;
    let own_user = spec.is_private(Namespace::User);
    let maps_given = spec.uids != IdMap::Default || spec.gids != IdMap::Default;
    let contradictions = [
        (
            !own_mounts && spec.change_root == ChangeRoot::Pivot,
            "pivot_root needs a mount namespace: leave it private, or say --change-root chroot or none",
        ),
        (!own_mounts && (mounts_asked || spec.overlay || spec.read_only), "mounts need a mount namespace of their own"),
        (root_kept && spec.rootfs != c"/", "--change-root none keeps the host's root: ROOTFS must be /"),
        (root_kept && (spec.overlay || spec.read_only), "--change-root none keeps the host's root as it is"),
        (
            spec.change_root == ChangeRoot::Chroot && (spec.overlay || spec.read_only || spec.rootfs == c"/"),
            "--change-root chroot takes a directory as it is",
        ),
        (!own_user && maps_given, "id maps need a user namespace: leave out --userns"),
        (
            spec.hostname.is_some() && spec.namespace(Namespace::Uts) == Source::Host,
            "--hostname needs a uts namespace: leave out --uts host",
        ),
        (
            file_systems.proc && !spec.is_private(Namespace::Pid),
            "a new /proc needs a new pid namespace: leave it private, or leave proc out of --fs",
        ),
    ];
    match contradictions.iter().find(|(found, _)| *found) {
        Some((_, text)) => Err(problem!("{text}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    /// Parses `aril run …` and shows the Spec or the problem.
    fn run<R>(words: &[&str], look: impl FnOnce(Result<Request, Problem>) -> R) -> R {
        let owned: Vec<CString> =
            ["aril", "run"].iter().chain(words).map(|word| CString::new(*word).unwrap()).collect();
        let words: Vec<Word> = owned.iter().map(|word| Word::from(word.as_c_str())).collect();
        look(parse(&words))
    }

    fn spec<R>(words: &[&str], look: impl FnOnce(Spec) -> R) -> R {
        run(words, |request| match request {
            Ok(Request::Run(spec)) => look(spec),
            other => panic!("{words:?}: {other:?}"),
        })
    }

    fn refused(words: &[&str]) -> Problem {
        run(words, |request| request.expect_err("refused"))
    }

    #[test]
    fn options_end_at_the_root_file_system() {
        spec(&["--read-only", "root", "ls", "-l", "--overlay"], |spec| {
            assert!(spec.read_only && !spec.overlay);
            assert_eq!(spec.rootfs, c"root");
            assert_eq!(spec.command, [c"ls", c"-l", c"--overlay"]);
        });
    }

    #[test]
    fn values_come_after_an_equals_sign_a_space_or_a_letter() {
        for words in
            [&["--volume=/a:/b", "r"][..], &["--volume", "/a:/b", "r"], &["-v/a:/b", "r"], &["-v", "/a:/b", "r"]]
        {
            spec(words, |spec| assert_eq!(spec.volumes[0].target.as_c_str(), c"/b", "{words:?}"));
        }
    }

    #[test]
    fn what_docker_users_type_by_habit_means_what_already_happens() {
        spec(&["--rm", "-it", "--init", "r", "sh"], |spec| assert_eq!(spec.command, [c"sh"]));
    }

    #[test]
    fn every_option_of_the_table_parses() {
        for option in OPTIONS.iter().filter(|option| option.long != "help") {
            let mut words = vec![format!("--{}", option.long)];
            words.extend(option.value.map(|_| option.example.to_string()));
            words.push("/".into());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run(&words, |request| {
                if let Err(problem) = request {
                    assert!(!problem.line.contains("option"), "{words:?}: {problem}");
                }
            });
        }
    }

    #[test]
    fn an_unknown_option_names_the_nearest_and_never_dumps_the_help() {
        let problem = refused(&["--overlya", "/"]);
        assert_eq!(problem.line, "unknown option --overlya");
        assert_eq!(problem.advice.as_deref(), Some("did you mean --overlay?"));
        assert_eq!(refused(&["--zzzzzzzz", "/"]).advice.as_deref(), Some("see: aril run --help"));
        assert_eq!(refused(&["-Z", "/"]).line, "unknown option -Z");
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        for words in [
            &["--namespaces", "uts", "r"][..],
            &["--namespaces", "uts", "--change-root", "none", "--fs", "proc", "/"],
            &["--change-root", "none", "r"],
            &["--change-root", "none", "--overlay", "/"],
            &["--userns", "host", "--uid-map", "0:1:1", "r"],
            &["--uts", "host", "--hostname", "x", "r"],
            &["--pid", "host", "--fs", "proc", "r"],
            &["--change-root", "chroot", "/"],
        ] {
            refused(words);
        }
    }

    #[test]
    fn missing_words_are_named() {
        assert_eq!(refused(&[]).line, "no root file system given");
        assert_eq!(refused(&["--hostname"]).line, "option --hostname needs a value: NAME");
        assert_eq!(refused(&["--overlay=x", "/"]).line, "option --overlay takes no value");
    }

    #[test]
    fn help_is_help_wherever_it_stands() {
        run(&["--overlay", "-h"], |request| assert!(matches!(request, Ok(Request::RunHelp))));
    }

    #[test]
    fn only_the_named_namespaces_are_made() {
        spec(&["--namespaces", "uts", "--change-root", "none", "/"], |spec| {
            assert!(spec.is_private(Namespace::Uts));
            assert_eq!(spec.namespace(Namespace::Pid), Source::Host);
            assert_eq!(spec.own_file_systems(), FileSystems::NONE);
        });
    }
}
