/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the page of measurements. */
#ifndef PENCL_TOOLS_BENCH_PAGE_H
#define PENCL_TOOLS_BENCH_PAGE_H

#include "html.h"

#include <jansson.h>
#include <stdbool.h>

/* What each device could do at most, and where the rows lie under that; nothing where no row has
 * limits. Rows are named by their numbers, from 1. */
void bench_roofline(page *p, const json_t *rows);

#endif
