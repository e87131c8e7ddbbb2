/* SPDX-License-Identifier: Apache-2.0 */
/* The best entries of rows: reference and launches of argmax, argmin and top_k. An entry comes
 * after another when it is worse, or equal with a higher index; NaN never wins. */
#include "op/best.h"

#include <math.h>
#include <stdio.h>

/* In argmin the order is turned round. */
static bool smallest_wins(const pn_op_call *c)
{
    return c->def == &pn_op_argmin;
}

/* The best entry after (value, at) of the row at `index`. */
static int64_t
next_best(const pn_op_call *c, const pn_ref_operand *in, int64_t *index, double *value, int64_t at)
{
    int64_t best = -1;
    double top = 0;
    int64_t i = 0;
    for (bool more = true; more; more = pn_next_col(c, index), i++) {
        double x = pn_ref_get(in, index) * (smallest_wins(c) ? -1 : 1);
        bool after = at < 0 || x < *value || (x == *value && i > at);
        if (after && !isnan(x) && (best < 0 || x > top)) {
            best = i;
            top = x;
        }
    }
    *value = top;
    return best;
}

void pn_best_ref(const pn_op_call *c,
                 const pn_ref_operand *in,
                 const pn_ref_operand *out,
                 int64_t k,
                 const char *into)
{
    int to_axis = into != NULL ? pn_spec_find(&out->view.spec, into) : -1;
    int64_t row[PENCL_MAX_AXES] = {0};
    for (bool more = pn_spec_count(&c->in[0]) > 0; more; more = pn_next_row(c, row)) {
        int64_t to[PENCL_MAX_AXES];
        pn_same_index(&c->in[0], row, &out->view.spec, to);
        double value = 0;
        int64_t at = -1;
        for (int64_t i = 0; i < k; i++) {
            at = next_best(c, in, row, &value, at);
            if (to_axis >= 0) {
                to[to_axis] = i;
            }
            pn_ref_set(out, to, (double)at);
        }
    }
}

static bool fits(const pn_task *t, const pn_caps *caps)
{
    return t->program[0] == NULL && pn_rows_fit(t, caps);
}

/* As in pn_rows_fit_wide, but the output holds integers and may have any strides. */
static bool fits_wide(const pn_task *t, const pn_caps *caps)
{
    const pn_operand *x = &t->in[0];
    bool one_axis = !(t->call->def->flags & PN_OP_REDUCE) || t->call->n_names == 1;
    return fits(t, caps) && one_axis && x->view.spec.dtype == PENCL_F32 &&
           (x->store == NULL || x->store->layout == &pn_layout_plain) &&
           pn_view_stride(&x->view, t->call->names[0]) == 1;
}

static pencl_status emit(pn_emit *e, const pn_task *t, const char *name, pn_group group)
{
    char defines[96];
    bool several = t->call->def->num[0] != NULL; /* argmax has no number: one entry */
    snprintf(defines, sizeof defines, "#define K %d\n#define SMALLEST %d\n#define INTEGERS %d\n",
             several ? (int)t->call->num[0] : 1, smallest_wins(t->call),
             t->call->in[0].dtype == PENCL_I32);
    return pn_emit_rows(e, t, &(pn_row_kernel){"best", name, defines, group});
}

static pencl_status emit_row(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "best_row", PN_GROUP_ALONE);
}

static pencl_status emit_wide(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "best_wide", PN_GROUP_ALONE);
}

static pencl_status emit_lanes(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "best_lanes", PN_GROUP_TREE);
}

static pencl_status emit_subgroup(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "best_subgroup", PN_GROUP_SUBGROUPS);
}

const pn_candidate pn_best_kernels[] = {
    {.name = "best_wide", .family = PN_WIDE, .fits = fits_wide, .emit = emit_wide},
    {.name = "best_subgroup",
     .family = PN_SIMT,
     .needs = PN_CAP_SUBGROUPS,
     .fits = fits,
     .emit = emit_subgroup},
    {.name = "best_lanes", .family = PN_SIMT, .fits = fits, .emit = emit_lanes},
    {.name = "best_row", .family = PN_ANY, .fits = fits, .emit = emit_row},
    {0},
};
