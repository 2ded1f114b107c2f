//! The root file system: each kind of it, where it may be and how it may be named, late or missing or damaged, with modules or
//! without; the writable layer above it; the initramfs that is left behind; and what is on a disk after the end.

use super::archive::Archive;
use super::vm::{Boot, Ended, Image};
use crate::machine::made;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

super::tests! {
    a_disk_becomes_the_root_and_the_initramfs_is_gone,
    a_partition_becomes_the_root_by_pivot_root,
    modules_bring_the_disk_and_a_layer_in_memory_takes_the_writes,
    compressed_modules_bring_the_disk,
    a_layer_on_a_disk_keeps_the_writes,
    btrfs_is_a_root,
    xfs_is_a_root,
    virtiofs_is_a_root,
    a_root_that_the_kernel_has_mounted_stays_the_root,
    a_layer_may_lie_over_the_root_of_the_kernel,
    a_disk_that_cannot_be_written_is_mounted_read_only,
    what_is_hidden_is_clean_too_and_no_link_is_followed,
    a_root_that_nobody_trusts_has_a_shell_for_a_command,
    the_init_of_a_root_becomes_the_first_process,
    what_cannot_be_moved_stays_whole,
    a_device_may_come_late,
    a_device_that_does_not_come_ends_the_machine,
    a_damaged_file_system_ends_the_machine,
    what_the_kernel_lacks_is_named,
}

const UUID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

/// What is on a disk, with this script as its `/test`.
fn tree(script: &str) -> Archive {
    let folders = ["/dev", "/proc", "/sys", "/run", "/tmp"];
    let archive = folders.iter().fold(Archive::busybox(), |archive, folder| archive.folder(folder, 0o755));
    archive.script("/test", script)
}

