/* SPDX-License-Identifier: Apache-2.0 */
/* Stores in SQLite. Opening touches the file only if it is there; the tables are made by the first
 * flush. Values wait in a queue until a flush, and are found there. */
#include "base/store.h"
#include "base/os.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum {
    BUSY_MS = 50,        /* how long another process may hold the file before we go on without it */
    FORMAT = 1,          /* PRAGMA user_version */
    ASIDE_MAX = 9,       /* damaged files that are kept; state.db is worth a look by its owner */
    VALUE_MAX = 1 << 29, /* bytes; below SQLite's own limit */
};

typedef struct queued {
    struct queued *next; /* newest first */
    char *table;
    char *key;
    void *bytes;
    size_t size;
} queued;

struct pn_store_db {
    pencl_ctx *ctx;
    char *path;        /* NULL: in memory */
    sqlite3 *sql;      /* NULL: no file yet, or one that is of no use */
    sqlite3_stmt *get; /* NULL: there are no tables yet */
    queued *queue;
    bool useless; /* the file cannot be used: behave as empty, write nothing */
    bool warned;
};

/* ---- trouble: one warning, then go on as an empty store ---- */

static void warn(pn_store_db *db, const char *what)
{
    if (!db->warned) {
        db->warned = true;
        pn_log(db->ctx, PENCL_LOG_WARN, "store", "%s: %s; going on without", db->path, what);
    }
}

static void disconnect(pn_store_db *db)
{
    sqlite3_finalize(db->get);
    sqlite3_close_v2(db->sql);
    db->get = NULL;
    db->sql = NULL;
}

/* Renames a damaged file to PATH.damaged (.2, .3, ...) and drops its log, which must not be played
 * into the file that takes its place. */
static void set_aside(pn_store_db *db)
{
    disconnect(db);
    char to[4096];
    char side[4096];
    for (int i = 1; i <= ASIDE_MAX; i++) {
        char number[8] = "";
        if (i > 1) {
            snprintf(number, sizeof number, ".%d", i);
        }
        const int size = snprintf(to, sizeof to, "%s.damaged%s", db->path, number);
        if (size > 0 && (size_t)size < sizeof to && !pn_file_exists(to)) {
            db->useless = !pn_file_rename(db->path, to);
            for (int s = 0; s < 2 && !db->useless; s++) {
                snprintf(side, sizeof side, "%s-%s", db->path, s == 0 ? "wal" : "shm");
                pn_file_remove(side);
            }
            warn(db, "damaged, set aside");
            return;
        }
    }
    db->useless = true;
    warn(db, "damaged");
}

/* Acts on a failed SQLite call. Busy is temporary; a file that cannot be written can still be read;
 * damage sets the file aside; all else (no access) makes it useless to this process. */
static void trouble(pn_store_db *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        warn(db, "in use by another process");
        break;
    case SQLITE_READONLY:
    case SQLITE_FULL:
        warn(db, sqlite3_errstr(code));
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        set_aside(db);
        break;
    default:
        warn(db, sqlite3_errstr(code));
        disconnect(db);
        db->useless = true;
        break;
    }
}

/* ---- opening ---- */

/* The number that a pragma answers, or -1. */
static int pragma_number(sqlite3 *sql, const char *pragma, int *code)
{
    sqlite3_stmt *ask = NULL;
    int value = -1;
    *code = sqlite3_prepare_v2(sql, pragma, -1, &ask, NULL);
    if (*code == SQLITE_OK && (*code = sqlite3_step(ask)) == SQLITE_ROW) {
        value = sqlite3_column_int(ask, 0);
        *code = SQLITE_OK;
    }
    sqlite3_finalize(ask);
    return value;
}

