//! What programs use that start containers: status lines, the file with the process id, options from elsewhere.

use crate::support::{Outcome, Run, Who, eventually, mark, process, tool};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

crate::tests! {
    both: the_start_is_told_with_its_namespaces, the_end_is_told_with_status_and_usage, a_signal_is_told_from_a_status,
        a_failure_tells_of_no_start, the_descriptor_is_nobody_else_s, a_descriptor_that_is_not_there_is_refused,
        the_process_id_is_in_its_file_while_it_runs, a_link_in_its_place_is_not_followed, a_pid_file_that_cannot_be,
        options_come_from_a_file, options_come_from_a_descriptor, presets_that_cannot_be_read_say_so,
        what_was_made_for_presets_is_removed_too, one_that_does_not_read_loses_lines_and_does_no_harm,
        one_that_has_gone_does_no_harm, what_is_no_file_is_not_replaced, another_run_s_file_is_left,
        a_failure_leaves_no_pid_file, the_process_id_is_written_before_the_command_runs,
        the_end_is_told_before_the_pid_file_goes;
    as_root: presets_are_read_once;
}

/// With descriptor 7 for the status lines, which come in this file.
fn told(who: &Who, folder: &str, options: &[&str], script: &str) -> (Outcome, Vec<Value>) {
    let status = format!("{folder}/status");
    let options = [&["--status-fd", "7"], options].concat();
    let run = with_descriptor(who, &format!("7>{status}"), who.run_in(&who.rootfs(), &options, &["sh", "-c", script]));
    let outcome = run.run();
    let text = fs::read_to_string(&status).expect("the shell has made it");
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines: {text:?}");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    (outcome, lines.collect())
}

fn with_descriptor(_: &Who, redirection: &str, run: Run) -> Run {
    run.under(&["sh", "-c", &format!("exec \"$@\" {redirection}"), "sh"])
}

fn the_start_is_told_with_its_namespaces(who: &Who) {
    let folder = who.folder();
    let kinds = ["user", "mnt", "pid", "uts", "ipc", "cgroup", "net", "time"];
    let script = format!("for kind in {}; do readlink /proc/self/ns/$kind; done", kinds.join(" "));
    let (outcome, lines) = told(who, folder.str(), &[], &script);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let started = &lines[0];
    assert_eq!(started["event"], "started");
    assert!(started["pid"].as_u64().is_some_and(|pid| pid > 1), "{started}");
    let expected: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{kind}:[{}]", started[format!("{kind}ns")].as_u64().expect("a number")))
        .collect();
    outcome.prints(expected.join("\n"));
}

fn the_end_is_told_with_status_and_usage(who: &Who) {
    let folder = who.folder();
    // Half a second of work in a child that holds 20 MiB, and a nap.
    let script = "dd if=/dev/zero of=/dev/null bs=20M count=30 2>/dev/null; sleep 0.2; exit 7";
    let (outcome, lines) = told(who, folder.str(), &[], script);
    outcome.exited(7);
    let ended = &lines[1];
    assert_eq!(
        (&ended["event"], &ended["status"], &ended["code"]),
        (&"exited".into(), &7.into(), &7.into()),
        "{ended}"
    );
    assert!(ended["signal"].is_null(), "{ended}");
    let [wall, cpu, memory] = ["wall_us", "cpu_us", "peak_memory"].map(|name| ended[name].as_u64().expect("a number"));
    assert!(wall >= 200_000 && cpu > 0 && memory >= 20 << 20, "{ended}");
}

fn a_signal_is_told_from_a_status(who: &Who) {
    let folder = who.folder();
    for (script, code, signal) in [("kill -KILL $$", Value::Null, 9.into()), ("exit 137", 137.into(), Value::Null)] {
        let (outcome, lines) = told(who, folder.str(), &[], script);
        outcome.exited(137);
        assert_eq!((&lines[1]["status"], &lines[1]["code"], &lines[1]["signal"]), (&137.into(), &code, &signal));
    }
    let (_, lines) = told(who, folder.str(), &["--no-init"], "exit 3");
    assert_eq!((&lines[1]["code"], &lines[1]["signal"]), (&3.into(), &Value::Null));
    let (outcome, lines) = told(who, folder.str(), &["--timeout", "100ms"], "sleep 9");
    outcome.exited(124);
    assert_eq!((&lines[1]["status"], &lines[1]["signal"]), (&124.into(), &9.into()));
}

