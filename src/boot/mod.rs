//! The front door of a machine: what the kernel's command line asks of its first process, and in which order it comes.

mod network;
pub mod parameters;

use crate::cli;
use crate::engine::Carrier;
use crate::engine::boot::{Ran, give_up, requested};
use crate::host::machine::{self, Asked};
use crate::host::{Account, accounts, mounts, presets};
use crate::init::name_of;
use crate::plan::{Phase, Plan, boot as plan};
use crate::spec::{Boot, Exit, Restart, Spec};
use crate::sys::file::{self, Open};
use crate::sys::signal::{self, ALL};
use crate::sys::words::Start;
use crate::sys::{Arena, At, Fd, List, Word, tolerate, word};
use crate::text::problem::NO_MEMORY;
use crate::text::sentence::Sentence;
use crate::text::{Problem, Text, Told, t};
use linux_raw_sys::general as k;

/// Everything from the kernel's hand-over to the end of the machine.
pub fn run(start: Start, proc: Fd) -> ! {
    signal::set_mask(ALL);
    let Ok(arena) = Arena::forever() else {
        // The kernel's console, if there is one.
        tolerate(file::write_all(At::STDERR, NO_MEMORY));
        give_up()
    };
    // The number of a standard stream that the kernel has left closed will be the console's.
    let proc = if proc.at().number() < 3 { file::duplicate(proc.at()).unwrap_or(proc) } else { proc };
    let mut first = Carrier::new(arena, &Plan::EMPTY, start, false);
    first.be_first(proc);
    let (mut boot, mut spec) = (Boot::new(arena), Spec::new(arena));
    let asked = ask(arena, first.proc(), &mut boot, &mut spec);
    // Else the kernel has mounted it itself.
    if boot.root.is_some() && !mounts::is_initramfs(arena, first.proc()) {
        boot.root = None;
    }
    first.machine().timing = boot.timing;
    let (boot, spec) = (&boot, &spec);
    let bare = || arena.hold(plan::machine(arena, arena.hold(Boot::new(arena)), spec));
    let ran = match asked {
        Ok(()) => live(arena, &mut first, boot, spec, start),
        // What is left is to say so.
        Err(problem) => first.carry_out_plan(bare(), Phase::Machine).and(Err(problem)),
    };
    let Ran { status, mut request } = ran.unwrap_or_else(|problem| {
        first.machine().complain(problem);
        let mut request = requested();
        if boot.rescue && request == 0 {
            // Whatever has failed, it is a machine that someone can work on.
            first.machine().look_anew();
            if let Err(problem) = first.carry_out_plan(bare(), Phase::Machine) {
                first.machine().complain(problem);
            }
            request = shell(arena, &mut first, start);
        }
        Ran { status: problem.status, request }
    });
    first.machine().status = status;
    let mut exit = end(boot.exit, request);
    if exit == Exit::Shell {
        request = shell(arena, &mut first, start);
        exit = end(Exit::PowerOff, request);
    }
    first.off(arena.hold(plan::off(arena, boot, exit)))
}

/// Whether the kernel may have started this program with these words: any bare word that it does not know itself is among them.
/// What is asked for by a verb of ours, under our own name, is something else, even of a first process.
pub fn may_be_meant(words: &[Word]) -> bool {
    is_init(words) || !begins_with_verb(words)
}

/// Whether it was started under the name of an init.
pub fn is_init(words: &[Word]) -> bool {
    words.first().is_some_and(|name| name_of(*name) == word(c"init"))
}

/// Whether the first word is a verb of ours.
pub fn begins_with_verb(words: &[Word]) -> bool {
    words.get(1).is_some_and(|verb| cli::is_verb(*verb))
}

/// What `aril explain boot` prints.
///
/// # Errors
/// A parameter that is wrong.
pub fn explain<'m>(arena: &'m Arena, text: &mut Text, line: Word<'m>) -> Told<'m, ()> {
    let (mut boot, mut spec) = (Boot::new(arena), Spec::new(arena));
    parameters::read(arena, line.bytes(), &mut boot, &mut spec)?;
    let (boot, spec) = (arena.hold(boot), arena.hold(spec));
    plan::whole(arena, boot, spec).write(text);
    for name in boot.unknown.iter() {
        text.fill(UNKNOWN, &[*name]);
    }
    Ok(())
}

/// What a machine does with a parameter that only looks like one of ours.
const UNKNOWN: Sentence = t!("aril: note: unknown parameter %\n");

/// What the kernel's command line and the files of the initramfs ask for. The line counts more.
fn ask<'m>(arena: &'m Arena, proc: At, boot: &mut Boot<'m>, spec: &mut Spec<'m>) -> Told<'m, ()> {
    let asked = Asked::read(arena, proc)?;
    // What is wrong is told; but where the status goes, and how the machine ends, may stand after it.
    let modules = asked.modules.and_then(|text| add_words(arena, &mut boot.modules, text, machine::MODULES));
    let mut read = Ok(());
    for text in [asked.parameters, Ok(asked.kernel)] {
        read = read.and(text.and_then(|text| parameters::read(arena, text, boot, spec)));
    }
    if spec.command.is_empty() {
        spec.command = asked.command.and_then(|text| command_of(arena, text))?;
    }
    modules.and(read)
}

