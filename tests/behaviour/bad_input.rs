//! Bad input and a machine that refuses: one line, the right status, and nothing left behind.

use crate::support::{Folder, Outcome, Run, When, Who, executable, tool, traces::Traces};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

crate::tests! {
    both: a_root_that_is_none, a_command_that_is_not_there, a_command_that_cannot_be_executed, an_interpreter_that_is_missing,
        a_file_without_an_interpreter_line_runs_in_no_shell, a_program_of_another_architecture, a_root_mounted_noexec,
        user_namespaces_are_forbidden_by_a_limit, user_namespaces_are_forbidden_by_a_filter, mounts_are_forbidden_by_a_profile,
        proc_is_refused_inside_another_container, an_overlay_is_not_supported_here, values_out_of_range,
        volumes_that_cannot_be, a_user_that_is_unknown, options_that_contradict_each_other, a_working_directory_that_is_none,
        a_namespace_that_cannot_be_joined, without_ids_nothing_can_be_made, there_is_not_enough_memory, a_pipe_is_no_command_and_keeps_what_is_in_it;
    as_user: a_root_that_may_not_be_entered, an_id_that_is_not_mapped, a_map_that_is_not_allowed, there_are_not_enough_processes,
        a_change_of_the_host_s_needs_a_user_namespace;
}

/// One root file system for all rows of a test, which must be as it was after each.
struct Bench<'a> {
    who: &'a Who,
    rootfs: Folder,
    before: Traces,
}

impl<'a> Bench<'a> {
    /// Without mount points of its own, so that whatever is made too early shows; `furnish` adds what the test is about.
    fn new(who: &'a Who, furnish: impl FnOnce(&Folder)) -> Self {
        let rootfs = who.own_rootfs(&["proc", "sys", "dev"]);
        furnish(&rootfs);
        let before = Traces::of(rootfs.path());
        Self { who, rootfs, before }
    }

    fn run(&self, options: &[&str], command: &[&str]) -> Run {
        self.who.run_in(self.rootfs.str(), options, command)
    }

    #[track_caller]
    fn refuses(&self, options: &[&str], command: &[&str], status: i32, words: &[&str]) -> Outcome {
        let outcome = self.run(options, command).run();
        outcome.refused(status, words);
        self.before.unchanged(&format!("{options:?} {command:?}"));
        outcome
    }
}

fn a_root_that_is_none(who: &Who) {
    let folder = who.folder();
    fs::create_dir(folder.join("empty")).expect("our own folder");
    fs::write(folder.join("file"), "").expect("our own folder");
    symlink("nowhere", folder.join("link")).expect("our own folder");
    let before = Traces::of(folder.path());
    for (name, words) in [
        ("missing", &["(ENOENT)"][..]),
        ("link", &["(ENOENT)"]),
        ("file", &["(ENOTDIR)"]),
        ("file/below", &["(ENOTDIR)"]),
        ("empty", &["empty"]),
    ] {
        let path = folder.join(name).display().to_string();
        for options in [&[][..], &["--overlay"], &["--read-only"], &["--change-root", "chroot"]] {
            let outcome = who.run_in(&path, options, &["true"]).run();
            outcome.refused(125, &[&[path.as_str()], words].concat());
            before.unchanged(&format!("{options:?} {path}"));
        }
    }
    who.run_in("", &[], &["true"]).run().refused(125, &[]);
}

fn a_root_that_may_not_be_entered(who: &Who) {
    who.needs_root_behind();
    let folder = who.folder();
    tool("cp", &["-a", &who.rootfs(), &folder.join("root").display().to_string()]);
    tool("chown", &["0:0", folder.str()]);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("root may");
    let path = folder.join("root").display().to_string();
    who.run_in(&path, &[], &["true"]).run().refused(125, &[&path, "(EACCES)"]);
}

fn a_command_that_is_not_there(who: &Who) {
    let bench = Bench::new(who, |_| ());
    let image = bench.rootfs.str().to_string();
    for options in [&[][..], &["--overlay"], &["--no-init"], &["--read-only"]] {
        bench.refuses(options, &["no-such-command"], 127, &["no-such-command", &image, "/usr/bin"]);
        bench.refuses(options, &["/no/such/command"], 127, &["/no/such/command", &image, "(ENOENT)"]);
    }
    bench.refuses(&["-e", "PATH=/one:/two"], &["true"], 127, &["true", "/one:/two"]);
    bench.refuses(&[], &[""], 127, &[]);
    // Who has come to it by habit learns the order of things.
    bench.refuses(&[], &["--network", "none"], 127, &["--network", "options come before ROOTFS"]);
}

