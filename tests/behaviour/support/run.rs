//! Runs a program as a test's caller: with a clean environment, a limit to its time, and all that it said kept.

use super::process;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::cell::Cell;
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What takes longer than this hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program about to be run.
pub struct Run {
    words: Vec<String>,
    uid: Option<u32>,
    dir: PathBuf,
    environment: Vec<(String, String)>,
    input: Option<Vec<u8>>,
    refused: Vec<Refusal>,
}

/// A system call that fails.
#[derive(Clone, Copy)]
pub struct Refusal {
    pub call: libc::c_long,
    pub errno: i32,
    pub when: When,
}

/// In which of its calls.
#[derive(Clone, Copy)]
pub enum When {
    Always,
    /// If it makes sense, as where the kernel itself refuses it: the arguments are not all ones.
    Sensible,
    /// The same, with any of these flags for its first argument.
    Flags(u32),
    /// With any of these flags, sensible or not, as a filter sees them.
    AnyFlags(u32),
    /// With this for the argument of this number.
    Argument(u32, u32),
}

impl Run {
    pub fn new(program: &str, words: &[&str], uid: Option<u32>) -> Self {
        let words = [program].iter().chain(words).map(ToString::to_string).collect();
        let run = Self { words, uid, dir: "/".into(), environment: Vec::new(), input: None, refused: Vec::new() };
        run.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("TERM", "dumb")
    }

    /// Has another program start it: `under(&["setsid"])`.
    pub fn under(mut self, words: &[&str]) -> Self {
        self.words.splice(0..0, words.iter().map(ToString::to_string));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_string(), value.to_string()));
        self
    }

    pub fn dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.dir = path.into();
        self
    }

    /// As this user instead, with a group of the same number.
    pub fn uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// What it finds on its standard input; without this, nothing.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Refuses it a system call, as a container's filter, a security module or an initramfs would.
    pub fn refuse(self, call: libc::c_long, errno: i32) -> Self {
        self.refuse_when(call, errno, When::Always)
    }

    /// The same for some of its calls.
    pub fn refuse_when(mut self, call: libc::c_long, errno: i32, when: When) -> Self {
        self.refused.push(Refusal { call, errno, when });
        self
    }

    /// To its end.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        let input = self.input.take();
        let mut running = self.start();
        if let (Some(mut stdin), Some(input)) = (running.child.stdin.take(), input) {
            // What it does not read is no failure here: the test looks at what it did.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        running.finish()
    }

    /// Starts it, with a pipe at each standard stream.
    #[track_caller]
    pub fn start(self) -> Running {
        let shown = self.words.join(" ");
        let mut command = self.command();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{shown}: {error}"));
        let out = Stream::follow(child.stdout.take().expect("piped"));
        let err = Stream::follow(child.stderr.take().expect("piped"));
        Running { child, shown, out, err }
    }

    /// The command itself, for who has other plans with its streams.
    pub fn command(self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).current_dir(self.dir).env_clear().envs(self.environment);
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        for refusal in self.refused {
            // SAFETY: between fork and exec the closure makes system calls only, and allocates nothing.
            unsafe { command.pre_exec(move || refuse_from_now_on(refusal)) };
        }
        command
    }
}

