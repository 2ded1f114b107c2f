//! A filter of system calls that is the caller's own: a program of classic BPF in a file, as seccomp(2) takes it.

use super::rootfs;
use crate::spec::{Filter, Spec};
use crate::sys::file::{self, Kind, Open};
use crate::sys::sandbox::Instruction;
use crate::sys::{Arena, At, List, Word};
use crate::text::{Problem, Told, t};

/// `BPF_MAXINSNS` of linux/bpf_common.h.
const MOST: usize = 4096;
/// Bytes of an instruction.
const SIZE: usize = size_of::<Instruction>();

/// The program that a Spec names; none if it names none.
///
/// # Errors
/// The file cannot be read, or is no program. What it does not see the kernel will: it takes none that it cannot follow.
pub fn read<'m>(arena: &'m Arena, spec: &Spec) -> Told<'m, &'m [Instruction]> {
    let Filter::File(path) = spec.filter else { return Ok(&[]) };
    let failed = |errno| Problem::failed(arena, t!("read the filter %"), &[path], errno);
    let file = file::openat(At::CWD, path, Open::READ).map_err(failed)?;
    let stat = file::fstat(file.at()).map_err(failed)?;
    if stat.kind != Kind::Regular {
        return Err(Problem::refused(arena, t!("read the filter %: not a regular file"), &[path]));
    }
    let bytes = rootfs::read_whole(arena, file.at()).map_err(failed)?;
    program(arena, bytes).ok_or_else(|| not_a_program(arena, path))
}

fn not_a_program<'m>(arena: &'m Arena, path: Word) -> &'m Problem<'m> {
    let text = t!("read the filter %: not 1 to 4096 instructions of 8 bytes, the last of which returns");
    let problem = Problem::refused(arena, text, &[path]);
    problem.advise(arena, t!("a profile in JSON is compiled first, by tools/seccomp of aril's sources"), &[])
}

/// The instructions of a file: none if they cannot be a whole program.
pub fn program<'m>(arena: &'m Arena, bytes: &[u8]) -> Option<&'m [Instruction]> {
    let mut program = List::new(arena);
    for instruction in bytes.chunks(SIZE) {
        let &[low, high, then, otherwise, a, b, c, d] = instruction else { return None };
        let (code, value) = (u16::from_ne_bytes([low, high]), u32::from_ne_bytes([a, b, c, d]));
        program.push(Instruction { code, then, otherwise, value });
    }
    // BPF_RET in BPF_CLASS.
    let returns = program.last().is_some_and(|last: &Instruction| last.code & 7 == libc::BPF_RET as u16);
    (returns && program.len() <= MOST).then(|| &*program.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_whole_and_ends_in_a_return() {
        let arena = Arena::new().unwrap();
        let count = |bytes: &[u8]| program(&arena, bytes).map(<[_]>::len);
        let (load, allow) = ([0x20, 0, 0, 0, 4, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
        let many = |count: usize| allow.repeat(count);
        assert_eq!(count(&[load, allow].concat()), Some(2));
        assert_eq!(program(&arena, &allow).unwrap()[0].value, libc::SECCOMP_RET_ALLOW);
        assert_eq!(count(&many(MOST)), Some(MOST));
        for wrong in
            [&[][..], &load, &allow[..7], &[&allow[..], &[0]].concat(), b"{ \"defaultAction\"", &many(MOST + 1)]
        {
            assert_eq!(count(wrong), None, "{} bytes", wrong.len());
        }
    }
}
