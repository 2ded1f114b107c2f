//! Tells programs of a container: JSON lines on a descriptor, and a file with its process id.

use super::{Carrier, ContainerInit, Ended, Failure};
use crate::host::figures::{Figure, Figures};
use crate::init::{KILLED, Outcome, TIMED_OUT, exit_status};
use crate::plan::Report;
use crate::spec::{Namespace, Spec};
use crate::sys::file::{self, Kind, Open};
use crate::sys::poll::{self, Watched};
use crate::sys::process::{self, Change, Pid};
use crate::sys::signal::{self, set_of};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, socket, tolerate, word};
use crate::text::names::words;
use crate::text::{Problem, Text, copy, decimal, problem::FAILED, t};
use linux_raw_sys::general as k;

impl<'p> Carrier<'p> {
    #[inline(never)]
    pub(super) fn tell(&mut self, report: &Report) -> Result<()> {
        let Pid(pid) = self.child.as_ref().map_or(Pid(0), |(child, _)| *child);
        let pid = decimal(self.arena, pid as u64);
        match *report {
            Report::KeepStatus { fd, from } => {
                file::set_cloexec(fd)?;
                self.close_all_but(from, Some(fd))
            }
            Report::ReadNamespaces { joins_users } => {
                for ((slot, name), kind) in self.inodes.iter_mut().zip(words(Namespace::FILES)).zip(0..) {
                    // The joined one is this process's too, which may look at itself.
                    let of = if joins_users && kind == Namespace::User as u8 { word(c"self") } else { pid };
                    let path = copy(self.arena, &[b"/proc/", of.bytes(), b"/ns/", name]);
                    let inode = match file::fstatat(At::CWD, path) {
                        Err(Errno::EACCES) if joins_users => 0,
                        stat => stat?.identity.1,
                    };
                    *slot = decimal(self.arena, inode);
                }
                Ok(())
            }
            Report::WritePid { path } => {
                // An earlier run's file goes, and a link, whatever it leads to. Anything else stays: then this is EEXIST.
                match file::lstatat(At::CWD, path) {
                    Ok(stat) if matches!(stat.kind, Kind::Regular | Kind::Link) => file::unlinkat(At::CWD, path)?,
                    Ok(_) | Err(Errno::ENOENT) => {}
                    Err(errno) => return Err(errno),
                }
                let file = file::create(At::CWD, path, 0o644)?;
                let result = file::write_all(file.at(), line_of(self.arena, pid).bytes());
                if result.is_err() {
                    // The first failure is the one to tell.
                    tolerate(file::unlinkat(At::CWD, path));
                }
                result
            }
            Report::OpenFigures { path } => {
                self.figures = Some(open(path, 0o644)?);
                Ok(())
            }
            Report::SayStarted { fd } => {
                let mut values = List::new(self.arena);
                values.push(pid);
                values.extend(&self.inodes);
                let names = "pid userns mntns pidns utsns ipcns cgroupns netns timens";
                say(self.arena, fd, b"started", names, &values)
            }
        }
    }
}

/// A file of the caller's, at whose end is written. A FIFO without a reader is a failure now, not a wait without end.
#[inline(never)]
pub fn open(path: Word, mode: u32) -> Result<Fd> {
    let file = file::append(At::CWD, path, mode)?;
    file::wait_to_append(file.at())?;
    Ok(file)
}

/// What is in the file with a process id.
fn line_of<'m>(arena: &'m Arena, pid: Word) -> Word<'m> {
    copy(arena, &[pid.bytes(), b"\n"])
}

/// Removes the file with the container's process id, if it is there and still this container's.
#[inline(never)]
pub fn remove_pid_file(arena: &Arena, spec: &Spec, Pid(pid): Pid) -> Result<()> {
    let Some(path) = spec.pid_file else { return Ok(()) };
    let mut buffer = [0; 16];
    let length = match file::openat(At::CWD, path, Open::READ) {
        Err(Errno::ENOENT) => return Ok(()),
        file => file::read(file?.at(), &mut buffer)?,
    };
    if buffer.get(..length) != Some(line_of(arena, decimal(arena, pid as u64)).bytes()) {
        return Ok(());
    }
    file::unlinkat(At::CWD, path)
}

/// One line: a JSON object of the event and of numbers by their names.
///
/// It is lost on who does not read: to wait here would be to leave the container alone, which runs already.
fn say(arena: &Arena, fd: u32, event: &[u8], names: &'static str, values: &[Word]) -> Result<()> {
    let mut line = Text::new(arena);
    line.add(b"{\"event\":\"").add(event).add(b"\"");
    for (name, value) in words(names).zip(values) {
        line.add(b",\"").add(name).add(b"\":").add(value.bytes());
    }
    line.add(b"}\n");
    let fd = file::borrowed(fd);
    let mut watched = [Watched::WRITING];
    watched[0].on(fd);
    poll::poll(&mut watched, false)?;
    if !watched[0].is_ready() {
        return Ok(());
    }
    // A pipe has room for PIPE_BUF now, and this is shorter.
    match file::write_all(fd, line.bytes()) {
        Err(Errno::EPIPE) => {
            // It would be passed on to the command.
            tolerate(signal::wait(set_of(k::SIGPIPE as u8), Some(0)));
            Ok(())
        }
        Err(Errno::EAGAIN | Errno::ECONNRESET) => Ok(()),
        result => result,
    }
}

