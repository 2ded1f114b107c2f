//! A container's control groups, from the first to the last: made, locked, told, and removed with all that is in them.
//!
//! The launcher holds a lock (flock(2)) on a file of each of its groups as long as it lives, whatever ends it. So a group whose
//! lock can be had belongs to a dead one, and whoever comes next removes it. The file is one that nobody else can open: whoever
//! could might wait for the lock, and keep what is dead.

use super::Carrier;
use crate::host::cgroups::{PREFIX, SUBTREE, Site, hierarchies, is_name};
use crate::host::figures::FREEZE;
use crate::host::rootfs::{list, read_whole};
use crate::plan::{CgroupStep, Line, Tree};
use crate::sys::file::{self, Open};
use crate::sys::mount::{self, Attributes};
use crate::sys::poll::{self, Watched};
use crate::sys::process::{self, Pid};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, signal, socket, tolerate, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, copy, cut, decimal, number, split, t, text};
use linux_raw_sys::general as k;

/// As many hierarchies as the kernel has controllers, and one.
const MOST: usize = 16;

/// A group of the launcher's, which is locked as long as this is there.
#[derive(Debug)]
struct Group {
    parent: Fd,
    own: Fd,
    /// The container's, if that is another one.
    nested: Option<Fd>,
    #[expect(dead_code, reason = "held open")]
    lock: Fd,
    id: u32,
}

/// All of a container's.
#[derive(Debug)]
pub struct Cgroups {
    /// By the number of their site.
    all: [Option<Group>; MOST],
    /// In which the launcher itself is, if it had to leave its own.
    leaf: Option<Group>,
}

impl<'p> Carrier<'p> {
    /// Does what such a step says.
    pub(super) fn carry_out_cgroups(&mut self, step: CgroupStep) -> Result<()> {
        match step {
            CgroupStep::Lack { controller } => {
                self.tell_of_loss(t!("aril: no controller %: going on without (--cgroups best)\n"), controller);
            }
            CgroupStep::Sweep { parent } => sweep(self.arena, parent)?,
            CgroupStep::Parent { path } => match file::mkdirat(At::CWD, path, 0o755) {
                // Another aril was faster.
                Err(Errno::EEXIST) => {}
                // A container's own hierarchy is found by way of it, whatever the umask is.
                result => {
                    result?;
                    open_to_all(file::openat(At::CWD, path, Open::DIRECTORY)?)?;
                }
            },
            CgroupStep::Leave { path } => {
                let leaf = Group::make(self.arena, path)?;
                let moved = write(leaf.own.at(), PROCESSES, b"0");
                self.cgroups().leaf = Some(leaf);
                moved?;
            }
            CgroupStep::Prepare { directory, file, value } => {
                let directory = file::openat(At::CWD, directory, Open::DIRECTORY)?;
                write(directory.at(), file, value.bytes())?;
            }
            CgroupStep::Make { site, parent } => {
                let group = Group::make(self.arena, parent)?;
                self.cgroups().all[usize::from(site)] = Some(group);
            }
            CgroupStep::Nest { site } => {
                // None: that it could not be made is told.
                if let Some(group) = &mut self.cgroups().all[usize::from(site)] {
                    file::mkdirat(group.own.at(), NESTED, 0o755)?;
                    let nested = file::openat(group.own.at(), NESTED, Open::DIRECTORY)?;
                    group.nested = Some(open_to_all(nested)?);
                }
            }
            CgroupStep::Write { site, file, value } => {
                // Likewise.
                if let Some(group) = &self.cgroups().all[usize::from(site)] {
                    write(group.last(), file, value.bytes())?;
                }
            }
            CgroupStep::Clone { flags } => {
                let unified = self.cgroups().all.iter().flatten().find(|group| is_unified(group.own.at()));
                let group = unified.map(Group::last);
                let [ours, theirs] = socket::pair()?;
                let side = process::clone3_into(flags.into(), group)?;
                self.be_on(side, ours, theirs);
            }
            CgroupStep::Enter => self.enter(|group| !is_unified(group))?,
            CgroupStep::Unshare => process::unshare(k::CLONE_NEWCGROUP)?,
            CgroupStep::Show { sites } => self.show(sites)?,
        }
        Ok(())
    }

