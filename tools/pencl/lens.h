/* SPDX-License-Identifier: Apache-2.0 */
/* How a logit lens is shown. Functions return an exit status, after a message when it is not
 * EXIT_DONE; `ids` are the tokens of the text. */
#ifndef PENCL_TOOLS_LENS_H
#define PENCL_TOOLS_LENS_H

#include "work.h"

/* A grid of likeliest tokens, layers by as many last tokens as the terminal has room for; then the
 * likeliest after the last token. */
void lens_print(const work *w, const pencl_lens *lens, const int32_t *ids);
int lens_json(const work *w, const pencl_lens *lens, const int32_t *ids);
int lens_page(const work *w, const pencl_lens *lens, const int32_t *ids, const char *path);

#endif
