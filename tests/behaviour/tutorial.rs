//! A container from scratch, step by step: each one alone does what its lesson says, and no more. `docs/tutorial.md` shows
//! the same commands.

use crate::support::{Outcome, Who, tool, traces};
use std::path::Path;

crate::tests! {
    both: step_1_uts_the_host_name_changes_inside_only, step_2_user_one_is_nobody_and_then_mapped,
        step_3_mount_what_is_mounted_is_seen_inside_only, step_4_pid_the_host_is_seen_until_proc_is_mounted_anew,
        step_5_chroot_another_root_with_a_way_out, step_6_pivot_root_and_the_way_out_is_gone, step_7_all_together;
}

/// `aril run OPTIONS / sh -c SCRIPT` on the machine's own root as it is; an ordinary user needs the user namespace each time.
#[track_caller]
fn lesson(who: &Who, namespaces: &str, options: &[&str], script: &str) -> Outcome {
    let namespaces = if who.is_root() { namespaces.to_string() } else { format!("user,{namespaces}") };
    let options = [&["--namespaces", &namespaces, "--change-root", "none"], options].concat();
    who.run_in("/", &options, &["/bin/sh", "-c", script]).run()
}

fn step_1_uts_the_host_name_changes_inside_only(who: &Who) {
    let outside = tool("uname", &["-n"]);
    lesson(who, "uts", &["--hostname", "inside"], "uname -n").prints("inside");
    let script = "hostname changed && uname -n; cat /etc/os-release";
    let system = tool("cat", &["/etc/os-release"]);
    lesson(who, "uts", &["--cap-add", "sys_admin"], script).prints(format!("changed\n{system}"));
    assert_eq!(tool("uname", &["-n"]), outside);
}

fn step_2_user_one_is_nobody_and_then_mapped(who: &Who) {
    let unmapped = ["--namespaces", "user", "--change-root", "none", "--uid-map", "none", "--gid-map", "none"];
    who.run_in("/", &unmapped, &["/bin/sh", "-c", "id -u; id -g"]).run().prints("65534\n65534");
    let (uid, gid) = (format!("0:{}:1", who.uid()), format!("0:{}:1", who.gid()));
    for maps in [&[][..], &["--uid-map", &uid, "--gid-map", &gid]] {
        let mapped = [&["--namespaces", "user", "--change-root", "none"], maps].concat();
        who.run_in("/", &mapped, &["/bin/sh", "-c", "id -u; id -g"]).run().prints("0\n0");
    }
}

fn step_3_mount_what_is_mounted_is_seen_inside_only(who: &Who) {
    let before = traces::mounts();
    let script =
        "mount -t tmpfs lesson /mnt && >/mnt/file && ls /mnt && grep -c ' - tmpfs lesson ' /proc/self/mountinfo";
    lesson(who, "mount", &["--cap-add", "sys_admin"], script).prints("file\n1");
    assert_eq!(traces::mounts(), before);
    assert!(!Path::new("/mnt/file").exists());
    lesson(who, "mount", &["--tmpfs", "/mnt"], "ls -A /mnt && >/mnt/file && ls /mnt").prints("file");
    assert!(!Path::new("/mnt/file").exists());
}

fn step_4_pid_the_host_is_seen_until_proc_is_mounted_anew(who: &Who) {
    let ours = std::process::id();
    lesson(who, "pid", &[], &format!("echo $$; ls -d /proc/{ours}")).prints(format!("2\n/proc/{ours}"));
    let script = "echo $$; cat /proc/1/comm; set -- /proc/[0-9]*; echo $#";
    lesson(who, "mount,pid", &["--fs", "proc"], script).prints("2\naril\n2");
    lesson(who, "mount,pid", &[], &format!("echo $$; ls -d /proc/{ours}")).prints(format!("2\n/proc/{ours}"));
    lesson(who, "pid", &["--no-init"], "echo $$").prints("1");
}

fn step_5_chroot_another_root_with_a_way_out(who: &Who) {
    let namespaces = if who.is_root() { "mount,pid" } else { "user,mount,pid" };
    let options = ["--namespaces", namespaces, "--change-root", "chroot", "--fs", "proc", "--tmpfs", "/tmp"];
    who.sh(&options, "grep ^ID= /etc/os-release; set -- /proc/[0-9]*; echo $#").prints("ID=aril-busybox\n2");
    who.needs_probe();
    who.run(&options, &["probe", "escape", "/etc/os-release"]).prints(tool("cat", &["/etc/os-release"]));
}

fn step_6_pivot_root_and_the_way_out_is_gone(who: &Who) {
    let namespaces = if who.is_root() { "mount,pid" } else { "user,mount,pid" };
    let options = ["--namespaces", namespaces, "--fs", "proc", "--tmpfs", "/tmp"];
    who.sh(&options, "grep ^ID= /etc/os-release; uname -n")
        .prints(format!("ID=aril-busybox\n{}", tool("uname", &["-n"])));
    who.needs_probe();
    who.run(&options, &["probe", "escape", "/etc/os-release"]).mentions("ID=aril-busybox");
}

fn step_7_all_together(who: &Who) {
    who.sh(&["--network", "none"], "id -u; hostname; echo $$; grep ^ID= /etc/os-release; ls /sys/class/net")
        .prints("0\ncontainer\n2\nID=aril-busybox\nlo");
}
