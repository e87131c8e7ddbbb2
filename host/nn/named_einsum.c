/* SPDX-License-Identifier: Apache-2.0 */
/* NamedEinsum: the contraction of inputs by axis names.
 *
 * penzai's fields as texts: a term is a list of words "axis:index" (or "axis", its own index),
 * input_axes holds a term for each input with commas between. Axes that no term names are batch
 * axes, which all inputs must have. An axis works under the name that its index has in the output,
 * or else in the first input that has the index:
 *
 *     {"seq:tq heads:h projection:p, seq:tkv heads:h projection:p", "seq:tq heads:h kv_seq:tkv"}
 *
 * renames the second seq to kv_seq and sums over projection. Inputs are contracted from left to
 * right. An index twice in one term, a diagonal, is not supported. */
#include "nn/layers.h"
#include "nn/structure.h"

#include <stdio.h>
#include <string.h>

typedef struct term {
    int n;
    struct {
        char axis[PENCL_AXIS_NAME_MAX];
        char index[PENCL_AXIS_NAME_MAX];
    } words[PENCL_MAX_AXES];
} term;

typedef struct einsum {
    int n;
    term inputs[PN_MAX_PATTERNS];
    term output;
} einsum;

/* ---- reading ---- */

/* The axis of an index in a term, or NULL. */
static const char *axis_of(const term *t, const char *index)
{
    for (int i = 0; i < t->n; i++) {
        if (strcmp(t->words[i].index, index) == 0) {
            return t->words[i].axis;
        }
    }
    return NULL;
}

