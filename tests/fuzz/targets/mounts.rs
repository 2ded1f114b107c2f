//! mountinfo and cgroup of `/proc`.

use super::{arena, files, line, twice};
use aril::host::{cgroups, mounts};

/// The control groups of a process, and the mount table.
pub fn check(bytes: &[u8]) {
    let [groups, table] = files(bytes);
    twice(|arena| format!("{:?}", cgroups::find(arena, groups, table, &|_, _| true)));
    let arena = arena();
    for text in table.split(|byte| *byte == b'\n') {
        let Some(mount) = mounts::parse(&arena, text) else { continue };
        let words: Vec<&[u8]> = text.split(|byte| *byte == b' ').collect();
        let dash = words.iter().skip(5).position(|word| *word == b"-").expect("it was read") + 5;
        assert_eq!(words.get(dash + 1), Some(&mount.kind));
        // What has nothing to unescape is as it stands there.
        let point = line(words[4]);
        if !point.contains(&b'\\') {
            assert_eq!(mount.point.bytes(), point);
        }
        assert!(mount.point.bytes().len() <= words[4].len());
        // As the kernel writes it, it is read again (mangle_path of fs/seq_file.c).
        let escaped: Vec<u8> = mount.point.bytes().iter().flat_map(|byte| escape(*byte)).collect();
        let again = [b"1 2 3:4 / ", &escaped[..], b" rw - x y z"].concat();
        let again = mounts::parse(&arena, &again).expect("it is a line of the kernel's");
        assert_eq!((again.point, again.kind), (mount.point, &b"x"[..]));
    }
    let mut seen = Vec::new();
    let found = cgroups::find(&arena, groups, table, &|id, point| {
        assert!(u64::from(id) <= u32::MAX.into() && point.bytes().len() <= table.len());
        true
    });
    for hierarchy in found {
        // Nothing leads out of what is mounted there.
        let own = hierarchy.own.bytes().strip_prefix(hierarchy.root.bytes()).expect("it lies below");
        assert!(own.is_empty() || own.starts_with(b"/") && !own.starts_with(b"/.."));
        assert!(!hierarchy.controllers.starts_with(b"name="));
        assert_eq!(hierarchy.is_unified(), hierarchy.controllers.is_empty());
        seen.push(*hierarchy);
        if let Some(group) = hierarchy.container(&arena) {
            assert!(hierarchy.own.bytes().starts_with(group.bytes()));
            let last = group.bytes().rsplit(|byte| *byte == b'/').next().expect("there is a last name");
            assert!(cgroups::is_name(last) && last.len() == 13);
        }
    }
    assert!(seen.len() <= groups.split(|byte| *byte == b'\n').count(), "at most one for each line");
    assert!(cgroups::find(&arena, groups, table, &|_, _| false).is_empty(), "what is covered is not there");
}

fn escape(byte: u8) -> Vec<u8> {
    match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
        byte => vec![byte],
    }
}
