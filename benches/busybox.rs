//! The tests' root file system of busybox, for every benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// Made where it is not there yet.
pub fn rootfs() -> io::Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rootfs = sources.join("target/rootfs/busybox");
    fs::create_dir_all(sources.join("target/rootfs"))?;
    let status = Command::new(sources.join("rootfs/busybox")).arg(&rootfs).status()?;
    if status.success() { Ok(rootfs) } else { Err(io::Error::other(format!("rootfs/busybox: {status}"))) }
}
