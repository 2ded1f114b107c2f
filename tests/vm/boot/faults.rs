//! Each system call that aril makes as a machine's first process fails, always and for all of that machine's processes: the machine
//! goes off by itself all the same, with the command's status or that of a failure, and says what failed and why.
//!
//! `fault.c` stands in aril's place, installs a filter that answers the call so, and executes aril. Which calls there are a boot
//! tells whose kernel logs each.

#[path = "../../faults/calls.rs"]
#[allow(dead_code, reason = "the tests of a run's faults use the rest")]
mod calls;

use super::vm::{Boot, Ended};
use crate::machine::source;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

super::tests! { a_call_that_fails_is_told_and_the_machine_goes_off }

/// What an ordinary run tries; ARIL_LONG tries every call with every error.
const TELLING: [(i64, i32); 6] = [
    (libc::SYS_mount, libc::EPERM),
    (libc::SYS_clone, libc::ENOMEM),
    (libc::SYS_openat, libc::EMFILE),
    (libc::SYS_reboot, libc::EPERM),
    (libc::SYS_execve, libc::ENOMEM),
    (libc::SYS_mmap, libc::ENOMEM),
];

/// As many as run at once (`Permit`).
const VMS: usize = 2;

/// What the command ends with.
const RAN: u8 = 7;

/// Calls after whose failure something else is as well; each with its reason.
type Row = (&'static str, &'static str);

/// All goes on as if nothing had happened.
const SAME: &[Row] = &[
    ("close", "it closes, whatever it answers (close(2))"),
    ("kill", "nobody is left"),
    ("madvise", "memory that is not given back"),
    ("sync", "it has no errors"),
    ("clock_gettime", "its errors are all about arguments"),
];

/// It fails, and another reason is told than the call's.
const OTHERWISE: &[Row] = &[];

/// It goes off, and nothing is told.
const MUTE: &[Row] =
    &[("write", "it is what tells"), ("openat", "neither the console nor the kernel's log can be opened")];

/// It goes off with a line that needs no memory.
const NO_MEMORY: &[Row] = &[("mmap", "without memory no command line is read, and no text put together")];

/// The command runs, and the kernel panics in the end, as where a container's init is a machine's first process.
const PANICS: &[Row] = &[(
    "fsopen fsconfig fsmount newfstatat",
    "a container's filter refuses them too: what cannot look is taken for its init",
)];

/// Nothing is learned from a machine that has none of these at all.
const NEVER: &[Row] = &[
    ("exit exit_group", "they do not come back"),
    ("getpid", "it has no errors, and by it the first process knows itself"),
    ("rt_sigprocmask", "its errors are all about arguments"),
    ("wait4", "ECHILD alone, with WNOHANG"),
    ("rt_sigtimedwait", "EAGAIN and EINTR, after which it is called again"),
];

/// The machine has a port at which it can end.
const WITH_PORT: &[Row] = &[("reboot", "without one nothing else ends it"), ("ioperm", "it is asked for that port")];

fn is_in(table: &[Row], call: &str) -> bool {
    table.iter().any(|(names, _)| names.split(' ').any(|name| name == call))
}

/// A machine whose first process meets the fault. The kernel hands to it what it does not know of these words.
fn machine(fault: &str, has_port: bool) -> Boot {
    let new = if has_port { Boot::of } else { Boot::bare };
    let boot = new(&format!("fault={fault} aril.user=guest aril.hostname=vm -- /command"));
    let stub = boot.path("fault");
    let mut compiler = Command::new("gcc");
    compiler.args(["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-O1", "-o"]);
    let made = compiler.arg(&stub).arg(source("tests/vm/boot/fault.c")).output();
    if !made.is_ok_and(|output| output.status.success()) {
        super::skip("no static C program can be built: install gcc and libc6-dev");
    }
    boot.with(|archive| archive.copy("/init", "/aril").program("/init", &stub).program("/command", &stub))
}

