//! The control groups of this machine (cgroups(7)): which hierarchies are mounted where, where in them the caller is, and where
//! a container's own groups would be.

use super::mounts::unescape;
use super::rootfs::{read_file, read_path};
use crate::spec::{Cgroups, Resource, Spec};
use crate::sys::file::{self, Kind, Open};
use crate::sys::process::Pid;
use crate::sys::{Arena, At, List, Word, word};
use crate::text::{Problem, Text, Told, copy, cut, decimal, number, path, split, t};

/// A hierarchy of control groups that is mounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hierarchy<'m> {
    /// Of version 1: what is mounted there, as `cpu,cpuacct`; empty: it is version 2.
    pub controllers: &'m [u8],
    /// The directory of its first group, as far as it can be seen here.
    pub root: Word<'m>,
    /// The directory of the caller's group.
    pub own: Word<'m>,
}

/// Where a container's group is made in a hierarchy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Site<'m> {
    pub hierarchy: Hierarchy<'m>,
    pub parent: Word<'m>,
    /// Of version 2: those that are to be had below the parent.
    pub controllers: &'m [&'m [u8]],
    /// What has to be done first, in order.
    pub ways: &'m [Way<'m>],
    /// What is done then, where it can be: controllers of which nothing but figures is wanted.
    pub wishes: &'m [Way<'m>],
    /// The container is as good without this group.
    pub is_wished: bool,
    /// Of a cpuset of version 1: what a new group has to be told before anything can be in it.
    pub cpuset: Option<[Word<'m>; 2]>,
}

/// Something on the way to a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way<'m> {
    Make(Word<'m>),
    /// The caller's own process may not stay in a group of which the parts are limited.
    Leave(Word<'m>),
    Write {
        directory: Word<'m>,
        file: Word<'static>,
        value: Word<'m>,
    },
}

/// All that a Spec needs to know of them.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sites<'m> {
    pub all: &'m [Site<'m>],
    /// Controllers that are asked for and that there are not.
    pub lacking: &'m [Word<'m>],
    /// `MAJOR:MINOR` of each block device whose rate is limited, in the order of the Spec.
    pub disks: &'m [Word<'m>],
    /// Of other hierarchies, where containers have groups, or have left some.
    pub others: &'m [Word<'m>],
    /// Which of them says what devices may be used: of version 1 that of the controller, else that of version 2.
    pub of_devices: Option<usize>,
}

impl<'m> Hierarchy<'m> {
    pub fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// Whether it is one of version 1 with this controller, by its name in version 2.
    pub fn has(&self, controller: &[u8]) -> bool {
        split(self.controllers, b',').any(|own| own == name_in_1(controller))
    }

    /// What the groups below this one can limit.
    pub fn controllers_in(&self, arena: &'m Arena, group: Word) -> &'m [u8] {
        if self.is_unified() { first_line(arena, group, c"/cgroup.controllers") } else { self.controllers }
    }

    /// The group that was made for the container in which the process is: its own, or one above that.
    pub fn container<'a>(&self, arena: &'a Arena) -> Option<Word<'a>> {
        let mut path = self.own.bytes();
        loop {
            let (above, name) = path.split_at(path.iter().rposition(|byte| *byte == b'/')?);
            if is_name(&name[1..]) {
                return Some(copy(arena, &[path]));
            }
            path = above;
        }
    }

    /// Whether the container's group has this controller, which for `cgroup` is what each group of version 2 has.
    pub fn controls(&self, arena: &Arena, controller: &[u8]) -> bool {
        let group = self.container(arena).unwrap_or(self.own);
        let is_listed =
            || controller == b"cgroup" || has_word(first_line(arena, group, c"/cgroup.controllers"), controller);
        if self.is_unified() { is_listed() } else { self.has(controller) }
    }
}

/// The name of a controller in version 1.
pub fn name_in_1(controller: &[u8]) -> &[u8] {
    if controller == b"io" { b"blkio" } else { controller }
}

