//! What a program finds: the file systems with their options, `/dev`, the loopback device; whatever the initramfs lacks or
//! has in its place.

use super::vm::{Boot, Ended};
use std::sync::OnceLock;

super::tests! {
    file_systems_are_mounted_with_the_usual_options,
    devices_have_their_links,
    loopback_is_up,
    what_is_mounted_already_is_left_alone,
    a_console_that_is_none_is_no_end,
    a_file_in_place_of_a_directory_is_told_and_no_end,
    all_that_is_kept_in_memory_leaves_room_to_live,
}

/// One boot answers them all.
fn ordinary() -> &'static Ended {
    static ENDED: OnceLock<Ended> = OnceLock::new();
    const SCRIPT: &str = "sed 's/^/mount: /' /proc/self/mountinfo
for link in fd stdin stdout stderr; do echo $link is $(readlink /dev/$link); done
for path in /dev/shm /tmp /run /dev; do echo $path has $(stat -c %a:%u:%g $path); done
echo through a link | cat /dev/stdin
echo null: $(stat -c %t:%T /dev/null)
cat /dev/fd/3 3</etc/group | grep wheel
ip addr show lo | sed 's/^ */lo: /'
ping -c 1 -w 10 127.0.0.1 >/dev/null && echo lo answers
mkdir /sys/fs/cgroup/own && echo groups can be made
umask | sed 's/^/umask: /'";
    // The initramfs has none of the directories, and of /dev what the kernel has built in.
    ENDED.get_or_init(|| Boot::script(SCRIPT).run())
}

/// The options of a mount and of its file system, if exactly one is there.
#[track_caller]
fn mount<'e>(ended: &'e Ended, path: &str, kind: &str) -> Vec<&'e str> {
    let lines = ended.console.lines().filter_map(|line| line.strip_prefix("mount: "));
    let mounts: Vec<Vec<&str>> =
        lines.map(|line| line.split(' ').collect()).filter(|of: &Vec<_>| of[4] == path).collect();
    let [words] = mounts.as_slice() else { ended.fail(&format!("{} mounts on {path}", mounts.len())) };
    let dash = words.iter().position(|word| *word == "-").expect("mountinfo has one");
    assert_eq!(words[dash + 1], kind, "{path}");
    words[5].split(',').chain(words[dash + 3].split(',')).collect()
}

fn file_systems_are_mounted_with_the_usual_options() {
    let ended = ordinary();
    ended.exited(0).says_not("aril: note");
    for (path, kind, has, has_not) in [
        ("/dev", "devtmpfs", "nosuid mode=755", "noexec nodev"),
        ("/proc", "proc", "nosuid nodev noexec relatime", ""),
        ("/sys", "sysfs", "nosuid nodev noexec relatime", ""),
        ("/dev/pts", "devpts", "nosuid noexec gid=5 mode=620", "nodev"),
        ("/dev/shm", "tmpfs", "nosuid nodev", "noexec"),
        ("/run", "tmpfs", "nosuid nodev mode=755", "noexec"),
        ("/tmp", "tmpfs", "nosuid nodev", "noexec"),
        ("/sys/fs/cgroup", "cgroup2", "nosuid nodev noexec nsdelegate", ""),
    ] {
        let options = mount(ended, path, kind);
        let lacks = has.split_whitespace().find(|option| !options.contains(option));
        let wrong = has_not.split_whitespace().find(|option| options.contains(option));
        assert_eq!((lacks, wrong), (None, None), "{path}: {options:?}");
    }
    ended.says_line("/dev/shm has 1777:0:0").says_line("/tmp has 1777:0:0");
    ended.says_line("/run has 755:0:0").says_line("/dev has 755:0:0");
    ended.says_line("groups can be made").says_line("umask: 0022");
}

fn devices_have_their_links() {
    let ended = ordinary();
    ended.says_line("fd is /proc/self/fd").says_line("stdin is /proc/self/fd/0");
    ended.says_line("stdout is /proc/self/fd/1").says_line("stderr is /proc/self/fd/2");
    ended.says_line("through a link").says_line("null: 1:3").says_line("wheel:x:10:root,guest");
}

