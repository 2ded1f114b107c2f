//! Point 10: `explain` prints what `run` does, `--trace` prints it as it happens, and the two agree.

use crate::support::{Outcome, Who, traces::Traces};

crate::tests! {
    both: every_trace_is_a_path_through_what_explain_printed, refused_steps_give_way_to_what_explain_printed,
        explain_does_nothing, explain_and_run_refuse_the_same, verbose_says_first_what_runs_as_whom;
    once: explain_takes_what_run_takes;
}

/// A step as explain printed it.
#[derive(Debug)]
struct Step {
    text: String,
    /// What the brackets at its end name.
    errnos: Vec<String>,
    /// The step that is carried out in its place after one of the errnos.
    otherwise: Option<Box<Step>>,
    may_fail: bool,
}

impl Step {
    fn read(line: &str, rest: &mut std::iter::Peekable<std::str::Lines>) -> Self {
        let split = |start: &str, end: &str| {
            let (text, bracket) = line.strip_suffix(end)?.rsplit_once(start)?;
            Some((text.trim_start().to_string(), bracket.split(", ").map(ToString::to_string).collect()))
        };
        let (may_fail, instead) = (split(" [may fail: ", "]"), split(" [on ", " instead:]"));
        let otherwise = instead.is_some().then(|| {
            let alternative =
                rest.next_if(|line| line.starts_with("    ")).expect("the alternative is on the next line");
            Box::new(Self::read(alternative, rest))
        });
        let (text, errnos) =
            may_fail.clone().or(instead).unwrap_or_else(|| (line.trim_start().to_string(), Vec::new()));
        Self { text, errnos, otherwise, may_fail: may_fail.is_some() }
    }
}

/// A text with the range of ids, which is another one each time, as one word.
fn steady(text: &str) -> String {
    let is_unused = |word: &str| word.parse().is_ok_and(|id: u32| (0x7000_0000..0x8000_0000).contains(&id));
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').map(|word| if is_unused(word) { "RANGE" } else { word }).collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The groups of steps, each of one process and in its order.
fn plan(explained: &Outcome) -> Vec<(String, Vec<Step>)> {
    let out = steady(&explained.ok().out());
    let mut lines = out.lines().peekable();
    let mut groups: Vec<(String, Vec<Step>)> = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            groups.push((heading.to_string(), Vec::new()));
            continue;
        }
        let step = line.strip_prefix("  ").filter(|step| !step.starts_with(' ') && !step.is_empty());
        explained
            .check(step.is_some() && !groups.is_empty(), format_args!("a heading or a step of two spaces: {line:?}"));
        groups.last_mut().expect("just looked").1.push(Step::read(line, &mut lines));
    }
    explained.check(groups.iter().all(|(_, steps)| !steps.is_empty()) && groups.len() > 1, "groups with steps");
    groups
}

/// What `--trace` printed: each step's text and, if it failed, its errno.
fn trace(outcome: &Outcome) -> Vec<(String, Option<String>)> {
    let read = |line: &str| {
        let (time, text) = line.split_once(" us  ")?;
        time.trim_start().parse::<u64>().ok().filter(|_| time.len() >= 7)?;
        match text.rsplit_once(" -> ") {
            Some((text, errno)) if errno.starts_with('E') && !errno.contains([' ', '/']) => {
                Some((text.to_string(), Some(errno.to_string())))
            }
            _ => Some((text.to_string(), None)),
        }
    };
    let lines = steady(&outcome.err());
    let lines = lines.lines().map(|line| {
        let read = read(line);
        outcome.check(read.is_some(), format_args!("a line of the trace: {line:?}"));
        read.expect("just looked")
    });
    lines.collect()
}

/// Where a walk through a group stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Step(usize),
    /// The step gave way: its alternative comes next.
    Instead(usize),
}

