//! Ids that are not the caller's: root's unused range and idmapped mounts, an ordinary user's ranges of subuid(5), and what is
//! said where there are none.

use crate::support::{
    Etc, Folder, Outcome, RANGE, Run, Running, When, Who, eventually, executable, mark, rootfs, tool, traces::Traces,
};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

crate::tests! {
    both: identity_is_no_other_id;
    as_root: root_inside_owns_the_image_and_is_nobody_outside, every_kind_of_root_is_owned_by_root_inside,
        root_inside_writes_to_a_volume_only_if_it_is_idmapped, a_volume_below_a_closed_folder_is_reached,
        what_is_mounted_below_is_idmapped_too, what_cannot_be_idmapped_keeps_every_id_and_says_so,
        what_cannot_be_idmapped_is_no_idmapped_volume, where_nothing_is_shifted_idmap_is_refused, without_the_init_there_is_no_range,
        a_map_of_ones_own_leaves_the_ranges_alone, nobody_else_can_lock_the_ranges, a_lock_that_cannot_be_asked_for_is_told, a_root_on_a_tmpfs_is_idmapped, a_map_of_ones_own_is_silent,
        no_two_share_a_range, a_range_is_locked_as_long_as_it_is_used, the_last_ranges_are_found_and_then_there_is_none,
        ranges_that_are_someone_s_are_left_out, pipes_are_opened_anew, debian_s_tools_change_owners;
    as_user: ranges_are_mapped_by_the_programs, pipes_are_opened_anew_within_the_ranges, a_user_of_the_image_runs_within_the_ranges, who_has_one_id_is_told_how_to_have_more,
        a_program_that_fails_is_told, only_root_can_idmap;
}

/// The first number of the one line of a map, outside.
fn first_id(map: &str) -> u32 {
    let words: Vec<&str> = map.split_whitespace().collect();
    assert!(words.len() == 3 && words[0] == "0" && words[2] == "65536", "one range of 65536: {map}");
    words[1].parse().expect("a number")
}

fn is_unused(id: u32) -> bool {
    (0x7000_0000..0x8000_0000).contains(&id) && id % 0x1_0000 == 0
}

