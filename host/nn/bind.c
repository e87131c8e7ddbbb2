/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of a tree: put into slots, taken out, frozen. */
#include "nn/selection.h"
#include "nn/variable.h"

#include <string.h>

int pencl_variable_is_parameter(const pencl_variable *variable, void *unused)
{
    (void)unused;
    return pencl_variable_kind_of(variable) == PENCL_PARAMETER;
}

int pencl_variable_is_state(const pencl_variable *variable, void *unused)
{
    (void)unused;
    return pencl_variable_kind_of(variable) == PENCL_STATE;
}

static bool is_slot(const pencl_variable *v)
{
    return pencl_variable_form_of(v) == PENCL_SLOT;
}

/* 'ParameterSlot "label"' of what the variable binds to. */
static void add_slot(pn_text *out, const pencl_variable *v)
{
    pn_text_add(out, "%s \"%s\"", pn_variable_type_name(pencl_variable_kind_of(v), PENCL_SLOT),
                pencl_variable_label(v));
}

enum { MOST_LISTED = 8 }; /* an error's text has an end */

/* Adds the i-th of a list of slots. */
static void list_slot(pn_text *out, int i, const pencl_variable *v)
{
    if (i < MOST_LISTED) {
        pn_text_add(out, "%s", i > 0 ? ", " : "");
        add_slot(out, v);
    }
}

static void end_list(pn_text *out, int n)
{
    if (n > MOST_LISTED) {
        pn_text_add(out, " and %d more", n - MOST_LISTED);
    }
}

/* The tree that a selection of it becomes; the selection is taken over. */
static pencl_status
apply(pencl_layer **out, pencl_ctx *ctx, pencl_selection *s, pencl_node_change *change, void *user)
{
    pencl_status status = s != NULL ? pencl_selection_apply(out, s, change, user) : PN_NOMEM(ctx);
    pencl_selection_free(s);
    return status;
}

/* ---- bind ---- */

typedef struct binding {
    pencl_variable *const *variables;
    int n;
    bool *used; /* of each variable */
} binding;

static int find_slot(const binding *b, const pencl_variable *v)
{
    for (int i = 0; i < b->n; i++) {
        if (pn_variable_same_slot(b->variables[i], v)) {
            return i;
        }
    }
    return -1;
}

static int has_variable(const pencl_place *place, void *user)
{
    const binding *b = user;
    const pencl_variable *v = place->node.variable;
    int i = v != NULL && is_slot(v) ? find_slot(b, v) : -1;
    if (i >= 0) {
        b->used[i] = true;
    }
    return i >= 0;
}

static pencl_status put_variable(pencl_node *out, const pencl_place *place, void *user)
{
    const binding *b = user;
    pencl_variable *v = b->variables[find_slot(b, place->node.variable)];
    PENCL_TRY(pn_variable_check_fits(place->node.variable, v));
    out->variable = pencl_variable_ref(v);
    return PENCL_OK;
}

static pencl_status check_given(pencl_ctx *ctx, const binding *b)
{
    for (int i = 0; i < b->n; i++) {
        const pencl_variable *v = b->variables[i];
        if (v == NULL || is_slot(v)) {
            return PN_FAIL(ctx, PENCL_E_ARG, "variable %d to bind %s", i,
                           v == NULL ? "is missing" : "is an empty slot");
        }
        if (find_slot(b, v) != i) {
            pn_text slot = {0};
            add_slot(&slot, v);
            pencl_status status =
                PN_FAIL(ctx, PENCL_E_ARG,
                        "cannot substitute multiple variables into the same slot: %s is repeated",
                        pn_text_get(&slot));
            pn_text_free(&slot);
            return status;
        }
    }
    return PENCL_OK;
}

static pencl_status check_used(pencl_ctx *ctx, const binding *b)
{
    pn_text unused = {0};
    for (int i = 0; i < b->n; i++) {
        if (!b->used[i]) {
            pn_text_add(&unused, unused.size > 0 ? ", " : "");
            add_slot(&unused, b->variables[i]);
        }
    }
    pencl_status status =
        unused.size == 0
            ? PENCL_OK
            : PN_FAIL(ctx, PENCL_E_ARG, "did not find any matching slots for some variables: {%s}",
                      pn_text_get(&unused));
    pn_text_free(&unused);
    return status;
}

