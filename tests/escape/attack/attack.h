/* What the hostile programs share. An attack tells each thing that it tried in a line: `out WHAT` if it got through, or the
   name of the errno that stopped it; `through WHAT` of what is only on the way. What it was is the same words wherever it is
   tried: no pid is in them. */
#ifndef ATTACK_H
#define ATTACK_H

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct attack {
	const char *name;
	void (*run)(char **words);
};

extern const struct attack files[], kernel[], processes[];

/* Tells what became of a try: a result as a system call has it. */
void tell(long result, const char *what);
/* The same of a step that is no way out by itself. */
long step(long result, const char *what);
/* Tells a word in place of an errno's name. */
void tell_word(const char *word, const char *what);
/* Whether the file outside can be read from here, and told. */
int reads_secret(int at, const char *path);

#endif
