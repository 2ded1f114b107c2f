//! Containers with names: in the foreground and in the background, listed, signalled and waited for, and what becomes of a name
//! when somebody is killed.

use crate::support::{Folder, Outcome, Run, Running, Who, comes, eventually, mark, process, tool};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

crate::tests! {
    both: a_name_is_listed_while_it_runs, two_with_one_name_are_refused, of_many_at_once_one_has_the_name,
        a_name_is_free_after_a_failure, who_may_write_nothing_is_told_so, names_that_cannot_be, nobody_inside_has_the_record,
        one_in_the_background_leaves_its_caller_alone, its_output_goes_to_the_log_or_nowhere,
        its_status_is_kept_until_somebody_has_asked, a_failure_to_start_is_the_caller_s,
        one_whose_name_cannot_be_told_is_taken_back, a_log_that_nobody_reads_is_refused, what_is_no_record_is_passed_over, what_makes_no_sense_is_refused,
        the_background_goes_with_reports, a_stop_request_is_what_the_container_was_told, nothing_makes_a_stop_request_another_signal, a_killed_one_is_137_to_its_launcher,
        other_signals_reach_the_command, a_signal_that_the_caller_ignores_is_passed_on_when_asked_for,
        without_a_proxy_signals_go_to_the_init, a_stopped_command_goes_on, all_who_wait_get_the_status,
        whoever_waits_is_told_of_a_killed_launcher, a_killed_one_leaves_its_name, a_foreign_process_is_never_signalled,
        a_damaged_record_is_none, odd_words_are_whole_in_json, verbs_say_what_they_take, no_init_is_the_command;
    as_user: a_directory_of_others_is_refused, without_a_directory_it_says_what_to_set;
}

/// The containers of one test.
pub struct Place<'w> {
    who: &'w Who,
    /// Of an ordinary user; root has the machine's.
    folder: Folder,
}

thread_local! {
    /// The names of this test.
    static NAMES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What a test that fails has in the background, or has left to be asked for.
impl Drop for Place<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            for name in NAMES.take() {
                drop(self.aril(&["kill", &name, "KILL"]).command().output());
                drop(self.aril(&["wait", &name]).command().output());
            }
        }
    }
}

impl<'w> Place<'w> {
    pub fn of(who: &'w Who) -> Self {
        NAMES.take();
        Self { who, folder: who.folder() }
    }

    pub fn aril(&self, words: &[&str]) -> Run {
        self.who.aril(words).env("XDG_RUNTIME_DIR", self.folder.str())
    }

    /// Another program, which finds the same containers.
    pub fn program(&self, program: &str, words: &[&str]) -> Run {
        self.who.program(program, words).env("XDG_RUNTIME_DIR", self.folder.str())
    }

    pub fn run(&self, options: &[&str], command: &[&str]) -> Run {
        let rootfs = self.who.rootfs();
        self.aril(&[&["run"], options, &[&rootfs], command].concat())
    }

    #[track_caller]
    pub fn start(&self, name: &str, options: &[&str], command: &[&str]) -> Running {
        let running = self.run(&[&["--name", name], options].concat(), command).start();
        eventually("it runs", || self.state(name) == "running");
        running
    }

    /// Where all have their directories.
    fn all(&self) -> PathBuf {
        if self.who.is_root() { "/run/aril".into() } else { self.folder.join("aril") }
    }

    fn has(&self, name: &str) -> bool {
        self.all().join(name).symlink_metadata().is_ok()
    }

    /// What `aril ps` tells of one.
    pub fn listed(&self, name: &str) -> Option<Value> {
        let out = self.aril(&["ps", "--json"]).run().ok().out();
        let all = out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        all.into_iter().find(|one: &Value| one["name"] == name)
    }

    pub fn state(&self, name: &str) -> String {
        self.listed(name).map_or_else(String::new, |one| one["state"].as_str().expect("a word").to_string())
    }

    pub fn pid(&self, name: &str, of: &str) -> u32 {
        self.listed(name).and_then(|one| one[of].as_u64()).expect("a number") as u32
    }

    #[track_caller]
    fn wait(&self, name: &str) -> Outcome {
        self.aril(&["wait", name]).run()
    }
}

