//! The container's control groups (cgroups(7)): where they are made, what they are told, and what of them the container sees.
//! What is asked for is the same on every machine; the files differ.

use super::identity::Maps;
use super::{Draft, Fate, On, Step};
use crate::host::Host;
use crate::host::cgroups::{CPUSET, SUBTREE, Site, Way, enable};
use crate::spec::{Cgroups, Namespace, RateKind, Resource, Spec};
use crate::sys::{Arena, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, copy, decimal, names, number, t};
use linux_raw_sys::general as k;

/// What is done about them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CgroupStep<'p> {
    /// It is as well to go on without.
    Lack {
        controller: Word<'p>,
    },
    /// A group whose launcher is dead has no lock.
    Sweep {
        parent: Word<'p>,
    },
    Parent {
        path: Word<'p>,
    },
    /// This process alone: others that are there stay.
    Leave {
        path: Word<'p>,
    },
    Prepare {
        directory: Word<'p>,
        file: Word<'p>,
        value: Word<'p>,
    },
    /// The group of this site, which the launcher keeps locked.
    Make {
        site: u8,
        parent: Word<'p>,
    },
    /// The container's own, in the one that holds it: whose owner is a user inside could write what limits him.
    Nest {
        site: u8,
    },
    /// To the one that was made last.
    Write {
        site: u8,
        file: Word<'p>,
        value: Word<'p>,
    },
    /// The process is born in its group of version 2.
    Clone {
        flags: u32,
    },
    /// Into those of version 1.
    Enter,
    /// Now that it is in its groups, which become the first ones that it sees.
    Unshare,
    /// Read-only.
    Show {
        sites: &'p [Site<'p>],
    },
}

impl<'p> CgroupStep<'p> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Lack { .. } => t!("go on without controller %"),
            Self::Sweep { .. } => t!("remove the control groups in % of which the launcher is dead"),
            Self::Parent { .. } => t!("make the control group %"),
            Self::Leave { .. } => t!("leave the control group % for one below it"),
            Self::Prepare { .. } => t!("write % to %/%"),
            Self::Make { .. } => t!("make the container's control group in %"),
            Self::Nest { .. } => t!("make another in it, as a user inside may write to his own"),
            Self::Write { .. } => t!("write % to its %"),
            Self::Clone { .. } => t!("clone into its control group and new namespaces:%"),
            Self::Enter => t!("move the new process into its control groups"),
            Self::Unshare => t!("unshare the cgroup namespace"),
            Self::Show { .. } => t!("show the container's control groups in /sys/fs/cgroup, read-only"),
        }
    }

    /// What stands for each `%` of it.
    pub(super) fn words<'m>(&self, arena: &'m Arena) -> [Word<'m>; 3]
    where
        'p: 'm,
    {
        let none = Word::default();
        match *self {
            Self::Lack { controller: path }
            | Self::Sweep { parent: path }
            | Self::Parent { path }
            | Self::Leave { path }
            | Self::Make { parent: path, .. } => [path, none, none],
            Self::Prepare { directory, file, value } => [value, directory, file],
            Self::Write { file, value, .. } => [value, file, none],
            Self::Clone { flags } => [super::step::namespaces(arena, flags), none, none],
            Self::Nest { .. } | Self::Enter | Self::Unshare | Self::Show { .. } => [none; 3],
        }
    }
}

