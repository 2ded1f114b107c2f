//! The network's devices, addresses and routes: a socket of the kernel's, and what is said on it (netlink(7), rtnetlink(7)).
//!
//! A message is bytes that are put together here and read here; [`super::socket`] sends and receives them.

use super::{At, Errno, Fd, Result, descriptor, errno::done, number};
use core::mem::size_of;
use linux_raw_sys::{net, netlink as n};

/// socket(2) `NETLINK_ROUTE`. Receiving never waits.
pub fn socket() -> Result<Fd> {
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    descriptor!(SOCKET, net::AF_NETLINK, kind, n::NETLINK_ROUTE)
}

/// bind(2) to `RTMGRP_LINK`: from now on the kernel tells of each device that comes or changes.
pub fn listen_to_links(socket: At) -> Result<()> {
    let address = n::sockaddr_nl { nl_family: net::AF_NETLINK as u16, nl_pad: 0, nl_pid: 0, nl_groups: n::RTMGRP_LINK };
    // SAFETY: the kernel reads one address of this size.
    done(unsafe { sc::syscall!(BIND, number(socket.number()), &raw const address, size_of::<n::sockaddr_nl>()) })
}

/// Something that is asked of the kernel, which answers to it by an error number or zero.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    bytes: [u8; Self::ROOM],
    length: usize,
}

/// `struct nlmsghdr`: length, type, flags, number, sender.
const HEADER: usize = size_of::<n::nlmsghdr>();
/// `struct rtattr`: length, type.
const ATTRIBUTE: usize = size_of::<n::rtattr>();

impl Message {
    /// A device's new address of IPv6, which is the longest: an `ifaddrmsg` and two attributes.
    const ROOM: usize = HEADER + size_of::<n::ifaddrmsg>() + 2 * (ATTRIBUTE + 16);

    /// To tell of every device there is.
    pub fn links() -> Self {
        Self::new(libc::RTM_GETLINK, n::NLM_F_DUMP, &[0; size_of::<n::ifinfomsg>()])
    }

    /// A device goes up.
    pub fn up(device: u32) -> Self {
        // Family, padding, hardware, index, flags, and which of them count.
        let mut link = [0; size_of::<n::ifinfomsg>()];
        link[4..8].copy_from_slice(&device.to_ne_bytes());
        link[8..12].copy_from_slice(&libc::IFF_UP.to_ne_bytes());
        link[12..].copy_from_slice(&libc::IFF_UP.to_ne_bytes());
        Self::new(libc::RTM_NEWLINK, n::NLM_F_ACK, &link)
    }

    /// A device gets an address, of whose network so many bits are.
    pub fn address(device: u32, address: &[u8], prefix: u8) -> Self {
        // Without IFA_F_NODAD nobody could use one of IPv6 before the kernel has asked the network whether it is free.
        let [a, b, c, d] = device.to_ne_bytes();
        let mut message = Self::new(
            libc::RTM_NEWADDR,
            n::NLM_F_ACK | n::NLM_F_CREATE | n::NLM_F_REPLACE,
            &[family(address), prefix, n::IFA_F_NODAD as u8, 0, a, b, c, d],
        );
        message.put(libc::IFA_LOCAL, address);
        // IPv6 has no broadcast, and of two or less addresses none is left for it.
        match *address {
            [a, b, c, d] if prefix < 31 => {
                let broadcast = u32::from_be_bytes([a, b, c, d]) | u32::MAX >> prefix;
                message.put(libc::IFA_BROADCAST, &broadcast.to_be_bytes());
            }
            _ => {}
        }
        message
    }

    /// Whatever has no other way goes to this address, on which the kernel takes our word that this device leads there: a
    /// gateway may lie outside of the device's own network.
    pub fn default_route(device: u32, gateway: &[u8]) -> Self {
        let mut route = [0; size_of::<n::rtmsg>()];
        // Family, bits of destination and source, type of service, table, origin, scope, kind, flags.
        route[0] = family(gateway);
        route[4] = libc::RT_TABLE_MAIN;
        route[5] = n::RTPROT_BOOT as u8;
        route[7] = libc::RTN_UNICAST;
        route[8..].copy_from_slice(&n::RTNH_F_ONLINK.to_ne_bytes());
        let flags = n::NLM_F_ACK | n::NLM_F_CREATE | n::NLM_F_REPLACE;
        let mut message = Self::new(libc::RTM_NEWROUTE, flags, &route);
        message.put(libc::RTA_GATEWAY, gateway);
        message.put(libc::RTA_OIF, &device.to_ne_bytes());
        message
    }

