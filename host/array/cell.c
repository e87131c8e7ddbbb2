/* SPDX-License-Identifier: Apache-2.0 */
/* Cells: a store behind one indirection more, and how many cells have it. */
#include "array/cell.h"

#include <stdatomic.h>

typedef struct content {
    atomic_long holders; /* cells */
    pn_store *store;
} content;

struct pn_cell {
    atomic_long refs;
    content *content;
};

/* ---- content ---- */

static void release(content *c)
{
    if (c != NULL && atomic_fetch_sub(&c->holders, 1) == 1) {
        pn_store_free(c->store);
        pn_free(c);
    }
}

static content *hold(content *c)
{
    atomic_fetch_add(&c->holders, 1);
    return c;
}

static content *new_content(pencl_ctx *ctx, pn_store *store)
{
    content *c = pn_calloc(1, sizeof *c);
    if (c == NULL) {
        pn_store_free(store);
        PN_NOMEM(ctx);
        return NULL;
    }
    atomic_init(&c->holders, 1);
    c->store = store;
    return c;
}

/* ---- cells ---- */

/* Takes the content over, also when it fails; NULL, which is recorded, gives E_NOMEM. */
static pencl_status new_cell(pn_cell **out, pencl_ctx *ctx, content *c)
{
    *out = c != NULL ? pn_calloc(1, sizeof **out) : NULL;
    if (*out == NULL) {
        release(c);
        return PN_NOMEM(ctx);
    }
    atomic_init(&(*out)->refs, 1);
    (*out)->content = c;
    return PENCL_OK;
}

pencl_status pn_cell_new(pn_cell **out, pencl_ctx *ctx, pn_store *store)
{
    return new_cell(out, ctx, new_content(ctx, store));
}

pencl_status pn_cell_snapshot(pn_cell **out, pencl_ctx *ctx, const pn_cell *from)
{
    return new_cell(out, ctx, hold(from->content));
}

pn_cell *pn_cell_ref(pn_cell *cell)
{
    if (cell != NULL) {
        atomic_fetch_add(&cell->refs, 1);
    }
    return cell;
}

void pn_cell_free(pn_cell *cell)
{
    if (cell != NULL && atomic_fetch_sub(&cell->refs, 1) == 1) {
        release(cell->content);
        pn_free(cell);
    }
}

pn_store *pn_cell_store(const pn_cell *cell)
{
    return cell->content->store;
}

bool pn_cell_is_shared(const pn_cell *cell)
{
    return atomic_load(&cell->content->holders) > 1;
}

bool pn_cell_same(const pn_cell *a, const pn_cell *b)
{
    return a->content == b->content;
}

void pn_cell_take(pn_cell *cell, const pn_cell *from)
{
    content *old = cell->content;
    cell->content = hold(from->content);
    release(old);
}

pencl_status pn_cell_put(pn_cell *cell, pencl_ctx *ctx, pn_store *store)
{
    content *c = new_content(ctx, store);
    if (c == NULL) {
        return PENCL_E_NOMEM;
    }
    release(cell->content);
    cell->content = c;
    return PENCL_OK;
}

pencl_status pn_cell_writable(pn_store **out, pn_cell *cell, pencl_ctx *ctx)
{
    *out = NULL;
    if (pn_cell_is_shared(cell)) {
        pn_store *copy = NULL;
        PENCL_TRY(pn_store_copy(&copy, cell->content->store));
        PENCL_TRY(pn_cell_put(cell, ctx, copy));
    }
    *out = cell->content->store;
    return PENCL_OK;
}