/// Every hierarchy that a process is in and that can be reached here. It is named as in `/proc`.
pub fn hierarchies<'m>(arena: &'m Arena, process: Word) -> Told<'m, &'m [Hierarchy<'m>]> {
    let groups = read_file(arena, copy(arena, &[b"/proc/", process.bytes(), b"/cgroup"]))?;
    let mounts = read_file(arena, word(c"/proc/self/mountinfo"))?;
    Ok(find(arena, groups, mounts, &is_seen))
}

/// The hierarchies in which a container has groups, by its launcher and its init: those in which both are not in the same.
pub fn groups_of<'m>(arena: &'m Arena, launcher: Pid, init: Pid) -> Told<'m, &'m [Hierarchy<'m>]> {
    let of = |Pid(pid)| hierarchies(arena, decimal(arena, pid as u64));
    let (outside, inside) = (of(launcher)?, of(init)?);
    let mut groups = List::new(arena);
    for hierarchy in
        inside.iter().filter(|hierarchy| !outside.contains(hierarchy) && hierarchy.container(arena).is_some())
    {
        groups.push(*hierarchy);
    }
    Ok(groups.finish())
}

/// Whether this mount is not covered by another.
fn is_seen(id: u32, point: Word) -> bool {
    file::mount_id(At::CWD, point) == Ok(id.into())
}

/// How the names of all containers' groups begin.
pub const PREFIX: &[u8] = b"aril-";

/// Whether it is the name of a container's group.
pub fn is_name(name: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    name.strip_prefix(PREFIX).is_some_and(|digits| digits.len() == 8 && digits.iter().all(is_digit))
}

/// The same of a process, from the texts of proc_pid_cgroup(5) and proc_pid_mountinfo(5).
pub fn find<'m>(
    arena: &'m Arena,
    groups: &'m [u8],
    mounts: &'m [u8],
    is_seen: &dyn Fn(u32, Word) -> bool,
) -> &'m [Hierarchy<'m>] {
    let mut found = List::new(arena);
    for (controllers, path) in split(groups, b'\n').filter_map(parse_group) {
        let mounted = split(mounts, b'\n').filter_map(|line| Mounted::parse(arena, line));
        for mount in mounted.filter(|mount| mount.has(controllers)) {
            // What is mounted may be a part of the hierarchy, and the caller outside of it.
            let Some(below) = below(path, mount.root.bytes()) else { continue };
            if is_seen(mount.id, mount.point) {
                let own = copy(arena, &[mount.point.bytes(), below]);
                found.push(Hierarchy { controllers, root: mount.point, own });
                break;
            }
        }
    }
    found.finish()
}

/// `NUMBER:CONTROLLERS:PATH`. A hierarchy with a name has no controllers.
fn parse_group(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (controllers, path) = cut(cut(line, b':').1?, b':');
    Some((controllers, path?)).filter(|(controllers, _)| !controllers.starts_with(b"name="))
}

/// What of a path lies below this one: empty, or it begins with `/`.
fn below<'p>(path: &'p [u8], root: &[u8]) -> Option<&'p [u8]> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = path.strip_prefix(root)?;
    // Beside or above what this cgroup namespace shows.
    if rest.starts_with(b"/..") {
        return None;
    }
    let rest = if rest == b"/" { b"" } else { rest };
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

/// A hierarchy, or a part of it, in the mount table.
struct Mounted<'m> {
    id: u32,
    root: Word<'m>,
    point: Word<'m>,
    is_unified: bool,
    options: &'m [u8],
}

impl<'m> Mounted<'m> {
    /// `31 23 0:28 /root /point options optional… - cgroup source rw,memory`.
    fn parse(arena: &'m Arena, line: &'m [u8]) -> Option<Self> {
        let mut words = split(line, b' ');
        let id = number::decimal(words.next()?)?;
        let (root, point) = (words.nth(2)?, words.next()?);
        while words.next()? != b"-" {}
        let kind = words.next()?;
        let is_unified = kind == b"cgroup2";
        (is_unified || kind == b"cgroup").then_some(())?;
        let options = words.nth(1).unwrap_or_default();
        Some(Self { id, root: unescape(arena, root), point: unescape(arena, point), is_unified, options })
    }

