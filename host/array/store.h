/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of a variable on a device: a logical spec, a layout and one or several parts. */
#ifndef PENCL_ARRAY_STORE_H
#define PENCL_ARRAY_STORE_H

#include "array/layout.h"
#include "array/shape.h"
#include "device/device.h"

typedef struct pn_part {
    pn_buffer *buffer;
    size_t offset; /* bytes */
    size_t bytes;
    int64_t first; /* first row of this part */
    int64_t rows;
} pn_part;

/* The spec's first n_row_axes axes, merged, are the rows of the matrix, the others its columns.
 * Parts split the rows, at multiples of the layout's row_step, where a device's largest allocation
 * demands it. Counted: variables and plans share it. */
typedef struct pn_store {
    long refs;
    pencl_device *device;
    pn_spec spec;
    int n_row_axes;
    pn_matrix matrix;
    const pn_layout *layout;
    int n_parts;
    pn_part *parts;
} pn_store;

/* Allocates; content undefined. E_LIMIT when one row exceeds the device's largest allocation. */
pencl_status pn_store_new(pn_store **out,
                          pencl_device *device,
                          const pn_spec *spec,
                          int n_row_axes,
                          const pn_layout *layout);
pn_store *pn_store_ref(pn_store *store);
void pn_store_free(pn_store *store);
size_t pn_store_bytes(const pn_store *store);
/* What part i holds, as a matrix of its own: layout->bytes and ->scales apply to it. */
pn_matrix pn_store_part(const pn_store *store, int i);

/* Where pn_store_fill gets plain rows. `rows` gives the bytes of rows first .. first + n - 1 of the
 * plain matrix, from a file's map or put together in `scratch`; NULL says that they cannot be read
 * (E_IO). It is asked for runs of at most row_step rows, each row once, in no order, from several
 * threads; `done` follows each run. */
typedef struct pn_row_source {
    const void *(*rows)(void *user, int64_t first, int64_t n, void *scratch);
    void (*done)(void *user, int64_t first, int64_t n); /* may be NULL: bytes not needed again */
    void *user;
    size_t scratch_bytes; /* > 0: scratch has this size, and room for row_step plain rows */
} pn_row_source;
/* Packs straight into device memory where the host shares it; else through a few MB of staging. */
pencl_status pn_store_fill(pn_store *store, pencl_ctx *ctx, const pn_row_source *source);
/* From and to plain memory of the whole matrix. */
pencl_status pn_store_upload(pn_store *store, pencl_ctx *ctx, const void *plain);
pencl_status pn_store_download(pn_store *store, pencl_ctx *ctx, void *plain);
pencl_status pn_store_zero(pn_store *store, pencl_ctx *ctx);
/* A new store with the same content. */
pencl_status pn_store_copy(pn_store **out, const pn_store *store);
/* What is at index `at` of the outermost axis, as a store of its own in the same memory. *out is
 * NULL, without an error, where the layout does not keep those rows by themselves. */
pencl_status pn_store_index(pn_store **out, const pn_store *store, int64_t at);
/* True when both are the same memory seen alike. */
bool pn_store_same(const pn_store *a, const pn_store *b);

#endif
