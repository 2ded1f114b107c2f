//! Carries single steps out. Each arm is the system calls of one step.

#[cfg(feature = "full")]
use super::landlock;
use super::points::{self, Kept};
use super::{Carrier, handover};
use crate::host::rootfs::in_root;
#[cfg(feature = "boot")]
use crate::plan::BootStep;
#[cfg(feature = "full")]
use crate::plan::OwnFile;
use crate::plan::{Make, Place, Step, Tree};
use crate::spec::Namespace;
use crate::sys::file::{self, Identity, Kind, Open, Stat};
use crate::sys::mount::{self, Attributes, Propagation};
use crate::sys::poll::{self, Watched};
use crate::sys::process::{self, Pid, Side};
use crate::sys::signal::{self, ALL};
use crate::sys::{Arena, At, Errno, Fd, List, Result, Word, identity, sandbox, socket, terminal, tolerate, word};
use crate::text::{Text, copy, cut, decimal, path, problem::FAILED, split, t, text};
use linux_raw_sys::general as k;

/// The trees that have been opened so far.
#[derive(Debug)]
pub struct Trees<'m> {
    open: [Option<Fd>; Tree::COUNT],
    overlays: List<'m, Option<Fd>>,
}

impl<'m> Trees<'m> {
    pub const fn new(arena: &'m Arena) -> Self {
        Self { open: [const { None }; Tree::COUNT], overlays: List::new(arena) }
    }

    #[inline(never)]
    pub(super) fn keep(&mut self, tree: Tree, fd: Fd) {
        self.open[tree as usize] = Some(fd);
    }

    /// The tree that an earlier step has opened; a test walks the plans for one that was not.
    pub(super) fn get(&self, tree: Tree) -> Result<At<'_>> {
        self.open[tree as usize].as_ref().map(Fd::at).ok_or(Errno::EBADF)
    }

    /// An overlay, which is not needed any more. They are made in the order of their numbers.
    fn take_overlay(&mut self, number: u16) -> Result<Fd> {
        self.overlays.get_mut(usize::from(number)).and_then(Option::take).ok_or(Errno::EBADF)
    }

    /// Closes all: whatever was attached stays.
    pub fn close(&mut self) {
        self.open.iter_mut().for_each(|tree| *tree = None);
        while self.overlays.pop().is_some() {}
    }
}

impl<'p> Carrier<'p> {
    /// Does what a step says. More about a failure than the errno is left in `status` and `detail`.
    pub fn carry_out(&mut self, step: &Step) -> Result<()> {
        (self.status, self.detail) = (FAILED, Word::default());
        match step {
            // Most of a boot's steps, without the frame that all others share.
            #[cfg(feature = "boot")]
            Step::Boot(BootStep::Mount(file_system)) => self.machine.mount(file_system),
            #[cfg(feature = "boot")]
            Step::Boot(step) => self.carry_out_boot(step),
            _ => self.carry_out_own(step),
        }
    }

