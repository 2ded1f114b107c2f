#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aril_fuzz::run("filters", bytes));
