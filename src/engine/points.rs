//! Mount points in an image for the time of a run: made where they are missing, and removed by whoever ends last.
//!
//! What was made is told from what belongs to the image by a mark (`host::Mark`), so that no list has to be kept, and one
//! aril cleans up after another that was killed.

use crate::host::Mark;
use crate::host::rootfs::{self, Found};
use crate::plan::Make;
use crate::spec::Spec;
use crate::sys::file::{self, Open};
use crate::sys::{At, Errno, Fd, Result, process};
use alloc::ffi::CString;
use core::ffi::CStr;

/// How the directories and files are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// As anyone makes them.
    ForGood,
    /// With the mark, and without a trace in the times of the image.
    ForTheRun,
}

/// Makes `target` and the directories above it, as far as they are missing.
pub fn make(root: At, target: &CStr, what: Make, kept: Kept) -> Result<()> {
    /// Another aril may make or remove the same ones meanwhile.
    const TRIES: usize = 8;
    let mask = (kept == Kept::ForTheRun).then(|| process::umask(0));
    let mut result = Err(Errno::EAGAIN);
    for _ in 0..TRIES {
        result = match rootfs::find(root, target) {
            Ok(Found::There(_)) => Ok(()),
            Ok(Found::Lacking { parent, names }) => make_below(parent, &names, what, kept),
            Err(error) => Err(error),
        };
        if !matches!(result, Err(Errno::EEXIST | Errno::ENOENT)) {
            break;
        }
    }
    mask.map(process::umask);
    result
}

fn make_below(mut parent: Fd, names: &[CString], what: Make, kept: Kept) -> Result<()> {
    for (at, name) in names.iter().enumerate() {
        let is_file = what == Make::File && at + 1 == names.len();
        let before = file::fstat(parent.at())?;
        match (is_file, kept) {
            (true, Kept::ForGood) => file::make_file(parent.at(), name, 0o644)?,
            (true, Kept::ForTheRun) => file::make_file(parent.at(), name, Mark::FILE)?,
            (false, Kept::ForGood) => file::mkdirat(parent.at(), name, 0o755)?,
            (false, Kept::ForTheRun) => file::mkdirat(parent.at(), name, Mark::DIRECTORY)?,
        }
        let made = file::openat(parent.at(), name, Open::PATH_NOFOLLOW)?;
        if kept == Kept::ForTheRun {
            file::restore_times(made.at(), &before)?;
            file::restore_times(parent.at(), &before)?;
        }
        parent = made;
    }
    Ok(())
}

/// Removes what was made for the mounts of a Spec, unless another aril still uses the image: removing a directory on which
/// something is mounted in another mount namespace unmounts it there.
pub fn clean_up(spec: &Spec) -> Result<()> {
    let lock = file::openat(At::CWD, spec.rootfs, Open::DIRECTORY)?;
    match file::try_lock_exclusive(lock.at()) {
        Err(Errno::EAGAIN) => return Ok(()),
        result => result?,
    }
    for target in spec.mount_points().chain([c"/etc/resolv.conf"]) {
        remove(lock.at(), target)?;
    }
    Ok(())
}

/// Removes a marked mount point, and the marked directories above it once they are empty.
fn remove(root: At, target: &CStr) -> Result<()> {
    let mut way = rootfs::walk(root, target)?.passed;
    while let Some((name, made)) = way.pop() {
        let Some((_, parent)) = way.last() else { return Ok(()) };
        let stat = file::fstat(made.at())?;
        if !Mark::is_on(&stat) {
            return Ok(());
        }
        let removed = match stat.kind {
            file::Kind::Directory => file::rmdirat(parent.at(), &name),
            _ => file::unlinkat(parent.at(), &name),
        };
        match removed {
            Ok(()) => file::restore_times(parent.at(), &stat)?,
            // The command has put something there: now it belongs to the image.
            Err(Errno::ENOTEMPTY) => {
                let kept = file::openat(parent.at(), &name, Open::DIRECTORY_NOFOLLOW)?;
                return file::fchmod(kept.at(), 0o755);
            }
            // A mount of someone else's, or gone already.
            Err(Errno::EBUSY | Errno::ENOENT) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