static bool has_axis(const term *t, const char *axis)
{
    for (int i = 0; i < t->n; i++) {
        if (strcmp(t->words[i].axis, axis) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads a term up to a comma or the end; *at moves to it. */
static bool parse_term(term *t, const char **at)
{
    const char *p = *at;
    for (p += strspn(p, " "); *p != '\0' && *p != ','; p += strspn(p, " ")) {
        char axis_name[PENCL_AXIS_NAME_MAX];
        char index_name[PENCL_AXIS_NAME_MAX];
        size_t word = strcspn(p, " ,");
        size_t axis = strcspn(p, ": ,");
        size_t index = word > axis ? axis + 1 : 0; /* without a colon: the axis itself */
        if (t->n == PENCL_MAX_AXES || word >= PENCL_AXIS_NAME_MAX || axis == 0 || index == word) {
            return false;
        }
        pn_copy(axis_name, axis + 1, p);
        pn_copy(index_name, word - index + 1, p + index);
        if (has_axis(t, axis_name) || axis_of(t, index_name) != NULL) {
            return false;
        }
        pn_copy(t->words[t->n].axis, PENCL_AXIS_NAME_MAX, axis_name);
        pn_copy(t->words[t->n++].index, PENCL_AXIS_NAME_MAX, index_name);
        p += word;
    }
    *at = p;
    return true;
}

/* How many inputs have the index. */
static int count_inputs(const einsum *e, const char *index)
{
    int n = 0;
    for (int i = 0; i < e->n; i++) {
        n += axis_of(&e->inputs[i], index) != NULL;
    }
    return n;
}

/* Every index of the output comes from an input. */
static bool is_contraction(const einsum *e)
{
    for (int k = 0; k < e->output.n; k++) {
        if (count_inputs(e, e->output.words[k].index) == 0) {
            return false;
        }
    }
    return true;
}

static bool parse(einsum *e, const char *inputs, const char *output)
{
    *e = (einsum){0};
    for (const char *at = inputs;; at++) {
        if (e->n == PN_MAX_PATTERNS || !parse_term(&e->inputs[e->n++], &at)) {
            return false;
        }
        if (*at == '\0') {
            break;
        }
    }
    return parse_term(&e->output, &output) && *output == '\0' && is_contraction(e);
}

/* ---- names ---- */

/* The name under which an index works. An index that is summed over takes its first axis' name,
 * unless that is an axis of the output or of another such index. */
static void write_name(char out[PENCL_AXIS_NAME_MAX], const einsum *e, const char *index)
{
    const char *name = axis_of(&e->output, index);
    if (name != NULL) {
        pn_copy(out, PENCL_AXIS_NAME_MAX, name);
        return;
    }
    bool taken = false;
    for (int i = e->n - 1; i >= 0; i--) {
        const char *axis = axis_of(&e->inputs[i], index);
        name = axis != NULL ? axis : name;
    }
    for (int i = 0; i < e->n; i++) {
        for (int k = 0; k < e->inputs[i].n; k++) {
            taken |= strcmp(e->inputs[i].words[k].axis, name) == 0 &&
                     strcmp(e->inputs[i].words[k].index, index) != 0;
        }
    }
    if (taken || has_axis(&e->output, name)) {
        snprintf(out, PENCL_AXIS_NAME_MAX, "%.*s'", PENCL_AXIS_NAME_MAX - 2, index);
        return;
    }
    pn_copy(out, PENCL_AXIS_NAME_MAX, name);
}

/* Input i with its axes under the names they work under. */
static pencl_value *rename_input(const einsum *e, int i, pencl_value *x)
{
    const term *t = &e->inputs[i];
    char names[PENCL_MAX_AXES][PENCL_AXIS_NAME_MAX];
    pn_axis_names from = {.n = t->n};
    pn_axis_names to = {.n = t->n};
    for (int k = 0; k < t->n; k++) {
        write_name(names[k], e, t->words[k].index);
        from.names[k] = t->words[k].axis;
        to.names[k] = names[k];
    }
    return pn_value_rename_all(x, &from, &to);
}

/* ... and summed over what neither another input nor the output has. */
static pencl_value *ready_input(const einsum *e, int i, pencl_value *x)
{
    const term *t = &e->inputs[i];
    char room[PENCL_MAX_AXES][PENCL_AXIS_NAME_MAX];
    const char *own[PENCL_MAX_AXES];
    int n = 0;
    for (int k = 0; k < t->n; k++) {
        const char *index = t->words[k].index;
        if (axis_of(&e->output, index) == NULL && count_inputs(e, index) == 1) {
            write_name(room[n], e, index);
            own[n] = room[n];
            n++;
        }
    }
    x = rename_input(e, i, x);
    return n > 0 ? pencl_value_sum(x, own, n) : x;
}

/* ---- contracting ---- */

/* penzai's contract: exactly the axes of its term and the same batch axes, floating; equal sizes
 * where indices are equal. */
static bool takes(const einsum *e, pencl_value *const x[])
{
    pn_check check = {0};
    for (int i = 0; i < e->n; i++) {
        const term *t = &e->inputs[i];
        pn_pattern pattern = {.rest = "B", .dtype_class = PN_CLASS_FLOATING};
        char where[24];
        for (int k = 0; k < t->n; k++) {
            pn_pattern_add(&pattern, t->words[k].axis, t->words[k].index, -1);
        }
        snprintf(where, sizeof where, "root[%d]", i);
        pn_check_value(&check, where, x[i], &pattern);
    }
    for (int k = 0; check.n_rests > 0 && k < e->output.n; k++) {
        const char *axis = e->output.words[k].axis;
        if (check.status == PENCL_OK && pn_spec_find(&check.rests[0].axes, axis) >= 0) {
            pn_value_refuse(x[0], PENCL_E_AXIS, "the batch axes have the output's axis '%s'", axis);
            return false;
        }
    }
    return pn_check_end(&check, x[0]->graph, "");
}

/* The names of the indices that inputs 0 .. i have and nothing after them needs. */
static void summed(const einsum *e, int i, pn_axis_names *sum, char room[][PENCL_AXIS_NAME_MAX])
{
    const term *t = &e->inputs[i];
    sum->n = 0;
    for (int k = 0; k < t->n; k++) {
        const char *index = t->words[k].index;
        bool needed = axis_of(&e->output, index) != NULL;
        for (int later = i + 1; later < e->n; later++) {
            needed |= axis_of(&e->inputs[later], index) != NULL;
        }
        if (!needed && count_inputs(e, index) > 1) {
            write_name(room[sum->n], e, index);
            sum->names[sum->n] = room[sum->n];
            sum->n++;
        }
    }
}

static pencl_value *contract(const einsum *e, pencl_value *const x[])
{
    char room[PENCL_MAX_AXES][PENCL_AXIS_NAME_MAX];
    pn_axis_names sum;
    pencl_value *y = ready_input(e, 0, x[0]);
    for (int i = 1; i < e->n; i++) {
        pencl_value *next = ready_input(e, i, x[i]);
        summed(e, i, &sum, room);
        y = sum.n == 0 ? pencl_value_mul(y, next) : pencl_value_matmul(y, next, sum.names, sum.n);
    }
    return y;
}

/* Batch axes first, then the output's axes as its term lists them. */
static pencl_value *in_order(const term *output, pencl_value *y)
{
    if (y == NULL) {
        return NULL;
    }
    const char *names[PENCL_MAX_AXES];
    int n = 0;
    int n_batch = pencl_value_n_axes(y) - output->n;
    for (int i = 0; n < n_batch && i < pencl_value_n_axes(y); i++) {
        const char *axis = pencl_value_axis(y, i)->name;
        if (!has_axis(output, axis)) {
            names[n++] = axis;
        }
    }
    for (int k = 0; n < PENCL_MAX_AXES && k < output->n; k++) {
        names[n++] = output->words[k].axis;
    }
    return pencl_value_order(y, names, n);
}

static pencl_value *apply(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    const char *inputs = pencl_layer_text(self, "input_axes");
    const char *output = pencl_layer_text(self, "output_axes");
    einsum e;
    if (!parse(&e, inputs, output)) {
        return pn_graph_fail(x->graph, PENCL_E_UNSUPPORTED,
                             "no contraction of inputs: \"%s\" to \"%s\"", inputs, output);
    }
    int n = x->items != NULL ? x->n_items : 1;
    if (n != e.n) {
        return pn_graph_fail(x->graph, PENCL_E_ARITY, "a tuple of %d values is needed, got %d", e.n,
                             n);
    }
    pencl_value *const *values = x->items != NULL ? x->items : &x;
    return takes(&e, values) ? in_order(&e.output, contract(&e, values)) : NULL;
}

static const pencl_field fields[] = {
    {"input_axes", PENCL_FIELD_TEXT}, {"output_axes", PENCL_FIELD_TEXT}, {0}};

const pencl_layer_type pn_layer_NamedEinsum = {
    .name = "NamedEinsum",
    .doc = "sum of x[0] * x[1] * ... over the indices that output_axes lacks",
    .fields = fields,
    .apply = apply,
    .color = "oklch(0.785 0.103 231.822509765625 / 1.0)",
};
