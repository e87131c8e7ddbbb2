/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the bench: a test made ready to be run, and what is known of it beside its time. */
#ifndef PENCL_STUDY_BENCH_H
#define PENCL_STUDY_BENCH_H

#include "lm/recipe.h"
#include "lm/session.h"
#include "pencl/bench.h"

/* ---- bench.c ---- */
/* Any tokens will do, since each costs the same; a fixed recurrence keeps runs comparable. */
void pn_bench_tokens(int32_t *tokens, int64_t n, int64_t vocabulary);

typedef struct pn_bench {
    pencl_session *session;
    int32_t *tokens; /* [batch, as many as the test feeds at once, or the depth] */
    pencl_bench_options options;
} pn_bench;

/* A session with `depth` tokens; closed in any case. E_ARG when the options are no test. */
pencl_status pn_bench_open(pn_bench *b, pencl_lm *lm, const pencl_bench_options *options);
void pn_bench_close(pn_bench *b);
/* Back to `depth` tokens, as before a test. */
void pn_bench_rewind(pn_bench *b);
/* The test once: n tokens of a prompt at once, or n tokens one by one. */
pencl_status pn_bench_run(uint64_t *ns, pn_bench *b, int64_t n);

/* ---- bench_facts.c ---- */
/* Bytes, flops and kernels of the result's test, in a session that has run it. */
void pn_bench_facts(pencl_bench_result *r, const pencl_model *model, pencl_session *session);

#endif