static int connect(pn_store_db *db, int flags)
{
    int code = sqlite3_open_v2(db->path, &db->sql, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(db->sql, BUSY_MS);
        sqlite3_exec(db->sql, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
    }
    return code;
}

/* Prepares the one query. A file without tables (new, or its maker died) is as good as empty. */
static void prepare(pn_store_db *db)
{
    int code;
    const int format = pragma_number(db->sql, "PRAGMA user_version", &code);
    if (code != SQLITE_OK) {
        trouble(db, code);
    } else if (format != 0 && format != FORMAT) {
        warn(db, "made by another version of pencl");
        disconnect(db);
        db->useless = true;
    } else if (format == FORMAT) {
        code = sqlite3_prepare_v2(
            db->sql, "SELECT sum, bytes FROM entries WHERE name=?1 AND key=?2", -1, &db->get, NULL);
        if (code != SQLITE_OK) {
            trouble(db, code == SQLITE_ERROR ? SQLITE_CORRUPT : code); /* not our tables */
        }
    }
}

static void open_existing(pn_store_db *db)
{
    int code = connect(db, SQLITE_OPEN_READWRITE); /* read-only where it must be: SQLite decides */
    if (code != SQLITE_OK) {
        trouble(db, code);
    } else {
        prepare(db);
    }
}

pn_store_db *pn_store_db_open(pencl_ctx *ctx, const char *path)
{
    pn_store_db *db = pn_calloc(1, sizeof *db);
    if (db == NULL) {
        return NULL;
    }
    db->ctx = ctx;
    if (path != NULL) {
        db->path = pn_strdup(path);
        if (db->path == NULL) {
            pn_free(db);
            return NULL;
        }
        if (pn_file_exists(path)) {
            open_existing(db);
        }
    }
    return db;
}

void pn_store_db_refresh(pn_store_db *db)
{
    bool missing = db != NULL && db->path != NULL && db->get == NULL && !db->useless;
    if (missing && pn_file_exists(db->path)) {
        disconnect(db);
        open_existing(db);
    }
}

/* ---- reading ---- */

/* Over the names too, so that a row which took another's place is seen. */
static int64_t checksum(const char *table, const char *key, const void *bytes, size_t size)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, table, strlen(table) + 1);
    XXH3_64bits_update(&state, key, strlen(key) + 1);
    XXH3_64bits_update(&state, bytes, size);
    return (int64_t)XXH3_64bits_digest(&state);
}

static bool copy_out(const void *from, size_t n, void **bytes, size_t *size)
{
    *bytes = pn_alloc(n);
    if (*bytes == NULL) {
        return false;
    }
    if (n > 0) {
        memcpy(*bytes, from, n);
    }
    *size = n;
    return true;
}

static queued *find_queued(pn_store_db *db, const char *table, const char *key)
{
    for (queued *q = db->queue; q != NULL; q = q->next) {
        if (strcmp(q->key, key) == 0 && strcmp(q->table, table) == 0) {
            return q;
        }
    }
    return NULL;
}

bool pn_store_db_get(
    pn_store_db *db, const char *table, const char *key, void **bytes, size_t *size)
{
    *bytes = NULL;
    *size = 0;
    if (db == NULL) {
        return false;
    }
    const queued *q = find_queued(db, table, key);
    if (q != NULL) {
        return copy_out(q->bytes, q->size, bytes, size);
    }
    if (db->get == NULL) {
        return false;
    }
    sqlite3_bind_text(db->get, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_text(db->get, 2, key, -1, SQLITE_STATIC);
    bool found = false;
    const int code = sqlite3_step(db->get);
    if (code == SQLITE_ROW) {
        const int64_t sum = sqlite3_column_int64(db->get, 0);
        const void *blob = sqlite3_column_blob(db->get, 1);
        const size_t n = (size_t)sqlite3_column_bytes(db->get, 1);
        if (checksum(table, key, blob != NULL ? blob : "", n) == sum) {
            found = copy_out(blob, n, bytes, size);
        } else {
            warn(db, "an entry is damaged");
        }
    }
    sqlite3_reset(db->get);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        trouble(db, code);
    }
    return found;
}

/* Hands on the row that a statement stands at; non-zero ends the reading. */
static int
hand_on(pn_store_db *db, sqlite3_stmt *at, const char *table, pn_store_row *row, void *user)
{
    const char *key = (const char *)sqlite3_column_text(at, 0);
    const void *blob = sqlite3_column_blob(at, 2);
    const void *bytes = blob != NULL ? blob : "";
    const size_t size = (size_t)sqlite3_column_bytes(at, 2);
    if (key == NULL || checksum(table, key, bytes, size) != sqlite3_column_int64(at, 1)) {
        warn(db, "an entry is damaged");
        return 0;
    }
    return row(user, key, bytes, size);
}

void pn_store_db_each(pn_store_db *db, const char *table, pn_store_row *row, void *user)
{
    sqlite3_stmt *all = NULL;
    if (db == NULL || db->get == NULL) {
        return;
    }
    int code = sqlite3_prepare_v2(
        db->sql, "SELECT key, sum, bytes FROM entries WHERE name=?1 ORDER BY key", -1, &all, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(all, 1, table, -1, SQLITE_STATIC);
        while ((code = sqlite3_step(all)) == SQLITE_ROW) {
            if (hand_on(db, all, table, row, user) != 0) {
                code = SQLITE_DONE;
                break;
            }
        }
    }
    sqlite3_finalize(all);
    if (code != SQLITE_DONE) {
        trouble(db, code);
    }
}

