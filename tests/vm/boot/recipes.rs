//! The recipes of `rootfs/` for people: an initramfs that is the same each time, and the machine that runs it.

use crate::architecture::Architecture;
use crate::machine::{Permit, made, source};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

super::tests! {
    the_same_files_give_the_same_bytes,
    a_packed_image_boots_and_gives_the_commands_status,
    what_the_kernel_cannot_take_goes_into_a_file,
    an_end_without_a_status_is_125,
    a_machine_of_arm64_gives_the_commands_status,
    the_commands_of_the_page_do_what_it_says,
}

fn folder() -> TempDir {
    TempDir::with_prefix("aril-recipes.").expect("a temporary folder")
}

fn initramfs(from: &Path, out: &Path, packed: &[&str]) {
    let mut recipe = Command::new(source("rootfs/initramfs"));
    recipe.env("ARIL", env!("CARGO_BIN_EXE_aril")).arg(from).arg(out).args(packed);
    made(&mut recipe);
}

/// `rootfs/vm IMAGE WORDS`.
fn vm(image: &Path, words: &[&str]) -> Output {
    if let Err(reason) = crate::machine::is_ready("bookworm") {
        super::skip(&reason);
    }
    let _permit = Permit::wait();
    let mut recipe = Command::new("timeout");
    recipe.args(["60", "setpriv", "--pdeathsig", "TERM"]).arg(source("rootfs/vm")).arg(image).args(words);
    recipe.env_remove("ARIL_KERNEL").stdin(std::process::Stdio::null()).output().expect("timeout is part of coreutils")
}

#[track_caller]
fn assert_ended(output: &Output, status: i32, says: &[&str]) {
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert_eq!(output.status.code(), Some(status), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for line in says {
        assert!(said.lines().any(|said| said == *line), "no {line:?}: {said}");
    }
}

fn the_same_files_give_the_same_bytes() {
    let folder = folder();
    let tree = |name: &str, order: [&str; 3]| {
        let root = folder.path().join(name);
        fs::create_dir_all(root.join("deep/er")).expect("our own");
        for file in order {
            fs::write(root.join(file), file).expect("our own");
        }
        fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o4711)).expect("our own");
        symlink("../b", root.join("deep/link")).expect("our own");
        fs::hard_link(root.join("a"), root.join("deep/er/same")).expect("our own");
        root
    };
    let (one, other) = (tree("one", ["a", "b", "deep/er/c"]), tree("other", ["deep/er/c", "b", "a"]));
    fs::File::open(other.join("a")).expect("our own").set_modified(std::time::UNIX_EPOCH).expect("our own");
    for packed in [&[][..], &["gzip"], &["lz4"], &["zstd"]] {
        let images = [(&one, "image"), (&other, "image.too")].map(|(root, name)| {
            let image = folder.path().join(name);
            initramfs(root, &image, packed);
            fs::read(image).expect("it was made")
        });
        assert!(images[0] == images[1], "{packed:?}");
        assert!(!images[0].is_empty());
    }
    // What is in it, by another reader.
    let image = fs::File::open(folder.path().join("image")).expect("it was made");
    assert!(image.metadata().expect("it is open").len() < 400_000);
    assert_eq!(fs::read_dir(&one).expect("our own").count(), 3, "the folder itself is left alone");
}

fn a_packed_image_boots_and_gives_the_commands_status() {
    let folder = folder();
    for (packed, status, ends) in [("zstd", 42, "42"), ("lz4", 200, "200"), ("gzip", 0, "0")] {
        let image = folder.path().join(packed);
        initramfs(Path::new("busybox"), &image, &[packed]);
        let command = ["--", "/bin/sh", "-c", "echo \"it's\" here: $1 && exit $2", "sh", "two  words", ends];
        assert_ended(&vm(&image, &command), status, &["it's here: two words"]);
    }
}

fn what_the_kernel_cannot_take_goes_into_a_file() {
    let folder = folder();
    let image = folder.path().join("image");
    initramfs(Path::new("busybox"), &image, &["gzip"]);
    let script = "echo \"$# words\"; for word; do echo \"[$word]\"; done | head -n 3; exit 7";
    let long = "x".repeat(3000);
    let command = ["-m", "200", "--", "/bin/sh", "-c", script, "sh", "it's \"quoted\"", "", "# no comment", &long];
    assert_ended(&vm(&image, &command), 7, &["4 words", "[it's \"quoted\"]", "[]", "[# no comment]"]);
}

