//! The command line and the environment of an init: words -> Setup.

use super::log::{DEBUG, WARN};
use super::{Persona, Rewrite};
use crate::sys::Word;
use crate::text::sentence::Sentence;
use crate::text::{cut, names, number, t};
use linux_raw_sys::general as k;

/// What an init is to do.
#[derive(Debug)]
pub struct Setup<'a> {
    pub persona: Persona,
    /// Orphans among the descendants of one that is not PID 1 become its children.
    pub subreaper: bool,
    /// A signal for this process when its parent ends; 0: none.
    pub parent_death: u8,
    /// The highest level of what is said.
    pub level: u8,
    /// Orphans that end are told of.
    pub warn: bool,
    /// Signals go to the command's process group.
    pub group: bool,
    /// The command has a session of its own (dumb-init).
    pub session: bool,
    /// For each status whether it is as good as 0.
    pub expected: [bool; 256],
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

/// A command as execve(2) takes it: words and a NULL.
pub type Words<'a> = &'a [Option<Word<'a>>];

/// Why a word is refused: the sentence takes the word.
pub type Refused<'a> = (Sentence, Word<'a>);

/// The names of the options, with a letter of each at the same place below: first those without a value, of which the first
/// five are settings and the others ask for something else; last those that the smallest build leaves out.
const LONG: &str = "subreaper verbose warn group single-child pause license help version \
    parent-death expect rewrite stop-signal stop-timeout restart report timeout";
const SHORT: &[u8] = b"svwgcPlhVper";
const SETTINGS: usize = 5;
const WITH_VALUE: usize = 9;
const MORE: usize = 14;

