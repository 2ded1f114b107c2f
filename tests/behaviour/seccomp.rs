//! The filter of system calls: what is refused, who opens what, filters of the caller's own, and that programs do not notice.

#[path = "../../tools/seccomp/profile.rs"]
mod profile;

use crate::exec::Place;
use crate::support::{Folder, Outcome, Who};
use profile::{Architecture, For};
use std::{env, fs};

crate::tests! {
    both: calls_are_refused_that_no_program_needs, a_later_command_is_filtered_too, capabilities_open_their_calls,
        unconfined_means_every_call, what_explain_says_of_a_call_is_so, a_program_of_the_caller_s_own_filters,
        what_is_no_program_is_named, a_filter_that_stops_the_execution_is_told, an_engine_s_profile_does_as_it_says, tracers_work_and_sandboxes_are_refused;
    as_root: pid_1_is_filtered_where_it_can_be_traced, programs_of_a_distribution_do_not_notice;
}

/// A call with arguments of which the kernel itself answers something else than EPERM, and what opens it.
struct Call {
    name: &'static str,
    number: i64,
    arguments: &'static str,
    refused: i32,
    by: Option<&'static str>,
}

const fn call(name: &'static str, number: i64, arguments: &'static str, by: Option<&'static str>) -> Call {
    Call { name, number, arguments, refused: libc::EPERM, by }
}

const CALLS: &[Call] = &[
    call("keyctl", libc::SYS_keyctl, "9999", None),
    call("add_key", libc::SYS_add_key, "0,0,0,0,0", None),
    call("io_uring_enter", libc::SYS_io_uring_enter, "-1", None),
    call("vmsplice", libc::SYS_vmsplice, "-1", None),
    call("pidfd_getfd", libc::SYS_pidfd_getfd, "-1", Some("sys_ptrace")),
    call("quotactl_fd", 443, "-1", Some("sys_admin")),
    call("open_tree", libc::SYS_open_tree, "-1,0,0", Some("sys_admin")),
    // ADDR_NO_RANDOMIZE, AF_ALG, AF_VSOCK, CLONE_NEWUSER.
    call("personality", libc::SYS_personality, "0x40000", None),
    call("socket", libc::SYS_socket, "38,5", None),
    call("socket", libc::SYS_socket, "40,1", None),
    Call { refused: libc::ENOSYS, ..call("clone3", libc::SYS_clone3, "0,0", Some("sys_admin")) },
    call("unshare", libc::SYS_unshare, "0x10000000", Some("sys_admin")),
];

/// The words for the probe.
fn words(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|call| format!("{},{}", call.number, call.arguments)).collect()
}

fn ask(words: &[String]) -> Vec<&str> {
    ["probe", "calls"].into_iter().chain(words.iter().map(String::as_str)).collect()
}

/// What became of each call: 0, or the errno.
fn answers(outcome: &Outcome) -> Vec<i32> {
    let answer = |line: &str| {
        line.rsplit(' ').next().and_then(|word| if word == "allowed" { Some(0) } else { word.parse().ok() })
    };
    outcome.exited(0).out().lines().map(|line| answer(line).expect("an answer")).collect()
}

/// Whether the filter speaks in the way that it should, call by call.
#[track_caller]
fn check(outcome: &Outcome, is_refused: impl Fn(&Call) -> bool) {
    let answers = answers(outcome);
    outcome.check(answers.len() == CALLS.len(), "each is answered");
    for (call, answer) in CALLS.iter().zip(answers) {
        let is_filters = answer == call.refused;
        outcome.check(is_filters == is_refused(call), format_args!("{} {}: {answer}", call.name, call.arguments));
    }
}

fn calls_are_refused_that_no_program_needs(who: &Who) {
    who.needs_probe();
    let words = words(CALLS);
    let root: &[&[&str]] = &[&["--userns", "host"], &["--userns", "identity"], &["--user", "405:100"]];
    let each = [&[][..], &["--no-init"], &["--overlay"], &["--cap-drop", "all"], &["--cap-add", "net_admin"]];
    for options in each.iter().chain(root.iter().filter(|_| who.is_root())) {
        check(&who.run(options, &ask(&words)), |_| true);
    }
    let alone = if who.is_root() {
        &["--sandbox", "landlock", "--user", "65534:65534"][..]
    } else {
        &["--sandbox", "landlock"]
    };
    let probe = who.binary("probe");
    let ask: Vec<&str> = [&probe, "calls"].into_iter().chain(words.iter().map(String::as_str)).collect();
    // Landlock itself need not be there.
    let outcome = who.run_in("/", alone, &ask).run();
    if outcome.code() == Some(0) {
        check(&outcome, |_| true);
    }
    // Nobody knows them: as where there is none.
    who.run(&["--cap-add", "all"], &["probe", "calls", "999", "0x3fffffff"]).prints("999 38\n0x3fffffff 38");
}