/// While the host is as it was: the groups are made and told.
pub fn prepare<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>, maps: Maps) {
    for controller in host.cgroups.lacking {
        draft.must(Step::Cgroup(CgroupStep::Lack { controller: *controller }));
    }
    for parent in host.cgroups.others {
        draft.add(WISHED, Step::Cgroup(CgroupStep::Sweep { parent: *parent }));
    }
    for (number, site) in host.cgroups.all.iter().enumerate() {
        let (parent, number, fate) = (site.parent, number as u8, fate_of(spec, site));
        let mut is_new = false;
        let ways = site.ways.iter().map(|way| (fate, way));
        for (fate, way) in ways.chain(site.wishes.iter().map(|way| (WISHED, way))) {
            let step = match *way {
                Way::Make(path) => {
                    is_new |= path == parent;
                    CgroupStep::Parent { path }
                }
                Way::Leave(path) => CgroupStep::Leave { path },
                Way::Write { directory, file, value } => CgroupStep::Prepare { directory, file, value },
            };
            draft.add(fate, Step::Cgroup(step));
        }
        if !is_new {
            draft.add(fate, Step::Cgroup(CgroupStep::Sweep { parent }));
        }
        let mut add = |step| draft.add(fate, Step::Cgroup(step));
        add(CgroupStep::Make { site: number, parent });
        for (file, value) in CPUSET.into_iter().zip(site.cpuset.into_iter().flatten()) {
            // What is asked for comes after.
            add(CgroupStep::Write { site: number, file, value });
        }
        let is_nested = crate::host::ids::is_inside(spec, maps.uids, host.uid);
        tell(draft, spec, host, (site, number), u32::from(is_nested));
        super::devices::confine(draft, spec, host, usize::from(number));
        if is_nested {
            let enabled = enable(draft.lines.arena(), site.controllers, &|_| true);
            let mut add = |step| draft.add(fate, Step::Cgroup(step));
            if site.cpuset.is_some() {
                add(CgroupStep::Write { site: number, file: word(c"cgroup.clone_children"), value: word(c"1") });
            }
            if let Some(value) = enabled {
                add(CgroupStep::Write { site: number, file: SUBTREE, value });
            }
            add(CgroupStep::Nest { site: number });
            tell(draft, spec, host, (site, number), 0);
        }
    }
}

/// What a failure means where the container is as good without.
const WISHED: Fate = Fate::May(On::NoGroup);

fn fate_of(spec: &Spec, site: &Site) -> Fate {
    if site.is_wished { WISHED } else { fate(spec, Fate::Must) }
}

/// What a group is told; `below`: how many of the container's own groups are not the command's.
#[inline(never)]
fn tell<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>, (site, slot): (&Site<'p>, u8), below: u32) {
    let (arena, is_unified) = (draft.lines.arena(), site.hierarchy.is_unified());
    let is_here = |resource: &Resource| match resource.controller() {
        b"cgroup" => is_unified,
        name if is_unified => !host.cgroups.all.iter().any(|other| other.hierarchy.has(name)),
        name => site.hierarchy.has(name),
    };
    let mut disks = host.cgroups.disks.iter();
    for resource in spec.resources.iter() {
        let disk = match resource {
            Resource::Rate { .. } => disks.next().copied().unwrap_or_default(),
            _ => Word::default(),
        };
        if is_here(resource) {
            files(arena, resource, spec.memory(), disk, is_unified, &mut |on, file, value| {
                // Of groups themselves there are more then.
                let is_of_groups = resource.controller() == b"cgroup";
                let most = number::decimal(value.bytes()).filter(|_| below > 0 && is_of_groups);
                let value = most.map_or(value, |most| decimal(arena, u64::from(most) + u64::from(below)));
                draft.add(fate(spec, on), Step::Cgroup(CgroupStep::Write { site: slot, file, value }));
            });
        }
    }
}

/// What a failure means: what is tried in two ways still is.
fn fate(spec: &Spec, fate: Fate) -> Fate {
    match fate {
        Fate::Must if spec.cgroups == Cgroups::Best => Fate::Best,
        Fate::Instead if spec.cgroups == Cgroups::Best => Fate::InsteadBest,
        fate => fate,
    }
}

/// Of memory and swap together, and of swap alone.
pub const SWAP_IN_1: Word<'static> = word(c"memory.memsw.limit_in_bytes");
pub const SWAP_IN_2: Word<'static> = word(c"memory.swap.max");

