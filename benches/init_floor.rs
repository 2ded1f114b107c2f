//! The floor of the inits: the kernel calls without which a first process cannot start a command, pass signals on, reap and end
//! with its status. `init-floor -- PROGRAM [ARGUMENT...]`, with the path of the program.
#![no_std]
#![no_main]

use aril::sys::process::{self, Change};
use aril::sys::signal::{self, ALL, SignalSet};
use aril::sys::words::Start;
use aril::sys::{Errno, Result, Word, tolerate};
use linux_raw_sys::general as k;

aril::entry!(main);

const CHLD: u8 = k::SIGCHLD as u8;

fn main(start: Start) -> u8 {
    supervise(&start).unwrap_or_else(|error| error.0 as u8)
}

struct Command<'s> {
    words: &'s [Option<Word<'s>>],
    environment: &'s [Option<Word<'s>>],
    mask: SignalSet,
}

fn supervise(start: &Start) -> Result<u8> {
    let words = start.terminated_arguments().get(2..).ok_or(Errno::EINVAL)?;
    let mask = signal::set_mask(ALL);
    let child = process::start(&Command { words, environment: start.terminated_environment(), mask }, execute)?;
    loop {
        let signal = signal::wait(ALL, None)?.signal;
        if signal != CHLD {
            // It has just ended (ESRCH), and the next signal says so.
            tolerate(process::kill(child.0, signal));
            continue;
        }
        while let Some((pid, change)) = reaped()? {
            match change {
                Change::Exited(status) if pid == child => return Ok(status),
                Change::Killed { signal, .. } if pid == child => return Ok(128 + signal),
                _ => {}
            }
        }
    }
}

fn reaped() -> Result<Option<(process::Pid, Change)>> {
    match process::wait_any() {
        Err(Errno::ECHILD) => Ok(None),
        result => result,
    }
}

extern "C" fn execute(command: &Command) -> ! {
    signal::set_mask(command.mask);
    let error = match command.words {
        [Some(program), ..] => process::execve(*program, command.words, command.environment),
        _ => Errno::EINVAL,
    };
    process::exit(error.0 as u8)
}
