/* SPDX-License-Identifier: Apache-2.0 */
/* Text generation: a session, a sampler and a loop that hands out whole characters as they come. */
#ifndef PENCL_GENERATE_H
#define PENCL_GENERATE_H

#include "pencl/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Applied in llama.cpp's order: repeat_penalty, top_k, top_p, min_p, temperature. */
typedef struct pencl_sampler_options {
    double temperature;    /* 0: greedy, ties to the lowest id */
    int top_k;             /* 0: all */
    double top_p;          /* 1: all */
    double min_p;          /* 0: none */
    double repeat_penalty; /* 1: none; over the last 64 tokens */
    uint64_t seed;         /* of Philox 4x32-10 */
} pencl_sampler_options;
#define PENCL_SAMPLER_OPTIONS_INIT                                                                 \
    {                                                                                              \
        0.8, 40, 0.95, 0.05, 1.0, 0                                                                \
    }

typedef struct pencl_sampler pencl_sampler;
/* E_ARG: a negative or non-finite temperature, top_p or min_p outside [0, 1], ... */
PENCL_API PENCL_NODISCARD pencl_status pencl_sampler_new(pencl_sampler **out,
                                                         pencl_ctx *ctx,
                                                         const pencl_sampler_options *options);
PENCL_API void pencl_sampler_free(pencl_sampler *sampler);
/* Draws an id from logits [vocabulary], in double over candidates sorted by (logit, id). */
PENCL_API int32_t pencl_sampler_draw(pencl_sampler *sampler, const float *logits, size_t n);
/* Tells the sampler of a token that is in the context (for repeat_penalty). */
PENCL_API void pencl_sampler_accept(pencl_sampler *sampler, int32_t token);

/* ---- penzai's temperature_sample_pyloop: a batch of sequences, over a KVCachingTransformerLM ----
 */
typedef struct pencl_sample_options {
    pencl_sampler_options sampler; /* of all; entry b of the batch draws its n-th token with word b,
                                      n of the generator (counter b * 2^32 + n) */
    int64_t max_steps;             /* tokens a sequence at most; -1: until the cache is full */
    const int32_t *end_tokens;     /* a sequence ends with one of these; pads follow it */
    int n_end_tokens;
} pencl_sample_options;
#define PENCL_SAMPLE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        .sampler = {1, 0, 1, 0, 1, 0}, .max_steps = -1                                             \
    }

/* Feeds the prompt, int32 [batch.., seq], and draws: *out (yours) is the continuation alone,
 * [batch.., seq: n], n = min(max_steps, cache_len - tokens in the cache + 1), less when all
 * sequences end. Each prompt goes on after its last token that is no pad. The last tokens drawn are
 * not in the cache. */
PENCL_API PENCL_NODISCARD pencl_status
pencl_temperature_sample(pencl_array **out,
                         pencl_kv_lm *kv,
                         const pencl_array *prompt,
                         const pencl_sample_options *options);

typedef enum pencl_stop_reason {
    PENCL_STOP_EOS,
    PENCL_STOP_LENGTH, /* n_predict reached, or the context is full */
    PENCL_STOP_TEXT,   /* one of options.stop */
    PENCL_STOP_CANCELLED
} pencl_stop_reason;

typedef struct pencl_generate_options {
    int64_t n_predict; /* tokens at most; -1: until the end or a full context */
    const char *const *stop;
    size_t n_stop;
    /* Called with whole UTF-8 characters as they come; non-zero stops. */
    int (*text)(void *user, const char *text, size_t size);
    void *user;
} pencl_generate_options;
#define PENCL_GENERATE_OPTIONS_INIT                                                                \
    {                                                                                              \
        .n_predict = 128                                                                           \
    }

typedef struct pencl_generate_result {
    int32_t
        *tokens; /* generated ones, the end token left out; freed by pencl_generate_result_free */
    size_t n_tokens;
    char *text; /* of the continuation, stop text left out */
    size_t n_prompt;
    pencl_stop_reason stop;
    double prompt_ms; /* computing the prompt, up to the first token */
    double decode_ms; /* all further tokens */
    size_t n_decoded; /* tokens computed in decode_ms */
} pencl_generate_result;

/* Feeds the prompt's ids to the session and samples. E_LIMIT when the prompt does not fit; E_ARG
 * without a tokenizer. */
PENCL_API PENCL_NODISCARD pencl_status pencl_generate(pencl_generate_result *out,
                                                      pencl_session *session,
                                                      const pencl_tokenizer *tokenizer,
                                                      pencl_sampler *sampler,
                                                      const int32_t *prompt,
                                                      size_t n_prompt,
                                                      const pencl_generate_options *options);
PENCL_API void pencl_generate_result_free(pencl_generate_result *result);

#ifdef __cplusplus
}
#endif

#endif
