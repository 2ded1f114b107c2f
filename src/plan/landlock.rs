//! Walls of landlock (landlock(7)) around the command: where a namespace that would be one is shared, or for all there is.

use super::{Draft, Fate, On, Step};
use crate::host::Host;
use crate::spec::{Namespace, Spec, What};
use crate::sys::mount::Attributes;
use crate::sys::sandbox::{Landlocked, SCOPE_SIGNALS, SCOPE_SOCKETS, rights};
use crate::sys::{Arena, List, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, t};

/// What is done with landlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Landlock<'p> {
    /// What the command and its children send ends among them.
    Scope { scopes: Landlocked },
    /// Says what there is not. `partly`: this kernel's landlock is older than the scopes.
    Warn { partly: bool },
    /// They have these rights below their root, and all below these places; where else a descriptor or a hole may lead, they
    /// have none. What they are given open, they may open again for what it is open for.
    Wall { rights: Landlocked, root: Landlocked, writable: &'p [Word<'p>], preserved: u32, scopes: Landlocked },
    /// They may read everything but devices, and have these rights below these.
    Confine { rights: Landlocked, scopes: Landlocked, volumes: &'p [(Word<'p>, Landlocked)] },
}

/// The first version that has scopes.
const SCOPES: usize = 6;
/// The first one under which a file can be moved to another directory at all.
const REFER: usize = 2;

impl Landlock<'_> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Scope { scopes: SCOPE_SOCKETS } => t!("keep abstract sockets of the host out of reach"),
            Self::Scope { scopes: SCOPE_SIGNALS } => t!("keep processes of the host from signals"),
            Self::Scope { .. } => t!("keep abstract sockets and processes of the host out of reach"),
            Self::Wall { .. } => {
                t!("let nothing be opened that is not below the root, nor written that is not below:%")
            }
            Self::Warn { .. } => t!("say what landlock alone does not give"),
            Self::Confine { .. } => t!("forbid writing, and devices that are not everyone's, anywhere but below:%"),
        }
    }

    /// The paths, each after a space.
    pub(super) fn paths<'m>(&self, arena: &'m Arena) -> Word<'m> {
        let mut text = Text::new(arena);
        if let Self::Wall { rights, root, writable, scopes, .. } = self {
            if root == rights {
                text.add(b" /");
            }
            for path in *writable {
                text.add(b" ").add(path.bytes());
            }
            if *scopes != 0 {
                text.add(b"; ").fill(Landlock::Scope { scopes: *scopes }.sentence(), &[]);
            }
        }
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
        return;
    }
    if host.landlock >= REFER && spec.can_be_walled() {
        wall(draft, spec, host, scopes);
    } else if scopes != 0 {
        draft.add(Fate::May(On::NoScopes), Step::Landlock(Landlock::Scope { scopes }));
    }
}

/// A rule holds for all below, whatever is mounted there: so the mounts of a root that can be written are all that can be.
///
/// One domain for this and the scopes: in one of its own, which knows nothing of files, nothing could be moved to another directory.
fn wall<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host, scopes: Landlocked) {
    let rights = rights::all(host.landlock);
    let scopes = if host.landlock < SCOPES { 0 } else { scopes };
    let mut writable = List::new(draft.lines.arena());
    if spec.own_file_systems().dev {
        // mq_open(3) opens what lies below no root: a rule for the same file system, wherever it is mounted, is one for that.
        writable.push(word(c"/dev/mqueue"));
    }
    if spec.read_only {
        for mount in spec.mounts(draft.lines.arena()).iter().filter(|mount| can_be_written(spec, mount.what)) {
            writable.push(mount.target);
        }
    }
    let root = if spec.read_only { rights & (rights::READ | rights::CONTROL) } else { rights };
    let (writable, preserved) = (writable.finish(), spec.preserve_fds);
    draft.must(Step::Landlock(Landlock::Wall { rights, root, writable, preserved, scopes }));
}

/// Whether a mount of a read-only root can be written.
fn can_be_written(spec: &Spec, what: What) -> bool {
    match what {
        What::Sys => false,
        What::Volume(number) => spec.volumes.get(number).is_some_and(|volume| !volume.read_only),
        What::New(number, _) => spec.new_mounts.get(number).is_some_and(|new| !new.attributes.has(Attributes::RDONLY)),
        _ => true,
    }
}
