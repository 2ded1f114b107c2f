//! (Spec, Host) -> the one list of steps. Pure: no system call is made here.
//!
//! The list serves the engine, which carries it out; `explain`, which prints it; `--trace`; and every error message.

#[cfg(feature = "boot")]
pub mod boot;
#[cfg(feature = "full")]
mod cgroups;
mod command;
#[cfg(feature = "full")]
mod denied;
#[cfg(feature = "full")]
mod devices;
#[cfg(feature = "full")]
pub mod enter;
pub mod filter;
mod identity;
#[cfg(feature = "full")]
mod ids;
#[cfg(feature = "full")]
mod landlock;
#[cfg(feature = "full")]
mod layers;
mod mounts;
#[cfg(feature = "boot")]
mod network;
#[cfg(feature = "full")]
mod own_files;
#[cfg(feature = "full")]
mod report;
mod root;
#[cfg(feature = "full")]
mod setting;
#[cfg(feature = "full")]
mod state;
pub mod step;
#[cfg(feature = "full")]
mod terminal;

#[cfg(feature = "boot")]
pub use boot::BootStep;
#[cfg(feature = "full")]
pub use cgroups::{CgroupStep, files as cgroup_files};
pub use command::Command;
#[cfg(feature = "full")]
pub use denied::{DeniedStep, answer, listening, native};
#[cfg(feature = "full")]
pub use devices::{DeviceStep, Rule, program as device_program, rules as device_rules};
#[cfg(feature = "full")]
pub use enter::EnterStep;
#[cfg(feature = "full")]
pub use ids::{IdStep, because};
#[cfg(feature = "full")]
pub use landlock::Landlock;
#[cfg(feature = "full")]
pub use layers::Layer;
#[cfg(feature = "full")]
pub use mounts::DEVICES;
#[cfg(feature = "boot")]
pub use network::NetworkStep;
#[cfg(feature = "full")]
pub use own_files::OwnFile;
#[cfg(feature = "full")]
pub use report::Report;
#[cfg(feature = "full")]
pub use state::StateStep;
pub use step::{Make, Phase, Place, Step, Tree};
#[cfg(feature = "full")]
pub use terminal::TerminalStep;

use crate::host::Host;
#[cfg(feature = "full")]
use crate::host::ids::is_inside;
#[cfg(feature = "full")]
use crate::spec::{IdRange, Rehearsal};
use crate::spec::{Namespace, Source, Spec};
use crate::sys::{Arena, Errno, List};
#[cfg(feature = "full")]
use crate::text::t;
use crate::text::{Text, Told};

/// A step with who does it and what its failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'p> {
    pub phase: Phase,
    pub step: Step<'p>,
    pub fate: Fate,
}

/// What the kernel's answer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A failure ends the run.
    Must,
    /// These failures are as good as success.
    May(On),
    /// On these failures the next line is done instead; else it is left out.
    Try(On),
    /// Only after a `Try` that failed.
    Instead,
    /// A failure is told, and it goes on.
    #[cfg(feature = "full")]
    Best,
    /// Both.
    #[cfg(feature = "full")]
    InsteadBest,
}

/// Errors that have one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Missing,
    Refused,
    Invalid,
    /// The kernel does not have the call, or an outer container's filter refuses it.
    NoCall,
    /// The caller may not mount, or not this.
    NoMount,
    /// What would be made cannot be made there.
    NoPlace,
    /// A device or its file system is read-only.
    #[cfg(feature = "boot")]
    Unwritable,
    /// There can be no such control group here (cgroups(7)).
    #[cfg(feature = "full")]
    NoGroup,
    /// The kernel has no landlock, or none with scopes (Linux 6.12), or an outer container's filter refuses it.
    #[cfg(feature = "full")]
    NoScopes,
    /// The file is not there to be written, or not to be changed.
    #[cfg(feature = "boot")]
    NoFile,
}

impl On {
    const fn errors(self) -> &'static [Errno] {
        match self {
            Self::Missing => &[Errno::ENOENT],
            Self::Refused => &[Errno::EPERM],
            Self::Invalid => &[Errno::EINVAL],
            Self::NoCall => &[Errno::ENOSYS, Errno::EPERM],
            Self::NoMount => &[Errno::EPERM, Errno::EACCES, Errno::ENOSYS, Errno::EINVAL],
            Self::NoPlace => &[Errno::EACCES, Errno::EPERM, Errno::EROFS, Errno::ENOTDIR],
            #[cfg(feature = "boot")]
            Self::Unwritable => &[Errno::EROFS, Errno::EACCES],
            #[cfg(feature = "full")]
            Self::NoGroup => &[
                Errno::EACCES,
                Errno::EPERM,
                Errno::EROFS,
                Errno::ENOENT,
                Errno::EBUSY,
                Errno::EAGAIN,
                Errno::EOPNOTSUPP,
            ],
            #[cfg(feature = "full")]
            Self::NoScopes => &[Errno::ENOSYS, Errno::EOPNOTSUPP, Errno::E2BIG, Errno::EPERM],
            #[cfg(feature = "boot")]
            Self::NoFile => &[
                Errno::EROFS,
                Errno::ENOENT,
                Errno::EACCES,
                Errno::EPERM,
                Errno::ENOTDIR,
                Errno::EISDIR,
                Errno::ELOOP,
                Errno::ENXIO,
                Errno::ENOSPC,
            ],
        }
    }
}

impl Fate {
    /// Whether it is done only after a `Try` that failed.
    pub const fn is_instead(self) -> bool {
        #[cfg(feature = "full")]
        return matches!(self, Self::Instead | Self::InsteadBest);
        #[cfg(not(feature = "full"))]
        matches!(self, Self::Instead)
    }

    /// Whether this failure does not end the run.
    pub fn tolerates(self, errno: Errno) -> bool {
        #[cfg(feature = "full")]
        if matches!(self, Self::Best | Self::InsteadBest) {
            return true;
        }
        matches!(self, Self::May(on) | Self::Try(on) if on.errors().contains(&errno))
    }
}

/// Everything that is to be done for a container.
#[derive(Debug)]
pub struct Plan<'p> {
    pub lines: &'p [Line<'p>],
    pub command: Command<'p>,
}

/// The list while it is written.
#[derive(Debug)]
struct Draft<'p> {
    phase: Phase,
    /// Nothing may be done inside in place of something else.
    #[cfg(feature = "full")]
    strict: bool,
    lines: List<'p, Line<'p>>,
}

impl<'p> Draft<'p> {
    #[cfg(feature = "boot")]
    const fn new(arena: &'p Arena, phase: Phase) -> Self {
        Self { phase, strict: false, lines: List::new(arena) }
    }

    fn add(&mut self, fate: Fate, step: Step<'p>) {
        #[cfg(feature = "full")]
        let fate = match fate {
            Fate::Instead if self.strict && self.phase == Phase::Outside => return,
            Fate::Try(_) if self.strict && self.phase == Phase::Outside => Fate::Must,
            _ => fate,
        };
        self.lines.push_many(Line { phase: self.phase, step, fate });
    }

    /// Whether there is such a step already.
    fn has(&self, is_wanted: impl Fn(&Step) -> bool) -> bool {
        self.lines.iter().any(|line| is_wanted(&line.step))
    }

    #[inline(never)]
    fn must(&mut self, step: Step<'p>) {
        self.add(Fate::Must, step);
    }

