/* SPDX-License-Identifier: Apache-2.0 */
/* What is learned of models and devices from outside: scores, values inside, what changes them,
 * whether kernels are right, how fast a device can be. Speed: bench.h.
 *
 *     const int32_t ids[3] = {504, 3575, 282};
 *     pencl_token_score scores[3];
 *     pencl_status st = pencl_score(scores, lm, ids, 3, NULL);
 *     if (!st) printf("%.3f\n", scores[2].log_prob);
 */
#ifndef PENCL_STUDY_H
#define PENCL_STUDY_H

#include "pencl/model.h"

#ifdef __cplusplus
extern "C" {
#endif

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

/* ---- perplexity, and how far two runs are apart ----
 *
 * Texts of n tokens each, every one from an empty cache. With a base file that exists the logits
 * are compared with it, else they are written there: a .safetensors file of "tokens" int32 [texts,
 * seq] and "logits.0000", ... float32 [seq, vocabulary]. */
typedef struct pencl_perplexity_options {
    const char *base;                          /* or NULL */
    const char *matmul;                        /* as in pencl_session_options */
    void (*progress)(void *user, double done); /* 0 .. 1; or NULL */
    int (*stopped)(void *user); /* asked between chunks: non-zero gives E_CANCELLED; or NULL */
    void *user;
} pencl_perplexity_options;
#define PENCL_PERPLEXITY_OPTIONS_INIT                                                              \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct pencl_perplexity {
    int64_t n_scored;   /* tokens that something precedes */
    double nll;         /* mean of -log p(token), nats; perplexity is its exponential */
    double nll_error;   /* standard error of that mean */
    int compared;       /* with the base; the rest is 0 otherwise */
    int64_t n_compared; /* positions: all of them */
    double mean_kl;     /* KL(base || this), nats */
    double largest_kl;
    int64_t n_same;        /* positions with the same likeliest token */
    double largest_margin; /* where it differs: by how much, in logits of the base, its likeliest
                              token is ahead of the other one */
} pencl_perplexity;
/* tokens [n_texts][n]. E_ARG: no texts, or texts of fewer than 2 tokens; E_TOKEN_RANGE; E_FORMAT: a
 * base of other tokens or of another vocabulary; E_IO; E_CANCELLED, and no base is written. */
PENCL_API PENCL_NODISCARD pencl_status
pencl_perplexity_run(pencl_perplexity *out,
                     pencl_lm *lm,
                     const int32_t *tokens,
                     int64_t n_texts,
                     int64_t n,
                     const pencl_perplexity_options *options);

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
/* ---- changed models ---- */

typedef enum pencl_edit_kind {
    PENCL_EDIT_REPLACE,  /* `value` instead of what passes; NULL: zeros */
    PENCL_EDIT_ADD,      /* scale * value on top of it: steering */
    PENCL_EDIT_KNOCK_OUT /* one head attends to the first token only (KnockOutAttentionHeads) */
} pencl_edit_kind;
typedef struct pencl_edit {
    pencl_edit_kind kind;
    const char *select;       /* where; not of KNOCK_OUT */
    const pencl_array *value; /* with axes of what passes there; positional ones are the last ones
                                 of a capture. Others broadcast */
    double scale;
    int block; /* of KNOCK_OUT, from 0 */
    int head;  /* counted through the head axes, the last one fastest */
} pencl_edit;
/* The model with changes, one after another: another wrapper, which shares what stays. E_SHAPE: a
 * value does not fit; E_ARG: no such head; errors of selections. */
PENCL_API PENCL_NODISCARD pencl_status pencl_lm_edit(pencl_lm **out,
                                                     pencl_lm *lm,
                                                     const pencl_edit *edits,
                                                     int n);

/* ---- metrics: one number for the logits after a text ---- */

typedef struct pencl_metric pencl_metric;
/* A sum of terms with + and -, each maybe with a number and * in front: logit(TOKEN), prob(TOKEN),
 * logprob(TOKEN), and kl, the divergence from the unchanged model, in nats. TOKEN is a text of
 * exactly one token, spaces included (\) for a parenthesis), or #ID. E_ARG with the column. */
PENCL_API PENCL_NODISCARD pencl_status pencl_metric_new(pencl_metric **out,
                                                        pencl_ctx *ctx,
                                                        const pencl_model *model,
                                                        const char *text);
PENCL_API void pencl_metric_free(pencl_metric *metric);
PENCL_API const char *pencl_metric_text(const pencl_metric *metric);
/* ---- patching: what changes when a value inside does ----
 *
 *     pencl_patch_options o = PENCL_PATCH_OPTIONS_INIT;
 *     o.select = "blocks.*.hook_resid_pre";
 *     o.from = other, o.n_from = n_other;
 *     o.sweep = PENCL_SWEEP_POSITION;
 *     pencl_patch *p = NULL;
 *     pencl_status st = pencl_patch_new(&p, lm, tokens, n, &o);
 *     if (!st) printf("%g\n", pencl_patch_value(p, 12, n - 1)); // block 12, last token
 *     pencl_patch_free(p);
 */
