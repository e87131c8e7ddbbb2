/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: each handle appends "+key" and "-key" lines to its own file journal.PID.N; a key
 * whose last line is "+" is open. Files of dead processes are folded into the file journal.left,
 * which has the same form. Appending keeps concurrent processes from harming each other. */
#include "base/journal.h"
#include "base/os.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20 }; /* bytes; a journal has a few lines, more is not ours */

struct pn_journal {
    pencl_ctx *ctx;
    char *folder;  /* NULL: keeps nothing */
    char *own;     /* path of this handle's file */
    char *left;    /* path of journal.left */
    pn_text open;  /* own keys begun and not ended, each "key\n" */
    pn_text dead;  /* keys that dead processes left, each "key\n" */
    pn_text line;  /* left_at's answer */
    bool written;  /* the own file exists */
    bool disabled; /* writing failed: warned once, then silent */
};

/* Handles of this process: the N of the next file. */
static atomic_long handles;

/* ---- sets of keys, one a line: a few at most ---- */

/* Where the line `key` starts in the set, or NULL. */
static char *find_key(const pn_text *set, const char *key, size_t size)
{
    for (char *at = set->data; at != NULL && *at != '\0';) {
        const size_t n = strcspn(at, "\n");
        if (n == size && memcmp(at, key, size) == 0) {
            return at;
        }
        at += n + (at[n] == '\n');
    }
    return NULL;
}

static void add_key(pn_text *set, const char *key, size_t size)
{
    if (size > 0 && find_key(set, key, size) == NULL) {
        pn_text_add(set, "%.*s\n", (int)size, key);
    }
}

static void remove_key(pn_text *set, const char *key, size_t size)
{
    char *at = find_key(set, key, size);
    if (at != NULL) {
        char *next = at + size + 1; /* each line of a set ends with \n */
        memmove(at, next, strlen(next) + 1);
        set->size -= size + 1;
    }
}

/* Applies a file's "+key" and "-key" lines to a set. A last line without its end was being written
 * when the machine went down: it counts, since the call may have begun. */
static void read_lines(const char *path, pn_text *set)
{
    pn_text file = {0};
    if (pn_file_read(&file, NULL, path, FILE_LIMIT) == PENCL_OK) {
        for (const char *at = pn_text_get(&file); *at != '\0';) {
            const size_t n = strcspn(at, "\n");
            if (*at == '+') {
                add_key(set, at + 1, n - 1);
            } else if (*at == '-') {
                remove_key(set, at + 1, n - 1);
            }
            at += n + (at[n] == '\n');
        }
    }
    pn_text_free(&file);
}

/* ---- opening ---- */

/* True when "journal.PID.N" was written by a process that is gone. Our own process id can come from
 * an earlier process, which is certain only for the number that this handle just took. */
static bool is_stale(const char *name, long number)
{
    static const char prefix[] = "journal.";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    char *end = NULL;
    const long pid = strtol(name + sizeof prefix - 1, &end, 10);
    if (pid <= 0 || *end != '.') {
        return false;
    }
    const long n = strtol(end + 1, &end, 10);
    if (*end != '\0') {
        return false;
    }
    return pid == pn_process_id() ? n == number : !pn_process_alive(pid);
}

/* Moves the open rows of one stale file to journal.left: first written there, then removed here, so
 * that dying in between loses nothing. */
static void collect_file(pn_journal *j, const char *name)
{
    pn_text path = {0};
    pn_text open = {0};
    pn_text lines = {0};
    pn_text_add(&path, "%s/%s", j->folder, name);
    read_lines(pn_text_get(&path), &open);
    for (const char *at = pn_text_get(&open); *at != '\0';) {
        const size_t n = strcspn(at, "\n");
        pn_text_add(&lines, "+%.*s\n", (int)n, at);
        add_key(&j->dead, at, n);
        at += n + 1;
    }
    const bool whole = !path.failed && !open.failed && !lines.failed;
    if (whole && (lines.size == 0 || pn_file_append(j->left, lines.data, lines.size, true))) {
        pn_file_remove(path.data);
    }
    pn_text_free(&path);
    pn_text_free(&open);
    pn_text_free(&lines);
}

