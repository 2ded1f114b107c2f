//! Point 11: help, version, and the options that people type by habit.

use crate::support::{Outcome, Who, tool};

crate::tests! {
    once: aril_alone_tells_what_there_is, the_help_of_run_is_in_groups_with_examples_last, the_version_is_the_crate_s,
        an_unknown_option_names_the_nearest, an_unknown_word_is_refused_without_the_help, help_that_cannot_be_written_fails;
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