/// The numbers of the calls that are made up to the end of the machine.
fn made() -> BTreeSet<i64> {
    const EACH: &str = "log audit=1 audit_backlog_limit=0 loglevel=6 sysctl.kernel.printk_ratelimit=0";
    let ended = machine(EACH, true).run();
    ended.exited_at_port(RAN);
    let logged = ended.console.lines().filter(|line| line.contains("audit: type=1326 "));
    let number = |line: &str| line.split(" syscall=").nth(1)?.split(' ').next()?.parse().ok();
    let calls: BTreeSet<i64> = logged.filter_map(number).collect();
    assert!(calls.len() > 20 && calls.contains(&libc::SYS_mount), "{calls:?}\n{ended}");
    calls
}

fn a_call_that_fails_is_told_and_the_machine_goes_off() {
    let calls = made();
    let cases: Vec<(i64, i32)> = if std::env::var_os("ARIL_LONG").is_some() {
        calls.iter().flat_map(|call| calls::INJECTED.map(|errno| (*call, errno))).collect()
    } else {
        TELLING.to_vec()
    };
    let is_never = |call: i64| is_in(NEVER, &calls::name(call));
    let cases: Vec<(i64, i32)> = cases.into_iter().filter(|(call, _)| !is_never(*call)).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let report = std::env::var_os("ARIL_FAULTS").map(|path| {
        let report = OpenOptions::new().append(true).create(true).open(path);
        Mutex::new(report.expect("it can be written"))
    });
    thread::scope(|scope| {
        for _ in 0..VMS {
            scope.spawn(|| {
                while let Some((call, errno)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (name, error) = (calls::name(*call), calls::error(*errno));
                    let ended = machine(&format!("{call}:{errno}"), is_in(WITH_PORT, &name)).run();
                    let verdict = judge(&ended, &name, error);
                    if let Some(report) = &report {
                        let mut report = report.lock().expect("nobody panics with it");
                        writeln!(report, "boot {name} {error}: {verdict:?}\n{ended}").expect("it can be written");
                    }
                    if let Err(why) = verdict {
                        wrong.lock().expect("nobody panics with it").push(format!("{name} {error}: {why}\n{ended}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panics with it");
    println!("boot: {} cases, {} passes", cases.len(), cases.len() - wrong.len());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// How a fault came out; else what is wrong.
fn judge(ended: &Ended, call: &str, error: &str) -> Result<&'static str, String> {
    if ended.killed {
        return Err("it does not go off".to_string());
    }
    if let Some((before, after)) = ended.console.split_once("Kernel panic") {
        let is_end = before.contains("it ran\n") && after.contains(&format!("exitcode=0x0000{RAN:02x}00"));
        return if is_end && is_in(PANICS, call) { Ok("panic") } else { Err("the kernel panicked".to_string()) };
    }
    let said: Vec<&str> = ended.console.lines().filter_map(|line| line.strip_prefix("aril: ")).collect();
    let told: Vec<u8> = said.iter().filter_map(|line| line.strip_prefix("exit status ")?.parse().ok()).collect();
    // At the port, or by power-off.
    let at_port = ended.status.code().unwrap_or(-1);
    let status = match told[..] {
        [status] if [(i32::from(status) * 2 + 1) & 0xff, 0].contains(&at_port) => status,
        [] if is_in(MUTE, call) => return Ok("mute"),
        [] if is_in(NO_MEMORY, call) && said[..] == ["reserve memory: Cannot allocate memory (ENOMEM)"] => {
            return Ok("told");
        }
        _ => return Err(format!("told {told:?}, and QEMU ended with {at_port}")),
    };
    let is_told = said.iter().any(|line| line.contains(": ") && line.ends_with(&format!("({error})")));
    let has_run = status == RAN && ended.console.contains("it ran\n");
    match status {
        RAN if has_run && is_told => Ok("warned"),
        RAN if has_run && is_in(SAME, call) => Ok("same"),
        125..=127 if is_told => Ok("told"),
        125..=127 if said.len() > 1 && is_in(OTHERWISE, call) => Ok("otherwise"),
        _ => Err(format!("the exit status is {status}, and the reason is not told")),
    }
}
