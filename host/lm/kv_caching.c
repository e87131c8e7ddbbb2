/* SPDX-License-Identifier: Apache-2.0 */
/* Key-value caching: a copy of a body whose Attention layers keep keys and values in variables.
 *
 * The cache of keys lies as rows16 on devices (16 tokens side by side: one vector of scores), that
 * of values as rows. A slot is a token's place in the cache; what a query sees is decided by the
 * positions that are cached beside, never by slots. */
#include "lm/lm.h"

#include <stdio.h>
#include <string.h>

/* ---- the layer ---- */

/* New rows into the cache; the result looks like fresh keys: its slots are called "seq". */
static pencl_value *
extend(const pencl_layer *self, const char *field, pencl_value *x, pencl_value *counts)
{
    if (x == NULL || counts == NULL) {
        return NULL;
    }
    pencl_value *cache = pencl_value_of(pencl_layer_variable(self, field), x);
    return pencl_value_rename(pn_value_cache_write(cache, x, counts), PENCL_AXIS_KV_SEQ,
                              PENCL_AXIS_SEQ);
}

static pencl_value *
call(const pencl_layer *self, const char *field, pencl_value *x, const pencl_side_inputs *side)
{
    return x == NULL ? NULL : pencl_layer_call(pencl_layer_child(self, field, 0), x, side);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *counts = pencl_side_need(side, PN_SIDE_COUNTS, x);
    pencl_value *query = call(self, "input_to_query", x, side);
    pencl_value *key = extend(self, "key_cache", call(self, "input_to_key", x, side), counts);
    pencl_value *value = extend(self, "value_cache", call(self, "input_to_value", x, side), counts);

    pencl_value *query_key = pencl_value_tuple((pencl_value *[]){query, key}, 2);
    pencl_value *attn = call(self, "query_key_to_attn", query_key, side);

    pencl_value *attn_value = pencl_value_tuple((pencl_value *[]){attn, value}, 2);
    return call(self, "attn_value_to_output", attn_value, side);
}

static const pencl_field fields[] = {
    {"input_to_query", PENCL_FIELD_LAYER},       {"input_to_key", PENCL_FIELD_LAYER},
    {"input_to_value", PENCL_FIELD_LAYER},       {"query_key_to_attn", PENCL_FIELD_LAYER},
    {"attn_value_to_output", PENCL_FIELD_LAYER}, {"key_cache", PENCL_FIELD_VARIABLE},
    {"value_cache", PENCL_FIELD_VARIABLE},       {0}};

const pencl_layer_type pn_layer_KVCachingAttention = {
    .name = "KVCachingAttention",
    .doc = "Attention over all cached keys and values, the new ones included",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 109.6380615234375 / 1.0)",
};

/* ---- caches ---- */

static int count_attention(pencl_layer *layer)
{
    if (strcmp(pencl_layer_type_of(layer)->name, "Attention") == 0) {
        return 1;
    }
    int n = 0;
    pn_child child = {0};
    while (pn_next_child(&child, pencl_layer_node(layer))) {
        n += child.node.layer != NULL ? count_attention(child.node.layer) : 0;
    }
    return n;
}

static pencl_status new_cache(pencl_variable **out,
                              const pencl_lm *lm,
                              const char *label,
                              const pn_spec *spec,
                              const pn_layout *layout)
{
    pn_store *store = NULL;
    PENCL_TRY(pn_store_new(&store, lm->device, spec, 1, layout));
    pencl_status st = PENCL_OK;
    if (store->n_parts != 1) {
        st = PN_FAIL(
            lm->ctx, PENCL_E_LIMIT,
            "%s: %zu bytes exceed the device's largest allocation; ask for a shorter context",
            label, pn_store_bytes(store));
    }
    if (st == PENCL_OK) {
        /* Zeros, as in penzai: an unfused attention multiplies hidden slots by a weight of 0. */
        const pn_part *part = &store->parts[0];
        st = pn_buffer_fill(part->buffer, part->offset, part->bytes, 0);
    }
    if (st == PENCL_OK) {
        st = pn_variable_new(out, lm->ctx, PENCL_STATE, label, store);
    }
    pn_store_free(store);
    return st;
}

/* [kv_seq, common head axes, projection] */
static pn_spec cache_spec(const pencl_lm_metadata *m, int64_t capacity)
{
    pn_spec spec = {.dtype = PENCL_F32};
    pn_spec_push(&spec, PENCL_AXIS_KV_SEQ, capacity);
    for (int i = 0; i < m->n_common; i++) {
        pn_spec_push(&spec, m->common_head_axes[i].name, m->common_head_axes[i].size);
    }
    pn_spec_push(&spec, PENCL_AXIS_PROJECTION, m->projection_dim);
    return spec;
}

static pencl_status fill_caches(pn_caches *c, const pencl_lm *lm)
{
    bool is_ref = pn_device_caps(lm->device)->is_ref;
    pn_spec spec = cache_spec(&lm->metadata, c->capacity);
    for (int i = 0; i + 1 < c->n; i++) {
        bool key = i % 2 == 0;
        char label[64];
        snprintf(label, sizeof label, "sampler/cache_%d.%s", i / 2, key ? "key" : "value");
        PENCL_TRY(new_cache(&c->variables[i], lm, label, &spec,
                            key && !is_ref ? &pn_layout_rows16 : &pn_layout_plain));
    }
    pn_spec positions = {.dtype = PENCL_I32};
    pn_spec_push(&positions, PENCL_AXIS_KV_SEQ, c->capacity);
    pencl_variable **last = &c->variables[c->n - 1];
    PENCL_TRY(new_cache(last, lm, "sampler/kv_token_positions", &positions, &pn_layout_plain));
    const pn_part *part = &pn_variable_store(*last)->parts[0];
    return pn_buffer_fill(part->buffer, part->offset, part->bytes, 0xFF);
}

