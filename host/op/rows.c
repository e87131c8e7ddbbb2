/* SPDX-License-Identifier: Apache-2.0 */
/* Launches of kernels that work on rows along one axis. */
#include "op/rows.h"

#include "op/define.h"

pn_spec pn_row_axes(const pn_op_call *c)
{
    pn_spec rows = c->in[0];
    pn_spec_remove(&rows, pn_spec_find(&rows, c->names[0]));
    return rows;
}

int64_t pn_row_count(const pn_op_call *c)
{
    pn_spec rows = pn_row_axes(c);
    return pn_spec_count(&rows);
}

int64_t pn_col_count(const pn_op_call *c)
{
    return pn_spec_size(&c->in[0], c->names[0]);
}

/* The axis that runs along a row of the output: the input's, or the one that replaces it. */
static const char *out_axis(const pn_op_call *c)
{
    return c->n_names > 1 ? c->names[1] : c->names[0];
}

bool pn_rows_fit(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    if (t->norm != NULL || t->n_parts != 1 || !pn_definable(&t->in[0]) ||
        !pn_definable(&t->out[0])) {
        return false;
    }
    if (t->program[0] == NULL) {
        return true;
    }
    const pn_spec *out = &t->out[0].view.spec;
    int axis = pn_spec_find(out, t->call->names[0]);
    return axis == out->n_axes - 1 && pn_pw_fits_rows(t->program[0], out, pn_col_count(t->call));
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

static void
define(pn_text *out, const char *name, const pn_operand *o, const char *axis, const pn_spec *rows)
{
    pn_index index;
    pn_index_clear(&index, &o->view.spec);
    pn_index_flat(&index, &o->view.spec, rows, "row");
    pn_index_axis(&index, &o->view.spec, axis, "col");
    pn_define_operand(out, name, "row, col", o, &index);
}

/* Everything that the kernel's file takes from the host. */
static void compose(pn_text *prelude, const pn_task *t, const char *defines)
{
    const pn_op_call *c = t->call;
    const pn_spec *out = &t->out[0].view.spec;
    pn_spec rows = pn_row_axes(c);
    define(prelude, "X", &t->in[0], c->names[0], &rows);
    define(prelude, "OUT", &t->out[0], out_axis(c), &rows);
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
    compose(&prelude, t, kernel->defines);
    pn_task_label(t, label, sizeof label);
    pn_kernel_source source = {.file = kernel->file,
                               .name = kernel->name,
                               .prelude = pn_text_get(&prelude),
                               .label = label};
    pencl_status st = prelude.failed ? PN_NOMEM(pn_emit_ctx(e)) : pn_emit_kernel(e, &k, &source);
    pn_text_free(&prelude);
    PENCL_TRY(st);
    pn_emit_operand(e, k, 0, &t->in[0], 0, pn_dtype_of(t->in[0].view.spec.dtype)->block_bytes);
    pn_emit_operand(e, k, 2, &t->out[0], 0, pn_dtype_of(t->out[0].view.spec.dtype)->block_bytes);
    pn_kernel_arg_i32(k, 4, (int32_t)pn_col_count(t->call));
    pn_pw_args(e, k, 5, t->program[0]);
    size_t rows = (size_t)pn_row_count(t->call);
    return pn_emit_launch(e, k, 1, (size_t[3]){rows * kernel->lanes}, (size_t[3]){kernel->lanes});
}
