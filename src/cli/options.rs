//! The one table of options: parser, help and tests walk it.

use super::values::{Refused, Value};
use crate::spec::{Namespace, Overlay, Spec};
use crate::{full, full_text};
#[cfg(feature = "full")]
use crate::{
    spec::{RateKind, Resource, Set},
    text::t,
};

crate::option_table! {
    /// An option of `run` and `explain`.
    Opt, Spec<'a>, Value<'a>, Refused:
    "Root file system" {
        ReadOnly "read-only", "the root file system cannot be written", |spec, _| { spec.read_only = true; Ok(()) };
        Overlay "overlay" full "[=DIR]" ("kept") ", or stay in DIR", "writes go to a tmpfs and vanish at exit", |spec, value| {
            spec.overlay = if value.word.is_empty() { Overlay::Memory } else { Overlay::Kept(value.word) }; Ok(())
        };
        Volume "volume" b'v' = "SRC:DST[:ro]" ("/etc:/mnt:ro"), full_text!(
            "bind a file or directory of the host", "bind a file or directory of the host; :idmap shifts its owners too"
        ), |spec, value| {
            spec.volumes.push(value.volume()?); Ok(())
        };
        Tmpfs "tmpfs" = "DST[:OPTIONS]" ("/mnt:size=1m"), "mount an empty tmpfs: size=, mode=, nr_inodes=, nr_blocks=", |spec, value| {
            spec.new_mounts.push(value.tmpfs()?); Ok(())
        };
        FileSystems "fs" = "LIST" ("proc,dev"), "its own file systems: proc,sys,dev (default: all) or none", |spec, value| {
            spec.file_systems = Some(value.file_systems()?); Ok(())
        };
        ChangeRoot "change-root" = "HOW" ("chroot"), "pivot_root (default), chroot, or none: the host's root", |spec, value| {
            spec.change_root = value.change_root()?; Ok(())
        };
    }
    "Identity" {
        Hostname "hostname" = "NAME" ("box"), "host name (default: container)", |spec, value| {
            spec.hostname = Some(value.hostname()?); Ok(())
        };
        User "user" b'u' = "USER[:GROUP]" ("1:1"), "run as this user, by number or by the image's names", |spec, value| {
            spec.user = Some(value.user()?); Ok(())
        };
        Workdir "workdir" b'w' = "DIR" ("/tmp"), "working directory (default: /)", |spec, value| {
            spec.workdir = Some(value.absolute()?); Ok(())
        };
        Env "env" b'e' = "NAME[=VALUE]" ("A=b"), "set a variable, or pass the caller's on", |spec, value| {
            spec.environment.push(value.variable()?); Ok(())
        };
        UidMap "uid-map" = "IN:OUT:COUNT" ("0:0:1"), "map user ids (repeatable), or none", |spec, value| {
            value.add_map(&mut spec.uids)
        };
        GidMap "gid-map" = "IN:OUT:COUNT" ("0:0:1"), "map group ids (repeatable), or none", |spec, value| {
            value.add_map(&mut spec.gids)
        };
    }
    "Namespaces: private (a new one), host (the caller's) or ns:PATH (join)" {
        Network "network" = "WHICH" ("none"), "host (default: the host's network is SHARED), or none", |spec, value| {
            set(spec, Namespace::Network, value.or_none())
        };
        Userns "userns" = "WHICH" ("host"), full_text!("user ids", "user ids, or: auto (default), identity, IN:OUT:COUNT"), |spec, value| {
            #[cfg(feature = "full")]
            let value = value.or_id_maps(&mut spec.uids, &mut spec.gids)?;
            set(spec, Namespace::User, value)
        };
        Mntns "mntns" = "WHICH" ("private"), "mounts", |spec, value| set(spec, Namespace::Mount, value);
        Pid "pid" = "WHICH" ("private"), "process ids", |spec, value| set(spec, Namespace::Pid, value);
        Uts "uts" = "WHICH" ("host"), "host name", |spec, value| set(spec, Namespace::Uts, value);
        Ipc "ipc" = "WHICH" ("host"), "System V IPC and message queues", |spec, value| set(spec, Namespace::Ipc, value);
        Cgroupns "cgroupns" = "WHICH" ("host"), "view of cgroups", |spec, value| set(spec, Namespace::Cgroup, value);
        Time "time" = "WHICH" ("private"), "clocks (default: host)", |spec, value| set(spec, Namespace::Time, value);
        Namespaces "namespaces" = "LIST" ("user,uts"), "exactly these are private: names as above, all, none", |spec, value| {
            value.namespaces(&mut spec.namespaces)
        };
    }
    "Process and privilege" {
        NoInit "no-init", full_text!(
            "the command is PID 1: no reaping, no default signals, no --stop-timeout",
            "the command is PID 1: no reaping, no default signals, root's ids"
        ), |spec, _| { spec.init = false; Ok(()) };
        StopTimeout "stop-timeout" = "TIME" ("3s"), "from a stop request to SIGKILL (default: 10s)", |spec, value| {
            spec.stop_timeout = value.duration()?; Ok(())
        };
        CapAdd "cap-add" = "NAME" ("net_admin"), "add a capability, or all", |spec, value| {
            spec.capabilities |= value.capability()?; Ok(())
        };
        CapDrop "cap-drop" = "NAME" ("all"), "drop a capability, or all", |spec, value| {
            spec.capabilities &= !value.capability()?; Ok(())
        };
        PreserveFds "preserve-fds" = "N" ("0"), "pass on descriptors 3 to 2+N", |spec, value| {
            spec.preserve_fds = value.count()?; Ok(())
        };
        Rm "rm", full_text!("accepted: nothing is ever kept", "with --detach the exit status is not kept; nothing else ever is"),
            full!(nothing, |spec, _| { spec.forget = true; Ok(()) });
        Interactive "interactive" b'i', "accepted: standard input is always passed on",
            full!(nothing, |spec, _| { spec.interactive = true; Ok(()) });
        Tty "tty" b't', full!("accepted: a terminal is found by itself", "a terminal of its own, whatever the caller has"), terminal;
        Init "init", "accepted: aril is PID 1 anyway", |spec, _| { spec.init = true; Ok(()) };
    }
    "Looking on" {
        Trace "trace", "print each step with its microseconds", |spec, _| { spec.trace = true; Ok(()) };
        Verbose "verbose", "print the command, user id and pid first", |spec, _| { spec.verbose = true; Ok(()) };
        Help "help" b'h', "this text", nothing;
    }
    full
    "More to mount" {
        Mount "mount" = "type=...,dst=..." ("type=bind,src=/etc,dst=/mnt,ro"),
            "bind, overlay, tmpfs, proc, sysfs, mqueue, devpts: src=, dst=, ro, bind-propagation=", |spec, value| value.mount(spec);
    }
    "Devices" {
        Device "device" = "PATH[:DST][:rwm]" ("/dev/full:/dev/mine:rw"), "a device of the host, below the container's /dev", |spec, value| {
            spec.devices.push(value.device()?); Ok(())
        };
    }
    "Names of the network" {
        AddHost "add-host" = "NAME:IP" ("db:10.0.0.7"), "a line for /etc/hosts", |spec, value| {
            spec.hosts.push(value.host()?); Ok(())
        };
        Dns "dns" = "IP" ("10.0.0.1"), "name server, instead of the host's /etc/resolv.conf", |spec, value| {
            spec.name_servers.push(value.address()?); Ok(())
        };
    }
    "For programs" {
        StatusFd "status-fd" = "N" ("1"), "tell descriptor N of the start and the end, as JSON lines", |spec, value| {
            spec.status_fd = Some(value.count()?); Ok(())
        };
        Pidfile "pidfile" = "FILE" ("/tmp/pid"), "write there the process id of the container's init", |spec, value| {
            spec.pid_file = Some(value.not_empty()?); Ok(())
        };
        Stats "stats" = "[=FILE]" ("/tmp/stats"), "at the end tell what was used, as a JSON line: to FILE or standard error", |spec, value| {
            spec.stats = Some(value.word); Ok(())
        };
        ArgsFd "args-fd" = "N" ("0"), "first of all: options from descriptor N, with NULs; or @FILE, a line each", |_, _| {
            Err(t!("it comes first, as --args-fd=N"))
        };
    }
    "Names and the background: see aril ps, kill, wait" {
        Name "name" = "NAME" ("web"), "what it is called while it runs", |spec, value| {
            spec.name = Some(value.name()?); Ok(())
        };
        Detach "detach" b'd', "run in the background, and print the name", |spec, _| { spec.detach = true; Ok(()) };
        Log "log" = "FILE" ("/tmp/log"), "with --detach: append the output there (default: nowhere)", |spec, value| {
            spec.log = Some(value.not_empty()?); Ok(())
        };
    }
    "More of the process" {
        Ulimit "ulimit" = "NAME=SOFT[:HARD]" ("nofile=64"), "limit a resource: nofile, nproc, core, ... (getrlimit(2))", |spec, value| {
            let (resource, limit) = value.ulimit()?;
            value.put(spec, Set::HardLimit { resource, hard: limit.hard })?;
            value.put(spec, Set::Limit { resource, limit })
        };
        OomScoreAdj "oom-score-adj" = "N" ("100"), "-1000 to 1000: whom the OOM killer takes first", |spec, value| {
            value.within(-1000, 1000, t!("not from -1000 to 1000"))?; value.put(spec, Set::OomScore)
        };
        Nice "nice" = "N" ("5"), "-20 to 19: others come first", |spec, value| {
            value.put(spec, Set::Nice(value.within(-20, 19, t!("not from -20 to 19"))?))
        };
        CpuAffinity "cpu-affinity" = "LIST" ("0"), "run on these processors alone: 0-3,7", |spec, value| {
            value.put(spec, Set::Affinity(value.processors()?))
        };
        Umask "umask" = "MASK" ("027"), "what new files are not (default: 022)", |spec, value| {
            value.put(spec, Set::Umask(value.umask()?))
        };
        Domainname "domainname" = "NAME" ("example"), "NIS domain name", |spec, value| {
            value.hostname()?; value.put(spec, Set::Domainname)
        };
        GroupAdd "group-add" = "GROUP" ("5"), "one more group, by number or by the image's name", |spec, value| {
            spec.groups.push(value.not_empty()?); Ok(())
        };
        EnvFile "env-file" = "FILE" ("/dev/null"), "set the variables of a file: NAME[=VALUE], a line each", |spec, value| {
            spec.environment_files.push(value.not_empty()?); Ok(())
        };
        Timeout "timeout" = "TIME" ("30s"), "so long after the start kill everything, exit with 124", |spec, value| {
            spec.timeout = Some(value.time()?); Ok(())
        };
        StopSignal "stop-signal" = "SIGNAL" ("INT"), "what a stop request is for the command (default: TERM)", |spec, value| {
            spec.stop_signal = value.signal()?; Ok(())
        };
        SigProxy "sig-proxy" = "BOOL" ("false"), "false: signals are not passed on, and do nothing", |spec, value| {
            spec.passes_signals = value.boolean()?; Ok(())
        };
    }
    "Limits (control groups); -1: none" {
        Memory "memory" b'm' = "SIZE" ("64m"), "memory, and as much swap again; what needs more is killed", |spec, value| {
            value.ask(spec, Resource::Memory(value.most()?))
        };
        MemoryReservation "memory-reservation" = "SIZE" ("32m"), "memory that is taken away last", |spec, value| {
            value.ask(spec, Resource::MemoryReservation(value.most()?))
        };
        MemorySwap "memory-swap" = "SIZE" ("128m"), "memory and swap together", |spec, value| {
            value.ask(spec, Resource::MemorySwap(value.most()?))
        };
        PidsLimit "pids-limit" = "N" ("64"), "processes and threads", |spec, value| {
            value.ask(spec, Resource::Pids(value.most_of()?))
        };
        Cpus "cpus" = "N" ("0.5"), "time of so many processors", |spec, value| {
            value.ask(spec, Resource::Cpus(value.cpus()?))
        };
        CpuShares "cpu-shares" = "N" ("512"), "2 to 262144: weight beside others (default: 1024)", |spec, value| {
            value.ask(spec, Resource::CpuShares(value.within(2, 262_144, t!("not from 2 to 262144"))? as u64))
        };
        CpusetCpus "cpuset-cpus" = "LIST" ("0"), "these processors alone: 0-3,7", |spec, value| {
            value.ask(spec, Resource::CpusetCpus(value.set()?))
        };
        CpusetMems "cpuset-mems" = "LIST" ("0"), "memory of these nodes alone", |spec, value| {
            value.ask(spec, Resource::CpusetMems(value.set()?))
        };
        DeviceReadBps "device-read-bps" = "DEV:RATE" ("/dev/sda:1m"), "bytes in a second that are read from a disk", |spec, value| {
            value.rate(spec, RateKind::ReadBytes)
        };
        DeviceWriteBps "device-write-bps" = "DEV:RATE" ("/dev/sda:1m"), "that are written to it", |spec, value| {
            value.rate(spec, RateKind::WriteBytes)
        };
        DeviceReadIops "device-read-iops" = "DEV:N" ("/dev/sda:100"), "operations in a second: reads", |spec, value| {
            value.rate(spec, RateKind::ReadOperations)
        };
        DeviceWriteIops "device-write-iops" = "DEV:N" ("/dev/sda:100"), "writes", |spec, value| {
            value.rate(spec, RateKind::WriteOperations)
        };
        BlkioWeight "blkio-weight" = "N" ("500"), "10 to 1000: weight at disks (default: 100)", |spec, value| {
            value.ask(spec, Resource::BlkioWeight(value.within(10, 1000, t!("not from 10 to 1000"))? as u64))
        };
        Cgroup "cgroup" = "FILE=VALUE" ("memory.high=48m"), "write any file of the group", |spec, value| {
            value.ask(spec, value.cgroup_file()?)
        };
        CgroupParent "cgroup-parent" = "PATH" ("/lab"), "where the group is made (default, as root: /aril)", |spec, value| {
            spec.cgroup_parent = Some(value.cgroup()?); Ok(())
        };
        Cgroups "cgroups" = "WHEN" ("best"), "required (default), best: go on without, or off: no limit", |spec, value| {
            spec.cgroups = value.cgroups()?; Ok(())
        };
    }
    "Terminal: one of its own at a terminal" {
        NoTty "no-tty", "the caller's itself, handed over", |spec, _| { spec.tty = Some(false); Ok(()) };
    }
    "Walls" {
        Sandbox "sandbox" = "landlock" ("landlock"), "no namespaces, ROOTFS is /: writing is allowed in -v DIR:DIR alone", |spec, value| {
            spec.landlock_alone = value.landlock()?; Ok(())
        };
        SecurityOpt "security-opt" = "WALL=HOW" ("landlock=off"),
            "landlock=off: the host's abstract sockets; seccomp=unconfined or =/FILE: system calls", |spec, value| value.wall(spec);
        Denied "denied", "at the end list the system calls that the filter has refused", |spec, _| { spec.denied = true; Ok(()) };
    }
}

