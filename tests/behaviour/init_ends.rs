//! How an init ends, as PID 1 and as a subreaper: stop requests, what is left when the command has ended, a command that is
//! started again or has a time, and the report. No test looks at the clock.

use crate::support::inits::{Init, everywhere, script, whole};
use crate::support::{Folder, Outcome, Run, Running, Who, executable, mark, process};
use rustix::process::Signal;

crate::tests! {
    once: a_stop_request_may_be_answered, who_ignores_a_stop_request_is_killed, a_deadline_comes_however_many_signals_come, who_may_not_be_killed_is_not_waited_for, without_a_time_a_stop_request_is_a_signal,
        what_is_left_is_asked_to_end, what_is_left_and_stopped_is_continued, what_is_left_is_killed_in_the_end,
        after_a_stop_request_what_is_left_has_the_same_time, the_children_of_what_is_left_are_asked_too,
        of_many_that_are_left_each_is_asked, a_subreaper_signals_its_own_descendants_alone,
        a_command_is_started_again, a_stop_request_ends_the_restarts, a_signal_in_the_pause_is_for_the_next_command,
        a_restart_begins_with_nothing_left, the_report_tells_how_it_ended, the_report_counts_the_others,
        a_report_that_cannot_be_written_is_named, a_report_nobody_reads_is_refused, the_report_is_of_the_last_command_that_ran, a_command_has_its_time, when_its_time_is_up_everything_goes;
}

/// A diary that several processes write, in a folder that is theirs too.
struct Diary(Folder);

impl Diary {
    fn of(who: &Who) -> Self {
        Self(who.folder())
    }

    /// An init runs a shell's script in the folder.
    fn sh(&self, init: &Init, options: &[&str], script: &str) -> Run {
        init.sh(options, script).env("diary", &self.0.join("diary").display().to_string()).dir(self.0.path())
    }

    /// The same where the command leaves the script `left` behind, which must make the file `up`, and ends with 3.
    #[track_caller]
    fn left_behind(&self, init: &Init, left: &str) -> Outcome {
        executable(&self.0.join("left"), &format!("#!/bin/sh\n{left}\n"));
        let command = "\"$diary/../left\" >/dev/null 2>&1 & until [ -e \"$diary.up\" ]; do sleep 0.01; done; exit 3";
        self.sh(init, &[], &command.replace("$diary/../left", &self.0.join("left").display().to_string())).run()
    }

    /// What was written, line by line; nothing if it does not exist.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.join("diary")).unwrap_or_default();
        text.lines().map(ToString::to_string).collect()
    }
}

/// One that writes down which signals it gets, and ends at SIGTERM.
const WRITES: &str = "trap 'echo HUP >>$diary' HUP; trap 'echo TERM >>$diary; exit' TERM; >$diary.up; \
    sleep 1000 & while :; do wait; done";

#[track_caller]
fn ready<'a>(init: &Init<'a>, options: &[&str], script: &str) -> Running {
    let running = init.sh(options, script).start();
    running.expect("ready");
    running
}

fn a_stop_request_may_be_answered(who: &Who) {
    for init in everywhere(who) {
        let script = "trap 'echo bye; exit 42' TERM; echo ready; sleep 1000 & wait";
        let running = ready(&init, &["--stop-timeout", "10m"], script);
        init.signal(&running, Signal::TERM);
        running.finish().exited(42).says("ready\nbye");
    }
}

fn who_ignores_a_stop_request_is_killed(who: &Who) {
    for init in everywhere(who) {
        let mark = mark();
        let script = format!("trap '' TERM HUP; setsid sleep {mark} & echo ready; sleep {mark}");
        let running = ready(&init, &["--stop-timeout", "50ms"], &script);
        init.signal(&running, Signal::TERM);
        let outcome = running.finish();
        outcome.exited(137).check(outcome.err().is_empty(), "nobody is left");
    }
}

/// As PID 1 and not, of children that end and others; and of the time of the whole command.
fn a_deadline_comes_however_many_signals_come(who: &Who) {
    for storm in ["while :; do kill -URG $PPID; done", "while :; do (true &); done"] {
        let script = format!("trap '' TERM HUP; echo ready; {storm}");
        for init in everywhere(who) {
            let running = ready(&init, &["--stop-timeout", "50ms"], &script);
            init.signal(&running, Signal::TERM);
            running.finish().exited(137);
        }
        for init in whole(who) {
            init.sh(&["--timeout", "50ms"], &script).run().exited(124);
        }
    }
}

