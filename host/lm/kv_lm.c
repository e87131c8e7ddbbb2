/* SPDX-License-Identifier: Apache-2.0 */
/* KVCachingTransformerLM: penzai's rule of positions over a session of fixed length. */
#include "lm/kv_lm.h"

#include <inttypes.h>
#include <string.h>

/* ---- life ---- */

static pencl_status
check_batch(pn_spec *batch, pencl_ctx *ctx, const pencl_axis *axes, int n, int64_t cache_len)
{
    if (cache_len < 1) {
        return PN_FAIL(ctx, PENCL_E_ARG, "a cache of %" PRId64 " tokens", cache_len);
    }
    *batch = pn_spec_make(PENCL_I32, n, axes);
    pn_spec all = *batch;
    if (n < 0 || n + 1 > PENCL_MAX_AXES) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "%d batch axes", n);
    }
    pn_spec_push(&all, PENCL_AXIS_SEQ, cache_len);
    PENCL_TRY(pn_spec_check(ctx, &all, "batch axes"));
    return pn_lm_check_axes(ctx, "batch axes", &all);
}

static pencl_kv_lm *new_kv(pencl_lm *lm, int64_t n_batch, int64_t cache_len, int32_t pad_id)
{
    pencl_kv_lm *kv = pn_calloc(1, sizeof *kv);
    size_t count = 0;
    if (kv != NULL && pn_mul((size_t)n_batch, (size_t)cache_len, &count)) {
        *kv = (pencl_kv_lm){.lm = lm, .cache_len = cache_len, .n_batch = n_batch, .pad_id = pad_id};
        kv->previous = pn_calloc(count, sizeof *kv->previous);
    }
    if (kv == NULL || kv->previous == NULL) {
        pencl_kv_lm_free(kv);
        PN_NOMEM(lm->ctx);
        return NULL;
    }
    return kv;
}

pencl_status pencl_kv_lm_from_uncached(pencl_kv_lm **out,
                                       pencl_lm *lm,
                                       int64_t cache_len,
                                       const pencl_axis *batch_axes,
                                       int n_batch_axes,
                                       int32_t pad_id)
{
    pn_session_config config = {.context = cache_len, .slots = cache_len};
    pn_error_clear(lm->ctx);
    *out = NULL;
    PENCL_TRY(check_batch(&config.batch, lm->ctx, batch_axes, n_batch_axes, cache_len));
    pencl_kv_lm *kv = new_kv(lm, pn_spec_count(&config.batch), cache_len, pad_id);
    if (kv == NULL) {
        return PENCL_E_NOMEM;
    }
    pencl_status st = pn_session_open(&kv->session, lm, &config);
    if (st != PENCL_OK) {
        pencl_kv_lm_free(kv);
        return st;
    }
    *out = kv;
    return PENCL_OK;
}

pencl_status pencl_kv_lm_fork(pencl_kv_lm **out, const pencl_kv_lm *from)
{
    pn_error_clear(from->lm->ctx);
    *out = NULL;
    pencl_kv_lm *kv = new_kv(from->lm, from->n_batch, from->cache_len, from->pad_id);
    if (kv == NULL) {
        return PENCL_E_NOMEM;
    }
    memcpy(kv->previous, from->previous,
           (size_t)(kv->n_batch * kv->cache_len) * sizeof *kv->previous);
    pencl_status st = pn_session_fork(&kv->session, from->session);
    if (st != PENCL_OK) {
        pencl_kv_lm_free(kv);
        return st;
    }
    *out = kv;
    return PENCL_OK;
}

void pencl_kv_lm_free(pencl_kv_lm *kv)
{
    if (kv != NULL) {
        pencl_session_free(kv->session);
        pn_free(kv->previous);
        pn_free(kv);
    }
}

/* ---- reading ---- */

int64_t pencl_kv_lm_cache_end_index(const pencl_kv_lm *kv)
{
    return kv->session->length;
}

int64_t pencl_kv_lm_cache_len(const pencl_kv_lm *kv)
{
    return kv->cache_len;
}

pencl_layer *pencl_kv_lm_body(const pencl_kv_lm *kv)
{
    return kv->session->body;
}

