/* SPDX-License-Identifier: Apache-2.0 */
/* A logit lens as a grid on a terminal, as JSON, as a page. */
#include "lens.h"

#include "html.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 64, CELL = 10, LABEL = 6 };

/* ---- terminal ---- */

/* A token in CELL columns, the greener the likelier. */
static void print_cell(const work *w, int32_t token, double prob)
{
    static const int shades[] = {244, 250, 186, 184, 46}; /* grey to green */
    char piece[PIECE];
    size_t size = work_piece(piece, sizeof piece, w, token);
    bool coloured = colours() && prob >= 0;
    if (coloured) {
        printf("\033[38;5;%dm", shades[(int)fmin(4, prob * 5)]);
    }
    print_field(piece, size, CELL);
    printf("%s", coloured ? "\033[0m" : "");
}

static void print_grid(const work *w, const pencl_lens *lens, const int32_t *ids)
{
    size_t n = pencl_lens_n_tokens(lens);
    size_t fit = (size_t)((terminal_width() - LABEL) / CELL);
    size_t first = n > fit ? n - fit : 0;
    printf("%*s", LABEL, "");
    for (size_t i = first; i < n; i++) {
        print_cell(w, ids[i], -1);
    }
    putchar('\n');
    for (int layer = pencl_lens_n_layers(lens) - 1; layer >= 0; layer--) {
        printf("%*d  ", LABEL - 2, layer);
        for (size_t i = first; i < n; i++) {
            const pencl_lens_entry *e = pencl_lens_top(lens, layer, i, 0);
            print_cell(w, e->token, exp(e->log_prob));
        }
        putchar('\n');
    }
}

void lens_print(const work *w, const pencl_lens *lens, const int32_t *ids)
{
    size_t last = pencl_lens_n_tokens(lens) - 1;
    char piece[PIECE];
    print_grid(w, lens, ids);
    printf("\nafter the last token, by layer:\n");
    for (int layer = pencl_lens_n_layers(lens) - 1; layer >= 0; layer--) {
        printf("%*d ", LABEL - 2, layer);
        for (int i = 0; i < pencl_lens_n_top(lens); i++) {
            const pencl_lens_entry *e = pencl_lens_top(lens, layer, last, i);
            putchar(' ');
            print_quoted(piece, work_piece(piece, sizeof piece, w, e->token));
            printf(" %.3f", exp(e->log_prob));
        }
        putchar('\n');
    }
}

/* ---- JSON ---- */

static json_t *token_json(const work *w, int32_t token)
{
    char piece[PIECE + 1];
    piece[work_piece(piece, PIECE, w, token)] = '\0';
    return json_pack("{s:i, s:o}", "token", (int)token, "text", json_text(piece));
}

static json_t *entry_json(const work *w, const pencl_lens_entry *e)
{
    json_t *entry = token_json(w, e->token);
    json_object_set_new(entry, "logit", json_real((double)e->logit));
    json_object_set_new(entry, "log_prob", json_real(e->log_prob));
    return entry;
}

int lens_json(const work *w, const pencl_lens *lens, const int32_t *ids)
{
    json_t *tokens = json_array();
    json_t *layers = json_array();
    for (size_t i = 0; i < pencl_lens_n_tokens(lens); i++) {
        json_array_append_new(tokens, token_json(w, ids[i]));
    }
    for (int layer = 0; layer < pencl_lens_n_layers(lens); layer++) {
        json_t *places = json_array();
        for (size_t i = 0; i < pencl_lens_n_tokens(lens); i++) {
            json_t *top = json_array();
            for (int k = 0; k < pencl_lens_n_top(lens); k++) {
                json_array_append_new(top, entry_json(w, pencl_lens_top(lens, layer, i, k)));
            }
            json_array_append_new(places, top);
        }
        json_array_append_new(layers, places);
    }
    return print_json(json_pack("{s:o, s:o, s:s}", "tokens", tokens, "layers", layers, "device",
                                pencl_device_describe(w->device)->id));
}

/* ---- page ---- */

static const char style[] =
    "table{border-collapse:collapse}"
    "td,th{padding:2px 6px;white-space:pre;font:13px ui-monospace,monospace;text-align:left}"
    "td{border:1px solid #8884;color:#000}"
    "th{position:sticky;top:0;background:Canvas;color:CanvasText}"
    "th:first-child{left:0;z-index:1}";

static void page_token(page *p, const work *w, int32_t token)
{
    char piece[PIECE];
    page_text(p, piece, work_piece(piece, sizeof piece, w, token));
}

/* White to green by probability; all entries in the title. */
static void page_cell(page *p, const work *w, const pencl_lens *lens, int layer, size_t at)
{
    const pencl_lens_entry *best = pencl_lens_top(lens, layer, at, 0);
    double prob = exp(best->log_prob);
    page_add(p, "<td style=\"background:hsl(140 70%% %.0f%%)\" title=\"", 97 - 45 * prob);
    for (int i = 0; i < pencl_lens_n_top(lens); i++) {
        const pencl_lens_entry *e = pencl_lens_top(lens, layer, at, i);
        page_token(p, w, e->token);
        page_add(p, "  %.4f&#10;", exp(e->log_prob));
    }
    page_add(p, "\">");
    page_token(p, w, best->token);
    page_add(p, "</td>");
}

int lens_page(const work *w, const pencl_lens *lens, const int32_t *ids, const char *path)
{
    page p = {0};
    const pencl_model_info *m = pencl_model_describe(w->model);
    page_begin(&p, "logit lens", style);
    page_add(&p, "<h1>Logit lens</h1>\n<p class=\"quiet\">");
    page_text(&p, m->name, strlen(m->name));
    page_add(&p,
             ": the likeliest next token if the model ended after a block; point at a cell for "
             "the %d likeliest with their probabilities. Layer 0 is the embedding.</p>\n"
             "<div class=\"scroll\"><table>\n<tr><th>layer</th>",
             pencl_lens_n_top(lens));
    for (size_t i = 0; i < pencl_lens_n_tokens(lens); i++) {
        page_add(&p, "<th>");
        page_token(&p, w, ids[i]);
        page_add(&p, "</th>");
    }
    page_add(&p, "</tr>\n");
    for (int layer = pencl_lens_n_layers(lens) - 1; layer >= 0; layer--) {
        page_add(&p, "<tr><th>%d</th>", layer);
        for (size_t i = 0; i < pencl_lens_n_tokens(lens); i++) {
            page_cell(&p, w, lens, layer, i);
        }
        page_add(&p, "</tr>\n");
    }
    page_add(&p, "</table></div>\n");
    page_end(&p);
    return page_save(&p, path);
}
