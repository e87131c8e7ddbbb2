/* SPDX-License-Identifier: Apache-2.0 */
/* Low-rank adapters as PEFT writes them: what their config says, and adding them to a model. */
#ifndef PENCL_LM_LORA_H
#define PENCL_LM_LORA_H

#include "io/io.h"
#include "pencl/model.h"

#include <jansson.h>

/* ---- lora_config.c ---- */

/* PEFT's LoraConfig, as far as it matters for what a model computes. */
typedef struct pn_lora_config {
    pencl_ctx *ctx;
    const char *path;
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

/* ---- lora.c ---- */

/* pencl_lm_add_loras; adds what was uploaded to the sizes of `info`, which may be NULL. */
pencl_status pn_lm_add_loras(
    pencl_lm **out, const pencl_lm *lm, const pencl_lora *loras, int n, pencl_model_info *info);

#endif