    fn when(&mut self, wanted: bool, step: Step<'p>) {
        if wanted {
            self.must(step);
        }
    }
}

/// No container has many more steps without being asked for them.
const USUAL: usize = 88;

/// Plans a container.
///
/// # Errors
/// What can be foreseen: ids that are not mapped, a mount point that is of the wrong kind, a root that cannot be had.
pub fn plan<'p>(arena: &'p Arena, spec: &'p Spec<'p>, host: &'p Host<'p>) -> Told<'p, Plan<'p>> {
    let mut draft = Draft {
        phase: Phase::Launcher,
        #[cfg(feature = "full")]
        strict: spec.rehearsal == Rehearsal::Part,
        lines: List::with_room(arena, USUAL),
    };
    let maps = identity::maps(spec, host);
    protect(&mut draft, spec, host, maps);
    if !host.is_whole {
        return Ok(Plan { lines: draft.lines.finish(), command: Command::new(arena, spec, host) });
    }
    identity::check(arena, spec, host, maps)?;
    #[cfg(feature = "full")]
    ids::check(arena, spec, host, maps)?;
    #[cfg(feature = "full")]
    devices::check(arena, spec, host)?;
    let layout = mounts::Layout::of(arena, spec, host, maps)?;

    #[cfg(feature = "full")]
    landlock::warn(&mut draft, spec, host);
    close_descriptors(&mut draft, spec);
    #[cfg(feature = "full")]
    ids::begin(&mut draft, spec, host);
    // What is taken anew after a lost race comes before, and so does whatever waits: a signal ends it.
    #[cfg(feature = "full")]
    state::detach(&mut draft, spec, host);
    layout.lock(&mut draft);
    draft.must(Step::BlockSignals);
    #[cfg(feature = "full")]
    state::add(&mut draft, spec, host);
    #[cfg(feature = "full")]
    report::add(&mut draft, spec);
    #[cfg(feature = "full")]
    setting::add(&mut draft, spec);
    #[cfg(feature = "full")]
    cgroups::prepare(&mut draft, spec, host, maps);
    layout.prepare(&mut draft);
    join(&mut draft, spec);
    clone(&mut draft, spec, host);

    draft.phase = Phase::Parent;
    #[cfg(feature = "full")]
    cgroups::enter(&mut draft, spec, host);
    #[cfg(feature = "full")]
    ids::write_maps(&mut draft, spec, host, maps);
    #[cfg(not(feature = "full"))]
    identity::write_maps(&mut draft, spec, maps);
    #[cfg(feature = "full")]
    setting::add(&mut draft, spec);
    #[cfg(feature = "full")]
    report::add(&mut draft, spec);
    #[cfg(feature = "full")]
    state::add(&mut draft, spec, host);
    #[cfg(feature = "full")]
    denied::count(&mut draft, spec);
    draft.must(Step::Go);
    #[cfg(feature = "full")]
    layout.hand_over(&mut draft);

    draft.phase = Phase::Outside;
    draft.must(Step::AwaitGo);
    #[cfg(feature = "full")]
    state::add(&mut draft, spec, host);
    identity::take_ids(&mut draft, spec, host, maps);
    // Where the pid namespace is another container's, that sees this process, and may be root of the same user namespace.
    draft.must(Step::HideMemory);
    draft.must(Step::DieWithLauncher);
    #[cfg(feature = "full")]
    cgroups::enter(&mut draft, spec, host);
    draft.add(Fate::May(On::NoCall), Step::JoinKeyring);
    command::leave(&mut draft, spec, host);
    draft.must(Step::SetUmask);
    draft.add(Fate::May(On::NoCall), Step::SetPersonality);
    layout.mount(&mut draft);

    draft.phase = Phase::Inside;
    if let Some(name) = spec.own_hostname() {
        draft.must(Step::SetHostname { name });
    }
    #[cfg(feature = "full")]
    setting::add(&mut draft, spec);
    draft.when(spec.is_private(Namespace::Network), Step::LoopbackUp);
    #[cfg(feature = "full")]
    terminal::take(&mut draft, host);
    draft.when(spec.init, Step::StartCommand);

    draft.phase = Phase::Command;
    #[cfg(feature = "full")]
    state::add(&mut draft, spec, host);
    command::prepare(&mut draft, spec, host, maps);

    if spec.init {
        draft.phase = Phase::Init;
        draft.when(identity::may_drop(spec, host), Step::KeepOnlyKill);
        // The command shared this memory while it changed its user, which may have shown it (proc(5), suid_dumpable).
        draft.when(spec.user.is_some(), Step::HideMemory);
        draft.when(spec.preserve_fds > 0, Step::CloseLeftovers { count: spec.preserve_fds });
        filter::add_for_init(&mut draft, spec, host);
    }
    draft.phase = Phase::Started;
    #[cfg(feature = "full")]
    {
        // Whoever is told of the start may ask for it by its name.
        state::add(&mut draft, spec, host);
        report::add(&mut draft, spec);
    }
    identity::keep_for_the_end(&mut draft, spec, host);
    #[cfg(feature = "full")]
    state::let_go(&mut draft, spec);
    Ok(Plan { lines: draft.lines.finish(), command: Command::new(arena, spec, host) })
}

/// After standard input, output and error.
const FIRST_DESCRIPTOR: u32 = 3;

/// What the caller left open, but for what was asked for.
fn close_descriptors(draft: &mut Draft, spec: &Spec) {
    let from = FIRST_DESCRIPTOR + spec.preserve_fds;
    #[cfg(feature = "full")]
    if let Some(fd) = spec.status_fd.filter(|fd| *fd >= from) {
        return draft.must(Step::Report(Report::KeepStatus { fd, from }));
    }
    draft.must(Step::CloseDescriptors { from });
}

/// The program is executed from where nobody can write to it, if someone inside could where it is.
fn protect(draft: &mut Draft, spec: &Spec, host: &Host, maps: identity::Maps) {
    if host.is_exposed(spec, maps.uids) {
        draft.add(Fate::Try(On::NoMount), Step::ExecuteAnew { sealed: false });
        draft.add(Fate::Instead, Step::ExecuteAnew { sealed: true });
    }
}

/// Someone inside who owns the host's node of /dev/null would get at it by the caller's mount, which can be written to.
#[cfg(feature = "full")]
#[inline(never)]
fn keep_null(draft: &mut Draft, spec: &Spec, host: &Host, uids: &[IdRange]) {
    if host.has_null && spec.is_private(Namespace::Mount) && is_inside(spec, uids, 0) {
        // Whoever is root in a user namespace alone may copy no mount.
        draft.add(Fate::May(On::NoCall), Step::ReopenNull);
    }
}

/// Existing namespaces are joined by the launcher, the user namespace first: it gives the right to join the others.
fn join<'p>(draft: &mut Draft<'p>, spec: &'p Spec) {
    for (kind, ..) in Namespace::ALL {
        if let Source::Join(path) = spec.namespace(*kind) {
            draft.must(Step::OpenNamespace { kind: *kind, path });
        }
    }
    // Whoever is root of a user namespace that is joined may trace all that is in it. So nothing comes into it that can be traced, and
    // what is cloned then is hidden from its first moment. Joining may show it again (proc(5), suid_dumpable).
    let joins_users = spec.is_joined(Namespace::User);
    draft.when(joins_users, Step::HideMemory);
    for (kind, ..) in Namespace::ALL {
        if let Source::Join(path) = spec.namespace(*kind) {
            draft.must(Step::Join { kind: *kind, path });
        }
    }
    draft.when(joins_users, Step::HideMemory);
}

