/* SPDX-License-Identifier: Apache-2.0 */
/* The tiny model of many element types, and what transformers says of its twelve tokens. */
#ifndef PENCL_TESTS_SUPPORT_TINY_H
#define PENCL_TESTS_SUPPORT_TINY_H

#include "support/fixture.h"

enum { N_TOKENS = 12, PAD = 298, VOCABULARY = 300 };

extern pencl_model *model; /* two blocks, 2 head groups of 2 query heads of 16 */
extern pencl_lm *lm;
extern int32_t tokens[N_TOKENS]; /* none is PAD */
extern float *want;              /* by transformers: [N_TOKENS, VOCABULARY] */

/* On the device that DEVICE suites run on. */
void fixture_tiny(void);
void fixture_tiny_close(void);

#endif
