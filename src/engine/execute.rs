//! Starts the command, and finds out why one cannot be executed.

use super::{Carrier, Trouble, handover::Failure};
use crate::plan::Phase;
use crate::sys::file::{self, Kind, Open};
use crate::sys::process::{self, Pid};
use crate::sys::{At, Errno};
use crate::text::problem::{FAILED, NOT_EXECUTABLE, NOT_FOUND};
use crate::text::{Shown, shown};
use alloc::format;
use alloc::string::String;
use core::cell::{Cell, RefCell};
use core::ffi::CStr;

/// What init and command share while the one waits for the other to execute.
struct Shared<'c, 'p> {
    carrier: RefCell<&'c mut Carrier<'p>>,
    failure: Cell<Option<Failure>>,
}

impl Carrier<'_> {
    /// Starts the command as a child that carries out the command's phase, and waits until it has executed.
    pub(super) fn start_command(&mut self) -> Result<Pid, Failure> {
        let first = self.plan.lines.iter().position(|line| line.phase == Phase::Command).unwrap_or(0);
        let shared = Shared { carrier: RefCell::new(self), failure: Cell::new(None) };
        let child = process::start(&shared, become_command)
            .map_err(|errno| Failure { line: first as u16, trouble: errno.into() })?;
        match shared.failure.take() {
            None => Ok(child),
            Some(failure) => Err(failure),
        }
    }

    /// execve(2): comes back only if it failed.
    pub(super) fn execute(&self) -> Trouble {
        let command = &self.plan.command;
        let mut trouble = Trouble { status: NOT_FOUND, ..Errno::ENOENT.into() };
        for path in &command.candidates {
            let errno = process::execve(path, &self.arguments, &self.environment);
            let is_missing = matches!(errno, Errno::ENOENT | Errno::ENOTDIR) && file::fstatat(At::CWD, path).is_err();
            match errno {
                _ if is_missing => {}
                // Found, but not this one: perhaps a later one will do (execvp(3)).
                Errno::EACCES if command.searched => trouble = explain(path, errno),
                _ => return explain(path, errno),
            }
        }
        trouble
    }
}

extern "C" fn become_command(shared: &Shared) -> ! {
    if let Err(failure) = shared.carrier.borrow_mut().phase(Phase::Command) {
        shared.failure.set(Some(failure));
    }
    process::exit(FAILED)
}

/// Why an existing file was refused.
fn explain(path: &CStr, errno: Errno) -> Trouble {
    /// As much as the kernel itself looks at (`BINPRM_BUF_SIZE`).
    const HEAD: usize = 256;
    let mut head = [0; HEAD];
    let fd = file::openat(At::CWD, path, Open::READ);
    let length = fd.as_ref().map_or(0, |fd| file::read(fd.at(), &mut head).unwrap_or(0));
    let head = &head[..length];
    let stat = file::fstatat(At::CWD, path);
    let name = shown(path);
    let detail = match errno {
        Errno::ENOENT => match interpreter(head, |at, buffer| read_at(path, at, buffer)) {
            Some(interpreter) => format!("{name} needs the interpreter {interpreter}, which does not exist"),
            None => format!("{name} needs an interpreter that does not exist"),
        },
        Errno::ENOEXEC => match machine(head) {
            Some(machine) if machine != NATIVE_MACHINE => {
                format!("{name} is for another architecture ({})", named(machine))
            }
            Some(_) => format!("{name} is not a program that this kernel can execute"),
            None if head.is_empty() => format!("{name} is empty or cannot be read"),
            None => format!("{name} has no #! line, and no shell is run behind your back"),
        },
        Errno::EACCES => match stat {
            Ok(stat) if stat.kind == Kind::Directory => format!("{name} is a directory"),
            Ok(stat) if stat.kind != Kind::Regular => format!("{name} is not a regular file"),
            Ok(_) if file::is_noexec(path).unwrap_or(false) => format!("{name} lies on a mount with noexec"),
            Ok(stat) if stat.mode & 0o111 == 0 => format!("{name} has no permission to execute"),
            _ => format!("{name} may not be executed by this user, or its interpreter may not"),
        },
        _ => String::new(),
    };
    Trouble { status: NOT_EXECUTABLE, detail, ..errno.into() }
}

