//! The container runner, and everything below it.
#![no_std]
#![no_main]

use aril::cli::{self, Request};
use aril::engine::{self, Ended, Side};
use aril::host::Host;
use aril::init::wrapper;
use aril::plan::plan;
use aril::sys::words::Start;
use aril::sys::{Arena, At, file, process, tolerate};
use aril::text::{Problem, Text, Told, problem::FAILED};

aril::entry!(main);

fn main(start: Start) -> u8 {
    let side = match begin(start) {
        Ok(side) => side,
        Err(status) => return status,
    };
    // From here on this process has no memory but its stack, and what the beginning has left below is given back too. If
    // that cannot be it is as well to go on.
    tolerate(process::trim_stack());
    let ended = match side {
        Side::Init(init) => return init.supervise(),
        Side::Launcher(launcher) => launcher.supervise(),
    };
    end(ended, start).unwrap_or(FAILED)
}

/// Everything up to a running container, or to an exit status.
fn begin(start: Start) -> Result<Side, u8> {
    let arena = Arena::new().map_err(|errno| {
        let (name, sentence) = errno.texts().unwrap_or_default();
        for part in [b"aril: reserve memory: ", sentence, b" (", name, b")\n"] {
            tolerate(file::write_all(At::STDERR, part));
        }
        FAILED
    })?;
    match answer(&arena, start) {
        Ok(Answer::Runs(side)) => Ok(side),
        Ok(Answer::Says(text)) => Err(say(&arena, text)),
        Ok(Answer::Ended(status)) => Err(status),
        Err(problem) => Err(complain(&arena, problem)),
    }
}

/// What becomes of a command line.
enum Answer<'m> {
    Runs(Side),
    Says(&'m [u8]),
    Ended(u8),
}

fn answer<'m>(arena: &'m Arena, start: Start) -> Told<'m, Answer<'m>> {
    let mut text = Text::new(arena);
    match cli::parse(arena, start.arguments)? {
        Request::Run(spec) => return engine::run(arena, arena.hold(spec), start).map(Answer::Runs),
        Request::Explain(spec) => {
            let spec = arena.hold(spec);
            let host = arena.hold(Host::read(arena, spec, start.environment)?);
            plan(arena, spec, host)?.write(&mut text);
        }
        Request::Init(skipped) => {
            let words = start.terminated_arguments.get(skipped..).unwrap_or_default();
            return Ok(Answer::Ended(wrapper::run(words, start.terminated_environment)));
        }
        Request::Overview => drop(text.add(cli::OVERVIEW)),
        Request::RunHelp => cli::write_run_help(&mut text),
        Request::Version => drop(text.add(concat!("aril ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())),
    }
    Ok(Answer::Says(text.finish()))
}

/// The launcher when its container has ended. What was made for the run is found again by the same command line.
fn end(ended: aril::sys::Result<Ended>, start: Start) -> aril::sys::Result<u8> {
    let status = match ended {
        Ok(Ended { status, made: false }) => return Ok(status),
        Ok(Ended { status, made: true }) => status,
        Err(errno) => {
            let arena = Arena::new()?;
            return Ok(complain(&arena, Problem::failed(&arena, "wait for the container", &[], errno)));
        }
    };
    let arena = Arena::new()?;
    if let Ok(Request::Run(spec)) = cli::parse(&arena, start.arguments) {
        if let Err(errno) = engine::clean_up(&arena, &spec) {
            complain(&arena, Problem::failed(&arena, "remove the mount points that were made for the run", &[], errno));
        }
    }
    Ok(status)
}

fn say(arena: &Arena, text: &[u8]) -> u8 {
    match file::write_all(At::STDOUT, text) {
        Ok(()) => 0,
        Err(errno) => complain(arena, Problem::failed(arena, "write to standard output", &[], errno)),
    }
}

/// The one place where a problem is told.
fn complain(arena: &Arena, problem: &Problem) -> u8 {
    let mut text = Text::new(arena);
    problem.write(&mut text);
    // If standard error is closed there is nobody to tell.
    tolerate(file::write_all(At::STDERR, text.bytes()));
    problem.status
}
