//! The steps by which a later command comes into a container that runs (`aril exec`).
//!
//! The launcher stays outside. A first process joins the namespaces and becomes all that the command will be; but a pid namespace
//! has the children alone of whoever joins it, so that process starts another, beside itself, and ends. What can be seen inside is
//! thus never more than the command, and has nothing of the host.

use super::identity;
use super::{Command, Draft, Fate, On, Phase, Plan, StateStep, Step, command, denied, setting, step, terminal};
use crate::host::cgroups::Hierarchy;
use crate::host::{Host, Terminal, container::Container};
use crate::spec::{ChangeRoot, IdMap, Namespace, Spec};
use crate::sys::process::Pid;
use crate::sys::{Arena, List, Word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Told, decimal, t};

/// One such step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EnterStep<'p> {
    /// The process with the container's namespaces, and the one with which it ends.
    Open {
        command: Started,
        init: Option<Started>,
        /// Its root is needed, which may not be that of its mounts.
        root: bool,
        /// The inode of the container's user namespace, in which it still has to be: in one of its own making whoever comes
        /// would not become another than he is.
        users: u64,
    },
    /// The new process is born in the container's group of version 2.
    Clone {
        groups: &'p [Hierarchy<'p>],
    },
    /// clone(2) in place of clone3(2).
    CloneByOldCall {
        groups: &'p [Hierarchy<'p>],
    },
    /// Into those of version 1.
    Move {
        groups: &'p [Hierarchy<'p>],
    },
    Join {
        /// `CLONE_NEW*`.
        namespaces: u32,
    },
    /// The one that the container's command has.
    ChangeRoot,
    OpenDevices,
    /// What has joined a pid namespace is not in it itself. The new one has the launcher for its parent.
    Fork,
}

/// A process, told from a later one of the same number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Started {
    pub pid: Pid,
    /// See `state::Process`.
    pub start: u64,
}

impl EnterStep<'_> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Open { .. } => t!("open the container's process %"),
            Self::Clone { .. } => t!("clone into the container's control groups"),
            Self::CloneByOldCall { .. } => t!("clone, without clone3, into the container's control groups"),
            Self::Move { .. } => t!("move the new process into the container's control groups"),
            Self::Join { .. } => t!("join the container's namespaces:%"),
            Self::ChangeRoot => t!("chroot to the container's root"),
            Self::OpenDevices => t!("open the container's /dev"),
            Self::Fork => t!("go on in a new process, which the container can see"),
        }
    }

    /// What stands for the `%` of it.
    pub(super) fn word<'m>(&self, arena: &'m Arena) -> Word<'m> {
        match *self {
            Self::Open { command, .. } => decimal(arena, command.pid.0 as u64),
            Self::Join { namespaces } => step::namespaces(arena, namespaces),
            _ => Word::default(),
        }
    }
}

/// Plans a later command of a container. The Spec is that of the container with the command of the one who asks.
///
/// # Errors
/// Its user is not mapped.
#[inline(never)]
pub fn enter<'p>(
    arena: &'p Arena,
    spec: &'p Spec<'p>,
    host: &'p Host<'p>,
    container: &Container<'p>,
    [init, command]: [Started; 2],
    users: u64,
) -> Told<'p, Plan<'p>> {
    let mut draft = Draft { phase: Phase::Launcher, strict: false, lines: List::new(arena) };
    let maps = identity::maps_of_running(spec, host);
    super::protect(&mut draft, spec, host, maps);
    if !host.is_whole {
        return Ok(Plan { lines: draft.lines.finish(), command: Command::new(arena, spec, host) });
    }
    if spec.is_private(Namespace::User) && maps.uids.is_empty() && !matches!(spec.uids, IdMap::None) {
        return Err(Problem::refused(
            arena,
            t!("exec: the container's command has made a user namespace without ids"),
            &[],
        ));
    }
    identity::check(arena, spec, host, maps)?;
    let add = |draft: &mut Draft<'p>, step| draft.must(Step::Enter(step));
    let has_root = spec.change_root == ChangeRoot::Chroot;
    let has_own_terminal = matches!(host.terminal, Terminal::Own { .. });
    let has_devices = has_own_terminal && spec.own_file_systems().dev;
    let groups = container.groups;

    super::close_descriptors(&mut draft, spec);
    // In a pid namespace of its own all ends with the init.
    let init = if spec.is_private(Namespace::Pid) { None } else { Some(init) };
    add(&mut draft, EnterStep::Open { command, init, root: has_root, users });
    draft.must(Step::BlockSignals);
    setting::add(&mut draft, spec);
    draft.add(Fate::Try(On::NoCall), Step::Enter(EnterStep::Clone { groups }));
    draft.add(Fate::Instead, Step::Enter(EnterStep::CloneByOldCall { groups }));

    draft.phase = Phase::Parent;
    if groups.iter().any(|group| !group.is_unified()) {
        add(&mut draft, EnterStep::Move { groups });
    }
    setting::add(&mut draft, spec);
    draft.must(Step::State(StateStep::AskForSenders));
    denied::count(&mut draft, spec);
    draft.must(Step::Go);

    draft.phase = Phase::Outside;
    draft.must(Step::AwaitGo);
    draft.must(Step::HideMemory);
    if !has_devices {
        terminal::open(&mut draft, spec, host);
    }
    super::keep_null(&mut draft, spec, host, host.uids);
    add(&mut draft, EnterStep::Join { namespaces: container.namespaces });
    if has_root {
        add(&mut draft, EnterStep::ChangeRoot);
    }
    identity::take_ids(&mut draft, spec, host, maps);
    draft.add(Fate::May(On::NoCall), Step::JoinKeyring);
    draft.must(Step::SetUmask);
    draft.add(Fate::May(On::NoCall), Step::SetPersonality);
    if has_devices {
        add(&mut draft, EnterStep::OpenDevices);
        terminal::open(&mut draft, spec, host);
    }

    draft.phase = Phase::Command;
    identity::become_user(&mut draft, spec, host, maps, command::workdir(spec));
    command::confine(&mut draft, spec, host);
    // A change of user may have shown it (proc(5), suid_dumpable).
    draft.must(Step::HideMemory);
    add(&mut draft, EnterStep::Fork);
    draft.must(Step::State(StateStep::SaySender));
    draft.must(Step::DieWithLauncher);
    command::leave(&mut draft, spec, host);
    command::lead(&mut draft, spec, host);
    terminal::take(&mut draft, host);
    command::execute(&mut draft, spec);

    Ok(Plan { lines: draft.lines.finish(), command: Command::new(arena, spec, host) })
}
