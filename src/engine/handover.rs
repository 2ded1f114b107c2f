//! The hand-over between launcher and container: one pair of sockets that lives as long as both.
//!
//! From the launcher come "go" and the trees of mounts that it alone may open. From inside come the master of a terminal, "started", "stopped", or the step
//! that failed. When one side dies the other sees it.

#[cfg(feature = "full")]
use super::denied::Denials;
use crate::init::{FAILED, STARTED};
#[cfg(feature = "full")]
use crate::sys::poll::{self, Watched};
#[cfg(feature = "full")]
use crate::sys::process::Pid;
#[cfg(feature = "full")]
use crate::sys::signal::{self, SignalSet, set_of};
#[cfg(feature = "full")]
use crate::sys::socket::Received;
use crate::sys::{Arena, At, Errno, List, Result, Word, socket, tolerate};
use crate::text::copy;
#[cfg(feature = "full")]
use linux_raw_sys::general as k;

/// The launcher's only message, but for trees.
pub const GO: &[u8] = b"G";

/// What the command's process says, so that the kernel tells the launcher who that is.
#[cfg(feature = "full")]
pub const COMMAND: &[u8] = b"P";
/// What comes with the master of a terminal.
#[cfg(feature = "full")]
pub const MASTER: &[u8] = b"M";
/// With what tells of refused system calls.
#[cfg(feature = "full")]
pub const LISTENER: &[u8] = b"L";
/// With a tree of mounts.
#[cfg(feature = "full")]
pub const TREE: &[u8] = b"T";

/// A line of the plan that could not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'m> {
    /// Its number.
    pub line: u16,
    pub errno: Errno,
    /// With what aril exits.
    pub status: u8,
    /// What says more than the errno's own sentence, or nothing.
    pub detail: Word<'m>,
}

/// What came from inside before the command ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'m> {
    Started,
    Failed(Failure<'m>),
    /// The other end is gone: the command became PID 1 itself, or the process died.
    Gone,
    /// Nothing can be heard.
    Lost(Errno),
}

/// As much detail as anyone reads.
const LARGEST: usize = 512;

/// Tells the launcher that the command runs: it would else wait for that, and let nobody stop the command.
pub fn say_started(socket: At) -> Result<()> {
    socket::send(socket, &[STARTED])
}

/// Tells the launcher what failed. If it is gone, this process is about to die too. A message is kind, line (2), errno (2), status, detail.
pub fn say_failed(arena: &Arena, socket: At, failure: &Failure) {
    let Failure { line, errno, status, detail } = *failure;
    let ([line_low, line_high], [errno_low, errno_high]) = (line.to_le_bytes(), errno.0.to_le_bytes());
    let detail = detail.bytes();
    let detail = detail.get(..LARGEST / 2).unwrap_or(detail);
    let head: &[u8] = &[FAILED, line_low, line_high, errno_low, errno_high, status];
    let mut message = List::new(arena);
    message.extend(head);
    message.extend(detail);
    tolerate(socket::send(socket, &message));
}

/// Waits for the first message from inside; the master of a terminal may come before, and who the command is.
pub fn hear<'m>(
    arena: &'m Arena,
    socket: At,
    #[cfg(feature = "full")] terminal: &mut Option<At<'static>>,
    #[cfg(feature = "full")] command: &mut Option<Pid>,
    #[cfg(feature = "full")] mut denials: Option<&mut Denials>,
    #[cfg(feature = "full")] mask: Option<SignalSet>,
) -> Answer<'m> {
    let mut buffer = [0; LARGEST];
    loop {
        #[cfg(feature = "full")]
        if mask.is_some() || denials.is_some() {
            // Whoever is to speak may wait for an answer. If a message alone is waited for, it can be had without this.
            if let (Err(errno), Some(_)) = (until_heard(socket, denials.as_deref(), mask), &denials) {
                return Answer::Lost(errno);
            }
        }
        #[cfg(feature = "full")]
        let received = socket::receive_fd(socket, &mut buffer);
        #[cfg(not(feature = "full"))]
        let received = socket::receive(socket, &mut buffer);
        #[cfg(feature = "full")]
        let received = match received {
            Ok(Received { fd: Some(listener), length, .. }) if buffer.get(..length) == Some(LISTENER) => {
                if let Some(denials) = &mut denials {
                    denials.hear(listener);
                }
                continue;
            }
            Ok(Received { fd: Some(master), .. }) => {
                *terminal = Some(master.keep());
                continue;
            }
            Ok(Received { length, sender, .. }) if buffer.get(..length) == Some(COMMAND) => {
                *command = sender;
                continue;
            }
            received => received.map(|received| received.length),
        };
        match received {
            Ok(length) => return read(arena, &buffer[..length]),
            // ECONNRESET: the other end has died before it took what was sent to it. What it said before that is still here.
            Err(Errno::EINTR | Errno::ECONNRESET) => {}
            Err(errno) => return Answer::Lost(errno),
        }
    }
}

