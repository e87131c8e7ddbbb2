/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding: special tokens are cut out, the text between them goes through the pre-tokenizer and
 * each piece through the merges. */
#include "text/tokenizer.h"

/* One call of pencl_tokenizer_encode. */
typedef struct encoder {
    const pencl_tokenizer *tokenizer;
    pn_bpe bpe;
} encoder;

static bool add_piece(void *user, const char *piece, size_t size)
{
    encoder *e = user;
    return pn_bpe_add_piece(&e->bpe, piece, size);
}

static pencl_status add_id(encoder *e, int32_t id)
{
    return pn_bpe_add_id(&e->bpe, id) ? PENCL_OK : PN_NOMEM(e->tokenizer->ctx);
}

/* The size of the longest start of a text (not empty) that is all valid, or all invalid, UTF-8. */
static size_t same_run(const char *text, size_t size, bool *valid)
{
    size_t length = 0;
    *valid = pn_utf8_next(text, size, &length) == PN_UTF8_CHAR;
    size_t end = length;
    while (end < size) {
        if ((pn_utf8_next(text + end, size - end, &length) == PN_UTF8_CHAR) != *valid) {
            break;
        }
        end += length;
    }
    return end;
}

/* Text without special tokens. The pre-tokenizer sees valid UTF-8 only: each longest run of bytes
 * that are no characters is a piece of its own. */
static pencl_status encode_ordinary(encoder *e, const char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i += length) {
        bool valid = false;
        length = same_run(text + i, size - i, &valid);
        if (valid) {
            PENCL_TRY(pn_splitter_run(e->tokenizer->splitter, text + i, length, add_piece, e));
        } else if (!add_piece(e, text + i, length)) {
            return PN_NOMEM(e->tokenizer->ctx);
        }
    }
    return PENCL_OK;
}

static pencl_status
encode_around(encoder *e, const pn_specials *specials, const char *text, size_t size)
{
    size_t done = 0;
    size_t at = specials->n > 0 ? 0 : size;
    while (at < size) {
        int32_t id = -1;
        const size_t length = pn_specials_match(specials, text + at, size - at, &id);
        if (length == 0) {
            at++;
            continue;
        }
        PENCL_TRY(encode_ordinary(e, text + done, at - done));
        PENCL_TRY(add_id(e, id));
        at += length;
        done = at;
    }
    return encode_ordinary(e, text + done, size - done);
}

static pencl_status encode(encoder *e, const char *text, size_t size, unsigned flags)
{
    const pencl_tokenizer *t = e->tokenizer;
    const bool add = (flags & PENCL_ENCODE_ADD_SPECIAL) != 0;
    const bool parse = (flags & PENCL_ENCODE_PARSE_SPECIAL) != 0;
    if (add && t->add_bos) {
        PENCL_TRY(add_id(e, t->bos));
    }
    PENCL_TRY(encode_around(e, parse ? &t->special : &t->user_defined, text, size));
    if (add && t->add_eos) {
        PENCL_TRY(add_id(e, t->eos));
    }
    return PENCL_OK;
}

pencl_status pencl_tokenizer_encode(int32_t **ids,
                                    size_t *n,
                                    const pencl_tokenizer *tokenizer,
                                    const char *text,
                                    size_t size,
                                    unsigned flags)
{
    pencl_ctx *ctx = tokenizer->ctx;
    pn_error_clear(ctx);
    if (size > INT32_MAX) {
        return PN_FAIL(ctx, PENCL_E_LIMIT, "a text of %zu bytes is too long to encode", size);
    }
    encoder e = {
        .tokenizer = tokenizer,
        .bpe = {.byte_ids = tokenizer->byte_ids, .merges = &tokenizer->merges},
    };
    const pencl_status status = encode(&e, text, size, flags);
    if (status == PENCL_OK) {
        *ids = e.bpe.ids;
        *n = e.bpe.n;
        e.bpe.ids = NULL;
    }
    if (e.bpe.n_lost > 0) {
        pn_log(ctx, PENCL_LOG_WARN, "text",
               "%zu bytes have no token in this vocabulary and are left out", e.bpe.n_lost);
    }
    pn_bpe_free(&e.bpe);
    return status;
}

void pencl_tokens_free(int32_t *ids)
{
    pn_free(ids);
}
