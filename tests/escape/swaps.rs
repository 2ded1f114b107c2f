//! Swaps: before each of aril's system calls that concern a place, once, what lies there changes places with something else, as it would
//! in a race that is lost. Nothing is left to chance: aril is traced, and stands still meanwhile (`tests/faults/tracer.rs`).

use crate::support::{Folder, Who, tool, traces::tree};
use crate::tracer::{Seen, Traced, trace_while};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

crate::tests! {
    both: what_is_swapped_for_a_mount_point_is_left_alone, a_root_file_system_is_the_one_that_was_looked_at;
}

/// A command line during which two names are exchanged.
struct Attacked<'a> {
    who: &'a Who,
    words: Vec<&'a str>,
    /// What is about this path concerns what is swapped.
    place: &'a str,
    pair: [PathBuf; 2],
    /// Makes all as it was.
    reset: &'a dyn Fn(),
}

impl Attacked<'_> {
    fn trace(&self, meanwhile: &mut dyn FnMut(&Seen)) -> Traced {
        let mut command = self.who.aril(&self.words).command();
        command.stdin(Stdio::null());
        let traced = trace_while(command, &[(self.place, "PLACE")], meanwhile);
        (self.reset)();
        traced
    }

    /// Whether both were there.
    fn swap(&self) -> bool {
        renameat_with(CWD, &self.pair[0], CWD, &self.pair[1], RenameFlags::EXCHANGE).is_ok()
    }

    /// Runs it once for each call that comes after the first look, with a swap before it, and once more with one that is undone
    /// before the next; `looks_well` tells what is so in the end. How often it has come to a swap. Without ARIL_LONG, of calls that
    /// are the same in all that they are about one is taken.
    #[track_caller]
    fn run(&self, looks_well: impl Fn(&Traced, &str)) -> u32 {
        let usual = self.trace(&mut |_| {});
        assert!(usual.status == 0, "{:?}: {} {}", self.words, usual.status, usual.err);
        looks_well(&usual, "no swap");
        // One that executes itself anew looks at everything again.
        let anew = usual.seen.iter().rposition(|seen| seen.point.call == libc::SYS_execveat).unwrap_or(0);
        let (mut swaps, mut same) = (0, BTreeSet::new());
        for Seen { point, object } in usual.seen[anew..].iter().filter(|seen| seen.object.contains("PLACE")).skip(1) {
            if !same.insert((point.process, point.call, object)) && std::env::var_os("ARIL_LONG").is_none() {
                continue;
            }
            for for_good in [true, false] {
                let mut swapped = false;
                let traced = self.trace(&mut |seen| {
                    if seen.point == *point {
                        swapped = self.swap();
                        swaps += u32::from(swapped);
                    } else if swapped && !for_good && seen.point.process == point.process {
                        swapped = !self.swap();
                    }
                });
                let Traced { status, out, err, hangs, .. } = &traced;
                let what = format!("swapped at {point:?} {object:?}, for good: {for_good}: {status} {out:?} {err:?}");
                assert!(!hangs, "it hangs, {what}");
                looks_well(&traced, &what);
            }
        }
        swaps
    }
}

#[track_caller]
fn same(before: &[String], folder: &Path, what: &str) {
    let now: Vec<String> = tree(folder).into_iter().collect();
    assert_eq!(before, now, "{what}");
}

fn state(folder: &Path) -> Vec<String> {
    tree(folder).into_iter().collect()
}

/// A folder that nobody but the caller may change, with a file and a folder in it.
fn outside(who: &Who) -> Folder {
    let outside = who.folder();
    for (name, mode) in [("file", 0o600), ("folder", 0o700)] {
        let path = outside.join(name);
        if name == "file" { fs::write(&path, "") } else { fs::create_dir(&path) }.expect("our own folder");
        chown(&path, Some(who.uid()), Some(who.gid())).expect("root may");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("our own folder");
    }
    tool("find", &[outside.str(), "-exec", "touch", "-hd", "2001-01-01", "{}", "+"]);
    outside
}

