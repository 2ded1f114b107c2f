//! Every system call of a start fails once, and SIGKILL comes once before each: aril says what failed and why, or does what it
//! does otherwise, and leaves nothing behind.
//!
//! A scenario is run once to see which calls its processes make (`tracer`), and then once for each of them and each error. Without
//! ARIL_LONG each call gets one error of the list, another each time, and of calls that are the same in all that they are about,
//! one is taken. `ARIL_FAULTS=FILE` appends there what became of each case.

mod calls;
mod judge;
mod scenarios;
#[path = "../behaviour/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the behaviour tests use the rest")]
mod support;
mod tables;
mod tracer;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use support::World;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let world: &'static World = Box::leak(Box::new(World::make(!arguments.list)));
    support::remember_where_a_test_fails();
    let tests = [scenarios::tests()];
    let trials = tests.into_iter().flatten().flat_map(|test| test.trials(world)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);

    // The container that was entered ends with its launcher, but later.
    support::comes(|| world.left().is_empty());
    let end = world.end(&conclusion);
    let (idle, namings) = (tables::idle(), tables::idle_namings());
    let is_whole = std::env::var_os("ARIL_LONG").is_some() && conclusion.num_filtered_out == 0;
    if is_whole && !(idle.is_empty() && namings.is_empty()) {
        println!("no case needs these rows of the tables any more: {idle:#?} {namings:#?}");
        return ExitCode::FAILURE;
    }
    end
}
