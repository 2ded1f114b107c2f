//! The power button: the kernel itself sends the first process a signal when it is pressed.

use crate::sys::file::{self, Open};
use crate::sys::{At, Errno, Fd, Result, input, process, word};
use linux_raw_sys::general as k;

/// Every input device that is no more than a button. Where the kernel knows no input devices there is nothing to take.
pub(super) fn catch() -> Result<()> {
    match file::openat(At::CWD, word(c"/dev/input"), Open::DIRECTORY) {
        Err(Errno::ENOENT) => Ok(()),
        folder => catch_in(folder?.at()),
    }
}

/// Where there are none its room is not taken.
#[inline(never)]
fn catch_in(folder: At) -> Result<()> {
    let mut buffer = [0; 1024];
    while let Some(entries) = file::getdents(folder, &mut buffer)? {
        for name in entries {
            // Not each is a device of events, and another may be gone by now.
            let Ok(device) = file::openat(folder, name, Open::READ) else { continue };
            if input::keys(device.at()).is_ok_and(|keys| input::are_of_button(&keys)) {
                send_signal(device)?;
            }
        }
    }
    Ok(())
}

fn send_signal(device: Fd) -> Result<()> {
    let device = device.keep();
    input::set_signal(device, k::SIGPWR as u8)?;
    input::set_owner(device, process::getpid())?;
    input::tell_by_signal(device)
}
