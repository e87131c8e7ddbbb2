/* SPDX-License-Identifier: Apache-2.0 */
/* pencl logits: next-token logits as a file, or the ten likeliest tokens. */
#include "logits.h"
#include "work.h"

#include <stdlib.h>

typedef struct settings {
    model_settings use;
    prompt_settings prompt;
    const char *tokens;
    const char *tokens_file;
    logits_settings how;
    logits_shown shown;
} settings;

static const settings defaults = {.use.on = DEVICE_DEFAULTS, .how.pad_id = -1};

#define AT(field) offsetof(settings, field)
static const option options[] = {
    MODEL_OPTIONS,
    PROMPT_OPTIONS(offsetof(settings, prompt)),
    OPT_TEXT(0, "tokens", "1,2,3", AT(tokens), "token ids; nothing is added"),
    OPT_TEXT(0, "tokens-file", "F.npy", AT(tokens_file), "token ids [seq] or [batch, seq]"),
    OPT_TEXT(0, "positions", "F.npy", AT(how.positions), "-1: padding (default: 0, 1, ...)"),
    OPT_TEXTS(0, "side", "NAME=F.npy", AT(how.side), "a side input for every layer; repeats"),
    OPT_TEXT(
        0, "feed", "5,8", AT(how.feed), "in pieces of so many tokens, through a key-value cache"),
    OPT_WHOLE(0,
              "cache-len",
              "L",
              AT(how.cache_len),
              1,
              1 << 30,
              "tokens that the cache holds (default: all)"),
    OPT_WHOLE(0, "pad-id", "ID", AT(how.pad_id), -1, INT32_MAX, "with --feed: a token that pads"),
    OPT_FLAG(0, "last", AT(shown.last), "of the last token only"),
    OPT_FLAG(0, "log-probs", AT(shown.log_probs), "log-probabilities instead of logits"),
    OPT_TEXT('o', "output", "OUT.npy", AT(shown.out), "float32 [seq, vocabulary]"),
    OPT_END,
};

/* Exactly one source of tokens. */
static int check(const settings *s)
{
    int n = (s->prompt.text != NULL || s->prompt.file != NULL) + (s->tokens != NULL) +
            (s->tokens_file != NULL);
    if (n != 1) {
        return usage_error("logits", n == 0 ? "no tokens: -p, --tokens or --tokens-file is missing"
                                            : "-p, --tokens and --tokens-file exclude each other");
    }
    if (s->how.feed == NULL && s->how.cache_len > 0) {
        return usage_error("logits", "--cache-len goes with --feed");
    }
    if (s->how.feed != NULL && s->how.positions != NULL) {
        return usage_error("logits", "--feed makes positions itself: without --positions");
    }
    return EXIT_DONE;
}

/* What can be read without a model, so that mistakes show before one is loaded. */
static int read_input(const settings *s, input *text, int32_t **ids, size_t *n)
{
    if (s->tokens != NULL) {
        return input_ids(ids, n, "logits", &s->tokens, 1);
    }
    return s->tokens_file != NULL ? EXIT_DONE : input_prompt(text, "logits", &s->prompt);
}

static int tokens_array(pencl_array **out,
                        const work *w,
                        const settings *s,
                        const input *text,
                        const int32_t *ids,
                        size_t n)
{
    if (s->tokens_file != NULL) {
        return logits_load(out, w, s->tokens_file);
    }
    if (s->tokens != NULL) {
        return logits_tokens(out, w, ids, n);
    }
    int32_t *encoded = NULL;
    int status = work_encode(&encoded, &n, w, text, s->prompt.parse_special);
    if (status == EXIT_DONE) {
        status = logits_tokens(out, w, encoded, n);
    }
    pencl_tokens_free(encoded);
    return status;
}

static int compute(const work *w, const settings *s, pencl_array *tokens)
{
    logits_call call = {0};
    logits l = {0};
    int status = logits_read_call(&call, w, &s->how, tokens);
    if (status == EXIT_DONE) {
        status = logits_compute(&l, w, &call);
    }
    if (status == EXIT_DONE) {
        status = logits_show(&l, w, &s->shown);
    }
    logits_free_call(&call);
    free(l.values);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    pencl_array *tokens = NULL;
    input text = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    work w = {0};
    (void)rest;
    int status = check(s);
    if (status == EXIT_DONE) {
        status = read_input(s, &text, &ids, &n);
    }
    if (status == EXIT_DONE) {
        status = work_model(&w, "logits", &s->use);
    }
    if (status == EXIT_DONE) {
        status = tokens_array(&tokens, &w, s, &text, ids, n);
    }
    if (status == EXIT_DONE) {
        status = compute(&w, s, tokens);
    }
    pencl_array_free(tokens);
    free(ids);
    free(text.data);
    work_close(&w);
    return status;
}

const command cmd_logits = {
    .usage = "-m MODEL (-p TEXT | -f FILE | --tokens 1,2,3 | --tokens-file F.npy) [-o OUT.npy]",
    .example = "pencl logits -m model.gguf -p \"The capital of France is\"",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
