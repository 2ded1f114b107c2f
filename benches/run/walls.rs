//! What aril's own walls cost, at a start and afterwards: itself, beside itself without one of them.

use crate::measure::{Effort, Found, Program, Result, Row, overhead, progress, rounds, usable};
use crate::place::Place;
use crate::statistics::Chance;
use std::fs;
use std::process::Command;

pub const GROUP: &str = "walls";

/// What is measured against: a container without any of them.
const NONE: &str = "none of them";
const NO_FILTER: &str = "--security-opt seccomp=unconfined";
const NO_LANDLOCK: &str = "--security-opt landlock=off";

/// Each with its options. Root's own range of ids is a wall around the files itself, so that landlock has only scopes there.
const OF_ROOT: [(&str, &[&str]); 5] = [
    (NONE, &[NO_FILTER, NO_LANDLOCK]),
    ("the filter", &[NO_LANDLOCK]),
    ("the filter with --denied", &[NO_LANDLOCK, "--denied"]),
    ("landlock's scopes", &[NO_FILTER]),
    ("all of them", &[]),
];
/// Where root inside is somebody outside: he owns aril's file too, unless that lies where nobody can write. Landlock is around the files
/// there, but only where the filter is too.
const OF_SOMEBODY: [(&str, &[&str]); 4] = [
    (NONE, &[NO_FILTER, NO_LANDLOCK]),
    ("the filter", &[NO_LANDLOCK]),
    ("landlock's scopes", &[NO_FILTER]),
    ("all of them, and landlock around the files", &[]),
];
const IDENTITY: &str = "--userns identity";

/// Four below `/`, so that landlock has some way to go.
const DEEP: &str = "/mnt/volumes/0/deep";

pub fn measure(place: &Place, effort: Effort) -> Result<Found> {
    let mut found = Found::default();
    let aril = place.path("aril");
    found.rows.extend(length(place, &aril)?);
    if place.is_root {
        starts("a start, over one without", place, &aril, "", &OF_ROOT, effort, &mut found)?;
        let sealed = place.sealed_aril()?;
        let case = "a start with --userns identity, over one without";
        starts(case, place, &sealed, IDENTITY, &OF_SOMEBODY, effort, &mut found)?;
        anew(place, &sealed, effort, &mut found)?;
    } else {
        starts("a start, over one without", place, &aril, "", &OF_SOMEBODY, effort, &mut found)?;
    }
    let deep = format!("{}{DEEP}", place.rootfs());
    fs::write(&deep, "")?;
    let files = if place.is_root { IDENTITY } else { "" };
    let (calls, opened) = (effort.choose(20_000, 200_000).to_string(), effort.choose(5_000, 50_000).to_string());
    let bare = Program::new("no container", [format!("{}/bin/probe", place.rootfs()).as_str(), "calls", &calls]);
    afterwards("a system call that does nothing", place, "", &["calls", &calls], Some(bare), effort, &mut found)?;
    afterwards("open and close of a file", place, files, &["files", &opened, DEEP], None, effort, &mut found)?;
    Ok(found)
}

/// Of the filter's program, which `aril explain` tells. An instruction has 8 bytes.
fn length(place: &Place, aril: &str) -> Result<Vec<Row>> {
    let said = Command::new(aril).args(["explain", &place.rootfs(), "/bin/true"]).output()?.stdout;
    let said = String::from_utf8(said)?;
    let words: Vec<&str> = said.split_whitespace().collect();
    let count =
        words.windows(2).find(|words| words[1] == "instructions").and_then(|words| words[0].parse::<f64>().ok());
    let count = count.ok_or("aril explain names no filter")?;
    let row = |unit, figure| {
        Row::new(GROUP, &format!("the filter's program, {unit}"), "for the usual capabilities", unit, figure)
    };
    Ok(vec![row("instructions", count), row("bytes", count * 8.0)])
}

fn program(name: &str, aril: &str, place: &Place, options: &[&str], command: &[&str]) -> Program {
    let words = options.iter().flat_map(|options| options.split_whitespace());
    let rootfs = place.rootfs();
    Program::new(name, [aril, "run"].into_iter().chain(words).chain([rootfs.as_str()]).chain(command.iter().copied()))
}

fn starts(
    case: &str,
    place: &Place,
    aril: &str,
    mode: &str,
    ways: &[(&str, &[&str])],
    effort: Effort,
    found: &mut Found,
) -> Result<()> {
    let way =
        |(name, options): &(&str, &[&str])| program(name, aril, place, &[&[mode], *options].concat(), &["/bin/true"]);
    let programs = usable(ways.iter().map(way).collect(), effort, case, &mut found.notes)?;
    found.rows.extend(overhead(GROUP, case, &rounds(&programs, effort, case)?, NONE));
    Ok(())
}

/// Where root inside owns aril's file, it starts anew from one that nobody can write.
fn anew(place: &Place, sealed: &str, effort: Effort, found: &mut Found) -> Result<()> {
    const SEALED: &str = "from a read-only mount";
    let case = "a start with --userns identity, over one from a read-only mount";
    let of = |name, aril: &str| program(name, aril, place, &[IDENTITY], &["/bin/true"]);
    let programs = vec![of(SEALED, sealed), of("from a file that root may write", &place.path("aril"))];
    let programs = usable(programs, effort, case, &mut found.notes)?;
    found.rows.extend(overhead(GROUP, case, &rounds(&programs, effort, case)?, SEALED));
    Ok(())
}

/// What a call takes inside, by a probe that makes many; `outside` is where else it runs.
fn afterwards(
    case: &str,
    place: &Place,
    mode: &str,
    probe: &[&str],
    outside: Option<Program>,
    effort: Effort,
    found: &mut Found,
) -> Result<()> {
    let aril = place.path("aril");
    let probe = [&["/bin/probe"], probe].concat();
    let ways = OF_SOMEBODY.map(|(name, options)| program(name, &aril, place, &[&[mode], options].concat(), &probe));
    let programs = usable(outside.into_iter().chain(ways).collect(), effort, case, &mut found.notes)?;
    let mut took = vec![Vec::new(); programs.len()];
    let mut order: Vec<usize> = (0..programs.len()).collect();
    let (mut chance, blocks) = (Chance::new(1), effort.choose(3, 40));
    for block in 0..blocks {
        progress(case, block, blocks);
        chance.shuffle(&mut order);
        for at in order.iter().copied() {
            let output = programs[at].command(0).output()?;
            took[at].push(String::from_utf8(output.stdout)?.parse::<f64>()?);
        }
    }
    let row = |(program, took): (&Program, &Vec<f64>)| Row::estimated(GROUP, case, &program.name, "ns", took, 0.5);
    found.rows.extend(programs.iter().zip(&took).map(row));
    Ok(())
}
