//! The floor of the benchmark: the kernel calls that make and end the container of `aril run ROOTFS /bin/true`, one after
//! the other. It parses nothing, plans nothing and looks at nothing: `run.rs` tells it what aril would find out.
//!
//! `floor ROOTFS RESOLVER SETGROUPS UID_MAP GID_MAP -- PROTECTED… -- FILES… -- DIRECTORIES… -- DIRECTORIES…`: whether the
//! image has the mount point `/etc/resolv.conf` (`there`, `make`), whether groups may be set (`allow`, `deny`), the maps as
//! they are written, and what is made read-only and masked below `/proc`, and masked below `/sys`. It ends with the
//! command's status, or with the number of the error that it met.
#![no_std]
#![no_main]

use aril::plan::FILTER;
use aril::spec::usual_capabilities;
use aril::sys::file::{self, Open, Stat};
use aril::sys::heap::NoHeap;
use aril::sys::mount::{self, Attributes};
use aril::sys::process::{self, Change, Pid, Side};
use aril::sys::signal::{self, ALL, SignalSet};
use aril::sys::words::Start;
use aril::sys::{At, Errno, Fd, Result, Word, identity, poll, sandbox, socket, tolerate};
use core::array;
use core::ffi::CStr;
use linux_raw_sys::general as k;

aril::entry!(main, NoHeap, NoHeap);

fn main(start: Start) -> u8 {
    launch(start.arguments).unwrap_or_else(failed)
}

fn failed(error: Errno) -> u8 {
    error.0 as u8
}

const NAMESPACES: u32 =
    k::CLONE_NEWUSER | k::CLONE_NEWNS | k::CLONE_NEWPID | k::CLONE_NEWUTS | k::CLONE_NEWIPC | k::CLONE_NEWCGROUP;
const KILL: u8 = k::SIGKILL as u8;
const CHLD: u8 = k::SIGCHLD as u8;

const NO_SUID: Attributes = Attributes::NOSUID;
const DATA_ONLY: Attributes = NO_SUID.and(Attributes::NODEV).and(Attributes::NOEXEC);
const READ_ONLY: Attributes = DATA_ONLY.and(Attributes::RDONLY);

/// Outside, from the first call to the last.
fn launch(words: &'static [Word<'static>]) -> Result<u8> {
    let [_, rootfs, resolver, groups, uids, gids, ..] = words else { return Err(Errno::EINVAL) };
    let may_set_groups = groups.as_cstr() == c"allow";
    let mask = signal::set_mask(ALL)?;
    file::close_range(3, u32::MAX)?;
    let lacks = resolver.as_cstr() == c"make";
    let made = if lacks { Some(MountPoint::make(rootfs.as_cstr())?) } else { None };

    let [ours, theirs] = socket::pair()?;
    let (child, _pidfd) = match process::clone3(NAMESPACES.into())? {
        Side::Parent { child, pidfd } => (child, pidfd),
        Side::Child => {
            drop((ours, made));
            process::exit(contain(theirs, words, may_set_groups, mask).unwrap_or_else(failed))
        }
    };
    drop(theirs);
    write(&path(child, "uid_map"), uids.as_cstr().to_bytes())?;
    if !may_set_groups {
        write(&path(child, "setgroups"), b"deny")?;
    }
    write(&path(child, "gid_map"), gids.as_cstr().to_bytes())?;
    socket::send(ours.at(), b"G")?;
    socket::receive(ours.at(), &mut [0])?;

    let signals = signal::signalfd(ALL)?;
    let mut second = ours.at();
    let status = loop {
        let [signal, message] = poll::poll2([signals.at(), second], true)?;
        if message.hung_up {
            second = signals.at();
        }
        if !signal.readable || signal::read_signalfd(signals.at())?.is_none_or(|info| info.signal != CHLD) {
            continue;
        }
        if let Some((_, Change::Exited(status))) = process::wait_any()? {
            break status;
        }
    };
    if let Some(point) = made {
        point.remove()?;
    }
    Ok(status)
}