/// The help. Letters and names are the same whatever the program is called.
pub const HELP: Sentence = t!("\
usage: % [OPTIONS] [--] COMMAND [ARG...]
 -s --subreaper            adopt orphans where it is not PID 1
 -g --group                pass signals on to the command's process group
 -c --single-child         pass them on to the command alone, in this session
 -p --parent-death SIGNAL  get this signal when the parent ends
 -e --expect STATUS        exit with 0 instead of this (repeatable)
 -r --rewrite A:B          pass signal A on as B, or with 0 not at all (repeatable)
    --stop-signal SIGNAL   pass SIGTERM on as this signal
    --stop-timeout TIME    kill what is left so long after SIGTERM
 -w --warn                 tell of each orphan that ends
 -v --verbose              say more (repeatable)
 -P --pause                no command: sleep and reap
 -l --license, -V --version, -h --help
");
/// What is in the help besides, if it is there.
pub const MORE_HELP: Sentence = t!("\
    --restart WHEN         run it again: no, always or on-failure[:MAX]
    --report FILE          write there how it ended
    --timeout TIME         kill everything after this time, and exit with 124
");

impl<'a> Setup<'a> {
    pub fn new(persona: Persona) -> Self {
        let is_dumb_init = persona == Persona::DumbInit;
        let mut rewrite = [0; _];
        for (signal, entry) in (0..).zip(&mut rewrite) {
            *entry = signal;
        }
        Self {
            persona,
            subreaper: matches!(persona, Persona::Own | Persona::Catatonit),
            parent_death: 0,
            level: WARN,
            warn: false,
            group: is_dumb_init,
            session: is_dumb_init,
            expected: [false; 256],
            rewrite,
            stop_timeout: None,
            restart: Restart::No,
            report: None,
            timeout: None,
            pause: false,
            print: None,
        }
    }

    /// Reads everything: the environment, whose `ARIL_STOP_TIMEOUT=10s` is `--stop-timeout 10s`, then the options, which end at
    /// the first operand. The rest, which it gives, is the command. `more`: with the options that come last in the table.
    pub fn read(&mut self, mut words: Words<'a>, environment: Words<'a>, more: bool) -> Result<Words<'a>, Refused<'a>> {
        for entry in environment.iter().flatten() {
            self.read_variable(*entry, more)?;
        }
        while let [Some(first), rest @ ..] = words {
            let unknown = (t!("unknown option: %"), *first);
            match first.bytes() {
                b"--" => {
                    words = rest;
                    break;
                }
                [b'-', b'-', long @ ..] => {
                    words = rest;
                    let (name, value) = cut(long, b'=');
                    let option = names::position(LONG, name).filter(|option| more || *option < MORE).ok_or(unknown)?;
                    self.put(option, value.map(|_| first.after(2 + name.len() + 1)), &mut words)?;
                }
                [b'-', letters @ ..] if !letters.is_empty() => {
                    words = rest;
                    for (at, letter) in letters.iter().enumerate() {
                        // catatonit's letter for its license is a capital one.
                        let letter = if *letter == b'L' { b'l' } else { *letter };
                        let option = SHORT.iter().position(|short| *short == letter).ok_or(unknown)?;
                        let value = first.after(2 + at);
                        self.put(
                            option,
                            Some(value).filter(|value| option >= WITH_VALUE && !value.is_empty()),
                            &mut words,
                        )?;
                        if option >= WITH_VALUE {
                            break;
                        }
                    }
                }
                _ => break,
            }
        }
        for entry in environment.iter().flatten() {
            self.read_predecessor(*entry);
        }
        self.persona.rewrite(&mut self.rewrite, self.session);
        Ok(words)
    }

    /// An option with the value that was written with it, or the next word if it needs one.
    #[inline(never)]
    fn put(&mut self, option: usize, written: Option<Word<'a>>, words: &mut Words<'a>) -> Result<(), Refused<'a>> {
        let mut value = written.unwrap_or_default();
        if option < WITH_VALUE && written.is_some() {
            return Err((t!("a value that is not taken: %"), value));
        }
        if let (true, None, [next, rest @ ..]) = (option >= WITH_VALUE, written, *words) {
            value = next.ok_or((t!("a value is missing"), value))?;
            *words = rest;
        }
        self.set(option, value).map_err(|sentence| (sentence, value))
    }

    #[inline(never)]
    fn set(&mut self, option: usize, value: Word<'a>) -> Result<(), Sentence> {
        let bytes = value.bytes();
        match option {
            0 => self.subreaper = true,
            1 => self.level = self.level.saturating_add(if self.persona == Persona::DumbInit { DEBUG } else { 1 }),
            2 => self.warn = true,
            3 => self.group = true,
            4 => (self.session, self.group) = (false, false),
            5 => self.pause = true,
            6 => self.print = Some(Print::License),
            7 => self.print = Some(Print::Help),
            8 => self.print = Some(Print::Version),
            9 => self.parent_death = signal(bytes)?,
            10 => {
                let status = number::decimal(bytes).unwrap_or(u32::MAX) as usize;
                *self.expected.get_mut(status).ok_or(t!("not a status: %"))? = true;
            }
            11 => {
                let (from, to) = cut(bytes, b':');
                let from = signal(from)?;
                let to = match to {
                    Some(b"0") => 0,
                    to => signal(to.unwrap_or_default())?,
                };
                // dumb-init has no real-time signals.
                if self.persona == Persona::DumbInit && from.max(to) > k::SIGSYS as u8 {
                    return Err(NO_SIGNAL);
                }
                self.rewrite[usize::from(from)] = to;
            }
            12 => self.rewrite[k::SIGTERM as usize] = signal(bytes)?,
            13 => self.stop_timeout = Some(duration(bytes)?),
            14 => self.restart = restart(bytes).ok_or(t!("not no, always or on-failure[:MAX]: %"))?,
            15 if bytes.first() == Some(&b'/') => self.report = Some(value),
            15 => return Err(t!("not an absolute path: %")),
            _ => (self.timeout, self.subreaper) = (Some(duration(bytes)?), true),
        }
        Ok(())
    }

    /// `ARIL_STOP_TIMEOUT=10s`: a word of the environment as the option of this name. A flag is set whatever its value is.
    fn read_variable(&mut self, entry: Word<'a>, more: bool) -> Result<(), Refused<'a>> {
        const PREFIX: usize = "ARIL_".len();
        if !entry.bytes().starts_with(b"ARIL_") {
            return Ok(());
        }
        let (name, _) = cut(entry.after(PREFIX).bytes(), b'=');
        let is_same = |long: &[u8]| {
            long.len() == name.len()
                && long.iter().zip(name).all(|(a, b)| a.to_ascii_uppercase() == *b || (*a, *b) == (b'-', b'_'))
        };
        match names::words(LONG).position(is_same) {
            Some(option) if !(SETTINGS..WITH_VALUE).contains(&option) && (more || option < MORE) => {
                let value = entry.after(PREFIX + name.len() + 1);
                self.set(option, value).map_err(|sentence| (sentence, entry))
            }
            _ => Ok(()),
        }
    }

    /// What its predecessors read in the environment.
    fn read_predecessor(&mut self, entry: Word) {
        const NAMES: &str = "TINI_SUBREAPER TINI_KILL_PROCESS_GROUP TINI_VERBOSITY DUMB_INIT_DEBUG=1 DUMB_INIT_SETSID=0 CATATONIT_DEBUG";
        let name = if self.persona == Persona::DumbInit { entry.bytes() } else { cut(entry.bytes(), b'=').0 };
        match (names::position(NAMES, name), self.persona) {
            (Some(0), Persona::Tini) => self.subreaper = true,
            (Some(1), Persona::Tini) => self.group = true,
            (Some(2), Persona::Tini) => {
                self.level = number::decimal(entry.after(name.len() + 1).bytes()).unwrap_or(0) as u8;
            }
            (Some(3), Persona::DumbInit) | (Some(5), Persona::Catatonit) => self.level = DEBUG,
            (Some(4), Persona::DumbInit) => (self.session, self.group) = (false, false),
            _ => {}
        }
    }
}

const NO_SIGNAL: Sentence = t!("not a signal: %");

#[inline(never)]
fn signal(name: &[u8]) -> Result<u8, Sentence> {
    names::signal(name).ok_or(NO_SIGNAL)
}

fn duration(value: &[u8]) -> Result<u64, Sentence> {
    number::duration(value).ok_or(t!("not a time such as 10s, 500ms or 2m: %"))
}

fn restart(value: &[u8]) -> Option<Restart> {
    let (when, most) = cut(value, b':');
    match (names::position("no always on-failure", when)?, most) {
        (0, None) => Some(Restart::No),
        (1, None) => Some(Restart::Always),
        (2, None) => Some(Restart::OnFailure(u32::MAX)),
        (2, Some(most)) => number::decimal(most).map(Restart::OnFailure),
        _ => None,
    }
}