fn a_later_command_is_filtered_too(who: &Who) {
    who.needs_probe();
    let place = Place::of(who);
    let words = words(CALLS);
    for (options, is_refused) in [(&[][..], true), (&["--security-opt", "seccomp=unconfined"], false)] {
        let (mut running, name) = place.start_in(&who.rootfs(), options, &["sh", "-c", "echo ready; read word"]);
        running.expect("ready");
        check(&place.exec(&name, &ask(&words)).run(), |_| is_refused);
        running.send("done");
        running.finish().exited(0);
    }
}

fn capabilities_open_their_calls(who: &Who) {
    who.needs_probe();
    let words = words(CALLS);
    for capability in ["sys_admin", "sys_ptrace", "all"] {
        let is_open = |by: &str| by == capability || capability == "all";
        check(&who.run(&["--cap-add", capability], &ask(&words)), |call| !call.by.is_some_and(is_open));
    }
}

/// No filter at all: even what types into a terminal comes to the device.
fn unconfined_means_every_call(who: &Who) {
    who.needs_probe();
    let words = words(CALLS);
    let unconfined = ["--security-opt", "seccomp=unconfined"];
    check(&who.run(&unconfined, &ask(&words)), |_| false);
    who.sh(&unconfined, "awk '/^Seccomp:|^NoNewPrivs:/ {print $2}' /proc/self/status").prints("1\n0");
    let outcome = who.run(&unconfined, &["sh", "-c", "probe inject </dev/null"]);
    let reached = |line: &str| line.ends_with(&format!(" {}", libc::ENOTTY));
    outcome.check(outcome.out().lines().filter(|line| reached(line)).count() > 0, "the device answers");
    // The last word counts, and beside it another wall can be left out.
    let both = ["--security-opt", "seccomp=/nosuch", "--security-opt", "landlock=off"];
    check(&who.run(&[&both[..], &unconfined].concat(), &ask(&words)), |_| false);
}

fn what_explain_says_of_a_call_is_so(who: &Who) {
    let explain = |name: &str, options: &[&str]| {
        let words = [&["explain", "syscall"], options, &[name]].concat();
        who.aril(&words).run().ok().out().trim_end().to_string()
    };
    assert_eq!(explain("read", &[]), "read: allowed");
    for call in CALLS {
        let said = explain(call.name, &[]);
        let answer = if call.refused == libc::EPERM { "EPERM" } else { "ENOSYS" };
        assert!(said.contains(answer), "{said}");
        match call.by {
            Some(capability) => {
                assert!(said.contains(&format!("--cap-add {capability}")), "{said}");
                let opened = explain(call.name, &["--cap-add", capability]);
                assert_eq!(opened, format!("{}: allowed, by the capability {capability}", call.name));
            }
            None => assert!(!said.contains("cap-add"), "{said}"),
        }
        assert_eq!(
            explain(call.name, &["--security-opt", "seccomp=unconfined"]),
            format!("{}: allowed, as every call is", call.name)
        );
    }
    // Whoever shares the caller's user namespace has no more than the caller.
    let shared = explain("mount", &["--userns", "host", "--cap-add", "sys_admin"]);
    assert_eq!(shared.contains("refused"), !who.is_root(), "{shared}");
    for words in [&["explain", "syscall"][..], &["explain", "syscall", "read", "/"]] {
        who.aril(words).run().refused(125, &["explain syscall takes [OPTIONS] NAME"]);
    }
    who.aril(&["explain", "syscall", "no_such"]).run().refused(125, &["no_such", "ENOSYS"]);
}

/// A file with these instructions.
fn file(who: &Who, folder: &Folder, program: &[(u16, u8, u8, u32)]) -> String {
    let bytes = program.iter().flat_map(|(code, then, otherwise, value)| {
        let value = value.to_ne_bytes();
        [&code.to_ne_bytes()[..], &[*then, *otherwise], &value].concat()
    });
    write(who, folder, &bytes.collect::<Vec<_>>())
}

fn write(_: &Who, folder: &Folder, bytes: &[u8]) -> String {
    let path = folder.join("filter");
    fs::write(&path, bytes).expect("our own folder");
    path.display().to_string()
}

const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;

