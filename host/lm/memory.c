/* SPDX-License-Identifier: Apache-2.0 */
/* What a model and a session take of a device, found by a rehearsal; and, when that is more than
 * there is, what would fit. */
#include "lm/session.h"

#include <inttypes.h>
#include <string.h>

enum {
    STEP = 16,       /* tokens: contexts are proposed in multiples of it */
    TRIALS = 1 << 20 /* bytes: more than the largest case of an op has */
};

/* Bytes that a session takes besides the weights. */
typedef struct demand {
    int64_t context; /* tokens */
    int64_t chunk;   /* tokens of a step at most: fewer where memory is short */
    uint64_t caches;
    uint64_t temporaries;
    uint64_t largest; /* of these in one buffer */
} demand;

/* ---- rehearsal ---- */

/* Caches of the whole context; with a chunk, also the plan of the largest step of a prompt, which
 * takes more than those of others: they share memory. */
static pencl_status rehearse_session(demand *out, pencl_lm *stage, const pn_rehearsal *r)
{
    const pn_session_config config = {
        .batch = {.dtype = PENCL_I32}, .context = out->context, .slots = out->context};
    const pn_feed feed = {.wanted = PENCL_LOGITS_LAST};
    const size_t before = r->now;
    pencl_session *s = NULL;
    pn_plan *plan = NULL;
    PENCL_TRY(pn_session_open(&s, stage, &config));
    out->caches = r->now - before;
    pencl_status st = PENCL_OK;
    if (out->chunk > 0) {
        st = pn_session_plan(&plan, s, &feed, pn_session_step_size(out->context, out->chunk));
    }
    out->temporaries = r->now - before - out->caches;
    out->largest = r->largest;
    pencl_session_free(s);
    return st;
}

static pencl_status rehearse(demand *out, const pencl_lm *lm, int64_t context, int64_t chunk)
{
    pn_rehearsal r = {.any_size = true};
    pencl_lm *stage = NULL; /* the plans of the real one stay */
    *out = (demand){.context = context, .chunk = chunk};
    pn_rehearsal *outer = pn_device_rehearse(lm->device, &r);
    pencl_status st = pencl_lm_new(&stage, lm->device, lm->body, &lm->metadata);
    if (st == PENCL_OK) {
        st = rehearse_session(out, stage, &r);
    }
    pencl_lm_free(stage);
    pn_device_rehearse(lm->device, outer);
    return st;
}

/* ---- weights ---- */

typedef struct weights {
    bool loaded; /* else they are still to come: the wrapper is rehearsed itself */
    uint64_t bytes;
    uint64_t n; /* elements */
    int n_seen;
    int room;
    const pn_cell **seen;
} weights;

static bool is_seen(const weights *w, const pn_cell *cell)
{
    for (int i = 0; i < w->n_seen; i++) {
        if (w->seen[i] == cell) {
            return true;
        }
    }
    return false;
}

static bool add_variable(weights *w, const pencl_variable *variable)
{
    const pn_cell *cell = pn_variable_cell(variable);
    if (cell == NULL || is_seen(w, cell)) {
        return true;
    }
    if (w->n_seen == w->room) {
        const int room = w->room > 0 ? 2 * w->room : 64;
        const pn_cell **seen = pn_realloc(w->seen, (size_t)room, sizeof *seen);
        if (seen == NULL) {
            return false;
        }
        w->seen = seen;
        w->room = room;
    }
    w->seen[w->n_seen++] = cell;
    w->bytes += pn_store_bytes(pn_cell_store(cell));
    w->n += (uint64_t)pn_spec_count(&pn_cell_store(cell)->spec);
    return true;
}

static bool add_weights(weights *w, const pencl_layer *layer)
{
    bool ok = true;
    for (pn_child at = {0}; ok && pn_next_child(&at, layer);) {
        ok = at.node.layer != NULL ? add_weights(w, at.node.layer)
                                   : add_variable(w, at.node.variable);
    }
    return ok;
}

/* Each variable once, whoever shares it. */
static pencl_status sum_weights(weights *out, const pencl_lm *lm)
{
    *out = (weights){.loaded = !pn_device_rehearses(lm->device)};
    const bool ok = add_weights(out, lm->body);
    pn_free(out->seen);
    return ok ? PENCL_OK : PN_NOMEM(lm->ctx);
}

/* ---- does it fit? ---- */

/* Temporaries that the wrapper has already are not needed once more; kernels are tried out on small
 * cases beside everything else. */
static uint64_t room_for(const pencl_lm *lm)
{
    const uint64_t trials = pn_device_caps(lm->device)->is_ref ? 0 : TRIALS;
    const uint64_t room = pn_device_memory_free(lm->device) + pn_pool_bytes(lm->pool);
    return room > trials ? room - trials : 0;
}

