//! The front door of the command line: argv -> Spec. Nothing but argv is looked at: no file, no environment, no uid.

mod habits;
mod help;
pub mod options;
pub(crate) mod values;

pub use help::{OVERVIEW, write_run_help};

use crate::spec::{ChangeRoot, FileSystems, IdMap, Namespace, Overlay, Spec};
#[cfg(feature = "full")]
use crate::spec::{Filter, NewKind, Set, Source};
use crate::sys::{Arena, Word, word};
use crate::text::{Problem, Told, copy, cut, names, path, t, table, text};
#[cfg(feature = "full")]
use crate::text::{Text, problem::FAILED, split};
#[cfg(feature = "full")]
use crate::visit::Visit;
use options::Opt;
use values::Value;

/// What a command line asks for.
#[derive(Debug)]
pub enum Request<'a> {
    Run(Spec<'a>),
    /// Print what `run` would do.
    Explain(Spec<'a>),
    /// Try what `run` needs, in processes that end at once.
    #[cfg(feature = "full")]
    Check {
        rootfs: Word<'a>,
        /// For a program.
        json: bool,
    },
    /// Something with containers that run already.
    #[cfg(feature = "full")]
    Visit(Visit<'a>),
    /// Execute a command in the container that the Spec names; the rest of it is that container's.
    #[cfg(feature = "full")]
    Enter(Spec<'a>),
    /// Print what is decided of the system call of this name.
    #[cfg(feature = "full")]
    ExplainCall(Spec<'a>, Word<'a>),
    /// Print what a machine's first process would do with this kernel command line.
    #[cfg(feature = "boot")]
    ExplainBoot(Word<'a>),
    /// Be that process: it was asked for where it cannot be.
    #[cfg(feature = "boot")]
    Boot,
    Overview,
    RunHelp,
    Version,
}

/// Verbs about containers that run, in the order of `visit`.
#[cfg(feature = "full")]
const VISITS: &str = "ps kill wait stats pause resume update";
/// And those that every build has.
const VERBS: &str = "run explain help --help -h version --version -V";

/// Whether a command line that begins so asks for something of a program that anybody starts. `boot` is for a machine's first process.
#[cfg(feature = "boot")]
pub fn is_verb(word: Word) -> bool {
    [VERBS, VISITS, "init check exec"].into_iter().any(|verbs| names::position(verbs, word.bytes()).is_some())
}

/// Reads a whole command line, the program's name first. `aril init` never comes here: an init reads its own.
pub fn parse<'a>(arena: &'a Arena, words: &'a [Word<'a>]) -> Told<'a, Request<'a>> {
    let Some([verb, rest @ ..]) = words.get(1..) else { return Ok(Request::Overview) };
    #[cfg(feature = "full")]
    if *verb == word(c"check") {
        let json = rest.first() == Some(&word(c"--json"));
        return match rest.get(usize::from(json)..) {
            Some([]) => Ok(Request::Check { rootfs: word(c"/"), json }),
            Some([word]) if is_help(*word) => Ok(Request::Overview),
            Some([rootfs]) if !rootfs.bytes().starts_with(b"-") => Ok(Request::Check { rootfs: *rootfs, json }),
            _ => Err(Problem::refused(arena, t!("check takes [--json] [ROOTFS], and nothing else"), &[])),
        };
    }
    #[cfg(feature = "full")]
    if let Some(verb) = names::position(VISITS, verb.bytes()) {
        if rest.first().is_some_and(|first| is_help(*first)) {
            return Ok(Request::Overview);
        }
        return visit(arena, verb, rest).map(Request::Visit);
    }
    #[cfg(feature = "full")]
    if *verb == word(c"exec") {
        return run(arena, rest, Way::Enter);
    }
    #[cfg(feature = "boot")]
    match (verb.bytes(), rest) {
        (b"boot", []) => return Ok(Request::Boot),
        (b"explain", [first, line]) if *first == word(c"boot") => return Ok(Request::ExplainBoot(*line)),
        (b"boot", _) => {
            return Err(Problem::refused(arena, t!("boot takes nothing: the kernel's command line says all"), &[]));
        }
        (b"explain", [first, ..]) if *first == word(c"boot") => {
            return Err(Problem::refused(arena, t!("explain boot takes 'KERNEL COMMAND LINE', as one word"), &[]));
        }
        _ => {}
    }
    match names::position(VERBS, verb.bytes()) {
        Some(0) => run(arena, rest, Way::Run),
        #[cfg(feature = "full")]
        Some(1) if rest.first() == Some(&word(c"syscall")) => run(arena, &rest[1..], Way::ExplainCall),
        Some(1) => {
            // `aril explain run …` is `aril explain …`.
            let rest = rest.split_first().filter(|(first, _)| **first == word(c"run")).map_or(rest, |(_, rest)| rest);
            run(arena, rest, Way::Explain)
        }
        #[cfg(feature = "boot")]
        Some(2) if rest.first().is_some_and(|verb| !is_verb(*verb)) => Err(unknown(arena, rest[0])),
        Some(2..=4) => Ok(Request::Overview),
        Some(_) => Ok(Request::Version),
        None => Err(unknown(arena, *verb)),
    }
}

fn unknown<'a>(arena: &'a Arena, verb: Word) -> &'a Problem<'a> {
    Problem::refused(arena, t!("unknown command %"), &[verb]).advise(arena, t!("see: aril --help"), &[])
}

#[cfg(feature = "full")]
fn is_help(word: Word) -> bool {
    matches!(word.bytes(), b"--help" | b"-h")
}

/// What is done with containers that run.
#[cfg(feature = "full")]
fn visit<'a>(arena: &'a Arena, verb: usize, words: &'a [Word<'a>]) -> Told<'a, Visit<'a>> {
    let is_name = |name: &Word| !name.bytes().starts_with(b"-");
    let is_json = |option: &Word| matches!(verb, 0 | 3) && *option == word(c"--json");
    let (words, json) = match words {
        [option, rest @ ..] | [rest @ .., option] if is_json(option) => (rest, true),
        words => (words, false),
    };
    match (verb, words) {
        (0, []) => return Ok(Visit::List { json }),
        (1, [name, signal @ ..]) if signal.len() < 2 && is_name(name) => {
            let signal = signal.first().copied().unwrap_or(word(c"TERM"));
            // As kill(1) takes it.
            return match names::signal(signal.bytes().strip_prefix(b"-").unwrap_or(signal.bytes())) {
                Some(number) => Ok(Visit::Kill { name: *name, signal: number }),
                None => Err(Problem::refused(arena, t!("no such signal: % (signal(7))"), &[signal])),
            };
        }
        (2, [name]) if is_name(name) => return Ok(Visit::Wait { name: *name }),
        (3, []) => return Ok(Visit::Stats { name: None, json }),
        (3, [name]) if is_name(name) => return Ok(Visit::Stats { name: Some(*name), json }),
        (4 | 5, [name]) if is_name(name) => return Ok(Visit::Pause { name: *name, on: verb == 4 }),
        (6, words) => {
            if let Some(update) = update(arena, words)? {
                return Ok(update);
            }
        }
        _ => {}
    }
    let mut usages = Text::new(arena);
    usages.fill(
        t!("\
ps takes [--json], and nothing else
kill takes NAME [SIGNAL], and nothing else
wait takes NAME, and nothing else
stats takes [NAME] [--json], and nothing else
pause takes NAME, and nothing else
resume takes NAME, and nothing else
update takes NAME and the limits that change, such as -m 64m"),
        &[],
    );
    let line = copy(arena, &[split(usages.finish(), b'\n').nth(verb).unwrap_or_default()]);
    Err(arena.hold(Problem { status: FAILED, line, advice: None }))
}

/// The options of limits, before the name or after it.
#[cfg(feature = "full")]
fn update<'a>(arena: &'a Arena, words: &'a [Word<'a>]) -> Told<'a, Option<Visit<'a>>> {
    let mut scan = Scan { arena, words, spec: Spec::new(arena), help: false, limits_alone: true, enters: false };
    scan.options()?;
    let Some((name, rest)) = scan.words.split_first() else { return Ok(None) };
    scan.words = rest;
    scan.options()?;
    let resources = &*scan.spec.resources.finish();
    let is_whole = scan.words.is_empty() && !resources.is_empty();
    Ok(is_whole.then_some(Visit::Update { name: *name, resources }))
}

