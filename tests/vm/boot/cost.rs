//! What aril costs as a machine's first process, beside the floor of the benchmark: counts of instructions, which are the
//! same each time, and stand in `tests/budgets/boot.txt`.

#[path = "../../budget.rs"]
mod budget;
#[path = "../../../benches/boot/instrument.rs"]
mod instrument;

use super::archive::Archive;
use budget::{Differs, Table};
use instrument::{Cost, FOLDERS, Instrument, PROBE};
use std::path::Path;
use std::thread;

const BOOT: Table = Table::named("boot");

/// It is said at the end of `tests/run`.
const REWRITE: &str = "Where CI has this kernel too, `ARIL_BUDGETS=write cargo test --release --test vm -- boot::cost` makes the table anew";

super::tests! { two_boots_count_the_same, aril_takes_little_more_than_the_floor }

/// Boots one machine of each program, at once.
fn boot(programs: [&Path; 2]) -> [Cost; 2] {
    let instrument = &Instrument::new().unwrap_or_else(|reason| super::skip(&reason));
    let image = FOLDERS.iter().fold(Archive::new(), |image, path| image.folder(path, 0o755));
    let image = &image.file(PROBE, 0o755, instrument.probe());
    thread::scope(|scope| {
        let boot = |init| {
            move || instrument.boot(&image.clone().program("/init", init).bytes(), "aril.hostname=vm -- /probe", None)
        };
        let both = programs.map(|init| scope.spawn(boot(init)));
        both.map(|boot| boot.join().expect("it does not panic").unwrap_or_else(|error| panic!("{error}")))
    })
}

fn two_boots_count_the_same() {
    let floor = instrument::build_floor().expect("cargo has built us");
    let [first, second] = boot([&floor, &floor]);
    assert_eq!(first, second);
    assert!(first.start.user > 100 && first.start.kernel > 100_000, "it counts: {first:#?}");
}

fn aril_takes_little_more_than_the_floor() {
    let floor = instrument::build_floor().expect("cargo has built us");
    let [floor, aril] = boot([&floor, env!("CARGO_BIN_EXE_aril").as_ref()]);
    let both = format!("the floor: {floor:#?}\naril: {aril:#?}");
    assert!(aril.start.user <= BOOT.most("its own to the command"), "{both}");
    let percent = BOOT.most("percent of the floor's kernel");
    assert!(aril.start.kernel * 100 <= floor.start.kernel * percent, "{both}");
    assert!(aril.off.is_some_and(|off| off <= BOOT.most("microseconds until off")), "{both}");

    let row = |name: &str, Cost { start, end, .. }: &Cost| {
        (name.to_string(), vec![start.user, start.kernel, end.user, end.kernel])
    };
    let kind = instrument::kind().unwrap_or_else(|reason| super::skip(&reason));
    match BOOT.holds("instructions", Some(&kind), &[row("the floor", &floor), row("aril", &aril)]) {
        Ok(()) => {}
        // Debian has a newer kernel now and then, and then this would be so for ever.
        Err(Differs::Kind(reason)) => super::skip(&format!("STALE: {reason}. {REWRITE}")),
        Err(Differs::Figures(text)) => panic!("{text}"),
    }
}
