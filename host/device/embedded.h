/* SPDX-License-Identifier: Apache-2.0 */
/* The files of cl/ as the build embeds them; the last row has no name. */
#ifndef PENCL_DEVICE_EMBEDDED_H
#define PENCL_DEVICE_EMBEDDED_H

#include <stddef.h>

typedef struct pn_embedded {
    const char *name; /* "cl/matmul_wide.cl" */
    const char *text; /* NUL-terminated */
    size_t size;
} pn_embedded;

extern const pn_embedded pn_embedded_files[];

#endif
