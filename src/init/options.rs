//! The command line and the environment of an init: words -> Setup.

use super::log::{DEBUG, Log, WARN};
use super::{DROP, Persona, Rewrite};
use crate::spec::Restart;
use crate::sys::process::Pid;
use crate::sys::signal::{LAST, SignalSet};
use crate::sys::{Word, word};
use crate::text::{cut, names, number, split};
use core::ffi::CStr;
use linux_raw_sys::general as k;

/// What an init is to do.
/// In this order the small fields are near its address, which makes the code for them a fiftieth of the smallest build shorter.
#[derive(Debug)]
#[repr(C)]
pub struct Setup<'a> {
    /// As whom it behaves, and what it says.
    pub log: Log,
    pub ignores_children: bool,
    /// Orphans among the descendants of one that is not PID 1 become its children.
    pub subreaper: bool,
    /// A signal for this process when its parent ends; 0: none.
    pub parent_death: u8,
    /// The same from tini's environment, which counts more than its options.
    verbosity: Option<u8>,
    /// Signals go to the command's process group.
    pub group: bool,
    /// The command has a session of its own (dumb-init).
    pub session: bool,
    /// There is no command: it sleeps and reaps.
    pub pause: bool,
    /// The `LISTEN_PID` of the environment has to be the command's.
    pub listens: bool,
    pub restart: Restart,
    /// This process.
    pub own: Pid,
    /// Those that it takes.
    pub signals: SignalSet,
    /// What this process has inherited, which its command gets back: the mask, and whether its children's ends were ignored.
    /// Then the kernel reaps, and wait4(2) tells of none.
    pub mask: SignalSet,
    /// What is still to be read; at the end the command.
    pub words: Words<'a>,
    /// Why a word is refused, and which.
    pub refused: (Word<'a>, Word<'a>),
    /// Microseconds from SIGTERM to SIGKILL.
    pub stop_timeout: Option<u64>,
    /// Where one line tells of the end.
    pub report: Option<Word<'a>>,
    /// Microseconds for the whole command.
    pub timeout: Option<u64>,
    /// Where a command is searched for, as execvp(3) does.
    pub path: Word<'a>,
    /// Something is to be printed instead: `LICENSE`, `HELP` or the version.
    pub print: Option<usize>,
    /// Statuses that are as good as 0: bit n % 32 of word n / 32.
    pub expected: [u32; 8],
    pub rewrite: Rewrite,
}

/// A command as execve(2) takes it: words and a NULL.
pub type Words<'a> = &'a [Option<Word<'a>>];

/// The table of options, which is the help too: a letter, a name, and what its value is called if it takes one. Letters and
/// names are the same whatever the program is called. Those that take no value come first, and of these the settings, which
/// the environment can have too.
macro_rules! tables {
    ($($row:literal $explanation:literal)* more: $($more:literal $more_explanation:literal)*) => {
        /// The smallest build has no room for explanations, nor for the last rows.
        const TABLE: &str = concat!($($row, "\n",)* "\0");
        const WHOLE_TABLE: &str = concat!(
            $($row, " ", $explanation, "\n",)*
            $($more, " ", $more_explanation, "\n",)*
            "\0"
        );
    };
}

tables! {
    "-s --subreaper:" "adopt orphans though it is not PID 1"
    "-g --group:" "pass signals on to the command's process group"
    "-c --single-child:" "to the command alone, in this session"
    "-w --warn:" "tell of orphans that end, and of who leaves zombies"
    "-v --verbose:" "say more"
    "-P --pause:" "no command: sleep and reap"
    "-l --license:" "print it"
    "-V --version:" "print it"
    "-h --help:" "print this"
    "-p --parent-death SIG:" "get it when the parent ends"
    "-e --expect N:" "exit with 0 instead of it"
    "-r --rewrite A:B:" "pass signal A on as B, or 0: not at all"
    "   --stop-signal SIG:" "pass SIGTERM on as this one"
    "   --stop-timeout TIME:" "so long after SIGTERM kill what is left"
    more:
    "   --restart WHEN:" "run it again: no, always, on-failure[:MAX]"
    "   --report FILE:" "write there how it ended"
    "   --timeout TIME:" "so long after the start kill everything, exit with 124"
}

const VERBOSE: usize = 4;
const PAUSE: usize = 5;
pub const LICENSE: usize = 6;
pub const HELP: usize = 8;

/// The table of a build.
pub const fn table<const MORE: bool>() -> Word<'static> {
    match CStr::from_bytes_with_nul(if MORE { WHOLE_TABLE } else { TABLE }.as_bytes()) {
        Ok(rows) => word(rows),
        Err(_) => panic!("it ends in a NUL"),
    }
}

