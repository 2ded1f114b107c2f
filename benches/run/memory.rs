//! What a container takes that does nothing: the private memory of launcher and init, and what the kernel keeps for all of it.

use crate::idle::{self, Idle};
use crate::measure::{Effort, Found, Program, Result, Row, relate, usable};
use crate::peers::{Case, peer, programs};
use crate::place::Place;
use std::fs;
use std::path::{Path, PathBuf};

pub const GROUP: &str = "memory";
/// Of what is free, no program gets more than this part.
const PART: f64 = 0.25;

pub fn measure(place: &Place, effort: Effort) -> Result<Found> {
    let mut found = Found::default();
    let programs = programs(place, &Case::of(&["/bin/true"]));
    let names: Vec<String> =
        usable(programs, effort, GROUP, &mut found.notes)?.into_iter().map(|program| program.name).collect();
    let mut programs = crate::peers::programs(place, &Case::of(&idle::COMMAND));
    programs.retain(|program| names.contains(&program.name));
    let counts = effort.choose([1, 10, 50], [1, 100, 1000]);
    let mut series: [Vec<Row>; 6] = Default::default();
    for program in &programs {
        if peer(&program.name).is_some_and(|peer| !peer.shares_rootfs) {
            found.notes.push(format!("{GROUP}: without {}: it locks the root file system", program.name));
            continue;
        }
        if let Err(reason) = of_program(program, counts, &mut series) {
            found.notes.push(format!("{GROUP}: {}: {reason}", program.name));
        }
    }
    for mut rows in series {
        relate(&mut rows);
        found.rows.extend(rows);
    }
    Ok(found)
}

fn of_program(program: &Program, counts: [usize; 3], series: &mut [Vec<Row>; 6]) -> Result<()> {
    let group = Group::new(&program.name);
    let enter = group.as_ref().map(|group| group.enter());
    let before: Vec<&str> = enter.iter().flatten().map(String::as_str).collect();
    let mut idle = Idle::default();
    let empty = group.as_ref().map_or(0.0, Group::kernel);
    let free = free()?;
    for (at, count) in counts.into_iter().enumerate() {
        if at > 0 {
            let each = (free - self::free()?) / counts[at - 1] as f64;
            if each * count as f64 > free * PART {
                return Err(format!("{count} of them would take {:.1} GiB", each * count as f64 / 1_048_576.0).into());
            }
        }
        idle.grow(program, &before, count, &format!("{GROUP}: {count}"))?;
        let mut private = 0.0;
        for tree in idle.processes()? {
            private += tree.supervisors.iter().map(|pid| self::private(*pid)).sum::<f64>();
        }
        let row = |what: &str, total: f64| {
            let case = format!("{what}, {count} running");
            Row::new(GROUP, &case, &program.name, "KiB", total / count as f64).at(what, count)
        };
        series[2 * at].push(row("private memory of launcher and init", private));
        if let Some(group) = &group {
            series[2 * at + 1].push(row("kernel memory", group.kernel() - empty));
        }
    }
    Ok(())
}

/// KiB of a process that nobody shares.
fn private(pid: u32) -> f64 {
    ["Private_Dirty:", "Private_Clean:"].map(|name| field(format!("/proc/{pid}/smaps_rollup"), name)).iter().sum()
}

/// KiB that could be given away.
fn free() -> Result<f64> {
    Ok(field("/proc/meminfo", "MemAvailable:"))
}

/// The number behind this name; 0 where there is none.
pub fn field(path: impl AsRef<Path>, name: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    line.unwrap_or_default()
}

/// A control group of the memory controller, which counts what the kernel keeps for its processes.
struct Group {
    path: PathBuf,
}

impl Group {
    /// Where there is a controller, and it may be made.
    fn new(name: &str) -> Option<Self> {
        let name = format!("aril-bench-{}-{}", std::process::id(), name.replace(' ', "-"));
        let found = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].map(|root| Path::new(root).join(&name));
        found.into_iter().find_map(|path| {
            fs::create_dir(&path).ok()?;
            let this = Self { path };
            this.path.join("memory.stat").exists().then_some(this)
        })
    }

    /// The words that put a program in.
    fn enter(&self) -> [String; 4] {
        let script = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.path.display());
        ["sh".into(), "-c".into(), script, "sh".into()]
    }

    /// KiB. Version 1 has a file for it.
    fn kernel(&self) -> f64 {
        let text = fs::read_to_string(self.path.join("memory.kmem.usage_in_bytes"));
        let bytes = match text {
            Ok(text) => text.trim().parse().unwrap_or_default(),
            Err(_) => field(self.path.join("memory.stat"), "kernel "),
        };
        bytes / 1024.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.path) {
            eprintln!("\nbench: {} is left: {error}", self.path.display());
        }
    }
}
