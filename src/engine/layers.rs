//! Carries out the steps of an overlay's layers: the image below, the directory above.

use super::Carrier;
use super::carry::compare;
use crate::plan::{Layer, Tree};
use crate::spec::Namespace;
use crate::sys::file::{self, Open};
use crate::sys::mount::{self, Attributes};
use crate::sys::{At, Errno, Result, Word, identity, loops, word};
use crate::text::{decimal, t, text};

/// How often a device that was free may be another's before it is ours.
const TRIES: u8 = 64;

impl Carrier<'_> {
    #[inline(never)]
    pub(super) fn lay(&mut self, layer: Layer) -> Result<()> {
        match layer {
            Layer::Lock { directory } => {
                // What is written may be anybody's, with any rights: no other user comes in.
                match file::mkdirat(At::CWD, directory, 0o700) {
                    Err(Errno::EEXIST) => {}
                    result => result?,
                }
                let lock = file::openat(At::CWD, directory, Open::DIRECTORY)?;
                let stat = file::fstat(lock.at())?;
                // What is written may be a program with its owner's rights, and whoever comes in could lead the writes elsewhere.
                if stat.uid != identity::geteuid() {
                    self.detail = word(c"it is someone else's");
                    return Err(Errno::EPERM);
                }
                if stat.mode & 0o077 != 0 {
                    self.detail = word(c"others can enter it, and use what is written: chmod 700");
                    return Err(Errno::EPERM);
                }
                match file::try_lock_exclusive(lock.at()) {
                    Err(Errno::EAGAIN) => {
                        self.detail = word(c"another container writes to it");
                        return Err(Errno::EBUSY);
                    }
                    result => result?,
                }
                self.lock = Some(lock);
            }
            Layer::Bind { directory, idmapped } => {
                // By its path, since a descriptor from before leads to a mount of another namespace; but none other than is locked.
                let tree = mount::open_tree(At::CWD, directory, false)?;
                let locked = self.lock.as_ref().ok_or(Errno::EBADF)?;
                compare(tree.at(), Some(&file::fstat(locked.at())?.identity))?;
                if idmapped {
                    let map = self.namespaces[Namespace::User as usize].as_ref().ok_or(Errno::EBADF)?;
                    mount::idmap(tree.at(), Attributes::NONE, map.at(), false)?;
                }
                self.attach_on_top(tree, Tree::Scratch)?;
            }
            Layer::ActAs { uid, gid } => {
                // What root may do with files goes with its id, and an overlay does all that it does as who has made it.
                let capabilities = identity::effective_capabilities()?;
                identity::set_file_system_ids(uid, gid);
                identity::set_capabilities(capabilities)?;
            }
            Layer::Image { format, .. } => {
                let [kind, options, _] = *format.words();
                let image = self.image.ok_or(Errno::EBADF)?;
                self.detail = word(c"no loop devices here");
                let control = file::openat(At::CWD, word(c"/dev/loop-control"), Open::READ)?;
                self.detail = Word::default();
                let mut tries = TRIES;
                let tree = loop {
                    tries -= 1;
                    let number = decimal(self.arena, loops::free_number(control.at())? as u64);
                    let source = text(self.arena, t!("source=/dev/loop%"), &[number]);
                    let device = file::openat(At::CWD, source.after("source=".len()), Open::READ)?;
                    match loops::configure(device.at(), image) {
                        // Someone else was faster.
                        Err(Errno::EBUSY) if tries > 0 => {}
                        result => {
                            result?;
                            break self.new_tree(kind, [source, options], Attributes::RDONLY.and(Attributes::NODEV))?;
                        }
                    }
                };
                self.trees.keep(Tree::Image, tree);
                self.image = None;
                let number = image.number() as u32;
                file::close_range(number, number)?;
            }
        }
        Ok(())
    }
}
