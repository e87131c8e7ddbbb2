/* SPDX-License-Identifier: Apache-2.0 */
/* Speed: how fast models and single operations run on a device, by the protocol "pencl-bench/1".
 *
 *     pencl_bench_options o = PENCL_BENCH_OPTIONS_INIT;
 *     o.n_prompt = 512;
 *     pencl_bench_result r = {0};
 *     pencl_status st = pencl_bench_round(&r, model, &o);
 *     if (!st) printf("%.2f t/s, %.2f to %.2f\n", r.median_ts, r.ci95_ts[0], r.ci95_ts[1]);
 *     pencl_bench_result_free(&r);
 *
 * A round of a test: runs warm up until two of them agree within 2 %, 10 s at most; then samples
 * are taken, at least as many as asked for, until the 95 % interval of their median is no wider
 * than 2 % of it or the round has taken 30 s. A limit counts the run that would exceed it as if it
 * had been made. Tests of several devices are measured in two rounds of opposite order, so that
 * whatever drifts meets each of them on both ends.
 */
#ifndef PENCL_BENCH_H
#define PENCL_BENCH_H

#include "pencl/study.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PENCL_BENCH_PROTOCOL "pencl-bench/1"

/* ---- models ---- */

/* One test, as llama-bench has them: after `depth` tokens in the cache either n_prompt tokens fed
 * at once (n_gen 0), or n_gen tokens fed one by one (n_prompt 0); of `batch` sequences side by
 * side. Tokens are made up, the same ones on every machine; nothing is sampled or tokenised.
 * Filling the cache is not timed. */
typedef struct pencl_bench_options {
    int64_t n_prompt;
    int64_t n_gen;
    int64_t depth;
    int64_t batch;              /* sequences; t/s counts the tokens of all */
    int samples;                /* of the round, at least; 1 or more */
    double warm_seconds;        /* at most */
    double seconds;             /* of samples, at most; more only for the least number of them */
    double goal;                /* the interval's width as a share of the median */
    const char *matmul;         /* as in pencl_session_options */
    int (*stopped)(void *user); /* asked between runs: non-zero gives E_CANCELLED; or NULL */
    void *user;
} pencl_bench_options;
#define PENCL_BENCH_OPTIONS_INIT                                                                   \
    {                                                                                              \
        .batch = 1, .samples = 3, .warm_seconds = 10, .seconds = 30, .goal = 0.02                  \
    }

enum { PENCL_BENCH_ROUNDS = 10, PENCL_BENCH_CHOICES = 32 };

/* Between the first sample and the last one; NAN for what no sensor tells. */
typedef struct pencl_bench_round_info {
    int n_samples;
    double median_ts;
    int warm_runs;
    double warm_seconds;
    int warm_agreed;         /* 1: the last two warm-up runs were within 2 % */
    double clock_mhz[2];     /* before and after: of the GPU, or the mean of the CPU's cores */
    double temperature_c[2]; /* likewise; of a CPU its hottest part */
    double watts;            /* of the CPU's package, the GPU's board, or a battery */
    double foreign;          /* cores that were busy with other work */
} pencl_bench_round_info;

/* The kernel that computes most nodes of an operation. Static texts. */
typedef struct pencl_bench_choice {
    const char *op;
    const char *kernel;
} pencl_bench_choice;

/* All rounds of a test together; all zeros before the first. */
typedef struct pencl_bench_result {
    int64_t n_prompt;
    int64_t n_gen;
    int64_t depth;
    int64_t batch;
    char test_time[32]; /* UTC, ISO 8601, when the first sample began */
    int n_samples;
    uint64_t *samples_ns; /* freed by pencl_bench_result_free */
    double *samples_ts;   /* tokens a second of each sample; the same */
    double avg_ns;
    double stddev_ns; /* of the samples: 0 when there is one */
    double avg_ts;
    double stddev_ts;
    double median_ns;
    double median_ts;
    double ci95_ts[2]; /* of the median, by order statistics; below 6 samples their extremes */
    double first_ms;   /* of the first run: kernels are built, or read from the store */
    const char *power; /* where watts come from: "rapl", "hwmon", "battery"; NULL: nowhere */
    double idle_watts; /* just before the first round */
    int n_rounds;
    pencl_bench_round_info rounds[PENCL_BENCH_ROUNDS];
    /* What a token needs at least: every weight read once a step, as stored in the file, and the
     * cached rows in use; multiplications and additions of matrices and attention. */
    double bytes_per_token;
    double flops_per_token;
    int cached; /* 1: the weights fit the last cache before the memory */
    int n_choices;
    pencl_bench_choice choices[PENCL_BENCH_CHOICES];
} pencl_bench_result;

