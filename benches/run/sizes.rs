//! How large each program is, and the libraries that it needs.

use crate::measure::{Found, NAIVE_FLOOR, Result, Row, relate};
use crate::peers::{INITS, PEERS};
use crate::place::Place;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const GROUP: &str = "sizes";

pub fn measure(place: &Place) -> Result<Found> {
    let mut found = Found::default();
    let containers = PEERS.iter().filter(|peer| !["aril identity", NAIVE_FLOOR].contains(&peer.name));
    let containers = containers.map(|peer| match peer.name {
        "aril" | "floor" => (peer.name, place.folder.join(peer.name)),
        "nspawn" => (peer.name, "systemd-nspawn".into()),
        name => (name, name.into()),
    });
    let inits = INITS.iter().filter_map(|init| Some((init.name, init.file(place)?.into())));
    let inits = inits.filter(|(name, _): &(&str, PathBuf)| *name != "aril init");
    found.rows.extend(sizes("container runners", containers, &mut found.notes)?);
    found.rows.extend(sizes("inits", inits, &mut found.notes)?);
    found.rows.extend(parts()?);
    Ok(found)
}

fn sizes<'n>(
    kind: &str,
    programs: impl Iterator<Item = (&'n str, PathBuf)>,
    notes: &mut Vec<String>,
) -> Result<Vec<Row>> {
    let (mut own, mut all) = (Vec::new(), Vec::new());
    for (name, file) in programs {
        let Some(path) = resolved(&file) else { continue };
        let size = fs::metadata(&path)?.len();
        let libraries = libraries(&path)?;
        let bytes = libraries.iter().map(|path| Ok(fs::metadata(path)?.len())).sum::<Result<u64>>()?;
        own.push(Row::new(GROUP, &format!("{kind}: the file"), name, "bytes", size as f64));
        all.push(Row::new(
            GROUP,
            &format!("{kind}: with the libraries that it needs"),
            name,
            "bytes",
            (size + bytes) as f64,
        ));
        let names: Vec<_> = libraries.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        let linked = if names.is_empty() { "static".into() } else { format!("needs {}", names.join(", ")) };
        let stripped = if is_stripped(&path) { "stripped" } else { "not stripped" };
        notes.push(format!("{GROUP}, {kind}: {name}: {linked}; {stripped}"));
    }
    relate(&mut own);
    relate(&mut all);
    Ok([own, all].concat())
}

/// What each module takes of our own binaries, as a test holds it (tests/behaviour/budgets.rs).
fn parts() -> Result<Vec<Row>> {
    const BINARIES: [&str; 3] = ["aril", "aril-init", "the smallest runner"];
    let table = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/budgets/bytes.txt"))?;
    let lines = table.lines().skip_while(|line| !line.starts_with("[by module")).skip(1);
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with('#')).collect();
    let mut rows = Vec::new();
    for (at, binary) in BINARIES.iter().enumerate() {
        for line in &lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (name, bytes) =
                words.split_at(words.len().checked_sub(BINARIES.len()).ok_or("a row has three figures")?);
            let bytes: f64 = bytes[at].parse()?;
            if bytes > 0.0 {
                rows.push(Row::new(GROUP, &format!("the parts of {binary}"), &name.join(" "), "bytes", bytes));
            }
        }
    }
    Ok(rows)
}

fn resolved(file: &Path) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    // An absolute path stays what it is.
    env::split_paths(&paths)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(file))
        .find(|path| path.is_file())
}

/// What the loader would take, and the loader.
fn libraries(path: &Path) -> Result<Vec<PathBuf>> {
    let text = Command::new("ldd").arg(path).output()?.stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    let library = |line: &str| {
        let path = line.rsplit_once("=> ").map_or(line, |(_, path)| path).split_whitespace().next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    Ok(text.lines().filter_map(library).collect())
}

fn is_stripped(path: &Path) -> bool {
    let sections = Command::new("readelf").args(["--section-headers", "--wide"]).arg(path).output();
    sections.is_ok_and(|output| !String::from_utf8_lossy(&output.stdout).contains(".symtab"))
}
