//! Hosts that say no: each is made, and there a container works, or one line says what is needed.

use crate::support::{Outcome, Run, When, Who, tool, traces::Traces};
use std::os::unix::fs::MetadataExt;

crate::tests! {
    both: a_kernel_or_filter_without_clone3, a_filter_without_one_of_the_other_calls, a_filter_as_docker_has_it,
        a_root_that_is_read_only, a_proc_that_is_missing, a_proc_with_masks, a_chroot, no_new_privileges,
        a_mount_table_that_is_shared, nothing_temporary_can_be_executed;
    as_root: root_without_the_right_to_mount, a_chroot_that_is_a_mount_point_is_no_place_for_a_container;
}

/// It works, or fails as aril fails, with at least these words.
#[track_caller]
fn works_or_says(outcome: &Outcome, words: &[&str]) {
    if outcome.code() == Some(0) {
        outcome.says("inside");
    } else {
        outcome.refused(125, words);
        outcome.check(outcome.err().lines().count() == 2, "and what helps");
    }
}

fn echo<'a>(options: &[&'a str], rootfs: &'a str) -> Vec<&'a str> {
    [&["run"], options, &[rootfs, "/bin/echo", "inside"]].concat()
}

fn a_kernel_or_filter_without_clone3(who: &Who) {
    for errno in [libc::ENOSYS, libc::EPERM] {
        for options in [&[][..], &["--overlay"], &["--network", "none"], &["--no-init"]] {
            let run = who.aril(&echo(options, &who.rootfs())).refuse(libc::SYS_clone3, errno);
            run.run().prints("inside");
        }
        let traced = who.aril(&echo(&["--trace"], &who.rootfs())).refuse(libc::SYS_clone3, errno).run();
        let used = traced.err().contains("clone, without clone3, into new namespaces: user mount pid uts ipc cgroup\n");
        traced.exited(0).check(used, "the trace tells it");
        let time = who.aril(&echo(&["--time", "private"], &who.rootfs())).refuse(libc::SYS_clone3, errno).run();
        time.refused(125, &["time", "an outer container's filter refuses clone3"]);
    }
    // The pidfd, by which the launcher passes signals on.
    let trap = "trap 'echo stops; exit 4' TERM; echo ready; while :; do sleep 0.1; done";
    let running = who.run_in(&who.rootfs(), &[], &["sh", "-c", trap]).refuse(libc::SYS_clone3, libc::ENOSYS).start();
    running.expect("ready");
    running.signal(rustix::process::Signal::TERM);
    running.finish().exited(4).says("ready\nstops");
}

fn a_filter_without_one_of_the_other_calls(who: &Who) {
    let rootfs = who.own_rootfs(&["proc", "sys", "dev"]);
    let before = Traces::of(rootfs.path());
    for (call, name) in [
        (libc::SYS_unshare, "unshare"),
        (libc::SYS_mount, "mount"),
        (libc::SYS_open_tree, "open_tree"),
        (libc::SYS_mount_setattr, "mount_setattr"),
        (libc::SYS_openat2, "openat2"),
        (libc::SYS_close_range, "close_range"),
        (libc::SYS_fsopen, "fsopen"),
        (libc::SYS_fsmount, "fsmount"),
        (libc::SYS_move_mount, "move_mount"),
        (libc::SYS_pivot_root, "pivot_root"),
    ] {
        for options in [&[][..], &["--overlay"]] {
            let outcome = who.aril(&echo(options, rootfs.str())).refuse(call, libc::ENOSYS).run();
            works_or_says(&outcome, &["(ENOSYS)", &format!("filter refuses {name}")]);
            outcome.check(
                outcome.code() == Some(0) || name != "unshare" || !options.is_empty(),
                "only an overlay of root's needs unshare",
            );
            before.unchanged(name);
        }
    }
    // Where openat2 is refused nothing else may stand in for it: a link of the image would lead out.
    for errno in [libc::ENOSYS, libc::EPERM] {
        let outcome = who.aril(&echo(&[], rootfs.str())).refuse(libc::SYS_openat2, errno).run();
        outcome.refused(125, &["openat2", "links of an image"]);
    }
    // What can be done without.
    for call in [libc::SYS_keyctl, libc::SYS_landlock_create_ruleset] {
        for errno in [libc::ENOSYS, libc::EPERM] {
            who.aril(&echo(&[], rootfs.str())).refuse(call, errno).run().prints("inside");
        }
    }
}

