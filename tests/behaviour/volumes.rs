//! Volumes and other mounts as `--mount` spells them, their order, their propagation, and what many of them cost.

use crate::support::{Who, tool, traces::Traces};
use std::fs;

crate::tests! {
    both: a_mount_is_spelled_as_docker_has_it, a_source_may_be_relative, file_systems_are_made_anew,
        a_new_proc_is_masked_wherever_it_is, the_order_on_the_line_means_nothing, two_on_one_target_are_refused,
        a_wrong_mount_is_refused, flags_stand_in_any_order, a_volume_s_writes_can_go_to_memory,
        one_over_etc_is_left_as_it_is, many_volumes_cost_no_more_each;
    as_root: what_the_host_mounts_later_shows_on_request_alone;
}

fn a_mount_is_spelled_as_docker_has_it(who: &Who) {
    let folder = who.folder();
    fs::write(folder.join("file"), "from outside\n").expect("our own folder");
    let source = folder.str();
    let more = if who.is_root() { ",idmap" } else { "" };
    for mount in [
        format!("type=bind,src={source},dst=/mnt{more}"),
        format!("type=bind,source={source},target=/mnt,readonly{more}"),
        format!("src={source},destination=/a/../mnt,ro=true,bind-propagation=rprivate{more}"),
    ] {
        let reads_only = mount.contains("ro=") || mount.contains("readonly");
        let outcome = who.sh(&["--mount", &mount], "cat /mnt/file; touch /mnt/new && echo written");
        let expected = if reads_only { "from outside\n" } else { "from outside\nwritten\n" };
        outcome.check(outcome.out() == expected, format_args!("{mount}: {expected:?}"));
        assert_eq!(folder.join("new").exists(), !reads_only, "{mount}");
        drop(fs::remove_file(folder.join("new")));
    }
    let file = format!("type=bind,src={source}/file,dst=/etc/shells,ro");
    who.run(&["--mount", &file], &["cat", "/etc/shells"]).prints("from outside");
}

fn a_source_may_be_relative(who: &Who) {
    let folder = who.folder();
    fs::create_dir(folder.join("below")).expect("our own folder");
    fs::write(folder.join("below/file"), "found\n").expect("our own folder");
    for options in [["-v", "below:/mnt"], ["-v", "./below/../below:/mnt:ro"], ["--mount", "src=below,dst=/mnt"]] {
        let run = who.run_in(&who.rootfs(), &options, &["cat", "/mnt/file"]).dir(folder.path());
        run.run().prints("found");
    }
}

fn file_systems_are_made_anew(who: &Who) {
    let kind = |mount: &str| {
        let look = "awk '$5 == \"/mnt\" { sub(/.* - /, \"\"); print $1 }' /proc/self/mountinfo";
        who.sh(&["--network", "none", "--mount", mount], look)
    };
    for name in ["tmpfs", "proc", "sysfs", "mqueue", "devpts"] {
        kind(&format!("type={name},dst=/mnt")).prints(name);
    }
    let script = "df -k /mnt | awk 'NR == 2 {print $2}'; stat -c %a /mnt; >/mnt/file && echo written";
    who.sh(&["--mount", "type=tmpfs,dst=/mnt,tmpfs-size=1m,tmpfs-mode=700"], script).prints("1024\n700\nwritten");
    who.sh(&["--mount", "type=tmpfs,dst=/mnt,size=2m"], script).prints("2048\n1777\nwritten");
    let outcome = who.sh(&["--mount", "type=tmpfs,dst=/mnt,ro"], "! touch /mnt/file");
    outcome.exited(0).check(outcome.err().contains("Read-only"), "it is read-only");
    let access = "awk '$5 == \"/mnt\" { print substr($6, 1, 2) }' /proc/self/mountinfo";
    for name in ["tmpfs", "proc", "sysfs", "mqueue", "devpts"] {
        for (end, expected) in [(",ro", "ro"), ("", if name == "sysfs" { "ro" } else { "rw" })] {
            who.sh(&["--network", "none", "--mount", &format!("type={name},dst=/mnt{end}")], access).prints(expected);
        }
        for flag in ["idmap", "rslave", "private", "bind-propagation=rprivate"] {
            let mount = format!("type={name},dst=/mnt,{flag}");
            who.run(&["--mount", &mount], &["true"]).refused(125, &["option --mount", "bind mount"]);
        }
    }
    for pid in ["host", "ns:/proc/self/ns/pid"] {
        let outcome = who.run(&["--pid", pid, "--mount", "type=proc,dst=/mnt"], &["true"]);
        outcome.refused(125, &["a new /proc needs a new pid namespace"]);
    }
}

