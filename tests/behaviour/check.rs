//! `aril check`: what works here, and for each cause that something does not, the cause is made and the remedy tried.

use crate::support::cgroups;
use crate::support::{Outcome, Run, When, Who, mark, tool, traces::Traces};
use std::fs;
use std::path::Path;

crate::tests! {
    both: everything_works_here_and_nothing_is_left_behind, a_limit_of_0_is_named_and_raised, a_root_that_cannot_be_run_is_said,
        what_it_prints_for_programs_is_the_same, a_call_that_a_filter_refuses_is_named, a_chroot_is_named,
        a_masked_proc_is_named, a_missing_proc_is_named, landlock_that_is_switched_off_is_named, devices_that_are_missing_are_named,
        a_kernel_that_is_too_old_is_named, a_filter_that_kills_is_survived;
    as_user: debian_s_switch_is_named_and_turned, ubuntu_s_restriction_is_named_with_a_profile_for_this_path,
        a_limit_of_processes_is_told_from_another, a_group_is_delegated_by_what_it_says, ids_that_are_not_mapped_are_named;
    as_root: without_user_namespaces_the_others_are_tried_alone, a_full_cgroup_is_named, a_security_module_s_profile_is_named;
    both: groups_that_limit_nothing_are_no_control_groups;
    once: what_else_is_asked_is_refused;
}

/// A line of the report with its advice.
struct Row {
    works: bool,
    says: String,
    advice: String,
}

/// The row whose name begins so.
#[track_caller]
fn row(outcome: &Outcome, name: &str) -> Row {
    let out = outcome.out();
    let mut lines = out.lines().skip_while(|line| !line.get(5..).is_some_and(|rest| rest.starts_with(name)));
    let line = lines.next().unwrap_or_else(|| panic!("no row {name:?}\n{outcome}"));
    let says = line[5 + name.len()..].split_once(": ").map_or("", |(_, says)| says).to_string();
    let advice = lines.next().and_then(|line| line.strip_prefix("     ")).unwrap_or_default().to_string();
    Row { works: line.starts_with("yes  "), says, advice }
}

#[track_caller]
fn works(outcome: &Outcome, names: &[&str]) {
    for name in names {
        outcome.check(row(outcome, name).works, format_args!("{name} works"));
    }
}

/// This row fails, and it or its advice has all these words.
#[track_caller]
fn fails(outcome: &Outcome, name: &str, words: &[&str]) -> Row {
    let row = row(outcome, name);
    outcome.check(!row.works, format_args!("{name} does not work"));
    for word in words {
        let has = row.says.contains(word) || row.advice.contains(word);
        outcome.check(has, format_args!("{name} says {word:?}"));
    }
    row
}

const SPACES: [(&str, &str); 8] = [
    ("user", "user"),
    ("mount", "mnt"),
    ("pid", "pid"),
    ("uts", "uts"),
    ("ipc", "ipc"),
    ("cgroup", "cgroup"),
    ("network", "net"),
    ("time", "time"),
];
const RUN: &str = "aril run ";

/// One directory of /proc replaced by one that has just this file.
fn with_sysctl(who: &Who, name: &str, value: u32, words: &[&str]) -> Run {
    let script = format!("mount -t tmpfs none /proc/sys/kernel; echo {value} >/proc/sys/kernel/{name}");
    who.prepared(&script, words)
}

fn everything_works_here_and_nothing_is_left_behind(who: &Who) {
    let rootfs = who.own_rootfs(&["proc", "sys", "dev"]);
    let before = Traces::of(rootfs.path());
    let outcome = who.aril(&["check", rootfs.str()]).run();
    outcome.exited(0).check(outcome.err().is_empty(), "nothing on standard error");
    let names = SPACES.map(|(name, _)| format!("{name} namespace"));
    works(&outcome, &names.each_ref().map(String::as_str));
    works(
        &outcome,
        &["system calls", "new proc", "new sysfs", "tmpfs, devpts and mqueue", "overlay", "pivot_root", RUN],
    );
    if who.is_root() {
        let row = outcome.out();
        outcome.check(row.contains("yes  a range of ids: 65536 from "), "an unused range");
    } else {
        fails(&outcome, "a range of ids", &["/etc/subuid"]);
    }
    before.unchanged("a check");
    who.aril(&["check"]).run().exited(0);
    who.aril(&["check", "/"]).run().exited(0);
    before.unchanged("a check of this machine");
}