/// Without CAP_SYS_ADMIN: no namespace, no mount.
fn a_filter_as_docker_has_it(who: &Who) {
    const NEW: u32 = libc::CLONE_NEWUSER as u32 | 0x0202_0000 | 0x0C00_0000 | 0x6000_0000;
    let mut run = who.aril(&echo(&[], &who.rootfs())).refuse(libc::SYS_clone3, libc::ENOSYS);
    run = run.refuse_when(libc::SYS_clone, libc::EPERM, When::AnyFlags(NEW));
    for call in [
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_fsmount,
        libc::SYS_move_mount,
        libc::SYS_mount_setattr,
        libc::SYS_pivot_root,
        libc::SYS_keyctl,
    ] {
        run = run.refuse(call, libc::EPERM);
    }
    run.run().refused(125, &["(EPERM)", "filter refuses clone:", "seccomp=unconfined"]);
}

/// The mount that everything is on, in a namespace of the test's own.
fn a_root_that_is_read_only(who: &Who) {
    let (whole, lacking) = (who.own_rootfs(&[]), who.own_rootfs(&["proc", "sys", "dev"]));
    // The tests' folder may be on another mount than `/`.
    let seal = format!("mount -o remount,bind,ro /; mount -o remount,bind,ro $(stat -c %m {})", whole.str());
    let aril = who.binary("aril");
    let run = |options: &[&str], rootfs: &str| {
        who.prepared(&seal, &[&[aril.as_str()][..], &echo(options, rootfs)].concat()).run()
    };
    run(&[], whole.str()).prints("inside");
    run(&["--overlay"], whole.str()).prints("inside");
    run(&["--overlay"], lacking.str()).prints("inside");
    run(&["--read-only"], lacking.str()).prints("inside");
    run(&[], "/").prints("inside");
    run(&[], lacking.str()).refused(125, &["/proc", "(EROFS)", "--overlay"]);
}

fn a_proc_that_is_missing(who: &Who) {
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    for options in [&[][..], &["--overlay"], &["--fs", "dev"]] {
        let words = [&[aril.as_str()][..], &echo(options, &rootfs)].concat();
        who.prepared("umount -l /proc", &words).run().refused(125, &["(ENOENT)", "is /proc mounted?"]);
    }
}

fn a_proc_with_masks(who: &Who) {
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    for mask in ["mount --bind /dev/null /proc/timer_list", "mount -t tmpfs none /proc/bus"] {
        let run =
            |options: &[&str]| who.prepared(mask, &[&[aril.as_str()][..], &echo(options, &rootfs)].concat()).run();
        let point = mask.rsplit(' ').next().expect("a path");
        run(&[]).refused(125, &["mount proc on /proc", "(EPERM)", point, "--fs sys,dev"]);
        run(&["--fs", "sys,dev"]).prints("inside");
    }
}

/// In a chroot with all that a container needs.
fn in_chroot(who: &Who, before: &str, options: &[&str]) -> Outcome {
    who.needs_root_behind();
    let rootfs = who.own_rootfs(&[]);
    tool("cp", &[&who.binary("aril"), &rootfs.join("bin/aril").display().to_string()]);
    tool("cp", &["-a", &who.rootfs(), &rootfs.join("inner").display().to_string()]);
    let script = format!(
        "set -e; root=$1; shift; {before}; mount --bind /proc $root/proc; mount --rbind /sys $root/sys; \
         mount --bind /dev $root/dev; exec chroot --userspec={}:{} --groups= $root /bin/aril \"$@\"",
        who.uid(),
        who.gid()
    );
    let words = echo(options, "/inner");
    Run::new("unshare", &[&["-m", "sh", "-c", &script, "sh", rootfs.str()][..], &words].concat(), None).run()
}

