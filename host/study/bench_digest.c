/* SPDX-License-Identifier: Apache-2.0 */
/* What a model says, in 32 digits: devices that agree on it computed the same model. */
#include "study/bench.h"

#include "base/store.h"
#include "study/metric.h"

enum { PROMPT = 16, DRAWN = 16 };

static pencl_status draw(int32_t drawn[DRAWN], pn_bench *b)
{
    const float *logits = NULL;
    const int64_t n = b->session->lm->metadata.vocab_size;
    PENCL_TRY(pencl_session_feed(&logits, b->session, b->tokens, PROMPT, PENCL_LOGITS_LAST));
    for (int i = 0; i < DRAWN; i++) {
        drawn[i] = pn_likeliest(logits, n);
        if (i + 1 < DRAWN) {
            PENCL_TRY(pencl_session_feed(&logits, b->session, &drawn[i], 1, PENCL_LOGITS_LAST));
        }
    }
    return PENCL_OK;
}

pencl_status pencl_bench_digest(char out[PENCL_HASH_TEXT], pencl_model *model, const char *matmul)
{
    pencl_lm *lm = pencl_model_lm(model);
    const pencl_bench_options o = {
        .n_prompt = PROMPT + DRAWN, .batch = 1, .samples = 1, .matmul = matmul};
    int32_t drawn[DRAWN];
    unsigned char bytes[4 * DRAWN]; /* little-endian, so that every machine hashes the same */
    pn_bench b;
    pn_error_clear(lm->ctx);
    pencl_status st = pn_bench_open(&b, lm, &o);
    if (st == PENCL_OK) {
        st = draw(drawn, &b);
    }
    pn_bench_close(&b);
    for (int i = 0; st == PENCL_OK && i < 4 * DRAWN; i++) {
        bytes[i] = (unsigned char)((uint32_t)drawn[i / 4] >> 8 * (i % 4));
    }
    if (st == PENCL_OK) {
        pn_hash_hex(out, bytes, sizeof bytes);
    }
    return st;
}
