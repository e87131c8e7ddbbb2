/* SPDX-License-Identifier: Apache-2.0 */
/* The table of layouts. */
#include "array/layout.h"

#include <string.h>

static const pn_layout *const table[] = {
#define LAYOUT(name) &pn_layout_##name,
#include "array/layouts.def"
#undef LAYOUT
};

const pn_layout *pn_layout_by_name(const char *name)
{
    for (size_t i = 0; i < PN_COUNT(table); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}

size_t pn_matrix_row_bytes(const pn_matrix *m)
{
    size_t bytes = 0;
    return m->cols >= 0 && pn_dtype_bytes(m->dtype, (size_t)m->cols, &bytes) ? bytes : 0;
}

bool pn_matrix_bytes(const pn_matrix *m, int64_t row_step, size_t *out)
{
    size_t row = 0;
    size_t rows = 0;
    return m->rows >= 0 && m->cols >= 0 && pn_dtype_bytes(m->dtype, (size_t)m->cols, &row) &&
           pn_pad((size_t)m->rows, (size_t)row_step, &rows) && pn_mul(rows, row, out);
}
