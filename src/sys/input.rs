//! Input devices: which keys they have, and a signal for each that is pressed (linux/input.h, fcntl(2)).

use super::{At, Result, errno::check, nothing, number, process::Pid};
use core::mem::size_of_val;
use linux_raw_sys::general as k;

/// A bit for each key that there can be.
pub type Keys = [u64; 12];

/// `KEY_POWER` of linux/input-event-codes.h.
const POWER: u32 = 116;

/// ioctl(2) `EVIOCGBIT(EV_KEY)`. ENOTTY: not an input device.
pub fn keys(device: At) -> Result<Keys> {
    let mut keys = [0; 12];
    let size = size_of_val(&keys);
    // `_IOC(_IOC_READ, 'E', 0x20 + EV_KEY, size)`.
    let request = 2 << 30 | size << 16 | (b'E' as usize) << 8 | 0x21;
    // SAFETY: the kernel writes at most as many bytes as the request says, which is the size of the array.
    check(unsafe { sc::syscall!(IOCTL, number(device.number()), request, keys.as_mut_ptr()) })?;
    Ok(keys)
}

/// Whether they are those of a power button, with at most one more, such as one to sleep; a keyboard has many.
pub fn are_of_button(keys: &Keys) -> bool {
    let has_power = keys[POWER as usize / 64] >> (POWER % 64) & 1 == 1;
    has_power && keys.iter().map(|keys| keys.count_ones()).sum::<u32>() <= 2
}

/// fcntl(2) `F_SETSIG`: which signal tells that something can be read.
pub fn set_signal(device: At, signal: u8) -> Result<()> {
    nothing!(FCNTL, device.number(), k::F_SETSIG, signal)
}

/// fcntl(2) `F_SETOWN`: who gets it.
pub fn set_owner(device: At, owner: Pid) -> Result<()> {
    nothing!(FCNTL, device.number(), k::F_SETOWN, owner.0)
}

/// fcntl(2) `F_SETFL`: from now on it is sent.
pub fn tell_by_signal(device: At) -> Result<()> {
    nothing!(FCNTL, device.number(), k::F_SETFL, k::FASYNC | k::O_NONBLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_has_the_power_key_and_at_most_one_more() {
        let keys = |all: &[u32]| {
            let mut keys = [0; 12];
            for key in all {
                keys[*key as usize / 64] |= 1 << (key % 64);
            }
            keys
        };
        for (all, is_button) in [
            (&[116][..], true),
            (&[116, 142], true),
            (&[], false),
            (&[142], false),
            (&[116, 142, 143], false),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 116], false),
        ] {
            assert_eq!(are_of_button(&keys(all)), is_button, "{all:?}");
        }
    }
}