/// Walks every group at once; a line may belong to whichever group can go on with it.
fn walk(plan: &[(String, Vec<Step>)], places: &mut [At], trace: &[(String, Option<String>)], best: &mut usize) -> bool {
    let Some(((text, errno), rest)) = trace.split_first() else {
        return plan.iter().zip(&*places).all(|((_, steps), place)| *place == At::Step(steps.len()));
    };
    for (group, (_, steps)) in plan.iter().enumerate() {
        let place = places[group];
        let (at, step) = match place {
            At::Step(at) => (at, steps.get(at)),
            At::Instead(at) => (at, steps[at].otherwise.as_deref()),
        };
        let Some(step) = step.filter(|step| step.text == *text) else { continue };
        let next = match errno {
            None => At::Step(at + 1),
            Some(errno) if !step.errnos.contains(errno) => continue,
            Some(_) if step.may_fail => At::Step(at + 1),
            Some(_) => At::Instead(at),
        };
        places[group] = next;
        if walk(plan, places, rest, best) {
            return true;
        }
        places[group] = place;
    }
    *best = (*best).min(trace.len());
    false
}

/// Explains, runs and compares.
#[track_caller]
fn agree(who: &Who, options: &[&str], rootfs: &str, command: &[&str], refused: Option<(libc::c_long, i32)>) -> Outcome {
    // Two descriptors for those who are to pass some on.
    let open = ["bash", "-c", "exec 3</ 4</ && exec \"$@\"", "bash"];
    let explained = who.aril(&[&["explain"], options, &[rootfs], command].concat()).under(&open).run();
    let run = who.run_in(rootfs, &[&["--trace"], options].concat(), command).under(&open);
    let ran = match refused {
        Some((call, errno)) => run.refuse(call, errno).run(),
        None => run.run(),
    };
    ran.exited(0);
    let (plan, trace) = (plan(&explained), trace(&ran));
    let mut best = trace.len();
    if !walk(&plan, &mut vec![At::Step(0); plan.len()], &trace, &mut best) {
        let strange = trace.get(trace.len() - best);
        panic!("the trace leaves the plan at {strange:?}, or lacks steps at its end\n{explained}\n{ran}");
    }
    ran
}

/// The argument sets; `{uid}` is the caller's, and so is `{folder}`.
const SETS: &[&[&str]] = &[
    &[],
    &["--overlay"],
    &["--overlay={folder}/kept"],
    &["--read-only"],
    &["--read-only", "--overlay"],
    &["-v", "/etc:/mnt:ro"],
    &["-v", "/etc/passwd:/new/file"],
    &["-v", "/etc/passwd:/new/file", "--read-only"],
    &["--tmpfs", "/mnt:size=1m,mode=700"],
    &["--tmpfs", "/a/b/c", "-v", "/usr:/a/b/c/usr:ro"],
    &["--network", "none"],
    &["--time", "private"],
    &["--namespaces", "all"],
    &["--no-init"],
    &["--no-init", "--overlay", "--network", "none"],
    &["--change-root", "chroot"],
    &["--cap-drop", "all"],
    &["--cap-add", "all"],
    &["--fs", "none"],
    &["--fs", "proc"],
    &["--fs", "sys,dev"],
    &["--hostname", "box", "-w", "/tmp", "-e", "A=b", "-e", "TERM"],
    &["--preserve-fds", "2"],
    &["--uts", "host"],
    &["--ipc", "host", "--cgroupns", "host"],
    &["--pid", "host"],
    &["--pid", "host", "--no-init"],
    &["--uid-map", "0:{uid}:1", "--gid-map", "0:{uid}:1", "--user", "0:0"],
    &["--namespaces", "user,mount"],
    &["--namespaces", "user,mount,pid", "--fs", "proc"],
    &["--namespaces", "user", "--change-root", "chroot"],
    &["--userns", "private"],
    &["--userns", "auto", "--user", "0"],
    &["--stop-timeout", "1s", "-it", "--rm", "--init"],
    &["--security-opt", "landlock=off"],
];

const AS_ROOT: &[&[&str]] = &[
    &["--userns", "identity"],
    &["--userns", "identity", "--overlay", "--user", "guest"],
    &["--userns", "0:100000:65536", "-v", "/etc:/mnt:ro", "-v", "/srv:/srv:idmap"],
    &["--userns", "0:100000:65536", "--overlay", "--fs", "none", "--network", "none", "--user", "guest"],
    &["-v", "/etc:/mnt:ro,idmap", "--overlay"],
    &["--userns", "host"],
    &["--userns", "host", "--cap-add", "all", "--overlay"],
    &["--user", "guest"],
    &["--user", "405:100", "--userns", "host", "--network", "none"],
    &["--namespaces", "mount"],
    &["--namespaces", "none", "--change-root", "chroot"],
];