/* ---- writing ---- */

static void free_queued(queued *q)
{
    if (q != NULL) {
        pn_free(q->table);
        pn_free(q->key);
        pn_free(q->bytes);
        pn_free(q);
    }
}

static void empty_queue(pn_store_db *db)
{
    while (db->queue != NULL) {
        queued *next = db->queue->next;
        free_queued(db->queue);
        db->queue = next;
    }
}

void pn_store_db_put(
    pn_store_db *db, const char *table, const char *key, const void *bytes, size_t size)
{
    if (db == NULL || size > VALUE_MAX) {
        return;
    }
    void *copy = NULL;
    size_t n = 0;
    if (!copy_out(bytes, size, &copy, &n)) {
        return; /* a value that is not kept costs time only */
    }
    queued *q = find_queued(db, table, key);
    if (q != NULL) {
        pn_free(q->bytes);
        q->bytes = copy;
        q->size = n;
        return;
    }
    q = pn_calloc(1, sizeof *q);
    if (q != NULL) {
        *q = (queued){db->queue, pn_strdup(table), pn_strdup(key), copy, n};
    }
    if (q == NULL || q->table == NULL || q->key == NULL) {
        if (q == NULL) {
            pn_free(copy);
        }
        free_queued(q);
        return;
    }
    db->queue = q;
}

static void make_parent_folder(const char *path)
{
    char *folder = pn_strdup(path);
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        pn_make_folders(folder);
    }
    pn_free(folder);
}

/* The file and its tables, made where they are missing; an SQLite code. */
static int make_tables(pn_store_db *db)
{
    if (db->sql == NULL) {
        make_parent_folder(db->path);
        const int code = connect(db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        if (code != SQLITE_OK) {
            return code;
        }
    }
    if (db->get != NULL) {
        return SQLITE_OK;
    }
    /* WAL where the file system allows it: elsewhere SQLite keeps its rollback journal */
    sqlite3_exec(db->sql, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
    const int code = sqlite3_exec(db->sql,
                                  "BEGIN IMMEDIATE;"
                                  "CREATE TABLE IF NOT EXISTS entries(name TEXT, key TEXT,"
                                  " sum INTEGER, bytes BLOB, PRIMARY KEY(name, key));"
                                  "PRAGMA user_version=1;"
                                  "COMMIT",
                                  NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        prepare(db);
    }
    return code;
}

static int write_queue(pn_store_db *db)
{
    sqlite3_stmt *put = NULL;
    int code = sqlite3_prepare_v2(db->sql, "INSERT OR REPLACE INTO entries VALUES(?1, ?2, ?3, ?4)",
                                  -1, &put, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    }
    for (const queued *q = db->queue; q != NULL && code == SQLITE_OK; q = q->next) {
        sqlite3_bind_text(put, 1, q->table, -1, SQLITE_STATIC);
        sqlite3_bind_text(put, 2, q->key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(put, 3, checksum(q->table, q->key, q->bytes, q->size));
        sqlite3_bind_blob(put, 4, q->bytes, (int)q->size, SQLITE_STATIC);
        code = sqlite3_step(put) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(db->sql);
        sqlite3_reset(put);
    }
    sqlite3_finalize(put);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL);
    }
    return code;
}

void pn_store_db_flush(pn_store_db *db)
{
    if (db == NULL || db->path == NULL || db->queue == NULL) {
        return; /* a store in memory is its queue */
    }
    int code = db->useless ? SQLITE_OK : make_tables(db);
    if (code == SQLITE_OK && !db->useless && db->get != NULL) {
        code = write_queue(db);
    }
    if (code != SQLITE_OK) {
        if (db->sql != NULL && sqlite3_get_autocommit(db->sql) == 0) {
            sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
        }
        trouble(db, code);
        if ((code & 0xff) == SQLITE_BUSY) {
            return; /* the queue waits for the next flush */
        }
    }
    empty_queue(db);
}

void pn_store_db_close(pn_store_db *db)
{
    if (db == NULL) {
        return;
    }
    pn_store_db_flush(db);
    empty_queue(db);
    disconnect(db);
    pn_free(db->path);
    pn_free(db);
}

void pn_hash_hex(char out[33], const void *bytes, size_t size)
{
    const XXH128_hash_t hash = XXH3_128bits(bytes, size);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}
