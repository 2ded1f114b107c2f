//! `aril exec`: a later command in a container has what the first one has and nothing else, and ends with its caller and with the
//! container.

use crate::support::cgroups;
use crate::support::{Folder, Outcome, Run, Running, Terminal, Who, eventually, executable, mark, process, tool};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

crate::tests! {
    both: it_has_all_that_the_command_has, its_status_is_the_command_s, streams_are_the_caller_s_and_nothing_else,
        what_is_asked_for_counts, signals_are_passed_on, with_its_caller_it_is_killed, it_ends_with_the_container,
        who_cannot_be_entered, many_at_once, a_terminal_of_its_own, ctrl_c_and_ctrl_z_at_a_terminal, in_a_pipe_ctrl_c_reaches_all, in_a_pipe_it_reads_what_is_typed,
        a_terminal_that_is_none_is_refused, a_hostile_container_gets_hold_of_nothing, a_link_for_a_directory_leads_nowhere,
        it_says_what_it_takes, nobody_enters_what_the_command_has_made;
    as_root: another_user_by_the_container_s_names, a_file_of_the_kernel_s_names_no_users, with_the_container_s_groups, a_frozen_container_can_be_left_alone, a_command_that_has_changed_its_user,
        a_link_for_dev_leads_to_no_terminal_outside;
    as_user: a_container_of_others_is_not_there, ids_that_came_later_are_seen;
}

/// The containers of one test.
pub struct Place<'w> {
    who: &'w Who,
    /// Of an ordinary user; root has the machine's.
    folder: Folder,
    aril: String,
}

impl<'w> Place<'w> {
    pub fn of(who: &'w Who) -> Self {
        Self { who, folder: who.folder(), aril: who.binary("aril") }
    }

    fn aril(&self, words: &[&str]) -> Run {
        self.who.program(&self.aril, words).env("XDG_RUNTIME_DIR", self.folder.str())
    }

    pub fn exec(&self, name: &str, command: &[&str]) -> Run {
        self.aril(&[&["exec", name], command].concat())
    }

    #[track_caller]
    fn sh(&self, name: &str, script: &str) -> Outcome {
        self.exec(name, &["sh", "-c", script]).run()
    }

    /// A container that sleeps.
    #[track_caller]
    fn start(&self, options: &[&str]) -> (Running, String) {
        self.start_in(&self.who.rootfs(), options, &["sleep", &mark()])
    }

    #[track_caller]
    pub fn start_in(&self, rootfs: &str, options: &[&str], command: &[&str]) -> (Running, String) {
        let name = name();
        let words = [&["run", "--name", &name], options, &[rootfs], command].concat();
        let running = self.aril(&words).start();
        eventually("it runs", || {
            let listed = self.aril(&["ps"]).run().out();
            listed.lines().any(|line| line.starts_with(&format!("{name} ")) && line.contains(" up "))
        });
        (running, name)
    }

    fn all(&self) -> std::path::PathBuf {
        if self.who.is_root() { "/run/aril".into() } else { self.folder.join("aril") }
    }
}

/// A name that no other test has.
fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("exec-{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).expect("no zero"), signal).expect("it lives");
}

/// All that can be seen from inside of what a process is.
const LOOK: &str = "id; pwd; ls -idL /; env | sort | grep -v -e ^_= -e ^OLDPWD=; cat /proc/self/cgroup /proc/self/oom_score_adj; \
    ulimit -a; nice; grep -E '^(Umask|Uid|Gid|Groups|Cap|NoNew|Seccomp|SigIgn|SigBlk|SigCgt|Cpus_allowed:)' /proc/self/status; \
    for ns in user mnt pid uts ipc cgroup net time; do stat -Lc \"$ns %i\" /proc/self/ns/$ns; done; \
    ls /proc/self/fd | wc -l; cat /proc/self/mountinfo; cat /proc/sys/kernel/keys/maxkeys";

