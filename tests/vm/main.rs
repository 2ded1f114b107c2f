//! Tests once more, on machines that this one is not: in VMs under QEMU's software emulation, with Debian's kernels and each
//! layout of control groups. A test in a VM is a test here, `v2::limits::…`, `v2::escape::…`: of which programs is told in
//! `suite`. `machine` boots one and `transcript` reads what came out of it. And aril as a VM's first process, `boot::…`, in VMs of
//! `boot`'s own.

mod architecture;
mod boot;
mod harness;
mod machine;
#[path = "../outcome.rs"]
mod outcome;
#[path = "../programs.rs"]
mod programs;
mod suite;
mod transcript;

use architecture::Architecture;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use machine::{Job, Machine, Vm};
use outcome::{NOTHING_OF_THE_KIND, outcome_of};
use std::collections::BTreeSet;
use std::env;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::thread;
use suite::{SUITES, Test};
use transcript::Transcript;

/// Tests that depend on the layout of control groups.
const GROUPS: &[&str] = &["limits::", "figures_of_groups::", "devices::"];
/// And those that an older kernel than this machine's runs once: aril works there as everywhere.
const OLDER: &[&str] =
    &["namespaces::", "users::", "identity::", "root::nothing_of_the_old_root", "mounts::nothing_of_the_kernel_s"];
/// Ways out by what a kernel may be built without, as this machine's perhaps is, so that they or a part of them skip themselves.
/// Debian's have it.
const LACKING: &[&str] = &[
    "escape::a_module_",
    "escape::another_kernel_",
    "escape::a_program_for_modules_",
    "escape::a_program_for_devices_",
    // A part of these alone: /proc/kcore, the processor's ports. So it is tried where root inside is root outside.
    "escape::what_is_masked_host",
    "escape::the_machine_s_clock_and_power_host",
];
/// But for these, which are shown nowhere; each with the reason.
const NOWHERE: &[(&str, &str)] = &[(
    "escape::a_program_for_devices_",
    "Debian builds no kernel with CONFIG_UEVENT_HELPER; a_setting_of_a_device meets the same wall",
)];

/// The machines, with the tests that each of them runs: a name is chosen by how it begins.
const MACHINES: [(Machine, &[&[&str]]); 5] = [
    (Machine { name: "v2", kernel: "bookworm", layout: "v2" }, &[GROUPS, OLDER, LACKING]),
    (Machine { name: "v1", kernel: "bookworm", layout: "v1" }, &[GROUPS]),
    (Machine { name: "hybrid", kernel: "bookworm", layout: "hybrid" }, &[&["limits::"]]),
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
    tests: Vec<Test>,
    transcript: OnceLock<Transcript>,
}

impl Course {
    fn transcript(&self) -> &Transcript {
        self.transcript.get_or_init(|| {
            let jobs = SUITES.iter().filter_map(|suite| {
                let tests = self.tests.iter().filter(|test| test.suite == *suite);
                let tests: Vec<String> = tests.map(|test| test.inside.clone()).collect();
                (!tests.is_empty()).then(|| suite.job(self.machine.architecture(), tests))
            });
            let vm = Vm::of(&self.machine, jobs.collect());
            vm.run(&vm.jobs_alone(), machine::patience())
        })
    }

    fn verdict(&self, test: &Test) -> Result<Completion, Failed> {
        shown(&test.name(), self.transcript().verdict(&test.inside)?)
    }
}

/// What was done about a test: one that is shown on no other machine may not skip itself, but for what is shown nowhere.
fn shown(name: &str, done: Completion) -> Result<Completion, Failed> {
    let begins = |start: &&str| name.starts_with(start);
    let is_missing = matches!(&done, Completion::Ignored { reason: Some(reason) } if reason == NOTHING_OF_THE_KIND);
    match NOWHERE.iter().find(|(start, _)| begins(start)) {
        Some((_, why)) if is_missing => Ok(Completion::ignored_with(why)),
        Some(_) if matches!(done, Completion::Completed) => Err("it is shown here: NOWHERE says that it is not".into()),
        None if is_missing && LACKING.iter().any(begins) => {
            Err("this kernel has nothing of the kind either: is it shown anywhere?".into())
        }
        _ => Ok(done),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let all: Vec<Test> = SUITES.iter().flat_map(|suite| suite.tests()).collect();
    let names: BTreeSet<&String> = all.iter().map(|test| &test.inside).collect();
    assert_eq!(names.len(), all.len(), "what a machine says of a test is known by its name inside");
    let mut trials = boot::trials();
    trials.extend(harness::trials());
    for (machine, filters) in MACHINES {
        let kernel = env::var("ARIL_KERNEL").ok().filter(|_| machine.architecture() == Architecture::Amd64);
        let machine = machine.with_kernel(kernel);
        let prefix = machine.name;
        let (tests, lost) = choose(&all, &filters.concat(), env::var_os("ARIL_LONG").is_some());
        trials.extend(lost.into_iter().map(|filter| {
            let text = format!("no test's name begins with {filter}");
            Trial::test(format!("{prefix}::{filter}"), move || Err(text.into()))
        }));
        let is_asked = |test: &&Test| asked(&arguments, &format!("{prefix}::{}", test.name()));
        let asked: Vec<Test> = tests.iter().filter(is_asked).cloned().collect();
        let course = Course { machine, tests: asked, transcript: OnceLock::new() };
        let course: &'static Course = Box::leak(Box::new(course));
        let ready = course.machine.is_ready();
        if !arguments.list && ready.is_ok() && !course.tests.is_empty() {
            // Not only when the first test asks: by then another machine may long be done.
            thread::spawn(|| course.transcript());
        }
        trials.extend(tests.into_iter().map(|test| {
            let ready = ready.clone();
            Trial::ignorable_test(format!("{prefix}::{}", test.name()), move || match ready {
                Ok(()) => course.verdict(&test),
                Err(reason) => Ok(Completion::ignored_with(reason)),
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
    let program = ARM64.is_ready().and_then(|()| ARM64.architecture().tests("aril"));
    let program = program.unwrap_or_else(|reason| outcome::skip(&reason));
    let script = format!("cd {} && exec {}", env!("CARGO_MANIFEST_DIR"), program.display());
    let job = Job { program, needs: &[], tests: Vec::new() };
    Vm::of(&ARM64, vec![job]).run(&script, machine::patience()).is_clean();
}

/// The tests that a machine runs, and each filter that finds none: a module that got another name must not go unnoticed.
fn choose(tests: &[Test], filters: &[&'static str], long: bool) -> (Vec<Test>, Vec<&'static str>) {
    let begins = |test: &Test, filters: &[&str]| filters.iter().any(|filter| test.name().starts_with(filter));
    let lost = filters.iter().copied().filter(|filter| !tests.iter().any(|test| begins(test, &[filter])));
    let is_chosen = |test: &&Test| if long { !begins(test, NOT_IN_A_VM) } else { begins(test, filters) };
    (tests.iter().filter(is_chosen).cloned().collect(), lost.collect())
}

/// Whether the command line asks for this one, as `libtest_mimic` itself decides it.
fn asked(arguments: &Arguments, name: &str) -> bool {
    let fits = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter) };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits) && !arguments.ignored
}