fn a_failure_tells_of_no_start(who: &Who) {
    let folder = who.folder();
    let (outcome, lines) = told(who, folder.str(), &["--workdir", "/no/such"], "true");
    outcome.refused(125, &["/no/such"]);
    assert!(lines.is_empty(), "{lines:?}");
}

/// Neither the command has it nor anything else that the caller left open.
fn the_descriptor_is_nobody_else_s(who: &Who) {
    let folder = who.folder();
    let (status, other) = (folder.join("status").display().to_string(), folder.join("other").display().to_string());
    let redirection = format!("7>{status} 5>{other} 9>{other}");
    let options = ["--status-fd", "7"];
    let count = ["sh", "-c", "cd /proc/self/fd; echo *"];
    with_descriptor(who, &redirection, who.run_in(&who.rootfs(), &options, &count)).run().prints("0 1 2 3");
    let mark = mark();
    let running = with_descriptor(who, &redirection, who.run_in(&who.rootfs(), &options, &["sleep", &mark])).start();
    running.sleeper(&mark);
    let open = |pid: u32, path: &str| {
        let mut fds = fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives");
        fds.any(|fd| {
            fs::read_link(fd.expect("it can be listed").path()).is_ok_and(|link| link.display().to_string() == path)
        })
    };
    if who.is_root() {
        assert!(open(running.pid(), &status), "the launcher keeps it");
        assert!(!open(running.init(), &status), "the init does not");
        assert!(!open(running.pid(), &other) && !open(running.init(), &other));
    }
    let _ = running;
    who.run(&["--status-fd", "3", "--preserve-fds", "1"], &["true"]).refused(125, &["--status-fd", "--preserve-fds"]);
}

fn a_descriptor_that_is_not_there_is_refused(who: &Who) {
    who.run(&["--status-fd", "77"], &["true"]).refused(125, &["descriptor 77", "(EBADF)"]);
    who.run(&["--status-fd", "1"], &["true"]).mentions("\"event\":\"started\"");
}

/// A pipe by this name in a folder, and its reader.
fn pipe(path: &Path) -> File {
    tool("mkfifo", &["-m", "666", &path.display().to_string()]);
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    File::options().read(true).write(true).custom_flags(nonblocking).open(path).expect("it is there")
}

fn one_that_does_not_read_loses_lines_and_does_no_harm(who: &Who) {
    let folder = who.folder();
    let path = folder.join("pipe");
    let mut reader = pipe(&path);
    while reader.write(&[b'x'; 512]).is_ok() {}
    // A writer that would wait, and one that is told to come again.
    let blocking = format!("7>{}", path.display());
    let run = || who.run_in(&who.rootfs(), &["--status-fd", "7", "--timeout", "9s"], &["sh", "-c", "echo ran; exit 7"]);
    with_descriptor(who, &blocking, run()).run().exited(7).says("ran");
    let run = who.run_in(&who.rootfs(), &["--status-fd", "0"], &["sh", "-c", "echo ran; exit 7"]);
    let output = run.command().stdin(reader).output().expect("aril is there");
    assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"ran\n"[..]), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// Neither its EPIPE nor its SIGPIPE.
fn one_that_has_gone_does_no_harm(who: &Who) {
    let folder = who.folder();
    let path = folder.join("pipe");
    let reader = pipe(&path);
    let writer = File::options().write(true).open(&path).expect("somebody reads");
    drop(reader);
    let run = who.run_in(&who.rootfs(), &["--status-fd", "0"], &["sh", "-c", "sleep 0.3; echo ran; exit 7"]);
    let output = run.command().stdin(writer).output().expect("aril is there");
    assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"ran\n"[..]), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