    /// Its groups.
    #[inline(never)]
    pub(super) fn cgroups(&mut self) -> &mut Cgroups {
        self.cgroups.get_or_insert(Cgroups::NONE)
    }

    /// The new process moves into some of its groups.
    pub(super) fn enter(&mut self, is_meant: fn(At) -> bool) -> Result<()> {
        let Some((Pid(child), _)) = self.child else { return Err(Errno::ESRCH) };
        let child = decimal(self.arena, child as u64);
        for group in self.cgroups().all.iter().flatten().filter(|group| is_meant(group.own.at())) {
            write(group.last(), PROCESSES, child.bytes())?;
        }
        Ok(())
    }

    /// The hierarchies in which the container has groups, as seen from these.
    fn show(&mut self, sites: &[Site]) -> Result<()> {
        const PLACE: Word = word(c"fs/cgroup");
        const SHOWN: Attributes =
            Attributes::NOSUID.and(Attributes::NODEV).and(Attributes::NOEXEC).and(Attributes::RDONLY);
        let mounted = |carrier: &mut Self, site: &Site| {
            let kind = if site.hierarchy.is_unified() { word(c"cgroup2") } else { word(c"cgroup") };
            let controllers = copy(carrier.arena, &[site.hierarchy.controllers]);
            carrier.new_tree(kind, [controllers, Word::default()], SHOWN)
        };
        if let [site] = sites {
            if site.hierarchy.is_unified() {
                let tree = mounted(self, site)?;
                return mount::move_mount(tree.at(), self.trees.get(Tree::Sys)?, PLACE);
            }
        }
        let base = self.new_tmpfs()?;
        mount::move_mount(base.at(), self.trees.get(Tree::Sys)?, PLACE)?;
        for site in sites {
            let name = match site.hierarchy.controllers {
                [] => word(c"unified"),
                controllers => copy(self.arena, &[controllers]),
            };
            file::mkdirat(base.at(), name, 0o755)?;
            let tree = mounted(self, site)?;
            mount::move_mount(tree.at(), base.at(), name)?;
        }
        mount::mount_setattr(base.at(), SHOWN, false)
    }

    /// Tells of what is not as it was asked for.
    pub(super) fn tell_failure(&mut self, line: &Line, errno: Errno) {
        #[cfg(feature = "boot")]
        if self.machine.is_here {
            return self.note(line, errno);
        }
        let mut sentence = Text::new(self.arena);
        line.step.write(&mut sentence);
        sentence.add(b": ").errno(errno);
        let sentence = sentence.word();
        self.tell_of_loss(t!("aril: %: going on without (--cgroups best)\n"), sentence);
    }

    fn tell_of_loss(&self, line: Sentence, what: Word) {
        // Whoever does not hear it has chosen so.
        tolerate(file::write_all(self.errors(), text(self.arena, line, &[what]).bytes()));
    }
}

/// The name of a container's group in the one that holds it.
const NESTED: Word<'static> = word(c"container");
pub const PROCESSES: Word<'static> = word(c"cgroup.procs");
/// Which it has from Linux 5.14 on, as everything that is needed here.
const KILL: Word<'static> = word(c"cgroup.kill");
const EVENTS: Word<'static> = word(c"cgroup.events");

pub fn write(group: At, file: Word, value: &[u8]) -> Result<()> {
    let file = file::openat(group, file, Open::WRITE)?;
    // The kernel takes a value in one write or not at all.
    file::write(file.at(), value).map(drop)
}

/// Whether it is one of version 2, of which no one but the first lacks this file.
pub fn is_unified(group: At) -> bool {
    file::fstatat(group, EVENTS).is_ok()
}

impl Group {
    /// A new one, locked.
    fn make(arena: &Arena, parent: Word) -> Result<Self> {
        /// Someone who removes what has no lock may come between; not that often.
        const TRIES: usize = 32;
        let parent = file::openat(At::CWD, parent, Open::DIRECTORY)?;
        let mut last = Errno::EAGAIN;
        for _ in 0..TRIES {
            let id = file::random()?;
            match Self::try_make(arena, parent.at(), id) {
                Ok((own, lock)) => return Ok(Self { parent, own, nested: None, lock, id }),
                // ENODEV: it was removed while it was looked at.
                Err(errno @ (Errno::EEXIST | Errno::ENOENT | Errno::EAGAIN | Errno::ENODEV)) => last = errno,
                Err(errno) => return Err(errno),
            }
        }
        Err(last)
    }

