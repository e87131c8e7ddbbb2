/* SPDX-License-Identifier: Apache-2.0 */
/* pencl perplexity: how well a model expects a text; how far two devices are apart. */
#include "corpus.h"
#include "output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    model_settings use;
    prompt_settings prompt;
    const char *tokens_file;
    const char *base;
    bool json;
} settings;

static const settings defaults = {.use.on = DEVICE_DEFAULTS};

static const option options[] = {
    MODEL_OPTIONS,
    PROMPT_OPTIONS(offsetof(settings, prompt)),
    OPT_TEXT(0,
             "tokens-file",
             "F.npy",
             offsetof(settings, tokens_file),
             "token ids [seq], or [batch, seq]: texts of one length"),
    OPT_TEXT(0,
             "kl-base",
             "F.safetensors",
             offsetof(settings, base),
             "compare with its logits; the first run writes them"),
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

static int print(const work *w, const pencl_perplexity *p, const settings *s)
{
    const double ppl = exp(p->nll);
    const double same = p->compared ? 100.0 * (double)p->n_same / (double)p->n_compared : 0;
    if (s->json) {
        json_t *out = json_pack(
            "{s:s, s:I, s:f, s:f, s:f}", "device", pencl_device_describe(w->device)->id, "tokens",
            (json_int_t)p->n_scored, "perplexity", ppl, "nll", p->nll, "nll_error", p->nll_error);
        if (p->compared) {
            json_object_set_new(out, "positions", json_integer(p->n_compared));
            json_object_set_new(out, "mean_kl", json_real(p->mean_kl));
            json_object_set_new(out, "largest_kl", json_real(p->largest_kl));
            json_object_set_new(out, "same", json_integer(p->n_same));
            json_object_set_new(out, "largest_margin", json_real(p->largest_margin));
        }
        return print_json(out);
    }
    printf("perplexity %.4f +- %.4f, %" PRId64 " tokens\n", ppl, ppl * p->nll_error, p->n_scored);
    if (p->compared) {
        printf("mean KL %.3g, largest %.3g; same likeliest token %.3f %% (%" PRId64 " of %" PRId64
               ")",
               p->mean_kl, p->largest_kl, same, p->n_same, p->n_compared);
        printf(p->n_same < p->n_compared ? ", the others within %.2g\n" : "\n", p->largest_margin);
    } else if (s->base != NULL) {
        work_tell(w, "%s written: the next run compares with it", s->base);
    }
    return EXIT_DONE;
}

static int measure(work *w, const settings *s)
{
    corpus c = {0};
    pencl_perplexity result;
    const pencl_perplexity_options how = {.base = s->base,
                                          .matmul = s->use.on.matmul,
                                          .progress = work_reading,
                                          .stopped = work_stopped,
                                          .user = w};
    int status = s->tokens_file != NULL
                     ? corpus_file(&c, w, s->tokens_file)
                     : corpus_text(&c, w, "perplexity", &s->prompt, s->use.context);
    interrupt_catch(NULL);
    if (status == EXIT_DONE && pencl_perplexity_run(&result, pencl_model_lm(w->model), c.ids,
                                                    c.n_texts, c.n, &how) != PENCL_OK) {
        work_reading(w, 1);
        status = work_failed(w);
    }
    if (status == EXIT_DONE) {
        status = print(w, &result, s);
    }
    free(c.ids);
    return status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    work w = {0};
    (void)rest;
    bool text = s->prompt.text != NULL || s->prompt.file != NULL;
    if (text && s->tokens_file != NULL) {
        return usage_error("perplexity", "a text and --tokens-file exclude each other");
    }
    int status = work_model(&w, "perplexity", &s->use);
    if (status == EXIT_DONE) {
        status = measure(&w, s);
    }
    work_close(&w);
    return status;
}

const command cmd_perplexity = {
    .usage = "-m MODEL (-f TEXT | --tokens-file F.npy) [--kl-base F.safetensors]",
    .example = "pencl perplexity -m model.gguf -f text.txt -d pocl --kl-base base.safetensors",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
