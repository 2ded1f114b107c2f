//! What is handed out: the Debian package, the crate, the folder that `tools/dist` makes, and docs/packaging.md, which tells
//! of them. The quick tests pack the binaries that are tested; what builds all of it anew is for the long run.

use crate::budgets::{BINARIES, BYTES};
use crate::support::page;
use crate::support::{Folder, Outcome, Who, tool};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

crate::tests! {
    once: the_debian_package_has_everything_at_its_place, its_pages_are_read_and_its_programs_run,
        its_completions_are_found_by_bash, its_completions_are_found_by_zsh, its_completions_are_found_by_fish,
        lintian_objects_to_nothing, each_version_is_named_everywhere, each_crate_in_the_programs_is_named_with_its_licence,
        the_crate_has_what_a_build_needs, what_dist_has_not_made_stays,
        the_crate_gives_what_the_page_says_and_a_clone_elsewhere_the_same_bytes;
    as_root: the_debian_package_comes_and_goes;
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
const PAGE: &str = include_str!("../../docs/packaging.md");

/// What cargo builds of this, and where.
fn clone(who: &Who) -> &'static Path {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !clone.join("Cargo.toml").exists() {
        who.skip("no clone here");
    }
    clone
}

/// `cargo WORDS` in a folder with sources, without what cargo has said to this test itself.
fn cargo(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(words).current_dir(folder).env("PATH", path()).env_remove("CARGO_TARGET_DIR").env_remove(EPOCH.0);
    command
}

/// With the cargo-deb that tests/run has put into the clone, if it has.
fn path() -> String {
    format!("{}/target/tools/bin:{}", env!("CARGO_MANIFEST_DIR"), std::env::var("PATH").expect("cargo is in it"))
}

/// To its end, which is a good one.
#[track_caller]
fn ends_well(mut command: Command) -> Output {
    let output = command.output().expect("cargo runs this test");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn needs_cargo_deb(who: &Who) {
    if !cargo(clone(who), &["deb", "--version"]).output().is_ok_and(|output| output.status.success()) {
        who.skip("no cargo-deb here: tests/run --long");
    }
}

/// The package of the binaries that are tested, in this folder.
fn debian_package(who: &Who) -> (Folder, String) {
    if cfg!(debug_assertions) {
        who.skip("what is packed is a release build");
    }
    needs_cargo_deb(who);
    let folder = who.folder();
    // Where cargo-deb looks for `target/release/aril`.
    let target = Path::new(env!("CARGO_BIN_EXE_aril")).ancestors().nth(2).expect("it is in target/release");
    let mut deb = cargo(clone(who), &["deb", "--locked", "--no-build", "--no-strip", "--output", folder.str()]);
    deb.env("CARGO_TARGET_DIR", target).env(EPOCH.0, EPOCH.1);
    ends_well(deb);
    let made = fs::read_dir(folder.path()).expect("our own folder").next().expect("a file").expect("a file").path();
    (folder, made.display().to_string())
}

/// The package's files, as an installation has them.
fn unpacked(who: &Who) -> Folder {
    let (_kept, package) = debian_package(who);
    let root = who.folder();
    tool("dpkg-deb", &["-x", &package, root.str()]);
    root
}

fn the_debian_package_has_everything_at_its_place(who: &Who) {
    let (_kept, package) = debian_package(who);
    assert!(package.ends_with(&format!("/aril_{VERSION}-1_{}.deb", tool("dpkg", &["--print-architecture"]))));
    let list = tool("dpkg-deb", &["-c", &package]);
    let pages = fs::read_dir(clone(who).join("docs")).expect("it is there").map(|entry| entry.expect("it is there"));
    let pages = pages.map(|entry| entry.file_name().into_string().expect("ASCII")).filter(|name| name.ends_with(".md"));
    let mut wanted: Vec<String> = [
        "-rwxr-xr-x ./usr/bin/aril",
        "-rwxr-xr-x ./usr/bin/aril-init",
        "-rw-r--r-- ./usr/share/bash-completion/completions/aril",
        "lrwxrwxrwx ./usr/share/bash-completion/completions/aril-init -> aril",
        "-rw-r--r-- ./usr/share/doc/aril/changelog.Debian.gz",
        "-rw-r--r-- ./usr/share/doc/aril/changelog.gz",
        "-rw-r--r-- ./usr/share/doc/aril/copyright",
        "-rw-r--r-- ./usr/share/fish/vendor_completions.d/aril.fish",
        "lrwxrwxrwx ./usr/share/fish/vendor_completions.d/aril-init.fish -> aril.fish",
        "-rw-r--r-- ./usr/share/lintian/overrides/aril",
        "-rw-r--r-- ./usr/share/man/man1/aril-init.1.gz",
        "-rw-r--r-- ./usr/share/man/man1/aril.1.gz",
        "-rw-r--r-- ./usr/share/zsh/vendor-completions/_aril",
    ]
    .map(String::from)
    .into_iter()
    .chain(pages.map(|name| format!("-rw-r--r-- ./usr/share/doc/aril/{name}")))
    .collect();
    wanted.sort();
    let mut there = Vec::new();
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let (mode, owner) = (words.next().expect("a mode"), words.next().expect("an owner"));
        assert!(["0/0", "root/root"].contains(&owner), "all is root's: {line}");
        assert!(line.contains("2001-09-0"), "the time is the one that was given: {line}");
        // Size, day and time.
        let name: Vec<&str> = words.skip(3).collect();
        if mode.starts_with('d') {
            assert_eq!(mode, "drwxr-xr-x", "{line}");
        } else {
            there.push(format!("{mode} {}", name.join(" ")));
        }
    }
    there.sort();
    assert_eq!(there, wanted);
    assert_eq!(tool("dpkg-deb", &["-f", &package, "Depends"]), "", "it needs no library");
}

