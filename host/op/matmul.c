/* SPDX-License-Identifier: Apache-2.0 */
/* matmul: sums of products over named axes that both inputs have; other shared axes pair up. */
#include "op/matmul.h"

#include <string.h>

enum { X, W };

/* ---- shape rule ---- */

static bool contracted(const pn_op_call *c, const char *axis)
{
    for (int i = 0; i < c->n_names; i++) {
        if (strcmp(c->names[i], axis) == 0) {
            return true;
        }
    }
    return false;
}

static pencl_status add_axis(pencl_ctx *ctx, pn_op_call *c, const pencl_axis *axis)
{
    if (c->out.n_axes == PENCL_MAX_AXES) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "matmul: more than %d axes", PENCL_MAX_AXES);
    }
    pn_spec_push(&c->out, axis->name, axis->size);
    return PENCL_OK;
}

/* x's other axes in x's order, then those that only w has. Quantised w is a stored variable. Of
 * integers the sum is int32 and wraps around, else it is float32. */
static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    const pn_spec *x = &c->in[X];
    const pn_spec *w = &c->in[W];
    const pn_spec *specs[PN_MAX_IN];
    pn_specs all = pn_call_specs(c, specs);
    bool integers = x->dtype == PENCL_I32 && w->dtype == PENCL_I32;
    if (!integers) {
        PENCL_TRY(pn_need_float(ctx, c, X));
    }
    if (!integers && w->dtype == PENCL_I32) {
        PENCL_TRY(pn_need_float(ctx, c, W));
    }
    for (int i = 0; i < c->n_names; i++) {
        PENCL_TRY(pn_need_axis(ctx, c, X, c->names[i]));
        PENCL_TRY(pn_need_axis(ctx, c, W, c->names[i]));
    }
    c->out = (pn_spec){.dtype = integers ? PENCL_I32 : PENCL_F32};
    for (int i = 0; i < x->n_axes; i++) {
        const pencl_axis *axis = &x->axes[i];
        int other = pn_spec_find(w, axis->name);
        if (other >= 0 && w->axes[other].size != axis->size) {
            return pn_specs_fail_sizes(ctx, &all, X, W, axis->name);
        }
        if (!contracted(c, axis->name)) {
            PENCL_TRY(add_axis(ctx, c, axis));
        }
    }
    for (int i = 0; i < w->n_axes; i++) {
        if (pn_spec_find(x, w->axes[i].name) < 0) {
            PENCL_TRY(add_axis(ctx, c, &w->axes[i]));
        }
    }
    return pn_spec_check_extent(ctx, &c->out, "matmul");
}

static double flops(const pn_op_call *c)
{
    double n = 2.0 * (double)pn_spec_count(&c->out);
    for (int i = 0; i < c->n_names; i++) {
        n *= (double)pn_spec_size(&c->in[X], c->names[i]);
    }
    return n;
}

/* ---- reference ---- */

/* The contracted axes, in w's order. */
static pn_spec contracted_axes(const pn_op_call *c)
{
    pn_spec k = {.dtype = PENCL_F32};
    for (int i = 0; i < c->in[W].n_axes; i++) {
        if (contracted(c, c->in[W].axes[i].name)) {
            pn_spec_push(&k, c->in[W].axes[i].name, c->in[W].axes[i].size);
        }
    }
    return k;
}

/* Steps through an operand's storage for each axis of `along`; 0 where it has none. */
static void steps_along(const pn_view *view, const pn_spec *along, int64_t *steps)
{
    for (int i = 0; i < along->n_axes; i++) {
        steps[i] = pn_view_stride(view, along->axes[i].name);
    }
}

/* One element by walking both operands along the contracted axes; of integers in `whole` too. */
static double dot(const pn_ref_operand *in,
                  const pn_spec *out,
                  const int64_t *index,
                  const pn_spec *k,
                  uint64_t *whole)
{
    int64_t at[2][PENCL_MAX_AXES];
    int64_t step[PENCL_MAX_AXES] = {0};
    pn_ref_operand o[2] = {in[X], in[W]};
    int64_t strides[2][PENCL_MAX_AXES];
    for (int i = 0; i < 2; i++) {
        pn_same_index(out, index, &o[i].view.spec, at[i]);
        steps_along(&o[i].view, k, strides[i]);
    }
    double sum = 0;
    for (bool more = pn_spec_count(k) > 0; more; more = pn_next_index(k, step)) {
        for (int i = 0; i < 2; i++) {
            o[i].view.offset = in[i].view.offset;
            for (int a = 0; a < k->n_axes; a++) {
                o[i].view.offset += step[a] * strides[i][a];
            }
        }
        double x = pn_ref_get(&o[X], at[X]);
        double w = pn_ref_get(&o[W], at[W]);
        sum += x * w;
        if (out->dtype == PENCL_I32) {
            *whole += (uint64_t)((int64_t)x * (int64_t)w);
        }
    }
    return sum;
}