/// What options of `run` are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Run,
    Explain,
    #[cfg(feature = "full")]
    ExplainCall,
    #[cfg(feature = "full")]
    Enter,
}

/// `run` or `explain`; or `exec`, whose options are some of those.
fn run<'a>(arena: &'a Arena, words: &'a [Word<'a>], way: Way) -> Told<'a, Request<'a>> {
    let mut scan = Scan {
        arena,
        words,
        spec: Spec::new(arena),
        help: false,
        #[cfg(feature = "full")]
        limits_alone: false,
        #[cfg(feature = "full")]
        enters: way == Way::Enter,
    };
    scan.options()?;
    let Scan { words, mut spec, help, .. } = scan;
    #[cfg(feature = "full")]
    if way == Way::Enter {
        return match words {
            _ if help => Ok(Request::Overview),
            [name, command @ ..] if !command.is_empty() => {
                (spec.name, spec.command) = (Some(*name), command);
                Ok(Request::Enter(spec))
            }
            _ => Err(Problem::refused(arena, t!("exec takes [OPTIONS] NAME COMMAND [ARG...]"), &[])),
        };
    }
    if help {
        return Ok(Request::RunHelp);
    }
    #[cfg(feature = "full")]
    if way == Way::ExplainCall {
        return match words {
            [name] => Ok(Request::ExplainCall(spec, *name)),
            _ => Err(Problem::refused(arena, t!("explain syscall takes [OPTIONS] NAME"), &[])),
        };
    }
    let Some((rootfs, command)) = words.split_first() else {
        return Err(Problem::refused(arena, t!("no root file system given"), &[]).advise(
            arena,
            t!("aril run DIRECTORY COMMAND, or: aril run / sh (a throw-away view of this machine)"),
            &[],
        ));
    };
    let mut rootfs = *rootfs;
    if let ([path @ .., b':', b'O'], true) = (rootfs.bytes(), cfg!(feature = "full")) {
        // As podman-run(1) has it. A directory of such a name is called `name:O/`.
        rootfs = copy(arena, &[path]);
        if matches!(spec.overlay, Overlay::None) {
            spec.overlay = Overlay::Memory;
        }
    }
    // However `/` is written, it means the same.
    let is_root = rootfs.bytes().starts_with(b"/") && path::names(rootfs.bytes()).next().is_none();
    spec.rootfs = if is_root { word(c"/") } else { rootfs };
    const SHELL: &[Word] = &[word(c"/bin/sh")];
    spec.command = if command.is_empty() { SHELL } else { command };
    #[cfg(feature = "full")]
    if spec.landlock_alone {
        share_all(arena, &mut spec)?;
    }
    check(arena, &spec)?;
    Ok(if way == Way::Explain { Request::Explain(spec) } else { Request::Run(spec) })
}

