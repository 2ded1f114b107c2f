//! Limits and other settings of the command's process: each seen from inside, and not on aril itself.

use crate::support::{Who, mark, process};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

crate::tests! {
    both: limits_are_what_was_asked_for, a_limit_for_the_command_is_none_for_aril, what_was_said_last_counts,
        a_process_can_be_made_less_important, processors_are_chosen, new_files_get_the_mask, the_domain_is_named,
        variables_come_from_files, variables_come_by_a_pipe, a_file_of_variables_says_what_is_wrong, time_is_up, a_command_in_time_keeps_its_status,
        a_stop_request_is_the_signal_that_was_chosen, signals_can_be_kept_from_the_command, values_are_checked;
    as_root: root_raises_limits, root_makes_a_process_more_important, groups_are_added;
    as_user: an_ordinary_user_is_told_what_he_may_not, an_ordinary_user_has_no_groups_to_add;
}

fn limits_are_what_was_asked_for(who: &Who) {
    let options = ["--ulimit", "nofile=64:128", "--ulimit", "core=0", "--ulimit", "fsize=1m"];
    let script = "ulimit -Sn; ulimit -Hn; ulimit -c; grep 'Max file size' /proc/self/limits | awk '{print $4, $5}'";
    who.sh(&options, script).prints("64\n128\n0\n1048576 1048576");
    who.sh(&["--ulimit", "nproc=unlimited:unlimited"], "true").check(true, "the caller's own");
}

/// As low as a command can be started with.
fn a_limit_for_the_command_is_none_for_aril(who: &Who) {
    let options = ["--ulimit", "nofile=3:3", "--verbose", "--overlay"];
    who.sh(&options, "ulimit -n").exited(0).says("3");
    let mark = mark();
    let running = who.start(&["--ulimit", "nofile=5:5"], &["sleep", &mark]);
    running.sleeper(&mark);
    for pid in [running.pid(), running.init()] {
        let limits =
            fs::read_to_string(format!("/proc/{pid}/limits")).expect("root may read it, and the caller his own");
        let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("proc_pid_limits(5)");
        assert!(!line.contains(" 5 "), "{line}");
    }
}

fn what_was_said_last_counts(who: &Who) {
    who.sh(&["--ulimit", "nofile=64", "--ulimit", "nofile=32"], "ulimit -n").prints("32");
    who.sh(&["--umask", "0", "--umask", "077"], "umask").prints("0077");
}

/// Higher than the caller's own, since that is everyone's right.
fn a_process_can_be_made_less_important(who: &Who) {
    who.sh(
        &["--oom-score-adj", "900", "--nice", "7"],
        "cat /proc/self/oom_score_adj; awk '{print $19}' /proc/self/stat",
    )
    .prints("900\n7");
}

fn root_makes_a_process_more_important(who: &Who) {
    who.sh(&["--nice", "-5"], "awk '{print $19}' /proc/self/stat").prints("-5");
}

/// linux/capability.h.
const CAP_SYS_RESOURCE: u32 = 24;

fn root_raises_limits(who: &Who) {
    let refused = ["allow the limit nofile=1t", "(EPERM)", "fs.nr_open"];
    who.sh(&["--ulimit", "nofile=1t"], "true").refused(125, &refused);
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).expect("proc_pid_status(5)");
    if u64::from_str_radix(set, 16).expect("a set") >> CAP_SYS_RESOURCE & 1 == 0 {
        who.skip("root lacks CAP_SYS_RESOURCE here");
    }
    let run = |options: &[&str]| {
        let command = ["sh", "-c", "ulimit -Hn; cat /proc/self/oom_score_adj"];
        who.run_in(&who.rootfs(), options, &command).under(&["prlimit", "--nofile=100:100"]).run()
    };
    run(&[]).prints("100\n0");
    run(&["--ulimit", "nofile=200", "--oom-score-adj", "-200"]).prints("200\n-200");
}

fn an_ordinary_user_is_told_what_he_may_not(who: &Who) {
    let outcome = who.run_in(&who.rootfs(), &["--ulimit", "nofile=200"], &["true"]);
    outcome
        .under(&["prlimit", "--nofile=100:100"])
        .run()
        .refused(125, &["allow the limit nofile=200", "(EPERM)", "ulimit -H"]);
    who.sh(&["--nice", "-1"], "true").refused(125, &["set the nice value to -1", "only root"]);
    let outcome = who.run_in(&who.rootfs(), &["--oom-score-adj", "-1"], &["true"]).run();
    outcome.refused(125, &["set oom_score_adj to -1", "(EACCES)", "only root"]);
}

fn processors_are_chosen(who: &Who) {
    who.sh(&["--cpu-affinity", "0"], "grep Cpus_allowed_list /proc/self/status").prints("Cpus_allowed_list:\t0");
    who.sh(&["--cpu-affinity", "1000-1023"], "true").refused(125, &["run on processors 1000-1023", "(EINVAL)"]);
}

fn new_files_get_the_mask(who: &Who) {
    let script = ">/tmp/file; mkdir /tmp/folder; stat -c %a /tmp/file /tmp/folder; umask";
    who.sh(&["--tmpfs", "/tmp", "--umask", "027"], script).prints("640\n750\n0027");
    who.sh(&["--tmpfs", "/tmp"], "umask").prints("0022");
}

fn the_domain_is_named(who: &Who) {
    who.sh(&["--domainname", "example.org"], "cat /proc/sys/kernel/domainname").prints("example.org");
    who.run(&["--uts", "host", "--domainname", "x"], &["true"]).refused(125, &["--domainname", "uts"]);
}

