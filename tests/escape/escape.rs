//! How a row of the catalogue becomes tests: one for each way to run a container. Each first runs the attack where nothing
//! stops it.

use crate::support::outcome::NOTHING_OF_THE_KIND;
use crate::support::traces::Traces;
use crate::support::{Etc, Folder, Outcome, RANGE, Run, Who, World, cgroups, tool, trial};
use libtest_mimic::Trial;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;

/// Who runs a container, and as whom root inside is outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Root, in a user namespace in which every id is itself.
    Identity,
    /// Root, in the machine's own user namespace.
    Host,
    /// Root, with a range of ids that nobody else has: the default.
    Auto,
    /// An ordinary user.
    User,
}

pub use Mode::{Auto, Host, Identity, User};

pub const ALL: &[Mode] = &[Identity, Host, Auto, User];
/// Those in which root inside is root outside, of whom files are.
pub const ROOT: &[Mode] = &[Identity, Host];
/// Those in which he is somebody else.
pub const SHIFTED: &[Mode] = &[Auto, User];
/// Those with a user namespace of the container's own.
pub const OWN_USERS: &[Mode] = &[Identity, Auto, User];

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Host => "host",
            Self::Auto => "auto",
            Self::User => "user",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["--userns", "identity"],
            Self::Host => &["--userns", "host"],
            Self::Auto | Self::User => &[],
        }
    }
}

/// Who runs a container, and how.
pub struct By<'w> {
    who: &'w Who,
    mode: Mode,
}

impl Deref for By<'_> {
    type Target = Who;

    fn deref(&self) -> &Who {
        self.who
    }
}

impl By<'_> {
    /// `aril run OPTIONS ROOTFS COMMAND`, with what the mode asks for.
    pub fn run_in(&self, rootfs: &str, options: &[&str], command: &[&str]) -> Run {
        self.who.run_in(rootfs, &[self.mode.options(), options].concat(), command)
    }

    /// The value of `-v` for a volume in which root inside is the caller.
    pub fn volume(&self, source: &str, target: &str) -> String {
        format!("{source}:{target}{}", if self.mode == Auto { ":idmap" } else { "" })
    }
}

/// A test that is tried in every mode.
pub struct Everywhere {
    pub module: &'static str,
    pub name: &'static str,
    pub body: fn(&By),
}

/// Declares a module's tests, each for every mode.
#[macro_export]
macro_rules! by_mode {
    ($($name:ident),* $(,)?) => {
        pub fn tests() -> Vec<$crate::escape::Everywhere> {
            vec![$($crate::escape::Everywhere { module: module_path!(), name: stringify!($name), body: $name },)*]
        }
    };
}

impl Everywhere {
    pub fn trials(self, world: &'static World) -> impl Iterator<Item = Trial> {
        let module = self.module.rsplit("::").next().unwrap_or(self.module);
        ALL.iter().map(move |mode| {
            let name = format!("{module}::{}_{}", self.name, mode.name());
            trial(world, name, Some(*mode != User), move |who| (self.body)(&By { who, mode: *mode }))
        })
    }
}

/// How an attack is shown to succeed.
#[derive(Clone, Copy, Debug)]
enum Control {
    /// In a container of this mode with the wall taken away.
    Aril(Mode, &'static [&'static str]),
    /// By root, without aril.
    Plain(&'static [&'static str]),
}

