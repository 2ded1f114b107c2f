//! The console: the command's standard streams and its session's terminal, never the first process's; what is typed there;
//! and a console that nobody reads.

use super::vm::{Boot, Ended};
use std::sync::OnceLock;

super::tests! {
    the_commands_streams_are_the_console,
    the_command_leads_a_session_on_the_console,
    the_first_process_has_no_terminal,
    what_is_typed_reaches_the_command,
    an_interrupt_reaches_the_commands_group_alone,
    a_shell_has_job_control,
    a_console_that_nobody_reads_blocks_no_end,
}

fn ordinary() -> &'static Ended {
    static ENDED: OnceLock<Ended> = OnceLock::new();
    const SCRIPT: &str = "for fd in /proc/$$/fd/*; do echo fd ${fd##*/} is $(readlink $fd); done
stty -a
echo to the terminal >/dev/tty
set -- $(sed 's/.*) //' /proc/$$/stat); echo session $4 of $$, group $3, terminal $5, foreground $6
set -- $(sed 's/.*) //' /proc/1/stat); echo first: session $4, terminal $5
for fd in /proc/1/fd/*; do echo first: ${fd##*/} is $(readlink $fd); done";
    ENDED.get_or_init(|| Boot::script(SCRIPT).run())
}

fn the_commands_streams_are_the_console() {
    let ended = ordinary();
    ended.exited(0);
    for fd in 0..3 {
        ended.says_line(&format!("fd {fd} is /dev/console"));
    }
    // The shell itself has the script open, and the directory or a pipe of this very question.
    let more = |line: &&str| line.starts_with("fd ") && !line.contains("/dev/console") && !line.ends_with("/test");
    let more: Vec<&str> = ended.console.lines().filter(more).collect();
    assert!(more.iter().all(|line| line.starts_with("fd 3 is pipe:")), "{ended}");
    ended.says("speed 9600 baud").says("isig icanon iexten echo ").says(" onlcr ");
}

fn the_command_leads_a_session_on_the_console() {
    let ended = ordinary();
    ended.says_line("to the terminal");
    let words: Vec<&str> = ended.word("session ").split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let [session, "of", pid, "group", group, "terminal", terminal, "foreground", foreground] = words[..] else {
        ended.fail("half a line")
    };
    assert!([session, group, foreground].iter().all(|number| *number == pid) && pid != "1", "{words:?}");
    // /dev/ttyS0 is 4:64, and /dev/console stands for it.
    assert_eq!(terminal, (4 * 256 + 64).to_string());
}

fn the_first_process_has_no_terminal() {
    let ended = ordinary();
    assert!(ended.word("first: session ").ends_with(", terminal 0"), "{ended}");
}

fn what_is_typed_reaches_the_command() {
    let mut vm =
        Boot::script("echo ready; read line; echo it was \"$line\"; read line </dev/tty; echo then \"$line\"").start();
    vm.saw("ready").types(b"some words\r").saw("it was some words").types(b"more\r").saw("then more");
    vm.end().exited(0);
}

/// A shell and its pipeline are ended, another session is not, and the first process goes on.
fn an_interrupt_reaches_the_commands_group_alone() {
    const SCRIPT: &str = "setsid sh -c 'trap \"echo WRONG\" INT; sleep 1000' &
trap 'echo interrupted; kill -0 1 && exit 7' INT
echo ready; sleep 1000 & wait";
    let mut vm = Boot::script(SCRIPT).start();
    vm.saw("ready").types(b"\x03");
    vm.end().exited(7).says("interrupted").says_not("WRONG");

    // And one that has no plans with it dies of it.
    let mut vm = Boot::of("-- /bin/sh -c \"echo ready; cat\"").start();
    vm.saw("ready").types(b"\x03");
    vm.end().exited(128 + 2);
}

fn a_shell_has_job_control() {
    let mut vm = Boot::of("-- /bin/sh").start();
    vm.saw("# ").types(b"sleep 1000 & jobs; kill %1; echo $((40 + 2))\r").saw("\n42").types(b"exit 9\r");
    vm.end().exited(9).says("Running").says_not("job control turned off");
}

fn a_console_that_nobody_reads_blocks_no_end() {
    // The command itself may well wait for a console: this one says nothing.
    let ended = Boot::of("-- /bin/sh -c \"exit 3\"").unread().run();
    assert!(!ended.killed && ended.status.code() == Some(7), "{ended}");
    // A failure has much to say.
    let ended = Boot::of("aril.user=nobody-of-this-name aril.xyz -- /bin/true").unread().run();
    assert!(!ended.killed && ended.status.code() == Some(125 * 2 + 1), "{ended}");
    // Nor does what the command has left there.
    const SCRIPT: &str = "(while :; do echo 0123456789012345678901234567890123456789; done) & \
        until grep -q 'State:.S' /proc/$!/status; do :; done; exit 4";
    let ended = Boot::with_script("aril.stop_timeout=1s", SCRIPT).unread().run();
    assert!(!ended.killed && ended.status.code() == Some(9), "{ended}");
}
