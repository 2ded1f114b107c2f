//! What aril costs as a machine's first process, beside the floor of the benchmark: counts of instructions, which are the
//! same each time.

#[path = "../../../benches/boot/instrument.rs"]
mod instrument;

use super::archive::Archive;
use instrument::{Cost, FOLDERS, Instrument, PROBE};
use std::path::Path;
use std::thread;

/// What of its own instructions aril may need before the command's first one.
const USER: u64 = 10_000;
/// What of the kernel's, in percent of the floor's.
const KERNEL: u64 = 130;
/// After how many microseconds of the guest's time the machine is off once the command has ended.
const OFF: u64 = 1000;

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
    assert!(aril.start.user <= USER, "{both}");
    assert!(aril.start.kernel * 100 <= floor.start.kernel * KERNEL, "{both}");
    assert!(aril.off.is_some_and(|off| off <= OFF), "{both}");
}
