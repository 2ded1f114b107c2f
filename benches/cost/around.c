// The first process of a machine that runs each line of /commands: a few times to warm up, then once between the points of the
// plugin (`../boot/count.c`). It prints a line `TIME SWITCHES STATUS COMMAND`: nanoseconds of the machine's clock, voluntary
// switches of the command and of what it waited for, and the status of wait(2). An underscore in a word stands for a space.
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 4, QUIET = 100000 };

static int run(char **words) {
    int status = -1;
    pid_t child = vfork();
    if (child == 0) {
        execv(words[0], words);
        _exit(127);
    }
    waitpid(child, &status, 0);
    return status;
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long switches(void) {
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_nvcsw;
}

int main(void) {
    char line[4096], text[4096], *words[64];
    FILE *commands = fopen("/commands", "r");
    while (commands && fgets(line, sizeof line, commands)) {
        int count = 0;
        line[strcspn(line, "\n")] = 0;
        strcpy(text, line);
        for (char *word = strtok(text, " "); word && count < 63; word = strtok(NULL, " ")) {
            for (char *at = word; *at; at++) if (*at == '_') *at = ' ';
            words[count++] = word;
        }
        words[count] = NULL;
        for (int i = 0; i < WARM_UP; i++) run(words);
        // What the kernel does later for the last one.
        usleep(QUIET);
        long before = switches();
        long long begun = now();
        __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n.ascii \"ARIL\"" ::: "memory");
        int status = run(words);
        __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n.ascii \"ZRIL\"" ::: "memory");
        printf("cost %lld %ld %d %s\n", now() - begun, switches() - before, status, line);
        fflush(stdout);
        usleep(QUIET);
    }
    reboot(RB_POWER_OFF);
}
