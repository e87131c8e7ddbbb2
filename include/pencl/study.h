/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements: how fast a model and single operations run on a device.
 *
 *     pencl_bench_options o = PENCL_BENCH_OPTIONS_INIT;
 *     o.n_prompt = 512;
 *     pencl_bench_result r;
 *     pencl_status st = pencl_bench_model(&r, model, &o);
 *     if (!st) printf("%.2f t/s +- %.2f\n", r.avg_ts, r.stddev_ts);
 *     pencl_bench_result_free(&r);
 */
#ifndef PENCL_STUDY_H
#define PENCL_STUDY_H

#include "pencl/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- models ---- */

/* One test: n_prompt tokens fed at once to an empty session (n_gen 0), or n_gen tokens fed one by
 * one (n_prompt 0). Emptying the session is not timed, nor is one warm-up before the samples. */
typedef struct pencl_bench_options {
    int64_t n_prompt;
    int64_t n_gen;
    int repetitions;            /* samples; at least 1 */
    const char *matmul;         /* as in pencl_session_options */
    int (*stopped)(void *user); /* asked between samples: non-zero gives E_CANCELLED; or NULL */
    void *user;
} pencl_bench_options;
#define PENCL_BENCH_OPTIONS_INIT                                                                   \
    {                                                                                              \
        .repetitions = 5                                                                           \
    }

typedef struct pencl_bench_result {
    int64_t n_prompt;
    int64_t n_gen;
    char test_time[32]; /* UTC, ISO 8601, when the first sample began */
    int n_samples;
    uint64_t *samples_ns; /* freed by pencl_bench_result_free */
    double *samples_ts;   /* tokens a second of each sample; the same */
    double avg_ns;
    double stddev_ns; /* of the samples: 0 when there is one */
    double avg_ts;
    double stddev_ts;
} pencl_bench_result;

/* The tokens are made up, the same ones on every machine. E_ARG when not exactly one of n_prompt
 * and n_gen is given. */
PENCL_API PENCL_NODISCARD pencl_status pencl_bench_model(pencl_bench_result *out,
                                                         pencl_model *model,
                                                         const pencl_bench_options *options);
PENCL_API void pencl_bench_result_free(pencl_bench_result *result);

/* ---- scores ---- */

/* How a model expected one token of a text after those before it. */
typedef struct pencl_token_score {
    int32_t token;
    double log_prob;      /* natural; NAN for the first token, which nothing precedes */
    int64_t rank;         /* tokens that were likelier; -1 for the first token */
    int32_t best;         /* the likeliest token; -1 for the first token */
    double best_log_prob; /* NAN for the first token */
} pencl_token_score;

/* Scores n tokens, at least one, into scores[n]; sums in double. E_TOKEN_RANGE; E_LIMIT: more
 * tokens than `context`; E_CANCELLED when `stopped`, asked between chunks, says non-zero. */
typedef struct pencl_score_options {
    int64_t context;            /* tokens at most; 0: 4096 */
    const char *matmul;         /* as in pencl_session_options */
    int (*stopped)(void *user); /* or NULL */
    void *user;
} pencl_score_options;
#define PENCL_SCORE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        0                                                                                          \
    }
PENCL_API PENCL_NODISCARD pencl_status pencl_score(pencl_token_score *scores,
                                                   pencl_lm *lm,
                                                   const int32_t *tokens,
                                                   size_t n,
                                                   const pencl_score_options *options);

/* ---- the logit lens: what a model would say if it ended after a block ----
 *
 *     pencl_lens *lens = NULL;
 *     pencl_status st = pencl_lens_new(&lens, lm, tokens, n, NULL);
 *     if (!st) printf("%d\n", pencl_lens_top(lens, 12, n - 1, 0)->token);
 *     pencl_lens_free(lens);
 */
typedef struct pencl_lens pencl_lens;
typedef struct pencl_lens_entry {
    int32_t token;
    float logit;
    double log_prob; /* natural */
} pencl_lens_entry;
typedef struct pencl_lens_options {
    int top;                    /* entries of each place; 0: 5 */
    int (*stopped)(void *user); /* asked between layers: non-zero gives E_CANCELLED; or NULL */
    void *user;
} pencl_lens_options;
#define PENCL_LENS_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/* Layer 0 is the residual stream in front of the first TransformerBlock, layer l what block l - 1
 * leaves; each goes through the layers that follow the blocks (final norm, unembedding). E_ARG: no
 * tokens; E_UNSUPPORTED: a body that is no Sequential of blocks; E_TOKEN_RANGE. */
