/* SPDX-License-Identifier: Apache-2.0 */
/* Changed copies of trees: nodes on the way to a selected one are made anew, all others shared. */
#include "nn/selection.h"

/* What happens at the selected nodes. */
typedef struct edit {
    const pencl_selection *s;
    pencl_layer *instead; /* stands in for each; NULL: they stay */
    pencl_layer *after;   /* follows each in its parent's list; NULL: nothing does */
} edit;

/* Selected nodes first .. end-1. */
typedef struct span {
    int first;
    int end;
} span;

static pencl_status
rebuild(pencl_layer **out, const edit *e, pencl_layer *node, int depth, span selected);

/* Those of `rest` at or below the child whose step from this depth is (field, index), taken off
 * its front: selected nodes are in the order of a walk. */
static span take_below(const edit *e, span *rest, int depth, int field, int index)
{
    span here = {rest->first, rest->first};
    while (here.end < rest->end) {
        const pn_step *step = &e->s->items[here.end].steps[depth];
        if (step->field != field || step->index != index) {
            break;
        }
        here.end++;
    }
    rest->first = here.end;
    return here;
}

/* Replaces the attribute's layers, borrowed, by those of the copy, owned. */
static pencl_status
rebuild_layers(pencl_attribute *a, const edit *e, int depth, int field, span *rest)
{
    const pencl_attribute old = *a;
    size_t room = (size_t)(old.n + rest->end - rest->first); /* each may get a follower */
    pencl_layer **layers = pn_calloc(room, sizeof(pencl_layer *));
    a->layers = layers;
    a->n = 0;
    if (layers == NULL) {
        return PN_NOMEM(e->s->ctx);
    }
    for (int i = 0; i < old.n; i++) {
        span here = take_below(e, rest, depth, field, i);
        if (here.first == here.end) {
            layers[a->n++] = pencl_layer_ref(old.layers[i]);
            continue;
        }
        pencl_layer *layer = NULL;
        PENCL_TRY(rebuild(&layer, e, old.layers[i], depth + 1, here));
        layers[a->n++] = layer;
        if (e->after != NULL && e->s->items[here.first].depth == depth + 1) {
            layers[a->n++] = pencl_layer_ref(e->after);
        }
    }
    return PENCL_OK;
}

/* The copy of a node with at least one selected node at or below it. */
static pencl_status
rebuild(pencl_layer **out, const edit *e, pencl_layer *node, int depth, span selected)
{
    if (e->s->items[selected.first].depth == depth) {
        *out = pencl_layer_ref(e->instead != NULL ? e->instead : node);
        return PENCL_OK;
    }
    int n = pencl_layer_n_attributes(node);
    pencl_attribute *attributes = pn_calloc((size_t)n, sizeof *attributes);
    if (attributes == NULL) {
        return PN_NOMEM(e->s->ctx);
    }
    pencl_status status = PENCL_OK;
    for (int field = 0; field < n && status == PENCL_OK; field++) {
        attributes[field] = pencl_layer_attribute(node, field);
        if (attributes[field].layers != NULL) {
            status = rebuild_layers(&attributes[field], e, depth, field, &selected);
        }
    }
    if (status == PENCL_OK) {
        status = pn_layer_new(out, e->s->ctx, pencl_layer_type_of(node), attributes, n);
    }
    for (int field = 0; field < n; field++) {
        for (int i = 0; attributes[field].layers != NULL && i < attributes[field].n; i++) {
            pencl_layer_free(attributes[field].layers[i]);
        }
        pn_free((void *)attributes[field].layers);
    }
    pn_free(attributes);
    return status;
}

/* The whole tree, changed. */
static pencl_status apply(pencl_layer **out, const edit *e)
{
    const pencl_selection *s = e->s;
    if (s->n == 0) {
        *out = pencl_layer_ref(s->root);
        return PENCL_OK;
    }
    return rebuild(out, e, s->root, 0, (span){0, s->n});
}

pencl_status
pencl_selection_set(pencl_layer **out, const pencl_selection *s, pencl_layer *replacement)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    if (replacement == NULL) {
        return PN_FAIL(s->ctx, PENCL_E_ARG, "set: no replacement");
    }
    return apply(out, &(edit){.s = s, .instead = replacement});
}

/* penzai's rule and words: only lists can grow. */
static pencl_status need_list_parent(const pencl_selection *s, const pn_selected *item)
{
    static const char rule[] = "insert_after requires all selected nodes to be children of lists";
    if (item->depth == 0) {
        return PN_FAIL(s->ctx, PENCL_E_ARG, "%s, but the root node was selected", rule);
    }
    const pencl_layer *parent = s->root;
    for (int i = 0; i + 1 < item->depth; i++) {
        const pn_step *step = &item->steps[i];
        parent = pencl_layer_attribute(parent, step->field).layers[step->index];
    }
    int field = item->steps[item->depth - 1].field;
    if (pencl_layer_attribute(parent, field).kind != PENCL_FIELD_LAYERS) {
        return PN_FAIL(s->ctx, PENCL_E_ARG,
                       "%s, but the node at path %s was contained in a node of type %s", rule,
                       item->path, pencl_layer_type_of(parent)->name);
    }
    return PENCL_OK;
}

pencl_status
pencl_selection_insert_after(pencl_layer **out, const pencl_selection *s, pencl_layer *layer)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    if (layer == NULL) {
        return PN_FAIL(s->ctx, PENCL_E_ARG, "insert_after: no layer to insert");
    }
    for (int i = 0; i < s->n; i++) {
        PENCL_TRY(need_list_parent(s, &s->items[i]));
    }
    return apply(out, &(edit){.s = s, .after = layer});
}

pencl_status pencl_selection_capture(pencl_layer **out, const pencl_selection *s, const char *name)
{
    *out = NULL;
    PENCL_TRY(pn_selection_settle(s));
    PENCL_TRY(pn_selection_only(s, "capture"));
    pencl_layer *capture = pn_nn_capture(s->ctx, name, pencl_layer_ref(s->items[0].node));
    if (capture == NULL) {
        return s->ctx->error.status;
    }
    pencl_status status = apply(out, &(edit){.s = s, .instead = capture});
    pencl_layer_free(capture);
    return status;
}
