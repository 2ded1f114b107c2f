//! Programs that decide which devices a control group may use (bpf(2), `BPF_PROG_TYPE_CGROUP_DEVICE`).
//!
//! No bindings have these structures and numbers: they are those of linux/bpf.h and linux/bpf_common.h.

use super::{
    At, Fd, Result,
    errno::{done, opened},
    number,
};
use core::mem::size_of;

/// What may be done with a device: `BPF_DEVCG_ACC_*`, a set.
pub type Access = u8;
pub const MKNOD: Access = 1 << 0;
pub const READ: Access = 1 << 1;
pub const WRITE: Access = 1 << 2;

/// `BPF_DEVCG_DEV_BLOCK` and `BPF_DEVCG_DEV_CHAR`.
pub const BLOCK: u8 = 1 << 0;
pub const CHARACTER: u8 = 1 << 1;

/// `struct bpf_insn`. The registers are two numbers of four bits, that of the destination below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Instruction {
    pub code: u8,
    pub registers: u8,
    /// How many instructions a jump skips; where in memory a load begins.
    pub offset: i16,
    pub value: i32,
}

/// The part of `union bpf_attr` that BPF_PROG_LOAD needs; the kernel takes what is missing for zeros.
#[repr(C)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
}

/// The part of `union bpf_attr` that BPF_PROG_ATTACH needs.
#[repr(C)]
struct Attach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
}

/// bpf(2) `BPF_PROG_LOAD`: the kernel proves that the program ends, and reads nothing but its context.
pub fn load_device_program(program: &[Instruction]) -> Result<Fd> {
    const BPF_PROG_LOAD: usize = 5;
    const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    let attributes = Load {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: program.len() as u32,
        insns: program.as_ptr() as u64,
        // It calls nothing of the kernel's, so that any licence will do.
        license: c"MIT".as_ptr() as u64,
    };
    // SAFETY: the structure names a live slice with its length and a NUL-terminated string, and the size is its own; the
    // kernel copies all during the call. The descriptor is close-on-exec.
    opened(unsafe { sc::syscall!(BPF, BPF_PROG_LOAD, &raw const attributes, size_of::<Load>()) })
}

/// bpf(2) `BPF_PROG_ATTACH` to the directory of a control group of version 2, whose parents' programs have a say as well. It
/// goes with the group.
pub fn attach_device_program(group: At, program: At) -> Result<()> {
    const BPF_PROG_ATTACH: usize = 8;
    const BPF_CGROUP_DEVICE: u32 = 6;
    const BPF_F_ALLOW_MULTI: u32 = 1 << 1;
    let attributes = Attach {
        target_fd: number(group.number()) as u32,
        attach_bpf_fd: number(program.number()) as u32,
        attach_type: BPF_CGROUP_DEVICE,
        attach_flags: BPF_F_ALLOW_MULTI,
    };
    // SAFETY: the kernel reads the structure, which outlives the call, and the size is its own.
    done(unsafe { sc::syscall!(BPF, BPF_PROG_ATTACH, &raw const attributes, size_of::<Attach>()) })
}