/// A name that no other test has.
pub fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test-{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    NAMES.with_borrow_mut(|names| names.push(name.clone()));
    name
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid as i32).expect("no zero");
    if let Err(error) = kill_process(pid, signal) {
        assert_eq!(error, rustix::io::Errno::SRCH, "it may have ended by itself");
    }
}

/// Says what it got.
const TELLER: &str =
    "for s in HUP USR1 INT TERM; do trap \"echo got $s; exit 7\" $s; done; echo ready; while :; do sleep 0.05; done";

fn a_name_is_listed_while_it_runs(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    let running = place.start(&name, &["-e", "A=b c"], &["sleep", &mark]);
    let one = place.listed(&name).expect("it runs");
    let pids = [running.pid(), running.init(), running.sleeper(&mark)];
    assert_eq!(["launcher", "init", "pid"].map(|of| one[of].as_u64().expect("a number") as u32), pids, "{one}");
    assert_eq!((&one["status"], &one["command"]), (&Value::Null, &serde_json::json!(["sleep", mark])));
    assert_eq!(one["run"].as_array().map(|words| words.len()), Some(process::words(running.pid()).len()), "{one}");
    assert!(one["environment"].as_array().is_some_and(|all| all.contains(&"A=b c".into())), "{one}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later").as_secs();
    assert!(one["started"].as_u64().is_some_and(|started| started <= now && started + 60 > now), "{one}");
    let table = place.aril(&["ps"]).run().ok().out();
    let line = table.lines().find(|line| line.starts_with(&name)).expect("it is there");
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!((cells[1], cells[2], cells[4]), (pids[2].to_string().as_str(), "up", "sleep"), "{table}");
    assert!(table.starts_with("NAME "), "{table}");
    let modes = [place.all(), place.all().join(&name), place.all().join(&name).join("state")]
        .map(|path| fs::metadata(&path).expect("it is there").mode() & 0o777);
    assert_eq!(modes, [0o700, 0o700, 0o600]);
    running.signal(Signal::TERM);
    running.finish().exited(143);
    assert!(place.listed(&name).is_none() && !place.has(&name), "it goes with the container");
}

fn two_with_one_name_are_refused(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    let running = place.start(&name, &[], &["sleep", &mark]);
    let pidfile = place.folder.join("pid").display().to_string();
    let second = place.run(&["--name", &name, "--pidfile", &pidfile], &["true"]).run();
    second.refused(125, &["name", &name, "a container of this name runs already"]);
    assert!(!place.folder.join("pid").exists());
    place.run(&["-d", "--name", &name], &["true"]).run().refused(125, &["runs already"]);
    assert_eq!(place.state(&name), "running", "the first one goes on");
    place.aril(&["kill", &name]).run().ok();
    running.finish().exited(143);
}

fn of_many_at_once_one_has_the_name(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    let all: Vec<Running> = (0..50).map(|_| place.run(&["--name", &name], &["sleep", &mark]).start()).collect();
    eventually("all but one have ended", || {
        all.iter().filter(|one| !['Z', '-'].contains(&process::state(one.pid()))).count() == 1
    });
    eventually("one runs", || place.state(&name) == "running");
    let launcher = place.pid(&name, "launcher");
    assert_eq!(process::sleepers(&mark), 1);
    place.aril(&["kill", &name]).run().ok();
    for one in all {
        let wins = one.pid() == launcher;
        let outcome = one.finish();
        if wins {
            outcome.exited(143)
        } else {
            outcome.refused(125, &["runs already"])
        };
    }
    assert!(!place.has(&name));
}

fn a_name_is_free_after_a_failure(who: &Who) {
    let (place, name) = (Place::of(who), name());
    place.run(&["--name", &name], &["no-such-command"]).run().refused(127, &["no-such-command"]);
    place.run(&["--name", &name, "--workdir", "/no/such"], &["true"]).run().refused(125, &["/no/such"]);
    assert!(!place.has(&name));
    place.run(&["--name", &name], &["true"]).run().ok();
    assert!(!place.has(&name));
}

