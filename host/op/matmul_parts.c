/* SPDX-License-Identifier: Apache-2.0 */
/* Matmuls over stored weights as kernels see them: rows, columns, parts and their macros. */
#include "op/matmul.h"

#include "op/define.h"
#include "op/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TILE = 16 }; /* rows of a tile of layout rows16 */

/* ---- reading the task ---- */

static bool contracted(const pn_op_call *c, const char *axis)
{
    for (int i = 0; i < c->n_names; i++) {
        if (strcmp(c->names[i], axis) == 0) {
            return true;
        }
    }
    return false;
}

/* True when the last axes of w's view, cols elements in all, are the contracted ones; the first of
 * them goes to `first`. */
static bool columns_are_contracted(const pn_task *t, const pn_operand *w, int *first)
{
    const pn_spec *spec = &w->view.spec;
    int64_t cols = 1;
    int i = spec->n_axes;
    while (i > 0 && contracted(t->call, spec->axes[i - 1].name)) {
        cols *= spec->axes[--i].size;
    }
    *first = i;
    return spec->n_axes - i == t->call->n_names && cols == w->store->matrix.cols;
}

bool pn_mm_readable(const pn_matrix *m, const pn_layout *layout)
{
    return layout == &pn_layout_rows16 || pn_dtype_of(m->dtype)->take_apart == NULL;
}

static bool read_weights(pn_mm *mm, const pn_task *t, int part)
{
    const pn_operand *w = &t->in[1 + part];
    int first = 0;
    if (w->store == NULL || w->store->matrix.dtype == PENCL_I32 || w->view.offset != 0 ||
        !pn_view_is_contiguous(&w->view) ||
        pn_spec_count(&w->view.spec) != w->store->matrix.rows * w->store->matrix.cols ||
        !pn_mm_readable(&w->store->matrix, w->store->layout) ||
        !columns_are_contracted(t, w, &first)) {
        return false;
    }
    const pn_matrix *m = &w->store->matrix;
    if (part > 0 && (m->cols != mm->cols || m->dtype != mm->dtype ||
                     w->store->layout != mm->layout || w->store->n_parts != 1)) {
        return false;
    }
    mm->cols = m->cols;
    mm->rows[part] = m->rows;
    mm->dtype = m->dtype;
    mm->layout = w->store->layout;
    return part == 0 || !t->joint || m->rows == mm->rows[0];
}

/* True when x is [tokens..., columns...] with the columns side by side, in the order of the
 * weights', and one step from each token to the next. */
static bool is_regular(const pn_task *t, int64_t *x_step)
{
    const pn_view *x = &t->in[0].view;
    const pn_spec *w = &t->in[1].view.spec;
    int n_tokens = x->spec.n_axes - t->call->n_names; /* token axes */
    if (x->spec.dtype != PENCL_F32 || t->in[0].store != NULL) {
        return false;
    }
    int64_t step = 1;
    for (int i = x->spec.n_axes - 1; i >= n_tokens; i--) {
        const pencl_axis *axis = &x->spec.axes[i];
        if (strcmp(axis->name, w->axes[w->n_axes - (x->spec.n_axes - i)].name) != 0 ||
            (x->strides[i] != step && axis->size != 1)) {
            return false;
        }
        step *= axis->size;
    }
    int64_t tokens = 1;
    *x_step = step;
    for (int i = n_tokens - 1; i >= 0; i--) {
        int64_t size = x->spec.axes[i].size;
        if (size != 1 && tokens == 1) {
            *x_step = x->strides[i];
        }
        if (size != 1 && x->strides[i] != *x_step * tokens) {
            return false;
        }
        tokens *= size;
    }
    return true;
}

/* Axes of weights that tokens have too would pair up: not a plain matrix product. */
static bool no_shared_axes(const pn_task *t, int part)
{
    const pn_spec *w = &t->in[1 + part].view.spec;
    for (int i = 0; i < w->n_axes - t->call->n_names; i++) {
        if (pn_spec_find(&t->in[0].view.spec, w->axes[i].name) >= 0) {
            return false;
        }
    }
    return true;
}

