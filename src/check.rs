//! `aril check`: really makes each thing that a container is made of, once, in processes that end at once, and says what
//! works, who refuses the rest, and what helps.
//!
//! What `run` does is tried by its own steps, so that a failure is told in its own words.

use crate::engine::{self, OLDEST, Side, causes};
use crate::host::cgroups::Hierarchy;
use crate::host::{Host, Ids, cgroups, rootfs};
use crate::plan::because;
use crate::spec::{ChangeRoot, FileSystems, Namespace, Rehearsal, Source, Spec};
use crate::sys::file::{self, Open};
use crate::sys::words::Start;
use crate::sys::{Arena, At, Errno, List, Result, Word, identity, process, sandbox, tolerate, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, copy, decimal, names, problem::FAILED, said, split, t, text};
use core::cell::Cell;

/// What a row of the report tries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// New namespaces alone.
    Spaces,
    /// File systems of its own besides, on the machine's own root.
    Own(FileSystems),
    /// A view of this machine.
    View,
    /// A directory as root: one that every machine has, and in which nothing can be made.
    Pivot,
    /// `aril run ROOTFS`.
    Run,
}

const fn set(kinds: &[Namespace]) -> u8 {
    let (mut set, mut at) = (0, 0);
    while at < kinds.len() {
        set |= 1 << kinds[at] as u8;
        at += 1;
    }
    set
}

use Namespace::{Cgroup, Ipc, Mount, Network, Pid, Time, User, Uts};
const USER: u8 = set(&[User]);

/// The rows that `run`'s own steps try, with the namespaces of each.
const TRIALS: [(u8, Trial); 14] = [
    (USER, Trial::Spaces),
    (set(&[User, Mount]), Trial::Spaces),
    (set(&[User, Pid]), Trial::Spaces),
    (set(&[User, Uts]), Trial::Spaces),
    (set(&[User, Ipc]), Trial::Spaces),
    (set(&[User, Cgroup]), Trial::Spaces),
    (set(&[User, Network]), Trial::Spaces),
    (set(&[User, Time]), Trial::Spaces),
    (set(&[User, Mount, Pid]), Trial::Own(FileSystems { proc: true, ..FileSystems::NONE })),
    (set(&[User, Mount, Pid, Network]), Trial::Own(FileSystems { sys: true, ..FileSystems::NONE })),
    (set(&[User, Mount, Pid, Ipc]), Trial::Own(FileSystems { dev: true, ..FileSystems::NONE })),
    (set(&[User, Mount]), Trial::View),
    (set(&[User, Mount]), Trial::Pivot),
    (0, Trial::Run),
];
/// What each is called.
const NAMES: Sentence = t!("\
user namespace and its ids
mount namespace
pid namespace
uts namespace
ipc namespace
cgroup namespace
network namespace
time namespace
new proc
new sysfs
tmpfs, devpts and mqueue
overlay
pivot_root
aril run ");

/// Writes the report. Gives whether `aril run ROOTFS` would work.
pub fn run<'m>(into: &mut Text<'m>, rootfs: Word<'m>, json: bool, start: Start) -> bool {
    let arena = into.arena();
    let mut report = Report { text: into, json, last: Word::default() };
    if json {
        report.text.add(b"{\"checks\":[");
    }
    system_calls(&mut report);
    let names = text(arena, NAMES, &[]);
    let mut names = split(names.bytes(), b'\n');
    let (mut is_restricted, mut works) = (false, true);
    let mut left_out = 0;
    for (namespaces, trial) in TRIALS {
        let name =
            copy(arena, &[names.next().unwrap_or_default(), if trial == Trial::Run { rootfs.bytes() } else { b"" }]);
        let spec = arena.hold(spec(arena, namespaces & !left_out, trial, rootfs));
        let (said, advice) = attempt(arena, spec, start);
        works = said.is_empty();
        if !works && namespaces == USER && identity::geteuid() == 0 {
            // Root may well do without.
            left_out = USER;
        }
        is_restricted |= advice == text(arena, causes::RESTRICTED, &[]);
        if trial == Trial::Run {
            report.last = Word::default();
        }
        report.row(name, works, said, advice);
    }
    ids(&mut report, rootfs, start);
    landlock(&mut report);
    control_groups(&mut report);
    device(&mut report, word(c"/dev/ptmx"));
    if identity::geteuid() == 0 {
        device(&mut report, word(c"/dev/loop-control"));
    }
    let own = rootfs::read_link(arena, At::CWD, word(c"/proc/self/exe")).unwrap_or_default();
    report.end(works, if is_restricted { text(arena, PROFILE, &[own]) } else { Word::default() });
    works
}

