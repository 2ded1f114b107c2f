//! A machine whose first process is aril, the floor, a script or an init of busybox's, under QEMU: instructions, which are exact
//! (`../boot`), what its initramfs weighs, and what unpacking it takes.

use crate::archive::Archive;
use crate::images;
use crate::instrument::{Cost, Count, Instrument};
use crate::measure::{Effort, Found, Result, Row, progress, relate};
use std::thread;

pub const GROUP: &str = "machine";

type Way = (&'static str, fn(&Cost) -> Count);
const WAYS: [Way; 2] = [
    ("from the hand-over to the command's first instruction", |cost| cost.start),
    ("from the command's exit to power-off", |cost| cost.end),
];

/// The user's parts and the kernel's are told apart, and added up.
type Part = (&'static str, fn(Count) -> u64);
const PARTS: [Part; 3] = [
    ("all", |count| count.user + count.kernel),
    ("the first process's own", |count| count.user),
    ("the kernel's", |count| count.kernel),
];

pub fn measure(effort: Effort) -> Result<Found> {
    let mut found = Found::default();
    let instrument = match Instrument::new() {
        Ok(instrument) => instrument,
        Err(reason) => {
            found.notes.push(format!("{GROUP}: not measured: {reason}"));
            return Ok(found);
        }
    };
    let mut programs = images::all(&instrument, None)?;
    programs.truncate(effort.choose(2, programs.len()));
    let mut costs = Vec::new();
    // Counts do not depend on who else works.
    for (at, pair) in programs.chunks(2).enumerate() {
        progress(&format!("{GROUP}: boots"), 2 * at, programs.len());
        let booted = thread::scope(|scope| {
            let boot = |(name, archive): &(&'static str, Archive)| {
                let (name, bytes, instrument) = (*name, archive.bytes(), &instrument);
                scope.spawn(move || (name, bytes.len(), instrument.boot(&bytes, images::WORDS, None)))
            };
            let both: Vec<_> = pair.iter().map(boot).collect();
            both.into_iter().map(|one| one.join().expect("it does not panic")).collect::<Vec<_>>()
        });
        for (name, size, cost) in booted {
            match cost {
                Ok(cost) => costs.push((name, size, cost)),
                Err(reason) => found.notes.push(format!("{GROUP}: without {name}: {reason}")),
            }
        }
    }
    let mut add = |mut rows: Vec<Row>| {
        relate(&mut rows);
        found.rows.extend(rows);
    };
    for (way, count) in WAYS {
        for (what, of) in PARTS {
            let case = format!("{way}: {what}");
            let row = |name, cost| Row::new(GROUP, &case, name, "instructions", of(count(cost)) as f64);
            add(costs.iter().map(|(name, _, cost)| row(name, cost)).collect());
        }
    }
    add(costs.iter().map(|(name, bytes, _)| Row::new(GROUP, "initramfs", name, "bytes", *bytes as f64)).collect());
    if effort.quick {
        return Ok(found);
    }
    progress(&format!("{GROUP}: unpacking"), 0, 1);
    let packings = images::packings(&instrument)?;
    let row = |case: &str, name: &str, unit: &str, figure: f64| Row::new(GROUP, case, name, unit, figure);
    let (bytes, unpacking) = ("the smallest initramfs of aril", "unpacking it");
    found.rows.extend(packings.iter().map(|(name, size, _)| row(bytes, name, "bytes", *size as f64)));
    found.rows.extend(packings.iter().map(|(name, _, cost)| row(unpacking, name, "instructions", *cost as f64)));
    Ok(found)
}
