//! Devices of the host in a container, and the rules that its control group has for all of them.

use crate::support::{Folder, Who, tool, traces::Traces};
use aril::engine::allow_devices;
use aril::host::Host;
use aril::plan::device_rules;
use aril::spec::{Device, Spec};
use aril::sys::file::{self, Open};
use aril::sys::{Arena, At, Word, bpf, word};
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

crate::tests! {
    both: a_device_is_at_its_place_and_works, a_device_that_cannot_be, a_place_that_cannot_be, explain_tells_of_each_device;
    as_root: root_inside_owns_a_node_that_is_root_s, a_node_s_owners_are_those_that_it_has_outside, a_node_keeps_its_mode_whatever_the_umask,
        nobody_inside_changes_the_host_s_node, a_dead_node_stays_dead, where_no_node_can_be_made_it_says_so,
        a_group_of_version_2_has_the_devices_that_it_may, a_group_of_version_1_has_the_devices_that_it_may,
        what_is_read_or_written_alone_is_kept_by_the_group, a_group_has_the_rules_where_a_device_could_be_made;
    as_user: the_mode_decides_for_an_ordinary_user, what_is_read_or_written_alone_takes_a_group;
}

/// `c 1:7`, of which there is always something to read and never room to write.
const FULL: [&str; 3] = ["c", "1", "7"];

/// A node in a folder of the test's own.
#[track_caller]
fn node(folder: &Folder, name: &str, mode: &str, device: [&str; 3]) -> String {
    let path = folder.join(name).display().to_string();
    tool("mknod", &[&["-m", mode, &path], &device[..]].concat());
    path
}

/// What a shell does with `/dev/full`, whatever it is called, and what it says of it.
fn uses(path: &str) -> String {
    format!("head -c 1 {path} | od -An -c; echo x 2>&1 >{path} | sed 's/.*: //'")
}
const USED: &str = "  \\0\nNo space left on device\n";

fn a_device_is_at_its_place_and_works(who: &Who) {
    let folder = who.folder();
    symlink("/dev/full", folder.join("by-id")).expect("our own folder");
    let link = format!("{}:/dev/disk/by-id/mine:rwm", folder.join("by-id").display());
    let rootfs = who.own_rootfs(&[]);
    let before = Traces::of(rootfs.path());
    let modes: &[&[&str]] = &[
        &[],
        &["--overlay"],
        &["--read-only"],
        &["--change-root", "chroot"],
        &["--userns", "identity"],
        &["--userns", "host"],
    ];
    // The last is root's alone.
    for mode in &modes[..modes.len() - usize::from(!who.is_root())] {
        let options =
            [&["--device", "/dev/full:/dev/mine:rw", "--device=/dev/full", "--device", &link][..], mode].concat();
        let script = ["/dev/mine", "/dev/full", "/dev/disk/by-id/mine"].map(uses).join("; ");
        let outcome = who.run_in(rootfs.str(), &options, &["sh", "-c", &script]).run();
        outcome.prints(USED.repeat(3));
        before.unchanged(&format!("{mode:?}"));
    }
    let view =
        who.run_in("/", &["--device", "/dev/full:/dev/mine"], &["sh", "-c", "head -c 3 /dev/mine | wc -c"]).run();
    view.exited(0).says("3");
    // Neither the nodes that were handed over nor anything else is in sight.
    let list =
        |options: &[&str]| who.sh(options, "ls /dev; awk '$5 ~ \"^/dev\" {print $5}' /proc/self/mountinfo").out();
    let (with, without) = (list(&["--device", "/dev/full:/dev/zzz"]), list(&[]));
    let more = if who.is_root() { "/dev\n/dev/zzz\n" } else { "/dev/zzz\n" };
    assert_eq!(sorted(&with), sorted(&(without + "zzz\n" + more)));
}

fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

fn a_device_that_cannot_be(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("file"), "").expect("our own folder");
    let file = folder.join("file").display().to_string();
    who.run(&["--device", "/dev/no-such"], &["true"]).refused(125, &["device /dev/no-such", "(ENOENT)"]);
    for path in [&file, "/etc", "/proc/self/fd"] {
        let outcome = who.run(&["--device", &format!("{path}:/dev/x")], &["true"]);
        outcome.refused(125, &[&format!("device {path}"), "no device node"]);
    }
}

