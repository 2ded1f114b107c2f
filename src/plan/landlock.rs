//! Walls of landlock (landlock(7)) around the command, where a namespace that would be one is shared.

use super::{Draft, Fate, On, Step};
use crate::spec::{Namespace, Spec};
use crate::sys::sandbox::{Landlocked, SCOPE_SIGNALS, SCOPE_SOCKETS};
use crate::text::sentence::Sentence;
use crate::text::t;

/// What is done with landlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Landlock {
    /// What the command and its children send ends among them.
    Scope { scopes: Landlocked },
}

impl Landlock {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Scope { scopes: SCOPE_SOCKETS } => t!("keep abstract sockets of the host out of reach"),
            Self::Scope { scopes: SCOPE_SIGNALS } => t!("keep processes of the host from signals"),
            Self::Scope { .. } => t!("keep abstract sockets and processes of the host out of reach"),
        }
    }
}

/// Each scope stands in for a namespace that is the host's. In a pid namespace of its own the command reaches nobody but
/// its own init, which it may signal.
pub fn scope(draft: &mut Draft, spec: &Spec) {
    let scope = |kind, scope| if spec.is_hosts(kind) { scope } else { 0 };
    let scopes = scope(Namespace::Network, SCOPE_SOCKETS) | scope(Namespace::Pid, SCOPE_SIGNALS);
    if spec.scopes && scopes != 0 {
        draft.add(Fate::May(On::NoScopes), Step::Landlock(Landlock::Scope { scopes }));
    }
}
