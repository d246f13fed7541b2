/* A disk whose sync takes a given time at least. Put under a process by LD_PRELOAD: fsync and fdatasync do their work and
 * return no sooner than SLOW_DISK_SYNC_US microseconds after they were called.
 *
 * In C, because `unsafe` is forbidden in this repository. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SECOND_NS 1000000000L

static int slowly(int (*sync_file)(int), int file)
{
    const char *least = getenv("SLOW_DISK_SYNC_US");
    long least_ns = least ? atol(least) * 1000 : 0;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (until.tv_nsec + least_ns) / SECOND_NS;
    until.tv_nsec = (until.tv_nsec + least_ns) % SECOND_NS;
    int done = sync_file(file);
    int problem = errno;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    errno = problem;
    return done;
}

int fsync(int file)
{
    static int (*next)(int);
    if (!next)
        next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return slowly(next, file);
}

int fdatasync(int file)
{
    static int (*next)(int);
    if (!next)
        next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return slowly(next, file);
}
