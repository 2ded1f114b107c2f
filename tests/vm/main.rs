//! The behaviour tests once more, on machines that this one is not: in VMs under QEMU's software emulation, with Debian's
//! kernels and each layout of control groups. A test in a VM is a test here, `v2::limits::…`. `machine` boots one and
//! `transcript` reads what came out of it. And aril as a VM's first process, `boot::…`, in VMs of `boot`'s own.

mod architecture;
mod boot;
mod harness;
mod machine;
#[path = "../outcome.rs"]
mod outcome;
mod transcript;

use architecture::Architecture;
use libtest_mimic::{Arguments, Trial};
use machine::{Machine, Vm};
use outcome::outcome_of;
use std::env;
use std::path::Path;
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
    "mounts::nothing_of_the_kernel_s",
    "limits::",
    "figures_of_groups::",
    "devices::",
];

/// The machines, with the tests that each of them runs: a name is chosen by how it begins.
const MACHINES: [(Machine, &[&str]); 5] = [
    (Machine { name: "v2", kernel: "bookworm", layout: "v2" }, OLDER),
    (Machine { name: "v1", kernel: "bookworm", layout: "v1" }, GROUPS),
    (Machine { name: "hybrid", kernel: "bookworm", layout: "hybrid" }, &["limits::"]),
    // Where a newer kernel has left controllers to version 2 alone: in a long run.
    (Machine { name: "newer", kernel: "trixie", layout: "hybrid" }, &[]),
    // The tests are built once more for it, and so in a long run too; `boot::arm64` has what an ordinary one shows.
    (ARM64, &[]),
];

const ARM64: Machine = Machine { name: "arm64", kernel: "bookworm-arm64", layout: "v2" };

/// What they all run in a long run: whatever is not about the files that are shipped or about a whole Debian.
const NOT_IN_A_VM: &[&str] = &["budgets::", "figures::", "servers::", "work::"];

/// A machine with the tests that were asked of it; it is booted when the first of them asks.
struct Course {
    machine: Machine,
    /// As they are named inside.
    tests: Vec<String>,
    transcript: OnceLock<Transcript>,
}

impl Course {
    fn transcript(&self) -> &Transcript {
        self.transcript.get_or_init(|| {
            let behaviour = self.machine.architecture().tests("behaviour").expect("there is a compiler");
            let vm = Vm::of(&self.machine, &behaviour);
            vm.run(&self.tests, &vm.tests_alone(), machine::patience())
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let behaviour = Architecture::Amd64.tests("behaviour").expect("it is this machine's");
    let names = names(&behaviour);
    let mut trials = boot::trials();
    trials.extend(harness::trials(&behaviour));
    for (machine, filters) in MACHINES {
        let kernel = env::var("ARIL_KERNEL").ok().filter(|_| machine.architecture() == Architecture::Amd64);
        let machine = machine.with_kernel(kernel);
        let prefix = machine.name;
        let (tests, lost) = choose(&names, filters, env::var_os("ARIL_LONG").is_some());
        trials.extend(lost.into_iter().map(|filter| {
            let text = format!("no test's name begins with {filter}");
            Trial::test(format!("{prefix}::{filter}"), move || Err(text.into()))
        }));
        let is_asked = |name: &String| asked(&arguments, &format!("{prefix}::{name}"));
        let asked: Vec<String> = tests.iter().filter(|name| is_asked(name)).cloned().collect();
        let course = Course { machine, tests: asked, transcript: OnceLock::new() };
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
    trials.push(Trial::ignorable_test("arm64::the_unit_tests", || outcome_of(the_unit_tests)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Those of the library, where what is of one architecture alone is another's.
fn the_unit_tests() {
    if env::var_os("ARIL_LONG").is_none() {
        outcome::skip("the tests are built once more: tests/run --long");
    }
    let tests = ARM64.is_ready().and_then(|()| ARM64.architecture().tests("aril"));
    let tests = tests.unwrap_or_else(|reason| outcome::skip(&reason));
    let vm = Vm::of(&ARM64, &tests);
    vm.run(&[], &format!("cd {} && exec {}", env!("CARGO_MANIFEST_DIR"), tests.display()), machine::patience())
        .is_clean();
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

/// The names of the behaviour tests.
fn names(behaviour: &Path) -> Vec<String> {
    let output = Command::new(behaviour).arg("--list").output().expect("it was built just now");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().filter_map(|line| Some(line.strip_suffix(": test")?.to_string())).collect()
}
