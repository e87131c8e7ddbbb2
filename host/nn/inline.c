/* SPDX-License-Identifier: Apache-2.0 */
/* Groups in groups made flat: penzai's inline_groups. */
#include "nn/layers.h"

#include <string.h>

typedef struct inlining {
    pencl_ctx *ctx;
    pencl_layer_test *parent;
    pencl_layer_test *child;
    void *user;
} inlining;

int pencl_layer_is_group(const pencl_layer *layer, void *unused)
{
    (void)unused;
    return pn_layer_is(layer, "Sequential") || pn_layer_is(layer, "CheckedSequential") ||
           pn_layer_is(layer, "NamedGroup");
}

int pencl_layer_is_anonymous_sequential(const pencl_layer *layer, void *unused)
{
    (void)unused;
    return strcmp(pencl_layer_type_of(layer)->name, "Sequential") == 0;
}

static bool passes(const inlining *in, const pencl_layer *layer, pencl_layer_test *test)
{
    return pencl_layer_is_group(layer, NULL) != 0 && test(layer, in->user) != 0;
}

/* The group's layers, with those of the groups in it in their places; returns how many. Borrowed.
 */
static int spread(pencl_layer **to, const inlining *in, const pencl_layer *group)
{
    int n = 0;
    for (int i = 0; i < pencl_layer_n_children(group, "sublayers"); i++) {
        pencl_layer *child = pencl_layer_child(group, "sublayers", i);
        bool spliced = passes(in, child, in->child);
        int parts = spliced ? pencl_layer_n_children(child, "sublayers") : 1;
        for (int k = 0; k < parts; k++, n++) {
            if (to != NULL) {
                to[n] = spliced ? pencl_layer_child(child, "sublayers", k) : child;
            }
        }
    }
    return n;
}

static pencl_status splice(pencl_layer **out, const inlining *in, const pencl_layer *group)
{
    int n = spread(NULL, in, group);
    pencl_layer **layers = pn_calloc((size_t)n + 1, sizeof(pencl_layer *));
    if (layers == NULL) {
        return PN_NOMEM(in->ctx);
    }
    spread(layers, in, group);
    const pencl_attribute sublayers = {
        .name = "sublayers", .kind = PENCL_FIELD_LAYERS, .layers = layers, .n = n};
    pencl_status status = pencl_layer_replace(out, in->ctx, group, &sublayers, 1);
    pn_free((void *)layers);
    return status;
}

static bool has_groups(const inlining *in, const pencl_layer *group)
{
    for (int i = 0; i < pencl_layer_n_children(group, "sublayers"); i++) {
        if (passes(in, pencl_layer_child(group, "sublayers", i), in->child)) {
            return true;
        }
    }
    return false;
}

static pencl_status inline_below(pencl_layer **out, const inlining *in, pencl_layer *layer);

/* The layer with all that is below it made flat; itself where nothing changes. */
static pencl_status inline_children(pencl_layer **out, const inlining *in, pencl_layer *layer)
{
    int n = pencl_layer_flatten(layer, NULL, 0);
    bool changed = false;
    pencl_status status = PENCL_OK;
    pencl_node *children = pn_calloc((size_t)n + 1, sizeof *children);
    if (children == NULL) {
        return PN_NOMEM(in->ctx);
    }
    pn_child at = {0};
    for (int i = 0; status == PENCL_OK && pn_next_child(&at, layer); i++) {
        if (at.node.layer == NULL) {
            children[i] = pn_node_ref(at.node);
            continue;
        }
        status = inline_below(&children[i].layer, in, at.node.layer);
        changed |= children[i].layer != at.node.layer;
    }
    if (status == PENCL_OK && changed) {
        status = pn_layer_with_children(out, in->ctx, layer, children);
    } else if (status == PENCL_OK) {
        *out = pencl_layer_ref(layer);
    }
    for (int i = 0; i < n; i++) {
        pn_node_free(children[i]);
    }
    pn_free(children);
    return status;
}

static pencl_status inline_below(pencl_layer **out, const inlining *in, pencl_layer *layer)
{
    pencl_layer *inner = NULL;
    *out = NULL;
    PENCL_TRY(inline_children(&inner, in, layer));
    if (!passes(in, inner, in->parent) || !has_groups(in, inner)) {
        *out = inner;
        return PENCL_OK;
    }
    pencl_status status = splice(out, in, inner);
    pencl_layer_free(inner);
    return status;
}

pencl_status pencl_layer_inline_groups(pencl_layer **out,
                                       pencl_ctx *ctx,
                                       pencl_layer *layer,
                                       pencl_layer_test *parent,
                                       pencl_layer_test *child,
                                       void *user)
{
    const inlining in = {.ctx = ctx, .parent = parent, .child = child, .user = user};
    pn_error_clear(ctx);
    *out = NULL;
    return layer != NULL ? inline_below(out, &in, layer)
                         : PN_FAIL(ctx, PENCL_E_ARG, "there is no tree to make flat");
}

pencl_status
pencl_layer_inline_anonymous_sequentials(pencl_layer **out, pencl_ctx *ctx, pencl_layer *layer)
{
    return pencl_layer_inline_groups(out, ctx, layer, pencl_layer_is_group,
                                     pencl_layer_is_anonymous_sequential, NULL);
}
