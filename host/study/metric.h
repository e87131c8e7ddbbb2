/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that say what a model does after a text. */
#ifndef PENCL_STUDY_METRIC_H
#define PENCL_STUDY_METRIC_H

#include "base/base.h"
#include "pencl/study.h"

/* logit(a) - logit(b), of token ids. */
pencl_status pn_metric_difference(pencl_metric **out, pencl_ctx *ctx, int32_t a, int32_t b);
/* Of logits [vocabulary]; `reference`: of the unchanged model, for kl. */
double pn_metric_value(const pencl_metric *metric, const float *logits, const float *reference);

#endif