PENCL_API PENCL_NODISCARD pencl_status pencl_lens_new(pencl_lens **out,
                                                      pencl_lm *lm,
                                                      const int32_t *tokens,
                                                      size_t n,
                                                      const pencl_lens_options *options);
PENCL_API void pencl_lens_free(pencl_lens *lens);
PENCL_API int pencl_lens_n_layers(const pencl_lens *lens);
PENCL_API size_t pencl_lens_n_tokens(const pencl_lens *lens);
PENCL_API int pencl_lens_n_top(const pencl_lens *lens);
/* The i-th likeliest next token after token `at` at a layer; NULL when out of range. Borrowed. */
PENCL_API const pencl_lens_entry *
pencl_lens_top(const pencl_lens *lens, int layer, size_t at, int i);

/* ---- points of a computation, and what passes there ----
 *
 *     const char *const where[] = {"blocks.*.hook_resid_pre"};
 *     pencl_points *points = NULL;
 *     pencl_captures *values = NULL;
 *     pencl_status st = pencl_points_new(&points, lm, where, 1, n);
 *     if (!st) st = pencl_points_capture(&values, points, tokens, n, NULL, 0);
 *     if (!st) st = pencl_captures_save(values, ctx, "residual.npz");
 *     pencl_captures_free(values);
 *     pencl_points_free(points);
 */
typedef struct pencl_points pencl_points;
#define PENCL_EVERY_POINT "all" /* a selection: what leaves each node, wherever it is computed */

/* The points that selections name (pencl_select_text), each once, with what passes there when the
 * model reads n_tokens tokens; nothing is computed. The lm must outlive them. Errors of the
 * selections; E_ARG: a node is not computed (a parameter, a table). */
PENCL_API PENCL_NODISCARD pencl_status pencl_points_new(
    pencl_points **out, pencl_lm *lm, const char *const selections[], int n, int64_t n_tokens);
PENCL_API void pencl_points_free(pencl_points *points);

typedef struct pencl_point_info {
    const char *name; /* the path of the node, ".sublayers[3].delta", with "@before" behind it where
                         the point lies in front, and "[2]" for the third layer of a stack */
    const char *type; /* of the node */
    pencl_dtype dtype;
    const pencl_axis *axes;
    int n_axes;
    uint64_t bytes;
} pencl_point_info;
PENCL_API int pencl_points_count(const pencl_points *points);
/* In the order of computation; no name when out of range. Borrowed. */
PENCL_API pencl_point_info pencl_points_info(const pencl_points *points, int i);

/* Calls the model on n tokens without a cache and keeps what passes the points, under their names;
 * of values with "seq" only the rows `at` (negative: from the end) when there are any. Only what is
 * captured leaves fusion. E_ARG: a position outside of the tokens; E_TOKEN_RANGE. */
PENCL_API PENCL_NODISCARD pencl_status pencl_points_capture(pencl_captures **out,
                                                            const pencl_points *points,
                                                            const int32_t *tokens,
                                                            size_t n,
                                                            const int64_t *at,
                                                            size_t n_at);
/* Captured values in a file: .npz with a member __axes__.json ({name: {"axes", "label", "dtype"}}),
 * or .safetensors with penzai.axes. E_ARG: another suffix. */
PENCL_API PENCL_NODISCARD pencl_status pencl_captures_save(const pencl_captures *captures,
                                                           pencl_ctx *ctx,
                                                           const char *path);
/* All arrays of such a file; those that it has no axes for have positional ones. */
PENCL_API PENCL_NODISCARD pencl_status pencl_captures_load(pencl_captures **out,
                                                           pencl_device *device,
                                                           const char *path);

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
    const char *op;  /* a name, or "all" */
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

/* ---- memory ---- */

/* Bytes that the library has held on the device at most, since it was opened. */
PENCL_API uint64_t pencl_device_peak_bytes(const pencl_device *device);

#ifdef __cplusplus
}
#endif

#endif