fn a_command_that_cannot_be_executed(who: &Who) {
    let bench = Bench::new(who, |rootfs| {
        executable(&rootfs.join("srv/plain"), "#!/bin/sh\necho ran\n");
        fs::set_permissions(rootfs.join("srv/plain"), fs::Permissions::from_mode(0o644)).expect("our own copy");
    });
    for options in [&[][..], &["--no-init"]] {
        bench.refuses(options, &["/srv/plain"], 126, &["/srv/plain", "(EACCES)"]);
        bench.refuses(options, &["/srv"], 126, &["/srv", "(EACCES)"]);
    }
}

fn an_interpreter_that_is_missing(who: &Who) {
    let bench = Bench::new(who, |rootfs| {
        executable(&rootfs.join("srv/script"), "#!/no/such/interpreter -x\necho ran\n");
        // busybox's root has no dynamic loader.
        tool("cp", &["/bin/true", &rootfs.join("srv/dynamic").display().to_string()]);
    });
    let loader = tool("readelf", &["-lW", "/bin/true"]);
    let loader = loader.split("program interpreter: ").nth(1).and_then(|rest| rest.split(']').next());
    for (file, interpreter) in [("/srv/script", Some("/no/such/interpreter")), ("/srv/dynamic", loader)] {
        let Some(interpreter) = interpreter else { continue };
        // It exists, so it was found; whether that is 126 or 127 is not said anywhere, the name is what helps.
        let outcome = bench.run(&[], &[file]).run();
        let status = if outcome.code() == Some(126) { 126 } else { 127 };
        outcome.refused(status, &[file, interpreter, "(ENOENT)"]);
        bench.before.unchanged(file);
    }
}

fn a_file_without_an_interpreter_line_runs_in_no_shell(who: &Who) {
    let bench = Bench::new(who, |rootfs| executable(&rootfs.join("srv/text"), "echo ran >/srv/ran\necho ran\n"));
    for options in [&[][..], &["--no-init"]] {
        bench.refuses(options, &["/srv/text"], 126, &["/srv/text", "(ENOEXEC)", "#!"]);
    }
}

fn a_program_of_another_architecture(who: &Who) {
    let bench = Bench::new(who, |rootfs| {
        let file = rootfs.join("srv/foreign").display().to_string();
        tool("cp", &[&rootfs.join("bin/busybox").display().to_string(), &file]);
        // e_machine of elf(5): AArch64, or x86-64 where that is our own.
        let foreign = if cfg!(target_arch = "aarch64") { "\\076" } else { "\\267" };
        let patch = format!("printf '{foreign}\\000' | dd of={file} bs=1 seek=18 conv=notrunc 2>/dev/null");
        tool("sh", &["-c", &patch]);
    });
    let architecture = if cfg!(target_arch = "aarch64") { "x86" } else { "aarch64" };
    bench.refuses(&[], &["/srv/foreign"], 126, &["/srv/foreign", "(ENOEXEC)", architecture]);
}

/// In a mount namespace where the root is on a tmpfs that forbids it.
fn a_root_mounted_noexec(who: &Who) {
    let folder = who.folder();
    let unshare = if who.is_root() { "-m" } else { "-rm" };
    let script = "mount -t tmpfs -o noexec none \"$1\" && cp -a \"$2/.\" \"$1\" && root=$1 && shift 2 && exec \"$@\" \"$root\" /bin/true";
    let words = ["unshare", unshare, "sh", "-c", script, "sh", folder.str(), &who.rootfs()];
    who.aril(&["run"]).under(&words).run().refused(126, &["/bin/true", "(EACCES)", "noexec"]);
}

/// In a user namespace of its own: the limit there is the machine's for all below it.
fn user_namespaces_are_forbidden_by_a_limit(who: &Who) {
    let bench = Bench::new(who, |_| ());
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";
    let outcome = bench.run(&[], &["true"]).under(&["unshare", "-r", "sh", "-c", script, "sh"]).run();
    outcome.refused(125, &["namespaces", "(ENOSPC)", "max_user_namespaces"]);
    bench.before.unchanged("a limit of 0");
}

