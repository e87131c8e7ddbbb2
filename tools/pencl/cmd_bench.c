/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench: the speed of models and of single operations, by a protocol that can be repeated. */
#include "bench_look.h"

#include <stdio.h>
#include <string.h>

static const bench_settings defaults = {
    .use.on = DEVICE_DEFAULTS,
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
    DEVICE_OPTIONS,
    OPT_END,
};

/* Where records go. */
typedef struct sink {
    const bench_settings *s;
    const work *w;   /* of operations: the device that is open */
    json_t *records; /* NULL: memory is out */
} sink;

static void take(sink *to, json_t *record)
{
    if (to->s->jsonl) {
        bench_print_line(record);
        json_decref(record);
    } else {
        json_array_append_new(to->records, record);
    }
}

static void take_row(void *user, const bench_rows *rows, const bench_row *row)
{
    sink *to = user;
    take(to, bench_record(rows, row, to->s));
}

static int take_op(void *user, const pencl_bench_op *op)
{
    sink *to = user;
    take(to, bench_op_record(to->w, op));
    return interrupted();
}

static int bench_models(sink *to, const bench_settings *s)
{
    bench_rows rows;
    int status = bench_rows_make(&rows, s);
    if (status == EXIT_DONE) {
        status = bench_run(&rows, s, take_row, to);
    }
    bench_rows_free(&rows);
    return status;
}

/* Every device that was asked for, one after another; the first failure is what the command says.
 */
static int bench_ops(sink *to, const bench_settings *given)
{
    work_devices devices = {0};
    int status = work_find_devices(&devices, &given->use.on);
    for (size_t i = 0; i < devices.n && !interrupted(); i++) {
        bench_settings s = *given;
        work w = {0};
        const pencl_bench_ops_options how = {
            .op = s.op, .repetitions = (int)s.repetitions, .row = take_op, .user = to};
        s.use.on.device = devices.ids[i];
        to->w = &w;
        int one = work_device(&w, &s.use.on);
        if (one == EXIT_DONE && pencl_bench_ops(w.device, &how) != PENCL_OK) {
            one = work_failed(&w);
        }
        status = status == EXIT_DONE ? one : status;
        work_close(&w);
        interrupt_catch(NULL);
    }
    work_free_devices(&devices);
    return interrupted() ? EXIT_FAILED : status;
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

static int run(const void *given, const words *rest)
{
    const bench_settings *s = given;
    (void)rest;
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
    interrupt_catch(NULL);
    if (s->op == NULL && (s->profile || s->predict != NULL || s->sustain > 0)) {
        const int looked = bench_look(s);
        interrupt_release();
        return looked;
    }
    sink to = {.s = s, .records = json_array()};
    const int status = s->op != NULL ? bench_ops(&to, s) : bench_models(&to, s);
    const bool any = json_array_size(to.records) > 0;
    if (!s->jsonl && (status == EXIT_DONE || any)) {
        print(&to);
    }
    json_decref(to.records);
    interrupt_release();
    return status;
}

const command cmd_bench = {
    .usage = "(-m MODEL | --preset NAME | --op X)",
    .example = "pencl bench -m model.gguf -p 512 -n 128",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
