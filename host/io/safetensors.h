/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader (safetensors.c) and the writer (write_safetensors.c) share. */
#ifndef PENCL_IO_SAFETENSORS_H
#define PENCL_IO_SAFETENSORS_H

#include "io/reader.h"

#define PN_SAFETENSORS_METADATA "__metadata__" /* the member of the header that is no tensor */

enum { PN_SAFETENSORS_START = 8 }; /* bytes before the header: its length, u64 */

/* Element types that pencl reads and writes. */
typedef struct pn_safetensors_type {
    const char *name; /* "BF16" */
    pencl_dtype dtype;
    size_t width; /* bytes */
} pn_safetensors_type;
/* NULL for types that the format lacks. Rows are in the order in which tensors are written. */
const pn_safetensors_type *pn_safetensors_type_of(pencl_dtype dtype);

#endif