fn owner(folder: &Folder, path: &str) -> (u32, u32) {
    let file = fs::symlink_metadata(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    (file.uid(), file.gid())
}

fn root_inside_owns_the_image_and_is_nobody_outside(who: &Who) {
    let (rootfs, mark) = (who.own_rootfs(&[]), mark());
    let script = format!(
        "id -u; stat -c %u:%g /etc/passwd /home/guest; echo x >>/etc/passwd; >/etc/mine; >/etc/theirs; \
        chown 405:100 /etc/theirs; chmod 700 /etc/theirs; sleep {mark}"
    );
    let running = who.run_in(rootfs.str(), &[], &["sh", "-c", &script]).start();
    running.expect("0\n0:0\n405:100\n");
    let sleeper = running.sleeper(&mark);
    let first = first_id(&fs::read_to_string(format!("/proc/{sleeper}/uid_map")).expect("it lives"));
    assert!(is_unused(first), "{first}");
    for pid in [sleeper, running.init()] {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        for name in ["Uid", "Gid"] {
            let line = format!("\n{name}:\t{first}\t{first}\t{first}\t{first}\n");
            assert!(status.contains(&line), "all four are nobody's: {status}");
        }
        assert!(status.contains("\nGroups:\t \n"), "no group of the caller's: {status}");
    }
    drop(running);
    for (path, expected) in [("etc/passwd", (0, 0)), ("etc/mine", (0, 0)), ("etc/theirs", (405, 100))] {
        assert_eq!(owner(&rootfs, path), expected, "{path}");
    }
}

fn every_kind_of_root_is_owned_by_root_inside(who: &Who) {
    let rootfs = who.own_rootfs(&["proc", "sys", "dev"]);
    let before = Traces::of(rootfs.path());
    let look = "awk '{print $3}' /proc/self/uid_map; stat -c %u:%g / /etc /etc/passwd /home/guest";
    let owners = "65536\n0:0\n0:0\n0:0\n405:100";
    for (options, write) in [
        (&["--overlay"][..], true),
        (&["--overlay", "--tmpfs", "/new/place"], true),
        (&["--read-only"], false),
        (&["--read-only", "--overlay"], false),
    ] {
        who.run_in(rootfs.str(), options, &["sh", "-c", look]).run().prints(owners);
        let script = "set -e; chown 7:8 /etc/passwd; >/etc/new; rm -r /home/guest; mkdir -m 700 /home/guest; \
            stat -c %u:%g /etc/passwd /etc/new /home/guest";
        let outcome = who.run_in(rootfs.str(), options, &["sh", "-c", script]).run();
        if write {
            outcome.prints("7:8\n0:0\n0:0");
        } else {
            outcome.check(outcome.err().contains("Read-only file system"), "nothing is written");
        }
        before.unchanged(&format!("{options:?}"));
    }
    let view = "awk '{print $3}' /proc/self/uid_map; stat -c %u:%g / /etc/shadow; >/etc/new && chown 7 /etc/passwd";
    let machine = tool("stat", &["-c", "%u:%g", "/", "/etc/shadow"]);
    who.run_in("/", &[], &["/bin/sh", "-c", view]).run().prints(format!("65536\n{machine}"));
}

fn root_inside_writes_to_a_volume_only_if_it_is_idmapped(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("file"), "outside\n").expect("our own folder");
    for (end, can_write) in
        [("", false), (":ro", false), (":idmap", true), (":rw,idmap", true), (":idmap,ro", false), (":ro:idmap", false)]
    {
        let volume = format!("{}:/mnt{end}", folder.str());
        let outcome = who.sh(&["-v", &volume], "cat /mnt/file; stat -c %u /mnt/file; >/mnt/new");
        let seen = if end.contains("idmap") { "outside\n0\n" } else { "outside\n65534\n" };
        outcome.check(outcome.out() == seen, format_args!("{end}: it is read as {seen:?}"));
        outcome.check(outcome.err().is_empty() == can_write, format_args!("{end}: written: {can_write}"));
        assert_eq!(folder.join("new").exists(), can_write, "{end}");
        if can_write {
            assert_eq!(owner(&folder, "new"), (0, 0));
            fs::remove_file(folder.join("new")).expect("our own folder");
        }
    }
    // A map of one's own shifts it as well.
    let own = ["--userns", "0:100000:65536", "--overlay", "-v", &format!("{}:/mnt:idmap", folder.str())];
    who.run_in("/", &own, &["/bin/sh", "-c", "cat /proc/self/uid_map >/mnt/new"]).run().ok();
    assert_eq!(owner(&folder, "new"), (0, 0));
    // Root outside is root inside: there is nothing to shift.
    who.sh(&["--userns", "identity", "-v", &format!("{}:/mnt:idmap", folder.str())], ">/mnt/new").ok();
}

fn a_volume_below_a_closed_folder_is_reached(who: &Who) {
    let folder = who.folder();
    fs::create_dir(folder.join("open")).expect("our own folder");
    fs::write(folder.join("open/file"), "found\n").expect("our own folder");
    let source = folder.join("open").display().to_string();
    // Not even root's, so that no rights of an owner help.
    tool("chown", &["405", folder.str()]);
    tool("chmod", &["700", folder.str()]);
    for userns in ["auto", "0:100000:65536", "identity"] {
        let volume = format!("{source}:/mnt:ro");
        who.run(&["--userns", userns, "-v", &volume], &["cat", "/mnt/file"]).prints("found");
    }
    let rootfs = who.own_rootfs(&[]);
    tool("chmod", &["711", rootfs.str()]);
    let closed = who.folder();
    tool("mv", &[rootfs.str(), &closed.join("root").display().to_string()]);
    tool("chmod", &["700", closed.str()]);
    let path = closed.join("root").display().to_string();
    who.run_in(&path, &[], &["id", "-u"]).run().prints("0");
    who.run_in(&path, &["--overlay"], &["id", "-u"]).run().prints("0");
    tool("mkdir", &[rootfs.str()]);
}

/// `aril run OPTIONS ROOTFS sh -c LOOK`, after this script has changed the mounts of a namespace of the test's own.
fn with_mounts(who: &Who, mounts: &str, options: &[&str], rootfs: &str, look: &str) -> Run {
    let script = format!("set -e; mount --make-rprivate /; {mounts}; exec \"$@\"");
    who.run_in(rootfs, options, &["/bin/sh", "-c", look]).under(&["unshare", "--mount", "sh", "-c", &script, "sh"])
}

