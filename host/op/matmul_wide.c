/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_wide and matmul_wide_tile: stored weights where a work-item is best a vector unit. */
#include "op/matmul.h"

#include <inttypes.h>

enum {
    MAX_TOKENS = 4,  /* of matmul_wide: more would not stay in registers */
    RUNS_A_UNIT = 4, /* work-items a compute unit at most, so that none waits long for the last */
    TILES_A_RUN = 8, /* at least, if that leaves one a unit: preparing x costs about one tile */
    LOCAL_SPARE = 1024,  /* bytes of local memory that drivers keep for themselves */
    TOKENS_A_GROUP = 96, /* tokens that share one unpacked panel */
    PANEL = 256,         /* columns of a panel of 16 rows: 16 KiB, half of a first-level cache */
    BLOCK = 16,          /* columns that share a scale, at least */
};

/* No launch takes longer than 100 ms where this much is done in it. */
static const double LAUNCH_BYTES = 256e6; /* matmul_wide: weights read, by tokens */
static const double LAUNCH_FLOPS = 4e9;   /* matmul_wide_tile */

/* Tiles of one launch when each is `share` of what a launch may take. */
static int64_t tiles_a_launch(double share)
{
    return share >= 1 ? 1 : (int64_t)(1 / share);
}

static int quad_of(const pn_caps *caps)
{
    return caps->float_width >= 16 ? 16 : caps->float_width >= 8 ? 8 : 4;
}

/* ---- matmul_wide ---- */

/* Local memory of a work-item: sums of blocks, normalised activations. */
static double local_bytes(const pn_mm *mm, const pn_task *t)
{
    double row = (double)mm->tokens * (double)mm->cols * sizeof(float);
    return row / BLOCK + (t->norm != NULL ? row : 0) + LOCAL_SPARE;
}

bool pn_matmul_wide_fits(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    return pn_mm_read_rows16(&mm, t) && mm.regular && mm.tokens <= MAX_TOKENS &&
           (t->norm == NULL || mm.cols % 16 == 0) &&
           local_bytes(&mm, t) <= (double)caps->local_bytes;
}

static pencl_status
make_wide(pn_emit *e, pn_kernel **k, const pn_task *t, const pn_mm *mm, int part)
{
    const pn_caps *caps = pn_device_caps(pn_emit_device(e));
    pn_text prelude = {0};
    pn_mm_prelude(&prelude, t, mm, part, PN_MM_NORM_HERE);
    pn_text_add(&prelude, "#define TOKENS %" PRId64 "\n#define QUAD %d\n", mm->tokens,
                quad_of(caps));
    const pn_kernel_source source = {.file = "matmul_wide", .name = "matmul_wide", .stage = true};
    return pn_mm_kernel_of(e, k, t, &source, &prelude);
}

/* Every compute unit gets as many work-items as the others. */
static int64_t tiles_a_run(int64_t tiles, int64_t units)
{
    int64_t runs = tiles / (TILES_A_RUN * units);
    runs = runs < 1 ? 1 : runs > RUNS_A_UNIT ? RUNS_A_UNIT : runs;
    return (tiles + runs * units - 1) / (runs * units);
}

/* One launch over range[1] tiles from range[0] on. */
static pencl_status
launch_wide(pn_emit *e, const pn_task *t, const pn_mm *mm, int part, const int64_t range[2])
{
    pn_kernel *k = NULL;
    PENCL_TRY(make_wide(e, &k, t, mm, part));
    int64_t run = tiles_a_run(range[1], pn_device_caps(pn_emit_device(e))->compute_units);
    pn_emit_operand(e, k, 0, &t->in[0], 0, sizeof(float));
    pn_kernel_arg_i64(k, 2, mm->x_step);
    pn_kernel_arg_u32(k, 3, (uint32_t)range[0]);
    pn_kernel_arg_u32(k, 4, (uint32_t)range[1]);
    pn_kernel_arg_u32(k, 5, (uint32_t)run);
    pn_mm_args(e, k, 6, t, part, PN_MM_NORM_HERE);
    return pn_emit_launch(e, k, 1, (size_t[3]){(size_t)((range[1] + run - 1) / run)},
                          (size_t[3]){1});
}