fn its_pages_are_read_and_its_programs_run(who: &Who) {
    let root = unpacked(who);
    for name in ["aril", "aril-init"] {
        let program = root.join(&format!("usr/bin/{name}"));
        assert_eq!(tool(&program.display().to_string(), &["--version"]), format!("{name} {VERSION}"));
        let page = root.join(&format!("usr/share/man/man1/{name}.1.gz"));
        // The time in the head of what gzip(1) makes.
        assert_eq!(fs::read(&page).expect("it is there")[4..8], [0; 4], "it has no time of its own");
        if Path::new("/usr/bin/man").exists() {
            let read = tool("man", &["-l", &page.display().to_string()]);
            assert!(read.contains(&format!("aril {VERSION}")) && read.contains("NAME"), "{read}");
        }
    }
    let changes = tool("zcat", &[&root.join("usr/share/doc/aril/changelog.gz").display().to_string()]);
    assert_eq!(changes, fs::read_to_string(clone(who).join("CHANGELOG.md")).expect("it is there").trim_end());
}

/// What a shell prints that finds its files in such an installation, aril too.
#[track_caller]
fn asks(who: &Who, shell: &str, words: &[&str]) -> Outcome {
    if !["/bin", "/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(shell).exists()) {
        who.skip(&format!("no {shell} here"));
    }
    let root = unpacked(who);
    let home = who.folder();
    let (path, share) = (root.join("usr/bin"), root.join("usr/share"));
    let run = who.program(shell, words).dir(root.path()).env("HOME", home.str());
    run.env("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", path.display()))
        .env("XDG_DATA_DIRS", &format!("{}:/usr/share", share.display()))
        .run()
}

/// It loads the file of a command's name.
fn its_completions_are_found_by_bash(who: &Who) {
    const ASK: &str = "for name in aril aril-init; do
        complete -r; . usr/share/bash-completion/completions/$name; complete -p $name; done";
    let outcome = asks(who, "bash", &["--norc", "-c", ASK]);
    outcome.prints("complete -F _aril aril\ncomplete -F _aril aril-init");
}

