//! The small C programs that tests run, static, so that they run in any root file system. In a VM there is no compiler: who
//! boots it brings along what its tests would compile.

use std::path::Path;
use std::process::Command;

/// Each by its name, with its sources below `tests/`.
const SOURCES: [(&str, &[&str]); 2] = [
    ("probe", &["behaviour/probe.c"]),
    (
        "attack",
        &["escape/attack/main.c", "escape/attack/files.c", "escape/attack/kernel.c", "escape/attack/processes.c"],
    ),
];

/// Compiles one of them, if there is this compiler.
pub fn compile(compiler: &str, name: &str, out: &Path) -> bool {
    let (_, sources) = SOURCES.iter().find(|(program, _)| *program == name).expect("it is in the table");
    let sources = sources.iter().map(|source| format!("{}/tests/{source}", env!("CARGO_MANIFEST_DIR")));
    let output = Command::new(compiler).args(["-static", "-O1", "-Wall", "-o"]).arg(out).args(sources).output();
    output.is_ok_and(|output| output.status.success())
}
