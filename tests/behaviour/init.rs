//! Points 6 and 8: aril as PID 1, signals, orphans, what is left at the end, exit statuses; and `aril init` itself.

use crate::support::{Run, Who, comes, eventually, executable, mark, process, tool};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

crate::tests! {
    both: aril_is_pid_1_and_the_command_its_child, the_command_s_status_is_repeated,
        a_caller_that_ignores_ends_of_children_gets_the_status_too, what_the_caller_ignores_ends_nothing, a_signal_s_status_is_128_and_its_number,
        statuses_of_commands_that_cannot_be_run, every_signal_is_forwarded, a_signal_to_the_whole_job_arrives_once,
        the_caller_s_group_is_out_of_reach,
        orphans_are_adopted_and_reaped, pid_1_cannot_be_killed_from_inside, what_is_left_is_hung_up_and_terminated,
        what_is_left_and_stopped_is_continued, what_ignores_all_is_killed, a_stop_request_may_be_answered,
        who_ignores_a_stop_request_is_killed_after_its_time, the_launcher_s_death_takes_all_with_it,
        a_stop_without_a_terminal_is_nobody_s_end, without_init_the_command_is_pid_1,
        without_init_too_who_ignores_a_stop_request_is_killed, without_a_pid_namespace_nothing_is_left_either,
        init_repeats_the_status, init_forwards_signals, init_as_pid_1_reaps_orphans, init_says_what_it_cannot_run;
    as_root: pid_1_may_signal_a_command_of_another_user;
}

/// A launcher that stopped too would wait for a shell that is not there.
fn a_stop_without_a_terminal_is_nobody_s_end(who: &Who) {
    who.sh(&[], "(sleep 0.2; kill -CONT $$) & kill -STOP $$; echo goes on").prints("goes on");
}

fn aril_is_pid_1_and_the_command_its_child(who: &Who) {
    who.sh(&[], "cat /proc/1/comm; echo $$; awk '/^PPid/ {print $2}' /proc/$$/status").prints("aril\n2\n1");
}

fn a_caller_that_ignores_ends_of_children_gets_the_status_too(who: &Who) {
    for options in [&[][..], &["--no-init"]] {
        let words = ["sh", "-c", "grep SigIgn /proc/self/status; exit 7"];
        let outcome = who.run_in(&who.rootfs(), options, &words).under(&["env", "--ignore-signal=CHLD"]).run();
        outcome.exited(7).says("SigIgn:\t0000000000000000");
    }
}

/// As under nohup(1): the command is not told, and would end of it.
fn what_the_caller_ignores_ends_nothing(who: &Who) {
    for options in [&[][..], &["--no-init"]] {
        let run = who.run_in(&who.rootfs(), options, &["sh", "-c", "echo ready; read word; exit 7"]);
        let mut running = run.under(&["env", "--ignore-signal=HUP,USR2"]).start();
        running.expect("ready");
        running.signal(Signal::HUP);
        running.signal(Signal::USR2);
        running.send("word");
        running.finish().exited(7);
    }
}

fn the_command_s_status_is_repeated(who: &Who) {
    for status in [0, 1, 42, 125, 126, 127, 255] {
        who.sh(&[], &format!("exit {status}")).exited(status);
    }
    let silent = who.sh(&[], "exit 42");
    silent.check(silent.err().is_empty() && silent.out().is_empty(), "aril has nothing to add");
}

fn a_signal_s_status_is_128_and_its_number(who: &Who) {
    // busybox's shell ignores SIGQUIT.
    for signal in [1, 2, 6, 9, 11, 13, 15, 34, 64] {
        who.sh(&[], &format!("kill -{signal} $$; sleep 1000")).exited(128 + signal);
    }
}

fn statuses_of_commands_that_cannot_be_run(who: &Who) {
    for (command, status) in [("/no/such/command", 127), ("no-such-command", 127), ("/etc/passwd", 126), ("/etc", 126)]
    {
        who.run(&[], &[command]).refused(status, &[command]);
    }
}

