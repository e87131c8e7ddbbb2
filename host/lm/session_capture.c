/* SPDX-License-Identifier: Apache-2.0 */
/* What captured nodes give while a session is fed. */
#include "lm/session.h"

#include <string.h>

void pn_captured_drop(pencl_session *s)
{
    for (int i = 0; i < s->n_captured; i++) {
        pn_free(s->captured[i].name);
        pn_free(s->captured[i].data);
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
    for (int i = 0; i < s->n_captured; i++) {
        const pn_captured *c = &s->captured[i];
        if (strcmp(c->name, name) == 0) {
            PENCL_TRY(pencl_array_new(out, s->lm->device, PENCL_F32, c->spec.axes, c->spec.n_axes));
            return pencl_array_upload(*out, c->data, c->count * sizeof *c->data);
        }
    }
    return PN_FAIL(s->lm->ctx, PENCL_E_ARG, "nothing was captured as '%s'", name);
}
