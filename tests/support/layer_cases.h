/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of golden/penzai/layers.json on a device: inputs, parameters and what penzai gives. */
#ifndef PENCL_TESTS_SUPPORT_LAYER_CASES_H
#define PENCL_TESTS_SUPPORT_LAYER_CASES_H

#include "support/apply.h"
#include "support/golden.h"

typedef struct layer_cases {
    pencl_device *device;
    json_t *golden; /* json_decref when done */
} layer_cases;
layer_cases layer_cases_open(pencl_device *device);

/* A part of a case: "x" the input, "y" the output, or a parameter by its label. */
pn_spec layer_case_spec(const layer_cases *c, const char *name, const char *part);
/* In C order of that spec; free with free(). */
float *layer_case_values(const layer_cases *c, const char *name, const char *part);
pencl_array *layer_case_array(const layer_cases *c, const char *name, const char *part);
pencl_array *layer_case_ids(const layer_cases *c, const char *name, const char *part); /* int32 */
/* A parameter with its axes in this order, "blocks neurons embedding"; the first are rows. */
pencl_variable *layer_case_variable(
    const layer_cases *c, const char *name, const char *label, const char *axes, int n_row_axes);

/* Fails the test unless the call gives the case's y. Frees the layer. */
void layer_case_expect(const layer_cases *c, const char *name, const apply_call *call);
/* The same for a layer of one input. */
void layer_case_expect_of(const layer_cases *c, const char *name, pencl_layer *layer);

#endif
