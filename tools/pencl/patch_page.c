/* SPDX-License-Identifier: Apache-2.0 */
/* A sweep as a page with a heat map. */
#include "html.h"
#include "patch.h"

#include <math.h>
#include <string.h>

static const char style[] =
    "table{border-collapse:collapse}"
    "td,th{padding:2px 6px;white-space:pre;font:12px ui-monospace,monospace}"
    "th{position:sticky;top:0;background:Canvas;color:CanvasText;font-weight:normal}"
    "th:first-child{left:0;z-index:1;text-align:right}"
    "thead th{writing-mode:vertical-rl;text-align:right}"
    "thead th:first-child{writing-mode:horizontal-tb}"
    "td{color:#000;text-align:right}";

static void page_tokens(page *p, const patched *r, const int32_t *ids, size_t n)
{
    char piece[64];
    page_add(p, "<code>");
    for (size_t i = 0; i < n; i++) {
        page_text(p, piece, work_piece(piece, sizeof piece, r->p->w, ids[i]));
    }
    page_add(p, "</code>");
}

static void page_heading(page *p, const patched *r)
{
    const char *metric = pencl_metric_text(pencl_patch_metric(r->patch));
    const char *name = pencl_model_describe(r->p->w->model)->name;
    page_add(p, "<h1>Patching</h1>\n<p class=\"quiet\">");
    page_text(p, name, strlen(name));
    page_add(p, ", on ");
    page_tokens(p, r, r->p->ids, r->p->n);
    if (r->from != NULL) {
        page_add(p, " from ");
        page_tokens(p, r, r->from, r->n_from);
    }
    page_add(p, "</p>\n<p><code>");
    page_text(p, metric, strlen(metric));
    page_add(p, "</code> is %.4f", pencl_patch_before(r->patch));
    if (r->from != NULL) {
        page_add(p,
                 ", and %.4f on the other text. Cells show the share of the way that one change "
                 "goes; point at one for the metric.</p>\n",
                 pencl_patch_from(r->patch));
    } else {
        page_add(p, ". Cells show how one change moves it; point at one for the metric.</p>\n");
    }
}

/* White to red for the way to the other text (or up), to blue for the other direction. */
static void page_cell(page *p, const patched *r, int row, int column, double largest)
{
    char label[64];
    double value = pencl_patch_value(r->patch, row, column);
    double effect = patched_effect(r, value);
    if (isnan(effect)) {
        page_add(p, "<td></td>");
        return;
    }
    double share = largest > 0 ? fabs(effect) / largest : 0;
    page_add(p, "<td style=\"background:hsl(%d 80%% %.0f%%)\" title=\"layer ", effect > 0 ? 8 : 215,
             97 - 40 * share);
    page_text(p, label, patched_row(label, sizeof label, r, row));
    if (r->sweep == PENCL_SWEEP_HEAD) {
        page_add(p, ", head ");
    } else {
        page_add(p, ", position %d: ", (int)pencl_patch_column(r->patch, column));
    }
    page_text(p, label, patched_column(label, sizeof label, r, column));
    page_add(p, "&#10;%.5f\">%.2f</td>", value, effect);
}

static void page_table(page *p, const patched *r)
{
    char label[128];
    double largest = patched_largest(r);
    page_add(p, "<div class=\"scroll\"><table>\n<thead><tr><th>layer</th>");
    for (int c = 0; c < pencl_patch_n_columns(r->patch); c++) {
        page_add(p, "<th>");
        page_text(p, label, patched_column(label, sizeof label, r, c));
        page_add(p, "</th>");
    }
    page_add(p, "</tr></thead>\n");
    for (int row = pencl_patch_n_rows(r->patch) - 1; row >= 0; row--) {
        page_add(p, "<tr><th>");
        page_text(p, label, patched_row(label, sizeof label, r, row));
        page_add(p, "</th>");
        for (int c = 0; c < pencl_patch_n_columns(r->patch); c++) {
            page_cell(p, r, row, c, largest);
        }
        page_add(p, "</tr>\n");
    }
    page_add(p, "</table></div>\n");
}

int patch_page(const patched *r, const char *path)
{
    page p = {0};
    page_begin(&p, "patching", style);
    page_heading(&p, r);
    page_table(&p, r);
    page_end(&p);
    return page_save(&p, path);
}
