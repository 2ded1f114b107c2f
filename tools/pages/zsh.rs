//! The completions for zsh: a specification for each option, as `_arguments` takes it.

use crate::table::{Choice, Parts, Table, Verb};
use crate::takes::{Takes, signals};

const SCRIPT: &str = include_str!("_aril");

pub fn write(table: &Table) -> String {
    let Parts { run, exec, update, init, small } = table.parts();
    SCRIPT
        .replace("    @VERBS@\n", &verbs(table))
        .replace("    @RUN@\n", &specs(&run))
        .replace("    @EXEC@\n", &specs(&exec))
        .replace("    @UPDATE@\n", &specs(&update))
        .replace("    @INIT@\n", &specs(&init))
        .replace("    @SMALL_INIT@\n", &specs(&small))
        .replace("@SIGNALS@", &signals().join(" "))
}

fn verbs(table: &Table) -> String {
    let verbs = table.verbs.iter().filter(|verb| !verb.name.contains(' '));
    verbs.map(|Verb { name, text, .. }| format!("    {}\n", quoted(&format!("{name}:{text}")))).collect()
}

/// A word of a shell's.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A text in which nothing is a mark of a specification's.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|letter| "\\:[]".contains(letter).then_some('\\').into_iter().chain([letter])).collect()
}

fn specs(options: &[&Choice]) -> String {
    options.iter().map(|option| spec(option)).collect()
}

/// Each may be given again. A value follows the next word or `=`; one that may be left out `=` alone.
fn spec(option: &Choice) -> String {
    let name = format!("--{}", option.long);
    let text = format!("[{}]", escaped(&option.text));
    let (sign, value) = match option.value.as_str() {
        "" => ("", String::new()),
        value if option.is_optional() => {
            ("=-", format!("::{}:{}", escaped(value.trim_matches(['[', ']', '='])), action(&option.takes)))
        }
        value => ("=", format!(":{}:{}", escaped(value), action(&option.takes))),
    };
    let long = quoted(&format!("*{name}{sign}{text}{value}"));
    let short = option.letter.map(|letter| {
        let sign = if option.takes_next() { "+" } else { "" };
        format!("    {}\n", quoted(&format!("*-{letter}{sign}{text}{value}")))
    });
    format!("{}    {long}\n", short.unwrap_or_default())
}

fn action(takes: &Takes) -> String {
    match takes {
        // A single space: nothing is proposed, and the message is shown.
        Takes::Nothing => " ".to_string(),
        Takes::One(words) => format!("_aril_words {}", escaped(&words.join(" "))),
        Takes::Several(words) => format!("_sequence compadd - {}", words.join(" ")),
        Takes::Path | Takes::Source => "_files".to_string(),
        Takes::Directory => "_directories".to_string(),
        Takes::Variable => "_aril_variables".to_string(),
    }
}
