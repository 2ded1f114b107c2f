//! What may become of a fault.

use crate::calls;
use crate::scenarios::Scenario;
use crate::tracer::{Fault, Point, Seen, Traced};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Write as _;

/// What is done to the calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fails,
    Killed,
}

const ERRORS: [i32; 5] = [libc::EPERM, libc::ENOMEM, libc::EINTR, libc::ENOSPC, libc::EMFILE];

/// What the kernel never refuses to a program whose arguments are sound, and why nothing is learned from it.
const NEVER: &[(&[&str], &str)] = &[
    (&["exit", "exit_group"], "they do not come back"),
    (&["close"], "it closes, whatever it answers (close(2))"),
    (&["getpid", "getppid", "geteuid", "getegid", "umask", "setfsuid", "setfsgid"], "they have no errors"),
    (&["rt_sigprocmask", "rt_sigaction", "clock_gettime"], "their errors are all about arguments"),
];

pub struct Judge {
    scenario: &'static str,
    kind: Kind,
    report: String,
}

/// How a case came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// Exit status 125, 126 or 127 and the reason.
    Told,
    /// As if nothing had happened.
    Same,
    /// The command ran, and what failed is told.
    Warned,
    /// Of the signal.
    Dead,
    Wrong,
}

impl Judge {
    pub fn new(scenario: &'static str, kind: Kind) -> Self {
        Self { scenario, kind, report: String::new() }
    }

    pub fn all(mut self, scenario: &mut Scenario) {
        // The directory of all records stays when it has been made.
        scenario.trace(None);
        let mut before = scenario.state();
        let usual = scenario.trace(None);
        assert_eq!((usual.status, usual.out.as_str()), (0, "it ran\n"), "{}", usual.err);
        let mut seen = BTreeSet::new();
        let is_long = std::env::var_os("ARIL_LONG").is_some();
        let (mut cases, mut passes) = (0, 0);
        for (number, call) in usual.seen.iter().enumerate() {
            let name = calls::name(call.point.call);
            if self.kind == Kind::Fails && NEVER.iter().any(|(names, _)| names.contains(&name.as_str())) {
                continue;
            }
            let key = (call.point.process, call.point.call, call.object.clone());
            if !is_long && !seen.insert(key) {
                continue;
            }
            let faults: Vec<Fault> = match self.kind {
                Kind::Killed => vec![Fault::Kill],
                Kind::Fails if is_long => ERRORS.map(Fault::Fail).to_vec(),
                Kind::Fails => vec![Fault::Fail(ERRORS[number % ERRORS.len()])],
            };
            for fault in faults {
                cases += 1;
                let traced = scenario.trace(Some((call.point, fault)));
                let (verdict, why) = self.judge(&usual, &traced, call.point, fault);
                let clean = scenario.is_as(&before);
                let mut later = Ok(());
                if clean.is_err() {
                    scenario.trace(None);
                    later = scenario.is_as(&before);
                    before = scenario.state();
                }
                passes += usize::from(verdict != Verdict::Wrong && later.is_ok());
                let left = clean.err().unwrap_or_default();
                let still = later.err().unwrap_or_default();
                let fault = match fault {
                    Fault::Fail(errno) => calls::error(errno),
                    Fault::Kill => "KILL",
                };
                let Seen { point: Point { process, call, nth }, object } = call;
                writeln!(
                    self.report,
                    "{} {process} {} #{nth} {object:?} {fault}: {verdict:?} {}{why}{}{left}{}{still}",
                    self.scenario,
                    calls::name(*call),
                    traced.status,
                    if left.is_empty() { "" } else { " LEFT" },
                    if still.is_empty() { "" } else { " STILL" },
                )
                .expect("a String");
                if std::env::var_os("ARIL_FAULTS").is_some() { eprint!("{}", self.report); self.report.clear(); }
            }
        }
        println!("{}: {cases} cases, {passes} passes", self.scenario);
        if let Some(file) = std::env::var_os("ARIL_FAULTS") {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).expect("writable");
            file.write_all(self.report.as_bytes()).expect("writable");
        }
    }

    fn judge(&self, usual: &Traced, traced: &Traced, point: Point, fault: Fault) -> (Verdict, String) {
        let said = format!(" {:?}", traced.err);
        if traced.hangs {
            return (Verdict::Wrong, format!(" HANGS{said}"));
        }
        if !traced.hit {
            return (Verdict::Wrong, format!(" NOT HIT{said}"));
        }
        if fault == Fault::Kill && traced.status == 137 && (point.process == 0 || traced.err.is_empty()) {
            return (Verdict::Dead, said);
        }
        let is_as_usual = (traced.status, &traced.out) == (usual.status, &usual.out);
        let reason = match fault {
            Fault::Fail(errno) => format!("({})", calls::error(errno)),
            Fault::Kill => String::new(),
        };
        let mut lines = traced.err.lines();
        let first = lines.next().unwrap_or_default();
        let is_told = first.starts_with("aril") && first.contains(&reason) && lines.count() <= 1;
        if is_as_usual && traced.err == usual.err {
            (Verdict::Same, String::new())
        } else if matches!(traced.status, 125..=127) && is_told {
            (Verdict::Told, said)
        } else if is_as_usual && is_told {
            (Verdict::Warned, said)
        } else {
            (Verdict::Wrong, format!("{said} {:?}", traced.out))
        }
    }
}