fn the_process_id_is_in_its_file_while_it_runs(who: &Who) {
    let (folder, mark) = (who.folder(), mark());
    let path = folder.join("pid");
    fs::write(&path, "what an earlier one has left").expect("our own folder");
    let running = who.start(&["--pidfile", &path.display().to_string()], &["sleep", &mark]);
    running.sleeper(&mark);
    eventually("the file is written", || fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
    assert_eq!(folder.read("pid"), running.init().to_string());
    assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, 0o644);
    running.signal(Signal::TERM);
    running.finish().exited(143);
    assert!(!path.exists(), "it goes with the container");
}

fn a_link_in_its_place_is_not_followed(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("precious"), "precious").expect("our own folder");
    symlink("precious", folder.join("pid")).expect("our own folder");
    who.run(&["--pidfile", &folder.join("pid").display().to_string()], &["true"]).ok();
    assert_eq!(folder.read("precious"), "precious");
}

fn a_pid_file_that_cannot_be(who: &Who) {
    let mark = mark();
    let outcome = who.run(&["--pidfile", "/no/such/pid"], &["sleep", &mark]);
    outcome.refused(125, &["write the process id to /no/such/pid", "(ENOENT)"]);
    assert!(process::naming(&mark).is_empty(), "the container is gone");
}

fn what_is_no_file_is_not_replaced(who: &Who) {
    let folder = who.folder();
    let path = |name: &str| -> PathBuf { folder.join(name) };
    drop(pipe(&path("pipe")));
    drop(UnixListener::bind(path("socket")).expect("our own folder"));
    fs::create_dir(path("directory")).expect("our own folder");
    for name in ["pipe", "socket", "directory"] {
        let file = path(name).display().to_string();
        who.run(&["--pidfile", &file], &["true"])
            .refused(125, &[&format!("write the process id to {file}"), "(EEXIST)"]);
        assert!(path(name).exists(), "{name} is still there");
    }
}

/// Whoever has replaced the file has it.
fn another_run_s_file_is_left(who: &Who) {
    let (folder, marks) = (who.folder(), [mark(), mark()]);
    let path = folder.join("pid");
    let start = |mark: &str| {
        let running = who.start(&["--pidfile", &path.display().to_string()], &["sleep", mark]);
        running.sleeper(mark);
        running
    };
    let [first, second] = [start(&marks[0]), start(&marks[1])];
    let written = second.init().to_string();
    assert_eq!(folder.read("pid"), written);
    first.signal(Signal::TERM);
    first.finish().exited(143);
    assert_eq!(folder.read("pid"), written);
    // Gone before its time it is missed by nobody.
    fs::remove_file(&path).expect("our own folder");
    second.signal(Signal::TERM);
    let outcome = second.finish();
    outcome.exited(143).check(outcome.err().is_empty(), "nothing on standard error");
}

fn a_failure_leaves_no_pid_file(who: &Who) {
    let folder = who.folder();
    let path = folder.join("pid").display().to_string();
    for (options, command, status) in
        [(&["--workdir", "/no/such"][..], "true", 125), (&[], "/no/such", 127), (&["--no-init"], "/no/such", 127)]
    {
        let options = [&["--pidfile", &path], options].concat();
        who.run(&options, &[command]).refused(status, &["/no/such"]);
        assert!(!folder.join("pid").exists(), "{options:?} {command}");
    }
}

/// So that what cannot be written has begun nothing.
fn the_process_id_is_written_before_the_command_runs(who: &Who) {
    let steps = who.aril(&["explain", "--pidfile", "/tmp/pid", &who.rootfs(), "true"]).run();
    let steps = steps.ok().out();
    let place = |text: &str| steps.find(text).unwrap_or_else(|| panic!("{text:?} in {steps}"));
    assert!(place("write the process id to /tmp/pid") < place("let the new process go on"), "{steps}");
}

