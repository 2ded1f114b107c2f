//! The floor of the benchmark: the kernel calls that make and end the container of `aril run ROOTFS COMMAND`, one after
//! the other. It parses nothing, plans nothing and looks at nothing but what it is to hide: `run/peers.rs` tells it what aril would
//! find out.
//!
//! `floor [naive] ROOTFS RESOLVER SETGROUPS UID_MAP GID_MAP NETWORK [volume SOURCE POINT]... [group PATH [FILE VALUE]...]...
//! -- COMMAND...`: whether the image has the mount point `/etc/resolv.conf` (`there`, `make`), whether groups may be set (`allow`, `deny`), the
//! maps as they are written (empty: no user namespace), and whether the network is shared or there is none (`host`, `none`). It
//! ends with the command's status, or with the number of the error that it met.
//!
//! It looks whether a secret is there before it makes what is to hide it: to close a mount that was attached nowhere waits for RCU.
//! With `naive` it does not look; where a secret is missing, that takes longer.
//!
//! With the feature `timed` it tells what each part took, in the words of `aril run --trace`, for `run/profile.rs`.
#![no_std]
#![no_main]

use aril::plan::filter::OF_USUAL_CAPABILITIES;
use aril::spec::USUAL_CAPABILITIES;
use aril::sys::file::{self, Open, Stat};
use aril::sys::mount::{self, Attributes};
use aril::sys::poll::{self, Watched};
use aril::sys::process::{self, Change, Pid, Side};
use aril::sys::sandbox::{self, SCOPE_SOCKETS};
use aril::sys::signal::{self, ALL, SignalSet};
use aril::sys::words::Start;
use aril::sys::{At, Errno, Fd, Result, Word, identity, socket, tolerate, word};
use linux_raw_sys::general as k;

aril::entry!(main);

/// A part of the work, and what `aril run --trace` calls it. Without the feature `timed` it is no more than what stands in it.
macro_rules! part {
    ($($word:expr),+ => $work:expr) => {{
        #[cfg(feature = "timed")]
        let begun = poll::now();
        let result = $work;
        #[cfg(feature = "timed")]
        tell(poll::now() - begun, &[$(Said::bytes(&$word)),+]);
        result
    }};
}

/// What a line of the trace consists of.
#[cfg(feature = "timed")]
trait Said {
    fn bytes(&self) -> &[u8];
}

#[cfg(feature = "timed")]
impl Said for &str {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

#[cfg(feature = "timed")]
impl Said for Word<'_> {
    fn bytes(&self) -> &[u8] {
        Word::bytes(*self)
    }
}

/// A line of the trace.
#[cfg(feature = "timed")]
fn tell(microseconds: u64, words: &[&[u8]]) {
    let mut line = [b' '; 160];
    let mut left = microseconds;
    for digit in line[..7].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let mut end = 7;
    for word in [b" us  ".as_slice()].iter().chain(words).chain([b"\n".as_slice()].iter()) {
        line[end..][..word.len()].copy_from_slice(word);
        end += word.len();
    }
    // Nobody reads it, if it fails.
    tolerate(file::write(At::STDERR, &line[..end]).map(drop));
}

fn main(start: Start) -> u8 {
    launch(start.arguments()).unwrap_or_else(failed)
}

fn failed(error: Errno) -> u8 {
    error.0 as u8
}

/// The most words of a command, with the end.
const WORDS: usize = 8;

const NAMESPACES: u32 = k::CLONE_NEWNS | k::CLONE_NEWPID | k::CLONE_NEWUTS | k::CLONE_NEWIPC | k::CLONE_NEWCGROUP;
const KILL: u8 = k::SIGKILL as u8;
const CHLD: u8 = k::SIGCHLD as u8;

const NO_PROGRAMS: Attributes = Attributes::NOSUID.and(Attributes::NOEXEC);
const DATA_ONLY: Attributes = NO_PROGRAMS.and(Attributes::NODEV);
const READ_ONLY: Attributes = DATA_ONLY.and(Attributes::RDONLY);
const DEVICE: Attributes = NO_PROGRAMS.and(Attributes::RDONLY);
const DEV: Attributes = Attributes::NOSUID.and(Attributes::NODEV);