/// `--sandbox landlock`: everything is the host's. What was asked for otherwise cannot be had.
#[cfg(feature = "full")]
fn share_all<'a>(arena: &'a Arena, spec: &mut Spec<'a>) -> Told<'a, ()> {
    let asks = |source: &Source| matches!(source, Source::Join(_));
    if spec.namespaces.iter().any(asks)
        || spec.is_private(Namespace::Network)
        || spec.is_private(Namespace::Time)
        || spec.change_root == ChangeRoot::Chroot
        || spec.rootfs != word(c"/")
    {
        return Err(Problem::refused(arena, t!("--sandbox landlock has no namespaces, and / for ROOTFS"), &[]));
    }
    if let Some(volume) = spec.volumes.iter().find(|volume| volume.source != volume.target) {
        let text = t!("--sandbox landlock mounts nothing: volume % cannot be %");
        return Err(Problem::refused(arena, text, &[volume.source, volume.target]));
    }
    spec.namespaces = [Source::Host; Namespace::ALL.len()];
    spec.change_root = ChangeRoot::None;
    Ok(())
}

/// The words that are still to be read, and what the others have made.
struct Scan<'a> {
    arena: &'a Arena,
    words: &'a [Word<'a>],
    spec: Spec<'a>,
    help: bool,
    /// Only what can be changed while a container runs.
    #[cfg(feature = "full")]
    limits_alone: bool,
    /// They are for `exec`.
    #[cfg(feature = "full")]
    enters: bool,
}