/// What a row tries.
fn spec<'m>(arena: &'m Arena, namespaces: u8, trial: Trial, rootfs: Word<'m>) -> Spec<'m> {
    let mut spec = Spec::new(arena);
    const COMMAND: &[Word] = &[word(c"sh")];
    (spec.command, spec.init, spec.rootfs, spec.rehearsal) = (COMMAND, false, rootfs, Rehearsal::Whole);
    if trial == Trial::Run {
        return spec;
    }
    for (kind, ..) in Namespace::ALL {
        let is_new = namespaces >> *kind as u8 & 1 == 1;
        spec.namespaces[*kind as usize] = if is_new { Source::Private } else { Source::Host };
    }
    spec.file_systems = Some(FileSystems::NONE);
    spec.rootfs = word(c"/");
    match trial {
        Trial::View => return spec,
        // In it nothing can be made.
        Trial::Pivot => spec.rootfs = word(c"/proc"),
        Trial::Own(own) => (spec.change_root, spec.file_systems) = (ChangeRoot::None, Some(own)),
        _ => spec.change_root = ChangeRoot::None,
    }
    spec.rehearsal = Rehearsal::Part;
    spec
}

/// A rehearsal, and what its process leaves in the memory that it shares: what fails and what helps, or nothing.
struct Attempt<'m> {
    arena: &'m Arena,
    spec: &'m Spec<'m>,
    start: Start,
    said: Cell<(Word<'m>, Word<'m>)>,
}

/// Rehearses a container in a process of its own, because it changes the one that does so.
fn attempt<'m>(arena: &'m Arena, spec: &'m Spec<'m>, start: Start) -> (Word<'m>, Word<'m>) {
    let killed = text(arena, t!("its process was killed"), &[]);
    let attempt = Attempt { arena, spec, start, said: Cell::new((killed, Word::default())) };
    match process::start(&attempt, rehearse) {
        // It has ended already, and nobody else waits for it.
        Ok(child) => tolerate(process::wait_for(child)),
        Err(errno) => {
            attempt.said.set((text(arena, t!("start a process: %"), &[said(arena, errno)]), Word::default()));
        }
    }
    attempt.said.get()
}

extern "C" fn rehearse(attempt: &Attempt) -> ! {
    match engine::run(attempt.arena, attempt.spec, attempt.start) {
        Ok(Side::Launcher(launcher)) => {
            let ended = launcher.supervise(None);
            if let Some(image) = &ended.made {
                tolerate(engine::clean_up(attempt.arena, attempt.spec, image));
            }
            // There was nothing to execute. Any other end is not its own.
            if ended.status == Ok(FAILED) {
                attempt.said.take();
            }
        }
        // Without an init nobody comes back as one.
        Ok(Side::Init(_)) => {}
        Err(problem) => attempt.said.set((problem.line, problem.advice.unwrap_or_default())),
    }
    process::exit(0)
}

/// The calls that the kernel lacks, or that a filter keeps from it.
fn system_calls(report: &mut Report) {
    let mut refused = Text::new(report.text.arena());
    for place in (0..sandbox::COUNT).filter(|place| causes::refusal(*place).is_some()) {
        refused.add(names::at(sandbox::CALLS, place)).add(b" ");
    }
    let (refused, mut advice) = (refused.word(), Word::default());
    if !refused.is_empty() && process::kernel_release() >= OLDEST {
        advice = text(report.text.arena(), causes::FILTERED, &[word(c"them")]);
    }
    report.row(word(c"system calls"), refused.is_empty(), refused, advice);
}

/// Which ids a container of this root file system would have beside the caller's.
fn ids<'m>(report: &mut Report<'_, 'm>, rootfs: Word<'m>, start: Start) {
    let arena = report.text.arena();
    // What keeps it from being read the row before has told.
    let Ok(host) = Host::read(arena, arena.hold(spec(arena, 0, Trial::Run, rootfs)), start.environment()) else {
        return;
    };
    let (mut said, mut advice) = (Word::default(), Word::default());
    match host.ids {
        Ids::Unused(first) => said = text(arena, t!("65536 from %"), &[decimal(arena, first.into())]),
        Ids::Granted([program, _]) => said = text(arena, t!("by %"), &[program]),
        Ids::Own(Some(lack)) => {
            let (sentence, words) = because(arena, lack);
            advice = text(arena, sentence, &words);
        }
        Ids::Own(None) => {}
    }
    report.row(word(c"a range of ids"), advice.is_empty(), said, advice);
}

fn landlock(report: &mut Report) {
    let arena = report.text.arena();
    let version = sandbox::landlock_version();
    let said = match version {
        Ok(version) => decimal(arena, version as u64),
        Err(errno) => said(arena, errno),
    };
    let advice = if version == Err(Errno::EOPNOTSUPP) { word(c"boot with landlock in lsm=") } else { Word::default() };
    report.row(word(c"landlock"), version.is_ok(), said, advice);
}

