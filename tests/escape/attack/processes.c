/* Attacks on other processes: the init, aril's own file, whoever is outside; and on what all share. */
#include "attack.h"
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

/* Looks into a process, and changes it: nothing is written, and an address that is none is a proof too. */
static void look_into(char **words)
{
	pid_t pid = atoi(words[0]);
	char path[PATH_MAX], byte = 0;
	struct iovec own = { &byte, 1 }, other = { (void *)8, 1 };
	const char *names[] = { "mem", "environ", "maps", "auxv", "fd/0", "cwd/.", "root/.", "exe", "ns/mnt", "fdinfo/0" };
	for (unsigned at = 0; at < sizeof names / sizeof *names; at++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pid, names[at]);
		int fd = open(path, at == 0 ? O_RDWR : O_RDONLY);
		if (fd >= 0 && (at == 1 || at == 3) && read(fd, &byte, 1) < 0)
			fd = -1;
		tell(fd, path);
	}
	ssize_t written = process_vm_writev(pid, &own, 1, &other, 1, 0);
	tell(written < 0 && errno == EFAULT ? 0 : written, "process_vm_writev");
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	tell(syscall(SYS_pidfd_getfd, pidfd, 0, 0), "pidfd_getfd");
	tell(setns(pidfd, CLONE_NEWNS), "setns");
	/* Last: it detaches when this ends. */
	tell(ptrace(PTRACE_SEIZE, pid, NULL, NULL), "ptrace");
}

/* Opens for writing what a descriptor of a path leads to. */
static int reopen(int fd)
{
	char path[64];
	struct statvfs found;
	struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int opened = open(path, O_WRONLY);
	if (opened < 0 && errno == EROFS) {
		syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &writable, sizeof writable);
		mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL);
		int copy = syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
		if (copy >= 0) {
			syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &writable, sizeof writable);
			snprintf(path, sizeof path, "/proc/self/fd/%d", copy);
		}
		opened = open(path, O_WRONLY);
	}
	/* It is executed just now, and would be written to once that has ended: unless the mount or a seal forbids it too. */
	int readable = open(path, O_RDONLY), busy = opened < 0 && errno == ETXTBSY;
	if (busy)
		opened = 0;
	if (busy && fcntl(readable, F_GET_SEALS) >= 0 && fcntl(readable, F_GET_SEALS) & F_SEAL_WRITE) {
		errno = EPERM;
		opened = -1;
	} else if (busy && fstatvfs(fd, &found) == 0 && found.f_flag & ST_RDONLY) {
		errno = EROFS;
		opened = -1;
	}
	close(readable);
	return opened;
}

/* The program of every other process, if it is not one of this root: aril's (CVE-2019-5736). */
static void runtime(char **words)
{
	struct stat own, found;
	int rounds = words[0] ? atoi(words[0]) : 1;
	int told[4096] = { 0 };
	stat("/proc/self/exe", &own);
	while (rounds-- > 0) {
		struct dirent *entry;
		DIR *proc = opendir("/proc");
		while (proc && (entry = readdir(proc)) != NULL) {
			char path[PATH_MAX];
			if (atoi(entry->d_name) == 0)
				continue;
			snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
			int fd = open(path, O_PATH), result = fd;
			/* One that has just ended has none. */
			if (fd < 0 && (errno == ENOENT || errno == ESRCH))
				continue;
			if (fd >= 0 && fstat(fd, &found) == 0 && found.st_dev == own.st_dev && found.st_ino == own.st_ino) {
				close(fd);
				continue;
			}
			if (fd >= 0)
				result = reopen(fd);
			if (!told[result < 0 ? errno : 0]++)
				tell(result, "another program");
			if (fd >= 0)
				close(fd);
		}
		if (proc)
			closedir(proc);
	}
}

