/* SPDX-License-Identifier: Apache-2.0 */
/* lookup: rows of a table at integer ids; an id outside the table (padding) gives zeros. */
#include "op/matmul.h"

#include <string.h>

enum { TABLE, IDS }; /* inputs */
enum { GROUP = 64 };

static const char *along(const pn_op_call *c)
{
    return c->names[0];
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_need_axis(ctx, c, TABLE, along(c)));
    PENCL_TRY(pn_need_int(ctx, c, IDS));
    c->out = c->in[IDS];
    c->out.dtype = PENCL_F32;
    for (int i = 0; i < c->in[TABLE].n_axes; i++) {
        const pencl_axis *axis = &c->in[TABLE].axes[i];
        if (strcmp(axis->name, along(c)) != 0) {
            if (c->out.n_axes == PENCL_MAX_AXES) {
                return PN_FAIL(ctx, PENCL_E_LIMIT, "lookup: more than %d axes", PENCL_MAX_AXES);
            }
            pn_spec_push(&c->out, axis->name, axis->size);
        }
    }
    return pn_need_valid_out(ctx, c);
}

static void ref(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    int64_t size = pn_spec_size(&c->in[TABLE], along(c));
    int at = pn_spec_find(&in[TABLE].view.spec, along(c));
    int64_t row = -1;
    int64_t cols = in[TABLE].matrix != NULL ? in[TABLE].matrix->cols : 0;
    float *values = cols > 0 ? pn_calloc((size_t)cols, sizeof *values) : NULL;
    int64_t index[PENCL_MAX_AXES] = {0};
    int64_t flat = 0;
    for (bool more = pn_spec_count(&c->out) > 0; more; more = pn_next_index(&c->out, index)) {
        int64_t from[PENCL_MAX_AXES];
        pn_same_index(&c->out, index, &in[IDS].view.spec, from);
        int64_t id = (int64_t)pn_ref_get(&in[IDS], from);
        double value = 0;
        if (id >= 0 && id < size && values != NULL) {
            if (id != row) {
                pn_ref_row(&in[TABLE], id, values);
                row = id;
            }
            value = values[flat % cols];
        } else if (id >= 0 && id < size) {
            pn_same_index(&c->out, index, &in[TABLE].view.spec, from);
            from[at] = id;
            value = pn_ref_get(&in[TABLE], from);
        }
        pn_ref_set(out, index, value);
        flat++;
    }
    pn_free(values);
}

/* A stored table whose rows are the axis, ids side by side. */
static bool fits(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    const pn_store *s = t->in[TABLE].store;
    return s != NULL && s->n_row_axes == 1 && s->matrix.rows <= INT32_MAX &&
           pn_mm_readable(&s->matrix, s->layout) &&
           strcmp(s->spec.axes[0].name, along(t->call)) == 0 && t->in[TABLE].view.offset == 0 &&
           pn_view_is_contiguous(&t->in[TABLE].view) && pn_view_is_contiguous(&t->in[IDS].view) &&
           t->program[0] == NULL;
}

static pencl_status emit_part(pn_emit *e, const pn_task *t, int part, const char *prelude)
{
    const pn_store *s = t->in[TABLE].store;
    const pn_part *p = &s->parts[part];
    int64_t count = pn_spec_count(&t->call->out);
    pn_kernel *k = NULL;
    PENCL_TRY(pn_emit_kernel(e, &k,
                             &(pn_kernel_source){.file = "lookup",
                                                 .name = "lookup_rows",
                                                 .prelude = prelude,
                                                 .label = "lookup/lookup_rows"}));
    pn_matrix m = s->matrix;
    m.rows = p->rows;
    pn_emit_operand(e, k, 0, &t->in[TABLE], part, 1);
    pn_emit_operand(e, k, 2, &t->in[IDS], 0, sizeof(int32_t));
    pn_emit_operand(e, k, 4, &t->out[0], 0, sizeof(float));
    pn_kernel_arg_i64(k, 6, (int64_t)s->layout->scales(&m));
    pn_kernel_arg_i32(k, 7, (int32_t)p->first);
    pn_kernel_arg_i32(k, 8, (int32_t)p->rows);
    pn_kernel_arg_i32(k, 9, (int32_t)s->matrix.rows);
    pn_kernel_arg_i64(k, 10, count);
    size_t global = ((size_t)count + GROUP - 1) / GROUP * GROUP;
    return pn_emit_launch(e, k, 1, (size_t[3]){global}, (size_t[3]){GROUP});
}

static pencl_status emit(pn_emit *e, const pn_task *t)
{
    pn_text prelude = {0};
    const pn_store *s = t->in[TABLE].store;
    pn_mm_weights(&prelude, &s->matrix, s->layout);
    pencl_status st = prelude.failed ? PN_NOMEM(pn_emit_ctx(e)) : PENCL_OK;
    for (int part = 0; st == PENCL_OK && part < s->n_parts; part++) {
        st = emit_part(e, t, part, pn_text_get(&prelude));
    }
    pn_text_free(&prelude);
    return st;
}

static const pn_candidate kernels[] = {
    {.name = "lookup_rows", .family = PN_ANY, .needs = PN_CAP_OPENCL, .fits = fits, .emit = emit},
    {0}};

#define LOOKUP_CASE(type)                                                                          \
    {                                                                                              \
        .name = type, .in = {type ":vocabulary=20 embedding=64", "i32:seq=5"}, .rows = {1},        \
        .names = "vocabulary", .fill = {                                                           \
            NULL,                                                                                  \
            "ids:20"                                                                               \
        }                                                                                          \
    }

/* Blocks of 256. */
#define LOOKUP_K_CASE(type)                                                                        \
    {                                                                                              \
        .name = type, .in = {type ":vocabulary=20 embedding=256", "i32:seq=3"}, .rows = {1},       \
        .names = "vocabulary", .fill = {                                                           \
            NULL,                                                                                  \
            "ids:20"                                                                               \
        }                                                                                          \
    }

static const pn_op_case cases[] = {LOOKUP_CASE("f32"),
                                   LOOKUP_CASE("f16"),
                                   LOOKUP_CASE("bf16"),
                                   LOOKUP_CASE("q4_0"),
                                   LOOKUP_CASE("q4_1"),
                                   LOOKUP_CASE("q8_0"),
                                   LOOKUP_CASE("q5_0"),
                                   LOOKUP_CASE("q5_1"),
                                   LOOKUP_CASE("iq4_nl"),
                                   LOOKUP_K_CASE("q4_k"),
                                   LOOKUP_K_CASE("q6_k"),
                                   LOOKUP_K_CASE("q5_k"),
                                   LOOKUP_K_CASE("q3_k"),
                                   LOOKUP_K_CASE("q2_k"),
                                   {.name = "batch of ids",
                                    .in = {"q8_0:vocabulary=33 embedding=32", "i32:batch=2 seq=3"},
                                    .rows = {1},
                                    .names = "vocabulary",
                                    .fill = {NULL, "ids:33"}},
                                   {0}};

const pn_op_def pn_op_lookup = {
    .name = "lookup",
    .doc = "rows of a table at integer ids",
    .in = {"table", "ids"},
    .infer = infer,
    .ref = ref,
    .flags = PN_OP_ROWWISE,
    .kernels = kernels,
    .cases = cases,
};
