//! `aril ps`: a table for a person, or one JSON object a line for a program.

use crate::host::rootfs;
use crate::state::{self, Found, Words};
use crate::sys::process::Pid;
use crate::sys::{Arena, At, Errno, List, Word, poll, word};
use crate::text::{Problem, Text, Told, copy, names, t, text};

/// Writes them. Those whose launcher was killed are removed first.
#[inline(never)]
pub fn write<'m>(into: &mut Text<'m>, directory: Word, json: bool) -> Told<'m, ()> {
    let arena = into.arena();
    let mut all: List<Word> = List::new(arena);
    let mut is_ours = None;
    if let Some(opened) = state::open_for(arena, directory)? {
        let listed = state::clean(arena, opened.at()).and_then(|()| {
            rootfs::list(opened.at(), word(c"."), &mut |name| {
                if names::is_name(name.bytes()) {
                    all.push(copy(arena, &[name.bytes()]));
                }
                true
            })
        });
        listed.map_err(|errno| Problem::failed(arena, t!("list the containers in %"), &[directory], errno))?;
        is_ours = Some(opened);
    }
    let width = all.iter().map(|name| name.bytes().len()).fold(WIDTH, usize::max);
    if !json {
        row(into, width, [word(c"NAME"), word(c"PID"), word(c"STATUS")], word(c"COMMAND"));
    }
    for (name, opened) in all.iter().filter_map(|name| Some((*name, is_ours.as_ref()?))) {
        // A long record goes with its memory.
        let own = Arena::new().map_err(|errno| Problem::failed(arena, t!("reserve memory"), &[], errno))?;
        match look(&own, opened.at(), name) {
            Ok(found) if json => write_object(into, name, &found),
            Ok(found) => write_row(into, width, name, &found),
            // It has ended meanwhile.
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(Problem::failed(arena, t!("read the record of %"), &[name], errno)),
        }
    }
    Ok(())
}

/// As wide as a column is at least.
const WIDTH: usize = 12;

fn look<'m>(arena: &'m Arena, directory: At, name: Word) -> crate::sys::Result<Found<'m>> {
    Found::look(arena, directory, name).and_then(|found| if found.is_there() { Ok(found) } else { Err(Errno::ENOENT) })
}

fn row(text: &mut Text, mut width: usize, cells: [Word; 3], last: Word) {
    for cell in cells {
        text.add(cell.bytes());
        for _ in cell.bytes().len()..width + 2 {
            text.add(b" ");
        }
        width = WIDTH;
    }
    text.add(last.bytes()).add(b"\n");
}

#[inline(never)]
fn write_row(into: &mut Text, width: usize, name: Word, found: &Found) {
    let arena = into.arena();
    let running = found.record.and_then(|record| record.running.as_ref());
    let mut status = Text::new(arena);
    match (found.status(), running) {
        (Some(ended), _) => drop(status.add(b"exited (").number(ended.into()).add(b")")),
        (None, Some(running)) => {
            status.add(b"up ");
            write_time(&mut status, poll::date().saturating_sub(running.started));
        }
        (None, None) => drop(status.add(b"starting")),
    }
    let mut pid = Text::new(arena);
    let mut command = Word::default();
    if let Some(running) = running {
        command = shorten(arena, running.arguments);
        if let (Pid(number @ 1..), None) = (running.command.pid, found.status()) {
            pid.number(number as u64);
        }
    }
    if pid.bytes().is_empty() {
        pid.add(b"-");
    }
    row(into, width, [name, pid.word(), status.word()], command);
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

/// So much of a command as fits on a line.
fn shorten<'m>(arena: &'m Arena, words: Words) -> Word<'m> {
    const LONGEST: usize = 40;
    let mut line = Text::new(arena);
    for (at, part) in words.enumerate() {
        if at > 0 {
            line.add(b" ");
        }
        line.add(part.bytes());
        if line.bytes().len() > LONGEST {
            let cut = copy(arena, &[line.bytes().get(..LONGEST).unwrap_or_default()]);
            return text(arena, t!("%..."), &[cut]);
        }
    }
    text(arena, t!("%"), &[line.word()])
}

#[inline(never)]
fn write_object(into: &mut Text, name: Word, found: &Found) {
    let record = found.record;
    let running = record.and_then(|record| record.running.as_ref());
    let state: &[u8] = match (found.status(), running) {
        (Some(_), _) => b"exited",
        (None, Some(_)) => b"running",
        (None, None) => b"starting",
    };
    into.add(b"{\"name\":").json(name.bytes()).add(b",\"state\":").json(state);
    let number = |into: &mut Text, name: &[u8], number: Option<u64>| {
        into.add(b",\"").add(name).add(b"\":");
        match number {
            Some(number) => into.number(number),
            None => into.add(b"null"),
        };
    };
    let pid = |Pid(number): Pid| (number > 0).then_some(number as u64);
    number(into, b"status", found.status().map(u64::from));
    number(into, b"launcher", record.and_then(|record| pid(record.launcher.pid)));
    number(into, b"init", running.and_then(|running| pid(running.init.pid)));
    number(into, b"pid", running.and_then(|running| pid(running.command.pid)));
    number(into, b"started", running.map(|running| running.started));
    let lists = running.map(|running| {
        [(&b"command"[..], running.arguments), (b"run", running.words), (b"environment", running.environment)]
    });
    for (name, words) in lists.into_iter().flatten() {
        let mut separator: &[u8] = b"";
        into.add(b",\"").add(name).add(b"\":[");
        for word in words {
            into.add(separator).json(word.bytes());
            separator = b",";
        }
        into.add(b"]");
    }
    into.add(b"}\n");
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