typedef enum pencl_change {
    PENCL_CHANGE_FROM,      /* what passed there in the run of other tokens */
    PENCL_CHANGE_ZERO,      /* zeros */
    PENCL_CHANGE_MEAN,      /* values given, averaged over their "seq" */
    PENCL_CHANGE_KNOCK_OUT, /* the heads of an attention pattern, see PENCL_EDIT_KNOCK_OUT */
    PENCL_CHANGE_MODEL      /* another model altogether: pencl_lm_edit's; without a sweep */
} pencl_change;

/* One run with all points changed at once; or one for each of them and each position or head. The
 * runs of a point share a batch, and what lies in front of it is computed once. */
typedef enum pencl_sweep { PENCL_SWEEP_NONE, PENCL_SWEEP_POSITION, PENCL_SWEEP_HEAD } pencl_sweep;

typedef struct pencl_patch_options {
    pencl_change change;
    const char *select;  /* the points; NULL for KNOCK_OUT: every attention pattern */
    pencl_lm *edited;    /* of MODEL */
    const int32_t *from; /* of FROM */
    size_t n_from;       /* as many as the other tokens, unless align_last */
    int align_last;      /* tokens are counted from the end; those without a partner stay */
    const pencl_captures *values; /* of MEAN: by point, or one array under the name "" for all */
    const int64_t *at;            /* positions that change, negative from the end */
    size_t n_at;                  /* 0: all */
    pencl_sweep sweep;
    const pencl_metric *metric; /* NULL: the logit of the likeliest token after `tokens`, less that
                                   of the likeliest one after `from` where it is another */
    void (*progress)(void *user, double done); /* 0 .. 1; or NULL */
    int (*stopped)(void *user); /* asked between runs: non-zero gives E_CANCELLED; or NULL */
    void *user;
} pencl_patch_options;
#define PENCL_PATCH_OPTIONS_INIT                                                                   \
    {                                                                                              \
        .change = PENCL_CHANGE_FROM                                                                \
    }

typedef struct pencl_patch pencl_patch;
/* The lm must outlive it. E_ARG: token counts that differ, no such point or position; E_SHAPE: a
 * value does not fit; E_AXIS: a value without heads; E_TOKEN_RANGE; E_CANCELLED. */
PENCL_API PENCL_NODISCARD pencl_status pencl_patch_new(pencl_patch **out,
                                                       pencl_lm *lm,
                                                       const int32_t *tokens,
                                                       size_t n,
                                                       const pencl_patch_options *options);
PENCL_API void pencl_patch_free(pencl_patch *patch);
PENCL_API const pencl_metric *pencl_patch_metric(const pencl_patch *patch);
/* The metric of the unchanged model; after the other tokens, NAN when there are none. */
PENCL_API double pencl_patch_before(const pencl_patch *patch);
PENCL_API double pencl_patch_from(const pencl_patch *patch);
/* Rows are points in the order of the tree, columns positions or heads; 1 x 1 without a sweep. */
PENCL_API int pencl_patch_n_rows(const pencl_patch *patch);
PENCL_API int pencl_patch_n_columns(const pencl_patch *patch);
/* The point's name, and the block that it is in (-1: none). Borrowed; NULL when out of range, and
 * without a sweep. */
PENCL_API const char *pencl_patch_row(const pencl_patch *patch, int row, int *block);
/* The position, or the head, of a column. */
PENCL_API int64_t pencl_patch_column(const pencl_patch *patch, int column);
/* The metric of the changed model; NAN when out of range, or where a row has fewer columns. */
PENCL_API double pencl_patch_value(const pencl_patch *patch, int row, int column);
/* All of them, [layer, position] or [layer, head] ("point" for "layer" where a block has several):
 * a new array. */
PENCL_API PENCL_NODISCARD pencl_status pencl_patch_table(pencl_array **out,
                                                         const pencl_patch *patch);
/* Logits [vocabulary] of the unchanged model; and, without a sweep, of the changed one (else NULL).
 * Borrowed. */
PENCL_API const float *pencl_patch_logits(const pencl_patch *patch, int changed);

/* ---- self-test ---- */

/* What came of one operation. Texts are valid during the call that brings them. */
typedef struct pencl_selftest_op {
    const char *op;
    int n_cases;
    int n_runs;     /* of kernels: cases by candidates that take them by layouts of weights */
    int n_failed;   /* of the runs */
    double largest; /* absolute difference of the run that used most of its tolerance ... */
    double allowed; /* ... and that tolerance */
} pencl_selftest_op;

/* One run that did not give what the reference gives. */
typedef struct pencl_selftest_failure {
    const char *op;
    const char *name;   /* of the case: "odd width" */
    const char *kernel; /* "rms_norm_row" */
    const char *layout; /* of stored weights: "plain", "rows16", "first rows16" */
    const char *why;    /* how many elements differ, by how much; or an error's text */
} pencl_selftest_failure;

