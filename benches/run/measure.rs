//! Programs, started and waited for in turns, and what the kernel says they took.

use crate::calls::Comparison;
use crate::statistics::{Chance, Estimate, estimate, median, ratio};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What others are measured against.
pub const FLOOR: &str = "floor";
/// The floor that does not look before it hides something: a bare program as one would write it first. Ratios are to the other one.
pub const NAIVE_FLOOR: &str = "naive floor";

const NOT_INSTALLED: &str = "it is not installed";

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Effort {
    pub quick: bool,
    pub rounds: usize,
}

impl Effort {
    /// Before anything counts: caches fill, the processor wakes up.
    fn warm_up(self) -> usize {
        if self.quick { 2 } else { 24 }
    }

    /// A program that takes longer than so many milliseconds takes part in every second round, or third, and so on.
    pub fn patience(self) -> f64 {
        if self.quick { 5.0 } else { 50.0 }
    }

    /// What takes so many milliseconds once is not measured at all.
    fn limit(self) -> f64 {
        if self.quick { 200.0 } else { 5000.0 }
    }

    pub fn choose<T>(self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// A program with its command line.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    /// `{id}` and `{bundle}` are other ones for each that runs at the same time.
    pub words: Vec<String>,
    /// For runtimes that want a folder: where it is, and its `config.json`.
    pub bundle: Option<(PathBuf, String)>,
}

impl Program {
    pub fn new<'w>(name: &str, words: impl IntoIterator<Item = &'w str>) -> Self {
        Self { name: name.into(), words: words.into_iter().map(String::from).collect(), bundle: None }
    }

    /// What is needed for so many at once.
    pub fn prepare(&self, slots: usize) -> Result<()> {
        let Some((folder, config)) = &self.bundle else { return Ok(()) };
        for slot in 0..slots {
            let folder = folder.join(slot.to_string());
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("config.json"), config.replace("{id}", &self.id(slot)))?;
        }
        Ok(())
    }

    fn id(&self, slot: usize) -> String {
        format!("aril-bench-{}-{slot}", std::process::id())
    }

    /// The command line of the one that runs in this slot.
    pub fn words(&self, slot: usize) -> Vec<String> {
        let bundle = self.bundle.as_ref().map(|(folder, _)| folder.join(slot.to_string()).display().to_string());
        let bundle = bundle.unwrap_or_default();
        self.words.iter().map(|word| word.replace("{id}", &self.id(slot)).replace("{bundle}", &bundle)).collect()
    }

    /// After these words.
    pub fn command_after(&self, before: &[&str], slot: usize) -> Command {
        let mut words = before.iter().map(ToString::to_string).chain(self.words(slot));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().env("PATH", PATH).env("TERM", "xterm").stdin(Stdio::null());
        command
    }

    pub fn command(&self, slot: usize) -> Command {
        self.command_after(&[], slot)
    }

    /// Whether it works here at all.
    pub fn check(&self) -> std::result::Result<(), String> {
        self.prepare(1).map_err(|error| error.to_string())?;
        match self.command(0).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(NOT_INSTALLED.into()),
            Err(error) => Err(error.to_string()),
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let said = said.trim().lines().last().unwrap_or_default();
                Err(format!("{}: {said}", output.status))
            }
        }
    }

    /// The time is that of `posix_spawn` and `waitpid` around it.
    pub fn run(&self) -> Result<Sample> {
        let mut command = self.command(0);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let before = Spent::read()?;
        let begun = Instant::now();
        let status = command.status()?;
        let wall = milliseconds(begun);
        let spent = Spent::read()?.since(&before);
        if status.success() { Ok(Sample { wall, spent }) } else { Err(format!("{}: {status}", self.name).into()) }
    }
}

pub fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// What children took that were waited for, and theirs: milliseconds and numbers of getrusage(2), as wait4(2) tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub user: f64,
    pub system: f64,
    pub switches: f64,
    pub faults: f64,
}

impl Spent {
    pub fn read() -> Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        Ok(Self {
            user: usage.user_time().num_microseconds() as f64 / 1000.0,
            system: usage.system_time().num_microseconds() as f64 / 1000.0,
            switches: usage.voluntary_context_switches() as f64,
            faults: (usage.minor_page_faults() + usage.major_page_faults()) as f64,
        })
    }

    pub fn since(&self, before: &Self) -> Self {
        Self {
            user: self.user - before.user,
            system: self.system - before.system,
            switches: self.switches - before.switches,
            faults: self.faults - before.faults,
        }
    }
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub wall: f64,
    pub spent: Spent,
}

/// A program and what each round took, if it took part.
pub struct Measured {
    pub name: String,
    pub samples: Vec<Option<Sample>>,
}

impl Measured {
    pub fn walls(&self) -> Vec<Option<f64>> {
        self.samples.iter().map(|sample| sample.map(|sample| sample.wall)).collect()
    }

    fn spent(&self) -> Spent {
        let of = |part: fn(&Spent) -> f64| -> Vec<f64> {
            self.samples.iter().flatten().map(|sample| part(&sample.spent)).collect()
        };
        // The kernel divides the time of a short run by where a tick found it: only many of them say something.
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        Spent {
            user: mean(of(|spent| spent.user)),
            system: mean(of(|spent| spent.system)),
            switches: median(&of(|spent| spent.switches)).figure,
            faults: median(&of(|spent| spent.faults)).figure,
        }
    }
}

