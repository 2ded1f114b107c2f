//! `aril` under the name `init` where it is no machine's first process: in a container it is the init's wrapper, even as its
//! PID 1, and touches nothing of the machine. As the first process of one it is in tests/vm.

use crate::support::{Folder, Who, tool};

crate::tests! {
    both: in_a_container_it_is_the_init, in_a_container_it_mounts_nothing_and_ends_as_its_command,
        its_first_words_are_the_command;
    once: no_machine_is_its_own, what_a_machine_would_do_is_explained;
}

/// A root file system with aril in it, as an image for both would have it.
fn image(who: &Who) -> Folder {
    let rootfs = who.own_rootfs(&["sbin/init"]);
    for path in ["init", "sbin/init"] {
        tool("cp", &[&who.binary("aril"), &rootfs.join(path).display().to_string()]);
    }
    rootfs
}

fn in_a_container_it_is_the_init(who: &Who) {
    let rootfs = image(who);
    for init in ["/init", "/sbin/init"] {
        // As PID 1, and below another.
        for (options, pid) in [(&["--no-init"][..], "2"), (&[], "3")] {
            let script = "echo $$; sh -c 'sleep 0.1 & :'; exit 42";
            let outcome = who.run_in(rootfs.str(), options, &[init, "sh", "-c", script]).run();
            outcome.exited(42).says(pid);
            outcome.check(outcome.err().lines().all(|line| !line.contains("exit status")), "it is silent");
        }
    }
    // What it may do more makes no difference: the machine would reboot, or this pid namespace die of a signal.
    let options = ["--no-init", "--cap-add", "all"];
    who.run_in(rootfs.str(), &options, &["/init", "sh", "-c", "exit 3"]).run().exited(3);
    let killed = who.run_in(rootfs.str(), &options, &["/init", "sh", "-c", "kill -9 $$"]).run();
    killed.exited(128 + 9);
}

fn in_a_container_it_mounts_nothing_and_ends_as_its_command(who: &Who) {
    let rootfs = image(who);
    let mounts =
        "cut -d ' ' -f 4- /proc/self/mountinfo | sed 's/ [^ ]*size=[^ ]*//'; ls -l /dev | sed 's/:.*//'; hostname";
    let options = ["--no-init", "--cap-add", "all", "--hostname", "same"];
    let plain = who.run_in(rootfs.str(), &options, &["sh", "-c", mounts]).run();
    let below = who.run_in(rootfs.str(), &options, &["/init", "sh", "-c", mounts]).run();
    below.ok().prints(plain.out());
    plain.ok().mentions("/proc");
}

fn its_first_words_are_the_command(who: &Who) {
    let rootfs = image(who);
    // A container's words are no kernel's: nothing is looked for behind `--`, and options are the wrapper's own.
    let run = |words: &[&str]| who.run_in(rootfs.str(), &["--no-init"], &[&["/init"], words].concat()).run();
    run(&["--", "echo", "--", "words"]).ok().prints("-- words");
    run(&["echo", "root=/dev/vda", "aril.exit=reboot"]).ok().prints("root=/dev/vda aril.exit=reboot");
    run(&["no-such-command"]).exited(127);
}

fn no_machine_is_its_own(who: &Who) {
    who.aril(&["boot"]).run().refused(125, &["aril", "first process"]);
    who.aril(&["boot", "--", "true"]).run().refused(125, &["aril", "the kernel's command line"]);
}

fn what_a_machine_would_do_is_explained(who: &Who) {
    let line =
        "console=ttyS0 quiet root=/dev/vda rootfstype=ext4 rw aril.overlay=tmpfs aril.user=guest -- /bin/app --flag";
    let outcome = who.aril(&["explain", "boot", line]).run();
    outcome.ok();
    let said = outcome.out();
    let place = |what: &str| said.find(what).unwrap_or_else(|| panic!("no {what:?}: {said}"));
    let steps = [
        "mount devtmpfs on /dev",
        "open the console",
        "root file system /dev/vda",
        "overlay",
        "pivot_root",
        "mount cgroup2",
        "session",
        "guest",
        "execute /bin/app",
        "tell the exit status",
        "power off",
    ];
    let places: Vec<usize> = steps.iter().map(|step| place(step)).collect();
    assert!(places.is_sorted(), "{places:?}: {said}");
    let outcome = who.aril(&["explain", "boot", "aril.hostnme=x aril.hostname=y -- sh"]).run();
    outcome.ok().mentions("\naril: note: unknown parameter aril.hostnme\n");
    outcome.check(outcome.out().matches("unknown").count() == 1, "and of no other");
    who.aril(&["explain", "boot", "aril.exit=never"]).run().refused(125, &["aril.exit=never"]);
    who.aril(&["explain", "boot", "aril.cmd=\"it's\""]).run().refused(125, &["aril.cmd"]);
}
