//! The command line of an init, and its environment: each option under its own name, as PID 1 and as a subreaper.

use crate::support::inits::{Init, everywhere, links, script, whole};
use crate::support::{Outcome, Run, Who, eventually, executable, process, tool};
use rustix::process::Signal;
use std::fs;

crate::tests! {
    once: options_end_at_the_first_operand, an_option_may_be_written_in_several_ways, a_variable_is_as_good_as_an_option,
        an_option_counts_more_than_its_variable, an_expected_status_is_as_good_as_0, a_group_has_its_signals,
        a_signal_becomes_another_or_nothing, a_farewell_that_is_dropped_is_not_told, a_stop_request_becomes_another_signal, it_hears_of_its_parent_s_death,
        it_says_as_much_as_it_is_asked_to, orphans_that_end_are_told_of, a_pause_reaps_until_it_is_asked_to_end,
        called_pause_it_needs_no_command, help_version_and_licence_are_printed, what_is_wrong_is_one_line, a_missing_value_is_no_unknown_option,
        a_wrong_variable_is_one_line, the_small_binary_has_not_every_option, commands_that_cannot_be_run_have_their_statuses, a_command_that_cannot_be_run_leaves_no_process,
        without_a_path_the_command_is_still_found,
        the_page_has_every_option_and_its_variable, the_page_s_commands_work;
}

/// A shell that says it is ready, then waits for signals.
fn waits(traps: &str) -> String {
    format!("{traps}; echo ready; sleep 1000 & while :; do wait; done")
}

/// Sends one signal to an init whose command is ready, and gives its end.
#[track_caller]
fn signalled(init: &Init, run: Run, signal: Signal) -> Outcome {
    let running = run.start();
    running.expect("ready");
    init.signal(&running, signal);
    running.finish()
}

fn options_end_at_the_first_operand(who: &Who) {
    for init in everywhere(who) {
        for words in
            [&["echo", "-h", "--", "-g"][..], &["--", "echo", "-h", "--", "-g"], &["-g", "echo", "-h", "--", "-g"]]
        {
            init.call(words).run().prints("-h -- -g");
        }
        init.call(&["--", "-h"]).run().exited(127);
        // A single dash is no option, and no command either.
        init.call(&["-"]).run().exited(127);
    }
}

fn an_option_may_be_written_in_several_ways(who: &Who) {
    for init in everywhere(who) {
        for options in [&["-e", "3"][..], &["-e3"], &["-sge3"], &["-sge", "3"], &["--expect", "3"], &["--expect=3"]] {
            init.sh(options, "exit 3").run().ok();
        }
    }
}

/// What an option or a variable does, by what it changes in the same scenario.
fn a_variable_is_as_good_as_an_option(who: &Who) {
    let ends = waits("trap 'exit 5' TERM; trap 'exit 6' INT; trap 'exit 7' USR1");
    let stubborn = "trap '' TERM; echo ready; sleep 1000";
    let cases: [(&str, &str, &str, &str, i32); 5] = [
        ("--expect", "ARIL_EXPECT", "5", &ends, 0),
        ("--rewrite", "ARIL_REWRITE", "TERM:INT", &ends, 6),
        ("--stop-signal", "ARIL_STOP_SIGNAL", "USR1", &ends, 7),
        ("--stop-timeout", "ARIL_STOP_TIMEOUT", "50ms", stubborn, 137),
        ("--expect", "ARIL_EXPECT", "143", "trap - TERM; echo ready; sleep 1000", 0),
    ];
    for init in everywhere(who) {
        for (option, variable, value, command, status) in cases {
            signalled(&init, init.sh(&[option, value], command), Signal::TERM).exited(status);
            signalled(&init, init.sh(&[], command).env(variable, value), Signal::TERM).exited(status);
        }
        // A flag is set by whatever value, and an empty one is none, whatever its variable is.
        let grouped = signalled(&init, init.sh(&[], WITH_A_CHILD).env("ARIL_GROUP", "yes"), Signal::USR1);
        grouped.exited(3).check(grouped.out().contains("child"), "the group has it");
        let empty = init.sh(&[], "exit 5").env("ARIL_WARN", "").env("ARIL_EXPECT", "").env("ARIL_STOP_TIMEOUT", "");
        empty.run().exited(5);
        let warned = init.sh(&[], "sh -c 'sleep 0.05 &'; sleep 0.2").env("ARIL_WARN", "1").run();
        warned.exited(0).check(warned.err().contains("reaped"), "it tells of orphans");
        let verbose = init.sh(&[], "exit 0").env("ARIL_VERBOSE", "1").run();
        verbose.exited(0).check(verbose.err().contains("started process"), "it tells of its command");
    }
    for init in whole(who) {
        init.sh(&[], "sleep 1000").env("ARIL_TIMEOUT", "50ms").run().exited(124);
        let folder = who.folder();
        let report = folder.join("report").display().to_string();
        init.sh(&[], "exit 3").env("ARIL_REPORT", &report).run().exited(3);
        assert!(folder.read("report").starts_with("exited with status 3 "), "{}", folder.read("report"));
        let twice = format!("echo run >>{}; exit 4", folder.join("runs").display());
        init.sh(&[], &twice).env("ARIL_RESTART", "on-failure:1").run().exited(4);
        assert_eq!(folder.read("runs"), "run\nrun");
    }
}