fn an_end_without_a_status_is_125() {
    let folder = folder();
    let image = folder.path().join("image");
    fs::write(&image, "no archive").expect("our own");
    let output = vm(&image, &["--", "true"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    // QEMU's own failure.
    let output = vm(&image, &["-no-such-option"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("qemu-system-x86_64"), "{output:?}");
}

fn a_machine_of_arm64_gives_the_commands_status() {
    let architecture = Architecture::Arm64;
    let aril = crate::machine::is_ready("bookworm-arm64").and_then(|()| architecture.aril());
    let aril = aril.unwrap_or_else(|reason| super::skip(&reason));
    let _permit = Permit::wait();
    let folder = folder();
    // What stands for a status is on the console too, and is none.
    let script = "cd \"$1\" && ./initramfs \"$2\" \"$3\" && timeout 60 setpriv --pdeathsig TERM ./vm \"$3\" -- \
        sh -c 'uname -m; echo aril: exit status 0; exit 42'; echo \"and $?\"; \
        timeout 60 setpriv --pdeathsig TERM ./vm \"$3\" -- sh -c 'echo aril: exit status 0; echo c >/proc/sysrq-trigger'";
    let mut shell = Command::new("bash");
    shell.args(["-c", script, "bash"]).arg(source("rootfs")).arg(architecture.rootfs().join("busybox"));
    shell.arg(folder.path().join("image")).env("ARIL_ARCH", "arm64").env("ARIL", aril).env_remove("ARIL_KERNEL");
    let output = shell.stdin(std::process::Stdio::null()).output().expect("bash is there");
    assert_ended(&output, 125, &["aarch64", "and 42"]);
}

/// docs/vm.md, in a clone of which the binary is built: each line of its first block, and QEMU by hand.
fn the_commands_of_the_page_do_what_it_says() {
    if let Err(reason) = crate::machine::is_ready("bookworm") {
        super::skip(&reason);
    }
    let _permit = Permit::wait();
    let clone = folder();
    let target = clone.path().join("target");
    fs::create_dir_all(target.join("release")).expect("our own");
    symlink(source("rootfs"), clone.path().join("rootfs")).expect("our own");
    symlink(source("target/vm"), target.join("vm")).expect("our own");
    made(Command::new("cp").arg(env!("CARGO_BIN_EXE_aril")).arg(target.join("release/aril")));
    let run = |commands: &str| {
        let mut shell = Command::new("timeout");
        shell.args(["60", "setpriv", "--pdeathsig", "TERM", "bash", "-c", commands]).current_dir(clone.path());
        let path = format!("{}/release:{}", target.display(), std::env::var("PATH").expect("there is one"));
        shell.env("PATH", path).env_remove("ARIL_KERNEL").stdin(std::process::Stdio::null());
        shell.output().expect("timeout is part of coreutils")
    };
    let mut blocks = include_str!("../../../docs/vm.md").split("```sh\n").skip(1);
    let mut block = || blocks.next().and_then(|rest| rest.split("```").next()).expect("one more block");
    let mut lines = block().lines();
    assert_eq!(lines.next(), Some("cargo build --release"));
    for (status, says) in [(0, &[][..]), (3, &["aril: exit status 3"]), (0, &["  power off"])] {
        assert_ended(&run(lines.next().expect("one more line")), status, says);
    }
    assert_eq!(lines.next(), None);

    // QEMU's own status for 7 at the exit port. An emulated clock is not measured, as rootfs/vm says.
    let by_hand = block().replace("quiet", "quiet tsc_early_khz=2596000");
    assert!(by_hand.contains("-M microvm") && by_hand.contains("-- /bin/server"), "{by_hand}");
    let image = "cp -a root image && printf '#!/bin/sh\\necho serving; exit 7\\n' >image/bin/server && chmod +x image/bin/server";
    let prepare = format!("set -e; rootfs/busybox root; {image}; rootfs/initramfs image box.cpio");
    assert_ended(&run(&prepare), 0, &[]);
    let kernel = "ln -s target/vm/bookworm/vmlinuz vmlinuz";
    let output = run(&format!("{kernel}; {}", by_hand.replace("-M microvm", "-cpu max -M microvm")));
    assert_ended(&output, 15, &["serving", "aril: exit status 7"]);
}
