//! Everything that reads what somebody else has written, and what must hold of it whatever that is: not only that it comes to an
//! end, but what it may say. cargo-fuzz (`fuzz/`) and the short run of the tests call the same functions.

mod accounts;
mod boot_parameters;
mod command_line;
mod environment_file;
mod figures;
mod filters;
mod handover;
mod id_ranges;
mod init_options;
mod modules;
mod mounts;
mod netlink;
mod numbers;
mod partitions;
mod presets;
mod records;
mod superblocks;
mod texts;

use aril::sys::{Arena, Word};
use aril::text::Problem;
use std::ffi::CString;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::str;

/// Panics if something does not hold of these bytes.
pub type Target = fn(&[u8]);

/// Each by the name of its folder of seeds.
pub const ALL: &[(&str, Target)] = &[
    ("accounts", accounts::check),
    ("boot_parameters", boot_parameters::check),
    ("command_line", command_line::check),
    ("environment_file", environment_file::check),
    ("figures", figures::check),
    ("filters", filters::check),
    ("handover", handover::check),
    ("id_ranges", id_ranges::check),
    ("init_options", init_options::check),
    ("modules", modules::check),
    ("mounts", mounts::check),
    ("netlink", netlink::check),
    ("numbers", numbers::check),
    ("partitions", partitions::check),
    ("presets", presets::check),
    ("records", records::check),
    ("superblocks", superblocks::check),
    ("texts", texts::check),
];

/// Runs the target of this name, for cargo-fuzz.
#[allow(dead_code, reason = "the short run walks the table")]
pub fn run(name: &str, bytes: &[u8]) {
    let (_, check) = ALL.iter().find(|(known, _)| *known == name).expect("a target of the table");
    check(bytes);
}

// --- How bytes become what a target takes ---

/// Words, each with a NUL behind it.
fn words(bytes: &[u8]) -> Vec<CString> {
    let whole = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    whole.split(|byte| *byte == 0).map(|word| CString::new(word).expect("it is cut at each NUL")).collect()
}

/// What several files hold, with a byte 1 between them; what is missing is empty.
fn files<const COUNT: usize>(bytes: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = bytes.splitn(COUNT, |byte| *byte == 1);
    [(); COUNT].map(|()| parts.next().unwrap_or_default())
}

/// What a line of the kernel's has: no NUL.
fn line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A disk that is empty but for pieces: for each three bytes of its place, one of its length, and that. Also all of it.
fn disk(mut bytes: &[u8]) -> (File, Vec<u8>) {
    const SIZE: usize = 1 << 17;
    let mut all = vec![0; SIZE];
    while let [a, b, c, length, rest @ ..] = bytes {
        let (piece, rest) = rest.split_at(rest.len().min((*length).into()));
        let place = u32::from_le_bytes([*a, *b, *c, 0]) as usize % SIZE;
        all.iter_mut().skip(place).zip(piece).for_each(|(to, from)| *to = *from);
        bytes = rest;
    }
    // The last piece may be cut off, and with it the end of the disk.
    if let [_, _, cut] = bytes {
        all.truncate(usize::from(*cut) << 9);
    }
    let file = tempfile::tempfile().expect("there is room for a file");
    file.write_all_at(&all, 0).expect("there is room in it");
    (file, all)
}

/// A word of these bytes, which are cut at a NUL.
fn word<'m>(arena: &'m Arena, bytes: &[u8]) -> Word<'m> {
    aril::text::copy(arena, &[bytes])
}

fn arena() -> Arena {
    Arena::new().expect("address space")
}

// --- What holds everywhere ---

/// The same twice, wherever in memory it is: nothing is read that nobody has written.
#[track_caller]
fn twice(say: impl Fn(&Arena) -> String) -> String {
    let (first, second) = (arena(), arena());
    // Another place, and not all zeros.
    let used = word(&second, &[b'x'; 4099]);
    let (once, again) = (say(&first), say(&second));
    assert_eq!(once, again, "with {} bytes in the arena", used.bytes().len());
    once
}

/// Nothing in a message steers a terminal, and all of it is text.
#[track_caller]
fn is_harmless(text: &[u8]) {
    let text = str::from_utf8(text).expect("a message is UTF-8");
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
}

/// A refusal is one line, with perhaps one of advice, and an exit status of our own.
#[track_caller]
fn is_told(problem: &Problem) {
    assert_eq!(problem.status, aril::text::problem::FAILED);
    is_harmless(problem.line.bytes());
    if let Some(advice) = problem.advice {
        is_harmless(advice.bytes());
    }
}

/// An absolute path without `.`, `..` and empty names.
#[track_caller]
fn is_clean(path: &[u8]) {
    let names = path.strip_prefix(b"/").unwrap_or_else(|| panic!("not absolute: {}", path.escape_ascii()));
    let is_name = |name: &[u8]| !name.is_empty() && name != b"." && name != b"..";
    assert!(names.is_empty() || names.split(|byte| *byte == b'/').all(is_name), "{}", path.escape_ascii());
}
