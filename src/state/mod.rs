//! Running containers by name: one directory for each, with its record, in one that is the caller's alone.
//!
//! A container runs as long as its launcher holds the lock on the first byte of its record, which the kernel gives up for it
//! however it ends, and which nobody else ever takes: to look disturbs nobody. Names are given and removed by whoever has
//! locked the directory of all, for a moment.

pub mod record;

pub use record::{Process, Record, Running, Words};

use crate::host::rootfs::list;
use crate::sys::file::{self, Open};
use crate::sys::process::{self, Pid};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, tolerate, word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Told, copy, decimal, names, path, t};
use record::path_of;

/// What a launcher holds while its container has a name.
#[derive(Debug)]
pub struct Claim {
    directory: Fd,
    /// The record, whose first byte is locked.
    file: Fd,
    /// /proc as the launcher saw it before it joined any namespace.
    proc: Fd,
    launcher: Process,
    name: [u8; names::LONGEST + 1],
}

/// The byte of a record that a launcher locks.
const LIFE: u32 = 0;

/// A directory that becomes a name once all is in it. No name begins like this.
const NEW: Word = word(c".new");

/// Opens the directory of all. Others must not be able to put anything there: EPERM if they can.
///
/// # Errors
/// ENOENT where there is none and none is to be made.
pub fn open(arena: &Arena, directory: Word, make: bool) -> Result<Fd> {
    const BY_OTHERS: u32 = 0o022;
    let (parent, name) = path::split(arena, directory);
    let parent = file::openat(At::CWD, parent, Open::PATH_DIRECTORY)?;
    if make {
        match file::mkdirat(parent.at(), name, 0o700) {
            Err(Errno::EEXIST) => {}
            result => result?,
        }
    }
    let directory = file::openat(parent.at(), name, Open::DIRECTORY_NOFOLLOW)?;
    let stat = file::fstat(directory.at())?;
    let is_own = stat.uid == crate::sys::identity::geteuid() && stat.mode & BY_OTHERS == 0;
    if is_own { Ok(directory) } else { Err(Errno::EPERM) }
}

/// Why a directory of all cannot be had, beyond what an errno says.
pub fn why(errno: Errno) -> Option<Sentence> {
    match errno {
        Errno::EPERM => Some(t!("it is another user's, or others can write to it")),
        Errno::ELOOP | Errno::ENOTDIR => Some(t!("it must be a directory, and no link to one")),
        _ => None,
    }
}

/// Gives a container its name. EEXIST: another has it.
#[inline(never)]
pub fn claim(arena: &Arena, directory: Fd, name: Word) -> Result<Claim> {
    let proc = file::openat(At::CWD, word(c"/proc"), Open::PATH_DIRECTORY)?;
    let (start, _) = look_up(arena, Some(proc.at()), process::getpid())?;
    let launcher = Process { pid: process::getpid(), start };
    let file = locked(directory.at(), || {
        sweep(arena, directory.at(), name)?;
        file::mkdirat(directory.at(), NEW, 0o700)?;
        let fill = || -> Result<Fd> {
            let file = file::create(directory.at(), path_of(arena, NEW), 0o600)?;
            file::lock_byte(file.at(), LIFE)?;
            file::write_all(file.at(), record::head(arena, launcher))?;
            file::rename(directory.at(), NEW, name)?;
            Ok(file)
        };
        fill().inspect_err(|_| tolerate(remove(arena, directory.at(), NEW)))
    })?;
    let mut claim = Claim { directory, file, proc, launcher, name: [0; names::LONGEST + 1] };
    claim.name.iter_mut().zip(name.bytes()).for_each(|(slot, byte)| *slot = *byte);
    Ok(claim)
}

/// Does something while nobody else gives or removes a name. A lock that cannot be given up goes with its descriptor.
fn locked<T>(directory: At, act: impl FnOnce() -> Result<T>) -> Result<T> {
    file::lock_exclusive(directory)?;
    let done = act();
    tolerate(file::unlock(directory));
    done
}

impl Claim {
    /// The init and the command as they are now; without an init it is the command. One that has ended is gone; so is one that
    /// cannot be seen (proc(5), `hidepid=2`), since nobody could tell it from a later one, and a command that is not the init's
    /// child.
    pub fn processes(&self, arena: &Arena, init: Pid, command: Option<Pid>) -> [Process; 2] {
        let look_up = |pid| look_up(arena, Some(self.proc.at()), pid);
        // In a time namespace that was joined each start is shown earlier or later, the launcher's own too.
        let shift = look_up(self.launcher.pid).map_or(0, |(own, _)| self.launcher.start.wrapping_sub(own));
        let found = |pid, parent| match look_up(pid) {
            Ok((start, of)) if of == parent => Process { pid, start: start.wrapping_add(shift) },
            _ => Process::GONE,
        };
        let first = found(init, self.launcher.pid);
        [first, command.map_or(first, |command| found(command, init))]
    }

