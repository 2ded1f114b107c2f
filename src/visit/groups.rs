//! The control groups of a running container: its figures while it runs, its pause, and what it is held to.

use crate::engine::cgroups::write;
use crate::host::cgroups::{self, Hierarchy};
use crate::host::figures::{FREEZE, Figure, Figures, is_paused};
use crate::host::rootfs::read_whole;
use crate::plan::{Fate, cgroup_files};
use crate::spec::Resource;
use crate::state::{self, Record};
use crate::sys::file::{self, Open};
use crate::sys::poll::{self, Watched};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, signal, word};
use crate::text::{Problem, Told, copy, cut, decimal, number, split, t};

/// All that a container has of its own.
#[derive(Debug)]
pub struct Groups<'m> {
    hierarchies: &'m [Hierarchy<'m>],
    /// In each the group that was made for the container, and the one in which its init is, which may be the same.
    all: List<'m, Fd>,
}

impl<'m> Groups<'m> {
    /// Of one whose command runs. ESRCH: not any more.
    #[inline(never)]
    pub fn open(arena: &'m Arena, record: &Record) -> Result<Self> {
        let running = record.running.ok_or(Errno::ESRCH)?;
        let found = cgroups::groups_of(arena, record.launcher.pid, running.init.pid);
        // They were these very processes if they still are.
        record.launcher.open(arena)?;
        running.init.open(arena)?;
        let hierarchies = found.map_err(|_| Errno::EACCES)?;
        let mut all = List::new(arena);
        for hierarchy in hierarchies {
            for path in [hierarchy.container(arena).unwrap_or(hierarchy.own), hierarchy.own] {
                all.push(file::openat(At::CWD, path, Open::DIRECTORY)?);
            }
        }
        Ok(Self { hierarchies, all })
    }

    /// Their directories.
    pub fn directories<'g>(&'g self, arena: &'g Arena) -> &'g [At<'g>] {
        let mut directories = List::new(arena);
        for group in self.all.iter() {
            directories.push(group.at());
        }
        directories.finish()
    }

    /// Whether it is paused.
    pub fn are_paused(&self, arena: &Arena) -> bool {
        is_paused(arena, self.directories(arena))
    }

    /// Has all in them stop where it is, or go on, and waits until it does.
    #[inline(never)]
    fn pause(&self, arena: &Arena, on: bool) -> Result<()> {
        let ([unified, freezer], groups) = (FREEZE, self.directories(arena));
        let has = |file| move |group: &&At| file::fstatat(**group, file).is_ok();
        if let Some(group) = groups.iter().find(has(unified)) {
            let value: &[u8] = if on { b"1" } else { b"0" };
            write(*group, unified, value)?;
            let asked = file::openat(*group, unified, Open::READ)?;
            return wait_for(*group, &asked, value, if on { b"frozen 1" } else { b"frozen 0" });
        }
        let group = groups.iter().find(has(freezer)).ok_or(Errno::EOPNOTSUPP)?;
        let state: &[u8] = if on { b"FROZEN" } else { b"THAWED" };
        write(*group, freezer, state)?;
        let mut said = [0; 16];
        let file = file::openat(*group, freezer, Open::READ)?;
        loop {
            let length = file::pread(file.at(), &mut said, 0)?;
            match &said[..length] {
                said if said.starts_with(state) => return Ok(()),
                // FREEZING.
                [b'F', ..] if on => {}
                _ => return Err(Errno::EAGAIN),
            }
            // Version 1 has no event for it.
            match signal::wait(0, Some(MOMENT)) {
                Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// What was paused takes SIGKILL at once in version 2, and in version 1 when it goes on.
    #[inline(never)]
    pub fn let_die(&self) -> Result<()> {
        let [_, freezer] = FREEZE;
        self.all.iter().try_for_each(|group| match write(group.at(), freezer, b"THAWED") {
            Err(Errno::ENOENT | Errno::ENODEV) => Ok(()),
            result => result,
        })
    }
}

/// Microseconds between two looks.
const MOMENT: u64 = 10_000;

/// Until a group of version 2 says so. EAGAIN: it is asked for something else meanwhile.
#[inline(never)]
fn wait_for(group: At, asked: &Fd, value: &[u8], line: &[u8]) -> Result<()> {
    let events = file::openat(group, word(c"cgroup.events"), Open::READ)?;
    loop {
        let mut said = [0; 128];
        let length = file::pread(events.at(), &mut said, 0)?;
        if split(&said[..length], b'\n').any(|said| said == line) {
            return Ok(());
        }
        let length = file::pread(asked.at(), &mut said, 0)?;
        if !said[..length].starts_with(value) {
            return Err(Errno::EAGAIN);
        }
        let mut watched = [Watched::CHANGED];
        watched[0].on(events.at());
        // What was never all frozen thaws without an event.
        match poll::poll_for(&mut watched, 1) {
            Err(Errno::EINTR) => {}
            result => result?,
        }
    }
}

/// The record of the container of this name, whose command runs.
#[inline(never)]
pub fn record<'m>(arena: &'m Arena, directory: Word, name: Word) -> Told<'m, &'m Record<'m>> {
    let (_, found) = state::find(arena, directory, name)?;
    match (found.running(), found.record) {
        (Some(_), Some(record)) => Ok(record),
        _ if found.status().is_some() => Err(state::ended(arena, name)),
        _ => Err(Problem::refused(arena, t!("the command of % does not run yet"), &[name])),
    }
}

/// Its groups.
fn find<'m>(arena: &'m Arena, directory: Word, name: Word) -> Told<'m, Groups<'m>> {
    Groups::open(arena, record(arena, directory, name)?)
        .map_err(|errno| Problem::failed(arena, t!("look for the control groups of %"), &[name], errno))
}

