/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench: the speed of models and of single operations, by a protocol that can be repeated. */
#include "bench_look.h"

#include <stdio.h>
#include <string.h>

static const bench_settings defaults = {
    .use.on = DEVICE_DEFAULTS,
    .files = BENCH_FILES_DEFAULTS,
    .repetitions = 5,
    .rounds = 2,
    .seconds = 60,
};

#define AT(field) offsetof(bench_settings, field)
static const option options[] = {
    OPT_TEXT('m', "model", "MODEL", AT(use.model), "a GGUF file"),
    LORA_OPTION,
    OPT_TEXT(0, "preset", "NAME,..", AT(presets), "a known shape with random weights instead"),
    OPT_TEXT(0, "quant", "TYPE,..", AT(quants), "types of a preset's weights (q8_0)"),
    OPT_TEXT(0, "op", "X", AT(op), "an operation instead, all of them, or matmul:ROWSxCOLSxT:TYPE"),
    OPT_TEXT('p', "n-prompt", "N,..", AT(prompts), "tokens of prompt tests (512); 0: none"),
    OPT_TEXT('n', "n-gen", "N,..", AT(gens), "tokens of decode tests (128); 0: none"),
    OPT_TEXT(0, "depth", "N,..", AT(depths), "tokens in the cache before a test (0)"),
    OPT_TEXT(0, "batch", "N,..", AT(batches), "sequences side by side (1)"),
    OPT_WHOLE('r', "repetitions", "N", AT(repetitions), 1, 1000, "samples of each test, at least"),
    OPT_WHOLE(0, "rounds", "N", AT(rounds), 1, PENCL_BENCH_ROUNDS, "rounds of all tests"),
    OPT_REAL(0, "seconds", "S", AT(seconds), 0, 3600, "of samples of each test, at most"),
    OPT_FLAG(0, "no-limits", AT(no_limits), "the device's limits are not measured"),
    OPT_FLAG(0, "profile", AT(profile), "where the time of a step goes, kernel by kernel"),
    OPT_TEXT(
        0, "predict", "F", AT(predict), "t/s on the device of file F, or \"measured\"; no run"),
    OPT_REAL(0, "sustain", "S", AT(sustain), 1, 86400, "t/s of each second, S seconds long"),
    OPT_FLAG(0, "json", AT(json), "one JSON array"),
    OPT_FLAG(0, "jsonl", AT(jsonl), "one JSON object a line, as they come"),
    OPT_FLAG(0, "csv", AT(csv), "comma-separated values"),
    BENCH_FILES_OPTIONS(AT(files)),
    DEVICE_OPTIONS,
    OPT_END,
};

/* Where records go. */
typedef struct sink {
    const bench_settings *s;
    json_t *records; /* NULL: memory is out */
} sink;

static void take(void *user, json_t *record)
{
    sink *to = user;
    if (to->s->jsonl) {
        bench_print_line(record);
    }
    json_array_append_new(to->records, record);
}

static int run_models(const bench_settings *s, sink *to)
{
    bench_rows rows;
    int status = bench_rows_make(&rows, s);
    if (status == EXIT_DONE) {
        status = bench_run(&rows, s, take, to);
    }
    bench_rows_free(&rows);
    return status;
}

/* What was measured is printed after a failure and after Ctrl-C too. */
static void print(sink *from)
{
    const bench_settings *s = from->s;
    if (s->json) {
        print_json(json_incref(from->records));
    } else if (s->csv && s->op == NULL) {
        bench_print_csv(from->records);
    } else if (s->op != NULL) {
        bench_print_ops(from->records);
    } else {
        bench_print_table(from->records);
    }
}

static int check(const bench_settings *s)
{
    const int subjects = (s->op != NULL) + (s->use.model != NULL) + (s->presets != NULL);
    if (subjects != 1) {
        return usage_error("bench", subjects > 1 ? "-m, --preset and --op exclude each other"
                                                 : "nothing to measure: -m MODEL is missing");
    }
    if (s->quants != NULL && s->presets == NULL) {
        return usage_error("bench", "--quant is for presets: a model has its types");
    }
    if (s->json + s->jsonl + s->csv > 1) {
        return usage_error("bench", "--json, --jsonl and --csv exclude each other");
    }
    return EXIT_DONE;
}

static int measure(const bench_settings *s)
{
    sink to = {.s = s, .records = json_array()};
    const int status = s->op != NULL ? bench_run_ops(s, take, &to) : run_models(s, &to);
    const bool any = json_array_size(to.records) > 0;
    const bool other = s->json && s->files.compare != NULL; /* one document: the comparison */
    if (!s->jsonl && !other && (status == EXIT_DONE || any)) {
        print(&to);
    }
    const int after = bench_files_finish(&s->files, s->json, to.records);
    json_decref(to.records);
    return status == EXIT_DONE ? after : status;
}

static int run(const void *given, const words *rest)
{
    const bench_settings *s = given;
    if (bench_files_only(&s->files) || rest->n > 0) {
        return bench_files_run(&s->files, s->json, rest);
    }
    int status = check(s);
    if (status == EXIT_DONE) {
        const bool look = s->profile || s->predict != NULL || s->sustain > 0;
        interrupt_catch(NULL);
        status = look && s->op == NULL ? bench_look(s) : measure(s);
        interrupt_release();
    }
    return status;
}

const command cmd_bench = {
    .usage = "(-m MODEL | --preset NAME | --op X | --merge FILE.. | --history)",
    .example = "pencl bench -m model.gguf -p 512 -n 128",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .max_words = -1,
    .run = run,
};
