//! Containers per second, some at a time, and the processor time of each.

use crate::measure::{Effort, FLOOR, Found, Program, Result, Row, Spent, milliseconds, progress, usable};
use crate::peers::{Case, peer, programs};
use crate::place::Place;
use crate::statistics::{Chance, median, ratio};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

pub const GROUP: &str = "rate";
const AT_A_TIME: [usize; 3] = [1, 2, 8];
/// The runs of a program are in so many blocks, each beside one of every other program.
const BLOCKS: usize = 20;
/// Of a slow one there are so many times fewer.
const SLOWER: usize = 5;

/// A block: containers per second, and milliseconds of processor time of each container.
type Block = (f64, f64);

pub fn measure(place: &Place, effort: Effort) -> Result<Found> {
    let mut found = Found::default();
    let runs = effort.choose(80, 2000);
    let programs = usable(programs(place, &Case::of(&["/bin/true"])), effort, GROUP, &mut found.notes)?;
    let slow = slow(&programs, effort)?;
    for name in &slow {
        found.notes.push(format!("{GROUP}: {name}: one {SLOWER}th of the runs, for it is slow"));
    }
    let runs = |program: &Program| if slow.contains(&program.name) { runs / SLOWER } else { runs };
    if !place.has_resolver {
        found
            .notes
            .push(format!("{GROUP}: one at a time: with --bare each makes a mount point that the others would use"));
    }
    for width in AT_A_TIME.into_iter().filter(|width| *width == 1 || place.has_resolver) {
        let case = format!("{width} at a time");
        let (together, alone): (Vec<Program>, Vec<Program>) = programs
            .iter()
            .cloned()
            .partition(|program| width == 1 || peer(&program.name).is_some_and(|peer| peer.shares_rootfs));
        for program in alone {
            found.notes.push(format!("{GROUP}, {case}: without {}: it locks the root file system", program.name));
        }
        let mut blocks: Vec<Vec<Block>> = vec![Vec::new(); together.len()];
        let mut order: Vec<usize> = (0..together.len()).collect();
        let mut chance = Chance::new(width as u64);
        together.iter().try_for_each(|program| program.prepare(width))?;
        for number in 0..BLOCKS {
            progress(&format!("{GROUP}: {case}"), number, BLOCKS);
            chance.shuffle(&mut order);
            for at in &order {
                blocks[*at].push(block(&together[*at], width, (runs(&together[*at]) / BLOCKS).max(1))?);
            }
        }
        found.rows.extend(rows(&case, width, &together, &blocks, &runs));
    }
    Ok(found)
}

/// Those of which a run takes longer than the others' patience.
fn slow(programs: &[Program], effort: Effort) -> Result<Vec<String>> {
    let mut slow = Vec::new();
    for program in programs {
        if program.run()?.wall.min(program.run()?.wall) > effort.patience() {
            slow.push(program.name.clone());
        }
    }
    Ok(slow)
}

/// So many runs, by as many threads as are to run at a time.
fn block(program: &Program, width: usize, runs: usize) -> Result<Block> {
    let taken = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let before = Spent::read()?;
    let begun = Instant::now();
    thread::scope(|scope| {
        for slot in 0..width {
            let (taken, failed) = (&taken, &failed);
            scope.spawn(move || {
                while taken.fetch_add(1, Ordering::Relaxed) < runs {
                    let status = program.command(slot).stdout(Stdio::null()).stderr(Stdio::null()).status();
                    if !status.is_ok_and(|status| status.success()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let seconds = milliseconds(begun) / 1000.0;
    let spent = Spent::read()?.since(&before);
    match failed.into_inner() {
        0 => Ok((runs as f64 / seconds, (spent.user + spent.system) / runs as f64)),
        failed => Err(format!("{}: {failed} of {runs} failed, {width} at a time", program.name).into()),
    }
}

fn rows(
    case: &str,
    width: usize,
    programs: &[Program],
    blocks: &[Vec<Block>],
    runs: &dyn Fn(&Program) -> usize,
) -> Vec<Row> {
    let rates = |at: usize| blocks[at].iter().map(|block| block.0).collect::<Vec<_>>();
    let paired = |values: Vec<f64>| values.into_iter().map(Some).collect::<Vec<_>>();
    let floor = programs.iter().position(|program| program.name == FLOOR);
    let row = |(at, program): (usize, &Program)| {
        let runs = runs(program);
        let (figures, processor): (Vec<f64>, Vec<f64>) = blocks[at].iter().copied().unzip();
        let row = Row::estimated(GROUP, case, &program.name, "containers/s", &figures, 0.5);
        let ratio = floor.and_then(|floor| ratio(&paired(figures), &paired(rates(floor))));
        let processor = median(&processor);
        let more = Row::new(GROUP, &format!("processor time, {case}"), &program.name, "ms", processor.figure);
        let more = Row { interval: Some([processor.low, processor.high]), rounds: runs, ..more };
        [Row { rounds: runs, ..row.of(ratio) }.at("at a time", width), more]
    };
    let [rates, mut times]: [Vec<Row>; 2] = {
        let (rates, times) = programs.iter().enumerate().map(row).map(|[rate, time]| (rate, time)).unzip();
        [rates, times]
    };
    crate::measure::relate(&mut times);
    rates.into_iter().chain(times).collect()
}
