//! (Spec, Host) -> the one list of steps. Pure: no system call is made here.
//!
//! The list serves the engine, which carries it out; `explain`, which prints it; `--trace`; and every error message.

mod command;
mod filter;
mod identity;
mod mounts;
mod root;
pub mod step;
#[cfg(feature = "full")]
mod terminal;

pub use command::Command;
pub use filter::FILTER;
pub use step::{Make, Phase, Place, Step, Tree};
#[cfg(feature = "full")]
pub use terminal::TerminalStep;

use crate::host::Host;
use crate::spec::{Namespace, Source, Spec};
use crate::sys::{Arena, Errno, List, word};
use crate::text::{Text, Told};
use linux_raw_sys::general as k;

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
}

/// Errors that have one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Missing,
    Refused,
    Invalid,
    /// The kernel has no keys, or an outer container's filter refuses them.
    NoKeys,
    /// What would be made cannot be made there.
    NoPlace,
}

impl On {
    const fn errors(self) -> &'static [Errno] {
        match self {
            Self::Missing => &[Errno::ENOENT],
            Self::Refused => &[Errno::EPERM],
            Self::Invalid => &[Errno::EINVAL],
            Self::NoKeys => &[Errno::ENOSYS, Errno::EPERM],
            Self::NoPlace => &[Errno::EACCES, Errno::EPERM, Errno::EROFS, Errno::ENOTDIR],
        }
    }
}

impl Fate {
    /// Whether this failure does not end the run.
    pub fn tolerates(self, errno: Errno) -> bool {
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
    lines: List<'p, Line<'p>>,
}

impl<'p> Draft<'p> {
    fn add(&mut self, fate: Fate, step: Step<'p>) {
        self.lines.push(Line { phase: self.phase, step, fate });
    }

    fn must(&mut self, step: Step<'p>) {
        self.add(Fate::Must, step);
    }

    fn when(&mut self, wanted: bool, step: Step<'p>) {
        if wanted {
            self.must(step);
        }
    }
}

/// Plans a container.
///
/// # Errors
/// What can be foreseen: ids that are not mapped, a mount point that is of the wrong kind, a root that cannot be had.
pub fn plan<'p>(arena: &'p Arena, spec: &'p Spec<'p>, host: &'p Host<'p>) -> Told<'p, Plan<'p>> {
    let maps = identity::maps(spec, host);
    identity::check(arena, spec, host, maps)?;
    let layout = mounts::Layout::of(arena, spec, host, maps)?;
    let mut draft = Draft { phase: Phase::Launcher, lines: List::new(arena) };

    draft.when(must_be_protected(spec, host), Step::ExecuteAnew);
    draft.must(Step::CloseDescriptors { from: FIRST_DESCRIPTOR + spec.preserve_fds });
    layout.lock(&mut draft);
    draft.must(Step::BlockSignals);
    layout.prepare(&mut draft);
    join(&mut draft, spec);
    draft.must(clone(spec));

    draft.phase = Phase::Parent;
    identity::write_maps(&mut draft, spec, maps);
    draft.must(Step::Go);

    draft.phase = Phase::Outside;
    draft.must(Step::AwaitGo);
    identity::take_ids(&mut draft, spec, host, maps);
    draft.must(Step::DieWithLauncher);
    draft.add(Fate::May(On::NoKeys), Step::JoinKeyring);
    command::leave(&mut draft, spec, host);
    draft.must(Step::HideMemory);
    draft.must(Step::SetUmask);
    layout.mount(&mut draft);

    draft.phase = Phase::Inside;
    let own_name = spec.is_private(Namespace::Uts);
    draft.when(own_name, Step::SetHostname { name: spec.hostname.unwrap_or(word(c"container")) });
    draft.when(spec.is_private(Namespace::Network), Step::LoopbackUp);
    #[cfg(feature = "full")]
    terminal::take(&mut draft, host);
    draft.when(spec.init, Step::StartCommand);

    draft.phase = Phase::Command;
    command::prepare(&mut draft, spec, host, maps);

    if spec.init {
        draft.phase = Phase::Init;
        draft.when(identity::may_drop(spec, host), Step::KeepOnlyKill);
        // The command shared this memory while it changed its user, which may have shown it (proc(5), suid_dumpable).
        draft.when(spec.user.is_some(), Step::HideMemory);
        draft.when(spec.preserve_fds > 0, Step::CloseLeftovers { count: spec.preserve_fds });
        draft.must(Step::HideArguments);
    }
    Ok(Plan { lines: draft.lines.finish(), command: Command::new(arena, spec, host) })
}

/// After standard input, output and error.
const FIRST_DESCRIPTOR: u32 = 3;

/// Without a user namespace of its own a command that may trace others can open even what `HideMemory` hides.
fn must_be_protected(spec: &Spec, host: &Host) -> bool {
    let may_trace = spec.capabilities >> k::CAP_SYS_PTRACE & 1 == 1;
    host.can_be_written && may_trace && !spec.is_private(Namespace::User) && host.has(k::CAP_SYS_ADMIN)
}

/// Existing namespaces are joined by the launcher, the user namespace first: it gives the right to join the others.
fn join<'p>(draft: &mut Draft<'p>, spec: &'p Spec) {
    for (kind, ..) in Namespace::ALL {
        if let Source::Join(path) = spec.namespace(*kind) {
            draft.must(Step::OpenNamespace { kind: *kind, path });
        }
    }
    for (kind, ..) in Namespace::ALL {
        if let Source::Join(path) = spec.namespace(*kind) {
            draft.must(Step::Join { kind: *kind, path });
        }
    }
}

