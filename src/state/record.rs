//! What is written of a container, and read again: words with a NUL behind each, in three parts that are added one after the
//! other. The first is there before the container has its name; the second once its command runs; the last is its exit status.
//! A part is whole or not there, as its words are counted.

use crate::sys::process::Pid;
use crate::sys::{Arena, List, Word};
use crate::text::{Text, copy, number};

/// With what every record begins. Another version is another word.
const MAGIC: &[u8] = b"aril 1";

/// A process, told from a later one of the same number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process {
    /// 0: it was gone before anybody could look.
    pub pid: Pid,
    /// When it began: the 22nd field of `/proc/PID/stat` (proc_pid_stat(5)).
    pub start: u64,
}

impl Process {
    pub const GONE: Self = Self { pid: Pid(0), start: 0 };
}

/// All that is known of a container.
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    pub launcher: Process,
    /// Once its command runs.
    pub running: Option<Running<'m>>,
    /// Once it has ended.
    pub status: Option<u8>,
}

/// A container whose command runs, or ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Running<'m> {
    /// With `--no-init` the command.
    pub init: Process,
    pub command: Process,
    /// In seconds since 1970, and never 0.
    pub started: u64,
    /// What a stop request is for the init; 0: ask the launcher.
    pub stop: u8,
    /// The inode of its user namespace. Its command may have made others since then, of which it is the master.
    pub users: u64,
    /// The command line of aril, with presets in place.
    pub words: Words<'m>,
    /// The command and its arguments.
    pub arguments: Words<'m>,
    /// The command's variables: `NAME=VALUE`.
    pub environment: Words<'m>,
}

impl Running<'static> {
    /// Of one whose command does not run yet.
    pub const NOT_YET: Self = Self {
        init: Process::GONE,
        command: Process::GONE,
        started: 0,
        stop: 0,
        users: 0,
        words: Words(b""),
        arguments: Words(b""),
        environment: Words(b""),
    };
}

/// Words with a NUL behind each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Words<'m>(&'m [u8]);

impl<'m> Iterator for Words<'m> {
    type Item = Word<'m>;

    fn next(&mut self) -> Option<Word<'m>> {
        let word = Word::in_bytes(self.0)?;
        self.0 = self.0.get(word.bytes().len() + 1..).unwrap_or_default();
        Some(word)
    }
}

impl<'m> Words<'m> {
    /// All of them.
    #[inline(never)]
    pub fn all(self, arena: &'m Arena) -> &'m [Word<'m>] {
        let mut list = List::new(arena);
        for word in self {
            list.push(word);
        }
        list.finish()
    }

    #[inline(never)]
    fn number(&mut self) -> Option<u64> {
        number::size(self.next()?.bytes())
    }

    fn process(&mut self) -> Option<Process> {
        let pid = i32::try_from(self.number()?).ok()?;
        Some(Process { pid: Pid(pid), start: self.number()? })
    }

    /// A count, and so many words.
    fn list(&mut self) -> Option<Self> {
        let count = self.number()?;
        let all = self.0;
        for _ in 0..count {
            self.next()?;
        }
        Some(Self(&all[..all.len() - self.0.len()]))
    }

    #[inline(never)]
    fn running(&mut self) -> Option<Running<'m>> {
        Some(Running {
            init: self.process()?,
            command: self.process()?,
            started: self.number()?,
            stop: u8::try_from(self.number()?).ok()?,
            users: self.number()?,
            words: self.list()?,
            arguments: self.list()?,
            environment: self.list()?,
        })
    }
}

impl<'m> Record<'m> {
    /// What is in a file, whoever has written it. `None`: no record, or one of another version.
    pub fn read(bytes: &'m [u8]) -> Option<Self> {
        let mut words = Words(bytes);
        words.next().filter(|magic| magic.bytes() == MAGIC)?;
        let launcher = words.process()?;
        let running = words.running();
        let status = running.and_then(|_| u8::try_from(words.number()?).ok());
        Some(Self { launcher, running, status })
    }
}

/// The first part.
pub fn head(arena: &Arena, launcher: Process) -> &[u8] {
    let mut text = Text::new(arena);
    text.add(MAGIC).add(b"\0");
    add_process(&mut text, launcher);
    text.finish()
}

/// What the second part has of it.
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    pub init: Process,
    pub command: Process,
    pub started: u64,
    pub stop: u8,
    pub users: Word<'a>,
    /// The three lists of words, each as execve(2) takes it.
    pub lists: [&'a [Option<Word<'a>>]; 3],
}

/// The second part.
#[inline(never)]
pub fn body<'m>(arena: &'m Arena, started: &Started) -> &'m [u8] {
    let mut text = Text::new(arena);
    add_process(&mut text, started.init);
    add_process(&mut text, started.command);
    add_number(&mut text, started.started);
    add_number(&mut text, started.stop.into());
    text.add(started.users.bytes()).add(b"\0");
    for list in started.lists {
        add_number(&mut text, list.iter().flatten().count() as u64);
        for word in list.iter().flatten() {
            text.add(word.bytes()).add(b"\0");
        }
    }
    text.finish()
}

