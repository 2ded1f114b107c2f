//! `aril-init` under the names of tini, dumb-init and catatonit, side by side with Debian's own: the same scenario on
//! both, and no difference but those in `DIFFERENCES`. What they get wrong is in `OURS`, with what aril does.
//!
//! The scenarios are scripts, in the words of `init_personas.sh`. As they signal, each has a pid namespace of its own.

use crate::support::{Folder, Outcome, Terminal, Who, process, tool};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

crate::tests! {
    once: every_name_by_every_kind_of_link, every_difference_is_of_a_scenario,
        statuses_are_theirs,
        texts_are_theirs, options_are_theirs, signals_are_theirs, inheritance_is_theirs, families_are_theirs,
        the_terminal_is_handed_over_as_theirs, ctrl_c_does_what_it_does_with_theirs,
        ctrl_z_does_what_it_does_with_theirs, signals_of_a_lost_terminal_are_swallowed_as_theirs,
        what_they_get_wrong_is_right;
}

const WORDS: &str = include_str!("init_personas.sh");
const TINI: &[&str] = &["tini"];
const DUMB_INIT: &[&str] = &["dumb-init"];
const CATATONIT: &[&str] = &["catatonit"];
const ALL: &[&str] = &["tini", "dumb-init", "catatonit"];

/// Where the init runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Pid1,
    /// The child of a PID 1 that is a shell.
    Other,
}

struct Scenario {
    names: &'static [&'static str],
    places: &'static [Place],
    label: &'static str,
    script: &'static str,
}

const fn of(names: &'static [&'static str], label: &'static str, script: &'static str) -> Scenario {
    Scenario { names, places: &[Place::Pid1, Place::Other], label, script }
}

impl Scenario {
    const fn pid_1_only(self) -> Self {
        Self { places: &[Place::Pid1], ..self }
    }

    const fn not_pid_1(self) -> Self {
        Self { places: &[Place::Other], ..self }
    }
}

