/* SPDX-License-Identifier: Apache-2.0 */
/* What captured nodes give while a session is fed: rows gathered on the device, without a wait. */
#include "lm/session.h"

#include <string.h>

void pn_captured_drop(pencl_session *s)
{
    for (int i = 0; i < s->n_captured; i++) {
        pn_free(s->captured[i].name);
        pn_buffer_free(s->captured[i].buffer);
    }
    pn_free(s->captured);
    s->captured = NULL;
    s->n_captured = 0;
}

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

/* Room for n more rows: doubled, what is there copied. */
static pencl_status make_room(pn_captured *c, pencl_device *device, size_t row_bytes, int64_t n)
{
    size_t want = (size_t)(c->rows + n) * row_bytes;
    size_t room = c->buffer != NULL ? pn_buffer_bytes(c->buffer) : 0;
    if (want <= room) {
        return PENCL_OK;
    }
    pn_buffer *buffer = NULL;
    PENCL_TRY(pn_buffer_new(&buffer, device, want > 2 * room ? want : 2 * room));
    pencl_status st = PENCL_OK;
    if (c->rows > 0) {
        st = pn_buffer_copy(buffer, 0, c->buffer, 0, (size_t)c->rows * row_bytes);
    }
    pn_buffer_free(c->buffer);
    c->buffer = buffer;
    return st;
}

/* Appends the real rows of one chunk: "seq" is the value's first axis (pn_value_capture). */
static pencl_status keep_rows(pencl_session *s, pn_plan *plan, int out, int64_t n)
{
    pencl_ctx *ctx = s->lm->ctx;
    pn_spec spec = *pn_plan_out_spec(plan, out);
    const char *name = pn_plan_capture_name(plan, out);
    if (spec.n_axes < 1 || strcmp(spec.axes[0].name, PENCL_AXIS_SEQ) != 0) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "capture '%s': a value without 'seq'", name);
    }
    pn_captured *c = captured_named(s, name);
    if (c == NULL) {
        return PN_NOMEM(ctx);
    }
    spec.axes[0].size = 1;
    if (c->rows > 0 && !pn_spec_equal(&spec, &c->row)) {
        return pn_spec_fail(ctx, PENCL_E_UNSUPPORTED, &spec,
                            "capture '%s': its rows change their shape as the cache grows", name);
    }
    c->row = spec;
    size_t bytes = pn_spec_bytes(&spec);
    PENCL_TRY(make_room(c, s->lm->device, bytes, n));
    PENCL_TRY(pn_plan_copy(plan, out, 0, c->buffer, (size_t)c->rows * bytes, (size_t)n * bytes));
    c->rows += n;
    return PENCL_OK;
}

pencl_status pn_captured_keep(pencl_session *s, pn_plan *plan, int64_t n)
{
    for (int i = 0; i < pn_plan_n_outs(plan); i++) {
        if (pn_plan_capture_name(plan, i) != NULL) {
            PENCL_TRY(keep_rows(s, plan, i, n));
        }
    }
    return PENCL_OK;
}

pencl_status pencl_session_captured(pencl_array **out, const pencl_session *s, const char *name)
{
    pn_error_clear(s->lm->ctx);
    *out = NULL;
    for (int i = 0; i < s->n_captured; i++) {
        const pn_captured *c = &s->captured[i];
        if (strcmp(c->name, name) == 0) {
            pn_spec spec = c->row;
            spec.axes[0].size = c->rows;
            PENCL_TRY(pencl_array_new(out, s->lm->device, spec.dtype, spec.axes, spec.n_axes));
            pencl_status st =
                pn_buffer_copy((*out)->buffer, (*out)->base, c->buffer, 0, pn_spec_bytes(&spec));
            if (st != PENCL_OK) {
                pencl_array_free(*out);
                *out = NULL;
            }
            return st;
        }
    }
    return PN_FAIL(s->lm->ctx, PENCL_E_ARG, "nothing was captured as '%s'", name);
}