    #[cfg_attr(feature = "boot", inline(never))]
    fn carry_out_own(&mut self, step: &Step) -> Result<()> {
        match *step {
            Step::BlockSignals => {
                self.mask = signal::set_mask(ALL);
                // Where the caller ignores it the kernel would reap by itself, and say nothing.
                signal::set_default(super::launcher::CHLD)?;
            }
            Step::CloseDescriptors { from } => {
                #[cfg(feature = "full")]
                self.close_all_but(from, None)?;
                #[cfg(not(feature = "full"))]
                file::close_range(from, u32::MAX)?;
            }
            Step::OpenNamespace { kind, path } => {
                self.namespaces[kind as usize] = Some(file::openat(At::CWD, path, Open::READ)?);
            }
            Step::Join { kind, .. } => {
                let namespace = self.namespaces[kind as usize].take().ok_or(Errno::EBADF)?;
                process::setns(namespace.at(), kind.flag())?;
            }
            Step::LockRootfs { path, seen } => {
                let lock = file::openat(At::CWD, path, Open::DIRECTORY)?;
                compare(lock.at(), seen)?;
                lock_shared(lock.at())?;
                self.lock = Some(lock);
            }
            Step::MakeInImage { target, make, .. } => {
                let root = self.lock.as_ref().ok_or(Errno::EBADF)?;
                let made = points::make(self.arena, root.at(), target, make, Kept::ForTheRun, &mut self.made);
                // One that was there may be what a killed aril has left.
                self.made |= made.is_ok();
                made?;
            }
            Step::ExecuteAnew { sealed } => return Err(self.execute_anew(sealed)),
            Step::UnshareMounts => {
                process::unshare(Namespace::Mount.flag())?;
                mount::make_all(Propagation::Slave)?;
            }
            Step::Scratch => {
                let tree = self.new_tmpfs()?;
                self.attach_on_top(tree, Tree::Scratch)?;
            }
            Step::Overlay { lower, seen, number, user_attributes, attributes } => {
                let tree = self.lower(lower)?;
                let tree = self.overlay(tree, seen, number, user_attributes, attributes)?;
                self.trees.overlays.push(Some(tree));
            }
            Step::DetachScratch => {
                mount::detach(word(c"/"))?;
                self.trees.open[Tree::Scratch as usize] = None;
            }
            Step::Clone { flags } => self.clone(process::clone3, flags)?,
            #[cfg(feature = "full")]
            Step::CloneByOldCall { flags } => {
                self.clone(process::clone, flags)?;
                if !self.inside {
                    self.enter(super::cgroups::is_unified)?;
                }
            }
            Step::DenySetgroups => self.write_of_child(word(c"setgroups"), b"deny")?,
            Step::WriteMap { file, ranges } => {
                let mut lines = Text::new(self.arena);
                for range in ranges {
                    range.write(&mut lines);
                    lines.add(b"\n");
                }
                self.write_of_child(file, lines.bytes())?;
            }
            Step::Go => socket::send(self.socket()?, handover::GO)?,
            Step::AwaitGo => {
                self.start.erase();
                // The launcher has more to do meanwhile. No call tells of all at once, and the file that does wants a proc.
                for number in 1..=signal::LAST {
                    if signal::is_ignored(number) {
                        self.ignored |= signal::set_of(number);
                    }
                }
                // 0: the launcher is gone, and whom should one tell?
                if socket::receive(self.socket()?, &mut [0])? == 0 {
                    process::exit(FAILED);
                }
            }
            Step::BecomeRoot => {
                identity::setresgid(0)?;
                identity::setresuid(0)?;
            }
            Step::ClearGroups => identity::setgroups(&[])?,
            Step::SetUmask => drop(process::umask(UMASK)),
            Step::SetPersonality => process::set_personality(0)?,
            Step::DieWithLauncher => self.die_with_launcher()?,
            Step::JoinKeyring => identity::join_session_keyring()?,
            Step::LeaveGroup => process::new_process_group()?,
            Step::HideMemory => process::set_not_dumpable()?,
            #[cfg(feature = "full")]
            Step::ReopenNull => reopen_null()?,
            Step::RefuseChroot => refuse_chroot()?,
            Step::MakePrivate => mount::make_all(Propagation::Private)?,
            #[cfg(feature = "full")]
            Step::MakeSlave => mount::make_all(Propagation::Slave)?,
            Step::BindRoot { path, seen, attributes } => {
                let tree = copied(path, seen, attributes)?;
                self.attach_on_top(tree, Tree::Root)?;
            }
            Step::AttachRoot { number } => {
                let tree = self.trees.take_overlay(number)?;
                self.attach_on_top(tree, Tree::Root)?;
            }
            Step::EmptyRoot => {
                let tree = self.new_tmpfs()?;
                self.attach_on_top(tree, Tree::Root)?;
            }
            Step::OpenRoot { path, seen } => {
                let root = file::openat(At::CWD, path, Open::PATH_DIRECTORY)?;
                compare(root.at(), seen)?;
                self.trees.keep(Tree::Root, root);
            }
            Step::MakeInRoot { target, make } => {
                points::make(self.arena, self.trees.get(Tree::Root)?, target, make, Kept::ForGood, &mut false)?;
            }
            Step::Link { target, path } => {
                let (directory, name) = path::split(self.arena, path);
                let directory = in_root(self.trees.get(Tree::Root)?, directory, Open::PATH_DIRECTORY)?;
                file::symlinkat(target, directory.at(), name)?;
            }
            Step::Mount { kind, options, asked, attributes, place } => {
                let tree = self.new_tree(kind, [options, asked], attributes)?;
                self.attach(tree, place)?;
            }
            Step::AttachOverlay { number, path } => {
                let tree = self.trees.take_overlay(number)?;
                self.attach(tree, Place::in_root(path))?;
            }
            Step::Bind { source, seen, attributes, place } => {
                let tree = copied(source, seen, attributes)?;
                self.attach(tree, place)?;
            }
            Step::DeviceLinks => {
                let dev = self.trees.get(Tree::Dev)?;
                for (name, target) in DEVICE_LINKS {
                    file::symlinkat(target, dev, name)?;
                }
            }
            Step::Protect { at, name } | Step::Mask { at, name, .. } => {
                let base = self.trees.get(at)?;
                let tree = if let Step::Mask { make, .. } = *step {
                    // A copy that is closed and was attached nowhere takes a grace period of RCU: what is missing is seen before.
                    file::fstatat(base, name)?;
                    let empty = if make == Make::Directory { EMPTY_DIRECTORY } else { EMPTY_FILE };
                    mount::open_tree(self.trees.get(Tree::Empty)?, empty, false)?
                } else {
                    let tree = mount::open_tree(base, name, true)?;
                    mount::mount_setattr(tree.at(), Attributes::RDONLY, true)?;
                    tree
                };
                mount::move_mount(tree.at(), base, name)?;
            }
            Step::EmptyTree {
                path,
                #[cfg(feature = "full")]
                files,
            } => {
                let tree = self.new_tmpfs()?;
                file::mkdirat(tree.at(), EMPTY_DIRECTORY, 0o755)?;
                file::make_file(tree.at(), EMPTY_FILE, 0o444)?;
                #[cfg(feature = "full")]
                for OwnFile { path, text } in files {
                    let name = path::split(self.arena, *path).1;
                    file::make_file(tree.at(), name, 0o644)?;
                    file::write_all(file::openat(tree.at(), name, Open::WRITE)?.at(), text.bytes())?;
                }
                mount::mount_setattr(tree.at(), Attributes::RDONLY, true)?;
                self.attach(tree, Place::kept(path, Tree::Empty))?;
            }
            #[cfg(feature = "full")]
            Step::OwnFile { path, attributes } => {
                let name = path::split(self.arena, path).1;
                let tree = mount::open_tree(self.trees.get(Tree::Empty)?, name, false)?;
                // The copy of a read-only mount is read-only; these are the container's to write.
                mount::make_writable(tree.at(), attributes)?;
                self.attach(tree, Place::in_root(path))?;
            }
            Step::SealRoot => mount::mount_setattr(self.trees.get(Tree::Root)?, Attributes::RDONLY, true)?,
            Step::PivotRoot => {
                file::fchdir(self.trees.get(Tree::Root)?)?;
                mount::pivot_root_here()?;
                mount::detach(word(c"."))?;
            }
            Step::EnterRoot | Step::ChrootTo { .. } => {
                file::fchdir(self.trees.get(Tree::Root)?)?;
                file::chroot(word(c"."))?;
            }
            Step::SetHostname { name } => process::sethostname(name)?,
            Step::LoopbackUp => socket::loopback_up(socket::datagram()?.at())?,
            Step::StartCommand => self.start_command()?,
            #[cfg(feature = "full")]
            Step::Set(ref setting) => self.set(setting)?,
            #[cfg(feature = "full")]
            Step::Report(ref report) => self.tell(report)?,

            Step::NewSession => process::setsid()?,
            Step::TakeForeground => {
                process::new_process_group()?;
                #[cfg(feature = "full")]
                let terminal = self.terminal.unwrap_or(At::STDIN);
                #[cfg(not(feature = "full"))]
                let terminal = At::STDIN;
                terminal::set_foreground(terminal, process::getpid())?;
            }
            Step::LimitBounding { keep } => identity::limit_bounding(keep)?,
            Step::SetUser { uid, gid, groups, may_set_groups } => {
                if may_set_groups {
                    identity::setgroups(groups)?;
                }
                identity::setresgid(gid)?;
                identity::setresuid(uid)?;
            }
            Step::ChangeDirectory { path } => file::chdir(path)?,
            Step::SetCapabilities { keep } => identity::set_capabilities(keep)?,
            Step::DieWithInit => process::set_parent_death_signal(k::SIGKILL as u8)?,
            Step::NoNewPrivileges => identity::set_no_new_privs()?,
            Step::Filter { program, .. } => sandbox::set_seccomp_filter(program)?,
            Step::ResetSignals => {
                let mut left = self.ignored;
                while left != 0 {
                    let number = left.trailing_zeros() as u8 + 1;
                    signal::set_default(number)?;
                    left &= !signal::set_of(number);
                }
                // Not the caller's mask: what it has blocked would be deaf in the container.
                signal::set_mask(0);
            }
            Step::Say { command } => {
                let uid = decimal(self.arena, identity::geteuid().into());
                let pid = decimal(self.arena, process::getpid().0 as u64);
                let line = text(self.arena, t!("aril: command %, uid %, pid %\n"), &[command, uid, pid]);
                file::write_all(self.errors(), line.bytes())?;
            }
            Step::Exec { .. } => return Err(self.execute()),

            Step::KeepOnlyKill => identity::set_capabilities(1 << k::CAP_KILL)?,
            Step::CloseLeftovers { count } => file::close_range(3, 2 + count)?,

            #[cfg(feature = "full")]
            Step::Terminal(ref step) => self.carry_terminal(step)?,
            #[cfg(feature = "full")]
            Step::Layer(layer) => self.lay(layer)?,
            #[cfg(feature = "full")]
            Step::Landlock(step) => landlock::carry_out(self.arena, step)?,
            #[cfg(feature = "full")]
            Step::Denied(step) => self.carry_out_denied(step)?,
            #[cfg(feature = "full")]
            Step::Ids(step) => self.carry_out_ids(step)?,
            #[cfg(feature = "full")]
            Step::Cgroup(step) => self.carry_out_cgroups(step)?,
            #[cfg(feature = "full")]
            Step::State(ref step) => self.carry_out_state(step)?,
            #[cfg(feature = "full")]
            Step::Device(step) => self.carry_out_devices(step)?,
            #[cfg(feature = "full")]
            Step::Enter(ref step) => self.carry_out_enter(step)?,
            #[cfg(feature = "boot")]
            Step::Boot(ref step) => self.carry_out_boot(step)?,
        }
        Ok(())
    }