/// Another proc is as much of a way to the kernel as the first.
fn a_new_proc_is_masked_wherever_it_is(who: &Who) {
    let script = "cat /mnt/1/comm; cat /mnt/kcore /mnt/keys 2>/dev/null | wc -c; ! >>/mnt/sys/kernel/core_pattern";
    let outcome = who.sh(&["--mount", "type=proc,dst=/mnt"], script);
    outcome.exited(0).says("aril\n0").check(outcome.err().contains("core_pattern"), "the sysctls cannot be written");
}

/// The deeper one is mounted later, however they are written.
fn the_order_on_the_line_means_nothing(who: &Who) {
    let (outer, inner) = (who.folder(), who.folder());
    fs::create_dir_all(outer.join("a/b")).expect("our own folder");
    fs::write(outer.join("file"), "outer").expect("our own folder");
    fs::write(inner.join("file"), "inner").expect("our own folder");
    let [outer, inner] = [format!("{}:/mnt", outer.str()), format!("{}:/mnt/a/b", inner.str())];
    for options in [["-v", &outer, "-v", &inner], ["-v", &inner, "-v", &outer]] {
        who.run(&options, &["cat", "/mnt/file", "/mnt/a/b/file"]).prints("outerinner");
    }
}

fn two_on_one_target_are_refused(who: &Who) {
    for second in [["-v", "/usr:/mnt/"], ["--tmpfs", "/x/../mnt"], ["--mount", "src=/usr,dst=/mnt"]] {
        let options = [&["-v", "/etc:/mnt"][..], &second].concat();
        who.run(&options, &["true"]).refused(125, &["mount on /mnt", "twice"]);
    }
    // In place of what is the container's own it is no second one.
    who.run(&["--tmpfs", "/dev/shm:size=1m"], &["true"]).ok();
}

fn a_wrong_mount_is_refused(who: &Who) {
    for (mount, reason) in [
        ("type=bind,dst=/mnt", "src="),
        ("src=/etc", "dst="),
        ("type=volume,src=data,dst=/mnt", "the type is"),
        ("type=tmpfs,src=/etc,dst=/mnt", "dst="),
        ("type=proc,dst=/mnt,size=1m", "size="),
        ("src=/etc,dst=mnt", "absolute"),
        ("src=/etc,dst=/mnt,rx", "options"),
        ("src=/etc,dst=/mnt,bind-propagation=rshared", "options"),
    ] {
        who.run(&["--mount", mount], &["true"]).refused(125, &["option --mount", reason]);
    }
    who.run(&["--mount", "src=/no/such,dst=/mnt"], &["true"]).refused(125, &["bind volume /no/such", "(ENOENT)"]);
}

fn flags_stand_in_any_order(who: &Who) {
    for flags in ["ro,rslave", "rslave,ro", "rprivate,rw,ro"] {
        let outcome = who.sh(&["-v", &format!("/etc:/mnt:{flags}")], "! touch /mnt/file");
        outcome.exited(0).check(outcome.err().contains("Read-only"), format_args!("{flags}: read-only"));
    }
    who.run(&["-v", "/etc:/mnt:ro,sometimes"], &["true"]).refused(125, &["SRC:DST"]);
}

/// The machine's own mounts stay as they are: it is done in a mount namespace of the test's own, in which a folder is shared.
fn what_the_host_mounts_later_shows_on_request_alone(who: &Who) {
    let folder = who.folder();
    for name in ["tree", "tree/below"] {
        fs::create_dir(folder.join(name)).expect("our own folder");
    }
    for name in ["ready", "go"] {
        tool("mkfifo", &[&folder.join(name).display().to_string()]);
    }
    let script = r#"cd "$1" && mount --bind tree tree && mount --make-shared tree &&
        { "$2" run -v tree:/mnt:"$3" -v .:/test:idmap "$4" sh -c 'echo >/test/ready; read word </test/go; ls /mnt/below' & } &&
        read word <ready && mount -t tmpfs aril-test tree/below && >tree/below/later && echo >go; wait $!"#;
    for (flags, seen) in [("rslave", "later"), ("ro,rslave", "later"), ("rw", ""), ("rprivate", "")] {
        let words = ["-c", script, "sh", folder.str(), &who.binary("aril"), flags, &who.rootfs()];
        let run = who.program("sh", &words).under(&["unshare", "--mount", "--propagation", "private"]);
        run.run().prints(seen);
    }
}

