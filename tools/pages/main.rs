//! Makes the manual pages (`man/`) and the completions (`completions/`) from the table of options, the help and docs/, and
//! tells as a test whether those that are committed are the ones that it would make: `just pages` makes them anew.

mod bash;
mod fish;
mod page;
mod prose;
mod table;
mod takes;
mod zsh;

use aril::sys::{Arena, Word};
use aril::text::copy;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};
use table::Table;
use takes::Takes;

/// What `just pages` is.
const MAKE: &str = "cargo test --release --locked --test pages -- --make";

/// Every file, with its text.
fn made() -> Vec<(&'static str, String)> {
    let table = Table::read();
    vec![
        ("man/aril.1", page::tidy(&page::aril(&table))),
        ("man/aril-init.1", page::tidy(&page::aril_init(&table))),
        ("completions/aril.bash", bash::write(&table)),
        ("completions/_aril", zsh::write(&table)),
        ("completions/aril.fish", fish::write(&table)),
    ]
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A page with the day of the one that there is, so that a day alone makes no page another.
fn dated(made: &str, day: &str) -> String {
    made.replacen(page::DATE, day, 1)
}

/// The day of a page.
fn day(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(".TH "))?.split(' ').nth(2)
}

fn is_made(name: &str, made: &str) -> bool {
    fs::read_to_string(path(name)).is_ok_and(|there| there == dated(made, day(&there).unwrap_or_default()))
}

fn make() {
    let today = Command::new("date").args(["-u", "+%F"]).output().expect("date(1)").stdout;
    let today = String::from_utf8(today).expect("date(1) prints ASCII");
    for (name, text) in made() {
        if !is_made(name, &text) {
            fs::create_dir_all(path(name).parent().expect("a folder")).expect("it can be made");
            fs::write(path(name), dated(&text, today.trim())).expect("it can be written");
            println!("{name}");
        }
    }
}

/// Each word of a set is a value of its option's, for the parser. What it contradicts is another matter.
fn every_word_is_taken() -> Result<(), Failed> {
    let table = Table::read();
    for option in table.run_where(|_| true) {
        let (Takes::One(words) | Takes::Several(words)) = &option.takes else { continue };
        for word in words {
            // What follows some of them.
            let rest = match word.as_str() {
                "ns:" => "/proc/1/ns/net",
                "type=bind," | "type=overlay," => "src=/etc,dst=/mnt",
                _ if word.starts_with("type=") => "dst=/mnt",
                _ if word.ends_with('=') => "1",
                _ => "",
            };
            let problem = refused(&format!("--{}={word}{rest}", option.long));
            if let Some(problem) = problem.filter(|problem| problem.starts_with("option ")) {
                return Err(problem.into());
            }
        }
    }
    Ok(())
}

/// Why `aril run` refuses an option, if it does.
fn refused(option: &str) -> Option<String> {
    let arena = Arena::new().expect("memory");
    let words: [Word; 4] = ["aril", "run", option, "/"].map(|word| copy(&arena, &[word.as_bytes()]));
    let problem = aril::cli::parse(&arena, arena.hold(words)).err()?;
    Some(String::from_utf8_lossy(problem.line.bytes()).into_owned())
}

fn main() -> ExitCode {
    if env::args().nth(1).is_some_and(|word| word == "--make") {
        make();
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, text) in made() {
        trials.push(Trial::test(format!("{name} is of the table"), move || {
            if is_made(name, &text) {
                Ok(())
            } else {
                Err(format!("{name} is not what the table makes: just pages ({MAKE})").into())
            }
        }));
    }
    trials.push(Trial::test("every word that completions propose is taken", every_word_is_taken));
    libtest_mimic::run(&arguments, trials).exit_code()
}
