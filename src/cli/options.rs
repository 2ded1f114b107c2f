//! The one table of options: parser, help and tests walk it.

use super::values;
use crate::spec::{Namespace, Spec};
use alloc::string::String;
use core::ffi::CStr;

/// Why a value is refused.
pub type Refused = String;

/// One option.
#[derive(Debug)]
pub struct Opt {
    pub long: &'static str,
    pub short: Option<char>,
    /// What the value is called in the help, if there is one.
    pub value: Option<&'static str>,
    pub group: Group,
    pub help: &'static str,
    /// A value that parses.
    pub example: &'static str,
    /// Puts the value into the Spec.
    pub set: for<'a> fn(&mut Spec<'a>, &'a CStr) -> Result<(), Refused>,
}

/// The headings of the help, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    Root,
    Identity,
    Namespaces,
    Process,
    Look,
}

impl Group {
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Root, "Root file system"),
        (Self::Identity, "Identity"),
        (Self::Namespaces, "Namespaces: private (a new one), host (the caller's) or ns:PATH (join)"),
        (Self::Process, "Process and privilege"),
        (Self::Look, "Looking on"),
    ];
}

macro_rules! options {
    ($($group:ident { $($long:literal $($short:literal)? $(= $value:literal ($example:literal))?, $help:literal, $set:expr;)* })*) => {
        /// Every option of `run` and `explain`.
        pub const OPTIONS: &[Opt] = &[$($(Opt {
            long: $long,
            short: options!(@option $($short)?),
            value: options!(@option $($value)?),
            group: Group::$group,
            help: $help,
            example: options!(@text $($example)?),
            set: $set,
        },)*)*];
    };
    (@option $some:literal) => { Some($some) };
    (@option) => { None };
    (@text $some:literal) => { $some };
    (@text) => { "" };
}

options! {
    Root {
        "read-only", "the root file system cannot be written", |spec, _| { spec.read_only = true; Ok(()) };
        "overlay", "writes go to a tmpfs and vanish at exit", |spec, _| { spec.overlay = true; Ok(()) };
        "volume" 'v' = "SRC:DST[:ro]" ("/etc:/mnt:ro"), "bind a file or directory of the host", |spec, value| {
            spec.volumes.push(values::volume(value)?); Ok(())
        };
        "tmpfs" = "DST[:size=…,mode=…]" ("/mnt:size=1m"), "mount an empty tmpfs", |spec, value| {
            spec.tmpfs.push(values::tmpfs(value)?); Ok(())
        };
        "fs" = "LIST" ("proc,dev"), "its own file systems: proc,sys,dev (default: all) or none", |spec, value| {
            spec.file_systems = Some(values::file_systems(value)?); Ok(())
        };
        "change-root" = "HOW" ("chroot"), "pivot_root (default), chroot, or none: the host's root", |spec, value| {
            spec.change_root = values::change_root(value)?; Ok(())
        };
    }
    Identity {
        "hostname" = "NAME" ("box"), "host name (default: container)", |spec, value| {
            spec.hostname = Some(values::hostname(value)?); Ok(())
        };
        "user" 'u' = "USER[:GROUP]" ("1:1"), "run as this user, by number or by the image's names", |spec, value| {
            spec.user = Some(values::not_empty(value)?); Ok(())
        };
        "workdir" 'w' = "DIR" ("/tmp"), "working directory (default: /)", |spec, value| {
            spec.workdir = Some(values::absolute(value)?); Ok(())
        };
        "env" 'e' = "NAME[=VALUE]" ("A=b"), "set a variable, or pass the caller's on", |spec, value| {
            spec.environment.push(values::variable(value)?); Ok(())
        };
        "uid-map" = "IN:OUT:COUNT" ("0:0:1"), "map user ids (repeatable), or none", |spec, value| {
            values::add_map(&mut spec.uids, value)
        };
        "gid-map" = "IN:OUT:COUNT" ("0:0:1"), "map group ids (repeatable), or none", |spec, value| {
            values::add_map(&mut spec.gids, value)
        };
    }
    Namespaces {
        "network" = "WHICH" ("none"), "host (default: the host's network is SHARED), or none", |spec, value| {
            let value = if value == c"none" { c"private" } else { value };
            set(spec, Namespace::Network, value)
        };
        "userns" = "WHICH" ("host"), "user ids", |spec, value| set(spec, Namespace::User, value);
        "mntns" = "WHICH" ("private"), "mounts", |spec, value| set(spec, Namespace::Mount, value);
        "pid" = "WHICH" ("private"), "process ids", |spec, value| set(spec, Namespace::Pid, value);
        "uts" = "WHICH" ("host"), "host name", |spec, value| set(spec, Namespace::Uts, value);
        "ipc" = "WHICH" ("host"), "System V IPC and message queues", |spec, value| set(spec, Namespace::Ipc, value);
        "cgroupns" = "WHICH" ("host"), "view of cgroups", |spec, value| set(spec, Namespace::Cgroup, value);
        "time" = "WHICH" ("private"), "clocks (default: host)", |spec, value| set(spec, Namespace::Time, value);
        "namespaces" = "LIST" ("user,uts"), "exactly these are private: names as above, all, none", |spec, value| {
            values::namespaces(&mut spec.namespaces, value)
        };
    }
    Process {
        "no-init", "the command is PID 1: no reaping, no default signals", |spec, _| { spec.init = false; Ok(()) };
        "stop-timeout" = "TIME" ("3s"), "from a stop request to SIGKILL (default: 10s)", |spec, value| {
            spec.stop_timeout = values::duration(value)?; Ok(())
        };
        "cap-add" = "NAME" ("net_admin"), "add a capability, or all", |spec, value| {
            spec.capabilities |= values::capability(value)?; Ok(())
        };
        "cap-drop" = "NAME" ("all"), "drop a capability, or all", |spec, value| {
            spec.capabilities &= !values::capability(value)?; Ok(())
        };
        "preserve-fds" = "N" ("0"), "pass on descriptors 3 to 2+N", |spec, value| {
            spec.preserve_fds = values::number(value)?; Ok(())
        };
        "rm", "accepted: nothing is ever kept", nothing;
        "interactive" 'i', "accepted: standard input is always passed on", nothing;
        "tty" 't', "accepted: a terminal is found by itself", nothing;
        "init", "accepted: aril is always PID 1", nothing;
    }
    Look {
        "trace", "print each step with its microseconds", |spec, _| { spec.trace = true; Ok(()) };
        "verbose", "print the command, user id and pid first", |spec, _| { spec.verbose = true; Ok(()) };
        "help" 'h', "this text", nothing;
    }
}