fn its_completions_are_found_by_zsh(who: &Who) {
    const ASK: &str = "fpath=($PWD/usr/share/zsh/vendor-completions $fpath); autoload -U compinit; compinit -u -D
        print $_comps[aril] $_comps[aril-init]";
    let outcome = asks(who, "zsh", &["-f", "-c", ASK]);
    outcome.prints("_aril _aril");
}

/// It finds the file by the command's name, and may read both.
fn its_completions_are_found_by_fish(who: &Who) {
    const ASK: &str =
        "complete -C 'aril-init --stop-t'; complete -C 'aril run --netw'; complete -C 'aril-init --stop-t'";
    let outcome = asks(who, "fish", &["-c", ASK]);
    let said = outcome.ok().out();
    let words: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, ["--stop-timeout", "--network", "--stop-timeout"]);
}

fn lintian_objects_to_nothing(who: &Who) {
    if !Path::new("/usr/bin/lintian").exists() {
        who.skip("no lintian here: tests/run --long");
    }
    let (_kept, package) = debian_package(who);
    let said = tool("lintian", &["--allow-root", "--fail-on", "error,warning", &package]);
    assert_eq!(said, "");
}

fn the_debian_package_comes_and_goes(who: &Who) {
    let (_kept, package) = debian_package(who);
    let root = who.folder();
    tool("mkdir", &["-p", &root.join("var/lib/dpkg/info").display().to_string()]);
    tool("mkdir", &[&root.join("var/lib/dpkg/updates").display().to_string()]);
    fs::write(root.join("var/lib/dpkg/status"), "").expect("our own folder");
    let dpkg = |word: &str, what: &str| tool("dpkg", &[&format!("--root={}", root.str()), word, what]);
    dpkg("--install", &package);
    assert!(root.join("usr/bin/aril").exists());
    assert_eq!(dpkg("--verify", "aril"), "");
    dpkg("--purge", "aril");
    assert!(!root.join("usr").exists(), "nothing is left of it");
}

fn each_version_is_named_everywhere(who: &Who) {
    let read = |name: &str| fs::read_to_string(clone(who).join(name)).expect("it is there");
    assert!(read("tools/deb/changelog").starts_with(&format!("aril ({VERSION}-1) ")), "tools/deb/changelog");
    assert!(read("CHANGELOG.md").lines().any(|line| line.starts_with("## ") && line.contains(VERSION)), "CHANGELOG.md");
}

fn each_crate_in_the_programs_is_named_with_its_licence(who: &Who) {
    let read = |name: &str| fs::read_to_string(clone(who).join(name)).expect("it is there");
    let (licences, copyright) = (read("LICENSE-THIRD-PARTY"), read("tools/deb/copyright"));
    let manifest = read("Cargo.toml");
    let dependencies = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let crates = dependencies.take_while(|line| !line.is_empty()).filter_map(|line| line.split(' ').next());
    let mut names: Vec<&str> = crates.collect();
    assert!(names.contains(&"sc"), "{names:?}");
    names.push("core");
    for name in names {
        assert!(licences.contains(&format!("\n\n{name}")), "{name} is not in LICENSE-THIRD-PARTY");
        assert!(copyright.contains(&format!("\nFiles: {name}/*\n")), "{name} is not in tools/deb/copyright");
    }
}

/// Such as a mirror, which has a SHA256SUMS too.
fn what_dist_has_not_made_stays(who: &Who) {
    let clone = clone(who);
    let folder = who.folder();
    let mirror = folder.join("mirror");
    fs::create_dir(&mirror).expect("our own folder");
    for name in ["SHA256SUMS", "BUILT-WITH"] {
        fs::write(mirror.join(name), "of somebody\naril is one of them\n").expect("our own folder");
        let output = Command::new("tools/dist").arg(&mirror).current_dir(clone).output().expect("bash(1)");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.ends_with("mirror is there already, and not from here\n"), "{said}");
        assert_eq!(output.status.code(), Some(1));
        assert!(mirror.join(name).exists());
    }
    assert_eq!(fs::read_dir(folder.path()).expect("our own folder").count(), 1, "there is nothing beside it");
}