/// What every root shows: where it comes from, what has moved to it, and that of the initramfs nothing is left.
const LOOK: &str = "\
    while read -r _ _ _ from at options _ rest; do echo \"at $at $from $options ${rest#*- }\"; done </proc/self/mountinfo
    echo \"entries $(ls /)\"
    awk '/^(Unevictable|Shmem):/ {print $1, $2}' /proc/meminfo
    for try in 1 2 3 4 5 6 7 8 9; do
        own=$(awk '/^Anonymous:/ {print $2}' /proc/1/smaps_rollup)
        [ \"$own\" -gt 32 ] || break
        sleep 1
    done
    echo \"Anonymous: $own\"
    ls -l /proc/1/root /proc/1/cwd | sed 's/.*-> /first /'
    ";

/// Bytes in an initramfs that must not stay in memory.
const BALLAST: usize = 24 << 20;

fn with_ballast(boot: Boot) -> Boot {
    boot.with(|archive| archive.file("/a/b/ballast", 0o644, vec![7; BALLAST]).link("/a/link", "/").folder("/a/c", 0))
}

#[track_caller]
fn number(ended: &Ended, name: &str) -> usize {
    ended.word(&format!("{name}: ")).trim().parse().expect("a number")
}

/// The initramfs's memory is free: its pages could not be evicted, or are those of a tmpfs.
#[track_caller]
fn is_freed(ended: &Ended) {
    const SLACK: usize = 4 << 10;
    let held = number(ended, "Unevictable") + number(ended, "Shmem");
    assert!(held < SLACK, "{held} KiB are held\n{ended}");
    // Of the first process, which has read tables, looked through devices and removed files: its stack and its arena.
    let own = number(ended, "Anonymous");
    assert!(own <= 32, "{own} KiB of its own\n{ended}");
}

/// Nothing is to be done on a disk.
#[track_caller]
fn is_clean(image: &Path, ended: &Ended) {
    let output = Command::new("/usr/sbin/e2fsck").args(["-fn"]).arg(image).output().expect("e2fsprogs");
    assert!(output.status.success(), "{output:?}\n{ended}");
    // It passes a journal over that has still to be replayed.
    let output = Command::new("/usr/sbin/dumpe2fs").arg("-h").arg(image).output().expect("e2fsprogs");
    let said = String::from_utf8_lossy(&output.stdout);
    let state = said.lines().find_map(|line| line.strip_prefix("Filesystem state:"));
    assert!(state.map(str::trim) == Some("clean") && !said.contains("needs_recovery"), "{said}\n{ended}");
}

/// A file of an image.
fn read(image: &Path, path: &str) -> String {
    let output = Command::new("/usr/sbin/debugfs").args(["-R", &format!("cat {path}")]).arg(image).output();
    String::from_utf8_lossy(&output.expect("e2fsprogs").stdout).into_owned()
}

fn set(image: &Path, options: &[&str]) {
    made(Command::new("/usr/sbin/tune2fs").args(options).arg(image));
}

fn a_disk_becomes_the_root_and_the_initramfs_is_gone() {
    let boot =
        with_ballast(Boot::bare("root=/dev/nvme0n1 rw rootflags=noatime,user_xattr -- /test").kernel("bookworm"));
    let script = format!(
        "{LOOK}\necho kept >/written; exec 3>/open; echo more >&3; mount /dev/nvme1n1 /tmp && echo other >/tmp/written; exit 3"
    );
    let disk = boot.image("disk", Image::Ext4("24M"), &tree(&script));
    let other = boot.image("other", Image::Ext4("8M"), &Archive::new());
    let ended = boot.nvme(&disk).nvme(&other).run();
    ended.went_off().told(3).says_not("aril: note").says("at / / rw,noatime").says("ext4 /dev/nvme0n1 rw");
    for moved in ["at /proc / ", "at /sys / ", "at /dev / ", "at /dev/pts / ", "at /sys/fs/cgroup / "] {
        ended.says(moved);
    }
    // One of each: nothing lies under another, and the initramfs is no part of it.
    assert_eq!(ended.console.matches("\nat / ").count(), 1, "{ended}");
    ended.says_not("ballast").says_line("first /");
    is_freed(&ended);
    is_clean(&ended.path("disk"), &ended);
    assert_eq!(read(&ended.path("disk"), "/written"), "kept\n", "{ended}");
    assert_eq!(read(&ended.path("disk"), "/open"), "more\n", "{ended}");
    // What the command itself has mounted, and left so.
    is_clean(&ended.path("other"), &ended);
    assert_eq!(read(&ended.path("other"), "/written"), "other\n", "{ended}");
}

fn a_partition_becomes_the_root_by_pivot_root() {
    let words = format!("root=PARTUUID={} rw aril.timing -- /test", UUID.to_uppercase());
    let boot = with_ballast(Boot::bare(&words).kernel("sid").memory("256"));
    let part = boot.image("part", Image::Ext4("24M"), &tree(&format!("{LOOK}\necho kept >/written")));
    let disk = boot.path("disk");
    File::create(&disk).and_then(|disk| disk.set_len(32 << 20)).expect("our own folder");
    let mut sfdisk = Command::new("/usr/sbin/sfdisk");
    let Ok(mut child) = sfdisk.arg("-q").arg(&disk).stdin(Stdio::piped()).spawn() else {
        super::skip("no sfdisk here")
    };
    let table = format!("label: gpt\nstart=2048, size=2M\nsize=24M, uuid={UUID}\n");
    std::io::Write::write_all(child.stdin.as_mut().expect("piped"), table.as_bytes()).expect("it reads");
    drop(child.stdin.take());
    assert!(child.wait().expect("it runs").success());
    const START: u64 = 3 << 20;
    let bytes = fs::read(&part).expect("just made");
    File::options().write(true).open(&disk).and_then(|disk| disk.write_all_at(&bytes, START)).expect("our own");
    let ended = boot.nvme(&disk).run();
    ended
        .went_off()
        .told(0)
        .says("ext4 /dev/nvme0n1p2 rw")
        .says("pivot_root")
        .says_not("chroot")
        .says_not("aril: note");
    is_freed(&ended);
    let mut after = vec![0; bytes.len()];
    File::open(ended.path("disk")).and_then(|disk| disk.read_exact_at(&mut after, START)).expect("it is there");
    fs::write(ended.path("part"), after).expect("our own folder");
    is_clean(&ended.path("part"), &ended);
    assert_eq!(read(&ended.path("part"), "/written"), "kept\n", "{ended}");
}

fn modules_bring_the_disk_and_a_layer_in_memory_takes_the_writes() {
    let words = "aril.modules=virtio_pci,virtio-blk,squashfs,ext4,no_such,overlay virtio_blk.queue_depth=16 \
        root=/dev/vda aril.overlay=tmpfs -- /test";
    let boot = Boot::bare(words).kernel("bookworm").q35().modules();
    let script = format!(
        "{LOOK}\ncat /sys/module/virtio_blk/parameters/queue_depth | sed 's/^/depth /'\n\
        echo kept >/written && cat /written && rm /etc/passwd && ! ls /etc/passwd 2>/dev/null && ls -ld /"
    );
    let disk = boot.image("disk", Image::Squashfs, &tree(&script));
    let ended = boot.virtio_disk(&disk).run();
    ended.went_off().told(0).says("overlay none rw").says_line("depth 16").says_line("kept").says("drwxr-xr-x");
    // One that the kernel has built in is none to be missed; one that is nowhere is no end.
    ended.says("aril: note: load module no_such").says("/lib/modules/6.1").says_not("ext4: ");
    is_freed(&ended);
}

fn compressed_modules_bring_the_disk() {
    let boot = Boot::bare("aril.modules=erofs root=/dev/vda rw -- /test").kernel("trixie").q35().modules();
    let boot = boot.with(|archive| archive.file("/etc/aril/modules", 0o644, "# the disk's\nvirtio_blk\n"));
    let disk = boot.image("disk", Image::Erofs, &tree(LOOK));
    let ended = boot.virtio_disk(&disk).run();
    ended.went_off().told(0).says("erofs /dev/vda ro");
}

fn a_layer_on_a_disk_keeps_the_writes() {
    let words = "aril.modules=overlay root=LABEL=lower aril.overlay=UUID=";
    let boot = Boot::bare(&format!("{words}{UUID} -- /test")).kernel("bookworm").modules();
    let lower = boot.image("lower", Image::Ext4("24M"), &tree(&format!("{LOOK}\necho kept >>/written; cat /written")));
    set(&lower, &["-L", "lower"]);
    let upper = boot.image("upper", Image::Ext4("8M"), &Archive::new());
    set(&upper, &["-U", UUID]);
    let before = fs::read(&lower).expect("just made");
    let ended = boot.nvme(&upper).nvme(&lower).run();
    ended.went_off().told(0).says("overlay none rw").says_line("kept").says_not("aril: note");
    is_freed(&ended);
    is_clean(&ended.path("upper"), &ended);
    assert!(before == fs::read(ended.path("lower")).expect("it is there"), "the lower one was written\n{ended}");
    assert_eq!(read(&ended.path("upper"), "/upper0/written"), "kept\n", "{ended}");
}

fn btrfs_is_a_root() {
    let boot = Boot::bare(&format!("aril.modules=btrfs root=UUID={UUID} rw -- /test")).kernel("trixie").modules();
    let (folder, disk) = (boot.path("tree"), boot.path("disk"));
    tree(&format!("{LOOK}\necho kept >/written")).lay(&folder);
    let mut make = Command::new("/usr/sbin/mkfs.btrfs");
    make.args(["-q", "-U", UUID, "-b", "128M", "--rootdir"]).arg(&folder).arg(&disk);
    if !Path::new("/usr/sbin/mkfs.btrfs").exists() {
        super::skip("no mkfs.btrfs here");
    }
    made(&mut make);
    let ended = boot.memory("256").nvme(&disk).run();
    ended.went_off().told(0).says("btrfs /dev/nvme0n1 rw").says_not("aril: note");
    made(Command::new("btrfs").args(["check", "--readonly"]).arg(ended.path("disk")));
}

/// What mkfs.xfs makes of a folder (its option `-p`).
fn prototype(folder: &Path, lines: &mut String) {
    let mut entries: Vec<_> = fs::read_dir(folder).expect("our own").map(|entry| entry.expect("our own")).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name().into_string().expect("our own"));
        let kind = entry.file_type().expect("our own");
        if kind.is_dir() {
            lines.push_str(&format!("{name} d--755 0 0\n"));
            prototype(&path, lines);
            lines.push_str("$\n");
        } else if kind.is_symlink() {
            lines.push_str(&format!("{name} l--777 0 0 {}\n", fs::read_link(&path).expect("our own").display()));
        } else {
            lines.push_str(&format!("{name} ---755 0 0 {}\n", path.display()));
        }
    }
}

