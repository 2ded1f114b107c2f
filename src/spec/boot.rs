//! What a machine is to become: plain data.

use crate::sys::Word;

/// What one `ip=` asks for (the kernel's admin-guide/nfs/nfsroot.rst). Where it has no address the interface stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Network<'a> {
    /// `None`: the first that is not the loopback.
    pub device: Option<Word<'a>>,
    pub address: Option<Address<'a>>,
    /// How many bits of it are the network's.
    pub prefix: u8,
    pub gateway: Option<Address<'a>>,
    pub hostname: Option<Word<'a>>,
    /// Of NIS.
    pub domainname: Option<Word<'a>>,
    pub name_servers: [Option<Address<'a>>; 2],
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
