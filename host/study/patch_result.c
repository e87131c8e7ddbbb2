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

const float *pencl_patch_logits(const pencl_patch *p, int changed)
{
    return p->logits[changed ? 1 : 0];
}
