/* SPDX-License-Identifier: Apache-2.0 */
/* What a body is built by: one of penzai's builders, and its config. */
#ifndef PENCL_LM_RECIPE_H
#define PENCL_LM_RECIPE_H

#include "lm/weights.h"

#include <math.h>

/* What a number of a file may be, so that no later product overflows. */
enum { PN_MOST_BLOCKS = 1000, PN_MOST_SIZE = 1 << 24, PN_MOST_HEADS = 65536 };

/* penzai's attention_type: one for all blocks, or a list that repeats. */
typedef struct pn_attention_types {
    int n;                           /* of the list; 0: windows[0] for all blocks */
    int64_t windows[PN_MOST_BLOCKS]; /* tokens of a sliding window; 0: global */
} pn_attention_types;

/* penzai's LlamalikeTransformerConfig. */
typedef struct pn_llamalike {
    int64_t num_kv_heads;
    int64_t query_head_multiplier;
    int64_t embedding_dim;
    int64_t projection_dim;
    int64_t mlp_hidden_dim;
    int64_t num_decoder_blocks;
    int64_t vocab_size;
    const char *mlp_variant;      /* "geglu_exact", "geglu_approx", "swiglu" */
    bool tie_embedder_and_logits; /* and embeddings times sqrt(embedding_dim) */
    double rope_wavelength;
    double rms_norm_eps;
    pn_attention_types attention_type;
    bool use_post_attn_norm;
    bool use_post_ffw_norm;
    bool use_qk_norm;
    bool use_layer_stack;
    double final_logit_softcap;   /* NAN or 0: none */
    double attn_logits_soft_cap;  /* NAN: none */
    double global_scale_factor;   /* NAN: 1 */
    double local_rope_wavelength; /* NAN: rope_wavelength */
    double query_scaling_factor;  /* NAN: projection_dim^-0.5 */
    pencl_dtype parameter_dtype;
    pencl_dtype activation_dtype;
} pn_llamalike;

/* penzai's GPTNeoXTransformerConfig. */
typedef struct pn_gpt_neox {
    int64_t num_attention_heads;
    int64_t embedding_dim;
    int64_t projection_dim;
    int64_t mlp_hidden_dim;
    int64_t num_decoder_blocks;
    int64_t vocab_size;
    const char *activation_fn; /* "gelu_exact", "gelu_approx", "silu", "relu" */
    int64_t rope_subset_size;
    double rope_wavelength;
    double layernorm_epsilon;
} pn_gpt_neox;

typedef union pn_config {
    pn_llamalike llamalike;
    pn_gpt_neox gpt_neox;
} pn_config;

typedef struct pn_builder pn_builder;
typedef struct pn_recipe {
    const pn_builder *builder;
    pn_config config;
    bool table_is_head; /* logits by the embedding table, unscaled: no config of penzai's says so */
} pn_recipe;

/* ---- config.c: a config as JSON, by a table of its fields ---- */
typedef enum pn_config_kind {
    PN_CONFIG_SIZE,     /* int64_t */
    PN_CONFIG_REAL,     /* double; NAN for the word */
    PN_CONFIG_FLAG,     /* bool */
    PN_CONFIG_CHOICE,   /* const char *, one of the words */
    PN_CONFIG_DTYPE,    /* pencl_dtype, dense: "float32" */
    PN_CONFIG_ATTENTION /* pn_attention_types */
} pn_config_kind;

typedef struct pn_config_field {
    const char *name; /* the last row has none */
    pn_config_kind kind;
    size_t at; /* offset in the config */
    double least;
    double most;              /* of numbers */
    const char *const *words; /* CHOICE: the last is NULL; REAL: what may stand there, "null" */
    bool required;
} pn_config_field;
/* One row: the type of the config, a field of it, the end of its kind, the rest by name. */
#define PN_CONFIG_FIELD(type, field, what, ...)                                                    \
    {                                                                                              \
        .name = #field, .kind = PN_CONFIG_##what, .at = offsetof(type, field), __VA_ARGS__         \
    }

struct pn_builder {
    const char *name; /* penzai.builder */
    const pn_config_field *fields;
    pn_config defaults;
    /* What fields say together: E_FIELDS, or E_UNSUPPORTED. */
    pencl_status (*check)(pencl_ctx *ctx, const pn_config *config);
    void (*describe)(pencl_transformer_metadata *out, const pn_recipe *recipe); /* zeroed before */
    /* The body over w's parameters; NULL with the error on the context. */
    pencl_layer *(*build)(pn_weights *w, const pn_recipe *recipe);
};
#define BUILDER(name) extern const pn_builder pn_builder_##name;
#include "lm/builders.def"
#undef BUILDER

/* Fills out->config for out->builder. E_FIELDS names the field that is unknown, missing or wrong.
 */
pencl_status pn_config_read(pn_recipe *out, pencl_ctx *ctx, json_t *json);
/* The config as JSON; NULL when memory is out. */
json_t *pn_config_json(const pn_recipe *recipe);
/* A size by name; 0 when the builder has no such field. */
int64_t pn_config_size(const pn_recipe *recipe, const char *field);
/* Sets a dtype by name, if the builder has such a field. */
void pn_config_set_dtype(pn_recipe *recipe, const char *field, pencl_dtype dtype);

/* ---- GGUF: one family an architecture ---- */
typedef struct pn_family_def {
    const char *architecture;                            /* general.architecture */
    pencl_status (*read)(pn_recipe *out, pn_weights *w); /* and sets w->place */
} pn_family_def;
#define FAMILY(name) extern const pn_family_def pn_family_##name;
#include "lm/families.def"
#undef FAMILY

/* ---- penzai.c: a model of penzai's in one safetensors file ---- */
#define PN_PENZAI_BUILDER "penzai.builder"
#define PN_PENZAI_CONFIG  "penzai.config"
#define PN_PENZAI_AXES    "penzai.axes"
/* Sets w->place and w->axes as well. */
pencl_status pn_penzai_read(pn_recipe *out, pn_weights *w);

/* ---- model.c ---- */
struct pencl_model {
    pencl_ctx *ctx;
    pencl_device *device;
    pn_model_file *file; /* stays open: the tokenizer's texts lie in it */
    pn_recipe recipe;
    pencl_layer *built; /* the body as it was opened */
    pencl_lm *lm;
    pencl_tokenizer *tokenizer; /* NULL: the file has no vocabulary */
    pencl_model_info info;
    int64_t context; /* tokens of the session that there is memory for */
};

#endif
