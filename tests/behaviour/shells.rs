//! Completions as bash, zsh and fish give them, with the names of real containers, and the manual pages as man(1) takes them:
//! the files of completions/ and man/. Whether those are of the table of options is told by tools/pages.

use crate::containers::{Place, name};
use crate::support::{Outcome, Who};
use std::fs;
use std::path::Path;

crate::tests! {
    once: bash_completes, zsh_completes, fish_completes, the_pages_are_read_without_a_warning;
}

/// A line up to the cursor, what is proposed among others, and what is not. RUNS and ENDED are names of containers.
const LINES: &[(&str, &[&str], &[&str])] = &[
    ("aril ", &["run", "explain", "check", "ps", "kill", "update", "init"], &["boot", "--json", "RUNS"]),
    ("aril re", &["resume"], &["run"]),
    ("aril run --ne", &[], &["--nice"]),
    ("aril run --n", &["--network", "--namespaces", "--nice", "--no-init"], &["--hostname"]),
    ("aril run --overlay --read-only --me", &["--memory", "--memory-swap"], &[]),
    ("aril run --network ", &["host", "none", "private", "ns:"], &["rootfs"]),
    ("aril run --network=n", &["none"], &["host"]),
    ("aril run --namespaces user,p", &["pid"], &["private"]),
    ("aril run --namespaces=user,mount,u", &["uts"], &["pid"]),
    ("aril run --cap-drop all --cap-add net_", &["net_admin", "net_raw"], &["all", "chown"]),
    ("aril run --cgroups ", &["required", "best", "off"], &["rootfs"]),
    ("aril run --ulimit no", &["nofile="], &["core="]),
    ("aril run --stop-signal T", &["TERM", "TSTP"], &["STOP", "INT"]),
    ("aril run --stop-timeout ", &[], &["rootfs", "readme"]),
    ("aril run -it --change-root ", &["pivot_root", "chroot", "none"], &["rootfs"]),
    ("aril run -v r", &["rootfs", "readme"], &[]),
    ("aril run --overlay=", &["rootfs"], &["readme"]),
    ("aril run --read-only -w / r", &["rootfs", "readme"], &[]),
    ("aril explain r", &["run", "rootfs"], &[]),
    ("aril explain run --read-only --hostna", &["--hostname"], &[]),
    ("aril explain boot ", &[], &["rootfs", "sh"]),
    ("aril explain syscall --cap-a", &["--cap-add"], &[]),
    ("aril explain syscall ptr", &[], &["rootfs", "readme"]),
    ("aril check r", &["rootfs"], &["readme", "run"]),
    // What follows ROOTFS is a command and its own.
    ("aril run rootfs --read", &[], &["--read-only"]),
    ("aril run rootfs cat r", &["readme"], &[]),
    ("aril run -- rootfs mkd", &["mkdir"], &[]),
    ("aril kill ", &["RUNS"], &["ENDED", "readme"]),
    ("aril kill RUNS ", &["TERM", "STOP", "CONT", "KILL"], &["RUNS"]),
    ("aril wait ", &["RUNS", "ENDED"], &["readme"]),
    ("aril stats --json ", &["RUNS"], &["ENDED"]),
    ("aril pause ", &["RUNS"], &["ENDED"]),
    ("aril ps --", &["--json"], &["--help"]),
    ("aril exec --u", &["--user"], &["--uts", "--userns"]),
    ("aril exec -u 0 ", &["RUNS"], &["ENDED"]),
    ("aril exec RUNS --us", &[], &["--user"]),
    ("aril update --me", &["--memory"], &["--mntns"]),
    ("aril update RUNS --pids", &["--pids-limit"], &[]),
    ("aril update -m 64m ", &["RUNS"], &["ENDED"]),
    ("aril init --restart ", &["no", "always", "on-failure"], &["readme"]),
    ("aril init --stop-signal QU", &["QUIT"], &[]),
    ("aril-init --sto", &["--stop-signal", "--stop-timeout"], &[]),
    ("aril-init --rest", &[], &["--restart"]),
    ("aril-init -e 3 mkd", &["mkdir"], &[]),
];

