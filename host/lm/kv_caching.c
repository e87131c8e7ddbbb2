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

/* ---- one layer of a stack ---- */

/* In a LayerStack all layers share one prototype; with caches of its own each stands by itself. */
static pencl_value *
apply_at_index(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    pencl_graph *g = x->graph;
    const pn_slice slice = {.outer = g->slices,
                            .axis = pencl_layer_text(self, "stack_axis"),
                            .index = (int64_t)pencl_layer_number(self, "index")};
    g->slices = &slice;
    x = call(self, "stacked_sublayers", x, side);
    g->slices = slice.outer;
    return x;
}

static const pencl_field fields_at_index[] = {{"stacked_sublayers", PENCL_FIELD_LAYER},
                                              {"stack_axis", PENCL_FIELD_TEXT},
                                              {"index", PENCL_FIELD_NUMBER},
                                              {0}};

static const pencl_layer_type layer_AtStackIndex = {
    .name = "AtStackIndex",
    .doc = "stacked_sublayers at one index of stack_axis",
    .fields = fields_at_index,
    .apply = apply_at_index,
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

/* The stack's layers one after another, each converted by itself. */
static pencl_layer *convert_stack(conversion *c, const pencl_layer *stack)
{
    pn_layers list = {0};
    const int64_t n = (int64_t)pencl_layer_number(stack, "stack_axis_size");
    for (int64_t i = 0; i < n && !list.failed; i++) {
        pencl_layer *one = NULL;
        pencl_layer *inside = convert(c, pencl_layer_child(stack, "stacked_sublayers", 0));
        const pencl_attribute a[] = {
            {.name = "stacked_sublayers", .kind = PENCL_FIELD_LAYER, .layers = &inside, .n = 1},
            {.name = "stack_axis",
             .kind = PENCL_FIELD_TEXT,
             .text = pencl_layer_text(stack, "stack_axis")},
            {.name = "index", .kind = PENCL_FIELD_NUMBER, .number = (double)i}};
        if (inside == NULL ||
            pn_layer_new(&one, c->ctx, &layer_AtStackIndex, a, PN_COUNT(a)) != PENCL_OK) {
            one = NULL;
        }
        pencl_layer_free(inside);
        pn_layers_add(&list, one);
    }
    return pn_nn_list_of(c->ctx, "Sequential", &list);
}

static pencl_layer *convert(conversion *c, pencl_layer *layer)
{
    enum { MOST = 16 };
    pencl_attribute a[MOST] = {{0}};
    int n = 0;
    const pencl_attribute *old = pencl_layer_attributes(layer, &n);
    const pencl_layer_type *type = pencl_layer_type_of(layer);
    bool attention = !c->inside && strcmp(type->name, "Attention") == 0;
    if (!c->inside && strcmp(type->name, "LayerStack") == 0) {
        return convert_stack(c, layer);
    }
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
