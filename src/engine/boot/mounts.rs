//! The file systems of the kernel's that every program expects.

use super::Machine;
use crate::engine::carry::DEVICE_LINKS;
use crate::plan::boot::FileSystem;
use crate::sys::{At, Errno, Result, Word, file, mount, word};

impl Machine<'_> {
    /// Mounts one, unless something is there. A directory that is missing is made.
    pub(super) fn mount(&mut self, file_system: &FileSystem) -> Result<()> {
        let path = file_system.path;
        match file::is_mount_root(path) {
            Ok(true) => return Ok(()),
            Err(Errno::ENOENT) => file::mkdirat(At::CWD, path, 0o755)?,
            _ => {}
        }
        let proc = self.proc.as_ref().filter(|_| path == word(c"/proc"));
        match proc {
            Some(proc) => mount::move_mount(proc.at(), At::CWD, path)?,
            None => {
                let FileSystem { kind, attributes, options, .. } = *file_system;
                mount::mount(kind, path, kind, attributes, options)?;
                return Ok(());
            }
        }
        self.proc = None;
        Ok(())
    }
}

/// The links of `/dev`, but for `ptmx`, of which devtmpfs has a node.
pub(super) fn link_devices() -> Result<()> {
    let dev = file::openat(At::CWD, word(c"/dev"), file::Open::PATH_DIRECTORY)?;
    for (name, target) in &DEVICE_LINKS[..4] {
        link(*target, dev.at(), *name)?;
    }
    Ok(())
}

fn link(target: Word, at: At, name: Word) -> Result<()> {
    match file::symlinkat(target, at, name) {
        Err(Errno::EEXIST) => Ok(()),
        result => result,
    }
}