/// In a user namespace of its own, where the limits can be set.
fn a_limit_of_0_is_named_and_raised(who: &Who) {
    for (name, file) in SPACES {
        let script = format!("echo 0 >/proc/sys/user/max_{file}_namespaces && exec \"$@\"");
        let under = |script: &str| who.aril(&["check"]).under(&["unshare", "-r", "sh", "-c", script, "sh"]).run();
        let outcome = under(&script);
        let row = fails(&outcome, &format!("{name} namespace"), &["(ENOSPC)"]);
        outcome.exited(i32::from(!["network", "time"].contains(&name)));
        let others = SPACES.iter().filter(|(other, _)| *other != name && name != "user");
        for (other, _) in others {
            works(&outcome, &[&format!("{other} namespace")]);
        }
        let remedy = row.advice.split_once(": ").and_then(|(_, rest)| rest.strip_suffix(" allows them"));
        let remedy = remedy.unwrap_or_else(|| panic!("a command: {}", row.advice));
        let (key, value) =
            remedy.strip_prefix("sysctl ").and_then(|rest| rest.split_once('=')).expect("sysctl KEY=VALUE");
        let raise = format!("echo {value} >/proc/sys/{}", key.replace('.', "/"));
        let healed = under(&format!("echo 0 >/proc/sys/user/max_{file}_namespaces && {raise} && exec \"$@\""));
        works(healed.exited(0), &[&format!("{name} namespace"), RUN]);
    }
}

fn without_user_namespaces_the_others_are_tried_alone(who: &Who) {
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";
    let outcome = who.aril(&["check"]).under(&["unshare", "-r", "sh", "-c", script, "sh"]).run();
    outcome.exited(1);
    works(&outcome, &["mount namespace", "network namespace", "pivot_root"]);
    fails(&outcome, RUN, &["max_user_namespaces"]);
}

fn a_root_that_cannot_be_run_is_said(who: &Who) {
    let folder = who.folder();
    let outcome = who.aril(&["check", folder.str()]).run();
    fails(outcome.exited(1), RUN, &["the directory is empty"]);
    let outcome = who.aril(&["check", "/no/such/root"]).run();
    fails(outcome.exited(1), RUN, &["/no/such/root", "(ENOENT)"]);
    works(&outcome, &["overlay", "pivot_root"]);
}

fn what_it_prints_for_programs_is_the_same(who: &Who) {
    let folder = who.folder();
    let name = folder.join("a \"b\\c").display().to_string();
    let plain = who.aril(&["check", &name]).run();
    let json = who.aril(&["check", "--json", &name]).run();
    json.exited(1).check(json.err().is_empty(), "nothing on standard error");
    let read = "import json, sys; report = json.load(sys.stdin); assert report['works'] is False and report['profile'] == ''\n\
        last = ''\n\
        for row in report['checks']:\n\
        \x20   print('yes  ' if row['works'] else 'no   ', row['name'], ': ' + row['says'] if row['says'] else '', sep='')\n\
        \x20   if row['advice'] and row['advice'] != last: print('     ' + row['advice']); last = row['advice']\n";
    let mine = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains("as root: mkdir"));
        lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    let printed = who.program("python3", &["-c", read]).input(json.out_bytes()).run();
    printed.ok().check(mine(&printed.out()) == mine(&plain.out()), format_args!("the same as {plain}"));
}

fn a_call_that_a_filter_refuses_is_named(who: &Who) {
    for (call, name, decisive) in [
        (libc::SYS_clone3, "clone3", true),
        (libc::SYS_unshare, "unshare", true),
        (libc::SYS_mount, "mount", true),
        (libc::SYS_open_tree, "open_tree", true),
        (libc::SYS_mount_setattr, "mount_setattr", true),
        (libc::SYS_openat2, "openat2", true),
        (libc::SYS_close_range, "close_range", true),
        (libc::SYS_fsopen, "fsopen", false),
        (libc::SYS_fsmount, "fsmount", false),
        (libc::SYS_move_mount, "move_mount", false),
        (libc::SYS_pivot_root, "pivot_root", false),
    ] {
        for errno in [libc::ENOSYS, libc::EPERM, libc::EACCES] {
            let outcome = who.aril(&["check", &who.rootfs()]).refuse(call, errno).run();
            if decisive || errno == libc::ENOSYS {
                let row = fails(&outcome, "system calls", &["seccomp=unconfined"]);
                outcome.check(row.says.trim() == name, format_args!("just {name} is named"));
            }
            let run = row(&outcome, RUN);
            let ran = who.run_in(&who.rootfs(), &[], &["true"]).refuse(call, errno).run();
            let ran_works = ran.code() == Some(0);
            ran.check(run.works == ran_works, format_args!("check says the same: {outcome}"));
            ran.check(ran_works || ran.err().starts_with(&format!("aril: {}", run.says)), "in the same words");
        }
    }
}

