//! `aril stats`: what running containers use. A table for a person, told anew every second, or one JSON object a line for a
//! program.

use super::groups::{self, Groups};
use super::list;
use crate::host::figures::{Figure, Figures};
use crate::state;
use crate::sys::file;
use crate::sys::poll::{self, Watched};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, terminal};
use crate::text::{Problem, Text, Told, copy, names, t};

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
        // Who could tell has memory that is gone by then.
        let Ok(count @ 1..) = write_all(&mut text, directory, name, true) else { return Ok(()) };
        show(&own, lines, text.bytes()).map_err(failed)?;
        lines = count + 1;
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

/// In the place of what was there before. The cursor is always below it, whoever ends this.
#[inline(never)]
fn show(arena: &Arena, lines: u64, table: &[u8]) -> Result<()> {
    let mut text = Text::new(arena);
    if lines > 0 {
        text.add(b"\x1b[").number(lines).add(b"A\x1b[J");
    }
    text.add(table);
    file::write_all(At::STDOUT, text.bytes())
}

/// Those that run, and how many they are.
fn write_all<'m>(into: &mut Text<'m>, directory: Word, name: Option<Word>, is_table: bool) -> Told<'m, u64> {
    let arena = into.arena();
    let mut all: List<Word> = List::new(arena);
    match (name, state::open_for(arena, directory)?) {
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
    for name in all.iter() {
        let Ok((_, found)) = state::find(arena, directory, *name) else { continue };
        let (Some(record), Some(running)) = (found.record, found.running()) else { continue };
        // It may end just now.
        let Ok(groups) = Groups::open(arena, record) else { continue };
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
