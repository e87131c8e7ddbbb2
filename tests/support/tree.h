/* SPDX-License-Identifier: Apache-2.0 */
/* Small layer trees and variables for tests. */
#ifndef PENCL_TESTS_SUPPORT_TREE_H
#define PENCL_TESTS_SUPPORT_TREE_H

#include "nn/nn.h"

/* A float32 array of "seq=2 embedding=3" with these values in C order; fails the test on error. */
pencl_array *tree_array(pencl_device *device, const char *spec, const float *values);
/* The same from whole numbers, as int32. */
pencl_array *tree_ids(pencl_device *device, const char *spec, const int32_t *values);
/* A parameter of noise, seeded by its label and size; the first n_row_axes axes are rows. */
pencl_variable *
tree_variable(pencl_device *device, const char *label, const char *spec, int n_row_axes);
/* What a variable holds, in C order; free it with free(). */
float *tree_values(const pencl_variable *variable);

/* A decoder: embedding 8, 2 heads of 4, 16 neurons, vocabulary 11, tied table. */
pencl_layer *tree_decoder(pencl_device *device, int n_blocks);
/* The same with grouped queries: 2 key-value heads of 4, 3 query heads each. */
pencl_layer *tree_gqa_decoder(pencl_device *device, int n_blocks);

#endif