/// As Debian has it: the kernel refuses, and only the switch says why.
fn debian_s_switch_is_named_and_turned(who: &Who) {
    const NEWUSER: u32 = libc::CLONE_NEWUSER as u32;
    let check = [&who.binary("aril"), "check"];
    for (value, is_cause) in [(0, true), (1, false)] {
        let run = with_sysctl(who, "unprivileged_userns_clone", value, &check)
            .refuse_when(libc::SYS_clone3, libc::EPERM, When::Sensible)
            .refuse_when(libc::SYS_clone, libc::EPERM, When::Flags(NEWUSER));
        let outcome = run.run();
        let row = fails(outcome.exited(1), "user namespace", &["(EPERM)"]);
        let named = row.advice.contains("sysctl kernel.unprivileged_userns_clone=1");
        outcome.check(named == is_cause, format_args!("the switch is blamed only where it is {value}"));
        works(&outcome, &["system calls"]);
    }
    let outcome = with_sysctl(who, "unprivileged_userns_clone", 1, &check).run();
    works(&outcome, &["user namespace", "mount namespace"]);
}

/// As Ubuntu has it: namespaces are made, and no capability in them is any good.
fn ubuntu_s_restriction_is_named_with_a_profile_for_this_path(who: &Who) {
    let folder = who.folder();
    let program = folder.join("my own aril").display().to_string();
    let link = folder.join("link").display().to_string();
    tool("cp", &[&who.binary("aril"), &program]);
    tool("ln", &["-s", &program, &link]);
    let profile = format!("profile aril \"{program}\" flags=(unconfined) {{\n  userns,\n}}\n");
    let write = (libc::O_WRONLY | libc::O_NOCTTY | libc::O_CLOEXEC) as u32;
    let refuse_mount = [libc::SYS_mount.to_string(), (libc::SECCOMP_RET_ERRNO | libc::EACCES as u32).to_string()];
    let mount_refused = ["python3", "-c", FILTER, &refuse_mount[0], &refuse_mount[1], &link, "check"];
    let nothing = (libc::SYS_reboot, libc::EPERM, When::Always);
    for (words, (call, errno, when)) in [
        (&[&link, "check"][..], (libc::SYS_openat, libc::EACCES, When::Argument(2, write))),
        (&[&link, "check"], (libc::SYS_prctl, libc::EPERM, When::Argument(0, libc::PR_CAPBSET_DROP as u32))),
        (&mount_refused, nothing),
    ] {
        for (value, is_cause) in [(1, true), (0, false)] {
            let run = with_sysctl(who, "apparmor_restrict_unprivileged_userns", value, words);
            let outcome = run.refuse_when(call, errno, when).run();
            outcome.exited(1);
            fails(&outcome, RUN, &[]);
            let out = outcome.out();
            outcome.check(out.contains("AppArmor restricts user namespaces") == is_cause, "blamed where it is on");
            outcome.check(out.contains(&profile) == is_cause, format_args!("the profile of this path:\n{profile}"));
        }
    }
    // Where the program has its profile, another cause is told: here the test's own mount over a part of /proc.
    let run = with_sysctl(who, "apparmor_restrict_unprivileged_userns", 1, &[&link, "check"]).run();
    fails(&run, "new proc", &["/proc/sys/kernel"]);
    run.check(!run.out().contains("AppArmor"), "it is not blamed");
}

fn a_chroot_is_named(who: &Who) {
    who.needs_root_behind();
    let rootfs = who.own_rootfs(&[]);
    tool("cp", &[&who.binary("aril"), &rootfs.join("bin/aril").display().to_string()]);
    let ids = format!("--userspec={}:{}", who.uid(), who.gid());
    let script = format!("mount --bind /proc \"$1/proc\"; exec chroot {ids} --groups= \"$1\" /bin/aril check");
    let outcome = Run::new("unshare", &["-m", "sh", "-c", &script, "sh", rootfs.str()], None).run();
    fails(outcome.exited(1), "user namespace", &["(EPERM)", "/ is a chroot", "pivot_root"]);
    works(&outcome, &["system calls"]);
}