fn an_option_counts_more_than_its_variable(who: &Who) {
    for init in everywhere(who) {
        let command = waits("trap 'exit 6' INT; trap 'exit 7' USR1");
        let run = init.sh(&["--stop-signal", "INT"], &command).env("ARIL_STOP_SIGNAL", "USR1");
        signalled(&init, run, Signal::TERM).exited(6);
    }
}

fn an_expected_status_is_as_good_as_0(who: &Who) {
    for init in everywhere(who) {
        let options = ["-e", "0", "-e", "255", "-e", "137"];
        for (script, status) in [("exit 255", 0), ("kill -9 $$", 0), ("exit 0", 0), ("exit 254", 254)] {
            init.sh(&options, script).run().exited(status);
        }
    }
}

/// The command and its child tell of the signal; the child's end is the command's.
const WITH_A_CHILD: &str = "trap 'echo command' USR1; \
    sh -c 'trap \"echo child; exit 0\" USR1; echo ready; sleep 1000 & while :; do wait; done' & \
    while kill -0 $! 2>/dev/null; do wait $!; done; exit 3";

fn a_group_has_its_signals(who: &Who) {
    for init in everywhere(who) {
        for option in ["-g", "--group"] {
            let outcome = signalled(&init, init.sh(&[option], WITH_A_CHILD), Signal::USR1);
            outcome.exited(3);
            for who in ["child", "command"] {
                outcome.check(outcome.out().matches(who).count() == 1, format_args!("the {who} has it once"));
            }
        }
        let running = init.sh(&[], WITH_A_CHILD).start();
        running.expect("ready");
        for _ in 0..2 {
            init.signal(&running, Signal::USR1);
            running.expect("command");
        }
        init.signal(&running, Signal::KILL);
        let outcome = running.finish();
        outcome.check(!outcome.out().contains("child"), "without the option the command alone has it");
    }
}

