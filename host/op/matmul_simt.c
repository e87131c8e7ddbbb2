/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_simt, matmul_simt_subgroup and matmul_simt_tile: stored weights on GPUs; matmul_rows: in
 * any layout. */
#include "op/group.h"
#include "op/matmul.h"

#include <inttypes.h>

enum {
    LANES = PN_GROUP_LANES, /* of all work-groups */
    MAX_TOKENS = 4,         /* a lane's sums of matmul_simt */
    FEW_TOKENS = 8,         /* up to here reading the weights twice beats half-empty tiles */
    TOKENS_A_GROUP = 64,    /* of matmul_simt_tile */
    LOCAL_MOST = 32768, /* bytes of local memory: with more, half of a device would stay empty */
    LOCAL_SPARE = 1024, /* bytes of it that drivers keep for themselves */
};

/* No launch takes longer than 100 ms where this much is done in it. */
static const double LAUNCH_FLOPS = 4e9;

static int64_t rounds(int64_t n, int64_t step)
{
    return (n + step - 1) / step;
}

/* Tokens of a work-group, dealt out evenly. */
static int64_t tokens_a_group(const pn_mm *mm)
{
    return rounds(mm->tokens, rounds(mm->tokens, MAX_TOKENS));
}

/* The norm fits into the kernel: normalised rows beside the sums in local memory. */
static bool norm_here(const pn_mm *mm, const pn_task *t, const pn_caps *caps)
{
    int64_t tokens = tokens_a_group(mm);
    int64_t sums = tokens * LANES / 2 * 16 * (t->joint ? 2 : 1);
    int64_t most = caps->local_bytes < LOCAL_MOST ? (int64_t)caps->local_bytes : LOCAL_MOST;
    return mm->regular && tokens * mm->cols * (int64_t)sizeof(float) + sums + LOCAL_SPARE <= most;
}

static bool packs(const pn_mm *mm, const pn_task *t, const pn_caps *caps)
{
    return !mm->regular || (t->norm != NULL && !norm_here(mm, t, caps));
}

/* Of kernels that compute no norm. */
static bool packs_always(const pn_mm *mm, const pn_task *t)
{
    return !mm->regular || t->norm != NULL;
}

/* What differs between the kernels. */
typedef struct form {
    const char *file;
    const char *name;
    pn_group group;
    int64_t tokens; /* of a work-group */
    bool packs;     /* x comes from scratch */
    pn_mm_norm norm;
} form;

static pencl_status
make(pn_emit *e, pn_kernel **k, const pn_task *t, const pn_mm *mm, const form *f, int part)
{
    pn_text prelude = {0};
    pencl_device *device = pn_emit_device(e);
    const pn_kernel_source source = {
        .file = f->file, .name = f->name, .options = pn_group_options(f->group, device)};
    pn_group_define(&prelude, f->group, device);
    pn_mm_prelude(&prelude, t, mm, part, f->norm);
    pn_text_add(&prelude, "#define TOKENS %" PRId64 "\n", f->tokens);
    PENCL_TRY(pn_mm_kernel_of(e, k, t, &source, &prelude));
    if (f->packs) {
        pn_mm_scratch_arg(e, *k, 0, t);
        pn_kernel_arg_i64(*k, 2, mm->cols);
    } else {
        pn_emit_operand(e, *k, 0, &t->in[0], 0, sizeof(float));
        pn_kernel_arg_i64(*k, 2, mm->x_step);
    }
    pn_kernel_arg_u32(*k, 3, (uint32_t)mm->tokens);
    pn_mm_args(e, *k, 5, t, part, f->norm);
    return PENCL_OK;
}

