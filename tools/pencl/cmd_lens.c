/* SPDX-License-Identifier: Apache-2.0 */
/* pencl lens: the logit lens, what the model would say after each block. */
#include "lens.h"

#include "prompted.h"

typedef struct settings {
    prompted_settings on;
    int64_t top;
    const char *html;
    bool json;
} settings;

static const settings defaults = {.on = PROMPTED_DEFAULTS, .top = 5};

static const option options[] = {
    PROMPTED_OPTIONS,
    OPT_WHOLE(0, "top", "N", offsetof(settings, top), 1, 100, "tokens of each place"),
    OPT_TEXT(0, "html", "F.html", offsetof(settings, html), "one page with everything"),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

static int show(const prompted *p, const pencl_lens *lens)
{
    const settings *s = p->settings;
    int status = s->html != NULL ? lens_page(p->w, lens, p->ids, s->html) : EXIT_DONE;
    if (status == EXIT_DONE && s->json) {
        status = lens_json(p->w, lens, p->ids);
    } else if (status == EXIT_DONE && s->html == NULL) {
        lens_print(p->w, lens, p->ids);
    }
    return status;
}

static int look(const prompted *p)
{
    const settings *s = p->settings;
    const pencl_lens_options how = {.top = (int)s->top, .stopped = work_stopped};
    pencl_lens *lens = NULL;
    double start = now_ms();
    if (pencl_lens_new(&lens, work_lm(p->w), p->ids, p->n, &how) != PENCL_OK) {
        return work_failed(p->w);
    }
    double ms = now_ms() - start;
    int status = show(p, lens);
    pencl_lens_free(lens);
    work_summary(p->w, p->n, ms, 0, 0);
    return status;
}

static int run(const void *given, const words *rest)
{
    (void)rest;
    return with_prompt("lens", given, look);
}

const command cmd_lens = {
    .usage = "-m MODEL (-p TEXT | -f FILE | --tokens 1,2,3) [--top N] [--html F.html | --json]",
    .example = "pencl lens -m model.gguf -p \"The capital of France is\"",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
