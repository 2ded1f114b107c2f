//! A container from scratch, step by step. `docs/tutorial.md` is read here: each test runs the commands of one step just as
//! they stand there and compares what they print; then come checks of the same step that would tire a reader.
//!
//! On the page a block `sh` holds commands and the block `text` after it what they print, errors included. In that a `…`
//! stands for anything within a line, and a line of its own for any lines or none.

use crate::support::{Folder, Outcome, Who, mark, process, tool, traces};
use std::path::Path;

crate::tests! {
    once: the_page_has_these_steps_and_each_says_what_it_prints, what_differs_is_compared_to_what_varies_only;
    both: step_1_uts_the_host_name_changes_inside_only, step_2_user_one_is_nobody_and_then_mapped,
        step_3_mount_what_is_mounted_is_seen_inside_only, step_4_pid_the_host_is_seen_until_proc_is_mounted_anew,
        step_5_chroot_another_root_with_a_way_out, step_6_pivot_root_and_the_way_out_is_gone,
        step_7_its_own_file_systems_come_one_by_one, step_9_all_together;
    as_root: step_8_cgroup_what_takes_too_much_is_stopped;
}

const PAGE: &str = include_str!("../../docs/tutorial.md");
const LAST_STEP: usize = 9;
/// The first block of step 0, which has been done when tests run.
const BUILD: &str = "cargo build --release\n";
/// Printed between a page's blocks.
const END: &str = "--- the end of a block ---";

// --- The page ---

/// Commands, and what they print if the page says so.
#[derive(Default)]
struct Block {
    commands: String,
    printed: Option<String>,
}

/// The blocks of each step; a step begins with `## NUMBER.`, counted from 0.
fn steps() -> Vec<Vec<Block>> {
    let mut steps: Vec<Vec<Block>> = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            assert!(heading.starts_with(&format!("{}. ", steps.len())), "steps are numbered one by one: {line}");
            steps.push(Vec::new());
        }
        let Some(kind) = line.strip_prefix("```") else { continue };
        let text =
            lines.by_ref().take_while(|line| *line != "```").fold(String::new(), |text, line| text + line + "\n");
        let blocks = steps.last_mut().expect("no block before the first step");
        match kind {
            "sh" => blocks.push(Block { commands: text, printed: None }),
            "text" => {
                let block = blocks.last_mut().filter(|block| block.printed.is_none()).expect("commands come before it");
                block.printed = Some(text);
            }
            _ => panic!("neither sh nor text: {line}"),
        }
    }
    steps
}

/// Whether these lines are what the page says.
fn are_as_said(said: &[&str], lines: &[&str]) -> bool {
    match said {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|skipped| are_as_said(rest, &lines[skipped..])),
        [first, rest @ ..] => {
            matches!(lines, [line, more @ ..] if is_as_said(first, line) && are_as_said(rest, more))
        }
    }
}

