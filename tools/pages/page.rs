//! The manual pages. What an option or a verb is comes from the program's own texts, what there is to say about it from
//! docs/; here is only how a page is laid out.

use crate::prose::{code, example, section, usage};
use crate::table::{Choice, Table};
use roff::{Inline, Roff, bold, italic, roman};

const CONTAINERS: &str = include_str!("../../docs/containers.md");
const INIT: &str = include_str!("../../docs/init.md");
const VM: &str = include_str!("../../docs/vm.md");

/// What stands in the page for the day on which it was made.
pub const DATE: &str = "DATE";

pub fn aril(table: &Table) -> String {
    let mut page = Roff::new();
    begin(&mut page, "ARIL", &format!("aril - {}", table.about));
    heading(&mut page, "SYNOPSIS");
    page.control("nf", []);
    for verb in &table.verbs {
        page.text(call(&format!("aril {}", verb.name), &verb.usage));
    }
    page.text([bold("aril --version")]).control("fi", []);

    heading(&mut page, "DESCRIPTION");
    page.text([roman(table.below.replace('\n', " ").trim())]);
    for verb in &table.verbs {
        page.control("TP", []).text(call(&format!("aril {}", verb.name), &verb.usage)).text([roman(&verb.text)]);
    }

    heading(&mut page, "RUN AND EXPLAIN");
    page.text([roman(&table.run_intro)]);
    for group in &table.run {
        page.control("SS", [group.heading.as_str()]);
        for option in &group.options {
            row(&mut page, option);
            page.text([roman(&option.text)]);
            if !option.example.is_empty() {
                // As one word of a shell's.
                let value = if option.example.contains(['*', '$', ' ']) {
                    format!("'{}'", option.example)
                } else {
                    option.example.clone()
                };
                page.control("br", []).text([roman("Example: "), bold(format!("--{}={value}", option.long))]);
            }
        }
    }

    heading(&mut page, "CONTAINERS THAT RUN");
    for (title, of_options) in [
        ("Names", false),
        ("The background", false),
        ("aril ps [--json]", false),
        ("aril kill NAME [SIGNAL]", false),
        ("aril wait NAME", false),
        ("aril exec [OPTIONS] NAME COMMAND [ARG...]", true),
        ("aril stats [NAME] [--json], and --stats", false),
        ("aril pause NAME, aril resume NAME", false),
        ("aril update NAME LIMIT...", false),
    ] {
        page.control("SS", [title]);
        section(&mut page, CONTAINERS, title, !of_options);
        if of_options {
            page.control("PP", [])
                .text([roman("Options as of run: ")])
                .text(list(&table.run_where(|option| option.for_exec)));
        }
    }
    page.control("PP", []).text([roman("Limits: ")]).text(list(&table.run_where(|option| option.is_limit)));

    heading(&mut page, "THE FIRST PROCESS OF A MACHINE");
    page.text([
        roman("As "),
        bold("/init"),
        roman(" of an initramfs or "),
        bold("/sbin/init"),
        roman(" of a virtual machine, aril runs the command that the kernel's command line names, and ends the machine with it; "),
        bold("aril explain boot"),
        roman(" tells how. All about it is in docs/vm.md."),
    ]);
    // What the document has further down the page has not.
    section(&mut page, &VM.replace(", below |", ": see docs/vm.md |"), "Parameters", true);

    heading(&mut page, "EXIT STATUS");
    statuses(&mut page, &table.run_end);
    heading(&mut page, "ENVIRONMENT");
    terms(
        &mut page,
        &[
            ("XDG_RUNTIME_DIR", "Where an ordinary user's records are: without it in /run/user/UID, if that is his."),
            ("TERM", "Passed on to the command, which else has xterm."),
        ],
    );
    page.control("PP", []).text([
        roman("No other variable of the caller's is the command's without "),
        bold("--env"),
        roman(". Those of "),
        bold("aril init"),
        roman(" are in "),
        bold("aril-init"),
        roman("(1)."),
    ]);
    heading(&mut page, "FILES");
    terms(
        &mut page,
        &[
            ("/run/aril", "Records of root's containers that have a name."),
            ("$XDG_RUNTIME_DIR/aril, /run/user/UID/aril", "Those of an ordinary user."),
            ("/etc/subuid, /etc/subgid", "Ids that an ordinary user may give to a container: subuid(5)."),
            (
                "/etc/aril/cmd, /etc/aril/boot, /etc/aril/modules",
                "In a machine: the command, parameters, and modules to load.",
            ),
        ],
    );
    heading(&mut page, "EXAMPLES");
    for line in table.run_end.lines().filter(|line| line.starts_with("  ")) {
        let (command, text) = line.trim().split_once("  ").expect("an example has its text");
        page.control("TP", []).text([bold(command)]).text([roman(text.trim())]);
    }
    page.control("PP", []).text([roman("A container with a name:")]);
    example(&mut page, &code(CONTAINERS, "Containers that run"));
    also(
        &mut page,
        &[
            "aril-init(1)",
            "namespaces(7)",
            "user_namespaces(7)",
            "cgroups(7)",
            "capabilities(7)",
            "signal(7)",
            "getrlimit(2)",
            "landlock(7)",
        ],
    );
    page.render()
}

