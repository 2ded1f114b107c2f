//! A signal at any moment from before the clone to after the exec: none is lost, and nothing is left. 1,000 rounds for
//! signals that are passed on, as root and as an ordinary user together, and 200 for SIGKILL of the launcher.

use crate::support::{Who, eventually, mark, process, traces::Traces};
use rustix::process::Signal;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

crate::tests! {
    both: no_signal_is_lost, a_killed_launcher_leaves_nothing;
}

const ROUNDS: u32 = 500;
const KILLED_ROUNDS: u32 = 100;

/// The time that a start takes here, and some more: what is to be hit lies in it.
fn window(who: &Who, rootfs: &str) -> Duration {
    let begin = Instant::now();
    const STARTS: u32 = 10;
    for _ in 0..STARTS {
        who.run_in(rootfs, &[], &["true"]).run().ok();
    }
    begin.elapsed() / STARTS * 3 / 2
}

/// Some moment within the window; std's hasher is seeded at random.
fn moment(window: Duration) -> Duration {
    window.mul_f64(f64::from(RandomState::new().hash_one(0) as u32) / f64::from(u32::MAX))
}

/// Waits without giving the processor away at the end: a sleep is too coarse.
fn wait_until(end: Instant) {
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// A lost signal would leave the command asleep for a year. One that comes before aril is ready for it ends the launcher,
/// which has made nothing yet.
fn no_signal_is_lost(who: &Who) {
    let (rootfs, mark) = (who.own_rootfs(&["proc", "sys", "dev"]), mark());
    let window = window(who, rootfs.str());
    let before = Traces::of(rootfs.path());
    for round in 0..ROUNDS {
        let signal = [Signal::TERM, Signal::INT, Signal::HUP, Signal::USR1, Signal::QUIT][round as usize % 5];
        let moment = moment(window);
        let running = who.run_in(rootfs.str(), &[], &["sleep", &mark]).start();
        wait_until(Instant::now() + moment);
        running.signal(signal);
        let outcome = running.finish();
        let number = signal.as_raw();
        outcome.check(
            outcome.code() == Some(128 + number) || outcome.signal() == Some(number),
            format_args!("round {round}: {signal:?} after {moment:?} of {window:?} ends the command"),
        );
        outcome.check(outcome.err().is_empty() && outcome.out().is_empty(), "nothing is said");
    }
    before.unchanged("signals");
    eventually("the end of all", || process::naming(&mark).is_empty());
}

/// The mount points are left to the next container, as no process is there to remove them: none is missing here.
fn a_killed_launcher_leaves_nothing(who: &Who) {
    let (rootfs, mark) = (who.own_rootfs(&[]), mark());
    std::fs::write(rootfs.join("etc/resolv.conf"), "").expect("our own copy");
    let window = window(who, rootfs.str());
    let before = Traces::of(rootfs.path());
    for round in 0..KILLED_ROUNDS {
        let moment = moment(window);
        let running = who.run_in(rootfs.str(), &[], &["sleep", &mark]).start();
        wait_until(Instant::now() + moment);
        running.signal(Signal::KILL);
        let outcome = running.finish();
        outcome.check(outcome.signal() == Some(9), format_args!("round {round}: killed after {moment:?}"));
    }
    eventually("the end of all", || process::naming(&mark).is_empty());
    before.unchanged("kills");
}
