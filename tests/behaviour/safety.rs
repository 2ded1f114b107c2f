//! Point 9: what a command may not do, without being asked to be good.

use crate::support::{Who, eventually, executable, mark, process, tool};
use std::fs;

crate::tests! {
    both: no_new_privileges_are_gained, the_usual_capabilities_are_left, capabilities_are_added_and_dropped,
        pid_1_keeps_no_privilege_but_to_signal, descriptors_do_not_get_in, descriptors_are_passed_on_when_asked,
        the_working_directory_is_never_outside, typing_into_the_terminal_is_refused, foreign_entries_are_refused,
        pid_1_cannot_be_looked_into, there_is_no_way_out_by_a_second_chroot;
    as_root: another_user_has_no_capabilities, pid_1_s_program_is_never_writable, pid_1_holds_none_of_the_caller_s_descriptors,
        what_the_command_was_given_is_closed_in_pid_1, no_stream_is_a_directory;
}

/// capabilities(7) by number: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
/// sys_chroot, mknod, audit_write, setfcap.
const USUAL: u64 = 1 << 0
    | 1 << 1
    | 1 << 3
    | 1 << 4
    | 1 << 5
    | 1 << 6
    | 1 << 7
    | 1 << 8
    | 1 << 10
    | 1 << 13
    | 1 << 18
    | 1 << 27
    | 1 << 29
    | 1 << 31;
const KILL: u64 = 1 << 5;

/// The command's sets as `/proc/PID/status` has them: inheritable, permitted, effective, bounding, ambient.
fn capabilities(who: &Who, options: &[&str]) -> [u64; 5] {
    let script = "for set in Inh Prm Eff Bnd Amb; do awk \"/^Cap$set/ {print \\$2}\" /proc/self/status; done";
    let outcome = who.sh(options, script);
    let sets: Vec<u64> = outcome.ok().out().lines().map(|set| u64::from_str_radix(set, 16).expect("in hex")).collect();
    sets.try_into().unwrap_or_else(|_| panic!("five sets: {outcome}"))
}

fn no_new_privileges_are_gained(who: &Who) {
    let script = "awk '/^NoNewPrivs|^Seccomp:/ {print $1, $2}' /proc/self/status";
    who.sh(&[], script).prints("NoNewPrivs: 1\nSeccomp: 2");
    who.sh(&["--no-init"], script).prints("NoNewPrivs: 1\nSeccomp: 2");
}

fn the_usual_capabilities_are_left(who: &Who) {
    assert_eq!(capabilities(who, &[]), [0, USUAL, USUAL, USUAL, 0]);
    if who.is_root() {
        assert_eq!(capabilities(who, &["--userns", "host"]), [0, USUAL, USUAL, USUAL, 0]);
    }
}

fn capabilities_are_added_and_dropped(who: &Who) {
    let last: u32 = tool("cat", &["/proc/sys/kernel/cap_last_cap"]).parse().expect("a number");
    let all = (1_u64 << (last + 1)) - 1;
    for (options, left) in [
        (&["--cap-add", "net_admin"][..], USUAL | 1 << 12),
        (&["--cap-drop", "CAP_CHOWN"], USUAL & !1),
        (&["--cap-drop", "all"], 0),
        (&["--cap-drop", "all", "--cap-add", "Chown", "--cap-add", "CAP_KILL"], 1 | KILL),
        (&["--cap-add", "all"], all),
        (&["--cap-add", "ALL", "--cap-drop", "sys_admin"], all & !(1 << 21)),
    ] {
        assert_eq!(capabilities(who, options), [0, left, left, left, 0], "{options:?}");
    }
}

fn another_user_has_no_capabilities(who: &Who) {
    for options in [&["--user", "405:100"][..], &["--user", "405:100", "--userns", "host"]] {
        assert_eq!(capabilities(who, options), [0, 0, 0, USUAL, 0], "{options:?}");
    }
}

fn pid_1_keeps_no_privilege_but_to_signal(who: &Who) {
    let root: &[&[&str]] = &[&["--userns", "host"], &["--user", "405:100"]];
    for options in [&[][..], &["--cap-add", "all"]].iter().chain(root.iter().filter(|_| who.is_root())) {
        // It drops them when the command runs, so that may be a moment from now.
        let wait = "n=0; until grep -Eq '^CapPrm:.0{14}[02]0$' /proc/1/status || [ $n = 1000 ]; do n=$((n+1)); sleep 0.01; done; \
            grep -E '^Cap(Prm|Eff|Amb):' /proc/1/status";
        let outcome = who.sh(options, wait);
        let out = outcome.ok().out();
        let sets: Vec<u64> = out
            .split_whitespace()
            .skip(1)
            .step_by(2)
            .map(|set| u64::from_str_radix(set, 16).expect("in hex"))
            .collect();
        let none = matches!(sets[..], [permitted, effective, 0] if permitted & !KILL == 0 && effective & !KILL == 0);
        outcome.check(none, format_args!("{options:?}: at most kill is left: {sets:?}"));
    }
}

