// A plugin of QEMU that counts a guest's instructions from the first one of its first process on: those in the lower half
// of the address space as the programs', the others as the kernel's. It writes a line `NAME USER KERNEL` to the file
// `out=` at each of these points:
//   command  the probe's first instruction, a no-operation that says ARIL
//   exit     its last one before it exits, which says ZRIL
//   off      the last instruction of any program, which is the call of reboot(2)
// and with `trace=FILE` there a line `FROM WHY KERNEL USER` for each time that the kernel was entered: the address of the program's last
// instruction, `call` or `fault` (or an interrupt), the kernel's instructions, and the program's since the last time.
// with `functions=FILE` there a line `ADDRESS COUNT` for each 16 bytes of the kernel that ran between `command` and `exit`, and a line
// `exit` at its end;
// and with `profile=FILE` there a line `NAME ADDRESS COUNT` for each instruction of a program that ran on the way to `command`, and
// from `exit` to `off`.
// Debian's QEMU ships no header for plugins: this is what is needed of version 1 of its interface.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t id;
struct tb;
struct insn;
void qemu_plugin_register_vcpu_tb_trans_cb(id, void (*)(id, struct tb *));
void qemu_plugin_register_atexit_cb(id, void (*)(id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct tb *);
struct insn *qemu_plugin_tb_get_insn(const struct tb *, size_t);
const void *qemu_plugin_insn_data(const struct insn *);
size_t qemu_plugin_insn_size(const struct insn *);
uint64_t qemu_plugin_insn_vaddr(const struct insn *);
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_insn_exec_inline(struct insn *, int, void *, uint64_t);
enum { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *, void (*)(unsigned, void *), int, void *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

// What an instruction is, above its address.
enum { PLAIN, CALL, COMMAND, EXIT };
#define KIND 60
#define ADDRESS ((UINT64_C(1) << KIND) - 1)

// The kernel unpacks itself in the lower half. By then it has run less than this in the upper one, and a program comes after more.
enum { UNPACKED = 1000000 };

static uint64_t kernel, before, user;
static uint64_t kernel_last, user_last, from;
static FILE *out, *trace, *profile, *functions;
// Where the kernel lies with `nokaslr`, and how often its instructions ran, and outside of it.
#define TEXT UINT64_C(0xffffffff81000000)
enum { BLOCK = 16, BLOCKS = 1 << 21 };
static uint64_t blocks[BLOCKS], elsewhere;
// Programs that are linked to lie low. Only what is used of it takes memory.
static uint32_t times[1 << 24];

// All that ran since the last time.
static void say_times(const char *name) {
    if (!profile) return;
    for (size_t at = 0; at < sizeof times / sizeof *times; at++) {
        if (times[at] && name) fprintf(profile, "%s %zx %" PRIu32 "\n", name, at, times[at]);
        times[at] = 0;
    }
}

static void say_functions(const char *name) {
    if (!functions) return;
    for (uint64_t at = 0; at < BLOCKS; at++) {
        if (blocks[at] && name) fprintf(functions, "%" PRIx64 " %" PRIu64 "\n", TEXT + at * BLOCK, blocks[at]);
        blocks[at] = 0;
    }
    if (name) fprintf(functions, "%s\n", name);
}

static void say(const char *name) { fprintf(out, "%s %" PRIu64 " %" PRIu64 "\n", name, user, kernel - before); }

static void program(unsigned vcpu, void *what) {
    (void)vcpu;
    uint64_t at = (uintptr_t)what;
    if (!before) {
        before = kernel_last = kernel;
    } else if (kernel != kernel_last && trace) {
        fprintf(trace, "%" PRIx64 " %s %" PRIu64 " %" PRIu64 "\n", from & ADDRESS, from >> KIND == CALL ? "call" : "fault",
                kernel - kernel_last, user - user_last);
        user_last = user;
    }
    kernel_last = kernel;
    from = at;
    switch (at >> KIND) {
    case COMMAND: say("command"); say_times("start"); say_functions(NULL); break;
    case EXIT: say("exit"); say_times(NULL); say_functions("exit"); break;
    }
    user++;
    if ((at & ADDRESS) < sizeof times / sizeof *times) times[at & ADDRESS]++;
}

static int kind(const struct insn *insn) {
    size_t size = qemu_plugin_insn_size(insn);
    const void *data = qemu_plugin_insn_data(insn);
    if (size == 2 && !memcmp(data, "\x0f\x05", 2)) return CALL;
    if (size == 7 && !memcmp(data, "\x0f\x1f\x80" "ARIL", 7)) return COMMAND;
    if (size == 7 && !memcmp(data, "\x0f\x1f\x80" "ZRIL", 7)) return EXIT;
    return PLAIN;
}

static void translated(id self, struct tb *tb) {
    (void)self;
    size_t count = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < count; i++) {
        struct insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t at = qemu_plugin_insn_vaddr(insn);
        if (at >> 63) {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &kernel, 1);
            if (functions) {
                uint64_t block = (at - TEXT) / BLOCK;
                uint64_t *count = block < BLOCKS ? &blocks[block] : &elsewhere;
                qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, count, 1);
            }
        } else if (kernel > UNPACKED) {
            void *what = (void *)(uintptr_t)(at | (uint64_t)kind(insn) << KIND);
            qemu_plugin_register_vcpu_insn_exec_cb(insn, program, QEMU_PLUGIN_CB_NO_REGS, what);
        }
    }
}

static void ended(id self, void *data) {
    (void)self, (void)data;
    kernel = kernel_last; // how much more it runs before QEMU has ended varies
    say("off");
    say_times("end");
    fprintf(out, "boot 0 %" PRIu64 "\n", before);
    fclose(out);
    if (trace) fclose(trace);
    if (profile) fclose(profile);
    if (functions) fclose(functions);
}

EXPORT int qemu_plugin_install(id self, const void *info, int count, char **words) {
    (void)info;
    for (int i = 0; i < count; i++) {
        if (!strncmp(words[i], "out=", 4)) out = fopen(words[i] + 4, "w");
        if (!strncmp(words[i], "trace=", 6)) trace = fopen(words[i] + 6, "w");
        if (!strncmp(words[i], "profile=", 8)) profile = fopen(words[i] + 8, "w");
        if (!strncmp(words[i], "functions=", 10)) functions = fopen(words[i] + 10, "w");
    }
    if (!out) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(self, translated);
    qemu_plugin_register_atexit_cb(self, ended, NULL);
    return 0;
}