bool pn_mm_read(pn_mm *out, const pn_task *t)
{
    *out = (pn_mm){.n_parts = t->n_parts};
    for (int p = 0; p < t->n_parts; p++) {
        if (!read_weights(out, t, p) || !no_shared_axes(t, p)) {
            return false;
        }
        if ((p == 0 || !t->joint) &&
            (t->out[p].store != NULL || t->out[p].view.spec.dtype != PENCL_F32 ||
             !pn_view_is_contiguous(&t->out[p].view))) {
            return false;
        }
    }
    if ((t->n_parts > 1 && t->in[1].store->n_parts > 1) || out->cols == 0 ||
        !pn_definable(&t->in[0])) {
        return false;
    }
    out->tokens = pn_spec_count(&t->in[0].view.spec) / out->cols;
    out->regular = is_regular(t, &out->x_step);
    return out->tokens > 0;
}

bool pn_mm_read_rows16(pn_mm *out, const pn_task *t)
{
    return pn_mm_read(out, t) && out->layout == &pn_layout_rows16;
}

int pn_mm_store_parts(const pn_task *t)
{
    return t->in[1].store->n_parts;
}

static int64_t tiles_of(int64_t rows)
{
    return (rows + TILE - 1) / TILE;
}

int64_t pn_mm_tiles(const pn_task *t, int part)
{
    int64_t tiles = tiles_of(t->in[1].store->parts[part].rows);
    for (int p = 1; p < t->n_parts && !t->joint; p++) {
        tiles += tiles_of(t->in[1 + p].store->matrix.rows);
    }
    return tiles;
}

double pn_mm_tile_bytes(const pn_mm *mm)
{
    const pn_dtype *dtype = pn_dtype_of(mm->dtype);
    return (double)mm->cols / (double)dtype->block * (double)dtype->block_bytes * TILE;
}

/* ---- macros ---- */

void pn_mm_weights(pn_text *prelude, const pn_matrix *m, const pn_layout *layout)
{
    pn_text_add(prelude, "#define DTYPE_%s\n#define LAYOUT_%s\n#define COLS %" PRId64 "\n",
                pencl_dtype_name(m->dtype), layout->name, m->cols);
}

static void add_norm(pn_text *prelude, pn_text *params, int *n_params, const pn_task *t)
{
    bool rms = strcmp(t->norm->def->name, "rms_norm") == 0;
    pn_text_add(prelude, "#define NORM_%s\n#define NORM_EPS %.9ef\n", rms ? "RMS" : "LAYER",
                t->norm->num[0]);
    int64_t cols = pn_spec_size(&t->norm->in[0], t->norm->names[0]);
    pn_text own = {0};
    *n_params = pn_pw_macro(prelude, &own, "NORM_PROGRAM", t->norm_program, &t->norm->out, cols, 0);
    pn_text_add(prelude, "#define NORM_PARAMS %s\n#define NORM_ARGS", pn_text_get(&own));
    for (int i = 0; i < *n_params; i++) {
        pn_text_add(prelude, ", p%d, p%d_at", i, i);
    }
    pn_text_add(prelude, "\n");
    pn_text_add(params, "%s", pn_text_get(&own));
    prelude->failed |= own.failed;
    pn_text_free(&own);
}

/* "if (tile < END) { ... } else " around a part's statement; the last part needs no test. */
static void begin_case(pn_text *out, int64_t end, bool last)
{
    if (!last) {
        pn_text_add(out, "if ((tile) < %" PRId64 ") ", end);
    }
    pn_text_add(out, "{ ");
}

static const pn_store *store_of(const pn_task *t, int p)
{
    return t->in[1 + p].store;
}

