//! The command line and the environment of an init: words -> Setup.

use super::log::{DEBUG, WARN};
use super::{Persona, Rewrite};
use crate::sys::{Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, cut, names, number, split, t};
use linux_raw_sys::general as k;

/// What an init is to do.
#[derive(Debug)]
pub struct Setup<'a> {
    /// Orphans among the descendants of one that is not PID 1 become its children.
    pub subreaper: bool,
    /// A signal for this process when its parent ends; 0: none.
    pub parent_death: u8,
    /// The highest level of what is said, and how much more each `-v` is.
    pub level: u8,
    step: u8,
    /// Orphans that end are told of.
    pub warn: bool,
    /// Signals go to the command's process group.
    pub group: bool,
    /// The command has a session of its own (dumb-init).
    pub session: bool,
    /// Statuses that are as good as 0: bit n % 64 of word n / 64.
    pub expected: [u64; 4],
    pub rewrite: Rewrite,
    /// Microseconds from SIGTERM to SIGKILL.
    pub stop_timeout: Option<u64>,
    pub restart: Restart,
    /// Where one line tells of the end.
    pub report: Option<Word<'a>>,
    /// Microseconds for the whole command.
    pub timeout: Option<u64>,
    /// There is no command: it sleeps and reaps.
    pub pause: bool,
    /// Something is to be printed instead.
    pub print: Option<Print>,
}

/// What is asked for in place of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Print {
    Help,
    Version,
    License,
}

/// Whether the command is started again when it has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    No,
    Always,
    /// After a status other than 0, at most so often.
    OnFailure(u32),
}

/// Why a word is refused: the sentence takes the word.
pub type Refused<'a> = (Sentence, Word<'a>);

const TERM: usize = k::SIGTERM as usize;

crate::option_table! {
    Opt, Setup<'a>, Word<'a>, Sentence:
    "options" {
        Subreaper "subreaper" b's', "adopt orphans where it is not PID 1", |setup, _| { setup.subreaper = true; Ok(()) };
        ParentDeath "parent-death" b'p' = "SIGNAL" ("TERM"), "get this signal when the parent ends", |setup, value| {
            setup.parent_death = signal(value.bytes())?; Ok(())
        };
        Verbose "verbose" b'v', "say more (repeatable)", |setup, _| { setup.level = setup.level.saturating_add(setup.step); Ok(()) };
        Warn "warn" b'w', "tell of each orphan that ends", |setup, _| { setup.warn = true; Ok(()) };
        Group "group" b'g', "signals go to the command's process group", |setup, _| { setup.group = true; Ok(()) };
        Expect "expect" b'e' = "STATUS" ("143"), "exit with 0 instead (repeatable)", |setup, value| {
            let status = number::decimal(value.bytes()).filter(|status| *status < 256).ok_or(t!("not a status: %"))?;
            setup.expected[status as usize / 64] |= 1 << (status % 64); Ok(())
        };
        SingleChild "single-child" b'c', "signals go to the command alone, in this session", |setup, _| {
            (setup.session, setup.group) = (false, false); Ok(())
        };
        Rewrite "rewrite" b'r' = "A:B" ("TERM:QUIT"), "pass signal A on as B, or not at all: 0 (repeatable)", |setup, value| {
            let (from, to) = cut(value.bytes(), b':');
            let to = to.ok_or(t!("not two signals: %"))?;
            setup.rewrite[usize::from(signal(from)?)] = if to == b"0" { 0 } else { signal(to)? }; Ok(())
        };
        StopSignal "stop-signal" = "SIGNAL" ("QUIT"), "pass SIGTERM on as this signal", |setup, value| {
            setup.rewrite[TERM] = signal(value.bytes())?; Ok(())
        };
        StopTimeout "stop-timeout" = "TIME" ("10s"), "kill what is left so long after SIGTERM", |setup, value| {
            setup.stop_timeout = Some(duration(value)?); Ok(())
        };
        Restart "restart" = "WHEN" ("on-failure:3"), "start it again: no, always, on-failure[:MAX]", |setup, value| {
            setup.restart = restart(value.bytes()).ok_or(t!("not no, always or on-failure[:MAX]: %"))?; Ok(())
        };
        Report "report" = "FILE" ("/dev/null"), "write there how it ended", |setup, value| {
            if !value.bytes().starts_with(b"/") { return Err(t!("not an absolute path: %")); }
            setup.report = Some(value); Ok(())
        };
        Timeout "timeout" = "TIME" ("5s"), "kill everything after this time, and exit with 124", |setup, value| {
            (setup.timeout, setup.subreaper) = (Some(duration(value)?), true); Ok(())
        };
        Pause "pause" b'P', "no command: sleep and reap", |setup, _| { setup.pause = true; Ok(()) };
        License "license" b'l', "print the license", |setup, _| { setup.print = Some(Print::License); Ok(()) };
        Help "help" b'h', "print this", |setup, _| { setup.print = Some(Print::Help); Ok(()) };
        Version "version" b'V', "print the version", |setup, _| { setup.print = Some(Print::Version); Ok(()) };
    }
}

