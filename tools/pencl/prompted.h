/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that look at what a model does with one text, or with token ids. */
#ifndef PENCL_TOOLS_PROMPTED_H
#define PENCL_TOOLS_PROMPTED_H

#include "edits.h"

/* The settings of such a command begin with this. */
typedef struct prompted_settings {
    model_settings use;
    prompt_settings prompt;
    const char *tokens;
    edit_settings edits;
} prompted_settings;

#define PROMPTED_OPTIONS                                                                           \
    MODEL_OPTIONS, PROMPT_OPTIONS(offsetof(prompted_settings, prompt)),                            \
        OPT_TEXT(0, "tokens", "1,2,3", offsetof(prompted_settings, tokens),                        \
                 "token ids instead of a text; nothing is added"),                                 \
        EDIT_OPTIONS(offsetof(prompted_settings, edits))
#define PROMPTED_DEFAULTS                                                                          \
    {                                                                                              \
        .use.on = DEVICE_DEFAULTS                                                                  \
    }

typedef struct prompted {
    work *w;
    const void *settings;
    const input *text; /* empty when ids were given */
    const int32_t *ids;
    size_t n;
} prompted;

/* Reads the text, opens the model and calls `look`, whose exit status is returned. A text that is
 * longer than the context is refused. Ctrl-C is caught meanwhile. */
int with_prompt(const char *name, const prompted_settings *s, int (*look)(const prompted *p));
/* The ids of another text, or of a list "1,2,3", under the same checks; freed with free(). */
int prompted_other(int32_t **ids,
                   size_t *n,
                   const prompted *p,
                   const char *name,
                   const char *text,
                   const char *list);

#endif
