//! Ids and capabilities: which maps, which user, what may be kept (user_namespaces(7), capabilities(7)).

use super::{Draft, Step};
use crate::host::Host;
use crate::problem;
use crate::spec::{IdMap, IdRange, Namespace, Spec};
use crate::text::Problem;
use core::ffi::CStr;
use linux_raw_sys::general as k;

/// The maps of a new user namespace; empty where there is none, or where they are left unwritten.
#[derive(Clone, Copy, Debug)]
pub struct Maps<'p> {
    uids: &'p [IdRange],
    gids: &'p [IdRange],
    /// Whether there is a new user namespace.
    own: bool,
    /// Whether setgroups(2) works inside. Someone without privilege has to give it up before he may map a group.
    setgroups: bool,
}

impl Maps<'_> {
    /// Whether this group can be named inside.
    pub fn has_group(self, gid: u32) -> bool {
        !self.own || outside(self.gids, gid).is_some()
    }
}

/// Which ids the container has.
pub fn maps<'p>(spec: &'p Spec, host: &'p Host) -> Maps<'p> {
    if !spec.is_private(Namespace::User) {
        return Maps { uids: &[], gids: &[], own: false, setgroups: host.capabilities >> k::CAP_SETGID & 1 == 1 };
    }
    let (uids, gids) = (ranges(&spec.uids, &host.uids), ranges(&spec.gids, &host.gids));
    Maps { setgroups: host.maps_any() && !gids.is_empty(), own: true, uids, gids }
}

fn ranges<'p>(asked: &'p IdMap, default: &'p [IdRange]) -> &'p [IdRange] {
    match asked {
        IdMap::None => &[],
        IdMap::Ranges(ranges) => ranges,
        IdMap::Default => default,
    }
}

/// The id outside, or `None` if this one is not mapped.
fn outside(ranges: &[IdRange], inside: u32) -> Option<u32> {
    let range = ranges.iter().find(|range| inside >= range.inside && inside - range.inside < range.count)?;
    Some(range.outside + (inside - range.inside))
}

/// Whether every id that was asked for exists inside.
pub fn check(spec: &Spec, host: &Host, maps: Maps) -> Result<(), Problem> {
    if spec.user.is_none() || !spec.is_private(Namespace::User) {
        return Ok(());
    }
    let user = &host.user;
    let unmapped = |what: &str, id: u32| {
        let problem = problem!("run as {what} {id}: the id is not mapped in the container's user namespace (EINVAL)");
        Err(if host.maps_any() {
            problem.advise(alloc::format!("map it with --{}", if what == "user" { "uid-map" } else { "gid-map" }))
        } else {
            problem.advise(alloc::format!(
                "an ordinary user has one id inside: 0, or another with --uid-map {}:{}:1 --gid-map {}:{}:1",
                user.uid,
                host.uid,
                user.gid,
                host.gid
            ))
        })
    };
    if outside(maps.uids, user.uid).is_none() {
        return unmapped("user", user.uid);
    }
    let groups: &[u32] = if maps.setgroups { &user.groups } else { &[] };
    match core::iter::once(&user.gid).chain(groups).find(|gid| outside(maps.gids, **gid).is_none()) {
        Some(gid) => unmapped("group", *gid),
        None => Ok(()),
    }
}

/// The maps can only be written from outside, by a process of the parent user namespace.
pub fn write_maps<'p>(draft: &mut Draft<'p>, spec: &'p Spec, maps: Maps<'p>) {
    if !spec.is_private(Namespace::User) {
        return;
    }
    if !maps.uids.is_empty() {
        draft.must(Step::WriteMap { file: c"uid_map", ranges: maps.uids });
    }
    if !maps.gids.is_empty() {
        if !maps.setgroups {
            draft.must(Step::DenySetgroups);
        }
        draft.must(Step::WriteMap { file: c"gid_map", ranges: maps.gids });
    }
}

/// Inside, as root of the container, without the caller's groups.
pub fn take_ids<'p>(draft: &mut Draft<'p>, spec: &'p Spec, host: &Host, maps: Maps) {
    draft.when(maps.setgroups, Step::ClearGroups);
    if spec.is_private(Namespace::User) {
        let (uid, gid) = (outside(maps.uids, 0), outside(maps.gids, 0));
        let shifted = uid != Some(host.uid) || gid != Some(host.gid);
        draft.when(uid.is_some() && gid.is_some() && shifted, Step::BecomeRoot);
    }
}

/// The user of the command, and what he may.
pub fn become_user<'p>(draft: &mut Draft<'p>, spec: &'p Spec, host: &'p Host, maps: Maps, workdir: Option<&'p CStr>) {
    let own_namespace = spec.is_private(Namespace::User);
    let has = |capability: u32| own_namespace || host.capabilities >> capability & 1 == 1;
    let keep = spec.capabilities & if own_namespace { u64::MAX } else { host.capabilities };
    draft.when(has(k::CAP_SETPCAP), Step::LimitBounding { keep });
    if spec.user.is_some() {
        let user = &host.user;
        draft.must(Step::SetUser {
            uid: user.uid,
            gid: user.gid,
            groups: &user.groups,
            may_set_groups: maps.setgroups,
        });
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
    spec.is_private(Namespace::User) || host.capabilities >> k::CAP_KILL & 1 == 1
}
