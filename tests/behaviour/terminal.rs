//! Point 7: aril at a terminal that it shares with its command, under a shell with job control and under one without; and
//! streams that are none. `pseudo_terminal` has the container with a terminal of its own.

use crate::support::inits::namespace;
use crate::support::{Terminal, Who, mark, process};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Winsize, tcsetwinsize};

crate::tests! {
    both: an_interactive_shell_has_job_control, a_shell_on_this_machine_s_own_root, ctrl_c_reaches_the_command, ctrl_z_stops_all_and_fg_resumes_it, half_a_pipe_is_stopped_and_resumed_too,
        the_outer_shell_gets_its_terminal_back, a_script_gets_its_terminal_back, a_killed_launcher_gives_the_terminal_back,
        a_pipe_s_reader_can_use_the_terminal, a_container_in_the_background_stays_there,
        the_terminal_s_size_is_the_same_inside, a_hangup_ends_the_container, streams_pass_through_untouched,
        standard_error_stays_apart, a_reader_that_ends_early_ends_the_command, closed_streams_do_no_harm;
    once: ctrl_c_reaches_an_init_s_command, ctrl_z_and_fg_work_for_an_init_s_command, an_init_in_the_background_stays_there, an_init_that_stops_in_the_background_leaves_the_terminal_alone,
        an_init_s_command_in_a_pipeline_has_the_terminal_when_it_reads, ctrl_z_stops_the_script_of_an_init_too, ctrl_z_stops_nothing_that_nobody_continues,
        an_init_s_command_sees_the_window_s_size, an_init_as_pid_1_hands_the_terminal_on;
}

fn an_interactive_shell_has_job_control(who: &Who) {
    let (terminal, mark) = (Terminal::shell(who), mark());
    terminal.keys("$run $root sh\n");
    terminal.enter("echo in-$((40+2))", "in-42");
    let sleeper = terminal.stops_a_job(&mark);
    terminal.interrupts_the_job(sleeper, &mark);
    has_a_terminal_to_its_end(&terminal);
}

/// An interactive shell inside reaches its terminal, never complained about it, and gives it back with its status.
fn has_a_terminal_to_its_end(terminal: &Terminal) {
    terminal.enter("exec 3</dev/tty && echo tty-$((40+4))", "tty-44");
    terminal.keys("exit 9\n");
    terminal.enter("echo out-$?", "out-9");
    terminal.is_back_outside();
    let screen = terminal.screen.text();
    assert!(!screen.contains("job control") && !screen.contains("can't access tty"), "{screen}");
}

/// `aril run / sh`, the first thing that anybody tries.
fn a_shell_on_this_machine_s_own_root(who: &Who) {
    let terminal = Terminal::shell(who);
    terminal.keys("$run / sh\n");
    terminal.enter("echo in-$((40+2)) $(hostname)", "in-42 container");
    terminal.enter("echo pid-$$", "pid-2");
    has_a_terminal_to_its_end(&terminal);
}

fn ctrl_c_reaches_the_command(who: &Who) {
    let terminal = Terminal::shell(who);
    terminal.enter(
        "$run $root sh -c 'trap \"echo caught-it; exit 7\" INT; echo rea''dy; while :; do sleep 1; done'",
        "ready",
    );
    terminal.keys("\x03");
    terminal.expect("caught-it\r\n");
    terminal.enter("echo out-$?", "out-7");
    terminal.enter("$run $root sh -c 'echo rea''dy; sleep 1000'", "ready");
    terminal.keys("\x03");
    // The shell saw its own ^C too if the command died of it, and then may forget the rest of the line.
    terminal.enter("echo out-$?", "out-130");
    terminal.is_back_outside();
}

/// Ctrl-Z: a job whose process `sleeper` is stops and the shell has its terminal; `fg` lets it go on.
#[track_caller]
fn stop_and_resume(terminal: &Terminal, sleeper: u32, round: &str) {
    terminal.keys("\x1a");
    terminal.expect("Stopped");
    terminal.eventually(&format!("all is stopped, round {round}"), || process::state(sleeper) == 'T');
    terminal.is_back_outside();
    terminal.keys("fg\n");
    terminal.eventually(&format!("all goes on, round {round}"), || process::state(sleeper) == 'S');
}