/// The same can be had from an older call, but for a time namespace.
fn clone(draft: &mut Draft, spec: &Spec, _host: &Host) {
    let private = Namespace::ALL.iter().filter(|(kind, ..)| spec.is_private(*kind));
    let flags = private.fold(0, |flags, (.., flag)| flags | flag);
    #[cfg(not(feature = "full"))]
    let step = Step::Clone { flags };
    #[cfg(feature = "full")]
    let (step, flags) = cgroups::clone(_host, flags);
    #[cfg(feature = "full")]
    if !spec.is_private(Namespace::Time) {
        draft.add(Fate::Try(On::NoCall), step);
        draft.add(Fate::Instead, Step::CloneByOldCall { flags });
        return;
    }
    draft.must(step);
}

impl Plan<'_> {
    /// Of what has nothing to do yet.
    #[cfg(feature = "boot")]
    pub const EMPTY: Self = Self { lines: &[], command: Command::NONE };

    /// As `aril explain` prints it.
    pub fn write(&self, text: &mut Text) {
        for (phase, heading) in Phase::ALL {
            let mut is_first = true;
            for line in self.lines.iter().filter(|line| line.phase == *phase) {
                if is_first {
                    text.fill(*heading, &[]).add(b":\n");
                }
                is_first = false;
                line.write(text);
            }
        }
    }
}

impl Line<'_> {
    fn write(&self, text: &mut Text) {
        text.add(if self.fate.is_instead() { b"    " } else { b"  " });
        self.step.write(text);
        match self.fate {
            Fate::Must | Fate::Instead => {}
            #[cfg(feature = "full")]
            Fate::Best | Fate::InsteadBest => drop(text.fill(t!(" [may fail: told]"), &[])),
            Fate::May(on) => write_errors(text, b" [may fail:", on, b"]"),
            Fate::Try(on) => write_errors(text, b" [on", on, b" instead:]"),
        }
        text.add(b"\n");
    }
}