/// A filter as seccomp(2) has it: one system call fails, all others pass.
fn refuse_from_now_on(refusal: Refusal) -> std::io::Result<()> {
    // Offsets in struct seccomp_data: the number, and the low half of an argument.
    const NUMBER: u32 = 0;
    let argument = |number: u32| 16 + 8 * number;
    let instruction = |parts: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: parts as u16, jt, jf, k };
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let jump = |kind, value, then, otherwise| instruction(libc::BPF_JMP | kind | libc::BPF_K, then, otherwise, value);
    let answer = |value| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, value);
    let call = refusal.call as u32;
    // What passes, and what of the rest does not: each an offset, a comparison and its value.
    let (nothing, nonsense) = ((NUMBER, libc::BPF_JEQ, !call), (argument(1), libc::BPF_JEQ, u32::MAX));
    let (passes, fails) = match refusal.when {
        When::Always => (nothing, (NUMBER, libc::BPF_JEQ, call)),
        When::Sensible => (nonsense, (NUMBER, libc::BPF_JEQ, call)),
        When::Flags(flags) => (nonsense, (argument(0), libc::BPF_JSET, flags)),
        When::AnyFlags(flags) => (nothing, (argument(0), libc::BPF_JSET, flags)),
        When::Argument(number, value) => (nothing, (argument(number), libc::BPF_JEQ, value)),
    };
    let mut filter = [
        load(NUMBER),
        jump(libc::BPF_JEQ, call, 0, 4),
        load(passes.0),
        jump(passes.1, passes.2, 2, 0),
        load(fails.0),
        jump(fails.1, fails.2, 1, 0),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_ERRNO | refusal.errno as u32),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `program` and the filter that it points to live past both calls; the kernel copies them.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// A program that runs while the test looks at it. Dropped, it is killed.
pub struct Running {
    child: Child,
    shown: String,
    out: Stream,
    err: Stream,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the child is not waited for yet");
    }

    /// Sends it a line.
    #[track_caller]
    pub fn send(&mut self, line: &str) {
        let sent = self.child.stdin.as_mut().expect("not closed yet").write_all(format!("{line}\n").as_bytes());
        sent.unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
    }

    /// Waits until it has printed this, after what was expected before.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        assert!(self.out.expect(text), "{text:?} never came\n{}", self.report());
    }

    /// The same on its standard error.
    #[track_caller]
    pub fn expect_error(&self, text: &str) {
        assert!(self.err.expect(text), "{text:?} never came\n{}", self.report());
    }

    /// What it has printed so far.
    pub fn said(&self) -> String {
        self.out.text()
    }

    /// aril's process inside, by its pid outside.
    #[track_caller]
    pub fn init(&self) -> u32 {
        *process::children(self.pid()).first().unwrap_or_else(|| panic!("no child\n{}", self.report()))
    }

    /// Waits for `sleep MARK` in it, and tells its pid outside.
    #[track_caller]
    pub fn sleeper(&self, mark: &str) -> u32 {
        super::eventually(&format!("sleep {mark}"), || {
            assert!(!['Z', '-'].contains(&process::state(self.pid())), "it has ended: {}", self.report());
            process::sleeper(mark).is_some()
        });
        process::sleeper(mark).expect("it sleeps for a year")
    }

    fn report(&self) -> String {
        format!("{}\n--- stdout:\n{}\n--- stderr:\n{}", self.shown, self.out.text(), self.err.text())
    }

    /// Closes its standard input and waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Outcome {
        drop(self.child.stdin.take());
        assert!(ends_in_time(&self.child), "this hangs: {}", self.report());
        let status = self.child.wait().expect("our own child");
        assert!(
            self.out.finish() && self.err.finish(),
            "a process that is left holds the output open: {}",
            self.report()
        );
        Outcome { shown: self.shown.clone(), status, out: self.out.bytes(), err: self.err.bytes() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago, and then both refuse.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn ends_in_time(child: &Child) -> bool {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("the child is not waited for yet");
    let patience = PATIENCE.try_into().expect("it is short");
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)).is_ok_and(|ready| ready == 1)
}

/// What a program has written so far; a thread of its own reads on.
pub struct Stream {
    written: Arc<(Mutex<Written>, Condvar)>,
    /// How far the test has looked.
    seen: Cell<usize>,
}

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    ended: bool,
}

impl Stream {
    pub fn follow(mut source: impl Read + Send + 'static) -> Self {
        let written = Arc::new((Mutex::new(Written::default()), Condvar::new()));
        let ours = Arc::clone(&written);
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            loop {
                // A terminal whose last user is gone answers EIO, which is an end as well.
                let count = source.read(&mut buffer).unwrap_or(0);
                let mut written = ours.0.lock().expect("no holder panics");
                written.bytes.extend_from_slice(&buffer[..count]);
                written.ended = count == 0;
                ours.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { written, seen: Cell::new(0) }
    }

    fn wait(&self, ready: impl Fn(&Written) -> bool) -> bool {
        let end = Instant::now() + PATIENCE;
        let mut written = self.written.0.lock().expect("no holder panics");
        while !ready(&written) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            written = self.written.1.wait_timeout(written, left).expect("no holder panics").0;
        }
        true
    }