/// The last part.
pub fn end(arena: &Arena, status: u8) -> &[u8] {
    let mut text = Text::new(arena);
    add_number(&mut text, status.into());
    text.finish()
}

fn add_process(text: &mut Text, process: Process) {
    add_number(text, process.pid.0 as u64);
    add_number(text, process.start);
}

#[inline(never)]
fn add_number(text: &mut Text, number: u64) {
    text.number(number).add(b"\0");
}

/// When a process began and which is its parent, from its `stat` (proc_pid_stat(5)). Its name may hold anything.
pub fn read_stat(stat: &[u8]) -> Option<(u64, Pid)> {
    // The last bracket ends the second field; the third is the state.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = crate::text::split(stat.get(end..)?, b' ').skip(2);
    let mut number = |skipped| fields.nth(skipped).and_then(number::size);
    const START: usize = 22;
    let parent = i32::try_from(number(0)?).ok()?;
    Some((number(START - 5)?, Pid(parent)))
}

/// The path of a name's record in the directory of all.
pub(super) fn path_of<'m>(arena: &'m Arena, name: Word) -> Word<'m> {
    copy(arena, &[name.bytes(), b"/state"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::word;

    const LAUNCHER: Process = Process { pid: Pid(7), start: 70 };

    fn whole(arena: &Arena) -> Vec<u8> {
        let words = [Some(word(c"aril")), Some(word(c"run")), Some(word(c"")), None];
        let started = Started {
            init: Process { pid: Pid(8), start: 80 },
            command: Process { pid: Pid(9), start: u64::MAX },
            started: 1_700_000_000,
            stop: 2,
            users: word(c"4026531837"),
            lists: [&words, &words[..1], &[None]],
        };
        [head(arena, LAUNCHER), body(arena, &started), end(arena, 255)].concat()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let arena = Arena::new().unwrap();
        let bytes = whole(&arena);
        let record = Record::read(&bytes).unwrap();
        assert_eq!((record.launcher, record.status), (LAUNCHER, Some(255)));
        let running = record.running.unwrap();
        assert_eq!((running.init.start, running.command.start, running.stop), (80, u64::MAX, 2));
        assert_eq!(running.words.collect::<Vec<_>>(), [c"aril", c"run", c""].map(word));
        assert_eq!(running.arguments.collect::<Vec<_>>(), [word(c"aril")]);
        assert_eq!(running.environment.count(), 0);
    }

    #[test]
    fn a_record_that_ends_early_has_whole_parts_alone() {
        let arena = Arena::new().unwrap();
        let bytes = whole(&arena);
        let (head, tail) = (head(&arena, LAUNCHER).len(), end(&arena, 255).len());
        for length in 0..=bytes.len() {
            let record = Record::read(&bytes[..length]);
            assert_eq!(record.is_some(), length >= head, "{length}");
            let Some(record) = record else { continue };
            assert_eq!(record.running.is_some(), length >= bytes.len() - tail, "{length}");
            assert_eq!(record.status.is_some(), length == bytes.len(), "{length}");
        }
    }

    #[test]
    fn garbage_is_no_record() {
        for garbage in [
            &b""[..],
            b"\0\0\0\0",
            b"aril 2\x007\x0070\0",
            b"aril 1\0x\x0070\0",
            b"aril 1\x004294967297\x001\0",
            &[0xff; 4096],
        ] {
            assert!(Record::read(garbage).is_none(), "{}", garbage.escape_ascii());
        }
        let huge = b"aril 1\x007\x0070\x008\x0080\x009\x0090\x001\x000\x005\x0018446744073709551615\0a\0";
        assert!(Record::read(huge).unwrap().running.is_none());
        let stop = b"aril 1\x007\x0070\x008\x0080\x009\x0090\x001\x00258\x005\x000\x000\x000\x000\0";
        assert!(Record::read(stop).unwrap().running.is_none(), "no signal is another one");
        let status = b"aril 1\x007\x0070\x008\x0080\x009\x0090\x001\x000\x005\x000\x000\x000\x00256\0";
        assert!(Record::read(status).is_some_and(|record| record.running.is_some() && record.status.is_none()));
    }

    #[test]
    fn the_start_of_a_process_is_found_behind_any_name() {
        let rest = (5..=30).map(|field| (field * 10).to_string()).collect::<Vec<_>>().join(" ");
        for name in ["sh", "a) S 1 2", ") ) )"] {
            assert_eq!(read_stat(format!("42 ({name}) S 41 {rest}\n").as_bytes()), Some((220, Pid(41))), "{name}");
        }
        for wrong in ["", "42 (sh", "42 (sh) S 41 5"] {
            assert_eq!(read_stat(wrong.as_bytes()), None);
        }
    }
}
