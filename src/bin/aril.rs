//! The container runner.
#![no_std]
#![no_main]
use aril::sys::words::Start;
aril::entry!(main, aril::sys::heap::Heap::new(), aril::sys::heap::Heap);
fn main(start: Start) -> u8 {
    drop(aril::sys::file::write(aril::sys::At::STDERR, start.arguments[0].as_cstr().to_bytes()));
    3
}
