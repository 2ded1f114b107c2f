//! Carries a plan out: the launcher's side, the container's side, and what passes between them.

mod advice;
mod anew;
#[cfg(feature = "boot")]
pub mod boot;
mod carry;
#[cfg(feature = "full")]
pub mod causes;
#[cfg(feature = "full")]
pub mod cgroups;
#[cfg(feature = "full")]
mod denied;
#[cfg(feature = "full")]
mod devices;
#[cfg(feature = "full")]
mod enter;
mod execute;
pub mod handover;
#[cfg(feature = "full")]
mod ids;
#[cfg(feature = "full")]
mod landlock;
mod launcher;
#[cfg(feature = "full")]
mod layers;
#[cfg(feature = "full")]
mod mirror;
mod points;
#[cfg(feature = "full")]
mod relay;
#[cfg(feature = "full")]
mod report;
#[cfg(feature = "full")]
mod setting;
#[cfg(feature = "full")]
mod state;
#[cfg(feature = "full")]
mod terminal;

#[cfg(feature = "full")]
pub use advice::OLDEST;
#[cfg(feature = "full")]
pub use devices::allow as allow_devices;
#[cfg(feature = "full")]
pub use enter::enter;
pub use launcher::{Ended, Launcher};
pub use points::clean_up;
#[cfg(feature = "full")]
pub use report::{farewell, figures, out_of_memory, supervise};

use crate::host::{Host, Look, Terminal};
use crate::init::{AS_THEY_COME, GRACE, Init, Log, Manner, Stop, take_terminal};
use crate::plan::{Fate, Line, Phase, Plan, Step, plan};
use crate::spec::{Namespace, Spec};
use crate::sys::file::{self, Open};
use crate::sys::poll::{self, Watched};
use crate::sys::process::{self, Pid};
use crate::sys::signal::SignalSet;
#[cfg(feature = "full")]
use crate::sys::signal::set_of;
use crate::sys::words::Start;
use crate::sys::{Arena, At, Errno, Fd, Result, Word, signal, tolerate, word};
use crate::text::{Problem, Text, Told, problem::FAILED, t};
use carry::Trees;
#[cfg(feature = "full")]
use cgroups::Cgroups;
#[cfg(feature = "full")]
use core::cell::Cell;
use handover::{Answer, Failure};
#[cfg(feature = "full")]
use launcher::{CHLD, CONT, WINCH};
use linux_raw_sys::general as k;

/// Which side of the clone a run has come out on. Both have no memory of their own but the stack.
#[derive(Debug)]
#[cfg_attr(feature = "full", expect(clippy::large_enum_variant, reason = "there is one, on the stack, and no heap"))]
pub enum Side {
    /// Outside, with a container that runs.
    Launcher(Launcher),
    /// Inside, as the container's init.
    Init(ContainerInit),
}

/// Of one who could not say why it did not do what it was to.
const DIED: Word = word(c"the new process has died");

/// The init of a container: one with a launcher.
pub type ContainerInit = Init<'static, true, false>;