    /// Closes every descriptor from the first on, but the one for the status and the image's.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub(super) fn close_all_but(&self, mut first: u32, status: Option<u32>) -> Result<()> {
        let (one, other) = (status.unwrap_or(0), self.image.map_or(0, |image| image.number() as u32));
        for fd in [one.min(other), one.max(other)] {
            if fd > first {
                file::close_range(first, fd - 1)?;
            }
            first = first.max(fd + 1);
        }
        file::close_range(first, u32::MAX)
    }

    pub(super) fn socket(&self) -> Result<At<'_>> {
        self.socket.as_ref().map(Fd::at).ok_or(Errno::EBADF)
    }

    fn clone(&mut self, call: fn(u64) -> Result<Side>, flags: u32) -> Result<()> {
        let [ours, theirs] = socket::pair()?;
        let side = call(flags.into())?;
        self.be_on(side, ours, theirs);
        Ok(())
    }

    /// What a process is after the clone.
    pub(super) fn be_on(&mut self, side: Side, ours: Fd, theirs: Fd) {
        match side {
            Side::Parent { child, pidfd } => {
                self.socket = Some(ours);
                self.child = Some((child, pidfd));
            }
            Side::Child => {
                self.socket = Some(theirs);
                self.inside = true;
                #[cfg(feature = "full")]
                {
                    // The launcher's alone: with it they end.
                    (self.claim, self.caller) = (None, None);
                }
            }
        }
    }

    /// A file of the new process's directory in /proc.
    pub(super) fn of_child(&self, name: &[u8]) -> Result<Word<'p>> {
        let Some((Pid(pid), _)) = &self.child else { return Err(Errno::ESRCH) };
        let pid = decimal(self.arena, *pid as u64);
        Ok(copy(self.arena, &[b"/proc/", pid.bytes(), b"/", name]))
    }

    pub(super) fn write_of_child(&self, name: Word, text: &[u8]) -> Result<()> {
        let file = file::openat(At::CWD, self.of_child(name.bytes())?, Open::WRITE)?;
        // The kernel takes a map in one write or not at all.
        file::write(file.at(), text).map(drop)
    }

    /// The launcher's death is seen by a signal, and, where it died before that was asked for, on the socket.
    fn die_with_launcher(&self) -> Result<()> {
        process::set_parent_death_signal(k::SIGKILL as u8)?;
        let mut watched = [Watched::READING];
        watched[0].on(self.socket()?);
        poll::poll(&mut watched, false)?;
        if watched[0].has_hung_up() {
            process::exit(FAILED);
        }
        Ok(())
    }

    /// Attaches a tree on top of `/`.
    #[inline(never)]
    pub(super) fn attach_on_top(&mut self, tree: Fd, kept: Tree) -> Result<()> {
        mount::move_mount(tree.at(), At::CWD, word(c"/"))?;
        self.trees.keep(kept, tree);
        Ok(())
    }

    /// Attaches a tree at a path inside another.
    pub(super) fn attach(&mut self, tree: Fd, place: Place) -> Result<()> {
        let Place { at, path, make, keep } = place;
        let base = self.trees.get(at)?;
        if at == Tree::Root {
            if let Some(make) = make {
                points::make(self.arena, base, path, make, Kept::ForGood, &mut false)?;
            }
            let point = in_root(base, path, Open::PATH)?;
            mount::move_mount(tree.at(), point.at(), word(c""))?;
        } else {
            // A tree of ours: the name is one of ours too.
            match make {
                Some(Make::Directory) => file::mkdirat(base, path, 0o755)?,
                Some(Make::File) => file::make_file(base, path, 0o644)?,
                None => {}
            }
            mount::move_mount(tree.at(), base, path)?;
        }
        if let Some(keep) = keep {
            self.trees.keep(keep, tree);
        }
        Ok(())
    }

    /// A tmpfs that belongs to root and that others can read.
    pub(super) fn new_tmpfs(&mut self) -> Result<Fd> {
        self.new_tree(word(c"tmpfs"), [word(c"mode=0755"), Word::default()], Attributes::NONE)
    }

    /// A new file system as a detached tree. The kernel's own words on a failure are in the context's log.
    pub(super) fn new_tree(&mut self, kind: Word, options: [Word; 2], attributes: Attributes) -> Result<Fd> {
        let context = mount::fsopen(kind)?;
        let configure = || {
            for list in options {
                for option in split(list.bytes(), b',').filter(|option| !option.is_empty()) {
                    set(self.arena, context.at(), option)?;
                }
            }
            mount::fsconfig_create(context.at())?;
            mount::fsmount(context.at(), attributes)
        };
        let tree = configure();
        if tree.is_err() {
            self.detail = log(self.arena, context.at());
        }
        tree
    }

    /// What lies below an overlay, as a detached tree: an image that was mounted, or the directory of this path.
    pub(super) fn lower(&mut self, path: Word) -> Result<Fd> {
        #[cfg(feature = "full")]
        if let Some(tree) = self.trees.open[Tree::Image as usize].take() {
            return Ok(tree);
        }
        mount::open_tree(At::CWD, path, false)
    }

    /// An overlay with the tree `lower` below and a directory of the scratch above, as a detached tree.
    ///
    /// All three are named relative to the scratch, which is attached, since an older kernel takes no detached one; so
    /// /proc is not needed, and no character of a path means anything.
    #[inline(never)]
    pub(super) fn overlay(
        &mut self,
        tree: Fd,
        seen: Option<&Identity>,
        number: u16,
        user_attributes: bool,
        attributes: Attributes,
    ) -> Result<Fd> {
        let stat = file::fstat(tree.at())?;
        is_the_same(&stat, seen)?;
        let scratch = self.trees.get(Tree::Scratch)?;
        let number = decimal(self.arena, number.into());
        let name = |part: &[u8]| copy(self.arena, &[part, number.bytes()]);
        let (below, upper, work) = (name(b"lower"), name(b"upper"), name(b"work"));
        let mut is_new = false;
        for directory in [below, work, upper] {
            is_new = make_directory(scratch, directory)?;
        }
        mount::move_mount(tree.at(), scratch, below)?;
        if is_new {
            // The upper directory's mode and owner are those that show.
            match file::fchownat(scratch, upper, stat.uid, stat.gid) {
                // An owner who is not mapped here: the caller's own will do.
                Err(Errno::EINVAL | Errno::EPERM) => {}
                result => result?,
            }
            file::fchmodat(scratch, upper, stat.mode)?;
        }

        let back = file::openat(At::CWD, word(c"."), Open::PATH_DIRECTORY)?;
        file::fchdir(scratch)?;
        let options = text(self.arena, t!("lowerdir=%,upperdir=%,workdir=%"), &[below, upper, work]);
        let user = if user_attributes { word(c"userxattr") } else { Word::default() };
        let result = self.new_tree(word(c"overlay"), [options, user], attributes);
        file::fchdir(back.at())?;
        result
    }
}

