//! Races: while containers start, somebody swaps what aril is about to use for a link that leads away (CVE-2021-30465,
//! CVE-2024-45310, CVE-2025-31133). Every start either works inside or fails.

use crate::support::{Folder, Running, Who, eventually, traces::Traces};
use std::fs;
use std::os::unix::fs::{chown, symlink};

crate::tests! {
    both: links_swapped_on_the_way_to_a_mount_point, links_swapped_in_place_of_proc, links_swapped_in_place_of_accounts;
}

/// How many containers start meanwhile.
fn starts() -> u32 {
    if std::env::var_os("ARIL_LONG").is_some() { 500 } else { 30 }
}

/// An image in which a directory and a link to a folder outside change places without end.
struct Race<'w> {
    who: &'w Who,
    image: Folder,
    outside: Folder,
    before: Traces,
    swapping: Running,
}

impl<'w> Race<'w> {
    fn new(who: &'w Who, place: &str) -> Self {
        who.needs_probe();
        let (image, outside) = (who.own_rootfs(&[]), who.folder());
        fs::write(outside.join("passwd"), "outside:x:0:0::/:\n").expect("our own folder");
        fs::write(outside.join("group"), "outside:x:0:\n").expect("our own folder");
        let (real, link) = (image.join(place), image.join("swapped"));
        fs::create_dir_all(&real).expect("our own image");
        chown(&real, Some(who.uid()), Some(who.gid())).expect("root may, and others have it already");
        symlink(outside.path(), &link).expect("our own image");
        let before = Traces::of(outside.path());
        let [place, other] = [&real, &link].map(|path| path.display().to_string());
        let swapping = who.program(&who.binary("attack"), &["swap", &place, &other]).start();
        eventually("it swaps", || real.is_symlink());
        Self { who, image, outside, before, swapping }
    }

    /// So many starts, of which some at least end well.
    fn run(self, options: &[&str], command: &[&str], looks_well: impl Fn(&str) -> bool) {
        let mut ran = 0;
        for _ in 0..starts() {
            let outcome = self.who.run_in(self.image.str(), options, command).run();
            if outcome.code() == Some(0) {
                ran += 1;
                outcome.check(looks_well(&outcome.out()), "what it sees is the container's");
            } else {
                outcome.refused(125, &[]);
            }
            self.before.unchanged("the folder outside");
        }
        assert!(ran > 0, "none has started at all");
        let swapped = self.swapping.said();
        drop(self.swapping);
        assert!(swapped.is_empty(), "it has swapped to the end: {swapped}");
        drop(self.outside);
    }
}

/// A naive runner is led astray: so there is a race that could be lost.
#[track_caller]
fn a_naive_runner_loses(who: &Who) {
    let race = Race::new(who, "mnt/way");
    let target = race.image.join("mnt/way/made").display().to_string();
    let led_astray = (0..2000).any(|_| {
        // Either may fail, since the way changes under it.
        let made = fs::create_dir(&target);
        let astray = race.outside.join("made").exists();
        drop(made.and_then(|()| fs::remove_dir(&target)));
        astray
    });
    assert!(led_astray, "nothing was ever made outside");
}

fn links_swapped_on_the_way_to_a_mount_point(who: &Who) {
    a_naive_runner_loses(who);
    for option in ["--tmpfs", "-v"] {
        let source = who.folder();
        let value = if option == "-v" { format!("{}:/mnt/way/made", source.str()) } else { "/mnt/way/made".into() };
        Race::new(who, "mnt/way").run(&[option, &value], &["true"], |_| true);
    }
}

/// What is masked stays so wherever the proc has come to lie.
fn links_swapped_in_place_of_proc(who: &Who) {
    let attack = ["attack", "masked", "/proc/keys", "/proc/timer_list", "/swapped/keys", "/swapped/timer_list"];
    let is_masked = |out: &str| !out.is_empty() && !out.contains("out ");
    Race::new(who, "proc").run(&[], &attack, is_masked);
}

/// Users of the image are those of its own files.
fn links_swapped_in_place_of_accounts(who: &Who) {
    let race = Race::new(who, "etc");
    for _ in 0..starts() {
        race.who.run_in(race.image.str(), &["--user", "outside"], &["true"]).run().refused(125, &["outside"]);
    }
    race.before.unchanged("the folder outside");
}