/// All in each round, in an order of its own.
pub fn rounds(programs: &[Program], effort: Effort, label: &str) -> Result<Vec<Measured>> {
    let mut chance = Chance::new(programs.len() as u64);
    let mut order: Vec<usize> = (0..programs.len()).collect();
    let mut every = vec![1; programs.len()];
    let mut measured: Vec<Measured> =
        programs.iter().map(|program| Measured { name: program.name.clone(), samples: Vec::new() }).collect();
    for (program, every) in programs.iter().zip(&mut every).filter(|(program, _)| program.name != FLOOR) {
        let wall = program.run()?.wall.min(program.run()?.wall);
        *every = ((wall / effort.patience()).ceil() as usize).clamp(1, (effort.rounds / effort.choose(3, 20)).max(1));
    }
    let warm_up = effort.warm_up();
    for round in 0..warm_up + effort.rounds {
        progress(label, round, warm_up + effort.rounds);
        chance.shuffle(&mut order);
        for at in &order {
            // All in the first round that counts.
            let takes_part = round.abs_diff(warm_up) % every[*at] == 0;
            let sample = if takes_part { Some(programs[*at].run()?) } else { None };
            if round >= warm_up {
                measured[*at].samples.push(sample);
            }
        }
    }
    Ok(measured)
}

/// What is said while one waits: over and over on a terminal, else once.
pub fn progress(label: &str, done: usize, all: usize) {
    let mut stderr = std::io::stderr();
    // Nobody reads it, if it fails.
    if stderr.is_terminal() {
        drop(write!(stderr, "\r\x1b[K{label} {done}/{all}"));
    } else if done == 0 {
        drop(writeln!(stderr, "{label}"));
    }
}

/// Those that work here; why the others do not, goes to the notes.
pub fn usable(programs: Vec<Program>, effort: Effort, label: &str, notes: &mut Vec<String>) -> Result<Vec<Program>> {
    let mut left = Vec::new();
    for program in programs {
        let begun = Instant::now();
        let reason = match program.check() {
            // A first run may be slow; the second one tells.
            Ok(()) if milliseconds(begun) > effort.limit() && program.run()?.wall > effort.limit() => {
                format!("a run takes {:.1} s", milliseconds(begun) / 2000.0)
            }
            Ok(()) => {
                left.push(program);
                continue;
            }
            // The report's head says so.
            Err(reason) if reason == NOT_INSTALLED => continue,
            Err(reason) => reason,
        };
        if [FLOOR, "aril"].contains(&program.name.as_str()) {
            return Err(format!("{label}: {}: {reason}", program.name).into());
        }
        notes.push(format!("{label}: without {}: {reason}", program.name));
    }
    Ok(left)
}

// --- What becomes of it ---

/// A figure, with what it is a figure of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub group: String,
    pub case: String,
    pub program: String,
    pub unit: String,
    pub figure: f64,
    /// 95 %, where there is chance in it.
    pub interval: Option<[f64; 2]>,
    /// How many times the floor's, and within what.
    pub of_floor: Option<f64>,
    pub of_floor_interval: Option<[f64; 2]>,
    pub rounds: usize,
    pub spent: Option<Spent>,
    /// Of how many of what, in a series.
    pub at: Option<(String, f64)>,
}

impl Row {
    pub fn new(group: &str, case: &str, program: &str, unit: &str, figure: f64) -> Self {
        Self {
            group: group.into(),
            case: case.into(),
            program: program.into(),
            unit: unit.into(),
            figure,
            interval: None,
            of_floor: None,
            of_floor_interval: None,
            rounds: 1,
            spent: None,
            at: None,
        }
    }

    pub fn estimated(group: &str, case: &str, program: &str, unit: &str, values: &[f64], part: f64) -> Self {
        let Estimate { figure, low, high } = estimate(values, part);
        let row = Self::new(group, case, program, unit, figure);
        Self { interval: Some([low, high]), rounds: values.len(), ..row }
    }

    pub fn at(mut self, what: &str, count: usize) -> Self {
        self.at = Some((what.into(), count as f64));
        self
    }

    pub fn of(mut self, ratio: Option<Estimate>) -> Self {
        self.of_floor = ratio.map(|ratio| ratio.figure);
        self.of_floor_interval = ratio.map(|ratio| [ratio.low, ratio.high]);
        self
    }
}

/// Ratios of figures which were not measured in pairs.
pub fn relate(rows: &mut [Row]) {
    let floor = rows.iter().find(|row| row.program == FLOOR).map(|row| row.figure);
    for row in rows {
        row.of_floor = floor.filter(|floor| *floor > 0.0).map(|floor| row.figure / floor);
    }
}

/// The times of rounds as rows.
pub fn rows(group: &str, case: &str, measured: &[Measured]) -> Vec<Row> {
    let floor = measured.iter().find(|one| one.name == FLOOR).map(Measured::walls);
    let row = |one: &Measured| {
        let walls = one.walls();
        let values: Vec<f64> = walls.iter().flatten().copied().collect();
        let row = Row::estimated(group, case, &one.name, "ms", &values, 0.5);
        Row { spent: Some(one.spent()), ..row.of(floor.as_ref().and_then(|floor| ratio(&walls, floor))) }
    };
    measured.iter().map(row).collect()
}

/// The microseconds that each takes over this one of them in the same round.
pub fn overhead(group: &str, case: &str, measured: &[Measured], over: &str) -> Vec<Row> {
    let Some(base) = measured.iter().find(|one| one.name == over).map(Measured::walls) else { return Vec::new() };
    let row = |one: &Measured| {
        let walls = one.walls();
        let more =
            walls.iter().zip(&base).filter_map(|(with, without)| Some((with.as_ref()? - without.as_ref()?) * 1000.0));
        Row::estimated(group, case, &one.name, "us", &more.collect::<Vec<f64>>(), 0.5)
    };
    measured.iter().filter(|one| one.name != over).map(row).collect()
}

/// What a group of measurements has found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Found {
    pub rows: Vec<Row>,
    pub calls: Vec<Comparison>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}
