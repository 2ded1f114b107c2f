//! That these tests can fail: a VM that ends in any other way than the test says is never a pass.

use super::outcome_of;
use super::vm::{Boot, Ended};
use std::time::Duration;

super::tests! {
    a_status_is_told_by_the_console_and_by_the_port,
    a_panic_is_no_end,
    a_vm_that_hangs_is_killed_and_is_no_pass,
}

/// A machine without aril: its first process is this script.
fn without_aril(script: &str) -> Boot {
    let script = format!("mount -t devtmpfs dev /dev\nexec </dev/console >/dev/console 2>&1\n{script}");
    Boot::of("").with(|archive| archive.script("/init", &script))
}

/// The text with which this fails.
#[track_caller]
fn failure<T>(what: &str, question: impl FnOnce() -> T) -> String {
    match outcome_of(|| drop(question())) {
        Err(failed) => failed.message().unwrap_or_default().to_string(),
        Ok(_) => panic!("no failure: {what}"),
    }
}

fn a_status_is_told_by_the_console_and_by_the_port() {
    let said = "first\naril: exit status 42\n";
    let ended = Ended::with(85, said);
    ended.exited(42).says("status 42").says_line("aril: exit status 42").says_not("status 4\n");
    assert_eq!(ended.word("aril: exit "), "status 42");
    Ended::with(1, "aril: exit status 128\n").exited(128);
    Ended::with(0, said).went_off().told(42);
    let questions: [(&str, i32, &str, fn(&Ended) -> &Ended); 9] = [
        ("another status", 85, said, |ended| ended.exited(41)),
        ("another status with the same end at the port", 85, said, |ended| ended.exited(42 + 128)),
        ("another at the port", 83, said, |ended| ended.exited(42)),
        ("only the console", 0, said, |ended| ended.exited(42)),
        ("only the port", 85, "first\n", |ended| ended.exited(42)),
        ("told twice", 85, "aril: exit status 42\naril: exit status 42\n", |ended| ended.exited(42)),
        ("what was not said", 85, said, |ended| ended.says("status 43")),
        ("half a line", 85, said, |ended| ended.says_line("aril: exit status")),
        ("what was said", 85, said, |ended| ended.says_not("status 42")),
    ];
    for (what, status, said, question) in questions {
        let ended = Ended::with(status, said);
        let text = failure(what, || question(&ended).status);
        assert!(text.contains(said), "{what}: it shows all: {text}");
    }
}

fn a_panic_is_no_end() {
    let ended = without_aril("echo aril: exit status 0\nexit 0").run();
    let text = failure("a panic", || ended.went_off().status);
    assert!(text.contains("Attempted to kill init"), "{text}");
}

fn a_vm_that_hangs_is_killed_and_is_no_pass() {
    let hangs = || without_aril("echo aril: exit status 0\nwhile :; do sleep 1000; done");
    let ended = hangs().patience(Duration::from_secs(5)).run();
    assert!(ended.killed, "{ended}");
    failure("a hang", || ended.went_off().status);
    let mut running = hangs().patience(Duration::from_secs(5)).start();
    failure("what never comes", || {
        running.saw("never");
    });
}
