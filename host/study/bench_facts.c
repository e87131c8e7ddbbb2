/* SPDX-License-Identifier: Apache-2.0 */
/* What a token of a test needs at least, and which kernels compute it. */
#include "study/bench.h"

#include "base/os.h"
#include "plan/internal.h"

#include <string.h>

/* ---- bytes and flops ---- */

/* Weights that are multiplied: all but an embedding table that only rows are taken of. */
static double multiplied(const pencl_model *m)
{
    const pencl_transformer_metadata *meta = &m->lm->metadata;
    const bool llamalike = m->recipe.builder == &pn_builder_llamalike;
    const bool tied = m->recipe.table_is_head ||
                      (llamalike && m->recipe.config.llamalike.tie_embedder_and_logits);
    const double table = (double)meta->vocab_size * (double)meta->embedding_dim;
    return (double)m->info.n_params - (tied ? 0 : table);
}

/* Keys and values of one token of one sequence. */
static double cached_row(const pencl_session *s)
{
    double bytes = 0;
    for (int i = 0; i + 1 < s->caches->n; i++) {
        bytes += (double)pn_store_bytes(pn_variable_store(s->caches->variables[i]));
    }
    return bytes / (double)s->caches->capacity / (double)s->caches->n_batch;
}

static void needs(pencl_bench_result *r, const pencl_model *m, const pencl_session *s)
{
    const pencl_transformer_metadata *meta = &m->lm->metadata;
    const double n = (double)(r->n_prompt + r->n_gen);
    const double chunk = n < (double)s->chunk ? n : (double)s->chunk;
    /* Of a step, and what a query sees: half of the new tokens, on average. */
    const double fed = (r->n_prompt > 0 ? chunk : 1) * (double)r->batch;
    const double seen = (double)r->depth + (n + 1) / 2;
    const double heads = (double)pn_metadata_heads(meta);
    r->bytes_per_token =
        (double)m->info.file_bytes / fed + cached_row(s) * seen * (double)r->batch / fed;
    r->flops_per_token = 2 * multiplied(m) +
                         4 * (double)m->info.n_blocks * heads * (double)meta->projection_dim * seen;
    const uint64_t cache = pn_device_caps(m->device)->cache;
    r->cached = m->info.file_bytes <= cache;
}

/* ---- kernels ---- */

typedef struct tally {
    const pn_candidate *chosen;
    const char *op;
    int n;
} tally;

static void add(tally *tallies, int *n, const char *op, const pn_candidate *chosen)
{
    int i = 0;
    while (i < *n && tallies[i].chosen != chosen) {
        i++;
    }
    if (i == *n && *n == 2 * PENCL_BENCH_CHOICES) {
        return;
    }
    *n += i == *n;
    tallies[i].chosen = chosen;
    tallies[i].op = op;
    tallies[i].n++;
}

/* One row an op: the candidate with the most tasks. */
static void keep_first(pencl_bench_result *r, const tally *tallies, int n)
{
    for (int i = 0; i < n; i++) {
        bool most = true;
        for (int k = 0; k < n; k++) {
            const bool same = strcmp(tallies[k].op, tallies[i].op) == 0;
            const bool ahead =
                tallies[k].n > tallies[i].n || (tallies[k].n == tallies[i].n && k < i);
            most = most && !(same && ahead);
        }
        if (most && r->n_choices < PENCL_BENCH_CHOICES) {
            r->choices[r->n_choices++] =
                (pencl_bench_choice){tallies[i].op, tallies[i].chosen->name};
        }
    }
}

static void list_kernels(pencl_bench_result *r, pencl_session *session)
{
    tally tallies[2 * PENCL_BENCH_CHOICES] = {{0}};
    int n = 0;
    pn_plan *plan = NULL;
    const pn_feed feed = {.wanted = PENCL_LOGITS_LAST};
    const int64_t tokens = r->n_prompt > 0 ? pn_session_step_size(r->n_prompt, session->chunk) : 1;
    if (pn_session_plan(&plan, session, &feed, tokens) != PENCL_OK) {
        return; /* the plan has run, so it is kept: memory is out, and the list stays empty */
    }
    for (int i = 0; i < plan->ir->n_tasks; i++) {
        const pn_task *task = plan->ir->tasks[i];
        if (task->chosen != NULL) {
            add(tallies, &n, task->call->def->name, task->chosen);
        }
    }
    keep_first(r, tallies, n);
}

void pn_bench_facts(pencl_bench_result *r, const pencl_model *model, pencl_session *session)
{
    needs(r, model, session);
    list_kernels(r, session);
}