/// Makes a group in each hierarchy that has controllers: one of version 2 beside those of version 1 may have none.
fn control_groups(report: &mut Report) {
    let arena = report.text.arena();
    let (mut made, mut failed, mut advice) = (Text::new(arena), word(c"none is there"), Word::default());
    for hierarchy in cgroups::hierarchies(arena, word(c"self")).unwrap_or_default() {
        let Hierarchy { root, own, .. } = *hierarchy;
        let there = hierarchy.controllers_in(arena, root);
        if there.is_empty() {
            continue;
        }
        // Root's are made at the first group.
        let limits = if identity::geteuid() == 0 { there } else { hierarchy.controllers_in(arena, own) };
        let tried = try_group(arena, own);
        let is_open = matches!(tried, Ok(()) | Err(Errno::EACCES));
        match tried {
            Ok(()) if !limits.is_empty() => drop(made.add(b" ").add(limits)),
            // Where each has its own hierarchy, memory is what most people limit.
            _ if !advice.is_empty() && !hierarchy.has(b"memory") => {}
            _ => {
                failed = match tried {
                    Ok(()) => text(arena, t!("% has no controllers"), &[own]),
                    Err(errno) => text(arena, t!("make a group in %: %"), &[own, said(arena, errno)]),
                };
                let mut usual = List::new(arena);
                split(b"memory pids", b' ').for_each(|name| {
                    if split(there, b' ').any(|own| own == name) {
                        usual.push(name);
                    }
                });
                advice = if is_open { causes::delegate(arena, own, hierarchy, &usual) } else { Word::default() };
            }
        }
    }
    let made = made.word();
    let (said, advice) = if made.is_empty() { (failed, advice) } else { (made.after(1), Word::default()) };
    report.row(word(c"control groups"), !made.is_empty(), said, advice);
}

/// Makes a group below this one.
fn try_group(arena: &Arena, parent: Word) -> Result<()> {
    let own = decimal(arena, process::getpid().0 as u64);
    let path = copy(arena, &[parent.bytes(), b"/aril-check-", own.bytes()]);
    file::mkdirat(At::CWD, path, 0o755)?;
    file::rmdirat(At::CWD, path)
}

fn device(report: &mut Report, path: Word) {
    let opened = file::openat(At::CWD, path, Open::READ_WRITE);
    let said = opened.as_ref().err().map_or(Word::default(), |errno| said(report.text.arena(), *errno));
    report.row(path, opened.is_ok(), said, Word::default());
}

/// Rows for a person, or one object for a program.
struct Report<'t, 'm> {
    text: &'t mut Text<'m>,
    json: bool,
    /// The last advice, which is not said twice.
    last: Word<'m>,
}

impl<'m> Report<'_, 'm> {
    fn row(&mut self, name: Word, works: bool, said: Word, advice: Word<'m>) {
        if self.json {
            self.text.add(if self.text.bytes().ends_with(b"}") { b",{" } else { b"{" });
            self.member(b"\"name\":", name);
            self.member(b",\"says\":", said);
            self.member(b",\"advice\":", advice);
            self.works(works);
            return;
        }
        self.text.add(if works { b"yes  " } else { b"no   " }).show(name.bytes());
        if !said.is_empty() {
            self.text.add(b": ").add(said.bytes());
        }
        if !advice.is_empty() && advice != self.last {
            self.text.add(b"\n     ").add(advice.bytes());
            self.last = advice;
        }
        self.text.add(b"\n");
    }

    fn works(&mut self, works: bool) {
        self.text.add(b",\"works\":").add(if works { b"true}" } else { b"false}" });
    }

    /// A string that has been made fit for a terminal: of what JSON wants written otherwise only these are left.
    fn member(&mut self, name: &[u8], value: Word) {
        self.text.add(name).add(b"\"");
        for byte in value.bytes() {
            match byte {
                b'\n' => self.text.add(b"\\n"),
                b'"' | b'\\' => self.text.add(&[b'\\', *byte]),
                _ => self.text.add(&[*byte]),
            };
        }
        self.text.add(b"\"");
    }

    /// The whole's result, and Ubuntu's remedy.
    fn end(&mut self, works: bool, profile: Word) {
        if self.json {
            self.member(b"],\"profile\":", profile);
            self.works(works);
            self.text.add(b"\n");
        } else {
            self.text.add(profile.bytes());
        }
    }
}

/// AppArmor's permission is by a program's path.
const PROFILE: Sentence = t!("
As root, so that this program may make user namespaces:

cat >/etc/apparmor.d/aril <<'END' && apparmor_parser -r /etc/apparmor.d/aril
abi <abi/4.0>,
include <tunables/global>
profile aril \"%\" flags=(unconfined) {
  userns,
}
END
");