    fn has(&self, controllers: &[u8]) -> bool {
        if controllers.is_empty() {
            return self.is_unified;
        }
        let is_option = |controller| split(self.options, b',').any(|option| option == controller);
        !self.is_unified && split(controllers, b',').all(is_option)
    }
}

impl<'m> Sites<'m> {
    /// Looks where this Spec's groups would be.
    ///
    /// # Errors
    /// There are none, or a controller is missing, unless it is as well to go on without; a disk is none.
    pub fn read(arena: &'m Arena, spec: &Spec<'m>, uid: u32) -> Told<'m, Self> {
        if !spec.wants_cgroups() {
            return Ok(Self::default());
        }
        let (mut disks, mut sites, mut lacking) = (List::new(arena), List::new(arena), List::new(arena));
        for resource in spec.resources.iter() {
            if let Resource::Rate { device, .. } = resource {
                disks.push(disk(arena, *device)?);
            }
        }
        let all = hierarchies(arena, word(c"self"))?;
        let is_wanted = |name: &[u8]| spec.resources.iter().any(|resource| resource.controller() == name);
        let (mut unified, mut listed) = (List::new(arena), None);
        let there = |root| first_line(arena, root, c"/cgroup.controllers");
        for (at, resource) in spec.resources.iter().enumerate() {
            let name = resource.controller();
            let is_first = !spec.resources[..at].iter().any(|other| other.controller() == name);
            if !is_first || all.iter().any(|hierarchy| hierarchy.has(name)) {
                continue;
            }
            match all.iter().find(|hierarchy| hierarchy.is_unified()) {
                // What no controller has is every group's.
                Some(_) if name == b"cgroup" => {}
                Some(hierarchy) if has_word(listed.get_or_insert_with(|| there(hierarchy.root)), name) => {
                    unified.push(name)
                }
                _ if spec.cgroups == Cgroups::Best => lacking.push(copy(arena, &[name])),
                _ => return Err(lacks(arena, all.is_empty(), name)),
            }
        }
        let (unified, has_core): (&[&[u8]], _) = (unified.finish(), is_wanted(b"cgroup"));
        let (mut wished, mut last, mut wishes) = (List::new(arena), None, List::new(arena));
        let core = all.iter().find(|hierarchy| hierarchy.is_unified());
        if let (Some(core), [_, ..]) = (core, spec.wished_controllers()) {
            // Who may not enable one has it already or not at all.
            let there = there(if uid == 0 { core.root } else { core.own });
            for name in spec.wished_controllers() {
                let is_elsewhere = unified.contains(name) || all.iter().any(|hierarchy| hierarchy.has(name));
                if !is_elsewhere && has_word(there, name) {
                    wishes.push(*name);
                }
            }
        }
        let wishes: &[&[u8]] = wishes.finish();
        // Of an ordinary user's group nobody lets a program decide, nor does a file.
        let confines_devices = uid == 0 && spec.confines_devices();
        let with_devices = all.iter().find(|hierarchy| hierarchy.has(b"devices")).or(core);
        if confines_devices && with_devices.is_none() {
            match spec.cgroups {
                _ if !spec.has_half_devices() => {}
                Cgroups::Best => lacking.push(word(c"devices")),
                _ => return Err(lacks(arena, all.is_empty(), b"devices")),
            }
        }
        for hierarchy in all {
            let is_of_devices = confines_devices && with_devices == Some(hierarchy);
            let is_needed = spec.resources.iter().any(|resource| hierarchy.has(resource.controller()));
            if is_needed || is_of_devices || hierarchy.is_unified() && (!unified.is_empty() || has_core) {
                sites.push(Site::read(arena, spec, *hierarchy, [unified, wishes], uid));
            } else if spec.wishes_for(hierarchy.controllers, core.is_some()) {
                let site = Site { is_wished: true, ..Site::read(arena, spec, *hierarchy, [&[], wishes], uid) };
                if hierarchy.is_unified() || hierarchy.has(b"freezer") {
                    last = Some(site);
                } else {
                    wished.push(site);
                }
            }
        }
        sites.extend(&wished);
        // What freezes and ends all of a container is ended first, which is the last.
        if let Some(site) = last {
            sites.push(site);
        }
        let chosen: &[Site] = sites.finish();
        let mut others = List::new(arena);
        for hierarchy in all.iter().filter(|other| !chosen.iter().any(|site| site.hierarchy == **other)) {
            let parent = Site::parent(arena, spec, hierarchy, uid);
            if parent != hierarchy.own && holds_groups(parent) {
                others.push(parent);
            }
        }
        let (all, others) = (chosen, others.finish());
        let is_of_devices = |site: &Site| Some(&site.hierarchy) == with_devices;
        let of_devices = all.iter().position(is_of_devices).filter(|_| confines_devices);
        Ok(Self { all, lacking: lacking.finish(), disks: disks.finish(), others, of_devices })
    }

    /// Those that are needed.
    pub fn needed(&self) -> &'m [Site<'m>] {
        let wished = self.all.iter().position(|site| site.is_wished);
        wished.map_or(self.all, |first| &self.all[..first])
    }
}