/// Asks a shell for each line: `ask` gives what it has printed, a proposal on each line of that.
fn asks(who: &Who, shell: &str, ask: impl Fn(&Place, &Path, &str) -> Outcome) {
    if !["/bin", "/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(shell).exists()) {
        who.skip(&format!("no {shell} here"));
    }
    let place = Place::of(who);
    let folder = who.folder();
    fs::create_dir(folder.join("rootfs")).expect("a new folder");
    fs::write(folder.join("readme"), "").expect("a new folder");
    let (runs, ended) = (name(), name());
    place.run(&["--name", &ended, "-d"], &["true"]).run().ok();
    let running = place.start(&runs, &[], &["sleep", "1000"]);
    for (line, proposed, others) in LINES {
        let named = |text: &str| text.replace("RUNS", &runs).replace("ENDED", &ended);
        let outcome = ask(&place, folder.path(), &named(line));
        let out = outcome.out();
        let proposals: Vec<&str> = out.lines().map(|proposal| proposal.trim_end_matches(['/', ' '])).collect();
        // A shell may give the whole word, with what stands before a value.
        let has = |word: &str| {
            let word = named(word);
            proposals.iter().any(|proposal| {
                *proposal == word || proposal.ends_with(&format!("={word}")) || proposal.ends_with(&format!(",{word}"))
            })
        };
        for word in *proposed {
            outcome.check(has(word), format!("{line:?} proposes {word}"));
        }
        for word in *others {
            outcome.check(!has(word), format!("{line:?} does not propose {word}"));
        }
    }
    place.aril(&["kill", &runs, "KILL"]).run().ok();
    running.finish();
    place.aril(&["wait", &ended]).run().ok();
}

fn file(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A shell that runs a script with these words, in a folder, and finds aril.
fn shell(who: &Who, place: &Place, folder: &Path, words: &[&str]) -> Outcome {
    let aril = who.binary("aril");
    let bin = aril.strip_suffix("/aril").expect("a path");
    let path = format!("{bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    let run = place.program(words[0], &words[1..]).env("PATH", &path).env("HOME", &folder.display().to_string());
    run.dir(folder).run()
}

fn bash_completes(who: &Who) {
    const ASK: &str =
        "source \"$0\"; COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)); _aril; printf '%s\\n' \"${COMPREPLY[@]}\"";
    asks(who, "bash", |place, folder, line| {
        let completions = file("completions/aril.bash");
        // bash cuts at = and : too.
        let apart = line.replace('=', " = ").replace("= ", if line.ends_with('=') { "=" } else { "= " });
        let words: Vec<&str> = apart.split(' ').collect();
        shell(who, place, folder, &[&["bash", "--norc", "-c", ASK, &completions], &words[..]].concat())
    });
}

fn zsh_completes(who: &Who) {
    // A shell at a terminal, in which compadd(1) tells what it is given.
    const ASK: &str = r#"
zmodload zsh/zpty
setup=$1 line=$2
zpty z zsh -f -i
zpty -w z "source $setup"
while zpty -r z said; do [[ $said == *ready* ]] && break; done
zpty -w -n z "$line"$'\t'
integer on=0
while zpty -r z said; do
    said=${said%$'\n'} said=${said%$'\r'}
    case $said in
        *BEGIN) on=1 ;;
        *END) break ;;
        *) (( on )) && print -r -- $said ;;
    esac
done
zpty -d z
"#;
    const SETUP: &str = r#"
PROMPT=
fpath=(COMPLETIONS $fpath)
autoload -U compinit
compinit -u -d $HOME/dump
bindkey '^I' complete-word
first() { print BEGIN }
last() { print END }
compprefuncs=(first)
comppostfuncs=(last)
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)* ]]; then
        builtin compadd "$@"
        return
    fi
    local -a hits
    builtin compadd -A hits "$@"
    local -a end
    zparseopts -E -a ignored S:=end
    local hit
    for hit in $hits; do print -r -- $hit; done
    builtin compadd "$@"
}
print rea''dy
"#;
    asks(who, "zsh", |place, folder, line| {
        let setup = folder.join("setup");
        fs::write(&setup, SETUP.replace("COMPLETIONS", &file("completions"))).expect("a folder of ours");
        shell(who, place, folder, &["zsh", "-f", "-c", ASK, "ask", &setup.display().to_string(), line])
    });
}

fn fish_completes(who: &Who) {
    const ASK: &str = "source $argv[1]; complete -C $argv[2] | string split -f 1 \\t";
    asks(who, "fish", |place, folder, line| {
        shell(who, place, folder, &["fish", "--no-config", "-c", ASK, &file("completions/aril.fish"), line])
    });
}

fn the_pages_are_read_without_a_warning(who: &Who) {
    let has = |program: &str| Path::new("/usr/bin").join(program).exists();
    let readers: &[&[&str]] = &[
        &["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"],
        &["groff", "-man", "-ww", "-z", "-Tutf8"],
        &["mandoc", "-Tlint", "-Wwarning"],
    ];
    let readers: Vec<_> = readers.iter().filter(|reader| has(reader[0])).collect();
    if readers.is_empty() {
        who.skip("no man, groff or mandoc here");
    }
    for page in ["man/aril.1", "man/aril-init.1"] {
        for reader in &readers {
            let outcome = who.program(reader[0], &[&reader[1..], &[&file(page)]].concat()).env("MANWIDTH", "80").run();
            outcome.ok().check(outcome.err().is_empty(), "no warning");
            // mandoc prints its own on standard output.
            outcome.check(reader[0] != "mandoc" || outcome.out().is_empty(), "no warning");
        }
    }
}
