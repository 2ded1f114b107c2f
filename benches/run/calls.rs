//! The system calls of a run, as strace(1) shows them.

use crate::measure::Program;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often each call is made until the command executes, and after that by all but the command.
pub type Calls = BTreeMap<String, [usize; 2]>;

/// Those of aril beside the floor's.
#[derive(Debug, Serialize, Deserialize)]
pub struct Comparison {
    pub case: String,
    pub name: String,
    pub ours: Calls,
    pub floors: Calls,
}

pub fn compare(case: &str, ours: &Program, floor: &Program) -> Result<Comparison, String> {
    // The first execve is the launcher's, the second the command's.
    Ok(Comparison { case: case.into(), name: ours.name.clone(), ours: calls(ours, 2)?, floors: calls(floor, 2)? })
}

impl Comparison {
    /// All, and each call that one of them makes more often than the other: name, ours and the floor's to the exec, and after it.
    pub fn differences(&self) -> Vec<(&str, [usize; 4])> {
        let [ours, floors] = [&self.ours, &self.floors];
        let all = [total(ours, 0), total(floors, 0), total(ours, 1), total(floors, 1)];
        let mut names: Vec<&str> = ours.keys().chain(floors.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let of = |calls: &Calls, name: &str| calls.get(name).copied().unwrap_or_default();
        let rows = names.into_iter().map(|name| {
            let ([a, c], [b, d]) = (of(ours, name), of(floors, name));
            (name, [a, b, c, d])
        });
        std::iter::once(("all", all)).chain(rows.filter(|(_, [a, b, c, d])| a != b || c != d)).collect()
    }
}

pub fn total(calls: &Calls, part: usize) -> usize {
    calls.values().map(|counts| counts[part]).sum()
}

/// Counts one run; the command begins with this execve.
pub fn calls(program: &Program, commands: usize) -> Result<Calls, String> {
    let output = program.command_after(&["strace", "-f", "-o", "/dev/stdout"], 0).output();
    let output = output.map_err(|error| format!("strace: {error}"))?;
    if !output.status.success() {
        return Err(format!("strace: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(count(&String::from_utf8_lossy(&output.stdout), commands))
}

fn count(trace: &str, commands: usize) -> Calls {
    let mut calls = Calls::new();
    let mut executed: Vec<&str> = Vec::new();
    for line in trace.lines() {
        // `PID NAME(…`; a call that was interrupted by another line is continued as `PID <... NAME resumed>`.
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let Some((name, _)) = call.trim_start().split_once('(') else { continue };
        let is_command = executed.get(commands - 1) == Some(&pid);
        if is_command || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            continue;
        }
        if name == "execve" {
            executed.push(pid);
            continue;
        }
        calls.entry(name.into()).or_default()[usize::from(executed.len() >= commands)] += 1;
    }
    calls
}
