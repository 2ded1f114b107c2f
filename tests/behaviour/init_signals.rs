//! The signals of an init, as PID 1 and as a subreaper: which reach the command and how, at any moment; what the command
//! inherits; and what a signal must not do.

use crate::support::inits::{everywhere, script};
use crate::support::{Who, mark, process};
use rustix::process::Signal;

crate::tests! {
    once: a_queued_signal_keeps_its_value_and_sender, a_plain_signal_comes_from_the_init, none_is_lost_around_fork_and_exec,
        its_own_sigpipe_is_not_passed_on, an_ignored_sigchld_does_no_harm, a_closed_standard_input_does_no_harm,
        mask_and_dispositions_are_as_inherited, a_stop_signal_reaches_the_command, a_stop_without_a_shell_is_nobody_s_end,
        an_orphan_that_stops_has_not_ended;
}

/// All 61 that can be passed on, the real-time ones and those that the C library keeps to itself too.
fn a_queued_signal_keeps_its_value_and_sender(who: &Who) {
    who.needs_probe();
    for init in everywhere(who) {
        let outcome = init.call(&[&who.binary("probe"), "relay"]).run();
        let out = outcome.out();
        let sender = out.lines().find_map(|line| line.strip_prefix("sender ")).unwrap_or_default();
        for signal in (1..=64).filter(|signal| ![9, 17, 19].contains(signal)) {
            let line = format!("signal {signal} code -1 value {} from {sender}.\n", 1000 + signal);
            outcome.check(out.contains(&line), format_args!("{line}"));
        }
    }
}

fn a_plain_signal_comes_from_the_init(who: &Who) {
    who.needs_probe();
    for init in everywhere(who) {
        let running = init.call(&[&who.binary("probe"), "count", "1"]).start();
        running.expect("ready");
        init.signal(&running, Signal::USR1);
        let own = if init.is_pid_1 { "1" } else { "2" };
        let outcome = running.finish();
        outcome.exited(10).check(outcome.out().contains("signal 10 code 0 "), "no value");
        outcome.check(outcome.out().contains(&format!("from {own}.")), "the init is the sender");
    }
}

/// A signal at any moment from before the init is executed, which has every signal blocked then, until its command runs.
fn none_is_lost_around_fork_and_exec(who: &Who) {
    who.needs_probe();
    let probe = who.binary("probe");
    // Each batch fits into the time that a test has.
    let batches = if std::env::var_os("ARIL_LONG").is_some() { 10 } else { 1 };
    for init in everywhere(who) {
        for _ in 0..batches {
            for options in [&[][..], &["-g"]] {
                let as_pid_1 = if init.is_pid_1 { "1" } else { "0" };
                let command = init.words(&[options, &[&probe, "count", "1"]].concat());
                let storm = [&[&probe, "storm", "125", as_pid_1][..], &command].concat();
                script(who, "\"$@\"; exit $?", &storm).run().prints("none was lost");
            }
        }
    }
}

/// What it says goes to a pipe that nobody reads.
fn its_own_sigpipe_is_not_passed_on(who: &Who) {
    let command = "trap 'echo PIPE' PIPE; trap 'got=$((got+1))' USR1; (sleep 0.02; exit 1) & \
        for n in 1 2 3; do kill -USR1 $PPID; until [ \"$got\" = $n ]; do sleep 0.01; done; done; wait; echo $got; exit 7";
    for init in everywhere(who) {
        let words = ["bash", "-c", "exec 4> >(:); wait $!; exec \"$@\" 2>&4 4>&-", "bash"];
        let outcome = init.under(&words, &["-vvv", "-w", "sh", "-c", command]).run();
        outcome.exited(7).says("3");
    }
}

/// Then the kernel reaps, and wait4(2) tells of nobody.
fn an_ignored_sigchld_does_no_harm(who: &Who) {
    for init in everywhere(who) {
        let starter = ["env", "--ignore-signal=CHLD"];
        init.under(&starter, &["sh", "-c", "exit 5"]).run().exited(5);
    }
}

fn a_closed_standard_input_does_no_harm(who: &Who) {
    for init in everywhere(who) {
        for closed in ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"] {
            let starter = ["sh", "-c", &format!("exec \"$@\" {closed}"), "sh"];
            let command = "for fd in 0 1 2; do [ ! -e /proc/self/fd/$fd ] || open=\"$open$fd\"; done; exit 1${open:-9}";
            let open: String = (0..3)
                .filter(|fd| !closed.contains(&format!("{fd}<")) && !closed.contains(&format!("{fd}>")))
                .map(|fd| fd.to_string())
                .collect();
            let status = if open.is_empty() { "19".to_string() } else { format!("1{open}") };
            init.under(&starter, &["sh", "-c", command]).run().exited(status.parse().expect("digits"));
        }
    }
}

/// nohup(1) works, and nothing of the init's own mask is left.
fn mask_and_dispositions_are_as_inherited(who: &Who) {
    const SHOW: [&str; 3] = ["grep", "^Sig[BIC]", "/proc/self/status"];
    for starter in [
        &["env"][..],
        &["env", "--ignore-signal=HUP,PIPE,TTOU", "--block-signal=USR1,TERM,TTIN,CHLD,RTMIN"],
        &["env", "--ignore-signal=CHLD"],
        &["nohup"],
    ] {
        let expected = who.program(starter[0], &[&starter[1..], &SHOW].concat()).run();
        for init in everywhere(who) {
            let outcome = init.under(starter, &SHOW).run();
            outcome.exited(0).says(expected.out());
        }
    }
}

fn a_stop_signal_reaches_the_command(who: &Who) {
    let script = "trap 'echo TSTP' TSTP; trap 'echo TTIN' TTIN; trap 'echo TTOU' TTOU; trap 'echo CONT' CONT; echo ready; \
        sleep 1000 & while :; do wait; done";
    for init in everywhere(who) {
        let running = init.sh(&[], script).start();
        running.expect("ready");
        for (signal, name) in
            [(Signal::TSTP, "TSTP"), (Signal::TTIN, "TTIN"), (Signal::TTOU, "TTOU"), (Signal::CONT, "CONT")]
        {
            init.signal(&running, signal);
            running.expect(name);
        }
    }
}

/// Whoever continues the command need not know of the init.
fn a_stop_without_a_shell_is_nobody_s_end(who: &Who) {
    let script = "(until grep -q '^State:.T' /proc/$$/status; do sleep 0.01; done; kill -CONT $$) & kill -STOP $$; \
        wait; echo goes on; exit 3";
    for init in everywhere(who) {
        let outcome = init.sh(&[], script).run();
        outcome.exited(3).says("goes on");
    }
}

fn an_orphan_that_stops_has_not_ended(who: &Who) {
    for init in everywhere(who) {
        let mark = mark();
        let script = format!(
            "orphan=$(sh -c 'sleep {mark} >&- & echo $!'); kill -STOP $orphan; \
             until grep -q '^State:.T' /proc/$orphan/status; do sleep 0.01; done; echo stopped; \
             kill -CONT $orphan; until grep -q '^State:.S' /proc/$orphan/status; do sleep 0.01; done; \
             kill $orphan; while [ -e /proc/$orphan ]; do sleep 0.01; done; exit 3"
        );
        init.sh(&["-w"], &script).run().exited(3).says("stopped");
        assert!(process::naming(&mark).is_empty(), "nobody is left");
    }
}
