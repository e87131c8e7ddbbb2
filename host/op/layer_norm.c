/* SPDX-License-Identifier: Apache-2.0 */
/* layer_norm: (x - mean) / sqrt(mean(x^2) - mean^2 + eps), the means taken along one axis. A
 * learned scale is a `mul` after it. */
#include "op/norm.h"
#include "op/rows.h"

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    pn_norm_ref(c, in, out, PN_NORM_LAYER);
}

static const pn_candidate kernels[] = {
    {.name = "layer_norm_wide",
     .family = PN_WIDE,
     .fits = pn_rows_fit_wide,
     .emit = pn_norm_emit_wide},
    {.name = "layer_norm_subgroup",
     .family = PN_SIMT,
     .needs = PN_CAP_SUBGROUPS,
     .fits = pn_rows_fit,
     .emit = pn_norm_emit_subgroup},
    {.name = "layer_norm_lanes",
     .family = PN_SIMT,
     .fits = pn_rows_fit,
     .emit = pn_norm_emit_lanes},
    {.name = "layer_norm_row", .family = PN_ANY, .fits = pn_rows_fit, .emit = pn_norm_emit_row},
    {0},
};

static const pn_op_case cases[] = {
    {.name = "one row", .in = {"seq=1 embedding=576"}, .num = {1e-5}, .names = "embedding"},
    {.name = "wide", .in = {"batch=2 seq=3 embedding=4096"}, .num = {1e-6}, .names = "embedding"},
    {.name = "odd width", .in = {"seq=7 embedding=33"}, .num = {1e-6}, .names = "embedding"},
    {.name = "one column", .in = {"seq=3 embedding=1"}, .num = {1e-6}, .names = "embedding"},
    {.name = "strided", .in = {"embedding=48 seq=5"}, .num = {1e-6}, .names = "embedding"},
    {.name = "large",
     .in = {"seq=2 embedding=64"},
     .num = {1e-6},
     .names = "embedding",
     .fill = {"large"}},
    {.name = "zero",
     .in = {"seq=2 embedding=64"},
     .num = {1e-6},
     .names = "embedding",
     .fill = {"zero"}},
    {0},
};

const pn_op_def pn_op_layer_norm = {
    .name = "layer_norm",
    .doc = "normalisation to mean 0 and variance 1 along an axis",
    .in = {"x"},
    .num = {"eps"},
    .flags = PN_OP_NORM | PN_OP_ROWWISE,
    .infer = pn_norm_infer,
    .ref = ref,
    .kernels = kernels,
    .cases = cases,
    .tol = {.absolute = 2e-6, .relative = 2e-6},
};
