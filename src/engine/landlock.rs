//! The steps of landlock.

use crate::plan::{DEVICES, Landlock};
use crate::sys::file::{self, Kind, Open};
use crate::sys::sandbox::{self, Landlocked, rights};
use crate::sys::{Arena, At, Errno, Result, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, t};

/// Does what a step says.
pub fn carry_out(arena: &Arena, step: Landlock) -> Result<()> {
    match step {
        Landlock::Scope { scopes } => {
            let ruleset = sandbox::landlock_create_ruleset(0, scopes)?;
            sandbox::landlock_restrict_self(ruleset.at())
        }
        Landlock::Warn { partly } => {
            let mut text = Text::new(arena);
            text.fill(WARNING, &[]);
            if partly {
                text.fill(WARNING_OF_OLD, &[]);
            }
            file::write_all(At::STDERR, text.bytes())
        }
        Landlock::Confine { rights, scopes, writable } => {
            let ruleset = sandbox::landlock_create_ruleset(rights, scopes)?;
            allow(ruleset.at(), word(c"/"), rights & rights::READ)?;
            for device in DEVICES {
                match allow(ruleset.at(), device, rights) {
                    // Not every machine has each.
                    Err(Errno::ENOENT) => {}
                    result => result?,
                }
            }
            for path in writable {
                allow(ruleset.at(), *path, rights)?;
            }
            sandbox::landlock_restrict_self(ruleset.at())
        }
    }
}

fn allow(ruleset: At, path: Word, mut rights: Landlocked) -> Result<()> {
    let file = file::openat(At::CWD, path, Open::PATH)?;
    if file::fstat(file.at())?.kind != Kind::Directory {
        rights &= rights::FILE;
    }
    sandbox::landlock_allow(ruleset, rights, file.at())
}

const WARNING: Sentence = t!("\
aril: landlock alone is no container: every file can be read, modes, owners and times be changed; network, processes,
      and services that listen on files such as those of D-Bus and Docker are the host's, in reach of this user
");
const WARNING_OF_OLD: Sentence = t!("\
      this kernel is older than 6.12: signals, abstract sockets, and perhaps devices and truncation are not kept away
");
