//! That the VMs' tests can fail: what goes wrong inside, or with the machine itself, is never a pass.

use crate::machine::{Machine, Vm, patience};
use crate::outcome::{NOTHING_OF_THE_KIND, outcome_of};
use crate::suite::BEHAVIOUR;
use crate::transcript::{End, Transcript};
use crate::{LACKING, NOWHERE, shown};
use libtest_mimic::{Completion, Trial};
use std::time::Duration;

const MACHINE: Machine = Machine { name: "harness", kernel: "bookworm", layout: "v2" };
/// How long to wait for a machine that never ends.
const SHORT: Duration = Duration::from_secs(10);
/// A test that every machine passes.
const TEST: &str = "namespaces::all_but_network_and_time_are_new_as_root";
/// And that it passed, as it would be said.
const PASSED: &str = "test namespaces::all_but_network_and_time_are_new_as_root ... ok\n";

pub fn trials() -> Vec<Trial> {
    let in_a_vm = |name: &str, body: fn(&mut Vm)| {
        Trial::ignorable_test(format!("harness::{name}"), move || match MACHINE.is_ready() {
            Ok(()) => outcome_of(|| {
                let job = BEHAVIOUR.job(MACHINE.architecture(), vec![TEST.to_string()]);
                body(&mut Vm::of(&MACHINE, vec![job]));
            }),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        })
    };
    vec![
        Trial::test("harness::only_what_passed_in_a_machine_that_ended_well_is_a_pass", || {
            outcome_of(only_what_passed_in_a_machine_that_ended_well_is_a_pass).map(drop)
        }),
        Trial::test("harness::what_is_to_be_shown_here_is_not_skipped", || {
            outcome_of(what_is_to_be_shown_here_is_not_skipped).map(drop)
        }),
        in_a_vm("a_test_that_fails_inside_fails_here", a_test_that_fails_inside_fails_here),
        in_a_vm("a_panic_is_no_pass", a_panic_is_no_pass),
        in_a_vm(
            "a_machine_that_says_nothing_is_killed_and_is_no_pass",
            a_machine_that_says_nothing_is_killed_and_is_no_pass,
        ),
        in_a_vm("a_machine_that_hangs_is_killed_and_is_no_pass", a_machine_that_hangs_is_killed_and_is_no_pass),
    ]
}

/// The text with which this test fails.
#[track_caller]
fn failure(transcript: &Transcript, name: &str) -> String {
    match transcript.verdict(name) {
        Err(failed) => failed.message().unwrap_or_default().to_string(),
        Ok(_) => panic!("{name} did not fail"),
    }
}

