/* SPDX-License-Identifier: Apache-2.0 */
/* TransformerLM: a body and its metadata; and sessions, which decode with key-value caches.
 *
 *     pencl_array *logits = NULL;
 *     pencl_status st = pencl_lm_call(&logits, lm, tokens, NULL); // int32 (| seq:5), positions
 * 0..4
 *
 * The result is raw logits, float32 (| seq:S, vocabulary:V).
 */
#ifndef PENCL_LM_H
#define PENCL_LM_H

#include "pencl/layer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_lm pencl_lm;
typedef struct pencl_session pencl_session;

/* Sizes and head axes, with penzai's names. */
typedef struct pencl_transformer_metadata {
    pencl_axis common_head_axes[2]; /* heads | head_groups | none */
    int n_common;
    pencl_axis query_only_head_axes[2]; /* query_heads | none */
    int n_query_only;
    int64_t embedding_dim;
    int64_t projection_dim;
    int64_t mlp_hidden_dim;
    int64_t vocab_size;
    pencl_dtype activation_dtype;
} pencl_transformer_metadata;

/* The wrapper around a body (counted up) on a device. Body and metadata are compared: sizes and
 * head axes, embedding table, projections of every Attention, feed-forward layers, unembedding,
 * even rotary sizes, element type of activations, positions that masks read. E_SHAPE names every
 * disagreement with path and label. (penzai checks nothing here.) */
PENCL_API PENCL_NODISCARD pencl_status pencl_lm_new(pencl_lm **out,
                                                    pencl_device *device,
                                                    pencl_layer *body,
                                                    const pencl_transformer_metadata *metadata);
PENCL_API void pencl_lm_free(pencl_lm *lm);
PENCL_API pencl_layer *pencl_lm_body(const pencl_lm *lm);
PENCL_API const pencl_transformer_metadata *pencl_lm_metadata(const pencl_lm *lm);
PENCL_API pencl_device *pencl_lm_device(const pencl_lm *lm);

/* A low-rank adapter (LoRA) as PEFT saves it: adapter_model.safetensors with adapter_config.json
 * beside it, or their folder; or one .safetensors file that has lora_alpha (and r, use_rslora,
 * rank_pattern, alpha_pattern, each as JSON) in its metadata. Adapters of linear layers of
 * Llama-like and GPT-NeoX models are read. */
typedef struct pencl_lora {
    const char *path;
    double scale; /* on top of the file's own, lora_alpha / r; 1: as it was trained */
} pencl_lora;
/* Another wrapper, whose Linear layers are in a LowRankAdapter for each of the adapters that has
 * tensors for them; it shares the lm's weights. linear(x) + scale * b . a . x: J. Hu et al.,
 * arXiv:2106.09685. E_IO, E_FORMAT; E_FIELDS: what the config says is wrong or not enough;
 * E_UNSUPPORTED names a field or a tensor that is not understood, or that has no place in this
 * model; E_SHAPE; E_ARG: a scale that is not finite. */
PENCL_API PENCL_NODISCARD pencl_status pencl_lm_add_loras(pencl_lm **out,
                                                          const pencl_lm *lm,
                                                          const pencl_lora *loras,
                                                          int n);

typedef struct pencl_side_array {
    const char *name;
    const pencl_array *array;
} pencl_side_array;

/* What the Capture layers of a body (pencl_selection_capture) leave of a call: arrays by name, with
 * the axes that the values had. */
typedef struct pencl_captures pencl_captures;
typedef struct pencl_capture {
    const char *name;
    pencl_array *array; /* borrowed, as the name */
} pencl_capture;
/* None at first; a call makes and fills one itself. */
PENCL_API PENCL_NODISCARD pencl_status pencl_captures_new(pencl_captures **out,
                                                          pencl_device *device);
/* Takes over the array, also when it fails. */
PENCL_API PENCL_NODISCARD pencl_status pencl_captures_add(pencl_captures *captures,
                                                          const char *name,
                                                          pencl_array *array);
PENCL_API void pencl_captures_free(pencl_captures *captures);
PENCL_API int pencl_captures_count(const pencl_captures *captures);
/* In the order in which they were computed; NULL when out of range. Borrowed. */
PENCL_API const pencl_capture *pencl_captures_at(const pencl_captures *captures, int i);
/* By name; NULL when there is none. Borrowed. */
PENCL_API pencl_array *pencl_captures_find(const pencl_captures *captures, const char *name);