static void ref_values(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    pn_spec k = contracted_axes(c);
    int64_t index[PENCL_MAX_AXES] = {0};
    const pn_spec *spec = &out->view.spec;
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        uint64_t whole = 0;
        double sum = dot(in, spec, index, &k, &whole);
        if (spec->dtype == PENCL_I32) {
            pn_ref_set_int(out, index, (int64_t)whole);
        } else {
            pn_ref_set(out, index, sum);
        }
    }
}

/* x gathered into [tokens][cols] as w's columns lie; NULL when memory is out. */
static float *gather_x(const pn_op_call *c, const pn_ref_operand *x, const pn_spec *tokens)
{
    pn_spec k = contracted_axes(c);
    pn_spec all = *tokens;
    for (int i = 0; i < k.n_axes; i++) {
        pn_spec_push(&all, k.axes[i].name, k.axes[i].size);
    }
    float *rows = pn_calloc((size_t)pn_spec_count(&all), sizeof *rows);
    int64_t index[PENCL_MAX_AXES] = {0};
    size_t n = 0;
    for (bool more = rows != NULL && pn_spec_count(&all) > 0; more;
         more = pn_next_index(&all, index)) {
        rows[n++] = (float)pn_ref_get_by_name(x, &all, index);
    }
    return rows;
}

/* The bare case of a model: every row of a stored matrix is read once, then used for all tokens.
 * Outputs are [tokens..., rows...] in C order. */
static bool ref_stored(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    pn_spec tokens = {.dtype = PENCL_F32};
    for (int i = 0; i < c->in[X].n_axes; i++) {
        if (!contracted(c, c->in[X].axes[i].name)) {
            pn_spec_push(&tokens, c->in[X].axes[i].name, c->in[X].axes[i].size);
        }
    }
    int64_t n_rows = in[W].matrix->rows;
    int64_t n_cols = in[W].matrix->cols;
    int64_t n_tokens = pn_spec_count(&tokens);
    float *x = gather_x(c, &in[X], &tokens);
    float *row = pn_calloc((size_t)n_cols, sizeof *row);
    float *to = (float *)out->data + out->view.offset;
    for (int64_t r = 0; x != NULL && row != NULL && r < n_rows; r++) {
        pn_ref_row(&in[W], r, row);
        for (int64_t t = 0; t < n_tokens; t++) {
            double sum[4] = {0}; /* four sums: one would wait for itself */
            const float *xt = x + t * n_cols;
            for (int64_t k = 0; k < n_cols; k++) {
                sum[k % 4] += (double)xt[k] * (double)row[k];
            }
            to[t * n_rows + r] = (float)((sum[0] + sum[1]) + (sum[2] + sum[3]));
        }
    }
    bool done = x != NULL && row != NULL;
    pn_free(x);
    pn_free(row);
    return done;
}

/* w's stored rows are exactly its axes that are not contracted. */
static bool rows_are_kept(const pn_op_call *c, const pn_ref_operand *w)
{
    const pn_spec *spec = &w->view.spec;
    int64_t cols = 1;
    int i = spec->n_axes;
    while (i > 0 && contracted(c, spec->axes[i - 1].name)) {
        cols *= spec->axes[--i].size;
    }
    for (int r = 0; r < i; r++) {
        if (contracted(c, spec->axes[r].name) || pn_spec_find(&c->in[X], spec->axes[r].name) >= 0) {
            return false;
        }
    }
    return cols == w->matrix->cols && pn_spec_count(spec) == cols * w->matrix->rows &&
           pn_view_is_contiguous(&w->view) && w->view.offset == 0;
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    bool stored = in[W].matrix != NULL && out->view.spec.dtype == PENCL_F32 &&
                  pn_view_is_contiguous(&out->view) && rows_are_kept(c, &in[W]);
    if (!stored || !ref_stored(c, in, out)) {
        ref_values(c, in, out);
    }
}

/* ---- the op ---- */