/// Calls `write` with each file of version 1 or 2 and its value, in the order in which a new group takes them.
pub fn files<'p>(
    arena: &'p Arena,
    resource: &Resource<'p>,
    [memory, both]: [Option<Option<u64>>; 2],
    disk: Word<'p>,
    is_unified: bool,
    write: &mut dyn FnMut(Fate, Word<'p>, Word<'p>),
) {
    let pick = |old: Word<'static>, new: Word<'static>| if is_unified { new } else { old };
    let most = |most: Option<u64>| most.map_or(pick(word(c"-1"), word(c"max")), |most| decimal(arena, most));
    if let Resource::Memory(limit) = *resource {
        write(Fate::Must, pick(word(c"memory.limit_in_bytes"), word(c"memory.max")), most(limit));
        if both.is_none() {
            // As much swap again, as Docker has it; a kernel that does not count swap cannot limit it.
            let factor = if is_unified { 1 } else { 2 };
            let swap = most(limit.map(|limit| limit.saturating_mul(factor)));
            write(Fate::May(On::Missing), pick(SWAP_IN_1, SWAP_IN_2), swap);
        }
    }
    let mut must = |file, value| write(Fate::Must, file, value);
    match *resource {
        Resource::Memory(_) => {}
        Resource::MemoryReservation(limit) => {
            // None is protected in version 2 unless it is said.
            let none = if is_unified { word(c"0") } else { word(c"-1") };
            let value = limit.map_or(none, |limit| decimal(arena, limit));
            must(pick(word(c"memory.soft_limit_in_bytes"), word(c"memory.low")), value);
        }
        Resource::MemorySwap(limit) => {
            // Version 2 limits what is beside the memory.
            let memory = memory.flatten().filter(|_| is_unified).unwrap_or(0);
            let value = most(limit.map(|limit| limit.saturating_sub(memory)));
            must(pick(SWAP_IN_1, SWAP_IN_2), value);
        }
        Resource::Pids(limit) => must(word(c"pids.max"), limit.map_or(word(c"max"), |limit| decimal(arena, limit))),
        Resource::Cpus(quota) => {
            let period = decimal(arena, Resource::PERIOD);
            let value = most(quota);
            if is_unified {
                must(word(c"cpu.max"), copy(arena, &[value.bytes(), b" ", period.bytes()]));
            } else {
                // A new group has that period.
                must(word(c"cpu.cfs_quota_us"), value);
            }
        }
        Resource::CpuShares(shares) if is_unified => {
            // From 2 to 262144 as from 1 to 10000, as every engine has it.
            must(word(c"cpu.weight"), decimal(arena, 1 + (shares - 2) * 9999 / 262_142));
        }
        Resource::CpuShares(shares) => must(word(c"cpu.shares"), decimal(arena, shares)),
        Resource::CpusetCpus(list) => must(CPUSET[0], list),
        Resource::CpusetMems(list) => must(CPUSET[1], list),
        Resource::BlkioWeight(weight) => {
            // Which of them there is tells the disks' scheduler.
            let value = decimal(arena, weight);
            let first = pick(word(c"blkio.bfq.weight"), word(c"io.bfq.weight"));
            let (second, other) = match is_unified {
                true => (word(c"io.weight"), decimal(arena, 1 + (weight - 10) * 9999 / 990)),
                false => (word(c"blkio.weight"), value),
            };
            write(Fate::Try(On::Missing), first, value);
            write(Fate::Instead, second, other);
        }
        Resource::Rate { kind, most: limit, .. } => {
            let mut value = Text::new(arena);
            value.add(disk.bytes()).add(b" ");
            if is_unified {
                value.add(names::at("rbps wbps riops wiops", kind as usize)).add(b"=").add(most(limit).bytes());
                return must(word(c"io.max"), value.word());
            }
            value.number(limit.unwrap_or(0));
            let file = match kind {
                RateKind::ReadBytes => word(c"blkio.throttle.read_bps_device"),
                RateKind::WriteBytes => word(c"blkio.throttle.write_bps_device"),
                RateKind::ReadOperations => word(c"blkio.throttle.read_iops_device"),
                RateKind::WriteOperations => word(c"blkio.throttle.write_iops_device"),
            };
            must(file, value.word());
        }
        Resource::File { name, value } => must(name, value),
    }
}

/// The clone, as far as groups change it.
pub fn clone(host: &Host, flags: u32) -> (Step<'static>, u32) {
    let sites = host.cgroups.all;
    // Its namespace begins where the process is when it is made; the older call, and version 1, move it only then.
    let flags = if sites.is_empty() { flags } else { flags & !k::CLONE_NEWCGROUP };
    let is_born = sites.iter().any(|site| site.hierarchy.is_unified());
    (if is_born { Step::Cgroup(CgroupStep::Clone { flags }) } else { Step::Clone { flags } }, flags)
}

/// What is left to do after the clone.
pub fn enter(draft: &mut Draft, spec: &Spec, host: &Host) {
    let is_moved = host.cgroups.all.iter().any(|site| !site.hierarchy.is_unified());
    match draft.phase {
        super::Phase::Parent if is_moved => {
            let is_needed = host.cgroups.needed().iter().any(|site| !site.hierarchy.is_unified());
            let fate = if is_needed { fate(spec, Fate::Must) } else { WISHED };
            draft.add(fate, Step::Cgroup(CgroupStep::Enter));
        }
        super::Phase::Outside if !host.cgroups.all.is_empty() && spec.is_private(Namespace::Cgroup) => {
            draft.must(Step::Cgroup(CgroupStep::Unshare));
        }
        _ => {}
    }
}

