//! Point 2: who one is inside, the id maps, and the users of the image.

use crate::support::{Who, eventually, mark, process, tool};
use std::fs;

crate::tests! {
    both: inside_one_is_root, an_explicit_map_decides, without_a_map_every_id_is_nobody;
    as_root: root_keeps_every_id_if_told_so, ranges_are_mapped_one_by_one, the_host_s_user_namespace_has_no_map_of_ours,
        a_user_is_looked_up_in_the_image, the_image_s_passwd_is_read_inside_the_image, every_id_of_the_process_is_the_user_s,
        the_number_that_stands_for_no_change_is_no_user, digits_are_never_a_name_of_the_image;
    as_user: an_ordinary_user_maps_itself_to_any_id, an_ordinary_user_cannot_set_groups;
}

/// A map's lines with single spaces.
const MAPS: &str = "for map in uid_map gid_map; do awk '{print $1, $2, $3}' /proc/self/$map; done";

fn inside_one_is_root(who: &Who) {
    who.sh(&[], "id -u; id -g; id -un").prints("0\n0\nroot");
}

fn root_keeps_every_id_if_told_so(who: &Who) {
    let identity = ["--userns", "identity"];
    who.sh(&identity, MAPS).prints("0 0 4294967295\n0 0 4294967295");
    who.sh(&identity, "stat -c %u:%g /home/guest; cat /proc/self/setgroups").prints("405:100\nallow");
}

fn an_ordinary_user_maps_itself_to_any_id(who: &Who) {
    let (uid, gid) = (who.uid(), who.gid());
    who.sh(&[], MAPS).prints(format!("0 {uid} 1\n0 {gid} 1"));
    let (uid_map, gid_map) = (format!("5:{uid}:1"), format!("7:{gid}:1"));
    let options = ["--uid-map", &uid_map, "--gid-map", &gid_map, "--user", "5:7"];
    who.sh(&options, &format!("id -u; id -g; {MAPS}")).prints(format!("5\n7\n5 {uid} 1\n7 {gid} 1"));
}

fn an_ordinary_user_cannot_set_groups(who: &Who) {
    who.run(&[], &["cat", "/proc/self/setgroups"]).prints("deny");
}

fn an_explicit_map_decides(who: &Who) {
    let (uid_map, gid_map) = (format!("0:{}:1", who.uid()), format!("0:{}:1", who.gid()));
    who.sh(&["--uid-map", &uid_map, "--gid-map", &gid_map], &format!("id -u; {MAPS}")).prints(format!(
        "0\n0 {} 1\n0 {} 1",
        who.uid(),
        who.gid()
    ));
}

/// In a root file system that belongs to the mapped user, as shifted images do.
fn ranges_are_mapped_one_by_one(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    tool("chown", &["-hR", "100000:200000", rootfs.str()]);
    let options =
        ["--uid-map", "0:100000:1000", "--uid-map", "5000:5000:1", "--gid-map", "0:200000:10", "--gid-map", "20:20:2"];
    let outcome = who.run_in(rootfs.str(), &options, &["sh", "-c", &format!("id -u; id -g; {MAPS}; >/mine")]).run();
    outcome.prints("0\n0\n0 100000 1000\n5000 5000 1\n0 200000 10\n20 20 2");
    let owner = tool("stat", &["-c", "%u:%g", &rootfs.join("mine").display().to_string()]);
    outcome.check(owner == "100000:200000", format_args!("the file's owner outside: {owner}"));
}

fn without_a_map_every_id_is_nobody(who: &Who) {
    let options = ["--namespaces", "user", "--uid-map", "none", "--gid-map", "none", "--change-root", "none"];
    let script = format!("id -u; id -g; {MAPS}; echo none");
    who.run_in("/", &options, &["/bin/sh", "-c", &script]).run().prints("65534\n65534\nnone");
}

fn the_host_s_user_namespace_has_no_map_of_ours(who: &Who) {
    let outside = tool("sh", &["-c", MAPS]);
    who.sh(&["--userns", "host"], MAPS).prints(outside);
}