/// An ordinary user as PID 1 may not kill root's processes: the kernel does, at its end.
fn who_may_not_be_killed_is_not_waited_for(who: &Who) {
    who.needs_probe();
    if !who.is_root() {
        who.skip("only root can make a program that becomes root");
    }
    let folder = who.folder();
    let heedless = folder.join("heedless").display().to_string();
    std::fs::copy(who.binary("probe"), &heedless).expect("it was built");
    crate::support::tool("chmod", &["4755", &heedless]);
    let user = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"];
    for init in everywhere(who).filter(|init| init.is_pid_1) {
        let script = format!("{heedless} heedless >ready & until grep -q ready ready; do sleep 0.01; done; exit 7");
        let shared = who.folder();
        crate::support::tool("chmod", &["0777", shared.str()]);
        init.under(&user, &["sh", "-c", &script]).dir(shared.path()).run().exited(7);
    }
}

fn without_a_time_a_stop_request_is_a_signal(who: &Who) {
    for init in everywhere(who) {
        let running = ready(
            &init,
            &[],
            "trap 'echo TERM' TERM; trap 'exit 4' USR1; echo ready; sleep 1000 & while :; do wait; done",
        );
        for _ in 0..3 {
            init.signal(&running, Signal::TERM);
            running.expect("TERM");
        }
        init.signal(&running, Signal::USR1);
        running.finish().exited(4);
    }
}

fn what_is_left_is_asked_to_end(who: &Who) {
    for init in everywhere(who) {
        for session in ["", "[ $1 ] || exec setsid -w $0 again\n"] {
            let diary = Diary::of(who);
            let outcome = diary.left_behind(&init, &format!("{session}{WRITES}"));
            outcome.exited(3).check(outcome.err().is_empty(), "nobody is left");
            assert_eq!(diary.lines(), ["HUP", "TERM"], "{outcome}");
        }
    }
}

fn what_is_left_and_stopped_is_continued(who: &Who) {
    for init in everywhere(who) {
        let diary = Diary::of(who);
        let left = "trap '' HUP; trap 'echo TERM >>$diary; exit' TERM; \
            (until grep -q '^State:.T' /proc/$$/status; do sleep 0.01; done; >$diary.up) & kill -STOP $$; \
            sleep 1000 & while :; do wait; done";
        diary.left_behind(&init, left).exited(3);
        assert_eq!(diary.lines(), ["TERM"]);
    }
}

fn what_is_left_is_killed_in_the_end(who: &Who) {
    for init in everywhere(who) {
        let mark = mark();
        let left = format!("trap '' HUP TERM INT; setsid sleep {mark} & >$diary.up; sleep {mark}");
        let outcome = Diary::of(who).left_behind(&init, &left);
        outcome.exited(3).check(outcome.err().is_empty(), "nobody is left");
    }
}

/// Longer than the second that there is otherwise.
fn after_a_stop_request_what_is_left_has_the_same_time(who: &Who) {
    for init in everywhere(who) {
        let diary = Diary::of(who);
        let left =
            "trap '' HUP; trap 'sleep 1.3; echo end >>$diary; exit' TERM; echo ready; while :; do sleep 0.05; done";
        let script = "trap 'exit 3' TERM; sh -c \"$left\" & wait";
        let running = diary.sh(&init, &["--stop-timeout", "10m"], script).env("left", left).start();
        running.expect("ready");
        init.signal(&running, Signal::TERM);
        running.finish().exited(3);
        assert_eq!(diary.lines(), ["end"]);
    }
}

/// One whose parent ends at the first request must hear of the end itself.
fn the_children_of_what_is_left_are_asked_too(who: &Who) {
    for init in everywhere(who) {
        let diary = Diary::of(who);
        let left = format!("sh -c '{}' & wait", WRITES.replace('\'', "\""));
        let outcome = diary.left_behind(&init, &left);
        outcome.exited(3);
        assert!(diary.lines().contains(&"TERM".to_string()), "{:?}\n{outcome}", diary.lines());
    }
}

/// More than fit into any buffer of a small program.
fn of_many_that_are_left_each_is_asked(who: &Who) {
    who.needs_probe();
    const COUNT: usize = 400;
    // Each takes what comes up to SIGTERM, and ends.
    let script = format!(
        "trap 'exit 3' TERM; for n in $(seq {COUNT}); do {} await 15 >>$diary & done; \
         until [ \"$(grep -c ready $diary)\" = {COUNT} ]; do sleep 0.01; done; echo ready; while :; do sleep 0.05; done",
        who.binary("probe")
    );
    for init in everywhere(who) {
        let diary = Diary::of(who);
        // They have time enough on any machine.
        let running = diary.sh(&init, &["--stop-timeout", "10s"], &script).start();
        running.expect("ready");
        init.signal(&running, Signal::TERM);
        running.finish().exited(3);
        let asked = diary.lines().iter().filter(|line| line.starts_with("signal 15 ")).count();
        assert_eq!(asked, COUNT, "as PID 1: {}", init.is_pid_1);
    }
}

