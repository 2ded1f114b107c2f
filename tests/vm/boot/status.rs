//! How the command ended, on the console and at the exit port; and the orphans that it leaves.

use super::vm::Boot;
use crate::architecture::Architecture;
use std::time::Duration;

super::tests! {
    an_exit_status_is_told,
    a_signal_is_128_and_its_number,
    a_command_that_is_missing_is_127,
    a_command_that_cannot_be_executed_is_126,
    a_stop_is_no_end,
    ten_thousand_orphans_are_reaped,
    a_kill_for_lack_of_memory_is_told,
}

fn an_exit_status_is_told() {
    for status in [0, 3, 255] {
        Boot::of(&format!("-- /bin/sh -c \"exit {status}\"")).run().exited(status);
    }
}

fn a_signal_is_128_and_its_number() {
    Boot::of("-- /bin/sh -c \"kill -9 $$\"").run().exited(128 + 9);
}

fn a_command_that_is_missing_is_127() {
    Boot::of("-- no-such-command").run().exited(127).says("no-such-command").says("(ENOENT)");
}

fn a_command_that_cannot_be_executed_is_126() {
    let ended = Boot::of("-- /text").with(|archive| archive.file("/text", 0o644, "#!/bin/sh\n")).run();
    ended.exited(126).says("/text").says("(EACCES)");
    let ended = Boot::of("-- /program").with(|archive| archive.file("/program", 0o755, b"\x7fELF nonsense")).run();
    ended.exited(126).says("/program").says("(ENOEXEC)");
}

fn a_stop_is_no_end() {
    // What is left of the session goes on; so does the stopped command then.
    const SCRIPT: &str = "(until grep -q 'State:.T' /proc/$$/status; do :; done; echo it stopped; kill -CONT $$) &
kill -STOP $$; echo it goes on; exit 6";
    Boot::script(SCRIPT).run().exited(6).says_line("it stopped").says_line("it goes on");
}

fn ten_thousand_orphans_are_reaped() {
    let boot = Boot::of("-- /probe orphans 10000 0");
    // Its folder goes with the VM.
    let probe = boot.path("probe");
    if !Architecture::Amd64.program("probe", &probe) {
        super::skip("no static C program can be built: install gcc and libc6-dev");
    }
    // It ends when as few processes are left as were there before.
    let boot = boot.with(|archive| archive.program("/probe", &probe));
    boot.patience(Duration::from_secs(600)).run().exited(0);
}

fn a_kill_for_lack_of_memory_is_told() {
    let ended = Boot::of("-- /bin/tail /dev/zero").run();
    ended.exited(128 + 9);
    let told = ended.console.lines().any(|line| line.starts_with("aril: ") && line.to_lowercase().contains("memory"));
    assert!(told, "{ended}");
}
