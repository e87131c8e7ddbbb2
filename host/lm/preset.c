/* SPDX-License-Identifier: Apache-2.0 */
/* Models of a known shape with random weights, for measuring without a file.
 *
 * Every matrix, the embedding table too, is in the one type that was asked for; vectors are float32
 * ones. The rows of a matrix repeat those of a small pool of random blocks, which is what the host
 * reads; what lies on the device has its full size, so that no cache can hold it. */
#include "lm/recipe.h"

#include "array/dtypes.h"

#include <ctype.h>
#include <string.h>

enum {
    POOL = 1 << 20, /* elements; more than the longest row */
    ONES = 1 << 16, /* of the longest vector */
    TABLE = 1,      /* traits */
    QK_NORM = 2,
    GEMMA = 4,
};

typedef struct shape {
    const char *name;
    const char *architecture;
    int64_t kv_heads;
    int64_t queries;
    int64_t embedding;
    int64_t projection;
    int64_t neurons;
    int64_t blocks;
    int64_t vocabulary;
    double rope;
    double epsilon;
    unsigned traits;
} shape;

static const shape shapes[] = {
#define PRESET(...) {__VA_ARGS__},
#include "lm/presets.def"
#undef PRESET
};

const char *pencl_preset_name(int i)
{
    return i >= 0 && (size_t)i < PN_COUNT(shapes) ? shapes[i].name : NULL;
}

typedef struct preset {
    pn_weights w; /* first: `place` gets a pointer to it */
    pencl_dtype dtype;
    unsigned char *pool; /* POOL elements of dtype */
    float *ones;
    pn_tensor tensor; /* the parameter that is being made */
} preset;

/* ---- the config ---- */

static void set_gemma(pn_llamalike *c)
{
    c->mlp_variant = "geglu_approx";
    c->tie_embedder_and_logits = true;
    c->use_post_attn_norm = true;
    c->use_post_ffw_norm = true;
    c->attn_logits_soft_cap = 50;
    c->final_logit_softcap = 30;
    c->attention_type.n = 2;
    c->attention_type.windows[0] = 4096;
    c->attention_type.windows[1] = 0;
}

static void set_recipe(pn_recipe *r, const shape *s)
{
    r->builder = &pn_builder_llamalike;
    r->config = r->builder->defaults;
    pn_llamalike *c = &r->config.llamalike;
    c->num_kv_heads = s->kv_heads;
    c->query_head_multiplier = s->queries;
    c->embedding_dim = s->embedding;
    c->projection_dim = s->projection;
    c->mlp_hidden_dim = s->neurons;
    c->num_decoder_blocks = s->blocks;
    c->vocab_size = s->vocabulary;
    c->mlp_variant = "swiglu";
    c->rope_wavelength = s->rope;
    c->rms_norm_eps = s->epsilon;
    c->use_qk_norm = (s->traits & QK_NORM) != 0;
    r->table_is_head = (s->traits & TABLE) != 0;
    if ((s->traits & GEMMA) != 0) {
        set_gemma(c);
    }
}

static pencl_status find(const shape **out, pencl_ctx *ctx, const char *name)
{
    pn_text known = {0};
    for (size_t i = 0; i < PN_COUNT(shapes); i++) {
        if (strcmp(shapes[i].name, name) == 0) {
            pn_text_free(&known);
            *out = &shapes[i];
            return PENCL_OK;
        }
        pn_text_add(&known, "%s%s", i > 0 ? ", " : "", shapes[i].name);
    }
    const pencl_status st =
        PN_FAIL(ctx, PENCL_E_ARG, "no preset '%.60s'; there are %s", name, pn_text_get(&known));
    pn_text_free(&known);
    return st;
}

/* ---- weights ---- */

/* Uniform in -0.03 .. 0.03: small enough that nothing overflows in any depth. */
static pencl_status fill_pool(preset *p)
{
    enum { PIECE = 4096 };
    const pn_dtype *type = pn_dtype_of(p->dtype);
    const size_t piece_bytes = PIECE / type->block * type->block_bytes;
    float values[PIECE];
    uint32_t state = 1;
    p->pool = pn_calloc(POOL / PIECE, piece_bytes);
    p->ones = pn_calloc(ONES, sizeof *p->ones);
    if (p->pool == NULL || p->ones == NULL) {
        return PN_NOMEM(p->w.ctx);
    }
    for (int i = 0; i < POOL / PIECE; i++) {
        for (int k = 0; k < PIECE; k++) {
            state = state * 1664525u + 1013904223u;
            values[k] = ((float)(state >> 8) / 16777216.0F - 0.5F) * 0.06F;
        }
        type->from_f32(values, p->pool + (size_t)i * piece_bytes, PIECE);
    }
    for (int i = 0; i < ONES; i++) {
        p->ones[i] = 1;
    }
    return PENCL_OK;
}

