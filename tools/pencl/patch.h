/* SPDX-License-Identifier: Apache-2.0 */
/* What pencl patch reads, and how it shows what it found. Functions return an exit status, after a
 * message when it is not EXIT_DONE. */
#ifndef PENCL_TOOLS_PATCH_H
#define PENCL_TOOLS_PATCH_H

#include "prompted.h"

typedef struct patch_settings {
    prompted_settings on;
    const char *from;
    const char *from_tokens;
    const char *select;
    const char *at;
    const char *align;
    const char *metric;
    const char *sweep;
    const char *mean;
    const char *out;
    const char *html;
    bool zero;
    bool json;
} patch_settings;

/* ---- patch_input.c ---- */

/* What the options of a patch refer to. */
typedef struct patch_inputs {
    int32_t *from;
    int64_t *at;
    pencl_captures *values;
    pencl_metric *metric;
} patch_inputs;
/* What the options change. */
pencl_change patch_change(const patch_settings *s);
/* Reads what p's settings name, and sets the options; freed in any case. */
int patch_read(patch_inputs *in, pencl_patch_options *o, const prompted *p);
void patch_inputs_free(patch_inputs *in);

/* ---- results ---- */

/* What was found, and on what. */
typedef struct patched {
    const prompted *p;
    const pencl_patch *patch;
    pencl_sweep sweep;
    const int32_t *from; /* NULL: no other tokens */
    size_t n_from;
} patched;

/* The share of the way from the unchanged metric to that of the other tokens; without these, how
 * much the metric changed. */
double patched_effect(const patched *r, double value);
/* The largest of all, its sign dropped. */
double patched_largest(const patched *r);
/* A token over the cells of a column; its number over those of a head. */
size_t patched_column(char *to, size_t room, const patched *r, int column);
/* "12" for a block, else the name of the point. */
size_t patched_row(char *to, size_t room, const patched *r, int row);

/* patch_show.c; the second: a sweep as .npz or .safetensors. */
void patch_print(const patched *r);
int patch_save(const patched *r, const char *path);
int patch_json(const patched *r);
/* patch_page.c: a heat map. */
int patch_page(const patched *r, const char *path);

#endif
