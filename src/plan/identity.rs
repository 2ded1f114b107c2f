//! Ids and capabilities: which maps, which user, what may be kept (user_namespaces(7), capabilities(7)).

use super::{Draft, Fate, On, Step};
use crate::host::Host;
#[cfg(feature = "full")]
use crate::host::Ids;
use crate::spec::{IdRange, Namespace, Source, Spec};
use crate::sys::identity::CapabilitySet;
use crate::sys::{Arena, Word, word};
use crate::text::{Problem, Told, decimal, t};
use linux_raw_sys::general as k;

/// The ids inside; none where the maps are left unwritten.
#[derive(Clone, Copy, Debug)]
pub struct Maps<'p> {
    pub uids: &'p [IdRange],
    pub gids: &'p [IdRange],
    /// Whether setgroups(2) works inside. Someone without privilege has to give it up before he may map a group.
    setgroups: bool,
}

/// Which ids the container has.
pub fn maps<'p>(spec: &'p Spec, host: &Host<'p>) -> Maps<'p> {
    if spec.is_private(Namespace::User) {
        let (uids, gids) = (spec.uids.ranges(host.uids), spec.gids.ranges(host.gids));
        return Maps { setgroups: host.maps_groups() && host.has_setgroups && !gids.is_empty(), uids, gids };
    }
    let is_host = spec.is_hosts(Namespace::User);
    let setgroups = is_host && host.has(k::CAP_SETGID) && host.has_setgroups;
    Maps { uids: host.uids, gids: host.gids, setgroups }
}

/// The same of one that runs already, whose maps a host has read.
#[cfg(feature = "full")]
pub fn maps_of_running<'p>(spec: &Spec, host: &Host<'p>) -> Maps<'p> {
    if spec.is_private(Namespace::User) {
        return Maps { uids: host.uids, gids: host.gids, setgroups: host.has_setgroups && !host.gids.is_empty() };
    }
    Maps {
        uids: host.uids,
        gids: host.gids,
        setgroups: spec.is_hosts(Namespace::User) && host.has(k::CAP_SETGID) && host.has_setgroups,
    }
}

/// The id outside, or `None` if this one is not mapped.
pub fn outside(ranges: &[IdRange], inside: u32) -> Option<u32> {
    let range = ranges.iter().find(|range| inside.wrapping_sub(range.inside) < range.count)?;
    Some(range.outside.wrapping_add(inside - range.inside))
}

/// Whether this group can be named inside; `None` in a user namespace that is joined, whose ids are not known.
pub fn has_group(spec: &Spec, maps: Maps, gid: u32) -> Option<bool> {
    match spec.namespace(Namespace::User) {
        Source::Join(_) => None,
        _ => Some(outside(maps.gids, gid).is_some()),
    }
}

/// Whether the command runs as someone else than the container's root without groups.
fn changes_user(spec: &Spec) -> bool {
    #[cfg(feature = "full")]
    if !spec.groups.is_empty() {
        return true;
    }
    spec.user.is_some()
}

/// Whether every id that was asked for exists inside.
pub fn check<'p>(arena: &'p Arena, spec: &Spec, host: &Host, maps: Maps) -> Told<'p, ()> {
    #[cfg(feature = "full")]
    if !spec.groups.is_empty() && !maps.setgroups {
        let problem = Problem::refused(arena, t!("add groups: setgroups is denied in this user namespace"), &[]);
        return Err(problem.advise(arena, t!("an ordinary user has one group inside"), &[]));
    }
    if !changes_user(spec) || !spec.is_private(Namespace::User) {
        return Ok(());
    }
    let user = &host.user;
    if outside(maps.uids, user.uid).is_none() {
        return Err(unmapped(arena, host, word(c"user"), word(c"uid"), user.uid));
    }
    let groups: &[u32] = if maps.setgroups { user.groups } else { &[] };
    let is_unmapped = |gid: &&u32| outside(maps.gids, **gid).is_none();
    match groups.iter().chain([&user.gid]).find(is_unmapped) {
        Some(gid) => Err(unmapped(arena, host, word(c"group"), word(c"gid"), *gid)),
        None => Ok(()),
    }
}

