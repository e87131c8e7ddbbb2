/* SPDX-License-Identifier: Apache-2.0 */
/* Matmuls over stored weights that read the same input become the parts of one launch. */
#include "op/matmul.h"
#include "plan/ir.h"

#include <string.h>

/* A plain product over a whole matrix: with axes that pair up, or of a part of a variable, it is
 * none, and the kernels of several parts cannot have it. */
static bool over_stored_weights(const pn_task *t)
{
    pn_mm mm;
    return t->call->def == &pn_op_matmul && t->norm == NULL && pn_mm_read_rows16(&mm, t) &&
           t->in[1].store->n_parts == 1;
}

static bool same_view(const pn_operand *a, const pn_operand *b)
{
    return a->temp >= 0 && a->temp == b->temp && pn_view_equal(&a->view, &b->view);
}

static bool same_names(const pn_op_call *a, const pn_op_call *b)
{
    for (int i = 0; i < a->n_names; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0) {
            return false;
        }
    }
    return a->n_names == b->n_names;
}

static bool fits_beside(const pn_task *a, const pn_task *b)
{
    const pn_matrix *x = &a->in[1].store->matrix;
    const pn_matrix *y = &b->in[1].store->matrix;
    return same_view(&a->in[0], &b->in[0]) && same_names(a->call, b->call) &&
           x->dtype == y->dtype && x->cols == y->cols;
}

pencl_status pn_pass_merge_matmuls(pn_ir *ir)
{
    for (int i = 0; i < ir->n_tasks && !ir->bare_matmuls; i++) {
        pn_task *a = ir->tasks[i];
        if (!over_stored_weights(a) || a->program[0] != NULL) {
            continue;
        }
        for (int j = i + 1; j < ir->n_tasks && a->n_parts < PN_MAX_PARTS;) {
            pn_task *b = ir->tasks[j];
            if (over_stored_weights(b) && b->n_parts == 1 && fits_beside(a, b)) {
                a->in[a->n_in++] = b->in[1];
                a->out[a->n_parts++] = b->out[0];
                pn_ir_remove(ir, j);
            } else {
                j++;
            }
        }
    }
    return PENCL_OK;
}
