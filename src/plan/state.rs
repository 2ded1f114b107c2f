//! The steps that make a container one with a name, and that let it run in the background.

use super::{Draft, Phase, Step};
use crate::host::Host;
use crate::spec::Spec;
use crate::sys::Word;
use crate::text::sentence::Sentence;
use crate::text::t;

/// One such step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateStep<'p> {
    /// A new process is the launcher from now on, in a session of its own; the first one waits for the start, or for the
    /// failure, and ends with that.
    Detach {
        directory: Word<'p>,
        name: Word<'p>,
    },
    /// No two containers of one caller have one name at a time.
    Claim {
        directory: Word<'p>,
        name: Word<'p>,
    },
    /// Where the output goes; without a file to nobody.
    OpenLog {
        path: Option<Word<'p>>,
    },
    /// Before the new process goes on.
    AskForSenders,
    /// In the new process, and in the launcher once the command runs.
    TakeStreams,
    SaySender,
    /// What later visitors want to know.
    Record {
        stop: u8,
    },
    TellCaller,
}

impl<'p> StateStep<'p> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Detach { .. } => t!("go to the background"),
            Self::Claim { .. } => t!("take the name % in %"),
            Self::OpenLog { path: None } => t!("open /dev/null for the standard streams"),
            Self::OpenLog { .. } => t!("open the log %"),
            Self::AskForSenders => t!("have the kernel tell who speaks"),
            Self::TakeStreams => t!("leave the caller's standard streams"),
            Self::SaySender => t!("tell the launcher which process this is"),
            Self::Record { .. } => t!("record the processes, the command line and the environment"),
            Self::TellCaller => t!("let the caller go on"),
        }
    }

    /// What stands for the `%` of it.
    pub(super) fn words<'m>(&self) -> [Word<'m>; 2]
    where
        'p: 'm,
    {
        match *self {
            Self::Claim { directory, name } => [name, directory],
            Self::OpenLog { path } => [path.unwrap_or_default(), Word::default()],
            _ => [Word::default(); 2],
        }
    }
}

/// Adds what makes the caller wait in a process of its own.
pub fn detach<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>) {
    if let Some((directory, name)) = host.place {
        draft.when(spec.detach, Step::State(StateStep::Detach { directory, name }));
    }
}

/// Adds what is due in this phase.
#[inline(never)]
pub fn add<'p>(draft: &mut Draft<'p>, spec: &'p Spec<'p>, host: &Host<'p>) {
    let Some((directory, name)) = host.place else { return };
    let phase = draft.phase;
    let mut step = |wanted, step| draft.when(wanted, Step::State(step));
    match phase {
        Phase::Launcher => {
            step(true, StateStep::Claim { directory, name });
            step(spec.detach, StateStep::OpenLog { path: spec.log });
        }
        Phase::Parent => step(spec.init, StateStep::AskForSenders),
        Phase::Outside => step(spec.detach, StateStep::TakeStreams),
        Phase::Command => step(spec.init, StateStep::SaySender),
        _ => {
            // The launcher does nothing about what its caller ignores, either.
            let hears = spec.passes_signals && host.hears_requests;
            let stop = if hears { 0 } else { spec.stop_signal };
            step(true, StateStep::Record { stop });
        }
    }
}

/// Adds what is due when all is done.
pub fn let_go(draft: &mut Draft, spec: &Spec) {
    draft.when(spec.detach, Step::State(StateStep::TakeStreams));
    draft.when(spec.detach, Step::State(StateStep::TellCaller));
}