static pencl_status
bind(pencl_layer **out, pencl_ctx *ctx, pencl_layer *layer, const binding *b, unsigned flags)
{
    PENCL_TRY(check_given(ctx, b));
    pencl_selection *s = pencl_layer_select(ctx, layer);
    s = pencl_selection_at_subtrees_where(s, has_variable, (void *)b, PENCL_OUTERMOST);
    pencl_status status =
        flags & PENCL_ALLOW_UNUSED || pn_selection_failed(s) ? PENCL_OK : check_used(ctx, b);
    if (status != PENCL_OK) {
        pencl_selection_free(s);
        return status;
    }
    return apply(out, ctx, s, put_variable, (void *)b);
}

/* New mutable variables with the frozen values: yours, pencl_variables_free. */
static pencl_status
unfreeze(pencl_variable ***out, pencl_ctx *ctx, pencl_variable *const variables[], int n)
{
    pencl_variable **copies = pn_calloc((size_t)n + 1, sizeof(pencl_variable *));
    pencl_status status = copies != NULL ? PENCL_OK : PN_NOMEM(ctx);
    for (int i = 0; i < n && status == PENCL_OK; i++) {
        if (variables[i] == NULL || pencl_variable_form_of(variables[i]) != PENCL_FROZEN) {
            status = PN_FAIL(ctx, PENCL_E_ARG,
                             "unfreeze_as_copy is only allowed if all variables are frozen values; "
                             "variable %d is not",
                             i);
        } else {
            status = pn_variable_as(&copies[i], variables[i], PENCL_MUTABLE);
        }
    }
    if (status != PENCL_OK) {
        pencl_variables_free(copies, copies != NULL ? n : 0);
        return status;
    }
    *out = copies;
    return PENCL_OK;
}

pencl_status pencl_layer_bind_variables(pencl_layer **out,
                                        pencl_ctx *ctx,
                                        pencl_layer *layer,
                                        pencl_variable *const variables[],
                                        int n,
                                        unsigned flags)
{
    pencl_variable **copies = NULL;
    *out = NULL;
    pn_error_clear(ctx);
    if (flags & PENCL_UNFREEZE_AS_COPY) {
        PENCL_TRY(unfreeze(&copies, ctx, variables, n));
    }
    binding b = {.variables = copies != NULL ? copies : variables,
                 .n = n,
                 .used = pn_calloc((size_t)n + 1, sizeof(bool))};
    pencl_status status = b.used != NULL ? bind(out, ctx, layer, &b, flags) : PN_NOMEM(ctx);
    pn_free(b.used);
    pencl_variables_free(copies, copies != NULL ? n : 0);
    return status;
}

/* ---- unbind ---- */

typedef struct chosen {
    pencl_variable_test *test; /* NULL: all */
    void *user;
} chosen;

static int is_chosen(const pencl_place *place, void *user)
{
    const chosen *c = user;
    const pencl_variable *v = place->node.variable;
    return v != NULL && pencl_variable_form_of(v) == PENCL_MUTABLE &&
           (c->test == NULL || c->test(v, c->user) != 0);
}

/* The distinct variables of a selection, in the order of first occurrence. */
typedef struct extraction {
    pencl_ctx *ctx;
    int n;
    pencl_variable **variables; /* counted */
    pencl_variable **slots;     /* of each; counted */
    const char **paths;         /* of each one's first place; borrowed from the selection */
} extraction;

static void free_extraction(extraction *e)
{
    pencl_variables_free(e->slots, e->n);
    pn_free((void *)e->paths);
}

static int find_extracted(const extraction *e, const pencl_variable *v)
{
    for (int i = 0; i < e->n; i++) {
        if (pn_variable_same_slot(e->variables[i], v)) {
            return i;
        }
    }
    return -1;
}

/* Remembers a selected variable, unless it is there already. */
static pencl_status extract(extraction *e, pencl_variable *v, const char *path)
{
    int i = find_extracted(e, v);
    if (i >= 0 && e->variables[i] == v) {
        return PENCL_OK;
    }
    if (i >= 0) {
        pn_text slot = {0};
        add_slot(&slot, v);
        pencl_status status = PN_FAIL(
            e->ctx, PENCL_E_ARG, "found two variables with the same slot %s, at tree%s and tree%s",
            pn_text_get(&slot), e->paths[i], path);
        pn_text_free(&slot);
        return status;
    }
    PENCL_TRY(pn_variable_as(&e->slots[e->n], v, PENCL_SLOT));
    e->variables[e->n] = pencl_variable_ref(v);
    e->paths[e->n++] = path;
    return PENCL_OK;
}

