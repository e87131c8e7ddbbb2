/* SPDX-License-Identifier: Apache-2.0 */
/* pencl detokenize: the text of token ids, byte for byte. */
#include "input.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct settings {
    device_settings on; /* for its messages: no device is opened */
    const char *model;
    bool no_special;
} settings;

static const settings defaults = {.on = DEVICE_DEFAULTS};
static const option options[] = {
    OPT_TEXT('m', "model", "MODEL", offsetof(settings, model), "a GGUF file; it needs no tensors"),
    OPT_FLAG(0, "no-special", offsetof(settings, no_special), "leave out control tokens"),
    OPT_END,
};

static int detokenize(work *w, const settings *s, const int32_t *ids, size_t n)
{
    unsigned flags = s->no_special ? PENCL_DECODE_PLAIN : PENCL_DECODE_SPECIAL;
    pencl_tokenizer *tokenizer = NULL;
    char *text = NULL;
    size_t size = 0;
    int status = EXIT_DONE;
    pencl_status st = pencl_tokenizer_open(&tokenizer, w->ctx, s->model);
    if (st == PENCL_OK) {
        st = pencl_tokenizer_decode(&text, &size, tokenizer, ids, n, flags);
    }
    if (st == PENCL_OK) {
        fwrite(text, 1, size, stdout);
        if (isatty(STDOUT_FILENO)) { /* elsewhere exactly the text */
            putchar('\n');
        }
    } else {
        status = work_failed(w);
    }
    pencl_text_free(text);
    pencl_tokenizer_free(tokenizer);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    work w = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    if (s->model == NULL) {
        return usage_error("detokenize", "no model: -m MODEL is missing");
    }
    int status = input_ids(&ids, &n, "detokenize", rest->items, rest->n);
    if (status == EXIT_DONE) {
        status = work_context(&w, &s->on);
    }
    if (status == EXIT_DONE) {
        status = detokenize(&w, s, ids, n);
    }
    free(ids);
    work_close(&w);
    return status;
}

const command cmd_detokenize = {
    .usage = "-m MODEL 1,2,3",
    .example = "pencl detokenize -m model.gguf 504,3575,282",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .max_words = -1,
    .run = run,
};
