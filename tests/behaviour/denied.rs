//! `--denied`: what the filter refuses is answered as ever, counted, and told at the end.

use crate::support::{Outcome, Terminal, When, Who, comes, eventually, mark, process};
use rustix::process::Signal;
use std::fs;

crate::tests! {
    both: what_is_refused_is_told_at_the_end, what_would_allow_it_is_told, each_answer_is_as_ever, who_has_nothing_refused_hears_nothing,
        foreign_entries_are_counted, a_later_command_counts_its_own, with_a_terminal_of_its_own, in_the_background_it_is_in_the_log,
        a_flood_holds_up_no_signal, nobody_inside_has_the_listener, an_older_kernel_does_as_well, there_is_one_listener,
        who_dies_meanwhile_holds_nothing_up, a_filter_that_may_hold_up_the_start_is_none, a_command_that_is_not_there_is_told_as_ever;
}

/// What it says of so many calls of ioctl(2).
fn told(times: u32) -> String {
    format!(
        "aril: the filter has refused:\n      \
         {times} ioctl: TIOCSTI and TIOCLINUX, which type into a terminal (EPERM)"
    )
}

const REFUSED: &str = "TIOCSTI 1\nTIOCSTI+ 1\nTIOCLINUX 1\nTIOCLINUX+ 1";

#[track_caller]
fn complains(outcome: &Outcome, text: &str) {
    outcome.exited(0).check(outcome.err().trim_end() == text, format_args!("on standard error is: {text}"));
}

fn what_is_refused_is_told_at_the_end(who: &Who) {
    who.needs_probe();
    for options in [&["--denied"][..], &["--denied", "--no-init"], &["--denied", "--pid", "host"]] {
        let outcome = who.run(options, &["probe", "inject"]);
        complains(outcome.says(REFUSED), &told(4));
        // By whoever it is, and however deep.
        let outcome = who.sh(options, "for n in 1 2 3; do (probe inject; :); done; exec probe inject");
        complains(&outcome, &told(16));
    }
    // The status is the command's.
    let outcome = who.sh(&["--denied"], "probe inject; exit 3");
    outcome.exited(3).check(outcome.err().trim_end() == told(4), "and it is told");
    who.sh(&["--denied"], "probe inject; kill -9 $$").exited(137);
}

/// In the words of the option that would.
fn what_would_allow_it_is_told(who: &Who) {
    let outcome = who.sh(&["--denied"], "mount -t tmpfs none /tmp; mount -t tmpfs none /tmp; unshare -m true; :");
    let told = "aril: the filter has refused:\n      2 mount: refused (EPERM): --cap-add sys_admin allows it\n      \
                1 unshare: for new namespaces (EPERM): --cap-add sys_admin allows them";
    outcome.exited(0).check(outcome.err().trim_end().ends_with(told), told);
    let outcome = who.sh(&["--denied", "--cap-add", "sys_admin"], "mount -t tmpfs none /tmp; unshare -m true");
    outcome.ok();
    let outcome = who.run(&["--denied", "--security-opt", "seccomp=unconfined"], &["true"]);
    outcome.refused(125, &["leave out --denied"]);
}

fn each_answer_is_as_ever(who: &Who) {
    who.needs_probe();
    for question in ["inject", "foreign-entries"] {
        let expected = who.run(&[], &["probe", question]);
        who.run(&["--denied"], &["probe", question]).exited(0).says(expected.exited(0).out());
    }
}

fn who_has_nothing_refused_hears_nothing(who: &Who) {
    who.sh(&["--denied"], "echo fine").prints("fine");
    who.run(&["--denied"], &["true"]).prints("");
}

fn foreign_entries_are_counted(who: &Who) {
    who.needs_probe();
    let outcome = who.run(&["--denied"], &["probe", "foreign-entries"]);
    let tried = outcome.exited(0).out().lines().count();
    if tried == 0 {
        who.skip("this machine has no other entries");
    }
    complains(&outcome, &format!("aril: the filter has refused:\n      {tried} calls of foreign tables (ENOSYS)"));
}

fn a_later_command_counts_its_own(who: &Who) {
    who.needs_probe();
    let folder = who.folder();
    let aril = |words: &[&str]| who.aril(words).env("XDG_RUNTIME_DIR", folder.str());
    let name = format!("denied-{}", mark());
    let running =
        aril(&["run", "--denied", "--name", &name, &who.rootfs(), "sh", "-c", "probe inject; read word"]).start();
    eventually("it runs", || {
        aril(&["ps"]).run().out().lines().any(|line| line.starts_with(&name) && line.contains(" up "))
    });
    complains(aril(&["exec", "--denied", &name, "probe", "inject"]).run().says(REFUSED), &told(4));
    aril(&["exec", &name, "probe", "inject"]).run().prints(REFUSED);
    let outcome = running.finish();
    outcome.check(outcome.err().trim_end() == told(4), "it has counted the first command's alone");
}

fn with_a_terminal_of_its_own(who: &Who) {
    who.needs_probe();
    let script = "$own --denied $root probe inject; echo ends";
    let terminal = Terminal::open(who, &["sh", "-c", script]);
    terminal.expect("TIOCLINUX+ 1");
    terminal.expect("refused:");
    terminal.expect("4 ioctl");
    terminal.expect("ends");
}

