/* SPDX-License-Identifier: Apache-2.0 */
/* What bench does with rows once they are measured, or with files of them instead of measuring:
 * compares, keeps, lists, shares and shows them. Functions return an exit status. */
#ifndef PENCL_TOOLS_BENCH_FILES_H
#define PENCL_TOOLS_BENCH_FILES_H

#include "command.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct bench_files {
    const char *compare; /* OLD[,NEW] */
    const char *share;
    const char *html;
    const char *sort;
    bool history;
    bool merge;
    bool md;
} bench_files;

#define BENCH_FILES_DEFAULTS                                                                       \
    {                                                                                              \
        .sort = "share"                                                                            \
    }
#define BENCH_FILES_OPTIONS(at)                                                                    \
    OPT_TEXT(0, "compare", "OLD[,NEW]", (at) + offsetof(bench_files, compare),                     \
             "what changed beyond noise since OLD, a file of --json or of llama-bench"),           \
        OPT_FLAG(0, "history", (at) + offsetof(bench_files, history), "what was measured before"), \
        OPT_FLAG(0, "merge", (at) + offsetof(bench_files, merge),                                  \
                 "one table of the files named; nothing is measured"),                             \
        OPT_CHOICE(0, "sort", "BY", (at) + offsetof(bench_files, sort), "share ts",                \
                   "what --merge and --html sort by"),                                             \
        OPT_TEXT(0, "share", "OUT.json", (at) + offsetof(bench_files, share),                      \
                 "a file to publish: no names, paths, serial numbers"),                            \
        OPT_TEXT(0, "html", "F", (at) + offsetof(bench_files, html),                               \
                 "a page of bars, samples and the roofline"),                                      \
        OPT_FLAG(0, "md", (at) + offsetof(bench_files, md), "a Markdown table (default)")

/* Nothing has to be measured: --history, --merge, or --compare with two files. */
bool bench_files_only(const bench_files *f);
/* Does what only files are needed for; `rest`: the files of --merge. */
int bench_files_run(const bench_files *f, bool json, const words *rest);
/* After measuring: keeps the rows, then shares, shows and compares them as asked. */
int bench_files_finish(const bench_files *f, bool json, const json_t *rows);

/* ---- bench_compare.c, bench_history.c, bench_share.c, bench_ranking.c, bench_page.c ---- */

/* `measured` NULL: `spec` names two files. */
int bench_compare(const char *spec, const json_t *measured, bool json);
void bench_keep(const json_t *rows);
json_t *bench_kept(void); /* every row that was kept, oldest first */
int bench_list(const json_t *rows, bool json);
int bench_share(const json_t *rows, const char *path);
json_t *bench_sorted(const json_t *rows, const char *by);
void bench_ranking(const json_t *rows);
int bench_page(const json_t *rows, const char *path);

#endif
