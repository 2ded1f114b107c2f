//! Inits, each as the first process of a pid namespace where that matters.

use crate::calls;
use crate::idle::children;
use crate::measure::{Effort, Found, Measured, Program, Result, Row, overhead, progress, relate, rounds, rows, usable};
use crate::memory::field;
use crate::peers::{INITS, Init};
use crate::place::Place;
use crate::statistics::Chance;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Instant;

pub const GROUP: &str = "inits";
const NO_INIT: &str = "no init";
/// A pid namespace whose first process is the init.
const FIRST: [&str; 4] = ["unshare", "--pid", "--fork", "--kill-child"];

pub fn measure(place: &Place, effort: Effort) -> Result<Found> {
    let mut found = Found::default();
    let programs = INITS.iter().map(|init| init.program(place, &[], &[&true_inside(place)])).collect();
    let programs = usable(programs, effort, GROUP, &mut found.notes)?;
    let inits: Vec<&Init> =
        INITS.iter().filter(|init| programs.iter().any(|program| program.name == init.name)).collect();

    let measured = rounds(&programs, effort, "inits: start")?;
    found.rows.extend(rows(GROUP, "start to end of true", &measured));
    let mut more = overhead(GROUP, "start, over no init", &measured, NO_INIT);
    relate(&mut more);
    found.rows.extend(more);
    found.rows.extend(counts(&programs, &measured, &mut found.notes));
    let with_init: Vec<&Init> = inits.iter().copied().filter(|init| init.name != NO_INIT).collect();
    found.rows.extend(private(place, &with_init)?);
    found.rows.extend(latency(place, &inits, effort)?);
    if place.is_root {
        found.rows.extend(orphans(place, &with_init, effort)?);
    }
    Ok(found)
}

/// A static one, outside of a container.
fn true_inside(place: &Place) -> String {
    format!("{}/bin/true", place.rootfs())
}

/// System calls until the command's exec, and page faults over those of the command alone.
fn counts(programs: &[Program], measured: &[Measured], notes: &mut Vec<String>) -> Vec<Row> {
    let faults =
        |one: &Measured| one.samples.iter().flatten().map(|sample| sample.spent.faults).fold(f64::INFINITY, f64::min);
    let none = measured.iter().find(|one| one.name == NO_INIT).map_or(0.0, faults);
    let (mut of_calls, mut of_faults) = (Vec::new(), Vec::new());
    for (program, one) in programs.iter().zip(measured).filter(|(program, _)| program.name != NO_INIT) {
        of_faults.push(Row::new(GROUP, "page faults, over no init", &program.name, "faults", faults(one) - none));
        match calls::calls(program, 2) {
            Ok(calls) => {
                let count = calls::total(&calls, 0) as f64;
                of_calls.push(Row::new(GROUP, "system calls to the command's exec", &program.name, "calls", count));
            }
            Err(reason) => notes.push(format!("{GROUP}: system calls of {}: {reason}", program.name)),
        }
    }
    relate(&mut of_calls);
    relate(&mut of_faults);
    [of_calls, of_faults].concat()
}

/// An init with a probe below it, which has said that it is ready.
struct Running {
    launcher: Child,
    output: ChildStdout,
    /// What is next to the launcher, or itself: the init, or without one the probe.
    init: u32,
}

impl Running {
    fn start(program: &Program, is_first: bool) -> Result<Self> {
        let mut command = program.command(0);
        // tini complains where it is not the first process.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut launcher = command.spawn()?;
        let mut output = launcher.stdout.take().ok_or("it has an output")?;
        if output.read(&mut [0])? != 1 {
            return Err(format!("{}: nothing runs: {}", program.name, launcher.wait()?).into());
        }
        let children = children()?;
        let below = children.get(&launcher.id()).and_then(|own| own.first()).copied();
        let init = if is_first { below.ok_or("nothing is below it")? } else { launcher.id() };
        Ok(Self { launcher, output, init })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.init.try_into()?).ok_or("it has a number")?;
        Ok(kill_process(pid, signal)?)
    }

    /// A byte of the probe's.
    fn hear(&mut self) -> Result<()> {
        Ok(self.output.read_exact(&mut [0])?)
    }

    fn end(mut self) -> Result<()> {
        drop(self.launcher.stdin.take());
        self.launcher.wait()?;
        Ok(())
    }
}

