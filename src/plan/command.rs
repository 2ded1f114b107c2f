//! The command: what is executed, with which environment, and what its process does before.

use super::identity::{self, Maps};
use super::{Draft, Step};
use crate::host::{Host, Terminal};
use crate::spec::{ChangeRoot, Namespace, Spec};
use crate::sys::{Arena, List, Word, word};
use crate::text::{copy, cut, path};

/// What execve(2) gets.
#[derive(Debug)]
pub struct Command<'p> {
    /// A path, or a name to be searched for.
    pub name: Word<'p>,
    /// The directories in which it is searched for; `None` if it is a path.
    pub search_path: Option<Word<'p>>,
    /// The words and the NULL after them.
    pub arguments: &'p [Option<Word<'p>>],
    /// `NAME=VALUE`, likewise.
    pub environment: &'p [Option<Word<'p>>],
}

/// Where commands are, unless `-e PATH=…` says otherwise.
pub(super) const PATH: Word = word(c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

impl<'p> Command<'p> {
    /// Of a plan without one.
    #[cfg(feature = "boot")]
    pub(super) const NONE: Self = Self { name: word(c""), search_path: None, arguments: &[None], environment: &[None] };

    /// The command of a Spec.
    pub fn new(arena: &'p Arena, spec: &Spec<'p>, host: &Host<'p>) -> Self {
        Self::of(arena, spec.command, environment(arena, spec, host))
    }

    /// These words with this environment.
    #[inline(always)]
    pub(super) fn of(arena: &'p Arena, words: &[Word<'p>], environment: &'p [Word<'p>]) -> Self {
        let name = words.first().copied().unwrap_or_default();
        let search_path = if name.is_empty() || path::is_path(name.bytes()) {
            None
        } else {
            Some(value(environment, b"PATH=").unwrap_or_default())
        };
        Self { name, search_path, arguments: terminated(arena, words), environment: terminated(arena, environment) }
    }
}

/// The list as execve(2) takes it.
fn terminated<'p>(arena: &'p Arena, words: &[Word<'p>]) -> &'p [Option<Word<'p>>] {
    let mut list = List::new(arena);
    list.extend(Word::some(words));
    list.push(None);
    list.finish()
}

/// What follows `NAME=` in a list of variables.
fn value<'e>(environment: &[Word<'e>], name: &[u8]) -> Option<Word<'e>> {
    let entry = environment.iter().find(|entry| entry.bytes().starts_with(name))?;
    Some(entry.after(name.len()))
}

/// A clean environment, and what was asked for. The last of two values for one name counts.
fn environment<'p>(arena: &'p Arena, spec: &Spec<'p>, host: &Host<'p>) -> &'p [Word<'p>] {
    let mut entries = List::new(arena);
    entries.push(PATH);
    let own_home = if is_at_home(spec, host) { passed_on(arena, host, b"HOME") } else { None };
    entries.push(own_home.unwrap_or_else(|| copy(arena, &[b"HOME=", host.user.home.bytes()])));
    entries.push(passed_on(arena, host, b"TERM").unwrap_or(word(c"TERM=xterm")));
    entries.push(word(c"container=aril"));
    #[cfg(feature = "full")]
    if let Some(name) = spec.own_hostname() {
        entries.push(copy(arena, &[b"HOSTNAME=", name.bytes()]));
    }
    let asked = spec.environment.iter();
    #[cfg(feature = "full")]
    let asked = host.variables.iter().chain(asked);
    for asked in asked {
        let (name, value) = cut(asked.bytes(), b'=');
        let entry = if value.is_some() { Some(*asked) } else { passed_on(arena, host, name) };
        let Some(entry) = entry else { continue };
        put(&mut entries, name, entry);
    }
    entries.finish()
}

/// Whether this machine's own home of the caller is the command's: an ordinary user is root inside, but not in root's directory.
fn is_at_home(spec: &Spec, host: &Host) -> bool {
    spec.rootfs == word(c"/") && spec.user.is_none() && host.uid != 0
}

/// Adds `NAME=VALUE`, in place of an earlier value.
#[cfg_attr(not(feature = "boot"), inline(always))]
pub(super) fn put<'p>(entries: &mut List<'p, Word<'p>>, name: &[u8], entry: Word<'p>) {
    match entries.iter().position(|earlier| cut(earlier.bytes(), b'=').0 == name) {
        Some(at) => entries[at] = entry,
        None => entries.push(entry),
    }
}

/// The caller's own variable, copied, because what the kernel gave this process is erased.
#[inline(never)]
fn passed_on<'p>(arena: &'p Arena, host: &Host, name: &[u8]) -> Option<Word<'p>> {
    let value = value(host.environment, copy(arena, &[name, b"="]).bytes())?;
    Some(copy(arena, &[name, b"=", value.bytes()]))
}

/// What the new process does so that the caller's terminal means the launcher alone, which passes its signals on once.
pub fn leave(draft: &mut Draft, spec: &Spec, host: &Host) {
    match host.terminal {
        #[cfg(feature = "full")]
        Terminal::Own { .. } => draft.must(Step::NewSession),
        _ => draft.when(spec.init, Step::LeaveGroup),
    }
}

/// What the command's process does before it executes.
pub fn prepare<'p>(draft: &mut Draft<'p>, spec: &'p Spec<'p>, host: &'p Host<'p>, maps: Maps) {
    lead(draft, spec, host);
    identity::become_user(draft, spec, host, maps, workdir(spec));
    // Where the init is PID 1 its end is everyone's. The signal is cleared by a change of user, hence here.
    draft.when(!spec.is_private(Namespace::Pid) || (!spec.init && spec.user.is_some()), Step::DieWithInit);
    confine(draft, spec, host);
    execute(draft, spec);
}

/// It leads a session or a process group.
pub(super) fn lead(draft: &mut Draft, _spec: &Spec, host: &Host) {
    match host.terminal {
        Terminal::Apart => draft.must(Step::NewSession),
        // One that leads the session of its own terminal is in its foreground already.
        #[cfg(feature = "full")]
        Terminal::Own { .. } if !_spec.init => {}
        _ => draft.must(Step::TakeForeground),
    }
}

/// After a change of root `/` is where the process is already.
pub(super) fn workdir<'p>(spec: &Spec<'p>) -> Option<Word<'p>> {
    spec.workdir.or((spec.change_root == ChangeRoot::None).then_some(word(c"/")))
}

/// What it cannot do any more, whoever it is.
pub(super) fn confine<'p>(draft: &mut Draft<'p>, spec: &'p Spec<'p>, host: &'p Host<'p>) {
    draft.must(Step::NoNewPrivileges);
    #[cfg(feature = "full")]
    super::landlock::confine(draft, spec, host);
    super::filter::add(draft, spec, host);
}

/// The last of all.
pub(super) fn execute<'p>(draft: &mut Draft<'p>, spec: &'p Spec<'p>) {
    let command = spec.command.first().copied().unwrap_or_default();
    draft.must(Step::ResetSignals);
    draft.when(spec.verbose, Step::Say { command });
    #[cfg(feature = "full")]
    // What comes before may take more than the command is to have.
    super::setting::add(draft, spec);
    draft.when(!spec.is_rehearsal(), Step::Exec { command });
}
