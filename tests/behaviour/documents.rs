//! The pages of `docs/` for one use each: their commands are run from the first to the last, as the tutorial's.

use crate::support::page::{self, Block};
use crate::support::{Who, rootfs};
use std::path::Path;

crate::tests! {
    as_user: jobs_of_a_ci, programs_that_write_programs;
    both: images_without_an_engine;
    as_root: images_with_an_engine;
}

/// What a reader has done before: a clone, and aril in the `PATH`. Where nobody has logged in there is no folder for records.
const BEFORE: &str =
    "PATH=$PWD/bin:$PWD/target/release:$PATH; export XDG_RUNTIME_DIR=$PWD/run HOME=$PWD; mkdir -m 700 run";

/// Runs these blocks in a clone, after `before`.
#[track_caller]
fn run(who: &Who, blocks: &[Block], before: &str) {
    assert!(blocks.len() > 1, "there are commands");
    page::run(who, page::a_clone(who).path(), &format!("{BEFORE}; {before}"), blocks);
}

fn jobs_of_a_ci(who: &Who) {
    run(who, &page::blocks(include_str!("../../docs/ci.md")), "");
}

fn programs_that_write_programs(who: &Who) {
    run(who, &page::blocks(include_str!("../../docs/agents.md")), "");
}

/// The blocks of docs/images.md that call an engine, or use what it made; or the others.
fn images(with_an_engine: bool) -> Vec<Block> {
    let sections = page::sections(include_str!("../../docs/images.md")).into_iter();
    let calls_one = |section: &page::Section| section.blocks.iter().any(|block| block.commands.contains("docker "));
    sections.filter(|section| calls_one(section) == with_an_engine).flat_map(|section| section.blocks).collect()
}

fn images_without_an_engine(who: &Who) {
    run(who, &images(false), "");
}

/// As root, since there podman asks nothing of the machine; with a storage of its own, in which `busybox` is ready.
fn images_with_an_engine(who: &Who) {
    if !Path::new("/usr/bin/podman").exists() {
        who.skip("no engine here to build an image: install podman");
    }
    let model = rootfs("busybox");
    let before = format!(
        r#"mkdir bin; cat >bin/docker <<'END'
#!/bin/sh
engine="podman --root $HOME/images --runroot $HOME/images.run --storage-driver vfs --cgroup-manager cgroupfs"
case $1 in build) shift; set -- build --isolation chroot "$@" ;; esac
exec $engine "$@"
END
chmod +x bin/docker; tar -C {} -c . | docker import -q - docker.io/library/busybox:latest"#,
        model.display()
    );
    run(who, &images(true), &before);
}
