//! aril beside what one would take instead, and beside the floor: bare static programs that make the kernel calls without which the
//! work cannot be done (`../floor.rs`, `../init_floor.rs`). Each group of measurements is a file; who is measured, and with which
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
//! The report is JSON, Markdown and charts: of a full run in `docs/bench`, else in `target/bench`, or in FOLDER.

mod calls;
mod charts;
mod idle;
mod inits;
mod machine;
mod measure;
mod memory;
mod oci;
mod peers;
mod place;
mod rate;
mod report;
mod sizes;
mod start;
mod statistics;
mod streams;

use measure::{Effort, Found, Result, progress};
use place::Place;
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

const GROUPS: [&str; 6] = [start::GROUP, rate::GROUP, memory::GROUP, inits::GROUP, sizes::GROUP, streams::GROUP];
const USAGE: &str = "usage: cargo bench --bench run -- [--quick] [--bare] [--out FOLDER] [GROUP...] [ROUNDS [ROOTFS]]; \
    groups: start rate memory inits sizes streams";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [AS_ORDINARY, folder, effort] => ordinary(folder, effort),
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
                INSIDE => options.is_inside = true,
                "--out" => options.out = Some(words.next().ok_or(USAGE)?.into()),
                group if GROUPS.contains(&group) => options.groups.push(group.into()),
                rounds if rounds.bytes().all(|byte| byte.is_ascii_digit()) => options.rounds = Some(rounds.parse()?),
                rootfs if options.rounds.is_some() && !rootfs.starts_with('-') => options.rootfs = Some(rootfs.into()),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
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
        let rootfs = self.rootfs.clone().map_or_else(place::busybox, Ok)?;

        let place = folder.path().join("own");
        place::furnish(&place, &rootfs, self.is_bare)?;
        let place = Place::new(&place)?;
        let mut all = Found::default();
        if self.is_inside {
            all.notes.extend(machine::without_hybrid()?);
            machine::clear_up();
        }
        self.measure(&place, folder.path(), &rootfs, &mut all)?;
        progress("", 1, 1);
        if place.is_root {
            machine::clear_up();
        }
        let target = if self.is_full() { "docs/bench" } else { "target/bench" };
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
        let report = report::Report { machine: machine.done(&place)?, effort: self.effort(), found: all };
        report.write(self.out.as_deref().unwrap_or(&target))
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
                add(as_ordinary(folder, rootfs, self.is_bare, effort)?);
            } else {
                add(Found { notes: vec!["only root can measure as root".into()], ..Found::default() });
            }
            add(start::measure(place, effort)?);
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
        if self.has(streams::GROUP) {
            add(streams::measure(place, effort)?);
        }
        Ok(())
    }
}

/// What an ordinary user finds, in a folder of his own.
fn as_ordinary(folder: &Path, rootfs: &Path, is_bare: bool, effort: Effort) -> Result<Found> {
    let place = folder.join("ordinary");
    place::furnish(&place, rootfs, is_bare)?;
    let owner = format!("{ORDINARY}:{ORDINARY}");
    place::tool("chown".as_ref(), &["-hR".as_ref(), owner.as_ref(), place.as_os_str()])?;
    let mut command = Command::new("/proc/self/exe");
    command.arg(AS_ORDINARY).arg(place).arg(serde_json::to_string(&effort)?).uid(ORDINARY).gid(ORDINARY);
    let output = command.stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout)?)
    } else {
        Err(format!("no figures of an ordinary user: {}", output.status).into())
    }
}

fn ordinary(folder: &str, effort: &str) -> Result<()> {
    let found = start::measure(&Place::new(folder.as_ref())?, serde_json::from_str(effort)?)?;
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}
