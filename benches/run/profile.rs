//! Where the time of a start goes: `aril run --trace` many times, beside the floor that tells of its parts in the same way, and what
//! lies between the steps, so that the parts are the whole.
//!
//! Each line of a trace is a datagram, and the kernel says when it was sent and by whom. The way from the start to the end goes
//! through the launcher to the word "go", from there through the container's first process to the start of the command's, and through
//! that to the command. What the others do at the same time is listed apart.

use crate::measure::{Effort, FLOOR, NAIVE_FLOOR, Program, Result, progress};
use crate::peers::{Case, with_naive_floor};
use crate::place::Place;
use crate::statistics::{Chance, rounded_median as median};
use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixCredentials, recvmsg, setsockopt, socketpair,
    sockopt,
};
use nix::sys::time::TimeSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

pub const MODE: &str = "profile";
/// The floor that tells of its parts.
pub const TIMED: &str = "floor-timed";

const GO: &str = "let the new process go on";
const GONE: &str = "hide the command line, and wait until the launcher says go";
const COMMAND: &str = "start a process for the command";
const RUNS: &str = "the command runs";

const BEGIN: &str = "— the program's start; aril reads its arguments and the machine, and plans";
const WAKE: &str = "— \"go\" said, and the new process awake";
const EXECUTE: &str = "— exec, to the command's first instruction";
const END: &str = "— the command's end, its namespaces taken down, the launcher's end";
const TOLD: &str = "— the trace itself";

/// The figures of one caller.
#[derive(Debug, Serialize, Deserialize)]
pub struct Profile {
    who: String,
    columns: Vec<Column>,
}

/// Of one program: microseconds by step, in their order, each in one run after the other.
#[derive(Debug, Serialize, Deserialize)]
struct Column {
    name: String,
    steps: Vec<(String, Vec<f64>)>,
    /// What is done while others go on.
    beside: Vec<(String, Vec<f64>)>,
    whole: Vec<f64>,
    /// Of runs that tell nothing.
    untold: Vec<f64>,
}

pub fn measure(place: &Place, effort: Effort) -> Result<Profile> {
    let probe = place.folder.join("rootfs/bin/init-probe");
    fs::copy(place.path("init-probe"), &probe)?;
    // An ordinary user has no `aril identity`.
    let names = ["aril", "aril identity", FLOOR, NAIVE_FLOOR];
    let mut programs = with_naive_floor(place, &Case::of(&["/bin/init-probe", "once"]));
    programs.retain(|program| names.contains(&program.name.as_str()));
    let mut columns: Vec<Column> = programs.iter().map(|program| Column::new(&program.name)).collect();
    let mut order: Vec<usize> = (0..programs.len()).collect();
    let mut chance = Chance::new(1);
    let who = if place.is_root { "root" } else { "an ordinary user" };
    let warm_up = effort.choose(2, 24);
    for round in 0..warm_up + effort.rounds {
        progress(&format!("{MODE}, as {who}"), round, warm_up + effort.rounds);
        chance.shuffle(&mut order);
        for at in &order {
            let untold = programs[*at].run()?.wall * 1000.0;
            let run = Run::of(&telling(&programs[*at], place))?;
            if round >= warm_up {
                columns[*at].untold.push(untold);
                columns[*at].add(run, place)?;
            }
        }
    }
    Ok(Profile { who: who.into(), columns })
}

/// The same program, that tells of what it does.
fn telling(program: &Program, place: &Place) -> Program {
    let mut words = program.words.clone();
    if program.name.starts_with("aril") {
        words.insert(2, "--trace".into());
    } else {
        words[0] = place.path(TIMED);
    }
    Program { words, ..program.clone() }
}

/// A line of a trace.
struct Line {
    /// Since the start, in microseconds, when it was told.
    at: f64,
    pid: i32,
    took: f64,
    step: String,
}

struct Run {
    lines: Vec<Line>,
    whole: f64,
}

impl Run {
    fn of(program: &Program) -> Result<Self> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;
        setsockopt(&ours, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&ours, sockopt::PassCred, &true)?;
        let mut command = program.command(0);
        command.stdout(Stdio::null()).stderr(theirs);
        let begun = now()?;
        let status = command.status()?;
        let whole = now()? - begun;
        drop(command);
        let lines = received(&ours, begun)?;
        if status.success() {
            Ok(Self { lines, whole })
        } else {
            let said: Vec<String> = lines.into_iter().map(|line| line.step).collect();
            Err(format!("{}: {status}: {}", program.name, said.join("; ")).into())
        }
    }
}