    /// Waits for a text after the last one; false if it does not come.
    pub fn expect(&self, text: &str) -> bool {
        let find = |written: &Written| {
            let fresh = &written.bytes[self.seen.get()..];
            fresh.windows(text.len()).position(|window| window == text.as_bytes())
        };
        self.wait(|written| find(written).is_some() || written.ended);
        let found = find(&self.written.0.lock().expect("no holder panics"));
        self.seen.set(self.seen.get() + found.map_or(0, |at| at + text.len()));
        found.is_some()
    }

    /// Waits until the last writer is gone; false if it stays.
    pub fn finish(&self) -> bool {
        self.wait(|written| written.ended)
    }

    fn bytes(&self) -> Vec<u8> {
        self.written.0.lock().expect("no holder panics").bytes.clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// How a program ended and all that it said. Every check that fails prints the whole of it.
pub struct Outcome {
    shown: String,
    status: ExitStatus,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Outcome {
    #[track_caller]
    pub fn check(&self, so: bool, what: impl fmt::Display) -> &Self {
        assert!(so, "not so: {what}\n{self}");
        self
    }

    /// It exited with this status.
    #[track_caller]
    pub fn exited(&self, status: i32) -> &Self {
        self.check(self.status.code() == Some(status), format_args!("exit status {status}"))
    }

    /// It exited with 0 and had nothing to say on standard error.
    #[track_caller]
    pub fn ok(&self) -> &Self {
        self.exited(0).check(self.err.is_empty(), "nothing on standard error")
    }

    /// `ok`, and it printed just this.
    #[track_caller]
    pub fn prints(&self, text: impl AsRef<str>) -> &Self {
        self.ok().says(text)
    }

    /// `ok`, and among what it printed is this.
    #[track_caller]
    pub fn mentions(&self, text: impl AsRef<str>) -> &Self {
        let text = text.as_ref();
        self.ok().check(self.out().contains(text), format_args!("it prints {text:?} somewhere"))
    }

    /// It printed this, whatever its status.
    #[track_caller]
    pub fn says(&self, text: impl AsRef<str>) -> &Self {
        let text = text.as_ref().trim_end();
        self.check(self.out().trim_end() == text, format_args!("it prints {text:?}"))
    }

    /// It failed as aril fails: with this status, one line that has all of `words` (and ends in the errno, if one of them
    /// is in brackets), and at most one line of advice.
    #[track_caller]
    pub fn refused(&self, status: i32, words: &[&str]) -> &Self {
        self.exited(status).check(self.out.is_empty(), "nothing on standard output");
        let err = self.err();
        let lines: Vec<&str> = err.lines().collect();
        self.check(err.ends_with('\n') && (1..=2).contains(&lines.len()), "one line, and perhaps one of advice");
        self.check(lines[0].starts_with("aril: ") && !lines[0].starts_with("aril: aril"), "it says who speaks, once");
        for word in words {
            self.check(err.contains(word), format_args!("the message has {word:?}"));
            let errno = word.starts_with('(') && word.ends_with(')');
            self.check(!errno || lines[0].ends_with(word), format_args!("its first line ends in {word}"));
        }
        if let Some(advice) = lines.get(1) {
            self.check(advice.starts_with("      ") && !advice[6..].starts_with(' '), "the advice is indented by six");
        }
        self
    }

    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    pub fn out_bytes(&self) -> &[u8] {
        &self.out
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, status, .. } = self;
        write!(f, "{shown}\n{status}\n--- stdout:\n{}--- stderr:\n{}---", self.out(), self.err())
    }
}
