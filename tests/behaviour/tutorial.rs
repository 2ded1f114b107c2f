//! A container from scratch, step by step. `docs/tutorial.md` is read here: each test runs the commands of one step just as
//! they stand there and compares what they print; then come checks of the same step that would tire a reader.

use crate::support::page::{self, Block};
use crate::support::{Outcome, Who, eventually, mark, process, tool, traces};
use std::path::Path;

crate::tests! {
    once: the_page_has_these_steps_and_each_says_what_it_prints, in_spanish_it_has_the_same_commands_and_outputs,
        what_differs_is_compared_to_what_varies_only;
    both: step_1_a_command_that_sees_everything, step_2_uts_the_host_name_changes_inside_only, step_3_user_one_is_nobody_and_then_mapped,
        step_4_mount_what_is_mounted_is_seen_inside_only, step_5_pid_the_host_is_seen_until_proc_is_mounted_anew,
        step_6_chroot_another_root_with_a_way_out, step_7_pivot_root_and_the_way_out_is_gone,
        step_8_its_own_file_systems_come_one_by_one, step_9_clone3_the_command_alone_is_executed,
        step_11_all_together;
    as_root: step_10_cgroup_what_takes_too_much_is_stopped;
}

const PAGE: &str = include_str!("../../docs/tutorial.md");
const IN_SPANISH: &str = include_str!("../../docs/tutorial.es.md");
const LAST_STEP: usize = 11;
/// The first block of step 0, which has been done when tests run.
const BUILD: &str = "cargo build --release\n";

/// The blocks of each step; a step begins with `## NUMBER.`, counted from 0.
fn steps(page: &str) -> Vec<Vec<Block>> {
    let sections = page::sections(page).into_iter().skip(1).enumerate();
    let steps = sections.map(|(number, section)| {
        let heading = section.heading;
        assert!(heading.starts_with(&format!("{number}. ")), "steps are numbered one by one: {heading}");
        section.blocks
    });
    steps.collect()
}

/// Prepares as step 0 says, and then runs this step's commands.
#[track_caller]
fn run_step(who: &Who, number: usize) {
    let steps = steps(PAGE);
    page::run(who, page::a_clone(who).path(), "", steps[0][1..].iter().chain(&steps[number]));
}

fn the_page_has_these_steps_and_each_says_what_it_prints(_: &Who) {
    let steps = steps(PAGE);
    assert_eq!(steps.len(), LAST_STEP + 1, "each step has a test here");
    assert_eq!(steps[0][0].commands, BUILD);
    for (number, blocks) in steps.iter().enumerate().skip(1) {
        assert!(!blocks.is_empty(), "step {number} has no commands");
        let explained = blocks.iter().any(|block| block.commands.contains("aril explain"));
        assert!(explained || number == LAST_STEP, "step {number} is not explained");
        for block in blocks {
            assert!(block.printed.is_some(), "what do they print? {}", block.commands);
        }
    }
}

/// The commands and what they print are those of the English page, step by step.
fn in_spanish_it_has_the_same_commands_and_outputs(_: &Who) {
    let (steps, translated) = (steps(PAGE), steps(IN_SPANISH));
    assert_eq!(steps.len(), translated.len());
    for (number, (step, translated)) in steps.iter().zip(&translated).enumerate() {
        assert_eq!(step.len(), translated.len(), "blocks of step {number}");
        for (block, translated) in step.iter().zip(translated) {
            assert_eq!(block.commands, translated.commands, "in step {number}");
            assert_eq!(block.printed, translated.printed, "what is printed in step {number}");
        }
    }
}

fn what_differs_is_compared_to_what_varies_only(_: &Who) {
    for (said, lines, expected) in [
        (&["a"][..], &["a"][..], true),
        (&["a"], &["b"], false),
        (&["a"], &["a", "b"], false),
        (&["a", "b"], &["a"], false),
        (&["…", "b"], &["b"], true),
        (&["…", "b"], &["x", "b", "b"], true),
        (&["…", "b"], &["x", "c"], false),
        (&["a … c"], &["a ß c c"], true),
        (&["a … c"], &["a b"], false),
        (&["a…"], &["ba"], false),
        (&["a ‹b› c"], &["a ß c c"], true),
        (&["a ‹b› c"], &["a b d"], false),
        (&["‹b› c…"], &["c", "d"], false),
        (&["‹b›"], &[], false),
    ] {
        assert_eq!(page::are_as_said(said, lines), expected, "{said:?} {lines:?}");
    }
}

// --- The steps ---

/// `aril run OPTIONS / sh -c SCRIPT` on the machine's own root as it is; an ordinary user needs the user namespace each time.
#[track_caller]
fn lesson(who: &Who, namespaces: &str, options: &[&str], script: &str) -> Outcome {
    let namespaces = if who.is_root() { namespaces.to_string() } else { format!("user,{namespaces}") };
    let options = [&["--namespaces", &namespaces, "--change-root", "none"], options].concat();
    who.run_in("/", &options, &["/bin/sh", "-c", script]).run()
}

fn step_1_a_command_that_sees_everything(who: &Who) {
    run_step(who, 1);
    let namespaces = "for kind in mnt pid uts user; do readlink /proc/self/ns/$kind; done";
    let outside = tool("sh", &["-c", namespaces]);
    let options = ["--namespaces", "none", "--change-root", "none"];
    who.run_in("/", &options, &["/bin/sh", "-c", namespaces]).run().prints(outside);
}