fn is_as_said(said: &str, line: &str) -> bool {
    let Some((start, rest)) = said.split_once('…') else { return said == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    ends.into_iter().any(|at| is_as_said(rest, &line[at..]))
}

/// What a clone has after `cargo build --release`, as far as the page goes, in a folder that the caller can reach.
fn a_clone(who: &Who) -> Folder {
    let clone = who.folder();
    let path = |name| clone.join(name).display().to_string();
    tool("mkdir", &["-p", &path("target/release")]);
    tool("cp", &[&who.binary("aril"), &path("target/release/aril")]);
    tool("cp", &["-r", concat!(env!("CARGO_MANIFEST_DIR"), "/rootfs"), &path("rootfs")]);
    tool("chown", &["-R", &format!("{}:{}", who.uid(), who.gid()), clone.str()]);
    clone
}

/// Prepares as step 0 says, and then runs this step's commands.
#[track_caller]
fn page(who: &Who, number: usize) {
    let steps = steps();
    let mut script = String::from("exec 2>&1\n");
    let blocks: Vec<&Block> = steps[0][1..].iter().chain(&steps[number]).collect();
    for block in &blocks {
        script += &format!("{}echo '{END}'\n", block.commands);
    }
    let clone = a_clone(who);
    let outcome = who.program("bash", &["-c", &script]).dir(clone.path()).run();
    let out = outcome.ok().out();
    let printed: Vec<&str> = out.split_terminator(&format!("{END}\n")).collect();
    outcome.check(printed.len() == blocks.len(), "every block came to its end");
    for (block, printed) in blocks.into_iter().zip(printed) {
        let said = block.printed.as_deref().unwrap_or_default();
        let as_said = are_as_said(&said.lines().collect::<Vec<_>>(), &printed.lines().collect::<Vec<_>>());
        outcome.check(as_said, format_args!("the commands\n{}print\n{said}and not\n{printed}", block.commands));
    }
}

fn the_page_has_these_steps_and_each_says_what_it_prints(_: &Who) {
    let steps = steps();
    assert_eq!(steps.len(), LAST_STEP + 1, "each step has a test here");
    assert_eq!(steps[0][0].commands, BUILD);
    for (number, blocks) in steps.iter().enumerate().skip(1) {
        assert!(!blocks.is_empty(), "step {number} has no commands");
        for block in blocks {
            assert!(block.printed.is_some(), "what do they print? {}", block.commands);
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
    ] {
        assert_eq!(are_as_said(said, lines), expected, "{said:?} {lines:?}");
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

fn step_1_uts_the_host_name_changes_inside_only(who: &Who) {
    let outside = tool("uname", &["-n"]);
    page(who, 1);
    let script = "hostname changed && uname -n; cat /etc/os-release";
    let system = tool("cat", &["/etc/os-release"]);
    lesson(who, "uts", &["--cap-add", "sys_admin"], script).prints(format!("changed\n{system}"));
    assert_eq!(tool("uname", &["-n"]), outside);
}

fn step_2_user_one_is_nobody_and_then_mapped(who: &Who) {
    page(who, 2);
    let map = format!("0:{}:1", who.uid());
    let options = ["--namespaces", "user", "--change-root", "none"];
    for maps in [&[][..], &["--uid-map", &map, "--gid-map", &format!("0:{}:1", who.gid())]] {
        let owner = ["/bin/sh", "-c", "id -u; id -g; stat -c %u /proc/self/"];
        who.run_in("/", &[&options[..], maps].concat(), &owner).run().prints("0\n0\n0");
    }
}

fn step_3_mount_what_is_mounted_is_seen_inside_only(who: &Who) {
    let before = traces::mounts();
    page(who, 3);
    let script =
        "mount -t tmpfs lesson /mnt && >/mnt/file && ls /mnt && grep -c ' - tmpfs lesson ' /proc/self/mountinfo";
    lesson(who, "mount", &["--cap-add", "sys_admin"], script).prints("file\n1");
    assert_eq!(traces::mounts(), before);
    assert!(!Path::new("/mnt/file").exists());
}

fn step_4_pid_the_host_is_seen_until_proc_is_mounted_anew(who: &Who) {
    page(who, 4);
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

fn step_5_chroot_another_root_with_a_way_out(who: &Who) {
    page(who, 5);
    let options = ["--namespaces", namespaces(who), "--change-root", "chroot", "--fs", "proc", "--tmpfs", "/tmp"];
    let system = tool("cat", &["/etc/os-release"]);
    let enter = ["nsenter", "--mount=/proc/self/ns/mnt", "cat", "/etc/os-release"];
    who.run(&[&options[..], &["--cap-add", "sys_admin"]].concat(), &enter).prints(&system);
    who.needs_probe();
    who.run(&options, &["probe", "escape", "/etc/os-release"]).prints(&system);
}

fn step_6_pivot_root_and_the_way_out_is_gone(who: &Who) {
    page(who, 6);
    let options = ["--namespaces", namespaces(who), "--fs", "proc", "--tmpfs", "/tmp"];
    who.sh(&options, "grep ^ID= /etc/os-release; uname -n")
        .prints(format!("ID=aril-busybox\n{}", tool("uname", &["-n"])));
    who.needs_probe();
    who.run(&options, &["probe", "escape", "/etc/os-release"]).mentions("ID=aril-busybox");
}

fn step_7_its_own_file_systems_come_one_by_one(who: &Who) {
    page(who, 7);
    // Its own, because in the shared one a shell without /dev may have made a file /dev/null.
    let rootfs = who.own_rootfs(&[]);
    let script = "for dir in proc sys dev; do [ -z \"$(ls /$dir)\" ] || echo $dir; done";
    for list in ["none", "proc", "dev", "sys", "proc,sys,dev"] {
        let expected = if list == "none" { String::new() } else { list.replace(',', "\n") };
        let options = ["--namespaces", namespaces(who), "--fs", list];
        who.run_in(rootfs.str(), &options, &["/bin/sh", "-c", script]).run().prints(expected);
    }
}

fn step_8_cgroup_what_takes_too_much_is_stopped(who: &Who) {
    if who.run(&["-m", "64m", "--pids-limit", "64"], &["true"]).code() != Some(0) {
        who.skip("no limits of memory and processes on this machine");
    }
    page(who, 8);
    // A bomb is held, and goes with its shell.
    let mark = mark();
    let bomb = format!("f() {{ f | f & }}; f 2>/dev/null; sleep 0.3; exec sleep {mark}");
    let running = who.start(&["--pids-limit", "12"], &["/bin/sh", "-c", &bomb]);
    let sleeper = running.sleeper(&mark);
    let inside = process::children(running.init());
    assert!(inside.contains(&sleeper) && inside.len() <= 11, "{inside:?}");
}

fn step_9_all_together(who: &Who) {
    page(who, 9);
    who.sh(&["--network", "none"], "id -u; hostname; echo $$; grep ^ID= /etc/os-release; ls /sys/class/net")
        .prints("0\ncontainer\n2\nID=aril-busybox\nlo");
}