/// Whether a mount point is made or removed, a link or a file that has come in its place is not what it was taken for.
fn what_is_swapped_for_a_mount_point_is_left_alone(who: &Who) {
    who.needs_root_behind();
    let (source, outside, image) = (who.folder(), outside(who), who.own_rootfs(&["srv"]));
    fs::write(source.join("file"), "").expect("our own folder");
    let volumes = [format!("{}:/srv/new", source.str()), format!("{}/file:/new", source.str())];
    let options = ["--fs", "proc", "-v", &volumes[0], "-v", &volumes[1]];
    let [file, folder] = ["file", "folder"].map(|name| outside.join(name));
    for name in ["proc", "srv", "new"] {
        for target in ["a link to the file", "a link to the folder", "the file itself"] {
            let [proc, other, srv, new] = ["proc", "other", "srv", "new"].map(|name| image.join(name));
            let reset = || {
                for left in [&proc, &other, &srv, &new].into_iter().filter(|path| path.symlink_metadata().is_ok()) {
                    if left.is_symlink() || left.is_file() { fs::remove_file(left) } else { fs::remove_dir_all(left) }
                        .expect("our own image");
                }
                match target {
                    "a link to the file" => symlink(&file, &other),
                    "a link to the folder" => symlink(&folder, &other),
                    _ => fs::hard_link(&file, &other),
                }
                .expect("our own image");
                // What a killed aril has left, with something in it.
                fs::create_dir(&proc).expect("our own image");
                fs::write(proc.join("in-it"), "").expect("our own image");
                chown(&proc, Some(who.uid()), Some(who.gid())).expect("root may");
                fs::set_permissions(&proc, fs::Permissions::from_mode(0o1311)).expect("our own image");
            };
            reset();
            let before = state(outside.path());
            let words = [&["run", "--network", "none"], &options[..], &[image.str(), "true"]].concat();
            let pair = [image.join(name), other.clone()];
            let attacked = Attacked { who, words, place: image.str(), pair, reset: &reset };
            let swaps = attacked.run(|traced, what| {
                let what = format!("{target} in place of {name}, {what}");
                assert!([0, 125].contains(&traced.status), "{what}");
                same(&before, outside.path(), &what);
            });
            assert!(swaps > 5, "{target} in place of {name}: {swaps} swaps");
        }
    }
}

/// One directory from the first look to the last mount point, or none: none of another is shown, and nothing is done in it.
fn a_root_file_system_is_the_one_that_was_looked_at(who: &Who) {
    who.needs_root_behind();
    let place = who.folder();
    let lacks = ["proc", "sys", "dev", "run"];
    let (own, other) = (who.own_rootfs(&lacks), who.own_rootfs(&lacks));
    for (root, whose) in [(&own, "own"), (&other, "other")] {
        fs::write(root.join("srv/whose"), whose).expect("our own image");
    }
    let [image, link] = ["image", "link"].map(|name| place.join(name));
    let name = image.display().to_string();
    tool("cp", &["-aT", own.str(), &name]);
    symlink(other.path(), &link).expect("our own folder");
    let before = [&image, other.path()].map(state);
    let reset = || {
        if image.is_symlink() {
            renameat_with(CWD, &image, CWD, &link, RenameFlags::EXCHANGE).expect("both are there");
        }
    };
    let all: &[&[&str]] = &[&["--change-root", "chroot"], &["--overlay"], &["--read-only"], &[]];
    let root: &[&[&str]] = &[&["--userns", "identity"], &["--userns", "identity", "--overlay"]];
    for options in all.iter().chain(root.iter().filter(|_| who.is_root())) {
        let words = [&["run", "--network", "none"], *options, &[&name, "cat", "/srv/whose"]].concat();
        let pair = [image.clone(), link.clone()];
        let attacked = Attacked { who, words, place: &name, pair, reset: &reset };
        let refused = Cell::new(0);
        let swaps = attacked.run(|traced, what| {
            let Traced { status, out, err, .. } = traced;
            let what = format!("{options:?}, {what}");
            let runs = *status == 0 && out == "own" && err.is_empty();
            let is_refused = *status == 125 && out.is_empty() && err.contains("(ESTALE)");
            assert!(runs || is_refused, "{what}");
            refused.set(refused.get() + u32::from(is_refused));
            same(&before[0], &image, &what);
            same(&before[1], other.path(), &what);
        });
        assert!(swaps > 1 && refused.get() > 0, "{options:?}: {swaps} swaps, {} refused", refused.get());
    }
}
