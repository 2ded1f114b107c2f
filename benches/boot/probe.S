# The command of which the cost is measured: it tells the plugin that it runs, tells the kernel's log when it ends, and ends.
    .intel_syntax noprefix
    .globl _start
_start:
    nop dword ptr [rax + 0x4c495241]    # the bytes after the third are ARIL
    mov eax, 2                          # open, for writing
    lea rdi, [rip + log]
    mov esi, 1
    syscall
    mov edi, eax
    mov eax, 1                          # write
    lea rsi, [rip + text]
    mov edx, offset length
    syscall
    nop dword ptr [rax + 0x4c49525a]
    mov eax, 60                         # exit
    xor edi, edi
    syscall
log:
    .asciz "/dev/kmsg"
text:
    .ascii "<0>probe: exit"
    .set length, . - text
