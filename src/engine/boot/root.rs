//! The root file system: found, mounted, and put in the place of the initramfs.

use crate::engine::Carrier;
use crate::plan::BootStep;
use crate::sys::{Errno, Result};

impl Carrier<'_> {
    pub(super) fn mount_root(&mut self, _step: &BootStep) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn mount_overlay(&mut self, _step: &BootStep) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn pivot_root(&mut self) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn switch_root(&mut self) -> Result<()> {
        Err(Errno::ENOSYS)
    }
}