/// Options; then signals, and what the command prints at each.
type Rewritten<'a> = (&'a [&'a str], &'a [(Signal, &'a str)]);

fn a_signal_becomes_another_or_nothing(who: &Who) {
    let script =
        waits("trap 'echo usr1' USR1; trap 'echo usr2; exit 3' USR2; trap 'echo winch' WINCH; trap 'echo 40' 40");
    for init in everywhere(who) {
        let cases: [Rewritten; 7] = [
            (&["-r", "HUP:USR2"], &[(Signal::HUP, "usr2")]),
            (&["-r", "1:12"], &[(Signal::HUP, "usr2")]),
            (&["-r", "SIGHUP:sigusr2"], &[(Signal::HUP, "usr2")]),
            (&["--rewrite=USR1:0"], &[(Signal::USR1, ""), (Signal::USR2, "usr2")]),
            (&["-rHUP:WINCH", "-rINT:USR1"], &[(Signal::HUP, "winch"), (Signal::INT, "usr1"), (Signal::USR2, "usr2")]),
            (&["-r", "HUP:40"], &[(Signal::HUP, "40"), (Signal::USR2, "usr2")]),
            // What became another does not change again.
            (&["-r", "HUP:USR1", "-r", "USR1:0"], &[(Signal::HUP, "usr1"), (Signal::USR2, "usr2")]),
        ];
        for (options, signals) in cases {
            let running = init.sh(options, &script).start();
            running.expect("ready\n");
            // One after the other: two at once have no order.
            for (signal, line) in signals {
                init.signal(&running, *signal);
                if !line.is_empty() {
                    running.expect(line);
                }
            }
            let lines: Vec<&str> = signals.iter().map(|(_, line)| *line).filter(|line| !line.is_empty()).collect();
            running.finish().exited(3).says(format!("ready\n{}", lines.join("\n")));
        }
    }
}

/// dumb-init's last SIGTERM for the command's session.
fn a_farewell_that_is_dropped_is_not_told(who: &Who) {
    let (_folder, paths) = links(who);
    let path = paths.iter().find(|path| path.ends_with("dumb-init")).expect("it is one of them");
    let init = everywhere(who).next().expect("aril-init as PID 1").called(path);
    for (options, tells) in [(&["-v"][..], true), (&["-v", "-r", "15:0"], false)] {
        let outcome = init.call(&[options, &["true"]].concat()).run();
        outcome.exited(0).check(outcome.err().contains("forwarded signal") == tells, "it tells what it does");
    }
}

fn a_stop_request_becomes_another_signal(who: &Who) {
    for init in everywhere(who) {
        let script = waits("trap 'exit 9' TERM; trap 'exit 3' QUIT");
        signalled(&init, init.sh(&["--stop-signal", "QUIT"], &script), Signal::TERM).exited(3);
        // And its time runs all the same.
        let deaf = "trap '' QUIT; echo ready; sleep 1000";
        let options = ["--stop-signal", "SIGQUIT", "--stop-timeout", "50ms"];
        signalled(&init, init.sh(&options, deaf), Signal::TERM).exited(137);
    }
}

fn it_hears_of_its_parent_s_death(who: &Who) {
    // PID 1 of a namespace has no parent in it.
    for init in everywhere(who).filter(|init| !init.is_pid_1) {
        let folder = who.folder();
        tool("mkfifo", &["-m", "666", &folder.join("go").display().to_string()]);
        // The command lets its parent's parent end, and PID 1 of the namespace lives until it has heard of that.
        let command = "trap 'echo bye; >done; exit' USR1; echo ready; echo >go; sleep 1000 & while :; do wait; done";
        let parent = "sh -c '\"$@\" & read line <go' sh \"$@\"; until [ -e done ]; do sleep 0.01; done";
        let words = init.words(&["-p", "USR1", "sh", "-c", command]);
        let outcome = script(who, parent, &words).dir(folder.path()).run();
        outcome.exited(0).says("ready\nbye");
    }
}

fn it_says_as_much_as_it_is_asked_to(who: &Who) {
    const LEVELS: [&str; 2] = ["started process", "received signal 10"];
    for init in everywhere(who) {
        for (options, levels) in [(&[][..], 0), (&["-v"], 1), (&["-vv"], 2), (&["-v", "--verbose"], 2)] {
            let running = init.sh(options, &waits("trap 'exit 3' USR1")).start();
            running.expect("ready");
            init.signal(&running, Signal::USR1);
            let outcome = running.finish();
            outcome.exited(3).says("ready");
            for (level, text) in LEVELS.into_iter().enumerate() {
                let said = outcome.err().contains(text);
                outcome.check(said == (level < levels), format_args!("{options:?} and {text:?}"));
            }
        }
    }
}

fn orphans_that_end_are_told_of(who: &Who) {
    for init in everywhere(who) {
        let script = "for n in 1 2 3; do orphan=$(sh -c 'exec 3>&1 >&-; sleep 0.05 & echo $! >&3'); \
            while [ -e /proc/$orphan ]; do sleep 0.01; done; done";
        for (option, lines) in [("-w", 3), ("-s", 0)] {
            let outcome = init.sh(&[option], script).run();
            let told = outcome.err().lines().filter(|line| line.contains("reaped process")).count();
            outcome.exited(0).check(told == lines, format_args!("{lines} lines with {option}"));
        }
    }
}

/// Sends signals to one that has no command, once it takes them.
#[track_caller]
/// Whether it is an init that waits for signals already: until it blocks them, those for a PID 1 are dropped.
fn takes_signals(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // A shell's child too blocks everything for a moment, until it is executed.
    let is_itself = ["aril", "aril-init", "pause"].map(|name| format!("Name:\t{name}\n"));
    is_itself.iter().any(|line| status.starts_with(line))
        && status.lines().any(|line| line.starts_with("SigBlk:") && line.contains("fffff"))
}

fn is_a_pause(init: &Init, words: &[&str]) {
    for last in [Signal::TERM, Signal::INT] {
        let running = init.call(words).start();
        eventually("it takes signals", || takes_signals(init.pid(&running)));
        for ignored in [Signal::HUP, Signal::USR1, Signal::QUIT, Signal::CONT] {
            init.signal(&running, ignored);
        }
        init.signal(&running, last);
        running.finish().ok();
    }
}

fn a_pause_reaps_until_it_is_asked_to_end(who: &Who) {
    for init in everywhere(who) {
        is_a_pause(&init, &["-P"]);
        is_a_pause(&init, &["--pause"]);
    }
    // As the first process of a pod, to which the containers' orphans come.
    for init in everywhere(who).filter(|init| init.is_pid_1) {
        let words = ["sh", "-c", "(sh -c 'exec sleep 0.05' &); exec \"$@\"", "sh"];
        let running = init.under(&words, &["--pause"]).start();
        let pid = init.pid(&running);
        eventually("it takes signals", || takes_signals(pid));
        eventually("no child is left", || process::children(pid).is_empty());
        init.signal(&running, Signal::TERM);
        running.finish().ok();
    }
}

/// As Kubernetes calls it: the image's entry point is `/pause`, without a word more.
fn called_pause_it_needs_no_command(who: &Who) {
    let folder = who.folder();
    let path = folder.join("pause").display().to_string();
    tool("ln", &["-s", &who.binary("aril-init"), &path]);
    let init = everywhere(who).next().expect("aril-init as PID 1").called(&path);
    is_a_pause(&init, &[]);
}

fn help_version_and_licence_are_printed(who: &Who) {
    for init in everywhere(who) {
        for (options, first) in [
            (["-h", "--help"], "usage: "),
            (["-V", "--version"], "aril-init "),
            (["-l", "--license"], "MIT OR Apache-2.0, "),
        ] {
            for option in options {
                // Whatever else is said.
                for words in [&[option][..], &[option, "true"], &["-g", option, "--no-such-option"]] {
                    let outcome = init.call(words).run();
                    outcome.ok().check(outcome.out().starts_with(first), format_args!("{option}: {first:?}"));
                }
            }
        }
        let help = init.call(&["-h"]).run().out();
        assert_eq!(help.contains("--restart"), init.is_whole(), "{help}");
        for line in help.lines().skip(1) {
            assert!(line.len() <= 80 && line.contains("--"), "{line}");
        }
    }
}

/// One line that has these words and says how to see the help.
#[track_caller]
fn is_refused(outcome: &Outcome, words: &[&str]) {
    outcome.exited(125).check(outcome.out().is_empty(), "nothing on standard output");
    let err = outcome.err();
    outcome.check(err.lines().count() == 1 && err.starts_with("aril-init: "), "one line that says who speaks");
    outcome.check(err.ends_with(" -h)\n"), "it says how to see the help");
    for word in words {
        outcome.check(err.contains(word), format_args!("it has {word:?}"));
    }
}

fn what_is_wrong_is_one_line(who: &Who) {
    let cases: [(&[&str], &str); 23] = [
        (&[], "no command"),
        (&["--"], "no command"),
        (&["-g"], "no command"),
        (&["-x", "true"], "-x"),
        (&["-gx", "true"], "-gx"),
        (&["--no-such-option", "true"], "--no-such-option"),
        (&["--group=yes", "true"], "yes"),
        (&["-e"], "-e"),
        (&["-e", "256", "true"], "256"),
        (&["-e", "x", "true"], "x"),
        (&["--expect=", "true"], "value"),
        (&["-p", "NOSUCH", "true"], "NOSUCH"),
        (&["-p", "65", "true"], "65"),
        (&["-p", "0", "true"], "0"),
        (&["-r", "TERM", "true"], "TERM"),
        (&["-r", "TERM:", "true"], "TERM:"),
        (&["-r", "TERM:INT:HUP", "true"], "TERM:INT:HUP"),
        (&["-r", "0:TERM", "true"], "0:TERM"),
        (&["-r", "TERM:65", "true"], "TERM:65"),
        (&["--stop-signal", "0", "true"], "0"),
        (&["--stop-timeout", "soon", "true"], "soon"),
        (&["--stop-timeout", "-1", "true"], "-1"),
        (&["--stop-timeout", "99999999999999999999s", "true"], "99999999999999999999s"),
    ];
    for init in everywhere(who) {
        for (words, mentioned) in cases {
            is_refused(&init.call(words).run(), &[mentioned]);
        }
    }
    for init in whole(who) {
        for (option, value) in [
            ("--restart", "sometimes"),
            ("--restart", "no:1"),
            ("--restart", "always:1"),
            ("--restart", "on-failure:"),
            ("--restart", "on-failure:x"),
            ("--report", "relative/path"),
            ("--timeout", "5x"),
        ] {
            is_refused(&init.call(&[option, value, "true"]).run(), &[value]);
        }
    }
}

/// Which is another mistake than one that does not exist.
fn a_missing_value_is_no_unknown_option(who: &Who) {
    for init in everywhere(who) {
        for option in ["-e", "--expect", "--stop-timeout"] {
            let outcome = init.call(&[option]).run();
            is_refused(&outcome, &[option]);
            outcome.check(!outcome.err().contains("unknown"), "the option is known");
        }
    }
}

fn a_wrong_variable_is_one_line(who: &Who) {
    for init in everywhere(who) {
        for (name, value) in [
            ("ARIL_STOP_TIMEOUT", "soon"),
            ("ARIL_STOP_SIGNAL", "NOSUCH"),
            ("ARIL_EXPECT", "256"),
            ("ARIL_REWRITE", "TERM"),
        ] {
            is_refused(&init.call(&["true"]).env(name, value).run(), &[name, value]);
        }
        // None of an init's options: an image may have variables like these for reasons of its own.
        for name in ["ARIL_HELP", "ARIL_VERSION", "ARIL_LICENSE", "ARIL_PAUSE", "ARIL_OTHER", "ARIL_", "ARIL"] {
            init.call(&["echo", "runs"]).env(name, "x").run().prints("runs");
        }
    }
}

fn the_small_binary_has_not_every_option(who: &Who) {
    for init in everywhere(who).filter(|init| !init.is_whole()) {
        for option in ["--restart", "--report", "--timeout"] {
            is_refused(&init.call(&[option, "1", "true"]).run(), &[option]);
        }
        init.call(&["echo", "runs"]).env("ARIL_RESTART", "sometimes").run().prints("runs");
    }
}

fn commands_that_cannot_be_run_have_their_statuses(who: &Who) {
    let folder = who.folder();
    executable(&folder.join("no-program"), "no program and no script\n");
    let no_program = folder.join("no-program").display().to_string();
    let cases = [
        ("/no/such/command", 127, "No such file or directory (ENOENT)"),
        ("no-such-command", 127, "No such file or directory (ENOENT)"),
        ("/etc/passwd", 126, "Permission denied (EACCES)"),
        ("/etc", 126, "Permission denied (EACCES)"),
        ("/etc/passwd/x", 126, "Not a directory (ENOTDIR)"),
        (&no_program, 126, "Exec format error (ENOEXEC)"),
        ("", 127, "No such file or directory (ENOENT)"),
    ];
    for init in everywhere(who) {
        for (command, status, reason) in cases {
            let outcome = init.call(&["--", command]).run();
            outcome.exited(status).check(outcome.out().is_empty(), "nothing on standard output");
            let line = format!("aril-init: {command}: {reason}");
            outcome.check(outcome.err().lines().next() == Some(&line), format_args!("its line is {line:?}"));
        }
    }
}

/// The process that should have become the command must not reach a PID 1 that does not reap.
fn a_command_that_cannot_be_run_leaves_no_process(who: &Who) {
    for outer in everywhere(who).filter(|init| init.is_pid_1) {
        for inner in everywhere(who).filter(|init| !init.is_pid_1) {
            let outcome = outer.call(&[&["-w"], &inner.words(&["/no/such/command"])[..]].concat()).run();
            outcome.exited(127).check(!outcome.err().contains("reaped"), "no orphan comes");
        }
    }
}

fn without_a_path_the_command_is_still_found(who: &Who) {
    for init in everywhere(who) {
        init.under(&["env", "-u", "PATH"], &["true"]).run().ok();
        init.under(&["env", "PATH=/no/such:/usr/bin:/bin"], &["true"]).run().ok();
        init.under(&["env", "PATH=/no/such"], &["true"]).run().exited(127);
    }
}

const PAGE: &str = include_str!("../../docs/init.md");

fn the_page_has_every_option_and_its_variable(who: &Who) {
    let help = who.aril(&["init", "-h"]).run().out();
    for line in help.lines().skip(1) {
        let option = line.split("--").nth(1).and_then(|rest| rest.split([':', ' ']).next()).expect("a row has a name");
        let row = PAGE.lines().find(|row| row.starts_with("| `-") && row.contains(&format!("--{option}")));
        let row = row.unwrap_or_else(|| panic!("docs/init.md lacks --{option}"));
        let variable = format!("`ARIL_{}`", option.to_uppercase().replace('-', "_"));
        assert!(row.contains(&variable) || row.contains("the command line's alone"), "{row} lacks {variable}");
    }
}

fn the_page_s_commands_work(who: &Who) {
    let blocks: Vec<&str> =
        PAGE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(!blocks.is_empty(), "there are some");
    let bin = std::path::Path::new(&who.binary("aril")).parent().expect("a folder").display().to_string();
    for block in blocks {
        let path = format!("PATH={bin}:$PATH; set -e; {block}");
        let outcome = script(who, &path, &[]).run();
        outcome.ok();
    }
}