static const pn_candidate kernels[] = {
    {.name = "matmul_wide",
     .family = PN_WIDE,
     .needs = PN_CAP_OPENCL,
     .fits = pn_matmul_wide_fits,
     .emit = pn_matmul_wide_emit},
    {.name = "matmul_wide_tile",
     .family = PN_WIDE,
     .needs = PN_CAP_OPENCL,
     .fits = pn_matmul_wide_tile_fits,
     .scratch = pn_matmul_wide_tile_scratch,
     .emit = pn_matmul_wide_tile_emit},
    {.name = "matmul_simt_tile",
     .family = PN_SIMT,
     .needs = PN_CAP_OPENCL,
     .fits = pn_matmul_simt_tile_fits,
     .scratch = pn_matmul_simt_tile_scratch,
     .emit = pn_matmul_simt_tile_emit},
    {.name = "matmul_simt_subgroup",
     .family = PN_SIMT,
     .needs = PN_CAP_OPENCL | PN_CAP_SUBGROUPS,
     .fits = pn_matmul_simt_fits,
     .gains = pn_matmul_simt_subgroup_gains,
     .scratch = pn_matmul_simt_scratch,
     .emit = pn_matmul_simt_subgroup_emit},
    {.name = "matmul_simt",
     .family = PN_SIMT,
     .needs = PN_CAP_OPENCL,
     .fits = pn_matmul_simt_fits,
     .scratch = pn_matmul_simt_scratch,
     .emit = pn_matmul_simt_emit},
    {.name = "matmul_rows",
     .family = PN_ANY,
     .needs = PN_CAP_OPENCL,
     .fits = pn_matmul_rows_fits,
     .scratch = pn_matmul_rows_scratch,
     .emit = pn_matmul_rows_emit},
    {.name = "matmul_strided",
     .family = PN_ANY,
     .needs = PN_CAP_OPENCL,
     .fits = pn_matmul_strided_fits,
     .emit = pn_matmul_strided_emit},
    {.name = "matmul_clblast",
     .family = PN_ANY,
     .needs = PN_CAP_OPENCL,
     .fits = pn_matmul_clblast_fits,
     .scratch = pn_matmul_clblast_scratch,
     .emit = pn_matmul_clblast_emit,
     .forced_only = true},
    {0},
};

/* Stored weights: one token, then few, then enough for tiles. */
#define STORED(what, x, w)                                                                         \
    {                                                                                              \
        .name = what, .in = {x, w}, .rows = {0, 1}, .names = "embedding"                           \
    }