/// Makes a directory, unless an earlier run has. Whether it is new.
fn make_directory(at: At, name: Word) -> Result<bool> {
    match file::mkdirat(at, name, 0o755) {
        // A link there would lead the writes astray.
        Err(Errno::EEXIST) if cfg!(feature = "full") && file::lstatat(at, name)?.kind == Kind::Directory => Ok(false),
        result => result.map(|()| true),
    }
}

/// What lies over secrets.
const EMPTY_DIRECTORY: Word = word(c"directory");
const EMPTY_FILE: Word = word(c"file");

/// What files that the command makes are not: writable by others.
const UMASK: u32 = 0o022;

pub(super) const DEVICE_LINKS: [(Word, Word); 5] = [
    (word(c"fd"), word(c"/proc/self/fd")),
    (word(c"stdin"), word(c"/proc/self/fd/0")),
    (word(c"stdout"), word(c"/proc/self/fd/1")),
    (word(c"stderr"), word(c"/proc/self/fd/2")),
    (word(c"ptmx"), word(c"pts/ptmx")),
];

/// Joining the mount namespace that this is leads to its own root, which must be the root already.
fn refuse_chroot() -> Result<()> {
    let root = || file::mount_id(At::CWD, word(c"/"));
    let (before, back) = (root()?, file::openat(At::CWD, word(c"."), Open::PATH_DIRECTORY)?);
    let own = file::openat(At::CWD, word(c"/proc/self/ns/mnt"), Open::READ)?;
    process::setns(own.at(), Namespace::Mount.flag())?;
    file::fchdir(back.at())?;
    if root()? == before { Ok(()) } else { Err(Errno::EPERM) }
}

