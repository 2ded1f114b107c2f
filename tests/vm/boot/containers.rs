//! `aril run` in a machine whose root is the initramfs, which is no root that can be pivoted away before Linux 7.0.

use super::vm::{Boot, Ended};

super::tests! {
    a_container_runs_in_a_machine_of_an_initramfs,
    so_it_does_on_a_newer_kernel,
    nothing_takes_a_huge_page,
    pid_1_stays_hidden_whatever_a_change_of_user_shows,
}

const SCRIPT: &str = "modprobe overlay
mkdir -p /root/fs/bin /root/fs/proc /root/fs/sys /root/fs/dev /root/fs/tmp
cp /bin/busybox /root/fs/bin && ln -s busybox /root/fs/bin/sh
ls / >/run/before
aril run /root/fs /bin/sh -c 'echo inside as $$ of $(busybox ls / | busybox wc -l); exit 42'; echo status $?
aril run --read-only /root/fs /bin/sh -c 'busybox touch /tmp/x || echo read-only'
aril run --network none --memory 20M /root/fs /bin/sh -c 'echo limited'
aril run / sh -c 'echo view as $$; echo x >/etc/passwd; rm -rf /bin/cat; : >/new'; echo status $?
/init run / sh -c 'exit 43'; echo the verb of an init: $?
unshare -p -f /init run / true; echo the word of a first process: $?
ls / | cmp - /run/before && [ -e /bin/cat ] && grep -q guest /etc/passwd && echo nothing has changed
aril run --user guest / sh -c 'id -un'
su guest -c 'aril run / sh -c \"echo an ordinary view of \\$(id -u)\"'
aril run -d --name one / sleep 1000 && aril ps | grep -c one && aril kill one && aril wait one; echo ended";

fn boot() -> Boot {
    furnished(Boot::of("-- /test"))
}

/// With what is to be tried in the machine.
pub fn furnished(boot: Boot) -> Boot {
    boot.memory("256").with(|archive| archive.script("/test", SCRIPT).copy("/init", "/bin/aril"))
}

/// Each line of it.
#[track_caller]
pub fn check(ended: &Ended) {
    // The sixth is /etc, for the names that every container knows.
    ended.told(0).says_line("inside as 2 of 6").says_line("status 42").says_line("read-only").says_line("limited");
    ended.says_line("view as 2").says_line("status 0").says_line("nothing has changed").says_line("guest");
    // As the first process of a container it is the wrapper, whose first word is a command's name.
    ended.says_line("the verb of an init: 43").says_line("the word of a first process: 127");
    ended.says_line("an ordinary view of 0").says_line("ended");
}

fn a_container_runs_in_a_machine_of_an_initramfs() {
    check(boot().modules().run().exited(0));
}

fn so_it_does_on_a_newer_kernel() {
    check(boot().kernel("sid").modules().run().exited(0));
}

/// From Linux 6.7 on the first byte of a large mapping has one, where they are given unasked: 2 MiB that the kernel clears.
fn nothing_takes_a_huge_page() {
    const SCRIPT: &str = "cat /sys/kernel/mm/transparent_hugepage/enabled
mkdir -p /root/fs/bin /root/fs/proc /root/fs/sys /root/fs/dev /root/fs/tmp
cp /bin/busybox /root/fs/bin
/init run /root/fs /bin/busybox echo inside
grep thp_fault_alloc /proc/vmstat";
    // With less than 512 MiB a machine gives none.
    let ended = Boot::script(SCRIPT).kernel("trixie").memory("640").run();
    ended.exited(0).says_line("[always] madvise never").says_line("inside").says_line("thp_fault_alloc 0");
}

/// What changes its user is shown again if the machine says so (proc(5), suid_dumpable), and PID 1 lends the command's process its
/// memory. Without the walls that hide it too, and by somebody who is root as it is, and may do more.
fn pid_1_stays_hidden_whatever_a_change_of_user_shows() {
    const SCRIPT: &str = "echo 1 >/proc/sys/fs/suid_dumpable
mkdir -p /root/fs/bin /root/fs/proc /root/fs/sys /root/fs/dev /root/fs/etc
cp /bin/busybox /root/fs/bin && ln -s busybox /root/fs/bin/sh
cat >/root/fs/look <<'END'
for file in exe cwd fd/0; do busybox readlink /proc/$1/$file && echo $1 shows $file; done
busybox head -c 1 /proc/$1/environ >/dev/null && echo $1 shows environ
END
walls='--security-opt landlock=off --security-opt seccomp=unconfined'
/init run -d --name one --user 405:100 $walls /root/fs /bin/busybox sleep 1000
/init exec --user 0:0 one /bin/sh -c 'sh /look 1; sh /look $$; echo looked'
/init kill one && /init wait one; echo ended $?";
    let ended = Boot::script(SCRIPT).memory("256").run();
    ended.exited(0).says(" shows exe\n").says(" shows environ\n").says_line("looked").says_not("\n1 shows ");
}
