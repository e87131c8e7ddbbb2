/* SPDX-License-Identifier: Apache-2.0 */
/* os.h on POSIX systems: whole files, atomic replacement, folders. */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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

/* What is no regular file (a device, a pipe) has no temporary one: a rename would replace it. */
struct pn_output {
    pencl_ctx *ctx;
    int fd;
    char *path;
    char *temporary; /* NULL: written in place */
};

static void release(pn_output *output)
{
    if (output->fd >= 0) {
        close(output->fd);
    }
    pn_free(output->temporary);
    pn_free(output->path);
    pn_free(output);
}

/* The names of an output; false when memory is out. */
static bool name_output(pn_output *output, const char *path)
{
    struct stat st;
    output->path = pn_strdup(path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return output->path != NULL;
    }
    pn_text name = {0};
    pn_text_add(&name, "%s.tmp.%ld", path, pn_process_id());
    output->temporary = name.data;
    return output->path != NULL && !name.failed;
}

pencl_status pn_output_open(pn_output **out, pencl_ctx *ctx, const char *path)
{
    *out = NULL;
    pn_output *output = pn_calloc(1, sizeof *output);
    if (output == NULL) {
        return PN_NOMEM(ctx);
    }
    output->ctx = ctx;
    output->fd = -1;
    if (!name_output(output, path)) {
        release(output);
        return PN_NOMEM(ctx);
    }
    output->fd = output->temporary == NULL
                     ? open(path, O_WRONLY | O_CLOEXEC)
                     : open(output->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (output->fd < 0) {
        const pencl_status st = io_failed(ctx, path, errno);
        release(output);
        return st;
    }
    *out = output;
    return PENCL_OK;
}

pencl_status pn_output_write(pn_output *output, const void *bytes, size_t size)
{
    return write_all(output->fd, bytes, size) ? PENCL_OK
                                              : io_failed(output->ctx, output->path, errno);
}

pencl_status pn_output_close(pn_output *output, bool keep)
{
    if (output == NULL) {
        return PENCL_OK;
    }
    const char *name = output->temporary;
    bool done = !keep || name == NULL || fsync(output->fd) == 0;
    int code = errno;
    const int fd = output->fd;
    output->fd = -1;
    if (close(fd) != 0 && done) {
        done = false;
        code = errno;
    }
    if (keep && done && name != NULL && rename(name, output->path) != 0) {
        done = false;
        code = errno;
    }
    if (name != NULL && (!keep || !done)) {
        unlink(name);
    }
    const pencl_status st = done || !keep ? PENCL_OK : io_failed(output->ctx, output->path, code);
    release(output);
    return st;
}

pencl_status pn_file_write_spans(pencl_ctx *ctx, const char *path, const pn_span *spans, size_t n)
{
    pn_output *output = NULL;
    PENCL_TRY(pn_output_open(&output, ctx, path));
    pencl_status st = PENCL_OK;
    for (size_t i = 0; i < n && st == PENCL_OK; i++) {
        st = pn_output_write(output, spans[i].data, spans[i].size);
    }
    const pencl_status closed = pn_output_close(output, st == PENCL_OK);
    return st != PENCL_OK ? st : closed;
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

bool pn_file_allowed(const char *path)
{
    return access(path, R_OK | W_OK) == 0;
}

void pn_file_group(char *out, size_t room, const char *path)
{
    struct stat info;
    struct group group;
    struct group *found = NULL;
    char names[4096];
    pn_copy(out, room, "");
    if (stat(path, &info) != 0) {
        return;
    }
    if (getgrgid_r(info.st_gid, &group, names, sizeof names, &found) == 0 && found != NULL) {
        pn_copy(out, room, group.gr_name);
    } else {
        snprintf(out, room, "%lu", (unsigned long)info.st_gid);
    }
}

void pn_link_name(char *out, size_t room, const char *path)
{
    char target[1024];
    ssize_t size = readlink(path, target, sizeof target - 1);
    target[size > 0 ? size : 0] = '\0';
    const char *slash = strrchr(target, '/');
    pn_copy(out, room, slash != NULL ? slash + 1 : target);
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
