//! `aril-init`, and `aril init`: an init around one command, as images have it for their entry point.

use super::{Init, Manner, exit_status};
use crate::sys::process::{self, Pid};
use crate::sys::signal::{self, ALL};
use crate::sys::{Arena, At, Errno, Word, file, terminal, tolerate, word};
use crate::text::problem::{FAILED, NOT_EXECUTABLE, NOT_FOUND};
use crate::text::{Text, path};
use core::cell::Cell;

/// What the command's process needs, and what it leaves if it fails.
struct Command<'a> {
    arguments: &'a [Option<Word<'a>>],
    environment: &'a [Option<Word<'a>>],
    path: &'a [u8],
    mask: signal::SignalSet,
    failure: Cell<Option<Errno>>,
}

/// Runs a command and supervises it; `words` are those after the program's name, `environment` ends in the kernel's NULL.
pub fn run<'a>(words: &'a [Option<Word<'a>>], environment: &'a [Option<Word<'a>>]) -> u8 {
    let words = match words {
        [Some(first), rest @ ..] if *first == word(c"--") => rest,
        words => words,
    };
    let Some(Some(name)) = words.first() else {
        tolerate(file::write_all(At::STDERR, b"aril-init: no command given\n      aril-init [--] COMMAND [ARG...]\n"));
        return FAILED;
    };
    let name = *name;
    let mask = match signal::set_mask(ALL) {
        Ok(mask) => mask,
        Err(error) => return fail(FAILED, b"block the signals", error),
    };
    if process::getpid() != Pid(1) {
        if let Err(error) = process::set_child_subreaper() {
            return fail(FAILED, b"become a subreaper", error);
        }
    }
    let path = search_path(environment);
    let command = Command { arguments: words, environment, path, mask, failure: Cell::new(None) };
    let child = match process::start(&command, begin) {
        Ok(child) => child,
        Err(error) => return fail(FAILED, b"start a process", error),
    };
    match command.failure.get() {
        None => {
            let manner = Manner { foreground: true, stop_timeout: None, ends_the_rest: false };
            // The child's stack was part of this one's; that it is given back is no condition.
            tolerate(process::trim_stack());
            Init { command: child, manner, launcher: None, children: None }.supervise()
        }
        Some(error @ (Errno::ENOENT | Errno::ENOTDIR)) => fail(NOT_FOUND, name.bytes(), error),
        Some(error) => fail(NOT_EXECUTABLE, name.bytes(), error),
    }
}

/// In the child: a process group of its own, in the foreground where there is a terminal, and the signals as they were.
extern "C" fn begin(command: &Command) -> ! {
    let prepared = process::new_process_group().and_then(|()| {
        // ENOTTY: there is none, or it is another session's.
        if terminal::foreground(At::STDIN).is_ok() {
            terminal::set_foreground(At::STDIN, process::getpid())?;
        }
        signal::set_mask(command.mask)
    });
    let error = match prepared {
        Ok(_) => execute(command),
        Err(error) => error,
    };
    command.failure.set(Some(error));
    process::exit(FAILED)
}

/// execve(2) along the search path.
fn execute(command: &Command) -> Errno {
    let Some(Some(name)) = command.arguments.first() else { return Errno::ENOENT };
    let mut reason = Errno::ENOENT;
    path::search(*name, command.path, &mut |path| {
        match process::execve(path, command.arguments, command.environment) {
            Errno::ENOENT | Errno::ENOTDIR => false,
            error => {
                reason = error;
                // Found, but not this one: perhaps a later one will do (execvp(3)).
                error != Errno::EACCES
            }
        }
    });
    reason
}

/// PATH, or what execvp(3) takes without it.
fn search_path<'a>(environment: &'a [Option<Word<'a>>]) -> &'a [u8] {
    let find = |word: &Word<'a>| word.bytes().strip_prefix(b"PATH=");
    environment.iter().flatten().find_map(find).unwrap_or(b"/bin:/usr/bin")
}

fn fail(status: u8, what: &[u8], error: Errno) -> u8 {
    // Without memory nothing can be said.
    if let Ok(arena) = Arena::new() {
        let mut text = Text::new(&arena);
        text.add(b"aril-init: ").show(what).add(b": ").errno(error).add(b"\n");
        tolerate(file::write_all(At::STDERR, text.bytes()));
    }
    status
}

const _: () = assert!(exit_status(9) == 137);
