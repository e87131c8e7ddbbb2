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
    const pencl_lora *loras; /* adapters to add (pencl_lm_add_loras); borrowed */
    int n_loras;
} pencl_model_options;
#define PENCL_MODEL_OPTIONS_INIT                                                                   \
    {                                                                                              \
        0                                                                                          \
    }

/* Reads a GGUF file, or a model of penzai's in a .safetensors file, and uploads its weights. E_IO,
 * E_FORMAT, E_FIELDS, E_UNSUPPORTED, E_LIMIT; of adapters as pencl_lm_add_loras. */
PENCL_API PENCL_NODISCARD pencl_status pencl_model_open(pencl_model **out,
                                                        pencl_device *device,
                                                        const char *path,
                                                        const pencl_model_options *options);
/* A model of a known shape with random weights, without a file and a vocabulary: for measuring. All
 * matrices are of the type. E_ARG with the names when there is no such shape; E_DTYPE, E_LIMIT. */
PENCL_API PENCL_NODISCARD pencl_status pencl_model_preset(pencl_model **out,
                                                          pencl_device *device,
                                                          const char *name,
                                                          pencl_dtype dtype,
                                                          const pencl_model_options *options);
/* The i-th of those names, from 0; NULL behind the last. Static text. */
PENCL_API const char *pencl_preset_name(int i);
PENCL_API void pencl_model_close(pencl_model *model);
/* Writes the model as penzai has it: a .safetensors file with builder, config, and every parameter
 * under its label with its axes. Block types are written as float32 and named in the log; the
 * vocabulary is no part of it. A head that shares an unscaled table, which penzai has no config
 * for, is written as a parameter of its own. E_IO; E_UNSUPPORTED when layers were changed since the
 * model was opened. */
PENCL_API PENCL_NODISCARD pencl_status pencl_model_save(const pencl_model *model, const char *path);

/* Borrowed. The lm can be swapped for a changed copy (its body from a selection). */
PENCL_API pencl_lm *pencl_model_lm(const pencl_model *model);
PENCL_API PENCL_NODISCARD pencl_status pencl_model_set_body(pencl_model *model, pencl_layer *body);
/* NULL when the file has no vocabulary. */
PENCL_API pencl_tokenizer *pencl_model_tokenizer(const pencl_model *model);

typedef struct pencl_model_info {
    char name[128];        /* general.name, "" without */
    char architecture[64]; /* "llama"; of penzai's models the builder: "llamalike" */
    char file_type[64];    /* "Q4_1": of most weights */
    char path[512];
    uint64_t file_bytes;
    uint64_t weight_bytes; /* on the device; these and n_params with adapters */
    uint64_t n_params;
    int64_t n_blocks;
    int64_t trained_context; /* tokens; 0 when the file does not say */
} pencl_model_info;
PENCL_API const pencl_model_info *pencl_model_describe(const pencl_model *model);

/* The tokenizer of a file alone; no device, works without tensors. E_UNSUPPORTED when the file has
 * no vocabulary. */
PENCL_API PENCL_NODISCARD pencl_status pencl_tokenizer_open(pencl_tokenizer **out,
                                                            pencl_ctx *ctx,
                                                            const char *path);

#ifdef __cplusplus
}
#endif

#endif
