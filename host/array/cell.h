/* SPDX-License-Identifier: Apache-2.0 */
/* Cells: what a variable holds, shared with its snapshots until somebody writes. */
#ifndef PENCL_ARRAY_CELL_H
#define PENCL_ARRAY_CELL_H

#include "array/store.h"

/* Counted. Graphs and plans keep a variable's cell, and read what is in it whenever they run: what
 * a variable is given later, they see. */
typedef struct pn_cell pn_cell;

/* A new cell; takes the store over, also when it fails. */
pencl_status pn_cell_new(pn_cell **out, pencl_ctx *ctx, pn_store *store);
/* A new cell with the same content: no copy before one of the two is written. */
pencl_status pn_cell_snapshot(pn_cell **out, pencl_ctx *ctx, const pn_cell *from);
pn_cell *pn_cell_ref(pn_cell *cell);
void pn_cell_free(pn_cell *cell); /* drops one reference; NULL is fine */

pn_store *pn_cell_store(const pn_cell *cell); /* borrowed */
bool pn_cell_is_shared(const pn_cell *cell);  /* another cell has the same content */
bool pn_cell_same(const pn_cell *a, const pn_cell *b);

/* The content of `from` in place of its own. */
void pn_cell_take(pn_cell *cell, const pn_cell *from);
/* Another store in place of its content; taken over, also when it fails. */
pencl_status pn_cell_put(pn_cell *cell, pencl_ctx *ctx, pn_store *store);
/* The store, for writing in place: a copy first when it is shared. Borrowed. */
pencl_status pn_cell_writable(pn_store **out, pn_cell *cell, pencl_ctx *ctx);

#endif
