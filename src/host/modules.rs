//! The kernel's modules: which files one needs, in which order (modules.dep(5)), and which the kernel has built in.

use crate::sys::List;
use crate::text::split;

/// Adds the files of a module and of those that it depends on, relative to the folder of `modules.dep`, in the order in which
/// modprobe(8) loads them. Whether it is listed.
pub fn add_files<'m>(dependencies: &'m [u8], name: &[u8], files: &mut List<'_, &'m [u8]>) -> bool {
    for line in split(dependencies, b'\n') {
        let (file, needed) = crate::text::cut(line, b':');
        if is_of(file, name) {
            let start = files.len();
            files.push(file);
            for file in split(needed.unwrap_or_default(), b' ').filter(|file| !file.is_empty()) {
                files.push(file);
            }
            // The last one needs none of the others.
            files[start..].reverse();
            return true;
        }
    }
    false
}

/// Whether a list of the modules that the kernel has built in (`modules.builtin`) has this one.
pub fn is_built_in(list: &[u8], name: &[u8]) -> bool {
    split(list, b'\n').any(|file| is_of(file, name))
}

/// Whether a file, perhaps a compressed one, holds this module.
pub fn is_of(file: &[u8], name: &[u8]) -> bool {
    let file = file.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    is_same(crate::text::cut(file, b'.').0, name) && matches!(suffix(file), b"ko" | b"ko.xz" | b"ko.gz" | b"ko.zst")
}

/// The name of the module in a file.
pub fn name(file: &[u8]) -> &[u8] {
    crate::text::cut(file.rsplit(|byte| *byte == b'/').next().unwrap_or_default(), b'.').0
}

/// Whether the kernel itself would have to decompress a module's file.
pub fn is_compressed(file: &[u8]) -> bool {
    !file.ends_with(b".ko")
}

fn suffix(file: &[u8]) -> &[u8] {
    crate::text::cut(file, b'.').1.unwrap_or_default()
}

/// Whether these are the same name: the kernel knows a module's with `_` alone, its file may have `-`.
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'-' { b'_' } else { *byte };
    !one.is_empty() && one.iter().map(plain).eq(other.iter().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Arena;

    fn files(name: &str) -> Option<Vec<&'static str>> {
        const TABLE: &[u8] = b"kernel/fs/ext4/mbcache.ko:\n\
            kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio.ko.xz  kernel/drivers/virtio/virtio_ring.ko.xz \n\
            kernel/x/crc-t10dif.ko.zst: kernel/x/a.ko\n\n: odd\nno colon\nkernel/x/:\n:::\nkernel/x/virtio_blk.kox:\n\xff\xfe: \xff\n\
            kernel/x/end.ko.gz: a b";
        let arena = Arena::new().unwrap();
        let mut files = List::new(&arena);
        let found = add_files(TABLE, name.as_bytes(), &mut files);
        assert!(found || files.is_empty());
        found.then(|| files.iter().map(|file| std::str::from_utf8(file).unwrap()).collect())
    }

    #[test]
    fn what_a_module_needs_comes_before_it_the_last_first() {
        assert_eq!(files("mbcache").unwrap(), ["kernel/fs/ext4/mbcache.ko"]);
        let ring = "kernel/drivers/virtio/virtio_ring.ko.xz";
        let expected = [ring, "kernel/drivers/virtio/virtio.ko.xz", "kernel/drivers/block/virtio_blk.ko.xz"];
        assert_eq!(files("virtio_blk").unwrap(), expected);
        assert_eq!(files("virtio-blk").unwrap(), expected);
        assert_eq!(files("crc_t10dif").unwrap(), ["kernel/x/a.ko", "kernel/x/crc-t10dif.ko.zst"]);
        assert_eq!(files("end").unwrap(), ["b", "a", "kernel/x/end.ko.gz"]);
        for name in ["", "virtio", "virtio_blk.ko", "no colon", "ext4/mbcache", ":", "kernel"] {
            assert_eq!(files(name), None, "{name}");
        }
    }

    #[test]
    fn a_built_in_one_is_known_by_its_file() {
        let list = b"kernel/fs/ext4/ext4.ko\nkernel/lib/crc-itu-t.ko\n";
        assert!(is_built_in(list, b"ext4") && is_built_in(list, b"crc_itu_t"));
        assert!(!is_built_in(list, b"ext") && !is_built_in(list, b"") && !is_built_in(b"", b"ext4"));
        assert!(is_compressed(b"a.ko.xz") && !is_compressed(b"a.ko"));
    }
}