fn the_crate_has_what_a_build_needs(who: &Who) {
    let listed = ends_well(cargo(clone(who), &["package", "--list", "--locked", "--allow-dirty"]));
    let listed = String::from_utf8(listed.stdout).expect("names in ASCII");
    let files: Vec<&str> = listed.lines().collect();
    for wanted in [
        "Cargo.lock",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "LICENSE-THIRD-PARTY",
        "README.md",
        "CHANGELOG.md",
        "build.rs",
        "link.ld",
        "src/bin/aril.rs",
        "src/bin/aril-init.rs",
        "man/aril.1",
        "man/aril-init.1",
        "completions/_aril",
        "completions/aril.bash",
        "completions/aril.fish",
        "tools/dist",
        "tools/deb/copyright",
        "docs/packaging.md",
    ] {
        assert!(files.contains(&wanted), "{wanted} is missing: {listed}");
    }
    // The picture that the first page shows.
    let picture = "docs/bench/first-page.svg";
    let shown = fs::read_to_string(clone(who).join("README.md")).expect("it is there").contains(picture);
    assert!(!shown || files.contains(&picture), "{picture} is missing: {listed}");
    for file in files.into_iter().filter(|file| *file != picture) {
        let not_wanted = ["target/", ".ci/", "docs/bench/"].iter().any(|folder| file.starts_with(folder));
        assert!(!not_wanted, "{file} is of no use in a crate");
    }
}

/// The time that everything gets.
const EPOCH: (&str, &str) = ("SOURCE_DATE_EPOCH", "1000000000");

/// Two whole runs of `tools/dist`: in what the crate unpacks to, by the commands of the page, and in a clone with another name,
/// environment, umask and number of processors.
fn the_crate_gives_what_the_page_says_and_a_clone_elsewhere_the_same_bytes(who: &Who) {
    if std::env::var_os("ARIL_LONG").is_none() {
        who.skip("it builds everything for two architectures, twice: tests/run --long");
    }
    needs_cargo_deb(who);
    let other = tool("rustc", &["--print", "target-libdir", "--target", "aarch64-unknown-linux-gnu"]);
    if !Path::new(&other).exists() {
        who.skip("Rust is for one architecture here: rustup target add aarch64-unknown-linux-gnu");
    }
    let folder = who.folder();
    let here = [("HERE", folder.str())];
    let pack = "cargo package -q --locked --allow-dirty --no-verify --target-dir \"$HERE/target\"
        tar -x -f \"$HERE\"/target/package/*.crate -C \"$HERE\"
        mkdir \"$HERE/another name, with spaces\"
        git ls-files -z -co --exclude-standard | xargs -0 cp --parents -t \"$HERE/another name, with spaces\"";
    script(clone(who), &here, pack);

    let sources = folder.join(&format!("aril-{VERSION}"));
    does_what_the_page_says(who, &sources, folder.str());
    let strange = [
        ("TZ", "Asia/Tokyo"),
        ("LANG", "es_ES.UTF-8"),
        ("LC_ALL", "es_ES.UTF-8"),
        ("RUSTFLAGS", "-Copt-level=1"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
        ("CARGO_INCREMENTAL", "1"),
        ("RUSTC", "/bin/false"),
        ("RUSTC_WRAPPER", "/bin/false"),
        ("CARGO_TARGET_DIR", "../built"),
        EPOCH,
    ];
    script(&folder.join("another name, with spaces"), &strange, "umask 077; taskset -c 0 tools/dist ../out");
    let sums = |dist: &Path| fs::read_to_string(dist.join("SHA256SUMS")).expect("it was made");
    let (dist, elsewhere) = (sources.join("target/dist"), folder.join("out"));
    assert_eq!(sums(&dist), sums(&elsewhere));
    let built_with = fs::read_to_string(dist.join("BUILT-WITH")).expect("it was made");
    assert!(built_with.starts_with(&format!("aril {VERSION} unknown\n")), "{built_with}");
    are_for_their_architectures(&dist);
    hold_no_path(&dist, &[folder.str(), &home_of("CARGO_HOME", ".cargo"), &home_of("RUSTUP_HOME", ".rustup")]);
}

/// Runs a script, for as long as it takes.
#[track_caller]
fn script(folder: &Path, environment: &[(&str, &str)], text: &str) {
    let mut command = Command::new("bash");
    command
        .args(["-euc", text])
        .current_dir(folder)
        .env("PATH", path())
        .env_remove("CARGO_TARGET_DIR")
        .env_remove(EPOCH.0);
    let output = command.envs(environment.iter().copied()).output().expect("bash(1)");
    assert!(output.status.success(), "{text}: {output:?}");
}

/// A folder that a tool of Rust's has, below the caller's HOME unless a variable names it.
fn home_of(variable: &str, name: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| format!("{}/{name}", std::env::var("HOME").expect("a HOME")))
}

