//! What is told to programs: that a container has started, and how it ended.

use super::{Draft, Phase, Step};
use crate::spec::{Namespace, Spec};
use crate::sys::{Arena, Word};
use crate::text::sentence::Sentence;
use crate::text::{decimal, t};

/// A step of telling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report<'p> {
    /// The caller's other descriptors are closed around it.
    KeepStatus {
        fd: u32,
        from: u32,
    },
    /// Where the figures will be told.
    OpenFigures {
        path: Word<'p>,
    },
    /// Now, because later this process may not look.
    ReadNamespaces {
        /// The user namespace is one that was there: this process has no rights over the new one, which hides itself.
        joins_users: bool,
    },
    WritePid {
        path: Word<'p>,
    },
    SayStarted {
        fd: u32,
    },
}

impl<'p> Report<'p> {
    /// What stands for the `%` of its sentence.
    pub(super) fn word<'m>(&self, arena: &'m Arena) -> Word<'m>
    where
        'p: 'm,
    {
        match *self {
            Self::KeepStatus { fd, .. } | Self::SayStarted { fd } => decimal(arena, fd.into()),
            Self::WritePid { path } | Self::OpenFigures { path } => path,
            Self::ReadNamespaces { .. } => Word::default(),
        }
    }

    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::KeepStatus { .. } => t!("keep descriptor % for the status"),
            Self::OpenFigures { .. } => t!("open % for the figures"),
            Self::ReadNamespaces { .. } => t!("look which namespaces these are"),
            Self::WritePid { .. } => t!("write the process id to %"),
            Self::SayStarted { .. } => t!("tell descriptor % that the container has started"),
        }
    }
}

/// Adds what is to be told in this phase.
pub fn add<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>) {
    match draft.phase {
        // What cannot be written has begun nothing.
        Phase::Launcher => {
            if let Some(path) = spec.stats.filter(|path| !path.is_empty()) {
                draft.must(Step::Report(Report::OpenFigures { path }));
            }
        }
        Phase::Parent => {
            let are_told = spec.status_fd.is_some() || spec.name.is_some() || spec.detach;
            let joins_users = spec.is_joined(Namespace::User);
            draft.when(are_told, Step::Report(Report::ReadNamespaces { joins_users }));
            if let Some(path) = spec.pid_file {
                draft.must(Step::Report(Report::WritePid { path }));
            }
        }
        _ => {
            if let Some(fd) = spec.status_fd {
                draft.must(Step::Report(Report::SayStarted { fd }));
            }
        }
    }
}
