/* SPDX-License-Identifier: Apache-2.0 */
/* pencl score: each token of a text with the log-probability that it had. */
#include "output.h"
#include "work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 256 };

typedef struct settings {
    model_settings use;
    prompt_settings prompt;
    bool json;
} settings;

static const settings defaults = {.use.on = DEVICE_DEFAULTS};

static const option options[] = {
    MODEL_OPTIONS,
    PROMPT_OPTIONS(offsetof(settings, prompt)),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

static int stopped(void *user)
{
    (void)user;
    return interrupted();
}

/* Green to red: 0 and -10 on the scale of log-probabilities. */
static int colour_of(double log_prob)
{
    static const int scale[] = {46, 82, 118, 154, 190, 226, 220, 214, 208, 202, 196};
    int i = isnan(log_prob) ? 0 : (int)lround(-log_prob);
    return scale[i < 0 ? 0 : i > 10 ? 10 : i];
}

static double total_of(const pencl_token_score *scores, size_t n)
{
    double sum = 0;
    for (size_t i = 1; i < n; i++) {
        sum += scores[i].log_prob;
    }
    return sum;
}

static void print_lines(const work *w, const pencl_token_score *scores, size_t n)
{
    char piece[PIECE];
    bool coloured = colours();
    for (size_t i = 0; i < n; i++) {
        const pencl_token_score *s = &scores[i];
        if (i == 0) {
            printf("%7d          -       -  ", (int)s->token);
        } else {
            printf("%7d  %9.4f  %6lld  ", (int)s->token, s->log_prob, (long long)s->rank);
        }
        if (coloured && i > 0) {
            printf("\033[38;5;%dm", colour_of(s->log_prob));
        }
        print_quoted(piece, work_piece(piece, PIECE, w, s->token));
        puts(coloured && i > 0 ? "\033[0m" : "");
    }
    if (n > 1) {
        double total = total_of(scores, n);
        printf("total %.4f, perplexity %.4f\n", total, exp(-total / (double)(n - 1)));
    }
}

static int print_all(const work *w, const pencl_token_score *scores, size_t n)
{
    json_t *rows = json_array();
    char piece[PIECE + 1];
    for (size_t i = 0; i < n; i++) {
        const pencl_token_score *s = &scores[i];
        piece[work_piece(piece, PIECE, w, s->token)] = '\0';
        json_t *row = json_pack("{s:i, s:o}", "token", (int)s->token, "text", json_text(piece));
        if (i > 0) {
            json_object_set_new(row, "log_prob", json_real(s->log_prob));
            json_object_set_new(row, "rank", json_integer((json_int_t)s->rank));
            json_object_set_new(row, "best", json_integer(s->best));
            json_object_set_new(row, "best_log_prob", json_real(s->best_log_prob));
        }
        json_array_append_new(rows, row);
    }
    return print_json(json_pack("{s:o, s:f, s:s, s:s}", "tokens", rows, "total",
                                total_of(scores, n), "device", pencl_device_describe(w->device)->id,
                                "mode", "exact"));
}

static int score(const work *w, const settings *s, const int32_t *ids, size_t n)
{
    const pencl_score_options how = {
        .context = w->context, .matmul = w->on->matmul, .stopped = stopped};
    pencl_token_score *scores = calloc(n, sizeof *scores);
    double start = now_ms();
    int status = EXIT_DONE;
    if (scores == NULL) {
        say("out of host memory");
        status = EXIT_FAILED;
    } else if (pencl_score(scores, pencl_model_lm(w->model), ids, n, &how) != PENCL_OK) {
        status = work_failed(w);
    } else {
        double ms = now_ms() - start;
        if (s->json) {
            status = print_all(w, scores, n);
        } else {
            print_lines(w, scores, n);
        }
        fflush(stdout);
        work_summary(w, n, ms, 0, 0);
    }
    free(scores);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    input text = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    work w = {0};
    (void)rest;
    int status = input_prompt(&text, "score", &s->prompt);
    if (status == EXIT_DONE) {
        status = work_model(&w, "score", &s->use);
    }
    if (status == EXIT_DONE) {
        status = work_encode(&ids, &n, &w, &text, s->prompt.parse_special);
    }
    if (status == EXIT_DONE) {
        interrupt_catch(NULL);
        status = score(&w, s, ids, n);
    }
    pencl_tokens_free(ids);
    free(text.data);
    work_close(&w);
    return status;
}

const command cmd_score = {
    .usage = "-m MODEL (-p TEXT | -f FILE)",
    .example = "pencl score -m model.gguf -p \"The capital of France is Paris\"",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
