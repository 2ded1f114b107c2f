//! What the filter refuses: counted by the launcher, which gives the answers, and told at the end.
//!
//! Nothing that the command does decides more than which number is one higher. Its memory is never looked at, and no call is
//! ever let through. If the launcher dies nobody answers, and what was refused is ENOSYS for who outlives it.

use super::Carrier;
use super::handover::{self, DEADLY};
use crate::plan::filter::write_refusal;
use crate::plan::{DeniedStep, Step, answer, listening, native};
use crate::sys::poll::Watched;
use crate::sys::sandbox::{self, Call, Instruction};
use crate::sys::signal::SignalSet;
use crate::sys::{Arena, At, Errno, Fd, List, Result, file, socket, tolerate};
use crate::text::{Text, decimal, t};
use core::cell::Cell;

/// What has been refused so far.
#[derive(Debug)]
pub struct Denials {
    /// `None`: nobody is there yet, or any more, who could be refused something.
    listener: Cell<Option<At<'static>>>,
    /// The filter as it would be without a listener.
    program: &'static [Instruction],
    /// It is the policy's.
    by_policy: bool,
    /// Signals that end the wait for the listener: whoever is to hand it over may be held up.
    ends: SignalSet,
    /// How often each call was, by its number; then those of higher numbers, and those of foreign tables.
    counts: &'static [Cell<u32>],
}

/// Numbers that are told apart. There are fewer of them.
const NUMBERS: usize = 512;
const HIGHER: usize = NUMBERS;
const FOREIGN: usize = NUMBERS + 1;

impl Carrier<'_> {
    /// Does what such a step says.
    #[inline(never)]
    pub(super) fn carry_out_denied(&mut self, step: DeniedStep) -> Result<()> {
        match step {
            DeniedStep::Count => {
                let filter = self.plan.lines.iter().find_map(|line| match line.step {
                    Step::Denied(DeniedStep::Listen { program, path, .. }) => Some((program, path.is_empty())),
                    _ => None,
                });
                let heeded = DEADLY & !self.mask & !self.ignored;
                let begin = |(program, by_policy)| Denials::new(program, by_policy, heeded);
                self.denials = filter.map(begin).transpose()?;
            }
            DeniedStep::Listen { program, steadily, .. } => {
                let program = listening(self.arena, program).map_err(|why| {
                    self.detail = why;
                    Errno::EOPNOTSUPP
                })?;
                let listener = sandbox::seccomp_listen(program, steadily)?;
                socket::send_fd(self.socket()?, handover::LISTENER, listener.at())?;
            }
        }
        Ok(())
    }
}

impl Denials {
    pub(super) fn new(filter: &[Instruction], by_policy: bool, ends: SignalSet) -> Result<Self> {
        let arena = Arena::forever()?;
        let mut program = List::new(arena);
        program.extend(filter);
        let mut counts = List::with_room(arena, FOREIGN + 1);
        (0..=FOREIGN).for_each(|_| counts.push(Cell::new(0)));
        let (program, counts) = (program.finish(), counts.finish());
        Ok(Self { listener: Cell::new(None), program, by_policy, ends, counts })
    }

    /// Begins to answer.
    pub fn hear(&self, listener: Fd) {
        self.listener.set(Some(listener.keep()));
    }

    /// What ends the wait for the listener, as long as there is none.
    pub fn ends(&self) -> SignalSet {
        if self.listener.get().is_none() { self.ends } else { 0 }
    }

    /// Until something is refused.
    pub fn watch(&self, watched: &mut Watched) {
        if let Some(listener) = self.listener.get() {
            watched.on(listener);
        }
    }

    /// Refuses one call, if there is one.
    pub fn answer(&self, watched: &Watched) {
        let Some(listener) = self.listener.get().filter(|_| watched.is_ready()) else { return };
        if watched.has_hung_up() {
            return self.listener.set(None);
        }
        // Whose process has ended meanwhile (ENOENT) needs no answer.
        let Ok(notification) = sandbox::receive_notification(listener) else { return };
        if let Some(count) = self.counts.get(place(&notification.call)) {
            count.set(count.get().saturating_add(1));
        }
        // What the program does not refuse is none of ours to answer, and as if there were no listener.
        let errno = answer(self.program, &notification.call).unwrap_or(Errno::ENOSYS.0);
        tolerate(sandbox::answer_notification(listener, notification.id, errno));
    }

    /// Tells what was refused, and how often.
    pub fn tell(&self, arena: &Arena) {
        let mut text = Text::new(arena);
        text.fill(t!("aril: the filter has refused:\n"), &[]);
        let heading = text.bytes().len();
        for (number, count) in self.counts.iter().enumerate().filter(|(_, count)| count.get() > 0) {
            text.fill(t!("      % "), &[decimal(arena, count.get().into())]);
            match number {
                FOREIGN => drop(text.fill(t!("calls of foreign tables (ENOSYS)"), &[])),
                _ if write_refusal(&mut text, number, self.by_policy) => {}
                _ => drop(text.fill(t!("calls that are newer than this list, or none (ENOSYS)"), &[])),
            }
            text.add(b"\n");
        }
        if text.bytes().len() == heading {
            return;
        }
        // If standard error is closed there is nobody to tell.
        tolerate(file::write_all(At::STDERR, text.bytes()));
    }
}

/// Which of the counts.
fn place(call: &Call) -> usize {
    native(*call).map_or(FOREIGN, |number| (number as usize).min(HIGHER))
}
