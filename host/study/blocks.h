/* SPDX-License-Identifier: Apache-2.0 */
/* A body seen as layers in front of its blocks, the blocks, and layers behind them. */
#ifndef PENCL_STUDY_BLOCKS_H
#define PENCL_STUDY_BLOCKS_H

#include "lm/lm.h"

/* Places in the body's list: the first TransformerBlock, and the layer after the last one. */
typedef struct pn_blocks {
    int first;
    int end;
    int n_layers; /* of the list */
} pn_blocks;
/* E_UNSUPPORTED unless the body is one list with its blocks side by side. */
pencl_status pn_blocks_find(pn_blocks *out, pencl_ctx *ctx, const pencl_layer *body);
/* Layers first .. end - 1 of the body's list as a Sequential: yours. */
pencl_status
pn_blocks_part(pencl_layer **out, pencl_ctx *ctx, const pencl_layer *body, int first, int end);

#endif
