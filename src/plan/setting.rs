//! Settings of the command's process and of its names that the smallest runner leaves as they are.

use super::{Draft, Phase, Step};
use crate::spec::{Set, Setting, Spec};
use crate::text::sentence::Sentence;
use crate::text::t;

impl Setting<'_> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        self.what.sentence()
    }
}

impl Set<'_> {
    /// Who sets it, and when. What needs rights that nobody inside has is set by the launcher, for the new process; and the
    /// command limits itself, because aril may need more than it.
    const fn phase(&self) -> Phase {
        match self {
            Self::HardLimit { .. } => Phase::Launcher,
            Self::OomScore | Self::Nice(_) | Self::Affinity(_) => Phase::Parent,
            Self::Domainname => Phase::Inside,
            Self::Limit { .. } | Self::Umask(_) => Phase::Command,
        }
    }

    const fn sentence(&self) -> Sentence {
        match self {
            Self::HardLimit { .. } => t!("allow the limit %"),
            Self::Limit { .. } => t!("set the limit %"),
            Self::OomScore => t!("set oom_score_adj to %"),
            Self::Nice(_) => t!("set the nice value to %"),
            Self::Affinity(_) => t!("run on processors %"),
            Self::Domainname => t!("set the domain name %"),
            Self::Umask(_) => t!("set the umask to %"),
        }
    }
}

/// Adds the settings that are due in this phase.
#[inline(never)]
pub fn add<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>) {
    for setting in spec.settings.iter() {
        draft.when(setting.what.phase() == draft.phase, Step::Set(*setting));
    }
}