/// The kernel ends by SIGXFSZ whoever has not blocked it.
fn who_may_write_nothing_is_told_so(who: &Who) {
    let (place, name) = (Place::of(who), name());
    for background in [&[][..], &["-d"]] {
        let options = [&["--name", &name], background].concat();
        let run = place.run(&options, &["true"]).under(&["prlimit", "--fsize=0"]);
        run.run().refused(125, &[&name, "(EFBIG)"]);
        assert!(!place.has(&name) && !place.has(".new"));
    }
}

fn names_that_cannot_be(who: &Who) {
    let place = Place::of(who);
    for wrong in ["", ".", "..", ".new", "a/b", "-x", "a b", &"x".repeat(65)] {
        place.run(&[&format!("--name={wrong}")], &["true"]).run().refused(125, &["--name"]);
        if !wrong.starts_with('-') {
            place.aril(&["kill", wrong]).run().refused(125, &["there is no container"]);
        }
    }
    let long = format!("{}-{}", name(), "x".repeat(60));
    place.run(&["--name", &long[..64]], &["true"]).run().ok();
}

fn nobody_inside_has_the_record(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let script = "cd /proc/self/fd; echo *; read line";
    let mut running = place.start(&name, &[], &["sh", "-c", script]);
    running.expect("0 1 2 3\n");
    if who.is_root() {
        let open = |pid: u32| {
            let fds = fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives");
            let mut links = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
            links.any(|link| link.starts_with("/run/aril"))
        };
        assert!(open(running.pid()) && !open(running.init()));
    }
    running.send("");
    running.finish().exited(0);
}