impl<'a> Scan<'a> {
    /// Reads options up to the first operand or past `--`.
    fn options(&mut self) -> Told<'a, ()> {
        while let [first, rest @ ..] = self.words {
            match first.bytes() {
                b"--" => {
                    self.words = rest;
                    return Ok(());
                }
                [b'-', b'-', ..] => {
                    self.words = rest;
                    self.long(*first)?;
                }
                [b'-', _, ..] => {
                    self.words = rest;
                    self.cluster(*first)?;
                }
                _ => return Ok(()),
            }
            if self.help {
                return Ok(());
            }
        }
        Ok(())
    }

    /// `--name`, `--name=value` or `--name value`.
    fn long(&mut self, word: Word<'a>) -> Told<'a, ()> {
        let (name, _) = cut(word.after(2).bytes(), b'=');
        let end = 2 + name.len();
        let Some(option) = Opt::named(name) else {
            return Err(self.unknown(name, word));
        };
        self.apply(option, Some(word.after(end + 1)).filter(|_| end < word.bytes().len()))
    }

    /// `-i`, `-it`, `-vSRC:DST` or `-v SRC:DST`.
    fn cluster(&mut self, word: Word<'a>) -> Told<'a, ()> {
        for (at, letter) in word.bytes().iter().enumerate().skip(1) {
            let Some(option) = Opt::of_letter(*letter) else {
                return Err(self.unknown(&[*letter], word));
            };
            if !option.value().is_empty() {
                let rest = word.after(at + 1);
                return self.apply(option, Some(rest).filter(|rest| !rest.is_empty()));
            }
            self.apply(option, None)?;
        }
        Ok(())
    }

    /// An option with the value that was written with it, or the next word if it needs one.
    fn apply(&mut self, option: Opt, written: Option<Word<'a>>) -> Told<'a, ()> {
        let arena = self.arena;
        let name = copy(arena, &[option.long()]);
        #[cfg(feature = "full")]
        if self.enters && !option.is_for_exec() {
            return Err(Problem::refused(arena, t!("exec has no option --%: the container keeps its own"), &[name]));
        }
        let (called, mut word) = (option.value(), written.unwrap_or_default());
        let optional = table::is_optional(called);
        #[cfg(feature = "full")]
        if self.limits_alone && !option.is_limit() {
            return Err(Problem::refused(arena, t!("option --% is for the start: update takes limits alone"), &[name]));
        }
        match (called, written, self.words) {
            ([], Some(_), _) => return Err(Problem::refused(arena, t!("option --% takes no value"), &[name])),
            ([_, ..], None, [first, rest @ ..]) if !optional => (word, self.words) = (*first, rest),
            // An empty one that may be left out is a script's variable that was never set.
            ([_, ..], written, _) if written.is_some() == optional && word.is_empty() => {
                let words = [name, copy(arena, &[called])];
                return Err(Problem::refused(arena, t!("option --% needs a value: %"), &words));
            }
            _ => {}
        }
        self.help |= option == Opt::Help;
        option
            .set(&mut self.spec, Value { word, arena })
            .map_err(|reason| Problem::refused(arena, t!("option --% %: %"), &[name, word, text(arena, reason, &[])]))
    }

    fn unknown(&self, name: &[u8], word: Word) -> &'a Problem<'a> {
        let problem = Problem::refused(self.arena, t!("unknown option %"), &[word]);
        if let Some(advice) = habits::instead_of(name) {
            return problem.advise(self.arena, advice, &[]);
        }
        #[cfg(feature = "full")]
        if let Some(option) = Opt::nearest(name) {
            return problem.advise(self.arena, t!("did you mean --%?"), &[copy(self.arena, &[option.long()])]);
        }
        problem.advise(self.arena, t!("see: aril run --help"), &[])
    }
}

/// Options that contradict each other.
fn check<'a>(arena: &'a Arena, spec: &Spec) -> Told<'a, ()> {
    let own_mounts = spec.is_private(Namespace::Mount);
    let file_systems = spec.own_file_systems();
    let binds = !spec.volumes.is_empty() && !spec.is_landlock_alone();
    let has_mounts = file_systems != FileSystems::NONE || binds || !spec.new_mounts.is_empty();
    let changes_root = !matches!(spec.overlay, Overlay::None) || spec.read_only;
    let (pivots, keeps_root) = (spec.change_root == ChangeRoot::Pivot, spec.change_root == ChangeRoot::None);
    let is_host = spec.rootfs == word(c"/");
    let maps = !matches!((&spec.uids, &spec.gids), (IdMap::Default, IdMap::Default));
    let has_proc = file_systems.proc;
    #[cfg(feature = "full")]
    let has_proc = has_proc || spec.new_mounts.iter().any(|new| new.kind == NewKind::Proc);
    let contradictions = [
        (
            pivots && !own_mounts,
            t!("pivot_root needs a mount namespace of its own: leave it private, or say --change-root chroot or none"),
        ),
        (!own_mounts && (has_mounts || changes_root), t!("mounts need a mount namespace of their own")),
        (keeps_root && !is_host, t!("--change-root none keeps the host's root: ROOTFS must be /")),
        (keeps_root && changes_root, t!("--change-root none keeps the host's root as it is")),
        (
            !pivots && !keeps_root && (changes_root || is_host),
            t!("--change-root chroot takes a directory, and takes it as it is"),
        ),
        (!spec.is_private(Namespace::User) && maps, t!("id maps need a user namespace: leave out --userns")),
        (
            spec.hostname.is_some() && !spec.is_private(Namespace::Uts),
            t!("--hostname needs a uts namespace of its own: leave out --uts"),
        ),
        #[cfg(feature = "full")]
        (
            !spec.is_private(Namespace::Uts) && spec.settings.iter().any(|set| set.what == Set::Domainname),
            t!("--domainname needs a uts namespace of its own: leave out --uts"),
        ),
        #[cfg(feature = "full")]
        (
            !(spec.has_own_hosts() || spec.hosts.is_empty() && spec.name_servers.is_empty()),
            t!("--add-host and --dns need a root and a /proc of the container's own"),
        ),
        #[cfg(feature = "full")]
        (
            !spec.devices.is_empty() && (keeps_root || !file_systems.dev),
            t!("--device needs a root and a /dev of the container's own"),
        ),
        #[cfg(feature = "full")]
        (
            spec.status_fd.is_some_and(|fd| (3..3 + spec.preserve_fds).contains(&fd)),
            t!("--status-fd is one that --preserve-fds gives to the command"),
        ),
        #[cfg(feature = "full")]
        (
            spec.denied && spec.filter == Filter::Unconfined,
            t!("--security-opt seccomp=unconfined refuses nothing: leave out --denied"),
        ),
        #[cfg(feature = "full")]
        (spec.landlock_alone && !spec.scopes, t!("--sandbox landlock has no other wall: leave out landlock=off")),
        #[cfg(feature = "full")]
        (
            matches!(spec.memory(), [Some(Some(memory)), Some(Some(both))] if both < memory),
            t!("--memory-swap is memory and swap together: it cannot be less than --memory"),
        ),
        #[cfg(feature = "full")]
        (
            matches!(spec.memory(), [None | Some(None), Some(Some(_))]),
            t!("--memory-swap is memory and swap together: it needs --memory"),
        ),
        #[cfg(feature = "full")]
        (
            spec.detach && (spec.interactive || spec.tty == Some(true)),
            t!("--detach leaves nobody who could type: leave out --interactive and --tty"),
        ),
        #[cfg(feature = "full")]
        (!spec.detach && spec.log.is_some(), t!("--log is for --detach: elsewhere the caller has the output")),
        #[cfg(feature = "full")]
        (
            spec.detach && spec.status_fd.is_some_and(|fd| fd < 3),
            t!("--detach leaves the caller's standard streams: --status-fd must be another descriptor"),
        ),
        #[cfg(feature = "full")]
        (
            spec.detach && spec.log.is_none() && spec.stats.is_some_and(|file| file.is_empty()),
            t!("--detach leaves nobody to read the figures: say --stats=FILE, or --log"),
        ),
        #[cfg(feature = "full")]
        (!spec.init && spec.timeout.is_some(), t!("--timeout needs the init: leave out --no-init")),
        (
            has_proc && !spec.is_private(Namespace::Pid),
            t!("a new /proc needs a new pid namespace: leave it private, or leave proc out"),
        ),
    ];
    match contradictions.iter().find(|(found, _)| *found) {
        Some((_, sentence)) => Err(Problem::refused(arena, *sentence, &[])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Source;
    #[cfg(feature = "full")]
    use linux_raw_sys::general as k;
    use std::ffi::CString;

    /// Parses `aril run …` and shows the Spec or the problem.
    fn run<R>(words: &[&str], look: impl FnOnce(Told<Request>) -> R) -> R {
        let owned: Vec<CString> =
            ["aril", "run"].iter().chain(words).map(|word| CString::new(*word).unwrap()).collect();
        let words: Vec<Word> = owned.iter().map(|word| Word::new(word)).collect();
        let arena = Arena::new().unwrap();
        look(parse(&arena, &words))
    }

    fn spec<R>(words: &[&str], look: impl FnOnce(Spec) -> R) -> R {
        run(words, |request| match request {
            Ok(Request::Run(spec)) => look(spec),
            other => panic!("{words:?}: {other:?}"),
        })
    }

    fn string(word: Word) -> String {
        String::from_utf8(word.bytes().to_vec()).unwrap()
    }

    /// The line of a refusal, and its advice.
    fn refused(words: &[&str]) -> (String, Option<String>) {
        run(words, |request| {
            let problem = request.expect_err("refused");
            (string(problem.line), problem.advice.map(string))
        })
    }

    #[test]
    fn options_end_at_the_root_file_system() {
        spec(&["--read-only", "root", "ls", "-l", "--overlay"], |spec| {
            assert!(spec.read_only && spec.overlay == Overlay::None);
            assert_eq!(spec.rootfs, word(c"root"));
            assert_eq!(spec.command, [c"ls", c"-l", c"--overlay"].map(word));
        });
    }

    #[test]
    fn values_come_after_an_equals_sign_a_space_or_a_letter() {
        for words in
            [&["--volume=/a:/b", "r"][..], &["--volume", "/a:/b", "r"], &["-v/a:/b", "r"], &["-v", "/a:/b", "r"]]
        {
            spec(words, |spec| assert_eq!(spec.volumes[0].target, word(c"/b"), "{words:?}"));
        }
    }

    #[test]
    fn what_docker_users_type_by_habit_means_what_already_happens() {
        spec(&["--rm", "-it", "--init", "r", "sh"], |spec| assert_eq!(spec.command, [word(c"sh")]));
    }

    #[test]
    fn every_option_of_the_table_parses() {
        for (option, example) in Opt::ALL.iter().zip(Opt::EXAMPLE).filter(|(option, _)| **option != Opt::Help) {
            // Read before all others.
            if option.long() == b"args-fd" {
                continue;
            }
            let mut words = vec![format!("--{}", str::from_utf8(option.long()).unwrap())];
            match option.value() {
                [] => {}
                value if table::is_optional(value) => words[0] += &format!("={example}"),
                _ => words.push(example.to_string()),
            }
            words.push("/".into());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run(&words, |request| {
                if let Err(problem) = request {
                    assert!(!string(problem.line).contains("option"), "{words:?}: {problem:?}");
                }
            });
        }
    }

    #[test]
    fn an_unknown_option_names_the_nearest_and_never_dumps_the_help() {
        assert_eq!(
            refused(&["--overlya", "/"]),
            ("unknown option --overlya".into(), Some("did you mean --overlay?".into()))
        );
        assert_eq!(refused(&["--zzzzzzzz", "/"]).1.as_deref(), Some("see: aril run --help"));
        assert_eq!(refused(&["-Z", "/"]).0, "unknown option -Z");
        for words in [&["-p", "80:80", "/"][..], &["--privileged", "/"]] {
            let advice = refused(words).1.expect("it says what to use instead");
            assert!(!advice.contains("--help") && !advice.contains("did you mean"), "{words:?}: {advice}");
        }
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        for words in [
            &["--namespaces", "uts", "r"][..],
            &["--mntns", "ns:/proc/1/ns/mnt", "r"],
            &["--namespaces", "uts", "--change-root", "none", "--fs", "proc", "/"],
            &["--change-root", "none", "r"],
            &["--change-root", "none", "--overlay", "/"],
            &["--userns", "host", "--uid-map", "0:1:1", "r"],
            &["--uts", "host", "--hostname", "x", "r"],
            &["--pid", "host", "--fs", "proc", "r"],
            &["--change-root", "chroot", "/"],
        ] {
            refused(words);
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_later_command_keeps_all_walls_of_the_container_and_nothing_of_its_start() {
        let arena = Arena::new().unwrap();
        let words = |text: &str| {
            let owned = text.split(' ').map(|word| CString::new(word).unwrap());
            owned.map(|word| copy(&arena, &[word.as_bytes()])).collect::<Vec<_>>()
        };
        let first = words(
            "aril run -t --trace --verbose --user 5 -w /srv -e A=b --cap-drop all --pidfile p --status-fd 9 --preserve-fds 2 \
             --timeout 5s --sig-proxy=false --stop-signal INT --name web --ulimit core=0 --network none r first",
        );
        let Ok(Request::Run(mut spec)) = parse(&arena, &first) else { panic!("it is a run") };
        let later = words("aril exec -u 6 -e C=d web second -x");
        let Ok(Request::Enter(mut asked)) = parse(&arena, &later) else { panic!("it is an exec") };
        spec.take_command_of(&mut asked);
        assert_eq!((spec.command, spec.user), (&later[7..], Some(word(c"6"))));
        assert_eq!((&*spec.environment, spec.workdir), (&[word(c"C=d")][..], Some(word(c"/srv"))));
        assert_eq!((spec.capabilities, spec.settings.len(), spec.is_private(Namespace::Network)), (0, 2, true));
        assert!(!spec.init && !spec.trace && !spec.verbose && !spec.detach && spec.passes_signals);
        assert_eq!((spec.tty, spec.timeout, spec.pid_file, spec.status_fd), (None, None, None, None));
        assert_eq!((spec.preserve_fds, spec.stop_signal), (0, k::SIGTERM as u8));
    }

    #[test]
    fn missing_words_are_named() {
        assert_eq!(refused(&[]).0, "no root file system given");
        assert_eq!(refused(&["--hostname"]).0, "option --hostname needs a value: NAME");
        assert_eq!(refused(&["--rm=x", "/"]).0, "option --rm takes no value");
        assert_eq!(refused(&["--workdir=x", "/"]).0, "option --workdir x: not an absolute path");
    }

    #[cfg(feature = "full")]
    #[test]
    fn an_update_takes_limits_before_the_name_or_after_it() {
        let update = |words: &[&str]| {
            let owned: Vec<CString> =
                ["aril", "update"].iter().chain(words).map(|word| CString::new(*word).unwrap()).collect();
            let words: Vec<Word> = owned.iter().map(|word| Word::new(word)).collect();
            let arena = Arena::new().unwrap();
            match parse(&arena, &words) {
                Ok(Request::Visit(Visit::Update { name, resources })) => Ok((string(name), resources.len())),
                Ok(other) => panic!("{other:?}"),
                Err(problem) => Err(string(problem.line)),
            }
        };
        for words in
            [&["web", "-m64m", "--cpus", "1"][..], &["-m", "64m", "--cpus=1", "web"], &["-m64m", "web", "--cpus=1"]]
        {
            assert_eq!(update(words), Ok(("web".into(), 2)), "{words:?}");
        }
        // Help is help there too.
        for option in Opt::ALL.iter().filter(|option| **option != Opt::Help) {
            let is_refused = update(&[&format!("--{}", str::from_utf8(option.long()).unwrap())])
                .is_err_and(|line| line.contains("for the start"));
            assert_eq!(is_refused, !option.is_limit(), "{option:?}");
        }
        assert_eq!(Opt::ALL.iter().filter(|option| option.is_limit()).count(), 14);
    }

    #[cfg(feature = "full")]
    #[test]
    fn a_value_that_may_be_left_out_comes_after_an_equals_sign_alone() {
        for (words, overlay) in [
            (&["--overlay", "r"][..], Overlay::Memory),
            (&["--overlay=d", "r"], Overlay::Kept(word(c"d"))),
            (&["r:O"], Overlay::Memory),
            (&["--overlay=d", "r:O"], Overlay::Kept(word(c"d"))),
        ] {
            spec(words, |spec| assert_eq!((spec.overlay, spec.rootfs), (overlay, word(c"r")), "{words:?}"));
        }
        spec(&["r:O/"], |spec| assert_eq!((spec.overlay, spec.rootfs), (Overlay::None, word(c"r:O/"))));
        spec(&["/:O"], |spec| assert!(spec.is_view() && spec.overlay == Overlay::Memory));
        assert_eq!(refused(&["--overlay=", "r"]).0, "option --overlay needs a value: [=DIR]");
    }

    #[cfg(not(feature = "full"))]
    #[test]
    fn the_smallest_runner_keeps_no_writes() {
        assert_eq!(refused(&["--overlay=x", "/"]).0, "option --overlay takes no value");
        spec(&["r:O"], |spec| assert_eq!((spec.overlay, spec.rootfs), (Overlay::None, word(c"r:O"))));
    }

    #[test]
    fn help_is_help_wherever_it_stands() {
        run(&["--overlay", "-h"], |request| assert!(matches!(request, Ok(Request::RunHelp))));
    }

    #[test]
    fn the_root_is_a_view_however_it_is_written() {
        for root in ["/", "//", "/./"] {
            spec(&[root], |spec| assert!(spec.is_view(), "{root}"));
        }
        spec(&["."], |spec| assert!(!spec.is_view()));
    }

    #[test]
    fn only_the_named_namespaces_are_made() {
        spec(&["--namespaces", "uts", "--change-root", "none", "/"], |spec| {
            assert!(spec.is_private(Namespace::Uts));
            assert_eq!(spec.namespace(Namespace::Pid), Source::Host);
            assert_eq!(spec.own_file_systems(), FileSystems::NONE);
        });
    }
}
