//! An init and its surroundings, as PID 1 and as a subreaper: orphans, children from before it was executed, a second init
//! below it, descriptors, working directory and environment.

use crate::support::Who;
use crate::support::inits::{everywhere, whole};

crate::tests! {
    once: orphans_that_end_at_once_are_all_reaped, orphans_one_after_the_other_are_all_reaped, a_double_fork_is_adopted,
        children_from_before_the_exec_are_reaped, two_inits_work_as_one, sockets_that_were_passed_reach_the_command,
        it_holds_no_file_and_no_folder, a_restarted_command_has_the_descriptors_again, the_environment_is_untouched,
        a_large_environment_is_no_obstacle;
}

fn orphans_that_end_at_once_are_all_reaped(who: &Who) {
    who.needs_probe();
    for init in everywhere(who) {
        let outcome = init.call(&["-w", &who.binary("probe"), "orphans", "5000", "1"]).run();
        let told = outcome.err().lines().filter(|line| line.contains("reaped process")).count();
        assert!(outcome.code() == Some(0) && told == 5000, "status {:?}, {told} were reaped", outcome.code());
    }
}

fn orphans_one_after_the_other_are_all_reaped(who: &Who) {
    who.needs_probe();
    // Batches, because a test has so much time for one run.
    let batches = if std::env::var_os("ARIL_LONG").is_some() { 10 } else { 1 };
    let count = if batches == 1 { "1000" } else { "10000" };
    for init in everywhere(who) {
        let probe = who.binary("probe");
        let script = format!("for n in $(seq {batches}); do {probe} orphans {count} 0 || exit; echo batch; done");
        let running = init.sh(&[], &script).start();
        for _ in 0..batches {
            running.expect("batch");
        }
        running.finish().ok();
    }
}

fn a_double_fork_is_adopted(who: &Who) {
    for init in everywhere(who) {
        let script = "orphan=$(sh -c '(setsid sleep 1000 >&- & echo $!)'); \
            until [ \"$(awk '/^PPid/ {print $2}' /proc/$orphan/status)\" = $PPID ]; do sleep 0.01; done; \
            kill $orphan; while [ -e /proc/$orphan ]; do sleep 0.01; done; exit 3";
        init.sh(&[], script).run().exited(3);
    }
}

/// Of those that have ended already no signal comes any more.
fn children_from_before_the_exec_are_reaped(who: &Who) {
    who.needs_probe();
    let probe = who.binary("probe");
    let command = "while grep -qs '^State:.Z' /proc/[0-9]*/status; do sleep 0.01; done; exit 3";
    for init in everywhere(who) {
        init.under(&[&probe, "with-zombies"], &absolute(command)).run().exited(3);
        // And of those that live it hears.
        let starter = ["sh", "-c", "sleep 0.05 & exec \"$@\"", "sh"];
        let command = "until [ $(cat /proc/$PPID/task/$PPID/children | wc -w) = 1 ]; do sleep 0.01; done; exit 3";
        init.under(&starter, &["sh", "-c", command]).run().exited(3);
    }
}

fn absolute(command: &str) -> [&str; 3] {
    ["/bin/sh", "-c", command]
}

/// Each relays, each reaps what is its own, and neither has anything to say.
fn two_inits_work_as_one(who: &Who) {
    let command = "orphan=$(sh -c 'sleep 0.05 >&- & echo $!'); \
        [ \"$(awk '/^PPid/ {print $2}' /proc/$orphan/status)\" = $PPID ] || exit 1; \
        while [ -e /proc/$orphan ]; do sleep 0.01; done; \
        trap 'echo USR1; exit 42' USR1; echo ready; sleep 1000 & while :; do wait; done";
    for outer in everywhere(who) {
        for inner in everywhere(who).filter(|init| init.is_pid_1) {
            let running = outer.call(&inner.words(&["sh", "-c", command])).start();
            running.expect("ready");
            outer.signal(&running, rustix::process::Signal::USR1);
            let outcome = running.finish();
            outcome.exited(42).says("ready\nUSR1").check(outcome.err().is_empty(), "silently");
        }
    }
}

/// Which of its descriptors a process has above the standard ones, and what they are, other than this shell's own.
const SHOW_FILES: &str = "for fd in 3 4 5 6; do readlink /proc/self/fd/$fd; done";

