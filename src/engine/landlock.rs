//! The steps of landlock.

use crate::host::rootfs::list;
use crate::plan::{DEVICES, Landlock};
use crate::sys::file::{self, Kind, Open};
use crate::sys::sandbox::{self, Landlocked, rights};
use crate::sys::{Arena, At, Errno, Result, Word, terminal, tolerate, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, t};

/// Does what a step says.
pub fn carry_out(arena: &Arena, step: Landlock) -> Result<()> {
    match step {
        Landlock::Scope { scopes } => {
            let ruleset = sandbox::landlock_create_ruleset(0, scopes)?;
            sandbox::landlock_restrict_self(ruleset.at())
        }
        Landlock::Wall { rights, root, writable, preserved, scopes } => {
            let ruleset = sandbox::landlock_create_ruleset(rights, scopes)?;
            allow(ruleset.at(), At::CWD, word(c"/"), Open::PATH, root)?;
            for path in writable {
                match allow(ruleset.at(), At::CWD, *path, Open::PATH, rights) {
                    // Not every image has each, and then nothing was mounted there.
                    Err(Errno::ENOENT) => {}
                    result => result?,
                }
            }
            for fd in 0..3 + preserved {
                // What has no path, as a pipe, takes no rule; what takes none and has one is shut.
                tolerate(allow_again(ruleset.at(), fd, rights));
            }
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
        Landlock::Confine { rights, scopes, volumes } => {
            let ruleset = sandbox::landlock_create_ruleset(rights, scopes)?;
            let root = file::openat(At::CWD, word(c"/"), Open::DIRECTORY)?;
            sandbox::landlock_allow(ruleset.at(), rights::LIST, root.at())?;
            // Below /dev there are the terminals of this user, and what is typed there.
            list(root.at(), word(c"."), &mut |name| {
                if name != word(c"dev") {
                    // What cannot be looked at (a stranger's FUSE) is not read later either.
                    tolerate(allow(ruleset.at(), root.at(), name, Open::PATH_NOFOLLOW, rights & rights::READ));
                }
                true
            })?;
            for device in DEVICES {
                match allow(ruleset.at(), At::CWD, device, Open::PATH, rights) {
                    // Not every machine has each.
                    Err(Errno::ENOENT) => {}
                    result => result?,
                }
            }
            // The terminal that the command has anyway it may open by its name.
            for stream in [At::STDIN, At::STDOUT, At::STDERR] {
                if terminal::size(stream).is_ok() {
                    sandbox::landlock_allow(ruleset.at(), rights & rights::FILE, stream)?;
                }
            }
            for (path, rights) in volumes {
                allow(ruleset.at(), At::CWD, *path, Open::PATH, *rights)?;
            }
            sandbox::landlock_restrict_self(ruleset.at())
        }
    }
}

fn allow(ruleset: At, at: At, path: Word, how: Open, mut rights: Landlocked) -> Result<()> {
    let file = file::openat(at, path, how)?;
    if file::fstat(file.at())?.kind != Kind::Directory {
        rights &= rights::FILE;
    }
    sandbox::landlock_allow(ruleset, rights, file.at())
}

/// What a descriptor is open on, for what it is open for. A directory of the caller's is handed over with all below it, if he has
/// said so.
fn allow_again(ruleset: At, fd: u32, rights: Landlocked) -> Result<()> {
    let is_preserved = fd > 2;
    let fd = file::borrowed(fd);
    let [reads, writes] = file::access(fd)?;
    let read = if reads { rights::READ & rights::FILE } else { 0 };
    let write = if writes { rights::WRITE } else { 0 };
    let mut allowed = read | write | rights::CONTROL;
    if file::fstat(fd)?.kind == Kind::Directory {
        allowed = if is_preserved { rights } else { 0 };
    }
    sandbox::landlock_allow(ruleset, rights & allowed, fd)
}

const WARNING: Sentence = t!("\
aril: landlock alone is no container: every file but devices can be read, modes, owners and times be changed; network, processes,
      and services that listen on files such as those of D-Bus and Docker are the host's, in reach of this user
");
const WARNING_OF_OLD: Sentence = t!(
    "      this kernel is older than 6.12: signals, abstract sockets, and perhaps devices and truncation are not kept away\n"
);
