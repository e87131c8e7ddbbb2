/* SPDX-License-Identifier: Apache-2.0 */
/* pencl patch: what changes when a value inside a model does. */
#include "patch.h"

#include <stdio.h>
#include <string.h>

static const patch_settings defaults = {.on = PROMPTED_DEFAULTS};

#define AT(field) offsetof(patch_settings, field)
static const option options[] = {
    PROMPTED_OPTIONS,
    OPT_TEXT(0, "from", "TEXT2", AT(from), "values of the model's run of this text"),
    OPT_TEXT(0, "from-tokens", "1,2,3", AT(from_tokens), "the same, as token ids"),
    OPT_FLAG(0, "zero", AT(zero), "zeros instead"),
    OPT_TEXT(0,
             "mean",
             "FILE",
             AT(mean),
             "means over the positions of values in a file (.npy, or what capture wrote)"),
    OPT_TEXT(
        0,
        "select",
        "S",
        AT(select),
        "which values: //TransformerFeedForward, blocks.*.hook_resid_pre (default: by the sweep)"),
    OPT_TEXT(0, "at", "POS,..", AT(at), "at these tokens only; -1 is the last (default: all)"),
    OPT_CHOICE(
        0, "align", "HOW", AT(align), "last", "texts of other lengths: count tokens from the end"),
    OPT_TEXT(
        0,
        "metric",
        "E",
        AT(metric),
        "such as \"logit( Paris) - logit( Rome)\", prob( the), logprob(#42), kl (default: of the "
        "likeliest tokens)"),
    OPT_CHOICE(0,
               "sweep",
               "WHAT",
               AT(sweep),
               "layer,pos layer,head",
               "one run for each; heads are knocked out unless there is another change"),
    OPT_TEXT('o', "output", "OUT", AT(out), "the sweep's values as OUT.npz or OUT.safetensors"),
    OPT_TEXT(0, "html", "F.html", AT(html), "the sweep as a heat map"),
    OPT_FLAG(0, "json", AT(json), "one JSON document"),
    OPT_END,
};

/* ---- what is asked for ---- */

static bool is_edited(const edit_settings *e)
{
    return e->add.n > 0 || e->replace.n > 0 || e->knock_out != NULL;
}

static int check(const patch_settings *s)
{
    const bool has_from = s->from != NULL || s->from_tokens != NULL;
    int changes = has_from + s->zero + (s->mean != NULL);
    if (changes > 1 || (s->from != NULL && s->from_tokens != NULL)) {
        return usage_error("patch", "--from, --from-tokens, --zero and --mean exclude each other");
    }
    if (changes == 0 && s->sweep == NULL && !is_edited(&s->on.edits)) {
        return usage_error("patch", "nothing changes: give --from, --zero, --mean, --knockout, "
                                    "--add, --replace or --sweep layer,head");
    }
    if (patch_change(s) == PENCL_CHANGE_KNOCK_OUT && strcmp(s->sweep, "layer,pos") == 0) {
        return usage_error("patch", "--sweep layer,pos needs --from, --zero or --mean");
    }
    if (changes > 0 && s->select == NULL && s->sweep == NULL) {
        return usage_error("patch", "which values? --select S or --sweep is missing");
    }
    if (s->sweep == NULL && (s->out != NULL || s->html != NULL)) {
        return usage_error("patch", "-o and --html show a sweep: --sweep is missing");
    }
    return EXIT_DONE;
}

/* ---- results ---- */

static int show(const patched *r, const patch_settings *s)
{
    int status = s->out != NULL ? patch_save(r, s->out) : EXIT_DONE;
    if (status == EXIT_DONE && s->html != NULL) {
        status = patch_page(r, s->html);
    }
    if (status == EXIT_DONE && s->json) {
        return patch_json(r);
    }
    if (status == EXIT_DONE) {
        patch_print(r);
    }
    return status;
}

static int look(const prompted *p)
{
    const patch_settings *s = p->settings;
    patch_inputs in = {0};
    pencl_patch *patch = NULL;
    pencl_patch_options o = {.edited = p->w->edited,
                             .progress = s->sweep != NULL ? work_sweeping : NULL,
                             .stopped = work_stopped,
                             .user = p->w};
    bool edited = patch_change(s) != PENCL_CHANGE_MODEL; /* else the edits are what is looked at */
    pencl_lm *lm = edited ? work_lm(p->w) : pencl_model_lm(p->w->model);
    double start = now_ms();
    int status = patch_read(&in, &o, p);
    if (status == EXIT_DONE && pencl_patch_new(&patch, lm, p->ids, p->n, &o) != PENCL_OK) {
        work_sweeping(p->w, 1);
        status = work_failed(p->w);
    }
    double seconds = (now_ms() - start) / 1e3;
    if (status == EXIT_DONE) {
        status = show(&(patched){p, patch, o.sweep, in.from, o.n_from}, s);
        fflush(stdout);
        work_tell(p->w, "%s, %d runs in %.2f s", pencl_device_describe(p->w->device)->id,
                  pencl_patch_n_rows(patch) * pencl_patch_n_columns(patch), seconds);
    }
    pencl_patch_free(patch);
    patch_inputs_free(&in);
    return status;
}

static int run(const void *given, const words *rest)
{
    const patch_settings *s = given;
    (void)rest;
    int status = check(s);
    return status == EXIT_DONE ? with_prompt("patch", &s->on, look) : status;
}

const command cmd_patch = {
    .usage = "-m MODEL -p TEXT (--from TEXT2 | --zero | --mean FILE | --knockout L:H,..) "
             "[--select S | --sweep layer,pos|layer,head]",
    .example = "pencl patch -m model.gguf -p \"The capital of France is\" "
               "--from \"The capital of Italy is\" --sweep layer,pos --html map.html",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