fn it_has_all_that_the_command_has(who: &Who) {
    let place = Place::of(who);
    let rootfs = who.rootfs();
    let both: &[&[&str]] = &[
        &[],
        &["--network", "none", "--time", "private", "-e", "A=b c", "-w", "/tmp"],
        &["--change-root", "chroot"],
        &["--namespaces", "user,pid", "--change-root", "none"],
        &["--pid", "host"],
        &["--no-init"],
        &["--cap-add", "sys_admin", "--cap-drop", "kill", "--ulimit", "nofile=64:128", "--umask", "077", "--nice", "3"],
        &["--uts", "host", "--ipc", "host", "--cgroupns", "host", "--read-only"],
        &["--fs", "proc", "--overlay", "--oom-score-adj", "500"],
    ];
    let of_root: &[&[&str]] = &[
        &["--userns", "host"],
        &["--userns", "identity", "--user", "guest"],
        &["--user", "12:34", "--group-add", "55"],
        &["--namespaces", "none", "--change-root", "none"],
        &["--mntns", "host", "--change-root", "chroot"],
    ];
    let of_user: &[&[&str]] =
        &[&["--uid-map", "none", "--gid-map", "none", "--fs", "none"], &["--sandbox", "landlock"]];
    for options in both.iter().chain(if who.is_root() { of_root } else { of_user }) {
        let is_hosts =
            options.contains(&"none") && options.contains(&"--change-root") || options.contains(&"--sandbox");
        let (mut running, name) = place.start_in(
            if is_hosts { "/" } else { &rootfs },
            options,
            &["sh", "-c", &format!("{{ {LOOK}; }} 2>&1; echo all''of''it; read word")],
        );
        running.expect("allofit");
        let first = running.said();
        let outcome = place.sh(&name, &format!("{{ {LOOK}; }} 2>&1; echo all''of''it"));
        outcome.exited(0);
        assert_eq!(outcome.out(), first, "{options:?}");
        assert!(first.lines().count() > 30, "{first}");
        running.send("done");
        running.finish().exited(0);
    }
}

fn its_status_is_the_command_s(who: &Who) {
    let place = Place::of(who);
    let (running, name) = place.start(&[]);
    place.exec(&name, &["true"]).run().ok();
    place.sh(&name, "exit 7").exited(7);
    place.sh(&name, "kill -KILL $$").exited(137);
    place.sh(&name, "kill -TERM $$").exited(143);
    place.exec(&name, &["nosuch"]).run().refused(127, &["execute nosuch", "not found", "(ENOENT)"]);
    place.exec(&name, &["/nosuch"]).run().refused(127, &["execute /nosuch", "(ENOENT)"]);
    place.exec(&name, &["/etc/passwd"]).run().refused(126, &["execute /etc/passwd", "(EACCES)"]);
    // Orphans are the init's, which reaps them.
    place.sh(&name, "(sleep 0.1 &) ; exit 3").exited(3);
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn streams_are_the_caller_s_and_nothing_else(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    let run = place.exec(&name, &["sh", "-c", "cat; echo error >&2; echo /proc/self/fd/*"]).input("in\n");
    let outcome = run.under(&["sh", "-c", "exec \"$@\" 7</dev/null 9>/dev/null", "sh"]).run();
    let from_directory = place.exec(&name, &["true"]).under(&["sh", "-c", "exec \"$@\" </", "sh"]).run();
    from_directory.refused(125, &["standard input", "directory"]);
    outcome.exited(0).check(outcome.err() == "error\n", "standard error is apart");
    // The last one is what the shell lists the directory with.
    let is_ok = |last: &str| outcome.out() == format!("in\n{last}\n");
    let all = ["0", "1", "2", "3"].map(|fd| format!("/proc/self/fd/{fd}"));
    outcome.check(is_ok(&all.join(" ")) || is_ok(&all[..3].join(" ")), "nothing else is open");
}

fn what_is_asked_for_counts(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&["-e", "A=first", "-e", "B=first", "-w", "/etc", "--trace"]);
    let show = "echo $A $B $C $D; pwd";
    let run = |options: &[&str]| place.aril(&[&["exec"], options, &[&name, "sh", "-c", show]].concat());
    run(&[]).env("C", "not this").run().prints("first first\n/etc");
    run(&["-e", "A=second", "--env=C", "-e", "D", "--workdir=/tmp", "-i"])
        .env("C", "callers")
        .run()
        .prints("second first callers\n/tmp");
    fs::write(place.folder.join("variables"), "# none\nD=file\n").expect("our own folder");
    let file = place.folder.join("variables").display().to_string();
    run(&["--env-file", &file]).run().prints("first first file\n/etc");
    let piped = "exec \"$0\" exec --env-file <(echo D=piped) \"$@\"";
    for aril in [who.binary("aril"), who.writable(&place.folder)] {
        let run = who.program("bash", &["-c", piped, &aril, &name, "sh", "-c", show]);
        run.env("XDG_RUNTIME_DIR", place.folder.str()).run().prints("first first piped\n/etc");
    }
    run(&["-w", "/nosuch"]).run().refused(125, &["change to directory /nosuch", "(ENOENT)"]);
    let traced = run(&["--trace"]).run();
    let told = traced.exited(0).err();
    for step in ["join the container's namespaces:", "set no_new_privs", "execute sh"] {
        traced.check(told.matches(step).count() == 1, step);
    }
}