    fn new(kind: u16, flags: u32, body: &[u8]) -> Self {
        let mut message = Self { bytes: [0; Self::ROOM], length: HEADER };
        message.bytes[4] = kind as u8;
        message.bytes[6..8].copy_from_slice(&((flags | n::NLM_F_REQUEST) as u16).to_ne_bytes());
        message.add(body);
        message
    }

    fn put(&mut self, kind: u16, value: &[u8]) {
        let [low, high] = kind.to_ne_bytes();
        self.add(&[(ATTRIBUTE + value.len()) as u8, 0, low, high]);
        self.add(value);
    }

    #[inline(never)]
    fn add(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes[self.length..].iter_mut().zip(bytes) {
            *place = *byte;
            self.length += 1;
        }
        self.bytes[0] = self.length as u8;
    }

    /// As they are sent.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

const fn family(address: &[u8]) -> u8 {
    if address.len() == 4 { net::AF_INET as u8 } else { net::AF_INET6 as u8 }
}

const ERROR: u16 = n::NLMSG_ERROR as u16;

/// What the kernel says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply<'b> {
    /// To what was asked.
    Done(Result<()>),
    /// Of a device.
    Link {
        index: u32,
        /// `IFF_*` of netdevice(7).
        flags: u32,
        name: &'b [u8],
    },
    Other,
}

/// The messages of one datagram.
#[derive(Clone, Copy, Debug)]
pub struct Replies<'b>(pub &'b [u8]);

impl<'b> Iterator for Replies<'b> {
    type Item = Reply<'b>;

    fn next(&mut self) -> Option<Reply<'b>> {
        let (header, body) = self.0.split_at_checked(HEADER)?;
        let length = long(header, 0)? as usize;
        let body = body.get(..length.checked_sub(HEADER)?)?;
        let kind = short(header, 4)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(match kind {
            ERROR => match long(body, 0)?.wrapping_neg() {
                0 => Reply::Done(Ok(())),
                errno => Reply::Done(Err(Errno(errno as u16))),
            },
            libc::RTM_NEWLINK => {
                let name = attribute(body.get(size_of::<n::ifinfomsg>()..)?, libc::IFLA_IFNAME)?;
                Reply::Link { index: long(body, 4)?, flags: long(body, 8)?, name: name.strip_suffix(&[0])? }
            }
            _ => Reply::Other,
        })
    }
}

