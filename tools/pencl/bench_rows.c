/* SPDX-License-Identifier: Apache-2.0 */
/* What bench is to measure: lists that multiply, on every device. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 16, MOST_TOKENS = 1 << 24, MOST_BATCH = 256 };

typedef struct list {
    int64_t items[LIST_MAX];
    int n;
    bool is_default;
} list;

/* "512,1024"; `text` NULL: the default. */
static int read_list(list *out,
                     const char *name,
                     const char *text,
                     const char *otherwise,
                     int64_t least,
                     int64_t most)
{
    *out = (list){.is_default = text == NULL};
    text = text != NULL ? text : otherwise;
    for (const char *at = text; at != NULL; at = strchr(at, ','), at += at != NULL) {
        char number[24] = "";
        const size_t length = strcspn(at, ",");
        int64_t value = 0;
        if (length < sizeof number) {
            memcpy(number, at, length);
        }
        if (!parse_whole(number, &value) || value < least || value > most) {
            return usage_error("bench",
                               "%s takes whole numbers from %lld to %lld with commas between, not "
                               "\"%s\"",
                               name, (long long)least, (long long)most, text);
        }
        if (out->n == LIST_MAX) {
            return usage_error("bench", "%s: more than %d numbers", name, LIST_MAX);
        }
        out->items[out->n++] = value;
    }
    return EXIT_DONE;
}

typedef struct lists {
    bench_preset presets[LIST_MAX]; /* with their types; one without a name for the file */
    int n_presets;
    list prompts;
    list gens;
    list depths;
    list batches;
} lists;

/* The next word of "a,b"; false behind the last. */
static bool next_word(char *to, size_t room, const char **at)
{
    const size_t n = strcspn(*at, ",");
    snprintf(to, room, "%.*s", (int)n, *at);
    *at += n + ((*at)[n] == ',');
    return n > 0;
}

static bool is_preset(const char *name)
{
    int i = 0;
    while (pencl_preset_name(i) != NULL && strcmp(pencl_preset_name(i), name) != 0) {
        i++;
    }
    return pencl_preset_name(i) != NULL;
}

static int refuse_preset(const char *name)
{
    char known[256] = "";
    for (int i = 0; pencl_preset_name(i) != NULL; i++) {
        const size_t size = strlen(known);
        snprintf(known + size, sizeof known - size, "%s%s", i > 0 ? ", " : "",
                 pencl_preset_name(i));
    }
    return usage_error("bench", "--preset: no \"%s\"; there are %s", name, known);
}

static int add_quant(lists *out, bench_preset preset, const char *quant)
{
    static const pencl_dtype types[] = {PENCL_Q4_0, PENCL_Q4_1, PENCL_Q8_0,
                                        PENCL_F16,  PENCL_BF16, PENCL_F32};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(pencl_dtype_name(types[i]), quant) == 0 && out->n_presets < LIST_MAX) {
            preset.dtype = types[i];
            out->presets[out->n_presets++] = preset;
            return EXIT_DONE;
        }
    }
    return usage_error("bench",
                       out->n_presets == LIST_MAX
                           ? "--preset: more than %d models"
                           : "--quant takes q4_0, q4_1, q8_0, f16, bf16 and f32",
                       LIST_MAX);
}

static int read_presets(lists *out, const bench_settings *s)
{
    bench_preset preset = {.name = ""};
    out->n_presets = s->presets == NULL;
    out->presets[0] = preset;
    for (const char *at = s->presets;
         at != NULL && next_word(preset.name, sizeof preset.name, &at);) {
        const char *quant = s->quants != NULL ? s->quants : "q8_0";
        char word[16];
        if (!is_preset(preset.name)) {
            return refuse_preset(preset.name);
        }
        while (next_word(word, sizeof word, &quant)) {
            const int status = add_quant(out, preset, word);
            if (status != EXIT_DONE) {
                return status;
            }
        }
    }
    return EXIT_DONE;
}

static int read_lists(lists *out, const bench_settings *s)
{
    int status = read_presets(out, s);
    if (status == EXIT_DONE) {
        status = read_list(&out->prompts, "-p/--n-prompt", s->prompts, "512", 0, MOST_TOKENS);
    }
    if (status == EXIT_DONE) {
        status = read_list(&out->gens, "-n/--n-gen", s->gens, "128", 0, MOST_TOKENS);
    }
    if (status == EXIT_DONE) {
        status = read_list(&out->depths, "--depth", s->depths, "0", 0, MOST_TOKENS);
    }
    if (status == EXIT_DONE) {
        status = read_list(&out->batches, "--batch", s->batches, "1", 1, MOST_BATCH);
    }
    return status;
}

static bool
add_row(bench_rows *to, const bench_row *base, const pencl_bench_options *how, const list *from)
{
    bench_row *rows = realloc(to->rows, (to->n + 1) * sizeof *rows);
    if (rows == NULL) {
        return false;
    }
    to->rows = rows;
    rows[to->n] = *base;
    rows[to->n].how = *how;
    rows[to->n++].may_halve = from->is_default;
    return true;
}

/* The prompt tests, then the tests of generation. */
static bool
add_tests(bench_rows *to, const bench_row *base, const lists *l, pencl_bench_options how)
{
    bool ok = true;
    for (int i = 0; ok && i < l->prompts.n; i++) {
        how.n_prompt = l->prompts.items[i];
        how.n_gen = 0;
        ok = how.n_prompt == 0 || add_row(to, base, &how, &l->prompts);
    }
    for (int i = 0; ok && i < l->gens.n; i++) {
        how.n_prompt = 0;
        how.n_gen = l->gens.items[i];
        ok = how.n_gen == 0 || add_row(to, base, &how, &l->gens);
    }
    return ok;
}

static bool
add_model(bench_rows *to, const bench_row *base, const lists *l, const bench_settings *s)
{
    pencl_bench_options how = PENCL_BENCH_OPTIONS_INIT;
    bool ok = true;
    how.samples = (int)((s->repetitions + s->rounds - 1) / s->rounds);
    how.seconds = s->seconds / (double)s->rounds;
    how.warm_seconds = how.warm_seconds < s->seconds / 6 ? how.warm_seconds : s->seconds / 6;
    how.matmul = s->use.on.matmul;
    how.stopped = work_stopped;
    for (int b = 0; b < l->batches.n; b++) {
        for (int d = 0; ok && d < l->depths.n; d++) {
            how.batch = l->batches.items[b];
            how.depth = l->depths.items[d];
            ok = add_tests(to, base, l, how);
        }
    }
    return ok;
}

int bench_rows_make(bench_rows *out, const bench_settings *s)
{
    lists l = {0};
    *out = (bench_rows){0};
    int status = read_lists(&l, s);
    if (status == EXIT_DONE) {
        status = work_find_devices(&out->devices, &s->use.on);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    pencl_host_describe(&out->host);
    out->limits = calloc(out->devices.n, sizeof *out->limits);
    bool ok = out->limits != NULL;
    for (size_t i = 0; ok && i < out->devices.n; i++) {
        for (int k = 0; ok && k < l.n_presets; k++) {
            const bench_row base = {.device = i, .preset = l.presets[k]};
            ok = add_model(out, &base, &l, s);
        }
    }
    if (!ok) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    return out->n > 0 ? EXIT_DONE : usage_error("bench", "-p 0 and -n 0 leave nothing to measure");
}

void bench_rows_free(bench_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        pencl_bench_result_free(&rows->rows[i].result);
    }
    free(rows->rows);
    free(rows->limits);
    work_free_devices(&rows->devices);
    *rows = (bench_rows){0};
}
