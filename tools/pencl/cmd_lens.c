/* SPDX-License-Identifier: Apache-2.0 */
/* pencl lens: the logit lens, what the model would say after each block. */
#include "lens.h"

#include <stdlib.h>

typedef struct settings {
    model_settings use;
    prompt_settings prompt;
    int64_t top;
    const char *html;
    bool json;
} settings;

static const settings defaults = {.use.on = DEVICE_DEFAULTS, .top = 5};

static const option options[] = {
    MODEL_OPTIONS,
    PROMPT_OPTIONS(offsetof(settings, prompt)),
    OPT_WHOLE(0, "top", "N", offsetof(settings, top), 1, 100, "tokens of each place"),
    OPT_TEXT(0, "html", "F.html", offsetof(settings, html), "one page with everything"),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

static int stopped(void *user)
{
    (void)user;
    return interrupted();
}

static int show(const work *w, const settings *s, const pencl_lens *lens, const int32_t *ids)
{
    int status = s->html != NULL ? lens_page(w, lens, ids, s->html) : EXIT_DONE;
    if (status == EXIT_DONE && s->json) {
        status = lens_json(w, lens, ids);
    } else if (status == EXIT_DONE && s->html == NULL) {
        lens_print(w, lens, ids);
    }
    return status;
}

static int look(const work *w, const settings *s, const int32_t *ids, size_t n)
{
    const pencl_lens_options how = {.top = (int)s->top, .stopped = stopped};
    pencl_lens *lens = NULL;
    double start = now_ms();
    if ((int64_t)n > w->context) {
        say("the prompt has %zu tokens, the context %lld", n, (long long)w->context);
        return EXIT_FAILED;
    }
    if (pencl_lens_new(&lens, pencl_model_lm(w->model), ids, n, &how) != PENCL_OK) {
        return work_failed(w);
    }
    double ms = now_ms() - start;
    int status = show(w, s, lens, ids);
    pencl_lens_free(lens);
    work_summary(w, n, ms, 0, 0);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    input text = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    work w = {0};
    (void)rest;
    int status = input_prompt(&text, "lens", &s->prompt);
    if (status == EXIT_DONE) {
        status = work_model(&w, "lens", &s->use);
    }
    if (status == EXIT_DONE) {
        status = work_encode(&ids, &n, &w, &text, s->prompt.parse_special);
    }
    if (status == EXIT_DONE) {
        interrupt_catch(NULL);
        status = look(&w, s, ids, n);
    }
    pencl_tokens_free(ids);
    free(text.data);
    work_close(&w);
    return status;
}

const command cmd_lens = {
    .usage = "-m MODEL (-p TEXT | -f FILE) [--top N] [--html F.html | --json]",
    .example = "pencl lens -m model.gguf -p \"The capital of France is\"",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
