//! Carries out what the first process of a machine does: one file for each part.

mod button;
mod console;
mod modules;
mod mounts;
mod network;
mod root;
mod run;
mod settle;
mod status;

pub use run::{Ran, requested};

use super::{Carrier, Failure};
use crate::plan::{BootStep, Line, Phase, Plan, Step};
use crate::spec::Exit;
use crate::sys::file::{self, Kind};
use crate::sys::reboot::{self, Command, reboot};
use crate::sys::{Arena, At, Errno, Fd, Result, Word, poll, process, tolerate};
use crate::text::problem::{FAILED, NOT_FOUND};
use crate::text::{Problem, Text, Told, t};

/// What the first process of a machine has for as long as that runs.
#[derive(Debug)]
pub struct Machine<'m> {
    arena: &'m Arena,
    /// Whether this is one: every `Carrier` has the place for it.
    pub(super) is_here: bool,
    /// A proc that is attached nowhere yet.
    proc: Option<Fd>,
    /// Whether `/dev` and `/sys` were mounted by this process: what the kernel has put there is known.
    has_new_dev: bool,
    has_new_sys: bool,
    console: Option<Fd>,
    is_virtual_console: bool,
    /// Nobody reads what is said on it.
    is_unread: bool,
    /// What is still to be said on it.
    unsaid: Text<'m>,
    /// The device of the network that was brought up last, while more is to be done with it.
    link: Option<network::Link>,
    /// Tell when each step was done.
    pub timing: bool,
    /// The command is started again: what was told before is not told anew.
    is_again: bool,
    /// The initramfs, until it is empty.
    initramfs: Option<Fd>,
    /// What lies below `/` where that is an overlay: the table of mounts does not show it.
    layers: [Option<Fd>; 2],
    /// The command's exit status, once it has one.
    pub status: u8,
}

impl<'m> Machine<'m> {
    pub(super) const fn none(arena: &'m Arena) -> Self {
        Self {
            arena,
            is_here: false,
            proc: None,
            has_new_dev: false,
            has_new_sys: false,
            console: None,
            is_virtual_console: false,
            is_unread: false,
            unsaid: Text::new(arena),
            link: None,
            timing: false,
            is_again: false,
            initramfs: None,
            layers: [None, None],
            status: FAILED,
        }
    }

    /// What is mounted is to be looked at again, before more is.
    pub const fn look_anew(&mut self) {
        (self.has_new_dev, self.has_new_sys) = (false, false);
    }

    /// Whether the console is a screen and a keyboard.
    pub const fn has_virtual_console(&self) -> bool {
        self.is_virtual_console
    }
}

impl<'m> Carrier<'m> {
    /// This is the first process of a machine, with a proc that is attached nowhere yet. It carries out one plan after the other.
    pub fn be_first(&mut self, proc: Fd) {
        self.machine.is_here = true;
        self.machine.proc = Some(proc);
    }

    /// That proc.
    pub fn proc(&self) -> At<'_> {
        self.machine.proc.as_ref().map_or(At::CWD, Fd::at)
    }

    /// What tells what there is to say.
    pub const fn machine(&mut self) -> &mut Machine<'m> {
        &mut self.machine
    }

    /// Carries out what a plan has for one phase. The command's process, if it has started one.
    ///
    /// # Errors
    /// The step that failed.
    pub fn carry_out_plan(&mut self, plan: &'m Plan<'m>, phase: Phase) -> Told<'m, Option<process::Pid>> {
        self.plan = plan;
        let result = self.phase(phase);
        // What steps of one plan leave to others of it.
        self.trees.close();
        self.machine.link = None;
        let command = self.command.take();
        match result {
            Ok(()) => Ok(command),
            Err(failure) => {
                let step = plan.lines.get(usize::from(failure.line)).map(|line| &line.step);
                Err(problem(self.arena, &failure, step, plan.command.search_path))
            }
        }
    }

    /// Switches the machine off, and does not come back.
    pub fn off(&mut self, plan: &'m Plan<'m>) -> ! {
        if let Err(problem) = self.carry_out_plan(plan, Phase::Off) {
            self.machine.complain(problem);
        }
        stay()
    }
}

/// A failure as a person is told.
fn problem<'m>(arena: &'m Arena, failure: &Failure, step: Option<&Step>, path: Option<Word>) -> &'m Problem<'m> {
    let Failure { errno, status, detail, .. } = *failure;
    let mut sentence = Text::new(arena);
    if let Some(step) = step {
        step.write(&mut sentence);
    }
    match path {
        _ if !detail.is_empty() => drop(sentence.fill(t!(": % ("), &[detail]).errno_name(errno).add(b")")),
        Some(path) if status == NOT_FOUND => drop(sentence.fill(t!(": not found, searched % (ENOENT)"), &[path])),
        _ => drop(sentence.add(b": ").errno(errno)),
    }
    arena.hold(Problem { status, line: sentence.word(), advice: None })
}