fn ctrl_z_stops_all_and_fg_resumes_it(who: &Who) {
    let (terminal, mark) = (Terminal::shell(who), mark());
    let script = format!("sleep {mark} & echo rea''dy; read word; echo \"[$word]\"");
    terminal.enter(&format!("$run $root sh -c '{}'", script.replace("''", "\"\"")), "ready");
    let sleeper = process::wait_for_sleeper(&mark);
    for round in ["one", "two"] {
        stop_and_resume(&terminal, sleeper, round);
    }
    terminal.enter("word", "[word]");
    terminal.enter("echo out-$?", "out-0");
    terminal.eventually("the end of all", || process::naming(&mark).is_empty());
}

/// A command with a session of its own: no terminal stops or continues it by itself.
fn half_a_pipe_is_stopped_and_resumed_too(who: &Who) {
    let (terminal, mark) = (Terminal::shell(who), mark());
    terminal.keys(&format!("$own $root sh -c 'sleep {mark} | cat' | cat\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    stop_and_resume(&terminal, sleeper, "one");
    terminal.keys("\x03");
    terminal.eventually("the end of all", || process::naming(&mark).is_empty());
}

fn the_outer_shell_gets_its_terminal_back(who: &Who) {
    let terminal = Terminal::shell(who);
    for (script, status) in [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("stty -echo; stty echo", 0)] {
        terminal.enter(&format!("$run $root sh -c '{script}'; echo out-$?"), &format!("out-{status}"));
        terminal.is_back_outside();
    }
    terminal.enter("$run $root /no/such; echo out-$?", "out-127");
    terminal.is_back_outside();
    terminal.enter("$run /no/such true; echo out-$?", "out-125");
    terminal.is_back_outside();
}

/// Without job control nobody else would give it back.
fn a_script_gets_its_terminal_back(who: &Who) {
    let script = "for status in 3 4; do $run $root sh -c \"exit $status\"; echo out-$?; read word; echo \"<$word>\"; done; \
        $run $root sh -c 'read word; echo \"[$word]\"; kill -9 $$'; read word; echo \"<$word>\"; \
        $run $root no-such-command; echo out-$?; read word; echo \"<$word>\"";
    let terminal = Terminal::open(who, &["sh", "-c", script]);
    for status in [3, 4] {
        terminal.expect(&format!("out-{status}"));
        terminal.enter("typed", "<typed>");
    }
    terminal.enter("inside", "[inside]");
    terminal.enter("outside", "<outside>");
    terminal.expect("out-127");
    terminal.enter("at last", "<at last>");
}

fn a_killed_launcher_gives_the_terminal_back(who: &Who) {
    let (terminal, mark) = (Terminal::shell(who), mark());
    terminal.keys(&format!("$run $root sleep {mark}\n"));
    process::wait_for_sleeper(&mark);
    let launcher = process::children(terminal.child.id())[0];
    kill_process(Pid::from_raw(launcher as i32).expect("no pid is 0"), Signal::KILL).expect("it runs");
    terminal.expect("Killed");
    terminal.is_back_outside();
    terminal.eventually("the end of all", || process::naming(&mark).is_empty());
}

/// As less does: it reads the keyboard while aril, in the same process group, still writes.
fn a_pipe_s_reader_can_use_the_terminal(who: &Who) {
    let terminal = Terminal::shell(who);
    // It says when it reads: aril leaves what is typed to others for a moment, which on a busy machine is over before they have begun.
    let pager = "sh -c 'read line; echo fir\"\"st; read key </dev/tty; echo \"[$line$key]\"; cat >/dev/null; echo la\"\"st; \
        read key </dev/tty; echo \"($key)\"'";
    terminal.keys(&format!("$own $root sh -c 'echo line; seq 1 100000' | {pager}\n"));
    terminal.expect("first");
    terminal.enter("key", "[linekey]");
    terminal.expect("last");
    terminal.enter("again", "(again)");
    terminal.is_back_outside();
    terminal.enter("$own $root seq 1 3 | cat | tr '\\n' .", "1.2.3.");
    terminal.is_back_outside();
    // And from the other side: the command reads from a pipe while the terminal is its output.
    terminal.enter("echo w''ord | $own $root cat", "word");
    terminal.is_back_outside();
}

fn a_container_in_the_background_stays_there(who: &Who) {
    let (terminal, mark) = (Terminal::shell(who), mark());
    terminal.keys(&format!("$run $root sleep {mark} &\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    terminal.is_back_outside();
    assert_ne!(process::state(sleeper), 'T', "it runs on");
    terminal.keys("fg\n");
    terminal.eventually("it is in the foreground", || {
        let shell = process::stat(terminal.child.id()).expect("it runs");
        shell.foreground != shell.group
    });
    terminal.keys("\x03");
    terminal.enter("echo out-$?", "out-130");
}

fn the_terminal_s_size_is_the_same_inside(who: &Who) {
    let terminal = Terminal::shell(who);
    for (rows, columns) in [(31, 97), (42, 111)] {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal.keyboard, size).expect("ours");
        terminal.enter("$run $root stty size", &format!("{rows} {columns}"));
    }
    terminal.enter("$run $root sh -c 'trap \"stty size; exit\" WINCH; echo rea''dy; sleep 1000 & wait'", "ready");
    let size = Winsize { ws_row: 53, ws_col: 79, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal.keyboard, size).expect("ours");
    terminal.expect("53 79");
}

/// As when a terminal's window is closed.
fn a_hangup_ends_the_container(who: &Who) {
    let mark = mark();
    let terminal = Terminal::open(who, &["sh", "-c", &format!("exec $run $root sleep {mark}")]);
    process::wait_for_sleeper(&mark);
    kill_process(Pid::from_child(&terminal.child), Signal::HUP).expect("it runs");
    terminal.eventually("the end of all", || process::naming(&mark).is_empty());
}

fn streams_pass_through_untouched(who: &Who) {
    // Every byte value, in no order that a line discipline would leave alone, and far more than a pipe holds.
    let bytes: Vec<u8> = (0_u32..4 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let outcome = who.run_in(&who.rootfs(), &[], &["cat"]).input(bytes.clone()).run();
    assert!(outcome.code() == Some(0) && outcome.err().is_empty(), "status {:?}: {}", outcome.code(), outcome.err());
    assert!(outcome.out_bytes() == bytes, "{} bytes of {} came out, or others", outcome.out_bytes().len(), bytes.len());
    who.sh(&["-i"], "test -t 0 || test -t 1 || test -t 2 || echo no terminal").prints("no terminal");
}

fn standard_error_stays_apart(who: &Who) {
    let outcome = who.sh(&[], "echo out; echo err >&2");
    outcome.exited(0).check(outcome.out() == "out\n" && outcome.err() == "err\n", "each in its place");
}

fn a_reader_that_ends_early_ends_the_command(who: &Who) {
    let script = format!("{} run {} yes | head -n 1; echo ${{PIPESTATUS[0]}}", who.binary("aril"), who.rootfs());
    who.program("bash", &["-c", &script]).run().prints("y\n141");
}

/// A descriptor that aril opens for itself must not take the place of a closed stream.
fn closed_streams_do_no_harm(who: &Who) {
    for closed in ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"] {
        let rootfs = who.own_rootfs(&[]);
        let script = format!(
            "{} run {} sh -c 'ls -l /proc/self/fd >/srv/found; exit 3' {closed}",
            who.binary("aril"),
            rootfs.str()
        );
        let outcome = who.program("sh", &["-c", &script]).run();
        outcome.exited(3);
        let found = rootfs.read("srv/found");
        let strange = found.lines().filter(|line| line.contains(" -> "));
        let strange: Vec<&str> = strange
            .filter(|line| !["/dev/null", "pipe:", "/proc/", "/srv/found"].iter().any(|ok| line.contains(ok)))
            .collect();
        outcome.check(strange.is_empty(), format_args!("with {closed} nothing of aril's is found: {found}"));
    }
}

// --- An init without a container, in a pid namespace with the shell ---

/// A job that the shell has stopped can be continued, and the shell has its terminal meanwhile.
fn ctrl_z_and_fg_work_for_an_init_s_command(who: &Who) {
    let terminal = Terminal::shell_in(who, &namespace(who));
    for init in ["$init", "$whole", "$init $whole"] {
        let mark = mark();
        let script = format!("sleep {mark} & echo rea\"\"dy; read word; echo \"[$word]\"; exit 3");
        terminal.enter(&format!("{init} sh -c '{script}'"), "ready");
        let sleeper = process::wait_for_sleeper(&mark);
        for round in ["one", "two"] {
            stop_and_resume(&terminal, sleeper, round);
        }
        terminal.enter("word", "[word]");
        terminal.enter("echo out-$?", "out-3");
        terminal.is_back_outside();
        terminal.eventually("the end of all", || process::naming(&mark).is_empty());
    }
}

fn ctrl_c_reaches_an_init_s_command(who: &Who) {
    let terminal = Terminal::shell_in(who, &namespace(who));
    for init in ["$init", "$whole", "$init $whole"] {
        let trap = "trap \"echo caught-\"it INT;";
        for (trap, status) in [(trap, 7), ("", 130)] {
            let mark = mark();
            terminal.keys(&format!("{init} sh -c '{trap} sleep {mark}; exit 7'\n"));
            process::wait_for_sleeper(&mark);
            terminal.keys("\x03");
            if !trap.is_empty() {
                terminal.expect("caught-it\r\n");
            }
            terminal.enter("echo out-$?", &format!("out-{status}"));
        }
        terminal.is_back_outside();
    }
}

fn an_init_in_the_background_stays_there(who: &Who) {
    let terminal = Terminal::shell_in(who, &namespace(who));
    for init in ["$init", "$whole"] {
        let mark = mark();
        terminal.keys(&format!("{init} sleep {mark} &\n"));
        let sleeper = process::wait_for_sleeper(&mark);
        terminal.is_back_outside();
        // On its way to sleep it may still be at work.
        terminal.eventually("it runs on", || process::state(sleeper) == 'S');
        terminal.keys("fg\n");
        terminal.eventually("it is in the foreground", || {
            // The shell is the child of the program that made the namespace.
            process::children(terminal.child.id())
                .iter()
                .any(|shell| process::stat(*shell).is_some_and(|stat| stat.foreground != stat.group))
        });
        terminal.keys("\x03");
        terminal.enter("echo out-$?", "out-130");
    }
}

/// One that wants to read stops as any job in the background does, and `fg` gives it the terminal.
fn an_init_that_stops_in_the_background_leaves_the_terminal_alone(who: &Who) {
    for init in ["$init", "$whole"] {
        let (terminal, mark) = (Terminal::shell_in(who, &namespace(who)), mark());
        terminal.keys(&format!("{init} sh -c 'sleep {mark} & until grep -q sleep /proc/$!/comm; do :; done; read word; echo \"[$word]\"' &\n"));
        terminal.eventually("it runs", || process::sleeper(&mark).is_some());
        let sleeper = process::wait_for_sleeper(&mark);
        let parent = |pid| process::stat(pid).map_or(0, |stat| stat.parent);
        terminal.eventually("the init is stopped", || process::state(parent(parent(sleeper))) == 'T');
        terminal.is_back_outside();
        terminal.keys("fg\n");
        terminal.eventually("it is in the foreground", || {
            process::stat(sleeper).is_some_and(|stat| stat.state == 'S' && stat.group == stat.foreground)
        });
        terminal.enter("word", "[word]");
    }
}

/// Which is the rest of the pipeline's too, until then. In the background the whole pipeline stops.
fn an_init_s_command_in_a_pipeline_has_the_terminal_when_it_reads(who: &Who) {
    let terminal = Terminal::shell_in(who, &namespace(who));
    for init in ["$init", "$whole", "$init $whole"] {
        for place in ["| cat", "| cat &"] {
            let mark = mark();
            terminal.keys(&format!("{init} sh -c 'sleep {mark} & until grep -q sleep /proc/$!/comm; do :; done; read word; echo \"[$word]\"; kill $!' {place}\n"));
            let sleeper = process::wait_for_sleeper(&mark);
            if place.ends_with('&') {
                let is_stopped = |(pid, _): &(u32, Vec<String>)| process::state(*pid) == 'T';
                terminal.eventually("all is stopped", || process::naming(&mark).iter().all(is_stopped));
                terminal.is_back_outside();
                terminal.keys("fg\n");
            }
            terminal.eventually("it has the terminal", || {
                process::stat(sleeper).is_some_and(|stat| stat.group == stat.foreground)
            });
            terminal.enter("typed", "[typed]");
            terminal.enter("echo out-$?", "out-0");
        }
        terminal.is_back_outside();
    }
}

/// The script is the shell's job, not the init.
fn ctrl_z_stops_the_script_of_an_init_too(who: &Who) {
    let terminal = Terminal::shell_in(who, &namespace(who));
    for init in ["$init", "$whole", "$init $whole"] {
        let mark = mark();
        terminal.keys(&format!("sh -c '{init} sleep {mark}; echo aft\"\"er'\n"));
        let sleeper = process::wait_for_sleeper(&mark);
        for round in ["one", "two"] {
            stop_and_resume(&terminal, sleeper, round);
        }
        kill_process(Pid::from_raw(sleeper as i32).expect("no pid is 0"), Signal::TERM).expect("it sleeps");
        terminal.expect("after");
        terminal.is_back_outside();
    }
}

/// As PID 1 of its own session there is no shell to do it.
fn ctrl_z_stops_nothing_that_nobody_continues(who: &Who) {
    for program in [&["aril-init"][..], &["aril", "init"]] {
        let path = who.binary(program[0]);
        let starter = [&namespace(who), &[path.as_str()][..], &program[1..]].concat();
        let words = ["sh", "-c", "echo rea\"\"dy; while read word; do echo \"<$word>\"; done"];
        let terminal = Terminal::open(who, &[&starter[..], &words].concat());
        terminal.expect("ready");
        terminal.keys("\x1a");
        terminal.expect("^Z");
        terminal.enter("typed", "<typed>");
        // With its output elsewhere it was not given the terminal.
        let words = ["sh", "-c", "exec \"$@\" | cat", "sh", starter[0]];
        let words = [&words, &starter[1..], &["sh", "-c", "read word; echo \"<$word>\""]].concat();
        let terminal = Terminal::open(who, &words);
        terminal.enter("typed", "<typed>");
    }
}

fn an_init_s_command_sees_the_window_s_size(who: &Who) {
    let terminal = Terminal::shell_in(who, &namespace(who));
    for (init, columns) in [("$init", 79), ("$whole", 83)] {
        terminal.enter(
            &format!("{init} sh -c 'trap \"stty size; exit\" WINCH; echo rea\"\"dy; sleep 1000 & wait'"),
            "ready",
        );
        let size = Winsize { ws_row: 53, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal.keyboard, size).expect("ours");
        terminal.expect(&format!("53 {columns}"));
    }
}

/// As an image's entry point has it: an interactive shell has job control and reads from its terminal.
fn an_init_as_pid_1_hands_the_terminal_on(who: &Who) {
    for program in [&["aril-init"][..], &["aril", "init"]] {
        let path = who.binary(program[0]);
        let starter = [&namespace(who), &[path.as_str()][..], &program[1..]].concat();
        let (terminal, mark) = (Terminal::shell_in(who, &starter), mark());
        assert!(!terminal.screen.text().contains("job control"), "{}", terminal.screen.text());
        terminal.keys(&format!("sleep {mark}\n"));
        let sleeper = process::wait_for_sleeper(&mark);
        terminal.keys("\x1a");
        terminal.expect("Stopped");
        terminal.eventually("it is stopped", || process::state(sleeper) == 'T');
        terminal.keys("fg\n");
        terminal.eventually("it goes on", || process::state(sleeper) == 'S');
        terminal.keys("\x03");
        terminal.enter("echo out-$?", "out-130");
    }
}
