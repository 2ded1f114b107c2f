//! Tables of partitions.

use super::disk;
use aril::host::partition::has_name;
use aril::sys::file::borrowed;
use std::os::fd::AsRawFd;

/// The number of a partition, and the disk.
pub fn check(bytes: &[u8]) {
    let Some((number, rest)) = bytes.split_first() else { return };
    let (file, all) = disk(rest);
    let is = |number: u32, name: &str| has_name(borrowed(file.as_raw_fd() as u32), number, name.as_bytes());
    for number in [u32::from(*number), u32::from(*number) << 8, u32::MAX] {
        let own = gpt(&all, number).or_else(|| mbr(&all, number));
        for name in [own.clone(), mbr_name(&all, number)].into_iter().flatten() {
            let expected = own.as_ref() == Some(&name);
            assert_eq!(is(number, &name), expected, "{name} of {number}");
            assert_eq!(is(number, &name.to_uppercase()), expected);
            assert!(!is(number, &format!("{name}0")) && !is(number, &name[1..]), "neither longer nor shorter");
        }
        assert!(!is(number, ""));
    }
}

fn mbr_name(disk: &[u8], number: u32) -> Option<String> {
    let signature = u32::from_le_bytes(disk.get(440..444)?.try_into().ok()?);
    Some(format!("{signature:08x}-{:02x}", u8::try_from(number).ok()?))
}

fn mbr(disk: &[u8], number: u32) -> Option<String> {
    mbr_name(disk, number).filter(|_| disk.get(510..512) == Some(&[0x55, 0xaa]))
}

fn gpt(disk: &[u8], number: u32) -> Option<String> {
    let is_protective = disk.get(446..510)?.chunks(16).any(|entry| entry[4] == 0xee);
    let header = |block: usize| disk.get(block..block + 88).filter(|header| header.starts_with(b"EFI PART"));
    let block = [512, 4096].into_iter().find(|block| is_protective && header(*block).is_some())?;
    let header = header(block)?;
    let word = |at: usize| u128::from(u32::from_le_bytes(header[at..at + 4].try_into().unwrap()));
    let start = (word(72) | word(76) << 32) * block as u128;
    let place = usize::try_from(start + u128::from(number.checked_sub(1)?) * word(84) + 16).ok()?;
    let uuid = disk.get(place..place.checked_add(16)?).filter(|_| u128::from(number) <= word(80))?;
    let part = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let reversed = |bytes: &[u8]| part(&bytes.iter().rev().copied().collect::<Vec<_>>());
    let [a, b, c] = [&uuid[..4], &uuid[4..6], &uuid[6..8]].map(reversed);
    Some(format!("{a}-{b}-{c}-{}-{}", part(&uuid[8..10]), part(&uuid[10..])))
}
