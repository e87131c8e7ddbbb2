/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench: the speed of a model, as llama-bench's table, or of single operations. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

typedef struct settings {
    model_settings use;
    const char *op;
    int64_t n_prompt;
    int64_t n_gen;
    int64_t repetitions;
    bool json;
} settings;

static const settings defaults = {
    .use.on = DEVICE_DEFAULTS,
    .n_prompt = 512,
    .n_gen = 128,
    .repetitions = 5,
};

#define AT(field) offsetof(settings, field)
static const option options[] = {
    OPT_TEXT('m', "model", "MODEL", AT(use.model), "a GGUF file"),
    LORA_OPTION,
    OPT_TEXT(0, "op", "X", AT(op), "an operation instead of a model, or all of them"),
    OPT_WHOLE('p', "n-prompt", "N", AT(n_prompt), 0, 1 << 24, "tokens of the prompt test; 0: none"),
    OPT_WHOLE('n', "n-gen", "N", AT(n_gen), 0, 1 << 24, "tokens of the decode test; 0: none"),
    OPT_WHOLE('r', "repetitions", "N", AT(repetitions), 1, 1000, "samples of each"),
    OPT_FLAG(0, "json", AT(json), "one JSON array"),
    DEVICE_OPTIONS,
    OPT_END,
};

typedef struct op_output {
    const work *w;
    json_t *rows; /* NULL: a table is printed */
} op_output;

static int on_op(void *user, const pencl_bench_op *op)
{
    const op_output *to = user;
    if (to->rows != NULL) {
        json_array_append_new(to->rows, bench_op_json(to->w, op));
    } else {
        bench_op_row(to->w, op);
    }
    return fflush(stdout) != 0 || interrupted();
}

static int bench_ops(work *w, const settings *s, json_t *rows)
{
    op_output to = {w, rows};
    const pencl_bench_ops_options how = {
        .op = s->op, .repetitions = (int)s->repetitions, .row = on_op, .user = &to};
    int status = work_device(w, &s->use.on);
    if (status == EXIT_DONE && pencl_bench_ops(w->device, &how) != PENCL_OK) {
        status = work_failed(w);
    }
    return status;
}

static int stopped(void *user)
{
    (void)user;
    return interrupted();
}

/* One test: its row, or its object in `rows`. */
static int bench_test(const work *w, const settings *s, json_t *rows, pencl_bench_options how)
{
    pencl_bench_result r = {0};
    how.repetitions = (int)s->repetitions;
    how.matmul = s->use.on.matmul;
    how.stopped = stopped;
    if (pencl_bench_model(&r, w->model, &how) != PENCL_OK) {
        return work_failed(w);
    }
    if (rows != NULL) {
        json_array_append_new(rows, bench_model_json(w, &r));
    } else {
        bench_model_row(w, &r);
        fflush(stdout);
    }
    pencl_bench_result_free(&r);
    return EXIT_DONE;
}

static int bench_model(work *w, const settings *s, json_t *rows)
{
    int status = work_model(w, "bench", &s->use);
    if (status == EXIT_DONE && s->n_prompt > 0) {
        status = bench_test(w, s, rows, (pencl_bench_options){.n_prompt = s->n_prompt});
    }
    if (status == EXIT_DONE && s->n_gen > 0) {
        status = bench_test(w, s, rows, (pencl_bench_options){.n_gen = s->n_gen});
    }
    if (status == EXIT_DONE) {
        work_summary(w, 0, 0, 0, 0);
    }
    return status;
}

/* Every device that was asked for, one after another; the first failure is what the command says.
 */
static int bench_all(const settings *given, const work_devices *devices, json_t *rows)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < devices->n && !interrupted(); i++) {
        settings s = *given;
        work w = {0};
        s.use.on.device = devices->ids[i];
        int one = s.op != NULL ? bench_ops(&w, &s, rows) : bench_model(&w, &s, rows);
        status = status == EXIT_DONE ? one : status;
        work_close(&w);
    }
    return interrupted() ? EXIT_FAILED : status;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    work_devices devices = {0};
    (void)rest;
    if ((s->op != NULL) == (s->use.model != NULL)) {
        return usage_error("bench", s->op != NULL ? "-m and --op exclude each other"
                                                  : "no model: -m MODEL is missing");
    }
    interrupt_catch(NULL);
    int status = work_find_devices(&devices, &s->use.on);
    if (status == EXIT_DONE) {
        json_t *rows = s->json ? json_array() : NULL;
        if (!s->json) {
            s->op != NULL ? bench_op_head() : bench_model_head();
        }
        status = bench_all(s, &devices, rows);
        if (s->json && (status == EXIT_DONE || json_array_size(rows) > 0)) {
            print_json(rows);
        } else {
            json_decref(rows);
        }
    }
    work_free_devices(&devices);
    interrupt_release();
    return status;
}

const command cmd_bench = {
    .usage = "(-m MODEL | --op X)",
    .example = "pencl bench -m model.gguf -p 512 -n 128",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
