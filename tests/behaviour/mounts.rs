//! Point 4: /proc, /sys, /dev, what is masked in them, volumes and tmpfs.

use crate::exec::Place;
use crate::support::{Outcome, Run, Who, eventually, mark, tool, traces::Traces};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

crate::tests! {
    both: proc_is_its_own, sys_is_read_only, sys_is_its_own_with_a_network, dev_has_just_what_it_should,
        devices_work, terminals_queues_and_memory_are_its_own, kernel_secrets_are_masked,
        what_steers_the_kernel_is_read_only, nothing_of_the_kernel_s_can_be_opened_for_writing, mounts_have_safe_flags, file_systems_can_be_chosen,
        the_resolver_s_file_is_the_machine_s, a_volume_is_the_same_folder, a_volume_may_be_a_file,
        a_read_only_volume_is_so_all_the_way_down, volumes_may_lie_in_each_other, a_tmpfs_has_its_size_and_mode,
        a_volume_s_target_is_made, a_volume_s_link_leads_to_its_end, links_of_the_image_never_lead_out,
        the_machine_s_devices_are_not_changed;
    as_root: devices_of_the_image_are_dead, a_stream_is_no_way_to_the_machine_s_null;
}

/// Mount point -> its own options and those of its file system, as a container's mountinfo has them.
fn mounts(who: &Who, options: &[&str]) -> HashMap<String, (String, String)> {
    let outcome = who.run(options, &["cat", "/proc/self/mountinfo"]);
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let dash = fields.iter().position(|field| *field == "-").expect("proc_pid_mountinfo(5)");
        (fields[4].to_string(), (fields[5].to_string(), fields[dash + 1].to_string()))
    };
    outcome.ok().out().lines().map(row).collect()
}

fn proc_is_its_own(who: &Who) {
    // PID 1 and the shell.
    who.sh(&[], "cat /proc/1/comm; set -- /proc/[0-9]*; echo $#").prints("aril\n2");
}

fn sys_is_read_only(who: &Who) {
    let outcome = who.sh(&[], "ls -d /sys/class /sys/kernel && ! touch /sys/x && ! mkdir /sys/fs/cgroup/x");
    outcome.exited(0).check(outcome.err().matches("Read-only file system").count() == 2, "both are refused for that");
    for (point, (options, kind)) in mounts(who, &[]).iter().filter(|(point, _)| point.starts_with("/sys")) {
        assert!(options.starts_with("ro,"), "{point} of type {kind} is read-only: {options}");
    }
}

fn sys_is_its_own_with_a_network(who: &Who) {
    let interfaces = tool("ls", &["/sys/class/net"]);
    who.run(&[], &["ls", "/sys/class/net"]).prints(&interfaces);
    let outcome = who.sh(&["--network", "none"], "ls /sys/class/net; ! touch /sys/x");
    outcome.exited(0).check(outcome.out() == "lo\n" && outcome.err().contains("Read-only"), "lo alone, read-only");
}

fn dev_has_just_what_it_should(who: &Who) {
    let names = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
    who.sh(&[], "echo $(ls /dev)").prints(names);
    who.sh(&[], "cd /dev; for link in ptmx fd stdin stdout stderr; do readlink $link; done")
        .prints("pts/ptmx\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2");
    let numbers = "1:3 666\n1:5 666\n1:7 666\n1:8 666\n1:9 666\n5:0 666";
    who.sh(&[], "cd /dev; stat -c '%t:%T %a' null zero full random urandom tty").prints(numbers);
}