    /// The group, and its lock.
    fn try_make(arena: &Arena, parent: At, id: u32) -> Result<(Fd, Fd)> {
        let name = name(arena, id);
        // Nobody else's before there is a lock.
        file::mkdirat(parent, name, 0o700)?;
        let mut is_ours = true;
        let mut hold = || -> Result<(Fd, Fd)> {
            let own = file::openat(parent, name, Open::DIRECTORY)?;
            let lock = lock(own.at())?;
            // It may have been taken for a dead one's and removed, before it was locked.
            if file::fstatat(parent, name)?.identity != file::fstat(own.at())?.identity {
                // And what has the name now is another's.
                is_ours = false;
                return Err(Errno::EAGAIN);
            }
            Ok((open_to_all(own)?, lock))
        };
        let held = hold();
        if held.is_err() && is_ours {
            // The first failure is the one to tell.
            tolerate(file::rmdirat(parent, name));
        }
        held
    }

    /// In which the processes are.
    fn last(&self) -> At<'_> {
        self.nested.as_ref().unwrap_or(&self.own).at()
    }

    fn remove(&self, arena: &Arena) -> Result<()> {
        if self.nested.is_some() {
            // As a rule that is all there is in it; else what follows finds out.
            tolerate(file::rmdirat(self.own.at(), NESTED));
        }
        remove(arena, self.parent.at(), name(arena, self.id), self.own.at(), Wait::ForAll)
    }
}

/// Whoever is in it may read it, whatever the umask is.
fn open_to_all(group: Fd) -> Result<Fd> {
    file::fchmod(group.at(), 0o755)?;
    Ok(group)
}

/// The lock on a group, as long as this is open.
fn lock(group: At) -> Result<Fd> {
    let file = match file::openat(group, KILL, Open::WRITE) {
        // Version 1 has none that is its owner's alone.
        Err(Errno::ENOENT) => {
            let file = file::openat(group, word(c"cgroup.clone_children"), Open::WRITE)?;
            file::fchmod(file.at(), 0o600)?;
            file
        }
        result => result?,
    };
    file::try_lock_exclusive(file.at())?;
    Ok(file)
}

/// `aril-1a2b3c4d`.
fn name(arena: &Arena, id: u32) -> Word<'_> {
    let mut name = Text::new(arena);
    name.add(PREFIX).hex(id);
    name.word()
}

/// For how long what is killed may take to end.
#[derive(Clone, Copy)]
enum Wait {
    ForAll,
    /// A second at most: what the kernel holds up is no business of the container that is about to start.
    ForSome,
}

impl Wait {
    /// Until something is so. EBUSY: it does not come.
    fn until(self, watched: &mut [Watched; 1]) -> Result<()> {
        loop {
            let polled = match self {
                Self::ForAll => poll::poll(watched, true),
                Self::ForSome => poll::poll_for(watched, 1),
            };
            match polled {
                Err(Errno::EINTR) => {}
                Ok(()) if !watched[0].is_ready() => return Err(Errno::EBUSY),
                result => return result,
            }
        }
    }
}

/// Removes a group with those below it, and ends whatever is in them.
fn remove(arena: &Arena, parent: At, name: Word, own: At, wait: Wait) -> Result<()> {
    match file::rmdirat(parent, name) {
        // Somebody or something is there.
        Err(Errno::EBUSY) => {}
        // Someone else has removed it.
        Err(Errno::ENOENT) => return Ok(()),
        result => return result,
    }
    end_all(arena, own, wait)?;
    remove_below(arena, own, wait)?;
    file::rmdirat(parent, name)
}

fn end_all(arena: &Arena, group: At, wait: Wait) -> Result<()> {
    if is_unified(group) { end_unified(group, wait) } else { end_old(arena, group, wait) }
}