fn nothing<'a>(_: &mut Spec<'a>, _: Value<'a>) -> Result<(), Refused> {
    Ok(())
}

fn terminal<'a>(_spec: &mut Spec<'a>, _: Value<'a>) -> Result<(), Refused> {
    #[cfg(feature = "full")]
    {
        _spec.tty = Some(true);
    }
    Ok(())
}

fn set<'a>(spec: &mut Spec<'a>, kind: Namespace, value: Value<'a>) -> Result<(), Refused> {
    spec.namespaces[kind as usize] = value.source(kind)?;
    Ok(())
}

impl Opt {
    /// Whether it limits what a container uses, which can be changed while it runs.
    #[cfg(feature = "full")]
    pub fn is_limit(self) -> bool {
        (Self::Memory as usize..=Self::Cgroup as usize).contains(&(self as usize))
    }

    /// Whether `exec` has it too.
    pub const fn is_for_exec(self) -> bool {
        #[cfg(feature = "full")]
        if matches!(self, Self::EnvFile | Self::NoTty | Self::Denied) {
            return true;
        }
        use Opt::{Env, Help, Interactive, Trace, Tty, User, Verbose, Workdir};
        matches!(self, User | Workdir | Env | Tty | Interactive | Trace | Verbose | Help)
    }

    /// The option of nearly this name, if a typing error is likely.
    pub fn nearest(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|option| is_slip(name, option.long()))
    }
}

