//! Pages of the documentation, read for their commands: these are run just as they stand there, and what they print is
//! compared to what the page says.
//!
//! On a page a block `sh` holds commands and the block `text` after it what they print, errors included. In that `‹x›` is
//! what differs from machine to machine or from run to run, a `…` what was left out of a line, and a `…` alone any lines or
//! none. Other kinds of blocks are not commands, and not looked at.

use super::{Folder, Outcome, Who, tool};
use std::path::Path;

/// Printed between blocks.
const END: &str = "--- the end of a block ---";

/// Commands, and what they print if the page says so.
pub struct Block {
    pub commands: String,
    pub printed: Option<String>,
}

/// A heading of the second order and the blocks below it. What comes before the first one has an empty heading.
pub struct Section {
    pub heading: String,
    pub blocks: Vec<Block>,
}

pub fn sections(page: &str) -> Vec<Section> {
    let mut sections = vec![Section { heading: String::new(), blocks: Vec::new() }];
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push(Section { heading: heading.to_string(), blocks: Vec::new() });
        }
        let Some(kind) = line.strip_prefix("```") else { continue };
        let text =
            lines.by_ref().take_while(|line| *line != "```").fold(String::new(), |text, line| text + line + "\n");
        let blocks = &mut sections.last_mut().expect("there is one from the start").blocks;
        match kind {
            "sh" => blocks.push(Block { commands: text, printed: None }),
            "text" => {
                let block = blocks.last_mut().filter(|block| block.printed.is_none()).expect("commands come before it");
                block.printed = Some(text);
            }
            _ => {}
        }
    }
    sections
}

/// All blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    sections(page).into_iter().flat_map(|section| section.blocks).collect()
}

/// What a clone has after `cargo build --release`, as far as the pages go, in a folder that the caller can reach.
pub fn a_clone(who: &Who) -> Folder {
    let clone = who.folder();
    let path = |name: &str| clone.join(name).display().to_string();
    tool("mkdir", &["-p", &path("target/release")]);
    for name in ["aril", "aril-init"] {
        tool("cp", &[&who.binary(name), &path(&format!("target/release/{name}"))]);
    }
    tool("cp", &["-r", concat!(env!("CARGO_MANIFEST_DIR"), "/rootfs"), &path("rootfs")]);
    tool("chown", &["-R", &format!("{}:{}", who.uid(), who.gid()), clone.str()]);
    clone
}

/// Runs these blocks one after the other in one shell, in this folder; `before` is run first, and its output is not
/// looked at.
#[track_caller]
pub fn run<'a>(who: &Who, folder: &Path, before: &str, blocks: impl IntoIterator<Item = &'a Block>) {
    let blocks: Vec<&Block> = blocks.into_iter().collect();
    let mut script = format!("exec 2>&1\n{before}\necho '{END}'\n");
    for block in &blocks {
        script += &format!("{}echo '{END}'\n", block.commands);
    }
    let outcome = who.program("bash", &["-c", &script]).dir(folder).run();
    compare(outcome.ok(), &blocks);
}

#[track_caller]
fn compare(outcome: &Outcome, blocks: &[&Block]) {
    let out = outcome.out();
    let printed: Vec<&str> = out.split_terminator(&format!("{END}\n")).skip(1).collect();
    outcome.check(printed.len() == blocks.len(), "every block came to its end");
    for (block, printed) in blocks.iter().zip(printed) {
        let said = block.printed.as_deref().unwrap_or_default();
        let as_said = are_as_said(&said.lines().collect::<Vec<_>>(), &printed.lines().collect::<Vec<_>>());
        outcome.check(as_said, format_args!("the commands\n{}print\n{said}and not\n{printed}", block.commands));
    }
}

/// Whether these lines are what the page says.
pub fn are_as_said(said: &[&str], lines: &[&str]) -> bool {
    match said {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|skipped| are_as_said(rest, &lines[skipped..])),
        [first, rest @ ..] => {
            matches!(lines, [line, more @ ..] if is_as_said(first, line) && are_as_said(rest, more))
        }
    }
}

fn is_as_said(said: &str, line: &str) -> bool {
    let Some(at) = said.find(['…', '‹']) else { return said == line };
    let (start, rest) = said.split_at(at);
    let after = if rest.starts_with('…') { '…' } else { '›' };
    let (_, rest) = rest.split_once(after).expect("what is opened is closed");
    let Some(line) = line.strip_prefix(start) else { return false };
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    ends.into_iter().any(|at| is_as_said(rest, &line[at..]))
}
