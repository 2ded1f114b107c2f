//! Walls of landlock (landlock(7)) around the command: where a namespace that would be one is shared, or for all there is.

use super::{Draft, Fate, On, Step};
use crate::host::Host;
use crate::spec::{Namespace, Spec};
use crate::sys::sandbox::{Landlocked, SCOPE_SIGNALS, SCOPE_SOCKETS, rights};
use crate::sys::{Arena, List, Word};
use crate::text::sentence::Sentence;
use crate::text::{Text, t};

/// What is done with landlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Landlock<'p> {
    /// What the command and its children send ends among them.
    Scope { scopes: Landlocked },
    /// Says what there is not. `partly`: this kernel's landlock is older than the scopes.
    Warn { partly: bool },
    /// They may read everything but devices, and have these rights below these.
    Confine { rights: Landlocked, scopes: Landlocked, volumes: &'p [(Word<'p>, Landlocked)] },
}

/// The first version that has scopes.
const SCOPES: usize = 6;

impl Landlock<'_> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Scope { scopes: SCOPE_SOCKETS } => t!("keep abstract sockets of the host out of reach"),
            Self::Scope { scopes: SCOPE_SIGNALS } => t!("keep processes of the host from signals"),
            Self::Scope { .. } => t!("keep abstract sockets and processes of the host out of reach"),
            Self::Warn { .. } => t!("say what landlock alone does not give"),
            Self::Confine { .. } => t!("forbid writing, and devices that are not everyone's, anywhere but below:%"),
        }
    }

    /// The paths, each after a space.
    pub(super) fn paths<'m>(&self, arena: &'m Arena) -> Word<'m> {
        let mut text = Text::new(arena);
        if let Self::Confine { rights, volumes, .. } = self {
            for (path, allowed) in *volumes {
                text.add(b" ").add(path.bytes()).add(if allowed == rights { b"" } else { b":ro" });
            }
        }
        text.word()
    }
}

/// Before anything else, and without being asked.
pub fn warn(draft: &mut Draft, spec: &Spec, host: &Host) {
    let partly = host.landlock < SCOPES;
    draft.when(spec.landlock_alone, Step::Landlock(Landlock::Warn { partly }));
}

/// Each scope stands in for a namespace that is the host's. In a pid namespace of its own the command reaches nobody but
/// its own init, which it may signal.
pub fn confine<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host) {
    let scope = |kind, scope| if spec.scopes && spec.is_hosts(kind) { scope } else { 0 };
    let scopes = scope(Namespace::Network, SCOPE_SOCKETS) | scope(Namespace::Pid, SCOPE_SIGNALS);
    if spec.landlock_alone {
        let all = rights::all(host.landlock);
        let mut volumes = List::new(draft.lines.arena());
        for volume in spec.volumes.iter() {
            volumes.push((volume.source, if volume.read_only { all & rights::READ } else { all }));
        }
        draft.must(Step::Landlock(Landlock::Confine {
            rights: all,
            scopes: if host.landlock < SCOPES { 0 } else { scopes },
            volumes: volumes.finish(),
        }));
    } else if scopes != 0 {
        draft.add(Fate::May(On::NoScopes), Step::Landlock(Landlock::Scope { scopes }));
    }
}
