/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements as records: one JSON object a row, with llama-bench's fields and pencl's own. */
#ifndef PENCL_TOOLS_BENCH_H
#define PENCL_TOOLS_BENCH_H

#include "bench_files.h"
#include "output.h"
#include "work.h"

typedef struct bench_settings {
    model_settings use;
    bench_files files;
    const char *presets; /* instead of a model; lists "a,b" */
    const char *quants;  /* NULL: the default */
    const char *op;
    const char *prompts; /* lists "512,1024"; NULL: the default */
    const char *gens;
    const char *depths;
    const char *batches;
    int64_t repetitions;
    int64_t rounds;
    double seconds;
    bool no_limits;
    bool profile;
    const char *predict; /* a file of limits, or "measured"; or NULL */
    double sustain;      /* seconds; 0: not asked for */
    bool json;
    bool jsonl;
    bool csv;
} bench_settings;

/* ---- bench_rows.c: what is to be measured ---- */

/* What a device can do at most, before and after its tests; zeros where it was not measured. */
typedef struct bench_limits {
    bool measured;
    pencl_limits before;
    pencl_limits after;
} bench_limits;

/* A model that has no file. */
typedef struct bench_preset {
    char name[32];
    pencl_dtype dtype;
} bench_preset;

/* One test of one model on one device. */
typedef struct bench_row {
    size_t device;       /* in bench_rows.devices */
    bench_preset preset; /* no name: the file */
    pencl_bench_options how;
    bool may_halve; /* its size is a default, which a slow device cannot keep to */
    int halved;
    pencl_bench_result result;
    int64_t threads; /* worker threads of a CPU device; 0 on others */
    double load_ms;
    uint64_t memory;    /* bytes, of the device */
    double weights_gbs; /* reading as many bytes as the weights have; 0: not measured */
    pencl_device_info on;
    pencl_model_info model;
    pencl_selftest_verdict selftest;
    char hash[PENCL_HASH_TEXT];   /* of the file; "" for none */
    char digest[PENCL_HASH_TEXT]; /* of what it says; the same */
} bench_row;

typedef struct bench_rows {
    work_devices devices;
    bench_limits *limits; /* of each device */
    bench_row *rows;      /* device by device */
    size_t n;
    pencl_host_info host;
} bench_rows;

/* Every device with every test of the lists; an exit status. Freed in any case. */
int bench_rows_make(bench_rows *out, const bench_settings *s);
void bench_rows_free(bench_rows *rows);

/* ---- bench_run.c ---- */

/* The file of the settings on their device, or a preset; an exit status, closed in any case. */
int bench_open(work *w, const bench_settings *s, const bench_preset *preset);
bool bench_preset_same(const bench_preset *a, const bench_preset *b);

/* Takes a record over. */
typedef void bench_take(void *user, json_t *record);
/* Measures all rows in rounds of alternating order; each that has samples becomes a record, also
 * after a failure or Ctrl-C. An exit status. */
int bench_run(bench_rows *rows, const bench_settings *s, bench_take *take, void *user);

/* ---- bench_ops.c ---- */

/* Measures the operations; an exit status. */
int bench_run_ops(const bench_settings *s, bench_take *take, void *user);

/* ---- bench_record.c ---- */

json_t *bench_record(const bench_rows *rows, const bench_row *row, const bench_settings *s);
json_t *bench_op_record(const work *w, const pencl_bench_op *op);

/* ---- bench_output.c: records as text, on standard output ---- */

/* A table of rows of models, or of operations; from an array of records. */
void bench_print_table(const json_t *records);
void bench_print_ops(const json_t *records);
/* llama-bench's columns, then the scalar ones of pencl. */
void bench_print_csv(const json_t *records);
void bench_print_line(const json_t *record);

#endif
