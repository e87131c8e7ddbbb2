/* SPDX-License-Identifier: Apache-2.0 */
/* Layers called on arrays, for tests. */
#ifndef PENCL_TESTS_SUPPORT_APPLY_H
#define PENCL_TESTS_SUPPORT_APPLY_H

#include "nn/nn.h"

typedef struct apply_side {
    const char *name; /* the last has none */
    const pencl_array *array;
} apply_side;

/* A layer, its input (a tuple when there is a second or a third), and side inputs. */
typedef struct apply_call {
    pencl_layer *layer;
    const pencl_array *x;
    const pencl_array *second;
    const pencl_array *third;
    apply_side side[4];
} apply_call;

pencl_status apply_layer(pencl_array **out, pencl_device *device, const apply_call *call);
/* Fails the test unless the result has these axes ("seq=2 embedding=3", any order) and values in
 * C order of them. Frees the layer. */
void apply_expect(pencl_device *device,
                  const apply_call *call,
                  const char *spec,
                  const float *want);
/* Fails the test unless the call fails so, with these words in the text. Frees the layer. */
void apply_refuse(pencl_device *device,
                  const apply_call *call,
                  pencl_status status,
                  const char *words);

#endif
