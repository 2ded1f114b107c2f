//! `entry!`: the start code, memory routines and panic handler of a binary.
//!
//! They are symbols of the binaries, hence a macro: in the library a panic handler would clash with std in every test
//! build, and a `memcpy` would silently replace std's own.

/// Makes `fn main(Start) -> u8` the whole program: its result is the exit status. What a panic calls may be a function of its own.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        $crate::entry!($main, $crate::sys::process::abort);
    };
    ($main:path, $panic:path) => {
        // The kernel jumps here with the start block at the stack pointer, which the ABI wants aligned at a call.
        #[cfg(target_arch = "x86_64")]
        ::core::arch::global_asm!(
            ".globl _start",
            "_start:",
            "xor ebp, ebp",    // the outermost frame
            "mov rdi, rsp",    // the start block
            "and rsp, -16",    // System V ABI alignment
            "call {start}",
            "ud2",
            start = sym start
        );
        #[cfg(target_arch = "aarch64")]
        ::core::arch::global_asm!(
            ".globl _start",
            "_start:",
            "mov x29, xzr",    // the outermost frame
            "mov x30, xzr",
            "mov x0, sp",      // the start block; the kernel keeps it aligned
            "bl {start}",
            "brk #1",
            start = sym start
        );

        unsafe extern "C" fn start(stack: *const usize) -> ! {
            // SAFETY: `_start` passes the stack pointer that the kernel started this process with.
            let start = unsafe { $crate::sys::words::Start::from_stack(stack) };
            $crate::sys::process::exit($main(start))
        }

        #[panic_handler]
        fn panic(_: &::core::panic::PanicInfo) -> ! {
            $panic()
        }

        // core's precompiled parts name these; with panic = "abort" nothing calls them.
        #[unsafe(no_mangle)]
        extern "C" fn rust_eh_personality() {}
        #[unsafe(no_mangle)]
        extern "C" fn _Unwind_Resume() {}

        // In assembly, because a compiler may recognise a copying loop and turn it into a call of the very function.
        #[cfg(target_arch = "x86_64")]
        ::core::arch::global_asm!(
            ".section .text.memcpy, \"ax\"", ".globl memcpy", "memcpy:",
            "mov rax, rdi", "mov rcx, rdx", "shr rcx, 3", "rep movsq", "mov ecx, edx", "and ecx, 7", "rep movsb", "ret",
            ".section .text.memset, \"ax\"", ".globl memset", "memset:",
            "mov r8, rdi", "mov eax, esi", "mov rcx, rdx", "rep stosb", "mov rax, r8", "ret",
            // Downwards where the destination begins inside the source.
            ".section .text.memmove, \"ax\"", ".globl memmove", "memmove:",
            "mov rax, rdi", "mov rcx, rdx", "mov r8, rdi", "sub r8, rsi", "cmp r8, rdx", "jb 2f",
            "rep movsb", "ret",
            "2: lea rdi, [rdi + rdx - 1]", "lea rsi, [rsi + rdx - 1]", "std", "rep movsb", "cld", "ret",
            ".section .text.memcmp, \"ax\"", ".globl memcmp", ".globl bcmp", "memcmp:", "bcmp:",
            "mov rcx, rdx", "xor eax, eax", "test rcx, rcx", "je 3f", "repe cmpsb", "je 3f",
            "movzx eax, byte ptr [rdi - 1]", "movzx ecx, byte ptr [rsi - 1]", "sub eax, ecx", "3: ret",
            ".section .text.strlen, \"ax\"", ".globl strlen", "strlen:",
            "or rax, -1", "4: inc rax", "cmp byte ptr [rdi + rax], 0", "jne 4b", "ret",
        );
        #[cfg(target_arch = "aarch64")]
        ::core::arch::global_asm!(
            ".section .text.memcpy, \"ax\"", ".globl memcpy", "memcpy:",
            "mov x3, x0", "2: cbz x2, 3f", "ldrb w4, [x1], #1", "strb w4, [x3], #1", "sub x2, x2, #1", "b 2b", "3: ret",
            ".section .text.memset, \"ax\"", ".globl memset", "memset:",
            "mov x3, x0", "4: cbz x2, 5f", "strb w1, [x3], #1", "sub x2, x2, #1", "b 4b", "5: ret",
            ".section .text.memmove, \"ax\"", ".globl memmove", "memmove:",
            "sub x5, x0, x1", "cmp x5, x2", "b.hs memcpy",
            "6: cbz x2, 7f", "sub x2, x2, #1", "ldrb w4, [x1, x2]", "strb w4, [x0, x2]", "b 6b", "7: ret",
            ".section .text.memcmp, \"ax\"", ".globl memcmp", ".globl bcmp", "memcmp:", "bcmp:",
            "8: cbz x2, 9f", "ldrb w3, [x0], #1", "ldrb w4, [x1], #1", "sub x2, x2, #1", "subs w3, w3, w4", "b.eq 8b",
            "mov w0, w3", "ret", "9: mov w0, wzr", "ret",
            ".section .text.strlen, \"ax\"", ".globl strlen", "strlen:",
            "mov x1, x0", "mov x0, xzr", "10: ldrb w2, [x1, x0]", "cbz w2, 11f", "add x0, x0, #1", "b 10b", "11: ret",
        );
    };
}
