//! The init alone, for images: reaps, passes signals on, ends with the command's status.
#![no_std]
#![no_main]

use aril::init::wrapper;
use aril::sys::words::Start;

aril::entry!(main);

fn main(start: Start) -> u8 {
    wrapper::run(start.terminated_arguments().get(1..).unwrap_or_default(), start.terminated_environment())
}
