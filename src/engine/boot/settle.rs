//! Before the end of the machine: nothing that was written is lost, and no file system is left in use.

use crate::engine::Carrier;
use crate::host::mounts;
use crate::host::view;
use crate::sys::poll::{self, Watched};
use crate::sys::process::{self, Side};
use crate::sys::{At, Errno, List, Result, Word, file, mount, word};
use crate::text::{t, text};

/// A disk may have much to write; what has died never ends.
const LONGEST: u8 = 90;

impl<'p> Carrier<'p> {
    /// Flushes all; then unmounts what has something to lose, and makes the rest of it read-only.
    ///
    /// A child does it, since what has died would keep it for ever; it tells by itself what it could not do.
    pub(super) fn settle(&mut self) -> Result<()> {
        let points = self.points()?;
        if points.is_empty() {
            file::sync();
            return Ok(());
        }
        match process::clone3(0)? {
            Side::Child => {
                file::sync();
                let root = word(c"/");
                for point in points.iter().filter(|point| **point != root) {
                    if mount::unmount(*point).is_err() {
                        self.make_read_only(At::CWD, *point, *point);
                    }
                }
                // A file of it may have been a disk.
                if points.contains(&root) {
                    self.make_read_only(At::CWD, root, root);
                }
                let layers = core::mem::take(&mut self.machine.layers);
                for layer in layers.iter().flatten() {
                    self.make_read_only(layer.at(), word(c""), word(c"the layers of /"));
                }
                process::exit(0)
            }
            Side::Parent { pidfd, .. } => {
                let mut watched = [Watched::READING];
                watched[0].on(pidfd.at());
                poll::poll_for(&mut watched, LONGEST)?;
                if watched[0].is_ready() {
                    return Ok(());
                }
                self.detail = word(c"a file system does not answer");
                Err(Errno::ETIMEDOUT)
            }
        }
    }

    /// Where something is mounted that can be lost, the latest first.
    fn points(&self) -> Result<&'p [Word<'p>]> {
        let mut points = List::new(self.arena);
        for mount in mounts::table(self.arena)?.iter().rev() {
            if !view::shows_kernel(mount.kind) && !matches!(mount.kind, b"tmpfs" | b"ramfs" | b"rootfs") {
                points.push(mount.point);
            }
        }
        Ok(points.finish())
    }

    /// What is in use can at least not be written any more. It is told where that fails.
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
