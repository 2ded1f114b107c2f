//! Real work of many processes in a Debian root file system: packages, a parallel build, threads.

use crate::support::{Outcome, Who, executable, rootfs, traces};
use std::fs;
use std::path::Path;

crate::tests! {
    as_root: apt_installs_and_removes_a_local_package, apt_installs_from_a_mirror_into_a_kept_overlay;
    both: make_builds_a_program_in_parallel, python_runs_threads_and_processes,
        a_script_is_the_entry_point_under_each_init;
}

/// A script in Debian's root. /tmp is a tmpfs, because overlayfs cannot copy up a folder whose owner an ordinary user has not
/// mapped.
#[track_caller]
fn debian(who: &Who, script: &str) -> Outcome {
    in_debian(who, &["--tmpfs", "/srv:mode=755", "--tmpfs", "/tmp"], &["/bin/sh", "-ec", script])
}

/// A command in Debian's root, which stays as it is: every write goes to an overlay.
#[track_caller]
fn in_debian(who: &Who, options: &[&str], command: &[&str]) -> Outcome {
    let root = rootfs("debian");
    if !root.is_dir() {
        who.skip("no target/rootfs/debian: rootfs/debian makes it, as root and with a mirror in reach");
    }
    let path = root.display().to_string();
    if !who.is_root() && who.program("test", &["-x", &path]).run().code() != Some(0) {
        who.skip("an ordinary user cannot reach target/rootfs/debian");
    }
    let options = [&["--overlay", "--network", "none"], options].concat();
    let before = Path::new(&path).metadata().and_then(|root| root.modified()).expect("it is there");
    let mounts = traces::mounts();
    let outcome = who.run_in(&path, &options, command).run();
    let after = Path::new(&path).metadata().and_then(|root| root.modified()).expect("it is there");
    outcome.check(before == after && mounts == traces::mounts(), "the root is as it was");
    outcome
}

fn apt_installs_and_removes_a_local_package(who: &Who) {
    let script = r#"
cd /srv; exec 3>&1 >log 2>&1
for n in lib tool; do
    mkdir -p $n/DEBIAN $n/usr/bin $n/usr/share/aril-test-$n
    printf '#!/bin/sh\necho this is %s\n' $n >$n/usr/bin/aril-test-$n
    chmod 755 $n/usr/bin/aril-test-$n
    printf 'Package: aril-test-%s\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' $n >$n/DEBIAN/control
done
echo 'Depends: aril-test-lib (>= 1.0)' >>tool/DEBIAN/control
printf '#!/bin/sh\nchown daemon:daemon /usr/share/aril-test-tool\n' >tool/DEBIAN/postinst
chmod 755 tool/DEBIAN/postinst
dpkg-deb -b lib; dpkg-deb -b tool
export DEBIAN_FRONTEND=noninteractive
apt-get install -y ./lib.deb ./tool.deb || { cat log >&3; exit 1; }
aril-test-tool >&3; aril-test-lib >&3
stat -c %U /usr/share/aril-test-tool >&3
apt-get remove -y aril-test-lib || { cat log >&3; exit 1; }
! ls /usr/bin/aril-test-tool
dpkg --audit >&3
"#;
    debian(who, script).prints("this is tool\nthis is lib\ndaemon");
}

/// A build as images are made by it: the package has a script that runs after its files are there, and what it does is seen by
/// the next container.
fn apt_installs_from_a_mirror_into_a_kept_overlay(who: &Who) {
    let (root, folder) = (rootfs("debian"), who.folder());
    if !root.is_dir() {
        who.skip("no target/rootfs/debian: rootfs/debian makes it, as root and with a mirror in reach");
    }
    let path = root.display().to_string();
    // The same mirror from outside, with lists of its own.
    let sources = format!("Dir::Etc::SourceList={path}/etc/apt/sources.list");
    let lists = format!("Dir::State::Lists={}", folder.str());
    let asks = ["update", "-qq", "--error-on=any", "-o", &sources, "-o", "Dir::Etc::SourceParts=-", "-o", &lists];
    if who.program("apt-get", &asks).run().code() != Some(0) {
        who.skip("the package mirror of target/rootfs/debian cannot be reached");
    }
    let before = traces::tree(&root);
    let kept = format!("--overlay={}", folder.join("kept").display());
    let install = "export DEBIAN_FRONTEND=noninteractive; exec 3>&1 >/tmp/log 2>&1; \
        { apt-get update && apt-get install -y --no-install-recommends ed; } || { cat /tmp/log >&3; exit 1; }";
    who.run_in(&path, &[&kept], &["sh", "-c", install]).run().prints("");
    let look = "ed --version | head -n1 | cut -c1-6; readlink /etc/alternatives/editor; dpkg --audit; dpkg-query -W -f '${db:Status-Status}' ed";
    who.run_in(&path, &[&kept], &["sh", "-c", look]).run().prints("GNU ed\n/bin/ed\ninstalled");
    in_debian(who, &[], &["sh", "-c", "! command -v ed"]).prints("");
    let after = traces::tree(&root);
    let changed: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(changed.is_empty(), "the image has changed: {changed:#?}");
}

fn make_builds_a_program_in_parallel(who: &Who) {
    let script = r##"
cd /srv
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    echo "int f$n(void) { return $n; }" >f$n.c
    echo "int f$n(void);" >>all.h
    echo "+ f$n()" >>sum.h
done
cat >main.c <<'END'
#include <stdio.h>
#include "all.h"
int main(void)
{
    int sum = 0
#include "sum.h"
    ;
    printf("%d\n", sum);
}
END
cat >Makefile <<'END'
sum: $(patsubst %.c,%.o,$(wildcard *.c))
	gcc -o $@ $^
END
make -s -j4 CC=gcc
./sum
"##;
    debian(who, script).prints("78");
}

fn python_runs_threads_and_processes(who: &Who) {
    let script = r#"
cat >/srv/work.py <<'END'
import multiprocessing, queue, subprocess, threading
tasks, results = queue.Queue(), queue.Queue()
def work():
    while (task := tasks.get()) is not None:
        results.put(task * task)
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
for task in range(1000): tasks.put(task)
for _ in threads: tasks.put(None)
for thread in threads: thread.join()
print(sum(results.get() for _ in range(1000)))
children = [subprocess.Popen(["sh", "-c", f"exit {n}"]) for n in range(20)]
print(sum(child.wait() for child in children))
with multiprocessing.Pool(4) as pool:
    print(sum(pool.map(abs, range(-50, 50))))
END
python3 /srv/work.py
"#;
    debian(who, script).prints("332833500\n190\n2500");
}

/// As images have it: the init is PID 1, its command a script that starts others and waits for the end.
fn a_script_is_the_entry_point_under_each_init(who: &Who) {
    let folder = who.folder();
    let script =
        "#!/bin/sh\nset -e\nsleep 1000 &\ntrap 'echo stops; exit 4' TERM\necho \"$# $2\"\nkill -TERM 1\nwait\n";
    executable(&folder.join("entry"), script);
    for name in ["aril-init", "tini", "docker-init", "dumb-init", "catatonit"] {
        fs::copy(who.binary("aril-init"), folder.join(name)).expect("a folder of our own");
        let volume = format!("{}:/srv:ro", folder.str());
        let init = format!("/srv/{name}");
        let outcome = in_debian(who, &["--no-init", "-v", &volume], &[&init, "--", "/srv/entry", "a", "b c"]);
        outcome.exited(4).says("2 b c\nstops");
    }
}
