//! Modules of the kernel, with those that they need.

use crate::engine::Carrier;
use crate::sys::{Errno, Result, Word};

impl Carrier<'_> {
    pub(super) fn load_module(&mut self, _name: Word) -> Result<()> {
        Err(Errno::ENOSYS)
    }
}
