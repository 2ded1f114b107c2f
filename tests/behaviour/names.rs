//! Names of the network: `/etc/hosts`, `/etc/resolv.conf` and HOSTNAME are the container's own, and the image's stay as they are.

use crate::support::{Who, traces::Traces};
use std::fs;

crate::tests! {
    both: the_container_knows_its_own_name, hosts_are_added, the_machine_s_names_come_with_its_network,
        name_servers_are_chosen, the_image_keeps_its_own_files, its_own_hosts_can_be_written,
        an_image_without_hosts_has_them_while_it_runs, wrong_names_are_refused, links_in_their_place_lead_nowhere_outside;
}

fn the_container_knows_its_own_name(who: &Who) {
    let script = "hostname; echo $HOSTNAME; grep -c '^127.0.1.1 '$HOSTNAME'$' /etc/hosts";
    who.sh(&[], script).prints("container\ncontainer\n1");
    who.sh(&["--hostname", "box", "--network", "none"], script).prints("box\nbox\n1");
    who.run(&["--hostname", "box"], &["env"]).mentions("\nHOSTNAME=box\n");
    let outcome = who.run(&["--uts", "host"], &["env"]);
    outcome.ok().check(!outcome.out().contains("HOSTNAME="), "the machine's name is not passed on");
    who.sh(&["--uts", "host"], "grep -c ^127.0.1.1.container /etc/hosts; :").prints("0");
    who.sh(&["-e", "HOSTNAME=mine"], "echo $HOSTNAME").prints("mine");
}

fn hosts_are_added(who: &Who) {
    let options = ["--network", "none", "--add-host", "db:10.0.0.7", "--add-host", "six.example.org:2001:db8::6"];
    who.run(&options, &["cat", "/etc/hosts"]).prints(
        "10.0.0.7 db\n2001:db8::6 six.example.org\n127.0.1.1 container\n\
        127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback",
    );
    // As a resolver reads it: the first line counts, whatever the machine calls it.
    who.sh(&["--add-host", "localhost:127.9.9.9"], "awk '$2 == \"localhost\" {print $1; exit}' /etc/hosts")
        .prints("127.9.9.9");
}

fn the_machine_s_names_come_with_its_network(who: &Who) {
    let machines = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let outcome = who.run(&[], &["cat", "/etc/hosts"]);
    outcome.ok().check(outcome.out().ends_with(&machines), "the machine's names are in it");
    let outcome = who.run_in("/", &[], &["cat", "/etc/hosts"]).run();
    outcome.ok().check(outcome.out().ends_with(&machines), "in a view too");
}

fn name_servers_are_chosen(who: &Who) {
    for network in ["host", "none"] {
        let options = ["--network", network, "--dns", "10.0.0.1", "--dns", "2001:db8::1"];
        who.run(&options, &["cat", "/etc/resolv.conf"]).prints("nameserver 10.0.0.1\nnameserver 2001:db8::1");
    }
    who.run_in("/", &["--dns", "10.0.0.1"], &["cat", "/etc/resolv.conf"]).run().prints("nameserver 10.0.0.1");
}

fn the_image_keeps_its_own_files(who: &Who) {
    let rootfs = who.own_rootfs(&[]);
    fs::write(rootfs.join("etc/hosts"), "the image's\n").expect("our own copy");
    fs::write(rootfs.join("etc/resolv.conf"), "the image's\n").expect("our own copy");
    let before = Traces::of(rootfs.path());
    for more in [&[][..], &["--read-only"], &["--overlay"]] {
        let options = [&["--dns", "10.0.0.1", "--add-host", "db:10.0.0.7"][..], more].concat();
        let script = "grep -c image /etc/hosts /etc/resolv.conf; grep -h '10.0.0' /etc/hosts /etc/resolv.conf";
        let outcome = who.run_in(rootfs.str(), &options, &["sh", "-c", script]).run();
        outcome.prints("/etc/hosts:0\n/etc/resolv.conf:0\n10.0.0.7 db\nnameserver 10.0.0.1");
        before.unchanged(&format!("{options:?}"));
    }
    // Without the machine's network and without being asked, the image's own servers are right.
    who.run_in(rootfs.str(), &["--network", "none"], &["cat", "/etc/resolv.conf"]).run().prints("the image's");
}

fn its_own_hosts_can_be_written(who: &Who) {
    who.sh(&["--read-only"], "echo 10.1.1.1 more >>/etc/hosts && grep more /etc/hosts").prints("10.1.1.1 more");
    // By whoever may: they are root's files.
    if who.is_root() {
        who.sh(&["--user", "guest"], "! echo x >>/etc/hosts").exited(0);
    }
}

/// As with other engines: `localhost` and its own name mean something in every image.
fn an_image_without_hosts_has_them_while_it_runs(who: &Who) {
    let rootfs = who.own_rootfs(&["etc/hosts"]);
    let run = |options: &[&str]| who.run_in(rootfs.str(), options, &["cat", "/etc/hosts"]).run();
    let before = Traces::of(rootfs.path());
    for options in [
        &[][..],
        &["--network", "none"],
        &["--read-only", "--network", "none"],
        &["--overlay"],
        &["--add-host", "db:10.0.0.7"],
    ] {
        run(options).mentions("127.0.1.1 container").mentions("localhost");
        before.unchanged(&format!("{options:?}"));
    }
    // Where nothing at all is the container's own there is no place for the file.
    run(&["--fs", "none"]).exited(1);
}

fn wrong_names_are_refused(who: &Who) {
    for (option, value) in [
        ("--add-host", "db"),
        ("--add-host", ":10.0.0.7"),
        ("--add-host", "db:"),
        ("--add-host", "d b:10.0.0.7"),
        ("--add-host", "db:10.0.0.7\n1.1.1.1 other"),
        ("--dns", "one.one"),
        ("--dns", ""),
        ("--dns", "1.1.1.1\nsearch x"),
    ] {
        who.run(&[option, value], &["true"]).refused(125, &[&format!("option {option}")]);
    }
    who.run(&["--fs", "none", "--dns", "1.1.1.1"], &["true"]).refused(125, &["--dns", "/proc"]);
}

fn links_in_their_place_lead_nowhere_outside(who: &Who) {
    let (rootfs, outside) = (who.own_rootfs(&["etc/hosts"]), who.folder());
    fs::write(outside.join("hosts"), "outside\n").expect("our own folder");
    std::os::unix::fs::symlink(outside.join("hosts"), rootfs.join("etc/hosts")).expect("our own copy");
    let before = Traces::of(rootfs.path());
    let outcome = who.run_in(rootfs.str(), &["--add-host", "db:10.0.0.7"], &["true"]).run();
    outcome.ok();
    assert_eq!(outside.read("hosts"), "outside");
    before.unchanged("a link in the place of /etc/hosts");
}
