/* Attacks on the kernel: calls that are none of a container's business. What could harm is asked for in a way that the kernel
   refuses for another reason once the call gets through: a module that is none, a kernel of no segments. */
#include "attack.h"
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <termios.h>
#include <time.h>

/* A call that fails for its arguments' sake got through. */
static void past(long result, int proof, const char *what)
{
	if (result < 0 && errno == proof)
		result = 0;
	tell(result, what);
}

static void module(char **words)
{
	(void)words;
	int fd = open("/proc/self/exe", O_RDONLY);
	past(syscall(SYS_init_module, "none", 4L, ""), ENOEXEC, "init_module");
	past(syscall(SYS_finit_module, fd, "", 0), ENOEXEC, "finit_module");
	past(syscall(SYS_delete_module, "aril_escape", O_NONBLOCK), ENOENT, "delete_module");
}

static void kexec(char **words)
{
	(void)words;
	past(syscall(SYS_kexec_load, 0L, 0L, NULL, ~0L), EINVAL, "kexec_load");
#ifdef SYS_kexec_file_load
	past(syscall(SYS_kexec_file_load, -1, -1, 0L, NULL, ~0L), EINVAL, "kexec_file_load");
#endif
}

static void machine(char **words)
{
	(void)words;
	struct { int minuteswest, dsttime; } zone = { 1 << 20, 0 };
	past(syscall(SYS_reboot, 0, 0, 0, NULL), EINVAL, "reboot");
	past(syscall(SYS_settimeofday, NULL, &zone), EINVAL, "settimeofday");
	past(swapon("/dev/null", 0), EINVAL, "swapon");
	past(syscall(SYS_acct, "/nowhere"), ENOENT, "acct");
#ifdef SYS_iopl
	tell(syscall(SYS_iopl, 3), "iopl");
	tell(syscall(SYS_ioperm, 0x80L, 1L, 1), "ioperm");
#endif
}

static void messages(char **words)
{
	(void)words;
	tell(klogctl(3, (char[16]){ 0 }, 16), "syslog");
}

/* A map of one number, and a program that says no. */
static void bpf(char **words)
{
	(void)words;
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };
	struct bpf_insn code[] = { { .code = 0xb7 }, { .code = 0x95 } };
	union bpf_attr program = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (uintptr_t)code,
		.license = (uintptr_t)"GPL" };
	tell(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map), "a map");
	tell(syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof program), "a program");
}

static void userfaultfd(char **words)
{
	(void)words;
	/* UFFD_USER_MODE_ONLY: for everybody since Linux 5.11. */
	tell(syscall(SYS_userfaultfd, O_CLOEXEC | 1), "userfaultfd");
}

static void io_uring(char **words)
{
	(void)words;
	char parameters[120] = { 0 };
	tell(syscall(SYS_io_uring_setup, 1, parameters), "io_uring_setup");
}

static void perf(char **words)
{
	(void)words;
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK,
		.disabled = 1, .exclude_kernel = 1 };
	tell(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0L), "perf_event_open");
}

/* Looks in every keyring that has a name for a key of outside. */
static void keyring(char **words)
{
	for (long ring = KEY_SPEC_THREAD_KEYRING; ring >= KEY_SPEC_USER_SESSION_KEYRING; ring--)
		tell(syscall(SYS_keyctl, KEYCTL_SEARCH, ring, "user", words[0], 0), "keyctl");
	tell(syscall(SYS_request_key, "user", words[0], NULL, 0), "request_key");
}

/* Runs a command with such a key in the session's keyring and in the user's: outside. */
static void with_key(char **words)
{
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	long key = syscall(SYS_add_key, "user", words[0], "outside", 7L, KEY_SPEC_SESSION_KEYRING);
	long other = syscall(SYS_add_key, "user", words[0], "outside", 7L, KEY_SPEC_USER_KEYRING);
	if (key < 0 || other < 0)
		return tell(-1, "add_key");
	pid_t child = fork();
	if (child == 0) {
		execvp(words[1], words + 1);
		_exit(127);
	}
	waitpid(child, NULL, 0);
	syscall(SYS_keyctl, KEYCTL_UNLINK, other, KEY_SPEC_USER_KEYRING);
}

/* Types into a terminal, also with bits that the kernel ignores (CVE-2019-10063). /dev/null is none, which only the kernel says. */
static void terminal(char **words)
{
	(void)words;
	char letter = 'x', paste = 3;
	int fd = open("/dev/null", O_RDWR);
	past(syscall(SYS_ioctl, fd, (unsigned long)TIOCSTI, &letter), ENOTTY, "TIOCSTI");
	past(syscall(SYS_ioctl, fd, TIOCSTI | 1UL << 32, &letter), ENOTTY, "TIOCSTI+");
	past(syscall(SYS_ioctl, fd, (unsigned long)TIOCLINUX, &paste), ENOTTY, "TIOCLINUX");
	past(syscall(SYS_ioctl, fd, TIOCLINUX | 1UL << 32, &paste), ENOTTY, "TIOCLINUX+");
}

/* Every capability again, in a user namespace of its own. */
static int has_gained(void)
{
	struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
	struct { uint32_t effective, permitted, inheritable; } sets[2] = { 0 };
	syscall(SYS_capget, &head, sets);
	if (sets[0].effective >> 21 & 1)
		return 0;
	errno = EPERM;
	return -1;
}

static void user_namespace(char **words)
{
	(void)words;
	struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; } args = {
		.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	pid_t child = fork();
	if (child == 0) {
		tell(unshare(CLONE_NEWUSER) < 0 ? -1 : has_gained(), "unshare");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	child = syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), NULL, NULL, NULL, NULL);
	if (child == 0) {
		tell(has_gained(), "clone");
		_exit(0);
	}
	if (child < 0)
		tell(-1, "clone");
	else
		waitpid(child, NULL, 0);
	child = syscall(SYS_clone3, &args, sizeof args);
	if (child == 0) {
		tell(has_gained(), "clone3");
		_exit(0);
	}
	if (child < 0)
		tell(-1, "clone3");
	else
		waitpid(child, NULL, 0);
}

/* The entries for programs of 32 bits, which a filter for the native one does not see as such. */
static void foreign(char **words)
{
	(void)words;
#ifdef __x86_64__
	pid_t child = fork();
	if (child == 0) {
		long result;
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
		errno = result < 0 ? -result : ENOSYS;
		tell(result == getpid() ? 0 : -1, "i386");
		tell(syscall(0x40000000 | SYS_getpid) == getpid() ? 0 : -1, "x32");
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		tell_word(sigabbrev_np(WTERMSIG(status)), "ended by a signal");
#else
	/* That of arm64 is for whole programs. */
	tell_word("none", "another entry");
#endif
}

/* Families of sockets that lead to the hypervisor, to the kernel's ciphers, or past the network's walls. */
static void sockets(char **words)
{
	(void)words;
	tell(socket(AF_VSOCK, SOCK_STREAM, 0), "AF_VSOCK");
	tell(socket(AF_ALG, SOCK_SEQPACKET, 0), "AF_ALG");
}

const struct attack kernel[] = {
	{ "module", module },
	{ "kexec", kexec },
	{ "machine", machine },
	{ "messages", messages },
	{ "bpf", bpf },
	{ "userfaultfd", userfaultfd },
	{ "io-uring", io_uring },
	{ "perf", perf },
	{ "keyring", keyring },
	{ "with-key", with_key },
	{ "terminal", terminal },
	{ "user-namespace", user_namespace },
	{ "foreign", foreign },
	{ "sockets", sockets },
	{ 0 },
};