static bool fits(const pencl_lm *lm, const demand *need, uint64_t more)
{
    const uint64_t room = room_for(lm);
    return need->largest <= pn_device_caps(lm->device)->max_alloc && more <= room &&
           need->caches <= room - more && need->temporaries <= room - more - need->caches;
}

/* More than the largest step takes, by its numbers alone: scores of every head and slot, as the
 * unfused attention has them, and many rows of every other kind that a token has. */
static uint64_t surely_enough(const pencl_lm *lm, int64_t context)
{
    enum { ROWS = 32 };
    const pencl_transformer_metadata *m = &lm->metadata;
    const double heads = (double)pn_metadata_heads(m);
    const double values =
        (double)m->embedding_dim + (double)m->mlp_hidden_dim + heads * (double)m->projection_dim;
    const double token = ROWS * values + 4 * heads * (double)context;
    const double bytes = sizeof(float) * (PN_CHUNK * token + 2 * (double)m->vocab_size);
    return bytes < (double)UINT64_MAX / 2 ? (uint64_t)bytes : UINT64_MAX / 2;
}

/* Whether there is so much room that no plan needs to be made to know it. */
static pencl_status has_ample(bool *out, const pencl_lm *lm, int64_t context, uint64_t more)
{
    demand need;
    const uint64_t bound = surely_enough(lm, context);
    PENCL_TRY(rehearse(&need, lm, context, 0));
    need.temporaries = bound;
    need.largest = need.largest > bound ? need.largest : bound;
    *out = fits(lm, &need, more);
    return PENCL_OK;
}

/* The longest steps that there is room for. */
static pencl_status find_need(demand *out, const pencl_lm *lm, int64_t context, uint64_t more)
{
    for (int64_t chunk = PN_CHUNK; chunk >= PN_LEAST_CHUNK; chunk /= 4) {
        PENCL_TRY(rehearse(out, lm, context, chunk));
        if (fits(lm, out, more)) {
            break;
        }
    }
    return PENCL_OK;
}

/* ---- what would fit ---- */

typedef struct refusal {
    const pencl_lm *lm;
    const demand *need;
    const weights *w;
    uint64_t more; /* bytes of the weights if they are still to come */
    pn_text text;
    int n; /* proposals */
} refusal;

static void add_bytes(pn_text *out, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < PN_COUNT(units); unit++) {
        value /= 1024;
    }
    pn_text_add(out, "%.1f %s", value, units[unit]);
}

static void begin_proposal(refusal *r)
{
    pn_text_add(&r->text, "%s", r->n++ == 0 ? ". What would fit: " : "; ");
}

/* The longest context that fits, below the one that does not. */
static void propose_context(refusal *r)
{
    int64_t good = 0; /* in steps */
    int64_t bad = (r->need->context + STEP - 1) / STEP;
    while (bad - good > 1) {
        const int64_t half = good + (bad - good) / 2;
        demand shorter;
        const bool ok = rehearse(&shorter, r->lm, half * STEP, PN_LEAST_CHUNK) == PENCL_OK &&
                        fits(r->lm, &shorter, r->more);
        *(ok ? &good : &bad) = half;
    }
    if (good > 0) {
        begin_proposal(r);
        pn_text_add(&r->text, "a context of %" PRId64 " tokens", good * STEP);
    }
}

/* The first of the list with room for everything. */
static void propose_device(refusal *r)
{
    const pencl_device_info *own = pencl_device_describe(r->lm->device);
    const uint64_t total = r->w->bytes + r->need->caches + r->need->temporaries;
    pencl_device_list *list = NULL;
    if (own->type == PENCL_DEVICE_REF || /* which opens no drivers */
        pencl_device_list_new(&list, r->lm->ctx) != PENCL_OK) {
        return;
    }
    for (size_t i = 0; i < list->n_devices; i++) {
        const pencl_device_info *d = &list->devices[i];
        if (d->usable && !d->software && d->type != PENCL_DEVICE_REF &&
            strcmp(d->id, own->id) != 0 && d->memory >= total && d->max_alloc >= r->need->largest) {
            begin_proposal(r);
            pn_text_add(&r->text, "the device %s (%s)", d->id, d->name);
            break;
        }
    }
    pencl_device_list_free(list);
}