fn what_is_mounted_below_is_idmapped_too(who: &Who) {
    who.needs_idmapped_tmpfs();
    let rootfs = who.own_rootfs(&[]);
    let mounts = format!("mount -t tmpfs -o mode=755 none {0}/media; >{0}/media/file", rootfs.str());
    let look = "stat -c %u /media/file; echo x >/media/file && cat /media/file";
    with_mounts(who, &mounts, &[], rootfs.str(), look).run().prints("0\nx");
}

fn a_root_on_a_tmpfs_is_idmapped(who: &Who) {
    who.needs_idmapped_tmpfs();
    let (folder, model) = (who.folder(), who.rootfs());
    let mounts = format!("mount -t tmpfs -o mode=755 none {0}; cp -a {model}/. {0}", folder.str());
    for options in [&[][..], &["--overlay"]] {
        let look = "awk '{print $3}' /proc/self/uid_map; stat -c %u /etc/passwd";
        with_mounts(who, &mounts, options, folder.str(), look).run().prints("65536\n0");
    }
}

/// A root file system on an overlay, as Docker has them.
fn on_overlay(who: &Who, options: &[&str], look: &str) -> Outcome {
    let folder = who.folder();
    let mounts = format!(
        "mount -t tmpfs none {0}; mkdir {0}/up {0}/work {0}/root; \
        mount -t overlay -o lowerdir={1},upperdir={0}/up,workdir={0}/work none {0}/root",
        folder.str(),
        who.rootfs()
    );
    with_mounts(who, &mounts, options, &format!("{}/root", folder.str()), look).run()
}

fn what_cannot_be_idmapped_keeps_every_id_and_says_so(who: &Who) {
    let map = "awk '{print $1, $2, $3}' /proc/self/uid_map";
    for options in [&[][..], &["--overlay"], &["--read-only"]] {
        let outcome = on_overlay(who, options, map);
        outcome.exited(0).says("0 0 4294967295");
        let said = outcome.err();
        let words = ["aril: ", "root inside is root outside", "overlay on /", "--userns identity"];
        let is_said = words.iter().all(|word| said.contains(word)) && said.lines().count() == 1;
        outcome.check(is_said, format_args!("{options:?}: one line that says all of {words:?}"));
    }
    for (userns, maps) in [("identity", "0 0 4294967295"), ("host", "0 0 4294967295"), ("0:0:65536", "0 0 65536")] {
        on_overlay(who, &["--userns", userns], map).prints(maps);
    }
    let rootfs = who.own_rootfs(&[]);
    let mounts = format!("mount -t proc none {}/media", rootfs.str());
    let outcome = with_mounts(who, &mounts, &[], rootfs.str(), map).run();
    outcome.exited(0).says("0 0 4294967295").check(outcome.err().contains("proc on /"), "what cannot is named");
    // What is covered is copied with the tree all the same.
    let mounts = format!("mount -t proc none {0}/media; mount -t tmpfs none {0}/media", rootfs.str());
    let outcome = with_mounts(who, &mounts, &[], rootfs.str(), map).run();
    outcome.exited(0).says("0 0 4294967295").check(outcome.err().contains("proc on /"), "what cannot is named");
    // What was made until the kernel refused is made once more, and nothing of it is left.
    let (folder, name) = (who.folder(), "planned-anew");
    let pid_file = format!("{}/pid", folder.str());
    let mounts = format!("mount -t proc none {0}/media", rootfs.str());
    let options = ["--name", name, "-m", "64m", "--pids-limit", "64", "--pidfile", &pid_file, "-v", "/etc:/mnt"];
    for _ in 0..2 {
        let outcome = with_mounts(who, &mounts, &options, rootfs.str(), map).run();
        outcome.exited(0).says("0 0 4294967295").check(outcome.err().contains("proc on /"), "what cannot is named");
        assert!(!std::path::Path::new(&pid_file).exists(), "{pid_file} is left");
    }
    // And what comes by a pipe is read but once.
    let outcome =
        with_mounts(who, &mounts, &["--env-file", "/dev/stdin"], rootfs.str(), "echo $A").input("A=piped\n").run();
    outcome.exited(0).says("piped");
    // A neighbour whose name begins the same is none of it.
    let (outer, model) = (who.folder(), who.rootfs());
    let mounts = format!("cp -a {model} {0}/root; mkdir {0}/root2; mount -t proc none {0}/root2", outer.str());
    with_mounts(who, &mounts, &[], &format!("{}/root", outer.str()), "awk '{print $3}' /proc/self/uid_map")
        .run()
        .prints("65536");
}

