//! aril beside what one would take instead, and beside the floor: bare static programs that make the kernel calls without which the
//! work cannot be done (`../floor.rs`, `../init_floor.rs`). Ratios are to that floor; the group `start` has the naive one too, the same
//! program with the word `naive`, which does not look whether there is something to hide. Each group of measurements is a file; who is measured, and with which
//! options, is one table (`peers.rs`).
//!
//! `cargo bench --bench run -- [--quick] [--bare] [--out FOLDER] [GROUP...] [ROUNDS [ROOTFS]]`: 300 rounds in
//! `target/rootfs/busybox` unless told otherwise. All programs take turns, each round in another order; the time is that of
//! `posix_spawn` and `waitpid` around each, by the monotonic clock. What runs are copies in a temporary folder. Root measures as an
//! ordinary user too, and in mount and pid namespaces of its own.
//!
//! The copies have an empty `/etc/resolv.conf`. With `--bare` they lack it, and each run of aril and the floor makes and removes
//! that mount point: on one ext4 the new file took 20 microseconds at one time and a millisecond at another, for the floor too, so
//! that the ratio says less.
//!
//! `cargo bench --bench run -- profile [--quick] [--bare] [--out FILE] [ROUNDS [ROOTFS]]` tells where the time of a start goes
//! instead (`profile.rs`).
//!
//! `cargo bench --bench run -- agree ONE.json OTHER.json` tells whether two reports say the same (`agree.rs`).
//!
//! The report is JSON, Markdown and charts: of a full run in `docs/bench`, else in `target/bench`, or in FOLDER.

mod agree;
#[path = "../../tests/vm/boot/archive.rs"]
#[allow(dead_code, reason = "the tests put more into an archive")]
mod archive;
mod boots;
#[path = "../busybox.rs"]
mod busybox;
mod calls;
mod charts;
mod first_page;
mod idle;
#[path = "../boot/images.rs"]
mod images;
mod inits;
#[path = "../boot/instrument.rs"]
#[allow(dead_code, reason = "the tests compare more of it")]
mod instrument;
mod machine;
mod measure;
mod memory;
mod oci;
mod peers;
mod place;
mod profile;
mod rate;
mod report;
#[path = "../secrets.rs"]
mod secrets;
mod sizes;
mod start;
mod statistics;
mod streams;
mod walls;

use measure::{Effort, Found, Result, progress};
use place::Place;
use serde::de::DeserializeOwned;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const ROUNDS: usize = 300;
const QUICK_ROUNDS: usize = 15;
/// An ordinary user's uid and gid: without an entry in any passwd file, and above what distributions give away.
const ORDINARY: u32 = 20001;
/// This program calls itself with these: in a mount namespace of its own, and as the ordinary user.
const INSIDE: &str = "--inside";
const AS_ORDINARY: &str = "--as-ordinary";

const GROUPS: [&str; 8] =
    [start::GROUP, walls::GROUP, rate::GROUP, memory::GROUP, inits::GROUP, sizes::GROUP, boots::GROUP, streams::GROUP];
const USAGE: &str = "usage: cargo bench --bench run -- [--quick] [--bare] [--out FOLDER] [GROUP...] [ROUNDS [ROOTFS]], groups: \
    start walls rate memory inits sizes machine streams; or profile [--quick] [--bare] [--out FILE] [ROUNDS [ROOTFS]]; or agree ONE.json OTHER.json";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [AS_ORDINARY, folder, effort, what] => ordinary(folder, effort, what),
        // Cargo adds `--bench`.
        [agree::MODE, one, other, "--bench"] | [agree::MODE, one, other] => agree::print([one, other].map(Path::new)),
        _ => Options::read(&words).and_then(|options| options.run(&words)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    quick: bool,
    is_bare: bool,
    is_inside: bool,
    out: Option<PathBuf>,
    groups: Vec<String>,
    profile: bool,
    rounds: Option<usize>,
    rootfs: Option<PathBuf>,
}