/// Outside, from the first call to the last.
fn launch(words: &[Word]) -> Result<u8> {
    let [_, words @ ..] = words else { return Err(Errno::EINVAL) };
    let (is_naive, words) = match words {
        [first, rest @ ..] if first.bytes() == b"naive" => (true, rest),
        _ => (false, words),
    };
    let [rootfs, resolver, groups, uids, gids, network, ref rest @ ..] = *words else { return Err(Errno::EINVAL) };
    let end = rest.iter().position(|word| word.bytes() == b"--").ok_or(Errno::EINVAL)?;
    let (rest, command) = (&rest[..end], &rest[end + 1..]);
    let first_group = rest.iter().position(|word| word.bytes() == b"group").unwrap_or(rest.len());
    let (volumes, limits) = rest.split_at(first_group);
    let has_user_namespace = !uids.is_empty();
    let has_network = network.bytes() == b"none";
    let lacks = resolver.bytes() == b"make" && !has_network;
    part!("close descriptors from 3 upwards" => file::close_range(3, u32::MAX))?;
    let lock = if lacks { Some(lock(rootfs)?) } else { None };
    let mask = part!("block every signal" => signal::set_mask(ALL));
    let made = lock.map(MountPoint::make).transpose()?.flatten();

    let limits = Limits::make(limits)?;
    let mut namespaces = NAMESPACES;
    if has_user_namespace {
        namespaces |= k::CLONE_NEWUSER;
    }
    if has_network {
        namespaces |= k::CLONE_NEWNET;
    }

    let [ours, theirs] = socket::pair()?;
    let side = part!("clone into new namespaces: user mount pid uts ipc cgroup" => limits.clone(namespaces));
    let (child, _pidfd) = match side? {
        Side::Parent { child, pidfd } => (child, pidfd),
        Side::Child => {
            drop((ours, made));
            let asked = Asked {
                rootfs,
                volumes,
                command,
                has_network,
                is_limited: limits.is_there(),
                is_naive,
                has_groups: groups.bytes() == b"allow",
            };
            drop(limits);
            process::exit(contain(theirs, &asked, mask).unwrap_or_else(failed))
        }
    };
    drop(theirs);
    limits.enter(child)?;
    if has_user_namespace {
        part!("write uid_map" => write(&path(child, "uid_map"), uids.bytes()))?;
        if groups.bytes() == b"deny" {
            part!("deny setgroups" => write(&path(child, "setgroups"), b"deny"))?;
        }
        part!("write gid_map" => write(&path(child, "gid_map"), gids.bytes()))?;
    }
    part!("let the new process go on" => socket::send(ours.at(), b"G"))?;
    socket::receive(ours.at(), &mut [0])?;

    let signals = signal::signalfd(ALL)?;
    let mut inside_speaks = true;
    let status = loop {
        let mut watched = [Watched::READING; 2];
        watched[0].on(signals.at());
        if inside_speaks {
            watched[1].on(ours.at());
        }
        poll::poll(&mut watched, true)?;
        inside_speaks &= !watched[1].has_hung_up();
        if !watched[0].is_ready() || signal::read_signalfd(signals.at())?.is_none_or(|info| info.signal != CHLD) {
            continue;
        }
        if let Some(status) = ended()? {
            break status;
        }
    };
    limits.remove()?;
    if let Some(point) = made {
        point.remove()?;
    }
    Ok(status)
}

/// The status of the only child, once it has ended.
fn ended() -> Result<Option<u8>> {
    Ok(match process::wait_any()? {
        Some((_, Change::Exited(status))) => Some(status),
        Some((_, Change::Killed { signal, .. })) => Some(128 + signal),
        _ => None,
    })
}

/// The container's control groups: as many as there are hierarchies for it.
struct Limits<'w>([Option<(Word<'w>, Fd)>; 2]);

