/* SPDX-License-Identifier: Apache-2.0 */
/* NamedEinsum: the contraction of two inputs by axis names.
 *
 * penzai's fields as texts: a term is a list of words "axis:index" (or "axis", its own index),
 * input_axes holds two terms with a comma between. Axes that no term names are batch axes. An axis
 * works under the name that its index has in the output, or else in the first input:
 *
 *     {"seq:tq heads:h projection:p, seq:tkv heads:h projection:p", "seq:tq heads:h kv_seq:tkv"}
 *
 * renames the second seq to kv_seq and sums over projection. */
#include "nn/layers.h"

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
    term first;
    term second;
    term output;
} einsum;

/* Reads a term up to a comma or the end; *at moves behind it. */
static bool parse_term(term *t, const char **at)
{
    t->n = 0;
    const char *p = *at;
    while (p[strspn(p, " ")] != '\0' && p[strspn(p, " ")] != ',') {
        p += strspn(p, " ");
        size_t word = strcspn(p, " ,");
        size_t axis = strcspn(p, ": ,");
        size_t index = word > axis ? axis + 1 : 0; /* without a colon: the axis itself */
        if (t->n == PENCL_MAX_AXES || word >= PENCL_AXIS_NAME_MAX || axis == 0 || index == word) {
            return false;
        }
        snprintf(t->words[t->n].axis, PENCL_AXIS_NAME_MAX, "%.*s", (int)axis, p);
        snprintf(t->words[t->n].index, PENCL_AXIS_NAME_MAX, "%.*s", (int)(word - index), p + index);
        t->n++;
        p += word;
    }
    p += strspn(p, " ");
    *at = *p == ',' ? p + 1 : p;
    return true;
}

static bool parse(einsum *e, const char *inputs, const char *output)
{
    return parse_term(&e->first, &inputs) && parse_term(&e->second, &inputs) && *inputs == '\0' &&
           parse_term(&e->output, &output) && *output == '\0';
}

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

/* The name under which an index works. */
static const char *name_of(const einsum *e, const char *index)
{
    const char *name = axis_of(&e->output, index);
    if (name == NULL) {
        name = axis_of(&e->first, index);
    }
    return name != NULL ? name : axis_of(&e->second, index);
}

/* The input with its axes under the names they work under. */
static pencl_value *rename_axes(const einsum *e, const term *t, pencl_value *x)
{
    for (int i = 0; x != NULL && i < t->n; i++) {
        if (pn_spec_find(&x->view.spec, t->words[i].axis) < 0) {
            return pn_value_refuse(x, PENCL_E_AXIS, "input %d needs axis '%s'", t == &e->second,
                                   t->words[i].axis);
        }
    }
    for (int i = 0; i < t->n; i++) {
        const char *name = name_of(e, t->words[i].index);
        if (strcmp(t->words[i].axis, name) != 0) {
            x = pencl_value_rename(x, t->words[i].axis, name);
        }
    }
    return x;
}

/* The names summed over: indices of both inputs that the output lacks. False when an input alone
 * has one, or the output has one of its own. */
static bool contracted(const einsum *e, pn_axis_names *sum)
{
    sum->n = 0;
    for (int i = 0; i < e->first.n; i++) {
        const char *index = e->first.words[i].index;
        if (axis_of(&e->output, index) != NULL) {
            continue;
        }
        if (axis_of(&e->second, index) == NULL) {
            return false;
        }
        sum->names[sum->n++] = name_of(e, index);
    }
    for (int i = 0; i < e->second.n; i++) {
        const char *index = e->second.words[i].index;
        if (axis_of(&e->output, index) == NULL && axis_of(&e->first, index) == NULL) {
            return false;
        }
    }
    for (int i = 0; i < e->output.n; i++) {
        const char *index = e->output.words[i].index;
        if (axis_of(&e->first, index) == NULL && axis_of(&e->second, index) == NULL) {
            return false;
        }
    }
    return true;
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
        bool listed = false;
        for (int k = 0; k < output->n; k++) {
            listed = listed || strcmp(output->words[k].axis, axis) == 0;
        }
        if (!listed) {
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
    pn_axis_names sum = {0};
    if (!parse(&e, inputs, output) || !contracted(&e, &sum)) {
        return pn_graph_fail(x->graph, PENCL_E_UNSUPPORTED,
                             "no contraction of two inputs: \"%s\" to \"%s\"", inputs, output);
    }
    pencl_value *first = rename_axes(&e, &e.first, pencl_value_item(x, 0));
    pencl_value *second = rename_axes(&e, &e.second, pencl_value_item(x, 1));
    pencl_value *y = sum.n == 0 ? pencl_value_mul(first, second)
                                : pencl_value_matmul(first, second, sum.names, sum.n);
    return in_order(&e.output, y);
}

static const pencl_field fields[] = {
    {"input_axes", PENCL_FIELD_TEXT}, {"output_axes", PENCL_FIELD_TEXT}, {0}};

const pencl_layer_type pn_layer_NamedEinsum = {
    .name = "NamedEinsum",
    .doc = "sum of x[0] * x[1] over the indices that output_axes lacks",
    .fields = fields,
    .apply = apply,
};