fn signal(name: &[u8]) -> Result<u8, Sentence> {
    names::signal(name).ok_or(t!("not a signal: %"))
}

fn duration(value: Word) -> Result<u64, Sentence> {
    number::duration(value.bytes()).ok_or(t!("not a time such as 10s, 500ms or 2m: %"))
}

fn restart(value: &[u8]) -> Option<Restart> {
    match cut(value, b':') {
        (b"no", None) => Some(Restart::No),
        (b"always", None) => Some(Restart::Always),
        (b"on-failure", None) => Some(Restart::OnFailure(u32::MAX)),
        (b"on-failure", Some(most)) => number::decimal(most).map(Restart::OnFailure),
        _ => None,
    }
}

/// A command as execve(2) takes it: words and a NULL.
type Words<'a> = &'a [Option<Word<'a>>];

/// Reads everything: the environment first, whose `ARIL_STOP_TIMEOUT=10s` is `--stop-timeout 10s`, then the options, which end
/// at the first operand. The rest is the command.
pub fn read<'a>(
    persona: Persona,
    mut words: Words<'a>,
    environment: Words<'a>,
) -> Result<(Setup<'a>, Words<'a>), Refused<'a>> {
    let mut setup = Setup {
        subreaper: matches!(persona, Persona::Own | Persona::Catatonit),
        parent_death: 0,
        level: WARN,
        step: if persona == Persona::DumbInit { DEBUG - WARN } else { 1 },
        warn: false,
        group: persona == Persona::DumbInit,
        session: persona == Persona::DumbInit,
        expected: [0; 4],
        rewrite: core::array::from_fn(|signal| signal as u8),
        stop_timeout: None,
        restart: Restart::No,
        report: None,
        timeout: None,
        pause: false,
        print: None,
    };
    for entry in environment.iter().flatten() {
        of_environment(*entry, &mut setup)?;
    }
    while let [Some(first), rest @ ..] = words {
        match first.bytes() {
            b"--" => {
                words = rest;
                break;
            }
            [b'-', b'-', ..] => {
                words = rest;
                let (name, _) = cut(first.after(2).bytes(), b'=');
                let option = Opt::named(name).ok_or((UNKNOWN, *first))?;
                let value = first.after(2 + name.len());
                put(option, Some(value.after(1)).filter(|_| !value.is_empty()), &mut words, &mut setup)?;
            }
            [b'-', letters @ ..] if !letters.is_empty() => {
                words = rest;
                for (at, letter) in letters.iter().enumerate() {
                    let option = of_letter(persona, *letter).ok_or((UNKNOWN, *first))?;
                    if !option.value().is_empty() {
                        let value = first.after(2 + at);
                        put(option, Some(value).filter(|value| !value.is_empty()), &mut words, &mut setup)?;
                        break;
                    }
                    put(option, None, &mut words, &mut setup)?;
                }
            }
            _ => break,
        }
    }
    for entry in environment.iter().flatten() {
        of_predecessor(persona, *entry, &mut setup);
    }
    persona.rewrite(&mut setup.rewrite, setup.session);
    Ok((setup, words))
}