fn xfs_is_a_root() {
    if !Path::new("/usr/sbin/mkfs.xfs").exists() {
        super::skip("no mkfs.xfs here");
    }
    let boot = Boot::bare("aril.modules=xfs root=LABEL=disk rw -- /test").kernel("bookworm").modules();
    let (folder, disk, list) = (boot.path("tree"), boot.path("disk"), boot.path("list"));
    tree(&format!("{LOOK}\necho kept >/written")).lay(&folder);
    let mut lines = "/none\n0 0\nd--755 0 0\n".to_string();
    prototype(&folder, &mut lines);
    fs::write(&list, lines + "$\n$\n").expect("our own");
    File::create(&disk).and_then(|disk| disk.set_len(320 << 20)).expect("our own");
    made(Command::new("/usr/sbin/mkfs.xfs").args(["-q", "-L", "disk", "-p"]).arg(&list).arg(&disk));
    let ended = boot.nvme(&disk).run();
    ended.went_off().told(0).says("xfs /dev/nvme0n1 rw").says_not("aril: note");
    // A log that is not empty fails this.
    made(Command::new("/usr/sbin/xfs_repair").args(["-n", "-f"]).arg(ended.path("disk")));
}

/// A daemon that is killed with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}

fn virtiofs_is_a_root() {
    const DAEMON: &str = "/usr/lib/qemu/virtiofsd";
    let boot = Boot::bare("root=shared rootfstype=virtiofs rw -- /test").kernel("trixie").q35();
    if !Path::new(DAEMON).exists() || !rustix::process::geteuid().is_root() {
        super::skip("no virtiofsd here, or nobody who may run it");
    }
    let (folder, socket) = (boot.path("tree"), boot.path("virtiofs"));
    tree(&format!("{LOOK}\necho kept >/written")).lay(&folder);
    let mut daemon = Command::new(DAEMON);
    daemon.arg(format!("--socket-path={}", socket.display())).arg("-o").arg(format!("source={}", folder.display()));
    daemon.stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = Daemon(daemon.spawn().expect("it is there"));
    while !socket.exists() {
        std::thread::yield_now();
    }
    let chardev = format!("socket,id=fs,path={}", socket.display());
    let memory = ["-object", "memory-backend-memfd,id=memory,size=128M,share=on", "-numa", "node,memdev=memory"];
    let boot =
        boot.options(&memory).options(&["-chardev", &chardev, "-device", "vhost-user-fs-pci,chardev=fs,tag=shared"]);
    let ended = boot.run();
    drop(daemon);
    ended.went_off().told(0).says("virtiofs shared rw").says_not("aril: note");
    assert_eq!(fs::read_to_string(folder.join("written")).unwrap_or_default(), "kept\n", "{ended}");
}

