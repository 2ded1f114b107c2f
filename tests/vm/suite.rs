//! The programs of tests of which VMs run some, and how a test of theirs is named here.

use crate::architecture::Architecture;
use crate::machine::Job;
use std::process::Command;

/// A program of tests.
#[derive(Debug, PartialEq, Eq)]
pub struct Suite {
    /// As cargo names it.
    program: &'static str,
    /// What its tests' names begin with here.
    prefix: &'static str,
    /// The programs of C that it runs.
    needs: &'static [&'static str],
}

pub const BEHAVIOUR: &Suite = &Suite { program: "behaviour", prefix: "", needs: &["probe"] };
/// In the order in which a machine runs them: first what means no harm.
pub const SUITES: [&Suite; 2] =
    [BEHAVIOUR, &Suite { program: "escape", prefix: "escape::", needs: &["probe", "attack"] }];

impl Suite {
    /// All its tests.
    pub fn tests(&'static self) -> Vec<Test> {
        let program = Architecture::Amd64.tests(self.program).expect("it is this machine's");
        let output = Command::new(program).arg("--list").output().expect("it was built just now");
        let said = String::from_utf8_lossy(&output.stdout);
        let names = said.lines().filter_map(|line| line.strip_suffix(": test"));
        names.map(|name| Test { suite: self, inside: name.to_string() }).collect()
    }

    /// What runs these of its tests.
    pub fn job(&self, architecture: Architecture, tests: Vec<String>) -> Job {
        let program = architecture.tests(self.program).expect("there is a compiler");
        Job { program, needs: self.needs, tests }
    }
}

/// One test of a suite.
#[derive(Clone, Debug)]
pub struct Test {
    pub suite: &'static Suite,
    /// Its name inside, which no test of another suite has.
    pub inside: String,
}

impl Test {
    /// And here, after that of the machine.
    pub fn name(&self) -> String {
        format!("{}{}", self.suite.prefix, self.inside)
    }
}