/// Pauses a container, or has it go on.
#[inline(never)]
pub fn pause<'m>(arena: &'m Arena, directory: Word, name: Word, on: bool) -> Told<'m, ()> {
    match find(arena, directory, name)?.pause(arena, on) {
        Err(Errno::EOPNOTSUPP) => {
            Err(Problem::refused(arena, t!("pause %: it has no control group of its own"), &[name]))
        }
        result => {
            let text = if on { t!("pause %") } else { t!("resume %") };
            result.map_err(|errno| match Problem::failed(arena, text, &[name], errno) {
                problem if errno == Errno::EAGAIN && on => problem.advise(arena, t!("it was resumed meanwhile"), &[]),
                problem if errno == Errno::EAGAIN => {
                    problem.advise(arena, t!("it, or a group around it, is paused by someone else"), &[])
                }
                problem => problem,
            })
        }
    }
}

/// A file that is to be written.
#[derive(Clone, Copy)]
struct Change<'m> {
    /// The container's, and the one in which its init is.
    groups: [At<'m>; 2],
    file: Word<'m>,
    value: Word<'m>,
    fate: Fate,
}

impl Change<'_> {
    /// In the group, and in the one in it that is held to the same; twice in one that is both.
    fn write(&self, value: Word) -> Result<()> {
        let write = |group: At| write(group, self.file, value.bytes());
        let [whole, inner] = self.groups;
        match write(whole) {
            // Version 1 takes nothing that is less than what is in it.
            Err(Errno::EINVAL | Errno::EBUSY) => write(inner).and_then(|()| write(whole)),
            result => result.and_then(|()| match write(inner) {
                // A controller that was wished for stays above.
                Err(Errno::ENOENT) => Ok(()),
                result => result,
            }),
        }
    }
}

