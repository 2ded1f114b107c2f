//! Carries single steps out. Each arm is the system calls of one step.

use super::points::{self, Kept};
use super::{Carrier, Trouble};
use crate::host::rootfs::in_root;
use crate::plan::{FILTER, Make, Options, Step, Tree};
use crate::spec::Namespace;
use crate::sys::file::{self, Open};
use crate::sys::mount::{self, Attributes};
use crate::sys::process::{self, Pid, Side};
use crate::sys::signal::{self, ALL};
use crate::sys::{At, Errno, Fd, Result, identity, poll, sandbox, socket, terminal};
use crate::text::{path, shown};
use alloc::format;
use alloc::string::String;
use core::ffi::CStr;
use linux_raw_sys::general as k;

/// The trees that have been opened so far: a slot for each kind, and one for each overlay.
#[derive(Debug, Default)]
pub struct Trees {
    root: Option<Fd>,
    scratch: Option<Fd>,
    proc: Option<Fd>,
    sys: Option<Fd>,
    dev: Option<Fd>,
    empty: Option<Fd>,
    overlays: alloc::vec::Vec<Option<Fd>>,
}

impl Trees {
    fn slot(&mut self, tree: Tree) -> &mut Option<Fd> {
        match tree {
            Tree::Root => &mut self.root,
            Tree::Scratch => &mut self.scratch,
            Tree::Proc => &mut self.proc,
            Tree::Sys => &mut self.sys,
            Tree::Dev => &mut self.dev,
            Tree::Empty => &mut self.empty,
            Tree::Overlay(number) => {
                let number = usize::from(number);
                while self.overlays.len() <= number {
                    self.overlays.push(None);
                }
                &mut self.overlays[number]
            }
        }
    }

    /// The tree that an earlier step has opened; a test walks the plans for one that was not.
    fn get(&self, tree: Tree) -> Result<At<'_>> {
        let slot = match tree {
            Tree::Root => &self.root,
            Tree::Scratch => &self.scratch,
            Tree::Proc => &self.proc,
            Tree::Sys => &self.sys,
            Tree::Dev => &self.dev,
            Tree::Empty => &self.empty,
            Tree::Overlay(number) => self.overlays.get(usize::from(number)).unwrap_or(&None),
        };
        slot.as_ref().map(Fd::at).ok_or(Errno::EBADF)
    }
}