fn a_root_that_the_kernel_has_mounted_stays_the_root() {
    let boot = Boot::bare("root=/dev/nvme0n1 rw init=/sbin/init -- /test").kernel("bookworm");
    let boot = boot.with(|archive| archive.without("/init"));
    let tree = tree(&format!("{LOOK}\necho kept >/written")).program("/sbin/init", env!("CARGO_BIN_EXE_aril"));
    let disk = boot.image("disk", Image::Ext4("24M"), &tree);
    let ended = boot.nvme(&disk).run();
    ended.went_off().told(0).says_not("aril: note").says("ext4 /dev/root rw");
    is_clean(&ended.path("disk"), &ended);
    assert_eq!(read(&ended.path("disk"), "/written"), "kept\n", "{ended}");
}

fn a_layer_may_lie_over_the_root_of_the_kernel() {
    let boot = Boot::bare("root=/dev/nvme0n1 rw init=/sbin/init aril.modules=overlay aril.overlay=tmpfs -- /test");
    let boot = boot.kernel("bookworm").with(|archive| archive.without("/init"));
    let modules = crate::machine::kernel("bookworm").join("lib/modules");
    let tree = tree(&format!("{LOOK}\necho lost >/written"))
        .program("/sbin/init", env!("CARGO_BIN_EXE_aril"))
        .tree("/lib/modules", &modules);
    let disk = boot.image("disk", Image::Ext4("48M"), &tree);
    let ended = boot.nvme(&disk).run();
    ended.went_off().told(0).says_not("aril: note").says("overlay none rw").says("\nlib\n");
    is_clean(&ended.path("disk"), &ended);
    assert_eq!(read(&ended.path("disk"), "/written"), "", "{ended}");
}