static const pn_op_case cases[] = {
    STORED("one token f32", "seq=1 embedding=64", "f32:neurons=48 embedding=64"),
    STORED("one token f16", "seq=1 embedding=64", "f16:neurons=48 embedding=64"),
    STORED("one token bf16", "seq=1 embedding=64", "bf16:neurons=48 embedding=64"),
    STORED("one token q4_0", "seq=1 embedding=64", "q4_0:neurons=48 embedding=64"),
    STORED("one token q4_1", "seq=1 embedding=64", "q4_1:neurons=48 embedding=64"),
    STORED("one token q8_0", "seq=1 embedding=64", "q8_0:neurons=48 embedding=64"),
    STORED("few tokens f32", "seq=3 embedding=33", "f32:neurons=37 embedding=33"),
    STORED("few tokens f16", "seq=3 embedding=33", "f16:neurons=37 embedding=33"),
    STORED("few tokens bf16", "seq=3 embedding=33", "bf16:neurons=37 embedding=33"),
    STORED("few tokens q4_0", "seq=3 embedding=32", "q4_0:neurons=17 embedding=32"),
    STORED("few tokens q4_1", "seq=3 embedding=32", "q4_1:neurons=17 embedding=32"),
    STORED("few tokens q8_0", "seq=3 embedding=32", "q8_0:neurons=17 embedding=32"),
    STORED("eight tokens q4_1", "seq=8 embedding=64", "q4_1:neurons=32 embedding=64"),
    STORED("few tokens q5_0", "seq=2 embedding=64", "q5_0:neurons=17 embedding=64"),
    STORED("few tokens q5_1", "seq=2 embedding=64", "q5_1:neurons=17 embedding=64"),
    STORED("few tokens iq4_nl", "seq=2 embedding=64", "iq4_nl:neurons=17 embedding=64"),
    STORED("few tokens q4_k", "seq=2 embedding=256", "q4_k:neurons=17 embedding=256"),
    STORED("few tokens q6_k", "seq=2 embedding=256", "q6_k:neurons=17 embedding=256"),
    STORED("few tokens q5_k", "seq=2 embedding=256", "q5_k:neurons=17 embedding=256"),
    STORED("few tokens q3_k", "seq=2 embedding=256", "q3_k:neurons=17 embedding=256"),
    STORED("few tokens q2_k", "seq=2 embedding=256", "q2_k:neurons=17 embedding=256"),
    STORED("tiles f32", "seq=17 embedding=33", "f32:neurons=21 embedding=33"),
    STORED("tiles f16", "seq=17 embedding=40", "f16:neurons=32 embedding=40"),
    STORED("tiles bf16", "seq=17 embedding=40", "bf16:neurons=32 embedding=40"),
    STORED("tiles q4_0", "seq=17 embedding=64", "q4_0:neurons=32 embedding=64"),
    STORED("tiles q4_1", "seq=17 embedding=64", "q4_1:neurons=32 embedding=64"),
    STORED("tiles q8_0", "seq=17 embedding=64", "q8_0:neurons=32 embedding=64"),
    STORED("tiles q5_0", "seq=9 embedding=64", "q5_0:neurons=16 embedding=64"),
    STORED("tiles q5_1", "seq=9 embedding=64", "q5_1:neurons=16 embedding=64"),
    STORED("tiles iq4_nl", "seq=9 embedding=64", "iq4_nl:neurons=16 embedding=64"),
    STORED("tiles q4_k", "seq=9 embedding=256", "q4_k:neurons=16 embedding=256"),
    STORED("tiles q6_k", "seq=9 embedding=256", "q6_k:neurons=16 embedding=256"),
    STORED("tiles q5_k", "seq=9 embedding=256", "q5_k:neurons=16 embedding=256"),
    STORED("tiles q3_k", "seq=9 embedding=256", "q3_k:neurons=16 embedding=256"),
    STORED("tiles q2_k", "seq=9 embedding=256", "q2_k:neurons=16 embedding=256"),
    STORED("panels q4_1", "seq=5 embedding=608", "q4_1:neurons=16 embedding=608"),
    STORED("panels f16", "batch=2 seq=35 embedding=300", "f16:neurons=16 embedding=300"),
    STORED("large", "seq=2 embedding=64", "f32:neurons=16 embedding=64"),
    {.name = "rows of two axes",
     .in = {"batch=2 seq=3 embedding=32", "q8_0:head_groups=2 projection=8 embedding=32"},
     .rows = {0, 2},
     .names = "embedding"},
    {.name = "columns of two axes",
     .in = {"seq=3 heads=2 projection=16", "f16:embedding=16 heads=2 projection=16"},
     .rows = {0, 1},
     .names = "heads projection"},
    {.name = "columns in another order",
     .in = {"seq=3 projection=8 heads=4", "bf16:embedding=16 heads=4 projection=8"},
     .rows = {0, 1},
     .names = "heads projection"},
    {.name = "tokens last",
     .in = {"embedding=32 seq=6", "q8_0:neurons=16 embedding=32"},
     .rows = {0, 1},
     .names = "embedding"},
    {.name = "values",
     .in = {"seq=5 embedding=33", "neurons=7 embedding=33"},
     .names = "embedding"},
    {.name = "values paired up",
     .in = {"batch=2 seq=3 heads=2 projection=8", "batch=2 kv_seq=5 heads=2 projection=8"},
     .names = "projection"},
    {.name = "values over the outermost axis",
     .in = {"seq=3 heads=2 kv_seq=9", "kv_seq=9 heads=2 projection=8"},
     .names = "kv_seq"},
    {.name = "values over two axes", .in = {"seq=3 a=4 b=5", "b=5 c=6 a=4"}, .names = "a b"},
    {.name = "stored, contracted along its rows",
     .in = {"seq=3 neurons=24", "f16:neurons=24 embedding=16"},
     .rows = {0, 1},
     .names = "neurons"},
    {.name = "outer product", .in = {"seq=5", "embedding=7"}},
    {.name = "integers",
     .in = {"i32:seq=5 embedding=33", "i32:embedding=33 neurons=7"},
     .names = "embedding",
     .fill = {"bits", "bits"}},
    {0},
};

const pn_op_def pn_op_matmul = {
    .name = "matmul",
    .doc = "sums of products over named axes",
    .in = {"x", "w"},
    .flags = PN_OP_ROWWISE,
    .infer = infer,
    .ref = ref,
    .kernels = kernels,
    .flops = flops,
    .cases = cases,
    .tol = {.relative = 1e-5},
};