impl Options {
    fn read(words: &[String]) -> Result<Self> {
        let mut options = Self::default();
        // Cargo adds `--bench`.
        let mut words = words.iter().filter(|word| *word != "--bench");
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--bare" => options.is_bare = true,
                profile::MODE => options.profile = true,
                INSIDE => options.is_inside = true,
                "--out" => options.out = Some(words.next().ok_or(USAGE)?.into()),
                group if GROUPS.contains(&group) => options.groups.push(group.into()),
                rounds if rounds.bytes().all(|byte| byte.is_ascii_digit()) => options.rounds = Some(rounds.parse()?),
                rootfs if options.rounds.is_some() && !rootfs.starts_with('-') => options.rootfs = Some(rootfs.into()),
                _ => return Err(USAGE.into()),
            }
        }
        if options.profile && !options.groups.is_empty() { Err(USAGE.into()) } else { Ok(options) }
    }

    fn effort(&self) -> Effort {
        let rounds = self.rounds.unwrap_or(if self.quick { QUICK_ROUNDS } else { ROUNDS });
        Effort { quick: self.quick, rounds }
    }

    fn is_full(&self) -> bool {
        !self.quick && self.groups.is_empty() && self.rounds.is_none_or(|rounds| rounds >= ROUNDS)
    }

    fn has(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|one| one == group)
    }

    fn run(&self, words: &[String]) -> Result<()> {
        if !Path::new("/etc/resolv.conf").exists() {
            return Err("/etc/resolv.conf is not there: the floor binds it as aril does where it is".into());
        }
        if !self.is_inside {
            if self.profile {
                place::build_timed_floor()?;
            }
            place::build_floors()?;
            if rustix::process::geteuid().is_root() {
                // With an init, so that all ends with it, and Ctrl-C still works.
                let mut unshare = Command::new("unshare");
                unshare.args([
                    "--mount",
                    "--propagation",
                    "private",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--mount-proc",
                ]);
                unshare.args([env!("CARGO_BIN_EXE_aril-init"), "--"]).arg(std::env::current_exe()?);
                unshare.args(words).arg(INSIDE);
                return Err(unshare.exec().into());
            }
        }
        let machine = machine::Machine::look()?;
        let folder = tempfile::Builder::new().prefix("aril-bench.").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let rootfs = self.rootfs.clone().map_or_else(busybox::rootfs, Ok)?;

        let place = folder.path().join("own");
        place::furnish(&place, &rootfs, self.is_bare)?;
        let place = Place::new(&place)?;
        let mut all = Found::default();
        if self.is_bare {
            all.notes.push("--bare: only aril and the floor bind /etc/resolv.conf, and make its mount point".into());
        }
        if self.is_inside {
            all.notes.extend(machine::without_hybrid()?);
            machine::clear_up();
        }
        if self.profile {
            let profiles = self.profiles(&place, folder.path(), &rootfs)?;
            progress("", 1, 1);
            return profile::write(&profiles, &machine.head(), self.out.as_deref());
        }
        self.measure(&place, folder.path(), &rootfs, &mut all)?;
        progress("", 1, 1);
        if place.is_root {
            machine::clear_up();
        }
        let target = if self.is_full() { "docs/bench" } else { "target/bench" };
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
        let report = report::Report { machine: machine.done(&place)?, effort: self.effort(), found: all };
        report.write(self.out.as_deref().unwrap_or(&target))?;
        if self.is_full() && self.out.is_none() { report::index(&target) } else { Ok(()) }
    }

    /// Of this caller, and of an ordinary user if that is root.
    fn profiles(&self, place: &Place, folder: &Path, rootfs: &Path) -> Result<Vec<profile::Profile>> {
        let mut profiles = vec![profile::measure(place, self.effort())?];
        if place.is_root {
            profiles.push(as_ordinary(folder, rootfs, self.is_bare, self.effort(), profile::MODE)?);
        }
        Ok(profiles)
    }

    fn measure(&self, place: &Place, folder: &Path, rootfs: &Path, all: &mut Found) -> Result<()> {
        let effort = self.effort();
        let mut add = |found: Found| {
            all.rows.extend(found.rows);
            all.calls.extend(found.calls);
            all.notes.extend(found.notes);
        };
        if self.has(start::GROUP) {
            if place.is_root {
                add(as_ordinary(folder, rootfs, self.is_bare, effort, start::GROUP)?);
            } else {
                add(Found { notes: vec!["only root can measure as root".into()], ..Found::default() });
            }
            add(start::measure(place, effort)?);
        }
        if self.has(walls::GROUP) {
            add(walls::measure(place, effort)?);
        }
        if self.has(rate::GROUP) {
            add(rate::measure(place, effort)?);
        }
        if self.has(memory::GROUP) {
            add(memory::measure(place, effort)?);
        }
        if self.has(inits::GROUP) {
            add(inits::measure(place, effort)?);
        }
        if self.has(sizes::GROUP) {
            add(sizes::measure(place)?);
        }
        if self.has(boots::GROUP) {
            add(boots::measure(effort)?);
        }
        if self.has(streams::GROUP) {
            add(streams::measure(place, effort)?);
        }
        Ok(())
    }
}

/// What an ordinary user finds, in a folder of his own.
fn as_ordinary<T: DeserializeOwned>(
    folder: &Path,
    rootfs: &Path,
    is_bare: bool,
    effort: Effort,
    what: &str,
) -> Result<T> {
    let place = folder.join("ordinary");
    place::furnish(&place, rootfs, is_bare)?;
    let owner = format!("{ORDINARY}:{ORDINARY}");
    place::tool("chown".as_ref(), &["-hR".as_ref(), owner.as_ref(), place.as_os_str()])?;
    // As it is installed: a build of his own would start anew (`walls`).
    place::tool("chown".as_ref(), &["0:0".as_ref(), place.join("aril").as_os_str()])?;
    let mut command = Command::new("/proc/self/exe");
    command.arg(AS_ORDINARY).arg(place).arg(serde_json::to_string(&effort)?).arg(what).uid(ORDINARY).gid(ORDINARY);
    let output = command.stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout)?)
    } else {
        Err(format!("no figures of an ordinary user: {}", output.status).into())
    }
}

fn ordinary(folder: &str, effort: &str, what: &str) -> Result<()> {
    let (place, effort) = (Place::new(folder.as_ref())?, serde_json::from_str(effort)?);
    let found = match what {
        profile::MODE => serde_json::to_string(&profile::measure(&place, effort)?)?,
        _ => serde_json::to_string(&start::measure(&place, effort)?)?,
    };
    println!("{found}");
    Ok(())
}