/* The largest type whose weights leave so much room; NULL: none. */
static const pn_dtype *smaller_type(const refusal *r, uint64_t session, uint64_t *bytes)
{
    const uint64_t loaded = r->w->bytes - r->more; /* would be gone */
    const uint64_t room = room_for(r->lm) + loaded;
    const pn_dtype *best = NULL;
    *bytes = 0;
    for (int i = 0; i < PENCL_DTYPE_COUNT; i++) {
        const pn_dtype *type = pn_dtype_of((pencl_dtype)i);
        const uint64_t size = r->w->n / type->block * type->block_bytes;
        if (i != PENCL_I32 && size < r->w->bytes && size > *bytes && session <= room &&
            size <= room - session) {
            best = type;
            *bytes = size;
        }
    }
    return best;
}

/* With the whole context; or, where nothing else is left, with a short one. */
static void propose_type(refusal *r)
{
    demand need = *r->need;
    uint64_t bytes = 0;
    const bool shorter = r->n == 0 && rehearse(&need, r->lm, STEP, PN_LEAST_CHUNK) == PENCL_OK;
    const pn_dtype *type = smaller_type(r, r->need->caches + r->need->temporaries, &bytes);
    if (type == NULL && shorter) {
        type = smaller_type(r, need.caches + need.temporaries, &bytes);
    } else {
        need = *r->need;
    }
    if (type != NULL && need.largest <= pn_device_caps(r->lm->device)->max_alloc) {
        begin_proposal(r);
        pn_text_add(&r->text, "weights in %s, about ", type->name);
        add_bytes(&r->text, bytes);
        pn_text_add(&r->text, "%s", need.context < r->need->context ? ", in a short context" : "");
    }
}

/* "FILE does not fit on DEVICE: weights W, caches C for N tokens, ..." */
static void add_figures(refusal *r, const char *what)
{
    pn_text *out = &r->text;
    const demand *need = r->need;
    const uint64_t most = pn_device_caps(r->lm->device)->max_alloc;
    pn_text_add(out, "%s does not fit on %s: ", what, pencl_device_describe(r->lm->device)->id);
    if (r->more > 0) {
        pn_text_add(out, "weights ");
        add_bytes(out, r->more);
        pn_text_add(out, ", ");
    }
    pn_text_add(out, "caches ");
    add_bytes(out, need->caches);
    pn_text_add(out, " for %" PRId64 " tokens, temporaries ", need->context);
    add_bytes(out, need->temporaries);
    pn_text_add(out, ", together ");
    add_bytes(out, r->more + need->caches + need->temporaries);
    pn_text_add(out, "; ");
    add_bytes(out, room_for(r->lm));
    pn_text_add(out, " are free");
    if (need->largest > most) {
        pn_text_add(out, ", and of ");
        add_bytes(out, need->largest);
        pn_text_add(out, " in one buffer at most ");
        add_bytes(out, most);
        pn_text_add(out, " can be had");
    }
}

static pencl_status
refuse(const pencl_lm *lm, const demand *need, const weights *w, const char *what)
{
    refusal r = {.lm = lm, .need = need, .w = w, .more = w->loaded ? 0 : w->bytes};
    add_figures(&r, what);
    propose_context(&r);
    propose_device(&r);
    propose_type(&r);
    pn_error_clear(lm->ctx); /* of what was tried */
    const pencl_status st = r.text.failed
                                ? PN_NOMEM(lm->ctx)
                                : PN_FAIL(lm->ctx, PENCL_E_LIMIT, "%s", pn_text_get(&r.text));
    pn_text_free(&r.text);
    return st;
}

pencl_status
pn_lm_check_memory(int64_t *chunk, const pencl_lm *lm, int64_t context, const char *what)
{
    weights w;
    demand need;
    bool ample = false;
    *chunk = PN_CHUNK;
    PENCL_TRY(sum_weights(&w, lm));
    const uint64_t more = w.loaded ? 0 : w.bytes;
    PENCL_TRY(has_ample(&ample, lm, context, more));
    if (ample) {
        return PENCL_OK;
    }
    PENCL_TRY(find_need(&need, lm, context, more));
    *chunk = need.chunk;
    return fits(lm, &need, more) ? PENCL_OK : refuse(lm, &need, &w, what);
}

pencl_status pencl_lm_memory(pencl_memory *out, pencl_lm *lm, int64_t context)
{
    weights w;
    demand need;
    pn_error_clear(lm->ctx);
    PENCL_TRY(pn_session_check(lm->ctx, context));
    PENCL_TRY(sum_weights(&w, lm));
    PENCL_TRY(find_need(&need, lm, context, 0));
    *out = (pencl_memory){.context = context,
                          .weights = w.bytes,
                          .caches = need.caches,
                          .temporaries = need.temporaries,
                          .total = w.bytes + need.caches + need.temporaries};
    return PENCL_OK;
}