static void add_open(pn_text *prelude, const pn_task *t, int part)
{
    int n = t->joint ? 1 : t->n_parts;
    int64_t begin = 0;
    pn_text_add(prelude, "#define OPEN_TILE(tile, w, row, rows) ");
    for (int p = 0; p < n; p++) {
        pn_matrix m = pn_store_part(store_of(t, p), part);
        begin_case(prelude, begin + tiles_of(m.rows), p == n - 1);
        pn_text_add(prelude,
                    "w = w_open(w%d, w%d_at, %zu); row = ((tile) - %" PRId64
                    ") * 16; rows = %" PRId64 "; } %s",
                    p, p, m.rows > 0 ? store_of(t, p)->layout->scales(&m) : 0, begin, m.rows,
                    p < n - 1 ? "else " : "\n");
        begin += tiles_of(m.rows);
    }
    if (t->joint) {
        pn_matrix m = pn_store_part(store_of(t, 1), 0);
        pn_text_add(prelude, "#define JOINT\n#define OPEN_JOINT(w) w = w_open(w1, w1_at, %zu);\n",
                    store_of(t, 1)->layout->scales(&m));
    }
}

static void add_put(pn_text *prelude, const pn_task *t, int part)
{
    int n = t->joint ? 1 : t->n_parts;
    int64_t begin = 0;
    pn_text_add(prelude, "#define PUT(tile, token, row, v0, v1) ");
    for (int p = 0; p < n; p++) {
        const pn_part *stored = &store_of(t, p)->parts[part];
        int64_t rows = store_of(t, p)->matrix.rows;
        begin += tiles_of(stored->rows);
        begin_case(prelude, begin, p == n - 1);
        pn_text_add(prelude,
                    "STOREF(y%d, y%d_at + (long)(token) * %" PRId64 " + (row) + %" PRId64
                    ", EPILOGUE%d(v0, v1, (long)(token), (row) + %" PRId64 ")); } %s",
                    p, p, rows, stored->first, p, stored->first, p < n - 1 ? "else " : "\n");
    }
}

void pn_mm_prelude(pn_text *prelude, const pn_task *t, const pn_mm *mm, int part, pn_mm_norm norm)
{
    pn_mm_weights(prelude, &t->in[1].store->matrix, mm->layout);
    pn_text_add(prelude, "#define TILES %" PRId64 "\n", pn_mm_tiles(t, part));
    pn_text params = {0};
    for (int p = 0; p < t->n_parts; p++) {
        pn_text_add(&params, ", __global const uchar *w%d, const long w%d_at", p, p);
    }
    int n_params = 0;
    bool ragged = false;
    int n = t->joint ? 1 : t->n_parts;
    for (int p = 0; p < n; p++) {
        pn_text_add(&params, ", __global float *y%d, const long y%d_at", p, p);
        ragged |= mm->rows[p] % TILE != 0;
    }
    if (t->norm != NULL && norm == PN_MM_NORM_HERE) {
        add_norm(prelude, &params, &n_params, t);
    }
    for (int p = 0; p < n; p++) {
        char name[16];
        snprintf(name, sizeof name, "EPILOGUE%d", p);
        n_params += pn_pw_macro(prelude, &params, name, t->program[p], &t->out[p].view.spec,
                                mm->rows[p], n_params);
    }
    pn_text_add(prelude, "#define PART_PARAMS %s\n%s", pn_text_get(&params),
                ragged ? "#define RAGGED\n" : "");
    add_open(prelude, t, part);
    add_put(prelude, t, part);
    prelude->failed |= params.failed;
    pn_text_free(&params);
}

/* ---- arguments and kernels ---- */

int pn_mm_args(pn_emit *e, pn_kernel *k, int index, const pn_task *t, int part, pn_mm_norm norm)
{
    for (int p = 0; p < t->n_parts; p++, index += 2) {
        pn_emit_operand(e, k, index, &t->in[1 + p], part, 1);
    }
    int n = t->joint ? 1 : t->n_parts;
    for (int p = 0; p < n; p++, index += 2) {
        pn_emit_operand(e, k, index, &t->out[p], 0, sizeof(float));
    }
    if (t->norm != NULL && norm == PN_MM_NORM_HERE) {
        index = pn_pw_args(e, k, index, t->norm_program);
    }
    for (int p = 0; p < n; p++) {
        index = pn_pw_args(e, k, index, t->program[p]);
    }
    return index;
}