/// Makes the machine and runs the command.
fn live<'m>(
    arena: &'m Arena,
    first: &mut Carrier<'m>,
    boot: &'m Boot<'m>,
    spec: &'m Spec<'m>,
    start: Start,
) -> Told<'m, Ran> {
    first.carry_out_plan(arena.hold(plan::machine(arena, boot, spec)), Phase::Machine)?;
    for name in boot.unknown.iter() {
        first.machine().tell(UNKNOWN, *name);
    }
    let mut account = Account::ROOT;
    let mut found = Found::Command(spec.command);
    if spec.command.is_empty() || spec.user.is_some() {
        let root = file::openat(At::CWD, word(c"/"), Open::PATH_DIRECTORY)
            .map_err(|errno| Problem::failed(arena, t!("open /"), &[], errno))?;
        if spec.command.is_empty() {
            found = find(arena, boot, root.at())?;
        }
        account = accounts::find(arena, root.at(), spec.user)?;
    }
    if file::fstatat(At::CWD, account.home).is_err() {
        account.home = word(c"/");
    }
    let environment =
        plan::environment(arena, spec, start.environment(), account, first.machine().has_virtual_console());
    let words = match found {
        Found::Command(words) => words,
        Found::Init(init) => {
            let arguments = start.arguments().get(1..).unwrap_or_default();
            let plan = arena.hold(plan::hand_over(arena, init, arguments, environment));
            // It comes back only if that failed.
            first.carry_out_plan(plan, Phase::Machine)?;
            &[]
        }
    };
    let plan = arena.hold(plan::command(arena, spec, words, account, environment));
    first.run(plan, boot.restart, spec.stop_timeout)
}

/// What there is to run.
enum Found<'m> {
    /// Under supervision.
    Command(&'m [Word<'m>]),
    /// As the first process, which another init has to be.
    Init(Word<'m>),
}

/// What a new root has to run.
fn find<'m>(arena: &'m Arena, boot: &Boot<'m>, root: At) -> Told<'m, Found<'m>> {
    if boot.root.is_some() {
        let words = command_of(arena, machine::read(arena, machine::COMMAND)?)?;
        if !words.is_empty() {
            return Ok(Found::Command(words));
        }
        if let Some(init) = machine::init(boot, root) {
            return Ok(Found::Init(init));
        }
        if let Some(shell) = machine::there(root, SHELL) {
            return Ok(Found::Command(arena.hold([shell])));
        }
    }
    let problem = Problem::refused(arena, t!("find a command to run: there is none"), &[]);
    let advice = t!("name it after -- on the kernel's command line, in aril.cmd=\"...\" or in /etc/aril/cmd");
    Err(problem.advise(arena, advice, &[]))
}

const SHELL: Word = word(c"/bin/sh");

fn command_of<'m>(arena: &'m Arena, text: &[u8]) -> Told<'m, &'m [Word<'m>]> {
    let mut words = List::new(arena);
    add_words(arena, &mut words, text, machine::COMMAND)?;
    Ok(words.finish())
}

/// The words of a file: spaces divide them, quotes keep them together, and `#` begins a comment.
fn add_words<'m>(arena: &'m Arena, words: &mut List<'m, Word<'m>>, text: &[u8], path: Word) -> Told<'m, ()> {
    if text.is_empty() {
        return Ok(());
    }
    presets::add_text(words, text).map_err(|_| Problem::refused(arena, t!("read %: a quote has no end"), &[path]))
}

/// A shell on the console, for someone who looks for what is wrong. The signal by which he asks for the end of the machine; else 0.
fn shell<'m>(arena: &'m Arena, first: &mut Carrier<'m>, start: Start) -> u8 {
    let spec = arena.hold(Spec::new(arena));
    let words = arena.hold([SHELL]);
    let is_virtual = first.machine().has_virtual_console();
    let account = Account { home: word(c"/"), ..Account::ROOT };
    let environment = plan::environment(arena, spec, start.environment(), account, is_virtual);
    let plan = arena.hold(plan::command(arena, spec, words, account, environment));
    match first.run(plan, Restart::No, spec.stop_timeout) {
        Ok(Ran { request, .. }) => request,
        Err(problem) => {
            first.machine().complain(problem);
            0
        }
    }
}

/// How the machine ends: as it was asked to by a signal, else as was said before. Where a virtual machine ends by a reboot alone
/// a request to power off is one to reboot.
fn end(exit: Exit, request: u8) -> Exit {
    match u32::from(request) {
        0 => exit,
        k::SIGINT => Exit::Reboot,
        k::SIGUSR1 => Exit::Halt,
        _ if exit == Exit::Reboot => Exit::Reboot,
        _ => Exit::PowerOff,
    }
}

/// With what aril ends that is asked to be the first process of a machine and is not.
///
/// # Errors
/// Always.
pub fn refuse(arena: &Arena) -> &Problem<'_> {
    let problem = Problem::refused(arena, t!("boot: this is not the first process of a machine"), &[]);
    let advice = t!("copy aril into an initramfs as /init; aril explain boot '...' prints what it would do");
    problem.advise(arena, advice, &[])
}