/// A mount point that the image lacks, without a trace in its times.
struct MountPoint {
    lock: Fd,
    etc: Fd,
    before: Stat,
}

impl MountPoint {
    fn make(rootfs: &CStr) -> Result<Self> {
        let lock = file::openat(At::CWD, rootfs, Open::DIRECTORY)?;
        file::lock_shared(lock.at())?;
        let etc = file::openat(lock.at(), c"etc", Open::PATH_DIRECTORY)?;
        let before = file::fstat(etc.at())?;
        file::make_file(etc.at(), c"resolv.conf", 0o1400)?;
        let made = file::openat(etc.at(), c"resolv.conf", Open::PATH_NOFOLLOW)?;
        file::restore_times(made.at(), &before)?;
        file::restore_times(etc.at(), &before)?;
        Ok(Self { lock, etc, before })
    }

    fn remove(self) -> Result<()> {
        file::try_lock_exclusive(self.lock.at())?;
        file::unlinkat(self.etc.at(), c"resolv.conf")?;
        file::restore_times(self.etc.at(), &self.before)
    }
}

fn write(path: &[u8], text: &[u8]) -> Result<()> {
    let path = CStr::from_bytes_until_nul(path).map_err(|_| Errno::EINVAL)?;
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

/// Inside, from "go" to the command's end.
fn contain(launcher: Fd, words: &[Word], may_set_groups: bool, mask: SignalSet) -> Result<u8> {
    let mut lists = words.split(|word| word.as_cstr() == c"--");
    let [first, protected, files, directories, in_sys] = array::from_fn(|_| lists.next().unwrap_or_default());
    let rootfs = first.get(1).ok_or(Errno::EINVAL)?.as_cstr();

    if socket::receive(launcher.at(), &mut [0])? == 0 {
        return Err(Errno::EPIPE);
    }
    if may_set_groups {
        identity::setgroups(&[])?;
    }
    process::set_parent_death_signal(KILL)?;
    if poll::poll2([launcher.at(), launcher.at()], false)?[0].hung_up {
        return Err(Errno::EPIPE);
    }
    process::set_not_dumpable()?;
    process::umask(0o022);
    mount::make_all_private()?;

    let root = mount::open_tree(At::CWD, rootfs, true)?;
    mount::move_mount(root.at(), At::CWD, c"/")?;

    let proc = new_tree(c"proc", &[], DATA_ONLY)?;
    attach(&proc, &root, c"/proc")?;
    for name in protected {
        let tree = mount::open_tree(proc.at(), name.as_cstr(), true)?;
        mount::mount_setattr(tree.at(), Attributes::RDONLY, true)?;
        mount::move_mount(tree.at(), proc.at(), name.as_cstr())?;
    }
    for name in files {
        let tree = mount::open_tree(At::CWD, c"/dev/null", false)?;
        mount::move_mount(tree.at(), proc.at(), name.as_cstr())?;
    }
    let empty = new_tree(c"tmpfs", &[(c"mode", c"0755")], Attributes::RDONLY)?;
    for name in directories {
        let tree = mount::open_tree(empty.at(), c"", false)?;
        mount::move_mount(tree.at(), proc.at(), name.as_cstr())?;
    }

    let sys = mount::open_tree(At::CWD, c"/sys", true)?;
    mount::mount_setattr(sys.at(), READ_ONLY, true)?;
    attach(&sys, &root, c"/sys")?;
    for name in in_sys {
        let tree = mount::open_tree(empty.at(), c"", false)?;
        mount::move_mount(tree.at(), sys.at(), name.as_cstr())?;
    }

    let dev = new_tree(c"tmpfs", &[(c"mode", c"0755"), (c"size", c"64m")], NO_SUID)?;
    attach(&dev, &root, c"/dev")?;
    for (source, name) in DEVICES {
        let tree = mount::open_tree(At::CWD, source, true)?;
        file::make_file(dev.at(), name, 0o644)?;
        mount::move_mount(tree.at(), dev.at(), name)?;
    }
    // The terminals' group exists where groups are mapped.
    let options = &[(c"ptmxmode", c"0666"), (c"mode", c"0620"), (c"gid", c"5")];
    let pts = new_tree(c"devpts", &options[..2 + usize::from(may_set_groups)], NO_SUID.and(Attributes::NOEXEC))?;
    file::mkdirat(dev.at(), c"pts", 0o755)?;
    mount::move_mount(pts.at(), dev.at(), c"pts")?;
    drop(pts);
    let shm = new_tree(c"tmpfs", &[(c"mode", c"1777"), (c"size", c"64m")], DATA_ONLY)?;
    file::mkdirat(dev.at(), c"shm", 0o755)?;
    mount::move_mount(shm.at(), dev.at(), c"shm")?;
    drop(shm);
    let mqueue = new_tree(c"mqueue", &[], DATA_ONLY)?;
    file::mkdirat(dev.at(), c"mqueue", 0o755)?;
    mount::move_mount(mqueue.at(), dev.at(), c"mqueue")?;
    drop(mqueue);
    for (name, target) in LINKS {
        file::symlinkat(target, dev.at(), name)?;
    }

    let resolver = mount::open_tree(At::CWD, c"/etc/resolv.conf", true)?;
    mount::mount_setattr(resolver.at(), READ_ONLY, true)?;
    attach(&resolver, &root, c"/etc/resolv.conf")?;
    drop(resolver);

    file::fchdir(root.at())?;
    mount::pivot_root_here()?;
    mount::detach(c".")?;
    drop((root, proc, empty, sys, dev));
    process::sethostname(c"container")?;

    process::start(&mask, execute)?;
    identity::set_capabilities(1 << k::CAP_KILL)?;
    socket::send(launcher.at(), b"S")?;
    let status = loop {
        if signal::wait(ALL, None)?.signal == CHLD {
            if let Some((_, Change::Exited(status))) = process::wait_any()? {
                break status;
            }
        }
    };
    for signal in [k::SIGHUP, k::SIGTERM, k::SIGCONT] {
        // Nobody is left (ESRCH).
        tolerate(process::kill_all_but_init(signal as u8));
    }
    Ok(status)
}

const DEVICES: [(&CStr, &CStr); 6] = [
    (c"/dev/null", c"null"),
    (c"/dev/zero", c"zero"),
    (c"/dev/full", c"full"),
    (c"/dev/random", c"random"),
    (c"/dev/urandom", c"urandom"),
    (c"/dev/tty", c"tty"),
];
const LINKS: [(&CStr, &CStr); 5] = [
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"ptmx", c"pts/ptmx"),
];