/// All 64 but KILL and STOP, which nobody can pass on, CHLD, which is the launcher's own, and the two that the C library
/// of the command keeps to itself.
fn every_signal_is_forwarded(who: &Who) {
    const NOT: [i32; 5] = [9, 17, 19, 32, 33];
    let script = "for n in $(seq 1 64); do case $n in 9|17|19|32|33) ;; *) trap \"echo got-$n.\" $n ;; esac; done; \
        echo ready; sleep 1000 & while :; do wait; done";
    let running = who.start(&["--stop-timeout", "10m"], &["sh", "-c", script]);
    running.expect("ready");
    for signal in (1..=64).filter(|signal| !NOT.contains(signal)) {
        tool("bash", &["-c", &format!("kill -{signal} {}", running.pid())]);
        running.expect(&format!("got-{signal}."));
    }
}

/// As a shell's `kill %1` and timeout(1) send it: to the launcher's process group.
fn a_signal_to_the_whole_job_arrives_once(who: &Who) {
    const ROUNDS: usize = 20;
    let script = "trap 'echo one.' USR1; trap 'echo two.' USR2; echo ready; sleep 1000 & while :; do wait; done";
    let run = who.run_in(&who.rootfs(), &[], &["sh", "-c", script]);
    let running = run.under(&["setsid"]).start();
    running.expect("ready");
    for _ in 0..ROUNDS {
        tool("kill", &["-USR1", "--", &format!("-{}", running.pid())]);
        running.expect("one.");
        running.signal(Signal::USR2);
        running.expect("two.");
    }
    running.signal(Signal::KILL);
    let outcome = running.finish();
    outcome.check(outcome.out().matches("one.").count() == ROUNDS, format_args!("{ROUNDS} signals, and no more"));
}

/// `kill -9 0` inside must not reach the shell outside. The shell has a session of its own here, so that it alone would pay.
fn the_caller_s_group_is_out_of_reach(who: &Who) {
    for options in ["", "--pid host", "--no-init"] {
        let script =
            format!("{} run {options} {} sh -c 'kill -9 0; exit 9'; echo still $?", who.binary("aril"), who.rootfs());
        let outcome = who.program("sh", &["-c", &script]).under(&["setsid", "--wait"]).run();
        // PID 1 cannot kill itself.
        let status = if options == "--no-init" { 9 } else { 137 };
        outcome.exited(0).check(outcome.out() == format!("still {status}\n"), "the shell lives");
    }
}

fn orphans_are_adopted_and_reaped(who: &Who) {
    let script = "orphan=$(sh -c 'sleep 0.3 >&- & echo $!'); awk '/^PPid/ {print $2}' /proc/$orphan/status; \
        for n in 1 2 3 4 5 6 7 8; do sh -c 'sh -c \"exit 9\" & sleep 0.02 & :'; done; \
        n=0; while grep -ls '^State:.Z' /proc/[0-9]*/status || pidof sleep; do \
            n=$((n+1)); [ $n -lt 1000 ] || exit 1; sleep 0.01; done >/dev/null 2>&1; exit 7";
    who.sh(&[], script).exited(7).says("1\n");
}

fn pid_1_cannot_be_killed_from_inside(who: &Who) {
    who.sh(&[], "kill -9 1; kill -STOP 1; echo alive").prints("alive");
}

/// Runs a command that ends with 3 and leaves this script behind, in a folder /out of its own; returns its diary.
fn left_behind(who: &Who, script: &str, when: &str) -> String {
    let folder = who.folder();
    executable(&folder.join("left"), &format!("#!/bin/sh\n{script}\n"));
    let volume = who.volume(folder.str(), "/out");
    let command = format!("/out/left & until {when}; do sleep 0.01; done; exit 3");
    who.sh(&["-v", &volume], &command).exited(3);
    fs::read_to_string(folder.join("diary")).unwrap_or_default()
}