fn a_program_of_the_caller_s_own_filters(who: &Who) {
    who.needs_probe();
    let folder = who.folder();
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EXDEV as u32;
    let program =
        [(LOAD, 0, 0, 0), (EQUAL, 0, 1, libc::SYS_getppid as u32), (RETURN, 0, 0, refuse), (RETURN, 0, 0, ALLOWED)];
    let path = file(who, &folder, &program);
    let own = format!("seccomp={path}");
    let options = ["--security-opt", &own];
    let ask = format!("{}", libc::SYS_getppid);
    let refused = format!("{ask} {}", libc::EXDEV);
    who.run(&options, &["probe", "calls", &ask]).prints(&refused);
    let explained = who.aril(&["explain", "--security-opt", &own, &who.rootfs(), "true"]).run().ok().out();
    assert!(explained.contains(&format!("filter system calls, 4 instructions of {path}")), "{explained}");
    let said = who.aril(&["explain", "syscall", "--security-opt", &own, "read"]).run().ok().out();
    assert_eq!(said, format!("read: as {path} decides\n"));
    // And nothing of ours besides: keyctl comes to the kernel.
    check(&who.run(&options, &self::ask(&words(CALLS))), |_| false);

    let place = Place::of(who);
    let (mut running, name) = place.start_in(&who.rootfs(), &options, &["sh", "-c", "echo ready; read word"]);
    running.expect("ready");
    place.exec(&name, &["probe", "calls", &ask]).run().prints(&refused);
    // Whoever comes later comes no freer.
    fs::remove_file(&path).expect("it is there");
    place.exec(&name, &["true"]).run().refused(125, &["read the filter", &path, "(ENOENT)"]);
    running.send("done");
    running.finish().exited(0);
}

fn what_is_no_program_is_named(who: &Who) {
    let folder = who.folder();
    let run = |path: &str| who.run(&["--security-opt", &format!("seccomp={path}")], &["true"]);
    run("filter").refused(125, &["--security-opt", "seccomp=/FILE"]);
    run("").refused(125, &["--security-opt", "seccomp=/FILE"]);
    run("/nosuch").refused(125, &["read the filter /nosuch", "(ENOENT)"]);
    run("/dev/zero").refused(125, &["read the filter /dev/zero", "regular file"]);
    let fifo = folder.join("fifo").display().to_string();
    crate::support::tool("mkfifo", &["-m", "666", &fifo]);
    run(&fifo).refused(125, &["read the filter", "regular file"]);
    let allow = [6, 0, 0, 0, 0, 0, 0xff, 0x7f];
    for bytes in [&[][..], b"{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", &[0; 16], &allow[..7], &allow.repeat(4097)] {
        run(&write(who, &folder, bytes)).refused(125, &["read the filter", "4096 instructions"]);
    }
    who.run(&["--security-opt", &format!("seccomp={}", write(who, &folder, &allow.repeat(4096)))], &["true"]).ok();
    // What the kernel finds: a jump beyond the end, and a look at what is no part of a call.
    for first in [(EQUAL, 9, 9, 0), (LOAD, 0, 0, 3), (LOAD, 0, 0, 64)] {
        let path = file(who, &folder, &[first, (RETURN, 0, 0, ALLOWED)]);
        run(&path).refused(125, &["filter system calls", &path, "(EINVAL)", "the kernel does not take this program"]);
    }
}

/// One that kills leaves nobody who could say so.
fn a_filter_that_stops_the_execution_is_told(who: &Who) {
    let folder = who.folder();
    let run = |call: i64, answer: u32| {
        let program = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, call as u32), (RETURN, 0, 0, answer), (RETURN, 0, 0, ALLOWED)];
        let path = file(who, &folder, &program);
        (who.run(&["--security-opt", &format!("seccomp={path}")], &["true"]), path)
    };
    let killing = [libc::SECCOMP_RET_KILL_PROCESS, libc::SECCOMP_RET_KILL_THREAD, libc::SECCOMP_RET_TRAP];
    for call in [libc::SYS_execve, libc::SYS_rt_sigprocmask] {
        for answer in killing {
            let (outcome, path) = run(call, answer);
            let reason = format!("the filter {path} has killed the process that was to execute true");
            outcome.refused(126, &[&reason, "(EPERM)"]);
        }
    }
    let (outcome, _) = run(libc::SYS_execve, libc::SECCOMP_RET_ERRNO | libc::EXDEV as u32);
    outcome.refused(126, &["execute true: ", "(EXDEV)"]);
    // What ends a command that runs is the command's own end.
    let (outcome, _) = run(libc::SYS_exit_group, killing[0]);
    outcome.exited(159).check(outcome.err().is_empty(), "nothing is said");
}

