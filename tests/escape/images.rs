//! Images whose paths are hostile: links in place of mount points, of devices and of the files that aril reads, and names that no
//! message should be broken who. All of it is resolved inside, or the run fails, in bounded time and memory; a naive runner is led
//! out by each link first.

use crate::escape::By;
use crate::naive;
use crate::support::{Folder, Outcome, eventually, executable, mark, rootfs, tool, traces::Traces};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

crate::by_mode! {
    a_link_in_place_of_a_mount_point_stays_inside, a_link_on_the_way_to_a_volume_stays_inside,
    a_working_directory_is_inside, no_descriptor_of_aril_s_is_a_working_directory,
    links_in_place_of_devices_change_no_mask, long_names_are_taken_as_far_as_the_kernel_takes_them,
    no_name_breaks_a_message, accounts_are_read_in_bounded_time_and_memory, names_of_the_network_stay_inside,
    a_library_that_is_preloaded_is_the_command_s_alone, accounts_that_are_devices_are_not_opened,
}

/// What becomes of a mount through a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// It is where the link leads if the image's directory is `/`.
    Inside,
    /// It lies over the container's root itself: what landlock allows below that is not found through it, if there is one.
    Root,
    /// There is no such mount.
    None,
}

/// Where a link may lead, whether a naive runner is led out by it, and what becomes of aril: `{outside}` is a folder of the machine.
const ASTRAY: [(&str, bool, End); 10] = [
    ("{outside}", true, End::Inside),
    ("../../../../../../../../../..{outside}", true, End::Inside),
    ("{outside}/not/there", false, End::Inside),
    ("/proc/self/root", true, End::None),
    ("/proc/1/root", true, End::None),
    ("/proc/self/cwd", true, End::None),
    ("/proc/self/fd/3", true, End::None),
    ("/etc", true, End::Inside),
    ("../..", true, End::Root),
    ("{itself}", false, End::None),
];

/// A folder outside, and what a hostile image is made of.
struct Trap<'w> {
    who: &'w By<'w>,
    outside: Folder,
    before: Traces,
}

impl<'w> Trap<'w> {
    fn new(who: &'w By) -> Self {
        let outside = who.folder();
        fs::write(outside.join("secret"), "outside\n").expect("our own folder");
        let before = Traces::of(outside.path());
        Self { who, outside, before }
    }

    /// An image with a link in place of what is at this path.
    fn image(&self, path: &str, target: &str) -> Folder {
        let image = self.who.own_rootfs(&[]);
        let place = image.join(path);
        tool("rm", &["-rf", &place.display().to_string()]);
        let target = target.replace("{outside}", self.outside.str()).replace("{itself}", path);
        symlink(target, place).expect("our own image");
        image
    }

    /// The same, which has led a naive runner out if that can be.
    #[track_caller]
    fn led(&self, path: &str, (target, leads_out, _): (&str, bool, End)) -> Folder {
        let image = self.image(path, target);
        // Not every machine has it, or lets its root there.
        if leads_out && (!target.starts_with("/proc/") || Path::new(target).exists()) {
            naive::is_led_out(self.who, &image, path, naive::MOUNTS);
        }
        image
    }

    /// Runs an attack in it, which ends in one of these words, or does not begin.
    #[track_caller]
    fn attack(&self, image: &Folder, options: &[&str], attack: &[&str], words: &[&str]) -> Outcome {
        let outcome = self.who.run_in(image.str(), options, &[&["attack"], attack].concat()).run();
        if outcome.code() == Some(0) {
            let out = outcome.out();
            let seen = |line: &str| words.iter().any(|word| line.starts_with(word));
            outcome.check(!out.is_empty() && out.lines().all(seen), format_args!("each ends in one of {words:?}"));
        } else {
            outcome.refused(125, &[]);
        }
        self.before.unchanged("the folder outside");
        outcome
    }

