//! How the machine ends: power-off, reboot, halt, panic, a shell; after the command, or as a signal to the first process or a
//! key asks for it. All of it without the exit port, at which QEMU would end before the kernel does.

use super::archive::Archive;
use super::vm::{Boot, Ended, Image, Running};
use std::time::Duration;

super::tests! {
    the_power_goes_off,
    it_reboots,
    it_halts,
    it_panics_if_that_is_asked_for,
    a_shell_comes_first,
    signals_to_the_first_process_are_requests,
    ctrl_alt_delete_stops_the_command_and_reboots,
    ctrl_alt_delete_reboots_who_waits_for_a_device,
    whoever_does_not_stop_is_killed,
    what_the_command_leaves_is_stopped_too,
    a_service_is_started_again,
    what_cannot_die_and_what_does_not_answer_are_left_behind,
}

/// What the kernel says last of all.
const OFF: &str = "reboot: Power down";
const AGAIN: &str = "reboot: Restarting system";
const HALTED: &str = "reboot: System halted";

/// How Linux reboots the small machine, which has not what it tries first.
const TRIPLE: &str = "reboot=t";

#[track_caller]
fn went(ended: &Ended, status: u8, last: &str) {
    ended.went_off().told(status).says(last);
}

/// A machine that is halted runs on.
#[track_caller]
fn halted(mut vm: Running, status: u8) {
    vm.saw(&format!("aril: exit status {status}\n")).saw(HALTED);
}

fn the_power_goes_off() {
    went(&Boot::bare("-- /bin/sh -c \"exit 5\"").run(), 5, OFF);
}

fn it_reboots() {
    went(&Boot::bare(&format!("{TRIPLE} aril.exit=reboot -- /bin/sh -c \"exit 5\"")).run(), 5, AGAIN);
}

fn it_halts() {
    halted(Boot::bare("aril.exit=halt -- /bin/sh -c \"exit 5\"").start(), 5);
}

fn it_panics_if_that_is_asked_for() {
    let ended = Boot::bare("aril.exit=panic -- /bin/sh -c \"exit 5\"").run();
    ended.says_line("aril: exit status 5").says("Kernel panic");
    assert!(!ended.killed && ended.status.success(), "{ended}");
}

fn a_shell_comes_first() {
    for (keys, last) in [("exit 9\r", OFF), ("kill -INT 1; exit 9\r", AGAIN)] {
        let mut vm = Boot::bare(&format!("{TRIPLE} aril.exit=shell -- /bin/sh -c \"exit 5\"")).start();
        vm.saw("# ").types(b"echo $((40 + 2))\r").saw("\n42").types(keys.as_bytes());
        went(&vm.end(), 5, last);
    }
}

/// A request, and when it has arrived, another.
const TWICE: &str = "trap 'asked=x$asked' TERM; kill -PWR 1; until [ $asked ]; do sleep 0.1; done
kill -PWR 1; sleep 0.3; [ $asked = x ] || exit 6; echo stopped; exit 5";

/// They are a real init's: the command is asked to stop, and what it exits with is the status.
fn signals_to_the_first_process_are_requests() {
    let boot = |signals: &str| {
        let script = format!("trap 'echo stopped; exit 5' TERM; {signals}; sleep 1000 & wait");
        Boot::bare(&format!("{TRIPLE} -- /test")).with(|archive| archive.script("/test", &script))
    };
    for (signals, last) in [
        // The terminal of nobody has gone away, and that is no reason to end.
        ("kill -HUP 1; kill -TERM 1", OFF),
        ("kill -USR2 1", OFF),
        // Who is on his way already is not asked again.
        (TWICE, OFF),
        ("kill -INT 1", AGAIN),
    ] {
        let ended = boot(signals).run();
        went(&ended, 5, last);
        ended.says_line("stopped");
    }
    halted(boot("kill -USR1 1").start(), 5);
}

fn ctrl_alt_delete_stops_the_command_and_reboots() {
    let boot = Boot::bare("-- /test").q35().monitor();
    let script = "trap 'echo stopped; exit 5' TERM; echo ready; sleep 1000 & wait";
    let mut vm = boot.with(|archive| archive.script("/test", script)).start();
    vm.saw("ready").monitor("sendkey ctrl-alt-delete");
    let ended = vm.end();
    went(&ended, 5, AGAIN);
    ended.says_line("stopped");
}

/// At once, by the kernel: there is nothing to stop yet.
fn ctrl_alt_delete_reboots_who_waits_for_a_device() {
    for (words, waits) in [("root=/dev/nowhere", "/dev/nowhere"), ("ip=10.0.0.2", "a network device")] {
        let mut vm = Boot::bare(&format!("{words} rootwait=100 -- /test")).q35().monitor().start();
        vm.saw(&format!("aril: waiting for {waits}")).monitor("sendkey ctrl-alt-delete");
        vm.end().went_off().says(AGAIN).says_not("aril: exit status");
    }
}

fn whoever_does_not_stop_is_killed() {
    let script = "trap 'echo not me' TERM; kill -TERM 1; while :; do sleep 1; done";
    let ended = Boot::bare("aril.stop_timeout=1s -- /test").with(|archive| archive.script("/test", script)).run();
    went(&ended, 128 + 9, OFF);
    ended.says_line("not me");
}

fn what_the_command_leaves_is_stopped_too() {
    // Each is told first that there is no terminal any more, as at every end of a session.
    const SCRIPT: &str = "for name in first second; do
    setsid sh -c \"trap '' HUP; trap 'echo $name is asked; exit' TERM; : >/run/$name; sleep 1000 & wait\" &
done
setsid sh -c \"trap '' HUP TERM; : >/run/third; while :; do sleep 1; done\" &
until [ -e /run/first ] && [ -e /run/second ] && [ -e /run/third ]; do :; done
exit 5";
    let ended = Boot::bare("aril.stop_timeout=1s -- /test").with(|archive| archive.script("/test", SCRIPT)).run();
    went(&ended, 5, OFF);
    ended.says_line("first is asked").says_line("second is asked");
}

fn a_service_is_started_again() {
    let script = "echo x >>/run/count; n=$(wc -l </run/count); echo run $n; [ $n = 3 ] && exit 0; exit 5";
    let boot = Boot::bare("aril.restart=on-failure -- /test").with(|archive| archive.script("/test", script));
    let ended = boot.run();
    went(&ended, 0, OFF);
    ended.says_line("run 1").says_line("run 3").says_not("run 4");
}

/// Who writes to a frozen file system waits for it, SIGKILL or not; so would aril.
fn what_cannot_die_and_what_does_not_answer_are_left_behind() {
    if std::env::var_os("ARIL_LONG").is_none() {
        super::skip("waits for ten seconds: ARIL_LONG is not set");
    }
    const SCRIPT: &str = "mkdir /m; mount -t ext4 /dev/nvme0n1 /m && fsfreeze --freeze /m
echo never >/m/file &
until grep -q 'State:.D' /proc/$!/status; do :; done
exit 5";
    let words = "aril.stop_timeout=1s aril.exitfile=/m/status -- /test";
    let boot = Boot::bare(words).with(|archive| archive.script("/test", SCRIPT));
    let disk = boot.image("disk", Image::Ext4("8M"), &Archive::new());
    let ended = boot.nvme(&disk).patience(Duration::from_secs(180)).run();
    went(&ended, 5, OFF);
    let at = |text: &str| ended.console.find(text).unwrap_or_else(|| ended.fail(&format!("no {text:?}")));
    ended.says("aril: note: what was killed does not end");
    assert!(at("aril: exit status 5") < at("aril: note: write the exit status to /m/status"), "{ended}");
}
