/* SPDX-License-Identifier: Apache-2.0 */
/* Caches of keys and values: storage, growth, emptying. */
#include "lm/caches.h"

#include <stdio.h>
#include <string.h>

/* ---- making ---- */

/* The rows of a cache are its slots: those of one batch entry side by side. */
static pencl_status new_cache(pencl_variable **out,
                              const pencl_lm *lm,
                              const char *label,
                              const pn_spec *spec,
                              const pn_layout *layout)
{
    pn_store *store = NULL;
    int n_row_axes = pn_spec_find(spec, PENCL_AXIS_KV_SEQ) + 1;
    PENCL_TRY(pn_store_new(&store, lm->device, spec, n_row_axes, layout));
    pencl_status st = PENCL_OK;
    if (store->n_parts > 1) {
        st = PN_FAIL(
            lm->ctx, PENCL_E_LIMIT,
            "%s: %zu bytes exceed the device's largest allocation; ask for a shorter context",
            label, pn_store_bytes(store));
    }
    if (st == PENCL_OK) {
        st = pn_variable_new(out, lm->ctx, PENCL_STATE, label, store);
    }
    pn_store_free(store);
    return st;
}

static int64_t up_to_16(int64_t n)
{
    return (n + 15) / 16 * 16; /* rows16 keeps 16 tokens together */
}

/* The stacks around a layer, innermost first. */
typedef struct stack {
    const struct stack *outer;
    const char *axis;
    int64_t size;
} stack;

typedef struct filling {
    pn_caches *c;
    const pencl_lm *lm;
    pn_spec slots; /* int32 [batch.., kv_seq] */
} filling;

/* [stacks.., batch.., kv_seq, common head axes, projection]: a layer of a stack finds its own part
 * in one piece. */
static pencl_status cache_spec(pn_spec *spec, const filling *f, const stack *stacks)
{
    const pencl_transformer_metadata *m = &f->lm->metadata;
    int n = f->slots.n_axes + m->n_common + 1;
    for (const stack *s = stacks; s != NULL; s = s->outer) {
        n++;
    }
    if (n > PENCL_MAX_AXES) {
        return PN_FAIL(f->lm->ctx, PENCL_E_LIMIT, "caches: more than %d axes", PENCL_MAX_AXES);
    }
    *spec = (pn_spec){.dtype = PENCL_F32};
    for (const stack *s = stacks; s != NULL; s = s->outer) {
        pn_spec_push(spec, s->axis, s->size);
    }
    for (int i = 0; i < f->slots.n_axes; i++) {
        pn_spec_push(spec, f->slots.axes[i].name, f->slots.axes[i].size);
    }
    for (int i = 0; i < m->n_common; i++) {
        pn_spec_push(spec, m->common_head_axes[i].name, m->common_head_axes[i].size);
    }
    pn_spec_push(spec, PENCL_AXIS_PROJECTION, m->projection_dim);
    return pn_spec_check(f->lm->ctx, spec, "caches");
}

/* What LayerStack asks of a state: "inner=PER_LAYER outer=PER_LAYER". */
static pencl_status tell_stacks(pencl_variable *cache, pencl_ctx *ctx, const stack *stacks)
{
    pn_text text = {0};
    for (const stack *s = stacks; s != NULL; s = s->outer) {
        pn_text_add(&text, "%s%s=PER_LAYER", s == stacks ? "" : " ", s->axis);
    }
    pencl_status st = text.failed ? PN_NOMEM(ctx) : PENCL_OK;
    if (st == PENCL_OK && stacks != NULL) {
        st = pencl_variable_set_metadata(cache, "layerstack_axes", pn_text_get(&text));
    }
    pn_text_free(&text);
    return st;
}

static pencl_status add_caches(filling *f, const stack *stacks)
{
    bool is_ref = pn_device_caps(f->lm->device)->is_ref;
    pn_spec spec;
    PENCL_TRY(cache_spec(&spec, f, stacks));
    for (int k = 0; k < 2; k++) {
        const bool key = k == 0;
        pencl_variable **cache = &f->c->variables[f->c->n];
        char label[64];
        snprintf(label, sizeof label, "sampler/cache_%d.%s", f->c->n / 2, key ? "key" : "value");
        PENCL_TRY(new_cache(cache, f->lm, label, &spec,
                            key && !is_ref ? &pn_layout_rows16 : &pn_layout_plain));
        f->c->n++;
        PENCL_TRY(tell_stacks(*cache, f->lm->ctx, stacks));
    }
    return PENCL_OK;
}

/* Calls `found` for each Attention in traversal order. */
static pencl_status walk(pencl_layer *layer,
                         const stack *stacks,
                         pencl_status (*found)(filling *f, const stack *stacks),
                         filling *f)
{
    const pencl_layer_type *type = pencl_layer_type_of(layer);
    if (strcmp(type->name, "Attention") == 0) {
        return found(f, stacks);
    }
    const bool stacked = strcmp(type->name, "LayerStack") == 0;
    const stack own = {.outer = stacks,
                       .axis = pencl_layer_text(layer, "stack_axis"),
                       .size = (int64_t)pencl_layer_number(layer, "stack_axis_size")};
    pn_child child = {0};
    while (pn_next_child(&child, layer)) {
        if (child.node.layer != NULL) {
            PENCL_TRY(walk(child.node.layer, stacked ? &own : stacks, found, f));
        }
    }
    return PENCL_OK;
}

