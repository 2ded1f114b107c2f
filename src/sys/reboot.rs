//! reboot(2): the end of a machine.

use super::{Result, nothing};

/// What becomes of it: `LINUX_REBOOT_CMD_*` of linux/reboot.h.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Command {
    /// Ctrl-Alt-Del sends SIGINT to the first process; else the kernel reboots at once.
    CatchCtrlAltDel = 0,
    Restart = 0x0123_4567,
    Halt = 0xCDEF_0123,
    PowerOff = 0x4321_FEDC,
}

/// reboot(2). Where a machine cannot be switched off the kernel ends the calling thread instead; that is why the first process
/// has a child call it.
pub fn reboot(command: Command) -> Result<()> {
    const MAGIC: u32 = 0xfee1_dead;
    /// The first of five that are as good.
    const MAGIC_2: u32 = 672_274_793;
    nothing!(REBOOT, MAGIC, MAGIC_2, command as u32, 0)
}