typedef struct pencl_selftest_options {
    const char *op; /* a name, or "all" */
    /* Called after each operation; non-zero stops with E_CANCELLED. */
    int (*row)(void *user, const pencl_selftest_op *op);
    void (*failed)(void *user, const pencl_selftest_failure *failure);     /* or NULL */
    void (*progress)(void *user, const char *op, size_t done, size_t all); /* in cases; or NULL */
    void *user;
} pencl_selftest_options;
#define PENCL_SELFTEST_OPTIONS_INIT                                                                \
    {                                                                                              \
        .op = "all"                                                                                \
    }

/* Compares every kernel that can run on the device, also those that would not be chosen, with the
 * reference in plain C, on every case of the table of operations. A difference is a failure in a
 * row and no error. E_ARG with the names when `op` is none of them. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selftest(pencl_device *device,
                                                      const pencl_selftest_options *options);

/* What the first self-test of all operations said, of this device with this driver and these
 * kernels; nothing is run. */
typedef enum pencl_selftest_verdict {
    PENCL_SELFTEST_NOT_RUN,
    PENCL_SELFTEST_PASSED,
    PENCL_SELFTEST_FAILED
} pencl_selftest_verdict;
PENCL_API pencl_selftest_verdict pencl_selftest_known(pencl_device *device);

/* ---- where two runs part: two devices, or two sets of passes ----
 *
 *     pencl_status st = pencl_diff_side_new(&a, lm, tokens, n, NULL); // and b from another lm
 *     if (!st) st = pencl_diff_new(&d, ctx, a, b, 1e-3);
 *     if (!st && pencl_diff_first(d) >= 0)
 *         printf("%s\n", pencl_diff_at(d, pencl_diff_first(d))->name);
 *     pencl_diff_free(d);
 */
/* What a model computes of some tokens, on the host; it outlives the model. */
typedef struct pencl_diff_side pencl_diff_side;
/* `select` names the values (pencl_points_new); NULL: all. The logits of a run without captures
 * come last. E_ARG; E_TOKEN_RANGE; errors of the selection. */
PENCL_API PENCL_NODISCARD pencl_status pencl_diff_side_new(
    pencl_diff_side **out, pencl_lm *lm, const int32_t *tokens, size_t n, const char *select);
PENCL_API void pencl_diff_side_free(pencl_diff_side *side);

/* One value of both sides, at the element that is farthest apart. Borrowed from side a. */
typedef struct pencl_diff_node {
    const char *name; /* as of pencl_point_info; "logits" */
    const char *type; /* of the node; "" of the logits */
    const pencl_axis *axes;
    int n_axes;
    int64_t index[PENCL_MAX_AXES];
    double a;
    double b;
    double apart; /* |a - b|; infinite between a number and none */
    double share; /* of the largest value that the node has for this token, on either side */
    int parts;    /* share is beyond the tolerance */
} pencl_diff_node;

typedef struct pencl_diff pencl_diff;
/* The sides must outlive it. E_ARG: they are not of one model and the same number of tokens. */
PENCL_API PENCL_NODISCARD pencl_status pencl_diff_new(pencl_diff **out,
                                                      pencl_ctx *ctx,
                                                      const pencl_diff_side *a,
                                                      const pencl_diff_side *b,
                                                      double tolerance);
PENCL_API void pencl_diff_free(pencl_diff *diff);
PENCL_API int pencl_diff_count(const pencl_diff *diff);
/* In the order of computation; NULL when out of range. */
PENCL_API const pencl_diff_node *pencl_diff_at(const pencl_diff *diff, int i);
/* The first value that parts; -1: none. */
PENCL_API int pencl_diff_first(const pencl_diff *diff);
/* The likeliest token after token `at` on both sides; whether it differs. */
PENCL_API int pencl_diff_token(const pencl_diff *diff, size_t at, int32_t *a, int32_t *b);

/* ---- limits ---- */

/* What a device can do at most, measured: the fastest form of a kernel, the fastest of its samples.
 */
typedef struct pencl_limits {
    double read_gbs;     /* 1e9 bytes a second, by a plain sum */
    uint64_t read_bytes; /* it was over: four times the last cache, less on slow or small devices */
    double fma_gflops;   /* float32, a multiplication and an addition as two */
    double fma_half_gflops; /* the same of half; 0: the device has none */
    double dot8_gops;       /* products of bytes and their sums; 0: no packed dot product */
    double launch_us; /* that a launch adds to 20 us of work on every unit, many queued; 0: too
                         little to be seen */
} pencl_limits;

/* Takes a second or a few. E_UNSUPPORTED on `ref`. */
PENCL_API PENCL_NODISCARD pencl_status pencl_device_measure(pencl_limits *out,
                                                            pencl_device *device);
/* Reading again and again as much as there is in `bytes`, such as a model's weights: the largest
 * power of two below, 1 MiB to 1 GiB. What fits a cache comes from there. E_UNSUPPORTED on `ref`.
 */
PENCL_API PENCL_NODISCARD pencl_status pencl_device_measure_reads(double *gbs,
                                                                  pencl_device *device,
                                                                  uint64_t bytes);

/* ---- memory ---- */

/* Bytes that the library has held on the device at most, since it was opened. */
PENCL_API uint64_t pencl_device_peak_bytes(const pencl_device *device);

#ifdef __cplusplus
}
#endif

#endif
