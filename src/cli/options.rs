//! The one table of options: parser, help and tests walk it.

use super::values::{Refused, Value};
use crate::spec::{Namespace, Spec};
use crate::sys::{Word, word};
use crate::text::sentence::Sentence;
use crate::text::t;

/// One option.
#[derive(Debug)]
pub struct Opt {
    pub long: Word<'static>,
    /// 0: there is none.
    pub short: u8,
    pub group: Group,
    /// What the value is called in the help; empty if there is none.
    pub value: Word<'static>,
    pub help: Sentence,
    /// A value that parses.
    #[cfg(test)]
    pub example: &'static str,
    /// Puts the value into the Spec.
    pub set: for<'a> fn(&mut Spec<'a>, Value<'a>) -> Result<(), Refused>,
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
    pub const ALL: &'static [(Self, Sentence)] = &[
        (Self::Root, t!("Root file system")),
        (Self::Identity, t!("Identity")),
        (Self::Namespaces, t!("Namespaces: private (a new one), host (the caller's) or ns:PATH (join)")),
        (Self::Process, t!("Process and privilege")),
        (Self::Look, t!("Looking on")),
    ];
}

macro_rules! options {
    ($($group:ident { $($long:literal $($short:literal)? $(= $value:literal ($example:literal))?, $help:literal, $set:expr;)* })*) => {
        /// Every option of `run` and `explain`.
        pub const OPTIONS: &[Opt] = &[$($(Opt {
            long: word($long),
            short: 0 $(+ $short)?,
            group: Group::$group,
            value: word(options!(@or c"" $($value)?)),
            help: t!($help),
            #[cfg(test)]
            example: options!(@or "" $($example)?),
            set: $set,
        },)*)*];
    };
    (@or $none:literal $some:literal) => { $some };
    (@or $none:literal) => { $none };
}

options! {
    Root {
        c"read-only", "the root file system cannot be written", |spec, _| { spec.read_only = true; Ok(()) };
        c"overlay", "writes go to a tmpfs and vanish at exit", |spec, _| { spec.overlay = true; Ok(()) };
        c"volume" b'v' = c"SRC:DST[:ro]" ("/etc:/mnt:ro"), "bind a file or directory of the host", |spec, value| {
            spec.volumes.push(value.volume()?); Ok(())
        };
        c"tmpfs" = c"DST[:OPTIONS]" ("/mnt:size=1m"), "mount an empty tmpfs: size=, mode=, nr_inodes=, nr_blocks=", |spec, value| {
            spec.tmpfs.push(value.tmpfs()?); Ok(())
        };
        c"fs" = c"LIST" ("proc,dev"), "its own file systems: proc,sys,dev (default: all) or none", |spec, value| {
            spec.file_systems = Some(value.file_systems()?); Ok(())
        };
        c"change-root" = c"HOW" ("chroot"), "pivot_root (default), chroot, or none: the host's root", |spec, value| {
            spec.change_root = value.change_root()?; Ok(())
        };
    }
    Identity {
        c"hostname" = c"NAME" ("box"), "host name (default: container)", |spec, value| {
            spec.hostname = Some(value.hostname()?); Ok(())
        };
        c"user" b'u' = c"USER[:GROUP]" ("1:1"), "run as this user, by number or by the image's names", |spec, value| {
            spec.user = Some(value.not_empty()?); Ok(())
        };
        c"workdir" b'w' = c"DIR" ("/tmp"), "working directory (default: /)", |spec, value| {
            spec.workdir = Some(value.absolute()?); Ok(())
        };
        c"env" b'e' = c"NAME[=VALUE]" ("A=b"), "set a variable, or pass the caller's on", |spec, value| {
            spec.environment.push(value.variable()?); Ok(())
        };
        c"uid-map" = c"IN:OUT:COUNT" ("0:0:1"), "map user ids (repeatable), or none", |spec, value| {
            value.add_map(&mut spec.uids)
        };
        c"gid-map" = c"IN:OUT:COUNT" ("0:0:1"), "map group ids (repeatable), or none", |spec, value| {
            value.add_map(&mut spec.gids)
        };
    }
    Namespaces {
        c"network" = c"WHICH" ("none"), "host (default: the host's network is SHARED), or none", |spec, value| {
            set(spec, Namespace::Network, value.or_none())
        };
        c"userns" = c"WHICH" ("host"), "user ids", |spec, value| set(spec, Namespace::User, value);
        c"mntns" = c"WHICH" ("private"), "mounts", |spec, value| set(spec, Namespace::Mount, value);
        c"pid" = c"WHICH" ("private"), "process ids", |spec, value| set(spec, Namespace::Pid, value);
        c"uts" = c"WHICH" ("host"), "host name", |spec, value| set(spec, Namespace::Uts, value);
        c"ipc" = c"WHICH" ("host"), "System V IPC and message queues", |spec, value| set(spec, Namespace::Ipc, value);
        c"cgroupns" = c"WHICH" ("host"), "view of cgroups", |spec, value| set(spec, Namespace::Cgroup, value);
        c"time" = c"WHICH" ("private"), "clocks (default: host)", |spec, value| set(spec, Namespace::Time, value);
        c"namespaces" = c"LIST" ("user,uts"), "exactly these are private: names as above, all, none", |spec, value| {
            value.namespaces(&mut spec.namespaces)
        };
    }
    Process {
        c"no-init", "the command is PID 1: no reaping, no default signals", |spec, _| { spec.init = false; Ok(()) };
        c"stop-timeout" = c"TIME" ("3s"), "from a stop request to SIGKILL (default: 10s)", |spec, value| {
            spec.stop_timeout = value.duration()?; Ok(())
        };
        c"cap-add" = c"NAME" ("net_admin"), "add a capability, or all", |spec, value| {
            spec.capabilities |= value.capability()?; Ok(())
        };
        c"cap-drop" = c"NAME" ("all"), "drop a capability, or all", |spec, value| {
            spec.capabilities &= !value.capability()?; Ok(())
        };
        c"preserve-fds" = c"N" ("0"), "pass on descriptors 3 to 2+N", |spec, value| {
            spec.preserve_fds = value.count()?; Ok(())
        };
        c"rm", "accepted: nothing is ever kept", nothing;
        c"interactive" b'i', "accepted: standard input is always passed on", nothing;
        c"tty" b't', "accepted: a terminal is found by itself", nothing;
        c"init", "accepted: aril is PID 1 anyway", |spec, _| { spec.init = true; Ok(()) };
    }
    Look {
        c"trace", "print each step with its microseconds", |spec, _| { spec.trace = true; Ok(()) };
        c"verbose", "print the command, user id and pid first", |spec, _| { spec.verbose = true; Ok(()) };
        c"help" b'h', "this text", nothing;
    }
}

