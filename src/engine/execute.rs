//! Starts the command, and finds out why one cannot be executed.

use super::Carrier;
#[cfg(feature = "full")]
use super::DIED;
use crate::plan::Phase;
#[cfg(feature = "full")]
use crate::plan::Step;
use crate::sys::file::{self, Kind, Open};
#[cfg(feature = "full")]
use crate::sys::process::{Change, Pid};
use crate::sys::{Arena, At, Errno, Result, Word, process, word};
use crate::text::problem::{FAILED, NOT_EXECUTABLE, NOT_FOUND};
use crate::text::{copy, decimal, first_word, names, path, t, text};
use core::cell::RefCell;
use linux_raw_sys::general as k;

impl<'p> Carrier<'p> {
    /// Starts the command as a child that carries out the command's phase, and waits until it has executed.
    pub(super) fn start_command(&mut self) -> Result<()> {
        #[cfg(feature = "full")]
        let filter = self.plan.lines.iter().find_map(|line| match line.step {
            Step::Filter { path, .. } if !path.is_empty() => Some(path),
            _ => None,
        });
        let shared = RefCell::new(self);
        #[cfg(feature = "full")]
        let signal = if filter.is_some() { 0 } else { k::SIGCHLD };
        #[cfg(not(feature = "full"))]
        let signal = k::SIGCHLD;
        let child = process::start_with_signal(&shared, become_command, signal)?;
        let carrier = shared.into_inner();
        carrier.command = Some(child);
        // Whatever the error is, the failure that the child has left tells it.
        if let Some(failure) = carrier.failed {
            return Err(failure.errno);
        }
        #[cfg(feature = "full")]
        if let Some(filter) = filter {
            carrier.has_executed(child, filter)?;
        }
        Ok(())
    }

    /// A filter of the caller's may kill who is to execute, and then nobody has left a failure. What has executed is another kind of
    /// child, however soon it ends: its end is the command's own.
    #[cfg(feature = "full")]
    #[inline(never)]
    fn has_executed(&mut self, child: Pid, filter: Word) -> Result<()> {
        let (status, detail, errno) = match process::wait_unless_execed(child) {
            Err(Errno::ECHILD) => return Ok(()),
            Ok(Change::Killed { signal, .. }) if u32::from(signal) == k::SIGSYS => {
                let words = [filter, self.plan.command.name];
                let sentence = t!("the filter % has killed the process that was to execute %");
                (NOT_EXECUTABLE, text(self.arena, sentence, &words), Errno::EPERM)
            }
            result => (FAILED, DIED, result.err().unwrap_or(Errno::ESRCH)),
        };
        (self.status, self.detail) = (status, detail);
        Err(errno)
    }

    /// execve(2): comes back only if it failed.
    #[inline(never)]
    pub(super) fn execute(&mut self) -> Errno {
        let command = &self.plan.command;
        let mut reason = Errno::ENOENT;
        (self.status, self.detail) = (NOT_FOUND, Word::default());
        let directories = command.search_path.unwrap_or_default();
        path::search(command.name, directories.bytes(), &mut |path| {
            let errno = process::execve(path, command.arguments, command.environment);
            if matches!(errno, Errno::ENOENT | Errno::ENOTDIR) && file::fstatat(At::CWD, path).is_err() {
                return false;
            }
            (self.status, self.detail) = (NOT_EXECUTABLE, why(self.arena, path, errno));
            reason = errno;
            // Found, but not this one: perhaps a later one will do (execvp(3)).
            errno != Errno::EACCES
        });
        reason
    }
}

extern "C" fn become_command(shared: &RefCell<&mut Carrier>) -> ! {
    let mut carrier = shared.borrow_mut();
    if let Err(failure) = carrier.phase(Phase::Command) {
        carrier.failed = Some(failure);
    }
    process::exit(FAILED)
}

