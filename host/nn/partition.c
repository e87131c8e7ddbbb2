/* SPDX-License-Identifier: Apache-2.0 */
/* Trees in parts: what a selection takes out of a tree, and the tree put together again. */
#include "nn/layers.h"
#include "nn/selection.h"
#include "nn/variable.h"

/* ---- apart ---- */

/* What stands for a node that went to another part. */
static pencl_status leave_hole(pencl_node *out, const pencl_place *place, void *ctx)
{
    if (place->node.variable != NULL) {
        return pn_variable_as(&out->variable, place->node.variable, PENCL_SLOT);
    }
    return pn_layer_new(&out->layer, ctx, &pn_layer_NotInThisPartition, NULL, 0);
}

/* The tree without what is selected; takes the selection over. */
static pencl_status without(pencl_layer **out, pencl_ctx *ctx, pencl_selection *s, pencl_part part)
{
    *out = NULL;
    if (s != NULL && part == PENCL_AT_LEAVES) {
        s = pencl_selection_at_leaves(s);
    }
    pencl_status status =
        s != NULL ? pencl_selection_apply(out, s, leave_hole, ctx) : PN_NOMEM(ctx);
    pencl_selection_free(s);
    return status;
}

pencl_status pencl_selection_partition(pencl_layer **selected,
                                       pencl_layer **remainder,
                                       const pencl_selection *s,
                                       pencl_part part)
{
    *selected = NULL;
    *remainder = NULL;
    PENCL_TRY(pn_selection_settle(s));
    pencl_status status = without(remainder, s->ctx, pencl_selection_copy(s), part);
    if (status == PENCL_OK) {
        pencl_selection *others = pencl_selection_copy(s);
        status = without(selected, s->ctx, pencl_selection_invert(others), part);
    }
    if (status != PENCL_OK) {
        pencl_layer_free(*remainder);
        *remainder = NULL;
    }
    return status;
}

/* ---- together ---- */

typedef struct combination {
    pencl_ctx *ctx;
    pn_text path;
} combination;

static pencl_status combine(pencl_node *out, combination *c, pencl_node a, pencl_node b);

static bool is_hole(pencl_node node)
{
    return node.layer != NULL && pencl_layer_type_of(node.layer) == &pn_layer_NotInThisPartition;
}

static bool is_slot(const pencl_variable *variable)
{
    return pencl_variable_form_of(variable) == PENCL_SLOT;
}

static pencl_status incompatible(combination *c)
{
    return PN_FAIL(c->ctx, PENCL_E_ARG,
                   "the nodes at path '%s' are expected to have compatible structures",
                   pn_text_get(&c->path));
}

/* The children of both, one by one. */
static pencl_status combine_children(pencl_node *to, combination *c, pencl_layer *a, pencl_layer *b)
{
    int n = 0;
    size_t size = c->path.size;
    pn_child x = {0};
    pn_child y = {0};
    while (pn_next_child(&x, a) && pn_next_child(&y, b)) {
        pencl_key key = pn_child_key(a, x.field, x.index);
        pn_key_add(&c->path, &key);
        PENCL_TRY(combine(&to[n++], c, x.node, y.node));
        pn_text_cut(&c->path, size);
    }
    return PENCL_OK;
}

static pencl_status
combine_layers(pencl_layer **out, combination *c, pencl_layer *a, pencl_layer *b)
{
    if (!pn_layer_same_static(a, b)) {
        return incompatible(c);
    }
    int n = pencl_layer_flatten(a, NULL, 0);
    pencl_node *children = pn_calloc((size_t)n + 1, sizeof *children);
    pencl_status status = children != NULL ? combine_children(children, c, a, b) : PN_NOMEM(c->ctx);
    if (status == PENCL_OK) {
        status = pn_layer_with_children(out, c->ctx, a, children);
    }
    for (int i = 0; children != NULL && i < n; i++) {
        pn_node_free(children[i]);
    }
    pn_free(children);
    return status;
}

static pencl_status
combine_variables(pencl_node *out, combination *c, pencl_variable *a, pencl_variable *b)
{
    bool same = pencl_variable_equal(a, b) != 0;
    if (!same && !(pn_variable_same_slot(a, b) && (is_slot(a) || is_slot(b)))) {
        return incompatible(c);
    }
    out->variable = pencl_variable_ref(is_slot(a) ? b : a);
    return PENCL_OK;
}

static pencl_status combine(pencl_node *out, combination *c, pencl_node a, pencl_node b)
{
    if (is_hole(a) || is_hole(b)) {
        *out = pn_node_ref(is_hole(a) ? b : a);
        return PENCL_OK;
    }
    if (a.variable != NULL && b.variable != NULL) {
        return combine_variables(out, c, a.variable, b.variable);
    }
    return a.layer != NULL && b.layer != NULL ? combine_layers(&out->layer, c, a.layer, b.layer)
                                              : incompatible(c);
}

pencl_status
pencl_layer_combine(pencl_layer **out, pencl_ctx *ctx, pencl_layer *const parts[], int n)
{
    pn_error_clear(ctx);
    PENCL_TRY(pn_layer_new(out, ctx, &pn_layer_NotInThisPartition, NULL, 0));
    for (int i = 0; i < n; i++) {
        combination c = {.ctx = ctx};
        pencl_node both = {0};
        pencl_status status =
            combine(&both, &c, pencl_layer_node(*out), pencl_layer_node(parts[i]));
        pn_text_free(&c.path);
        pencl_layer_free(*out);
        *out = both.layer;
        PENCL_TRY(status);
    }
    return PENCL_OK;
}