/// Microseconds of the clock by which the kernel stamps messages.
fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e6)
}

/// All that is there.
fn received(socket: &OwnedFd, begun: f64) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    loop {
        let mut text = [0; 512];
        let mut parts = [IoSliceMut::new(&mut text)];
        let mut space = cmsg_space!(TimeSpec, UnixCredentials);
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT);
        let message = match message {
            Err(nix::errno::Errno::EAGAIN) => return Ok(lines),
            message => message?,
        };
        let (mut at, mut pid) = (0.0, 0);
        for part in message.cmsgs()? {
            match part {
                ControlMessageOwned::ScmTimestampns(time) => {
                    at = time.tv_sec() as f64 * 1e6 + time.tv_nsec() as f64 / 1e3 - begun;
                }
                ControlMessageOwned::ScmCredentials(who) => pid = who.pid(),
                _ => {}
            }
        }
        let bytes = message.bytes;
        if bytes == 0 {
            return Ok(lines);
        }
        let text = String::from_utf8_lossy(&text[..bytes]).trim().to_string();
        // "  12 us  make every mount private", and the command's own word.
        let (took, step) = text.split_once(" us  ").unwrap_or(("0", &text));
        let step = step.split(" -> ").next().unwrap_or_default();
        lines.push(Line { at, pid, took: took.trim().parse()?, step: step.into() });
    }
}

impl Column {
    fn new(name: &str) -> Self {
        let (steps, beside) = Default::default();
        Self { name: name.into(), steps, beside, whole: Vec::new(), untold: Vec::new() }
    }

    /// Divides one run.
    fn add(&mut self, run: Run, place: &Place) -> Result<()> {
        let first = |text: &str| run.lines.iter().position(|line| line.step.starts_with(text));
        let of = |text: &str| first(text).ok_or(format!("{}: nothing says: {text}", self.name));
        let launcher = run.lines.first().ok_or("nothing is told")?.pid;
        let gone = of(GONE)?;
        let [inside, command] = [run.lines[gone].pid, run.lines[of("begin a session of its own")?].pid];
        let (mut cursor, mut told, mut is_gone, mut is_started) = (0.0, 0.0, false, false);
        let mut steps: Vec<(String, f64)> = Vec::new();
        let mut beside: Vec<(String, f64)> = Vec::new();
        let mut lines: Vec<&Line> = run.lines.iter().collect();
        lines.sort_by(|one, other| one.at.total_cmp(&other.at));
        let mut has_said_go = false;
        for line in lines {
            has_said_go |= line.step == GO;
            let step = plain(&line.step, place);
            let on_the_way = match line.pid {
                pid if pid == launcher => !has_said_go && !is_gone,
                pid if pid == inside => (is_gone || line.step == GONE) && !is_started,
                pid => pid == command,
            };
            if !on_the_way {
                // The new process comes out of the floor's clone too.
                if !(line.pid == inside && line.step.starts_with("clone")) {
                    beside.push((step, line.took));
                }
                continue;
            }
            let between = line.at - cursor - line.took;
            if line.step == GONE {
                is_gone = true;
                steps.push((WAKE.into(), line.at - cursor));
            } else if steps.is_empty() {
                steps.extend([(BEGIN.into(), between), (step, line.took)]);
            } else if line.step == RUNS {
                steps.push((EXECUTE.into(), line.at - cursor));
            } else if line.step == COMMAND {
                // Told before; what it takes is known with the next line.
                told += between;
                is_started = true;
                steps.push((step, 0.0));
            } else {
                match steps.last_mut() {
                    Some((last, took)) if last == COMMAND => *took = between,
                    _ => told += between,
                }
                // Told before it is done.
                if !line.step.starts_with("execute") {
                    steps.push((step, line.took));
                }
            }
            cursor = line.at;
        }
        steps.extend([(END.into(), run.whole - cursor), (TOLD.into(), told)]);
        for (kept, new) in [(&mut self.steps, steps), (&mut self.beside, beside)] {
            for (step, took) in new {
                match kept.iter_mut().find(|(name, _)| *name == step) {
                    Some((_, values)) => values.push(took),
                    None => kept.push((step, vec![took])),
                }
            }
        }
        self.whole.push(run.whole);
        Ok(())
    }
}

