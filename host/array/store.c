/* SPDX-License-Identifier: Apache-2.0 */
/* Stores: variables on a device, in parts, packed by all cores: straight into mapped memory where
 * host and device share it, else piece by piece through a staging buffer. */
#include "array/store.h"

#include "base/os.h"

#include <limits.h>
#include <stdatomic.h>

enum {
    CHUNK_BYTES = 1 << 18,  /* what a thread takes at a time: large against its cost */
    STAGING_BYTES = 4 << 20 /* host memory on the way to a device whose memory is apart */
};

/* ---- making ---- */

static pn_matrix matrix_of(const pn_spec *spec, int n_row_axes)
{
    pn_matrix m = {.dtype = spec->dtype, .rows = 1, .cols = 1};
    for (int i = 0; i < spec->n_axes; i++) {
        *(i < n_row_axes ? &m.rows : &m.cols) *= spec->axes[i].size;
    }
    return m;
}

pn_matrix pn_store_part(const pn_store *store, int i)
{
    pn_matrix m = store->matrix;
    m.rows = store->parts[i].rows;
    return m;
}

/* The rows of each part but the last: as many steps as one allocation holds. */
static pencl_status rows_a_part(int64_t *out, const pn_store *s)
{
    pn_matrix step = s->matrix;
    step.rows = s->layout->row_step;
    size_t step_bytes = s->layout->bytes(&step);
    uint64_t most = pn_device_largest(s->device);
    if (step_bytes > most) {
        return pn_spec_fail(pn_device_ctx(s->device), PENCL_E_LIMIT, &s->spec,
                            "%lld rows in layout %s take %zu bytes, the device allocates at most "
                            "%llu at a time",
                            (long long)step.rows, s->layout->name, step_bytes,
                            (unsigned long long)most);
    }
    uint64_t steps = step_bytes > 0 ? most / step_bytes : 1;
    uint64_t all = (uint64_t)s->matrix.rows / (uint64_t)step.rows + 1;
    *out = (int64_t)(steps < all ? steps : all) * step.rows;
    return PENCL_OK;
}

static pencl_status make_parts(pn_store *s)
{
    pencl_ctx *ctx = pn_device_ctx(s->device);
    int64_t rows = s->matrix.rows;
    int64_t step = s->layout->row_step;
    PENCL_TRY(rows_a_part(&step, s));
    int64_t n = rows > 0 ? (rows - 1) / step + 1 : 1;
    if (n > INT_MAX) {
        return pn_spec_fail(ctx, PENCL_E_LIMIT, &s->spec, "too many parts");
    }
    s->parts = pn_calloc((size_t)n, sizeof *s->parts);
    if (s->parts == NULL) {
        return PN_NOMEM(ctx);
    }
    for (s->n_parts = 0; s->n_parts < n; s->n_parts++) {
        pn_part *part = &s->parts[s->n_parts];
        part->first = s->n_parts * step;
        part->rows = rows - part->first < step ? rows - part->first : step;
        pn_matrix m = pn_store_part(s, s->n_parts);
        part->bytes = s->layout->bytes(&m);
        PENCL_TRY(pn_buffer_new(&part->buffer, s->device, part->bytes));
    }
    return PENCL_OK;
}

static pencl_status check(const pn_store *s)
{
    pencl_ctx *ctx = pn_device_ctx(s->device);
    pn_spec axes = s->spec;
    axes.dtype = PENCL_F32; /* blocks run along all columns, not along the last axis alone */
    PENCL_TRY(pn_spec_check(ctx, &axes, "variable"));
    if (s->n_row_axes < 0 || s->n_row_axes > s->spec.n_axes) {
        return pn_spec_fail(ctx, PENCL_E_ARG, &s->spec, "%d row axes", s->n_row_axes);
    }
    pn_matrix m = matrix_of(&s->spec, s->n_row_axes);
    if (!s->layout->fits(&m)) {
        return pn_spec_fail(ctx, PENCL_E_UNSUPPORTED, &s->spec,
                            "layout %s cannot hold it with %d row axes", s->layout->name,
                            s->n_row_axes);
    }
    return PENCL_OK;
}

pencl_status pn_store_new(pn_store **out,
                          pencl_device *device,
                          const pn_spec *spec,
                          int n_row_axes,
                          const pn_layout *layout)
{
    *out = NULL;
    pn_store *s = pn_calloc(1, sizeof *s);
    if (s == NULL) {
        return PN_NOMEM(pn_device_ctx(device));
    }
    s->refs = 1;
    s->device = device;
    s->spec = *spec;
    s->n_row_axes = n_row_axes;
    s->layout = layout;
    pencl_status st = check(s);
    if (st == PENCL_OK) {
        s->matrix = matrix_of(spec, n_row_axes);
        st = make_parts(s);
    }
    if (st != PENCL_OK) {
        pn_store_free(s);
        return st;
    }
    *out = s;
    return PENCL_OK;
}

