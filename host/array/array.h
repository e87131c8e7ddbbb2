/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a pencl_array: a view over one shared buffer. */
#ifndef PENCL_ARRAY_ARRAY_H
#define PENCL_ARRAY_ARRAY_H

#include "array/shape.h"
#include "array/store.h"
#include "pencl/array.h"

struct pencl_array {
    pencl_device *device;
    pn_buffer *buffer;
    size_t base; /* bytes from the buffer's start to element 0 of the storage */
    pn_view view;
};

/* An array over an existing buffer (counted up). */
pencl_status pn_array_wrap(pencl_array **out, pn_buffer *buffer, size_t base, const pn_view *view);

/* Host view: a pointer and strides; any dtype, read one element as float. For references and tests:
 * an element of a quantised type costs its whole block. */
typedef struct pn_host_view {
    const void *data; /* element 0 of the storage */
    pn_view view;
} pn_host_view;
float pn_host_view_at(const pn_host_view *v, const int64_t index[PENCL_MAX_AXES]);

#endif