fn what_is_left_is_hung_up_and_terminated(who: &Who) {
    let script = "trap 'echo HUP >>/out/diary' HUP; trap 'echo TERM >>/out/diary; exit' TERM; >/out/up; \
        sleep 1000 & while :; do wait; done";
    assert_eq!(left_behind(who, script, "[ -e /out/up ]"), "HUP\nTERM\n");
}

fn what_is_left_and_stopped_is_continued(who: &Who) {
    let script =
        "trap '' HUP; trap 'echo TERM >>/out/diary; exit' TERM; kill -STOP $$; sleep 1000 & while :; do wait; done";
    assert_eq!(left_behind(who, script, "grep -qs '^State:.T' /proc/$!/status"), "TERM\n");
}

fn what_ignores_all_is_killed(who: &Who) {
    let mark = mark();
    let script = format!("trap '' HUP TERM INT; >/out/up; sleep {mark} & wait; sleep {mark}");
    left_behind(who, &script, "[ -e /out/up ] && pidof sleep >/dev/null");
    eventually("the end of what was left", || process::naming(&mark).is_empty());
}

fn a_stop_request_may_be_answered(who: &Who) {
    let script = "trap 'echo bye; exit 42' TERM; echo ready; sleep 1000 & wait";
    let running = who.start(&[], &["sh", "-c", script]);
    running.expect("ready");
    running.signal(Signal::TERM);
    running.finish().exited(42).says("ready\nbye");
}

fn who_ignores_a_stop_request_is_killed_after_its_time(who: &Who) {
    let mark = mark();
    let options = ["--stop-timeout", "200ms"];
    let running = who.start(&options, &["sh", "-c", &format!("trap '' TERM; echo ready; sleep {mark}; exit 1")]);
    running.expect("ready");
    running.sleeper(&mark);
    running.signal(Signal::TERM);
    running.finish().exited(137);
    eventually("the end of all", || process::naming(&mark).is_empty());
}

/// Then the launcher does it.
fn without_init_too_who_ignores_a_stop_request_is_killed(who: &Who) {
    for options in
        [&["--no-init", "--stop-timeout", "200ms"][..], &["--no-init", "--stop-timeout=0", "--stop-signal=INT"]]
    {
        let mark = mark();
        // As PID 1 it ignores what it does not handle.
        let running = who.start(options, &["sleep", &mark]);
        running.sleeper(&mark);
        running.signal(Signal::ALARM);
        running.signal(Signal::TERM);
        running.finish().exited(137);
        eventually("the end of all", || process::naming(&mark).is_empty());
    }
}

fn the_launcher_s_death_takes_all_with_it(who: &Who) {
    for options in [&[][..], &["--userns", "host"], &["--user", "0:0"], &["--network", "none"]] {
        if options.contains(&"host") && !who.is_root() {
            continue;
        }
        let mark = mark();
        let script = format!("trap '' HUP TERM; (setsid sleep {mark} &); exec sleep {mark}");
        let running = who.start(options, &["sh", "-c", &script]);
        eventually("both sleep", || process::sleepers(&mark) == 2);
        running.signal(Signal::KILL);
        eventually("the end of all", || process::naming(&mark).is_empty());
        let outcome = running.finish();
        outcome.check(outcome.signal() == Some(9), "the launcher was killed");
    }
}

fn without_init_the_command_is_pid_1(who: &Who) {
    who.sh(&["--no-init"], "echo $$; cat /proc/1/comm; exit 5").exited(5).says("1\nsh\n");
    let script = "trap 'exit 42' TERM; echo ready; sleep 1000 & wait";
    let running = who.start(&["--no-init"], &["sh", "-c", script]);
    running.expect("ready");
    running.signal(Signal::TERM);
    running.finish().exited(42);
    who.run(&["--no-init"], &["/no/such/command"]).refused(127, &["/no/such/command"]);
}

