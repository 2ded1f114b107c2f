//! Before the end of the machine: nothing that was written is lost, and no file system is left in use.

use crate::engine::Carrier;
use crate::host::mounts::{self, Mount};
use crate::host::rootfs::read_path_at;
use crate::host::view;
use crate::sys::file::{self, Open};
use crate::sys::poll::{self, Watched};
use crate::sys::process::{self, Change, Side};
use crate::sys::{Arena, At, Errno, Result, Word, mount, word};
use crate::text::{cut, first_word, number, split, t, text};

/// Seconds after which one who waits looks whether it is worth it.
const LOOK: u8 = 5;
/// So often nothing may have changed: what has died never ends, and a disk may be slow.
const LOOKS: u8 = 6;

/// Does in a child what may never come back. It is given up when `goes_on`, which is asked every few seconds, says so
/// (ETIMEDOUT).
pub(super) fn aside(goes_on: &mut dyn FnMut() -> bool, work: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    match process::clone3(0)? {
        Side::Child => process::exit(work().err().map_or(0, |errno| errno.0 as u8)),
        Side::Parent { child, pidfd } => {
            let mut watched = [Watched::READING];
            watched[0].on(pidfd.at());
            loop {
                poll::poll_for(&mut watched, LOOK)?;
                if watched[0].is_ready() {
                    break;
                }
                if !goes_on() {
                    return Err(Errno::ETIMEDOUT);
                }
            }
            match process::wait_for(child)? {
                Change::Exited(0) => Ok(()),
                Change::Exited(errno) => Err(Errno(errno.into())),
                _ => Err(Errno::ECHILD),
            }
        }
    }
}

/// What keeps no file anywhere but in memory.
fn is_memory(mount: &Mount) -> bool {
    matches!(mount.kind, b"tmpfs" | b"ramfs" | b"rootfs")
}

/// What has something to lose.
fn is_kept(mount: &Mount) -> bool {
    !view::shows_kernel(mount.kind) && !is_memory(mount)
}

impl<'p> Carrier<'p> {
    /// Flushes all; then unmounts what has something to lose, and makes the rest of it read-only.
    ///
    /// A child does it, since what has died would keep it for ever; it tells by itself what it could not do.
    pub(super) fn settle(&mut self) -> Result<()> {
        let arena = self.arena;
        let table = mounts::table(arena, self.proc());
        if table.as_ref().is_ok_and(|table| !table.iter().any(is_kept)) {
            file::sync();
            return Ok(());
        }
        // Its own, since the child has to do with the rest of this.
        let proc = file::duplicate(self.proc())?;
        let (mut least, mut looks) = (u64::MAX, 0);
        let settled = aside(
            &mut || {
                let left = unwritten(arena, proc.at());
                looks = if left < least { 0 } else { looks + 1 };
                least = least.min(left);
                looks < LOOKS
            },
            &mut || {
                file::sync();
                if let Ok(table) = &table {
                    self.unmount_all(table);
                }
                Ok(())
            },
        );
        match (&table, settled) {
            (_, Err(Errno::ETIMEDOUT)) => {
                self.detail = word(c"a file system does not answer");
                Err(Errno::ETIMEDOUT)
            }
            // There can be no child: whether it comes back or not, it is tried.
            (_, Err(errno)) => {
                file::sync();
                Err(errno)
            }
            (Err(errno), Ok(())) => Err(*errno),
            (Ok(_), Ok(())) => Ok(()),
        }
    }

    /// Unmounts what can be, and what lies over it; what is in use can at least not be written any more.
    fn unmount_all(&mut self, table: &[Mount]) {
        let root = word(c"/");
        let can_go = |mount: &&Mount| mount.point != root && (is_kept(mount) || is_memory(mount));
        // What was covered by one is there when that has gone.
        loop {
            let gone = table.iter().rev().filter(can_go).filter(|mount| mount::unmount(mount.point).is_ok()).count();
            if gone == 0 {
                break;
            }
        }
        // As it is now, the root last: a file of it may have been a disk.
        let left = mounts::table(self.arena, self.proc()).unwrap_or_default();
        for is_root in [false, true] {
            for mount in left.iter().filter(|mount| is_kept(mount) && (mount.point == root) == is_root) {
                self.make_read_only(At::CWD, mount.point, mount.point);
            }
        }
        let layers = core::mem::take(&mut self.machine.layers);
        for layer in layers.iter().flatten() {
            self.make_read_only(layer.at(), word(c""), word(c"the layers of /"));
        }
    }

    /// It is told where that fails.
    fn make_read_only(&mut self, at: At, point: Word, name: Word) {
        let made = mount::fspick(at, point).and_then(|context| {
            mount::fsconfig_flag(context.at(), word(c"ro"))?;
            mount::fsconfig_reconfigure(context.at())
        });
        if let Err(errno) = made {
            let errno = crate::text::said(self.arena, errno);
            let what = text(self.arena, t!("make % read-only: %"), &[name, errno]);
            self.machine.tell(t!("aril: note: %\n"), what);
        }
    }
}

/// KiB that are on their way to a disk (proc_meminfo(5)); none if nobody knows.
fn unwritten(arena: &Arena, proc: At) -> u64 {
    let text = read_path_at(arena, proc, word(c"meminfo"), Open::READ).unwrap_or_default();
    let of = |line: &[u8]| match cut(line, b':') {
        (b"Dirty" | b"Writeback", Some(rest)) => number::decimal(first_word(rest)).map_or(0, u64::from),
        _ => 0,
    };
    split(text, b'\n').map(of).sum()
}