fn a_masked_proc_is_named(who: &Who) {
    let mask = "mount --bind /dev/null /proc/timer_list";
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    let outcome = who.prepared(mask, &[&aril, "check", &rootfs]).run();
    fails(outcome.exited(1), "new proc", &["(EPERM)", "/proc/timer_list", "--fs sys,dev"]);
    fails(&outcome, RUN, &["(EPERM)"]);
    works(&outcome, &["mount namespace", "new sysfs", "overlay", "pivot_root"]);
    who.prepared(mask, &[&aril, "run", "--fs", "sys,dev", &rootfs, "true"]).run().ok();
    who.prepared(mask, &[&aril, "run", &rootfs, "true"]).run().refused(125, &["/proc/timer_list", "(EPERM)"]);
    let unmasked = format!("{mask}; umount /proc/timer_list");
    who.prepared(&unmasked, &[&aril, "check", &rootfs]).run().exited(0);
}

fn a_missing_proc_is_named(who: &Who) {
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    let outcome = who.prepared("umount -l /proc", &[&aril, "check", &rootfs]).run();
    fails(outcome.exited(1), RUN, &["is /proc mounted?"]);
    who.prepared("umount -l /proc", &[&aril, "run", &rootfs, "true"]).run().refused(125, &["is /proc mounted?"]);
}

fn ids_that_are_not_mapped_are_named(who: &Who) {
    let outcome = who.aril(&["check"]).under(&["unshare", "-U"]).run();
    fails(outcome.exited(1), "user namespace", &["(EPERM)", "maps no ids"]);
    who.aril(&["check"]).under(&["unshare", "-r"]).run().exited(0);
}

/// A user who has no other processes.
fn a_limit_of_processes_is_told_from_another(who: &Who) {
    who.needs_root_behind();
    const ALONE: u32 = 20003;
    for limit in 1..=2 {
        let outcome = who.aril(&["check"]).under(&["prlimit", &format!("--nproc={limit}")]).uid(ALONE).run();
        outcome.exited(1);
        fails(&outcome, RUN, &["(EAGAIN)"]);
        let advice = format!("ulimit -u allows ({limit})");
        outcome.check(limit == 1 || outcome.out().contains(&advice), "the limit is named");
    }
    who.aril(&["check"]).under(&["prlimit", "--nproc=8"]).uid(ALONE).run().exited(0);
}

/// The pids group of this test's own, below the caller's.
fn a_full_cgroup_is_named(who: &Who) {
    let name = format!("aril-test-{}", mark());
    let Some(group) =
        ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(|base| format!("{base}/{name}")).into_iter().find(|path| {
            fs::create_dir(path).is_ok() && (Path::new(path).join("pids.max").exists() || fs::remove_dir(path).is_err())
        })
    else {
        who.skip("no group of pids can be made");
    };
    let script = "echo $2 >\"$1/pids.max\"; echo $$ >\"$1/cgroup.procs\"; shift 2; exec \"$@\"";
    let under = |most| {
        let run = who.aril(&["check", &who.rootfs()]).under(&["sh", "-c", script, "sh", &group, most]);
        run.run()
    };
    let (full, roomy) = (under("2"), under("20"));
    fs::remove_dir(&group).expect("all its processes have ended");
    fails(full.exited(1), "user namespace", &["(EAGAIN)", &format!("{group}/pids.max")]);
    roomy.exited(0);
}

/// On a hybrid machine: what version 2 has there limits little or nothing, whoever may make groups in it.
fn groups_that_limit_nothing_are_no_control_groups(who: &Who) {
    let (unified, memory) =
        (cgroups::hierarchies().into_iter().find(cgroups::Hierarchy::is_unified), cgroups::of("memory"));
    let (Some(unified), Some(memory)) = (unified, memory.filter(|memory| !memory.is_unified())) else {
        who.skip("one kind of control groups alone");
    };
    if who.is_root() {
        let out = who.aril(&["check"]).run().out();
        let line = out.lines().find(|line| line.contains("control groups")).expect("a row");
        assert!(line.contains("memory") && !line.ends_with(' ') && !line[5..].contains("  "), "{line:?}");
        return;
    }
    who.needs_root_behind();
    let given = cgroups::Given::to(who.uid());
    let group = unified.root.join(format!("of-{}", who.uid())).display().to_string();
    let script = format!("mkdir {group} && chown {} {group} && echo $$ >{group}/cgroup.procs", who.uid());
    let outcome = who.prepared(&script, &[&who.binary("aril"), "check"]).run();
    drop(given);
    let row = fails(&outcome, "control groups", &[&memory.root.display().to_string()]);
    outcome.check(!row.advice.contains("unified"), "it is about those that limit");
}

