/* SPDX-License-Identifier: Apache-2.0 */
/* TransformerLM: nothing but a wrapper that holds body and metadata and checks what goes in. */
#include "lm/lm.h"

#include <inttypes.h>

pencl_status pencl_lm_new(pencl_lm **out,
                          pencl_device *device,
                          pencl_layer *body,
                          const pencl_transformer_metadata *metadata)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_error_clear(ctx);
    if (body == NULL) {
        return PN_FAIL(ctx, PENCL_E_ARG, "there is no body");
    }
    PENCL_TRY(pn_metadata_check(ctx, body, metadata));
    pencl_lm *lm = pn_calloc(1, sizeof *lm);
    if (lm == NULL) {
        return PN_NOMEM(ctx);
    }
    lm->ctx = ctx;
    lm->device = device;
    lm->body = pencl_layer_ref(body);
    lm->metadata = *metadata;
    pencl_status st = pn_pool_new(&lm->pool, device);
    if (st != PENCL_OK) {
        pencl_lm_free(lm);
        return st;
    }
    *out = lm;
    return PENCL_OK;
}

void pencl_lm_free(pencl_lm *lm)
{
    if (lm == NULL) {
        return;
    }
    for (int i = 0; i < PN_KEPT_PLANS; i++) {
        pn_kept_plan_drop(&lm->plans[i]);
    }
    pn_pool_free(lm->pool);
    pencl_layer_free(lm->body);
    pn_free(lm);
}

pencl_layer *pencl_lm_body(const pencl_lm *lm)
{
    return lm->body;
}

const pencl_transformer_metadata *pencl_lm_metadata(const pencl_lm *lm)
{
    return &lm->metadata;
}

pencl_device *pencl_lm_device(const pencl_lm *lm)
{
    return lm->device;
}

pencl_status pn_lm_check_tokens(const pencl_lm *lm, const int32_t *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] >= lm->metadata.vocab_size) {
            return PN_FAIL(lm->ctx, PENCL_E_TOKEN_RANGE,
                           "token %zu is %" PRId32 ", outside the vocabulary of %" PRId64, i,
                           tokens[i], lm->metadata.vocab_size);
        }
    }
    return PENCL_OK;
}

pencl_status pn_lm_trace(pencl_value **out,
                         pencl_layer *body,
                         pencl_value *tokens,
                         const pencl_side_inputs *side)
{
    *out = pencl_layer_call(body, tokens, side);
    if (*out != NULL) {
        return PENCL_OK;
    }
    return pencl_graph_finish(tokens->graph);
}
