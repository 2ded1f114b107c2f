/* What no shell can ask the kernel: `probe QUESTION [ARGUMENT]`, from inside a container. It prints one word an answer:
   what was asked for, or the errno's number. */
#define _GNU_SOURCE
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
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

/* Tries again and again, from several processes, until it is killed. */
static int flood(void)
{
	char letter = 'x';
	for (int processes = 1; processes < 4 && fork() > 0; processes++)
		;
	puts("floods");
	fflush(stdout);
	for (;;)
		syscall(SYS_ioctl, 0, (unsigned long)TIOCSTI, &letter);
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
static int listen_for_all(const char *name)
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

/* Every signal, those too that the C library keeps to itself. */
static const unsigned long all = ~0UL;

static int is_passed_on(int number)
{
	return number != SIGKILL && number != SIGSTOP && number != SIGCHLD;
}

/* Takes the next signal and prints number, code, value and sender; SIGCHLD is its own affair. */
static int take(void)
{
	siginfo_t info = { 0 };
	unsigned long taken = all & ~(1UL << (SIGCHLD - 1));
	while (syscall(SYS_rt_sigtimedwait, &taken, &info, NULL, sizeof taken) < 0)
		;
	printf("signal %d code %d value %d from %d.\n", info.si_signo, info.si_code, info.si_value.sival_int, info.si_pid);
	fflush(stdout);
	return info.si_signo;
}

/* Locks a directory until there is no more input. */
static int lock(const char *directory)
{
	char byte;
	answer("flock", flock(open(directory, O_RDONLY), LOCK_EX));
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}

/* Takes signals until one of these comes. */
static int await_signal(int number)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
	puts("ready");
	fflush(stdout);
	while (take() != number)
		;
	return 0;
}

/* Takes so many signals and exits with the last one's number. */
static int count_signals(int count)
{
	int last = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
	puts("ready");
	fflush(stdout);
	while (count-- > 0)
		last = take();
	return last;
}

/* sigqueue(3) for any signal. */
static void queue(pid_t target, int number, int value)
{
	siginfo_t info = { .si_signo = number, .si_code = SI_QUEUE };
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	if (syscall(SYS_rt_sigqueueinfo, target, number, &info) < 0)
		perror("queue");
}

/* Queues each signal to its init, with a value, and takes what comes of it. One at a time: the kernel drops a SIGCONT that
   waits when a stop signal comes. */
static int relay(void)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
	printf("sender %d\n", getpid());
	for (int number = 1; number <= 64; number++) {
		if (!is_passed_on(number))
			continue;
		queue(getppid(), number, 1000 + number);
		take();
	}
	return 0;
}

/* So often starts a command, as PID 1 of a pid namespace each time if asked to, with every signal blocked, and sends it one
   at a random moment. The command exits with the signal's number, or one was lost. */
static int storm(int rounds, int as_pid_1, char **command)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
	srandom(getpid());
	for (int round = 0; round < rounds; round++) {
		int number, status;
		do
			number = 1 + random() % 64;
		while (!is_passed_on(number));
		pid_t child = syscall(SYS_clone, (as_pid_1 ? CLONE_NEWPID : 0) | SIGCHLD, NULL, NULL, NULL, NULL);
		if (child < 0)
			return perror("clone"), 1;
		if (child == 0) {
			close(1);
			execv(command[0], command);
			_exit(255);
		}
		usleep(random() % 2000);
		syscall(SYS_kill, child, number);
		waitpid(child, &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != number)
			return printf("round %d: signal %d, wait status %x\n", round, number, status), 1;
	}
	return puts("none was lost"), 0;
}

static int processes(void)
{
	int count = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *entry; proc && (entry = readdir(proc)) != NULL;)
		count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	if (proc)
		closedir(proc);
	return count;
}

