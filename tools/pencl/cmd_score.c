/* SPDX-License-Identifier: Apache-2.0 */
/* pencl score: each token of a text with the log-probability that it had. */
#include "output.h"
#include "prompted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 256 };

typedef struct settings {
    prompted_settings on;
    bool json;
} settings;

static const settings defaults = {.on = PROMPTED_DEFAULTS};

static const option options[] = {
    PROMPTED_OPTIONS,
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

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

static int score(const prompted *p)
{
    const settings *s = p->settings;
    const pencl_score_options how = {
        .context = p->w->context, .matmul = p->w->on->matmul, .stopped = work_stopped};
    pencl_token_score *scores = calloc(p->n, sizeof *scores);
    double start = now_ms();
    int status = EXIT_DONE;
    if (scores == NULL) {
        say("out of host memory");
        status = EXIT_FAILED;
    } else if (pencl_score(scores, work_lm(p->w), p->ids, p->n, &how) != PENCL_OK) {
        status = work_failed(p->w);
    } else {
        double ms = now_ms() - start;
        if (s->json) {
            status = print_all(p->w, scores, p->n);
        } else {
            print_lines(p->w, scores, p->n);
        }
        fflush(stdout);
        work_summary(p->w, p->n, ms, 0, 0);
    }
    free(scores);
    return status;
}

static int run(const void *given, const words *rest)
{
    (void)rest;
    return with_prompt("score", given, score);
}

const command cmd_score = {
    .usage = "-m MODEL (-p TEXT | -f FILE | --tokens 1,2,3) [--json]",
    .example = "pencl score -m model.gguf -p \"The capital of France is Paris\"",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