/// As Docker does it: clone3, whose flags no filter can see, does not exist, and clone has none for namespaces.
fn user_namespaces_are_forbidden_by_a_filter(who: &Who) {
    let bench = Bench::new(who, |_| ());
    for clone3 in [libc::EPERM, libc::ENOSYS] {
        let run = bench.run(&[], &["true"]).refuse(libc::SYS_clone3, clone3);
        let run = run.refuse_when(libc::SYS_clone, libc::EPERM, When::AnyFlags(libc::CLONE_NEWUSER as u32));
        run.run().refused(125, &["(EPERM)", "an outer container's filter refuses clone:", "seccomp=unconfined"]);
        bench.before.unchanged("a filter");
    }
}

/// A security module's profile allows the namespaces and then refuses what is done in them.
fn mounts_are_forbidden_by_a_profile(who: &Who) {
    let bench = Bench::new(who, |_| ());
    for call in
        [libc::SYS_mount, libc::SYS_mount_setattr, libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_pivot_root]
    {
        let outcome = bench.run(&[], &["true"]).refuse(call, libc::EACCES).run();
        // Not every one of them need be used.
        if outcome.code() != Some(0) {
            outcome.refused(125, &["(EACCES)"]);
        }
        bench.before.unchanged(&format!("system call {call} refused"));
    }
    let all: Vec<Option<i32>> = [libc::SYS_mount, libc::SYS_mount_setattr, libc::SYS_open_tree, libc::SYS_move_mount]
        .map(|call| bench.run(&[], &["true"]).refuse(call, libc::EACCES).run().code())
        .to_vec();
    assert!(all.contains(&Some(125)), "one of them is needed: {all:?}");
}

/// What is masked outside must not become visible inside: the kernel refuses a new /proc there.
fn proc_is_refused_inside_another_container(who: &Who) {
    let bench = Bench::new(who, |_| ());
    let (aril, inner) = (format!("{}:/srv/aril:ro", who.binary("aril")), format!("{}:/media", who.rootfs()));
    let outer = ["-v", &aril, "-v", &inner, "--security-opt", "seccomp=unconfined"];
    let outcome = bench.run(&outer, &["/srv/aril", "run", "--network", "host", "/media", "/bin/true"]).run();
    outcome.refused(125, &["proc", "(EPERM)"]);
    outcome.check(outcome.err().lines().count() == 2, "the cause is named");
    bench.before.unchanged("a container in a container");
    bench.run(&outer, &["/srv/aril", "run", "--fs", "dev", "/media", "/bin/echo", "inside"]).run().prints("inside");
}

/// Two overlays on each other are the most that there can be.
fn an_overlay_is_not_supported_here(who: &Who) {
    let folder = who.folder();
    let script = "mount -t tmpfs none \"$1\" && cd \"$1\" && mkdir a b c d && \
        mount -t overlay -o \"lowerdir=$2:a\" none b && mount -t overlay -o lowerdir=b:c none d && cd / && root=$1/d && shift 2 && \
        exec \"$@\" \"$root\" /bin/true";
    let unshare = if who.is_root() { "-m" } else { "-rm" };
    let words = ["unshare", unshare, "sh", "-c", script, "sh", folder.str(), &who.rootfs()];
    // Root would else be told that an overlay cannot be idmapped, too.
    let options = ["run", "--userns", "identity", "--overlay"];
    who.aril(&options).under(&words).run().refused(125, &["overlay", "(EINVAL)"]);
}

