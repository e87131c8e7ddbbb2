/* SPDX-License-Identifier: Apache-2.0 */
/* Key-value caching: a copy of a body whose Attention layers keep keys and values in variables. */
#include "lm/caches.h"

#include <string.h>

/* ---- the layer ---- */

/* New rows into the cache; the result looks like fresh keys: its slots, as many as there are cached
 * positions, are called "seq". */
static pencl_value *
extend(const pencl_layer *self, const char *field, pencl_value *x, const pencl_side_inputs *side)
{
    if (x == NULL) {
        return NULL;
    }
    pencl_value *counts = pencl_side_need(side, PN_SIDE_COUNTS, x);
    pencl_value *positions = pencl_side_need(side, PN_SIDE_KV_TOKEN_POSITIONS, x);
    if (counts == NULL || positions == NULL) {
        return NULL;
    }
    pencl_value *cache = pencl_value_of(pencl_layer_variable(self, field), x);
    pencl_value *all = pn_value_cache_write(cache, x, counts);
    int64_t slots = pencl_value_size(positions, PENCL_AXIS_KV_SEQ);
    return pencl_value_rename(pencl_value_slice(all, PENCL_AXIS_KV_SEQ, 0, slots),
                              PENCL_AXIS_KV_SEQ, PENCL_AXIS_SEQ);
}

static pencl_value *
call(const pencl_layer *self, const char *field, pencl_value *x, const pencl_side_inputs *side)
{
    return x == NULL ? NULL : pencl_layer_call(pencl_layer_child(self, field, 0), x, side);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_value *query = call(self, "input_to_query", x, side);
    pencl_value *key = extend(self, "key_cache", call(self, "input_to_key", x, side), side);
    pencl_value *value = extend(self, "value_cache", call(self, "input_to_value", x, side), side);

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

/* ---- the body over caches ---- */

typedef struct conversion {
    pencl_ctx *ctx;
    const pn_caches *caches;
    int next; /* Attention layers converted so far */
    bool inside;
} conversion;

static pencl_layer *convert(conversion *c, pencl_layer *layer);

/* Masks inside a caching attention compare with the cached tokens' positions. (A body whose masks
 * read others does not fit its metadata, see metadata.c.) */
static void use_cached_positions(pencl_attribute *a, int n)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(a[i].name, "kv_positions_input_name") == 0) {
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
        PN_FAIL(c->ctx, PENCL_E_LIMIT, "%s: too many fields", type->name);
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
    if (ok && pn_layer_new(&out, c->ctx, type, a, n) != PENCL_OK) {
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

pencl_status
pn_caching_body(pencl_layer **out, pencl_ctx *ctx, pencl_layer *body, const pn_caches *caches)
{
    conversion c = {.ctx = ctx, .caches = caches};
    *out = convert(&c, body);
    if (*out != NULL) {
        return PENCL_OK;
    }
    return ctx->error.status != PENCL_OK ? ctx->error.status : PN_NOMEM(ctx);
}
