/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that say what a model does after a text. */
#ifndef PENCL_STUDY_METRIC_H
#define PENCL_STUDY_METRIC_H

#include "base/base.h"
#include "pencl/study.h"

/* logit(a) - logit(b), of token ids. */
pencl_status pn_metric_difference(pencl_metric **out, pencl_ctx *ctx, int32_t a, int32_t b);
/* The place of the largest, the first of equals. */
int32_t pn_likeliest(const float *logits, int64_t n);
/* log(sum(exp(logits))), and pn_likeliest. */
double pn_log_sum(const float *logits, int64_t n, int64_t *largest);
/* KL(from || logits) = sum of p (log p - log q), in nats; the sums are pn_log_sum's. */
double pn_divergence(
    const float *logits, double log_sum, const float *from, double from_log_sum, int64_t n);
/* Of logits [vocabulary]; `reference`: of the unchanged model, for kl. */
double pn_metric_value(const pencl_metric *metric, const float *logits, const float *reference);

#endif
