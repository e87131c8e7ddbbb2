/* SPDX-License-Identifier: Apache-2.0 */
/* May two rows be compared? Only where the same work was done under the same settings. */
#ifndef PENCL_TOOLS_BENCH_MATCH_H
#define PENCL_TOOLS_BENCH_MATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { WHY_ROOM = 512 };

/* In how many ways they differ that forbid to compare them, and which, such as "cache f16 and f32,
 * depth 0 and 4096"; 0: they may be compared. Fields that one of them has not are no difference:
 * llama-bench knows no device ids. `why` may be NULL. */
int rows_differ(char why[WHY_ROOM], const json_t *a, const json_t *b);
/* They are of one model and of as many tokens, whatever else differs. */
bool rows_are_near(const json_t *a, const json_t *b);
/* What else may be behind a change: [{"what", "old", "new"}] of driver, version, clock and so on.
 */
json_t *rows_noted(const json_t *was, const json_t *is);

#endif