typedef struct pencl_lm_call_options {
    const pencl_array *token_positions; /* int32 with seq; NULL: 0, 1, 2, ...; -1 is padding */
    const pencl_side_array *side;       /* further side inputs, forwarded to every layer */
    int n_side;
    pencl_captures **captures; /* NULL, or set to what was captured: yours */
} pencl_lm_call_options;
#define PENCL_LM_CALL_OPTIONS_INIT                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

/* Raw logits of tokens, without a cache: int32 with seq and any batch axes; ids in
 * [0, vocab_size). Statuses: E_AXIS, E_DTYPE, E_SHAPE, E_TOKEN_RANGE, E_SIDE_INPUT. */
PENCL_API PENCL_NODISCARD pencl_status pencl_lm_call(pencl_array **out,
                                                     pencl_lm *lm,
                                                     const pencl_array *tokens,
                                                     const pencl_lm_call_options *options);

/* penzai's stateless_call: any layer on x with variables that stay outside of it. `values` are
 * frozen and go into the slots of their kind and label (pencl_layer_unbind_variables leaves these);
 * updated[n] (yours) are the values after the call, in the same order. The layer and the given
 * values never change: mutable variables that are still inside are read only, so that a state that
 * would be written is E_ARG. token_positions are 0, 1, ... along x's "seq" unless given. E_ARG
 * also: a value that is not frozen, or has no slot; E_UNBOUND: a slot that stays empty and is read;
 * E_SHAPE, E_DTYPE: not what a slot expects; errors of the layers.
 *
 *     pencl_layer_unbind_variables(&empty, &states, &n, ctx, body, pencl_variable_is_state, NULL);
 *     for (int i = 0; i < n; i++) pencl_variable_freeze(&before[i], states[i]);
 *     pencl_layer_stateless_call(&y, after, empty, before, n, x, NULL); // again, and again the
 * same
 */
PENCL_API PENCL_NODISCARD pencl_status
pencl_layer_stateless_call(pencl_array **out,
                           pencl_variable **updated,
                           pencl_layer *layer,
                           pencl_variable *const values[],
                           int n,
                           const pencl_array *x,
                           const pencl_lm_call_options *options);

/* ---- sessions: one growing sequence ---- */
typedef struct pencl_session_options {
    int64_t context;    /* tokens at most; 0: 4096 */
    const char *matmul; /* "auto", "native", "clblast"; NULL: auto */
} pencl_session_options;
#define PENCL_SESSION_OPTIONS_INIT                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

/* What a model and its longest session take of a device, in bytes. */
typedef struct pencl_memory {
    int64_t context; /* tokens */
    uint64_t weights;
    uint64_t caches;
    uint64_t temporaries; /* of steps */
    uint64_t total;
} pencl_memory;
/* Found by going through a session's making and planning without taking any memory. E_ARG. */
PENCL_API PENCL_NODISCARD pencl_status pencl_lm_memory(pencl_memory *out,
                                                       pencl_lm *lm,
                                                       int64_t context);

typedef enum pencl_wanted { PENCL_LOGITS_LAST, PENCL_LOGITS_ALL, PENCL_LOGITS_NONE } pencl_wanted;

/* E_LIMIT when the device has not the memory for the context and its steps: the text says what
 * would fit. */
PENCL_API PENCL_NODISCARD pencl_status pencl_session_new(pencl_session **out,
                                                         pencl_lm *lm,
                                                         const pencl_session_options *options);
PENCL_API void pencl_session_free(pencl_session *session);
/* Appends tokens and computes. `logits` (may be NULL for NONE): floats on the host, [vocabulary]
 * for LAST, [n][vocabulary] for ALL, owned by the session until its next call. E_CACHE_FULL before
 * any write when the context does not hold them; E_TOKEN_RANGE; E_CANCELLED. */
PENCL_API PENCL_NODISCARD pencl_status pencl_session_feed(const float **logits,
                                                          pencl_session *session,
                                                          const int32_t *tokens,
                                                          size_t n,
                                                          pencl_wanted wanted);
PENCL_API int64_t pencl_session_length(const pencl_session *session);  /* tokens so far */
PENCL_API int64_t pencl_session_context(const pencl_session *session); /* tokens at most */
PENCL_API void pencl_session_reset(pencl_session *session);
/* What a captured node gave in the last feed, "seq" first: yours. E_ARG when nothing has that name.
 */
