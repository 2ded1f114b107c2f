//! Ways out of a container, tried: small hostile programs run inside, and each of them fails for the reason that `catalogue`
//! names, after it was shown to succeed where that wall is away. What is no single program has a file of its own: images
//! with hostile paths, races and swaps, bombs.

mod catalogue;
mod escape;
mod images;
mod naive;
mod races;
#[path = "../behaviour/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the behaviour tests use the rest")]
mod support;
mod swaps;
#[path = "../faults/tracer.rs"]
#[allow(dead_code, reason = "no call is changed here")]
mod tracer;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use support::World;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let world: &'static World = Box::leak(Box::new(World::make(!arguments.list)));
    if !arguments.list {
        world.add_program("attack", &[("bin/attack", "755"), ("bin/rooted", "4755")]);
        world.add_script("--report=/again", "#!/proc/self/exe init\n");
    }
    support::remember_where_a_test_fails();
    let mut trials: Vec<_> = catalogue::catalogue().into_iter().flat_map(|escape| escape.trials(world)).collect();
    trials.extend([images::tests(), races::tests()].into_iter().flatten().flat_map(|test| test.trials(world)));
    trials.extend(swaps::tests().into_iter().flat_map(|test| test.trials(world)));
    world.end(&libtest_mimic::run(&arguments, support::chosen(trials)))
}