/// The streams of the command that are /dev/null, each as it was opened.
#[cfg(feature = "full")]
#[inline(never)]
fn reopen_null() -> Result<()> {
    let dev = copied(word(c"/dev"), None, Attributes::RDONLY)?;
    for number in 0..3 {
        let stream = file::borrowed(number);
        if file::fstat(stream)?.is_null() && file::is_inherited(stream)? {
            let null = file::openat(dev.at(), word(c"null"), file::opened_how(stream)?)?;
            file::become_stream(null.at(), number)?;
        }
    }
    Ok(())
}

/// A detached copy of what is mounted at a path, with all that is mounted below it.
pub(super) fn copied(path: Word, seen: Option<&Identity>, attributes: Attributes) -> Result<Fd> {
    let tree = open_tree(path, seen)?;
    mount::mount_setattr(tree.at(), attributes, true)?;
    Ok(tree)
}

/// The same as it is. By its path, since a descriptor from before leads to a mount of another namespace; but none other than was
/// seen.
pub(super) fn open_tree(path: Word, seen: Option<&Identity>) -> Result<Fd> {
    let tree = mount::open_tree(At::CWD, path, true)?;
    compare(tree.at(), seen)?;
    Ok(tree)
}

/// Whether this is what was seen, if anything was.
pub(super) fn compare(fd: At, seen: Option<&Identity>) -> Result<()> {
    if seen.is_none() { Ok(()) } else { is_the_same(&file::fstat(fd)?, seen) }
}

