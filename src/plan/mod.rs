//! (Spec, Host) -> the one list of steps. Pure: no system call is made here.
//!
//! The list serves the engine, which carries it out; `explain`, which prints it; `--trace`; and every error message.

mod command;
mod filter;
mod identity;
mod mounts;
mod root;
pub mod step;

pub use command::Command;
pub use filter::FILTER;
pub use step::{Make, Phase, Step, Tree};

use crate::host::Host;
use crate::spec::{Namespace, Source, Spec};
use crate::sys::{Arena, Errno, List, word};
use crate::text::{Text, Told};
use linux_raw_sys::general as k;

/// A step with who does it and what its failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    May(Errors),
    /// On these failures the next line is done instead; else it is left out.
    Try(Errors),
    /// Only after a `Try` that failed.
    Instead,
}

/// A few errors, filled up with zeros, which no error is.
pub type Errors = [Errno; 4];

const NONE: Errno = Errno(0);
const MISSING: Errors = [Errno::ENOENT, NONE, NONE, NONE];
const REFUSED: Errors = [Errno::EPERM, NONE, NONE, NONE];
const INVALID: Errors = [Errno::EINVAL, NONE, NONE, NONE];

impl Fate {
    /// Whether this failure does not end the run.
    pub fn tolerates(self, errno: Errno) -> bool {
        matches!(self, Self::May(on) | Self::Try(on) if on.contains(&errno))
    }
}

/// Everything that is to be done for a container.
#[derive(Debug)]
pub struct Plan<'p> {
    pub lines: &'p [Line<'p>],
    pub command: Command<'p>,
}

/// The list while it is written.
#[derive(Debug)]
struct Draft<'p> {
    phase: Phase,
    lines: List<'p, Line<'p>>,
}

impl<'p> Draft<'p> {
    fn add(&mut self, fate: Fate, step: Step<'p>) {
        self.lines.push(Line { phase: self.phase, step, fate });
    }

    fn must(&mut self, step: Step<'p>) {
        self.add(Fate::Must, step);
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
pub fn plan<'p>(arena: &'p Arena, spec: &'p Spec<'p>, host: &'p Host<'p>) -> Told<'p, Plan<'p>> {
    let maps = identity::maps(spec, host);
    identity::check(arena, spec, host, maps)?;
    let layout = mounts::Layout::of(arena, spec, host, maps)?;
    let mut draft = Draft { phase: Phase::Launcher, lines: List::new(arena) };

    draft.when(must_be_protected(spec, host), Step::ExecuteAnew);
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
    draft.when(spec.init, Step::LeaveGroup);
    draft.must(Step::HideMemory);
    draft.must(Step::SetUmask);
    layout.mount(&mut draft);

    draft.phase = Phase::Inside;
    let own_name = spec.is_private(Namespace::Uts);
    draft.when(own_name, Step::SetHostname { name: spec.hostname.unwrap_or(word(c"container")) });
    draft.when(spec.is_private(Namespace::Network), Step::LoopbackUp);
    draft.when(spec.init, Step::StartCommand);

    draft.phase = Phase::Command;
    command::prepare(&mut draft, spec, host, maps);

    if spec.init {
        draft.phase = Phase::Init;
        draft.when(identity::may_drop(spec, host), Step::KeepOnlyKill);
        draft.when(spec.preserve_fds > 0, Step::CloseLeftovers { count: spec.preserve_fds });
        draft.must(Step::HideArguments);
    }
    Ok(Plan { lines: draft.lines.finish(), command: Command::new(arena, spec, host) })
}

/// After standard input, output and error.
const FIRST_DESCRIPTOR: u32 = 3;

/// Without a user namespace of its own a command that may trace others can open even what `HideMemory` hides.
fn must_be_protected(spec: &Spec, host: &Host) -> bool {
    let may_trace = spec.capabilities >> k::CAP_SYS_PTRACE & 1 == 1;
    host.can_be_written && may_trace && !spec.is_private(Namespace::User) && host.has(k::CAP_SYS_ADMIN)
}

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

impl Plan<'_> {
    /// As `aril explain` prints it.
    pub fn write(&self, text: &mut Text) {
        for (phase, heading) in Phase::ALL {
            let mut is_first = true;
            for line in self.lines.iter().filter(|line| line.phase == phase) {
                if is_first {
                    text.add(heading.bytes()).add(b":\n");
                }
                is_first = false;
                line.write(text);
            }
        }
    }
}

impl Line<'_> {
    fn write(&self, text: &mut Text) {
        text.add(if self.fate == Fate::Instead { b"    " } else { b"  " });
        self.step.write(text);
        match self.fate {
            Fate::Must | Fate::Instead => {}
            Fate::May(on) => write_errors(text, b" [may fail:", on, b"]"),
            Fate::Try(on) => write_errors(text, b" [on", on, b" instead:]"),
        }
        text.add(b"\n");
    }
}

fn write_errors(text: &mut Text, before: &[u8], on: Errors, after: &[u8]) {
    let mut separator: &[u8] = b" ";
    text.add(before);
    for errno in on.into_iter().filter(|errno| *errno != NONE) {
        text.add(separator).add(errno.name());
        separator = b", ";
    }
    text.add(after);
}
