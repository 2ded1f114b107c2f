//! What may become of a fault.

use crate::calls::{self, INJECTED};
use crate::scenarios::{Scenario, State};
use crate::tables::{
    self, LEAVES, NEVER, OTHERWISE, OTHERWISE_OF_VIEW, RACES, Row, SAME, SAME_OF_TERMINAL, SAME_OF_VIEW, UNWALLED,
};
use crate::tracer::{Change, Fault, Point, Seen, Traced};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;

/// What is done to the calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fails,
    Killed,
}

/// Of which calls SIGKILL takes one, where not all are taken.
const STRIDE: usize = 3;

/// How often a call is tried that does not come each time.
const TRIES: usize = 3;

/// How a case came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// Exit status 125, 126 or 127 and the reason.
    Told,
    /// As if nothing had happened, for a reason that `SAME` has.
    Same,
    /// The command ran, and what failed after it is told.
    Warned,
    /// As `OTHERWISE` has it.
    Otherwise,
    /// By the signal.
    Dead,
    /// The call has not come this time.
    Missed,
    Wrong,
}

/// All cases of a scenario.
pub fn all(name: &'static str, kind: Kind, scenario: &Scenario) {
    let is_long = std::env::var_os("ARIL_LONG").is_some();
    // The directory of all records stays when it has been made.
    scenario.trace(None);
    let mut before = scenario.state();
    let usual = scenario.trace(None);
    assert_eq!((usual.status, usual.out.as_str()), (0, scenario.says()), "{}", usual.err);
    let mut report = OpenOptions::new();
    let report = report.append(true).create(true);
    let mut report = std::env::var_os("ARIL_FAULTS").map(|path| report.open(path).expect("it can be written"));
    let (mut seen, mut cases, mut missed, mut wrong) = (BTreeSet::new(), 0, 0, Vec::new());
    for (number, call) in usual.seen.iter().enumerate() {
        let is_same = !seen.insert((call.point.process, call.point.call, call.object.clone()));
        let faults: Vec<Fault> = match kind {
            Kind::Fails if is_never(name, scenario, call) => continue,
            _ if is_same && !is_long => continue,
            Kind::Killed if is_long || number % STRIDE == 0 => vec![Fault::Kill],
            Kind::Killed => continue,
            Kind::Fails if is_long => INJECTED.map(Fault::Fail).to_vec(),
            Kind::Fails => vec![Fault::Fail(INJECTED[number % INJECTED.len()])],
        };
        for fault in faults {
            let (verdict, line) = case(name, scenario, &usual, &mut before, call, fault);
            cases += 1;
            missed += usize::from(verdict == Verdict::Missed);
            if let Some(report) = &mut report {
                writeln!(report, "{line}").expect("it can be written");
            }
            if verdict == Verdict::Wrong {
                wrong.push(line);
            }
        }
    }
    println!("{name}: {cases} cases, {} passes, {missed} that did not come", cases - wrong.len() - missed);
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(missed * 10 <= cases, "{missed} of {cases} calls did not come");
}

/// One fault, and what became of it.
fn case(
    name: &str,
    scenario: &Scenario,
    usual: &Traced,
    before: &mut State,
    call: &Seen,
    fault: Fault,
) -> (Verdict, String) {
    let mut traced = scenario.trace(Some(Change::At(call.point, fault)));
    for _ in 1..TRIES {
        if traced.hit.as_ref() != Some(&call.object) {
            traced = scenario.trace(Some(Change::At(call.point, fault)));
        }
    }
    let mut verdict = judge(name, scenario, usual, &traced, call, fault);
    let mut left = String::new();
    if let Err(now) = scenario.is_as(before) {
        left = format!("\n  left behind:{now}");
        // What ends with the machinery that removes it is removed by the next run, if that was told or could not be.
        let is_excused = fault == Fault::Kill && call.point.process <= scenario.launcher
            || verdict == Verdict::Warned
            || matches!(fault, Fault::Fail(errno) if tables::find(LEAVES, call, errno).is_some());
        scenario.trace(None);
        match scenario.is_as(before) {
            // The time of a directory is lost with whoever was to restore it, and nothing else.
            Err(still) if scenario.state().without_times() != before.without_times() => {
                left += &format!("\n  and still after the next run:{still}");
                verdict = Verdict::Wrong;
            }
            _ if !is_excused => verdict = Verdict::Wrong,
            _ => {}
        }
        *before = scenario.state();
    }
    let fault = match fault {
        Fault::Fail(errno) => calls::error(errno),
        Fault::Kill => "SIGKILL",
    };
    let Seen { point: Point { process, call, nth }, object } = call;
    let call = calls::name(*call);
    let Traced { status, err, out, hangs, .. } = traced;
    let hangs = if hangs { " it hangs" } else { "" };
    (
        verdict,
        format!("{name} {process} {call} #{nth} {object:?} {fault}: {verdict:?}{hangs} {status} {err:?} {out:?}{left}"),
    )
}

