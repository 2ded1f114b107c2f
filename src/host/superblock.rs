//! Superblocks: which file system a block device holds, under which UUID and label (blkid(8)). They are read, never mounted, and
//! whatever is written there is only compared.

use crate::sys::{At, Word, file, word};
use crate::text::hex;

/// Where the superblock of a type of file system has what.
#[derive(Debug)]
pub struct Format {
    pub kind: Word<'static>,
    magic: (u32, &'static [u8]),
    /// Where its UUID is, and its label, which ends at a NUL or after so many bytes; a place at 0 is none.
    uuid: u32,
    label: (u32, u16),
}

/// Of each the document is the kernel's: linux/fs/ext4/ext4.h, fs/erofs/erofs_fs.h, fs/squashfs/squashfs_fs.h, fs/xfs/libxfs/
/// xfs_format.h, and include/uapi/linux/btrfs_tree.h, whose superblock is at 64 KiB.
const FORMATS: [Format; 5] = [
    // ext2 and ext3 too, which it mounts.
    Format { kind: word(c"ext4"), magic: (1080, &[0x53, 0xef]), uuid: 1128, label: (1144, 16) },
    Format { kind: word(c"erofs"), magic: (1024, &[0xe2, 0xe1, 0xf5, 0xe0]), uuid: 1072, label: (1088, 16) },
    Format { kind: word(c"squashfs"), magic: (0, b"hsqs"), uuid: 0, label: (0, 0) },
    Format { kind: word(c"xfs"), magic: (0, b"XFSB"), uuid: 32, label: (108, 12) },
    Format { kind: word(c"btrfs"), magic: (0x1_0040, b"_BHRfS_M"), uuid: 0x1_0020, label: (0x1_012b, 256) },
];

/// The formats of which a device has a superblock; more than one where something older was left.
pub fn formats(device: At) -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().filter(move |format| format.is_on(device))
}

impl Format {
    fn is_on(&self, device: At) -> bool {
        let (at, magic) = self.magic;
        let mut there = [0; 8];
        read(device, at.into(), &mut there[..magic.len()]) && there.starts_with(magic)
    }

    /// Whether the device has this UUID, in letters of any case.
    pub fn has_uuid(&self, device: At, text: &[u8]) -> bool {
        let mut uuid = [0; 16];
        self.uuid != 0 && read(device, self.uuid.into(), &mut uuid) && is_uuid(&uuid, text)
    }

    /// Whether the device has this label, which is never none.
    pub fn has_label(&self, device: At, text: &[u8]) -> bool {
        let (at, length) = self.label;
        let mut label = [0; 256];
        let Some(label) = label.get_mut(..usize::from(length)) else { return false };
        let is_there = !text.is_empty() && read(device, at.into(), label);
        is_there && label.strip_prefix(text).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == 0))
    }
}

/// Whether all of these bytes are there.
pub(super) fn read(device: At, at: u64, buffer: &mut [u8]) -> bool {
    file::pread(device, buffer, at) == Ok(buffer.len())
}