/* Leaves so many orphans behind that end one after the other or all at once, and waits until each has been reaped. */
static int orphans(int count, int at_once)
{
	int before = processes(), gate[2];
	if (pipe(gate) < 0)
		return perror("pipe"), 1;
	for (int made = 0; made < count; made += at_once ? count : 1) {
		pid_t parent = fork();
		if (parent == 0) {
			close(gate[1]);
			for (int n = 0; n < (at_once ? count : 1); n++) {
				pid_t child = fork();
				if (child < 0)
					perror("fork");
				if (child == 0)
					_exit(at_once ? read(gate[0], &n, 1) : 0);
			}
			_exit(0);
		}
		waitpid(parent, NULL, 0);
	}
	close(gate[1]);
	while (processes() > before)
		usleep(1000);
	return 0;
}

/* Executes a command that then has three children that have ended, and whose SIGCHLD is long gone. */
static int with_zombies(char **command)
{
	for (int n = 0; n < 3; n++) {
		siginfo_t info;
		pid_t child = fork();
		if (child == 0)
			_exit(n);
		waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	}
	execv(command[0], command);
	return perror(command[0]), 1;
}

/* A Unix socket's address: `@NAME` is an abstract one. */
static socklen_t address(struct sockaddr_un *un, const char *name)
{
	memset(un, 0, sizeof *un);
	un->sun_family = AF_UNIX;
	strncpy(un->sun_path, name, sizeof un->sun_path - 1);
	if (*name == '@')
		un->sun_path[0] = 0;
	return offsetof(struct sockaddr_un, sun_path) + strlen(name) + (*name != '@');
}

/* Connects to a Unix socket, and sends to one without a connection. */
static int reach(const char *stream, const char *datagram)
{
	struct sockaddr_un un;
	socklen_t length = address(&un, stream);
	answer("connect", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&un, length));
	length = address(&un, datagram);
	answer("send", sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&un, length));
	return 0;
}

/* The same with sockets of its own. */
static int reach_own(const char *stream, const char *datagram)
{
	struct sockaddr_un un;
	socklen_t length = address(&un, stream);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&un, length) < 0 || listen(listener, 1) < 0)
		return perror("listen"), 1;
	length = address(&un, datagram);
	if (bind(socket(AF_UNIX, SOCK_DGRAM, 0), (struct sockaddr *)&un, length) < 0)
		return perror("bind"), 1;
	fflush(stdout);
	if (fork() == 0)
		return reach(stream, datagram);
	wait(NULL);
	return 0;
}

/* System calls, each a word of numbers: which, and its arguments. */
static int calls(char **words)
{
	for (; *words; words++) {
		long numbers[7] = { 0 };
		char *rest = *words;
		for (int i = 0; i < 7 && *rest; i++) {
			numbers[i] = strtoul(rest, &rest, 0);
			rest += *rest == ',';
		}
		answer(*words, syscall(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]));
	}
	return 0;
}

/* The next program has a session keyring with a secret in it. */
static int with_key(char **command)
{
	/* keyctl(2): KEYCTL_JOIN_SESSION_KEYRING, KEY_SPEC_SESSION_KEYRING. */
	if (syscall(SYS_keyctl, 1L, 0L) < 0 || syscall(SYS_add_key, "user", "aril-secret", "x", 1L, -3L) < 0)
		return perror("with-key"), 1;
	execvp(command[0], command);
	return 127;
}

/* Whether it is found: KEYCTL_SEARCH. */
static int key(void)
{
	answer("key", syscall(SYS_keyctl, 10L, -3L, "user", "aril-secret", 0L));
	return 0;
}

/* Takes a directory from a socket, as if it had leaked in, and tries what can be done with the file `kept` below it. */
static int take_directory(const char *name)
{
	struct sockaddr_un un;
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	int directory, sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(sock, (struct sockaddr *)&un, address(&un, name)) || recvmsg(sock, &message, 0) != 1)
		return perror("take-directory"), 1;
	memcpy(&directory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof directory);
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d/kept", directory);
	answer("read", openat(directory, "kept", O_RDONLY));
	answer("list", openat(directory, ".", O_RDONLY));
	answer("write", openat(directory, "kept", O_WRONLY));
	answer("empty", openat(directory, "kept", O_RDONLY | O_TRUNC));
	answer("truncate", truncate(path, 3));
	answer("create", openat(directory, "new", O_WRONLY | O_CREAT, 0644));
	answer("make", mkdirat(directory, "made", 0755));
	answer("rename", renameat(directory, "kept", directory, "moved"));
	answer("remove", unlinkat(directory, "moved", 0));
	return 0;
}

