/* SPDX-License-Identifier: Apache-2.0 */
/* os.h on POSIX systems: maps, libraries, environment, clock, threads, paths. Files: file_posix.c.
 */
#define _GNU_SOURCE /* for dladdr and sched_getaffinity. NOLINT */
#include "base/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 256 };

/* ---- maps ---- */

typedef struct open_map {
    pn_map map; /* first: callers hold a pointer to it */
    void *at;   /* map.data as mmap gave it; NULL for an empty file */
    int fd;     /* kept for pn_map_read */
} open_map;

static pencl_status check_regular(pencl_ctx *ctx, const char *path, int fd, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return PN_FAIL_CODE(ctx, PENCL_E_IO, errno, "%s: %s", path, strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return PN_FAIL(ctx, PENCL_E_IO, "%s: is a folder, not a file", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return PN_FAIL(ctx, PENCL_E_IO, "%s: is not a regular file", path);
    }
    if ((uintmax_t)st.st_size > SIZE_MAX) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "%s: larger than the address space", path);
    }
    *size = (size_t)st.st_size;
    return PENCL_OK;
}

pencl_status pn_map_open(pn_map **out, pencl_ctx *ctx, const char *path)
{
    *out = NULL;
    /* O_NONBLOCK: a named pipe must not make us wait for a writer */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return PN_FAIL_CODE(ctx, PENCL_E_IO, errno, "%s: %s", path, strerror(errno));
    }
    open_map *opened = NULL;
    size_t size = 0;
    pencl_status st = check_regular(ctx, path, fd, &size);
    if (st != PENCL_OK) {
        goto failed;
    }
    opened = pn_calloc(1, sizeof *opened);
    if (opened == NULL) {
        st = PN_NOMEM(ctx);
        goto failed;
    }
    opened->fd = fd;
    opened->map.size = size;
    opened->map.data = (const unsigned char *)"";
    if (size > 0) { /* an empty file cannot be mapped */
        void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED) {
            st = PN_FAIL_CODE(ctx, PENCL_E_IO, errno, "%s: mmap: %s", path, strerror(errno));
            goto failed;
        }
        opened->at = at;
        opened->map.data = at;
    }
    *out = &opened->map;
    return PENCL_OK;
failed:
    pn_free(opened);
    close(fd);
    return st;
}

void pn_map_close(pn_map *map)
{
    if (map == NULL) {
        return;
    }
    open_map *opened = (open_map *)map;
    if (opened->at != NULL) {
        munmap(opened->at, map->size);
    }
    close(opened->fd);
    pn_free(opened);
}

