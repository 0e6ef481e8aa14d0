/* Writes down what a process writes to files whose path begins with RECORDER_PREFIX: LD_PRELOAD=recorder.so.

   A record: one byte of kind (w write, t truncate, s sync, u unlink, o open), then number of the file, offset and length as
   64-bit numbers, then the bytes. Each goes out by one write, so that what several threads record does not mix. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES 4096
static char *paths[FILES];
static int out = -1;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static const char *prefix(void) { return getenv("RECORDER_PREFIX"); }

static int wanted(const char *path) {
    const char *start = prefix();
    return start && path && strncmp(path, start, strlen(start)) == 0;
}

static void record(char kind, const char *path, int64_t offset, const void *data, int64_t length) {
    static ssize_t (*write_)(int, const void *, size_t);
    if (!write_) write_ = real("write");
    if (out < 0) {
        int (*open_)(const char *, int, ...) = real("open64");
        out = open_(getenv("RECORDER_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (out < 0) abort();
    }
    int64_t name = (int64_t)strlen(path), bytes = data ? length : 0;
    size_t size = 1 + 3 * 8 + name + bytes;
    char *whole = malloc(size), *at = whole;
    *at++ = kind;
    memcpy(at, &name, 8), at += 8;
    memcpy(at, &offset, 8), at += 8;
    memcpy(at, &length, 8), at += 8;
    memcpy(at, path, name), at += name;
    if (bytes) memcpy(at, data, bytes);
    if (write_(out, whole, size) != (ssize_t)size) abort();
    free(whole);
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < FILES) {
        free(paths[fd]);
        paths[fd] = wanted(path) ? strdup(path) : NULL;
        if (paths[fd]) record('o', path, 0, NULL, 0);
    }
    return fd;
}

static const char *path_of(int fd) { return fd >= 0 && fd < FILES ? paths[fd] : NULL; }

#define OPEN(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        static int (*next)(const char *, int, ...);                  \
        if (!next) next = real(#name);                               \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest);                                                \
        return opened(next(path, flags, mode), path);                \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    static int (*next)(int);
    if (!next) next = real("close");
    if (path_of(fd)) {
        free(paths[fd]);
        paths[fd] = NULL;
    }
    return next(fd);
}

#define PWRITE(name, offset_type)                                                 \
    ssize_t name(int fd, const void *data, size_t length, offset_type offset) {   \
        static ssize_t (*next)(int, const void *, size_t, offset_type);           \
        if (!next) next = real(#name);                                            \
        ssize_t done = next(fd, data, length, offset);                            \
        if (done > 0 && path_of(fd)) record('w', path_of(fd), offset, data, done); \
        return done;                                                              \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
    static ssize_t (*next)(int, const void *, size_t);
    if (!next) next = real("write");
    off_t offset = path_of(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = next(fd, data, length);
    if (done > 0 && path_of(fd)) record('w', path_of(fd), offset, data, done);
    return done;
}

#define TRUNCATE(name, offset_type)                                        \
    int name(int fd, offset_type length) {                                 \
        static int (*next)(int, offset_type);                              \
        if (!next) next = real(#name);                                     \
        int done = next(fd, length);                                       \
        if (done == 0 && path_of(fd)) record('t', path_of(fd), length, NULL, 0); \
        return done;                                                       \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                            \
    int name(int fd) {                                        \
        static int (*next)(int);                              \
        if (!next) next = real(#name);                        \
        int done = next(fd);                                  \
        if (done == 0 && path_of(fd)) record('s', path_of(fd), 0, NULL, 0); \
        return done;                                          \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    static int (*next)(const char *);
    if (!next) next = real("unlink");
    int done = next(path);
    if (done == 0 && wanted(path)) record('u', path, 0, NULL, 0);
    return done;
}
