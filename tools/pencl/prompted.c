/* SPDX-License-Identifier: Apache-2.0 */
/* From a command line to a model and the tokens of a text. */
#include "prompted.h"

#include <stdlib.h>
#include <string.h>

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

static int check_length(const work *w, size_t n)
{
    if ((int64_t)n > w->context) {
        say("the text has %zu tokens, the context %lld", n, (long long)w->context);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* The ids of a text, which pencl allocates, as memory of free(). */
static int encode(int32_t **ids, size_t *n, const work *w, const input *text, bool parse_special)
{
    int32_t *found = NULL;
    int status = work_encode(&found, n, w, text, parse_special);
    if (status == EXIT_DONE) {
        *ids = malloc(*n * sizeof **ids);
        if (*ids != NULL) {
            memcpy(*ids, found, *n * sizeof **ids);
        } else {
            say("out of host memory");
            status = EXIT_FAILED;
        }
    }
    pencl_tokens_free(found);
    return status;
}

int prompted_other(int32_t **ids,
                   size_t *n,
                   const prompted *p,
                   const char *name,
                   const char *text,
                   const char *list)
{
    const prompted_settings *s = p->settings;
    if (list != NULL) {
        int status = input_ids(ids, n, name, &list, 1);
        return status == EXIT_DONE ? check_length(p->w, *n) : status;
    }
    if (!pencl_utf8_valid(text, strlen(text), NULL)) {
        say("the text is not UTF-8");
        return EXIT_FAILED;
    }
    const input other = {(char *)text, strlen(text)};
    int status = encode(ids, n, p->w, &other, s->prompt.parse_special);
    return status == EXIT_DONE ? check_length(p->w, *n) : status;
}

int with_prompt(const char *name, const prompted_settings *s, int (*look)(const prompted *p))
{
    input text = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    work w = {0};
    int status = read_input(&ids, &n, &text, name, s);
    if (status == EXIT_DONE) {
        status = work_model(&w, name, &s->use);
    }
    if (status == EXIT_DONE && ids == NULL) {
        status = encode(&ids, &n, &w, &text, s->prompt.parse_special);
    }
    if (status == EXIT_DONE) {
        status = check_length(&w, n);
    }
    if (status == EXIT_DONE) {
        status = work_edit(&w, name, &s->edits);
    }
    if (status == EXIT_DONE) {
        interrupt_catch(NULL);
        status = look(&(prompted){&w, s, &text, ids, n});
    }
    free(ids);
    free(text.data);
    work_close(&w);
    return status;
}
