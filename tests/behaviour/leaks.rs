//! Nothing of the caller's comes along but what was asked for, and nobody is more by aril than without it.

use crate::exec::Place;
use crate::support::{Who, eventually, mark, tool};
use rustix::process::Signal;
use std::fs;
use std::process::Command;

crate::tests! {
    both: pid_1_s_command_line_is_hidden, nor_is_one_seen_that_comes_in, the_caller_s_keys_stay_outside, the_caller_s_ignored_signals_are_not_the_command_s,
        nor_are_those_that_the_caller_has_blocked, the_caller_s_umask_is_not_the_command_s,
        the_caller_s_personality_is_not_the_command_s;
    as_root: the_launcher_keeps_what_cleaning_up_takes, the_caller_s_groups_stay_outside;
    as_user: there_is_no_setuid_mode, nor_is_there_one_of_the_init_alone, a_copy_in_memory_can_be_executed_whatever_is_usual;
}

/// From the first instruction of the command. On one processor, where nobody takes it from whoever has it (SCHED_BATCH), a command
/// comes before PID 1 has gone on.
fn pid_1_s_command_line_is_hidden(who: &Who) {
    who.needs_probe();
    let options = ["--hostname", "box", "-e", "SECRET=word"];
    for starter in [&["taskset", "-c", "0", "chrt", "--batch", "0"][..], &[]] {
        for _ in 0..25 {
            who.run_in(&who.rootfs(), &options, &["probe", "shown"]).under(starter).run().prints("hidden");
        }
    }
}

/// Of a process that comes in later nothing is seen but its command, whoever looks.
fn nor_is_one_seen_that_comes_in(who: &Who) {
    who.needs_probe();
    let place = Place::of(who);
    let (running, name) = place.start_in(&who.rootfs(), &[], &["probe", "spy", "hush"]);
    running.expect("spies\n");
    let waiting = place.exec(&name, &["sh", "-c", "read hush"]).start();
    running.expect("spied\n");
    waiting.finish().exited(1);
    // With a trace it takes longer until it executes.
    for options in [&["--trace", "-e"][..], &["-e"]] {
        for _ in 0..25 {
            place.exec(options[0], &[&options[1..], &["SECRET=hush", &name, "true"]].concat()).run().exited(0);
        }
    }
    running.signal(Signal::TERM);
    running.finish().exited(143).says("spies\nspied");
}

/// keyctl(2) is refused by the filter besides; without that it is the keyring that is another.
fn the_caller_s_keys_stay_outside(who: &Who) {
    who.needs_probe();
    let probe = who.binary("probe");
    let outside = who.program(&probe, &["key"]).under(&[&probe, "with-key"]).run();
    if outside.code() == Some(1) {
        who.skip("this kernel has no keyrings for this user");
    }
    outside.prints("key allowed");
    let options = ["--security-opt", "seccomp=unconfined"];
    let inside = || who.run_in(&who.rootfs(), &options, &["probe", "key"]).under(&[&probe, "with-key"]);
    let outcome = inside().run();
    outcome.ok().check(!outcome.out().contains("allowed"), "it is not found");
}

fn the_caller_s_ignored_signals_are_not_the_command_s(who: &Who) {
    for options in [&[][..], &["--no-init"]] {
        let look = ["grep", "^SigIgn:", "/proc/self/status"];
        let run = who.run_in(&who.rootfs(), options, &look);
        let outcome =
            run.under(&["bash", "-c", "trap '' HUP INT QUIT PIPE TERM USR1 CHLD TSTP 40; exec \"$@\"", "bash"]).run();
        outcome.prints("SigIgn:\t0000000000000000");
    }
}

fn nor_are_those_that_the_caller_has_blocked(who: &Who) {
    for options in [&[][..], &["--no-init"]] {
        let run = who.run_in(&who.rootfs(), options, &["grep", "^SigBlk:", "/proc/self/status"]);
        let outcome = run.under(&["env", "--block-signal=INT,USR1,TERM,TTIN,RTMIN"]).run();
        outcome.prints("SigBlk:\t0000000000000000");
    }
}

/// Whoever takes it over from inside, through the terminal's output for one, has not all of root's rights.
fn the_launcher_keeps_what_cleaning_up_takes(who: &Who) {
    // dac_override, dac_read_search, fowner and kill (linux/capability.h).
    const KEPT: &str = "CapPrm:\t000000000000002e\nCapEff:\t000000000000002e\n";
    for options in [&[][..], &["--userns", "host"], &["--no-init"]] {
        let mark = mark();
        let running = who.run_in(&who.rootfs(), options, &["sleep", &mark]).start();
        running.sleeper(&mark);
        let status = || fs::read_to_string(format!("/proc/{}/status", running.pid())).expect("it runs");
        eventually("the rest is dropped", || status().contains(KEPT));
        running.signal(Signal::TERM);
    }
}

/// The caller's is of whoever started him; of aril's own files in the container others would have all rights, or none.
fn the_caller_s_umask_is_not_the_command_s(who: &Who) {
    let script =
        "umask; grep Umask: /proc/1/status; >/tmp/file; mkdir /tmp/folder; stat -c %a /tmp/file /tmp/folder /made /dev";
    let root: &[&[&str]] = &[&["--userns", "host"], &["--userns", "identity"]];
    for options in [&[][..], &["--no-init"]].iter().chain(root.iter().filter(|_| who.is_root())) {
        for umask in ["000", "077", "0777"] {
            let options = [options, &["--overlay", "--tmpfs", "/tmp", "--tmpfs", "/made/below"][..]].concat();
            let run = who.run_in(&who.rootfs(), &options, &["sh", "-c", script]);
            let run = run.under(&["sh", "-c", "umask $0; exec \"$@\"", umask]);
            run.run().prints("0022\nUmask:\t0022\n644\n755\n755\n755");
        }
    }
}

