/* SPDX-License-Identifier: Apache-2.0 */
/* softmax: exp(x - max) over its sum along one axis. A row whose every entry is `mask`'s value sees
 * nothing and gives zeros. */
#include "op/rows.h"

#include <math.h>

static const double masked = -2.3819763e38; /* what `mask` puts where nothing is seen */

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_axis(ctx, c, 0, c->names[0]));
    return pn_infer_like_first(ctx, c);
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_spec *spec = &out->view.spec;
    int axis = pn_spec_find(spec, c->names[0]);
    int64_t n = spec->axes[axis].size;
    pn_spec rows = *spec; /* the axis stays, with one entry: indices fit both specs */
    rows.axes[axis].size = n > 0 ? 1 : 0;
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(&rows) > 0; more; more = pn_next_index(&rows, index)) {
        double top = -INFINITY;
        for (index[axis] = 0; index[axis] < n; index[axis]++) {
            top = fmax(top, pn_ref_get_by_name(in, spec, index));
        }
        double sum = 0;
        for (index[axis] = 0; index[axis] < n; index[axis]++) {
            sum += exp(pn_ref_get_by_name(in, spec, index) - top);
        }
        double scale = (float)top <= (float)masked ? 0 : 1 / sum;
        for (index[axis] = 0; index[axis] < n; index[axis]++) {
            pn_ref_set(out, index, exp(pn_ref_get_by_name(in, spec, index) - top) * scale);
        }
        index[axis] = 0;
    }
}

static bool fits(const pn_task *t, const pn_caps *caps)
{
    return t->program[0] == NULL && pn_rows_fit(t, caps);
}

static bool fits_wide(const pn_task *t, const pn_caps *caps)
{
    return t->program[0] == NULL && pn_rows_fit_wide(t, caps);
}

static pencl_status emit_row(pn_emit *e, const pn_task *t)
{
    return pn_emit_rows(e, t, &(pn_row_kernel){"softmax", "softmax_row", NULL, PN_GROUP_ALONE});
}

static pencl_status emit_wide(pn_emit *e, const pn_task *t)
{
    return pn_emit_rows(e, t, &(pn_row_kernel){"softmax", "softmax_wide", NULL, PN_GROUP_ALONE});
}

static pencl_status emit_lanes(pn_emit *e, const pn_task *t)
{
    return pn_emit_rows(e, t, &(pn_row_kernel){"softmax", "softmax_lanes", NULL, PN_GROUP_TREE});
}

static pencl_status emit_subgroup(pn_emit *e, const pn_task *t)
{
    return pn_emit_rows(e, t,
                        &(pn_row_kernel){"softmax", "softmax_subgroup", NULL, PN_GROUP_SUBGROUPS});
}

static const pn_candidate kernels[] = {
    {.name = "softmax_wide", .family = PN_WIDE, .fits = fits_wide, .emit = emit_wide},
    {.name = "softmax_subgroup",
     .family = PN_SIMT,
     .needs = PN_CAP_SUBGROUPS,
     .fits = fits,
     .emit = emit_subgroup},
    {.name = "softmax_lanes", .family = PN_SIMT, .fits = fits, .emit = emit_lanes},
    {.name = "softmax_row", .family = PN_ANY, .fits = fits, .emit = emit_row},
    {0},
};

static const pn_op_case cases[] = {
    {.name = "last axis", .in = {"seq=3 heads=2 kv_seq=64"}, .names = "kv_seq"},
    {.name = "odd width", .in = {"seq=3 kv_seq=37"}, .names = "kv_seq"},
    {.name = "strided", .in = {"seq=3 kv_seq=20 heads=5"}, .names = "kv_seq"},
    {.name = "one entry", .in = {"seq=5 kv_seq=1"}, .names = "kv_seq"},
    {.name = "masked", .in = {"seq=6 kv_seq=16"}, .names = "kv_seq", .fill = {"masked"}},
    {.name = "masked, odd", .in = {"seq=6 kv_seq=9"}, .names = "kv_seq", .fill = {"masked"}},
    {.name = "large", .in = {"seq=2 kv_seq=48"}, .names = "kv_seq", .fill = {"large"}},
    {0},
};

const pn_op_def pn_op_softmax = {
    .name = "softmax",
    .doc = "exp(x - max) / sum along an axis; zeros where all is masked",
    .in = {"x"},
    .infer = infer,
    .ref = ref,
    .kernels = kernels,
    .cases = cases,
    .tol = {.absolute = 1e-7, .relative = 2e-6},
};
