/* SPDX-License-Identifier: Apache-2.0 */
/* Launches of kernels that work on rows along one axis. */
#include "op/rows.h"

#include "op/define.h"

/* How many of the call's names a row runs along. */
static int col_names(const pn_op_call *c)
{
    return c->def->flags & PN_OP_REDUCE ? c->n_names : 1;
}

pn_spec pn_col_axes(const pn_op_call *c)
{
    pn_spec cols = {.dtype = c->in[0].dtype};
    for (int i = 0; i < col_names(c); i++) {
        pn_spec_push(&cols, c->names[i], pn_spec_size(&c->in[0], c->names[i]));
    }
    return cols;
}

pn_spec pn_row_axes(const pn_op_call *c)
{
    pn_spec rows = c->in[0];
    for (int i = 0; i < col_names(c); i++) {
        pn_spec_remove(&rows, pn_spec_find(&rows, c->names[i]));
    }
    return rows;
}

int64_t pn_row_count(const pn_op_call *c)
{
    pn_spec rows = pn_row_axes(c);
    return pn_spec_count(&rows);
}

int64_t pn_col_count(const pn_op_call *c)
{
    pn_spec cols = pn_col_axes(c);
    return pn_spec_count(&cols);
}

pencl_status pn_infer_rows(pencl_ctx *ctx, pn_op_call *c)
{
    PENCL_TRY(pn_infer_like_number(ctx, c));
    for (int i = 0; i < col_names(c); i++) {
        PENCL_TRY(pn_need_axis(ctx, c, 0, c->names[i]));
        int at = pn_spec_find(&c->out, c->names[i]);
        if (at < 0) {
            return pn_spec_fail(ctx, PENCL_E_AXIS, &c->in[0], "%s: axis \"%s\" is given twice",
                                c->def->name, c->names[i]);
        }
        pn_spec_remove(&c->out, at);
    }
    return PENCL_OK;
}

pencl_status pn_need_elements(pencl_ctx *ctx, const pn_op_call *c)
{
    int64_t n = pn_col_count(c);
    if (n < 1 || n > INT32_MAX) {
        return pn_spec_fail(ctx, PENCL_E_SHAPE, &c->in[0],
                            "%s: there are %lld elements along \"%s\"", c->def->name, (long long)n,
                            c->names[0]);
    }
    return PENCL_OK;
}

bool pn_next_row(const pn_op_call *c, int64_t *index)
{
    pn_spec cols = pn_col_axes(c);
    for (int i = c->in[0].n_axes - 1; i >= 0; i--) {
        if (pn_spec_find(&cols, c->in[0].axes[i].name) >= 0) {
            continue;
        }
        if (++index[i] < c->in[0].axes[i].size) {
            return true;
        }
        index[i] = 0;
    }
    return false;
}

bool pn_next_col(const pn_op_call *c, int64_t *index)
{
    for (int k = col_names(c) - 1; k >= 0; k--) {
        int i = pn_spec_find(&c->in[0], c->names[k]);
        if (++index[i] < c->in[0].axes[i].size) {
            return true;
        }
        index[i] = 0;
    }
    return false;
}

/* The axis that runs along a row of the output: the input's, or the one that replaces it; "" when
 * a row becomes one number. */
static const char *out_axis(const pn_op_call *c)
{
    if (c->def->flags & PN_OP_REDUCE) {
        return "";
    }
    return c->n_names > 1 ? c->names[1] : c->names[0];
}

bool pn_rows_fit(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    if (t->norm != NULL || t->n_parts != 1 || !pn_definable(&t->in[0]) ||
        !pn_definable(&t->out[0]) || pn_row_count(t->call) > INT32_MAX / PN_GROUP_LANES ||
        pn_col_count(t->call) > INT32_MAX / 2) {
        return false;
    }
    if (t->program[0] == NULL) {
        return true;
    }
    const pn_spec *out = &t->out[0].view.spec;
    int axis = pn_spec_find(out, t->call->names[0]);
    return axis == out->n_axes - 1 && pn_pw_fits_rows(t->program[0], out, pn_col_count(t->call));
}

