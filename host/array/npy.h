/* SPDX-License-Identifier: Apache-2.0 */
/* The .npy format: a header in Python's words, then plain elements. */
#ifndef PENCL_ARRAY_NPY_H
#define PENCL_ARRAY_NPY_H

#include "array/shape.h"

/* What a header says. */
typedef struct pn_npy {
    char kind; /* 'f' or 'i' */
    int width; /* bytes of an element */
    bool fortran;
    int n_axes;
    int64_t sizes[PENCL_MAX_AXES];
    size_t data; /* bytes from the file's start to the elements */
} pn_npy;

/* Reads the header of a whole file in memory, version 1 or 2: '<f4', '<f2', '<i4' or '<i8', and
 * exactly the bytes that its shape needs. E_FORMAT or E_UNSUPPORTED; `what` begins the text. */
pencl_status
pn_npy_parse(pn_npy *out, pencl_ctx *ctx, const void *bytes, size_t size, const char *what);

/* The header (version 1, C order) of a spec of f32, f16 or i32, its names dropped. */
void pn_npy_header(pn_text *out, const pn_spec *spec);

#endif
