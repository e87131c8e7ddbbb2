/* SPDX-License-Identifier: Apache-2.0 */
/* From a command line to a model and the tokens of a text. */
#include "prompted.h"

#include <stdlib.h>

int prompted_stopped(void *unused)
{
    (void)unused;
    return interrupted();
}

/* Tokens that were given; `text` is filled when there are none. */
static int
read_input(int32_t **ids, size_t *n, input *text, const char *name, const prompted_settings *s)
{
    bool prompt = s->prompt.text != NULL || s->prompt.file != NULL;
    if (s->tokens != NULL && prompt) {
        return usage_error(name, "-p and --tokens exclude each other");
    }
    return s->tokens != NULL ? input_ids(ids, n, name, &s->tokens, 1)
                             : input_prompt(text, name, &s->prompt);
}

static int encode(int32_t **ids, size_t *n, const work *w, const input *text, bool parse_special)
{
    int status = work_encode(ids, n, w, text, parse_special);
    if (status == EXIT_DONE && (int64_t)*n > w->context) {
        say("the text has %zu tokens, the context %lld", *n, (long long)w->context);
        status = EXIT_FAILED;
    }
    return status;
}

int with_prompt(const char *name, const prompted_settings *s, int (*look)(const prompted *p))
{
    input text = {0};
    int32_t *given = NULL;
    int32_t *encoded = NULL;
    size_t n = 0;
    work w = {0};
    int status = read_input(&given, &n, &text, name, s);
    if (status == EXIT_DONE) {
        status = work_model(&w, name, &s->use);
    }
    if (status == EXIT_DONE && given == NULL) {
        status = encode(&encoded, &n, &w, &text, s->prompt.parse_special);
    }
    if (status == EXIT_DONE) {
        status = work_edit(&w, name, &s->edits);
    }
    if (status == EXIT_DONE) {
        interrupt_catch(NULL);
        status = look(&(prompted){&w, s, &text, given != NULL ? given : encoded, n});
    }
    pencl_tokens_free(encoded);
    free(given);
    free(text.data);
    work_close(&w);
    return status;
}
