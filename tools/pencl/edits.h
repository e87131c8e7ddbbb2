/* SPDX-License-Identifier: Apache-2.0 */
/* Options that change what a model computes. */
#ifndef PENCL_TOOLS_EDITS_H
#define PENCL_TOOLS_EDITS_H

#include "work.h"

typedef struct edit_settings {
    texts replace;
    texts add;
    const char *knock_out;
} edit_settings;

/* `at`: the offset of edit_settings in the settings. */
#define EDIT_OPTIONS(at)                                                                           \
    OPT_TEXTS(0, "add", "S=F.npy[:X]", (at) + offsetof(edit_settings, add),                        \
              "steering: X times the values of a file added to what leaves a node; repeats"),      \
        OPT_TEXTS(0, "replace", "S=F.npy", (at) + offsetof(edit_settings, replace),                \
                  "the values of a file instead of what leaves a node; repeats"),                  \
        OPT_TEXT(0, "knockout", "L:H,..", (at) + offsetof(edit_settings, knock_out),               \
                 "heads that attend to the first token only: block:head, block:* for all")

/* Opens w->edited when there is an edit; returns an exit status. After work_model. */
int work_edit(work *w, const char *name, const edit_settings *s);

#endif
