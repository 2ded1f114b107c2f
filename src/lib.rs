//! aril: a container runner, an init and a VM's first process in one tiny file.
//!
//! Floors, lowest first. A file uses only what lies below it, and data goes one way:
//! argv -> `cli` -> `Spec`; machine -> `Host`; both -> `plan` -> `engine` -> `init` -> exit status.
#![cfg_attr(not(test), no_std)]
// `sys` alone may, and says of each use why it is sound.
#![deny(unsafe_code)]

/// The kernel's command line -> a machine that runs a command, and goes off.
#[cfg(feature = "boot")]
pub mod boot;
/// What of all this works on this machine, and what to do about the rest.
#[cfg(feature = "full")]
pub mod check;
/// argv -> `Spec`.
pub mod cli;
/// Carries a plan out: the launcher's side, the container's side, the hand-over between them.
pub mod engine;
/// What this machine is.
pub mod host;
/// PID 1: reap, forward, stop, exit status.
pub mod init;
/// (Spec, Host) -> steps, in order.
pub mod plan;
/// What a container is to be.
pub mod spec;
/// Running containers by name.
#[cfg(feature = "full")]
pub mod state;
/// Ground floor: one function per system call, and all `unsafe`.
pub mod sys;
/// Bytes and words, without the kernel.
pub mod text;
/// What is done with running containers.
#[cfg(feature = "full")]
pub mod visit;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Lowest first.
    const FLOORS: [&str; 12] =
        ["sys", "text", "spec", "host", "plan", "init", "state", "engine", "check", "visit", "cli", "boot"];

    /// Calls `each` with every source file below a path.
    fn walk(path: &Path, each: &mut dyn FnMut(&Path)) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), each);
            }
        } else {
            each(path);
        }
    }

    #[test]
    fn a_file_uses_only_what_lies_below_it() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut uses = 0;
        for (own, floor) in FLOORS.iter().enumerate() {
            // A folder, a file, or a file with its folder.
            let paths = [source.join(floor), source.join(format!("{floor}.rs"))];
            let mut look = |file: &Path| {
                let text = std::fs::read_to_string(file).unwrap();
                for (_, after) in text.match_indices("crate::").map(|(at, word)| (at, &text[at + word.len()..])) {
                    let name = after.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
                    if let Some(used) = FLOORS.iter().position(|floor| Some(*floor) == name) {
                        uses += 1;
                        assert!(used <= own, "{} uses {}, which lies above it", file.display(), FLOORS[used]);
                    }
                }
            };
            paths.iter().filter(|path| path.exists()).for_each(|path| walk(path, &mut look));
        }
        assert!(uses > 50, "the uses are found");
    }

    #[test]
    fn unsafe_is_said_in_sys_alone() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        walk(&source, &mut |file| {
            let text = std::fs::read_to_string(file).unwrap();
            let is_sys = file.starts_with(source.join("sys"));
            assert!(is_sys || !text.contains(concat!("allow(unsafe", "_code)")), "{}", file.display());
        });
    }
}