fn clone(spec: &Spec) -> Step<'static> {
    let private = Namespace::ALL.iter().filter(|(kind, ..)| spec.is_private(*kind));
    Step::Clone { flags: private.fold(0, |flags, (.., flag)| flags | flag) }
}

impl Plan<'_> {
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
        text.add(if self.fate == Fate::Instead { b"    " } else { b"  " });
        self.step.write(text);
        match self.fate {
            Fate::Must | Fate::Instead => {}
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
    use crate::host::{Account, Piece, Presence, Terminal, view::How};
    use crate::spec::{ChangeRoot, FileSystems, IdRange, Tmpfs};
    use crate::sys::Word;
    use crate::sys::file::Kind;

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
        Piece { path: word(c"/"), how: How::Overlay },
        Piece { path: word(c"/srv"), how: How::Overlay },
        Piece { path: word(c"/opt"), how: How::Bind(Kind::Directory) },
    ];

    fn host(root: bool) -> Host<'static> {
        Host {
            uid: if root { 0 } else { 1000 },
            gid: if root { 0 } else { 1000 },
            capabilities: if root { u64::MAX } else { 0 },
            has_setgroups: root,
            uids: if root { EVERY } else { OWN },
            gids: if root { EVERY } else { OWN },
            environment: &[],
            ignored: 0,
            terminal: Terminal::Apart,
            user: Account { uid: 0, gid: 0, groups: &[], home: word(c"/root") },
            mount_points: POINTS,
            volumes: &[],
            resolver: true,
            view: if root { VIEW } else { &VIEW[1..] },
            can_be_written: true,
        }
    }

    /// Plans with these changes to a Spec of the directory `image`, and looks at the lines.
    fn planned<R>(root: bool, change: impl Fn(&mut Spec), look: impl Fn(&[Line]) -> R) -> R {
        let arena = Arena::new().unwrap();
        let mut spec = Spec::new(&arena);
        spec.rootfs = word(c"image");
        const TRUE: &[Word] = &[word(c"/bin/true")];
        spec.command = TRUE;
        change(&mut spec);
        let (spec, host) = (arena.hold(spec), arena.hold(host(root)));
        look(plan(&arena, spec, host).unwrap().lines)
    }

    fn at(lines: &[Line], is_wanted: impl Fn(&Step) -> bool) -> Option<usize> {
        lines.iter().position(|line| is_wanted(&line.step))
    }

    type Change = fn(&mut Spec);
    const CHANGES: [Change; 8] = [
        |_| {},
        |spec| spec.read_only = true,
        |spec| spec.overlay = true,
        |spec| spec.rootfs = word(c"/"),
        |spec| (spec.rootfs, spec.read_only) = (word(c"/"), true),
        |spec| spec.change_root = ChangeRoot::Chroot,
        |spec| spec.namespaces[Namespace::Network as usize] = Source::Private,
        |spec| spec.tmpfs.push(Tmpfs { target: word(c"/new/place"), options: word(c"") }),
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
        let all = [On::Missing, On::Refused, On::Invalid, On::NoKeys, On::NoPlace].map(On::errors);
        let expected: [&[Errno]; 5] = [
            &[Errno::ENOENT],
            &[Errno::EPERM],
            &[Errno::EINVAL],
            &[Errno::ENOSYS, Errno::EPERM],
            &[Errno::EACCES, Errno::EPERM, Errno::EROFS, Errno::ENOTDIR],
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn phases_come_in_their_order_and_an_alternative_after_what_it_replaces() {
        for change in CHANGES {
            planned(false, change, |lines| {
                for pair in lines.windows(2) {
                    assert!(pair[0].phase as u8 <= pair[1].phase as u8);
                    assert_eq!(matches!(pair[0].fate, Fate::Try(_)), pair[1].fate == Fate::Instead, "{pair:?}");
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
                        at(lines, |step| *step == Step::Filter),
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
        host.terminal = Terminal::Own { modes: true, errors: false };
        let lines = plan(&arena, &spec, &host).unwrap().lines;
        let steps = [
            Step::NewSession,
            Step::DeviceLinks,
            Step::Terminal(TerminalStep::Open { own: true, modes: true }),
            Step::Terminal(TerminalStep::Give { uid: 0 }),
            Step::PivotRoot,
            Step::Terminal(TerminalStep::Take { errors: false }),
            Step::StartCommand,
            Step::TakeForeground,
        ];
        assert!(steps.map(|wanted| at(lines, |step| *step == wanted).unwrap()).is_sorted());
        assert_eq!(at(lines, |step| *step == Step::LeaveGroup), None);
        let said = steps.map(|step| said(&step));
        assert_eq!(said[3], "give the pseudo-terminal to user 0");
        assert_eq!(said[5], "make it the session's terminal, standard input and output");
    }

    #[test]
    fn a_program_that_can_be_written_is_executed_anew_where_it_could_be_reached() {
        let reach = |spec: &mut Spec| {
            spec.namespaces[Namespace::User as usize] = Source::Host;
            spec.capabilities = u64::MAX;
        };
        planned(true, reach, |lines| assert_eq!(lines[0].step, Step::ExecuteAnew));
        planned(true, |_| {}, |lines| assert_eq!(at(lines, |step| *step == Step::ExecuteAnew), None));
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