pencl_status pn_caches_new(pn_caches *out, const pencl_lm *lm, int64_t capacity)
{
    pn_caches c = {.capacity = capacity, .n = 2 * count_attention(lm->body) + 1};
    c.variables = pn_calloc((size_t)c.n, sizeof *c.variables);
    if (c.variables == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    pencl_status st = fill_caches(&c, lm);
    if (st != PENCL_OK) {
        pn_caches_free(&c);
        return st;
    }
    *out = c;
    return PENCL_OK;
}

void pn_caches_free(pn_caches *c)
{
    for (int i = 0; i < c->n; i++) {
        pencl_variable_free(c->variables[i]);
    }
    pn_free(c->variables);
    *c = (pn_caches){0};
}

pencl_status pn_caches_copy(const pn_caches *to, const pn_caches *from, int64_t n)
{
    int64_t rows = (n + 15) / 16 * 16; /* rows16 keeps 16 tokens together */
    for (int i = 0; i < from->n; i++) {
        const pn_store *a = pn_variable_store(from->variables[i]);
        const pn_store *b = pn_variable_store(to->variables[i]);
        size_t row_bytes = a->parts[0].bytes / (size_t)a->matrix.rows;
        PENCL_TRY(pn_buffer_copy(b->parts[0].buffer, b->parts[0].offset, a->parts[0].buffer,
                                 a->parts[0].offset, (size_t)rows * row_bytes));
    }
    return PENCL_OK;
}

/* ---- the body over caches ---- */

typedef struct conversion {
    pencl_lm *lm;
    const pn_caches *caches;
    int next; /* Attention layers converted so far */
    bool inside;
} conversion;

static pencl_layer *convert(conversion *c, pencl_layer *layer);

/* Masks inside a caching attention compare with the cached tokens' positions. */
static void use_cached_positions(pencl_attribute *a, int n)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(a[i].name, "kv_positions_input_name") == 0 &&
            strcmp(a[i].text, PN_SIDE_TOKEN_POSITIONS) == 0) {
            a[i].text = PN_SIDE_KV_TOKEN_POSITIONS;
        }
    }
}

/* Converted copies of the attribute's layers: owned by the caller. */
static bool convert_children(conversion *c, pencl_attribute *a)
{
    pencl_layer **copies = pn_calloc((size_t)a->n + 1, sizeof(pencl_layer *));
    bool ok = copies != NULL;
    for (int i = 0; ok && i < a->n; i++) {
        copies[i] = convert(c, a->layers[i]);
        ok = copies[i] != NULL;
    }
    a->layers = copies;
    return ok;
}

static pencl_layer *convert(conversion *c, pencl_layer *layer)
{
    enum { MOST = 16 };
    pencl_attribute a[MOST] = {{0}};
    int n = 0;
    const pencl_attribute *old = pencl_layer_attributes(layer, &n);
    const pencl_layer_type *type = pencl_layer_type_of(layer);
    bool attention = !c->inside && strcmp(type->name, "Attention") == 0;
    if (n + 2 > MOST) {
        PN_FAIL(c->lm->ctx, PENCL_E_LIMIT, "%s: too many fields", type->name);
        return NULL;
    }
    c->inside |= attention;
    bool ok = true;
    for (int i = 0; i < n; i++) {
        a[i] = old[i];
        bool children = a[i].layers != NULL;
        a[i].layers = ok || !children ? a[i].layers : NULL;
        ok = ok && (!children || convert_children(c, &a[i]));
    }
    if (c->inside) {
        use_cached_positions(a, n);
    }
    int own = n;
    if (attention) {
        int at = 2 * c->next++;
        a[n++] = (pencl_attribute){.name = "key_cache",
                                   .kind = PENCL_FIELD_VARIABLE,
                                   .variable = c->caches->variables[at]};
        a[n++] = (pencl_attribute){.name = "value_cache",
                                   .kind = PENCL_FIELD_VARIABLE,
                                   .variable = c->caches->variables[at + 1]};
        type = &pn_layer_KVCachingAttention;
        c->inside = false;
    }
    pencl_layer *out = NULL;
    if (ok && pn_layer_new(&out, c->lm->ctx, type, a, n) != PENCL_OK) {
        out = NULL;
    }
    for (int i = 0; i < own; i++) {
        for (int k = 0; a[i].layers != NULL && k < a[i].n; k++) {
            pencl_layer_free(a[i].layers[k]);
        }
        pn_free((void *)a[i].layers);
    }
    return out;
}

pencl_status pn_caching_body(pencl_layer **out, pencl_lm *lm, const pn_caches *caches)
{
    conversion c = {.lm = lm, .caches = caches};
    *out = convert(&c, lm->body);
    if (*out != NULL) {
        return PENCL_OK;
    }
    return lm->ctx->error.status != PENCL_OK ? lm->ctx->error.status : PN_NOMEM(lm->ctx);
}