/// Removes the groups below one. How deep they are the container has decided: this goes down to what can be removed and up
/// again, and has two of them open at a time.
fn remove_below(arena: &Arena, top: At, wait: Wait) -> Result<()> {
    let (mut current, mut depth, mut is_back) = (None::<Fd>, 0, false);
    loop {
        let group = current.as_ref().map_or(top, Fd::at);
        let (mut deeper, mut removed, mut result) = ([0; NAME], false, Ok(()));
        list(group, word(c"."), &mut |entry| {
            match file::rmdirat(group, entry) {
                Ok(()) => removed = true,
                Err(Errno::EBUSY) => {
                    deeper.iter_mut().zip(entry.bytes()).for_each(|(slot, byte)| *slot = *byte);
                    // One is enough: they are listed again.
                    return false;
                }
                // A file; or somebody else was faster.
                Err(Errno::ENOTDIR | Errno::ENOENT) => {}
                Err(errno) => result = Err(errno),
            }
            result.is_ok()
        })?;
        result?;
        let name = Word::in_bytes(&deeper).unwrap_or_default();
        if !name.is_empty() {
            if is_back && !removed {
                // It has nobody and nothing in it, and stays all the same.
                return Err(Errno::EBUSY);
            }
            let child = file::openat(group, name, Open::DIRECTORY)?;
            end_all(arena, child.at(), wait)?;
            (current, depth, is_back) = (Some(child), depth + 1, false);
        } else if depth == 0 {
            return Ok(());
        } else {
            let above = file::openat(group, word(c".."), Open::DIRECTORY)?;
            (current, depth, is_back) = (Some(above), depth - 1, true);
        }
    }
}

/// As long as a name can be, and a NUL (`NAME_MAX`).
const NAME: usize = 256;

/// Kills all in a group of version 2 and below, and waits until they are gone.
fn end_unified(group: At, wait: Wait) -> Result<()> {
    let events = file::openat(group, EVENTS, Open::READ)?;
    let is_populated = || -> Result<bool> {
        let mut said = [0; 128];
        let length = file::pread(events.at(), &mut said, 0)?;
        Ok(split(&said[..length], b'\n').any(|line| line == b"populated 1"))
    };
    if is_populated()? {
        write(group, KILL, b"1")?;
    }
    while is_populated()? {
        let mut watched = [Watched::CHANGED];
        watched[0].on(events.at());
        wait.until(&mut watched)?;
    }
    Ok(())
}

/// Kills all in a group of version 1, and waits until they are gone.
fn end_old(arena: &Arena, group: At, wait: Wait) -> Result<()> {
    /// What multiplies faster than it is killed needs the freezer.
    const TRIES: usize = 64;
    for _ in 0..TRIES {
        let mut dying = List::new(arena);
        // Only the freezer's groups have this.
        let is_frozen = write(group, STATE, b"FROZEN").is_ok();
        let killed = kill_listed(arena, group, &mut dying);
        if is_frozen {
            write(group, STATE, THAWED)?;
        }
        killed?;
        if !is_frozen {
            thaw(arena, group)?;
        }
        if dying.is_empty() {
            return Ok(());
        }
        for process in dying.iter() {
            let mut watched = [Watched::READING];
            watched[0].on(Fd::at(process));
            wait.until(&mut watched)?;
        }
        while dying.pop().is_some() {}
    }
    Err(Errno::EBUSY)
}

const STATE: Word<'static> = FREEZE[1];
const THAWED: &[u8] = b"THAWED";

/// What is paused dies only when it goes on, and it may be so in another hierarchy.
fn thaw(arena: &Arena, group: At) -> Result<()> {
    let listed = file::openat(group, PROCESSES, Open::READ)?;
    let first = cut(read_whole(arena, listed.at())?, b'\n').0;
    let Some(pid @ 1..) = number::decimal(first) else { return Ok(()) };
    // It may have ended meanwhile.
    let all = hierarchies(arena, decimal(arena, pid.into())).unwrap_or_default();
    for freezer in all.iter().filter(|hierarchy| hierarchy.has(b"freezer")) {
        if let Some(path) = freezer.container(arena) {
            let directory = file::openat(At::CWD, path, Open::DIRECTORY)?;
            write(directory.at(), STATE, THAWED)?;
        }
    }
    Ok(())
}

