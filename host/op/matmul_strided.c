/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_strided: any two dense operands of any strides, one work-item an element. */
#include "op/define.h"
#include "op/matmul.h"

#include <inttypes.h>
#include <string.h>

enum { GROUP = 64 };

/* No launch takes longer than 100 ms where so many products are summed in it. */
static const double LAUNCH_PRODUCTS = 2e8;

bool pn_matmul_strided_fits(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    return t->n_parts == 1 && t->norm == NULL && pn_definable(&t->in[0]) &&
           pn_definable(&t->in[1]) && pn_definable(&t->out[0]) &&
           pn_spec_count(&t->out[0].view.spec) <= UINT32_MAX;
}

/* The contracted axes in w's order; what an element's k counts through. */
static pn_spec contracted_axes(const pn_op_call *c)
{
    pn_spec k = {.dtype = PENCL_F32};
    for (int i = 0; i < c->in[1].n_axes; i++) {
        const pencl_axis *axis = &c->in[1].axes[i];
        for (int n = 0; n < c->n_names; n++) {
            if (strcmp(c->names[n], axis->name) == 0) {
                pn_spec_push(&k, axis->name, axis->size);
            }
        }
    }
    return k;
}

/* NAME_AT(i, k). `i` counts through the op's own output, whose axes an epilogue may have renamed.
 */
static void define(pn_text *prelude, const char *name, const pn_task *t, const pn_operand *o)
{
    pn_spec k = contracted_axes(t->call);
    pn_index index;
    pn_index_clear(&index, &o->view.spec);
    pn_index_flat(&index, &o->view.spec, &t->call->out, "i");
    pn_index_flat(&index, &o->view.spec, &k, "k");
    pn_define_operand(prelude, name, "i, k", o, &index);
}

static void define_out(pn_text *prelude, const pn_task *t)
{
    const pn_operand *o = &t->out[0];
    pn_index index;
    pn_index_clear(&index, &o->view.spec);
    pn_index_flat(&index, &o->view.spec, &o->view.spec, "i");
    pn_define_operand(prelude, "OUT", "i, k", o, &index);
}

static void compose(pn_text *prelude, const pn_task *t)
{
    const pn_spec *out = &t->out[0].view.spec;
    pn_spec k = contracted_axes(t->call);
    /* Epilogues see a stored matrix's rows as columns; without one there is no epilogue. */
    int64_t cols = t->in[1].store != NULL ? t->in[1].store->matrix.rows : 1;
    pn_text params = {0};
    define(prelude, "X", t, &t->in[0]);
    define(prelude, "W", t, &t->in[1]);
    define_out(prelude, t);
    pn_text_add(prelude, "#define SUM %s\n", out->dtype == PENCL_I32 ? "uint" : "float");
    pn_text_add(prelude, "#define CONTRACTED %" PRId64 "\n#define OUT_COLS %" PRId64 "\n",
                pn_spec_count(&k), cols > 0 ? cols : 1);
    pn_pw_macro(prelude, &params, "EPILOGUE", t->program[0], out, cols, 0);
    pn_text_add(prelude, "#define EPILOGUE_PARAMS %s\n", pn_text_get(&params));
    prelude->failed |= params.failed;
    pn_text_free(&params);
}

static size_t element_bytes(const pn_operand *o)
{
    return pn_dtype_of(o->view.spec.dtype)->block_bytes;
}

pencl_status pn_matmul_strided_emit(pn_emit *e, const pn_task *t)
{
    pn_spec k = contracted_axes(t->call);
    double share = (double)(pn_spec_count(&k) + 1) / LAUNCH_PRODUCTS;
    size_t count = (size_t)pn_spec_count(&t->call->out);
    size_t most = share * GROUP >= 1 ? GROUP : (size_t)(1 / (share * GROUP)) * GROUP;
    for (size_t first = 0; first < count; first += most) {
        pn_text prelude = {0};
        pn_kernel *kernel = NULL;
        compose(&prelude, t);
        PENCL_TRY(pn_mm_kernel(e, &kernel, t, "matmul_strided", &prelude));
        pn_emit_operand(e, kernel, 0, &t->in[0], 0, element_bytes(&t->in[0]));
        pn_emit_operand(e, kernel, 2, &t->in[1], 0, element_bytes(&t->in[1]));
        pn_emit_operand(e, kernel, 4, &t->out[0], 0, element_bytes(&t->out[0]));
        pn_kernel_arg_u32(kernel, 6, (uint32_t)first);
        pn_kernel_arg_u32(kernel, 7, (uint32_t)count);
        pn_pw_args(e, kernel, 8, t->program[0]);
        size_t n = count - first < most ? count - first : most;
        PENCL_TRY(pn_emit_launch(e, kernel, 1, (size_t[3]){(n + GROUP - 1) / GROUP * GROUP},
                                 (size_t[3]){GROUP}));
    }
    return PENCL_OK;
}
