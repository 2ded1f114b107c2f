//! Superblocks of file systems.

use super::disk;
use aril::host::superblock::formats;
use aril::sys::file::borrowed;
use std::os::fd::AsRawFd;

/// For each type the place of its magic number and that, of its UUID, and of its label with the length of its field (blkid(8)).
type Row = (&'static str, usize, &'static [u8], Option<usize>, Option<(usize, usize)>);
const TABLE: [Row; 5] = [
    ("ext4", 0x438, b"\x53\xef", Some(0x468), Some((0x478, 16))),
    ("erofs", 0x400, b"\xe2\xe1\xf5\xe0", Some(0x430), Some((0x440, 16))),
    ("squashfs", 0, b"hsqs", None, None),
    ("xfs", 0, b"XFSB", Some(0x20), Some((0x6c, 12))),
    ("btrfs", 0x10040, b"_BHRfS_M", Some(0x10020), Some((0x1012b, 256))),
];

pub fn check(bytes: &[u8]) {
    let (file, all) = disk(bytes);
    let device = borrowed(file.as_raw_fd() as u32);
    let mut found = formats(device);
    for (kind, place, magic, uuid, label) in TABLE {
        if all.get(place..place + magic.len()) != Some(magic) {
            continue;
        }
        let format = found.next().expect("one for each magic number that is there");
        assert_eq!(format.kind.bytes(), kind.as_bytes());

        let uuid = uuid.and_then(|at| all.get(at..at + 16));
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let parts =
            |uuid: &[u8]| [&uuid[..4], &uuid[4..6], &uuid[6..8], &uuid[8..10], &uuid[10..]].map(digits).join("-");
        let text = parts(uuid.unwrap_or(&[0; 16]));
        assert_eq!(format.has_uuid(device, text.as_bytes()), uuid.is_some(), "{text}");
        assert_eq!(format.has_uuid(device, text.to_uppercase().as_bytes()), uuid.is_some());
        for other in [&text[1..], &format!("{text}0"), &text.replace('-', ""), ""] {
            assert!(!format.has_uuid(device, other.as_bytes()), "{other}");
        }

        let field = label.and_then(|(at, length)| all.get(at..at + length));
        let label = field.and_then(|field| field.split(|byte| *byte == 0).next()).unwrap_or_default();
        assert_eq!(format.has_label(device, label), !label.is_empty());
        assert!(!format.has_label(device, &[label, b"x"].concat()));
        assert!(label.is_empty() || !format.has_label(device, &label[1..]));
    }
    assert!(found.next().is_none(), "nothing else is found");
}