impl<'w> Limits<'w> {
    fn make(mut words: &[Word<'w>]) -> Result<Self> {
        let mut made = [const { None }; 2];
        for slot in &mut made {
            let [_, group, rest @ ..] = words else { break };
            file::mkdirat(At::CWD, *group, 0o755)?;
            let own = file::openat(At::CWD, *group, Open::DIRECTORY)?;
            words = rest;
            while let [name, value, rest @ ..] = words {
                if name.bytes() == b"group" {
                    break;
                }
                write_in(own.at(), *name, value.bytes())?;
                words = rest;
            }
            *slot = Some((*group, own));
        }
        Ok(Self(made))
    }

    fn is_there(&self) -> bool {
        self.0[0].is_some()
    }

    /// Into the group of version 2, if there is one.
    fn clone(&self, namespaces: u32) -> Result<Side> {
        let later = if self.is_there() { k::CLONE_NEWCGROUP } else { 0 };
        let unified = self.0.iter().flatten().find(|(_, own)| is_unified(own.at()));
        process::clone3_into((namespaces & !later).into(), unified.map(|(_, own)| own.at()))
    }

    /// Those of version 1.
    fn enter(&self, child: Pid) -> Result<()> {
        let path = path(child, "");
        let (_, digits) = path.split_at(b"/proc/".len());
        let digits = digits.split(|byte| *byte == b'/').next().unwrap_or_default();
        for (_, own) in self.0.iter().flatten().filter(|(_, own)| !is_unified(own.at())) {
            write_in(own.at(), word(c"cgroup.procs"), digits)?;
        }
        Ok(())
    }

    fn remove(self) -> Result<()> {
        self.0.iter().flatten().try_for_each(|(path, _)| file::rmdirat(At::CWD, *path))
    }
}

fn is_unified(group: At) -> bool {
    file::fstatat(group, word(c"cgroup.events")).is_ok()
}

fn write_in(group: At, name: Word, text: &[u8]) -> Result<()> {
    let file = file::openat(group, name, Open::WRITE)?;
    file::write(file.at(), text).map(drop)
}

fn lock(rootfs: Word) -> Result<Fd> {
    let lock = file::openat(At::CWD, rootfs, Open::DIRECTORY)?;
    file::try_lock_shared(lock.at())?;
    Ok(lock)
}

/// A mount point that the image lacks, without a trace in its times.
struct MountPoint {
    lock: Fd,
    etc: Fd,
    before: Stat,
}

impl MountPoint {
    /// `None`: another container has one there.
    fn make(lock: Fd) -> Result<Option<Self>> {
        let etc = file::openat(lock.at(), word(c"etc"), Open::PATH_DIRECTORY)?;
        let before = file::fstat(etc.at())?;
        match file::make_file(etc.at(), word(c"resolv.conf"), 0o1400) {
            Err(Errno::EEXIST) => return Ok(None),
            result => result?,
        }
        let made = file::openat(etc.at(), word(c"resolv.conf"), Open::PATH_NOFOLLOW)?;
        file::restore_times(made.at(), &before)?;
        file::restore_times(etc.at(), &before)?;
        Ok(Some(Self { lock, etc, before }))
    }

    fn remove(self) -> Result<()> {
        match file::try_lock_exclusive(self.lock.at()) {
            // Another one uses it; aril removes what has this mode, where it is alone.
            Err(Errno::EAGAIN) => return Ok(()),
            result => result?,
        }
        file::unlinkat(self.etc.at(), word(c"resolv.conf"))?;
        file::restore_times(self.etc.at(), &self.before)
    }
}

fn write(path: &[u8], text: &[u8]) -> Result<()> {
    let path = Word::in_bytes(path).ok_or(Errno::EINVAL)?;
    let file = file::openat(At::CWD, path, Open::WRITE)?;
    file::write(file.at(), text).map(drop)
}

/// `/proc/PID/NAME`, with zeros behind.
fn path(Pid(pid): Pid, name: &str) -> [u8; 40] {
    let mut path = [0; 40];
    let digits = (1..10).rev().map(|power| pid / 10i32.pow(power)).filter(|left| *left != 0).chain([pid]);
    let digits = digits.map(|left| b'0' + (left % 10) as u8);
    let bytes = b"/proc/".iter().copied().chain(digits).chain([b'/']).chain(name.bytes());
    path.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    path
}

/// What the container is to be.
struct Asked<'w> {
    rootfs: Word<'w>,
    /// `volume SOURCE POINT` each.
    volumes: &'w [Word<'w>],
    command: &'w [Word<'w>],
    has_network: bool,
    is_limited: bool,
    is_naive: bool,
    has_groups: bool,
}

