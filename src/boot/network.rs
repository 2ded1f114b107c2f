//! `ip=` of the kernel's command line, as the kernel reads it (admin-guide/nfs/nfsroot.rst):
//! `CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0`, of which each may be empty. Beyond the kernel, as
//! dracut has it: an address of IPv6 in brackets, and the number of the network's bits for a netmask.
//!
//! Servers of NFS and NTP are looked at and left to others.

use crate::cli::values::Value;
use crate::spec::{Address, Network};
use crate::sys::{Arena, List};
use crate::text::sentence::Sentence;
use crate::text::{copy, cut, names, number, split, t};

type Parsed<T> = Result<T, Sentence>;

const DHCP: Sentence = t!("DHCP is left to the image: give an address, and off as the seventh field");

/// Adds what one `ip=` asks for. One that asks for nothing takes back what others have asked for before.
///
/// # Errors
/// Why it is refused.
pub fn add<'a>(networks: &mut List<'a, &'a Network<'a>>, value: Value<'a>) -> Result<(), Sentence> {
    match read(value.arena, value.word.bytes())? {
        Some(network) => networks.push(network),
        None => *networks = List::new(value.arena),
    }
    Ok(())
}

#[inline(never)]
fn read<'a>(arena: &'a Arena, mut text: &[u8]) -> Parsed<Option<&'a Network<'a>>> {
    if text.is_empty() || is_off(text) {
        return Ok(None);
    }
    if is_auto(text) {
        return Err(DHCP);
    }
    let mut fields: [&[u8]; 10] = [&[]; 10];
    let mut places = fields.iter_mut();
    loop {
        let (field, rest) = cut_field(text);
        match places.next() {
            Some(place) => *place = field,
            None if field.is_empty() => {}
            None => return Err(t!("has more than ten fields")),
        }
        let Some(rest) = rest else { break };
        text = rest;
    }
    let [client, server, gateway, mask, name, device, autoconf, first, second, time] = fields;
    let is_told_off = is_off(autoconf);
    if is_auto(autoconf) {
        return Err(DHCP);
    }
    if !(is_told_off || autoconf.is_empty()) {
        return Err(t!("the seventh field is not off"));
    }
    address(arena, server)?;
    address(arena, time)?;
    let word = |field: &[u8]| Some(copy(arena, &[field])).filter(|word| !word.is_empty());
    let (name, domain) = cut(name, b'.');
    let mut network = Network {
        device: word(device),
        address: address(arena, client)?,
        prefix: 0,
        gateway: address(arena, gateway)?,
        hostname: word(name),
        domainname: word(domain.unwrap_or_default()),
        name_servers: [address(arena, first)?, address(arena, second)?],
    };
    match network.address {
        Some(own) => network.prefix = prefix(own, mask)?,
        None if is_told_off => {}
        None => return Err(DHCP),
    }
    match (network.address, network.gateway) {
        (Some(own), Some(gateway)) if own.is_v6 != gateway.is_v6 => Err(t!("address and gateway are not of one kind")),
        _ => Ok(Some(arena.hold(network))),
    }
}

/// What stands before the next colon, and what after it. There is none in brackets.
fn cut_field(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let inside = if text.starts_with(b"[") { cut(text, b']').0.len() } else { 0 };
    let (_, rest) = cut(text.get(inside..).unwrap_or_default(), b':');
    let length = rest.map_or(text.len(), |rest| text.len() - rest.len() - 1);
    (text.get(..length).unwrap_or_default(), rest)
}

/// klibc's ipconfig(8) knows the third.
fn is_off(field: &[u8]) -> bool {
    names::position("off none static", field).is_some()
}

/// Whatever asks the network for the rest; the kernel takes a client's identity after `dhcp`.
fn is_auto(field: &[u8]) -> bool {
    names::position("dhcp on any bootp rarp both dhcp6 auto6", cut(field, b',').0).is_some()
}

/// `None`: nothing, or only zeros, which for the kernel are as good.
#[inline(never)]
fn address<'a>(arena: &'a Arena, field: &[u8]) -> Parsed<Option<&'a Address<'a>>> {
    if field.is_empty() {
        return Ok(None);
    }
    let v6 = field.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let bytes = v6.map_or_else(|| v4_bytes(field), v6_bytes);
    let bytes = bytes.ok_or(t!("has a field that is no address (of IPv6 they are in brackets)"))?;
    let written = copy(arena, &[v6.unwrap_or(field)]);
    Ok((bytes != [0; 16]).then(|| arena.hold(Address { written, bytes, is_v6: v6.is_some() })))
}

/// Four numbers with dots between them.
fn v4_bytes(text: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut count = 0;
    for part in split(text, b'.') {
        *bytes[..4].get_mut(count)? = number::decimal(part)?.try_into().ok()?;
        count += 1;
    }
    (count == 4).then_some(bytes)
}

