/* SPDX-License-Identifier: Apache-2.0 */
/* sum, mean, max, min, all_true, any_true: one number of the elements along named axes. They differ
 * by what they start with, how they join two and what they do at the end (cl/reduce.cl). Sums of
 * int32 wrap around, its mean is float32; NaN wins in max and min; all_true and any_true give int32
 * 1 or 0. */
#include "op/rows.h"

#include <math.h>
#include <stdio.h>

/* ---- shapes ---- */

static pencl_status infer_mean(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_infer_rows(ctx, c));
    c->out.dtype = c->out.dtype == PENCL_I32 ? PENCL_F32 : c->out.dtype;
    return PENCL_OK;
}

static pencl_status infer_truth(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_infer_rows(ctx, c));
    c->out.dtype = PENCL_I32;
    return PENCL_OK;
}

/* The largest of no elements is nothing. */
static pencl_status infer_extreme(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_infer_rows(ctx, c));
    return pn_need_elements(ctx, c);
}

/* ---- references ---- */

typedef struct reduction {
    double first;
    double (*join)(double all, double x);
    bool divide; /* by the number of elements */
} reduction;

static double add(double all, double x)
{
    return all + x;
}

static double larger(double all, double x)
{
    return x > all || isnan(x) ? x : all;
}

static double smaller(double all, double x)
{
    return x < all || isnan(x) ? x : all;
}

static double both(double all, double x)
{
    return all != 0 && x != 0;
}

static double either(double all, double x)
{
    return all != 0 || x != 0;
}

static double reduce_row(const pn_op_call *c, const pn_ref_operand *in, int64_t *row, reduction r)
{
    double all = r.first;
    for (bool more = pn_col_count(c) > 0; more; more = pn_next_col(c, row)) {
        all = r.join(all, pn_ref_get(in, row));
    }
    return r.divide ? all / (double)pn_col_count(c) : all;
}

static void
reduce(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out, reduction r)
{
    int64_t row[PENCL_MAX_AXES] = {0};
    for (bool more = pn_row_count(c) > 0; more; more = pn_next_row(c, row)) {
        int64_t to[PENCL_MAX_AXES];
        pn_same_index(&c->in[0], row, &out->view.spec, to);
        pn_ref_set(out, to, reduce_row(c, in, row, r));
    }
}

static void sum_int(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    int64_t row[PENCL_MAX_AXES] = {0};
    for (bool more = pn_row_count(c) > 0; more; more = pn_next_row(c, row)) {
        int64_t to[PENCL_MAX_AXES];
        int64_t sum = 0;
        for (bool more_cols = pn_col_count(c) > 0; more_cols; more_cols = pn_next_col(c, row)) {
            sum += (int64_t)pn_ref_get(in, row);
        }
        pn_same_index(&c->in[0], row, &out->view.spec, to);
        pn_ref_set_int(out, to, sum);
    }
}

static void ref_sum(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    if (c->out.dtype == PENCL_I32) {
        sum_int(c, in, out);
    } else {
        reduce(c, in, out, (reduction){0, add, false});
    }
}

static void ref_mean(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    reduce(c, in, out, (reduction){0, add, true});
}

static void ref_max(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    double first = c->in[0].dtype == PENCL_I32 ? (double)INT32_MIN : -INFINITY;
    reduce(c, in, out, (reduction){first, larger, false});
}

static void ref_min(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    double first = c->in[0].dtype == PENCL_I32 ? (double)INT32_MAX : INFINITY;
    reduce(c, in, out, (reduction){first, smaller, false});
}

static void ref_all(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    reduce(c, in, out, (reduction){1, both, false});
}

static void ref_any(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    reduce(c, in, out, (reduction){0, either, false});
}

/* ---- kernels ---- */

static pencl_status emit(pn_emit *e, const pn_task *t, const char *name, pn_group group)
{
    char defines[64];
    bool integers = t->call->in[0].dtype == PENCL_I32;
    snprintf(defines, sizeof defines, "#define REDUCE_%s\n#define INTEGERS %d\n",
             t->call->def->name, integers);
    return pn_emit_rows(e, t, &(pn_row_kernel){"reduce", name, defines, group});
}

static pencl_status emit_row(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "reduce_row", PN_GROUP_ALONE);
}

static pencl_status emit_wide(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "reduce_wide", PN_GROUP_ALONE);
}

static pencl_status emit_lanes(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "reduce_lanes", PN_GROUP_TREE);
}

static pencl_status emit_subgroup(pn_emit *e, const pn_task *t)
{
    return emit(e, t, "reduce_subgroup", PN_GROUP_SUBGROUPS);
}

/* float32 side by side along one axis, joined in float32. */
static bool fits_wide(const pn_task *t, const pn_caps *caps)
{
    const pn_operand *x = &t->in[0];
    return pn_rows_fit(t, caps) && t->call->n_names == 1 && x->view.spec.dtype == PENCL_F32 &&
           t->out[0].view.spec.dtype == PENCL_F32 &&
           (x->store == NULL || x->store->layout == &pn_layout_plain) &&
           pn_view_stride(&x->view, t->call->names[0]) == 1;
}

