/* SPDX-License-Identifier: Apache-2.0 */
/* What a patch found. */
#include "study/patch.h"

#include <math.h>

const pencl_metric *pencl_patch_metric(const pencl_patch *p)
{
    return p->metric;
}

double pencl_patch_before(const pencl_patch *p)
{
    return p->before;
}

double pencl_patch_from(const pencl_patch *p)
{
    return p->from;
}

int pencl_patch_n_rows(const pencl_patch *p)
{
    return p->n_rows;
}

int pencl_patch_n_columns(const pencl_patch *p)
{
    return p->n_columns;
}

const char *pencl_patch_row(const pencl_patch *p, int row, int *block)
{
    if (row < 0 || row >= p->n_rows || p->sweep == PENCL_SWEEP_NONE) {
        return NULL;
    }
    const pn_point *point = &p->points->items[row];
    bool inside = point->top >= p->blocks.first && point->top < p->blocks.end;
    *block = inside ? point->top - p->blocks.first : -1;
    return point->name;
}

int64_t pencl_patch_column(const pencl_patch *p, int column)
{
    bool given = p->sweep == PENCL_SWEEP_POSITION && p->n_at > 0;
    return given && column >= 0 && column < p->n_columns ? p->at[column] : column;
}

double pencl_patch_value(const pencl_patch *p, int row, int column)
{
    if (row < 0 || row >= p->n_rows || column < 0 || column >= p->n_columns) {
        return NAN;
    }
    return p->values[row * p->n_columns + column];
}

/* Each row is a block of its own. */
static bool rows_are_blocks(const pencl_patch *p)
{
    int last = -1;
    for (int i = 0; i < p->n_rows; i++) {
        int block = -1;
        if (pencl_patch_row(p, i, &block) == NULL || block <= last) {
            return false;
        }
        last = block;
    }
    return true;
}

pencl_status pencl_patch_table(pencl_array **out, const pencl_patch *p)
{
    pn_spec spec = {0};
    pn_spec_push(&spec, rows_are_blocks(p) ? "layer" : "point", p->n_rows);
    pn_spec_push(&spec, p->sweep == PENCL_SWEEP_HEAD ? "head" : "position", p->n_columns);
    const size_t n = (size_t)p->n_rows * (size_t)p->n_columns;
    float *values = pn_calloc(n, sizeof *values);
    if (values == NULL) {
        return PN_NOMEM(p->ctx);
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)p->values[i];
    }
    pencl_status st = pencl_array_wrap(out, p->lm->device, PENCL_F32, spec.axes, 2, values);
    pn_free(values);
    return st;
}

const float *pencl_patch_logits(const pencl_patch *p, int changed)
{
    return p->logits[changed ? 1 : 0];
}
