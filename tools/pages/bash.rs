//! The completions for bash: a table of words, and one function that reads the line as aril does.

use crate::table::{Choice, Parts, Table};
use crate::takes::{Takes, signals};

const SCRIPT: &str = include_str!("aril.bash");

pub fn write(table: &Table) -> String {
    let Parts { run, exec, update, init, small } = table.parts();
    SCRIPT
        .replace("@VERBS@", &verbs(table).join(" "))
        .replace("@RUN@", &names(&run))
        .replace("@EXEC@", &names(&exec))
        .replace("@UPDATE@", &names(&update))
        .replace("@INIT@", &names(&init))
        .replace("@SMALL_INIT@", &names(&small))
        .replace("@RUN_LETTERS@", &letters(&run))
        .replace("@INIT_LETTERS@", &letters(&init))
        .replace("@RUN_NEXT@", &next(&run))
        .replace("@INIT_NEXT@", &next(&init))
        .replace("        @RUN_VALUES@\n", &arms("run", &run))
        .replace("        @INIT_VALUES@\n", &arms("init", &init))
        .replace("@SIGNALS@", &signals().join(" "))
}

/// Each verb once.
pub fn verbs(table: &Table) -> Vec<String> {
    table.verbs.iter().map(|verb| verb.name.clone()).filter(|name| !name.contains(' ')).collect()
}

/// All, as they are typed; a value that may be left out follows `=`.
fn names(options: &[&Choice]) -> String {
    options.iter().map(|option| option.names().join(" ")).collect::<Vec<_>>().join(" ")
}

/// The letters of those whose value is the next word.
fn letters(options: &[&Choice]) -> String {
    options.iter().filter(|option| option.takes_next()).filter_map(|option| option.letter).collect()
}

fn next(options: &[&Choice]) -> String {
    let options: Vec<&Choice> = options.iter().copied().filter(|option| option.takes_next()).collect();
    names(&options)
}

fn arms(verb: &str, options: &[&Choice]) -> String {
    let mut arms = String::new();
    for option in options {
        let action = match &option.takes {
            Takes::Nothing => continue,
            Takes::One(words) => format!("_aril_words {}", words.join(" ")),
            Takes::Several(words) => format!("_aril_list {}", words.join(" ")),
            Takes::Path => "_aril_paths -f".to_string(),
            Takes::Source => "_aril_paths -f more".to_string(),
            Takes::Directory => "_aril_paths -d".to_string(),
            Takes::Variable => "_aril_variables".to_string(),
        };
        let names: Vec<String> = option.names().iter().map(|name| format!("{verb}:{name}")).collect();
        arms.push_str(&format!("    {}) {action} ;;\n", names.join(" | ")));
    }
    arms
}