pencl_status pencl_kv_lm_previous_tokens(pencl_array **out, const pencl_kv_lm *kv)
{
    pn_spec spec = kv->session->batch;
    pn_error_clear(kv->lm->ctx);
    pn_spec_push(&spec, PENCL_AXIS_SEQ, kv->cache_len);
    PENCL_TRY(pencl_array_new(out, kv->lm->device, PENCL_I32, spec.axes, spec.n_axes));
    pencl_status st = pencl_array_upload(*out, kv->previous, pn_spec_bytes(&spec));
    if (st != PENCL_OK) {
        pencl_array_free(*out);
        *out = NULL;
    }
    return st;
}

/* ---- forgetting ---- */

pencl_status pencl_kv_lm_truncate(pencl_kv_lm *kv, int64_t n)
{
    pn_error_clear(kv->lm->ctx);
    if (n < 0 || n > kv->session->length) {
        return PN_FAIL(kv->lm->ctx, PENCL_E_ARG, "truncate to %" PRId64 " of %" PRId64 " tokens", n,
                       kv->session->length);
    }
    PENCL_TRY(pn_session_truncate(kv->session, n));
    for (int64_t b = 0; b < kv->n_batch; b++) {
        memset(kv->previous + b * kv->cache_len + n, 0,
               (size_t)(kv->cache_len - n) * sizeof *kv->previous);
    }
    return PENCL_OK;
}

pencl_status pencl_kv_lm_reset(pencl_kv_lm *kv)
{
    return pencl_kv_lm_truncate(kv, 0);
}

/* ---- calling ---- */

/* int32 with exactly the batch axes and seq; their order does not matter. */
static pencl_status check_tokens(const pencl_kv_lm *kv, const pn_spec *got)
{
    pencl_ctx *ctx = kv->lm->ctx;
    PENCL_TRY(pn_lm_check_axes(ctx, "tokens", got));
    pn_spec want = kv->session->batch;
    pn_spec_push(&want, PENCL_AXIS_SEQ, pn_spec_size(got, PENCL_AXIS_SEQ));
    if (pn_spec_same_axes(&want, got)) {
        return PENCL_OK;
    }
    pencl_status st = PENCL_E_SHAPE;
    for (int i = 0; i < got->n_axes; i++) {
        st = pn_spec_find(&want, got->axes[i].name) < 0 ? PENCL_E_AXIS : st;
    }
    st = got->n_axes != want.n_axes ? PENCL_E_AXIS : st;
    pn_text text = {0};
    pn_spec_print(&text, &want);
    st = pn_spec_fail(ctx, st, got, "tokens: %s is needed", pn_text_get(&text));
    pn_text_free(&text);
    return st;
}

static pencl_status check_side(pencl_ctx *ctx, const pencl_side_array *side, int n)
{
    static const char *const own[] = {PN_SIDE_TOKEN_POSITIONS, PN_SIDE_KV_TOKEN_POSITIONS,
                                      PN_SIDE_COUNTS};
    for (int i = 0; i < n; i++) {
        for (size_t k = 0; k < PN_COUNT(own); k++) {
            if (strcmp(side[i].name, own[k]) == 0) {
                return PN_FAIL(ctx, PENCL_E_SIDE_INPUT,
                               "side input '%s' is made by the caching wrapper", own[k]);
            }
        }
    }
    return PENCL_OK;
}

/* [batch.., n] in the order of the batch axes. */
static pencl_status read_ordered(const pencl_kv_lm *kv, const pencl_array *tokens, int32_t *to)
{
    const char *names[PENCL_MAX_AXES];
    const pn_spec *batch = &kv->session->batch;
    pencl_array *ordered = NULL;
    for (int i = 0; i < batch->n_axes; i++) {
        names[i] = batch->axes[i].name;
    }
    names[batch->n_axes] = PENCL_AXIS_SEQ;
    PENCL_TRY(pencl_array_order(&ordered, tokens, names, batch->n_axes + 1));
    pencl_status st = pencl_array_download(ordered, to, (size_t)pencl_array_count(ordered) * 4);
    pencl_array_free(ordered);
    return st;
}

pencl_status pn_kv_lm_read_tokens(int32_t **out, const pencl_kv_lm *kv, const pencl_array *tokens)
{
    size_t count = (size_t)pencl_array_count(tokens);
    PENCL_TRY(check_tokens(kv, &tokens->view.spec));
    *out = pn_calloc(count + 1, sizeof **out);
    if (*out == NULL) {
        return PN_NOMEM(kv->lm->ctx);
    }
    return count > 0 ? read_ordered(kv, tokens, *out) : PENCL_OK;
}

