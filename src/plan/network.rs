//! The network of a machine: what `ip=` asks for, device by device.

use super::boot::BootStep;
use super::{Draft, Fate, On, Step, step};
use crate::spec::{Address, Boot, Set, Setting};
use crate::sys::{Arena, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, decimal, t};

/// One such step. Those after `Up` are about the device that it has brought up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkStep<'p> {
    Up {
        /// `None`: the first but the loopback.
        device: Option<Word<'p>>,
        /// Microseconds that it may take until it is there.
        patience: u64,
    },
    /// Something is at the other end of its wire.
    Carrier {
        patience: u64,
    },
    Address {
        address: &'p Address<'p>,
        prefix: u8,
    },
    DefaultRoute {
        gateway: &'p Address<'p>,
    },
    /// The text of `/etc/resolv.conf`.
    Resolver {
        text: Word<'p>,
    },
    /// The same, over a file that cannot be written.
    ResolverAbove {
        text: Word<'p>,
    },
}

/// How long a carrier may take, in microseconds: whether there will ever be one nobody knows.
const CARRIER: u64 = 5_000_000;

impl NetworkStep<'_> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Up { .. } => t!("bring up % network device%, waiting at most % s for it"),
            Self::Carrier { .. } => t!("wait at most % s for its carrier"),
            Self::Address { .. } => t!("give it the address %/%"),
            Self::DefaultRoute { .. } => t!("add a default route by way of %"),
            Self::Resolver { .. } => t!("write /etc/resolv.conf"),
            Self::ResolverAbove { .. } => t!("write /run/resolv.conf and bind it over /etc/resolv.conf"),
        }
    }

    /// What stands for each `%` of it.
    pub(super) fn words<'m>(&self, arena: &'m Arena, words: &mut [Word<'m>; 6])
    where
        Self: 'm,
    {
        let [first, second, third, ..] = words;
        let seconds = |microseconds: u64| decimal(arena, microseconds / 1_000_000);
        match *self {
            Self::Up { device, patience } => {
                *first = if device.is_some() { word(c"the") } else { word(c"the first") };
                *second = step::spaced(arena, device.unwrap_or_default());
                *third = seconds(patience);
            }
            Self::Carrier { patience } => *first = seconds(patience),
            Self::Address { address, prefix } => (*first, *second) = (address.written, decimal(arena, prefix.into())),
            Self::DefaultRoute { gateway } => *first = gateway.written,
            Self::Resolver { .. } | Self::ResolverAbove { .. } => {}
        }
    }
}

impl<'p> Draft<'p> {
    #[inline(never)]
    fn network(&mut self, fate: Fate, step: NetworkStep<'p>) {
        self.add(fate, Step::Boot(BootStep::Network(step)));
    }
}

/// Adds them all.
pub(super) fn add<'p>(draft: &mut Draft<'p>, boot: &Boot<'p>) {
    let mut text = Text::new(draft.lines.arena());
    for network in boot.networks.iter() {
        if let Some(domain) = network.domainname {
            draft.add(Fate::Best, Step::Set(Setting { what: Set::Domainname, asked: domain }));
        }
        for server in network.name_servers.iter().flatten() {
            text.add(b"nameserver ").add(server.written.bytes()).add(b"\n");
        }
        let Some(address) = network.address else { continue };
        draft.network(Fate::Must, NetworkStep::Up { device: network.device, patience: boot.patience });
        draft.network(Fate::Must, NetworkStep::Address { address, prefix: network.prefix });
        if let Some(gateway) = network.gateway {
            draft.network(Fate::Must, NetworkStep::DefaultRoute { gateway });
        }
        draft.network(Fate::Best, NetworkStep::Carrier { patience: CARRIER });
    }
    if !text.bytes().is_empty() {
        let text = text.word();
        draft.network(Fate::Try(On::NoFile), NetworkStep::Resolver { text });
        draft.network(Fate::InsteadBest, NetworkStep::ResolverAbove { text });
    }
}