impl<'p> Carrier<'p> {
    /// Does what a step says.
    #[inline(never)]
    pub(super) fn carry_out_boot(&mut self, step: &BootStep) -> Result<()> {
        match *step {
            BootStep::Mount(ref file_system) => self.machine.mount(file_system),
            BootStep::OpenConsole => self.machine.open_console(),
            BootStep::DeviceLinks => mounts::link_devices(),
            BootStep::LoadModule { name, parameters } => self.load_module(name, parameters),
            BootStep::MountRoot { source, types, flags, attributes, patience } => {
                self.mount_root(source, types, flags, attributes, patience)
            }
            BootStep::Overlay { source, patience } => self.mount_overlay(source, patience),
            BootStep::AttachRoot => self.attach_root(),
            BootStep::MoveMount { path } => self.move_mount(path),
            BootStep::EmptyInitramfs => self.empty_initramfs(),
            BootStep::CatchCtrlAltDel => reboot(Command::CatchCtrlAltDel),
            BootStep::CatchPowerButton => button::catch(),
            BootStep::Network(ref step) => self.carry_out_network(step),
            BootStep::TakeConsole => console::take(),
            BootStep::BecomeUser { account, .. } => run::become_user(account),
            BootStep::ExitFile { path } => self.machine.write_exit_file(path),
            BootStep::Settle => self.settle(),
            BootStep::TellStatus => self.machine.tell_status(),
            BootStep::ExitTty { path } => self.machine.write_exit_tty(path),
            BootStep::ExitVsock { port } => self.machine.send_exit(port),
            BootStep::ExitPort { port } => self.machine.write_exit_port(port),
            BootStep::Reboot(exit) => {
                self.machine.drain();
                end(exit, self.machine.status)
            }
        }
    }

    /// A step that tells when it was done. What comes after these is told by others, or by nobody.
    pub(super) fn timed(&mut self, line: &Line) -> Result<()> {
        let first = matches!(
            line.step,
            Step::StartCommand | Step::Exec { .. } | Step::Boot(BootStep::ExitPort { .. } | BootStep::Reboot(_))
        );
        if first {
            self.record(line);
        }
        if first && !matches!(line.step, Step::StartCommand) {
            self.machine.say();
        }
        let result = self.carry_out(&line.step);
        if !first {
            self.record(line);
        }
        if line.phase == Phase::Off {
            self.machine.say();
        }
        result
    }

    fn record(&mut self, line: &Line) {
        let text = &mut self.machine.unsaid;
        text.add(b"aril: ").number(poll::now()).add(b" us  ");
        line.step.write(text);
        text.add(b"\n");
    }

    /// What could not be done, where it goes on.
    pub(super) fn note(&mut self, line: &Line, errno: Errno) {
        if self.machine.is_again {
            return;
        }
        let failure = Failure { line: 0, errno, status: FAILED, detail: self.detail };
        self.machine.tell(t!("aril: note: %\n"), problem(self.arena, &failure, Some(&line.step), None).line);
    }
}

/// Writes a file's whole text anew, as far as a disk, and makes it if it is missing. What is no file (ENXIO), such as a disk, is
/// left alone, wherever a root that nobody trusts has put it.
fn rewrite(path: Word, follows: bool, text: &[u8]) -> Result<()> {
    let file = file::open_or_make(At::CWD, path, 0o644, follows)?;
    if file::fstat(file.at())?.kind != Kind::Regular {
        return Err(Errno::ENXIO);
    }
    file::empty(file.at())?;
    file::write_all(file.at(), text)?;
    file::fsync(file.at())
}

/// What the machine ends with, in the order in which it is tried. Each is called by a child, since a call that the machine cannot
/// carry out ends whoever has made it; and the end of the first process is a panic.
fn end(exit: Exit, status: u8) -> Result<()> {
    let ways = match exit {
        Exit::PowerOff | Exit::Shell => [Command::PowerOff, Command::Restart, Command::Halt],
        Exit::Reboot => [Command::Restart, Command::PowerOff, Command::Halt],
        Exit::Halt => [Command::Halt; 3],
        // The kernel tells the status with its panic.
        Exit::Panic => process::exit(status),
    };
    for way in &ways {
        // Where no child can be made, a panic is better than to stay for ever.
        if process::start(way, call_reboot).is_err() {
            tolerate(reboot(*way));
        }
    }
    stay()
}

extern "C" fn call_reboot(way: &Command) -> ! {
    tolerate(reboot::reboot(*way));
    process::exit(FAILED)
}

/// There is nothing left to do, and the first process does not end.
pub fn stay() -> ! {
    loop {
        tolerate(crate::sys::signal::wait(0, None));
    }
}

/// A state that cannot be. The end of a machine's first process would be a panic of the kernel's, which may mean to hang.
pub fn last_resort() -> ! {
    if process::getpid() != process::Pid(1) {
        process::abort();
    }
    console::say_in_log(b"<3>aril: a fault of aril itself: the machine goes off\n");
    tolerate(settle::aside(&mut || false, &mut || {
        file::sync();
        Ok(())
    }));
    give_up()
}

/// Switches off without a word: there is no memory to say one.
pub fn give_up() -> ! {
    tolerate(end(Exit::PowerOff, FAILED));
    stay()
}