fn what_cannot_be_idmapped_is_no_idmapped_volume(who: &Who) {
    for source in ["/proc", "/sys/kernel"] {
        let volume = format!("{source}:/mnt:idmap");
        who.run(&["-v", &volume], &["true"]).refused(125, &[source, "idmap", "(EINVAL)"]);
    }
    who.run(&["-v", "/etc:/mnt:idmap,rx"], &["true"]).refused(125, &["--volume", "SRC:DST"]);
}

/// It would mean nothing, and the volume be someone else's inside.
fn where_nothing_is_shifted_idmap_is_refused(who: &Who) {
    let (folder, rootfs) = (who.folder(), who.own_rootfs(&["mnt"]));
    let volume = format!("{}:/mnt:idmap", folder.str());
    for (options, refused) in [
        (&["--userns", "ns:/proc/self/ns/user"][..], true),
        (&["--change-root", "chroot", "--userns", "0:100000:65536"], true),
        (&["--uid-map", "0:0:1", "--uid-map", "1:100000:65535", "--gid-map", "0:0:65536"], true),
        (&["--uid-map", "0:0:65536", "--gid-map", "0:100000:65536"], true),
        (&["--uid-map", "none", "--gid-map", "none"], true),
        // Every id is itself, and so is the volume's.
        (&["--userns", "host"], false),
        (&["--userns", "0:0:65536"], false),
        (&["--change-root", "chroot"], false),
        (&["--change-root", "chroot", "--userns", "identity"], false),
    ] {
        let outcome =
            who.run_in(rootfs.str(), &[options, &["-v", &volume]].concat(), &["stat", "-c", "%u", "/mnt"]).run();
        if refused {
            outcome.refused(125, &["idmap", folder.str(), "--change-root pivot_root"]);
        } else {
            outcome.prints("0");
        }
    }
}

/// Whoever has changed his user outlives the launcher, and its lock.
fn without_the_init_there_is_no_range(who: &Who) {
    let map = "awk '{print $1, $2, $3}' /proc/self/uid_map";
    for options in [&["--no-init"][..], &["--no-init", "--overlay"], &["--no-init", "--pid", "host"]] {
        if !options.contains(&"--pid") {
            who.sh(options, map).prints("0 0 4294967295");
        }
        let outcome = who.aril(&[&["explain"], options, &[&who.rootfs(), "true"]].concat()).run();
        outcome.mentions("write uid_map: 0 0 4294967295");
    }
}

fn a_map_of_ones_own_leaves_the_ranges_alone(who: &Who) {
    for map in ["0:1879048192:65536", "0:2147483647:1", "1879048192:1879048193:1", "0:1000000000:2000000000"] {
        for option in ["--userns", "--uid-map", "--gid-map"] {
            who.run(&[option, map], &["true"]).refused(125, &["1879048192 to 2147483647", "--userns auto"]);
        }
    }
    let map = ["--userns", "0:0:65536", "--userns", "1879048192:1879048192:65536", "--userns", "65536:1879048191:1"];
    who.run(&map, &["true"]).ok();
}

/// A lock for reading would keep root's out as well.
fn nobody_else_can_lock_the_ranges(who: &Who) {
    let open = "open('/proc/sys/kernel/cad_pid')";
    let outcome = who.program("python3", &["-c", open]).uid(20001).run();
    outcome.exited(1).check(outcome.err().contains("PermissionError"), "only root can open it");
    who.program("python3", &["-c", open]).run().ok();
}

fn a_lock_that_cannot_be_asked_for_is_told(who: &Who) {
    let run = who.run_in(&who.rootfs(), &[], &["true"]);
    // F_OFD_GETLK
    let outcome = run.refuse_when(libc::SYS_fcntl, libc::EINVAL, When::Argument(1, 36)).run();
    outcome.refused(125, &["ask for a lock on /proc/sys/kernel/cad_pid", "(EINVAL)"]);
}

fn a_map_of_ones_own_is_silent(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    tool("chown", &["-hR", "100000:100000", rootfs.str()]);
    let script = "id -u; >/mine; awk '{print $1, $2, $3}' /proc/self/uid_map /proc/self/gid_map";
    let options = ["--userns", "0:100000:60000", "--userns", "60000:7:1"];
    let outcome = who.run_in(rootfs.str(), &options, &["sh", "-c", script]).run();
    outcome.prints("0\n0 100000 60000\n60000 7 1\n0 100000 60000\n60000 7 1");
    assert_eq!(owner(&rootfs, "mine"), (100_000, 100_000), "nothing is shifted on the way");
}

