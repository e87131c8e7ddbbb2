/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions that are used once or twice: compiled, matched and forgotten. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <pcre2.h>

enum {
    PATTERN_MAX = 4096,    /* bytes */
    MATCH_LIMIT = 1000000, /* steps */
    HEAP_LIMIT = 16 << 10, /* KiB */
    DEPTH_LIMIT = 10000
};

void *pn_regex_get(size_t bytes, void *unused)
{
    (void)unused;
    return pn_alloc(bytes);
}

void pn_regex_drop(void *p, void *unused)
{
    (void)unused;
    pn_free(p);
}

/* What one match takes; all may be NULL. */
typedef struct regex {
    pcre2_general_context *memory;
    pcre2_compile_context *options;
    pcre2_match_context *limits;
    pcre2_code *code;
    pcre2_match_data *match;
} regex;

static pencl_status fail(pencl_ctx *ctx, const char *pattern, int code)
{
    char text[128] = "";
    if (code == PCRE2_ERROR_HEAP_FAILED || code == PCRE2_ERROR_NOMEMORY) {
        return PN_NOMEM(ctx);
    }
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return PN_FAIL_CODE(ctx, PENCL_E_FORMAT, code, "expression \"%.80s\": %s", pattern, text);
}

static pencl_status compile(regex *r, pencl_ctx *ctx, const char *pattern)
{
    int code = 0;
    size_t at = 0;
    r->memory = pcre2_general_context_create(pn_regex_get, pn_regex_drop, NULL);
    r->options = pcre2_compile_context_create(r->memory);
    r->limits = pcre2_match_context_create(r->memory);
    if (r->memory == NULL || r->options == NULL || r->limits == NULL) {
        return PN_NOMEM(ctx);
    }
    pcre2_set_max_pattern_length(r->options, PATTERN_MAX);
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_LIMIT);
    pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
    r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_ANCHORED,
                            &code, &at, r->options);
    if (r->code == NULL) {
        return fail(ctx, pattern, code);
    }
    r->match = pcre2_match_data_create(1, r->memory);
    return r->match != NULL ? PENCL_OK : PN_NOMEM(ctx);
}

pencl_status pn_regex_matches(bool *out, pencl_ctx *ctx, const char *pattern, const char *text)
{
    regex r = {0};
    pencl_status status = compile(&r, ctx, pattern);
    if (status == PENCL_OK) {
        const int found =
            pcre2_match(r.code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, r.match, r.limits);
        *out = found >= 0;
        if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
            status = fail(ctx, pattern, found);
        }
    }
    pcre2_match_data_free(r.match);
    pcre2_code_free(r.code);
    pcre2_match_context_free(r.limits);
    pcre2_compile_context_free(r.options);
    pcre2_general_context_free(r.memory);
    return status;
}