pencl_status pn_matmul_wide_emit(pn_emit *e, const pn_task *t)
{
    pn_mm mm;
    pn_mm_read_rows16(&mm, t);
    int64_t most = tiles_a_launch(pn_mm_tile_bytes(&mm) * (double)mm.tokens / LAUNCH_BYTES);
    for (int part = 0; part < pn_mm_store_parts(t); part++) {
        int64_t tiles = pn_mm_tiles(t, part);
        for (int64_t first = 0; first < tiles; first += most) {
            int64_t count = tiles - first < most ? tiles - first : most;
            PENCL_TRY(launch_wide(e, t, &mm, part, (int64_t[2]){first, count}));
        }
    }
    return PENCL_OK;
}

/* ---- matmul_wide_tile ---- */

/* Tokens side by side: their sums of 16 rows stay in registers beside a column of weights. The
 * tokens are dealt out evenly, so that few are padding. */
static int64_t tile_of(const pn_mm *mm, const pn_caps *caps)
{
    int64_t most = caps->float_width >= 16 ? 12 : caps->float_width >= 8 ? 6 : 4;
    int64_t tiles = (mm->tokens + most - 1) / most;
    return (mm->tokens + tiles - 1) / tiles;
}

/* Token tiles that share an unpacked panel: as many as local memory has room for their sums. */
static int64_t group_of(const pn_mm *mm, const pn_task *t, const pn_caps *caps)
{
    int64_t tile = tile_of(mm, caps);
    int64_t room = (int64_t)caps->local_bytes - LOCAL_SPARE - PANEL * 16 * (int64_t)sizeof(float);
    int64_t fit = room / (tile * 16 * (int64_t)sizeof(float) * (t->joint ? 2 : 1));
    int64_t want = TOKENS_A_GROUP / tile;
    return fit < want ? fit : want;
}

bool pn_matmul_wide_tile_fits(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    return pn_mm_read_rows16(&mm, t) && group_of(&mm, t, caps) > 0;
}

size_t pn_matmul_wide_tile_scratch(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    pn_mm_read_rows16(&mm, t);
    return pn_mm_pack_bytes(&mm, tile_of(&mm, caps));
}

/* One launch over the tiles range[0] .. range[0] + range[1] - 1. */
static pencl_status
launch_tile(pn_emit *e, const pn_task *t, const pn_mm *mm, int part, const int64_t range[2])
{
    const pn_caps *caps = pn_device_caps(pn_emit_device(e));
    int64_t tile = tile_of(mm, caps);
    int64_t group = group_of(mm, t, caps);
    pn_text prelude = {0};
    pn_mm_prelude(&prelude, t, mm, part, PN_MM_NORM_DONE);
    pn_text_add(&prelude,
                "#define TILE %" PRId64 "\n#define PANEL %d\n#define GROUP_TILES %" PRId64 "\n",
                tile, PANEL, group);
    pn_kernel *k = NULL;
    PENCL_TRY(pn_mm_kernel(e, &k, t, "matmul_wide_tile", &prelude));
    pn_mm_scratch_arg(e, k, 0, t);
    pn_kernel_arg_u32(k, 2, (uint32_t)mm->tokens);
    pn_kernel_arg_u32(k, 3, (uint32_t)range[0]);
    pn_mm_args(e, k, 4, t, part, PN_MM_NORM_DONE);
    int64_t groups = (mm->tokens + tile * group - 1) / (tile * group);
    return pn_emit_launch(e, k, 2, (size_t[3]){(size_t)range[1], (size_t)groups},
                          (size_t[3]){1, 1});
}

pencl_status pn_matmul_wide_tile_emit(pn_emit *e, const pn_task *t)
{
    pn_mm mm;
    pn_mm_read_rows16(&mm, t);
    PENCL_TRY(pn_mm_pack(e, t, &mm, tile_of(&mm, pn_device_caps(pn_emit_device(e)))));
    double flops = 2.0 * 16 * (double)mm.cols * (double)mm.tokens * (t->joint ? 2 : 1);
    int64_t most = tiles_a_launch(flops / LAUNCH_FLOPS);
    for (int part = 0; part < pn_mm_store_parts(t); part++) {
        int64_t tiles = pn_mm_tiles(t, part);
        for (int64_t first = 0; first < tiles; first += most) {
            int64_t count = tiles - first < most ? tiles - first : most;
            PENCL_TRY(launch_tile(e, t, &mm, part, (int64_t[2]){first, count}));
        }
    }
    return PENCL_OK;
}
