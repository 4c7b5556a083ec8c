// Preloaded into a server: its time of day stands still at the milliseconds
// since 1970 in the file that VIGIE_TEST_CLOCK names, until somebody writes
// another number into it. The monotonic clock, by which a server's own work
// goes, runs on.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *millis;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("VIGIE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) millis = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    int of_day = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (!of_day || !millis) return (int)syscall(SYS_clock_gettime, clock, t);
    int64_t now = *millis;
    t->tv_sec = now / 1000;
    t->tv_nsec = now % 1000 * 1000000;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
