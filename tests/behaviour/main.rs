//! What `aril` does, seen from outside: the real binary in real namespaces, as root and as an ordinary user. One module
//! for each area; `support` runs the programs, looks into /proc and compares before with after.

mod bad_input;
#[path = "../budget.rs"]
mod budget;
mod budgets;
mod check;
mod containers;
mod denied;
mod devices;
mod documents;
mod exec;
mod explain;
mod figures;
mod figures_of_groups;
mod first_process;
mod help;
mod host_view;
mod hosts;
mod identity;
mod ids;
mod init;
mod init_alone;
mod init_ends;
mod init_options;
mod init_personas;
mod init_signals;
mod landlock;
mod leaks;
mod limits;
mod mounts;
mod names;
mod namespaces;
mod packaging;
mod programs;
mod pseudo_terminal;
mod root;
mod roots;
mod safety;
mod seccomp;
#[path = "../../benches/secrets.rs"]
mod secrets;
mod servers;
mod settings;
mod shells;
mod signals_stress;
mod soak;
mod support;
mod terminal;
mod tutorial;
mod users;
mod volumes;
mod wall;
mod work;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use support::World;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tests = [
        namespaces::tests(),
        users::tests(),
        ids::tests(),
        root::tests(),
        roots::tests(),
        mounts::tests(),
        volumes::tests(),
        devices::tests(),
        exec::tests(),
        names::tests(),
        programs::tests(),
        containers::tests(),
        identity::tests(),
        init::tests(),
        init_personas::tests(),
        init_options::tests(),
        init_alone::tests(),
        init_ends::tests(),
        init_signals::tests(),
        terminal::tests(),
        pseudo_terminal::tests(),
        safety::tests(),
        settings::tests(),
        seccomp::tests(),
        landlock::tests(),
        denied::tests(),
        wall::tests(),
        leaks::tests(),
        limits::tests(),
        explain::tests(),
        first_process::tests(),
        help::tests(),
        shells::tests(),
        bad_input::tests(),
        check::tests(),
        host_view::tests(),
        hosts::tests(),
        tutorial::tests(),
        documents::tests(),
        packaging::tests(),
        budgets::tests(),
        figures::tests(),
        figures_of_groups::tests(),
        work::tests(),
        servers::tests(),
        signals_stress::tests(),
        soak::tests(),
    ];
    let world: &'static World = Box::leak(Box::new(World::make(!arguments.list)));
    support::remember_where_a_test_fails();
    let trials = tests.into_iter().flatten().flat_map(|test| test.trials(world)).collect();
    world.end(&libtest_mimic::run(&arguments, support::chosen(trials)))
}
