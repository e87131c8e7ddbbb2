/* SPDX-License-Identifier: Apache-2.0 */
/* Norms over one axis. */
#include "op/norm.h"

#include "op/rows.h"

#include <math.h>
#include <stdio.h>

enum { EPS };

pencl_status pn_norm_infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_axis(ctx, c, 0, c->names[0]));
    return pn_infer_like_first(ctx, c);
}

void pn_norm_ref(const pn_op_call *c,
                 const pn_ref_operand *in,
                 const pn_ref_operand *out,
                 pn_norm_kind kind)
{
    const pn_spec *spec = &out->view.spec;
    int axis = pn_spec_find(spec, c->names[0]);
    int64_t n = spec->axes[axis].size;
    pn_spec rows = *spec; /* the axis stays, with one entry: indices fit both specs */
    rows.axes[axis].size = n > 0 ? 1 : 0;
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(&rows) > 0; more; more = pn_next_index(&rows, index)) {
        double sum = 0;
        double squares = 0;
        for (index[axis] = 0; index[axis] < n; index[axis]++) {
            double x = pn_ref_get_by_name(in, spec, index);
            sum += x;
            squares += x * x;
        }
        double mean = kind == PN_NORM_LAYER ? sum / (double)n : 0;
        double variance = fmax(squares / (double)n - mean * mean, 0);
        double scale = 1 / sqrt(variance + c->num[EPS]);
        for (index[axis] = 0; index[axis] < n; index[axis]++) {
            pn_ref_set(out, index, (pn_ref_get_by_name(in, spec, index) - mean) * scale);
        }
        index[axis] = 0;
    }
}

static pencl_status emit(pn_emit *e, const pn_task *t, const char *idea, pn_group group)
{
    char name[48];
    char eps[64];
    snprintf(name, sizeof name, "%s_%s", t->call->def->name, idea);
    snprintf(eps, sizeof eps, "#define EPS %.9ef\n", t->call->num[EPS]);
    pn_row_kernel kernel = {t->call->def->name, name, eps, group};
    return pn_emit_rows(e, t, &kernel);
}

pencl_status pn_norm_emit_row(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "row", PN_GROUP_ALONE);
}

pencl_status pn_norm_emit_wide(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "wide", PN_GROUP_ALONE);
}

pencl_status pn_norm_emit_lanes(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "lanes", PN_GROUP_TREE);
}

pencl_status pn_norm_emit_subgroup(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "subgroup", PN_GROUP_SUBGROUPS);
}