/// Inside, from "go" to the command's end.
fn contain(launcher: Fd, asked: &Asked, mask: SignalSet) -> Result<u8> {
    if part!("hide the command line, and wait until the launcher says go" => socket::receive(launcher.at(), &mut [0]))?
        == 0
    {
        return Err(Errno::EPIPE);
    }
    if asked.has_groups {
        part!("leave the supplementary groups" => identity::setgroups(&[]))?;
    }
    part!("die when the launcher dies" => die_with(&launcher))?;
    if asked.is_limited {
        process::unshare(k::CLONE_NEWCGROUP)?;
    }
    match part!("begin a session keyring of its own" => identity::join_session_keyring()) {
        // The kernel has no keys, or an outer container's filter refuses them.
        Err(Errno::ENOSYS | Errno::EPERM) => {}
        result => result?,
    }
    part!("leave the launcher's process group" => process::new_process_group())?;
    part!("hide this process's memory and executable" => process::set_not_dumpable())?;
    part!("set the umask to 022" => process::umask(0o022));
    part!("make every mount private" => mount::make_all(mount::Propagation::Private))?;

    let root = part!("bind the root file system" => new_root(asked.rootfs))?;

    let empty = part!("put an empty directory and an empty file, which hide others, below /proc" => covers(&root))?;
    let proc = part!("mount proc on /proc nosuid,nodev,noexec" => {
        let proc = new_tree(word(c"proc"), &[], DATA_ONLY)?;
        attach(&proc, &root, word(c"/proc")).map(|()| proc)
    })?;
    for name in PROTECTED {
        if_there(part!("make /proc/", name, " read-only" => protect(&proc, name)))?;
    }
    let hide = |tree: &Fd, name, cover| {
        if !asked.is_naive {
            file::fstatat(tree.at(), name)?;
        }
        hide(tree, name, &empty, cover)
    };
    for name in HIDDEN_FILES {
        if_there(part!("hide /proc/", name => hide(&proc, name, word(c"file"))))?;
    }
    for name in HIDDEN_DIRECTORIES {
        if_there(part!("hide /proc/", name => hide(&proc, name, word(c"directory"))))?;
    }

    let sys = part!("bind /sys on /sys ro,nosuid,nodev,noexec" => new_sys(&root, asked.has_network))?;
    for name in HIDDEN_IN_SYS {
        if_there(part!("hide /sys/", name => hide(&sys, name, word(c"directory"))))?;
    }

    let dev = part!("mount tmpfs on /dev nosuid,nodev mode=0755,size=64m" => {
        let dev = new_tree(word(c"tmpfs"), &[(word(c"mode"), word(c"0755")), (word(c"size"), word(c"64m"))], DEV)?;
        attach(&dev, &root, word(c"/dev")).map(|()| dev)
    })?;
    for (source, name) in DEVICES {
        part!("bind ", source, " on ", source, " ro,nosuid,noexec" => device(&dev, source, name))?;
    }
    // The terminals' group exists where groups are mapped.
    let options = &[(word(c"ptmxmode"), word(c"0666")), (word(c"mode"), word(c"0620")), (word(c"gid"), word(c"5"))];
    let options = &options[..2 + usize::from(asked.has_groups)];
    part!("mount devpts on /dev/pts nosuid,noexec" => mount_in(&dev, word(c"pts"), word(c"devpts"), options, NO_PROGRAMS))?;
    let options = &[(word(c"mode"), word(c"1777")), (word(c"size"), word(c"64m"))];
    part!("mount tmpfs on /dev/shm nosuid,nodev,noexec mode=1777,size=64m"
        => mount_in(&dev, word(c"shm"), word(c"tmpfs"), options, DATA_ONLY))?;
    part!("mount mqueue on /dev/mqueue nosuid,nodev,noexec"
        => mount_in(&dev, word(c"mqueue"), word(c"mqueue"), &[], DATA_ONLY))?;
    part!("make the links of /dev"
        => LINKS.iter().try_for_each(|(name, target)| file::symlinkat(*target, dev.at(), *name)))?;

    for volume in asked.volumes.chunks_exact(3) {
        let tree = mount::open_tree(At::CWD, volume[1], true)?;
        mount::mount_setattr(tree.at(), DEV, true)?;
        attach(&tree, &root, volume[2])?;
    }
    if !asked.has_network {
        part!("bind /etc/resolv.conf on /etc/resolv.conf ro,nosuid,nodev,noexec" => resolver(&root))?;
    }
    part!("mount a file of the container's own on /etc/hosts nosuid,nodev,noexec" => hosts(&root, &empty))?;

    part!("pivot_root into it and detach the old root" => {
        file::fchdir(root.at())?;
        mount::pivot_root_here()?;
        mount::detach(word(c"."))
    })?;
    drop((root, proc, sys, dev, empty));
    part!("set the host name container" => process::sethostname(word(c"container")))?;
    if asked.has_network {
        socket::loopback_up(socket::datagram()?.at())?;
    }

    #[cfg(feature = "timed")]
    tell(0, &[b"start a process for the command"]);
    process::start(&(asked, mask), execute)?;
    identity::set_capabilities(1 << k::CAP_KILL)?;
    socket::send(launcher.at(), b"S")?;
    let status = loop {
        if signal::wait(ALL, None)?.signal == CHLD {
            if let Some(status) = ended()? {
                break status;
            }
        }
    };
    // Nobody is left (ESRCH).
    tolerate(process::kill_all_but_init(k::SIGHUP as u8));
    Ok(status)
}