fn a_disk_that_cannot_be_written_is_mounted_read_only() {
    let words = "aril.modules=virtio_mmio,virtio_blk root=/dev/vda rw -- /test";
    let boot = Boot::bare(words).kernel("bookworm").modules();
    let disk = boot.image("disk", Image::Ext4("24M"), &tree(LOOK));
    let drive = format!("file={},if=none,id=disk,format=raw,readonly=on", disk.display());
    let ended = boot.options(&["-drive", &drive, "-device", "virtio-blk-device,drive=disk"]).run();
    ended.went_off().told(0).says("aril: note: /dev/vda cannot be written").says("ext4 /dev/vda ro");
}

fn what_cannot_be_moved_stays_whole() {
    // A root that is read-only and has no place for /sys; the initramfs is emptied around what is mounted there.
    let boot = with_ballast(Boot::bare("root=/dev/nvme0n1 -- /test").kernel("bookworm"));
    let script = format!("{LOOK}\ncat /proc/sys/kernel/osrelease; ls /dev/null; touch /x 2>&1");
    let disk = boot.image("disk", Image::Ext4("24M"), &tree(&script).without("/sys"));
    let before = fs::read(&disk).expect("just made");
    let ended = boot.nvme(&disk).run();
    ended
        .went_off()
        .told(1)
        .says("aril: note: move /sys")
        .says("(EROFS)")
        .says("Read-only file system")
        .says_line("/dev/null");
    is_freed(&ended);
    assert!(before == fs::read(ended.path("disk")).expect("it is there"), "it was written\n{ended}");
}

fn a_device_may_come_late() {
    let boot = Boot::bare("root=LABEL=late rootwait rw -- /test").kernel("bookworm").q35().monitor();
    let disk = boot.image("disk", Image::Ext4("16M"), &tree("echo it runs"));
    set(&disk, &["-L", "late"]);
    let drive = format!("file={},if=none,id=late,format=raw,cache=unsafe", disk.display());
    let boot = boot.options(&["-drive", &drive, "-device", "pcie-root-port,id=place"]);
    let mut running = boot.start();
    running.saw("aril: waiting for LABEL=late");
    running.monitor("device_add nvme,drive=late,serial=1,bus=place");
    running.end().went_off().told(0).says_line("it runs");
}

fn a_device_that_does_not_come_ends_the_machine() {
    let boot = Boot::bare("root=/dev/vda rootdelay=1 -- /test").kernel("bookworm");
    let other = boot.image("disk", Image::Ext4("1M"), &Archive::new());
    let ended = boot.nvme(&other).run();
    ended
        .went_off()
        .told(125)
        .says("aril: mount root file system /dev/vda")
        .says("it has not come; there are /dev/nvme0n1");
    ended.says("(ENODEV)");
}

fn a_damaged_file_system_ends_the_machine() {
    let boot = Boot::bare("root=/dev/nvme0n1 rw -- /test").kernel("bookworm");
    let disk = boot.image("disk", Image::Ext4("16M"), &tree("echo it runs"));
    // Group descriptors that lead anywhere.
    let file = File::options().write(true).open(&disk).expect("just made");
    file.write_all_at(&[0xa5; 4096], 4096).and_then(|()| file.write_all_at(&[0xa5; 2048], 2048)).expect("our own");
    boot.nvme(&disk)
        .run()
        .went_off()
        .told(125)
        .says("aril: mount root file system /dev/nvme0n1")
        .says("ext4")
        .says_not("it runs");

    let boot = Boot::bare("root=/dev/nvme0n1 rw -- /test").kernel("bookworm");
    let disk = boot.path("disk");
    File::create(&disk).and_then(|disk| disk.set_len(1 << 20)).expect("our own folder");
    let ended = boot.nvme(&disk).run();
    ended.went_off().told(125).says("aril: mount root file system /dev/nvme0n1").says("no file system known");
}

fn what_the_kernel_lacks_is_named() {
    let ended = Boot::bare("root=9p:shared -- /test").kernel("bookworm").run();
    ended.went_off().told(125).says("the kernel has no 9p, but").says(" ext4").says("(ENODEV)").says("aril.modules=");
}