fn is_never(name: &str, scenario: &Scenario, call: &Seen) -> bool {
    let is_init = call.point.process == scenario.launcher + 1 || name.ends_with("init") && name != "no_init";
    let called = calls::name(call.point.call);
    // A terminal that is there takes what there is room for, and gives what there is.
    if matches!(called.as_str(), "read" | "write") && (call.object.starts_with("/dev/pts/") || call.object == "/ptmx") {
        return true;
    }
    NEVER.iter().any(|never| (is_init || !never.init_alone) && never.calls.split(' ').any(|name| name == called))
}

fn judge(name: &str, scenario: &Scenario, usual: &Traced, traced: &Traced, call: &Seen, fault: Fault) -> Verdict {
    if traced.hangs {
        return Verdict::Wrong;
    }
    let is_as_usual = (traced.status, &traced.out) == (usual.status, &usual.out);
    // What is a race comes in another order now and then.
    if is_as_usual && traced.err == usual.err && traced.hit.as_ref() != Some(&call.object) {
        return Verdict::Missed;
    }
    let mut lines = traced.err.lines();
    let first = lines.next().unwrap_or_default();
    let inside = call.point.process > scenario.launcher;
    // Whoever has been told the name is told no more; the rest is in the log.
    let is_told_name = scenario.launcher > 0 && traced.status == 0 && traced.out.starts_with(scenario.first_line());
    let is_line = first.starts_with("aril") && lines.count() <= 1;
    match fault {
        Fault::Kill if (traced.status == 137 || is_told_name) && traced.err.is_empty() => Verdict::Dead,
        // What is left to do may be done by then.
        Fault::Kill if inside && is_as_usual && traced.err.is_empty() => Verdict::Same,
        Fault::Kill if inside && traced.status == 125 && is_line => Verdict::Told,
        Fault::Kill => Verdict::Wrong,
        Fault::Fail(errno) => {
            // An init has no room for the names of most, nor for what they are about.
            let is_init = name.ends_with("init") && name != "no_init";
            let has_errno = first.contains(&format!("({})", calls::error(errno)))
                || is_init && first.ends_with(&format!("error {errno}"));
            // What has come in its place, if the call comes in another order.
            let object = traced.hit.as_ref().unwrap_or(&call.object);
            let is_told = is_line && has_errno && (is_init || tables::names(object, &scenario.plain(first)));
            let has = |tables: &[&'static [Row]]| tables.iter().any(|table| tables::find(table, call, errno).is_some());
            let is_wall = tables::is_wall(call);
            let (same, otherwise): (&[_], &[_]) = match name {
                _ if is_wall => (&[UNWALLED], &[]),
                "view" => (&[SAME, SAME_OF_VIEW], &[OTHERWISE, OTHERWISE_OF_VIEW]),
                "terminal" => (&[SAME, SAME_OF_TERMINAL], &[OTHERWISE, RACES]),
                _ => (&[SAME], &[OTHERWISE, RACES]),
            };
            if is_as_usual && traced.err == usual.err && has(same) {
                Verdict::Same
            } else if is_told && matches!(traced.status, 125..=127) {
                Verdict::Told
            } else if is_told && (is_as_usual || is_told_name) && !(is_as_usual && is_wall) {
                Verdict::Warned
            } else if is_line && has(otherwise) {
                Verdict::Otherwise
            } else {
                Verdict::Wrong
            }
        }
    }
}
