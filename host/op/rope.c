/* SPDX-License-Identifier: Apache-2.0 */
/* rope: rotary position embedding, halves of an axis rotated against each other. The angles come
 * from a table made on the host in double (rope_angles): half a row of cosines, then of sines. */
#include "op/op.h"

enum { X, ANGLES };
enum { SIZE }; /* entries rotated, from the first on; the others stay as they are */
enum { AXIS };

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    const char *axis = c->names[AXIS];
    PENCL_TRY(pn_need_float(ctx, c, X));
    PENCL_TRY(pn_need_float(ctx, c, ANGLES));
    PENCL_TRY(pn_need_axis(ctx, c, X, axis));
    int64_t n = (int64_t)c->num[SIZE];
    if (n <= 0 || n % 2 != 0 || n > pn_spec_size(&c->in[X], axis)) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &c->in[X],
                            "rope: cannot rotate halves of %lld entries along \"%s\"", (long long)n,
                            axis);
    }
    PENCL_TRY(pn_need_size(ctx, c, ANGLES, axis, n));
    pn_spec all = c->in[X];
    all.axes[pn_spec_find(&all, axis)].size = n;
    PENCL_TRY(pn_need_within(ctx, c, ANGLES, &all));
    c->out = c->in[X];
    return PENCL_OK;
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_spec *spec = &out->view.spec;
    int axis = pn_spec_find(spec, c->names[AXIS]);
    int64_t n = (int64_t)c->num[SIZE];
    int64_t half = n / 2;
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        int64_t other[PENCL_MAX_AXES];
        pn_same_index(spec, index, spec, other);
        int64_t i = index[axis];
        double y = pn_ref_get_by_name(&in[X], spec, index);
        if (i < n) {
            other[axis] = i < half ? i + half : i - half;
            double pair = pn_ref_get_by_name(&in[X], spec, other);
            other[axis] = i % half;
            double cosine = pn_ref_get_by_name(&in[ANGLES], spec, other);
            other[axis] = i % half + half;
            double sine = pn_ref_get_by_name(&in[ANGLES], spec, other);
            y = i < half ? y * cosine - pair * sine : y * cosine + pair * sine;
        }
        pn_ref_set(out, index, y);
    }
}

static const pn_op_case cases[] = {
    {.name = "one head",
     .in = {"seq=3 projection=8", "seq=3 projection=8"},
     .num = {8},
     .names = "projection"},
    {.name = "heads",
     .in = {"seq=3 head_groups=2 query_heads=2 projection=64", "seq=3 projection=64"},
     .num = {64},
     .names = "projection"},
    {.name = "batch",
     .in = {"batch=2 seq=3 heads=2 projection=4", "batch=2 seq=3 projection=4"},
     .num = {4},
     .names = "projection"},
    {.name = "subset",
     .in = {"seq=3 heads=2 projection=80", "seq=3 projection=20"},
     .num = {20},
     .names = "projection"},
    {0},
};

const pn_op_def pn_op_rope = {
    .name = "rope",
    .doc = "rotary position embedding of halves of an axis",
    .in = {"x", "angles"},
    .num = {"size"},
    .flags = PN_OP_POINTWISE | PN_OP_PAIR | PN_OP_ROWWISE,
    .expr = "!inside ? a : first ? a * b - a2 * b2 : a * b + a2 * b2",
    .infer = infer,
    .ref = ref,
    .cases = cases,
    .tol = {.relative = 1e-6},
};
