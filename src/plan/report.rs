//! What is told to programs: that a container has started, and how it ended.

use super::{Draft, Phase, Step};
use crate::spec::Spec;
use crate::sys::Word;
use crate::text::sentence::Sentence;
use crate::text::{Text, decimal, t};

/// A step of telling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report<'p> {
    /// The caller's other descriptors are closed around it.
    KeepStatus {
        fd: u32,
        from: u32,
    },
    /// Now, because later this process may not look.
    ReadNamespaces,
    WritePid {
        path: Word<'p>,
    },
    SayStarted {
        fd: u32,
    },
}

impl Report<'_> {
    /// Writes the step's sentence.
    pub(super) fn write(&self, text: &mut Text) {
        let arena = text.arena();
        let word = match *self {
            Self::KeepStatus { fd, .. } | Self::SayStarted { fd } => decimal(arena, fd.into()),
            Self::WritePid { path } => path,
            Self::ReadNamespaces => Word::default(),
        };
        text.fill(self.sentence(), &[word]);
    }

    const fn sentence(&self) -> Sentence {
        match self {
            Self::KeepStatus { .. } => t!("keep descriptor % for the status"),
            Self::ReadNamespaces => t!("look which namespaces these are"),
            Self::WritePid { .. } => t!("write the process id to %"),
            Self::SayStarted { .. } => t!("tell descriptor % that the container has started"),
        }
    }
}

/// Adds what is to be told in this phase.
pub fn add<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>) {
    match draft.phase {
        Phase::Parent => draft.when(spec.status_fd.is_some(), Step::Report(Report::ReadNamespaces)),
        _ => {
            if let Some(path) = spec.pid_file {
                draft.must(Step::Report(Report::WritePid { path }));
            }
            if let Some(fd) = spec.status_fd {
                draft.must(Step::Report(Report::SayStarted { fd }));
            }
        }
    }
}