/// Others of the same namespace, its session and its parent too, are none of its business.
fn a_subreaper_signals_its_own_descendants_alone(who: &Who) {
    let around = "trap 'echo hit' HUP TERM CONT; sleep 1000 & bystander=$!; \
        \"$@\"; echo $?; kill -0 $bystander && echo alive; kill -9 $bystander";
    let command = "trap '' HUP TERM; sleep 1000 & kill -TERM $PPID; sleep 1000";
    for init in everywhere(who).filter(|init| !init.is_pid_1) {
        let words = init.words(&["--stop-timeout", "50ms", "sh", "-c", command]);
        script(who, around, &words).run().exited(0).says("137\nalive");
    }
}

fn a_command_is_started_again(who: &Who) {
    // The command ends with these statuses, one each time, and is started so often.
    for (when, statuses, status, starts) in [
        ("no", "1 0", 1, 1),
        ("on-failure", "1 2 0 3", 0, 3),
        ("on-failure:2", "1 2 3 4", 3, 3),
        ("on-failure:0", "1 2", 1, 1),
        ("on-failure:5", "0 1", 0, 1),
    ] {
        for init in whole(who) {
            let diary = Diary::of(who);
            let script = format!("echo run >>$diary; set -- {statuses}; shift $(($(wc -l <$diary)-1)); exit $1");
            diary.sh(&init, &["--restart", when], &script).run().exited(status);
            assert_eq!(diary.lines().len(), starts, "with {when}");
        }
    }
    for init in whole(who) {
        let diary = Diary::of(who);
        // A status that is as good as 0 is no failure; a signal is one.
        diary.sh(&init, &["--restart", "on-failure:1", "-e", "7"], "echo run >>$diary; exit 7").run().ok();
        diary.sh(&init, &["--restart", "on-failure:1"], "echo run >>$diary; kill -9 $$").run().exited(137);
        assert_eq!(diary.lines().len(), 3);
        init.call(&["--restart", "always", "/no/such/command"]).run().exited(127);
    }
}

/// While the command runs, and while there is none.
fn a_stop_request_ends_the_restarts(who: &Who) {
    for init in whole(who) {
        for signal in [Signal::TERM, Signal::INT] {
            let script = "trap 'exit 3' TERM INT; echo ready; sleep 1000 & wait";
            let running = ready(&init, &["--restart", "always"], script);
            init.signal(&running, signal);
            running.finish().exited(3).says("ready");

            let diary = Diary::of(who);
            let script = "echo run >>$diary; [ $(wc -l <$diary) -lt 3 ] || echo ready; exit 4";
            let running = diary.sh(&init, &["--restart", "always"], script).start();
            running.expect("ready");
            init.signal(&running, signal);
            running.finish().exited(4);
        }
    }
}

/// Which has no time to set a trap: it dies of it.
fn a_signal_in_the_pause_is_for_the_next_command(who: &Who) {
    for init in whole(who) {
        let diary = Diary::of(who);
        let mark = mark();
        let script = format!(
            "echo run >>$diary; case $(wc -l <$diary) in 1|2|3) exit 1;; 4) echo ready; exit 1;; esac; exec sleep {mark}"
        );
        let running = diary.sh(&init, &["--restart", "on-failure:4"], &script).start();
        running.expect("ready");
        crate::support::eventually("its end", || process::children(init.pid(&running)).is_empty());
        init.signal(&running, Signal::USR1);
        running.finish().exited(138);
        assert!(diary.lines().len() <= 5);
    }
}

/// What the first command has left is gone before the second begins, even if it does not heed anything.
fn a_restart_begins_with_nothing_left(who: &Who) {
    for init in whole(who) {
        let (diary, mark) = (Diary::of(who), mark());
        let script = format!(
            "echo run >>$diary; if [ $(wc -l <$diary) = 1 ]; then \
                sh -c 'trap \"\" HUP TERM; echo $$ >$diary.left; exec sleep {mark} >&- 2>&-' & \
                until grep -q sleep /proc/$!/comm; do sleep 0.01; done; exit 1; fi; \
             [ ! -e /proc/$(cat $diary.left) ] || echo it is still there"
        );
        diary.sh(&init, &["--restart", "on-failure"], &script).run().prints("");
    }
}

/// Runs a command with a report, and gives the report without the time.
#[track_caller]
fn report(init: &Init, diary: &Diary, script: &str, status: i32) -> String {
    let path = diary.0.join("report").display().to_string();
    diary.sh(init, &["--report", &path], script).run().exited(status);
    let text = diary.0.read("report");
    let (before, rest) = text.split_once(" after ").unwrap_or_else(|| panic!("{text}"));
    let (time, after) = rest.split_once(" ms; ").unwrap_or_else(|| panic!("{text}"));
    assert!(time.parse::<u32>().is_ok() && text.lines().count() == 1, "{text}");
    format!("{before}; {after}")
}

