//! The steps by which a container gets ids that are not its caller's, and its trees of mounts from a launcher that, other than
//! root inside, may open them.
//!
//! Only the launcher, which is root outside, may make an idmapped mount (mount_setattr(2)), and only once the new user namespace
//! has its map. So it opens such a tree, or makes such an overlay, after the clone, and sends its descriptor to the new process.
//! That takes them in the order in which they are sent, each where it is used: neither side ever holds more than one.

use super::identity::{self, Maps, outside};
use super::step::flags;
use super::{Draft, Fate, On, Place, Step};
use crate::host::{Host, Ids, Lack};
use crate::spec::{ChangeRoot, IdRange, Namespace, Source, Spec};
use crate::sys::file::Identity;
use crate::sys::mount::Attributes;
use crate::sys::{Arena, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Told, copy, decimal, t, text};

/// One such step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdStep<'p> {
    /// One line on standard error: that root inside is root outside, and why.
    Tell { why: Word<'p> },
    /// Locks the range that begins with this id. EAGAIN: another aril was faster, and all is planned anew.
    Lock { first: u32 },
    /// Both programs at once.
    ByPrograms { programs: [Word<'p>; 2], uids: &'p [IdRange], gids: &'p [IdRange] },
    /// What the map is, to idmapped mounts.
    OpenMap,
    /// Only who made a pipe can open it as `/dev/stdout`, but for its mode; and whoever can find it has it already. Its owner
    /// stays: a caller opens it again, and two containers may share it.
    OpenPipes,
    /// All that is mounted at a path, or the overlay of this number, with what lies there as lower layer.
    HandOver {
        source: Word<'p>,
        seen: Option<&'p Identity>,
        attributes: Attributes,
        idmapped: bool,
        overlay: Option<u16>,
    },
    /// What was handed over comes to its place, or on top of `/`.
    Take { source: Word<'p>, place: Option<Place<'p>> },
}

impl<'p> IdStep<'p> {
    #[inline(never)]
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Tell { .. } => t!("say that root inside is root outside: %"),
            Self::Lock { .. } => t!("lock the unused 65536 ids from % upwards"),
            Self::ByPrograms { .. } => t!("map users:%, groups:%, by % and %"),
            Self::OpenMap => t!("open the new user namespace for idmapped mounts"),
            Self::OpenPipes => t!("let all users inside open pipes at the standard streams"),
            Self::HandOver { overlay: None, .. } => t!("hand over %%%"),
            Self::HandOver { .. } => t!("hand over an overlay of %%%"),
            Self::Take { .. } => t!("take % for %"),
        }
    }

    #[inline(never)]
    pub(super) fn words<'m>(&self, arena: &'m Arena, words: &mut [Word<'m>; 6])
    where
        'p: 'm,
    {
        let [first, second, third, fourth, ..] = words;
        match *self {
            Self::Lock { first: id } => *first = decimal(arena, id.into()),
            Self::ByPrograms { programs, uids, gids } => {
                [*first, *second] = [uids, gids].map(|ranges| super::step::map(arena, ranges));
                [*third, *fourth] = programs;
            }
            Self::OpenMap | Self::OpenPipes => {}
            Self::HandOver { source, attributes, idmapped, .. } => {
                (*first, *third) = (source, flags(arena, attributes));
                if idmapped {
                    *second = word(c" idmapped");
                }
            }
            Self::Tell { why } => *first = why,
            Self::Take { source, place } => {
                (*first, *second) = (source, place.map_or(word(c"/"), |place| place.path));
            }
        }
    }
}

impl<'p> Draft<'p> {
    #[inline(never)]
    pub(super) fn ids(&mut self, step: IdStep<'p>) {
        self.must(Step::Ids(step));
    }
}

/// While nothing has been made yet that another attempt would make again: root's ids, or why they are what they are.
#[inline(never)]
pub fn begin<'p>(draft: &mut Draft<'p>, spec: &Spec, host: &Host<'p>) {
    let arena = draft.lines.arena();
    match host.ids {
        Ids::Unused(first) => draft.ids(IdStep::Lock { first }),
        // Whoever has but one id is told when he needs more.
        Ids::Own(Some(lack)) if host.maps_any() && !spec.is_rehearsal() => {
            let (why, words) = because(arena, lack);
            draft.ids(IdStep::Tell { why: text(arena, why, &words) });
        }
        _ => {}
    }
}

/// Why there are no better ids.
#[inline(never)]
pub fn because<'p>(arena: &'p Arena, lack: Lack<'p>) -> (Sentence, [Word<'p>; 2]) {
    let mut words = [Word::default(); 2];
    let sentence = match lack {
        Lack::Privilege => t!("other ids take CAP_SYS_ADMIN and a writable /proc/sys"),
        Lack::FileSystem(mount) => {
            words = mount.map(|part| copy(arena, &[part]));
            t!("this kernel cannot idmap % on %")
        }
        Lack::Line(line) => {
            words[0] = line;
            t!("for more than one id inside put the line % into /etc/subuid and /etc/subgid")
        }
        Lack::NoNewPrivileges => t!("for more than one id inside there must be no no_new_privs, which stops newuidmap"),
        Lack::Programs => t!("for more than one id inside install newuidmap and newgidmap (package uidmap)"),
    };
    (sentence, words)
}

/// The maps, which only a process of the parent user namespace can write; and what the launcher does with them before the new
/// process goes on, because that hides itself then.
#[inline(never)]
pub fn write_maps<'p>(draft: &mut Draft<'p>, spec: &Spec, host: &Host<'p>, maps: Maps<'p>) {
    match host.ids {
        Ids::Granted(programs) => draft.ids(IdStep::ByPrograms { programs, uids: maps.uids, gids: maps.gids }),
        _ => identity::write_maps(draft, spec, maps),
    }
    let overlays = host.overlays_outside();
    if !spec.is_private(Namespace::User) {
        return;
    }
    if overlays && (host.is_shifted() || spec.volumes.iter().any(|volume| volume.idmap)) {
        draft.ids(IdStep::OpenMap);
    }
    if (overlays || matches!(host.ids, Ids::Granted(_))) && !spec.detach {
        // Someone else's stay closed.
        draft.add(Fate::May(On::Refused), Step::Ids(IdStep::OpenPipes));
    }
}

/// An idmapped volume is the launcher's to make. Where every id is itself there is nothing to shift.
#[inline(never)]
pub fn check<'p>(arena: &'p Arena, spec: &Spec, host: &Host, maps: Maps) -> Told<'p, ()> {
    let is_same = |ranges: &[IdRange]| !ranges.is_empty() && ranges.iter().all(|range| range.inside == range.outside);
    let is_identity = match spec.namespace(Namespace::User) {
        Source::Host => true,
        Source::Private => is_same(maps.uids) && is_same(maps.gids),
        Source::Join(_) => false,
    };
    let asked = spec.volumes.iter().find(|volume| volume.idmap);
    match asked.filter(|_| !is_identity && !is_handed(spec, host, maps)) {
        Some(volume) => {
            let text =
                t!("idmap %: it takes --change-root pivot_root, and a new user namespace whose root is not yours");
            Err(Problem::refused(arena, text, &[volume.source]))
        }
        None => Ok(()),
    }
}

/// Whether the launcher opens what root inside, who is another user outside, perhaps may not.
pub fn is_handed(spec: &Spec, host: &Host, maps: Maps) -> bool {
    let root = outside(maps.uids, 0);
    spec.is_private(Namespace::User)
        && host.overlays_outside()
        && spec.change_root == ChangeRoot::Pivot
        && root.is_some_and(|root| root != host.uid)
}
