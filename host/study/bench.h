/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a test beside its time. */
#ifndef PENCL_STUDY_BENCH_H
#define PENCL_STUDY_BENCH_H

#include "lm/recipe.h"
#include "lm/session.h"
#include "pencl/bench.h"

/* Bytes, flops and kernels of the result's test, in a session that has run it. */
void pn_bench_facts(pencl_bench_result *r, const pencl_model *model, pencl_session *session);

#endif
