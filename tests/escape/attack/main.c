/* `attack NAME [WORD...]`: one small hostile program for each way out of a container. */
#include "attack.h"

void tell_word(const char *word, const char *what)
{
	printf("%s %s\n", word, what);
	fflush(stdout);
}

void tell(long result, const char *what)
{
	tell_word(result < 0 ? strerrorname_np(errno) : "out", what);
}

long step(long result, const char *what)
{
	int reason = errno;
	tell_word(result < 0 ? strerrorname_np(reason) : "through", what);
	errno = reason;
	return result;
}

int reads_secret(int at, const char *path)
{
	char text[64] = "";
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t count = read(fd, text, sizeof text - 1);
	close(fd);
	if (count > 0 && !strncmp(text, "outside", 7))
		return 0;
	errno = ENOMSG;
	return -1;
}

int main(int argc, char **argv)
{
	const struct attack *groups[] = { files, kernel, processes };
	for (int group = 0; argc > 1 && group < 3; group++)
		for (const struct attack *attack = groups[group]; attack->name; attack++)
			if (!strcmp(attack->name, argv[1]))
				return attack->run(argv + 2), 0;
	fputs("attack: no such attack\n", stderr);
	return 1;
}
