/* SPDX-License-Identifier: Apache-2.0 */
/* take: x at index arrays along one or several axes, which go; the axes of the ids come instead.
 * Axes that ids share with each other, or with what is left of x, pair up: ids [batch] take one
 * token of each sequence. As in JAX, a negative id counts from the end, and one beyond the axis
 * takes the nearest. */
#include "op/op.h"

#include <string.h>

enum { X, IDS };

static bool is_indexed(const pn_op_call *c, const char *axis)
{
    for (int i = 0; i < c->n_names; i++) {
        if (strcmp(c->names[i], axis) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the axes of ids number `in` that the result lacks; those that it has must agree. */
static pencl_status add_axes_of(pencl_ctx *ctx, pn_op_call *c, const pn_spec *ids, int in)
{
    for (int i = 0; i < ids->n_axes; i++) {
        const pencl_axis *axis = &ids->axes[i];
        if (pn_spec_find(&c->out, axis->name) < 0) {
            if (c->out.n_axes == PENCL_MAX_AXES) {
                return pn_spec_fail(ctx, PENCL_E_LIMIT, ids, "take: more than %d axes",
                                    PENCL_MAX_AXES);
            }
            pn_spec_push(&c->out, axis->name, axis->size);
        } else {
            PENCL_TRY(pn_need_size(ctx, c, in, axis->name, pn_spec_size(&c->out, axis->name)));
        }
    }
    return PENCL_OK;
}

static pencl_status check_indices(pencl_ctx *ctx, const pn_op_call *c)
{
    for (int i = 0; i < c->n_names; i++) {
        const char *axis = c->names[i];
        PENCL_TRY(pn_need_int(ctx, c, IDS + i));
        PENCL_TRY(pn_need_axis(ctx, c, X, axis));
        if (pn_spec_size(&c->in[X], axis) == 0 && pn_spec_count(&c->in[IDS + i]) > 0) {
            return pn_spec_fail(ctx, PENCL_E_SHAPE, &c->in[X],
                                "take: there is nothing along axis \"%s\"", axis);
        }
        for (int k = 0; k < i; k++) {
            if (strcmp(c->names[k], axis) == 0) {
                return pn_spec_fail(ctx, PENCL_E_AXIS, &c->in[X],
                                    "take: axis \"%s\" is given twice", axis);
            }
        }
    }
    return PENCL_OK;
}

/* What is left of x agrees with the ids wherever those stand: collected first, placed after. */
static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    const pn_spec *x = &c->in[X];
    PENCL_TRY(check_indices(ctx, c));
    pn_spec rest = {.dtype = x->dtype};
    int before = 0; /* axes of x before the first that is indexed */
    for (int i = 0; i < x->n_axes; i++) {
        if (!is_indexed(c, x->axes[i].name)) {
            before += rest.n_axes == i;
            pn_spec_push(&rest, x->axes[i].name, x->axes[i].size);
        }
    }
    c->out = rest;
    for (int i = 0; i < c->n_names; i++) {
        PENCL_TRY(add_axes_of(ctx, c, &c->in[IDS + i], IDS + i));
    }
    pn_spec out = {.dtype = x->dtype};
    for (int i = 0; i < before; i++) {
        pn_spec_push(&out, rest.axes[i].name, rest.axes[i].size);
    }
    for (int i = rest.n_axes; i < c->out.n_axes; i++) {
        pn_spec_push(&out, c->out.axes[i].name, c->out.axes[i].size);
    }
    for (int i = before; i < rest.n_axes; i++) {
        pn_spec_push(&out, rest.axes[i].name, rest.axes[i].size);
    }
    c->out = out;
    return pn_need_valid_out(ctx, c);
}

static int64_t place(double id, int64_t size)
{
    int64_t at = (int64_t)id + (id < 0 ? size : 0);
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_spec *spec = &out->view.spec;
    const pn_spec *x = &in[X].view.spec;
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        int64_t from[PENCL_MAX_AXES];
        pn_same_index(spec, index, x, from);
        for (int i = 0; i < c->n_names; i++) {
            int axis = pn_spec_find(x, c->names[i]);
            from[axis] = place(pn_ref_get_by_name(&in[IDS + i], spec, index), x->axes[axis].size);
        }
        pn_ref_set(out, index, pn_ref_get(&in[X], from));
    }
}

static const pn_op_case cases[] = {
    {.name = "rows",
     .in = {"seq=9 embedding=32", "i32:seq=3"},
     .names = "seq",
     .fill = {NULL, "ids:9"}},
    {.name = "one of each sequence",
     .in = {"batch=3 seq=5 embedding=33", "i32:batch=3"},
     .names = "seq",
     .fill = {NULL, "ids:5"}},
    {.name = "last axis",
     .in = {"seq=4 vocabulary=11", "i32:top=3"},
     .names = "vocabulary",
     .fill = {NULL, "ids:11"}},
    {.name = "one", .in = {"seq=7 embedding=8", "i32:"}, .names = "seq", .fill = {NULL, "ids:7"}},
    {.name = "from the end and beyond",
     .in = {"seq=4 embedding=5", "i32:seq=40"},
     .names = "seq",
     .fill = {NULL, "signs"}},
    {.name = "two axes",
     .in = {"batch=3 seq=5 heads=4 kv_seq=7", "i32:head=2 batch=3", "i32:head=2"},
     .names = "kv_seq heads",
     .fill = {NULL, "ids:7", "ids:4"}},
    {.name = "integers",
     .in = {"i32:seq=9", "i32:seq=3"},
     .names = "seq",
     .fill = {"bits", "ids:9"}},
    {0},
};

const pn_op_def pn_op_take = {
    .name = "take",
    .doc = "x at index arrays along axes",
    .in = {"x", "ids", "ids 2", "ids 3", "ids 4", "ids 5", "ids 6", "ids 7"},
    .flags = PN_OP_POINTWISE | PN_OP_GATHER,
    .expr = "a",
    .infer = infer,
    .ref = ref,
    .cases = cases,
};
