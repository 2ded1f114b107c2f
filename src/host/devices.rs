//! The nodes behind `--device`.

use crate::spec::Spec;
use crate::sys::file::{self, Kind};
use crate::sys::{Arena, At, List, Word};
use crate::text::{Problem, Told, t};

/// A device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'m> {
    /// As it was asked for; perhaps a link that leads to it.
    pub path: Word<'m>,
    pub is_block: bool,
    /// Major and minor number, as mknod(2) takes them.
    pub device: u32,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

impl Node<'_> {
    /// Major and minor number.
    pub const fn numbers(&self) -> [u32; 2] {
        file::device_numbers(self.device)
    }
}

/// What a Spec asks for, in its order.
///
/// # Errors
/// There is none, or none that could be used on the host.
pub fn read<'m>(arena: &'m Arena, spec: &Spec<'m>) -> Told<'m, &'m [Node<'m>]> {
    let mut nodes = List::new(arena);
    for asked in spec.devices.iter() {
        let path = asked.source;
        let stat =
            file::fstatat(At::CWD, path).map_err(|errno| Problem::failed(arena, t!("device %"), &[path], errno))?;
        let refused = match stat.kind {
            // Who may not use it, such as the maker of a stick's file system, cannot have it come alive in a container.
            Kind::Character | Kind::Block if file::is_nodev(path) == Ok(true) => {
                t!("device %: it lies on a mount with nodev")
            }
            Kind::Character | Kind::Block => t!(""),
            _ => t!("device %: it is no device node"),
        };
        if refused != t!("") {
            return Err(Problem::refused(arena, refused, &[path]));
        }
        let (is_block, device) = (stat.kind == Kind::Block, stat.rdev as u32);
        nodes.push(Node { path, is_block, device, mode: stat.mode, uid: stat.uid, gid: stat.gid });
    }
    Ok(nodes.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_s_numbers_are_those_of_the_c_library() {
        for (major, minor) in [(1, 3), (10, 232), (136, 300), (4095, 0xf_ffff), (0, 0)] {
            let device = libc::makedev(major, minor) as u32;
            let node = Node { path: Word::default(), is_block: false, device, mode: 0, uid: 0, gid: 0 };
            assert_eq!(node.numbers(), [major, minor]);
        }
    }
}