/// Why an existing file was refused, where the errno alone does not say it. Its room is taken where that is asked alone.
#[cfg_attr(feature = "boot", inline(never))]
fn why<'m>(arena: &'m Arena, path: Word, errno: Errno) -> Word<'m> {
    // pread(2), because what is no file would lose what it gives.
    let mut buffer = [0; 4096];
    let read = file::openat(At::CWD, path, Open::READ).and_then(|fd| file::pread(fd.at(), &mut buffer, 0));
    let head = &buffer[..read.unwrap_or(0)];
    let mut more = Word::default();
    let sentence = match errno {
        Errno::ENOENT => {
            more = interpreter(arena, head).unwrap_or(word(c"it names"));
            t!("% needs the interpreter %, which does not exist")
        }
        Errno::ENOEXEC => match machine(head) {
            Some(machine) if machine != NATIVE_MACHINE => {
                more = named(arena, machine);
                t!("% is for another architecture (%)")
            }
            Some(_) => t!("% is not a program that this kernel can execute"),
            None if head.is_empty() => t!("% is empty or cannot be read"),
            None => t!("% has no #! line, and no shell is run behind your back"),
        },
        Errno::EACCES => match file::fstatat(At::CWD, path) {
            Ok(stat) if stat.kind == Kind::Directory => t!("% is a directory"),
            Ok(stat) if stat.kind != Kind::Regular => t!("% is not a regular file"),
            Ok(_) if file::is_noexec(path) == Ok(true) => t!("% lies on a mount with noexec"),
            Ok(stat) if stat.mode & 0o111 == 0 => t!("% has no permission to execute"),
            _ => t!("% may not be executed by this user, or its interpreter may not"),
        },
        _ => return more,
    };
    text(arena, sentence, &[path, more])
}

/// ELF machine numbers (linux/elf-em.h), and their names.
const MACHINES: [u8; 7] = [3, 20, 22, 40, 62, 183, 243];
const MACHINE_NAMES: &str = "i386 powerpc s390 arm x86_64 aarch64 riscv";
const NATIVE_MACHINE: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };

fn named(arena: &Arena, machine: u16) -> Word<'_> {
    match MACHINES.iter().position(|number| u16::from(*number) == machine) {
        Some(row) => copy(arena, &[names::at(MACHINE_NAMES, row)]),
        None => text(arena, t!("ELF machine %"), &[decimal(arena, machine.into())]),
    }
}

/// `e_machine` of an ELF file (elf(5)).
fn machine(head: &[u8]) -> Option<u16> {
    const MACHINE: usize = 18;
    head.strip_prefix(b"\x7fELF")?;
    let bytes = [*head.get(MACHINE)?, *head.get(MACHINE + 1)?];
    let is_little = head.get(5) == Some(&1);
    Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
}

/// The interpreter that a `#!` line or an ELF file names, if it does so in its first page, as linkers arrange it.
fn interpreter<'m>(arena: &'m Arena, head: &[u8]) -> Option<Word<'m>> {
    if let Some(line) = head.strip_prefix(b"#!") {
        return Some(copy(arena, &[first_word(line)]));
    }
    // A 64-bit ELF header and program headers (elf(5)), of which one is PT_INTERP.
    const PROGRAM_HEADERS: usize = 32;
    const ENTRIES: usize = 56;
    const ENTRY_SIZE: usize = 56;
    const PT_INTERP: usize = 3;
    machine(head)?;
    let start = number(head, PROGRAM_HEADERS, 8)?;
    for entry in 0..number(head, ENTRIES, 2)? {
        let header = head.get(start..)?.get(entry * ENTRY_SIZE..)?;
        if number(header, 0, 4)? == PT_INTERP {
            return Some(copy(arena, &[head.get(number(header, 8, 8)?..)?]));
        }
    }
    None
}

/// A little-endian number of some bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + size)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_script_is_the_first_word_of_its_line() {
        let arena = Arena::new().unwrap();
        let of = |head: &[u8]| interpreter(&arena, head);
        assert_eq!(of(b"#!/bin/nosuch -x\nbody"), Some(word(c"/bin/nosuch")));
        assert_eq!(of(b"#! /usr/bin/env\tpython"), Some(word(c"/usr/bin/env")));
        assert_eq!(of(b"plain text"), None);
    }

    #[test]
    fn the_interpreter_of_a_program_is_its_loader() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let arena = Arena::new().unwrap();
        let found = interpreter(&arena, &program[..4096]).expect("the test itself is linked dynamically");
        assert!(std::path::Path::new(str::from_utf8(found.bytes()).unwrap()).exists(), "{found:?}");
        assert_eq!(machine(&program), Some(NATIVE_MACHINE));
    }

    #[test]
    fn machines_are_known_by_name() {
        let arena = Arena::new().unwrap();
        for (number, name) in [(3, c"i386"), (40, c"arm"), (62, c"x86_64"), (183, c"aarch64"), (243, c"riscv")] {
            assert_eq!(named(&arena, number), word(name));
        }
        assert_eq!(named(&arena, 9), word(c"ELF machine 9"));
    }
}
