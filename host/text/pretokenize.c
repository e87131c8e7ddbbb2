/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-tokenizers: regular expressions that split text into pieces before merging.
 *
 * PCRE2 runs them, as machine code where it can. Its work is bounded, and nothing recurses on the
 * text. White space is spelled out: PCRE2's \s has U+180E, which Unicode took back and other
 * tokenizers do not have. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"
#include "text/tokenizer.h"

#include <pcre2.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_STAGES = 4,
    JIT_STACK_START = 32 << 10, /* bytes */
    JIT_STACK = 1 << 20,        /* bytes */
    MATCH_LIMIT = 200000000,    /* steps of one match */
    HEAP_LIMIT = 64 << 10,      /* KiB, without machine code */
    DEPTH_LIMIT = 1000000
};

typedef struct pretokenizer {
    const char *name;
    const char *stages[MAX_STAGES]; /* then NULL */
} pretokenizer;

#define SPACE                                                                                      \
    "\\x09-\\x0d\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"   \
    "\\x{3000}"
#define GPT2                                                                                       \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACE "\\p{L}\\p{N}]+"                      \
    "|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+"

static const pretokenizer pretokenizers[] = {
#define PRETOKENIZER(name, ...) {name, {__VA_ARGS__}},
#include "text/pretokenizers.def"
#undef PRETOKENIZER
};

struct pn_splitter {
    pencl_ctx *ctx;
    const pretokenizer *pre;
    int n_stages;
    pcre2_code *stages[MAX_STAGES];
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_match_data *match;
    pcre2_jit_stack *stack;
};

/* One call of pn_splitter_run. */
typedef struct split {
    pn_splitter *splitter;
    pn_piece_fn *piece;
    void *user;
} split;

static bool is_named(const pretokenizer *pre, pn_string name)
{
    return strlen(pre->name) == name.size && memcmp(pre->name, name.data, name.size) == 0;
}

static pencl_status find(const pretokenizer **out, pencl_ctx *ctx, pn_string name)
{
    char known[256] = "";
    for (size_t i = 0; i < PN_COUNT(pretokenizers); i++) {
        if (is_named(&pretokenizers[i], name)) {
            *out = &pretokenizers[i];
            return PENCL_OK;
        }
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, " %s", pretokenizers[i].name);
    }
    return PN_FAIL(ctx, PENCL_E_UNSUPPORTED,
                   "the pre-tokenizer \"%.*s\" is not known; these are:%s",
                   (int)(name.size < 64 ? name.size : 64), name.data, known);
}

/* ---- compiling ---- */

static pencl_status fail(const pn_splitter *s, pencl_status status, int code)
{
    char text[128] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return PN_FAIL_CODE(s->ctx, status, code, "pre-tokenizer %s: %s", s->pre->name, text);
}

static pencl_status compile_stages(pn_splitter *s)
{
    pcre2_compile_context *options = pcre2_compile_context_create(s->memory);
    if (options == NULL) {
        return PN_NOMEM(s->ctx);
    }
    pencl_status status = PENCL_OK;
    for (int i = 0; i < MAX_STAGES && s->pre->stages[i] != NULL && status == PENCL_OK; i++) {
        int code = 0;
        size_t at = 0;
        s->stages[i] = pcre2_compile((PCRE2_SPTR)s->pre->stages[i], PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP, &code, &at, options);
        if (s->stages[i] == NULL) {
            const bool memory = code == PCRE2_ERROR_HEAP_FAILED;
            status = fail(s, memory ? PENCL_E_NOMEM : PENCL_E_UNSUPPORTED, code);
        } else {
            s->n_stages = i + 1;
            (void)pcre2_jit_compile(s->stages[i], PCRE2_JIT_COMPLETE); /* else it is interpreted */
        }
    }
    pcre2_compile_context_free(options);
    return status;
}

static pencl_status compile(pn_splitter *s)
{
    s->memory = pcre2_general_context_create(pn_regex_get, pn_regex_drop, NULL);
    s->limits = pcre2_match_context_create(s->memory);
    s->match = pcre2_match_data_create(1, s->memory);
    if (s->memory == NULL || s->limits == NULL || s->match == NULL) {
        return PN_NOMEM(s->ctx);
    }
    pcre2_set_match_limit(s->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(s->limits, HEAP_LIMIT);
    pcre2_set_depth_limit(s->limits, DEPTH_LIMIT);
    s->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK, s->memory); /* NULL: 32 KiB do */
    pcre2_jit_stack_assign(s->limits, NULL, s->stack);
    return compile_stages(s);
}

static void discard(pn_splitter *s)
{
    for (int i = 0; i < s->n_stages; i++) {
        pcre2_code_free(s->stages[i]);
    }
    pcre2_jit_stack_free(s->stack);
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->limits);
    pcre2_general_context_free(s->memory);
    *s = (pn_splitter){.ctx = s->ctx, .pre = s->pre};
}

pencl_status pn_splitter_new(pn_splitter **out, pencl_ctx *ctx, pn_string name)
{
    pn_splitter s = {.ctx = ctx};
    PENCL_TRY(find(&s.pre, ctx, name));
    *out = pn_alloc(sizeof s);
    if (*out == NULL) {
        return PN_NOMEM(ctx);
    }
    **out = s;
    return PENCL_OK;
}

void pn_splitter_free(pn_splitter *splitter)
{
    if (splitter != NULL) {
        discard(splitter);
        pn_free(splitter);
    }
}

/* ---- splitting ---- */
static pencl_status split_from(const split *call, int stage, const char *text, size_t size);

/* A piece of stage - 1: goes through the stages that are left, then out. */
static pencl_status hand_on(const split *call, int stage, const char *text, size_t size)
{
    if (size == 0) {
        return PENCL_OK;
    }
    if (stage < call->splitter->n_stages) {
        return split_from(call, stage, text, size);
    }
    return call->piece(call->user, text, size) ? PENCL_OK : PN_NOMEM(call->splitter->ctx);
}

/* The piece ends where it ends: what follows it in the text is not seen by this stage. */
static pencl_status split_from(const split *call, int stage, const char *text, size_t size)
{
    pn_splitter *s = call->splitter;
    const size_t *ends = pcre2_get_ovector_pointer(s->match);
    size_t done = 0;
    while (done < size) {
        const int found = pcre2_match(s->stages[stage], (PCRE2_SPTR)text, size, done,
                                      PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, s->match, s->limits);
        if (found == PCRE2_ERROR_NOMATCH) {
            return hand_on(call, stage + 1, text + done, size - done);
        }
        if (found < 0) {
            const pencl_status status =
                found == PCRE2_ERROR_NOMEMORY ? PENCL_E_NOMEM : PENCL_E_LIMIT;
            return fail(s, status, found);
        }
        const size_t start = ends[0]; /* later stages write the same match data */
        const size_t end = ends[1];
        PENCL_TRY(hand_on(call, stage + 1, text + done, start - done));
        PENCL_TRY(hand_on(call, stage + 1, text + start, end - start));
        done = end;
    }
    return PENCL_OK;
}

pencl_status pn_splitter_run(
    pn_splitter *splitter, const char *text, size_t size, pn_piece_fn *piece, void *user)
{
    if (splitter->n_stages == 0) {
        const pencl_status status = compile(splitter);
        if (status != PENCL_OK) {
            discard(splitter); /* the next run tries again */
            return status;
        }
    }
    const split call = {splitter, piece, user};
    return hand_on(&call, 0, text, size);
}