/// An attack, what stops it, and what shows that it would succeed.
pub struct Escape {
    name: &'static str,
    /// The program's words; see `Site::fill`.
    attack: &'static [&'static str],
    entry: &'static [&'static str],
    owns_aril: bool,
    anyone_writes_aril: bool,
    own_pids: bool,
    more_ids: bool,
    filter_alone: bool,
    walls: Vec<&'static str>,
    options: Vec<&'static str>,
    under: &'static [&'static str],
    controls: Vec<Control>,
    unshown: Vec<&'static str>,
    stopped: Vec<(&'static [Mode], &'static [&'static str])>,
}

/// An attack of this name: a word of `attack`'s and what it is to try it on.
pub fn escape(name: &'static str, attack: &'static [&'static str]) -> Escape {
    Escape {
        name,
        attack,
        entry: &[],
        owns_aril: false,
        anyone_writes_aril: false,
        own_pids: false,
        more_ids: false,
        filter_alone: false,
        walls: Vec::new(),
        options: Vec::new(),
        under: &[],
        controls: Vec::new(),
        unshown: Vec::new(),
        stopped: Vec::new(),
    }
}

impl Escape {
    /// In every container, with or without the wall.
    pub fn with(mut self, options: &[&'static str]) -> Self {
        self.options.extend(options);
        self
    }

    /// aril is started by this program.
    pub const fn under(mut self, words: &'static [&'static str]) -> Self {
        self.under = words;
        self
    }

    /// These options are the wall.
    pub fn walled_by(mut self, options: &[&'static str]) -> Self {
        self.walls.extend(options);
        self
    }

    /// Nothing else would stop it.
    pub const fn by_the_filter_alone(mut self) -> Self {
        self.filter_alone = true;
        self
    }

    /// All of it happens in a pid namespace in which nothing else is, beside one process that tells.
    pub const fn beside_a_witness(mut self) -> Self {
        self.own_pids = true;
        self
    }

    /// An ordinary user has a range of ids.
    pub const fn with_more_ids(mut self) -> Self {
        self.more_ids = true;
        self
    }

    /// The attack is started by this program of the image.
    pub const fn entered_by(mut self, words: &'static [&'static str]) -> Self {
        self.entry = words;
        self
    }

    /// aril's file belongs to its caller.
    pub const fn with_aril_of_the_caller(mut self) -> Self {
        self.owns_aril = true;
        self
    }

    /// aril's file is root's, and anyone may write it.
    pub const fn with_aril_of_anyone(mut self) -> Self {
        self.anyone_writes_aril = true;
        self
    }

    /// It gets out of a container with these options.
    pub fn out_with(mut self, mode: Mode, options: &'static [&'static str]) -> Self {
        self.controls.push(Control::Aril(mode, options));
        self
    }

    /// It gets out of what is no container: no option takes this wall away.
    pub fn out_of(mut self, words: &'static [&'static str]) -> Self {
        self.controls.push(Control::Plain(words));
        self
    }

    /// These of what it tries get through nowhere: the catalogue says why.
    pub fn unshown(mut self, whats: &[&'static str]) -> Self {
        self.unshown.extend(whats);
        self
    }

    /// What it meets in these modes: each thing that it tries ends in one of these words.
    pub fn stopped(mut self, modes: &'static [Mode], words: &'static [&'static str]) -> Self {
        self.stopped.push((modes, words));
        self
    }

    /// A test for each mode.
    pub fn trials(self, world: &'static World) -> Vec<Trial> {
        let escape: &'static Self = Box::leak(Box::new(self));
        assert!(!escape.controls.is_empty(), "{}: it is never seen to succeed", escape.name);
        let modes = escape.stopped.iter().flat_map(|(modes, words)| modes.iter().map(move |mode| (*mode, *words)));
        modes
            .map(|(mode, words)| {
                let name = format!("{}_{}", escape.name, mode.name());
                trial(world, name, Some(mode != User), move |who| {
                    who.needs_probe();
                    let mut site = Site::make(who);
                    let shown = escape.succeeds(&site);
                    escape.is_stopped(&site, mode, words, &shown);
                    site.is_as_it_was();
                })
            })
            .collect()
    }

    /// In each of its controls it gets through; or this kernel has nothing of the kind. With all that got through in any.
    fn succeeds(&self, site: &Site) -> BTreeSet<String> {
        let mut shown = BTreeSet::new();
        for control in &self.controls {
            let outcome = match control {
                Control::Aril(mode, options) => self.run(site, *mode, options).run(),
                Control::Plain(words) => {
                    site.who.needs_root_behind();
                    let words = site.fill(words);
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    site.who.caller(true).program(words[0], &words[1..]).run()
                }
            };
            let words = answers(&outcome);
            let gets_out = words.iter().any(|(word, _)| word == "out");
            if !gets_out && !words.is_empty() && words.iter().all(|(_, what)| self.is_not_there(site, what)) {
                site.who.skip(NOTHING_OF_THE_KIND);
            }
            outcome.check(gets_out, format_args!("with {control:?} it gets out"));
            let passes = words.into_iter().filter(|(word, _)| word == "out" || word == "through");
            shown.extend(passes.map(|(_, what)| what));
        }
        shown
    }

    /// Whether this kernel has nothing of the kind: so it says to root, without aril.
    fn is_not_there(&self, site: &Site, what: &str) -> bool {
        // Signals are in every kernel, and none is sent for that.
        if self.own_pids {
            return false;
        }
        let missing = site.missing.get_or_init(|| {
            site.who.needs_root_behind();
            let attack = site.fill(&[WITNESS, ROOT_OUTSIDE, self.attack].concat());
            let attack: Vec<&str> = attack.iter().map(String::as_str).collect();
            let answers = answers(&site.who.caller(true).program(attack[0], &attack[1..]).run());
            let missing = answers.into_iter().filter(|(word, _)| NOTHING.contains(&word.as_str()));
            missing.map(|(_, what)| what).collect()
        });
        missing.contains(what)
    }

    /// By the filter, and without it by what is behind.
    fn is_stopped(&self, site: &Site, mode: Mode, reasons: &[&str], shown: &BTreeSet<String>) {
        let without: &[&str] = &["--security-opt", "seccomp=unconfined"];
        for options in [&[], without].into_iter().take(if self.filter_alone { 1 } else { 2 }) {
            let outcome = self.run(site, mode, &[&self.walls, options].concat()).run();
            // An entry that leads to aril's own file is outside of the root, and landlock's wall before it.
            if !self.entry.is_empty() && outcome.code() == Some(126) && outcome.err().contains("(EACCES)") {
                continue;
            }
            let words: Vec<_> = answers(&outcome).into_iter().filter(|(word, _)| word != "through").collect();
            outcome.exited(0).check(!words.is_empty(), "it tried something");
            for (word, what) in &words {
                outcome.check(reasons.contains(&word.as_str()), format_args!("{what} ends in one of {reasons:?}"));
                let is_shown = shown.contains(what) || self.unshown.contains(&&**what);
                outcome.check(
                    is_shown || self.is_not_there(site, what),
                    format_args!("{what} gets through somewhere, as {shown:#?} did"),
                );
            }
        }
    }

    /// The attack in a container.
    fn run(&self, site: &Site, mode: Mode, more: &[&str]) -> Run {
        if mode != User {
            site.who.needs_root_behind();
        }
        let caller = site.who.caller(mode != User);
        let options = site.fill(&[mode.options(), &["--tmpfs", "/tmp"], &self.options, more].concat());
        let attack = site.fill(&[self.entry, &["attack"], self.attack].concat());
        let under = site.fill(self.under);
        let [options, attack, under] = [&options, &attack, &under].map(|words| words.iter().map(String::as_str));
        let (options, attack): (Vec<&str>, Vec<&str>) = (options.collect(), attack.collect());
        let image = caller.rootfs();
        let words = [&["run"], &options[..], &[&image], &attack].concat();
        let aril = match (self.owns_aril, self.anyone_writes_aril) {
            (true, _) => site.aril_of_the_caller(&caller),
            (_, true) => site.aril_of_anyone(&caller),
            _ => caller.binary("aril"),
        };
        let words = [&under.collect::<Vec<&str>>(), &[&*aril][..], &words].concat();
        if !self.own_pids {
            let run = caller.program(words[0], &words[1..]);
            return if self.more_ids && mode == User { site.ids().around(caller.uid(), run) } else { run };
        }
        let id = caller.uid().to_string();
        let user: &[&str] =
            if mode == User { &["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"] } else { &[] };
        let words = site.fill(&[WITNESS, user, &["{attack}", "witness"], &words].concat());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        caller.caller(true).program(words[0], &words[1..])
    }
}

const WITNESS: &[&str] = &["setsid", "--wait", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// What root without aril is told of what a kernel was built without; the last by an entry for other programs.
const NOTHING: [&str; 8] = ["none", "empty", "ENOSYS", "ENXIO", "ENODEV", "EAFNOSUPPORT", "EOPNOTSUPP", "SEGV"];

/// In a chroot, with the machine's own files of the kernel: what is mounted there goes with the mount namespace.
const ROOT_OUTSIDE: &[&str] = &[
    "sh",
    "-c",
    "for from in proc sys dev; do mount --rbind /$from \"$1/$from\" || exit; done; mount -t tmpfs tmp \"$1/tmp\" && \
        exec chroot \"$@\"",
    "sh",
    "{image}",
    "/bin/attack",
];

/// What became of each thing that an attack tried: a word, and what it was.
fn answers(outcome: &Outcome) -> Vec<(String, String)> {
    let out = outcome.out();
    out.lines().filter_map(|line| line.split_once(' ')).map(|(word, what)| (word.into(), what.into())).collect()
}

/// What an attack is after, outside of every container.
struct Site<'w> {
    who: &'w Who,
    folder: Folder,
    before: Traces,
    group: OnceCell<cgroups::Place>,
    ids: OnceCell<Etc>,
    missing: OnceCell<BTreeSet<String>>,
}

impl<'w> Site<'w> {
    fn make(who: &'w Who) -> Self {
        let folder = who.folder();
        fs::write(folder.join("secret"), "outside\n").expect("our own folder");
        fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(0o644)).expect("our own file");
        let before = Traces::of(folder.path());
        let (group, ids, missing) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { who, folder, before, group, ids, missing }
    }

    /// A group of the test's own, in which nothing is.
    fn group(&self) -> String {
        let Some(hierarchy) = cgroups::hierarchies().into_iter().next() else { self.who.skip("no control groups") };
        let group = self.group.get_or_init(cgroups::Place::new).group(&hierarchy);
        fs::create_dir_all(&group).expect("root may");
        group.display().to_string()
    }

    fn ids(&self) -> &Etc {
        self.ids.get_or_init(|| Etc::new(self.who, RANGE, RANGE))
    }

    /// A copy of aril that belongs to the caller.
    fn aril_of_the_caller(&self, caller: &Who) -> String {
        let copy = format!("{}-{}", self.folder.str(), caller.uid());
        tool("cp", &[&caller.binary("aril"), &copy]);
        tool("chown", &[&caller.uid().to_string(), &copy]);
        copy
    }

    /// A copy of aril that anyone may write to.
    fn aril_of_anyone(&self, caller: &Who) -> String {
        let copy = format!("{}-anyone", self.folder.str());
        tool("cp", &[&caller.binary("aril"), &copy]);
        tool("chmod", &["777", &copy]);
        copy
    }

    /// Words with what stands for `{…}` in them.
    fn fill(&self, words: &[&str]) -> Vec<String> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let fill = |word: &&str| match *word {
            "{secret}" => path("secret"),
            "{attack}" => self.who.binary("attack"),
            "{aril}" => self.who.binary("aril"),
            "{image}" => self.who.caller(true).rootfs(),
            "{group}:/sys/fs/cgroup" => format!("{}:/sys/fs/cgroup", self.group()),
            // Each test has its own: a user's keyring is one for all.
            "{key}" => path("key"),
            "{handle-type}" | "{handle}" => {
                let handle = tool(&self.who.binary("attack"), &["make-handle", &path("secret")]);
                handle.split(' ').nth(usize::from(*word == "{handle}")).expect("two words").to_string()
            }
            word => word.to_string(),
        };
        words.iter().map(fill).collect()
    }

    /// Whatever was tried, nothing outside is changed.
    fn is_as_it_was(&mut self) {
        drop(self.group.take());
        self.before.unchanged("the folder outside");
    }
}