impl Carrier<'_> {
    /// Does what a step says.
    pub fn carry_out(&mut self, step: &Step) -> core::result::Result<(), Trouble> {
        match step {
            Step::BlockSignals => self.mask = signal::set_mask(ALL)?,
            Step::CloseDescriptors { from } => file::close_range(*from, u32::MAX)?,
            Step::Join { kind, path } => join(*kind, path)?,
            Step::LockRootfs { path } => {
                let lock = file::openat(At::CWD, path, Open::DIRECTORY)?;
                file::lock_shared(lock.at())?;
                self.lock = Some(lock);
            }
            Step::MakeInImage { rootfs, target, make } => {
                let root = file::openat(At::CWD, rootfs, Open::PATH_DIRECTORY)?;
                self.made = true;
                points::make(root.at(), target, *make, Kept::ForTheRun)?;
            }
            Step::UnshareMounts => {
                process::unshare(Namespace::Mount.flag())?;
                mount::make_all_private()?;
            }
            Step::Scratch => {
                let tree = new_tree(c"tmpfs", Options::fixed("mode=0755"), Attributes::NONE)?;
                mount::move_mount(tree.at(), At::CWD, c"/")?;
                *self.trees.slot(Tree::Scratch) = Some(tree);
            }
            Step::Overlay { lower, number, user_attributes } => {
                let scratch = self.trees.get(Tree::Scratch)?;
                let tree = overlay(scratch, lower, *number, *user_attributes)?;
                *self.trees.slot(Tree::Overlay(*number)) = Some(tree);
            }
            Step::Clone { flags } => self.clone((*flags).into())?,
            Step::DenySetgroups => self.write_of_child(c"setgroups", b"deny")?,
            Step::WriteMap { file, ranges } => {
                let mut lines = String::new();
                for range in *ranges {
                    lines += &format!("{range}\n");
                }
                self.write_of_child(file, lines.as_bytes())?;
            }
            Step::Go => socket::send(self.socket()?, super::handover::GO)?,
            Step::AwaitGo => {
                // 0: the launcher is gone, and whom should one tell?
                if socket::receive(self.socket()?, &mut [0])? == 0 {
                    process::exit(crate::text::problem::FAILED);
                }
            }
            Step::BecomeRoot => {
                identity::setresgid(0)?;
                identity::setresuid(0)?;
            }
            Step::ClearGroups => identity::setgroups(&[])?,
            Step::SetUmask => drop(process::umask(UMASK)),
            Step::DieWithLauncher => self.die_with_launcher()?,
            Step::HideMemory => process::set_not_dumpable()?,
            Step::MakePrivate => mount::make_all_private()?,
            Step::BindRoot { path, attributes } => {
                let tree = mount::open_tree(At::CWD, path, true)?;
                if *attributes != Attributes::NONE {
                    mount::mount_setattr(tree.at(), *attributes, true)?;
                }
                self.attach_root(tree)?;
            }
            Step::AttachRoot { number } => {
                let tree = self.trees.slot(Tree::Overlay(*number)).take().ok_or(Errno::EBADF)?;
                self.attach_root(tree)?;
            }
            Step::EmptyRoot => {
                let tree = new_tree(c"tmpfs", Options::fixed("mode=0755"), Attributes::NONE)?;
                self.attach_root(tree)?;
            }
            Step::OpenRoot { path } => {
                *self.trees.slot(Tree::Root) = Some(file::openat(At::CWD, path, Open::PATH_DIRECTORY)?);
            }
            Step::MakeInRoot { target, make } => {
                points::make(self.trees.get(Tree::Root)?, target, *make, Kept::ForGood)?;
            }
            Step::Link { target, path } => {
                let (directory, name) = path::split(path);
                let directory = in_root(self.trees.get(Tree::Root)?, &directory, Open::PATH_DIRECTORY)?;
                file::symlinkat(target, directory.at(), &name)?;
            }
            Step::Mount { kind, options, attributes, keep, at, path } => {
                let tree = new_tree(kind, *options, *attributes)?;
                self.attach(tree, *at, path, (*at == Tree::Dev).then_some(Make::Directory), *keep)?;
            }
            Step::AttachOverlay { number, path } => {
                let tree = self.trees.slot(Tree::Overlay(*number)).take().ok_or(Errno::EBADF)?;
                self.attach(tree, Tree::Root, path, None, None)?;
            }
            Step::Bind { source, attributes, keep, at, path, make } => {
                let tree = mount::open_tree(At::CWD, source, true)?;
                if *attributes != Attributes::NONE {
                    mount::mount_setattr(tree.at(), *attributes, true)?;
                }
                self.attach(tree, *at, path, *make, *keep)?;
            }
            Step::DeviceLinks => {
                let dev = self.trees.get(Tree::Dev)?;
                for (name, target) in DEVICE_LINKS {
                    file::symlinkat(target, dev, name)?;
                }
            }
            Step::Protect { at, name, .. } => {
                let base = self.trees.get(*at)?;
                let tree = mount::open_tree(base, name, true)?;
                mount::mount_setattr(tree.at(), Attributes::RDONLY, true)?;
                mount::move_mount(tree.at(), base, name)?;
            }
            Step::EmptyTree => {
                let tree = new_tree(c"tmpfs", Options::fixed("mode=0755"), Attributes::RDONLY)?;
                *self.trees.slot(Tree::Empty) = Some(tree);
            }
            Step::Mask { at, name, directory, .. } => {
                let tree = if *directory {
                    mount::open_tree(self.trees.get(Tree::Empty)?, c"", false)?
                } else {
                    mount::open_tree(At::CWD, c"/dev/null", false)?
                };
                mount::move_mount(tree.at(), self.trees.get(*at)?, name)?;
            }
            Step::SealRoot => mount::mount_setattr(self.trees.get(Tree::Root)?, Attributes::RDONLY, true)?,
            Step::PivotRoot => {
                file::fchdir(self.trees.get(Tree::Root)?)?;
                mount::pivot_root_here()?;
                mount::detach(c".")?;
            }
            Step::EnterRoot => {
                file::fchdir(self.trees.get(Tree::Root)?)?;
                file::chroot(c".")?;
            }
            Step::ChrootTo { path } => {
                file::chroot(path)?;
                file::chdir(c"/")?;
            }
            Step::SetHostname { name } => process::sethostname(name)?,
            Step::LoopbackUp => socket::loopback_up(socket::datagram()?.at())?,

            Step::NewSession => process::setsid()?,
            Step::TakeForeground => {
                process::new_process_group()?;
                terminal::set_foreground(At::STDIN, process::getpid())?;
            }
            Step::LimitBounding { keep } => identity::limit_bounding(*keep)?,
            Step::SetUser { uid, gid, groups, may_set_groups } => {
                if *may_set_groups {
                    identity::setgroups(groups)?;
                }
                identity::setresgid(*gid)?;
                identity::setresuid(*uid)?;
            }
            Step::ChangeDirectory { path } => file::chdir(path)?,
            Step::SetCapabilities { keep } => identity::set_capabilities(*keep)?,
            Step::DieWithInit => process::set_parent_death_signal(k::SIGKILL as u8)?,
            Step::NoNewPrivileges => identity::set_no_new_privs()?,
            Step::Filter => sandbox::set_seccomp_filter(FILTER)?,
            Step::ResetSignals { ignored } => {
                for number in (1..=signal::LAST).filter(|number| ignored & signal::set_of(*number) != 0) {
                    signal::set_default(number)?;
                }
                signal::set_mask(self.mask)?;
            }
            Step::Say { command } => {
                let (uid, pid) = (identity::geteuid(), process::getpid().0);
                let line = format!("aril: command {}, uid {uid}, pid {pid}\n", shown(command));
                file::write_all(At::STDERR, line.as_bytes())?;
            }
            Step::Exec { .. } => return Err(self.execute()),

            Step::KeepOnlyKill => identity::set_capabilities(1 << k::CAP_KILL)?,
            Step::CloseLeftovers { count } => file::close_range(3, 2 + count)?,
            Step::HideArguments => self.start.erase_arguments(),
        }
        Ok(())
    }

    fn socket(&self) -> Result<At<'_>> {
        self.socket.as_ref().map(Fd::at).ok_or(Errno::EBADF)
    }

    fn clone(&mut self, flags: u64) -> Result<()> {
        let [ours, theirs] = socket::pair()?;
        match process::clone3(flags)? {
            Side::Parent { child, pidfd } => {
                self.socket = Some(ours);
                self.child = Some((child, pidfd));
            }
            Side::Child => {
                self.socket = Some(theirs);
                self.inside = true;
            }
        }
        Ok(())
    }

    /// Writes a file of the new process's directory in /proc.
    fn write_of_child(&self, file: &CStr, text: &[u8]) -> Result<()> {
        let Some((Pid(pid), _)) = &self.child else { return Err(Errno::ESRCH) };
        let path = path::c_string(format!("/proc/{pid}/{}", shown(file)));
        let file = file::openat(At::CWD, &path, Open::WRITE)?;
        // The kernel takes a map in one write or not at all.
        file::write(file.at(), text).map(drop)
    }

    /// The launcher's death is seen by a signal, and, where it died before that was asked for, on the socket.
    fn die_with_launcher(&self) -> Result<()> {
        process::set_parent_death_signal(k::SIGKILL as u8)?;
        let socket = self.socket()?;
        if poll::poll2([socket, socket], false)?[0].hung_up {
            process::exit(crate::text::problem::FAILED);
        }
        Ok(())
    }

    fn attach_root(&mut self, tree: Fd) -> Result<()> {
        mount::move_mount(tree.at(), At::CWD, c"/")?;
        *self.trees.slot(Tree::Root) = Some(tree);
        Ok(())
    }

    /// Attaches a tree at a path inside another.
    fn attach(&mut self, tree: Fd, at: Tree, path: &CStr, make: Option<Make>, keep: Option<Tree>) -> Result<()> {
        let base = self.trees.get(at)?;
        if at == Tree::Root {
            if let Some(make) = make {
                points::make(base, path, make, Kept::ForGood)?;
            }
            let point = in_root(base, path, Open::PATH)?;
            mount::move_mount(tree.at(), point.at(), c"")?;
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
            *self.trees.slot(keep) = Some(tree);
        }
        Ok(())
    }
}

