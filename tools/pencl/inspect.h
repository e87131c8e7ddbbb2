/* SPDX-License-Identifier: Apache-2.0 */
/* How a model is shown. */
#ifndef PENCL_TOOLS_INSPECT_H
#define PENCL_TOOLS_INSPECT_H

#include "outline.h"
#include "work.h"

/* The ten lines on top: what, how large, how built, what it takes. */
enum { SUMMARY_LINES = 10 };
typedef struct summary_line {
    const char *name;
    char text[600];
} summary_line;

/* inspect_summary.c */
void summary_make(summary_line lines[SUMMARY_LINES], const work *w, const outline *o);

/* inspect_text.c: the tree; equal neighbours share a line unless `all`. */
void inspect_tree(const outline *o, bool all);
/* inspect_json.c: one document; inspect_page.c: one page. Exit statuses. */
int inspect_json(const work *w, const outline *o);
int inspect_page(const work *w, const outline *o, const char *path);

#endif
