//! Tells programs of a container: JSON lines on a descriptor, and a file with its process id.

use super::{Carrier, ContainerInit, Ended};
use crate::init::{KILLED, Outcome, TIMED_OUT, exit_status};
use crate::plan::Report;
use crate::spec::Spec;
use crate::sys::file;
use crate::sys::process::{self, Change, Pid};
use crate::sys::{Arena, At, Errno, List, Result, Word, poll, socket, tolerate, word};
use crate::text::names::words;
use crate::text::{Text, copy, decimal};
use linux_raw_sys::general as k;

/// Files of `/proc/PID/ns`, in the order of `Namespace::ALL`.
const NAMESPACES: &str = "user mnt pid uts ipc cgroup net time";

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
            Report::ReadNamespaces => {
                for (slot, name) in self.inodes.iter_mut().zip(words(NAMESPACES)) {
                    let path = copy(self.arena, &[b"/proc/", pid.bytes(), b"/ns/", name]);
                    *slot = decimal(self.arena, file::fstatat(At::CWD, path)?.identity.1);
                }
                Ok(())
            }
            Report::WritePid { path } => {
                // What is there may be a link to anything: it goes, and a new file takes its place.
                match file::unlinkat(At::CWD, path) {
                    Err(Errno::ENOENT) => {}
                    result => result?,
                }
                let file = file::create(At::CWD, path, 0o644)?;
                file::write_all(file.at(), copy(self.arena, &[pid.bytes(), b"\n"]).bytes())
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

/// One line: a JSON object of the event and of numbers by their names.
fn say(arena: &Arena, fd: u32, event: &[u8], names: &'static str, values: &[Word]) -> Result<()> {
    let mut line = Text::new(arena);
    line.add(b"{\"event\":\"").add(event).add(b"\"");
    for (name, value) in words(names).zip(values) {
        line.add(b",\"").add(name).add(b"\":").add(value.bytes());
    }
    line.add(b"}\n");
    file::write_all(file::borrowed(fd), line.bytes())
}

/// The init until the end: the command's exit status, or what tells that its time was up.
pub fn supervise(init: &ContainerInit) -> u8 {
    let Outcome { status, change, .. } = init.supervise();
    if let (Change::Killed { signal, .. }, Some(launcher)) = (change, &init.launcher) {
        // Its status alone would not tell it from a command that exits with so much. If the launcher is gone nobody asks.
        tolerate(socket::send(launcher.at(), &[KILLED, signal]));
    }
    let is_late = init.deadline.is_some_and(|deadline| poll::now() >= deadline);
    if is_late && status == exit_status(k::SIGKILL as u8) { TIMED_OUT } else { status }
}

/// What is due when a container has ended.
pub fn farewell(arena: &Arena, spec: &Spec, ended: &Ended) -> Result<()> {
    if let Some(path) = spec.pid_file {
        match file::unlinkat(At::CWD, path) {
            Err(Errno::ENOENT) => {}
            result => result?,
        }
    }
    let (Some(fd), Ok(status)) = (spec.status_fd, ended.status) else { return Ok(()) };
    let usage = process::usage_of_children();
    let number = |number: u64| decimal(arena, number);
    let none = word(c"null");
    let (code, signal) = match ended.signal {
        0 => (number(status.into()), none),
        signal => (none, number(signal.into())),
    };
    let wall = number(poll::now() - ended.begun);
    let values = [number(status.into()), code, signal, wall, number(usage.processor), number(usage.memory)];
    say(arena, fd, b"exited", "status code signal wall_us cpu_us peak_memory", &values)
}
