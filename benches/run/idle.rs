//! Containers that do nothing, as many as are wanted, and the processes that they consist of.

use crate::measure::{Program, Result, progress};
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};

/// Says that it is there, and waits.
pub const COMMAND: [&str; 3] = ["/bin/sh", "-c", "echo; exec sleep 100000"];

/// They end with this.
#[derive(Default)]
pub struct Idle {
    launchers: Vec<Child>,
}

impl Idle {
    /// Starts more of them, until there are so many; `before` are words before each command line.
    pub fn grow(&mut self, program: &Program, before: &[&str], count: usize, label: &str) -> Result<()> {
        program.prepare(count)?;
        while self.launchers.len() < count {
            progress(&format!("{label}: starting {}", program.name), self.launchers.len(), count);
            let mut command = program.command_after(before, self.launchers.len());
            let mut launcher = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            let mut pipe = launcher.stdout.take().ok_or("it has an output")?;
            let mut errors = launcher.stderr.take().ok_or("it has an error output")?;
            let is_there = pipe.read(&mut [0])? == 1;
            self.launchers.push(launcher);
            if !is_there {
                let mut said = String::new();
                errors.read_to_string(&mut said)?;
                return Err(format!("{}: {}", program.name, said.trim()).into());
            }
        }
        Ok(())
    }

    /// The processes of each: launcher and inits, and the command.
    pub fn processes(&self) -> Result<Vec<Tree>> {
        let children = children()?;
        Ok(self.launchers.iter().map(|launcher| Tree::of(launcher.id(), &children)).collect())
    }
}

/// What descends from a launcher.
#[derive(Debug, Default)]
pub struct Tree {
    /// Those that have children.
    pub supervisors: Vec<u32>,
    pub commands: Vec<u32>,
}

impl Tree {
    pub fn of(root: u32, children: &HashMap<u32, Vec<u32>>) -> Self {
        let mut tree = Self::default();
        let mut left = vec![root];
        while let Some(pid) = left.pop() {
            match children.get(&pid) {
                Some(own) => {
                    tree.supervisors.push(pid);
                    left.extend(own);
                }
                None => tree.commands.push(pid),
            }
        }
        tree
    }
}

/// The children of each process.
pub fn children() -> Result<HashMap<u32, Vec<u32>>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may be gone by now.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name in parentheses may hold anything.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    Ok(children)
}

impl Drop for Idle {
    /// The commands are killed, and with them all ends as it should.
    fn drop(&mut self) {
        for tree in self.processes().unwrap_or_default() {
            for pid in tree.commands {
                kill(pid);
            }
        }
        for launcher in &mut self.launchers {
            // It was started here, and has not been waited for, so nobody else has its number.
            drop(launcher.wait());
        }
    }
}

/// A process that this one has started, or a descendant of one.
fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let Some(pid) = pid else { return };
    match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
        // It has ended by itself.
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => eprintln!("\nbench: a process is left: {error}"),
    }
}
