//! The report: JSON for programs, Markdown for people, charts beside both.

use crate::calls::Comparison;
use crate::charts;
use crate::first_page;
use crate::machine::Machine;
use crate::measure::{Effort, Found, Result, Row};
use crate::peers::PEERS;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::path::Path;

#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub machine: Machine,
    pub effort: Effort,
    pub found: Found,
}

impl Report {
    /// Named by day and machine; a second one of a day has a number. The tables are printed too.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let name = self.machine.name();
        let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
        let is_free = |name: &String| !folder.join(format!("{name}.json")).exists();
        let name = names.into_iter().find(is_free).ok_or("there is always another number")?;
        fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(self)? + "\n")?;
        if let Some(picture) = first_page::draw(&self.found.rows, &self.machine)? {
            fs::write(folder.join(first_page::NAME), picture)?;
        }
        let charts = charts::draw(&self.found.rows, folder, &name)?;
        let text = self.markdown(&charts)?;
        fs::write(folder.join(format!("{name}.md")), &text)?;
        print!("{text}");
        eprintln!("{}", folder.join(name).with_extension("md").display());
        Ok(())
    }

    fn markdown(&self, charts: &[(String, String)]) -> Result<String> {
        let Machine { day, commit, kernel, processor, processors, load, versions } = &self.machine;
        let mut text = String::new();
        writeln!(text, "# aril measured, {day}\n")?;
        writeln!(
            text,
            "Made by `cargo bench --bench run`, commit {commit}; {} rounds of what is short.",
            self.effort.rounds
        )?;
        writeln!(
            text,
            "Medians, in brackets their bootstrap intervals of 95 %. A ratio to the floor is the median of those of"
        )?;
        writeln!(text, "single rounds where it has an interval, else that of the figures.\n")?;
        if self.effort.quick {
            writeln!(text, "**A quick run: nothing here is more than a hint.**\n")?;
        }
        writeln!(text, "| machine | |\n|---|---|")?;
        writeln!(text, "| processor | {processor}, {processors} |\n| kernel | Linux {kernel} |")?;
        writeln!(text, "| load before and after | {}, {} |", load[0], load[1])?;
        for (name, version) in versions {
            writeln!(text, "| {name} | {version} |")?;
        }
        writeln!(text, "\n| container runner | what it does differently |\n|---|---|")?;
        for peer in &PEERS {
            writeln!(text, "| {} | {} |", peer.name, peer.differs)?;
        }
        let mut groups: Vec<&str> = self.found.rows.iter().map(|row| row.group.as_str()).collect();
        groups.dedup();
        for group in groups {
            writeln!(text, "\n## {group}")?;
            for (title, file) in charts.iter().filter(|(_, file)| file.contains(&format!("-{group}-"))) {
                writeln!(text, "\n![{title}]({file})")?;
            }
            let rows: Vec<&Row> = self.found.rows.iter().filter(|row| row.group == group).collect();
            for rows in rows.chunk_by(|one, other| one.case == other.case) {
                table(&mut text, rows)?;
            }
        }
        for comparison in &self.found.calls {
            calls(&mut text, comparison)?;
        }
        if !self.found.notes.is_empty() {
            writeln!(text, "\n## Notes\n")?;
        }
        for note in &self.found.notes {
            writeln!(text, "- {note}")?;
        }
        Ok(text)
    }
}

/// The folder's page: its reports, the newest first.
pub fn index(folder: &Path) -> Result<()> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "json") {
            let report: Report = match serde_json::from_str(&fs::read_to_string(&path)?) {
                Ok(report) => report,
                // Of another version of this program.
                Err(error) => {
                    eprintln!("bench: {} is not in the list: {error}", path.display());
                    continue;
                }
            };
            let written = fs::metadata(&path)?.modified()?;
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_string();
            reports.push((report.machine.day.clone(), written, name, report.machine.head()));
        }
    }
    reports.sort();
    let mut text = String::from("# Measured\n\n");
    writeln!(
        text,
        "What `just bench` has found; each full run adds its report, and draws the picture of the first page."
    )?;
    writeln!(
        text,
        "How to repeat it: [CONTRIBUTING](../../CONTRIBUTING.md).\n\n![Sizes and start times]({})\n",
        first_page::NAME
    )?;
    for (at, (_, _, name, head)) in reports.iter().rev().enumerate() {
        writeln!(text, "- [{name}]({name}.md){}: {head}", if at == 0 { ", the newest" } else { "" })?;
    }
    fs::write(folder.join("README.md"), text)?;
    Ok(())
}

/// The rows of one case.
fn table(text: &mut String, rows: &[&Row]) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let has_ratio = rows.iter().any(|row| row.of_floor.is_some());
    let has_spent = rows.iter().any(|row| row.spent.is_some());
    let (ratio, line) = if has_ratio { (" of the floor |", "--:|") } else { ("", "") };
    let (more, more_line) =
        if has_spent { (" user ms | system ms | switches | faults |", "--:|--:|--:|--:|") } else { ("", "") };
    writeln!(text, "\n### {}\n", first.case)?;
    writeln!(text, "| | {} |{ratio} runs |{more}\n|---|--:|{line}--:|{more_line}", first.unit)?;
    for row in rows {
        let figure = with_interval(row.figure, row.interval);
        write!(text, "| {} | {figure} |", row.program)?;
        if has_ratio {
            let ratio = row.of_floor.map_or(String::new(), |ratio| with_interval(ratio, row.of_floor_interval));
            write!(text, " {ratio} |")?;
        }
        write!(text, " {} |", row.rounds)?;
        if let Some(spent) = row.spent {
            let (user, system) = (number(spent.user), number(spent.system));
            write!(text, " {user} | {system} | {:.0} | {:.0} |", spent.switches, spent.faults)?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// Each call that is not made equally often.
fn calls(text: &mut String, comparison: &Comparison) -> Result<()> {
    let name = &comparison.name;
    writeln!(text, "\n## {}\n", comparison.case)?;
    writeln!(text, "| | {name}, to the exec | floor | {name}, after it | floor |\n|---|--:|--:|--:|--:|")?;
    for (call, [ours, floors, ours_after, floors_after]) in comparison.differences() {
        writeln!(text, "| {call} | {ours} | {floors} | {ours_after} | {floors_after} |")?;
    }
    Ok(())
}

pub fn with_interval(figure: f64, interval: Option<[f64; 2]>) -> String {
    match interval {
        Some([low, high]) => format!("{} [{}, {}]", number(figure), number(low), number(high)),
        None => number(figure),
    }
}

/// As many digits as mean something.
pub fn number(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size.fract() == 0.0 || size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    format!("{figure:.digits$}")
}
