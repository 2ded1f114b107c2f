//! The launcher between the caller's streams and the container's terminal: every byte both ways, the window's size, and the
//! modes of the caller's terminal, which is raw while this process has it, and only then. Where others use it too it is a `Mirror`.

use super::launcher::{CONT, Event, KILL, Launcher, TERM, TSTP, WINCH};
use super::mirror::{AGAIN, Mirror};
use super::terminal::copy_size;
use crate::host::{Streams, is_free};
use crate::init::TIMED_OUT;
use crate::sys::file::{self, Inward, Kind, Open, Outward};
use crate::sys::poll::{self, Watched};
use crate::sys::process;
use crate::sys::signal::{self, ALL, set_of};
use crate::sys::terminal::{self, Modes};
use crate::sys::{At, Errno, Fd, Result, Word, tolerate, word};

const CTRL_D: u8 = 4;

/// The launcher's view of it.
struct Relay<'l> {
    launcher: &'l Launcher,
    master: At<'l>,
    /// The caller's streams. A terminal is opened once more, so that what would have to wait there fails instead: his own
    /// description must not be changed to that, for it is his shell's too.
    input: At<'static>,
    output: At<'static>,
    /// Standard input is a terminal, and its modes are this process's to change.
    is_terminal: bool,
    /// The caller's is that of others too.
    mirror: Option<Mirror<'l>>,
    /// It is raw, and this process reads from it.
    is_raw: bool,
    /// Its modes before.
    modes: Option<Modes>,
    /// More may come in.
    is_open: bool,
    /// Some process inside has its terminal open.
    is_connected: bool,
    inside_speaks: bool,
    /// Ends before the command, and then that is killed.
    container: Option<At<'l>>,
    /// The signal by which the command was stopped.
    stopped: Option<u8>,
    /// Someone has asked for the end.
    was_asked: bool,
    /// The command's, once it has ended.
    status: Option<u8>,
    inward: Inward,
    outward: Outward,
}

/// Waits for the end, and leaves the caller's terminal as it was.
#[inline(never)]
pub fn watch(launcher: &Launcher, master: At, streams: Streams, signals: At) -> Result<u8> {
    let mirror = if streams.is_whole() {
        None
    } else {
        let caller = streams.first();
        // Who reads from /dev/null is given nothing else.
        let takes_lines = caller == 0 || file::fstat(At::STDIN).is_ok_and(|stat| stat.kind != Kind::Character);
        let input = again(caller, Open::READ_WRITE_NONBLOCK);
        Some(Mirror::of(master, At::STREAMS[caller], input, takes_lines)?)
    };
    let mut relay = Relay {
        launcher,
        master,
        // A mirror reads for itself.
        input: if mirror.is_some() { At::STDIN } else { again(0, Open::READ) },
        // Of several terminals all that is said is at one.
        output: match streams {
            _ if mirror.is_none() || streams.has(1) => again(1, Open::WRITE_NONBLOCK),
            _ if streams.has(2) => again(2, Open::WRITE_NONBLOCK),
            _ => again(0, Open::READ_WRITE_NONBLOCK),
        },
        is_terminal: mirror.is_none() && terminal::size(At::STDIN).is_ok(),
        is_raw: false,
        modes: None,
        is_open: mirror.is_none(),
        mirror,
        is_connected: true,
        inside_speaks: true,
        container: launcher.container.as_ref().map(Fd::at),
        stopped: None,
        was_asked: false,
        status: None,
        inward: Inward::EMPTY,
        outward: Outward::EMPTY,
    };
    let status = relay.watch(signals);
    relay.leave();
    status
}

/// A terminal once more. Not what is none: a file's offset is the caller's too, and a pipe that is ready takes as much as is
/// on its way without waiting.
fn again(number: usize, how: Open) -> At<'static> {
    const PATHS: [Word; 3] = [word(c"/proc/self/fd/0"), word(c"/proc/self/fd/1"), word(c"/proc/self/fd/2")];
    let stream = At::STREAMS[number];
    match terminal::size(stream).and_then(|_| file::openat(At::CWD, PATHS[number], how)) {
        Ok(private) => private.keep(),
        // Where it is another user's, or there is no /proc, a write waits for whoever reads the terminal.
        Err(_) => stream,
    }
}

