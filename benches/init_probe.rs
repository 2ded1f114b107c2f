//! What the inits of the benchmark have to start. It says `r` on standard output once it is ready.
//!
//! `init-probe signals`: writes a byte for each signal that comes, and ends at SIGTERM. `init-probe orphans N`: makes N processes
//! whose parents are gone, one after the other, and writes `d`; it ends when standard input does. `init-probe once` only says on
//! standard error that it has begun, for who wants to know when.
//!
//! And what a container's walls are measured with. `init-probe calls N` and `init-probe files N PATH`: makes N system calls that do
//! nothing, or opens and closes PATH as often, and writes the nanoseconds that one took.
#![no_std]
#![no_main]

use aril::sys::file::{self, Open};
use aril::sys::poll;
use aril::sys::process::{self, Side};
use aril::sys::signal::{self, ALL};
use aril::sys::words::Start;
use aril::sys::{Arena, At, Errno, Result, Word};
use aril::text::decimal;
use linux_raw_sys::general as k;

aril::entry!(main);

fn main(start: Start) -> u8 {
    let result = match *start.arguments() {
        [_, what] if what.bytes() == b"once" => file::write(At::STDERR, b"the command runs\n").map(drop),
        [_, what] if what.bytes() == b"signals" => answer_signals(),
        [_, what, count] if what.bytes() == b"orphans" => make_orphans(count),
        [_, what, count] if what.bytes() == b"calls" => time(count, || {
            process::getppid();
            Ok(())
        }),
        [_, what, count, path] if what.bytes() == b"files" => {
            time(count, || file::openat(At::CWD, path, Open::READ).map(drop))
        }
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

fn number(digits: Word) -> Result<u64> {
    let number = |sum: u64, byte: &u8| sum.checked_mul(10)?.checked_add(byte.wrapping_sub(b'0').into());
    digits.bytes().iter().try_fold(0, number).ok_or(Errno::EINVAL)
}

fn time(count: Word, work: impl Fn() -> Result<()>) -> Result<()> {
    let count = number(count)?;
    let begun = poll::now();
    (0..count).try_for_each(|_| work())?;
    let each = ((poll::now() - begun) * 1000).checked_div(count).ok_or(Errno::EINVAL)?;
    let arena = Arena::new()?;
    file::write(At::STDOUT, decimal(&arena, each).bytes()).map(drop)
}

fn make_orphans(count: Word) -> Result<()> {
    let count = number(count)?;
    file::write(At::STDOUT, b"r")?;
    for _ in 0..count {
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