fn a_place_that_cannot_be(who: &Who) {
    for value in
        ["", "/dev/full:", "/dev/full:rx", "/dev/full:m", "/dev/full:/dev/x:r:w", "/dev/full:/x", "/etc/passwd"]
    {
        who.run(&["--device", value], &["true"]).refused(125, &["option --device"]);
    }
    for options in [&["--fs", "proc"][..], &["--fs", "none"], &["--mntns", "host", "--change-root", "chroot"]] {
        let options = [options, &["--device", "/dev/full:/dev/x"]].concat();
        who.run(&options, &["true"]).refused(125, &["--device needs"]);
    }
    who.run_in("/", &["--change-root", "none", "--device", "/dev/full"], &["true"])
        .run()
        .refused(125, &["--device needs"]);
    for cover in [
        ["--device", "/dev/null:/dev/a/b"],
        ["--device", "/dev/null:/dev/a"],
        ["--tmpfs", "/dev/a"],
        ["--tmpfs", "/dev"],
        ["-v", "/dev/null:/dev/a/b"],
        ["--mount", "type=bind,src=/dev,dst=/dev"],
    ] {
        let outcome = who.run(&[&["--device", "/dev/full:/dev/a/b"][..], &cover].concat(), &["true"]);
        outcome.refused(125, &["device /dev/full", "hides it"]);
    }
    for (place, errno) in [("/dev/pts/7", "(EACCES)"), ("/dev/stdin", "(ELOOP)"), ("/dev/null/x", "(ENOTDIR)")] {
        let outcome = who.run(&["--device", &format!("/dev/full:{place}")], &["true"]);
        outcome.refused(125, &["bind", "/dev/full on", place, errno]);
    }
}

fn explain_tells_of_each_device(who: &Who) {
    let options = ["explain", "--device", "/dev/full:/dev/a", "--device", "/dev/zero:/dev/b", &who.rootfs(), "true"];
    let said = who.aril(&options).run().ok().out();
    let lines: &[&str] = if who.is_root() {
        &[
            "make nodes for /dev/full /dev/zero and hand them over ro,nosuid,noexec",
            "take the nodes for /dev",
            "bind the node for /dev/full on /dev/a",
            "bind the node for /dev/zero on /dev/b",
        ]
    } else {
        &["bind /dev/full on /dev/a ro,nosuid,noexec", "bind /dev/zero on /dev/b ro,nosuid,noexec"]
    };
    for line in lines {
        assert!(said.lines().any(|said| said.trim() == *line), "{line:?} in\n{said}");
    }
}

fn what_is_read_or_written_alone_takes_a_group(who: &Who) {
    for access in ["r", "w", "rm", "wm"] {
        let outcome = who.run(&["--device", &format!("/dev/full:/dev/x:{access}")], &["true"]);
        outcome.refused(125, &["device /dev/full", "control group", "say rw"]);
    }
}

/// A device that can be opened both ways, and that nobody has by default.
fn loop_device(who: &Who) -> &'static str {
    const PATH: &str = "/dev/loop0";
    let can_be = fs::File::options().read(true).write(true).open(PATH).is_ok();
    if can_be { PATH } else { who.skip("no loop device on this machine") }
}

fn what_is_read_or_written_alone_is_kept_by_the_group(who: &Who) {
    let device = loop_device(who);
    let script =
        "for how in '<' '>' '<>'; do if (eval \"exec 3$how/dev/x\") 2>/dev/null; then echo yes; else echo no; fi; done";
    for (access, told) in [("r", "yes\nno\nno\n"), ("w", "no\nyes\nno\n"), ("rw", "yes\nyes\nyes\n")] {
        for ids in [&[][..], &["--userns", "identity"], &["--userns", "host"], &["--no-init"]] {
            let asked = format!("{device}:/dev/x:{access}");
            let outcome = who.sh(&[&["--device", &asked], ids].concat(), script);
            outcome.prints(told);
        }
    }
    who.run(&["--device", "/dev/null:/dev/x:r"], &["true"]).refused(125, &["/dev/null", "another rule"]);
    let twice = ["--device", &format!("{device}:/dev/x:r"), "--device", &format!("{device}:/dev/y:rw")];
    who.run(&twice, &["true"]).refused(125, &[device, "another rule"]);
    let asked = format!("{device}:/dev/x:r");
    who.run(&["--cgroups", "off", "--device", &asked], &["true"]).refused(125, &["control group", "say rw"]);
}

