//! The directory that keeps an overlay's writes.

use super::rootfs::read_link;
use crate::sys::{Arena, At, Word, word};
use crate::text::{Problem, Told, copy, path, t};

/// Refuses a directory that lies in the root file system, or that in it: what is written must not change the one, and whoever
/// removes the other must not lose it. Links are not followed: they are nobody's slip.
pub fn check<'m>(arena: &'m Arena, kept: Word, root: Word) -> Told<'m, ()> {
    // Without /proc nothing is known.
    let Ok(here) = read_link(arena, At::CWD, word(c"/proc/self/cwd")) else { return Ok(()) };
    if is_either_within(arena, here, kept, root) {
        return Err(Problem::refused(arena, t!("keep the writes in %: it or % lies in the other"), &[kept, root]));
    }
    Ok(())
}

fn is_either_within(arena: &Arena, here: Word, one: Word, other: Word) -> bool {
    let whole = |path: Word| {
        let base: &[u8] = if path.bytes().starts_with(b"/") { b"" } else { here.bytes() };
        path::clean(arena, copy(arena, &[base, b"/", path.bytes()]).bytes()).bytes()
    };
    let (one, other) = (whole(one), whole(other));
    path::is_within(one, other) || path::is_within(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_from_the_working_directory() {
        let arena = Arena::new().unwrap();
        for (one, other, expected) in [
            (c"box/kept", c"box", true),
            (c"./box//", c"box/../box", true),
            (c"kept", c"/here/kept/box", true),
            (c"/kept", c"/", true),
            (c"kept", c"box", false),
            (c"../box", c"box", false),
            (c"box2", c"box", false),
        ] {
            let (one, other) = (word(one), word(other));
            assert_eq!(is_either_within(&arena, word(c"/here"), one, other), expected, "{one:?} {other:?}");
            assert_eq!(is_either_within(&arena, word(c"/here"), other, one), expected, "{one:?} {other:?}");
        }
    }
}
