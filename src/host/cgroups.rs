//! The control groups of the caller (cgroups(7)), where distributions mount them.

use super::rootfs::read_file;
use crate::sys::{Arena, At, Word, file, word};
use crate::text::{copy, cut, split};

/// Calls `each` with the controllers and the directory of every group that the caller is in. The one of version 2 has no
/// controllers here: it tells them in a file.
pub fn each<'m>(arena: &'m Arena, each: &mut dyn FnMut(&'m [u8], Word<'m>)) {
    let is_unified = file::fstatat(At::CWD, word(c"/sys/fs/cgroup/cgroup.controllers")).is_ok();
    for line in split(read_file(arena, word(c"/proc/self/cgroup")).unwrap_or_default(), b'\n') {
        let Some((controllers, path)) = parse(line) else { continue };
        let base = match controllers {
            [] if is_unified => word(c"/sys/fs/cgroup"),
            [] => word(c"/sys/fs/cgroup/unified"),
            _ => word(c"/sys/fs/cgroup/"),
        };
        each(controllers, copy(arena, &[base.bytes(), controllers, path]));
    }
}

/// `NUMBER:CONTROLLERS:PATH`. A hierarchy with a name and no controllers has a directory of another name, so it is not found.
fn parse(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (controllers, path) = cut(cut(line, b':').1?, b':');
    Some((controllers, path.filter(|path| *path != b"/").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_controllers_and_a_path() {
        for (line, controllers, path) in [
            ("0::/user.slice/a", "", "/user.slice/a"),
            ("4:memory:/x", "memory", "/x"),
            ("4:memory:/", "memory", ""),
            ("2:cpu,cpuacct:/a:b", "cpu,cpuacct", "/a:b"),
        ] {
            assert_eq!(parse(line.as_bytes()), Some((controllers.as_bytes(), path.as_bytes())), "{line}");
        }
        assert_eq!(parse(b""), None);
    }
}
