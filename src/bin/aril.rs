//! The container runner, and everything below it.
#![no_std]
#![no_main]

#[cfg(feature = "boot")]
use aril::boot;
#[cfg(feature = "full")]
use aril::check;
use aril::cli::{self, Request};
use aril::engine::{self, Ended, Side};
use aril::host::Host;
#[cfg(feature = "boot")]
use aril::host::machine;
#[cfg(feature = "full")]
use aril::host::{presets, runtime};
#[cfg(feature = "init")]
use aril::init::{Persona, wrapper};
#[cfg(feature = "full")]
use aril::plan::filter;
use aril::plan::plan;
#[cfg(feature = "full")]
use aril::spec::Spec;
#[cfg(feature = "full")]
use aril::state;
use aril::sys::file::{self, Open};
#[cfg(feature = "full")]
use aril::sys::identity;
#[cfg(feature = "boot")]
use aril::sys::process::Pid;
use aril::sys::words::Start;
use aril::sys::{Arena, At, Errno, List, Word, process, tolerate, word};
use aril::text::problem::{FAILED, NO_MEMORY};
use aril::text::{Problem, Text, Told, copy, t};

#[cfg(not(feature = "boot"))]
aril::entry!(main);
#[cfg(feature = "boot")]
aril::entry!(main, aril::engine::boot::last_resort);

fn main(start: Start) -> u8 {
    #[cfg(feature = "boot")]
    if boot::may_be_meant(start.arguments()) {
        if let Some(proc) = machine::first_process() {
            boot::run(start, proc);
        }
    }
    serve(start)
}

/// What is asked for by a command line. The first process of a machine has nothing of its stack.
#[cfg_attr(feature = "boot", inline(never))]
fn serve(start: Start) -> u8 {
    if start.is_privileged_by_file() {
        tolerate(file::write_all(At::STDERR, PRIVILEGED));
        return FAILED;
    }
    if start.is_by_descriptor() {
        // It is only shown.
        tolerate(process::set_name(word(c"aril")));
    }
    // An init blocks its signals before anything else.
    #[cfg(feature = "init")]
    if start.arguments().get(1) == Some(&word(c"init")) {
        let words = start.terminated_arguments().get(2..).unwrap_or_default();
        return wrapper::run::<true>(Persona::Own, word(c"aril init"), words, start.terminated_environment());
    }
    // Under the name that a machine's has, a container's first process, or what is around a command.
    #[cfg(feature = "boot")]
    if boot::is_init(start.arguments()) && (process::getpid() == Pid(1) || !boot::begins_with_verb(start.arguments())) {
        let words = start.terminated_arguments().get(1..).unwrap_or_default();
        return wrapper::run::<true>(Persona::Own, word(c"init"), words, start.terminated_environment());
    }
    fill_standard_streams();
    #[cfg(feature = "full")]
    let (words, start) = match words_of(start) {
        Ok(both) => both,
        Err(status) => return status,
    };
    #[cfg(not(feature = "full"))]
    let words = start.arguments();
    let arena = match Arena::new() {
        Ok(arena) => arena,
        Err(errno) => return no_memory(errno),
    };
    let ended = match begin(&arena, start, words) {
        Ok(Side::Init(init)) => return engine::supervise(&init, arena),
        Ok(Side::Launcher(launcher)) => launcher.supervise(Some(arena)),
        Err(status) => return status,
    };
    end(ended, words)
}

/// A standard stream that the caller has closed would else be the number of the next descriptor, which is then written to.
/// The command finds it closed, as it was.
fn fill_standard_streams() {
    for fd in (0..3).filter(|fd| !file::is_open(*fd)) {
        // Without /dev/null there is nothing better to do.
        if let Ok(null) = file::openat(At::CWD, word(c"/dev/null"), Open::READ_WRITE) {
            debug_assert!(null.at().number() == fd as i32);
            core::mem::forget(null);
        }
    }
}

/// Everything up to a running container, or to an exit status.
#[inline(never)]
fn begin(arena: &Arena, start: Start, words: Words) -> Result<Side, u8> {
    match answer(arena, start, words) {
        Ok(Answer::Runs(side)) => Ok(side),
        Ok(Answer::Says(text, status)) => Err(say(arena, text, status)),
        Err(problem) => Err(complain(arena, problem)),
    }
}

/// Whoever may run it would be who it is: it does all that its caller asks for.
const PRIVILEGED: &[u8] =
    b"aril: run with the rights of its file: there is no setuid mode: take set-user-id, set-group-id and capabilities from it\n";

fn no_memory(_: Errno) -> u8 {
    tolerate(file::write_all(At::STDERR, NO_MEMORY));
    FAILED
}

/// A command line, which is there as long as the process.
type Words = &'static [Word<'static>];

/// The command line, with what stands elsewhere: those words have memory of their own. What was read cannot be read again, so
/// that a program which is executed anew gets the words.
#[cfg(feature = "full")]
fn words_of(start: Start) -> Result<(Words, Start), u8> {
    let words = start.arguments();
    if !presets::are_in(words) {
        return Ok((words, start));
    }
    let arena = Arena::forever().map_err(no_memory)?;
    let words = presets::expand(arena, words).map_err(|problem| complain(arena, problem))?;
    let mut anew = List::new(arena);
    anew.extend(Word::some(words));
    anew.push(None);
    Ok((words, start.with(anew.finish())))
}

/// What becomes of a command line.
#[cfg_attr(feature = "full", expect(clippy::large_enum_variant, reason = "there is one, on the stack, and no heap"))]
enum Answer<'m> {
    Runs(Side),
    /// And its exit status.
    Says(&'m [u8], u8),
}

