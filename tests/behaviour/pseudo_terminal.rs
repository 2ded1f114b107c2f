//! A container with a terminal of its own, at a terminal outside: what it is inside, and that the one outside is left as it
//! was, whatever happens.

use crate::support::{Terminal, Who, comes, eventually, executable, mark, pair, process, rootfs, tool};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::ptsname;
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};

crate::tests! {
    both: it_is_found_by_its_name, nobody_inside_has_the_terminal_outside, an_interactive_shell_has_job_control,
        ctrl_z_stops_all_and_fg_resumes_it, a_script_is_stopped_with_its_container, where_no_shell_is_ctrl_z_stops_nothing, interrupt_and_quit_reach_the_command, the_size_is_that_of_the_window,
        a_resize_storm_ends_with_the_last_size, a_full_screen_program_gets_every_key, the_terminal_outside_is_left_as_it_was,
        a_script_gets_its_terminal_back, after_sigkill_stty_sane_repairs_the_terminal, a_hundred_megabytes_come_out, megabytes_go_in_and_out,
        a_container_from_the_background_works_after_fg, one_in_the_background_leaves_the_terminal_alone, a_terminal_on_request_where_there_is_none,
        a_mixed_case_is_as_in_a_pipeline, what_is_typed_is_not_for_one_in_the_background, one_that_reads_in_the_background_waits, a_job_in_the_background_leaves_the_modes_of_another, what_is_for_others_is_left_to_them,
        modes_that_are_set_in_a_pipeline_do_not_outlive_it, a_pager_that_begins_meanwhile_leaves_the_modes_right, ctrl_c_and_ctrl_z_are_for_the_whole_pipeline, a_pipeline_s_command_reads_what_is_typed, a_shell_in_a_pipeline_has_job_control,
        a_pager_inside_has_its_keys, what_is_waited_for_goes_in_however_that_is_done, what_was_typed_before_a_prompt_is_dropped, a_password_is_not_shown_after_stty_sane,
        lines_that_come_early_come_one_by_one, who_reads_from_dev_null_is_given_no_line, lines_come_where_the_caller_does_not_show_them, modes_from_the_background_come_with_the_foreground, another_terminal_is_for_output_alone, the_size_reaches_a_pipeline,
        standard_error_stays_where_it_was_redirected, no_tty_shares_the_terminal, a_user_s_terminal_is_his, without_a_dev_of_its_own_it_is_the_host_s,
        the_last_words_are_not_lost, a_session_under_tmux, one_that_nobody_reads_can_be_ended, one_that_nobody_reads_ends_when_it_is_stopped, one_that_nobody_reads_ends_when_its_time_is_up,
        a_signal_that_the_caller_ignores_loses_nothing, the_size_comes_without_signals, explain_and_trace_tell_of_it;
    as_root: su_and_bash_in_debian, nothing_can_be_typed_into_the_terminal_outside, the_launcher_needs_little_memory;
}

/// An interactive shell that has just asked for a command.
fn shell(who: &Who) -> Terminal {
    let terminal = Terminal::shell(who);
    terminal.expect("out> ");
    terminal
}

/// Runs a command line of the shell outside to its end. What is typed earlier would be the container's.
#[track_caller]
fn outside(terminal: &Terminal, line: &str, text: &str) {
    terminal.enter(line, text);
    terminal.expect("out> ");
}

/// Starts an interactive shell inside.
#[track_caller]
fn enter(terminal: &Terminal, line: &str) {
    terminal.enter(line, "# ");
}

/// Leaves it.
#[track_caller]
fn leave(terminal: &Terminal) {
    terminal.keys("exit 9\n");
    terminal.expect("out> ");
    outside(terminal, "echo out-$?", "out-9");
}

/// All that tcgetattr(3) tells of the terminal outside.
fn modes(terminal: &Terminal) -> String {
    format!("{:?}", tcgetattr(&terminal.keyboard).expect("it is there"))
}

fn resize(terminal: &Terminal, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal.keyboard, size).expect("ours");
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).expect("no pid is 0"), signal).expect("it runs");
}

fn it_is_found_by_its_name(who: &Who) {
    let terminal = shell(who);
    enter(&terminal, "$own $root sh");
    terminal.enter("tty", "\r\n/dev/pts/0\r\n");
    terminal.enter("test -t 0 && test -t 1 && test -t 2 && echo three-$((1+2))", "three-3");
    terminal.enter("exec 3</dev/tty && echo tty-$((40+4))", "tty-44");
    terminal.enter("ls /dev/pts | tr '\\n' .", "0.ptmx.");
    leave(&terminal);
    let screen = terminal.screen.text();
    assert!(!screen.contains("job control") && !screen.contains("can't access tty"), "{screen}");
    // A throw-away view of this machine has one as well.
    enter(&terminal, "$own / sh");
    terminal.enter("tty", "\r\n/dev/pts/0\r\n");
    leave(&terminal);
}

/// Every process of the container, seen from outside.
fn nobody_inside_has_the_terminal_outside(who: &Who) {
    who.needs_root_behind();
    let (terminal, mark) = (shell(who), mark());
    let name = ptsname(&terminal.keyboard, Vec::new()).expect("ours").into_string().expect("a plain path");
    let identity = |path: &str| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let outer = identity(&name).expect("it is there");
    for (options, streams) in [
        ("", ""),
        ("--trace --verbose", ""),
        ("--fs proc", ""),
        ("--no-init", ""),
        ("", "| cat"),
        ("-i", "| cat"),
        ("--trace", ">/dev/null 2>&1"),
        ("", "</dev/null"),
        ("", "</dev/null >/dev/null"),
        ("", "2>/dev/null"),
        ("--no-init", "| cat"),
        ("--no-init", "</dev/null"),
    ] {
        terminal.keys(&format!("$own {options} $root sleep {mark} {streams}\n"));
        let sleeper = process::wait_for_sleeper(&mark);
        let init = process::stat(sleeper).expect("it sleeps").parent;
        let all = if options == "--no-init" { vec![sleeper] } else { vec![sleeper, init] };
        // The init still closes what it has used until now.
        let holds = |pid: &u32| {
            let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("root may");
            entries.flatten().any(|entry| identity(&entry.path().display().to_string()) == Some(outer))
        };
        eventually(&format!("nobody inside has it, with {options:?} {streams:?}"), || !all.iter().any(holds));
        let session = |pid: u32| process::stat(pid).expect("it runs").session;
        assert_ne!(session(sleeper), session(terminal.child.id()), "a session of its own");
        signal(process::children(terminal.child.id())[0], Signal::TERM);
        if options == "--no-init" {
            signal(sleeper, Signal::KILL);
        }
        terminal.expect("out> ");
    }
}

fn an_interactive_shell_has_job_control(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    enter(&terminal, "$own $root sh");
    let sleeper = terminal.stops_a_job(&mark);
    terminal.enter("bg; echo bg-$((1+1))", "bg-2");
    terminal.eventually("sleep goes on", || process::state(sleeper) == 'S');
    terminal.interrupts_the_job(sleeper, &mark);
    leave(&terminal);
}