fn a_chroot(who: &Who) {
    in_chroot(who, ":", &[]).refused(125, &["(EPERM)", "/ is a chroot"]);
    in_chroot(who, "mount --bind $root $root", &[]).refused(125, &["(EPERM)", "chroot"]);
}

/// Out of it there is a way for a command that may chroot(2) itself.
fn a_chroot_that_is_a_mount_point_is_no_place_for_a_container(who: &Who) {
    for options in [&["--userns", "host"][..], &["--namespaces", "mount"]] {
        in_chroot(who, "mount --bind $root $root", options).refused(125, &["(EPERM)", "/ is a chroot"]);
        in_chroot(who, ":", options).refused(125, &["(EINVAL)", "as in a chroot"]);
        // Outside of a chroot it is all right.
        who.aril(&echo(options, &who.rootfs())).run().prints("inside");
    }
}

fn no_new_privileges(who: &Who) {
    who.aril(&echo(&[], &who.rootfs())).under(&["setpriv", "--no-new-privs"]).run().prints("inside");
}

/// As systemd leaves it: what is mounted inside must not come out.
fn a_mount_table_that_is_shared(who: &Who) {
    let (aril, rootfs) = (who.binary("aril"), who.rootfs());
    let inner = format!("wc -l </proc/self/mountinfo; {aril} run --overlay {rootfs} true; wc -l </proc/self/mountinfo");
    let outcome = who.prepared("mount --make-rshared /", &["sh", "-c", &inner]).run();
    let out = outcome.ok().out();
    let counts: Vec<&str> = out.lines().collect();
    outcome.check(counts.len() == 2 && counts[0] == counts[1], "no mount more");
}

/// aril's file is its caller's, and so it runs from another mount of it or from a copy: that needs no directory.
fn nothing_temporary_can_be_executed(who: &Who) {
    let prepare = format!(
        "mount -t tmpfs -o mode=755 none /mnt; cp {} /mnt/aril; cp -a {} /mnt/rootfs; chown {} /mnt/aril; \
         for place in /tmp /var/tmp /dev/shm /run; do mount -t tmpfs -o noexec,mode=1777 none $place; done",
        who.binary("aril"),
        who.rootfs(),
        who.uid()
    );
    let run = |words: &[&str]| who.prepared(&prepare, words).run();
    let try_it =
        "for place in /tmp /var/tmp /dev/shm /run; do cp /mnt/aril $place && $place/aril --version && exit; done; :";
    let outcome = run(&["sh", "-c", try_it]);
    outcome.exited(0).check(outcome.err().matches("Permission denied").count() == 4, "what is written cannot be run");
    let ids: &[&[&str]] = if who.is_root() { &[&["--userns", "identity"], &["--userns", "host"]] } else { &[&[]] };
    let anew = if who.is_root() { "from a read-only mount" } else { "from a sealed copy in memory" };
    for ids in ids {
        for more in [&[][..], &["--overlay"], &["--read-only"]] {
            run(&[&["/mnt/aril"], &*echo(&[*ids, more].concat(), "/mnt/rootfs")].concat()).prints("inside");
        }
        let outcome = run(&[&["/mnt/aril"], &*echo(&[*ids, &["--trace"]].concat(), "/mnt/rootfs")].concat());
        outcome.exited(0).check(outcome.err().contains(anew), anew);
    }
}

/// As root in Docker is, where a filter allows namespaces.
fn root_without_the_right_to_mount(who: &Who) {
    let run = who.aril(&echo(&[], &who.rootfs())).under(&["setpriv", "--bounding-set=-sys_admin"]);
    works_or_says(&run.run(), &["(EPERM)"]);
    let owner = std::fs::metadata(who.rootfs()).expect("ours").uid();
    assert_eq!(owner, who.uid(), "nothing has changed");
}