/* As a program that a set-user-id file makes root, or one with capabilities of its own. */
static void who_am_i(char **words)
{
	(void)words;
	if (geteuid() == 0) {
		tell(0, "as root");
	} else {
		errno = EPERM;
		tell(-1, "as root");
	}
}

static void become_root(char **words)
{
	pid_t child = fork();
	if (child == 0) {
		execv(words[0], (char *[]){ words[0], "who-am-i", NULL });
		tell(-1, "as root");
		_exit(0);
	}
	waitpid(child, NULL, 0);
	tell(setuid(0), "setuid");
	tell(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), "no_new_privs off");
}

/* A signal to a whole group, or to all that there are. */
static void signal_all(char **words)
{
	if (kill(atoi(words[0]), atoi(words[1])) < 0)
		tell(-1, "a process outside");
}

/* Runs a command beside a process of the same group, and tells whether that is still there at the end: outside, as the first
   process of a pid namespace. */
static void witness(char **words)
{
	int status;
	/* A signal to a group goes to all of it, in whichever namespace. */
	if (setsid() < 0)
		return tell(-1, "setsid");
	pid_t other = fork();
	if (other == 0) {
		pause();
		_exit(0);
	}
	pid_t command = fork();
	if (command == 0) {
		execvp(words[0], words);
		_exit(127);
	}
	waitpid(command, &status, 0);
	/* What it was sent before ends it, even if it has not heard of that yet. */
	kill(other, SIGUSR1);
	waitpid(other, &status, 0);
	if (WTERMSIG(status) == SIGUSR1)
		tell_word("alive", "a process outside");
	else
		tell(0, "a process outside");
}

/* Runs a command and writes its most memory, in KiB, to a file. */
static void peak(char **words)
{
	struct rusage usage;
	int status;
	FILE *file = fopen(words[0], "we");
	pid_t command = fork();
	if (command == 0) {
		execvp(words[1], words + 1);
		_exit(127);
	}
	wait4(command, &status, 0, &usage);
	fprintf(file, "%ld\n", usage.ru_maxrss);
	fclose(file);
	exit(WEXITSTATUS(status));
}

/* As many processes as asked for, all at once; they end with this one. */
static void forks(char **words)
{
	int count = atoi(words[0]), gate[2], result = 0;
	if (pipe(gate) < 0)
		return tell(-1, "pipe");
	for (int made = 0; made < count && result >= 0; made++) {
		result = fork();
		if (result == 0) {
			char byte;
			close(gate[1]);
			_exit(read(gate[0], &byte, 1));
		}
	}
	tell(result < 0 ? -1 : 0, "so many processes");
}

/* Memory, a page after the other. Whoever takes too much may be killed. */
static void memory(char **words)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		size_t size = (size_t)atoi(words[0]) << 20;
		char *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (size_t at = 0; all != MAP_FAILED && at < size; at += 4096)
			all[at] = 1;
		tell(all == MAP_FAILED ? -1 : 0, "so much memory");
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		tell_word(sigabbrev_np(WTERMSIG(status)), "so much memory");
}

static void many_descriptors(char **words)
{
	int count = atoi(words[0]), fd = 0;
	while (count-- > 0 && fd >= 0)
		fd = open("/", O_PATH);
	tell(fd, "so many descriptors");
}

/* Fills a disk. */
static void disk(char **words)
{
	static char block[1 << 16];
	int count = atoi(words[1]) * 16, fd = open(words[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t written = fd;
	while (count-- > 0 && written >= 0)
		written = write(fd, block, sizeof block);
	tell(written, "so much on the disk");
	unlink(words[0]);
}

const struct attack processes[] = {
	{ "look-into", look_into },
	{ "runtime", runtime },
	{ "who-am-i", who_am_i },
	{ "become-root", become_root },
	{ "signal-all", signal_all },
	{ "witness", witness },
	{ "peak", peak },
	{ "forks", forks },
	{ "memory", memory },
	{ "many-descriptors", many_descriptors },
	{ "disk", disk },
	{ 0 },
};
