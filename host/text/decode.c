/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: the bytes of tokens, and decoders, which hand them out as whole characters. */
#include "text/tokenizer.h"

#include <string.h>

/* What stands for bytes that are no character. */
static const char replacement[] = "\xef\xbf\xbd";

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int pn_byte_token_value(pn_string text)
{
    if (text.size != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>') {
        return -1;
    }
    const int high = hex_digit(text.data[3]);
    const int low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* ---- bytes of tokens: never more than their text has ---- */

/* Writes what fits, and counts all. */
typedef struct sink {
    char *to;
    size_t room, size;
} sink;

static void put(sink *s, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (s->size < s->room) {
            s->to[s->size] = bytes[i];
        }
        s->size++;
    }
}

/* Letters become bytes; what is no letter of the map stays as it is written. */
static void put_letters(sink *s, pn_string text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.size; i += length) {
        const int byte = pn_letter_to_byte(text.data + i, text.size - i, &length);
        if (byte < 0) {
            put(s, text.data + i, length);
        } else {
            const char c = (char)byte;
            put(s, &c, 1);
        }
    }
}

size_t
pencl_tokenizer_token_bytes(const pencl_tokenizer *tokenizer, int32_t id, char *to, size_t room)
{
    if (!pn_tokenizer_has(tokenizer, id)) {
        return 0;
    }
    sink s = {.to = to, .room = room};
    const pn_string text = tokenizer->tokens[id];
    switch (tokenizer->types[id]) {
    case PN_TOKEN_CONTROL:
    case PN_TOKEN_UNKNOWN:
    case PN_TOKEN_USER_DEFINED:
        put(&s, text.data, text.size);
        break;
    case PN_TOKEN_BYTE: {
        const char byte = (char)pn_byte_token_value(text);
        put(&s, &byte, 1);
        break;
    }
    default:
        put_letters(&s, text);
    }
    return s.size;
}

/* Adds the bytes of a token as the flags want them. */
static pencl_status add_token(pn_text *to, const pencl_tokenizer *t, int32_t id, unsigned flags)
{
    if (!pn_tokenizer_has(t, id)) {
        return PN_FAIL(t->ctx, PENCL_E_TOKEN_RANGE, "token %d is outside the vocabulary of %zu",
                       (int)id, t->n_tokens);
    }
    if (pencl_tokenizer_is_control(t, id) && (flags & PENCL_DECODE_SPECIAL) == 0) {
        return PENCL_OK;
    }
    const size_t start = to->size;
    pn_text_add_bytes(to, t->tokens[id].data, t->tokens[id].size); /* for the room */
    if (to->failed) {
        return PN_NOMEM(t->ctx);
    }
    to->size = start + pencl_tokenizer_token_bytes(t, id, to->data + start, t->tokens[id].size);
    to->data[to->size] = '\0';
    return PENCL_OK;
}

pencl_status pencl_tokenizer_decode(char **text,
                                    size_t *size,
                                    const pencl_tokenizer *tokenizer,
                                    const int32_t *ids,
                                    size_t n,
                                    unsigned flags)
{
    pn_error_clear(tokenizer->ctx);
    pn_text bytes = {0};
    pn_text_add_bytes(&bytes, "", 0); /* "" rather than NULL when there are no tokens */
    pencl_status status = bytes.failed ? PN_NOMEM(tokenizer->ctx) : PENCL_OK;
    for (size_t i = 0; i < n && status == PENCL_OK; i++) {
        status = add_token(&bytes, tokenizer, ids[i], flags);
    }
    if (status != PENCL_OK) {
        pn_text_free(&bytes);
        return status;
    }
    *text = bytes.data;
    if (size != NULL) {
        *size = bytes.size;
    }
    return PENCL_OK;
}

/* ---- decoders ---- */
struct pencl_decoder {
    const pencl_tokenizer *tokenizer;
    unsigned flags;
    pn_text bytes; /* not handed out yet: between calls the start of one character at most */
    pn_text ready; /* what the last call gave */
};

pencl_status
pencl_decoder_new(pencl_decoder **out, const pencl_tokenizer *tokenizer, unsigned decode_flags)
{
    pn_error_clear(tokenizer->ctx);
    pencl_decoder *decoder = pn_calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        return PN_NOMEM(tokenizer->ctx);
    }
    decoder->tokenizer = tokenizer;
    decoder->flags = decode_flags;
    *out = decoder;
    return PENCL_OK;
}

void pencl_decoder_free(pencl_decoder *decoder)
{
    if (decoder != NULL) {
        pn_text_free(&decoder->bytes);
        pn_text_free(&decoder->ready);
        pn_free(decoder);
    }
}

/* Moves all whole characters from `bytes` to `ready`. */
static void move_characters(pencl_decoder *d)
{
    size_t at = 0;
    while (at < d->bytes.size) {
        size_t length = 0;
        const char *from = d->bytes.data + at;
        const pn_utf8_kind kind = pn_utf8_next(from, d->bytes.size - at, &length);
        if (kind == PN_UTF8_CUT) {
            break;
        }
        if (kind == PN_UTF8_CHAR) {
            pn_text_add_bytes(&d->ready, from, length);
        } else {
            pn_text_add_bytes(&d->ready, replacement, sizeof replacement - 1);
        }
        at += length;
    }
    if (at > 0) {
        memmove(d->bytes.data, d->bytes.data + at, d->bytes.size - at);
        d->bytes.size -= at;
    }
}

/* Ends a call: hands out `ready`. */
static pencl_status hand_out(const char **text, size_t *size, const pencl_decoder *d)
{
    if (d->ready.failed) {
        return PN_NOMEM(d->tokenizer->ctx);
    }
    *text = pn_text_get(&d->ready);
    *size = d->ready.size;
    return PENCL_OK;
}

static void start_call(pencl_decoder *d)
{
    pn_error_clear(d->tokenizer->ctx);
    d->ready.size = 0;
    if (d->ready.data != NULL) {
        d->ready.data[0] = '\0';
    }
}

pencl_status pencl_decoder_feed(const char **text, size_t *size, pencl_decoder *decoder, int32_t id)
{
    start_call(decoder);
    PENCL_TRY(add_token(&decoder->bytes, decoder->tokenizer, id, decoder->flags));
    move_characters(decoder);
    return hand_out(text, size, decoder);
}

pencl_status pencl_decoder_flush(const char **text, size_t *size, pencl_decoder *decoder)
{
    start_call(decoder);
    if (decoder->bytes.size > 0) {
        pn_text_add_bytes(&decoder->ready, replacement, sizeof replacement - 1);
        decoder->bytes.size = 0;
    }
    return hand_out(text, size, decoder);
}