bool pn_rows_fit_one(const pn_task *t, const pn_caps *caps)
{
    enum { LONGEST = 1024 };
    return pn_rows_fit(t, caps) && pn_col_count(t->call) <= LONGEST;
}

bool pn_rows_fit_wide(const pn_task *t, const pn_caps *caps)
{
    const pn_view *x = &t->in[0].view;
    const pn_view *y = &t->out[0].view;
    return pn_rows_fit(t, caps) && x->spec.dtype == PENCL_F32 && y->spec.dtype == PENCL_F32 &&
           (t->in[0].store == NULL || t->in[0].store->layout == &pn_layout_plain) &&
           pn_view_stride(x, t->call->names[0]) == 1 && pn_view_stride(y, out_axis(t->call)) == 1 &&
           pn_col_count(t->call) % 16 == 0;
}

static void define_x(pn_text *out, const pn_task *t, const pn_spec *rows, const pn_spec *cols)
{
    const pn_operand *x = &t->in[0];
    pn_index index;
    pn_index_clear(&index, &x->view.spec);
    pn_index_flat(&index, &x->view.spec, rows, "row");
    if (cols->n_axes == 1) {
        pn_index_axis(&index, &x->view.spec, cols->axes[0].name, "col");
    } else {
        pn_index_flat(&index, &x->view.spec, cols, "col");
    }
    pn_define_operand(out, "X", "row, col", x, &index);
}

static void define_out(pn_text *out, const pn_task *t, const pn_spec *rows)
{
    const pn_operand *o = &t->out[0];
    pn_index index;
    pn_index_clear(&index, &o->view.spec);
    pn_index_flat(&index, &o->view.spec, rows, "row");
    pn_index_axis(&index, &o->view.spec, out_axis(t->call), "col");
    pn_define_operand(out, "OUT", "row, col", o, &index);
}

/* Everything that the kernel's file takes from the host. */
static void compose(pn_text *prelude, const pn_task *t, const char *defines)
{
    const pn_op_call *c = t->call;
    const pn_spec *out = &t->out[0].view.spec;
    pn_spec rows = pn_row_axes(c);
    pn_spec cols = pn_col_axes(c);
    define_x(prelude, t, &rows, &cols);
    define_out(prelude, t, &rows);
    pn_text params = {0};
    pn_pw_macro(prelude, &params, "EPILOGUE", t->program[0], out, pn_col_count(c), 0);
    pn_text_add(prelude, "#define EPILOGUE_PARAMS %s\n", pn_text_get(&params));
    prelude->failed = prelude->failed || params.failed;
    pn_text_free(&params);
    pn_text_add(prelude, "%s", defines != NULL ? defines : "");
}

pencl_status pn_emit_rows(pn_emit *e, const pn_task *t, const pn_row_kernel *kernel)
{
    pn_text prelude = {0};
    char label[128];
    pn_kernel *k = NULL;
    pencl_device *device = pn_emit_device(e);
    pn_group_define(&prelude, kernel->group, device);
    compose(&prelude, t, kernel->defines);
    pn_task_label(t, label, sizeof label);
    pn_kernel_source source = {.file = kernel->file,
                               .name = kernel->name,
                               .prelude = pn_text_get(&prelude),
                               .options = pn_group_options(kernel->group, device),
                               .label = label};
    pencl_status st = prelude.failed ? PN_NOMEM(pn_emit_ctx(e)) : pn_emit_kernel(e, &k, &source);
    pn_text_free(&prelude);
    PENCL_TRY(st);
    pn_emit_operand(e, k, 0, &t->in[0], 0, pn_dtype_of(t->in[0].view.spec.dtype)->block_bytes);
    pn_emit_operand(e, k, 2, &t->out[0], 0, pn_dtype_of(t->out[0].view.spec.dtype)->block_bytes);
    pn_kernel_arg_i32(k, 4, (int32_t)pn_col_count(t->call));
    pn_pw_args(e, k, 5, t->program[0]);
    size_t rows = (size_t)pn_row_count(t->call);
    size_t lanes = pn_group_lanes(kernel->group);
    return pn_emit_launch(e, k, 1, (size_t[3]){rows * lanes}, (size_t[3]){lanes});
}
