//! What the program's own tables and texts say: its verbs, and the options of each.

use crate::takes::{Takes, of_init, of_run};
use aril::cli::options::Opt;
use aril::cli::{OVERVIEW, write_run_help};
use aril::sys::Arena;
use aril::text::Text;

/// A way to call it.
pub struct Verb {
    /// `run`, or `explain boot`.
    pub name: String,
    /// What follows the name: `[OPTIONS] NAME COMMAND [ARG...]`.
    pub usage: String,
    pub text: String,
}

/// An option.
pub struct Choice {
    pub letter: Option<char>,
    pub long: String,
    /// What its value is called; empty if it takes none. In brackets it may be left out.
    pub value: String,
    pub text: String,
    /// A value; empty if it takes none, or none is known.
    pub example: String,
    pub takes: Takes,
    /// `exec` has it too, `update` has it too; of the init's: `aril-init` has it too.
    pub for_exec: bool,
    pub is_limit: bool,
    pub is_small: bool,
}

impl Choice {
    pub fn is_optional(&self) -> bool {
        self.value.starts_with('[')
    }

    /// Whether the next word is its value.
    pub fn takes_next(&self) -> bool {
        !self.value.is_empty() && !self.is_optional()
    }

    /// As it is typed: `-v`, `--volume`.
    pub fn names(&self) -> Vec<String> {
        self.letter.map(|letter| format!("-{letter}")).into_iter().chain([format!("--{}", self.long)]).collect()
    }
}

/// Options under their heading.
pub struct Group {
    pub heading: String,
    pub options: Vec<Choice>,
}

pub struct Table {
    /// What the program is, in one line.
    pub about: String,
    pub verbs: Vec<Verb>,
    /// What the overview says below the verbs.
    pub below: String,
    /// What the help of `run` says first, and last.
    pub run_intro: String,
    pub run_end: String,
    pub run: Vec<Group>,
    pub init: Vec<Choice>,
}

fn filled(fill: impl for<'t, 'm> FnOnce(&'t mut Text<'m>) -> &'t mut Text<'m>) -> String {
    let arena = Arena::new().expect("memory");
    let mut text = Text::new(&arena);
    ascii(fill(&mut text).bytes())
}

fn ascii(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the tables are ASCII")
}

/// Of `run`, `exec` and `update`, of `aril init`, and of the small `aril-init`.
pub struct Parts<'t> {
    pub run: Vec<&'t Choice>,
    pub exec: Vec<&'t Choice>,
    pub update: Vec<&'t Choice>,
    pub init: Vec<&'t Choice>,
    pub small: Vec<&'t Choice>,
}

impl Table {
    pub fn read() -> Self {
        let overview = filled(|text| text.fill(OVERVIEW, &[]));
        let (about, rest) = overview.split_once("\n\n").expect("the overview begins with what it is");
        let (usages, below) = rest.split_once("\n\n").expect("and ends with more");
        let help = filled(|text| {
            write_run_help(text);
            text
        });
        let paragraphs: Vec<&str> = help.split("\n\n").collect();
        Self {
            about: about.trim_start_matches("aril: ").to_string(),
            verbs: usages.lines().flat_map(verbs_of).collect(),
            below: below.split("\nOptions of run").next().unwrap_or(below).to_string(),
            run_intro: paragraphs[1].replace('\n', " "),
            run_end: paragraphs[paragraphs.len() - 1].to_string(),
            run: run_options(),
            init: init_options(),
        }
    }

    /// The options of each program and verb that has some.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            run: self.run_where(|_| true),
            exec: self.run_where(|option| option.for_exec),
            update: self.run_where(|option| option.is_limit),
            init: self.init.iter().collect(),
            small: self.init.iter().filter(|option| option.is_small).collect(),
        }
    }

    /// Options of `run` that a verb has too.
    pub fn run_where(&self, has: impl Fn(&Choice) -> bool) -> Vec<&Choice> {
        self.run.iter().flat_map(|group| &group.options).filter(|option| has(option)).collect()
    }
}

/// A line of the overview: `aril pause NAME, aril resume NAME`, a gap, and what they do with `;` between.
fn verbs_of(line: &str) -> Vec<Verb> {
    let (usages, text) = line.trim_start().split_once("  ").unwrap_or((line.trim_start(), ""));
    let usages: Vec<&str> = usages.split(", ").collect();
    let texts: Vec<&str> = if usages.len() == 1 { vec![text.trim()] } else { text.trim().split("; ").collect() };
    assert_eq!(usages.len(), texts.len(), "each has its text: {line}");
    let verb = |(usage, text): (&&str, &&str)| {
        let words = usage.strip_prefix("aril ").expect("a usage begins with the program's name");
        let length = if words.starts_with("explain boot") { 2 } else { 1 };
        let (name, usage) = words.split_at(words.match_indices(' ').nth(length - 1).map_or(words.len(), |(at, _)| at));
        Verb { name: name.to_string(), usage: usage.trim().to_string(), text: (*text).to_string() }
    };
    usages.iter().zip(&texts).map(verb).filter(|verb| !verb.name.starts_with('-')).collect()
}

fn run_options() -> Vec<Group> {
    let explanations = filled(|text| text.fill(Opt::HELP, &[]));
    let mut options = Opt::ALL.iter().zip(Opt::EXAMPLE);
    let mut groups: Vec<Group> = Vec::new();
    for line in explanations.lines() {
        if let Some(heading) = line.strip_prefix('=') {
            groups.push(Group { heading: heading.to_string(), options: Vec::new() });
            continue;
        }
        let (option, example) = options.next().expect("as many explanations as options");
        groups.last_mut().expect("a heading is first").options.push(Choice {
            letter: Some(char::from(option.short())).filter(|letter| *letter != '\0'),
            long: ascii(option.long()),
            value: ascii(option.value()),
            text: line.to_string(),
            example: (*example).to_string(),
            takes: of_run(*option),
            for_exec: option.is_for_exec(),
            is_limit: option.is_limit(),
            is_small: false,
        });
    }
    assert!(options.next().is_none(), "as many options as explanations");
    groups
}

/// The rows of the init: `-e --expect N: exit with 0 instead of it`.
fn init_options() -> Vec<Choice> {
    let small = ascii(aril::init::table::<false>().bytes());
    let option = |row: &str| {
        let (names, text) = row.split_once(": ").expect("a colon stands before the explanation");
        let (long, value) = names[3..].trim_start_matches("--").split_once(' ').unwrap_or((&names[5..], ""));
        Choice {
            letter: names[1..2].chars().next().filter(|letter| *letter != ' '),
            long: long.to_string(),
            value: value.to_string(),
            text: text.to_string(),
            example: String::new(),
            takes: of_init(value),
            for_exec: false,
            is_limit: false,
            is_small: small.contains(&format!("--{long}")),
        }
    };
    ascii(aril::init::table::<true>().bytes()).lines().map(option).collect()
}
