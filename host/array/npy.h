/* SPDX-License-Identifier: Apache-2.0 */
/* The .npy format: a header in Python's words, then plain elements. */
#ifndef PENCL_ARRAY_NPY_H
#define PENCL_ARRAY_NPY_H

#include "array/array.h"
#include "base/os.h"

#include <jansson.h>

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

/* A whole file in memory as an array with positional axes. */
pencl_status
pn_npy_read(pencl_array **out, pencl_device *device, const pn_span *file, const char *what);

/* The header (version 1, C order) of a spec of f32, f16 or i32, its names dropped. */
void pn_npy_header(pn_text *out, const pn_spec *spec);

/* An array as such a file: dtypes that NumPy lacks become float32. Freed with pn_npy_file_free. */
typedef struct pn_npy_file {
    pn_text header;
    void *data;
    size_t bytes; /* of data */
} pn_npy_file;
pencl_status pn_npy_make(pn_npy_file *out, const pencl_array *array);
void pn_npy_file_free(pn_npy_file *file);

/* ---- .npz: a zip archive of .npy files ---- */
/* Arrays by name, and the member __axes__.json: {name: {"axes": [..], "label": name, "dtype":
 * "f32"}}. Replaces the file at once or not at all. */
typedef struct pn_named_array {
    const char *name;
    const pencl_array *array;
} pn_named_array;
pencl_status pn_npz_write(pencl_ctx *ctx, const char *path, const pn_named_array *arrays, size_t n);

/* Gives every array of a file to `take`, which takes it over. Its axes are named by __axes__.json;
 * positional in files without one. Members may be compressed. */
typedef pencl_status pn_take_array(void *user, const char *name, pencl_array *array);
pencl_status pn_npz_read(pencl_device *device, const char *path, pn_take_array *take, void *user);
/* The JSON array of axis names on an array without names, which is replaced by one with them. */
pencl_status pn_name_axes(pencl_array **array, const json_t *names, const char *what);

#endif