fn nothing<'a>(_: &mut Spec<'a>, _: Value<'a>) -> Result<(), Refused> {
    Ok(())
}

fn set<'a>(spec: &mut Spec<'a>, kind: Namespace, value: Value<'a>) -> Result<(), Refused> {
    spec.namespaces[kind as usize] = value.source()?;
    Ok(())
}

/// The option whose name is at most two edits away, if a typing error is likely.
pub fn nearest(name: &[u8]) -> Option<&'static Opt> {
    const EDITS: usize = 2;
    if name.len() <= EDITS {
        return None;
    }
    (0..=EDITS).find_map(|limit| OPTIONS.iter().find(|option| is_near(name, option.long.bytes(), limit)))
}

/// Whether at most `edits` letters must be changed, added, left out or swapped with the next to make `a` into `b`.
fn is_near(a: &[u8], b: &[u8], edits: usize) -> bool {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len() <= edits,
        ([x, a @ ..], [y, b @ ..]) if x == y => is_near(a, b, edits),
        _ if edits == 0 => false,
        ([x, v, a @ ..], [y, w, b @ ..]) if x == w && v == y => is_near(a, b, edits - 1),
        ([_, after_a @ ..], [_, after_b @ ..]) => {
            is_near(after_a, after_b, edits - 1) || is_near(a, after_b, edits - 1) || is_near(after_a, b, edits - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_letters_occur_once() {
        for (at, option) in OPTIONS.iter().enumerate() {
            for other in &OPTIONS[..at] {
                assert_ne!(option.long, other.long);
                assert!(option.short == 0 || option.short != other.short, "{:?}", option.long);
            }
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_option() {
        for (typed, meant) in
            [("overlya", "overlay"), ("hostnme", "hostname"), ("raed-only", "read-only"), ("networkk", "network")]
        {
            assert_eq!(nearest(typed.as_bytes()).map(|option| option.long.bytes()), Some(meant.as_bytes()));
        }
        assert!(nearest(b"publish").is_none());
    }
}
