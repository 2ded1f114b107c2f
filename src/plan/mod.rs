//! (Spec, Host) -> the one list of steps. Pure: no system call is made here.
//!
//! The list serves the engine, which carries it out; `explain`, which prints it; `--trace`; and every error message.

mod command;
mod filter;
mod identity;
mod mounts;
mod root;
pub mod step;

pub use command::{Command, terminated};
pub use filter::FILTER;
pub use step::{Make, Options, Phase, Step, Tree};

use crate::host::Host;
use crate::problem;
use crate::spec::{Namespace, Source, Spec};
use crate::sys::Errno;
use crate::text::Problem;
use alloc::vec::Vec;
use core::fmt;

/// A step with who does it and what its failure means.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'p> {
    pub phase: Phase,
    pub step: Step<'p>,
    pub fate: Fate,
}

/// What the kernel's answer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A failure ends the run.
    Must,
    /// These failures are as good as success.
    May(&'static [Errno]),
    /// On these failures the next line is done instead; else it is left out.
    Try(&'static [Errno]),
    /// Only after a `Try` that failed.
    Instead,
}

impl Fate {
    /// The failures that do not end the run.
    pub const fn tolerated(self) -> &'static [Errno] {
        match self {
            Self::May(on) | Self::Try(on) => on,
            Self::Must | Self::Instead => &[],
        }
    }
}

/// Everything that is to be done for a container.
#[derive(Debug)]
pub struct Plan<'p> {
    pub lines: Vec<Line<'p>>,
    pub command: Command<'p>,
}

/// The list while it is written.
#[derive(Debug)]
struct Draft<'p> {
    phase: Phase,
    lines: Vec<Line<'p>>,
}

impl<'p> Draft<'p> {
    fn add(&mut self, fate: Fate, step: Step<'p>) {
        self.lines.push(Line { phase: self.phase, step, fate });
    }

    fn must(&mut self, step: Step<'p>) {
        self.add(Fate::Must, step);
    }

    fn may(&mut self, on: &'static [Errno], step: Step<'p>) {
        self.add(Fate::May(on), step);
    }

    fn when(&mut self, wanted: bool, step: Step<'p>) {
        if wanted {
            self.must(step);
        }
    }
}

/// Plans a container.
///
/// # Errors
/// What can be foreseen: ids that are not mapped, a mount point that is of the wrong kind, a root that cannot be had.
pub fn plan<'p>(spec: &'p Spec, host: &'p Host) -> Result<Plan<'p>, Problem> {
    let maps = identity::maps(spec, host);
    identity::check(spec, host, maps)?;
    let mut draft = Draft { phase: Phase::Launcher, lines: Vec::new() };
    let layout = mounts::Layout::of(spec, host, maps)?;

    draft.must(Step::BlockSignals);
    draft.must(Step::CloseDescriptors { from: FIRST_DESCRIPTOR + spec.preserve_fds });
    layout.prepare(&mut draft);
    join(&mut draft, spec);
    draft.must(clone(spec));

    draft.phase = Phase::Parent;
    identity::write_maps(&mut draft, spec, maps);
    draft.must(Step::Go);

    draft.phase = Phase::Outside;
    draft.must(Step::AwaitGo);
    identity::take_ids(&mut draft, spec, host, maps);
    draft.must(Step::DieWithLauncher);
    draft.must(Step::HideMemory);
    draft.must(Step::SetUmask);
    layout.mount(&mut draft);

    draft.phase = Phase::Inside;
    if spec.is_private(Namespace::Uts) {
        draft.must(Step::SetHostname { name: spec.hostname.unwrap_or(c"container") });
    }
    draft.when(spec.is_private(Namespace::Network), Step::LoopbackUp);

    draft.phase = Phase::Command;
    command::prepare(&mut draft, spec, host, maps);

    if spec.init {
        draft.phase = Phase::Init;
        draft.when(identity::may_drop(spec, host), Step::KeepOnlyKill);
        draft.when(spec.preserve_fds > 0, Step::CloseLeftovers { count: spec.preserve_fds });
        draft.must(Step::HideArguments);
    }
    Ok(Plan { lines: draft.lines, command: Command::new(spec, host) })
}

/// After standard input, output and error.
const FIRST_DESCRIPTOR: u32 = 3;

/// Existing namespaces are joined by the launcher, the user namespace first: it gives the right to join the others.
fn join<'p>(draft: &mut Draft<'p>, spec: &'p Spec) {
    for (kind, ..) in Namespace::ALL {
        if let Source::Join(path) = spec.namespace(kind) {
            draft.must(Step::Join { kind, path });
        }
    }
}

fn clone(spec: &Spec) -> Step<'static> {
    let private = Namespace::ALL.into_iter().filter(|(kind, ..)| spec.is_private(*kind));
    Step::Clone { flags: private.fold(0, |flags, (.., flag)| flags | flag) }
}

/// As `aril explain` prints it.
impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (phase, heading) in Phase::ALL {
            let mut lines = self.lines.iter().filter(|line| line.phase == phase).peekable();
            if lines.peek().is_some() {
                writeln!(f, "{heading}:")?;
            }
            lines.try_for_each(|line| writeln!(f, "{line}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = if self.fate == Fate::Instead { "    " } else { "  " };
        write!(f, "{indent}{}", self.step)?;
        let names = |f: &mut fmt::Formatter<'_>, on: &[Errno]| {
            on.iter().enumerate().try_for_each(|(at, error)| {
                f.write_str(if at == 0 { " " } else { ", " })?;
                f.write_str(error.name().unwrap_or_default())
            })
        };
        match self.fate {
            Fate::Must | Fate::Instead => Ok(()),
            Fate::May(on) => {
                f.write_str(" [may fail:")?;
                names(f, on)?;
                f.write_str("]")
            }
            Fate::Try(on) => {
                f.write_str(" [on")?;
                names(f, on)?;
                f.write_str(" instead:]")
            }
        }
    }
}

/// A mount point of the wrong kind, which the kernel would refuse with ENOTDIR only when half is made.
fn wrong_kind(target: &core::ffi::CStr, wanted: Make) -> Problem {
    let found = if wanted == Make::Directory { "it is not a directory" } else { "it is a directory" };
    problem!("mount on {}: {found} in the image (ENOTDIR)", crate::text::shown(target))
}
