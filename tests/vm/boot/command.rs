//! What is run, and as what: the words after `--`, `aril.cmd=`, `/etc/aril/cmd`; and the parameters that shape it, from the
//! kernel's command line and from `/etc/aril/boot`.

use super::archive::Archive;
use super::vm::{Boot, EXIT_PORT, Ended};

super::tests! {
    words_are_split_as_the_kernel_splits_them,
    a_line_of_2000_characters,
    a_command_of_many_words,
    what_is_nearer_counts_more,
    a_file_has_the_command_and_the_parameters,
    parameters_shape_the_command,
    what_is_not_asked_for_is_as_usual,
    a_parameter_with_a_wrong_value_is_an_error,
    no_command_at_all_is_an_error,
}

/// `/args` says what its words are.
fn args(archive: Archive) -> Archive {
    archive.script("/args", "for word; do echo \"[$word]\"; done; echo \"$# words\"")
}

#[track_caller]
fn assert_words(ended: &Ended, words: &[&str]) {
    ended.exited(0);
    let said: Vec<&str> = ended.console.lines().filter(|line| line.starts_with('[') && line.ends_with(']')).collect();
    let expected: Vec<String> = words.iter().map(|word| format!("[{word}]")).collect();
    assert_eq!(said, expected, "{ended}");
    ended.says_line(&format!("{} words", words.len()));
}

fn words_are_split_as_the_kernel_splits_them() {
    // The bare word would be the first of the init's arguments, and the rest of them would follow it.
    let line = r#"nokaslr bare "two words" unknown=1 aril.xyz=1 aril.a-name-too-long-to-be-one spaced="a  b" -- /args "c  d" "" -- e=f "g=h i" j="k l" m"n o"p 'q r' \s --"#;
    let ended = Boot::of(line).with(args).run();
    assert_words(&ended, &["c  d", "", "--", "e=f", "g=h i", "j=k l", "m\"n o\"p", "'q", "r'", "\\s", "--"]);
    ended.says_not("bare");
    // What is meant for us and not known is a slip that is told, and no reason not to start.
    ended.says("aril.xyz").says("aril.a-name-too-long-to-be-one");
}

fn a_line_of_2000_characters() {
    let long = "x".repeat(1850);
    let boot = Boot::of(&format!("-- /args {long} end")).with(args);
    assert_words(&boot.run(), &[&long, "end"]);
}

/// The kernel itself panics at more than 32 words, but not at one parameter.
fn a_command_of_many_words() {
    let words: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let ended = Boot::of(&format!("aril.cmd=\"/args {}\"", words.join(" "))).with(args).run();
    assert_words(&ended, &words.iter().map(String::as_str).collect::<Vec<_>>());
}

fn what_is_nearer_counts_more() {
    let boot = |line: &str| Boot::of(line).with(|archive| args(archive).file("/etc/aril/cmd", 0o644, "/args file\n"));
    assert_words(&boot("aril.cmd=\"/args parameter\" -- /args line").run(), &["line"]);
    // A `--` with nothing behind it is no command.
    assert_words(&boot("aril.cmd=\"/args 'a parameter' ''\" --").run(), &["a parameter", ""]);
    assert_words(&boot("bare --").run(), &["file"]);
}

fn a_file_has_the_command_and_the_parameters() {
    const COMMAND: &str = "# what this image is for\n/bin/sh -c 'echo \"$A $B\" at $(pwd); echo \"$0\" \"$1\"' # the shell\n\
        'it\"s' \"it's\"\n";
    const PARAMETERS: &str = "aril.env=A=file \"aril.env=B=of two\"\naril.workdir=/usr aril.hostname=file\n";
    let ended = Boot::of("aril.env=A=line")
        .with(|archive| archive.folder("/usr", 0o755))
        .with(|archive| archive.file("/etc/aril/cmd", 0o644, COMMAND).file("/etc/aril/boot", 0o644, PARAMETERS))
        .run();
    ended.exited(0).says_line("line of two at /usr").says_line("it\"s it's");
}

fn parameters_shape_the_command() {
    let line = "aril.env=A=1 aril.env=\"B=2 3\" aril.env=HOME=/else aril.user=guest aril.workdir=/home/guest \
        aril.hostname=some.host aril.ulimit=nofile=100:200 aril.ulimit=core=0";
    const SCRIPT: &str = "echo A is \"$A\", B is \"$B\", HOME is $HOME
echo in $(pwd) on $(hostname) as $(id)
echo nofile is $(ulimit -Sn) of $(ulimit -Hn), core is $(ulimit -c)
touch mine && stat -c 'mine is of %u:%g' mine
touch /root/mine 2>/dev/null || echo /root is closed
echo to the terminal >/dev/tty && echo to a stream >/dev/stdout
kill -TERM 1 2>/dev/null || echo the first process is out of reach";
    let ended = Boot::with_script(line, SCRIPT).run();
    ended.exited(0).says_line("A is 1, B is 2 3, HOME is /else");
    ended.says_line("in /home/guest on some.host as uid=405(guest) gid=100(users) groups=10(wheel)");
    ended.says_line("nofile is 100 of 200, core is 0").says_line("mine is of 405:100").says_line("/root is closed");
    ended.says_line("to the terminal").says_line("to a stream").says_line("the first process is out of reach");
}

fn what_is_not_asked_for_is_as_usual() {
    const SCRIPT: &str = "env | sed 's/^/env: /'; echo as $(id -u):$(id -g) in $(pwd)
for set in SigBlk SigIgn SigCgt; do echo $set $(sed -n \"s/$set:.//p\" /proc/self/status); done
echo first: $(cat /proc/1/oom_score_adj), own: $(cat /proc/self/oom_score_adj)
echo capabilities: $(sed -n 's/CapEff:.//p' /proc/self/status)";
    // Linux gives its first process what it does not know itself.
    let ended =
        Boot::of("FROM=kernel -- /bin/busybox sh /test").with(|archive| archive.file("/test", 0o644, SCRIPT)).run();
    ended.exited(0).says_line("as 0:0 in /");
    ended.says_line("env: PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    ended.says_line("env: HOME=/root").says_line("env: FROM=kernel");
    // A serial line shows no colours.
    ended.says_line("env: TERM=vt220");
    ended.says_line("SigBlk 0000000000000000").says_line("SigIgn 0000000000000000");
    // The kernel's OOM killer takes the command, not the init; and nothing is taken away from it.
    ended.says_line("first: 0, own: 0");
    assert!(ended.word("capabilities: ").ends_with("ffffffff"), "{ended}");
}

fn a_parameter_with_a_wrong_value_is_an_error() {
    Boot::of("aril.exit=never -- /bin/true").run().exited(125).says("aril.exit=never");
    // It does not hide what comes after it.
    let line = format!("aril.ulimit=bad aril.exitport={EXIT_PORT} -- /bin/true");
    Boot::bare(&line).run().exited(125).says("aril.ulimit=bad");
}

fn no_command_at_all_is_an_error() {
    Boot::of("bare").run().exited(125).says("/etc/aril/cmd");
}