fn write_errors(text: &mut Text, before: &[u8], on: On, after: &[u8]) {
    let mut separator: &[u8] = b" ";
    text.add(before);
    for errno in on.errors() {
        text.add(separator).errno_name(*errno);
        separator = b", ";
    }
    text.add(after);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Account, Piece, Presence, Streams, Terminal, Writer, view::How};
    use crate::spec::{ChangeRoot, FileSystems, IdRange, NewKind, NewMount, Overlay};
    use crate::sys::file::Kind;
    use crate::sys::mount::Attributes;
    use crate::sys::{Word, word};
    #[cfg(feature = "full")]
    use linux_raw_sys::general as k;

    const EVERY: &[IdRange] = &[IdRange { inside: 0, outside: 0, count: u32::MAX }];
    const OWN: &[IdRange] = &[IdRange { inside: 0, outside: 1000, count: 1 }];
    const POINTS: &[(Word, Presence)] = &[
        (word(c"/proc"), Presence::There(Kind::Directory)),
        (word(c"/sys"), Presence::There(Kind::Directory)),
        (word(c"/dev"), Presence::There(Kind::Directory)),
        (word(c"/tmp"), Presence::There(Kind::Directory)),
        (word(c"/run"), Presence::There(Kind::Directory)),
        (word(c"/etc/resolv.conf"), Presence::There(Kind::Regular)),
    ];
    const VIEW: &[Piece] = &[
        Piece { path: word(c"/"), how: How::Overlay, seen: Some((1, 2)) },
        Piece { path: word(c"/srv"), how: How::Overlay, seen: Some((1, 3)) },
        Piece { path: word(c"/opt"), how: How::Bind(Kind::Directory), seen: Some((1, 4)) },
    ];

    /// The host of a root who gets a range of his own.
    #[cfg(feature = "full")]
    fn shifted() -> Host<'static> {
        const RANGE: &[IdRange] = &[IdRange { inside: 0, outside: 0x7000_0000, count: 0x1_0000 }];
        Host {
            uids: RANGE,
            gids: RANGE,
            ids: crate::host::Ids::Unused(0x7000_0000),
            volumes: &[Kind::Directory; 2],
            ..host(true)
        }
    }

    #[cfg(feature = "full")]
    const DEVICE: crate::spec::Device =
        crate::spec::Device { source: word(c"/dev/full"), target: word(c"/dev/a/mine"), access: 7 };
    #[cfg(feature = "full")]
    const NODES: [crate::host::Node; 1] =
        [crate::host::Node { path: DEVICE.source, is_block: false, device: 0x107, mode: 0o666, uid: 0, gid: 5 }];

    #[cfg(feature = "full")]
    #[test]
    fn a_device_of_the_host_is_bound_where_root_inside_is_root() {
        let host = Host { devices: &NODES, ..host(true) };
        let add = |spec: &mut Spec| spec.devices.push(DEVICE);
        planned_on(&host, add, |lines| {
            assert_eq!(at(lines, |step| matches!(step, Step::Device(_))), None);
            let bound = at(lines, |step| {
                matches!(step, Step::Bind { source, place, .. }
                if *source == DEVICE.source && place.path == DEVICE.target && place.make == Some(Make::File))
            });
            assert!(at(lines, |step| *step == Step::DeviceLinks) < bound);
        });
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_group_may_use_the_usual_devices_and_those_that_are_asked_for() {
        let arena = Arena::new().unwrap();
        let mut spec = Spec::new(&arena);
        spec.devices.push(crate::spec::Device { access: crate::sys::bpf::READ, ..DEVICE });
        let host = Host { devices: &[crate::host::Node { is_block: true, device: 0x0810, ..NODES[0] }], ..host(true) };
        let rules = device_rules(&arena, &spec, &host);
        let expected = "allow only these devices: c *:* m b *:* m c 1:3 rwm c 1:5 rwm c 1:7 rwm c 1:8 rwm c 1:9 rwm \
            c 5:0 rwm c 5:2 rwm c 136:* rwm b 8:16 r";
        assert_eq!(said(&Step::Device(DeviceStep::Allow { rules, site: 0, unified: true })), expected);
    }

    #[cfg(feature = "full")]
    #[test]
    fn what_is_handed_over_is_taken_in_the_same_order() {
        let volume = |source, target, idmap| crate::spec::Volume {
            source,
            target,
            read_only: false,
            follows_host: false,
            overlay: false,
            idmap,
        };
        for change in CHANGES {
            let arena = Arena::new().unwrap();
            let mut spec = Spec::new(&arena);
            const TRUE: &[Word] = &[word(c"/bin/true")];
            (spec.rootfs, spec.command) = (word(c"image"), TRUE);
            spec.volumes.push(volume(word(c"/deep"), word(c"/mnt/deep"), true));
            spec.volumes.push(volume(word(c"/high"), word(c"/mnt"), false));
            spec.devices.push(DEVICE);
            change(&mut spec);
            if spec.change_root != ChangeRoot::Pivot {
                continue;
            }
            let (spec, host) = (arena.hold(spec), arena.hold(Host { devices: &NODES, ..shifted() }));
            let lines = plan(&arena, spec, host).unwrap().lines;
            let (mut handed, mut taken, mut idmapped) = (Vec::new(), Vec::new(), Vec::new());
            for line in lines {
                match line.step {
                    Step::Ids(IdStep::HandOver { source, idmapped: is, .. }) => {
                        assert!(line.phase == Phase::Parent);
                        handed.push(source);
                        idmapped.push(is);
                    }
                    Step::Ids(IdStep::Take { source, .. }) => taken.push(source),
                    Step::Device(DeviceStep::HandOver { nodes, .. }) => {
                        assert_eq!((nodes[0].uid, nodes[0].gid), (0x7000_0000, 0x7000_0005), "those of the container");
                        handed.push(word(c"the nodes"));
                    }
                    Step::BindRoot { .. }
                    | Step::AttachRoot { .. }
                    | Step::AttachOverlay { .. }
                    | Step::Overlay { .. } => {
                        panic!("{:?} is the launcher's", line.step)
                    }
                    _ => {}
                }
            }
            assert_eq!(handed, taken);
            assert_eq!(handed[handed.len() - 2..], [word(c"/high"), word(c"/deep")]);
            assert!(idmapped[..idmapped.len() - 2].iter().all(|is| *is), "all of the root is");
            assert_eq!(idmapped[idmapped.len() - 2..], [false, true]);
            let order = [
                at(
                    lines,
                    |step| matches!(step, Step::Ids(IdStep::Take { place: Some(place), .. }) if place.keep == Some(Tree::Devices)),
                ),
                at(lines, |step| matches!(step, Step::Mount { place, .. } if place.keep == Some(Tree::Dev))),
                at(lines, |step| matches!(step, Step::Device(DeviceStep::Bind { path, .. }) if *path == DEVICE.target)),
            ];
            assert!(order.map(Option::unwrap).is_sorted(), "the nodes are hidden, and then shown");
            let open = at(lines, |step| *step == Step::Ids(IdStep::OpenMap)).unwrap();
            let maps = lines.iter().rposition(|line| matches!(line.step, Step::WriteMap { .. })).unwrap();
            let go = at(lines, |step| *step == Step::Go).unwrap();
            assert!(maps < open && open < go, "a map that is not written is none, and a process that goes on hides");
        }
    }

    pub(super) fn host(root: bool) -> Host<'static> {
        Host {
            uid: if root { 0 } else { 1000 },
            gid: if root { 0 } else { 1000 },
            capabilities: if root { u64::MAX } else { 0 },
            has_setgroups: root,
            uids: if root { EVERY } else { OWN },
            gids: if root { EVERY } else { OWN },
            #[cfg(feature = "full")]
            ids: crate::host::Ids::Own(None),
            environment: &[],
            #[cfg(feature = "full")]
            hears_requests: true,
            #[cfg(feature = "full")]
            variables: &[],
            #[cfg(feature = "full")]
            names: b"",
            #[cfg(feature = "full")]
            place: None,
            terminal: Terminal::Apart,
            user: Account { uid: 0, gid: 0, groups: &[], home: word(c"/root") },
            root: Some((1, 5)),
            image: None,
            mount_points: POINTS,
            volumes: &[],
            #[cfg(feature = "full")]
            devices: &[],
            resolver: true,
            view: if root { VIEW } else { &VIEW[1..] },
            program: Writer::Owner(0),
            #[cfg(feature = "full")]
            has_null: false,
            is_whole: true,
            #[cfg(feature = "full")]
            filter: &[],
            #[cfg(feature = "full")]
            landlock: 7,
            #[cfg(feature = "full")]
            cgroups: crate::host::cgroups::Sites::default(),
        }
    }

    /// Plans with these changes to a Spec of the directory `image`, and looks at the lines.
    fn planned<R>(root: bool, change: impl Fn(&mut Spec), look: impl Fn(&[Line]) -> R) -> R {
        planned_on(&host(root), change, look)
    }

    fn planned_on<R>(host: &Host, change: impl Fn(&mut Spec), look: impl Fn(&[Line]) -> R) -> R {
        let arena = Arena::new().unwrap();
        let mut spec = Spec::new(&arena);
        spec.rootfs = word(c"image");
        const TRUE: &[Word] = &[word(c"/bin/true")];
        spec.command = TRUE;
        change(&mut spec);
        look(plan(&arena, arena.hold(spec), host).unwrap().lines)
    }

    #[test]
    fn a_mount_point_is_made_where_nothing_else_lies_over_it() {
        use crate::spec::Volume;
        const MANY: usize = 1000;
        let host = Host { volumes: &[Kind::Directory; MANY + 7], ..host(true) };
        let arena = Arena::new().unwrap();
        let path = |text: String| crate::text::copy(&arena, &[text.as_bytes()]);
        let add = |spec: &mut Spec, targets: &[Word]| {
            for target in targets {
                let target = crate::text::copy(spec.volumes.arena(), &[target.bytes()]);
                spec.volumes.push(Volume {
                    source: word(c"/srv"),
                    target,
                    read_only: false,
                    follows_host: false,
                    overlay: false,
                    idmap: false,
                });
            }
        };
        let numbered: Vec<Word> = (0..MANY).rev().map(|number| path(format!("/m/{number}"))).collect();
        let others = [c"/a/b/c", c"/a", c"/ab", c"/dev/x/y", c"/proc/z", c"/m/7/in", c"/etc"].map(word);
        planned_on(
            &host,
            |spec| add(spec, &[&others[..], &numbered].concat()),
            |lines| {
                let (mut in_image, mut in_root) = (Vec::new(), Vec::new());
                for line in lines {
                    match line.step {
                        Step::MakeInImage { target, .. } => in_image.push(target),
                        Step::MakeInRoot { target, .. } => in_root.push(target),
                        _ => {}
                    }
                }
                // By depth, and as they were asked for. Nothing in a volume, nor in proc; in a tmpfs of its own it is no image's.
                let expected = [&others[1..3], &[others[6]], &numbered[..]].concat();
                assert_eq!(in_image, expected);
                assert_eq!(in_root, [others[3]]);
            },
        );
        for twice in [[c"/a", c"/b", c"/a"], [c"/dev", c"/x", c"/dev"]] {
            let mut spec = Spec::new(&arena);
            spec.rootfs = word(c"image");
            add(&mut spec, &twice.map(word));
            let refused = plan(&arena, arena.hold(spec), &host).map(|plan| plan.lines.len());
            assert!(refused.is_err(), "{twice:?}");
        }
    }

    #[test]
    fn whoever_owns_the_groups_and_is_inside_has_one_in_another() {
        use crate::host::cgroups::{Hierarchy, Site, Sites};
        use crate::spec::{IdMap, IdRange, Resource};
        const HIERARCHY: Hierarchy = Hierarchy { controllers: b"", root: word(c"/c"), own: word(c"/c") };
        const SITE: Site = Site {
            hierarchy: HIERARCHY,
            parent: word(c"/c/p"),
            controllers: &[b"pids"],
            ways: &[],
            wishes: &[],
            is_wished: false,
            cpuset: None,
        };
        let told = |root: bool, change: &dyn Fn(&mut Spec)| {
            let host = Host { cgroups: Sites { all: &[SITE], ..Sites::default() }, ..host(root) };
            let limited = |spec: &mut Spec| {
                spec.resources.push(Resource::Pids(Some(9)));
                let (name, value) = (word(c"cgroup.max.depth"), word(c"0"));
                spec.resources.push(Resource::File { name, value });
                change(spec);
            };
            planned_on(&host, limited, |lines| {
                let said = lines.iter().filter_map(|line| match line.step {
                    Step::Cgroup(CgroupStep::Nest { .. }) => Some("nest".to_string()),
                    Step::Cgroup(CgroupStep::Write { file, value, .. }) => {
                        let [file, value] = [file, value].map(|word| String::from_utf8(word.bytes().to_vec()).unwrap());
                        Some(format!("{file} {value}"))
                    }
                    _ => None,
                });
                said.collect::<Vec<_>>().join(", ")
            })
        };
        let nested =
            "pids.max 9, cgroup.max.depth 1, cgroup.subtree_control +pids, nest, pids.max 9, cgroup.max.depth 0";
        let shifted = |spec: &mut Spec| {
            let mut ranges = List::new(spec.resources.arena());
            ranges.push(IdRange { inside: 0, outside: 100_000, count: 65536 });
            let mut gids = List::new(spec.resources.arena());
            gids.push(IdRange { inside: 0, outside: 100_000, count: 65536 });
            (spec.uids, spec.gids) = (IdMap::Ranges(ranges), IdMap::Ranges(gids));
        };
        assert_eq!(told(true, &|_| {}), nested);
        assert_eq!(told(false, &|_| {}), nested);
        assert_eq!(told(true, &|spec| spec.namespaces[Namespace::User as usize] = Source::Host), nested);
        assert_eq!(told(true, &shifted), "pids.max 9, cgroup.max.depth 0");
    }

    fn at(lines: &[Line], is_wanted: impl Fn(&Step) -> bool) -> Option<usize> {
        lines.iter().position(|line| is_wanted(&line.step))
    }

    type Change = fn(&mut Spec);
    const CHANGES: [Change; 9] = [
        |_| {},
        |spec| spec.read_only = true,
        |spec| spec.overlay = Overlay::Memory,
        |spec| spec.rootfs = word(c"/"),
        |spec| (spec.rootfs, spec.read_only) = (word(c"/"), true),
        |spec| spec.change_root = ChangeRoot::Chroot,
        |spec| spec.namespaces[Namespace::Network as usize] = Source::Private,
        |spec| {
            let (kind, target, options) = (NewKind::Tmpfs, word(c"/new/place"), word(c""));
            spec.new_mounts.push(NewMount { kind, target, options, attributes: Attributes::NONE });
        },
        |spec| spec.overlay = Overlay::Kept(word(c"kept")),
    ];

    #[test]
    fn no_tree_is_used_before_it_is_opened() {
        for (number, change) in CHANGES.iter().enumerate() {
            for root in [true, false] {
                planned(root, change, |lines| {
                    let (mut open, mut overlays) = (Vec::<Tree>::new(), Vec::new());
                    for Line { step, .. } in lines {
                        let used: &[Tree] = match step {
                            Step::Overlay { .. } | Step::DetachScratch => &[Tree::Scratch],
                            Step::AttachRoot { number: overlay } | Step::AttachOverlay { number: overlay, .. } => {
                                let at = overlays.iter().position(|made| made == overlay);
                                overlays.remove(at.unwrap_or_else(|| panic!("plan {number}, root {root}: {step:?}")));
                                &[]
                            }
                            Step::MakeInRoot { .. } | Step::Link { .. } | Step::SealRoot | Step::PivotRoot => {
                                &[Tree::Root]
                            }
                            Step::Mount { place, .. } | Step::Bind { place, .. } => &[place.at],
                            Step::Protect { at, .. } => &[*at],
                            Step::Mask { at, .. } => &[*at, Tree::Empty],
                            Step::DeviceLinks => &[Tree::Dev],
                            _ => &[],
                        };
                        for tree in used {
                            assert!(open.contains(tree), "plan {number}, root {root}: {step:?} uses {tree:?}");
                        }
                        match step {
                            Step::Scratch => open.push(Tree::Scratch),
                            #[cfg(feature = "full")]
                            Step::Layer(Layer::Bind { .. }) => open.push(Tree::Scratch),
                            Step::DetachScratch => open.retain(|tree| *tree != Tree::Scratch),
                            Step::Overlay { number, .. } => overlays.push(*number),
                            Step::EmptyTree { .. } => open.push(Tree::Empty),
                            Step::BindRoot { .. }
                            | Step::AttachRoot { .. }
                            | Step::EmptyRoot
                            | Step::OpenRoot { .. } => {
                                open.push(Tree::Root);
                            }
                            Step::Mount { place, .. } | Step::Bind { place, .. } => open.extend(place.keep),
                            _ => {}
                        }
                    }
                    assert!(!open.contains(&Tree::Scratch), "plan {number}: the scratch still hides the host");
                });
            }
        }
    }

    /// What a plan says of one thing, whatever it does.
    fn said(step: &Step) -> String {
        let arena = Arena::new().unwrap();
        let mut text = Text::new(&arena);
        step.write(&mut text);
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn every_sentence_is_filled() {
        for change in CHANGES {
            for root in [true, false] {
                planned(root, change, |lines| {
                    for Line { step, .. } in lines {
                        let said = said(step);
                        let blank = ["  ", " (", ": ", "to%"].iter().any(|end| said.ends_with(end));
                        assert!(
                            !blank && !said.ends_with(' ') && !said.contains("()") && !said.contains("  "),
                            "{said:?}"
                        );
                    }
                });
            }
        }
        let (target, rootfs) = (word(c"/mnt"), word(c"image"));
        assert_eq!(said(&Step::MakeInRoot { target, make: Make::File }), "make /mnt (file)");
        let step = Step::MakeInImage { rootfs, target, make: Make::Directory };
        assert_eq!(said(&step), "make mount point /mnt (directory) in image");
    }

    #[test]
    fn every_secret_is_covered() {
        const SECRETS: &[&str] = &[
            "make /proc/sys read-only",
            "make /proc/sysrq-trigger read-only",
            "make /proc/irq read-only",
            "make /proc/bus read-only",
            "make /proc/fs read-only",
            "hide /proc/kcore",
            "hide /proc/keys",
            "hide /proc/interrupts",
            "hide /proc/latency_stats",
            "hide /proc/timer_list",
            "hide /proc/timer_stats",
            "hide /proc/sched_debug",
            "hide /proc/acpi",
            "hide /proc/asound",
            "hide /proc/dynamic_debug",
            "hide /proc/scsi",
            "hide /sys/firmware",
            "hide /sys/kernel/debug",
            "hide /sys/kernel/tracing",
            "hide /sys/kernel/security",
            "hide /sys/fs/bpf",
            "hide /sys/fs/pstore",
            "hide /sys/devices/virtual/powercap",
        ];
        planned(
            true,
            |_| {},
            |lines| {
                let is_cover = |line: &&Line| matches!(line.step, Step::Protect { .. } | Step::Mask { .. });
                let covered: Vec<String> = lines.iter().filter(is_cover).map(|line| said(&line.step)).collect();
                assert_eq!(covered, SECRETS);
            },
        );
    }

    #[test]
    fn errors_of_one_meaning_are_these() {
        let all = [On::Missing, On::Refused, On::Invalid, On::NoCall, On::NoPlace].map(On::errors);
        let expected: [&[Errno]; 5] = [
            &[Errno::ENOENT],
            &[Errno::EPERM],
            &[Errno::EINVAL],
            &[Errno::ENOSYS, Errno::EPERM],
            &[Errno::EACCES, Errno::EPERM, Errno::EROFS, Errno::ENOTDIR],
        ];
        assert_eq!(all, expected);
        #[cfg(feature = "full")]
        assert_eq!(On::NoScopes.errors(), [Errno::ENOSYS, Errno::EOPNOTSUPP, Errno::E2BIG, Errno::EPERM]);
    }

    #[test]
    #[cfg(feature = "full")]
    fn a_rehearsal_executes_nothing_and_a_strict_one_gives_way_nowhere_inside() {
        use crate::spec::Rehearsal;
        for rehearsal in [Rehearsal::Whole, Rehearsal::Part] {
            let change = |spec: &mut Spec| {
                (spec.rehearsal, spec.init) = (rehearsal, false);
                spec.namespaces[Namespace::Network as usize] = Source::Private;
            };
            planned(true, change, |lines| {
                assert_eq!(at(lines, |step| matches!(step, Step::Exec { .. } | Step::StartCommand)), None);
                let gives_way = |line: &Line| line.phase == Phase::Outside && line.fate == Fate::Instead;
                assert_eq!(lines.iter().any(gives_way), rehearsal == Rehearsal::Whole);
            });
        }
    }

    #[test]
    #[cfg(feature = "full")]
    fn landlock_stands_in_for_a_namespace_that_is_shared() {
        use crate::sys::sandbox::{SCOPE_SIGNALS, SCOPE_SOCKETS};
        fn set<'a>(spec: &mut Spec<'a>, kind: Namespace, source: Source<'a>) {
            spec.namespaces[kind as usize] = source;
        }
        const CHANGES: [(Change, u32); 5] = [
            (|_| {}, SCOPE_SOCKETS),
            (|spec| set(spec, Namespace::Pid, Source::Host), SCOPE_SOCKETS | SCOPE_SIGNALS),
            (|spec| set(spec, Namespace::Network, Source::Private), 0),
            (|spec| set(spec, Namespace::Network, Source::Join(word(c"/proc/7/ns/net"))), 0),
            (|spec| spec.scopes = false, 0),
        ];
        for (change, expected) in CHANGES {
            planned(false, change, |lines| {
                let scopes = |line: &Line| match line.step {
                    Step::Landlock(Landlock::Scope { scopes } | Landlock::Wall { scopes, .. }) => scopes,
                    _ => 0,
                };
                assert_eq!(lines.iter().map(scopes).collect::<Vec<_>>().iter().sum::<u32>(), expected);
                let scope = lines.iter().position(|line| scopes(line) != 0);
                // Which is what makes it possible.
                let privileges = at(lines, |step| *step == Step::NoNewPrivileges);
                assert!(scope.is_none() || privileges < scope);
            });
        }
    }

    #[test]
    #[cfg(feature = "full")]
    fn a_wall_stands_where_nobody_is_to_mount_and_where_the_kernel_can() {
        use crate::spec::Filter;
        use crate::sys::sandbox::rights;
        let wall = |landlock, change: fn(&mut Spec)| {
            planned_on(&Host { landlock, ..host(true) }, change, |lines| {
                let is_domain = |line: &&Line| matches!(line.step, Step::Landlock(_));
                // In a second one nothing could be moved to another directory.
                assert!(lines.iter().filter(is_domain).count() <= 1);
                lines.iter().find_map(|line| match line.step {
                    Step::Landlock(Landlock::Wall { rights, root, writable, .. }) => {
                        assert_eq!(line.fate, Fate::Must);
                        Some((root == rights, rights, writable.len()))
                    }
                    _ => None,
                })
            })
        };
        assert_eq!(wall(7, |_| {}), Some((true, rights::all(7), 1)));
        assert_eq!(wall(2, |_| {}), Some((true, rights::all(2), 1)));
        // The queues, proc, dev, the resolver's file and the names.
        assert_eq!(wall(7, |spec| spec.read_only = true), Some((false, rights::all(7), 5)));
        // Under the first version nothing can be moved to another directory; 0: there is none, or ids are the wall.
        assert_eq!((wall(1, |_| {}), wall(0, |_| {})), (None, None));
        const WITHOUT: [Change; 5] = [
            |spec| spec.scopes = false,
            |spec| spec.capabilities = u64::MAX,
            |spec| spec.filter = Filter::Unconfined,
            |spec| spec.filter = Filter::File(word(c"/f")),
            |spec| spec.change_root = ChangeRoot::Chroot,
        ];
        for change in WITHOUT {
            assert_eq!(wall(7, change), None);
        }
    }

    #[test]
    #[cfg(feature = "full")]
    fn landlock_alone_is_said_first_and_confines_before_the_command() {
        use crate::spec::Volume;
        use crate::sys::sandbox::rights;
        let change = |spec: &mut Spec| {
            (spec.landlock_alone, spec.rootfs, spec.change_root) = (true, word(c"/"), ChangeRoot::None);
            spec.namespaces = [Source::Host; Namespace::ALL.len()];
            for (path, read_only) in [(c"/a", false), (c"/b", true)] {
                spec.volumes.push(Volume {
                    source: word(path),
                    target: word(path),
                    read_only,
                    follows_host: false,
                    overlay: false,
                    idmap: false,
                });
            }
        };
        planned(false, change, |lines| {
            assert_eq!(lines[0].step, Step::Landlock(Landlock::Warn { partly: false }));
            assert_eq!(at(lines, |step| matches!(step, Step::Bind { .. } | Step::MakePrivate)), None);
            let is_wall = |step: &Step| {
                matches!(step, Step::Landlock(Landlock::Confine { rights, volumes, .. })
                if *volumes == [(word(c"/a"), *rights), (word(c"/b"), rights::READ)])
            };
            let wall = at(lines, is_wall).expect("there is one");
            assert_eq!(lines[wall].fate, Fate::Must);
            assert!(at(lines, |step| *step == Step::NoNewPrivileges) < Some(wall));
            assert!(Some(wall) < at(lines, |step| matches!(step, Step::Exec { .. })));
        });
    }

    #[test]
    fn phases_come_in_their_order_and_an_alternative_after_what_it_replaces() {
        for change in CHANGES {
            planned(false, change, |lines| {
                for pair in lines.windows(2) {
                    assert!(pair[0].phase as u8 <= pair[1].phase as u8);
                    assert_eq!(matches!(pair[0].fate, Fate::Try(_)), pair[1].fate.is_instead(), "{pair:?}");
                }
            });
        }
    }

    #[test]
    fn the_directory_is_the_one_that_was_looked_at_wherever_it_is_opened() {
        for change in CHANGES {
            planned(true, change, |lines| {
                for line in lines {
                    let (path, seen) = match line.step {
                        Step::LockRootfs { path, seen }
                        | Step::OpenRoot { path, seen }
                        | Step::BindRoot { path, seen, .. }
                        | Step::Overlay { lower: path, seen, .. } => (path, seen),
                        #[cfg(feature = "full")]
                        Step::Ids(IdStep::HandOver { source: path, seen, .. }) => (path, seen),
                        _ => continue,
                    };
                    assert_eq!(seen.is_some(), path == word(c"image") || VIEW.iter().any(|piece| piece.path == path));
                    assert!(path != word(c"image") || seen == Some(&(1, 5)));
                }
            });
        }
    }

    #[test]
    fn an_ordinary_user_gives_setgroups_up_before_he_maps_a_group() {
        planned(
            false,
            |_| {},
            |lines| {
                let deny = at(lines, |step| *step == Step::DenySetgroups).unwrap();
                let map =
                    at(lines, |step| matches!(step, Step::WriteMap { file, .. } if *file == word(c"gid_map"))).unwrap();
                assert!(deny < map);
                assert_eq!(at(lines, |step| *step == Step::ClearGroups), None);
            },
        );
        planned(
            true,
            |_| {},
            |lines| {
                assert_eq!(at(lines, |step| *step == Step::DenySetgroups), None);
                assert!(at(lines, |step| *step == Step::ClearGroups).is_some());
            },
        );
    }

    #[test]
    fn what_an_image_lacks_is_made_under_a_lock_or_in_an_overlay() {
        let lacks = CHANGES[7];
        let is_made = |step: &Step| matches!(step, Step::MakeInImage { .. });
        planned(false, lacks, |lines| {
            let lock = at(lines, |step| matches!(step, Step::LockRootfs { .. })).unwrap();
            assert!(lock < at(lines, is_made).unwrap());
        });
        let both = |spec: &mut Spec| {
            lacks(spec);
            spec.read_only = true;
        };
        planned(false, both, |lines| {
            assert_eq!(at(lines, is_made), None);
            let made = at(lines, |step| matches!(step, Step::MakeInRoot { .. })).unwrap();
            assert!(made < at(lines, |step| *step == Step::SealRoot).unwrap());
        });
    }

    #[cfg(feature = "full")]
    #[test]
    fn an_image_lies_below_an_overlay_in_which_everything_is_made() {
        use crate::host::image::{Format, Image};
        use crate::sys::At;
        let image = Some(Image { format: Format::Squashfs, file: At::CWD });
        let host = Host { image, mount_points: &[], ..host(true) };
        for (overlay, sealed) in [(Overlay::None, true), (Overlay::Memory, false), (Overlay::Kept(word(c"d")), false)] {
            planned_on(
                &host,
                |spec| spec.overlay = overlay,
                |lines| {
                    let mounted = at(lines, |step| matches!(step, Step::Layer(Layer::Image { .. }))).unwrap();
                    let overlaid = at(lines, |step| matches!(step, Step::Overlay { .. })).unwrap();
                    assert!(mounted < overlaid);
                    let made = at(lines, |step| matches!(step, Step::MakeInRoot { .. })).unwrap();
                    let seal = at(lines, |step| *step == Step::SealRoot);
                    assert_eq!(seal.map(|seal| made < seal), sealed.then_some(true), "{overlay:?}");
                    assert_eq!(at(lines, |step| matches!(step, Step::MakeInImage { .. })), None);
                    let locked = at(lines, |step| matches!(step, Step::Layer(Layer::Lock { .. })));
                    assert_eq!(locked.is_some(), matches!(overlay, Overlay::Kept(_)));
                },
            );
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_stream_that_is_null_is_opened_anew_where_someone_inside_may_own_it() {
        const OTHER: &[IdRange] = &[IdRange { inside: 0, outside: 0x7000_0000, count: 0x1_0000 }];
        let anew = |uids, has_null, change: fn(&mut Spec)| {
            let host = Host { uids, has_null, ..host(true) };
            planned_on(&host, change, |lines| {
                let anew = at(lines, |step| *step == Step::ReopenNull)?;
                Some(anew < at(lines, |step| *step == Step::PivotRoot)?)
            })
        };
        let host_s = |spec: &mut Spec| spec.namespaces[Namespace::User as usize] = Source::Host;
        let every = host(true).uids;
        assert_eq!((anew(every, true, |_| {}), anew(OTHER, true, host_s)), (Some(true), Some(true)));
        assert_eq!((anew(OTHER, true, |_| {}), anew(every, false, host_s)), (None, None));
    }

    #[test]
    fn privileges_are_given_up_in_an_order_that_works() {
        for root in [true, false] {
            planned(
                root,
                |_| {},
                |lines| {
                    let order: Vec<usize> = [
                        at(lines, |step| matches!(step, Step::LimitBounding { .. })),
                        at(lines, |step| matches!(step, Step::SetCapabilities { .. })),
                        at(lines, |step| *step == Step::NoNewPrivileges),
                        at(lines, |step| matches!(step, Step::Filter { .. })),
                        at(lines, |step| matches!(step, Step::Exec { .. })),
                    ]
                    .into_iter()
                    .map(Option::unwrap)
                    .collect();
                    assert!(order.is_sorted());
                },
            );
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_terminal_is_opened_before_the_root_moves_and_taken_before_the_command_starts() {
        let arena = Arena::new().unwrap();
        let mut spec = Spec::new(&arena);
        (spec.rootfs, spec.user) = (word(c"image"), Some(word(c"0")));
        let mut host = host(true);
        host.terminal = Terminal::Own { modes: true, streams: Streams(3) };
        let lines = plan(&arena, &spec, &host).unwrap().lines;
        let steps = [
            Step::NewSession,
            Step::DeviceLinks,
            Step::Terminal(TerminalStep::Open { own: true, modes: true, streams: Streams(3) }),
            Step::Terminal(TerminalStep::Give { uid: 0 }),
            Step::PivotRoot,
            Step::Terminal(TerminalStep::Take { streams: Streams(3) }),
            Step::StartCommand,
            Step::TakeForeground,
        ];
        assert!(steps.map(|wanted| at(lines, |step| *step == wanted).unwrap()).is_sorted());
        assert_eq!(at(lines, |step| *step == Step::LeaveGroup), None);
        let said = steps.map(|step| said(&step));
        assert_eq!(said[3], "give the pseudo-terminal to user 0");
        assert_eq!(said[5], "make it the session's terminal, and the standard streams: input output");
    }

    #[cfg(feature = "full")]
    #[test]
    fn what_comes_into_a_container_is_confined_before_it_can_be_seen() {
        use crate::host::{cgroups::Hierarchy, container::Container};
        use crate::sys::process::Pid;
        use enter::Started;
        let of_1 = Hierarchy { controllers: b"pids", root: word(c"/g"), own: word(c"/g/aril-00000000") };
        let groups = [Hierarchy { controllers: b"", ..of_1 }, of_1];
        let step = |lines: &[Line], wanted: fn(&EnterStep) -> bool| {
            at(lines, |step| matches!(step, Step::Enter(step) if wanted(step)))
        };
        for (own_devices, change_root, pid) in [
            (true, ChangeRoot::Pivot, Source::Private),
            (false, ChangeRoot::Chroot, Source::Host),
            (false, ChangeRoot::None, Source::Private),
        ] {
            let arena = Arena::new().unwrap();
            let mut spec = Spec::new(&arena);
            const TRUE: &[Word] = &[word(c"/bin/true")];
            (spec.rootfs, spec.command, spec.init) = (word(c"image"), TRUE, false);
            (spec.change_root, spec.user) = (change_root, Some(word(c"0")));
            spec.file_systems = Some(FileSystems { dev: own_devices, ..FileSystems::NONE });
            spec.namespaces[Namespace::Pid as usize] = pid;
            let mut host = host(true);
            host.terminal = Terminal::Own { modes: true, streams: Streams(7) };
            let container = Container { namespaces: k::CLONE_NEWPID, groups: &groups };
            let processes = [1, 2].map(|pid| Started { pid: Pid(pid), start: 0 });
            let (spec, host) = (arena.hold(spec), arena.hold(host));
            let lines = enter::enter(&arena, spec, host, &container, processes, 7).unwrap().lines;
            let fork = step(lines, |step| *step == EnterStep::Fork);
            let join = step(lines, |step| matches!(step, EnterStep::Join { .. }));
            let order = [
                at(lines, |step| *step == Step::BlockSignals),
                step(lines, |step| matches!(step, EnterStep::Clone { .. })),
                step(lines, |step| matches!(step, EnterStep::Move { .. })),
                at(lines, |step| *step == Step::Go),
                at(lines, |step| *step == Step::HideMemory),
                join,
                at(lines, |step| *step == Step::JoinKeyring),
                at(lines, |step| matches!(step, Step::SetUser { .. })),
                at(lines, |step| matches!(step, Step::SetCapabilities { .. })),
                at(lines, |step| *step == Step::NoNewPrivileges),
                at(lines, |step| matches!(step, Step::Filter { .. })),
                lines.iter().rposition(|line| line.step == Step::HideMemory),
                fork,
                at(lines, |step| *step == Step::DieWithLauncher),
                at(lines, |step| *step == Step::NewSession),
                at(lines, |step| matches!(step, Step::Terminal(TerminalStep::Take { .. }))),
                at(lines, |step| matches!(step, Step::ResetSignals { .. })),
                at(lines, |step| matches!(step, Step::Exec { .. })),
            ];
            assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}");
            // Where there are none of its own the host's are in reach before alone.
            let opened = at(lines, |step| matches!(step, Step::Terminal(TerminalStep::Open { .. })));
            assert_eq!(join < opened, own_devices);
            assert_eq!(step(lines, |step| *step == EnterStep::OpenDevices).is_some(), own_devices);
            let chroot = step(lines, |step| *step == EnterStep::ChangeRoot);
            assert_eq!(chroot.is_some(), change_root == ChangeRoot::Chroot);
            assert!(chroot.is_none_or(|chroot| Some(chroot) > join && Some(chroot) < fork));
            // Whose end has to be seen.
            let sees = step(lines, |step| matches!(step, EnterStep::Open { init: Some(_), .. }));
            assert_eq!(sees.is_some(), pid == Source::Host);
            // A root that is the host's shows its programs anyway.
            let anew = at(lines, |step| matches!(step, Step::ExecuteAnew { .. }));
            assert_eq!(anew.is_some(), change_root != ChangeRoot::None);
            assert!(anew.is_none_or(|anew| anew == 0));
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_name_is_taken_before_anything_is_made_and_told_once_the_command_runs() {
        let named = || Host { place: Some((word(c"/run/aril"), word(c"web"))), ..host(true) };
        let state = |lines: &[Line], wanted: fn(&StateStep) -> bool| {
            at(lines, |step| matches!(step, Step::State(step) if wanted(step)))
        };
        planned_on(
            &named(),
            |spec| (spec.detach, spec.status_fd) = (true, Some(7)),
            |lines| {
                let order = [
                    at(lines, |step| matches!(step, Step::Report(Report::KeepStatus { .. }))),
                    state(lines, |step| matches!(step, StateStep::Detach { .. })),
                    at(lines, |step| *step == Step::BlockSignals),
                    state(lines, |step| matches!(step, StateStep::Claim { .. })),
                    state(lines, |step| matches!(step, StateStep::OpenLog { .. })),
                    at(lines, |step| matches!(step, Step::Clone { .. })),
                    state(lines, |step| *step == StateStep::AskForSenders),
                    at(lines, |step| *step == Step::Go),
                    state(lines, |step| *step == StateStep::TakeStreams),
                    state(lines, |step| *step == StateStep::SaySender),
                    at(lines, |step| matches!(step, Step::SetUser { .. } | Step::Exec { .. })),
                    state(lines, |step| matches!(step, StateStep::Record { stop: 0 })),
                    at(lines, |step| matches!(step, Step::Report(Report::SayStarted { .. }))),
                    state(lines, |step| *step == StateStep::TellCaller),
                ];
                assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}");
                assert_eq!(lines.last().map(|line| line.step), Some(Step::State(StateStep::TellCaller)));
                assert_eq!(
                    at(lines, |step| *step == Step::Ids(IdStep::OpenPipes)),
                    None,
                    "the caller's are not its own"
                );
            },
        );
        // A launcher to which a stop request means nothing.
        let deaf = Host { hears_requests: false, ..named() };
        planned_on(
            &deaf,
            |_| {},
            |lines| assert!(state(lines, |step| *step == StateStep::Record { stop: 15 }).is_some()),
        );
        // Alone with the command it is known who that is.
        planned_on(
            &named(),
            |spec| (spec.init, spec.passes_signals, spec.stop_signal) = (false, false, 2),
            |lines| {
                assert_eq!(state(lines, |step| matches!(step, StateStep::AskForSenders | StateStep::SaySender)), None);
                assert!(state(lines, |step| *step == StateStep::Record { stop: 2 }).is_some());
            },
        );
        planned(true, |_| {}, |lines| assert_eq!(state(lines, |_| true), None));
    }

    #[test]
    fn a_program_is_executed_anew_where_someone_inside_may_own_it() {
        const OTHER: &[IdRange] = &[IdRange { inside: 0, outside: 0x7000_0000, count: 0x1_0000 }];
        let first = |host: Host, change: fn(&mut Spec)| {
            planned_on(&host, change, |lines| lines[0].step == Step::ExecuteAnew { sealed: false })
        };
        let host_s = |spec: &mut Spec| spec.namespaces[Namespace::User as usize] = Source::Host;
        let visible = |spec: &mut Spec| spec.change_root = ChangeRoot::None;
        assert!(first(host(true), |_| {}) && first(host(true), host_s), "root's, and root inside is root");
        assert!(first(Host { program: Writer::Owner(1000), ..host(false) }, |_| {}), "a user's own");
        assert!(!first(host(false), |_| {}), "root's, and a user calls");
        assert!(!first(Host { uids: OTHER, ..host(true) }, |_| {}), "root's, and root inside is somebody else");
        assert!(!first(Host { program: Writer::Nobody, ..host(true) }, host_s), "nobody can write to it");
        let anyone = || Host { program: Writer::Anyone, ..host(false) };
        assert!(first(anyone(), |_| {}) && first(Host { uids: OTHER, ..anyone() }, |_| {}), "whoever is inside");
        assert!(!first(anyone(), visible), "it is in the container's root anyway");
        assert!(!first(host(true), visible), "it is in the container's root anyway");
        let rest = planned_on(&Host { is_whole: false, ..host(true) }, host_s, |lines| lines.len());
        assert_eq!(rest, 2, "what was not looked at is not planned");
    }

    #[test]
    fn without_file_systems_of_its_own_nothing_is_mounted_but_the_root() {
        planned(
            false,
            |spec| spec.file_systems = Some(FileSystems::NONE),
            |lines| {
                assert_eq!(at(lines, |step| matches!(step, Step::Mount { .. })), None);
                assert!(at(lines, |step| *step == Step::PivotRoot).is_some());
            },
        );
    }
}