impl Relay<'_> {
    #[inline(never)]
    fn watch(&mut self, signals: At) -> Result<u8> {
        let mut is_late = false;
        loop {
            if let Some(status) = self.status {
                // All that was written before the end goes its way first.
                while self.outward.is_empty() {
                    if !self.read_out() {
                        return Ok(status);
                    }
                }
            }
            // What a command wrote before it was stopped comes before what its shell says of that.
            if let (Some(signal), true) = (self.stopped, self.outward.is_empty()) {
                self.stopped = None;
                self.stop(signal);
            }
            if let (Some(mirror), None) = (&mut self.mirror, self.status) {
                mirror.attend(&mut self.inward, is_late);
            }
            if self.is_in_background() {
                self.look();
            }
            let mut watched = [
                Watched::READING,
                Watched::READING,
                Watched::WRITING,
                Watched::READING,
                Watched::WRITING,
                Watched::READING,
                Watched::READING,
                Watched::READING,
            ];
            let [signal, message, write_in, read_in, write_out, read_out, end, denied] = &mut watched;
            signal.on(signals);
            if let Some(container) = self.container {
                end.on(container);
            }
            if let Some(denials) = &self.launcher.denials {
                denials.watch(denied);
            }
            if self.inside_speaks {
                message.on(self.launcher.socket.at());
            }
            if !self.inward.is_empty() {
                write_in.on(self.master);
            } else if self.is_open && !self.is_in_background() {
                read_in.on(self.input);
            }
            if let (Some(mirror), None) = (&self.mirror, self.status) {
                read_in.on(mirror.typed.at());
            }
            if !self.outward.is_empty() {
                write_out.on(self.output);
            } else if self.is_connected {
                read_out.on(self.master);
            }
            let polled = match self.patience() {
                Some(microseconds) => poll::poll_within(&mut watched, microseconds),
                None => poll::poll(&mut watched, true),
            };
            match polled {
                Err(Errno::EINTR) => continue,
                result => result?,
            }
            is_late = !watched.iter().any(Watched::is_ready);
            if let (Some(status), true) = (self.status, is_late) {
                return Ok(status);
            }
            let [signal, message, write_in, read_in, write_out, read_out, end, denied] = &watched;
            if let Some(denials) = &self.launcher.denials {
                denials.answer(denied);
            }
            if end.is_ready() {
                self.container = None;
                self.launcher.to_group(KILL);
            }
            if write_in.is_ready() {
                match self.inward.write(self.master) {
                    Ok(()) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                    // EIO: nobody has the other end.
                    Err(_) => self.inward.drop(),
                }
            }
            if read_in.is_ready() {
                self.read_in();
            }
            if write_out.is_ready() {
                match self.outward.write(self.output) {
                    Ok(()) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                    // The caller's terminal is gone, or the reader of his pipe, of which SIGPIPE tells the command.
                    // What is the terminal may have been opened to be read.
                    Err(Errno::EIO | Errno::EPIPE | Errno::EBADF) => self.outward.drop(),
                    Err(errno) => return Err(errno),
                }
            }
            if read_out.is_ready() {
                self.read_out();
            }
            let mut event = Event::Nothing;
            if message.is_ready() {
                event = self.launcher.hear()?;
            } else if signal.is_ready() {
                event = self.launcher.take(signals)?;
            }
            match (event, self.status) {
                // The last words may be for a terminal that nobody reads.
                (Event::Signal(..=TERM), Some(status)) => return Ok(status),
                _ => self.handle(event),
            }
        }
    }

    /// For how many microseconds nothing may happen. After an end that was asked for, or that the time has brought, nobody may be
    /// there to read the last words. Else they wait for a reader, as in any pipeline.
    fn patience(&self) -> Option<u64> {
        let Some(status) = self.status else {
            if self.is_in_background() {
                return Some(AGAIN);
            }
            return self.mirror.as_ref().and_then(|mirror| mirror.patience(!self.inward.is_empty()));
        };
        let is_late = status == TIMED_OUT && self.launcher.killed.get() == KILL;
        (self.was_asked || is_late).then_some(1_000_000)
    }

    const fn is_in_background(&self) -> bool {
        self.is_terminal && !self.is_raw
    }

    /// Whether something came.
    #[inline(never)]
    fn read_out(&mut self) -> bool {
        match self.outward.read(self.master) {
            Ok(_) => {
                if let Some(mirror) = &mut self.mirror {
                    mirror.hear(self.outward.take_first());
                }
                true
            }
            Err(Errno::EINTR) => true,
            Err(Errno::EAGAIN) => false,
            // EIO, once all has been read that was written before the last one closed it.
            Err(_) => {
                self.is_connected = false;
                false
            }
        }
    }

    #[inline(never)]
    fn read_in(&mut self) {
        if let Some(mirror) = &mut self.mirror {
            return mirror.offer();
        }
        match self.inward.read(self.input) {
            Ok(1..) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Another group has been given the terminal.
            Err(Errno::EIO) if !is_free(At::STDIN) => self.is_raw = false,
            // Whatever cannot be read has ended, such as what nohup(1) has opened for writing.
            _ => {
                self.is_open = false;
                if !self.is_terminal {
                    // The first one may only end a line that has begun.
                    self.inward.fill([CTRL_D; 2]);
                }
            }
        }
    }

    #[inline(never)]
    fn handle(&mut self, event: Event) {
        match event {
            Event::Silence => self.inside_speaks = false,
            Event::Stopped(signal) => self.stopped = Some(signal),
            Event::Ended(status) => (self.status, self.is_open) = (Some(status), false),
            // Whoever had the terminal meanwhile may have changed it.
            Event::Signal(CONT) => self.resume(),
            Event::Signal(WINCH) => copy_size(self.master),
            Event::Signal(TERM) => self.was_asked = true,
            Event::Signal(_) | Event::Nothing => {}
        }
    }

    fn resume(&mut self) {
        (self.is_raw, self.stopped) = (false, None);
        if let Some(mirror) = &mut self.mirror {
            mirror.resume();
        } else if !is_free(At::STDIN) {
            self.modes = None;
        }
    }

    /// The command was stopped. So is this process's group, as the caller's terminal would have done it, if there is a shell
    /// that sees its job stop; and when that goes on so does the command. Where none could continue the group the kernel stops
    /// nothing, and Ctrl-Z must not be the end of all.
    fn stop(&mut self, signal: u8) {
        self.leave();
        let mut was_stopped = false;
        if Launcher::is_at_terminal() {
            tolerate(process::kill(0, TSTP));
            let mask = signal::set_mask(ALL & !set_of(TSTP));
            signal::set_mask(mask);
            was_stopped = signal::wait(set_of(CONT), Some(0)).is_ok();
            self.resume();
        }
        if was_stopped || signal == TSTP {
            if self.launcher.init {
                // It may have ended meanwhile.
                tolerate(signal::send(self.launcher.pidfd.at(), CONT));
            } else {
                self.launcher.to_group(CONT);
            }
        }
    }

    /// Makes the caller's terminal raw if it is this process's to use.
    #[inline(never)]
    fn look(&mut self) {
        self.is_raw = is_free(At::STDIN);
        if self.is_raw {
            // One that is gone has neither modes nor size, and then its end is read.
            if let Ok(modes) = &terminal::modes(At::STDIN) {
                tolerate(terminal::set_modes(At::STDIN, &self.modes.get_or_insert(*modes).raw()));
            }
            copy_size(self.master);
        }
    }

    /// Gives the caller's terminal back as it was.
    #[inline(never)]
    fn leave(&mut self) {
        self.is_raw = false;
        if let Some(mirror) = &mut self.mirror {
            mirror.leave();
        }
        if let Some(modes) = &self.modes {
            // It may be gone, and then nobody needs it.
            tolerate(terminal::set_modes(At::STDIN, modes));
        }
        self.modes = None;
    }
}
