//! The unique name of a partition, `PARTUUID=`: of a GPT the entry's own (UEFI specification, 5.3), of an MBR the disk's
//! signature and the partition's number, as the kernel itself has it (Documentation/admin-guide/kernel-parameters, `root=`).

use super::superblock::{is_uuid, read};
use crate::sys::At;
use crate::text::hex;

/// Whether the partition of this number on the disk has this name, in letters of any case.
pub fn has_name(disk: At, number: u32, text: &[u8]) -> bool {
    gpt(disk, number).map_or_else(|| is_of_mbr(disk, number, text), |uuid| is_uuid(&uuid, text))
}

/// In the first 512 bytes: the signature of the disk, and of the table.
const SIGNATURE: u64 = 440;
const END: u64 = 510;

fn is_of_mbr(disk: At, number: u32, text: &[u8]) -> bool {
    let (mut signature, mut end) = ([0; 4], [0; 2]);
    let is_table = read(disk, SIGNATURE, &mut signature) && read(disk, END, &mut end) && end == [0x55, 0xaa];
    let Ok(number) = u8::try_from(number) else { return false };
    let mut rest = text.iter().map(u8::to_ascii_lowercase);
    let [a, b, c, d] = signature.map(hex);
    let digits = [d, c, b, a].into_iter().flatten().chain([b'-']).chain(hex(number));
    is_table && digits.eq(rest.by_ref())
}

/// Whether the MBR is there for those alone who do not know a GPT: with any other, what looks like one is a leftover.
fn is_protective(disk: At) -> bool {
    /// Four entries, in each the type of a partition, which is this one.
    const ENTRIES: u64 = 446;
    const KIND: usize = 4;
    const PROTECTIVE: u8 = 0xee;
    let mut entries = [[0; 16]; 4];
    read(disk, ENTRIES, entries.as_flattened_mut()) && entries.iter().any(|entry| entry[KIND] == PROTECTIVE)
}

/// The entry's own UUID, in the order in which it is written down. The header is in the second block, whose size is not known.
fn gpt(disk: At, number: u32) -> Option<[u8; 16]> {
    /// In the header: where the entries begin, how many there are, and how large each is.
    const START: usize = 72;
    const COUNT: usize = 80;
    const SIZE: usize = 84;
    /// In an entry.
    const UNIQUE: u64 = 16;
    for block in [512u64, 4096].into_iter().filter(|_| is_protective(disk)) {
        let mut header = [0; 88];
        if !read(disk, block, &mut header) || !header.starts_with(b"EFI PART") {
            continue;
        }
        let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let start = u64::from(word(START)?) | u64::from(word(START + 4)?) << 32;
        if !(1..=word(COUNT)?).contains(&number) {
            return None;
        }
        let entry = start.checked_mul(block)?.checked_add(u64::from(number - 1) * u64::from(word(SIZE)?))?;
        let mut uuid = [0; 16];
        if !read(disk, entry.checked_add(UNIQUE)?, &mut uuid) {
            return None;
        }
        // Its first three parts are little-endian.
        uuid[..4].reverse();
        uuid[4..6].reverse();
        uuid[6..8].reverse();
        return Some(uuid);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::borrowed;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::Path;
    use std::process::{Command, Stdio};

    const UUID: &str = "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0";

    fn disk(folder: &Path, table: &str) -> Option<std::fs::File> {
        let path = folder.join("disk");
        std::fs::File::create(&path).unwrap().set_len(16 << 20).unwrap();
        let mut sfdisk = Command::new("/usr/sbin/sfdisk");
        sfdisk.arg("-q").arg(&path).stdin(Stdio::piped());
        let Ok(mut child) = sfdisk.spawn() else {
            eprintln!("skipped: no sfdisk");
            return None;
        };
        child.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        std::fs::File::options().read(true).write(true).open(path).ok()
    }

    fn has(disk: &std::fs::File, number: u32, name: &str) -> bool {
        has_name(borrowed(disk.as_raw_fd() as u32), number, name.as_bytes())
    }

    #[test]
    fn a_partition_is_known_by_the_name_in_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let other = UUID.replace("0F", "AA");
        let table = format!("label: gpt\nsize=2M, uuid={other}\nsize=2M, uuid={UUID}\n");
        let Some(gpt) = disk(folder.path(), &table) else { return };
        assert!(has(&gpt, 2, UUID) && has(&gpt, 2, &UUID.to_lowercase()) && has(&gpt, 1, &other));
        assert!(!has(&gpt, 1, UUID) && !has(&gpt, 3, UUID) && !has(&gpt, 2, &UUID[1..]) && !has(&gpt, 2, ""));
        for number in [0, 129, u32::MAX] {
            assert!(!has(&gpt, number, "00000000-0000-0000-0000-000000000000"), "{number}");
        }
        let mbr = disk(folder.path(), "label: dos\nlabel-id: 0xabcdef01\nsize=2M\nsize=2M\n").unwrap();
        assert!(has(&mbr, 2, "abcdef01-02") && has(&mbr, 1, "ABCDEF01-01") && has(&mbr, 17, "abcdef01-11"));
        assert!(!has(&mbr, 1, "abcdef01-02") && !has(&mbr, 258, "abcdef01-02") && !has(&mbr, 2, "abcdef01-021"));
    }

    #[test]
    fn a_header_that_lies_leads_nowhere() {
        use std::os::unix::fs::FileExt;
        let disk = tempfile::tempfile().unwrap();
        assert!(!has(&disk, 1, "00000000-01"), "an empty one has no table");
        for block in [512u64, 4096] {
            disk.set_len(0).unwrap();
            disk.set_len(1 << 20).unwrap();
            disk.write_at(&[0xee], 446 + 16 + 4).unwrap();
            disk.write_at(b"EFI PART", block).unwrap();
            assert!(!has(&disk, 1, UUID), "no entries");
            disk.write_at(&u32::MAX.to_le_bytes(), block + 80).unwrap();
            disk.write_at(&[0xff; 4], block + 84).unwrap();
            for start in [2, 1 << 40, u64::MAX] {
                disk.write_at(&start.to_le_bytes(), block + 72).unwrap();
                assert!(!has(&disk, u32::MAX, UUID) && !has(&disk, 1, UUID));
            }
            disk.write_at(&2u64.to_le_bytes(), block + 72).unwrap();
            disk.write_at(&256u32.to_le_bytes(), block + 84).unwrap();
            disk.write_at(&[0x3c, 0x2d, 0x1e, 0x0f, 0x5a, 0x4b, 0x78, 0x69], 2 * block + 256 + 16).unwrap();
            disk.write_at(&[0x87, 0x96, 0xa5, 0xb4, 0xc3, 0xd2, 0xe1, 0xf0], 2 * block + 256 + 24).unwrap();
            assert!(has(&disk, 2, UUID), "blocks of {block} bytes");
            disk.write_at(&[0x83], 446 + 16 + 4).unwrap();
            assert!(!has(&disk, 2, UUID), "a leftover");
        }
    }
}
