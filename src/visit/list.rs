//! `aril ps`: a table for a person, or one JSON object a line for a program.

use super::groups::Groups;
use crate::host::rootfs;
use crate::state::{self, Found, Process, Running, Words};
use crate::sys::process::Pid;
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, poll, word};
use crate::text::{Problem, Text, Told, copy, names, t};

/// Writes them. Those whose launcher was killed are removed first.
pub fn write<'m>(into: &mut Text<'m>, directory: Word, json: bool) -> Told<'m, ()> {
    let arena = into.arena();
    let opened = state::open_for(arena, directory)?;
    write_all(into, opened.as_ref().map(Fd::at), json)
        .map_err(|errno| Problem::failed(arena, t!("list the containers in %"), &[directory], errno))
}

fn write_all(into: &mut Text, directory: Option<At>, json: bool) -> Result<()> {
    let arena = into.arena();
    let mut all: List<Word> = List::new(arena);
    if let Some(directory) = directory {
        list(arena, directory, &mut all)?;
    }
    let width = width(&all);
    if !json {
        let mut end = into.bytes().len() + width + GAP;
        into.add(b"NAME");
        fill(into, &mut end);
        into.add(b"PID           STATUS        COMMAND\n");
    }
    for (name, directory) in all.iter().zip(directory.into_iter().cycle()) {
        // A long record goes with its memory.
        let own = Arena::new()?;
        match Found::look(&own, directory, *name) {
            Ok(found) if !found.is_there() => {}
            Ok(found) => {
                let groups = found.running().and(found.record).map(|record| Groups::open(&own, record));
                let is_paused = groups.is_some_and(|groups| groups.is_ok_and(|groups| groups.are_paused(&own)));
                if json {
                    write_object(into, *name, &found, is_paused);
                } else {
                    write_row(into, width, *name, &found, is_paused);
                }
            }
            // It has ended meanwhile.
            Err(Errno::ENOENT) => {}
            // What somebody else has put there is no record.
            Err(errno) if state::is_no_record(errno) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// All names. Those whose launcher was killed are removed first.
pub fn list<'m>(arena: &'m Arena, directory: At, all: &mut List<'m, Word<'m>>) -> Result<()> {
    state::clean(arena, directory)?;
    rootfs::list(directory, word(c"."), &mut |name| {
        if names::is_name(name.bytes()) {
            all.push(copy(arena, &[name.bytes()]));
        }
        true
    })
}

/// As wide as the column of these names is.
pub fn width(names: &[Word]) -> usize {
    names.iter().fold(WIDTH, |width, name| width.max(name.bytes().len()))
}

/// As wide as a column is, the first one at least, and what is between two.
pub const WIDTH: usize = 12;
pub const GAP: usize = 2;

/// Up to the end of a column, after which the next one begins.
pub fn fill(text: &mut Text, end: &mut usize) {
    while text.bytes().len() < *end {
        text.add(b" ");
    }
    *end += WIDTH + GAP;
}

#[inline(never)]
fn write_row(into: &mut Text, width: usize, name: Word, found: &Found, is_paused: bool) {
    let running = running(found);
    let mut end = into.bytes().len() + width + GAP;
    into.add(name.bytes());
    fill(into, &mut end);
    match (running.command.pid, found.status()) {
        (Pid(number @ 1..), None) => into.number(number as u64),
        _ => into.add(b"-"),
    };
    fill(into, &mut end);
    match found.status() {
        Some(status) => drop(into.add(b"exited (").number(status.into()).add(b")")),
        None if running.started == 0 => drop(into.add(b"starting")),
        None if is_paused => drop(into.add(b"paused")),
        None => {
            into.add(b"up ");
            write_time(into, poll::date().saturating_sub(running.started));
        }
    }
    fill(into, &mut end);
    let begin = into.bytes().len();
    for part in running.arguments {
        match into.bytes().len() - begin {
            0 => {}
            1..LONGEST => drop(into.add(b" ")),
            _ => {
                into.add(b" ...");
                break;
            }
        }
        let part = part.bytes();
        into.show(part.get(..LONGEST).unwrap_or(part));
    }
    into.add(b"\n");
}

/// As much of a command as is shown, about.
const LONGEST: usize = 40;

/// What is known of it, or nothing.
fn running<'m>(found: &Found<'m>) -> &'m Running<'m> {
    found.record.and_then(|record| record.running.as_ref()).unwrap_or(&Running::NOT_YET)
}

/// In the largest unit that is full.
fn write_time(text: &mut Text, mut time: u64) {
    let mut unit = b"s";
    for (size, larger) in [(60, b"m"), (60, b"h"), (24, b"d")] {
        if time < size {
            break;
        }
        (time, unit) = (time / size, larger);
    }
    text.number(time).add(unit);
}

#[inline(never)]
fn write_object(into: &mut Text, name: Word, found: &Found, is_paused: bool) {
    let running = running(found);
    let state: &[u8] = match found.status() {
        Some(_) => b"exited",
        None if running.started == 0 => b"starting",
        None if is_paused => b"paused",
        None => b"running",
    };
    into.add(b"{\"name\":").json(name.bytes()).add(b",\"state\":").json(state).add(b",\"status\":");
    match found.status() {
        Some(status) => into.number(status.into()),
        None => into.add(b"null"),
    };
    let launcher = found.record.map_or(Process::GONE, |record| record.launcher);
    let pids = [launcher, running.init, running.command].map(|process| process.pid.0 as u64);
    for (name, number) in names::words("launcher init pid started").zip(pids.into_iter().chain([running.started])) {
        into.add(b",\"").add(name).add(b"\":");
        match number {
            0 => into.add(b"null"),
            number => into.number(number),
        };
    }
    write_words(into, b"command", running.arguments);
    write_words(into, b"run", running.words);
    write_words(into, b"environment", running.environment);
    into.add(b"}\n");
}

#[inline(never)]
fn write_words(into: &mut Text, name: &[u8], words: Words) {
    into.add(b",").json(name).add(b":[");
    let mut separator: &[u8] = b"";
    for word in words {
        into.add(separator).json(word.bytes());
        separator = b",";
    }
    into.add(b"]");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        let arena = Arena::new().unwrap();
        for (time, told) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86399, "23h"), (86400 * 400, "400d")]
        {
            let mut text = Text::new(&arena);
            write_time(&mut text, time);
            assert_eq!(text.bytes(), told.as_bytes());
        }
    }
}