/* A slot that is in the tree would take the variable when it is bound again. */
static pencl_status check_free(const extraction *e, const pencl_selection *leaves)
{
    for (int i = 0; i < leaves->n; i++) {
        const pencl_variable *v = leaves->items[i].node.variable;
        if (is_slot(v) && find_extracted(e, v) >= 0) {
            pn_text slot = {0};
            add_slot(&slot, v);
            pencl_status status = PN_FAIL(
                e->ctx, PENCL_E_ARG, "variable slot %s is already in use in the tree, at tree%s",
                pn_text_get(&slot), leaves->items[i].path);
            pn_text_free(&slot);
            return status;
        }
    }
    return PENCL_OK;
}

static pencl_status put_slot(pencl_node *out, const pencl_place *place, void *user)
{
    const extraction *e = user;
    out->variable = pencl_variable_ref(e->slots[find_extracted(e, place->node.variable)]);
    return PENCL_OK;
}

/* Takes the selected variables out of the tree. */
static pencl_status unbind(pencl_layer **out,
                           extraction *e,
                           const pencl_selection *leaves,
                           const pencl_selection *selected)
{
    e->variables = pn_calloc((size_t)selected->n + 1, sizeof(pencl_variable *));
    e->slots = pn_calloc((size_t)selected->n + 1, sizeof(pencl_variable *));
    e->paths = pn_calloc((size_t)selected->n + 1, sizeof(char *));
    if (e->variables == NULL || e->slots == NULL || e->paths == NULL) {
        return PN_NOMEM(e->ctx);
    }
    for (int i = 0; i < selected->n; i++) {
        PENCL_TRY(extract(e, selected->items[i].node.variable, selected->items[i].path));
    }
    PENCL_TRY(check_free(e, leaves));
    return pencl_selection_apply(out, selected, put_slot, e);
}

pencl_status pencl_layer_unbind_variables(pencl_layer **out,
                                          pencl_variable ***variables,
                                          int *n,
                                          pencl_ctx *ctx,
                                          pencl_layer *layer,
                                          pencl_variable_test *test,
                                          void *user)
{
    chosen c = {test, user};
    extraction e = {.ctx = ctx};
    *out = NULL;
    *variables = NULL;
    *n = 0;
    pn_error_clear(ctx);
    pencl_selection *leaves = pencl_selection_at_leaves(pencl_layer_select(ctx, layer));
    pencl_selection *selected = pencl_selection_where(pencl_selection_copy(leaves), is_chosen, &c);
    pencl_status status = selected != NULL ? pn_selection_settle(selected) : PN_NOMEM(ctx);
    if (status == PENCL_OK) {
        status = unbind(out, &e, leaves, selected);
    }
    free_extraction(&e);
    pencl_selection_free(leaves);
    pencl_selection_free(selected);
    if (status != PENCL_OK) {
        pencl_variables_free(e.variables, e.n);
        return status;
    }
    *variables = e.variables;
    *n = e.n;
    return PENCL_OK;
}

/* ---- freeze ---- */

static pencl_status freeze(pencl_node *out, const pencl_place *place, void *unused)
{
    (void)unused;
    return pn_variable_as(&out->variable, place->node.variable, PENCL_FROZEN);
}

pencl_status pencl_layer_freeze_variables(
    pencl_layer **out, pencl_ctx *ctx, pencl_layer *layer, pencl_variable_test *test, void *user)
{
    chosen c = {test, user};
    pencl_selection *s = pencl_layer_select(ctx, layer);
    *out = NULL;
    pn_error_clear(ctx);
    s = pencl_selection_at_subtrees_where(s, is_chosen, &c, PENCL_OUTERMOST);
    return apply(out, ctx, s, freeze, NULL);
}

/* ---- slots ---- */

pencl_status pencl_layer_assert_no_slots(pencl_ctx *ctx, pencl_layer *layer)
{
    pn_error_clear(ctx);
    pencl_selection *s = pencl_layer_select(ctx, layer);
    s = pencl_selection_at_instances_of(s, "AbstractVariableSlot", PENCL_OUTERMOST);
    pencl_status status = s != NULL ? pn_selection_settle(s) : PN_NOMEM(ctx);
    if (status == PENCL_OK && s->n > 0) {
        pn_text slots = {0};
        for (int i = 0; i < s->n; i++) {
            list_slot(&slots, i, s->items[i].node.variable);
        }
        end_list(&slots, s->n);
        status = PN_FAIL(ctx, PENCL_E_UNBOUND, "unexpected slots found in the tree: [%s]",
                         pn_text_get(&slots));
        pn_text_free(&slots);
    }
    pencl_selection_free(s);
    return status;
}
