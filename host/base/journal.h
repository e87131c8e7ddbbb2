/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of risky calls. Drivers abort and hang instead of returning errors, so a row is
 * written before such a call and removed after it; a row of a process that is gone means that it
 * died there. Left rows stay, for every later process, until they are forgotten.
 *
 *     pn_journal *journal = pn_journal_open(ctx, folder);
 *     if (!pn_journal_left(journal, "pocl:0/build/matmul")) {
 *         pn_journal_begin(journal, "pocl:0/build/matmul");
 *         ... the risky call ...
 *         pn_journal_end(journal, "pocl:0/build/matmul");
 *     }
 *     pn_journal_close(journal);
 *
 * Nothing is written before the first begin. A folder that cannot be written costs the protection,
 * never a result. */
#ifndef PENCL_BASE_JOURNAL_H
#define PENCL_BASE_JOURNAL_H

#include "base/base.h"

typedef struct pn_journal pn_journal;

/* Reads what dead processes left in `folder`; NULL: a journal that keeps nothing. Returns NULL when
 * out of memory; every function takes NULL and does nothing. */
pn_journal *pn_journal_open(pencl_ctx *ctx, const char *folder);
void pn_journal_close(pn_journal *journal);

/* Writes the row and waits until the disk has it: the whole machine may go down. */
void pn_journal_begin(pn_journal *journal, const char *key);
void pn_journal_end(pn_journal *journal, const char *key);

/* True when an earlier process died between begin and end of this key. */
bool pn_journal_left(const pn_journal *journal, const char *key);
/* The left keys one by one, for reports: NULL behind the last. Borrowed until the next call. */
const char *pn_journal_left_at(pn_journal *journal, size_t i);
/* Forgets a left row: the call gets another chance. */
void pn_journal_forget(pn_journal *journal, const char *key);

#endif