PENCL_API PENCL_NODISCARD pencl_status pencl_session_captured(pencl_array **out,
                                                              const pencl_session *session,
                                                              const char *name);
/* Stops a running feed at the next chunk; safe from any thread and from a signal handler. */
PENCL_API void pencl_session_cancel(pencl_session *session);

/* ---- penzai's KVCachingTransformerLM: a batch of sequences in caches of a fixed length ----
 *
 * Positions count the tokens of a sequence that are no padding; pads (pad_id, anywhere) get
 * position -1 and are never attended to. All sequences take their tokens into the same slots. A pad
 * id that is fed as content vanishes from attention, as in penzai. */
typedef struct pencl_kv_lm pencl_kv_lm;

/* A wrapper with the lm's body over empty caches of `cache_len` slots for each entry of the batch
 * axes (none: one sequence); the lm must outlive it. Parameters are shared with the lm. E_ARG: a
 * cache_len below 1; E_AXIS: a batch axis with a name that the layers use, or given twice; E_LIMIT.
 * (Masks that read positions of another name, which penzai refuses here, do not get past
 * pencl_lm_new.) */
PENCL_API PENCL_NODISCARD pencl_status pencl_kv_lm_from_uncached(pencl_kv_lm **out,
                                                                 pencl_lm *lm,
                                                                 int64_t cache_len,
                                                                 const pencl_axis *batch_axes,
                                                                 int n_batch_axes,
                                                                 int32_t pad_id);
PENCL_API void pencl_kv_lm_free(pencl_kv_lm *kv);
/* Another one with the same tokens; the caches are shared until one of them is called. */
PENCL_API PENCL_NODISCARD pencl_status pencl_kv_lm_fork(pencl_kv_lm **out, const pencl_kv_lm *kv);

/* Appends tokens: int32 with exactly the batch axes and "seq", in any order. *logits (yours) has
 * the batch axes, "seq" and "vocabulary". Further side inputs go to every layer; masks have a
 * "kv_seq" of cache_len. E_CACHE_FULL before any write when they do not fit; E_AXIS, E_SHAPE,
 * E_DTYPE, E_TOKEN_RANGE, E_SIDE_INPUT (one that the wrapper makes itself). Nothing changes when it
 * fails. */
PENCL_API PENCL_NODISCARD pencl_status pencl_kv_lm_call(pencl_array **logits,
                                                        pencl_kv_lm *kv,
                                                        const pencl_array *tokens,
                                                        const pencl_side_array *side,
                                                        int n_side);

/* The next free slot: tokens so far, pads included. */
PENCL_API int64_t pencl_kv_lm_cache_end_index(const pencl_kv_lm *kv);
PENCL_API int64_t pencl_kv_lm_cache_len(const pencl_kv_lm *kv);
/* All that was fed, int32 [batch.., seq: cache_len], 0 where nothing was; yours. */
PENCL_API PENCL_NODISCARD pencl_status pencl_kv_lm_previous_tokens(pencl_array **out,
                                                                   const pencl_kv_lm *kv);
/* The body, whose attention layers are KVCachingAttention. Borrowed until the next call. */
PENCL_API pencl_layer *pencl_kv_lm_body(const pencl_kv_lm *kv);
/* penzai's KVCachingTransformerLM: a layer with body, cache_end_index and previous_tokens, over
 * copies of the wrapper's present states (labels sampler/...), which share memory until one of the
 * two writes; yours. Each run of the layer appends its tokens, as pencl_kv_lm_call does, and leaves
 * the wrapper as it is; E_CACHE_FULL when it runs, before any write. With
 * pencl_layer_unbind_variables and pencl_layer_stateless_call, states are values. */
PENCL_API PENCL_NODISCARD pencl_status pencl_kv_lm_layer(pencl_layer **out, const pencl_kv_lm *kv);
/* Forgets all tokens, or those from slot n on. E_ARG when there are fewer. */
PENCL_API PENCL_NODISCARD pencl_status pencl_kv_lm_reset(pencl_kv_lm *kv);
PENCL_API PENCL_NODISCARD pencl_status pencl_kv_lm_truncate(pencl_kv_lm *kv, int64_t n);

/* The plan of a decoding step (one token), as a table; its launches and bytes of temporaries. The
 * text is yours. */
PENCL_API PENCL_NODISCARD pencl_status pencl_session_plan_text(char **out,
                                                               pencl_session *session,
                                                               int64_t n_tokens);

#ifdef __cplusplus
}
#endif

#endif