fn identity_is_no_other_id(who: &Who) {
    let map = "awk '{print $1, $2, $3}' /proc/self/uid_map";
    let (uid, expected) = match who.uid() {
        0 => (0, "0 0 4294967295".to_string()),
        uid => (uid, format!("{uid} {uid} 1")),
    };
    who.sh(&["--userns", "identity"], &format!("id -u; id -g; {map}")).prints(format!("{uid}\n{uid}\n{expected}"));
    // Of several the last one counts.
    who.sh(&["--userns", "0:7:9", "--userns", "identity"], map).prints(&expected);
    who.sh(&["--userns", "identity", "--userns", "auto"], "id -u").prints("0");
}

/// The ranges of containers that run at once and wait for a line.
fn ranges(crowd: Vec<Running>) -> BTreeSet<u32> {
    crowd.iter().for_each(|running| running.expect("ready"));
    let maps = |running: &Running| {
        ["uid_map", "gid_map"].map(|name| {
            let path = format!("/proc/{}/{name}", running.init());
            first_id(&fs::read_to_string(path).expect("it runs"))
        })
    };
    let ranges: Vec<[u32; 2]> = crowd.iter().map(maps).collect();
    for running in crowd {
        running.finish().exited(1).check(true, "it saw its input's end");
    }
    assert!(ranges.iter().all(|[users, groups]| users == groups), "{ranges:?}");
    let all: BTreeSet<u32> = ranges.iter().map(|[users, _]| *users).collect();
    assert_eq!(all.len(), ranges.len(), "each has its own: {ranges:?}");
    all
}

const WAIT: &str = "echo ready; read line";

fn no_two_share_a_range(who: &Who) {
    let ranges = ranges((0..50).map(|_| who.start(&[], &["sh", "-c", WAIT])).collect());
    assert!(ranges.iter().all(|range| is_unused(*range)), "{ranges:?}");
}

/// A process that holds the locks of slots, or tells which are held by others; it is one that aril does not know.
const LOCKS: &str = "
import fcntl, os, struct, sys
file = os.open('/proc/sys/kernel/cad_pid', os.O_RDWR)
def lock(start, length, command):
    return struct.unpack('hhqqi', fcntl.fcntl(file, command, struct.pack('hhqqixxxx', fcntl.F_WRLCK, 0, start, length, 0))[:28])
";

fn is_locked(range: u32) -> bool {
    let slot = (range - 0x7000_0000) >> 16;
    let script = format!("{LOCKS}print(lock({slot}, 1, 36)[0] != fcntl.F_UNLCK)");
    tool("python3", &["-c", &script]) == "True"
}

fn a_range_is_locked_as_long_as_it_is_used(who: &Who) {
    for kill in [false, true] {
        let mark = mark();
        let running = who.start(&[], &["sleep", &mark]);
        let sleeper = running.sleeper(&mark);
        let range = first_id(&fs::read_to_string(format!("/proc/{sleeper}/uid_map")).expect("it lives"));
        assert!(is_locked(range), "{range}");
        // Nobody else has it open: neither would the lock end with the launcher, nor could it be let go of inside.
        for pid in [running.init(), sleeper] {
            let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("root may look");
            for file in files.flatten() {
                let target = fs::read_link(file.path()).unwrap_or_default();
                assert!(!target.ends_with("cad_pid"), "{pid} has {target:?}");
            }
        }
        running.signal(if kill { Signal::KILL } else { Signal::TERM });
        drop(running);
        eventually("the range is free again", || !is_locked(range));
        eventually("nobody has an id of it", || !Path::new(&format!("/proc/{sleeper}")).exists());
    }
}

