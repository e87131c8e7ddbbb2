/* SPDX-License-Identifier: Apache-2.0 */
/* Low-rank adapters as PEFT writes them: what their config says, and adding them to a model. */
#ifndef PENCL_LM_LORA_H
#define PENCL_LM_LORA_H

#include "lm/weights.h"

/* ---- lora_config.c ---- */

/* PEFT's LoraConfig, as far as it matters for what a model computes. */
typedef struct pn_lora_config {
    pencl_ctx *ctx;
    const char *path;
    const char *from; /* "adapter_config.json" or "metadata" */
    json_t *json;
    int64_t rank; /* 0: it does not say */
    double alpha;
    bool root;      /* rslora: alpha / sqrt(rank) */
    json_t *ranks;  /* by an expression for the ends of modules' names; NULL: none; in json */
    json_t *alphas; /* the same */
} pn_lora_config;

/* From adapter_config.json beside the file, or from the file's own metadata if that has lora_alpha.
 * E_FIELDS: a field is missing or wrong; E_UNSUPPORTED: one that is not understood says something.
 */
pencl_status pn_lora_config_read(pn_lora_config *out, pencl_ctx *ctx, pn_model_file *file);
void pn_lora_config_free(pn_lora_config *config);
/* The rank of a module such as "model.layers.0.mlp.up_proj" (0: not said), and its alpha. */
pencl_status
pn_lora_config_find(int64_t *rank, double *alpha, const pn_lora_config *config, const char *module);

/* One adapter that is being added. */
typedef struct pn_lora {
    pn_weights w; /* of its file */
    pn_lora_config config;
    double scale;
    int number; /* in the labels of its parameters */
} pn_lora;

/* ---- lora_tensors.c ---- */

/* What a file has for a Linear: A [rank, in] and B [out, rank], each side's axes merged; in a stack
 * of blocks A [blocks * rank, in], and B likewise. */
typedef struct pn_lora_change {
    pn_tensor a; /* without data: the file has nothing */
    pn_tensor b;
    pn_spec in;
    pn_spec out;
    int part; /* B has the rows of so many linears, head by head: [heads, parts, rows of a head] */
    int parts;
    int64_t blocks; /* 0: no stack */
    int64_t rank;
    double scale;
    unsigned char *joined_a; /* the data of a stack; NULL: it is in the file */
    unsigned char *joined_b;
} pn_lora_change;
/* Tensors that it finds are used from now on. E_SHAPE, E_FORMAT when one of two is missing,
 * E_UNSUPPORTED when blocks of a stack differ. */
pencl_status pn_lora_read(pn_lora_change *out, pn_lora *lora, const pencl_layer *linear);
void pn_lora_change_free(pn_lora_change *change);

/* ---- lora.c ---- */

/* pencl_lm_add_loras; adds what was uploaded to the sizes of `info`, which may be NULL. */
pencl_status pn_lm_add_loras(
    pencl_lm **out, const pencl_lm *lm, const pencl_lora *loras, int n, pencl_model_info *info);

#endif
