/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies cut into parts around their blocks. */
#include "study/blocks.h"

#include <string.h>

static bool is_block(const pencl_layer *body, int i)
{
    const pencl_layer *layer = pencl_layer_child(body, "sublayers", i);
    return strcmp(pencl_layer_type_of(layer)->name, "TransformerBlock") == 0;
}

pencl_status pn_blocks_find(pn_blocks *out, pencl_ctx *ctx, const pencl_layer *body)
{
    *out = (pn_blocks){.n_layers = pencl_layer_n_children(body, "sublayers")};
    while (out->first < out->n_layers && !is_block(body, out->first)) {
        out->first++;
    }
    out->end = out->first;
    while (out->end < out->n_layers && is_block(body, out->end)) {
        out->end++;
    }
    for (int i = out->end; i < out->n_layers; i++) {
        if (is_block(body, i)) {
            return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "the blocks are not side by side");
        }
    }
    if (out->end == out->first) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "the body's list has no TransformerBlock");
    }
    return PENCL_OK;
}

pencl_status
pn_blocks_part(pencl_layer **out, pencl_ctx *ctx, const pencl_layer *body, int first, int end)
{
    pn_layers list = {0};
    for (int i = first; i < end; i++) {
        pn_layers_add(&list, pencl_layer_ref(pencl_layer_child(body, "sublayers", i)));
    }
    *out = pn_nn_list_of(ctx, "Sequential", &list);
    return *out != NULL ? PENCL_OK : ctx->error.status;
}
