//! Names of the kernel's numbers: capabilities (capabilities(7)) and namespaces (namespaces(7)).

use crate::sys::identity::CapabilitySet;

/// Names without `CAP_`, in the order of their numbers in linux/capability.h.
const CAPABILITIES: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Every capability that there is.
pub const ALL_CAPABILITIES: CapabilitySet = (1 << CAPABILITIES.len()) - 1;

/// The set with the one capability of this name: `net_admin`, `NET_ADMIN` or `CAP_NET_ADMIN`; `all` is every one.
pub fn capability(name: &[u8]) -> Option<CapabilitySet> {
    const PREFIX: usize = 4;
    let name = match name.get(..PREFIX) {
        Some(prefix) if prefix.eq_ignore_ascii_case(b"cap_") => &name[PREFIX..],
        _ => name,
    };
    if name.eq_ignore_ascii_case(b"all") {
        return Some(ALL_CAPABILITIES);
    }
    let number = CAPABILITIES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
    Some(1 << number)
}

/// The names of a set's capabilities, in the order of their numbers.
pub fn capabilities(set: CapabilitySet) -> impl Iterator<Item = &'static str> {
    CAPABILITIES.iter().enumerate().filter(move |(number, _)| set >> number & 1 == 1).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linux_raw_sys::general as k;

    #[test]
    fn capability_names_stand_at_their_numbers() {
        for (name, number) in [
            ("chown", k::CAP_CHOWN),
            ("kill", k::CAP_KILL),
            ("net_raw", k::CAP_NET_RAW),
            ("sys_admin", k::CAP_SYS_ADMIN),
            ("setfcap", k::CAP_SETFCAP),
            ("checkpoint_restore", k::CAP_CHECKPOINT_RESTORE),
        ] {
            assert_eq!(capability(name.as_bytes()), Some(1 << number), "{name}");
        }
    }

    #[test]
    fn every_capability_is_known_in_each_spelling() {
        for name in CAPABILITIES {
            let set = capability(name.as_bytes()).unwrap();
            assert_eq!(capability(format!("CAP_{}", name.to_uppercase()).as_bytes()), Some(set));
            assert_eq!(capabilities(set).collect::<Vec<_>>(), [*name]);
        }
        assert_eq!(capability(b"all"), Some(ALL_CAPABILITIES));
        assert_eq!(capability(b"cap_"), None);
    }
}