/// Whoever looks for a bug with `setarch -R` has addresses that are not chance's; nobody behind walls has them.
fn the_caller_s_personality_is_not_the_command_s(who: &Who) {
    let look = ["cat", "/proc/self/personality"];
    // What a program notices of itself.
    let under = ["setarch", "-R", "-B", "-T"];
    who.program(look[0], &look[1..]).under(&under).run().prints("04840000");
    for options in [&[][..], &["--no-init"]] {
        who.run_in(&who.rootfs(), options, &look).under(&under).run().prints("00000000");
    }
    let place = Place::of(who);
    let (_running, name) = place.start_in(&who.rootfs(), &[], &["sleep", &mark()]);
    place.exec(&name, &look).under(&under).run().prints("00000000");
    // Who asks for one inside has it.
    if cfg!(target_arch = "x86_64") {
        who.run(&[], &["linux32", "uname", "-m"]).prints("i686");
    }
}

/// Only root can leave them; an ordinary user's stay with him (user_namespaces(7), setgroups).
fn the_caller_s_groups_stay_outside(who: &Who) {
    let starter = ["setpriv", "--groups", "0,1234,5678"];
    let look = ["grep", "-h", "^Groups:", "/proc/self/status", "/proc/1/status"];
    who.program(look[0], &look[1..4]).under(&starter).run().mentions("1234 5678");
    let user = ["--user", "405:100"];
    for options in [&[][..], &["--userns", "host"], &["--userns", "identity"], &["--no-init"], &user] {
        let outcome = who.run_in(&who.rootfs(), options, &look).under(&starter).run();
        let out = outcome.ok().out();
        let no_group = |line: &str| line.trim_end() == "Groups:";
        outcome.check(out.lines().count() == 2 && out.lines().all(no_group), "neither the command nor PID 1 has any");
    }
}

/// Each is a copy of the binary of somebody else's, with a mode or a capability that would make its caller more.
fn there_is_no_setuid_mode(who: &Who) {
    who.needs_root_behind();
    let folder = who.folder();
    let copy = folder.join("aril").display().to_string();
    let line = "run with the rights of its file: there is no setuid mode";
    tool("cp", &[&who.binary("aril"), &copy]);
    tool("chown", &["0:0", &copy]);
    for (mode, refused) in [("755", false), ("4755", true), ("2755", true), ("6755", true)] {
        tool("chmod", &[mode, &copy]);
        for words in [&["--version"][..], &["run", "/", "true"], &["init", "true"], &["ps"]] {
            let outcome = who.program(&copy, words).run();
            if refused {
                outcome.refused(125, &[line]);
            } else {
                outcome.check(!outcome.err().contains(line), "a file like any other");
            }
        }
        // Root is no more by it.
        tool(&copy, &["--version"]);
    }
    tool("chmod", &["755", &copy]);
    // In force from the first, or only had (+p): it could make that so.
    for capabilities in ["cap_sys_admin+ep", "cap_sys_admin+p"] {
        if !Command::new("setcap").args([capabilities, &copy]).status().is_ok_and(|status| status.success()) {
            who.skip("setcap is missing, or the file system takes no capabilities");
        }
        who.program(&copy, &["--version"]).run().refused(125, &[line]);
    }
    // Where nobody gains anything by a file it is one like any other.
    let outcome = who.program(&copy, &["--version"]).under(&["setpriv", "--no-new-privs"]).run();
    outcome.ok();
}

fn nor_is_there_one_of_the_init_alone(who: &Who) {
    who.needs_root_behind();
    let folder = who.folder();
    let copy = folder.join("aril-init").display().to_string();
    tool("cp", &[&who.binary("aril-init"), &copy]);
    tool("chown", &["0:0", &copy]);
    for (mode, is_refused) in [("755", false), ("4755", true), ("2755", true), ("6755", true)] {
        tool("chmod", &[mode, &copy]);
        let outcome = who.program(&copy, &["echo", "runs"]).run();
        if is_refused {
            outcome.exited(125).check(outcome.out().is_empty(), "nothing is run");
        } else {
            outcome.prints("runs");
        }
        tool(&copy, &["true"]);
    }
}

/// `vm.memfd_noexec` is a setting of a pid namespace: 1 makes no file in memory executable that does not ask for it, 2 none at all.
fn a_copy_in_memory_can_be_executed_whatever_is_usual(who: &Who) {
    who.needs_root_behind();
    who.needs_linux((6, 3), "vm.memfd_noexec came with Linux 6.3");
    let folder = who.folder();
    let own = folder.join("aril").display().to_string();
    tool("cp", &[&who.binary("aril"), &own]);
    tool("chown", &[&who.uid().to_string(), &own]);
    let run = |setting: &str| {
        let script = format!(
            "set -e; echo {setting} >/proc/sys/vm/memfd_noexec; exec setpriv --reuid={} --regid={} --clear-groups \"$@\"",
            who.uid(),
            who.gid()
        );
        let words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", &script, "sh"];
        let rootfs = who.rootfs();
        let words = [&words[..], &[&own, "run", &rootfs, "echo", "runs"]].concat();
        who.caller(true).program(words[0], &words[1..]).run()
    };
    for setting in ["0", "1"] {
        run(setting).prints("runs");
    }
    run("2").refused(125, &["from a sealed copy in memory", "(EACCES)", "sysctl vm.memfd_noexec=1"]);
}
