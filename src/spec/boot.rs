//! What a machine is to become whose first process this is: plain data. What its command is to be stands in a `Spec`.

use super::Restart;
use crate::sys::{Arena, List, Word, word};

/// The machine that the kernel's command line asks for.
#[derive(Debug)]
pub struct Boot<'a> {
    /// Modules to load first, by name.
    pub modules: List<'a, Word<'a>>,
    /// Where the root file system is; `None`: it is what is there.
    pub root: Option<Word<'a>>,
    /// Its types, in the order in which they are tried, with commas between; empty: what its superblock says.
    pub root_types: Word<'a>,
    pub root_flags: Word<'a>,
    /// It is mounted so that it can be written.
    pub writable: bool,
    /// Microseconds that a device may take until it is there.
    pub patience: u64,
    /// What takes the writes above it: `tmpfs`, or a device.
    pub overlay: Option<Word<'a>>,
    /// What a new root is to run where nothing else is asked for.
    pub init: Option<Word<'a>>,
    pub restart: Restart,
    pub exit: Exit,
    /// An x86 port that gets the command's exit status (QEMU's isa-debug-exit).
    pub exit_port: Option<u16>,
    /// A file that gets it.
    pub exit_file: Option<Word<'a>>,
    /// A terminal that gets it.
    pub exit_tty: Option<Word<'a>>,
    /// The host's port for it (vsock(7)).
    pub exit_vsock: Option<u32>,
    /// A failure before the command runs ends in a shell.
    pub rescue: bool,
    /// Tell when each step was done.
    pub timing: bool,
    /// Parameters of ours that nobody knows.
    pub unknown: List<'a, Word<'a>>,
}

impl<'a> Boot<'a> {
    /// Ten seconds.
    const PATIENCE: u64 = 10_000_000;

    /// The defaults.
    pub const fn new(arena: &'a Arena) -> Self {
        Self {
            modules: List::new(arena),
            root: None,
            root_types: word(c""),
            root_flags: word(c""),
            writable: false,
            patience: Self::PATIENCE,
            overlay: None,
            init: None,
            restart: Restart::No,
            exit: Exit::PowerOff,
            exit_port: None,
            exit_file: None,
            exit_tty: None,
            exit_vsock: None,
            rescue: false,
            timing: false,
            unknown: List::new(arena),
        }
    }
}

/// What becomes of the machine when the command has ended (reboot(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    PowerOff,
    Reboot,
    Halt,
    /// The kernel panics, for a host that waits for it.
    Panic,
    /// A shell on the console, and then the power goes off.
    Shell,
}