/// Eight groups of up to four hexadecimal digits with colons between them, of which `::` stands for as many as are missing
/// (RFC 4291).
fn v6_bytes(text: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let Some(gap) = text.windows(2).position(|pair| pair == b"::") else {
        return (groups(text, &mut bytes)? == bytes.len()).then_some(bytes);
    };
    let (before, after) = text.split_at(gap);
    let mut end = [0; 16];
    let (head, tail) = (groups(before, &mut bytes)?, groups(&after[2..], &mut end)?);
    if head + tail >= bytes.len() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().rev().zip(end[..tail].iter().rev()) {
        *place = *byte;
    }
    Some(bytes)
}

/// How many bytes they are.
#[inline(never)]
fn groups(text: &[u8], bytes: &mut [u8; 16]) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let mut places = bytes.chunks_exact_mut(2);
    for digits in split(text, b':') {
        if digits.len() > 4 {
            return None;
        }
        let group = number::hexadecimal(digits)? as u16;
        places.next()?.copy_from_slice(&group.to_be_bytes());
    }
    Some(16 - 2 * places.len())
}

/// How many bits the network has: by the mask, or as the kernel guesses it from the address.
fn prefix(own: &Address, mask: &[u8]) -> Parsed<u8> {
    const REFUSED: Sentence = t!("the fourth field is no netmask");
    if let Some(bits) = number::decimal(mask) {
        return u8::try_from(bits).ok().filter(|bits| *bits <= own.bits()).ok_or(REFUSED);
    }
    match own.bytes[0] {
        _ if own.is_v6 && mask.is_empty() => Ok(64),
        _ if !mask.is_empty() && !own.is_v6 => {
            let [a, b, c, d, ..] = v4_bytes(mask).ok_or(REFUSED)?;
            let mask = u32::from_be_bytes([a, b, c, d]);
            // Ones, then zeros.
            if mask.leading_ones() == mask.count_ones() && mask > 0 {
                Ok(mask.leading_ones() as u8)
            } else {
                Err(REFUSED)
            }
        }
        _ if !mask.is_empty() => Err(REFUSED),
        ..0x80 => Ok(8),
        0x80..0xc0 => Ok(16),
        0xc0..0xe0 => Ok(24),
        _ => Err(t!("no netmask follows from its address: it is the fourth field")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::word;
    use std::ffi::CString;

    fn with<R>(text: &str, look: impl FnOnce(Parsed<Option<&Network>>) -> R) -> R {
        let text = CString::new(text).unwrap();
        look(read(&Arena::new().unwrap(), text.as_bytes()))
    }

    fn v4(written: &'static std::ffi::CStr, first: [u8; 4]) -> Address<'static> {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&first);
        Address { written: word(written), bytes, is_v6: false }
    }

    #[test]
    fn every_field_of_the_kernel_has_its_place() {
        let text =
            "192.0.2.5:192.0.2.9:192.0.2.1:255.255.255.192:box.example.org:eth0:off:192.0.2.53:8.8.8.8:192.0.2.123";
        with(text, |network| {
            let expected = Network {
                device: Some(word(c"eth0")),
                address: Some(&v4(c"192.0.2.5", [192, 0, 2, 5])),
                prefix: 26,
                gateway: Some(&v4(c"192.0.2.1", [192, 0, 2, 1])),
                hostname: Some(word(c"box")),
                domainname: Some(word(c"example.org")),
                name_servers: [Some(&v4(c"192.0.2.53", [192, 0, 2, 53])), Some(&v4(c"8.8.8.8", [8; 4]))],
            };
            assert_eq!(network, Ok(Some(&expected)));
        });
    }

    #[test]
    fn nothing_is_asked_for_by_nothing_off_and_none() {
        for text in ["", "off", "none"] {
            with(text, |network| assert_eq!(network, Ok(None), "{text}"));
        }
    }

    #[test]
    fn dhcp_is_left_to_the_image_wherever_it_is_asked_for() {
        for text in [
            "dhcp",
            "on",
            "any",
            "bootp",
            "rarp",
            "both",
            "dhcp,0,client",
            "::::::dhcp",
            "::::box:eth0:on",
            "192.0.2.5::::box:eth0:any",
            // The kernel would ask for what is missing.
            "::::box",
            ":::::eth0",
            "0.0.0.0::192.0.2.1",
        ] {
            with(text, |network| assert_eq!(network, Err(DHCP), "{text}"));
        }
    }

    #[test]
    fn without_an_address_names_may_be_given() {
        with("::::box::off:192.0.2.53", |network| {
            let server = v4(c"192.0.2.53", [192, 0, 2, 53]);
            let name_servers = [Some(&server), None];
            let expected = Network { hostname: Some(word(c"box")), name_servers, ..Network::default() };
            assert_eq!(network, Ok(Some(&expected)));
        });
    }

    #[test]
    fn a_netmask_that_is_missing_follows_from_the_class() {
        for (text, bits) in [
            ("10.0.2.15", 8),
            ("127.1.2.3", 8),
            ("172.16.0.2::172.16.0.1", 16),
            ("192.0.2.5:::", 24),
            ("10.0.2.15:::255.255.255.0::eth0:off", 24),
            ("10.0.2.15:::24", 24),
            ("10.0.2.15:::0", 0),
            ("10.0.2.15:::255.255.255.255", 32),
            ("[2001:db8::1]", 64),
            ("[2001:db8::1]:::128", 128),
        ] {
            with(text, |network| assert_eq!(network.unwrap().unwrap().prefix, bits, "{text}"));
        }
    }

    #[test]
    fn an_address_of_the_other_kind_is_in_brackets() {
        with("[2001:db8::5]:[2001:db8::9]:[fe80::1]:64:box:eth0:off:[2001:db8::53]:192.0.2.53", |network| {
            let network = network.unwrap().unwrap();
            let own = network.address.unwrap();
            assert_eq!(own.written, word(c"2001:db8::5"));
            assert_eq!(own.bytes, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
            assert_eq!(network.gateway.unwrap().bytes[..2], [0xfe, 0x80]);
            assert!(own.is_v6);
            assert!(network.name_servers.map(|server| server.unwrap().is_v6) == [true, false]);
            assert_eq!(network.device, Some(word(c"eth0")));
        });
    }

    #[test]
    fn addresses_are_read_as_std_reads_them() {
        for text in [
            "::",
            "::1",
            "1::",
            "1::8",
            "1:2:3:4:5:6:7:8",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "1:2::7:8",
            "ABCD::eF01",
            "",
            ":",
            ":::",
            "1:::2",
            "1::2::3",
            ":1",
            "1:",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1::3:4:5:6:7:8:9",
            "12345::",
            "g::",
            "::1%eth0",
            "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            " ::1",
        ] {
            let expected = text.parse::<std::net::Ipv6Addr>().ok().map(|address| address.octets());
            assert_eq!(v6_bytes(text.as_bytes()), expected, "{text}");
        }
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2..4",
            "",
            "a.b.c.d",
            "1.2.3.4 ",
            "-1.2.3.4",
        ] {
            let expected = text.parse::<std::net::Ipv4Addr>().ok().map(|address| address.octets());
            assert_eq!(
                v4_bytes(text.as_bytes()).map(|bytes| [bytes[0], bytes[1], bytes[2], bytes[3]]),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for text in [
            "x",
            "eth0:dhcp",
            "192.0.2.5/24",
            "192.0.2",
            "2001:db8::5",
            "[2001:db8::5",
            "[2001:db8::5]x:::64",
            "[]",
            "[192.0.2.5]",
            "192.0.2.5:::255.0.255.0",
            "192.0.2.5:::33",
            "192.0.2.5:::255.255.255",
            "192.0.2.5:::0.0.0.0",
            "[::5]:::255.255.255.0",
            "[::5]:::129",
            "224.0.0.5",
            "192.0.2.5:x",
            "192.0.2.5::[::1]",
            "192.0.2.5::::box:eth0:auto",
            "192.0.2.5::::box:eth0:off:dns",
            "192.0.2.5::::box:eth0:off::::",
            "192.0.2.5::::box:eth0:off::::::::::::::::",
        ] {
            with(text, |network| match text {
                "192.0.2.5::::box:eth0:off::::" => assert!(network.is_ok(), "an empty one more is none"),
                "192.0.2.5::::box:eth0:off::::::::::::::::" => assert!(network.is_ok(), "nor are many"),
                _ => assert!(network.is_err(), "{text}"),
            });
        }
    }

    #[test]
    fn no_bytes_bring_the_parser_down() {
        // Every text of few letters that mean something here.
        const LETTERS: &[u8] = b":.[]19a/,";
        for number in 0..9u32.pow(6) {
            let mut rest = number;
            let text: Vec<u8> = (0..6)
                .map(|_| {
                    let letter = LETTERS[(rest % 9) as usize];
                    rest /= 9;
                    letter
                })
                .collect();
            let _ = (v6_bytes(&text), v4_bytes(&text), cut_field(&text));
        }
        let arena = Arena::new().unwrap();
        for text in [&b"\xff\xff:[\xff]:::"[..], b"[[[[", b"]:]:]", b"::::::::::::::::::[", b"1.1.1.1:::\xff"] {
            let text = CString::new(text).unwrap();
            assert!(!matches!(read(&arena, text.as_bytes()), Ok(Some(_))));
        }
    }
}
