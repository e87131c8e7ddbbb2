/* SPDX-License-Identifier: Apache-2.0 */
/* pencl generate: continues a text, printed as it comes. */
#include "output.h"
#include "prompted.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct settings {
    prompted_settings on;
    int64_t n;
    pencl_sampler_options sampler;
    int64_t top_k; /* sampler.top_k */
    seed seed;     /* sampler.seed */
    texts stop;
    bool echo;
    bool json;
} settings;

static const settings defaults = {
    .on = PROMPTED_DEFAULTS,
    .n = 128,
    .sampler = PENCL_SAMPLER_OPTIONS_INIT,
    .top_k = 40,
};

#define AT(field) offsetof(settings, field)
static const option options[] = {
    PROMPTED_OPTIONS,
    OPT_WHOLE('n', "n-predict", "N", AT(n), -1, INT32_MAX, "tokens at most; -1: no limit"),
    OPT_REAL(0, "temp", "T", AT(sampler.temperature), 0, 1000, "temperature; 0: greedy"),
    OPT_WHOLE(0, "top-k", "K", AT(top_k), 0, INT32_MAX, "the K likeliest; 0: all"),
    OPT_REAL(0, "top-p", "P", AT(sampler.top_p), 0, 1, "the likeliest that make up P"),
    OPT_REAL(0, "min-p", "P", AT(sampler.min_p), 0, 1, "at least P of the likeliest's share"),
    OPT_REAL(0, "repeat-penalty", "X", AT(sampler.repeat_penalty), 0.01, 100, "1: none"),
    OPT_SEED(0, "seed", "S", AT(seed), "of the draws (default: any, printed)"),
    OPT_TEXTS(0, "stop", "TEXT", AT(stop), "end before this text; repeats"),
    OPT_FLAG(0, "echo", AT(echo), "print the prompt first"),
    OPT_FLAG(0, "json", AT(json), "one JSON document at the end"),
    OPT_END,
};

static int on_text(void *user, const char *text, size_t size)
{
    (void)user;
    fwrite(text, 1, size, stdout);
    return fflush(stdout) != 0 || interrupted(); /* no use in going on when nobody can read it */
}

static int print_result(const work *w, const settings *s, const pencl_generate_result *r)
{
    static const char *const stops[] = {"eos", "length", "stop", "cancelled"};
    json_t *timings = json_pack("{s:{s:f}, s:o, s:o}", "load", "ms", w->load_ms, "prompt",
                                json_timing(r->n_prompt, r->prompt_ms), "decode",
                                json_timing(r->n_decoded, r->decode_ms));
    return print_json(json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:I, s:o}", "prompt_tokens",
                                (json_int_t)r->n_prompt, "tokens", json_ids(r->tokens, r->n_tokens),
                                "text", r->text, "stop", stops[r->stop], "device",
                                pencl_device_describe(w->device)->id, "mode", "exact", "seed",
                                (json_int_t)s->sampler.seed, "timings", timings));
}

static int generate(const prompted *p, const settings *s, pencl_sampler *sampler)
{
    const work *w = p->w;
    const pencl_generate_options how = {
        .n_predict = s->n,
        .stop = s->stop.items,
        .n_stop = s->stop.n,
        .text = s->json ? NULL : on_text,
    };
    pencl_generate_result r = {0};
    if (pencl_generate(&r, w->session, pencl_model_tokenizer(w->model), sampler, p->ids, p->n,
                       &how) != PENCL_OK) {
        return work_failed(w);
    }
    int status = r.stop == PENCL_STOP_CANCELLED ? EXIT_FAILED : EXIT_DONE;
    if (s->json && print_result(w, s, &r) != EXIT_DONE) {
        status = EXIT_FAILED;
    } else if (!s->json && isatty(STDOUT_FILENO)) { /* elsewhere exactly the text */
        putchar('\n');
    }
    fflush(stdout); /* before the closing line */
    work_summary(w, r.n_prompt, r.prompt_ms, r.n_decoded, r.decode_ms);
    pencl_generate_result_free(&r);
    return status;
}

static int start(const prompted *p)
{
    settings s = *(const settings *)p->settings;
    pencl_sampler *sampler = NULL;
    work *w = p->w;
    s.sampler.seed = seed_or_any(&s.seed);
    s.sampler.top_k = (int)s.top_k;
    int status = work_session(w);
    if (status == EXIT_DONE && pencl_sampler_new(&sampler, w->ctx, &s.sampler) != PENCL_OK) {
        status = work_failed(w);
    }
    if (status == EXIT_DONE) {
        if (s.sampler.temperature > 0) {
            work_tell(w, "context %" PRId64 " tokens, seed %" PRIu64, w->context, s.sampler.seed);
        } else {
            work_tell(w, "context %" PRId64 " tokens, greedy", w->context);
        }
        if (s.echo && !s.json) {
            fwrite(p->text->data, 1, p->text->size, stdout);
        }
        status = generate(p, &s, sampler);
    }
    pencl_sampler_free(sampler);
    return status;
}

static int run(const void *given, const words *rest)
{
    (void)rest;
    return with_prompt("generate", given, start);
}

const command cmd_generate = {
    .usage = "-m MODEL (-p TEXT | -f FILE | --tokens 1,2,3)",
    .example = "pencl generate -m model.gguf -p \"The capital of France is\" -n 32 --temp 0",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
