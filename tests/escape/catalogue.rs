//! The catalogue: each attack, where it succeeds, and what stops it in each mode.
//!
//! `out_with` takes a wall away by an option; `out_of` runs the attack in something less than a container, where no option
//! does. Each is tried without the filter too, and must meet another wall, but for those that are `by_the_filter_alone`. `{secret}`
//! is a file outside.

use crate::escape::{ALL, Auto, Escape, Host, Identity, OWN_USERS, ROOT, SHIFTED, User, escape};

pub fn catalogue() -> Vec<Escape> {
    [root(), mounts(), devices(), knobs(), kernel(), filtered(), processes(), signals(), bombs()]
        .into_iter()
        .flatten()
        .collect()
}

/// A naive container: its new root hides the old one, which is still there.
const COVERED: &str = "mount --rbind \"$1\" \"$1\" && cd \"$1\" && shift && mount -t tmpfs old tmp && mkdir tmp/old && \
    pivot_root . tmp/old && mount -t proc proc proc && mount -t tmpfs hides tmp && \
    exec chroot . /bin/attack \"$@\"";

/// Ways back to the old root.
fn root() -> Vec<Escape> {
    vec![
        escape("a_second_chroot", &["chroot", "{secret}"])
            .out_with(Identity, &["--change-root", "chroot"])
            .out_of(&["chroot", "{image}", "/bin/attack", "chroot", "{secret}"])
            .stopped(ALL, &["ENOENT"]),
        escape("the_root_of_a_process_outside", &["root-of", "{secret}"])
            .out_with(
                Host,
                &["--pid", "host", "-v", "/proc:/proc", "--cap-add", "sys_ptrace", "--security-opt", "landlock=off"],
            )
            .stopped(ALL, &["ENOENT", "EACCES"]),
        escape("the_old_root_below_what_is_mounted", &["uncover", "{secret}"])
            .out_of(&["unshare", "--mount", "sh", "-c", COVERED, "sh", "{image}", "uncover", "{secret}"])
            .stopped(ALL, &["EPERM"]),
        escape("the_old_root_below_what_may_be_unmounted", &["uncover", "{secret}"])
            .with(&["--cap-add", "sys_admin"])
            .out_of(&["unshare", "--mount", "sh", "-c", COVERED, "sh", "{image}", "uncover", "{secret}"])
            .stopped(ALL, &["ENOENT"]),
        escape("the_root_of_its_own_mount_namespace", &["own-mounts", "{secret}"])
            .out_with(Identity, &["--change-root", "chroot", "--cap-add", "sys_admin"])
            .stopped(ALL, &["EPERM"]),
        escape("a_pivot_back", &["pivot-back", "{secret}"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .out_with(User, &["--cap-add", "sys_admin"])
            .stopped(ALL, &["EPERM"]),
        escape("a_handle_of_a_file_outside", &["handle", "{handle-type}", "{handle}"])
            // Newer kernels' landlock takes such a file for one of the mount by which it was opened.
            .out_with(Host, &["--cap-add", "dac_read_search", "--security-opt", "landlock=off"])
            .stopped(ALL, &["EPERM"]),
        escape("a_descriptor_that_was_left_open", &["descriptors", "{secret}"])
            .under(&["bash", "-c", "cd / && exec 3</ 4</proc 9</tmp && exec \"$@\"", "bash"])
            .out_with(Identity, &["--preserve-fds", "1"])
            .out_with(User, &["--preserve-fds", "1"])
            // Another root, and the working directory as it was.
            .out_of(&[
                "sh",
                "-c",
                "exec nsenter --root=\"$@\"",
                "sh",
                "{image}",
                "/bin/attack",
                "descriptors",
                "{secret}",
            ])
            .stopped(ALL, &["ENOENT"]),
        escape("a_mount_namespace_that_was_left_open", &["join", "3", "{secret}"])
            .under(&["bash", "-c", "exec 3</proc/self/ns/mnt && exec \"$@\"", "bash"])
            .with(&["--preserve-fds", "1"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .stopped(ALL, &["EPERM"]),
    ]
}

/// Ways around what is read-only or hidden.
fn mounts() -> Vec<Escape> {
    vec![
        escape("a_remount", &["remount", "/proc/sys", "/sys"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .out_with(User, &["--cap-add", "sys_admin"])
            .stopped(ALL, &["EPERM"]),
        escape(
            "what_is_masked",
            &[
                "masked",
                "/proc/kcore",
                "/proc/keys",
                "/proc/timer_list",
                "/proc/interrupts",
                "/proc/acpi",
                "/sys/firmware",
                "/sys/kernel/tracing",
            ],
        )
        // The kernel's memory is for who may read all ports.
        .out_with(Host, &["--cap-add", "sys_admin", "--cap-add", "sys_rawio"])
        .stopped(ALL, &["empty", "none"]),
        escape("a_copy_of_proc_without_what_covers_it", &["around-masks", "sys/kernel/core_pattern"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .stopped(ALL, &["EPERM", "EBADF"]),
        // Root in a user namespace of his own may copy it, if he is asked to mount. Then he is stopped for being somebody else.
        escape("a_copy_of_proc_by_a_root_that_may_mount", &["around-masks", "sys/kernel/core_pattern"])
            .with(&["--cap-add", "sys_admin"])
            .out_with(Host, &[])
            .stopped(SHIFTED, &["EACCES"]),
        escape("a_new_proc", &["anew"]).out_with(Host, &["--cap-add", "sys_admin"]).stopped(ALL, &["EPERM"]),
        escape("a_new_proc_by_a_root_that_may_mount", &["anew"])
            .with(&["--cap-add", "sys_admin"])
            .out_with(Host, &[])
            .stopped(SHIFTED, &["EACCES"]),
    ]
}

/// Where no mount has dead devices.
const LIVE_DEVICES: &str = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,dev \"$1\" && \
    mount -t tmpfs tmp \"$1/tmp\" && mount -t tmpfs dev \"$1/dev\" && mkdir \"$1/dev/shm\" && exec chroot \"$@\"";

fn devices() -> Vec<Escape> {
    const DISK: &[&str] =
        &["unshare", "--mount", "sh", "-c", LIVE_DEVICES, "sh", "{image}", "/bin/attack", "node", "b", "7", "0"];
    const LOG: &[&str] =
        &["unshare", "--mount", "sh", "-c", LIVE_DEVICES, "sh", "{image}", "/bin/attack", "node", "c", "1", "11"];
    vec![
        escape("a_disk_of_the_machine", &["node", "b", "7", "0"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .out_of(DISK)
            .stopped(&[Host], &["EACCES", "EPERM"])
            .stopped(OWN_USERS, &["EPERM"]),
        escape("the_kernel_s_log", &["node", "c", "1", "11"])
            .out_with(Host, &["--cap-add", "sys_admin", "--cap-add", "syslog"])
            .out_of(LOG)
            .stopped(&[Host], &["EACCES", "EPERM"])
            .stopped(OWN_USERS, &["EPERM"]),
    ]
}

/// Files by which the kernel is told what to run.
fn knobs() -> Vec<Escape> {
    vec![
        escape("a_program_for_cores", &["for-writing", "/proc/sys/kernel/core_pattern"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .stopped(ROOT, &["EROFS"])
            .stopped(SHIFTED, &["EACCES"]),
        escape("a_program_for_devices", &["for-writing", "/sys/kernel/uevent_helper"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .stopped(ROOT, &["EROFS"])
            .stopped(SHIFTED, &["EACCES"]),
        escape("a_program_for_modules", &["for-writing", "/proc/sys/kernel/modprobe"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .stopped(ROOT, &["EROFS"])
            .stopped(SHIFTED, &["EACCES"]),
        escape("a_program_for_the_end_of_a_group", &["release-agent"])
            .out_with(Host, &["--cap-add", "sys_admin", "--cgroupns", "host"])
            .stopped(ALL, &["EPERM"]),
        escape("a_setting_of_a_device", &["for-writing", "/sys/class/net/lo/mtu", "/sys/class/net/lo/ifalias"])
            .out_with(Host, &["--cap-add", "sys_admin"])
            .stopped(ROOT, &["EROFS"])
            .stopped(SHIFTED, &["EACCES"]),
        escape("a_control_group", &["below", "/sys/fs/cgroup"])
            .out_with(Host, &["-v", "{group}:/sys/fs/cgroup"])
            .stopped(ROOT, &["EROFS"])
            .stopped(SHIFTED, &["EROFS", "EACCES"]),
    ]
}

/// Calls that are none of a container's business, behind the filter and a capability.
fn kernel() -> Vec<Escape> {
    vec![
        escape("a_module", &["module"]).out_with(Host, &["--cap-add", "sys_module"]).stopped(ALL, &["EPERM"]),
        escape("another_kernel", &["kexec"])
            .out_with(Host, &["--cap-add", "sys_boot", "--security-opt", "seccomp=unconfined"])
            // A kernel may have the older of the two calls alone.
            .stopped(ALL, &["EPERM", "ENOSYS"]),
        escape("the_machine_s_clock_and_power", &["machine"])
            .out_with(Host, &["--cap-add", "all"])
            // Nobody in a container swaps, whatever he may.
            .out_with(Host, &["--cap-add", "all", "--security-opt", "seccomp=unconfined"])
            .stopped(ALL, &["EPERM", "ENOSYS"]),
    ]
}

/// What the filter alone keeps from a container.
fn filtered() -> Vec<Escape> {
    const OFF: &[&str] = &["--security-opt", "seccomp=unconfined"];
    let filtered = |name, attack| escape(name, attack).by_the_filter_alone().out_with(Host, OFF).out_with(User, OFF);
    vec![
        filtered("faults_that_wait", &["userfaultfd"]).stopped(ALL, &["EPERM"]),
        filtered("calls_by_a_ring", &["io-uring"]).stopped(ALL, &["EPERM"]),
        escape("counters_of_the_processor", &["perf"])
            .by_the_filter_alone()
            // Debian's kernels ask for more than CAP_PERFMON.
            .out_with(Host, &["--cap-add", "sys_admin"])
            .stopped(ALL, &["EPERM"]),
        // Two that most machines forbid by a setting besides.
        escape("a_program_in_the_kernel", &["bpf"])
            .by_the_filter_alone()
            .out_with(Host, &["--cap-add", "bpf"])
            .stopped(ALL, &["EPERM"]),
        escape("the_kernel_s_messages", &["messages"])
            .by_the_filter_alone()
            .out_with(Host, &["--cap-add", "syslog"])
            .stopped(ALL, &["EPERM"]),
        filtered("typing_into_a_terminal", &["terminal"]).stopped(ALL, &["EPERM"]),
        filtered("calls_of_another_architecture", &["foreign"]).stopped(ALL, &["ENOSYS", "SEGV"]),
        filtered("sockets_past_the_network", &["sockets"]).stopped(ALL, &["EPERM"]),
        // clone3's flags are in memory, where no filter sees them: it is said to be none.
        filtered("every_capability_in_a_user_namespace", &["user-namespace"]).stopped(ALL, &["EPERM", "ENOSYS"]),
        // A user's keyring is the same in every container that has no user namespace of its own.
        escape("a_key_of_the_caller", &["keyring", "{key}"])
            .under(&["{attack}", "with-key", "{key}"])
            .by_the_filter_alone()
            .out_with(Host, OFF)
            .out_of(&["{attack}", "with-key", "{key}", "{attack}", "keyring", "{key}"])
            .stopped(ALL, &["EPERM"]),
        escape("a_key_of_the_caller_without_a_filter", &["keyring", "{key}"])
            .under(&["{attack}", "with-key", "{key}"])
            .by_the_filter_alone()
            .with(OFF)
            .out_of(&["{attack}", "with-key", "{key}", "{attack}", "keyring", "{key}"])
            .stopped(OWN_USERS, &["ENOKEY"]),
    ]
}

/// A runtime that stays around its command, and takes no care of its file.
const NAIVE_RUNTIME: &[&str] = &[
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "sh",
    "-c",
    "mount -t proc proc \"$1/proc\" && exec \"$2\" init chroot \"$1\" /bin/attack runtime",
    "sh",
    "{image}",
    "{aril}",
];

fn processes() -> Vec<Escape> {
    vec![
        escape("the_init_s_memory_and_files", &["look-into", "1"])
            .out_with(Host, &["--cap-add", "sys_ptrace", "--security-opt", "landlock=off"])
            // It may enter a mount namespace too.
            .out_with(Host, &["--cap-add", "sys_ptrace", "--cap-add", "sys_admin", "--security-opt", "landlock=off"])
            .stopped(ALL, &["EACCES", "EPERM"]),
        escape("the_init_s_memory_and_files_for_a_tracer", &["look-into", "1"])
            .with(&["--cap-add", "sys_ptrace"])
            .out_with(Host, &["--security-opt", "landlock=off"])
            .out_with(Host, &["--cap-add", "sys_admin", "--security-opt", "landlock=off"])
            .stopped(OWN_USERS, &["EACCES", "EPERM"]),
        escape("the_runtime_s_program", &["runtime"]).out_of(NAIVE_RUNTIME).stopped(ALL, &["EACCES"]),
        escape("the_runtime_s_program_for_a_tracer", &["runtime"])
            .with(&["--cap-add", "all", "--security-opt", "landlock=off"])
            .out_of(NAIVE_RUNTIME)
            .stopped(OWN_USERS, &["EACCES"])
            .stopped(&[Host], &["EROFS"]),
        // The image's entry point is `#!/proc/self/exe init`: aril's own program, until there is another. The init is hidden.
        escape("the_runtime_s_program_as_interpreter", &["runtime"])
            .entered_by(&["--report=/again"])
            .out_of(NAIVE_RUNTIME)
            .stopped(ROOT, &["EROFS", "EACCES"])
            .stopped(SHIFTED, &["EACCES"]),
        // For whom no other may mount there is a sealed copy.
        escape("the_runtime_s_program_where_the_caller_owns_it", &["runtime"])
            .entered_by(&["--report=/again"])
            .with_aril_of_the_caller()
            .out_of(NAIVE_RUNTIME)
            .stopped(ROOT, &["EROFS", "EACCES"])
            .stopped(&[User], &["EPERM", "EACCES"])
            .stopped(&[Auto], &["EACCES"]),
        escape("the_runtime_s_program_where_anyone_may_write_it", &["runtime"])
            .entered_by(&["--report=/again"])
            .with_aril_of_anyone()
            .out_of(NAIVE_RUNTIME)
            .stopped(ROOT, &["EROFS", "EACCES"])
            .stopped(&[User], &["EPERM", "EACCES"])
            .stopped(&[Auto], &["EROFS", "EACCES"]),
        escape("a_set_user_id_program", &["become-root", "/bin/rooted"])
            .with(&["--user", "405:100"])
            .with_more_ids()
            .out_of(&["chroot", "--userspec", "405:100", "{image}", "/bin/attack", "become-root", "/bin/rooted"])
            // Who is not root yet may neither; and what was once set is never taken back.
            .unshown(&["setuid", "no_new_privs off"])
            .stopped(ALL, &["EPERM", "EINVAL"]),
    ]
}

/// Signals that leave the container.
fn signals() -> Vec<Escape> {
    vec![
        escape("a_signal_to_the_group", &["signal-all", "0", "9"])
            .beside_a_witness()
            .out_of(&[
                "setsid",
                "--wait",
                "unshare",
                "--pid",
                "--fork",
                "--kill-child",
                "{attack}",
                "witness",
                "chroot",
                "{image}",
                "/bin/attack",
                "signal-all",
                "0",
                "9",
            ])
            .stopped(ALL, &["alive"]),
        escape("a_signal_to_all", &["signal-all", "-1", "9"])
            .beside_a_witness()
            .out_with(Host, &["--pid", "host", "--security-opt", "landlock=off"])
            .out_with(User, &["--pid", "host", "--security-opt", "landlock=off"])
            .stopped(ALL, &["alive", "ESRCH"]),
    ]
}

/// What takes all that there is. Nothing is limited unless that is asked for.
fn bombs() -> Vec<Escape> {
    const BY_ROOT: &[crate::escape::Mode] = &[Identity, Host, Auto];
    vec![
        escape("a_bomb_of_processes", &["forks", "48"])
            .walled_by(&["--pids-limit", "24"])
            .out_with(Host, &[])
            .stopped(BY_ROOT, &["EAGAIN"]),
        escape("a_bomb_of_memory", &["memory", "48"])
            .walled_by(&["--memory", "16m", "--memory-swap", "16m"])
            .out_with(Host, &[])
            .stopped(BY_ROOT, &["KILL"]),
        escape("a_bomb_of_descriptors", &["many-descriptors", "100"])
            .walled_by(&["--ulimit", "nofile=32"])
            .out_with(Host, &[])
            .out_with(User, &[])
            .stopped(ALL, &["EMFILE"]),
        escape("a_bomb_on_a_disk", &["disk", "/scratch/bomb", "4"])
            .walled_by(&["--tmpfs", "/scratch:size=1m"])
            .out_with(Host, &["--tmpfs", "/scratch:size=8m"])
            .out_with(User, &["--tmpfs", "/scratch:size=8m"])
            .stopped(ALL, &["ENOSPC"]),
    ]
}
