/* What no shell can ask the kernel: `probe QUESTION [ARGUMENT]`, from inside a container. It prints one word an answer:
   what was asked for, or the errno's number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void answer(const char *what, long result)
{
	if (result < 0)
		printf("%s %d\n", what, errno);
	else
		printf("%s allowed\n", what);
}

/* Types a letter into the terminal, or pastes its selection; also with bits that the kernel ignores (CVE-2019-10063). */
static int inject(void)
{
	char letter = 'x', paste = 3;
	answer("TIOCSTI", syscall(SYS_ioctl, 0, (unsigned long)TIOCSTI, &letter));
	answer("TIOCSTI+", syscall(SYS_ioctl, 0, TIOCSTI | 1UL << 32, &letter));
	answer("TIOCLINUX", syscall(SYS_ioctl, 0, (unsigned long)TIOCLINUX, &paste));
	answer("TIOCLINUX+", syscall(SYS_ioctl, 0, TIOCLINUX | 1UL << 32, &paste));
	return 0;
}

/* getpid by the entries for programs of 32 bits: a filter for the native one does not see them as such. */
static int foreign_entries(void)
{
#ifdef __x86_64__
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	printf("i386 %s\n", result == getpid() ? "allowed" : "refused");
	printf("x32 %s\n", syscall(0x40000000 | SYS_getpid) == getpid() ? "allowed" : "refused");
#endif
	return 0;
}

/* The old way out of a chroot: a second one below the working directory, and up. */
static int escape(const char *file)
{
	char text[4096];
	mkdir("/tmp/lower", 0700);
	if (chroot("/tmp/lower") < 0)
		return perror("chroot"), 1;
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			return perror("chdir"), 1;
	if (chroot(".") < 0)
		return perror("chroot ."), 1;
	int fd = open(file, O_RDONLY);
	if (fd < 0)
		return perror(file), 1;
	ssize_t count = read(fd, text, sizeof text);
	return write(1, text, count > 0 ? (size_t)count : 0) < 0;
}

/* Whether the file system that holds this file can be written to, here. */
static int writable(const char *file)
{
	struct statvfs found;
	int fd = open(file, O_PATH);
	if (fd < 0 || fstatvfs(fd, &found) < 0)
		printf("%d\n", errno);
	else
		puts(found.f_flag & ST_RDONLY ? "read-only" : "writable");
	return 0;
}

/* A pseudo-terminal, a message queue and shared memory, each by the C library's own way. */
static int devices(void)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY);
	if (pty < 0 || grantpt(pty) < 0 || unlockpt(pty) < 0 || open(ptsname(pty), O_RDWR | O_NOCTTY) < 0)
		return perror("pty"), 1;
	puts(ptsname(pty));
	if (mq_open("/probe", O_CREAT | O_RDWR, 0600, NULL) == (mqd_t)-1)
		return perror("mq_open"), 1;
	if (shm_open("/probe", O_CREAT | O_RDWR, 0600) < 0)
		return perror("shm_open"), 1;
	puts("queue and memory");
	return 0;
}

/* Takes every signal, also those that the C library keeps to itself, and tells of each: `NUMBER`, or `NAME NUMBER`. */
static int signals(const char *name)
{
	unsigned long every = ~0UL;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, NULL, sizeof every);
	const char *space = *name ? " " : "";
	printf("%s%sready\n", name, space);
	for (;;) {
		fflush(stdout);
		long number = syscall(SYS_rt_sigtimedwait, &every, NULL, NULL, sizeof every);
		if (number > 0) /* Being stopped and continued interrupts it. */
			printf("%s%s%ld\n", name, space, number);
	}
}

/* Executes a program for which a SIGTERM of another process is waiting, blocked. */
static int pending(char **program)
{
	sigset_t term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	if (!fork())
		_exit(kill(getppid(), SIGTERM));
	wait(NULL);
	execvp(program[0], program);
	return perror(program[0]), 1;
}

/* Executes a program that has a zombie for a child from its beginning. */
static int zombie(char **program)
{
	siginfo_t end;
	pid_t child = fork();
	if (!child)
		_exit(0);
	waitid(P_PID, child, &end, WEXITED | WNOWAIT);
	execvp(program[0], program);
	return perror(program[0]), 1;
}

/* Executes a program as a subreaper. */
static int subreaper(char **program)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	execvp(program[0], program);
	return perror(program[0]), 1;
}

int main(int argc, char **argv)
{
	const char *question = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : "/";
	if (!strcmp(question, "inject"))
		return inject();
	if (!strcmp(question, "foreign-entries"))
		return foreign_entries();
	if (!strcmp(question, "escape"))
		return escape(argument);
	if (!strcmp(question, "writable"))
		return writable(argument);
	if (!strcmp(question, "devices"))
		return devices();
	if (!strcmp(question, "signals"))
		return signals(argc > 2 ? argument : "");
	if (!strcmp(question, "pending"))
		return pending(argv + 2);
	if (!strcmp(question, "zombie"))
		return zombie(argv + 2);
	if (!strcmp(question, "subreaper"))
		return subreaper(argv + 2);
	fputs("probe: no such question\n", stderr);
	return 1;
}