/// Signals by which somebody ends a start that does not come to its end.
#[cfg(feature = "full")]
pub(super) const DEADLY: SignalSet =
    set_of(k::SIGHUP as u8) | set_of(k::SIGINT as u8) | set_of(k::SIGQUIT as u8) | set_of(k::SIGTERM as u8);

/// Waits for a message, or for a signal that ends this process: whoever is to speak may be frozen (cgroups(7)), or wait for a call
/// to be refused. EINTR: for one that ends the start, and nothing has been heard of who is to tell of refused calls.
#[cfg(feature = "full")]
fn until_heard(socket: At, denials: Option<&Denials>, mask: Option<SignalSet>) -> Result<()> {
    let ends = mask.map_or_else(|| denials.map_or(0, Denials::ends), |mask| DEADLY & !mask);
    let signals = if ends == 0 { None } else { Some(signal::signalfd(ends)?) };
    loop {
        let mut watched = [Watched::READING; 3];
        watched[0].on(socket);
        if let Some(signals) = &signals {
            watched[1].on(signals.at());
        }
        if let Some(denials) = denials {
            denials.watch(&mut watched[2]);
        }
        match poll::poll(&mut watched, true) {
            Err(Errno::EINTR) => {}
            result => result?,
        }
        if let Some(denials) = denials {
            denials.answer(&watched[2]);
        }
        if watched[0].is_ready() {
            return Ok(());
        }
        if watched[1].is_ready() {
            let mask = mask.ok_or(Errno::EINTR)?;
            let all = signal::set_mask(mask);
            // The caller has it ignored.
            signal::set_mask(all);
        }
    }
}

/// What a message says.
pub fn read<'m>(arena: &'m Arena, message: &[u8]) -> Answer<'m> {
    match *message {
        [STARTED, ..] => Answer::Started,
        [FAILED, line_low, line_high, errno_low, errno_high, status, ref detail @ ..] => Answer::Failed(Failure {
            line: u16::from_le_bytes([line_low, line_high]),
            errno: Errno(u16::from_le_bytes([errno_low, errno_high])),
            status,
            detail: copy(arena, &[detail]),
        }),
        _ => Answer::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::word;

    #[test]
    fn a_failure_arrives_as_it_was_sent() {
        let arena = Arena::new().unwrap();
        let [ours, theirs] = socket::pair().unwrap();
        let failure = Failure { line: 515, errno: Errno::EPERM, status: 125, detail: word(c"why") };
        let (mut master, mut command) = (None, None);
        say_failed(&arena, theirs.at(), &failure);
        assert_eq!(hear(&arena, ours.at(), &mut master, &mut command, None, None), Answer::Failed(failure));
        say_started(theirs.at()).unwrap();
        assert_eq!(hear(&arena, ours.at(), &mut master, &mut command, None, None), Answer::Started);
        assert!(master.is_none());
        #[cfg(feature = "full")]
        {
            // Not the other end itself: it would never be gone.
            socket::send_fd(theirs.at(), MASTER, At::STDERR).unwrap();
            say_started(theirs.at()).unwrap();
            assert_eq!(hear(&arena, ours.at(), &mut master, &mut command, None, None), Answer::Started);
            assert!(master.take().is_some() && command.is_none());
            socket::ask_for_senders(ours.at()).unwrap();
            socket::send(theirs.at(), COMMAND).unwrap();
            say_started(theirs.at()).unwrap();
            assert_eq!(hear(&arena, ours.at(), &mut master, &mut command, None, None), Answer::Started);
            assert_eq!(command, Some(crate::sys::process::getpid()));
        }
        // Whoever is to hand over what tells of refused calls is held up, and a signal ends the wait for it.
        signal::set_mask(DEADLY);
        let mut denials = Denials::new(&[], true, DEADLY).unwrap();
        signal::raise(k::SIGTERM as u8).unwrap();
        let lost = hear(&arena, ours.at(), &mut master, &mut command, Some(&mut denials), None);
        assert_eq!(lost, Answer::Lost(Errno::EINTR));
        drop(theirs);
        assert_eq!(hear(&arena, ours.at(), &mut master, &mut command, None, None), Answer::Gone);
    }
}