/// What a file of a group lists.
fn first_line<'m>(arena: &'m Arena, directory: Word, file: &core::ffi::CStr) -> &'m [u8] {
    let path = copy(arena, &[directory.bytes(), file.to_bytes()]);
    cut(read_path(arena, path, Open::READ).unwrap_or_default(), b'\n').0
}

fn has_word(line: &[u8], name: &[u8]) -> bool {
    split(line, b' ').any(|word| word == name)
}

fn lacks<'m>(arena: &'m Arena, all: bool, name: &[u8]) -> &'m Problem<'m> {
    let name = copy(arena, &[name]);
    if all {
        let problem = Problem::refused(arena, t!("limit %: no control groups are mounted"), &[name]);
        return problem.advise(arena, t!("as root: mount -t cgroup2 cgroup2 /sys/fs/cgroup"), &[]);
    }
    let problem = Problem::refused(arena, t!("limit %: the control groups here have no such controller"), &[name]);
    problem.advise(arena, t!("to go on without what cannot be limited: --cgroups best"), &[])
}

/// `MAJOR:MINOR` of a block device.
pub fn disk<'m>(arena: &'m Arena, path: Word) -> Told<'m, Word<'m>> {
    let stat = file::fstatat(At::CWD, path)
        .map_err(|errno| Problem::failed(arena, t!("limit the rate of %"), &[path], errno))?;
    if stat.kind != Kind::Block {
        return Err(Problem::refused(arena, t!("limit the rate of %: not a block device"), &[path]));
    }
    let [major, minor] = stat.device_numbers().map(|number| decimal(arena, number.into()));
    Ok(copy(arena, &[major.bytes(), b":", minor.bytes()]))
}

