//! Nothing of the caller's comes along but what was asked for, and nobody is more by aril than without it.

use crate::support::{Who, tool};
use std::process::Command;

crate::tests! {
    both: pid_1_s_command_line_is_hidden, the_caller_s_keys_stay_outside, the_caller_s_ignored_signals_are_not_the_command_s;
    as_user: there_is_no_setuid_mode;
}

fn pid_1_s_command_line_is_hidden(who: &Who) {
    let script = "n=0; until [ $(tr -d '\\0' </proc/1/cmdline | wc -c) -le ${#0} ] || [ $n = 1000 ]; do n=$((n+1)); sleep 0.01; done; \
        tr '\\0' ' ' </proc/1/cmdline | grep -c -e SECRET -e --hostname; :";
    let aril = who.binary("aril");
    let words = ["--hostname", "box", "-e", "SECRET=word"];
    who.run(&words, &["sh", "-c", script, &aril]).prints("0");
}

/// keyctl(2) is refused by the filter besides; without that it is the keyring that is another.
fn the_caller_s_keys_stay_outside(who: &Who) {
    who.needs_probe();
    let probe = who.binary("probe");
    let outside = who.program(&probe, &["key"]).under(&[&probe, "with-key"]).run();
    if outside.out() != "key allowed" {
        who.skip("this kernel has no keyrings for this user");
    }
    let options = ["--security-opt", "seccomp=unconfined"];
    let inside = || who.run_in(&who.rootfs(), &options, &["probe", "key"]).under(&[&probe, "with-key"]);
    let outcome = inside().run();
    outcome.ok().check(!outcome.out().contains("allowed"), "it is not found");
}

fn the_caller_s_ignored_signals_are_not_the_command_s(who: &Who) {
    for options in [&[][..], &["--no-init"]] {
        let look = ["grep", "^SigIgn:", "/proc/self/status"];
        let run = who.run_in(&who.rootfs(), options, &look);
        let outcome =
            run.under(&["bash", "-c", "trap '' HUP INT QUIT PIPE TERM USR1 CHLD TSTP 40; exec \"$@\"", "bash"]).run();
        outcome.prints("SigIgn:\t0000000000000000");
    }
}

/// Each is a copy of the binary of somebody else's, with a mode or a capability that would make its caller more.
fn there_is_no_setuid_mode(who: &Who) {
    who.needs_root_behind();
    let folder = who.folder();
    let copy = folder.join("aril").display().to_string();
    let line = "run with the rights of its file: there is no setuid mode";
    tool("cp", &[&who.binary("aril"), &copy]);
    tool("chown", &["0:0", &copy]);
    for (mode, refused) in [("755", false), ("4755", true), ("2755", true), ("6755", true)] {
        tool("chmod", &[mode, &copy]);
        for words in [&["--version"][..], &["run", "/", "true"], &["init", "true"], &["ps"]] {
            let outcome = who.program(&copy, words).run();
            if refused {
                outcome.refused(125, &[line]);
            } else {
                outcome.check(!outcome.err().contains(line), "a file like any other");
            }
        }
        // Root is no more by it.
        tool(&copy, &["--version"]);
    }
    tool("chmod", &["755", &copy]);
    if !Command::new("setcap").args(["cap_sys_admin+ep", &copy]).status().is_ok_and(|status| status.success()) {
        who.skip("setcap is missing, or the file system takes no capabilities");
    }
    who.program(&copy, &["--version"]).run().refused(125, &[line]);
    // Where nobody gains anything by a file it is one like any other.
    let outcome = who.program(&copy, &["--version"]).under(&["setpriv", "--no-new-privs"]).run();
    outcome.ok();
}