fn signals_are_passed_on(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    let script = "for s in HUP USR1 INT TERM; do trap \"echo got $s; exit 7\" $s; done; echo ready; while :; do sleep 0.05; done";
    for (signal, said) in [(Signal::HUP, "HUP"), (Signal::USR1, "USR1"), (Signal::INT, "INT"), (Signal::TERM, "TERM")] {
        let running = place.exec(&name, &["sh", "-c", script]).start();
        running.expect("ready");
        running.signal(signal);
        running.finish().exited(7).says(format!("ready\ngot {said}"));
    }
    let mark = mark();
    let running = place.exec(&name, &["sleep", &mark]).start();
    running.sleeper(&mark);
    running.signal(Signal::TERM);
    running.finish().exited(143);
}

fn with_its_caller_it_is_killed(who: &Who) {
    let place = Place::of(who);
    let (running, name) = place.start(&[]);
    for options in [&[][..], if who.is_root() { &["--user", "guest"] } else { &[] }] {
        let mark = mark();
        let exec = place.aril(&[&["exec"], options, &[&name, "sleep", &mark]].concat()).start();
        let sleeper = exec.sleeper(&mark);
        assert_eq!(process::stat(sleeper).expect("it lives").parent, exec.pid(), "nobody stands between");
        kill(exec.pid(), Signal::KILL);
        eventually("it is killed", || process::sleeper(&mark).is_none());
    }
    eventually("the container goes on", || process::state(running.pid()) == 'S');
}

fn it_ends_with_the_container(who: &Who) {
    let place = Place::of(who);
    for options in [&[][..], &["--pid", "host"]] {
        for end in [Signal::TERM, Signal::KILL] {
            let (running, name) = place.start(options);
            let (one, other) = (mark(), mark());
            let script = format!("sleep {other} & exec sleep {one}");
            let exec = place.exec(&name, &["sh", "-c", &script]).start();
            exec.sleeper(&one);
            running.signal(end);
            let status = exec.finish().code();
            // An init that has the time says goodbye before it kills.
            let is_polite = end == Signal::TERM && options.is_empty();
            assert!(status == Some(137) || is_polite && status == Some(129), "{status:?} {options:?} {end:?}");
            eventually("all are gone", || process::sleeper(&one).or(process::sleeper(&other)).is_none());
            running.finish();
        }
    }
}

fn who_cannot_be_entered(who: &Who) {
    let place = Place::of(who);
    place.exec("nobody", &["true"]).run().refused(125, &["there is no container nobody", "aril ps"]);
    place.exec("../x", &["true"]).run().refused(125, &["there is no container ../x"]);
    let name = name();
    place.aril(&["run", "-d", "--name", &name, &who.rootfs(), "true"]).run().ok();
    eventually("it has ended", || place.aril(&["ps"]).run().out().contains("exited (0)"));
    place.exec(&name, &["true"]).run().refused(125, &[&name, "has ended"]);
    place.aril(&["wait", &name]).run().ok();

    // One whose command does not run yet: its record has its first part alone, and someone holds the lock.
    let directory = place.all().join(&name);
    fs::create_dir(&directory).expect("our own");
    let mut record = File::create(directory.join("state")).expect("our own");
    for path in [directory.clone(), directory.join("state")] {
        chown(path, Some(who.uid()), Some(who.gid())).expect("root may");
    }
    write!(record, "aril 1\0{}\0{}\0", std::process::id(), 1).expect("our own");
    lock(&record);
    place.exec(&name, &["true"]).run().refused(125, &[&name, "does not run yet"]);
    // One whose processes are gone, and their numbers perhaps another's.
    let own = std::process::id();
    write!(record, "{own}\x001\0{own}\x001\x001\x000\x005\x003\0aril\0run\0/\x000\x000\0").expect("our own");
    place.exec(&name, &["true"]).run().refused(125, &[&name, "has ended"]);
    fs::remove_dir_all(directory).expect("our own");

    let (running, name) = place.start(&[]);
    running.signal(Signal::KILL);
    running.finish();
    place.exec(&name, &["true"]).run().refused(125, &[&name]);
}