/// Others, who have all but a few, are started as programs, since a lock ends with whoever holds it.
fn the_last_ranges_are_found_and_then_there_is_none(who: &Who) {
    // No other test may run a container meanwhile, so this one has a /proc/sys/kernel/cad_pid of its own, in a copy of the
    // mount table: a file with the same locks.
    let folder = who.folder();
    let file = folder.join("locks").display().to_string();
    fs::write(&file, "").expect("our own folder");
    let mounts = format!("mount --bind {file} /proc/sys/kernel/cad_pid");
    let hold = |free: std::ops::Range<u32>| {
        let script = format!(
            "{LOCKS}lock(0, {}, 37)\nlock({}, 4096, 37)\nprint('held', flush=True)\ninput()",
            free.start.max(1),
            free.end
        );
        let run = who.program("python3", &["-c", &script]);
        let set = format!("set -e; mount --make-rprivate /; {mounts}; exec \"$@\"");
        let running = run.under(&["unshare", "--mount", "sh", "-c", &set, "sh"]).start();
        running.expect("held");
        running
    };
    // As many as there are: each loses to others again and again.
    let holder = hold(100..112);
    let options = ["--fs", "sys,dev"]; // what is mounted on a part of /proc forbids a new one
    let crowd = (0..12).map(|_| with_mounts(who, &mounts, &options, &who.rootfs(), WAIT).start()).collect();
    let expected: BTreeSet<u32> = (100..112).map(|slot| 0x7000_0000 + (slot << 16)).collect();
    assert_eq!(ranges(crowd), expected);
    drop(holder);
    let holder = hold(100..100);
    with_mounts(who, &mounts, &options, &who.rootfs(), "true").run().refused(125, &["range of ids", "(EAGAIN)"]);
    let identity = [&options[..], &["--userns", "identity"]].concat();
    with_mounts(who, &mounts, &identity, &who.rootfs(), "echo runs").run().prints("runs");
    drop(holder);
}

fn ranges_that_are_someone_s_are_left_out(who: &Who) {
    // All but two slots are someone's, and a group has one of these.
    let (first, last) = (0x7000_0000, 0x7fff_0000);
    let subuid = format!("one:{first}:{}\ntwo:{}:1\n", 0x0100_0000 - 1, last);
    let subuid = format!("{subuid}three:{}:{}\n", first + 0x0102_0000, last - first - 0x0102_0000);
    let subgid = format!("four:{}:65535\n", first + 0x0101_0000 + 1);
    let run = || who.run_in(&who.rootfs(), &[], &["cat", "/proc/self/uid_map"]);
    for _ in 0..3 {
        let outcome = Etc::new(who, &subuid, &subgid).run(0, run());
        assert_eq!(first_id(&outcome.ok().out()), first + 0x0100_0000);
    }
}

fn pipes_are_opened_anew(who: &Who) {
    let script = "cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr; cat </proc/self/fd/0";
    for options in [
        &[][..],
        &["--user", "guest"],
        &["--userns", "identity", "--user", "guest"],
        &["--userns", "identity"],
        &["--userns", "0:0:65536"],
        &["--no-init"],
    ] {
        let outcome = who.run_in(&who.rootfs(), options, &["sh", "-c", script]).input("in\n").run();
        outcome.exited(0).says("in\nout").check(outcome.err() == "err\n", format_args!("{options:?}"));
    }
    // By each of two containers, and whoever made it can still open it.
    let script = "\"$@\" 'cat /dev/stdin >/dev/stdout' | { \"$@\" 'cat /dev/stdin >/dev/stdout'; stat -Lc %u /dev/stdin >/dev/stderr; }";
    let through = who.run_in(&who.rootfs(), &["--user", "guest"], &["sh", "-c"]).under(&["sh", "-c", script, "sh"]);
    let outcome = through.input("in\n").run();
    outcome.exited(0).says("in").check(outcome.err() == "0\n", "it belongs to whom it did");
    // By a server whose workers are others.
    who.sh(&[], "su guest -s /bin/sh -c 'echo out >/dev/stdout'").prints("out");
    // What has a name stays as it is.
    let folder = who.folder();
    let (file, fifo) = (folder.join("file").display().to_string(), folder.join("fifo").display().to_string());
    tool("mkfifo", &[&fifo]);
    let script = "cat <\"$0\"/fifo >/dev/null & exec \"$@\" >\"$0\"/fifo 2>\"$0\"/file";
    who.run_in(&who.rootfs(), &[], &["echo", "x"]).under(&["sh", "-c", script, folder.str()]).run().ok();
    for path in [file, fifo] {
        let file = fs::metadata(&path).expect("it is there");
        assert_eq!((file.uid(), file.mode() & 0o777), (0, 0o644), "{path}");
    }
}