/// KiB of the init while it supervises.
fn private(place: &Place, inits: &[&Init]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for init in inits {
        let probe = place.path("init-probe");
        let running = Running::start(&init.program(place, &[], &[&probe, "signals"]), false)?;
        let dirty = field(format!("/proc/{}/smaps_rollup", running.init), "Private_Dirty:");
        rows.push(Row::new(GROUP, "private dirty memory", init.name, "KiB", dirty));
        stop(running)?;
    }
    relate(&mut rows);
    Ok(rows)
}

fn stop(running: Running) -> Result<()> {
    running.signal(Signal::TERM)?;
    let init = running.init;
    running.end()?;
    if fs::exists(format!("/proc/{init}"))? { Err(format!("process {init} is left").into()) } else { Ok(()) }
}

/// From kill(2) of the init until what the command writes has been read: all are up at the same time, and take turns.
fn latency(place: &Place, inits: &[&Init], effort: Effort) -> Result<Vec<Row>> {
    let probe = place.path("init-probe");
    let mut running = Vec::new();
    for init in inits {
        running.push(Running::start(&init.program(place, &[], &[&probe, "signals"]), false)?);
    }
    let signals = effort.choose(500, 5000);
    let mut times = vec![Vec::new(); running.len()];
    let mut order: Vec<usize> = (0..running.len()).collect();
    let mut chance = Chance::new(1);
    for round in 0..signals {
        if round % 100 == 0 {
            progress("inits: signals", round, signals);
        }
        chance.shuffle(&mut order);
        for at in &order {
            let begun = Instant::now();
            running[*at].signal(Signal::USR1)?;
            running[*at].hear()?;
            times[*at].push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    running.into_iter().try_for_each(stop)?;
    let rows = |case: &str, part: f64| {
        let row = |(init, times): (&&Init, &Vec<f64>)| Row::estimated(GROUP, case, init.name, "us", times, part);
        let mut rows: Vec<Row> = inits.iter().zip(&times).map(row).collect();
        relate(&mut rows);
        rows
    };
    Ok([rows("latency of a signal, median", 0.5), rows("latency of a signal, 99th percentile", 0.99)].concat())
}

/// Of each block, by the clock and by processor time.
type Rates = (Vec<f64>, Vec<f64>);

/// Orphans that come one after the other: how many in a second of the clock, which is mostly the time to make them, and how many
/// in a second of the init's own processor time.
fn orphans(place: &Place, inits: &[&Init], effort: Effort) -> Result<Vec<Row>> {
    let probe = place.path("init-probe");
    let count = effort.choose("1000", "20000");
    let number: f64 = count.parse()?;
    let blocks = effort.choose(3, 10);
    let mut figures = vec![(Vec::new(), Vec::new()); inits.len()];
    for block in 0..blocks {
        progress("inits: orphans", block, blocks);
        for (init, (by_clock, by_processor)) in inits.iter().zip(&mut figures) {
            let mut running = Running::start(&init.program(place, &FIRST, &[&probe, "orphans", count]), true)?;
            let schedstat = format!("/proc/{}/schedstat", running.init);
            let processor = || -> Result<f64> {
                Ok(fs::read_to_string(&schedstat)?.split(' ').next().unwrap_or_default().parse::<f64>()? / 1e9)
            };
            let (before, begun) = (processor()?, Instant::now());
            running.hear()?;
            by_clock.push(number / begun.elapsed().as_secs_f64());
            by_processor.push(number / (processor()? - before));
            running.end()?;
        }
    }
    let rows = |case: &str, of: fn(&Rates) -> &Vec<f64>| {
        let row =
            |(init, figures): (&&Init, &Rates)| Row::estimated(GROUP, case, init.name, "orphans/s", of(figures), 0.5);
        let mut rows: Vec<Row> = inits.iter().zip(&figures).map(row).collect();
        relate(&mut rows);
        rows
    };
    let clock = rows("orphans made and reaped in a second", |figures| &figures.0);
    Ok([clock, rows("orphans reaped in a second of the init's processor time", |figures| &figures.1)].concat())
}