/// As a launcher does.
fn lock(record: &File) {
    // SAFETY: every field of a flock is a number.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_len) = (libc::F_WRLCK as i16, 1);
    // SAFETY: the kernel reads one flock.
    assert_eq!(unsafe { libc::fcntl(record.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }, 0);
}

fn many_at_once(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    let all: Vec<Running> = (0..20)
        .map(|number| place.exec(&name, &["sh", "-c", &format!("echo {number}; exit {number}")]).start())
        .collect();
    for (number, exec) in all.into_iter().enumerate() {
        exec.finish().exited(number as i32).says(number.to_string());
    }
    place.sh(&name, "set -- /proc/[0-9]*; echo $#").prints("3");
}

/// A shell at a terminal, for which `$exec` is `aril exec`.
fn shell(place: &Place, name: &str, more: &str) -> Terminal {
    let bash = place.who.program("bash", &["--norc", "--noprofile", "--noediting", "-i"]).under(&["setsid", "--ctty"]);
    let bash = bash.env("XDG_RUNTIME_DIR", place.folder.str()).env("name", name).env("PS1", "out> ");
    let shell = Terminal::on(place.who, bash.env("exec", &format!("{} exec {more}", place.aril)));
    shell.expect("out> ");
    shell
}

/// A terminal with `aril exec` on it.
fn terminal(place: &Place, options: &[&str], name: &str, command: &[&str]) -> Terminal {
    let run = place.aril(&[&["exec"], options, &[name], command].concat());
    Terminal::on(place.who, run.under(&["setsid", "--ctty"]))
}

fn a_terminal_of_its_own(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    let on = terminal(&place, &["-it"], &name, &["sh"]);
    on.enter("echo in-$((40+2)) $(tty)", "in-42 /dev/pts/");
    tcsetwinsize(&on.keyboard, Winsize { ws_row: 33, ws_col: 99, ws_xpixel: 0, ws_ypixel: 0 }).expect("a terminal");
    on.eventually("the size is the same inside", || {
        on.keys("stty size\n");
        on.screen.expect("33 99")
    });
    on.keys("exit 9\n");
    on.ends();
    // By itself, and in the end as it was before.
    let shell = shell(&place, &name, "");
    shell.enter("$exec $name sh -c 'test -t 0 && tty; exit 9'; echo out-$?", "/dev/pts/");
    shell.expect("out-9");
    shell.is_back_outside();
    shell.enter("$exec --no-tty $name sh -c 'test -t 0 && tty'; echo out-$?", "out-");
    shell.is_back_outside();
    // Asked for where the caller has none.
    place.aril(&["exec", "-t", &name, "sh", "-c", "tty"]).run().mentions("/dev/pts/");
}

fn ctrl_c_and_ctrl_z_at_a_terminal(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    for more in ["", "--no-tty"] {
        let shell = shell(&place, &name, more);
        shell.enter(
            "$exec $name sh -c 'trap \"echo caught-it; exit 7\" INT; echo rea''dy; while :; do sleep 1; done'",
            "ready",
        );
        shell.keys("\x03");
        shell.expect("caught-it");
        shell.expect("out> ");
        shell.enter("echo out-$?", "out-7");
        // A shell inside has its jobs.
        let mark = mark();
        shell.keys("$exec $name sh\n");
        shell.enter("echo in-$((40+2))", "in-42");
        let sleeper = shell.stops_a_job(&mark);
        shell.interrupts_the_job(sleeper, &mark);
        shell.keys("exit 5\n");
        shell.expect("out> ");
        shell.enter("echo out-$?", "out-5");
    }
    let (shell, mark) = (shell(&place, &name, "--no-tty"), mark());
    shell.keys(&format!("$exec $name sh -c 'sleep {mark}; echo wo''ken'\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    for _ in 0..2 {
        shell.keys("\x1a");
        shell.expect("Stopped");
        shell.eventually("all is stopped", || process::state(sleeper) == 'T');
        shell.is_back_outside();
        shell.keys("fg\n");
        // Not the shell inside alone.
        shell.eventually("all goes on", || process::state(sleeper) == 'S');
    }
    shell.keys("\x03");
    shell.eventually("all is interrupted", || process::sleeper(&mark).is_none());
    shell.is_back_outside();
}

fn in_a_pipe_ctrl_c_reaches_all(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    let mark = mark();
    let shell = shell(&place, &name, "");
    shell.keys(&format!("$exec $name sh -c 'sleep {mark}; true' | cat\n"));
    process::wait_for_sleeper(&mark);
    shell.keys("\x03");
    shell.eventually("all is interrupted", || process::sleeper(&mark).is_none());
    shell.is_back_outside();
}

/// And to a pager what it waits for.
fn in_a_pipe_it_reads_what_is_typed(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    let shell = shell(&place, &name, "");
    shell.keys("$exec $name sh -c 'echo line; yes' | sh -c 'read line; stty -icanon </dev/tty; echo rea\"\"dy; read key </dev/tty; stty icanon </dev/tty; echo \"[$line$key]\"'\n");
    shell.expect("ready");
    shell.enter("key", "[linekey]");
    shell.expect("out> ");
    shell.keys("$exec $name sh -c 'read word; echo \"[$word]\"; exit 7' | cat; echo status-${PIPESTATUS[0]}\n");
    shell.expect("| cat");
    shell.enter("word", "[word]\r\nstatus-7");
    shell.expect("out> ");
    let mark = mark();
    shell.keys(&format!("$exec $name sleep {mark} | cat\n"));
    let sleeper = process::wait_for_sleeper(&mark);
    shell.keys("\x1a");
    shell.expect("Stopped");
    shell.eventually("it is stopped", || process::state(sleeper) == 'T');
    shell.keys("fg\n");
    shell.eventually("it goes on", || process::state(sleeper) == 'S');
    shell.keys("\x03");
    shell.eventually("it is interrupted", || process::sleeper(&mark).is_none());
}

/// What is at /dev/pts/ptmx of a container that runs may be anything.
fn a_terminal_that_is_none_is_refused(who: &Who) {
    let place = Place::of(who);
    let rootfs = who.own_rootfs(&[]);
    let (running, name) = place.start_in(
        rootfs.str(),
        &["--cap-add", "sys_admin"],
        &["sh", "-c", "mount -t tmpfs none /dev/pts && ln -s ../null /dev/pts/ptmx && echo ready; read word"],
    );
    running.expect("ready");
    place.aril(&["exec", "-t", &name, "true"]).run().refused(125, &["pseudo-terminal", "(ENODEV)"]);
    for path in ["/proc/self/fd/0", "/etc/passwd", "/proc/self/fd/4"] {
        place.sh(&name, &format!("ln -sf {path} /dev/pts/ptmx")).ok();
        place.aril(&["exec", "-t", &name, "true"]).run().refused(125, &["pseudo-terminal"]);
    }
}

/// While commands come in, a loop inside tries to open their program, memory, roots and descriptors, and the program that is
/// executed leads back to the one that executes it. None of it may be the machine's.
fn a_hostile_container_gets_hold_of_nothing(who: &Who) {
    let mut place = Place::of(who);
    // A program that is the caller's own, as after `cargo install`.
    let own = place.folder.join("own-aril");
    tool("cp", &[&who.binary("aril"), &own.display().to_string()]);
    chown(&own, Some(who.uid()), Some(who.gid())).expect("root may");
    let before = fs::read(&own).expect("it is there");
    let rootfs = who.own_rootfs(&[]);
    symlink("/proc/self/exe", rootfs.join("bin/evil")).expect("our own");
    executable(&rootfs.join("bin/script"), "#!/proc/self/exe init\n");
    // What runs cannot be written to; a descriptor outlives it.
    let attack = "echo ready; while :; do for p in /proc/[0-9]*; do \
        grep -q SECRET $p/environ 2>/dev/null && echo LEAKED; \
        case $(readlink $p/exe) in *busybox|'') ;; *) (exec 3<$p/exe && for n in $(seq 20); do \
            (echo broken >>/proc/self/fd/3) 2>/dev/null && echo WRITTEN && break; sleep 0.05; done) 2>/dev/null; echo tried;; esac; \
        done; done";
    // With the network of the machine landlock would keep one command from looking at another.
    let kinds: &[&[&str]] = if who.is_root() {
        &[&[], &["--userns", "identity", "--cap-add", "all"], &["--userns", "host", "--cap-add", "all"]]
    } else {
        &[&["--cap-add", "all"]]
    };
    for options in kinds {
        // Of another file than the container's launcher, which nobody can write to as long as that lives: after an upgrade.
        place.aril = who.binary("aril");
        let (running, name) =
            place.start_in(rootfs.str(), &[&["--network", "none"], *options].concat(), &["sh", "-c", attack]);
        running.expect("ready");
        place.aril = own.display().to_string();
        for _ in 0..10 {
            place.exec(&name, &["true"]).env("SECRET", "of the caller").run().ok();
            place.exec(&name, &["evil", "--version"]).run().mentions("aril ");
        }
        place.exec(&name, &["evil", "init", "sleep", "0.3"]).run().ok();
        running.expect("tried");
        running.signal(Signal::TERM);
        let outcome = running.finish();
        let said = outcome.out();
        outcome.check(!said.contains("WRITTEN") && !said.contains("LEAKED"), "it has got nothing");
        assert!(fs::read(&own).expect("it is there") == before, "{options:?}: {outcome}");
    }
}

fn a_link_for_a_directory_leads_nowhere(who: &Who) {
    let place = Place::of(who);
    let rootfs = who.own_rootfs(&[]);
    for fd in 3..16 {
        symlink(format!("/proc/self/fd/{fd}"), rootfs.join(&format!("fd{fd}"))).expect("our own");
    }
    for options in [&[][..], &["--change-root", "chroot"], &["--pid", "host", "-v", "/proc:/proc"]] {
        let (_running, name) = place.start_in(rootfs.str(), options, &["sleep", &mark()]);
        for fd in 3..16 {
            let outcome = place.aril(&["exec", "-w", &format!("/fd{fd}"), &name, "sh", "-c", "ls -d root/../.."]).run();
            outcome.check(outcome.code() == Some(125), "there is no such directory");
        }
    }
}

/// Where the image has a link for `/dev` the command can lead it elsewhere: into a process of the machine, too, which whoever comes in
/// may still look into.
fn a_link_for_dev_leads_to_no_terminal_outside(who: &Who) {
    let place = Place::of(who);
    let rootfs = who.own_rootfs(&["dev"]);
    fs::create_dir(rootfs.join("devices")).expect("our own");
    symlink("devices", rootfs.join("dev")).expect("our own");
    let outside = format!("/proc/{}/root/dev", std::process::id());
    let script = "echo ready; read word; rm /dev && ln -s $0 /dev && echo led; exec sleep 1000";
    let options = ["--userns", "host", "--pid", "host", "--fs", "dev", "-v", "/proc:/proc"];
    let (mut running, name) = place.start_in(rootfs.str(), &options, &["sh", "-c", script, &outside]);
    running.expect("ready");
    let tty = || place.aril(&["exec", "-t", &name, "sh", "-c", "readlink /proc/self/fd/0"]).run();
    tty().ok().mentions("/pts/");
    running.send("word");
    running.expect("led");
    tty().refused(125, &["open the container's /dev", "(ELOOP)"]);
}

fn a_frozen_container_can_be_left_alone(who: &Who) {
    let place = Place::of(who);
    // What has a name can be paused.
    let (mut running, name) = place.start_in(&who.rootfs(), &[], &["sh", "-c", "echo ready; read word"]);
    running.expect("ready");
    let kinds = [["freezer.state", "FROZEN", "THAWED"], ["cgroup.freeze", "1", "0"]];
    let groups: Vec<_> = cgroups::hierarchies().iter().filter_map(|one| one.group(running.init())).collect();
    let of_kind = |kind: [&'static str; 3]| {
        let is_own = |group: &&PathBuf| group.to_string_lossy().contains("/aril-") && group.join(kind[0]).exists();
        Some((groups.iter().find(is_own)?, kind))
    };
    let Some((group, [file, frozen, thawed])) = kinds.into_iter().find_map(of_kind) else {
        who.skip("nothing can be frozen")
    };
    // A part of it, in which the command has moved: that the whole is paused would be told.
    let part = group.join("part");
    fs::create_dir(&part).expect("root may");
    let command = process::children(running.init())[0];
    fs::write(part.join("cgroup.procs"), command.to_string()).expect("root may");
    let set = |value: &str| fs::write(part.join(file), value).expect("root may");
    set(frozen);
    let mark = mark();
    let exec = place.exec(&name, &["sleep", &mark]).start();
    eventually("it waits", || !process::children(exec.pid()).is_empty());
    let child = process::children(exec.pid())[0];
    exec.signal(Signal::INT);
    eventually("it has ended", || process::state(exec.pid()) == 'Z');
    set(thawed);
    assert_eq!(exec.finish().signal(), Some(Signal::INT.as_raw()));
    eventually("what waited is gone", || matches!(process::state(child), '-' | 'Z'));
    assert!(process::sleeper(&mark).is_none(), "it never came in");
    place.exec(&name, &["true"]).run().ok();
    running.send("done");
    running.finish().exited(0);
}

/// In a user namespace of the command's own making, without a map or with one, whoever came would be who he is outside.
fn nobody_enters_what_the_command_has_made(who: &Who) {
    let place = Place::of(who);
    for command in ["unshare -U", "unshare -U -r", "unshare -U -m"] {
        for options in [&[][..], &["--userns", "identity"], &["--userns", "host", "--cap-add", "sys_admin"]] {
            if !who.is_root() && options.contains(&"host") {
                continue;
            }
            let mark = mark();
            let script = format!("exec {command} sleep {mark}");
            let options = [options, &["--security-opt", "seccomp=unconfined"]].concat();
            let (running, name) = place.start_in(&who.rootfs(), &options, &["sh", "-c", &script]);
            running.sleeper(&mark);
            let outcome = place.exec(&name, &["id"]).run();
            outcome.check(outcome.code() == Some(125), "it is refused").check(outcome.out().is_empty(), "nothing runs");
            outcome.check(outcome.err().contains("user namespace"), "it says why");
        }
    }
}

fn it_says_what_it_takes(who: &Who) {
    for words in [&["exec"][..], &["exec", "name"], &["exec", "-t"], &["exec", "-t", "name"]] {
        who.aril(words).run().refused(125, &["exec takes", "NAME COMMAND"]);
    }
    who.aril(&["exec", "--read-only", "x", "true"]).run().refused(125, &["exec has no option --read-only"]);
    who.aril(&["exec", "-v", "/a:/b", "x", "true"]).run().refused(125, &["exec has no option --volume"]);
    who.aril(&["exec", "--nosuch", "x", "true"]).run().refused(125, &["unknown option --nosuch"]);
    who.aril(&["--help"]).run().mentions("aril exec [OPTIONS] NAME COMMAND");
    who.aril(&["exec", "--help"]).run().mentions("aril exec [OPTIONS] NAME COMMAND");
}

fn another_user_by_the_container_s_names(who: &Who) {
    let place = Place::of(who);
    let rootfs = who.own_rootfs(&[]);
    let add = |file: &str, line: &str| {
        let path = rootfs.join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, format!("{text}{line}\n")).expect("our own");
    };
    add("etc/passwd", "own:x:4711:4712::/home/own:/bin/sh");
    add("etc/group", "more:x:4713:own");
    let (_running, name) = place.start_in(rootfs.str(), &["--user", "1:1"], &["sleep", &mark()]);
    let run = |user: &str| {
        place
            .aril(&[
                "exec",
                "-u",
                user,
                &name,
                "sh",
                "-c",
                "id -u; id -g; echo $HOME; grep ^Groups: /proc/self/status; grep CapEff /proc/self/status",
            ])
            .run()
    };
    run("own").prints("4711\n4712\n/home/own\nGroups:\t4713 \nCapEff:\t0000000000000000");
    run("4711:5").mentions("4711\n5\n/home/own\nGroups:\t \n");
    run("0").mentions("0\n0\n/root\n").check(!run("0").out().contains("CapEff:\t0000000000000000"), "root has some");
    run("nosuch").refused(125, &["run as nosuch", "/etc/passwd"]);
    run("4000000000").refused(125, &["not mapped"]);
}

/// It is opened with the rights of whoever calls, and to read some of them takes what they have from others.
fn a_file_of_the_kernel_s_names_no_users(who: &Who) {
    let place = Place::of(who);
    let rootfs = who.own_rootfs(&[]);
    let (_running, name) = place.start_in(rootfs.str(), &[], &["sleep", &mark()]);
    for (link, file) in [("passwd", "../proc/version"), ("group", "../sys/kernel/uevent_seqnum")] {
        place.sh(&name, &format!("ln -sf {file} /etc/{link}")).ok();
        let outcome = place.aril(&["exec", "--user", "0", &name, "true"]).run();
        outcome.refused(125, &[&format!("read the image's /etc/{link}"), "proc or sysfs"]);
        place.sh(&name, &format!("rm /etc/{link}; echo root:x:0: >/etc/{link}")).ok();
    }
}

fn with_the_container_s_groups(who: &Who) {
    let place = Place::of(who);
    let outcome = who.run(&["--pids-limit", "20"], &["true"]);
    if outcome.code() != Some(0) {
        who.skip("there is no controller for pids");
    }
    for options in [&["--pids-limit", "20"][..], &["--pids-limit", "20", "--cgroupns", "host", "--user", "guest"]] {
        let (running, name) = place.start(options);
        let (mark, later) = (mark(), mark());
        let exec = place.exec(&name, &["sleep", &mark]).start();
        let groups = |pid: u32| fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
        let (own, of_container) = (groups(exec.sleeper(&mark)), groups(running.init()));
        assert_eq!(own, of_container);
        assert!(own.contains("/aril/aril-"), "{own}");
        assert!(groups(exec.pid()) == groups(std::process::id()), "the caller's own stays outside");
        // What comes later counts too, and what fills the container up is told to whoever comes then.
        let script = format!("n=0; while sleep {later} >/dev/null 2>&1 & do n=$((n+1)); [ $n -lt 30 ] || exit 9; done");
        let full = place.sh(&name, &script);
        full.check(full.code() == Some(2) && full.err().contains("can't fork"), "there are too many");
        assert!((10..20).contains(&process::sleepers(&later)));
        let advice = format!("aril update {name} --pids-limit N");
        let refused = place.exec(&name, &["true"]).run();
        refused.refused(125, &["(EAGAIN)"]).check(refused.err().contains(&advice), "what can be done");
        place.aril(&["update", &name, "--pids-limit", "100"]).run().ok();
        place.exec(&name, &["true"]).run().ok();
        exec.signal(Signal::TERM);
        exec.finish().exited(143);
        running.signal(Signal::TERM);
        running.finish().exited(143);
    }
}

fn a_command_that_has_changed_its_user(who: &Who) {
    let place = Place::of(who);
    let rootfs = who.rootfs();
    for options in [&[][..], &["--userns", "host"]] {
        // Its memory is hidden from others since then.
        let (running, name) =
            place.start_in(&rootfs, options, &["sh", "-c", "exec su guest -s /bin/sh -c 'id -u; exec sleep 1000'"]);
        let first = running.said();
        place.exec(&name, &["id", "-u"]).run().prints("0");
        drop(first);
    }
    // What the command calls its path is not what is searched.
    let (_running, name) = place.start_in(&rootfs, &[], &["sh", "-c", "PATH=/tmp sleep 1000 || exec /bin/sleep 1000"]);
    place.exec(&name, &["true"]).run().ok();
}

fn a_container_of_others_is_not_there(who: &Who) {
    let place = Place::of(who);
    let (_running, name) = place.start(&[]);
    let other = place.exec(&name, &["true"]).uid(20002).run();
    other
        .exited(125)
        .check(other.err().contains("directory") || other.err().contains("no container"), "it is another's");
}

/// Who is the caller inside could write to an aril of his, whatever the container was to have.
fn ids_that_came_later_are_seen(who: &Who) {
    let place = Place::of(who);
    let (options, mark) = (["--uid-map", "none", "--gid-map", "none", "--fs", "none"], mark());
    let (running, name) = place.start_in(&who.rootfs(), &options, &["sleep", &mark]);
    let write = format!("echo 0 {} 1 >/proc/{}/uid_map", who.uid(), running.sleeper(&mark));
    who.program("sh", &["-c", &write]).run().exited(0);
    let own = who.writable(&place.folder);
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).expect("our own file");
    chown(&own, Some(who.uid()), None).expect("root may, and the owner");
    let exec = who.program(&own, &["exec", "--trace", &name, "id", "-u"]).env("XDG_RUNTIME_DIR", place.folder.str());
    let outcome = exec.run();
    outcome
        .exited(0)
        .says("0")
        .check(outcome.err().contains("execute this program anew"), "nobody inside can write to it");
}
