//! `aril stats`: what running containers use. A table for a person, told anew every second, or one JSON object a line for a
//! program.

use super::groups::{self, Groups};
use super::list;
use crate::host::figures::{Figure, Figures};
use crate::state::{self, Found};
use crate::sys::file;
use crate::sys::poll::{self, Watched};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, terminal};
use crate::text::{Problem, Text, Told, copy, names, split, t};

/// Writes the figures of one or of all; a table goes to the terminal itself, until there is nothing more to tell.
#[inline(never)]
pub fn write<'m>(into: &mut Text<'m>, directory: Word, name: Option<Word>, json: bool) -> Told<'m, ()> {
    let arena = into.arena();
    let failed = |errno| Problem::failed(arena, t!("look at what containers use"), &[], errno);
    // Whoever is named is there to begin with.
    let mut launcher = None;
    if let Some(name) = name {
        let opened = groups::record(arena, directory, name)?.launcher.open(arena);
        launcher = Some(opened.map_err(failed)?);
    }
    let is_table = !json && terminal::size(At::STDOUT).is_ok();
    let mut lines = 0;
    loop {
        if !is_table {
            return write_all(into, directory, name, false).map(drop);
        }
        let own = Arena::new().map_err(failed)?;
        let mut text = Text::new(&own);
        match write_all(&mut text, directory, name, true) {
            Ok(0) => return Ok(()),
            Ok(_) => lines = show(&own, lines, text.bytes()).map_err(failed)?,
            // It is in memory that is gone by then: who asks again is told in the caller's.
            Err(_) => return write_all(into, directory, name, true).map(drop),
        }
        match wait(launcher.as_ref()) {
            Ok(true) => return Ok(()),
            Ok(false) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
}

/// One second, or until the container has ended: true.
#[inline(never)]
fn wait(launcher: Option<&Fd>) -> Result<bool> {
    let mut watched = [Watched::READING];
    if let Some(launcher) = launcher {
        watched[0].on(launcher.at());
    }
    poll::poll_for(&mut watched, 1)?;
    Ok(watched[0].is_ready())
}

/// In the place of what was there before, as much as there is room for; gives its lines. The cursor is always below it, whoever
/// ends this.
#[inline(never)]
fn show(arena: &Arena, lines: u64, table: &[u8]) -> Result<u64> {
    // One that does not know its size has room.
    let [rows, columns] = match terminal::size(At::STDOUT)? {
        [0, ..] | [_, 0, ..] => [usize::MAX; 2],
        [rows, columns, ..] => [rows, columns].map(usize::from),
    };
    let mut text = Text::new(arena);
    if lines > 0 {
        text.add(b"\x1b[").number(lines).add(b"A\x1b[J");
    }
    let mut count = 0;
    for line in split(table.trim_ascii_end(), b'\n').take(rows - 1) {
        text.add(line.get(..columns).unwrap_or(line).trim_ascii_end()).add(b"\n");
        count += 1;
    }
    file::write_all(At::STDOUT, text.bytes())?;
    Ok(count)
}

/// Those that run, and how many they are.
fn write_all<'m>(into: &mut Text<'m>, directory: Word, name: Option<Word>, is_table: bool) -> Told<'m, u64> {
    let arena = into.arena();
    let mut all: List<Word> = List::new(arena);
    let opened = state::open_for(arena, directory)?;
    match (name, &opened) {
        (Some(name), _) => all.push(copy(arena, &[name.bytes()])),
        (None, Some(opened)) => {
            let listed = list::list(arena, opened.at(), &mut all);
            listed.map_err(|errno| Problem::failed(arena, t!("list the containers in %"), &[directory], errno))?;
        }
        (None, None) => {}
    }
    let width = list::width(&all);
    if is_table {
        let mut end = into.bytes().len() + width + list::GAP;
        for heading in names::words("NAME CPU MEMORY PEAK LIMIT PIDS READ WRITTEN") {
            into.add(heading);
            list::fill(into, &mut end);
        }
        into.add(b"\n");
    }
    let mut count = 0;
    for (name, opened) in all.iter().zip(opened.iter().cycle()) {
        let looked = Found::look(arena, opened.at(), *name);
        if looked.as_ref().is_err_and(|errno| state::is_no_record(*errno)) {
            continue;
        }
        let found = looked.and_then(|found| match (found.record, found.running()) {
            (Some(record), Some(running)) => Ok((Groups::open(arena, record)?, running)),
            _ => Err(Errno::ESRCH),
        });
        let (groups, running) = match found {
            Ok(found) => found,
            // It may end just now.
            Err(Errno::ESRCH | Errno::ENOENT) => continue,
            Err(errno) => {
                return Err(Problem::failed(arena, t!("look for the control groups of %"), &[*name], errno));
            }
        };
        let figures = Figures::read(arena, groups.directories(arena));
        count += 1;
        if is_table {
            write_row(into, width, *name, &figures, groups.are_paused(arena));
        } else {
            into.add(b"{\"name\":").json(name.bytes()).add(b",\"state\":");
            into.json(if groups.are_paused(arena) { b"paused" } else { b"running" });
            into.add(b",\"started\":").number(running.started);
            figures.write(into, false);
            into.add(b"}\n");
        }
    }
    Ok(count)
}

#[inline(never)]
fn write_row(into: &mut Text, width: usize, name: Word, figures: &Figures, is_paused: bool) {
    const SECOND: u64 = 1_000_000;
    let mut end = into.bytes().len() + width + list::GAP;
    into.add(name.bytes());
    list::fill(into, &mut end);
    match (figures.get(Figure::User), figures.get(Figure::System)) {
        (Some(user), Some(system)) => {
            let tenths = (user + system) / (SECOND / 10);
            into.number(tenths / 10).add(b".").number(tenths % 10).add(b"s")
        }
        _ => into.add(b"-"),
    };
    list::fill(into, &mut end);
    let of_bytes =
        [Figure::Memory, Figure::MemoryPeak, Figure::MemoryLimit, Figure::Pids, Figure::Read, Figure::Written];
    for figure in of_bytes {
        match figures.get(figure) {
            Some(number) if figure == Figure::Pids => into.number(number),
            Some(bytes) => into.size(bytes),
            None => into.add(b"-"),
        };
        list::fill(into, &mut end);
    }
    into.add(if is_paused { b"paused\n" } else { b"\n" });
}
