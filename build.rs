//! Link arguments for the binaries and the benchmark's floor alone: tests and benches keep std's own linkage. And the tables of
//! the filter, from its policy.

#[allow(dead_code)]
#[path = "src/plan/filter/compile.rs"]
mod compile;

use compile::{Architecture, Tables};
use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What names a linker. RUSTC_LINKER is cargo's own word for it, which it does not watch.
    let target = env::var("TARGET").expect("cargo sets it").to_uppercase().replace(['-', '.'], "_");
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        println!("cargo::rerun-if-env-changed={flags}");
    }
    for kind in ["LINKER", "RUSTFLAGS"] {
        println!("cargo::rerun-if-env-changed=CARGO_TARGET_{target}_{kind}");
    }
    for argument in [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,-z,noseparate-code",
        "-Wl,-z,norelro",
        "-Wl,-z,noexecstack",
        "-Wl,--no-eh-frame-hdr",
        "-Wl,--hash-style=gnu",
        // Texts that are the end of others are merged.
        "-Wl,-O2",
    ] {
        link(argument);
    }

    // Which segments there are, and what is left out. A C compiler's `-Wl,` would cut the path at a comma.
    let script = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("link.ld");
    println!("cargo::rerun-if-changed=link.ld");
    link(&format!("-T{}", script.display()));

    // The libc crate asks the linker for these libraries even if only its types are used, and a forgotten function
    // would then silently come from glibc. Empty archives make it a link error.
    let empty = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("no-libc");
    fs::create_dir_all(&empty).expect("OUT_DIR is writable");
    for name in ["c", "m", "rt", "pthread", "util", "dl", "gcc_s", "gcc_eh", "gcc"] {
        fs::write(empty.join(format!("lib{name}.a")), "!<arch>\n").expect("OUT_DIR is writable");
    }
    link(&format!("-L{}", empty.display()));

    compile_filter();
}

/// Writes what `src/plan/filter/mod.rs` includes.
fn compile_filter() {
    const FOLDER: &str = "src/plan/filter";
    println!("cargo::rerun-if-changed={FOLDER}");
    let target = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it");
    let architecture = Architecture::named(&target).unwrap_or_else(|| panic!("no system calls are known of {target}"));
    let read = |name| fs::read_to_string(format!("{FOLDER}/{name}")).expect("a file of the project");
    let tables =
        Tables::new(&read("policy"), &read("calls"), architecture).unwrap_or_else(|why| panic!("policy: {why}"));
    // What container engines leave to a command, as src/spec.rs has it.
    let usual = "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write setfcap";
    let is_usual = |name| usual.split(' ').any(|one| one == name);
    let bits =
        compile::CAPABILITIES.split(' ').enumerate().filter(|(_, name)| is_usual(*name)).map(|(bit, _)| 1 << bit);
    let usual = tables.program(architecture, bits.sum());
    // Every program has the tail at its end.
    let source = format!(
        "const ARCHITECTURE: u32 = {:#x};\n{}\
         #[cfg(any(feature = \"full\", feature = \"floor\"))]\nconst USUAL: &[Instruction] = &{};\n\
         #[cfg(any(feature = \"full\", feature = \"floor\"))]\nconst TAIL: &[Instruction] = USUAL.split_at({}).1;\n\
         #[cfg(not(any(feature = \"full\", feature = \"floor\")))]\nconst TAIL: &[Instruction] = &{};\n",
        architecture.audit(),
        tables.source(),
        compile::source(&usual),
        usual.len() - tables.tail.len(),
        compile::source(&tables.tail),
    );
    let path = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("filter.rs");
    fs::write(path, source).expect("OUT_DIR is writable");
}

/// The linker, if one has been named: in rustc's flags, or in cargo's configuration.
fn linker() -> Option<String> {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    // `-C linker=…` arrives as two.
    let values = flags.split('\x1f').map(|flag| flag.strip_prefix("-C").unwrap_or(flag));
    let named = values.filter_map(|value| value.strip_prefix("linker=")).next_back();
    named.map(String::from).or_else(|| env::var("RUSTC_LINKER").ok())
}

/// Passes a C compiler's argument to the linker of every program that brings its own start code. Where that is to be a bare
/// lld, as for another architecture, it gets what a C compiler would hand on to it.
fn link(argument: &str) {
    let is_bare = linker().is_some_and(|linker| linker.ends_with("lld"));
    let arguments: Vec<&str> = match argument.strip_prefix("-Wl,") {
        Some(list) if is_bare => list.split(',').collect(),
        // It adds no start files nor libraries of its own.
        None if is_bare && ["-nostartfiles", "-nostdlib"].contains(&argument) => Vec::new(),
        _ => vec![argument],
    };
    for kind in ["bins", "examples"] {
        for argument in &arguments {
            println!("cargo::rustc-link-arg-{kind}={argument}");
        }
    }
}