/// The value of the first attribute of this kind.
fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(short(attributes, 0)?);
        let value = attributes.get(ATTRIBUTE..length)?;
        if short(attributes, 2)? == kind {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn short(bytes: &[u8], place: usize) -> Option<u16> {
    bytes.get(place..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn long(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket as s;

    /// A structure of the kernel's as its bytes.
    fn raw<T: Copy>(value: T) -> Vec<u8> {
        // SAFETY: these structures are numbers without padding, and the slice ends with the copy.
        unsafe { core::slice::from_raw_parts((&raw const value).cast::<u8>(), size_of::<T>()).to_vec() }
    }

    fn message(kind: u16, flags: u32, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let header = n::nlmsghdr {
            nlmsg_len: (16 + body.len()) as u32,
            nlmsg_type: kind,
            nlmsg_flags: (flags | n::NLM_F_REQUEST | n::NLM_F_ACK) as u16,
            nlmsg_seq: 0,
            nlmsg_pid: 0,
        };
        [raw(header), body].concat()
    }

    fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
        [raw(n::rtattr { rta_len: 4 + value.len() as u16, rta_type: kind }), value.to_vec()].concat()
    }

    #[test]
    fn messages_are_laid_out_as_the_kernels_structures() {
        let up = libc::IFF_UP as u32;
        let link =
            n::ifinfomsg { ifi_family: 0, __ifi_pad: 0, ifi_type: 0, ifi_index: 7, ifi_flags: up, ifi_change: up };
        assert_eq!(Message::up(7).bytes(), message(libc::RTM_NEWLINK, 0, &[&raw(link)]));

        let new = n::NLM_F_CREATE | n::NLM_F_REPLACE;
        let of = |ifa_family, ifa_prefixlen| {
            raw(n::ifaddrmsg {
                ifa_family,
                ifa_prefixlen,
                ifa_flags: n::IFA_F_NODAD as u8,
                ifa_scope: 0,
                ifa_index: 259,
            })
        };
        for (prefix, broadcast) in [(24, [10, 0, 2, 255]), (0, [255; 4]), (30, [10, 0, 2, 15])] {
            let parts = [of(2, prefix), attribute_of(2, &[10, 0, 2, 15]), attribute_of(4, &broadcast)].concat();
            assert_eq!(
                Message::address(259, &[10, 0, 2, 15], prefix).bytes(),
                message(libc::RTM_NEWADDR, new, &[&parts])
            );
        }
        for (prefix, family, address) in [(31, 2, &[10, 0, 2, 15][..]), (32, 2, &[10, 0, 2, 15]), (64, 10, &[0xfd; 16])]
        {
            let parts = [of(family, prefix), attribute_of(2, address)].concat();
            assert_eq!(Message::address(259, address, prefix).bytes(), message(libc::RTM_NEWADDR, new, &[&parts]));
        }

        for (rtm_family, gateway) in [(2, &[10, 0, 2, 2][..]), (10, &[0xfe; 16])] {
            let route = n::rtmsg {
                rtm_family,
                rtm_dst_len: 0,
                rtm_src_len: 0,
                rtm_tos: 0,
                rtm_table: 254,
                rtm_protocol: 3,
                rtm_scope: 0,
                rtm_type: 1,
                rtm_flags: n::RTNH_F_ONLINK,
            };
            let parts = [raw(route), attribute_of(5, gateway), attribute_of(4, &raw(3))].concat();
            assert_eq!(Message::default_route(3, gateway).bytes(), message(libc::RTM_NEWROUTE, new, &[&parts]));
        }
    }

    #[test]
    fn the_kernel_tells_of_the_loopback_and_why_it_refuses() {
        let socket = socket().unwrap();
        let mut buffer = vec![0; 1 << 15];
        s::send(socket.at(), Message::links().bytes()).unwrap();
        let length = s::receive(socket.at(), &mut buffer).unwrap();
        let loopback = Replies(&buffer[..length]).find_map(|reply| match reply {
            Reply::Link { index, flags, name: b"lo" } => Some((index, flags & libc::IFF_LOOPBACK as u32)),
            _ => None,
        });
        assert_eq!(loopback, Some((1, libc::IFF_LOOPBACK as u32)));
        let socket = super::socket().unwrap();
        s::send(socket.at(), Message::up(u32::MAX >> 2).bytes()).unwrap();
        let length = s::receive(socket.at(), &mut buffer).unwrap();
        let why = Replies(&buffer[..length]).next();
        // Whoever may do nothing to devices is told so first.
        assert!(matches!(why, Some(Reply::Done(Err(Errno::ENODEV | Errno::EPERM)))), "{why:?}");
    }

    #[test]
    fn what_is_cut_or_senseless_ends_the_list() {
        let link = [&[0; 16][..], &attribute_of(1, b"\x01\x02\x03\0"), &attribute_of(3, b"eth0\0")].concat();
        let whole = message(libc::RTM_NEWLINK, 0, &[&link]);
        assert_eq!(Replies(&whole).next(), Some(Reply::Link { index: 0, flags: 0, name: b"eth0" }));
        for length in 0..whole.len() {
            assert_eq!(Replies(&whole[..length]).count(), 0);
        }
        for place in 0..whole.len() {
            for value in [0, 1, 3, 255] {
                let mut garbled = whole.clone();
                garbled[place] = value;
                assert!(Replies(&garbled).count() <= 1);
            }
        }
    }
}
