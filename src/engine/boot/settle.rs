//! The end of what is mounted: nothing that was written is lost.

use crate::engine::Carrier;
use crate::sys::Result;

impl Carrier<'_> {
    pub(super) fn settle(&mut self) -> Result<()> {
        Ok(())
    }
}