fn devices_work(who: &Who) {
    for (script, out) in [
        ("echo gone >/dev/null; cat /dev/null", ""),
        ("head -c 3 /dev/zero | od -An -tx1", " 00 00 00"),
        (
            "echo no 2>&1 >/dev/full | grep -o 'No space.*'; cat /dev/full | head -c 1 | od -An -tx1",
            "No space left on device\n 00",
        ),
        ("head -c 9 /dev/random | wc -c; head -c 9 /dev/urandom | wc -c", "9\n9"),
        // Through pipes of the command's own: one that root made may not be opened anew by another user.
        ("echo a | cat /dev/stdin; (echo b >/dev/stdout; echo c >/dev/fd/1) | cat", "a\nb\nc"),
        ("(echo d >/dev/stderr) 2>&1 | cat", "d"),
        ("test -t 0 || ! (: </dev/tty) 2>/dev/null && echo no terminal here", "no terminal here"),
        ("cd /dev/shm && >file && ls && stat -c %a .", "file\n1777"),
    ] {
        who.sh(&[], script).prints(out);
    }
}

fn terminals_queues_and_memory_are_its_own(who: &Who) {
    who.needs_probe();
    who.run(&[], &["probe", "devices"]).prints("/dev/pts/0\nqueue and memory");
    let found = mounts(who, &[]);
    for (point, kind) in [("/dev", "tmpfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs"), ("/dev/mqueue", "mqueue")] {
        assert_eq!(found.get(point).map(|mount| mount.1.as_str()), Some(kind), "{point}: {found:#?}");
    }
}

/// As the container engines have it.
const COVERED: [(&str, &str); 23] = [
    ("make", "/proc/sys"),
    ("make", "/proc/sysrq-trigger"),
    ("make", "/proc/irq"),
    ("make", "/proc/bus"),
    ("make", "/proc/fs"),
    ("hide", "/proc/kcore"),
    ("hide", "/proc/keys"),
    ("hide", "/proc/interrupts"),
    ("hide", "/proc/latency_stats"),
    ("hide", "/proc/timer_list"),
    ("hide", "/proc/timer_stats"),
    ("hide", "/proc/sched_debug"),
    ("hide", "/proc/acpi"),
    ("hide", "/proc/asound"),
    ("hide", "/proc/dynamic_debug"),
    ("hide", "/proc/scsi"),
    ("hide", "/sys/firmware"),
    ("hide", "/sys/kernel/debug"),
    ("hide", "/sys/kernel/tracing"),
    ("hide", "/sys/kernel/security"),
    ("hide", "/sys/fs/bpf"),
    ("hide", "/sys/fs/pstore"),
    ("hide", "/sys/devices/virtual/powercap"),
];

/// What `explain` says of each, and what there is inside, of those that this kernel has: something lies over it, even where it is
/// empty without that.
fn kernel_secrets_are_masked(who: &Who) {
    let root: &[&[&str]] = &[&["--userns", "host"], &["--userns", "identity"]];
    let user: &[&[&str]] = &[&[], &["--network", "none"], &["--read-only"], &["--cap-add", "all"]];
    let mut covered = 0;
    for options in user.iter().chain(root.iter().filter(|_| who.is_root())) {
        let explained = who.aril(&[&["explain"], *options, &[&who.rootfs(), "true"]].concat()).run();
        let out = explained.ok().out();
        let step = |line: &str| {
            let mut words = line.split_whitespace().map(ToString::to_string);
            let step = (words.next()?, words.next()?);
            let is_below = step.1.starts_with("/proc/") || step.1.starts_with("/sys/");
            let is_cover = step.0 == "hide" || step.0 == "make" && words.next()? == "read-only";
            (is_below && is_cover).then_some(step)
        };
        let planned: Vec<(String, String)> = out.lines().filter_map(step).collect();
        assert_eq!(planned, COVERED.map(|(what, path)| (what.to_string(), path.to_string())), "{options:?}");
        // A sysfs of its own has less than the machine's.
        let paths: Vec<&str> = COVERED.iter().map(|(_, path)| *path).collect();
        let there = format!("for path in {}; do [ -e $path ] && echo $path; done; :", paths.join(" "));
        let there = who.sh(options, &there).ok().out();
        assert!(there.lines().filter(|path| path.starts_with("/proc/")).count() > 5, "{there}");
        assert!(there.contains("/proc/keys") || !Path::new("/proc/keys").exists(), "{there}");
        let found = mounts(who, options);
        for (what, path) in COVERED.iter().filter(|(_, path)| there.lines().any(|line| line == *path)) {
            let (flags, kind) =
                found.get(*path).unwrap_or_else(|| panic!("{options:?}: {path} is covered: {found:#?}"));
            assert!(flags.starts_with("ro,"), "{options:?} {path}: {flags}");
            covered += 1;
            if *what == "hide" {
                assert_eq!(kind, "tmpfs", "{options:?} {path}");
                let look = format!("if [ -d {path} ]; then ls -A {path}; else head -c 1 {path}; fi | wc -c");
                who.sh(options, &look).prints("0");
            }
        }
    }
    assert!(covered > 20, "this machine has some of them");
}

