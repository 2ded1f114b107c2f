//! Point 5: host name, working directory and environment.

use crate::support::{Who, mark, tool};
use std::fs;

crate::tests! {
    both: the_host_name_changes_inside_only, the_working_directory_is_the_root_or_as_asked,
        the_environment_is_clean, variables_are_set_and_passed_on;
    as_root: pid_1_shows_nothing_of_the_caller_s_environment;
}

fn the_host_name_changes_inside_only(who: &Who) {
    let outside = tool("uname", &["-n"]);
    who.run(&[], &["hostname"]).prints("container");
    who.run(&["--hostname", "box"], &["hostname"]).prints("box");
    let longest = "x".repeat(64);
    who.run(&["--hostname", &longest], &["hostname"]).prints(&longest);
    who.run(&["--uts", "host"], &["hostname"]).prints(&outside);
    assert_eq!(tool("uname", &["-n"]), outside);
}

fn the_working_directory_is_the_root_or_as_asked(who: &Who) {
    for (options, found) in
        [(&[][..], "/"), (&["-w", "/home/guest"], "/home/guest"), (&["--workdir", "/usr/../etc"], "/etc")]
    {
        let outcome = who.run_in(&who.rootfs(), options, &["sh", "-c", "pwd -P; readlink /proc/self/cwd"]);
        outcome.dir(who.folder().path()).run().prints(format!("{found}\n{found}"));
    }
}

/// The variables inside, sorted, from a command that adds none of its own.
fn environment(who: &Who, options: &[&str]) -> Vec<String> {
    let rootfs = who.rootfs();
    let run = who.run_in(&rootfs, options, &["/usr/bin/env"]).env("SECRET", "word").env("HOME", "/home/of/caller");
    let mut lines: Vec<String> = run.run().ok().out().lines().map(ToString::to_string).collect();
    lines.sort();
    lines
}

fn the_environment_is_clean(who: &Who) {
    let found = environment(who, &[]);
    let names: Vec<&str> = found.iter().map(|line| line.split('=').next().unwrap_or_default()).collect();
    assert_eq!(names, ["HOME", "HOSTNAME", "PATH", "TERM", "container"], "{found:?}");
    for line in ["HOME=/root", "TERM=dumb", "container=aril"] {
        assert!(found.iter().any(|found| found == line), "{line}: {found:?}");
    }
    assert!(found[2].contains("/usr/bin") && found[2].contains(":/bin"), "{found:?}");
}

fn variables_are_set_and_passed_on(who: &Who) {
    for (options, has, has_not) in [
        (&["-e", "A=b"][..], "A=b", "SECRET=word"),
        (&["-e", "A="], "A=", "A"),
        (&["-e", "A=b=c d"], "A=b=c d", "A=b"),
        (&["-e", "SECRET"], "SECRET=word", "SECRET="),
        (&["--env", "UNSET"], "container=aril", "UNSET="),
        (&["-e", "A=1", "-e", "A=2"], "A=2", "A=1"),
        (&["-e", "HOME=/srv"], "HOME=/srv", "HOME=/root"),
        (&["-e", "HOME"], "HOME=/home/of/caller", "HOME=/root"),
        (&["-e", "TERM=other"], "TERM=other", "TERM=dumb"),
        (&["-e", "container=other"], "container=other", "container=aril"),
    ] {
        let found = environment(who, options);
        assert!(found.iter().any(|line| line == has), "{options:?} gives {has}: {found:?}");
        assert!(found.iter().all(|line| line != has_not), "{options:?} does not give {has_not}: {found:?}");
        let name = has.split('=').next().unwrap_or_default();
        let count = found.iter().filter(|line| line.split('=').next() == Some(name)).count();
        assert_eq!(count, 1, "{options:?}: {found:?}");
    }
    who.run(&["-e", "PATH=/nowhere:/bin"], &["sh", "-c", "echo $PATH"]).prints("/nowhere:/bin");
}

fn pid_1_shows_nothing_of_the_caller_s_environment(who: &Who) {
    let mark = mark();
    let run = who.run_in(&who.rootfs(), &[], &["sleep", &mark]).env("SECRET", "word");
    let running = run.start();
    let sleeper = running.sleeper(&mark);
    for pid in [running.init(), sleeper] {
        let found = fs::read(format!("/proc/{pid}/environ")).expect("root may read it");
        let found = String::from_utf8_lossy(&found);
        assert!(!found.contains("SECRET") && !found.contains("word"), "{pid}: {found:?}");
    }
}
