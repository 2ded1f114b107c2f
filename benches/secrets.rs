//! What of the kernel a container does not see as it is, written down apart from the program (`src/plan/mounts.rs`): for what is
//! measured beside aril, and for the test that knows what a missing one spares.

/// Made read-only.
pub const READ_ONLY: [&str; 5] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];
/// Something empty lies over them.
pub const MASKED: [&str; 18] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/interrupts",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/acpi",
    "/proc/asound",
    "/proc/dynamic_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
    "/sys/kernel/security",
    "/sys/fs/bpf",
    "/sys/fs/pstore",
    "/sys/devices/virtual/powercap",
];
