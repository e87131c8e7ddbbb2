/* SPDX-License-Identifier: Apache-2.0 */
/* What the candidates of matmul share: the task seen as rows and columns, and the macros that tell
 * a kernel of stored weights (cl/lib/parts.clh) what it multiplies and what becomes of the sums. */
#ifndef PENCL_OP_MATMUL_H
#define PENCL_OP_MATMUL_H

#include "op/task.h"

/* Activations [tokens, cols] times the transpose of stored weights [rows, cols]. */
typedef struct pn_mm {
    int64_t tokens;
    int64_t cols;
    bool regular;   /* x is float32 with its columns side by side, as the weights have them: */
    int64_t x_step; /* then the elements from one token to the next; else x must be packed */
    int n_parts;
    int64_t rows[PN_MAX_PARTS];
    pencl_dtype dtype;
    const pn_layout *layout;
} pn_mm;

/* False unless all weights are stored alike, their columns are the contracted axes and no other
 * axis is x's, and outputs are contiguous. */
bool pn_mm_read(pn_mm *out, const pn_task *t);
/* ... and the layout is rows16, which most kernels want. */
bool pn_mm_read_rows16(pn_mm *out, const pn_task *t);
/* Tiles of 16 rows of all parts, those of store part `part`. */
int64_t pn_mm_tiles(const pn_task *t, int part);
/* Store parts: each is a launch of its own; 1 for merged tasks. */
int pn_mm_store_parts(const pn_task *t);
/* Bytes of the weights' storage that one tile of 16 rows takes. */
double pn_mm_tile_bytes(const pn_mm *mm);

/* Kernels know the blocks of some types only as rows16 has them, taken apart. */
bool pn_mm_readable(const pn_matrix *m, const pn_layout *layout);
/* Appends what cl/lib/weights.clh reads of a matrix: element type, layout, columns. */
void pn_mm_weights(pn_text *prelude, const pn_matrix *m, const pn_layout *layout);

/* Where an absorbed norm is computed: in the kernel, or before it by a pack launch. */
typedef enum pn_mm_norm { PN_MM_NORM_HERE, PN_MM_NORM_DONE } pn_mm_norm;

/* A kernel of one store part: appends the macros of parts.clh and norm.clh to `prelude`. */
void pn_mm_prelude(pn_text *prelude, const pn_task *t, const pn_mm *mm, int part, pn_mm_norm norm);
/* Sets PART_PARAMS' arguments from `index` on; returns the next index. */
int pn_mm_args(pn_emit *e, pn_kernel *k, int index, const pn_task *t, int part, pn_mm_norm norm);
/* Makes the kernel `file` of that prelude, which is freed. */
pencl_status
pn_mm_kernel(pn_emit *e, pn_kernel **out, const pn_task *t, const char *file, pn_text *prelude);
/* ... or one of another name or with options; of `of` the rest is filled in. */
pencl_status pn_mm_kernel_of(
    pn_emit *e, pn_kernel **out, const pn_task *t, const pn_kernel_source *of, pn_text *prelude);

/* ---- activations made ready by a launch of their own (cl/matmul_pack.cl) ---- */

/* Bytes of [tokens / tile][cols][tile] floats, tokens padded up to whole tiles. */
size_t pn_mm_pack_bytes(const pn_mm *mm, int64_t tile);
/* Writes them to the task's scratch, whatever their strides, normalised if the task has a norm. */
pencl_status pn_mm_pack(pn_emit *e, const pn_task *t, const pn_mm *mm, int64_t tile);
/* A kernel argument pair (buffer, element offset 0) for the scratch. */
void pn_mm_scratch_arg(pn_emit *e, pn_kernel *k, int index, const pn_task *t);

/* ---- candidates, one file each; see matmul.c ---- */
bool pn_matmul_wide_fits(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_wide_emit(pn_emit *e, const pn_task *t);
bool pn_matmul_wide_tile_fits(const pn_task *t, const pn_caps *caps);
size_t pn_matmul_wide_tile_scratch(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_wide_tile_emit(pn_emit *e, const pn_task *t);
bool pn_matmul_simt_fits(const pn_task *t, const pn_caps *caps);
size_t pn_matmul_simt_scratch(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_simt_emit(pn_emit *e, const pn_task *t);
bool pn_matmul_simt_subgroup_gains(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_simt_subgroup_emit(pn_emit *e, const pn_task *t);
bool pn_matmul_simt_tile_fits(const pn_task *t, const pn_caps *caps);
size_t pn_matmul_simt_tile_scratch(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_simt_tile_emit(pn_emit *e, const pn_task *t);
bool pn_matmul_rows_fits(const pn_task *t, const pn_caps *caps);
size_t pn_matmul_rows_scratch(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_rows_emit(pn_emit *e, const pn_task *t);
bool pn_matmul_strided_fits(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_strided_emit(pn_emit *e, const pn_task *t);
bool pn_matmul_clblast_fits(const pn_task *t, const pn_caps *caps);
size_t pn_matmul_clblast_scratch(const pn_task *t, const pn_caps *caps);
pencl_status pn_matmul_clblast_emit(pn_emit *e, const pn_task *t);

#endif
