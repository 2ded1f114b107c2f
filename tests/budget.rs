//! Exact figures that are kept in tables, so that a change which moves one says so: `tests/budgets/*.txt`. A row is a name and its
//! numbers; a section may be of one kind of machine or compiler alone, which its title names after a `|`.
//!
//! `ARIL_BUDGETS=write cargo test …` writes the figures of this machine into the tables.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

/// A name and its figures, one for each column.
pub type Row = (String, Vec<u64>);

/// Why a table does not hold.
#[derive(Debug)]
pub enum Differs {
    /// It is of another kind of machine or compiler.
    Kind(String),
    Figures(String),
}

/// The columns of bounds that depend on it.
const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];

/// One file.
pub struct Table(&'static str);

/// Tests run side by side.
static WRITING: Mutex<()> = Mutex::new(());

impl Table {
    /// `tests/budgets/NAME.txt`.
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/budgets")).join(self.0).with_extension("txt")
    }

    fn lines(&self) -> Vec<String> {
        let path = self.path();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().map(ToString::to_string).collect()
    }

    /// What may not be exceeded, whatever the machine: in the section `at most`, which nobody rewrites.
    pub fn most(&self, name: &str) -> u64 {
        self.most_on(std::env::consts::ARCH, name)
    }

    /// The same of a program for this architecture: where that makes a difference, the row has a figure for each.
    pub fn most_on(&self, architecture: &str, name: &str) -> u64 {
        let lines = self.lines();
        let section = Section::find(&lines, "at most").unwrap_or_else(|| panic!("{}.txt has bounds", self.0));
        let row = section.rows(&lines).find(|(_, (key, _))| key == name);
        let (_, (_, figures)) = row.unwrap_or_else(|| panic!("{}.txt has a bound for {name}", self.0));
        let column = ARCHITECTURES.iter().position(|one| *one == architecture);
        match figures[..] {
            [all] => all,
            _ => figures[column.unwrap_or_else(|| panic!("{}.txt has bounds for {architecture}", self.0))],
        }
    }

    /// Compares a section with the figures of this machine, of this kind if that makes a difference.
    pub fn holds(&self, subject: &str, kind: Option<&str>, figures: &[Row]) -> Result<(), Differs> {
        let _one_at_a_time = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut lines = self.lines();
        let found = Section::find(&lines, subject);
        let title = kind.map_or(format!("[{subject}]"), |kind| format!("[{subject} | {kind}]"));
        if std::env::var("ARIL_BUDGETS").is_ok_and(|word| word == "write") {
            let (start, end) = found.map_or((lines.len(), lines.len()), |section| (section.title, section.end));
            let mut section = vec![title];
            // What is said of it stays.
            section.extend(lines[start..end].iter().filter(|line| line.starts_with('#')).cloned());
            section.extend(figures.iter().map(written));
            section.push(String::new());
            lines.splice(start..end, section);
            let text = lines.join("\n");
            fs::write(self.path(), text.trim_end().to_string() + "\n").expect("the sources can be written");
            return Ok(());
        }
        let wanted = || Differs::Figures(format!("tests/budgets/{}.txt has no section {title}; {HOW}", self.0));
        let section = found.ok_or_else(wanted)?;
        if lines[section.title] != title {
            return Err(Differs::Kind(format!(
                "tests/budgets/{}.txt has the figures of {}, and this is {title}: only its bounds were held",
                self.0, lines[section.title]
            )));
        }
        let differences = self.differences(&section, &lines, figures);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Differs::Figures(format!(
            "tests/budgets/{}.txt, {title}, if that is what you want:\n{differences}{HOW}",
            self.0
        )))
    }

    /// What to do with each line that is no longer so.
    fn differences(&self, section: &Section, lines: &[String], figures: &[Row]) -> String {
        let changed = section.rows(lines).filter_map(|(at, (key, old))| {
            let (number, line) = (at + 1, &lines[at]);
            match figures.iter().find(|(name, _)| *name == key) {
                None => Some(format!("line {number}: remove `{line}`\n")),
                Some(row) if row.1 != old => Some(format!("line {number}: `{line}`\n  becomes `{}`\n", written(row))),
                Some(_) => None,
            }
        });
        let is_new = |(name, _): &&Row| section.rows(lines).all(|(_, (key, _))| key != *name);
        let new = figures.iter().filter(is_new).map(|row| format!("in the section: add `{}`\n", written(row)));
        changed.chain(new).collect()
    }
}

const HOW: &str =
    "`ARIL_BUDGETS=write` before the command that runs this test writes it; say in the commit why it moved";

struct Section {
    title: usize,
    /// Behind its last line.
    end: usize,
}

impl Section {
    fn find(lines: &[String], subject: &str) -> Option<Self> {
        let is_of = |line: &String| {
            let title = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
            title.is_some_and(|title| title.split(" | ").next() == Some(subject))
        };
        let title = lines.iter().position(is_of)?;
        let after = lines[title + 1..].iter().position(|line| line.starts_with('['));
        Some(Self { title, end: after.map_or(lines.len(), |after| title + 1 + after) })
    }

    /// With the number of the line, from 0.
    fn rows<'l>(&self, lines: &'l [String]) -> impl Iterator<Item = (usize, Row)> + use<'l> {
        let own = lines.iter().enumerate().take(self.end).skip(self.title + 1);
        own.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(at, line)| (at, read(line)))
    }
}

/// A name may have single blanks in it.
fn read(line: &str) -> Row {
    let (name, figures) = line.split_once("  ").unwrap_or((line, ""));
    let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("no number in a table: {line}"));
    (name.to_string(), figures.split_whitespace().map(number).collect())
}

fn written((name, figures): &Row) -> String {
    let figures: String = figures.iter().map(|figure| format!("  {figure:8}")).collect();
    format!("{name:28}{figures}")
}
