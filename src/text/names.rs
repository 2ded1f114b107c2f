//! Names of the kernel's numbers: capabilities (capabilities(7)), signals (signal(7)); and tables of names that are one text.

use super::{Text, number};
use crate::sys::identity::CapabilitySet;
use crate::sys::signal::LAST;

/// Names without `CAP_`, in the order of their numbers in linux/capability.h. One text, which is smaller than a table.
pub const CAPABILITIES: &str = "\
    chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable \
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot \
    sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease \
    audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read \
    perfmon bpf checkpoint_restore";

/// Every capability that there is.
pub const ALL_CAPABILITIES: CapabilitySet = (1 << (linux_raw_sys::general::CAP_LAST_CAP + 1)) - 1;

/// The set with the one capability of this name: `net_admin`, `NET_ADMIN` or `CAP_NET_ADMIN`; `all` is every one.
pub fn capability(name: &[u8]) -> Option<CapabilitySet> {
    const PREFIX: &[u8] = b"cap_";
    let name = match name.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if is_same(prefix, PREFIX) => rest,
        _ => name,
    };
    if is_same(name, b"all") {
        return Some(ALL_CAPABILITIES);
    }
    words(CAPABILITIES).position(|known| is_same(name, known)).map(|number| 1 << number)
}

/// Names without `SIG`, in the order of their numbers, which are those of x86 and ARM.
pub const SIGNALS: &str = "hup int quit ill trap abrt bus fpe kill usr1 segv usr2 pipe alrm term stkflt chld cont stop tstp ttin ttou \
    urg xcpu xfsz vtalrm prof winch io pwr sys";

/// A signal by its number from 1 to 64, or by its name with or without `SIG`. Real-time signals have numbers alone: with which
/// one they begin is a matter of each C library.
pub fn signal(name: &[u8]) -> Option<u8> {
    let bare = match name.split_at_checked(3) {
        Some((prefix, rest)) if is_same(prefix, b"sig") => rest,
        _ => name,
    };
    let place = || words(SIGNALS).position(|known| is_same(bare, known)).map(|place| place as u32 + 1);
    let number = number::decimal(name).or_else(place)?;
    (1..=u32::from(LAST)).contains(&number).then_some(number as u8)
}

/// As long as the name of a container can be.
#[cfg(feature = "full")]
pub const LONGEST: usize = 64;

/// Whether a container can be called so: a letter or digit, then also `_`, `.` and `-`.
#[cfg(feature = "full")]
pub fn is_name(name: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    name.first().is_some_and(u8::is_ascii_alphanumeric) && name.iter().all(is_part) && name.len() <= LONGEST
}

/// Whether `name` is `lower`, in capital letters or small ones, and with `_` for `-` as a variable has it.
#[inline(never)]
pub fn is_same(name: &[u8], lower: &[u8]) -> bool {
    let same =
        |(letter, lower): (&u8, &u8)| letter.to_ascii_lowercase() == *lower || (*letter == b'_' && *lower == b'-');
    name.len() == lower.len() && name.iter().zip(lower).all(same)
}

/// The words of a table that is one text.
pub fn words(table: &'static str) -> impl Iterator<Item = &'static [u8]> {
    super::split(table.as_bytes(), b' ')
}

/// At which place of such a table a word stands.
#[inline(never)]
pub fn position(table: &'static str, name: &[u8]) -> Option<usize> {
    let (mut place, mut rest) = (0, table.as_bytes());
    loop {
        // The first letter tells most of them apart.
        if rest.first() == name.first() && super::cut(rest, b' ').0 == name {
            return Some(place);
        }
        let end = rest.iter().position(|byte| *byte == b' ')?;
        rest = rest.get(end + 1..)?;
        place += 1;
    }
}

/// The word at this place of such a table; empty if there is none.
#[inline(never)]
pub fn at(table: &'static str, place: usize) -> &'static [u8] {
    words(table).nth(place).unwrap_or_default()
}

/// Writes the names of a set's capabilities, in the order of their numbers, each after a space.
pub fn write_capabilities(text: &mut Text, set: CapabilitySet) {
    if set == 0 {
        text.add(b" none");
    } else if set == ALL_CAPABILITIES {
        text.add(b" all");
    } else {
        for (_, name) in words(CAPABILITIES).enumerate().filter(|(number, _)| set >> number & 1 == 1) {
            text.add(b" ").add(name);
        }
    }
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

    #[cfg(feature = "full")]
    #[test]
    fn a_container_s_name_is_one_of_a_file_and_never_hidden() {
        for name in ["web", "0", "a_b.c-d", &"x".repeat(64)] {
            assert!(is_name(name.as_bytes()), "{name}");
        }
        for wrong in ["", ".", "..", ".new", "-a", "_a", "a/b", "a b", "\u{e4}", "a\n", &"x".repeat(65)] {
            assert!(!is_name(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn signals_are_known_by_name_and_number() {
        for (name, number) in [("1", 1), ("64", 64), ("TERM", 15), ("SIGTERM", 15), ("sigkill", 9), ("SYS", 31)] {
            assert_eq!(signal(name.as_bytes()), Some(number), "{name}");
        }
        for wrong in ["", "0", "65", "SIG", "SIG9", "TERMS", "-1"] {
            assert_eq!(signal(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn every_capability_is_known_in_each_spelling() {
        let arena = crate::sys::Arena::new().unwrap();
        for (number, name) in words(CAPABILITIES).enumerate() {
            let set = Some(1 << number);
            assert_eq!(capability(name), set);
            assert_eq!(capability(&[b"CAP_", &name.to_ascii_uppercase()[..]].concat()), set);
            let mut text = Text::new(&arena);
            write_capabilities(&mut text, 1 << number);
            assert_eq!(&text.bytes()[1..], name);
        }
        assert_eq!(words(CAPABILITIES).count() as u32, k::CAP_LAST_CAP + 1);
        assert_eq!(capability(b"all"), Some(ALL_CAPABILITIES));
        assert_eq!((capability(b"cap_"), capability(b"")), (None, None));
    }
}
