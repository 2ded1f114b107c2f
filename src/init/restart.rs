//! When a command is started again that has ended.

use crate::spec::Restart;
use crate::sys::process;
use crate::sys::signal::{self, SignalSet};
use crate::sys::{Errno, poll};
use linux_raw_sys::general as k;

/// How long it takes until a command is started again: the first time, and at most, in microseconds.
const FIRST_DELAY: u64 = 100_000;
const LONGEST_DELAY: u64 = 10_000_000;
/// A command that ran so long begins anew with the first.
const WELL: u64 = 10_000_000;

/// How often it was, and how long the next time takes.
#[derive(Debug)]
pub struct Restarts {
    when: Restart,
    count: u32,
    delay: u64,
}

impl Restarts {
    pub const fn new(when: Restart) -> Self {
        Self { when, count: 0, delay: FIRST_DELAY }
    }

    /// Whether it is started again after it has ended so, having run so many microseconds: when, on the monotonic clock.
    pub fn due(&mut self, status: u8, ran: u64) -> Option<u64> {
        let again = match self.when {
            Restart::No => false,
            Restart::Always => true,
            Restart::OnFailure(most) => status != 0 && self.count < most,
        };
        if ran >= WELL {
            self.delay = FIRST_DELAY;
        }
        let due = poll::now() + self.delay;
        self.count += 1;
        self.delay = LONGEST_DELAY.min(2 * self.delay);
        again.then_some(due)
    }
}

/// Reaps until one of these signals asks for the end, which it gives, or the time has come. Other signals wait for a command.
pub fn idle(ends: SignalSet, deadline: Option<u64>) -> Option<u8> {
    const CHLD: u8 = k::SIGCHLD as u8;
    loop {
        while matches!(process::wait_any(), Ok(Some(_))) {}
        match signal::wait(ends | signal::set_of(CHLD), deadline.map(|due| due.saturating_sub(poll::now()))) {
            Ok(info) if info.signal != CHLD => return Some(info.signal),
            Err(Errno::EAGAIN) => return None,
            Ok(_) | Err(_) => {}
        }
    }
}
