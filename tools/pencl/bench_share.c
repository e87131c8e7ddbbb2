/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to publish. Only fields that are known are kept, and their texts lose what belongs to a
 * person or to one single machine: its name, its user, paths, UUIDs, serial numbers. */
#include "bench_files.h"
#include "bench_read.h"
#include "command.h"
#include "output.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_ROOM = 256, NAME_LEAST = 3 };

/* What a row may have, and the device and the host in it. */
static const char *const row_fields[] = {"schema",
                                         "protocol",
                                         "version",
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
                                         "cpu_strict",
                                         "poll",
                                         "type_k",
                                         "type_v",
                                         "n_gpu_layers",
                                         "split_mode",
                                         "main_gpu",
                                         "no_kv_offload",
                                         "flash_attn",
                                         "use_mmap",
                                         "embeddings",
                                         "repack",
                                         "n_prompt",
                                         "n_gen",
                                         "n_depth",
                                         "test_time",
                                         "avg_ns",
                                         "stddev_ns",
                                         "avg_ts",
                                         "stddev_ts",
                                         "samples_ns",
                                         "samples_ts",
                                         "n_parallel",
                                         "model_sha",
                                         "preset",
                                         "quant",
                                         "matmul",
                                         "device",
                                         "host",
                                         "clock_mhz",
                                         "temperature_c",
                                         "power",
                                         "joules_per_token",
                                         "limits",
                                         "bytes_per_token",
                                         "flops_per_token",
                                         "bandwidth_share",
                                         "bandwidth_divisor",
                                         "flops_share",
                                         "flops_divisor",
                                         "cached",
                                         "load_ms",
                                         "first_token_ms",
                                         "memory_bytes",
                                         "mode",
                                         "passes",
                                         "tuning",
                                         "candidates",
                                         "selftest",
                                         "tokens_digest",
                                         "median_ts",
                                         "ci95_ts",
                                         "median_ns",
                                         "rounds",
                                         "flags",
                                         "unstable",
                                         "op",
                                         "case",
                                         "candidate",
                                         "device_id",
                                         "ns",
                                         "gb_s",
                                         "gflop_s",
                                         NULL};
static const char *const device_fields[] = {
    "id",     "name",     "platform",      "vendor", "type",    "driver",
    "opencl", "opencl_c", "compute_units", "memory", "unified", NULL};
static const char *const host_fields[] = {"os", "kernel", "mesa", "cpu", "cores", "governor", NULL};
/* Digests and ids made by pencl, which look like serial numbers and are none. */
static const char *const as_they_are[] = {"model_sha", "tokens_digest", "id",     "device_id",
                                          "test_time", "build_commit",  "schema", NULL};