/// From here on the launcher's end is this process's.
fn die_with(launcher: &Fd) -> Result<()> {
    process::set_parent_death_signal(KILL)?;
    let mut watched = [Watched::READING];
    watched[0].on(launcher.at());
    poll::poll(&mut watched, false)?;
    if watched[0].has_hung_up() { Err(Errno::EPIPE) } else { Ok(()) }
}

fn new_root(rootfs: Word) -> Result<Fd> {
    let root = mount::open_tree(At::CWD, rootfs, true)?;
    mount::mount_setattr(root.at(), Attributes::NODEV, true)?;
    mount::move_mount(root.at(), At::CWD, word(c"/"))?;
    Ok(root)
}

/// What is put over others, below /proc.
fn covers(root: &Fd) -> Result<Fd> {
    let empty = new_tree(word(c"tmpfs"), &[(word(c"mode"), word(c"0755"))], Attributes::NONE)?;
    file::mkdirat(empty.at(), word(c"directory"), 0o755)?;
    file::make_file(empty.at(), word(c"file"), 0o444)?;
    file::make_file(empty.at(), word(c"hosts"), 0o644)?;
    let hosts = file::openat(empty.at(), word(c"hosts"), Open::WRITE)?;
    file::write(hosts.at(), b"127.0.1.1 container\n127.0.0.1 localhost\n")?;
    drop(hosts);
    mount::mount_setattr(empty.at(), Attributes::RDONLY, true)?;
    attach(&empty, root, word(c"/proc"))?;
    Ok(empty)
}

/// Without a network of its own a user namespace may not have a new sysfs.
fn new_sys(root: &Fd, has_network: bool) -> Result<Fd> {
    let sys = if has_network {
        new_tree(word(c"sysfs"), &[], READ_ONLY)?
    } else {
        let sys = mount::open_tree(At::CWD, word(c"/sys"), true)?;
        mount::mount_setattr(sys.at(), READ_ONLY, true)?;
        sys
    };
    attach(&sys, root, word(c"/sys"))?;
    Ok(sys)
}

fn device(dev: &Fd, source: Word, name: Word) -> Result<()> {
    let tree = mount::open_tree(At::CWD, source, true)?;
    mount::mount_setattr(tree.at(), DEVICE, true)?;
    file::make_file(dev.at(), name, 0o644)?;
    mount::move_mount(tree.at(), dev.at(), name)
}

/// A new file system in a new directory of another one.
fn mount_in(dev: &Fd, name: Word, kind: Word, options: &[(Word, Word)], attributes: Attributes) -> Result<()> {
    let tree = new_tree(kind, options, attributes)?;
    file::mkdirat(dev.at(), name, 0o755)?;
    mount::move_mount(tree.at(), dev.at(), name)
}

fn resolver(root: &Fd) -> Result<()> {
    let resolver = mount::open_tree(At::CWD, word(c"/etc/resolv.conf"), true)?;
    mount::mount_setattr(resolver.at(), READ_ONLY, true)?;
    attach(&resolver, root, word(c"/etc/resolv.conf"))
}

fn hosts(root: &Fd, empty: &Fd) -> Result<()> {
    let hosts = mount::open_tree(empty.at(), word(c"hosts"), false)?;
    mount::make_writable(hosts.at(), DATA_ONLY)?;
    attach(&hosts, root, word(c"/etc/hosts"))
}

