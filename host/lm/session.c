/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: a growing sequence, its caches, and the steps that extend it. */
#include "lm/session.h"

#include "base/os.h"

#include <inttypes.h>
#include <string.h>

enum {
    DEFAULT_CONTEXT = 4096,
    FIRST_CAPACITY = 256, /* tokens; doubled as the sequence grows */
    CHUNK = 512,          /* tokens computed at once of a long prompt */
    PADDED = 32           /* up to here a step is padded rather than split */
};

/* ---- life ---- */

static pencl_status set_capacity(pencl_session *s, int64_t capacity)
{
    pn_caches caches = {0};
    pencl_layer *body = NULL;
    PENCL_TRY(pn_caches_new(&caches, s->lm, capacity));
    pencl_status st = s->length > 0 ? pn_caches_copy(&caches, &s->caches, s->length) : PENCL_OK;
    if (st == PENCL_OK) {
        st = pn_caching_body(&body, s->lm, &caches);
    }
    if (st != PENCL_OK) {
        pn_caches_free(&caches);
        return st;
    }
    pn_caches_free(&s->caches);
    pencl_layer_free(s->body);
    s->caches = caches;
    s->body = body;
    return PENCL_OK;
}

pencl_status
pencl_session_new(pencl_session **out, pencl_lm *lm, const pencl_session_options *options)
{
    static const pencl_session_options none = PENCL_SESSION_OPTIONS_INIT;
    const pencl_session_options *o = options != NULL ? options : &none;
    pn_error_clear(lm->ctx);
    if (o->context < 0 || o->context > INT32_MAX - CHUNK) {
        return PN_FAIL(lm->ctx, PENCL_E_ARG, "a context of %" PRId64 " tokens", o->context);
    }
    pencl_session *s = pn_calloc(1, sizeof *s);
    if (s == NULL) {
        return PN_NOMEM(lm->ctx);
    }
    s->lm = lm;
    s->context = o->context > 0 ? o->context : DEFAULT_CONTEXT;
    pn_copy(s->matmul, sizeof s->matmul, o->matmul != NULL ? o->matmul : "auto");
    pencl_status st = set_capacity(s, FIRST_CAPACITY);
    if (st != PENCL_OK) {
        pencl_session_free(s);
        return st;
    }
    *out = s;
    return PENCL_OK;
}

static void drop_captured(pencl_session *s)
{
    for (int i = 0; i < s->n_captured; i++) {
        pn_free(s->captured[i].name);
        pn_free(s->captured[i].data);
    }
    pn_free(s->captured);
    s->captured = NULL;
    s->n_captured = 0;
}

void pencl_session_free(pencl_session *s)
{
    if (s == NULL) {
        return;
    }
    drop_captured(s);
    pn_caches_free(&s->caches);
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

void pencl_session_reset(pencl_session *s)
{
    s->length = 0; /* slots past the length are never read */
}

void pencl_session_cancel(pencl_session *s)
{
    atomic_store(&s->cancelled, 1);
}

/* ---- captures ---- */

static pn_captured *captured_named(pencl_session *s, const char *name)
{
    for (int i = 0; i < s->n_captured; i++) {
        if (strcmp(s->captured[i].name, name) == 0) {
            return &s->captured[i];
        }
    }
    pn_captured *more = pn_realloc(s->captured, (size_t)s->n_captured + 1, sizeof *more);
    if (more == NULL) {
        return NULL;
    }
    s->captured = more;
    pn_captured *c = &s->captured[s->n_captured];
    *c = (pn_captured){.name = pn_strdup(name)};
    s->n_captured += c->name != NULL;
    return c->name != NULL ? c : NULL;
}

/* Appends the real rows of one chunk: "seq" is the value's first axis. */
static pencl_status keep_rows(pencl_session *s, pn_plan *plan, int out, int64_t n)
{
    pencl_ctx *ctx = s->lm->ctx;
    const pn_spec *spec = pn_plan_out_spec(plan, out);
    const char *name = pn_plan_capture_name(plan, out);
    if (spec->dtype != PENCL_F32 || spec->n_axes < 1 ||
        strcmp(spec->axes[0].name, PENCL_AXIS_SEQ) != 0) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "capture '%s': 'seq' is not its first axis", name);
    }
    pn_captured *c = captured_named(s, name);
    size_t row = (size_t)(pn_spec_count(spec) / spec->axes[0].size);
    float *data = c == NULL ? NULL : pn_realloc(c->data, c->count + (size_t)n * row, sizeof *data);
    if (data == NULL) {
        return PN_NOMEM(ctx);
    }
    c->data = data;
    PENCL_TRY(pn_plan_read(plan, out, 0, data + c->count, (size_t)n * row * sizeof *data));
    int64_t rows = c->count == 0 ? 0 : c->spec.axes[0].size;
    c->spec = *spec;
    c->spec.axes[0].size = rows + n;
    c->count += (size_t)n * row;
    return PENCL_OK;
}

