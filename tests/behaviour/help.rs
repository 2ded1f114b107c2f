//! Point 11: help, version, and the options that people type by habit.

use crate::support::{Outcome, Who, tool};
use std::fs;
use std::path::Path;

crate::tests! {
    once: aril_alone_tells_what_there_is, the_help_of_run_is_in_groups_with_examples_last,
        options_of_exec_are_in_the_overview_and_on_their_page, the_version_is_the_crate_s,
        the_manual_page_has_every_option_with_an_example, an_unknown_option_names_the_nearest, an_unknown_word_is_refused_without_the_help, help_that_cannot_be_written_fails;
    both: habits_of_docker_are_accepted, a_command_s_own_options_are_its_own, without_a_command_a_shell_runs;
}

fn aril_alone_tells_what_there_is(who: &Who) {
    let overview = who.aril(&[]).run();
    for word in ["aril run", "aril explain", "aril init", "--version"] {
        overview.mentions(word);
    }
    for words in [&["--help"][..], &["-h"], &["help"]] {
        who.aril(words).run().prints(overview.out().trim_end());
    }
    for words in
        [["check", "--help"], ["check", "-h"], ["help", "check"], ["help", "init"], ["help", "ps"], ["help", "help"]]
    {
        who.aril(&words).run().prints(overview.out().trim_end());
    }
    who.aril(&["help", "nosuch"]).run().refused(125, &["unknown command nosuch"]);
}

/// All that it has, by a letter if there is one, and nothing else.
fn options_of_exec_are_in_the_overview_and_on_their_page(who: &Who) {
    let overview = who.aril(&["exec", "--help"]).run().ok().out();
    let named = overview.lines().find_map(|line| line.split_once("one more command in it: ")).expect("a line").1;
    let page = include_str!("../../docs/containers.md");
    let all = who.aril(&["run", "--help"]).run().ok().out();
    // Read before all others; and what every verb has.
    for option in options(&all).iter().filter(|option| !["--args-fd", "--help"].iter().any(|no| option.contains(no))) {
        let long = option.rsplit("--").next().and_then(|name| name.split([' ', '`', '[']).next()).expect("a name");
        let short = option
            .strip_prefix("`-")
            .filter(|rest| !rest.starts_with('-'))
            .map_or(format!("--{long}"), |rest| format!("-{}", &rest[..1]));
        let is_refused = who.aril(&["exec", &format!("--{long}=1")]).run().err().contains("exec has no option");
        assert_eq!(!is_refused, page_of_exec(page).contains(option.trim_matches('`')), "{option}");
        let looks_on = ["trace", "verbose"].contains(&long);
        assert!(looks_on || named.split(' ').any(|one| one == short) != is_refused, "{option}: {named}");
    }
}

fn page_of_exec(page: &str) -> &str {
    page.split("## `aril exec").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section")
}

fn the_help_of_run_is_in_groups_with_examples_last(who: &Who) {
    let help = who.aril(&["run", "--help"]).run();
    for words in [&["run", "-h"][..], &["run", "--overlay", "-h"], &["explain", "--help"]] {
        who.aril(words).run().prints(help.out().trim_end());
    }
    let out = help.ok().out();
    let lines: Vec<&str> = out.lines().collect();
    help.check(lines.iter().all(|line| line.chars().count() <= 120), "no line is wider than a screen");
    let headings = lines.iter().filter(|line| line.ends_with(':') && !line.starts_with(' ')).count();
    help.check(headings >= 5, "the options are in groups");
    let examples = lines.iter().position(|line| line.starts_with("Examples"));
    help.check(
        examples.is_some_and(|at| lines[at + 1..].iter().all(|line| line.contains("aril run"))),
        "examples are last",
    );
    help.check(out.contains("SHARED") && out.contains("--network none"), "it says loudly that the network is shared");
    let no_init = lines.iter().find(|line| line.contains("--no-init"));
    help.check(no_init.is_some_and(|line| line.contains("PID 1") && line.contains("no ")), "and what --no-init loses");
}

fn the_version_is_the_crate_s(who: &Who) {
    for words in [&["--version"][..], &["-V"], &["version"]] {
        who.aril(words).run().prints(concat!("aril ", env!("CARGO_PKG_VERSION")));
    }
}

/// An error about options: it never prints the help.
#[track_caller]
fn brief(outcome: &Outcome, words: &[&str]) {
    outcome.refused(125, words).check(!outcome.err().contains("Examples"), "no help");
}