pn_store *pn_store_ref(pn_store *store)
{
    if (store != NULL) {
        store->refs++;
    }
    return store;
}

void pn_store_free(pn_store *store)
{
    if (store == NULL || --store->refs > 0) {
        return;
    }
    for (int i = 0; i < store->n_parts; i++) {
        pn_buffer_free(store->parts[i].buffer);
    }
    pn_free(store->parts);
    pn_free(store);
}

size_t pn_store_bytes(const pn_store *store)
{
    size_t bytes = 0;
    for (int i = 0; i < store->n_parts; i++) {
        bytes += store->parts[i].bytes;
    }
    return bytes;
}

/* ---- transfer: one part at a time, its rows by all cores ---- */

/* The work on one part; thread i takes rows i * chunk .. of it. */
typedef struct transfer {
    const pn_layout *layout;
    pn_matrix matrix; /* of the part */
    int64_t first;    /* the part's first row in the store */
    int64_t chunk;    /* rows; a multiple of row_step */
    void *packed;     /* the part, mapped */
    atomic_int status;

    const pn_row_source *source; /* fill */
    char *plain;                 /* download: the part's first row */
} transfer;

static transfer transfer_of(const pn_store *s, int i)
{
    int64_t step = s->layout->row_step;
    size_t row = pn_matrix_row_bytes(&s->matrix);
    int64_t steps = (int64_t)(CHUNK_BYTES / ((size_t)step * (row > 0 ? row : 1)));
    return (transfer){
        .layout = s->layout,
        .matrix = pn_store_part(s, i),
        .first = s->parts[i].first,
        .chunk = (steps > 0 ? steps : 1) * step,
    };
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void fill_chunk(void *arg, size_t i)
{
    transfer *t = arg;
    const pn_row_source *source = t->source;
    int64_t step = t->layout->row_step;
    int64_t at = (int64_t)i * t->chunk;
    int64_t end = least(at + t->chunk, t->matrix.rows);
    void *scratch = NULL;
    if (source->scratch_bytes > 0) {
        size_t needed = (size_t)step * pn_matrix_row_bytes(&t->matrix);
        scratch = pn_alloc(needed > source->scratch_bytes ? needed : source->scratch_bytes);
        if (scratch == NULL) {
            atomic_store(&t->status, PENCL_E_NOMEM);
            return;
        }
    }
    for (; at < end; at += step) {
        int64_t n = least(step, end - at);
        const void *plain = source->rows(source->user, t->first + at, n, scratch);
        if (plain == NULL) {
            atomic_store(&t->status, PENCL_E_IO);
            break;
        }
        t->layout->pack(&t->matrix, plain, at, n, t->packed);
        if (source->done != NULL) {
            source->done(source->user, t->first + at, n);
        }
    }
    pn_free(scratch);
}

static void unpack_chunk(void *arg, size_t i)
{
    transfer *t = arg;
    int64_t at = (int64_t)i * t->chunk;
    int64_t n = least(t->chunk, t->matrix.rows - at);
    char *to = t->plain + (size_t)at * pn_matrix_row_bytes(&t->matrix);
    t->layout->unpack(&t->matrix, t->packed, at, n, to);
}

/* Maps part i, lets all cores work on its chunks, unmaps it. */
static pencl_status
work_on_part(pn_store *s, int i, transfer *t, pn_map_mode mode, void (*work)(void *, size_t))
{
    const pn_part *part = &s->parts[i];
    void *map = NULL;
    PENCL_TRY(pn_buffer_map(&map, part->buffer, mode));
    t->packed = (char *)map + part->offset;
    pn_parallel((size_t)((t->matrix.rows + t->chunk - 1) / t->chunk), work, t);
    return pn_buffer_unmap(part->buffer, map);
}

/* ---- filling ---- */

static pencl_status check_filled(const pn_store *s, pencl_ctx *ctx, transfer *t)
{
    if (atomic_load(&t->status) == PENCL_E_NOMEM) {
        return PN_NOMEM(ctx);
    }
    return atomic_load(&t->status) == PENCL_OK
               ? PENCL_OK
               : pn_spec_fail(ctx, PENCL_E_IO, &s->spec, "its rows cannot be read");
}

/* Bytes of the first rows of part i in front of its scales, and of their scales. */
static void bytes_of_first(const pn_store *s, int i, int64_t rows, size_t *data, size_t *scales)
{
    pn_matrix m = pn_store_part(s, i);
    m.rows = rows;
    const size_t all = s->layout->bytes(&m);
    const size_t at = s->layout->scales(&m);
    *data = at > 0 ? at : all;
    *scales = at > 0 ? all - at : 0;
}

/* Rows first .. first + n - 1 of part i, packed as a matrix of their own, to where they belong. */
static pencl_status write_piece(pn_store *s, int i, int64_t first, const transfer *t)
{
    const pn_part *part = &s->parts[i];
    const pn_matrix whole = pn_store_part(s, i);
    const char *from = t->packed;
    size_t data[2];
    size_t scales[2];
    bytes_of_first(s, i, first, &data[0], &scales[0]);
    bytes_of_first(s, i, t->matrix.rows, &data[1], &scales[1]);
    PENCL_TRY(pn_buffer_write(part->buffer, part->offset + data[0], from, data[1]));
    return pn_buffer_write(part->buffer, part->offset + s->layout->scales(&whole) + scales[0],
                           from + data[1], scales[1]);
}

/* Through `staging`, so many rows at a time. */
static pencl_status
fill_staged(pn_store *s, pencl_ctx *ctx, const pn_row_source *source, void *staging, int64_t rows)
{
    for (int i = 0; i < s->n_parts; i++) {
        const int64_t end = s->parts[i].rows;
        for (int64_t first = 0; first < end; first += rows) {
            transfer t = transfer_of(s, i);
            t.source = source;
            t.packed = staging;
            t.first += first;
            t.matrix.rows = least(rows, end - first);
            pn_parallel((size_t)((t.matrix.rows + t.chunk - 1) / t.chunk), fill_chunk, &t);
            PENCL_TRY(check_filled(s, ctx, &t));
            PENCL_TRY(write_piece(s, i, first, &t));
        }
    }
    return PENCL_OK;
}

static pencl_status fill_apart(pn_store *s, pencl_ctx *ctx, const pn_row_source *source)
{
    pn_matrix m = s->matrix;
    m.rows = s->layout->row_step;
    const size_t step = s->layout->bytes(&m);
    const size_t steps = step > 0 && STAGING_BYTES > step ? STAGING_BYTES / step : 1;
    void *staging = pn_alloc(steps * step + 1);
    if (staging == NULL) {
        return PN_NOMEM(ctx);
    }
    pencl_status st = fill_staged(s, ctx, source, staging, (int64_t)steps * m.rows);
    pn_free(staging);
    return st;
}

pencl_status pn_store_fill(pn_store *store, pencl_ctx *ctx, const pn_row_source *source)
{
    if (pn_device_rehearses(store->device)) {
        return PENCL_OK;
    }
    if (!pn_device_caps(store->device)->unified) {
        return fill_apart(store, ctx, source);
    }
    for (int i = 0; i < store->n_parts; i++) {
        transfer t = transfer_of(store, i);
        t.source = source;
        PENCL_TRY(work_on_part(store, i, &t, PN_MAP_WRITE, fill_chunk));
        PENCL_TRY(check_filled(store, ctx, &t));
    }
    return PENCL_OK;
}

/* A whole plain matrix in memory as a source. */
typedef struct plain_rows {
    const char *data;
    size_t row;
} plain_rows;

static const void *rows_of_plain(void *user, int64_t first, int64_t n, void *scratch)
{
    (void)n;
    (void)scratch;
    const plain_rows *p = user;
    return p->data + (size_t)first * p->row;
}

pencl_status pn_store_upload(pn_store *store, pencl_ctx *ctx, const void *plain)
{
    plain_rows all = {plain, pn_matrix_row_bytes(&store->matrix)};
    const pn_row_source source = {.rows = rows_of_plain, .user = &all};
    return pn_store_fill(store, ctx, &source);
}

pencl_status pn_store_download(pn_store *store, pencl_ctx *ctx, void *plain)
{
    (void)ctx; /* what can fail is the device's, and recorded on its context */
    for (int i = 0; i < store->n_parts; i++) {
        transfer t = transfer_of(store, i);
        t.plain = (char *)plain + (size_t)t.first * pn_matrix_row_bytes(&store->matrix);
        PENCL_TRY(work_on_part(store, i, &t, PN_MAP_READ, unpack_chunk));
    }
    return PENCL_OK;
}

pencl_status pn_store_zero(pn_store *store, pencl_ctx *ctx)
{
    (void)ctx;
    for (int i = 0; i < store->n_parts; i++) {
        PENCL_TRY(pn_buffer_fill(store->parts[i].buffer, store->parts[i].offset,
                                 store->parts[i].bytes, 0));
    }
    return PENCL_OK;
}

/* ---- the same content, the same memory ---- */

pencl_status pn_store_copy(pn_store **out, const pn_store *store)
{
    pn_store *copy = NULL;
    *out = NULL;
    PENCL_TRY(pn_store_new(&copy, store->device, &store->spec, store->n_row_axes, store->layout));
    pencl_status st = PENCL_OK;
    for (int i = 0; i < store->n_parts && st == PENCL_OK; i++) {
        const pn_part *from = &store->parts[i];
        const pn_part *to = &copy->parts[i];
        st = pn_buffer_copy(to->buffer, to->offset, from->buffer, from->offset, from->bytes);
    }
    if (st != PENCL_OK) {
        pn_store_free(copy);
        return st;
    }
    *out = copy;
    return PENCL_OK;
}

/* The matrix at one index of the outermost axis; false where it does not lie by itself. */
static bool matrix_at_index(pn_matrix *out, const pn_store *s)
{
    int64_t n = s->spec.n_axes > 0 ? s->spec.axes[0].size : 0;
    *out = s->matrix;
    if (n == 0 || s->layout->scales(&s->matrix) != 0) {
        return false;
    }
    if (s->n_row_axes > 0) {
        out->rows /= n;
        return out->rows % s->layout->row_step == 0;
    }
    out->cols /= n;
    return s->layout == &pn_layout_plain && s->n_parts == 1 && pn_matrix_row_bytes(out) > 0;
}

/* Bytes of so many rows of the store: whole steps, without scales. */
static size_t bytes_of_rows(const pn_store *s, int64_t rows)
{
    pn_matrix m = s->matrix;
    m.rows = rows;
    return s->layout->bytes(&m);
}

/* What rows first .. first + out->matrix.rows - 1 take of each part of the whole. */
static void share_rows(pn_store *out, const pn_store *whole, int64_t first)
{
    int64_t end = first + out->matrix.rows;
    for (int i = 0; i < whole->n_parts; i++) {
        const pn_part *from = &whole->parts[i];
        int64_t begin = from->first > first ? from->first : first;
        int64_t rows = least(from->first + from->rows, end) - begin;
        if (rows > 0 || (out->matrix.rows == 0 && out->n_parts == 0)) {
            out->parts[out->n_parts++] =
                (pn_part){.buffer = pn_buffer_ref(from->buffer),
                          .offset = from->offset + bytes_of_rows(whole, begin - from->first),
                          .bytes = bytes_of_rows(whole, rows),
                          .first = begin - first,
                          .rows = rows};
        }
    }
}

pencl_status pn_store_index(pn_store **out, const pn_store *store, int64_t at)
{
    pn_matrix matrix;
    *out = NULL;
    if (!matrix_at_index(&matrix, store) || at < 0 || at >= store->spec.axes[0].size) {
        return PENCL_OK;
    }
    pn_store *s = pn_calloc(1, sizeof *s);
    pn_part *parts = pn_calloc((size_t)store->n_parts, sizeof *parts);
    if (s == NULL || parts == NULL) {
        pn_free(s);
        pn_free(parts);
        return PN_NOMEM(pn_device_ctx(store->device));
    }
    *s = (pn_store){.refs = 1,
                    .device = store->device,
                    .spec = store->spec,
                    .n_row_axes = store->n_row_axes > 0 ? store->n_row_axes - 1 : 0,
                    .matrix = matrix,
                    .layout = store->layout,
                    .parts = parts};
    pn_spec_remove(&s->spec, 0);
    if (store->n_row_axes > 0) {
        share_rows(s, store, at * matrix.rows);
    } else { /* a piece of the one row */
        size_t bytes = store->layout->bytes(&matrix);
        s->n_parts = 1;
        parts[0] = (pn_part){.buffer = pn_buffer_ref(store->parts[0].buffer),
                             .offset = store->parts[0].offset + (size_t)at * bytes,
                             .bytes = bytes,
                             .rows = matrix.rows};
    }
    *out = s;
    return PENCL_OK;
}

bool pn_store_same(const pn_store *a, const pn_store *b)
{
    return a == b ||
           (a->n_parts == 1 && b->n_parts == 1 && a->layout == b->layout &&
            a->parts[0].buffer == b->parts[0].buffer && a->parts[0].offset == b->parts[0].offset &&
            a->n_row_axes == b->n_row_axes && pn_spec_equal(&a->spec, &b->spec));
}
