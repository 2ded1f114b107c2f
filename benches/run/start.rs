//! From the start of a program to the end of `true` in its container.

use crate::calls;
use crate::idle::{self, Idle};
use crate::measure::{Effort, Found, Program, Result, Row, rounds, rows, usable};
use crate::peers::{Case, programs, with_naive_floor};
use crate::place::Place;
use std::fs;

pub const GROUP: &str = "start";
const TRUE: [&str; 1] = ["/bin/true"];

/// An ordinary user measures the default isolation, root the rest too.
pub fn measure(place: &Place, effort: Effort) -> Result<Found> {
    let mut found = Found::default();
    let default = Case::of(&TRUE);
    let who = if place.is_root { "as root" } else { "as an ordinary user" };
    simple(&format!("default isolation, {who}"), place, &default, effort, &mut found)?;
    let kept: Vec<Program> = programs(place, &default);
    if let [Some(ours), Some(floor)] = [if place.is_root { "aril identity" } else { "aril" }, "floor"]
        .map(|name| kept.iter().find(|one| one.name == name))
    {
        let label = format!("system calls, {who}");
        match calls::compare(&label, ours, floor) {
            Ok(comparison) => found.calls.push(comparison),
            Err(reason) => found.notes.push(format!("{label}: {reason}")),
        }
    }
    if !place.is_root {
        return Ok(found);
    }
    simple("without a user namespace", place, &Case { user: false, ..default.clone() }, effort, &mut found)?;
    simple("with a network namespace", place, &Case { network: true, ..default.clone() }, effort, &mut found)?;
    limits(place, &default, effort, &mut found)?;
    volumes(place, &default, effort, &mut found)?;
    mounts(place, &default, effort, &mut found)?;
    running(place, &default, effort, &mut found)?;
    Ok(found)
}

fn simple(label: &str, place: &Place, case: &Case, effort: Effort, found: &mut Found) -> Result<()> {
    let programs = usable(with_naive_floor(place, case), effort, label, &mut found.notes)?;
    found.rows.extend(rows(GROUP, label, &rounds(&programs, effort, label)?));
    Ok(())
}

fn limits(place: &Place, default: &Case, effort: Effort, found: &mut Found) -> Result<()> {
    let label = "with limits on memory and processes";
    let result = simple(label, place, &Case { limits: true, ..default.clone() }, effort, found);
    if let Err(error) = result {
        // Where nobody may make groups.
        found.notes.push(error.to_string());
    }
    Ok(())
}

/// One measurement of a series.
fn point(series: &str, count: usize, programs: &[Program], effort: Effort, found: &mut Found) -> Result<()> {
    let label = format!("{series}: {count}");
    let programs = usable(programs.to_vec(), effort, &label, &mut found.notes)?;
    let rows = rows(GROUP, &label, &rounds(&programs, effort, &label)?);
    found.rows.extend(rows.into_iter().map(|row: Row| row.at(series, count)));
    Ok(())
}

fn volumes(place: &Place, default: &Case, effort: Effort, found: &mut Found) -> Result<()> {
    for count in [0, 10, 100, 1000] {
        let effort = Effort { rounds: effort.rounds.min(if count == 1000 { 100 } else { effort.rounds }), ..effort };
        point("volumes", count, &programs(place, &Case { volumes: count, ..default.clone() }), effort, found)?;
    }
    Ok(())
}

/// In this process's mount namespace, which is its own.
fn mounts(place: &Place, default: &Case, effort: Effort, found: &mut Found) -> Result<()> {
    let folder = place.folder.join("mounts");
    fs::create_dir_all(&folder)?;
    rustix::mount::mount_bind(&folder, &folder)?;
    let mut made = Vec::new();
    let result = [0, 10, 100, 1000].into_iter().try_for_each(|count| {
        while made.len() < count {
            let path = folder.join(made.len().to_string());
            fs::create_dir(&path)?;
            rustix::mount::mount_bind(place.volume(made.len()), &path)?;
            made.push(path);
        }
        point("mounts of the host", count, &programs(place, default), effort, found)
    });
    rustix::mount::unmount(&folder, rustix::mount::UnmountFlags::DETACH)?;
    result
}

fn running(place: &Place, default: &Case, effort: Effort, found: &mut Found) -> Result<()> {
    let idle_case = Case::of(&idle::COMMAND);
    let aril = programs(place, &idle_case).into_iter().next().ok_or("aril is the first")?;
    let mut idle = Idle::default();
    for count in [0, effort.choose(10, 100), effort.choose(100, 1000)] {
        let label = format!("containers running: {count}");
        idle.grow(&aril, &[], count, &label)?;
        point("containers running", count, &programs(place, default), effort, found)?;
    }
    Ok(())
}
