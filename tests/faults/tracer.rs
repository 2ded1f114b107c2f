//! Runs a program under ptrace(2), tells each system call that its processes make, and lets one of them fail or be the last.
//!
//! strace(1) injects faults too, but counts by process and can name none: what is the third openat(2) of the launcher would be
//! that of PID 1 as well, and one that the launcher does not survive would hide what PID 1 does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use std::{fs, io, mem, ptr, thread};

/// What takes longer hangs, however busy the machine is: the time passes only where something does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A system call: the process, by the order in which they were born, and which of its calls of this number it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Point {
    pub process: usize,
    pub call: i64,
    pub nth: usize,
}

/// A call that was made, and what it was about.
#[derive(Clone, Debug)]
pub struct Seen {
    pub point: Point,
    pub object: String,
}

/// What becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is not made, and this is the answer.
    Fail(i32),
    /// SIGKILL comes first.
    Kill,
}

/// What is not as usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    At(Point, Fault),
    /// The kernel is Linux 5.14.
    Old,
}

/// How it went.
pub struct Traced {
    /// Exit status, or 128 and the signal.
    pub status: i32,
    pub out: String,
    pub err: String,
    pub seen: Vec<Seen>,
    /// What the call was about that was changed, if it came to that.
    pub hit: Option<String>,
    /// Some process did not end by itself.
    pub hangs: bool,
}

/// One that is traced.
struct Tracee {
    /// In which order it was born.
    process: usize,
    /// It has not stopped yet.
    is_new: bool,
    /// What has executed another program is not looked at any more.
    foreign: bool,
    made: BTreeMap<i64, usize>,
    /// What its call is answered with.
    answer: Option<i64>,
    /// Where uname(2) writes to.
    name: Option<u64>,
}

/// Runs it to the end of its last process. `names`: what stands for a path of this run in what calls are about.
#[allow(dead_code, reason = "the suite of escapes changes no call")]
pub fn trace(command: Command, names: &[(&str, &str)], change: Option<Change>) -> Traced {
    follow(command, names, change, &mut |_| {})
}

/// The same as it is, while `meanwhile` is done before each call.
#[allow(dead_code, reason = "the suite of escapes does something")]
pub fn trace_while(command: Command, names: &[(&str, &str)], meanwhile: &mut dyn FnMut(&Seen)) -> Traced {
    follow(command, names, None, meanwhile)
}

#[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
fn follow(
    mut command: Command,
    names: &[(&str, &str)],
    change: Option<Change>,
    meanwhile: &mut dyn FnMut(&Seen),
) -> Traced {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let mut child = command.spawn().expect("the program can be executed");
    let root = child.id() as i32;
    let (done, is_done) = channel::<()>();
    let hangs = AtomicBool::new(false);
    let mut run = Run {
        root,
        change,
        meanwhile,
        names,
        tracees: BTreeMap::new(),
        ended: BTreeSet::new(),
        born: 0,
        seen: Vec::new(),
        hit: None,
        status: -1,
    };
    thread::scope(|scope| {
        let hangs = &hangs;
        scope.spawn(move || {
            // It ends with the other end of the channel.
            if is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                hangs.store(true, Ordering::Relaxed);
                kill_descendants(root);
            }
        });
        run.watch();
        drop(done);
    });
    let text = |stream: &mut dyn Read| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Traced {
        status: run.status,
        out: text(child.stdout.as_mut().expect("piped")),
        err: text(child.stderr.as_mut().expect("piped")),
        seen: run.seen,
        hit: run.hit,
        hangs: hangs.into_inner(),
    }
}

/// All that this process's threads trace have it for their tracer; those of one run are told by whom they come from, and one
/// whose parent has died by its process group or session.
fn kill_descendants(root: i32) {
    let field = |pid: i32, name: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::trim).map(str::to_string));
        line.and_then(|word| word.parse::<i32>().ok())
    };
    let tracer = field(root, "TracerPid:");
    for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // The tracer is a thread, which traces one run at a time.
        if pid == root || tracer.is_some_and(|tracer| tracer != 0 && field(pid, "TracerPid:") == Some(tracer)) {
            // SAFETY: no memory is touched.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

struct Run<'r> {
    root: i32,
    change: Option<Change>,
    meanwhile: &'r mut dyn FnMut(&Seen),
    names: &'r [(&'r str, &'r str)],
    tracees: BTreeMap<i32, Tracee>,
    ended: BTreeSet<i32>,
    born: usize,
    seen: Vec<Seen>,
    hit: Option<String>,
    status: i32,
}