/// Whether these 16 bytes are written so: `00112233-4455-6677-8899-aabbccddeeff`.
pub(super) fn is_uuid(uuid: &[u8; 16], text: &[u8]) -> bool {
    let mut rest = text.iter();
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) && rest.next() != Some(&b'-') {
            return false;
        }
        for digit in hex(*byte) {
            if rest.next().map(u8::to_ascii_lowercase) != Some(digit) {
                return false;
            }
        }
    }
    rest.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::path::Path;
    use std::process::Command;

    const UUID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

    fn kinds(path: &Path) -> Vec<&'static [u8]> {
        let file = std::fs::File::open(path).unwrap();
        formats(file::borrowed(file.as_raw_fd() as u32)).map(|format| format.kind.bytes()).collect()
    }

    fn has(path: &Path, uuid: &str, label: &str) -> [bool; 2] {
        let file = std::fs::File::open(path).unwrap();
        let device = file::borrowed(file.as_raw_fd() as u32);
        let format = formats(device).next().unwrap();
        [format.has_uuid(device, uuid.as_bytes()), format.has_label(device, label.as_bytes())]
    }

    /// Of such a size, made by a program that this machine may not have.
    fn made(path: &Path, size: u64, command: &str) -> bool {
        std::fs::File::create(path).unwrap().set_len(size).unwrap();
        let paths = "/usr/sbin:/sbin:/usr/bin:/bin";
        let output = Command::new("sh").args(["-c", command]).env("PATH", paths).env("I", path).output().unwrap();
        if output.status.code() == Some(127) {
            eprintln!("skipped: {command}");
            return false;
        }
        assert!(output.status.success(), "{command}: {output:?}");
        true
    }

    #[test]
    fn what_the_makers_of_file_systems_write_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        for (kind, size, label, command) in [
            ("ext4", 1 << 20, "sixteen letters.", format!("mke2fs -q -t ext2 -U {UUID} -L 'sixteen letters.' $I")),
            ("ext4", 4 << 20, "root", format!("mke2fs -q -t ext4 -U {UUID} -L root $I")),
            ("xfs", 320 << 20, "twelve bytes", format!("mkfs.xfs -q -m uuid={UUID} -L 'twelve bytes' $I")),
            (
                "btrfs",
                128 << 20,
                "a long label of btrfs",
                format!("mkfs.btrfs -q -U {UUID} -L 'a long label of btrfs' $I"),
            ),
        ] {
            if made(&image, size, &command) {
                assert_eq!(kinds(&image), [kind.as_bytes()], "{command}");
                assert_eq!(has(&image, UUID, label), [true; 2], "{command}");
                assert_eq!(has(&image, &UUID.to_uppercase(), &label[1..]), [true, false], "{command}");
                assert_eq!(has(&image, &UUID.replace('0', "1"), &label[..label.len() - 1]), [false; 2], "{command}");
                assert_eq!(has(&image, &UUID[1..], ""), [false; 2], "{command}");
                assert_eq!(has(&image, &format!("{UUID}0"), &format!("{label}x")), [false; 2], "{command}");
            }
        }
        std::fs::create_dir(folder.path().join("tree")).unwrap();
        if made(&image, 0, "mksquashfs ${I%/*}/tree $I -noappend -quiet -no-progress") {
            assert_eq!(kinds(&image), [b"squashfs"]);
            assert_eq!(has(&image, "", ""), [false; 2]);
        }
        if made(&image, 0, &format!("mkfs.erofs -U {UUID} $I ${{I%/*}}/tree")) {
            assert_eq!(kinds(&image), [b"erofs"]);
            assert_eq!(has(&image, UUID, "x"), [true, false]);
        }
    }

    #[test]
    fn an_empty_device_a_cut_one_and_garbage_hold_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        for bytes in [vec![], vec![0; 0x2_0000], vec![0xff; 0x2_0000]] {
            std::fs::write(&image, bytes).unwrap();
            assert!(kinds(&image).is_empty());
        }
        for format in &FORMATS {
            let (at, magic) = (format.magic.0 as usize, format.magic.1);
            std::fs::write(&image, [&vec![0; at], magic].concat()).unwrap();
            assert_eq!(kinds(&image), [format.kind.bytes()]);
            // A label that has no end is as long as its field, and what is cut off is no UUID.
            assert!(!has(&image, "00000000-0000-0000-0000-000000000000", "x")[1]);
            let bytes = [&vec![b'x'; at], magic, &[b'x'; 0x1_0000][..]].concat();
            std::fs::write(&image, bytes).unwrap();
            let length = usize::from(format.label.1);
            assert_eq!(has(&image, "", &"x".repeat(length))[1], length != 0, "{:?}", format.kind);
            assert_eq!(has(&image, "", &"x".repeat(length + 1)), [false; 2]);
            std::fs::write(&image, [&vec![0; at], &magic[1..]].concat()).unwrap();
            assert!(kinds(&image).is_empty());
        }
    }
}