/// ESTALE: it is not.
fn is_the_same(stat: &Stat, seen: Option<&Identity>) -> Result<()> {
    if seen.is_none_or(|seen| *seen == stat.identity) { Ok(()) } else { Err(Errno::ESTALE) }
}

/// flock(2), against who removes mount points. He does so in a moment, but whoever can read the directory may lock it, a command in
/// it too, and as long as he likes; and no call waits for a lock for a time.
fn lock_shared(directory: At) -> Result<()> {
    const PAUSE: u64 = 1000;
    const TRIES: u16 = 5000;
    let mut left = TRIES;
    loop {
        match file::try_lock_shared(directory) {
            Err(Errno::EAGAIN) if left > 0 => left -= 1,
            result => return result,
        }
        // Whatever ends it earlier.
        tolerate(poll::poll_within(&mut [], PAUSE));
    }
}

/// `NAME=VALUE`, or a flag.
fn set(arena: &Arena, context: At, option: &[u8]) -> Result<()> {
    let (name, value) = cut(option, b'=');
    let name = copy(arena, &[name]);
    match value {
        Some(value) => mount::fsconfig_string(context, name, copy(arena, &[value])),
        None => mount::fsconfig_flag(context, name),
    }
}

/// The last message of a file system context: `e overlay: …` for an error (fsopen(2)).
fn log<'m>(arena: &'m Arena, context: At) -> Word<'m> {
    let mut detail = Word::default();
    let mut buffer = [0; 256];
    while let Ok(length) = file::read(context, &mut buffer) {
        if let [b'e', b' ', words @ ..] = &buffer[..length] {
            detail = copy(arena, &[words.strip_suffix(b"\n").unwrap_or(words)]);
        }
    }
    detail
}