fn an_unknown_option_names_the_nearest(who: &Who) {
    for (option, nearest) in [("--overlya", "--overlay"), ("--hostnme", "--hostname"), ("--raed-only", "--read-only")] {
        brief(&who.aril(&["run", option, "/", "true"]).run(), &[option, nearest]);
    }
    brief(&who.aril(&["run", "--zzzzzz", "/", "true"]).run(), &["--zzzzzz", "aril run --help"]);
    // What docker has and aril cannot have is answered with what to use instead.
    brief(&who.aril(&["run", "--publish", "/", "true"]).run(), &["--publish", "host's network"]);
    brief(&who.aril(&["run", "-Z", "/", "true"]).run(), &["-Z"]);
}

fn an_unknown_word_is_refused_without_the_help(who: &Who) {
    brief(&who.aril(&["frobnicate"]).run(), &["frobnicate", "aril --help"]);
    brief(&who.aril(&["run"]).run(), &["root file system"]);
    brief(&who.aril(&["run", "--hostname"]).run(), &["--hostname"]);
}

fn help_that_cannot_be_written_fails(who: &Who) {
    let script = format!("{} run --help >/dev/full", who.binary("aril"));
    who.program("sh", &["-c", &script]).run().refused(125, &["(ENOSPC)"]);
}

fn habits_of_docker_are_accepted(who: &Who) {
    for options in
        [&["--rm", "-it"][..], &["-i"], &["-t"], &["--interactive", "--tty"], &["--init", "--rm", "-i", "-t"]]
    {
        who.run(options, &["echo", "runs"]).prints("runs");
    }
}

fn a_command_s_own_options_are_its_own(who: &Who) {
    who.run(&[], &["echo", "--overlay", "-h", "--", "-x"]).prints("--overlay -h -- -x");
    who.run(&["--"], &["echo", "word"]).prints("word");
}

fn without_a_command_a_shell_runs(who: &Who) {
    let outcome = who.run_in(&who.rootfs(), &[], &[]).input("readlink /proc/$$/exe; hostname; exit 3\n").run();
    outcome.exited(3).says("/bin/busybox\ncontainer");
    assert_ne!(tool("uname", &["-n"]), "container", "the machine has a name of its own");
}

/// The options of the help: letter, name and value, as docs/run.md writes them.
fn options(help: &str) -> Vec<String> {
    let rows = help.lines().filter_map(|line| {
        let line = line.strip_prefix("    --").map_or_else(
            || line.strip_prefix(" -").map(|rest| format!("`-{}`, `{}", &rest[..1], &rest[2..])),
            |rest| Some(format!("`--{rest}")),
        )?;
        // Two spaces are the gap before the explanation; one is before the value.
        let end = line.find("  ").unwrap_or(line.len());
        Some(format!("{}`", &line[..end]))
    });
    rows.collect()
}

/// Each option stands in the manual page as in the help, with an example that works: `explain` takes it.
fn the_manual_page_has_every_option_with_an_example(who: &Who) {
    let page = include_str!("../../docs/run.md");
    let help = who.aril(&["run", "--help"]).run().ok().out();
    let rows: Vec<Vec<&str>> = page.lines().filter(|line| line.starts_with("| `")).map(cells).collect();
    let mut listed: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let mut expected = options(&help);
    listed.sort_unstable();
    expected.sort_unstable();
    assert!(expected.len() > 40, "{help}");
    assert_eq!(listed, expected, "as the help writes them");
    for row in rows {
        let name = row[0].rsplit("--").next().and_then(|name| name.split([' ', '`', '[']).next()).expect("an option");
        let letter = row[0].strip_prefix("`-").map(|rest| format!("-{}", &rest[..1]));
        let example = row[2].trim_matches('`').replace("\\|", "|");
        let uses = example.contains(&format!("--{name}"))
            || letter.is_some_and(|letter| example.contains(&format!(" {letter}")));
        assert!(uses, "{name}: {example}");
        let script = example.replace("aril run", "$aril explain");
        let disk = disk();
        if script.contains("$disk") && disk.is_none() {
            continue;
        }
        let run = who.program("sh", &["-c", &script]).env("aril", &who.binary("aril")).env("box", &who.rootfs());
        let run = run.env("disk", &disk.unwrap_or_default());
        let outcome = run.dir(who.folder().path()).run();
        outcome.ok().check(!outcome.out().is_empty(), "it says something");
    }
}

/// The path of some block device.
fn disk() -> Option<String> {
    let names = fs::read_dir("/sys/block").ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.map(|name| format!("/dev/{name}")).find(|path| Path::new(path).exists())
}

/// The cells of a row of a Markdown table.
fn cells(line: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut rest = line.trim_start_matches("| ");
    while let Some(end) = rest.find(" | ").filter(|end| !rest[..*end].ends_with('\\')).or_else(|| rest.find(" |")) {
        cells.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(" |").trim_start();
    }
    cells
}
