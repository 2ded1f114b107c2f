//! The filter that every command gets (seccomp(2)): no typing into the caller's terminal, no foreign system call table.

use crate::sys::errno::Errno;
use crate::sys::sandbox::Instruction;
use linux_raw_sys::general as k;

// Codes of classic BPF (linux/bpf_common.h) and answers of seccomp (linux/seccomp.h).
const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

// Offsets in `struct seccomp_data` (linux/seccomp.h). An argument is 64 bits, little-endian on both architectures: the
// kernel looks at the low half of an ioctl's request alone, so a filter that compares all 64 is passed by (CVE-2019-10063).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const REQUEST: u32 = 24;

/// `AUDIT_ARCH_X86_64` and `AUDIT_ARCH_AARCH64` of linux/audit.h: ELF machine, 64 bits, little-endian.
const NATIVE: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
/// `__X32_SYSCALL_BIT` of asm/unistd.h; numbers above are x32's, or none at all.
const X32: u32 = 0x4000_0000;
/// asm-generic/ioctls.h.
const TIOCSTI: u32 = linux_raw_sys::ioctl::TIOCSTI;
const TIOCLINUX: u32 = linux_raw_sys::ioctl::TIOCLINUX;

const fn load(offset: u32) -> Instruction {
    Instruction { code: LOAD, then: 0, otherwise: 0, value: offset }
}

const fn jump(code: u16, value: u32, then: u8, otherwise: u8) -> Instruction {
    Instruction { code, then, otherwise, value }
}

const fn answer(value: u32) -> Instruction {
    Instruction { code: RETURN, then: 0, otherwise: 0, value }
}

/// The program. A jump counts the instructions that it passes over.
pub const FILTER: &[Instruction] = &[
    load(ARCHITECTURE),
    jump(EQUAL, NATIVE, 0, 8), // else foreign
    load(NUMBER),
    jump(AT_LEAST, X32, 6, 0),        // foreign
    jump(EQUAL, k::__NR_ioctl, 0, 3), // else allowed
    load(REQUEST),
    jump(EQUAL, TIOCSTI, 2, 0),   // refused
    jump(EQUAL, TIOCLINUX, 1, 0), // refused
    answer(libc::SECCOMP_RET_ALLOW),
    answer(libc::SECCOMP_RET_ERRNO | Errno::EPERM.0 as u32),
    answer(libc::SECCOMP_RET_ERRNO | Errno::ENOSYS.0 as u32), // foreign: as where there is no such table
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would answer.
    fn run(architecture: u32, number: u32, request: u64) -> u32 {
        let mut data = [0u8; 64];
        data[..4].copy_from_slice(&number.to_ne_bytes());
        data[4..8].copy_from_slice(&architecture.to_ne_bytes());
        data[24..32].copy_from_slice(&request.to_ne_bytes());
        let (mut at, mut value) = (0, 0);
        loop {
            let Instruction { code, then, otherwise, value: operand } = FILTER[at];
            let skip = |holds| usize::from(if holds { then } else { otherwise });
            at += 1;
            match code {
                LOAD => {
                    let from = operand as usize;
                    value = u32::from_ne_bytes(data[from..from + 4].try_into().unwrap());
                }
                EQUAL => at += skip(value == operand),
                AT_LEAST => at += skip(value >= operand),
                RETURN => return operand,
                _ => panic!("code {code}"),
            }
        }
    }

    #[test]
    fn the_filter_refuses_typing_into_a_terminal_and_foreign_tables() {
        let allow = libc::SECCOMP_RET_ALLOW;
        let refuse = libc::SECCOMP_RET_ERRNO | Errno::EPERM.0 as u32;
        let foreign = libc::SECCOMP_RET_ERRNO | Errno::ENOSYS.0 as u32;
        const I386: u32 = 0x4000_0003;
        for (architecture, number, request, expected) in [
            (NATIVE, k::__NR_read, 0, allow),
            (NATIVE, k::__NR_ioctl, 0x5413, allow),
            (NATIVE, k::__NR_ioctl, 0x5412, refuse),
            (NATIVE, k::__NR_ioctl, 0x1_0000_5412, refuse),
            (NATIVE, k::__NR_ioctl, 0x541c, refuse),
            (NATIVE, k::__NR_read, 0x5412, allow),
            (NATIVE, X32 | k::__NR_read, 0, foreign),
            (I386, 54, 0x5412, foreign),
            (I386, 3, 0, foreign),
        ] {
            assert_eq!(run(architecture, number, request), expected, "{architecture:x} {number:x} {request:x}");
        }
    }
}