/// What files that the command makes are not: writable by others.
const UMASK: u32 = 0o022;

const DEVICE_LINKS: [(&CStr, &CStr); 5] = [
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"ptmx", c"pts/ptmx"),
];

fn join(kind: Namespace, path: &CStr) -> Result<()> {
    let namespace = file::openat(At::CWD, path, Open::READ)?;
    process::setns(namespace.at(), kind.flag())
}

/// A new file system as a detached tree. The kernel's own words on a failure are in the context's log.
fn new_tree(kind: &CStr, options: Options, attributes: Attributes) -> core::result::Result<Fd, Trouble> {
    let context = mount::fsopen(kind)?;
    let configure = || {
        for list in [options.ours.as_bytes(), options.asked] {
            for option in list.split(|byte| *byte == b',').filter(|option| !option.is_empty()) {
                set(context.at(), option)?;
            }
        }
        mount::fsconfig_create(context.at())?;
        mount::fsmount(context.at(), attributes)
    };
    configure().map_err(|errno| Trouble { detail: log(context.at()), ..errno.into() })
}

/// `NAME=VALUE`, or a flag.
fn set(context: At, option: &[u8]) -> Result<()> {
    let mut parts = option.splitn(2, |byte| *byte == b'=').map(path::c_string);
    let name = parts.next().unwrap_or_default();
    match parts.next() {
        Some(value) => mount::fsconfig_string(context, &name, &value),
        None => mount::fsconfig_flag(context, &name),
    }
}