fn the_report_tells_how_it_ended(who: &Who) {
    let others = "; orphans reaped: 0; left over, terminated: 0, killed: 0";
    for init in whole(who) {
        let diary = Diary::of(who);
        for (script, status, how) in [
            ("exit 0", 0, "exited with status 0"),
            ("exit 42", 42, "exited with status 42"),
            ("kill -9 $$", 137, "killed by signal 9"),
            ("kill -40 $$", 168, "killed by signal 40"),
            ("ulimit -c 0; kill -TERM $$", 143, "killed by signal 15"),
        ] {
            assert_eq!(report(&init, &diary, script, status), format!("{how}{others}"));
        }
        // Whether the kernel writes one is the machine's affair: it says so all the same if it is a file.
        let dumps = report(&init, &diary, "ulimit -c unlimited; kill -SEGV $$", 139);
        let how = dumps.strip_suffix(others).unwrap_or_else(|| panic!("{dumps}"));
        assert!(["killed by signal 11", "killed by signal 11 (core dumped)"].contains(&how), "{dumps}");
    }
}

fn the_report_counts_the_others(who: &Who) {
    for init in whole(who) {
        let orphans = "for n in 1 2 3; do orphan=$(sh -c 'exec 3>&1 >&-; sleep 0.02 & echo $! >&3'); \
            while [ -e /proc/$orphan ]; do sleep 0.01; done; done; exit 3";
        let ended = "exited with status 3; orphans reaped:";
        let diary = Diary::of(who);
        assert_eq!(report(&init, &diary, orphans, 3), format!("{ended} 3; left over, terminated: 0, killed: 0"));
        let terminated = "sleep 1000 >&- 2>&- & sleep 1000 >&- 2>&- & exit 3";
        assert_eq!(report(&init, &diary, terminated, 3), format!("{ended} 0; left over, terminated: 2, killed: 0"));
        let killed = "trap '' HUP TERM; sleep 1000 >&- 2>&- & exit 3";
        assert_eq!(report(&init, &diary, killed, 3), format!("{ended} 0; left over, terminated: 0, killed: 1"));
    }
}

/// Before the command runs.
fn a_report_that_cannot_be_written_is_named(who: &Who) {
    for init in whole(who) {
        for (path, reason) in [("/no/such/folder/report", "(ENOENT)"), ("/etc/passwd/report", "(ENOTDIR)")] {
            let outcome = init.call(&["--report", path, "echo", "runs"]).run();
            outcome.exited(125).says("").check(outcome.err().lines().count() == 1, "one line");
            outcome.check(outcome.err().contains(path) && outcome.err().contains(reason), "it names the file");
        }
    }
}

/// It would wait for a reader before the command runs, with every signal blocked.
fn a_report_nobody_reads_is_refused(who: &Who) {
    for init in whole(who) {
        let folder = who.folder();
        let path = folder.join("fifo").display().to_string();
        crate::support::tool("mkfifo", &[&path]);
        let outcome = init.call(&["--report", &path, "echo", "runs"]).run();
        outcome.exited(125).says("").check(outcome.err().contains(&path), "it names the file");
    }
}

/// Of one that has run, although the next could not be started.
fn the_report_is_of_the_last_command_that_ran(who: &Who) {
    for init in whole(who) {
        let diary = Diary::of(who);
        let (command, path) = (diary.0.join("command"), diary.0.join("report").display().to_string());
        executable(&command, "#!/bin/sh\nrm \"$0\"; exit 3\n");
        init.call(&["--restart", "always", "--report", &path, &command.display().to_string()]).run().exited(127);
        let report = diary.0.read("report");
        assert!(report.starts_with("exited with status 3 after "), "{report:?}");
    }
}

fn a_command_has_its_time(who: &Who) {
    for init in whole(who) {
        init.sh(&["--timeout", "10m"], "exit 3").run().exited(3);
        init.sh(&["--timeout", "50ms"], "sleep 1000").run().exited(124);
        init.sh(&["--timeout", "50ms"], "trap '' TERM HUP INT; sleep 1000; sleep 1000").run().exited(124);
        // Another's SIGKILL is no end of the time.
        init.sh(&["--timeout", "10m"], "kill -9 $$").run().exited(137);
    }
}

fn when_its_time_is_up_everything_goes(who: &Who) {
    for init in whole(who) {
        let mark = mark();
        let script = format!(
            "trap '' HUP TERM; (setsid sleep {mark} &); sh -c 'sh -c \"sleep {mark}; :\" & sleep {mark}' & sleep {mark}"
        );
        let outcome = init.sh(&["--timeout", "200ms"], &script).run();
        outcome.exited(124).check(outcome.err().is_empty(), "nobody is left");
        assert!(process::naming(&mark).is_empty(), "nobody is left");
    }
}