/* Adds a round to `result`, which is freed by pencl_bench_result_free, also when it fails: then the
 * samples of earlier rounds and those taken before a E_CANCELLED stay. E_ARG when not exactly one
 * of n_prompt and n_gen is given, or another test's result. */
PENCL_API PENCL_NODISCARD pencl_status pencl_bench_round(pencl_bench_result *result,
                                                         pencl_model *model,
                                                         const pencl_bench_options *options);
PENCL_API void pencl_bench_result_free(pencl_bench_result *result);

/* Halves n_prompt or n_gen until a sample takes no longer than so many seconds, down to 32 and 8 at
 * least; *halved says whether it did. Runs the test with few tokens first. Errors as above. */
PENCL_API PENCL_NODISCARD pencl_status pencl_bench_shorten(pencl_bench_options *options,
                                                           int *halved,
                                                           pencl_model *model,
                                                           double seconds);

/* Why a result is not to be relied on, a few words each: "drift 7 %" between rounds (of one: its
 * halves), "read_gbs drift 9 %" between the limits that were measured before and after, which may
 * be NULL, "clock 2100 of 2600 MHz", "foreign load 0.8" (cores). Drift counts from 5 % on. */
enum { PENCL_BENCH_REASONS = 6, PENCL_BENCH_REASON = 48 };
PENCL_API int pencl_bench_unstable(char reasons[PENCL_BENCH_REASONS][PENCL_BENCH_REASON],
                                   const pencl_bench_result *result,
                                   const pencl_limits *before,
                                   const pencl_limits *after);

/* ---- around it ---- */

enum { PENCL_HASH_TEXT = 33 };
/* 128-bit XXH3 of a file in hexadecimal digits. E_IO. */
PENCL_API PENCL_NODISCARD pencl_status pencl_file_hash(char out[PENCL_HASH_TEXT],
                                                       pencl_ctx *ctx,
                                                       const char *path);

/* Hash of the 16 tokens that the model finds likeliest after 16 made-up ones. */
PENCL_API PENCL_NODISCARD pencl_status pencl_bench_digest(char out[PENCL_HASH_TEXT],
                                                          pencl_model *model,
                                                          const char *matmul);

/* The machine that a device is part of; "" for what the system does not tell. */
typedef struct pencl_host_info {
    char os[128];      /* "Debian GNU/Linux 12 (bookworm)" */
    char kernel[128];  /* "Linux 6.1.0" */
    char cpu[128];     /* "AMD EPYC" */
    char governor[32]; /* of the first core's clock: "performance" */
    int cores;         /* that this process may use */
} pencl_host_info;
PENCL_API void pencl_host_describe(pencl_host_info *out);

/* ---- operations ---- */

/* One kernel candidate on one case of an operation. Texts are valid during the call of `row`. */
typedef struct pencl_bench_op {
    const char *op;
    const char *name;   /* of the case: "odd width" */
    const char *kernel; /* "rms_norm_row"; "reference" on `ref` */
    double ns;          /* of one run, the fastest of the samples */
    double bytes;       /* that have to be read and written at least */
    double flops;       /* 0 when the operation does not say */
} pencl_bench_op;

typedef struct pencl_bench_ops_options {
    const char *op;  /* a name, "all", or one size: "matmul:ROWSxCOLUMNSxTOKENS:TYPE" */
    int repetitions; /* samples of about 10 ms; at least 1 */
    /* Called for each row as it is measured; non-zero stops with E_CANCELLED. */
    int (*row)(void *user, const pencl_bench_op *op);
    void *user;
} pencl_bench_ops_options;
#define PENCL_BENCH_OPS_OPTIONS_INIT                                                               \
    {                                                                                              \
        .op = "all", .repetitions = 5                                                              \
    }

/* Every candidate that can run on the device, on every case of the table of operations. E_ARG with
 * the names when `op` is none of them. */
PENCL_API PENCL_NODISCARD pencl_status pencl_bench_ops(pencl_device *device,
                                                       const pencl_bench_ops_options *options);

#ifdef __cplusplus
}
#endif

#endif
