//! Races: while containers start, somebody swaps what aril is about to use for a link that leads away (CVE-2021-30465,
//! CVE-2024-45310, CVE-2025-31133). Every start either works inside or fails; a naive runner loses each of them first.

use crate::escape::By;
use crate::naive;
use crate::support::{Folder, Outcome, Running, eventually, traces::Traces};
use libc::O_PATH;
use rustix::fs::{FlockOperation, flock};
use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};

crate::by_mode! {
    a_link_that_comes_between_look_and_mount, links_swapped_on_the_way_to_a_mount_point, links_swapped_in_place_of_proc,
    links_swapped_in_place_of_accounts,
}

/// How many containers start meanwhile.
fn starts() -> u32 {
    if std::env::var_os("ARIL_LONG").is_some() { 500 } else { 30 }
}

/// An image in which a directory and a link to a folder outside change places without end.
struct Race<'w> {
    who: &'w By<'w>,
    image: Folder,
    outside: Folder,
    before: Traces,
    swapping: Running,
}

impl<'w> Race<'w> {
    fn new(who: &'w By, place: &str) -> Self {
        who.needs_probe();
        let (image, outside) = (who.own_rootfs(&[]), who.folder());
        fs::write(outside.join("passwd"), "outside:x:0:0::/:\n").expect("our own folder");
        fs::write(outside.join("group"), "outside:x:0:\n").expect("our own folder");
        // What lies there could be taken for what is inside.
        fs::create_dir(outside.join("made")).expect("our own folder");
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

/// A naive runner is led astray, sooner or later: so there is a race that could be lost. `once` is how it goes about it, with the
/// place for `$1` and the image for `$2`.
#[track_caller]
fn a_naive_runner_loses(who: &By, place: &str, once: &str) {
    let race = Race::new(who, place);
    let often = format!("n=0; until {once}; do n=$((n+1)); [ $n -lt 2000 ] || exit 1; done 2>/dev/null");
    naive::is_led_out(who, &race.image, place, &often);
}

/// Mounts there, and not in the image.
const MOUNTS: &str = "{ mount -t tmpfs naive \"$1\" && ! tail -n 1 /proc/self/mountinfo | grep -F \" $2\"; }";

/// aril waits for the lock of an image in which it has to make something, after it has looked at all of it. Meanwhile what it is to
/// mount on becomes a link.
#[track_caller]
fn with_a_link(who: &By, image: &Folder, place: &str, target: &str, options: &[&str], command: &[&str]) -> Outcome {
    let lock = File::open(image.path()).expect("our own image");
    flock(&lock, FlockOperation::LockExclusive).expect("nobody else has it");
    let running = who.run_in(image.str(), &[&["--tmpfs", "/lacking"], options].concat(), command).start();
    eventually("it waits for the lock", || is_at_the_lock(image, running.pid()));
    swap_for_link(image, place, target);
    drop(lock);
    running.finish()
}

/// Whether a process has opened an image to lock it, and does not only look at it by an `O_PATH` descriptor.
fn is_at_the_lock(image: &Folder, pid: u32) -> bool {
    let is_lock = |fd: &fs::DirEntry| {
        let info = format!("/proc/{pid}/fdinfo/{}", fd.file_name().to_string_lossy());
        let info = fs::read_to_string(info).unwrap_or_default();
        let flags = info.lines().find_map(|line| i32::from_str_radix(line.strip_prefix("flags:\t")?, 8).ok());
        fs::read_link(fd.path()).is_ok_and(|path| path == image.path())
            && flags.is_some_and(|flags| flags & O_PATH == 0)
    };
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|fds| fds.flatten().any(|fd| is_lock(&fd)))
}

fn swap_for_link(image: &Folder, place: &str, target: &str) {
    let kept = image.join("was-there");
    fs::rename(image.join(place), kept).and_then(|()| symlink(target, image.join(place))).expect("our own image");
}

/// It is the last resolution that counts, by which aril mounts. Each of these links has led a naive runner out.
fn a_link_that_comes_between_look_and_mount(who: &By) {
    const UP: &str = "../../../../../../../../../..";
    who.needs_probe();
    let (outside, source) = (who.folder(), who.folder());
    fs::create_dir(outside.join("made")).expect("our own folder");
    fs::write(source.join("marker"), "").expect("our own folder");
    let before = Traces::of(outside.path());
    let (volume, below) = (format!("{}:/mnt", source.str()), format!("{}:/mnt/made", source.str()));
    for (place, options, elsewhere, command, says) in [
        ("/mnt", &["-v", &volume][..], "/srv", &["ls", "/srv/marker"][..], "/srv/marker"),
        ("/mnt", &["-v", &below], "/srv", &["ls", "/srv/made/marker"], "/srv/made/marker"),
        ("/mnt", &["--tmpfs", "/mnt"], "/srv", &["grep", "-o", " /srv tmpfs", "/proc/mounts"], " /srv tmpfs"),
        ("/proc", &[], "/srv", &["attack", "masked", "/srv/keys"], "empty /srv/keys"),
        ("/sys", &[], "/srv", &["ls", "-d", "/srv/class/net"], "/srv/class/net"),
        ("/dev", &[], "/srv", &["ls", "/srv/full"], "/srv/full"),
        (
            "/etc/hosts",
            &["--add-host", "there:10.0.0.7"],
            "/srv/file",
            &["grep", "-o", "10.0.0.7", "/srv/file"],
            "10.0.0.7",
        ),
    ] {
        let [up, far_up] = [elsewhere, outside.str()].map(|path| format!("{UP}{path}"));
        for (target, refused) in [
            (elsewhere, ""),
            (&up, ""),
            (outside.str(), "(ENOENT)"),
            (&far_up, "(ENOENT)"),
            ("/proc/self/root", "(ELOOP)"),
            ("/proc/self/cwd", "(ELOOP)"),
        ] {
            let image = who.own_rootfs(&[]);
            for directory in ["srv/made", "mnt/made"] {
                fs::create_dir_all(image.join(directory)).expect("our own image");
            }
            fs::write(image.join("srv/file"), "").expect("our own image");
            let outcome = with_a_link(who, &image, place, target, options, command);
            if refused.is_empty() {
                outcome.prints(says)
            } else {
                outcome.refused(125, &[place, refused])
            };
            before.unchanged(&format!("{place} -> {target}"));
            if !refused.is_empty() {
                naive::is_led_out(who, &image, place, naive::MOUNTS);
            }
        }
    }
}

fn links_swapped_on_the_way_to_a_mount_point(who: &By) {
    a_naive_runner_loses(who, "mnt/way", MOUNTS);
    for option in ["--tmpfs", "-v"] {
        let source = who.folder();
        let value = if option == "-v" { format!("{}:/mnt/way/made", source.str()) } else { "/mnt/way/made".into() };
        // The container has it, wherever.
        let look = ["grep", "-c", "/made ", "/proc/self/mountinfo"];
        Race::new(who, "mnt/way").run(&[option, &value], &look, |out| out == "1\n");
    }
}

/// What is masked stays so wherever the proc has come to lie.
fn links_swapped_in_place_of_proc(who: &By) {
    /// Often enough that one of them is looked at while it is there.
    const LOOKS: usize = 50;
    a_naive_runner_loses(who, "proc", MOUNTS);
    let files = ["/proc/keys", "/proc/timer_list", "/swapped/keys", "/swapped/timer_list"];
    let attack = [&["attack", "masked"], &files.repeat(LOOKS)[..]].concat();
    let seen = Cell::new(false);
    let is_masked = |out: &str| {
        seen.set(seen.get() || out.contains("empty "));
        !out.is_empty() && !out.contains("out ")
    };
    Race::new(who, "proc").run(&[], &attack, is_masked);
    assert!(seen.get(), "in no container it was there when somebody looked");
}

/// Users of the image are those of its own files.
fn links_swapped_in_place_of_accounts(who: &By) {
    a_naive_runner_loses(who, "etc", "grep -q ^outside: \"$1/passwd\"");
    let race = Race::new(who, "etc");
    for _ in 0..starts() {
        race.who.run_in(race.image.str(), &["--user", "outside"], &["true"]).run().refused(125, &["outside"]);
    }
    race.before.unchanged("the folder outside");
}
