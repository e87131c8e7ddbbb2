/* SPDX-License-Identifier: Apache-2.0 */
/* Macros that tell a kernel where an operand's elements are and how they are stored. */
#include "op/define.h"

#include "op/pointwise.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void pn_index_clear(pn_index *index, const pn_spec *spec)
{
    for (int i = 0; i < spec->n_axes; i++) {
        index->of[i] = "0";
    }
}

void pn_index_axis(pn_index *index, const pn_spec *spec, const char *name, const char *text)
{
    int i = pn_spec_find(spec, name);
    if (i >= 0) {
        index->of[i] = text;
    }
}

void pn_index_flat(pn_index *index, const pn_spec *spec, const pn_spec *all, const char *flat)
{
    int64_t inner = 1;
    for (int i = all->n_axes - 1; i >= 0; i--) {
        int at = pn_spec_find(spec, all->axes[i].name);
        int64_t size = all->axes[i].size;
        if (at >= 0 && size > 1) {
            char *text = index->text[at];
            size_t room = sizeof index->text[at];
            if (i == 0) { /* the size of the outermost axis is not part of the kernel */
                snprintf(text, room, "(%s) / %" PRId64, flat, inner);
            } else {
                snprintf(text, room, "(%s) / %" PRId64 " %% %" PRId64, flat, inner, size);
            }
            index->of[at] = text;
        }
        inner *= size > 0 ? size : 1;
    }
}

static const char *put_form(pencl_dtype dtype)
{
    switch (dtype) {
    case PENCL_F16:
        return "vstore_half_rte(value, at, p)";
    case PENCL_BF16:
        return "(p)[at] = to_bf16(value)";
    default:
        return "(p)[at] = (value)";
    }
}

void pn_define_operand(
    pn_text *out, const char *name, const char *params, const pn_operand *o, const pn_index *index)
{
    pencl_dtype dtype = o->view.spec.dtype;
    pn_address_macro(out);
    pn_text_add(out, "#define %s_AT(%s) (", name, params);
    pn_address(out, o, index->of);
    pn_text_add(out, ")\n#define %s_T %s\n", name, pn_storage_type(dtype));
    pn_text_add(out, "#define %s_GET(p, at) (", name);
    pn_load(out, dtype, "(p)", "at");
    pn_text_add(out, ")\n#define %s_PUT(p, at, value) %s\n", name, put_form(dtype));
}

bool pn_definable(const pn_operand *o)
{
    return !pn_dtype_of(o->view.spec.dtype)->quantised && pn_operand_parts(o) == 1;
}