pub fn aril_init(table: &Table) -> String {
    let mut page = Roff::new();
    let verb = table.verbs.iter().find(|verb| verb.name == "init").expect("the overview has it");
    let words = format!("[OPTIONS] {}", verb.usage);
    begin(&mut page, "ARIL-INIT", &format!("aril-init - the init of an image: {}", verb.text));
    heading(&mut page, "SYNOPSIS");
    page.control("nf", []).text(call("aril-init", &words)).text(call("aril init", &words)).control("fi", []);
    heading(&mut page, "DESCRIPTION");
    section(&mut page, INIT, "The init of an image", false);
    heading(&mut page, "OPTIONS");
    for option in &table.init {
        row(&mut page, option);
        page.text([roman(&option.text)]);
        if !option.is_small {
            page.text([roman("("), bold("aril init"), roman(" alone)")]);
        }
        // These print something, or are for the command line alone.
        if !["pause", "license", "version", "help"].contains(&option.long.as_str()) {
            let name = option.long.to_uppercase().replace('-', "_");
            page.control("br", []).text([roman("Variable: "), bold(format!("ARIL_{name}"))]);
        }
    }
    section(&mut page, INIT, "Options", false);
    for (title, name) in [
        ("Where to use it", "USES"),
        ("Signals", "SIGNALS"),
        ("The end", "THE END, AND EXIT STATUS"),
        ("What passes through", "ENVIRONMENT"),
    ] {
        heading(&mut page, name);
        section(&mut page, INIT, title, true);
    }
    also(&mut page, &["aril(1)", "signal(7)", "execve(2)", "prctl(2)"]);
    page.render()
}

fn begin(page: &mut Roff, name: &str, about: &str) {
    let version = concat!("aril ", env!("CARGO_PKG_VERSION"));
    page.control("\\\"", ["Made by: just pages. Change the table of options or docs/ instead."]);
    page.control("TH", [name, "1", DATE, version, "User Commands"]);
    // What is typed is never divided.
    page.control("nh", []).control("ad", ["l"]);
    heading(page, "NAME");
    page.text([roman(about)]);
}

fn heading(page: &mut Roff, text: &str) {
    page.control("SH", [text]);
}

/// How it is called.
fn call(name: &str, words: &str) -> Vec<Inline> {
    [vec![bold(name), roman(" ")], usage(words)].concat()
}

/// The tag of an option.
fn row(page: &mut Roff, option: &Choice) {
    let mut tag = Vec::new();
    for name in option.names() {
        if !tag.is_empty() {
            tag.push(roman(", "));
        }
        tag.push(bold(name));
    }
    if option.takes_next() {
        tag.push(roman(" "));
    }
    tag.extend(usage(&option.value));
    page.control("TP", []).text(tag);
}

/// `Exit status: the command's; 128+n if signal n ended it; 125 aril failed.`
fn statuses(page: &mut Roff, help: &str) {
    let line = help.lines().find_map(|line| line.strip_prefix("Exit status: ")).expect("the help has the statuses");
    for status in line.trim_end_matches('.').split("; ") {
        // The command's own stands first, and is no number.
        let is_number = status.starts_with(|letter: char| letter.is_ascii_digit());
        let (tag, text) = status.split_once(' ').filter(|_| is_number).unwrap_or((status, "it ran and exited"));
        page.control("TP", []).text([bold(tag)]).text([roman(text)]);
    }
}

fn list(options: &[&Choice]) -> Vec<Inline> {
    let names = options.iter().map(|option| vec![bold(option.names().join(", "))]);
    [names.collect::<Vec<_>>().join(&roman(", ")), vec![roman(".")]].concat()
}

fn terms(page: &mut Roff, rows: &[(&str, &str)]) {
    for (term, text) in rows {
        page.control("TP", []).text([bold(*term)]).text([roman(*text)]);
    }
}

fn also(page: &mut Roff, pages: &[&str]) {
    heading(page, "SEE ALSO");
    let name = |page: &&str| {
        let (name, number) = page.split_once('(').expect("a page has a section");
        vec![bold(name), roman(format!("({number}"))]
    };
    page.text(pages.iter().map(name).collect::<Vec<_>>().join(&roman(", ")));
    page.control("PP", []).text([
        roman("The documents in "),
        italic("docs/"),
        roman(" of the sources, which the above names."),
    ]);
}

/// Text lines no longer than a terminal's, as whoever reads the source wants them. What is not to be filled stays. A heading
/// begins a paragraph by itself.
pub fn tidy(page: &str) -> String {
    const WIDTH: usize = 78;
    let mut as_is = false;
    let mut folded = String::new();
    for line in page.lines() {
        match line {
            ".nf" => as_is = true,
            ".fi" => as_is = false,
            _ => {}
        }
        let before = folded.lines().next_back().unwrap_or_default();
        if line == ".PP" && before.starts_with(".S") {
            continue;
        }
        // What a tag is made of is one line, and what the page is called.
        let is_tag = before == ".TP" || before == ".SH NAME";
        let mut column = 0;
        for word in line.trim_end().split(' ') {
            let is_free = !as_is && !is_tag && !line.starts_with(['.', '\'']) && !word.is_empty();
            if column > 0 && is_free && column + word.len() >= WIDTH {
                folded.push('\n');
                column = 0;
                if word.starts_with(['.', '\'']) {
                    folded.push_str("\\&");
                }
            } else if column > 0 {
                folded.push(' ');
            }
            folded.push_str(word);
            column += word.len() + 1;
        }
        folded.push('\n');
    }
    folded
}