/// The descriptors above 2 that the command finds, as a shell's glob names them: no process of its own opens one.
const LIST: &str =
    "for fd in /proc/self/fd/*; do case ${fd##*/} in [012]) ;; *) test -e $fd && echo ${fd##*/} ;; esac; done; :";

fn descriptors_do_not_get_in(who: &Who) {
    let open = "exec 3</etc/passwd 4</ 7</etc 99</proc; exec \"$@\"";
    for options in [&[][..], &["--no-init"], &["--change-root", "chroot"]] {
        let run = who.run_in(&who.rootfs(), options, &["sh", "-c", LIST]);
        let outcome = run.under(&["bash", "-c", open, "bash"]).run();
        let strange: Vec<String> = outcome.ok().out().lines().map(ToString::to_string).collect();
        outcome.check(strange.is_empty(), format_args!("{options:?} lets in {strange:?}"));
    }
}

fn descriptors_are_passed_on_when_asked(who: &Who) {
    let folder = who.folder();
    for fd in 3..=5 {
        fs::write(folder.join(&fd.to_string()), format!("this is {fd}\n")).expect("our own folder");
    }
    let open = "cd $0; exec 3<3 4<4 5<5; cd /; exec \"$@\"";
    for (count, found) in [("0", ""), ("1", "this is 3"), ("2", "this is 3\nthis is 4")] {
        let read = "for fd in 3 4 5; do if [ -e /proc/self/fd/$fd ]; then eval \"cat <&$fd\"; fi; done";
        let run = who.run_in(&who.rootfs(), &["--preserve-fds", count], &["sh", "-c", read]);
        run.under(&["bash", "-c", open, folder.str()]).run().prints(found);
    }
    let run = who.run_in(&who.rootfs(), &["--preserve-fds", "1"], &["true"]);
    run.under(&["bash", "-c", "exec 3>&-; exec \"$@\"", "bash"]).run().refused(125, &["descriptor 3", "(EBADF)"]);
}

/// From one of the host's `..` leads to its root.
fn no_stream_is_a_directory(who: &Who) {
    for (stream, name) in [("0", "standard input"), ("1", "standard output"), ("2", "standard error")] {
        let open = format!("exec {stream}</; exec \"$@\"");
        let run = who.run_in(&who.rootfs(), &[], &["ls", &format!("/proc/self/fd/{stream}/")]);
        let outcome = run.under(&["bash", "-c", &open, "bash"]).run();
        if stream == "2" {
            outcome.exited(125)
        } else {
            outcome.refused(125, &[name])
        };
    }
}

fn pid_1_holds_none_of_the_caller_s_descriptors(who: &Who) {
    let mark = mark();
    let run = who.run_in(&who.rootfs(), &[], &["sleep", &mark]);
    let running = run.under(&["bash", "-c", "exec 7</etc/passwd 8</; exec \"$@\"", "bash"]).start();
    let sleeper = running.sleeper(&mark);
    for pid in [running.init(), sleeper] {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("root may look");
        let files: Vec<String> =
            files.filter_map(|file| Some(fs::read_link(file.ok()?.path()).ok()?.display().to_string())).collect();
        assert!(files.iter().all(|file| file != "/etc/passwd" && file != "/"), "{pid}: {files:?}");
    }
}

/// Whoever waits for the end of a pipe that the command has would wait for aril too.
fn what_the_command_was_given_is_closed_in_pid_1(who: &Who) {
    for count in ["1", "2", "5"] {
        let mark = mark();
        let run = who.run_in(&who.rootfs(), &["--preserve-fds", count], &["sleep", &mark]);
        let open = "exec 3</etc/passwd 4</etc/group 5</etc 6</ 7</proc; exec \"$@\"";
        let running = run.under(&["bash", "-c", open, "bash"]).start();
        let (sleeper, init) = (running.sleeper(&mark), running.init());
        let given: Vec<u32> = (3..3 + count.parse::<u32>().expect("a number")).collect();
        let file = |pid: u32, fd: &u32| fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok();
        let files: Vec<_> = given.iter().filter_map(|fd| file(sleeper, fd)).collect();
        assert_eq!(files.len(), given.len(), "the command has them: {files:?}");
        // It closes them when the command runs, so that may be a moment from now. What it opens itself may get their numbers.
        let holds = || given.iter().filter_map(|fd| file(init, fd)).any(|file| files.contains(&file));
        eventually("the end of PID 1's own", || !holds());
        drop(running);
        eventually("the end of the command", || process::sleeper(&mark).is_none());
    }
}