/// In the container's own sysfs.
pub fn show<'p>(draft: &mut Draft<'p>, spec: &Spec, host: &Host<'p>) {
    let sites = host.cgroups.needed();
    if !sites.is_empty() && spec.is_private(Namespace::Cgroup) {
        // An outer container may refuse the mount, or a group above be closed to others: then the host's are shown.
        let step = CgroupStep::Show { sites };
        draft.add(Fate::May(On::NoPlace), Step::Cgroup(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: u64 = 1 << 20;

    /// What both versions are told: `FILE=VALUE`, each after how its failure is taken if that is no error.
    fn told(resource: Resource, memory: [Option<Option<u64>>; 2], is_unified: bool) -> Vec<String> {
        let arena = Arena::new().unwrap();
        let mut all = Vec::new();
        let string = |word: Word| String::from_utf8(word.bytes().to_vec()).unwrap();
        files(&arena, &resource, memory, word(c"8:16"), is_unified, &mut |fate, file, value| {
            let fate = match fate {
                Fate::Must => "",
                Fate::May(On::Missing) => "may ",
                Fate::Try(On::Missing) => "try ",
                Fate::Instead => "or ",
                other => panic!("{other:?}"),
            };
            all.push(format!("{fate}{}={}", string(file), string(value)));
        });
        all
    }

    #[test]
    fn each_limit_has_its_file_in_both_versions() {
        use Resource as R;
        let rate = |kind, most| R::Rate { kind, device: word(c"/dev/sdb"), most };
        let (none, some) = ([None, None], |memory, both| [Some(memory), Some(both)]);
        let both = |of_both: &'static str| (of_both, of_both);
        for (resource, memory, (old, new)) in [
            (
                R::Memory(Some(64 * M)),
                none,
                (
                    "memory.limit_in_bytes=67108864, may memory.memsw.limit_in_bytes=134217728",
                    "memory.max=67108864, may memory.swap.max=67108864",
                ),
            ),
            (
                R::Memory(None),
                none,
                (
                    "memory.limit_in_bytes=-1, may memory.memsw.limit_in_bytes=-1",
                    "memory.max=max, may memory.swap.max=max",
                ),
            ),
            (R::Memory(Some(M)), some(Some(M), Some(M)), ("memory.limit_in_bytes=1048576", "memory.max=1048576")),
            (
                R::MemorySwap(Some(3 * M)),
                some(Some(M), Some(3 * M)),
                ("memory.memsw.limit_in_bytes=3145728", "memory.swap.max=2097152"),
            ),
            (
                R::MemorySwap(Some(M)),
                some(Some(M), Some(M)),
                ("memory.memsw.limit_in_bytes=1048576", "memory.swap.max=0"),
            ),
            (R::MemorySwap(None), some(Some(M), None), ("memory.memsw.limit_in_bytes=-1", "memory.swap.max=max")),
            (R::MemoryReservation(Some(M)), none, ("memory.soft_limit_in_bytes=1048576", "memory.low=1048576")),
            (R::MemoryReservation(None), none, ("memory.soft_limit_in_bytes=-1", "memory.low=0")),
            (R::Pids(Some(12)), none, both("pids.max=12")),
            (R::Pids(None), none, both("pids.max=max")),
            (R::Cpus(Some(50_000)), none, ("cpu.cfs_quota_us=50000", "cpu.max=50000 100000")),
            (R::Cpus(Some(150_000)), none, ("cpu.cfs_quota_us=150000", "cpu.max=150000 100000")),
            (R::Cpus(None), none, ("cpu.cfs_quota_us=-1", "cpu.max=max 100000")),
            (R::CpuShares(2), none, ("cpu.shares=2", "cpu.weight=1")),
            (R::CpuShares(1024), none, ("cpu.shares=1024", "cpu.weight=39")),
            (R::CpuShares(262_144), none, ("cpu.shares=262144", "cpu.weight=10000")),
            (R::CpusetCpus(word(c"0-3,7")), none, both("cpuset.cpus=0-3,7")),
            (R::CpusetMems(word(c"1")), none, both("cpuset.mems=1")),
            (
                R::BlkioWeight(10),
                none,
                ("try blkio.bfq.weight=10, or blkio.weight=10", "try io.bfq.weight=10, or io.weight=1"),
            ),
            (
                R::BlkioWeight(1000),
                none,
                ("try blkio.bfq.weight=1000, or blkio.weight=1000", "try io.bfq.weight=1000, or io.weight=10000"),
            ),
            (
                rate(RateKind::ReadBytes, Some(M)),
                none,
                ("blkio.throttle.read_bps_device=8:16 1048576", "io.max=8:16 rbps=1048576"),
            ),
            (
                rate(RateKind::WriteBytes, None),
                none,
                ("blkio.throttle.write_bps_device=8:16 0", "io.max=8:16 wbps=max"),
            ),
            (
                rate(RateKind::ReadOperations, Some(9)),
                none,
                ("blkio.throttle.read_iops_device=8:16 9", "io.max=8:16 riops=9"),
            ),
            (
                rate(RateKind::WriteOperations, Some(9)),
                none,
                ("blkio.throttle.write_iops_device=8:16 9", "io.max=8:16 wiops=9"),
            ),
            (R::File { name: word(c"memory.high"), value: word(c"48m") }, none, both("memory.high=48m")),
        ] {
            assert_eq!(told(resource, memory, false).join(", "), old, "{resource:?}");
            assert_eq!(told(resource, memory, true).join(", "), new, "{resource:?}");
        }
    }

    /// What is done about these sites: each sentence, marked where it may fail.
    fn planned(sites: &[Site], change: fn(&mut Spec)) -> Vec<String> {
        let arena = Arena::new().unwrap();
        let mut spec = Spec::new(&arena);
        change(&mut spec);
        let mut draft =
            Draft { phase: super::super::Phase::Launcher, strict: false, lines: crate::sys::List::new(&arena) };
        let host = Host {
            cgroups: crate::host::cgroups::Sites { all: sites, ..Default::default() },
            ..super::super::tests::host(true)
        };
        prepare(&mut draft, &spec, &host, super::super::identity::maps(&spec, &host));
        draft.phase = super::super::Phase::Parent;
        enter(&mut draft, &spec, &host);
        let said = |line: &super::super::Line| {
            let mut text = Text::new(&arena);
            line.step.write(&mut text);
            let may = if line.fate == WISHED { "may " } else { "" };
            format!("{may}{}", str::from_utf8(text.bytes()).unwrap())
        };
        draft.lines.iter().map(said).collect()
    }

    #[test]
    fn what_is_only_wished_may_fail() {
        use crate::host::cgroups::{Hierarchy, SUBTREE};
        let hierarchy = |controllers| Hierarchy { controllers, root: word(c"/r"), own: word(c"/r/own") };
        let enable = |value| [Way::Write { directory: word(c"/r"), file: SUBTREE, value }];
        let (ways, wishes) = (enable(word(c"+memory")), enable(word(c"+io")));
        let needed = Site {
            hierarchy: hierarchy(b""),
            parent: word(c"/r/aril"),
            ways: &ways,
            wishes: &wishes,
            controllers: &[],
            is_wished: false,
            cpuset: None,
        };
        // Whoever is root inside as well has one in it.
        const NEST: &str = "make another in it, as a user inside may write to his own";
        assert_eq!(
            planned(&[needed], |_| {}),
            [
                "write +memory to /r/cgroup.subtree_control",
                "may write +io to /r/cgroup.subtree_control",
                "remove the control groups in /r/aril of which the launcher is dead",
                "make the container's control group in /r/aril",
                NEST,
            ]
        );
        let wished =
            |controllers| Site { hierarchy: hierarchy(controllers), ways: &[], wishes: &[], is_wished: true, ..needed };
        let one = [
            "remove the control groups in /r/aril of which the launcher is dead",
            "make the container's control group in /r/aril",
            NEST,
        ];
        let may = one.map(|line| format!("may {line}"));
        let enter = "move the new process into its control groups";
        let both = [&may[..], &may, &[format!("may {enter}")]].concat();
        assert_eq!(planned(&[wished(b"memory"), wished(b"freezer")], |_| {}), both);
        let pids = Site { is_wished: false, ..wished(b"pids") };
        assert_eq!(planned(&[pids, wished(b"freezer")], |_| {}).last().unwrap(), enter);
    }
}
