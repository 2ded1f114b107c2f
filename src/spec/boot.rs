//! What a machine is to become whose first process this is: plain data. What its command is to be stands in a `Spec`.

use super::Restart;
use crate::sys::{Arena, List, Word, word};

/// The machine that the kernel's command line asks for.
#[derive(Debug)]
pub struct Boot<'a> {
    /// Modules to load first, by name.
    pub modules: List<'a, Word<'a>>,
    /// `NAME.PARAMETER=VALUE`, each a parameter of a module.
    pub module_parameters: List<'a, Word<'a>>,
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
    /// What of the network is to be set up.
    pub networks: List<'a, &'a Network<'a>>,
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
            module_parameters: List::new(arena),
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
            networks: List::new(arena),
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

/// What one `ip=` asks for (the kernel's admin-guide/nfs/nfsroot.rst). Where it has no address the interface stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Network<'a> {
    /// `None`: the first that is not the loopback.
    pub device: Option<Word<'a>>,
    pub address: Option<&'a Address<'a>>,
    /// How many bits of it are the network's.
    pub prefix: u8,
    pub gateway: Option<&'a Address<'a>>,
    pub hostname: Option<Word<'a>>,
    /// Of NIS.
    pub domainname: Option<Word<'a>>,
    pub name_servers: [Option<&'a Address<'a>>; 2],
}

/// An address of IPv4 or IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address<'a> {
    /// As it was written.
    pub written: Word<'a>,
    /// In the order of the network; of IPv4 the first four.
    pub bytes: [u8; 16],
    pub is_v6: bool,
}

impl Address<'_> {
    /// How many bits there are.
    pub const fn bits(&self) -> u8 {
        if self.is_v6 { 128 } else { 32 }
    }

    /// The bytes that count.
    pub fn bytes(&self) -> &[u8] {
        if self.is_v6 { &self.bytes } else { &self.bytes[..4] }
    }
}
