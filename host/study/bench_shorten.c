/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a test short enough for a slow device. */
#include "study/bench.h"

/* Whether n tokens would take no longer, judged by a run of so many. A first run may have built
 * kernels, so a second one counts where the first is too slow. */
static pencl_status
is_fast(bool *fast, uint64_t *ns, pn_bench *b, int64_t so_many, int64_t n, double limit_ns)
{
    *fast = false;
    for (int i = 0; i < 2 && !*fast; i++) {
        PENCL_TRY(pn_bench_run(ns, b, so_many));
        *fast = (double)*ns * (double)n / (double)so_many <= limit_ns;
    }
    return PENCL_OK;
}

/* From the smallest size on: a token of a long prompt costs less than one of a short one, so a size
 * is given up only when a run of half of it took too long. */
static pencl_status find(int64_t *out, pn_bench *b, int64_t n, int64_t least, double limit_ns)
{
    int64_t size = n;
    while (size / 2 >= least) {
        size /= 2;
    }
    for (;; size = size * 2 < n ? size * 2 : n) {
        bool fast = false;
        uint64_t ns = 0;
        PENCL_TRY(is_fast(&fast, &ns, b, size, n, limit_ns));
        *out = fast ? n : size;
        if (*out == n || 2 * (double)ns > limit_ns) {
            return PENCL_OK;
        }
    }
}

pencl_status
pencl_bench_shorten(pencl_bench_options *o, int *halved, pencl_model *model, double seconds)
{
    enum { LEAST_PROMPT = 32, LEAST_GEN = 8 };
    pencl_lm *lm = pencl_model_lm(model);
    const bool prompt = o->n_prompt > 0;
    const int64_t n = o->n_prompt + o->n_gen;
    int64_t found = n;
    pn_bench b;
    pn_error_clear(lm->ctx);
    *halved = 0;
    pencl_status st = pn_bench_open(&b, lm, o);
    if (st == PENCL_OK) {
        st = find(&found, &b, n, prompt ? LEAST_PROMPT : LEAST_GEN, seconds * 1e9);
    }
    pn_bench_close(&b);
    if (st == PENCL_OK) {
        *halved = found < n;
        *(prompt ? &o->n_prompt : &o->n_gen) = found;
    }
    return st;
}