/// The init until the end: the command's exit status, or what tells that its time was up.
pub fn supervise(init: &ContainerInit, start: Arena) -> u8 {
    let Outcome { status, change, .. } = init.supervise(Some(start));
    if let (Change::Killed { signal, .. }, Some(launcher)) = (change, &init.launcher) {
        // Its status alone would not tell it from a command that exits with so much. If the launcher is gone nobody asks.
        tolerate(socket::send(launcher.at(), &[KILLED, signal]));
    }
    let is_late = init.deadline.is_some_and(|deadline| poll::now() >= deadline);
    if is_late && status == exit_status(k::SIGKILL as u8) { TIMED_OUT } else { status }
}

/// What is due when a container has ended.
pub fn farewell(arena: &Arena, spec: &Spec, ended: Ended, figures: &Figures) -> Result<()> {
    let told = say_ended(arena, spec, &ended, figures).and(say_figures(arena, spec, &ended, figures));
    let removed = remove_pid_file(arena, spec, ended.child);
    // Last: whoever waits for the container goes on now.
    let status = Some(ended.status.unwrap_or(FAILED));
    let named = ended.claim.map_or(Ok(()), |claim| claim.end(arena, status, spec.detach && !spec.forget));
    told.and(removed).and(named)
}

/// What the groups tell, while they are there, if somebody wants to know; else what is known of all that was waited for.
pub fn figures(arena: &Arena, spec: &Spec, ended: &Ended) -> Figures {
    let is_told = spec.stats.is_some() || spec.status_fd.is_some();
    if !is_told && !ended.may_be_out_of_memory() {
        return Figures::default();
    }
    let mut figures = Figures::read(arena, ended.cgroups.directories(arena));
    let usage = process::usage_of_children();
    figures.or(Figure::User, usage.user);
    figures.or(Figure::System, usage.system);
    // A group that does not tell its peak had another one.
    if figures.get(Figure::Memory).is_none() {
        figures.or(Figure::MemoryPeak, usage.memory);
    }
    figures
}

/// Whom the OOM killer has ended.
pub fn out_of_memory<'m>(arena: &'m Arena, ended: &Ended, figures: &Figures) -> Option<&'m Problem<'m>> {
    let is_so = ended.may_be_out_of_memory() && figures.is_out_of_memory();
    is_so.then(|| Problem::refused(arena, t!("killed: %"), &[figures.out_of_memory(arena)]))
}

impl Ended {
    fn may_be_out_of_memory(&self) -> bool {
        self.status == Ok(exit_status(k::SIGKILL as u8))
    }
}

impl<'p> Carrier<'p> {
    /// A start that failed because there is too little memory says so.
    #[inline(never)]
    pub(super) fn reason(&mut self, failure: Failure<'p>) -> Failure<'p> {
        let arena = self.arena;
        let groups = self.cgroups().directories(arena);
        let figures = if groups.is_empty() { Figures::default() } else { Figures::read(arena, groups) };
        if !figures.is_out_of_memory() {
            return failure;
        }
        Failure { errno: Errno::ENOMEM, status: FAILED, detail: figures.out_of_memory(arena), ..failure }
    }
}

fn say_ended(arena: &Arena, spec: &Spec, ended: &Ended, figures: &Figures) -> Result<()> {
    let (Some(fd), Ok(status)) = (spec.status_fd, ended.status) else { return Ok(()) };
    let usage = process::usage_of_children();
    let number = |number: u64| decimal(arena, number);
    let none = word(c"null");
    let (code, signal) = match ended.signal {
        0 => (number(status.into()), none),
        signal => (none, number(signal.into())),
    };
    let wall = number(poll::now() - ended.begun);
    let peak = figures.get(Figure::MemoryPeak).unwrap_or(usage.memory);
    let values = [number(status.into()), code, signal, wall, number(usage.user + usage.system), number(peak)];
    say(arena, fd, b"exited", "status code signal wall_us cpu_us peak_memory", &values)
}

/// One line: a JSON object of all that was used.
fn say_figures(arena: &Arena, spec: &Spec, ended: &Ended, figures: &Figures) -> Result<()> {
    if spec.stats.is_none() {
        return Ok(());
    }
    let mut line = Text::new(arena);
    line.add(b"{\"name\":");
    match &ended.claim {
        Some(claim) => line.json(claim.name().bytes()),
        None => line.add(b"null"),
    };
    line.add(b",\"status\":").number_or_null(ended.status.ok().map(u64::from));
    line.add(b",\"signal\":").number_or_null(Some(ended.signal.into()).filter(|signal| *signal > 0));
    line.add(b",\"wall_us\":").number(poll::now() - ended.begun);
    figures.write(&mut line, true);
    line.add(b"}\n");
    file::write_all(ended.figures.as_ref().map_or(At::STDERR, Fd::at), line.bytes())
}
