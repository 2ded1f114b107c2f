//! What a failure before the command is: a line that says what, on what and why, a shell if one is asked for, and an end with
//! 125. And `aril.timing`, whose lines are those of `aril explain boot`.

use super::vm::{Boot, Ended};
use std::process::Command;

super::tests! {
    a_shell_is_there_for_the_rescue,
    without_a_shell_the_rescue_is_an_end,
    a_failure_is_in_the_kernels_log_too,
    each_step_is_told_with_its_time,
}

const FAILS: &str = "aril.user=nobody-of-this-name -- /bin/true";

fn a_shell_is_there_for_the_rescue() {
    let mut vm = Boot::of("aril.rescue root=/dev/none rootdelay=0 -- /bin/true").start();
    vm.saw("/dev/none").saw("# ");
    vm.types(b"mount | grep -c ' /proc '; ls -1d /dev/pts/ptmx /dev/fd/0; echo $((40 + 2))\r").saw("\n42");
    // What has failed came before all of this.
    vm.types(b"sed 's/^/immediate: /' /proc/sys/kernel/ctrl-alt-del; exit 9\r");
    vm.end().exited(125).says_line("1").says_line("/dev/pts/ptmx").says_line("/dev/fd/0").says_line("immediate: 0");
}

fn without_a_shell_the_rescue_is_an_end() {
    let boot = Boot::of(&format!("aril.rescue {FAILS}"));
    boot.with(|archive| archive.without("/bin")).run().exited(125).says("nobody-of-this-name").says("/bin/sh");
}

fn a_failure_is_in_the_kernels_log_too() {
    // There is a bound to what is read before anything is known of it.
    let command = "x ".repeat((1 << 20) / 2) + "x";
    let boot = Boot::of("aril.rescue").with(|archive| archive.file("/etc/aril/cmd", 0o644, command));
    let mut vm = boot.start();
    vm.saw("/etc/aril/cmd: it has more than 1 MiB").saw("# ");
    vm.types(b"dmesg | grep -c '[0-9]] aril: .*more than 1 Mi[B]'; exit\r");
    vm.end().exited(125).says_line("1");
}

/// What `aril explain boot` prints for a command line.
fn explained(line: &str) -> Vec<String> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_aril")).args(["explain", "boot", line]).output().expect("it was built");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").lines().map(ToString::to_string).collect()
}

/// Lines `aril: TIME us  STEP`, in microseconds since the kernel's start.
fn timed(ended: &Ended) -> Vec<(u64, String)> {
    let parse = |line: &str| {
        let (time, step) = line.strip_prefix("aril: ")?.split_once(" us  ")?;
        Some((time.parse().ok()?, step.to_string()))
    };
    ended.console.lines().filter_map(parse).collect()
}

fn each_step_is_told_with_its_time() {
    let words = "aril.timing aril.hostname=timed aril.user=guest -- /bin/true";
    let ended = Boot::bare(words).run();
    ended.went_off().told(0);
    let steps = timed(&ended);
    assert!(steps.len() > 10, "{ended}");
    assert!(steps.is_sorted_by_key(|(time, _)| *time), "{ended}");
    let plan = explained(words);
    for (_, step) in &steps {
        assert!(plan.iter().any(|line| line.contains(step.as_str())), "{step} is not in {plan:#?}\n{ended}");
    }
    for step in ["host name timed", "user guest", "execute /bin/true", "power off"] {
        assert!(steps.iter().any(|(_, line)| line.contains(step)), "{step}\n{ended}");
    }
}