static const pn_candidate kernels[] = {
    {.name = "reduce_wide", .family = PN_WIDE, .fits = fits_wide, .emit = emit_wide},
    {.name = "reduce_subgroup",
     .family = PN_SIMT,
     .needs = PN_CAP_SUBGROUPS,
     .fits = pn_rows_fit,
     .emit = emit_subgroup},
    {.name = "reduce_lanes", .family = PN_SIMT, .fits = pn_rows_fit, .emit = emit_lanes},
    {.name = "reduce_row", .family = PN_ANY, .fits = pn_rows_fit_one, .emit = emit_row},
    {0},
};

/* ---- the ops ---- */

/* Where the ops find their rows is one for all: `sum` tries more shapes than the others. */
static const pn_op_case sum_cases[] = {
    {.name = "last axis", .in = {"seq=3 embedding=576"}, .names = "embedding"},
    {.name = "long", .in = {"seq=2 embedding=4097"}, .names = "embedding"},
    {.name = "odd width", .in = {"seq=7 embedding=33"}, .names = "embedding"},
    {.name = "strided", .in = {"embedding=48 seq=5"}, .names = "embedding"},
    {.name = "middle", .in = {"batch=2 seq=9 heads=3"}, .names = "seq"},
    {.name = "two axes", .in = {"batch=2 seq=9 heads=3"}, .names = "heads batch"},
    {.name = "all axes", .in = {"batch=2 seq=9 heads=3"}, .names = "seq heads batch"},
    {.name = "no axis", .in = {"batch=2 seq=9"}},
    {.name = "one element", .in = {"seq=5 embedding=1"}, .names = "embedding"},
    {.name = "empty", .in = {"seq=3 batch=0"}, .names = "batch"},
    {.name = "zero", .in = {"seq=5 embedding=64"}, .names = "embedding", .fill = {"zero"}},
    {.name = "large", .in = {"seq=2 embedding=80"}, .names = "embedding", .fill = {"large"}},
    {.name = "half", .in = {"f16:seq=3 heads=20"}, .names = "heads", .fill = {"ties"}},
    {.name = "bf16", .in = {"bf16:seq=3 heads=20"}, .names = "heads", .fill = {"ties"}},
    {.name = "wraps around", .in = {"i32:seq=3 batch=99"}, .names = "batch", .fill = {"bits"}},
    {0},
};

static const pn_op_case mean_cases[] = {
    {.name = "odd width", .in = {"seq=7 embedding=33"}, .names = "embedding"},
    {.name = "two axes", .in = {"batch=2 seq=9 heads=3"}, .names = "heads batch"},
    {.name = "half", .in = {"f16:seq=3 heads=16"}, .names = "heads", .fill = {"ties"}},
    {.name = "integers", .in = {"i32:seq=33 batch=5"}, .names = "seq", .fill = {"large"}},
    {0},
};

static const pn_op_case extreme_cases[] = {
    {.name = "large", .in = {"seq=7 embedding=33"}, .names = "embedding", .fill = {"large"}},
    {.name = "two axes", .in = {"batch=2 seq=9 heads=3"}, .names = "heads batch"},
    {.name = "inf and nan", .in = {"seq=40 heads=5"}, .names = "heads", .fill = {"odd"}},
    {.name = "nan in a long row", .in = {"seq=2 kv_seq=99"}, .names = "kv_seq", .fill = {"odd"}},
    {.name = "integers", .in = {"i32:seq=3 batch=99"}, .names = "batch", .fill = {"bits"}},
    {0},
};

static const pn_op_case truth_cases[] = {
    {.name = "masks", .in = {"i32:seq=64 kv_seq=3"}, .names = "kv_seq", .fill = {"ids:2"}},
    {.name = "two axes", .in = {"i32:a=2 seq=9 b=3"}, .names = "b a", .fill = {"ids:2"}},
    {.name = "nan and zero", .in = {"seq=9 kv_seq=7"}, .names = "kv_seq", .fill = {"odd"}},
    {.name = "zeros", .in = {"seq=9 kv_seq=70"}, .names = "kv_seq", .fill = {"zero"}},
    {.name = "empty", .in = {"i32:seq=3 batch=0"}, .names = "batch"},
    {0},
};

#define REDUCTION(op, text, rule, reference, op_cases)                                             \
    .name = op, .doc = text, .in = {"x"}, .flags = PN_OP_REDUCE, .infer = rule, .ref = reference,  \
    .kernels = kernels, .cases = op_cases

const pn_op_def pn_op_sum = {
    REDUCTION("sum", "sum along axes", pn_infer_rows, ref_sum, sum_cases),
    .tol = {.absolute = 2e-5, .relative = 2e-6},
};

const pn_op_def pn_op_mean = {
    REDUCTION("mean", "mean along axes", infer_mean, ref_mean, mean_cases),
    .tol = {.absolute = 1e-6, .relative = 1e-6},
};

const pn_op_def pn_op_max = {
    REDUCTION("max", "largest element along axes", infer_extreme, ref_max, extreme_cases),
};

const pn_op_def pn_op_min = {
    REDUCTION("min", "smallest element along axes", infer_extreme, ref_min, extreme_cases),
};

/* `bench --op all` is every op, so that none has that name. */
const pn_op_def pn_op_all_true = {
    REDUCTION("all_true", "1 where no element is 0", infer_truth, ref_all, truth_cases),
};

const pn_op_def pn_op_any_true = {
    REDUCTION("any_true", "1 where an element is not 0", infer_truth, ref_any, truth_cases),
};