    pub fn name(&self) -> Word<'_> {
        Word::in_bytes(&self.name).unwrap_or_default()
    }

    /// Adds a part of the record.
    pub fn write(&self, part: &[u8]) -> Result<()> {
        file::write_all(self.file.at(), part)
    }

    /// Gives the name back; or keeps it with the record, until somebody has asked for the status.
    pub fn end(self, arena: &Arena, status: Option<u8>, keep: bool) -> Result<()> {
        locked(self.directory.at(), || {
            // Whoever waits has the file open, removed or not.
            let written = status.map_or(Ok(()), |status| self.write(record::end(arena, status)));
            if keep && written.is_ok() {
                return Ok(());
            }
            written.and(remove(arena, self.directory.at(), self.name()))
        })
    }
}

/// Removes a container's directory.
fn remove(arena: &Arena, directory: At, name: Word) -> Result<()> {
    match file::unlinkat(directory, path_of(arena, name)) {
        Err(Errno::ENOENT) => {}
        result => result?,
    }
    file::rmdirat(directory, name)
}

/// Removes those whose launcher was killed, and with them the one of this name if it has ended. EEXIST: it has not.
fn sweep(arena: &Arena, directory: At, name: Word) -> Result<()> {
    let mut result = Ok(());
    list(directory, word(c"."), &mut |other| {
        let is_same = other == name;
        let is_over = if names::is_name(other.bytes()) {
            is_over(arena, directory, other, is_same)
        } else {
            // Someone was killed while he gave a name.
            Ok(other == NEW)
        };
        if is_over == Ok(true) {
            // What somebody else has put there stays, and is in the way of this name alone.
            tolerate(remove(arena, directory, other));
        } else if is_same {
            result = is_over.and(Err(Errno::EEXIST));
        }
        result.is_ok()
    })?;
    result
}

/// Whether nobody needs this one any more: its launcher is gone, and its status is not there, or asked for by nobody.
fn is_over(arena: &Arena, directory: At, name: Word, even_ended: bool) -> Result<bool> {
    let mut found = match Found::open(arena, directory, name) {
        Err(Errno::ENOENT) => return Ok(true),
        found => found?,
    };
    match (found.is_live, even_ended) {
        (true, false) => Ok(false),
        (false, true) => Ok(true),
        // The one of this name that lives, but has said how it ended, does nothing more. Another that is dead is kept if it has.
        (is_live, _) => {
            found.read(arena)?;
            Ok(found.status().is_some() == is_live)
        }
    }
}

/// Whether somebody has put something else where records are.
pub const fn is_no_record(errno: Errno) -> bool {
    matches!(errno, Errno::ENOTDIR | Errno::EISDIR | Errno::ELOOP | Errno::EACCES)
}

/// A container that was found by its name.
#[derive(Debug)]
pub struct Found<'m> {
    /// The record, removed meanwhile or not.
    pub file: Fd,
    /// Its launcher lives.
    pub is_live: bool,
    /// `None`: it cannot be read.
    pub record: Option<&'m Record<'m>>,
}

impl<'m> Found<'m> {
    /// What there is of a name. ENOENT: nothing.
    fn open(arena: &Arena, directory: At, name: Word) -> Result<Self> {
        let file = file::openat(directory, path_of(arena, name), Open::READ_NOFOLLOW)?;
        let is_live = file::is_byte_locked(file.at(), LIFE)?;
        Ok(Self { file, is_live, record: None })
    }

    /// The same, with its record.
    pub fn look(arena: &'m Arena, directory: At, name: Word) -> Result<Self> {
        // The lock first: one that ends meanwhile has written its status by then.
        let mut found = Self::open(arena, directory, name)?;
        found.read(arena)?;
        Ok(found)
    }

    /// With what it has ended, if somebody was there to say so.
    pub fn status(&self) -> Option<u8> {
        self.record.and_then(|record| record.status)
    }

    /// What is known of it while it runs.
    pub fn running(&self) -> Option<&'m Running<'m>> {
        self.record.filter(|record| record.status.is_none() && self.is_live)?.running.as_ref()
    }

    /// Whether it runs, or has ended and can say how.
    pub fn is_there(&self) -> bool {
        self.is_live || self.status().is_some()
    }

    /// Reads the record as it is now.
    pub fn read(&mut self, arena: &'m Arena) -> Result<()> {
        let record = Record::read(read_all(arena, self.file.at())?);
        self.record = record.map(|record| arena.hold(record));
        Ok(())
    }