/// Holds a running container to something else: to all of it or to nothing.
#[inline(never)]
pub fn update<'m>(arena: &'m Arena, directory: Word, name: Word, asked: &[Resource<'m>]) -> Told<'m, ()> {
    let groups = find(arena, directory, name)?;
    let directories = groups.directories(arena);
    let mut changes = List::new(arena);
    for resource in asked {
        let controller = resource.controller();
        let disk = match resource {
            Resource::Rate { device, .. } => cgroups::disk(arena, *device)?,
            _ => Word::default(),
        };
        let mut all = groups.hierarchies.iter().zip(directories.chunks_exact(2));
        let Some((hierarchy, [whole, inner])) = all.find(|(group, _)| group.controls(arena, controller)) else {
            let words = [name, copy(arena, &[controller])];
            let problem = Problem::refused(arena, t!("update %: it has no control group for %"), &words);
            return Err(problem.advise(arena, t!("it takes one from the start: run it with such a limit"), &[]));
        };
        let memory = memory(arena, asked, *whole)?;
        cgroup_files(arena, resource, memory, disk, hierarchy.is_unified(), &mut |fate, file, value| {
            let mut groups = [*whole, *inner];
            // Of groups themselves there is one more in the outer, if there are two.
            let is_nested = hierarchy.container(arena).is_some_and(|whole| whole != hierarchy.own);
            if let (b"cgroup", true, Some(most)) = (controller, is_nested, number::decimal(value.bytes())) {
                let value = decimal(arena, u64::from(most) + 1);
                changes.push(Change { groups: [*whole; 2], file, value, fate });
                groups = [*inner; 2];
            }
            changes.push(Change { groups, file, value, fate });
        });
    }
    carry_out(arena, name, in_order(arena, changes.finish()))
}

/// What is asked of memory and of both; what is not is as it was.
#[inline(never)]
fn memory<'m>(arena: &'m Arena, asked: &[Resource], group: At) -> Told<'m, [Option<Option<u64>>; 2]> {
    let [memory, both] = Resource::memory(asked);
    let now = || Figures::read(arena, &[group]).get(Figure::MemoryLimit);
    let memory = if both.is_some() { Some(memory.unwrap_or_else(now)) } else { memory };
    match (memory, both) {
        (Some(memory), Some(Some(both))) if memory.is_none_or(|memory| both < memory) => {
            let text = t!("--memory-swap is memory and swap together: it cannot be less than --memory");
            Err(Problem::refused(arena, text, &[]))
        }
        _ => Ok([memory, both]),
    }
}

/// In version 1 memory alone may never have more than both together.
#[inline(never)]
fn in_order<'c, 'm>(arena: &Arena, changes: &'c mut [Change<'m>]) -> &'c [Change<'m>] {
    let at = |changes: &[Change], name: Word| changes.iter().position(|change| change.file == name);
    let [alone, both] = [word(c"memory.limit_in_bytes"), word(c"memory.memsw.limit_in_bytes")];
    if let (Some(first), Some(second)) = (at(changes, alone), at(changes, both)) {
        let size = |value: &[u8]| number::size(value).unwrap_or(u64::MAX);
        let is_raised =
            before(arena, &changes[second]).is_some_and(|now| size(changes[first].value.bytes()) > size(now.bytes()));
        if is_raised == (first < second) {
            changes.swap(first, second);
        }
    }
    changes
}

/// What a file has to be told to be as it is now; `None`: that cannot be read.
fn before<'m>(arena: &'m Arena, change: &Change) -> Option<Word<'m>> {
    let file = file::openat(change.groups[0], change.file, Open::READ);
    let said = file.and_then(|file| read_whole(arena, file.at())).ok()?;
    let (disk, rate) = cut(change.value.bytes(), b' ');
    let is_of_disk = rate.is_some() && disk.contains(&b':');
    match split(said, b'\n').find(|line| !is_of_disk || cut(line, b' ').0 == disk) {
        Some(line) => Some(copy(arena, &[line])),
        None => {
            let none: &[&[u8]] = match cut(rate.unwrap_or_default(), b'=') {
                (key, Some(_)) => &[disk, b" ", key, b"=max"],
                _ => &[disk, b" 0"],
            };
            Some(copy(arena, none))
        }
    }
}

#[inline(never)]
fn carry_out<'m>(arena: &'m Arena, name: Word, changes: &[Change]) -> Told<'m, ()> {
    let mut done: List<(&Change, Option<Word>)> = List::new(arena);
    let mut gave_way = false;
    for change in changes {
        if change.fate == Fate::Instead && !core::mem::take(&mut gave_way) {
            continue;
        }
        let now = before(arena, change);
        // One of its two groups may take it.
        done.push((change, now));
        match change.write(change.value) {
            Ok(()) => {}
            Err(errno) if change.fate.tolerates(errno) => {
                done.pop();
                gave_way = matches!(change.fate, Fate::Try(_));
            }
            Err(errno) => {
                // What cannot be read, or is not there, has nothing to go back to.
                if now.is_none() {
                    done.pop();
                }
                let words = [name, change.value, change.file];
                let mut problem = Problem::failed(arena, t!("update %: write % to its %"), &words, errno);
                if errno == Errno::EBUSY {
                    problem = problem.advise(arena, t!("it uses more than that"), &[]);
                }
                while let Some((change, now)) = done.pop() {
                    let back = now.map_or(Err(Errno::EACCES), |now| change.write(now));
                    if back.is_err() {
                        problem = problem.advise(arena, t!("% could not be put back"), &[change.file]);
                    }
                }
                return Err(problem);
            }
        }
    }
    Ok(())
}