/// By the command: disks below what is mounted over them, and `/proc`, which would have told of them.
fn what_is_hidden_is_clean_too_and_no_link_is_followed() {
    const SCRIPT: &str = "mkdir -p /over /above/below /again
mount -t ext4 /dev/nvme0n1 /over && echo kept >/over/written; mount -t tmpfs none /over
mount -t ext4 /dev/nvme1n1 /above/below && echo kept >/above/below/written; mount -t tmpfs none /above
mount -t ext4 /dev/nvme1n1 /again && ls -1 /again
ln -s /again/written /run/status
umount -l /proc && ! ls /proc/self; exit 7";
    let boot = Boot::bare("aril.exitfile=/run/status -- /test").with(|archive| archive.script("/test", SCRIPT));
    let [over, below] = ["over", "below"].map(|name| boot.image(name, Image::Ext4("8M"), &Archive::new()));
    let ended = boot.nvme(&over).nvme(&below).run();
    ended.went_off().told(7).says_line("written").says("aril: note: write the exit status to /run/status: ");
    assert_eq!(ended.console.matches("aril: note").count(), 1, "{ended}");
    for disk in ["over", "below"] {
        is_clean(&ended.path(disk), &ended);
        assert_eq!(read(&ended.path(disk), "/written"), "kept\n", "{disk}\n{ended}");
    }
}

/// One without `/proc`, whose list of name servers is a disk.
fn a_root_that_nobody_trusts_has_a_shell_for_a_command() {
    // Newer kernels give disks their numbers in any order.
    let boot = Boot::bare("root=/dev/nvme0n1 ip=192.0.2.15:::24::lo:off:192.0.2.53").kernel("bookworm");
    let tree = tree("exit 6").without("/proc").folder("/mnt", 0o755).link("/etc/resolv.conf", "/dev/nvme2n1");
    let root = boot.image("root", Image::Ext4("16M"), &tree);
    let disk = boot.image("disk", Image::Ext4("8M"), &Archive::new());
    let device = boot.path("device");
    File::create(&device).and_then(|device| device.set_len(1 << 20)).expect("our own folder");
    let mut vm = boot.nvme(&root).nvme(&disk).nvme(&device).start();
    vm.saw("# ").types(b"echo pid is $$; head -c 22 /etc/resolv.conf; echo $((40 + 2))\r").saw("\n42");
    vm.types(b"mount -t ext4 /dev/nvme1n1 /mnt && echo kept >/mnt/written; exit 3\r");
    let ended = vm.end();
    ended.went_off().told(3).says_line("nameserver 192.0.2.53");
    assert_ne!(ended.word("pid is "), "1", "it is supervised\n{ended}");
    let device = fs::read(ended.path("device")).expect("it is there");
    assert!(device.iter().all(|byte| *byte == 0), "it was written\n{ended}");
    is_clean(&ended.path("disk"), &ended);
    assert_eq!(read(&ended.path("disk"), "/written"), "kept\n", "{ended}");
}

fn the_init_of_a_root_becomes_the_first_process() {
    const INIT: &str = "echo \"pid is $$ of $#\"
for fd in 0 1 2; do echo $fd is $(readlink /proc/$$/fd/$fd); done; echo also $(ls /proc/$$/fd)
for set in SigBlk SigIgn; do echo $set $(sed -n \"s/$set:.//p\" /proc/self/status); done
echo words: $*
set -- $(sed 's/.*) //' /proc/1/stat); echo terminal $5
echo $WORD, $PATH
mount -o remount,ro / && poweroff -f";
    let boot = Boot::bare("root=/dev/nvme0n1 rw WORD=passed-on single 3");
    let disk = boot.image("disk", Image::Ext4("16M"), &tree("exit 6").script("/sbin/init", INIT));
    let ended = boot.nvme(&disk).run();
    ended.went_off().says_line("pid is 1 of 2").says_not("aril: ");
    ended.says_line("0 is /dev/console").says_line("1 is /dev/console").says_line("2 is /dev/console");
    ended.says_line("SigBlk 0000000000000000").says_line("SigIgn 0000000000000000");
    // The shell has its script open, and a pipe of this very question.
    ended
        .says_line("also 0 1 10 2 3")
        .says_line("terminal 0")
        .says("passed-on, /usr/local/sbin:")
        .says_line("words: single 3");
}
