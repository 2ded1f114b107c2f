//! A short run of what cargo-fuzz runs for long (`fuzz/`): every target over its seeds, and over inputs that are made of them by
//! changes in a fixed order, so that each run is the same.

mod targets;

use libtest_mimic::{Arguments, Failed, Trial};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};
use targets::{ALL, Target};

/// As many inputs as take each target well under a second. Miri interprets, which takes a thousand times as long.
const INPUTS: usize = if cfg!(miri) { 40 } else { 4000 };
const LONGEST: usize = 2048;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = ALL.iter().map(|(name, target)| Trial::test(*name, move || run(name, *target))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(name: &str, target: Target) -> Result<(), Failed> {
    let seeds = seeds(name);
    if seeds.is_empty() {
        return Err(format!("{} has no seeds", folder(name).display()).into());
    }
    for seed in &seeds {
        try_one(target, seed)?;
    }
    let mut change = Change { random: Random::new(name), seeds: &seeds, tokens: tokens(&seeds) };
    let mut input = Vec::new();
    for _ in 0..INPUTS {
        change.next(&mut input);
        try_one(target, &input)?;
    }
    Ok(())
}

fn try_one(target: Target, input: &[u8]) -> Result<(), Failed> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|_| format!("with b\"{}\"", input.escape_ascii()).into())
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name)
}

/// In the order of their names, which the machine's file system does not decide.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(name)).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a seed").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// The words in the seeds, and numbers on whose other side something is different.
fn tokens(seeds: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"_.-".contains(byte);
    let words = seeds.iter().flat_map(|seed| seed.split(is_end)).filter(|word| (1..40).contains(&word.len()));
    let mut tokens: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
    for number in [
        "0",
        "-1",
        "00",
        "65536",
        "2147483648",
        "4294967294",
        "4294967295",
        "4294967296",
        "18446744073709551615",
        "99999999999999999999",
    ] {
        tokens.push(number.into());
    }
    for bytes in ["/", "//", "/../", ":", "=", ",", "\"", "'", " ", "\n", "\0", "\x01", "\\", "\u{9b}", "\x7f"] {
        tokens.push(bytes.into());
    }
    tokens.push(vec![0xff; 4]);
    tokens.sort();
    tokens.dedup();
    tokens
}

/// Marsaglia's xorshift, from a start that the name gives.
struct Random(u64);

impl Random {
    fn new(name: &str) -> Self {
        Self(
            name.bytes().fold(0x9e37_79b9_7f4a_7c15, |state, byte| {
                (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3) | 1
            }),
        )
    }

    /// Less than this, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

struct Change<'s> {
    random: Random,
    seeds: &'s [Vec<u8>],
    tokens: Vec<Vec<u8>>,
}

impl Change<'_> {
    /// Makes the next input: of a seed, or of the last one.
    fn next(&mut self, input: &mut Vec<u8>) {
        if input.is_empty() || self.random.below(4) != 0 {
            input.clone_from(&self.seeds[self.random.below(self.seeds.len())]);
        }
        for _ in 0..=self.random.below(4) {
            self.once(input);
        }
        input.truncate(LONGEST);
    }

    fn once(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        let end = at + self.random.below(input.len() - at + 1).min(32);
        match self.random.below(8) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => input.insert(at, self.random.below(256) as u8),
            3 if at < input.len() => input[at] ^= 1 << self.random.below(8),
            4 => {
                let part = input[at..end].to_vec();
                drop(input.splice(at..at, part));
            }
            5 => {
                let other = &self.seeds[self.random.below(self.seeds.len())];
                let from = self.random.below(other.len() + 1);
                drop(input.splice(at.., other[from..].iter().copied()));
            }
            _ => {
                let token = &self.tokens[self.random.below(self.tokens.len())];
                let until = if self.random.below(2) == 0 { at } else { (at + token.len()).min(input.len()) };
                drop(input.splice(at..until, token.iter().copied()));
            }
        }
    }
}