fn in_the_background_it_is_in_the_log(who: &Who) {
    who.needs_probe();
    let folder = who.folder();
    let log = folder.join("log").display().to_string();
    let aril = |words: &[&str]| who.aril(words).env("XDG_RUNTIME_DIR", folder.str());
    let name = format!("denied-{}", mark());
    let words = ["run", "--denied", "-d", "--log", &log, "--name", &name, &who.rootfs(), "probe", "inject"];
    aril(&words).run().prints(&name);
    aril(&["wait", &name]).run().exited(0);
    eventually("it is in the log", || fs::read_to_string(&log).is_ok_and(|text| text.contains(&told(4))));
}

/// Neither those to the command nor that of the time that is up.
fn a_flood_holds_up_no_signal(who: &Who) {
    who.needs_probe();
    for options in [&["--denied"][..], &["--denied", "--no-init"]] {
        let running = who.start(options, &["probe", "flood"]);
        running.expect("floods");
        running.signal(Signal::TERM);
        if options.len() > 1 {
            // It is PID 1, which does not hear it.
            running.signal(Signal::KILL);
        }
        let outcome = running.finish();
        outcome.check(outcome.code() != Some(0), "it was ended");
    }
    who.run(&["--denied", "--timeout", "100ms"], &["probe", "flood"]).exited(124);
}

/// It would be asked what becomes of others' calls.
fn nobody_inside_has_the_listener(who: &Who) {
    let files = |pid: u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).map(|files| files.collect::<Result<Vec<_>, _>>());
        let files = files.and_then(|files| files).unwrap_or_else(|error| panic!("root may look into {pid}: {error}"));
        let paths = files.iter().filter_map(|file| fs::read_link(file.path()).ok());
        paths.filter(|path| path.display().to_string().contains("seccomp")).count()
    };
    let list = "for fd in /proc/self/fd/*; do readlink $fd; done | grep -c seccomp; :";
    for options in [&["--denied"][..], &["--denied", "--no-init"]] {
        who.sh(options, list).prints("0");
    }
    who.needs_root_behind();
    let mark = mark();
    let running = who.start(&["--denied"], &["sleep", &mark]);
    let sleeper = running.sleeper(&mark);
    assert_eq!([running.pid(), running.init(), sleeper].map(files), [1, 0, 0]);
}

/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` came with Linux 5.19.
fn an_older_kernel_does_as_well(who: &Who) {
    who.needs_probe();
    let flags = (libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) as u32;
    let run = who.run_in(&who.rootfs(), &["--denied"], &["probe", "inject"]);
    let outcome = run.refuse_when(libc::SYS_seccomp, libc::EINVAL, When::Argument(1, flags)).run();
    complains(outcome.says(REFUSED), &told(4));
}

/// Where an outer one listens the kernel has no second, and there is no command without its filter.
fn there_is_one_listener(who: &Who) {
    let run = who.run_in(&who.rootfs(), &["--denied"], &["echo", "runs"]);
    run.refuse(libc::SYS_seccomp, libc::EBUSY).run().refused(125, &["(EBUSY)", "filter", "leave out --denied"]);
    for errno in [libc::EINVAL, libc::EPERM] {
        let run = who.run_in(&who.rootfs(), &["--denied"], &["echo", "runs"]);
        run.refuse(libc::SYS_seccomp, errno).run().refused(125, &["filter"]);
    }
}

fn who_dies_meanwhile_holds_nothing_up(who: &Who) {
    who.needs_probe();
    let script = "for n in 1 2 3 4 5 6 7 8; do probe flood >/dev/null & sleep 0.02; kill -9 $!; done; echo done";
    let outcome = who.sh(&["--denied"], script);
    outcome.exited(0).says("done").check(outcome.err().contains("refused"), "and what there was is told");
    // With its launcher everything ends.
    let mark = mark();
    let running = who.start(&["--denied"], &["sh", "-c", "probe flood >/dev/null & sleep $0; :", &mark]);
    let sleeper = running.sleeper(&mark);
    running.signal(Signal::KILL);
    assert!(comes(|| matches!(process::state(sleeper), '-' | 'Z')), "it ends with its launcher");
}

fn a_command_that_is_not_there_is_told_as_ever(who: &Who) {
    who.run(&["--denied"], &["no-such-command"]).refused(127, &["not found"]);
    who.run(&["--denied", "--no-init"], &["no-such-command"]).refused(127, &["not found"]);
}

/// The listener is handed over by a call that nobody answers yet.
fn a_filter_that_may_hold_up_the_start_is_none(who: &Who) {
    let folder = who.folder();
    let path = folder.join("filter").display().to_string();
    // Codes of classic BPF (linux/bpf_common.h), and offsets in `struct seccomp_data`.
    let (load, equal, answer) = (0x20, 0x15, 0x06);
    let own = format!("seccomp={path}");
    // Its descriptor, and its flags: 0 or EPERM. All other calls are allowed.
    for offset in [16, 32] {
        let program: [(u16, u8, u8, u32); 6] = [
            (load, 0, 0, 0),
            (equal, 0, 2, libc::SYS_sendmsg as u32),
            (load, 0, 0, offset),
            (equal, 0, 1, 0),
            (answer, 0, 0, libc::SECCOMP_RET_ALLOW),
            (answer, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        ];
        let bytes = program.iter().flat_map(|&(code, then, otherwise, value)| {
            [&code.to_ne_bytes()[..], &[then, otherwise], &value.to_ne_bytes()].concat()
        });
        fs::write(&path, bytes.collect::<Vec<u8>>()).expect("our own folder");
        for options in [&["--denied"][..], &["--denied", "--no-init"]] {
            let options = [options, &["--security-opt", &own]].concat();
            who.run(&options, &["echo", "runs"]).refused(125, &["this filter refuses or examines sendmsg"]);
        }
        who.run(&["--security-opt", &own], &["echo", "runs"]).prints("runs");
    }
}
