/* SPDX-License-Identifier: Apache-2.0 */
/* pencl logits: next-token logits as a file, or the ten likeliest tokens. */
#include "logits.h"
#include "work.h"

#include <stdlib.h>
#include <string.h>

typedef struct settings {
    model_settings use;
    prompt_settings prompt;
    const char *tokens;
    const char *tokens_file;
    const char *positions;
    texts side;
    const char *feed;
    int64_t cache_len;
    int64_t pad_id;
    const char *out;
    bool last;
    bool log_probs;
} settings;

static const settings defaults = {.use.on = DEVICE_DEFAULTS, .pad_id = -1};

#define AT(field) offsetof(settings, field)
static const option options[] = {
    MODEL_OPTIONS,
    PROMPT_OPTIONS(offsetof(settings, prompt)),
    OPT_TEXT(0, "tokens", "1,2,3", AT(tokens), "token ids; nothing is added"),
    OPT_TEXT(0, "tokens-file", "F.npy", AT(tokens_file), "token ids [seq] or [batch, seq]"),
    OPT_TEXT(0, "positions", "F.npy", AT(positions), "-1: padding (default: 0, 1, ...)"),
    OPT_TEXTS(0, "side", "NAME=F.npy", AT(side), "a side input for every layer; repeats"),
    OPT_TEXT(0, "feed", "5,8", AT(feed), "in pieces of so many tokens, through a key-value cache"),
    OPT_WHOLE(0,
              "cache-len",
              "L",
              AT(cache_len),
              1,
              1 << 30,
              "tokens that the cache holds (default: all)"),
    OPT_WHOLE(0,
              "pad-id",
              "ID",
              AT(pad_id),
              -1,
              INT32_MAX,
              "with --feed: this token is padding; -1: none is"),
    OPT_FLAG(0, "last", AT(last), "of the last token only"),
    OPT_FLAG(0, "log-probs", AT(log_probs), "log-probabilities instead of logits"),
    OPT_TEXT('o', "output", "OUT.npy", AT(out), "float32 [seq, vocabulary]"),
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
    if (s->feed == NULL && s->cache_len > 0) {
        return usage_error("logits", "--cache-len goes with --feed");
    }
    if (s->feed != NULL && s->positions != NULL) {
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

/* Positions, side inputs and pieces that were asked for. */
static int read_call(logits_call *c,
                     const work *w,
                     const settings *s,
                     pencl_array **positions,
                     pencl_side_array *side,
                     int32_t **pieces)
{
    int n = pencl_array_n_axes(c->tokens);
    int status = s->positions != NULL ? logits_load(positions, w, s->positions) : EXIT_DONE;
    if (status == EXIT_DONE && s->feed != NULL) {
        status = input_ids(pieces, &c->n_pieces, "logits", &s->feed, 1);
    }
    for (; status == EXIT_DONE && c->n_side < s->side.n; c->n_side++) {
        char *text = strdup(s->side.items[c->n_side]); /* cut up; in use until the end */
        status = text != NULL ? logits_side(&side[c->n_side], w, text) : EXIT_FAILED;
    }
    c->positions = *positions;
    c->side = side;
    c->pieces = *pieces;
    c->pad_id = s->pad_id;
    c->cache_len = s->cache_len > 0 ? s->cache_len : pencl_array_axis(c->tokens, n - 1)->size;
    return status;
}

static int show(logits *l, const work *w, const settings *s)
{
    if (s->last) {
        logits_keep_last(l);
    }
    if (s->log_probs) {
        logits_normalise(l);
    }
    return s->out != NULL ? logits_save(l, w, s->out) : logits_print(l, w);
}

static int compute(const work *w, const settings *s, const pencl_array *tokens)
{
    pencl_array *positions = NULL;
    pencl_side_array side[OPTION_TEXTS_MAX] = {{0}};
    int32_t *pieces = NULL;
    logits_call call = {.tokens = tokens};
    logits l = {0};
    int status = read_call(&call, w, s, &positions, side, &pieces);
    if (status == EXIT_DONE) {
        status = logits_compute(&l, w, &call);
    }
    if (status == EXIT_DONE) {
        status = show(&l, w, s);
    }
    for (size_t i = 0; i < s->side.n; i++) {
        free((char *)side[i].name);
        pencl_array_free((pencl_array *)side[i].array);
    }
    free(pieces);
    free(l.values);
    pencl_array_free(positions);
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