fn ctrl_z_stops_all_and_fg_resumes_it(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    let before = modes(&terminal);
    for options in ["", "-it"] {
        let script = format!("sleep {mark} & echo rea\"\"dy; read word; echo \"[$word]\"");
        terminal.enter(&format!("$own {options} $root sh -c '{script}'"), "ready");
        let sleeper = process::wait_for_sleeper(&mark);
        for round in ["one", "two"] {
            terminal.keys("\x1a");
            terminal.expect("Stopped");
            terminal.expect("out> ");
            terminal.eventually(&format!("all is stopped, round {round}"), || process::state(sleeper) == 'T');
            assert_eq!(modes(&terminal), before, "stopped, round {round}");
            // What changed meanwhile is seen inside, and what the shell's user has set is kept.
            outside(&terminal, "echo so-$((1+2))", "so-3");
            terminal.keys("fg\n");
            terminal.eventually(&format!("all goes on, round {round}"), || process::state(sleeper) == 'S');
            terminal.eventually("it is raw again", || modes(&terminal) != before);
        }
        terminal.enter("word", "[word]");
        terminal.expect("out> ");
        outside(&terminal, "echo out-$?", "out-0");
        assert_eq!(modes(&terminal), before);
    }
    // Stopped from outside, and continued in the background: the terminal is the shell's, and so are its modes.
    terminal.keys(&format!("$own $root sleep {mark}\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    let launcher = process::children(terminal.child.id())[0];
    signal(launcher, Signal::STOP);
    terminal.expect("Stopped");
    terminal.expect("out> ");
    outside(&terminal, "bg; echo bg-$((1+1))", "bg-2");
    outside(&terminal, "stty -ixon; echo set-$((1+1))", "set-2");
    let changed = modes(&terminal);
    outside(&terminal, "kill %1; wait %1; echo out-$?", "out-143");
    assert!(process::state(sleeper) != 'S', "it has ended");
    assert!(changed != before && modes(&terminal) == changed, "{changed}");
}

/// As Ctrl-Z stops a script and what runs in it.
fn a_script_is_stopped_with_its_container(who: &Who) {
    let terminal = shell(who);
    terminal.enter(
        "sh -c '$own $root sh -c \"echo rea\\\"\\\"dy; read word; echo [\\$word]\"; echo after-$((1+2))'",
        "ready",
    );
    terminal.keys("\x1a");
    terminal.expect("Stopped");
    terminal.expect("out> ");
    outside(&terminal, "echo so-$((1+2))", "so-3");
    terminal.keys("fg\n");
    terminal.expect("fg\r\n");
    terminal.enter("word", "[word]");
    terminal.expect("after-3");
}

/// A terminal emulator that starts aril: nobody would make it go on.
fn where_no_shell_is_ctrl_z_stops_nothing(who: &Who) {
    let terminal = Terminal::open(who, &["sh", "-c", "exec $own $root sh -c 'echo ready; cat'"]);
    terminal.expect("ready");
    terminal.enter("one", "one\r\none");
    terminal.keys("\x1a");
    terminal.enter("two", "two\r\ntwo");
    terminal.keys("\x04");
    terminal.ends();
}

fn interrupt_and_quit_reach_the_command(who: &Who) {
    let terminal = shell(who);
    for (key, name) in [("\x03", "INT"), ("\x1c", "QUIT")] {
        terminal.enter(
            &format!(
                "$own $root sh -c 'trap \"echo caught-it; exit 7\" {name}; echo rea\"\"dy; while :; do sleep 1; done'"
            ),
            "ready",
        );
        terminal.keys(key);
        terminal.expect("caught-it\r\n");
        terminal.expect("out> ");
        outside(&terminal, "echo out-$?", "out-7");
    }
    for (key, status) in [("\x03", 130), ("\x1c", 131)] {
        // A shell would ignore SIGQUIT up to its last moment.
        let mark = mark();
        terminal.keys(&format!("$own $root sleep {mark}\n"));
        process::wait_for_sleeper(&mark);
        terminal.keys(key);
        terminal.expect("out> ");
        outside(&terminal, "echo out-$?", &format!("out-{status}"));
    }
}

fn the_size_is_that_of_the_window(who: &Who) {
    let terminal = shell(who);
    for (rows, columns) in [(31, 97), (42, 111)] {
        resize(&terminal, rows, columns);
        outside(&terminal, "$own $root stty size", &format!("\r\n{rows} {columns}\r\n"));
    }
    terminal.enter(
        "$own $root sh -c 'trap \"stty size\" WINCH; echo rea\"\"dy; while :; do read word && echo \"[$word]\"; done'",
        "ready",
    );
    resize(&terminal, 53, 79);
    terminal.expect("53 79");
    // While it is stopped nobody tells of the window.
    terminal.keys("\x1a");
    terminal.expect("Stopped");
    terminal.expect("out> ");
    resize(&terminal, 24, 81);
    terminal.keys("fg\n");
    terminal.expect("24 81");
    terminal.enter("word", "[word]");
    terminal.keys("\x03");
}

fn the_size_comes_without_signals(who: &Who) {
    let terminal = shell(who);
    terminal.enter(
        "$own --sig-proxy=false $root sh -c 'trap \"stty size\" WINCH; echo rea\"\"dy; while :; do read word && echo \"[$word]\"; done'",
        "ready",
    );
    resize(&terminal, 53, 79);
    terminal.expect("53 79");
    terminal.keys("\x03");
    terminal.expect("out> ");
}

fn a_resize_storm_ends_with_the_last_size(who: &Who) {
    let terminal = shell(who);
    terminal.enter("$own $root sh -c 'echo rea\"\"dy; while :; do stty size; done'", "ready");
    for at in 0..2000_u16 {
        resize(&terminal, 20 + at % 7, 100 + at % 31);
    }
    resize(&terminal, 61, 207);
    terminal.expect("61 207");
    terminal.keys("\x03");
    terminal.expect("out> ");
    outside(&terminal, "stty size", "61 207");
}

fn a_full_screen_program_gets_every_key(who: &Who) {
    let terminal = shell(who);
    let before = modes(&terminal);
    // Alternate screen, and keys that a terminal would else keep to itself.
    let program = "stty raw -echo; printf \"\\033[?1049hrea\"; printf dy; head -c 8 | od -An -tx1; stty sane; printf \"\\033[?1049l\"";
    terminal.enter(&format!("$own $root sh -c '{program}'"), "ready");
    terminal.keys("\x03\x1a\x1c\x04\x13\x11\r\n");
    terminal.expect("03 1a 1c 04 13 11 0d 0a");
    terminal.expect("\x1b[?1049l");
    terminal.expect("out> ");
    assert_eq!(modes(&terminal), before);

    enter(&terminal, "$own $root sh");
    terminal.enter("vi /tmp/page", "~");
    terminal.keys("ifirst line\rsecond");
    terminal.expect("second");
    terminal.keys("\x1b");
    terminal.expect("- /tmp/page [Modified]");
    terminal.keys(":wq\r");
    terminal.expect("# ");
    terminal.enter("sed s/^/seen:/ /tmp/page; rm /tmp/page", "seen:first line\r\nseen:second");
    leave(&terminal);
    assert_eq!(modes(&terminal), before);
}

/// Its modes and its foreground group.
fn the_terminal_outside_is_left_as_it_was(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    outside(&terminal, "stty -ixon erase ^H; echo set-$((1+1))", "set-2");
    let before = modes(&terminal);
    let check = |what: &str| {
        assert_eq!(modes(&terminal), before, "{what}");
        let shell = process::stat(terminal.child.id()).expect("it runs");
        assert_eq!(shell.foreground, shell.group, "{what}");
    };
    for (script, status) in [
        ("exit 3", 3),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ("stty raw -echo; exit 4", 4),
        ("exec 0<&- 1>&- 2>&-; exit 5", 5),
    ] {
        outside(&terminal, &format!("$own $root sh -c '{script}'; echo out-$?"), &format!("out-{status}"));
        check(script);
    }
    for (words, status) in [
        ("$root /no/such", 127),
        ("$root /etc/passwd", 126),
        ("--verbose --trace $root /no/such", 127),
        ("/no/such true", 125),
        ("--user nobody-of-this-name $root true", 125),
        ("-w /no/such $root true", 125),
    ] {
        outside(&terminal, &format!("$own {words}; echo out-$?"), &format!("out-{status}"));
        check(words);
    }
    for (sent, status) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        terminal.keys(&format!("$own $root sleep {mark}\n"));
        process::wait_for_sleeper(&mark);
        terminal.eventually("it is raw", || modes(&terminal) != before);
        signal(process::children(terminal.child.id())[0], sent);
        terminal.expect("out> ");
        outside(&terminal, "echo out-$?", &format!("out-{status}"));
        check(&format!("{sent:?}"));
    }
    // The init is killed, and all with it.
    terminal.keys(&format!("$own $root sleep {mark}\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    // From then on it has started, for the launcher too.
    terminal.eventually("it is raw", || modes(&terminal) != before);
    signal(process::stat(sleeper).expect("it sleeps").parent, Signal::KILL);
    terminal.expect("out> ");
    outside(&terminal, "echo out-$?", "out-137");
    check("the init is killed");
}

/// Without job control nobody else would give it back.
fn a_script_gets_its_terminal_back(who: &Who) {
    let script = "for status in 3 4; do $own $root sh -c \"exit $status\"; echo out-$?; read word; echo \"<$word>\"; done; \
        $own $root sh -c 'read word; echo \"[$word]\"; kill -9 $$'; echo out-$?; read word; echo \"<$word>\"; \
        $own $root no-such-command; echo out-$?; read word; echo \"<$word>\"";
    let terminal = Terminal::open(who, &["sh", "-c", script]);
    for status in [3, 4] {
        terminal.expect(&format!("out-{status}"));
        terminal.enter("typed", "<typed>");
    }
    terminal.enter("inside", "[inside]");
    terminal.expect("out-137");
    terminal.enter("outside", "<outside>");
    terminal.expect("out-127");
    terminal.enter("at last", "<at last>");
}

/// As it is documented.
fn after_sigkill_stty_sane_repairs_the_terminal(who: &Who) {
    let mark = mark();
    let script = format!(
        "stty -g >&2; $own $root sleep {mark}; stty -a | grep -o -e -icanon; stty sane; echo sane-$((1+1)); read word; echo \"<$word>\"; sleep 1000"
    );
    let terminal = Terminal::open(who, &["sh", "-c", &script]);
    let before = modes(&terminal);
    process::wait_for_sleeper(&mark);
    terminal.eventually("it is raw", || modes(&terminal) != before);
    signal(process::children(terminal.child.id())[0], Signal::KILL);
    terminal.expect("-icanon");
    terminal.expect("sane-2\r\n");
    terminal.enter("typed", "typed\r\n<typed>");
    terminal.eventually("the end of all", || process::sleeper(&mark).is_none());
}

/// FNV-1a.
fn hash(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Through the container's terminal and the one outside; the second has far too little room for it.
fn a_hundred_megabytes_come_out(who: &Who) {
    const LINES: u32 = 10_000_000;
    let (keyboard, terminal) = pair(who);
    let stream = || Stdio::from(terminal.try_clone().expect("a descriptor is free"));
    let run = who.run_in(&who.rootfs(), &[], &["seq", "1000000000", &(1_000_000_000 + LINES - 1).to_string()]);
    let run = run.under(&["setsid", "--ctty", "--wait"]);
    let mut child = run.command().stdin(stream()).stdout(stream()).stderr(stream()).spawn().expect("setsid is there");
    drop(terminal);
    let (mut keyboard, mut buffer) = (File::from(keyboard), [0; 65536]);
    let (mut sum, mut length) = (0, 0);
    // EIO: the last one has closed it.
    while let Ok(count @ 1..) = keyboard.read(&mut buffer) {
        (sum, length) = (hash(sum, &buffer[..count]), length + count);
    }
    let expected = (0..LINES).fold(0, |sum, line| hash(sum, format!("{}\r\n", 1_000_000_000 + line).as_bytes()));
    assert_eq!((length, sum), (LINES as usize * 12, expected));
    assert!(child.wait().expect("our own child").success());
}

/// Through pipes outside and a terminal inside, whose lines are as long as such a one takes them.
fn megabytes_go_in_and_out(who: &Who) {
    let line = format!("{}\n", "0123456789abcdefghijklmnopqrstuvwxyz".repeat(40));
    let text = line.repeat((4 << 20) / line.len());
    let outcome =
        who.run_in(&who.rootfs(), &["-it"], &["sh", "-c", "stty -echo; cat | md5sum"]).input(text.clone()).run();
    let folder = who.folder();
    executable(&folder.join("text"), "");
    fs::write(folder.join("text"), &text).expect("ours");
    let expected = tool("md5sum", &[&folder.join("text").display().to_string()]);
    let sum = expected.split(' ').next().expect("a sum").to_string();
    // What came before `stty` is echoed.
    outcome.exited(0).check(outcome.out().contains(&sum), &sum);
    // 100 MB where the slow tests run, which may take half a minute on a busy machine; else a tenth.
    let lines = if std::env::var_os("ARIL_LONG").is_some() { 12_000_000 } else { 1_300_000 };
    let outcome = who.run_in(&who.rootfs(), &["-t"], &["sh", "-c", &format!("stty -opost; seq 1 {lines}")]).run();
    let expected = (1..=lines).fold(0, |sum, line: u32| hash(sum, format!("{line}\n").as_bytes()));
    outcome
        .exited(0)
        .check(hash(0, outcome.out_bytes()) == expected, format_args!("{lines} lines, through a pipe outside"));
}

fn a_container_from_the_background_works_after_fg(who: &Who) {
    let terminal = shell(who);
    let before = modes(&terminal);
    outside(
        &terminal,
        "$own $root sh -c 'echo rea\"\"dy; cat; stty -a | grep -o -e -icanon; echo inside-$((1+1))' & sleep 1",
        "ready",
    );
    assert_eq!(modes(&terminal), before, "it is the shell's");
    outside(&terminal, "echo so-$((1+2))", "so-3");
    terminal.keys("fg\n");
    terminal.eventually("it is in the foreground", || {
        let shell = process::stat(terminal.child.id()).expect("it runs");
        shell.foreground != shell.group
    });
    // Its keys go inside as they are, from the first.
    terminal.eventually("it has the terminal", || modes(&terminal) != before);
    terminal.enter("one", "one\r\none\r\n");
    terminal.enter("two", "two\r\ntwo\r\n");
    terminal.keys("\x04");
    terminal.expect("inside-2");
    terminal.expect("out> ");
    assert!(!terminal.screen.text().contains("\r\n-icanon"), "its own terminal has the usual modes");
    assert_eq!(modes(&terminal), before);
}

fn one_in_the_background_leaves_the_terminal_alone(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    let before = modes(&terminal);
    terminal.keys(&format!("$own $root sleep {mark} &\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    terminal.expect("out> ");
    terminal.is_back_outside();
    assert_ne!(process::state(sleeper), 'T', "it runs on");
    terminal.expect("out> ");
    terminal.keys("fg\n");
    terminal.eventually("it is in the foreground", || {
        let shell = process::stat(terminal.child.id()).expect("it runs");
        shell.foreground != shell.group
    });
    // The terminal outside still makes a signal of it, which is passed on.
    terminal.keys("\x03");
    terminal.expect("out> ");
    outside(&terminal, "echo out-$?", "out-130");
    assert_eq!(modes(&terminal), before);
    // It ends while it is in the background.
    outside(&terminal, "$own $root sleep 0.1 & wait $!; echo out-$?", "out-0");
    assert_eq!(modes(&terminal), before);
}

fn a_terminal_on_request_where_there_is_none(who: &Who) {
    for options in [&["-t"][..], &["-it"], &["--tty"]] {
        let outcome = who.sh(options, "test -t 0 && test -t 1 && test -t 2 && tty; exit 3");
        outcome.exited(3).check(outcome.out() == "/dev/pts/0\r\n" && outcome.err().is_empty(), "a terminal");
    }
    // The end of the input ends what is read, whether or not a line has ended.
    for input in ["a line\n", "a line", ""] {
        let outcome = who
            .run_in(&who.rootfs(), &["-it"], &["sh", "-c", "stty -echo; cat >/dev/null; echo ended"])
            .input(input)
            .run();
        outcome.exited(0).check(outcome.out().ends_with("ended\r\n"), format_args!("after {input:?}"));
    }
    let shell = who.run_in(&who.rootfs(), &["-it"], &["sh"]).input("echo so-$((1+2))\nexit 4\n").run();
    shell.exited(4).check(shell.out().contains("so-3"), "a shell takes commands");
    let script = format!("{} run -t {} yes | head -n 1; echo ${{PIPESTATUS[0]}}", who.binary("aril"), who.rootfs());
    who.program("bash", &["-c", &script]).run().prints("y\r\n141");
    // What cannot be read has ended.
    let script = format!("{} run -t {} cat </", who.binary("aril"), who.rootfs());
    who.program("bash", &["-c", &script]).run().ok();
    let script = format!("{} run -t {} seq 1 100000 >/dev/full", who.binary("aril"), who.rootfs());
    who.program("bash", &["-c", &script]).run().refused(125, &["(ENOSPC)"]);
}

fn a_mixed_case_is_as_in_a_pipeline(who: &Who) {
    let terminal = shell(who);
    outside(
        &terminal,
        "$own $root sh -c 'test -t 1 || echo pipe-$((1+1)); test -t 0 && echo terminal-$((1+1))' | cat",
        "pipe-2\r\nterminal-2",
    );
    outside(
        &terminal,
        "echo | $own $root sh -c 'test -t 0 || echo pipe-$((1+1)); test -t 1 && echo terminal-$((1+1))'",
        "pipe-2\r\nterminal-2",
    );
    outside(&terminal, "$own -t $root tty | cat", "/dev/pts/0\r");
}

/// Whose input is not the terminal, where that is its output.
fn what_is_typed_is_not_for_one_in_the_background(who: &Who) {
    let (terminal, folder) = (shell(who), who.folder());
    let file = folder.join("typed").display().to_string();
    for (words, stream) in [("", "&2"), ("", "/dev/pts/0"), ("--no-init", "&2"), ("--fs none", "&2")] {
        terminal.keys(&format!(
            "$own {words} $root sh -c 'echo rea\"\"dy >&2; head -n 3 <{stream}; sleep 1000' </dev/null >{file} &\n"
        ));
        terminal.expect("ready");
        for word in ["one", "two", "three"] {
            outside(&terminal, &format!("echo so-{word}\"\""), &format!("\r\nso-{word}\r\n"));
        }
        outside(&terminal, "kill -9 %%; while kill -0 $! 2>/dev/null; do sleep 0.1; done; echo out-$((1+2))", "out-3");
        assert_eq!(folder.read("typed"), "", "with {words} from {stream}");
    }
}

/// And goes on in the foreground.
fn one_that_reads_in_the_background_waits(who: &Who) {
    let (terminal, folder) = (shell(who), who.folder());
    let file = folder.join("typed").display().to_string();
    terminal.enter(&format!("$own $root head -n 1 >{file} &"), "[1] ");
    terminal.expect("out> ");
    for word in ["one", "two"] {
        outside(&terminal, &format!("echo so-{word}\"\""), &format!("\r\nso-{word}\r\n"));
    }
    terminal.keys("fg\n");
    terminal.expect("head");
    terminal.eventually("it is in the foreground", || {
        let shell = process::stat(terminal.child.id()).expect("it runs");
        shell.foreground != shell.group
    });
    terminal.enter("typed", "out> ");
    assert_eq!(folder.read("typed"), "typed");
}

/// What it makes of its own it makes of the caller's once it has that, and undoes no more than it has done.
fn a_job_in_the_background_leaves_the_modes_of_another(who: &Who) {
    let (terminal, folder) = (shell(who), who.folder());
    let file = folder.join("out").display().to_string();
    let command = "stty -echo -icanon erase ^G; echo set >&2; until test -e /srv/go; do sleep 0.1; done; echo gone >&2";
    let rootfs = who.own_rootfs(&[]);
    outside(&terminal, "stty -ixon erase ^H; echo so-$((1+1))", "so-2");
    let before = modes(&terminal);
    terminal.keys(&format!("$own {} sh -c '{command}' >{file} &\n", rootfs.str()));
    terminal.expect("set");
    terminal.enter("stty -icanon intr ^E; echo rea\"\"dy; read", "ready");
    let meanwhile = modes(&terminal);
    assert_ne!(meanwhile, before);
    fs::write(rootfs.join("srv/go"), "").expect("our own folder");
    terminal.expect("gone");
    terminal.eventually("its end", || process::naming(&file).is_empty());
    assert_eq!(modes(&terminal), meanwhile);
    terminal.keys("\n");
    terminal.expect("out> ");
    outside(&terminal, "stty icanon intr ^C; wait; echo so-$((1+2))", "so-3");
    assert_eq!(modes(&terminal), before);
    // In the foreground it has them, and they are as before in the end.
    terminal.enter(
        &format!("$own $root sh -c '{}; echo rea\"\"dy >&2; head -c 1' >{file}", "stty -echo -icanon erase ^G ixon"),
        "ready",
    );
    terminal.eventually("they are the same outside", || modes(&terminal) != before);
    terminal.keys("k");
    terminal.expect("out> ");
    assert_eq!(modes(&terminal), before);
}

/// A pager's keys, even if they are no more than lines to it, and a password.
fn what_is_for_others_is_left_to_them(who: &Who) {
    let terminal = shell(who);
    for words in ["", "--no-init"] {
        for modes in ["", "-icanon", "-icanon -echo", "-echo"] {
            let (change, back) = if modes.is_empty() {
                (String::new(), "")
            } else {
                (format!("stty {modes} </dev/tty;"), "stty icanon echo </dev/tty;")
            };
            terminal.keys(&format!(
                "$own {words} $root sh -c 'echo line; sleep 0.2; yes' | sh -c '{change} read line; echo rea\"\"dy; read key </dev/tty; echo \"[$line$key]\"; read key </dev/tty; {back} echo \"($key)\"'\n"
            ));
            terminal.expect("ready");
            terminal.enter("key", "[linekey]");
            terminal.enter("again", "(again)");
            terminal.expect("out> ");
        }
    }
}

/// Whichever of the streams is the terminal, and however it ends. As long as it runs they are those of the terminal outside.
fn modes_that_are_set_in_a_pipeline_do_not_outlive_it(who: &Who) {
    let (terminal, folder) = (shell(who), who.folder());
    let before = modes(&terminal);
    let file = folder.join("out").display().to_string();
    for (stream, streams) in [
        ("&0", "| cat".to_string()),
        ("&0", format!(">{file}")),
        ("&0", format!(">{file} 2>&1")),
        ("&0", format!("2>{file}")),
        ("&1", "</dev/null".to_string()),
        ("&2", format!("</dev/null >{file}")),
        ("&2", "</dev/null | cat".to_string()),
    ] {
        for (words, end) in [("", "exit 3"), ("", "kill -9 $$"), ("--no-init", "exit 3")] {
            // The shell repairs what a job that was killed has left, unless it is told of an orderly end.
            let line = format!(
                "($own {words} $root sh -c 'stty -echo -icanon -isig -opost <{stream} && echo set-$((1+1)) >{stream}; head -c 1 <{stream}; {end}' {streams}; true)"
            );
            terminal.enter(&line, "set-2");
            terminal.eventually("they are the same outside", || modes(&terminal) != before);
            terminal.keys("k");
            terminal.expect("out> ");
            assert_eq!(modes(&terminal), before, "{line}");
        }
    }
}

/// It finds the modes of lines, although the command reads too, and gives them back after that has ended.
fn a_pager_that_begins_meanwhile_leaves_the_modes_right(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    let before = modes(&terminal);
    let pager = "read line; old=$(stty -g </dev/tty); stty -icanon -echo </dev/tty; echo rea\"\"dy; read key </dev/tty; stty $old </dev/tty; echo \"[$line$key]\"";
    terminal.keys(&format!("$own $root sh -c 'read word; echo \"$word\"; sleep {mark}' | sh -c '{pager}'\n"));
    terminal.expect("key]");
    terminal.keys("word\n");
    terminal.expect("ready");
    let sleeper = process::wait_for_sleeper(&mark);
    signal(sleeper, Signal::TERM);
    terminal.eventually("its end", || process::naming(&mark).is_empty());
    assert_ne!(modes(&terminal), before, "they are the pager's");
    terminal.enter("key", "[wordkey]");
    terminal.expect("out> ");
    assert_eq!(modes(&terminal), before);
}

/// Whether or not it reads what is typed.
fn ctrl_c_and_ctrl_z_are_for_the_whole_pipeline(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    for script in ["", "read word;"] {
        for streams in ["| cat", "| cat >/dev/null", ">/dev/null"] {
            terminal.keys(&format!("$own $root sh -c '{script} sleep {mark}' {streams}\n"));
            if script.starts_with("read") {
                terminal.expect(streams);
                terminal.keys("word\n");
            }
            let sleeper = process::wait_for_sleeper(&mark);
            for _ in 0..2 {
                terminal.keys("\x1a");
                terminal.expect("Stopped");
                terminal.expect("out> ");
                terminal.eventually("it is stopped", || process::state(sleeper) == 'T');
                terminal.keys("fg\n");
                terminal.eventually("it goes on", || process::state(sleeper) == 'S');
            }
            terminal.keys("\x03");
            terminal.expect("out> ");
            outside(&terminal, "echo ${PIPESTATUS[0]}-$((1+1))", "130-2");
            terminal.eventually("the end of all", || process::naming(&mark).is_empty());
        }
    }
}

/// As soon as it asks for it; each line comes once, and ends once.
fn a_pipeline_s_command_reads_what_is_typed(who: &Who) {
    let (terminal, folder) = (shell(who), who.folder());
    let before = modes(&terminal);
    let file = folder.join("read").display().to_string();
    for streams in ["| cat", "| cat 2>/dev/null", &format!(">{file}; cat {file}"), &format!(">{file} 2>&1; cat {file}")]
    {
        for words in ["", "-i"] {
            let begun = terminal.screen.text().len();
            let script = "read word; echo \"[$word]\"; echo rea\"\"dy >/dev/tty; cat";
            terminal.keys(&format!("$own {words} $root sh -c '{script}' {streams}\n"));
            terminal.keys("word\n");
            terminal.expect("ready");
            terminal.keys("more\n\x04");
            terminal.expect("out> ");
            let screen = terminal.screen.text()[begun..].to_string();
            assert!(screen.contains("\n[word]\r\n") && !screen.contains("\r\r"), "{words} {streams}: {screen:?}");
            // An echo, and what was read.
            assert_eq!(screen.matches("more\r\n").count(), 2, "{words} {streams}: {screen:?}");
            assert_eq!(modes(&terminal), before, "{words} {streams}");
        }
    }
    outside(&terminal, "echo one | $own $root sh -c 'cat; seq 2 4'", "\r\none\r\n2\r\n3\r\n4\r\n");
    // A password is not shown, nor a key waited for with a line.
    let script = "stty -echo -icanon; printf rea >&2; printf dy >&2; head -c 1; stty sane";
    terminal.enter(&format!("key=$($own $root sh -c '{script}'); echo \"[$key]\""), "ready");
    terminal.keys("k");
    terminal.expect("[k]");
    terminal.expect("out> ");
    assert!(!terminal.screen.text().contains("readyk"), "{}", terminal.screen.text());
}

/// Ctrl-C reaches its job, and the others of the pipeline; Ctrl-Z its job alone.
fn a_shell_in_a_pipeline_has_job_control(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    let before = modes(&terminal);
    // The shell edits lines itself, and then makes no signals of keys.
    let makes_signals = || terminal.eventually("it has the modes of lines", || modes(&terminal) == before);
    for words in ["", "-i"] {
        enter(&terminal, &format!("$own {words} $root sh -i | sh -c 'trap \"\" INT; cat'"));
        terminal.keys(&format!("sleep {mark}\n"));
        process::wait_for_sleeper(&mark);
        makes_signals();
        terminal.keys("\x03");
        terminal.eventually("it is interrupted", || process::sleeper(&mark).is_none());
        terminal.enter("echo in-$((40+3))", "in-43");
        terminal.keys(&format!("sleep {mark}\n"));
        let sleeper = process::wait_for_sleeper(&mark);
        makes_signals();
        terminal.keys("\x1a");
        terminal.eventually("it is stopped", || process::state(sleeper) == 'T');
        terminal.enter("echo in-$((40+4))", "in-44");
        terminal.keys("fg\n");
        terminal.eventually("it goes on", || process::state(sleeper) == 'S');
        makes_signals();
        terminal.keys("\x03");
        terminal.eventually("it is interrupted", || process::sleeper(&mark).is_none());
        terminal.keys("exit 9\n");
        terminal.expect("out> ");
        assert!(!terminal.screen.text().contains("job control"), "{}", terminal.screen.text());
    }
}

/// What it pages is its input, so that it reads the keys from another of the streams, or by the terminal's name.
fn a_pager_inside_has_its_keys(who: &Who) {
    let terminal = shell(who);
    let before = modes(&terminal);
    for words in ["", "--no-init"] {
        for from in ["&1", "&2", "/dev/tty", "/dev/stderr"] {
            let script = format!(
                "exec 3<{from}; stty -icanon -echo <&3; echo rea\"\"dy >&2; echo \"[$(cat)$(head -c 1 <&3)]\"; stty sane <&3 || echo unsane"
            );
            terminal.enter(&format!("echo text | $own {words} $root sh -c '{script}'"), "ready");
            terminal.keys("q");
            terminal.expect("[textq]\r\nout> ");
            assert_eq!(modes(&terminal), before, "{words} {from}");
        }
    }
    // In lines too, if it is seen to read.
    terminal.enter("echo | $own $root sh -c 'echo go >&2; read word </dev/tty; echo \"[$word]\"'", "go");
    terminal.enter("word", "[word]");
    terminal.expect("out> ");
}

/// By poll(2), by a child of what ignores the signals of job control, without an init.
fn what_is_waited_for_goes_in_however_that_is_done(who: &Who) {
    let (terminal, folder) = (shell(who), who.folder());
    let file = folder.join("out").display().to_string();
    let alone = format!(">{file}; cat {file}");
    for (words, command, streams) in [
        ("", "sh -c 'read -t 100 word; echo \"[$word]\"'", &alone[..]),
        ("", "timeout 100 sh -c 'read word; echo \"[$word]\"'", &alone),
        ("--no-init", "sh -c 'read word; echo \"[$word]\"'", "| cat"),
        ("-i", "sh -c 'trap \"\" TTIN TTOU; read -t 100 word; echo \"[$word]\"'", "| cat"),
    ] {
        for keys in ["word\n", "\x04"] {
            terminal.keys(&format!("$own {words} $root {command} {streams}\n"));
            terminal.expect(&streams[..4]);
            terminal.keys(keys);
            terminal.expect(&format!("[{}]\r\n", keys.trim_end_matches(['\n', '\x04'])));
            terminal.expect("out> ");
        }
    }
}

/// However much there is, and the end of input among it.
fn lines_that_come_early_come_one_by_one(who: &Who) {
    let (terminal, rootfs) = (shell(who), who.own_rootfs(&[]));
    let script = "echo rea\"\"dy >&2; until test -e /srv/go; do sleep 0.1; done; dd bs=9999 count=1 2>/dev/null; echo \"--\"; cat; echo \"==\"; cat";
    terminal.enter(&format!("$own {} sh -c '{script}' | tee {0}/srv/out | wc -l", rootfs.str()), "ready");
    // More than a terminal holds of what nobody reads.
    let lines: Vec<String> = (0..80).map(|number| format!("{number:049}\n")).collect();
    terminal.keys(&lines.concat());
    terminal.keys("\x04more\n\x04");
    fs::write(rootfs.join("srv/go"), "").expect("our own folder");
    terminal.expect("\r\n83\r\n");
    terminal.expect("out> ");
    let expected = [&lines[0], "--\n", &lines[1..].concat(), "==\nmore\n"].concat();
    assert_eq!(fs::read_to_string(rootfs.join("srv/out")).expect("it is there"), expected);
}

/// Unless it makes something of its terminal.
fn who_reads_from_dev_null_is_given_no_line(who: &Who) {
    let terminal = shell(who);
    terminal.enter("$own $root sh -c 'echo rea\"\"dy; sleep 0.5' </dev/null; read word; echo \"[$word]\"", "ready");
    terminal.enter("word", "[word]");
    terminal.expect("out> ");
    terminal.enter(
        "$own $root sh -c 'stty -echo <&1; echo rea\"\"dy; read word <&1; echo \"[$word]\"' </dev/null",
        "ready",
    );
    terminal.enter("word", "[word]");
    terminal.expect("out> ");
}

/// As in scripts that ask for a word that is not to be seen.
fn lines_come_where_the_caller_does_not_show_them(who: &Who) {
    let terminal = shell(who);
    let before = modes(&terminal);
    let script = "stty -g >/dev/null; echo rea\"\"dy >&2; read word; s=$(stty -g); stty raw; stty $s; echo \"[$word]\"";
    terminal.enter(
        &format!("stty -echo -ixon; word=$($own $root sh -c '{script}'); stty echo ixon; echo \"$word\""),
        "ready",
    );
    terminal.keys("secret\n");
    terminal.expect("[secret]\r\n");
    terminal.expect("out> ");
    assert!(!terminal.screen.text().contains("ready\r\nsecret"), "{}", terminal.screen.text());
    assert_eq!(modes(&terminal), before);
}

/// A shell's `fg` sends no signal to a job that runs already.
fn modes_from_the_background_come_with_the_foreground(who: &Who) {
    let terminal = shell(who);
    let before = modes(&terminal);
    let script = "stty -echo; echo rea\"\"dy >&2; read word; stty echo; echo \"[$word]\"";
    terminal.enter(&format!("$own $root sh -c '{script}' | cat &"), "ready");
    terminal.is_back_outside();
    assert_eq!(modes(&terminal), before);
    terminal.expect("out> ");
    terminal.keys("fg\n");
    terminal.eventually("it is not shown", || modes(&terminal) != before);
    terminal.keys("secret\n");
    terminal.expect("[secret]\r\n");
    terminal.expect("out> ");
    assert!(!terminal.screen.text().contains("secret\r\n[secret]"), "{}", terminal.screen.text());
    assert_eq!(modes(&terminal), before);
}

/// Of one that is not the session's nobody knows whose it is.
fn another_terminal_is_for_output_alone(who: &Who) {
    let terminal = shell(who);
    let (keyboard, _other) = pair(who);
    let name = ptsname(&keyboard, Vec::new()).expect("ours").into_string().expect("a plain path");
    let before = format!("{:?}", tcgetattr(&keyboard).expect("it is there"));
    rustix::io::write(&keyboard, b"typed\n").expect("there is room");
    let folder = who.folder();
    let file = folder.join("read").display().to_string();
    let script = "stty -echo -icanon <&1; echo said; timeout 1 cat <&1 >&2; echo ready >&2";
    outside(&terminal, &format!("$own $root sh -c '{script}' >{name} </dev/null 2>{file}; echo so-$((1+2))"), "so-3");
    let read = folder.read("read");
    assert!(read.ends_with("ready") && !read.contains("typed"), "{read}");
    assert_eq!(format!("{:?}", tcgetattr(&keyboard).expect("it is there")), before);
    let mut said = [0; 64];
    let length = rustix::io::read(&keyboard, &mut said).expect("it has been said");
    assert!(String::from_utf8_lossy(&said[..length]).contains("said\r\n"));
}

fn a_password_is_not_shown_after_stty_sane(who: &Who) {
    let terminal = shell(who);
    let before = modes(&terminal);
    let script = "stty sane || echo insane; sleep 0.2; stty -echo; printf pass >&2; printf word >&2; read word; stty echo; echo \"[$word]\"";
    terminal.enter(&format!("$own $root sh -c '{script}' | cat"), "password");
    terminal.eventually("it is not shown", || modes(&terminal) != before);
    terminal.enter("secret", "[secret]");
    terminal.expect("out> ");
    let screen = terminal.screen.text();
    assert!(screen.contains("password[secret]") && !screen.contains("insane\r"), "{screen}");
    assert_eq!(modes(&terminal), before);
}

/// As programs that ask for a password want it (tcsetattr(3) `TCSAFLUSH`).
fn what_was_typed_before_a_prompt_is_dropped(who: &Who) {
    let terminal = shell(who);
    let before = modes(&terminal);
    let hashed = "mkpasswd -m des -S ab";
    terminal.keys(&format!(
        "$own $root sh -c 'read word; echo rea\"\"dy >&2; sleep 1; {hashed} 2>/dev/null | grep -F $({hashed} late) && echo same-$((1+1))' | cat\n"
    ));
    terminal.expect("| cat");
    terminal.enter("word", "ready");
    terminal.keys("early\n");
    terminal.eventually("it asks", || modes(&terminal) != before);
    terminal.keys("late\n");
    terminal.expect("same-2");
    terminal.expect("out> ");
}

fn the_size_reaches_a_pipeline(who: &Who) {
    let terminal = shell(who);
    for (at, streams) in ["| cat >&2", "</dev/null", "</dev/null | cat >&2", "-- </dev/null"].into_iter().enumerate() {
        let size = if streams.starts_with('|') { "stty size <&0" } else { "stty size <&2" };
        let words = if streams.starts_with("--") { "--no-init" } else { "" };
        let streams = streams.trim_start_matches('-');
        let rows = 31 + at as u16;
        resize(&terminal, rows, 97);
        terminal.enter(
            &format!("$own {words} $root sh -c 'trap \"{size} >&2; exit\" WINCH; {size} >&2; echo rea\"\"dy >&2; while :; do sleep 0.1; done' {streams}"),
            &format!("\r\n{rows} 97\r\nready"),
        );
        resize(&terminal, rows, 98);
        terminal.expect(&format!("{rows} 98"));
        terminal.expect("out> ");
    }
}

fn standard_error_stays_where_it_was_redirected(who: &Who) {
    let terminal = shell(who);
    let folder = who.folder();
    let file = folder.join("errors").display().to_string();
    outside(
        &terminal,
        &format!(
            "$own $root sh -c 'test -t 0 && test -t 1 && ! test -t 2 && echo so-$((1+2)); echo error >&2' 2>{file}"
        ),
        "so-3",
    );
    assert_eq!(folder.read("errors"), "error");
}

fn no_tty_shares_the_terminal(who: &Who) {
    let terminal = shell(who);
    outside(
        &terminal,
        "$own --no-tty $root sh -c 'tty; test -t 0 && echo terminal-$((1+1))'",
        "not a tty\r\nterminal-2",
    );
    // The last one counts.
    outside(&terminal, "$own --no-tty -t $root tty", "/dev/pts/0");
    outside(&terminal, "$own -t --no-tty $root tty", "not a tty");
}

fn a_user_s_terminal_is_his(who: &Who) {
    let terminal = shell(who);
    let (user, map) = if who.is_root() {
        (405, String::new())
    } else {
        (7, format!("--uid-map 7:{}:1 --gid-map 7:{}:1", who.uid(), who.gid()))
    };
    let script = "stat -c %u $(tty); : <>$(tty) && echo opened-$((1+1))";
    outside(
        &terminal,
        &format!("$own {map} --user {user}:{user} $root sh -c '{script}'"),
        &format!("{user}\r\nopened-2"),
    );
}

fn without_a_dev_of_its_own_it_is_the_host_s(who: &Who) {
    let terminal = shell(who);
    enter(&terminal, "$own --fs proc $root sh");
    terminal.enter("test -t 0 && echo terminal-$((1+1))", "terminal-2");
    leave(&terminal);
    enter(&terminal, "$own --namespaces user,mount,pid --change-root none --fs none / sh");
    terminal.enter("test -c $(tty) && echo terminal-$((1+1))", "terminal-2");
    leave(&terminal);
}

/// What is still on its way when the command ends, and when all ends at once.
fn the_last_words_are_not_lost(who: &Who) {
    let terminal = shell(who);
    for round in 0..20 {
        outside(&terminal, "$own $root sh -c 'seq 1 3000; echo last-$((40+2))'", "last-42");
        outside(&terminal, "$own $root sh -c 'seq 1 3000; echo last-$((40+3)); kill -9 -1'; echo out-$?", "out-");
        assert_eq!(terminal.screen.text().matches("\r\n3000\r\nlast-43\r\n").count(), round + 1);
    }
}

/// A tmux of the test's own. Dropped, it ends.
struct Tmux<'w> {
    who: &'w Who,
    socket: String,
}

impl Tmux<'_> {
    fn run(&self, words: &[&str]) -> String {
        let words = [&["-f", "/dev/null", "-S", &self.socket], words].concat();
        self.who.program("tmux", &words).env("HOME", "/").env("LANG", "C.UTF-8").run().out()
    }

    #[track_caller]
    fn keys(&self, keys: &[&str], text: &str) {
        self.run(&[&["send-keys"], keys].concat());
        let screen = || self.run(&["capture-pane", "-p"]);
        assert!(comes(|| screen().contains(text)), "{text:?} did not come; the screen:\n{}", screen());
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

fn a_session_under_tmux(who: &Who) {
    let folder = who.folder();
    let tmux = Tmux { who, socket: folder.join("socket").display().to_string() };
    let line = format!("{} run {} sh; echo out-$?; exec cat", who.binary("aril"), who.rootfs());
    tmux.run(&["new-session", "-d", "-x", "90", "-y", "30", &line]);
    tmux.keys(&[], "/ #");
    tmux.keys(&["tty; stty size", "Enter"], "/dev/pts/0\n30 90");
    tmux.run(&["resize-window", "-x", "70", "-y", "20"]);
    tmux.keys(&["until stty size | grep ' 70$'; do :; done", "Enter"], "\n20 70\n");
    tmux.keys(&["vi /tmp/of-tmux", "Enter"], "~\n~");
    tmux.keys(&["iwritten"], "written");
    tmux.keys(&["Escape"], "- /tmp/of-tmux");
    tmux.keys(&[":q!", "Enter"], "/ #");
    tmux.keys(&["exit 9", "Enter"], "out-9");
}

/// Starts a command at a terminal from which nobody reads.
fn start_at(who: &Who, terminal: &File, options: &[&str], script: &str) -> Child {
    let stream = || Stdio::from(terminal.try_clone().expect("a descriptor is free"));
    let run = who.run_in(&who.rootfs(), options, &["sh", "-c", script]);
    run.command().stdin(stream()).stdout(stream()).stderr(stream()).spawn().expect("aril is there")
}

/// The launcher waits for a reader once nothing more is written for a while.
fn wait_until_stuck(child: &Child) {
    let written = || fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap_or_default();
    eventually("it waits for a reader", || {
        let before = written();
        std::thread::sleep(std::time::Duration::from_millis(100));
        before == written()
    });
}

/// Waits for its end, whatever comes of it.
#[track_caller]
fn ends_by_itself(mut child: Child, status: i32) {
    let mut ended = None;
    let is_over = comes(|| {
        ended = child.try_wait().expect("our own child");
        ended.is_some()
    });
    if !is_over {
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }
    assert_eq!(ended.and_then(|ended| ended.code()), Some(status));
}

/// What was asked for before the end counts as well.
fn one_that_nobody_reads_ends_when_it_is_stopped(who: &Who) {
    let ((keyboard, terminal), mark) = (pair(who), mark());
    let script = format!("trap '' TERM; sleep {mark} & yes");
    let child = start_at(who, &terminal, &["--stop-timeout", "100ms"], &script);
    process::wait_for_sleeper(&mark);
    wait_until_stuck(&child);
    signal(child.id(), Signal::TERM);
    ends_by_itself(child, 137);
    drop(keyboard);
    eventually("the end of all", || process::naming(&mark).is_empty());
}

fn one_that_nobody_reads_ends_when_its_time_is_up(who: &Who) {
    let (keyboard, terminal) = pair(who);
    ends_by_itself(start_at(who, &terminal, &["--timeout", "300ms"], "yes"), 124);
    drop(keyboard);
}

/// As under nohup(1): it is no request to end at once.
fn a_signal_that_the_caller_ignores_loses_nothing(who: &Who) {
    const ALL: usize = 70_000;
    let script = format!("head -c {ALL} /dev/zero | tr '\\0' a; echo last");
    let run = who.run_in(&who.rootfs(), &["-t"], &["sh", "-c", &script]).under(&["env", "--ignore-signal=HUP,TERM"]);
    let mut child = run.command().stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("aril is there");
    wait_until_stuck(&child);
    for ignored in [Signal::HUP, Signal::TERM] {
        signal(child.id(), ignored);
    }
    wait_until_stuck(&child);
    // A second is what a request to stop leaves a slow reader.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("it is text");
    assert_eq!((out.len(), child.wait().expect("our own child").code()), (ALL + "last\r\n".len(), Some(0)));
}

/// The launcher waits for a reader, and still takes its signals.
fn one_that_nobody_reads_can_be_ended(who: &Who) {
    let (keyboard, terminal) = pair(who);
    let mark = mark();
    let script = format!("sleep {mark} & yes");
    let mut child = start_at(who, &terminal, &[], &script);
    process::wait_for_sleeper(&mark);
    wait_until_stuck(&child);
    signal(child.id(), Signal::TERM);
    let mut ended = false;
    // The first is for the command. The second finds what is left waiting, if anything is.
    eventually("it ends", || {
        ended = child.try_wait().expect("our own child").is_some();
        if !ended {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        }
        ended
    });
    drop(keyboard);
    eventually("the end of all", || process::naming(&mark).is_empty());
}

fn explain_and_trace_tell_of_it(who: &Who) {
    let terminal = shell(who);
    let aril = who.binary("aril");
    let told = [
        "open a pseudo-terminal in /dev/pts for the launcher",
        "make it the session's terminal, and the standard streams: input output error",
    ];
    terminal.keys(&format!("{aril} explain $root true; {aril} run --trace $root sh -c 'echo inside'\n"));
    for _ in ["explain", "trace"] {
        for step in told {
            terminal.expect(step);
        }
    }
    terminal.expect("drop every capability but kill\r\n");
    terminal.expect("inside");
    terminal.expect("out> ");
    // Every line begins at its left.
    assert!(terminal.screen.text().lines().all(|line| !line.contains('\r')), "{}", terminal.screen.text());
    outside(
        &terminal,
        &format!(
            "{aril} explain $root true 2>/dev/null </dev/null | grep -c pseudo; {aril} explain $root true </dev/null | grep 'make it'"
        ),
        "make it the session's terminal, and the standard streams: error",
    );
}

// --- As root ---

fn su_and_bash_in_debian(who: &Who) {
    let root = rootfs("debian");
    if !root.is_dir() {
        who.skip("no target/rootfs/debian: rootfs/debian makes it, as root and with a mirror in reach");
    }
    let (terminal, mark) = (shell(who), mark());
    enter(&terminal, &format!("$own --overlay {} bash --norc", root.display()));
    terminal.enter("tty", "/dev/pts/0");
    terminal.keys(&format!("sleep {mark}\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    terminal.keys("\x1a");
    terminal.expect("Stopped");
    terminal.enter("bg; jobs -r | sed s/sleep/job:/", &format!("job: {mark}"));
    terminal.keys("fg\n");
    terminal.eventually("sleep is in the foreground again", || {
        process::stat(sleeper).is_some_and(|stat| stat.state == 'S' && stat.group == stat.foreground)
    });
    terminal.keys("\x03");
    terminal.enter("su -s /bin/sh nobody -c 'id -un; tty; read word; echo \"[$word]\"'", "nobody\r\n/dev/pts/0");
    terminal.enter("typed", "[typed]");
    terminal.expect("# ");
    leave(&terminal);
}

/// Neither by the terminal inside, whose session another is, nor by one of the host's.
fn nothing_can_be_typed_into_the_terminal_outside(who: &Who) {
    who.needs_probe();
    let terminal = shell(who);
    for options in ["", "--userns host --cap-add all"] {
        outside(&terminal, &format!("$own {options} $root probe inject; echo out-$?"), "out-0");
        // The shell would have run a command `x`, or at least have its letter.
        outside(&terminal, "echo so-$((1+2))", "so-3");
        assert!(
            !terminal.screen.text().contains("xecho") && !terminal.screen.text().contains("xx"),
            "{}",
            terminal.screen.text()
        );
    }
}

fn the_launcher_needs_little_memory(who: &Who) {
    let (terminal, mark) = (shell(who), mark());
    fs::File::open(who.binary("aril")).and_then(|file| file.sync_all()).expect("cargo built it");
    terminal.keys(&format!("setarch -R env -i $own $root sh -c 'seq 1 10000; exec sleep {mark}'\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    let launcher = process::children(terminal.child.id())[0];
    let dirty = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("root may read it");
        let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("the kernel counts it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    for (name, pid) in [("the launcher", launcher), ("PID 1", process::stat(sleeper).expect("it sleeps").parent)] {
        assert!(comes(|| dirty(pid) <= 16), "{name} has {} KiB private dirty, its budget is 16", dirty(pid));
    }
}