fn debian_s_tools_change_owners(who: &Who) {
    let root = rootfs("debian");
    if !root.is_dir() {
        who.skip("no target/rootfs/debian: rootfs/debian makes it, as root and with a mirror in reach");
    }
    let script = "set -e; >/srv/a; chown daemon:games /srv/a; install -o man -g mail -m 640 /srv/a /srv/b; \
        useradd -m someone; su someone -c 'id -un; touch ~/file; stat -c %U:%G ~/file'; \
        stat -c '%U:%G %a' /srv/a /srv/b; mkdir /srv/c; chmod 2775 /srv/c; chgrp mail /srv/c; touch /srv/c/d; stat -c %G /srv/c/d; \
        awk '{print $3}' /proc/self/uid_map";
    let before = Traces::of(&root.join("etc"));
    let path = root.display().to_string();
    who.run_in(&path, &["--overlay", "--network", "none"], &["/bin/sh", "-c", script])
        .run()
        .prints("someone\nsomeone:someone\ndaemon:games 644\nman:mail 640\nmail\n65536");
    before.unchanged("debian's tools");
}

// --- An ordinary user ---

const MAPS: &str = "for map in uid_map gid_map; do awk '{print $1, $2, $3}' /proc/self/$map; done";

fn ranges_are_mapped_by_the_programs(who: &Who) {
    let uid = who.uid();
    let run = |script: &str| who.run_in(&who.rootfs(), &[], &["sh", "-c", script]);
    let etc = Etc::new(who, RANGE, RANGE);
    let script = format!("id -u; {MAPS}; cat /proc/self/setgroups");
    etc.run(uid, run(&script)).prints(format!("0\n0 {uid} 1\n1 100000 65536\n0 {uid} 1\n1 100000 65536\nallow"));
    // By number, several, and some that cannot be.
    let lines = format!("{uid}:200000:10\nother:300000:10\naril-test:200005:10\naril-test:400000:5\n{uid}:{uid}:1\n");
    let maps = format!("0 {uid} 1\n1 200000 10\n11 400000 5");
    Etc::new(who, &lines, &lines).run(uid, run(MAPS)).prints(format!("{maps}\n{maps}"));
    // An aril that root inside may write to under one of them is executed anew, once.
    let (folder, rootfs) = (who.folder(), who.rootfs());
    let aril = who.writable(&folder);
    fs::set_permissions(&aril, fs::Permissions::from_mode(0o755)).expect("our own file");
    chown(&aril, Some(100_000), Some(100_000)).expect("root is behind");
    let outcome = etc.run(uid, who.program(&aril, &["run", "--trace", &rootfs, "id", "-u"]));
    let anew = outcome.exited(0).says("0").err().matches("execute this program anew, from a sealed copy").count();
    outcome.check(anew == 1, "once");
    // What was asked for decides.
    let own = ["--uid-map", &format!("0:{uid}:1"), "--gid-map", &format!("0:{uid}:1")];
    etc.run(uid, who.run_in(&who.rootfs(), &own, &["sh", "-c", MAPS])).prints(format!("0 {uid} 1\n0 {uid} 1"));
    etc.run(uid, who.run_in(&who.rootfs(), &["--userns", "identity"], &["sh", "-c", MAPS]))
        .prints(format!("{uid} {uid} 1\n{uid} {uid} 1"));
    // What a script of the caller's PATH is called is nothing to us.
    let bin = who.folder();
    executable(&bin.join("newuidmap"), "#!/bin/sh\nexit 1\n");
    etc.run(uid, run("id -u").env("PATH", &format!("{}:/usr/bin:/bin:/usr/sbin", bin.str()))).prints("0");
}

fn a_user_of_the_image_runs_within_the_ranges(who: &Who) {
    let (rootfs, uid) = (who.own_rootfs(&[]), who.uid());
    let etc = Etc::new(who, RANGE, RANGE);
    let script = "set -e; >/srv/a; chown 33:34 /srv/a; stat -c %u:%g /srv/a; su guest -s /bin/sh -c 'id -u; id -G'; chown 405 /home/guest; stat -c %g /dev/pts/ptmx";
    etc.run(uid, who.run_in(rootfs.str(), &[], &["sh", "-c", script])).prints("33:34\n405\n100 10\n0");
    assert_eq!(owner(&rootfs, "srv/a"), (100_032, 100_033));
    let user = ["--user", "guest"];
    etc.run(
        uid,
        who.run_in(rootfs.str(), &user, &["sh", "-c", "id -u; id -G; >/home/guest/file; stat -c %u /home/guest/file"]),
    )
    .prints("405\n100 10\n405");
    assert_eq!(owner(&rootfs, "home/guest/file").0, 100_404);
    etc.run(uid, who.run_in(rootfs.str(), &["--overlay", "--user", "33:33"], &["id", "-u"])).prints("33");
    let outcome = etc.run(uid, who.run_in(rootfs.str(), &["--user", "70000"], &["id"]));
    outcome.refused(125, &["70000", "(EINVAL)", "/etc/subuid"]);
}