/* The most rows that the pool has and that divide a matrix evenly: a power of two of them. */
static int64_t period_of(int64_t rows, int64_t columns)
{
    int64_t period = 1;
    while (rows % (2 * period) == 0 && 2 * period * columns <= POOL) {
        period *= 2;
    }
    return period;
}

static pencl_status
place(pn_grid *out, pn_weights *w, const char *label, const pn_spec *spec, int n_row_axes)
{
    preset *p = (preset *)w;
    int64_t rows = 1;
    int64_t columns = 1;
    for (int i = 0; i < spec->n_axes; i++) {
        *(i < n_row_axes ? &rows : &columns) *= spec->axes[i].size;
    }
    const bool vector = n_row_axes == 0;
    p->tensor = (pn_tensor){.name = label,
                            .dtype = vector ? PENCL_F32 : p->dtype,
                            .n_dims = 2,
                            .dims = {rows, columns},
                            .data = vector ? (const unsigned char *)p->ones : p->pool};
    size_t row = 0;
    if (columns > (vector ? ONES : POOL) ||
        !pn_dtype_bytes(p->tensor.dtype, (size_t)columns, &row) ||
        !pn_mul(row, (size_t)rows, &p->tensor.bytes)) {
        return PN_FAIL(w->ctx, PENCL_E_DTYPE, "%s: %s has no rows of %lld", label,
                       pencl_dtype_name(p->tensor.dtype), (long long)columns);
    }
    const int64_t period = period_of(rows, columns);
    *out = (pn_grid){.tensor = &p->tensor,
                     .n_row_axes = 2,
                     .n_axes = 2,
                     .sizes = {rows / period, period},
                     .steps = {0, row},
                     .run = row};
    return PENCL_OK;
}

/* What all matrices will have, for the progress. */
static size_t matrix_bytes(const shape *s, pencl_dtype dtype)
{
    const pn_dtype *type = pn_dtype_of(dtype);
    const int64_t heads = s->kv_heads * s->queries;
    const int64_t block =
        s->embedding * (2 * s->projection * (heads + s->kv_heads) + 3 * s->neurons);
    const int64_t tables = (s->traits & (TABLE | GEMMA)) != 0 ? 1 : 2;
    const int64_t all = s->blocks * block + tables * s->vocabulary * s->embedding;
    return (size_t)all / type->block * type->block_bytes;
}

/* ---- the model ---- */

static void describe(pencl_model *m, const preset *p, const shape *s)
{
    pencl_model_info *info = &m->info;
    pn_copy(info->name, sizeof info->name, s->name);
    pn_copy(info->architecture, sizeof info->architecture, s->architecture);
    pn_copy(info->file_type, sizeof info->file_type, pencl_dtype_name(p->dtype));
    for (char *c = info->file_type; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    info->file_bytes = p->w.bytes_done;
    info->weight_bytes = p->w.device_bytes;
    info->n_params = p->w.n_params;
    info->n_blocks = s->blocks;
}

static pencl_status build(pencl_model *m, preset *p, const shape *s)
{
    pencl_transformer_metadata metadata = {0};
    set_recipe(&m->recipe, s);
    PENCL_TRY(fill_pool(p));
    m->recipe.builder->describe(&metadata, &m->recipe);
    pn_weights_set_sizes(&p->w, &metadata);
    m->built = m->recipe.builder->build(&p->w, &m->recipe);
    if (m->built == NULL) {
        return m->ctx->error.status != PENCL_OK ? m->ctx->error.status : PN_NOMEM(m->ctx);
    }
    describe(m, p, s);
    return pencl_lm_new(&m->lm, m->device, m->built, &metadata);
}

pencl_status pencl_model_preset(pencl_model **out,
                                pencl_device *device,
                                const char *name,
                                pencl_dtype dtype,
                                const pencl_model_options *options)
{
    static const pencl_model_options none = PENCL_MODEL_OPTIONS_INIT;
    pencl_ctx *ctx = pn_device_ctx(device);
    const shape *s = NULL;
    pn_error_clear(ctx);
    PENCL_TRY(find(&s, ctx, name));
    if (pn_dtype_of(dtype) == NULL || dtype == PENCL_I32) {
        return PN_FAIL(ctx, PENCL_E_DTYPE, "a preset has weights of a floating type");
    }
    pencl_model *m = pn_calloc(1, sizeof *m);
    if (m == NULL) {
        return PN_NOMEM(ctx);
    }
    m->ctx = ctx;
    m->device = device;
    preset p = {.dtype = dtype};
    p.w = (pn_weights){.ctx = ctx,
                       .device = device,
                       .place = place,
                       .options = options != NULL ? options : &none,
                       .bytes_total = matrix_bytes(s, dtype)};
    const pencl_status st = build(m, &p, s);
    pn_free(p.pool);
    pn_free(p.ones);
    if (st != PENCL_OK) {
        pencl_model_close(m);
        return st;
    }
    *out = m;
    return PENCL_OK;
}