fn sockets_that_were_passed_reach_the_command(who: &Who) {
    let starter = [
        "sh",
        "-c",
        "exec 3</etc/passwd 4</etc/group; LISTEN_PID=$$ LISTEN_FDS=2 NOTIFY_SOCKET=/run/x exec \"$@\"",
        "sh",
    ];
    let command = format!("{SHOW_FILES}; [ $LISTEN_PID = $$ ] && echo $LISTEN_FDS $NOTIFY_SOCKET");
    for init in everywhere(who) {
        let outcome = init.under(&starter, &["sh", "-c", &command]).run();
        outcome.exited(0).says("/etc/passwd\n/etc/group\n2 /run/x");
        // The number of the init's own pidfd is not the command's; who finds none looks at the other alone.
        let pidfd = ["env", "LISTEN_PIDFDID=4711"];
        let command = "[ $LISTEN_PID = $$ ] && echo mine ${LISTEN_PIDFDID-none}";
        init.under(&[&pidfd, &starter[..]].concat(), &["sh", "-c", command]).run().prints("mine none");
        // Sockets for another process are not the command's.
        let other = ["env", "LISTEN_PID=4711", "LISTEN_FDS=1"];
        let command = "echo $LISTEN_PID $LISTEN_FDS $LISTEN_PIDFDID";
        init.under(&[&other[..], &pidfd[1..]].concat(), &["sh", "-c", command]).run().prints("4711 1 4711");
    }
}

/// So that a file system can be unmounted, and that a socket closes when the command closes it.
fn it_holds_no_file_and_no_folder(who: &Who) {
    let starter = ["sh", "-c", "exec 3</etc/passwd 4</etc/group 9</etc/group; cd /etc; exec \"$@\"", "sh"];
    let command =
        "until [ $(readlink /proc/$PPID/cwd) = / ] && ! ls -l /proc/$PPID/fd | grep -q /etc/; do sleep 0.01; done; pwd";
    for init in everywhere(who) {
        init.under(&starter, &["sh", "-c", command]).run().prints("/etc");
        // A subreaper has one of its own, the list of its children.
        let count = if init.is_pid_1 { 3 } else { 4 };
        let command = format!("until [ $(ls /proc/$PPID/fd | wc -l) = {count} ]; do sleep 0.01; done");
        init.under(&starter, &["sh", "-c", &command]).run().ok();
    }
}

fn a_restarted_command_has_the_descriptors_again(who: &Who) {
    for init in whole(who) {
        let folder = who.folder();
        let starter = ["sh", "-c", "exec 3</etc/passwd; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"];
        let command =
            "readlink /proc/self/fd/3; pwd; [ $LISTEN_PID = $$ ] && echo mine; [ -e flag ] || { >flag; exit 1; }";
        let outcome = init.under(&starter, &["--restart", "on-failure", "sh", "-c", command]).dir(folder.path()).run();
        let once = format!("/etc/passwd\n{}\nmine\n", folder.str());
        outcome.exited(0).says(once.repeat(2));
    }
}

fn the_environment_is_untouched(who: &Who) {
    let expected =
        who.program("env", &["-i", "A=1", "B=", "A=2", "NOTIFY_SOCKET=@x", "ARIL_STOP_TIMEOUT=9s", "env"]).run().out();
    for init in everywhere(who) {
        let starter = ["env", "-i", "A=1", "B=", "A=2", "NOTIFY_SOCKET=@x", "ARIL_STOP_TIMEOUT=9s"];
        init.under(&starter, &["/usr/bin/env"]).run().prints(&expected);
    }
    assert!(expected.contains("NOTIFY_SOCKET=@x"), "{expected}");
}

/// Kubernetes sets some variables for each service.
fn a_large_environment_is_no_obstacle(who: &Who) {
    let starter =
        ["sh", "-c", "for n in $(seq 2000); do export V$n=x; done; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"];
    for init in everywhere(who) {
        let outcome =
            init.under(&starter, &["sh", "-c", "[ $LISTEN_PID = $$ ] || echo theirs; env | grep -c ^V"]).run();
        outcome.prints("2000");
    }
}