/// The tool of the project makes it, for the same capabilities.
fn an_engine_s_profile_does_as_it_says(who: &Who) {
    who.needs_probe();
    const PROFILE: &str = r#"{
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18},
            {"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 19,
             "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
            {"names": ["getsid"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_ADMIN"]}}
        ]
    }"#;
    let folder = who.folder();
    for (more, is_open) in [(&[][..], false), (&["--cap-add", "sys_admin"], true)] {
        let whom = For {
            architecture: Architecture::named(env::consts::ARCH).expect("one of ours"),
            capabilities: if is_open { 1 << 21 } else { 0 },
            kernel: (6, 1),
        };
        let path = write(who, &folder, &profile::program(PROFILE, &whom).expect("it makes sense"));
        let own = format!("seccomp={path}");
        let options = [&["--security-opt", own.as_str()], more].concat();
        let asked = [
            libc::SYS_getppid.to_string(),
            format!("{},1", libc::SYS_getpgid),
            format!("{},0", libc::SYS_getpgid),
            libc::SYS_getsid.to_string(),
        ];
        let found = answers(&who.run(&options, &ask(&asked)));
        assert_eq!(found, [18, 19, 0, if is_open { 0 } else { libc::EPERM }]);
    }
}

fn tracers_work_and_sandboxes_are_refused(who: &Who) {
    who.run_in("/", &[], &["strace", "-f", "-o", "/dev/null", "sh", "-c", "true | echo traced"]).run().prints("traced");
    let bwrap = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "echo", "nested"];
    let outcome = who.run_in("/", &[], &bwrap).run();
    outcome.check(outcome.code() == Some(1) && outcome.err().contains("not permitted"), "it is refused");
    who.run_in("/", &["--security-opt", "seccomp=unconfined"], &["unshare", "-Ur", "echo", "nested"])
        .run()
        .prints("nested");
    // What a sandbox needs is opened by one capability, aril's own too.
    who.run_in("/", &["--cap-add", "sys_admin"], &bwrap).run().prints("nested");
    let aril = format!("{}:/srv/aril:ro", who.binary("aril"));
    let inner = ["/srv/aril", "run", "--fs", "dev", "--overlay", "/", "echo", "nested"];
    who.run_in("/", &["--cap-add", "sys_admin", "-v", &aril], &inner).run().prints("nested");
}

/// With CAP_SYS_PTRACE the command may make PID 1 do what it likes, so that one may do no more.
fn pid_1_is_filtered_where_it_can_be_traced(who: &Who) {
    for options in
        [&["--cap-add", "sys_ptrace"][..], &["--cap-add", "all"], &["--userns", "host", "--cap-add", "sys_ptrace"]]
    {
        let script = "n=0; until grep -q '^Seccomp:.2' /proc/1/status || [ $n = 1000 ]; do n=$((n+1)); sleep 0.01; done; \
            awk '/^Seccomp:|^NoNewPrivs:/ {print $2}' /proc/1/status; sleep 0.1 & exit 7";
        who.sh(options, script).exited(7).says("1\n2");
    }
    who.sh(&[], "awk '/^Seccomp:/ {print $2}' /proc/1/status").prints("0");
}

fn programs_of_a_distribution_do_not_notice(who: &Who) {
    let rootfs = crate::support::rootfs("debian");
    if !rootfs.exists() {
        who.skip("no Debian here: rootfs/debian target/rootfs/debian");
    }
    let script = r#"set -e
        dpkg --list >/dev/null; apt-cache policy >/dev/null; apt-get check >/dev/null
        perl -e 'open my $f, "-|", "echo perl"; print <$f>'
        mkdir /tmp/a && cp -a /etc /tmp/a && tar -C /tmp/a -czf /tmp/a.tar.gz etc && tar -tzf /tmp/a.tar.gz >/dev/null
        useradd -m somebody && echo useradd"#;
    let run = who.run_in(&rootfs.display().to_string(), &["--overlay"], &["sh", "-c", script]).run();
    run.ok().mentions("perl").mentions("useradd");
    let python = r#"
import asyncio, mmap, multiprocessing, os, select, signal, socket, subprocess, tempfile, threading, time
threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
assert subprocess.run(["echo", "x"], capture_output=True).stdout == b"x\n"
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_NETLINK): socket.socket(family, socket.SOCK_DGRAM).close()
async def wait(): await asyncio.gather(*[asyncio.sleep(0.01) for _ in range(9)])
asyncio.run(wait()); os.memfd_create("x"); os.eventfd(1); mmap.mmap(-1, 4096); os.getrandom(1)
os.sched_setaffinity(0, os.sched_getaffinity(0)); os.pidfd_open(os.getpid()); os.posix_spawn("/bin/true", ["true"], {}); os.wait()
signal.setitimer(signal.ITIMER_REAL, 9); tempfile.TemporaryFile().write(b"x"); select.epoll().close(); os.sync()
print("python")"#;
    who.run_in("/", &[], &["python3", "-c", python]).run().prints("python");
}
