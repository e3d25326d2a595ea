/* Loaded before others, makes every sync take MILLISECONDS longer: a disk that keeps its word, for machines whose
   disk answers before it has written. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

#ifndef MILLISECONDS
#define MILLISECONDS 5
#endif

static int later(const char *name, int file) {
    struct timespec time = {0, MILLISECONDS * 1000000L};
    nanosleep(&time, NULL);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return later("fsync", file); }
int fdatasync(int file) { return later("fdatasync", file); }
