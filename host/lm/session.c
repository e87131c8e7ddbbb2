/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: sequences that grow together, their caches, and the steps that extend them. */
#include "lm/session.h"

#include "base/os.h"

#include <inttypes.h>
#include <string.h>

enum {
    DEFAULT_CONTEXT = 4096,
    FIRST_SLOTS = 256, /* tokens; doubled as the sequence grows */
    PADDED = 32        /* up to here a step is padded rather than split */
};

/* ---- life ---- */

/* Caches of so many slots with the tokens so far, for this session alone. */
static pencl_status set_slots(pencl_session *s, int64_t slots)
{
    pn_caches *caches = NULL;
    pencl_layer *body = NULL;
    PENCL_TRY(pn_caches_new(&caches, s->lm, &s->batch, slots));
    pencl_status st = s->length > 0 ? pn_caches_copy(caches, s->caches, s->length) : PENCL_OK;
    if (st == PENCL_OK) {
        st = pn_caching_body(&body, s->lm->ctx, s->lm->body, caches);
    }
    if (st != PENCL_OK) {
        pn_caches_free(caches);
        return st;
    }
    pn_caches_free(s->caches);
    pencl_layer_free(s->body);
    s->caches = caches;
    s->body = body;
    return PENCL_OK;
}

static pencl_session *new_session(pencl_lm *lm, const pn_spec *batch, int64_t context)
{
    pencl_session *s = pn_calloc(1, sizeof *s);
    if (s != NULL) {
        s->lm = lm;
        s->batch = *batch;
        s->context = context;
    } else {
        PN_NOMEM(lm->ctx);
    }
    return s;
}

pencl_status pn_session_open(pencl_session **out, pencl_lm *lm, const pn_session_config *c)
{
    if (c->context < 1 || c->context > INT32_MAX - PN_SESSION_CHUNK) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "a context of %" PRId64 " tokens", c->context);
    }
    pencl_session *s = new_session(lm, &c->batch, c->context);
    if (s == NULL) {
        return PENCL_E_NOMEM;
    }
    pn_copy(s->matmul, sizeof s->matmul, c->matmul != NULL ? c->matmul : "auto");
    pencl_status st = set_slots(s, c->slots);
    if (st != PENCL_OK) {
        pencl_session_free(s);
        return st;
    }
    *out = s;
    return PENCL_OK;
}

pencl_status
pencl_session_new(pencl_session **out, pencl_lm *lm, const pencl_session_options *options)
{
    static const pencl_session_options none = PENCL_SESSION_OPTIONS_INIT;
    const pencl_session_options *o = options != NULL ? options : &none;
    pn_error_clear(lm->ctx);
    return pn_session_open(
        out, lm,
        &(pn_session_config){.batch = {.dtype = PENCL_I32},
                             .context = o->context != 0 ? o->context : DEFAULT_CONTEXT,
                             .slots = FIRST_SLOTS,
                             .matmul = o->matmul});
}

pencl_status pn_session_fork(pencl_session **out, const pencl_session *from)
{
    pencl_session *s = new_session(from->lm, &from->batch, from->context);
    if (s == NULL) {
        return PENCL_E_NOMEM;
    }
    memcpy(s->matmul, from->matmul, sizeof s->matmul);
    s->length = from->length;
    s->caches = pn_caches_ref(from->caches);
    s->body = pencl_layer_ref(from->body);
    *out = s;
    return PENCL_OK;
}

void pencl_session_free(pencl_session *s)
{
    if (s == NULL) {
        return;
    }
    pn_captured_drop(s);
    pn_caches_free(s->caches);
    pencl_layer_free(s->body);
    pn_free(s->logits);
    pn_free(s);
}

int64_t pencl_session_length(const pencl_session *s)
{
    return s->length;
}

int64_t pencl_session_context(const pencl_session *s)
{
    return s->context;
}

/* Before caches are written: those that a fork shares stay as they are. */
static pencl_status own_caches(pencl_session *s)
{
    return s->caches->refs > 1 ? set_slots(s, s->caches->slots) : PENCL_OK;
}

pencl_status pn_session_truncate(pencl_session *s, int64_t length)
{
    PENCL_TRY(own_caches(s));
    s->length = length;
    return pn_caches_empty(s->caches, length);
}

void pencl_session_reset(pencl_session *s)
{
    s->length = 0; /* a slot holds its own number as position: old ones are ahead of every query */
}