const UNKNOWN: Sentence = t!("unknown option: %");

fn of_letter(persona: Persona, letter: u8) -> Option<Opt> {
    persona.letters().iter().find(|known| **known == letter)?;
    // The one whose license has a capital letter.
    Opt::of_letter(if letter == b'L' { b'l' } else { letter })
}

/// An option with the value that was written with it, or the next word if it needs one.
fn put<'a>(
    option: Opt,
    written: Option<Word<'a>>,
    words: &mut Words<'a>,
    setup: &mut Setup<'a>,
) -> Result<(), Refused<'a>> {
    let value = match (option.value(), written, *words) {
        ([], None, _) => Word::default(),
        ([], Some(value), _) => return Err((t!("no value is taken: %"), value)),
        (_, Some(value), _) => value,
        (_, None, [Some(value), rest @ ..]) => {
            *words = rest;
            *value
        }
        _ => return Err((t!("a value is missing at the end"), word(c""))),
    };
    option.set(setup, value).map_err(|sentence| (sentence, value))
}

/// `ARIL_STOP_TIMEOUT=10s`: a word of the environment as the option of this name. A flag is set whatever its value is.
fn of_environment<'a>(entry: Word<'a>, setup: &mut Setup<'a>) -> Result<(), Refused<'a>> {
    const PREFIX: &[u8] = b"ARIL_";
    let Some(rest) = entry.bytes().strip_prefix(PREFIX) else { return Ok(()) };
    let (name, _) = cut(rest, b'=');
    let is_same = |long: &[u8]| {
        long.len() == name.len()
            && long.iter().zip(name).all(|(a, b)| a.to_ascii_uppercase() == *b || (*a, *b) == (b'-', b'_'))
    };
    let settings = Opt::ALL.iter().take_while(|option| **option != Opt::Pause);
    let Some(option) = settings.copied().find(|option| is_same(option.long())) else { return Ok(()) };
    let value = if option.value().is_empty() { Word::default() } else { entry.after(PREFIX.len() + name.len() + 1) };
    option.set(setup, value).map_err(|sentence| (sentence, entry))
}

/// What its predecessors read in the environment.
fn of_predecessor(persona: Persona, entry: Word, setup: &mut Setup) {
    let (name, value) = cut(entry.bytes(), b'=');
    let value = value.unwrap_or_default();
    match (persona, name) {
        (Persona::Tini, b"TINI_SUBREAPER") => setup.subreaper = true,
        (Persona::Tini, b"TINI_KILL_PROCESS_GROUP") => setup.group = true,
        (Persona::Tini, b"TINI_VERBOSITY") => {
            setup.level = number::decimal(value).map_or(setup.level, |level| level as u8)
        }
        (Persona::DumbInit, b"DUMB_INIT_DEBUG") if value == b"1" => setup.level = DEBUG,
        (Persona::DumbInit, b"DUMB_INIT_SETSID") if value == b"0" => (setup.session, setup.group) = (false, false),
        (Persona::Catatonit, b"CATATONIT_DEBUG") => setup.level = DEBUG,
        _ => {}
    }
}

/// The help: the options that go by a letter of this one's, and those that have none.
pub fn write_help(persona: Persona, name: Word, text: &mut Text) {
    text.fill(t!("usage: % [OPTIONS] [--] COMMAND [ARG...]\n"), &[name]);
    let mut explanations = Text::new(text.arena());
    explanations.fill(Opt::HELP, &[]);
    // The first line is a heading.
    for (option, explanation) in Opt::ALL.iter().zip(split(explanations.bytes(), b'\n').skip(1)) {
        if option.short() == 0 || of_letter(persona, option.short()).is_some() {
            option.write(text);
            text.add(explanation).add(b"\n");
        }
    }
}