pencl_status pencl_session_captured(pencl_array **out, const pencl_session *s, const char *name)
{
    pn_error_clear(s->lm->ctx);
    for (int i = 0; i < s->n_captured; i++) {
        const pn_captured *c = &s->captured[i];
        if (strcmp(c->name, name) == 0) {
            PENCL_TRY(pencl_array_new(out, s->lm->device, PENCL_F32, c->spec.axes, c->spec.n_axes));
            return pencl_array_upload(*out, c->data, c->count * sizeof *c->data);
        }
    }
    return PN_FAIL(s->lm->ctx, PENCL_E_ARG, "nothing was captured as '%s'", name);
}

/* ---- feeding ---- */

/* How many tokens the next step's plan is made for. */
static int64_t step_size(int64_t left)
{
    if (left >= CHUNK) {
        return CHUNK;
    }
    int64_t size = 1;
    while (size < left) {
        size *= 2;
    }
    bool pad = size <= PADDED || size - left <= size / 8;
    return pad ? size : size / 2;
}

static void fill_inputs(pn_plan *plan, const pencl_session *s, const int32_t *tokens, int64_t n)
{
    const pn_spec *spec = NULL;
    int32_t *ids = pn_plan_input(plan, PN_INPUT_TOKENS, &spec);
    if (ids != NULL) {
        memset(ids, 0, pn_spec_bytes(spec));
        memcpy(ids, tokens, (size_t)n * sizeof *ids);
    }
    int32_t *positions = pn_plan_input(plan, PN_INPUT_POSITIONS, &spec);
    if (positions != NULL) {
        pn_positions_fill(positions, s->length, n, pn_spec_count(spec));
    }
    int32_t *counts = pn_plan_input(plan, PN_INPUT_COUNTS, NULL);
    if (counts != NULL) {
        counts[0] = (int32_t)s->length;
        counts[1] = (int32_t)n;
        counts[2] = (int32_t)(s->length + n);
        counts[3] = 0;
    }
    int32_t *last = pn_plan_input(plan, PN_INPUT_LAST, NULL);
    if (last != NULL) {
        last[0] = (int32_t)(n - 1);
    }
}

/* One step: n tokens through a plan made for `size`; logits to `to` as wanted. */
static pencl_status step(pencl_session *s,
                         const int32_t *tokens,
                         int64_t n,
                         int64_t size,
                         pencl_wanted wanted,
                         float *to)
{
    pn_plan *plan = NULL;
    PENCL_TRY(pn_session_plan(&plan, s, size, wanted));
    fill_inputs(plan, s, tokens, n);
    PENCL_TRY(pn_plan_run(plan));
    size_t row = (size_t)s->lm->metadata.vocab_size * sizeof *to;
    if (wanted != PENCL_LOGITS_NONE) {
        size_t rows = wanted == PENCL_LOGITS_ALL ? (size_t)n : 1;
        PENCL_TRY(pn_plan_read(plan, 0, 0, to, rows * row));
    }
    for (int i = 0; i < pn_plan_n_outs(plan); i++) {
        if (pn_plan_capture_name(plan, i) != NULL) {
            PENCL_TRY(keep_rows(s, plan, i, n));
        }
    }
    s->length += n;
    return PENCL_OK;
}

static pencl_status make_room(pencl_session *s, int64_t n, pencl_wanted wanted)
{
    int64_t want = s->length + n;
    if (want > s->context) {
        return PN_FAIL(s->lm->ctx, PENCL_E_CACHE_FULL,
                       "%" PRId64 " tokens after %" PRId64 " exceed the context of %" PRId64, n,
                       s->length, s->context);
    }
    int64_t capacity = s->caches.capacity;
    while (capacity < want) {
        capacity *= 2;
    }
    if (capacity != s->caches.capacity) {
        PENCL_TRY(set_capacity(s, capacity));
    }
    size_t rows = wanted == PENCL_LOGITS_ALL ? (size_t)n : wanted == PENCL_LOGITS_LAST ? 1 : 0;
    size_t count = 0;
    if (!pn_mul(rows, (size_t)s->lm->metadata.vocab_size, &count)) {
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
    PENCL_TRY(pn_lm_check_tokens(s->lm, tokens, n));
    PENCL_TRY(make_room(s, (int64_t)n, wanted));
    drop_captured(s);
    atomic_store(&s->cancelled, 0);
    float *to = s->logits;
    for (int64_t done = 0; done < (int64_t)n;) {
        int64_t left = (int64_t)n - done;
        int64_t size = step_size(left);
        int64_t now = size < left ? size : left;
        bool final = now == left;
        pencl_wanted here = wanted == PENCL_LOGITS_LAST && !final ? PENCL_LOGITS_NONE : wanted;
        if (atomic_load(&s->cancelled)) {
            return PN_FAIL(ctx, PENCL_E_CANCELLED, "cancelled");
        }
        PENCL_TRY(step(s, tokens + done, now, size, here, to));
        if (wanted == PENCL_LOGITS_ALL) {
            to += now * s->lm->metadata.vocab_size;
        }
        done += now;
    }
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
    PENCL_TRY(pn_session_plan(&plan, s, n_tokens, PENCL_LOGITS_LAST));
    pn_plan_print(&text, plan);
    if (text.failed) {
        pn_text_free(&text);
        return PN_NOMEM(s->lm->ctx);
    }
    *out = text.data;
    return PENCL_OK;
}