// The kernel's secrets, of which a machine has some.
const PROTECTED: [Word; 5] = [word(c"sys"), word(c"sysrq-trigger"), word(c"irq"), word(c"bus"), word(c"fs")];
const HIDDEN_FILES: [Word; 7] = [
    word(c"kcore"),
    word(c"keys"),
    word(c"interrupts"),
    word(c"latency_stats"),
    word(c"timer_list"),
    word(c"timer_stats"),
    word(c"sched_debug"),
];
const HIDDEN_DIRECTORIES: [Word; 4] = [word(c"acpi"), word(c"asound"), word(c"dynamic_debug"), word(c"scsi")];
const HIDDEN_IN_SYS: [Word; 7] = [
    word(c"firmware"),
    word(c"kernel/debug"),
    word(c"kernel/tracing"),
    word(c"kernel/security"),
    word(c"fs/bpf"),
    word(c"fs/pstore"),
    word(c"devices/virtual/powercap"),
];
const DEVICES: [(Word, Word); 6] = [
    (word(c"/dev/null"), word(c"null")),
    (word(c"/dev/zero"), word(c"zero")),
    (word(c"/dev/full"), word(c"full")),
    (word(c"/dev/random"), word(c"random")),
    (word(c"/dev/urandom"), word(c"urandom")),
    (word(c"/dev/tty"), word(c"tty")),
];
const LINKS: [(Word, Word); 5] = [
    (word(c"fd"), word(c"/proc/self/fd")),
    (word(c"stdin"), word(c"/proc/self/fd/0")),
    (word(c"stdout"), word(c"/proc/self/fd/1")),
    (word(c"stderr"), word(c"/proc/self/fd/2")),
    (word(c"ptmx"), word(c"pts/ptmx")),
];

fn new_tree(kind: Word, options: &[(Word, Word)], attributes: Attributes) -> Result<Fd> {
    let context = mount::fsopen(kind)?;
    for (key, value) in options {
        mount::fsconfig_string(context.at(), *key, *value)?;
    }
    mount::fsconfig_create(context.at())?;
    mount::fsmount(context.at(), attributes)
}

/// A part of a tree onto itself, read-only.
fn protect(tree: &Fd, name: Word) -> Result<()> {
    let part = mount::open_tree(tree.at(), name, true)?;
    mount::mount_setattr(part.at(), Attributes::RDONLY, true)?;
    mount::move_mount(part.at(), tree.at(), name)
}

/// Something empty onto a part of a tree.
fn hide(tree: &Fd, name: Word, empty: &Fd, cover: Word) -> Result<()> {
    let part = mount::open_tree(empty.at(), cover, false)?;
    mount::move_mount(part.at(), tree.at(), name)
}

/// Takes it that this machine lacks a secret.
fn if_there(result: Result<()>) -> Result<()> {
    if result == Err(Errno::ENOENT) { Ok(()) } else { result }
}

/// Attaches a tree where no link of the image can lead out of it.
fn attach(tree: &Fd, root: &Fd, path: Word) -> Result<()> {
    let point = file::open_in_root(root.at(), path, Open::PATH)?;
    mount::move_mount(tree.at(), point.at(), word(c""))
}

/// The command's process.
extern "C" fn execute((asked, mask): &(&Asked, SignalSet)) -> ! {
    process::exit(failed(command(asked, *mask)))
}

fn keep_sockets_out_of_reach() -> Result<()> {
    match sandbox::landlock_create_ruleset(0, SCOPE_SOCKETS) {
        Ok(ruleset) => sandbox::landlock_restrict_self(ruleset.at()),
        // The kernel has no scopes.
        Err(Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::E2BIG) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn command(asked: &Asked, mask: SignalSet) -> Errno {
    let prepare = || {
        part!("begin a session of its own" => process::setsid())?;
        part!("bound capabilities" => identity::limit_bounding(USUAL_CAPABILITIES))?;
        part!("set capabilities" => identity::set_capabilities(USUAL_CAPABILITIES))?;
        part!("set no_new_privs" => identity::set_no_new_privs())?;
        // Abstract sockets are the network namespace's.
        if !asked.has_network {
            part!("keep abstract sockets of the host out of reach" => keep_sockets_out_of_reach())?;
        }
        part!("filter system calls" => sandbox::set_seccomp_filter(OF_USUAL_CAPABILITIES))?;
        part!("restore the signals" => signal::set_mask(mask));
        #[cfg(feature = "timed")]
        tell(0, &[b"execute"]);
        Ok(())
    };
    let environment = [
        word(c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        word(c"HOME=/root"),
        word(c"TERM=xterm"),
        word(c"container=aril"),
    ];
    let [path, home, term, container] = environment.map(Some);
    let mut words = [None; WORDS];
    // One stays the end of the list.
    words[..WORDS - 1].iter_mut().zip(asked.command).for_each(|(to, word)| *to = Some(*word));
    match (prepare(), words[0]) {
        (Ok(()), Some(program)) => process::execve(program, &words, &[path, home, term, container, None]),
        (Ok(()), None) => Errno::EINVAL,
        (Err(error), _) => error,
    }
}
