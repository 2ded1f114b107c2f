//! The file systems of the kernel's that every program expects.

use super::Machine;
use crate::engine::carry::DEVICE_LINKS;
use crate::plan::boot::{Base, FileSystem};
use crate::sys::{At, Errno, Result, Word, file, mount, word};

impl Machine<'_> {
    /// Mounts one, unless something is there. A directory that is missing is made.
    #[inline(never)]
    pub(in crate::engine) fn mount(&mut self, file_system: &FileSystem) -> Result<()> {
        let FileSystem { path, kind, attributes, options, base } = *file_system;
        // What is known is not asked for: each question takes the kernel 7,000 instructions and more.
        let there = match base {
            Base::InDev if self.has_new_dev => Err(Errno::ENOENT),
            Base::InSys if self.has_new_sys => Ok(false),
            _ => file::is_mount_root(path),
        };
        match there {
            Ok(true) => return Ok(()),
            Err(Errno::ENOENT) => match file::mkdirat(At::CWD, path, 0o755) {
                // There is one devtmpfs, which somebody may have had before.
                Err(Errno::EEXIST) => {}
                result => result?,
            },
            Ok(false) => {}
            Err(errno) => return Err(errno),
        }
        match (base, &self.proc) {
            // It stays open: whatever becomes of `/proc`, the end needs it.
            (Base::Proc, Some(proc)) => mount::move_mount(proc.at(), At::CWD, path)?,
            _ => mount::mount(kind, path, kind, attributes, options)?,
        }
        self.has_new_dev |= base == Base::Dev;
        self.has_new_sys |= base == Base::Sys;
        Ok(())
    }
}

/// The links of `/dev`, but for `ptmx`, of which devtmpfs has a node.
#[inline(never)]
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