fn one_in_the_background_leaves_its_caller_alone(who: &Who) {
    let (place, mark) = (Place::of(who), mark());
    let outcome = place.run(&["-d"], &["sh", "-c", &format!("read line; sleep {mark}")]).input("line\n").run();
    let name = outcome.ok().out().trim_end().to_string();
    assert!(name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{outcome}");
    process::wait_for_sleeper(&mark);
    let launcher = place.pid(&name, "launcher");
    let stat = process::stat(launcher).expect("it runs");
    assert_eq!((stat.session, stat.group), (launcher, launcher as i32), "no terminal's hangup reaches it");
    let open = |pid: u32, fd: u32| fs::read_link(format!("/proc/{pid}/fd/{fd}")).expect("root looks");
    if who.is_root() {
        for pid in [launcher, place.pid(&name, "init"), place.pid(&name, "pid")] {
            for fd in 0..3 {
                assert_eq!(open(pid, fd), PathBuf::from("/dev/null"), "{fd} of {pid}");
            }
        }
    }
    place.aril(&["kill", &name, "KILL"]).run().ok();
    place.wait(&name).exited(137);
}

fn its_output_goes_to_the_log_or_nowhere(who: &Who) {
    let place = Place::of(who);
    let log = place.folder.join("log");
    let script = "echo out; echo error >&2; cat; exit 3";
    for round in 1..=2 {
        let name = name();
        let options = ["-d", "--name", &name, "--log", &log.display().to_string()];
        place.run(&options, &["sh", "-c", script]).input("not read").run().prints(&name);
        place.wait(&name).exited(3).says("");
        assert_eq!(place.folder.read("log"), "out\nerror\n".repeat(round).trim_end());
        assert_eq!(fs::metadata(&log).expect("it is there").mode() & 0o777, 0o600);
    }
    symlink("log", place.folder.join("link")).expect("our own folder");
    let (name, link) = (name(), place.folder.join("link").display().to_string());
    let linked = place.run(&["-d", "--name", &name, "--log", &link], &["true"]).run();
    linked.refused(125, &["log", &link, "(ELOOP)"]);
    assert!(!place.has(&name));
}

fn its_status_is_kept_until_somebody_has_asked(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let run = |options: &[&str], script: &str| {
        place.run(&[&["-d", "--name", &name], options].concat(), &["sh", "-c", script]).run().prints(&name);
    };
    run(&[], "exit 3");
    eventually("it has ended", || place.state(&name) == "exited");
    assert_eq!(place.listed(&name).expect("it is kept")["status"], 3);
    let table = place.aril(&["ps"]).run().ok().out();
    assert!(table.lines().any(|line| line.starts_with(&name) && line.contains(" exited (3) ")), "{table}");
    place.aril(&["kill", &name]).run().refused(125, &[&name, "has ended"]);
    place.wait(&name).exited(3);
    place.wait(&name).refused(125, &["there is no container", &name]);
    assert!(!place.has(&name));
    // Taken again.
    run(&[], "exit 4");
    eventually("it has ended", || place.state(&name) == "exited");
    run(&[], "exit 5");
    place.wait(&name).exited(5);
    run(&["--rm"], "exit 6");
    eventually("it has ended without a trace", || !place.has(&name));
}

fn a_failure_to_start_is_the_caller_s(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let log = place.folder.join("log").display().to_string();
    let options = ["-d", "--name", &name, "--log", &log];
    place.run(&options, &["no-such-command"]).run().refused(127, &["no-such-command", "not found"]);
    place.run(&options, &["/etc"]).run().refused(126, &["/etc"]);
    place.run(&[&options[..], &["--workdir", "/no/such"]].concat(), &["true"]).run().refused(125, &["/no/such"]);
    assert!(!place.has(&name));
    assert_eq!(place.folder.read("log"), "");
    place.run(&["-d", "-e", "=x"], &["true"]).run().refused(125, &["--env"]);
}

fn one_whose_name_cannot_be_told_is_taken_back(who: &Who) {
    let place = Place::of(who);
    for options in ["", "--sig-proxy=false", "--no-init", "--rm"] {
        let (name, mark) = (name(), mark());
        // Whatever the command ignores.
        let command = format!("sh -c 'trap \"\" TERM; sleep {mark}; true'");
        let full =
            format!("{} run -d --name {name} {options} {} {command} >/dev/full", who.binary("aril"), who.rootfs());
        let outcome = who.program("sh", &["-c", &full]).env("XDG_RUNTIME_DIR", place.folder.str()).run();
        outcome.refused(125, &["the name cannot be printed", "(ENOSPC)"]);
        assert!(place.listed(&name).is_none() && !place.has(&name), "{options}: it is over");
        eventually("nobody sleeps", || process::sleeper(&mark).is_none());
    }
}

fn a_log_that_nobody_reads_is_refused(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let fifo = place.folder.join("fifo").display().to_string();
    tool("mkfifo", &["-m", "666", &fifo]);
    place.run(&["-d", "--name", &name, "--log", &fifo], &["true"]).run().refused(125, &["open the log", "(ENXIO)"]);
    place.run(&[&format!("--stats={fifo}")], &["true"]).run().refused(125, &["for the figures", "(ENXIO)"]);
    assert!(!place.has(&name));
    // More than a pipe holds waits for who reads slowly.
    let reader = who.program("sh", &["-c", &format!("exec <{fifo}; sleep 0.3; wc -c")]).start();
    eventually("it reads", || {
        let run = place.run(&["-d", "--rm", "--log", &fifo], &["sh", "-c", "head -c 200000 /dev/zero"]).run();
        run.code() == Some(0)
    });
    reader.finish().prints("200000");
}

fn what_is_no_record_is_passed_over(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    let running = place.start(&name, &[], &["sleep", &mark]);
    let (stray, link, odd) = (format!("{name}-stray"), format!("{name}-link"), format!("{name}-odd"));
    fs::write(place.all().join(&stray), "").expect("it is ours");
    fs::create_dir_all(place.all().join(&odd).join("state")).expect("it is ours");
    fs::create_dir(place.all().join(&link)).expect("it is ours");
    symlink("/etc/passwd", place.all().join(&link).join("state")).expect("it is ours");
    let (listed, table, stats) =
        (place.aril(&["ps", "--json"]).run(), place.aril(&["ps"]).run(), place.aril(&["stats", "--json"]).run());
    fs::remove_file(place.all().join(&stray)).expect("it is still there");
    fs::remove_dir_all(place.all().join(&odd)).expect("it is still there");
    fs::remove_dir_all(place.all().join(&link)).expect("it is still there");
    for outcome in [listed, table] {
        let out = outcome.ok().out();
        assert!(out.contains(&name) && ![&stray, &odd, &link].iter().any(|other| out.contains(*other)), "{out}");
    }
    stats.ok();
    place.aril(&["kill", &name]).run().ok();
    running.finish().exited(143);
}

fn what_makes_no_sense_is_refused(who: &Who) {
    let place = Place::of(who);
    for options in [&["-d", "-t"][..], &["-dit"], &["-d", "-i"]] {
        place.run(options, &["true"]).run().refused(125, &["--detach", "--tty"]);
    }
    place.run(&["--log", "/tmp/log"], &["true"]).run().refused(125, &["--log", "--detach"]);
    for fd in ["0", "1", "2"] {
        place.run(&["-d", "--status-fd", fd], &["true"]).run().refused(125, &["--detach", "--status-fd"]);
    }
    place.run(&["-d", "--stats"], &["true"]).run().refused(125, &["--detach", "--stats=FILE", "--log"]);
}

fn the_background_goes_with_reports(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    let (pid, status) = (place.folder.join("pid"), place.folder.join("status"));
    let options = ["-d", "--name", &name, "--pidfile", &pid.display().to_string(), "--status-fd", "7"];
    let run = place.run(&options, &["sleep", &mark]);
    run.under(&["sh", "-c", &format!("exec \"$@\" 7>{}", status.display()), "sh"]).run().prints(&name);
    assert_eq!(place.folder.read("pid"), place.pid(&name, "init").to_string());
    assert!(place.folder.read("status").contains("\"started\""));
    place.aril(&["kill", &name]).run().ok();
    place.wait(&name).exited(143);
    assert!(!pid.exists() && place.folder.read("status").contains("\"status\":143"));
}

fn a_stop_request_is_what_the_container_was_told(who: &Who) {
    let place = Place::of(who);
    for (options, got) in [
        (&[][..], "TERM"),
        (&["--stop-signal", "USR1"], "USR1"),
        (&["--stop-signal", "USR1", "--sig-proxy=false"], "USR1"),
        (&["--sig-proxy=false"], "TERM"),
    ] {
        let name = name();
        let running = place.start(&name, options, &["sh", "-c", TELLER]);
        running.expect("ready");
        place.aril(&["kill", &name]).run().ok();
        running.expect(&format!("got {got}"));
        running.finish().exited(7);
    }
    // And what follows it.
    for options in [&["--stop-timeout", "100ms"][..], &["--stop-timeout", "100ms", "--sig-proxy=false"]] {
        let name = name();
        let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
        let running = place.start(&name, options, &["sh", "-c", script]);
        running.expect("ready");
        place.aril(&["kill", &name, "SIGTERM"]).run().ok();
        running.finish().exited(137);
    }
}

/// Once no more may wait for PID 1 than the numbers of signals, all that comes with one is lost, and a real-time one as a whole.
fn nothing_makes_a_stop_request_another_signal(who: &Who) {
    who.needs_probe();
    let place = Place::of(who);
    let script = "trap '' USR1 40; probe forget-signals 1; while :; do sleep 0.05; done";
    for signal in ["USR1", "40"] {
        for passes in ["--sig-proxy=true", "--sig-proxy=false"] {
            let name = name();
            let options = ["--stop-signal", signal, "--stop-timeout", "100ms", passes];
            let running = place.start(&name, &options, &["sh", "-c", script]);
            running.expect("prlimit allowed");
            place.aril(&["kill", &name]).run().ok();
            running.finish().exited(137);
        }
    }
}

fn a_killed_one_is_137_to_its_launcher(who: &Who) {
    let place = Place::of(who);
    for signal in ["9", "-9", "-KILL"] {
        let (name, mark) = (name(), mark());
        let running = place.start(&name, &[], &["sleep", &mark]);
        place.aril(&["kill", &name, signal]).run().ok();
        running.finish().exited(137);
        assert!(!place.has(&name));
    }
}

fn other_signals_reach_the_command(who: &Who) {
    let place = Place::of(who);
    for signal in ["HUP", "SIGUSR1", "int"] {
        let name = name();
        let running = place.start(&name, &[], &["sh", "-c", TELLER]);
        running.expect("ready");
        place.aril(&["kill", &name, signal]).run().ok();
        running.expect(&format!("got {}", signal.trim_start_matches("SIG").to_uppercase()));
        running.finish().exited(7);
    }
}

fn a_signal_that_the_caller_ignores_is_passed_on_when_asked_for(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let run = place.run(&["--name", &name], &["sh", "-c", TELLER]).under(&["nohup"]);
    let running = run.start();
    running.expect("ready");
    eventually("it runs", || place.state(&name) == "running");
    place.aril(&["kill", &name, "HUP"]).run().ok();
    running.expect("got HUP");
    running.finish().exited(7);
}

fn without_a_proxy_signals_go_to_the_init(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let running = place.start(&name, &["--sig-proxy=false"], &["sh", "-c", TELLER]);
    running.expect("ready");
    running.signal(Signal::USR1);
    place.aril(&["kill", &name, "HUP"]).run().ok();
    running.expect("got HUP");
    running.finish().exited(7);
}

fn a_stopped_command_goes_on(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    place.run(&["-d", "--name", &name], &["sleep", &mark]).run().prints(&name);
    let command = place.pid(&name, "pid");
    place.aril(&["kill", &name, "STOP"]).run().ok();
    eventually("it is stopped", || process::state(command) == 'T');
    assert_eq!(process::state(place.pid(&name, "init")), 'S', "its init reaps on");
    place.aril(&["kill", &name, "CONT"]).run().ok();
    eventually("it goes on", || process::state(command) == 'S');
    place.aril(&["kill", &name]).run().ok();
    place.wait(&name).exited(143);
}

fn all_who_wait_get_the_status(who: &Who) {
    let place = Place::of(who);
    for background in [true, false] {
        let (name, mark) = (name(), mark());
        let script = format!("trap 'exit 9' TERM; sleep {mark} & wait");
        let running = if background {
            place.run(&["-d", "--name", &name], &["sh", "-c", &script]).run().prints(&name);
            None
        } else {
            Some(place.start(&name, &[], &["sh", "-c", &script]))
        };
        process::wait_for_sleeper(&mark);
        let waiting: Vec<Running> = (0..5).map(|_| place.aril(&["wait", &name]).start()).collect();
        for one in &waiting {
            eventually("it waits", || {
                fs::read_to_string(format!("/proc/{}/syscall", one.pid()))
                    .map_or(true, |call| !call.starts_with("running"))
                    && process::state(one.pid()) == 'S'
            });
        }
        thread::sleep(Duration::from_millis(50));
        place.aril(&["kill", &name]).run().ok();
        for one in waiting {
            one.finish().exited(9).says("");
        }
        if let Some(running) = running {
            running.finish().exited(9);
        }
        assert!(!place.has(&name));
    }
}

fn whoever_waits_is_told_of_a_killed_launcher(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    let running = place.start(&name, &[], &["sleep", &mark]);
    let waiting = place.aril(&["wait", &name]).start();
    eventually("it waits", || process::state(waiting.pid()) == 'S');
    thread::sleep(Duration::from_millis(50));
    running.signal(Signal::KILL);
    waiting.finish().refused(125, &["wait for", &name, "killed"]);
    drop(running);
    eventually("its command has gone too", || process::sleeper(&mark).is_none());
    place.wait(&name).refused(125, &["there is no container"]);
    assert!(place.listed(&name).is_none() && !place.has(&name));
}

/// A little generator of numbers, from where it is left off.
fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// SIGKILL to launcher, init or command, at any moment: `ps` and the next container of the name are right.
fn a_killed_one_leaves_its_name(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let rounds = if std::env::var_os("ARIL_LONG").is_some() { 200 } else { 50 };
    let mut seed = u64::from(std::process::id());
    for round in 0..rounds {
        let mark = mark();
        let options: &[&str] = if round % 5 == 4 { &["--no-init"] } else { &[] };
        let running = place.run(&[&["--name", &name], options].concat(), &["sleep", &mark]).start();
        thread::sleep(Duration::from_micros(random(&mut seed, 25_000)));
        let launcher = running.pid();
        let init = process::children(launcher).first().copied();
        let victims = match random(&mut seed, 4) {
            0 => vec![Some(launcher)],
            1 => vec![init],
            2 => vec![init.and_then(|init| process::children(init).first().copied())],
            _ => vec![Some(launcher), init],
        };
        let victims: Vec<u32> = victims.into_iter().flatten().collect();
        for victim in &victims {
            kill(*victim, Signal::KILL);
        }
        if victims.is_empty() {
            kill(launcher, Signal::KILL);
        }
        eventually("its launcher has ended", || ['Z', '-'].contains(&process::state(launcher)));
        drop(running);
        // Those inside may still be on their way out, but nobody holds the name for them.
        assert!(comes(|| place.listed(&name).is_none()), "round {round}: {victims:?} of {launcher}");
        place.run(&["--name", &name], &["true"]).run().ok();
        eventually("its command has gone too", || process::sleeper(&mark).is_none());
    }
    assert!(!place.has(&name) && !place.has(".new"));
}

/// Writes a record as a launcher would, and holds its lock.
fn forge(place: &Place, name: &str, record: &[u8]) -> File {
    let directory = place.all().join(name);
    if !place.all().exists() {
        // As aril makes it.
        place.run(&["--name", name], &["true"]).run().ok();
    }
    fs::create_dir(&directory).expect("it is ours");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("it is ours");
    fs::write(directory.join("state"), record).expect("it is ours");
    let owner = place.who.uid().to_string();
    tool("chown", &["-R", &format!("{owner}:{owner}"), &directory.display().to_string()]);
    let file = File::options().read(true).write(true).open(directory.join("state")).expect("it is ours");
    // SAFETY: all of it is numbers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_whence, lock.l_len) = (libc::F_WRLCK as i16, libc::SEEK_SET as i16, 1);
    // SAFETY: the kernel reads one flock.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }, 0);
    file
}

/// Waits until nobody has the lock: another test that forks just now has a copy of it until it executes.
fn is_let_go(place: &Place, name: &str) {
    eventually("nobody holds it", || place.listed(name).is_none() && !place.has(name));
}

fn a_foreign_process_is_never_signalled(who: &Who) {
    who.needs_root_behind();
    let (place, name, mark) = (Place::of(who), name(), mark());
    let foreign = who.program("sleep", &[&mark]).start();
    let pid = foreign.sleeper(&mark);
    // The number is right, the start is another's.
    let record = format!("aril 1\0{pid}\05\0{pid}\05\0{pid}\05\01700000000\00\05\03\0aril\0run\0/\01\0x\00\0");
    let held = forge(&place, &name, record.as_bytes());
    assert_eq!(place.state(&name), "running");
    for signal in ["TERM", "KILL", "STOP", "CONT", "HUP"] {
        place.aril(&["kill", &name, signal]).run().refused(125, &[&name, "(ESRCH)"]);
    }
    place.wait(&name).refused(125, &["wait for", &name]);
    place.run(&["--name", &name], &["true"]).run().refused(125, &["runs already"]);
    assert_eq!(process::state(pid), 'S');
    drop(held);
    is_let_go(&place, &name);
    foreign.signal(Signal::KILL);
}

fn a_damaged_record_is_none(who: &Who) {
    who.needs_root_behind();
    let place = Place::of(who);
    let garbage = [
        &b""[..],
        b"aril 1\0",
        b"\xff\0\xff\0\0\0",
        b"aril 1\x001\x001\x001\x001\x001\x001\x001\x001\x0099999999999\0a\0",
    ];
    for record in garbage {
        let name = name();
        let held = forge(&place, &name, record);
        assert_eq!(place.state(&name), "starting", "somebody holds it");
        place.run(&["--name", &name], &["true"]).run().refused(125, &["runs already"]);
        drop(held);
        is_let_go(&place, &name);
        place.aril(&["kill", &name]).run().refused(125, &["there is no container"]);
        place.run(&["--name", &name], &["true"]).run().ok();
        drop(forge(&place, &name, record));
        is_let_go(&place, &name);
    }
    // What is no record at all is in the way, and nothing happens to it.
    let name = name();
    let path = place.all().join(&name);
    symlink("/etc", &path).expect("it is ours");
    place.run(&["--name", &name], &["true"]).run().exited(125);
    assert!(place.listed(&name).is_none() && PathBuf::from("/etc/passwd").exists());
    fs::remove_file(&path).expect("it is still there");
}

fn odd_words_are_whole_in_json(who: &Who) {
    let (place, name) = (Place::of(who), name());
    let odd = "a\"b\\c\n\u{1}\u{7f}\u{9b}\u{fc}\u{20ac}";
    let run = |word: &str| {
        format!("exec {} run -d --name {name} {} sleep 9 \"$(printf '{word}')\"", who.binary("aril"), who.rootfs())
    };
    let running = place.start(&name, &[], &["sh", "-c", "read line", odd]);
    assert_eq!(place.listed(&name).expect("it runs")["command"][3], odd);
    let table = place.aril(&["ps"]).run().ok().out();
    assert!(table.lines().filter(|line| line.starts_with(&name)).count() == 1 && !table.contains('\u{1}'), "{table:?}");
    running.finish().exited(1);
    let bytes = run("\\377x").replace("sleep 9", "sh -c 'read line; sleep 0.2'");
    who.program("sh", &["-c", &bytes]).env("XDG_RUNTIME_DIR", place.folder.str()).run().prints(&name);
    assert_eq!(place.listed(&name).expect("it is kept")["command"][3], "\u{fffd}x");
    place.wait(&name).exited(0);
}

fn verbs_say_what_they_take(who: &Who) {
    let place = Place::of(who);
    for (words, takes) in [
        (&["ps", "x"][..], "[--json]"),
        (&["kill"], "NAME [SIGNAL]"),
        (&["kill", "a", "TERM", "x"], "NAME [SIGNAL]"),
        (&["kill", "a", "NOSUCH"], "NOSUCH"),
        (&["kill", "a", "--9"], "no such signal"),
        (&["wait"], "NAME"),
        (&["wait", "no-such"], "there is no container no-such"),
        (&["kill", "no-such"], "there is no container no-such"),
    ] {
        place.aril(words).run().refused(125, &[takes]);
    }
    for words in [["ps", "--help"], ["kill", "--help"], ["wait", "-h"]] {
        place.aril(&words).run().ok().mentions("aril kill NAME");
    }
}

fn no_init_is_the_command(who: &Who) {
    let (place, name, mark) = (Place::of(who), name(), mark());
    let running = place.start(
        &name,
        &["--no-init", "--sig-proxy=false"],
        &["sh", "-c", &format!("trap 'exit 8' TERM; sleep {mark} & wait")],
    );
    process::wait_for_sleeper(&mark);
    let one = place.listed(&name).expect("it runs");
    assert_eq!((&one["pid"], one["init"].as_u64()), (&one["init"], Some(running.init().into())));
    place.aril(&["kill", &name]).run().ok();
    running.finish().exited(8);
}

fn a_directory_of_others_is_refused(who: &Who) {
    who.needs_root_behind();
    let place = Place::of(who);
    let all = place.all();
    let refused = |why: &str| {
        place.run(&["--name", "x"], &["true"]).run().refused(125, &["aril", why]);
        place.aril(&["ps"]).run().refused(125, &[&all.display().to_string(), why]);
        place.aril(&["kill", "x"]).run().refused(125, &[&all.display().to_string(), why]);
    };
    fs::create_dir(&all).expect("root may");
    // Root's, whom nothing keeps from putting links there.
    fs::set_permissions(&all, fs::Permissions::from_mode(0o755)).expect("root may");
    refused("another user's");
    tool("chown", &[&format!("{0}:{0}", who.uid()), &all.display().to_string()]);
    fs::set_permissions(&all, fs::Permissions::from_mode(0o777)).expect("root may");
    refused("others can write to it");
    fs::remove_dir(&all).expect("it is empty");
    fs::create_dir(place.folder.join("elsewhere")).expect("root may");
    tool("chown", &[&format!("{0}:{0}", who.uid()), &place.folder.join("elsewhere").display().to_string()]);
    symlink("elsewhere", &all).expect("root may");
    refused("no link");
    fs::remove_file(&all).expect("it is there");
    fs::write(&all, "").expect("root may");
    refused("must be a directory");
}

fn without_a_directory_it_says_what_to_set(who: &Who) {
    for words in [&["ps"][..], &["kill", "x"], &["run", "-d", "/", "true"]] {
        let own = format!("/run/user/{}", who.uid());
        who.aril(words).run().refused(125, &[&own, "(ENOENT)", "set XDG_RUNTIME_DIR"]);
    }
    // Whoever names nothing needs none.
    who.run(&[], &["true"]).ok();
}
