//! How fast output comes out of a container: through a pipe, and through a pseudo-terminal.

use crate::measure::{Effort, FLOOR, Found, Program, Result, Row, progress, usable};
use crate::peers::{Case, programs};
use crate::place::Place;
use crate::statistics::{Chance, ratio};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::Instant;

pub const GROUP: &str = "streams";
const BARE: &str = "no container";
/// What is written at once.
const MEBIBYTE: usize = 1 << 20;

pub fn measure(place: &Place, effort: Effort) -> Result<Found> {
    let mut found = Found::default();
    for (case, is_terminal, size) in
        [("plain", false, effort.choose(32, 512)), ("pseudo-terminal", true, effort.choose(2, 32))]
    {
        let count = format!("count={size}");
        // A terminal adds a return to each line; zeros have none.
        let command = ["/bin/dd", "if=/dev/zero", "bs=1M", &count];
        let asked = Case { terminal: is_terminal, ..Case::of(&command) };
        let mut programs = programs(place, &Case { terminal: false, ..asked.clone() });
        programs.insert(
            0,
            Program::new(
                BARE,
                [format!("{}/bin/dd", place.rootfs()).as_str()].into_iter().chain(command[1..].iter().copied()),
            ),
        );
        let names: Vec<String> = usable(programs.clone(), Effort { quick: false, ..effort }, case, &mut found.notes)?
            .into_iter()
            .map(|program| program.name)
            .collect();
        let mut programs: Vec<Program> = programs
            .drain(..1)
            .chain(crate::peers::programs(place, &asked))
            .filter(|program| names.contains(&program.name))
            .collect();
        // Told to use a pipe.
        programs.retain(|program| !(is_terminal && program.name == "nspawn"));
        found.rows.extend(of_case(case, is_terminal, size, &programs, effort, &mut found.notes)?);
    }
    Ok(found)
}

fn of_case(
    case: &str,
    is_terminal: bool,
    size: usize,
    programs: &[Program],
    effort: Effort,
    notes: &mut Vec<String>,
) -> Result<Vec<Row>> {
    let mut rates: Vec<Vec<Option<f64>>> = vec![Vec::new(); programs.len()];
    let mut failed = vec![None; programs.len()];
    let mut order: Vec<usize> = (0..programs.len()).collect();
    let mut chance = Chance::new(1);
    let blocks = effort.choose(3, 30);
    programs.iter().try_for_each(|program| program.prepare(1))?;
    for block in 0..blocks {
        progress(&format!("{GROUP}: {case}"), block, blocks);
        chance.shuffle(&mut order);
        for at in order.iter().copied() {
            if failed[at].is_some() {
                continue;
            }
            let begun = Instant::now();
            let read = if is_terminal { through_terminal(&programs[at]) } else { through_pipe(&programs[at]) };
            match read {
                Ok(bytes) if bytes >= size * MEBIBYTE => {
                    rates[at].push(Some(bytes as f64 / MEBIBYTE as f64 / begun.elapsed().as_secs_f64()));
                }
                Ok(bytes) => failed[at] = Some(format!("{bytes} bytes of {}", size * MEBIBYTE)),
                Err(error) => failed[at] = Some(error.to_string()),
            }
        }
    }
    let floor = programs.iter().position(|program| program.name == FLOOR);
    let mut rows = Vec::new();
    for (at, program) in programs.iter().enumerate() {
        if let Some(reason) = &failed[at] {
            notes.push(format!("{GROUP}, {case}: without {}: {reason}", program.name));
            continue;
        }
        let values: Vec<f64> = rates[at].iter().flatten().copied().collect();
        let row = Row::estimated(GROUP, case, &program.name, "MiB/s", &values, 0.5);
        rows.push(row.of(floor.and_then(|floor| ratio(&rates[at], &rates[floor]))));
    }
    Ok(rows)
}

fn through_pipe(program: &Program) -> Result<usize> {
    let mut child = program.command(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let bytes = drain(child.stdout.take().ok_or("it has an output")?)?;
    let status = child.wait()?;
    if status.success() { Ok(bytes) } else { Err(status.to_string().into()) }
}

fn through_terminal(program: &Program) -> Result<usize> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let terminal = OpenOptions::new().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.as_bytes()))?;
    let mut command = program.command(0);
    command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
    let mut child = command.spawn()?;
    // Its copies of the terminal would keep the other side open.
    drop(command);
    let bytes = drain(File::from(master))?;
    let status = child.wait()?;
    if status.success() { Ok(bytes) } else { Err(status.to_string().into()) }
}

fn drain(mut from: impl Read) -> Result<usize> {
    let mut buffer = vec![0; MEBIBYTE];
    let mut bytes = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes += count,
            // A terminal that nobody has open any more.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => return Ok(bytes),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
