/* SPDX-License-Identifier: Apache-2.0 */
/* pencl tokenize: the token ids of a text, on one line. */
#include "input.h"
#include "output.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    device_settings on; /* for its messages: no device is opened */
    const char *model;
    prompt_settings prompt;
    bool no_special;
    bool json;
} settings;

static const settings defaults = {.on = DEVICE_DEFAULTS};
static const option options[] = {
    OPT_TEXT('m', "model", "MODEL", offsetof(settings, model), "a GGUF file; it needs no tensors"),
    PROMPT_OPTIONS(offsetof(settings, prompt)),
    OPT_FLAG(0,
             "no-special",
             offsetof(settings, no_special),
             "add none of the tokens that the model wants around a text"),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

static int print_ids(const int32_t *ids, size_t n, bool json)
{
    if (!json) {
        for (size_t i = 0; i < n; i++) {
            printf("%s%d", i == 0 ? "" : " ", (int)ids[i]);
        }
        putchar('\n');
        return EXIT_DONE;
    }
    return print_json(json_pack("{s:o}", "tokens", json_ids(ids, n)));
}

static int tokenize(work *w, const settings *s, const input *text)
{
    unsigned flags = (s->no_special ? PENCL_ENCODE_PLAIN : PENCL_ENCODE_ADD_SPECIAL) |
                     (s->prompt.parse_special ? PENCL_ENCODE_PARSE_SPECIAL : PENCL_ENCODE_PLAIN);
    pencl_tokenizer *tokenizer = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    pencl_status st = pencl_tokenizer_open(&tokenizer, w->ctx, s->model);
    if (st == PENCL_OK) {
        st = pencl_tokenizer_encode(&ids, &n, tokenizer, text->data, text->size, flags);
    }
    int status = st == PENCL_OK ? print_ids(ids, n, s->json) : work_failed(w);
    pencl_tokens_free(ids);
    pencl_tokenizer_free(tokenizer);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    prompt_settings prompt = s->prompt;
    input text = {0};
    work w = {0};
    if (s->model == NULL) {
        return usage_error("tokenize", "no model: -m MODEL is missing");
    }
    if (rest->n > 0) {
        if (prompt.text != NULL) {
            return usage_error("tokenize", "TEXT and -p exclude each other");
        }
        prompt.text = rest->items[0];
    }
    int status = input_text(&text, "tokenize", &prompt);
    if (status == EXIT_DONE) {
        status = work_context(&w, &s->on);
    }
    if (status == EXIT_DONE) {
        status = tokenize(&w, s, &text);
    }
    free(text.data);
    work_close(&w);
    return status;
}

const command cmd_tokenize = {
    .usage = "-m MODEL (TEXT | -f FILE)",
    .example = "pencl tokenize -m model.gguf \"The capital of France is\"",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .max_words = 1,
    .run = run,
};