/// Mounted read-only, whoever runs it: sysctl files stay writable for uid 0 outside, whatever access(2) says.
fn what_steers_the_kernel_is_read_only(who: &Who) {
    let user: &[&[&str]] = &[&[], &["--cap-add", "all"], &["--network", "none"]];
    let root: &[&[&str]] = &[&["--userns", "host"], &["--userns", "host", "--cap-add", "all"]];
    for options in user.iter().chain(root.iter().filter(|_| who.is_root())) {
        let found = mounts(who, options);
        for path in ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"] {
            if Path::new(path).exists() {
                let mount = found.get(path);
                assert!(mount.is_some_and(|mount| mount.0.starts_with("ro,")), "{options:?} {path}: {found:#?}");
            }
        }
        let outcome = who.sh(options, "! >>/proc/sys/kernel/core_pattern && ! >>/proc/sys/vm/drop_caches");
        outcome.exited(0).check(outcome.err().lines().count() == 2, "both are refused");
    }
}

/// Whatever this kernel has there: what the list forgets is found by trying. What is written to `/proc/pressure` tells who writes
/// it of a lack, and nobody else (psi).
fn nothing_of_the_kernel_s_can_be_opened_for_writing(who: &Who) {
    const TRY: &str = "find /proc /sys \\( -path '/proc/[0-9]*' -o -path /proc/self -o -path /proc/thread-self -o -path /proc/pressure \\) -prune \
        -o -type f -perm -200 -print >/tmp/all 2>/dev/null; wc -l </tmp/all; \
        while read -r file; do true >>\"$file\" && echo \"$file\"; done </tmp/all 2>/dev/null || true";
    let root: &[&[&str]] = &[&[], &["--userns", "identity"], &["--userns", "host"]];
    for mode in if who.is_root() { root } else { &root[..1] } {
        let outcome = who.sh(&[*mode, &["--tmpfs", "/tmp"]].concat(), TRY);
        let out = outcome.exited(0).out();
        let (count, writable) = out.split_once('\n').expect("two commands");
        outcome.check(count.trim().parse().is_ok_and(|count: usize| count > 100), "there are many");
        outcome.check(writable.is_empty(), format_args!("{mode:?}: none can be opened"));
    }
}

fn mounts_have_safe_flags(who: &Who) {
    let found = mounts(who, &["--tmpfs", "/mnt"]);
    for (point, flags) in [
        ("/proc", &["nosuid", "nodev", "noexec"][..]),
        ("/sys", &["nosuid", "nodev", "noexec"]),
        ("/dev", &["nosuid"]),
        ("/dev/pts", &["nosuid", "noexec"]),
        ("/dev/shm", &["nosuid", "nodev", "noexec"]),
        ("/dev/mqueue", &["nosuid", "nodev", "noexec"]),
        ("/mnt", &["nosuid", "nodev"]),
    ] {
        let options = &found.get(point).unwrap_or_else(|| panic!("{point} is mounted: {found:#?}")).0;
        for flag in flags {
            assert!(options.split(',').any(|option| option == *flag), "{point} is {flag}: {options}");
        }
    }
}

fn file_systems_can_be_chosen(who: &Who) {
    for (list, found) in [
        ("proc,sys,dev", "/dev/zero /proc/self/. /sys/class"),
        ("proc", "/proc/self/."),
        ("sys", "/sys/class"),
        ("dev", "/dev/zero"),
        ("proc,dev", "/dev/zero /proc/self/."),
        ("none", ""),
    ] {
        // The errors go nowhere by closing the descriptor: there may be no /dev/null.
        who.sh(&["--fs", list], "echo $(ls -d /proc/self/. /sys/class /dev/zero 2>&-)").prints(found);
    }
}

