/* SPDX-License-Identifier: Apache-2.0 */
/* How references read and write their operands: one element or one row at a time, any dtype. */
#include "array/dtypes.h"
#include "op/op.h"

#include <math.h>
#include <string.h>

/* The element that `index` names, counted from element 0 of the storage. */
static int64_t element(const pn_view *view, const int64_t *index)
{
    int64_t at = view->offset;
    for (int i = 0; i < view->spec.n_axes; i++) {
        at += index[i] * view->strides[i];
    }
    return at;
}

double pn_ref_get(const pn_ref_operand *o, const int64_t *index)
{
    int64_t at = element(&o->view, index);
    switch (o->view.spec.dtype) {
    case PENCL_F32:
        return ((const float *)o->data)[at];
    case PENCL_F16:
        return pn_f16_to_f32(((const uint16_t *)o->data)[at]);
    case PENCL_BF16:
        return pn_bf16_to_f32(((const uint16_t *)o->data)[at]);
    case PENCL_I32:
        return ((const int32_t *)o->data)[at];
    default:
        return 0; /* blocks have no elements: stored matrices are read by pn_ref_row */
    }
}

static int32_t to_int(double x)
{
    if (isnan(x)) {
        return 0;
    }
    return x >= INT32_MAX ? INT32_MAX : x <= INT32_MIN ? INT32_MIN : (int32_t)x;
}

void pn_ref_set(const pn_ref_operand *o, const int64_t *index, double value)
{
    int64_t at = element(&o->view, index);
    switch (o->view.spec.dtype) {
    case PENCL_F32:
        ((float *)o->data)[at] = (float)value;
        break;
    case PENCL_F16:
        ((uint16_t *)o->data)[at] = pn_f32_to_f16((float)value);
        break;
    case PENCL_BF16:
        ((uint16_t *)o->data)[at] = pn_f32_to_bf16((float)value);
        break;
    case PENCL_I32:
        ((int32_t *)o->data)[at] = to_int(value);
        break;
    default:
        break;
    }
}

void pn_ref_set_int(const pn_ref_operand *o, const int64_t *index, int64_t value)
{
    uint32_t low = (uint32_t)value;
    memcpy((int32_t *)o->data + element(&o->view, index), &low, sizeof low);
}

void pn_ref_row(const pn_ref_operand *o, int64_t row, float *out)
{
    const pn_dtype *dtype = pn_dtype_of(o->matrix->dtype);
    size_t cols = (size_t)o->matrix->cols;
    size_t row_bytes = cols / dtype->block * dtype->block_bytes;
    dtype->to_f32((const char *)o->data + (size_t)row * row_bytes, out, cols);
}

bool pn_next_index(const pn_spec *spec, int64_t *index)
{
    for (int i = spec->n_axes - 1; i >= 0; i--) {
        if (++index[i] < spec->axes[i].size) {
            return true;
        }
        index[i] = 0;
    }
    return false;
}

void pn_same_index(const pn_spec *from, const int64_t *index, const pn_spec *to, int64_t *out)
{
    for (int i = 0; i < to->n_axes; i++) {
        int j = pn_spec_find(from, to->axes[i].name);
        out[i] = j < 0 ? 0 : index[j];
    }
}

double pn_ref_get_by_name(const pn_ref_operand *o, const pn_spec *from, const int64_t *index)
{
    int64_t own[PENCL_MAX_AXES];
    pn_same_index(from, index, &o->view.spec, own);
    return pn_ref_get(o, own);
}

void pn_ref_map(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    const pn_op_def *def = c->def;
    const pn_spec *spec = &out->view.spec;
    bool integers = spec->dtype == PENCL_I32 && def->int_value != NULL;
    int64_t index[PENCL_MAX_AXES] = {0};
    double x[PN_MAX_IN] = {0};
    int64_t whole[PN_MAX_IN] = {0};
    for (bool more = pn_spec_count(spec) > 0; more; more = pn_next_index(spec, index)) {
        for (int i = 0; i < c->n_in; i++) {
            x[i] = pn_ref_get_by_name(&in[i], spec, index);
            whole[i] = integers ? (int64_t)x[i] : 0;
        }
        if (integers) {
            pn_ref_set_int(out, index, def->int_value(whole, c->num));
        } else {
            pn_ref_set(out, index, def->value(x, c->num));
        }
    }
}
