//! The init alone, for images: reaps, passes signals on, ends with the command's status. Under the name of tini, dumb-init or
//! catatonit it behaves as these do.
#![no_std]
#![no_main]

use aril::init::{Persona, name_of, wrapper};
use aril::sys::words::Start;
use aril::text::problem::FAILED;

aril::entry!(main);

fn main(start: Start) -> u8 {
    // Whoever may run it would be who it is.
    if start.has_ids_of_file() {
        return FAILED;
    }
    let name = name_of(start.arguments().first().copied().unwrap_or_default());
    let words = start.terminated_arguments().get(1..).unwrap_or_default();
    wrapper::run::<false>(Persona::of(name), name, words, start.terminated_environment())
}
