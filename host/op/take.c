/* SPDX-License-Identifier: Apache-2.0 */
/* take: x at the ids along an axis; the ids' axes come in its place. Axes that both have pair up,
 * so that ids [batch] take one token of each sequence. */
#include "op/op.h"

#include <string.h>

enum { X, IDS };

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    const pn_spec *x = &c->in[X];
    const pn_spec *ids = &c->in[IDS];
    PENCL_TRY(pn_need_axis(ctx, c, X, c->names[0]));
    PENCL_TRY(pn_need_int(ctx, c, IDS));
    int axis = pn_spec_find(x, c->names[0]);
    pn_spec out = {.dtype = x->dtype};
    for (int i = 0; i < x->n_axes; i++) {
        if (i != axis) {
            pn_spec_push(&out, x->axes[i].name, x->axes[i].size);
            continue;
        }
        for (int j = 0; j < ids->n_axes; j++) {
            int same = pn_spec_find(x, ids->axes[j].name);
            if (same >= 0 && same != axis) {
                PENCL_TRY(pn_need_size(ctx, c, IDS, x->axes[same].name, x->axes[same].size));
                continue;
            }
            if (out.n_axes + x->n_axes - i > PENCL_MAX_AXES) {
                return PN_FAIL(ctx, PENCL_E_LIMIT, "take: more than %d axes", PENCL_MAX_AXES);
            }
            pn_spec_push(&out, ids->axes[j].name, ids->axes[j].size);
        }
    }
    c->out = out;
    return pn_spec_check(ctx, &c->out, "take");
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_spec *spec = &out->view.spec;
    int axis = pn_spec_find(&in[X].view.spec, c->names[0]);
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        int64_t from[PENCL_MAX_AXES];
        pn_same_index(spec, index, &in[X].view.spec, from);
        from[axis] = (int64_t)pn_ref_get_by_name(&in[IDS], spec, index);
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
    {0},
};

const pn_op_def pn_op_take = {
    .name = "take",
    .doc = "x at the ids along an axis",
    .in = {"x", "ids"},
    .flags = PN_OP_POINTWISE | PN_OP_GATHER,
    .expr = "a",
    .infer = infer,
    .ref = ref,
    .cases = cases,
};