/// AppArmor's or SELinux's, told by a file that each process has.
fn a_security_module_s_profile_is_named(who: &Who) {
    let folder = who.folder();
    for (label, named) in [("docker-default (enforce)", true), ("unconfined", false)] {
        fs::write(folder.join("label"), format!("{label}\n")).expect("our own folder");
        let script = "mount --bind \"$1/label\" /proc/$$/attr/current && shift && exec \"$@\"";
        let (call, action) = (libc::SYS_mount.to_string(), (libc::SECCOMP_RET_ERRNO | libc::EACCES as u32).to_string());
        let filter = ["python3", "-c", FILTER, &call, &action];
        let words = [&["unshare", "-m", "sh", "-c", script, "sh", folder.str()], &filter[..]].concat();
        let outcome = who.run_in(&who.rootfs(), &[], &["true"]).under(&words).run();
        outcome.refused(125, &["(EACCES)"]);
        outcome
            .check(outcome.err().contains(&format!("as {label}: ")) == named, "the profile is named if there is one");
    }
}

fn landlock_that_is_switched_off_is_named(who: &Who) {
    let off = who.aril(&["check"]).refuse(libc::SYS_landlock_create_ruleset, libc::EOPNOTSUPP).run();
    fails(off.exited(0), "landlock", &["(EOPNOTSUPP)", "lsm="]);
    let without = who.aril(&["check"]).refuse(libc::SYS_landlock_create_ruleset, libc::ENOSYS).run();
    let row = fails(without.exited(0), "landlock", &["(ENOSYS)"]);
    without.check(!row.advice.contains("lsm="), "which would not help");
}

fn devices_that_are_missing_are_named(who: &Who) {
    let outcome = who.prepared("mount -t tmpfs none /dev", &[&who.binary("aril"), "check"]).run();
    fails(&outcome, "/dev/ptmx", &["(ENOENT)"]);
    if who.is_root() {
        fails(&outcome, "/dev/loop-control", &["(ENOENT)"]);
    }
}

/// With a release that the kernel makes up, and a call that it does not have.
fn a_kernel_that_is_too_old_is_named(who: &Who) {
    let outcome =
        who.aril(&["check"]).under(&["setarch", "--uname-2.6"]).refuse(libc::SYS_open_tree, libc::ENOSYS).run();
    fails(outcome.exited(1), RUN, &["this kernel is 2.6", "5.14"]);
    let row = fails(&outcome, "system calls", &["open_tree"]);
    outcome.check(!row.advice.contains("filter"), "the kernel itself lacks it");
}

/// setsid(2), which only the inside calls, is fatal.
fn a_filter_that_kills_is_survived(who: &Who) {
    let (call, action) = (libc::SYS_setsid.to_string(), libc::SECCOMP_RET_KILL_PROCESS.to_string());
    let outcome = who.aril(&["check"]).under(&["python3", "-c", FILTER, &call, &action]).run();
    fails(outcome.exited(1), "user namespace", &["killed"]);
}

/// A program that goes on as another one, for which a call that makes sense ends as seccomp(2) is told: `Run::refuse` comes
/// before what prepares a test.
const FILTER: &str = "import ctypes, os, struct, sys\n\
    libc = ctypes.CDLL(None, use_errno=True)\n\
    code = [(0x20, 0, 0, 0), (0x15, 0, 3, int(sys.argv[1])), (0x20, 0, 0, 24), (0x15, 1, 0, 0xffffffff), \
    (0x06, 0, 0, int(sys.argv[2])), (0x06, 0, 0, 0x7fff0000)]\n\
    text = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *row) for row in code))\n\
    program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', len(code), ctypes.addressof(text)))\n\
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0\n\
    os.execv(sys.argv[3], sys.argv[3:])\n";

/// What it says is done, as root, while the user's shell waits.
fn a_group_is_delegated_by_what_it_says(who: &Who) {
    who.needs_root_behind();
    let given = cgroups::Given::to(who.uid());
    let aril = who.binary("aril");
    let script = format!("{aril} check; echo first; read line; {aril} check; echo second");
    let mut running = who.program("sh", &["-c", &script]).start();
    running.expect("first");
    let said = running.said();
    let remedy = said.split("as root: ").nth(1).and_then(|rest| rest.lines().next()).expect("a remedy").to_string();
    // What comes after is for `run`.
    tool("sh", &["-c", remedy.split("; then aril run").next().unwrap_or_default()]);
    running.send("");
    running.expect("second");
    let outcome = running.finish();
    drop(given);
    let second = outcome.out().split("first\n").nth(1).expect("it came").to_string();
    outcome.check(second.contains("yes  control groups"), "the second time there is a group");
}

fn what_else_is_asked_is_refused(who: &Who) {
    for words in [&["check", "--jsn"][..], &["check", "a", "b"], &["check", "--json", "--json"]] {
        who.aril(words).run().refused(125, &["check takes [--json] [ROOTFS]"]);
    }
}
