//! The steps to a pseudo-terminal of the container's own (pty(7)).

use super::{Draft, Fate, On, Step};
use crate::host::{Host, Streams, Terminal};
use crate::spec::Spec;
use crate::sys::{Arena, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{copy, decimal, t};

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalStep {
    /// In the container's own devpts, so that its name is found inside, or else in the host's; with the caller's window size,
    /// and perhaps his modes. What is written to it inside comes out at its master, which the launcher gets.
    Open {
        own: bool,
        modes: bool,
        streams: Streams,
    },
    Give {
        uid: u32,
    },
    Take {
        streams: Streams,
    },
}

impl TerminalStep {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Open { .. } => t!("open a pseudo-terminal in %/dev/pts for the launcher"),
            Self::Give { .. } => t!("give the pseudo-terminal to user %"),
            Self::Take { .. } => t!("make it the session's terminal, and the standard streams:%"),
        }
    }

    /// What stands for the `%` of it.
    pub(super) fn word<'m>(&self, arena: &'m Arena) -> Word<'m> {
        match *self {
            Self::Open { own: false, .. } => word(c"the host's "),
            Self::Give { uid } => decimal(arena, uid.into()),
            Self::Take { streams, .. } => {
                let names: [&[u8]; 3] = [b" input", b" output", b" error"];
                let named = |number: usize| if streams.has(number) { names[number] } else { b"" };
                copy(arena, &[named(0), named(1), named(2)])
            }
            _ => Word::default(),
        }
    }
}

/// While both the container's devpts and the host's can be reached.
pub fn open(draft: &mut Draft, spec: &Spec, host: &Host) {
    if let Terminal::Own { modes, streams, .. } = host.terminal {
        add(draft, Fate::Must, TerminalStep::Open { own: spec.own_file_systems().dev, modes, streams });
        if spec.user.is_some() {
            // The host's may belong to a group that is not mapped.
            add(draft, Fate::May(On::Refused), TerminalStep::Give { uid: host.user.uid });
        }
    }
}

/// Once nothing of the host's terminal is needed.
pub fn take(draft: &mut Draft, host: &Host) {
    if let Terminal::Own { streams, .. } = host.terminal {
        add(draft, Fate::Must, TerminalStep::Take { streams });
    }
}

#[inline(never)]
fn add(draft: &mut Draft, fate: Fate, step: TerminalStep) {
    draft.add(fate, Step::Terminal(step));
}
