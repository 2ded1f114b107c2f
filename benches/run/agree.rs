//! Whether two runs say the same: each ratio to the floor that has an interval, in both.

use crate::measure::{FLOOR, Result, Row};
use crate::report::{Report, with_interval};
use std::fmt::Write;
use std::fs;
use std::path::Path;

pub const MODE: &str = "agree";

/// A ratio that both runs have.
struct Pair<'r> {
    case: &'r str,
    program: &'r str,
    ratios: [(f64, [f64; 2]); 2],
}

impl Pair<'_> {
    fn overlaps(&self) -> bool {
        let [(_, [low, high]), (_, [other_low, other_high])] = self.ratios;
        low <= other_high && other_low <= high
    }
}

/// Compares two reports, in JSON, and prints Markdown.
pub fn print(files: [&Path; 2]) -> Result<()> {
    let [one, other]: [Report; 2] = [read(files[0])?, read(files[1])?];
    let mut pairs = Vec::new();
    for row in &one.found.rows {
        let is_same = |also: &&_| key(also) == key(row);
        // The floor's own is one.
        let Some(again) = other.found.rows.iter().find(is_same).filter(|_| row.program != FLOOR) else { continue };
        if let (Some(ratio), Some([low, high]), Some(other_ratio), Some(interval)) =
            (row.of_floor, row.of_floor_interval, again.of_floor, again.of_floor_interval)
        {
            pairs.push(Pair {
                case: &row.case,
                program: &row.program,
                ratios: [(ratio, [low, high]), (other_ratio, interval)],
            });
        }
    }
    let agree = pairs.iter().filter(|pair| pair.overlaps()).count();
    let mut text = String::new();
    writeln!(text, "# Two runs\n")?;
    writeln!(text, "Made by `cargo bench --bench run -- {MODE} ONE.json OTHER.json`.\n")?;
    writeln!(text, "1. {}\n2. {}\n", one.machine.head(), other.machine.head())?;
    writeln!(text, "Of {} ratios to the floor the intervals of 95 % overlap in {agree}.\n", pairs.len())?;
    writeln!(text, "| case | program | 1 | 2 | |\n|---|---|--:|--:|---|")?;
    for pair in &pairs {
        let [first, second] = pair.ratios.map(|(ratio, interval)| with_interval(ratio, Some(interval)));
        let said = if pair.overlaps() { "" } else { "**apart**" };
        writeln!(text, "| {} | {} | {first} | {second} | {said} |", pair.case, pair.program)?;
    }
    print!("{text}");
    Ok(())
}

fn key(row: &Row) -> (&str, &str, &str) {
    (&row.group, &row.case, &row.program)
}

fn read(path: &Path) -> Result<Report> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}
