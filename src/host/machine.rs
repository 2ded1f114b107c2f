//! A machine whose first process this is, as the kernel has left it.

use super::rootfs::{in_root, read_path, read_path_at};
use crate::spec::Boot;
use crate::sys::file::{self, Open};
use crate::sys::mount::{self, Attributes};
use crate::sys::process::{self, Pid};
use crate::sys::{Arena, At, Errno, Fd, Word, word};
use crate::text::{Problem, Told, t};

/// `PROC_PID_INIT_INO` of linux/proc_ns.h: the inode of the machine's own pid namespace.
const OWN_PIDS: u64 = 0xEFFF_FFFC;

/// A proc of its own, attached nowhere, if this is the first process of the machine. That of a container is the first of its pid
/// namespace too; of a machine's there is one.
pub fn first_process() -> Option<Fd> {
    if process::getpid() != Pid(1) {
        return None;
    }
    let proc = new_proc().ok()?;
    let is_own = file::fstatat(proc.at(), word(c"self/ns/pid")).is_ok_and(|stat| stat.identity.1 == OWN_PIDS);
    is_own.then_some(proc)
}

fn new_proc() -> crate::sys::Result<Fd> {
    let context = mount::fsopen(word(c"proc"))?;
    // What mount(8) names as its source.
    mount::fsconfig_string(context.at(), word(c"source"), word(c"proc"))?;
    mount::fsconfig_create(context.at())?;
    let attributes = Attributes::NOSUID.and(Attributes::NODEV).and(Attributes::NOEXEC);
    mount::fsmount(context.at(), attributes)
}

/// What the machine says that it is to become. Of a file that is not there it says nothing.
#[derive(Debug)]
pub struct Asked<'m> {
    /// The kernel's command line.
    pub kernel: &'m [u8],
    /// `/etc/aril/boot`: more of the same.
    pub parameters: Told<'m, &'m [u8]>,
    /// `/etc/aril/modules`: names of modules.
    pub modules: Told<'m, &'m [u8]>,
    /// `/etc/aril/cmd`: the command.
    pub command: Told<'m, &'m [u8]>,
}

pub const PARAMETERS: Word = word(c"/etc/aril/boot");
pub const MODULES: Word = word(c"/etc/aril/modules");
pub const COMMAND: Word = word(c"/etc/aril/cmd");

impl<'m> Asked<'m> {
    /// Reads it.
    ///
    /// # Errors
    /// The kernel's command line cannot be read.
    pub fn read(arena: &'m Arena, proc: At) -> Told<'m, Self> {
        let kernel = read_path_at(arena, proc, word(c"cmdline"), Open::READ)
            .map_err(|errno| Problem::failed(arena, t!("read /proc/cmdline"), &[], errno))?;
        let mut asked = Self { kernel, parameters: Ok(b""), modules: Ok(b""), command: Ok(b"") };
        if file::fstatat(At::CWD, word(c"/etc/aril")).is_ok() {
            asked.parameters = read(arena, PARAMETERS);
            asked.modules = read(arena, MODULES);
            asked.command = read(arena, COMMAND);
        }
        Ok(asked)
    }
}

/// A file that need not be there.
///
/// # Errors
/// It is there, and cannot be read.
pub fn read<'m>(arena: &'m Arena, path: Word) -> Told<'m, &'m [u8]> {
    /// Of which each word takes more room than it has letters.
    const LARGEST: usize = 1 << 20;
    match read_path(arena, path, Open::READ) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(b""),
        Ok(text) if text.len() > LARGEST => Err(Problem::refused(arena, t!("read %: it has more than 1 MiB"), &[path])),
        result => result.map_err(|errno| Problem::failed(arena, t!("read %"), &[path], errno)),
    }
}

/// The init of a new root: what the kernel's `init=` names, or the usual one.
pub fn init<'m>(boot: &Boot<'m>, root: At) -> Option<Word<'m>> {
    boot.init.or_else(|| there(root, word(c"/sbin/init")))
}

/// The path, if something is there.
pub fn there<'m>(root: At, path: Word<'m>) -> Option<Word<'m>> {
    in_root(root, path, Open::PATH).is_ok().then_some(path)
}