fn the_resolver_s_file_is_the_machine_s(who: &Who) {
    let Ok(ours) = fs::read_to_string("/etc/resolv.conf") else { who.skip("this machine has no /etc/resolv.conf") };
    let rootfs = who.own_rootfs(&[]);
    let before = Traces::of(rootfs.path());
    let outcome = who.run_in(rootfs.str(), &[], &["cat", "/etc/resolv.conf"]).run();
    outcome.ok().check(outcome.out() == ours, "it is the machine's");
    let write = ["sh", "-c", "! >>/etc/resolv.conf"];
    who.run_in(rootfs.str(), &[], &write).run().exited(0);
    before.unchanged("a bare root");
    who.run_in(rootfs.str(), &["--network", "none"], &["ls", "/etc/resolv.conf"]).run().exited(1);
    fs::write(rootfs.join("etc/resolv.conf"), "its own\n").expect("our own copy");
    who.run_in(rootfs.str(), &["--network", "none"], &["cat", "/etc/resolv.conf"]).run().prints("its own");
    who.run_in(rootfs.str(), &[], &["cat", "/etc/resolv.conf"]).run().prints(ours.trim_end());
}

fn a_volume_is_the_same_folder(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("file"), "from outside\n").expect("our own folder");
    let volume = who.volume(folder.str(), "/mnt");
    who.sh(&["-v", &volume], "cat /mnt/file; echo from inside >/mnt/answer").prints("from outside");
    assert_eq!(folder.read("answer"), "from inside");
    let outcome = who.sh(&["-v", &format!("{volume}:ro")], "cat /mnt/file; ! touch /mnt/more");
    outcome.exited(0).check(outcome.err().contains("Read-only file system"), "it is read-only");
    who.sh(&["-v", &format!("{volume}:rw")], ">/mnt/more").ok();
    assert!(folder.join("more").exists());
}

fn a_volume_may_be_a_file(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("file"), "from outside\n").expect("our own folder");
    let source = folder.join("file").display().to_string();
    for target in ["/etc/shells", "/new/folder/file"] {
        who.run(&["-v", &format!("{source}:{target}:ro")], &["cat", target]).prints("from outside");
    }
}

fn a_read_only_volume_is_so_all_the_way_down(who: &Who) {
    if !tool("cat", &["/proc/self/mountinfo"]).lines().any(|line| line.split(' ').nth(4) == Some("/dev/shm")) {
        who.skip("no mount at /dev/shm on this machine");
    }
    let name = mark();
    let outcome = who.sh(&["-v", "/dev:/mnt:ro"], &format!("ls -d /mnt/shm/.; ! touch /mnt/shm/{name}"));
    outcome.exited(0).check(outcome.err().contains("Read-only file system"), "what is mounted below is read-only too");
    assert!(!Path::new("/dev/shm").join(&name).exists());
    who.sh(&["-v", "/dev:/mnt"], &format!("touch /mnt/shm/{name} && rm /mnt/shm/{name}")).ok();
}

fn volumes_may_lie_in_each_other(who: &Who) {
    let (outer, inner) = (who.folder(), who.folder());
    fs::create_dir(outer.join("inner")).expect("our own folder");
    fs::write(outer.join("file"), "outer").expect("our own folder");
    fs::write(inner.join("file"), "inner").expect("our own folder");
    let (first, second) = (format!("{}:/mnt", outer.str()), format!("{}:/mnt/inner:ro", inner.str()));
    who.run(&["-v", &first, "-v", &second], &["cat", "/mnt/file", "/mnt/inner/file"]).prints("outerinner");
}

