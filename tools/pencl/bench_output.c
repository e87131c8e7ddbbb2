/* SPDX-License-Identifier: Apache-2.0 */
/* Prints records: a Markdown table as llama-bench's, with device and shares; CSV; lines of JSON. */
#include "bench.h"
#include "bench_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *text_at(const json_t *record, const char *path)
{
    return row_text(record, path, "");
}

static double real_at(const json_t *record, const char *path)
{
    return row_number_or(record, path, 0);
}

static int64_t whole_at(const json_t *record, const char *path)
{
    return (int64_t)json_integer_value(row_at(record, path));
}

/* ---- tables ---- */

/* "pp512 @ d4096 x8" */
static const char *test_text(const json_t *record, char *to, size_t room)
{
    const int64_t prompt = whole_at(record, "n_prompt");
    const int64_t depth = whole_at(record, "n_depth");
    const int64_t batch = whole_at(record, "n_parallel");
    int size = snprintf(to, room, "%s%" PRId64, prompt > 0 ? "pp" : "tg",
                        prompt + whole_at(record, "n_gen"));
    if (depth > 0) {
        size += snprintf(to + size, room - (size_t)size, " @ d%" PRId64, depth);
    }
    if (batch > 1) {
        snprintf(to + size, room - (size_t)size, " x%" PRId64, batch);
    }
    return to;
}

static const char *share_text(const json_t *record, const char *path, char *to, size_t room)
{
    const json_t *share = row_at(record, path);
    snprintf(to, room, json_is_number(share) ? "%.0f %%" : "", 100 * json_number_value(share));
    return to;
}

static void print_flags(const json_t *record)
{
    size_t i;
    const json_t *flag;
    json_array_foreach(row_at(record, "flags"), i, flag)
    {
        printf("%s%s", i > 0 ? ", " : "", json_string_value(flag));
    }
}

void bench_print_table(const json_t *records)
{
    size_t i;
    const json_t *r;
    printf("| model | size | params | backend | threads | device | test | t/s | of bandwidth | "
           "of flops | |\n"
           "| --- | ---: | ---: | --- | ---: | --- | ---: | ---: | ---: | ---: | --- |\n");
    json_array_foreach(records, i, r)
    {
        char size[32];
        char test[80];
        char bandwidth[16];
        char flops[16];
        printf("| %s | %s | %.2f M | %s | %" PRId64 " | %s | %s | %.2f ± %.2f | %s | %s | ",
               text_at(r, "model_type"),
               bytes_text(size, sizeof size, (uint64_t)whole_at(r, "model_size")),
               real_at(r, "model_n_params") / 1e6, text_at(r, "backends"), whole_at(r, "n_threads"),
               text_at(r, "device.id"), test_text(r, test, sizeof test), real_at(r, "avg_ts"),
               real_at(r, "stddev_ts"),
               share_text(r, "bandwidth_share", bandwidth, sizeof bandwidth),
               share_text(r, "flops_share", flops, sizeof flops));
        print_flags(r);
        printf(" |\n");
    }
}

void bench_print_ops(const json_t *records)
{
    size_t i;
    const json_t *r;
    printf("| op | case | kernel | device | us | GB/s | GFLOP/s |\n"
           "| --- | --- | --- | --- | ---: | ---: | ---: |\n");
    json_array_foreach(records, i, r)
    {
        printf("| %s | %s | %s | %s | %.2f | %.2f | %.2f |\n", text_at(r, "op"), text_at(r, "case"),
               text_at(r, "candidate"), text_at(r, "device_id"), real_at(r, "ns") / 1e3,
               real_at(r, "gb_s"), real_at(r, "gflop_s"));
    }
}

/* ---- CSV ---- */

static const char *const columns[] = {
    /* llama-bench's, in its order */
    "build_commit",
    "build_number",
    "cpu_info",
    "gpu_info",
    "backends",
    "model_filename",
    "model_type",
    "model_size",
    "model_n_params",
    "n_batch",
    "n_ubatch",
    "n_threads",
    "type_k",
    "type_v",
    "n_prompt",
    "n_gen",
    "n_depth",
    "test_time",
    "avg_ns",
    "stddev_ns",
    "avg_ts",
    "stddev_ts",
    /* ours; a dot becomes an underscore */
    "schema",
    "version",
    "n_parallel",
    "model_sha",
    "preset",
    "quant",
    "device.id",
    "device.name",
    "device.platform",
    "device.vendor",
    "device.type",
    "device.driver",
    "device.opencl",
    "device.opencl_c",
    "device.compute_units",
    "device.memory",
    "host.os",
    "host.kernel",
    "host.mesa",
    "host.cores",
    "host.governor",
    "clock_mhz.before",
    "clock_mhz.after",
    "temperature_c.before",
    "temperature_c.after",
    "power.watts",
    "power.idle_watts",
    "power.source",
    "joules_per_token",
    "limits.before.read_gbs",
    "limits.before.fma_gflops",
    "limits.before.launch_us",
    "limits.after.read_gbs",
    "limits.after.fma_gflops",
    "limits.after.launch_us",
    "weights_gbs",
    "bytes_per_token",
    "flops_per_token",
    "bandwidth_share",
    "flops_share",
    "cached",
    "load_ms",
    "first_token_ms",
    "memory_bytes",
    "mode",
    "passes",
    "tuning",
    "selftest",
    "tokens_digest",
    "median_ts",
    "median_ns",
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static void print_quoted_field(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        printf(*text == '"' ? "\"\"" : "%c", *text);
    }
    putchar('"');
}

/* Every field in quotes, as llama-bench has them; what is not known is empty. */
static void print_field_of(const json_t *value)
{
    char number[32] = "";
    if (json_is_string(value)) {
        print_quoted_field(json_string_value(value));
        return;
    }
    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(number, sizeof number, "%.9g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(number, sizeof number, "%d", json_is_true(value));
    }
    print_quoted_field(number);
}

void bench_print_csv(const json_t *records)
{
    size_t i;
    const json_t *r;
    for (int c = 0; c < N_COLUMNS; c++) {
        char name[64];
        snprintf(name, sizeof name, "%s", columns[c]);
        for (char *dot = name; (dot = strchr(dot, '.')) != NULL;) {
            *dot = '_';
        }
        printf("%s%s", c > 0 ? "," : "", name);
    }
    putchar('\n');
    json_array_foreach(records, i, r)
    {
        for (int c = 0; c < N_COLUMNS; c++) {
            printf("%s", c > 0 ? "," : "");
            print_field_of(row_at(r, columns[c]));
        }
        putchar('\n');
    }
}

void bench_print_line(const json_t *record)
{
    json_dumpf(record, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
    putchar('\n');
    fflush(stdout);
}