static void collect(pn_journal *j, long number)
{
    pn_text names = {0};
    if (pn_list_folder(&names, j->folder)) {
        for (char *name = names.data; name != NULL && *name != '\0';) {
            char *end = strchr(name, '\n');
            *end = '\0';
            if (is_stale(name, number)) {
                collect_file(j, name);
            }
            name = end + 1;
        }
    }
    pn_text_free(&names);
}

static char *join(const char *folder, const char *name)
{
    pn_text path = {0};
    pn_text_add(&path, "%s/%s", folder, name);
    return path.data; /* NULL when memory is out */
}

pn_journal *pn_journal_open(pencl_ctx *ctx, const char *folder)
{
    pn_journal *j = pn_calloc(1, sizeof *j);
    if (j == NULL) {
        return NULL;
    }
    j->ctx = ctx;
    if (folder == NULL) {
        return j;
    }
    const long number = atomic_fetch_add(&handles, 1);
    char name[64];
    snprintf(name, sizeof name, "journal.%ld.%ld", pn_process_id(), number);
    j->folder = pn_strdup(folder);
    j->own = join(folder, name);
    j->left = join(folder, "journal.left");
    if (j->folder == NULL || j->own == NULL || j->left == NULL) {
        pn_journal_close(j);
        return NULL;
    }
    read_lines(j->left, &j->dead);
    collect(j, number);
    return j;
}

void pn_journal_close(pn_journal *j)
{
    if (j == NULL) {
        return;
    }
    if (j->written && j->open.size == 0) {
        pn_file_remove(j->own);
    }
    pn_text_free(&j->open);
    pn_text_free(&j->dead);
    pn_text_free(&j->line);
    pn_free(j->folder);
    pn_free(j->own);
    pn_free(j->left);
    pn_free(j);
}

/* ---- rows ---- */

/* One line is one key: a line break inside would forge another. */
static bool plain_key(const char *key)
{
    return key[0] != '\0' && strchr(key, '\n') == NULL;
}

static bool append(const char *path, char mark, const char *key, bool sync)
{
    pn_text line = {0};
    pn_text_add(&line, "%c%s\n", mark, key);
    const bool done = !line.failed && pn_file_append(path, line.data, line.size, sync);
    pn_text_free(&line);
    return done;
}

void pn_journal_begin(pn_journal *j, const char *key)
{
    if (j == NULL || j->folder == NULL || j->disabled || !plain_key(key)) {
        return;
    }
    if (!j->written) {
        pn_make_folders(j->folder);
    }
    if (!append(j->own, '+', key, true)) {
        j->disabled = true;
        pn_log(j->ctx, PENCL_LOG_WARN, "journal",
               "%s: cannot be written; a driver that crashes will not be remembered", j->own);
        return;
    }
    j->written = true;
    add_key(&j->open, key, strlen(key));
}

void pn_journal_end(pn_journal *j, const char *key)
{
    if (j == NULL || j->folder == NULL || find_key(&j->open, key, strlen(key)) == NULL) {
        return;
    }
    append(j->own, '-', key, false); /* should the machine go down now, one row too many is left */
    remove_key(&j->open, key, strlen(key));
}

bool pn_journal_left(const pn_journal *j, const char *key)
{
    return j != NULL && find_key(&j->dead, key, strlen(key)) != NULL;
}

const char *pn_journal_left_at(pn_journal *j, size_t i)
{
    if (j == NULL) {
        return NULL;
    }
    const char *at = pn_text_get(&j->dead);
    while (*at != '\0') {
        const size_t n = strcspn(at, "\n");
        if (i-- == 0) {
            pn_text_free(&j->line);
            pn_text_add(&j->line, "%.*s", (int)n, at);
            return pn_text_get(&j->line);
        }
        at += n + 1;
    }
    return NULL;
}

void pn_journal_forget(pn_journal *j, const char *key)
{
    if (!pn_journal_left(j, key)) {
        return;
    }
    remove_key(&j->dead, key, strlen(key));
    if (j->dead.size == 0) {
        pn_file_remove(j->left);
    } else {
        append(j->left, '-', key, true);
    }
}