/// What one process knows while it carries its part of the plan out.
#[derive(Debug)]
pub struct Carrier<'p> {
    arena: &'p Arena,
    plan: &'p Plan<'p>,
    start: Start,
    trace: bool,
    trees: Trees<'p>,
    /// The image's file, until it is mounted.
    #[cfg(feature = "full")]
    image: Option<At<'p>>,
    /// Namespaces to join, by kind.
    namespaces: [Option<Fd>; Namespace::ALL.len()],
    /// The caller's mask: which signals may end a start.
    mask: SignalSet,
    /// Those that the caller ignores; the command gets the default action.
    ignored: SignalSet,
    /// This side's end of the pair.
    socket: Option<Fd>,
    /// The launcher's view of the new process.
    child: Option<(Pid, Fd)>,
    /// Whether this is the new process.
    inside: bool,
    /// The command's process, once it runs: the init's view, or in the launcher its own, if it has asked.
    command: Option<Pid>,
    /// The inodes of the container's namespaces, by kind.
    #[cfg(feature = "full")]
    inodes: [Word<'p>; Namespace::ALL.len()],
    /// The lock against another aril's cleaning up, or against one that keeps its writes in the same directory.
    lock: Option<Fd>,
    /// The lock on a range of ids, of which the new process closes its copy with all else that is here.
    #[cfg(feature = "full")]
    ids: Option<Fd>,
    /// `None`: there are none yet.
    #[cfg(feature = "full")]
    cgroups: Option<Cgroups>,
    /// Where the figures go.
    #[cfg(feature = "full")]
    figures: Option<Fd>,
    /// Whether mount points were made in the image.
    made: bool,
    /// Of the last failure: with what aril exits, and what says more than the errno's own sentence, or nothing.
    status: u8,
    detail: Word<'p>,
    /// An end of the pseudo-terminal: the launcher's is the master.
    #[cfg(feature = "full")]
    terminal: Option<At<'static>>,
    /// Standard error as it was, once that is the pseudo-terminal.
    #[cfg(feature = "full")]
    errors: Option<Fd>,
    /// The container's name.
    #[cfg(feature = "full")]
    claim: Option<crate::state::Claim>,
    /// Who waits for the start of one in the background.
    #[cfg(feature = "full")]
    caller: Option<Fd>,
    /// What its standard streams will be: /dev/null, and the log if there is one.
    #[cfg(feature = "full")]
    streams: Option<(Fd, Option<Fd>)>,
    /// Of a container that runs: the command, whose namespaces are joined, and the init if its end has to be seen.
    #[cfg(feature = "full")]
    container: Option<(Fd, Option<Fd>)>,
    /// What the filter refuses, for the launcher.
    #[cfg(feature = "full")]
    denials: Option<denied::Denials>,
    /// A failure that the command's process has met, by the number of its line.
    failed: Option<Failure<'p>>,
    #[cfg(feature = "boot")]
    machine: boot::Machine<'p>,
}

/// The init until the end: the command's exit status.
#[cfg(not(feature = "full"))]
pub fn supervise(init: &ContainerInit, start: Arena) -> u8 {
    init.supervise(Some(start)).status
}

/// Makes a container.
///
/// # Errors
/// Any step that failed, on either side, as one problem; nothing is left behind then.
pub fn run<'m>(arena: &'m Arena, spec: &'m Spec<'m>, start: Start) -> Told<'m, Side> {
    let mut how = Look::Start;
    loop {
        let host = arena.hold(Host::look(arena, spec, start.environment(), how)?);
        let plan = arena.hold(plan(arena, spec, host)?);
        if let Some(side) = launch(arena, spec, host, plan, start, how.trusts_kernel(spec))? {
            return Ok(side);
        }
        how = Look::Again(host.variables());
    }
}

/// Carries a plan out up to a command that runs. `None`: nothing is done, and all is to be looked up and planned anew, without trust
/// that the kernel refuses what cannot be.
fn launch<'m>(
    arena: &'m Arena,
    spec: &'m Spec<'m>,
    host: &'m Host<'m>,
    plan: &'m Plan<'m>,
    start: Start,
    #[cfg_attr(not(feature = "full"), expect(unused_variables, reason = "the whole build foresees more"))]
    trusts_kernel: bool,
) -> Told<'m, Option<Side>> {
    let mut carrier = Carrier::new(arena, plan, start, spec.trace);
    #[cfg(feature = "full")]
    {
        carrier.image = host.image.map(|image| image.file);
    }
    let launched = carrier.phase(Phase::Launcher);
    if carrier.inside {
        return Ok(Some(Side::Init(carrier.inside(spec, host))));
    }
    match launched.and_then(|()| carrier.parent()) {
        Ok(()) => carrier.launcher(spec, host).map(Some),
        #[cfg(feature = "full")]
        Err(failure) if ids::is_lost_race(plan, &failure) => Ok(None),
        #[cfg(feature = "full")]
        Err(failure) if trusts_kernel && ids::cannot_be_idmapped(plan, &failure) => {
            carrier.abandon(spec, host);
            signal::set_mask(carrier.mask);
            Ok(None)
        }
        Err(failure) => {
            #[cfg(feature = "full")]
            let failure = carrier.reason(failure);
            let problem = advice::explain(arena, &failure, spec, host, plan);
            carrier.abandon(spec, host);
            Err(problem)
        }
    }
}

/// What cannot be.
#[cold]
fn no_process(arena: &Arena) -> &Problem<'_> {
    Problem::refused(arena, t!("start the container: no process"), &[])
}

