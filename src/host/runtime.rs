//! Where running containers are recorded: a directory that is the caller's alone and gone after a reboot.

use crate::spec::Spec;
use crate::sys::file::{self, Kind};
use crate::sys::{Arena, At, Result, Word, identity, word};
use crate::text::{Problem, Text, Told, copy, decimal, t};

/// `/run/aril` for root, `$XDG_RUNTIME_DIR/aril` or `/run/user/UID/aril` for an ordinary user. It need not be there yet.
///
/// # Errors
/// An ordinary user who has neither.
pub fn directory<'m>(arena: &'m Arena, environment: &[Word]) -> Told<'m, Word<'m>> {
    let uid = identity::geteuid();
    if uid == 0 {
        return Ok(word(c"/run/aril"));
    }
    // What is no absolute path counts as not set (XDG Base Directory Specification).
    if let Some(base) = environment.iter().find_map(|entry| entry.strip(b"XDG_RUNTIME_DIR=/")) {
        return Ok(copy(arena, &[b"/", base.bytes(), b"/aril"]));
    }
    let own = copy(arena, &[b"/run/user/", decimal(arena, uid.into()).bytes()]);
    let problem = match file::lstatat(At::CWD, own) {
        Ok(stat) if stat.kind == Kind::Directory && stat.uid == uid => {
            return Ok(copy(arena, &[own.bytes(), b"/aril"]));
        }
        Ok(_) => {
            Problem::refused(arena, t!("look for records of containers in %: it is no directory of yours"), &[own])
        }
        Err(errno) => Problem::failed(arena, t!("look for records of containers in %"), &[own], errno),
    };
    Err(problem.advise(arena, t!("set XDG_RUNTIME_DIR to one of yours, which nobody else can write to"), &[]))
}

/// That directory and the name of a container, if it is to have one.
pub fn place<'m>(arena: &'m Arena, spec: &Spec<'m>, environment: &[Word]) -> Told<'m, Option<(Word<'m>, Word<'m>)>> {
    let name = match spec.name {
        None if !spec.detach => return Ok(None),
        None => random(arena).map_err(|errno| Problem::failed(arena, t!("find a name"), &[], errno))?,
        Some(name) => name,
    };
    Ok(Some((directory(arena, environment)?, name)))
}

/// Eight hexadecimal digits.
fn random(arena: &Arena) -> Result<Word<'_>> {
    let mut text = Text::new(arena);
    text.hex(file::random()?);
    Ok(text.word())
}