/// Kills each process that is listed; it can be waited for.
fn kill_listed(arena: &Arena, group: At, dying: &mut List<Fd>) -> Result<()> {
    let listed = || read_whole(arena, file::openat(group, PROCESSES, Open::READ)?.at());
    let mut opened = List::new(arena);
    for pid in split(listed()?, b'\n').filter_map(number::decimal) {
        // 0: one whose pid namespace is not below this one's. It cannot be signalled from here.
        match process::pidfd_open(Pid(pid as i32)) {
            _ if pid == 0 => {}
            Ok(process) => opened.push((pid, process)),
            Err(Errno::ESRCH) => {}
            // The next time for the others.
            Err(Errno::EMFILE) => break,
            Err(errno) => return Err(errno),
        }
    }
    // A number that is here still, now that it is held, is not another's.
    let now = listed()?;
    while let Some((pid, process)) = opened.pop() {
        if split(now, b'\n').any(|line| number::decimal(line) == Some(pid)) {
            tolerate(signal::send(process.at(), k::SIGKILL as u8));
            dying.push(process);
        }
    }
    Ok(())
}

/// Removes the groups of dead ones.
fn sweep(arena: &Arena, parent: Word) -> Result<()> {
    let parent = file::openat(At::CWD, parent, Open::DIRECTORY)?;
    list(parent.at(), word(c"."), &mut |name| {
        if is_name(name.bytes()) {
            if let Ok(group) = file::openat(parent.at(), name, Open::DIRECTORY) {
                if let Ok(_lock) = lock(group.at()) {
                    // Another user's, or one whose processes are stuck in the kernel: whoever may removes it some time.
                    tolerate(remove(arena, parent.at(), name, group.at(), Wait::ForSome));
                }
            }
        }
        true
    })
}

impl Cgroups {
    pub const NONE: Self = Self { all: [const { None }; MOST], leaf: None };

    /// The directory of one, if it could be made.
    pub fn directory(&self, site: usize) -> Option<At<'_>> {
        self.all.get(site)?.as_ref().map(|group| group.own.at())
    }

    /// The directory of each.
    pub fn directories<'m>(&'m self, arena: &'m Arena) -> &'m [At<'m>] {
        let mut all = List::new(arena);
        for group in self.all.iter().flatten() {
            all.push(group.own.at());
            if let Some(nested) = &group.nested {
                all.push(nested.at());
            }
        }
        all.finish()
    }

    /// Whether there is something to remove.
    pub fn are_there(&self) -> bool {
        self.leaf.is_some() || self.all.iter().any(Option::is_some)
    }

    /// Removes them with all that is in them, and takes the launcher back to where it was.
    ///
    /// # Errors
    /// The first failure; what can be removed is.
    pub fn end(&mut self, arena: &Arena) -> Result<()> {
        let mut result = Ok(());
        // The last one, if it is there for nothing else, ends them all.
        for slot in self.all.iter_mut().rev() {
            if let Some(group) = slot.take() {
                result = result.and(group.remove(arena));
            }
        }
        if let Some(leaf) = self.leaf.take() {
            result = result.and(return_from(arena, &leaf));
        }
        result
    }
}

/// A group of which the parts are limited can have no processes: it limits them no more.
fn return_from(arena: &Arena, leaf: &Group) -> Result<()> {
    let own = leaf.parent.at();
    // What root's groups are in, if it is below: it stays if there are others, and then its own parts stay limited.
    tolerate(file::rmdirat(own, word(c"aril")));
    let limited = file::openat(own, SUBTREE, Open::READ)?;
    let mut less = Text::new(arena);
    for controller in split(cut(read_whole(arena, limited.at())?, b'\n').0, b' ').filter(|name| !name.is_empty()) {
        less.add(b"-").add(controller).add(b" ");
    }
    if !less.bytes().is_empty() {
        write(own, SUBTREE, less.bytes())?;
    }
    write(own, PROCESSES, b"0")?;
    leaf.remove(arena)
}
