/* SPDX-License-Identifier: Apache-2.0 */
/* Small persistent tables of (key, bytes) in SQLite: program binaries and verdicts in cache.db,
 * tuning and history in state.db. Missing, locked, corrupt, full or read-only costs time, never a
 * result: every function then behaves as an empty store and one warning is logged. */
#ifndef PENCL_BASE_STORE_H
#define PENCL_BASE_STORE_H

#include "base/base.h"

typedef struct pn_store_db pn_store_db;

/* `path` NULL: a store in memory that keeps nothing. Never fails but for memory (returns NULL). */
pn_store_db *pn_store_db_open(pencl_ctx *ctx, const char *path);
void pn_store_db_close(pn_store_db *db);

/* Looks again for a file that was not there when the store was opened. */
void pn_store_db_refresh(pn_store_db *db);

/* The value of (table, key), checked against its XXH3 checksum; false when absent or damaged.
 * The bytes are yours: pn_free. */
bool pn_store_db_get(
    pn_store_db *db, const char *table, const char *key, void **bytes, size_t *size);
/* Calls `row` for each value of a table that is in the file, in the order of keys, until it returns
 * non-zero; damaged ones are left out. */
typedef int pn_store_row(void *user, const char *key, const void *bytes, size_t size);
void pn_store_db_each(pn_store_db *db, const char *table, pn_store_row *row, void *user);
/* Queues a value; pn_store_db_flush (or close) writes all queued ones in one transaction. */
void pn_store_db_put(
    pn_store_db *db, const char *table, const char *key, const void *bytes, size_t size);
void pn_store_db_flush(pn_store_db *db);

/* 128-bit XXH3 as 32 hex digits and a NUL, for keys. */
void pn_hash_hex(char out[33], const void *bytes, size_t size);

#endif
