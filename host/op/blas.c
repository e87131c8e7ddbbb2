/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_clblast: CLBlast's Sgemm over weights made float32, opened at run time.
 *
 * A new process pays seconds for CLBlast's programs, so it is never chosen by itself: --matmul
 * clblast asks for it, and tests take it as a second opinion. It multiplies plain matrices only:
 * nothing is fused into such a matmul (pn_ir.bare_matmuls). */
#include "op/matmul.h"

#ifdef PENCL_HAVE_CLBLAST

#include "base/os.h"

#include <clblast_c.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    ROW_STEP = 16,            /* of layout rows16 */
    EXPANDED_BYTES = 1 << 24, /* of weights made float32 at once */
    GROUP = 64,               /* of matmul_expand */
};

typedef CLBlastStatusCode sgemm_fn(CLBlastLayout layout,
                                   CLBlastTranspose a_transpose,
                                   CLBlastTranspose b_transpose,
                                   size_t m,
                                   size_t n,
                                   size_t k,
                                   float alpha,
                                   cl_mem a,
                                   size_t a_offset,
                                   size_t a_ld,
                                   cl_mem b,
                                   size_t b_offset,
                                   size_t b_ld,
                                   float beta,
                                   cl_mem c,
                                   size_t c_offset,
                                   size_t c_ld,
                                   cl_command_queue *queue,
                                   cl_event *event);

/* out[tokens, first_row .. first_row + rows - 1] = x[tokens, cols] times expanded weights. */
typedef struct gemm {
    sgemm_fn *sgemm;
    const pn_task *task; /* its buffers may move between replays */
    bool packed;         /* x lies in scratch, else where the task has it */
    size_t x_step;       /* elements from one token to the next */
    size_t tokens;
    size_t cols;
    size_t rows;
    size_t first_row;
    size_t all_rows;
    size_t weights_at; /* elements into scratch */
} gemm;

/* ---- the library ---- */

/* CLBlast must talk to the driver through the libOpenCL that the device was opened with. */
static pencl_status open_library(sgemm_fn **out, pencl_device *device)
{
    static const char *const names[] = {"libclblast.so.1", "libclblast.so", "libclblast.dylib",
                                        "clblast.dll"};
    pencl_ctx *ctx = pn_device_ctx(device);
    void *library = NULL;
    char path[512] = "";
    for (size_t i = 0; i < PN_COUNT(names) && library == NULL; i++) {
        library = pn_library_open(names[i]);
    }
    if (library == NULL) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "CLBlast is not installed: no library %s",
                       names[0]);
    }
    void *symbol = pn_library_symbol(library, "CLBlastSgemm");
    void *opencl = pn_library_symbol(library, "clEnqueueNDRangeKernel");
    const char *ours = pn_device_library_path(device);
    if (symbol == NULL) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED, "%s has no CLBlastSgemm", names[0]);
    }
    if (opencl == NULL || !pn_library_path(path, sizeof path, opencl) || strcmp(path, ours) != 0) {
        return PN_FAIL(ctx, PENCL_E_UNSUPPORTED,
                       "CLBlast uses OpenCL of \"%s\", the device of \"%s\"", path, ours);
    }
    *(void **)out = symbol;
    return PENCL_OK;
}

/* ---- which matmuls ---- */

static bool read_bare(pn_mm *mm, const pn_task *t)
{
    return pn_mm_read(mm, t) && mm->n_parts == 1 && t->norm == NULL && t->program[0] == NULL;
}

bool pn_matmul_clblast_fits(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    (void)caps;
    return read_bare(&mm, t);
}

/* Rows of weights that are expanded at once. */
static int64_t rows_at_once(const pn_mm *mm)
{
    int64_t rows = EXPANDED_BYTES / (mm->cols * (int64_t)sizeof(float)) / ROW_STEP * ROW_STEP;
    int64_t all = (mm->rows[0] + ROW_STEP - 1) / ROW_STEP * ROW_STEP;
    rows = rows < ROW_STEP ? ROW_STEP : rows;
    return rows < all ? rows : all;
}

static size_t packed_bytes(const pn_mm *mm)
{
    return mm->regular ? 0 : pn_mm_pack_bytes(mm, 1);
}

size_t pn_matmul_clblast_scratch(const pn_task *t, const pn_caps *caps)
{
    pn_mm mm;
    (void)caps;
    read_bare(&mm, t);
    return packed_bytes(&mm) + (size_t)(rows_at_once(&mm) * mm.cols) * sizeof(float);
}

/* ---- recording ---- */

