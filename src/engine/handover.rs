//! The hand-over between launcher and container: one pair of sockets that lives as long as both.
//!
//! From the launcher comes one message, "go". From inside come "started", "stopped", or the step that failed. When one
//! side dies the other sees it.

use super::Trouble;
use crate::init::{FAILED, STARTED};
use crate::sys::{At, Errno, socket, tolerate};
use alloc::string::String;
use alloc::vec::Vec;

/// The launcher's only message.
pub const GO: &[u8] = b"G";

/// A line of the plan that could not be carried out.
#[derive(Debug)]
pub struct Failure {
    /// Its number.
    pub line: u16,
    pub trouble: Trouble,
}

/// What came from inside before the command ran.
#[derive(Debug)]
pub enum Answer {
    Started,
    Failed(Failure),
    /// The other end is gone: the command became PID 1 itself, or the process died.
    Gone,
}

/// A message is kind, line (2), errno (2), status, detail.
const HEAD: usize = 6;
/// As much detail as anyone reads.
const LARGEST: usize = 512;

/// Tells the launcher that the command runs. If it is gone, this process is about to die too.
pub fn say_started(socket: At) {
    tolerate(socket::send(socket, &[STARTED]));
}

/// Tells the launcher what failed; likewise.
pub fn say_failed(socket: At, failure: &Failure) {
    let Failure { line, trouble } = failure;
    let mut message = Vec::from([FAILED]);
    message.extend(line.to_le_bytes());
    message.extend(trouble.errno.0.to_le_bytes());
    message.push(trouble.status);
    message.extend(trouble.detail.bytes());
    message.truncate(LARGEST);
    tolerate(socket::send(socket, &message));
}

/// Waits for the first message from inside.
pub fn hear(socket: At) -> Answer {
    let mut buffer = [0; LARGEST];
    loop {
        match socket::receive(socket, &mut buffer) {
            Ok(length) => return read(&buffer[..length]),
            Err(Errno::EINTR) => {}
            Err(_) => return Answer::Gone,
        }
    }
}

fn read(message: &[u8]) -> Answer {
    match *message {
        [STARTED, ..] => Answer::Started,
        [FAILED, line_low, line_high, errno_low, errno_high, status, ..] => {
            let detail = String::from_utf8_lossy(message.get(HEAD..).unwrap_or_default()).into_owned();
            let errno = Errno(u16::from_le_bytes([errno_low, errno_high]));
            let line = u16::from_le_bytes([line_low, line_high]);
            Answer::Failed(Failure { line, trouble: Trouble { errno, status, detail } })
        }
        _ => Answer::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_arrives_as_it_was_sent() {
        let [ours, theirs] = socket::pair().unwrap();
        let trouble = Trouble { errno: Errno::EPERM, status: 125, detail: "why".into() };
        say_failed(theirs.at(), &Failure { line: 515, trouble });
        let Answer::Failed(failure) = hear(ours.at()) else { panic!("no failure") };
        assert_eq!((failure.line, failure.trouble.errno, failure.trouble.status), (515, Errno::EPERM, 125));
        assert_eq!(failure.trouble.detail, "why");
        say_started(theirs.at());
        assert!(matches!(hear(ours.at()), Answer::Started));
        drop(theirs);
        assert!(matches!(hear(ours.at()), Answer::Gone));
    }
}
