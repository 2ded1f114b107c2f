//! What the inits of the benchmark have to start. It says `r` on standard output once it is ready.
//!
//! `init-probe signals`: writes a byte for each signal that comes, and ends at SIGTERM. `init-probe orphans N`: makes N processes
//! whose parents are gone, one after the other, and writes `d`; it ends when standard input does. `init-probe once` only says on
//! standard error that it has begun, for who wants to know when.
#![no_std]
#![no_main]

use aril::sys::process::{self, Side};
use aril::sys::signal::{self, ALL};
use aril::sys::words::Start;
use aril::sys::{At, Errno, Result, Word, file};
use linux_raw_sys::general as k;

aril::entry!(main);

fn main(start: Start) -> u8 {
    let result = match *start.arguments() {
        [_, what] if what.bytes() == b"once" => file::write(At::STDERR, b"the command runs\n").map(drop),
        [_, what] if what.bytes() == b"signals" => answer_signals(),
        [_, what, count] if what.bytes() == b"orphans" => make_orphans(count),
        _ => Err(Errno::EINVAL),
    };
    result.map_or_else(|error| error.0 as u8, |()| 0)
}

fn answer_signals() -> Result<()> {
    signal::set_mask(ALL);
    file::write(At::STDOUT, b"r")?;
    while signal::wait(ALL, None)?.signal != k::SIGTERM as u8 {
        file::write(At::STDOUT, b"s")?;
    }
    Ok(())
}

fn make_orphans(count: Word) -> Result<()> {
    let count = count.bytes().iter().try_fold(0u32, |sum, byte| sum.checked_mul(10)?.checked_add((byte - b'0').into()));
    file::write(At::STDOUT, b"r")?;
    for _ in 0..count.ok_or(Errno::EINVAL)? {
        match process::clone3(0)? {
            // A child of this one would be ours; the one that it leaves behind is the init's.
            Side::Child => process::exit(process::clone3(0).map_or_else(|error| error.0 as u8, |_| 0)),
            Side::Parent { child, .. } => process::wait_for(child)?,
        };
    }
    file::write(At::STDOUT, b"d")?;
    file::read(At::STDIN, &mut [0])?;
    Ok(())
}