fn who_has_one_id_is_told_how_to_have_more(who: &Who) {
    let uid = who.uid();
    let run = || who.run_in(&who.rootfs(), &["--user", "33"], &["id"]);
    // The line that is named is one that serves.
    let none = Etc::new(who, "other:100000:65536\nlast:300000:65536\n", "");
    none.run(uid, run()).refused(125, &["33", "(EINVAL)", " aril-test:365536:65536 ", "/etc/subuid", "/etc/subgid"]);
    none.run(uid, who.run_in(&who.rootfs(), &[], &["id", "-u"])).prints("0");
    let line = "aril-test:365536:65536\n";
    Etc::new(who, line, line).run(uid, who.run_in(&who.rootfs(), &["--user", "33:33"], &["id", "-u"])).prints("33");
    Etc::new(who, RANGE, "").run(uid, run()).refused(125, &["aril-test:165536:65536", "/etc/subgid"]);
    for without in ["mount --bind /bin/true /usr/bin/newgidmap", "mount -o remount,bind,nosuid /usr"] {
        let prepare = format!("mount --bind /usr /usr; {without}");
        Etc::new(who, RANGE, RANGE).and(&prepare).run(uid, run()).refused(125, &["33", "newgidmap", "package uidmap"]);
    }
    let etc = Etc::new(who, RANGE, RANGE);
    etc.run(uid, run().under(&["setpriv", "--no-new-privs"])).refused(125, &["33", "no_new_privs"]);
    etc.run(uid, who.run_in(&who.rootfs(), &[], &["id", "-u"]).under(&["setpriv", "--no-new-privs"])).prints("0");
}

/// His own pipes, as a shell makes them; and others', which are used as they are.
fn pipes_are_opened_anew_within_the_ranges(who: &Who) {
    let etc = Etc::new(who, RANGE, RANGE);
    let script = "cat /dev/stdin; echo out >/dev/stdout";
    let own = "echo in | \"$@\" | cat";
    for options in [&[][..], &["--user", "guest"], &["--no-init", "--user", "guest"]] {
        let run = || who.run_in(&who.rootfs(), options, &["sh", "-c", script]);
        let outcome = etc.run(who.uid(), run().under(&["bash", "-c", own, "bash"]));
        outcome.exited(0).says("in\nout").check(outcome.err().is_empty(), format_args!("{options:?}"));
        etc.run(who.uid(), who.run_in(&who.rootfs(), options, &["sh", "-c", "cat; echo out"]).input("in\n"))
            .prints("in\nout");
    }
}

/// It is what it says that helps, and nothing is left behind.
fn a_program_that_fails_is_told(who: &Who) {
    let (rootfs, uid) = (who.own_rootfs(&["proc"]), who.uid());
    let before = Traces::of(rootfs.path());
    for name in ["newuidmap", "newgidmap"] {
        let fails = who.folder();
        executable(&fails.join("it"), "#!/bin/sh\necho \"$0 says no to $2 $3 $4\" >&2\nexit 1\n");
        tool("chmod", &["4755", &fails.join("it").display().to_string()]);
        let etc = Etc::new(who, RANGE, RANGE).and(&format!("mount --bind {}/it /usr/bin/{name}", fails.str()));
        let outcome = etc.run(uid, who.run_in(rootfs.str(), &[], &["true"]));
        let said = format!("/usr/bin/{name} says no to 0 {uid} 1 (EPERM)");
        outcome.refused(125, &["newuidmap", &said, &format!("--uid-map 0:{uid}:1")]);
        before.unchanged(name);
    }
}

fn only_root_can_idmap(who: &Who) {
    let folder = who.folder();
    let volume = format!("{}:/mnt:idmap", folder.str());
    for userns in ["auto", "identity"] {
        let outcome = who.run(&["--userns", userns, "-v", &volume], &["true"]);
        outcome.refused(125, &["idmap", folder.str(), "(EPERM)"]);
    }
}
