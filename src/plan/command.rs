//! The command: what is executed, with which environment, and what its process does before.

use super::identity::{self, Maps};
use super::{Draft, Step};
use crate::host::Host;
use crate::spec::{ChangeRoot, Namespace, Spec};
use crate::sys::Word;
use crate::text::path;
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// What execve(2) gets.
#[derive(Debug)]
pub struct Command<'p> {
    /// Paths to try, in order.
    pub candidates: Vec<CString>,
    /// Whether these come from the search path.
    pub searched: bool,
    pub arguments: Vec<&'p CStr>,
    /// `NAME=VALUE`.
    pub environment: Vec<CString>,
}

/// Where commands are, unless `-e PATH=…` says otherwise.
const PATH: &[u8] = b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl<'p> Command<'p> {
    /// The command of a Spec.
    pub fn new(spec: &'p Spec, host: &Host) -> Self {
        let environment = environment(spec, host);
        let name = spec.command.first().copied().unwrap_or_default().to_bytes();
        let searched = !name.contains(&b'/');
        let candidates = if searched { search(&environment, name) } else { Vec::from([path::c_string(name)]) };
        Self { candidates, searched, arguments: spec.command.clone(), environment }
    }

    /// The value of PATH.
    pub fn search_path(&self) -> &[u8] {
        value(&self.environment, b"PATH").unwrap_or_default()
    }
}

/// The name in each directory of PATH; an empty one is the working directory.
fn search(environment: &[CString], name: &[u8]) -> Vec<CString> {
    let directories = value(environment, b"PATH").unwrap_or_default();
    directories
        .split(|byte| *byte == b':')
        .map(|directory| path::join(if directory.is_empty() { b"." } else { directory }, name))
        .collect()
}

fn value<'e>(environment: &'e [CString], name: &[u8]) -> Option<&'e [u8]> {
    environment.iter().find_map(|entry| entry.to_bytes().strip_prefix(name)?.strip_prefix(b"="))
}

/// A clean environment, and what was asked for. The last of two values for one name counts.
fn environment(spec: &Spec, host: &Host) -> Vec<CString> {
    let caller = |name: &[u8]| {
        host.environment.iter().find_map(|word| {
            let entry = word.as_cstr().to_bytes();
            entry.strip_prefix(name)?.starts_with(b"=").then(|| path::c_string(entry))
        })
    };
    let home = [b"HOME=", host.user.home.to_bytes()].concat();
    let terminal = caller(b"TERM").unwrap_or_else(|| c"TERM=xterm".into());
    let mut entries = Vec::from([path::c_string(PATH), path::c_string(home), terminal, c"container=aril".into()]);
    for asked in &spec.environment {
        let asked = asked.to_bytes();
        let entry = if asked.contains(&b'=') { Some(path::c_string(asked)) } else { caller(asked) };
        let Some(entry) = entry else { continue };
        let name = entry.to_bytes().split_inclusive(|byte| *byte == b'=').next().unwrap_or_default();
        entries.retain(|earlier| !earlier.to_bytes().starts_with(name));
        entries.push(entry);
    }
    entries
}

/// What the command's process does before it executes.
pub fn prepare<'p>(draft: &mut Draft<'p>, spec: &'p Spec, host: &'p Host, maps: Maps) {
    let command = spec.command.first().copied().unwrap_or_default();
    draft.must(if host.foreground { Step::TakeForeground } else { Step::NewSession });
    // After a change of root `/` is where the process is already.
    let workdir = spec.workdir.or((spec.change_root == ChangeRoot::None).then_some(c"/"));
    identity::become_user(draft, spec, host, maps, workdir);
    // Where the init is PID 1 its end is everyone's. The signal is cleared by a change of user, hence here.
    draft.when(!spec.is_private(Namespace::Pid) || (!spec.init && spec.user.is_some()), Step::DieWithInit);
    draft.must(Step::NoNewPrivileges);
    draft.must(Step::Filter);
    draft.must(Step::ResetSignals { ignored: host.ignored });
    draft.when(spec.verbose, Step::Say { command });
    draft.must(Step::Exec { command });
}

/// The list as execve(2) takes it.
pub fn terminated<'w>(words: impl Iterator<Item = &'w CStr>) -> Vec<Option<Word<'w>>> {
    words.map(|word| Some(Word::from(word))).chain([None]).collect()
}