fn loopback_is_up() {
    ordinary().says("lo: inet 127.0.0.1/8").says_line("lo answers");
}

/// Another first process may have mounted some of it: each has its file, and there is no second mount.
fn what_is_mounted_already_is_left_alone() {
    const FIRST: &str = "mkdir -p /dev /proc /sys /run /tmp
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t tmpfs -o mode=700 mine /run
mount -t tmpfs mine /tmp
touch /run/mine /tmp/mine
ln -s /nowhere /dev/stdin
exec /bin/aril boot";
    let script =
        "sed 's/^/mount: /' /proc/self/mountinfo; ls -1 /run/mine /tmp/mine; echo stdin is $(readlink /dev/stdin)";
    let aril = env!("CARGO_BIN_EXE_aril");
    let boot = Boot::script(script).with(|archive| archive.program("/bin/aril", aril).script("/init", FIRST));
    let ended = boot.run();
    ended.exited(0).says_line("/run/mine").says_line("/tmp/mine").says_line("stdin is /nowhere");
    for (path, kind) in
        [("/dev", "devtmpfs"), ("/proc", "proc"), ("/sys", "sysfs"), ("/run", "tmpfs"), ("/tmp", "tmpfs")]
    {
        let options = mount(&ended, path, kind);
        assert!(path != "/run" || options.contains(&"mode=700"), "{path}: {options:?}");
    }
}

/// The kernel cannot open a directory, and leaves its first process without standard streams; a file it takes for a console.
fn a_console_that_is_none_is_no_end() {
    let script =
        "echo here; for fd in 0 1 2; do echo $fd is $(readlink /proc/$$/fd/$fd); done; stty >/dev/tty && exit 4";
    let check = |boot: Boot| {
        let ended = boot.run();
        ended.exited(4).says_line("here").says_line("1 is /dev/console");
    };
    check(Boot::script(script).with(|archive| archive.folder("/dev/console/in-the-way", 0o755)));
    check(Boot::script(script).with(|archive| archive.file("/dev/console", 0o644, "not a console\n")));
}

fn a_file_in_place_of_a_directory_is_told_and_no_end() {
    let files = |boot: Boot| {
        boot.with(|archive| archive.file("/proc", 0o644, "").file("/tmp", 0o644, "").file("/sys", 0o644, ""))
    };
    let ended = files(Boot::script("echo here; exit 5")).run();
    ended.exited(5).says_line("here");
    for path in ["/proc", "/sys", "/tmp"] {
        let told = |line: &&str| line.starts_with("aril: ") && line.contains(path) && line.ends_with(')');
        assert!(ended.console.lines().any(|line| told(&line)), "{path} is not told of\n{ended}");
    }
}

/// Else the kernel itself would panic, since there is nobody whom it could kill for it.
fn all_that_is_kept_in_memory_leaves_room_to_live() {
    const SCRIPT: &str = "awk '/^MemTotal:/ {print \"memory \" $2}' /proc/meminfo
for path in /dev/shm /tmp /run; do
    df -k $path | awk -v path=$path 'NR == 2 {print path \" takes \" $2}'
    cat /dev/zero >$path/all &
done
wait
echo all is full; exit 3";
    let ended = Boot::script(SCRIPT).run();
    ended.exited(3).says_line("all is full");
    assert_eq!(ended.console.matches("No space left on device").count(), 3, "{ended}");
    let number = |start: &str| ended.word(start).parse::<u64>().unwrap_or_else(|_| ended.fail(start));
    let memory = number("memory ");
    for (path, percent) in [("/dev/shm", 25), ("/tmp", 25), ("/run", 10)] {
        // It counts pages.
        let (takes, limit) = (number(&format!("{path} takes ")), memory * percent / 100);
        assert!(takes.abs_diff(limit) < 8, "{path}: {limit}\n{ended}");
    }
}
