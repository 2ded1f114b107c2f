//! Carries a plan out: the launcher's side, the container's side, and what passes between them.

mod advice;
mod carry;
mod execute;
mod handover;
mod launcher;
mod points;

pub use launcher::Launcher;
pub use points::clean_up;

use crate::host::Host;
use crate::init::{Init, Manner};
use crate::plan::{Fate, Line, Phase, Plan, Step, plan, terminated};
use crate::problem;
use crate::spec::{Namespace, Spec};
use crate::sys::process::{self, Pid};
use crate::sys::signal::SignalSet;
use crate::sys::words::Start;
use crate::sys::{At, Errno, Fd, Word, file, poll, signal, tolerate};
use crate::text::{Problem, problem::FAILED};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use carry::Trees;
use handover::{Answer, Failure};
use linux_raw_sys::general as k;

/// Which side of the clone a run has come out on. Both hold no heap any more.
#[derive(Debug)]
pub enum Side {
    /// Outside, with a container that runs.
    Launcher(Launcher),
    /// Inside, as the container's init.
    Init(Init),
}

/// Why a step failed.
#[derive(Debug)]
pub struct Trouble {
    errno: Errno,
    /// With what aril exits.
    status: u8,
    /// What says more than the errno's own sentence, or nothing.
    detail: String,
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self { errno, status: FAILED, detail: String::new() }
    }
}

/// What one process knows while it carries its part of the plan out.
#[derive(Debug)]
struct Carrier<'p> {
    plan: &'p Plan<'p>,
    /// The command's words and environment, ended as execve(2) wants them.
    arguments: Vec<Option<Word<'p>>>,
    environment: Vec<Option<Word<'p>>>,
    start: Start,
    trace: bool,
    trees: Trees,
    /// The mask that the command gets back.
    mask: SignalSet,
    /// This side's end of the pair.
    socket: Option<Fd>,
    /// The launcher's view of the new process.
    child: Option<(Pid, Fd)>,
    /// Whether this is the new process.
    inside: bool,
    /// The lock against another aril's cleaning up.
    lock: Option<Fd>,
    /// Whether mount points were made in the image.
    made: bool,
}

/// Makes a container.
///
/// # Errors
/// Any step that failed, on either side, as one problem; nothing is left behind then.
pub fn run(spec: &Spec, start: Start) -> Result<Side, Problem> {
    let host = Host::read(spec, start.environment)?;
    let plan = plan(spec, &host)?;
    let mut carrier = Carrier {
        plan: &plan,
        arguments: terminated(plan.command.arguments.iter().copied()),
        environment: terminated(plan.command.environment.iter().map(|entry| entry.as_c_str())),
        start,
        trace: spec.trace,
        trees: Trees::default(),
        mask: 0,
        socket: None,
        child: None,
        inside: false,
        lock: None,
        made: false,
    };
    let result = carrier.phase(Phase::Launcher);
    if carrier.inside {
        return Ok(Side::Init(carrier.inside(spec, &host)));
    }
    let outcome = match result {
        Ok(()) => carrier.parent(),
        Err(failure) => Err(failure),
    };
    let explained = outcome.map_err(|failure| advice::explain(&failure, spec, &host, &plan));
    match explained {
        Ok(()) => {
            let (Some((child, pidfd)), Some(socket)) = (carrier.child, carrier.socket) else {
                return Err(problem!("start the container: no process"));
            };
            Ok(Side::Launcher(Launcher {
                child,
                pidfd,
                socket,
                ignored: host.ignored,
                foreground: host.foreground,
                init: spec.init,
                lock: carrier.lock,
                made: carrier.made,
                preserved: spec.preserve_fds,
            }))
        }
        Err(problem) => {
            carrier.abandon(spec);
            Err(problem)
        }
    }
}

impl Carrier<'_> {
    /// Carries out the steps of one phase.
    fn phase(&mut self, phase: Phase) -> Result<(), Failure> {
        let mut gave_way = false;
        let plan = self.plan;
        for (number, line) in plan.lines.iter().enumerate().filter(|(_, line)| line.phase == phase) {
            if line.fate == Fate::Instead && !core::mem::take(&mut gave_way) {
                continue;
            }
            let begun = if self.trace { poll::now() } else { 0 };
            let was_inside = self.inside;
            // An exec that succeeds does not come back to tell.
            let is_last = matches!(line.step, Step::Exec { .. });
            if self.trace && is_last {
                report(line, 0, &Ok(()));
            }
            let result = self.carry_out(&line.step);
            // The new process comes out of the clone too; that step is the launcher's to tell.
            if self.trace && !is_last && self.inside == was_inside {
                report(line, poll::now() - begun, &result);
            }
            match result {
                Ok(()) => {}
                Err(trouble) if line.fate.tolerated().contains(&trouble.errno) => {
                    gave_way = matches!(line.fate, Fate::Try(_));
                }
                Err(trouble) => return Err(Failure { line: number as u16, trouble }),
            }
        }
        Ok(())
    }

    /// The launcher after the clone: up to the moment when the command runs.
    fn parent(&mut self) -> Result<(), Failure> {
        self.phase(Phase::Parent)?;
        let Some(socket) = &self.socket else { return Ok(()) };
        match handover::hear(socket.at()) {
            Answer::Failed(failure) => Err(failure),
            Answer::Started | Answer::Gone => Ok(()),
        }
    }

    /// The new process: never comes back but as the init of a running command.
    fn inside(&mut self, spec: &Spec, host: &Host) -> Init {
        match self.become_init(spec, host) {
            Ok(init) => init,
            Err(failure) => {
                if let Some(socket) = &self.socket {
                    handover::say_failed(socket.at(), &failure);
                }
                process::exit(failure.trouble.status)
            }
        }
    }

    fn become_init(&mut self, spec: &Spec, host: &Host) -> Result<Init, Failure> {
        self.lock = None;
        self.start.erase_environment();
        self.phase(Phase::Outside)?;
        self.trees = Trees::default();
        self.phase(Phase::Inside)?;
        if !spec.init {
            self.phase(Phase::Command)?;
        }
        if !spec.is_private(Namespace::Pid) {
            // Not PID 1: orphans come here only if asked for. It cannot fail on any kernel with clone3.
            tolerate(process::set_child_subreaper());
        }
        let command = self.start_command()?;
        self.phase(Phase::Init)?;
        let socket = self.socket.take();
        if let Some(socket) = &socket {
            handover::say_started(socket.at());
        }
        let manner = Manner { foreground: host.foreground, stop_timeout: Some(spec.stop_timeout), ends_the_rest: true };
        Ok(Init { command, manner, launcher: socket })
    }

    /// After a failure: the new process and all that was made for it.
    fn abandon(&mut self, spec: &Spec) {
        if let Some((child, pidfd)) = self.child.take() {
            // It may have ended by itself (ESRCH); it is waited for in either case.
            tolerate(signal::send(pidfd.at(), k::SIGKILL as u8));
            tolerate(process::wait_for(child));
        }
        self.lock = None;
        if self.made {
            tolerate(clean_up(spec));
        }
    }
}

/// One line of `--trace`.
fn report(line: &Line, microseconds: u64, result: &Result<(), Trouble>) {
    let failed = match result {
        Ok(()) => String::new(),
        Err(trouble) => format!(" -> {}", trouble.errno.name().unwrap_or("?")),
    };
    let text = format!("{microseconds:7} us  {}{failed}\n", line.step);
    // Standard error may be closed, and then there is nobody to tell.
    tolerate(file::write_all(At::STDERR, text.as_bytes()));
}
