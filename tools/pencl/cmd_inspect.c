/* SPDX-License-Identifier: Apache-2.0 */
/* pencl inspect: what a model is made of: sizes, the tree of its layers, the plan of a token. */
#include "inspect.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    model_settings use;
    texts select;
    const char *html;
    bool plan;
    bool all;
    bool json;
} settings;

static const settings defaults = {.use.on = DEVICE_DEFAULTS};
static const option options[] = {
    MODEL_OPTIONS,
    OPT_TEXTS(0,
              "select",
              "S",
              offsetof(settings, select),
              "opens the tree at these nodes: //Softmax, blocks.3.attn.hook_z; repeats"),
    OPT_FLAG(0, "all", offsetof(settings, all), "every block by itself, and every field"),
    OPT_FLAG(0,
             "plan",
             offsetof(settings, plan),
             "instead: memory, and the kernels of one decoded token"),
    OPT_TEXT(0, "html", "F.html", offsetof(settings, html), "a page to fold, unfold and search"),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

static void print_summary(const work *w, const outline *o)
{
    static summary_line lines[SUMMARY_LINES];
    summary_make(lines, w, o);
    for (int i = 0; i < SUMMARY_LINES; i++) {
        printf("%-12s  %s\n", lines[i].name, lines[i].text);
    }
    putchar('\n');
}

static int show(const work *w, const settings *s)
{
    outline o = {0};
    int status = EXIT_DONE;
    pencl_layer *body = pencl_lm_body(work_lm(w));
    if (outline_make(&o, w->ctx, body, s->select.items, s->select.n) != PENCL_OK) {
        status = work_failed(w);
    }
    if (status == EXIT_DONE && s->html != NULL) {
        status = inspect_page(w, &o, s->html);
    }
    if (status == EXIT_DONE && s->json) {
        status = inspect_json(w, &o);
    } else if (status == EXIT_DONE && s->html == NULL) {
        print_summary(w, &o);
        inspect_tree(&o, s->all);
    }
    outline_free(&o);
    return status;
}

static int print_memory(const work *w)
{
    char text[4][32];
    pencl_memory m;
    if (pencl_lm_memory(&m, work_lm(w), w->context) != PENCL_OK) {
        return work_failed(w);
    }
    printf("memory: weights %s, cache %s, temporaries %s, total %s for %" PRId64 " tokens\n",
           bytes_text(text[0], sizeof text[0], m.weights),
           bytes_text(text[1], sizeof text[1], m.caches),
           bytes_text(text[2], sizeof text[2], m.temporaries),
           bytes_text(text[3], sizeof text[3], m.total), m.context);
    return EXIT_DONE;
}

static int print_plan(work *w)
{
    char *text = NULL;
    int status = print_memory(w); /* of a session to come */
    if (status == EXIT_DONE) {
        status = work_session(w);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    if (pencl_session_plan_text(&text, w->session, 1) != PENCL_OK) {
        return work_failed(w);
    }
    fputs(text, stdout);
    pencl_text_free(text);
    return EXIT_DONE;
}

static int run(const void *given, const words *rest)
{
    settings s = *(const settings *)given;
    work w = {0};
    (void)rest;
    if (!s.plan && s.use.on.device == NULL && s.use.on.type == NULL &&
        getenv("PENCL_DEVICE") == NULL) {
        s.use.on.device = "ref"; /* a tree needs no OpenCL */
    }
    if (s.plan && (s.select.n > 0 || s.html != NULL || s.json || s.all)) {
        return usage_error("inspect", "--plan stands alone");
    }
    int status = work_model(&w, "inspect", &s.use);
    if (status == EXIT_DONE) {
        status = s.plan ? print_plan(&w) : show(&w, &s);
    }
    work_close(&w);
    return status;
}

const command cmd_inspect = {
    .usage = "-m MODEL [--plan | [--select S] [--all | --html F.html | --json]]",
    .example = "pencl inspect -m model.gguf",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