fn without_a_pid_namespace_nothing_is_left_either(who: &Who) {
    let mark = mark();
    // One that is an orphan in a session of its own, one in the command's group that heeds nothing.
    let script = format!(
        "(setsid sleep {mark} >&- 2>&- &); sh -c 'trap \"\" HUP TERM; exec sleep {mark}' >&- 2>&- & echo ready; read go; exit 5"
    );
    let mut running = who.start(&["--pid", "host", "--fs", "dev"], &["sh", "-c", &script]);
    running.expect("ready");
    eventually("both sleep", || process::sleepers(&mark) == 2);
    running.send("go");
    running.finish().exited(5);
    let ended = comes(|| process::naming(&mark).is_empty());
    let left = process::naming(&mark);
    // Nothing else would end them.
    for pid in left.iter().filter_map(|(pid, _)| Pid::from_raw(*pid as i32)) {
        let _ = kill_process(pid, Signal::KILL);
    }
    assert!(ended, "this was left behind: {left:?}");
}

/// Across users a signal needs CAP_KILL.
fn pid_1_may_signal_a_command_of_another_user(who: &Who) {
    let script = "trap 'exit 42' TERM; echo ready; sleep 1000 & wait";
    for options in [&["--user", "405:100"][..], &["--user", "405:100", "--userns", "host"]] {
        let running = who.start(options, &["sh", "-c", script]);
        running.expect("ready");
        running.signal(Signal::TERM);
        running.finish().exited(42);
    }
    let mark = mark();
    let script = format!("trap '' TERM HUP; sleep {mark} & exit 4");
    who.sh(&["--user", "405:100"], &script).exited(4);
    eventually("the end of what was left", || process::naming(&mark).is_empty());
}

/// `aril-init WORDS` and `aril init WORDS`.
fn inits(who: &Who, words: &[&str]) -> [Run; 2] {
    [who.program(&who.binary("aril-init"), words), who.aril(&[&["init"], words].concat())]
}

fn init_repeats_the_status(who: &Who) {
    for (script, status) in [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$; sleep 1000", 143), ("kill -9 $$", 137)] {
        for run in inits(who, &["sh", "-c", script]).into_iter().chain(inits(who, &["--", "sh", "-c", script])) {
            let outcome = run.run();
            outcome.exited(status).check(outcome.err().is_empty(), "it has nothing to add");
        }
    }
}

fn init_forwards_signals(who: &Who) {
    for run in inits(who, &["sh", "-c", "trap 'exit 42' USR1; echo ready; sleep 1 & wait; exit 1"]) {
        let running = run.start();
        running.expect("ready");
        running.signal(Signal::USR1);
        running.finish().exited(42);
    }
}

fn init_as_pid_1_reaps_orphans(who: &Who) {
    let script = "for n in 1 2 3 4 5 6 7 8; do sh -c 'sh -c \"exit 9\" & sleep 0.02 & :'; done; \
        n=0; while grep -ls '^State:.Z' /proc/[0-9]*/status || pidof sleep; do \
            n=$((n+1)); [ $n -lt 1000 ] || exit 1; sleep 0.01; done >/dev/null 2>&1; echo $PPID; exit 7";
    for (name, words) in
        [("aril-init", &["/srv/init", "sh", "-c", script][..]), ("aril", &["/srv/init", "init", "sh", "-c", script])]
    {
        let volume = format!("{}:/srv/init:ro", who.binary(name));
        who.run(&["--no-init", "-v", &volume], words).exited(7).says("1\n");
    }
}

fn init_says_what_it_cannot_run(who: &Who) {
    for (command, status) in [("/no/such/command", 127), ("no-such-command", 127), ("/etc/passwd", 126)] {
        for run in inits(who, &[command]) {
            let outcome = run.run();
            outcome.exited(status).check(outcome.err().contains(command), "it names the command");
            outcome.check(outcome.err().lines().count() <= 2, "once");
        }
    }
    for run in inits(who, &[]) {
        let outcome = run.run();
        outcome.exited(125).check(!outcome.err().is_empty(), "it says what is missing");
    }
}