impl<'p> Carrier<'p> {
    /// One that has done nothing yet.
    pub fn new(arena: &'p Arena, plan: &'p Plan<'p>, start: Start, trace: bool) -> Self {
        Self {
            arena,
            plan,
            start,
            trace,
            trees: Trees::new(arena),
            #[cfg(feature = "full")]
            image: None,
            namespaces: [const { None }; Namespace::ALL.len()],
            mask: 0,
            ignored: 0,
            socket: None,
            child: None,
            inside: false,
            command: None,
            #[cfg(feature = "full")]
            inodes: [Word::default(); Namespace::ALL.len()],
            lock: None,
            #[cfg(feature = "full")]
            ids: None,
            #[cfg(feature = "full")]
            cgroups: None,
            #[cfg(feature = "full")]
            figures: None,
            made: false,
            status: FAILED,
            detail: Word::default(),
            #[cfg(feature = "full")]
            terminal: None,
            #[cfg(feature = "full")]
            errors: None,
            #[cfg(feature = "full")]
            claim: None,
            #[cfg(feature = "full")]
            caller: None,
            #[cfg(feature = "full")]
            streams: None,
            #[cfg(feature = "full")]
            container: None,
            #[cfg(feature = "full")]
            denials: None,
            failed: None,
            #[cfg(feature = "boot")]
            machine: boot::Machine::none(arena),
        }
    }