/// Counted, not timed: ten times as many take at most ten times as many system calls.
/// The container's own files in /etc have no place then, and none is made on the host.
fn one_over_etc_is_left_as_it_is(who: &Who) {
    let folder = who.folder();
    let volume = format!("{}:/etc", folder.str());
    for options in [&[][..], &["--overlay"], &["--overlay", "--userns", "host"], &["--hostname", "mine"]] {
        if options.contains(&"host") && !who.is_root() {
            continue;
        }
        who.run(&[options, &["-v", &volume]].concat(), &["ls", "-A", "/etc"]).prints("");
        assert_eq!(fs::read_dir(folder.path()).expect("our own folder").count(), 0, "{options:?}");
    }
    // What was asked for is not left out.
    let asked = who.run(&["--add-host", "there:10.0.0.1", "-v", &volume], &["true"]);
    asked.refused(125, &["/etc/hosts", "ENOENT"]);
    fs::write(folder.join("hosts"), "").expect("our own folder");
    who.run(&["-v", &volume], &["grep", "-c", "localhost", "/etc/hosts"]).prints("1");
    assert_eq!(fs::read(folder.join("hosts")).expect("our own folder"), b"");
}

fn many_volumes_cost_no_more_each(who: &Who) {
    let folder = who.folder();
    let calls = |count: usize, target: &str| {
        let volumes = (0..count).flat_map(|number| ["-v".to_string(), format!("/etc:{target}/{number}")]);
        let run: Vec<String> = volumes.collect();
        let table = folder.join("calls").display().to_string();
        let (aril, rootfs) = (who.binary("aril"), who.rootfs());
        let mut words = vec!["-f", "-c", "-o", &table, &aril, "run"];
        words.extend(run.iter().map(String::as_str));
        words.extend([&rootfs, "true"]);
        who.program("strace", &words).run().ok();
        let table = fs::read_to_string(&table).expect("strace has written it");
        let total = table.lines().rfind(|line| line.ends_with(" total")).expect("strace(1), -c");
        total.split_whitespace().nth(3).and_then(|calls| calls.parse::<usize>().ok()).expect("a number")
    };
    for target in ["/mnt", "/new/place"] {
        // One that loses the race for a range of ids to another test looks everything up anew.
        let tries = [(); 3].map(|()| (calls(50, target), calls(500, target)));
        let is_cheap = tries.iter().any(|(few, many)| *many <= 10 * few);
        assert!(is_cheap, "calls for 50 and for 500 volumes below {target}: {tries:?}");
    }
}

/// What is written vanishes; the source stays as it is. As root its files have their own owners only if it is idmapped.
fn a_volume_s_writes_can_go_to_memory(who: &Who) {
    let (folder, other) = (who.folder(), who.folder());
    for (folder, name) in [(&folder, "file"), (&other, "other")] {
        fs::write(folder.join(name), "from outside\n").expect("our own folder");
        tool("chown", &["-R", &format!("{0}:{0}", who.uid()), folder.str()]);
    }
    let before = [Traces::of(folder.path()), Traces::of(other.path())];
    let idmap = if who.is_root() { ",idmap" } else { "" };
    let first = format!("{}:/mnt:O{idmap}", folder.str());
    let second = format!("type=overlay,src={},dst=/srv{idmap}", other.str());
    let script =
        "cat /mnt/file /srv/other; echo more >>/mnt/file; rm /srv/other; >/mnt/new; cat /mnt/file; ls /mnt /srv";
    let seen = "from outside\nfrom outside\nfrom outside\nmore\n/mnt:\nfile\nnew\n\n/srv:";
    let ids: &[&[&str]] = if who.is_root() { &[&[], &["--userns", "identity"]] } else { &[&[]] };
    for ids in ids {
        for more in [&[][..], &["--overlay"], &["--read-only"]] {
            let options = [&["-v", &first, "--mount", &second][..], ids, more].concat();
            who.sh(&options, script).prints(seen);
            before.iter().for_each(|before| before.unchanged(&format!("{options:?}")));
        }
    }
    let outcome = who.sh(&["-v", &format!("{first},ro")], "! touch /mnt/file");
    outcome.exited(0).check(outcome.err().contains("Read-only"), "it is read-only");
    if who.is_root() {
        let plain = format!("{}:/mnt:O", folder.str());
        who.sh(&["-v", &plain], "cat /mnt/file; ! echo more 2>/dev/null >>/mnt/file").prints("from outside");
    }
    let file = format!("{}/file:/mnt:O", folder.str());
    who.sh(&["-v", &file], "true").refused(125, &["(ENOTDIR)"]);
}