fn unmapped<'p>(arena: &'p Arena, host: &Host, what: Word, option: Word, id: u32) -> &'p Problem<'p> {
    let id = decimal(arena, id.into());
    let text = t!("run as % %: the id is not mapped in the container's user namespace (EINVAL)");
    let problem = Problem::refused(arena, text, &[what, id]);
    #[cfg(feature = "full")]
    match host.ids {
        Ids::Granted(_) => return problem.advise(arena, t!("/etc/subuid and /etc/subgid give no more"), &[]),
        Ids::Unused(_) => return problem.advise(arena, t!("say --userns identity, or map it with --%-map"), &[option]),
        Ids::Own(Some(lack)) if !host.maps_any() => {
            let (advice, words) = super::ids::because(arena, lack);
            return problem.advise(arena, advice, &words);
        }
        Ids::Own(_) => {}
    }
    if host.maps_any() {
        return problem.advise(arena, t!("map it with --%-map"), &[option]);
    }
    let [uid, own_uid, gid, own_gid] =
        [host.user.uid, host.uid, host.user.gid, host.gid].map(|id| decimal(arena, id.into()));
    let text = t!("an ordinary user has one id inside: 0, or another with --uid-map %:%:1 --gid-map %:%:1");
    problem.advise(arena, text, &[uid, own_uid, gid, own_gid])
}

/// The maps can only be written from outside, by a process of the parent user namespace.
pub fn write_maps<'p>(draft: &mut Draft<'p>, spec: &Spec, maps: Maps<'p>) {
    if !spec.is_private(Namespace::User) {
        return;
    }
    if !maps.uids.is_empty() {
        draft.must(Step::WriteMap { file: word(c"uid_map"), ranges: maps.uids });
    }
    if !maps.gids.is_empty() {
        if !maps.setgroups {
            draft.must(Step::DenySetgroups);
        }
        draft.must(Step::WriteMap { file: word(c"gid_map"), ranges: maps.gids });
    }
}

/// Inside, as root of the container, without the caller's groups.
pub fn take_ids(draft: &mut Draft, spec: &Spec, host: &Host, maps: Maps) {
    draft.when(maps.setgroups, Step::ClearGroups);
    if spec.is_joined(Namespace::User) {
        // Whether that one has given setgroups(2) up is not known.
        draft.add(Fate::May(On::Refused), Step::ClearGroups);
        // Else the caller would stay who he is, whom that one may not know: root of the machine, if he is.
        draft.must(Step::BecomeRoot);
    }
    if spec.is_private(Namespace::User) {
        let (uid, gid) = (outside(maps.uids, 0), outside(maps.gids, 0));
        let shifted = uid != Some(host.uid) || gid != Some(host.gid);
        draft.when(uid.is_some() && gid.is_some() && shifted, Step::BecomeRoot);
    }
}

/// What the command may have at most, of a caller who has these.
pub fn kept(spec: &Spec, capabilities: CapabilitySet) -> CapabilitySet {
    spec.capabilities & if spec.is_private(Namespace::User) { u64::MAX } else { capabilities }
}

/// The user of the command, and what he may.
pub fn become_user<'p>(draft: &mut Draft<'p>, spec: &'p Spec, host: &'p Host, maps: Maps, workdir: Option<Word<'p>>) {
    let has = |capability: u32| spec.is_private(Namespace::User) || host.has(capability);
    let keep = kept(spec, host.capabilities);
    draft.when(has(k::CAP_SETPCAP), Step::LimitBounding { keep });
    if changes_user(spec) {
        let user = &host.user;
        draft.must(Step::SetUser { uid: user.uid, gid: user.gid, groups: user.groups, may_set_groups: maps.setgroups });
    }
    if let Some(path) = workdir {
        draft.must(Step::ChangeDirectory { path });
    }
    // Whoever is not root has none after the change of user, and none to give back.
    let is_root = host.user.uid == 0;
    draft.must(Step::SetCapabilities { keep: if is_root { keep } else { 0 } });
}

/// Whether the init has anything to drop: capabilities, in its own user namespace or the caller's.
pub fn may_drop(spec: &Spec, host: &Host) -> bool {
    spec.is_private(Namespace::User) || host.has(k::CAP_KILL)
}

/// What it takes to remove what was made, whoever owns the directory, and to end who is left, whoever that is.
const CLEANING_UP: CapabilitySet =
    1 << k::CAP_DAC_OVERRIDE | 1 << k::CAP_DAC_READ_SEARCH | 1 << k::CAP_FOWNER | 1 << k::CAP_KILL;

/// The launcher keeps no more than its end takes.
pub fn keep_for_the_end(draft: &mut Draft, spec: &Spec, host: &Host) {
    let keep = host.capabilities & CLEANING_UP;
    // A rehearsal goes on with the next one.
    draft.when(keep != host.capabilities && !spec.is_rehearsal(), Step::SetCapabilities { keep });
}