    /// Carries out the steps of one phase.
    fn phase(&mut self, phase: Phase) -> core::result::Result<(), Failure<'p>> {
        let mut gave_way = false;
        for (number, line) in self.plan.lines.iter().enumerate().filter(|(_, line)| line.phase == phase) {
            if line.fate.is_instead() && !gave_way {
                continue;
            }
            gave_way = false;
            if let Err(errno) = self.traced(line) {
                gave_way = self.fail(number, line, errno)?;
            }
        }
        Ok(())
    }

    /// What a failure of a step means: whether the next line is done instead, or the end.
    #[cfg_attr(feature = "full", inline(never))]
    fn fail(&mut self, number: usize, line: &Line, errno: Errno) -> core::result::Result<bool, Failure<'p>> {
        #[cfg(feature = "full")]
        if matches!(line.fate, Fate::Best | Fate::InsteadBest) {
            self.tell_failure(line, errno);
            return Ok(false);
        }
        if line.fate.tolerates(errno) {
            return Ok(matches!(line.fate, Fate::Try(_)));
        }
        // One that the command's process has met is not that of the step which started it.
        let (status, detail) = (self.status, self.detail);
        Err(self.failed.take().unwrap_or(Failure { line: number as u16, errno, status, detail }))
    }

    /// Carries a step out and tells of it.
    fn traced(&mut self, line: &Line) -> Result<()> {
        #[cfg(feature = "boot")]
        if self.machine.timing {
            return self.timed(line);
        }
        if !self.trace {
            return self.carry_out(&line.step);
        }
        // What comes after these is told by others, or by nobody if they succeed.
        let first = matches!(line.step, Step::ExecuteAnew { .. } | Step::StartCommand | Step::Exec { .. });
        if first {
            self.report(line, 0, Ok(()));
        }
        let (begun, was_inside) = (poll::now(), self.inside);
        let result = self.carry_out(&line.step);
        // The new process comes out of the clone too; that step is the launcher's to tell.
        if !first && self.inside == was_inside {
            self.report(line, poll::now() - begun, result);
        }
        result
    }

    /// One line of `--trace`.
    fn report(&self, line: &Line, microseconds: u64, result: Result<()>) {
        const COLUMN: usize = 7;
        let mut number = Text::new(self.arena);
        number.number(microseconds);
        let mut text = Text::new(self.arena);
        for _ in number.bytes().len()..COLUMN {
            text.add(b" ");
        }
        text.add(number.bytes()).add(b" us  ");
        line.step.write(&mut text);
        if let Err(errno) = result {
            text.add(b" -> ").errno_name(errno);
        }
        text.add(b"\n");
        // Standard error may be closed, and then there is nobody to tell.
        tolerate(file::write_all(self.errors(), text.bytes()));
    }

    /// Where all that is said belongs.
    fn errors(&self) -> At<'_> {
        #[cfg(feature = "full")]
        if let Some(errors) = &self.errors {
            return errors.at();
        }
        At::STDERR
    }

    /// The launcher after the clone: up to the moment when the command runs.
    #[cfg_attr(feature = "full", inline(never))]
    fn parent(&mut self) -> core::result::Result<(), Failure<'p>> {
        self.trees.close();
        let done = self.phase(Phase::Parent);
        // What failed may have done so because the new process has died: then that one's reason counts, which it has said before.
        if done.is_err() && !self.is_alone() {
            return done;
        }
        let start = self.start_line();
        let hear = |socket: &Fd| {
            handover::hear(
                self.arena,
                socket.at(),
                #[cfg(feature = "full")]
                &mut self.terminal,
                #[cfg(feature = "full")]
                &mut self.command,
                #[cfg(feature = "full")]
                self.denials.as_mut(),
                #[cfg(feature = "full")]
                self.container.as_ref().map(|_| self.mask),
            )
        };
        let answer = self.socket.as_ref().map(hear);
        #[cfg(feature = "full")]
        let has_come_in = self.has_come_in();
        #[cfg(not(feature = "full"))]
        let has_come_in: Result<bool> = Ok(false);
        match (answer, start, has_come_in) {
            (Some(Answer::Failed(failure)), ..) => Err(failure),
            _ if done.is_err() => done,
            (Some(Answer::Lost(errno)), ..) | (_, _, Err(errno)) => Err(self.start_failed(errno)),
            (Some(Answer::Gone), Some(_), Ok(false)) => {
                Err(Failure { detail: DIED, ..self.start_failed(Errno::ESRCH) })
            }
            // Without an init the command itself has taken the other end's place.
            _ => self.phase(Phase::Started),
        }
    }

    /// Whether the other end of the socket is known to be gone.
    fn is_alone(&self) -> bool {
        let mut watched = [Watched::READING];
        if let Some(socket) = &self.socket {
            watched[0].on(socket.at());
        }
        poll::poll(&mut watched, false).is_ok() && watched[0].has_hung_up()
    }

    /// The line that starts the command; `None`: it takes this process's place.
    fn start_line(&self) -> Option<usize> {
        self.plan.lines.iter().position(|line| line.step.starts_command())
    }

    /// A start of the command of which nobody can tell.
    #[inline(never)]
    fn start_failed(&self, errno: Errno) -> Failure<'p> {
        // The last line of one that takes this process's place is that it does.
        let line = self.start_line().unwrap_or(self.plan.lines.len() - 1);
        Failure { line: line as u16, errno, status: FAILED, detail: Word::default() }
    }

    #[cfg_attr(feature = "full", inline(never))]
    fn launcher(&mut self, spec: &Spec, host: &Host) -> Told<'p, Side> {
        let (Some((child, pidfd)), Some(socket)) = (self.child.take(), self.socket.take()) else {
            return Err(no_process(self.arena));
        };
        Ok(Side::Launcher(Launcher {
            child,
            pidfd,
            socket,
            #[cfg(feature = "full")]
            // What makes a stopped container go on is always passed on, and the size of the window is no signal to the command.
            deaf: match self.terminal {
                _ if spec.passes_signals => 0,
                Some(_) => !(set_of(CHLD) | set_of(CONT) | set_of(WINCH)),
                None => !(set_of(CHLD) | set_of(CONT)),
            },
            #[cfg(feature = "full")]
            stop_signal: if spec.init { launcher::TERM } else { spec.stop_signal },
            #[cfg(feature = "full")]
            stop_timeout: spec.stop_timeout,
            #[cfg(feature = "full")]
            stops: Cell::new(false),
            foreground: host.terminal == Terminal::Shared,
            #[cfg(feature = "full")]
            terminal: self.terminal.map(|master| (master, host.terminal)),
            init: spec.init,
            lock: self.lock.take(),
            #[cfg(feature = "full")]
            ids: self.ids.take(),
            #[cfg(feature = "full")]
            cgroups: self.cgroups.take().unwrap_or(Cgroups::NONE),
            #[cfg(feature = "full")]
            figures: self.figures.take(),
            made: self.made,
            #[cfg(feature = "full")]
            container: self.container.take().and_then(|(_, init)| init),
            preserved: spec.preserve_fds,
            #[cfg(feature = "full")]
            reports: spec.status_fd.is_some()
                || spec.pid_file.is_some()
                || spec.stats.is_some()
                || self.claim.is_some(),
            #[cfg(feature = "full")]
            claim: self.claim.take(),
            #[cfg(feature = "full")]
            denials: self.denials.take(),
            #[cfg(feature = "full")]
            begun: poll::now(),
            #[cfg(feature = "full")]
            killed: Cell::new(0),
        }))
    }

    /// The new process: never comes back but as the init of a running command.
    #[cfg_attr(feature = "full", inline(never))]
    fn inside(&mut self, spec: &Spec, host: &Host) -> ContainerInit {
        match self.become_init(spec, host) {
            Ok(init) => init,
            Err(failure) => {
                if let Some(socket) = &self.socket {
                    handover::say_failed(self.arena, socket.at(), &failure);
                }
                process::exit(failure.status)
            }
        }
    }

    fn become_init(&mut self, spec: &Spec, host: &Host) -> core::result::Result<ContainerInit, Failure<'p>> {
        #[cfg(feature = "full")]
        if let Some(fd) = spec.status_fd.filter(|fd| *fd > 2) {
            // The launcher's alone. It is open, so that this cannot fail.
            tolerate(file::close_range(fd, fd));
        }
        #[cfg(feature = "full")]
        if self.container.is_some() {
            self.phase(Phase::Outside)?;
            self.phase(Phase::Command)?;
            process::exit(FAILED);
        }
        let mut children = None;
        if !spec.is_private(Namespace::Pid) {
            // Not PID 1: orphans come here only if asked for. It cannot fail on any kernel with clone3. Without the list of
            // children (a kernel setting) those that are left live on.
            tolerate(process::set_child_subreaper());
            children = file::openat(At::CWD, word(c"/proc/thread-self/children"), Open::READ).ok();
        }
        self.phase(Phase::Outside)?;
        self.trees.close();
        self.lock = None;
        #[cfg(feature = "full")]
        {
            self.cgroups = None;
            self.figures = None;
        }
        self.phase(Phase::Inside)?;
        let Some(command) = self.command else {
            // `--no-init`: it becomes this very process, and only a failure comes back.
            self.phase(Phase::Command)?;
            process::exit(FAILED)
        };
        self.phase(Phase::Init)?;
        if let Some(socket) = &self.socket {
            handover::say_started(socket.at()).map_err(|errno| self.start_failed(errno))?;
        }
        let manner = Manner {
            foreground: host.terminal.is_there(),
            group: false,
            stop_timeout: Some(spec.stop_timeout),
            grace: Some(GRACE),
            farewell: false,
            stop: Stop::Never,
        };
        #[cfg(feature = "full")]
        let deadline = spec.timeout.map(|timeout| poll::now().saturating_add(timeout));
        #[cfg(not(feature = "full"))]
        let deadline = None;
        let (signals, rewrite, log) = (signal::ALL, AS_THEY_COME, Log::SILENT);
        Ok(Init {
            own: process::getpid(),
            command,
            manner,
            deadline,
            signals,
            #[cfg(feature = "boot")]
            requests: 0,
            rewrite,
            #[cfg(feature = "full")]
            stop_signal: spec.stop_signal,
            launcher: self.socket.take(),
            children,
            log,
        })
    }

    /// After a failure: the new process and all that was made for it.
    fn abandon(&mut self, spec: &Spec<'p>, host: &Host) {
        if let Some((child, pidfd)) = self.child.take() {
            // It may have ended by itself (ESRCH); it is waited for in either case.
            tolerate(signal::send(pidfd.at(), k::SIGKILL as u8));
            tolerate(process::wait_for(child));
            // The first failure is the one to tell.
            #[cfg(feature = "full")]
            tolerate(report::remove_pid_file(self.arena, spec, child));
        }
        if host.terminal == Terminal::Shared {
            take_terminal();
        }
        #[cfg(feature = "full")]
        // Likewise.
        tolerate(self.cgroups.take().map_or(Ok(()), |mut cgroups| cgroups.end(self.arena)));
        #[cfg(feature = "full")]
        // Perhaps it happened while this process acted on files as another.
        crate::sys::identity::set_file_system_ids(host.uid, host.gid);
        let image = self.lock.take().filter(|_| self.made);
        #[cfg(feature = "full")]
        if let Some(claim) = self.claim.take() {
            // The first failure is the one to tell.
            tolerate(claim.end(self.arena, None, false));
        }
        if let Some(image) = image {
            // The first failure is the one to tell.
            tolerate(clean_up(self.arena, spec, &image));
        }
    }
}
