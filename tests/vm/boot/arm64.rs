//! What is of the architecture alone, on arm64: the start code, memory routines, the child that shares its parent's stack, numbers and
//! structures of the kernel's, signals, and how the machine ends. All else is the same code.

use super::archive::Archive;
use super::containers;
use super::vm::{Boot, Ended, Image};
use crate::architecture::Architecture;
use std::process::Command;

super::tests! {
    a_command_has_its_status_and_no_port_tells_it,
    a_container_runs_in_an_arm64_machine,
    signals_end_an_arm64_machine,
    a_running_container_needs_little_memory,
    a_root_on_a_disk_is_left_clean,
}

#[track_caller]
fn ended(vm: Boot) -> Ended {
    let ended = vm.run();
    ended.went_off();
    ended
}

fn a_command_has_its_status_and_no_port_tells_it() {
    const SCRIPT: &str =
        "uname -m; echo \"$0 has $# words, [$2]\"; stty size </dev/console >/dev/null && echo a terminal
cat /proc/sys/kernel/hostname; cut -d' ' -f1 /proc/1/stat; kill -9 $$";
    let boot = Boot::arm64("aril.exittty=/dev/ttyS0 aril.hostname=arm -- /test one \"two  words\"");
    let ended = ended(boot.second_port().with(|archive| archive.script("/test", SCRIPT)));
    ended.told(128 + 9).says_line("aarch64").says_line("/test has 2 words, [two  words]").says_line("a terminal");
    ended.says_line("arm").says_line("1").says("reboot: Power down").says_not("aril: note");
    assert_eq!(ended.second, "137\n", "{ended}");

    let ended = self::ended(Boot::arm64("aril.exitport=0xf4 -- /bin/true"));
    ended.told(125).says_line("aril: parameter aril.exitport=0xf4: this architecture has no ports");
}

fn a_container_runs_in_an_arm64_machine() {
    let ended = ended(containers::furnished(Boot::arm64("-- /test")).modules());
    containers::check(&ended);
}

fn signals_end_an_arm64_machine() {
    const SCRIPT: &str =
        "trap 'echo stopped; exit 5' TERM; trap 'echo interrupted; exit 6' INT; echo ready; $1; sleep 1000 & wait";
    let start = |asks: &str| {
        let boot = Boot::arm64(&format!("-- /test \"{asks}\"")).with(|archive| archive.script("/test", SCRIPT));
        let mut vm = boot.start();
        vm.saw("ready");
        vm
    };
    // What is typed at the console is for the command; what the first process gets is for the machine.
    let mut vm = start(":");
    vm.types(b"\x03");
    vm.end().went_off().told(6).says("interrupted\n").says("reboot: Power down");
    start("kill -TERM 1").end().went_off().told(5).says_line("stopped").says("reboot: Power down");
    start("kill -INT 1").end().went_off().told(5).says_line("stopped").says("reboot: Restarting system");
    start("kill -USR1 1").saw("aril: exit status 5\n").saw("reboot: System halted");
}

/// The launcher and the first process of the container, once it runs.
fn a_running_container_needs_little_memory() {
    const SCRIPT: &str = "cd /root && mkdir -p bin proc sys dev tmp && cp /bin/busybox bin && ln -s busybox bin/sh
dirty() { awk '/^Private_Dirty/ {sum += $2} END {print sum}' /proc/$1/smaps; }
aril run /root /bin/sh -c 'echo it runs; sleep 1000' >/run/said 2>&1 &
until grep -q 'it runs' /run/said; do sleep 0.1; done
first=$(cat /proc/$!/task/$!/children)
until [ $(dirty $!) -le 16 ] && [ $(dirty $first) -le 16 ]; do sleep 0.1; done; kill -9 $!";
    let boot = Boot::arm64("-- /test").with(|archive| archive.script("/test", SCRIPT).copy("/init", "/bin/aril"));
    ended(boot).told(0);
}

fn a_root_on_a_disk_is_left_clean() {
    let boot = Boot::arm64("root=/dev/nvme0n1 rw aril.exitfile=/status -- /bin/sh -c \"echo new >/file; exit 6\"");
    let disk = boot.image("disk", Image::Ext4("16M"), &Archive::busybox_in(&Architecture::Arm64.rootfs()));
    let ended = ended(boot.nvme(&disk));
    ended.told(6);
    for (file, text) in [("/file", "new\n"), ("/status", "6\n")] {
        let read = Command::new("debugfs").args(["-R", &format!("cat {file}")]).arg(ended.path("disk")).output();
        assert_eq!(String::from_utf8_lossy(&read.expect("it is part of e2fsprogs").stdout), text, "{ended}");
    }
    let checked = Command::new("e2fsck").args(["-fn"]).arg(ended.path("disk")).output().expect("the same");
    assert!(checked.status.success(), "{checked:?}");
}
