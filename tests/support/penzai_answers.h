/* SPDX-License-Identifier: Apache-2.0 */
/* What penzai answered, held against what pencl answers. */
#ifndef PENCL_TESTS_SUPPORT_PENZAI_ANSWERS_H
#define PENCL_TESTS_SUPPORT_PENZAI_ANSWERS_H

#include "pencl/lm.h"

#include <jansson.h>

/* Of an entry of golden data: tokens and padded_positions [batch, seq], logits and
 * logits_padded_positions [batch, seq, vocabulary]; PENZAI_CACHED, of the eight families: fed 4
 * then 3 tokens to a KVCachingTransformerLM for which token 0 is padding. */
#define PENZAI_CACHED "logits_kvcache_pad0_4then3"
typedef struct penzai_answers {
    const json_t *golden;
    int64_t batch;
    int64_t seq;
    int64_t vocabulary;
} penzai_answers;
penzai_answers penzai_answers_of(const json_t *golden);

/* The table of that name; free with free(). */
int32_t *penzai_table(const penzai_answers *a, const char *key);
/* The largest difference of n rows of logits from row `first` of the golden ones of that name, at
 * tokens that are no padding. */
double
penzai_worst(const penzai_answers *a, const char *key, const float *got, int64_t first, int64_t n);
/* The same for all rows, from pencl_lm_call with the positions of that name; NULL: the default
 * ones. Fails the test when the call does. */
double penzai_call(const penzai_answers *a, pencl_lm *lm, const char *positions, const char *key);

#endif