/// As docker-run(1) has it: no quotes, no expansion; a name alone passes the caller's variable on; `-e` counts more.
fn variables_come_from_files(who: &Who) {
    let folder = who.folder();
    fs::write(
        folder.join("first"),
        "# words\n\n  \t\n  A=1\n  # more\nB=two words \"quoted\" $A\nHANDED\nABSENT\nC=\n",
    )
    .expect("ours");
    fs::write(folder.join("second"), "A=second\nD=last line").expect("ours");
    let [first, second] = ["first", "second"].map(|name| folder.join(name).display().to_string());
    let script = "printf '%s|' \"$A\" \"$B\" \"$HANDED\" \"${ABSENT-unset}\" \"${C-unset}\" \"$D\"";
    let options = ["--env-file", &first, "-e", "D=option", "--env-file", &second];
    let run = who.run_in(&who.rootfs(), &options, &["sh", "-c", script]).env("HANDED", "on").env("A", "caller's");
    run.run().prints("second|two words \"quoted\" $A|on|unset||option|");
}

/// Which can be read but once: where aril executes itself anew, too.
fn variables_come_by_a_pipe(who: &Who) {
    let folder = who.folder();
    let (script, rootfs) = ("exec \"$0\" run --env-file <(echo A=piped) \"$1\" sh -c 'echo $A'", who.rootfs());
    for aril in [who.binary("aril"), who.writable(&folder)] {
        who.program("bash", &["-c", script, &aril, &rootfs]).run().prints("piped");
    }
}

fn a_file_of_variables_says_what_is_wrong(who: &Who) {
    let folder = who.folder();
    let path = folder.join("variables").display().to_string();
    who.run(&["--env-file", &path], &["true"]).refused(125, &["read the variables in", "(ENOENT)"]);
    for (text, line) in
        [("A=1\n=2\n", "line 2"), ("A=1\nB\tC=2\n", "line 2"), ("export A=1", "line 1"), ("# x\n\nA=a\0b", "line 3")]
    {
        fs::write(&path, text).expect("ours");
        who.run(&["--env-file", &path], &["true"]).refused(125, &["read the variables in", line]);
    }
}

/// Everything ends, whatever it ignores.
fn time_is_up(who: &Who) {
    let mark = mark();
    let script = format!("trap '' TERM INT HUP; sleep {mark} & sleep {mark}");
    who.sh(&["--timeout", "300ms"], &script).exited(124);
    assert!(process::naming(&mark).is_empty(), "nobody is left");
    who.run(&["--no-init", "--timeout", "1s"], &["true"]).refused(125, &["--timeout", "--no-init"]);
}

fn a_command_in_time_keeps_its_status(who: &Who) {
    who.sh(&["--timeout", "1h"], "exit 3").exited(3);
    // Killed, but not by the clock.
    who.sh(&["--timeout", "1h"], "kill -KILL $$").exited(137);
}

fn a_stop_request_is_the_signal_that_was_chosen(who: &Who) {
    let script = "trap 'echo interrupted; exit 4' INT; trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    for no_init in [&[][..], &["--no-init"]] {
        let running = who.start(&[&["--stop-signal", "SIGINT"], no_init].concat(), &["sh", "-c", script]);
        running.expect("ready");
        running.signal(Signal::TERM);
        running.finish().exited(4).says("ready\ninterrupted");
    }
    // Its time-out is that of any stop request.
    let options = ["--stop-signal", "USR1", "--stop-timeout", "100ms"];
    let running = who.start(&options, &["sh", "-c", "trap '' USR1; echo ready; while :; do sleep 0.05; done"]);
    running.expect("ready");
    running.signal(Signal::TERM);
    running.finish().exited(137);
}

fn signals_can_be_kept_from_the_command(who: &Who) {
    let script = "trap 'echo got it' INT TERM HUP USR1; echo ready; read word; echo $word";
    let mut running = who.start(&["--sig-proxy=false"], &["sh", "-c", script]);
    running.expect("ready");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::USR1] {
        running.signal(signal);
    }
    running.send("done");
    running.finish().prints("ready\ndone");
    // SIGKILL takes the container with it all the same.
    let mark = mark();
    let running = who.start(&["--sig-proxy", "false"], &["sleep", &mark]);
    running.sleeper(&mark);
    kill_process(Pid::from_raw(running.pid() as i32).expect("a process"), Signal::KILL).expect("it lives");
    crate::support::eventually("the end of the container", || process::naming(&mark).is_empty());
}

fn groups_are_added(who: &Who) {
    who.sh(&["--group-add", "wheel", "--group-add", "777"], "id -u; id -G").prints("0\n0 10 777");
    who.sh(&["--user", "405:100", "--group-add", "5"], "id -G").prints("100 5");
    who.sh(&["--group-add", "no-such"], "true").refused(125, &["add group no-such", "/etc/group"]);
}

fn an_ordinary_user_has_no_groups_to_add(who: &Who) {
    who.sh(&["--group-add", "5"], "true").refused(125, &["setgroups", "an ordinary user"]);
}

fn values_are_checked(who: &Who) {
    for (option, value) in [
        ("--ulimit", "files=1"),
        ("--ulimit", "nofile=2:1"),
        ("--oom-score-adj", "1001"),
        ("--nice", "x"),
        ("--cpu-affinity", "3-1"),
        ("--umask", "9"),
        ("--timeout", "soon"),
        ("--stop-signal", "STOPIT"),
        ("--stop-signal", "STOP"),
        ("--stop-signal", "CHLD"),
        ("--sig-proxy", "maybe"),
    ] {
        who.run(&[option, value], &["true"]).refused(125, &[&option[2..], value]);
    }
}
