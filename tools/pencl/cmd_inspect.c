/* SPDX-License-Identifier: Apache-2.0 */
/* pencl inspect: what a model is made of: sizes, the tree of its layers, the plan of a token. */
#include "output.h"
#include "work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    model_settings use;
    bool plan;
    bool all;
} settings;

static const settings defaults = {.use.on = DEVICE_DEFAULTS};
static const option options[] = {
    MODEL_OPTIONS,
    OPT_FLAG(0, "plan", offsetof(settings, plan), "the kernels of one decoded token instead"),
    OPT_FLAG(0, "all", offsetof(settings, all), "every parameter, after the tree"),
    OPT_END,
};

static const char *chat_text(const pencl_tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return "no vocabulary";
    }
    return pencl_tokenizer_chat_template(tokenizer) != NULL ? "has a chat template"
                                                            : "no chat template";
}

static void print_summary(const work *w)
{
    const pencl_model_info *info = pencl_model_describe(w->model);
    const pencl_transformer_metadata *lm = pencl_lm_metadata(pencl_model_lm(w->model));
    char file[32];
    char device[32];
    printf("file          %s, %s\n", info->path, bytes_text(file, sizeof file, info->file_bytes));
    printf("name          %s\n", info->name);
    printf("architecture  %s\n", info->architecture);
    printf("weights       %s, %.2f M parameters, %s on %s\n", info->file_type,
           (double)info->n_params / 1e6, bytes_text(device, sizeof device, info->weight_bytes),
           pencl_device_describe(w->device)->id);
    printf("blocks        %" PRId64 "\n", info->n_blocks);
    printf("embedding     %" PRId64 ", mlp %" PRId64 "\n", lm->embedding_dim, lm->mlp_hidden_dim);
    printf("heads        ");
    for (int i = 0; i < lm->n_common; i++) {
        printf(" %s %" PRId64 ",", lm->common_head_axes[i].name, lm->common_head_axes[i].size);
    }
    for (int i = 0; i < lm->n_query_only; i++) {
        printf(" %s %" PRId64 ",", lm->query_only_head_axes[i].name,
               lm->query_only_head_axes[i].size);
    }
    printf(" projection %" PRId64 "\n", lm->projection_dim);
    printf("vocabulary    %" PRId64 "\n", lm->vocab_size);
    if (info->trained_context > 0) {
        printf("context       %" PRId64 " tokens trained\n", info->trained_context);
    }
    printf("chat          %s\n\n", chat_text(pencl_model_tokenizer(w->model)));
}

static void print_variable(const pencl_variable *v)
{
    printf("%s %s", pencl_variable_label(v), pencl_dtype_name(pencl_variable_dtype(v)));
    for (int i = 0; i < pencl_variable_n_axes(v); i++) {
        const pencl_axis *axis = pencl_variable_axis(v, i);
        printf(" %s=%" PRId64, axis->name, axis->size);
    }
    putchar('\n');
}

static void print_variables(const pencl_layer *layer)
{
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(layer, &n);
    for (int i = 0; i < n; i++) {
        if (a[i].kind == PENCL_FIELD_VARIABLE) {
            print_variable(a[i].variable);
        }
        bool children = a[i].kind == PENCL_FIELD_LAYER || a[i].kind == PENCL_FIELD_LAYERS;
        for (int c = 0; children && c < a[i].n; c++) {
            print_variables(a[i].layers[c]);
        }
    }
}

static int print_tree(const work *w, bool all)
{
    const pencl_layer *body = pencl_lm_body(pencl_model_lm(w->model));
    char *text = NULL;
    if (pencl_layer_print(&text, w->ctx, body) != PENCL_OK) {
        return work_failed(w);
    }
    fputs(text, stdout);
    pencl_text_free(text);
    if (all) {
        putchar('\n');
        print_variables(body);
    }
    return EXIT_DONE;
}

static int print_plan(work *w)
{
    char *text = NULL;
    int status = work_session(w);
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
    int status = work_model(&w, "inspect", &s.use);
    if (status == EXIT_DONE) {
        if (!s.plan) {
            print_summary(&w);
        }
        status = s.plan ? print_plan(&w) : print_tree(&w, s.all);
    }
    work_close(&w);
    return status;
}

const command cmd_inspect = {
    .usage = "-m MODEL [--plan | --all]",
    .example = "pencl inspect -m model.gguf",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
