/* SPDX-License-Identifier: Apache-2.0 */
/* Text: tokenizers, and decoders that give the text of tokens as they come.
 *
 *     const pencl_tokenizer *tokenizer = pencl_model_tokenizer(model);
 *     int32_t *ids = NULL;
 *     size_t n = 0;
 *     pencl_status st =
 *         pencl_tokenizer_encode(&ids, &n, tokenizer, "Hello", 5, PENCL_ENCODE_ADD_SPECIAL);
 *     for (size_t i = 0; i < n; i++) {
 *         printf("%d ", (int)ids[i]);
 *     }
 *     pencl_tokens_free(ids);
 *
 * Text is UTF-8 with a size in bytes; it may hold NULs. A byte that is no part of a character is
 * encoded as that byte, so any bytes come back from decode as they were, as long as the vocabulary
 * has a token for each: bytes without one are left out and counted in a warning of the log. Errors
 * go to the context that the tokenizer was made with.
 */
#ifndef PENCL_TEXT_H
#define PENCL_TEXT_H

#include "pencl/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_tokenizer pencl_tokenizer; /* made by a model or by pencl_tokenizer_open */

PENCL_API void pencl_tokenizer_free(pencl_tokenizer *tokenizer);

/* ---- text to tokens ---- */
typedef enum pencl_encode_flags {
    PENCL_ENCODE_PLAIN = 0,
    PENCL_ENCODE_ADD_SPECIAL = 1,   /* the tokens that the model wants at the start and the end */
    PENCL_ENCODE_PARSE_SPECIAL = 2, /* "<|im_end|>" becomes the control token of that name */
} pencl_encode_flags;

/* The ids of a text; flags are or-ed. The ids are yours: pencl_tokens_free. E_LIMIT: 2 GiB or more,
 * or a text that the pre-tokenizer gives up on. */
PENCL_API PENCL_NODISCARD pencl_status pencl_tokenizer_encode(int32_t **ids,
                                                              size_t *n,
                                                              const pencl_tokenizer *tokenizer,
                                                              const char *text,
                                                              size_t size,
                                                              unsigned flags);
PENCL_API void pencl_tokens_free(int32_t *ids);

/* What a user should hear about ids that were made elsewhere: static text, or NULL when all is well
 * (the model wants a token at the start that is not there, or is there twice). */
PENCL_API const char *
pencl_tokenizer_warning(const pencl_tokenizer *tokenizer, const int32_t *ids, size_t n);

/* ---- tokens to text ---- */
typedef enum pencl_decode_flags {
    PENCL_DECODE_PLAIN = 0,   /* control tokens have no text */
    PENCL_DECODE_SPECIAL = 1, /* control tokens show as they are written */
} pencl_decode_flags;

/* The bytes of tokens, which need not be whole characters; a NUL follows them. The text is yours:
 * pencl_text_free. `size` may be NULL. E_TOKEN_RANGE. */
PENCL_API PENCL_NODISCARD pencl_status pencl_tokenizer_decode(char **text,
                                                              size_t *size,
                                                              const pencl_tokenizer *tokenizer,
                                                              const int32_t *ids,
                                                              size_t n,
                                                              unsigned flags);

/* Writes at most `room` bytes of one token, as PENCL_DECODE_SPECIAL shows it, and returns how many
 * it has: more than `room` when it was cut, 0 when the id is outside the vocabulary. No NUL. */
PENCL_API size_t pencl_tokenizer_token_bytes(const pencl_tokenizer *tokenizer,
                                             int32_t id,
                                             char *to,
                                             size_t room);

/* A decoder gives whole UTF-8 characters: bytes wait until their character is complete, and what is
 * no character becomes U+FFFD. Free it before its tokenizer. */
typedef struct pencl_decoder pencl_decoder;
PENCL_API PENCL_NODISCARD pencl_status pencl_decoder_new(pencl_decoder **out,
                                                         const pencl_tokenizer *tokenizer,
                                                         unsigned decode_flags);
PENCL_API void pencl_decoder_free(pencl_decoder *decoder);
/* The text that token `id` completes, often empty; the decoder's until its next call.
 * E_TOKEN_RANGE. */
PENCL_API PENCL_NODISCARD pencl_status pencl_decoder_feed(const char **text,
                                                          size_t *size,
                                                          pencl_decoder *decoder,
                                                          int32_t id);
/* The end: U+FFFD if a character was left incomplete. The decoder can start again. */
PENCL_API PENCL_NODISCARD pencl_status pencl_decoder_flush(const char **text,
                                                           size_t *size,
                                                           pencl_decoder *decoder);

/* ---- the vocabulary ---- */
PENCL_API size_t pencl_tokenizer_n_tokens(const pencl_tokenizer *tokenizer);
PENCL_API int32_t pencl_tokenizer_bos(const pencl_tokenizer *tokenizer); /* -1: none */
PENCL_API int32_t pencl_tokenizer_eos(const pencl_tokenizer *tokenizer); /* -1: none */
/* 1 for the tokens that end a text or a turn: the ones that the model names, and control tokens
 * with a name that is known for it, such as "<|im_end|>". */
PENCL_API int pencl_tokenizer_is_end(const pencl_tokenizer *tokenizer, int32_t id);
/* 1 for control tokens: no text of their own unless PENCL_DECODE_SPECIAL. */
PENCL_API int pencl_tokenizer_is_control(const pencl_tokenizer *tokenizer, int32_t id);
/* The chat template that came with the vocabulary, NULL if none did. */
PENCL_API const char *pencl_tokenizer_chat_template(const pencl_tokenizer *tokenizer);

/* 1 when all of the text is valid UTF-8; otherwise 0 and the place of the first byte that is not,
 * if `offset` is not NULL. */
PENCL_API int pencl_utf8_valid(const char *text, size_t size, size_t *offset);

#ifdef __cplusplus
}
#endif

#endif