static pencl_status count(filling *f, const stack *stacks)
{
    (void)stacks;
    f->c->n += 2;
    return PENCL_OK;
}

static pencl_status fill_caches(pn_caches *c, const pencl_lm *lm, const pn_spec *batch)
{
    filling f = {.c = c, .lm = lm, .slots = *batch};
    f.slots.dtype = PENCL_I32;
    pn_spec_push(&f.slots, PENCL_AXIS_KV_SEQ, c->capacity);
    PENCL_TRY(walk(lm->body, NULL, count, &f));
    c->variables = pn_calloc((size_t)c->n + 1, sizeof(pencl_variable *));
    c->n = 0;
    if (c->variables == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    PENCL_TRY(walk(lm->body, NULL, add_caches, &f));
    PENCL_TRY(new_cache(&c->variables[c->n], lm, "sampler/kv_token_positions", &f.slots,
                        &pn_layout_plain));
    c->n++;
    return PENCL_OK;
}

pencl_status pn_caches_new(pn_caches **out, const pencl_lm *lm, const pn_spec *batch, int64_t most)
{
    pn_caches *c = pn_calloc(1, sizeof *c);
    if (c == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    *c = (pn_caches){.refs = 1,
                     .ctx = lm->ctx,
                     .most = most,
                     .capacity = up_to_16(most),
                     .n_batch = pn_spec_count(batch)};
    pencl_status st = fill_caches(c, lm, batch);
    if (st != PENCL_OK) {
        pn_caches_free(c);
        return st;
    }
    *out = c;
    return PENCL_OK;
}

pn_caches *pn_caches_ref(pn_caches *c)
{
    c->refs++;
    return c;
}

/* Plans are kept for the next session, and with them stores that they will not read again. */
static void give_back(const pencl_variable *cache)
{
    if (pn_variable_is_own(cache)) {
        pn_buffer *buffer = pn_variable_store(cache)->parts[0].buffer;
        if (pn_buffer_count(buffer) == 1) {
            pn_buffer_clear(buffer);
        }
    }
}

void pn_caches_free(pn_caches *c)
{
    if (c == NULL || --c->refs > 0) {
        return;
    }
    for (int i = 0; c->variables != NULL && i < c->n; i++) {
        give_back(c->variables[i]);
        pencl_variable_free(c->variables[i]);
    }
    pn_free(c->variables);
    pn_free(c);
}

/* ---- content ---- */

pencl_variable *pn_caches_positions(const pn_caches *c)
{
    return c->variables[c->n - 1];
}

pencl_status pn_caches_copy(const pn_caches *to, const pn_caches *from, int64_t n)
{
    size_t rows = (size_t)up_to_16(n);
    for (int i = 0; rows > 0 && i < from->n; i++) {
        const pn_store *store = pn_variable_store(from->variables[i]);
        const pn_part *a = &store->parts[0];
        const pn_part *b = &pn_variable_store(to->variables[i])->parts[0];
        size_t row_bytes = a->bytes / (size_t)store->matrix.rows;
        int64_t sequences = store->matrix.rows / from->capacity; /* of every layer of a stack */
        for (int64_t k = 0; k < sequences; k++) {
            PENCL_TRY(pn_buffer_copy(
                b->buffer, b->offset + (size_t)(k * to->capacity) * row_bytes, a->buffer,
                a->offset + (size_t)(k * from->capacity) * row_bytes, rows * row_bytes));
        }
    }
    return PENCL_OK;
}

/* Slots first .. end - 1 of a cache, of every sequence and layer of a stack. */
static pencl_status
fill_slots(const pn_caches *c, pn_store *store, int64_t first, int64_t end, unsigned char value)
{
    const pn_part *part = &store->parts[0];
    const size_t row_bytes = part->bytes / (size_t)store->matrix.rows;
    const int64_t sequences = store->matrix.rows / c->capacity;
    for (int64_t k = 0; k < sequences; k++) {
        const size_t at = part->offset + (size_t)(k * c->capacity + first) * row_bytes;
        PENCL_TRY(pn_buffer_fill(part->buffer, at, (size_t)(end - first) * row_bytes, value));
    }
    return PENCL_OK;
}

/* Zeros, as in penzai: an unfused attention multiplies hidden slots by a weight of 0. */
pencl_status pn_caches_use(pn_caches *c, int64_t slots)
{
    slots = slots < c->most ? slots : c->most;
    const int64_t first = up_to_16(c->slots);
    const int64_t end = up_to_16(slots);
    for (int i = 0; first < end && i + 1 < c->n; i++) {
        pn_store *store = NULL;
        PENCL_TRY(pn_variable_writable(&store, c->variables[i]));
        PENCL_TRY(fill_slots(c, store, first, end, 0));
    }
    if (first < end) {
        pn_store *store = NULL;
        PENCL_TRY(pn_variable_writable(&store, pn_caches_positions(c)));
        PENCL_TRY(fill_slots(c, store, first, end, 0xFF));
    }
    c->slots = slots > c->slots ? slots : c->slots;
    return PENCL_OK;
}

pencl_status pn_caches_empty(const pn_caches *c, int64_t slot)
{
    pn_store *store = NULL;
    const int64_t end = up_to_16(c->slots);
    PENCL_TRY(pn_variable_writable(&store, pn_caches_positions(c)));
    return slot < end ? fill_slots(c, store, slot, end, 0xFF) : PENCL_OK;
}