const OPTIONS: i32 = libc::PTRACE_O_EXITKILL
    | libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC;

impl Run<'_> {
    /// Until there is none left.
    fn watch(&mut self) {
        // The first stop of the program itself comes before anything else of it.
        while self.born == 0 || !self.tracees.is_empty() {
            let mut status = 0;
            // SAFETY: `status` outlives the call. The other threads trace others.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
            if pid < 0 {
                return;
            }
            if libc::WIFSTOPPED(status) {
                self.stopped(pid, status);
                continue;
            }
            self.tracees.remove(&pid);
            self.ended.insert(pid);
            if pid == self.root {
                self.status =
                    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
            }
        }
    }

    fn stopped(&mut self, pid: i32, status: i32) {
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        let mut deliver = 0;
        if signal == libc::SIGTRAP | 0x80 {
            self.at_call(pid);
        } else if event == libc::PTRACE_EVENT_EXEC {
            let tracee = self.tracees.get_mut(&pid).expect("it was seen before");
            // The launcher may execute itself anew.
            tracee.foreign |= tracee.process != 0;
        } else if event != 0 {
            let mut child: libc::c_ulong = 0;
            request(libc::PTRACE_GETEVENTMSG, pid, 0, (&raw mut child).addr());
            let child = child as i32;
            // One that was killed meanwhile cannot be asked, and its child may have ended before.
            if child != 0 && !self.ended.contains(&child) {
                self.meet(child);
            }
        } else if self.meet(pid).is_new {
            // The first stop: of the program by SIGTRAP, of a child by SIGSTOP.
            self.meet(pid).is_new = false;
            request(libc::PTRACE_SETOPTIONS, pid, 0, OPTIONS as usize);
        } else {
            deliver = signal;
        }
        let foreign = self.tracees.get(&pid).is_some_and(|tracee| tracee.foreign);
        let go_on = if foreign { libc::PTRACE_CONT } else { libc::PTRACE_SYSCALL };
        request(go_on, pid, 0, deliver as usize);
    }

    /// A process that stops, or of which its parent's stop tells: either may come first.
    fn meet(&mut self, pid: i32) -> &mut Tracee {
        self.tracees.entry(pid).or_insert_with(|| {
            self.born += 1;
            Tracee {
                process: self.born - 1,
                is_new: true,
                foreign: false,
                made: BTreeMap::new(),
                answer: None,
                name: None,
            }
        })
    }

    /// Before a call or after it.
    fn at_call(&mut self, pid: i32) {
        // SAFETY: a structure of numbers.
        let mut info: libc::ptrace_syscall_info = unsafe { mem::zeroed() };
        let room = mem::size_of_val(&info);
        request(libc::PTRACE_GET_SYSCALL_INFO, pid, room, (&raw mut info).addr());
        let tracee = self.tracees.get_mut(&pid).expect("it was seen before");
        match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: it is the part that an entry fills.
                let entry = unsafe { info.u.entry };
                let (call, arguments) = (entry.nr as i64, entry.args);
                let nth = tracee.made.entry(call).or_insert(0);
                *nth += 1;
                let point = Point { process: tracee.process, call, nth: *nth };
                match self.change {
                    Some(Change::At(meant, fault)) if meant == point => {
                        self.hit = Some(object(pid, call, arguments, self.names));
                        match fault {
                            Fault::Fail(errno) => {
                                registers::skip_call(pid);
                                tracee.answer = Some(-i64::from(errno));
                            }
                            // SAFETY: no memory is touched.
                            Fault::Kill => drop(unsafe { libc::kill(pid, libc::SIGKILL) }),
                        }
                    }
                    Some(Change::At(..)) => {}
                    Some(Change::Old) => match old_answer(call, arguments) {
                        Some(answer) => {
                            self.hit = Some(String::new());
                            registers::skip_call(pid);
                            tracee.answer = Some(answer);
                        }
                        None => tracee.name = (call == libc::SYS_uname).then_some(arguments[0]),
                    },
                    None => {
                        let seen = Seen { point, object: object(pid, call, arguments, self.names) };
                        (self.meanwhile)(&seen);
                        self.seen.push(seen);
                    }
                }
            }
            _ => {
                if let Some(answer) = tracee.answer.take() {
                    registers::answer(pid, answer);
                }
                if let Some(name) = tracee.name.take() {
                    // The release is the third field (uname(2)).
                    let old = usize::from_ne_bytes(*b"5.14.0\0\0");
                    request(libc::PTRACE_POKEDATA, pid, name as usize + 2 * 65, old);
                }
            }
        }
    }
}