/* Positions count what is no padding, from the beginning of the sequence. */
static void count_positions(const pencl_kv_lm *kv, const int32_t *tokens, int64_t n, int32_t *to)
{
    for (int64_t b = 0; b < kv->n_batch; b++) {
        int32_t count = 0;
        for (int64_t i = 0; i < kv->session->length; i++) {
            count += kv->previous[b * kv->cache_len + i] != kv->pad_id;
        }
        for (int64_t i = 0; i < n; i++) {
            to[b * n + i] = tokens[b * n + i] != kv->pad_id ? count++ : -1;
        }
    }
}

static void remember(pencl_kv_lm *kv, const int32_t *tokens, int64_t n)
{
    for (int64_t b = 0; b < kv->n_batch; b++) {
        memcpy(kv->previous + b * kv->cache_len + kv->session->length - n, tokens + b * n,
               (size_t)n * sizeof *tokens);
    }
}

typedef struct device_logits {
    pencl_array *array; /* [batch.., rows, vocabulary] */
    int64_t n_batch;
    int64_t rows;
    int64_t skip; /* the first token's row */
} device_logits;

static pencl_status copy_logits(void *user, const pn_chunk *c)
{
    const device_logits *d = user;
    const pn_spec *spec = &d->array->view.spec;
    size_t row = (size_t)spec->axes[spec->n_axes - 1].size * sizeof(float);
    for (int64_t b = 0; b < d->n_batch; b++) {
        size_t to = d->array->base + (size_t)(b * d->rows + c->first - d->skip) * row;
        PENCL_TRY(pn_plan_copy(c->plan, 0, (size_t)(b * c->rows) * row, d->array->buffer, to,
                               (size_t)c->n * row));
    }
    return PENCL_OK;
}

pencl_status pn_kv_lm_feed(pencl_array **logits,
                           pencl_kv_lm *kv,
                           const int32_t *tokens,
                           int64_t n,
                           pencl_wanted wanted,
                           pn_side_arrays side)
{
    pencl_session *s = kv->session;
    device_logits d = {.n_batch = kv->n_batch, .rows = wanted == PENCL_LOGITS_ALL ? n : 1};
    d.skip = wanted == PENCL_LOGITS_ALL ? 0 : n - 1;
    pn_spec spec = s->batch;
    pn_spec_push(&spec, PENCL_AXIS_SEQ, d.rows);
    pn_spec_push(&spec, PENCL_AXIS_VOCABULARY, kv->lm->metadata.vocab_size);
    int32_t *positions = pn_calloc((size_t)(kv->n_batch * n) + 1, sizeof *positions);
    pencl_status st = positions == NULL ? PN_NOMEM(kv->lm->ctx)
                                        : pencl_array_new(&d.array, kv->lm->device, PENCL_F32,
                                                          spec.axes, spec.n_axes);
    if (st == PENCL_OK && n > 0) {
        count_positions(kv, tokens, n, positions);
        const pn_feed feed = {
            .tokens = tokens, .positions = positions, .n = n, .wanted = wanted, .side = side};
        st = pn_session_run(s, &feed, copy_logits, &d);
    }
    if (st == PENCL_OK) {
        remember(kv, tokens, n);
        *logits = d.array;
    } else {
        pencl_array_free(d.array);
    }
    pn_free(positions);
    return st;
}

pencl_status pencl_kv_lm_call(pencl_array **logits,
                              pencl_kv_lm *kv,
                              const pencl_array *tokens,
                              const pencl_side_array *side,
                              int n_side)
{
    pencl_ctx *ctx = kv->lm->ctx;
    pn_error_clear(ctx);
    *logits = NULL;
    PENCL_TRY(check_side(ctx, side, n_side));
    int64_t n = pn_spec_size(&tokens->view.spec, PENCL_AXIS_SEQ);
    int32_t *ids = NULL;
    pencl_status st = pn_kv_lm_read_tokens(&ids, kv, tokens);
    if (st == PENCL_OK) {
        st = pn_kv_lm_feed(logits, kv, ids, n, PENCL_LOGITS_ALL, (pn_side_arrays){side, n_side});
    }
    pn_free(ids);
    return st;
}
