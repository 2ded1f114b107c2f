//! What the kernel says of network devices, and what is said to it.

use aril::sys::netlink::{Message, Replies, Reply};

pub fn check(bytes: &[u8]) {
    let mut left = bytes.len();
    let mut replies = Replies(bytes);
    while let Some(reply) = replies.next() {
        // Each takes a header at least, so that there is an end.
        assert!(replies.0.len() + 16 <= left);
        left = replies.0.len();
        match reply {
            Reply::Link { name, .. } => {
                let range = bytes.as_ptr_range();
                assert!(name.is_empty() || range.contains(&name.as_ptr()) && name.len() <= bytes.len());
            }
            Reply::Done(Err(errno)) => assert_ne!(format!("{errno:?}"), ""),
            Reply::Done(Ok(())) | Reply::Other => {}
        }
    }
    assert_eq!(Replies(bytes).count(), Replies(bytes).count());
    // What is cut off changes nothing of what comes before.
    let all: Vec<Reply> = Replies(bytes).collect();
    let cut: Vec<Reply> = Replies(&bytes[..bytes.len() / 2]).collect();
    assert!(all.starts_with(&cut));

    if let [a, b, c, d, prefix, kind, rest @ ..] = bytes {
        let device = u32::from_le_bytes([*a, *b, *c, *d]);
        let length = if kind % 2 == 0 { 4 } else { 16 };
        let Some(address) = rest.get(..length) else { return };
        is_whole(&Message::up(device), device, &[]);
        is_whole(&Message::address(device, address, (*prefix).min(8 * length as u8)), device, address);
        is_whole(&Message::default_route(device, address), device, address);
    }
    is_whole(&Message::links(), 0, &[]);
}

/// A message says how long it is, and has room for all of it.
fn is_whole(message: &Message, device: u32, address: &[u8]) {
    let bytes = message.bytes();
    assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()) as usize, bytes.len());
    let has = |part: &[u8]| bytes.windows(part.len().max(1)).any(|window| window == part);
    assert!(has(&device.to_ne_bytes()) && (address.is_empty() || has(address)));
    assert_eq!(bytes.len() % 4, 0);
}