/// The last message of a file system context: `e overlay: …` for an error (fsopen(2)).
fn log(context: At) -> String {
    let mut detail = String::new();
    let mut buffer = [0; 256];
    while let Ok(length) = file::read(context, &mut buffer) {
        if let [b'e', b' ', words @ ..] = &buffer[..length] {
            detail = String::from_utf8_lossy(words).trim_end().into();
        }
    }
    detail
}

/// An overlay with `lower` below and a directory of the scratch above, as a detached tree.
///
/// All three are named relative to the scratch, which is attached, since an older kernel takes no detached one; so /proc is
/// not needed, and no character of a path means anything.
fn overlay(scratch: At, lower: &CStr, number: u16, user_attributes: bool) -> core::result::Result<Fd, Trouble> {
    let tree = mount::open_tree(At::CWD, lower, false)?;
    let stat = file::fstat(tree.at())?;
    let name = |part: &str| path::c_string(format!("{number}.{part}"));
    let (below, upper, work) = (name("lower"), name("upper"), name("work"));
    for directory in [&below, &upper, &work] {
        file::mkdirat(scratch, directory, 0o755)?;
    }
    mount::move_mount(tree.at(), scratch, &below)?;
    // The upper directory's mode and owner are those that show.
    let made = file::openat(scratch, &upper, Open::DIRECTORY)?;
    match file::fchownat(scratch, &upper, stat.uid, stat.gid) {
        // An owner who is not mapped here: the caller's own will do.
        Ok(()) | Err(Errno::EINVAL | Errno::EPERM) => {}
        Err(error) => return Err(error.into()),
    }
    file::fchmod(made.at(), stat.mode)?;

    let back = file::openat(At::CWD, c".", Open::PATH_DIRECTORY)?;
    file::fchdir(scratch)?;
    let attributes = if user_attributes { ",userxattr" } else { "" };
    let asked = format!("lowerdir={number}.lower,upperdir={number}.upper,workdir={number}.work{attributes}");
    let options = Options { ours: "", asked: asked.as_bytes() };
    let result = new_tree(c"overlay", options, Attributes::NONE);
    file::fchdir(back.at())?;
    result
}
