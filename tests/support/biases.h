/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest trees with variables: biases of two numbers, in the context and on the device of
 * support/fixture.h. */
#ifndef PENCL_TESTS_SUPPORT_BIASES_H
#define PENCL_TESTS_SUPPORT_BIASES_H

#include "nn/nn.h"

/* A variable [2] of two numbers. */
pencl_variable *pair(pencl_variable_kind kind, const char *label, float a, float b);
pencl_variable *parameter(const char *label, float a, float b);
void expect_pair(const pencl_variable *v, float a, float b);
void set_pair(pencl_variable *v, float a, float b);

/* A Sequential of AddBias layers over variables, which are taken over. */
pencl_layer *biases(pencl_variable *const *variables, int n);
#define BIASES(...)                                                                                \
    biases((pencl_variable *[]){__VA_ARGS__}, (int)PN_COUNT(((pencl_variable *[]){__VA_ARGS__})))

/* Everything mutable taken out; the tree is freed. */
pencl_layer *unbind(pencl_layer *tree, pencl_variable ***variables, int *n);

#endif