fn a_tmpfs_has_its_size_and_mode(who: &Who) {
    let script = "stat -c %a /mnt; df -k /mnt | awk 'NR == 2 {print $2}'; \
        dd if=/dev/zero of=/mnt/file bs=64k count=32 2>&1 | grep -o 'No space.*'; ls -l /mnt/file | awk '{print $5}'";
    who.sh(&["--tmpfs", "/mnt:size=1m,mode=700"], script).prints("700\n1024\nNo space left on device\n1048576");
    let flags = "awk '$5 == \"/mnt\" {print $6}' /proc/self/mountinfo";
    who.sh(&["--tmpfs", "/mnt:rw,noexec,nosuid,size=1m"], flags).prints("rw,nosuid,nodev,noexec,relatime");
    who.sh(&["--tmpfs", "/mnt:ro,exec,nodev"], flags).prints("rw,nosuid,nodev,relatime");
    who.sh(&["--tmpfs", "/mnt:ro"], "2>/dev/null >/mnt/file || echo refused").prints("refused");
    who.sh(&["--tmpfs", "/scratch/new"], ">/scratch/new/file; stat -c %a /scratch/new; ls /scratch/new")
        .prints("1777\nfile");
}

fn a_volume_s_target_is_made(who: &Who) {
    let (folder, rootfs) = (who.folder(), who.own_rootfs(&[]));
    let before = Traces::of(rootfs.path());
    let volume = who.volume(folder.str(), "/a/b/c");
    for options in [&["-v", &volume][..], &["-v", &volume, "--read-only"], &["-v", &volume, "--overlay"]] {
        who.run_in(rootfs.str(), options, &["touch", "/a/b/c/file"]).run().ok();
        assert!(folder.join("file").exists(), "{options:?}");
        fs::remove_file(folder.join("file")).expect("our own folder");
        before.unchanged(&format!("{options:?}"));
    }
}

fn a_volume_s_link_leads_to_its_end(who: &Who) {
    let (folder, rootfs) = (who.folder(), who.own_rootfs(&[]));
    // The link is absolute, and means a folder of the image.
    symlink("/srv", rootfs.join("link")).expect("our own copy");
    let volume = who.volume(folder.str(), "/link");
    who.run_in(rootfs.str(), &["-v", &volume], &["touch", "/srv/file"]).run().ok();
    assert!(folder.join("file").exists() && !rootfs.join("srv/file").exists());
}

/// A target below a link that points out of the image, by every kind of link and at every target that aril itself has. Some
/// work inside, some are refused: nothing may ever happen outside.
fn links_of_the_image_never_lead_out(who: &Who) {
    let (outside, volume) = (who.folder(), who.folder());
    fs::write(outside.join("file"), "outside").expect("our own folder");
    let up = format!("{}{}", "../".repeat(20), outside.str());
    for target in [outside.str(), up.as_str()] {
        for (name, options) in [
            ("link", &["-v", &format!("{}:/link/new", volume.str())][..]),
            ("link", &["-v", &format!("{}:/link", volume.str())]),
            ("link", &["--tmpfs", "/link/new"]),
            ("link", &["-v", "/etc/hostname:/link/file"]),
            ("link", &["-w", "/link"]),
            ("proc", &[]),
            ("sys", &[]),
            ("dev", &[]),
            ("etc", &[]),
        ] {
            for more in [&[][..], &["--overlay"], &["--read-only"]] {
                let rootfs = who.own_rootfs(&[]);
                if name != "link" {
                    tool("rm", &["-r", &rootfs.join(name).display().to_string()]);
                }
                symlink(target, rootfs.join(name)).expect("our own copy");
                let before = (Traces::of(rootfs.path()), Traces::of(outside.path()));
                let options = [options, more].concat();
                // The command must not find it either.
                let look = format!("cat {0}/file /{name}/file 2>/dev/null; :", outside.str());
                let outcome = who.run_in(rootfs.str(), &options, &["sh", "-c", &look]).run();
                outcome.check(!outcome.out().contains("outside"), "nothing of the outside is read");
                let told = format!("{name} -> {target}, {options:?}: {outcome}");
                before.1.unchanged(&told);
                before.0.unchanged(&told);
            }
        }
    }
}