    /// It has come to this end: inside, where this was printed, or to none.
    #[track_caller]
    fn ended(&self, outcome: &Outcome, end: End, says: &str) {
        match end {
            End::None => outcome.refused(125, &["(ELOOP)"]),
            End::Root if outcome.err().contains("Permission denied") => outcome,
            End::Root | End::Inside => outcome.prints(says),
        };
        self.before.unchanged("the folder outside");
    }
}

fn a_link_in_place_of_a_mount_point_stays_inside(who: &By) {
    who.needs_probe();
    let trap = Trap::new(who);
    let masked = ["masked", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/../proc/keys"];
    let knobs = ["for-writing", "/proc/sys/kernel/core_pattern", "/sys/class/net/lo/mtu"];
    let stopped = ["empty", "none", "ENOTDIR", "EACCES"];
    // What each of them is, by a name that is in no image and in no other.
    for (place, look) in [("/proc", "cat /proc/1/comm"), ("/sys", "ls -d /sys/class/net"), ("/dev", "ls /dev/full")] {
        let says = if place == "/proc" { "aril" } else { look.rsplit(' ').next().expect("a path") };
        for astray in ASTRAY {
            let image = trap.led(place, astray);
            for options in [&[][..], &["--read-only"]] {
                let outcome = who.run_in(image.str(), options, &["sh", "-c", look]).run();
                trap.ended(&outcome, astray.2, says);
                trap.attack(&image, options, &masked, &stopped);
            }
            trap.attack(&image, &[], &knobs, &["EROFS", "EACCES", "none"]);
        }
    }
}

fn a_link_on_the_way_to_a_volume_stays_inside(who: &By) {
    let source = who.folder();
    fs::write(source.join("marker"), "").expect("our own folder");
    let mut trap = Trap::new(who);
    // What lies outside could be taken for what is inside.
    fs::create_dir_all(trap.outside.join("made/here")).expect("our own folder");
    trap.before = Traces::of(trap.outside.path());
    for astray in ASTRAY {
        let image = trap.led("/mnt", astray);
        for target in ["/mnt", "/mnt/made/here"] {
            let (volume, marker) = (format!("{}:{target}", source.str()), format!("{target}/marker"));
            let outcome = who.run_in(image.str(), &["-v", &volume], &["ls", &marker]).run();
            trap.ended(&outcome, astray.2, &marker);
            let look = format!("grep -c size=1372k /proc/self/mountinfo && >{target}/new");
            let tmpfs = format!("{target}:size=1372k");
            let outcome = who.run_in(image.str(), &["--tmpfs", &tmpfs], &["sh", "-c", &look]).run();
            trap.ended(&outcome, astray.2, "1");
        }
    }
}

fn a_working_directory_is_inside(who: &By) {
    who.needs_probe();
    let trap = Trap::new(who);
    let secret = trap.outside.join("secret").display().to_string();
    for astray in ASTRAY {
        let image = trap.led("/srv", astray);
        trap.attack(&image, &["--workdir", "/srv"], &["descriptors", &secret], &["ENOENT"]);
    }
}

/// CVE-2024-21626: a descriptor of the runtime's own that leads outside, for a working directory.
fn no_descriptor_of_aril_s_is_a_working_directory(who: &By) {
    /// It enters the image with a descriptor that it has forgotten, and then the directory that it was told.
    const NAIVE: &str = "exec 3</; mount -t proc proc \"$2/proc\" && \
        exec chroot \"$2\" sh -c 'cd /proc/self/fd/3 && exec /bin/attack descriptors \"$0\"' \"${1#\"$2\"}\" | grep '^out the working directory'";
    who.needs_probe();
    let trap = Trap::new(who);
    let image = who.own_rootfs(&[]);
    naive::is_led_out(who, &image, trap.outside.join("secret").to_str().expect("ours"), NAIVE);
    let (secret, kept) = (trap.outside.join("secret").display().to_string(), who.folder());
    let overlay = format!("--overlay={}", kept.str());
    let volume = who.volume(trap.outside.str(), "/mnt");
    for options in [
        &[][..],
        &["--no-init"],
        &[&overlay],
        &["-v", &volume],
        &["--name", "escape-cwd"],
        &["--pid", "host"],
        &["--tty"],
    ] {
        for number in 3..16 {
            let workdir = format!("/proc/self/fd/{number}");
            let options = [options, &["--workdir", &workdir]].concat();
            trap.attack(&image, &options, &["descriptors", &secret], &["ENOENT"]);
        }
    }
}

/// CVE-2025-31133: what lies over secrets is not the image's `/dev/null`.
fn links_in_place_of_devices_change_no_mask(who: &By) {
    who.needs_probe();
    let trap = Trap::new(who);
    let masked = ["masked", "/proc/keys", "/proc/timer_list", "/proc/interrupts", "/sys/firmware"];
    for place in ["/dev/null", "/dev/console", "/dev/ptmx", "/dev/pts"] {
        for target in [ASTRAY[0].0, "/proc/sys/kernel/core_pattern", "/proc/kcore", "/etc/passwd"] {
            let image = trap.led(place, (target, true, End::Inside));
            for options in [&[][..], &["--tty"]] {
                trap.attack(&image, options, &masked, &["empty", "none"]);
                let outcome =
                    who.run_in(image.str(), options, &["sh", "-c", "echo x >/dev/null; wc -c </dev/null"]).run();
                outcome.exited(0).check(outcome.out().trim() == "0", "/dev/null is the kernel's");
            }
        }
    }
}

fn long_names_are_taken_as_far_as_the_kernel_takes_them(who: &By) {
    let (trap, image) = (Trap::new(who), who.own_rootfs(&[]));
    let name = "n".repeat(255);
    let long = format!("/mnt{}", format!("/{name}").repeat(15));
    for target in [format!("/mnt/{name}"), long.clone()] {
        who.run_in(image.str(), &["--tmpfs", &target], &["true"]).run().ok();
        who.run_in(image.str(), &["--overlay", "--workdir", "/", "--tmpfs", &target], &["true"]).run().ok();
    }
    for target in [format!("/mnt/{name}n"), format!("{long}/{name}/{name}")] {
        for option in ["--tmpfs", "--workdir"] {
            who.run_in(image.str(), &[option, &target], &["true"]).run().refused(125, &["(ENAMETOOLONG)"]);
        }
        let volume = format!("{}:{target}", trap.outside.str());
        who.run_in(image.str(), &["-v", &volume], &["true"]).run().refused(125, &["(ENAMETOOLONG)"]);
    }
    trap.before.unchanged("the folder outside");
}

/// Whatever steers a terminal or looks like a second message is shown as a number.
fn no_name_breaks_a_message(who: &By) {
    const NAME: &str = "a\nb\x1b[31m\r\u{7f}\u{9b}c";
    let image = who.own_rootfs(&[]);
    fs::create_dir(image.join(NAME)).expect("our own image");
    symlink(NAME, image.join("srv/loop")).expect("our own image");
    executable(&image.join("bin/interpreted"), &format!("#!/no{}\n", NAME.replace('\n', "\x01")));
    for (options, command) in [
        (&[][..], NAME),
        (&[], &format!("/{NAME}")),
        (&[], &format!("/{NAME}/x")),
        (&[], "interpreted"),
        (&["--workdir", &format!("/none{NAME}")], "true"),
        (&["--user", NAME], "true"),
        (&["--volume", &format!("/none{NAME}:/mnt")], "true"),
        (&["--volume", &format!("/etc/passwd:/{NAME}")], "true"),
        (&["--env-file", &format!("/none{NAME}")], "true"),
        (&["--mount", &format!("type=tmpfs,dst=/mnt,tmpfs-size={NAME}")], "true"),
    ] {
        let outcome = who.run_in(image.str(), options, &[command]).run();
        let err = outcome.err();
        outcome.check(matches!(outcome.code(), Some(125..=127)), "it is refused");
        let is_plain = |letter: char| letter == '\n' || !letter.is_control();
        outcome.check(err.chars().all(is_plain), "no letter of it steers a terminal");
        outcome.check(err.starts_with("aril: ") && err.lines().count() <= 2, "it is one message");
    }
}

/// A line of a passwd file, or of a group file.
const SOMEONE: &str = "someone:x:0:0::/:\n";

/// A naive reader that finds him, also in his own environment.
const FINDS: &str = "export ACCOUNTS=\"$(printf '\\nsomeone:x:0:0:')\"; exec grep -aq ^someone: \"$1\"";

/// One that does not come to an end.
const HANGS: &str = "timeout 0.1 cat \"$1\" >/dev/null; [ $? = 124 ]";

/// Asks for a user of an image that does not have him, and looks at the memory that it took.
#[track_caller]
fn asks_for(who: &By, image: &Folder, user: &str, words: &[&str]) {
    /// KiB: no more than the largest of such files that is read at all, and what a program has anyway. Before Linux 6.7 huge pages
    /// may lie around it.
    const BOUND: u32 = (16 + 2 + 4) << 10;
    let (folder, attack) = (who.folder(), who.binary("attack"));
    let peak = folder.join("peak").display().to_string();
    let run = who.run_in(image.str(), &["--user", user], &["true"]).under(&[&attack, "peak", &peak]);
    run.env("ACCOUNTS", &format!("\n{SOMEONE}")).run().refused(125, words);
    let peak: u32 = folder.read("peak").parse().expect("a number");
    assert!(peak < BOUND, "{peak} KiB");
}

fn accounts_are_read_in_bounded_time_and_memory(who: &By) {
    who.needs_probe();
    let trap = Trap::new(who);
    fs::write(trap.outside.join("accounts"), SOMEONE).expect("our own folder");
    let before = Traces::of(trap.outside.path());
    for (file, user) in [("etc/passwd", "someone"), ("etc/group", "0:someone")] {
        for (make, naive, words) in [
            ("truncate -s 1G", "[ $(wc -c <\"$1\") -gt 100000000 ]", &["(EFBIG)"][..]),
            ("mkfifo", HANGS, &["not a regular file"]),
            ("mkdir", ":", &["not a regular file"]),
            ("printf 'root:x:0:0' >", ":", &["not in the image"]),
            ("head -c 2000000 /dev/urandom >", ":", &["not in the image"]),
            ("yes a:b | tr -d '\n' | head -c 2000000 >", ":", &["not in the image"]),
            ("ln -s /etc/shadow", "grep -q ^root: \"$1\"", &["not in the image"]),
            ("ln -s {outside}/accounts", FINDS, &["not in the image"]),
            ("ln -s ../../../../../../../../../..{outside}/accounts", FINDS, &["not in the image"]),
            ("ln -s /proc/self/environ", FINDS, &["not in the image"]),
            ("ln -s passwd-and-group", ":", &["not in the image"]),
        ] {
            let image = who.own_rootfs(&[file]);
            let script = format!("{} \"$1\"", make.replace("{outside}", trap.outside.str()));
            tool("sh", &["-c", &script, "sh", &image.join(file).display().to_string()]);
            naive::is_led_out(who, &image, file, naive);
            asks_for(who, &image, user, &[&[&*format!("/{file}")], words].concat());
        }
        // Of a loop the kernel says so.
        let image = who.own_rootfs(&[file]);
        symlink(image.join(file).file_name().expect("it has one"), image.join(file)).expect("our own image");
        asks_for(who, &image, user, &[file, "(ELOOP)"]);
    }
    before.unchanged("the folder outside");
}

/// A terminal's line that is opened may hang up, a tape rewinds.
fn accounts_that_are_devices_are_not_opened(who: &By) {
    who.needs_probe();
    who.needs_root_behind();
    for (file, user) in [("etc/passwd", "someone"), ("etc/group", "0:someone")] {
        let image = who.own_rootfs(&[file]);
        tool("mknod", &["-m", "444", &image.join(file).display().to_string(), "c", "1", "5"]);
        naive::is_led_out(who, &image, file, HANGS);
        asks_for(who, &image, user, &[file, "not a regular file"]);
    }
}

fn names_of_the_network_stay_inside(who: &By) {
    let trap = Trap::new(who);
    for (place, options) in
        [("/etc/hosts", ["--add-host", "there:10.0.0.7"]), ("/etc/resolv.conf", ["--dns", "10.0.0.7"])]
    {
        for astray in ASTRAY {
            let image = trap.led(place, astray);
            let outcome = who.run_in(image.str(), &options, &["grep", "-o", "10.0.0.7", place]).run();
            // Of the two that lead to a directory of the image.
            if ["/etc", "../.."].contains(&astray.0) {
                outcome.refused(125, &[place, "(ENOTDIR)"]);
            } else {
                trap.ended(&outcome, astray.2, "10.0.0.7");
            }
            // The machine's own can be done without.
            let outcome = who.run_in(image.str(), &[], &["true"]).run();
            if outcome.code() != Some(0) {
                outcome.refused(125, &[]);
            }
            trap.before.unchanged(&format!("{place} -> {}", astray.0));
        }
    }
}

/// The files that a process has mapped, by device and inode; and as the kernel tells of them.
fn mapped(pid: u32) -> (BTreeSet<String>, String) {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    let file = |line: &str| line.split_whitespace().skip(3).take(2).collect::<Vec<_>>().join(" ");
    (maps.lines().map(file).filter(|file| !file.ends_with(" 0")).collect(), maps)
}

/// aril is static, and runs nothing of the image before the command: no loader of it, and no library that this is told of.
fn a_library_that_is_preloaded_is_the_command_s_alone(who: &By) {
    const LIBRARY: &str = "/lib/preloaded.so";
    who.needs_root_behind();
    let (debian, image) = (rootfs("debian"), who.own_rootfs(&[]));
    if !debian.is_dir() {
        who.skip("there is no image with programs that are not static: rootfs/debian makes it");
    }
    let copy = "cd \"$1\" && cp -L --parents $(ls -d lib*/ld-linux-*) lib/*-linux-gnu/libc.so.6 \"$2\" && \
        cp -L bin/sleep \"$2/bin/own-sleep\" && cp -L lib/*-linux-gnu/libdl.so.2 \"$2/lib/preloaded.so\"";
    tool("sh", &["-ec", copy, "sh", &debian.display().to_string(), image.str()]);
    let variable = format!("LD_PRELOAD={LIBRARY}");
    for options in [&["--env", &variable][..], &["--env", &variable, "--no-init"], &[], &["--no-init"]] {
        if options.iter().all(|option| *option != "--env") {
            fs::write(image.join("etc/ld.so.preload"), LIBRARY).expect("our own image");
        }
        let mark = mark();
        let run = who.run_in(image.str(), options, &["/bin/own-sleep", &mark]);
        // The caller's own says the same to a program of the machine's.
        let running = run.env("LD_PRELOAD", &image.join(LIBRARY).display().to_string()).start();
        let sleeper = running.sleeper(&mark);
        // Its loader takes a moment, and takes what is preloaded first.
        eventually("its libraries", || mapped(sleeper).1.contains("libc.so.6"));
        let (files, maps) = mapped(sleeper);
        assert!(maps.contains(LIBRARY) && files.len() >= 4, "the command has it: {maps}");
        let inside = if options.contains(&"--no-init") { None } else { Some(running.init()) };
        for pid in [Some(running.pid()), inside].into_iter().flatten() {
            let (own, maps) = mapped(pid);
            assert_eq!(own.len(), 1, "aril's own program and nothing else: {maps}");
            assert!(own.is_disjoint(&files) && !maps.contains("preloaded"), "nothing of the image: {maps}");
        }
    }
}