fn the_working_directory_is_never_outside(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("outside"), "").expect("our own folder");
    let script = "ls outside ../outside 2>/dev/null; cd ..; pwd -P; ls -d /proc/1/cwd/outside 2>/dev/null; :";
    for options in [&[][..], &["--no-init"], &["--change-root", "chroot"], &["--pid", "host"]] {
        who.run_in(&who.rootfs(), options, &["sh", "-c", script]).dir(folder.path()).run().prints("/");
    }
}

/// The filter speaks before the device: on /dev/null the calls would be ENOTTY.
fn typing_into_the_terminal_is_refused(who: &Who) {
    who.needs_probe();
    let root: &[&[&str]] = &[&["--userns", "host", "--cap-add", "all"]];
    for options in [&[][..], &["--cap-add", "all"], &["--no-init"]].iter().chain(root.iter().filter(|_| who.is_root()))
    {
        let outcome = who.run_in(&who.rootfs(), options, &["sh", "-c", "probe inject </dev/null"]).run();
        let refused = |line: &str| !line.ends_with(" allowed") && !line.ends_with(&format!(" {}", libc::ENOTTY));
        let out = outcome.ok().out();
        outcome
            .check(out.lines().count() == 4 && out.lines().all(refused), format_args!("{options:?}: all four refused"));
    }
}

fn foreign_entries_are_refused(who: &Who) {
    who.needs_probe();
    let outside = who.program(&who.binary("probe"), &["foreign-entries"]).run();
    if !outside.out().contains("allowed") {
        who.skip("this kernel has no other entries itself");
    }
    // The kernel may also end the process for it.
    let outcome = who.run(&[], &["probe", "foreign-entries"]);
    outcome.check(!outcome.out().contains("allowed"), "none is allowed");
    outcome.check(
        outcome.code() == Some(0) || outcome.code() == Some(128 + libc::SIGSYS),
        "it answers, or is ended by SIGSYS",
    );
}

fn pid_1_cannot_be_looked_into(who: &Who) {
    let look = "for file in exe cwd root fd/0 ns/mnt; do readlink /proc/1/$file && echo open; done; \
        for file in environ maps mem; do head -c 1 /proc/1/$file && echo open; done; \
        ls /proc/1/root/ && echo open; (: </proc/1/exe) && echo open; :";
    let root: &[&[&str]] = &[&["--userns", "host"], &["--user", "405:100"]];
    for options in [&[][..], &["--cap-add", "sys_chroot"]].iter().chain(root.iter().filter(|_| who.is_root())) {
        let outcome = who.sh(options, &format!("({look}) 2>/dev/null"));
        outcome.exited(0).check(!outcome.out().contains("open"), format_args!("{options:?}: all is closed"));
    }
}

/// With every capability and no user namespace it can be looked into: then it must lie on a read-only mount, or a command
/// could replace the machine's aril once it has ended (CVE-2019-5736).
fn pid_1_s_program_is_never_writable(who: &Who) {
    who.needs_probe();
    let before = fs::read(who.binary("aril")).expect("ours");
    for options in [
        &["--userns", "host", "--cap-add", "all"][..],
        &["--userns", "host", "--cap-add", "sys_ptrace"],
        &["--cap-add", "all"],
    ] {
        let outcome = who.run(options, &["probe", "writable", "/proc/1/exe"]);
        let out = outcome.ok().out();
        let errnos = [libc::EACCES.to_string(), libc::EPERM.to_string()];
        let safe = out.trim_end() == "read-only" || errnos.iter().any(|errno| errno == out.trim_end());
        outcome.check(safe, format_args!("{options:?}: it is read-only or refused"));
        who.sh(options, "! { echo x >>/proc/1/exe; } 2>/dev/null").ok();
    }
    assert!(fs::read(who.binary("aril")).expect("ours") == before);
}

fn there_is_no_way_out_by_a_second_chroot(who: &Who) {
    who.needs_probe();
    let folder = who.folder();
    let secret = folder.join("secret").display().to_string();
    executable(folder.join("secret").as_path(), "outside");
    let outcome = who.run(&["--cap-add", "all", "--tmpfs", "/tmp"], &["probe", "escape", &secret]);
    outcome.exited(1).check(!outcome.out().contains("outside"), "the machine's files are not there");
    who.run(&["--tmpfs", "/tmp"], &["probe", "escape", "/etc/os-release"]).mentions("ID=aril-busybox");
}
