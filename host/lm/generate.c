/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of text generation. */
#include "base/os.h"
#include "lm/session.h"

#include <inttypes.h>
#include <string.h>

typedef struct loop {
    pencl_generate_result *result;
    const pencl_generate_options *options;
    pencl_decoder *decoder;
    pn_text text;  /* of the continuation */
    size_t handed; /* bytes of it given to the callback */
    bool stopped;  /* by the callback */
    size_t room;   /* of result->tokens */
} loop;

/* Where the first stop text begins at or after `from`; the text's size when there is none. */
static size_t find_stop(const loop *l, size_t from)
{
    size_t first = l->text.size;
    for (size_t i = 0; i < l->options->n_stop; i++) {
        const char *stop = l->options->stop[i];
        const char *at = stop[0] == '\0' ? NULL : strstr(pn_text_get(&l->text) + from, stop);
        if (at != NULL && (size_t)(at - l->text.data) < first) {
            first = (size_t)(at - l->text.data);
        }
    }
    return first;
}

static size_t longest_stop(const pencl_generate_options *o)
{
    size_t most = 0;
    for (size_t i = 0; i < o->n_stop; i++) {
        size_t n = strlen(o->stop[i]);
        most = n > most ? n : most;
    }
    return most;
}

static void hand_out(loop *l, size_t end)
{
    if (l->options->text != NULL && end > l->handed) {
        l->stopped |=
            l->options->text(l->options->user, l->text.data + l->handed, end - l->handed) != 0;
    }
    l->handed = end > l->handed ? end : l->handed;
}

/* Adds a token's text; what might be the start of a stop text waits. True when one is complete. */
static bool add_text(loop *l, const char *text, size_t size)
{
    size_t hold = longest_stop(l->options);
    size_t from = l->text.size > hold ? l->text.size - hold : 0;
    pn_text_add_bytes(&l->text, text, size);
    size_t stop = find_stop(l, from);
    if (stop < l->text.size) {
        hand_out(l, stop);
        l->text.size = stop;
        l->text.data[stop] = '\0';
        return true;
    }
    size_t end = hold == 0 ? l->text.size : l->text.size + 1 > hold ? l->text.size + 1 - hold : 0;
    while (end > 0 && end < l->text.size && ((unsigned char)l->text.data[end] & 0xC0) == 0x80) {
        end--; /* whole characters */
    }
    hand_out(l, end);
    return false;
}

static bool add_token(loop *l, int32_t token)
{
    if (l->result->n_tokens == l->room) {
        size_t room = l->room == 0 ? 128 : l->room * 2;
        int32_t *tokens = pn_realloc(l->result->tokens, room, sizeof *tokens);
        if (tokens == NULL) {
            return false;
        }
        l->result->tokens = tokens;
        l->room = room;
    }
    l->result->tokens[l->result->n_tokens++] = token;
    return true;
}

static pencl_status decode(loop *l,
                           pencl_session *s,
                           const pencl_tokenizer *t,
                           pencl_sampler *sampler,
                           const float *logits)
{
    size_t vocabulary = (size_t)s->lm->metadata.vocab_size;
    int64_t most = l->options->n_predict;
    l->result->stop = PENCL_STOP_LENGTH;
    while (most < 0 || (int64_t)l->result->n_tokens < most) {
        int32_t token = pencl_sampler_draw(sampler, logits, vocabulary);
        pencl_sampler_accept(sampler, token);
        if (pencl_tokenizer_is_end(t, token)) {
            l->result->stop = PENCL_STOP_EOS;
            break;
        }
        const char *text = NULL;
        size_t size = 0;
        PENCL_TRY(pencl_decoder_feed(&text, &size, l->decoder, token));
        if (!add_token(l, token)) {
            return PN_NOMEM(s->lm->ctx);
        }
        if (add_text(l, text, size)) {
            l->result->stop = PENCL_STOP_TEXT;
            break;
        }
        if (l->stopped || atomic_load(&s->cancelled)) {
            l->result->stop = PENCL_STOP_CANCELLED;
            break;
        }
        if ((most >= 0 && (int64_t)l->result->n_tokens >= most) || s->length >= s->context) {
            break;
        }
        PENCL_TRY(pencl_session_feed(&logits, s, &token, 1, PENCL_LOGITS_LAST));
        l->result->n_decoded++;
    }
    return PENCL_OK;
}

static pencl_status finish(loop *l, pencl_ctx *ctx)
{
    const char *rest = NULL;
    size_t size = 0;
    PENCL_TRY(pencl_decoder_flush(&rest, &size, l->decoder));
    if (l->result->stop != PENCL_STOP_TEXT) {
        pn_text_add_bytes(&l->text, rest, size);
        hand_out(l, l->text.size);
    }
    l->result->text = l->text.data != NULL ? l->text.data : pn_strdup("");
    if (l->text.failed || l->result->text == NULL) {
        return PN_NOMEM(ctx);
    }
    l->text = (pn_text){0};
    return PENCL_OK;
}

static double ms_since(uint64_t start)
{
    return (double)(pn_clock_ns() - start) / 1e6;
}

pencl_status pencl_generate(pencl_generate_result *out,
                            pencl_session *s,
                            const pencl_tokenizer *tokenizer,
                            pencl_sampler *sampler,
                            const int32_t *prompt,
                            size_t n_prompt,
                            const pencl_generate_options *options)
{
    pencl_ctx *ctx = s->lm->ctx;
    pn_error_clear(ctx);
    *out = (pencl_generate_result){.n_prompt = n_prompt};
    loop l = {.result = out, .options = options};
    if (tokenizer == NULL) {
        return PN_FAIL(ctx, PENCL_E_ARG, "the model has no vocabulary: tokens have no text");
    }
    if ((int64_t)n_prompt + s->length > s->context) {
        return PN_FAIL(ctx, PENCL_E_LIMIT,
                       "the prompt has %zu tokens, the context %" PRId64
                       ": shorten it or ask for a larger context",
                       n_prompt, s->context);
    }
    for (size_t i = 0; i < n_prompt; i++) {
        pencl_sampler_accept(sampler, prompt[i]);
    }
    const float *logits = NULL;
    PENCL_TRY(pencl_decoder_new(&l.decoder, tokenizer, PENCL_DECODE_PLAIN));
    uint64_t start = pn_clock_ns();
    pencl_status st = pencl_session_feed(&logits, s, prompt, n_prompt, PENCL_LOGITS_LAST);
    out->prompt_ms = ms_since(start);
    start = pn_clock_ns();
    if (st == PENCL_OK) {
        st = decode(&l, s, tokenizer, sampler, logits);
    }
    out->decode_ms = ms_since(start);
    if (st == PENCL_OK) {
        st = finish(&l, ctx);
    }
    pencl_decoder_free(l.decoder);
    pn_text_free(&l.text);
    if (st != PENCL_OK) {
        pencl_generate_result_free(out);
    }
    pn_device_idle(s->lm->device);
    return st;
}

void pencl_generate_result_free(pencl_generate_result *result)
{
    pn_free(result->tokens);
    pn_free(result->text);
    *result = (pencl_generate_result){0};
}