pencl_status pn_mm_kernel_of(
    pn_emit *e, pn_kernel **out, const pn_task *t, const pn_kernel_source *of, pn_text *prelude)
{
    char task[128];
    char label[192];
    pn_kernel_source source = *of;
    pn_task_label(t, task, sizeof task);
    snprintf(label, sizeof label, "%s/%s<%s>", task, of->name,
             t->in[1].store != NULL ? pencl_dtype_name(t->in[1].store->matrix.dtype) : "values");
    source.prelude = pn_text_get(prelude);
    source.label = label;
    pencl_status st = prelude->failed ? PN_NOMEM(pn_emit_ctx(e)) : pn_emit_kernel(e, out, &source);
    pn_text_free(prelude);
    return st;
}

pencl_status
pn_mm_kernel(pn_emit *e, pn_kernel **out, const pn_task *t, const char *file, pn_text *prelude)
{
    return pn_mm_kernel_of(e, out, t, &(pn_kernel_source){.file = file, .name = file}, prelude);
}

/* ---- activations in scratch ---- */

size_t pn_mm_pack_bytes(const pn_mm *mm, int64_t tile)
{
    return (size_t)((mm->tokens + tile - 1) / tile * tile * mm->cols) * sizeof(float);
}

void pn_mm_scratch_arg(pn_emit *e, pn_kernel *k, int index, const pn_task *t)
{
    pn_emit_scratch(e, k, index, t);
    pn_kernel_arg_i64(k, index + 1, 0);
}

/* X_AT(row, col) of token `row` and column `col`, wherever x has them. */
static void define_x(pn_text *prelude, const pn_task *t)
{
    const pn_operand *x = &t->in[0];
    const pn_spec *w = &t->in[1].view.spec;
    pn_spec tokens = x->view.spec;
    pn_spec columns = *w;
    for (int i = w->n_axes - 1; i >= 0; i--) {
        if (contracted(t->call, w->axes[i].name)) {
            pn_spec_remove(&tokens, pn_spec_find(&tokens, w->axes[i].name));
        } else {
            pn_spec_remove(&columns, i);
        }
    }
    pn_index index;
    pn_index_clear(&index, &x->view.spec);
    pn_index_flat(&index, &x->view.spec, &tokens, "row");
    pn_index_flat(&index, &x->view.spec, &columns, "col");
    pn_define_operand(prelude, "X", "row, col", x, &index);
}

pencl_status pn_mm_pack(pn_emit *e, const pn_task *t, const pn_mm *mm, int64_t tile)
{
    pn_text prelude = {0};
    pn_text params = {0};
    int n_params = 0;
    pn_text_add(&prelude, "#define COLS %" PRId64 "\n#define TILE %" PRId64 "\n", mm->cols, tile);
    define_x(&prelude, t);
    if (t->norm != NULL) {
        add_norm(&prelude, &params, &n_params, t);
    }
    prelude.failed |= params.failed;
    pn_text_free(&params);
    pn_kernel *k = NULL;
    PENCL_TRY(pn_mm_kernel(e, &k, t, "matmul_pack", &prelude));
    pn_emit_operand(e, k, 0, &t->in[0], 0, pn_dtype_of(t->in[0].view.spec.dtype)->block_bytes);
    pn_kernel_arg_u32(k, 2, (uint32_t)mm->tokens);
    pn_mm_scratch_arg(e, k, 3, t);
    if (t->norm != NULL) {
        pn_pw_args(e, k, 5, t->norm_program);
    }
    size_t tiles = (size_t)((mm->tokens + tile - 1) / tile);
    return pn_emit_launch(e, k, 1, (size_t[3]){tiles * PN_GROUP_LANES},
                          (size_t[3]){PN_GROUP_LANES});
}
