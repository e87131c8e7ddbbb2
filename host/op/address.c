/* SPDX-License-Identifier: Apache-2.0 */
/* Element addresses and numbers as OpenCL C text, for kernels that are generated around a view. */
#include "op/pointwise.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *pn_storage_type(pencl_dtype dtype)
{
    switch (dtype) {
    case PENCL_F16:
        return "half";
    case PENCL_BF16:
        return "ushort";
    case PENCL_I32:
        return "int";
    default:
        return "float";
    }
}

size_t pn_storage_bytes(pencl_dtype dtype)
{
    return dtype == PENCL_F16 || dtype == PENCL_BF16 ? 2 : 4;
}

static void add_term(pn_text *out, const char *index, int64_t stride, bool *first)
{
    if (stride == 0 || strcmp(index, "0") == 0) {
        return;
    }
    pn_text_add(out, *first ? "" : " + ");
    *first = false;
    if (stride == 1) {
        pn_text_add(out, "(long)(%s)", index);
    } else {
        pn_text_add(out, "(long)(%s) * %" PRId64, index, stride);
    }
}

/* The sum of index * stride / cols over the axes whose stride is (not) a multiple of `cols`. */
static void
add_sum(pn_text *out, const pn_operand *o, const char *const *index, int64_t cols, bool row_axes)
{
    bool first = true;
    for (int i = 0; i < o->view.spec.n_axes; i++) {
        int64_t stride = o->view.strides[i];
        if ((stride % cols == 0) == row_axes) {
            add_term(out, index[i], row_axes ? stride / cols : stride, &first);
        }
    }
    int64_t rest = row_axes ? o->view.offset / cols : o->view.offset % cols;
    if (cols == 1) {
        rest = 0; /* comes with the operand's argument */
    }
    if (rest != 0 || first) {
        pn_text_add(out, "%s%" PRId64, first ? "" : " + ", rest);
    }
}

void pn_address_macro(pn_text *out)
{
    pn_text_add(out, "#ifndef PN_ROWS16\n#define PN_ROWS16(r, c, cols) "
                     "((((r) >> 4) * (cols) + (c)) * 16 + ((r) & 15))\n#endif\n");
}

void pn_address(pn_text *out, const pn_operand *o, const char *const *index)
{
    if (o->store == NULL || o->store->layout != &pn_layout_rows16) {
        add_sum(out, o, index, 1, true);
        return;
    }
    /* rows16: [row / 16][column][row % 16]; a view's strides count plain elements, row by row. */
    int64_t cols = o->store->matrix.cols;
    pn_text_add(out, "PN_ROWS16(");
    add_sum(out, o, index, cols, true);
    pn_text_add(out, ", ");
    add_sum(out, o, index, cols, false);
    pn_text_add(out, ", %" PRId64 ")", cols);
}

void pn_load(pn_text *out, pencl_dtype dtype, const char *p, const char *at)
{
    switch (dtype) {
    case PENCL_F16:
        pn_text_add(out, "vload_half(%s, %s)", at, p);
        break;
    case PENCL_BF16:
        pn_text_add(out, "as_float((uint)%s[%s] << 16)", p, at);
        break;
    default:
        pn_text_add(out, "%s[%s]", p, at);
        break;
    }
}

void pn_number(pn_text *out, double value, pencl_dtype dtype)
{
    if (dtype == PENCL_I32) {
        pn_text_add(out, "(int)%" PRId64, (int64_t)value); /* -2147483648 is no int literal */
    } else if (isnan(value)) {
        pn_text_add(out, "NAN");
    } else if (isinf((float)value)) {
        pn_text_add(out, value > 0 ? "INFINITY" : "-INFINITY");
    } else {
        pn_text_add(out, "%.9ef", (double)(float)value);
    }
}