/// What Linux 5.14 answers to what it does not know: a later call, a structure that has grown, flags of later namespaces, trees
/// and mounts.
fn old_answer(call: i64, arguments: [u64; 6]) -> Option<i64> {
    /// memfd_secret(2), the last of its calls.
    const LAST: i64 = 447;
    /// The first version of landlock has one field of 8 bytes in a ruleset (landlock_create_ruleset(2)).
    const RULESET: u64 = 8;
    const VERSION: u64 = 1;
    let [_, second, third, ..] = arguments;
    match call {
        LAST.. => (call > LAST).then_some(-i64::from(libc::ENOSYS)),
        libc::SYS_landlock_create_ruleset if third == VERSION => Some(1),
        libc::SYS_landlock_create_ruleset if second > RULESET => Some(-i64::from(libc::E2BIG)),
        // Of open_tree(2): OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC and the flags of paths.
        libc::SYS_open_tree if third & !0x9_9901 != 0 => Some(-i64::from(libc::EINVAL)),
        libc::SYS_fsmount if second & !1 != 0 => Some(-i64::from(libc::EINVAL)),
        _ => None,
    }
}

/// What a call is about: its path, or what its descriptor is, or the file system, option or signal.
fn object(pid: i32, call: i64, arguments: [u64; 6], names: &[(&str, &str)]) -> String {
    let link = |number: u64| {
        let shown = format!("/proc/{pid}/fd/{}", number as i32);
        fs::read_link(shown).map(|path| path.display().to_string()).unwrap_or_default()
    };
    let at = |directory: u64, path: u64| {
        let path = text(pid, path);
        match directory as i32 {
            libc::AT_FDCWD => path,
            _ if path.is_empty() => link(directory),
            _ => format!("{} {path}", link(directory)),
        }
    };
    let [a, b, c, ..] = arguments;
    let raw = match call {
        libc::SYS_openat
        | libc::SYS_openat2
        | libc::SYS_newfstatat
        | libc::SYS_statx
        | libc::SYS_readlinkat
        | libc::SYS_mkdirat
        | libc::SYS_mknodat
        | libc::SYS_unlinkat
        | libc::SYS_utimensat
        | libc::SYS_fchmodat
        | libc::SYS_fchownat
        | libc::SYS_open_tree => at(a, b),
        // The mount of a descriptor has no path yet.
        libc::SYS_mount_setattr if is_program(pid, a) => "/proc/self/exe".to_string(),
        libc::SYS_mount_setattr => at(a, b),
        // landlock_create_ruleset(2): flags come with no ruleset.
        libc::SYS_landlock_create_ruleset if c != 0 => "version".to_string(),
        // struct landlock_path_beneath_attr (linux/landlock.h): rights of 8 bytes, then the descriptor.
        libc::SYS_landlock_add_rule => word(pid, c + 8).map_or_else(String::new, |fd| link(fd as i32 as u64)),
        libc::SYS_move_mount => at(c, arguments[3]),
        libc::SYS_symlinkat => at(b, c),
        libc::SYS_execve | libc::SYS_statfs | libc::SYS_umount2 | libc::SYS_chdir | libc::SYS_chroot => text(pid, a),
        libc::SYS_fsopen | libc::SYS_sethostname => text(pid, a),
        libc::SYS_fsconfig => text(pid, c),
        libc::SYS_flock if b as i32 == libc::LOCK_UN => format!("unlock {}", link(a)),
        libc::SYS_prctl | libc::SYS_keyctl => format!("{a}"),
        libc::SYS_kill => format!("{}", b as i32),
        libc::SYS_rt_sigaction => format!("{a}"),
        libc::SYS_close
        | libc::SYS_read
        | libc::SYS_pread64
        | libc::SYS_write
        | libc::SYS_fchdir
        | libc::SYS_ioctl
        | libc::SYS_fcntl
        | libc::SYS_flock
        | libc::SYS_getdents64
        | libc::SYS_fstatfs
        | libc::SYS_fchmod
        | libc::SYS_dup
        | libc::SYS_dup3
        | libc::SYS_setns => link(a),
        _ => String::new(),
    };
    plain(&raw, names)
}