const ON_THE_HOST_S_ROOT: &[&[&str]] = &[
    &[],
    &["--read-only"],
    &["--network", "none", "--no-init"],
    &["--namespaces", "user,uts", "--change-root", "none", "--hostname", "x"],
    &["--namespaces", "user", "--change-root", "none", "--uid-map", "none", "--gid-map", "none"],
    &["--namespaces", "user,mount,pid", "--change-root", "none", "--fs", "proc"],
];

fn every_trace_is_a_path_through_what_explain_printed(who: &Who) {
    for lacking in [&[][..], &["proc", "sys", "dev"]] {
        let (rootfs, folder) = (who.own_rootfs(lacking), who.folder());
        for options in SETS.iter().chain(AS_ROOT.iter().filter(|_| who.is_root())) {
            let filled: Vec<String> = options
                .iter()
                .map(|word| word.replace("{uid}", &who.uid().to_string()).replace("{folder}", folder.str()))
                .collect();
            let filled: Vec<&str> = filled.iter().map(String::as_str).collect();
            agree(who, &filled, rootfs.str(), &["true"], None);
        }
    }
    for options in ON_THE_HOST_S_ROOT {
        agree(who, options, "/", &["/bin/true"], None);
    }
}

/// A path that the machine does not take by itself.
fn refused_steps_give_way_to_what_explain_printed(who: &Who) {
    let ran = agree(who, &[], &who.rootfs(), &["true"], Some((libc::SYS_pivot_root, libc::EINVAL)));
    ran.check(ran.err().contains(" -> EINVAL"), "pivot_root's refusal is in the trace");
}

/// Not even with every call refused that makes a container.
fn explain_does_nothing(who: &Who) {
    let rootfs = who.own_rootfs(&["proc", "sys", "dev"]);
    let before = Traces::of(rootfs.path());
    for options in [&[][..], &["--overlay"], &["--read-only", "--network", "none"], &["--tmpfs", "/a/b"]] {
        let words = [&["explain"], options, &[rootfs.str()], &["true"][..]].concat();
        let plain = who.aril(&words).run();
        plain.ok();
        for call in [libc::SYS_clone3, libc::SYS_unshare, libc::SYS_mount, libc::SYS_fsopen, libc::SYS_mkdirat] {
            let refused = who.aril(&words).refuse(call, libc::EPERM).run();
            refused.ok().check(steady(&refused.out()) == steady(&plain.out()), "it says the same");
        }
        before.unchanged(&format!("explain {options:?}"));
    }
}

fn explain_takes_what_run_takes(who: &Who) {
    let rootfs = who.rootfs();
    let with = who.aril(&["explain", "run", "--overlay", &rootfs, "true"]).run();
    let without = who.aril(&["explain", "--overlay", &rootfs, "true"]).run();
    without.ok().check(steady(&without.out()) == steady(&with.ok().out()), "it says the same");
}

fn explain_and_run_refuse_the_same(who: &Who) {
    for words in [
        &["/no/such/root", "true"][..],
        &["--overlya", "/", "true"],
        &["-v", "/no/such/source:/mnt", &who.rootfs(), "true"],
        &["--user", "nobody-of-this-name", &who.rootfs(), "true"],
        &["--hostname", &"x".repeat(65), &who.rootfs(), "true"],
    ] {
        let explained = who.aril(&[&["explain"], words].concat()).run();
        let ran = who.aril(&[&["run"], words].concat()).run();
        explained.refused(125, &[]);
        ran.refused(125, &[])
            .check(explained.err() == ran.err(), format_args!("explain says the same: {}", explained.err()));
    }
}

fn verbose_says_first_what_runs_as_whom(who: &Who) {
    let outcome = who.run(&["--verbose"], &["sh", "-c", "echo of the command >&2; echo out"]);
    let err = outcome.exited(0).says("out").err();
    let lines: Vec<&str> = err.lines().collect();
    let first = lines[..lines.len().saturating_sub(1)].join("\n");
    for word in ["command", "uid", "pid", "sh"] {
        outcome.check(first.contains(word), format_args!("{word:?} is named before the command speaks"));
    }
    outcome.check(lines.last() == Some(&"of the command"), "and the command comes after it");
}