fn the_end_is_told_before_the_pid_file_goes(who: &Who) {
    let (folder, mark) = (who.folder(), mark());
    let (inner, status) = (folder.join("inner"), folder.join("status").display().to_string());
    fs::create_dir(&inner).expect("our own folder");
    if !who.is_root() {
        tool("chown", &[&format!("{}:{}", who.uid(), who.gid()), &inner.display().to_string()]);
    }
    let options = ["--status-fd", "7", "--pidfile", &inner.join("pid").display().to_string()];
    let run = who.run_in(&who.rootfs(), &options, &["sleep", &mark]);
    let running = with_descriptor(who, &format!("7>{status}"), run).start();
    running.sleeper(&mark);
    // The place itself is no directory any more.
    fs::rename(&inner, folder.join("elsewhere")).expect("our own folder");
    fs::write(&inner, "").expect("our own folder");
    running.signal(Signal::TERM);
    let outcome = running.finish();
    outcome.exited(143).check(outcome.err().contains("(ENOTDIR)"), "what could not be removed is told");
    assert!(folder.read("status").contains("\"event\":\"exited\",\"status\":143"), "{}", folder.read("status"));
}

fn options_come_from_a_file(who: &Who) {
    let folder = who.folder();
    let preset = "# a preset\n--hostname preset\n-e \"A=two words\" # and a comment\n--tmpfs=/scratch\n";
    fs::write(folder.join("preset"), preset).expect("our own folder");
    let at = format!("@{}", folder.join("preset").display());
    let script = "hostname; echo \"$A\"; stat -f -c %T /scratch";
    who.sh(&[&at], script).prints("preset\ntwo words\ntmpfs");
    // What follows on the line counts more; elsewhere a word is a word.
    who.sh(&[&at, "--hostname", "line"], "hostname").prints("line");
    who.run(&["-e", "A=1"], &["echo", &at]).prints(&at);
    let steps = who.aril(&["explain", &at, &who.rootfs()]).run();
    steps.mentions("set the host name preset");
}

fn options_come_from_a_descriptor(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("words"), b"--hostname\0piped\0-e\0A=two\nlines\0").expect("our own folder");
    let words = folder.join("words").display().to_string();
    let run = who.run_in(&who.rootfs(), &["--args-fd=9"], &["sh", "-c", "hostname; echo \"$A\""]);
    with_descriptor(who, &format!("9<{words}"), run).run().prints("piped\ntwo\nlines");
    // From a pipe, which can be read but once.
    let run = who.run_in(&who.rootfs(), &["--args-fd=0", "-v", "/etc:/new/place"], &["hostname"]);
    run.input(&b"--hostname\0once\0"[..]).run().prints("once");
}

fn presets_that_cannot_be_read_say_so(who: &Who) {
    let folder = who.folder();
    who.run(&["@/no/such/preset"], &["true"]).refused(125, &["read options from /no/such/preset", "(ENOENT)"]);
    who.run(&["--args-fd=99"], &["true"]).refused(125, &["read options from 99", "(EBADF)"]);
    who.run(&["--overlay", "--args-fd=0"], &["true"]).refused(125, &["--args-fd", "first"]);
    fs::write(folder.join("open"), "-e 'A=1\n").expect("our own folder");
    let at = format!("@{}", folder.join("open").display());
    who.run(&[&at], &["true"]).refused(125, &["read options from", "(EINVAL)"]);
}

/// Where aril executes itself anew, from a mount on which nobody can write to it, what was read from a pipe is still there.
fn presets_are_read_once(who: &Who) {
    let words = &b"--userns\0host\0--cap-add\0sys_ptrace\0--hostname\0read\0"[..];
    who.run_in(&who.rootfs(), &["--args-fd=0"], &["hostname"]).input(words).run().prints("read");
    // And what is written while one waits.
    let (script, rootfs) = ("exec \"$0\" run @<(sleep 0.1; echo --hostname late) \"$1\" hostname", who.rootfs());
    who.program("bash", &["-c", script, &who.binary("aril"), &rootfs]).run().prints("late");
}

/// The end reads the command line once more, and a pipe is empty by then.
fn what_was_made_for_presets_is_removed_too(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    let before = crate::support::traces::Traces::of(rootfs.path());
    let run = who.run_in(rootfs.str(), &["--args-fd=0"], &["ls", "-d", "/new/place"]);
    run.input(&b"-v\0/etc:/new/place\0"[..]).run().prints("/new/place");
    before.unchanged("a volume from a pipe");
    assert!(tool("ls", &[rootfs.str()]).lines().all(|name| name != "new"));
}
