/* SPDX-License-Identifier: Apache-2.0 */
/* Models with golden parameters as files of penzai's form. */
#ifndef PENCL_TESTS_SUPPORT_PENZAI_H
#define PENCL_TESTS_SUPPORT_PENZAI_H

#include "base/base.h"

#include <jansson.h>

/* The eight models of tests/golden/penzai by name, and an entry of their data. */
enum { PENZAI_FAMILIES = 8 };
extern const char *const penzai_families[PENZAI_FAMILIES];
json_t *penzai_golden(int i); /* json_decref when done */

/* What goes into a file; start with penzai_file_of. */
typedef struct penzai_file {
    json_t *builder; /* text; NULL: left out, as the others */
    json_t *config;
    json_t *axes;   /* label: names in the tensor's order, as the file says */
    json_t *order;  /* the same, as it is; without an entry they are sorted */
    json_t *params; /* label: {axis: size}: the tensors */
    pencl_dtype dtype;
} penzai_file;

/* From an entry of golden data (config, params), both counted up and free to be changed; the axes
 * of each tensor are in an order drawn from the seed, in sorted order for 0. */
penzai_file penzai_file_of(const json_t *golden, uint64_t seed);
void penzai_file_free(penzai_file *file);
void penzai_write(const penzai_file *file, const char *path);

/* The parameter that tests/golden/penzai/README.json defines: element k in the sorted order of its
 * axes. */
float penzai_value(const char *label, uint64_t k);

#endif