fn a_user_is_looked_up_in_the_image(who: &Who) {
    for (user, uid, gid) in [
        ("guest", "405", "100"),
        ("guest:wheel", "405", "10"),
        ("guest:7", "405", "7"),
        ("405:100", "405", "100"),
        ("1234:1234", "1234", "1234"),
        ("nobody", "65534", "65534"),
        ("0:0", "0", "0"),
    ] {
        who.sh(&["--user", user], "id -u; id -g").prints(format!("{uid}\n{gid}"));
    }
    // The supplementary groups too: guest is in wheel; who gives numbers only has none, least of all the caller's.
    who.sh(&["-u", "guest"], "id -G | tr ' ' '\\n' | sort -nu | tr '\\n' ' '").prints("10 100");
    who.run(&["-u", "1234:1234"], &["id", "-G"]).prints("1234");
    who.sh(&["-u", "guest"], "echo $HOME; >/home/guest/file && rm /home/guest/file && ! (>/etc/file) 2>/dev/null")
        .prints("/home/guest");
}

/// An absolute link in the image means a file of the image.
fn the_image_s_passwd_is_read_inside_the_image(who: &Who) {
    let rootfs = who.own_rootfs(&["etc/passwd"]);
    let elsewhere = who.folder();
    fs::write(elsewhere.join("passwd"), "trap:x:1:1::/:\n").expect("our own folder");
    let inside = rootfs.join(&elsewhere.path().display().to_string());
    fs::create_dir_all(&inside).expect("our own folder");
    fs::write(inside.join("passwd"), "trap:x:77:78::/:\n").expect("our own folder");
    std::os::unix::fs::symlink(elsewhere.join("passwd"), rootfs.join("etc/passwd")).expect("our own folder");
    who.run_in(rootfs.str(), &["--user", "trap"], &["sh", "-c", "id -u; id -g"]).run().prints("77\n78");
}

/// Real, effective, saved and file system id: a saved root would be a way back.
fn every_id_of_the_process_is_the_user_s(who: &Who) {
    let mark = mark();
    for (userns, uid, gid) in [("identity", 405, 100), ("0:100000:65536", 100_405, 100_100)] {
        let running = who.start(&["--userns", userns, "--user", "405:100"], &["sleep", &mark]);
        let status = fs::read_to_string(format!("/proc/{}/status", running.sleeper(&mark))).expect("it lives");
        for (name, id) in [("Uid", uid), ("Gid", gid)] {
            let line = format!("\n{name}:\t{id}\t{id}\t{id}\t{id}\n");
            assert!(status.contains(&line), "all four ids are the user's: {status}");
        }
        drop(running);
        eventually("its end", || process::naming(&mark).is_empty());
    }
}

/// setresuid(2) would take it, and leave whoever asked for it root: by an option, or by a line of a hostile image.
fn the_number_that_stands_for_no_change_is_no_user(who: &Who) {
    let rootfs = who.own_rootfs(&["etc/passwd"]);
    fs::write(rootfs.join("etc/passwd"), format!("trap:x:{0}:{0}::/:\n", u32::MAX)).expect("our own folder");
    for user in ["trap", "4294967295", "7:4294967295", "7:trap"] {
        for userns in ["host", "identity", "auto"] {
            let options = ["--userns", userns, "--user", user];
            who.run_in(rootfs.str(), &options, &["id"]).run().refused(125, &["run as", "is not in the image's /etc/"]);
        }
    }
}

/// CVE-2016-3697.
fn digits_are_never_a_name_of_the_image(who: &Who) {
    let rootfs = who.own_rootfs(&["etc/passwd", "etc/group"]);
    fs::write(rootfs.join("etc/passwd"), "1000:x:0:0::/:\n").expect("our own folder");
    fs::write(rootfs.join("etc/group"), "1001:x:0:\n").expect("our own folder");
    let options = ["--user", "1000:1001", "--group-add", "1001"];
    who.run_in(rootfs.str(), &options, &["sh", "-c", "id -u; id -g; id -G"]).run().prints("1000\n1001\n1001");
}
