/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as one page: bars with their samples, the roofline, and each record folded under its bar. */
#include "bench_page.h"
#include "bench_files.h"
#include "bench_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 192 };

static const char style[] =
    ":root{--ink:#1a1a1a;--soft:#5f6368;--line:#c8ccd0;--bar:#9ec5f4;--dot:#0b3d91;--track:#eef1f4;"
    "--bad:#a33;--c0:#0b57d0;--c1:#b3261e;--c2:#146c2e;--c3:#8a4b00;--c4:#6a1b9a;--c5:#00696f}"
    "@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#a9adb2;--line:#4a4e53;"
    "--bar:#27518f;--dot:#d6e4ff;--track:#26292c;--bad:#ff8a80;--c0:#8ab4f8;--c1:#f28b82;"
    "--c2:#81c995;--c3:#fdd663;--c4:#d7aefb;--c5:#78d9ec}}"
    "body{max-width:64rem;color:var(--ink)}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}"
    ".quiet{color:var(--soft)}details{border-top:1px solid var(--line)}"
    "summary{display:grid;grid-template-columns:1.4rem 17rem 1fr 9rem;gap:.2rem .6rem;"
    "align-items:center;padding:.45rem .2rem;cursor:pointer;list-style:none}"
    "summary::-webkit-details-marker{display:none}"
    "summary::before{content:'\\25b8';color:var(--soft)}details[open]>summary::before{content:"
    "'\\25be'}"
    "summary:focus-visible{outline:2px solid var(--c0);outline-offset:-2px}"
    ".who{overflow-wrap:anywhere}.who small,.num small{display:block;color:var(--soft)}"
    ".bar{position:relative;height:1.5rem;background:var(--track)}"
    ".bar i{position:absolute;inset:0 auto 0 0;background:var(--bar)}"
    ".bar b{position:absolute;top:50%;width:5px;height:5px;margin:-2.5px;border-radius:50%;"
    "background:var(--dot)}"
    ".num{text-align:right;font-variant-numeric:tabular-nums}.who .bad{color:var(--bad)}"
    "table{border-collapse:collapse;margin:.2rem 0 1rem 1.4rem}"
    "th,td{text-align:left;vertical-align:top;padding:1px 1rem 1px 0;font-weight:normal;"
    "overflow-wrap:anywhere}th{color:var(--soft);white-space:nowrap}"
    "svg{display:block;width:100%;max-width:44rem;height:auto}"
    "svg text{font:13px system-ui,sans-serif;fill:var(--ink)}svg .grid{stroke:var(--line)}"
    "svg .quiet{fill:var(--soft)}.legend{list-style:none;padding:0;overflow-wrap:anywhere}"
    "@media (max-width:720px){body{margin:1rem auto;padding:0 .7rem}"
    "summary{grid-template-columns:1.4rem 1fr auto}.bar{grid-column:2/4;grid-row:2}"
    "table{margin-left:0;display:block}tr{display:block;margin-bottom:.3rem}"
    "th,td{display:block;white-space:normal}}";

static void add_text(page *p, const char *text)
{
    page_text(p, text, strlen(text));
}

/* ---- records ---- */

static void add_value(page *p, const json_t *value)
{
    if (json_is_string(value)) {
        add_text(p, json_string_value(value));
        return;
    }
    if (json_is_array(value) && !json_is_object(json_array_get(value, 0))) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            page_add(p, "%s", i > 0 ? ", " : "");
            add_value(p, json_array_get(value, i));
        }
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    add_text(p, text != NULL ? text : "");
    free(text);
}

/* The fields of an object, those inside of it with its name in front. */
static void add_fields(page *p, const json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(size_t)object, key, value)
    {
        if (json_is_object(value) && *prefix == '\0') {
            add_fields(p, value, key);
            continue;
        }
        page_add(p, "<tr><th scope=\"row\">");
        add_text(p, prefix);
        page_add(p, "%s", *prefix != '\0' ? "." : "");
        add_text(p, key);
        page_add(p, "</th><td>");
        add_value(p, value);
        page_add(p, "</td></tr>\n");
    }
}

/* ---- bars ---- */

/* The largest sample of rows that share a scale. */
static double largest_of(const json_t *rows, size_t from, size_t to)
{
    double largest = 0;
    for (size_t i = from; i < to; i++) {
        const json_t *samples = row_samples(json_array_get(rows, i));
        largest = fmax(largest, row_rate(json_array_get(rows, i)));
        for (size_t k = 0; k < json_array_size(samples); k++) {
            largest = fmax(largest, json_number_value(json_array_get(samples, k)));
        }
    }
    return largest;
}

static void add_bar(page *p, const json_t *row, double largest)
{
    const json_t *samples = row_samples(row);
    page_add(p, "<span class=\"bar\" aria-hidden=\"true\"><i style=\"width:%.2f%%\"></i>",
             100 * row_rate(row) / largest);
    for (size_t i = 0; i < json_array_size(samples); i++) {
        page_add(p, "<b style=\"left:%.2f%%\"></b>",
                 100 * json_number_value(json_array_get(samples, i)) / largest);
    }
    page_add(p, "</span>");
}

static void add_share(page *p, const json_t *row)
{
    bool decoding = row_number(row, "n_gen") > 0;
    double share = row_number(row, decoding ? "bandwidth_share" : "flops_share");
    if (!isnan(share)) {
        page_add(p, "<small>%.0f %% of %s</small>", 100 * share, decoding ? "reading" : "FMA");
    }
}

static void add_row(page *p, const json_t *row, size_t number, double largest)
{
    char place[LABEL];
    char remark[2 * LABEL];
    row_remarks(remark, sizeof remark, row);
    page_add(p, "<details><summary><span class=\"who\">%zu. ", number);
    add_text(p, row_text(row, "device.name", row_device(row)));
    page_add(p, "<small>");
    add_text(p, row_place(place, sizeof place, row));
    page_add(p, "</small>");
    if (*remark != '\0') {
        page_add(p, "<small class=\"bad\">");
        add_text(p, remark);
        page_add(p, "</small>");
    }
    page_add(p, "</span>");
    add_bar(p, row, largest);
    page_add(p, "<span class=\"num\">%.2f t/s", row_rate(row));
    add_share(p, row);
    page_add(p, "</span></summary>\n<table>\n");
    add_fields(p, row, "");
    page_add(p, "</table></details>\n");
}

static void add_groups(page *p, const json_t *rows)
{
    char model[LABEL];
    char test[LABEL];
    size_t n = json_array_size(rows);
    for (size_t from = 0, to = 0; from < n; from = to) {
        const json_t *first = json_array_get(rows, from);
        for (to = from + 1; to < n && row_same_work(first, json_array_get(rows, to)); to++) {
        }
        page_add(p, "<h2>");
        add_text(p, row_model(model, sizeof model, first));
        page_add(p, ", ");
        add_text(p, row_test(test, sizeof test, first));
        page_add(p, "</h2>\n");
        for (size_t i = from; i < to; i++) {
            add_row(p, json_array_get(rows, i), i + 1, largest_of(rows, from, to));
        }
    }
}

int bench_page(const json_t *rows, const char *path)
{
    page p = {0};
    page_begin(&p, "pencl bench", style);
    page_add(&p, "<h1>pencl bench</h1>\n<p class=\"quiet\">Bars are medians, dots are samples. A "
                 "row opens its whole record.</p>\n");
    add_groups(&p, rows);
    bench_roofline(&p, rows);
    page_end(&p);
    return page_save(&p, path);
}