static pencl_status run(void *user, pencl_device *device)
{
    const gemm *g = user;
    const pn_operand *x = &g->task->in[0];
    const pn_operand *y = &g->task->out[0];
    size_t x_at = g->packed ? 0 : x->base / sizeof(float) + (size_t)x->view.offset;
    size_t y_at = y->base / sizeof(float) + (size_t)y->view.offset + g->first_row;
    pn_buffer *from = g->packed ? g->task->scratch : x->buffer;
    cl_command_queue queue = pn_device_raw_queue(device);
    CLBlastStatusCode code = g->sgemm(
        CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, g->tokens, g->rows, g->cols,
        1.0F, pn_buffer_raw(from), x_at, g->x_step, pn_buffer_raw(g->task->scratch), g->weights_at,
        g->cols, 0.0F, pn_buffer_raw(y->buffer), y_at, g->all_rows, &queue, NULL);
    if (code != CLBlastSuccess) {
        return PN_FAIL_CODE(pn_device_ctx(device), PENCL_E_DEVICE, (int)code,
                            "CLBlastSgemm of %zu x %zu x %zu: status %d", g->tokens, g->rows,
                            g->cols, (int)code);
    }
    return PENCL_OK;
}

/* Rows first .. first + rows - 1 of store part `part` as float32 into the scratch. */
static pencl_status expand(pn_emit *e, const pn_task *t, int part, const gemm *g, int64_t first)
{
    pn_text prelude = {0};
    pn_kernel *k = NULL;
    const pn_store *store = t->in[1].store;
    pn_matrix m = pn_store_part(store, part);
    size_t scales = m.rows > 0 && store->layout->scales != NULL ? store->layout->scales(&m) : 0;
    pn_mm_weights(&prelude, &store->matrix, store->layout);
    PENCL_TRY(pn_mm_kernel(e, &k, t, "matmul_expand", &prelude));
    pn_emit_operand(e, k, 0, &t->in[1], part, 1);
    pn_kernel_arg_i64(k, 2, (int64_t)scales);
    pn_kernel_arg_u32(k, 3, (uint32_t)first);
    pn_kernel_arg_u32(k, 4, (uint32_t)g->rows);
    pn_emit_scratch(e, k, 5, t);
    pn_kernel_arg_i64(k, 6, (int64_t)g->weights_at);
    size_t items = (g->rows * g->cols + GROUP - 1) / GROUP * GROUP;
    return pn_emit_launch(e, k, 1, (size_t[3]){items}, (size_t[3]){GROUP});
}

static pencl_status multiply(pn_emit *e, const gemm *g)
{
    gemm *copy = pn_alloc(sizeof *copy);
    if (copy == NULL) {
        return PN_NOMEM(pn_emit_ctx(e));
    }
    *copy = *g;
    return pn_emit_host(e, run, copy, pn_free);
}

pencl_status pn_matmul_clblast_emit(pn_emit *e, const pn_task *t)
{
    pn_mm mm;
    read_bare(&mm, t);
    gemm g = {.task = t,
              .packed = !mm.regular,
              .x_step = (size_t)(mm.regular ? mm.x_step : mm.cols),
              .tokens = (size_t)mm.tokens,
              .cols = (size_t)mm.cols,
              .all_rows = (size_t)mm.rows[0],
              .weights_at = packed_bytes(&mm) / sizeof(float)};
    PENCL_TRY(open_library(&g.sgemm, pn_emit_device(e)));
    if (g.packed) {
        PENCL_TRY(pn_mm_pack(e, t, &mm, 1));
    }
    int64_t most = rows_at_once(&mm);
    for (int part = 0; part < pn_mm_store_parts(t); part++) {
        const pn_part *stored = &t->in[1].store->parts[part];
        for (int64_t first = 0; first < stored->rows; first += most) {
            g.rows = (size_t)(stored->rows - first < most ? stored->rows - first : most);
            g.first_row = (size_t)(stored->first + first);
            PENCL_TRY(expand(e, t, part, &g, first));
            PENCL_TRY(multiply(e, &g));
        }
    }
    return PENCL_OK;
}

#else /* built without CLBlast */

bool pn_matmul_clblast_fits(const pn_task *t, const pn_caps *caps)
{
    (void)t;
    (void)caps;
    return true; /* so that who asks for it is told */
}

size_t pn_matmul_clblast_scratch(const pn_task *t, const pn_caps *caps)
{
    (void)t;
    (void)caps;
    return 0;
}

pencl_status pn_matmul_clblast_emit(pn_emit *e, const pn_task *t)
{
    (void)t;
    return PN_FAIL(pn_emit_ctx(e), PENCL_E_UNSUPPORTED, "pencl was built without CLBlast");
}

#endif
