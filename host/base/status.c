/* SPDX-License-Identifier: Apache-2.0 */
/* Status names, contexts and the one error record that each context holds. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

const char *pencl_status_name(pencl_status status)
{
    switch (status) {
#define NAME(name, code, text)                                                                     \
    case PENCL_##name:                                                                             \
        return #name;
        PENCL_STATUS_MAP(NAME)
#undef NAME
    }
    return "E_UNKNOWN";
}

const char *pencl_status_text(pencl_status status)
{
    switch (status) {
#define TEXT(name, code, text)                                                                     \
    case PENCL_##name:                                                                             \
        return text;
        PENCL_STATUS_MAP(TEXT)
#undef TEXT
    }
    return "a status that this version does not know";
}

const char *pencl_version(void)
{
    return PENCL_VERSION;
}

pencl_ctx *pencl_ctx_new(void)
{
    return pn_calloc(1, sizeof(pencl_ctx));
}

void pencl_ctx_free(pencl_ctx *ctx)
{
    pn_free(ctx);
}

const char *pencl_error_text(const pencl_ctx *ctx)
{
    return ctx != NULL ? ctx->error.text : "";
}

pencl_status pencl_error_status(const pencl_ctx *ctx)
{
    return ctx != NULL ? ctx->error.status : PENCL_OK;
}

void pencl_ctx_set_log(pencl_ctx *ctx, pencl_log_fn *fn, void *user)
{
    if (ctx != NULL) {
        ctx->log = fn;
        ctx->log_user = user;
    }
}

pencl_status pn_fail(
    pencl_ctx *ctx, pencl_status status, int code, const char *file, int line, const char *fmt, ...)
{
    if (ctx == NULL || ctx->error.status != PENCL_OK) {
        return status; /* nowhere to write, or the deepest cause is there already */
    }
    ctx->error.status = status;
    ctx->error.code = code;
    ctx->error.file = file;
    ctx->error.line = line;
    va_list args;
    va_start(args, fmt);
    vsnprintf(ctx->error.text, sizeof ctx->error.text, fmt, args);
    va_end(args);
    return status;
}

void pn_error_prefix(pencl_ctx *ctx, const char *prefix)
{
    if (ctx == NULL || ctx->error.status == PENCL_OK) {
        return;
    }
    char *text = ctx->error.text;
    const size_t room = sizeof ctx->error.text;
    char head[sizeof ctx->error.text / 4]; /* leaves most of the record to the cause */
    pn_copy(head, sizeof head - 2, prefix);
    pn_copy(head + strlen(head), 3, ": ");
    const size_t shift = strlen(head);
    size_t keep = strlen(text);
    if (keep > room - 1 - shift) {
        keep = room - 1 - shift;
    }
    memmove(text + shift, text, keep);
    memcpy(text, head, shift);
    text[shift + keep] = '\0';
}

void pn_error_clear(pencl_ctx *ctx)
{
    if (ctx != NULL) {
        ctx->error.status = PENCL_OK;
        ctx->error.code = 0;
        ctx->error.file = NULL;
        ctx->error.line = 0;
        ctx->error.text[0] = '\0';
    }
}

void pencl_ctx_set_expendable(pencl_ctx *ctx, pencl_deadline_fn *deadline)
{
    ctx->expendable = true;
    ctx->deadline = deadline;
}

void pencl_ctx_set_probe(pencl_ctx *ctx, pencl_probe_fn *fn, void *user)
{
    ctx->probe = fn;
    ctx->probe_user = user;
}
