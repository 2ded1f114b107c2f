//! The container runner, and everything below it.
#![no_std]
#![no_main]
extern crate alloc;

use alloc::format;
use aril::cli::{self, Request};
use aril::engine::{self, Side};
use aril::host::Host;
use aril::init::wrapper;
use aril::plan::plan;
use aril::spec::Spec;
use aril::sys::heap::Heap;
use aril::sys::words::Start;
use aril::sys::{At, file, tolerate};
use aril::text::{Problem, problem::FAILED};

aril::entry!(main, Heap::new(), Heap);

fn main(start: Start) -> u8 {
    match cli::parse(start.arguments) {
        Ok(Request::Run(spec)) => run(spec, start),
        Ok(Request::Explain(spec)) => explain(&spec, start).unwrap_or_else(|problem| complain(&problem)),
        Ok(Request::Init(words)) => {
            let skipped = start.arguments.len() - words.len();
            wrapper::run(start.terminated_arguments.get(skipped..).unwrap_or_default(), start.terminated_environment)
        }
        Ok(Request::Overview) => say(cli::OVERVIEW),
        Ok(Request::RunHelp) => say(&format!("{}", cli::run_help())),
        Ok(Request::Version) => say(concat!("aril ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(problem) => complain(&problem),
    }
}

/// From here on launcher and init have no heap: all that the start needed is dropped, and its memory given back.
fn run(spec: Spec, start: Start) -> u8 {
    let side = match engine::run(&spec, start) {
        Ok(side) => side,
        Err(problem) => return complain(&problem),
    };
    drop(spec);
    let trimmed = HEAP.trim().and_then(|()| aril::sys::process::trim_stack());
    debug_assert!(trimmed.is_ok());
    match side {
        Side::Init(init) => init.supervise(),
        Side::Launcher(launcher) => match launcher.supervise() {
            Ok(ended) if ended.made => clean_up(ended.status, start),
            Ok(ended) => ended.status,
            Err(error) => complain(&aril::problem!("wait for the container: {error}")),
        },
    }
}

/// What was made for the run is found again by the same command line.
fn clean_up(status: u8, start: Start) -> u8 {
    if let Ok(Request::Run(spec)) = cli::parse(start.arguments) {
        if let Err(error) = engine::clean_up(&spec) {
            complain(&aril::problem!("remove the mount points that were made for the run: {error}"));
        }
    }
    status
}

fn explain(spec: &Spec, start: Start) -> Result<u8, Problem> {
    let host = Host::read(spec, start.environment)?;
    Ok(say(&format!("{}", plan(spec, &host)?)))
}

fn say(text: &str) -> u8 {
    match file::write_all(At::STDOUT, text.as_bytes()) {
        Ok(()) => 0,
        Err(error) => complain(&aril::problem!("write to standard output: {error}")),
    }
}

/// The one place where a problem is told.
fn complain(problem: &Problem) -> u8 {
    // If standard error is closed there is nobody to tell.
    tolerate(file::write_all(At::STDERR, format!("{problem}").as_bytes()));
    problem.status.max(u8::from(problem.status == 0) * FAILED)
}