void pencl_session_cancel(pencl_session *s)
{
    atomic_store(&s->cancelled, 1);
}

/* ---- steps ---- */

int64_t pn_session_step_size(int64_t left)
{
    if (left >= PN_SESSION_CHUNK) {
        return PN_SESSION_CHUNK;
    }
    int64_t size = 1;
    while (size < left) {
        size *= 2;
    }
    bool pad = size <= PADDED || size - left <= size / 8;
    return pad ? size : size / 2;
}

/* Columns first .. first + n - 1 of [batch.., feed->n] into [batch.., size], the rest `pad`. */
static void fill_columns(int32_t *to,
                         const int32_t *from,
                         const pencl_session *s,
                         const pn_feed *feed,
                         const pn_chunk *c,
                         int32_t pad)
{
    for (int64_t b = 0; b < s->caches->n_batch; b++) {
        for (int64_t i = 0; i < c->rows; i++) {
            *to++ = i < c->n ? from[b * feed->n + c->first + i] : pad;
        }
    }
}

/* Without positions a token's position is its place. */
static void fill_places(int32_t *to, const pencl_session *s, const pn_chunk *c)
{
    for (int64_t b = 0; b < s->caches->n_batch; b++, to += c->rows) {
        pn_positions_fill(to, s->length, c->n, c->rows);
    }
}

/* c->rows is the number of tokens that the plan is made for. */
static void fill_inputs(const pencl_session *s, const pn_feed *feed, const pn_chunk *c)
{
    int32_t *ids = pn_plan_input(c->plan, PN_INPUT_TOKENS, NULL);
    if (ids != NULL) {
        fill_columns(ids, feed->tokens, s, feed, c, 0);
    }
    int32_t *positions = pn_plan_input(c->plan, PN_INPUT_POSITIONS, NULL);
    if (positions != NULL && feed->positions != NULL) {
        fill_columns(positions, feed->positions, s, feed, c, -1);
    } else if (positions != NULL) {
        fill_places(positions, s, c);
    }
    int32_t *counts = pn_plan_input(c->plan, PN_INPUT_COUNTS, NULL);
    if (counts != NULL) {
        counts[0] = (int32_t)s->length;
        counts[1] = (int32_t)c->n;
        counts[2] = (int32_t)(s->length + c->n);
        counts[3] = 0;
    }
    int32_t *last = pn_plan_input(c->plan, PN_INPUT_LAST, NULL);
    if (last != NULL) {
        last[0] = (int32_t)(c->n - 1);
    }
}

static pencl_status
step(pencl_session *s, const pn_feed *feed, pn_chunk *c, pn_take_logits *take, void *user)
{
    pn_feed here = *feed;
    if (feed->wanted == PENCL_LOGITS_LAST && c->first + c->n < feed->n) {
        here.wanted = PENCL_LOGITS_NONE;
    }
    PENCL_TRY(pn_session_plan(&c->plan, s, &here, c->rows));
    fill_inputs(s, feed, c);
    PENCL_TRY(pn_plan_run(c->plan));
    if (here.wanted != PENCL_LOGITS_NONE) {
        pn_chunk rows = *c;
        if (here.wanted == PENCL_LOGITS_LAST) {
            rows.first = c->first + c->n - 1;
            rows.n = rows.rows = 1;
        }
        PENCL_TRY(take(user, &rows));
    }
    return pn_captured_keep(s, c->plan, c->n);
}

static pencl_status make_room(pencl_session *s, int64_t n)
{
    int64_t want = s->length + n;
    if (want > s->context) {
        return PN_FAIL(s->lm->ctx, PENCL_E_CACHE_FULL,
                       "%" PRId64 " tokens after %" PRId64 " exceed the context of %" PRId64, n,
                       s->length, s->context);
    }
    int64_t slots = s->caches->slots;
    while (slots < want) {
        slots *= 2;
    }
    return slots != s->caches->slots ? set_slots(s, slots) : own_caches(s);
}

static pencl_status
run_steps(pencl_session *s, const pn_feed *feed, pn_take_logits *take, void *user)
{
    for (int64_t done = 0; done < feed->n;) {
        int64_t left = feed->n - done;
        int64_t size = feed->side.n > 0 ? left : pn_session_step_size(left);
        pn_chunk c = {.first = done, .n = size < left ? size : left, .rows = size};
        if (atomic_load(&s->cancelled)) {
            return PN_FAIL(s->lm->ctx, PENCL_E_CANCELLED, "cancelled");
        }
        PENCL_TRY(step(s, feed, &c, take, user));
        s->length += c.n;
        done += c.n;
    }
    return PENCL_OK;
}

