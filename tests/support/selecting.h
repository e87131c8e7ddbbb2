/* SPDX-License-Identifier: Apache-2.0 */
/* Selections in a small decoder: a fixture on `ref`, and what such tests look at. */
#ifndef PENCL_TESTS_SUPPORT_SELECTING_H
#define PENCL_TESTS_SUPPORT_SELECTING_H

#include "nn/nn.h"
#include "support/fixture.h"

extern pencl_layer *body; /* a decoder of two blocks */

void fixture_decoder(void);
void fixture_decoder_free(void);

/* The whole of `body`, and its outermost layers of a type. */
pencl_selection *all(void);
pencl_selection *instances(const char *type);
int count_in(pencl_layer *tree, const char *type);
/* What a text selects, which must be right. */
pencl_selection *select_text(pencl_layer *tree, const char *selection);

/* The selection has these paths and no more; it is freed. */
void expect_paths(pencl_selection *s, const char *const *paths, size_t n);
#define EXPECT_PATHS(s, ...)                                                                       \
    expect_paths(s, (const char *const[]){__VA_ARGS__},                                            \
                 PN_COUNT(((const char *const[]){__VA_ARGS__})))

/* The selection has failed so; it is freed. */
void expect_failed(pencl_selection *s, pencl_status status, const char *words);

#endif