/// Root inside is root outside by default, and a device's node is the machine's.
fn the_machine_s_devices_are_not_changed(who: &Who) {
    let nodes = "for node in null zero full random urandom tty; do chmod 600 /dev/$node 2>/dev/null && echo $node; done; \
        chmod 600 /proc/keys 2>/dev/null && echo a mask; :";
    who.sh(&[], nodes).prints("");
    who.sh(&["--overlay"], nodes).prints("");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata("/dev/null").expect("every machine has it"));
    assert_eq!(mode & 0o777, 0o666);
}

/// In a root file system of someone else's making a node may be that of the machine's disk.
fn devices_of_the_image_are_dead(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    let node = rootfs.join("zero").display().to_string();
    tool("mknod", &["-m", "666", &node, "c", "1", "5"]);
    for options in [&[][..], &["--read-only"], &["--overlay"], &["--userns", "host"]] {
        let look = ["sh", "-c", "head -c 1 /zero | wc -c; mknod /dev/own c 1 5 && head -c 1 /dev/own | wc -c; :"];
        let outcome = who.run_in(rootfs.str(), options, &look).run();
        outcome.check(!outcome.out().contains('1'), "no node can be opened");
    }
}

/// A caller's redirection is of a mount that is written to. The mode is the one that the node has: nothing is broken where this fails.
fn a_stream_is_no_way_to_the_machine_s_null(who: &Who) {
    const REFUSED: &str = "Read-only file system";
    let script = "for fd in 0 1; do chmod 666 /proc/self/fd/$fd; done; (echo in >&0); cat <&1; echo out";
    let under = |run: Run, redirect: &str| run.under(&["sh", "-c", &format!("exec \"$@\" {redirect}"), "sh"]);
    let is_kept = |outcome: &Outcome| {
        let count = |word: &str| outcome.err().matches(word).count();
        outcome.exited(0).check(count(REFUSED) == 2, "neither can be changed");
        outcome.check(count("Bad file descriptor") == 2, "and each is as it was opened");
    };
    for options in ["--userns identity", "--userns host", "--userns identity --no-init", "--userns identity --fs proc"]
    {
        let options: Vec<&str> = options.split(' ').collect();
        is_kept(&under(who.run_in(&who.rootfs(), &options, &["sh", "-c", script]), "</dev/null >/dev/null").run());
        let look = ["sh", "-c", "test -e /proc/self/fd/0 || echo closed"];
        under(who.run_in(&who.rootfs(), &options, &look), "<&-").run().prints("closed");
    }

    let place = Place::of(who);
    let (_running, name) = place.start_in(&who.rootfs(), &["--userns", "identity"], &["sleep", &mark()]);
    is_kept(&under(place.exec(&name, &["sh", "-c", script]), "</dev/null >/dev/null").run());
    let folder = who.folder();
    let log = folder.join("log").display().to_string();
    for options in [&["--log", &log][..], &["--log", "/dev/null"]] {
        let out = format!("{}:/out", folder.str());
        let options = [&["-d", "--rm", "--userns", "identity", "-v", &out], options].concat();
        let script = "for fd in 0 1; do chmod 666 /proc/self/fd/$fd; done 2>/out/errors; mv /out/errors /out/told";
        who.run_in(&who.rootfs(), &options, &["sh", "-c", script]).run().ok();
        eventually("the command's end", || folder.join("told").exists());
        let told = fs::read_to_string(folder.join("told")).expect("it is there");
        assert_eq!(told.matches(REFUSED).count(), if options.contains(&"/dev/null") { 2 } else { 1 }, "{told}");
        fs::remove_file(folder.join("told")).expect("it is there");
    }

    let explained = |options: &[&str]| {
        let run = who.aril(&[&["explain"], options, &[&who.rootfs(), "true"]].concat());
        under(run, "</dev/null").run().ok().out().contains("/dev/null anew")
    };
    assert!(explained(&["--userns", "identity"]) && !explained(&[]), "whose ids are nobody's owns no node");
}