const STATUSES: &[Scenario] = &[
    of(ALL, "the command's status", r#"for n in 0 1 2 42 126 127 255; do run -- sh -c "exit $n"; done"#),
    of(
        ALL,
        "a signal's status",
        r#"for n in 1 2 3 6 9 11 13 15 34 64; do run -- sh -c "kill -$n \$\$; sleep 1000"; done"#,
    ),
    of(
        ALL,
        "what cannot be run",
        r#"ln -s loop loop; : >plain; mkdir dir
        for command in /no/such no-such /etc /etc/passwd ./plain ./plain/x ./loop ./dir; do told -- $command; done"#,
    ),
    of(ALL, "a script without its first line", r#"echo "exit 5" >script; chmod +x script; told -- ./script"#)
        .pid_1_only(),
    of(
        ALL,
        "the search path",
        r#"mkdir bin; : >bin/true; with="env PATH=/no:bin:/bin"; told -- true
        with="env PATH=/no"; told -- true; with="env PATH="; told -- true; with="env -u PATH"; told -- true"#,
    ),
    of(ALL, "no command", "told; told --"),
    of(ALL, "an empty command", r#"told ""; told -- "" "#),
];

const TEXTS: &[Scenario] = &[
    of(ALL, "help", "told -h; told -h true"),
    of(ALL, "long help", "told --help"),
    of(ALL, "version", "told --version"),
    of(ALL, "version by a letter", "told -V"),
    of(ALL, "license by a small letter", "told -l"),
    of(ALL, "license by a capital letter", "told -L"),
    // What docker looks for is the word and the number.
    of(TINI, "version for docker", r#"run --version >out; cut -d" " -f1-3 out | grep -o ".*0""#),
    of(DUMB_INIT, "version", r#""$init" -V 2>&1 | cut -d" " -f1-2"#),
    of(CATATONIT, "version for docker", r#"run -V >out; cut -d" " -f1,2 out; grep -o "_catatonit" out"#),
    of(TINI, "version and more", "told --version true").pid_1_only(),
    of(ALL, "unknown options", "told -x; told -x true; told --no-such; told --no-such true; told -"),
    of(TINI, "verbosity", "for v in v vv vvv vvvv; do told -$v -- true; done; told -v -v -v true"),
    of(
        TINI,
        "verbosity of the environment",
        r#"for n in 0 1 2 3 "" x; do with="env TINI_VERBOSITY=$n"; told -- true; told -vvv -- true
        told /no/such; done"#,
    ),
    of(DUMB_INIT, "verbosity", "told -v true; told --verbose true; told -vc true"),
    of(
        DUMB_INIT,
        "verbosity of the environment",
        r#"for n in 0 1 2 ""; do with="env DUMB_INIT_DEBUG=$n"; told -- true; told -v true; done"#,
    ),
    of(
        CATATONIT,
        "verbosity of the environment",
        r#"for n in 0 1 ""; do with="env CATATONIT_DEBUG=$n"; told -- true; done"#,
    ),
    // Each orphan in a line, and nothing about the command.
    of(TINI, "orphans are told of", r#"told -s -- sh -c "$orphan"; told -sw -- sh -c "$orphan"; grep -c . err"#),
];

const OPTIONS: &[Scenario] = &[
    of(ALL, "options end at --", r#"run -- echo -g; run -- echo -- -h; told -- -- true; told -- -h"#),
    of(DUMB_INIT, "options end at the command", "run echo -g; run echo -- x; run echo -h; run echo --version"),
    of(&["tini", "catatonit"], "options after the command", "run echo -g; run echo -- x"),
    of(TINI, "options with POSIXLY_CORRECT", r#"with="env POSIXLY_CORRECT=1"; run echo -g; run -g echo -g"#),
    of(ALL, "a command without --", "echo text >file; run cat file"),
    of(TINI, "letters together", "told -gvv true; told -sgw true; told -e3 true; told -ge 3 true; told -pSIGUSR1 true"),
    of(DUMB_INIT, "letters together", "told -cv true; told -cr15:2 true; told -r15:2 true"),
    of(DUMB_INIT, "shortened names", "told --verb true; told --rew 15:2 true"),
    of(
        TINI,
        "expected statuses",
        r#"for n in 0 3 255; do run -e $n -- sh -c "exit $n"; done; run -e 3 -- sh -c "exit 4"
        run -e 3 -e 143 -- sh -c "exit 3"; run -e 3 -e 143 -- sh -c "kill \$\$"
        for n in 256 x -1 3x; do told -e "$n" -- true; done; told -e"#,
    ),
    of(TINI, "an empty status", r#"told -e "" -- true"#).pid_1_only(),
    of(TINI, "signals for -p by full name", "for s in SIGHUP SIGUSR1 SIGTERM SIGKILL; do told -p $s -- true; done"),
    of(TINI, "no signals for -p", "for s in SIGFOO FOO 0 65 x; do told -p $s -- true; done; told -p"),
    of(TINI, "signals for -p otherwise", "for s in TERM 15; do told -p $s -- true; done").pid_1_only(),
    of(
        DUMB_INIT,
        "rewrites that are none",
        r#"for r in "" 15 15: :15 15::12 1:32 32:1 x:1 1:x -1:2 0:1 15:-1; do
            told -r "$r" true; told "--rewrite=$r" true
        done
        told -r; told --rewrite"#,
    ),
    of(DUMB_INIT, "rewrites with more behind", "told -r 15:2x true; told -r 15:12:3 true"),
    of(TINI, "options of others", "for o in -c '-r 15:2'; do told $o true; done").pid_1_only(),
    of(CATATONIT, "options of others", "for o in -c -s -v -w '-r 15:2' '-e 3' '-p SIGHUP'; do told $o true; done"),
    of(DUMB_INIT, "options of others", "for o in -g -s -w '-e 3' '-p SIGHUP'; do told $o true; done"),
];

const SIGNALS: &[Scenario] = &[
    of(TINI, "each signal as PID 1", r#"all="$(seq 1 63 | grep -vxE "9|19")"; signals "$all"; signals "$all" -g"#)
        .pid_1_only(),
    of(DUMB_INIT, "each signal as PID 1", r#"signals "$(seq 1 63 | grep -vxE "9|19|20|21|22")""#).pid_1_only(),
    of(DUMB_INIT, "each signal as PID 1 to the command alone", r#"signals "$(seq 1 63 | grep -vxE "9|19")" -c"#)
        .pid_1_only(),
    of(CATATONIT, "each signal as PID 1", r#"signals "$(seq 1 63 | grep -vxE "9|19")""#).pid_1_only(),
    of(CATATONIT, "each signal as PID 1 to the group", r#"signals "$(seq 1 63 | grep -vxE "9|19")" -g"#).pid_1_only(),
    of(
        &["tini", "catatonit"],
        "each signal that does not end it",
        r#"signals "$(seq 1 63 | grep -vxE "[45678]|9|11|19|31|32|33")""#,
    )
    .not_pid_1(),
    of(
        DUMB_INIT,
        "each signal but the stop signals",
        r#"others="$(seq 1 63 | grep -vxE "9|19|20|21|22|32|33")"; signals "$others"; signals "$others" -c"#,
    )
    .not_pid_1(),
    of(
        &["tini", "catatonit"],
        "a signal of a fault ends it",
        r#"for n in 4 5 6 7 8 11 31; do
            start -- ./probe signals; kill -$n $pid; ended; kill -KILL $command
        done 2>err"#,
    )
    .not_pid_1(),
    of(
        DUMB_INIT,
        "stop signals stop the group and itself",
        r#"start -- ./probe signals
        for n in 20 21 22; do
            kill -$n $pid; await "is_stopped $pid"; await "is_stopped $command"
            kill -CONT $pid; await "! is_stopped $pid"; await "! is_stopped $command"; arrived $n
        done; finish"#,
    )
    .not_pid_1(),
    of(
        DUMB_INIT,
        "stop signals to the command alone stop itself",
        r#"start -c -- ./probe signals
        for n in 20 21 22; do
            kill -$n $pid; await "is_stopped $pid"; read -r line <&3; echo "$n: $line"
            kill -CONT $pid; await "! is_stopped $pid"; arrived $n
        done; finish"#,
    )
    .not_pid_1(),
    of(
        DUMB_INIT,
        "rewrites",
        r#"signals "1 2 10 12 15" -r 15:2 -r 10:0 --rewrite 1:12; signals "15 2" -c --rewrite=15:10
        signals "15" -r 15:2 -r 15:3; signals "18 31" -r 18:0 -r 31:1"#,
    ),
    of(DUMB_INIT, "rewrites of stop signals", r#"signals "20 21 22" -r 20:0 -r 21:1 -r 22:15"#).pid_1_only(),
];

const INHERITANCE: &[Scenario] = &[
    of(
        ALL,
        "mask and dispositions",
        r#"with="env --ignore-signal=HUP,INT,USR1,SEGV,TTOU --block-signal=USR2,TTIN,ILL,TERM"
        run -- grep -E "^Sig(Blk|Ign)" /proc/self/status"#,
    ),
    of(ALL, "the usual mask", r#"run -- grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status"#),
    of(
        ALL,
        "the environment",
        r#"with="env -u init NOTIFY_SOCKET=/run/notify LISTEN_FDS=1 LISTEN_PID=31536"; run -- env | grep -v ^PWD="#,
    ),
    of(
        ALL,
        "the pid for sockets",
        r#"$under sh -c 'LISTEN_PID=$$ exec "$init" -- sh -c "$1"' sh '
            [ $LISTEN_PID = $$ ] && echo "the command"; [ $LISTEN_PID = $PPID ] && echo "the init"'"#,
    ),
    of(
        ALL,
        "working directory and descriptors",
        r#"start -- ./probe signals 9<.
        arrived nothing
        [ "$(readlink /proc/$pid/cwd)" = / ] && echo "the init is at the root"
        [ -e /proc/$pid/fd/9 ] && echo "the init holds a descriptor"
        [ "$(readlink /proc/$command/cwd)" = "$(pwd -P)" ] && echo "the command is where it was"
        [ -e /proc/$command/fd/9 ] && echo "the command has its descriptor"
        finish"#,
    ),
    of(
        TINI,
        "the parent's death",
        r#"mkfifo lines hold
        sh -c '"$init" -p SIGUSR1 -- ./probe signals >lines & read -r line <hold' &
        exec 3<lines; read -r line <&3
        kill -KILL $!; read -r line <&3; echo "got $line""#,
    )
    .not_pid_1(),
];

const FAMILIES: &[Scenario] = &[
    of(TINI, "group and session", r#"run -- sh -c "$place"; run -g -- sh -c "$place""#),
    of(CATATONIT, "group and session", r#"run -- sh -c "$place"; run -g -- sh -c "$place""#),
    of(
        DUMB_INIT,
        "group and session",
        r#"run -- sh -c "$place"; run -c -- sh -c "$place"; run --single-child -- sh -c "$place"
        with="env DUMB_INIT_SETSID=0"; run -- sh -c "$place"
        with="env DUMB_INIT_SETSID=1"; run -- sh -c "$place"; run -c -- sh -c "$place""#,
    ),
    of(
        TINI,
        "who gets a signal",
        r#"members; members -g
        for value in 1 0 ""; do with="env TINI_KILL_PROCESS_GROUP=$value"; members; done"#,
    ),
    of(CATATONIT, "who gets a signal", "members; members -g"),
    of(
        DUMB_INIT,
        "who gets a signal",
        r#"members; members -c; with="env DUMB_INIT_SETSID=0"; members; with="env DUMB_INIT_SETSID=1"; members"#,
    ),
    of(&["tini", "catatonit"], "what is left behind", "leftover; leftover -g; behind=setsid; leftover; leftover -g"),
    of(
        DUMB_INIT,
        "what is left behind",
        "leftover; leftover -c; leftover -r 15:0; leftover -r 15:10; behind=setsid; leftover; leftover -c",
    )
    .not_pid_1(),
    of(
        TINI,
        "who adopts orphans",
        r#"run -- sh -c "$adopter"; run -s -- sh -c "$adopter"
        for value in "" 0 1; do with="env TINI_SUBREAPER=$value"; run -- sh -c "$adopter"; done
        with="./probe subreaper"; run -- sh -c "$adopter""#,
    ),
    of(
        TINI,
        "who warns that it adopts none",
        r#"told -- true; told -s -- true
        with="env TINI_SUBREAPER="; told -- true; with="./probe subreaper"; told -- true"#,
    ),
    of(&["dumb-init", "catatonit"], "who adopts orphans", r#"run -- sh -c "$adopter""#),
    of(&["catatonit"], "orphans are reaped", r#"run -- sh -c "$orphans""#),
    of(TINI, "orphans are reaped", r#"run -s -- sh -c "$orphans""#),
    of(DUMB_INIT, "orphans are reaped", r#"run -- sh -c "$orphans""#).pid_1_only(),
    of(
        CATATONIT,
        "pause",
        r#"for signal in TERM INT; do
            pause; for n in HUP USR1 WINCH CONT; do kill -$n $pid; done; kill -$signal $pid; ended
        done"#,
    ),
];

/// The init is the child of the session's leader, and then the leader itself.
const TERMINAL: &[Scenario] = &[
    of(ALL, "the terminal of a child", r#"run -- sh -c "$place" 2>err"#).not_pid_1(),
    of(ALL, "the terminal of a leader", r#"exec "$init" -- sh -c "$place" 2>err"#).not_pid_1(),
    of(DUMB_INIT, "the terminal of the command alone", r#"exec "$init" -c -- sh -c "$place" 2>err"#).not_pid_1(),
    of(ALL, "job control of a shell", r#"exec "$init" -- bash --norc -ic 'echo $-' 2>err"#).not_pid_1(),
    of(ALL, "the terminal of a group", r#"[ "${init##*/}" = dumb-init ] || exec "$init" -g -- sh -c "$place" 2>err"#)
        .not_pid_1(),
];

const CTRL_C: &str = "Ctrl-C";
const CTRL_Z: &str = "Ctrl-Z";
const LOST: &str = "the signals of a lost terminal";
/// What needs a keyboard, or someone outside.
const KEYS: &[&str] = &[CTRL_C, CTRL_Z, LOST];

/// What an init of ours shows, and why that is not what the model does.
#[derive(Debug)]
struct Difference {
    names: &'static [&'static str],
    label: &'static str,
    theirs: &'static [&'static str],
    ours: &'static [&'static str],
    why: &'static str,
}

const EVERY_OPTION: &str = "Options and values are the same under every name: theirs, and more.";
const MUSL: &str = "A C library's execvp(3) tries the shell; a kernel, and their builds with musl, do not.";
const C_LIBRARY: &str = "Their C library keeps these two to itself; nothing here does.";
const STOPS: &str = "catatonit leaves its own mask to the command, which then cannot be stopped.";
const BEHIND: &str = "A word behind the command is the command's, which only some C libraries' getopt(3) sees.";
const PINS: &str = "What the init holds keeps file systems from being unmounted and pipes from ending.";

const DIFFERENCES: &[Difference] = &[
    Difference {
        names: &["tini", "catatonit"],
        label: "a script without its first line",
        theirs: &[" -- ./script: status 5"],
        ours: &[" -- ./script: status 1, stderr"],
        why: MUSL,
    },
    Difference {
        names: DUMB_INIT,
        label: "a script without its first line",
        theirs: &[" -- ./script: status 5"],
        ours: &[" -- ./script: status 2, stderr"],
        why: MUSL,
    },
    Difference {
        names: TINI,
        label: "long help",
        theirs: &[" --help: status 1, stderr"],
        ours: &[" --help: status 0, stdout"],
        why: EVERY_OPTION,
    },
    Difference {
        names: CATATONIT,
        label: "long help",
        theirs: &[" --help: status 1, stderr"],
        ours: &[" --help: status 0, stderr"],
        why: EVERY_OPTION,
    },
    Difference {
        names: TINI,
        label: "version by a letter",
        theirs: &[" -V: status 1, stderr"],
        ours: &[" -V: status 0, stdout"],
        why: EVERY_OPTION,
    },
    Difference {
        names: &["dumb-init", "catatonit"],
        label: "license by a small letter",
        theirs: &[" -l: status 1, stderr"],
        ours: &[" -l: status 0, stdout"],
        why: EVERY_OPTION,
    },
    Difference {
        names: &["tini", "dumb-init"],
        label: "license by a capital letter",
        theirs: &[" -L: status 1, stderr"],
        ours: &[" -L: status 0, stdout"],
        why: EVERY_OPTION,
    },
    Difference {
        names: TINI,
        label: "version and more",
        theirs: &[" --version true: status 1, stderr"],
        ours: &[" --version true: status 0, stdout"],
        why: EVERY_OPTION,
    },
    Difference {
        names: TINI,
        label: "verbosity of the environment",
        theirs: &[
            "env TINI_VERBOSITY=2 /no/such: status 127, stdout, stderr",
            "env TINI_VERBOSITY=3 /no/such: status 127, stdout, stderr",
        ],
        ours: &[
            "env TINI_VERBOSITY=2 /no/such: status 127, stderr",
            "env TINI_VERBOSITY=3 /no/such: status 127, stderr",
        ],
        why: "It says that a command has been started once it has been; tini speaks of the fork.",
    },
    Difference {
        names: &["tini", "catatonit"],
        label: "options after the command",
        theirs: &["", "x"],
        ours: &["-g", "-- x"],
        why: BEHIND,
    },
    Difference {
        names: DUMB_INIT,
        label: "shortened names",
        theirs: &[" --verb true: status 0, stderr", " --rew 15:2 true: status 0"],
        ours: &[" --verb true: status 1, stderr", " --rew 15:2 true: status 1, stderr"],
        why: "No documentation of theirs has them.",
    },
    Difference {
        names: TINI,
        label: "an empty status",
        theirs: &[" -e  -- true: status 0"],
        ours: &[" -e  -- true: status 1, stderr"],
        why: "It is no number.",
    },
    Difference {
        names: TINI,
        label: "signals for -p otherwise",
        theirs: &[" -p TERM -- true: status 1, stderr", " -p 15 -- true: status 1, stderr"],
        ours: &[" -p TERM -- true: status 0", " -p 15 -- true: status 0"],
        why: EVERY_OPTION,
    },
    Difference {
        names: DUMB_INIT,
        label: "rewrites with more behind",
        theirs: &[" -r 15:2x true: status 0", " -r 15:12:3 true: status 0"],
        ours: &[" -r 15:2x true: status 1, stderr", " -r 15:12:3 true: status 1, stderr"],
        why: "It is no number: sscanf(3) stops reading there.",
    },
    Difference {
        names: TINI,
        label: "options of others",
        theirs: &[" -c true: status 1, stderr", " -r 15:2 true: status 1, stderr"],
        ours: &[" -c true: status 0", " -r 15:2 true: status 0"],
        why: EVERY_OPTION,
    },
    Difference {
        names: CATATONIT,
        label: "options of others",
        theirs: &[
            " -c true: status 1, stderr",
            " -s true: status 1, stderr",
            " -v true: status 1, stderr",
            " -w true: status 1, stderr",
            " -r 15:2 true: status 1, stderr",
            " -e 3 true: status 1, stderr",
            " -p SIGHUP true: status 1, stderr",
        ],
        ours: &[
            " -c true: status 0",
            " -s true: status 0",
            " -v true: status 0, stderr",
            " -w true: status 0",
            " -r 15:2 true: status 0",
            " -e 3 true: status 0",
            " -p SIGHUP true: status 0",
        ],
        why: EVERY_OPTION,
    },
    Difference {
        names: DUMB_INIT,
        label: "options of others",
        theirs: &[
            " -g true: status 1, stderr",
            " -s true: status 1, stderr",
            " -w true: status 1, stderr",
            " -e 3 true: status 1, stderr",
            " -p SIGHUP true: status 1, stderr",
        ],
        ours: &[
            " -g true: status 0",
            " -s true: status 0",
            " -w true: status 0",
            " -e 3 true: status 0",
            " -p SIGHUP true: status 0",
        ],
        why: EVERY_OPTION,
    },
    Difference {
        names: ALL,
        label: "each signal as PID 1",
        theirs: &["32:", "33:"],
        ours: &["32: 32", "33: 33"],
        why: C_LIBRARY,
    },
    Difference {
        names: DUMB_INIT,
        label: "each signal as PID 1 to the command alone",
        theirs: &["32:", "33:"],
        ours: &["32: 32", "33: 33"],
        why: C_LIBRARY,
    },
    Difference {
        names: CATATONIT,
        label: "each signal as PID 1 to the group",
        theirs: &["32:", "33:"],
        ours: &["32: 32", "33: 33"],
        why: C_LIBRARY,
    },
    Difference {
        names: CATATONIT,
        label: "mask and dispositions",
        theirs: &["SigBlk:\t0000000000384808"],
        ours: &["SigBlk:\t0000000000104808"],
        why: STOPS,
    },
    Difference {
        names: CATATONIT,
        label: "the usual mask",
        theirs: &["SigBlk:\t0000000000380000"],
        ours: &["SigBlk:\t0000000000000000"],
        why: STOPS,
    },
    Difference { names: CATATONIT, label: CTRL_Z, theirs: &["it goes on"], ours: &["it stops"], why: STOPS },
    Difference {
        names: TINI,
        label: "working directory and descriptors",
        theirs: &["the init holds a descriptor"],
        ours: &["the init is at the root"],
        why: PINS,
    },
    Difference {
        names: DUMB_INIT,
        label: "working directory and descriptors",
        theirs: &["the init holds a descriptor"],
        ours: &[],
        why: PINS,
    },
    Difference {
        names: CATATONIT,
        label: "working directory and descriptors",
        theirs: &[],
        ours: &["the init is at the root"],
        why: PINS,
    },
];

/// What the models get wrong, most of which they would not survive.
struct Ours {
    scenario: Scenario,
    shows: &'static [&'static str],
}

const fn ours(scenario: Scenario, shows: &'static [&'static str]) -> Ours {
    Ours { scenario, shows }
}

const OURS: &[Ours] = &[
    ours(
        of(
            &["tini", "catatonit"],
            "a signal from before its start is passed on",
            r#"with="./probe pending"; start -- ./probe signals; read -r line <&3; echo "got $line"; finish"#,
        ),
        &["got 15", "status 137"],
    ),
    ours(
        of(
            &["tini", "catatonit"],
            "a signal from before its start reaches the group",
            r#"with="./probe pending"; start -g -- ./probe signals; read -r line <&3; echo "got $line"; finish"#,
        ),
        &["got 15", "status 137"],
    ),
    ours(
        of(
            DUMB_INIT,
            "a signal from before its start is passed on",
            r#"with="./probe pending"; run -- sleep 1000; run -c -- sleep 1000"#,
        ),
        &["status 143", "status 143"],
    ),
    ours(of(ALL, "no signal is lost at the start", "race; race -g").not_pid_1(), &["all 143", "all 143"]),
    ours(of(DUMB_INIT, "no signal is lost at the start of the command alone", "race -c").not_pid_1(), &["all 143"]),
    ours(
        of(
            DUMB_INIT,
            "each event has its line",
            r#"start -v -r 10:0 -- ./probe signals 2>err
            for n in 1 10; do kill -$n $pid; arrived $n; done; finish; grep -oE "process|signal.*" err"#,
        ),
        &[
            "1: 1",
            "10:",
            "status 137",
            "process",
            "signal 1",
            "signal 1",
            "signal 64",
            "signal 64",
            "signal 10",
            "signal 10",
            "signal 64",
            "signal 64",
            "signal 9",
            "signal 15",
        ],
    ),
    ours(
        of(
            DUMB_INIT,
            "a session has its line",
            "run -v true 2>err; grep -c setsid err; run -vc true 2>err; grep -c setsid err",
        ),
        &["status 0", "1", "status 0", "0"],
    ),
    ours(
        of(
            TINI,
            "nobody reads what it says",
            r#"unread; $under "$init" -w -s -vvv -- sh -c "$orphan; exit 7" >&8 2>&8; echo "status $?"
            start -w -- ./probe signals 2>&8; kill -10 $pid; arrived 10; finish"#,
        ),
        &["status 7", "10: 10", "status 137"],
    ),
    ours(
        of(
            DUMB_INIT,
            "nobody reads what it says",
            r#"unread; run -v -- sh -c "$orphan; exit 7" 2>&8
            start -v -- ./probe signals 2>&8; kill -10 $pid; arrived 10; finish"#,
        ),
        &["status 7", "10: 10", "status 137"],
    ),
    ours(
        of(
            CATATONIT,
            "nobody reads what it says",
            r#"unread; with="env CATATONIT_DEBUG=1"; run -- sh -c "$orphan; exit 7" 2>&8
            start -- ./probe signals 2>&8; kill -10 $pid; arrived 10; finish"#,
        ),
        &["status 7", "10: 10", "status 137"],
    ),
    ours(
        of(
            &["tini", "catatonit"],
            "ends of children are ignored",
            r#"with="env --ignore-signal=CHLD"; run -- sh -c "exit 4"
            run -- grep -c "^SigIgn:.*1....$" /proc/self/status"#,
        ),
        &["status 4", "1", "status 0"],
    ),
    ours(
        of(
            DUMB_INIT,
            "ends of children are ignored",
            r#"with="env --ignore-signal=CHLD"; run -- sh -c "exit 4"
            run -- grep -c "^SigIgn:.*1....$" /proc/self/status"#,
        ),
        &["status 4", "0", "status 1"],
    ),
    ours(of(ALL, "standard input is closed", r#"run -- sh -c '[ -e /proc/$$/fd/0 ] || exit 5' <&-"#), &["status 5"]),
    ours(
        of(ALL, "real-time signals", r#"signals "32 33 34 63""#),
        &["32: 32", "33: 33", "34: 34", "63: 63", "status 137"],
    ),
    ours(
        of(
            TINI,
            "nothing wakes it",
            r#"start -- ./probe signals; arrived 64
            wakes() { grep ^voluntary /proc/$pid/status; }
            sleep 1; before=$(wakes); sleep 2; [ "$before" = "$(wakes)" ] && echo "it sleeps"; finish"#,
        )
        .pid_1_only(),
        &["64:", "it sleeps", "status 137"],
    ),
    ours(
        of(ALL, "a child from before its start is reaped", r#"with="./probe zombie"; run -- sh -c "$alone""#),
        &["all others are reaped", "status 0"],
    ),
    ours(
        of(
            CATATONIT,
            "so it is by one that pauses",
            r#"with="./probe zombie"; pause; await '[ ! "$(child "$pid")" ]'; kill -TERM $pid; ended"#,
        ),
        &["status 0"],
    ),
    ours(
        of(
            ALL,
            "what is left may have time to end",
            r#"echo 'trap "" HUP; trap "echo left with TERM; exit" TERM; echo ready; sleep 1000 & wait; wait' >left
            with="env ARIL_STOP_TIMEOUT=10m"; start -- sh -c "sh left & until [ -e go ]; do sleep 0.01; done; exit 3"
            : >go; ended; cat <&3"#,
        )
        .pid_1_only(),
        &["status 3", "left with TERM"],
    ),
    ours(
        of(
            ALL,
            "who ignores a stop request can be killed",
            r#"with="env ARIL_STOP_TIMEOUT=100ms"; start -- ./probe signals; kill -TERM $pid; ended"#,
        ),
        &["status 137"],
    ),
    ours(
        of(
            ALL,
            "signals are rewritten under every name",
            r#"signals 15 -r TERM:INT; with="env ARIL_REWRITE=TERM:2"; signals 15
            with="env ARIL_STOP_SIGNAL=USR1"; signals 15"#,
        ),
        &["15: 2", "status 137", "15: 2", "status 137", "15: 10", "status 137"],
    ),
];

/// The init of this name: Debian's.
fn model(who: &Who, name: &str) -> String {
    let name = if ["tini-static", "docker-init"].contains(&name) { "tini" } else { name };
    let path = format!("/usr/bin/{name}");
    if !Path::new(&path).exists() {
        who.skip(&format!("{path} is missing: it is part of Debian's {name}"));
    }
    path
}

/// The words that make a program PID 1.
fn unshare(who: &Who) -> Vec<&'static str> {
    let user: &[_] = if who.uid() == 0 { &[] } else { &["--user", "--map-root-user"] };
    [&["unshare"], user, &["--pid", "--fork", "--mount-proc", "--kill-child"]].concat()
}

/// A scenario's script with this init, in a folder in which the probe and a link to aril's own are.
fn tell(who: &Who, name: &str, is_model: bool, scenario: &Scenario, place: Place) -> Outcome {
    let folder = who.folder();
    let init = prepare(who, folder.path(), name, is_model);
    let under = if place == Place::Pid1 { unshare(who).join(" ") } else { String::new() };
    let script = format!("{}\nexit 0", scenario.script);
    let run = who.program("sh", &["-c", &format!(". ./words\n{script}")]).under(&unshare(who)).dir(folder.path());
    let outcome = run.env("init", &init).env("under", &under).run();
    outcome.exited(0);
    outcome
}

fn lines(outcome: &Outcome) -> Vec<String> {
    let (out, err) = (outcome.out(), outcome.err());
    let said = if err.is_empty() { None } else { Some("standard error") };
    out.lines().chain(said).map(ToString::to_string).collect()
}

/// Puts into a test's folder what its scenario needs; the path of the init.
fn prepare(who: &Who, folder: &Path, name: &str, is_model: bool) -> String {
    who.needs_probe();
    let path = |name: &str| folder.join(name).display().to_string();
    tool("ln", &["-s", &who.binary("probe"), &path("probe")]);
    fs::write(folder.join("words"), WORDS).expect("our own folder");
    if is_model {
        return model(who, name);
    }
    tool("ln", &["-s", &who.binary("aril-init"), &path(name)]);
    path(name)
}

/// What differs between theirs (`true`) and ours other than as `DIFFERENCES` has it.
fn unexpected(name: &str, label: &str, tell: impl Fn(bool) -> Vec<String>) -> Option<String> {
    let (theirs, ours) = (tell(true), tell(false));
    let known = DIFFERENCES.iter().find(|known| known.names.contains(&name) && known.label == label);
    let (only_theirs, only_ours) = known.map_or((&[][..], &[][..]), |known| (known.theirs, known.ours));
    let rest = |all: &[String], only: &[&str]| -> Vec<String> {
        all.iter().filter(|line| !only.contains(&line.as_str())).cloned().collect()
    };
    let has = |all: &[String], only: &[&str]| only.iter().all(|line| all.iter().any(|other| other == line));
    let is_as_known =
        has(&theirs, only_theirs) && has(&ours, only_ours) && rest(&theirs, only_theirs) == rest(&ours, only_ours);
    (!is_as_known).then(|| {
        let (only_theirs, only_ours) = (without(&theirs, &ours), without(&ours, &theirs));
        format!(
            "{name}, {label}: {known:?} was expected\n--- theirs alone:\n{only_theirs}\n--- ours alone:\n{only_ours}\n"
        )
    })
}

fn without(these: &[String], others: &[String]) -> String {
    these.iter().filter(|line| !others.contains(line)).cloned().collect::<Vec<_>>().join("\n")
}

/// Reports all at once.
#[track_caller]
fn none(unexpected: impl IntoIterator<Item = String>) {
    let reports: Vec<String> = unexpected.into_iter().collect();
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

/// A scenario under each of its names, at each of its places.
fn cases(scenario: &Scenario) -> impl Iterator<Item = (&'static str, Place)> {
    let places = scenario.places;
    scenario.names.iter().flat_map(move |name| places.iter().map(move |place| (*name, *place)))
}

fn compare(who: &Who, scenarios: &[Scenario]) {
    let all = scenarios.iter().flat_map(|scenario| cases(scenario).map(move |(name, place)| (scenario, name, place)));
    none(all.filter_map(|(scenario, name, place)| {
        unexpected(name, scenario.label, |is_model| lines(&tell(who, name, is_model, scenario, place)))
    }));
}

fn statuses_are_theirs(who: &Who) {
    compare(who, STATUSES);
}

fn texts_are_theirs(who: &Who) {
    compare(who, TEXTS);
}

fn options_are_theirs(who: &Who) {
    compare(who, OPTIONS);
}

fn signals_are_theirs(who: &Who) {
    compare(who, SIGNALS);
}

fn inheritance_is_theirs(who: &Who) {
    compare(who, INHERITANCE);
}

fn families_are_theirs(who: &Who) {
    compare(who, FAMILIES);
}

/// An entry that no scenario looks up would stay when its difference has gone.
fn every_difference_is_of_a_scenario(_: &Who) {
    let told = [STATUSES, TEXTS, OPTIONS, SIGNALS, INHERITANCE, FAMILIES, TERMINAL].into_iter().flatten();
    let told = told.flat_map(|scenario| scenario.names.iter().map(|name| (*name, scenario.label)));
    let keyed = KEYS.iter().flat_map(|label| ALL.iter().map(move |name| (*name, *label)));
    let known: BTreeSet<_> = told.chain(keyed).collect();
    for Difference { names, label, why, .. } in DIFFERENCES {
        for name in *names {
            assert!(known.contains(&(*name, *label)), "no such scenario: {name}, {label}");
        }
        assert!(!names.is_empty() && !why.is_empty(), "{label}: whose, and why?");
    }
}

/// The version shows whose command line it has, the status whose manners.
fn every_name_by_every_kind_of_link(who: &Who) {
    let folder = who.folder();
    let seen = |init: &str, option: &str| {
        let run =
            |words: &[&str]| who.program(init, words).env("PATH", &format!("{}:/usr/bin:/bin", folder.str())).run();
        let version = run(&[option]);
        let words: Vec<String> = version.out().split(' ').take(2).map(ToString::to_string).collect();
        let missing = run(&["--", "/no/such/command"]);
        (version.code(), words, !version.err().is_empty(), missing.code())
    };
    for (name, option) in [
        ("tini", "--version"),
        ("tini-static", "--version"),
        ("docker-init", "--version"),
        ("dumb-init", "-V"),
        ("catatonit", "-V"),
    ] {
        let theirs = seen(&model(who, name), option);
        let path = folder.join(name).display().to_string();
        for kind in [&["ln", "-s"][..], &["ln"], &["cp"]] {
            tool(kind[0], &[&kind[1..], &[&who.binary("aril-init"), &path]].concat());
            assert_eq!(seen(&path, option), theirs, "{name} by {kind:?}");
            assert_eq!(seen(name, option), theirs, "{name} by {kind:?}, along the search path");
            tool("rm", &[&path]);
        }
    }
}

fn what_they_get_wrong_is_right(who: &Who) {
    let all = OURS.iter().flat_map(|ours| cases(&ours.scenario).map(move |(name, place)| (ours, name, place)));
    none(all.filter_map(|(Ours { scenario, shows }, name, place)| {
        let outcome = tell(who, name, false, scenario, place);
        let is_so = outcome.out().lines().eq(shows.iter().copied());
        (!is_so).then(|| format!("{name}, {place:?}, {}: {shows:#?}\n{outcome}", scenario.label))
    }));
}

/// A terminal whose session a script leads, which is PID 1 of a pid namespace; and the folder in which it is.
fn terminal(who: &Who, name: &str, is_model: bool, script: &str) -> (Terminal, Folder) {
    let folder = who.folder();
    let init = prepare(who, folder.path(), name, is_model);
    let run =
        who.program("sh", &["-c", &format!(". ./words\n{script}")]).under(&["setsid", "--ctty"]).under(&unshare(who));
    let run = run.under(&["setsid"]).dir(folder.path()).env("init", &init).env("under", "");
    (Terminal::on(who, run), folder)
}

fn screen(terminal: &Terminal) -> Vec<String> {
    terminal.screen.text().lines().map(ToString::to_string).collect()
}

fn the_terminal_is_handed_over_as_theirs(who: &Who) {
    let all = TERMINAL.iter().flat_map(|scenario| cases(scenario).map(move |(name, _)| (scenario, name)));
    none(all.filter_map(|(scenario, name)| {
        unexpected(name, scenario.label, |is_model| {
            let (terminal, _folder) = terminal(who, name, is_model, scenario.script);
            terminal.ends();
            screen(&terminal)
        })
    }));
}

fn ctrl_c_does_what_it_does_with_theirs(who: &Who) {
    none(ALL.iter().filter_map(|name| {
        unexpected(name, CTRL_C, |is_model| {
            let (terminal, _folder) = terminal(who, name, is_model, "trap : INT; run -- ./probe signals 2>err");
            terminal.expect("ready");
            terminal.keys("\x03");
            terminal.expect("2\r\n");
            screen(&terminal)
        })
    }));
}

/// A command that is stopped does not answer what is typed next.
fn ctrl_z_does_what_it_does_with_theirs(who: &Who) {
    let command = "sh -c 'echo ready; read -r word; echo \"<$word>\"; read -r word'";
    let cases = [("tini", ""), ("dumb-init", ""), ("dumb-init", "-c"), ("catatonit", "")];
    none(cases.into_iter().filter_map(|(name, option)| {
        unexpected(name, CTRL_Z, |is_model| {
            let (terminal, _folder) = terminal(who, name, is_model, &format!("exec \"$init\" {option} -- {command}"));
            terminal.expect("ready");
            let command = process::children(pid_1(&terminal))[0];
            terminal.keys("\x1aword\n");
            let is_stopped = || process::state(command) == 'T';
            terminal.eventually("it stops or answers", || is_stopped() || terminal.screen.text().contains("<word>"));
            vec![if is_stopped() { "it stops" } else { "it goes on" }.to_string()]
        })
    }));
}

/// dumb-init gives the terminal of its session away, for which the kernel sends it SIGHUP and SIGCONT.
fn signals_of_a_lost_terminal_are_swallowed_as_theirs(who: &Who) {
    none(ALL.iter().filter_map(|name| {
        unexpected(name, LOST, |is_model| {
            let (terminal, _folder) = terminal(who, name, is_model, "exec \"$init\" -- ./probe signals");
            terminal.expect("ready");
            for signal in ["1", "18", "64"] {
                tool("kill", &["-s", signal, &pid_1(&terminal).to_string()]);
            }
            terminal.expect("64\r\n");
            screen(&terminal)
        })
    }));
}

/// PID 1 on a terminal, by its pid outside.
fn pid_1(terminal: &Terminal) -> u32 {
    process::children(terminal.child.id())[0]
}
