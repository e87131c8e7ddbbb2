/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of measurements in state.db, beside what was tuned; nothing here deletes them. */
#include "pencl/history.h"

#include "base/os.h"
#include "base/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TABLE "bench"

enum { PATH_ROOM = 4096 };

static pn_store_db *open_state(pencl_ctx *ctx)
{
    char folder[PATH_ROOM];
    char path[PATH_ROOM + 16];
    if (!pn_state_folder(folder, sizeof folder)) {
        return pn_store_db_open(ctx, NULL);
    }
    snprintf(path, sizeof path, "%s/state.db", folder);
    return pn_store_db_open(ctx, path);
}

/* Keys sort by time; those of one call, and of processes that ran at once, differ in the rest. */
void pencl_history_add(pencl_ctx *ctx, const char *const rows[], size_t n)
{
    char key[80];
    struct timespec now;
    pn_store_db *db = open_state(ctx);
    timespec_get(&now, TIME_UTC);
    for (size_t i = 0; i < n; i++) {
        snprintf(key, sizeof key, "%012" PRId64 ".%09ld %ld %06zu", (int64_t)now.tv_sec,
                 now.tv_nsec, pn_process_id(), i);
        pn_store_db_put(db, TABLE, key, rows[i], strlen(rows[i]));
    }
    pn_store_db_close(db);
}

typedef struct reader {
    int (*row)(void *user, const char *text);
    void *user;
} reader;

static int read_row(void *user, const char *key, const void *bytes, size_t size)
{
    const reader *r = user;
    pn_text text = {0};
    (void)key;
    pn_text_add_bytes(&text, bytes, size);
    int stop = r->row(r->user, pn_text_get(&text));
    pn_text_free(&text);
    return stop;
}

void pencl_history_read(pencl_ctx *ctx, int (*row)(void *user, const char *text), void *user)
{
    reader r = {row, user};
    pn_store_db *db = open_state(ctx);
    pn_store_db_each(db, TABLE, read_row, &r);
    pn_store_db_close(db);
}