/// The number of the row with this letter, or with this name: `stop-timeout`, or `STOP_TIMEOUT` as a variable has it.
#[inline(never)]
fn find<const MORE: bool>(letter: u8, name: &[u8]) -> Option<usize> {
    for (number, line) in split(const { table::<MORE>() }.bytes(), b'\n').enumerate() {
        let [_, short, _, _, _, long @ ..] = line else { return None };
        let (known, after) = long.split_at_checked(name.len()).unwrap_or_default();
        let is_named = matches!(after, [b':' | b' ', ..]) && names::is_same(name, known) && cut(name, b':').1.is_none();
        if is_named || letter > b' ' && letter == *short {
            return Some(number);
        }
    }
    None
}

impl<'a> Setup<'a> {
    pub fn new(persona: Persona, words: Words<'a>) -> Self {
        let is_dumb_init = persona == Persona::DumbInit;
        Self {
            log: Log { persona, level: WARN, reaping: DEBUG },
            signals: persona.signals(),
            mask: 0,
            ignores_children: false,
            own: Pid(0),
            words,
            refused: (UNKNOWN, word(c"")),
            subreaper: matches!(persona, Persona::Own | Persona::Catatonit),
            parent_death: 0,
            verbosity: None,
            group: is_dumb_init,
            session: is_dumb_init,
            expected: [0; 8],
            rewrite: [0; LAST as usize + 1],
            stop_timeout: None,
            path: word(c"/bin:/usr/bin"),
            listens: false,
            restart: Restart::No,
            report: None,
            timeout: None,
            pause: false,
            print: None,
        }
    }

    /// Reads everything: the environment, whose `ARIL_STOP_TIMEOUT=10s` is `--stop-timeout 10s`, then the options, which end at
    /// the first operand; the rest is the command. `None`: a word is refused. `MORE`: with the options that come last in the
    /// table.
    #[inline(never)]
    pub fn read<const MORE: bool>(&mut self, environment: Words<'a>) -> Option<()> {
        for entry in environment.iter().flatten() {
            self.refused = (BAD, *entry);
            self.read_variable::<MORE>(*entry)?;
        }
        while let [Some(first), rest @ ..] = self.words {
            let bytes = first.bytes();
            if !matches!(bytes, [b'-', _, ..]) {
                break;
            }
            self.words = rest;
            if let [b'-', b'-', long @ ..] = bytes {
                if long.is_empty() {
                    break;
                }
                self.refused = (UNKNOWN, *first);
                let (name, value) = cut(long, b'=');
                let option = find::<MORE>(0, name)?;
                self.put::<MORE>(option, value.map(|_| first.after(name.len() + 3)))?;
                continue;
            }
            for (at, letter) in (1..).zip(&bytes[1..]) {
                // catatonit's letter for its license is a capital one.
                let letter = if *letter == b'L' { b'l' } else { *letter };
                self.refused = (UNKNOWN, *first);
                let option = find::<MORE>(letter, b"")?;
                let value = first.after(at + 1);
                self.put::<MORE>(option, if option > HELP && !value.is_empty() { Some(value) } else { None })?;
                if option > HELP {
                    break;
                }
            }
        }
        self.refused = (NO_COMMAND, word(c""));
        if let Some(verbosity) = self.verbosity {
            self.log.level = verbosity;
        }
        self.log.persona.rewrite(&mut self.rewrite, self.session);
        Some(())
    }

    /// An option with the value that was written with it, or the next word if it needs one.
    #[inline(never)]
    fn put<const MORE: bool>(&mut self, option: usize, written: Option<Word<'a>>) -> Option<()> {
        let takes = option > HELP;
        let mut value = written.unwrap_or_default();
        if takes && written.is_none() {
            self.refused.0 = MISSING;
            let [Some(next), rest @ ..] = self.words else { return None };
            (value, self.words) = (*next, rest);
        }
        self.refused = (BAD, value);
        // A flag takes none.
        if takes || written.is_none() { self.set::<MORE>(option, value) } else { None }
    }