/// Whether the one is the other with one slip of the finger: beside what both begin and end with, at most two letters of
/// each are left.
fn is_slip(typed: &[u8], meant: &[u8]) -> bool {
    const LEFT: usize = 2;
    // Whoever types as little as that means something else.
    if typed.len() <= LEFT {
        return false;
    }
    let begin = typed.iter().zip(meant).take_while(|(a, b)| a == b).count();
    let end = typed.iter().rev().zip(meant.iter().rev()).take_while(|(a, b)| a == b).count();
    let longer = typed.len().max(meant.len());
    begin + end > 0 && begin + end + LEFT >= longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_letters_occur_once() {
        for (at, option) in Opt::ALL.iter().enumerate() {
            assert_eq!(Opt::named(option.long()), Some(*option));
            for other in &Opt::ALL[..at] {
                assert_ne!(option.long(), other.long());
                assert!(option.short() == 0 || option.short() != other.short(), "{option:?}");
            }
        }
        assert_eq!((Opt::named(b""), Opt::of_letter(b'Z')), (None, None));
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_option() {
        for (typed, meant) in
            [("overlya", "overlay"), ("hostnme", "hostname"), ("raed-only", "read-only"), ("networkk", "network")]
        {
            assert_eq!(Opt::nearest(typed.as_bytes()).map(Opt::long), Some(meant.as_bytes()));
        }
        for other in ["publish", "p", "d", "it", "ip"] {
            assert_eq!(Opt::nearest(other.as_bytes()), None, "{other}");
        }
    }
}
