//! What a launcher hears from inside.

use super::{arena, twice};
use aril::engine::handover::{Answer, Failure, read, say_failed, say_started};
use aril::init::{FAILED, STARTED};
use aril::sys::{Errno, socket};

pub fn check(bytes: &[u8]) {
    twice(|arena| format!("{:?}", read(arena, bytes)));
    let arena = arena();
    let [ours, theirs] = socket::pair().expect("a pair of sockets");
    let mut message = [0; 512];
    match read(&arena, bytes) {
        Answer::Failed(failure) => {
            let [_, a, b, c, d, status, detail @ ..] = bytes else { panic!("it is too short for a failure") };
            let (line, errno) = (u16::from_le_bytes([*a, *b]), Errno(u16::from_le_bytes([*c, *d])));
            assert_eq!((failure.line, failure.errno, failure.status), (line, errno, *status));
            assert_eq!(Some(failure.detail.bytes()), detail.split(|byte| *byte == 0).next(), "no more than was said");
            // What is said arrives, but for details that nobody reads to the end.
            say_failed(&arena, theirs.at(), &failure);
            let length = socket::receive(ours.at(), &mut message).expect("a message");
            let Answer::Failed(heard) = read(&arena, &message[..length]) else { panic!("it was a failure") };
            assert_eq!(Failure { detail: failure.detail, ..heard }, failure);
            let kept = failure.detail.bytes().len().min(256);
            assert_eq!(heard.detail.bytes(), &failure.detail.bytes()[..kept]);
        }
        Answer::Started => {
            say_started(theirs.at()).expect("the other end is here");
            let length = socket::receive(ours.at(), &mut message).expect("a message");
            assert_eq!(message[..length], bytes[..1]);
        }
        Answer::Gone => assert!(bytes.first() != Some(&STARTED) && (bytes.len() < 6 || bytes[0] != FAILED)),
        Answer::Lost(_) => panic!("a message was read"),
    }
}