/// ELF machine numbers (linux/elf-em.h).
const MACHINES: [(u16, &str); 7] =
    [(3, "i386"), (20, "powerpc"), (22, "s390"), (40, "arm"), (62, "x86_64"), (183, "aarch64"), (243, "riscv")];
const NATIVE_MACHINE: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };

fn named(machine: u16) -> String {
    match MACHINES.iter().find(|(number, _)| *number == machine) {
        Some((_, name)) => (*name).into(),
        None => format!("ELF machine {machine}"),
    }
}

/// `e_machine` of an ELF file (elf(5)).
fn machine(head: &[u8]) -> Option<u16> {
    const MACHINE: usize = 18;
    head.strip_prefix(b"\x7fELF")?;
    let little = head.get(5) == Some(&1);
    let bytes = [*head.get(MACHINE)?, *head.get(MACHINE + 1)?];
    Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
}

/// The interpreter that a `#!` line or an ELF file names; `read` reads the file at an offset.
fn interpreter(head: &[u8], read: impl Fn(u64, &mut [u8]) -> usize) -> Option<String> {
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        let word = line.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
        return Some(format!("{}", Shown(word)));
    }
    // A 64-bit ELF header and program headers (elf(5)), of which one is PT_INTERP.
    const PROGRAM_HEADERS: usize = 32;
    const ENTRY_SIZE: usize = 54;
    const ENTRIES: usize = 56;
    const PT_INTERP: u32 = 3;
    machine(head)?;
    let number = |bytes: &[u8], at: usize, size: usize| {
        let mut whole = [0; 8];
        whole[..size].copy_from_slice(bytes.get(at..at + size)?);
        Some(u64::from_le_bytes(whole))
    };
    let (start, size, count) =
        (number(head, PROGRAM_HEADERS, 8)?, number(head, ENTRY_SIZE, 2)?, number(head, ENTRIES, 2)?);
    for entry in 0..count {
        let mut header = [0; 56];
        if read(start.checked_add(entry.checked_mul(size)?)?, &mut header) != header.len() {
            return None;
        }
        if number(&header, 0, 4)? == u64::from(PT_INTERP) {
            let mut path = [0; 256];
            let length = read(number(&header, 8, 8)?, &mut path);
            let path = CStr::from_bytes_until_nul(&path[..length]).ok()?;
            return Some(format!("{}", shown(path)));
        }
    }
    None
}

/// How many bytes of a file there are from an offset.
fn read_at(path: &CStr, at: u64, buffer: &mut [u8]) -> usize {
    let result = file::openat(At::CWD, path, Open::READ).and_then(|fd| file::pread(fd.at(), buffer, at));
    result.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_script_is_the_first_word_of_its_line() {
        let of = |head: &[u8]| interpreter(head, |_, _| 0);
        assert_eq!(of(b"#!/bin/nosuch -x\nbody").as_deref(), Some("/bin/nosuch"));
        assert_eq!(of(b"#! /usr/bin/env\tpython").as_deref(), Some("/usr/bin/env"));
        assert_eq!(of(b"plain text"), None);
    }

    #[test]
    fn the_interpreter_of_a_program_is_its_loader() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let read = |at: u64, buffer: &mut [u8]| {
            let rest = &program[at as usize..];
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            length
        };
        let found = interpreter(&program[..256], read).expect("the test itself is linked dynamically");
        assert!(std::path::Path::new(&found).exists(), "{found}");
        assert_eq!(machine(&program[..256]), Some(NATIVE_MACHINE));
    }
}