static bool is_among(const char *const *names, const char *name)
{
    while (*names != NULL && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

/* ---- texts ---- */

/* What must not be told; "" where there is none. */
typedef struct secrets {
    char host[NAME_ROOM];
    char user[NAME_ROOM];
} secrets;

static void read_secrets(secrets *s)
{
    const char *user = getenv("USER") != NULL ? getenv("USER") : getenv("LOGNAME");
    *s = (secrets){0};
    gethostname(s->host, sizeof s->host - 1);
    s->host[strcspn(s->host, ".")] = '\0';
    snprintf(s->user, sizeof s->user, "%s", user != NULL ? user : "");
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Bytes of `name` as a whole word at `at`. */
static size_t name_at(const char *text, const char *at, const char *name)
{
    size_t size = strlen(name);
    bool here = size >= NAME_LEAST && strncmp(at, name, size) == 0 && !in_word(at[size]) &&
                (at == text || !in_word(at[-1]));
    return here ? size : 0;
}

/* Bytes of a path up to its last part. */
static size_t folders_at(const char *text, const char *at)
{
    bool begins =
        at[0] == '/' || at[0] == '~' ||
        (isalpha((unsigned char)at[0]) && at[1] == ':' && (at[2] == '\\' || at[2] == '/'));
    if (!begins || (at > text && (in_word(at[-1]) || at[-1] == '.'))) {
        return 0;
    }
    size_t last = 0;
    for (size_t i = 0; at[i] != '\0' && strchr(" ,;\"'()", at[i]) == NULL; i++) {
        last = at[i] == '/' || at[i] == '\\' ? i + 1 : last;
    }
    return last;
}

/* Bytes of a UUID, or of 16 and more hexadecimal digits with and without signs between. */
static size_t serial_at(const char *text, const char *at)
{
    size_t size = 0;
    int digits = 0;
    int figures = 0;
    if (at > text && in_word(at[-1])) {
        return 0;
    }
    while (isxdigit((unsigned char)at[size]) || (size > 0 && (at[size] == '-' || at[size] == ':') &&
                                                 isxdigit((unsigned char)at[size + 1]))) {
        digits += isxdigit((unsigned char)at[size]) != 0;
        figures += isdigit((unsigned char)at[size]) != 0;
        size++;
    }
    return digits >= 12 && figures > 0 && !in_word(at[size]) ? size : 0;
}

/* "Serial: C02XK", "UUID=GPU-..": the word behind these words. */
static size_t named_serial_at(const char *text, const char *at)
{
    static const char *const marks[] = {"serial", "uuid", "s/n", NULL};
    if (at > text && in_word(at[-1])) {
        return 0;
    }
    for (int i = 0; marks[i] != NULL; i++) {
        size_t n = 0;
        while (marks[i][n] != '\0' && tolower((unsigned char)at[n]) == marks[i][n]) {
            n++;
        }
        size_t mark = n + strspn(at + n, " :=#");
        if (marks[i][n] == '\0' && mark > n) {
            return mark + strcspn(at + mark, " ,;)");
        }
    }
    return 0;
}

static json_t *clean_text(const char *text, const secrets *s)
{
    char *out = calloc(strlen(text) + 1, 1);
    size_t n = 0;
    if (out == NULL) {
        return NULL;
    }
    for (const char *at = text; *at != '\0';) {
        size_t skip = name_at(text, at, s->host);
        skip = skip > 0 ? skip : name_at(text, at, s->user);
        skip = skip > 0 ? skip : folders_at(text, at);
        skip = skip > 0 ? skip : serial_at(text, at);
        skip = skip > 0 ? skip : named_serial_at(text, at);
        if (skip == 0) {
            out[n++] = *at;
        }
        at += skip > 0 ? skip : 1;
    }
    json_t *clean = json_string(out);
    free(out);
    return clean;
}

/* ---- values ---- */

static json_t *clean(const json_t *value, const char *const *fields, const secrets *s);

static json_t *clean_object(const json_t *object, const char *const *fields, const secrets *s)
{
    json_t *to = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(size_t)object, key, value)
    {
        const char *const *inside = fields != row_fields         ? NULL
                                    : strcmp(key, "device") == 0 ? device_fields
                                    : strcmp(key, "host") == 0   ? host_fields
                                                                 : NULL;
        if (fields != NULL && !is_among(fields, key)) {
            continue;
        }
        json_object_set_new(
            to, key, is_among(as_they_are, key) ? json_deep_copy(value) : clean(value, inside, s));
    }
    return to;
}

static json_t *clean(const json_t *value, const char *const *fields, const secrets *s)
{
    if (json_is_object(value)) {
        return clean_object(value, fields, s);
    }
    if (json_is_string(value)) {
        return clean_text(json_string_value(value), s);
    }
    if (!json_is_array(value)) {
        return json_deep_copy(value);
    }
    json_t *to = json_array();
    for (size_t i = 0; i < json_array_size(value); i++) {
        json_array_append_new(to, clean(json_array_get(value, i), NULL, s));
    }
    return to;
}

/* ---- the file ---- */

/* An array with one row a line, so that changes of a file can be read. */
static void write_rows(const json_t *rows, FILE *file)
{
    secrets s;
    read_secrets(&s);
    fputs("[\n", file);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = clean(json_array_get(rows, i), row_fields, &s);
        fputc(' ', file);
        json_dumpf(row, file, JSON_REAL_PRECISION(8));
        fputs(i + 1 < json_array_size(rows) ? ",\n" : "\n", file);
        json_decref(row);
    }
    fputs("]\n", file);
}

int bench_share(const json_t *rows, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    bool whole = memory != NULL;
    if (whole) {
        write_rows(rows, memory);
        whole = !ferror(memory);
        whole = fclose(memory) == 0 && whole;
    }
    int status = EXIT_FAILED;
    if (whole) {
        status = write_file(path, text, size);
    } else {
        say("out of host memory");
    }
    free(text);
    return status;
}