fn only_what_passed_in_a_machine_that_ended_well_is_a_pass() {
    let cut = |said: &str| Transcript::new(said, "the kernel's word".into(), End::Off);
    let ended = |said: &str, status: u8| cut(&format!("{said}the job has ended: {status}\n"));
    assert!(matches!(ended(PASSED, 0).verdict(TEST), Ok(Completion::Completed)));
    let ignored = ended("test a::b    ... ignored (for (a) reason)\n", 0).verdict("a::b");
    assert!(matches!(ignored, Ok(Completion::Ignored { reason: Some(reason) }) if reason == "for (a) reason"));

    let failed = "test a::b ... FAILED\ntest a::c ... ok\ntest a::d ... FAILED\n\nfailures:\n\n---- a::b ----\nat here\n\n\
        ---- stdout ----\ntest a::c ... FAILED\n\n---- a::d ----\nat there\n\n\nfailures:\n    a::b\n    a::d\n";
    assert_eq!(failure(&ended(failed, 101), "a::b").trim(), "at here\n\n---- stdout ----\ntest a::c ... FAILED");
    assert_eq!(failure(&ended(failed, 101), "a::d").trim(), "at there");
    assert!(ended(failed, 101).verdict("a::c").is_ok());
    // And another program after it.
    let both = format!(
        "{failed}\ntest b ... FAILED\ntest c ... ok\n\nfailures:\n\n---- b ----\nat last\n\n\nfailures:\n    b\n"
    );
    assert_eq!(failure(&ended(&both, 101), "a::d").trim(), "at there");
    assert_eq!(failure(&ended(&both, 101), "b").trim(), "at last");
    assert!(ended(&both, 101).verdict("c").is_ok());

    for (what, transcript, says) in [
        ("nothing at all", cut(""), "before its job had ended"),
        ("no result line", cut(PASSED), "before its job had ended"),
        ("half a result line", cut(&format!("{PASSED}the job has en")), "before its job had ended"),
        ("no test", ended("", 0), "it was not run"),
        ("another test", ended("test a::b ... ok\n", 0), "it was not run"),
        (
            "half a word",
            ended("test namespaces::all_but_network_and_time_are_new_as_root ... o\n", 0),
            "it was not run",
        ),
        ("tests that passed and a job that failed", ended(PASSED, 1), "ended with 1"),
        ("a test that failed and a job that did not", ended(&format!("{PASSED}test a::b ... FAILED\n"), 0), "with 0"),
        (
            "a hang",
            Transcript::new(&format!("{PASSED}the job has ended: 0\n"), String::new(), End::Hung(SHORT)),
            "10 s",
        ),
    ] {
        let text = failure(&transcript, TEST);
        assert!(text.contains(says), "{what}: {text}");
    }
    let first = cut("");
    assert!(failure(&first, TEST).contains("the kernel's word"), "the first to fail shows the console");
    assert!(!failure(&first, TEST).contains("the kernel's word"), "and only the first");
}

fn what_is_to_be_shown_here_is_not_skipped() {
    let skipped = |name: &str, reason: &str| shown(name, Completion::ignored_with(reason));
    let (lacking, (nowhere, why)) = (LACKING[0], NOWHERE[0]);
    assert!(skipped(lacking, NOTHING_OF_THE_KIND).is_err());
    assert!(skipped(lacking, "no compiler").is_ok() && skipped(TEST, NOTHING_OF_THE_KIND).is_ok());
    assert!(shown(lacking, Completion::Completed).is_ok());
    let told = skipped(nowhere, NOTHING_OF_THE_KIND);
    assert!(matches!(told, Ok(Completion::Ignored { reason: Some(reason) }) if reason == why));
    assert!(shown(nowhere, Completion::Completed).is_err());
}

/// A real test, of an aril that does nothing.
fn a_test_that_fails_inside_fails_here(vm: &mut Vm) {
    let script = format!("printf '#!/bin/sh\\nexit 1\\n' >{}\n{}", env!("CARGO_BIN_EXE_aril"), vm.jobs_alone());
    let text = failure(&vm.run(&script, patience()), TEST);
    assert!(text.contains("at tests/behaviour/") && text.contains("exit status: 1"), "it says what it said: {text}");
}

fn a_panic_is_no_pass(vm: &mut Vm) {
    let script = format!("printf '{PASSED}'; sleep 1; echo c >/proc/sysrq-trigger");
    let text = failure(&vm.run(&script, patience()), TEST);
    assert!(text.contains("before its job had ended") && text.contains("Kernel panic"), "{text}");
}

fn a_machine_that_says_nothing_is_killed_and_is_no_pass(vm: &mut Vm) {
    vm.silence = Duration::from_millis(1);
    let text = failure(&vm.run(&format!("printf '{PASSED}'"), patience()), TEST);
    assert!(text.contains("said nothing for 0 s"), "{text}");
}

fn a_machine_that_hangs_is_killed_and_is_no_pass(vm: &mut Vm) {
    let text = failure(&vm.run(&format!("printf '{PASSED}'; sleep 10000"), SHORT), TEST);
    assert!(text.contains("the VM still ran after 10 s"), "{text}");
}
