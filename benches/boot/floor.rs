//! The floor of the benchmark of `aril boot`: the kernel calls that make a machine just started ready for a program, run it
//! and switch the machine off, one after the other, as its first process. It reads no command line, looks at nothing and
//! plans nothing; an error is the status that it tells.
#![no_std]
#![no_main]

use aril::sys::file;
use aril::sys::mount::{self, Attributes};
use aril::sys::process::{self, Change, Pid};
use aril::sys::reboot::{Command, reboot};
use aril::sys::words::Start;
use aril::sys::{At, Errno, Result, Word, socket, terminal, tolerate, word};

aril::entry!(main);

fn main(_: Start) -> u8 {
    // Whoever starts it elsewhere by mistake does not lose his machine.
    if process::getpid() != Pid(1) {
        return Errno::EPERM.0 as u8;
    }
    let status = run().unwrap_or_else(|error| error.0 as u8);
    let digit = |place: u8| b'0' + status / place % 10;
    let mut line = *b"floor: exit status 000\n";
    let [.., hundreds, tens, ones, _] = &mut line;
    (*hundreds, *tens, *ones) = (digit(100), digit(10), digit(1));
    // Nobody else could be told.
    tolerate(file::write(At::STDOUT, &line).map(drop));
    // As PID 1 there is nothing behind it.
    tolerate(reboot(Command::PowerOff));
    status
}

const PROGRAMS_NO_DEVICES: Attributes = Attributes::NOSUID.and(Attributes::NODEV).and(Attributes::STRICTATIME);
const DATA: Attributes = Attributes::NOSUID.and(Attributes::NODEV).and(Attributes::NOEXEC);

/// What is mounted: whether the directory is missing, type, place, flags, options.
const MOUNTS: [(bool, Word, Word, Attributes, Word); 8] = [
    (
        false,
        word(c"devtmpfs"),
        word(c"/dev"),
        Attributes::NOSUID.and(Attributes::STRICTATIME),
        word(c"mode=0755,size=4m,nr_inodes=64k"),
    ),
    (true, word(c"devpts"), word(c"/dev/pts"), Attributes::NOSUID.and(Attributes::NOEXEC), word(c"mode=0620,gid=5")),
    (true, word(c"tmpfs"), word(c"/dev/shm"), PROGRAMS_NO_DEVICES, word(c"mode=1777,size=25%")),
    (false, word(c"proc"), word(c"/proc"), DATA, word(c"")),
    (false, word(c"sysfs"), word(c"/sys"), DATA, word(c"")),
    (false, word(c"cgroup2"), word(c"/sys/fs/cgroup"), DATA, word(c"nsdelegate,memory_recursiveprot")),
    (false, word(c"tmpfs"), word(c"/run"), PROGRAMS_NO_DEVICES, word(c"mode=0755,size=10%,nr_inodes=800k")),
    (false, word(c"tmpfs"), word(c"/tmp"), PROGRAMS_NO_DEVICES, word(c"mode=1777,size=25%,nr_inodes=1m")),
];
const LINKS: [(Word, Word); 4] = [
    (word(c"/proc/self/fd"), word(c"/dev/fd")),
    (word(c"/proc/self/fd/0"), word(c"/dev/stdin")),
    (word(c"/proc/self/fd/1"), word(c"/dev/stdout")),
    (word(c"/proc/self/fd/2"), word(c"/dev/stderr")),
];

fn run() -> Result<u8> {
    for (is_missing, kind, place, flags, options) in &MOUNTS {
        if *is_missing {
            file::mkdirat(At::CWD, *place, 0o755)?;
        }
        mount::mount(*kind, *place, *kind, *flags, *options)?;
    }
    for (target, place) in &LINKS {
        file::symlinkat(*target, At::CWD, *place)?;
    }
    process::sethostname(word(c"vm"))?;
    socket::loopback_up(socket::datagram()?.at())?;
    let child = process::start(&(), command)?;
    match process::wait_for(child)? {
        Change::Exited(status) => Ok(status),
        _ => Err(Errno::EINTR),
    }
}

/// The command's process, with the console as its terminal.
extern "C" fn command(_: &()) -> ! {
    let prepare = || {
        process::setsid()?;
        terminal::take(At::STDIN)
    };
    let environment = [
        word(c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        word(c"HOME=/root"),
        word(c"TERM=linux"),
    ];
    let [path, home, term] = environment.map(Some);
    let error = match prepare() {
        Ok(()) => process::execve(word(c"/probe"), &[Some(word(c"/probe")), None], &[path, home, term, None]),
        Err(error) => error,
    };
    process::exit(error.0 as u8)
}
