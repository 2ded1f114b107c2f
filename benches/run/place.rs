//! A folder with what is measured: copies of the programs, a root file system, volumes. An ordinary user has one of his own,
//! so that he reaches all of it, and the root file system that it was copied from is left alone.

use crate::measure::Result;
use crate::profile;
use rustix::mount::MountFlags;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The most volumes that a container gets.
pub const VOLUMES: usize = 1000;

/// As one caller sees it.
pub struct Place {
    pub folder: PathBuf,
    pub is_root: bool,
    /// Maps as aril writes them with `--userns identity`: each id that there is as it is, or an ordinary user's own as 0.
    pub uids: String,
    pub gids: String,
    /// Whether the root file system has `/etc/resolv.conf`.
    pub has_resolver: bool,
}

impl Place {
    pub fn new(folder: &Path) -> Result<Self> {
        let is_root = rustix::process::geteuid().is_root();
        Ok(Self {
            folder: folder.into(),
            is_root,
            uids: map("/proc/self/uid_map", is_root, rustix::process::geteuid().as_raw())?,
            gids: map("/proc/self/gid_map", is_root, rustix::process::getegid().as_raw())?,
            has_resolver: folder.join("rootfs/etc/resolv.conf").exists(),
        })
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A copy of aril on a read-only mount, of root's own mount namespace.
    pub fn sealed_aril(&self) -> Result<String> {
        let folder = self.folder.join("sealed");
        fs::create_dir_all(&folder)?;
        copy_to_disk(&self.folder.join("aril"), &folder.join("aril"))?;
        rustix::mount::mount_bind(&folder, &folder)?;
        rustix::mount::mount_remount(&folder, MountFlags::BIND | MountFlags::RDONLY, "")?;
        Ok(self.path("sealed/aril"))
    }

    pub fn rootfs(&self) -> String {
        self.path("rootfs")
    }

    pub fn volume(&self, number: usize) -> String {
        self.path(&format!("volumes/{number}"))
    }
}

fn map(path: &str, is_root: bool, own: u32) -> Result<String> {
    if !is_root {
        return Ok(format!("0 {own} 1\n"));
    }
    let text = fs::read_to_string(path)?;
    let line = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [inside, _, count] => format!("{inside} {inside} {count}\n"),
        _ => String::new(),
    };
    Ok(text.lines().map(line).collect())
}

/// Makes such a folder. With `is_bare` the root file system lacks `/etc/resolv.conf`.
pub fn furnish(folder: &Path, rootfs: &Path, is_bare: bool) -> Result<()> {
    fs::create_dir(folder)?;
    let programs = programs()?;
    for name in ["aril", "aril-init"] {
        copy_to_disk(&programs.join(name), &folder.join(name))?;
    }
    for name in FLOORS {
        copy_to_disk(&programs.join("examples").join(name), &folder.join(name))?;
    }
    let timed = programs.join("examples").join(profile::TIMED);
    if timed.exists() {
        copy_to_disk(&timed, &folder.join(profile::TIMED))?;
    }
    let copy = folder.join("rootfs");
    tool("cp".as_ref(), &["-a".as_ref(), rootfs.as_os_str(), copy.as_os_str()])?;
    // It may be a link that leads out of the copy.
    let resolver = copy.join("etc/resolv.conf");
    match fs::remove_file(&resolver) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    if !is_bare {
        fs::write(resolver, "")?;
    }
    copy_to_disk(&programs.join("examples/init-probe"), &copy.join("bin/probe"))?;
    for number in 0..VOLUMES {
        fs::create_dir_all(folder.join("volumes").join(number.to_string()))?;
        fs::create_dir_all(copy.join("mnt/volumes").join(number.to_string()))?;
    }
    Ok(())
}

/// A page of a file that is not on the disk yet would count as private and dirty in whoever runs it.
fn copy_to_disk(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)?;
    Ok(fs::File::open(to)?.sync_all()?)
}

/// Examples have no `CARGO_BIN_EXE_…`, and a benchmark does not build them.
const FLOORS: [&str; 3] = ["floor", "init-floor", "init-probe"];

fn programs() -> Result<&'static Path> {
    Ok(Path::new(env!("CARGO_BIN_EXE_aril")).parent().ok_or("aril lies nowhere")?)
}

pub fn build_floors() -> Result<()> {
    build("floor", &FLOORS)
}

/// Cargo calls it as it calls the one that is silent, which is to be built after it.
pub fn build_timed_floor() -> Result<()> {
    build("timed", &["floor"])?;
    let examples = programs()?.join("examples");
    copy_to_disk(&examples.join("floor"), &examples.join(profile::TIMED))
}

fn build(feature: &str, names: &[&str]) -> Result<()> {
    let target = programs()?.parent().ok_or("aril lies in no target folder")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--locked"]).arg(format!("--features={feature}"));
    cargo.args(names.iter().map(|name| format!("--example={name}")));
    cargo.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--target-dir"]).arg(target);
    if cargo.status()?.success() { Ok(()) } else { Err("the floors cannot be built".into()) }
}

pub fn tool(program: &OsStr, words: &[&OsStr]) -> Result<()> {
    let status = Command::new(program).args(words).status().map_err(|error| format!("{program:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program:?} {words:?}: {status}").into()) }
}