impl<'m> Site<'m> {
    /// In which a group is made.
    fn parent(arena: &'m Arena, spec: &Spec<'m>, hierarchy: &Hierarchy<'m>, uid: u32) -> Word<'m> {
        let asked = match spec.cgroup_parent {
            None if uid == 0 => Some(word(c"/aril")),
            asked => asked,
        };
        let parent = asked.map_or(hierarchy.own, |asked| copy(arena, &[hierarchy.root.bytes(), asked.bytes()]));
        copy(arena, &[parent.bytes().strip_suffix(b"/").unwrap_or(parent.bytes())])
    }

    fn read(
        arena: &'m Arena,
        spec: &Spec<'m>,
        hierarchy: Hierarchy<'m>,
        unified: [&'m [&'m [u8]]; 2],
        uid: u32,
    ) -> Self {
        let parent = Self::parent(arena, spec, &hierarchy, uid);
        let [controllers, wanted]: [&[&[u8]]; 2] = if hierarchy.is_unified() { unified } else { [&[], &[]] };
        let mut walk = Walk {
            arena,
            hierarchy,
            controllers,
            ways: List::new(arena),
            wanted,
            wishes: List::new(arena),
            may_leave: spec.stats.is_some(),
            cpuset: hierarchy.has(b"cpuset").then_some([Word::default(); 2]),
        };
        if !hierarchy.is_unified() || !walk.is_open(parent) {
            let mut directory = hierarchy.root;
            walk.step(directory);
            for name in path::names(parent.bytes().get(hierarchy.root.bytes().len()..).unwrap_or_default()) {
                directory = path::join(arena, directory.bytes(), name);
                walk.step(directory);
            }
        }
        let (ways, wishes) = (walk.ways.finish(), walk.wishes.finish());
        Self { hierarchy, parent, controllers, ways, wishes, is_wished: false, cpuset: walk.cpuset }
    }
}

/// The way from a hierarchy's root down to where a group is to be.
struct Walk<'m> {
    arena: &'m Arena,
    hierarchy: Hierarchy<'m>,
    /// Of version 2: what is to be limited below.
    controllers: &'m [&'m [u8]],
    ways: List<'m, Way<'m>>,
    /// The same of what is only wished.
    wanted: &'m [&'m [u8]],
    wishes: List<'m, Way<'m>>,
    /// The caller's process may leave its group for a mere wish.
    may_leave: bool,
    /// What the last one has of these.
    cpuset: Option<[Word<'m>; 2]>,
}

impl<'m> Walk<'m> {
    /// Whether groups below this one can be limited as they are to be.
    fn is_open(&self, directory: Word) -> bool {
        let open = first_line(self.arena, directory, c"/cgroup.subtree_control");
        is_directory(directory) && self.controllers.iter().chain(self.wanted).all(|name| has_word(open, name))
    }

    fn step(&mut self, directory: Word<'m>) {
        if !is_directory(directory) {
            self.ways.push(Way::Make(directory));
        }
        if let Some(above) = self.cpuset {
            let mut own = above;
            for ((file, value), above) in CPUSET.into_iter().zip(&mut own).zip(above) {
                let path = path::join(self.arena, directory.bytes(), file.bytes());
                let text = read_path(self.arena, path, Open::READ).unwrap_or_default();
                *value = copy(self.arena, &[cut(text, b'\n').0]);
                if value.is_empty() {
                    *value = above;
                    self.ways.push(Way::Write { directory, file, value: above });
                }
            }
            self.cpuset = Some(own);
        }
        if self.controllers.is_empty() && self.wanted.is_empty() {
            return;
        }
        let open = first_line(self.arena, directory, c"/cgroup.subtree_control");
        // The first group of all may have processes and parts (cgroups(7), "no internal processes"); it has no type.
        let first = path::join(self.arena, directory.bytes(), b"cgroup.type");
        let mut must_leave = directory == self.hierarchy.own && file::fstatat(At::CWD, first).is_ok();
        if let Some(value) = enable(self.arena, self.controllers, &|name| !has_word(open, name)) {
            if must_leave {
                self.ways.push(Way::Leave(directory));
                must_leave = false;
            }
            self.ways.push(Way::Write { directory, file: SUBTREE, value });
        }
        let wanted = if must_leave && !self.may_leave { &[] } else { self.wanted };
        for name in wanted {
            if !has_word(open, name) {
                if must_leave {
                    self.wishes.push(Way::Leave(directory));
                    must_leave = false;
                }
                // One by one: what cannot be had is no hindrance to others.
                self.wishes.push(Way::Write { directory, file: SUBTREE, value: copy(self.arena, &[b"+", name]) });
            }
        }
    }
}