fn step_2_uts_the_host_name_changes_inside_only(who: &Who) {
    let outside = tool("uname", &["-n"]);
    run_step(who, 2);
    let script = "hostname changed && uname -n; cat /etc/os-release";
    let system = tool("cat", &["/etc/os-release"]);
    lesson(who, "uts", &["--cap-add", "sys_admin"], script).prints(format!("changed\n{system}"));
    assert_eq!(tool("uname", &["-n"]), outside);
}

fn step_3_user_one_is_nobody_and_then_mapped(who: &Who) {
    run_step(who, 3);
    let map = format!("0:{}:1", who.uid());
    let options = ["--namespaces", "user", "--change-root", "none"];
    for maps in [&[][..], &["--uid-map", &map, "--gid-map", &format!("0:{}:1", who.gid())]] {
        let owner = ["/bin/sh", "-c", "id -u; id -g; stat -c %u /proc/self/"];
        who.run_in("/", &[&options[..], maps].concat(), &owner).run().prints("0\n0\n0");
    }
}

fn step_4_mount_what_is_mounted_is_seen_inside_only(who: &Who) {
    let before = traces::mounts();
    run_step(who, 4);
    let script =
        "mount -t tmpfs lesson /mnt && >/mnt/file && ls /mnt && grep -c ' - tmpfs lesson ' /proc/self/mountinfo";
    lesson(who, "mount", &["--cap-add", "sys_admin"], script).prints("file\n1");
    assert_eq!(traces::mounts(), before);
    assert!(!Path::new("/mnt/file").exists());
}

fn step_5_pid_the_host_is_seen_until_proc_is_mounted_anew(who: &Who) {
    run_step(who, 5);
    let ours = std::process::id();
    for namespaces in ["pid", "mount,pid"] {
        lesson(who, namespaces, &[], &format!("echo $$; ls -d /proc/{ours}")).prints(format!("2\n/proc/{ours}"));
    }
    let script = "echo $$; cat /proc/1/comm; set -- /proc/[0-9]*; echo $#";
    lesson(who, "mount,pid", &["--fs", "proc"], script).prints("2\naril\n2");
}

/// `--namespaces`, for another root.
fn namespaces(who: &Who) -> &'static str {
    if who.is_root() { "mount,pid" } else { "user,mount,pid" }
}

fn step_6_chroot_another_root_with_a_way_out(who: &Who) {
    run_step(who, 6);
    let options = ["--namespaces", namespaces(who), "--change-root", "chroot", "--fs", "proc", "--tmpfs", "/tmp"];
    let system = tool("cat", &["/etc/os-release"]);
    let enter = ["nsenter", "--mount=/proc/self/ns/mnt", "cat", "/etc/os-release"];
    who.run(&[&options[..], &["--cap-add", "sys_admin"]].concat(), &enter).prints(&system);
    who.needs_probe();
    who.run(&options, &["probe", "escape", "/etc/os-release"]).prints(&system);
}

fn step_7_pivot_root_and_the_way_out_is_gone(who: &Who) {
    run_step(who, 7);
    let options = ["--namespaces", namespaces(who), "--fs", "proc", "--tmpfs", "/tmp"];
    who.sh(&options, "grep ^ID= /etc/os-release; uname -n")
        .prints(format!("ID=aril-busybox\n{}", tool("uname", &["-n"])));
    who.needs_probe();
    who.run(&options, &["probe", "escape", "/etc/os-release"]).mentions("ID=aril-busybox");
}

fn step_8_its_own_file_systems_come_one_by_one(who: &Who) {
    run_step(who, 8);
    // Its own, because in the shared one a shell without /dev may have made a file /dev/null.
    let rootfs = who.own_rootfs(&[]);
    let script = "for dir in proc sys dev; do [ -z \"$(ls /$dir)\" ] || echo $dir; done";
    for list in ["none", "proc", "dev", "sys", "proc,sys,dev"] {
        let expected = if list == "none" { String::new() } else { list.replace(',', "\n") };
        let options = ["--namespaces", namespaces(who), "--fs", list];
        who.run_in(rootfs.str(), &options, &["/bin/sh", "-c", script]).run().prints(expected);
    }
}

fn step_9_clone3_the_command_alone_is_executed(who: &Who) {
    run_step(who, 9);
}

fn step_10_cgroup_what_takes_too_much_is_stopped(who: &Who) {
    if who.run(&["-m", "64m", "--pids-limit", "64"], &["true"]).code() != Some(0) {
        who.skip("no limits of memory and processes on this machine");
    }
    run_step(who, 10);
    // A bomb is held, and goes with its shell.
    let mark = mark();
    let bomb = format!("f() {{ f | f & }}; f 2>/dev/null; sleep 0.3; exec sleep {mark}");
    let running = who.start(&["--pids-limit", "12"], &["/bin/sh", "-c", &bomb]);
    let sleeper = running.sleeper(&mark);
    let inside = process::children(running.init());
    assert!(inside.contains(&sleeper) && inside.len() <= 11, "{inside:?}");
    drop(running);
    eventually("the bomb's end", || process::sleepers(&mark) == 0);
}

fn step_11_all_together(who: &Who) {
    run_step(who, 11);
    who.sh(&["--network", "none"], "id -u; hostname; echo $$; grep ^ID= /etc/os-release; ls /sys/class/net")
        .prints("0\ncontainer\n2\nID=aril-busybox\nlo");
}