fn answer<'m>(arena: &'m Arena, start: Start, words: Words) -> Told<'m, Answer<'m>> {
    // Inside, what the kernel gave is erased before there is anybody who could read it (proc(5), cmdline), and the words are needed
    // for longer.
    let mut own = List::new(arena);
    own.extend(words);
    for word in own.iter_mut() {
        *word = copy(arena, &[word.bytes()]);
    }
    match cli::parse(arena, own.finish())? {
        Request::Run(spec) => engine::run(arena, arena.hold(spec), start).map(Answer::Runs),
        request => answer_other(arena, request, start),
    }
}

/// What is no run, and would make the stack of one larger by a page: each that both sides of the clone write to is copied.
#[cfg_attr(feature = "full", inline(never))]
fn answer_other<'m>(arena: &'m Arena, request: Request<'m>, start: Start) -> Told<'m, Answer<'m>> {
    let mut text = Text::new(arena);
    match request {
        // Never here.
        Request::Run(_) => {}
        Request::Explain(spec) => {
            let spec = arena.hold(spec);
            let host = arena.hold(Host::read(arena, spec, start.environment())?);
            plan(arena, spec, host)?.write(&mut text);
        }
        #[cfg(feature = "full")]
        Request::Check { rootfs, json } => {
            let works = check::run(&mut text, rootfs, json, start);
            return Ok(Answer::Says(text.finish(), u8::from(!works)));
        }
        #[cfg(feature = "full")]
        Request::Visit(visit) => {
            let status = visit.carry_out(&mut text, runtime::directory(arena, start.environment())?)?;
            return Ok(Answer::Says(text.finish(), status));
        }
        #[cfg(feature = "full")]
        Request::Enter(asked) => return enter(arena, asked, start).map(Answer::Runs),
        #[cfg(feature = "full")]
        Request::ExplainCall(spec, name) => {
            let own = identity::effective_capabilities()
                .map_err(|errno| Problem::failed(arena, t!("read the capabilities"), &[], errno))?;
            filter::write_decision(&mut text, &spec, own, name)?;
        }
        #[cfg(feature = "boot")]
        Request::ExplainBoot(line) => boot::explain(arena, &mut text, line)?,
        #[cfg(feature = "boot")]
        Request::Boot => return Err(boot::refuse(arena)),
        Request::Overview => drop(text.fill(cli::OVERVIEW, &[])),
        Request::RunHelp => cli::write_run_help(&mut text),
        Request::Version => drop(text.add(concat!("aril ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())),
    }
    Ok(Answer::Says(text.finish(), 0))
}

/// A command in a container that runs. What that was made for is found again by its own command line.
#[cfg(feature = "full")]
fn enter<'m>(arena: &'m Arena, mut asked: Spec<'m>, start: Start) -> Told<'m, Side> {
    let (name, new_user) = (asked.name.unwrap_or_default(), asked.user.is_some());
    let running = state::find_running(arena, runtime::directory(arena, start.environment())?, name)?;
    match cli::parse(arena, running.words.all(arena))? {
        Request::Run(mut spec) => {
            spec.take_command_of(&mut asked);
            engine::enter(arena, arena.hold(spec), running, start, new_user)
        }
        _ => Err(Problem::refused(arena, t!("read the record of %: it is not of a run"), &[name])),
    }
}

/// The launcher when its container has ended. What was made for the run is found again by the same command line.
fn end(ended: Ended, words: Words) -> u8 {
    let status = ended.status;
    #[cfg(feature = "full")]
    let is_done = ended.made.is_none() && !ended.reports && ended.denials.is_none();
    #[cfg(not(feature = "full"))]
    let is_done = ended.made.is_none();
    if let (Ok(status), true) = (status, is_done) {
        return status;
    }
    clean_up(ended, words)
}

/// What is left to be done then: out of the way of a plain run, whose stack it would make larger.
#[cfg_attr(feature = "full", inline(never))]
fn clean_up(#[cfg_attr(not(feature = "full"), expect(unused_mut))] mut ended: Ended, words: Words) -> u8 {
    let status = ended.status;
    let arena = match Arena::new() {
        Ok(arena) => arena,
        // What is left is removed by the next run.
        Err(errno) => return no_memory(errno),
    };
    #[cfg(feature = "full")]
    if let Some(denials) = &ended.denials {
        denials.tell(&arena);
    }
    if let Ok(Request::Run(spec)) = cli::parse(&arena, words) {
        if let Some(Err(errno)) = ended.made.as_ref().map(|image| engine::clean_up(&arena, &spec, image)) {
            let sentence = t!("remove the mount points that were made for the run in %");
            complain(&arena, Problem::failed(&arena, sentence, &[spec.rootfs], errno));
        }
        #[cfg(feature = "full")]
        let figures = engine::figures(&arena, &spec, &ended);
        #[cfg(feature = "full")]
        if let Some(problem) = engine::out_of_memory(&arena, &ended, &figures) {
            complain(&arena, problem);
        }
        #[cfg(feature = "full")]
        if let Err(errno) = ended.cgroups.end(&arena) {
            complain(&arena, Problem::failed(&arena, t!("remove the container's control groups"), &[], errno));
        }
        #[cfg(feature = "full")]
        if let Err(errno) = engine::farewell(&arena, &spec, ended, &figures) {
            let whose = spec.name.unwrap_or(spec.rootfs);
            complain(&arena, Problem::failed(&arena, t!("tell of the end of %"), &[whose], errno));
        }
    }
    status.unwrap_or_else(|errno| complain(&arena, Problem::failed(&arena, t!("wait for the container"), &[], errno)))
}

fn say(arena: &Arena, text: &[u8], status: u8) -> u8 {
    match file::write_all(At::STDOUT, text) {
        Ok(()) => status,
        Err(errno) => complain(arena, Problem::failed(arena, t!("write to standard output"), &[], errno)),
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
