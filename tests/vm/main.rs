//! The behaviour tests once more, on machines that this one is not: in VMs under QEMU's software emulation, with Debian's
//! kernels and each layout of control groups. A test in a VM is a test here, `v2::limits::…`. `machine` boots one and
//! `transcript` reads what came out of it. And aril as a VM's first process, `boot::…`, in VMs of `boot`'s own.

mod boot;
mod harness;
mod machine;
#[path = "../outcome.rs"]
mod outcome;
mod transcript;

use libtest_mimic::{Arguments, Trial};
use machine::{Machine, Vm};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::thread;
use transcript::Transcript;

/// Tests that depend on the layout of control groups.
const GROUPS: &[&str] = &["limits::", "figures_of_groups::", "devices::"];
/// And those that an older kernel than this machine's runs once: aril works there as everywhere.
const OLDER: &[&str] = &[
    "namespaces::",
    "users::",
    "identity::",
    "root::nothing_of_the_old_root",
    "limits::",
    "figures_of_groups::",
    "devices::",
];

/// The machines, with the tests that each of them runs: a name is chosen by how it begins.
const MACHINES: [(Machine, &[&str]); 4] = [
    (Machine { name: "v2", kernel: "bookworm", layout: "v2" }, OLDER),
    (Machine { name: "v1", kernel: "bookworm", layout: "v1" }, GROUPS),
    (Machine { name: "hybrid", kernel: "bookworm", layout: "hybrid" }, &["limits::"]),
    // Where a newer kernel has left controllers to version 2 alone: in a long run.
    (Machine { name: "newer", kernel: "trixie", layout: "hybrid" }, &[]),
];

/// What they all run in a long run: whatever is not about the files that are shipped or about a whole Debian.
const NOT_IN_A_VM: &[&str] = &["figures::", "servers::", "work::"];

/// A machine with the tests that were asked of it; it is booted when the first of them asks.
struct Course {
    machine: Machine,
    behaviour: PathBuf,
    /// As they are named inside.
    tests: Vec<String>,
    transcript: OnceLock<Transcript>,
}

impl Course {
    fn transcript(&self) -> &Transcript {
        self.transcript.get_or_init(|| {
            let vm = Vm::of(&self.machine, &self.behaviour);
            vm.run(&self.tests, &vm.tests_alone(), machine::patience())
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let behaviour = behaviour();
    let names = names(&behaviour);
    let mut trials = boot::trials();
    trials.extend(harness::trials(&behaviour));
    for (machine, filters) in MACHINES {
        let machine = machine.with_kernel(env::var("ARIL_KERNEL").ok());
        let prefix = machine.name;
        let (tests, lost) = choose(&names, filters, env::var_os("ARIL_LONG").is_some());
        trials.extend(lost.into_iter().map(|filter| {
            let text = format!("no test's name begins with {filter}");
            Trial::test(format!("{prefix}::{filter}"), move || Err(text.into()))
        }));
        let is_asked = |name: &String| asked(&arguments, &format!("{prefix}::{name}"));
        let asked: Vec<String> = tests.iter().filter(|name| is_asked(name)).cloned().collect();
        let course = Course { machine, behaviour: behaviour.clone(), tests: asked, transcript: OnceLock::new() };
        let course: &'static Course = Box::leak(Box::new(course));
        let ready = course.machine.is_ready();
        if !arguments.list && ready.is_ok() && !course.tests.is_empty() {
            // Not only when the first test asks: by then another machine may long be done.
            thread::spawn(|| course.transcript());
        }
        trials.extend(tests.into_iter().map(|name| {
            let ready = ready.clone();
            Trial::ignorable_test(format!("{prefix}::{name}"), move || match ready {
                Ok(()) => course.transcript().verdict(&name),
                Err(reason) => Ok(libtest_mimic::Completion::ignored_with(reason)),
            })
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The tests that a machine runs, and each filter that finds none: a module that got another name must not go unnoticed.
fn choose(names: &[String], filters: &[&'static str], long: bool) -> (Vec<String>, Vec<&'static str>) {
    let begins = |name: &&String, filters: &[&str]| filters.iter().any(|filter| name.starts_with(filter));
    let lost = filters.iter().copied().filter(|filter| !names.iter().any(|name| begins(&name, &[filter])));
    let chosen =
        names.iter().filter(|name| if long { !begins(name, NOT_IN_A_VM) } else { begins(name, filters) }).cloned();
    (chosen.collect(), lost.collect())
}

/// Whether the command line asks for this one, as `libtest_mimic` itself decides it.
fn asked(arguments: &Arguments, name: &str) -> bool {
    let fits = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter) };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits) && !arguments.ignored
}

/// The binary of the behaviour tests as it is now. Cargo names it to nobody but who builds it, and when only these tests
/// are asked for it may be old.
fn behaviour() -> PathBuf {
    let ours = env::current_exe().expect("/proc is mounted");
    let target = ours.ancestors().nth(3).expect("we are TARGET/release/deps/vm-HASH");
    let mut build = Command::new(env!("CARGO"));
    build.args(["test", "--no-run", "--locked", "--test", "behaviour", "--message-format=json", "--manifest-path"]);
    build.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).arg("--target-dir").arg(target);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let output = build.output().expect("cargo has started us");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let built = messages.filter(|message| message["target"]["name"] == "behaviour");
    built.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next().expect("it was built")
}

/// The names of its tests.
fn names(behaviour: &Path) -> Vec<String> {
    let output = Command::new(behaviour).arg("--list").output().expect("it was built just now");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().filter_map(|line| Some(line.strip_suffix(": test")?.to_string())).collect()
}
