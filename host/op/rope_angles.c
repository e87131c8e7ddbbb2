/* SPDX-License-Identifier: Apache-2.0 */
/* rope_angles: a table of cosines and sines for rope, made on the host in double so that it is the
 * same on every device. Along the axis: d/2 cosines, then d/2 sines, of the angles
 * position / wavelength^(2i/d) / scale. */
#include "op/op.h"

#include <math.h>

enum { WAVELENGTH, SCALE, SIZE };

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    int64_t d = (int64_t)c->num[SIZE];
    if (d <= 0 || d % 2 != 0 || !(c->num[WAVELENGTH] > 0) || !(c->num[SCALE] > 0)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "rope_angles: bad size %lld, wavelength %g or scale %g",
                       (long long)d, c->num[WAVELENGTH], c->num[SCALE]);
    }
    PENCL_TRY(pn_need_int(ctx, c, 0));
    PENCL_TRY(pn_need_no_axis(ctx, c, 0, c->names[0]));
    c->out = c->in[0];
    c->out.dtype = PENCL_F32;
    pn_spec_push(&c->out, c->names[0], d);
    return pn_need_valid_out(ctx, c);
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_spec *spec = &out->view.spec;
    int axis = pn_spec_find(spec, c->names[0]);
    int64_t half = (int64_t)c->num[SIZE] / 2;
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        int64_t i = index[axis];
        double exponent = (double)(i % half) / (double)half;
        double position = pn_ref_get_by_name(&in[0], spec, index);
        double angle = position / pow(c->num[WAVELENGTH], exponent) / c->num[SCALE];
        pn_ref_set(out, index, i < half ? cos(angle) : sin(angle));
    }
}

static const pn_op_case cases[] = {
    {.name = "near",
     .in = {"i32:seq=5"},
     .num = {10000, 1, 64},
     .names = "projection",
     .fill = {"positions"}},
    {.name = "far and scaled",
     .in = {"i32:batch=2 seq=3"},
     .num = {1e6, 8, 20},
     .names = "projection",
     .fill = {"ids:131072"}},
    {0},
};

const pn_op_def pn_op_rope_angles = {
    .name = "rope_angles",
    .doc = "cosines, then sines, of rotary angles",
    .in = {"positions"},
    .num = {"wavelength", "scale", "size"},
    .flags = PN_OP_HOST | PN_OP_ROWWISE,
    .infer = infer,
    .ref = ref,
    .cases = cases,
    .tol = {.absolute = 1e-6},
};
