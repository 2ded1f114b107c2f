//! `aril` as a VM's first process: each test boots VMs of its own, `boot::…`. `vm` describes, runs and questions one,
//! `archive` is what is in it; each other file has the tests of one subject.

pub mod archive;
mod arm64;
mod command;
mod console;
mod containers;
mod cost;
mod ends;
mod failing;
mod faults;
mod harness;
mod mounts;
mod network;
mod recipes;
mod reports;
mod root;
mod status;
mod vm;

use crate::outcome::{outcome_of, remember_where_a_test_fails, skip};
use libtest_mimic::{Completion, Trial};

/// Declares a module's tests.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn tests() -> Vec<$crate::boot::Test> {
            vec![$($crate::boot::Test { module: module_path!(), name: stringify!($name), body: $name }),*]
        }
    };
}
use tests;

/// One test.
pub struct Test {
    pub module: &'static str,
    pub name: &'static str,
    pub body: fn(),
}

pub fn trials() -> Vec<Trial> {
    let tests = [
        cost::tests(),
        harness::tests(),
        mounts::tests(),
        console::tests(),
        command::tests(),
        status::tests(),
        ends::tests(),
        failing::tests(),
        faults::tests(),
        containers::tests(),
        root::tests(),
        network::tests(),
        reports::tests(),
        recipes::tests(),
        arm64::tests(),
    ];
    let names: Vec<String> = tests.iter().flatten().map(Test::name).collect();
    assert!(LONG.iter().all(|long| names.iter().any(|name| name == long)), "a test has another name by now");
    remember_where_a_test_fails();
    tests.into_iter().flatten().map(Test::trial).collect()
}

/// What is much like another test, and boots more VMs: in a long run.
const LONG: [&str; 10] = [
    "cost::two_boots_count_the_same",
    "containers::so_it_does_on_a_newer_kernel",
    "root::xfs_is_a_root",
    "root::btrfs_is_a_root",
    "root::compressed_modules_bring_the_disk",
    "root::a_layer_may_lie_over_the_root_of_the_kernel",
    "root::what_cannot_be_moved_stays_whole",
    "network::the_first_device_reaches_a_gateway_that_is_outside_of_its_network",
    "network::a_device_may_come_late",
    "recipes::a_packed_image_boots_and_gives_the_commands_status",
];

impl Test {
    fn name(&self) -> String {
        format!("{}::{}", self.module.rsplit("::").next().unwrap_or(self.module), self.name)
    }

    fn trial(self) -> Trial {
        let name = self.name();
        let is_left_out = LONG.contains(&name.as_str()) && std::env::var_os("ARIL_LONG").is_none();
        Trial::ignorable_test(format!("boot::{name}"), move || {
            if is_left_out {
                return Ok(Completion::ignored_with("it boots more machines: tests/run --long"));
            }
            outcome_of(self.body)
        })
    }
}