    /// `None`: the value is none for it.
    #[inline(never)]
    fn set<const MORE: bool>(&mut self, option: usize, value: Word<'a>) -> Option<()> {
        let bytes = value.bytes();
        match option {
            0 => self.subreaper = true,
            1 => self.group = true,
            2 => (self.session, self.group) = (false, false),
            3 => self.log.reaping = WARN,
            VERBOSE => {
                // The others have but two levels.
                let has_levels = matches!(self.log.persona, Persona::Own | Persona::Tini);
                self.log.level = self.log.level.saturating_add(if has_levels { 1 } else { DEBUG });
            }
            9 => self.parent_death = names::signal(bytes)?,
            10 => {
                let status = number::decimal(bytes)?;
                *self.expected.get_mut(status as usize / 32)? |= 1 << (status % 32);
            }
            11 => {
                let (from, to) = cut(bytes, b':');
                let (from, to) = (names::signal(from)?, to?);
                let to = if to == b"0" { DROP } else { names::signal(to)? };
                if self.log.persona == Persona::DumbInit && (from > LAST_OLD || to > LAST_OLD && to != DROP) {
                    return None;
                }
                self.rewrite[usize::from(from)] = to;
            }
            12 => self.rewrite[k::SIGTERM as usize] = names::signal(bytes)?,
            13 => self.stop_timeout = Some(number::duration(bytes)?),
            PAUSE => self.pause = true,
            LICENSE..=HELP => self.print = Some(option),
            _ if !MORE => return None,
            14 => self.restart = Restart::read(bytes)?,
            15 => {
                // The working directory is another when it is written.
                bytes.strip_prefix(b"/")?;
                self.report = Some(value);
            }
            _ => (self.timeout, self.subreaper) = (Some(number::duration(bytes)?), true),
        }
        Some(())
    }

    /// A word of the environment: a setting of this program's own or of a predecessor, or what the command's start
    /// depends on.
    #[inline(never)]
    fn read_variable<const MORE: bool>(&mut self, entry: Word<'a>) -> Option<()> {
        if let Some(path) = entry.strip(b"PATH=") {
            self.path = path;
        } else if let Some(pid) = entry.strip(b"LISTEN_PID=") {
            // Sockets that are for this very process are for its command (sd_listen_fds(3)).
            let passes_on = matches!(self.log.persona, Persona::Own | Persona::Catatonit);
            self.listens |= passes_on && number::decimal(pid.bytes()) == Some(self.own.0 as u32);
        } else if let Some(setting) = entry.strip(b"ARIL_") {
            let (name, _) = cut(setting.bytes(), b'=');
            let value = setting.after(name.len() + 1);
            match find::<MORE>(0, name) {
                // An empty one is as good as none: it often comes of another variable that is not set.
                Some(option) if !(PAUSE..=HELP).contains(&option) && !value.is_empty() => {
                    return self.set::<MORE>(option, value);
                }
                _ => {}
            }
        } else if let (Some(level), Persona::Tini) = (entry.strip(b"TINI_VERBOSITY="), self.log.persona) {
            self.verbosity = Some(number::decimal(level.bytes()).unwrap_or(0) as u8);
        } else if let Some(option) = self.of_predecessor(entry) {
            return self.set::<MORE>(option, word(c""));
        }
        Some(())
    }

    /// Which option a predecessor's variable is: tini's with any value, dumb-init's with one, catatonit's with any.
    fn of_predecessor(&self, entry: Word) -> Option<usize> {
        let whole = entry.bytes();
        let (name, _) = cut(whole, b'=');
        match self.log.persona {
            Persona::Own => None,
            Persona::Tini => names::position("TINI_SUBREAPER TINI_KILL_PROCESS_GROUP", name),
            Persona::DumbInit => {
                names::position("DUMB_INIT_SETSID=0 DUMB_INIT_DEBUG=1", whole).map(|place| 2 * place + 2)
            }
            Persona::Catatonit => names::position("CATATONIT_DEBUG", name).map(|_| VERBOSE),
        }
    }
}

/// dumb-init has no real-time signals.
const LAST_OLD: u8 = k::SIGSYS as u8;

/// Why a word is refused.
const UNKNOWN: Word = word(c"unknown option: ");
const BAD: Word = word(c"bad value: ");
const MISSING: Word = word(c"no value: ");
const NO_COMMAND: Word = word(c"no command");
