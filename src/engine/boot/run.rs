//! The command, until it has ended and is not started again.

use crate::engine::Carrier;
use crate::host::Account;
use crate::init::{AS_THEY_COME, Init, Log, Manner, Outcome, Restarts, Stop, idle};
use crate::plan::{Phase, Plan};
use crate::spec::Restart;
use crate::sys::file::{self, Open};
use crate::sys::process::{Change, Pid};
use crate::sys::signal::{SignalSet, set_of};
use crate::sys::{At, Errno, Result, identity, poll, terminal, word};
use crate::text::Told;
use crate::text::number::Digits;
use linux_raw_sys::general as k;

/// What a machine's init takes: SIGINT is Ctrl-Alt-Del, SIGPWR the power button or a power supply, SIGUSR1 and SIGUSR2 are what
/// halt and poweroff of busybox send. The rest, SIGHUP too, stays blocked.
const REQUESTS: SignalSet = set_of(k::SIGINT as u8)
    | set_of(k::SIGTERM as u8)
    | set_of(k::SIGPWR as u8)
    | set_of(k::SIGUSR1 as u8)
    | set_of(k::SIGUSR2 as u8);

/// How it ended.
#[derive(Clone, Copy, Default, Debug)]
pub struct Ran {
    pub status: u8,
    /// The signal by which the end of the machine was asked for; else 0.
    pub request: u8,
}

impl<'m> Carrier<'m> {
    /// Runs the command of a plan, again and again if that was asked for.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&mut self, plan: &'m Plan<'m>, restart: Restart, stop_timeout: u64) -> Told<'m, Ran> {
        let mut restarts = Restarts::new(restart);
        let timing = self.machine.timing;
        loop {
            let begun = poll::now();
            let started = self.carry_out_plan(plan, Phase::Machine);
            // A machine runs for years, and has one arena: of a command that is started again nothing is told anew.
            (self.machine.timing, self.machine.is_again) = (false, true);
            let ran = started.map(|command| self.wait_for(command, &mut restarts, begun, stop_timeout));
            if !matches!(ran, Ok(None)) {
                (self.machine.timing, self.machine.is_again) = (timing, false);
                return ran.map(Option::unwrap_or_default);
            }
        }
    }

    /// Supervises the command; how it ended, unless it is to be started again.
    fn wait_for(
        &mut self,
        command: Option<Pid>,
        restarts: &mut Restarts,
        begun: u64,
        stop_timeout: u64,
    ) -> Option<Ran> {
        let Some(command) = command else { return Some(Ran::default()) };
        let Outcome { status, change, ended, mut request, stuck, .. } = supervise(command, stop_timeout);
        let was_killed = matches!(change, Change::Killed { signal, .. } if u32::from(signal) == k::SIGKILL);
        if was_killed && was_oom(command) {
            self.machine.say_plainly(word(c"<7>aril: killed: out of memory\n"));
        }
        if stuck {
            self.machine.say_plainly(word(c"<7>aril: note: what was killed does not end: going on without\n"));
        }
        let due = restarts.due(status, ended.saturating_sub(begun)).filter(|_| request == 0 && !stuck);
        if request == 0 {
            // One that is not to be started again is waited for no more, but a request may just have come.
            request = due.map_or_else(requested, |due| idle(REQUESTS, Some(due)).unwrap_or(0));
        }
        (request != 0 || due.is_none()).then_some(Ran { status, request })
    }
}

/// The signal that asks for the end of the machine and was not taken yet; else 0.
pub fn requested() -> u8 {
    idle(REQUESTS, Some(0)).unwrap_or(0)
}

/// Whether the kernel has killed this process for want of memory: it says so in its log (mm/oom_kill.c).
#[inline(never)]
fn was_oom(Pid(pid): Pid) -> bool {
    let Ok(log) = file::openat(At::CWD, word(c"/dev/kmsg"), Open::READ) else { return false };
    let mut digits = Digits::of(pid as u32);
    let wanted = digits.after(b"Killed process ").bytes();
    // A record for each read, from the oldest on; one that was overwritten meanwhile is EPIPE.
    let mut record = [0; 1024];
    loop {
        match file::read(log.at(), &mut record) {
            Ok(length) => {
                let mut parts = record[..length].windows(wanted.len() + 1);
                if parts.any(|part| part.strip_prefix(wanted) == Some(b" ")) {
                    return true;
                }
            }
            Err(Errno::EPIPE | Errno::EINVAL) => {}
            Err(_) => return false,
        }
    }
}

fn supervise(command: Pid, stop_timeout: u64) -> Outcome {
    let manner = Manner {
        foreground: false,
        group: true,
        stop_timeout: Some(stop_timeout),
        // What it leaves may be a service that has much to save.
        grace: Some(stop_timeout),
        farewell: false,
        stop: Stop::Never,
    };
    let init: Init<false, true> = Init {
        own: Pid(1),
        command,
        manner,
        deadline: None,
        signals: REQUESTS | set_of(k::SIGCHLD as u8),
        requests: REQUESTS,
        stop_signal: 0,
        rewrite: AS_THEY_COME,
        launcher: None,
        children: None,
        log: Log::SILENT,
    };
    init.supervise(None)
}

/// Whom the command runs as. The terminal of the session is his then, as login(1) has it, or he could not open /dev/stdout.
pub(super) fn become_user(account: Account) -> Result<()> {
    if terminal::foreground(At::STDIN).is_ok() {
        file::fchown(At::STDIN, account.uid)?;
    }
    identity::setgroups(account.groups)?;
    identity::setresgid(account.gid)?;
    identity::setresuid(account.uid)
}