/// Runs the page in this folder with sources, for somebody whose HOME is another.
#[track_caller]
fn does_what_the_page_says(who: &Who, sources: &Path, home: &str) {
    let (cargo, rustup) = (home_of("CARGO_HOME", ".cargo"), home_of("RUSTUP_HOME", ".rustup"));
    let blocks = page::blocks(PAGE);
    let install = &blocks[0].commands;
    assert!(install.starts_with("cargo install --path . "), "{install}");
    // What takes long is done before; the page does it once more, in no time.
    let variables = [("HOME", home), ("CARGO_HOME", &*cargo), ("RUSTUP_HOME", &*rustup), EPOCH];
    script(sources, &variables, &format!("{install}tools/dist"));
    let exported: String = variables.map(|(name, value)| format!("{name}='{value}' ")).concat();
    let before = format!("export {exported} PATH='{home}/.local/bin:{}' XDG_RUNTIME_DIR='{home}'", path());
    page::run(who, sources, &before, &blocks[1..]);
    for file in [
        "bin/aril",
        "bin/aril-init",
        "share/man/man1/aril.1",
        "share/bash-completion/completions/aril-init",
        "share/zsh/site-functions/_aril",
        "share/fish/vendor_completions.d/aril-init.fish",
    ] {
        assert!(Path::new(home).join(".local").join(file).exists(), "{file} was installed");
    }
}

/// Programs and packages are for the machines that their names say, and small.
#[track_caller]
fn are_for_their_architectures(dist: &Path) {
    // e_machine and how Debian calls it.
    for (architecture, machine, debian) in [("x86_64", 62, "amd64"), ("aarch64", 183, "arm64")] {
        for (name, budget) in ["aril", "aril-init", "aril-runner"].iter().zip(BINARIES) {
            let most = BYTES.most_on(architecture, budget);
            let bytes = fs::read(dist.join(format!("{name}-{VERSION}-{architecture}-linux"))).expect("it was made");
            assert_eq!(u16::from_le_bytes([bytes[18], bytes[19]]), machine, "{name} is of {architecture}");
            let size = bytes.len() as u64;
            assert!(size <= most, "{name} of {architecture} has {size} bytes and may have {most}");
        }
        let package = dist.join(format!("aril_{VERSION}-1_{debian}.deb")).display().to_string();
        assert_eq!(tool("dpkg-deb", &["-f", &package, "Architecture"]), debian);
    }
}

/// Nothing that was made has a path of this machine in it, as it is or unpacked.
#[track_caller]
fn hold_no_path(dist: &Path, paths: &[&str]) {
    let unpack = "mkdir ../unpacked; for deb in *.deb; do dpkg-deb -R $deb ../unpacked/$deb; done";
    script(dist, &[], unpack);
    for path in paths.iter().chain(&["/rustc/", "registry/src"]) {
        let mut grep = Command::new("grep");
        let found = grep.args(["-r", "-l", "-a", "-F", "-e", path, ".", "../unpacked"]).current_dir(dist).output();
        assert_eq!(String::from_utf8_lossy(&found.expect("grep(1)").stdout), "", "no file has {path} in it");
    }
}
