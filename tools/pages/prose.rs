//! A section of a Markdown document as part of a manual page, so that what is said stands in one place.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

/// Adds what stands below the heading of this text, up to the next heading. Tables only where they are wanted: the rows of
/// options come from the table of options.
pub fn section(page: &mut Roff, document: &str, heading: &str, tables: bool) {
    let events = below(document, heading);
    let mut lines = Lines { page, line: Line::default(), in_item: false };
    let mut rest = events.into_iter();
    while let Some(event) = rest.next() {
        match event {
            Event::Start(Tag::Table(_)) => {
                let cells: Vec<Event> = rest.by_ref().take_while(|event| *event != Event::End(TagEnd::Table)).collect();
                if tables {
                    lines.table(&cells);
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                let code = rest.by_ref().take_while(|event| !matches!(event, Event::End(TagEnd::CodeBlock)));
                let code: String = code.filter_map(words).collect();
                example(lines.page, &code);
            }
            other => lines.event(&other),
        }
    }
}

/// The code of a section, each block as one text.
pub fn code(document: &str, heading: &str) -> String {
    let mut is_code = false;
    let mut code = String::new();
    for event in below(document, heading) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if is_code => code.push_str(&text),
            _ => {}
        }
    }
    code
}

/// Lines as they are, with an indent.
pub fn example(page: &mut Roff, code: &str) {
    page.control("PP", []).control("RS", ["4"]).control("nf", []);
    for line in code.lines() {
        page.text([roman(plain(line))]);
    }
    page.control("fi", []).control("RE", []);
}

/// What stands between a heading and the next one.
fn below<'d>(document: &'d str, heading: &str) -> Vec<Event<'d>> {
    let mut found = false;
    let mut events = Vec::new();
    let mut rest = Parser::new_ext(document, Options::ENABLE_TABLES);
    while let Some(event) = rest.next() {
        if let Event::Start(Tag::Heading { level, .. }) = event {
            if found {
                break;
            }
            found = title(&mut rest, level) == heading;
        } else if found {
            events.push(event);
        }
    }
    assert!(!events.is_empty(), "no document has a section {heading:?}: see tools/pages/page.rs");
    events
}

/// The text of a heading that has begun.
fn title<'d>(events: &mut impl Iterator<Item = Event<'d>>, level: HeadingLevel) -> String {
    let parts = events.take_while(|event| *event != Event::End(TagEnd::Heading(level)));
    parts.filter_map(words).collect()
}

fn words(event: Event) -> Option<String> {
    if let Event::Text(text) | Event::Code(text) = event { Some(text.to_string()) } else { None }
}

/// A page has ASCII alone, for every device.
fn plain(text: &str) -> String {
    let text = text.replace('\u{2026}', "...");
    assert!(text.is_ascii(), "a page has ASCII alone: {text}");
    text
}

/// A page that a section is added to.
struct Lines<'p> {
    page: &'p mut Roff,
    line: Line,
    in_item: bool,
}

impl Lines<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Start(Tag::Paragraph) if self.in_item => {}
            Event::Start(Tag::Paragraph) => drop(self.page.control("PP", [])),
            Event::Start(Tag::Item) => {
                self.page.control("IP", ["\\(bu", "2"]);
                self.in_item = true;
            }
            Event::End(TagEnd::Paragraph) => self.end(),
            Event::End(TagEnd::Item) => {
                self.end();
                self.in_item = false;
            }
            Event::Start(Tag::List(_)) | Event::End(TagEnd::List(_)) => {}
            other => self.line.add(other),
        }
    }

    fn end(&mut self) {
        if !self.line.parts.is_empty() {
            self.page.text(std::mem::take(&mut self.line).parts);
        }
    }

    /// A paragraph for each row: what it is about, and the other cells.
    fn table(&mut self, events: &[Event]) {
        let body = events.iter().position(|event| *event == Event::End(TagEnd::TableHead)).map_or(0, |at| at + 1);
        for row in events[body..].split(|event| *event == Event::End(TagEnd::TableRow)).filter(|row| !row.is_empty()) {
            let cells = row.split(|event| *event == Event::End(TagEnd::TableCell)).map(|cell| {
                let mut line = Line::default();
                cell.iter().for_each(|event| line.add(event));
                line.parts
            });
            let mut cells = cells.filter(|cell| !cell.is_empty());
            self.page.control("TP", []).text(cells.next().expect("a row has a cell"));
            self.page.text(cells.collect::<Vec<_>>().join(&roman("; ")));
        }
    }
}

/// A line that is put together.
#[derive(Default)]
struct Line {
    parts: Vec<Inline>,
    is_strong: bool,
}

impl Line {
    fn add(&mut self, event: &Event) {
        match event {
            Event::Text(text) if self.is_strong => self.parts.push(bold(plain(text))),
            Event::Text(text) => self.parts.push(roman(plain(text))),
            Event::Code(text) => self.parts.push(bold(plain(text))),
            Event::SoftBreak => self.parts.push(roman(" ")),
            Event::Start(Tag::Strong) => self.is_strong = true,
            Event::End(TagEnd::Strong) => self.is_strong = false,
            Event::Start(Tag::Emphasis | Tag::Link { .. } | Tag::TableRow | Tag::TableCell)
            | Event::End(TagEnd::Emphasis | TagEnd::Link) => {}
            other => panic!("tools/pages/prose.rs cannot say this in a page: {other:?}"),
        }
    }
}

/// A usage: what is typed as it is bold, what stands for something else italic.
pub fn usage(text: &str) -> Vec<Inline> {
    let mut line: Vec<Inline> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || "-_=".contains(letter);
        let same = |letter: char| is_word(letter) == is_word(first);
        let (part, after) = rest.split_at(rest.find(|letter| !same(letter)).unwrap_or(rest.len()));
        // `=` in `[=DIR]` is typed, and DIR is not.
        let (typed, named) = match part.split_once('=') {
            Some((name, value)) if is_word(first) => (&part[..=name.len()], value),
            _ => ("", part),
        };
        if !typed.is_empty() {
            line.push(bold(typed));
        }
        let is_name = named.starts_with(|letter: char| letter.is_ascii_uppercase());
        match named {
            "" => {}
            named if !is_word(first) => line.push(roman(named)),
            named if is_name => line.push(italic(named)),
            named => line.push(bold(named)),
        }
        rest = after;
    }
    line
}