fn a_group_has_the_rules_where_a_device_could_be_made(who: &Who) {
    let options = |more: &[&'static str]| [&["--pids-limit", "64"], more].concat();
    let explained = |more: &[&'static str]| {
        who.aril(&[&["explain"], &options(more)[..], &[&who.rootfs(), "true"]].concat()).run().ok().out()
    };
    const RULES: &str = "allow only these devices: c *:* m b *:* m c 1:3 rwm c 1:5 rwm c 1:7 rwm c 1:8 rwm c 1:9 rwm c 5:0 rwm c 5:2 rwm c 136:* rwm";
    assert!(explained(&["--userns", "host"]).contains(RULES));
    assert!(explained(&["--device", "/dev/full:/dev/x"]).contains(&format!("{RULES} c 1:7 rwm")));
    // In a user namespace of its own nobody makes one.
    assert!(!explained(&[]).contains("allow only"));
    assert!(!explained(&["--userns", "host", "--cgroups", "off"]).contains("allow only"));
    let script = "for name in null zero full random urandom tty ptmx; do test -c /dev/$name || echo $name; done; \
        : >/dev/null && head -c1 /dev/urandom | wc -c; mknod /dev/x b 7 0 && (: </dev/x) 2>&1 | sed 's/.*: //'";
    who.sh(&options(&["--userns", "host", "--mount", "type=tmpfs,dst=/mnt"]), script).prints("1\nPermission denied\n");
}

fn root_inside_owns_a_node_that_is_root_s(who: &Who) {
    let folder = who.folder();
    let device = format!("{}:/dev/mine", node(&folder, "node", "600", FULL));
    for ids in [&[][..], &["--userns", "identity"], &["--userns", "host"], &["--userns", "0:100000:65536"]] {
        let options = [&["--device", &device][..], ids].concat();
        let script = format!("stat -c '%U:%G %a %t:%T %F' /dev/mine; {}", uses("/dev/mine"));
        who.sh(&options, &script).prints(format!("root:root 600 1:7 character special file\n{USED}"));
        // Nobody else.
        let other = [&options[..], &["--user", "405:100"]].concat();
        let outcome = who.sh(&other, "cat /dev/mine");
        outcome.exited(1).check(outcome.err().contains("Permission denied"), "the mode holds");
    }
    let block = format!("{}:/dev/mine", node(&folder, "block", "600", ["b", "4095", "1048575"]));
    who.sh(&["--device", &block], "stat -c '%t:%T %F' /dev/mine").prints("fff:fffff block special file");
}

fn a_node_s_owners_are_those_that_it_has_outside(who: &Who) {
    let folder = who.folder();
    for (owner, seen) in [("405:100", "405:100"), ("0:65535", "0:65535"), ("100000:70000", "0:0")] {
        let path = node(&folder, "node", "660", FULL);
        tool("chown", &[owner, &path]);
        let options = ["--device", &format!("{path}:/dev/mine")];
        who.sh(&options, "stat -c %u:%g /dev/mine").prints(seen);
        fs::remove_file(&path).expect("our own folder");
    }
    let path = node(&folder, "node", "660", FULL);
    tool("chown", &["0:100", &path]);
    let options = ["--device", &format!("{path}:/dev/mine"), "--user", "405:405", "--group-add", "100"];
    who.sh(&options, &uses("/dev/mine")).prints(USED);
}

fn a_node_keeps_its_mode_whatever_the_umask(who: &Who) {
    let folder = who.folder();
    let device = format!("{}:/dev/mine", node(&folder, "node", "666", FULL));
    let run = who.run_in(&who.rootfs(), &["--device", &device], &["stat", "-c", "%a", "/dev/mine"]);
    run.under(&["sh", "-c", "umask 077; exec \"$@\"", "sh"]).run().prints("666");
}

fn nobody_inside_changes_the_host_s_node(who: &Who) {
    let folder = who.folder();
    let path = node(&folder, "node", "600", FULL);
    let look = || {
        fs::metadata(&path).map(|stat| (stat.mode(), stat.uid(), stat.gid(), stat.ctime_nsec())).expect("it is there")
    };
    let before = look();
    for ids in [&[][..], &["--userns", "identity"], &["--userns", "host"]] {
        let device = format!("{path}:/dev/mine");
        let options = [&["--device", &device][..], ids].concat();
        let script = "chmod 666 /dev/mine || chown 7 /dev/mine || touch /dev/mine || rm /dev/mine || echo refused";
        who.sh(&options, script).exited(0).says("refused");
        assert_eq!(look(), before, "{ids:?}");
    }
}

fn a_dead_node_stays_dead(who: &Who) {
    let aril = who.binary("aril");
    for ids in ["auto", "identity"] {
        let words = [&aril, "run", "--userns", ids, "--device", "/mnt/node:/dev/x", &who.rootfs(), "true"];
        let script = "mount -t tmpfs -o nodev none /mnt; mknod -m 666 /mnt/node c 1 7";
        who.prepared(script, &words).run().refused(125, &["device /mnt/node", "nodev"]);
    }
}

fn where_no_node_can_be_made_it_says_so(who: &Who) {
    let folder = who.folder();
    let rootfs = who.own_rootfs(&["dev"]);
    let before = Traces::of(rootfs.path());
    let device = format!("{}:/dev/mine", node(&folder, "node", "600", FULL));
    let run = |options: &[&str]| {
        let options = [options, &["--device", &device]].concat();
        who.run_in(rootfs.str(), &options, &["sh", "-c", &uses("/dev/mine")]).under(&[
            "setpriv",
            "--bounding-set",
            "-mknod",
            "--inh-caps",
            "-mknod",
        ])
    };
    run(&[]).run().refused(125, &["make nodes for", "--userns identity", "(EPERM)"]);
    before.unchanged("without CAP_MKNOD");
    run(&["--userns", "identity"]).run().prints(USED);
}

fn the_mode_decides_for_an_ordinary_user(who: &Who) {
    who.needs_root_behind();
    let folder = who.folder();
    for (mode, owner, expected) in [("666", "0:0", true), ("600", "0:0", false), ("600", "12345:0", true)] {
        let path = node(&folder, "node", mode, FULL);
        let owner = owner.replace("12345", &who.uid().to_string());
        tool("chown", &[&owner, &path]);
        let outcome = who.sh(&["--device", &format!("{path}:/dev/mine")], &uses("/dev/mine"));
        outcome.check((outcome.out() == USED) == expected, format_args!("{mode} {owner}: {expected}"));
        outcome.check(expected || outcome.err().contains("Permission denied"), "who refuses it");
        fs::remove_file(&path).expect("our own folder");
    }
}

/// A control group of the test's own, which goes with it.
struct Group(PathBuf);

impl Group {
    fn new(parent: &Path, name: &str) -> Self {
        let path = parent.join(format!("aril-test-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever was in it is waited for, but has perhaps not left yet.
        crate::support::eventually("the group can be removed", || fs::remove_dir(&self.0).is_ok());
    }
}

fn a_group_of_version_2_has_the_devices_that_it_may(who: &Who) {
    let parent = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
    let Some(parent) = parent.into_iter().find(|path| path.join("cgroup.controllers").exists()) else {
        who.skip("no cgroup2 is mounted");
    };
    a_group_has_the_devices_that_it_may(who, parent, true);
}

fn a_group_of_version_1_has_the_devices_that_it_may(who: &Who) {
    let parent = Path::new("/sys/fs/cgroup/devices");
    if !parent.join("devices.deny").exists() {
        who.skip("there is no controller devices of version 1");
    }
    a_group_has_the_devices_that_it_may(who, parent, false);
}

fn a_group_has_the_devices_that_it_may(who: &Who, parent: &Path, unified: bool) {
    let folder = who.folder();
    // /dev/kmsg, which no container has unless asked for.
    let kmsg = node(&folder, "kmsg", "600", ["c", "1", "11"]);
    let c_string = |text: &str| CString::new(text).expect("no NUL");
    let (rootfs, source) = (c_string(&who.rootfs()), c_string(&kmsg));
    for (access, seen) in [(None, "no no"), (Some(bpf::READ), "yes no"), (Some(bpf::READ | bpf::WRITE), "yes yes")] {
        let arena = Arena::new().expect("there is memory");
        let mut spec = Spec::new(&arena);
        spec.rootfs = Word::new(&rootfs);
        if let Some(access) = access {
            spec.devices.push(Device { source: Word::new(&source), target: word(c"/dev/kmsg"), access });
        }
        let host = Host::read(&arena, &spec, &[]).expect("there is such a device");
        let group = Group::new(parent, "devices");
        let path = c_string(&group.0.display().to_string());
        let directory = file::openat(At::CWD, Word::new(&path), Open::DIRECTORY).expect("it was made");
        allow_devices(&arena, directory.at(), device_rules(&arena, &spec, &host), unified).expect("root may");
        // A node of anything may be made, but used only what is allowed.
        let script = "echo $$ >$1/cgroup.procs; cd $2; can() { (eval \"exec 3$1\") 2>error && echo yes || { \
            grep -q 'Operation not permitted' error && echo no || cat error; }; }; \
            for minor in 3 5 7 8 9; do mknod node$minor c 1 $minor; can \"<>node$minor\"; done; \
            mknod other b 4095 1; can '<other'; mknod console c 5 1; can '<console'; \
            can '<kmsg'; can '>kmsg'";
        let own = who.folder();
        node(&own, "kmsg", "600", ["c", "1", "11"]);
        let words = ["-c", script, "sh", group.0.to_str().expect("it is ours"), own.str()];
        let outcome = who.program("sh", &words).run();
        let expected = format!("yes yes yes yes yes no no {seen}");
        outcome.prints(expected.replace(' ', "\n"));
    }
}
