//! Loop devices: block devices whose bytes are a file's (loop(4)).

use super::{
    At, Result,
    errno::{check, done},
    number,
};
use core::mem::MaybeUninit;
use linux_raw_sys::loop_device as l;

/// `LOOP_CTL_GET_FREE` of `/dev/loop-control`: the number of a device that nobody uses, made if there is none.
pub fn free_number(control: At) -> Result<usize> {
    // SAFETY: no memory is touched.
    check(unsafe { sc::syscall!(IOCTL, number(control.number()), l::LOOP_CTL_GET_FREE, 0) })
}

/// `LOOP_CONFIGURE` (Linux 5.8): the device shows the file, cannot be written, and lets go of the file once nobody has it open
/// or mounted. EBUSY where someone else was faster.
pub fn configure(device: At, file: At) -> Result<()> {
    // SAFETY: zeros are a valid value of every field: numbers and bytes.
    let mut config: l::loop_config = unsafe { MaybeUninit::zeroed().assume_init() };
    config.fd = file.number() as u32;
    config.info.lo_flags = l::LO_FLAGS_READ_ONLY as u32 | l::LO_FLAGS_AUTOCLEAR as u32;
    // SAFETY: the kernel reads the structure, which outlives the call.
    done(unsafe { sc::syscall!(IOCTL, number(device.number()), l::LOOP_CONFIGURE, &raw const config) })
}
