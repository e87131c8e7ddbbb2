/* SPDX-License-Identifier: Apache-2.0 */
/* Models: a file opened on a device: weights, the TransformerLM over them, the tokenizer. */
#ifndef PENCL_MODEL_H
#define PENCL_MODEL_H

#include "pencl/lm.h"
#include "pencl/text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_model pencl_model;

typedef struct pencl_model_options {
    void (*progress)(void *user, double done); /* 0 .. 1 while loading; may be NULL */
    void *user;
} pencl_model_options;
#define PENCL_MODEL_OPTIONS_INIT                                                                   \
    {                                                                                              \
        0                                                                                          \
    }

/* Reads a GGUF file and uploads its weights. E_IO, E_FORMAT, E_UNSUPPORTED, E_LIMIT. */
PENCL_API PENCL_NODISCARD pencl_status pencl_model_open(pencl_model **out,
                                                        pencl_device *device,
                                                        const char *path,
                                                        const pencl_model_options *options);
PENCL_API void pencl_model_close(pencl_model *model);

/* Borrowed. The lm can be swapped for a changed copy (its body from a selection). */
PENCL_API pencl_lm *pencl_model_lm(const pencl_model *model);
PENCL_API PENCL_NODISCARD pencl_status pencl_model_set_body(pencl_model *model, pencl_layer *body);
PENCL_API pencl_tokenizer *pencl_model_tokenizer(const pencl_model *model);

typedef struct pencl_model_info {
    char name[128]; /* general.name */
    char architecture[64];
    char file_type[64]; /* "Q4_1": of most weights */
    char path[512];
    uint64_t file_bytes;
    uint64_t weight_bytes; /* on the device */
    uint64_t n_params;
    int64_t n_blocks;
    int64_t trained_context; /* tokens */
} pencl_model_info;
PENCL_API const pencl_model_info *pencl_model_describe(const pencl_model *model);

/* The tokenizer of a file alone; no device, works without tensors. */
PENCL_API PENCL_NODISCARD pencl_status pencl_tokenizer_open(pencl_tokenizer **out,
                                                            pencl_ctx *ctx,
                                                            const char *path);

#ifdef __cplusplus
}
#endif

#endif