pencl_status pn_session_run(pencl_session *s, const pn_feed *feed, pn_take_logits *take, void *user)
{
    size_t count = 0;
    if (feed->n < 1 || feed->n > INT32_MAX ||
        !pn_mul((size_t)feed->n, (size_t)s->caches->n_batch, &count)) {
        return PN_FAIL(s->lm->ctx, PENCL_E_ARG, "%" PRId64 " tokens to feed", feed->n);
    }
    PENCL_TRY(pn_lm_check_tokens(s->lm, feed->tokens, count));
    PENCL_TRY(make_room(s, feed->n));
    pn_captured_drop(s);
    atomic_store(&s->cancelled, 0);
    int64_t before = s->length;
    pencl_status st = run_steps(s, feed, take, user);
    if (st != PENCL_OK) {
        s->length = before;
        pencl_status emptied = pn_caches_empty(s->caches, before); /* the first error is recorded */
        (void)emptied;
    }
    return st;
}

/* ---- logits on the host ---- */

typedef struct host_logits {
    pencl_session *s;
    int64_t rows; /* of each batch entry */
    int64_t skip; /* the first token's row */
} host_logits;

static pencl_status read_logits(void *user, const pn_chunk *c)
{
    const host_logits *h = user;
    size_t row = (size_t)h->s->lm->metadata.vocab_size;
    for (int64_t b = 0; b < h->s->caches->n_batch; b++) {
        float *to = h->s->logits + (size_t)(b * h->rows + c->first - h->skip) * row;
        PENCL_TRY(pn_plan_read(c->plan, 0, (size_t)(b * c->rows) * row * sizeof *to, to,
                               (size_t)c->n * row * sizeof *to));
    }
    return PENCL_OK;
}

static pencl_status make_logits_room(pencl_session *s, int64_t rows)
{
    size_t count = (size_t)rows;
    if (!pn_mul(count, (size_t)s->caches->n_batch, &count) ||
        !pn_mul(count, (size_t)s->lm->metadata.vocab_size, &count)) {
        return PN_FAIL(s->lm->ctx, PENCL_E_LIMIT, "too many logits");
    }
    if (count > s->logits_room) {
        float *logits = pn_realloc(s->logits, count, sizeof *logits);
        if (logits == NULL) {
            return PN_NOMEM(s->lm->ctx);
        }
        s->logits = logits;
        s->logits_room = count;
    }
    return PENCL_OK;
}

pencl_status pencl_session_feed(
    const float **logits, pencl_session *s, const int32_t *tokens, size_t n, pencl_wanted wanted)
{
    pencl_ctx *ctx = s->lm->ctx;
    pn_error_clear(ctx);
    if (n == 0 || n > INT32_MAX) {
        return PN_FAIL(ctx, PENCL_E_ARG, "%zu tokens to feed", n);
    }
    pn_feed feed = {.tokens = tokens, .n = (int64_t)n, .wanted = wanted};
    host_logits host = {.s = s, .rows = wanted == PENCL_LOGITS_ALL ? feed.n : 1};
    host.skip = wanted == PENCL_LOGITS_ALL ? 0 : feed.n - 1;
    PENCL_TRY(make_logits_room(s, wanted == PENCL_LOGITS_NONE ? 0 : host.rows));
    PENCL_TRY(pn_session_run(s, &feed, read_logits, &host));
    if (logits != NULL) {
        *logits = s->logits;
    }
    return PENCL_OK;
}

pencl_status pencl_session_plan_text(char **out, pencl_session *s, int64_t n_tokens)
{
    pn_error_clear(s->lm->ctx);
    pn_plan *plan = NULL;
    pn_text text = {0};
    const pn_feed feed = {.wanted = PENCL_LOGITS_LAST};
    PENCL_TRY(pn_session_plan(&plan, s, &feed, n_tokens));
    pn_plan_print(&text, plan);
    if (text.failed) {
        pn_text_free(&text);
        return PN_NOMEM(s->lm->ctx);
    }
    *out = text.data;
    return PENCL_OK;
}