bool pn_map_read(const pn_map *map, size_t offset, void *to, size_t bytes)
{
    const open_map *opened = (const open_map *)map;
    if (offset > map->size || bytes > map->size - offset) {
        return false;
    }
    unsigned char *at = to;
    while (bytes > 0) {
        const ssize_t got = pread(opened->fd, at, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        offset += (size_t)got;
        bytes -= (size_t)got;
    }
    return true;
}

void pn_map_drop(const pn_map *map, size_t offset, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (offset > map->size || bytes > map->size - offset) {
        return;
    }
    /* whole pages only: the ends may be shared with neighbours that are still needed */
    const size_t first = offset + (page - offset % page) % page;
    const size_t end = offset + bytes;
    const size_t last = end == map->size ? end : end - end % page;
    if (first < last) {
        const open_map *opened = (const open_map *)map;
        madvise((unsigned char *)opened->at + first, last - first, MADV_DONTNEED);
    }
}

/* ---- libraries and environment ---- */

void *pn_library_open(const char *name)
{
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

void *pn_library_symbol(void *library, const char *name)
{
    return dlsym(library, name);
}

bool pn_library_path(char *out, size_t room, void *symbol)
{
    Dl_info info;
    if (symbol == NULL || dladdr(symbol, &info) == 0 || info.dli_fname == NULL) {
        return false;
    }
    const int size = snprintf(out, room, "%s", info.dli_fname);
    return size >= 0 && (size_t)size < room;
}

void pn_set_env(const char *name, const char *value, bool overwrite)
{
    setenv(name, value, overwrite); /* fails for want of memory only: the driver's default stays */
}

const char *pn_get_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* ---- clock, machine, process ---- */

uint64_t pn_clock_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void pn_sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

int pn_core_count(void)
{
    cpu_set_t set; /* the cores that this process may use, which can be fewer than there are */
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return CPU_COUNT(&set);
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

uint64_t pn_memory_total(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : 0;
}

size_t pn_thread_times(pn_thread_time *out, size_t room)
{
    pn_text names = {0};
    size_t n = 0;
    if (!pn_list_folder(&names, "/proc/self/task")) {
        return 0;
    }
    for (const char *at = pn_text_get(&names); *at != '\0' && n < room;) {
        char path[64];
        char *end = NULL;
        pn_text text = {0};
        pencl_ctx quiet = {0};
        out[n].id = strtol(at, &end, 10);
        at = end + (*end == '\n');
        snprintf(path, sizeof path, "/proc/self/task/%ld/schedstat", out[n].id);
        if (pn_file_read(&text, &quiet, path, 128) == PENCL_OK) {
            out[n++].ns = strtoull(pn_text_get(&text), NULL, 10);
        }
        pn_text_free(&text);
    }
    pn_text_free(&names);
    return n;
}

uint64_t pn_cache_bytes(void)
{
    uint64_t most = 0;
    for (int i = 0; i < 8; i++) {
        char path[64];
        char *end = NULL;
        pn_text text = {0};
        pencl_ctx quiet = {0};
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        if (pn_file_read(&text, &quiet, path, 64) == PENCL_OK) {
            uint64_t size = strtoull(pn_text_get(&text), &end, 10);
            size <<= *end == 'K' ? 10 : *end == 'M' ? 20 : 0;
            most = size > most ? size : most;
        }
        pn_text_free(&text);
    }
    return most;
}

long pn_process_id(void)
{
    return (long)getpid();
}

bool pn_process_alive(long pid)
{
    /* EPERM: somebody else's process, which lives */
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* ---- threads ---- */

typedef struct job {
    atomic_size_t next;
    size_t n;
    void (*body)(void *arg, size_t i);
    void *arg;
} job;

static void *work(void *arg)
{
    job *j = arg;
    for (;;) {
        const size_t i = atomic_fetch_add(&j->next, 1);
        if (i >= j->n) {
            return NULL;
        }
        j->body(j->arg, i);
    }
}

void pn_parallel(size_t n, void (*body)(void *arg, size_t i), void *arg)
{
    job j = {.n = n, .body = body, .arg = arg};
    size_t threads = (size_t)pn_core_count();
    threads = threads > MAX_THREADS ? MAX_THREADS : threads;
    threads = threads > n ? n : threads;
    pthread_t ids[MAX_THREADS];
    size_t started = 0;
    while (started + 1 < threads && pthread_create(&ids[started], NULL, work, &j) == 0) {
        started++;
    }
    work(&j); /* the caller works too, alone if no thread could be had */
    for (size_t i = 0; i < started; i++) {
        pthread_join(ids[i], NULL);
    }
}

/* ---- folders of this user ---- */

static bool user_folder(char *out, size_t room, const char *variable, const char *below_home)
{
    const char *base = pn_get_env("PENCL_CACHE");
    int size;
    if (base != NULL) {
        size = snprintf(out, room, "%s", base);
    } else if ((base = pn_get_env(variable)) != NULL && base[0] == '/') {
        size = snprintf(out, room, "%s/pencl", base);
    } else if ((base = pn_get_env("HOME")) != NULL) {
        size = snprintf(out, room, "%s/%s/pencl", base, below_home);
    } else {
        return false;
    }
    return size >= 0 && (size_t)size < room;
}

bool pn_cache_folder(char *out, size_t room)
{
    return user_folder(out, room, "XDG_CACHE_HOME", ".cache");
}

bool pn_state_folder(char *out, size_t room)
{
    return user_folder(out, room, "XDG_STATE_HOME", ".local/state");
}