/* Set-user-id root: nobody's but root's, and it heeds no request to end. */
static int heedless(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (setresuid(0, 0, 0))
		return perror("heedless"), 1;
	puts("ready");
	fclose(stdout);
	for (;;)
		pause();
}

/* Whether the first process shows more of its command line than the program's name, at once. */
static int shown(void)
{
	char text[4096];
	ssize_t count = read(open("/proc/1/cmdline", O_RDONLY), text, sizeof text);
	for (ssize_t at = count > 0 ? strnlen(text, count) : 0; at < count; at++)
		if (text[at])
			return puts("shown"), 0;
	puts(count > 0 ? "hidden" : "nothing");
	return 0;
}

/* Nothing more can wait for a process but numbers of signals. */
static int forget_signals(int pid)
{
	struct rlimit none = {0, 0};
	answer("prlimit", prlimit(pid, RLIMIT_SIGPENDING, &none, NULL));
	return 0;
}

/* Looks for ever at the command lines of those that come, and tells of each in which it has seen this. */
static int spy(const char *word)
{
	char file[64], text[4096];
	puts("spies");
	fflush(stdout);
	for (int next = getpid() + 1, ahead = 0;; ahead = (ahead + 1) % 8) {
		snprintf(file, sizeof file, "/proc/%d/cmdline", next + ahead);
		int fd = open(file, O_RDONLY);
		if (fd < 0)
			continue;
		ssize_t count = read(fd, text, sizeof text);
		close(fd);
		next += ahead;
		ahead = -1;
		if (count > 0 && memmem(text, count, word, strlen(word))) {
			puts("spied");
			fflush(stdout);
			next++;
		}
	}
}

int main(int argc, char **argv)
{
	const char *question = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : "/";
	if (!strcmp(question, "inject"))
		return inject();
	if (!strcmp(question, "flood"))
		return flood();
	if (!strcmp(question, "foreign-entries"))
		return foreign_entries();
	if (!strcmp(question, "calls"))
		return calls(argv + 2);
	if (!strcmp(question, "escape"))
		return escape(argument);
	if (!strcmp(question, "writable"))
		return writable(argument);
	if (!strcmp(question, "devices"))
		return devices();
	if (!strcmp(question, "signals"))
		return listen_for_all(argc > 2 ? argument : "");
	if (!strcmp(question, "pending"))
		return pending(argv + 2);
	if (!strcmp(question, "zombie"))
		return zombie(argv + 2);
	if (!strcmp(question, "subreaper"))
		return subreaper(argv + 2);
	if (!strcmp(question, "count"))
		return count_signals(atoi(argument));
	if (!strcmp(question, "lock"))
		return lock(argument);
	if (!strcmp(question, "await"))
		return await_signal(atoi(argument));
	if (!strcmp(question, "relay"))
		return relay();
	if (!strcmp(question, "storm") && argc > 4)
		return storm(atoi(argument), atoi(argv[3]), argv + 4);
	if (!strcmp(question, "orphans") && argc > 3)
		return orphans(atoi(argument), atoi(argv[3]));
	if (!strcmp(question, "with-zombies") && argc > 2)
		return with_zombies(argv + 2);
	if (!strcmp(question, "reach") && argc > 3)
		return reach(argument, argv[3]);
	if (!strcmp(question, "reach-own") && argc > 3)
		return reach_own(argument, argv[3]);
	if (!strcmp(question, "with-key") && argc > 2)
		return with_key(argv + 2);
	if (!strcmp(question, "key"))
		return key();
	if (!strcmp(question, "take-directory"))
		return take_directory(argument);
	if (!strcmp(question, "heedless"))
		return heedless();
	if (!strcmp(question, "shown"))
		return shown();
	if (!strcmp(question, "forget-signals"))
		return forget_signals(atoi(argument));
	if (!strcmp(question, "spy"))
		return spy(argument);
	if (!strcmp(question, "signal"))
		return answer("signal", kill(atoi(argument), 0)), 0;
	fputs("probe: no such question\n", stderr);
	return 1;
}
