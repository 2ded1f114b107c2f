//! Mount points in an image for the time of a run: made where they are missing, and removed by whoever ends last.
//!
//! What was made is told from what belongs to the image by a mark (`host::Mark`), so that no list has to be kept, and one
//! aril cleans up after another that was killed.

use crate::host::rootfs::{self, Way};
use crate::host::{Mark, Presence};
use crate::plan::Make;
use crate::spec::Spec;
use crate::sys::file::{self, Kind, Open};
use crate::sys::{Arena, At, Errno, Fd, Result, Word, process, word};

/// How the directories and files are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// As anyone makes them.
    ForGood,
    /// With the mark, and without a trace in the times of the image.
    ForTheRun,
}

/// Makes `target` and the directories above it, as far as they are missing. `made`: whether something was, whatever came of it.
pub fn make(arena: &Arena, root: At, target: Word, what: Make, kept: Kept, made: &mut bool) -> Result<()> {
    /// Another aril may make or remove the same ones meanwhile.
    const TRIES: usize = 8;
    // The launcher has the caller's; inside a step has set it.
    let mask = (kept == Kept::ForTheRun).then(|| process::umask(0));
    let mut result = Err(Errno::EAGAIN);
    for _ in 0..TRIES {
        result = rootfs::find(arena, root, target).and_then(|way| make_missing(&way, what, kept, made));
        if !matches!(result, Err(Errno::EEXIST | Errno::ENOENT)) {
            break;
        }
    }
    mask.map(process::umask);
    result
}

fn make_missing(way: &Way, what: Make, kept: Kept, is_made: &mut bool) -> Result<()> {
    if way.missing.is_empty() {
        return Ok(());
    }
    let marked = kept == Kept::ForTheRun;
    let before = file::fstat(way.end())?;
    let (directory, file) = if marked { (Mark::DIRECTORY, Mark::FILE) } else { (0o755, 0o644) };
    let mut last: Option<Fd> = None;
    for (at, name) in way.missing.iter().enumerate() {
        let parent = last.as_ref().map_or(way.end(), Fd::at);
        if what == Make::File && at + 1 == way.missing.len() {
            file::make_file(parent, *name, file)?;
        } else {
            file::mkdirat(parent, *name, directory)?;
        }
        *is_made = true;
        let made = file::openat(parent, *name, Open::PATH_NOFOLLOW)?;
        if marked {
            // Something else may have come to its name meanwhile: what is not known to be ours keeps its times.
            if file::fstat(made.at()).is_ok_and(|stat| Mark::is_on(&stat)) {
                file::restore_times(made.at(), &before)?;
            }
            file::restore_times(parent, &before)?;
        }
        last = Some(made);
    }
    Ok(())
}

/// Removes what was made for the mounts of a Spec, unless another aril still uses the image: removing a directory on which
/// something is mounted in another mount namespace unmounts it there.
///
/// `image` is the directory in which they were made, and still locked: another may lie at its path by now.
pub fn clean_up<'m>(arena: &'m Arena, spec: &Spec<'m>, image: &Fd) -> Result<()> {
    match file::try_lock_exclusive(image.at()) {
        Err(Errno::EAGAIN) => return Ok(()),
        result => result?,
    }
    // What is not empty at the first time may hold another mount point; what still is not then has something of the command's.
    let mounts = spec.mounts(arena);
    let mut stays = false;
    for kept in [Kept::ForTheRun, Kept::ForGood] {
        for mount in mounts.iter() {
            // Most are the image's own, and one look tells.
            if !matches!(rootfs::look(arena, image.at(), mount.target)?, Presence::There(_)) {
                stays |= remove(arena, image.at(), mount.target, kept)?;
            }
        }
        if !stays {
            break;
        }
    }
    Ok(())
}

/// Removes a marked mount point, and the marked directories above it once they are empty. One that is not keeps its mark, or
/// belongs to the image from now on, with all above it. Whether one has kept it.
fn remove(arena: &Arena, root: At, target: Word, kept: Kept) -> Result<bool> {
    let mut way = rootfs::walk(arena, root, target)?;
    while let Some((name, made)) = way.back() {
        let stat = file::fstat(made.at())?;
        if !Mark::is_on(&stat) {
            break;
        }
        let (parent, before) = (way.end(), file::fstat(way.end())?);
        let removed = match stat.kind {
            Kind::Directory => file::rmdirat(parent, name),
            _ => file::unlinkat(parent, name),
        };
        match removed {
            // Of two that made something at once, one has seen the other's time for the parent's own: the older one is true.
            Ok(()) => file::restore_times(parent, if before.is_older(&stat) { &before } else { &stat })?,
            Err(Errno::ENOTEMPTY) if kept == Kept::ForTheRun => return Ok(true),
            // Not by its name, which may be a link's by now: chmod(2) follows one. Those above it are not empty either.
            Err(Errno::ENOTEMPTY) => file::fchmodat(made.at(), word(c"."), 0o755)?,
            // A mount of someone else's, or gone already.
            Err(Errno::EBUSY | Errno::ENOENT) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(false)
}