fn nothing<'a>(_: &mut Spec<'a>, _: &'a CStr) -> Result<(), Refused> {
    Ok(())
}

fn set<'a>(spec: &mut Spec<'a>, kind: Namespace, value: &'a CStr) -> Result<(), Refused> {
    spec.namespaces[kind as usize] = values::source(value)?;
    Ok(())
}

/// The option whose name is at most two edits away, if a typing error is likely.
pub fn nearest(name: &[u8]) -> Option<&'static Opt> {
    const EDITS: usize = 2;
    let distance = |option: &&Opt| edits(name, option.long.as_bytes());
    OPTIONS.iter().filter(|option| name.len() > EDITS && distance(option) <= EDITS).min_by_key(distance)
}

/// How many letters must be changed, added, left out or swapped with the next to make `a` into `b`.
fn edits(a: &[u8], b: &[u8]) -> usize {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([x, a @ ..], [y, b @ ..]) if x == y => edits(a, b),
        ([x, v, a @ ..], [y, w, b @ ..]) if x == w && v == y => 1 + edits(a, b),
        // No word is so long that trying all ways would take time; a difference of lengths alone ends most.
        _ if a.len().abs_diff(b.len()) > 2 => 3,
        ([_, a1 @ ..], [_, b1 @ ..]) => 1 + edits_bounded(a1, b1).min(edits_bounded(a, b1)).min(edits_bounded(a1, b)),
    }
}

/// `edits`, given up where the words cannot come within two.
fn edits_bounded(a: &[u8], b: &[u8]) -> usize {
    let common = a.iter().zip(b).filter(|(x, y)| x == y).count();
    if a.len().abs_diff(b.len()) > 2 || common + 4 < a.len().min(b.len()) && a.first() != b.first() {
        return 3;
    }
    edits(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_letters_occur_once() {
        for (at, option) in OPTIONS.iter().enumerate() {
            for other in &OPTIONS[..at] {
                assert_ne!(option.long, other.long);
                assert!(option.short.is_none() || option.short != other.short, "{}", option.long);
            }
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_option() {
        for (typed, meant) in
            [("overlya", "overlay"), ("hostnme", "hostname"), ("raed-only", "read-only"), ("networkk", "network")]
        {
            assert_eq!(nearest(typed.as_bytes()).map(|option| option.long), Some(meant));
        }
        assert!(nearest(b"publish").is_none());
    }
}