    /// Removes the name of one that has ended, unless it is another's already.
    pub fn forget(&self, arena: &Arena, directory: At, name: Word) -> Result<()> {
        locked(directory, || {
            let named = file::lstatat(directory, path_of(arena, name));
            match named {
                Ok(stat) if stat.identity == file::fstat(self.file.at())?.identity => remove(arena, directory, name),
                Ok(_) | Err(Errno::ENOENT) => Ok(()),
                Err(errno) => Err(errno),
            }
        })
    }
}

/// A whole record, which is no longer than what execve(2) takes for two programs.
fn read_all<'m>(arena: &'m Arena, file: At) -> Result<&'m [u8]> {
    const STEP: usize = 4096;
    const LARGEST: usize = 16 << 20;
    let mut bytes: List<u8> = List::new(arena);
    loop {
        let offset = bytes.len() as u64;
        if bytes.fill(STEP, |room| file::pread(file, room, offset))? == 0 {
            return Ok(bytes.finish());
        }
        if bytes.len() > LARGEST {
            return Err(Errno::EFBIG);
        }
    }
}

/// Finds a container, running or ended.
///
/// # Errors
/// There is none of this name; the directory is not the caller's alone.
pub fn find<'m>(arena: &'m Arena, directory: Word, name: Word) -> Told<'m, (Fd, Found<'m>)> {
    let opened = open_for(arena, directory)?.filter(|_| names::is_name(name.bytes()));
    let Some(opened) = opened else { return Err(unknown(arena, name)) };
    match Found::look(arena, opened.at(), name) {
        Ok(found) if found.is_there() => Ok((opened, found)),
        Ok(_) | Err(Errno::ENOENT) => Err(unknown(arena, name)),
        Err(errno) => Err(Problem::failed(arena, t!("read the record of %"), &[name], errno)),
    }
}

/// Finds a container whose command runs.
///
/// # Errors
/// Likewise; or it has ended, or its command does not run yet.
pub fn find_running<'m>(arena: &'m Arena, directory: Word, name: Word) -> Told<'m, &'m Running<'m>> {
    let (_, found) = find(arena, directory, name)?;
    found.running().ok_or_else(|| match found.status() {
        Some(_) => ended(arena, name),
        None => Problem::refused(arena, t!("the command of % does not run yet"), &[name]),
    })
}

/// It is too late.
pub fn ended<'m>(arena: &'m Arena, name: Word) -> &'m Problem<'m> {
    Problem::refused(arena, t!("% has ended"), &[name])
}

fn unknown<'m>(arena: &'m Arena, name: Word) -> &'m Problem<'m> {
    Problem::refused(arena, t!("there is no container %"), &[name]).advise(arena, t!("see: aril ps"), &[])
}

/// The directory of all, for who looks; `None`: there is none.
pub fn open_for<'m>(arena: &'m Arena, directory: Word) -> Told<'m, Option<Fd>> {
    match open(arena, directory, false) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => {
            let problem = Problem::failed(arena, t!("use the directory %"), &[directory], errno);
            Err(match why(errno) {
                Some(why) => problem.advise(arena, why, &[]),
                None => problem,
            })
        }
    }
}

/// Removes those whose launcher was killed.
pub fn clean(arena: &Arena, directory: At) -> Result<()> {
    locked(directory, || sweep(arena, directory, Word::default()))
}

/// When a process began, and which is its parent. Without /proc in hand it is the one at its usual place.
#[inline(never)]
fn look_up(arena: &Arena, proc: Option<At>, Pid(pid): Pid) -> Result<(u64, Pid)> {
    const PROC: &[u8] = b"/proc/";
    let path = copy(arena, &[PROC, decimal(arena, pid as u64).bytes(), b"/stat"]);
    let file = match proc {
        Some(proc) => file::openat(proc, path.after(PROC.len()), Open::READ)?,
        None => file::openat(At::CWD, path, Open::READ)?,
    };
    let mut stat = [0; 512];
    let length = file::read(file.at(), &mut stat)?;
    record::read_stat(stat.get(..length).unwrap_or_default()).ok_or(Errno::ESRCH)
}

impl Process {
    /// A pidfd of this process and no other: ESRCH if it is gone.
    pub fn open(&self, arena: &Arena) -> Result<Fd> {
        if *self == Self::GONE {
            return Err(Errno::ESRCH);
        }
        let pidfd = process::pidfd_open(self.pid)?;
        // Of whichever process the pidfd is: one that began then had the number before this looked, and has it still.
        match look_up(arena, None, self.pid) {
            Ok((start, _)) if start == self.start => Ok(pidfd),
            Ok(_) | Err(Errno::ENOENT) => Err(Errno::ESRCH),
            Err(errno) => Err(errno),
        }
    }
}
