//! What came out of a VM, and what it says about each test. Only a machine that ended as it should has shown anything.

use libtest_mimic::{Completion, Failed};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How the machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It switched itself off, or its kernel panicked.
    Off,
    /// It did not in this time, and was killed.
    Hung(Duration),
    /// It said nothing for this time, and was killed.
    Silent(Duration),
}

/// What a test said inside.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Passed,
    Ignored(String),
    Failed(String),
}

/// A machine's whole life.
pub struct Transcript {
    outcomes: BTreeMap<String, Outcome>,
    /// Why nothing that it said counts.
    spoiled: Option<String>,
    /// The last lines of all that was said, for the first test that needs them.
    last_lines: String,
    shown: AtomicBool,
}

/// What rootfs/machine-init says last, in front of the job's exit status.
const LAST_WORDS: &str = "the job has ended: ";
/// So much is shown of a machine that did not end well.
const LINES: usize = 100;

impl Transcript {
    /// From what the tests and what the kernel said.
    pub fn new(said: &str, console: String, end: End) -> Self {
        let outcomes = outcomes(said);
        let failed = outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_)));
        let status = said.lines().last().and_then(|line| line.strip_prefix(LAST_WORDS));
        let spoiled = match (end, status) {
            (End::Hung(patience), _) => Some(format!("the VM still ran after {} s", patience.as_secs())),
            (End::Silent(silence), _) => Some(format!("the VM said nothing for {} s", silence.as_secs())),
            (End::Off, None) => Some("the VM went off before its job had ended".to_string()),
            // Other than the failure of a test, such as processes that were left behind.
            (End::Off, Some(status)) if (status != "0") != failed => Some(format!("the VM's job ended with {status}")),
            _ => None,
        };
        let last_lines = format!("--- the tests:\n{}\n--- the kernel:\n{}\n---", tail(said), tail(&console));
        Self { outcomes, spoiled, last_lines, shown: AtomicBool::new(false) }
    }

    /// What this test, by its name inside, is to say outside.
    pub fn verdict(&self, name: &str) -> Result<Completion, Failed> {
        let outcome = self.outcomes.get(name);
        match (&self.spoiled, outcome) {
            (_, Some(Outcome::Failed(text))) => Err(text.clone().into()),
            (Some(why), Some(_)) => Err(self.explained(&format!("it was not what failed, but {why}"))),
            (Some(why), None) => Err(self.explained(&format!("it did not come to its end, because {why}"))),
            (None, None) => Err(self.explained("it was not run")),
            (None, Some(Outcome::Ignored(reason))) => Ok(Completion::ignored_with(reason)),
            (None, Some(Outcome::Passed)) => Ok(Completion::Completed),
        }
    }

    /// All tests passed, and there were some.
    #[track_caller]
    pub fn is_clean(&self) {
        let failed = self.outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_)));
        let ended = self.spoiled.is_none() && !failed;
        assert!(ended && self.outcomes.values().any(|outcome| *outcome == Outcome::Passed), "{}", self.last_lines);
    }

    fn explained(&self, text: &str) -> Failed {
        if self.shown.swap(true, Ordering::Relaxed) {
            return text.into();
        }
        format!("{text}\n{}", self.last_lines).into()
    }
}

/// Whether these are all the words that there will be.
pub fn has_ended(said: &str) -> bool {
    said.ends_with('\n') && said.lines().last().is_some_and(|line| line.starts_with(LAST_WORDS))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// What `libtest_mimic` printed: a line for each test as it ends, and at the end the texts of those that failed.
fn outcomes(said: &str) -> BTreeMap<String, Outcome> {
    let mut outcomes = BTreeMap::new();
    let mut open: Option<String> = None;
    for line in said.lines() {
        let heading = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" ----"));
        if let Some(name) = heading.filter(|name| outcomes.contains_key(*name)) {
            open = Some(name.to_string());
        } else if line == "failures:" {
            open = None;
        } else if let Some(name) = &open {
            if let Some(Outcome::Failed(text)) = outcomes.get_mut(name) {
                text.push_str(line);
                text.push('\n');
            }
        } else if let Some((name, outcome)) = outcome(line) {
            outcomes.insert(name.to_string(), outcome);
        }
    }
    outcomes
}

/// `test NAME ... ok`.
fn outcome(line: &str) -> Option<(&str, Outcome)> {
    let (name, word) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let outcome = match word {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed(String::new()),
        _ => {
            let reason = word.strip_prefix("ignored")?.trim_start();
            let inner = reason.strip_prefix('(').and_then(|reason| reason.strip_suffix(')'));
            Outcome::Ignored(inner.unwrap_or(reason).to_string())
        }
    };
    Some((name.trim_end(), outcome))
}