fn values_out_of_range(who: &Who) {
    let bench = Bench::new(who, |_| ());
    for (options, words) in [
        (&["--hostname", "x".repeat(65).as_str()][..], &["--hostname", "64"][..]),
        (&["--hostname", ""], &["--hostname"]),
        (&["--workdir", "tmp"], &["--workdir", "absolute"]),
        (&["-e", "=x"], &["--env"]),
        (&["--cap-add", "fly"], &["--cap-add", "fly"]),
        (&["--stop-timeout", "soon"], &["--stop-timeout", "soon"]),
        (&["--timeout", "0"], &["--timeout 0", "leaves no time"]),
        (&["--uid-map", "0:0"], &["--uid-map", "0:0"]),
        (&["--preserve-fds", "many"], &["--preserve-fds", "many"]),
        (&["--fs", "proc,tmp"], &["--fs", "tmp"]),
        (&["--change-root", "fly"], &["--change-root", "fly"]),
        (&["--namespaces", "user,moon"], &["--namespaces", "moon"]),
        (&["--tmpfs", "/mnt:size=1m,uid=5"], &["--tmpfs", "uid=5"]),
        (&["--user", ""], &["--user", "names no user"]),
        (&["--user", ":"], &["--user", "names no user"]),
        (&["--user", ":0"], &["--user", "names no user"]),
        (&["--user", "0:"], &["--user", "names no group"]),
        (&["--network", "bridge"], &["--network", "bridge", "not none, private, host or ns:PATH"]),
        (&["--userns", "auot"], &["--userns", "not auto, identity, IN:OUT:COUNT, private, host or ns:PATH"]),
        (&["--uts", "none"], &["--uts", "not private, host or ns:PATH"]),
        (&["--cpu-shares", "1"], &["--cpu-shares", "from 2 to 262144"]),
        (&["--blkio-weight", "5"], &["--blkio-weight", "from 10 to 1000"]),
        (&["--nice", "20"], &["--nice", "from -20 to 19"]),
        (&["--oom-score-adj", "5000"], &["--oom-score-adj", "from -1000 to 1000"]),
        (&["-v", "/etc:/mnt:z"], &["--volume", "/etc:/mnt:z", "ro, rw, rslave, rprivate, idmap and O"]),
    ] {
        bench.refuses(options, &["true"], 125, words);
    }
    bench.refuses(&["--tmpfs", "/mnt:size=lots"], &["true"], 125, &["/mnt", "(EINVAL)"]);
}

fn volumes_that_cannot_be(who: &Who) {
    let bench = Bench::new(who, |_| ());
    let folder = who.folder();
    fs::write(folder.join("file"), "").expect("our own folder");
    let before = Traces::of(folder.path());
    let missing = folder.join("missing/deep").display().to_string();
    bench.refuses(&["-v", &format!("{missing}:/mnt")], &["true"], 125, &[&missing, "(ENOENT)"]);
    let file = folder.join("file").display().to_string();
    bench.refuses(&["-v", &format!("{file}:/etc")], &["true"], 125, &["/etc"]);
    bench.refuses(&["-v", &format!("{}:/etc/passwd", folder.str())], &["true"], 125, &["/etc/passwd", "(ENOTDIR)"]);
    bench.refuses(
        &["-v", &format!("{}:/etc/passwd/below", folder.str())],
        &["true"],
        125,
        &["/etc/passwd", "(ENOTDIR)"],
    );
    bench.refuses(&["--tmpfs", "/etc/passwd"], &["true"], 125, &["/etc/passwd", "(ENOTDIR)"]);
    bench.refuses(&["-v", "no-colon"], &["true"], 125, &["--volume", "no-colon"]);
    before.unchanged("volumes that cannot be");
}

fn a_user_that_is_unknown(who: &Who) {
    let bench = Bench::new(who, |_| ());
    for user in ["nosuch", "nosuch:0", "0:nosuch", "4294967295", "-1"] {
        bench.refuses(&["--user", user], &["true"], 125, &[user.split(':').find(|part| *part != "0").unwrap_or(user)]);
    }
}

fn options_that_contradict_each_other(who: &Who) {
    let bench = Bench::new(who, |_| ());
    for (options, words) in [
        (&["--namespaces", "uts"][..], &["mount namespace"][..]),
        (&["--mntns", "host", "--overlay", "--change-root", "chroot"], &["mount"]),
        (&["--change-root", "none"], &["--change-root none", "/"]),
        (&["--change-root", "chroot", "--overlay"], &["--change-root chroot"]),
        (&["--userns", "host", "--uid-map", "0:0:1"], &["user namespace"]),
        (&["--uts", "host", "--hostname", "box"], &["--hostname", "uts"]),
        (&["--pid", "host", "--fs", "proc"], &["/proc", "pid"]),
    ] {
        bench.refuses(options, &["true"], 125, words);
    }
}

