/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a KVCachingTransformerLM. */
#ifndef PENCL_LM_KV_LM_H
#define PENCL_LM_KV_LM_H

#include "lm/session.h"

struct pencl_kv_lm {
    pencl_lm *lm;
    pencl_session *session; /* its length is cache_end_index */
    int64_t cache_len;
    int64_t n_batch;
    int32_t pad_id;
    int32_t *previous; /* [batch.., cache_len] */
};

/* Feeds tokens [batch.., n], n >= 0; *logits is [batch.., seq: n (or 1, the last), vocabulary]. */
pencl_status pn_kv_lm_feed(pencl_array **logits,
                           pencl_kv_lm *kv,
                           const int32_t *tokens,
                           int64_t n,
                           pencl_wanted wanted,
                           pn_side_arrays side);

/* tokens in the wrapper's order of axes, [batch.., n]; checked, the caller frees. */
pencl_status pn_kv_lm_read_tokens(int32_t **out, const pencl_kv_lm *kv, const pencl_array *tokens);

#endif