fn new_tree(kind: &CStr, options: &[(&CStr, &CStr)], attributes: Attributes) -> Result<Fd> {
    let context = mount::fsopen(kind)?;
    for (key, value) in options {
        mount::fsconfig_string(context.at(), key, value)?;
    }
    mount::fsconfig_create(context.at())?;
    mount::fsmount(context.at(), attributes)
}

/// Attaches a tree where no link of the image can lead out of it.
fn attach(tree: &Fd, root: &Fd, path: &CStr) -> Result<()> {
    let point = file::open_in_root(root.at(), path, Open::PATH)?;
    mount::move_mount(tree.at(), point.at(), c"")
}

/// The command's process.
extern "C" fn execute(mask: &SignalSet) -> ! {
    process::exit(failed(command(*mask)))
}

fn command(mask: SignalSet) -> Errno {
    let prepare = || {
        process::setsid()?;
        identity::limit_bounding(usual_capabilities())?;
        identity::set_capabilities(usual_capabilities())?;
        identity::set_no_new_privs()?;
        sandbox::set_seccomp_filter(FILTER)?;
        signal::set_mask(mask).map(drop)
    };
    let environment = [
        c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        c"HOME=/root",
        c"TERM=xterm",
        c"container=aril",
    ];
    let [path, home, term, container] = environment.map(|word| Some(Word::from(word)));
    match prepare() {
        Ok(()) => {
            process::execve(c"/bin/true", &[Some(c"/bin/true".into()), None], &[path, home, term, container, None])
        }
        Err(error) => error,
    }
}
