//! The variables in files of the host.

use super::rootfs::read_path;
use crate::spec::Spec;
use crate::sys::file::Open;
use crate::sys::{Arena, List, Word};
use crate::text::{Problem, Told, copy, cut, decimal, split, t};

/// Every `NAME=VALUE` and `NAME` of the files, in their order. What begins with `#` is a comment, as docker-run(1) has it.
pub fn read<'m>(arena: &'m Arena, spec: &Spec<'m>) -> Told<'m, &'m [Word<'m>]> {
    let mut variables = List::new(arena);
    for path in spec.environment_files.iter() {
        let text = read_path(arena, *path, Open::READ_WAITING)
            .map_err(|errno| Problem::failed(arena, t!("read the variables in %"), &[*path], errno))?;
        add(&mut variables, text).map_err(|number| {
            let words = [*path, decimal(arena, number)];
            Problem::refused(arena, t!("read the variables in %: line % is not NAME=VALUE"), &words)
        })?;
    }
    Ok(variables.finish())
}

/// Those of a text.
///
/// # Errors
/// The number of the line that is none.
pub fn add<'m>(variables: &mut List<'m, Word<'m>>, text: &[u8]) -> Result<(), u64> {
    // As editors of other systems write them.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    for (number, line) in (1..).zip(split(text, b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
        if matches!(line, [] | [b'#', ..]) {
            continue;
        }
        let name = cut(line, b'=').0;
        if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) || line.contains(&0) {
            return Err(number);
        }
        variables.push(copy(variables.arena(), &[line]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_systems_add_is_no_part_of_a_value() {
        let arena = Arena::new().unwrap();
        let mut variables = List::new(&arena);
        assert_eq!(add(&mut variables, b"\xef\xbb\xbfA=1\r\n\r\n# c\r\n B\r\nC=\r\r\n"), Ok(()));
        assert_eq!(variables.iter().map(|word| word.bytes()).collect::<Vec<_>>(), [&b"A=1"[..], b"B", b"C=\r"]);
        assert_eq!(add(&mut variables, b"A=1\n\xef\xbb\xbf=2"), Ok(()));
        assert_eq!(add(&mut variables, b"A=1\r\n=2"), Err(2));
    }
}
