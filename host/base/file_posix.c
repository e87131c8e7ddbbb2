/* SPDX-License-Identifier: Apache-2.0 */
/* os.h on POSIX systems: whole files, atomic replacement, folders. */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pencl_status io_failed(pencl_ctx *ctx, const char *path, int code)
{
    return PN_FAIL_CODE(ctx, PENCL_E_IO, code, "%s: %s", path, strerror(code));
}

/* ---- reading ---- */

pencl_status pn_file_read(pn_text *out, pencl_ctx *ctx, const char *path, size_t limit)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return io_failed(ctx, path, errno);
    }
    pencl_status st = PENCL_OK;
    size_t total = 0;
    char piece[16384];
    for (;;) {
        const ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            st = io_failed(ctx, path, errno);
            break;
        }
        if (got == 0) {
            break;
        }
        if ((size_t)got > limit - total) {
            st = PN_FAIL(ctx, PENCL_E_LIMIT, "%s: more than %zu bytes", path, limit);
            break;
        }
        total += (size_t)got;
        pn_text_add_bytes(out, piece, (size_t)got);
    }
    close(fd);
    return st == PENCL_OK && out->failed ? PN_NOMEM(ctx) : st;
}

bool pn_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- writing ---- */

static bool write_all(int fd, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size > 0) {
        const ssize_t put = write(fd, at, size);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        if (put > 0) {
            at += put;
            size -= (size_t)put;
        }
    }
    return true;
}

static bool write_spans(int fd, const pn_span *spans, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!write_all(fd, spans[i].data, spans[i].size)) {
            return false;
        }
    }
    return true;
}

static pencl_status write_in_place(pencl_ctx *ctx, const char *path, const pn_span *spans, size_t n)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return io_failed(ctx, path, errno);
    }
    const bool written = write_spans(fd, spans, n);
    const int code = errno;
    close(fd);
    return written ? PENCL_OK : io_failed(ctx, path, code);
}

pencl_status pn_file_write_spans(pencl_ctx *ctx, const char *path, const pn_span *spans, size_t n)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return write_in_place(ctx, path, spans, n); /* a rename would replace the device itself */
    }
    pn_text temporary = {0};
    pn_text_add(&temporary, "%s.tmp.%ld", path, pn_process_id());
    if (temporary.failed) {
        pn_text_free(&temporary);
        return PN_NOMEM(ctx);
    }
    const char *name = temporary.data;
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool done = fd >= 0 && write_spans(fd, spans, n) && fsync(fd) == 0;
    int code = errno;
    if (fd >= 0 && close(fd) != 0 && done) {
        done = false;
        code = errno;
    }
    if (done && rename(name, path) != 0) {
        done = false;
        code = errno;
    }
    if (!done && fd >= 0) {
        unlink(name);
    }
    pn_text_free(&temporary);
    return done ? PENCL_OK : io_failed(ctx, path, code);
}

pencl_status pn_file_write(pencl_ctx *ctx, const char *path, const void *bytes, size_t size)
{
    const pn_span span = {bytes, size};
    return pn_file_write_spans(ctx, path, &span, 1);
}

bool pn_file_append(const char *path, const void *bytes, size_t size, bool sync)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        return false;
    }
    bool done = write_all(fd, bytes, size);
    if (done && sync) {
        done = fdatasync(fd) == 0;
    }
    return close(fd) == 0 && done;
}

bool pn_file_stamp(const char *path, uint64_t *size, int64_t *time)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return false;
    }
    *size = (uint64_t)info.st_size;
    *time = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    return true;
}

void pn_file_remove(const char *path)
{
    unlink(path);
}

bool pn_file_rename(const char *from, const char *to)
{
    return rename(from, to) == 0;
}

/* ---- folders ---- */

bool pn_make_folders(const char *path)
{
    char *copy = pn_strdup(path);
    if (copy == NULL) {
        return false;
    }
    for (char *at = copy + 1; copy[0] != '\0' && *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(copy, 0700); /* what fails here fails below as well */
            *at = '/';
        }
    }
    mkdir(copy, 0700);
    pn_free(copy);
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in an open folder, in no order; false when memory is out. The caller frees them. */
static bool collect(DIR *folder, char ***names, size_t *n)
{
    size_t room = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '\n') != NULL) {
            continue;
        }
        if (*n == room) {
            room = room > 0 ? 2 * room : 16;
            char **more = pn_realloc(*names, room, sizeof **names);
            if (more == NULL) {
                return false;
            }
            *names = more;
        }
        char *copy = pn_strdup(name);
        if (copy == NULL) {
            return false;
        }
        (*names)[(*n)++] = copy;
    }
    return true;
}

bool pn_list_folder(pn_text *out, const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return false;
    }
    char **names = NULL;
    size_t n = 0;
    bool done = collect(folder, &names, &n);
    closedir(folder);
    if (n > 0) {
        qsort(names, n, sizeof *names, by_name);
    }
    for (size_t i = 0; i < n; i++) {
        pn_text_add(out, "%s\n", names[i]);
        pn_free(names[i]);
    }
    pn_free(names);
    return done && !out->failed;
}
