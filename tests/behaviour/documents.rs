//! README and the pages of `docs/` for one use each: their commands are run from the first to the last, as the tutorial's.

use crate::support::page::{self, Block};
use crate::support::{Who, rootfs};
use std::fs;
use std::path::Path;

crate::tests! {
    as_user: jobs_of_a_ci, programs_that_write_programs;
    once: every_link_leads_somewhere, security_names_tests_that_there_are, readme_has_its_five_examples_from_where_they_are_tested;
    both: images_without_an_engine, readme;
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

const README: &str = include_str!("../../README.md");

/// README's blocks but two: the first one builds, and the one that boots is docs/vm.md's, which `tests/vm` runs.
fn readme(who: &Who) {
    let mut blocks = page::blocks(README);
    assert_eq!(blocks[0].commands, "cargo build --release\ntarget/release/aril run / sh\n");
    blocks[0].commands = "target/release/aril run / sh </dev/null\n".to_string();
    let volumes = "-v \"$PWD/out\":/out";
    for block in &mut blocks {
        if who.is_root() {
            assert!(!block.commands.contains(volumes) || block.commands.contains("--network none"));
            block.commands = block.commands.replace(volumes, &format!("{volumes}:idmap"));
        }
    }
    blocks.retain(|block| !block.commands.contains("rootfs/vm"));
    run(who, &blocks, "");
}

fn readme_has_its_five_examples_from_where_they_are_tested(_: &Who) {
    assert!(README.lines().count() < 150);
    let boots = page::blocks(README).into_iter().find(|block| block.commands.contains("rootfs/vm"));
    let page = include_str!("../../docs/vm.md");
    let boots = boots.expect("it says how to boot").commands;
    assert!(page.contains(&boots), "docs/vm.md, which is tested, has these lines:\n{boots}");
    let (init, image) = (include_str!("../../docs/init.md"), include_str!("../../docs/images.md"));
    let dockerfile = README.split("```dockerfile\n").nth(1).and_then(|rest| rest.split("```").next());
    for line in dockerfile.expect("there is one").lines() {
        assert!(init.contains(line) && image.contains(line), "docs/images.md, which is tested, has this line: {line}");
    }
}

/// Links in the documentation to files of the clone.
fn every_link_leads_somewhere(who: &Who) {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !clone.join("docs").exists() {
        who.skip("no clone here");
    }
    let docs = fs::read_dir(clone.join("docs")).expect("it is there").map(|entry| entry.expect("it is there").path());
    let pages = docs.chain(["README.md", "CONTRIBUTING.md"].map(|name| clone.join(name)));
    for page in pages.filter(|page| page.extension().is_some_and(|kind| kind == "md")) {
        let text = fs::read_to_string(&page).expect("it can be read");
        for link in text.split("](").skip(1) {
            let (target, _) = link.split_once(')').expect("a link ends");
            let file = target.split('#').next().unwrap_or_default();
            let there = file.is_empty() || file.contains("://") || page.with_file_name(file).exists();
            assert!(there, "{} links to {target}", page.display());
        }
    }
}

/// A wall in docs/security.md is shown by a test, which may get another name.
fn security_names_tests_that_there_are(_: &Who) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut named = 0;
    for word in include_str!("../../docs/security.md").split('`').skip(1).step_by(2) {
        let Some((module, name)) = word.split_once("::").filter(|(module, _)| !module.is_empty()) else { continue };
        let files = match module {
            "escape" => {
                fs::read_dir(tests.join("escape")).expect("a folder").map(|file| file.unwrap().path()).collect()
            }
            _ => vec![tests.join("behaviour").join(module).with_extension("rs")],
        };
        let mut texts = files.iter().filter(|file| file.is_file()).map(|file| fs::read_to_string(file).expect("ours"));
        let says = |text: &str| text.contains(&format!("fn {name}(")) || text.contains(&format!("\"{name}\""));
        assert!(texts.any(|text| says(&text)), "no test is called {word}");
        named += 1;
    }
    assert!(named > 20, "they are found");
}