fn a_working_directory_that_is_none(who: &Who) {
    let bench = Bench::new(who, |_| ());
    bench.refuses(&["-w", "/no/such/folder"], &["true"], 125, &["/no/such/folder", "(ENOENT)"]);
    bench.refuses(&["-w", "/etc/passwd"], &["true"], 125, &["/etc/passwd", "(ENOTDIR)"]);
}

fn a_namespace_that_cannot_be_joined(who: &Who) {
    let bench = Bench::new(who, |_| ());
    bench.refuses(&["--uts", "ns:/no/such/namespace"], &["true"], 125, &["/no/such/namespace", "(ENOENT)"]);
    bench.refuses(&["--uts", "ns:/etc/passwd"], &["true"], 125, &["/etc/passwd", "(EINVAL)"]);
    bench.refuses(&["--network", "ns:/proc/self/ns/uts"], &["true"], 125, &["/proc/self/ns/uts", "(EINVAL)"]);
}

/// The kernel writes no file of someone whom the file system cannot name.
fn without_ids_nothing_can_be_made(who: &Who) {
    let bench = Bench::new(who, |_| ());
    let none = ["--uid-map", "none", "--gid-map", "none"];
    bench.refuses(&none, &["true"], 125, &["(EOVERFLOW)", "say --fs none"]);
    bench.run(&[&none[..], &["--fs", "none"]].concat(), &["true"]).run().ok();
}

fn an_id_that_is_not_mapped(who: &Who) {
    let bench = Bench::new(who, |_| ());
    for (user, id) in [("405", "405"), ("guest", "405"), ("405:100", "405"), ("0:100", "100")] {
        bench.refuses(&["--user", user], &["true"], 125, &[id, "not mapped", "(EINVAL)"]);
    }
}

fn a_map_that_is_not_allowed(who: &Who) {
    let bench = Bench::new(who, |_| ());
    bench.refuses(&["--uid-map", "0:0:1"], &["true"], 125, &["map", "(EPERM)"]);
}

fn a_change_of_the_host_s_needs_a_user_namespace(who: &Who) {
    let bench = Bench::new(who, |_| ());
    let outcome = bench.refuses(&["--userns", "host"], &["true"], 125, &["(EPERM)"]);
    outcome.check(
        outcome.err().contains("user namespace") || outcome.err().contains("--userns"),
        "it says what would help",
    );
}

/// Of a user who has no other processes: first none may be added at all, then one less than the container needs.
fn there_are_not_enough_processes(who: &Who) {
    who.needs_root_behind();
    const ALONE: u32 = 20002;
    let bench = Bench::new(who, |rootfs| drop(tool("chown", &["-hR", &format!("{ALONE}:{ALONE}"), rootfs.str()])));
    for limit in ["--nproc=1", "--nproc=2"] {
        let outcome = bench.run(&[], &["true"]).under(&["prlimit", limit]).uid(ALONE).run();
        outcome.refused(125, &["(EAGAIN)", "process"]);
        bench.before.unchanged(limit);
    }
    bench.run(&[], &["true"]).under(&["prlimit", "--nproc=4"]).uid(ALONE).run().ok();
}

fn there_is_not_enough_memory(who: &Who) {
    let bench = Bench::new(who, |_| ());
    bench.run(&[], &["true"]).refuse(libc::SYS_clone3, libc::ENOMEM).run().refused(125, &["(ENOMEM)"]);
    bench.before.unchanged("no memory for the clone");
    // Far less address space than any program needs that has a heap.
    let outcome = bench.run(&[], &["true"]).under(&["prlimit", "--as=1000000"]).run();
    outcome.refused(125, &["(ENOMEM)"]);
    bench.before.unchanged("no memory for aril itself");
}

/// Why a command cannot be executed is looked up in its file, which may be the caller's own input.
fn a_pipe_is_no_command_and_keeps_what_is_in_it(who: &Who) {
    let script = format!(
        "printf 'one\\ntwo\\n' | {{ {} run {} /proc/self/fd/0 2>/dev/null; echo $?; cat; }}",
        who.binary("aril"),
        who.rootfs()
    );
    who.program("sh", &["-c", &script]).run().exited(0).says("126\none\ntwo");
}