/// `+memory +pids` of these, if there are any.
pub fn enable<'m>(arena: &'m Arena, names: &[&[u8]], is_meant: &dyn Fn(&&[u8]) -> bool) -> Option<Word<'m>> {
    let mut value = Text::new(arena);
    for name in names.iter().filter(|name| is_meant(name)) {
        value.add(b" +").add(name);
    }
    (!value.bytes().is_empty()).then(|| value.word().after(1))
}

/// What groups below it have of controllers (cgroups(7)).
pub const SUBTREE: Word<'static> = word(c"cgroup.subtree_control");

/// The files that a cpuset of version 1 has to be told (cpuset(7)).
pub const CPUSET: [Word<'static>; 2] = [word(c"cpuset.cpus"), word(c"cpuset.mems")];

/// Whether a group's directory is there and has groups in it.
fn holds_groups(path: Word) -> bool {
    file::fstatat(At::CWD, path).is_ok_and(|stat| stat.links > 2)
}

fn is_directory(path: Word) -> bool {
    file::fstatat(At::CWD, path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const LEGACY: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";

    /// Of each hierarchy its controllers, its root and the caller's group.
    #[track_caller]
    fn found(groups: &str, mounts: &str, expected: &[[&str; 3]]) {
        let arena = Arena::new().unwrap();
        let all = find(&arena, groups.as_bytes(), mounts.as_bytes(), &|id, _| id != 99);
        let said = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let all = all.iter().map(|one| [said(one.controllers), said(one.root.bytes()), said(one.own.bytes())]);
        assert_eq!(all.collect::<Vec<_>>(), expected, "{groups}");
    }

    #[test]
    fn every_hierarchy_is_found_where_it_is_mounted() {
        found("0::/user.slice/a b\n", UNIFIED, &[["", "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/a b"]]);
        found("0::/\n", UNIFIED, &[["", "/sys/fs/cgroup", "/sys/fs/cgroup"]]);
        found(
            "9:name=systemd:/\n4:memory:/x/y\n2:cpu,cpuacct:/\n0::/z\n",
            LEGACY,
            &[
                ["memory", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/x/y"],
                ["cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"],
                ["", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/z"],
            ],
        );
    }

    #[test]
    fn a_part_of_a_hierarchy_is_enough() {
        let mount = |root: &str| format!("41 27 0:26 {root} /mnt/a\\040b rw - cgroup2 none rw\n");
        let root = ["", "/mnt/a b", "/mnt/a b"];
        // In a container whose cgroup namespace is the host's.
        found("0::/docker/abc\n", &mount("/docker/abc"), &[root]);
        found("0::/docker/abc/in\n", &mount("/docker/abc"), &[["", "/mnt/a b", "/mnt/a b/in"]]);
        // Beside it, although the name begins like it.
        found("0::/docker/abcd\n", &mount("/docker/abc"), &[]);
        // Of another cgroup namespace's processes the kernel says so.
        found("0::/../other\n", &mount("/"), &[]);
        found("0::/../other\n", &mount("/.."), &[["", "/mnt/a b", "/mnt/a b/other"]]);
    }

    #[test]
    fn what_is_covered_or_missing_is_not_found() {
        found("0::/\n", "", &[]);
        found("", UNIFIED, &[]);
        found("garbage\n0\n0:\n1:memory\n", UNIFIED, &[]);
        found("0::/\n", &UNIFIED.replace("30 23", "99 23"), &[]);
        found(
            "0::/\n",
            &format!("{}{UNIFIED}", UNIFIED.replace("30 23", "99 23")),
            &[["", "/sys/fs/cgroup", "/sys/fs/cgroup"]],
        );
        // A hierarchy that has the one and not the other controller is another one.
        found("4:memory,pids:/\n", LEGACY, &[]);
        found(
            "4:xattr:/\n",
            &LEGACY.replace("name=systemd", ""),
            &[["xattr", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd"]],
        );
    }

    #[test]
    fn the_group_of_a_container_is_found_above_its_processes() {
        let arena = Arena::new().unwrap();
        for (own, group) in [
            ("/g/aril/aril-0123abcd", Some("/g/aril/aril-0123abcd")),
            ("/g/aril/aril-0123abcd/a/b", Some("/g/aril/aril-0123abcd")),
            ("/g/aril-00000000/aril-11111111/in", Some("/g/aril-00000000/aril-11111111")),
            ("/g/aril", None),
            ("/g/aril-0123abc", None),
            ("/g/aril-0123ABCD", None),
            ("", None),
        ] {
            let owned = std::ffi::CString::new(own).unwrap();
            let hierarchy = Hierarchy { controllers: b"", root: word(c"/g"), own: Word::new(&owned) };
            assert_eq!(hierarchy.container(&arena).map(Word::bytes), group.map(str::as_bytes), "{own}");
        }
    }

    #[test]
    fn a_process_outside_of_what_is_mounted_has_no_group_in_it() {
        assert_eq!(below(b"/a/b", b"/a"), Some(&b"/b"[..]));
        assert_eq!(below(b"/a", b"/a"), Some(&b""[..]));
        assert_eq!(below(b"/", b"/"), Some(&b""[..]));
        assert_eq!(below(b"/ab", b"/a"), None);
        assert_eq!(below(b"/b", b"/a"), None);
    }

    /// A directory as a hierarchy: its files with what they say.
    struct Fake(tempfile::TempDir);

    impl Fake {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        /// The way to a new group of someone who is in this one: each step in a line.
        fn ways(&self, controllers: &[u8], own: &str, parent: Option<&str>, uid: u32) -> String {
            let arena = Arena::new().unwrap();
            let mut spec = Spec::new(&arena);
            spec.cgroup_parent = parent.map(|parent| copy(&arena, &[parent.as_bytes()]));
            let root = copy(&arena, &[self.0.path().to_str().unwrap().as_bytes()]);
            let hierarchy = Hierarchy { controllers, root, own: copy(&arena, &[root.bytes(), own.as_bytes()]) };
            let site = Site::read(&arena, &spec, hierarchy, [&[b"memory", b"pids"], &[]], uid);
            let said = |word: Word| String::from_utf8(word.bytes().to_vec()).unwrap();
            let short = |word: Word| said(word).replace(&said(root), "");
            let mut lines: Vec<String> = site
                .ways
                .iter()
                .map(|way| match way {
                    Way::Make(path) => format!("make {}", short(*path)),
                    Way::Leave(path) => format!("leave {}", short(*path)),
                    Way::Write { directory, file, value } => {
                        format!("{}/{} {}", short(*directory), said(*file), said(*value))
                    }
                })
                .collect();
            lines.push(format!("in {}", short(site.parent)));
            lines.extend(site.cpuset.map(|both| both.map(said).join(" of ")));
            lines.join("; ")
        }
    }

    #[test]
    fn what_is_only_wished_is_enabled_one_by_one_and_moves_nobody_unless_it_is_asked_for() {
        let machine = Fake::new(&[
            ("cgroup.subtree_control", "memory io\n"),
            ("user/cgroup.subtree_control", ""),
            ("user/cgroup.type", "domain\n"),
        ]);
        let arena = Arena::new().unwrap();
        let root = copy(&arena, &[machine.0.path().to_str().unwrap().as_bytes()]);
        let hierarchy = Hierarchy { controllers: b"", root, own: copy(&arena, &[root.bytes(), b"/user"]) };
        let said = |ways: &[Way]| {
            let each = ways.iter().map(|way| match way {
                Way::Make(_) => "make".to_string(),
                Way::Leave(_) => "leave".to_string(),
                Way::Write { value, .. } => String::from_utf8(value.bytes().to_vec()).unwrap(),
            });
            each.collect::<Vec<_>>().join("; ")
        };
        let mut spec = Spec::new(&arena);
        for (needed, is_asked, ways, wishes) in [
            (false, false, "", "+cpu"),
            (false, true, "", "+cpu; leave; +io; +cpu"),
            (true, false, "leave; +memory", "+cpu; +io; +cpu"),
        ] {
            spec.stats = is_asked.then_some(word(c""));
            let needed: &[&[u8]] = if needed { &[b"memory"] } else { &[] };
            let site = Site::read(&arena, &spec, hierarchy, [needed, &[b"io", b"cpu"]], 1000);
            assert_eq!((said(site.ways).as_str(), said(site.wishes).as_str()), (ways, wishes));
        }
    }

    #[test]
    fn controllers_are_enabled_on_the_way_down() {
        let machine = Fake::new(&[
            ("cgroup.subtree_control", "cpu memory\n"),
            ("user/cgroup.subtree_control", ""),
            ("user/cgroup.type", "domain\n"),
        ]);
        assert_eq!(
            machine.ways(b"", "/user", None, 1000),
            "/cgroup.subtree_control +pids; leave /user; /user/cgroup.subtree_control +memory +pids; in /user"
        );
        // The first group of all is not left, and root has a place of his own.
        assert_eq!(
            machine.ways(b"", "", None, 0),
            "/cgroup.subtree_control +pids; make /aril; /aril/cgroup.subtree_control +memory +pids; in /aril"
        );
        assert_eq!(
            machine.ways(b"", "/user", Some("/user/a"), 1000),
            "/cgroup.subtree_control +pids; leave /user; /user/cgroup.subtree_control +memory +pids; make /user/a; \
            /user/a/cgroup.subtree_control +memory +pids; in /user/a"
        );
        // Whoever is beside need not leave.
        assert_eq!(
            machine.ways(b"", "/else", Some("/user"), 1000),
            "/cgroup.subtree_control +pids; /user/cgroup.subtree_control +memory +pids; in /user"
        );
    }

    #[test]
    fn where_all_is_enabled_nothing_is_left_to_do() {
        let machine = Fake::new(&[
            ("user/cgroup.subtree_control", "pids io memory\n"),
            ("user/cgroup.type", "domain\n"),
            ("pidsmemory/cgroup.subtree_control", "pidsmemory\n"),
        ]);
        // What lies above may be closed to its user, or be the administrator's affair.
        assert_eq!(machine.ways(b"", "/user", None, 1000), "in /user");
        assert_eq!(machine.ways(b"", "/else", Some("/user"), 1000), "in /user");
        assert!(machine.ways(b"", "", Some("/pidsmemory"), 0).contains("+memory +pids"), "a part of a name is none");
    }

    #[test]
    fn the_first_group_of_a_cgroup_namespace_is_left() {
        let machine = Fake::new(&[("cgroup.subtree_control", ""), ("cgroup.type", "domain\n")]);
        assert!(
            machine.ways(b"", "", None, 0).starts_with("leave ; /cgroup.subtree_control +memory +pids; make /aril;")
        );
    }

    #[test]
    fn a_cpuset_inherits_what_lies_above() {
        let machine = Fake::new(&[
            ("cpuset.cpus", "0-3\n"),
            ("cpuset.mems", "0\n"),
            ("aril/cpuset.cpus", "\n"),
            ("aril/cpuset.mems", "0\n"),
        ]);
        assert_eq!(machine.ways(b"cpuset", "", None, 0), "/aril/cpuset.cpus 0-3; in /aril; 0-3 of 0");
        assert_eq!(
            machine.ways(b"cpuset", "/aril", Some("/x"), 1000),
            "make /x; /x/cpuset.cpus 0-3; /x/cpuset.mems 0; in /x; 0-3 of 0"
        );
        assert_eq!(machine.ways(b"memory", "", None, 0), "in /aril", "others are told nothing");
    }
}
