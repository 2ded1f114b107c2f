//! The completions for fish: a line for each option, and for each verb the words that are no options.

use crate::bash::verbs;
use crate::table::{Choice, Table};
use crate::takes::{Takes, signals};

const SCRIPT: &str = include_str!("aril.fish");

pub fn write(table: &Table) -> String {
    let run = table.run_where(|_| true);
    let mut lines = String::new();
    for verb in &table.verbs {
        if !verb.name.contains(' ') {
            lines.push_str(&format!(
                "complete -c aril -f -n __aril_begins -a {} -d {}\n",
                verb.name,
                quoted(&verb.text)
            ));
        }
    }
    for option in &run {
        let mut verbs = vec!["run", "explain", "syscall"];
        if option.for_exec {
            verbs.push("exec");
        }
        if option.is_limit {
            verbs.push("update");
        }
        lines.push_str(&line("aril", &format!("__aril_options {}", verbs.join(" ")), option));
    }
    for option in &table.init {
        lines.push_str(&line("aril", "__aril_options init", option));
        if option.is_small {
            lines.push_str(&line("aril-init", "__aril_options aril-init", option));
        }
    }
    let init: Vec<&Choice> = table.init.iter().collect();
    SCRIPT
        .replace("@OPTIONS@\n", &lines)
        .replace("@VERBS@", &verbs(table).join(" "))
        .replace("@RUN_NEXT@", &next(&run))
        .replace("@INIT_NEXT@", &next(&init))
        .replace("@SIGNALS@", &signals().join(" "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn next(options: &[&Choice]) -> String {
    let names = options.iter().filter(|option| option.takes_next()).flat_map(|option| option.names());
    names.collect::<Vec<_>>().join(" ")
}

fn line(program: &str, when: &str, option: &Choice) -> String {
    let letter = option.letter.map(|letter| format!(" -s {letter}")).unwrap_or_default();
    let value = match &option.takes {
        Takes::Nothing if option.takes_next() => " -x".to_string(),
        Takes::Nothing => String::new(),
        Takes::One(words) => format!(" -x -a {}", quoted(&words.join(" "))),
        Takes::Several(words) => format!(" -x -a {}", quoted(&format!("(__aril_list {})", words.join(" ")))),
        // What may be left out follows `=` alone: the option does not require it.
        Takes::Path if option.is_optional() => format!(" -f -a {}", quoted("(__fish_complete_path (__aril_value))")),
        Takes::Directory if option.is_optional() => {
            format!(" -f -a {}", quoted("(__fish_complete_directories (__aril_value))"))
        }
        Takes::Path | Takes::Source => " -r -F".to_string(),
        Takes::Directory => format!(" -x -a {}", quoted("(__fish_complete_directories)")),
        Takes::Variable => format!(" -x -a {}", quoted("(set -n -x)")),
    };
    let long = &option.long;
    format!("complete -c {program} -n {}{letter} -l {long}{value} -d {}\n", quoted(when), quoted(&option.text))
}