/// A text without what differs from run to run: `names` stand for paths.
pub fn plain(text: &str, names: &[(&str, &str)]) -> String {
    let named = names.iter().fold(text.to_string(), |text, (path, name)| text.replace(path, name));
    without_numbers(&named)
}

/// Whether a descriptor is open on the program that has it.
fn is_program(pid: i32, fd: u64) -> bool {
    let identity = |name: String| fs::metadata(format!("/proc/{pid}/{name}")).ok().map(|file| (file.dev(), file.ino()));
    let program = identity("exe".to_string());
    program.is_some() && identity(format!("fd/{}", fd as i32)) == program
}

/// Process ids, inodes and random names are no part of what a call is about.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split_inclusive(['/', ':', ' ', '[', ']']) {
        let word = part.trim_end_matches(['/', ':', ' ', '[', ']']);
        let is_random = |word: &str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_digit());
        if number {
            plain.push('N');
        } else if is_random(word) || word.strip_prefix("aril-").is_some_and(is_random) {
            plain.push('X');
        } else {
            plain.push_str(word);
        }
        plain.push_str(&part[word.len()..]);
    }
    plain
}

/// A NUL-terminated text in its memory.
fn text(pid: i32, address: u64) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < 512 {
        let Some(word) = word(pid, address + bytes.len() as u64) else { break };
        let word = word.to_ne_bytes();
        let end = word.iter().position(|byte| *byte == 0);
        bytes.extend_from_slice(&word[..end.unwrap_or(word.len())]);
        if end.is_some() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is in its memory there. PTRACE_PEEKDATA asks what whoever called PTRACE_TRACEME may, who is not always root.
fn word(pid: i32, address: u64) -> Option<u64> {
    let mut word = [0; 8];
    let memory = fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    memory.read_exact_at(&mut word, address).ok()?;
    Some(u64::from_ne_bytes(word))
}

/// One that was killed meanwhile (ESRCH) is waited for next.
fn request(request: libc::c_uint, pid: i32, address: usize, data: usize) {
    // SAFETY: what the requests here write to is as large as they were told.
    unsafe { libc::ptrace(request, pid, ptr::without_provenance_mut::<u8>(address), data) };
}

/// A call that is not made, and its answer, as each machine has it (syscall(2)).
#[cfg(target_arch = "x86_64")]
mod registers {
    use std::mem::offset_of;

    pub fn skip_call(pid: i32) {
        super::request(libc::PTRACE_POKEUSER, pid, offset_of!(libc::user_regs_struct, orig_rax), usize::MAX);
    }

    pub fn answer(pid: i32, value: i64) {
        super::request(libc::PTRACE_POKEUSER, pid, offset_of!(libc::user_regs_struct, rax), value as usize);
    }
}

#[cfg(target_arch = "aarch64")]
mod registers {
    use std::mem::size_of;

    /// NT_ARM_SYSTEM_CALL (linux/elf.h).
    const SYSTEM_CALL: usize = 0x404;

    pub fn skip_call(pid: i32) {
        let mut none = -1i32;
        let mut part = libc::iovec { iov_base: (&raw mut none).cast(), iov_len: size_of::<i32>() };
        super::request(libc::PTRACE_SETREGSET, pid, SYSTEM_CALL, (&raw mut part).addr());
    }

    pub fn answer(pid: i32, value: i64) {
        // SAFETY: a structure of numbers.
        let mut all: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        let mut whole = libc::iovec { iov_base: (&raw mut all).cast(), iov_len: size_of::<libc::user_regs_struct>() };
        super::request(libc::PTRACE_GETREGSET, pid, libc::NT_PRSTATUS as usize, (&raw mut whole).addr());
        all.regs[0] = value as u64;
        super::request(libc::PTRACE_SETREGSET, pid, libc::NT_PRSTATUS as usize, (&raw mut whole).addr());
    }
}