/// A step without what is only this machine's.
fn plain(step: &str, place: &Place) -> String {
    let step = step.replace(&place.rootfs(), "ROOTFS");
    let ends = ["bound capabilities", "set capabilities", "write uid_map", "write gid_map", "mount devpts on /dev/pts"];
    if let Some(end) = ends.iter().find(|end| step.starts_with(**end)) {
        return end.to_string();
    }
    // The range of ids is another one each time.
    let word = |word: &str| {
        if word.len() > 6 && word.bytes().all(|byte| byte.is_ascii_digit()) { "N" } else { word }.to_string()
    };
    let step = step.split(' ').map(word).collect::<Vec<_>>().join(" ");
    step.strip_suffix(" ROOTFS nodev").map_or(step.clone(), ToString::to_string)
}

/// Tables to the terminal, and to a file.
pub fn write(profiles: &[Profile], head: &str, out: Option<&Path>) -> Result<()> {
    let mut text = format!("# Where the time of a start goes\n\n{head}\n");
    writeln!(
        text,
        "Microseconds, each the median of its own; so the last row but two is what is left when they are added up. Steps"
    )?;
    writeln!(text, "are in the words of `aril explain`, what lies between them has a dash.")?;
    for profile in profiles {
        profile.table(&mut text)?;
    }
    print!("{text}");
    if let Some(path) = out {
        fs::write(path, &text)?;
    }
    Ok(())
}

impl Profile {
    fn table(&self, text: &mut String) -> Result<()> {
        writeln!(text, "\n## As {}, {} runs\n", self.who, self.columns.first().map_or(0, |column| column.whole.len()))?;
        let names = self.columns.iter().map(|column| format!(" {} | |", column.name)).collect::<String>();
        writeln!(text, "| |{names}\n|---|{}", "--:|--:|".repeat(self.columns.len()))?;
        let steps: Vec<BTreeMap<&str, f64>> = self.columns.iter().map(|column| medians(&column.steps)).collect();
        let wholes: Vec<f64> = self.columns.iter().map(|column| median(&column.whole)).collect();
        for step in order(self.columns.iter().map(|column| &column.steps)) {
            let figures = steps.iter().map(|medians| medians.get(step).copied());
            row(text, step, figures, &wholes)?;
        }
        let rest = steps.iter().zip(&wholes).map(|(medians, whole)| Some(whole - medians.values().sum::<f64>()));
        row(text, "— what medians leave when they are added up", rest, &wholes)?;
        row(text, "**the whole**", wholes.iter().copied().map(Some), &wholes)?;
        let untold = self.columns.iter().map(|column| Some(median(&column.untold)));
        row(text, "the whole without a trace", untold, &wholes)?;
        writeln!(text, "\nAt the same time, by the launcher or the first process, and not part of the sum:\n")?;
        writeln!(text, "| |{names}\n|---|{}", "--:|--:|".repeat(self.columns.len()))?;
        let beside: Vec<BTreeMap<&str, f64>> = self.columns.iter().map(|column| medians(&column.beside)).collect();
        for step in order(self.columns.iter().map(|column| &column.beside)) {
            row(text, step, beside.iter().map(|medians| medians.get(step).copied()), &wholes)?;
        }
        Ok(())
    }
}

fn medians(steps: &[(String, Vec<f64>)]) -> BTreeMap<&str, f64> {
    steps.iter().map(|(step, values)| (step.as_str(), median(values))).collect()
}

/// All steps of several programs: what one lacks stands where the others have it.
fn order<'s>(columns: impl Iterator<Item = &'s Vec<(String, Vec<f64>)>>) -> Vec<&'s str> {
    let mut all: Vec<&str> = Vec::new();
    for column in columns {
        let mut place = 0;
        for (step, _) in column {
            match all.iter().position(|known| known == step) {
                Some(at) => place = at + 1,
                None => {
                    all.insert(place, step);
                    place += 1;
                }
            }
        }
    }
    all
}

fn row(text: &mut String, name: &str, figures: impl Iterator<Item = Option<f64>>, wholes: &[f64]) -> Result<()> {
    write!(text, "| {name} |")?;
    for (figure, whole) in figures.zip(wholes) {
        match figure {
            Some(figure) => write!(text, " {figure:.1} | {:.1} % |", figure / whole * 100.0)?,
            None => write!(text, " | |")?,
        }
    }
    writeln!(text)?;
    Ok(())
}