static pencl_status emit(pn_emit *e, const pn_task *t, const pn_mm *mm, const form *f)
{
    if (f->packs) {
        PENCL_TRY(pn_mm_pack(e, t, mm, 1));
    }
    double flops = 2.0 * 16 * (double)mm->cols * (double)mm->tokens * (t->joint ? 2 : 1);
    int64_t most = flops >= LAUNCH_FLOPS ? 1 : (int64_t)(LAUNCH_FLOPS / flops);
    size_t groups = (size_t)rounds(mm->tokens, f->tokens);
    for (int part = 0; part < pn_mm_store_parts(t); part++) {
        int64_t tiles = pn_mm_tiles(t, part);
        for (int64_t first = 0; first < tiles; first += most) {
            size_t count = (size_t)(tiles - first < most ? tiles - first : most);
            pn_kernel *k = NULL;
            PENCL_TRY(make(e, &k, t, mm, f, part));
            pn_kernel_arg_u32(k, 4, (uint32_t)first);
            PENCL_TRY(
                pn_emit_launch(e, k, 2, (size_t[3]){count * LANES, groups}, (size_t[3]){LANES, 1}));
        }
    }
    return PENCL_OK;
}

/* ---- matmul_simt, matmul_simt_subgroup ---- */

/* Any number of tokens: it is what is left when nothing else fits. */
bool pn_matmul_simt_fits(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    (void)caps;
    return pn_mm_read_rows16(&mm, t);
}

/* Subgroups have something to do where the kernel computes a norm. */
bool pn_matmul_simt_subgroup_gains(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    return t->norm != NULL && pn_mm_read_rows16(&mm, t) && norm_here(&mm, t, caps);
}

size_t pn_matmul_simt_scratch(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    pn_mm_read_rows16(&mm, t);
    return packs(&mm, t, caps) ? pn_mm_pack_bytes(&mm, 1) : 0;
}

static pencl_status emit_few(pn_emit *e, const pn_task *t, const char *name, pn_group group)
{
    pn_mm mm;
    pn_mm_read_rows16(&mm, t);
    bool pack = packs(&mm, t, pn_device_caps(pn_emit_device(e)));
    form f = {.file = "matmul_simt",
              .name = name,
              .group = group,
              .tokens = tokens_a_group(&mm),
              .packs = pack,
              .norm = pack ? PN_MM_NORM_DONE : PN_MM_NORM_HERE};
    return emit(e, t, &mm, &f);
}

pencl_status pn_matmul_simt_emit(pn_emit *e, const pn_task *t)
{
    return emit_few(e, t, "matmul_simt", PN_GROUP_TREE);
}

pencl_status pn_matmul_simt_subgroup_emit(pn_emit *e, const pn_task *t)
{
    return emit_few(e, t, "matmul_simt_subgroup", PN_GROUP_SUBGROUPS);
}

/* ---- matmul_simt_tile ---- */

bool pn_matmul_simt_tile_fits(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    (void)caps;
    return pn_mm_read_rows16(&mm, t) && mm.tokens > FEW_TOKENS;
}

size_t pn_matmul_simt_tile_scratch(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    (void)caps;
    pn_mm_read_rows16(&mm, t);
    return packs_always(&mm, t) ? pn_mm_pack_bytes(&mm, 1) : 0;
}

pencl_status pn_matmul_simt_tile_emit(pn_emit *e, const pn_task *t)
{
    pn_mm mm;
    pn_mm_read_rows16(&mm, t);
    form f = {.file = "matmul_simt_tile",
              .name = "matmul_simt_tile",
              .group = PN_GROUP_TREE,
              .tokens = TOKENS_A_GROUP,
              .packs = packs_always(&mm, t),
              .norm = PN_MM_NORM_DONE};
    return emit(e, t, &mm, &f);
}

/* ---- matmul_rows ---- */

bool pn_matmul_rows_fits(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    (void)caps;
    return pn_mm_read(&mm, t);
}

size_t pn_matmul_rows_scratch(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    (void)caps;
    pn_mm_read(&mm, t);
    return packs_always(&mm, t) ? pn_mm_pack_bytes(&mm, 1) : 0;
}

pencl_status pn_matmul_rows_emit(pn_emit *e, const pn_task *t)
{
    pn_mm mm;
    pn_mm_read(&mm, t);
    form f = {.file = "matmul_rows",
              .name = "matmul_rows",
              .group = PN_GROUP_TREE,
              .tokens = 1,
              .packs = packs_always(&mm, t),
              .norm = PN_MM_NORM_DONE};
    return emit(e, t, &mm, &f);
}
